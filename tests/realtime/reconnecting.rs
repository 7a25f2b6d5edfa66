//! Connections that are made anew.

use oaic::ffi::status::{
    OAI_ERR_CLOSED_BY_SERVER, OAI_ERR_CONNECTION_LOST, OAI_ERR_HTTP_AUTHENTICATION, OAI_OK,
};
use serde_json::{Value, json};
use test_server::{Config, Rule, TestServer};

use crate::support::realtime::Event;
use crate::support::{Client, Request};

fn server() -> (TestServer, Client) {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({"max_retries": 2}));
    (server, client)
}

fn anew() -> Value {
    json!({"reconnect": true})
}

#[test]
fn a_lost_connection_is_made_anew_and_the_host_is_told() {
    let (server, client) = server();
    let talk = client.converse(&anew());
    talk.say("test.drop");
    let lost = talk.connection();
    assert_eq!(lost["state"], "reconnecting");
    assert_eq!(lost["connection"], 1);
    assert_eq!(lost["status"], OAI_ERR_CONNECTION_LOST);
    assert_eq!(lost["close_code"], 0);
    assert!(
        lost["message"].is_string() && lost["delay_ms"].is_u64(),
        "{lost}"
    );
    let opened = talk.connection();
    assert_eq!(
        (&opened["state"], &opened["connection"]),
        (&json!("open"), &json!(2))
    );
    assert_eq!(talk.message()["type"], "session.created");
    talk.say("test.count");
    assert_eq!(talk.message()["count"], 1);
    talk.close(0, "").unwrap();
    let end = talk.end();
    assert_eq!((end.answer.status, end.answer.attempts), (OAI_OK, 2));
    assert_eq!(server.log().len(), 2);
}

#[test]
fn the_code_decides_whether_another_connection_may_help() {
    for (code, helps) in [
        (1001, true),
        (1011, true),
        (1012, true),
        (1013, true),
        (1000, false),
        (1008, false),
        (4001, false),
    ] {
        let (server, client) = server();
        let talk = client.converse(&anew());
        talk.send(&json!({"type": "test.close", "code": code, "reason": "so"}));
        match talk.next() {
            Event::Connection(lost) if helps => {
                assert_eq!(lost["status"], OAI_ERR_CLOSED_BY_SERVER);
                assert_eq!(
                    (&lost["close_code"], &lost["close_reason"]),
                    (&json!(code), &json!("so"))
                );
                talk.connection();
            }
            Event::Done(end) if !helps => assert_eq!(end.code, code),
            other => panic!("{code}: {other:?}"),
        }
        drop(talk);
        drop(client);
        assert_eq!(server.log().len(), 1 + usize::from(helps), "{code}");
    }
}

#[test]
fn what_was_sent_meanwhile_goes_to_the_next_connection() {
    let (server, client) = server();
    let talk = client.converse(&anew());
    server.script(Rule::pass().on("/v1/realtime").hold("gate"));
    talk.say("test.drop");
    talk.connection();
    talk.say("input_audio_buffer.append");
    talk.say("test.count");
    server.release("gate");
    talk.connection();
    assert_eq!(talk.message()["type"], "session.created");
    assert_eq!(talk.message()["count"], 2);
}

#[test]
fn connections_that_never_last_come_to_an_end() {
    let (server, client) = server();
    let request = Request::realtime().query("test", r#"{"type":"test.close","code":1013}"#);
    let talk = client.open_with(&request, &anew());
    let mut states = Vec::new();
    let end = loop {
        match talk.next() {
            Event::Connection(event) => states.push(event["state"].as_str().unwrap().to_owned()),
            Event::Done(end) => break end,
            _ => {}
        }
    };
    let (open, again) = ("open", "reconnecting");
    assert_eq!(states, [open, again, open, again, open]);
    assert_eq!(end.code, 1013);
    end.answer.failed(OAI_ERR_CLOSED_BY_SERVER);
    assert_eq!(server.log().len(), 3);
}

#[test]
fn an_opening_that_fails_for_good_is_the_end() {
    let (server, client) = server();
    let talk = client.converse(&anew());
    server.script(Rule::status(401).on("/v1/realtime").hold("gate"));
    talk.say("test.drop");
    talk.connection();
    talk.try_send("kept").unwrap();
    server.release("gate");
    let end = talk.end();
    assert_eq!(end.unsent, [(b"kept".to_vec(), false)]);
    end.answer.failed(OAI_ERR_HTTP_AUTHENTICATION);
}

#[test]
fn without_retries_nothing_is_made_anew() {
    let (server, client) = server();
    client.set(&json!({"max_retries": 0}));
    let talk = client.converse(&anew());
    talk.say("test.drop");
    talk.end().answer.failed(OAI_ERR_CONNECTION_LOST);
    assert_eq!(server.log().len(), 1);
}

#[test]
fn a_close_ends_the_waiting_for_another_connection() {
    let (_server, client) = server();
    client.set(&json!({"initial_retry_delay_ms": 3_600_000, "max_retry_delay_ms": 3_600_000}));
    let talk = client.converse(&anew());
    talk.say("test.drop");
    assert_eq!(talk.connection()["state"], "reconnecting");
    talk.close(0, "").unwrap();
    assert_eq!(talk.end().answer.status, OAI_OK);
}
