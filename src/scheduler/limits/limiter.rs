//! The limiter of one scope: every bucket together, and the steps of a request.
//!
//! The scheduler asks [`Limiter::admit`] for the head of a lane and reports what becomes of each request. Whatever
//! it reports may change the answer, so a lane that was told to wait asks again after every outcome in its scope.
//! Nothing here fails a request for a limit, except one that is larger than the whole of it.

use std::time::Duration;

use super::bucket::Bucket;
use super::headers::Snapshot;
use super::learned::{Answered, Learned};
use super::ledger::{Ledger, Place};
use super::pace::{Pace, Refused};
use super::pause::{CATCHING_UP, Leave, Pause};
use super::{Configured, Cost, Dimension, Time, Unit};

/// Requests that an unknown scope gets before it has answered once.
const FIRST_WINDOW: u64 = 4;

/// The server's own delay is lengthened by up to this share of it, so that clients do not come back as one.
const SPREAD_SHARE: f64 = 0.05;
const MOST_SPREAD: Duration = Duration::from_secs(1);

/// What [`Limiter::admit`] answers.
#[derive(Debug)]
pub enum Admit {
    /// It may go now.
    Go(Permit),
    /// Not before then; ask again then, or after the next outcome.
    At(Time),
    /// Not before some outcome; ask again after the next.
    Blocked,
    /// It can never go.
    Never(Never),
}

/// Why a request can never go: it costs more than the whole limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Never {
    /// Which limit.
    pub dimension: Dimension,
    /// The whole of it.
    pub limit: u64,
    /// The user set it, rather than the server.
    pub configured: bool,
}

/// The right to send one request. It ends in [`Limiter::finished`] or [`Limiter::refund`], exactly once.
#[derive(Debug)]
pub struct Permit {
    serial: u64,
    cost: Cost,
    admitted: Time,
    place: Option<Place>,
    answered: bool,
    told: Told,
}

impl Permit {
    /// When its bytes went out.
    pub fn sent_at(&self) -> Option<Time> {
        self.place.map(|place| place.at)
    }

    /// What it is charged.
    pub fn cost(&self) -> Cost {
        self.cost
    }
}

/// What the headers of an answer said about the limits.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    /// Some limit could be read.
    any: bool,
    /// By dimension: less was left than the request cost.
    exhausted: [bool; 4],
}

/// A 429, or a 503 that says "slow down".
#[derive(Clone, Copy, Debug, Default)]
pub struct Refusal {
    /// What the server asked for, from the arrival of the answer, already capped by `max_retry_after_ms`.
    pub retry_after: Option<Duration>,
    /// The limit that the error text names.
    pub dimension: Option<Dimension>,
    /// It is the 503.
    pub slow_down: bool,
    /// The caller's own delay for this request's next retry, used when nothing else is known.
    pub backoff: Duration,
    /// From 0 to 1, drawn by the caller.
    pub chance: f64,
}

/// What holds the scope back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// Nothing.
    #[default]
    Nothing,
    /// The limit of requests, announced, configured or found.
    Requests,
    /// The limit of tokens.
    Tokens,
    /// A pause, or the first request after it.
    Pause,
    /// The scope is new and has not answered.
    SlowStart,
}

/// An announced limit as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DimensionState {
    /// The whole of it.
    pub limit: u64,
    /// Its period in seconds; a minute while nobody said.
    pub window_seconds: f64,
    /// The period is a guess.
    pub window_guessed: bool,
    /// What we think is left.
    pub level: f64,
    /// What the server refills a second.
    pub rate: f64,
    /// What of it others leave us.
    pub our_rate: f64,
}

/// A limit found from refusals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PaceState {
    /// Per second.
    pub rate: f64,
    /// At once.
    pub burst: f64,
    /// What we think is left of the burst.
    pub level: f64,
}

/// What statistics show of a scope.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LimiterState {
    /// Announced limits, by [`Dimension::index`].
    pub dimensions: [Option<DimensionState>; 4],
    /// The found limit of requests.
    pub request_pace: Option<PaceState>,
    /// The found limit of tokens.
    pub token_pace: Option<PaceState>,
    /// The end of the pause.
    pub paused_until: Option<Time>,
    /// How many requests may be unanswered while the scope is new.
    pub slow_start: Option<u64>,
    /// What held the last request back.
    pub binding: Binding,
    /// Requests admitted and not ended.
    pub in_flight: u64,
    /// Requests admitted so far.
    pub charged_requests: u64,
    /// Tokens charged so far.
    pub charged_tokens: u64,
    /// Tokens that answers say were used.
    pub used_tokens: u64,
}

