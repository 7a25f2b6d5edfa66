//! Waiting until an object of the server is done, on each of the three faces.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::border::borrow;
use super::client::{client_of, oai_client};
use super::error::oai_error;
use super::queue::oai_queue;
use super::request::oai_request;
use super::response::{oai_response, respond};
use super::send::{
    accept_and_wait, accept_to_queue, accept_with_callback, oai_callback, oai_destructor,
};
use super::status::oai_status;
use super::text::optional_bytes;
use crate::client::Client;
use crate::completion::Sink;
use crate::error::Result;

/// The request and the options, NULL or empty for the usual ones.
///
/// # Safety
/// The pointers must be NULL or as the conventions say.
unsafe fn arguments<'a>(
    request: *const oai_request,
    options: *const c_char,
    len: usize,
) -> Result<(&'a oai_request, Option<&'a [u8]>)> {
    // SAFETY: as promised by the caller.
    let (request, options) = unsafe {
        (
            borrow(request, "request")?,
            optional_bytes(options, len, "options")?,
        )
    };
    Ok((request, options.filter(|options| !options.is_empty())))
}

/// Waits until an object is done: a run, batch, fine-tuning job, vector-store file, video, background response. It asks
/// for the object until its `status` is one that it stays in, or that waits for the caller (`requires_action`), first
/// each second, then more seldom, or as the server says in `openai-poll-after-ms`.
///
/// `client`: not NULL. `request`: not NULL, the GET request that gives the object, such as `GET /batches/batch_1`; only
/// read. `options`: nullable, a JSON object of any of these: `field` (`"status"`), `statuses` (those that end the wait:
/// `completed`, `succeeded`, `processed`, `failed`, `error`, `cancelled`, `canceled`, `expired`, `incomplete`, `deleted`,
/// `requires_action`), `interval_ms` (1000, growing by half each time), `max_interval_ms` (10000) and `timeout_ms` (of
/// the whole wait; 0, the default: none). A look that finds the client's queue full is left out, whatever `queue_full`
/// says. `len`: its bytes, or `OAI_STRLEN`. `response`: not NULL; always gets a
/// response (except in a forked child), which the caller frees with `oai_response_free`: the object as it was last seen.
/// Returns the response's status. It is `OAI_OK` also for an object that failed: look at its `status`;
/// `OAI_ERR_DEADLINE` after `timeout_ms`; an error of a single look that retries could not help; `OAI_ERR_DECODE` if the
/// answer has no such field; `OAI_ERR_CLOSED` or `OAI_ERR_CANCELLED` when the client is closed or freed meanwhile;
/// `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_wait_until(
    client: *const oai_client,
    request: *const oai_request,
    options: *const c_char,
    len: usize,
    response: *mut *mut oai_response,
) -> oai_status {
    respond(response, || {
        // SAFETY: NULL or as the conventions say.
        let (client, (request, options)) =
            unsafe { (client_of(client)?, arguments(request, options, len)?) };
        accept_and_wait("oai_wait_until", |id, sink| {
            client.wait_until(id, &request.request, options, sink)
        })
    })
}

/// The same, with the response called back. `oai_cancel` with the wait's id ends it.
///
/// Parameters as `oai_wait_until` up to `len`, and as `oai_submit` from `callback` on.
/// Returns as `oai_submit`: `OAI_OK`, and one `OAI_EVENT_DONE` follows. Any thread, callbacks included; never blocks.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_wait_until_async(
    client: *const oai_client,
    request: *const oai_request,
    options: *const c_char,
    len: usize,
    callback: oai_callback,
    user_data: *mut c_void,
    destructor: oai_destructor,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    let submit = |client: &Arc<Client>, id, sink| {
        // SAFETY: NULL or as the conventions say.
        let (request, options) = unsafe { arguments(request, options, len) }?;
        client.wait_until(id, &request.request, options, sink)
    };
    accept_with_callback(client, callback, user_data, destructor, id, error, submit)
}

/// The same, with the response in a completion queue. `oai_cancel` with the wait's id ends it.
///
/// Parameters as `oai_wait_until` up to `len`, and as `oai_submit_to` from `queue` on.
/// Returns as `oai_submit_to`. Any thread; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_wait_until_to(
    client: *const oai_client,
    request: *const oai_request,
    options: *const c_char,
    len: usize,
    queue: *const oai_queue,
    tag: u64,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    accept_to_queue(client, queue, id, error, |client, id, queue| {
        // SAFETY: NULL or as the conventions say.
        let (request, options) = unsafe { arguments(request, options, len) }?;
        let tag = if tag == 0 { request.tag } else { tag };
        client.wait_until(id, &request.request, options, Sink::Queue { queue, tag })
    })
}
