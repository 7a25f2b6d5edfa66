//! Finds out where a list goes on behind one of its pages.
//!
//! `client` asks it with the body of each page. It knows the forms that the API has (`last_id`, `next_page`, `next`) and
//! takes only what it needs; the items stay as they came.

use serde_json::value::RawValue;

use super::object::{pick, text};
use crate::error::{Error, Result};
use crate::status;

/// A place in a list: the query parameter that asks for the page behind it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    pub parameter: &'static str,
    pub value: String,
}

/// Where the list goes on behind the page `body`; `None` if that was the last one, or no page of a list at all.
pub fn next(body: &[u8]) -> Result<Option<Cursor>> {
    let keys = ["has_more", "next_page", "next", "last_id", "data"];
    let [more, next_page, next, last_id, data] = std::str::from_utf8(body)
        .ok()
        .and_then(|body| pick(body, keys))
        .ok_or_else(|| decode("the answer is no page of a list: it is not a JSON object"))?;
    if more == Some("false") {
        return Ok(None);
    }
    let cursor = |parameter, json: Option<&str>| {
        let value = json.and_then(text).filter(|value| !value.is_empty())?;
        Some(Cursor { parameter, value })
    };
    if let Some(cursor) = cursor("page", next_page).or_else(|| cursor("after", next)) {
        return Ok(Some(cursor));
    }
    // Without has_more, as in the list of models, it is the whole list.
    if more != Some("true") {
        return Ok(None);
    }
    if let Some(cursor) = cursor("after", last_id) {
        return Ok(Some(cursor));
    }
    let items: Vec<&RawValue> = data
        .and_then(|data| serde_json::from_str(data).ok())
        .unwrap_or_default();
    // Some lists leave last_id out. Behind an empty page there is nothing to go on from.
    let Some(last) = items.last() else {
        return Ok(None);
    };
    let id = pick(last.get(), ["id"]).and_then(|[id]| id);
    cursor("after", id).map(Some).ok_or_else(|| {
        decode(
            "the page says has_more, but nothing in it says where the list goes on: no next_page, no next, no last_id, \
             and no id of the last item",
        )
    })
}

fn decode(message: &'static str) -> Error {
    Error::new(status::DECODE, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_list_says_where_it_goes_on() {
        for (body, expected) in [
            // Most lists.
            (
                r#"{"object":"list","data":[{"id":"a"}],"first_id":"a","last_id":"z","has_more":true}"#,
                Some(("after", "z")),
            ),
            (
                r#"{"data":[{"id":"a"}],"last_id":"a","has_more":false}"#,
                None,
            ),
            (r#"{"data":[],"last_id":null,"has_more":false}"#, None),
            // Fine-tuning jobs.
            (
                r#"{"object":"list","data":[{"id":"a"},{"x":[1],"id":"b\u00e9"}],"has_more":true}"#,
                Some(("after", "bé")),
            ),
            // Usage and costs.
            (
                r#"{"object":"page","data":[],"has_more":true,"next_page":"page_AA"}"#,
                Some(("page", "page_AA")),
            ),
            (r#"{"data":[{}],"has_more":false,"next_page":null}"#, None),
            (r#"{"data":[{}],"next_page":"p"}"#, Some(("page", "p"))),
            // Groups and roles.
            (
                r#"{"data":[{"id":"a"}],"has_more":true,"next":"c"}"#,
                Some(("after", "c")),
            ),
            (r#"{"data":[{"id":"a"}],"has_more":false,"next":"c"}"#, None),
            // Models: no paging.
            (r#"{"object":"list","data":[{"id":"a"}]}"#, None),
            (r#"{"data":[{"id":"a"}],"last_id":"a"}"#, None),
            // A filter may leave a page empty that is not the last.
            (
                r#"{"data":[],"last_id":"m","has_more":true}"#,
                Some(("after", "m")),
            ),
            (r#"{"data":[],"last_id":null,"has_more":true}"#, None),
            (r#"{"data":[],"last_id":"","has_more":true}"#, None),
            ("{}", None),
            (r#"{"data":7,"has_more":null}"#, None),
        ] {
            let expected = expected.map(|(parameter, value)| Cursor {
                parameter,
                value: value.to_owned(),
            });
            assert_eq!(next(body.as_bytes()), Ok(expected), "{body}");
        }
    }

    #[test]
    fn what_cannot_be_followed_is_an_error_and_never_a_silent_end() {
        for (body, says) in [
            ("", "not a JSON object"),
            ("[1]", "not a JSON object"),
            ("<html>", "not a JSON object"),
            (r#"{"data":[{"id":"a"}"#, "not a JSON object"),
            (
                r#"{"data":[{"name":"a"}],"has_more":true}"#,
                "nothing in it says",
            ),
            (
                r#"{"data":[{"id":7}],"has_more":true,"last_id":null}"#,
                "nothing in it says",
            ),
            (r#"{"data":["a"],"has_more":true}"#, "nothing in it says"),
        ] {
            let error = next(body.as_bytes()).unwrap_err();
            assert_eq!(error.status, status::DECODE, "{body}");
            assert!(error.message.contains(says), "{body}: {}", error.message);
        }
        assert!(next(b"{\"a\":\"\xff\"}").is_err());
    }
}
