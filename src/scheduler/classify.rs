//! Turns an error answer into the error that a person reads.

use std::time::Duration;

use crate::codec::api_error::ApiError;
use crate::error::Error;
use crate::status::{self, Status};

use super::retry::Why;

/// The error of an answer with a status outside 200 to 299.
pub fn answer(http_status: u16, api: &ApiError) -> Error {
    let status = status_of(http_status, api);
    Error {
        message: format!("HTTP {http_status}: {}", api.message).into(),
        ..from_api(status, http_status, api)
    }
}

/// The error of a stream that told of one after it had begun.
pub fn in_stream(http_status: u16, api: &ApiError) -> Error {
    Error {
        message: format!(
            "the server reported an error in the stream: {}",
            api.message
        )
        .into(),
        may_have_executed: true,
        ..from_api(status::STREAM, http_status, api)
    }
}

fn from_api(status: Status, http_status: u16, api: &ApiError) -> Error {
    Error {
        status,
        http_status,
        kind: api.kind.clone(),
        code: api.code.clone(),
        param: api.param.clone(),
        ..Error::default()
    }
}

fn status_of(http_status: u16, api: &ApiError) -> Status {
    let says = |code: &str| api.code.as_deref() == Some(code) || api.kind.as_deref() == Some(code);
    if [
        "insufficient_quota",
        "billing_not_active",
        "billing_hard_limit_reached",
    ]
    .into_iter()
    .any(says)
    {
        return status::QUOTA;
    }
    match http_status {
        400 => status::HTTP_BAD_REQUEST,
        401 => status::HTTP_AUTHENTICATION,
        403 => status::HTTP_PERMISSION,
        404 => status::HTTP_NOT_FOUND,
        408 => status::HTTP_REQUEST_TIMEOUT,
        409 => status::HTTP_CONFLICT,
        413 => status::HTTP_TOO_LARGE,
        422 => status::HTTP_UNPROCESSABLE,
        429 => status::RATE_LIMITED,
        500.. => status::HTTP_SERVER,
        _ => status::HTTP,
    }
}

/// Adds what was tried and what to do.
pub fn advise(mut error: Error, attempts: u32, why: Why) -> Error {
    let tried = format!("after {}", self::attempts(attempts));
    let advice = match (why, error.status) {
        (Why::TooLong(asked), _) => format!(
            "the server asks to wait {}, longer than max_retry_after_ms allows; try again then",
            seconds(asked)
        ),
        (Why::NotRepeatable, _) => {
            "it may have been carried out, so it was not sent again (see retry_unsafe)".into()
        }
        (Why::TokenRejected, _) => {
            "a new token was refused too: check what the token provider gives, and for whom".into()
        }
        (Why::Exhausted, status::RATE_LIMITED) => {
            "raise max_retries, or lower max_concurrent_requests or your rate".into()
        }
        (Why::Exhausted, _) => "max_retries is used up".into(),
        (Why::Pointless, status::HTTP_AUTHENTICATION) => {
            "check the API key; oai_client_config_json tells where it came from".into()
        }
        (Why::Pointless, status::QUOTA) => {
            "the account has no quota left: check its plan and billing".into()
        }
        (Why::Pointless, status::HTTP_NOT_FOUND) => "check the model, the path and base_url".into(),
        (Why::Pointless, _) => String::new(),
    };
    let mut message = format!("{} ({tried}", error.message.trim_end());
    if !advice.is_empty() {
        message.push_str("; ");
        message.push_str(&advice);
    }
    message.push(')');
    error.message = message.into();
    error
}

/// A count of attempts as people write it.
pub fn attempts(count: u32) -> String {
    format!("{count} attempt{}", if count == 1 { "" } else { "s" })
}

/// A duration as people write it.
pub fn seconds(duration: Duration) -> String {
    format!("{} s", (duration.as_secs_f64() * 1000.0).round() / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(code: Option<&str>, kind: Option<&str>) -> ApiError {
        ApiError {
            message: "said".into(),
            kind: kind.map(str::to_owned),
            code: code.map(str::to_owned),
            param: None,
        }
    }

    #[test]
    fn each_status_has_its_number() {
        for (http, code, expected) in [
            (400, None, status::HTTP_BAD_REQUEST),
            (401, None, status::HTTP_AUTHENTICATION),
            (403, None, status::HTTP_PERMISSION),
            (404, None, status::HTTP_NOT_FOUND),
            (408, None, status::HTTP_REQUEST_TIMEOUT),
            (409, None, status::HTTP_CONFLICT),
            (413, None, status::HTTP_TOO_LARGE),
            (418, None, status::HTTP),
            (422, None, status::HTTP_UNPROCESSABLE),
            (429, None, status::RATE_LIMITED),
            (429, Some("insufficient_quota"), status::QUOTA),
            (500, None, status::HTTP_SERVER),
            (503, None, status::HTTP_SERVER),
        ] {
            assert_eq!(
                answer(http, &api(code, None)).status,
                expected,
                "{http} {code:?}"
            );
        }
        assert_eq!(
            answer(429, &api(None, Some("insufficient_quota"))).status,
            status::QUOTA
        );
    }

    #[test]
    fn the_message_says_what_was_tried_and_what_to_do() {
        let error = answer(401, &api(Some("invalid_api_key"), None));
        let text = advise(error, 1, Why::Pointless).message;
        assert_eq!(
            text,
            "HTTP 401: said (after 1 attempt; check the API key; oai_client_config_json tells where it came from)"
        );
        let error = answer(429, &api(None, None));
        let text = advise(error, 1, Why::TooLong(Duration::from_millis(300_500))).message;
        assert!(text.contains("wait 300.5 s"), "{text}");
    }
}
