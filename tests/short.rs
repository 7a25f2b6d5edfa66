//! The short forms through the exported functions: what each sends, what each gives back, and what each refuses.

mod border;

use std::ffi::{c_char, c_void};
use std::ptr;

use border::{Client, Events, STRLEN, answer, c, outcome};
use oaic::ffi::client::oai_client;
use oaic::ffi::error::oai_error;
use oaic::ffi::response::oai_response;
use oaic::ffi::send::{oai_callback, oai_destructor};
use oaic::ffi::short::*;
use oaic::ffi::status::{OAI_ERR_HTTP_NOT_FOUND, OAI_ERR_INVALID_ARGUMENT, OAI_OK, oai_status};
use serde_json::{Value, json};
use test_server::{Config, Rule, TestServer};

type Blocking = unsafe extern "C" fn(
    *const oai_client,
    *const c_char,
    usize,
    *mut *mut oai_response,
) -> oai_status;

type Async = unsafe extern "C" fn(
    *const oai_client,
    *const c_char,
    usize,
    oai_callback,
    *mut c_void,
    oai_destructor,
    *mut u64,
    *mut *mut oai_error,
) -> oai_status;

/// Each operation with a JSON body: its forms, its path, a body, and where the answer's text is.
fn operations() -> [(Blocking, Async, &'static str, Value, &'static str); 3] {
    let chat = json!({"model": "m", "messages": [{"role": "user", "content": "one two"}]});
    [
        (
            oai_chat,
            oai_chat_async,
            "/v1/chat/completions",
            chat,
            "/choices/0/message/content",
        ),
        (
            oai_responses,
            oai_responses_async,
            "/v1/responses",
            json!({"model": "m", "input": "one two"}),
            "/output/0/content/0/text",
        ),
        (
            oai_completions,
            oai_completions_async,
            "/v1/completions",
            json!({"model": "m", "prompt": "one two"}),
            "/choices/0/text",
        ),
    ]
}

/// The one request that arrived: method, path and body. The log is empty afterwards.
fn arrived(server: &TestServer) -> (String, String, Value) {
    let log = server.log();
    assert_eq!(log.len(), 1);
    server.clear();
    let body = log[0].json();
    (log[0].method.clone(), log[0].path.clone(), body)
}

#[test]
fn each_operation_with_a_json_body_waits_and_calls_back() {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({}));
    for (blocking, submit, path, body, place) in operations() {
        let json = c(&body.to_string());
        // SAFETY: all pointers live as long as the call.
        let waited = answer(|out| unsafe { blocking(client.0, json.as_ptr(), STRLEN, out) });
        assert_eq!(waited.status, OAI_OK, "{path}: {}", waited.message);
        let text = waited.json().pointer(place).cloned();
        assert_eq!(text, Some(json!("You said: one two")), "{path}");
        assert_eq!(arrived(&server), ("POST".into(), path.into(), body.clone()));

        let events = Events::new();
        let (callback, user_data, destructor) = events.callback();
        let mut id = 0;
        // SAFETY: all pointers live as long as the call, the events until the end.
        border::ok(|error| unsafe {
            let (json, len) = (body.to_string(), body.to_string().len());
            let data = json.as_ptr().cast();
            submit(
                client.0, data, len, callback, user_data, destructor, &mut id, error,
            )
        });
        let (chunks, done) = events.wait();
        assert_ne!(id, 0);
        assert_eq!((chunks.len(), done.status), (0, OAI_OK));
        assert_eq!(
            done.json().pointer(place),
            Some(&json!("You said: one two"))
        );
        assert_eq!(arrived(&server), ("POST".into(), path.into(), body));
    }
}

#[test]
fn streams_set_stream_and_deliver_chunks() {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({}));
    let [chat, responses, _] = operations();
    for (submit, path, mut body, delta) in [
        (
            oai_chat_stream as Async,
            chat.2,
            chat.3,
            "/choices/0/delta/content",
        ),
        (oai_responses_stream, responses.2, responses.3, "/delta"),
    ] {
        let json = c(&body.to_string());
        let events = Events::new();
        let (callback, user_data, destructor) = events.callback();
        // SAFETY: all pointers live as long as the call, the events until the end.
        border::ok(|error| unsafe {
            let id = ptr::null_mut();
            let data = json.as_ptr();
            submit(
                client.0, data, STRLEN, callback, user_data, destructor, id, error,
            )
        });
        let (chunks, done) = events.wait();
        assert_eq!(done.status, OAI_OK, "{path}: {}", done.message);
        let text: String = chunks
            .iter()
            .map(|chunk| serde_json::from_str::<Value>(chunk).expect("chunks of JSON"))
            .filter_map(|chunk| chunk.pointer(delta)?.as_str().map(str::to_owned))
            .collect();
        assert_eq!(text, "You said: one two", "{path}");
        body["stream"] = json!(true);
        assert_eq!(arrived(&server), ("POST".into(), path.into(), body));
    }
}

