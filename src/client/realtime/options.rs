//! The options of a connection, and which of its ends another connection may mend.

use std::time::Duration;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::status;
use crate::transport::Farewell;

/// The longest event that OpenAI takes has 15 MiB of audio.
const MOST_UNSENT: u64 = 16 << 20;

/// The longest reason that fits into a close frame, in bytes.
const LONGEST_REASON: usize = 123;

/// How a connection is kept.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Whether a lost connection is made anew.
    pub reconnect: bool,
    max_unsent_bytes: u64,
    ping_interval_ms: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            reconnect: false,
            max_unsent_bytes: MOST_UNSENT,
            ping_interval_ms: 20_000,
        }
    }
}

impl Options {
    /// The options as JSON; what it does not say is as usual.
    pub fn parse(json: Option<&[u8]>) -> Result<Options> {
        let invalid = |why: String| {
            let message = format!("the options of a connection {why}");
            Err(Error::new(status::INVALID_ARGUMENT, message))
        };
        let options: Options = match json {
            None => Options::default(),
            // An array would do for a struct.
            Some(json) if json.trim_ascii_start().first() != Some(&b'{') => {
                return invalid("are not a JSON object".into());
            }
            Some(json) => match serde_json::from_slice(json) {
                Ok(options) => options,
                Err(error) => return invalid(format!("cannot be used: {error}")),
            },
        };
        if options.max_unsent_bytes == 0 {
            return invalid(
                "have a max_unsent_bytes of 0, so nothing could be sent: it must be at least 1"
                    .into(),
            );
        }
        Ok(options)
    }

    /// The most that may wait to be sent, in bytes.
    pub fn most_unsent(&self) -> usize {
        usize::try_from(self.max_unsent_bytes).unwrap_or(usize::MAX)
    }

    /// After how much silence the server is asked whether it is still there.
    pub fn ping_interval(&self) -> Option<Duration> {
        (self.ping_interval_ms > 0).then(|| Duration::from_millis(self.ping_interval_ms))
    }
}

/// A host's good-bye; 0 means the usual code.
pub fn farewell(code: i32, reason: Option<&str>) -> Result<Farewell> {
    let code = match u16::try_from(code) {
        Ok(0) => 1000,
        // As browsers have it: the others belong to the protocol itself.
        Ok(code @ (1000 | 3000..=4999)) => code,
        _ => {
            return Err(Error::new(
                status::INVALID_ARGUMENT,
                format!(
                    "code {code} is not one to close with: give 1000, one from 3000 to 4999, or 0 for 1000"
                ),
            ));
        }
    };
    let reason = reason.unwrap_or_default();
    if reason.len() > LONGEST_REASON {
        return Err(Error::new(
            status::INVALID_ARGUMENT,
            format!(
                "reason has {} bytes, and a close frame holds at most {LONGEST_REASON}",
                reason.len()
            ),
        ));
    }
    Ok(Farewell {
        code,
        reason: reason.to_owned(),
    })
}

/// Whether another connection may fare better than one that the server closed so: it goes away, is restarted, failed or
/// is busy, or said nothing. The same as in the official SDKs.
pub fn is_passing(code: u16) -> bool {
    matches!(code, 1001 | 1005 | 1006 | 1011 | 1012 | 1013 | 1015)
}

/// Whether it may after an end without a close frame.
pub fn is_mended(error: &Error) -> bool {
    matches!(error.status, status::CONNECTION_LOST | status::IDLE_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_options_leave_out_is_as_usual() {
        assert_eq!(Options::parse(None), Ok(Options::default()));
        assert_eq!(Options::parse(Some(b"{}")), Ok(Options::default()));
        let json = br#"{"reconnect":true,"ping_interval_ms":0,"max_unsent_bytes":7}"#;
        let options = Options::parse(Some(json)).unwrap();
        assert!(options.reconnect);
        assert_eq!((options.ping_interval(), options.most_unsent()), (None, 7));
    }

    #[test]
    fn wrong_options_are_named() {
        for (json, says) in [
            ("", "not a JSON object"),
            ("[]", "not a JSON object"),
            ("{", "cannot be used"),
            (r#"{"reconnects":true}"#, "`reconnects`, expected one of"),
            (r#"{"ping_interval_ms":-1}"#, "-1"),
            (r#"{"max_unsent_bytes":0}"#, "at least 1"),
        ] {
            let error = Options::parse(Some(json.as_bytes())).unwrap_err();
            assert_eq!(error.status, status::INVALID_ARGUMENT, "{json}");
            assert!(error.message.contains(says), "{json}: {}", error.message);
        }
    }

    #[test]
    fn a_host_closes_with_codes_that_are_its_own() {
        for (code, sent) in [(0, 1000), (1000, 1000), (3000, 3000), (4999, 4999)] {
            assert_eq!(farewell(code, None).unwrap().code, sent);
        }
        for code in [-1, 1, 999, 1001, 1005, 2999, 5000, 70_000] {
            assert!(farewell(code, None).is_err(), "{code}");
        }
        assert_eq!(farewell(0, Some("bye")).unwrap().reason, "bye");
        assert!(farewell(0, Some(&"x".repeat(124))).is_err());
    }
}
