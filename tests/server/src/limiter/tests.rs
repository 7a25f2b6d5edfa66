//! The limiter on a clock of the test's own.

use super::*;
use serde_json::json;

fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}

fn limits(patch: serde_json::Value) -> Limits {
    Limits::default().patched(&patch).expect("valid limits")
}

fn headers(scope: &mut Scope, now: Duration) -> HeaderMap {
    let mut headers = HeaderMap::new();
    scope.write_headers(&mut headers, now);
    headers
}

#[test]
fn durations_are_written_as_openai_does() {
    for (value, text) in [
        (0, "0s"),
        (1, "1ms"),
        (120, "120ms"),
        (1000, "1s"),
        (8640, "8.64s"),
        (10_000, "10s"),
        (60_000, "1m0s"),
        (360_000, "6m0s"),
        (72_500, "1m12.5s"),
        (86_400_000, "24h0m0s"),
    ] {
        assert_eq!(duration_text(ms(value)), text);
    }
    assert_eq!(duration_text(Duration::from_nanos(1)), "1ms");
}

#[test]
fn headers_tell_the_truth_after_each_request() {
    let mut scope = Scope::new(
        limits(json!({"requests_per_minute": 60, "tokens_per_minute": 6000})),
        ms(0),
    );
    assert_eq!(scope.decide(100, ms(0)), Decision::Admitted);
    let told = headers(&mut scope, ms(0));
    assert_eq!(told["x-ratelimit-limit-requests"], "60");
    assert_eq!(told["x-ratelimit-remaining-requests"], "59");
    assert_eq!(told["x-ratelimit-reset-requests"], "1s");
    assert_eq!(told["x-ratelimit-limit-tokens"], "6000");
    assert_eq!(told["x-ratelimit-remaining-tokens"], "5900");
    assert_eq!(told["x-ratelimit-reset-tokens"], "1s");
    assert_eq!(
        headers(&mut scope, ms(1000))["x-ratelimit-reset-requests"],
        "0s"
    );
}

#[test]
fn a_refused_request_costs_nothing() {
    let mut scope = Scope::new(
        limits(json!({"requests_per_minute": 60, "start_requests": 1, "tokens_per_minute": 600})),
        ms(0),
    );
    assert_eq!(scope.decide(300, ms(0)), Decision::Admitted);
    let refused = Decision::Refused {
        dimension: Dimension::Requests,
        wait: ms(1000),
    };
    for _ in 0..10 {
        assert_eq!(scope.decide(10, ms(0)), refused);
    }
    assert_eq!(
        headers(&mut scope, ms(0))["x-ratelimit-remaining-tokens"],
        "300"
    );
    assert_eq!(scope.decide(10, ms(1000)), Decision::Admitted);
}

#[test]
fn the_longer_wait_names_the_dimension() {
    let mut scope = Scope::new(
        limits(json!({
            "requests_per_minute": 600, "start_requests": 0,
            "tokens_per_minute": 60, "start_tokens": 0,
        })),
        ms(0),
    );
    let refused = Decision::Refused {
        dimension: Dimension::Tokens,
        wait: ms(10_000),
    };
    assert_eq!(scope.decide(10, ms(0)), refused);
}

#[test]
fn a_refusal_says_when_to_come_back_in_the_mode_set() {
    for (mode, seconds, millis) in [
        ("seconds", Some("2"), None),
        ("seconds_and_ms", Some("2"), Some("1200")),
        ("none", None, None),
    ] {
        let mut scope = Scope::new(
            limits(json!({"requests_per_minute": 50, "start_requests": 0, "retry_after": mode})),
            ms(0),
        );
        let decision = scope.decide(1, ms(0));
        let refusal = scope.refusal(&decision, 1, "m", ms(0));
        let header = |name| {
            refusal
                .headers
                .get(name)
                .map(|value| value.to_str().expect("text"))
        };
        assert_eq!(header("retry-after"), seconds);
        assert_eq!(header("retry-after-ms"), millis);
        assert_eq!(refusal.error.status, 429);
        assert_eq!(refusal.error.kind, "requests");
        assert_eq!(refusal.error.code, Some("rate_limit_exceeded"));
        assert_eq!(
            refusal.error.message.contains("try again in 1.2s"),
            mode != "none"
        );
        assert!(
            refusal
                .error
                .message
                .contains("Limit 50, Used 50, Requested 1.")
        );
    }
}