/// The limits of one scope. See the module.
#[derive(Debug)]
pub struct Limiter {
    learn: bool,
    settings: Configured,
    own_requests: Option<Bucket>,
    own_tokens: Option<Bucket>,
    learned: [Option<Learned>; 4],
    request_pace: Pace,
    token_pace: Pace,
    pause: Pause,
    ledger: Ledger,
    /// While the scope is new: how many requests may be unanswered.
    window: Option<u64>,
    /// When a refusal last changed what we believe: those sent before are of the same event.
    reduced_at: Option<Time>,
    binding: Binding,
    used_tokens: u64,
    serial: u64,
}

impl Limiter {
    /// A scope of which only the user's limits are known. Without `learn` only those and the server's delays count.
    pub fn new(configured: Configured, learn: bool) -> Limiter {
        let mut limiter = Limiter {
            learn,
            settings: Configured::default(),
            own_requests: None,
            own_tokens: None,
            learned: Default::default(),
            request_pace: Pace::default(),
            token_pace: Pace::default(),
            pause: Pause::default(),
            ledger: Ledger::default(),
            window: learn.then_some(FIRST_WINDOW),
            reduced_at: None,
            binding: Binding::Nothing,
            used_tokens: 0,
            serial: 0,
        };
        limiter.configure(configured, learn, Time::ZERO);
        limiter
    }

    /// Takes new settings for everything not yet admitted. What was learned stays, unused while `learn` is off.
    pub fn configure(&mut self, configured: Configured, learn: bool, now: Time) {
        let Configured {
            requests_per_minute: requests,
            tokens_per_minute: tokens,
            burst,
        } = configured;
        if configured != self.settings {
            let capacity = if burst > 0 { burst } else { requests };
            resize(&mut self.own_requests, requests, capacity, now);
            resize(&mut self.own_tokens, tokens, tokens, now);
            self.settings = configured;
        }
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
        match leave {
            Leave::Paused(until) | Leave::Probing(until) => {
                return self.not_before(until, Binding::Pause);
            }
            _ => {}
        }
        if self
            .window
            .is_some_and(|window| self.ledger.awaiting() >= window)
        {
            self.binding = Binding::SlowStart;
            return Admit::Blocked;
        }
        let (wait, binding) = self.longest_wait(now, cost, leave == Leave::Probe);
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
        if !self.learn {
            return;
        }
        self.advance(now);
        self.observe(permit, place, now, snapshot, ok);
        if !ok {
            return;
        }
        for unit in [Unit::Requests, Unit::Tokens] {
            let known = self.known_rate(unit);
            self.pace(unit)
                .accepted(now, place.at, amount(permit.cost, unit), known);
        }
        if let Some(window) = self.window {
            let told = self.known_rate_is_told();
            // An answer without headers never teaches; a limit per day or an unreadable one may be followed by more.
            self.window = (snapshot.any && !told).then(|| window.saturating_mul(2));
        }
    }

    /// The answer, whose headers were reported before, was a refusal.
    pub fn refused(&mut self, permit: &mut Permit, now: Time, refusal: &Refusal) {
        let place = match self.answer(permit, now).or(permit.place) {
            Some(place) => place,
            None => return,
        };
        self.advance(now);
        let old = self.reduced_at.is_some_and(|reduced| place.at < reduced);
        if !old {
            self.reduced_at = Some(now);
        }
        // Sixty refusals of one event are spread as one, or the pause would be as long as the unluckiest draw.
        let chance = if old { 0.0 } else { refusal.chance };
        let own = if self.learn {
            self.learn_from_refusal(permit, place, now, refusal, old)
        } else {
            None
        };
        let delay = match refusal.retry_after {
            Some(asked) => asked + spread(asked, chance),
            None => own.unwrap_or(refusal.backoff),
        };
        self.pause
            .refused(now + delay, now.saturating_sub(place.at));
    }

    /// The request ended, however it ended.
    pub fn finished(&mut self, mut permit: Permit, now: Time) {
        if !permit.answered {
            self.answer(&mut permit, now);
            self.pause.withdrawn(permit.serial, now);
        }
        self.ledger.finish();
    }

