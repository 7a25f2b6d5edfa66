//! The tree of a lane against a plain map, with so many in it that runs are split, emptied and merged.

use super::super::ordered::Ordered;
use super::*;

#[derive(Clone, Debug)]
enum Change {
    /// Ascending, as requests come.
    Append,
    /// Among the others, as a priority or a second attempt does.
    Insert(u64),
    Remove(prop::sample::Index),
    Pop(usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => Just(Change::Append),
        3 => (0u64..1_000).prop_map(Change::Insert),
        2 => any::<prop::sample::Index>().prop_map(Change::Remove),
        1 => (0usize..8).prop_map(Change::Pop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_tree_is_as_a_sorted_map(changes in proptest::collection::vec(change(), 100..800)) {
        let bench = Bench::new();
        let (mut tree, mut map) = (Ordered::new(), BTreeMap::new());
        let mut id = 0;
        for change in changes {
            match change {
                Change::Append | Change::Insert(_) => {
                    id += 1;
                    let due = if let Change::Insert(due) = change { due } else { 1_000 + id };
                    let job = bench.job(id, due, "a", None);
                    map.insert(job.rank, id);
                    tree.insert(job);
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
