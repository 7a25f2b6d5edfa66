//! The completion queue: events of many requests, taken in batches by threads of the host.
//!
//! Foreign threads never enter Node, Ruby or Python this way: they poll the doorbell's descriptor, or wait.

use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use once_cell::sync::Lazy;
use tokio::sync::OwnedSemaphorePermit;

use super::cancelled::Cancelled;
use super::channel::Channel;
use super::doorbell::SocketBell;
use super::meter::{Holder, Meter, Weight};
use super::response::Response;
use super::spent::ResponseBox;
use super::wanted::Lost;
use super::with_nul::WithNul;
use crate::sync::{Apart, lock};

/// Those that are alive.
static QUEUES: Lazy<Mutex<Vec<Weak<EventQueue>>>> = Lazy::new(Mutex::default);

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A part of a stream, or a message.
    Chunk,
    /// A message of bytes.
    Binary,
    /// A connection was made, or will be made anew.
    Connection,
    /// How far a body has come.
    Progress,
    /// The terminal event.
    Done,
    /// A line of the log; its level is the tag.
    Log,
    /// A bearer token is wanted.
    TokenWanted,
}

/// One event.
pub struct Record {
    pub id: u64,
    pub tag: u64,
    pub kind: Kind,
    pub data: WithNul,
    pub response: Option<ResponseBox>,
    /// Of a chunk: it is dropped if the request was cancelled.
    pub(super) cancelled: Option<Cancelled>,
    /// Runs if the queue is closed before the record was taken.
    pub(super) lost: Option<Lost>,
    /// The stream's place, given back when the record is gone.
    pub(super) room: Option<OwnedSemaphorePermit>,
    /// Its share of what is unread, given back when the record is taken or gone.
    pub(super) weight: Option<Weight>,
}

impl Record {
    fn is_wanted(&self) -> bool {
        !self.cancelled.as_ref().is_some_and(Cancelled::is_set)
    }

    /// Nobody will see it.
    fn discard(self) {
        if let Some(lost) = self.lost {
            lost();
        }
    }
}

/// Lets go of records that were read. A stream gets its places back all at once: whoever waits for one of them is woken
/// once and finds room for as many events, instead of being woken for each.
pub fn release(records: Vec<Record>) {
    /// Of how many streams the places are put together.
    const STREAMS: usize = 16;
    let mut rooms: Vec<OwnedSemaphorePermit> = Vec::new();
    for mut record in records {
        let Some(room) = record.room.take() else {
            continue;
        };
        let of_same =
            |other: &OwnedSemaphorePermit| Arc::ptr_eq(other.semaphore(), room.semaphore());
        match rooms.iter().position(of_same) {
            Some(at) => rooms[at].merge(room),
            None if rooms.len() < STREAMS => rooms.push(room),
            None => drop(room),
        }
    }
}

/// A queue of events with a doorbell.
pub struct EventQueue {
    /// Apart from how many hold the queue, which each submit changes.
    channel: Apart<Channel<Record, SocketBell>>,
    meter: Arc<Meter>,
}

impl EventQueue {
    pub fn new() -> Arc<EventQueue> {
        let queue = Arc::new(EventQueue {
            channel: Apart(Channel::new()),
            meter: Arc::default(),
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
            queue.end();
        }
    }

    /// Lets nobody wait any more on this queue when it is empty.
    pub fn end(&self) {
        self.channel.end();
    }

    pub(super) fn push(&self, mut record: Record) {
        if record.weight.is_none() {
            let bytes = weight(record.response.as_deref(), record.data.len());
            record.weight = Some(self.meter.weigh(bytes));
        }
        // A freed queue gives the record back, and it is discarded here, outside the lock.
        if let Err(record) = self.channel.push(record) {
            record.discard();
        }
    }

    /// Counts a terminal event as unread before it comes; what it weighs.
    pub(super) fn announce(&self, response: &Response) -> u64 {
        let bytes = weight(Some(response), 0);
        self.meter.add(bytes);
        bytes
    }

    /// The weight of an event that was counted before.
    pub(super) fn announced(&self, bytes: u64) -> Weight {
        self.meter.counted(bytes)
    }

    /// Adds a line of the log, or counts it as lost when `most` of them are unread. False if the queue was freed.
    pub fn log(&self, level: u64, line: &str, most: usize) -> bool {
        let Some((weight, lost)) = self.meter.line(most) else {
            return true;
        };
        let text = match lost {
            0 => line.to_owned(),
            lost => format!("({lost} lines were lost since nobody read the queue) {line}"),
        };
        let record = Record {
            id: 0,
            tag: level,
            kind: Kind::Log,
            data: text.into_bytes().into(),
            response: None,
            cancelled: None,
            lost: None,
            room: None,
            weight: Some(weight),
        };
        self.channel.push(record).is_ok()
    }

    /// Sets how many bytes may be unread before requests to this queue are held back; 0: any number.
    pub fn set_max_unread(&self, bytes: u64) {
        self.meter.set_bound(bytes);
    }

    /// How many bytes are unread.
    pub fn unread(&self) -> u64 {
        self.meter.bytes()
    }

    /// Whether [`EventQueue::hold`] may say yes.
    pub fn is_bounded(&self) -> bool {
        self.meter.is_bounded()
    }

    /// Whether requests to this queue are to be held back; then `holder` is told when that ends.
    pub fn hold(&self, holder: &Weak<dyn Holder>) -> bool {
        self.meter.hold(holder)
    }

    /// Up to `max` events, oldest first, without waiting.
    pub fn take(&self, max: usize) -> Vec<Record> {
        taken(self.channel.take(max, Record::is_wanted))
    }

    /// The same, waiting for at most `timeout` (`None`: for ever).
    pub fn wait(&self, max: usize, timeout: Option<Duration>) -> Vec<Record> {
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        taken(self.channel.wait(max, until, Record::is_wanted))
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
        for record in self.channel.close() {
            record.discard();
        }
        // Nothing of it is kept from here on, so nobody need be held back.
        self.meter.set_bound(0);
    }
}

/// What an event takes up unread.
fn weight(response: Option<&Response>, data: usize) -> u64 {
    let response = response.map_or(0, |response| size_of::<Response>() + response.bytes());
    (size_of::<Record>() + response + data) as u64
}

/// Takes records off the scale: they are the host's now.
fn taken(mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        record.weight = None;
    }
    records
}

#[cfg(test)]
mod tests;
