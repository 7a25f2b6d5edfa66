//! `oai_realtime`: WebSocket connections, such as those to `/realtime` and `/responses`, on each of the three faces.

use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use super::border::{borrow, call, clear, free, give, put, read, take, writable};
use super::client::{client_of, oai_client};
use super::error::oai_error;
use super::queue::{check_batch, give_batch, oai_batch, oai_queue};
use super::request::oai_request;
use super::response::oai_response;
use super::send::{accept_to_queue, accept_with_callback, oai_callback, oai_destructor};
use super::status::oai_status;
use super::text::{optional_bytes, optional_str, required_bytes, required_text};
use crate::client;
use crate::client::Client;
use crate::client::realtime::{Link, Options};
use crate::completion::{Ending, Sink};
use crate::error::{Error, Result};
use crate::transport::Payload;
use crate::{runtime, status};

/// `kind` of an event of a connection: it was made, or was lost and will be made anew. `data` and `len` are a JSON text,
/// borrowed for the callback: `{"state":"open","connection":1,"attempts":1,"request_id":"req_1"}`, or
/// `{"state":"reconnecting","connection":1,"status":-103,"message":"...","close_code":0,"close_reason":"","delay_ms":812}`.
/// `connection` counts from 1: from 2 on the server knows nothing of what was said before.
pub const OAI_EVENT_CONNECTION: i32 = 32;

/// `kind` of an event of a connection: a message of bytes, where `OAI_EVENT_CHUNK` is one of text. OpenAI sends none.
pub const OAI_EVENT_BINARY: i32 = 64;

/// A WebSocket connection. Any thread may use it at any time, except while it is freed.
pub struct oai_realtime {
    link: Arc<Link>,
}

/// The request and the options, NULL or empty for the usual ones.
///
/// # Safety
/// The pointers must be NULL or as the conventions say.
unsafe fn arguments<'a>(
    request: *const oai_request,
    options: *const c_char,
    len: usize,
) -> Result<(&'a oai_request, Options)> {
    // SAFETY: as promised by the caller.
    let (request, options) = unsafe {
        (
            borrow(request, "request")?,
            optional_bytes(options, len, "options")?,
        )
    };
    let options = Options::parse(options.filter(|options| !options.is_empty()))?;
    Ok((request, options))
}

/// Opens a connection under `id`, whose handle can be read before any event can be seen.
///
/// # Safety
/// `realtime` must be valid for writing.
unsafe fn open(
    client: &Arc<Client>,
    id: u64,
    (request, options): (&oai_request, Options),
    sink: Option<Sink>,
    realtime: *mut *mut oai_realtime,
) -> Result<()> {
    // Before any lock.
    runtime::check()?;
    let link = Link::new(id, &options, sink.is_none());
    let Some(sink) = sink.or_else(|| link.sink()) else {
        return Err(Error::new(status::INTERNAL, "a connection without a sink"));
    };
    // SAFETY: as promised by the caller.
    unsafe { put(realtime, give(oai_realtime { link: link.clone() })) };
    client
        .open_realtime(&link, &request.request, options, sink)
        .inspect_err(|_| {
            // SAFETY: as promised by the caller, and the handle was made above; nobody has used it yet.
            drop(unsafe { take(*realtime) });
            clear(realtime);
        })
}

