//! What the scheduler does about tokens: it puts the question to the host, and lets those go or end who wait for the answer.
//!
//! When a token is wanted is decided in `scheduler::tokens`.

use std::sync::Arc;

use tokio::time::Instant;

use super::Scheduler;
use crate::error::Error;
use crate::status;
use crate::sync::lock;

impl Scheduler {
    /// Looks again after a token has come, or comes from elsewhere.
    pub fn tokens_changed(self: &Arc<Self>) {
        self.look_again(|state| {
            state.line.open_all();
            true
        });
    }

    /// Ends those who wait for the token that was asked for under `wanted`, since the host has none to give; the next
    /// request asks again. False if that question is not open (any more).
    pub fn refuse_token(self: &Arc<Self>, wanted: u64, message: &str) -> bool {
        let policy = self.policy.get();
        let now = Instant::now();
        let mut state = lock(&self.state);
        let Some(in_vain) = self.tokens.refuse(wanted, now) else {
            return false;
        };
        let ended = match in_vain {
            true => state.line.take_waiting(|job| !job.own_key),
            false => Vec::new(),
        };
        let started = state.start(&policy, now);
        self.arm(&mut state);
        drop(state);
        tracing::warn!("no bearer token: {message}");
        for job in ended {
            let error = Error::new(status::NO_API_KEY, format!("no bearer token: {message}"));
            self.end_waiting(job, error);
        }
        self.launch(started);
        true
    }

    /// Puts the question for a token to the host, if there is one. Needs every lock to be free.
    pub(super) fn ask_for_token(self: &Arc<Self>) {
        let Some(question) = self.tokens.ask(Instant::now()) else {
            return;
        };
        tracing::debug!("a bearer token is wanted ({})", question.id);
        let (own, id) = (Arc::downgrade(self), question.id);
        let lost = Box::new(move || {
            if let Some(own) = own.upgrade() {
                own.refuse_token(id, "the queue that it was to be asked for in was freed");
            }
        });
        question.source.ask(id, question.stale, lost);
        self.arm(&mut lock(&self.state));
    }
}
