//! Tells the host how far a body has come, beside the chunks and the terminal event.
//!
//! A [`Progress`] is asked at every piece and says little: at most ten reports a second, none while the last is unread,
//! and always the one that completes a body. A call of several requests tells of them all as itself. None follows the
//! terminal event, though an upload's connection may still be at work then.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::cancelled::Cancelled;
use super::mailbox::{CallbackThread, Item, Mailbox, SharedListener};
use super::queue::{EventQueue, Kind, Record};
use super::with_nul::WithNul;
use crate::sync::lock;

/// The least time between two reports.
const EVERY: Duration = Duration::from_millis(100);

/// Which way a body goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Upload,
    Download,
}

/// Where reports go.
pub(super) enum Place {
    Callback {
        mailbox: Arc<Mailbox>,
        listener: SharedListener,
        thread: CallbackThread,
    },
    Queue {
        queue: Arc<EventQueue>,
        tag: u64,
    },
}

/// The reports of one request.
#[derive(Clone)]
pub struct Progress {
    inner: Arc<Inner>,
    /// Which of several bodies it tells of.
    file: Option<&'static str>,
}

struct Inner {
    id: u64,
    place: Place,
    last: Mutex<Option<Instant>>,
    /// One place: taken while a report is unread.
    unread: Arc<Semaphore>,
    over: Arc<Over>,
    /// Set when the request was cancelled: what is unread is then dropped.
    cancelled: Cancelled,
}

/// Whether the terminal event was handed over. Reports to a queue are made under the lock, so that none comes after it.
#[derive(Default)]
pub(super) struct Over(Mutex<bool>);

impl Over {
    pub fn set(&self) {
        *lock(&self.0) = true;
    }
}

impl Progress {
    pub(super) fn new(id: u64, place: Place, over: Arc<Over>, cancelled: Cancelled) -> Progress {
        Progress {
            inner: Arc::new(Inner {
                id,
                place,
                last: Mutex::default(),
                unread: Arc::new(Semaphore::new(1)),
                over,
                cancelled,
            }),
            file: None,
        }
    }

    /// The same for one of several bodies, whose reports say so.
    pub fn of_file(&self, file: &'static str) -> Progress {
        Progress {
            inner: self.inner.clone(),
            file: Some(file),
        }
    }

    /// So many bytes have gone that way; `total` where it is known. For the runtime's own threads.
    pub fn report(&self, way: Way, bytes: u64, total: Option<u64>) {
        self.tell(total == Some(bytes), || text(way, bytes, total, self.file));
    }

    /// Tells what `report` makes, or nothing if it is too soon; `always`: also then. For the runtime's own threads.
    pub fn tell(&self, always: bool, report: impl FnOnce() -> WithNul) {
        let inner = &self.inner;
        if inner.cancelled.is_set() {
            return;
        }
        let room = inner.unread.clone().try_acquire_owned().ok();
        if !always {
            if room.is_none() {
                return;
            }
            let mut last = lock(&inner.last);
            let now = Instant::now();
            if last.is_some_and(|last| now.duration_since(last) < EVERY) {
                return;
            }
            *last = Some(now);
        }
        let text = report();
        match &inner.place {
            Place::Queue { queue, tag } => {
                let over = lock(&inner.over.0);
                if !*over {
                    queue.push(Record {
                        id: inner.id,
                        tag: *tag,
                        kind: Kind::Progress,
                        data: text,
                        response: None,
                        cancelled: Some(inner.cancelled.clone()),
                        lost: None,
                        room,
                        weight: None,
                    });
                }
            }
            // Once the terminal callback was made there is no listener left to be told.
            Place::Callback {
                mailbox,
                listener,
                thread: CallbackThread::Dispatcher,
            } => mailbox.push(Item::Progress {
                id: inner.id,
                listener: listener.clone(),
                text,
                cancelled: inner.cancelled.clone(),
                _room: room,
            }),
            Place::Callback {
                mailbox,
                listener,
                thread: CallbackThread::Worker,
            } => mailbox.progress(inner.id, listener, &text),
        }
    }
}

/// A report as the host reads it.
fn text(way: Way, bytes: u64, total: Option<u64>, file: Option<&str>) -> WithNul {
    let way = match way {
        Way::Upload => "upload",
        Way::Download => "download",
    };
    let total = total.map_or("null".to_owned(), |total| total.to_string());
    let file = file.map_or(String::new(), |file| format!(r#","file":"{file}""#));
    format!(r#"{{"way":"{way}","bytes":{bytes},"total":{total}{file}}}"#)
        .into_bytes()
        .into()
}
