//! What is to be sent, the same in each attempt.

use std::sync::Arc;

use ::http::{HeaderName, HeaderValue, Method};
use bytes::Bytes;

use super::form::Form;
use super::output::Output;
use super::websocket::SocketSlot;

/// One HTTP call, below the base URL.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: Method,
    /// Begins with `/`.
    pub path: Arc<str>,
    pub query: Box<[(String, String)]>,
    /// The request's own headers; they win over the client's.
    pub headers: Box<[(HeaderName, HeaderValue)]>,
    pub body: Content,
    /// The answer is to be read as a stream of events.
    pub stream: bool,
    /// The body of a good answer is to be handed on as it comes.
    pub in_parts: bool,
    /// It may be carried out twice without harm.
    pub may_repeat: bool,
    /// Where the body of a good answer goes; `None`: into memory.
    pub output: Option<Output>,
    /// It opens a WebSocket, which goes here.
    pub socket: Option<SocketSlot>,
    /// The host wants to be told how far bodies have come.
    pub progress: bool,
    /// Where it goes: 0 is the client's own place, n the nth fallback.
    pub place: u8,
    /// Which model the body names.
    pub model: Option<Arc<str>>,
}

impl Call {
    /// Whether it is for the organisation endpoints, which take the admin key: all that the official description marks
    /// with `AdminApiKeyAuth`.
    pub fn is_admin(&self) -> bool {
        let first = self.path.trim_start_matches('/').split('/').next();
        matches!(first, Some("organization" | "projects"))
    }

    /// A POST of a JSON body that may be repeated, for tests to change what they are about.
    #[cfg(test)]
    pub fn post(path: &str, body: &'static str) -> Call {
        Call {
            method: Method::POST,
            path: path.into(),
            query: Box::default(),
            headers: Box::default(),
            body: Content::Bytes(Bytes::from_static(body.as_bytes())),
            stream: false,
            in_parts: false,
            may_repeat: true,
            output: None,
            socket: None,
            progress: false,
            place: 0,
            model: None,
        }
    }
}

/// A call's body.
#[derive(Clone, Debug)]
pub enum Content {
    /// JSON, or empty for none.
    Bytes(Bytes),
    /// Fields and files.
    Form(Arc<Form>),
}

impl Content {
    pub fn is_empty(&self) -> bool {
        matches!(self, Content::Bytes(bytes) if bytes.is_empty())
    }

    /// How many bytes it has on the wire.
    pub fn length(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Form(form) => form.length(),
        }
    }

    /// What the body's headers say it is; `None` without a body.
    pub fn content_type(&self) -> Option<HeaderValue> {
        match self {
            Content::Bytes(bytes) if bytes.is_empty() => None,
            Content::Bytes(_) => Some(HeaderValue::from_static("application/json")),
            Content::Form(form) => Some(form.content_type()),
        }
    }

    /// The JSON; empty for a form.
    #[cfg(test)]
    pub fn json(&self) -> &[u8] {
        match self {
            Content::Bytes(bytes) => bytes,
            Content::Form(_) => b"",
        }
    }
}
