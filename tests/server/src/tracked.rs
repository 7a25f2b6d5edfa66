//! The body of an answer on its way out: may wait before and between its pieces, and closes the request's ticket.
//!
//! `handle` wraps every answer in this. The ticket is finished when the last piece is handed to hyper, which is before
//! the client can see the end: a client that answers at once never finds its old request still counted.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body as AxumBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::log::Ticket;

/// Waits within a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Before the first piece.
    pub(crate) before: Duration,
    /// Between two pieces.
    pub(crate) between: Duration,
}

/// A body with its ticket.
pub(crate) struct Tracked {
    body: AxumBody,
    ticket: Option<Ticket>,
    wait: Option<Pin<Box<Sleep>>>,
    between: Duration,
}

impl Tracked {
    /// `ticket` is `None` for control requests. `bodiless`: the answer to a HEAD, whose body hyper does not ask for.
    pub(crate) fn new(
        body: AxumBody,
        ticket: Option<Ticket>,
        pace: Pace,
        bodiless: bool,
    ) -> Tracked {
        let wait = (!pace.before.is_zero()).then(|| Box::pin(sleep(pace.before)));
        let mut tracked = Tracked {
            body,
            ticket,
            wait,
            between: pace.between,
        };
        if bodiless || tracked.body.is_end_stream() {
            tracked.finish();
        }
        tracked
    }

    fn finish(&mut self) {
        if let Some(mut ticket) = self.ticket.take() {
            ticket.finish();
        }
    }
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Some(wait) = &mut self.wait {
            ready!(wait.as_mut().poll(context));
            self.wait = None;
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() || self.body.is_end_stream() {
            self.finish();
        } else if !self.between.is_zero() {
            self.wait = Some(Box::pin(sleep(self.between)));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.wait.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
