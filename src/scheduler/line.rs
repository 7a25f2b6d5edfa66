//! The waiting line: which request is next. Pure: time comes in as an argument, what to do comes out.
//!
//! Requests wait in lanes, one for each scope; within a lane the order is `accepted + priority · ageing` and then the
//! id, so it is FIFO inside a priority and nothing waits for ever. A free slot goes to the oldest head among the lanes
//! that are open. A lane whose limits let nothing through is parked until a time or until something happens in its
//! scope, and holds up no other. One whose events nobody reads is kept aside until they are read. What concerns one
//! request takes O(log n); what takes out several looks at each, and at those of other lanes that expire meanwhile.
//!
//! Invariants:
//! - each id known to `places` is in exactly one of: a lane, `held`, `backoff`, in flight.
//! - `by_scope` has the number of each lane; numbers are used again.
//! - `in_flight` counts the places in flight; `waiting` counts the others.
//! - `heads` holds the first rank of each open lane, and nothing else; no lane is empty.
//! - `parked` holds each lane that is parked until a time, with that time, and nothing else.

mod ordered;
mod run;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use slab::Slab;
use tokio::time::Instant;

use self::ordered::Ordered;

use super::ids::ById;

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
    /// Takes the line's own copy of the scope's name, so that many who wait hold one.
    fn share_scope(&mut self, scope: &Scope);
    fn deadline(&self) -> Option<Instant>;
    /// The tokens that it will be charged.
    fn tokens(&self) -> u64;
}

/// The line. `J` is a job, `F` what is kept of one in flight.
pub struct Line<J, F> {
    /// By their numbers, which stand for the scope wherever one request is looked at: a name would have to be hashed,
    /// compared and counted as shared each time.
    lanes: Slab<Lane<J>>,
    by_scope: HashMap<Scope, usize>,
    heads: BTreeSet<(Rank, usize)>,
    parked: BTreeSet<(Instant, usize)>,
    backoff: BTreeMap<(Instant, u64), J>,
    /// By what they wait for; no map is empty.
    held: HashMap<u64, BTreeMap<Rank, J>>,
    deadlines: BTreeSet<(Instant, u64)>,
    places: ById<Place<F>>,
    in_flight: usize,
}

struct Lane<J> {
    scope: Scope,
    jobs: Ordered<J>,
    parked: Parked,
}

/// Whether a lane's head may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parked {
    No,
    /// Until then, or until something happens in its scope.
    Until(Instant),
    /// Until something happens in its scope.
    Blocked,
}

enum Place<F> {
    /// In the lane of that number, at the rank of this `due`.
    Waiting(Instant, usize),
    Held(u64, Instant),
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
            lanes: Slab::new(),
            by_scope: HashMap::new(),
            heads: BTreeSet::new(),
            parked: BTreeSet::new(),
            backoff: BTreeMap::new(),
            held: HashMap::new(),
            deadlines: BTreeSet::new(),
            places: ById::default(),
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

    /// Requests that hold a slot.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether a request waits in its lane, or aside of it.
    pub fn waits(&self, id: u64) -> bool {
        matches!(
            self.places.get(&id),
            Some(Place::Waiting(..) | Place::Held(..))
        )
    }

    /// Adds a request to its lane.
    pub fn enqueue(&mut self, mut job: J) {
        let lane = self.lane_of(job.scope());
        job.share_scope(&self.lanes[lane].scope);
        if let Some(deadline) = job.deadline() {
            self.deadlines.insert((deadline, job.rank().id));
        }
        self.insert(lane, job);
    }

    /// The number of the lane of a scope, made if there is none.
    fn lane_of(&mut self, scope: &Scope) -> usize {
        if let Some(lane) = self.by_scope.get(scope) {
            return *lane;
        }
        let lane = self.lanes.insert(Lane {
            scope: scope.clone(),
            jobs: Ordered::new(),
            parked: Parked::No,
        });
        self.by_scope.insert(scope.clone(), lane);
        lane
    }

    fn insert(&mut self, at: usize, job: J) {
        let rank = job.rank();
        self.places.insert(rank.id, Place::Waiting(rank.due, at));
        let lane = &mut self.lanes[at];
        let head = lane.jobs.first_rank();
        lane.jobs.insert(job);
        if lane.parked == Parked::No && head.is_none_or(|head| rank < head) {
            if let Some(head) = head {
                self.heads.remove(&(head, at));
            }
            self.heads.insert((rank, at));
        }
    }

