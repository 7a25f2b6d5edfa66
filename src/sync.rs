//! Locks as this library takes them.
//!
//! A panic is caught at the border and reported for its one request, so a poisoned lock says nothing that another
//! request should suffer from: the data is only ever changed in steps that leave it whole.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Guard};

/// Locks, whether or not a thread panicked while holding the lock.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A condition variable whose notification costs a look at a number while nobody waits; the standard one's costs a
/// system call each time.
///
/// Like any condition variable it belongs to one mutex: the condition is changed under it, before the notification.
#[derive(Default)]
pub struct Signal {
    condvar: Condvar,
    /// Changed under the mutex. Who notifies has held the mutex since, so he sees everybody who saw the condition as it
    /// was before.
    waiting: AtomicUsize,
}

impl Signal {
    /// Waits for a notification, or for no reason: look at the condition again.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let guard = self.condvar.wait(guard);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        guard.unwrap_or_else(PoisonError::into_inner)
    }

    /// The same for `timeout` at most.
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> MutexGuard<'a, T> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let waited = self.condvar.wait_timeout(guard, timeout);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits while `holds`, for `timeout` at most; whether it no longer does.
    pub fn wait_while<T>(
        &self,
        mut guard: MutexGuard<'_, T>,
        timeout: Duration,
        holds: impl Fn(&T) -> bool,
    ) -> bool {
        let until = Instant::now().checked_add(timeout);
        while holds(&guard) {
            let left = until.map_or(Duration::MAX, |until| {
                until.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                return false;
            }
            guard = self.wait_timeout(guard, left);
        }
        true
    }

    /// Wakes everybody who waits.
    pub fn notify_all(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.condvar.notify_all();
        }
    }

    /// Wakes one of those who wait.
    pub fn notify_one(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.condvar.notify_one();
        }
    }
}

/// A value with memory lines of its own. Processors hand memory over in lines of 64 bytes, some of them in pairs: what two
/// threads change all the time is not to lie with what they read.
#[derive(Default)]
#[repr(align(128))]
pub struct Apart<T>(pub T);

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A value that readers take whole while a writer may replace it at any time: settings in force.
///
/// Reading writes to nothing that other threads read, unlike a lock around an `Arc`: each request looks several times.
pub struct Current<T>(ArcSwap<T>);

impl<T> Current<T> {
    pub fn new(value: T) -> Arc<Current<T>> {
        Arc::new(Current(ArcSwap::from_pointee(value)))
    }

    /// The value as it is now; a later replacement does not change it.
    pub fn get(&self) -> Arc<T> {
        self.0.load_full()
    }

    /// The same for a moment: what is returned is not to be kept over an await.
    pub fn look(&self) -> Guard<Arc<T>> {
        self.0.load()
    }

    pub fn set(&self, value: T) {
        self.0.store(Arc::new(value));
    }
}
