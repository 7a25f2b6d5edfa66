//! The settings of the limiter and of the outage switch, as flags, `Config` and `POST /_limits` give them.
//!
//! Only data and their merging: `limiter` acts on them. Nothing here knows the time.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a refusal says about when to come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// `retry-after` in whole seconds, rounded up.
    #[default]
    Seconds,
    /// `retry-after` in whole seconds and `retry-after-ms`.
    SecondsAndMs,
    /// Neither header.
    None,
}

/// A time in which every `/v1` request is answered with an error.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// Milliseconds from the moment of setting it to its begin.
    #[serde(default)]
    pub after_ms: u64,
    /// How long it lasts.
    pub for_ms: u64,
    /// The status answered in that time.
    #[serde(default = "service_unavailable")]
    pub status: u16,
}

fn service_unavailable() -> u16 {
    503
}

/// The rate limits of each scope (one API key and one model). Nothing set: no limit and no `x-ratelimit` headers.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests per window; the bucket's capacity.
    pub requests_per_minute: Option<u64>,
    /// Tokens per window; the bucket's capacity.
    pub tokens_per_minute: Option<u64>,
    /// The window, a minute unless set.
    pub window_ms: u64,
    /// A window for requests alone, such as a day.
    pub requests_window_ms: Option<u64>,
    /// A window for tokens alone.
    pub tokens_window_ms: Option<u64>,
    /// Requests in a bucket when its scope is first used; full unless set.
    pub start_requests: Option<u64>,
    /// Tokens in a bucket when its scope is first used; full unless set.
    pub start_tokens: Option<u64>,
    /// Capacity of a hidden finer bucket of the same rate that refuses while the headers tell of the large one.
    pub hidden_burst: Option<u64>,
    /// The same for tokens.
    pub hidden_burst_tokens: Option<u64>,
    /// What refusals say about when to come back.
    pub retry_after: RetryAfter,
    /// Whether the refusal's text names the delay; unless set, yes except with [`RetryAfter::None`].
    pub delay_in_message: Option<bool>,
    /// Whether answers carry `x-ratelimit-*` headers.
    pub ratelimit_headers: bool,
    /// Settings that differ for one model, by its name: any of the fields above.
    pub models: BTreeMap<String, Map<String, Value>>,
    /// The outage switch.
    pub outage: Option<Outage>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            requests_per_minute: None,
            tokens_per_minute: None,
            window_ms: 60_000,
            requests_window_ms: None,
            tokens_window_ms: None,
            start_requests: None,
            start_tokens: None,
            hidden_burst: None,
            hidden_burst_tokens: None,
            retry_after: RetryAfter::default(),
            delay_in_message: None,
            ratelimit_headers: true,
            models: BTreeMap::new(),
            outage: None,
        }
    }
}

impl Limits {
    /// These settings with the keys of `patch` laid over them; a null restores the default.
    pub fn patched(&self, patch: &Value) -> Result<Limits, String> {
        let Value::Object(patch) = patch else {
            return Err("limits must be a JSON object".to_owned());
        };
        let Ok(Value::Object(mut merged)) = serde_json::to_value(self) else {
            unreachable!("limits are written as a JSON object");
        };
        for (key, value) in patch {
            if value.is_null() {
                merged.remove(key);
            } else {
                merged.insert(key.clone(), value.clone());
            }
        }
        let limits: Limits =
            serde_json::from_value(Value::Object(merged)).map_err(|error| error.to_string())?;
        for (model, own) in &limits.models {
            if own.contains_key("models") || own.contains_key("outage") {
                return Err(format!(
                    "model `{model}`: `models` and `outage` belong to the top level only"
                ));
            }
            limits
                .with(own)
                .map_err(|error| format!("model `{model}`: {error}"))?;
        }
        Ok(limits)
    }

    fn with(&self, own: &Map<String, Value>) -> Result<Limits, String> {
        let common = Limits {
            models: BTreeMap::new(),
            ..self.clone()
        };
        common.patched(&Value::Object(own.clone()))
    }

    /// The settings that hold for `model`.
    pub(crate) fn for_model(&self, model: &str) -> Limits {
        match self.models.get(model) {
            // A `Config` made in Rust was not checked by `patched`; what cannot be read there is left out.
            Some(own) => self.with(own).unwrap_or_else(|_| self.clone()),
            None => self.clone(),
        }
    }

    /// Whether any scope is limited.
    pub(crate) fn is_limited(&self) -> bool {
        self.requests_per_minute.is_some()
            || self.tokens_per_minute.is_some()
            || !self.models.is_empty()
    }

    pub(crate) fn requests_window(&self) -> Duration {
        Duration::from_millis(self.requests_window_ms.unwrap_or(self.window_ms))
    }

    pub(crate) fn tokens_window(&self) -> Duration {
        Duration::from_millis(self.tokens_window_ms.unwrap_or(self.window_ms))
    }

    pub(crate) fn names_delay(&self) -> bool {
        self.delay_in_message
            .unwrap_or(self.retry_after != RetryAfter::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_keeps_what_it_does_not_name() {
        let limits = Limits::default()
            .patched(&json!({"requests_per_minute": 60, "retry_after": "seconds_and_ms"}))
            .expect("valid");
        let limits = limits
            .patched(&json!({"tokens_per_minute": 9, "retry_after": null}))
            .expect("valid");
        assert_eq!(limits.requests_per_minute, Some(60));
        assert_eq!(limits.tokens_per_minute, Some(9));
        assert_eq!(limits.retry_after, RetryAfter::Seconds);
    }

    #[test]
    fn a_misspelt_key_is_an_error_that_names_it() {
        let error = Limits::default()
            .patched(&json!({"request_per_minute": 1}))
            .unwrap_err();
        assert!(error.contains("request_per_minute"), "{error}");
        let error = Limits::default()
            .patched(&json!({"models": {"m": {"rpm": 1}}}))
            .unwrap_err();
        assert!(error.contains('m') && error.contains("rpm"), "{error}");
    }

    #[test]
    fn a_model_has_its_own_settings_over_the_common_ones() {
        let limits = Limits::default()
            .patched(&json!({
                "requests_per_minute": 10,
                "window_ms": 1000,
                "models": {"small": {"requests_per_minute": 5}},
            }))
            .expect("valid");
        assert_eq!(limits.for_model("small").requests_per_minute, Some(5));
        assert_eq!(limits.for_model("small").window_ms, 1000);
        assert_eq!(limits.for_model("large").requests_per_minute, Some(10));
    }

    #[test]
    fn a_refusal_without_headers_is_silent_about_the_delay_too() {
        let quiet = Limits {
            retry_after: RetryAfter::None,
            ..Limits::default()
        };
        assert!(Limits::default().names_delay() && !quiet.names_delay());
        assert!(
            Limits {
                delay_in_message: Some(true),
                ..quiet
            }
            .names_delay()
        );
    }
}
