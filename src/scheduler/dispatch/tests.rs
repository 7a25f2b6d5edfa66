//! The scheduler as a whole, on a paused clock and with a transport that follows a script.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::*;
use crate::completion::{EventQueue, Kind, Waiter};
use crate::scheduler::job::Expect;
use crate::scheduler::policy::tests::policy;
use crate::transport::{Answer, Body, Call, Content, Failure, FailureKind, Parts, Watcher};

mod basics;
mod cancel;
mod cost;
mod fallbacks;
mod limits;
mod retries;
mod streams;
mod tokens;
mod unread;

/// What the script says to one attempt.
enum Step {
    Answer {
        after: u64,
        status: u16,
        headers: Vec<(&'static str, &'static str)>,
        body: &'static str,
    },
    Fail {
        after: u64,
        kind: FailureKind,
        sent: bool,
    },
    Panic,
    Hang,
    Stream(Vec<Part>),
}

enum Part {
    Bytes(&'static str),
    Pause(u64),
    Lost,
    Hang,
}

fn ok() -> Step {
    ok_after(0)
}

fn ok_after(after: u64) -> Step {
    Step::Answer {
        after,
        status: 200,
        headers: vec![],
        body: "{}",
    }
}

fn status(status: u16) -> Step {
    Step::Answer {
        after: 0,
        status,
        headers: vec![],
        body: "",
    }
}

fn rate_limited(retry_after: &'static str) -> Step {
    Step::Answer {
        after: 0,
        status: 429,
        headers: vec![("retry-after", retry_after)],
        body: "",
    }
}

#[derive(Default)]
struct Script {
    steps: Mutex<VecDeque<Step>>,
    /// When each attempt began, in milliseconds, and its path.
    seen: Mutex<Vec<(u64, String)>>,
    bodies: Mutex<Vec<String>>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
    epoch: Mutex<Option<Instant>>,
}

struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Transport for Script {
    fn has_own_key(&self, call: &Call) -> bool {
        !call.headers.is_empty()
    }

    fn send<'a>(
        &'a self,
        call: &'a Call,
        _: u32,
        watcher: &'a Arc<dyn Watcher>,
    ) -> BoxFuture<'a, std::result::Result<Answer, Failure>> {
        Box::pin(async move {
            let now = Instant::now();
            let epoch = *lock(&self.epoch).get_or_insert(now);
            lock(&self.seen).push(((now - epoch).as_millis() as u64, call.path.to_string()));
            let body = String::from_utf8_lossy(call.body.json()).into_owned();
            lock(&self.bodies).push(body);
            let running = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_in_flight.fetch_max(running, Ordering::SeqCst);
            let _flight = InFlight(&self.in_flight);
            // Whoever has no step of the script left is answered after a while.
            let step = lock(&self.steps)
                .pop_front()
                .unwrap_or_else(|| ok_after(10));
            if !matches!(step, Step::Fail { sent: false, .. }) {
                watcher.sent();
            }
            match step {
                Step::Answer {
                    after,
                    status,
                    headers,
                    body,
                } => {
                    tokio::time::sleep(Duration::from_millis(after)).await;
                    let mut map = HeaderMap::new();
                    for (name, value) in headers {
                        map.insert(
                            HeaderName::from_static(name),
                            HeaderValue::from_static(value),
                        );
                    }
                    watcher.answered(status, &map);
                    Ok(Answer {
                        status,
                        headers: map,
                        body: Body::Whole(body.into()),
                    })
                }
                Step::Fail { after, kind, .. } => {
                    tokio::time::sleep(Duration::from_millis(after)).await;
                    Err(Failure::new(kind, "scripted"))
                }
                Step::Panic => panic!("scripted"),
                Step::Hang => std::future::pending().await,
                Step::Stream(parts) => Ok(Answer {
                    status: 200,
                    headers: HeaderMap::new(),
                    body: Body::Stream(Box::new(Parted(parts.into()))),
                }),
            }
        })
    }
}

struct Parted(VecDeque<Part>);

impl Parts for Parted {
    fn next(&mut self) -> BoxFuture<'_, Option<std::result::Result<Bytes, Failure>>> {
        Box::pin(async {
            loop {
                match self.0.pop_front() {
                    None => return None,
                    Some(Part::Bytes(text)) => {
                        return Some(Ok(Bytes::from_static(text.as_bytes())));
                    }
                    Some(Part::Pause(ms)) => tokio::time::sleep(Duration::from_millis(ms)).await,
                    Some(Part::Lost) => {
                        return Some(Err(Failure::new(FailureKind::Lost, "scripted")));
                    }
                    Some(Part::Hang) => std::future::pending().await,
                }
            }
        })
    }
}

