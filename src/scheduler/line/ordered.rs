//! The jobs of one lane in the order of their ranks, with sums kept along: how many are before one, and their tokens,
//! is found as fast as the job itself.
//!
//! A treap of runs: a search tree by rank and a heap by a number drawn from an id, which keeps it as deep as a random
//! tree, O(log n), whatever the order of arrival. Each node holds a run of up to [`RUN`] jobs that follow each other, so
//! that a job costs a pointer and not a node, and one that comes last or goes first rarely changes the tree. On the way
//! down no job is looked at, since each look may miss the processor's cache: a node knows the ends of its run. Runs that
//! cancels have shortened are not joined: what remains then takes no more than all of it took before. A job's rank and
//! tokens must not change while it is here, and the tokens of all must fit into 64 bits. Only [`super::Line`] uses it.

use std::collections::VecDeque;

use super::{Rank, Ranked};

/// The longest run. What is looked at in one is bounded by it.
const RUN: usize = 32;

/// Jobs by rank.
pub(super) struct Ordered<J> {
    root: Link<J>,
}

type Link<J> = Option<Box<Node<J>>>;

struct Node<J> {
    /// In order, and never empty.
    run: VecDeque<J>,
    /// The ranks of the first and the last of the run.
    ends: (Rank, Rank),
    /// The tokens of the run.
    run_tokens: u64,
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
        Ordered { root: None }
    }

    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// All of them: requests and tokens.
    pub fn sums(&self) -> (u64, u64) {
        sums(&self.root)
    }

    pub fn first(&self) -> Option<&J> {
        let mut node = self.root.as_ref()?;
        while let Some(left) = &node.left {
            node = left;
        }
        node.run.front()
    }

    fn last(&self) -> Option<Rank> {
        let mut node = self.root.as_ref()?;
        while let Some(right) = &node.right {
            node = right;
        }
        Some(node.ends.1)
    }

    pub fn get(&self, rank: &Rank) -> Option<&J> {
        let mut link = &self.root;
        while let Some(node) = link {
            link = match node.side(rank) {
                Side::Left => &node.left,
                Side::Right => &node.right,
                Side::Run => return node.run.get(node.find(rank).ok()?),
            };
        }
        None
    }

    /// Those that rank before: requests and tokens.
    pub fn before(&self, rank: &Rank) -> (u64, u64) {
        let (mut count, mut tokens) = (0, 0);
        let mut link = &self.root;
        while let Some(node) = link {
            let side = node.side(rank);
            if let Side::Left = side {
                link = &node.left;
                continue;
            }
            let left = sums(&node.left);
            let (in_run, run_tokens) = if let Side::Right = side {
                (node.run.len(), node.run_tokens)
            } else {
                let (Ok(at) | Err(at)) = node.find(rank);
                (at, node.run.range(..at).map(Ranked::tokens).sum())
            };
            count += left.0 + in_run as u64;
            tokens += left.1 + run_tokens;
            link = &node.right;
            if let Side::Run = side {
                break;
            }
        }
        (count, tokens)
    }

    /// Adds a job whose rank is not here yet.
    pub fn insert(&mut self, job: J) {
        let rank = job.rank();
        let too_many = if self.last().is_some_and(|last| last < rank) {
            push_last(&mut self.root, job)
        } else {
            insert(&mut self.root, job, &rank)
        };
        if let Some(node) = too_many.and_then(Node::new) {
            add(&mut self.root, node);
        }
    }

    /// The same as removing the first, without a look at any other job.
    pub fn pop_first(&mut self) -> Option<J> {
        pop_first(&mut self.root)
    }

    pub fn remove(&mut self, rank: &Rank) -> Option<J> {
        remove(&mut self.root, rank)
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &J> {
        let mut open = Vec::new();
        let mut link = &self.root;
        let runs = std::iter::from_fn(move || {
            while let Some(node) = link {
                open.push(node);
                link = &node.left;
            }
            let node = open.pop()?;
            link = &node.right;
            Some(&node.run)
        });
        runs.flatten()
    }
}

/// Where a rank belongs, seen from a node.
enum Side {
    Left,
    Run,
    Right,
}

impl<J: Ranked> Node<J> {
    /// A node of a run; `None` for an empty one.
    fn new(run: VecDeque<J>) -> Option<Box<Node<J>>> {
        let ends = ends(&run)?;
        let run_tokens = run.iter().map(Ranked::tokens).sum();
        Some(Box::new(Node {
            weight: weight(ends.0.id),
            sums: (run.len() as u64, run_tokens),
            run,
            ends,
            run_tokens,
            left: None,
            right: None,
        }))
    }

    fn side(&self, rank: &Rank) -> Side {
        if *rank < self.ends.0 {
            Side::Left
        } else if self.ends.1 < *rank {
            Side::Right
        } else {
            Side::Run
        }
    }

