//! Infers the period that an announced limit belongs to.
//!
//! `learned` asks it at each answer. `limit` says "6000" and never "a minute": low tiers are told requests per day in
//! the same header, Azure tells ten seconds. But a bucket that refills steadily gives it away: what is missing takes
//! `reset` to come back, so the whole takes limit · reset / missing.

use std::time::Duration;

use super::headers::Span;

/// The periods that servers use, in seconds.
const PERIODS: [f64; 5] = [1.0, 10.0, 60.0, 3_600.0, 86_400.0];

/// A reading that speaks of one steadily refilled bucket falls onto its period, up to rounding. Off by more than this
/// factor `limit`, `remaining` and `reset` speak of different buckets, or of one that is refilled at once.
const FURTHEST: f64 = 1.284;

/// The same where rounding may have made a period of what is none.
const NEAR: f64 = 1.105;

/// From this on a limit says how much there is and nothing about the pace.
const DAY: f64 = 86_400.0;

/// What is known of a limit's period. The guess until something is known is a minute.
#[derive(Clone, Debug)]
pub(super) struct Window {
    seconds: f64,
    knowledge: Knowledge,
    /// How much of the limit was missing in the reading that it was inferred from. A bucket that is refilled at once
    /// fits any period while little is missing; the emptier it is, the nearer to the truth.
    share: f64,
    /// A differing inference that waits for a second one to agree.
    doubt: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Knowledge {
    Guessed,
    /// Inferred from a reading that rounding may have bent.
    Likely,
    Inferred,
    Told,
}

/// A period that one reading suggests.
#[derive(Clone, Copy, Debug)]
struct Inference {
    seconds: f64,
    share: f64,
    /// Rounding cannot have misled us.
    sure: bool,
}

impl Window {
    pub fn unknown() -> Window {
        Window {
            seconds: 60.0,
            knowledge: Knowledge::Guessed,
            share: 0.0,
            doubt: None,
        }
    }

    /// The limit is another one: the period may be, too.
    pub fn limit_changed(&mut self) {
        self.share = 0.0;
    }

    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    pub fn is_guess(&self) -> bool {
        self.knowledge == Knowledge::Guessed
    }

    pub fn is_a_day(&self) -> bool {
        self.seconds >= DAY
    }

    /// Takes in one reading. True when the period changed.
    pub fn observe(
        &mut self,
        limit: u64,
        remaining: u64,
        reset: Option<Span>,
        period: Option<Duration>,
    ) -> bool {
        if let Some(period) = period {
            return self.settle(period.as_secs_f64(), Knowledge::Told, 1.0);
        }
        let Some(found) = reset.and_then(|reset| infer(limit, remaining, reset)) else {
            return false;
        };
        let Inference {
            seconds,
            share,
            sure,
        } = found;
        match (self.knowledge, sure) {
            (Knowledge::Guessed | Knowledge::Likely, true) => {
                self.settle(seconds, Knowledge::Inferred, share)
            }
            (Knowledge::Guessed, false) => self.settle(seconds, Knowledge::Likely, share),
            (Knowledge::Inferred, true) if seconds == self.seconds => {
                self.share = self.share.max(share);
                self.doubt = None;
                false
            }
            // One odd reading must not turn a day into a minute, and a poor one never a good one.
            (Knowledge::Inferred, true)
                if share > 2.0 * self.share || self.doubt == Some(seconds) =>
            {
                self.settle(seconds, Knowledge::Inferred, share)
            }
            (Knowledge::Inferred, true) if share > 0.5 * self.share => {
                self.doubt = Some(seconds);
                false
            }
            _ => false,
        }
    }

