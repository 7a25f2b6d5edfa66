//! Makes one attempt: HTTP, TLS, redirects, bounds. It knows nothing of retries, queues or settings objects.
//!
//! The scheduler drives a [`Transport`]; [`HttpTransport`] is the real one, tests put their own in its place.

mod azure;
mod call;
mod connector;
mod dialling;
mod failure;
mod form;
mod http;
mod output;
mod prepared;
mod redirect;
mod target;
mod trust;
mod websocket;

use std::sync::Arc;

use ::http::HeaderMap;
use bytes::Bytes;
use futures_util::future::BoxFuture;

pub use azure::Azure;
pub use call::{Call, Content};
pub use connector::{HttpVersion, Network};
pub use failure::{Failure, FailureKind};
pub use form::{Field, FileName, Form, Source, measure, unreadable};
pub use http::HttpTransport;
pub use output::Output;
pub use prepared::Prepared;
pub use target::Target;
pub use trust::TlsRoots;
pub use websocket::{Farewell, Heard, Payload, Socket, SocketSlot};

/// Makes attempts.
pub trait Transport: Send + Sync + 'static {
    /// Sends the call once. `retries` goes out as attempt information; `watcher` is told how far it came, which also
    /// holds when the future is dropped half-way.
    fn send<'a>(
        &'a self,
        call: &'a Call,
        retries: u32,
        watcher: &'a Arc<dyn Watcher>,
    ) -> BoxFuture<'a, Result<Answer, Failure>>;

    /// Whether a call carries a key other than the client's, and so needs no token of it.
    fn has_own_key(&self, _call: &Call) -> bool {
        false
    }

    /// Takes the keys in use out of a text that a server wrote, since some echo what they were sent.
    fn redact(&self, text: String) -> String {
        text
    }
}

/// Is told how far an attempt has come, at the moment it comes there.
pub trait Watcher: Send + Sync + 'static {
    /// Bytes of the request may be leaving. May be told more than once.
    fn sent(&self);
    /// The answer's headers are here, its body is not.
    fn answered(&self, status: u16, headers: &HeaderMap);
    /// So many bytes of a form, of so many, were given to the connection.
    fn uploaded(&self, _bytes: u64, _total: u64) {}
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

    /// How many bytes it has in all, where that is known.
    fn total(&self) -> Option<u64> {
        None
    }
}
