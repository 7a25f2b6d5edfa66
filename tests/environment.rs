//! What the process environment says about the network: proxies, read once, and where the system's roots are.
//!
//! One test, alone in its process: it changes the environment.

mod support;

use std::path::Path;

use oaic::ffi::status::{OAI_ERR_CONFIG, OAI_ERR_TLS};
use serde_json::{Value, json};
use support::loopback::{Scripted, embedding};
use support::tls::Authority;
use support::{Answer, Client};
use test_server::{Config, TestServer};

fn set(name: &str, value: impl AsRef<Path>) {
    // SAFETY: the only test of this process; the library reads the environment in `oai_client_new` and at a client's
    // first request only, and both are over or not begun.
    unsafe { std::env::set_var(name, value.as_ref()) };
}

fn client(base_url: &str, options: Value) -> Client {
    let mut config =
        json!({"dotenv": false, "base_url": base_url, "api_key": "k", "max_retries": 0});
    let known = config.as_object_mut().expect("an object");
    known.extend(options.as_object().expect("an object").clone());
    Client::try_new(&config).expect("a valid configuration")
}

#[test]
fn the_environment_names_proxies_and_roots() {
    for name in [
        "https_proxy",
        "http_proxy",
        "no_proxy",
        "HTTPS_PROXY",
        "NO_PROXY",
    ] {
        set(name, "");
    }
    proxies();
    roots();
}

fn proxies() {
    let (first, second) = (Scripted::always(embedding()), Scripted::always(embedding()));
    let server = TestServer::start(Config::default());
    let base = "http://api.example.test/v1";

    set("HTTP_PROXY", first.address.to_string());
    let early = client(base, json!({}));
    let direct = client(&server.url(), json!({"no_proxy": "127.0.0.1"}));
    let without = client(&server.url(), json!({"proxy": ""}));
    set("HTTP_PROXY", format!("http://{}", second.address));
    set("NO_PROXY", "127.0.0.0/8");
    let late = client(&server.url(), json!({}));
    early.embed("a").ok();
    assert_eq!((first.asked().len(), second.asked().len()), (1, 0));
    client(base, json!({})).embed("a").ok();
    assert_eq!((first.asked().len(), second.asked().len()), (1, 1));
    for client in [direct, without, late] {
        client.embed("a").ok();
    }
    assert_eq!(server.log().len(), 3);
    assert_eq!((first.asked().len(), second.asked().len()), (1, 1));
}

fn roots() {
    let server = TestServer::start(Config::default());
    let authority = Authority::new();
    let front = authority.front("127.0.0.1", &[], server.address());
    let embed = |roots: &str| -> Answer {
        client(&format!("https://{front}/v1"), json!({"tls_roots": roots})).embed("a")
    };
    set("SSL_CERT_DIR", "");
    set("SSL_CERT_FILE", authority.file());
    for roots in ["auto", "system", "both"] {
        embed(roots).ok();
    }
    embed("bundled").failed(OAI_ERR_TLS);

    // A machine without any.
    set("SSL_CERT_FILE", "/nowhere");
    for roots in ["auto", "both"] {
        embed(roots).failed(OAI_ERR_TLS);
    }
    let failed = embed("system").failed(OAI_ERR_CONFIG);
    assert!(failed.message.contains("tls_roots"), "{}", failed.message);
}
