//! The table is whole: names, variables, defaults, setters and the example file agree, and each value is checked.

use std::collections::HashSet;

use serde_json::json;

use super::super::settings::Settings;
use super::{Class, Input, Kind, OPTIONS, Value, find};

const EXAMPLE: &str = include_str!("../../../.env.example");
const SETTERS: &str = include_str!("../../ffi/set.rs");

#[test]
fn names_are_unique_and_the_own_variable_comes_first() {
    let mut names = HashSet::new();
    let mut variables = HashSet::new();
    for option in OPTIONS {
        let name = option.name();
        assert!(names.insert(name), "{name} twice");
        assert_eq!(option.env[0], format!("OAI_{}", name.to_uppercase()));
        for variable in option.env {
            assert!(variables.insert(variable), "{variable} twice");
        }
        assert!(!option.doc.is_empty(), "{name}");
    }
}

#[test]
fn the_default_of_the_table_is_the_default_of_the_settings() {
    for option in OPTIONS {
        let name = option.name();
        let default = option.default.to_str().unwrap();
        let mut settings = Settings::default();
        let shown = option.show(&settings);
        if default.is_empty() {
            let nothing = [json!(null), json!({}), json!([])].contains(&shown);
            assert!(nothing, "{name} has a default that the table does not tell");
            continue;
        }
        option.apply(&mut settings, &Input::Text(default)).unwrap();
        assert_eq!(option.show(&settings), shown, "{name}");
        option.reset(&mut settings);
        assert_eq!(settings, Settings::default(), "{name}");
    }
}

#[test]
fn reset_and_same_cover_every_field_of_the_settings() {
    for (changed, set) in one_change_each() {
        let mut settings = Settings::default();
        set(&mut settings);
        for option in OPTIONS {
            let same = option.same(&settings, &Settings::default());
            assert_eq!(
                same,
                option.name() != changed,
                "{} after {changed}",
                option.name()
            );
        }
        find(changed).unwrap().reset(&mut settings);
        assert_eq!(settings, Settings::default(), "{changed}");
    }
}

/// For each row a text that changes it.
fn one_change_each() -> Vec<(&'static str, impl Fn(&mut Settings))> {
    let text = |name: &str| match name {
        "api_key" | "admin_api_key" | "webhook_secret" => "key",
        "base_url" | "azure_endpoint" => "http://localhost:1",
        "custom_headers" => "A: b",
        "default_query" => "a=b",
        "backoff_factor" => "3",
        "retry_jitter" => "0.5",
        "retry_unsafe" => "on",
        "http_version" => "2",
        "callback_thread" => "worker",
        "queue_full" => "wait",
        "learn_limits" => "off",
        "limits" => r#"{"m": {"burst": 1}}"#,
        "limit_groups" => r#"{"m": "g"}"#,
        "fallbacks" => r#"[{"model": "m"}]"#,
        "tls_roots" => "bundled",
        "ca_pem" => "-----BEGIN CERTIFICATE-----",
        "proxy" | "https_proxy" | "http_proxy" => "http://localhost:2",
        _ => "7",
    };
    OPTIONS
        .iter()
        .map(|option| {
            let text = text(option.name());
            let set = move |settings: &mut Settings| {
                option.apply(settings, &Input::Text(text)).unwrap();
            };
            (option.name(), set)
        })
        .collect()
}

#[test]
fn the_example_file_names_every_variable() {
    let words: HashSet<&str> = EXAMPLE
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .collect();
    for option in OPTIONS {
        let missing = option.env.iter().find(|name| !words.contains(**name));
        assert_eq!(missing, None, ".env.example does not name it");
    }
}

#[test]
fn the_example_file_shows_the_defaults() {
    for line in EXAMPLE.lines() {
        let assignment = line
            .strip_prefix("# ")
            .and_then(|line| line.split_once('='));
        let Some((variable, value)) = assignment else {
            continue;
        };
        if variable.contains(|c: char| !(c.is_ascii_uppercase() || c == '_')) {
            continue;
        }
        let option = OPTIONS.iter().find(|option| option.env.contains(&variable));
        let option = option.unwrap_or_else(|| panic!("{variable} is no option"));
        assert_eq!(value, option.default.to_str().unwrap(), "{variable}");
    }
}

