//! `oai_client`: create, configure, close, free; and the option table.

use std::ffi::{CString, c_char, c_void};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use once_cell::sync::Lazy;

use super::border::{borrow, call, call_logged, clear, free, get, give, put, writable};
use super::error::{c_string, oai_error};
use super::response::give_text;
use super::status::oai_status;
use super::text::{optional_bytes, required_bytes};
use crate::client::Client;
use crate::client::options::{OPTIONS, Value};
use crate::error::Result;

/// A client: settings, identity and a queue of its own. Any thread may use it at any time, except while it is freed.
pub struct oai_client {
    client: Arc<Client>,
}

/// The client behind a handle, held for as long as the call runs: another thread may free the handle meanwhile.
///
/// # Safety
/// `client` must be NULL or a live handle.
pub(super) unsafe fn client_of(client: *const oai_client) -> Result<Arc<Client>> {
    // SAFETY: as promised by the caller.
    Ok(unsafe { borrow(client, "client") }?.client.clone())
}

/// Makes a client. Nothing is started and nothing is sent: threads and sockets come with the first request.
///
/// `config_json`: nullable, an object with option names as keys, such as `{"max_retries": 8}`; copied. `len`: its bytes,
/// or `OAI_STRLEN`. What it does not say comes from the process environment, then from a `.env` file, then from the
/// defaults, so `NULL, 0` is the usual call. `client`: not NULL, gets the client, which the caller frees with
/// `oai_client_free`. `error`: nullable, gets what went wrong.
/// Returns `OAI_OK`; `OAI_ERR_CONFIG` or `OAI_ERR_UNKNOWN_OPTION` for a value or name that cannot be used, named with
/// its source; `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`; `OAI_ERR_SHUTDOWN`. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_client_new(
    config_json: *const c_char,
    len: usize,
    client: *mut *mut oai_client,
    error: *mut *mut oai_error,
) -> oai_status {
    clear(client);
    call(error, || {
        writable(client, "client")?;
        // SAFETY: NULL or readable, by the conventions.
        let json = unsafe { optional_bytes(config_json, len, "config_json") }?;
        let made = Client::new(json.filter(|json| !json.is_empty()))?;
        // SAFETY: checked not to be NULL.
        unsafe { put(client, give(oai_client { client: made })) };
        Ok(())
    })
}

/// Sets several options at once, or none if one of them is wrong.
///
/// `client`: not NULL. `json`: not NULL, an object with option names as keys; copied; null puts a default back. `len`:
/// its bytes, or `OAI_STRLEN`. `error`: nullable.
/// Returns `OAI_OK`; `OAI_ERR_CONFIG` or `OAI_ERR_UNKNOWN_OPTION`, naming the option, the value and the range;
/// `OAI_ERR_STATE` for a transport option after the first request; `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`;
/// `OAI_ERR_SHUTDOWN`. Any thread, any time; holds for everything not yet sent. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_client_configure_json(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    error: *mut *mut oai_error,
) -> oai_status {
    call(error, || {
        // SAFETY: NULL or a live handle, by the conventions.
        let client = unsafe { client_of(client) }?;
        // SAFETY: NULL or readable, by the conventions.
        client.configure(unsafe { required_bytes(json, len, "json") }?)
    })
}

/// Tells the values in force and where each came from, as a JSON object:
/// `{"max_retries": {"value": 5, "source": "default"}, ...}`. Secrets are masked.
///
/// `client`: not NULL. `json`: not NULL, gets a text that the caller frees with `oai_string_free`. `len`: nullable.
/// `error`: nullable.
/// Returns `OAI_OK`, `OAI_ERR_INVALID_ARGUMENT`, `OAI_ERR_FORKED` or `OAI_ERR_NO_MEMORY`. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_client_config_json(
    client: *const oai_client,
    json: *mut *mut c_char,
    len: *mut usize,
    error: *mut *mut oai_error,
) -> oai_status {
    clear(json);
    clear(len);
    call(error, || {
        // SAFETY: NULL or a live handle, by the conventions.
        let client = unsafe { client_of(client) }?;
        writable(json, "json")?;
        // SAFETY: checked not to be NULL; `len` is NULL or writable, by the conventions.
        unsafe { give_text(client.config_json()?.as_bytes(), json, len) }
    })
}

