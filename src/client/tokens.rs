//! Tokens that rotate, from the client's side: where they come from, and the host's answers.
//!
//! When one is asked for is the scheduler's business. The token is put where the transport finds it before any request
//! may start with it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::options::check;
use super::secret::Secret;
use super::{Client, log, next_id};
use crate::completion::{EventQueue, TokenListener, TokenSource};
use crate::error::{Error, Result};
use crate::sync::lock;
use crate::{runtime, status};

impl Client {
    /// Lets tokens come from a callback; `None`: from nowhere.
    pub fn set_token_callback(&self, listener: Option<Arc<dyn TokenListener>>) -> Result<()> {
        self.set_token_source(listener.map(|listener| TokenSource::Callback {
            mailbox: self.mailbox.clone(),
            listener,
        }))
    }

    /// Lets tokens be asked for in a queue; `None`: nowhere.
    pub fn set_token_queue(&self, queue: Option<(Arc<EventQueue>, u64)>) -> Result<()> {
        self.set_token_source(queue.map(|(queue, tag)| TokenSource::Queue { queue, tag }))
    }

    fn set_token_source(&self, source: Option<TokenSource>) -> Result<()> {
        runtime::check()?;
        let mut config = lock(&self.config);
        let mut changed = config.clone();
        let number = source
            .as_ref()
            .map(|_| config.place().provider.unwrap_or_else(next_id));
        let notices = changed.set_provider(number, self.scheduler.get().is_some())?;
        self.take_over(&changed)?;
        *config = changed;
        let before = self.tokens.set_source(source);
        drop(config);
        log(&notices);
        if let Some(scheduler) = self.scheduler.get() {
            scheduler.tokens_changed();
        }
        // The host's destructor, if no callback is running.
        drop(before);
        Ok(())
    }

    /// The answer to an open question; `None` as its life: not known.
    pub fn provide_token(&self, wanted: u64, token: &str, life: Option<Duration>) -> Result<()> {
        runtime::check()?;
        let token = check::key(token)
            .map_err(|why| Error::new(status::INVALID_ARGUMENT, format!("the token {why}")))?;
        let mut config = lock(&self.config);
        let mut changed = config.clone();
        changed.set_token(Secret::new(token));
        let target = super::effective::target(&changed.settings, changed.place())?;
        let taken = self.tokens.provide(wanted, life, Instant::now(), || {
            self.target.set(target);
            *config = changed;
        });
        drop(config);
        if !taken {
            return Err(not_wanted(wanted));
        }
        if let Some(scheduler) = self.scheduler.get() {
            scheduler.tokens_changed();
        }
        Ok(())
    }

    /// The answer that there is none: who waits for it fails with `message`.
    pub fn refuse_token(&self, wanted: u64, message: Option<&str>) -> Result<()> {
        runtime::check()?;
        let message = message.filter(|message| !message.is_empty());
        let message = message.unwrap_or("the token provider has none");
        match self.scheduler.get() {
            Some(scheduler) if scheduler.refuse_token(wanted, message) => Ok(()),
            _ => Err(not_wanted(wanted)),
        }
    }
}

fn not_wanted(wanted: u64) -> Error {
    Error::new(
        status::UNKNOWN_ID,
        format!(
            "no token is wanted under the number {wanted}: it was answered before, or its provider was replaced"
        ),
    )
}
