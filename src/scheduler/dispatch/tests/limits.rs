//! Limits, pauses and the breaker as the scheduler applies them; what they decide has its own tests.

use super::*;
use crate::scheduler::limits::Configured;
use crate::scheduler::policy::QueueFull;

fn in_scope(scope: &str, path: &str) -> NewJob {
    NewJob {
        scope: scope.into(),
        ..Bench::job(path)
    }
}

fn limited(requests_per_minute: u64, burst: u64) -> Policy {
    Policy {
        limits: Configured {
            requests_per_minute,
            burst,
            ..Configured::default()
        },
        ..exact()
    }
}

#[tokio::test(start_paused = true)]
async fn a_configured_limit_paces_and_fails_nobody() {
    let bench = Bench::new(limited(60, 1), vec![]);
    for n in 0..4 {
        bench.submit(&format!("/{n}"));
    }
    let events = bench.events(4).await;
    assert!(
        events
            .iter()
            .all(|e| matches!(e, Seen::Done(_, status::OK)))
    );
    let times = bench.times();
    for pair in times.windows(2) {
        assert!((1000..=1002).contains(&(pair[1] - pair[0])), "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_429_pauses_its_scope_once_for_all_and_no_other() {
    let steps = vec![rate_limited("5"), ok_after(10), ok_after(10)];
    let bench = Bench::new(
        Policy {
            max_concurrent_requests: 2,
            ..exact()
        },
        steps,
    );
    bench.try_submit(in_scope("a", "/a1")).unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    for path in ["/a2", "/a3"] {
        bench.try_submit(in_scope("a", path)).unwrap();
    }
    bench.try_submit(in_scope("b", "/b")).unwrap();
    bench.events(1).await;
    assert_eq!(bench.paths(), ["/a1", "/b"]);
    bench.events(3).await;
    // After the pause one request goes, and the others when it was answered.
    let first = &bench.times()[2..];
    assert_eq!(bench.paths()[2], "/a1");
    assert!(first[0] >= 5000 && first[1] > first[0], "{first:?}");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_scope_starts_with_four() {
    let policy = Policy {
        learn_limits: true,
        max_concurrent_requests: 50,
        ..exact()
    };
    let bench = Bench::new(policy, vec![]);
    for n in 0..20 {
        bench.submit(&format!("/{n}"));
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(bench.most_in_flight(), 4);
    // The answers tell no limits, so there is nothing to be careful about.
    bench.events(20).await;
    assert_eq!(bench.most_in_flight(), 16);
}

#[tokio::test(start_paused = true)]
async fn clients_with_the_same_key_share_their_limits() {
    let bench = Bench::new(limited(60, 2), vec![]);
    let other = Scheduler::new(
        Handle::current(),
        bench.script.clone(),
        bench.policy.clone(),
        Arc::default(),
        bench.tokens.clone(),
    );
    for n in 0..2 {
        bench.submit(&format!("/mine{n}"));
        let sink = Sink::Queue {
            queue: bench.queue.clone(),
            tag: 0,
        };
        other
            .submit(1000 + n, Bench::job(&format!("/other{n}")), sink, false)
            .unwrap();
    }
    bench.events(4).await;
    let times = bench.times();
    assert!(times[1] < 10, "{times:?}");
    assert!(times[2] >= 1000 && times[3] >= 2000, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_larger_than_a_whole_limit_fails_at_once() {
    let policy = Policy {
        limits: Configured {
            tokens_per_minute: 100,
            ..Configured::default()
        },
        ..exact()
    };
    let bench = Bench::new(policy, vec![]);
    let error = bench
        .try_submit(NewJob {
            tokens: 101,
            ..Bench::job("/big")
        })
        .unwrap_err();
    assert_eq!(error.status, status::LIMIT_EXCEEDED);
    assert!(
        error.message.contains("101") && error.message.contains("100"),
        "{error}"
    );
    bench.assert_no_slot_is_lost().await;
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_a_limit_cannot_meet_fails_at_once() {
    let bench = Bench::new(limited(60, 1), vec![]);
    bench.submit("/1");
    let hurried = NewJob {
        timeout: Some(Duration::from_millis(500)),
        ..Bench::job("/2")
    };
    let error = bench.try_submit(hurried).unwrap_err();
    assert_eq!(error.status, status::DEADLINE);
    assert!(error.message.contains("rate limit"), "{error}");
    bench.events(1).await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_ends_those_that_it_outlasts() {
    let policy = Policy {
        max_concurrent_requests: 1,
        ..exact()
    };
    let refusal = Step::Answer {
        after: 50,
        status: 429,
        headers: vec![("retry-after", "10")],
        body: "",
    };
    let bench = Bench::new(policy, vec![refusal]);
    let refused = bench.submit("/refused");
    let hurried = bench
        .try_submit(NewJob {
            timeout: Some(Duration::from_secs(5)),
            ..Bench::job("/hurried")
        })
        .unwrap();
    let before = Instant::now();
    assert_eq!(
        bench.events(1).await,
        [Seen::Done(hurried, status::DEADLINE)]
    );
    assert!(before.elapsed() < Duration::from_millis(100));
    assert_eq!(bench.events(1).await, [Seen::Done(refused, status::OK)]);
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_sends_probes_and_closes_after_one_that_works() {
    let policy = Policy {
        breaker_failures: 3,
        breaker_reset: Duration::from_secs(10),
        max_concurrent_requests: 1,
        max_retries: 5,
        ..exact()
    };
    let steps = vec![status(503), status(503), status(503), status(503)];
    let bench = Bench::new(policy, steps);
    for n in 0..4 {
        bench.submit(&format!("/{n}"));
    }
    let events = bench.events(4).await;
    assert!(
        events
            .iter()
            .all(|e| matches!(e, Seen::Done(_, status::OK)))
    );
    let times = bench.times();
    // Three failures at once, a probe after ten seconds that fails, another ten seconds later that works.
    assert!(times[2] < 10 && times[3] >= 10_000, "{times:?}");
    assert!(times[4] >= 20_000, "{times:?}");
    assert_eq!(times.len(), 8);
}

/// A bench in real time with one slot and one place to wait, for blocking calls; the first attempt goes as `step` says.
fn patient(step: Step) -> (tokio::runtime::Runtime, Bench) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let policy = Policy {
        max_concurrent_requests: 1,
        queue_size: 1,
        queue_full: QueueFull::Wait,
        ..exact()
    };
    let bench = {
        let _inside = runtime.enter();
        Bench::new(policy, vec![step])
    };
    (runtime, bench)
}

/// The one in flight ends, the one that waits takes its slot, and so leaves a place in the queue: nobody else tells.
#[test]
fn a_patient_call_takes_the_place_that_an_end_leaves() {
    let (_runtime, bench) = patient(ok_after(100));
    bench.submit("/in-flight");
    bench.submit("/waiting");
    let waiter = Waiter::new();
    let job = Bench::job("/patient");
    let sink = Sink::Wait(waiter.clone());
    bench.scheduler.submit(99, job, sink, true).unwrap();
    assert_eq!(waiter.wait().status(), status::OK);
}

#[test]
fn a_patient_call_waits_for_a_place_in_the_queue() {
    let (_runtime, bench) = patient(Step::Hang);
    let hanging = bench.submit("/hanging");
    while bench.times().is_empty() {
        std::thread::yield_now();
    }
    bench.submit("/waiting");
    assert_eq!(
        bench
            .try_submit(Bench::job("/impatient"))
            .unwrap_err()
            .status,
        status::QUEUE_FULL
    );
    std::thread::scope(|scope| {
        let patient = scope.spawn(|| {
            let waiter = Waiter::new();
            bench
                .scheduler
                .submit(99, Bench::job("/patient"), Sink::Wait(waiter.clone()), true)
                .map(|()| waiter.wait().status())
        });
        bench.scheduler.cancel(hanging);
        assert_eq!(patient.join().unwrap().unwrap(), status::OK);
    });
}

#[tokio::test(start_paused = true)]
async fn refusals_that_tell_nothing_do_not_stall_a_scope_of_which_nothing_is_known() {
    let policy = Policy {
        learn_limits: true,
        initial_retry_delay: Duration::from_millis(60),
        ..exact()
    };
    let bench = Bench::new(policy, vec![status(429), status(429)]);
    bench.submit("/embeddings");
    let response = bench.response().await;
    assert_eq!((response.status(), response.attempts), (status::OK, 3));
    let times = bench.times();
    // At most as slow as one a second and a cut of that by a third, which is no stop.
    assert!(times[1] <= 1002 && times[2] <= 3000, "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn an_urgent_request_is_not_refused_for_those_that_rank_behind_it() {
    let bench = Bench::new(
        Policy {
            max_concurrent_requests: 1,
            ..limited(60, 1)
        },
        vec![],
    );
    for n in 0..20 {
        bench
            .try_submit(NewJob {
                priority: 2,
                ..Bench::job(&format!("/{n}"))
            })
            .unwrap();
    }
    let urgent = NewJob {
        priority: 0,
        timeout: Some(Duration::from_secs(5)),
        ..Bench::job("/urgent")
    };
    bench.try_submit(urgent).unwrap();
    bench.events(21).await;
    assert_eq!(bench.paths()[1], "/urgent");
}

#[tokio::test(start_paused = true)]
async fn the_breaker_waits_no_longer_than_the_user_allows() {
    let policy = Policy {
        breaker_failures: 1,
        breaker_reset: Duration::from_secs(1),
        max_retry_after: Duration::from_secs(20),
        ..exact()
    };
    let steps = vec![Step::Answer {
        after: 0,
        status: 503,
        headers: vec![("retry-after", "10000000000000000000")],
        body: "",
    }];
    let bench = Bench::new(policy, steps);
    bench.submit("/refused");
    bench.events(1).await;
    bench.submit("/next");
    assert_eq!(bench.events(1).await, [Seen::Done(2, status::OK)]);
    assert!(
        (20_000..21_000).contains(&bench.times()[1]),
        "{:?}",
        bench.times()
    );
}

/// What the log is told on this thread while the guard lives.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Has what this thread logs written into lines.
fn listen() -> (Lines, tracing::subscriber::DefaultGuard) {
    let lines = Lines::default();
    let writer = lines.clone();
    let log = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .finish();
    (lines, tracing::subscriber::set_default(log))
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(lock(&self.0).clone()).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn what_binds_is_warned_of_once() {
    let (lines, _listening) = listen();
    let policy = Policy {
        max_concurrent_requests: 1,
        ..exact()
    };
    // Each takes two seconds, so that the fourth and the fifth wait for longer than five.
    let bench = Bench::new(policy, (0..8).map(|_| ok_after(2_000)).collect());
    for _ in 0..8 {
        bench.submit("/slow");
    }
    assert_eq!(bench.events(8).await.len(), 8);
    let told = lines.text();
    assert_eq!(told.matches("max_concurrent_requests").count(), 1, "{told}");
    assert!(told.contains("requests wait for scope"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_long_pause_is_warned_of_when_it_begins() {
    let (lines, _listening) = listen();
    let policy = Policy {
        max_concurrent_requests: 1,
        ..exact()
    };
    let bench = Bench::new(policy, vec![rate_limited("20")]);
    bench.submit("/a");
    bench.submit("/b");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let told = lines.text();
    assert!(told.contains("asked for a pause"), "{told}");
    bench.events(2).await;
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_is_warned_of_when_it_opens() {
    let (lines, _listening) = listen();
    let policy = Policy {
        max_concurrent_requests: 1,
        breaker_failures: 1,
        ..exact()
    };
    let bench = Bench::new(policy, vec![status(500)]);
    bench.submit("/a");
    bench.submit("/b");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let told = lines.text();
    assert!(told.contains("the circuit breaker is open"), "{told}");
    bench.events(2).await;
}
