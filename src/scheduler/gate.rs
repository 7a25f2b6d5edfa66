//! The limits of one scope, shared by every client of the process that has the same key, and who waits for them.
//!
//! A scope is (base URL, key, organization, project, limit group). Its [`Limiter`] is pure; this is the lock around it,
//! the registry that finds it, and the list of schedulers whose lanes it holds back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use http::HeaderMap;
use once_cell::sync::Lazy;
use tokio::time::Instant;

use super::limits::{
    Admit, Configured, Cost, Limiter, LimiterState, Permit, Refusal, Snapshot, Time,
};
use super::line::Scope;
use crate::sync::lock;

/// Scopes that are remembered although nobody uses them, at most: what was learned of a key outlives its client.
const MOST_IDLE: usize = 4096;

/// Identity (a hash of base URL, key, organization and project) and limit group.
type Key = (u64, Scope);

static GATES: Lazy<Mutex<HashMap<Key, Arc<Gate>>>> = Lazy::new(Mutex::default);
static EPOCH: Lazy<std::time::Instant> = Lazy::new(std::time::Instant::now);

/// Whose lanes a gate may hold back.
pub(super) trait Waits: Send + Sync {
    /// Something happened in the scope: ask again.
    fn ask_again(self: Arc<Self>, scope: &Scope);
}

/// The limits of one scope.
pub(super) struct Gate {
    limiter: Mutex<Limiter>,
    /// Who to tell, and under which name they know the scope.
    waiting: Mutex<Vec<(Weak<dyn Waits>, Scope)>>,
    /// Some of them were told to wait since it was last looked at. Mostly none was, and then nobody need be told.
    parked: AtomicBool,
}

/// The limiter's time for an instant.
pub(super) fn time(at: Instant) -> Time {
    at.into_std().saturating_duration_since(*EPOCH)
}

/// The instant of a limiter's time.
pub(super) fn instant(at: Time) -> Instant {
    let far = || *EPOCH + Duration::from_secs(30 * 365 * 24 * 3600);
    Instant::from_std(EPOCH.checked_add(at).unwrap_or_else(far))
}

impl Gate {
    /// The gate of a scope, made at the first look.
    pub fn of(identity: u64, group: &Scope, configured: Configured, learn: bool) -> Arc<Gate> {
        let mut gates = lock(&GATES);
        if gates.len() >= MOST_IDLE {
            gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        }
        let gate = gates.entry((identity, group.clone())).or_insert_with(|| {
            Arc::new(Gate {
                limiter: Mutex::new(Limiter::new(configured, learn)),
                waiting: Mutex::default(),
                parked: AtomicBool::new(false),
            })
        });
        gate.clone()
    }

    pub fn configure(&self, configured: Configured, learn: bool, now: Instant) {
        lock(&self.limiter).configure(configured, learn, time(now));
    }

    /// Tells `who` from now on.
    pub fn subscribe(&self, who: Weak<dyn Waits>, scope: &Scope) {
        let mut waiting = lock(&self.waiting);
        waiting.retain(|(other, name)| {
            other.strong_count() > 0 && !(Weak::ptr_eq(other, &who) && name == scope)
        });
        waiting.push((who, scope.clone()));
    }

    /// May a request of this cost, the head of its lane, go now?
    pub fn admit(&self, now: Instant, tokens: u64) -> Admit {
        let mut limiter = lock(&self.limiter);
        let admit = limiter.admit(time(now), Cost { tokens });
        if matches!(admit, Admit::At(_) | Admit::Blocked) {
            // Under the lock: an outcome that comes after this answer finds the mark.
            self.mark_parked();
        }
        admit
    }

    /// Sees to it that the next outcome tells those who wait.
    pub fn mark_parked(&self) {
        self.parked.store(true, Ordering::Release);
    }

    pub fn sent(&self, permit: &mut Permit, now: Instant) {
        lock(&self.limiter).sent(permit, time(now));
    }

    pub fn headers(&self, permit: &mut Permit, now: Instant, headers: &HeaderMap, ok: bool) {
        let told = headers.iter();
        let snapshot = Snapshot::read(told.map(|(name, value)| (name.as_str(), value.as_bytes())));
        lock(&self.limiter).headers(permit, time(now), &snapshot, ok);
    }

    pub fn refused(&self, permit: &mut Permit, now: Instant, refusal: &Refusal) {
        lock(&self.limiter).refused(permit, time(now), refusal);
    }

    pub fn finished(&self, permit: Permit, now: Instant) {
        lock(&self.limiter).finished(permit, time(now));
    }

    pub fn refund(&self, permit: Permit, now: Instant) {
        lock(&self.limiter).refund(permit, time(now));
    }

    pub fn usage(&self, tokens: u64) {
        lock(&self.limiter).usage(tokens);
    }

    /// The least time until a request can go behind `ahead`, which is requests and tokens.
    pub fn least_wait(&self, now: Instant, ahead: (u64, u64), tokens: u64) -> Duration {
        lock(&self.limiter).least_wait(time(now), ahead, Cost { tokens })
    }

    /// What is left of a pause.
    pub fn pause_left(&self, now: Instant) -> Duration {
        self.state(now)
            .paused_until
            .map_or(Duration::ZERO, |until| until.saturating_sub(time(now)))
    }

    pub fn state(&self, now: Instant) -> LimiterState {
        lock(&self.limiter).state(time(now))
    }

    /// Something happened: those whose lanes are parked here ask again. Must be called without any scheduler's lock.
    pub fn changed(&self) {
        if !self.parked.swap(false, Ordering::AcqRel) {
            return;
        }
        let waiting: Vec<_> = lock(&self.waiting).clone();
        for (who, scope) in waiting {
            if let Some(who) = who.upgrade() {
                who.ask_again(&scope);
            }
        }
    }
}
