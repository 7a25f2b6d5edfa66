//! When `azure_endpoint` is called in place of `base_url`, and as whom.

use super::super::super::effective;
use super::*;

fn base_url(config: &Config) -> String {
    let target = effective::target(&config.settings, config.place()).unwrap();
    target.base_url
}

#[test]
fn the_endpoint_counts_unless_a_higher_source_says_otherwise() {
    let azure = ("AZURE_OPENAI_ENDPOINT", "http://azure");
    for (json, vars, on_azure) in [
        (json!({}), vec![azure], true),
        (
            json!({}),
            vec![azure, ("OPENAI_BASE_URL", "http://b")],
            true,
        ),
        (json!({}), vec![azure, ("OPENAI_API_KEY", "k")], true),
        (json!({"base_url": "http://b"}), vec![azure], false),
        // A program that brings the key of another place was not written for the endpoint of this environment.
        (json!({"api_key": "k"}), vec![azure], false),
        (json!({"azure_api_key": "k"}), vec![azure], true),
        (
            json!({"azure_endpoint": "http://azure", "api_key": "k"}),
            vec![],
            true,
        ),
        (
            json!({"azure_endpoint": "http://azure", "base_url": "http://b"}),
            vec![],
            true,
        ),
        (
            json!({"azure_endpoint": "http://azure"}),
            vec![("OPENAI_BASE_URL", "http://b")],
            true,
        ),
        (json!({"azure_endpoint": null}), vec![azure], false),
        (json!({"azure_api_key": "k"}), vec![], false),
    ] {
        let (config, notices) = load(json.clone(), &process(&vars)).unwrap();
        assert_eq!(config.place().azure, on_azure, "{json} {vars:?}");
        let told = notices.iter().any(|notice| {
            notice
                .text
                .starts_with("azure_endpoint from AZURE_OPENAI_ENDPOINT is not used")
        });
        assert_eq!(told, config.settings.azure_endpoint.is_some() && !on_azure);
        assert_eq!(
            base_url(&config) == "http://azure/openai/v1",
            on_azure,
            "{json} {vars:?}"
        );
    }
}

#[test]
fn each_place_gets_its_own_keys_only() {
    let keys = json!({
        "api_key": "openai", "admin_api_key": "admin", "azure_api_key": "azure", "azure_endpoint": "http://azure",
    });
    let (mut config, _) = load(keys, &process(&[])).unwrap();
    let target = |config: &Config| effective::target(&config.settings, config.place()).unwrap();
    let there = target(&config);
    assert_eq!(there.api_key.as_ref().unwrap(), "azure");
    assert_eq!(
        (there.authorization, there.admin_authorization),
        (None, None)
    );
    config
        .configure_json(br#"{"azure_ad_token": "ad"}"#, true)
        .unwrap();
    let there = target(&config);
    assert_eq!(there.authorization.unwrap(), "Bearer ad");
    assert_eq!((there.api_key, there.admin_authorization), (None, None));
    config.set_provider(Some(1), true).unwrap();
    config.set_token(Secret::new("rotating"));
    let there = target(&config);
    assert_eq!(there.authorization.unwrap(), "Bearer rotating");
    assert!(there.rotating && there.api_key.is_none());
    // What is on its way may still carry it.
    config.set_provider(Some(1), true).unwrap();
    assert_eq!(target(&config).authorization.unwrap(), "Bearer rotating");
    config.set_provider(None, true).unwrap();
    config
        .configure_json(br#"{"azure_endpoint": null}"#, false)
        .unwrap();
    let there = target(&config);
    assert_eq!(there.redact("rotating".into()), "***");
    assert_eq!(there.authorization.unwrap(), "Bearer openai");
    assert_eq!(there.admin_authorization.unwrap(), "Bearer admin");
    assert_eq!(there.api_key, None);
}

#[test]
fn azure_itself_wants_a_key() {
    for (endpoint, wanted) in [
        ("https://name.openai.azure.com", true),
        ("http://localhost:1", false),
    ] {
        let (config, _) = load(json!({"azure_endpoint": endpoint}), &process(&[])).unwrap();
        let target = effective::target(&config.settings, config.place()).unwrap();
        assert_eq!(target.key_required, wanted, "{endpoint}");
    }
}

#[test]
fn limits_belong_to_the_endpoint_whoever_asks() {
    let identity = |json: Json| {
        let (config, _) = load(json, &process(&[])).unwrap();
        let policy = effective::policy(&config.settings, config.place());
        assert_eq!(policy.dated_models, !config.place().azure);
        policy.identity
    };
    let one = identity(json!({"azure_endpoint": "http://azure", "azure_api_key": "k"}));
    assert_eq!(
        one,
        identity(json!({"azure_endpoint": "http://azure", "azure_ad_token": "t"}))
    );
    assert_ne!(
        one,
        identity(json!({"azure_endpoint": "http://other", "azure_api_key": "k"}))
    );
    assert_ne!(one, identity(json!({"azure_api_key": "k"})));
}

#[test]
fn the_place_cannot_change_after_the_first_request() {
    let vars = [("AZURE_OPENAI_ENDPOINT", "http://azure")];
    let (mut config, _) = load(json!({}), &process(&vars)).unwrap();
    // Their values are the same or mean nothing there, so only a source changes, and keys may change at any time.
    for change in [
        &br#"{"base_url": "https://api.openai.com/v1"}"#[..],
        br#"{"api_key": "k"}"#,
    ] {
        config.configure_json(change, true).unwrap();
        assert!(config.place().azure);
    }
    for change in [
        &br#"{"azure_endpoint": null}"#[..],
        br#"{"azure_endpoint": "http://other"}"#,
        br#"{"azure_api_version": "2024-10-21"}"#,
    ] {
        let error = config.configure_json(change, true).unwrap_err();
        assert_eq!(error.status, status::STATE);
    }
    config
        .configure_json(br#"{"api_key": "k"}"#, false)
        .unwrap();
    assert!(!config.place().azure);
}
