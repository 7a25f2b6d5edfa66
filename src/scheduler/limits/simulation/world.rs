//! The event loop: clients with a queue and a number of slots, one server, a virtual clock.
//!
//! A client does what the scheduler does, and no more: it asks the breaker and the limiter for the head of its queue,
//! puts a refused request back at the head, and lets a failed one wait out its backoff.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderName, HeaderValue};

use super::super::{Admit, Cost, Limiter, Permit, Refusal, Snapshot, Time};
use super::Chance;
use super::server::{EPOCH, Server, Verdict};
use super::setting::{Client, Outcome, Setting};
use crate::scheduler::breaker::{Allow, Breaker, BreakerState, Ticket};
use crate::scheduler::retry_after;

struct Job {
    tokens: u64,
    refusals: u32,
    failures: i32,
}

struct Flight {
    client: usize,
    job: Job,
    permit: Permit,
    ticket: Option<Ticket>,
}

enum Event {
    Pump(usize),
    Wave(usize),
    Depart(Box<Flight>),
    Arrive(Box<Flight>),
    Answer(Box<Flight>, Verdict, Health),
    Return(usize, Job),
    Change(u64),
    Stall(Party),
}

/// Who stands still: the server, or a client by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Party {
    Server,
    Client(usize),
}

impl Event {
    /// Who has to see to it.
    fn party(&self) -> Option<Party> {
        match self {
            Event::Arrive(_) => Some(Party::Server),
            Event::Pump(client) | Event::Wave(client) | Event::Return(client, _) => {
                Some(Party::Client(*client))
            }
            Event::Depart(flight) | Event::Answer(flight, ..) => Some(Party::Client(flight.client)),
            Event::Change(_) | Event::Stall(_) => None,
        }
    }
}

/// How the server is doing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Health {
    Up,
    Failing,
    SlowDown,
}

struct Actor {
    spec: Client,
    limiter: Limiter,
    breaker: Option<Breaker>,
    queue: VecDeque<Job>,
    /// Requests that have not come yet.
    later: VecDeque<Job>,
    in_flight: usize,
    connections: usize,
    /// The wake-up already arranged.
    wakes: Option<f64>,
}

struct World {
    now: f64,
    events: BinaryHeap<Reverse<(Due, u64)>>,
    /// Events by number, so that the heap stays small.
    store: HashMap<u64, Event>,
    next: u64,
    actors: Vec<Actor>,
    server: Server,
    /// Until when each stands still.
    stalled: HashMap<Party, f64>,
    setting: Setting,
    chance: Chance,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq)]
struct Due(f64);

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Due) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// Runs it to its end.
pub fn run(setting: &Setting) -> Outcome {
    let mut chance = Chance(setting.seed);
    let actors = setting
        .clients
        .iter()
        .map(|spec| Actor::new(spec, &mut chance));
    let actors = actors.collect();
    let mut world = World {
        now: 0.0,
        events: BinaryHeap::new(),
        store: HashMap::new(),
        stalled: HashMap::new(),
        next: 0,
        actors,
        server: setting.server.clone(),
        setting: setting.clone(),
        chance,
        outcome: Outcome::default(),
    };
    for (client, spec) in setting.clients.iter().enumerate() {
        world.schedule(spec.starts, Event::Wave(client));
    }
    if setting.stalls.is_some() {
        world.stall(Party::Server);
        (0..setting.clients.len()).for_each(|client| world.stall(Party::Client(client)));
    }
    for (at, limit) in &setting.changes {
        world.schedule(*at, Event::Change(*limit));
    }
    while let Some(Reverse((due, number))) = world.events.pop() {
        if due.0 > setting.ends {
            break;
        }
        world.now = due.0;
        let event = world.store.remove(&number).expect("each event comes once");
        world.step(event);
    }
    world.outcome
}

impl Actor {
    fn new(spec: &Client, chance: &mut Chance) -> Actor {
        let (low, high) = (spec.tokens.0 as f64, spec.tokens.1 as f64 + 1.0);
        let breaker = spec
            .breaker
            .map(|(failures, reset)| Breaker::new(failures, Duration::from_secs_f64(reset)));
        Actor {
            spec: spec.clone(),
            limiter: Limiter::new(spec.configured, spec.learn),
            breaker,
            queue: VecDeque::new(),
            later: (0..spec.requests)
                .map(|_| Job {
                    tokens: chance.between(low, high) as u64,
                    refusals: 0,
                    failures: 0,
                })
                .collect(),
            in_flight: 0,
            connections: 0,
            wakes: None,
        }
    }

