//! Bearer tokens that rotate: whether one is in force, and when the host is asked for the next.
//!
//! `client` sets where tokens come from and brings the answers; it also keeps the token itself, which this file never
//! sees. The scheduler asks how things stand before it starts a request, and parks those that need a token while there is
//! none. Time comes in as an argument. Nothing here calls the host under a lock.
//!
//! Invariants:
//! - at most one question is open (`wanted`).
//! - without a source there is neither a token nor a question.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::completion::{Cancelled, Stop, TokenSource};
use crate::sync::lock;

/// The longest time before its end that a token is replaced; short-lived ones are after four fifths of their life.
const MARGIN: Duration = Duration::from_secs(60);

/// An open question that is so old is worth a warning.
const OVERDUE: Duration = Duration::from_secs(30);

/// A client's tokens.
pub struct Tokens {
    book: Mutex<Book>,
    /// Makes the numbers of the questions.
    next_id: fn() -> u64,
}

#[derive(Default)]
struct Book {
    source: Option<Arc<TokenSource>>,
    held: Option<Held>,
    wanted: Option<Wanted>,
    /// That of the token in force, or of the last one.
    serial: u64,
}

/// The token in force.
struct Held {
    expires: Option<Instant>,
    /// When the next is asked for.
    refresh: Option<Instant>,
    /// A request has gone out with it. One that nobody uses is not replaced before somebody needs it.
    used: bool,
}

/// The open question.
struct Wanted {
    id: u64,
    since: Instant,
    warned: bool,
    stale: Cancelled,
}

/// How things stand for a request that brings no key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Tokens do not rotate here.
    Fixed,
    /// There is one.
    Good,
    /// There is one, and its time is nearly over.
    Due,
    /// There is none: the request has to wait.
    Missing,
}

/// A question for the host.
pub(super) struct Question {
    pub id: u64,
    pub source: Arc<TokenSource>,
    pub stale: Cancelled,
}

impl Tokens {
    /// None yet. `next_id` gives numbers that are unique in the process.
    pub fn new(next_id: fn() -> u64) -> Arc<Tokens> {
        Arc::new(Tokens {
            book: Mutex::default(),
            next_id,
        })
    }

    /// Changes where tokens come from; `None`: nowhere. The token in force and the open question are forgotten. What
    /// comes back is to be dropped with no lock held: the host's destructor runs then.
    #[must_use]
    pub fn set_source(&self, source: Option<TokenSource>) -> Option<Arc<TokenSource>> {
        let mut book = lock(&self.book);
        book.forget_question();
        book.held = None;
        std::mem::replace(&mut book.source, source.map(Arc::new))
    }

    /// Takes the answer to the open question; `None` as its life: not known. False if that question is not open (any
    /// more). `take` puts the token where the transport finds it, before any request may start with it.
    pub fn provide(
        &self,
        id: u64,
        life: Option<Duration>,
        now: Instant,
        take: impl FnOnce(),
    ) -> bool {
        let mut book = lock(&self.book);
        if !book.asks(id) {
            return false;
        }
        book.wanted = None;
        book.serial += 1;
        take();
        book.held = Some(Held {
            expires: life.and_then(|life| now.checked_add(life)),
            refresh: life.and_then(|life| now.checked_add(life - (life / 5).min(MARGIN))),
            used: false,
        });
        true
    }

    /// How things stand now.
    pub(super) fn standing(&self, now: Instant) -> Standing {
        lock(&self.book).standing(now)
    }

    /// The token in force was given to a request.
    pub(super) fn used(&self) {
        if let Some(held) = &mut lock(&self.book).held {
            held.used = true;
        }
    }

    /// Tells the token in force from those before it.
    pub(super) fn serial(&self) -> u64 {
        lock(&self.book).serial
    }

    /// The server did not take the token of that serial. True if the request may come again, with the next one.
    pub(super) fn rejected(&self, serial: u64) -> bool {
        let mut book = lock(&self.book);
        if book.serial == serial {
            book.held = None;
        }
        book.source.is_some()
    }

    /// The question to be put to the host now, if one is called for and none is open.
    pub(super) fn ask(&self, now: Instant) -> Option<Question> {
        let mut book = lock(&self.book);
        if book.wanted.is_some() || !matches!(book.standing(now), Standing::Due | Standing::Missing)
        {
            return None;
        }
        let source = book.source.clone()?;
        let (id, stale) = ((self.next_id)(), Cancelled::default());
        book.wanted = Some(Wanted {
            id,
            since: now,
            warned: false,
            stale: stale.clone(),
        });
        Some(Question { id, source, stale })
    }

    /// The host has no token. `None` if that question is not open (any more), else whether requests wait for one in
    /// vain. A token that still holds goes on holding, and is asked for again in half of what is left of its time.
    pub(super) fn refuse(&self, id: u64, now: Instant) -> Option<bool> {
        let mut book = lock(&self.book);
        if !book.asks(id) {
            return None;
        }
        book.wanted = None;
        if book.standing(now) == Standing::Missing {
            return Some(true);
        }
        if let Some(Held {
            expires: Some(expires),
            refresh,
            ..
        }) = &mut book.held
        {
            *refresh = Some(now + (*expires - now) / 2);
        }
        Some(false)
    }

    /// When there is something to do without any request: the next token, or a warning.
    pub(super) fn next_change(&self) -> Option<Instant> {
        let book = lock(&self.book);
        match (&book.wanted, &book.held) {
            (Some(wanted), _) if wanted.warned => None,
            (Some(wanted), _) => Some(wanted.since + OVERDUE),
            (None, Some(held)) if held.used => held.refresh,
            _ => None,
        }
    }

    /// The timer's visit: whether a token is to be asked for, and how long a question has been open that is worth a
    /// warning, once.
    pub(super) fn tick(&self, now: Instant) -> (bool, Option<Duration>) {
        let mut book = lock(&self.book);
        if let Some(wanted) = &mut book.wanted {
            let open = now - wanted.since;
            let overdue = open >= OVERDUE && !std::mem::replace(&mut wanted.warned, true);
            return (false, overdue.then_some(open));
        }
        let due = book
            .held
            .as_ref()
            .is_some_and(|held| held.used && held.refresh.is_some_and(|refresh| now >= refresh));
        (due, None)
    }
}

impl Book {
    fn asks(&self, id: u64) -> bool {
        self.wanted.as_ref().is_some_and(|wanted| wanted.id == id)
    }

    fn forget_question(&mut self) {
        if let Some(wanted) = self.wanted.take() {
            // The question is dropped wherever it is; nobody asks why.
            wanted.stale.set(Stop::Cancelled);
        }
    }

    fn standing(&self, now: Instant) -> Standing {
        match (&self.source, &self.held) {
            (None, _) => Standing::Fixed,
            (_, None) => Standing::Missing,
            (_, Some(held)) if held.expires.is_some_and(|at| now >= at) => Standing::Missing,
            (_, Some(held)) if held.refresh.is_some_and(|at| now >= at) => Standing::Due,
            _ => Standing::Good,
        }
    }
}
