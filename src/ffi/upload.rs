//! A large file in parts, on each of the three faces.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::client::{client_of, oai_client};
use super::error::oai_error;
use super::queue::oai_queue;
use super::response::{oai_response, respond};
use super::send::{
    accept_and_wait, accept_to_queue, accept_with_callback, oai_callback, oai_destructor,
};
use super::status::oai_status;
use super::text::{required_bytes, required_str};
use crate::client::Client;
use crate::completion::Sink;
use crate::error::Result;

/// The JSON and the path.
///
/// # Safety
/// The pointers must be NULL or as the conventions say.
unsafe fn arguments<'a>(
    json: *const c_char,
    len: usize,
    path: *const c_char,
) -> Result<(&'a [u8], &'a str)> {
    // SAFETY: as promised by the caller.
    unsafe {
        Ok((
            required_bytes(json, len, "json")?,
            required_str(path, "path")?,
        ))
    }
}

/// Uploads a file that is too large for `oai_file_upload` (`POST /uploads`): in parts of 64 MiB, four at a time,
/// streamed from disk, and completed with the MD5 of the whole.
///
/// `client`: not NULL. `json`: not NULL, an object with the members of `POST /uploads`: `purpose`, and whatever else;
/// `filename` and `mime_type` are the path's unless given, `bytes` is the file's. Beside these `part_bytes`, for parts
/// smaller than 64 MiB, `progress`, and, to go on with an interrupted upload of the same file, `upload_id` and
/// `part_ids`: the ids of the parts in their order, null where one is missing. `len`: its bytes, or `OAI_STRLEN`.
/// `path`: not NULL, of a file that is not empty. `response`: not NULL; always gets a response (except in a forked
/// child), which the caller frees with `oai_response_free`: the completed upload, with the `file` in it.
/// Returns the response's status. When an upload that was begun ends early, but may still come to a good end (a cancel, a
/// close, the network, an overloaded server), the response's body is the JSON to go on with: `upload_id`, `part_ids` and
/// `part_bytes`. After an error that no repetition helps the upload is cancelled at the server.
/// `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FILE`; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_upload(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    path: *const c_char,
    response: *mut *mut oai_response,
) -> oai_status {
    respond(response, || {
        // SAFETY: NULL or as the conventions say.
        let (client, (json, path)) = unsafe { (client_of(client)?, arguments(json, len, path)?) };
        accept_and_wait("oai_upload", |id, sink| client.upload(id, json, path, sink))
    })
}

/// The same, with the response called back. `oai_cancel` with its id interrupts the upload, which can go on later. With
/// `"progress": true` in the JSON, `OAI_EVENT_PROGRESS` events tell how many bytes of whole parts have arrived.
///
/// Parameters as `oai_upload` up to `path`, and as `oai_submit` from `callback` on.
/// Returns as `oai_submit`: `OAI_OK`, and one `OAI_EVENT_DONE` follows. Any thread, callbacks included; never blocks.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_upload_async(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    path: *const c_char,
    callback: oai_callback,
    user_data: *mut c_void,
    destructor: oai_destructor,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    let submit = |client: &Arc<Client>, id, sink| {
        // SAFETY: NULL or as the conventions say.
        let (json, path) = unsafe { arguments(json, len, path) }?;
        client.upload(id, json, path, sink)
    };
    accept_with_callback(client, callback, user_data, destructor, id, error, submit)
}

/// The same, with the response in a completion queue. `oai_cancel` with its id interrupts the upload, which can go on
/// later. With `"progress": true` in the JSON, `OAI_EVENT_PROGRESS` events tell how many bytes of whole parts have arrived.
///
/// Parameters as `oai_upload` up to `path`, and as `oai_submit_to` from `queue` on.
/// Returns as `oai_submit_to`. Any thread; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_upload_to(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    path: *const c_char,
    queue: *const oai_queue,
    tag: u64,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    accept_to_queue(client, queue, id, error, |client, id, queue| {
        // SAFETY: NULL or as the conventions say.
        let (json, path) = unsafe { arguments(json, len, path) }?;
        client.upload(id, json, path, Sink::Queue { queue, tag })
    })
}
