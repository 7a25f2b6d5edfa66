//! The circuit breaker of one origin and model: when everything fails, stop asking for a while.
//!
//! The scheduler asks [`Breaker::allow`] before each attempt and reports how the attempt went. Pure: time is an
//! argument. It never counts a 429 or a 408 and never fails a request; requests wait within their deadlines.

use std::time::Duration;

use super::limits::Time;

/// See the module.
#[derive(Clone, Debug)]
pub struct Breaker {
    /// Failures that open it; 0 is "off".
    threshold: u32,
    reset: Duration,
    stage: Stage,
    /// Grows when it opens and when it closes: attempts of an earlier round say nothing about this one.
    round: u64,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Closed {
        failures: u32,
        /// When the first of them came. What was under way then fails of the same cause and is not counted again.
        since: Time,
    },
    Open {
        until: Time,
    },
    HalfOpen,
}

/// What [`Breaker::allow`] answers.
#[derive(Debug)]
pub enum Allow {
    /// The attempt may start.
    Go(Ticket),
    /// Not before then.
    At(Time),
    /// The probe is out; ask again after its outcome.
    Blocked,
}

/// One attempt. It ends in exactly one of [`Breaker::succeeded`], [`Breaker::failed`], [`Breaker::refused`] and
/// [`Breaker::cancelled`].
#[derive(Debug)]
pub struct Ticket {
    started: Time,
    round: u64,
    probe: bool,
}

impl Ticket {
    /// This attempt decides whether the breaker closes. When it fails, that costs no retry, and the next probe is to
    /// be another request.
    pub fn is_probe(&self) -> bool {
        self.probe
    }
}

/// What statistics show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Attempts pass.
    Closed,
    /// None pass before then.
    Open {
        /// When a probe may go.
        until: Time,
    },
    /// A probe is out.
    HalfOpen,
}

impl Breaker {
    /// A closed breaker. `failures` 0 turns it off.
    pub fn new(failures: u32, reset: Duration) -> Breaker {
        Breaker {
            threshold: failures,
            reset,
            stage: CLOSED,
            round: 0,
        }
    }

    /// May an attempt start?
    pub fn allow(&mut self, now: Time) -> Allow {
        let probe = match self.stage {
            Stage::Closed { .. } => false,
            Stage::Open { until } if now < until => return Allow::At(until),
            Stage::Open { .. } => {
                self.stage = Stage::HalfOpen;
                true
            }
            Stage::HalfOpen => return Allow::Blocked,
        };
        Allow::Go(Ticket {
            started: now,
            round: self.round,
            probe,
        })
    }

    /// The attempt's answer came, and it is no failure of the server.
    pub fn succeeded(&mut self, ticket: Ticket) {
        if ticket.probe {
            self.enter(CLOSED);
        } else if self.is_current(&ticket) {
            self.stage = CLOSED;
        }
    }

    /// The connection failed, the attempt timed out, or the answer was a 500 or above. `retry_after` is what a 503
    /// asked for.
    pub fn failed(&mut self, ticket: Ticket, now: Time, retry_after: Option<Duration>) {
        let until = now + self.reset.max(retry_after.unwrap_or_default());
        match &mut self.stage {
            _ if ticket.probe => self.enter(Stage::Open { until }),
            Stage::Open { until } => {
                // A straggler does not prolong it, but the server's own word does.
                *until = (*until).max(now + retry_after.unwrap_or_default());
            }
            Stage::Closed { failures, since } if ticket.round == self.round => {
                if *failures == 0 {
                    *since = now;
                } else if ticket.started < *since {
                    return;
                }
                *failures += 1;
                if self.threshold > 0 && *failures >= self.threshold {
                    self.enter(Stage::Open { until });
                }
            }
            Stage::Closed { .. } | Stage::HalfOpen => {}
        }
    }

    /// The answer was a 429 or a 408: the server works, but that alone does not make up for failures.
    pub fn refused(&mut self, ticket: Ticket) {
        if ticket.probe {
            self.enter(CLOSED);
        }
    }

    /// The attempt was given up before its answer came.
    pub fn cancelled(&mut self, ticket: Ticket, now: Time) {
        if ticket.probe {
            self.stage = Stage::Open { until: now };
        }
    }

    /// What statistics show.
    pub fn state(&self) -> BreakerState {
        match self.stage {
            Stage::Closed { .. } => BreakerState::Closed,
            Stage::Open { until } => BreakerState::Open { until },
            Stage::HalfOpen => BreakerState::HalfOpen,
        }
    }

    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.round += 1;
    }

    fn is_current(&self, ticket: &Ticket) -> bool {
        ticket.round == self.round && matches!(self.stage, Stage::Closed { .. })
    }
}

const CLOSED: Stage = Stage::Closed {
    failures: 0,
    since: Time::ZERO,
};

#[cfg(test)]
mod tests {
    use super::*;

    const RESET: Duration = Duration::from_millis(500);

    fn at(ms: u64) -> Time {
        Duration::from_millis(ms)
    }

    fn go(breaker: &mut Breaker, now: u64) -> Ticket {
        match breaker.allow(at(now)) {
            Allow::Go(ticket) => ticket,
            other => panic!("at {now} ms: {other:?}"),
        }
    }

    /// One step of a table: an attempt from `start` to `end`, and how it went.
    #[derive(Clone, Copy)]
    enum How {
        Ok,
        Fails,
        FailsAskingFor(u64),
        Refused,
        Cancelled,
    }
    use How::*;

