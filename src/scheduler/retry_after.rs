//! What the server asks us to wait, in all the ways servers say it.
//!
//! In this order: `retry-after-ms` (OpenAI and Azure), `retry-after` as seconds or as a date (RFC 9110, section
//! 10.2.3), and a delay written in the error's text (Azure's "Please retry after 7 seconds", OpenAI's "Please try again
//! in 1.5s"). A date is measured against the answer's own `Date`, so that our clock may be wrong. Zero, negative, past
//! or unreadable values count as absent.

use std::time::{Duration, SystemTime};

use http::HeaderMap;

/// The delay asked for, counted from the answer's arrival. `now` stands in for a missing `Date`.
pub fn requested(headers: &HeaderMap, message: &str, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    text("retry-after-ms")
        .and_then(number)
        .and_then(|ms| positive(ms / 1000.0))
        .or_else(|| {
            let value = text("retry-after")?;
            match number(value) {
                Some(seconds) => positive(seconds),
                None => {
                    let until = httpdate::parse_http_date(value).ok()?;
                    let sent = text("date").and_then(|date| httpdate::parse_http_date(date).ok());
                    until
                        .duration_since(sent.unwrap_or(now))
                        .ok()
                        .filter(|d| !d.is_zero())
                }
            }
        })
        .or_else(|| in_text(message))
}

/// A plain decimal number: no exponents, infinities or hexadecimal, which `f64`'s parser would take.
fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if plain { text.parse().ok() } else { None }
}

fn positive(seconds: f64) -> Option<Duration> {
    if seconds > 0.0 {
        Duration::try_from_secs_f64(seconds).ok()
    } else {
        None
    }
}

fn in_text(message: &str) -> Option<Duration> {
    let lower = message.to_ascii_lowercase();
    ["retry after ", "try again in "].iter().find_map(|phrase| {
        let start = lower.find(phrase)? + phrase.len();
        amount(&lower[start..])
    })
}

/// `7 seconds`, `1.5s`, `120ms`, `6m0s`, `1 minute`: the sum of number-unit pairs at the start of the text.
fn amount(mut text: &str) -> Option<Duration> {
    let mut total = 0.0;
    let mut any = false;
    loop {
        text = text.trim_start();
        let digits = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let Some(value) = number(text[..digits].trim_end_matches('.')) else {
            break;
        };
        let rest = text[digits..].trim_start();
        let letters = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ms" | "millisecond" | "milliseconds" => 0.001,
            "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hour" | "hours" => 3600.0,
            _ => break,
        };
        total += value * unit;
        any = true;
        text = &rest[letters..];
    }
    if any { positive(total) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    #[test]
    fn the_table() {
        let none = &[];
        type Case = (
            &'static [(&'static str, &'static str)],
            &'static str,
            Option<f64>,
        );
        let cases: &[Case] = &[
            (none, "", None),
            (&[("retry-after", "2")], "", Some(2.0)),
            (&[("retry-after", " 2 ")], "", Some(2.0)),
            (&[("retry-after", "1.5")], "", Some(1.5)),
            (&[("retry-after", "0.25")], "", Some(0.25)),
            (&[("retry-after", "0")], "", None),
            (&[("retry-after", "-1")], "", None),
            (&[("retry-after", "-0.5")], "", None),
            (&[("retry-after", "")], "", None),
            (&[("retry-after", "soon")], "", None),
            (&[("retry-after", "NaN")], "", None),
            (&[("retry-after", "inf")], "", None),
            (&[("retry-after", "1e3")], "", None),
            (&[("retry-after", "1.2.3")], "", None),
            (&[("retry-after", "99999999999999999999999999")], "", None),
            (&[("retry-after", "60")], "", Some(60.0)),
            (&[("retry-after-ms", "250")], "", Some(0.25)),
            (
                &[("retry-after-ms", "1500"), ("retry-after", "2")],
                "",
                Some(1.5),
            ),
            (
                &[("retry-after-ms", "0"), ("retry-after", "2")],
                "",
                Some(2.0),
            ),
            (
                &[("retry-after-ms", "-5"), ("retry-after", "2")],
                "",
                Some(2.0),
            ),
            (
                &[("retry-after-ms", "x"), ("retry-after", "2")],
                "",
                Some(2.0),
            ),
            // Dates, against the answer's own clock, then against ours.
            (
                &[
                    ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT"),
                    ("date", NOW),
                ],
                "",
                Some(30.0),
            ),
            (
                &[
                    ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
                    ("date", NOW),
                ],
                "",
                None,
            ),
            (
                &[
                    ("retry-after", "Sun, 06 Nov 1994 08:49:07 GMT"),
                    ("date", NOW),
                ],
                "",
                None,
            ),
            (
                &[
                    ("retry-after", "Tue, 06 Nov 2035 00:00:10 GMT"),
                    ("date", "Tue, 06 Nov 2035 00:00:00 GMT"),
                ],
                "",
                Some(10.0),
            ),
            (
                &[("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")],
                "",
                Some(10.0),
            ),
            (
                &[("retry-after", "Sunday, 06-Nov-94 08:49:47 GMT")],
                "",
                Some(10.0),
            ),
            (
                &[("retry-after", "Sun, 99 Nov 1994 08:49:47 GMT")],
                "",
                None,
            ),
            // In the text.
            (none, "Please retry after 7 seconds.", Some(7.0)),
            (none, "Please try again in 120ms. Visit ...", Some(0.12)),
            (none, "Please try again in 1.5s.", Some(1.5)),
            (none, "Please try again in 6m0s.", Some(360.0)),
            (none, "please Retry After 1 second", Some(1.0)),
            (none, "Please try again in 1h2m3s", Some(3723.0)),
            (none, "Please try again later.", None),
            (none, "Please try again in a moment", None),
            (none, "Please try again in 0s", None),
            (none, "Please try again in 20", None),
            (
                &[("retry-after", "3")],
                "Please retry after 7 seconds.",
                Some(3.0),
            ),
            (
                &[("retry-after", "0")],
                "Please retry after 7 seconds.",
                Some(7.0),
            ),
        ];
        let now = httpdate::parse_http_date(NOW).unwrap();
        for (headers, message, expected) in cases {
            let mut map = HeaderMap::new();
            for (name, value) in *headers {
                map.insert(http::HeaderName::from_static(name), value.parse().unwrap());
            }
            let got = requested(&map, message, now).map(|delay| delay.as_secs_f64());
            assert_eq!(got, *expected, "{headers:?} {message:?}");
        }
    }
}
