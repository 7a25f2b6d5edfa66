//! Locks as this library takes them.
//!
//! A panic is caught at the border and reported for its one request, so a poisoned lock says nothing that another
//! request should suffer from: the data is only ever changed in steps that leave it whole.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Locks, whether or not a thread panicked while holding the lock.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A value that readers take whole while a writer may replace it at any time: settings in force.
pub struct Current<T>(RwLock<Arc<T>>);

impl<T> Current<T> {
    pub fn new(value: T) -> Arc<Current<T>> {
        Arc::new(Current(RwLock::new(Arc::new(value))))
    }

    /// The value as it is now; a later replacement does not change it.
    pub fn get(&self) -> Arc<T> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub fn set(&self, value: T) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
    }
}
