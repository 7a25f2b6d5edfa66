//! One attempt as the transport reports on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderMap;

use crate::transport::Watcher;

/// What is known of an attempt while it is under way.
#[derive(Default)]
pub(super) struct Pass {
    sent: AtomicBool,
}

impl Pass {
    pub fn new() -> Arc<Pass> {
        Arc::new(Pass::default())
    }

    /// Whether bytes of the request may have left.
    pub fn was_sent(&self) -> bool {
        self.sent.load(Ordering::Acquire)
    }
}

impl Watcher for Pass {
    fn sent(&self) {
        self.sent.store(true, Ordering::Release);
    }

    fn answered(&self, _: u16, _: &HeaderMap) {}
}
