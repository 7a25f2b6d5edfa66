//! Whether a request was stopped from outside, and why: a flag that its task can wait for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

use crate::error::Error;
use crate::status;

/// Why a request was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// `oai_cancel`.
    Cancelled,
    /// The client was freed.
    Freed,
    /// `oai_shutdown`.
    Shutdown,
}

impl Stop {
    /// What the request ends with.
    pub fn error(self) -> Error {
        match self {
            Stop::Cancelled => Error::new(status::CANCELLED, "the request was cancelled"),
            Stop::Freed => Error::new(
                status::CANCELLED,
                "the request was cancelled because its client was freed",
            ),
            Stop::Shutdown => Error::new(
                status::SHUTDOWN,
                "the request was cancelled because the library was shut down",
            ),
        }
    }
}

/// Whether a request was stopped: chunks that are still under way are dropped from then on. Whoever stops it holds a
/// copy, so that none is delivered after the stop has returned.
#[derive(Clone, Default)]
pub struct Cancelled(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// 0 or the number of a [`Stop`].
    stop: AtomicU8,
    task: AtomicWaker,
}

impl Cancelled {
    /// Stops it. The first reason stays.
    pub fn set(&self, why: Stop) {
        let stop = match why {
            Stop::Cancelled => 1,
            Stop::Freed => 2,
            Stop::Shutdown => 3,
        };
        let first = self
            .0
            .stop
            .compare_exchange(0, stop, Ordering::AcqRel, Ordering::Relaxed);
        if first.is_ok() {
            self.0.task.wake();
        }
    }

    pub fn is_set(&self) -> bool {
        self.0.stop.load(Ordering::Acquire) != 0
    }

    /// Why it was stopped, if it was.
    pub fn why(&self) -> Option<Stop> {
        match self.0.stop.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Stop::Cancelled),
            2 => Some(Stop::Freed),
            _ => Some(Stop::Shutdown),
        }
    }

    /// No task waits any more. Copies may be kept for long, and would keep the memory of the one that did.
    pub fn forget_task(&self) {
        drop(self.0.task.take());
    }

    /// The same for a task, which is woken once it is stopped. Only one task may wait.
    pub fn poll_why(&self, context: &mut Context<'_>) -> Poll<Stop> {
        if let Some(stop) = self.why() {
            return Poll::Ready(stop);
        }
        self.0.task.register(context.waker());
        // A stop that came in between has found no waker.
        self.why().map_or(Poll::Pending, Poll::Ready)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn a_task_that_waits_is_woken_with_the_first_reason() {
        let cancelled = Cancelled::default();
        let copy = cancelled.clone();
        let waits = tokio::spawn(async move { poll_fn(|cx| copy.poll_why(cx)).await });
        tokio::task::yield_now().await;
        assert!(!cancelled.is_set() && cancelled.why().is_none());
        cancelled.set(Stop::Freed);
        cancelled.set(Stop::Cancelled);
        assert_eq!(waits.await.unwrap(), Stop::Freed);
        assert_eq!(cancelled.why(), Some(Stop::Freed));
    }
}
