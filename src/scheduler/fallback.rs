//! Where else a request may be served when its own place makes it wait too long, or has failed it.
//!
//! A fallback is another base URL, key or model, with limits, pauses and a breaker of its own. `state` asks when a
//! request comes, when its lane is held back, and when its attempts have ended in vain. Everything here is a function of
//! its arguments. What refers to something that one server keeps is never served elsewhere, and vectors only by the same
//! model: those of another could not be compared.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, HeaderName};
use memchr::memmem;

use super::retry::{self, Trouble};
use crate::codec::object::pick;
use crate::transport::{Call, Content, FailureKind};

/// Another place, as the scheduler knows it. The transport has its address under the same number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Whose limits apply there: a hash of base URL, key, organization and project.
    pub identity: u64,
    /// The model to ask for there; `None`: the request's own.
    pub model: Option<Arc<str>>,
    /// It takes the client's rotating tokens.
    pub rotating: bool,
}

/// How many there can be: a request keeps those that it may still go to in one byte.
pub const MOST: usize = 8;

/// The fallbacks that a request may go to, one bit for each.
pub fn open_to(call: &Call, fallbacks: &[Fallback]) -> u8 {
    if fallbacks.is_empty() || !is_stateless(call) {
        return 0;
    }
    let mut open = 0;
    for (index, fallback) in fallbacks.iter().enumerate().take(MOST) {
        let fits = match (&fallback.model, &call.model) {
            (None, _) => true,
            (Some(other), Some(own)) => other == own || &*call.path != "/embeddings",
            (Some(_), None) => false,
        };
        open |= u8::from(fits) << index;
    }
    open
}

/// The operations whose answer depends on nothing but the request.
const STATELESS: [&str; 7] = [
    "/chat/completions",
    "/completions",
    "/embeddings",
    "/moderations",
    "/responses",
    "/images/generations",
    "/audio/speech",
];

/// Keys of a body, at any depth, whose values name something that one server keeps.
const KEPT: [&[u8]; 6] = [
    b"\"encrypted_content\"",
    b"\"file_id\"",
    b"\"file_ids\"",
    b"\"vector_store_ids\"",
    b"\"container\"",
    b"\"item_reference\"",
];

/// Members of a body of the Responses API that do.
const OF_RESPONSES: [&str; 4] = [
    "previous_response_id",
    "conversation",
    "prompt",
    "background",
];

/// Whether any server could answer the call as well. Where a text only looks as if it named a kept thing, it stays.
fn is_stateless(call: &Call) -> bool {
    let Content::Bytes(body) = &call.body else {
        return false;
    };
    // What came with the request may be meant for its own server, such as a key.
    let harmless = |name: &HeaderName| name == "idempotency-key" || *name == ACCEPT;
    if !call.query.is_empty() || !call.headers.iter().all(|(name, _)| harmless(name)) {
        return false;
    }
    if call.method != Method::POST || !STATELESS.contains(&&*call.path) {
        return false;
    }
    if KEPT.iter().any(|key| memmem::find(body, key).is_some()) || names_earlier_audio(body) {
        return false;
    }
    if &*call.path != "/responses" {
        return true;
    }
    let members = std::str::from_utf8(body)
        .ok()
        .and_then(|body| pick(body, OF_RESPONSES));
    members.is_some_and(|members| {
        let absent =
            |member: &Option<&str>| member.is_none_or(|json| json == "null" || json == "false");
        members.iter().all(absent)
    })
}

/// Whether a chat goes on from a spoken answer: `"audio": {"id": ...}`.
fn names_earlier_audio(body: &[u8]) -> bool {
    let key = b"\"audio\"";
    memmem::find_iter(body, key).any(|at| {
        let mut rest = body[at + key.len()..].trim_ascii_start();
        for mark in [b':', b'{'] {
            match rest.split_first() {
                Some((first, behind)) if *first == mark => rest = behind.trim_ascii_start(),
                _ => return false,
            }
        }
        rest.starts_with(b"\"id\"")
    })
}

