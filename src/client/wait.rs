//! Waits for an object of the server to be done: looks at it again and again, in a task of the runtime.
//!
//! A wait is a sequence: each look is a step of it, and where the queue is full the wait goes on to the next look.
//! `ffi` begins one, and `sequence::batch` waits for its batch. `poll` decides; this has the clock.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Client;
use super::poll::{Poll, Rhythm};
use super::request::Request;
use super::sequence::Step;
use crate::completion::{Response, Sink};
use crate::error::{Error, Result};
use crate::scheduler::NewJob;
use crate::status;

/// Asked for by the official SDKs in the same place; a server may answer with a delay only then.
const POLLING: &str = "x-stainless-poll-helper";

/// What the server says of the next look.
const POLL_AFTER: &str = "openai-poll-after-ms";

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
        let watch = Watch::new(self, request.clone(), poll)?;
        let first = self.first_step(watch.job()?, None)?;
        self.run_sequence(id, sink, watch.run(first), move |error| {
            Response::failed(id, error)
        })
    }
}

/// One wait.
pub(super) struct Watch {
    client: Arc<Client>,
    poll: Poll,
    request: Request,
    deadline: Option<Instant>,
    rhythm: Rhythm,
    looks: u32,
    /// Is shown the object at each look.
    witness: Option<Witness>,
}

/// Looks on at a wait.
pub(super) type Witness = Box<dyn FnMut(&[u8]) + Send>;

impl Watch {
    /// A wait for what the GET `request` asks for; its time begins now.
    pub fn new(client: &Arc<Client>, mut request: Request, poll: Poll) -> Result<Watch> {
        request.set_header(POLLING, Some("true"))?;
        Ok(Watch {
            client: client.clone(),
            deadline: poll.timeout().and_then(|t| Instant::now().checked_add(t)),
            rhythm: poll.rhythm(),
            poll,
            request,
            looks: 0,
            witness: None,
        })
    }

    /// The same wait, with one who is shown the object at each look.
    pub fn witnessed(mut self, witness: Option<Witness>) -> Watch {
        self.witness = witness;
        self
    }

    /// Shows the object to the witness, as it is without a look.
    pub fn show(&mut self, object: &[u8]) {
        if let Some(witness) = &mut self.witness {
            witness(object);
        }
    }

    fn left(&self) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// A look, which must end when the wait does.
    pub fn job(&self) -> Result<NewJob> {
        let job = self.request.to_job()?;
        let own = job.timeout.or_else(|| self.client.timeout());
        let timeout = match (own, self.left()) {
            (Some(own), Some(left)) => Some(own.min(left)),
            (own, left) => own.or(left),
        };
        Ok(NewJob { timeout, ..job })
    }

    fn look(&self) -> Result<Step> {
        self.client.step(self.job()?, None)
    }

    /// Looks until the object is done; `first`: the first look, if it has begun.
    pub async fn run(mut self, first: Option<Step>) -> Response {
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
            let mut response = look.arrives().await;
            self.looks += 1;
            if response.status() == status::OK {
                self.show(response.body());
            }
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
    ) -> std::result::Result<Step, Response> {
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
