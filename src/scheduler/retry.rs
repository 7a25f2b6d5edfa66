//! Whether a failed attempt is made again, and when: a pure function of what happened.

use std::time::Duration;

use http::Method;

use super::backoff;
use super::limits::Dimension;
use super::policy::Policy;
use crate::transport::FailureKind;

/// What went wrong with an attempt, as far as retrying goes.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// The server answered with an error.
    Answer {
        http_status: u16,
        /// `error.code` or else `error.type`.
        codes: [Option<String>; 2],
        /// The server's sentence.
        message: String,
        /// `x-should-retry`.
        should_retry: Option<bool>,
        /// What the server asked us to wait.
        requested: Option<Duration>,
    },
    /// There was no answer.
    NoAnswer {
        kind: FailureKind,
        /// Bytes of the request may have left.
        sent: bool,
    },
    /// Something that another attempt cannot mend: a stream after its first event, an answer that makes no sense.
    Final,
}

/// What the request has been through.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// Retries that counted.
    pub retries: u32,
    /// Something of its scope succeeded since its last attempt began.
    pub scope_moved: bool,
    /// It may be carried out twice without harm.
    pub may_repeat: bool,
}

/// What to do about it.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Deliver the error.
    GiveUp(Why),
    /// Try again after the delay. Without `counts`, `max_retries` is not touched.
    Retry {
        delay: Duration,
        counts: bool,
        reason: &'static str,
    },
}

/// Why no retry is made; the error's advice depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Another attempt would fail the same way.
    Pointless,
    /// `max_retries` is used up.
    Exhausted,
    /// The server asks for more than `max_retry_after_ms`.
    TooLong(Duration),
    /// It may have been carried out, and doing it twice may do harm.
    NotRepeatable,
    /// The server took neither its token nor the next one.
    TokenRejected,
}

/// Errors that no waiting mends: the account has to be mended.
const NEVER: [&str; 3] = [
    "insufficient_quota",
    "billing_not_active",
    "billing_hard_limit_reached",
];

/// The decision. `random` is in 0..1.
///
/// Precedence: what never helps, then the server's `x-should-retry`, then the table of statuses.
pub fn decide(policy: &Policy, trouble: &Trouble, history: History, random: f64) -> Decision {
    let (reason, requested, free) = match trouble {
        Trouble::Final => return Decision::GiveUp(Why::Pointless),
        Trouble::NoAnswer { kind, sent } => match kind {
            FailureKind::Certificate
            | FailureKind::TooLarge
            | FailureKind::Redirect
            | FailureKind::Unsendable(_) => return Decision::GiveUp(Why::Pointless),
            _ if *sent && !history.may_repeat && !policy.retry_unsafe => {
                return Decision::GiveUp(Why::NotRepeatable);
            }
            FailureKind::Connect => ("no connection", None, false),
            FailureKind::Timeout | FailureKind::Idle => ("timed out", None, false),
            FailureKind::Lost => ("connection lost", None, false),
            FailureKind::Protocol => ("not valid HTTP", None, false),
        },
        Trouble::Answer {
            http_status,
            codes,
            message,
            should_retry,
            requested,
        } => {
            if is_hopeless(codes, message) {
                return Decision::GiveUp(Why::Pointless);
            }
            let reason = match http_status {
                429 => "rate limited",
                408 => "server timeout",
                409 => "conflict",
                500.. => "server error",
                _ => return Decision::GiveUp(Why::Pointless),
            };
            if *should_retry == Some(false) {
                return Decision::GiveUp(Why::Pointless);
            }
            (
                reason,
                *requested,
                *http_status == 429 && history.scope_moved,
            )
        }
    };
    if policy.max_retries == 0 || (!free && history.retries >= policy.max_retries) {
        return Decision::GiveUp(Why::Exhausted);
    }
    let delay = match requested {
        Some(asked) if asked > policy.max_retry_after => {
            return Decision::GiveUp(Why::TooLong(asked));
        }
        Some(asked) => asked + stagger(policy, asked, random),
        None => backoff::delay(policy, history.retries, random),
    };
    Decision::Retry {
        delay,
        counts: !free,
        reason,
    }
}

/// What an answer says of its whole scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pauses {
    /// A 429: too much was sent.
    RateLimit(Option<Dimension>),
    /// The 503 that asks to slow down.
    SlowDown,
}

/// Whether the whole scope has to wait, and not this request alone. What never helps pauses nobody, and a full flex
/// tier (`resource_unavailable`) only concerns the request.
pub fn pauses(trouble: &Trouble) -> Option<Pauses> {
    let Trouble::Answer {
        http_status,
        codes,
        message,
        ..
    } = trouble
    else {
        return None;
    };
    let says = |code: &str| codes.iter().flatten().any(|c| c == code);
    match http_status {
        429 if is_hopeless(codes, message) || says("resource_unavailable") => None,
        // "call rate limit" and "token rate limit" are Azure's words.
        429 if says("requests")
            || message.contains("requests per")
            || message.contains("call rate limit") =>
        {
            Some(Pauses::RateLimit(Some(Dimension::Requests)))
        }
        429 if says("tokens")
            || message.contains("tokens per")
            || message.contains("token rate limit") =>
        {
            Some(Pauses::RateLimit(Some(Dimension::Tokens)))
        }
        429 => Some(Pauses::RateLimit(None)),
        503 if message.to_ascii_lowercase().contains("slow down") => Some(Pauses::SlowDown),
        _ => None,
    }
}

fn is_hopeless(codes: &[Option<String>; 2], message: &str) -> bool {
    codes
        .iter()
        .flatten()
        .any(|code| NEVER.contains(&code.as_str()))
        || is_too_large(message)
}

/// A 429 that can never pass, wherever it is sent.
pub fn is_too_large(message: &str) -> bool {
    message.starts_with("Request too large")
}

/// What is added to a delay that the server named, so that all who were told the same do not come back at once:
/// up to 5% of it, at most a second; nothing when jitter is switched off.
fn stagger(policy: &Policy, asked: Duration, random: f64) -> Duration {
    if policy.retry_jitter == 0.0 {
        return Duration::ZERO;
    }
    asked
        .mul_f64(0.05)
        .min(Duration::from_secs(1))
        .mul_f64(random)
}

/// Whether a call may be repeated after its bytes were sent and no status came: what only computes and stores nothing.
///
/// `store` is what the body says: responses are stored unless it is false, chats only when it is true.
pub fn may_repeat(method: &Method, path: &str, store: Option<bool>) -> bool {
    if matches!(*method, Method::GET | Method::HEAD) {
        return true;
    }
    if *method != Method::POST {
        return false;
    }
    match path.trim_end_matches('/') {
        "/embeddings" | "/moderations" | "/completions" => true,
        "/chat/completions" => store != Some(true),
        "/responses" => store == Some(false),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
