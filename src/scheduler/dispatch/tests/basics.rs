//! Order, bounds, deadlines and the end of a client.

use std::num::NonZeroU32;

use super::*;

#[tokio::test(start_paused = true)]
async fn never_more_in_flight_than_allowed_and_first_in_first_out() {
    let bench = Bench::new(exact(), vec![]);
    for n in 0..40 {
        bench.submit(&format!("/{n}"));
    }
    bench.events(40).await;
    assert_eq!(bench.most_in_flight(), 5);
    let expected: Vec<String> = (0..40).map(|n| format!("/{n}")).collect();
    assert_eq!(bench.paths(), expected);
}

#[tokio::test(start_paused = true)]
async fn the_queue_refuses_what_is_beyond_its_size() {
    let bench = Bench::new(
        Policy {
            max_concurrent_requests: 2,
            queue_size: 3,
            ..exact()
        },
        vec![],
    );
    for n in 0..5 {
        bench.submit(&format!("/{n}"));
    }
    let error = bench.try_submit(Bench::job("/6")).unwrap_err();
    assert_eq!(error.status, status::QUEUE_FULL);
    assert!(error.message.contains("queue_size is 3"), "{error}");
    bench.events(5).await;
    assert_eq!(bench.paths().len(), 5);
    bench.assert_no_slot_is_lost().await;
}

#[tokio::test(start_paused = true)]
async fn a_queue_of_size_zero_takes_what_can_start_at_once() {
    let bench = Bench::new(
        Policy {
            max_concurrent_requests: 1,
            queue_size: 0,
            ..exact()
        },
        vec![],
    );
    bench.submit("/1");
    assert_eq!(
        bench.try_submit(Bench::job("/2")).unwrap_err().status,
        status::QUEUE_FULL
    );
    bench.events(1).await;
    bench.submit("/3");
    bench.events(1).await;
}

