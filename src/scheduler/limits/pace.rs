//! The limit that nobody announces, found from what was accepted and what was refused.
//!
//! The limiter holds one for requests and one for tokens. A server may say "6,000 a minute, 5,990 left" and refuse,
//! because it also counts in seconds; or say nothing at all. Then a bucket is made whose rate and burst are what was
//! seen to pass; each further refusal takes 0.3 of what is to blame, and quiet time gives it back. The first one that an
//! announced rate does not explain takes 0.05: a machine that stood still for a moment is refused too.

use std::time::Duration;

use super::Time;
use super::bucket::{Bucket, wait};

/// What one refusal leaves.
const CUT: f64 = 0.7;

/// The same of a refusal that may be an accident: a rate is announced, and nothing shows that it is wrong.
const GENTLE: f64 = 0.95;

/// A request reaches the server by the time that its answer is here, and no later than so long after it was sent: it may
/// have waited for a connection, or for a processor.
const ON_THE_WAY: Duration = Duration::from_millis(100);

/// The most that one refusal takes off a rate, when what passed shows that it is far too high.
const SHARPEST: f64 = 0.05;

/// Requests reach a hidden bucket a little earlier or later than their neighbours. It sends no news, so keep more back
/// than from an announced one.
const JITTER: f64 = 0.01;

/// What a cut took comes back in these many seconds, or this many requests where those take longer: then refusals stay
/// well under one in a hundred even where each return meets the same limit.
const RECOVERY_SECONDS: f64 = 20.0;
const RECOVERY_REQUESTS: f64 = 150.0;

/// Beyond what it was before the cut, a burst grows by this share in a minute.
const BURST_GROWTH: f64 = 0.1;

/// While nothing says where the limit is, the rate doubles in these many seconds or requests.
const DOUBLING_SECONDS: f64 = 2.0;
const DOUBLING_REQUESTS: f64 = 30.0;

/// So many requests measure a rate only roughly.
const FEW: f64 = 10.0;

/// The rate accepted lately is taken over these many seconds.
const METER_SECONDS: f64 = 5.0;

/// A stored-up level is spent over about so many seconds where no burst of that size was accepted before.
const SPREAD_SECONDS: f64 = 1.0;

/// After "slow down" the halved rate is kept for so long.
const HOLD: Duration = Duration::from_secs(60);

/// No refusal makes us slower than one request a minute.
const SLOWEST: f64 = 1.0 / 60.0;

/// A hidden bucket, once there is reason to believe in one.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    found: Option<Found>,
    accepted: Run,
    admitted: Run,
    meter: Meter,
    /// Before then nothing goes that would get further ahead than was ever accepted.
    unproven: Time,
    /// A refusal that came before anything had passed.
    unmeasured: Option<Asked>,
}

#[derive(Clone, Debug)]
struct Found {
    /// Its capacity is the burst.
    bucket: Bucket,
    /// The rate that seems too high; while there is none, recovery is quick.
    ceiling: Option<f64>,
    /// The burst before the cut.
    burst: f64,
    cut_at: Time,
    cut_order: u64,
    /// When the refused request reached the server: its bucket was empty then.
    empty_at: Time,
    /// What was sent after that and, as far as we know, let through.
    passed: f64,
    /// When the bucket was last full after that, and what had passed by then beyond what it held.
    full: Option<(Time, f64)>,
    /// The last refusal was taken for an accident, so that the next one is not.
    spared: bool,
    /// Successes sent before the first cut still show how large the burst is.
    first_cut: bool,
    recovered_at: Time,
}

/// How far requests ran ahead of the rate. The peak of those accepted is the least that a bucket of that rate holds.
#[derive(Clone, Debug, Default)]
struct Run {
    ahead: f64,
    at: Time,
    peak: f64,
}

/// The rate accepted lately, and the mean cost.
#[derive(Clone, Debug, Default)]
struct Meter {
    sum: f64,
    count: f64,
    since: Option<Time>,
    at: Time,
}

/// A request that was answered, in the unit of the pace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub sent: Time,
    pub order: u64,
    pub cost: f64,
    /// Charged to us after it.
    pub since: f64,
}

