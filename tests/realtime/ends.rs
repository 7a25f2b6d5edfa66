//! How connections end, and what comes back.

use std::time::Duration;

use oaic::ffi::status::{
    OAI_ERR_CANCELLED, OAI_ERR_CLOSED, OAI_ERR_CLOSED_BY_SERVER, OAI_ERR_CONNECTION_LOST,
    OAI_ERR_DEADLINE, OAI_ERR_HTTP_AUTHENTICATION, OAI_ERR_IDLE_TIMEOUT, OAI_ERR_INVALID_ARGUMENT,
    OAI_ERR_PROTOCOL, OAI_ERR_RATE_LIMITED, OAI_ERR_REDIRECT, OAI_OK,
};
use serde_json::json;
use test_server::{Config, Rule, TestServer};

use crate::support::{Client, Request};

fn server() -> (TestServer, Client) {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({}));
    (server, client)
}

#[test]
fn the_server_says_why_it_closes() {
    for (code, status) in [
        (1000, OAI_OK),
        (1001, OAI_ERR_CLOSED_BY_SERVER),
        (1008, OAI_ERR_CLOSED_BY_SERVER),
        (4000, OAI_ERR_CLOSED_BY_SERVER),
    ] {
        let (_server, client) = server();
        let talk = client.converse(&json!({}));
        talk.send(&json!({"type": "test.close", "code": code, "reason": "the key test-key"}));
        let end = talk.end();
        assert_eq!(end.code, code);
        assert_eq!(end.reason, "the key ***", "no key is ever shown");
        assert_eq!(end.answer.status, status, "{}", end.answer.message);
        if status != OAI_OK {
            assert!(
                end.answer.message.contains(&code.to_string()),
                "{}",
                end.answer.message
            );
            assert!(
                !end.answer.message.contains("test-key"),
                "{}",
                end.answer.message
            );
        }
    }
}

#[test]
fn a_connection_that_breaks_off_is_lost() {
    for order in ["test.drop", "test.end"] {
        let (_server, client) = server();
        let talk = client.converse(&json!({}));
        talk.say(order);
        let end = talk.end();
        assert_eq!((end.code, &*end.reason), (0, ""));
        end.answer.failed(OAI_ERR_CONNECTION_LOST);
    }
}

#[test]
fn what_is_no_websocket_is_an_error_of_its_own() {
    let (_server, client) = server();
    let talk = client.converse(&json!({}));
    talk.say("test.garbage");
    talk.end().answer.failed(OAI_ERR_PROTOCOL);
}

#[test]
fn silence_ends_a_connection() {
    let (_server, client) = server();
    client.set(&json!({"idle_timeout_ms": 200}));
    let talk = client.converse(&json!({"ping_interval_ms": 50}));
    talk.say("test.silence");
    let end = talk.end();
    let failed = end.answer.failed(OAI_ERR_IDLE_TIMEOUT);
    assert!(
        failed.message.contains("idle_timeout_ms"),
        "{}",
        failed.message
    );
}

#[test]
fn what_was_not_sent_comes_back_in_order() {
    let (server, client) = server();
    server.script(Rule::pass().on("/v1/realtime").hold("gate"));
    let talk = client.open(&Request::realtime());
    talk.try_send("one").unwrap();
    talk.send_binary(b"two\0");
    client.cancel(talk.id());
    let end = talk.end();
    end.answer.failed(OAI_ERR_CANCELLED);
    let expected = [(b"one".to_vec(), false), (b"two\0".to_vec(), true)];
    assert_eq!(end.unsent, expected);
}

#[test]
fn what_the_server_no_longer_reads_comes_back_when_it_is_gone() {
    let (_server, client) = server();
    client.set(&json!({"idle_timeout_ms": 300}));
    let talk = client.converse(&json!({"ping_interval_ms": 0}));
    talk.say("test.silence");
    let message = |number: u64| format!("{number:065535}");
    let mut sent = 0;
    while talk.try_send(&message(sent)).is_ok() {
        sent += 1;
    }
    let end = talk.end();
    end.answer.failed(OAI_ERR_IDLE_TIMEOUT);
    // The kernel took some of them, in order; all behind those come back.
    let first = sent - end.unsent.len() as u64;
    assert!(0 < first && first < sent, "{first} of {sent}");
    for ((data, binary), number) in end.unsent.iter().zip(first..) {
        assert!(*data == message(number).into_bytes() && !binary);
    }
}

#[test]
fn a_close_waits_for_a_server_that_does_not_answer_but_not_for_long() {
    let (_server, client) = server();
    client.set(&json!({"idle_timeout_ms": 200}));
    let talk = client.converse(&json!({"ping_interval_ms": 50}));
    talk.say("test.silence");
    talk.close(3000, "").unwrap();
    let end = talk.end();
    assert_eq!((end.answer.status, end.code), (OAI_OK, 0));
}

#[test]
fn a_close_does_not_wait_for_ever_behind_what_the_server_does_not_take() {
    let (_server, client) = server();
    client.set(&json!({"idle_timeout_ms": 300}));
    let talk = client.converse(&json!({"ping_interval_ms": 0}));
    talk.say("test.silence");
    while talk.try_send(&"x".repeat(65_535)).is_ok() {}
    talk.close(0, "").unwrap();
    let end = talk.end();
    end.answer.failed(OAI_ERR_CONNECTION_LOST);
    assert!(!end.unsent.is_empty());
}

