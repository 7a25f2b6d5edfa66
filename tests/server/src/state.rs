//! What all requests of one server share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use tokio::sync::Semaphore;

use crate::embeddings::Cache;
use crate::limiter::Limiter;
use crate::log::Log;
use crate::script::Script;
use crate::server::Config;
use crate::vectors::spread;

/// Permits that open a gate for good.
const OPEN: usize = 1 << 30;

pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) log: Arc<Log>,
    pub(crate) script: Script,
    pub(crate) cache: Option<Cache>,
    limiter: Mutex<Limiter>,
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
    router: OnceLock<Router>,
    started: Instant,
    requests: AtomicU64,
    /// Makes request ids differ between servers of one process and between processes.
    id_seed: u64,
}

impl State {
    pub(crate) fn new(config: Config) -> Arc<State> {
        let since_1970 = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        let state = Arc::new(State {
            log: Arc::new(Log::new(config.log)),
            script: Script::default(),
            cache: config.in_memory.then(Cache::default),
            limiter: Mutex::new(Limiter::new(config.limits.clone(), Duration::ZERO)),
            gates: Mutex::default(),
            router: OnceLock::new(),
            started: Instant::now(),
            requests: AtomicU64::new(0),
            id_seed: since_1970.as_nanos() as u64,
            config,
        });
        let _ = state.router.set(crate::routes::router(&state));
        state
    }

    /// The normal endpoints.
    pub(crate) fn router(&self) -> Router {
        self.router.get().cloned().unwrap_or_default()
    }

    /// The time that the limiter is told.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn limiter(&self) -> MutexGuard<'_, Limiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new `req_...`.
    pub(crate) fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let high = spread(self.id_seed.wrapping_add(number));
        let low = spread(high ^ number);
        format!("req_{high:016x}{low:016x}")
    }

    fn gate(&self, name: &str) -> Arc<Semaphore> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(Semaphore::new(0)))
            .clone()
    }

    /// Waits until the gate lets one through.
    pub(crate) async fn pass_gate(&self, name: &str) {
        // Gates are never closed.
        if let Ok(permit) = self.gate(name).acquire().await {
            permit.forget();
        }
    }

    /// Lets `count` requests through a gate, or all that come until the next clear.
    pub(crate) fn release(&self, name: &str, count: Option<usize>) {
        let gate = self.gate(name);
        let room = Semaphore::MAX_PERMITS - gate.available_permits();
        gate.add_permits(count.unwrap_or(OPEN).min(room));
    }

    /// Back to the state after the start: no rules, no log, the limits of the configuration, full buckets.
    pub(crate) fn clear(&self) {
        self.script.clear();
        self.log.clear();
        *self.limiter() = Limiter::new(self.config.limits.clone(), self.now());
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, gate) in gates.drain() {
            // Whoever still waits there belongs to the past.
            gate.add_permits(OPEN);
        }
    }
}
