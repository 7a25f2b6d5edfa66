//! TLS: who is trusted, what is said when nobody is, and which HTTP is chosen.

use oaic::ffi::status::{OAI_ERR_CONFIG, OAI_ERR_REDIRECT, OAI_ERR_TLS};
use serde_json::{Value, json};
use test_server::{Config, TestServer};

use crate::support::loopback::Scripted;
use crate::support::tls::Authority;
use crate::support::{Answer, Client};

struct Secure {
    server: TestServer,
    authority: Authority,
    url: String,
}

/// A server whose certificate is for `name`, reached as 127.0.0.1.
fn secure(name: &str, alpn: &[&str]) -> Secure {
    let server = TestServer::start(Config::default());
    let authority = Authority::new();
    let front = authority.front(name, alpn, server.address());
    Secure {
        url: format!("https://{front}/v1"),
        server,
        authority,
    }
}

impl Secure {
    fn embed(&self, options: Value) -> Answer {
        Client::new(&self.url, options).embed("a")
    }
}

#[test]
fn a_named_authority_is_trusted() {
    let secure = secure("127.0.0.1", &[]);
    let file = secure.authority.file();
    secure.embed(json!({"ca_file": file})).ok();
    secure.embed(json!({"ca_pem": secure.authority.pem})).ok();
    let other = Authority::new();
    let both = format!("{}\n{}", other.pem, secure.authority.pem);
    secure.embed(json!({"ca_pem": both})).ok();
    secure
        .embed(json!({"ca_pem": other.pem, "ca_file": file}))
        .ok();
    for roots in ["system", "bundled", "both"] {
        // A bare machine has no system roots, which is an error of its own; see tests/environment.rs.
        if roots != "system" {
            secure
                .embed(json!({"ca_file": file, "tls_roots": roots}))
                .ok();
        }
    }
    assert!(secure.server.log().len() >= 6);
}

#[test]
fn an_unknown_authority_ends_the_request_at_once_with_advice() {
    let secure = secure("127.0.0.1", &[]);
    let other = Authority::new();
    for options in [
        json!({}),
        json!({"tls_roots": "bundled"}),
        json!({"ca_pem": other.pem}),
    ] {
        let failed = secure.embed(options).failed(OAI_ERR_TLS);
        assert_eq!(failed.attempts, 1);
        assert!(!failed.may_have_executed);
        for word in ["ca_file", "ca_pem", "UnknownIssuer"] {
            assert!(failed.message.contains(word), "{}", failed.message);
        }
    }
    assert_eq!(secure.server.log().len(), 0);
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let secure = secure("api.example.test", &[]);
    let failed = secure
        .embed(json!({"ca_pem": secure.authority.pem}))
        .failed(OAI_ERR_TLS);
    assert_eq!(failed.attempts, 1);
    assert!(failed.message.contains("host name"), "{}", failed.message);
    assert!(failed.message.contains("base_url"), "{}", failed.message);
}

#[test]
fn certificates_that_cannot_be_used_are_named() {
    let secure = secure("127.0.0.1", &[]);
    let file = secure.authority.file();
    std::fs::write(&file, "nothing of the kind").unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (options, word) in [
        (
            json!({"ca_file": "/nowhere/ca.pem"}),
            "ca_file /nowhere/ca.pem",
        ),
        (json!({"ca_file": file}), "no certificate"),
        (json!({"ca_pem": broken}), "ca_pem holds an unusable"),
        (
            json!({"ca_pem": "-----BEGIN CERTIFICATE-----\n%%\n-----END CERTIFICATE-----"}),
            "ca_pem",
        ),
    ] {
        let failed = secure.embed(options).failed(OAI_ERR_CONFIG);
        assert!(failed.message.contains(word), "{}", failed.message);
    }
}

#[test]
fn a_server_without_tls_is_told_from_a_lost_connection() {
    let plain = TestServer::start(Config::default());
    let url = format!("https://{}/v1", plain.address());
    let failed = Client::new(&url, json!({})).embed("a").failed(OAI_ERR_TLS);
    assert_eq!(failed.attempts, 1);
    assert!(failed.message.contains("http://"), "{}", failed.message);
}

#[test]
fn a_redirect_from_http_to_https_is_explained() {
    let server = Scripted::always(
        "HTTP/1.1 308 Permanent Redirect\r\nlocation: https://127.0.0.1:1/v1/x\r\ncontent-length: 0\r\n\r\n",
    );
    let failed = Client::new(&server.url(), json!({}))
        .embed("a")
        .failed(OAI_ERR_REDIRECT);
    assert!(
        failed.message.contains("set base_url"),
        "{}",
        failed.message
    );
}

#[test]
fn http2_is_spoken_where_the_option_and_the_server_agree() {
    for (option, alpn, spoken) in [
        ("auto", &["h2", "http/1.1"][..], "h2"),
        ("auto", &["http/1.1"], "http/1.1"),
        ("auto", &[], "http/1.1"),
        ("1.1", &["h2", "http/1.1"], "http/1.1"),
        ("2", &["h2"], "h2"),
    ] {
        let secure = secure("127.0.0.1", alpn);
        let options = json!({"ca_pem": secure.authority.pem, "http_version": option});
        let client = Client::new(&secure.url, options);
        for _ in 0..3 {
            client.embed("a").ok();
        }
        // Only HTTP/1.1 has a Host header.
        let host = secure.server.log()[0].header("host").is_some();
        assert_eq!(host, spoken == "http/1.1", "{option} {alpn:?}");
    }
}

#[test]
fn http2_by_prior_knowledge_carries_many_requests_at_once() {
    let server = TestServer::start(Config::default());
    let options = json!({"http_version": "2", "max_concurrent_requests": 8});
    let client = Client::new(&server.url(), options);
    client.embed("first").ok();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| client.embed("a").ok());
        }
    });
    assert_eq!(server.counts().connections, 1);
    assert_eq!(server.log().len(), 9);
}
