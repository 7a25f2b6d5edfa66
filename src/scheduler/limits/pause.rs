//! The pause after a refusal: once for the whole scope, then one request, then an even pace.
//!
//! The limiter asks it before anything else. Without it every request in flight would answer the same refusal with a
//! wait of its own, and all of them would come back at once.

use std::time::Duration;

use super::Time;

/// The first request after a pause is waited for only so long: a refusal comes quickly, a success may take a minute.
const LEAST_PATIENCE: Duration = Duration::from_millis(20);
const MOST_PATIENCE: Duration = Duration::from_secs(2);

/// After a pause requests go at up to this many times the rate, until the level is spent down to the limit's edge.
pub(super) const CATCHING_UP: f64 = 2.0;

/// See the module. `Default` is a scope that was never refused.
#[derive(Clone, Debug, Default)]
pub(super) struct Pause {
    stage: Stage,
    patience: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
enum Stage {
    #[default]
    None,
    /// Nothing goes until then; then one request.
    Until(Time),
    /// That one request is out. Others wait for its answer, but no longer than this.
    Probing { serial: u64, patience_ends: Time },
    /// An even pace: nothing goes before `next`.
    CatchingUp { next: Time },
}

/// What the pause allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Leave {
    Free,
    /// One request.
    Probe,
    /// An even pace, which allows one now.
    Paced,
    /// Not before then: the pause itself.
    Paused(Time),
    /// Not before then, or the answer to the first request after the pause.
    Probing(Time),
    /// Not before then: the even pace.
    Pacing(Time),
}

impl Pause {
    pub fn leave(&self, now: Time) -> Leave {
        match self.stage {
            Stage::None => Leave::Free,
            Stage::Until(end) if now < end => Leave::Paused(end),
            Stage::Until(_) => Leave::Probe,
            Stage::Probing { patience_ends, .. } if now < patience_ends => {
                Leave::Probing(patience_ends)
            }
            Stage::Probing { .. } => Leave::Paced,
            Stage::CatchingUp { next } if now < next => Leave::Pacing(next),
            Stage::CatchingUp { .. } => Leave::Paced,
        }
    }

    /// A refusal: nothing goes until `end`. `took` is how long the refusal took to come.
    pub fn refused(&mut self, end: Time, took: Duration) {
        self.patience = (took * 2).clamp(LEAST_PATIENCE, MOST_PATIENCE);
        let already = match self.stage {
            Stage::None => end,
            Stage::Until(already) => already,
            Stage::Probing { patience_ends, .. } => patience_ends,
            Stage::CatchingUp { next } => next,
        };
        // A refusal never lets anything go earlier.
        self.stage = Stage::Until(end.max(already));
    }

    pub fn probe(&mut self, serial: u64, now: Time) {
        self.stage = Stage::Probing {
            serial,
            patience_ends: now + self.patience,
        };
    }

    /// A request went at the even pace; the next may follow after `interval`.
    pub fn paced(&mut self, now: Time, interval: Duration) {
        self.stage = Stage::CatchingUp {
            next: now + interval,
        };
    }

    /// The probe was answered, and not refused.
    pub fn answered(&mut self, serial: u64, now: Time) {
        if self.is_probe(serial) {
            self.stage = Stage::CatchingUp { next: now };
        }
    }

    /// The probe ended without an answer; another request is to take its place.
    pub fn withdrawn(&mut self, serial: u64, now: Time) {
        if self.is_probe(serial) {
            self.stage = Stage::Until(now);
        }
    }

    /// The level is down to the edge of the limit, which now sets the pace itself.
    pub fn caught_up(&mut self) {
        if matches!(self.stage, Stage::CatchingUp { .. }) {
            self.stage = Stage::None;
        }
    }

    /// When the scope is paused: until when.
    pub fn until(&self, now: Time) -> Option<Time> {
        match self.stage {
            Stage::Until(end) if now < end => Some(end),
            _ => None,
        }
    }

    fn is_probe(&self, serial: u64) -> bool {
        matches!(self.stage, Stage::Probing { serial: probe, .. } if probe == serial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Duration::from_millis(ms)
    }

    #[test]
    fn one_request_follows_a_pause_then_an_even_pace() {
        let mut pause = Pause::default();
        assert_eq!(pause.leave(at(0)), Leave::Free);
        pause.refused(at(1000), at(2));
        assert_eq!(pause.leave(at(10)), Leave::Paused(at(1000)));
        assert_eq!(pause.until(at(10)), Some(at(1000)));
        assert_eq!(pause.leave(at(1000)), Leave::Probe);
        pause.probe(7, at(1000));
        assert_eq!(pause.leave(at(1001)), Leave::Probing(at(1020)));
        pause.answered(6, at(1001));
        assert_eq!(pause.leave(at(1001)), Leave::Probing(at(1020)));
        pause.answered(7, at(1002));
        assert_eq!(pause.leave(at(1002)), Leave::Paced);
        pause.paced(at(1002), at(5));
        assert_eq!(pause.leave(at(1003)), Leave::Pacing(at(1007)));
        pause.caught_up();
        assert_eq!(pause.leave(at(1003)), Leave::Free);
    }

    #[test]
    fn a_pause_is_extended_and_never_shortened() {
        let mut pause = Pause::default();
        pause.refused(at(1000), at(2));
        pause.refused(at(500), at(2));
        assert_eq!(pause.until(at(0)), Some(at(1000)));
        pause.refused(at(1500), at(2));
        assert_eq!(pause.until(at(0)), Some(at(1500)));
    }

    #[test]
    fn a_slow_probe_does_not_hold_the_scope() {
        let mut pause = Pause::default();
        pause.refused(at(100), at(60_000));
        pause.probe(1, at(100));
        assert_eq!(pause.leave(at(200)), Leave::Probing(at(2100)));
        assert_eq!(pause.leave(at(2100)), Leave::Paced);
    }

    #[test]
    fn a_withdrawn_probe_is_replaced() {
        let mut pause = Pause::default();
        pause.refused(at(100), at(2));
        pause.probe(1, at(100));
        pause.withdrawn(1, at(105));
        assert_eq!(pause.leave(at(105)), Leave::Probe);
    }
}
