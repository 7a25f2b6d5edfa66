//! WebSocket connections, such as those to `/realtime` and `/responses`: messages go out in order, messages come in as
//! events, and one terminal event gives back what was not sent.
//!
//! A connection is a sequence: its opening, and each one anew, is a request like any other, with queue, limits, breaker
//! and retries, and holds a slot until the server has answered; the open socket holds none, since it may live for hours
//! and must not starve those who wait. `ffi` opens connections; [`session`] keeps one; [`outbox`] is what the host's
//! threads share with it. Nothing here looks into a message.

mod options;
mod outbox;
mod session;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::Client;
use super::request::Request;
use crate::completion::{EventQueue, Record, Response, Sink};
use crate::error::{Error, Result};
use crate::status;
use crate::transport::Payload;
pub use options::{Options, farewell};
use outbox::Outbox;
use session::{Session, ended};

/// What the host's side of a connection and its task have in common.
pub struct Link {
    id: u64,
    outbox: Outbox,
    /// Where the events go of a host that waits for them.
    events: Option<Arc<EventQueue>>,
    over: AtomicBool,
}

impl Link {
    /// Of a connection under `id`. With `waits` its events go to a queue of its own, for [`Link::next`].
    pub fn new(id: u64, options: &Options, waits: bool) -> Arc<Link> {
        Arc::new(Link {
            id,
            outbox: Outbox::new(options.most_unsent()),
            events: waits.then(EventQueue::new),
            over: AtomicBool::new(false),
        })
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    /// Where the events go that [`Link::next`] takes.
    pub fn sink(&self) -> Option<Sink> {
        let queue = self.events.clone()?;
        Some(Sink::Queue { queue, tag: 0 })
    }

    /// Sends a message behind the others, as soon as there is a connection.
    pub fn send(&self, message: Payload) -> Result<()> {
        self.outbox.send(message)
    }

    /// Bytes that wait to be sent.
    pub fn unsent_bytes(&self) -> u64 {
        self.outbox.bytes() as u64
    }

    /// Closes the connection behind what waits to be sent; 0 stands for the usual code.
    pub fn close(&self, code: i32, reason: Option<&str>) -> Result<()> {
        self.outbox.close(farewell(code, reason)?)
    }

    /// Closes it as a client that is closed does.
    pub(super) fn close_gently(&self) {
        // The usual code is a valid one, and a connection that is over needs no closing.
        let _ = self.close(0, None);
    }

    /// The next events, at most `max`, waiting for `timeout` at most (`None`: for ever). Empty when the time is over; an
    /// error when the last one was taken.
    pub fn next(&self, max: usize, timeout: Option<Duration>) -> Result<Vec<Record>> {
        let Some(events) = &self.events else {
            return Err(Error::new(
                status::STATE,
                "this connection's events go to its callback or queue: there are none to wait for here",
            ));
        };
        self.settle(events, max, events.wait(max, timeout))
    }

    /// What a wait came to that `taken` came of.
    fn settle(&self, events: &EventQueue, max: usize, taken: Vec<Record>) -> Result<Vec<Record>> {
        if !taken.is_empty() || !self.over.load(Ordering::Acquire) {
            return Ok(taken);
        }
        // The last event may have come behind the wait, but before `over`.
        let last = events.take(max);
        match last.is_empty() {
            true => Err(over()),
            false => Ok(last),
        }
    }

    /// The terminal event was handed over.
    pub(super) fn is_over(&self) {
        // Where the task has panicked nobody has said so yet.
        self.outbox.end();
        self.over.store(true, Ordering::Release);
        if let Some(events) = &self.events {
            events.end();
        }
    }

    /// The host has let go of it: nobody can send or take anything any more.
    pub fn release(&self) {
        self.close_gently();
        if let Some(events) = &self.events {
            events.close();
        }
    }
}

fn over() -> Error {
    Error::new(
        status::CLOSED,
        "the connection has ended, and its last event was given",
    )
}

impl Client {
    /// Opens a connection. An error means that it was refused and no event follows.
    pub fn open_realtime(
        self: &Arc<Self>,
        link: &Arc<Link>,
        request: &Request,
        options: Options,
        sink: Sink,
    ) -> Result<()> {
        let session = Session::new(self, request.clone(), options, link.clone());
        let first = session.first()?;
        let (id, left) = (link.id, link.clone());
        self.run_connection(
            sink,
            link.clone(),
            |delivery| Box::pin(session.run(delivery, first)),
            move |error| ended(Response::failed(id, error), &left.outbox, None),
        )
    }
}

#[cfg(test)]
mod tests;