#[test]
fn every_option_has_its_setter_with_its_type() {
    let mut setters = 0;
    for option in OPTIONS
        .iter()
        .filter(|option| option.class != Class::Creation)
    {
        let name = option.name();
        let head = format!("pub unsafe extern \"C\" fn oai_set_{name}(");
        let (_, rest) = SETTERS
            .split_once(&head)
            .unwrap_or_else(|| panic!("no oai_set_{name}"));
        let (function, _) = rest.split_once("\n}").unwrap();
        let (kind, call) = match option.kind {
            Kind::U32 { .. } => (": u32", "Value::U32("),
            Kind::U64 { .. } => (": u64", "Value::U64("),
            Kind::F64 { .. } => (": f64", "Value::F64("),
            Kind::Flag { .. } | Kind::Choice { .. } => (": i32", "Value::I32("),
            Kind::Text { .. } | Kind::Pairs { .. } | Kind::Json { .. } => {
                (": *const c_char", "set_text(")
            }
        };
        let named = function.contains(&format!("\"{name}\""));
        assert!(
            named && function.contains(kind) && function.contains(call),
            "{function}"
        );
        setters += 1;
    }
    assert_eq!(SETTERS.matches("#[unsafe(no_mangle)]").count(), setters);
}

#[test]
fn the_constants_of_the_choices_are_the_numbers_of_the_table() {
    for (constant, option, name) in [
        ("OAI_HTTP_VERSION_AUTO", "http_version", "auto"),
        ("OAI_HTTP_VERSION_1_1", "http_version", "1.1"),
        ("OAI_HTTP_VERSION_2", "http_version", "2"),
        ("OAI_TLS_ROOTS_AUTO", "tls_roots", "auto"),
        ("OAI_TLS_ROOTS_SYSTEM", "tls_roots", "system"),
        ("OAI_TLS_ROOTS_BUNDLED", "tls_roots", "bundled"),
        ("OAI_TLS_ROOTS_BOTH", "tls_roots", "both"),
        (
            "OAI_CALLBACK_ON_DISPATCHER",
            "callback_thread",
            "dispatcher",
        ),
        ("OAI_CALLBACK_ON_WORKER", "callback_thread", "worker"),
        ("OAI_QUEUE_FULL_REJECT", "queue_full", "reject"),
        ("OAI_QUEUE_FULL_WAIT", "queue_full", "wait"),
    ] {
        let Kind::Choice { names, .. } = find(option).unwrap().kind else {
            panic!("{option} is no choice");
        };
        let number = names.iter().position(|known| *known == name).unwrap();
        assert!(
            SETTERS.contains(&format!("pub const {constant}: i32 = {number};")),
            "{constant}"
        );
    }
}

/// Applies `input` to fresh settings and gives what is shown then, or the complaint.
fn outcome(name: &str, input: &Input<'_>) -> Result<serde_json::Value, String> {
    let option = find(name).unwrap();
    let mut settings = Settings::default();
    let result = option.apply(&mut settings, input);
    if result.is_err() {
        assert_eq!(
            settings,
            Settings::default(),
            "{name}: a refused value left a trace"
        );
    }
    result.map_err(|complaint| complaint.into_owned())?;
    Ok(option.show(&settings))
}

