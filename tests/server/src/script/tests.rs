//! Which rule serves which request.

use super::*;
use http::HeaderMap;
use serde_json::{Value, json};

fn script(rules: Value) -> Script {
    let script = Script::default();
    let Value::Array(rules) = rules else {
        panic!("an array of rules")
    };
    let rules = rules
        .into_iter()
        .map(|rule| Rule::from_json(rule).expect("a valid rule"));
    script.add(rules.collect()).expect("valid rules");
    script
}

/// The status of the rule that serves this request.
fn served(script: &Script, method: &str, path: &str, body: &str) -> Option<u16> {
    let headers = HeaderMap::new();
    let head = Head {
        method,
        path,
        headers: &headers,
    };
    match script.at_head(&head) {
        Found::Nothing => None,
        Found::Rule(rule) => rule.status,
        Found::NeedsBody => script
            .at_body(&head, body.as_bytes())
            .and_then(|rule| rule.status),
    }
}

#[test]
fn rules_are_used_up_in_their_order() {
    let script = script(json!([{"status": 500, "times": 2}, {"status": 429}]));
    let served: Vec<_> = (0..4)
        .map(|_| served(&script, "POST", "/v1/embeddings", ""))
        .collect();
    assert_eq!(served, [Some(500), Some(500), Some(429), None]);
    assert_eq!(script.len(), 0);
}

#[test]
fn a_rule_without_end_serves_for_ever() {
    let script = script(json!([{"status": 503, "times": null}]));
    assert!((0..100).all(|_| served(&script, "GET", "/", "") == Some(503)));
    assert_eq!(script.len(), 1);
    script.clear();
    assert_eq!(served(&script, "GET", "/", ""), None);
}

#[test]
fn a_path_is_exact_or_a_prefix() {
    let script = script(json!([
        {"match": {"path": "/v1/models"}, "status": 500, "times": null},
        {"match": {"path": "/v1/models/*"}, "status": 501, "times": null},
    ]));
    assert_eq!(served(&script, "GET", "/v1/models?limit=1", ""), Some(500));
    assert_eq!(served(&script, "GET", "/v1/models/x", ""), Some(501));
    assert_eq!(served(&script, "GET", "/v1/modelsx", ""), None);
}

#[test]
fn method_model_and_text_must_all_fit() {
    let script = script(json!([
        {"match": {"method": "post", "model": "m", "contains": "blue"}, "status": 418, "times": null},
    ]));
    let body = r#"{"model": "m", "input": "blue"}"#;
    assert_eq!(served(&script, "POST", "/", body), Some(418));
    assert_eq!(served(&script, "GET", "/", body), None);
    assert_eq!(
        served(&script, "POST", "/", r#"{"model": "n", "input": "blue"}"#),
        None
    );
    assert_eq!(
        served(&script, "POST", "/", r#"{"model": "m", "input": "red"}"#),
        None
    );
}

#[test]
fn a_body_rule_that_does_not_fit_lets_the_next_one_serve() {
    let script = script(json!([{"match": {"model": "other"}, "status": 500}, {"status": 429}]));
    assert_eq!(served(&script, "POST", "/", r#"{"model": "m"}"#), Some(429));
    assert_eq!(script.len(), 1);
}

#[test]
fn headers_are_matched_exactly() {
    let script =
        script(json!([{"match": {"headers": {"Authorization": "Bearer b"}}, "status": 401}]));
    let mut headers = HeaderMap::new();
    headers.insert("authorization", http::HeaderValue::from_static("Bearer a"));
    let found = script.at_head(&Head {
        method: "GET",
        path: "/",
        headers: &headers,
    });
    assert!(matches!(found, Found::Nothing));
    headers.insert("authorization", http::HeaderValue::from_static("Bearer b"));
    let found = script.at_head(&Head {
        method: "GET",
        path: "/",
        headers: &headers,
    });
    assert!(matches!(found, Found::Rule(_)));
}

#[test]
fn before_read_waits_for_its_turn() {
    let script = script(json!([{"status": 500}, {"drop": "before_read"}]));
    assert!(script.has_before_read());
    assert!(script.before_read("POST", "/v1/x").is_none());
    assert_eq!(served(&script, "POST", "/v1/x", ""), Some(500));
    assert!(script.before_read("POST", "/v1/x").is_some());
    assert!(!script.has_before_read());
}

#[test]
fn before_read_for_another_path_leaves_the_connection_alone() {
    let script = script(json!([{"match": {"path": "/v1/a"}, "drop": "before_read"}]));
    assert!(script.before_read("POST", "/v1/b").is_none());
    assert!(script.before_read("POST", "/v1/a?x=1").is_some());
}

#[test]
fn one_bad_rule_refuses_all() {
    let script = Script::default();
    assert!(
        script
            .add(vec![Rule::status(500), Rule::status(1)])
            .is_err()
    );
    assert_eq!(script.len(), 0);
}