    fn end(breaker: &mut Breaker, ticket: Ticket, now: u64, how: How) {
        match how {
            Ok => breaker.succeeded(ticket),
            Fails => breaker.failed(ticket, at(now), None),
            FailsAskingFor(ms) => breaker.failed(ticket, at(now), Some(at(ms))),
            Refused => breaker.refused(ticket),
            Cancelled => breaker.cancelled(ticket, at(now)),
        }
    }

    type Case<'a> = (&'a str, &'a [(u64, u64, How)], BreakerState);

    fn run(breaker: &mut Breaker, attempts: &[(u64, u64, How)]) {
        for (start, done, how) in attempts {
            let ticket = go(breaker, *start);
            end(breaker, ticket, *done, *how);
        }
    }

    #[test]
    fn attempts_in_turn() {
        let open = |ms| BreakerState::Open { until: at(ms) };
        let closed = BreakerState::Closed;
        let cases: &[Case] = &[
            ("two failures", &[(0, 1, Fails), (2, 3, Fails)], closed),
            (
                "three",
                &[(0, 1, Fails), (2, 3, Fails), (4, 5, Fails)],
                open(505),
            ),
            (
                "a success between",
                &[(0, 1, Fails), (2, 3, Fails), (4, 5, Ok), (6, 7, Fails)],
                closed,
            ),
            (
                "a 429 neither counts nor clears",
                &[
                    (0, 1, Fails),
                    (2, 3, Refused),
                    (4, 5, Fails),
                    (6, 7, Refused),
                    (8, 9, Fails),
                ],
                open(509),
            ),
            (
                "429s alone",
                &[(0, 1, Refused), (2, 3, Refused), (4, 5, Refused)],
                closed,
            ),
            (
                "cancelled",
                &[
                    (0, 1, Fails),
                    (2, 3, Cancelled),
                    (4, 5, Fails),
                    (6, 7, Cancelled),
                ],
                closed,
            ),
            (
                "the server asks for longer",
                &[(0, 1, Fails), (2, 3, Fails), (4, 5, FailsAskingFor(9_000))],
                open(9_005),
            ),
            (
                "the probe succeeds",
                &[(0, 1, Fails), (2, 3, Fails), (4, 5, Fails), (505, 506, Ok)],
                closed,
            ),
            (
                "the probe is refused by a limit",
                &[
                    (0, 1, Fails),
                    (2, 3, Fails),
                    (4, 5, Fails),
                    (505, 506, Refused),
                ],
                closed,
            ),
            (
                "the probe fails",
                &[
                    (0, 1, Fails),
                    (2, 3, Fails),
                    (4, 5, Fails),
                    (505, 506, Fails),
                ],
                open(1_006),
            ),
            (
                "the probe fails and asks for longer",
                &[
                    (0, 1, Fails),
                    (2, 3, Fails),
                    (4, 5, Fails),
                    (505, 506, FailsAskingFor(4_000)),
                ],
                open(4_506),
            ),
            (
                "the probe is cancelled",
                &[
                    (0, 1, Fails),
                    (2, 3, Fails),
                    (4, 5, Fails),
                    (505, 510, Cancelled),
                ],
                open(510),
            ),
        ];
        for (name, attempts, want) in cases {
            let mut breaker = Breaker::new(3, RESET);
            run(&mut breaker, attempts);
            assert_eq!(breaker.state(), *want, "{name}");
        }
    }

    #[test]
    fn sixty_four_failing_together_are_one_failure() {
        let mut breaker = Breaker::new(2, RESET);
        let tickets: Vec<_> = (0..64).map(|n| go(&mut breaker, n)).collect();
        for ticket in tickets {
            breaker.failed(ticket, at(100), None);
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        run(&mut breaker, &[(101, 102, Fails)]);
        assert_eq!(breaker.state(), BreakerState::Open { until: at(602) });
    }

    #[test]
    fn half_open_lets_one_through() {
        let mut breaker = Breaker::new(1, RESET);
        run(&mut breaker, &[(0, 1, Fails)]);
        assert!(matches!(breaker.allow(at(500)), Allow::At(t) if t == at(501)));
        let probe = go(&mut breaker, 501);
        assert!(probe.is_probe());
        assert!(matches!(breaker.allow(at(501)), Allow::Blocked));
        assert!(matches!(breaker.allow(at(9_000)), Allow::Blocked));
        breaker.cancelled(probe, at(9_000));
        assert!(go(&mut breaker, 9_000).is_probe());
    }

    #[test]
    fn stragglers_of_an_earlier_round_decide_nothing() {
        let mut breaker = Breaker::new(1, RESET);
        let [early, late, good] = [0, 1, 2].map(|n| go(&mut breaker, n));
        run(&mut breaker, &[(3, 10, Fails)]);
        breaker.failed(early, at(400), None);
        breaker.succeeded(good);
        assert_eq!(breaker.state(), BreakerState::Open { until: at(510) });
        run(&mut breaker, &[(510, 511, Ok)]);
        breaker.failed(late, at(520), None);
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn a_straggling_503_with_retry_after_keeps_it_open() {
        let mut breaker = Breaker::new(1, RESET);
        let straggler = go(&mut breaker, 0);
        run(&mut breaker, &[(1, 10, Fails)]);
        breaker.failed(straggler, at(20), Some(at(3_000)));
        assert_eq!(breaker.state(), BreakerState::Open { until: at(3_020) });
    }

    #[test]
    fn off_never_opens() {
        let mut breaker = Breaker::new(0, RESET);
        for n in 0..1_000 {
            run(&mut breaker, &[(n * 2, n * 2 + 1, Fails)]);
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
}
