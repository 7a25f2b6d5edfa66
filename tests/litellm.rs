//! A real compatible server: the LiteLLM proxy, with models that answer by themselves.
//!
//! `make test-litellm` runs it beside the proxy of tests/litellm/config.yaml. It holds what the library expects of
//! compatible servers against one that nobody here wrote, and must contact nothing else.

mod border;

use std::ptr;

use border::{Answer, Client, Events, STRLEN, answer, c, ok, text};
use oaic::ffi::embed::oai_embed;
use oaic::ffi::error::{oai_error_code, oai_error_http_status, oai_error_type};
use oaic::ffi::response::{
    oai_response, oai_response_attempts, oai_response_embeddings, oai_response_error,
};
use oaic::ffi::short::{oai_chat, oai_chat_stream, oai_models};
use oaic::ffi::status::{OAI_ERR_HTTP_BAD_REQUEST, OAI_ERR_RATE_LIMITED, OAI_OK};
use serde_json::{Value, json};

fn client(more: Value) -> Client {
    let url = std::env::var("OAI_TEST_SERVER").expect("make test-litellm sets it");
    Client::new(&format!("{url}/v1"), more)
}

fn chat(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Count."}]})
}

/// What a failure says besides its message.
#[derive(Debug, PartialEq)]
struct Failure {
    http_status: i32,
    kind: String,
    code: String,
    attempts: u32,
}

fn ask(client: &Client, body: &Value) -> (Answer, Failure) {
    let json = c(&body.to_string());
    let mut response: *mut oai_response = ptr::null_mut();
    // SAFETY: all pointers live as long as the calls, and the response is ours until it is taken.
    unsafe {
        oai_chat(client.0, json.as_ptr(), STRLEN, &mut response);
        let error = oai_response_error(response);
        let failure = Failure {
            http_status: oai_error_http_status(error),
            kind: text(oai_error_type(error)),
            code: text(oai_error_code(error)),
            attempts: oai_response_attempts(response),
        };
        (Answer::take(response), failure)
    }
}

#[test]
#[ignore = "needs the LiteLLM proxy: make test-litellm"]
fn models_are_listed() {
    let client = client(json!({}));
    // SAFETY: all pointers live as long as the call.
    let models = answer(|out| unsafe { oai_models(client.0, out) });
    assert_eq!(models.status, OAI_OK, "{}", models.message);
    let models = models.json();
    let mut ids: Vec<&str> = models["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|model| model["id"].as_str().expect("an id"))
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, ["chatty", "limited", "numbers", "paced"]);
}

#[test]
#[ignore = "needs the LiteLLM proxy: make test-litellm"]
fn a_chat_is_answered_whole_and_as_a_stream() {
    let client = client(json!({}));
    let mut body = chat("chatty");
    let (whole, _) = ask(&client, &body);
    assert_eq!(whole.status, OAI_OK, "{}", whole.message);
    let content = "/choices/0/message/content";
    let said = Some(json!("one two three"));
    assert_eq!(whole.json().pointer(content).cloned(), said);

    let json = c(&body.to_string());
    let events = Events::new();
    let (callback, user_data, destructor) = events.callback();
    // SAFETY: all pointers live as long as the call, the events until the destructor has run.
    ok(|error| unsafe {
        let (data, id) = (json.as_ptr(), ptr::null_mut());
        oai_chat_stream(
            client.0, data, STRLEN, callback, user_data, destructor, id, error,
        )
    });
    let (chunks, end) = events.wait();
    assert_eq!(end.status, OAI_OK, "{}", end.message);
    assert!(chunks.len() > 1, "{chunks:?}");

    body["stream"] = json!(true);
    let (folded, _) = ask(&client, &body);
    assert_eq!(folded.status, OAI_OK, "{}", folded.message);
    let folded = folded.json();
    assert_eq!(folded["object"], "chat.completion");
    assert_eq!(folded.pointer(content).cloned(), said);
    assert_eq!(folded["choices"][0]["finish_reason"], "stop");
}