#[test]
fn a_connection_that_nobody_needs_any_more_is_not_made() {
    let (server, client) = server();
    server.script(Rule::pass().on("/v1/realtime").hold("gate"));
    let talk = client.open(&Request::realtime());
    assert!(server.wait_arrived(1, Duration::from_secs(10)));
    talk.close(0, "").unwrap();
    let end = talk.end();
    assert_eq!((end.answer.status, end.code), (OAI_OK, 0));
}

#[test]
fn a_handshake_that_is_refused_is_an_answer_like_any_other() {
    let server = TestServer::start(Config {
        require_key: Some("another".into()),
        ..Config::default()
    });
    let client = Client::new(&server.url(), json!({}));
    let talk = client.open(&Request::realtime());
    talk.say("test.count");
    let end = talk.end();
    assert_eq!(end.unsent.len(), 1);
    let failed = end.answer.failed(OAI_ERR_HTTP_AUTHENTICATION);
    assert_eq!((failed.http_status, failed.attempts), (401, 1));
    assert_eq!(failed.code.as_deref(), Some("invalid_api_key"));
}

#[test]
fn an_opening_is_retried_like_any_request() {
    let (server, client) = server();
    server.script(Rule::status(503).on("/v1/realtime").times(2));
    server.script(
        Rule::status(429)
            .header("retry-after-ms", "30")
            .on("/v1/realtime"),
    );
    let talk = client.open(&Request::realtime());
    let opened = talk.connection();
    assert_eq!(
        (&opened["connection"], &opened["attempts"]),
        (&json!(1), &json!(4))
    );
    drop(talk);
    client.set(&json!({"max_retries": 0}));
    server.script(
        Rule::status(429)
            .header("retry-after", "7")
            .on("/v1/realtime"),
    );
    let end = client.open(&Request::realtime()).end();
    end.answer.failed(OAI_ERR_RATE_LIMITED);
}

#[test]
fn an_opening_has_a_time() {
    let (server, client) = server();
    server.script(Rule::pass().on("/v1/realtime").hold("gate").forever());
    client.set(&json!({"timeout_ms": 100}));
    let end = client.open(&Request::realtime()).end();
    end.answer.failed(OAI_ERR_DEADLINE);
}

#[test]
fn a_full_queue_takes_of_the_time_of_an_opening() {
    let (server, client) = server();
    server.script(Rule::pass().on("/v1/realtime").hold("gate").forever());
    client.set(&json!({"max_concurrent_requests": 1, "queue_size": 1}));
    let _flying = client.open(&Request::realtime());
    assert!(server.wait_arrived(1, Duration::from_secs(10)));
    let _waiting = client.open(&Request::realtime());
    client.set(&json!({"timeout_ms": 100}));
    let end = client.open(&Request::realtime()).end();
    let failed = end.answer.failed(OAI_ERR_DEADLINE);
    assert!(
        failed.message.contains("queue was full"),
        "{}",
        failed.message
    );
}

#[test]
fn what_opens_no_socket_is_told_at_once() {
    let (server, client) = server();
    server.script(Rule::status(200).body(json!({})).on("/v1/realtime"));
    let end = client.open(&Request::realtime()).end();
    let failed = end.answer.failed(OAI_ERR_PROTOCOL);
    assert!(
        failed.message.contains("/v1/realtime"),
        "{}",
        failed.message
    );
    assert_eq!(failed.attempts, 1);
    let elsewhere = "https://other.example/v1/realtime?key=secret";
    server.script(
        Rule::status(307)
            .header("location", elsewhere)
            .on("/v1/realtime"),
    );
    let end = client.open(&Request::realtime()).end();
    let failed = end.answer.failed(OAI_ERR_REDIRECT);
    assert!(
        failed.message.contains("https://other.example;"),
        "{}",
        failed.message
    );
    assert!(!failed.message.contains("secret"), "{}", failed.message);
    assert_eq!(failed.attempts, 1);
    let wrong = [
        Request::new("POST", "/realtime"),
        Request::new("GET", "/realtime").json(&json!({})),
    ];
    for request in wrong {
        let (status, message) = client.try_open(&request, &json!({})).err().unwrap();
        assert_eq!(status, OAI_ERR_INVALID_ARGUMENT);
        assert!(message.contains("GET"), "{message}");
    }
}

#[test]
fn a_client_that_is_closed_closes_its_connections() {
    let (_server, client) = server();
    let talk = client.converse(&json!({}));
    talk.say("test.count");
    assert_eq!(client.close(10_000), OAI_OK);
    assert_eq!(talk.message()["count"], 1);
    let end = talk.end();
    assert_eq!((end.answer.status, end.code), (OAI_OK, 1000));
    let (status, _) = client
        .try_open(&Request::realtime(), &json!({}))
        .err()
        .unwrap();
    assert_eq!(status, OAI_ERR_CLOSED);
}

#[test]
fn a_client_that_is_freed_ends_its_connections() {
    let (_server, client) = server();
    let talk = client.converse(&json!({}));
    drop(client);
    talk.end().answer.failed(OAI_ERR_CANCELLED);
}

#[test]
fn an_open_connection_holds_no_slot() {
    let (_server, client) = server();
    client.set(&json!({"max_concurrent_requests": 1}));
    let talks: Vec<_> = (0..3).map(|_| client.converse(&json!({}))).collect();
    client.embed("a").ok();
    drop(talks);
}
