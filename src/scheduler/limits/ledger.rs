//! What this process sent in one scope, in what order, and what of it is still unanswered.
//!
//! The limiter writes it at each step of a request; `learned` reads from it what an answer's headers cannot have seen.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Cost, Time, Unit};

/// A request that was sent longer ago than this has reached the server, however long its answer takes.
const ON_THE_WAY: Duration = Duration::from_secs(2);

/// Requests and tokens together. A user's `max_tokens` may be any number, so sums of tokens saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Charge {
    requests: u64,
    tokens: u64,
}

impl Charge {
    pub fn of(self, unit: Unit) -> f64 {
        match unit {
            Unit::Requests => self.requests as f64,
            Unit::Tokens => self.tokens as f64,
        }
    }

    fn add(&mut self, cost: Cost) {
        self.requests += 1;
        self.tokens = self.tokens.saturating_add(cost.tokens);
    }

    fn remove(&mut self, cost: Cost) {
        self.requests -= 1;
        self.tokens = self.tokens.saturating_sub(cost.tokens);
    }

    fn minus(self, other: Charge) -> Charge {
        Charge {
            requests: self.requests - other.requests,
            tokens: self.tokens.saturating_sub(other.tokens),
        }
    }
}

/// Where a request stands in the order of sending.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub at: Time,
    pub order: u64,
    /// Everything sent up to and including this one.
    pub total: Charge,
}

/// Invariant: `open` is in the order of sending, and holds those that are unanswered and may still be on the way. What is
/// looked at for an answer is bounded by them, however much else is answered while one of them takes its time.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    admitted: Charge,
    sent: Charge,
    open: VecDeque<Sent>,
    /// The order of the next one.
    next: u64,
    in_flight: u64,
    awaiting: u64,
}

#[derive(Debug)]
struct Sent {
    order: u64,
    at: Time,
    cost: Cost,
}

impl Ledger {
    pub fn admit(&mut self, cost: Cost) {
        self.admitted.add(cost);
        self.in_flight += 1;
        self.awaiting += 1;
    }

    pub fn send(&mut self, cost: Cost, now: Time) -> Place {
        self.sent.add(cost);
        let order = self.next;
        self.next += 1;
        self.open.push_back(Sent {
            order,
            at: now,
            cost,
        });
        self.settle(now);
        Place {
            at: now,
            order,
            total: self.sent,
        }
    }

    /// The headers are here, or never will be.
    pub fn answer(&mut self, place: Option<Place>, now: Time) {
        self.awaiting -= 1;
        if let Some(Ok(at)) = place.map(|place| self.find(place)) {
            self.open.remove(at);
        }
        self.settle(now);
    }

    pub fn finish(&mut self) {
        self.in_flight -= 1;
    }

    /// Admitted, but no byte was written.
    pub fn refund(&mut self, cost: Cost) {
        self.admitted.remove(cost);
    }

    fn settle(&mut self, now: Time) {
        while self
            .open
            .front()
            .is_some_and(|sent| sent.at + ON_THE_WAY < now)
        {
            self.open.pop_front();
        }
    }

    /// Where a request stands among the open ones, or would stand.
    fn find(&self, place: Place) -> Result<usize, usize> {
        self.open
            .binary_search_by_key(&place.order, |sent| sent.order)
    }

    /// What went out, or was promised a place, after that request.
    pub fn since(&self, place: Place) -> Charge {
        self.admitted.minus(place.total)
    }

    /// What went out before that request and may have reached the server after it: mostly nothing or a handful, since
    /// answers come nearly in the order of sending.
    pub fn overtaken_by(&self, place: Place) -> Charge {
        let (Ok(before) | Err(before)) = self.find(place);
        let mut charge = Charge::default();
        for sent in self.open.range(..before) {
            charge.add(sent.cost);
        }
        charge
    }

    /// Admitted requests whose headers have not come.
    pub fn awaiting(&self) -> u64 {
        self.awaiting
    }

    /// Admitted requests that have not ended.
    pub fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Requests and tokens charged so far.
    pub fn charged(&self) -> (u64, u64) {
        (self.admitted.requests, self.admitted.tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Cost = Cost { tokens: 7 };

    fn at(ms: u64) -> Time {
        Duration::from_millis(ms)
    }

    fn ledger_with(sent: u64) -> (Ledger, Vec<Place>) {
        let mut ledger = Ledger::default();
        let places = (0..sent)
            .map(|n| {
                ledger.admit(COST);
                ledger.send(COST, at(n))
            })
            .collect();
        (ledger, places)
    }

    #[test]
    fn what_was_sent_since_includes_what_is_promised() {
        let (mut ledger, places) = ledger_with(5);
        ledger.admit(COST);
        assert_eq!(ledger.since(places[2]).of(Unit::Requests), 3.0);
        assert_eq!(ledger.since(places[2]).of(Unit::Tokens), 21.0);
        ledger.refund(COST);
        assert_eq!(ledger.since(places[2]).of(Unit::Requests), 2.0);
    }

    #[test]
    fn only_unanswered_earlier_requests_may_have_been_overtaken() {
        let (mut ledger, places) = ledger_with(5);
        ledger.answer(Some(places[1]), at(10));
        assert_eq!(ledger.overtaken_by(places[3]).of(Unit::Requests), 2.0);
        ledger.answer(Some(places[0]), at(10));
        ledger.answer(Some(places[2]), at(10));
        assert_eq!(ledger.overtaken_by(places[3]).of(Unit::Requests), 0.0);
    }

    #[test]
    fn one_slow_answer_does_not_keep_those_of_others() {
        let (mut ledger, places) = ledger_with(1);
        for n in 1..1_000 {
            ledger.admit(COST);
            let place = ledger.send(COST, at(n));
            assert_eq!(ledger.overtaken_by(place).of(Unit::Requests), 1.0);
            ledger.answer(Some(place), at(n));
            assert_eq!(ledger.open.len(), 1);
        }
        ledger.answer(Some(places[0]), at(1_000));
        assert!(ledger.open.is_empty());
    }

    #[test]
    fn what_was_sent_long_ago_has_arrived() {
        let (mut ledger, places) = ledger_with(3);
        ledger.admit(COST);
        let late = ledger.send(COST, at(10_000));
        assert_eq!(ledger.overtaken_by(late).of(Unit::Requests), 0.0);
        assert_eq!(ledger.awaiting(), 4);
        ledger.answer(Some(places[0]), at(10_001));
        assert_eq!(ledger.awaiting(), 3);
    }
}
