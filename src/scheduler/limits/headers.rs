//! Reads what an answer's headers say about limits.
//!
//! The scheduler calls [`Snapshot::read`] once per answer. Nothing here judges a value against another: a number that
//! cannot be a limit is simply absent, and `learned` decides what the rest means.

use std::ops::RangeInclusive;
use std::time::Duration;

/// One dimension as an answer tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Reading {
    /// The whole limit.
    pub limit: Option<u64>,
    /// What is left of it.
    pub remaining: Option<u64>,
    /// Time until it is full again.
    pub reset: Option<Span>,
    /// The period the limit belongs to, where the server says so (Azure's `renewalperiod`).
    pub period: Option<Duration>,
}

impl Reading {
    /// Limit and remaining. A reading that contradicts itself is no reading.
    pub(super) fn level(&self) -> Option<(u64, u64)> {
        let (limit, remaining) = (self.limit?, self.remaining?);
        (remaining <= limit).then_some((limit, remaining))
    }
}

/// A duration and how finely it was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// The duration.
    pub value: Duration,
    /// The weight of its last digit: the true value lies within one of these.
    pub grain: Duration,
}

/// The limits that one answer tells.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// By [`Dimension::index`](super::Dimension::index).
    pub readings: [Reading; 4],
    /// Time the server worked on the answer.
    pub processing: Option<Duration>,
    /// A rate limit header was there, whether or not it could be read.
    pub any: bool,
}

/// Periods that a limit may have; anything else is a mistake, and believing it could stop a scope for ever.
const PERIODS: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(31 * 86_400);

impl Snapshot {
    /// Reads headers, their names in lower case. It walks them once and allocates nothing: it runs for every answer.
    pub fn read<'h>(headers: impl Iterator<Item = (&'h str, &'h [u8])>) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let mut azure_resets = [None; 4];
        for (name, value) in headers {
            if let Some(name) = name.strip_prefix("x-ratelimit-") {
                snapshot.note(name, value);
            } else if let Some(dimension) = name.strip_prefix("x-rate-limit-reset-") {
                if let Some(index) = dimension_of(dimension) {
                    snapshot.any = true;
                    azure_resets[index] = azure_resets[index].or(span(value));
                }
            } else if name == "openai-processing-ms" {
                snapshot.processing =
                    number(value).and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok());
            }
        }
        for (reading, azure_reset) in snapshot.readings.iter_mut().zip(azure_resets) {
            reading.reset = reading.reset.or(azure_reset);
        }
        snapshot
    }

    /// Takes in one header, named without its `x-ratelimit-`.
    fn note(&mut self, name: &str, value: &[u8]) {
        // Names are short: a plain search beats the one for long texts.
        let Some(dash) = name.bytes().position(|byte| byte == b'-') else {
            return;
        };
        let (field, dimension) = (&name[..dash], &name[dash + 1..]);
        let Some(reading) = dimension_of(dimension).map(|index| &mut self.readings[index]) else {
            return;
        };
        match field {
            "limit" => reading.limit = count(value).filter(|limit| *limit > 0),
            "remaining" => reading.remaining = count(value),
            "reset" => reading.reset = span(value),
            "renewalperiod" => {
                reading.period = span(value)
                    .map(|period| period.value)
                    .filter(|period| PERIODS.contains(period));
            }
            _ => return,
        }
        self.any = true;
    }
}

/// As [`Dimension::index`](super::Dimension::index).
fn dimension_of(name: &str) -> Option<usize> {
    match name {
        "requests" => Some(0),
        "tokens" => Some(1),
        "project-requests" => Some(2),
        "project-tokens" => Some(3),
        _ => None,
    }
}

/// A count of requests or tokens. Negative, fractional and absurd values are none: a limit above 2^53 says nothing.
fn count(text: &[u8]) -> Option<u64> {
    let digits = text.trim_ascii();
    if digits.is_empty() {
        return None;
    }
    let mut count = 0;
    for digit in digits {
        if !digit.is_ascii_digit() || count >= 1 << 53 {
            return None;
        }
        count = 10 * count + u64::from(digit - b'0');
    }
    (count < 1 << 53).then_some(count)
}

fn number(text: &[u8]) -> Option<f64> {
    let number: f64 = std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number)
}

