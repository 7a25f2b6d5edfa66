//! Precedence, routes, all or nothing, and that no key is ever shown.

mod azure;
mod guard;

use serde_json::json;

use super::super::dotenv::tests::Folder;
use super::*;

const KEY: &str = "sk-proj-MARKER0123456789abcdefghij";
const PEM: &str = "-----BEGIN CERTIFICATE-----";

/// A process with these variables and no working directory.
pub(super) fn process(vars: &[(&str, &str)]) -> Environment {
    environment(vars, None)
}

pub(super) fn environment(vars: &[(&str, &str)], folder: Option<&Folder>) -> Environment {
    let vars = vars.iter().map(|(name, value)| (name.into(), value.into()));
    Environment::new(vars, folder.map(|folder| folder.path().to_owned()), false)
}

pub(super) fn load(json: Json, environment: &Environment) -> Result<(Config, Vec<Notice>)> {
    Config::load(Some(json.to_string().as_bytes()), environment)
}

/// What `to_json` tells of an option.
pub(super) fn told(config: &Config, name: &str) -> Json {
    let all: Json = serde_json::from_str(&config.to_json()).unwrap();
    all[name].clone()
}

#[test]
fn each_source_gives_way_to_the_higher_ones() {
    let folder = Folder::new();
    let path = folder.write(
        ".env",
        "OPENAI_ORG_ID=file-known\nOAI_ORGANIZATION=file-own\nOPENAI_PROJECT_ID=file\n",
    );
    let path = path.to_str().unwrap();
    let process = [
        ("OPENAI_ORG_ID", "known"),
        ("OPENAI_ORGANIZATION", "known-2"),
        ("OAI_ORGANIZATION", "own"),
        ("OAI_PROJECT", ""),
    ];
    let file = |name: &'static str, line| Source::Dotenv {
        name,
        path: path.into(),
        line,
    };
    for (json, vars, in_folder, value, source) in [
        (
            json!({"organization": "explicit"}),
            0..3,
            true,
            Some("explicit"),
            Source::Explicit,
        ),
        (
            json!({"organization": null}),
            0..3,
            true,
            None,
            Source::Default,
        ),
        (
            json!({"organization": ""}),
            0..3,
            true,
            None,
            Source::Explicit,
        ),
        (
            json!({}),
            0..3,
            true,
            Some("own"),
            Source::Env("OAI_ORGANIZATION"),
        ),
        (
            json!({}),
            0..2,
            true,
            Some("known"),
            Source::Env("OPENAI_ORG_ID"),
        ),
        (
            json!({}),
            1..2,
            true,
            Some("known-2"),
            Source::Env("OPENAI_ORGANIZATION"),
        ),
        (
            json!({}),
            0..0,
            true,
            Some("file-own"),
            file("OAI_ORGANIZATION", 2),
        ),
        (json!({}), 0..0, false, None, Source::Default),
    ] {
        let environment = environment(&process[vars], in_folder.then_some(&folder));
        let (config, _) = load(json, &environment).unwrap();
        assert_eq!(config.settings.organization.as_deref(), value, "{source}");
        assert_eq!(*config.source("organization"), source);
    }
    // An empty variable counts as unset.
    let (config, _) = load(json!({}), &environment(&process, Some(&folder))).unwrap();
    assert_eq!(*config.source("project"), file("OPENAI_PROJECT_ID", 3));
    assert_eq!(
        told(&config, "project"),
        json!({"value": "file", "source": "dotenv", "variable": "OPENAI_PROJECT_ID", "path": path, "line": 3})
    );
    assert_eq!(
        told(&config, "dotenv"),
        json!({"value": path, "source": "default"})
    );
}

