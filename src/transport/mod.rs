//! Makes one attempt: HTTP, TLS, redirects, bounds. It knows nothing of retries, queues or settings objects.
//!
//! The scheduler drives a [`Transport`]; [`HttpTransport`] is the real one, tests put their own in its place.

mod call;
mod connector;
mod failure;
mod http;
mod redirect;
mod target;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ::http::HeaderMap;
use bytes::Bytes;
use futures_util::future::BoxFuture;

pub use call::Call;
pub use connector::{HttpVersion, Network};
pub use failure::{Failure, FailureKind};
pub use http::HttpTransport;
pub use target::Target;

/// Makes attempts.
pub trait Transport: Send + Sync + 'static {
    /// Sends the call once. `retries` goes out as attempt information; `sent` is set as soon as bytes of the request
    /// may have left, which also holds when the future is dropped half-way.
    fn send<'a>(
        &'a self,
        call: &'a Call,
        retries: u32,
        sent: &'a Arc<AtomicBool>,
    ) -> BoxFuture<'a, Result<Answer, Failure>>;

    /// Takes the keys in use out of a text that a server wrote, since some echo what they were sent.
    fn redact(&self, text: String) -> String {
        text
    }
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Body,
}

/// An answer's body: read whole, or to be read as it comes.
pub enum Body {
    Whole(Vec<u8>),
    Stream(Box<dyn Parts>),
}

/// A body that is read as it comes.
pub trait Parts: Send {
    /// The next bytes, `None` at the end.
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, Failure>>>;
}