/// Opens a WebSocket connection, and lets the caller wait for its events with `oai_realtime_next`.
///
/// Its events are one `OAI_EVENT_CONNECTION` when it is open, an `OAI_EVENT_CHUNK` for each message (of OpenAI: a JSON
/// object with a `type`), and one `OAI_EVENT_DONE` at the end. An `error` message of the server is a message like any
/// other: mostly the connection goes on. Messages may be sent at once; they leave in order when the connection is there.
///
/// The opening is a request like any other: it waits in the queue, within the limits of its model (the query parameter
/// `model`), holds a slot until the server has answered, and is retried by the same options; `timeout_ms` is its time.
/// The open connection holds no slot, and statistics count it as its opening and the bytes of its messages. It goes to
/// `base_url` with the client's key or token, headers, proxy and CA, by HTTP/1.1; a redirect is an error. On an Azure
/// endpoint with a dated `azure_api_version`, `/realtime` sends `model` as `deployment`. While `stream_buffer_events`
/// messages are unread the socket is not read. A message of more than `max_response_bytes` ends the connection, and so
/// does silence of `idle_timeout_ms`, answers to pings included.
///
/// `client`: not NULL; `oai_client_close` closes the connection, freeing the client ends it. `request`: not NULL, a GET
/// request without a body, such as `GET /realtime` with the query `model`, or `GET /responses`; only read. `options`:
/// nullable, a JSON object of any of these: `reconnect` (false; true: a connection that was lost, or closed by the server
/// with 1001, 1005, 1011, 1012, 1013 or 1015, or with messages left to send, is made anew after a backoff, at most
/// `max_retries` times in a row when it lasts less than `max_retry_delay_ms`; the server has forgotten the session then),
/// `max_unsent_bytes` (16777216; also a bound of one message for each 64 of them), `ping_interval_ms` (20000; after so
/// much silence, or half of `idle_timeout_ms`, the server is asked whether it is there; 0: never). `len`: its bytes,
/// or `OAI_STRLEN`. `realtime`: not NULL, gets the connection, which the caller frees with `oai_realtime_free`. `error`:
/// nullable.
/// Returns `OAI_OK`: the connection is being made. Otherwise it was refused as `oai_submit` refuses, but never with
/// `OAI_ERR_QUEUE_FULL`: it then waits for a place. Any thread; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_realtime_open(
    client: *const oai_client,
    request: *const oai_request,
    options: *const c_char,
    len: usize,
    realtime: *mut *mut oai_realtime,
    error: *mut *mut oai_error,
) -> oai_status {
    clear(realtime);
    call(error, || {
        // SAFETY: NULL or as the conventions say.
        let (client, asked) = unsafe { (client_of(client)?, arguments(request, options, len)?) };
        writable(realtime, "realtime")?;
        // SAFETY: checked not to be NULL.
        unsafe { open(&client, client::next_id(), asked, None, realtime) }
    })
}

/// The same, with the events called back.
///
/// Parameters as `oai_realtime_open` up to `realtime`, and as `oai_submit` from `callback` on; `realtime` and `id` are
/// written before any event.
/// Returns as `oai_realtime_open`: `OAI_OK`, and one `OAI_EVENT_DONE` follows. Any thread, callbacks included; never
/// blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_realtime_open_async(
    client: *const oai_client,
    request: *const oai_request,
    options: *const c_char,
    len: usize,
    realtime: *mut *mut oai_realtime,
    callback: oai_callback,
    user_data: *mut c_void,
    destructor: oai_destructor,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    clear(realtime);
    let submit = |client: &Arc<Client>, id, sink| {
        // SAFETY: NULL or as the conventions say.
        let asked = unsafe { arguments(request, options, len) }?;
        writable(realtime, "realtime")?;
        // SAFETY: checked not to be NULL.
        unsafe { open(client, id, asked, Some(sink), realtime) }
    };
    accept_with_callback(client, callback, user_data, destructor, id, error, submit)
}

/// The same, with the events in a completion queue.
///
/// Parameters as `oai_realtime_open` up to `realtime`, and as `oai_submit_to` from `queue` on; `realtime` and `id` are
/// written before any event.
/// Returns as `oai_realtime_open`: `OAI_OK`, and one `OAI_EVENT_DONE` follows. Any thread; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_realtime_open_to(
    client: *const oai_client,
    request: *const oai_request,
    options: *const c_char,
    len: usize,
    realtime: *mut *mut oai_realtime,
    queue: *const oai_queue,
    tag: u64,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    clear(realtime);
    accept_to_queue(client, queue, id, error, |client, id, queue| {
        // SAFETY: NULL or as the conventions say.
        let asked = unsafe { arguments(request, options, len) }?;
        writable(realtime, "realtime")?;
        let tag = if tag == 0 { asked.0.tag } else { tag };
        // SAFETY: checked not to be NULL.
        unsafe {
            open(
                client,
                id,
                asked,
                Some(Sink::Queue { queue, tag }),
                realtime,
            )
        }
    })
}

