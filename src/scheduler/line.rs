//! The waiting line: which request is next. Pure: time comes in as an argument, what to do comes out.
//!
//! Requests wait in lanes, one for each scope; within a lane the order is `accepted + priority · ageing` and then the
//! id, so it is FIFO inside a priority and nothing waits for ever. A free slot goes to the oldest head among the lanes.
//! All operations are O(log n).
//!
//! Invariants:
//! - each id known to `places` is in exactly one of: a lane, `backoff`, in flight.
//! - `in_flight` counts the places in flight; `waiting` counts the others.
//! - `heads` holds the first rank of each lane that has one, and nothing else.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tokio::time::Instant;

/// What shares an order and its limits: a model, or a path where there is no model.
pub type Scope = Arc<str>;

/// A request's place in the order of its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// Acceptance, put back by its priority.
    pub due: Instant,
    pub id: u64,
}

/// What the line needs to know of a request.
pub trait Ranked {
    fn rank(&self) -> Rank;
    fn scope(&self) -> &Scope;
    fn deadline(&self) -> Option<Instant>;
}

/// The line. `J` is a job, `F` what is kept of one in flight.
pub struct Line<J, F> {
    lanes: HashMap<Scope, BTreeMap<Rank, J>>,
    heads: BTreeSet<(Rank, Scope)>,
    backoff: BTreeMap<(Instant, u64), J>,
    deadlines: BTreeSet<(Instant, u64)>,
    places: HashMap<u64, Place<F>>,
    in_flight: usize,
}

enum Place<F> {
    Waiting(Rank, Scope),
    BackedOff(Instant),
    InFlight(F),
}

/// What became of a cancelled id.
pub enum Removed<J, F> {
    /// It had not been sent, or was between two attempts.
    Waiting(J),
    /// It was in flight; its slot is free.
    InFlight(F),
    Unknown,
}

impl<J: Ranked, F> Line<J, F> {
    pub fn new() -> Line<J, F> {
        Line {
            lanes: HashMap::new(),
            heads: BTreeSet::new(),
            backoff: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            places: HashMap::new(),
            in_flight: 0,
        }
    }

    /// Requests that wait for a slot or for the end of a backoff.
    pub fn waiting(&self) -> usize {
        self.places.len() - self.in_flight
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Adds a request to its lane.
    pub fn enqueue(&mut self, job: J) {
        if let Some(deadline) = job.deadline() {
            self.deadlines.insert((deadline, job.rank().id));
        }
        self.insert(job);
    }

    fn insert(&mut self, job: J) {
        let (rank, scope) = (job.rank(), job.scope().clone());
        self.places
            .insert(rank.id, Place::Waiting(rank, scope.clone()));
        let lane = self.lanes.entry(scope.clone()).or_default();
        let head = lane.first_key_value().map(|(head, _)| *head);
        lane.insert(rank, job);
        if head.is_none_or(|head| rank < head) {
            if let Some(head) = head {
                self.heads.remove(&(head, scope.clone()));
            }
            self.heads.insert((rank, scope));
        }
    }

    fn remove_waiting(&mut self, rank: Rank, scope: &Scope) -> Option<J> {
        let lane = self.lanes.get_mut(scope)?;
        let job = lane.remove(&rank)?;
        if self.heads.remove(&(rank, scope.clone()))
            && let Some((head, _)) = lane.first_key_value()
        {
            self.heads.insert((*head, scope.clone()));
        }
        if lane.is_empty() {
            self.lanes.remove(scope);
        }
        Some(job)
    }

    /// Takes the next request while fewer than `most` are in flight; `launch` makes what is kept of it.
    pub fn start(&mut self, most: usize, launch: impl FnOnce(&J) -> F) -> Option<J> {
        if self.in_flight >= most {
            return None;
        }
        let (rank, scope) = self.heads.first()?.clone();
        let job = self.remove_waiting(rank, &scope)?;
        self.forget_deadline(&job);
        self.places.insert(rank.id, Place::InFlight(launch(&job)));
        self.in_flight += 1;
        Some(job)
    }

    /// Ends a flight and frees its slot; false if a cancel did so before.
    pub fn land(&mut self, id: u64) -> bool {
        if !matches!(self.places.get(&id), Some(Place::InFlight(_))) {
            return false;
        }
        self.places.remove(&id);
        self.in_flight -= 1;
        true
    }

    /// Puts a landed request aside until `due`; it holds no slot meanwhile.
    pub fn back_off(&mut self, job: J, due: Instant) {
        let id = job.rank().id;
        if let Some(deadline) = job.deadline() {
            self.deadlines.insert((deadline, id));
        }
        self.places.insert(id, Place::BackedOff(due));
        self.backoff.insert((due, id), job);
    }

    /// Brings those whose backoff is over back into their lanes, at the rank that they had.
    pub fn return_due(&mut self, now: Instant) {
        while let Some(entry) = self.backoff.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let job = entry.remove();
            self.insert(job);
        }
    }

    /// Takes out those whose deadline has passed while they waited.
    pub fn expired(&mut self, now: Instant) -> Vec<J> {
        let mut expired = Vec::new();
        while let Some(&(deadline, id)) = self.deadlines.first() {
            if deadline > now {
                break;
            }
            self.deadlines.pop_first();
            if let Removed::Waiting(job) = self.remove(id) {
                expired.push(job);
            }
        }
        expired
    }

    /// When there is something to do without any outcome: a backoff or a deadline.
    pub fn next_change(&self) -> Option<Instant> {
        let due = self.backoff.first_key_value().map(|((due, _), _)| *due);
        let deadline = self.deadlines.first().map(|(deadline, _)| *deadline);
        match (due, deadline) {
            (Some(due), Some(deadline)) => Some(due.min(deadline)),
            (due, deadline) => due.or(deadline),
        }
    }

    /// Takes a request out, wherever it is.
    pub fn remove(&mut self, id: u64) -> Removed<J, F> {
        let job = match self.places.remove(&id) {
            None => return Removed::Unknown,
            Some(Place::InFlight(flight)) => {
                self.in_flight -= 1;
                return Removed::InFlight(flight);
            }
            Some(Place::Waiting(rank, scope)) => self.remove_waiting(rank, &scope),
            Some(Place::BackedOff(due)) => self.backoff.remove(&(due, id)),
        };
        match job {
            Some(job) => {
                self.forget_deadline(&job);
                Removed::Waiting(job)
            }
            None => Removed::Unknown,
        }
    }

    /// Takes everything out.
    pub fn clear(&mut self) -> (Vec<J>, Vec<F>) {
        let mut ids: Vec<u64> = self.places.keys().copied().collect();
        ids.sort_unstable();
        let (mut waiting, mut flights) = (Vec::new(), Vec::new());
        for id in ids {
            match self.remove(id) {
                Removed::Waiting(job) => waiting.push(job),
                Removed::InFlight(flight) => flights.push(flight),
                Removed::Unknown => {}
            }
        }
        (waiting, flights)
    }

    fn forget_deadline(&mut self, job: &J) {
        if let Some(deadline) = job.deadline() {
            self.deadlines.remove(&(deadline, job.rank().id));
        }
    }
}

#[cfg(test)]
mod tests;
