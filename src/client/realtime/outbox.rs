//! The messages of a connection that wait to be sent, and the wish to close it: what the host's threads and the
//! connection's task share.
//!
//! Invariants, under the lock:
//! - a message is here until the connection has taken all of it, so what is here at the end was not sent.
//! - the first `begun` of them have been given to the socket that is open now.
//! - once `ended`, nothing is here and nothing comes.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

use crate::error::{Error, Result};
use crate::status;
use crate::sync::lock;
use crate::transport::{Farewell, Payload};

/// What is to be written next.
#[derive(Debug, PartialEq)]
pub enum Next {
    Message(Payload),
    /// Nothing follows it.
    Farewell(Farewell),
}

/// Waiting messages.
pub struct Outbox {
    state: Mutex<State>,
    /// The connection's task, when it waits for something to write.
    task: AtomicWaker,
    /// The most that may wait, in bytes.
    most: usize,
}

/// What a message takes beside its bytes is bounded by this: no more messages wait than there would be of this size, but
/// always [`FEW`].
const SMALL: usize = 64;
const FEW: usize = 64;

#[derive(Default)]
struct State {
    messages: VecDeque<Payload>,
    bytes: usize,
    begun: usize,
    closing: Option<Farewell>,
    ended: bool,
}

impl State {
    fn check(&self) -> Result<()> {
        match self.ended {
            false => Ok(()),
            true => Err(Error::new(
                status::CLOSED,
                "the connection has ended; open another",
            )),
        }
    }
}

impl Outbox {
    pub fn new(most: usize) -> Outbox {
        Outbox {
            state: Mutex::default(),
            task: AtomicWaker::new(),
            most,
        }
    }

    /// Adds a message behind the others.
    pub fn send(&self, message: Payload) -> Result<()> {
        let mut state = lock(&self.state);
        state.check()?;
        if state.closing.is_some() {
            return Err(Error::new(
                status::CLOSED,
                "the connection is being closed and takes no more messages",
            ));
        }
        let size = message.bytes().len();
        if state.bytes + size > self.most {
            return Err(Error::new(
                status::QUEUE_FULL,
                format!(
                    "{} bytes wait to be sent and {size} more would be above max_unsent_bytes, which is {}: send them \
                     later, or open the connection with more",
                    state.bytes, self.most
                ),
            ));
        }
        if state.messages.len() >= (self.most / SMALL).max(FEW) {
            return Err(Error::new(
                status::QUEUE_FULL,
                format!(
                    "{} messages wait to be sent, which is the most for a max_unsent_bytes of {}: send more later, or \
                     open the connection with more",
                    state.messages.len(),
                    self.most
                ),
            ));
        }
        state.bytes += size;
        state.messages.push_back(message);
        drop(state);
        self.task.wake();
        Ok(())
    }

    /// Takes no more messages, and says good-bye behind those that are here. The first good-bye counts.
    pub fn close(&self, farewell: Farewell) -> Result<()> {
        let mut state = lock(&self.state);
        state.check()?;
        state.closing.get_or_insert(farewell);
        drop(state);
        self.task.wake();
        Ok(())
    }

    /// Bytes that wait to be sent.
    pub fn bytes(&self) -> usize {
        lock(&self.state).bytes
    }

    /// Whether nothing waits to be sent.
    pub fn is_empty(&self) -> bool {
        lock(&self.state).messages.is_empty()
    }

    /// Whether somebody has asked to close it.
    pub fn is_closing(&self) -> bool {
        self.closing_code().is_some()
    }

    /// The same for the task, which is woken when somebody does.
    pub fn poll_closing(&self, context: &mut Context<'_>) -> bool {
        self.task.register(context.waker());
        self.is_closing()
    }

    /// The code that the host closes it with.
    pub fn closing_code(&self) -> Option<u16> {
        (lock(&self.state).closing.as_ref()).map(|farewell| farewell.code)
    }

    /// What to give to the socket next; the task is woken when there is something. A farewell is given again and again.
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Next> {
        self.task.register(context.waker());
        let mut state = lock(&self.state);
        if let Some(message) = state.messages.get(state.begun).cloned() {
            state.begun += 1;
            return Poll::Ready(Next::Message(message));
        }
        match &state.closing {
            Some(farewell) => Poll::Ready(Next::Farewell(farewell.clone())),
            None => Poll::Pending,
        }
    }

