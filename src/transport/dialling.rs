//! Tells of a request whether a connection was made for it or a kept one was there, and whether its body has gone.
//!
//! The connector puts [`Dialling`] around whatever connects; `http` watches each request. It never changes how a
//! connection is made.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tower_layer::Layer;
use tower_service::Service;

/// What is noted of a request on its way.
#[derive(Clone, Default)]
pub struct Notes(Arc<Flags>);

#[derive(Default)]
struct Flags {
    /// The connection that the request asked for was made. Until then, the request can only use a kept one.
    dialled: AtomicBool,
    /// The body was handed over to be written.
    handed_over: AtomicBool,
    /// That was on a connection that was there before.
    on_kept: AtomicBool,
}

impl Notes {
    /// Runs a request; connections that are made for it are noted here.
    pub async fn watch<F: Future>(&self, request: F) -> F::Output {
        REQUEST.scope(self.clone(), request).await
    }

    /// Notes that the body goes now.
    pub fn hand_over(&self) {
        if !self.0.handed_over.swap(true, Ordering::AcqRel) {
            self.0.on_kept.store(!self.is_dialled(), Ordering::Release);
        }
    }

    pub fn was_handed_over(&self) -> bool {
        self.0.handed_over.load(Ordering::Acquire)
    }

    /// Whether a kept connection was used, as far as can be told.
    pub fn on_kept(&self) -> bool {
        self.0.on_kept.load(Ordering::Acquire) || !self.is_dialled()
    }

    fn is_dialled(&self) -> bool {
        self.0.dialled.load(Ordering::Acquire)
    }
}

tokio::task_local! {
    // The HTTP client asks for a connection in the task of the request that needs it.
    static REQUEST: Notes;
}

/// Puts the note-taker around a connector.
#[derive(Clone, Copy)]
pub struct Dialling;

impl<S> Layer<S> for Dialling {
    type Service = Noted<S>;

    fn layer(&self, inner: S) -> Noted<S> {
        Noted(Arc::new(inner))
    }
}

/// A connector that takes notes. Each request copies it several times, whether or not it needs a connection, and only a
/// connection needs a copy of what is inside.
pub struct Noted<S>(Arc<S>);

impl<S> Clone for Noted<S> {
    fn clone(&self) -> Noted<S> {
        Noted(self.0.clone())
    }
}

impl<S, R> Service<R> for Noted<S>
where
    S: Service<R> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    R: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // The copy that connects is asked.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: R) -> Self::Future {
        let mut inner = S::clone(&self.0);
        let request = REQUEST.try_with(Notes::clone);
        Box::pin(async move {
            poll_fn(|context| inner.poll_ready(context)).await?;
            let connection = inner.call(to).await?;
            if let Ok(request) = request {
                request.0.dialled.store(true, Ordering::Release);
            }
            Ok(connection)
        })
    }
}
