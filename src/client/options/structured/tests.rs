//! Each JSON option takes what it should, shows it, and refuses the rest with the place and without the value.

use super::super::super::settings::Settings;
use super::super::{Input, Value, find};
use super::*;

/// What is shown after setting `text` by a setter, which JSON and variables must agree with, or the complaint.
fn outcome(name: &str, text: &str) -> Result<Json, String> {
    let option = find(name).unwrap();
    let as_string = json!(text);
    let parsed: Option<Json> = serde_json::from_str(text).ok();
    let mut inputs = vec![
        Input::Value(Value::Str(Some(text))),
        Input::Text(text),
        Input::Json(&as_string),
    ];
    // A null of its own puts the default back; a string would be read as the option's text.
    inputs.extend(
        parsed
            .as_ref()
            .filter(|json| !json.is_null() && !json.is_string())
            .map(Input::Json),
    );
    let outcomes: Vec<_> = inputs
        .iter()
        .map(|input| {
            let mut settings = Settings::default();
            let result = option.apply(&mut settings, input);
            if result.is_err() {
                assert_eq!(settings, Settings::default(), "{name} {text}: left a trace");
            }
            assert!(!format!("{settings:?}").contains("marker"), "{settings:?}");
            result.map_err(|complaint| complaint.into_owned())?;
            Ok(option.show(&settings))
        })
        .collect();
    assert!(
        outcomes.iter().all(|one| *one == outcomes[0]),
        "{outcomes:?}"
    );
    outcomes.into_iter().next().unwrap()
}

#[test]
fn what_is_taken_is_shown() {
    for (name, text, shown) in [
        (
            "limits",
            r#"{"gpt-4o": {"requests_per_minute": 500, "tokens_per_minute": 30000, "burst": 50}}"#,
            json!({"gpt-4o": {"requests_per_minute": 500, "tokens_per_minute": 30000, "burst": 50}}),
        ),
        (
            "limits",
            r#" {"a": {}, "b/c d": {"burst": null, "tokens_per_minute": 1000000000000}} "#,
            json!({
                "a": {"requests_per_minute": 0, "tokens_per_minute": 0, "burst": 0},
                "b/c d": {"requests_per_minute": 0, "tokens_per_minute": 1_000_000_000_000_u64, "burst": 0},
            }),
        ),
        ("limits", "{}", json!({})),
        ("limits", " \n", json!({})),
        (
            "limit_groups",
            r#"{"gpt-4o": "chat", "my-alias": "chat"}"#,
            json!({"gpt-4o": "chat", "my-alias": "chat"}),
        ),
        ("limit_groups", "", json!({})),
    ] {
        assert_eq!(outcome(name, text), Ok(shown), "{name} {text}");
    }
}

#[test]
fn the_values_reach_the_settings() {
    let mut settings = Settings::default();
    for (name, text) in [
        (
            "limits",
            r#"{"m": {"requests_per_minute": 1, "tokens_per_minute": 2, "burst": 3}}"#,
        ),
        ("limit_groups", r#"{"m": "g"}"#),
    ] {
        let option = find(name).unwrap();
        option.apply(&mut settings, &Input::Text(text)).unwrap();
    }
    let limits = ModelLimits {
        requests_per_minute: 1,
        tokens_per_minute: 2,
        burst: 3,
    };
    assert_eq!(settings.limits, [("m".to_owned(), limits)]);
    assert_eq!(settings.limit_groups, [("m".to_owned(), "g".to_owned())]);
}

#[test]
fn what_is_refused_is_named_and_not_repeated() {
    for (name, text, complaint) in [
        (
            "limits",
            r#"{"gpt-4o": {"requests_per_minute": -1}}"#,
            "of gpt-4o: requests_per_minute is -1 but must be from 0 to 1000000000000",
        ),
        (
            "limits",
            r#"{"a": {}, "ft:gpt-4o:org::x": {"burst": 1000000000001}}"#,
            "of ft:gpt-4o:org::x: burst is 1000000000001 but must be from 0 to 1000000000000",
        ),
        (
            "limits",
            r#"{"gpt-4o": {"tokens_per_minute": "marker"}}"#,
            "of gpt-4o: tokens_per_minute must be a whole number from 0 to 1000000000000",
        ),
        (
            "limits",
            r#"{"gpt-4o": {"rpm": 1}}"#,
            "of gpt-4o: rpm is no member: there are requests_per_minute, tokens_per_minute and burst",
        ),
        (
            "limits",
            r#"{"gpt-4o": {"sk-marker": 1}}"#,
            "of gpt-4o: has an unknown member: there are requests_per_minute, tokens_per_minute and burst",
        ),
        (
            "limits",
            r#"{"gpt-4o": 500}"#,
            "of gpt-4o: must be an object with requests_per_minute, tokens_per_minute and burst, each optional",
        ),
        (
            "limits",
            r#"{"sk-marker": 500}"#,
            "of a model: must be an object with requests_per_minute, tokens_per_minute and burst, each optional",
        ),
        (
            "limits",
            r#"{"": {}}"#,
            "of a model: its name must not be empty, nor have white space around it or a control character in it",
        ),
        (
            "limits",
            r#"["marker"]"#,
            r#"must be an object such as {"gpt-4o": {"requests_per_minute": 500}}, or its text"#,
        ),
        (
            "limits",
            "{\"marker\": {\n marker",
            "is not valid JSON: see line 2, column 2 of its text",
        ),
        (
            "limit_groups",
            r#"{"gpt-4o": ["marker"]}"#,
            "of gpt-4o: the group must be a string",
        ),
        (
            "limit_groups",
            r#"{"gpt-4o": " marker"}"#,
            "of gpt-4o: the group must not be empty, nor have white space around it or a control character in it",
        ),
        (
            "limit_groups",
            r#"[["gpt-4o", "marker"]]"#,
            r#"must be an object such as {"gpt-4o": "group", "my-alias": "group"}, or its text"#,
        ),
    ] {
        assert_eq!(
            outcome(name, text),
            Err(complaint.to_owned()),
            "{name} {text}"
        );
    }
    let limits = find("limits").unwrap();
    let number = Input::Value(Value::U64(5));
    assert!(limits.apply(&mut Settings::default(), &number).is_err());
}
