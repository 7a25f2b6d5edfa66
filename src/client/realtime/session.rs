//! One connection from its first opening to its end: the task that talks over it, and makes it anew where that was
//! asked for.
//!
//! Sending goes on while the reader is slow; reading does not, so that the server is held back as by any slow reader,
//! and the time that passes meanwhile is not the server's silence.

use std::ffi::CString;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Link;
use super::options::{Options, is_mended, is_passing};
use super::outbox::{Next, Outbox};
use crate::client::Client;
use crate::client::request::Request;
use crate::client::sequence::{Step, unless_full, with_room};
use crate::codec::object::quote;
use crate::completion::{Delivery, Ending, Kind, Response, Room, Unsent};
use crate::error::{Error, Result};
use crate::scheduler::{Stats, backoff};
use crate::status;
use crate::transport::{Farewell, Heard, Socket, SocketSlot};

/// How long a server may take to answer our close, if it may be silent for so long.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

/// How long a last frame may take to leave before the connection is dropped.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Messages are gathered up to so many bytes before they are known to be sent.
const MOST_GATHERED: usize = 64 << 10;

/// A connection being kept.
pub(super) struct Session {
    client: Arc<Client>,
    request: Request,
    options: Options,
    link: Arc<Link>,
    /// Of all openings.
    attempts: u32,
    /// Connections that were made.
    connections: u32,
    /// Connections in a row that were lost sooner than `max_retry_delay` after they were made.
    brief: u32,
}

/// A connection that is being made.
pub(super) struct Handshake {
    step: Step,
    slot: SocketSlot,
}

/// How an open connection ended.
enum Parted {
    Farewell(Farewell),
    Broken(Error),
}

impl Session {
    pub fn new(
        client: &Arc<Client>,
        request: Request,
        options: Options,
        link: Arc<Link>,
    ) -> Session {
        Session {
            client: client.clone(),
            request,
            options,
            link,
            attempts: 0,
            connections: 0,
            brief: 0,
        }
    }

    /// `until`: when its time is over, if it was tried before.
    fn opening(&self, until: &mut Option<Instant>) -> Result<Handshake> {
        let slot = SocketSlot::default();
        let job = self.request.to_socket_job(slot.clone())?;
        let step = self.client.step(self.client.in_time(job, until)?, None)?;
        Ok(Handshake { step, slot })
    }

    /// The first opening, whose refusal is the whole call's; `None` where it has to come later.
    pub fn first(&self) -> Result<Option<Handshake>> {
        unless_full(self.opening(&mut None))
    }

    /// Keeps the connection until it ends for good.
    pub async fn run(mut self, delivery: &mut Delivery, first: Option<Handshake>) -> Response {
        let mut next = first;
        let link = self.link.clone();
        let let_go = || poll_fn(|context| link.outbox.poll_idle_close(context));
        loop {
            let opened = tokio::select! {
                biased;
                () = let_go() => return self.end(Response::default(), None),
                opened = self.open(next.take()) => opened,
            };
            let (mut response, socket) = match opened {
                (response, Some(socket)) => (response, socket),
                (response, None) => return self.end(response, None),
            };
            tell(delivery, self.opened(&response));
            let parted = self.talk(socket, delivery).await;
            self.link.outbox.restart();
            let (error, farewell) = self.explain(parted);
            // Who has said all and wants to close it need not care how it broke.
            let is_over = self.link.outbox.is_empty() && self.link.outbox.is_closing();
            let forgiven = |error: &Error| is_over && error.status == status::CONNECTION_LOST;
            let Some(error) = error.filter(|error| !forgiven(error)) else {
                return self.end(response, farewell);
            };
            let delay = match self.delay(&error, farewell.as_ref()) {
                Some(delay) if !is_over => delay,
                _ => {
                    response.fail(error);
                    return self.end(response, farewell);
                }
            };
            tell(
                delivery,
                self.reconnecting(&error, farewell.as_ref(), delay),
            );
            tokio::select! {
                biased;
                () = let_go() => return self.end(response, farewell),
                () = sleep(delay) => {}
            }
        }
    }

    /// Makes a connection; without a socket the response says why there is none.
    async fn open(&mut self, begun: Option<Handshake>) -> (Response, Option<Socket>) {
        let mut until = None;
        let begun = match begun {
            Some(begun) => Ok(begun),
            None => with_room(|| self.opening(&mut until)).await,
        };
        let opening = match begun {
            Ok(opening) => opening,
            Err(error) => return (Response::failed(0, error), None),
        };
        let response = opening.step.arrives().await;
        self.attempts += response.attempts;
        let socket = opening.slot.take().filter(|_| response.error.is_none());
        self.connections += u32::from(socket.is_some());
        (response, socket)
    }

