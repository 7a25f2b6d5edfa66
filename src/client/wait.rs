//! Waits for an object of the server to be done: looks at it again and again, in a task of the runtime.
//!
//! Each look is a request like any other, with its queue, limits and retries, except that it never blocks: where the
//! queue is full the wait goes on to the next look. The wait as a whole has an id and one terminal event of its own.
//! `poll` decides; this has the clock.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::poll::{Poll, Rhythm};
use super::request::Request;
use super::{Client, Pending};
use crate::completion::{Delivery, Response, Sink};
use crate::error::{Error, Result};
use crate::scheduler::NewJob;
use crate::sync::lock;
use crate::{runtime, status};

/// Asked for by the official SDKs in the same place; a server may answer with a delay only then.
const POLLING: &str = "x-stainless-poll-helper";

/// What the server says of the next look.
const POLL_AFTER: &str = "openai-poll-after-ms";

/// The waits of a client that have not ended.
#[derive(Default)]
pub struct Waits {
    /// How to end each; `None` where that has been done.
    running: Mutex<HashMap<u64, Option<oneshot::Sender<Error>>>>,
    ended: Condvar,
}

impl Waits {
    /// Ends one with `error`; false if there is none of this id, or it is ending already.
    pub fn end(&self, id: u64, error: Error) -> bool {
        let stop = lock(&self.running).get_mut(&id).and_then(Option::take);
        stop.is_some_and(|stop| stop.send(error).is_ok())
    }

    /// Ends them all.
    pub fn end_all(&self, error: &Error) {
        for stop in lock(&self.running).values_mut().filter_map(Option::take) {
            // One that has just ended by itself no longer listens.
            let _ = stop.send(error.clone());
        }
    }

    /// Waits until the last terminal event was handed over; false when the time was not enough.
    pub fn wait_ended(&self, timeout: Duration) -> bool {
        let running = lock(&self.running);
        let waited = self
            .ended
            .wait_timeout_while(running, timeout, |running| !running.is_empty());
        let (running, _) = waited.unwrap_or_else(PoisonError::into_inner);
        running.is_empty()
    }
}

/// An entry of [`Waits`], gone when this is dropped.
struct Registered {
    client: Arc<Client>,
    id: u64,
}

impl Drop for Registered {
    fn drop(&mut self) {
        lock(&self.client.waits.running).remove(&self.id);
        self.client.waits.ended.notify_all();
    }
}

/// A look under way, cancelled when nobody waits for it any more.
struct Look {
    client: Arc<Client>,
    pending: Pending,
}

impl Drop for Look {
    fn drop(&mut self) {
        self.pending.cancel(&self.client);
    }
}

impl Client {
    /// Waits until the object that `request` asks for is done. An error means that it was refused and no event follows.
    pub fn wait_until(
        self: &Arc<Self>,
        id: u64,
        request: &Request,
        options: Option<&[u8]>,
        sink: Sink,
    ) -> Result<()> {
        let poll = Poll::parse(options)?;
        if !request.is_get() {
            return Err(Error::new(
                status::INVALID_ARGUMENT,
                "only an object that a GET request asks for can be waited for",
            ));
        }
        if request.has_output() {
            return Err(Error::new(
                status::INVALID_ARGUMENT,
                "the answer goes to an output, but a wait has to read it: make a request without one",
            ));
        }
        let mut request = request.clone();
        request.set_header(POLLING, Some("true"))?;
        let watch = Watch {
            client: self.clone(),
            deadline: poll.timeout().and_then(|t| Instant::now().checked_add(t)),
            rhythm: poll.rhythm(),
            poll,
            request,
            looks: 0,
        };
        let runtime = runtime::start()?.handle.clone();
        let first = match watch.look() {
            // There will be room by and by.
            Err(error) if error.status == status::QUEUE_FULL => None,
            first => Some(first?),
        };
        let delivery = Delivery::new(id, sink);
        let (stop, mut stopped) = oneshot::channel();
        lock(&self.waits.running).insert(id, Some(stop));
        let registered = Registered {
            client: self.clone(),
            id,
        };
        if self.is_closed() {
            // Whoever closed the client may have ended its waits before this was one of them.
            self.waits.end(id, super::closed());
        }
        if let Err(error) = runtime::check() {
            self.waits.end(id, error);
        }
        runtime.spawn(async move {
            let mut response = tokio::select! {
                biased;
                Ok(error) = &mut stopped => Response::failed(id, error),
                response = watch.run(first) => response,
            };
            // Whoever was told that it is ended must see that end, even if the object was done in the same moment.
            stopped.close();
            if let Ok(error) = stopped.try_recv() {
                response = Response::failed(id, error);
            }
            response.id = id;
            delivery.finish(response);
            drop(registered);
        });
        Ok(())
    }
}

