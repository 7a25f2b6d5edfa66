//! One announced limit, kept in step with the server.
//!
//! The limiter holds one per dimension and feeds it every answer. An answer's headers describe the moment at which
//! the server counted its request, and by the time they arrive more has been sent; taken as news of this very moment
//! they cost 8 to 80% refusals when answers take seconds.

use std::time::Duration;

use super::bucket::{Bucket, wait};
use super::headers::Reading;
use super::ledger::Place;
use super::window::Window;
use super::{Time, Unit};

/// Requests reach the server a little earlier or later than their neighbours: this much time's refill stays unspent.
const JITTER: f64 = 0.005;

/// The reserve never takes more than this share of the capacity.
const RESERVE_SHARE: f64 = 0.05;

/// A reserve made after a surprise is halved in this many seconds.
const RESERVE_HALF_LIFE: f64 = 60.0;

/// What others spend is averaged over these many seconds, or this many requests where those take longer.
const DRAIN_SECONDS: f64 = 5.0;
const DRAIN_REQUESTS: f64 = 20.0;

/// Others are credited with spending only beyond this share of the rate; below it is the noise of rounded figures.
const DRAIN_NOISE: f64 = 0.02;

/// However far our estimates of tokens seem off, they count by no less and no more than this.
const LEAST_CHARGED: f64 = 0.02;
const MOST_CHARGED: f64 = 20.0;

/// However much others spend, we keep trying at this share of the rate.
const LEAST_SHARE: f64 = 0.05;

/// A level below what headers allow follows them by this share of the gap with each answer. At once would be rash: two
/// requests that swapped places on the way yield one snapshot that is too low and one that is too high.
const GOOD_NEWS: f64 = 0.25;

/// A limit as the server announces it, and our idea of the level of its bucket.
#[derive(Clone, Debug)]
pub(super) struct Learned {
    unit: Unit,
    limit: u64,
    window: Window,
    /// What is left. Refills at the rate that others leave us.
    bucket: Bucket,
    /// What the server refills, per second.
    rate: f64,
    /// What goes beyond our own spending, per second; below zero when we are charged less than we think.
    drain: f64,
    /// What we think that we are charged, per second, over the same time.
    spending: f64,
    /// How much of that the server seems to charge.
    charged: f64,
    /// Unspent since a refusal that we did not see coming.
    reserve: f64,
    reserve_at: Time,
    largest_accepted: f64,
    last: Option<Applied>,
}

/// The snapshot in force.
#[derive(Clone, Copy, Debug)]
struct Applied {
    date: Time,
    order: u64,
    remaining: f64,
    total: f64,
}

/// The request whose answer tells a snapshot, in the unit of the limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    pub place: Place,
    /// When the server counted it, as nearly as we know.
    pub date: Time,
    pub cost: f64,
    pub refused: bool,
    pub accepted: bool,
    /// Charged to us after it.
    pub since: f64,
    /// Sent before it, unanswered, and perhaps counted after it.
    pub overtaken: f64,
}

impl Learned {
    pub fn new(unit: Unit, limit: u64, now: Time) -> Learned {
        let window = Window::unknown();
        let rate = limit as f64 / window.seconds();
        Learned {
            unit,
            limit,
            window,
            bucket: Bucket::new(limit as f64, rate, limit as f64, now),
            rate,
            drain: 0.0,
            spending: 0.0,
            charged: 1.0,
            reserve: 0.0,
            reserve_at: now,
            largest_accepted: 0.0,
            last: None,
        }
    }

    /// Takes in what an answer tells, unless a later one told it before.
    pub fn observe(
        &mut self,
        now: Time,
        limit: u64,
        remaining: u64,
        reading: &Reading,
        answered: &Answered,
    ) {
        let order = (answered.date, answered.place.order);
        if self
            .last
            .is_some_and(|last| order < (last.date, last.order))
        {
            return;
        }
        let another = limit != self.limit;
        if another {
            self.window.limit_changed();
        }
        let moved = self
            .window
            .observe(limit, remaining, reading.reset, reading.period);
        if moved || another {
            self.limit = limit;
        } else {
            self.weigh_others(remaining as f64, answered);
        }
        self.bucket.advance(now);
        self.retune();
        self.apply(now, remaining as f64, answered);
    }

    fn retune(&mut self) {
        self.bucket.capacity = self.limit as f64;
        self.rate = self.limit as f64 / self.window.seconds();
        let others = match self.unit {
            Unit::Requests => (self.drain - DRAIN_NOISE * self.rate).max(0.0),
            Unit::Tokens => 0.0,
        };
        self.bucket.rate = (self.rate - others).max(LEAST_SHARE * self.rate);
    }