impl Pace {
    /// A request was accepted. `known` is the announced or configured rate.
    pub fn accepted(&mut self, now: Time, request: &Asked, known: Option<f64>) {
        let (sent, cost) = (request.sent, request.cost);
        self.meter.add(now, cost);
        if let (Some(refused), None, None) = (self.unmeasured.take(), &self.found, known) {
            self.found = Some(Found::first(now, cost, &refused));
        }
        let rate = self.found.as_ref().map(|found| found.bucket.rate);
        let arrived = request.arrived(now);
        self.accepted.add(arrived, cost, rate.or(known));
        let peak = self.accepted.peak;
        let mean = self.meter.mean();
        let Some(found) = &mut self.found else {
            return;
        };
        if found.first_cut && sent < found.cut_at {
            found.bucket.capacity = found.bucket.capacity.max(peak);
        }
        found.recover(now, cost, mean);
        found.cap(known);
        if sent >= found.cut_at {
            // While it was on its way to a full bucket nothing was refilled.
            let age = now.saturating_sub(arrived).as_secs_f64();
            let most = found.bucket.capacity - cost - request.since + found.bucket.rate * age;
            found.bucket.level = found.bucket.level.min(most);
        }
    }

    /// Another refusal of the same event. If it was taken off the level after the cut, the server did not take it.
    pub fn refused_again(&mut self, refused: &Asked) {
        if let Some(found) = &mut self.found {
            if refused.order > found.cut_order {
                found.bucket.give_back(refused.cost);
                found.passed -= refused.cost;
            }
        }
    }

    /// A refusal that no announced limit explains.
    pub fn refused(&mut self, now: Time, refused: &Asked, known: Option<f64>) {
        self.advance(now, known);
        if self.is_unmeasured(known) {
            // Nothing ever passed, so there is no rate to find: the pause alone holds the scope.
            self.unmeasured = Some(*refused);
            return;
        }
        let age = now.saturating_sub(refused.arrived(now)).as_secs_f64();
        let (rate, burst, ceiling) = match &self.found {
            None => {
                let ahead = self.accepted.peak;
                match known {
                    // The rate is known and we ran ahead of it: only the burst was too large.
                    Some(rate) if ahead >= 3.0 * refused.cost => (rate, ahead, None),
                    Some(rate) => (CUT * rate, CUT * ahead, Some(rate)),
                    None => {
                        let rate = CUT * self.meter.rate(now);
                        (rate.max(refused.cost), CUT * ahead, None)
                    }
                }
            }
            Some(found) => found.blame(refused, now, known.is_some()),
        };
        let rate = rate.max(SLOWEST * refused.cost);
        let burst = burst.max(refused.cost).max(1.0);
        let before = self.found.as_ref().map(|found| &found.bucket);
        let level = (rate * age).min(burst) - refused.since;
        let level = before.map_or(level, |before| before.level.min(level));
        let before = before.map(|before| before.capacity);
        self.found = Some(Found {
            bucket: Bucket::new(burst, rate, level, now),
            ceiling,
            burst: before.unwrap_or(burst),
            cut_at: now,
            cut_order: refused.order,
            empty_at: refused.arrived(now),
            passed: refused.since,
            full: None,
            spared: before.is_some() && known.is_some(),
            first_cut: before.is_none(),
            recovered_at: now,
        });
        self.accepted.peak = 0.0;
    }

    /// The server asked us to slow down: half the rate, held, then ramped back.
    pub fn slow_down(&mut self, now: Time, refused: &Asked, known: Option<f64>) {
        self.advance(now, known);
        if self.is_unmeasured(known) {
            self.unmeasured = Some(*refused);
            return;
        }
        let cost = refused.cost;
        let rate = match &self.found {
            Some(found) => found.bucket.rate,
            None => known.unwrap_or_else(|| self.meter.rate(now)).max(cost),
        };
        let half = (rate / 2.0).max(SLOWEST * cost);
        let burst = self
            .found
            .as_ref()
            .map_or(rate, |found| found.bucket.capacity);
        self.found = Some(Found {
            bucket: Bucket::new((burst / 2.0).max(cost).max(1.0), half, 0.0, now),
            ceiling: Some(rate),
            burst,
            cut_at: now,
            cut_order: refused.order,
            empty_at: refused.arrived(now),
            passed: refused.since,
            full: None,
            spared: false,
            first_cut: false,
            recovered_at: now + HOLD,
        });
    }

    fn is_unmeasured(&self, known: Option<f64>) -> bool {
        self.found.is_none() && known.is_none() && self.meter.is_empty()
    }

