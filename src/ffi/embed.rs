//! The embed calls: the main job in one line of C, blocking, by callback, or as the JSON that came.

use std::borrow::Cow;
use std::ffi::{c_char, c_void};

use super::border::{call, clear, writable};
use super::client::{client_of, oai_client};
use super::error::oai_error;
use super::queue::oai_queue;
use super::request::oai_request;
use super::response::{give_text, oai_response, respond};
use super::send::{oai_callback, oai_destructor, submit_to_queue, submit_with_callback, wait};
use super::status::oai_status;
use super::text::{optional_str, packed, required_str, required_text, texts};
use crate::client::request::Request;
use crate::error::Result;
use crate::scheduler::NewJob;

/// The job of a typed embed call.
fn job(model: &str, inputs: &[Cow<'_, str>], options: Option<&oai_request>) -> Result<NewJob> {
    let mut request = Request::for_embeddings(options.map(|options| &options.request), model)?;
    request.set_inputs(inputs)?;
    request.to_job()
}

/// The same from what C gives.
///
/// # Safety
/// The pointers must be NULL or as the conventions say.
unsafe fn job_of(
    model: *const c_char,
    inputs: *const *const c_char,
    lens: *const usize,
    n: usize,
    options: *const oai_request,
) -> Result<NewJob> {
    // SAFETY: as promised by the caller.
    let (model, inputs, options) = unsafe {
        (
            required_str(model, "model")?,
            texts(inputs, lens, n)?,
            options.as_ref(),
        )
    };
    job(model, &inputs, options)
}

/// Embeds texts and waits for their vectors.
///
/// `client`, `model`: not NULL. `inputs`: `n` texts, none NULL, UTF-8, copied. `lens`: their bytes; NULL: all are
/// NUL-terminated. `n`: at least 1. `options`: nullable, a request for `POST /embeddings` with dimensions, user,
/// headers, priority, timeout or further JSON fields. `response`: not NULL; always gets a response, also when the call
/// fails (except in a forked child), which the caller frees with `oai_response_free`; `oai_response_embeddings` gives
/// the matrix.
/// Returns the response's status; `OAI_ERR_DECODE` if the answer has not one vector for each input; `OAI_ERR_STATE`
/// from a callback. Any thread; blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_embed(
    client: *const oai_client,
    model: *const c_char,
    inputs: *const *const c_char,
    lens: *const usize,
    n: usize,
    options: *const oai_request,
    response: *mut *mut oai_response,
) -> oai_status {
    respond(response, || {
        // SAFETY: NULL or as the conventions say.
        let (client, job) =
            unsafe { (client_of(client)?, job_of(model, inputs, lens, n, options)?) };
        wait(&client, "oai_embed", job)
    })
}

/// Embeds texts and calls back with the response.
///
/// Parameters as `oai_embed` up to `options`, and as `oai_submit` from `callback` on.
/// Returns `OAI_OK`: one `OAI_EVENT_DONE` follows. Otherwise it was refused, as by `oai_submit`, and none does. Any
/// thread, callbacks included; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_embed_async(
    client: *const oai_client,
    model: *const c_char,
    inputs: *const *const c_char,
    lens: *const usize,
    n: usize,
    options: *const oai_request,
    callback: oai_callback,
    user_data: *mut c_void,
    destructor: oai_destructor,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    submit_with_callback(client, callback, user_data, destructor, id, error, || {
        // SAFETY: NULL or as the conventions say.
        unsafe { job_of(model, inputs, lens, n, options) }
    })
}

/// Embeds texts and lets the response come to a queue: all that a binding has to do in one call.
///
/// `client`, `model`, `options`: as for `oai_embed`. `bytes`, `lens`, `n`: the texts one behind the other in one buffer,
/// as for `oai_request_set_inputs_packed`. The rest as for `oai_submit_to`; the tag of `options` counts when `tag` is 0.
/// Returns `OAI_OK`: one `OAI_EVENT_DONE` follows. Otherwise it was refused, as by `oai_submit`, and none does. Any
/// thread; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_embed_to(
    client: *const oai_client,
    model: *const c_char,
    bytes: *const c_char,
    lens: *const usize,
    n: usize,
    options: *const oai_request,
    queue: *const oai_queue,
    tag: u64,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    submit_to_queue(client, queue, tag, id, error, || {
        // SAFETY: NULL or as the conventions say.
        let (model, inputs, options) = unsafe {
            (
                required_str(model, "model")?,
                packed(bytes, lens, n)?,
                options.as_ref(),
            )
        };
        Ok((
            job(model, &inputs, options)?,
            options.map_or(0, |options| options.tag),
        ))
    })
}

/// Embeds one text and waits for the answer's JSON, as received.
///
/// `client`, `model`, `text`: not NULL. `len`: the text's bytes, or `OAI_STRLEN`. `encoding_format`: `"float"` or
/// `"base64"`; NULL: float. `json`: not NULL, gets a text that the caller frees with `oai_string_free`. `json_len`:
/// nullable, its bytes. `error`: nullable.
/// Returns `OAI_OK`, or the status of what went wrong; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_embed_json(
    client: *const oai_client,
    model: *const c_char,
    text: *const c_char,
    len: usize,
    encoding_format: *const c_char,
    json: *mut *mut c_char,
    json_len: *mut usize,
    error: *mut *mut oai_error,
) -> oai_status {
    clear(json);
    clear(json_len);
    call(error, || {
        // SAFETY: NULL or as the conventions say.
        let (client, model, text, format) = unsafe {
            (
                client_of(client)?,
                required_str(model, "model")?,
                required_text(text, len, "text")?,
                optional_str(encoding_format, "encoding_format")?.unwrap_or("float"),
            )
        };
        writable(json, "json")?;
        let mut request = Request::for_embeddings(None, model)?;
        request.set_inputs(&[Cow::Borrowed(text)])?;
        let response = wait(
            &client,
            "oai_embed_json",
            request.to_raw_embeddings_job(format)?,
        )?;
        match &response.error {
            Some(error) => Err(error.clone()),
            // SAFETY: `json` was checked not to be NULL; `json_len` is NULL or writable, by the conventions.
            None => unsafe { give_text(response.body(), json, json_len) },
        }
    })
}
