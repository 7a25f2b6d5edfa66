//! Tells whether a webhook comes from whoever holds its secret, and is fresh, by the Standard Webhooks specification.
//!
//! `ffi` calls it, the option table asks [`key`] whether a secret can be one. The time is an argument. No error ever
//! holds the secret, or a signature that would have been right.

use std::time::Duration;

use ring::hmac;

use crate::error::{Error, Result};
use crate::status;

/// How far a webhook's time may be from ours where nobody says.
pub const TOLERANCE: Duration = Duration::from_secs(300);

/// What stands before a secret whose rest is base64.
const PREFIX: &str = "whsec_";

/// What stands before a signature that is made in the one way that is known here.
const VERSION: &str = "v1,";

/// A webhook as it came: the values of its three headers, `None` for one that did not come, and its body.
#[derive(Clone, Copy, Debug)]
pub struct Webhook<'a> {
    pub id: Option<&'a str>,
    /// Seconds since 1970.
    pub timestamp: Option<&'a str>,
    /// Signatures with spaces between them; one that fits is enough, since secrets may be about to change.
    pub signature: Option<&'a str>,
    pub body: &'a [u8],
}

/// The key in a secret: what its base64 says behind `whsec_`; without that, its own bytes, as OpenAI's libraries have
/// it. The error reads on after the secret's name.
pub fn key(secret: &str) -> std::result::Result<Vec<u8>, &'static str> {
    let key = match secret.strip_prefix(PREFIX) {
        None => secret.as_bytes().to_vec(),
        Some(base64) => base64_simd::STANDARD
            .decode_to_vec(base64)
            .or_else(|_| base64_simd::STANDARD_NO_PAD.decode_to_vec(base64))
            .map_err(|_| "is not base64 behind whsec_: copy it again")?,
    };
    match key.is_empty() {
        true => Err("is empty: give the secret that was shown when the webhook was made"),
        false => Ok(key),
    }
}

/// Fails unless the webhook was signed with `secret` at most `tolerance` before or after `now` (since 1970).
pub fn verify(secret: &str, webhook: &Webhook, tolerance: Duration, now: Duration) -> Result<()> {
    let key =
        key(secret).map_err(|why| Error::new(status::CONFIG, format!("webhook_secret {why}")))?;
    let id = header(webhook.id, "webhook-id")?;
    let timestamp = header(webhook.timestamp, "webhook-timestamp")?;
    let signatures = header(webhook.signature, "webhook-signature")?;
    check_time(timestamp, tolerance, now)?;

    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let mut signed = hmac::Context::with_key(&key);
    for part in [
        id.as_bytes(),
        b".",
        timestamp.as_bytes(),
        b".",
        webhook.body,
    ] {
        signed.update(part);
    }
    // Comparing MACs of the two in place of the two: takes the same time wherever they differ, and one pass over the
    // body however many signatures there are.
    let right = hmac::sign(&key, signed.sign().as_ref());
    let fits = |given: &str| {
        given
            .strip_prefix(VERSION)
            .and_then(|base64| base64_simd::STANDARD.decode_to_vec(base64).ok())
            .is_some_and(|given| hmac::verify(&key, &given, right.as_ref()).is_ok())
    };
    if signatures.split_ascii_whitespace().any(fits) {
        return Ok(());
    }
    Err(untrusted(
        "no signature in webhook-signature fits: the secret is that of another webhook, or the body is not byte for \
         byte what was sent",
    ))
}

fn header<'a>(value: Option<&'a str>, name: &str) -> Result<&'a str> {
    value
        .filter(|value| !value.is_empty())
        .ok_or_else(|| untrusted(format!("the header {name} is missing or empty")))
}

fn check_time(timestamp: &str, tolerance: Duration, now: Duration) -> Result<()> {
    // A sign, which `parse` would take, is none of the format's.
    let sent = Some(timestamp)
        .filter(|text| text.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .map(Duration::from_secs)
        .ok_or_else(|| untrusted("the header webhook-timestamp is not a number of seconds"))?;
    let (distance, where_, advice) = if sent <= now {
        (now - sent, "old", "a replay")
    } else {
        (sent - now, "ahead of this machine's clock", "a forgery")
    };
    if distance <= tolerance {
        return Ok(());
    }
    Err(untrusted(format!(
        "the webhook is {} s {where_}, and {} s are allowed: it may be {advice}, or a clock is wrong",
        distance.as_secs(),
        tolerance.as_secs(),
    )))
}

fn untrusted(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(status::WEBHOOK, message)
}

#[cfg(test)]
mod tests;