/// Where to go when the wait at the present place is `here`: the first with a wait of at most `enough`, else the one with
/// the shortest, if that is shorter. `None`: stay.
pub fn choose(
    here: Duration,
    enough: Duration,
    places: impl Iterator<Item = (u8, Duration)>,
) -> Option<u8> {
    if here <= enough {
        return None;
    }
    let mut best: Option<(u8, Duration)> = None;
    for (place, wait) in places {
        if wait <= enough {
            return Some(place);
        }
        if wait < best.map_or(here, |(_, wait)| wait) {
            best = Some((place, wait));
        }
    }
    best.map(|(place, _)| place)
}

/// Whether a failure that ended a request's attempts at one place says nothing of another.
pub fn is_of_the_place(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::Answer {
            http_status,
            message,
            ..
        } => match http_status {
            // An account that is used up is one of many, a request that is too large is not.
            429 => !retry::is_too_large(message),
            408 | 500.. => true,
            _ => false,
        },
        Trouble::NoAnswer { kind, .. } => !matches!(
            kind,
            FailureKind::TooLarge | FailureKind::Redirect | FailureKind::Unsendable(_)
        ),
        Trouble::Final => false,
    }
}

/// The body with another model, everything else to the letter; `None` if it names none.
pub fn with_model(body: &Bytes, model: &str) -> Option<Bytes> {
    let text = std::str::from_utf8(body).ok()?;
    let own = pick(text, ["model"])?[0]?;
    let start = own.as_ptr() as usize - text.as_ptr() as usize;
    let name = serde_json::to_string(model).ok()?;
    let mut made = Vec::with_capacity(text.len() - own.len() + name.len());
    made.extend_from_slice(&text.as_bytes()[..start]);
    made.extend_from_slice(name.as_bytes());
    made.extend_from_slice(&text.as_bytes()[start + own.len()..]);
    Some(made.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(path: &str, model: Option<&str>, body: &'static str) -> Call {
        Call {
            model: model.map(Into::into),
            ..Call::post(path, body)
        }
    }

    fn fallback(model: Option<&str>) -> Fallback {
        Fallback {
            identity: 1,
            model: model.map(Into::into),
            rotating: false,
        }
    }

    #[test]
    fn what_depends_on_a_server_stays_there() {
        for (path, body, stateless) in [
            ("/chat/completions", r#"{"model":"m","messages":[]}"#, true),
            (
                "/embeddings",
                r#"{"model":"m","input":"the file_id is 7"}"#,
                true,
            ),
            ("/completions", r#"{"model":"m","prompt":"a prompt"}"#, true),
            ("/responses", r#"{"model":"m","input":"a"}"#, true),
            (
                "/responses",
                r#"{"model":"m","previous_response_id":null,"background":false}"#,
                true,
            ),
            (
                "/images/generations",
                r#"{"model":"m","prompt":"a boat"}"#,
                true,
            ),
            (
                "/responses",
                r#"{"model":"m","previous_response_id":"resp_1"}"#,
                false,
            ),
            (
                "/responses",
                r#"{"model":"m","conversation":"conv_1"}"#,
                false,
            ),
            (
                "/responses",
                r#"{"model":"m","prompt":{"id":"pmpt_1"}}"#,
                false,
            ),
            ("/responses", r#"{"model":"m","background":true}"#, false),
            (
                "/responses",
                r#"{"model":"m","tools":[{"vector_store_ids":["vs_1"]}]}"#,
                false,
            ),
            (
                "/responses",
                r#"{"model":"m","tools":[{"container":{"type":"auto"}}]}"#,
                false,
            ),
            ("/responses", "no JSON", false),
            (
                "/chat/completions",
                r#"{"messages":[{"content":[{"file":{"file_id":"f"}}]}]}"#,
                false,
            ),
            ("/chat/completions", r#"{"audio":{"voice":"alloy"}}"#, true),
            (
                "/chat/completions",
                r#"{"messages":[{"audio" : {"id":"audio_1"}}]}"#,
                false,
            ),
            (
                "/responses",
                r#"{"input":[{"encrypted_content":"x"}]}"#,
                false,
            ),
            ("/threads/runs", r#"{"model":"m"}"#, false),
            ("/files", "{}", false),
            ("/batches", r#"{"input_file_id":"f"}"#, false),
            ("/fine_tuning/jobs", r#"{"model":"m"}"#, false),
            ("/vector_stores", "{}", false),
            ("/uploads", "{}", false),
        ] {
            let open = open_to(&call(path, Some("m"), body), &[fallback(None)]);
            assert_eq!(open == 1, stateless, "{path} {body}");
        }
        let mut own = call("/completions", Some("m"), "{}");
        own.headers = Box::new([(HeaderName::from_static("cookie"), "a".parse().unwrap())]);
        assert_eq!(open_to(&own, &[fallback(None)]), 0);
        own.headers = Box::new([(ACCEPT, "a".parse().unwrap())]);
        assert_eq!(open_to(&own, &[fallback(None)]), 1);
        own.query = Box::new([("a".into(), "b".into())]);
        assert_eq!(open_to(&own, &[fallback(None)]), 0);
        let mut get = call("/responses", None, "");
        get.method = Method::GET;
        assert_eq!(open_to(&get, &[fallback(None)]), 0);
    }

    #[test]
    fn vectors_come_only_from_the_same_model() {
        let all = [fallback(Some("n")), fallback(None), fallback(Some("m"))];
        assert_eq!(open_to(&call("/embeddings", Some("m"), "{}"), &all), 0b110);
        assert_eq!(
            open_to(&call("/chat/completions", Some("m"), "{}"), &all),
            0b111
        );
        assert_eq!(open_to(&call("/chat/completions", None, "{}"), &all), 0b010);
    }

    #[test]
    fn a_failure_is_of_the_place_unless_it_is_of_the_request() {
        let answer = |http_status, message: &str| Trouble::Answer {
            http_status,
            codes: [None, None],
            message: message.to_owned(),
            should_retry: None,
            requested: None,
        };
        for (trouble, of_the_place) in [
            (answer(429, "slow down"), true),
            (answer(429, "Request too large for m"), false),
            (answer(408, ""), true),
            (answer(500, ""), true),
            (answer(503, ""), true),
            (answer(400, ""), false),
            (answer(401, ""), false),
            (answer(403, ""), false),
            (answer(404, ""), false),
            (answer(409, ""), false),
            (answer(422, ""), false),
            (Trouble::Final, false),
        ] {
            assert_eq!(is_of_the_place(&trouble), of_the_place, "{trouble:?}");
        }
        for (kind, of_the_place) in [
            (FailureKind::Connect, true),
            (FailureKind::Certificate, true),
            (FailureKind::Timeout, true),
            (FailureKind::Idle, true),
            (FailureKind::Lost, true),
            (FailureKind::Protocol, true),
            (FailureKind::TooLarge, false),
            (FailureKind::Redirect, false),
            (FailureKind::Unsendable(0), false),
        ] {
            let trouble = Trouble::NoAnswer { kind, sent: false };
            assert_eq!(is_of_the_place(&trouble), of_the_place, "{trouble:?}");
        }
    }

    #[test]
    fn the_first_that_is_quick_enough_is_chosen_or_the_quickest() {
        let secs = Duration::from_secs;
        for (here, places, chosen) in [
            (2, vec![0, 0], None),
            (3, vec![], None),
            (3, vec![2, 0], Some(1)),
            (9, vec![5, 1], Some(2)),
            (9, vec![5, 4, 7], Some(2)),
            (9, vec![9, 12], None),
        ] {
            let waits = places.iter().enumerate();
            let waits = waits.map(|(i, wait)| (i as u8 + 1, secs(*wait)));
            assert_eq!(
                choose(secs(here), secs(2), waits),
                chosen,
                "{here} {places:?}"
            );
        }
    }

    #[test]
    fn the_model_is_replaced_and_nothing_else() {
        let model = |body: &'static str| {
            let made = with_model(&Bytes::from_static(body.as_bytes()), "n\"1")?;
            Some(String::from_utf8(made.to_vec()).unwrap())
        };
        assert_eq!(
            model(r#"{ "a" : {"model":"x"}, "model" : "m" ,"b":1.50}"#).as_deref(),
            Some(r#"{ "a" : {"model":"x"}, "model" : "n\"1" ,"b":1.50}"#)
        );
        assert_eq!(model(r#"{"a":1}"#), None);
        assert_eq!(model("nothing"), None);
    }
}
