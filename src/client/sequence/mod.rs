//! Calls that are several requests, one after the other: each has an id and one terminal event of its own, and ends by
//! a cancel, a close, a free and a shutdown like a request.
//!
//! `wait`, `batch` and `upload` make the task that an [`Opening`] runs; their steps are requests like any
//! other, with queue, limits and retries, except that none ever blocks: where the queue is full a step comes later.

mod batch;
mod batch_plan;
mod digest;
mod upload;
mod upload_plan;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::realtime::Link;
use super::request::Request;
use super::{Client, Pending};
use crate::codec::object::{pick, text};
use crate::completion::{Cancelled, Delivery, Progress, Response, Sink, Stop, Waiter};
use crate::error::{Error, Result};
use crate::scheduler::NewJob;
use crate::sync::{Signal, lock};
use crate::{runtime, status};

/// Whichever way a step ended early.
type Ended<T> = std::result::Result<T, Response>;

fn refused(error: Error) -> Response {
    Response::failed(0, error)
}

/// What of a sequence is at the server already, for another call to go on from.
trait Resumable {
    /// `error`, with what there is at the server and how to go on from there.
    fn explain(&self, error: Error) -> Error;

    /// The members of the JSON of a call that goes on from here, if there is anything to go on from.
    fn resume(&self) -> Option<String>;

    /// An end before the sequence's own: it says, and its body tells a program, how to go on.
    fn stopped(&self, mut response: Response) -> Response {
        response.error = response.error.map(|error| self.explain(error));
        if let Some(resume) = self.resume() {
            response.set_body(resume.into_bytes());
        }
        response
    }
}

/// The answer to a step, which may have begun. `progress`: who is told how far its body has come, if it has not.
async fn answered(
    client: &Arc<Client>,
    request: &Request,
    first: Option<Step>,
    progress: Option<&Progress>,
) -> Ended<Response> {
    let response = match first {
        Some(step) => step.arrives().await,
        None => client.take_step(request, progress).await,
    };
    match response.error {
        Some(_) => Err(response),
        None => Ok(response),
    }
}

/// The id of the object that an answer is.
fn made(mut response: Response, what: &str) -> Ended<String> {
    let object = std::str::from_utf8(response.body()).unwrap_or_default();
    let id = pick(object, ["id"]).and_then(|[id]| id).and_then(text);
    match id.filter(|id| is_id(id)) {
        Some(id) => Ok(id),
        None => {
            let message = format!("the answer to the {what} is not an object with an id");
            response.fail(Error::new(status::DECODE, message));
            Err(response)
        }
    }
}

/// Whether a text can be one segment of a path; what else a path must not hold the request sees to.
fn is_id(text: &str) -> bool {
    !text.is_empty() && !text.contains('/')
}

/// When a full queue is asked again for a place.
const ROOM: Duration = Duration::from_millis(100);

/// What begins a sequence: `None` where the queue is full, since there will be room by and by.
pub(super) fn unless_full<T>(begun: Result<T>) -> Result<Option<T>> {
    match begun {
        Err(error) if error.status == status::QUEUE_FULL => Ok(None),
        begun => begun.map(Some),
    }
}

/// Begins something as soon as the queue takes it.
pub(super) async fn with_room<T>(mut begin: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match unless_full(begin())? {
            Some(begun) => return Ok(begun),
            None => sleep(ROOM).await,
        }
    }
}

/// The sequences of a client that have not ended.
#[derive(Default)]
pub struct Sequences {
    /// How to end each; `None` where that has been done.
    running: Mutex<HashMap<u64, Option<End>>>,
    ended: Signal,
}

impl Sequences {
    /// Ends one with `error`; false if there is none of this id, or it is ending already.
    pub fn end(&self, id: u64, error: Error) -> bool {
        let stop = lock(&self.running).get_mut(&id).and_then(Option::take);
        stop.is_some_and(|stop| stop.now(error))
    }

    /// Ends them all.
    pub fn end_all(&self, error: &Error) {
        for stop in lock(&self.running).values_mut().filter_map(Option::take) {
            // One that has just ended by itself no longer listens.
            stop.now(error.clone());
        }
    }

