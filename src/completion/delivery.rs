//! The promise of exactly one terminal event.
//!
//! A [`Delivery`] is made when a request is accepted and is owned by whoever works on the request. It ends by
//! [`Delivery::finish`]; dropped without it (a panic unwound through its owner) it delivers `OAI_ERR_PANIC`.

use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::cancelled::Cancelled;
use super::mailbox::{CallbackThread, Item, Listener, Mailbox, SharedListener, in_callback};
use super::progress::{Over, Place, Progress};
use super::queue::{EventQueue, Kind, Record};
use super::response::Response;
use super::spent::ResponseBox;
use super::wait::Waiter;
use super::with_nul::WithNul;
use crate::error::Error;
use crate::sync::lock;
use crate::{runtime, status};

/// Where a request's events go.
pub enum Sink {
    Callback {
        mailbox: Arc<Mailbox>,
        listener: Box<dyn Listener>,
        thread: CallbackThread,
        runtime: Handle,
    },
    Queue {
        queue: Arc<EventQueue>,
        tag: u64,
    },
    Wait(Arc<Waiter>),
}

/// Small, since as many are kept as requests wait.
enum Face {
    /// Callbacks on the dispatcher.
    Callback(Arc<Mailbox>, Held),
    /// Callbacks on the runtime's own threads.
    Worker(Box<(Arc<Mailbox>, SharedListener, Handle)>),
    Queue {
        queue: Arc<EventQueue>,
        tag: u64,
    },
    Wait(Arc<Waiter>),
}

/// A listener, which belongs to the delivery alone until the first event that is on its way to it.
enum Held {
    Alone(Box<dyn Listener>),
    Shared(SharedListener),
}

impl Held {
    fn share(&mut self) -> SharedListener {
        match self {
            Held::Shared(listener) => listener.clone(),
            Held::Alone(_) => {
                let listener = SharedListener::default();
                if let Held::Alone(alone) = std::mem::replace(self, Held::Shared(listener.clone()))
                {
                    *lock(&listener) = Some(alone);
                }
                listener
            }
        }
    }
}

/// One accepted request's way to its owner.
pub struct Delivery {
    id: u64,
    face: Option<Face>,
    /// Set once it is in flight.
    cancelled: Option<Cancelled>,
    /// What the terminal event weighs in its queue, once that is counted there.
    announced: Option<NonZeroU64>,
    /// What only a stream or a body whose progress is told needs.
    parts: Option<Box<InParts>>,
}

#[derive(Default)]
struct InParts {
    /// Bounds the chunks that a stream has under way; made at the first one.
    room: Option<Arc<Semaphore>>,
    /// Set before the terminal event is handed over.
    over: Option<Arc<Over>>,
}

/// A place for a part of a stream. The default is none: what is handed over so does not count.
#[derive(Default)]
pub struct Room(Option<OwnedSemaphorePermit>);

impl Delivery {
    /// Accepts: from now on a terminal event is owed.
    pub fn new(id: u64, sink: Sink) -> Delivery {
        let face = match sink {
            Sink::Callback {
                mailbox,
                listener,
                thread,
                runtime,
            } => {
                mailbox.accepted();
                match thread {
                    CallbackThread::Dispatcher => Face::Callback(mailbox, Held::Alone(listener)),
                    CallbackThread::Worker => {
                        let listener = Arc::new(Mutex::new(Some(listener)));
                        Face::Worker(Box::new((mailbox, listener, runtime)))
                    }
                }
            }
            Sink::Queue { queue, tag } => Face::Queue { queue, tag },
            Sink::Wait(waiter) => Face::Wait(waiter),
        };
        Delivery {
            id,
            face: Some(face),
            cancelled: None,
            announced: None,
            parts: None,
        }
    }

    /// It is in flight now; `cancelled` will say to drop the chunks that are under way.
    pub fn launched(&mut self, cancelled: Cancelled) {
        self.cancelled = Some(cancelled);
    }

    fn parts(&mut self) -> &mut InParts {
        self.parts.get_or_insert_default()
    }

    fn cancelled(&mut self) -> Cancelled {
        self.cancelled.get_or_insert_default().clone()
    }

    /// Whether chunks reach anybody; of a waiting call nobody sees them.
    pub fn wants_chunks(&self) -> bool {
        !matches!(self.face, Some(Face::Wait(_)))
    }

    /// The queue that the events go to, if they go to one.
    pub fn queue(&self) -> Option<&Arc<EventQueue>> {
        match &self.face {
            Some(Face::Queue { queue, .. }) => Some(queue),
            _ => None,
        }
    }

    /// Counts the terminal event as unread in its queue before it is handed over, so that whoever decides in between
    /// what to send next knows of it.
    pub fn announce(&mut self, response: &Response) {
        if let Some(Face::Queue { queue, .. }) = &self.face {
            self.announced = NonZeroU64::new(queue.announce(response));
        }
    }

