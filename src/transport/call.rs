//! What is to be sent, the same in each attempt.

use ::http::{HeaderName, HeaderValue, Method};
use bytes::Bytes;

/// One HTTP call, below the base URL.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: Method,
    /// Begins with `/`.
    pub path: String,
    pub query: Vec<(String, String)>,
    /// The request's own headers; they win over the client's.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// JSON, or empty for none.
    pub body: Bytes,
    /// The answer is to be read as a stream of events.
    pub stream: bool,
    /// It may be carried out twice without harm.
    pub may_repeat: bool,
    /// Which model the body names.
    pub model: Option<String>,
}

impl Call {
    /// Whether it is for the organisation endpoints, which take the admin key.
    pub fn is_admin(&self) -> bool {
        self.path.starts_with("/organization/") || self.path == "/organization"
    }
}
