//! The tree of a lane against a plain map, with so many in it that runs are split, emptied and merged.

use super::super::ordered::Ordered;
use super::*;

#[derive(Clone, Debug)]
enum Change {
    /// So many, ascending, as requests come.
    Append(usize),
    /// Among the others, as a priority or a second attempt does.
    Insert(u64),
    Remove(prop::sample::Index),
    /// The youngest, as one who thinks better of it does.
    RemoveLast,
    Pop(usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        2 => (1usize..120).prop_map(Change::Append),
        3 => (0u64..1_000).prop_map(Change::Insert),
        2 => any::<prop::sample::Index>().prop_map(Change::Remove),
        1 => Just(Change::RemoveLast),
        2 => (0usize..80).prop_map(Change::Pop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_tree_is_as_a_sorted_map(changes in proptest::collection::vec(change(), 50..250)) {
        let bench = Bench::new();
        let (mut tree, mut map) = (Ordered::new(), BTreeMap::new());
        let mut id = 0;
        for change in changes {
            match change {
                Change::Append(times) => for _ in 0..times {
                    id += 1;
                    let job = bench.job(id, 1_000 + id, "a", None);
                    map.insert(job.rank, id);
                    tree.insert(job);
                }
                Change::Insert(due) => {
                    id += 1;
                    let job = bench.job(id, due * 4, "a", None);
                    map.insert(job.rank, id);
                    tree.insert(job);
                }
                Change::RemoveLast => if let Some((rank, _)) = map.pop_last() {
                    prop_assert_eq!(tree.remove(&rank).map(|job| job.rank), Some(rank));
                }
                Change::Remove(which) => {
                    let absent = Rank { due: bench.at(500), id: 0 };
                    prop_assert!(tree.remove(&absent).is_none() && tree.get(&absent).is_none());
                    if let Some(rank) = (!map.is_empty()).then(|| *which.get(&map.keys().copied().collect::<Vec<_>>())) {
                        prop_assert_eq!(tree.remove(&rank).map(|job| job.rank), Some(rank));
                        map.remove(&rank);
                    }
                }
                Change::Pop(times) => for _ in 0..times {
                    let popped = tree.pop_first().map(|job| job.rank);
                    prop_assert_eq!(popped, map.pop_first().map(|(rank, _)| rank));
                }
            }
            prop_assert_eq!(tree.sums(), (map.len() as u64, map.values().sum::<u64>()));
            prop_assert_eq!(tree.first().map(Ranked::rank), map.keys().next().copied());
            prop_assert_eq!(tree.is_empty(), map.is_empty());
            prop_assert!(tree.runs().0);
        }
        prop_assert!(tree.iter().map(Ranked::rank).eq(map.keys().copied()));
        let mut tokens = 0;
        for (at, (rank, id)) in map.iter().enumerate() {
            prop_assert_eq!(tree.before(rank), (at as u64, tokens));
            prop_assert_eq!(tree.get(rank).map(Ranked::rank), Some(*rank));
            // Between two of them, where none is.
            let next = Rank { id: rank.id + 1, ..*rank };
            if !map.contains_key(&next) {
                prop_assert_eq!(tree.before(&next), (at as u64 + 1, tokens + id));
            }
            tokens += id;
        }
    }
}

/// Appends so many to `tree`, and gives the number of runs in the middle.
fn append(bench: &Bench, tree: &mut Ordered<Job>, ids: std::ops::Range<u64>) -> usize {
    for id in ids {
        tree.insert(bench.job(id, id, "a", None));
    }
    tree.runs().1
}

#[test]
fn runs_stay_full_when_the_youngest_were_cancelled() {
    let bench = Bench::new();
    let mut tree = Ordered::new();
    append(&bench, &mut tree, 0..101);
    for id in 96..101 {
        let rank = bench.job(id, id, "a", None).rank;
        assert!(tree.remove(&rank).is_some());
    }
    let runs = append(&bench, &mut tree, 101..10_101);
    assert!(runs <= 10_096 / 32, "{runs} runs");
}

#[test]
fn one_that_ranks_late_sends_nobody_through_the_tree() {
    let bench = Bench::new();
    let mut tree = Ordered::new();
    tree.insert(bench.job(1, 1_000_000, "a", None));
    for id in 2..1_000 {
        tree.insert(bench.job(id, id, "a", None));
        assert_eq!(tree.runs(), (true, 0));
        if id > 20 {
            tree.pop_first();
        }
    }
}
