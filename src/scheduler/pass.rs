//! One attempt's rights, and what the transport reports of it: the permit of its scope's limits and the breaker's
//! ticket, each given back exactly once whatever happens.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use tokio::time::Instant;

use super::attempt::is_good;
use super::breaker::{Breaker, Ticket};
use super::gate::{Gate, time};
use super::limits::{Permit, Refusal};
use super::retry_after;
use crate::codec::usage::Usage;
use crate::sync::lock;
use crate::transport::Watcher;

/// A breaker that attempts share.
pub(super) type SharedBreaker = Arc<Mutex<Breaker>>;

/// An attempt under way.
pub(super) struct Pass {
    gate: Arc<Gate>,
    sent: AtomicBool,
    /// The probe of a half-open breaker.
    probe: bool,
    /// The longest that a server may make the scope wait.
    max_retry_after: Duration,
    held: Mutex<Held>,
}

struct Held {
    permit: Option<Permit>,
    ticket: Option<(SharedBreaker, Ticket)>,
    /// From the start to the answer's headers.
    first_byte: Option<Duration>,
    started: Instant,
}

/// How an attempt ended, for the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Its headers told already.
    Answered,
    /// No connection, no answer in time, or a lost one.
    Failed,
    /// We gave it up.
    GivenUp,
}

impl Pass {
    pub fn new(
        gate: Arc<Gate>,
        permit: Permit,
        ticket: Option<(SharedBreaker, Ticket)>,
        max_retry_after: Duration,
        now: Instant,
    ) -> Arc<Pass> {
        let probe = ticket.as_ref().is_some_and(|(_, ticket)| ticket.is_probe());
        let held = Held {
            permit: Some(permit),
            ticket,
            first_byte: None,
            started: now,
        };
        Arc::new(Pass {
            gate,
            sent: AtomicBool::new(false),
            probe,
            max_retry_after,
            held: Mutex::new(held),
        })
    }

    /// The limits that it goes by.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Whether bytes of the request may have left.
    pub fn was_sent(&self) -> bool {
        self.sent.load(Ordering::Acquire)
    }

    /// Whether it was to find out if a failed server is back: its failure costs the request nothing.
    pub fn is_probe(&self) -> bool {
        self.probe
    }

    /// How long the answer's headers took.
    pub fn first_byte(&self) -> Option<Duration> {
        lock(&self.held).first_byte
    }

    /// The answer was a refusal of its scope. Must come before [`Pass::end`].
    pub fn refused(&self, now: Instant, refusal: &Refusal) {
        if let Some(permit) = &mut lock(&self.held).permit {
            self.gate.refused(permit, now, refusal);
        }
    }

    /// The request was carried out, and used so many tokens. Gives everything back.
    pub fn succeeded(&self, usage: Option<&Usage>, now: Instant) {
        self.end(Ended::Answered, now);
        if let Some(usage) = usage {
            self.gate.usage(usage.total_tokens);
        }
    }

    /// Gives everything back; later calls do nothing.
    pub fn end(&self, ended: Ended, now: Instant) {
        let mut held = lock(&self.held);
        if let Some((breaker, ticket)) = held.ticket.take() {
            let mut breaker = lock(&breaker);
            match ended {
                Ended::Failed => breaker.failed(ticket, time(now), None),
                Ended::Answered | Ended::GivenUp => breaker.cancelled(ticket, time(now)),
            }
        }
        if let Some(permit) = held.permit.take() {
            if self.was_sent() {
                self.gate.finished(permit, now);
            } else {
                self.gate.refund(permit, now);
            }
        }
    }
}

impl Watcher for Pass {
    fn sent(&self) {
        if self.sent.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(permit) = &mut lock(&self.held).permit {
            self.gate.sent(permit, Instant::now());
        }
    }

    fn answered(&self, status: u16, headers: &HeaderMap) {
        let now = Instant::now();
        let mut held = lock(&self.held);
        held.first_byte = Some(now - held.started);
        if let Some(permit) = &mut held.permit {
            self.gate.headers(permit, now, headers, is_good(status));
        }
        if let Some((breaker, ticket)) = held.ticket.take() {
            let mut breaker = lock(&breaker);
            match status {
                408 | 429 => breaker.refused(ticket),
                500.. => {
                    let asked = retry_after::requested(headers, "", SystemTime::now());
                    let asked = asked.filter(|_| status == 503);
                    breaker.failed(
                        ticket,
                        time(now),
                        asked.map(|asked| asked.min(self.max_retry_after)),
                    );
                }
                _ => breaker.succeeded(ticket),
            }
        }
        drop(held);
        self.gate.changed();
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let held = self.held.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Only a task that was torn down in mid-flight gets here with anything left.
        if held.permit.is_some() || held.ticket.is_some() {
            self.end(Ended::GivenUp, Instant::now());
        }
    }
}
