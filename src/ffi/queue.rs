//! `oai_queue`: completions for threads of the host, with a descriptor to poll.

use std::ffi::c_char;
use std::os::fd::IntoRawFd;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use super::border::{
    borrow, borrow_mut, call, call_logged, clear, free, get, give, put, read, writable,
};
use super::error::oai_error;
use super::realtime::{OAI_EVENT_BINARY, OAI_EVENT_CONNECTION};
use super::response::{give_response, oai_response};
use super::send::{OAI_EVENT_CHUNK, OAI_EVENT_DONE, OAI_EVENT_LOG, OAI_EVENT_PROGRESS};
use super::status::oai_status;
use super::tokens::OAI_EVENT_TOKEN_WANTED;
use super::view::oai_response_view;
use crate::client;
use crate::completion::{EventQueue, Kind, Record, release};
use crate::error::{Error, Result};
use crate::{runtime, status};

/// A completion queue: events of any number of requests and clients, taken in batches. Any thread may use it at any
/// time, except while it is freed.
pub struct oai_queue {
    queue: Arc<EventQueue>,
}

/// Events taken from a queue. It belongs to one thread at a time; the caller frees it with `oai_batch_free`.
pub struct oai_batch {
    pub(super) records: Vec<oai_event_record>,
    /// What `oai_batch_views` gave last.
    pub(super) views: Vec<oai_response_view>,
    /// What the records point into.
    chunks: Vec<Record>,
}

/// One event. It lives as long as its batch.
#[repr(C)]
pub struct oai_event_record {
    /// The request's id; 0 of `OAI_EVENT_LOG`; of `OAI_EVENT_TOKEN_WANTED` the number to answer under.
    pub id: u64,
    /// The tag given when it was submitted, or to `oai_set_token_queue`. Of `OAI_EVENT_LOG`: the line's level.
    pub tag: u64,
    /// `OAI_EVENT_CHUNK`, `OAI_EVENT_PROGRESS`, `OAI_EVENT_DONE`, `OAI_EVENT_LOG`, `OAI_EVENT_TOKEN_WANTED`,
    /// `OAI_EVENT_CONNECTION` or `OAI_EVENT_BINARY`; skip others, which later versions may bring.
    pub kind: i32,
    /// Of `OAI_EVENT_DONE`: the response's status. Else `OAI_OK`.
    pub status: oai_status,
    /// Of all but `OAI_EVENT_DONE`: the event's data, with a NUL behind it. Else NULL.
    pub data: *const c_char,
    /// Its bytes.
    pub len: usize,
    /// Of `OAI_EVENT_DONE`: the response, freed with the batch unless `oai_record_take_response` moved it out.
    pub response: *mut oai_response,
    /// For later versions.
    pub reserved: [u64; 2],
}

/// The queue behind a handle.
///
/// # Safety
/// `queue` must be NULL or a live handle.
pub(super) unsafe fn queue_of(queue: *const oai_queue) -> Result<Arc<EventQueue>> {
    // SAFETY: as promised by the caller.
    Ok(unsafe { borrow(queue, "queue") }?.queue.clone())
}

/// Makes a completion queue.
///
/// `queue`: not NULL, gets the queue, which the caller frees with `oai_queue_free`. `error`: nullable.
/// Returns `OAI_OK`, `OAI_ERR_INVALID_ARGUMENT`, `OAI_ERR_FORKED` or `OAI_ERR_SHUTDOWN`. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_queue_new(
    queue: *mut *mut oai_queue,
    error: *mut *mut oai_error,
) -> oai_status {
    clear(queue);
    call(error, || {
        runtime::check()?;
        writable(queue, "queue")?;
        // SAFETY: checked not to be NULL.
        unsafe {
            put(
                queue,
                give(oai_queue {
                    queue: EventQueue::new(),
                }),
            )
        };
        Ok(())
    })
}

/// Frees a queue. Requests that were submitted to it go on; their events are discarded. Its descriptor is closed, the
/// duplicates of it are not.
///
/// `queue`: may be NULL. No other thread may use it any more. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_queue_free(queue: *mut oai_queue) {
    // SAFETY: NULL or a handle that the caller owns, by the conventions.
    unsafe { free(queue, |queue| queue.queue.close()) };
}

/// A descriptor to `poll` for reading: readable when the queue goes from empty to not empty, until `oai_queue_next` or
/// `oai_queue_wait` finds it empty. So: when it is readable, call `oai_queue_next` until it gives NULL. Its bytes mean
/// nothing; reading them is allowed and not needed.
///
/// `queue`: not NULL. Returns a descriptor that the queue owns and closes when it is freed, or a negative status:
/// `OAI_ERR_INVALID_ARGUMENT`, `OAI_ERR_INTERNAL` when the process has no descriptors left, `OAI_ERR_FORKED`,
/// `OAI_ERR_SHUTDOWN`. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_queue_fd(queue: *const oai_queue) -> i64 {
    descriptor("oai_queue_fd", || {
        // SAFETY: NULL or a live handle, by the conventions.
        let queue = unsafe { queue_of(queue) }?;
        runtime::start()?;
        queue
            .with_bell(|bell| i64::from(bell.fd()))
            .map_err(no_descriptor)
    })
}