/// Takes no more requests and waits until every accepted one has ended and its event was handed over. Calls of
/// several requests (`oai_wait_until`, `oai_batch_run`, `oai_upload`) end with `OAI_ERR_CLOSED`.
///
/// `client`: not NULL. `timeout_ms`: how long to wait at most; what is left then goes on. `error`: nullable.
/// Returns `OAI_OK`; `OAI_ERR_DEADLINE` when there is something left; `OAI_ERR_STATE` from a callback;
/// `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`; `OAI_ERR_SHUTDOWN`. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_client_close(
    client: *const oai_client,
    timeout_ms: u64,
    error: *mut *mut oai_error,
) -> oai_status {
    call(error, || {
        // SAFETY: NULL or a live handle, by the conventions.
        unsafe { client_of(client) }?.close(Duration::from_millis(timeout_ms))
    })
}

/// Frees a client. What is left of its requests ends with `OAI_ERR_CANCELLED`, blocked `oai_send`s of other threads too.
///
/// Waits for the client's running callback, makes the outstanding ones, and returns when none can follow and the last
/// event of each request is in its queue. The wait for queues takes at most 10 seconds, which only a callback on a worker
/// that blocks can use up; the log then says so. Inside a callback of this very client it returns at once, and what is
/// outstanding follows; inside a callback of another one it does not wait for queues. In the child of a process that had
/// used the library it does nothing.
/// `client`: may be NULL. No other thread may begin a call with it any more. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_client_free(client: *mut oai_client) {
    // SAFETY: NULL or a handle that the caller owns, by the conventions.
    unsafe { free(client, |client| client.client.release()) };
}

/// What the setters of `set` share: one option, one value; what is wrong with it goes to the log.
///
/// # Safety
/// `client` must be NULL or a live handle.
pub(super) unsafe fn apply_setting(
    client: *const oai_client,
    name: &'static str,
    value: Value<'_>,
) -> oai_status {
    call_logged(&format!("oai_set_{name}"), || {
        // SAFETY: as promised by the caller.
        let client = unsafe { client_of(client) }?;
        client.set(name, value)
    })
}

/// `oai_option.when`: the option may change at any time and holds for everything not yet sent.
pub const OAI_OPTION_ANY_TIME: i32 = 0;
/// `oai_option.when`: the option may change until the client's first request.
pub const OAI_OPTION_UNTIL_FIRST_REQUEST: i32 = 1;
/// `oai_option.when`: the option is given when the client is made.
pub const OAI_OPTION_AT_CREATION: i32 = 2;

/// One row of the option table. All texts are static and NUL-terminated.
#[repr(C)]
pub struct oai_option {
    /// The JSON key, and the end of `oai_set_NAME` and, in capitals, of `OAI_NAME`.
    pub name: *const c_char,
    /// `uint32`, `uint64`, `double`, `flag`, `choice`, `string` or `secret`.
    pub type_name: *const c_char,
    /// The default as text; empty where there is none.
    pub default_value: *const c_char,
    /// What it does.
    pub doc: *const c_char,
    /// `OAI_OPTION_ANY_TIME`, `OAI_OPTION_UNTIL_FIRST_REQUEST` or `OAI_OPTION_AT_CREATION`.
    pub when: i32,
    /// The environment variables that it is read from, separated by blanks; the first that is set counts.
    pub env: *const c_char,
    /// For later versions.
    pub reserved: [*const c_void; 2],
}

/// The table in C's form, made at the first look.
struct Table {
    rows: Vec<oai_option>,
    /// What `env` points to.
    _names: Vec<CString>,
}

// SAFETY: all pointers are to texts that live as long as the program.
unsafe impl Send for Table {}
// SAFETY: as above; the rows are never written again.
unsafe impl Sync for Table {}

static TABLE: Lazy<Table> = Lazy::new(|| {
    let names: Vec<CString> = OPTIONS
        .iter()
        .map(|option| c_string(&option.env.join(" ")))
        .collect();
    let rows = OPTIONS
        .iter()
        .zip(&names)
        .map(|(option, env)| oai_option {
            name: option.c_name.as_ptr(),
            type_name: option.type_name().as_ptr(),
            default_value: option.default.as_ptr(),
            doc: option.doc.as_ptr(),
            when: option.class as i32,
            env: env.as_ptr(),
            reserved: [ptr::null(); 2],
        })
        .collect();
    Table {
        rows,
        _names: names,
    }
});

/// Walks the option table.
///
/// `previous`: NULL for the first row, else a row that this function returned. Returns the next row, a static that is
/// never freed, NULL behind the last. Any thread, any time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_option_next(previous: *const oai_option) -> *const oai_option {
    get(ptr::null(), || {
        let rows = &TABLE.rows;
        let next = match rows.iter().position(|row| ptr::eq(row, previous)) {
            None if previous.is_null() => 0,
            None => return None,
            Some(index) => index + 1,
        };
        rows.get(next).map(ptr::from_ref)
    })
}
