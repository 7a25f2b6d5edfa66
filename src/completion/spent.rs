//! Responses in memory of their own, which goes back to the threads that make responses.
//!
//! A response is made on a thread of the runtime's and let go by the host. The system's allocator keeps memory by thread,
//! so the one would wait for the other's lock each time (as for jobs, see `scheduler::shells`). So a response that the
//! host is done with is kept as it is, and the next one takes its place: what was in it is freed where it was made.

use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

use super::response::Response;
use crate::sync::lock;

/// So many are kept at most, in the whole process: what a busy host takes from its queues at a time.
const MOST: usize = 1024;

/// One that holds more is let go at once, in bytes.
const LARGEST: usize = 4096;

static SPENT: Mutex<Spent> = Mutex::new(Spent {
    makers: 0,
    responses: Vec::new(),
});

struct Spent {
    /// Without any there is no next response.
    makers: usize,
    #[allow(clippy::vec_box, reason = "the memory is what is kept")]
    responses: Vec<Box<Response>>,
}

/// A response on the heap.
pub struct ResponseBox(Option<Box<Response>>);

impl ResponseBox {
    /// Moves the response out.
    pub fn take(mut self) -> Response {
        std::mem::take(&mut *self)
    }
}

impl From<Response> for ResponseBox {
    fn from(response: Response) -> ResponseBox {
        // Whoever finds the lock taken asks the allocator: nobody waits here.
        let spent = SPENT.try_lock().ok();
        let spent = spent.and_then(|mut spent| spent.responses.pop());
        ResponseBox(Some(match spent {
            Some(mut spent) => {
                *spent = response;
                spent
            }
            None => Box::new(response),
        }))
    }
}

impl Default for ResponseBox {
    fn default() -> ResponseBox {
        Response::default().into()
    }
}

impl Deref for ResponseBox {
    type Target = Response;

    fn deref(&self) -> &Response {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl DerefMut for ResponseBox {
    fn deref_mut(&mut self) -> &mut Response {
        self.0.as_mut().expect("it is there until it is dropped")
    }
}

impl Drop for ResponseBox {
    fn drop(&mut self) {
        let Some(response) = self.0.take() else {
            return;
        };
        if response.capacity() > LARGEST {
            return;
        }
        if let Ok(mut spent) = SPENT.try_lock() {
            if spent.makers > 0 && spent.responses.len() < MOST {
                spent.responses.push(response);
            }
        }
    }
}

/// Whoever makes responses holds one of these; with the last of them goes what is kept.
pub struct ResponseMaker(());

impl ResponseMaker {
    pub fn new() -> ResponseMaker {
        lock(&SPENT).makers += 1;
        ResponseMaker(())
    }
}

impl Drop for ResponseMaker {
    fn drop(&mut self) {
        let mut spent = lock(&SPENT);
        spent.makers -= 1;
        let last = spent.makers == 0;
        let kept = last.then(|| std::mem::take(&mut spent.responses));
        drop(spent);
        drop(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_holds_nothing_of_the_one_before() {
        let _maker = ResponseMaker::new();
        for body in ["first", "", "third"] {
            let mut response = Response::default();
            assert!(response.body().is_empty());
            response.set_body(body.into());
            let kept = ResponseBox::from(response);
            assert_eq!(&**kept.body(), body.as_bytes());
        }
        let mut taken = ResponseBox::default();
        taken.id = 7;
        assert_eq!((taken.take().id, ResponseBox::default().id), (7, 0));
    }
}
