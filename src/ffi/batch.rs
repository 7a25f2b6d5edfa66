//! A batch from its input file to its results, on each of the three faces.

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
use super::text::{optional_str, required_bytes};
use crate::client::Client;
use crate::completion::Sink;
use crate::error::Result;

/// What each form takes.
struct Arguments<'a> {
    json: &'a [u8],
    input: Option<&'a str>,
    output: Option<&'a str>,
}

impl Arguments<'_> {
    fn run(&self, client: &Arc<Client>, id: u64, sink: Sink) -> Result<()> {
        client.run_batch(id, self.json, self.input, self.output, sink)
    }
}

/// # Safety
/// The pointers must be NULL or as the conventions say.
unsafe fn arguments<'a>(
    json: *const c_char,
    len: usize,
    input: *const c_char,
    output: *const c_char,
) -> Result<Arguments<'a>> {
    // SAFETY: as promised by the caller.
    unsafe {
        Ok(Arguments {
            json: required_bytes(json, len, "json")?,
            input: optional_str(input, "input")?,
            output: optional_str(output, "output")?,
        })
    }
}

/// Runs a batch: uploads the input file, creates the batch, waits until it has ended and writes its results to files.
/// Files are streamed, never held whole.
///
/// `client`: not NULL. `json`: not NULL, an object with the members of `POST /batches`: `endpoint`, such as
/// `"/v1/chat/completions"`, and whatever else, such as `metadata`; `completion_window` is `"24h"` unless given. Beside
/// these `interval_ms`, `max_interval_ms` and `timeout_ms` as for `oai_wait_until`; `progress`, true or false, which
/// the other forms look at; and, to go on from an earlier call, `batch_id` (only waits and fetches the results; needs
/// no `endpoint`) or `input_file_id` (does not upload). `len`: its bytes, or `OAI_STRLEN`. `input`: the path of a JSONL
/// file, one request a line; NULL with `batch_id` or `input_file_id`, else not. `output`: nullable, the path that the
/// batch's output file is written to, as with `oai_request_set_output_path`; its error file, with the lines that
/// failed, goes to the same path with `.errors` added. A file that the batch does not have leaves its path alone; with
/// NULL neither is fetched. `response`: not NULL; always gets a response (except in a forked child), which the caller
/// frees with `oai_response_free`: the batch as it ended.
/// Returns the response's status. It is `OAI_OK` also for a batch that failed, expired or was cancelled: look at its
/// `status` and `request_counts`. An error once something is at the server says so, and the response's body is then the
/// JSON member to go on with, such as `{"batch_id":"batch_1"}`: the error of a step that retries could not help;
/// `OAI_ERR_DEADLINE` after `timeout_ms`; `OAI_ERR_CLOSED` or `OAI_ERR_CANCELLED` when the client is closed or freed
/// meanwhile. `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FILE`; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_batch_run(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    input: *const c_char,
    output: *const c_char,
    response: *mut *mut oai_response,
) -> oai_status {
    respond(response, || {
        // SAFETY: NULL or as the conventions say.
        let (client, arguments) =
            unsafe { (client_of(client)?, arguments(json, len, input, output)?) };
        accept_and_wait("oai_batch_run", |id, sink| arguments.run(&client, id, sink))
    })
}

/// The same, with the response called back. `oai_cancel` with its id ends the call; the batch goes on at the server.
///
/// With `"progress":true` in the JSON, `OAI_EVENT_PROGRESS` events come before the end, each a JSON text. While the input
/// goes up: `{"way":"upload","bytes":1048576,"total":1073741824}`. Once the batch is created, and after each look that
/// shows something new: `{"way":"batch","batch_id":"batch_1","status":"in_progress","completed":40,"failed":1,
/// "total":100}`, where numbers that the batch does not tell are null. While the results come down: `{"way":"download",
/// "bytes":1048576,"total":2097152,"file":"output"}`, or `"file":"errors"`. At most ten a second, none while one is
/// unread; but those of a body that is complete, and of a new `status`, always.
///
/// Parameters as `oai_batch_run` up to `output`, and as `oai_submit` from `callback` on.
/// Returns as `oai_submit`: `OAI_OK`, and one `OAI_EVENT_DONE` follows. Any thread, callbacks included; never blocks.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_batch_run_async(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    input: *const c_char,
    output: *const c_char,
    callback: oai_callback,
    user_data: *mut c_void,
    destructor: oai_destructor,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    let submit = |client: &Arc<Client>, id, sink| {
        // SAFETY: NULL or as the conventions say.
        unsafe { arguments(json, len, input, output) }?.run(client, id, sink)
    };
    accept_with_callback(client, callback, user_data, destructor, id, error, submit)
}

/// The same, with the response in a completion queue. `oai_cancel` with its id ends the call; the batch goes on at the
/// server.
///
/// Parameters as `oai_batch_run` up to `output`, and as `oai_submit_to` from `queue` on.
/// Returns as `oai_submit_to`. Any thread; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_batch_run_to(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    input: *const c_char,
    output: *const c_char,
    queue: *const oai_queue,
    tag: u64,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    accept_to_queue(client, queue, id, error, |client, id, queue| {
        // SAFETY: NULL or as the conventions say.
        let arguments = unsafe { arguments(json, len, input, output) }?;
        arguments.run(client, id, Sink::Queue { queue, tag })
    })
}
