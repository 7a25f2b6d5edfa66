//! A few jobs that follow each other, of which one knows the ends, the number and the tokens without a look at any.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::{Rank, Ranked};

/// The longest run. What is looked at in one is bounded by it.
const LONGEST: usize = 32;

/// Jobs by rank, at most [`LONGEST`].
pub(super) struct Run<J> {
    jobs: VecDeque<J>,
    /// The ranks of the first and the last.
    ends: Option<(Rank, Rank)>,
    tokens: u64,
}

impl<J: Ranked> Run<J> {
    pub fn new() -> Run<J> {
        Run::of(VecDeque::new())
    }

    pub fn alone(job: J) -> Run<J> {
        let mut jobs = VecDeque::with_capacity(4);
        jobs.push_back(job);
        Run::of(jobs)
    }

    fn of(jobs: VecDeque<J>) -> Run<J> {
        let mut run = Run {
            tokens: jobs.iter().map(Ranked::tokens).sum(),
            jobs,
            ends: None,
        };
        run.find_ends();
        run
    }

    fn find_ends(&mut self) {
        let ends = self.jobs.front().zip(self.jobs.back());
        self.ends = ends.map(|(first, last)| (first.rank(), last.rank()));
    }

    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.jobs.len() == LONGEST
    }

    /// All of them: requests and tokens.
    pub fn sums(&self) -> (u64, u64) {
        (self.jobs.len() as u64, self.tokens)
    }

    pub fn first(&self) -> Option<&J> {
        self.jobs.front()
    }

    pub fn first_rank(&self) -> Option<Rank> {
        self.ends.map(|(first, _)| first)
    }

    /// Where a rank lies: before all of them, among them (or there are none), or after all.
    pub fn side(&self, rank: &Rank) -> Ordering {
        match &self.ends {
            Some((first, _)) if rank < first => Ordering::Less,
            Some((_, last)) if last < rank => Ordering::Greater,
            _ => Ordering::Equal,
        }
    }

    /// Whether one of them ranks before, or is the one of that rank.
    pub fn begins_by(&self, rank: &Rank) -> bool {
        self.ends.is_some_and(|(first, _)| first <= *rank)
    }

    /// Whether one of them ranks after, or is the one of that rank.
    pub fn lasts_to(&self, rank: &Rank) -> bool {
        self.ends.is_some_and(|(_, last)| *rank <= last)
    }

    /// The place of a rank, or where it would be.
    fn find(&self, rank: &Rank) -> Result<usize, usize> {
        self.jobs.binary_search_by_key(rank, Ranked::rank)
    }

    pub fn get(&self, rank: &Rank) -> Option<&J> {
        self.jobs.get(self.find(rank).ok()?)
    }

    /// Those that rank before: requests and tokens.
    pub fn before(&self, rank: &Rank) -> (u64, u64) {
        match self.side(rank) {
            Ordering::Less => (0, 0),
            Ordering::Greater => self.sums(),
            Ordering::Equal => {
                let (Ok(at) | Err(at)) = self.find(rank);
                let tokens = self.jobs.range(..at).map(Ranked::tokens).sum();
                (at as u64, tokens)
            }
        }
    }

    /// Adds a job. The run must not be full.
    pub fn insert(&mut self, job: J) {
        let rank = job.rank();
        self.tokens += job.tokens();
        match self.ends {
            Some((first, last)) if rank < last => {
                let (Ok(at) | Err(at)) = self.find(&rank);
                self.jobs.insert(at, job);
                self.ends = Some((first.min(rank), last));
            }
            Some((first, _)) => {
                self.jobs.push_back(job);
                self.ends = Some((first, rank));
            }
            None => {
                self.jobs.push_back(job);
                self.ends = Some((rank, rank));
            }
        }
    }

    /// Keeps the lower half; what comes back is the upper.
    pub fn halve(&mut self) -> Run<J> {
        let upper = Run::of(self.jobs.split_off(self.jobs.len() / 2));
        self.tokens -= upper.tokens;
        self.find_ends();
        upper
    }

    pub fn pop_first(&mut self) -> Option<J> {
        let job = self.jobs.pop_front()?;
        self.tokens -= job.tokens();
        let last = self.ends.map(|(_, last)| last);
        self.ends = self.jobs.front().map(Ranked::rank).zip(last);
        Some(job)
    }

    pub fn remove(&mut self, rank: &Rank) -> Option<J> {
        let job = self.jobs.remove(self.find(rank).ok()?)?;
        self.tokens -= job.tokens();
        self.find_ends();
        Some(job)
    }

    pub fn iter(&self) -> impl Iterator<Item = &J> {
        self.jobs.iter()
    }
}
