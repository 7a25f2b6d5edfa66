//! Redirects: how many, and that what identifies the user stays with its origin.

use oaic::ffi::status::OAI_ERR_REDIRECT;
use serde_json::json;
use test_server::{Config, Rule, TestServer};

use crate::support::Client;

#[test]
fn the_key_and_every_custom_header_stay_with_their_origin() {
    let elsewhere = TestServer::start(Config::default());
    let server = TestServer::start(Config::default());
    let location = format!("{}/embeddings", elsewhere.url());
    server.script(Rule::status(307).header("location", &location));
    let client = Client::new(
        &server.url(),
        json!({
            "organization": "org-1",
            "project": "proj-1",
            "custom_headers": {"api-key": "other-key", "X-Team": "search", "Cookie": "a=b"},
        }),
    );
    client.embed("a").ok();
    let sent = &server.log()[0];
    let private = [
        "authorization",
        "openai-organization",
        "openai-project",
        "api-key",
        "x-team",
        "cookie",
    ];
    for name in private {
        assert!(sent.header(name).is_some(), "{name}");
    }
    let arrived = &elsewhere.log()[0];
    for name in private {
        assert_eq!(arrived.header(name), None, "{name}");
    }
    assert_eq!(arrived.method, "POST");
    assert_eq!(arrived.json()["model"], "m");
}

#[test]
fn within_its_origin_the_key_goes_along() {
    let server = TestServer::start(Config::default());
    server.script(Rule::status(308).header("location", "/v1/embeddings?moved=1"));
    Client::new(&server.url(), json!({})).embed("a").ok();
    let arrived = &server.log()[1];
    assert_eq!(arrived.header("authorization"), Some("Bearer test-key"));
}

#[test]
fn at_most_as_many_as_the_option_says() {
    for (options, followed) in [
        (json!({}), 5),
        (json!({"max_redirects": 2}), 2),
        (json!({"max_redirects": 0}), 0),
    ] {
        let server = TestServer::start(Config::default());
        server.script(
            Rule::status(307)
                .header("location", "/v1/embeddings")
                .forever(),
        );
        let failed = Client::new(&server.url(), options)
            .embed("a")
            .failed(OAI_ERR_REDIRECT);
        assert_eq!(failed.attempts, 1, "a redirect loop is not tried again");
        assert!(
            failed.message.contains("max_redirects"),
            "{}",
            failed.message
        );
        assert_eq!(server.log().len(), followed + 1);
    }
}
