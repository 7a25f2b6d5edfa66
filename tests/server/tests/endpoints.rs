//! The endpoints over HTTP, unscripted.

mod common;

use std::collections::HashSet;

use common::{Client, call, embed, embed_body};
use serde_json::json;
use test_server::{Config, TestServer};

#[test]
fn every_answer_has_the_headers_of_openai() {
    let server = TestServer::start(Config::default());
    let mut ids = HashSet::new();
    let mut client = Client::connect(server.address());
    for (method, path, body, status) in [
        ("POST", "/v1/embeddings", embed_body("a"), 200),
        ("POST", "/v1/embeddings", "{".to_owned(), 400),
        ("GET", "/v1/models", String::new(), 200),
        ("GET", "/v1/models/nope", String::new(), 404),
        ("GET", "/v1/embeddings", String::new(), 405),
        ("POST", "/v1/nowhere", String::new(), 404),
        (
            "POST",
            "/v1/moderations",
            r#"{"input": "x"}"#.to_owned(),
            200,
        ),
        (
            "POST",
            "/v1/completions",
            r#"{"model": "m", "prompt": "x"}"#.to_owned(),
            200,
        ),
    ] {
        let answer = client.call(method, path, &body).expect("an answer");
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert!(
            answer
                .header("date")
                .is_some_and(|date| date.ends_with("GMT"))
        );
        assert!(
            answer
                .header("openai-processing-ms")
                .is_some_and(|ms| ms.parse::<u64>().is_ok())
        );
        let id = answer
            .header("x-request-id")
            .expect("a request id")
            .to_owned();
        assert!(id.starts_with("req_") && ids.insert(id));
        assert_eq!(answer.json()["error"].is_object(), status != 200);
    }
    assert_eq!(server.counts().connections, 1);
    assert!(server.log().iter().all(|entry| entry.connection == 1));
}

#[test]
fn an_embedding_is_the_same_every_time() {
    let server = TestServer::start(Config::default());
    let first = embed(server.address(), "hello").expect("an answer").json();
    let second = embed(server.address(), "hello").expect("an answer").json();
    assert_eq!(first, second);
    assert_eq!(
        first["data"][0]["embedding"].as_array().map(Vec::len),
        Some(4)
    );
}

#[test]
fn a_large_request_and_a_large_answer_pass() {
    let server = TestServer::start(Config::default());
    let body = json!({
        "model": "text-embedding-3-large",
        "input": vec!["many words in a row ".repeat(25); 2048],
        "encoding_format": "base64",
    });
    // 500 characters each are 256,000 tokens: below the limit of a request.
    let answer = call(
        server.address(),
        "POST",
        "/v1/embeddings",
        &body.to_string(),
    );
    let answer = answer.expect("an answer").json();
    assert_eq!(answer["data"].as_array().map(Vec::len), Some(2048));
    assert_eq!(
        answer["data"][2047]["embedding"].as_str().map(str::len),
        Some(3072 * 4 * 4 / 3)
    );
}

#[test]
fn a_chat_streams_one_chunk_an_event() {
    let server = TestServer::start(Config::default());
    let body = json!({
        "model": "m", "stream": true, "messages": [{"role": "user", "content": "hello there"}],
    });
    let answer = call(
        server.address(),
        "POST",
        "/v1/chat/completions",
        &body.to_string(),
    );
    let answer = answer.expect("an answer");
    assert!(
        answer
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("text/event-stream"))
    );
    assert_eq!(answer.text().matches("data: ").count(), answer.chunks.len());
    assert!(answer.text().contains("there") && answer.text().ends_with("data: [DONE]\n\n"));
}

#[test]
fn a_response_streams_typed_events() {
    let server = TestServer::start(Config::default());
    let body = json!({"model": "m", "stream": true, "input": "hello"}).to_string();
    let text = call(server.address(), "POST", "/v1/responses", &body)
        .expect("an answer")
        .text();
    for kind in [
        "response.created",
        "response.output_text.delta",
        "response.completed",
    ] {
        assert!(text.contains(&format!("event: {kind}\ndata: {{")), "{text}");
    }
}

