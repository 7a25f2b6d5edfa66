//! The completion queue: events of many requests, taken in batches by threads of the host.
//!
//! Foreign threads never enter Node, Ruby or Python this way: they poll the doorbell's descriptor, or wait.

use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use once_cell::sync::Lazy;
use tokio::sync::OwnedSemaphorePermit;

use super::channel::Channel;
use super::delivery::Cancelled;
use super::doorbell::SocketBell;
use super::response::Response;
use super::with_nul::WithNul;
use crate::sync::lock;

/// Those that are alive.
static QUEUES: Lazy<Mutex<Vec<Weak<EventQueue>>>> = Lazy::new(Mutex::default);

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A part of a stream.
    Chunk,
    /// How far a body has come.
    Progress,
    /// The terminal event.
    Done,
}

/// One event.
pub struct Record {
    pub id: u64,
    pub tag: u64,
    pub kind: Kind,
    pub data: WithNul,
    pub response: Option<Response>,
    /// Of a chunk: it is dropped if the request was cancelled.
    pub(super) cancelled: Option<Cancelled>,
    /// The stream's place, given back when the record is gone.
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

impl Record {
    fn is_wanted(&self) -> bool {
        !self.cancelled.as_ref().is_some_and(Cancelled::is_set)
    }
}

/// A queue of events with a doorbell.
pub struct EventQueue {
    channel: Channel<Record, SocketBell>,
}

impl EventQueue {
    pub fn new() -> Arc<EventQueue> {
        let queue = Arc::new(EventQueue {
            channel: Channel::new(),
        });
        let mut queues = lock(&QUEUES);
        queues.retain(|queue| queue.strong_count() > 0);
        queues.push(Arc::downgrade(&queue));
        queue
    }

    /// Lets nobody wait any more on a queue that is empty, since no event can come: the library was shut down.
    pub fn end_all() {
        let queues: Vec<_> = lock(&QUEUES).iter().filter_map(Weak::upgrade).collect();
        for queue in queues {
            queue.channel.end();
        }
    }

    pub(super) fn push(&self, record: Record) {
        // A freed queue gives the record back, and it is discarded here, outside the lock.
        drop(self.channel.push(record));
    }

    /// Up to `max` events, oldest first, without waiting.
    pub fn take(&self, max: usize) -> Vec<Record> {
        self.channel.take(max, Record::is_wanted)
    }

    /// The same, waiting for at most `timeout` (`None`: for ever).
    pub fn wait(&self, max: usize, timeout: Option<Duration>) -> Vec<Record> {
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        self.channel.wait(max, until, Record::is_wanted)
    }

    /// Ends one wait, or the next.
    pub fn wake(&self) {
        self.channel.wake();
    }

    /// Looks at the doorbell, which is made now if nobody asked for it before.
    pub fn with_bell<R>(&self, look: impl FnOnce(&SocketBell) -> R) -> std::io::Result<R> {
        self.channel.with_bell(SocketBell::new, look)
    }

    /// Discards what is here and all that will come.
    pub fn close(&self) {
        drop(self.channel.close());
    }
}
