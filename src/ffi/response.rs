//! `oai_response`: what became of a request, for C.

use std::ffi::{c_char, c_void};
use std::ptr;

use once_cell::sync::OnceCell;

use super::border::{borrow, call_logged, caught, clear, free, get, give, put, read, writable};
use super::error::oai_error;
use super::status::{OAI_ERR_INVALID_ARGUMENT, oai_status};
use super::text::required_str;
use crate::completion::{Response, ResponseBox};
use crate::error::{Error, Result};
use crate::{runtime, status};

/// What became of a request: an outcome with a status, whether it went well or not. The caller owns it and frees it
/// with `oai_response_free`. It never changes; any thread may read it. All that it hands out lives as long as itself.
pub struct oai_response {
    pub(super) response: ResponseBox,
    error: OnceCell<Option<Box<oai_error>>>,
}

impl oai_response {
    pub(super) fn response(&self) -> &Response {
        &self.response
    }

    /// The error's handle, made at the first call; NULL when there is none.
    pub(super) fn error(&self) -> *const oai_error {
        let error = self.error.get_or_init(|| {
            let error = self.response.error.clone();
            error.map(|error| Box::new(oai_error::new(error)))
        });
        error.as_deref().map_or(ptr::null(), ptr::from_ref)
    }
}

/// Makes the handle of a response.
pub(super) fn give_response(response: impl Into<ResponseBox>) -> *mut oai_response {
    give(oai_response {
        response: response.into(),
        error: OnceCell::new(),
    })
}

/// Runs a call that yields a response: `out` is filled whatever happens, except when it is NULL, or in a forked child.
pub(super) fn respond(
    out: *mut *mut oai_response,
    body: impl FnOnce() -> Result<Response>,
) -> oai_status {
    respond_or_none(out, || body().map(Some))
}

/// The same for a call that comes to an end some time, where `out` stays NULL.
pub(super) fn respond_or_none(
    out: *mut *mut oai_response,
    body: impl FnOnce() -> Result<Option<Response>>,
) -> oai_status {
    clear(out);
    if out.is_null() {
        return call_logged("response", || writable(out, "response"));
    }
    let response = match caught(body) {
        Ok(Some(response)) => response,
        Ok(None) => return status::OK,
        Err(error) if error.status == status::FORKED => return error.status,
        Err(error) => Response::failed(0, error),
    };
    let code = response.status();
    // SAFETY: not NULL, so by the conventions it points to a place for one pointer.
    unsafe { put(out, give_response(response)) };
    code
}

/// The outcome: `OAI_OK`, or what went wrong.
///
/// `response`: NULL gives `OAI_ERR_INVALID_ARGUMENT`. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_response_status(response: *const oai_response) -> oai_status {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe {
        read(response, OAI_ERR_INVALID_ARGUMENT, |r| {
            Some(r.response.status())
        })
    }
}

/// The HTTP status of the last answer; 0 when none came.
///
/// `response`: may be NULL, which gives 0. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_response_http_status(response: *const oai_response) -> i32 {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe { read(response, 0, |r| Some(i32::from(r.response.http_status))) }
}

/// The id of the request; 0 when it was refused.
///
/// `response`: may be NULL, which gives 0. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_response_id(response: *const oai_response) -> u64 {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe { read(response, 0, |r| Some(r.response.id)) }
}

/// How many attempts were started, the first included.
///
/// `response`: may be NULL, which gives 0. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_response_attempts(response: *const oai_response) -> u32 {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe { read(response, 0, |r| Some(r.response.attempts)) }
}

/// Where the outcome comes from: 0 for the client's own place, n for the nth of `fallbacks`.
///
/// `response`: may be NULL, which gives 0. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_response_fallback(response: *const oai_response) -> u32 {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe { read(response, 0, |r| Some(r.response.place.into())) }
}

/// The body as it was received, decompressed.
///
/// `response`: not NULL. `data`: gets a pointer that lives as long as the response, never NULL on success; one NUL
/// stands behind the last byte. `len`: nullable, gets the number of bytes without that NUL. The body is empty after a
/// typed embed call that went well, and after a stream whose chunks were delivered; after `oai_send` of a stream it is
/// the folded message.
/// Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` for a NULL. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_response_body(
    response: *const oai_response,
    data: *mut *const c_char,
    len: *mut usize,
) -> oai_status {
    clear(data);
    clear(len);
    call_logged("oai_response_body", || {
        // SAFETY: NULL or a live handle, by the conventions.
        let response = unsafe { borrow(response, "response") }?;
        writable(data, "data")?;
        // SAFETY: checked not to be NULL.
        unsafe { put(data, response.response.body().with_nul().as_ptr().cast()) };
        if !len.is_null() {
            // SAFETY: not NULL, so by the conventions it points to a size_t.
            unsafe { put(len, response.response.body().len()) };
        }
        Ok(())
    })
}

/// The first value of a header of the answer.
///
/// `response`: may be NULL. `name`: in any case, not NULL. Returns a NUL-terminated text that lives as long as the
/// response, NULL when there is no such header. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_response_header(
    response: *const oai_response,
    name: *const c_char,
) -> *const c_char {
    get(ptr::null(), || {
        // SAFETY: NULL or a live handle, by the conventions.
        let response = unsafe { response.as_ref() }?;
        // SAFETY: NULL or NUL-terminated, by the conventions.
        let name = unsafe { required_str(name, "name") }.ok()?;
        response
            .response
            .headers
            .get(name)
            .map(|value| value.as_ptr())
    })
}