    /// Ends them all, but connections by closing them.
    pub fn close_all(&self, error: &Error) {
        for running in lock(&self.running).values_mut() {
            if let Some(End {
                link: Some(link), ..
            }) = running
            {
                link.close_gently();
            } else if let Some(stop) = running.take() {
                stop.now(error.clone());
            }
        }
    }

    /// Waits until the last terminal event was handed over; false when the time was not enough.
    pub fn wait_ended(&self, timeout: Duration) -> bool {
        self.ended
            .wait_while(lock(&self.running), timeout, |running| !running.is_empty())
    }
}

/// How a sequence is ended from outside.
struct End {
    stop: oneshot::Sender<Error>,
    /// Drops the reports and messages that are under way.
    cancelled: Cancelled,
    /// Of a connection, which can be closed instead.
    link: Option<Arc<Link>>,
}

impl End {
    /// False if it has ended by itself.
    fn now(self, error: Error) -> bool {
        let told = self.stop.send(error).is_ok();
        // What one that has ended by itself handed over is to be seen.
        if told {
            self.cancelled.set(Stop::Cancelled);
        }
        told
    }
}

/// A sequence that is about to begin; dropped before it runs, it was refused and no event follows.
struct Opening {
    client: Arc<Client>,
    id: u64,
    delivery: Option<Delivery>,
    cancelled: Cancelled,
}

impl Opening {
    fn new(client: &Arc<Client>, id: u64, sink: Sink) -> Opening {
        let (mut delivery, cancelled) = (Delivery::new(id, sink), Cancelled::default());
        delivery.launched(cancelled.clone());
        Opening {
            client: client.clone(),
            id,
            delivery: Some(delivery),
            cancelled,
        }
    }

    /// What tells the host how far the sequence has come; of a waiting call nobody sees it.
    fn progress(&mut self) -> Option<Progress> {
        self.delivery.as_mut()?.progress()
    }

    /// Runs the sequence to its end; where it is ended before, `interrupted` says what it came to.
    fn run(
        self,
        sequence: impl Future<Output = Response> + Send + 'static,
        interrupted: impl FnOnce(Error) -> Response + Send + 'static,
    ) -> Result<()> {
        self.run_with_events(None, |_| Box::pin(sequence), interrupted)
    }

    /// The same for one with events of its own before its end; `link`: if it is a connection.
    fn run_with_events(
        mut self,
        link: Option<Arc<Link>>,
        sequence: impl for<'a> FnOnce(&'a mut Delivery) -> BoxFuture<'a, Response> + Send + 'static,
        interrupted: impl FnOnce(Error) -> Response + Send + 'static,
    ) -> Result<()> {
        let client = self.client.clone();
        // Whoever ends the client's sequences looks for the scheduler first.
        client.scheduler()?;
        let runtime = runtime::start()?.handle.clone();
        let Some(delivery) = self.delivery.take() else {
            return Ok(());
        };
        let (stop, mut stopped) = oneshot::channel();
        let end = End {
            stop,
            cancelled: self.cancelled.clone(),
            link: link.clone(),
        };
        let id = self.id;
        lock(&client.sequences.running).insert(id, Some(end));
        let registered = Registered {
            client: client.clone(),
            id,
            link,
        };
        if client.is_closed() {
            // Whoever closed the client may have ended its sequences before this was one of them.
            client.sequences.end(id, super::closed());
        }
        if let Err(error) = runtime::check() {
            client.sequences.end(id, error);
        }
        let owed = Owed {
            delivery,
            registered,
        };
        runtime.spawn(async move {
            let mut owed = owed;
            let ended = tokio::select! {
                biased;
                Ok(error) = &mut stopped => Err(error),
                response = sequence(&mut owed.delivery) => Ok(response),
            };
            // Whoever was told that it is ended must see that end, even if it was done in the same moment.
            stopped.close();
            let mut response = match (ended, stopped.try_recv()) {
                (Err(error), _) | (_, Ok(error)) => interrupted(error),
                (Ok(response), _) => response,
            };
            response.id = id;
            owed.delivery.finish(response);
            drop(owed.registered);
        });
        Ok(())
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(delivery) = self.delivery.take() {
            delivery.refuse();
        }
    }
}