#[test]
#[ignore = "needs the LiteLLM proxy: make test-litellm"]
fn embeddings_come_as_a_matrix() {
    let client = client(json!({}));
    let (model, input) = (c("numbers"), c("one"));
    let (inputs, mut response) = ([input.as_ptr()], ptr::null_mut());
    let (mut data, mut rows, mut dims) = (ptr::null(), 0, 0);
    // SAFETY: all pointers live as long as the calls, and the matrix as long as the response, which is ours.
    unsafe {
        let (lens, options) = (ptr::null(), ptr::null());
        let (model, inputs) = (model.as_ptr(), inputs.as_ptr());
        oai_embed(client.0, model, inputs, lens, 1, options, &mut response);
        let read = oai_response_embeddings(response, &mut data, &mut rows, &mut dims);
        let vectors = match read {
            OAI_OK => std::slice::from_raw_parts(data, rows * dims).to_vec(),
            _ => Vec::new(),
        };
        let answer = Answer::take(response);
        assert_eq!(read, OAI_OK, "{} {}", answer.message, answer.body);
        assert_eq!((rows, vectors), (1, vec![0.25, -0.5, 1.0]));
    }
}

#[test]
#[ignore = "needs the LiteLLM proxy: make test-litellm"]
fn a_429_is_tried_again_and_then_told() {
    let client = client(json!({"max_retries": 2}));
    let (answer, failure) = ask(&client, &chat("limited"));
    assert_eq!(answer.status, OAI_ERR_RATE_LIMITED, "{}", answer.body);
    // The proxy writes the code as a string.
    assert_eq!(answer.json()["error"]["code"], "429");
    let expected = Failure {
        http_status: 429,
        kind: "throttling_error".to_owned(),
        code: "429".to_owned(),
        attempts: 3,
    };
    assert_eq!(failure, expected);
}

#[test]
#[ignore = "needs the LiteLLM proxy: make test-litellm"]
fn a_limit_that_the_proxy_keeps_is_told_by_429s() {
    let client = client(json!({"max_retries": 0, "learn_limits": false}));
    // The second of a minute is refused; a minute may end in between, but not two.
    let (refused, failure) = (0..3)
        .map(|_| ask(&client, &chat("paced")))
        .find(|(answer, _)| answer.status != OAI_OK)
        .expect("one request a minute is let through");
    assert_eq!(refused.status, OAI_ERR_RATE_LIMITED, "{}", refused.body);
    assert_eq!((failure.http_status, failure.attempts), (429, 1));
    assert!(
        refused.message.contains("RPM limit=1"),
        "{}",
        refused.message
    );
    // Another model has a limit of its own, so it is not held up.
    let (other, _) = ask(&client, &chat("chatty"));
    assert_eq!(other.status, OAI_OK, "{}", other.message);
}

#[test]
#[ignore = "needs the LiteLLM proxy: make test-litellm"]
fn wrong_keys_and_models_are_refused_once() {
    let (answer, failure) = ask(&client(json!({"api_key": "sk-wrong"})), &chat("chatty"));
    // Without a database, the proxy tells a wrong key by a 400 and not by a 401.
    assert_eq!((failure.http_status, failure.attempts), (400, 1));
    assert_eq!(answer.status, OAI_ERR_HTTP_BAD_REQUEST, "{}", answer.body);
    assert_eq!(failure.kind, "no_db_connection");
    assert!(!answer.message.contains("sk-wrong"), "{}", answer.message);

    let (answer, failure) = ask(&client(json!({})), &chat("unknown"));
    assert_eq!((failure.http_status, failure.attempts), (400, 1));
    assert_eq!(answer.status, OAI_ERR_HTTP_BAD_REQUEST, "{}", answer.body);
    assert!(answer.message.contains("unknown"), "{}", answer.message);
}