    /// Brings the level up to `now`.
    pub fn advance(&mut self, now: Time, known: Option<f64>) {
        if let Some(found) = &mut self.found {
            found.bucket.advance(now);
            if known.is_some() && found.bucket.level >= found.bucket.capacity {
                found.full = Some((now, found.passed + found.bucket.capacity));
            }
            found.cap(known);
        }
    }

    /// A request goes. `known` is the announced or configured rate, `level` what is left of the announced limit.
    pub fn take(&mut self, now: Time, cost: f64, known: Option<f64>, level: Option<f64>) {
        if let Some(found) = &mut self.found {
            found.bucket.take(cost);
            found.passed += cost;
        }
        if let (Some(known), Some(level)) = (known, level) {
            if !self.is_proven(now, cost, known) {
                self.unproven = now + wait(cost, known + level.max(0.0) / SPREAD_SECONDS);
            }
            self.admitted.add(now, cost, Some(known));
        }
    }

    /// A burst as large as this one would make was accepted before.
    fn is_proven(&self, now: Time, cost: f64, known: f64) -> bool {
        self.admitted.after(now, Some(known)) + cost <= self.accepted.peak
    }

    /// A full bucket is no promise that all of it may be spent at once: others may be spending it too, and a finer
    /// limit may lie under it. Time until a request may go that gets further ahead than was ever accepted.
    pub fn unproven_wait(&self, now: Time, cost: f64, known: f64) -> Duration {
        if self.is_proven(now, cost, known) {
            return Duration::ZERO;
        }
        self.unproven.saturating_sub(now)
    }

    pub fn give_back(&mut self, cost: f64) {
        if let Some(found) = &mut self.found {
            found.bucket.give_back(cost);
            found.passed -= cost;
        }
    }

    /// Time until a request of this cost may go.
    pub fn wait_for(&self, cost: f64) -> Duration {
        self.found.as_ref().map_or(Duration::ZERO, |found| {
            found.bucket.wait_for(cost, JITTER * found.bucket.rate)
        })
    }

    /// The time to one more request of this cost, from an empty bucket.
    pub fn interval(&self, cost: f64) -> Option<Duration> {
        self.found().map(|(rate, ..)| wait(cost, rate))
    }

    /// The rate, the burst, and what is left of it.
    pub fn found(&self) -> Option<(f64, f64, f64)> {
        let bucket = &self.found.as_ref()?.bucket;
        Some((bucket.rate, bucket.capacity, bucket.level))
    }
}

impl Found {
    /// After nothing but refusals something passed: one such request a second, and soon more.
    fn first(now: Time, cost: f64, refused: &Asked) -> Found {
        let burst = cost.max(1.0);
        Found {
            bucket: Bucket::new(burst, burst, 0.0, now),
            ceiling: None,
            burst,
            cut_at: now,
            cut_order: refused.order,
            empty_at: refused.arrived(now),
            passed: cost,
            full: None,
            spared: false,
            first_cut: false,
            recovered_at: now,
        }
    }

    /// What is left after a refusal: rate, burst, and the rate that seems too high.
    fn blame(&self, refused: &Asked, now: Time, announced: bool) -> (f64, f64, Option<f64>) {
        let (rate, burst) = (self.bucket.rate, self.bucket.capacity);
        let age = now.saturating_sub(refused.arrived(now)).as_secs_f64();
        let level = self.bucket.level + refused.since + refused.cost - rate * age;
        let held_back = level > 3.0 * refused.cost && level > 0.2 * burst;
        let measured = self.measured(refused, now);
        // A processor or a wire that stood still may have brought requests together that we had kept apart.
        let accident =
            announced && !self.spared && measured.is_none_or(|(measured, _)| measured > 0.5 * rate);
        if !held_back && accident {
            return (GENTLE * rate, GENTLE * burst, Some(rate));
        }
        let slower = measured.map_or(CUT * rate, |(measured, _)| {
            measured.clamp(SHARPEST * rate, CUT * rate)
        });
        // A rate that few requests tell is no more than a start.
        let poor = measured.is_some_and(|(_, passed)| passed < FEW * refused.cost);
        let ceiling = (!poor).then_some(slower / CUT);
        if !held_back {
            return (slower, CUT * burst, ceiling);
        }
        // Refused although we held back: the burst is smaller than we thought, by all that was left.
        let burst = (burst - level + refused.cost).min(CUT * burst);
        if announced {
            (rate, burst, self.ceiling)
        } else {
            (slower, burst, ceiling)
        }
    }