struct Bench {
    script: Arc<Script>,
    policy: Arc<Current<Policy>>,
    scheduler: Arc<Scheduler>,
    tokens: Arc<Tokens>,
    queue: Arc<EventQueue>,
    ids: AtomicU64,
}

/// An event as the tests look at it.
#[derive(Debug, PartialEq)]
enum Seen {
    Chunk(u64, String),
    Done(u64, status::Status),
}

impl Bench {
    fn new(policy: Policy, steps: Vec<Step>) -> Bench {
        let script = Arc::new(Script {
            steps: Mutex::new(steps.into()),
            ..Script::default()
        });
        *lock(&script.epoch) = Some(Instant::now());
        // A scope of its own: limits are shared by all who have the same key.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let identity = NEXT.fetch_add(1, Ordering::SeqCst);
        let policy = Current::new(Policy { identity, ..policy });
        let tokens = Tokens::new(|| NEXT.fetch_add(1, Ordering::SeqCst));
        let scheduler = Scheduler::new(
            Handle::current(),
            script.clone(),
            policy.clone(),
            Arc::default(),
            tokens.clone(),
        );
        Bench {
            script,
            policy,
            scheduler,
            tokens,
            queue: EventQueue::new(),
            ids: AtomicU64::new(1),
        }
    }

    fn job(path: &str) -> NewJob {
        NewJob {
            call: Call {
                stream: path == "/chat/completions",
                ..Call::post(path, "{}")
            },
            expect: Expect::Raw,
            scope: "scope".into(),
            priority: 1,
            timeout: None,
            may_repeat: true,
            tokens: 1,
        }
    }

    fn try_submit(&self, job: NewJob) -> Result<u64> {
        let id = self.ids.fetch_add(1, Ordering::SeqCst);
        let sink = Sink::Queue {
            queue: self.queue.clone(),
            tag: 0,
        };
        self.scheduler.submit(id, job, sink, false).map(|()| id)
    }

    /// Changes the settings, but not whose limits apply.
    fn set_policy(&self, policy: Policy) {
        let identity = self.policy.get().identity;
        self.policy.set(Policy { identity, ..policy });
    }

    fn submit(&self, path: &str) -> u64 {
        self.try_submit(Bench::job(path)).unwrap()
    }

    /// Lets time pass until `count` events are there.
    async fn events(&self, count: usize) -> Vec<Seen> {
        let mut seen = Vec::new();
        while seen.len() < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
            for record in self.queue.take(count - seen.len()) {
                seen.push(match record.kind {
                    Kind::Chunk => {
                        Seen::Chunk(record.id, String::from_utf8(record.data.to_vec()).unwrap())
                    }
                    Kind::Binary
                    | Kind::Connection
                    | Kind::Progress
                    | Kind::Log
                    | Kind::TokenWanted => continue,
                    Kind::Done => Seen::Done(record.id, record.response.unwrap().status()),
                });
            }
        }
        seen
    }

    /// The response of the next terminal event.
    async fn response(&self) -> Response {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            for record in self.queue.take(1) {
                if let Some(response) = record.response {
                    return response.take();
                }
            }
        }
    }

    fn times(&self) -> Vec<u64> {
        lock(&self.script.seen).iter().map(|(ms, _)| *ms).collect()
    }

    fn paths(&self) -> Vec<String> {
        lock(&self.script.seen)
            .iter()
            .map(|(_, path)| path.clone())
            .collect()
    }

    fn most_in_flight(&self) -> usize {
        self.script.most_in_flight.load(Ordering::SeqCst)
    }

    /// All slots are free: as many as allowed start at once.
    async fn assert_no_slot_is_lost(&self) {
        let most = self.policy.get().max_concurrent_requests as usize;
        self.script.most_in_flight.store(0, Ordering::SeqCst);
        for _ in 0..most * 2 {
            self.submit("/after");
        }
        let events = self.events(most * 2).await;
        assert!(
            events
                .iter()
                .all(|e| matches!(e, Seen::Done(_, status::OK))),
            "{events:?}"
        );
        assert_eq!(self.most_in_flight(), most);
    }
}

/// Exact delays, and limits that are not learned: what a scope does before it is known has its own tests.
fn exact() -> Policy {
    Policy {
        retry_jitter: 0.0,
        learn_limits: false,
        ..policy()
    }
}
