//! A client's callbacks on their way: in order, never two at once, and an owner who can wait until none can follow.
//!
//! The dispatcher empties mailboxes. `oai_client_free` closes one: it waits for the running callback and for every
//! outstanding one, unless it was called from inside a callback of that very client.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;

use super::cancelled::Cancelled;
use super::dispatcher::Dispatcher;
use super::queue::Kind;
use super::spent::ResponseBox;
use super::wanted::TokenListener;
use super::with_nul::WithNul;
use crate::runtime;
use crate::sync::{Signal, lock};

/// The host's side of a callback; dropping it runs the host's destructor.
pub trait Listener: Send {
    /// A part of a stream, or a message.
    fn chunk(&mut self, id: u64, data: &WithNul);
    /// What else a connection brings: [`Kind::Binary`] or [`Kind::Connection`].
    fn beside(&mut self, _id: u64, _kind: Kind, _data: &WithNul) {}
    /// How far a body has come.
    fn progress(&mut self, _id: u64, _report: &WithNul) {}
    /// The end.
    fn done(&mut self, id: u64, response: ResponseBox);
}

/// Where a client's callbacks run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallbackThread {
    /// On the library's dispatcher thread, one at a time for each client.
    #[default]
    Dispatcher,
    /// On the runtime's own thread, for code that promises not to block.
    Worker,
}

impl CallbackThread {
    /// In the order of their numbers.
    pub const ALL: [CallbackThread; 2] = [CallbackThread::Dispatcher, CallbackThread::Worker];
}

/// A listener that chunks and the end take turns with.
pub(super) type SharedListener = Arc<Mutex<Option<Box<dyn Listener>>>>;

pub(super) enum Item {
    Chunk {
        id: u64,
        listener: SharedListener,
        kind: Kind,
        data: WithNul,
        /// The chunk is dropped if the request was cancelled.
        cancelled: Cancelled,
        /// The stream's place, given back when the chunk is gone.
        _room: Option<OwnedSemaphorePermit>,
    },
    Progress {
        id: u64,
        listener: SharedListener,
        text: WithNul,
        cancelled: Cancelled,
        _room: Option<OwnedSemaphorePermit>,
    },
    Done {
        id: u64,
        listener: SharedListener,
        response: ResponseBox,
    },
    /// A bearer token is wanted; counted in by [`Mailbox::accepted`].
    Token {
        wanted: u64,
        listener: Arc<dyn TokenListener>,
        /// The question is dropped if its answer is not wanted any more.
        stale: Cancelled,
    },
    Log(LogLine),
}

/// A log line on its way to the host.
pub struct LogLine {
    /// Hands the line to the host.
    pub deliver: Box<dyn FnOnce() + Send>,
}

/// One client's callbacks.
pub struct Mailbox {
    dispatcher: Arc<Dispatcher>,
    state: Mutex<State>,
    idle: Signal,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    /// In the dispatcher's queue, or having its turn.
    scheduled: bool,
    /// Accepted callback requests whose destructor has not run yet.
    outstanding: usize,
}

