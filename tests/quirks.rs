//! Servers that are compatible in their own way: what each quirk comes to for the caller.

mod support;

use std::io::{BufReader, Write};
use std::time::{Duration, Instant};

use oaic::ffi::status::{
    OAI_ERR_DECODE, OAI_ERR_HTTP_BAD_REQUEST, OAI_ERR_HTTP_NOT_FOUND, OAI_ERR_HTTP_UNPROCESSABLE,
    OAI_ERR_INCOMPLETE, OAI_ERR_NO_API_KEY, OAI_ERR_RATE_LIMITED, OAI_ERR_STREAM, OAI_OK,
};
use serde_json::{Value, json};
use support::loopback::{Scripted, listen, ok, read_request};
use support::{Client, chat};
use test_server::{Config, Rule, TestServer};

// ===== errors =====

/// What comes of an error answer with this body.
fn error(http_status: u16, body: &str) -> support::Answer {
    let server = Scripted::always(format!(
        "HTTP/1.1 {http_status} x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
    Client::new(&server.url(), json!({"max_retries": 0})).post("/chat/completions", &chat(false))
}

#[test]
fn errors_are_read_in_every_shape() {
    for (http, body, status, message, code, kind) in [
        // Ollama and others.
        (
            404,
            r#"{"error":"model 'x' not found"}"#,
            OAI_ERR_HTTP_NOT_FOUND,
            "model 'x' not found",
            None,
            None,
        ),
        // vLLM: the code is a number.
        (
            400,
            r#"{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}"#,
            OAI_ERR_HTTP_BAD_REQUEST,
            "too long",
            Some("400"),
            Some("BadRequestError"),
        ),
        (
            400,
            r#"{"error":{"message":"too long","type":"BadRequestError","code":400}}"#,
            OAI_ERR_HTTP_BAD_REQUEST,
            "too long",
            Some("400"),
            Some("BadRequestError"),
        ),
        // LiteLLM: the code is a number in a string.
        (
            400,
            r#"{"error":{"message":"no","type":"None","param":"None","code":"400"}}"#,
            OAI_ERR_HTTP_BAD_REQUEST,
            "no",
            Some("400"),
            Some("None"),
        ),
        // FastAPI, both ways.
        (
            404,
            r#"{"detail":"Not Found"}"#,
            OAI_ERR_HTTP_NOT_FOUND,
            "Not Found",
            None,
            None,
        ),
        (
            422,
            r#"{"detail":[{"type":"missing","loc":["body","model"],"msg":"Field required"}]}"#,
            OAI_ERR_HTTP_UNPROCESSABLE,
            "body.model: Field required",
            None,
            Some("missing"),
        ),
        // A gateway's page, and nothing at all.
        (
            404,
            "<html><title>404 Not Found</title></html>",
            OAI_ERR_HTTP_NOT_FOUND,
            "an HTML page (404 Not Found)",
            None,
            None,
        ),
        (400, "", OAI_ERR_HTTP_BAD_REQUEST, "has no body", None, None),
    ] {
        let failed = error(http, body).failed(status);
        assert!(failed.message.contains(message), "{}", failed.message);
        assert_eq!(failed.code.as_deref(), code, "{body}");
        assert_eq!(failed.kind.as_deref(), kind, "{body}");
        assert_eq!(failed.body, body.as_bytes(), "the body is kept");
    }
}

#[test]
fn a_429_without_retry_after_is_tried_again_in_its_own_time() {
    let server = TestServer::start(Config::default());
    server.script(Rule::status(429).body(r#"{"error":"slow down"}"#).times(2));
    let options = json!({"initial_retry_delay_ms": 60, "retry_jitter": 0, "learn_limits": false});
    let client = Client::new(&server.url(), options);
    let began = Instant::now();
    assert_eq!(client.embed("a").ok().attempts, 3);
    assert!(began.elapsed() >= Duration::from_millis(60 + 120));
    server.script(Rule::status(429).body(r#"{"error":"slow down"}"#).forever());
    let client = Client::new(&server.url(), json!({"max_retries": 0}));
    let failed = client.embed("a").failed(OAI_ERR_RATE_LIMITED);
    assert!(failed.message.contains("slow down"), "{}", failed.message);
}

// ===== embeddings =====

fn embed(body: Value, inputs: &[&str]) -> support::Answer {
    let server = Scripted::always(ok(&body.to_string()));
    Client::new(&server.url(), json!({})).embed_all(inputs)
}

#[test]
fn lists_of_numbers_are_taken_although_base64_was_asked_for() {
    let body = json!({"data": [
        {"index": 1, "embedding": [3, 4.5]},
        {"index": 0, "embedding": [1e0, -2]},
    ]});
    assert_eq!(embed(body, &["a", "b"]).ok().matrix, (2, 2));
    let mixed = json!({"data": [
        {"index": 0, "embedding": "AACAPwAAAEA="},
        {"index": 1, "embedding": [1, 2]},
    ]});
    assert_eq!(embed(mixed, &["a", "b"]).ok().matrix, (2, 2));
    let no_index = json!({"data": [{"embedding": [1]}, {"embedding": [2]}]});
    assert_eq!(embed(no_index, &["a", "b"]).ok().matrix, (2, 1));
}

#[test]
fn fewer_vectors_than_inputs_is_an_error_and_never_a_shorter_matrix() {
    let one = json!({"data": [{"index": 0, "embedding": [1, 2]}]});
    for body in [one, json!({"data": []}), json!({"object": "list"})] {
        let failed = embed(body, &["a", "b"]).failed(OAI_ERR_DECODE);
        assert_eq!((failed.attempts, failed.http_status), (1, 200));
        assert!(!failed.body.is_empty(), "what came can be looked at");
    }
}

#[test]
fn a_page_with_status_200_is_an_error_where_vectors_are_expected() {
    let page = "<!doctype html><html><title>Sign in</title></html>";
    let server = Scripted::always(format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n{page}",
        page.len()
    ));
    let client = Client::new(&server.url(), json!({}));
    let failed = client.embed("a").failed(OAI_ERR_DECODE);
    assert_eq!((failed.attempts, failed.http_status), (1, 200));
    assert_eq!(failed.body, page.as_bytes());
    // As a stream it has no events, and so no end either.
    let (events, failed) = client.stream("/chat/completions", &chat(true));
    assert!(events.is_empty());
    assert_eq!(failed.status, OAI_ERR_INCOMPLETE, "{}", failed.message);
}

// ===== streams =====

const DELTA: &str = r#"{"choices":[{"index":0,"delta":{"content":"Hi"}}]}"#;
const USAGE: &str =
    r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;

/// What a stream with this content type and these bytes comes to: as events, and folded.
fn stream(content_type: &str, bytes: &str) -> (Vec<String>, support::Answer, support::Answer) {
    let server = TestServer::start(Config::default());
    let head = format!("HTTP/1.1 200 OK\r\n{content_type}\r\n{bytes}");
    server.script(Rule::raw(head).forever());
    let client = Client::new(&server.url(), json!({}));
    let (events, answer) = client.stream("/chat/completions", &chat(true));
    let folded = client.post("/chat/completions", &chat(true));
    (events, answer, folded)
}

#[test]
fn streams_are_read_however_they_are_written() {
    const SSE: &str = "content-type: text/event-stream\r\n";
    for (content_type, bytes) in [
        (SSE, format!("data: {DELTA}\n\ndata: [DONE]\n\n")),
        (SSE, format!("data:{DELTA}\n\ndata:[DONE]\n\n")),
        (SSE, format!("data: {DELTA}\r\n\r\ndata: [DONE]\r\n\r\n")),
        (SSE, format!("\u{feff}data: {DELTA}\n\ndata: [DONE]\n\n")),
        (
            SSE,
            format!(": OPENROUTER PROCESSING\n\n:\n\ndata: {DELTA}\n\n: ping\n\ndata: [DONE]\n\n"),
        ),
        (
            SSE,
            format!("event: ping\n\ndata: {DELTA}\n\ndata: [DONE]\n\n"),
        ),
        (
            SSE,
            format!("id: 1\nretry: 10\nevent: message\ndata: {DELTA}\n\ndata: [DONE]\n\n"),
        ),
        (SSE, format!("data: {DELTA}\n\ndata: [DONE]")),
        (
            "content-type: text/event-stream; charset=utf-8\r\n",
            format!("data: {DELTA}\n\ndata: [DONE]\n\n"),
        ),
        (
            "content-type: text/plain\r\n",
            format!("data: {DELTA}\n\ndata: [DONE]\n\n"),
        ),
        (
            "content-type: application/octet-stream\r\n",
            format!("data: {DELTA}\n\ndata: [DONE]\n\n"),
        ),
        ("", format!("data: {DELTA}\n\ndata: [DONE]\n\n")),
    ] {
        let (events, answer, folded) = stream(content_type, &bytes);
        assert_eq!(
            answer.status, OAI_OK,
            "{content_type}{bytes}: {}",
            answer.message
        );
        assert_eq!(events, [DELTA], "{content_type}{bytes}");
        let content = &folded.ok().json()["choices"][0]["message"]["content"];
        assert_eq!(content, "Hi", "{content_type}{bytes}");
    }
}

#[test]
fn a_usage_chunk_without_choices_is_an_event_like_others_and_folds() {
    let bytes = format!("data: {DELTA}\n\ndata: {USAGE}\n\ndata: [DONE]\n\n");
    let (events, answer, folded) = stream("content-type: text/event-stream\r\n", &bytes);
    assert_eq!(
        (answer.status, events),
        (OAI_OK, vec![DELTA.to_owned(), USAGE.to_owned()])
    );
    let folded = folded.ok().json();
    assert_eq!(folded["choices"][0]["message"]["content"], "Hi");
    assert_eq!(folded["usage"]["total_tokens"], 2);
}

#[test]
fn a_stream_without_done_keeps_what_came_and_says_that_it_may_not_be_all() {
    let bytes = format!("data: {DELTA}\n\n");
    let (events, answer, folded) = stream("content-type: text/event-stream\r\n", &bytes);
    assert_eq!(events, [DELTA]);
    for failed in [answer, folded] {
        assert_eq!(failed.status, OAI_ERR_INCOMPLETE);
        assert_eq!(failed.attempts, 1);
        assert!(failed.message.contains("[DONE]"), "{}", failed.message);
    }
}

#[test]
fn an_error_in_the_middle_of_a_stream_is_an_error() {
    for event in [
        r#"data: {"error":{"message":"out of memory","code":500}}"#,
        r#"data: {"error":"out of memory"}"#,
        "event: error\ndata: {\"message\":\"out of memory\"}",
    ] {
        let bytes = format!("data: {DELTA}\n\n{event}\n\ndata: [DONE]\n\n");
        let (events, answer, folded) = stream("content-type: text/event-stream\r\n", &bytes);
        assert_eq!(events, [DELTA], "{event}");
        for failed in [answer, folded] {
            assert_eq!(failed.status, OAI_ERR_STREAM, "{event}");
            assert!(
                failed.message.contains("out of memory"),
                "{}",
                failed.message
            );
        }
    }
}

#[test]
fn a_server_that_answers_a_stream_with_json_is_taken_at_its_word() {
    let body = r#"{"choices":[{"message":{"content":"Hi"}}]}"#;
    let server = Scripted::always(ok(body));
    let client = Client::new(&server.url(), json!({}));
    let (events, answer) = client.stream("/chat/completions", &chat(true));
    assert!(events.is_empty());
    assert_eq!(answer.ok().body, body.as_bytes());
}

#[test]
fn a_connection_left_open_after_done_delays_nothing() {
    let address = listen(move |stream, _| {
        let mut writer = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        if read_request(&mut reader).is_some() {
            let bytes = format!("{head}data: {DELTA}\n\ndata: [DONE]\n\n");
            writer.write_all(bytes.as_bytes()).unwrap();
            // Open until the client goes.
            read_request(&mut reader);
        }
    });
    let client = Client::new(
        &format!("http://{address}/v1"),
        json!({"max_concurrent_requests": 1}),
    );
    let began = Instant::now();
    for _ in 0..5 {
        let (events, answer) = client.stream("/chat/completions", &chat(true));
        answer.ok();
        assert_eq!(events, [DELTA]);
    }
    assert!(began.elapsed() < Duration::from_secs(5));
}

// ===== places =====

#[test]
fn every_host_of_openai_wants_a_key_and_no_other_does() {
    for host in [
        "api.openai.com",
        "eu.api.openai.com",
        "us.api.openai.com",
        "au.api.openai.com",
    ] {
        let client = Client::new(&format!("https://{host}/v1"), json!({"api_key": null}));
        let refused = client.embed("a").failed(OAI_ERR_NO_API_KEY);
        assert_eq!(refused.attempts, 0);
        assert!(refused.message.contains(host), "{}", refused.message);
    }
    let server = TestServer::start(Config::default());
    Client::new(&server.url(), json!({"api_key": null}))
        .embed("a")
        .ok();
    assert_eq!(server.log()[0].header("authorization"), None);
}
