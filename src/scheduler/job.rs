//! One accepted request on its way through the scheduler: a plain struct, not a future, since many may wait.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::line::{Rank, Ranked, Scope};
use super::stats::Model;
use crate::completion::Delivery;
use crate::transport::{Call, Content};

/// How the answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// As it came.
    Raw,
    /// As vectors, one for each input.
    Embeddings { inputs: NonZeroU32 },
}

/// What a client asks the scheduler to do.
pub struct NewJob {
    pub call: Call,
    pub expect: Expect,
    /// What the request shares its order with: the model, or the path.
    pub scope: Scope,
    /// 0 high, 1 normal, 2 low.
    pub priority: u32,
    /// Total time; `None`: the client's own.
    pub timeout: Option<Duration>,
    /// It may be carried out twice without harm.
    pub may_repeat: bool,
    /// The tokens that the server will charge before it runs it.
    pub tokens: u64,
}

/// A request that was accepted.
pub(super) struct Job {
    pub call: Call,
    pub expect: Expect,
    pub delivery: Delivery,
    pub rank: Rank,
    pub scope: Scope,
    pub accepted: Instant,
    pub deadline: Option<Instant>,
    pub may_repeat: bool,
    pub tokens: u64,
    /// What it is counted under.
    pub model: Model,
    /// From acceptance to its first attempt.
    pub waited: Option<Duration>,
    /// Attempts that were started.
    pub attempts: u32,
    /// Retries that counted; `max_retries` is at most 100.
    pub retries: u8,
    /// When the last attempt began.
    pub attempted: Instant,
    /// It carries a key of its own, and waits for no token.
    pub own_key: bool,
    /// The serial of the token that its last attempt may have gone out with.
    pub token: u64,
    /// It was sent once more because its token was not taken.
    pub renewed: bool,
    /// The fallbacks that it may still go to, one bit for each.
    pub elsewhere: u8,
    /// What it was before it went to a fallback.
    pub asked: Option<Box<Asked>>,
    /// An event of its stream was handed over, so it cannot be made again.
    pub streamed: bool,
}

/// A request as it was asked.
pub(super) struct Asked {
    pub scope: Scope,
    pub body: Content,
    pub model: Option<Arc<str>>,
}

impl Ranked for Box<Job> {
    fn rank(&self) -> Rank {
        self.rank
    }

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn share_scope(&mut self, scope: &Scope) {
        let model = self.call.model.as_mut();
        if let Some(model) = model.filter(|model| ***model == **scope) {
            *model = scope.clone();
        }
        self.scope = scope.clone();
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn tokens(&self) -> u64 {
        self.tokens
    }
}