/// The same as a duplicate that the caller owns and closes: close-on-exec and non-blocking, for runtimes that close what
/// they are given (Node, Go, Ruby).
///
/// `queue`: not NULL. Returns a descriptor, or a negative status as `oai_queue_fd`. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_queue_dup_fd(queue: *const oai_queue) -> i64 {
    descriptor("oai_queue_dup_fd", || {
        // SAFETY: NULL or a live handle, by the conventions.
        let queue = unsafe { queue_of(queue) }?;
        runtime::start()?;
        let duplicate = queue.with_bell(|bell| bell.duplicate()).and_then(|fd| fd);
        Ok(i64::from(duplicate.map_err(no_descriptor)?.into_raw_fd()))
    })
}

fn descriptor(function: &str, body: impl FnOnce() -> Result<i64>) -> i64 {
    let mut fd = -1;
    let status = call_logged(function, || {
        fd = body()?;
        Ok(())
    });
    if status == status::OK {
        fd
    } else {
        i64::from(status)
    }
}

fn no_descriptor(error: std::io::Error) -> Error {
    Error::new(
        status::INTERNAL,
        format!("the queue's descriptor could not be made: {error}"),
    )
}

/// Bounds what the queue holds unread. While its events take up more than so many bytes (chunks, bodies, vectors and the
/// records themselves), requests that were submitted to it are not sent: they keep their place, their deadline and
/// their right to be cancelled, and other requests of the same client go on. Once enough was taken they go at once.
///
/// What is in flight is not stopped, so the bound may be passed by what `max_concurrent_requests` answers hold.
/// `queue`: not NULL. `bytes`: 0, the default: any number. `error`: nullable.
/// Returns `OAI_OK`, `OAI_ERR_INVALID_ARGUMENT` or `OAI_ERR_FORKED`. Any thread, any time; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_queue_set_max_unread_bytes(
    queue: *const oai_queue,
    bytes: u64,
    error: *mut *mut oai_error,
) -> oai_status {
    call(error, || {
        // SAFETY: NULL or a live handle, by the conventions.
        let queue = unsafe { queue_of(queue) }?;
        if runtime::is_forked() {
            runtime::check()?;
        }
        queue.set_max_unread(bytes);
        Ok(())
    })
}

/// How many bytes of events the queue holds unread, as `oai_queue_set_max_unread_bytes` counts them. Those of cancelled
/// streams count until they are passed over; log lines do not.
///
/// `queue`: NULL gives 0. Any thread; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_queue_unread_bytes(queue: *const oai_queue) -> u64 {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe { read(queue, 0, |queue| Some(queue.queue.unread())) }
}

/// Takes events without waiting, oldest first.
///
/// `queue`: not NULL. `max`: how many at most, at least 1. `batch`: not NULL, gets a batch that the caller frees with
/// `oai_batch_free`, or NULL when the queue is empty, which arms the descriptor.
/// Returns `OAI_OK`, `OAI_ERR_INVALID_ARGUMENT` or `OAI_ERR_FORKED`. Any thread; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_queue_next(
    queue: *const oai_queue,
    max: usize,
    batch: *mut *mut oai_batch,
) -> oai_status {
    clear(batch);
    call_logged("oai_queue_next", || {
        // SAFETY: NULL or a live handle, by the conventions.
        let queue = unsafe { queue_of(queue) }?;
        check_batch(max, batch)?;
        give_batch(queue.take(max), batch);
        Ok(())
    })
}

/// Takes events, waiting until there is one.
///
/// `queue`: not NULL. `max`: how many at most, at least 1. `timeout_ms`: how long to wait at most; `UINT64_MAX`: for
/// ever. `batch`: not NULL, gets a batch that the caller frees with `oai_batch_free`, or NULL when the time is over or
/// `oai_queue_wake` ended the wait.
/// Returns `OAI_OK`; `OAI_ERR_STATE` from a callback; `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`;
/// `OAI_ERR_SHUTDOWN` when it would wait after `oai_shutdown`. Any thread; blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_queue_wait(
    queue: *const oai_queue,
    max: usize,
    timeout_ms: u64,
    batch: *mut *mut oai_batch,
) -> oai_status {
    clear(batch);
    call_logged("oai_queue_wait", || {
        // SAFETY: NULL or a live handle, by the conventions.
        let queue = unsafe { queue_of(queue) }?;
        check_batch(max, batch)?;
        client::refuse_in_callback("oai_queue_wait")?;
        let here = queue.take(max);
        if !here.is_empty() {
            give_batch(here, batch);
            return Ok(());
        }
        runtime::start()?;
        let timeout = (timeout_ms != u64::MAX).then(|| Duration::from_millis(timeout_ms));
        let taken = queue.wait(max, timeout);
        if taken.is_empty() {
            runtime::check()?;
        }
        give_batch(taken, batch);
        Ok(())
    })
}

