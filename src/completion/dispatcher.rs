//! The thread that makes the callbacks, so that a slow one stalls no socket.
//!
//! One for the process: mailboxes with something in them queue up for it, and it takes a few items from each in turn.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::mailbox::Mailbox;
use crate::sync::{Signal, lock};

/// Items taken from one mailbox before the next has its turn.
const TURN: usize = 16;

/// The mailboxes that wait for the dispatcher.
#[derive(Default)]
pub struct Dispatcher {
    state: Mutex<State>,
    arrived: Signal,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Arc<Mailbox>>,
    stopped: bool,
}

impl Dispatcher {
    pub fn new() -> Arc<Dispatcher> {
        Arc::new(Dispatcher::default())
    }

    /// Queues a mailbox for its turn.
    pub(super) fn ready(&self, mailbox: Arc<Mailbox>) {
        lock(&self.state).ready.push_back(mailbox);
        self.arrived.notify_one();
    }

    /// The thread's work, until [`Dispatcher::stop`] and nothing is left.
    pub fn run(&self) {
        let mut state = lock(&self.state);
        loop {
            if let Some(mailbox) = state.ready.pop_front() {
                drop(state);
                mailbox.turn(TURN);
                drop(mailbox);
                state = lock(&self.state);
            } else if state.stopped {
                return;
            } else {
                state = self.arrived.wait(state);
            }
        }
    }

    /// Lets [`Dispatcher::run`] return once nothing is left to deliver.
    pub fn stop(&self) {
        lock(&self.state).stopped = true;
        self.arrived.notify_all();
    }
}
