//! The control paths that tests in any language use: `/_script`, `/_reset`, `/_release`, `/_log`, `/_stats`, `/_limits`.
//!
//! They are never logged, counted, scripted or limited.

use std::time::Duration;

use axum::response::Response;
use http::request::Parts;
use serde_json::{Map, Value, json};

use crate::answer;
use crate::rule::Rule;
use crate::state::State;

/// Whether a path belongs to the control API.
pub(crate) fn is_control(path: &str) -> bool {
    path.starts_with("/_")
}

pub(crate) async fn answer(state: &State, parts: &Parts, body: &[u8]) -> Response {
    let outcome = match (parts.method.as_str(), parts.uri.path()) {
        ("POST", "/_script") => script(state, body),
        ("POST", "/_limits") => limits(state, body),
        ("GET", "/_limits") => Ok(json!(state.limiter().limits())),
        ("POST", "/_release") => release(state, body),
        ("POST", "/_reset") => {
            state.clear();
            Ok(json!({}))
        }
        ("GET", "/_log") => wait(state, parts).await.map(|()| {
            Value::Array(
                state
                    .log
                    .entries()
                    .iter()
                    .map(|entry| entry.to_json())
                    .collect(),
            )
        }),
        ("GET", "/_stats") => wait(state, parts).await.map(|()| stats(state)),
        (method, path) => Err(format!(
            "no control path {method} {path}; there are POST /_script, /_limits, /_release, /_reset and \
             GET /_log, /_stats, /_limits"
        )),
    };
    match outcome {
        Ok(value) => answer::json(200, &value),
        Err(message) => answer::json(400, &json!({"error": message})),
    }
}

fn parse(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body).map_err(|error| format!("the body is no JSON: {error}"))
}

fn script(state: &State, body: &[u8]) -> Result<Value, String> {
    state.script.add(Rule::list_from_json(parse(body)?)?)?;
    Ok(json!({"rules": state.script.len()}))
}

/// Applies a change of limits; shared with `TestServer::limits`.
pub(crate) fn set_limits(state: &State, patch: &Value) -> Result<(), String> {
    let mut limiter = state.limiter();
    let limits = limiter.limits().patched(patch)?;
    let restart = ["start_requests", "start_tokens"].map(|key| patch.get(key).is_some());
    let now = state.now();
    // Setting an outage again starts its time anew, even when it is the same as before.
    if patch.get("outage").is_some() {
        let without = limiter.limits().patched(&json!({"outage": null}))?;
        limiter.change(without, [false; 2], now);
    }
    limiter.change(limits, restart, now);
    Ok(())
}

fn limits(state: &State, body: &[u8]) -> Result<Value, String> {
    set_limits(state, &parse(body)?)?;
    Ok(json!(state.limiter().limits()))
}

fn release(state: &State, body: &[u8]) -> Result<Value, String> {
    let request = parse(body)?;
    let name = request["hold"]
        .as_str()
        .ok_or("`hold` must name the gate to open")?;
    let count = match &request["count"] {
        Value::Null => None,
        count => Some(count.as_u64().ok_or("`count` must be a whole number")? as usize),
    };
    state.release(name, count);
    Ok(json!({}))
}

/// The counters as JSON.
pub(crate) fn stats(state: &State) -> Value {
    let counts = state.log.counts();
    let served: Map<String, Value> = counts
        .served
        .iter()
        .map(|(status, count)| (status.to_string(), Value::from(*count)))
        .collect();
    json!({
        "in_flight": state.log.in_flight(),
        "max_in_flight": state.log.max_in_flight(),
        "served": served,
        "arrived": counts.arrived,
        "connections": counts.connections,
        "dropped": counts.dropped,
        "client_gone": counts.client_gone,
        "rules_left": state.script.len(),
        "uptime_ms": state.log.now_ms(),
    })
}

/// With `?arrived=N` or `?in_flight=N` in the query: waits until at least N requests have arrived, or exactly N
/// are in flight; at most `timeout_ms` (10 seconds unless given), after which the answer comes as it is.
async fn wait(state: &State, parts: &Parts) -> Result<(), String> {
    let mut arrived = None;
    let mut in_flight = None;
    let mut timeout_ms = 10_000;
    for pair in parts
        .uri
        .query()
        .unwrap_or("")
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let number: u64 = value
            .parse()
            .map_err(|_| format!("`{name}` must be a whole number, not `{value}`"))?;
        match name {
            "arrived" => arrived = Some(number),
            "in_flight" => in_flight = Some(number),
            "timeout_ms" => timeout_ms = number,
            _ => {
                return Err(format!(
                    "unknown `{name}`; use arrived, in_flight, timeout_ms"
                ));
            }
        }
    }
    let reached = || {
        arrived.is_none_or(|count| state.log.arrived() >= count)
            && in_flight.is_none_or(|count| state.log.in_flight() as u64 == count)
    };
    let until = async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    // Running out of time is told by the answer itself.
    let _ = tokio::time::timeout(Duration::from_millis(timeout_ms), until).await;
    Ok(())
}
