//! The limiter of one scope: every bucket together, and the steps of a request.
//!
//! The scheduler asks [`Limiter::admit`] for the head of a lane and reports what becomes of each request. Whatever
//! it reports may change the answer, so a lane that was told to wait asks again after every outcome in its scope.
//! Nothing here fails a request for a limit, except one that is larger than the whole of it.

use std::time::Duration;

use super::configured::{Configured, Own};
use super::headers::Snapshot;
use super::learned::{Answered, Learned};
use super::ledger::{Ledger, Place};
use super::pace::Pace;
use super::pause::{CATCHING_UP, Leave, Pause};
use super::permit::{Admit, Never, Permit, Refusal, Told};
use super::state::Binding;
use super::{Cost, Dimension, Time, Unit};

/// Requests that an unknown scope gets before it has answered once.
const FIRST_WINDOW: u64 = 4;

/// The server's own delay is lengthened by up to this share of it, so that clients do not come back as one.
const SPREAD_SHARE: f64 = 0.05;
const MOST_SPREAD: Duration = Duration::from_secs(1);

/// The limits of one scope. See the module.
#[derive(Debug)]
pub struct Limiter {
    learn: bool,
    own: Own,
    /// By [`Dimension::index`].
    pub(super) learned: [Option<Learned>; 4],
    /// By [`Unit::index`].
    pub(super) found: [Pace; 2],
    pub(super) pause: Pause,
    pub(super) ledger: Ledger,
    /// While the scope is new: how many requests may be unanswered.
    pub(super) window: Option<u64>,
    /// When a refusal last changed what we believe: those sent before are of the same event.
    reduced_at: Option<Time>,
    pub(super) binding: Binding,
    pub(super) used_tokens: u64,
    serial: u64,
}

impl Limiter {
    /// A scope of which only the user's limits are known. Without `learn` only those and the server's delays count.
    pub fn new(configured: Configured, learn: bool) -> Limiter {
        let mut own = Own::default();
        own.configure(configured, Time::ZERO);
        Limiter {
            learn,
            own,
            learned: Default::default(),
            found: Default::default(),
            pause: Pause::default(),
            ledger: Ledger::default(),
            window: learn.then_some(FIRST_WINDOW),
            reduced_at: None,
            binding: Binding::Nothing,
            used_tokens: 0,
            serial: 0,
        }
    }

    /// Takes new settings for everything not yet admitted. What was learned stays, unused while `learn` is off.
    pub fn configure(&mut self, configured: Configured, learn: bool, now: Time) {
        self.own.configure(configured, now);
        if !learn {
            self.window = None;
        }
        self.learn = learn;
    }

    /// May this request, the head of its lane, go now?
    pub fn admit(&mut self, now: Time, cost: Cost) -> Admit {
        if let Some(never) = self.never(cost) {
            return Admit::Never(never);
        }
        self.advance(now);
        let leave = self.pause.leave(now);
        if let Leave::Paused(until) | Leave::Probing(until) = leave {
            return self.not_before(until, Binding::Pause);
        }
        if self
            .window
            .is_some_and(|window| self.ledger.awaiting() >= window)
        {
            self.binding = Binding::SlowStart;
            return Admit::Blocked;
        }
        let (wait, binding) = self.longest_wait(now, cost);
        if !wait.is_zero() {
            // At the edge of the limit its bucket sets an even pace by itself.
            self.pause.caught_up();
            return self.not_before(now + wait, binding);
        }
        let (wait, binding) = self.unproven_wait(now, cost);
        if !wait.is_zero() {
            return self.not_before(now + wait, binding);
        }
        if let Leave::Pacing(next) = leave {
            return self.not_before(next, Binding::Pause);
        }
        Admit::Go(self.charge(now, cost, leave))
    }

    /// The request's bytes go out.
    pub fn sent(&mut self, permit: &mut Permit, now: Time) {
        if permit.place.is_none() {
            permit.place = Some(self.ledger.send(permit.cost, now));
        }
    }

