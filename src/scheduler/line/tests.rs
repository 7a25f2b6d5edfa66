//! The order of the line, and its invariants under random use.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

struct Job {
    rank: Rank,
    scope: Scope,
    deadline: Option<Instant>,
}

impl Ranked for Job {
    fn rank(&self) -> Rank {
        self.rank
    }
    fn scope(&self) -> &Scope {
        &self.scope
    }
    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

struct Bench {
    epoch: Instant,
    line: Line<Job, u64>,
}

impl Bench {
    fn new() -> Bench {
        Bench {
            epoch: Instant::now(),
            line: Line::new(),
        }
    }

    fn at(&self, ms: u64) -> Instant {
        self.epoch + Duration::from_millis(ms)
    }

    fn job(&self, id: u64, due_ms: u64, scope: &str, deadline_ms: Option<u64>) -> Job {
        Job {
            rank: Rank {
                due: self.at(due_ms),
                id,
            },
            scope: scope.into(),
            deadline: deadline_ms.map(|ms| self.at(ms)),
        }
    }

    fn add(&mut self, id: u64, due_ms: u64, scope: &str) {
        let job = self.job(id, due_ms, scope, None);
        self.line.enqueue(job);
    }

    fn start_all(&mut self, most: usize) -> Vec<u64> {
        std::iter::from_fn(|| self.line.start(most, |job| job.rank.id))
            .map(|job| job.rank.id)
            .collect()
    }
}

#[test]
fn it_is_first_in_first_out_across_lanes() {
    let mut bench = Bench::new();
    for (id, scope) in [(1, "a"), (2, "b"), (3, "a"), (4, "c"), (5, "b")] {
        bench.add(id, 0, scope);
    }
    assert_eq!(bench.start_all(3), [1, 2, 3]);
    assert!(bench.line.land(2));
    assert_eq!(bench.start_all(3), [4]);
    assert_eq!(bench.start_all(10), [5]);
    assert_eq!(bench.line.waiting(), 0);
}

#[test]
fn a_priority_is_time_and_so_nothing_waits_for_ever() {
    let mut bench = Bench::new();
    // Normal priority is put back by 30 s of ageing: high ones that come within that time go first, later ones do not.
    bench.add(1, 30_000, "a");
    bench.add(2, 10_000, "a");
    bench.add(3, 29_999, "a");
    bench.add(4, 30_001, "a");
    assert_eq!(bench.start_all(9), [2, 3, 1, 4]);
}

#[test]
fn those_in_backoff_count_hold_no_slot_and_come_back_ahead_of_younger_ones() {
    let mut bench = Bench::new();
    bench.add(1, 0, "a");
    bench.add(2, 1, "a");
    let first = bench.line.start(1, |_| 1).unwrap();
    assert!(bench.line.land(1));
    let due = bench.at(500);
    bench.line.back_off(first, due);
    assert_eq!(bench.line.waiting(), 2);
    assert_eq!(bench.line.next_change(), Some(due));
    assert_eq!(bench.start_all(1), [2]);
    bench.add(3, 400, "a");
    bench.line.return_due(bench.at(499));
    assert!(bench.line.land(2));
    bench.line.return_due(due);
    assert_eq!(bench.start_all(1), [1]);
}

#[test]
fn deadlines_take_out_the_waiting_and_leave_the_flying() {
    let mut bench = Bench::new();
    for id in 1..=3 {
        let job = bench.job(id, 0, "a", Some(100 * id));
        bench.line.enqueue(job);
    }
    assert_eq!(bench.start_all(1), [1]);
    assert_eq!(bench.line.next_change(), Some(bench.at(200)));
    let now = bench.at(250);
    let expired: Vec<u64> = bench
        .line
        .expired(now)
        .iter()
        .map(|job| job.rank.id)
        .collect();
    assert_eq!(expired, [2]);
    assert_eq!(bench.line.next_change(), Some(bench.at(300)));
    assert!(bench.line.land(1));
}

#[test]
fn a_cancelled_flight_frees_its_slot_once() {
    let mut bench = Bench::new();
    bench.add(1, 0, "a");
    bench.add(2, 0, "a");
    bench.start_all(1);
    assert!(matches!(bench.line.remove(1), Removed::InFlight(1)));
    assert!(matches!(bench.line.remove(1), Removed::Unknown));
    assert!(!bench.line.land(1));
    assert_eq!(bench.start_all(1), [2]);
}

#[derive(Clone, Debug)]
enum Step {
    Add(u8, u64, Option<u64>),
    Start(usize),
    Land(usize),
    BackOff(usize, u64),
    Remove(u64),
    Tick(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0u8..3, 0u64..50, proptest::option::of(0u64..200))
            .prop_map(|(s, d, l)| Step::Add(s, d, l)),
        (0usize..6).prop_map(Step::Start),
        (0usize..6).prop_map(Step::Land),
        (0usize..6, 0u64..100).prop_map(|(i, d)| Step::BackOff(i, d)),
        (0u64..60).prop_map(Step::Remove),
        (0u64..40).prop_map(Step::Tick),
    ]
}

