//! Tells the host that a bearer token is wanted: by a callback on the dispatcher, or by a record in a queue.
//!
//! The scheduler decides when (`scheduler::tokens`). It is told of a question that can reach nobody, so that nobody waits
//! for its answer.

use std::sync::Arc;

use super::cancelled::Cancelled;
use super::mailbox::{Item, Mailbox};
use super::queue::{EventQueue, Kind, Record};
use super::with_nul::WithNul;

/// The host's side of the callback; dropping the last of them runs the host's destructor.
pub trait TokenListener: Send + Sync {
    /// A token is wanted under this number.
    fn wanted(&self, wanted: u64);
}

/// Runs when a question was lost on its way.
pub type Lost = Box<dyn FnOnce() + Send>;

/// Where tokens come from.
pub enum TokenSource {
    Callback {
        mailbox: Arc<Mailbox>,
        listener: Arc<dyn TokenListener>,
    },
    Queue {
        queue: Arc<EventQueue>,
        tag: u64,
    },
}

impl TokenSource {
    /// Asks. `stale` is set when the answer is not wanted any more: a question still on its way is then dropped. Call it
    /// with no lock held, since `lost` may run in it.
    pub fn ask(&self, wanted: u64, stale: Cancelled, lost: Lost) {
        match self {
            TokenSource::Callback { mailbox, listener } => {
                // Whoever frees the client waits for it, as for every callback.
                mailbox.accepted();
                mailbox.push(Item::Token {
                    wanted,
                    listener: listener.clone(),
                    stale,
                });
            }
            TokenSource::Queue { queue, tag } => queue.push(Record {
                id: wanted,
                tag: *tag,
                kind: Kind::TokenWanted,
                data: WithNul::default(),
                response: None,
                cancelled: Some(stale),
                lost: Some(lost),
                room: None,
                weight: None,
            }),
        }
    }
}
