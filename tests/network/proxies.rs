//! Proxies: which is taken, what it is asked for, and who is reached without one.

use oaic::ffi::status::OAI_ERR_CONNECT;
use serde_json::json;
use test_server::{Config, TestServer};

use crate::support::Client;
use crate::support::loopback::{Scripted, connect_proxy, embedding, socks_proxy};
use crate::support::tls::Authority;

/// `user:pass word` in base64, as Basic credentials have it.
fn basic() -> &'static str {
    "Basic dXNlcjpwYXNzIHdvcmQ="
}

#[test]
fn an_http_proxy_gets_the_whole_url_and_its_credentials() {
    let proxy = Scripted::always(embedding());
    let url = format!("http://user:pass%20word@{}", proxy.address);
    for option in ["proxy", "http_proxy"] {
        let client = Client::new("http://api.example.test:81/v1", json!({option: url}));
        client.embed("a").ok();
        let asked = proxy.asked().pop().unwrap();
        assert_eq!(
            asked.line,
            "POST http://api.example.test:81/v1/embeddings HTTP/1.1"
        );
        assert_eq!(asked.header("proxy-authorization"), Some(basic()));
        assert_eq!(asked.header("host"), Some("api.example.test:81"));
        assert_eq!(asked.header("authorization"), Some("Bearer test-key"));
    }
}

#[test]
fn an_https_url_goes_through_a_tunnel_and_the_proxy_sees_no_key() {
    let server = TestServer::start(Config::default());
    let authority = Authority::new();
    let front = authority.front("api.example.test", &[], server.address());
    let (proxy, log) = connect_proxy(front);
    let url = format!("http://user:pass%20word@{proxy}");
    for option in ["proxy", "https_proxy"] {
        let client = Client::new(
            "https://api.example.test/v1",
            json!({option: url, "ca_pem": authority.pem}),
        );
        client.embed("a").ok();
        let asked = log.lock().unwrap().pop().unwrap();
        assert_eq!(
            asked,
            format!("CONNECT api.example.test:443 HTTP/1.1 {}", basic())
        );
    }
    let arrived = &server.log()[0];
    assert_eq!(arrived.header("authorization"), Some("Bearer test-key"));
    assert_eq!(arrived.header("proxy-authorization"), None);
}

#[test]
fn a_proxy_may_itself_speak_tls() {
    let proxy = Scripted::always(embedding());
    let authority = Authority::new();
    let front = authority.front("127.0.0.1", &[], proxy.address);
    let client = Client::new(
        "http://api.example.test/v1",
        json!({"proxy": format!("https://{front}"), "ca_pem": authority.pem}),
    );
    client.embed("a").ok();
    assert_eq!(proxy.asked().len(), 1);
}

#[test]
fn socks5_with_names_resolved_on_either_side() {
    let server = TestServer::start(Config::default());
    let (proxy, log) = socks_proxy(server.address(), None);
    for (scheme, base, place) in [
        ("socks5", "http://localhost:82/v1", "ip [127, 0, 0, 1]"),
        (
            "socks5h",
            "http://api.example.test/v1",
            "name api.example.test",
        ),
    ] {
        let client = Client::new(base, json!({"proxy": format!("{scheme}://{proxy}")}));
        client.embed("a").ok();
        assert_eq!(log.lock().unwrap().pop().unwrap(), place);
    }
}

#[test]
fn socks5_with_a_password() {
    let server = TestServer::start(Config::default());
    let (proxy, _) = socks_proxy(server.address(), Some(("user", "pass word")));
    let with = |user: &str| {
        let url = format!("socks5h://{user}@{proxy}");
        Client::new(
            "http://api.example.test/v1",
            json!({"proxy": url, "max_retries": 0}),
        )
        .embed("a")
    };
    with("user:pass%20word").ok();
    let refused = with("user:wrong").failed(OAI_ERR_CONNECT);
    assert!(!refused.message.contains("wrong"), "{}", refused.message);
}

#[test]
fn no_proxy_by_name_suffix_address_and_network() {
    let server = TestServer::start(Config::default());
    let port = server.address().port();
    let proxy = Scripted::always(embedding());
    for (host, no_proxy, direct) in [
        ("localhost", "localhost", true),
        ("localhost", "other.test, localhost", true),
        ("localhost", ".localhost", true),
        ("localhost", "*", true),
        ("localhost", "host", false),
        ("localhost", "127.0.0.1", false),
        ("127.0.0.1", "127.0.0.1", true),
        ("127.0.0.1", "127.0.0.0/8", true),
        ("127.0.0.1", "10.0.0.0/8,localhost", false),
    ] {
        let before = (server.log().len(), proxy.asked().len());
        let options = json!({"proxy": format!("http://{}", proxy.address), "no_proxy": no_proxy});
        Client::new(&format!("http://{host}:{port}/v1"), options)
            .embed("a")
            .ok();
        let arrived = (
            server.log().len() - before.0,
            proxy.asked().len() - before.1,
        );
        let expected = if direct { (1, 0) } else { (0, 1) };
        assert_eq!(arrived, expected, "{host} with no_proxy {no_proxy}");
    }
}

#[test]
fn a_dead_proxy_is_a_connection_failure_that_does_not_show_its_password() {
    let client = Client::new(
        "http://api.example.test/v1",
        json!({"proxy": "http://user:hush@127.0.0.1:1", "max_retries": 1}),
    );
    let failed = client.embed("a").failed(OAI_ERR_CONNECT);
    assert_eq!(failed.attempts, 2);
    assert!(!failed.message.contains("hush"), "{}", failed.message);
}