    /// Between two snapshots the level falls by what we sent and rises by the refill. What is missing beyond that went
    /// to others who share the limit, or we are charged more than we think, or the refill is slower than announced.
    fn weigh_others(&mut self, remaining: f64, answered: &Answered) {
        let Some(last) = self.last else {
            return;
        };
        let elapsed = answered.date.saturating_sub(last.date).as_secs_f64();
        let refilled = (last.remaining + self.rate * elapsed).min(self.limit as f64);
        let refunded = if answered.refused { answered.cost } else { 0.0 };
        let ours = answered.place.total.of(self.unit) - last.total - refunded;
        let others = refilled - ours - remaining;
        let span = DRAIN_SECONDS.max(DRAIN_REQUESTS * answered.cost.max(1.0) / self.rate);
        let kept = (-elapsed / span).exp();
        let weight = if elapsed > 1e-3 * span {
            (1.0 - kept) / elapsed
        } else {
            1.0 / span
        };
        self.spending = self.spending * kept + weight * ours;
        self.drain = (self.drain * kept + weight * others).min(self.rate);
        self.learn_charge();
    }

    /// A request is a request, so a request too many is somebody else's. But tokens are charged by an estimate, which
    /// for images, audio or large answers can be far off: there the difference is laid on each token of ours. Should
    /// it be somebody else's after all, we still send that much less.
    fn learn_charge(&mut self) {
        if self.unit == Unit::Tokens && self.spending > 0.0 {
            let beyond = (self.drain.abs() - DRAIN_NOISE * self.rate).max(0.0);
            let charged = 1.0 + self.drain.signum() * beyond / self.spending;
            self.charged = charged.clamp(LEAST_CHARGED, MOST_CHARGED);
        }
    }

    fn apply(&mut self, now: Time, remaining: f64, answered: &Answered) {
        let age = now.saturating_sub(answered.date).as_secs_f64();
        let refilled = (remaining + self.bucket.rate * age).min(self.limit as f64);
        // Requests overtake each other on the way, so headers tell the level only to within those still open.
        let most = refilled - self.charged * answered.since;
        let least = most - self.charged * answered.overtaken;
        if answered.refused {
            self.bucket.give_back(self.charged * answered.cost);
        }
        if answered.accepted {
            self.largest_accepted = self.largest_accepted.max(answered.cost);
        }
        let level = self.bucket.level;
        self.bucket.level = if self.last.is_none() {
            least
        } else if level < least {
            level + GOOD_NEWS * (least - level)
        } else {
            level.min(most)
        };
        self.last = Some(Applied {
            date: answered.date,
            order: answered.place.order,
            remaining,
            total: answered.place.total.of(self.unit),
        });
    }

    pub fn advance(&mut self, now: Time) {
        self.bucket.advance(now);
    }

    pub fn take(&mut self, cost: f64) {
        self.bucket.take(self.charged * cost);
    }

    pub fn give_back(&mut self, cost: f64) {
        self.bucket.give_back(self.charged * cost);
    }

    /// A refusal without headers says that nothing was left when that request arrived.
    pub fn was_empty(&mut self, now: Time, sent: Time, since: f64) {
        let refilled = self.bucket.rate * now.saturating_sub(sent).as_secs_f64();
        self.bucket.level = self.bucket.level.min(refilled - self.charged * since);
    }

    /// A refusal came although the level allowed the request: others are quicker than our news of them. From now on a
    /// little more stays unspent.
    pub fn surprised(&mut self, now: Time, cost: f64) {
        let most = (RESERVE_SHARE * self.limit as f64).min(self.rate);
        let kept = self.kept_back(now);
        self.reserve = (kept + cost).min(most).max(kept);
        self.reserve_at = now;
    }

    fn kept_back(&self, now: Time) -> f64 {
        let age = now.saturating_sub(self.reserve_at).as_secs_f64();
        self.reserve * (-age / RESERVE_HALF_LIFE).exp2()
    }

    /// Time until a request of this cost may go.
    pub fn wait_for(&self, now: Time, cost: f64) -> Duration {
        let jitter = (JITTER * self.rate).min(RESERVE_SHARE * self.limit as f64);
        // A large request must not wait for more than can be there because others make us look expensive.
        let need = (self.charged * cost).min(cost.max(0.5 * self.limit as f64));
        self.bucket.wait_for(need, jitter + self.kept_back(now))
    }

    /// The least time until that much can have gone, if nobody else spends anything.
    pub fn least_wait(&self, amount: f64) -> Duration {
        wait(
            self.charged.min(1.0) * amount - self.bucket.level,
            self.rate,
        )
    }

    /// The time to one more request of this cost, from an empty bucket.
    pub fn interval(&self, cost: f64) -> Duration {
        wait(self.charged * cost, self.rate)
    }

    pub fn level(&self) -> f64 {
        self.bucket.level
    }

    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// The request can never pass, as far as we know: a server that let a larger one pass does not mean what it says.
    pub fn is_too_small_for(&self, cost: f64) -> bool {
        self.charged.min(1.0) * cost > self.limit as f64 && cost > self.largest_accepted
    }

    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The share of the rate that others leave us.
    pub fn our_rate(&self) -> f64 {
        self.bucket.rate
    }

    pub fn window(&self) -> &Window {
        &self.window
    }
}