    /// The server's bucket was empty at the last refusal, perhaps full in between, and is empty at this one: what it took
    /// between is its rate, or less where it overflowed. Also how much that was.
    fn measured(&self, refused: &Asked, now: Time) -> Option<(f64, f64)> {
        let passed = self.passed - refused.since - refused.cost;
        let since = |then| refused.arrived(now).saturating_sub(then).as_secs_f64();
        let full = self
            .full
            .map(|(at, before)| (since(at), passed - before))
            .filter(|(between, passed)| *between > 0.2 && *passed >= FEW * refused.cost);
        let (between, passed) = full.unwrap_or((since(self.empty_at), passed.max(0.0)));
        // Where nothing passed nothing was measured: one refused after another is no proof of a rate near zero.
        (full.is_some() || between > 0.5 && passed >= 1.0).then(|| (passed / between, passed))
    }

    /// Gives back some of what was cut, for one accepted request: time alone proves nothing. `mean` is what requests
    /// cost.
    fn recover(&mut self, now: Time, cost: f64, mean: f64) {
        let Some(quiet) = now.checked_sub(self.recovered_at) else {
            return;
        };
        self.recovered_at = now;
        let rate = self.bucket.rate;
        let quiet = quiet.as_secs_f64().min(2.0 * cost / rate);
        let seconds = RECOVERY_SECONDS.max(RECOVERY_REQUESTS * mean / rate);
        let given_back = (1.0 - CUT) * quiet / seconds;
        match self.ceiling {
            Some(ceiling) if rate > 0.99 * CUT * ceiling => {
                self.bucket.rate += given_back * ceiling;
            }
            _ => {
                let seconds = DOUBLING_SECONDS.max(DOUBLING_REQUESTS * mean / rate);
                self.bucket.rate *= 1.0 + (quiet / seconds).min(1.0);
            }
        }
        if self.bucket.capacity < self.burst {
            self.bucket.capacity += given_back * self.burst;
        } else {
            self.bucket.capacity *= 1.0 + BURST_GROWTH * quiet / 60.0;
        }
    }

    /// An announced rate is never exceeded.
    fn cap(&mut self, known: Option<f64>) {
        if let Some(known) = known {
            self.spared &= self.bucket.rate < known;
            self.bucket.rate = self.bucket.rate.min(known);
        }
    }
}

impl Asked {
    /// When the server saw it, at the latest.
    fn arrived(&self, now: Time) -> Time {
        now.min(self.sent + ON_THE_WAY)
    }
}

impl Run {
    fn add(&mut self, at: Time, cost: f64, rate: Option<f64>) {
        self.ahead = self.after(at, rate) + cost;
        self.at = self.at.max(at);
        self.peak = self.peak.max(self.ahead);
    }

    fn after(&self, at: Time, rate: Option<f64>) -> f64 {
        let elapsed = at.saturating_sub(self.at).as_secs_f64();
        match rate {
            Some(rate) => (self.ahead - rate * elapsed).max(0.0),
            // No rate to be ahead of: what went out within about a second.
            None => self.ahead * (-elapsed).exp(),
        }
    }
}

impl Meter {
    fn is_empty(&self) -> bool {
        self.since.is_none()
    }

    fn add(&mut self, now: Time, cost: f64) {
        let kept = self.kept(now);
        self.since.get_or_insert(now);
        self.sum = self.sum * kept + cost;
        self.count = self.count * kept + 1.0;
        self.at = self.at.max(now);
    }

    fn kept(&self, now: Time) -> f64 {
        (-now.saturating_sub(self.at).as_secs_f64() / METER_SECONDS).exp()
    }

    /// Per second; a meter that runs for less than a second is read as if it had run for one.
    fn rate(&self, now: Time) -> f64 {
        let Some(since) = self.since else {
            return 0.0;
        };
        let ran = now.saturating_sub(since).as_secs_f64().max(1.0);
        let span = METER_SECONDS * (1.0 - (-ran / METER_SECONDS).exp());
        self.sum * self.kept(now) / span
    }

    fn mean(&self) -> f64 {
        if self.count > 0.0 {
            self.sum / self.count
        } else {
            1.0
        }
    }
}
