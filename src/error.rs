//! What went wrong, in words and fields: the one error type of the library.
//!
//! Every part makes these, and `ffi` hands them to C. An error reads like advice: what failed, what the server said,
//! what to do. It never holds an API key or a line of a `.env` file.

use std::borrow::Cow;
use std::fmt;

use crate::status::Status;

/// One failure. Fields that do not apply are `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Error {
    /// Which failure it is.
    pub status: Status,
    /// The sentence for the person who reads it.
    pub message: Cow<'static, str>,
    /// The HTTP status, 0 when no answer came.
    pub http_status: u16,
    /// The server's `error.type`.
    pub kind: Option<String>,
    /// The server's `error.code`.
    pub code: Option<String>,
    /// The server's `error.param`.
    pub param: Option<String>,
    /// The server's request id.
    pub request_id: Option<String>,
    /// How long the server asked to wait.
    pub retry_after_ms: Option<u64>,
    /// The request may have reached the server and have been carried out.
    pub may_have_executed: bool,
}

impl Error {
    /// An error with nothing but a status and a sentence.
    pub fn new(status: Status, message: impl Into<Cow<'static, str>>) -> Error {
        Error {
            status,
            message: message.into(),
            ..Error::default()
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// What a fallible step inside the library returns.
pub type Result<T> = std::result::Result<T, Error>;
