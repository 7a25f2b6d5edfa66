//! Requests whose events go to a queue that nobody reads are held back, and nothing else is.

use super::*;

/// A bench whose queue holds one answer unread, which is more than it may, and how many attempts that took: one.
async fn full(policy: Policy) -> Bench {
    let bench = Bench::new(policy, vec![]);
    bench.queue.set_max_unread(1);
    bench.submit("/read-me");
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(bench.paths(), ["/read-me"]);
    bench
}

#[tokio::test(start_paused = true)]
async fn they_go_in_order_once_the_queue_is_read() {
    let bench = full(Policy {
        max_concurrent_requests: 1,
        ..exact()
    })
    .await;
    for path in ["/1", "/2", "/3"] {
        bench.submit(path);
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(bench.paths(), ["/read-me"], "nobody has read");
    // Each is sent when the one before was taken.
    for sent in 2..=4 {
        assert_eq!(bench.events(1).await.len(), 1);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(bench.paths().len(), sent);
    }
    assert_eq!(bench.paths(), ["/read-me", "/1", "/2", "/3"]);
    assert_eq!(bench.events(1).await, [Seen::Done(4, status::OK)]);
    assert_eq!(bench.queue.unread(), 0);
}

#[tokio::test(start_paused = true)]
async fn requests_of_others_go_on() {
    let bench = full(Policy {
        max_concurrent_requests: 1,
        ..exact()
    })
    .await;
    bench.submit("/held");
    let other = EventQueue::new();
    for id in 100..103 {
        let sink = Sink::Queue {
            queue: other.clone(),
            tag: 0,
        };
        let job = Bench::job("/other");
        bench.scheduler.submit(id, job, sink, false).unwrap();
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.paths(), ["/read-me", "/other", "/other", "/other"]);
    assert_eq!(other.take(9).len(), 3);
    assert_eq!(bench.events(2).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn they_can_be_cancelled_and_expire() {
    let bench = full(exact()).await;
    let cancelled = bench.submit("/cancelled");
    let late = bench
        .try_submit(NewJob {
            timeout: Some(Duration::from_secs(1)),
            ..Bench::job("/late")
        })
        .unwrap();
    assert!(bench.scheduler.cancel(cancelled));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        bench.events(3).await,
        [
            Seen::Done(1, status::OK),
            Seen::Done(cancelled, status::CANCELLED),
            Seen::Done(late, status::DEADLINE)
        ]
    );
    assert_eq!(bench.paths(), ["/read-me"]);
    bench.queue.set_max_unread(0);
    bench.assert_no_slot_is_lost().await;
}

#[tokio::test(start_paused = true)]
async fn they_count_as_waiting() {
    let bench = full(Policy {
        queue_size: 2,
        ..exact()
    })
    .await;
    bench.submit("/1");
    bench.submit("/2");
    let refused = bench.try_submit(Bench::job("/3")).unwrap_err();
    assert_eq!(refused.status, status::QUEUE_FULL);
    assert_eq!(bench.scheduler.report().requests.waiting, 2);
    bench.scheduler.stop(Stop::Freed);
    let events = bench.events(3).await;
    assert_eq!(events[1..].len(), 2);
    assert!(
        events[1..]
            .iter()
            .all(|e| matches!(e, Seen::Done(_, status::CANCELLED)))
    );
    assert!(bench.scheduler.wait_drained(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_wider_bound_and_a_freed_queue_let_them_go() {
    let bench = full(exact()).await;
    bench.submit("/1");
    bench.queue.set_max_unread(1 << 20);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(bench.paths(), ["/read-me", "/1"]);
    bench.queue.set_max_unread(1);
    bench.submit("/2");
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(bench.paths().len(), 2);
    bench.queue.close();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(bench.paths(), ["/read-me", "/1", "/2"]);
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_its_limits_block_keeps_no_other_aside() {
    let mut policy = exact();
    policy.max_concurrent_requests = 2;
    let bench = Bench::new(policy, vec![ok(), rate_limited("60")]);
    bench.queue.set_max_unread(1);
    bench.submit("/read-me");
    tokio::time::sleep(Duration::from_millis(20)).await;
    // A refusal of another caller's pauses the lane.
    let waiter = Waiter::new();
    let job = Bench::job("/refused");
    bench
        .scheduler
        .submit(50, job, Sink::Wait(waiter), false)
        .unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    for _ in 0..5 {
        bench.submit("/blocked");
    }
    let free = NewJob {
        scope: "free".into(),
        ..Bench::job("/free")
    };
    bench.try_submit(free).unwrap();
    assert_eq!(bench.events(1).await.len(), 1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bench.paths(), ["/read-me", "/refused", "/free"]);
}
