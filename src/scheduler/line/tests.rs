//! The order of the line, and its invariants under random use.

use std::cell::Cell;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

mod cost;
mod ordered;

thread_local! {
    /// How many ranks were looked at on this thread.
    static LOOKS: Cell<u64> = const { Cell::new(0) };
}

struct Job {
    rank: Rank,
    scope: Scope,
    deadline: Option<Instant>,
}

impl Ranked for Job {
    fn rank(&self) -> Rank {
        LOOKS.set(LOOKS.get() + 1);
        self.rank
    }
    fn scope(&self) -> &Scope {
        &self.scope
    }
    fn share_scope(&mut self, scope: &Scope) {
        self.scope = scope.clone();
    }
    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
    fn tokens(&self) -> u64 {
        self.rank.id
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

    fn start(&mut self, most: usize) -> Option<Job> {
        let id = self.line.next(most)?.rank.id;
        self.line.launch_next(id)
    }

    fn start_all(&mut self, most: usize) -> Vec<u64> {
        std::iter::from_fn(|| self.start(most))
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
    let first = bench.start(1).unwrap();
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

#[test]
fn a_parked_lane_holds_up_no_other_and_opens_in_time_or_when_told() {
    let mut bench = Bench::new();
    for (id, scope) in [(1, "a"), (2, "a"), (3, "b"), (4, "c")] {
        bench.add(id, 0, scope);
    }
    let until = bench.at(100);
    bench.line.park_next(Some(until));
    bench.line.park_next(None);
    assert_eq!(bench.start_all(9), [4]);
    assert_eq!(bench.line.next_change(), Some(until));
    // What joins a parked lane waits with it, even before its head.
    bench.add(0, 0, "a");
    assert!(bench.start_all(9).is_empty());
    bench.line.return_due(until);
    assert_eq!(bench.start_all(9), [0, 1, 2]);
    assert!(bench.line.open(&"b".into()));
    assert!(!bench.line.open(&"b".into()));
    assert_eq!(bench.start_all(9), [3]);
}

#[test]
fn those_that_a_pause_outlasts_are_found_by_their_deadline() {
    let mut bench = Bench::new();
    for (id, scope, deadline) in [(1, "a", 50), (2, "a", 150), (3, "b", 50)] {
        let job = bench.job(id, 0, scope, Some(deadline));
        bench.line.enqueue(job);
    }
    let until = bench.at(100);
    let doomed: Vec<u64> = bench
        .line
        .doomed(&"a".into(), until)
        .iter()
        .map(|j| j.rank.id)
        .collect();
    assert_eq!(doomed, [1]);
    assert_eq!(bench.start_all(9), [2, 3]);
}

#[test]
fn a_position_counts_those_before_and_their_tokens() {
    let mut bench = Bench::new();
    for id in 1..=4 {
        bench.add(id, 0, if id == 2 { "b" } else { "a" });
    }
    let (job, before) = bench.line.position(4).unwrap();
    assert_eq!((job.rank.id, before), (4, (2, 4)));
    assert!(bench.line.position(9).is_none());
}

/// Counted, not timed: what is looked at in a lane of `depth`, in each kind of step.
fn looks(depth: u64) -> [u64; 4] {
    let mut bench = Bench::new();
    for id in 1..=depth {
        bench.add(id, id, "a");
    }
    let counted = |bench: &mut Bench, step: &mut dyn FnMut(&mut Bench, u64)| {
        let before = LOOKS.get();
        // Spread over the lane, each once.
        for i in 0..100 {
            step(bench, 1 + i * (depth / 100));
        }
        (LOOKS.get() - before) / 100
    };
    [
        counted(&mut bench, &mut |bench, id| {
            assert_eq!(bench.line.position(id).unwrap().1.0, id - 1);
        }),
        counted(&mut bench, &mut |bench, id| {
            assert!(matches!(bench.line.remove(id), Removed::Waiting(_)));
        }),
        counted(&mut bench, &mut |bench, id| bench.add(id, id, "a")),
        counted(&mut bench, &mut |bench, _| {
            bench.start(usize::MAX).unwrap();
        }),
    ]
}

#[test]
fn a_step_in_a_long_lane_costs_little_more_than_in_a_short_one() {
    let (short, long) = (looks(1_000), looks(100_000));
    for (step, (short, long)) in ["position", "remove", "enqueue", "launch"]
        .into_iter()
        .zip(short.into_iter().zip(long))
    {
        // The logarithms are as 3 to 5; the square roots would be as 1 to 10.
        assert!(long <= 3 * short + 10, "{step}: {short} and {long}");
        assert!(long < 150, "{step}: {long}");
    }
}

#[test]
fn what_is_kept_aside_comes_back_at_its_rank() {
    let mut bench = Bench::new();
    for id in 1..=4 {
        bench.add(id, id, "a");
    }
    bench.line.hold_next(7);
    bench.line.hold_next(7);
    assert_eq!(bench.start_all(1), [3]);
    assert_eq!((bench.line.waiting(), bench.line.waits(1)), (3, true));
    bench.line.release(7, 1);
    assert!(bench.line.holds(7));
    bench.line.release(7, 9);
    assert!(!bench.line.holds(7));
    assert_eq!(bench.start_all(9), [1, 2, 4]);
}

#[derive(Clone, Debug)]
enum Step {
    Add(u8, u64, Option<u64>),
    Start(usize),
    Land(usize),
    BackOff(usize, u64),
    Remove(u64),
    Tick(u64),
    Park(Option<u64>),
    Open(u8),
    Hold(u64),
    Release(u64, usize),
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
        proptest::option::of(0u64..60).prop_map(Step::Park),
        (0u8..3).prop_map(Step::Open),
        (0u64..2).prop_map(Step::Hold),
        (0u64..2, 0usize..4).prop_map(|(k, n)| Step::Release(k, n)),
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
                    while let Some(job) = bench.start(most) {
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
                Step::Park(ms) => {
                    let until = ms.map(|ms| bench.at(now + ms));
                    bench.line.park_next(until);
                }
                Step::Open(scope) => drop(bench.line.open(&format!("{scope}").into())),
                Step::Hold(key) => {
                    let next = bench.line.next(usize::MAX).map(|job| job.rank.id);
                    bench.line.hold_next(key);
                    prop_assert!(next.is_none_or(|id| bench.line.holds(key) && bench.line.waits(id)));
                }
                Step::Release(key, most) => {
                    let held = |line: &Line<Job, u64>| line.held.get(&key).map_or(0, BTreeMap::len);
                    let before = held(&bench.line);
                    bench.line.release(key, most);
                    prop_assert_eq!(held(&bench.line), before.saturating_sub(most));
                }
                Step::Tick(ms) => {
                    now += ms;
                    let at = bench.at(now);
                    bench.line.return_due(at);
                    ended.extend(bench.line.expired(at).iter().map(|job| job.rank.id));
                }
            }
            prop_assert_eq!(bench.line.in_flight, flying.len());
            let lanes = &bench.line.lanes;
            let first: BTreeSet<_> = lanes
                .iter()
                .filter(|(_, lane)| lane.parked == Parked::No)
                .filter_map(|(at, lane)| lane.jobs.first().map(|job| (job.rank, at)))
                .collect();
            let parked: BTreeSet<_> = lanes
                .iter()
                .filter_map(|(at, lane)| match lane.parked {
                    Parked::Until(until) => Some((until, at)),
                    _ => None,
                })
                .collect();
            prop_assert_eq!(&parked, &bench.line.parked);
            let scopes: HashMap<_, _> = lanes.iter().map(|(at, lane)| (lane.scope.clone(), at)).collect();
            prop_assert_eq!(&scopes, &bench.line.by_scope);
            prop_assert!(lanes.iter().all(|(_, lane)| !lane.jobs.is_empty()
                && lane.jobs.sums() == lane.jobs.iter().fold((0, 0), |sum, job| (sum.0 + 1, sum.1 + job.tokens()))));
            for (_, lane) in lanes {
                let ranks: Vec<Rank> = lane.jobs.iter().map(Ranked::rank).collect();
                prop_assert!(ranks.is_sorted());
                for (at, rank) in ranks.iter().enumerate() {
                    let tokens = ranks[..at].iter().map(|rank| rank.id).sum::<u64>();
                    prop_assert_eq!(lane.jobs.before(rank), (at as u64, tokens));
                    prop_assert_eq!(lane.jobs.get(rank).map(Ranked::rank), Some(*rank));
                }
            }
            prop_assert_eq!(&first, &bench.line.heads);
            prop_assert!(bench.line.held.values().all(|jobs| !jobs.is_empty()));
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
