//! The waiting face: one thread, or one task of the library's own, waits for the one response of its request.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::progress::Progress;
use super::response::Response;
use super::spent::ResponseBox;
use crate::sync::{Signal, lock};

/// A place for one response, and those who may wait for it.
#[derive(Default)]
pub struct Waiter {
    /// What tells the host of a larger call, of which this request is a step, how far its body has come.
    pub(super) progress: Option<Progress>,
    response: Mutex<Option<ResponseBox>>,
    arrived: Signal,
    told: Notify,
}

impl Waiter {
    pub fn new() -> Arc<Waiter> {
        Arc::new(Waiter::default())
    }

    /// A place for the response of a step of a larger call.
    pub fn of_step(progress: Option<Progress>) -> Arc<Waiter> {
        Arc::new(Waiter {
            progress,
            ..Waiter::default()
        })
    }

    pub fn put(&self, response: ResponseBox) {
        *lock(&self.response) = Some(response);
        self.arrived.notify_one();
        self.told.notify_one();
    }

    /// Blocks until the response is there.
    pub fn wait(&self) -> Response {
        let mut place = lock(&self.response);
        loop {
            if let Some(response) = place.take() {
                return response.take();
            }
            place = self.arrived.wait(place);
        }
    }

    /// The same for a task.
    pub async fn arrives(&self) -> Response {
        loop {
            if let Some(response) = lock(&self.response).take() {
                return response.take();
            }
            // Kept for us if it was told in between.
            self.told.notified().await;
        }
    }
}