#[test]
fn a_request_larger_than_the_bucket_is_too_large() {
    let mut scope = Scope::new(limits(json!({"tokens_per_minute": 100})), ms(0));
    let decision = scope.decide(101, ms(0));
    assert_eq!(
        decision,
        Decision::TooLarge {
            dimension: Dimension::Tokens
        }
    );
    let refusal = scope.refusal(&decision, 101, "m", ms(0));
    assert!(refusal.error.message.starts_with("Request too large for m"));
    assert!(refusal.headers.is_empty());
    assert_eq!(scope.decide(100, ms(0)), Decision::Admitted);
}

#[test]
fn a_hidden_burst_refuses_while_the_headers_speak_of_the_large_bucket() {
    let mut scope = Scope::new(
        limits(json!({"requests_per_minute": 6000, "hidden_burst": 50})),
        ms(0),
    );
    for _ in 0..50 {
        assert_eq!(scope.decide(1, ms(0)), Decision::Admitted);
    }
    let refused = Decision::Refused {
        dimension: Dimension::Requests,
        wait: ms(10),
    };
    assert_eq!(scope.decide(1, ms(0)), refused);
    assert_eq!(
        headers(&mut scope, ms(0))["x-ratelimit-remaining-requests"],
        "5950"
    );
    assert_eq!(scope.decide(1, ms(10)), Decision::Admitted);
}

#[test]
fn windows_other_than_a_minute() {
    let mut scope = Scope::new(
        limits(
            json!({"requests_per_minute": 24, "requests_window_ms": 86_400_000, "start_requests": 0}),
        ),
        ms(0),
    );
    let refused = Decision::Refused {
        dimension: Dimension::Requests,
        wait: ms(3_600_000),
    };
    assert_eq!(scope.decide(1, ms(0)), refused);
    assert_eq!(
        headers(&mut scope, ms(0))["x-ratelimit-reset-requests"],
        "24h0m0s"
    );
}

#[test]
fn scopes_are_apart_by_key_and_model() {
    let mut limiter = Limiter::new(limits(json!({"requests_per_minute": 1})), ms(0));
    for (key, model) in [("a", "m"), ("b", "m"), ("a", "n")] {
        assert_eq!(
            limiter.scope(key, model, ms(0)).decide(1, ms(0)),
            Decision::Admitted
        );
    }
    assert_ne!(
        limiter.scope("a", "m", ms(0)).decide(1, ms(0)),
        Decision::Admitted
    );
}

#[test]
fn a_change_keeps_levels_unless_a_start_is_given() {
    let mut limiter = Limiter::new(limits(json!({"requests_per_minute": 100})), ms(0));
    for _ in 0..90 {
        limiter.scope("k", "m", ms(0)).decide(1, ms(0));
    }
    limiter.change(
        limits(json!({"requests_per_minute": 200})),
        [false; 2],
        ms(0),
    );
    let told = headers(limiter.scope("k", "m", ms(0)), ms(0));
    assert_eq!(told["x-ratelimit-limit-requests"], "200");
    assert_eq!(told["x-ratelimit-remaining-requests"], "10");
    let anew = limits(json!({"requests_per_minute": 200, "start_requests": 150}));
    limiter.change(anew, [true, false], ms(0));
    let told = headers(limiter.scope("k", "m", ms(0)), ms(0));
    assert_eq!(told["x-ratelimit-remaining-requests"], "150");
}

#[test]
fn an_outage_has_a_begin_and_an_end() {
    let mut limiter = Limiter::new(Limits::default(), ms(0));
    let outage = json!({"outage": {"after_ms": 4750, "for_ms": 5000}});
    limiter.change(limits(outage), [false; 2], ms(1000));
    assert_eq!(limiter.outage(ms(5749)), None);
    assert_eq!(limiter.outage(ms(5750)), Some(503));
    assert_eq!(limiter.outage(ms(10_749)), Some(503));
    assert_eq!(limiter.outage(ms(10_750)), None);
}
