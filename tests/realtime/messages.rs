//! What goes out and what comes in.

use oaic::ffi::status::{OAI_ERR_CLOSED, OAI_ERR_QUEUE_FULL, OAI_ERR_TOO_LARGE, OAI_OK};
use serde_json::{Value, json};
use test_server::{Config, Rule, TestServer};

use crate::support::realtime::Event;
use crate::support::{Client, Request};

fn server() -> (TestServer, Client) {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({}));
    (server, client)
}

#[test]
fn a_conversation_from_its_opening_to_its_close() {
    let (server, client) = server();
    let talk = client.open(&Request::realtime());
    let opened = talk.connection();
    assert_eq!(opened["state"], "open");
    assert_eq!(
        (&opened["connection"], &opened["attempts"]),
        (&json!(1), &json!(1))
    );
    assert!(opened["request_id"].is_string(), "{opened}");
    assert_eq!(talk.message()["session"]["model"], "gpt-realtime");
    talk.send(&json!({"type": "session.update", "session": {"output_modalities": ["text"]}}));
    assert_eq!(talk.message()["session"]["output_modalities"][0], "text");
    talk.say("response.create");
    let mut said = String::new();
    loop {
        let event = talk.message();
        match event["type"].as_str().unwrap() {
            "response.output_text.delta" => said += event["delta"].as_str().unwrap(),
            "response.done" => break,
            _ => {}
        }
    }
    assert_eq!(said, "You said it.");
    talk.close(0, "good bye").unwrap();
    let end = talk.end();
    assert_eq!(end.answer.status, OAI_OK, "{}", end.answer.message);
    assert_eq!((end.code, &*end.reason), (1000, "good bye"));
    assert_eq!((end.answer.http_status, end.answer.attempts), (101, 1));
    assert!(end.unsent.is_empty());
    assert_eq!(talk.try_next(u64::MAX).unwrap_err().0, OAI_ERR_CLOSED);
    assert_eq!(talk.try_send("{}").unwrap_err().0, OAI_ERR_CLOSED);
    assert_eq!(talk.close(0, "").unwrap_err().0, OAI_ERR_CLOSED);
    let arrived = &server.log()[0];
    assert_eq!(arrived.path, "/v1/realtime?model=gpt-realtime");
    assert_eq!(arrived.header("authorization"), Some("Bearer test-key"));
}

#[test]
fn responses_speak_over_a_socket_too() {
    let (_server, client) = server();
    let talk = client.open(&Request::new("GET", "/responses"));
    talk.connection();
    for turn in ["Hello", "there"] {
        talk.send(&json!({"type": "response.create", "model": "m", "input": turn}));
        let mut last = json!(null);
        while last["type"] != "response.completed" {
            last = talk.message();
        }
        let said = &last["response"]["output"][0]["content"][0]["text"];
        assert_eq!(said, &json!(format!("You said: {turn}")));
    }
}

#[test]
fn an_error_of_the_server_is_a_message_and_the_conversation_goes_on() {
    let (_server, client) = server();
    let talk = client.converse(&json!({}));
    talk.send(&json!({"type": "no such", "event_id": "mine"}));
    let error = talk.message();
    assert_eq!(error["type"], "error");
    assert_eq!(error["error"]["event_id"], "mine");
    talk.try_send("no JSON").unwrap();
    assert_eq!(talk.message()["type"], "error");
    talk.say("session.update");
    assert_eq!(talk.message()["type"], "session.updated");
}

#[test]
fn messages_leave_in_order_and_may_be_sent_before_there_is_a_connection() {
    let (server, client) = server();
    server.script(Rule::pass().on("/v1/realtime").hold("gate"));
    let talk = client.open(&Request::realtime());
    for _ in 0..99 {
        talk.say("input_audio_buffer.append");
    }
    talk.say("test.count");
    talk.close(0, "").unwrap();
    assert!(talk.unsent_bytes() > 0);
    assert!(talk.try_next(0).unwrap().is_none());
    server.release("gate");
    talk.connection();
    talk.message();
    assert_eq!(talk.message()["count"], 100);
    let end = talk.end();
    assert_eq!((end.answer.status, end.unsent.len()), (OAI_OK, 0));
    assert_eq!(talk.unsent_bytes(), 0);
}

