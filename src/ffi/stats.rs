//! What a client has done and what holds it back, for people and for Prometheus.

use std::ffi::c_char;
use std::time::Duration;

use super::border::{call, clear, put, writable};
use super::client::{client_of, oai_client};
use super::error::oai_error;
use super::response::give_text;
use super::status::oai_status;

/// Writes a report of a client, made by `write`.
fn report(
    client: *const oai_client,
    (text, what): (*mut *mut c_char, &'static str),
    len: *mut usize,
    error: *mut *mut oai_error,
    write: impl FnOnce(&crate::scheduler::Report) -> String,
) -> oai_status {
    clear(text);
    clear(len);
    call(error, || {
        // SAFETY: NULL or a live handle, by the conventions.
        let client = unsafe { client_of(client) }?;
        writable(text, what)?;
        // SAFETY: checked not to be NULL; `len` is NULL or writable, by the conventions.
        unsafe { give_text(write(&client.report()?).as_bytes(), text, len) }
    })
}

/// Tells what became of the client's requests and what the limits are as learned, as JSON. README.md lists the fields.
///
/// `client`: not NULL. `json`: not NULL, gets a text that the caller frees with `oai_string_free`. `len`: nullable.
/// `error`: nullable.
/// Returns `OAI_OK`, `OAI_ERR_INVALID_ARGUMENT`, `OAI_ERR_NO_MEMORY`, `OAI_ERR_FORKED` or `OAI_ERR_SHUTDOWN`. Any
/// thread, any time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_client_stats_json(
    client: *const oai_client,
    json: *mut *mut c_char,
    len: *mut usize,
    error: *mut *mut oai_error,
) -> oai_status {
    report(client, (json, "json"), len, error, |report| {
        report.to_json()
    })
}

/// The same in the text format of Prometheus (version 0.0.4), with names that begin with `oai_`.
///
/// Parameters, errors and threads as `oai_client_stats_json`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_client_stats_prometheus(
    client: *const oai_client,
    text: *mut *mut c_char,
    len: *mut usize,
    error: *mut *mut oai_error,
) -> oai_status {
    report(client, (text, "text"), len, error, |report| {
        report.to_prometheus()
    })
}

/// Tells where a waiting request stands: how many are before it in its lane (those of its model or group), and the
/// least time until the limits let it through.
///
/// `client`: not NULL. `id`: from a submit of this client. `ahead`, `expected_wait_ms`: nullable. `error`: nullable.
/// Returns `OAI_OK`; `OAI_ERR_UNKNOWN_ID` if no request waits under this id: it may be in flight, in backoff, or held
/// back since its queue is not read; `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`; `OAI_ERR_SHUTDOWN`. Any thread. Since
/// 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_client_position(
    client: *const oai_client,
    id: u64,
    ahead: *mut u64,
    expected_wait_ms: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    clear(ahead);
    clear(expected_wait_ms);
    call(error, || {
        // SAFETY: NULL or a live handle, by the conventions.
        let (before, wait) = unsafe { client_of(client) }?.position(id)?;
        put_if(ahead, before);
        put_if(expected_wait_ms, whole_ms(wait));
        Ok(())
    })
}

fn put_if(out: *mut u64, value: u64) {
    if !out.is_null() {
        // SAFETY: not NULL, so by the conventions it points to a uint64_t.
        unsafe { put(out, value) };
    }
}

fn whole_ms(wait: Duration) -> u64 {
    wait.as_millis().try_into().unwrap_or(u64::MAX)
}
