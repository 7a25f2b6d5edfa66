//! What stands in the option `fallbacks`: other places for requests, as a JSON array of objects.
//!
//! The row of the table calls this with parsed JSON. A complaint reads on after the option's name and says which entry
//! and member is wrong. It never repeats a value: it may be a key.

use serde_json::{Value as Json, json};

use super::super::secret::Secret;
use super::super::settings::FallbackPlace;
use super::{Complaint, check};
use crate::scheduler::MOST_FALLBACKS;

const MEMBERS: &str = "base_url, api_key, organization, project and model";

/// The places.
pub fn fallbacks(json: &Json) -> Result<Vec<FallbackPlace>, Complaint> {
    let Json::Array(entries) = json else {
        return Err(
            r#"must be an array such as [{"api_key": "sk-..."}, {"base_url": "https://...", "model": "m"}], or its text"#
                .into(),
        );
    };
    if entries.len() > MOST_FALLBACKS {
        return Err(format!("may have {MOST_FALLBACKS} entries at most").into());
    }
    let numbered = entries.iter().enumerate();
    numbered
        .map(|(index, entry)| {
            place(entry).map_err(|complaint| format!("entry {}: {complaint}", index + 1).into())
        })
        .collect()
}

fn place(json: &Json) -> Result<FallbackPlace, Complaint> {
    let Json::Object(members) = json else {
        return Err(format!("must be an object with {MEMBERS}, each optional").into());
    };
    let mut place = FallbackPlace::default();
    for (member, value) in members {
        let text = match value {
            Json::Null => continue,
            Json::String(text) => text,
            _ => return Err(format!("{} must be a string", known(member)?).into()),
        };
        let in_member = |complaint| format!("{member} {complaint}");
        match member.as_str() {
            "base_url" => place.base_url = Some(check::base_url(text).map_err(in_member)?),
            "api_key" => place.api_key = Some(Secret::new(check::key(text).map_err(in_member)?)),
            "organization" => place.organization = Some(check::identity(text).map_err(in_member)?),
            "project" => place.project = Some(check::identity(text).map_err(in_member)?),
            "model" if !text.is_empty() => {
                place.model = Some(check::plain(text).map_err(in_member)?);
            }
            "model" => return Err("model must not be empty".into()),
            _ => known(member).map(drop)?,
        }
    }
    if place == FallbackPlace::default() {
        return Err(format!("must have one at least of {MEMBERS}").into());
    }
    Ok(place)
}

/// The member, if there is one of that name.
fn known(member: &str) -> Result<&str, Complaint> {
    match member {
        "base_url" | "api_key" | "organization" | "project" | "model" => Ok(member),
        _ => Err(super::structured::unknown(member, MEMBERS)),
    }
}

/// The form that [`fallbacks`] takes, with keys masked.
pub fn show_fallbacks(places: &[FallbackPlace]) -> Json {
    let shown = places.iter().map(|place| {
        json!({
            "base_url": place.base_url,
            "api_key": place.api_key.as_ref().map(Secret::masked),
            "organization": place.organization,
            "project": place.project,
            "model": place.model,
        })
    });
    Json::Array(shown.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_taken_and_shown_with_their_keys_masked() {
        let given = json!([
            {"api_key": "sk-one-0123456789"},
            {"base_url": "http://127.0.0.1:1/v1/", "model": "m", "organization": null},
        ]);
        let places = fallbacks(&given).unwrap();
        assert_eq!(
            places[0].api_key.as_ref().unwrap().expose(),
            "sk-one-0123456789"
        );
        assert_eq!(places[1].base_url.as_deref(), Some("http://127.0.0.1:1/v1"));
        assert_eq!(places[1].model.as_deref(), Some("m"));
        let shown = show_fallbacks(&places).to_string();
        assert!(!shown.contains("0123456789"), "{shown}");
        assert!(!format!("{places:?}").contains("0123456789"));
    }

    #[test]
    fn complaints_name_the_entry_and_the_member_and_no_value() {
        for (given, parts) in [
            (json!({}), vec!["must be an array"]),
            (json!([3]), vec!["entry 1", "must be an object"]),
            (json!([{}]), vec!["entry 1", "one at least"]),
            (
                json!([{"model": "m"}, {"key": "sk-x"}]),
                vec!["entry 2", "key is no member", "api_key"],
            ),
            (
                json!([{"base_url": "ftp://x"}]),
                vec!["base_url must start with http"],
            ),
            (json!([{"api_key": "sk x\n"}]), vec!["api_key has"]),
            (json!([{"api_key": 7}]), vec!["api_key must be a string"]),
            (json!([{"model": ""}]), vec!["model must not be empty"]),
            (
                json!(vec![json!({"model": "m"}); 9]),
                vec!["8 entries at most"],
            ),
        ] {
            let complaint = fallbacks(&given).unwrap_err();
            for part in parts {
                assert!(complaint.contains(part), "{given}: {complaint}");
            }
            assert!(
                !complaint.contains("sk-x") && !complaint.contains("sk x"),
                "{complaint}"
            );
        }
    }
}