#[test]
fn statistics_count_an_opening_and_the_bytes_of_messages() {
    let (_server, client) = server();
    let talk = client.converse(&json!({}));
    let before = client.stats();
    assert_eq!(before["requests"]["ended"]["ok"], 1);
    assert_eq!(before["latency"]["first_byte"]["count"], 1);
    assert_eq!(before["models"][0]["model"], "gpt-realtime");
    talk.send_binary(&[0; 1000]);
    assert!(matches!(talk.next(), Event::Binary(_)));
    let after = client.stats();
    for way in ["sent", "received"] {
        let bytes = |stats: &Value| stats["bytes"][way].as_u64().unwrap();
        assert_eq!(bytes(&after) - bytes(&before), 1000, "{way}");
    }
    assert_eq!(after["requests"]["accepted"], 1);
}

#[test]
fn any_number_of_threads_may_send_at_once() {
    let (_server, client) = server();
    let talk = client.converse(&json!({}));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    talk.say("input_audio_buffer.append");
                }
            });
        }
    });
    talk.say("test.count");
    assert_eq!(talk.message()["count"], 401);
}

#[test]
fn bytes_parts_and_pings_are_what_they_are() {
    let (_server, client) = server();
    let talk = client.converse(&json!({}));
    talk.send_binary(b"a\0b");
    assert!(matches!(talk.next(), Event::Binary(bytes) if bytes == b"a\0b"));
    talk.say("test.fragments");
    assert_eq!(talk.message()["type"], "test.whole");
    talk.send(&json!({"type": "test.ping", "payload": "are you there"}));
    assert_eq!(talk.message()["payload"], "are you there");
}

#[test]
fn a_server_that_says_nothing_is_asked_whether_it_is_there() {
    let (_server, client) = server();
    // Its pongs are life, or the connection would end.
    client.set(&json!({"idle_timeout_ms": 300}));
    let talk = client.converse(&json!({"ping_interval_ms": 20}));
    talk.send(&json!({"type": "test.count"}));
    talk.message();
    assert!(talk.try_next(900).unwrap().is_none());
    talk.say("test.count");
    assert_eq!(talk.message()["count"], 2);
}

#[test]
fn it_is_asked_in_time_however_short_the_silence_may_be() {
    let (_server, client) = server();
    // Much shorter than the usual time between pings.
    client.set(&json!({"idle_timeout_ms": 300}));
    let talk = client.converse(&json!({}));
    assert!(talk.try_next(900).unwrap().is_none());
    talk.say("test.count");
    talk.message();
}

#[test]
fn a_slow_reader_holds_the_server_back_and_not_what_it_sends() {
    let (_server, client) = server();
    client.set(&json!({"stream_buffer_events": 4, "idle_timeout_ms": 200}));
    let talk = client.converse(&json!({"ping_interval_ms": 0}));
    // More than the kernel takes in at once.
    let (count, bytes) = (100, 50_000);
    talk.send(&json!({"type": "test.burst", "count": count, "bytes": bytes}));
    for _ in 0..10 {
        talk.say("input_audio_buffer.append");
    }
    while talk.unsent_bytes() > 0 {
        std::thread::yield_now();
    }
    // Longer than the idle timeout, which is the server's and not the reader's.
    std::thread::sleep(std::time::Duration::from_millis(300));
    for index in 0..count {
        let part = talk.message();
        assert_eq!(part["index"], index);
        assert_eq!(part["padding"].as_str().unwrap().len(), bytes);
    }
    talk.say("test.count");
    assert_eq!(talk.message()["count"], 12);
}

#[test]
fn so_much_waits_to_be_sent_and_no_more() {
    let (server, client) = server();
    server.script(Rule::pass().on("/v1/realtime").hold("gate"));
    let talk = client.open_with(&Request::realtime(), &json!({"max_unsent_bytes": 30}));
    talk.say("test.count");
    let (status, message) = talk.try_send(r#"{"type":"test.count"}"#).unwrap_err();
    assert_eq!(status, OAI_ERR_QUEUE_FULL);
    assert!(message.contains("max_unsent_bytes"), "{message}");
    server.release("gate");
    talk.connection();
    talk.message();
    assert_eq!(talk.message()["count"], 1);
    talk.say("test.count");
    assert_eq!(talk.message()["count"], 2);
}

#[test]
fn a_message_that_is_too_large_ends_the_connection() {
    let (_server, client) = server();
    client.set(&json!({"max_response_bytes": 10_000}));
    let talk = client.converse(&json!({}));
    talk.send(&json!({"type": "test.binary", "bytes": 10_000}));
    assert!(matches!(talk.next(), Event::Binary(bytes) if bytes.len() == 10_000));
    talk.send(&json!({"type": "test.binary", "bytes": 10_001}));
    let end = talk.end();
    let failed = end.answer.failed(OAI_ERR_TOO_LARGE);
    assert!(
        failed.message.contains("max_response_bytes"),
        "{}",
        failed.message
    );
}