#[tokio::test(start_paused = true)]
async fn raising_the_limit_starts_waiting_requests_at_once() {
    let steps = (0..10).map(|_| ok_after(1000)).collect();
    let bench = Bench::new(
        Policy {
            max_concurrent_requests: 1,
            ..exact()
        },
        steps,
    );
    for n in 0..10 {
        bench.submit(&format!("/{n}"));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(bench.times(), [0]);
    bench.set_policy(Policy {
        max_concurrent_requests: 10,
        ..exact()
    });
    bench.scheduler.settings_changed();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(bench.times().len(), 10);
    assert!(bench.times().iter().all(|at| *at <= 100));
    bench.events(10).await;
}

#[tokio::test(start_paused = true)]
async fn lowering_the_limit_holds_for_what_is_not_yet_sent() {
    let bench = Bench::new(exact(), vec![]);
    for n in 0..10 {
        bench.submit(&format!("/{n}"));
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(bench.most_in_flight(), 5);
    bench.set_policy(Policy {
        max_concurrent_requests: 1,
        queue_size: 1,
        ..exact()
    });
    bench.scheduler.settings_changed();
    assert!(bench.try_submit(Bench::job("/x")).is_err());
    let first = bench.events(5).await;
    bench.script.most_in_flight.store(0, Ordering::SeqCst);
    let rest = bench.events(5).await;
    assert!(
        first
            .iter()
            .chain(&rest)
            .all(|e| matches!(e, Seen::Done(_, status::OK)))
    );
    assert_eq!(bench.most_in_flight(), 1);
}

#[tokio::test(start_paused = true)]
async fn priorities_go_first_and_age() {
    let bench = Bench::new(
        Policy {
            max_concurrent_requests: 1,
            ..exact()
        },
        vec![],
    );
    bench.submit("/running");
    for (path, priority) in [("/low", 2), ("/normal", 1), ("/high", 0)] {
        bench
            .try_submit(NewJob {
                priority,
                ..Bench::job(path)
            })
            .unwrap();
    }
    bench.events(4).await;
    assert_eq!(bench.paths(), ["/running", "/high", "/normal", "/low"]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_request_wherever_it_is() {
    let bench = Bench::new(
        Policy {
            max_concurrent_requests: 1,
            ..exact()
        },
        vec![Step::Hang, status(500)],
    );
    let within = |path, ms| NewJob {
        timeout: Some(Duration::from_millis(ms)),
        ..Bench::job(path)
    };
    bench.try_submit(within("/flying", 300)).unwrap();
    bench.try_submit(within("/waiting", 200)).unwrap();
    let waiting = bench.response().await;
    assert_eq!((waiting.status(), waiting.attempts), (status::DEADLINE, 0));
    assert!(waiting.error.unwrap().message.contains("in the queue"));
    let flying = bench.response().await;
    assert_eq!((flying.status(), flying.attempts), (status::DEADLINE, 1));
    assert!(flying.error.unwrap().message.contains("0.3 s"));
    // A backoff that would end after the deadline fails at once.
    let before = Instant::now();
    bench.try_submit(within("/backoff", 900)).unwrap();
    let backoff = bench.response().await;
    assert_eq!(backoff.status(), status::DEADLINE);
    let message = backoff.error.unwrap().message;
    assert!(
        message.contains("cannot be met") && message.contains("HTTP 500"),
        "{message}"
    );
    assert!(before.elapsed() < Duration::from_millis(100));
    bench.assert_no_slot_is_lost().await;
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_times_out_and_is_retried_where_that_is_safe() {
    let quick = Policy {
        short_attempt_timeout: Duration::from_millis(500),
        max_retries: 1,
        ..exact()
    };
    let bench = Bench::new(quick, vec![Step::Hang, Step::Hang, Step::Hang]);
    bench.submit("/embeddings");
    let response = bench.response().await;
    assert_eq!((response.status(), response.attempts), (status::TIMEOUT, 2));
    assert_eq!(bench.times(), [0, 1500]);
    bench
        .try_submit(NewJob {
            may_repeat: false,
            ..Bench::job("/embeddings")
        })
        .unwrap();
    let response = bench.response().await;
    assert_eq!((response.status(), response.attempts), (status::TIMEOUT, 1));
    assert!(response.error.unwrap().may_have_executed);
    bench.assert_no_slot_is_lost().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_one_request_and_gives_its_slot_back() {
    let bench = Bench::new(exact(), vec![Step::Panic, ok()]);
    bench.submit("/1");
    bench.submit("/2");
    let mut events = bench.events(2).await;
    events.sort_by_key(|event| matches!(event, Seen::Done(2, _)));
    assert_eq!(
        events,
        [Seen::Done(1, status::PANIC), Seen::Done(2, status::OK)]
    );
    bench.assert_no_slot_is_lost().await;
}

#[tokio::test(start_paused = true)]
async fn a_closed_scheduler_drains_and_refuses() {
    let bench = Bench::new(exact(), vec![]);
    bench.submit("/1");
    bench.scheduler.close();
    assert_eq!(
        bench.try_submit(Bench::job("/2")).unwrap_err().status,
        status::CLOSED
    );
    assert!(!bench.scheduler.wait_drained(Duration::ZERO));
    assert_eq!(bench.events(1).await, [Seen::Done(1, status::OK)]);
    assert!(bench.scheduler.wait_drained(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_thread_is_woken_when_its_client_is_freed() {
    let bench = Bench::new(exact(), vec![Step::Hang]);
    let waiter = Waiter::new();
    bench
        .scheduler
        .submit(77, Bench::job("/1"), Sink::Wait(waiter.clone()), false)
        .unwrap();
    let thread = std::thread::spawn(move || waiter.wait().status());
    bench.scheduler.stop(Stop::Freed);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(thread.join().unwrap(), status::CANCELLED);
}

#[tokio::test(start_paused = true)]
async fn typed_embeddings_are_decoded_and_their_faults_are_final() {
    let body = r#"{"data":[{"index":0,"embedding":"AACAPwAAAEA="}],"usage":{"prompt_tokens":3,"total_tokens":3}}"#;
    let answer = || Step::Answer {
        after: 0,
        status: 200,
        headers: vec![],
        body,
    };
    let bench = Bench::new(exact(), vec![answer(), answer()]);
    let typed = |inputs| NewJob {
        expect: Expect::Embeddings {
            inputs: NonZeroU32::new(inputs).unwrap(),
        },
        ..Bench::job("/embeddings")
    };
    bench.try_submit(typed(1)).unwrap();
    let response = bench.response().await;
    assert_eq!(response.usage().unwrap().prompt_tokens, 3);
    assert_eq!(response.embeddings.unwrap().data, [1.0, 2.0]);
    bench.try_submit(typed(2)).unwrap();
    let response = bench.response().await;
    assert_eq!((response.status(), response.attempts), (status::DECODE, 1));
    assert_eq!(&response.body()[..], body.as_bytes());
}
