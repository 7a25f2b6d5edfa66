//! Cancelling in each state, and random use as a whole.

use proptest::prelude::*;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_waiting_request_is_cancelled() {
    let bench = Bench::new(
        Policy {
            max_concurrent_requests: 1,
            ..exact()
        },
        vec![],
    );
    let first = bench.submit("/1");
    let second = bench.submit("/2");
    assert!(bench.scheduler.cancel(second));
    assert!(!bench.scheduler.cancel(second));
    assert_eq!(
        bench.events(2).await,
        [
            Seen::Done(second, status::CANCELLED),
            Seen::Done(first, status::OK)
        ]
    );
    assert_eq!(bench.paths(), ["/1"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_in_backoff_is_cancelled() {
    let bench = Bench::new(exact(), vec![status(500)]);
    let id = bench.submit("/1");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(bench.scheduler.cancel(id));
    assert_eq!(bench.events(1).await, [Seen::Done(id, status::CANCELLED)]);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(bench.times(), [0]);
    bench.assert_no_slot_is_lost().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_in_flight_is_cancelled_and_its_slot_is_free_at_once() {
    let bench = Bench::new(
        Policy {
            max_concurrent_requests: 1,
            ..exact()
        },
        vec![Step::Hang, ok()],
    );
    let first = bench.submit("/1");
    let second = bench.submit("/2");
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(bench.scheduler.cancel(first));
    assert!(!bench.scheduler.cancel(first));
    let mut events = bench.events(2).await;
    events.sort_by_key(|event| matches!(event, Seen::Done(2, _)));
    assert_eq!(
        events,
        [
            Seen::Done(first, status::CANCELLED),
            Seen::Done(second, status::OK)
        ]
    );
    bench.assert_no_slot_is_lost().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_cancelled_and_its_unread_chunks_are_dropped() {
    let stream = Step::Stream(vec![Part::Bytes("data: 1\n\ndata: 2\n\n"), Part::Hang]);
    let bench = Bench::new(exact(), vec![stream]);
    let id = bench.submit("/chat/completions");
    assert_eq!(bench.events(1).await, [Seen::Chunk(id, "1".into())]);
    assert!(bench.scheduler.cancel(id));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(bench.events(1).await, [Seen::Done(id, status::CANCELLED)]);
    bench.assert_no_slot_is_lost().await;
}

#[tokio::test(start_paused = true)]
async fn an_ended_request_is_unknown() {
    let bench = Bench::new(exact(), vec![]);
    let id = bench.submit("/1");
    bench.events(1).await;
    assert!(!bench.scheduler.cancel(id));
    assert!(!bench.scheduler.cancel(999));
}

#[derive(Clone, Debug)]
enum Act {
    Submit { outcome: u8, timeout: Option<u64> },
    Cancel(u64),
    Limit(u32),
    Pass(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0u8..6, proptest::option::of(1u64..3000))
            .prop_map(|(outcome, timeout)| Act::Submit { outcome, timeout }),
        2 => (1u64..60).prop_map(Act::Cancel),
        1 => (1u32..8).prop_map(Act::Limit),
        2 => (0u64..1500).prop_map(Act::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens, every accepted request ends exactly once, no slot is lost, and no limit is passed.
    #[test]
    fn every_accepted_request_ends_exactly_once(acts in proptest::collection::vec(act(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let bench = Bench::new(Policy { queue_size: 20, ..exact() }, vec![]);
            let (mut accepted, mut most) = (Vec::new(), 5);
            for act in acts {
                match act {
                    Act::Submit { outcome, timeout } => {
                        let step = match outcome {
                            0 => status(500),
                            1 => rate_limited("1"),
                            2 => Step::Fail { after: 20, kind: FailureKind::Lost, sent: true },
                            3 => Step::Panic,
                            4 => status(400),
                            _ => ok_after(100),
                        };
                        lock(&bench.script.steps).push_back(step);
                        let timeout = timeout.map(Duration::from_millis);
                        accepted.extend(bench.try_submit(NewJob { timeout, ..Bench::job("/x") }));
                    }
                    Act::Cancel(id) => drop(bench.scheduler.cancel(id)),
                    Act::Limit(limit) => {
                        most = most.max(limit);
                        bench.set_policy(Policy {
                            max_concurrent_requests: limit,
                            queue_size: 20,
                            ..exact()
                        });
                        bench.scheduler.settings_changed();
                    }
                    Act::Pass(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
                }
            }
            tokio::time::sleep(Duration::from_secs(3600)).await;
            let mut ended: Vec<u64> =
                bench.queue.take(usize::MAX).iter().map(|record| record.id).collect();
            ended.sort_unstable();
            assert_eq!(ended, accepted);
            assert!(bench.most_in_flight() <= most as usize);
            assert!(bench.scheduler.wait_drained(Duration::ZERO));
            lock(&bench.script.steps).clear();
            bench.assert_no_slot_is_lost().await;
        });
    }
}
