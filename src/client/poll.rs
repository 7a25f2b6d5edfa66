//! When an object is done, and when to look at it again: the decisions of a wait, without its clock and its network.
//!
//! `wait` carries them out.

use std::time::Duration;

use serde::Deserialize;

use crate::codec::object::{pick, text};
use crate::error::{Error, Result};
use crate::status;

/// The statuses in which runs, batches, files, jobs, videos and responses stay, or wait for their owner.
const TERMINAL: [&str; 11] = [
    "completed",
    "succeeded",
    "processed",
    "failed",
    "error",
    "cancelled",
    "canceled",
    "expired",
    "incomplete",
    "deleted",
    "requires_action",
];

/// Each of our own delays is the one before times this.
const FACTOR: f64 = 1.5;

/// A server that asks for more is not believed.
const LONGEST: Duration = Duration::from_secs(3600);

/// The last look before a deadline comes so much before it, or at half of the time left if that is less.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// The longest part of a server's text in a message, in characters.
const SHOWN: usize = 100;

/// What to look at, and how often.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Poll {
    field: String,
    statuses: Vec<String>,
    interval_ms: u64,
    max_interval_ms: u64,
    timeout_ms: u64,
}

impl Default for Poll {
    fn default() -> Poll {
        Poll {
            field: "status".to_owned(),
            statuses: TERMINAL.map(str::to_owned).to_vec(),
            interval_ms: 1000,
            max_interval_ms: 10_000,
            timeout_ms: 0,
        }
    }
}

impl Poll {
    /// The options of a wait, as JSON; what it does not say is as usual.
    pub fn parse(json: Option<&[u8]>) -> Result<Poll> {
        let invalid = |why: String| {
            let message = format!("the options of a wait {why}");
            Err(Error::new(status::INVALID_ARGUMENT, message))
        };
        let poll: Poll = match json {
            None => Poll::default(),
            // An array would do for a struct.
            Some(json) if json.trim_ascii_start().first() != Some(&b'{') => {
                return invalid("are not a JSON object".into());
            }
            Some(json) => match serde_json::from_slice(json) {
                Ok(poll) => poll,
                Err(error) => return invalid(format!("cannot be used: {error}")),
            },
        };
        if poll.field.is_empty() {
            return invalid("name no field: give one, such as status".into());
        }
        if poll.statuses.is_empty() {
            return invalid("name no statuses, so the wait would never end".into());
        }
        if poll.interval_ms == 0 || poll.max_interval_ms < poll.interval_ms {
            return invalid(format!(
                "have an interval_ms of {} and a max_interval_ms of {}: the first must be at least 1, the second not \
                 less",
                poll.interval_ms, poll.max_interval_ms
            ));
        }
        Ok(poll)
    }

    /// How long the whole wait may take.
    pub fn timeout(&self) -> Option<Duration> {
        (self.timeout_ms > 0).then(|| Duration::from_millis(self.timeout_ms))
    }

    /// The object's status, if it is not one that ends the wait.
    pub fn unfinished(&self, object: &[u8]) -> Result<Option<String>> {
        let found = std::str::from_utf8(object)
            .ok()
            .and_then(|object| pick(object, [self.field.as_str()]))
            .and_then(|[value]| value);
        let Some(value) = found else {
            let message = format!(
                "the answer is not an object with the field {:?}",
                self.field
            );
            return Err(Error::new(status::DECODE, message));
        };
        let value = text(value).unwrap_or_else(|| value.to_owned());
        Ok((!self.statuses.contains(&value)).then_some(value))
    }

    /// When to look, from the first look on.
    pub fn rhythm(&self) -> Rhythm {
        Rhythm {
            own: Duration::from_millis(self.interval_ms),
            most: Duration::from_millis(self.max_interval_ms),
            last: false,
        }
    }

    /// The error of a wait whose time has passed.
    ///
    /// `seen`: the status at the last of the `looks`.
    pub fn late(&self, seen: Option<&str>, looks: u32) -> Error {
        let what = match seen {
            Some(seen) => {
                let shown: String = seen.chars().take(SHOWN).collect();
                format!("{} was still {shown:?} after {looks} looks", self.field)
            }
            None => "no look at the object was answered".to_owned(),
        };
        let over = format!(
            "and the timeout_ms of the wait ({}) is over",
            self.timeout_ms
        );
        Error::new(status::DEADLINE, format!("{what}, {over}"))
    }
}

/// The delays between looks.
#[derive(Debug)]
pub struct Rhythm {
    own: Duration,
    most: Duration,
    /// The look before the deadline has been granted.
    last: bool,
}

