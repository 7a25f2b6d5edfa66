//! Webhooks: whether what arrived at the host's server comes from the API.

use std::ffi::c_char;
use std::time::{Duration, SystemTime};

use super::border::call;
use super::client::{client_of, oai_client};
use super::error::oai_error;
use super::status::oai_status;
use super::text::{optional_str, required_bytes, required_str};
use crate::codec::webhook::{TOLERANCE, Webhook, verify};
use crate::error::Result;

/// # Safety
/// The pointers must be NULL or as the conventions say.
unsafe fn webhook<'a>(
    body: *const c_char,
    len: usize,
    id: *const c_char,
    timestamp: *const c_char,
    signature: *const c_char,
) -> Result<Webhook<'a>> {
    // SAFETY: as promised by the caller.
    unsafe {
        Ok(Webhook {
            id: optional_str(id, "id")?,
            timestamp: optional_str(timestamp, "timestamp")?,
            signature: optional_str(signature, "signature")?,
            body: required_bytes(body, len, "body")?,
        })
    }
}

fn tolerance(ms: u64) -> Duration {
    match ms {
        0 => TOLERANCE,
        ms => Duration::from_millis(ms),
    }
}

fn since_1970(now_ms: u64) -> Duration {
    match now_ms {
        0 => SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default(),
        ms => Duration::from_millis(ms),
    }
}

/// Tells whether a webhook was signed with the client's `webhook_secret`, and not long ago: only then believe its body.
///
/// `client`: not NULL. `body`: not NULL, byte for byte as it came, before anything has parsed it. `len`: its bytes, or
/// `OAI_STRLEN`. `id`, `timestamp`, `signature`: the values of its headers `webhook-id`, `webhook-timestamp` and
/// `webhook-signature`; NULL for one that did not come. `tolerance_ms`: how far its time may be from this machine's; 0:
/// five minutes. `error`: nullable, says what does not fit.
/// Returns `OAI_OK`; `OAI_ERR_WEBHOOK` if it must not be believed; `OAI_ERR_CONFIG` if no `webhook_secret` is set;
/// `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`; `OAI_ERR_SHUTDOWN`. Any thread, callbacks included; never blocks.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_webhook_verify(
    client: *const oai_client,
    body: *const c_char,
    len: usize,
    id: *const c_char,
    timestamp: *const c_char,
    signature: *const c_char,
    tolerance_ms: u64,
    error: *mut *mut oai_error,
) -> oai_status {
    call(error, || {
        // SAFETY: NULL or as the conventions say.
        let (client, webhook) = unsafe {
            (
                client_of(client)?,
                webhook(body, len, id, timestamp, signature)?,
            )
        };
        client.verify_webhook(&webhook, tolerance(tolerance_ms), since_1970(0))
    })
}

/// The same with a secret that is given, at a time that is given. It takes no client, and works in a forked child too.
///
/// `secret`: not NULL, as it was shown when the webhook was made: base64 behind `whsec_`, or any other text as it is.
/// `body` to `tolerance_ms`: as for `oai_webhook_verify`. `now_ms`: milliseconds since 1970 UTC; 0: now. `error`:
/// nullable.
/// Returns `OAI_OK`; `OAI_ERR_WEBHOOK` if it must not be believed; `OAI_ERR_CONFIG` for a text that cannot be a secret;
/// `OAI_ERR_INVALID_ARGUMENT`. Any thread, callbacks included; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_webhook_verify_secret(
    secret: *const c_char,
    body: *const c_char,
    len: usize,
    id: *const c_char,
    timestamp: *const c_char,
    signature: *const c_char,
    tolerance_ms: u64,
    now_ms: u64,
    error: *mut *mut oai_error,
) -> oai_status {
    call(error, || {
        // SAFETY: NULL or as the conventions say.
        let (secret, webhook) = unsafe {
            (
                required_str(secret, "secret")?,
                webhook(body, len, id, timestamp, signature)?,
            )
        };
        verify(
            secret,
            &webhook,
            tolerance(tolerance_ms),
            since_1970(now_ms),
        )
    })
}