pub(super) fn check_batch(max: usize, batch: *mut *mut oai_batch) -> Result<()> {
    if runtime::is_forked() {
        runtime::check()?;
    }
    writable(batch, "batch")?;
    if max == 0 {
        return Err(Error::new(
            status::INVALID_ARGUMENT,
            "max must be at least 1",
        ));
    }
    Ok(())
}

pub(super) fn give_batch(mut taken: Vec<Record>, batch: *mut *mut oai_batch) {
    if taken.is_empty() {
        return;
    }
    let records = taken
        .iter_mut()
        .map(|record| {
            let response = record.response.take();
            oai_event_record {
                id: record.id,
                tag: record.tag,
                kind: match record.kind {
                    Kind::Chunk => OAI_EVENT_CHUNK,
                    Kind::Binary => OAI_EVENT_BINARY,
                    Kind::Connection => OAI_EVENT_CONNECTION,
                    Kind::Progress => OAI_EVENT_PROGRESS,
                    Kind::Done => OAI_EVENT_DONE,
                    Kind::Log => OAI_EVENT_LOG,
                    Kind::TokenWanted => OAI_EVENT_TOKEN_WANTED,
                },
                status: response
                    .as_ref()
                    .map_or(status::OK, |response| response.status()),
                data: match record.kind {
                    Kind::Chunk | Kind::Binary | Kind::Connection | Kind::Progress | Kind::Log => {
                        record.data.with_nul().as_ptr().cast()
                    }
                    Kind::Done | Kind::TokenWanted => ptr::null(),
                },
                len: record.data.len(),
                response: response.map_or(ptr::null_mut(), give_response),
                reserved: [0; 2],
            }
        })
        .collect();
    // SAFETY: checked not to be NULL by `check_batch`.
    unsafe {
        put(
            batch,
            give(oai_batch {
                records,
                views: Vec::new(),
                chunks: taken,
            }),
        )
    };
}

/// Ends one `oai_queue_wait`: one that waits now, or else the next. So many calls end so many waits.
///
/// `queue`: not NULL. Returns `OAI_OK`, `OAI_ERR_INVALID_ARGUMENT` or `OAI_ERR_FORKED`. Any thread; never blocks.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_queue_wake(queue: *const oai_queue) -> oai_status {
    call_logged("oai_queue_wake", || {
        // SAFETY: NULL or a live handle, by the conventions.
        let queue = unsafe { queue_of(queue) }?;
        if runtime::is_forked() {
            runtime::check()?;
        }
        queue.wake();
        Ok(())
    })
}

/// The events of a batch.
///
/// `batch`: not NULL. `records`: not NULL, gets an array that lives as long as the batch. `count`: not NULL, its length.
/// Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_batch_records(
    batch: *mut oai_batch,
    records: *mut *mut oai_event_record,
    count: *mut usize,
) -> oai_status {
    clear(records);
    clear(count);
    call_logged("oai_batch_records", || {
        // SAFETY: NULL or a live handle of this thread, by the conventions.
        let batch = unsafe { borrow_mut(batch, "batch") }?;
        writable(records, "records")?;
        writable(count, "count")?;
        // SAFETY: both were checked not to be NULL.
        unsafe {
            put(records, batch.records.as_mut_ptr());
            put(count, batch.records.len());
        }
        Ok(())
    })
}

/// Moves the response out of a record: the caller then frees it with `oai_response_free`.
///
/// `record`: of a live batch; may be NULL. Returns the response, NULL if there is none (any more). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_record_take_response(
    record: *mut oai_event_record,
) -> *mut oai_response {
    get(ptr::null_mut(), || {
        // SAFETY: NULL or a record of a live batch, by the conventions.
        let record = unsafe { record.as_mut() }?;
        Some(std::mem::replace(&mut record.response, ptr::null_mut()))
    })
}

/// Frees a batch with its events, and the responses that were not taken.
///
/// `batch`: may be NULL. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_batch_free(batch: *mut oai_batch) {
    let end = |batch: Box<oai_batch>| {
        for record in &batch.records {
            // SAFETY: the records own their responses.
            unsafe { free(record.response, drop) };
        }
        release(batch.chunks);
    };
    // SAFETY: NULL or a handle that the caller owns, by the conventions.
    unsafe { free(batch, end) };
}
