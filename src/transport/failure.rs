//! How an attempt can fail without an answer.

use std::error::Error as StdError;
use std::io::ErrorKind;

use crate::error::Error;
use crate::status::{self, Status};

/// What kind of failure, as far as retrying and reporting need to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// No connection: refused, unreachable, name not found, timed out while connecting.
    Connect,
    /// The server's certificate is not accepted, or it speaks no TLS at all; trying again changes nothing.
    Certificate,
    /// The attempt took too long.
    Timeout,
    /// A stream fell silent.
    Idle,
    /// The connection ended before the answer did.
    Lost,
    /// What came was not HTTP, or not in its announced encoding.
    Protocol,
    /// The answer is larger than `max_response_bytes`.
    TooLarge,
    /// Too many redirects, or one to nowhere.
    Redirect,
    /// The request cannot be made with these settings.
    Unsendable(Status),
}

/// A failed attempt.
#[derive(Clone, Debug)]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
}

impl Failure {
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure {
            kind,
            message: message.into(),
        }
    }

    /// From reqwest's error, with the whole chain of reasons and without the URL, whose query may hold secrets.
    pub fn from_reqwest(error: reqwest::Error) -> Failure {
        let error = error.without_url();
        let hyper = find::<hyper::Error>(&error);
        if let Some(advice) = find::<rustls::Error>(&error).and_then(tls_advice) {
            return Failure::new(
                FailureKind::Certificate,
                format!("{advice} ({})", chain(&error)),
            );
        }
        let kind = if find::<h2::Error>(&error).is_some_and(was_refused)
            || error.is_connect()
            || hyper.is_some_and(|e| e.is_canceled())
        {
            FailureKind::Connect
        } else if error.is_timeout() {
            FailureKind::Timeout
        } else if error.is_builder() {
            FailureKind::Unsendable(status::INVALID_ARGUMENT)
        } else if error.is_decode() && hyper.is_none()
            || hyper.is_some_and(|e| e.is_parse())
            || find::<std::io::Error>(&error).is_some_and(is_nonsense)
        {
            FailureKind::Protocol
        } else {
            FailureKind::Lost
        };
        Failure::new(kind, chain(&error))
    }

    /// Whether the request cannot have left, whatever was noted while sending.
    pub fn is_before_sending(&self) -> bool {
        matches!(
            self.kind,
            FailureKind::Connect | FailureKind::Certificate | FailureKind::Unsendable(_)
        )
    }

    /// The error that a response carries.
    pub fn to_error(&self) -> Error {
        let (status, what) = match self.kind {
            FailureKind::Connect => (status::CONNECT, "could not connect"),
            FailureKind::Certificate => (status::TLS, "no secure connection"),
            FailureKind::Timeout => (status::TIMEOUT, "no answer in time"),
            FailureKind::Idle => (status::IDLE_TIMEOUT, "the stream fell silent"),
            FailureKind::Lost => (
                status::CONNECTION_LOST,
                "the connection was lost before the answer was complete",
            ),
            FailureKind::Protocol => (status::PROTOCOL, "the answer is not valid HTTP"),
            FailureKind::TooLarge => (status::TOO_LARGE, "the answer is too large"),
            FailureKind::Redirect => (status::REDIRECT, "the server's redirect was not followed"),
            FailureKind::Unsendable(status) => return Error::new(status, self.message.clone()),
        };
        Error::new(status, format!("{what}: {}", self.message))
    }
}

/// How hyper tells of a chunk that is none.
fn is_nonsense(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidInput | ErrorKind::InvalidData
    )
}

/// What to do about a TLS failure that lasts; `None` for one that may pass.
fn tls_advice(error: &rustls::Error) -> Option<&'static str> {
    use rustls::CertificateError as Certificate;
    Some(match error {
        rustls::Error::InvalidCertificate(reason) => match reason {
            Certificate::UnknownIssuer | Certificate::BadSignature => {
                "the server's certificate is not trusted: give its CA with ca_file or ca_pem, or see tls_roots"
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                "the server's certificate is for another host name: check base_url"
            }
            Certificate::Expired
            | Certificate::ExpiredContext { .. }
            | Certificate::NotValidYet
            | Certificate::NotValidYetContext { .. } => {
                "the server's certificate is not valid now: check this machine's clock, or have it renewed"
            }
            _ => "the server's certificate is not accepted",
        },
        rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => {
            "the server does not speak TLS: does base_url need http:// or another port?"
        }
        _ => return None,
    })
}

/// Whether an HTTP/2 server said that it has not looked at the request.
fn was_refused(error: &h2::Error) -> bool {
    error.is_remote()
        && (error.reason() == Some(h2::Reason::REFUSED_STREAM)
            || error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR))
}

fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An io::Error keeps what it wraps to itself unless asked.
        let wrapped = error
            .downcast_ref::<std::io::Error>()
            .and_then(|e| e.get_ref());
        if let Some(found) = wrapped.and_then(|inner| find::<E>(inner)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let reason = error.to_string();
        if !text.ends_with(&reason) {
            text.push_str(": ");
            text.push_str(&reason);
        }
        next = error.source();
    }
    text
}