/// For each option that can change: a value as a setter, JSON and a variable give it, and how it is shown.
fn samples() -> Vec<(&'static str, Value<'static>, Json, &'static str, Json)> {
    vec![
        (
            "api_key",
            Value::Str(Some(KEY)),
            json!(KEY),
            KEY,
            json!("sk-…ghij"),
        ),
        (
            "admin_api_key",
            Value::Str(Some("k")),
            json!("k"),
            "k",
            json!("***"),
        ),
        (
            "base_url",
            Value::Str(Some("http://a/")),
            json!("http://a"),
            "http://a",
            json!("http://a"),
        ),
        (
            "organization",
            Value::Str(Some("o")),
            json!("o"),
            "o",
            json!("o"),
        ),
        (
            "project",
            Value::Str(Some("p")),
            json!("p"),
            "p",
            json!("p"),
        ),
        (
            "custom_headers",
            Value::Str(Some("A: b")),
            json!({"A": "b"}),
            "A: b",
            json!({"A": "***"}),
        ),
        (
            "default_query",
            Value::Str(Some("a=b")),
            json!({"a": "b"}),
            "a=b",
            json!({"a": "***"}),
        ),
        (
            "max_concurrent_requests",
            Value::U32(7),
            json!(7),
            "7",
            json!(7),
        ),
        ("queue_size", Value::U32(7), json!(7), "7", json!(7)),
        (
            "queue_full",
            Value::I32(1),
            json!("wait"),
            "wait",
            json!("wait"),
        ),
        ("max_retries", Value::U32(7), json!(7), "7", json!(7)),
        (
            "initial_retry_delay_ms",
            Value::U64(7),
            json!(7),
            "7",
            json!(7),
        ),
        (
            "backoff_factor",
            Value::F64(1.5),
            json!(1.5),
            "1.5",
            json!(1.5),
        ),
        ("max_retry_delay_ms", Value::U64(7), json!(7), "7", json!(7)),
        (
            "retry_jitter",
            Value::F64(0.5),
            json!(0.5),
            "0.5",
            json!(0.5),
        ),
        ("max_retry_after_ms", Value::U64(7), json!(7), "7", json!(7)),
        (
            "retry_unsafe",
            Value::I32(1),
            json!(true),
            "on",
            json!(true),
        ),
        (
            "circuit_breaker_failures",
            Value::U32(7),
            json!(7),
            "7",
            json!(7),
        ),
        (
            "circuit_breaker_reset_ms",
            Value::U64(7),
            json!(7),
            "7",
            json!(7),
        ),
        ("attempt_timeout_ms", Value::U64(7), json!(7), "7", json!(7)),
        ("timeout_ms", Value::U64(7), json!(7), "7", json!(7)),
        ("connect_timeout_ms", Value::U64(7), json!(7), "7", json!(7)),
        ("idle_timeout_ms", Value::U64(7), json!(7), "7", json!(7)),
        ("ageing_ms", Value::U64(7), json!(7), "7", json!(7)),
        (
            "requests_per_minute",
            Value::U64(7),
            json!(7),
            "7",
            json!(7),
        ),
        ("tokens_per_minute", Value::U64(7), json!(7), "7", json!(7)),
        ("burst", Value::U64(7), json!(7), "7", json!(7)),
        (
            "limits",
            Value::Str(Some(r#"{"m": {"burst": 7}}"#)),
            json!({"m": {"burst": 7}}),
            r#"{"m": {"burst": 7}}"#,
            json!({"m": {"requests_per_minute": 0, "tokens_per_minute": 0, "burst": 7}}),
        ),
        (
            "limit_groups",
            Value::Str(Some(r#"{"m": "g"}"#)),
            json!({"m": "g"}),
            r#"{"m": "g"}"#,
            json!({"m": "g"}),
        ),
        (
            "fallbacks",
            Value::Str(Some(r#"[{"model": "m"}]"#)),
            json!([{"model": "m"}]),
            r#"[{"model": "m"}]"#,
            json!([{"base_url": null, "api_key": null, "organization": null, "project": null, "model": "m"}]),
        ),
        ("fallback_after_ms", Value::U64(7), json!(7), "7", json!(7)),
        (
            "learn_limits",
            Value::I32(0),
            json!(false),
            "off",
            json!(false),
        ),
        ("max_response_bytes", Value::U64(7), json!(7), "7", json!(7)),
        ("max_redirects", Value::U32(7), json!(7), "7", json!(7)),
        (
            "stream_buffer_events",
            Value::U32(7),
            json!(7),
            "7",
            json!(7),
        ),
        (
            "webhook_secret",
            Value::Str(Some("whsec_AAAA")),
            json!("whsec_AAAA"),
            "whsec_AAAA",
            json!("***"),
        ),
        (
            "proxy",
            Value::Str(Some("p:1")),
            json!("p:1"),
            "p:1",
            json!("http://p:1/"),
        ),
        (
            "https_proxy",
            Value::Str(Some("p:1")),
            json!("p:1"),
            "p:1",
            json!("http://p:1/"),
        ),
        (
            "http_proxy",
            Value::Str(Some("p:1")),
            json!("p:1"),
            "p:1",
            json!("http://p:1/"),
        ),
        (
            "azure_endpoint",
            Value::Str(Some("http://a/openai")),
            json!("http://a"),
            "http://a",
            json!("http://a"),
        ),
        (
            "azure_api_version",
            Value::Str(Some("2024-10-21")),
            json!("2024-10-21"),
            "2024-10-21",
            json!("2024-10-21"),
        ),
        (
            "azure_api_key",
            Value::Str(Some("k")),
            json!("k"),
            "k",
            json!("***"),
        ),
        (
            "azure_ad_token",
            Value::Str(Some("t")),
            json!("t"),
            "t",
            json!("***"),
        ),
        (
            "no_proxy",
            Value::Str(Some("a,b")),
            json!("a,b"),
            "a,b",
            json!("a,b"),
        ),
        (
            "ca_file",
            Value::Str(Some("/a")),
            json!("/a"),
            "/a",
            json!("/a"),
        ),
        ("ca_pem", Value::Str(Some(PEM)), json!(PEM), PEM, json!(PEM)),
        (
            "tls_roots",
            Value::I32(3),
            json!("both"),
            "both",
            json!("both"),
        ),
        ("http_version", Value::I32(2), json!("2"), "2", json!("2")),
        ("pool_idle_ms", Value::U64(7), json!(7), "7", json!(7)),
        (
            "callback_thread",
            Value::I32(1),
            json!("worker"),
            "worker",
            json!("worker"),
        ),
    ]
}

#[test]
fn every_option_can_be_set_by_every_route() {
    let changeable = OPTIONS
        .iter()
        .filter(|option| option.class != Class::Creation);
    let mut missing: Vec<&str> = changeable.map(Opt::name).collect();
    for (name, value, json, text, shown) in samples() {
        missing.retain(|other| *other != name);
        let explicit = json!({"value": shown, "source": "explicit"});
        let nowhere = process(&[]);
        let (mut config, _) = load(json!({}), &nowhere).unwrap();
        assert_eq!(told(&config, name)["source"], "default", "{name}");
        let default = config.settings.clone();
        config.set(name, value, false).unwrap();
        assert_eq!(told(&config, name), explicit, "{name} by setter");
        config
            .configure_json(json!({name: null}).to_string().as_bytes(), false)
            .unwrap();
        assert_eq!(config.settings, default, "{name} by null");
        config
            .configure_json(json!({name: json}).to_string().as_bytes(), false)
            .unwrap();
        assert_eq!(told(&config, name), explicit, "{name} by JSON");
        let (config, _) = load(json!({name: json}), &nowhere).unwrap();
        assert_eq!(told(&config, name), explicit, "{name} in oai_client_new");
        let option = find(name).unwrap();
        for variable in option.env {
            let (config, _) = Config::load(None, &process(&[(variable, text)])).unwrap();
            let expected = json!({"value": shown, "source": "environment", "variable": variable});
            assert_eq!(told(&config, name), expected);
            let folder = Folder::new();
            folder.write(".env", format!("{variable}='{text}'"));
            let (config, _) = Config::load(None, &environment(&[], Some(&folder))).unwrap();
            let told = told(&config, name);
            assert_eq!(
                (&told["value"], &told["variable"]),
                (&shown, &json!(variable))
            );
        }
    }
    assert!(missing.is_empty(), "no sample of {missing:?}");
}

#[test]
fn a_text_of_null_puts_the_default_back() {
    let vars = [
        ("OAI_BASE_URL", "http://localhost:1"),
        ("OPENAI_API_KEY", "k"),
    ];
    let (mut config, _) = Config::load(None, &process(&vars)).unwrap();
    for name in ["base_url", "api_key"] {
        config.set(name, Value::Str(None), false).unwrap();
        assert_eq!(*config.source(name), Source::Default);
    }
    assert_eq!(config.settings, Settings::default());
}

#[test]
fn json_is_taken_whole_or_not_at_all() {
    let (mut config, _) = load(json!({"queue_size": 3}), &process(&[])).unwrap();
    let before = config.to_json();
    for (json, status, advice) in [
        (
            r#"{"max_retries": 1, "queue_size": -1}"#,
            status::CONFIG,
            "queue_size is -1 but",
        ),
        (
            r#"{"max_retries": 1, "queue_sice": 1}"#,
            status::UNKNOWN_OPTION,
            "did you mean queue_size?",
        ),
        (
            r#"{"max_retries": 1, "timeout": 1}"#,
            status::UNKNOWN_OPTION,
            "did you mean timeout_ms?",
        ),
        (
            r#"{"max_retries": 1, "zzzzz": 1}"#,
            status::UNKNOWN_OPTION,
            "unknown option zzzzz",
        ),
        (
            r#"{"max_retries": 1, "sk-MARKER": 1}"#,
            status::UNKNOWN_OPTION,
            "unknown option",
        ),
        (
            r#"{"max_retries": 1, "dotenv": false}"#,
            status::STATE,
            "oai_client_new",
        ),
        ("{\"max_retries\": 1,\n \"MARKER", status::CONFIG, "line 2"),
        ("[\"MARKER\"]", status::CONFIG, "must be a JSON object"),
        ("", status::CONFIG, "not valid JSON"),
        (
            "{\"api_key\": \"MARKER\\n\"}",
            status::CONFIG,
            "api_key has white space",
        ),
    ] {
        let error = config.configure_json(json.as_bytes(), false).unwrap_err();
        assert_eq!(error.status, status, "{json}: {error}");
        assert!(error.message.contains(advice), "{json}: {error}");
        assert!(!format!("{error:?}").contains("MARKER"), "{error:?}");
        assert_eq!(config.to_json(), before);
    }
}

#[test]
fn transport_options_are_fixed_by_the_first_request() {
    let (mut config, _) = load(json!({"max_redirects": 2}), &process(&[])).unwrap();
    let before = config.to_json();
    let error = config
        .set("max_redirects", Value::U32(3), true)
        .unwrap_err();
    assert_eq!(error.status, status::STATE);
    assert!(
        error
            .message
            .contains("max_redirects can only change before"),
        "{error}"
    );
    let json = br#"{"max_retries": 1, "base_url": "http://localhost:1"}"#;
    assert_eq!(
        config.configure_json(json, true).unwrap_err().status,
        status::STATE
    );
    assert_eq!(config.to_json(), before);
    // The value that is in force is no change.
    config
        .configure_json(br#"{"max_redirects": 2, "max_retries": 1}"#, true)
        .unwrap();
    config.set("api_key", Value::Str(Some(KEY)), true).unwrap();
    assert_eq!(config.settings.max_retries, 1);
}

#[test]
fn a_wrong_variable_is_an_error_that_says_where_it_stands() {
    let folder = Folder::new();
    let path = folder.write(".env", "\nOAI_MAX_RETRIES=101\nOPENAI_API_KEY=' MARKER'\n");
    let path = path.display();
    let file = environment(&[], Some(&folder));
    for (json, environment, message) in [
        (
            json!({}),
            &file,
            format!("api_key (OPENAI_API_KEY in line 3 of {path}) has white space"),
        ),
        (
            json!({"api_key": "k"}),
            &file,
            format!(
                "max_retries (OAI_MAX_RETRIES in line 2 of {path}) is 101 but must be from 0 to 100"
            ),
        ),
        (
            json!({}),
            &process(&[("OPENAI_BASE_URL", "MARKER/v1")]),
            "base_url (environment variable OPENAI_BASE_URL) must start with http:// or https://, \
             such as https://api.openai.com/v1"
                .to_owned(),
        ),
        (
            json!({"api_key": ""}),
            &process(&[]),
            "api_key is empty".to_owned(),
        ),
        (
            json!({}),
            &process(&[("OPENAI_API_KEY", "  ")]),
            "api_key (environment variable OPENAI_API_KEY) is empty".to_owned(),
        ),
        (
            json!({"dotenv": 5}),
            &process(&[]),
            "dotenv must be the path of a .env file".to_owned(),
        ),
    ] {
        let error = load(json, environment).unwrap_err();
        assert_eq!(error.status, status::CONFIG);
        assert!(
            error.message.starts_with(&message),
            "{error} instead of {message}"
        );
        assert!(!format!("{error:?}").contains("MARKER"), "{error:?}");
    }
    // A value that a higher source replaces is not looked at.
    load(json!({"api_key": "k", "max_retries": 1}), &file).unwrap();
}

#[test]
fn a_variable_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStringExt;
    let value = std::ffi::OsString::from_vec(b"k\xff".to_vec());
    let environment = Environment::new([("OPENAI_API_KEY".into(), value)], None, false);
    let error = Config::load(None, &environment).unwrap_err();
    assert_eq!(
        error.message,
        "api_key (environment variable OPENAI_API_KEY) is not UTF-8"
    );
}

#[test]
fn the_file_can_be_named_or_turned_off() {
    let folder = Folder::new();
    folder.write(".env", "OAI_QUEUE_SIZE=1");
    folder.write("other", "OAI_QUEUE_SIZE=2");
    folder.write("third", "OAI_QUEUE_SIZE=3\nOAI_DOTENV=other");
    for (json, variable, size, source) in [
        (json!({}), "", 1, "default"),
        (json!({}), "other", 2, "environment"),
        (json!({}), "off", 100, "environment"),
        (json!({"dotenv": "third"}), "other", 3, "explicit"),
        (json!({"dotenv": false}), "other", 100, "explicit"),
        (json!({"dotenv": "0"}), "other", 100, "explicit"),
        (json!({"dotenv": true}), "other", 1, "explicit"),
        (json!({"dotenv": null}), "other", 1, "default"),
    ] {
        let environment = environment(&[("OAI_DOTENV", variable)], Some(&folder));
        let (config, _) = load(json.clone(), &environment).unwrap();
        assert_eq!(config.settings.queue_size, size, "{json} {variable}");
        assert_eq!(told(&config, "dotenv")["source"], source);
        let read = !told(&config, "dotenv")["value"].is_null();
        assert_eq!(read, size != 100);
    }
    // A setuid process does not open what its user names.
    let vars = [("OAI_DOTENV".into(), "other".into())];
    let environment = Environment::new(vars, Some(folder.path().to_owned()), true);
    let (config, notices) = Config::load(None, &environment).unwrap();
    assert_eq!(config.settings.queue_size, 100);
    assert!(
        notices[0].text.contains("more rights than its user"),
        "{notices:?}"
    );
}

#[test]
fn the_source_of_a_key_is_told_and_the_key_is_not() {
    let folder = Folder::new();
    let path = folder.write(".env", format!("OPENAI_API_KEY={KEY}\nbroken {KEY}\n"));
    let file = environment(&[], Some(&folder));
    let vars = process(&[("OPENAI_API_KEY", KEY), ("OAI_ADMIN_API_KEY", KEY)]);
    let everything = json!({
        "api_key": KEY, "admin_api_key": KEY, "custom_headers": {"Authorization": KEY}, "default_query": {"key": KEY},
        "proxy": format!("http://{KEY}:{KEY}@p"), "https_proxy": format!("http://{KEY}@p"),
        "http_proxy": format!("socks5://u:{KEY}@p/?{KEY}"),
    });
    for (json, environment, expected) in [
        (
            json!({}),
            &file,
            vec![format!("api key from OPENAI_API_KEY in {}", path.display())],
        ),
        (
            json!({}),
            &vars,
            vec![
                "api key from OPENAI_API_KEY".into(),
                "admin api key from OAI_ADMIN_API_KEY".into(),
            ],
        ),
        (
            everything,
            &file,
            vec![
                "api key from the program".into(),
                "admin api key from the program".into(),
            ],
        ),
    ] {
        let (mut config, mut notices) = load(json, environment).unwrap();
        let infos = notices.iter().filter(|notice| notice.level == Level::Info);
        let infos: Vec<_> = infos.map(|notice| notice.text.clone()).collect();
        assert_eq!(infos, expected);
        let rotated = config.set("api_key", Value::Str(Some(KEY)), false).unwrap();
        assert_eq!(rotated.last().unwrap().text, "api key from the program");
        notices.extend(rotated);
        for shown in [
            format!("{notices:?}"),
            format!("{config:?}"),
            format!("{config:#?}"),
            format!("{:?}", config.settings),
            config.to_json(),
        ] {
            assert!(!shown.contains("MARKER"), "{shown}");
        }
        assert!(
            config
                .settings
                .api_key
                .is_some_and(|key| key.expose() == KEY)
        );
    }
}
