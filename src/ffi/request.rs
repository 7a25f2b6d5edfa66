//! `oai_request`: any operation of the API, put together step by step.

use std::ffi::c_char;
use std::time::Duration;

use super::border::{borrow, borrow_mut, call, call_logged, clear, free, give, put, writable};
use super::error::oai_error;
use super::status::oai_status;
use super::text::{optional_str, packed, required_bytes, required_str, texts};
use crate::client::pages::Trail;
use crate::client::request::Request;
use crate::error::Result;

/// A request being put together. It belongs to one thread at a time; submitting leaves it as it is, so it may be
/// submitted again, changed or freed at once.
pub struct oai_request {
    pub(super) request: Request,
    /// The host's own mark, which events carry back.
    pub(super) tag: u64,
    /// The pages that `oai_request_next_page` has led to.
    pub(super) trail: Trail,
}

/// `oai_request_set_priority`: before the others.
pub const OAI_PRIORITY_HIGH: u32 = 0;
/// `oai_request_set_priority`: the default.
pub const OAI_PRIORITY_NORMAL: u32 = 1;
/// `oai_request_set_priority`: after the others.
pub const OAI_PRIORITY_LOW: u32 = 2;

/// Makes a request for any operation.
///
/// `method`: not NULL, such as `"POST"`. `path`: not NULL, below `base_url`, such as `"/chat/completions"`; no query,
/// no `..`. Both are copied. `request`: not NULL, gets the request, which the caller frees with `oai_request_free`.
/// `error`: nullable.
/// Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT`, naming what is wrong. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_new(
    method: *const c_char,
    path: *const c_char,
    request: *mut *mut oai_request,
    error: *mut *mut oai_error,
) -> oai_status {
    clear(request);
    call(error, || {
        writable(request, "request")?;
        // SAFETY: NULL or NUL-terminated, by the conventions.
        let (method, path) =
            unsafe { (required_str(method, "method")?, required_str(path, "path")?) };
        let made = oai_request {
            request: Request::new(method, path)?,
            tag: 0,
            trail: Trail::default(),
        };
        // SAFETY: checked not to be NULL.
        unsafe { put(request, give(made)) };
        Ok(())
    })
}

/// Makes a copy of a request, which may be changed without changing the other.
///
/// `request`: not NULL. `copy`: not NULL, gets the copy, which the caller frees with `oai_request_free`. `error`:
/// nullable.
/// Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_clone(
    request: *const oai_request,
    copy: *mut *mut oai_request,
    error: *mut *mut oai_error,
) -> oai_status {
    clear(copy);
    call(error, || {
        writable(copy, "copy")?;
        // SAFETY: NULL or a live handle of this thread, by the conventions.
        let request = unsafe { borrow(request, "request") }?;
        let made = oai_request {
            request: request.request.clone(),
            tag: request.tag,
            trail: request.trail.clone(),
        };
        // SAFETY: checked not to be NULL.
        unsafe { put(copy, give(made)) };
        Ok(())
    })
}

/// Frees a request; what was submitted from it goes on.
///
/// `request`: may be NULL. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_free(request: *mut oai_request) {
    // SAFETY: NULL or a handle that the caller owns, by the conventions.
    unsafe { free(request, drop) };
}

/// Changes a request; what is wrong goes to the log.
pub(super) fn change(
    function: &str,
    request: *mut oai_request,
    change: impl FnOnce(&mut Request) -> Result<()>,
) -> oai_status {
    call_logged(function, || {
        // SAFETY: NULL or a live handle of this thread, by the conventions.
        change(&mut unsafe { borrow_mut(request, "request") }?.request)
    })
}

/// Sets the body: any JSON, sent to the letter unless another setter adds to it.
///
/// `request`: not NULL. `json`: not NULL, UTF-8, copied. `len`: its bytes, or `OAI_STRLEN`. `"stream": true` in it, or
/// speech's `"stream_format": "sse"`, makes the answer a stream of events.
/// Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` if it is not JSON; the log says where. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_set_json(
    request: *mut oai_request,
    json: *const c_char,
    len: usize,
) -> oai_status {
    change("oai_request_set_json", request, |request| {
        // SAFETY: NULL or readable, by the conventions.
        request.set_json(unsafe { required_bytes(json, len, "json") }?)
    })
}

/// Sets a query parameter, replacing one of that name.
///
/// `request`, `name`: not NULL. `value`: NULL removes the parameter. Both are copied and encoded as needed.
/// `stream=true` makes the answer of a GET a stream of events.
/// Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_set_query(
    request: *mut oai_request,
    name: *const c_char,
    value: *const c_char,
) -> oai_status {
    change("oai_request_set_query", request, |request| {
        // SAFETY: NULL or NUL-terminated, by the conventions.
        let (name, value) = unsafe { (required_str(name, "name")?, optional_str(value, "value")?) };
        request.set_query(name, value)
    })
}

/// Adds a query parameter beside those of that name, for parameters that are lists, such as `include[]`.
///
/// `request`, `name`, `value`: not NULL; copied and encoded as needed.
/// Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_add_query(
    request: *mut oai_request,
    name: *const c_char,
    value: *const c_char,
) -> oai_status {
    change("oai_request_add_query", request, |request| {
        // SAFETY: NULL or NUL-terminated, by the conventions.
        let (name, value) = unsafe { (required_str(name, "name")?, required_str(value, "value")?) };
        request.add_query(name, value);
        Ok(())
    })
}

