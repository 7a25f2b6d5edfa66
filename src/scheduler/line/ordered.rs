//! The jobs of one lane in the order of their ranks, with sums kept along: how many are before one, and their tokens,
//! is found as fast as the job itself.
//!
//! The first and the last few are runs of their own, since nearly all come last and go first: that is a step in a run,
//! and the tree between the two changes once in many. It is a treap of runs: a search tree by rank and a heap by a
//! number drawn from an id, which keeps it as deep as a random tree, O(log n), whatever the order of arrival. As each
//! node holds a run, a job costs a pointer and not a node. On the way down no job is looked at, since each look may miss
//! the processor's cache: a run knows its ends. Runs that cancels have shortened are not joined: what remains then takes
//! no more than all of it took before. A job's rank and tokens must not change while it is here, and the tokens of all
//! must fit into 64 bits. Only [`super::Line`] uses it.
//!
//! Invariants:
//! - all of `front` rank before all of the tree, and those before all of `back`.
//! - the tree is empty if `front` or `back` is.

use std::cmp::Ordering;

use super::run::Run;
use super::{Rank, Ranked};

/// Jobs by rank.
pub(super) struct Ordered<J> {
    front: Run<J>,
    root: Link<J>,
    back: Run<J>,
}

type Link<J> = Option<Box<Node<J>>>;

struct Node<J> {
    /// Never empty.
    run: Run<J>,
    /// Those that rank before the run.
    left: Link<J>,
    /// Those that rank after it.
    right: Link<J>,
    /// The run and all below it: requests and tokens.
    sums: (u64, u64),
    /// No node below has a greater one.
    weight: u64,
}

impl<J: Ranked> Ordered<J> {
    pub fn new() -> Ordered<J> {
        Ordered {
            front: Run::new(),
            root: None,
            back: Run::new(),
        }
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.front.is_empty() && self.back.is_empty()
    }

    /// All of them: requests and tokens.
    pub fn sums(&self) -> (u64, u64) {
        plus(plus(self.front.sums(), sums(&self.root)), self.back.sums())
    }

    pub fn first(&self) -> Option<&J> {
        self.front.first().or_else(|| self.back.first())
    }

    /// The rank of the first, found without a look at it.
    pub fn first_rank(&self) -> Option<Rank> {
        self.front.first_rank().or_else(|| self.back.first_rank())
    }

    pub fn get(&self, rank: &Rank) -> Option<&J> {
        if self.front.lasts_to(rank) {
            return self.front.get(rank);
        }
        if self.back.begins_by(rank) {
            return self.back.get(rank);
        }
        let mut link = &self.root;
        while let Some(node) = link {
            link = match node.run.side(rank) {
                Ordering::Less => &node.left,
                Ordering::Greater => &node.right,
                Ordering::Equal => return node.run.get(rank),
            };
        }
        None
    }

    /// Those that rank before: requests and tokens.
    pub fn before(&self, rank: &Rank) -> (u64, u64) {
        let mut before = plus(self.front.before(rank), self.back.before(rank));
        let mut link = &self.root;
        while let Some(node) = link {
            let side = node.run.side(rank);
            if side == Ordering::Less {
                link = &node.left;
                continue;
            }
            before = plus(before, plus(sums(&node.left), node.run.before(rank)));
            if side == Ordering::Equal {
                break;
            }
            link = &node.right;
        }
        before
    }

    /// Adds a job whose rank is not here yet.
    pub fn insert(&mut self, job: J) {
        let rank = job.rank();
        if self.back.begins_by(&rank) {
            if !self.back.is_full() {
                return self.back.insert(job);
            }
            if !self.back.lasts_to(&rank) {
                let full = std::mem::replace(&mut self.back, Run::alone(job));
                return self.keep(full);
            }
            let upper = self.back.halve();
            let lower = std::mem::replace(&mut self.back, upper);
            self.keep(lower);
            return self.insert(job);
        }
        if self.front.lasts_to(&rank) {
            if !self.front.is_full() {
                return self.front.insert(job);
            }
            let upper = self.front.halve();
            if self.back.is_empty() {
                self.back = upper;
            } else {
                add(&mut self.root, upper);
            }
            return self.insert(job);
        }
        if self.back.is_empty() {
            self.back.insert(job);
        } else if self.root.is_none() && !self.front.is_full() {
            self.front.insert(job);
        } else if let Some(run) = insert(&mut self.root, job, &rank) {
            add(&mut self.root, run);
        }
    }

    /// Takes in what was the last run.
    fn keep(&mut self, run: Run<J>) {
        if self.front.is_empty() {
            self.front = run;
        } else {
            add(&mut self.root, run);
        }
    }

    /// The same as removing the first, without a look at any but it and the next.
    pub fn pop_first(&mut self) -> Option<J> {
        if self.front.is_empty() {
            return self.back.pop_first();
        }
        let job = self.front.pop_first();
        self.fill_front();
        job
    }

    pub fn remove(&mut self, rank: &Rank) -> Option<J> {
        if self.front.lasts_to(rank) {
            let job = self.front.remove(rank);
            self.fill_front();
            job
        } else if self.back.begins_by(rank) {
            let job = self.back.remove(rank);
            self.fill_back();
            job
        } else {
            remove(&mut self.root, rank)
        }
    }

    fn fill_front(&mut self) {
        if self.front.is_empty() {
            if let Some(run) = take_end(&mut self.root, Node::before) {
                self.front = run;
            }
        }
    }