/// The id of a connection's events, which `oai_cancel` takes too: the connection then ends at once, without a close frame.
///
/// `realtime`: may be NULL, which gives 0. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_realtime_id(realtime: *const oai_realtime) -> u64 {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe { read(realtime, 0, |realtime| Some(realtime.link.id())) }
}

/// Sends a message of text behind those that were sent before. What was given to the connection counts as sent; what was
/// not when it ends comes back with its response (`oai_response_unsent`), or goes to the connection that follows it.
///
/// `realtime`: not NULL. `message`: not NULL, UTF-8, of OpenAI's endpoints a JSON object with a `type`; copied. `len`: its
/// bytes, or `OAI_STRLEN`. `error`: nullable.
/// Returns `OAI_OK`; `OAI_ERR_QUEUE_FULL` if more than `max_unsent_bytes` would wait; `OAI_ERR_CLOSED` if the connection
/// has ended or is being closed; `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`. Any thread, callbacks included; never
/// blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_realtime_send(
    realtime: *const oai_realtime,
    message: *const c_char,
    len: usize,
    error: *mut *mut oai_error,
) -> oai_status {
    call(error, || {
        // SAFETY: NULL or as the conventions say.
        let (realtime, message) = unsafe {
            (
                borrow(realtime, "realtime")?,
                required_text(message, len, "message")?,
            )
        };
        check_process()?;
        realtime.link.send(Payload::Text(message.into()))
    })
}

/// Sends a message of bytes, for servers that take them; OpenAI's take text alone.
///
/// `data`: not NULL, copied. `len`: its bytes. Otherwise as `oai_realtime_send`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_realtime_send_binary(
    realtime: *const oai_realtime,
    data: *const c_char,
    len: usize,
    error: *mut *mut oai_error,
) -> oai_status {
    call(error, || {
        // SAFETY: NULL or as the conventions say.
        let (realtime, data) = unsafe {
            (
                borrow(realtime, "realtime")?,
                required_bytes(data, len, "data")?,
            )
        };
        check_process()?;
        realtime.link.send(Payload::Binary(data.to_vec().into()))
    })
}

/// Bytes of messages that wait to be sent: for a caller who makes them faster than the connection takes them.
///
/// `realtime`: may be NULL, which gives 0. Any thread; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_realtime_unsent_bytes(realtime: *const oai_realtime) -> u64 {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe {
        read(realtime, 0, |realtime| {
            // In a forked child the lock may be held for ever.
            (!runtime::is_forked()).then(|| realtime.link.unsent_bytes())
        })
    }
}

/// Takes a connection's next events, waiting until there is one.
///
/// `realtime`: not NULL, from `oai_realtime_open`. `max`: how many at most, at least 1. `timeout_ms`: how long to wait at
/// most; `UINT64_MAX`: for ever; 0: not at all. `batch`: not NULL, gets a batch as from a queue, which the caller frees
/// with `oai_batch_free`, or NULL when the time is over. `error`: nullable.
/// Returns `OAI_OK`; `OAI_ERR_CLOSED` once `OAI_EVENT_DONE` was taken; `OAI_ERR_STATE` from a callback, and if the events
/// go elsewhere; `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`. Any thread; blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_realtime_next(
    realtime: *const oai_realtime,
    max: usize,
    timeout_ms: u64,
    batch: *mut *mut oai_batch,
    error: *mut *mut oai_error,
) -> oai_status {
    clear(batch);
    call(error, || {
        // SAFETY: NULL or a live handle, by the conventions.
        let realtime = unsafe { borrow(realtime, "realtime") }?;
        check_batch(max, batch)?;
        client::refuse_in_callback("oai_realtime_next")?;
        let timeout = (timeout_ms != u64::MAX).then(|| Duration::from_millis(timeout_ms));
        give_batch(realtime.link.next(max, timeout)?, batch);
        Ok(())
    })
}