/// What a sequence's task owes. Where it panics, or never runs, the fields are dropped in this order, so that nobody is
/// told that it is over before its terminal event is there.
struct Owed {
    delivery: Delivery,
    registered: Registered,
}

/// An entry of [`Sequences`], gone when this is dropped.
struct Registered {
    client: Arc<Client>,
    id: u64,
    link: Option<Arc<Link>>,
}

impl Drop for Registered {
    fn drop(&mut self) {
        lock(&self.client.sequences.running).remove(&self.id);
        if let Some(link) = &self.link {
            link.is_over();
        }
        self.client.sequences.ended.notify_all();
    }
}

/// A request of a sequence under way, cancelled when nobody waits for it any more.
pub(super) struct Step {
    client: Arc<Client>,
    pending: Pending,
}

impl Step {
    /// What it came to.
    pub async fn arrives(&self) -> Response {
        self.pending.arrives().await
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.pending.cancel(&self.client);
    }
}

impl Client {
    /// Begins a request of a sequence. `progress`: who is told how far its body has come.
    pub(super) fn step(
        self: &Arc<Self>,
        mut job: NewJob,
        progress: Option<&Progress>,
    ) -> Result<Step> {
        job.call.progress |= progress.is_some();
        let pending = self.begin(job, Waiter::of_step(progress.cloned()), false)?;
        Ok(Step {
            client: self.clone(),
            pending,
        })
    }

    /// The first request of a sequence, whose refusal is the whole call's; `None` where it has to come later.
    pub(super) fn first_step(
        self: &Arc<Self>,
        job: NewJob,
        progress: Option<&Progress>,
    ) -> Result<Option<Step>> {
        unless_full(self.step(job, progress))
    }

    /// Bounds a request that may have to come again, since the queue is full: all tries share one deadline, which is
    /// fixed with the first.
    pub(super) fn in_time(&self, mut job: NewJob, until: &mut Option<Instant>) -> Result<NewJob> {
        let now = Instant::now();
        let Some(until) = *until else {
            let timeout = job.timeout.or_else(|| self.timeout());
            *until = timeout.and_then(|timeout| now.checked_add(timeout));
            return Ok(job);
        };
        if until <= now {
            return Err(Error::new(
                status::DEADLINE,
                "the queue was full until timeout_ms was over",
            ));
        }
        job.timeout = Some(until - now);
        Ok(job)
    }

    /// Sends `request` as soon as the queue takes it; what it came to.
    pub(super) async fn take_step(
        self: &Arc<Self>,
        request: &Request,
        progress: Option<&Progress>,
    ) -> Response {
        let mut until = None;
        let begin = || self.step(self.in_time(request.to_job()?, &mut until)?, progress);
        match with_room(begin).await {
            Ok(step) => step.arrives().await,
            Err(error) => Response::failed(0, error),
        }
    }

    /// Runs a sequence to its end, which `sink` gets; where it is ended before, `interrupted` says what it came to.
    pub(super) fn run_sequence(
        self: &Arc<Self>,
        id: u64,
        sink: Sink,
        sequence: impl Future<Output = Response> + Send + 'static,
        interrupted: impl FnOnce(Error) -> Response + Send + 'static,
    ) -> Result<()> {
        Opening::new(self, id, sink).run(sequence, interrupted)
    }

    /// Runs a connection to its end, as a sequence that hands its messages over itself.
    pub(super) fn run_connection(
        self: &Arc<Self>,
        sink: Sink,
        link: Arc<Link>,
        sequence: impl for<'a> FnOnce(&'a mut Delivery) -> BoxFuture<'a, Response> + Send + 'static,
        interrupted: impl FnOnce(Error) -> Response + Send + 'static,
    ) -> Result<()> {
        Opening::new(self, link.id(), sink).run_with_events(Some(link), sequence, interrupted)
    }
}
