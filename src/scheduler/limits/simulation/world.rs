//! The event loop: clients with a queue and a number of slots, one server, a virtual clock.
//!
//! A client does what the scheduler does, and no more: it asks the breaker and the limiter for the head of its queue,
//! puts a refused request back at the head, and lets a failed one wait out its backoff.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::super::{Admit, Configured, Cost, Limiter, Permit, Refusal, Snapshot, Time};
use super::Chance;
use super::server::{Server, Verdict};
use crate::scheduler::breaker::{Allow, Breaker, BreakerState, Ticket};

/// How long things take, in seconds; each is drawn evenly between the two.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Each way.
    pub wire: (f64, f64),
    /// From the arrival of a request to its answer's headers.
    pub work: (f64, f64),
    /// The same of a refusal.
    pub refusal: f64,
    /// The clients' timers are this coarse.
    pub timer: f64,
}

impl Timing {
    /// An answer after so many seconds, of which at most 20 ms on the wire.
    pub fn answer_in(seconds: f64) -> Timing {
        let wire = (seconds / 2.0).min(0.01);
        Timing {
            wire: (wire, wire),
            work: (seconds - 2.0 * wire, seconds - 2.0 * wire),
            refusal: 0.0,
            timer: 0.001,
        }
    }

    /// The same, but uneven: the wire by a half, the work by a half of itself each way.
    pub fn uneven(seconds: f64) -> Timing {
        let even = Timing::answer_in(seconds);
        Timing {
            wire: (even.wire.0, even.wire.0 * 1.5),
            work: (even.work.0 * 0.5, even.work.0 * 1.5),
            ..even
        }
    }
}

#[derive(Clone, Debug)]
pub struct Client {
    pub configured: Configured,
    pub learn: bool,
    pub requests: usize,
    /// Tokens of each request, drawn evenly.
    pub tokens: (u64, u64),
    /// What the client thinks that they cost, as a share of what the server charges.
    pub estimate: f64,
    pub slots: usize,
    pub starts: f64,
    /// So many requests come each so many seconds, rather than all at the start.
    pub waves: Option<(usize, f64)>,
    /// Failures and reset.
    pub breaker: Option<(u32, f64)>,
}

impl Client {
    pub fn of(requests: usize) -> Client {
        Client {
            configured: Configured::default(),
            learn: true,
            requests,
            tokens: (1, 1),
            estimate: 1.0,
            slots: 64,
            starts: 0.0,
            waves: None,
            breaker: None,
        }
    }
}

/// Everything that a run needs.
#[derive(Clone, Debug)]
pub struct Setting {
    pub server: Server,
    pub clients: Vec<Client>,
    pub timing: Timing,
    /// At those times the limit of requests changes.
    pub changes: Vec<(f64, u64)>,
    /// Between those times every answer is a 503.
    pub outage: Option<(f64, f64)>,
    /// At that time one answer is a 503 that says "slow down".
    pub slow_down: Option<f64>,
    /// Answers tell `openai-processing-ms`.
    pub tells_processing: bool,
    pub seed: u64,
    /// The run ends here even if requests are left.
    pub ends: f64,
}

impl Setting {
    pub fn new(server: Server, clients: Vec<Client>, timing: Timing) -> Setting {
        Setting {
            server,
            clients,
            timing,
            changes: Vec::new(),
            outage: None,
            slow_down: None,
            tells_processing: false,
            seed: 1,
            ends: f64::INFINITY,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// When the last request was answered.
    pub took: f64,
    pub done: usize,
    /// Let through by the server, done or not.
    pub accepted: usize,
    pub refused: usize,
    pub failed: usize,
    /// Tokens of the requests done.
    pub tokens: u64,
    /// When attempts were sent that met the outage.
    pub into_outage: Vec<f64>,
    /// Most in flight of one client.
    pub most_in_flight: usize,
    /// The most often that one request was refused.
    pub most_refusals: u32,
}

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
    Arrive(Box<Flight>),
    Answer(Box<Flight>, Verdict, Health),
    Return(usize, Job),
    Change(u64),
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
    /// The wake-up already arranged.
    wakes: Option<f64>,
}

struct World {
    now: f64,
    events: BinaryHeap<Reverse<(Due, u64)>>,
    /// Events by number, so that the heap stays small.
    store: std::collections::HashMap<u64, Event>,
    next: u64,
    actors: Vec<Actor>,
    server: Server,
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
        store: Default::default(),
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
            wakes: None,
        }
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

    fn step(&mut self, event: Event) {
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
            Event::Arrive(flight) => self.arrive(flight),
            Event::Answer(flight, verdict, health) => self.answer(*flight, verdict, health),
            Event::Return(client, job) => {
                self.actors[client].queue.push_front(job);
                self.pump(client);
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

    fn send(&mut self, client: usize, mut permit: Permit) {
        let now = self.time();
        let actor = &mut self.actors[client];
        let ticket = actor
            .breaker
            .as_mut()
            .map(|breaker| match breaker.allow(now) {
                Allow::Go(ticket) => ticket,
                other => panic!("its state allowed it: {other:?}"),
            });
        actor.limiter.sent(&mut permit, now);
        actor.in_flight += 1;
        self.outcome.most_in_flight = self.outcome.most_in_flight.max(actor.in_flight);
        let job = actor.queue.pop_front().expect("the head was admitted");
        let (low, high) = self.setting.timing.wire;
        let wire = self.chance.between(low, high);
        let flight = Flight {
            client,
            job,
            permit,
            ticket,
        };
        self.schedule(self.now + wire, Event::Arrive(Box::new(flight)));
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
        let snapshot = Snapshot::read(told.map(|(name, value)| (*name, value.as_str())));
        let ok = !verdict.refused && health == Health::Up;
        actor
            .limiter
            .headers(&mut flight.permit, now, &snapshot, ok);
        if verdict.refused || health == Health::SlowDown {
            flight.job.refusals += 1;
            let refusal = Refusal {
                retry_after: verdict.retry_after,
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

/// Rule 4 with its defaults and without jitter.
fn backoff(n: i32) -> Duration {
    Duration::from_secs_f64(2f64.powi(n.max(0)).min(16.0))
}
