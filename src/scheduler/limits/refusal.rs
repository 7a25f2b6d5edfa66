//! What a refusal teaches: which limit it was for, and the consequence, taken once per event.

use std::time::Duration;

use super::ledger::Place;
use super::pace::Asked;
use super::{Cost, Dimension, Limiter, Permit, Refusal, Time, Unit};

impl Limiter {
    /// Learns from a refusal. `old`: it is of an event that was learned from before, because it was sent before that.
    /// Returns the time to one permit, where the server's own figures tell it.
    pub(super) fn learn_from_refusal(
        &mut self,
        permit: &Permit,
        place: Place,
        now: Time,
        refusal: &Refusal,
        old: bool,
    ) -> Option<Duration> {
        if refusal.slow_down {
            if !old {
                let known = self.known_rate(Unit::Requests);
                let refused = self.describe(permit.cost, place, Unit::Requests);
                self.pace(Unit::Requests).slow_down(now, &refused, known);
            }
            return None;
        }
        let empty = match permit.told.any {
            true => permit.told.exhausted,
            false => self.likely_empty(permit.cost, refusal.dimension),
        };
        if empty.contains(&true) {
            Some(self.announced_limit_reached(permit, place, now, empty, old))
        } else {
            self.found_limit_reached(permit, place, now, refusal.dimension, old)
        }
    }

    /// The refusal is what the announced limit promised.
    fn announced_limit_reached(
        &mut self,
        permit: &Permit,
        place: Place,
        now: Time,
        empty: [bool; 4],
        old: bool,
    ) -> Duration {
        let since = self.ledger.since(place);
        let mut wait = Duration::ZERO;
        for (dimension, learned) in Dimension::ALL.into_iter().zip(&mut self.learned) {
            let (Some(learned), true) = (learned, empty[dimension.index()]) else {
                continue;
            };
            let cost = permit.cost.of(dimension.unit());
            if !permit.told.any {
                learned.was_empty(now, place.at, since.of(dimension.unit()));
            }
            if !old {
                learned.surprised(now, cost);
            }
            wait = wait
                .max(learned.wait_for(now, cost))
                .max(learned.interval(cost));
        }
        wait
    }

    /// The refusal has no announced reason: a limit that nobody tells.
    fn found_limit_reached(
        &mut self,
        permit: &Permit,
        place: Place,
        now: Time,
        named: Option<Dimension>,
        old: bool,
    ) -> Option<Duration> {
        let unit = named.map_or(Unit::Requests, Dimension::unit);
        let known = self.known_rate(unit);
        let refused = self.describe(permit.cost, place, unit);
        let pace = self.pace(unit);
        if old {
            pace.refused_again(&refused);
        } else {
            pace.refused(now, &refused, known);
        }
        // A pace that is only measured is no promise of the server.
        known.and(pace.interval(refused.cost))
    }

    /// The announced limits that may explain a refusal without headers: the one it names, else those nearly spent.
    fn likely_empty(&self, cost: Cost, named: Option<Dimension>) -> [bool; 4] {
        let mut empty = [false; 4];
        for (dimension, learned) in self.announced() {
            let spent = learned.level() < 2.0 * cost.of(dimension.unit());
            empty[dimension.index()] = spent && named.is_none_or(|named| named == dimension);
        }
        empty
    }

    pub(super) fn describe(&self, cost: Cost, place: Place, unit: Unit) -> Asked {
        Asked {
            sent: place.at,
            order: place.order,
            cost: cost.of(unit),
            since: self.ledger.since(place).of(unit),
        }
    }
}