thread_local! {
    /// The mailboxes whose callbacks run on this thread, innermost last, by address.
    static RUNNING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

/// Whether this thread is inside a callback, where blocking calls are refused.
pub fn in_callback() -> bool {
    running(|running| !running.is_empty())
}

/// Looks at the callbacks that run on this thread. One whose thread-local storage is gone already, as that of a C++
/// program's main thread is when its static objects are destroyed, runs none.
fn running(look: impl FnOnce(&[usize]) -> bool) -> bool {
    RUNNING
        .try_with(|running| look(&running.borrow()))
        .unwrap_or(false)
}

impl Mailbox {
    pub fn new(dispatcher: Arc<Dispatcher>) -> Arc<Mailbox> {
        Arc::new(Mailbox {
            dispatcher,
            state: Mutex::default(),
            idle: Signal::default(),
        })
    }

    /// Counts a callback request in; [`Mailbox::finished`] counts it out.
    pub(super) fn accepted(&self) {
        lock(&self.state).outstanding += 1;
    }

    pub(super) fn finished(&self) {
        let mut state = lock(&self.state);
        state.outstanding -= 1;
        if state.outstanding == 0 {
            self.idle.notify_all();
        }
    }

    pub(super) fn push(self: &Arc<Self>, item: Item) {
        let mut state = lock(&self.state);
        state.items.push_back(item);
        // One who waits to close may be the dispatcher itself, and then empties the mailbox with its own hands.
        self.idle.notify_all();
        if !std::mem::replace(&mut state.scheduled, true) {
            drop(state);
            self.dispatcher.ready(self.clone());
        }
    }

    /// Queues a log line, or drops it when `most` are waiting already.
    pub fn log(self: &Arc<Self>, line: LogLine, most: usize) {
        if lock(&self.state).items.len() < most {
            self.push(Item::Log(line));
        }
    }

    /// The dispatcher's visit: up to `most` items, then back into its queue if there are more.
    pub(super) fn turn(self: &Arc<Self>, most: usize) {
        for _ in 0..most {
            let mut state = lock(&self.state);
            let Some(item) = state.items.pop_front() else {
                state.scheduled = false;
                return;
            };
            drop(state);
            self.run(item);
        }
        self.dispatcher.ready(self.clone());
    }

    fn run(&self, item: Item) {
        match item {
            Item::Chunk {
                id,
                listener,
                kind,
                data,
                cancelled,
                _room,
            } => {
                if !cancelled.is_set() {
                    self.chunk(id, &listener, kind, &data);
                }
            }
            Item::Progress {
                id,
                listener,
                text,
                cancelled,
                _room,
            } => {
                if !cancelled.is_set() {
                    self.progress(id, &listener, &text);
                }
            }
            Item::Done {
                id,
                listener,
                response,
            } => self.done(id, &listener, response),
            Item::Token {
                wanted,
                listener,
                stale,
            } => {
                self.call(move || {
                    if !stale.is_set() {
                        listener.wanted(wanted);
                    }
                });
                self.finished();
            }
            Item::Log(line) => self.call(line.deliver),
        }
    }

    /// Makes a chunk's callback, here and now.
    pub(super) fn chunk(&self, id: u64, listener: &SharedListener, kind: Kind, data: &WithNul) {
        self.call(|| {
            if let Some(listener) = lock(listener).as_mut() {
                match kind {
                    Kind::Chunk => listener.chunk(id, data),
                    other => listener.beside(id, other, data),
                }
            }
        });
    }

    /// Makes a progress callback, here and now.
    pub(super) fn progress(&self, id: u64, listener: &SharedListener, report: &WithNul) {
        self.call(|| {
            if let Some(listener) = lock(listener).as_mut() {
                listener.progress(id, report);
            }
        });
    }

    /// Makes the terminal callback and runs the destructor, here and now.
    pub(super) fn done(&self, id: u64, listener: &SharedListener, response: ResponseBox) {
        let listener = lock(listener).take();
        self.call(|| {
            if let Some(mut listener) = listener {
                listener.done(id, response);
            }
        });
        self.finished();
    }

    /// Makes a call into the host, remembering on this thread whose it is.
    pub(super) fn call(&self, call: impl FnOnce()) {
        let noted = RUNNING.try_with(|running| running.borrow_mut().push(self.address()));
        call();
        if noted.is_ok() {
            let _ = RUNNING.try_with(|running| running.borrow_mut().pop());
        }
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self) as usize
    }

    /// Waits until every accepted callback has been made. Inside a callback of this very client it returns at once.
    ///
    /// Inside a callback of another client on the dispatcher thread, nobody else would empty this mailbox, so this
    /// does. On a runtime thread the runtime is told that it blocks.
    pub fn drain(&self) {
        if running(|running| running.contains(&self.address())) {
            return;
        }
        if runtime::on_worker() {
            tokio::task::block_in_place(|| self.wait_until_idle());
        } else {
            self.wait_until_idle();
        }
    }

    /// Waits until every accepted callback has been made, for so long at most.
    pub fn drain_within(&self, timeout: Duration) {
        let owes = |state: &State| state.outstanding > 0;
        self.idle.wait_while(lock(&self.state), timeout, owes);
    }

    fn wait_until_idle(&self) {
        // A worker's callback is not the dispatcher, which goes on emptying mailboxes meanwhile.
        let by_hand = in_callback() && !runtime::on_worker();
        let mut state = lock(&self.state);
        while state.outstanding > 0 {
            match by_hand.then(|| state.items.pop_front()).flatten() {
                Some(item) => {
                    drop(state);
                    self.run(item);
                    state = lock(&self.state);
                }
                None => state = self.idle.wait(state),
            }
        }
    }
}

#[cfg(test)]
mod tests;
