//! Requests that go elsewhere: on coming, in the lane, at the end of their attempts, and before their deadline.

use super::*;
use crate::scheduler::fallback::Fallback;
use crate::scheduler::limits::Configured;

/// A policy with so many fallbacks that are other keys.
fn keys(count: u64, policy: Policy) -> Policy {
    static NEXT: AtomicU64 = AtomicU64::new(1 << 40);
    let fallbacks = (0..count).map(|_| Fallback {
        identity: NEXT.fetch_add(1, Ordering::SeqCst),
        model: None,
        rotating: false,
    });
    Policy {
        fallbacks: fallbacks.collect(),
        ..policy
    }
}

fn chat() -> NewJob {
    let mut job = Bench::job("/completions");
    job.call.model = Some("m".into());
    job.call.body = Content::Bytes(Bytes::from_static(br#"{"model":"m"}"#));
    job.scope = "m".into();
    job
}

/// The place that each of so many requests came from, in the order of their ends.
async fn places(bench: &Bench, count: usize) -> Vec<u8> {
    let mut places = Vec::new();
    for _ in 0..count {
        let response = bench.response().await;
        assert_eq!(response.status(), status::OK, "{:?}", response.error);
        places.push(response.place);
    }
    places
}

#[tokio::test(start_paused = true)]
async fn two_keys_give_twice_the_rate() {
    let policy = Policy {
        max_concurrent_requests: 50,
        queue_size: 1_000,
        limits: Configured {
            requests_per_minute: 60,
            burst: 1,
            ..Configured::default()
        },
        ..exact()
    };
    for (others, least, most) in [(0, 118, 121), (1, 57, 62)] {
        let bench = Bench::new(keys(others, policy.clone()), vec![]);
        let began = Instant::now();
        // All at once: each goes where it waits less.
        for _ in 0..120 {
            bench.try_submit(chat()).unwrap();
        }
        let places = places(&bench, 120).await;
        let took = began.elapsed().as_secs();
        assert!(
            (least..=most).contains(&took),
            "{took} s with {others} other keys"
        );
        let elsewhere = places.iter().filter(|place| **place == 1).count() as u64;
        assert!(elsewhere.abs_diff(60 * others) <= 3, "{elsewhere}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_sends_those_who_wait_elsewhere_and_a_short_one_does_not() {
    for (pause, place) in [("20", 1), ("1", 0)] {
        let policy = Policy {
            max_concurrent_requests: 1,
            ..exact()
        };
        let bench = Bench::new(keys(1, policy), vec![rate_limited(pause)]);
        for _ in 0..3 {
            bench.try_submit(chat()).unwrap();
        }
        let began = Instant::now();
        assert_eq!(places(&bench, 3).await, [place; 3]);
        assert!(began.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test(start_paused = true)]
async fn a_place_that_fails_hands_on_until_none_is_left() {
    let policy = Policy {
        max_retries: 1,
        ..exact()
    };
    // Two attempts at each place; the third answers.
    let failing = (0..4).map(|_| status(500)).collect();
    let bench = Bench::new(keys(2, policy.clone()), failing);
    bench.try_submit(chat()).unwrap();
    let response = bench.response().await;
    assert_eq!((response.place, response.attempts), (2, 5));
    assert_eq!(response.status(), status::OK);

    let bench = Bench::new(keys(1, policy), (0..4).map(|_| status(500)).collect());
    bench.try_submit(chat()).unwrap();
    let response = bench.response().await;
    assert_eq!((response.place, response.attempts), (1, 4));
    assert_eq!(response.status(), status::HTTP_SERVER);
    bench.assert_no_slot_is_lost().await;
}

#[tokio::test(start_paused = true)]
async fn what_no_other_place_mends_stays() {
    for step in [status(400), status(401), status(404)] {
        let bench = Bench::new(keys(1, exact()), vec![step]);
        bench.try_submit(chat()).unwrap();
        assert_eq!(bench.response().await.place, 0);
        assert_eq!(bench.times().len(), 1);
    }
    // It may have been carried out, and must not be twice.
    let lost = Step::Fail {
        after: 1,
        kind: FailureKind::Lost,
        sent: true,
    };
    let bench = Bench::new(keys(1, exact()), vec![lost]);
    let mut job = chat();
    job.may_repeat = false;
    job.call.may_repeat = false;
    bench.try_submit(job).unwrap();
    let response = bench.response().await;
    assert_eq!((response.place, response.attempts), (0, 1));
    assert!(response.error.unwrap().may_have_executed);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_cannot_be_met_here_is_met_elsewhere() {
    let policy = Policy {
        fallback_after: Duration::from_secs(600),
        ..exact()
    };
    let bench = Bench::new(keys(1, policy), vec![rate_limited("60")]);
    let soon = || NewJob {
        timeout: Some(Duration::from_secs(10)),
        ..chat()
    };
    // The one that is refused, one that waits, and one that comes later.
    bench.try_submit(soon()).unwrap();
    assert_eq!(places(&bench, 1).await, [1]);
    bench.try_submit(soon()).unwrap();
    assert_eq!(places(&bench, 1).await, [1]);
    bench.try_submit(chat()).unwrap();
    let began = Instant::now();
    assert_eq!(places(&bench, 1).await, [0], "without a deadline it waits");
    assert!(began.elapsed() > Duration::from_secs(50));
}

#[tokio::test(start_paused = true)]
async fn another_model_is_asked_for_and_the_first_one_again() {
    let mut policy = keys(
        2,
        Policy {
            max_retries: 0,
            ..exact()
        },
    );
    policy.fallbacks[0].model = Some("other".into());
    let bench = Bench::new(policy, vec![status(500), status(500)]);
    bench.try_submit(chat()).unwrap();
    let response = bench.response().await;
    assert_eq!(response.place, 2);
    assert_eq!(
        *lock(&bench.script.bodies),
        [
            r#"{"model":"m"}"#,
            r#"{"model":"other"}"#,
            r#"{"model":"m"}"#
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn those_who_went_elsewhere_can_be_cancelled_and_count() {
    let bench = Bench::new(keys(1, exact()), vec![rate_limited("60"), Step::Hang]);
    let id = bench.try_submit(chat()).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.times().len(), 2);
    assert_eq!(bench.scheduler.report().fallbacks, 1);
    assert!(bench.scheduler.cancel(id));
    assert_eq!(bench.events(1).await, [Seen::Done(id, status::CANCELLED)]);
    bench.assert_no_slot_is_lost().await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_that_came_before_its_limit_was_known_is_shared_out() {
    let open = keys(
        1,
        Policy {
            max_concurrent_requests: 1,
            queue_size: 1_000,
            ..exact()
        },
    );
    let bench = Bench::new(open.clone(), vec![ok_after(2_000)]);
    for _ in 0..101 {
        bench.try_submit(chat()).unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    bench.set_policy(Policy {
        max_concurrent_requests: 50,
        limits: Configured {
            requests_per_minute: 60,
            burst: 1,
            ..Configured::default()
        },
        ..open
    });
    bench.scheduler.settings_changed();
    let began = Instant::now();
    places(&bench, 101).await;
    let took = began.elapsed().as_secs();
    assert!((48..=56).contains(&took), "{took} s");
}

#[tokio::test(start_paused = true)]
async fn no_place_that_is_too_late_is_gone_to() {
    let refused = || rate_limited("60");
    let bench = Bench::new(keys(1, exact()), vec![refused(), refused()]);
    // The first finds out that both places are paused.
    bench.try_submit(chat()).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.times().len(), 2);
    let soon = NewJob {
        timeout: Some(Duration::from_secs(10)),
        ..chat()
    };
    let error = bench.try_submit(soon).unwrap_err();
    assert_eq!(error.status, status::DEADLINE);
    assert_eq!(places(&bench, 1).await, [1]);
}