proptest! {
    /// Never more in flight than allowed, never out of order in a lane, every request ends exactly once.
    #[test]
    fn the_invariants_hold(steps in proptest::collection::vec(step(), 1..120)) {
        let mut bench = Bench::new();
        let (mut now, mut next_id, mut ended) = (0u64, 0u64, Vec::new());
        let mut flying: Vec<Job> = Vec::new();
        for step in steps {
            match step {
                Step::Add(scope, delay, deadline) => {
                    next_id += 1;
                    let job = bench.job(next_id, now + delay, &format!("{scope}"), deadline.map(|d| now + d));
                    bench.line.enqueue(job);
                }
                Step::Start(most) => {
                    while let Some(job) = bench.line.start(most, |job| job.rank.id) {
                        // Nothing that still waits in any lane is before it.
                        let earliest = bench.line.heads.first().map(|(rank, _)| *rank);
                        prop_assert!(earliest.is_none_or(|rank| rank > job.rank));
                        flying.push(job);
                        prop_assert!(bench.line.in_flight <= most);
                    }
                }
                Step::Land(index) => if !flying.is_empty() {
                    let job = flying.remove(index % flying.len());
                    prop_assert!(bench.line.land(job.rank.id));
                    ended.push(job.rank.id);
                },
                Step::BackOff(index, delay) => if !flying.is_empty() {
                    let job = flying.remove(index % flying.len());
                    prop_assert!(bench.line.land(job.rank.id));
                    let due = bench.at(now + delay);
                    bench.line.back_off(job, due);
                },
                Step::Remove(id) => match bench.line.remove(id) {
                    Removed::Waiting(job) => ended.push(job.rank.id),
                    Removed::InFlight(id) => {
                        flying.retain(|job| job.rank.id != id);
                        ended.push(id);
                    }
                    Removed::Unknown => prop_assert!(id == 0 || id > next_id || ended.contains(&id)),
                },
                Step::Tick(ms) => {
                    now += ms;
                    let at = bench.at(now);
                    bench.line.return_due(at);
                    ended.extend(bench.line.expired(at).iter().map(|job| job.rank.id));
                }
            }
            prop_assert_eq!(bench.line.in_flight, flying.len());
            let first: BTreeSet<_> = bench.line.lanes.iter()
                .filter_map(|(scope, lane)| lane.first_key_value().map(|(rank, _)| (*rank, scope.clone())))
                .collect();
            prop_assert_eq!(&first, &bench.line.heads);
            prop_assert_eq!(bench.line.waiting() + flying.len() + ended.len(), next_id as usize);
        }
        let (waiting, flights) = bench.line.clear();
        ended.extend(waiting.iter().map(|job| job.rank.id));
        ended.extend(flights);
        ended.sort_unstable();
        prop_assert_eq!(ended, (1..=next_id).collect::<Vec<_>>());
        prop_assert!(bench.line.is_empty() && bench.line.next_change().is_none());
    }
}
