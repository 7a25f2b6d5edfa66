//! Folding through the exported functions: a binding gets every chunk, and the same whole as `oai_chat` gives.

mod border;

use std::ffi::c_char;
use std::ptr;

use border::{Client, Events, STRLEN, answer, c, ok, outcome, text};
use oaic::ffi::fold::{oai_fold, oai_fold_finish, oai_fold_free, oai_fold_new, oai_fold_push};
use oaic::ffi::response::oai_string_free;
use oaic::ffi::short::{oai_chat, oai_chat_stream, oai_responses_stream};
use oaic::ffi::status::{OAI_ERR_DECODE, OAI_ERR_INVALID_ARGUMENT, OAI_OK, oai_status};
use serde_json::{Value, json};
use test_server::{Config, Rule, TestServer};

struct Fold(*mut oai_fold);

impl Fold {
    fn new() -> Fold {
        let mut fold = ptr::null_mut();
        // SAFETY: all pointers live as long as the call.
        ok(|error| unsafe { oai_fold_new(&mut fold, error) });
        Fold(fold)
    }

    fn push(&self, chunk: &str) -> (oai_status, String) {
        // SAFETY: all pointers live as long as the call.
        outcome(|error| unsafe { oai_fold_push(self.0, chunk.as_ptr().cast(), chunk.len(), error) })
    }

    fn finish(&self) -> Value {
        let (mut json, mut len): (*mut c_char, _) = (ptr::null_mut(), 0);
        // SAFETY: all pointers live as long as the call, which gives us the text.
        let whole = unsafe {
            ok(|error| oai_fold_finish(self.0, &mut json, &mut len, error));
            let copy = text(json);
            oai_string_free(json);
            copy
        };
        assert_eq!(whole.len(), len);
        serde_json::from_str(&whole).expect("JSON")
    }
}

impl Drop for Fold {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and was not freed.
        unsafe { oai_fold_free(self.0) };
    }
}

#[test]
fn the_chunks_of_a_chat_fold_to_what_a_blocking_call_gives() {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({}));
    let json = c(
        &json!({"model": "m", "stream": true, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "one two"}]})
        .to_string(),
    );
    let events = Events::new();
    let (callback, user_data, destructor) = events.callback();
    // SAFETY: all pointers live as long as the call, the events until the end.
    ok(|error| unsafe {
        let (data, id) = (json.as_ptr(), ptr::null_mut());
        oai_chat_stream(
            client.0, data, STRLEN, callback, user_data, destructor, id, error,
        )
    });
    let fold = Fold::new();
    for chunk in events.wait().0 {
        assert_eq!(fold.push(&chunk), (OAI_OK, String::new()));
    }
    let mut folded = fold.finish();
    // SAFETY: all pointers live as long as the call.
    let mut whole = answer(|out| unsafe { oai_chat(client.0, json.as_ptr(), STRLEN, out) }).json();
    for own in ["id", "created"] {
        folded.as_object_mut().unwrap().remove(own);
        whole.as_object_mut().unwrap().remove(own);
    }
    assert_eq!(folded, whole);
    assert_eq!(
        folded["choices"][0]["message"]["content"],
        "You said: one two"
    );
    assert!(folded["usage"]["total_tokens"].as_u64().unwrap() > 0);
}

#[test]
fn the_events_of_a_response_fold_to_the_response() {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({}));
    let json = c(r#"{"model": "m", "input": "one two"}"#);
    let events = Events::new();
    let (callback, user_data, destructor) = events.callback();
    // SAFETY: all pointers live as long as the call, the events until the end.
    ok(|error| unsafe {
        let (data, id) = (json.as_ptr(), ptr::null_mut());
        oai_responses_stream(
            client.0, data, STRLEN, callback, user_data, destructor, id, error,
        )
    });
    let fold = Fold::new();
    for chunk in events.wait().0 {
        assert_eq!(fold.push(&chunk).0, OAI_OK);
    }
    let whole = fold.finish();
    assert_eq!(whole["object"], "response");
    assert_eq!(
        whole["output"][0]["content"][0]["text"],
        "You said: one two"
    );
    assert!(whole["usage"].is_object());
}