    /// The request ended before a byte of it was written.
    pub fn refund(&mut self, mut permit: Permit, now: Time) {
        if permit.place.is_none() {
            self.ledger.answer(None, now);
            permit.answered = true;
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

    /// When the answer to [`Limiter::admit`] may change without an outcome: the end of the pause.
    pub fn next_change(&self, now: Time) -> Option<Time> {
        match self.pause.leave(now) {
            Leave::Paused(at) | Leave::Probing(at) | Leave::Pacing(at) => Some(at),
            _ => None,
        }
    }

    /// The least time until a request of this cost, behind others that cost `ahead` together, can go: what is certain,
    /// without what is only found or kept in reserve. A deadline before that cannot be met.
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
        let own = [
            (&self.own_requests, Unit::Requests),
            (&self.own_tokens, Unit::Tokens),
        ]
        .into_iter()
        .filter_map(|(bucket, unit)| {
            let bucket = bucket.as_ref()?;
            Some(super::bucket::wait(need(unit) - bucket.level, bucket.rate))
        });
        let learned = self
            .announced()
            .map(|(dimension, learned)| learned.least_wait(need(dimension.unit())));
        own.chain(learned).fold(paused, Duration::max)
    }

    /// What statistics show.
    pub fn state(&mut self, now: Time) -> LimiterState {
        self.advance(now);
        let (charged_requests, charged_tokens) = self.ledger.charged();
        LimiterState {
            dimensions: self.learned.each_ref().map(|learned| {
                learned.as_ref().map(|learned| DimensionState {
                    limit: learned.limit(),
                    window_seconds: learned.window().seconds(),
                    window_guessed: learned.window().is_guess(),
                    level: learned.level(),
                    rate: learned.rate(),
                    our_rate: learned.our_rate(),
                })
            }),
            request_pace: pace_state(&self.request_pace),
            token_pace: pace_state(&self.token_pace),
            paused_until: self.pause.until(now),
            slow_start: self.window,
            binding: self.binding,
            in_flight: self.ledger.in_flight(),
            charged_requests,
            charged_tokens,
            used_tokens: self.used_tokens,
        }
    }

    fn not_before(&mut self, at: Time, binding: Binding) -> Admit {
        self.binding = binding;
        Admit::At(at)
    }

    fn never(&self, cost: Cost) -> Option<Never> {
        let own = self.settings.tokens_per_minute;
        if own > 0 && cost.tokens > own {
            return Some(Never {
                dimension: Dimension::Tokens,
                limit: own,
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

    fn advance(&mut self, now: Time) {
        for bucket in [&mut self.own_requests, &mut self.own_tokens]
            .into_iter()
            .flatten()
        {
            bucket.advance(now);
        }
        for learned in self.learned.iter_mut().flatten() {
            learned.advance(now);
        }
        let (requests, tokens) = (
            self.known_rate(Unit::Requests),
            self.known_rate(Unit::Tokens),
        );
        self.request_pace.advance(now, requests);
        self.token_pace.advance(now, tokens);
    }

    /// The announced limits, while we go by them.
    fn announced(&self) -> impl Iterator<Item = (Dimension, &Learned)> {
        Dimension::ALL
            .into_iter()
            .zip(&self.learned)
            .filter(|_| self.learn)
            .filter_map(|(dimension, learned)| Some((dimension, learned.as_ref()?)))
    }

    fn longest_wait(&self, now: Time, cost: Cost, probe: bool) -> (Duration, Binding) {
        let own_requests = self.own_requests.as_ref().map(|own| own.wait_for(1.0, 0.0));
        let own_tokens = self
            .own_tokens
            .as_ref()
            .map(|own| own.wait_for(cost.tokens as f64, 0.0));
        let mut waits = [
            (own_requests.unwrap_or_default(), Binding::Requests),
            (own_tokens.unwrap_or_default(), Binding::Tokens),
        ]
        .into_iter()
        .chain(self.announced().map(|(dimension, learned)| {
            let unit = dimension.unit();
            (learned.wait_for(now, amount(cost, unit)), binding(unit))
        }))
        .fold((Duration::ZERO, Binding::Nothing), longer);
        // The first request after a pause asks whether the found limit still holds, so it does not wait for it.
        if self.learn && !probe {
            for (pace, unit) in [
                (&self.request_pace, Unit::Requests),
                (&self.token_pace, Unit::Tokens),
            ] {
                waits = longer(waits, (pace.wait_for(amount(cost, unit)), binding(unit)));
            }
        }
        waits
    }

    /// Time until a burst may grow beyond what was ever accepted.
    fn unproven_wait(&self, now: Time, cost: Cost) -> (Duration, Binding) {
        [
            (&self.request_pace, Unit::Requests),
            (&self.token_pace, Unit::Tokens),
        ]
        .into_iter()
        .filter_map(|(pace, unit)| {
            let (known, _) = self.announced_rate(unit)?;
            let wait = pace.unproven_wait(now, amount(cost, unit), known);
            Some((wait, binding(unit)))
        })
        .fold((Duration::ZERO, Binding::Nothing), longer)
    }

    /// The announced rate and what is left, of the limit with the least left.
    fn announced_rate(&self, unit: Unit) -> Option<(f64, f64)> {
        self.announced()
            .filter(|(dimension, _)| dimension.unit() == unit)
            .map(|(_, learned)| (learned.rate(), learned.level()))
            .min_by(|a, b| a.1.total_cmp(&b.1))
    }

    fn charge(&mut self, now: Time, cost: Cost, leave: Leave) -> Permit {
        for (own, unit) in [
            (&mut self.own_requests, Unit::Requests),
            (&mut self.own_tokens, Unit::Tokens),
        ] {
            if let Some(own) = own {
                own.take(amount(cost, unit));
            }
        }
        for (dimension, learned) in Dimension::ALL.into_iter().zip(&mut self.learned) {
            if let Some(learned) = learned {
                learned.take(amount(cost, dimension.unit()));
            }
        }
        for unit in [Unit::Requests, Unit::Tokens] {
            let (known, level) = self.announced_rate(unit).unzip();
            self.pace(unit).take(now, amount(cost, unit), known, level);
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
        if let Some(own) = &mut self.own_requests {
            own.give_back(1.0);
        }
        if let Some(own) = &mut self.own_tokens {
            own.give_back(cost.tokens as f64);
        }
        for (dimension, learned) in Dimension::ALL.into_iter().zip(&mut self.learned) {
            if let Some(learned) = learned {
                learned.give_back(amount(cost, dimension.unit()));
            }
        }
        self.request_pace.give_back(1.0);
        self.token_pace.give_back(cost.tokens as f64);
    }

    /// The longest time to one more request from empty buckets: an even pace.
    fn interval(&self, cost: Cost) -> Duration {
        let own = [
            (&self.own_requests, 1.0),
            (&self.own_tokens, cost.tokens as f64),
        ]
        .into_iter()
        .filter_map(|(own, amount)| Some(super::bucket::wait(amount, own.as_ref()?.rate)));
        let learned = self
            .announced()
            .filter(|(_, learned)| !learned.window().is_a_day())
            .map(|(dimension, learned)| learned.interval(amount(cost, dimension.unit())));
        let found = [
            self.request_pace.interval(1.0),
            self.token_pace.interval(cost.tokens as f64),
        ];
        own.chain(learned)
            .chain(found.into_iter().flatten())
            .max()
            .unwrap_or_default()
    }

    /// The headers of this request are here, or never will be. `None` when that was known.
    fn answer(&mut self, permit: &mut Permit, now: Time) -> Option<Place> {
        if std::mem::replace(&mut permit.answered, true) {
            return None;
        }
        let admitted = permit.admitted;
        let place = *permit
            .place
            .get_or_insert_with(|| self.ledger.send(permit.cost, admitted));
        self.ledger.answer(Some(place), now);
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
        self.pause.answered(permit.serial, now);
        let counted = snapshot
            .processing
            .and_then(|processing| now.checked_sub(processing));
        let since = self.ledger.since(place);
        let overtaken = self.ledger.overtaken_by(place);
        for dimension in Dimension::ALL {
            let unit = dimension.unit();
            let reading = &snapshot.readings[dimension.index()];
            let cost = amount(permit.cost, unit);
            let (Some(limit), Some(remaining)) = (reading.limit, reading.remaining) else {
                continue;
            };
            if remaining > limit {
                continue;
            }
            permit.told.any = true;
            let exhausted = !ok && (remaining as f64) < cost.max(1.0);
            permit.told.exhausted[dimension.index()] = exhausted;
            let answered = Answered {
                place,
                date: counted.map_or(place.at, |counted| counted.max(place.at)),
                cost,
                refused: exhausted,
                accepted: ok,
                since: since.of(unit),
                overtaken: overtaken.of(unit),
            };
            let slot = &mut self.learned[dimension.index()];
            Learned::observe(slot, unit, now, reading, &answered);
        }
    }

    /// Finds out what a refusal was for, and takes the consequence once per event. Returns the time to one permit.
    fn learn_from_refusal(
        &mut self,
        permit: &Permit,
        place: Place,
        now: Time,
        refusal: &Refusal,
        old: bool,
    ) -> Option<Duration> {
        let since = self.ledger.since(place);
        if refusal.slow_down {
            if !old {
                let known = self.known_rate(Unit::Requests);
                let refused = Refused {
                    sent: place.at,
                    order: place.order,
                    cost: 1.0,
                    since: since.of(Unit::Requests),
                };
                self.request_pace.slow_down(now, &refused, known);
            }
            return None;
        }
        self.window = None;
        let empty = if permit.told.any {
            permit.told.exhausted
        } else {
            self.likely_empty(permit.cost, refusal.dimension)
        };
        if empty.contains(&true) {
            let mut own = Duration::ZERO;
            for (dimension, learned) in Dimension::ALL.into_iter().zip(&mut self.learned) {
                let (Some(learned), true) = (learned, empty[dimension.index()]) else {
                    continue;
                };
                let cost = amount(permit.cost, dimension.unit());
                if !permit.told.any {
                    learned.was_empty(now, place.at, since.of(dimension.unit()));
                }
                if !old {
                    learned.surprised(now, cost);
                }
                own = own
                    .max(learned.wait_for(now, cost))
                    .max(learned.interval(cost));
            }
            return Some(own);
        }
        let unit = refusal.dimension.map_or(Unit::Requests, Dimension::unit);
        let cost = amount(permit.cost, unit);
        let known = self.known_rate(unit);
        let refused = Refused {
            sent: place.at,
            order: place.order,
            cost,
            since: since.of(unit),
        };
        let pace = self.pace(unit);
        if old {
            pace.refused_again(&refused);
        } else {
            pace.refused(now, &refused, known);
        }
        let announced = known.is_some();
        let own = self.pace(unit).interval(cost);
        // A pace that is only measured is no promise of the server.
        own.filter(|_| announced)
    }

    /// The announced limits that may explain a refusal without headers: the one it names, else those nearly spent.
    fn likely_empty(&self, cost: Cost, named: Option<Dimension>) -> [bool; 4] {
        let mut empty = [false; 4];
        for (dimension, learned) in self.announced() {
            let spent = learned.level() < amount(cost, dimension.unit()) * 2.0;
            empty[dimension.index()] = spent && named.is_none_or(|named| named == dimension);
        }
        empty
    }

    /// The announced or configured rate, where one says anything about the pace.
    fn known_rate(&self, unit: Unit) -> Option<f64> {
        let own = match unit {
            Unit::Requests => &self.own_requests,
            Unit::Tokens => &self.own_tokens,
        };
        self.announced()
            .filter(|(dimension, learned)| dimension.unit() == unit && !learned.window().is_a_day())
            .map(|(_, learned)| learned.rate())
            .chain(own.as_ref().map(|own| own.rate))
            .min_by(f64::total_cmp)
    }

    fn known_rate_is_told(&self) -> bool {
        self.announced()
            .any(|(_, learned)| !learned.window().is_a_day())
    }

    fn pace(&mut self, unit: Unit) -> &mut Pace {
        match unit {
            Unit::Requests => &mut self.request_pace,
            Unit::Tokens => &mut self.token_pace,
        }
    }
}

fn amount(cost: Cost, unit: Unit) -> f64 {
    match unit {
        Unit::Requests => 1.0,
        Unit::Tokens => cost.tokens as f64,
    }
}

fn binding(unit: Unit) -> Binding {
    match unit {
        Unit::Requests => Binding::Requests,
        Unit::Tokens => Binding::Tokens,
    }
}

fn longer(a: (Duration, Binding), b: (Duration, Binding)) -> (Duration, Binding) {
    if b.0 > a.0 { b } else { a }
}

/// Makes a configured bucket what the settings now say. One that was not there starts full; one that was keeps its
/// debts.
fn resize(slot: &mut Option<Bucket>, per_minute: u64, capacity: u64, now: Time) {
    if per_minute == 0 {
        *slot = None;
        return;
    }
    let (rate, capacity) = (per_minute as f64 / 60.0, capacity as f64);
    match slot {
        Some(bucket) => {
            bucket.advance(now);
            bucket.rate = rate;
            bucket.capacity = capacity;
        }
        None => *slot = Some(Bucket::new(capacity, rate, capacity, now)),
    }
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

fn pace_state(pace: &Pace) -> Option<PaceState> {
    Some(PaceState {
        rate: pace.rate()?,
        burst: pace.burst()?,
        level: pace.level()?,
    })
}