    /// An answer's headers arrived. `ok`: the request was carried out.
    pub fn headers(&mut self, permit: &mut Permit, now: Time, snapshot: &Snapshot, ok: bool) {
        let Some(place) = self.answer(permit, now) else {
            return;
        };
        self.pause.answered(permit.serial, now);
        if !self.learn {
            return;
        }
        self.advance(now);
        self.observe(permit, place, now, snapshot, ok);
        if !ok {
            return;
        }
        for unit in Unit::ALL {
            let known = self.known_rate(unit);
            let request = self.describe(permit.cost, place, unit);
            self.pace(unit).accepted(now, &request, known);
        }
        if let Some(window) = self.window {
            let told = self.announces_a_pace();
            // An answer without headers never teaches; after an unreadable one, or a day's limit, the next one may.
            self.window = (snapshot.any && !told).then(|| window.saturating_mul(2));
        }
    }

    /// The answer, whose headers were reported before, was a refusal.
    pub fn refused(&mut self, permit: &mut Permit, now: Time, refusal: &Refusal) {
        let Some(place) = self.answer(permit, now).or(permit.place) else {
            return;
        };
        self.advance(now);
        // Its bytes may have left later, on a connection that had to be made first.
        let old = self
            .reduced_at
            .is_some_and(|reduced| permit.admitted <= reduced);
        if !old {
            self.reduced_at = Some(now);
        }
        let own = match self.learn {
            true => self.learn_from_refusal(permit, place, now, refusal, old),
            false => None,
        };
        // Sixty refusals of one event are spread as one, or the pause would be as long as the unluckiest draw.
        let chance = if old { 0.0 } else { refusal.chance };
        let delay = match refusal.retry_after {
            Some(asked) => asked.saturating_add(spread(asked, chance)),
            None => own.unwrap_or(refusal.backoff),
        };
        let took = now.saturating_sub(place.at);
        self.pause.refused(now.saturating_add(delay), took);
    }

    /// The request ended, however it ended.
    pub fn finished(&mut self, mut permit: Permit, now: Time) {
        if self.answer(&mut permit, now).is_some() {
            self.pause.withdrawn(permit.serial, now);
        }
        self.ledger.finish();
    }

    /// The request ended before a byte of it was written.
    pub fn refund(&mut self, mut permit: Permit, now: Time) {
        if permit.place.is_none() && !permit.answered {
            permit.answered = true;
            self.ledger.answer(None, now);
            self.ledger.refund(permit.cost);
            self.give_back(permit.cost);
            self.pause.withdrawn(permit.serial, now);
        }
        self.finished(permit, now);
    }

    /// What the answer says was used: statistics only, for the server charges before it knows.
    pub fn usage(&mut self, tokens: u64) {
        self.used_tokens = self.used_tokens.saturating_add(tokens);
    }

    /// The least time until a request of this cost, behind so many requests and tokens `ahead`, can go: what is
    /// certain, without what is only found or kept in reserve. A deadline before that cannot be met.
    pub fn least_wait(&mut self, now: Time, ahead: (u64, u64), cost: Cost) -> Duration {
        self.advance(now);
        let paused = self
            .pause
            .until(now)
            .map_or(Duration::ZERO, |end| end - now);
        let need = |unit| match unit {
            Unit::Requests => ahead.0 as f64 + 1.0,
            Unit::Tokens => ahead.1 as f64 + cost.tokens as f64,
        };
        let learned = self
            .announced()
            .map(|(dimension, learned)| learned.least_wait(need(dimension.unit())));
        self.own
            .least_waits(need)
            .chain(learned)
            .fold(paused, Duration::max)
    }

    pub(super) fn advance(&mut self, now: Time) {
        self.own.advance(now);
        for learned in self.learned.iter_mut().flatten() {
            learned.advance(now);
        }
        for unit in Unit::ALL {
            let known = self.known_rate(unit);
            self.pace(unit).advance(now, known);
        }
    }