    /// Ready when it is being closed and there is nothing to send before.
    pub fn poll_idle_close(&self, context: &mut Context<'_>) -> Poll<()> {
        self.task.register(context.waker());
        let state = lock(&self.state);
        match state.closing.is_some() && state.messages.is_empty() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }

    /// The connection has taken all that was begun, which is so many bytes.
    pub fn flushed(&self) -> usize {
        let mut state = lock(&self.state);
        let before = state.bytes;
        for _ in 0..std::mem::take(&mut state.begun) {
            if let Some(sent) = state.messages.pop_front() {
                state.bytes -= sent.bytes().len();
            }
        }
        before - state.bytes
    }

    /// The socket is gone: what it had begun is to be written to the next, if there is one.
    pub fn restart(&self) {
        lock(&self.state).begun = 0;
    }

    /// Takes nothing any more, and gives back what was not sent, oldest first.
    pub fn end(&self) -> Vec<Payload> {
        let mut state = lock(&self.state);
        state.ended = true;
        state.begun = 0;
        state.bytes = 0;
        std::mem::take(&mut state.messages).into()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn text(text: &'static str) -> Payload {
        Payload::Text(text.into())
    }

    fn next(outbox: &Outbox) -> Option<Next> {
        match outbox.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(next) => Some(next),
            Poll::Pending => None,
        }
    }

    fn bye() -> Farewell {
        Farewell {
            code: 1000,
            reason: "bye".into(),
        }
    }

    #[test]
    fn what_was_begun_and_not_flushed_is_begun_anew() {
        let outbox = Outbox::new(100);
        for message in ["a", "b", "c"] {
            outbox.send(text(message)).unwrap();
        }
        assert_eq!(next(&outbox), Some(Next::Message(text("a"))));
        assert_eq!(outbox.flushed(), 1);
        assert_eq!(next(&outbox), Some(Next::Message(text("b"))));
        outbox.restart();
        assert_eq!(next(&outbox), Some(Next::Message(text("b"))));
        assert_eq!(next(&outbox), Some(Next::Message(text("c"))));
        assert_eq!(next(&outbox), None);
        assert_eq!(outbox.bytes(), 2);
        assert_eq!(outbox.end(), [text("b"), text("c")]);
        assert_eq!(outbox.bytes(), 0);
        assert_eq!(outbox.send(text("d")).unwrap_err().status, status::CLOSED);
        assert_eq!(outbox.close(bye()).unwrap_err().status, status::CLOSED);
    }

    #[test]
    fn it_holds_so_many_bytes() {
        let outbox = Outbox::new(3);
        outbox.send(text("ab")).unwrap();
        let error = outbox.send(text("cd")).unwrap_err();
        assert_eq!(error.status, status::QUEUE_FULL);
        assert!(error.message.contains("which is 3"), "{error}");
        outbox.send(text("c")).unwrap();
        assert!(next(&outbox).is_some());
        outbox.flushed();
        outbox.send(text("de")).unwrap();
    }

    #[test]
    fn it_holds_so_many_messages_however_small_they_are() {
        for (most, messages) in [(10, 64), (6_400, 100)] {
            let outbox = Outbox::new(most);
            for _ in 0..messages {
                outbox.send(text("")).unwrap();
            }
            let error = outbox.send(text("")).unwrap_err();
            assert_eq!(error.status, status::QUEUE_FULL);
            assert!(
                error
                    .message
                    .starts_with(&format!("{messages} messages wait")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_farewell_comes_behind_the_messages_and_lets_none_follow() {
        let outbox = Outbox::new(100);
        let idle = || outbox.poll_idle_close(&mut Context::from_waker(Waker::noop()));
        outbox.send(text("a")).unwrap();
        outbox.close(bye()).unwrap();
        let second = Farewell {
            code: 3000,
            reason: String::new(),
        };
        outbox.close(second).unwrap();
        assert_eq!(outbox.send(text("b")).unwrap_err().status, status::CLOSED);
        assert!(idle().is_pending());
        assert_eq!(next(&outbox), Some(Next::Message(text("a"))));
        assert_eq!(next(&outbox), Some(Next::Farewell(bye())));
        outbox.flushed();
        assert!(idle().is_ready());
        assert!(outbox.is_closing());
    }
}