    /// Sends and receives until the connection ends.
    async fn talk(&mut self, socket: Socket, delivery: &mut Delivery) -> Parted {
        let policy = self.client.policy.get();
        let most = policy.stream_buffer_events as usize;
        let mut talk = Talk {
            socket,
            link: self.link.clone(),
            stats: self.client.stats.clone(),
            unflushed: false,
            gathered: 0,
            asked: None,
            said: None,
            broken: None,
        };
        let mut room: Option<Room> = None;
        let mut heard_at = Instant::now();
        let mut pinged_at = heard_at;
        let made_at = heard_at;
        let parted = loop {
            let listens = room.is_some();
            let silent = listens.then(|| heard_at + policy.idle_timeout);
            // Its answer has to come before the silence is too long.
            let ping_interval = self.options.ping_interval().filter(|_| listens);
            let ping = ping_interval.map(|interval| interval.min(policy.idle_timeout / 2));
            let ping = ping.map(|interval| heard_at.max(pinged_at) + interval);
            let closing = talk.said.or(talk.asked);
            let closed = closing.map(|since| since + CLOSE_WAIT.min(policy.idle_timeout));
            if closed.is_some_and(|closed| Instant::now() >= closed) {
                let what = match talk.said {
                    Some(_) => "the server did not answer the close",
                    None => "the server no longer took what was to be sent before the close",
                };
                break Parted::Broken(Error::new(status::CONNECTION_LOST, what));
            }
            let alarm = closed.or([silent, ping].into_iter().flatten().min());
            tokio::select! {
                biased;
                free = delivery.room(most), if !listens => {
                    room = Some(free);
                    // Its silence begins when somebody listens.
                    heard_at = Instant::now();
                }
                heard = poll_fn(|context| talk.poll(context, listens)) => {
                    let Some(heard) = heard else { continue };
                    heard_at = Instant::now();
                    match heard {
                        Heard::Alive => {}
                        Heard::Payload(payload) => {
                            talk.stats.carried(0, payload.bytes().len() as u64);
                            let kind = match payload.is_binary() {
                                true => Kind::Binary,
                                false => Kind::Chunk,
                            };
                            // There is room, or nobody would have listened.
                            if let Some(room) = room.take() {
                                delivery.hand_over(kind, payload.bytes().into(), room);
                            }
                        }
                        Heard::Farewell(farewell) => {
                            talk.last_word(None).await;
                            break Parted::Farewell(farewell);
                        }
                        Heard::Failed(error) => {
                            talk.last_word(Some(&error)).await;
                            break Parted::Broken(error);
                        }
                    }
                }
                () = until(alarm) => {
                    if closing.is_some() {
                        continue;
                    }
                    if silent.is_some_and(|silent| Instant::now() >= silent) {
                        break Parted::Broken(silence(policy.idle_timeout, pinged_at > heard_at));
                    }
                    pinged_at = Instant::now();
                    talk.ping();
                }
            }
        };
        self.brief = match made_at.elapsed() < policy.max_retry_delay {
            true => self.brief + 1,
            false => 0,
        };
        parted
    }

    /// What an end means, and the close frame if one came. None means that it ended well.
    fn explain(&self, parted: Parted) -> (Option<Error>, Option<Farewell>) {
        let mut farewell = match parted {
            Parted::Broken(error) => return (Some(error), None),
            Parted::Farewell(farewell) => farewell,
        };
        // Some servers echo what they were sent.
        farewell.reason = self.client.target.get().redact(farewell.reason);
        let ours = self.link.outbox.closing_code();
        let is_usual =
            farewell.code == 1000 || ours.is_some_and(|ours| [ours, 1005].contains(&farewell.code));
        let reason = match &*farewell.reason {
            "" if !is_usual => "it gave no reason",
            "" => "there were messages left to send",
            reason => reason,
        };
        let error = Error::new(
            status::CLOSED_BY_SERVER,
            format!(
                "the server closed the WebSocket with code {}: {reason}",
                farewell.code
            ),
        );
        let is_good = is_usual && self.link.outbox.is_empty();
        ((!is_good).then_some(error), Some(farewell))
    }

    /// How long to wait before the connection is made anew; `None` if it is not.
    fn delay(&self, error: &Error, farewell: Option<&Farewell>) -> Option<Duration> {
        let policy = self.client.policy.get();
        let may_help = match farewell {
            // After a good one there are messages left to send, or it would not be asked.
            Some(farewell) => farewell.code == 1000 || is_passing(farewell.code),
            None => is_mended(error),
        };
        let most = policy.max_retries;
        let again = self.options.reconnect && may_help && most > 0 && self.brief <= most;
        again.then(|| backoff(&policy, self.brief.saturating_sub(1)))
    }

    /// The terminal event.
    fn end(&self, mut response: Response, farewell: Option<Farewell>) -> Response {
        response.attempts = self.attempts;
        ended(response, &self.link.outbox, farewell)
    }

    fn opened(&self, response: &Response) -> String {
        let request_id = response.request_id().map(|id| id.to_string_lossy());
        format!(
            r#"{{"state":"open","connection":{},"attempts":{},"request_id":{}}}"#,
            self.connections,
            response.attempts,
            request_id.map_or("null".into(), |id| quote(&id)),
        )
    }