    /// What tells the host how far a body has come; of a waiting call nobody sees it, unless it is a step of another.
    pub fn progress(&mut self) -> Option<Progress> {
        let place = match self.face.as_mut()? {
            Face::Callback(mailbox, listener) => Place::Callback {
                mailbox: mailbox.clone(),
                listener: listener.share(),
                thread: CallbackThread::Dispatcher,
            },
            Face::Worker(worker) => Place::Callback {
                mailbox: worker.0.clone(),
                listener: worker.1.clone(),
                thread: CallbackThread::Worker,
            },
            Face::Queue { queue, tag } => Place::Queue {
                queue: queue.clone(),
                tag: *tag,
            },
            Face::Wait(waiter) => return waiter.progress.clone(),
        };
        let id = self.id;
        let over = self.parts().over.get_or_insert_default().clone();
        Some(Progress::new(id, place, over, self.cancelled()))
    }

    /// Takes the promise back: the request was refused and no event follows. The destructor runs here.
    pub fn refuse(mut self) {
        let mailbox = match self.face.take() {
            Some(Face::Callback(mailbox, listener)) => {
                drop(listener);
                mailbox
            }
            Some(Face::Worker(worker)) => {
                let (mailbox, listener, _) = *worker;
                drop(listener);
                mailbox
            }
            _ => return,
        };
        mailbox.finished();
    }

    /// Hands over a part of a stream, waiting while `most` parts are still unread.
    pub async fn chunk(&mut self, data: WithNul, most: usize) {
        let room = self.room(most).await;
        self.hand_over(Kind::Chunk, data, room);
    }

    /// Waits until fewer than `most` parts are unread; what comes back is the place of the next.
    pub fn room(&mut self, most: usize) -> impl Future<Output = Room> + Send + use<> {
        let room = self
            .parts()
            .room
            .get_or_insert_with(|| Arc::new(Semaphore::new(most)))
            .clone();
        async move { Room(room.acquire_owned().await.ok()) }
    }

    /// Hands over a part of a stream into its place.
    pub fn hand_over(&mut self, kind: Kind, data: WithNul, room: Room) {
        let cancelled = self.cancelled();
        let permit = room.0;
        if cancelled.is_set() {
            return;
        }
        match self.face.as_mut() {
            Some(Face::Callback(mailbox, listener)) => {
                mailbox.push(Item::Chunk {
                    id: self.id,
                    listener: listener.share(),
                    kind,
                    data,
                    cancelled,
                    _room: permit,
                });
            }
            Some(Face::Worker(worker)) => worker.0.chunk(self.id, &worker.1, kind, &data),
            Some(Face::Queue { queue, tag }) => {
                queue.push(Record {
                    id: self.id,
                    tag: *tag,
                    kind,
                    data,
                    response: None,
                    cancelled: Some(cancelled),
                    lost: None,
                    room: permit,
                    weight: None,
                });
            }
            Some(Face::Wait(_)) | None => {}
        }
    }

    /// The one terminal event.
    pub fn finish(mut self, response: impl Into<ResponseBox>) {
        self.deliver(response.into());
    }

    fn deliver(&mut self, mut response: ResponseBox) {
        response.id = self.id;
        if let Some(over) = self.parts.as_ref().and_then(|parts| parts.over.as_ref()) {
            over.set();
        }
        match self.face.take() {
            Some(Face::Callback(mailbox, mut listener)) => {
                mailbox.push(Item::Done {
                    id: self.id,
                    listener: listener.share(),
                    response,
                });
            }
            Some(Face::Worker(worker)) => {
                let (mailbox, listener, runtime) = *worker;
                // A refusal or a cancel may come on the host's own thread, in whose call no callback is made.
                let id = self.id;
                if runtime::on_worker() && !in_callback() {
                    mailbox.done(id, &listener, response);
                } else {
                    runtime.spawn(async move { mailbox.done(id, &listener, response) });
                }
            }
            Some(Face::Queue { queue, tag }) => {
                let weight = self
                    .announced
                    .take()
                    .map(|bytes| queue.announced(bytes.get()));
                queue.push(Record {
                    id: self.id,
                    tag,
                    kind: Kind::Done,
                    data: WithNul::default(),
                    response: Some(response),
                    cancelled: None,
                    lost: None,
                    room: None,
                    weight,
                })
            }
            Some(Face::Wait(waiter)) => waiter.put(response),
            None => {}
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if self.face.is_some() {
            let error = Error::new(
                status::PANIC,
                "the request was abandoned by an internal failure of the library; other requests are not affected",
            );
            self.deliver(ResponseBox::from(Response::failed(self.id, error)));
        }
    }
}

#[cfg(test)]
mod tests;