/// Durations as servers write them: `1s`, `6m0s`, `120ms`, `1h2m3.5s`, or plain seconds.
fn span(text: &[u8]) -> Option<Span> {
    let text = text.trim_ascii();
    let mut rest = text;
    let (mut value, mut grain) = (0.0, 0.0);
    if rest.is_empty() {
        return None;
    }
    let is_figure = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    while !rest.is_empty() {
        let digits = rest.iter().take_while(|byte| is_figure(byte)).count();
        let (figure, tail) = rest.split_at(digits);
        let letters = tail.iter().take_while(|byte| !is_figure(byte)).count();
        let (unit, next) = tail.split_at(letters);
        let scale = match unit {
            // Plain seconds stand alone: `1h5` is not a duration.
            b"" if figure.len() == text.len() => 1.0,
            b"s" => 1.0,
            b"ms" => 1e-3,
            // Both of Unicode's micro signs.
            b"us" | b"\xc2\xb5s" | b"\xce\xbcs" => 1e-6,
            b"ns" => 1e-9,
            b"m" => 60.0,
            b"h" => 3_600.0,
            b"d" => 86_400.0,
            _ => return None,
        };
        let (amount, step) = match figure.iter().position(|byte| *byte == b'.') {
            None => (count(figure)? as f64, scale),
            Some(point) => {
                let decimals = (figure.len() - point - 1).min(9);
                (number(figure)?, scale * 10f64.powi(-(decimals as i32)))
            }
        };
        value += amount * scale;
        grain = step;
        rest = next;
    }
    Some(Span {
        value: Duration::try_from_secs_f64(value).ok()?,
        grain: Duration::try_from_secs_f64(grain).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Dimension;
    use super::*;

    fn read(headers: &[(&str, &str)]) -> Snapshot {
        Snapshot::read(
            headers
                .iter()
                .map(|(name, value)| (*name, value.as_bytes())),
        )
    }

    #[test]
    fn durations_as_servers_write_them() {
        let cases: &[(&str, Option<(f64, f64)>)] = &[
            ("1s", Some((1.0, 1.0))),
            ("6m0s", Some((360.0, 1.0))),
            ("120ms", Some((0.12, 1e-3))),
            ("1h2m3.5s", Some((3723.5, 0.1))),
            ("7.66s", Some((7.66, 0.01))),
            ("2m59.56s", Some((179.56, 0.01))),
            ("1d", Some((86_400.0, 86_400.0))),
            ("250µs", Some((0.00025, 1e-6))),
            ("59", Some((59.0, 1.0))),
            (" 0.5 ", Some((0.5, 0.1))),
            ("0s", Some((0.0, 1.0))),
            ("", None),
            ("-1s", None),
            ("s", None),
            ("1h5", None),
            ("1 s", None),
            ("1.2.3s", None),
            ("soon", None),
            ("inf", None),
            ("NaN", None),
            ("1e3", None),
            ("99999999999999999999h", None),
        ];
        for (text, want) in cases {
            let got = span(text.as_bytes()).map(|s| (s.value.as_secs_f64(), s.grain.as_secs_f64()));
            assert_eq!(got, *want, "{text:?}");
        }
    }

    #[test]
    fn values_that_are_no_ascii_are_read_or_absent() {
        let micro = Span {
            value: Duration::from_micros(250),
            grain: Duration::from_micros(1),
        };
        assert_eq!(span("250µs".as_bytes()), Some(micro));
        assert_eq!(span("250μs".as_bytes()), Some(micro));
        for bad in [&b"250\xb5s"[..], b"\xff", b"1.\xff", b"5\xff"] {
            assert_eq!(span(bad), None);
            assert_eq!((count(bad), number(bad)), (None, None));
            assert!(Snapshot::read([("x-ratelimit-limit-requests", bad)].into_iter()).any);
        }
    }

    #[test]
    fn counts_end_where_a_float_does_not_tell_them_apart() {
        let most = (1u64 << 53) - 1;
        let text = |count: u64| count.to_string().into_bytes();
        assert_eq!(count(&text(most)), Some(most));
        assert_eq!(count(&text(most + 1)), None);
        assert_eq!(count(&text(u64::MAX)), None);
        assert_eq!(count(b"00000000000000000000000042"), Some(42));
        assert_eq!(
            (count(b" 7 "), count(b" "), count(b"7 7")),
            (Some(7), None, None)
        );
    }

    #[test]
    fn openai_headers() {
        let snapshot = read(&[
            ("x-ratelimit-limit-requests", "6000"),
            ("x-ratelimit-remaining-requests", "5999"),
            ("x-ratelimit-reset-requests", "10ms"),
            ("x-ratelimit-limit-tokens", "2000000"),
            ("x-ratelimit-remaining-tokens", "1999985"),
            ("x-ratelimit-reset-tokens", "0s"),
            ("x-ratelimit-limit-project-tokens", "500000"),
            ("x-ratelimit-remaining-project-tokens", "499985"),
            ("openai-processing-ms", "312"),
        ]);
        assert!(snapshot.any);
        assert_eq!(snapshot.processing, Some(Duration::from_millis(312)));
        let requests = snapshot.readings[Dimension::Requests.index()];
        assert_eq!(
            (requests.limit, requests.remaining),
            (Some(6000), Some(5999))
        );
        let project = snapshot.readings[Dimension::ProjectTokens.index()];
        assert_eq!((project.limit, project.reset), (Some(500_000), None));
        assert_eq!(
            snapshot.readings[Dimension::ProjectRequests.index()],
            Reading::default()
        );
    }

    #[test]
    fn azure_spellings() {
        let snapshot = read(&[
            ("x-ratelimit-limit-requests", "20"),
            ("x-ratelimit-remaining-requests", "19"),
            ("x-ratelimit-renewalperiod-requests", "10"),
            ("x-ratelimit-remaining-tokens", "61353"),
            ("x-rate-limit-reset-tokens", "55"),
        ]);
        let requests = snapshot.readings[Dimension::Requests.index()];
        assert_eq!(requests.period, Some(Duration::from_secs(10)));
        let tokens = snapshot.readings[Dimension::Tokens.index()];
        assert_eq!((tokens.limit, tokens.remaining), (None, Some(61_353)));
        assert_eq!(tokens.reset.map(|r| r.value), Some(Duration::from_secs(55)));
    }

    #[test]
    fn what_cannot_be_a_limit_is_absent() {
        for value in [
            "0",
            "-1",
            "-6000",
            "6e3",
            "1.5",
            "many",
            "",
            "99999999999999999999",
        ] {
            let snapshot = read(&[("x-ratelimit-limit-requests", value)]);
            assert_eq!(snapshot.readings, [Reading::default(); 4], "{value:?}");
            assert!(snapshot.any, "{value:?}");
        }
        assert!(!read(&[("date", "now")]).any);
        for period in ["0", "0.001", "1e18", "99999999999", "-10"] {
            let snapshot = read(&[("x-ratelimit-renewalperiod-requests", period)]);
            assert_eq!(snapshot.readings, [Reading::default(); 4], "{period:?}");
        }
    }
}