#[test]
fn tool_calls_and_refusals_come_in_pieces_over_the_wire() {
    let server = TestServer::start(Config::default());
    let deltas = [
        json!({"role": "assistant", "tool_calls": [{"index": 0, "id": "call_1", "type": "function",
            "function": {"name": "weather", "arguments": ""}}]}),
        json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"city\":"}}]}),
        json!({"tool_calls": [{"index": 0, "function": {"arguments": "\"Köln\"}"}}]}),
        json!({"refusal": "I "}),
        json!({"refusal": "cannot"}),
    ];
    let mut chunks: Vec<String> = deltas
        .iter()
        .map(|delta| json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]}))
        .map(|chunk| format!("data: {chunk}\n\n"))
        .collect();
    chunks.push("data: [DONE]\n\n".into());
    server.script(Rule::chunks(chunks).header("content-type", "text/event-stream"));
    let client = Client::new(&server.url(), json!({}));
    let events = Events::new();
    let (callback, user_data, destructor) = events.callback();
    // SAFETY: all pointers live as long as the call, the events until the end.
    ok(|error| unsafe {
        let (data, id) = (c"{}".as_ptr(), ptr::null_mut());
        oai_chat_stream(
            client.0, data, STRLEN, callback, user_data, destructor, id, error,
        )
    });
    let (chunks, done) = events.wait();
    assert_eq!((chunks.len(), done.status), (deltas.len(), OAI_OK));
    let fold = Fold::new();
    for chunk in chunks {
        assert_eq!(fold.push(&chunk).0, OAI_OK);
    }
    let message = &fold.finish()["choices"][0]["message"];
    let call = &message["tool_calls"][0];
    assert_eq!(call["id"], "call_1");
    assert_eq!(
        call["function"],
        json!({"name": "weather", "arguments": "{\"city\":\"Köln\"}"})
    );
    assert_eq!(message["refusal"], "I cannot");
}

#[test]
fn a_fold_leaves_out_what_is_no_chunk_and_begins_anew_after_its_end() {
    let fold = Fold::new();
    assert_eq!(fold.finish(), json!([]));
    let chunk = |text: &str| {
        json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]}).to_string()
    };
    assert_eq!(fold.push(&chunk("a")).0, OAI_OK);
    let (status, message) = fold.push("no JSON");
    assert_eq!(status, OAI_ERR_DECODE);
    assert!(message.contains("event 1"), "{message}");
    assert_eq!(fold.push(&chunk("b")).0, OAI_OK);
    assert_eq!(fold.finish()["choices"][0]["message"]["content"], "ab");
    assert_eq!(fold.push(&chunk("c")).0, OAI_OK);
    assert_eq!(fold.finish()["choices"][0]["message"]["content"], "c");
}

#[test]
fn null_is_refused() {
    let fold = Fold::new();
    // SAFETY: NULL is allowed to be passed, and refused.
    unsafe {
        assert_eq!(
            oai_fold_new(ptr::null_mut(), ptr::null_mut()),
            OAI_ERR_INVALID_ARGUMENT
        );
        for (fold, data) in [(ptr::null_mut(), c"{}".as_ptr()), (fold.0, ptr::null())] {
            let (status, message) = outcome(|error| oai_fold_push(fold, data, STRLEN, error));
            assert_eq!(status, OAI_ERR_INVALID_ARGUMENT);
            assert!(message.contains("must not be NULL"), "{message}");
        }
        let (none, no_len) = (ptr::null_mut(), ptr::null_mut());
        let (status, _) = outcome(|error| oai_fold_finish(fold.0, none, no_len, error));
        assert_eq!(status, OAI_ERR_INVALID_ARGUMENT);
        oai_fold_free(ptr::null_mut());
    }
}