    /// The place of a rank in the run, or where it would be.
    fn find(&self, rank: &Rank) -> Result<usize, usize> {
        self.run.binary_search_by_key(rank, Ranked::rank)
    }

    /// Sums up anew, after something below or in the run has changed.
    fn sum(&mut self) {
        let (left, right) = (sums(&self.left), sums(&self.right));
        self.sums = (
            left.0 + right.0 + self.run.len() as u64,
            left.1 + right.1 + self.run_tokens,
        );
    }
}

fn sums<J>(link: &Link<J>) -> (u64, u64) {
    link.as_ref().map_or((0, 0), |node| node.sums)
}

/// Adds a job that ranks after all others. A full run is left full, and what is returned is a run of its own.
fn push_last<J: Ranked>(link: &mut Link<J>, job: J) -> Option<VecDeque<J>> {
    let Some(node) = link else {
        return Some(alone(job));
    };
    let too_many = if node.right.is_some() {
        push_last(&mut node.right, job)
    } else if node.run.len() == RUN {
        Some(alone(job))
    } else {
        node.run_tokens += job.tokens();
        node.ends.1 = job.rank();
        node.run.push_back(job);
        None
    };
    node.sum();
    too_many
}

/// Adds a job to the run where it belongs. What was too much for that run is returned, to be added as another.
fn insert<J: Ranked>(link: &mut Link<J>, job: J, rank: &Rank) -> Option<VecDeque<J>> {
    let Some(node) = link else {
        return Some(alone(job));
    };
    let too_many = match node.side(rank) {
        Side::Left if node.left.is_some() => insert(&mut node.left, job, rank),
        Side::Right if node.right.is_some() => insert(&mut node.right, job, rank),
        _ => {
            let (Ok(at) | Err(at)) = node.find(rank);
            // Split before it grows: a run that once was longer would keep twice the room.
            let mut upper = (node.run.len() == RUN).then(|| node.run.split_off(RUN / 2));
            node.run_tokens += job.tokens();
            match &mut upper {
                Some(upper) if at > RUN / 2 => upper.insert(at - RUN / 2, job),
                _ => node.run.insert(at, job),
            }
            if let Some(upper) = &upper {
                node.run_tokens -= upper.iter().map(Ranked::tokens).sum::<u64>();
            }
            node.ends = ends(&node.run).unwrap_or(node.ends);
            upper
        }
    };
    node.sum();
    too_many
}

fn ends<J: Ranked>(run: &VecDeque<J>) -> Option<(Rank, Rank)> {
    Some((run.front()?.rank(), run.back()?.rank()))
}

fn alone<J>(job: J) -> VecDeque<J> {
    let mut run = VecDeque::with_capacity(4);
    run.push_back(job);
    run
}

/// Adds a node whose run lies between two others, or at an end.
fn add<J: Ranked>(link: &mut Link<J>, mut node: Box<Node<J>>) {
    let rank = node.ends.0;
    match link {
        Some(top) if top.weight >= node.weight => {
            match top.side(&rank) {
                Side::Left => add(&mut top.left, node),
                Side::Run | Side::Right => add(&mut top.right, node),
            }
            top.sum();
        }
        _ => {
            (node.left, node.right) = split(link.take(), &rank);
            node.sum();
            *link = Some(node);
        }
    }
}

fn pop_first<J: Ranked>(link: &mut Link<J>) -> Option<J> {
    let node = link.as_mut()?;
    if node.left.is_some() {
        let job = pop_first(&mut node.left);
        node.sum();
        return job;
    }
    let job = node.run.pop_front();
    settle(link, job)
}

fn remove<J: Ranked>(link: &mut Link<J>, rank: &Rank) -> Option<J> {
    let node = link.as_mut()?;
    let side = match node.side(rank) {
        Side::Left => &mut node.left,
        Side::Right => &mut node.right,
        Side::Run => {
            let at = node.find(rank).ok()?;
            let job = node.run.remove(at);
            return settle(link, job);
        }
    };
    let job = remove(side, rank);
    node.sum();
    job
}

/// Puts a node in order from whose run a job was taken.
fn settle<J: Ranked>(link: &mut Link<J>, job: Option<J>) -> Option<J> {
    let (node, job) = (link.as_mut()?, job?);
    node.run_tokens -= job.tokens();
    match ends(&node.run) {
        Some(ends) => {
            node.ends = ends;
            node.sum();
        }
        None => *link = merge(node.left.take(), node.right.take()),
    }
    Some(job)
}

/// Those whose runs rank before, and the others. The rank lies in no run.
fn split<J: Ranked>(link: Link<J>, rank: &Rank) -> (Link<J>, Link<J>) {
    let Some(mut node) = link else {
        return (None, None);
    };
    if let Side::Left = node.side(rank) {
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
