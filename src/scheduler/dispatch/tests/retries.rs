//! Retries on the clock.

use super::*;

#[tokio::test(start_paused = true)]
async fn transient_errors_are_retried_after_1_2_4_8_16_seconds() {
    let bench = Bench::new(exact(), (0..6).map(|_| status(503)).collect());
    bench.submit("/embeddings");
    let response = bench.response().await;
    assert_eq!(
        (response.status(), response.attempts),
        (status::HTTP_SERVER, 6)
    );
    assert_eq!(bench.times(), [0, 1000, 3000, 7000, 15000, 31000]);
    let message = response.error.unwrap().message;
    assert!(message.contains("after 6 attempts"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_429_with_retry_after_then_a_500_then_success_wait_2_s_and_2_s() {
    let bench = Bench::new(exact(), vec![rate_limited("2"), status(500), ok()]);
    bench.submit("/embeddings");
    let response = bench.response().await;
    assert_eq!((response.status(), response.attempts), (status::OK, 3));
    assert_eq!(bench.times(), [0, 2000, 4000]);
}

#[tokio::test(start_paused = true)]
async fn without_retries_the_first_error_is_the_answer() {
    let bench = Bench::new(
        Policy {
            max_retries: 0,
            ..exact()
        },
        vec![rate_limited("2")],
    );
    bench.submit("/embeddings");
    let response = bench.response().await;
    assert_eq!(
        (response.status(), response.attempts),
        (status::RATE_LIMITED, 1)
    );
    let error = response.error.unwrap();
    assert_eq!((error.http_status, error.retry_after_ms), (429, Some(2000)));
    assert_eq!(bench.times(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_longer_than_allowed_ends_the_request_with_the_delay_in_the_error() {
    let bench = Bench::new(exact(), vec![rate_limited("3600")]);
    bench.submit("/embeddings");
    let error = bench.response().await.error.unwrap();
    assert_eq!(
        (error.status, error.retry_after_ms),
        (status::RATE_LIMITED, Some(3_600_000))
    );
    assert!(error.message.contains("3600 s"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_backoff_holds_no_slot_and_counts_as_waiting() {
    let one = Policy {
        max_concurrent_requests: 1,
        queue_size: 2,
        ..exact()
    };
    let bench = Bench::new(one, vec![status(500), ok(), ok_after(100)]);
    bench.submit("/first");
    bench.submit("/second");
    bench.events(1).await;
    assert_eq!(bench.paths(), ["/first", "/second"]);
    // The one in backoff holds no slot, so this one flies; but it fills one of the two places in the queue.
    bench.submit("/third");
    bench.submit("/fourth");
    assert_eq!(
        bench.try_submit(Bench::job("/fifth")).unwrap_err().status,
        status::QUEUE_FULL
    );
    bench.events(3).await;
    assert_eq!(
        bench
            .paths()
            .iter()
            .filter(|path| *path == "/first")
            .count(),
        2
    );
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_back_from_backoff_goes_before_younger_ones() {
    let one = Policy {
        max_concurrent_requests: 1,
        ..exact()
    };
    let bench = Bench::new(one, vec![status(500), ok_after(1500), ok(), ok()]);
    for path in ["/first", "/second", "/third"] {
        bench.submit(path);
    }
    bench.events(3).await;
    assert_eq!(bench.paths(), ["/first", "/second", "/first", "/third"]);
}

#[tokio::test(start_paused = true)]
async fn a_429_costs_nothing_while_others_of_the_scope_get_through() {
    let policy = Policy {
        max_retries: 1,
        max_concurrent_requests: 2,
        ..exact()
    };
    let late = || Step::Answer {
        after: 50,
        status: 429,
        headers: vec![("retry-after", "1")],
        body: "",
    };
    let bench = Bench::new(policy, vec![late(), ok_after(10), late(), late()]);
    bench.submit("/patient");
    bench.submit("/other");
    bench.events(1).await;
    let response = bench.response().await;
    // The first refusal was free, since the other got through meanwhile; the second cost the only retry.
    assert_eq!(
        (response.status(), response.attempts),
        (status::RATE_LIMITED, 3)
    );
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_carried_out_is_not_sent_twice() {
    let lost = |sent| Step::Fail {
        after: 5,
        kind: FailureKind::Lost,
        sent,
    };
    let bench = Bench::new(exact(), vec![lost(true), lost(false), ok()]);
    bench
        .try_submit(NewJob {
            may_repeat: false,
            ..Bench::job("/files")
        })
        .unwrap();
    let response = bench.response().await;
    assert_eq!(
        (response.status(), response.attempts),
        (status::CONNECTION_LOST, 1)
    );
    assert!(response.error.unwrap().may_have_executed);
    bench
        .try_submit(NewJob {
            may_repeat: false,
            ..Bench::job("/files")
        })
        .unwrap();
    let response = bench.response().await;
    assert_eq!((response.status(), response.attempts), (status::OK, 2));
}

#[tokio::test(start_paused = true)]
async fn settings_hold_for_the_next_decision() {
    let bench = Bench::new(exact(), (0..4).map(|_| status(500)).collect());
    bench.submit("/embeddings");
    tokio::time::sleep(Duration::from_millis(500)).await;
    bench.set_policy(Policy {
        initial_retry_delay: Duration::from_secs(2),
        backoff_factor: 3.0,
        max_retry_delay: Duration::from_secs(120),
        ..exact()
    });
    let response = bench.response().await;
    assert_eq!(response.status(), status::OK);
    // The first delay was decided before the change, the others after it.
    assert_eq!(bench.times(), [0, 1000, 7000, 25000, 79000]);
}