#[test]
fn texts_that_are_taken() {
    for (name, text, shown) in [
        ("max_retries", " 3 ", json!(3)),
        ("timeout_ms", "31536000000", json!(31_536_000_000_u64)),
        ("backoff_factor", "1.5", json!(1.5)),
        ("retry_jitter", "0", json!(0.0)),
        ("retry_unsafe", "TRUE", json!(true)),
        ("retry_unsafe", "no", json!(false)),
        ("http_version", "Auto", json!("auto")),
        (
            "base_url",
            "HTTPS://API.Example.com:443/v1//",
            json!("https://api.example.com/v1"),
        ),
        ("base_url", "http://[::1]:8080", json!("http://[::1]:8080")),
        (
            "azure_endpoint",
            "https://NAME.openai.azure.com/openai/",
            json!("https://name.openai.azure.com"),
        ),
        (
            "azure_endpoint",
            "https://name.openai.azure.com/openai/v1/",
            json!("https://name.openai.azure.com/openai/v1"),
        ),
        ("azure_endpoint", "", json!(null)),
        ("azure_api_version", "2024-10-21", json!("2024-10-21")),
        (
            "custom_headers",
            "\nX-A: b: c\r\nAuthorization:Bearer t\n",
            json!({"X-A": "***", "Authorization": "***"}),
        ),
        (
            "default_query",
            "?api-version=1&x=a%20b",
            json!({"api-version": "***", "x": "***"}),
        ),
        (
            "default_query",
            "{\"a\": \"b\", \"n\": 1}",
            json!({"a": "***", "n": "***"}),
        ),
        ("proxy", "proxy:3128", json!("http://proxy:3128/")),
        (
            "proxy",
            "socks5://user:secret@proxy:1",
            json!("socks5://***@proxy:1"),
        ),
        ("proxy", "", json!("")),
        ("organization", "", json!(null)),
        ("api_key", "with space", json!("***")),
    ] {
        assert_eq!(
            outcome(name, &Input::Text(text)),
            Ok(shown),
            "{name}={text}"
        );
    }
}

#[test]
fn texts_that_are_refused_with_advice_and_never_repeated() {
    for (name, text, advice) in [
        ("max_retries", "101", "is 101 but must be from 0 to 100"),
        ("max_retries", "-1", "is -1 but must be from 0 to 100"),
        (
            "max_retries",
            "many",
            "must be a whole number from 0 to 100",
        ),
        ("max_retries", "1.5", "must be a whole number from 0 to 100"),
        (
            "max_concurrent_requests",
            "0",
            "is 0 but must be from 1 to 100000",
        ),
        (
            "queue_size",
            "99999999999999",
            "is 99999999999999 but must be from 0 to 10000000",
        ),
        (
            "timeout_ms",
            "31536000001",
            "is 31536000001 but must be from 0 to 31536000000",
        ),
        (
            "backoff_factor",
            "0.5",
            "is 0.5 but must be from 1.0 to 100.0",
        ),
        (
            "backoff_factor",
            "inf",
            "is inf but must be from 1.0 to 100.0",
        ),
        ("retry_jitter", "NaN", "is NaN but must be from 0.0 to 1.0"),
        ("retry_unsafe", "maybe", "must be on or off"),
        ("http_version", "3", "must be one of: auto, 1.1, 2"),
        (
            "base_url",
            "api.openai.com/v1",
            "must start with http:// or https://",
        ),
        (
            "base_url",
            "ftp://host",
            "must start with http:// or https://",
        ),
        ("base_url", "", "must start with http:// or https://"),
        ("base_url", "https://", "is not a URL"),
        ("base_url", "https://host:99999", "is not a URL"),
        ("base_url", "https://u:marker@host", "user name or password"),
        ("base_url", "https://host/v1?marker=1", "default_query"),
        ("base_url", "https://host/v1#marker", "fragment"),
        ("base_url", "https://ho\nst", "control character"),
        (
            "azure_endpoint",
            "https://h/openai/deployments/marker",
            "without /openai/deployments",
        ),
        ("azure_endpoint", "marker", "must start with"),
        ("azure_api_version", "marker ", "must be ASCII"),
        ("azure_ad_token", "mar ker\n", "white space"),
        ("api_key", "", "is empty"),
        ("api_key", " \t ", "is empty"),
        (
            "api_key",
            " marker",
            "white space or a line break before or after",
        ),
        (
            "api_key",
            "marker\n",
            "white space or a line break before or after",
        ),
        ("api_key", "mar\nker", "control character inside"),
        ("api_key", "mar\0ker", "control character inside"),
        ("api_key", "markér", "outside ASCII"),
        ("webhook_secret", "", "is empty"),
        ("webhook_secret", "whsec_", "is empty"),
        ("webhook_secret", "whsec_marker*", "not base64"),
        ("organization", "org marker ", "must be ASCII"),
        ("custom_headers", "marker", "Name: value"),
        ("custom_headers", "mar ker: x", "header name"),
        ("custom_headers", "marker: a\0", "control character inside"),
        (
            "custom_headers",
            "content-LENGTH: 5",
            "belongs to the connection",
        ),
        ("default_query", "=marker", "without a name"),
        ("default_query", "{\"marker\"", "JSON object"),
        ("default_query", "{\"marker\": []}", "object of strings"),
        ("proxy", "ftp://marker", "socks5://"),
        ("proxy", "http://", "socks5://"),
        ("no_proxy", "a\nmarker", "control character"),
        ("ca_file", "marker\0", "control character"),
        ("ca_pem", "/marker/ca.pem", "-----BEGIN CERTIFICATE-----"),
        (
            "ca_pem",
            "-----BEGIN CERTIFICATE-----\0marker",
            "control character",
        ),
        (
            "tls_roots",
            "marker",
            "must be one of: auto, system, bundled, both",
        ),
    ] {
        let complaint = outcome(name, &Input::Text(text)).unwrap_err();
        assert!(complaint.contains(advice), "{name}={text:?}: {complaint}");
        assert!(!complaint.contains("marker"), "{name}: {complaint}");
    }
}