    /// Brings a job that was kept aside back into its lane.
    fn bring_back(&mut self, job: J) {
        let lane = self.lane_of(job.scope());
        self.insert(lane, job);
    }

    fn remove_waiting(&mut self, rank: Rank, at: usize) -> Option<J> {
        let lane = self.lanes.get_mut(at)?;
        if lane.jobs.first_rank() != Some(rank) {
            return lane.jobs.remove(&rank);
        }
        let job = lane.jobs.pop_first()?;
        let head = lane.jobs.first_rank();
        if let (Some(head), Parked::No) = (head, lane.parked) {
            // Before the old one goes: a set that was empty in between would give its memory back, and ask for it again.
            self.heads.insert((head, at));
        }
        self.heads.remove(&(rank, at));
        if head.is_none() {
            if let Parked::Until(until) = lane.parked {
                self.parked.remove(&(until, at));
            }
            let lane = self.lanes.remove(at);
            self.by_scope.remove(&lane.scope);
        }
        Some(job)
    }

    /// The next request, if fewer than `most` are in flight: the oldest head of the open lanes.
    pub fn next(&self, most: usize) -> Option<&J> {
        if self.in_flight >= most {
            return None;
        }
        let (_, lane) = self.heads.first()?;
        self.lanes.get(*lane)?.jobs.first()
    }

    /// Takes the next request and gives it a slot; `flight` is what is kept of it.
    pub fn launch_next(&mut self, flight: F) -> Option<J> {
        let job = self.take_next()?;
        self.places.insert(job.rank().id, Place::InFlight(flight));
        self.in_flight += 1;
        Some(job)
    }

    /// Takes the next request out of the line.
    pub fn take_next(&mut self) -> Option<J> {
        let (rank, lane) = *self.heads.first()?;
        let job = self.remove_waiting(rank, lane)?;
        self.places.remove(&rank.id);
        self.forget_deadline(&job);
        Some(job)
    }

    /// Takes the next request out of its lane and keeps it aside until `key` is released.
    pub fn hold_next(&mut self, key: u64) {
        let Some((rank, lane)) = self.heads.first().copied() else {
            return;
        };
        if let Some(job) = self.remove_waiting(rank, lane) {
            self.places.insert(rank.id, Place::Held(key, rank.due));
            self.held.entry(key).or_default().insert(rank, job);
        }
    }

    /// Brings at most `most` of those kept aside back into their lanes, at the rank that they had, oldest first.
    pub fn release(&mut self, key: u64, most: usize) {
        for _ in 0..most {
            let Some(jobs) = self.held.get_mut(&key) else {
                return;
            };
            let job = jobs.pop_first().map(|(_, job)| job);
            if jobs.is_empty() {
                self.held.remove(&key);
            }
            if let Some(job) = job {
                self.bring_back(job);
            }
        }
    }

    /// Whether anything is kept aside.
    pub fn holds(&self, key: u64) -> bool {
        self.held.contains_key(&key)
    }

    /// Parks the lane of the next request until `until`, or for as long as nothing happens in its scope.
    pub fn park_next(&mut self, until: Option<Instant>) {
        let Some((_, at)) = self.heads.pop_first() else {
            return;
        };
        if let Some(lane) = self.lanes.get_mut(at) {
            lane.parked = until.map_or(Parked::Blocked, Parked::Until);
            if let Some(until) = until {
                self.parked.insert((until, at));
            }
        }
    }

    /// Until when a lane is parked, if a time is known.
    pub fn parked_until(&self, scope: &str) -> Option<Instant> {
        match self.lane(scope)?.parked {
            Parked::Until(until) => Some(until),
            Parked::No | Parked::Blocked => None,
        }
    }

    /// Opens a parked lane; true if it was parked.
    pub fn open(&mut self, scope: &Scope) -> bool {
        match self.by_scope.get(scope) {
            Some(lane) => self.open_lane(*lane),
            None => false,
        }
    }

    fn open_lane(&mut self, at: usize) -> bool {
        let lane = &mut self.lanes[at];
        match std::mem::replace(&mut lane.parked, Parked::No) {
            Parked::No => return false,
            Parked::Until(until) => drop(self.parked.remove(&(until, at))),
            Parked::Blocked => {}
        }
        if let Some(head) = lane.jobs.first_rank() {
            self.heads.insert((head, at));
        }
        true
    }

    /// Opens every lane.
    pub fn open_all(&mut self) {
        let lanes: Vec<usize> = self.lanes.iter().map(|(at, _)| at).collect();
        for lane in lanes {
            self.open_lane(lane);
        }
    }