    fn reconnecting(&self, error: &Error, farewell: Option<&Farewell>, delay: Duration) -> String {
        tracing::warn!(
            "connection {}: {error}; it is made anew in {} ms",
            self.link.id(),
            delay.as_millis()
        );
        format!(
            r#"{{"state":"reconnecting","connection":{},"status":{},"message":{},"close_code":{},"close_reason":{},"delay_ms":{}}}"#,
            self.connections,
            error.status,
            quote(&error.message),
            farewell.map_or(0, |farewell| farewell.code),
            quote(farewell.map_or("", |farewell| &farewell.reason)),
            delay.as_millis(),
        )
    }
}

/// The end of a connection, with what was not sent.
pub(super) fn ended(
    mut response: Response,
    outbox: &Outbox,
    farewell: Option<Farewell>,
) -> Response {
    let unsent = outbox.end().into_iter().map(|payload| Unsent {
        is_binary: payload.is_binary(),
        data: payload.bytes().into(),
    });
    let farewell = farewell.unwrap_or(Farewell {
        code: 0,
        reason: String::new(),
    });
    response.ending = Some(Box::new(Ending {
        code: farewell.code,
        // Cut where C would end it.
        reason: CString::new(farewell.reason.split('\0').next().unwrap_or_default())
            .unwrap_or_default(),
        unsent: unsent.collect(),
    }));
    response
}

/// Tells the host of its connection. These events are few, and wait for no place.
fn tell(delivery: &mut Delivery, json: String) {
    delivery.hand_over(Kind::Connection, json.into_bytes().into(), Room::default());
}

fn silence(limit: Duration, pinged: bool) -> Error {
    let unanswered = match pinged {
        true => ", not even the answer to a ping",
        false => "",
    };
    Error::new(
        status::IDLE_TIMEOUT,
        format!(
            "nothing came over the WebSocket for {} ms (idle_timeout_ms){unanswered}",
            limit.as_millis()
        ),
    )
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// An open socket, and what was begun over it.
struct Talk {
    socket: Socket,
    link: Arc<Link>,
    stats: Arc<Stats>,
    /// Something was begun that the connection has not taken whole.
    unflushed: bool,
    /// Bytes of messages that were begun since the last flush.
    gathered: usize,
    /// When the host's wish to close was seen, or after that the last time that the connection took what was to be sent.
    asked: Option<Instant>,
    /// When our close frame was begun.
    said: Option<Instant>,
    /// Why nothing can be written any more. What the server still has to say may tell more.
    broken: Option<Error>,
}

impl Talk {
    /// Writes what there is, and gives what is heard, if somebody listens. Nothing when the farewell came nearer.
    fn poll(&mut self, context: &mut Context<'_>, listens: bool) -> Poll<Option<Heard>> {
        if self.broken.is_none() {
            let before = (self.asked, self.said);
            self.broken = self.write(context).err();
            if self.asked.is_none() && self.link.outbox.poll_closing(context) {
                self.asked = Some(Instant::now());
            }
            if (self.asked, self.said) != before {
                return Poll::Ready(None);
            }
        }
        if !listens {
            return Poll::Pending;
        }
        Poll::Ready(Some(match ready!(self.socket.poll_heard(context)) {
            Heard::Failed(error) => Heard::Failed(self.broken.take().unwrap_or(error)),
            heard => heard,
        }))
    }

    fn write(&mut self, context: &mut Context<'_>) -> Result<()> {
        loop {
            while self.said.is_none() && self.gathered < MOST_GATHERED {
                if self.socket.poll_ready(context)?.is_pending() {
                    return Ok(());
                }
                match self.link.outbox.poll_next(context) {
                    Poll::Pending => break,
                    Poll::Ready(Next::Message(message)) => {
                        self.gathered += message.bytes().len();
                        self.socket.write(message)?;
                    }
                    Poll::Ready(Next::Farewell(farewell)) => {
                        self.said = Some(Instant::now());
                        self.socket.close(farewell)?;
                    }
                }
                self.unflushed = true;
            }
            if !self.unflushed || self.socket.poll_flush(context)?.is_pending() {
                return Ok(());
            }
            self.unflushed = false;
            let sent = self.link.outbox.flushed();
            self.asked = self.asked.map(|_| Instant::now());
            self.stats.carried(sent as u64, 0);
            if std::mem::take(&mut self.gathered) < MOST_GATHERED {
                return Ok(());
            }
        }
    }

    /// Asks the server whether it is still there.
    fn ping(&mut self) {
        match self.socket.ping() {
            Ok(()) => self.unflushed = true,
            Err(error) => self.broken = Some(error),
        }
    }

    /// Lets the answer to the server's close leave, or tells it what was wrong with what it sent.
    async fn last_word(&mut self, wrong: Option<&Error>) {
        let code = match wrong.map(|error| error.status) {
            None => None,
            Some(status::TOO_LARGE) => Some(1009),
            Some(status::PROTOCOL) => Some(1002),
            Some(_) => return,
        };
        if let Some(code) = code {
            let farewell = Farewell {
                code,
                reason: String::new(),
            };
            if self.socket.close(farewell).is_err() {
                return;
            }
        }
        // Whether it arrives makes no difference to us.
        let _ = timeout(
            LAST_WORD,
            poll_fn(|context| self.socket.poll_flush(context)),
        )
        .await;
    }
}

#[cfg(test)]
mod tests;