    fn settle(&mut self, seconds: f64, knowledge: Knowledge, share: f64) -> bool {
        let changed = self.seconds != seconds;
        *self = Window {
            seconds,
            knowledge,
            share,
            doubt: None,
        };
        changed
    }
}

/// What a reading suggests. `remaining` and `reset` are both rounded: with little missing, or a reset of few digits,
/// only a value that falls right onto a period is believed.
fn infer(limit: u64, remaining: u64, reset: Span) -> Option<Inference> {
    let missing = limit.checked_sub(remaining).filter(|m| *m > 0)? as f64;
    let (reset, grain) = (reset.value.as_secs_f64(), reset.grain.as_secs_f64());
    if reset <= 0.0 {
        return None;
    }
    let estimate = limit as f64 * reset / missing;
    let nearest = PERIODS
        .into_iter()
        .find(|period| apart(*period, estimate) < FURTHEST)?;
    let sure = 1.0 / missing + grain / reset < 0.5;
    (sure || apart(nearest, estimate) < NEAR).then_some(Inference {
        seconds: nearest,
        share: missing / limit as f64,
        sure,
    })
}

/// The factor between two periods, whichever is the longer.
fn apart(a: f64, b: f64) -> f64 {
    (a / b).max(b / a)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(value: u64) -> Option<Span> {
        Some(Span {
            value: Duration::from_millis(value),
            grain: Duration::from_millis(1),
        })
    }

    fn whole_seconds(value: u64) -> Option<Span> {
        Some(Span {
            value: Duration::from_secs(value),
            grain: Duration::from_secs(1),
        })
    }

    #[test]
    fn each_period_is_inferred_from_one_reading() {
        let cases = [
            (100, 60, ms(400), 1.0),
            (100, 60, ms(4_000), 10.0),
            (6_000, 5_999, ms(10), 60.0),
            (6_000, 0, ms(60_000), 60.0),
            (3_600, 3_500, ms(100_000), 3_600.0),
            (200, 199, ms(432_000), 86_400.0),
            (10_000, 9_990, ms(86_400), 86_400.0),
        ];
        for (limit, remaining, reset, want) in cases {
            let mut window = Window::unknown();
            window.observe(limit, remaining, reset, None);
            assert_eq!((window.seconds(), window.is_guess()), (want, false));
        }
    }

    #[test]
    fn nothing_to_infer_leaves_the_minute() {
        let cases = [
            (6_000, 6_000, ms(0)),
            (6_000, 5_999, ms(0)),
            (6_000, 5_999, None),
            // One missing, and rounding makes 6 s of it: not near any period, so not believed.
            (6_000, 5_999, ms(1)),
            (2_000_000, 1_999_985, whole_seconds(1)),
            (5, 9, ms(10)),
            // The remaining and reset of a finer bucket beside the limit of a coarser one: 10 ms.
            (6_000, 49, ms(10)),
            (6_000, 0, ms(500)),
        ];
        for (limit, remaining, reset) in cases {
            let mut window = Window::unknown();
            assert!(!window.observe(limit, remaining, reset, None));
            assert!(window.is_guess(), "{limit} {remaining}");
            assert_eq!(window.seconds(), 60.0);
        }
    }

    #[test]
    fn what_the_server_says_outranks_what_is_inferred() {
        let mut window = Window::unknown();
        assert!(window.observe(20, 10, whole_seconds(3), Some(Duration::from_secs(10))));
        assert!(!window.observe(20, 10, ms(30_000), None));
        assert_eq!(window.seconds(), 10.0);
    }

    #[test]
    fn an_inferred_period_changes_only_when_two_readings_agree() {
        let mut window = Window::unknown();
        window.observe(100, 50, ms(30_000), None);
        assert!(!window.observe(100, 50, ms(500), None));
        assert!(!window.observe(100, 50, ms(30_000), None));
        assert!(!window.observe(100, 50, ms(500), None));
        assert!(window.observe(100, 40, ms(600), None));
        assert_eq!(window.seconds(), 1.0);
    }

    #[test]
    fn a_reading_from_an_emptier_bucket_is_worth_more() {
        // Refilled at once each minute: with little missing it looks like an hour.
        let mut window = Window::unknown();
        window.observe(600, 589, ms(57_000), None);
        assert_eq!(window.seconds(), 3_600.0);
        assert!(window.observe(600, 0, ms(50_000), None));
        assert!(!window.observe(600, 589, ms(57_000), None));
        assert!(!window.observe(600, 588, ms(57_000), None));
        assert_eq!(window.seconds(), 60.0);
    }

    #[test]
    fn with_another_limit_the_period_is_open_again() {
        let mut window = Window::unknown();
        window.observe(600, 0, ms(60_000), None);
        window.limit_changed();
        assert!(window.observe(10_000, 9_900, ms(864_000), None));
        assert!(window.is_a_day());
    }

    #[test]
    fn a_day_says_nothing_of_the_pace() {
        let mut window = Window::unknown();
        window.observe(200, 100, ms(43_200_000), None);
        assert!(window.is_a_day());
    }
}
