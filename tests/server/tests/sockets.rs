//! The WebSocket endpoints: their handshake, and that they take nothing else. What is said over them is tested with the
//! library that talks to them.

mod common;

use common::Client;
use test_server::{Config, Rule, TestServer};

const UPGRADE: [(&str, &str); 4] = [
    ("connection", "Upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    // The standard's own example.
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

#[test]
fn an_upgrade_is_accepted_below_each_base() {
    let server = TestServer::start(Config::default());
    for path in [
        "/v1/realtime?model=m",
        "/v1/responses",
        "/openai/v1/realtime",
        "/openai/realtime",
    ] {
        let mut client = Client::connect(server.address());
        client.send("GET", path, &UPGRADE, "");
        let answer = client.answer().expect("an answer");
        assert_eq!(answer.status, 101, "{path}");
        let accepted = answer.header("sec-websocket-accept");
        assert_eq!(accepted, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert!(answer.header("x-request-id").is_some());
    }
    assert_eq!(server.log()[0].status, Some(101));
}

#[test]
fn what_asks_for_no_upgrade_is_told_so_and_rules_come_first() {
    let server = TestServer::start(Config::default());
    let plain = common::call(server.address(), "GET", "/v1/realtime", "").expect("an answer");
    assert_eq!(plain.status, 400);
    server.script(Rule::status(503).on("/v1/realtime"));
    let mut client = Client::connect(server.address());
    client.send("GET", "/v1/realtime", &UPGRADE, "");
    assert_eq!(client.answer().expect("an answer").status, 503);
}