    fn has_work(&self) -> bool {
        self.in_flight > 0 || !self.queue.is_empty() || !self.later.is_empty()
    }
}

impl World {
    fn time(&self) -> Time {
        Duration::from_secs_f64(self.now)
    }

    fn schedule(&mut self, at: f64, event: Event) {
        self.next += 1;
        self.store.insert(self.next, event);
        self.events
            .push(Reverse((Due(at.max(self.now)), self.next)));
    }

    /// Arranges the next time that somebody stands still.
    fn stall(&mut self, party: Party) {
        let (mean, _) = self.setting.stalls.unwrap_or_default();
        let next = self.now - mean * (1.0 - self.chance.share()).ln();
        self.schedule(next, Event::Stall(party));
    }

    fn step(&mut self, event: Event) {
        let party = event.party();
        let stalled = party.and_then(|party| self.stalled.get(&party));
        if let Some(until) = stalled.filter(|until| **until > self.now) {
            return self.schedule(*until, event);
        }
        match event {
            Event::Pump(client) => {
                // An earlier wake-up was arranged since: this one is stale.
                if self.actors[client]
                    .wakes
                    .is_some_and(|wakes| wakes > self.now)
                {
                    return;
                }
                self.actors[client].wakes = None;
                self.pump(client);
            }
            Event::Wave(client) => {
                let actor = &mut self.actors[client];
                let (size, every) = actor.spec.waves.unwrap_or((usize::MAX, f64::INFINITY));
                let size = size.min(actor.later.len());
                actor.queue.extend(actor.later.drain(..size));
                if !actor.later.is_empty() {
                    self.schedule(self.now + every, Event::Wave(client));
                }
                self.pump(client);
            }
            Event::Depart(flight) => self.depart(flight),
            Event::Arrive(flight) => self.arrive(flight),
            Event::Answer(flight, verdict, health) => self.answer(*flight, verdict, health),
            Event::Return(client, job) => {
                self.actors[client].queue.push_front(job);
                self.pump(client);
            }
            Event::Stall(party) => {
                let (_, longest) = self.setting.stalls.unwrap_or_default();
                let until = self.now + self.chance.between(0.0, longest);
                self.stalled.insert(party, until);
                if self.actors.iter().any(Actor::has_work) {
                    self.stall(party);
                }
            }
            Event::Change(limit) => {
                let now = self.now;
                if let Some(tank) = &mut self.server.requests {
                    tank.change(now, limit);
                }
            }
        }
    }

    /// Sends whatever may go.
    fn pump(&mut self, client: usize) {
        let now = self.time();
        loop {
            let actor = &mut self.actors[client];
            if actor.in_flight >= actor.spec.slots {
                return;
            }
            let Some(job) = actor.queue.front() else {
                return;
            };
            match actor.breaker.as_ref().map(Breaker::state) {
                Some(BreakerState::Open { until }) if now < until => {
                    return self.wake(client, until);
                }
                Some(BreakerState::HalfOpen) => return,
                _ => {}
            }
            let tokens = (job.tokens as f64 * actor.spec.estimate).ceil() as u64;
            let permit = match actor.limiter.admit(now, Cost { tokens }) {
                Admit::Go(permit) => permit,
                Admit::At(at) => return self.wake(client, at),
                Admit::Blocked => return,
                Admit::Never(never) => panic!("{never:?}"),
            };
            self.send(client, permit);
        }
    }

    fn send(&mut self, client: usize, permit: Permit) {
        let now = self.time();
        let actor = &mut self.actors[client];
        let ticket = actor
            .breaker
            .as_mut()
            .map(|breaker| match breaker.allow(now) {
                Allow::Go(ticket) => ticket,
                other => panic!("its state allowed it: {other:?}"),
            });
        actor.in_flight += 1;
        self.outcome.most_in_flight = self.outcome.most_in_flight.max(actor.in_flight);
        let job = actor.queue.pop_front().expect("the head was admitted");
        let flight = Box::new(Flight {
            client,
            job,
            permit,
            ticket,
        });
        if actor.in_flight > actor.connections {
            actor.connections = actor.in_flight;
            let (low, high) = self.setting.connecting;
            let opening = self.chance.between(low, high);
            return self.schedule(self.now + opening, Event::Depart(flight));
        }
        self.depart(flight);
    }

    fn depart(&mut self, mut flight: Box<Flight>) {
        let now = self.time();
        let limiter = &mut self.actors[flight.client].limiter;
        limiter.sent(&mut flight.permit, now);
        let (low, high) = self.setting.timing.wire;
        let wire = self.chance.between(low, high);
        self.schedule(self.now + wire, Event::Arrive(flight));
    }