    fn lane(&self, scope: &str) -> Option<&Lane<J>> {
        self.lanes.get(*self.by_scope.get(scope)?)
    }

    /// The first request of a lane.
    pub fn first(&self, scope: &str) -> Option<&J> {
        self.lane(scope)?.jobs.first()
    }

    /// What waits in a lane: requests and their tokens.
    pub fn ahead(&self, scope: &Scope) -> (u64, u64) {
        self.lane(scope).map_or((0, 0), |lane| lane.jobs.sums())
    }

    /// What waits in a lane before a rank: requests and their tokens.
    pub fn before(&self, scope: &Scope, rank: &Rank) -> (u64, u64) {
        self.lane(scope)
            .map_or((0, 0), |lane| lane.jobs.before(rank))
    }

    /// The lanes with something in them, and how much.
    pub fn depths(&self) -> impl Iterator<Item = (&Scope, u64)> {
        self.lanes
            .iter()
            .map(|(_, lane)| (&lane.scope, lane.jobs.sums().0))
    }

    /// Where a waiting request stands in its lane, from 0: those before it and their tokens.
    pub fn position(&self, id: u64) -> Option<(&J, (u64, u64))> {
        let Some(Place::Waiting(due, lane)) = self.places.get(&id) else {
            return None;
        };
        let rank = &Rank { due: *due, id };
        let lane = self.lanes.get(*lane)?;
        Some((lane.jobs.get(rank)?, lane.jobs.before(rank)))
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

    /// Opens the lanes whose time has come, and brings those whose backoff is over back into their lanes, at the rank
    /// that they had.
    pub fn return_due(&mut self, now: Instant) {
        while let Some(&(until, lane)) = self.parked.first() {
            if until > now {
                break;
            }
            self.open_lane(lane);
        }
        while let Some(entry) = self.backoff.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let job = entry.remove();
            self.bring_back(job);
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

    /// Takes out those of a lane that cannot go before their deadline, since nothing of the lane goes before `until`.
    pub fn doomed(&mut self, scope: &Scope, until: Instant) -> Vec<J> {
        let Some(lane) = self.by_scope.get(scope) else {
            return Vec::new();
        };
        let ids: Vec<u64> = self
            .deadlines
            .range(..(until, 0))
            .map(|(_, id)| *id)
            .filter(|id| matches!(self.places.get(id), Some(Place::Waiting(_, at)) if at == lane))
            .collect();
        self.take_ids(ids)
    }

    /// Takes those out of their lanes that `which` picks, in the order of their ids.
    pub fn take_waiting(&mut self, which: impl Fn(&J) -> bool) -> Vec<J> {
        let lanes = self.lanes.iter().flat_map(|(_, lane)| lane.jobs.iter());
        let mut ids: Vec<u64> = lanes
            .filter(|job| which(job))
            .map(|job| job.rank().id)
            .collect();
        ids.sort_unstable();
        self.take_ids(ids)
    }

    fn take_ids(&mut self, ids: Vec<u64>) -> Vec<J> {
        ids.into_iter()
            .filter_map(|id| match self.remove(id) {
                Removed::Waiting(job) => Some(job),
                _ => None,
            })
            .collect()
    }

    /// When there is something to do without any outcome: a backoff, a parked lane or a deadline.
    pub fn next_change(&self) -> Option<Instant> {
        let due = self.backoff.first_key_value().map(|((due, _), _)| *due);
        let deadline = self.deadlines.first().map(|(deadline, _)| *deadline);
        // A parked lane matters only while a slot is free, but then at once.
        let parked = self.parked.first().map(|(until, _)| *until);
        [due, deadline, parked].into_iter().flatten().min()
    }

    /// Takes a request out, wherever it is.
    pub fn remove(&mut self, id: u64) -> Removed<J, F> {
        let job = match self.places.remove(&id) {
            None => return Removed::Unknown,
            Some(Place::InFlight(flight)) => {
                self.in_flight -= 1;
                return Removed::InFlight(flight);
            }
            Some(Place::Waiting(due, lane)) => self.remove_waiting(Rank { due, id }, lane),
            Some(Place::Held(key, due)) => self.remove_held(key, Rank { due, id }),
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

    fn remove_held(&mut self, key: u64, rank: Rank) -> Option<J> {
        let jobs = self.held.get_mut(&key)?;
        let job = jobs.remove(&rank);
        if jobs.is_empty() {
            self.held.remove(&key);
        }
        job
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