/// Closes a connection: what waits to be sent goes first, then a close frame, and once the server has answered (at most
/// five seconds later, or `idle_timeout_ms`; as long after the last byte that it took if it takes no more) the terminal
/// event follows, with `OAI_OK` if everything was sent. Messages may still come until then. Where there is no
/// connection yet, it is still made if there is something to send.
///
/// `realtime`: not NULL. `code`: 1000, or 3000 to 4999; 0: 1000. `reason`: nullable, at most 123 bytes. `error`:
/// nullable.
/// Returns `OAI_OK`, also when it is being closed already; `OAI_ERR_CLOSED` when it has ended;
/// `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`. Any thread, callbacks included; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_realtime_close(
    realtime: *const oai_realtime,
    code: i32,
    reason: *const c_char,
    error: *mut *mut oai_error,
) -> oai_status {
    call(error, || {
        // SAFETY: NULL or as the conventions say.
        let (realtime, reason) = unsafe {
            (
                borrow(realtime, "realtime")?,
                optional_str(reason, "reason")?,
            )
        };
        check_process()?;
        realtime.link.close(code, reason)
    })
}

/// Frees a connection's handle, at any time, callbacks included. One that has not ended is closed as by
/// `oai_realtime_close`: a callback or queue still gets its events; those of `oai_realtime_next` are discarded.
///
/// `realtime`: may be NULL. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_realtime_free(realtime: *mut oai_realtime) {
    // SAFETY: NULL or a handle that the caller owns, by the conventions.
    unsafe { free(realtime, |realtime| realtime.link.release()) };
}

fn check_process() -> Result<()> {
    if runtime::is_forked() {
        runtime::check()?;
    }
    Ok(())
}

/// Looks at the end of a connection.
///
/// # Safety
/// `response` must be NULL or a live handle.
unsafe fn ending<R>(
    response: *const oai_response,
    otherwise: R,
    look: impl FnOnce(&Ending) -> Option<R>,
) -> R {
    // SAFETY: as promised by the caller.
    unsafe {
        read(response, otherwise, |response| {
            response.response().ending.as_deref().and_then(look)
        })
    }
}

/// The code that a connection was closed with by the server, or that it answered our close with: 1000 is the usual one,
/// 1005 stands for none in the frame; 0 when no close frame came, and of other responses.
///
/// `response`: may be NULL, which gives 0. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_response_close_code(response: *const oai_response) -> i32 {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe { ending(response, 0, |ending| Some(i32::from(ending.code))) }
}

/// The reason that the server gave with it.
///
/// `response`: may be NULL. Returns a text that lives as long as the response, empty without a reason; NULL if it is not
/// the end of a connection. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_response_close_reason(response: *const oai_response) -> *const c_char {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe { ending(response, ptr::null(), |ending| Some(ending.reason.as_ptr())) }
}

/// How many messages of a connection were not sent when it ended.
///
/// `response`: may be NULL, which gives 0. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_response_unsent_count(response: *const oai_response) -> usize {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe { ending(response, 0, |ending| Some(ending.unsent.len())) }
}

/// A message that was not sent, oldest first: send it over another connection, or let it go.
///
/// `response`: not NULL. `index`: from 0. `data`: not NULL, gets the message, which lives as long as the response, with a
/// NUL behind it. `len`: nullable, gets its bytes. `binary`: nullable, gets 1 for a message of bytes, else 0.
/// Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` if there is no such message. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_response_unsent(
    response: *const oai_response,
    index: usize,
    data: *mut *const c_char,
    len: *mut usize,
    binary: *mut i32,
) -> oai_status {
    clear(data);
    clear(len);
    clear(binary);
    call(ptr::null_mut(), || {
        // SAFETY: NULL or a live handle, by the conventions.
        let response = unsafe { borrow(response, "response") }?;
        writable(data, "data")?;
        let ending = response.response().ending.as_deref();
        let unsent = ending.and_then(|ending| ending.unsent.get(index));
        let unsent = unsent.ok_or_else(|| {
            Error::new(
                status::INVALID_ARGUMENT,
                "the response has no unsent message of this index",
            )
        })?;
        // SAFETY: what is not NULL may be written, by the conventions.
        unsafe {
            put(data, unsent.data.with_nul().as_ptr().cast());
            if !len.is_null() {
                put(len, unsent.data.len());
            }
            if !binary.is_null() {
                put(binary, i32::from(unsent.is_binary));
            }
        }
        Ok(())
    })
}
