//! Delivers what became of each request: exactly one terminal event for every accepted request, by callback, by queue
//! or by wait.
//!
//! A [`Delivery`] is the promise: whoever owns it owes the terminal event, and dropping it unfulfilled (a panic)
//! fulfils it with `OAI_ERR_PANIC`. The scheduler and `ffi` may import this folder; it imports `runtime` and `codec`
//! and knows neither policies nor pointers from C.

mod cancelled;
mod channel;
mod delivery;
mod dispatcher;
mod doorbell;
mod ending;
mod mailbox;
mod meter;
mod progress;
mod queue;
mod response;
mod spent;
mod wait;
mod wanted;
mod with_nul;

pub use cancelled::{Cancelled, Stop};
pub use delivery::{Delivery, Room, Sink};
pub use dispatcher::Dispatcher;
pub use ending::{Ending, Unsent};
pub use mailbox::{CallbackThread, Listener, LogLine, Mailbox, in_callback};
pub use meter::Holder;
pub use progress::{Progress, Way};
pub use queue::{EventQueue, Kind, Record, release};
pub use response::Response;
pub use spent::{ResponseBox, ResponseMaker};
pub use wait::Waiter;
pub use wanted::{TokenListener, TokenSource};
pub use with_nul::WithNul;

/// The locks of [`channel`], behind a name of their own so that the loom check can put its own in their place.
mod sync {
    pub use std::sync::{Condvar, Mutex, MutexGuard};
}