#[test]
fn json_of_another_type_is_refused() {
    for (name, json, advice) in [
        ("max_retries", json!("3"), "whole number"),
        ("max_retries", json!(3.5), "whole number"),
        ("max_retries", json!(-3), "is -3 but"),
        ("timeout_ms", json!(true), "whole number"),
        ("backoff_factor", json!("2"), "must be a number"),
        ("retry_unsafe", json!(1), "true or false"),
        ("http_version", json!(2), "must be one of"),
        ("api_key", json!(5), "must be a string"),
        ("base_url", json!({}), "must be a string"),
        ("custom_headers", json!(["a"]), "string or an object"),
        ("custom_headers", json!({"A": null}), "string or an object"),
        (
            "custom_headers",
            json!({"A": "b\r\nC: marker"}),
            "control character inside",
        ),
    ] {
        let complaint = outcome(name, &Input::Json(&json)).unwrap_err();
        assert!(complaint.contains(advice), "{name}={json}: {complaint}");
        assert!(!complaint.contains("marker"), "{complaint}");
    }
}

#[test]
fn setters_check_numbers_of_flags_and_choices() {
    for (name, value, advice) in [
        ("retry_unsafe", Value::I32(2), "is 2 but must be 0 or 1"),
        (
            "http_version",
            Value::I32(3),
            "is 3 but must be from 0 to 2",
        ),
        (
            "callback_thread",
            Value::I32(-1),
            "is -1 but must be from 0 to 1",
        ),
        ("backoff_factor", Value::F64(f64::NAN), "is NaN"),
        ("max_retries", Value::Str(Some("3")), "whole number"),
        ("api_key", Value::U32(3), "must be a string"),
    ] {
        let complaint = outcome(name, &Input::Value(value)).unwrap_err();
        assert!(complaint.contains(advice), "{name}: {complaint}");
    }
}

#[test]
fn the_attempt_timeout_holds_for_embeddings_once_it_is_set() {
    use std::time::Duration;
    let mut settings = Settings::default();
    let option = find("attempt_timeout_ms").unwrap();
    let both = |s: &Settings| (s.attempt_timeout, s.quick_attempt_timeout);
    let (long, quick) = (Duration::from_secs(600), Duration::from_secs(60));
    assert_eq!(both(&settings), (Some(long), Some(quick)));
    option.apply(&mut settings, &Input::Text("600000")).unwrap();
    assert_eq!(both(&settings), (Some(long), Some(long)));
    option.apply(&mut settings, &Input::Text("0")).unwrap();
    assert_eq!(both(&settings), (None, None));
    option
        .apply(&mut settings, &Input::Json(&json!(null)))
        .unwrap();
    assert_eq!(both(&settings), (Some(long), Some(quick)));
}