    /// The announced limits, while we go by them.
    pub(super) fn announced(&self) -> impl Iterator<Item = (Dimension, &Learned)> {
        Dimension::ALL
            .into_iter()
            .zip(&self.learned)
            .filter(|_| self.learn)
            .filter_map(|(dimension, learned)| Some((dimension, learned.as_ref()?)))
    }

    /// The announced or configured rate, where one says anything about the pace.
    pub(super) fn known_rate(&self, unit: Unit) -> Option<f64> {
        self.announced()
            .filter(|(dimension, learned)| dimension.unit() == unit && !learned.window().is_a_day())
            .map(|(_, learned)| learned.rate())
            .chain(self.own.rate(unit))
            .min_by(f64::total_cmp)
    }

    pub(super) fn pace(&mut self, unit: Unit) -> &mut Pace {
        &mut self.found[unit.index()]
    }

    fn announces_a_pace(&self) -> bool {
        self.announced()
            .any(|(_, learned)| !learned.window().is_a_day())
    }

    /// The announced rate and what is left, of the limit with the least left.
    fn announced_rate(&self, unit: Unit) -> Option<(f64, f64)> {
        self.announced()
            .filter(|(dimension, _)| dimension.unit() == unit)
            .map(|(_, learned)| (learned.rate(), learned.level()))
            .min_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn not_before(&mut self, at: Time, binding: Binding) -> Admit {
        self.binding = binding;
        Admit::At(at)
    }

    fn never(&self, cost: Cost) -> Option<Never> {
        if let Some(limit) = self.own.too_small_for(cost) {
            return Some(Never {
                dimension: Dimension::Tokens,
                limit,
                configured: true,
            });
        }
        self.announced()
            .filter(|(dimension, _)| dimension.unit() == Unit::Tokens)
            .find(|(_, learned)| learned.is_too_small_for(cost.tokens as f64))
            .map(|(dimension, learned)| Never {
                dimension,
                limit: learned.limit(),
                configured: false,
            })
    }

    fn longest_wait(&self, now: Time, cost: Cost) -> (Duration, Binding) {
        let own = self.own.waits(cost);
        let learned = self.announced().map(|(dimension, learned)| {
            let unit = dimension.unit();
            (unit, learned.wait_for(now, cost.of(unit)))
        });
        let found = Unit::ALL
            .into_iter()
            .zip(&self.found)
            .filter(|_| self.learn)
            .map(|(unit, pace)| (unit, pace.wait_for(cost.of(unit))));
        longest(own.chain(learned).chain(found))
    }

    /// Time until a burst may grow beyond what was ever accepted.
    fn unproven_wait(&self, now: Time, cost: Cost) -> (Duration, Binding) {
        let waits = Unit::ALL
            .into_iter()
            .zip(&self.found)
            .filter_map(|(unit, pace)| {
                let (known, _) = self.announced_rate(unit)?;
                Some((unit, pace.unproven_wait(now, cost.of(unit), known)))
            });
        longest(waits)
    }

    fn charge(&mut self, now: Time, cost: Cost, leave: Leave) -> Permit {
        for unit in Unit::ALL {
            let (known, level) = self.announced_rate(unit).unzip();
            self.pace(unit).take(now, cost.of(unit), known, level);
        }
        self.own.take(cost);
        for (dimension, learned) in Dimension::ALL.into_iter().zip(&mut self.learned) {
            if let Some(learned) = learned {
                learned.take(cost.of(dimension.unit()));
            }
        }
        self.ledger.admit(cost);
        self.serial += 1;
        match leave {
            Leave::Probe => self.pause.probe(self.serial, now),
            Leave::Paced => {
                let interval = self.interval(cost).div_f64(CATCHING_UP);
                self.pause.paced(now, interval);
            }
            _ => {}
        }
        self.binding = Binding::Nothing;
        Permit {
            serial: self.serial,
            cost,
            admitted: now,
            place: None,
            answered: false,
            told: Told::default(),
        }
    }

    fn give_back(&mut self, cost: Cost) {
        self.own.give_back(cost);
        for (dimension, learned) in Dimension::ALL.into_iter().zip(&mut self.learned) {
            if let Some(learned) = learned {
                learned.give_back(cost.of(dimension.unit()));
            }
        }
        for unit in Unit::ALL {
            self.pace(unit).give_back(cost.of(unit));
        }
    }

    /// The longest time to one more request from empty buckets: an even pace.
    fn interval(&self, cost: Cost) -> Duration {
        let own = Unit::ALL
            .into_iter()
            .filter_map(|unit| Some(super::bucket::wait(cost.of(unit), self.own.rate(unit)?)));
        let announced = self
            .announced()
            .filter(|(_, learned)| !learned.window().is_a_day())
            .map(|(dimension, learned)| learned.interval(cost.of(dimension.unit())));
        let found = Unit::ALL
            .into_iter()
            .zip(&self.found)
            .filter_map(|(unit, pace)| pace.interval(cost.of(unit)));
        own.chain(announced).chain(found).max().unwrap_or_default()
    }

    /// The headers of this request are here, or never will be. `None` when that was known.
    fn answer(&mut self, permit: &mut Permit, now: Time) -> Option<Place> {
        if std::mem::replace(&mut permit.answered, true) {
            return None;
        }
        let (cost, admitted) = (permit.cost, permit.admitted);
        let ledger = &mut self.ledger;
        let place = *permit
            .place
            .get_or_insert_with(|| ledger.send(cost, admitted));
        ledger.answer(Some(place), now);
        Some(place)
    }

    fn observe(
        &mut self,
        permit: &mut Permit,
        place: Place,
        now: Time,
        snapshot: &Snapshot,
        ok: bool,
    ) {
        let counted = snapshot
            .processing
            .and_then(|processing| now.checked_sub(processing));
        let date = counted.map_or(place.at, |counted| counted.max(place.at));
        let since = self.ledger.since(place);
        let overtaken = self.ledger.overtaken_by(place);
        for dimension in Dimension::ALL {
            let (index, unit) = (dimension.index(), dimension.unit());
            let Some((limit, remaining)) = snapshot.readings[index].level() else {
                continue;
            };
            let cost = permit.cost.of(unit);
            let exhausted = !ok && (remaining as f64) < too_little(unit, cost);
            permit.told.any = true;
            permit.told.exhausted[index] = exhausted;
            let answered = Answered {
                place,
                date,
                cost,
                refused: exhausted,
                accepted: ok,
                since: since.of(unit),
                overtaken: overtaken.of(unit),
            };
            self.learned[index]
                .get_or_insert_with(|| Learned::new(unit, limit, now))
                .observe(now, limit, remaining, &snapshot.readings[index], &answered);
        }
    }
}

/// Less than this left explains a refusal. Tokens are counted by an estimate, so twice of it may still be too little.
fn too_little(unit: Unit, cost: f64) -> f64 {
    match unit {
        Unit::Requests => cost,
        Unit::Tokens => 2.0 * cost,
    }
}

fn longest(waits: impl Iterator<Item = (Unit, Duration)>) -> (Duration, Binding) {
    let longest = waits
        .filter(|(_, wait)| !wait.is_zero())
        .max_by_key(|(_, wait)| *wait);
    longest.map_or((Duration::ZERO, Binding::Nothing), |(unit, wait)| {
        (wait, unit.into())
    })
}

/// U(0, min(5%, 1 s)) on top of what the server asked for.
fn spread(asked: Duration, chance: f64) -> Duration {
    let chance = if chance.is_finite() {
        chance.clamp(0.0, 1.0)
    } else {
        0.0
    };
    asked.mul_f64(SPREAD_SHARE).min(MOST_SPREAD).mul_f64(chance)
}
