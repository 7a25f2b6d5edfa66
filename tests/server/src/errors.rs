//! Errors in the shape that the OpenAI API gives them.
//!
//! Every endpoint returns these; scripted answers use [`ApiError::for_status`] when a rule names a status and no body.

use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::answer;

/// `{"error": {"message", "type", "param", "code"}}` with its HTTP status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) code: Option<&'static str>,
    pub(crate) param: Option<&'static str>,
    pub(crate) message: String,
}

impl ApiError {
    /// A 400 about one parameter.
    pub(crate) fn invalid(param: &'static str, message: impl Into<String>) -> ApiError {
        ApiError {
            status: 400,
            kind: "invalid_request_error",
            code: None,
            param: Some(param),
            message: message.into(),
        }
    }

    /// The same error with a `code`.
    pub(crate) fn with_code(self, code: &'static str) -> ApiError {
        ApiError {
            code: Some(code),
            ..self
        }
    }

    /// A body that is no JSON.
    pub(crate) fn not_json(error: &serde_json::Error) -> ApiError {
        ApiError {
            param: None,
            ..ApiError::invalid(
                "",
                format!("We could not parse the JSON body of your request: {error}."),
            )
        }
    }

    /// A request without a model.
    pub(crate) fn no_model() -> ApiError {
        ApiError::invalid("model", "you must provide a model parameter")
    }

    /// What OpenAI would plausibly say with this status.
    pub(crate) fn for_status(status: u16) -> ApiError {
        let (kind, code, message) = match status {
            401 => (
                "invalid_request_error",
                Some("invalid_api_key"),
                "Incorrect API key provided.",
            ),
            403 => (
                "invalid_request_error",
                None,
                "You are not allowed to do this.",
            ),
            404 => ("invalid_request_error", None, "Not found."),
            408 => ("timeout", None, "The request timed out."),
            409 => (
                "invalid_request_error",
                None,
                "The resource was changed meanwhile.",
            ),
            429 => (
                "requests",
                Some("rate_limit_exceeded"),
                "Rate limit reached for requests.",
            ),
            503 => (
                "server_error",
                None,
                "The server is overloaded or not ready yet.",
            ),
            500.. => (
                "server_error",
                None,
                "The server had an error while processing your request.",
            ),
            _ => ("invalid_request_error", None, "The request is invalid."),
        };
        ApiError {
            status,
            kind,
            code,
            param: None,
            message: message.to_owned(),
        }
    }

    /// The body.
    pub(crate) fn to_json(&self) -> Value {
        json!({"error": {
            "message": self.message,
            "type": self.kind,
            "param": self.param,
            "code": self.code,
        }})
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        answer::json(self.status, &self.to_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_has_all_four_fields_even_when_null() {
        let error = ApiError::for_status(503).to_json();
        assert_eq!(error["error"]["type"], "server_error");
        assert!(error["error"].get("param").is_some_and(Value::is_null));
        assert!(error["error"].get("code").is_some_and(Value::is_null));
    }

    #[test]
    fn a_429_is_a_rate_limit_and_not_a_quota() {
        let error = ApiError::for_status(429);
        assert_eq!(
            (error.kind, error.code),
            ("requests", Some("rate_limit_exceeded"))
        );
    }
}