    fn wake(&mut self, client: usize, at: Time) {
        let timer = self.setting.timing.timer;
        let exact = at.as_secs_f64();
        let mut at = if timer > 0.0 {
            (exact / timer).ceil() * timer
        } else {
            exact
        };
        if at <= self.now {
            at = self.now + timer.max(1e-9);
        }
        if self.actors[client].wakes.is_none_or(|wakes| at < wakes) {
            self.actors[client].wakes = Some(at);
            self.schedule(at, Event::Pump(client));
        }
    }

    fn arrive(&mut self, flight: Box<Flight>) {
        let timing = self.setting.timing;
        let back = self.chance.between(timing.wire.0, timing.wire.1);
        let work = self.chance.between(timing.work.0, timing.work.1);
        let health = self.state_of_the_server();
        if health != Health::Up {
            let event = Event::Answer(flight, Verdict::default(), health);
            return self.schedule(self.now + back, event);
        }
        let mut verdict = self.server.ask(self.now, flight.job.tokens);
        self.outcome.accepted += usize::from(!verdict.refused);
        let work = if verdict.refused {
            timing.refusal
        } else {
            work
        };
        if self.setting.tells_processing {
            let told = ("openai-processing-ms", format!("{}", (work * 1e3) as u64));
            verdict.headers.push(told);
        }
        self.schedule(
            self.now + work + back,
            Event::Answer(flight, verdict, Health::Up),
        );
    }

    fn state_of_the_server(&mut self) -> Health {
        let setting = &mut self.setting;
        if setting
            .outage
            .is_some_and(|(from, to)| (from..to).contains(&self.now))
        {
            self.outcome.into_outage.push(self.now);
            Health::Failing
        } else if setting.slow_down.take_if(|at| *at <= self.now).is_some() {
            Health::SlowDown
        } else {
            Health::Up
        }
    }

    fn answer(&mut self, mut flight: Flight, verdict: Verdict, health: Health) {
        let now = self.time();
        let client = flight.client;
        let actor = &mut self.actors[client];
        let told = verdict.headers.iter();
        let snapshot = Snapshot::read(told.map(|(name, value)| (*name, value.as_bytes())));
        let ok = !verdict.refused && health == Health::Up;
        actor
            .limiter
            .headers(&mut flight.permit, now, &snapshot, ok);
        if verdict.refused || health == Health::SlowDown {
            flight.job.refusals += 1;
            let refusal = Refusal {
                retry_after: asked(&verdict, self.now),
                dimension: None,
                slow_down: health == Health::SlowDown,
                backoff: backoff(flight.job.refusals as i32 - 1),
                chance: self.chance.share(),
            };
            actor.limiter.refused(&mut flight.permit, now, &refusal);
        }
        if let (Some(breaker), Some(ticket)) = (&mut actor.breaker, flight.ticket) {
            if health != Health::Up {
                flight.job.failures -= i32::from(ticket.is_probe());
                breaker.failed(ticket, now, None);
            } else if verdict.refused {
                breaker.refused(ticket);
            } else {
                breaker.succeeded(ticket);
            }
        }
        actor.limiter.finished(flight.permit, now);
        actor.in_flight -= 1;

        let outcome = &mut self.outcome;
        let mut job = flight.job;
        if ok {
            outcome.done += 1;
            outcome.tokens += job.tokens;
            outcome.took = self.now;
        } else if verdict.refused {
            outcome.refused += 1;
            outcome.most_refusals = outcome.most_refusals.max(job.refusals);
            actor.queue.push_front(job);
        } else {
            outcome.failed += 1;
            let delay = backoff(job.failures).as_secs_f64();
            job.failures += 1;
            self.schedule(self.now + delay, Event::Return(client, job));
        }
        self.pump(client);
    }
}

/// What a refusal asks for, read as the scheduler reads it.
fn asked(verdict: &Verdict, now: f64) -> Option<Duration> {
    let told = verdict.headers.iter().map(|(name, value)| {
        let value = HeaderValue::from_str(value).expect("a header's value");
        (HeaderName::from_static(name), value)
    });
    let clock = UNIX_EPOCH + EPOCH + Duration::from_secs_f64(now);
    retry_after::requested(&told.collect(), "", clock)
}

/// Rule 4 with its defaults and without jitter.
fn backoff(n: i32) -> Duration {
    Duration::from_secs_f64(2f64.powi(n.max(0)).min(16.0))
}
