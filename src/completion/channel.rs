//! A queue of items with a doorbell: many threads push, many take, and the bell rings only when the queue goes from
//! empty to not empty.
//!
//! [`super::queue`] is its user. The rule that nothing is lost between "I saw it empty" and "I sleep on the bell" is
//! checked by loom (`tests/loom`, which compiles this very file), so it must use no lock but those of `super::sync`.
//!
//! Invariants, under the lock:
//! - `armed` implies that the queue is empty and the bell silent: the next push rings.
//! - not `armed` implies that a ring is on its way to the reader, or that the reader has not yet seen "empty".

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::sync::{Condvar, Mutex, MutexGuard};

/// What is rung. Called under the channel's lock, so it must not block and must not call back.
pub trait Bell {
    /// Makes the reader's side readable.
    fn ring(&self);
    /// Makes it unreadable again, whether or not the reader has read what it found.
    fn silence(&self);
}

/// The queue. `T` is an event, `B` the bell; without a bell only [`Channel::wait`] tells of arrivals.
pub struct Channel<T, B> {
    state: Mutex<State<T, B>>,
    arrived: Condvar,
}

struct State<T, B> {
    items: VecDeque<T>,
    bell: Option<B>,
    armed: bool,
    /// Waits that nobody has notified, or more: a notification costs a system call, so none is made in vain.
    unnotified: usize,
    /// Waits that are to end although nothing came.
    wakes: usize,
    /// Nothing will come any more.
    ended: bool,
    closed: bool,
}

impl<T, B: Bell> Channel<T, B> {
    pub fn new() -> Channel<T, B> {
        Channel {
            state: Mutex::new(State {
                items: VecDeque::new(),
                bell: None,
                armed: true,
                unnotified: 0,
                wakes: 0,
                ended: false,
                closed: false,
            }),
            arrived: Condvar::new(),
        }
    }

    /// Adds an item at the end. A closed channel gives it back, to be dropped outside the lock.
    pub fn push(&self, item: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.closed {
            return Err(item);
        }
        state.items.push_back(item);
        state.ring_if_armed();
        // Each push takes one wait off the number and wakes one thread. A wait that ends without a notification leaves
        // the number too high, which costs one notification in vain and loses none.
        let waits = state.unnotified > 0;
        state.unnotified = state.unnotified.saturating_sub(1);
        drop(state);
        if waits {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Takes up to `max` items that `keep` accepts, oldest first, and drops those that it does not. Nothing left to
    /// take silences the bell and arms it for the next push.
    pub fn take(&self, max: usize, keep: impl Fn(&T) -> bool) -> Vec<T> {
        let mut dropped = Vec::new();
        let mut state = self.lock();
        let taken = state.take(max, &keep, &mut dropped);
        drop(state);
        taken
    }

    /// The same, waiting until there is something, the time is over, or [`Channel::wake`] is called.
    pub fn wait(&self, max: usize, until: Option<Instant>, keep: impl Fn(&T) -> bool) -> Vec<T> {
        let mut dropped = Vec::new();
        let mut state = self.lock();
        loop {
            let taken = state.take(max, &keep, &mut dropped);
            if !taken.is_empty() {
                return taken;
            }
            if !dropped.is_empty() {
                // What they hold is not to wait for our end, and is let go outside the lock.
                drop(state);
                dropped.clear();
                state = self.lock();
                continue;
            }
            if state.ended {
                return taken;
            }
            if state.wakes > 0 {
                state.wakes -= 1;
                return taken;
            }
            let left = match until {
                None => Duration::MAX,
                Some(until) => until.saturating_duration_since(Instant::now()),
            };
            if left.is_zero() {
                return taken;
            }
            state.unnotified += 1;
            state = if left == Duration::MAX {
                self.arrived.wait(state).unwrap_or_else(|e| e.into_inner())
            } else {
                self.arrived
                    .wait_timeout(state, left)
                    .unwrap_or_else(|e| e.into_inner())
                    .0
            };
        }
    }

    /// Ends one wait: a current one, or else the next. So many calls end so many waits.
    pub fn wake(&self) {
        self.lock().wakes += 1;
        self.arrived.notify_all();
    }

    /// Ends every wait, now and later, that finds nothing: nothing will come any more.
    pub fn end(&self) {
        self.lock().ended = true;
        self.arrived.notify_all();
    }

    /// Gives the channel its bell, which rings at once if something is already there, and hands the bell to `look`.
    pub fn with_bell<E, R>(
        &self,
        make: impl FnOnce() -> Result<B, E>,
        look: impl FnOnce(&B) -> R,
    ) -> Result<R, E> {
        let mut state = self.lock();
        if state.bell.is_none() {
            let bell = make()?;
            if !state.armed {
                bell.ring();
            }
            state.bell = Some(bell);
        }
        Ok(look(state.bell.as_ref().expect("just made")))
    }

    /// Refuses all later items and returns those that are here.
    pub fn close(&self) -> VecDeque<T> {
        let mut state = self.lock();
        state.closed = true;
        std::mem::take(&mut state.items)
    }

    fn lock(&self) -> MutexGuard<'_, State<T, B>> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl<T, B: Bell> State<T, B> {
    fn ring_if_armed(&mut self) {
        let armed = std::mem::take(&mut self.armed);
        if let (true, Some(bell)) = (armed, &self.bell) {
            bell.ring();
        }
    }

    fn take(&mut self, max: usize, keep: impl Fn(&T) -> bool, dropped: &mut Vec<T>) -> Vec<T> {
        let mut taken = Vec::with_capacity(max.min(self.items.len()));
        while taken.len() < max {
            match self.items.pop_front() {
                Some(item) if keep(&item) => taken.push(item),
                Some(item) => dropped.push(item),
                None => break,
            }
        }
        if taken.is_empty() && self.items.is_empty() && !self.armed {
            if let Some(bell) = &self.bell {
                bell.silence();
            }
            self.armed = true;
        }
        taken
    }
}