/// The header at an index, to walk them all from 0 on.
///
/// `response`: not NULL. `name`, `value`: not NULL; get NUL-terminated texts that live as long as the response, or both
/// NULL behind the last header. Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` for a NULL. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_response_header_at(
    response: *const oai_response,
    index: usize,
    name: *mut *const c_char,
    value: *mut *const c_char,
) -> oai_status {
    clear(name);
    clear(value);
    call_logged("oai_response_header_at", || {
        // SAFETY: NULL or a live handle, by the conventions.
        let response = unsafe { borrow(response, "response") }?;
        writable(name, "name")?;
        writable(value, "value")?;
        if let Some((n, v)) = response.response.headers.all().get(index) {
            // SAFETY: both were checked not to be NULL.
            unsafe {
                put(name, n.as_ptr());
                put(value, v.as_ptr());
            }
        }
        Ok(())
    })
}

/// The server's id of the request, which its support asks for.
///
/// `response`: may be NULL. Returns a NUL-terminated text that lives as long as the response, NULL when the server sent
/// none. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_response_request_id(response: *const oai_response) -> *const c_char {
    get(ptr::null(), || {
        // SAFETY: NULL or a live handle, by the conventions.
        let response = unsafe { response.as_ref() }?;
        response.response.request_id().map(|id| id.as_ptr())
    })
}

/// The tokens that the server counted.
///
/// `response`: not NULL. `prompt_tokens` (input), `completion_tokens` (output), `total_tokens`: each nullable; 0 where
/// the answer tells nothing. Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` for a NULL response. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_response_usage(
    response: *const oai_response,
    prompt_tokens: *mut u64,
    completion_tokens: *mut u64,
    total_tokens: *mut u64,
) -> oai_status {
    clear(prompt_tokens);
    clear(completion_tokens);
    clear(total_tokens);
    call_logged("oai_response_usage", || {
        // SAFETY: NULL or a live handle, by the conventions.
        let response = unsafe { borrow(response, "response") }?;
        if let Some(usage) = response.response.usage() {
            for (out, count) in [
                (prompt_tokens, usage.prompt_tokens),
                (completion_tokens, usage.completion_tokens),
                (total_tokens, usage.total_tokens),
            ] {
                if !out.is_null() {
                    // SAFETY: not NULL, so by the conventions it points to a uint64_t.
                    unsafe { put(out, count) };
                }
            }
        }
        Ok(())
    })
}

/// The vectors of a typed embed call: a row-major matrix, one row for each input, in the order of the inputs.
///
/// `response`: not NULL. `data`: gets the first of `rows * dims` floats, which live as long as the response. `rows`,
/// `dims`: get the shape. All three are not NULL.
/// Returns `OAI_OK`; the response's own status if it is an error; `OAI_ERR_INVALID_ARGUMENT` for a NULL;
/// `OAI_ERR_STATE` if it is the response of another call. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_response_embeddings(
    response: *const oai_response,
    data: *mut *const f32,
    rows: *mut usize,
    dims: *mut usize,
) -> oai_status {
    clear(data);
    clear(rows);
    clear(dims);
    let mut outcome = status::OK;
    let asked = call_logged("oai_response_embeddings", || {
        // SAFETY: NULL or a live handle, by the conventions.
        let response = &unsafe { borrow(response, "response") }?.response;
        writable(data, "data")?;
        writable(rows, "rows")?;
        writable(dims, "dims")?;
        if response.error.is_some() {
            outcome = response.status();
            return Ok(());
        }
        let embeddings = response.embeddings.as_ref().ok_or_else(|| {
            Error::new(
                status::STATE,
                "the response is not one of oai_embed, oai_embed_async or a request with inputs; read its body",
            )
        })?;
        // SAFETY: all three were checked not to be NULL.
        unsafe {
            put(data, embeddings.data.as_ptr());
            put(rows, embeddings.rows);
            put(dims, embeddings.dims);
        }
        Ok(())
    });
    if asked == status::OK { outcome } else { asked }
}

/// What went wrong.
///
/// `response`: may be NULL. Returns an error that lives as long as the response and must not be freed, NULL when the
/// status is `OAI_OK`. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_response_error(response: *const oai_response) -> *const oai_error {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe { read(response, ptr::null(), |response| Some(response.error())) }
}

/// Frees a response and all that it handed out.
///
/// `response`: may be NULL. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_response_free(response: *mut oai_response) {
    // SAFETY: NULL or a handle that the caller owns, by the conventions.
    unsafe { free(response, drop) };
}

/// Frees a text that the library handed over, such as the JSON of `oai_embed_json`.
///
/// `text`: may be NULL. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_string_free(text: *mut c_char) {
    if !runtime::is_forked() {
        // SAFETY: NULL or from `give_text`, by the conventions.
        unsafe { libc::free(text.cast::<c_void>()) };
    }
}

/// Hands bytes to the caller, malloc'ed and with a NUL behind them.
///
/// # Safety
/// `out` must be valid for writing, `len` NULL or valid for writing.
pub(super) unsafe fn give_text(bytes: &[u8], out: *mut *mut c_char, len: *mut usize) -> Result<()> {
    // SAFETY: malloc has no preconditions; the copy stays inside the fresh allocation of one byte more.
    let text = unsafe {
        let text = libc::malloc(bytes.len() + 1).cast::<u8>();
        if text.is_null() {
            return Err(Error::new(status::NO_MEMORY, "out of memory"));
        }
        ptr::copy_nonoverlapping(bytes.as_ptr(), text, bytes.len());
        text.add(bytes.len()).write(0);
        text
    };
    // SAFETY: as promised by the caller.
    unsafe {
        put(out, text.cast());
        if !len.is_null() {
            put(len, bytes.len());
        }
    }
    Ok(())
}
