//! The limiter and the outage switch over HTTP. Their arithmetic is tested in `limiter` on a clock of its own; here
//! windows are so long that nothing is refilled while the test runs.

mod common;

use common::{Answer, Client, call, embed, embed_body};
use serde_json::{Value, json};
use test_server::{Config, Limits, RetryAfter, TestServer};

fn limited(patch: Value) -> TestServer {
    let limits = Limits {
        window_ms: 86_400_000,
        ..Limits::default()
    };
    let limits = limits.patched(&patch).expect("valid limits");
    TestServer::start(Config {
        limits,
        ..Config::default()
    })
}

fn chat(server: &TestServer, max_tokens: u64) -> Answer {
    let body = json!({
        "model": "m", "max_tokens": max_tokens, "messages": [{"role": "user", "content": "hi"}],
    });
    call(
        server.address(),
        "POST",
        "/v1/chat/completions",
        &body.to_string(),
    )
    .expect("an answer")
}

#[test]
fn the_bucket_empties_and_the_headers_say_so() {
    let server = limited(json!({"requests_per_minute": 3, "tokens_per_minute": 1000}));
    for left in ["2", "1", "0"] {
        let answer = chat(&server, 100);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some(left));
        assert_eq!(answer.header("x-ratelimit-limit-requests"), Some("3"));
    }
    let answer = chat(&server, 100);
    assert_eq!(answer.status, 429);
    assert_eq!(answer.json()["error"]["type"], "requests");
    assert_eq!(answer.json()["error"]["code"], "rate_limit_exceeded");
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("0"));
    // The refused request took no tokens.
    assert_eq!(answer.header("x-ratelimit-remaining-tokens"), Some("700"));
    assert!(
        answer
            .header("retry-after")
            .is_some_and(|text| text.parse::<u64>().is_ok())
    );
    assert!(
        answer
            .header("x-ratelimit-reset-requests")
            .is_some_and(|text| text.contains('h'))
    );
    assert_eq!(server.counts().served[&429], 1);
}

#[test]
fn tokens_run_out_before_requests() {
    let server = limited(
        json!({"requests_per_minute": 100, "tokens_per_minute": 250, "retry_after": "none"}),
    );
    assert_eq!(
        (chat(&server, 100).status, chat(&server, 100).status),
        (200, 200)
    );
    let answer = chat(&server, 100);
    assert_eq!((answer.status, answer.header("retry-after")), (429, None));
    assert_eq!(answer.json()["error"]["type"], "tokens");
    let answer = chat(&server, 251);
    assert_eq!(answer.status, 429);
    assert!(answer.text().contains("Request too large"));
}

#[test]
fn keys_and_models_have_buckets_of_their_own() {
    let server = limited(json!({"requests_per_minute": 1}));
    let mut client = Client::connect(server.address());
    for (key, status) in [("Bearer a", 200), ("Bearer b", 200), ("Bearer a", 429)] {
        client.send(
            "POST",
            "/v1/embeddings",
            &[("authorization", key)],
            &embed_body("x"),
        );
        assert_eq!(client.answer().expect("an answer").status, status, "{key}");
    }
    let models = client.call("GET", "/v1/models", "").expect("an answer");
    assert_eq!(
        (models.status, models.header("x-ratelimit-limit-requests")),
        (200, None)
    );
}

#[test]
fn limits_change_at_run_time_and_a_reset_restores_them() {
    let server = limited(json!({"requests_per_minute": 1}));
    assert_eq!(embed(server.address(), "x").expect("an answer").status, 200);
    assert_eq!(embed(server.address(), "x").expect("an answer").status, 429);
    let patch =
        r#"{"requests_per_minute": 10, "start_requests": 5, "retry_after": "seconds_and_ms"}"#;
    let answer = call(server.address(), "POST", "/_limits", patch).expect("an answer");
    assert_eq!(
        answer.json()["retry_after"],
        json!(RetryAfter::SecondsAndMs)
    );
    let answer = embed(server.address(), "x").expect("an answer");
    assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("4"));
    let answer = call(server.address(), "POST", "/_limits", r#"{"rpm": 10}"#).expect("an answer");
    assert!(answer.status == 400 && answer.text().contains("rpm"));
    server.clear();
    let answer = embed(server.address(), "x").expect("an answer");
    assert_eq!(answer.header("x-ratelimit-limit-requests"), Some("1"));
}

#[test]
fn an_outage_refuses_everything_until_it_is_taken_back() {
    let server = limited(json!({}));
    server.limits(&json!({"outage": {"for_ms": 3_600_000, "status": 502}}));
    for (method, path) in [("POST", "/v1/embeddings"), ("GET", "/v1/models")] {
        let answer = call(server.address(), method, path, &embed_body("x")).expect("an answer");
        assert_eq!(answer.status, 502);
        assert_eq!(answer.json()["error"]["type"], "server_error");
    }
    server.limits(&json!({"outage": null}));
    assert_eq!(embed(server.address(), "x").expect("an answer").status, 200);
}

#[test]
fn without_limits_there_are_no_limit_headers() {
    let server = limited(json!({}));
    let answer = embed(server.address(), "x").expect("an answer");
    assert!(
        answer
            .headers
            .iter()
            .all(|(name, _)| !name.starts_with("x-ratelimit"))
    );
}