#[test]
fn a_required_key_is_checked_and_never_repeated() {
    let config = Config {
        require_key: Some("sk-right".to_owned()),
        ..Config::default()
    };
    let server = TestServer::start(config);
    let mut client = Client::connect(server.address());
    for (header, status) in [
        (("authorization", "Bearer sk-right"), 200),
        (("api-key", "sk-right"), 200),
        (("authorization", "Bearer sk-wrong"), 401),
        (("x-other", "sk-right"), 401),
    ] {
        client.send("POST", "/v1/embeddings", &[header], &embed_body("a"));
        let answer = client.answer().expect("an answer");
        assert_eq!(answer.status, status, "{header:?}");
        if status == 401 {
            assert!(!answer.text().contains("sk-"));
            assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
        }
    }
}

#[test]
fn in_memory_repeats_an_answer_of_the_same_shape() {
    let server = TestServer::start(Config {
        in_memory: true,
        log: false,
        ..Config::default()
    });
    let first = embed(server.address(), "one").expect("an answer").json();
    let second = embed(server.address(), "two").expect("an answer").json();
    assert_eq!(first, second);
    assert!(server.log().is_empty());
    assert_eq!(server.counts().served[&200], 2);
}

#[test]
fn azures_paths_lead_to_the_same_endpoints() {
    let server = TestServer::start(Config::default());
    let body = json!({"model": "m", "input": "hello"}).to_string();
    for path in [
        "/openai/v1/embeddings",
        "/openai/deployments/my-deployment/embeddings?api-version=2024-10-21",
        "/openai/embeddings",
    ] {
        let answer = call(server.address(), "POST", path, &body).expect("an answer");
        assert_eq!(answer.json()["data"][0]["index"], 0, "{path}");
    }
    let answer = call(server.address(), "POST", "/openai/v2/embeddings", &body);
    assert_eq!(answer.expect("an answer").status, 404);
}

#[test]
fn pictures_and_sound() {
    let server = TestServer::start(Config::default());
    let post =
        |path: &str, body: &str| call(server.address(), "POST", path, body).expect("an answer");
    let picture = post(
        "/v1/images/generations",
        r#"{"model": "m", "prompt": "a boat"}"#,
    );
    let png = picture.json()["data"][0]["b64_json"]
        .as_str()
        .expect("a picture")
        .to_owned();
    assert!(png.starts_with("iVBORw0KGgo"));
    assert_eq!(
        post("/v1/images/generations", r#"{"model": "m"}"#).status,
        400
    );
    assert_eq!(
        post("/v1/images/edits", "a form").json()["data"][0]["b64_json"],
        png.as_str()
    );
    let speech = post(
        "/v1/audio/speech",
        r#"{"model": "m", "input": "a", "voice": "alloy"}"#,
    );
    assert_eq!(speech.header("content-type"), Some("audio/wav"));
    assert_eq!((&speech.body[..4], speech.body.len()), (&b"RIFF"[..], 844));
    let heard = "Old boats are mended here.";
    assert_eq!(
        post("/v1/audio/transcriptions", "a form").json()["text"],
        heard
    );
    assert_eq!(
        post("/v1/audio/translations", "a form").json()["text"],
        heard
    );
}

#[test]
fn a_chat_that_must_call_a_tool_calls_its_first() {
    let server = TestServer::start(Config::default());
    let body = r#"{"model": "m", "messages": [{"role": "user", "content": "x"}], "tool_choice": "required",
        "tools": [{"type": "function", "function": {"name": "tide"}}]}"#;
    let answer = call(server.address(), "POST", "/v1/chat/completions", body)
        .expect("an answer")
        .json();
    assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(
        answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"],
        "tide"
    );
}