/// One wait.
struct Watch {
    client: Arc<Client>,
    poll: Poll,
    request: Request,
    deadline: Option<Instant>,
    rhythm: Rhythm,
    looks: u32,
}

impl Watch {
    fn left(&self) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Begins a look, which must end when the wait does.
    fn look(&self) -> Result<Look> {
        let job = self.request.to_job()?;
        let own = job.timeout.or_else(|| self.client.timeout());
        let timeout = match (own, self.left()) {
            (Some(own), Some(left)) => Some(own.min(left)),
            (own, left) => own.or(left),
        };
        let pending = self.client.try_start(NewJob { timeout, ..job })?;
        Ok(Look {
            client: self.client.clone(),
            pending,
        })
    }

    async fn run(mut self, first: Option<Look>) -> Response {
        let mut seen: Option<(Response, String)> = None;
        let mut next = first;
        loop {
            let look = match next.take() {
                Some(look) => look,
                None => match self.next_look(&mut seen).await {
                    Ok(look) => look,
                    Err(response) => return response,
                },
            };
            let mut response = look.pending.arrives().await;
            self.looks += 1;
            seen = match (response.status(), seen) {
                (status::OK, _) => match self.poll.unfinished(response.body()) {
                    Ok(Some(told)) => Some((response, told)),
                    Ok(None) => return response,
                    Err(error) => {
                        response.fail(error);
                        return response;
                    }
                },
                // The look was cut short by the wait's own deadline.
                (status::DEADLINE, before) if self.left().is_some_and(|left| left.is_zero()) => {
                    return self.late(before);
                }
                _ => return response,
            };
        }
    }

    /// Sleeps and begins the next look, or says how the wait ends instead.
    async fn next_look(
        &mut self,
        seen: &mut Option<(Response, String)>,
    ) -> std::result::Result<Look, Response> {
        let mut asked = seen.as_ref().and_then(|(response, _)| poll_after(response));
        loop {
            match self.rhythm.next(asked.take(), self.left()) {
                Some(delay) => sleep(delay).await,
                None => return Err(self.late(seen.take())),
            }
            match self.look() {
                Ok(look) => return Ok(look),
                // There will be room again.
                Err(error) if error.status == status::QUEUE_FULL => {}
                // None would get through before the end.
                Err(error) if error.status == status::DEADLINE && self.deadline.is_some() => {
                    return Err(self.late(seen.take()));
                }
                Err(error) => return Err(Response::failed(0, error)),
            }
        }
    }

    /// The object as it was last seen, with the error that it is late.
    fn late(&self, seen: Option<(Response, String)>) -> Response {
        let told = seen.as_ref().map(|(_, told)| told.as_str());
        let late = self.poll.late(told, self.looks);
        let mut response = seen.map(|(response, _)| response).unwrap_or_default();
        response.fail(late);
        response
    }
}

/// The delay that the server asks for.
fn poll_after(response: &Response) -> Option<Duration> {
    let text = response.headers.get(POLL_AFTER)?.to_str().ok()?;
    let ms = text.trim().parse().ok().filter(|ms| *ms > 0)?;
    Some(Duration::from_millis(ms))
}