    fn fill_back(&mut self) {
        if self.back.is_empty() {
            if let Some(run) = take_end(&mut self.root, Node::after) {
                self.back = run;
            }
        }
    }

    /// Whether the invariants hold, and the number of runs in the tree.
    #[cfg(test)]
    pub fn runs(&self) -> (bool, usize) {
        fn count<J>(link: &Link<J>) -> usize {
            link.as_ref()
                .map_or(0, |node| 1 + count(&node.left) + count(&node.right))
        }
        let ends = !self.front.is_empty() && !self.back.is_empty();
        (ends || self.root.is_none(), count(&self.root))
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &J> {
        let mut open = Vec::new();
        let mut link = &self.root;
        let tree = std::iter::from_fn(move || {
            while let Some(node) = link {
                open.push(node);
                link = &node.left;
            }
            let node = open.pop()?;
            link = &node.right;
            Some(&node.run)
        });
        let runs = [&self.front].into_iter().chain(tree).chain([&self.back]);
        runs.flat_map(Run::iter)
    }
}

impl<J> Node<J> {
    fn before(&mut self) -> &mut Link<J> {
        &mut self.left
    }

    fn after(&mut self) -> &mut Link<J> {
        &mut self.right
    }
}

impl<J: Ranked> Node<J> {
    /// Sums up anew, after something below or in the run has changed.
    fn sum(&mut self) {
        let below = plus(sums(&self.left), sums(&self.right));
        self.sums = plus(below, self.run.sums());
    }
}

fn plus(a: (u64, u64), b: (u64, u64)) -> (u64, u64) {
    (a.0 + b.0, a.1 + b.1)
}

fn sums<J>(link: &Link<J>) -> (u64, u64) {
    link.as_ref().map_or((0, 0), |node| node.sums)
}

/// Adds a job to the run where it belongs. What was too much for that run is returned, to be added as another.
fn insert<J: Ranked>(link: &mut Link<J>, job: J, rank: &Rank) -> Option<Run<J>> {
    let Some(node) = link else {
        return Some(Run::alone(job));
    };
    let too_many = match node.run.side(rank) {
        Ordering::Less if node.left.is_some() => insert(&mut node.left, job, rank),
        Ordering::Greater if node.right.is_some() => insert(&mut node.right, job, rank),
        _ => {
            // Split before it grows: a run that once was longer would keep twice the room.
            let mut upper = node.run.is_full().then(|| node.run.halve());
            match &mut upper {
                Some(upper) if upper.begins_by(rank) => upper.insert(job),
                _ => node.run.insert(job),
            }
            upper
        }
    };
    node.sum();
    too_many
}

/// Adds a run that lies between two others, or at an end.
fn add<J: Ranked>(link: &mut Link<J>, run: Run<J>) {
    if let Some(first) = run.first_rank() {
        let node = Node {
            sums: run.sums(),
            run,
            left: None,
            right: None,
            weight: weight(first.id),
        };
        add_node(link, Box::new(node), &first);
    }
}

fn add_node<J: Ranked>(link: &mut Link<J>, mut node: Box<Node<J>>, rank: &Rank) {
    match link {
        Some(top) if top.weight >= node.weight => {
            match top.run.side(rank) {
                Ordering::Less => add_node(&mut top.left, node, rank),
                _ => add_node(&mut top.right, node, rank),
            }
            top.sum();
        }
        _ => {
            (node.left, node.right) = split(link.take(), rank);
            node.sum();
            *link = Some(node);
        }
    }
}

/// Takes the run at one end out, to which `on` leads.
fn take_end<J: Ranked>(link: &mut Link<J>, on: fn(&mut Node<J>) -> &mut Link<J>) -> Option<Run<J>> {
    let node = link.as_mut()?;
    if on(node).is_some() {
        let run = take_end(on(node), on);
        node.sum();
        return run;
    }
    let mut node = link.take()?;
    // On that side there is nothing.
    *link = node.left.take().or(node.right.take());
    Some(node.run)
}

fn remove<J: Ranked>(link: &mut Link<J>, rank: &Rank) -> Option<J> {
    let node = link.as_mut()?;
    let job = match node.run.side(rank) {
        Ordering::Less => remove(&mut node.left, rank),
        Ordering::Greater => remove(&mut node.right, rank),
        Ordering::Equal => node.run.remove(rank),
    };
    if node.run.is_empty() {
        *link = merge(node.left.take(), node.right.take());
    } else {
        node.sum();
    }
    job
}

/// Those whose runs rank before, and the others. The rank lies in no run.
fn split<J: Ranked>(link: Link<J>, rank: &Rank) -> (Link<J>, Link<J>) {
    let Some(mut node) = link else {
        return (None, None);
    };
    if node.run.side(rank) == Ordering::Less {
        let (before, after) = split(node.left.take(), rank);
        node.left = after;
        node.sum();
        (before, Some(node))
    } else {
        let (before, after) = split(node.right.take(), rank);
        node.right = before;
        node.sum();
        (Some(node), after)
    }
}

/// One tree of two; all of `before` rank before all of `after`.
fn merge<J: Ranked>(before: Link<J>, after: Link<J>) -> Link<J> {
    match (before, after) {
        (None, other) | (other, None) => other,
        (Some(mut before), Some(mut after)) => Some(if before.weight >= after.weight {
            before.right = merge(before.right.take(), Some(after));
            before.sum();
            before
        } else {
            after.left = merge(Some(before), after.left.take());
            after.sum();
            after
        }),
    }
}

/// Ids follow each other, their weights do not: splitmix64.
fn weight(id: u64) -> u64 {
    let mut bits = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
