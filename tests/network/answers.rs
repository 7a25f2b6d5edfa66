//! What of an answer is let in: bounds, framings, encodings.

use oaic::ffi::status::{OAI_ERR_CONNECTION_LOST, OAI_ERR_PROTOCOL, OAI_ERR_TOO_LARGE};
use serde_json::{Value, json};
use test_server::{Config, Rule, TestServer};

use crate::support::loopback::{Scripted, ok};
use crate::support::{Answer, Client, stored};

/// What comes of a server that answers with these bytes.
fn answer(bytes: impl Into<Vec<u8>>, options: Value) -> Answer {
    let server = Scripted::always(bytes);
    Client::new(&server.url(), options).get("/models")
}

#[test]
fn gzip_is_asked_for_and_undone() {
    let server = TestServer::start(Config::default());
    server.script(Rule::pass().gzip().times(2));
    let client = Client::new(&server.url(), json!({}));
    client.embed("a").ok();
    assert_eq!(client.get("/models").ok().json()["object"], "list");
    let asked = server.log()[0].header("accept-encoding").map(str::to_owned);
    assert!(asked.is_some_and(|encodings| encodings.contains("gzip")));
}

#[test]
fn a_gzip_bomb_ends_at_the_bound() {
    let server = TestServer::start(Config::default());
    let bomb = json!({"data": "0".repeat(64 << 20)});
    server.script(Rule::status(200).body(bomb).gzip());
    let client = Client::new(&server.url(), json!({"max_response_bytes": 1 << 20}));
    let failed = client.get("/models").failed(OAI_ERR_TOO_LARGE);
    assert_eq!(failed.attempts, 1);
    assert!(failed.message.contains("max_response_bytes"));
}

#[test]
fn the_bound_holds_for_each_framing() {
    let body = "x".repeat(100);
    let plain = format!("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{body}");
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n32\r\n{0}\r\n32\r\n{0}\r\n0\r\n\r\n",
        &body[..50]
    );
    for bytes in [plain, chunked] {
        let options = |most: u32| json!({"max_response_bytes": most});
        let whole = answer(bytes.clone(), options(100)).ok();
        assert_eq!(whole.body.len(), 100);
        answer(bytes, options(99)).failed(OAI_ERR_TOO_LARGE);
    }
}

#[test]
fn a_length_that_is_announced_and_never_sent_takes_no_memory() {
    let huge = "HTTP/1.1 200 OK\r\ncontent-length: 999999999999999\r\n\r\n";
    answer(huge, json!({})).failed(OAI_ERR_TOO_LARGE);
}

#[test]
fn headers_without_end_are_refused() {
    let endless = format!("HTTP/1.1 200 OK\r\nx-long: {}\r\n\r\n", "x".repeat(8 << 20));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x-a: b\r\n".repeat(10_000));
    for bytes in [endless, many] {
        let failed = answer(bytes, json!({"max_retries": 1})).failed(OAI_ERR_PROTOCOL);
        assert_eq!(failed.attempts, 2);
    }
}

#[test]
fn interim_answers_are_passed_over() {
    let bytes = format!(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n{}",
        ok("{\"a\":1}")
    );
    assert_eq!(answer(bytes, json!({})).ok().json()["a"], 1);
}

#[test]
fn chunks_with_extensions_and_trailers_are_read() {
    let bytes = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\n{\"a\r\n4\r\n\":1}\r\n0\r\nx-sum: 1\r\n\r\n";
    assert_eq!(answer(bytes, json!({})).ok().json()["a"], 1);
}

#[test]
fn a_body_without_length_ends_with_the_connection() {
    let server = TestServer::start(Config::default());
    server.script(Rule::raw("HTTP/1.1 200 OK\r\n\r\n{\"a\":1}"));
    let client = Client::new(&server.url(), json!({}));
    assert_eq!(client.get("/models").ok().json()["a"], 1);
}

#[test]
fn a_body_shorter_than_announced_is_a_lost_connection() {
    for raw in [
        "HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{\"a\":1}",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7\r\n{\"a\":1}\r\n",
    ] {
        let server = TestServer::start(Config::default());
        server.script(Rule::raw(raw).forever());
        let client = Client::new(&server.url(), json!({"max_retries": 2}));
        let failed = client.get("/models").failed(OAI_ERR_CONNECTION_LOST);
        assert_eq!((failed.attempts, failed.may_have_executed), (3, false));
        let failed = client
            .post("/responses", &stored())
            .failed(OAI_ERR_CONNECTION_LOST);
        assert_eq!((failed.attempts, failed.may_have_executed), (1, true));
    }
}

#[test]
fn a_body_longer_than_announced_spoils_no_other_answer() {
    let server = Scripted::always(
        "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"a\":1}HTTP/1.1 500 No\r\n\r\n",
    );
    let client = Client::new(&server.url(), json!({}));
    for _ in 0..3 {
        assert_eq!(client.get("/models").ok().json()["a"], 1);
    }
    assert_eq!(server.connections(), 3, "such a connection is not kept");
}

#[test]
fn what_is_not_http_is_said_to_be_so() {
    for bytes in [
        "SSH-2.0-OpenSSH_9.7\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 7\r\n\r\n{\"a\":1}",
    ] {
        let failed = answer(bytes, json!({"max_retries": 0}));
        assert_eq!(
            failed.status, OAI_ERR_PROTOCOL,
            "{bytes}: {}",
            failed.message
        );
    }
}
