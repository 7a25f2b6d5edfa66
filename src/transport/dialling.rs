//! Tells a request whether a connection was made for it, or a kept one was there.
//!
//! The connector puts [`Dialling`] around whatever connects; `http` watches each request. It never changes how a
//! connection is made.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use tower_layer::Layer;
use tower_service::Service;

/// Whether the connection that a request asked for was made. Until then, the request can only use a kept one.
#[derive(Clone, Default)]
pub struct Dialled(Arc<AtomicBool>);

impl Dialled {
    pub fn is_done(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Runs a request; connections that are made for it are noted here.
    pub async fn watch<F: Future>(&self, request: F) -> F::Output {
        REQUEST.scope(self.clone(), request).await
    }
}

tokio::task_local! {
    // The HTTP client asks for a connection in the task of the request that needs it.
    static REQUEST: Dialled;
}

/// Puts the note-taker around a connector.
#[derive(Clone, Copy)]
pub struct Dialling;

impl<S> Layer<S> for Dialling {
    type Service = Noted<S>;

    fn layer(&self, inner: S) -> Noted<S> {
        Noted(inner)
    }
}

/// A connector that takes notes.
#[derive(Clone)]
pub struct Noted<S>(S);

impl<S, R> Service<R> for Noted<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, to: R) -> Self::Future {
        let connecting = self.0.call(to);
        let request = REQUEST.try_with(Dialled::clone);
        Box::pin(async move {
            let connection = connecting.await?;
            if let Ok(request) = request {
                request.0.store(true, Ordering::Release);
            }
            Ok(connection)
        })
    }
}
