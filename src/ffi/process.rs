//! What concerns the whole process: versions, the log, the end.

use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::time::Duration;

use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::border::call;
use super::error::oai_error;
use super::queue::{oai_queue, queue_of};
use super::send::{UserData, oai_destructor};
use super::status::oai_status;
use crate::client;
use crate::error::{Error, Result};
use crate::runtime::{self, log};
use crate::status;

/// The epoch of the ABI: what was compiled for another epoch does not fit.
pub const OAI_ABI_EPOCH: u32 = 0;
/// Additions to the ABI since the epoch began.
pub const OAI_ABI_ADDITIONS: u32 = 4;

/// The ABI that the loaded library speaks: `epoch << 16 | additions`. A binding needs its own epoch and at least its
/// own additions; compare with `OAI_ABI_EPOCH` and `OAI_ABI_ADDITIONS` of the header.
///
/// Any thread, any time. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn oai_abi_version() -> u32 {
    OAI_ABI_EPOCH << 16 | OAI_ABI_ADDITIONS
}

/// The version of the loaded library, such as `"0.1.0"`.
///
/// Returns a static NUL-terminated text. Any thread, any time. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn oai_version_string() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Ends the library in this process, for good: lets accepted requests finish within the time, cancels the rest with
/// `OAI_ERR_SHUTDOWN`, delivers all events and ends the threads. Nobody has to call it; a leak checker likes it.
///
/// `timeout_ms`: how long requests may still take; 0 cancels them at once. `error`: nullable.
/// Returns `OAI_OK`; `OAI_ERR_DEADLINE` if requests had to be cancelled; `OAI_ERR_STATE` from a callback;
/// `OAI_ERR_SHUTDOWN` if it was called before; `OAI_ERR_FORKED`. Any thread; blocks. Handles are freed as ever, before
/// or after. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_shutdown(timeout_ms: u64, error: *mut *mut oai_error) -> oai_status {
    call(error, || {
        client::shutdown(Duration::from_millis(timeout_ms))
    })
}

/// A log level: nothing.
pub const OAI_LOG_OFF: i32 = 0;
/// A log level: what failed.
pub const OAI_LOG_ERROR: i32 = 1;
/// A log level: also what went wrong and was mended, such as retries, and settings that were ignored. The default.
pub const OAI_LOG_WARN: i32 = 2;
/// A log level: also where the key came from.
pub const OAI_LOG_INFO: i32 = 3;
/// A log level: also each attempt.
pub const OAI_LOG_DEBUG: i32 = 4;
/// A log level: everything.
pub const OAI_LOG_TRACE: i32 = 5;

/// Is given log lines, on the library's dispatcher thread and never inside a call. `message` is a line of `len` bytes
/// with a NUL behind it, without a newline, borrowed for the callback. No line ever holds an API key.
pub type oai_log_callback = Option<
    unsafe extern "C" fn(user_data: *mut c_void, level: i32, message: *const c_char, len: usize),
>;

/// Sets the log level of the process and where its lines go. Without this call the level is that of `OAI_LOG` or
/// `OPENAI_LOG` (off, error, warn, info, debug, trace), else warn, and lines go to stderr.
///
/// `level`: one of `OAI_LOG_*`. `callback`: NULL for stderr; lines from before the library's first request are kept
/// until its threads run. `user_data`, `destructor`: nullable, as in `oai_submit`; the destructor runs once
/// another callback is set and the lines on their way were delivered, at `oai_shutdown`, or here if the call fails;
/// `user_data` must live until then. `error`: nullable.
/// Returns `OAI_OK`, `OAI_ERR_INVALID_ARGUMENT` for another level, `OAI_ERR_FORKED` or `OAI_ERR_SHUTDOWN`. Any thread,
/// any time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_log(
    level: i32,
    callback: oai_log_callback,
    user_data: *mut c_void,
    destructor: oai_destructor,
    error: *mut *mut oai_error,
) -> oai_status {
    let user = UserData {
        data: user_data,
        destructor,
    };
    call(error, || {
        runtime::check()?;
        let filter = filter(level)?;
        log::set(filter, callback.map(|function| listener(function, user)));
        Ok(())
    })
}

/// Sets the log level of the process and lets its lines go to a queue, from the next one on, as events of their own:
/// `OAI_EVENT_LOG`, with the line as `data` (without a newline) and its level as `tag`.
///
/// 10,000 lines wait at most; what comes then is lost, and the next line says how many were. Lines hold back no
/// request (see `oai_queue_set_max_unread_bytes`). Once the queue is freed, and after `oai_shutdown`, lines go to stderr;
/// so they do after `oai_set_log` with a NULL callback.
/// `level`: one of `OAI_LOG_*`. `queue`: not NULL; it stays the caller's. `error`: nullable.
/// Returns `OAI_OK`, `OAI_ERR_INVALID_ARGUMENT` for a NULL or another level, `OAI_ERR_FORKED` or `OAI_ERR_SHUTDOWN`.
/// Any thread, any time. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_log_to(
    level: i32,
    queue: *const oai_queue,
    error: *mut *mut oai_error,
) -> oai_status {
    call(error, || {
        runtime::check()?;
        // SAFETY: NULL or a live handle, by the conventions.
        let queue = unsafe { queue_of(queue) }?;
        log::set_queue(filter(level)?, &queue);
        Ok(())
    })
}

fn filter(level: i32) -> Result<LevelFilter> {
    Ok(match level {
        OAI_LOG_OFF => LevelFilter::OFF,
        OAI_LOG_ERROR => LevelFilter::ERROR,
        OAI_LOG_WARN => LevelFilter::WARN,
        OAI_LOG_INFO => LevelFilter::INFO,
        OAI_LOG_DEBUG => LevelFilter::DEBUG,
        OAI_LOG_TRACE => LevelFilter::TRACE,
        _ => {
            return Err(Error::new(
                status::INVALID_ARGUMENT,
                format!("level {level} is not one from OAI_LOG_OFF (0) to OAI_LOG_TRACE (5)"),
            ));
        }
    })
}

fn listener(
    function: unsafe extern "C" fn(*mut c_void, i32, *const c_char, usize),
    user: UserData,
) -> log::LogListener {
    /// One who is called only by the dispatcher, one line at a time.
    struct Host(UserData);
    // SAFETY: the data goes to the host's callback on one thread at a time.
    unsafe impl Sync for Host {}
    let host = Host(user);
    Arc::new(move |level: Level, line: &str| {
        let host = &host;
        let level = log::number(level);
        let text = super::error::c_string(line);
        // SAFETY: the host's function with the host's data; the line is borrowed for the call.
        unsafe { function(host.0.data, level, text.as_ptr(), text.as_bytes().len()) };
    })
}