impl Rhythm {
    /// How long to wait before the next look; `None` if there is no time for one. `asked`: what the server asked for,
    /// `left`: until the deadline.
    pub fn next(&mut self, asked: Option<Duration>, left: Option<Duration>) -> Option<Duration> {
        let delay = match asked {
            Some(asked) => asked.min(LONGEST),
            None => {
                let own = self.own;
                self.own = own.mul_f64(FACTOR).min(self.most);
                own
            }
        };
        match left {
            Some(_) if self.last => None,
            Some(left) if delay >= left => {
                self.last = true;
                Some(left - LAST_LOOK.min(left / 2)).filter(|delay| !delay.is_zero())
            }
            _ => Some(delay),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn parse(json: &str) -> Result<Poll> {
        Poll::parse(Some(json.as_bytes()))
    }

    #[test]
    fn what_the_options_leave_out_is_as_usual() {
        assert_eq!(Poll::parse(None), Ok(Poll::default()));
        assert_eq!(parse("{}"), Ok(Poll::default()));
        let poll = parse(r#"{"timeout_ms":5,"interval_ms":7}"#).unwrap();
        assert_eq!(poll.timeout(), Some(ms(5)));
        assert_eq!((poll.interval_ms, poll.max_interval_ms), (7, 10_000));
        assert_eq!(Poll::default().timeout(), None);
    }

    #[test]
    fn wrong_options_are_named() {
        for (json, says) in [
            ("", "not a JSON object"),
            (" []", "not a JSON object"),
            ("{", "cannot be used"),
            (r#"{"intervall_ms":1}"#, "`intervall_ms`, expected one of"),
            (r#"{"interval_ms":-1}"#, "-1"),
            (r#"{"statuses":"done"}"#, "expected a sequence"),
            (r#"{"statuses":[]}"#, "no statuses"),
            (r#"{"field":""}"#, "no field"),
            (r#"{"interval_ms":0}"#, "at least 1"),
            (r#"{"interval_ms":9,"max_interval_ms":8}"#, "not less"),
        ] {
            let error = parse(json).unwrap_err();
            assert_eq!(error.status, status::INVALID_ARGUMENT, "{json}");
            assert!(error.message.contains(says), "{json}: {}", error.message);
        }
    }

    #[test]
    fn each_kind_of_object_is_known_to_be_done_or_not() {
        let poll = Poll::default();
        for (name, statuses, done) in [
            (
                "run",
                "completed failed cancelled expired incomplete requires_action",
                true,
            ),
            ("run", "queued in_progress cancelling", false),
            ("batch", "completed failed cancelled expired", true),
            (
                "batch",
                "validating in_progress finalizing cancelling",
                false,
            ),
            ("fine-tuning job", "succeeded failed cancelled", true),
            (
                "fine-tuning job",
                "validating_files queued running paused",
                false,
            ),
            ("vector-store file", "completed cancelled failed", true),
            ("video", "completed failed", true),
            ("video", "queued in_progress", false),
            ("response", "completed failed cancelled incomplete", true),
            ("upload", "completed cancelled expired", true),
            ("upload", "pending", false),
            ("file", "processed error", true),
            ("eval run", "completed canceled failed", true),
        ] {
            for status in statuses.split(' ') {
                let object = format!(r#"{{"id":"x","status":"{status}"}}"#);
                let unfinished = poll.unfinished(object.as_bytes()).unwrap();
                assert_eq!(unfinished.is_none(), done, "{name}: {status}");
                assert!(unfinished.is_none_or(|told| told == status));
            }
        }
    }

    #[test]
    fn another_field_may_be_watched() {
        let poll = parse(r#"{"field":"ready","statuses":["true"]}"#).unwrap();
        for (object, expected) in [
            (r#"{"ready":true}"#, None),
            (r#"{"ready":"true"}"#, None),
            (r#"{"ready":false,"status":"completed"}"#, Some("false")),
            (r#"{"ready":null}"#, Some("null")),
        ] {
            let unfinished = poll.unfinished(object.as_bytes()).unwrap();
            assert_eq!(unfinished.as_deref(), expected, "{object}");
        }
        for object in ["", "[]", "<html>", r#"{"status":"completed"}"#] {
            let error = poll.unfinished(object.as_bytes()).unwrap_err();
            assert_eq!(error.status, status::DECODE);
            assert!(error.message.contains("\"ready\""), "{}", error.message);
        }
    }

    #[test]
    fn delays_grow_to_the_most_and_the_server_may_ask_for_others() {
        let mut rhythm = Poll::default().rhythm();
        let own: Vec<u128> = (0..8)
            .map(|_| rhythm.next(None, None).unwrap().as_millis())
            .collect();
        assert_eq!(own, [1000, 1500, 2250, 3375, 5062, 7593, 10_000, 10_000]);
        let mut rhythm = Poll::default().rhythm();
        assert_eq!(rhythm.next(Some(ms(5)), None), Some(ms(5)));
        assert_eq!(rhythm.next(Some(ms(u64::MAX)), None), Some(LONGEST));
        assert_eq!(rhythm.next(None, None), Some(ms(1000)));
    }

    #[test]
    fn a_wait_that_is_late_says_what_it_saw() {
        let poll = parse(r#"{"field":"phase","timeout_ms":5}"#).unwrap();
        for (seen, says) in [
            (
                Some("queued"),
                "phase was still \"queued\" after 3 looks, and the timeout_ms of the wait (5) is over",
            ),
            (
                None,
                "no look at the object was answered, and the timeout_ms of the wait (5) is over",
            ),
        ] {
            let late = poll.late(seen, 3);
            assert_eq!((late.status, &*late.message), (status::DEADLINE, says));
        }
    }

    #[test]
    fn before_a_deadline_there_is_one_last_look() {
        for (left, last_look) in [(5000, 4000), (1500, 750), (1, 0)] {
            let mut rhythm = Poll::default().rhythm();
            assert_eq!(rhythm.next(Some(ms(1)), Some(ms(left + 10))), Some(ms(1)));
            let granted = rhythm.next(Some(ms(6000)), Some(ms(left)));
            let expected = if left == 1 {
                left * 500
            } else {
                last_look * 1000
            };
            assert_eq!(granted, Some(Duration::from_micros(expected)));
            assert_eq!(rhythm.next(Some(ms(1)), Some(ms(1000))), None);
        }
        let mut rhythm = Poll::default().rhythm();
        assert_eq!(rhythm.next(None, Some(Duration::ZERO)), None);
    }
}