/// Sets a header, which wins over one that the client would send.
///
/// `request`, `name`: not NULL. `value`: NULL removes the header. Both are copied.
/// Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` for what cannot be a header; the log says why. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_set_header(
    request: *mut oai_request,
    name: *const c_char,
    value: *const c_char,
) -> oai_status {
    change("oai_request_set_header", request, |request| {
        // SAFETY: NULL or NUL-terminated, by the conventions.
        let (name, value) = unsafe { (required_str(name, "name")?, optional_str(value, "value")?) };
        request.set_header(name, value)
    })
}

/// Sets the texts of an embed call (the body's `input`), whose answer is then decoded: see `oai_response_embeddings`.
///
/// `request`: not NULL, for `POST /embeddings`. `inputs`: `n` texts, none NULL, UTF-8, copied. `lens`: their bytes;
/// NULL: all are NUL-terminated. `n`: at least 1.
/// Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT`; the log names the input. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_set_inputs(
    request: *mut oai_request,
    inputs: *const *const c_char,
    lens: *const usize,
    n: usize,
) -> oai_status {
    change("oai_request_set_inputs", request, |request| {
        // SAFETY: NULL or arrays of n, by the conventions.
        request.set_inputs(&unsafe { texts(inputs, lens, n) }?)
    })
}

/// The same from one buffer, in which the texts stand one behind the other: cheaper to pass for foreign languages.
///
/// `request`: not NULL, for `POST /embeddings`. `bytes`: the texts, UTF-8, copied; nullable only if all are empty.
/// `lens`: the bytes of each, not NULL. `n`: at least 1.
/// Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT`; the log names the input. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_set_inputs_packed(
    request: *mut oai_request,
    bytes: *const c_char,
    lens: *const usize,
    n: usize,
) -> oai_status {
    change("oai_request_set_inputs_packed", request, |request| {
        // SAFETY: NULL or as long as said, by the conventions.
        request.set_inputs(&unsafe { packed(bytes, lens, n) }?)
    })
}

/// Sets the body's `model`.
///
/// `request`: not NULL. `model`: copied; NULL takes back what this function set.
/// Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_set_model(
    request: *mut oai_request,
    model: *const c_char,
) -> oai_status {
    change("oai_request_set_model", request, |request| {
        // SAFETY: NULL or NUL-terminated, by the conventions.
        request.set_model(unsafe { optional_str(model, "model") }?)
    })
}

/// Sets the body's `dimensions`: how long the vectors are to be, for models that can shorten them.
///
/// `request`: not NULL. `dimensions`: 0 for the model's own.
/// Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_set_dimensions(
    request: *mut oai_request,
    dimensions: u32,
) -> oai_status {
    change("oai_request_set_dimensions", request, |request| {
        request.set_dimensions(dimensions)
    })
}

/// Sets the body's `user`: an id of your end user, for OpenAI's abuse monitoring.
///
/// `request`: not NULL. `user`: copied; NULL takes it back.
/// Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_set_user(
    request: *mut oai_request,
    user: *const c_char,
) -> oai_status {
    change("oai_request_set_user", request, |request| {
        // SAFETY: NULL or NUL-terminated, by the conventions.
        request.set_user(unsafe { optional_str(user, "user") }?)
    })
}

/// Sets the body's `stream`, of a GET the query's, and so whether the answer is read as a stream of events.
///
/// `request`: not NULL. `stream`: 0 or not 0.
/// Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_set_stream(
    request: *mut oai_request,
    stream: i32,
) -> oai_status {
    change("oai_request_set_stream", request, |request| {
        request.set_stream(stream != 0)
    })
}

/// Sets the priority. Within a model, waiting for `ageing_ms` counts as much as one step of it, so nothing waits for
/// ever.
///
/// `request`: not NULL. `priority`: `OAI_PRIORITY_HIGH`, `OAI_PRIORITY_NORMAL` (the default) or `OAI_PRIORITY_LOW`.
/// Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` for another number. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_set_priority(
    request: *mut oai_request,
    priority: u32,
) -> oai_status {
    change("oai_request_set_priority", request, |request| {
        request.set_priority(priority)
    })
}

/// Sets how long the request may take in all, with its time in the queue and its retries.
///
/// `request`: not NULL. `timeout_ms`: milliseconds from the submit on; 0: the client's `timeout_ms`.
/// Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_set_timeout_ms(
    request: *mut oai_request,
    timeout_ms: u64,
) -> oai_status {
    change("oai_request_set_timeout_ms", request, |request| {
        request.set_timeout(Duration::from_millis(timeout_ms))
    })
}

/// Sets the `Idempotency-Key` header, the same in each attempt. None is sent otherwise.
///
/// `request`: not NULL. `key`: copied; NULL takes it back.
/// Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_set_idempotency_key(
    request: *mut oai_request,
    key: *const c_char,
) -> oai_status {
    change("oai_request_set_idempotency_key", request, |request| {
        // SAFETY: NULL or NUL-terminated, by the conventions.
        request.set_header("idempotency-key", unsafe { optional_str(key, "key") }?)
    })
}

/// Sets the tag that `oai_submit_to` puts on the request's events when it is given none (0).
///
/// `request`: not NULL. `tag`: any number; the library does not look at it.
/// Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_set_tag(request: *mut oai_request, tag: u64) -> oai_status {
    call_logged("oai_request_set_tag", || {
        // SAFETY: NULL or a live handle of this thread, by the conventions.
        unsafe { borrow_mut(request, "request") }?.tag = tag;
        Ok(())
    })
}
