//! A text that must not be seen: API keys, header values, proxy passwords.
//!
//! Settings hold it; only the code that writes a request calls [`Secret::expose`]. It must never print itself: `Debug`
//! and `Display` show stars, so that no log line, error or panic message can carry a key by accident.

use std::fmt;

/// What stands in the place of a secret.
pub const MASK: &str = "***";

/// Shorter secrets show nothing of themselves: four characters of them would be too many.
const LONG: usize = 24;

/// A text that prints as `***`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for the request that is being written and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A form that tells one key from another without giving it away: `sk-…abcd`, or stars when the key is short.
    pub fn masked(&self) -> String {
        let count = self.0.chars().count();
        if count < LONG {
            return MASK.to_owned();
        }
        let prefix = if self.0.starts_with("sk-") { "sk-" } else { "" };
        let tail: String = self.0.chars().skip(count - 4).collect();
        format!("{prefix}…{tail}")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_stars_in_every_form() {
        let secret = Secret::new("sk-proj-0123456789abcdefghijklmnop");
        for shown in [
            format!("{secret}"),
            format!("{secret:?}"),
            format!("{secret:#?}"),
            format!("{secret:>40}"),
            format!("{:?}", Some(&secret)),
        ] {
            assert!(!shown.contains("sk-"), "{shown}");
            assert!(shown.contains(MASK), "{shown}");
        }
        assert_eq!(secret.expose(), "sk-proj-0123456789abcdefghijklmnop");
    }

    #[test]
    fn masked_shows_the_end_of_long_secrets_only() {
        for (secret, masked) in [
            ("", "***"),
            ("sk-short", "***"),
            ("sk-0123456789abcdefghij", "***"),
            ("sk-0123456789abcdefghijk", "sk-…hijk"),
            ("0123456789abcdefghijklmnop", "…mnop"),
            ("ééééééééééééééééééééééééabcd", "…abcd"),
        ] {
            assert_eq!(Secret::new(secret).masked(), masked);
        }
    }
}
