//! Where connections go, as whom, and by which way.

use oaic::ffi::status::OAI_ERR_TLS;
use serde_json::json;
use test_server::{Config, TestServer};

use crate::support::loopback::{connect_proxy, socks_proxy};
use crate::support::tls::Authority;
use crate::support::{Client, Request};

#[test]
fn over_tls_with_a_named_authority_and_through_a_proxy() {
    let server = TestServer::start(Config::default());
    let authority = Authority::new();
    let front = authority.front("api.example.test", &["h2", "http/1.1"], server.address());
    let (proxy, log) = connect_proxy(front);
    let client = Client::new(
        "https://api.example.test/v1",
        json!({
            "proxy": format!("http://user:pass%20word@{proxy}"), "ca_pem": authority.pem,
            // A WebSocket begins as a request of HTTP/1.1 all the same.
            "http_version": "auto",
        }),
    );
    let talk = client.converse(&json!({}));
    talk.say("test.count");
    assert_eq!(talk.message()["count"], 1);
    let asked = log.lock().unwrap().pop().unwrap();
    assert_eq!(
        asked,
        "CONNECT api.example.test:443 HTTP/1.1 Basic dXNlcjpwYXNzIHdvcmQ="
    );
    let arrived = &server.log()[0];
    assert_eq!(arrived.header("authorization"), Some("Bearer test-key"));
    assert_eq!(arrived.header("proxy-authorization"), None);
}

#[test]
fn through_a_socks_proxy() {
    let server = TestServer::start(Config::default());
    let (proxy, _log) = socks_proxy(server.address(), None);
    let client = Client::new(
        "http://api.example.test/v1",
        json!({"proxy": format!("socks5h://{proxy}")}),
    );
    client.converse(&json!({}));
}

#[test]
fn an_unknown_authority_is_not_trusted() {
    let server = TestServer::start(Config::default());
    let authority = Authority::new();
    let front = authority.front("127.0.0.1", &[], server.address());
    let client = Client::new(
        &format!("https://{front}/v1"),
        json!({"tls_roots": "bundled"}),
    );
    let end = client.open(&Request::realtime()).end();
    let failed = end.answer.failed(OAI_ERR_TLS);
    assert_eq!(failed.attempts, 1);
    assert!(failed.message.contains("ca_file"), "{}", failed.message);
}

#[test]
fn with_the_headers_and_the_query_of_every_call() {
    let server = TestServer::start(Config::default());
    let client = Client::new(
        &server.url(),
        json!({
            "organization": "org", "project": "proj", "custom_headers": {"x-own": "client"},
            "default_query": {"q": "1"},
        }),
    );
    let request = Request::realtime().header("openai-beta", "realtime=v1");
    client.open(&request).connection();
    let arrived = &server.log()[0];
    for (name, value) in [
        ("openai-organization", "org"),
        ("openai-project", "proj"),
        ("x-own", "client"),
        ("openai-beta", "realtime=v1"),
        ("upgrade", "websocket"),
    ] {
        assert_eq!(arrived.header(name), Some(value), "{name}");
    }
    assert_eq!(arrived.path, "/v1/realtime?q=1&model=gpt-realtime");
}

#[test]
fn on_azure_in_both_of_its_forms() {
    for (version, path) in [
        (
            Some("2025-04-01-preview"),
            "/openai/realtime?deployment=gpt-realtime&api-version=2025-04-01-preview",
        ),
        (None, "/openai/v1/realtime?model=gpt-realtime"),
    ] {
        let server = TestServer::start(Config::default());
        let config = json!({
            "dotenv": false, "azure_endpoint": server.origin(), "azure_api_key": "azure-key",
            "azure_api_version": version, "azure_ad_token": null,
        });
        let client = Client::try_new(&config).unwrap();
        client.converse(&json!({}));
        let arrived = &server.log()[0];
        assert_eq!(arrived.path, path);
        assert_eq!(arrived.header("api-key"), Some("azure-key"));
        assert_eq!(arrived.header("authorization"), None);
    }
}