#[test]
fn a_blocking_call_of_a_stream_gives_the_folded_message() {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({}));
    for (blocking, _, path, mut body, place) in operations() {
        body["stream"] = json!(true);
        let json = c(&body.to_string());
        // SAFETY: all pointers live as long as the call.
        let folded = answer(|out| unsafe { blocking(client.0, json.as_ptr(), STRLEN, out) });
        let text = folded.json().pointer(place).cloned();
        assert_eq!(text, Some(json!("You said: one two")), "{path}");
    }
}

#[test]
fn moderations_take_a_text_and_a_model_or_none() {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({}));
    let model = c("omni");
    for (model, body) in [
        (ptr::null(), json!({"input": "say \"é\""})),
        (
            model.as_ptr(),
            json!({"input": "say \"é\"", "model": "omni"}),
        ),
    ] {
        let text = "say \"é\", not this";
        let len = "say \"é\"".len();
        // SAFETY: all pointers live as long as the call.
        let moderated =
            answer(|out| unsafe { oai_moderate(client.0, text.as_ptr().cast(), len, model, out) });
        assert_eq!(moderated.status, OAI_OK, "{}", moderated.message);
        assert_eq!(moderated.json()["results"].as_array().unwrap().len(), 1);
        let expected = ("POST".into(), "/v1/moderations".into(), body.clone());
        assert_eq!(arrived(&server), expected);

        let events = Events::new();
        let (callback, user_data, destructor) = events.callback();
        // SAFETY: all pointers live as long as the call, the events until the end.
        border::ok(|error| unsafe {
            let (text, id) = (text.as_ptr().cast(), ptr::null_mut());
            let end = (callback, user_data, destructor);
            oai_moderate_async(client.0, text, len, model, end.0, end.1, end.2, id, error)
        });
        assert_eq!(events.wait().1.status, OAI_OK);
        assert_eq!(arrived(&server).2, body);
    }
}

#[test]
fn models_are_listed() {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({}));
    // SAFETY: all pointers live as long as the call.
    let waited = answer(|out| unsafe { oai_models(client.0, out) });
    assert!(waited.json()["data"][0]["id"].is_string());
    let (method, path, _) = arrived(&server);
    assert_eq!((method.as_str(), path.as_str()), ("GET", "/v1/models"));

    let events = Events::new();
    let (callback, user_data, destructor) = events.callback();
    // SAFETY: all pointers live as long as the call, the events until the end.
    border::ok(|error| unsafe {
        let id = ptr::null_mut();
        oai_models_async(client.0, callback, user_data, destructor, id, error)
    });
    let (_, done) = events.wait();
    assert_eq!((done.status, done.body), (waited.status, waited.body));
}

#[test]
fn what_the_server_refuses_is_in_the_response() {
    let server = TestServer::start(Config::default());
    server.script(Rule::status(404).on("/v1/chat/completions"));
    let client = Client::new(&server.url(), json!({}));
    // SAFETY: all pointers live as long as the call.
    let refused = answer(|out| unsafe { oai_chat(client.0, c"{}".as_ptr(), STRLEN, out) });
    assert_eq!(refused.status, OAI_ERR_HTTP_NOT_FOUND);
    assert!(refused.body.contains("error"), "{}", refused.body);
}

#[test]
fn wrong_arguments_are_refused_and_the_destructor_runs() {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({}));
    for (blocking, submit, path, ..) in operations() {
        for (json, says) in [
            (ptr::null(), "json must not be NULL"),
            (c"{".as_ptr(), "not valid JSON"),
            (c"\xff".as_ptr(), "not UTF-8"),
        ] {
            // SAFETY: all pointers are NULL or live as long as the call.
            let refused = answer(|out| unsafe { blocking(client.0, json, STRLEN, out) });
            assert_eq!(refused.status, OAI_ERR_INVALID_ARGUMENT, "{path}");
            assert!(refused.message.contains(says), "{}", refused.message);
            let events = Events::new();
            let (callback, user_data, destructor) = events.callback();
            let mut id = 7;
            // SAFETY: as above; the destructor runs inside the call.
            let (status, message) = outcome(|error| unsafe {
                submit(
                    client.0, json, STRLEN, callback, user_data, destructor, &mut id, error,
                )
            });
            assert_eq!((status, id), (OAI_ERR_INVALID_ARGUMENT, 0), "{path}");
            assert!(message.contains(says), "{message}");
            assert_eq!(events.destroyed(), 1);
        }
    }
    for (submit, json) in [
        (oai_chat_stream as Async, c"[1]"),
        (oai_responses_stream, c"\"text\""),
    ] {
        let events = Events::new();
        let (callback, user_data, destructor) = events.callback();
        // SAFETY: all pointers live as long as the call; the destructor runs inside it.
        let (status, message) = outcome(|error| unsafe {
            let (data, id) = (json.as_ptr(), ptr::null_mut());
            submit(
                client.0, data, STRLEN, callback, user_data, destructor, id, error,
            )
        });
        assert_eq!(status, OAI_ERR_INVALID_ARGUMENT);
        assert!(message.contains("not an object"), "{message}");
    }
    // SAFETY: NULL is allowed to be passed, and refused.
    let refused =
        answer(|out| unsafe { oai_moderate(client.0, ptr::null(), STRLEN, ptr::null(), out) });
    assert!(refused.message.contains("text must not be NULL"));
    assert!(server.log().is_empty());
}
