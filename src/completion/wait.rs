//! The blocking face: one thread waits for the one response of its request.

use std::sync::{Arc, Mutex};

use super::response::Response;
use crate::sync::{Signal, lock};

/// A place for one response, and the thread that waits for it.
#[derive(Default)]
pub struct Waiter {
    response: Mutex<Option<Response>>,
    arrived: Signal,
}

impl Waiter {
    pub fn new() -> Arc<Waiter> {
        Arc::new(Waiter::default())
    }

    pub fn put(&self, response: Response) {
        *lock(&self.response) = Some(response);
        self.arrived.notify_one();
    }

    /// Blocks until the response is there.
    pub fn wait(&self) -> Response {
        let mut place = lock(&self.response);
        loop {
            if let Some(response) = place.take() {
                return response;
            }
            place = self.arrived.wait(place);
        }
    }
}
