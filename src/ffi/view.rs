//! What a response or an error says, in one call: for bindings, where each call across the border costs more than it
//! does.

use std::ffi::c_char;
use std::ptr;

use super::border::{borrow, borrow_mut, call_logged, clear, put, writable};
use super::error::oai_error;
use super::queue::oai_batch;
use super::response::oai_response;
use super::status::oai_status;

/// What a response says. All pointers live as long as the response; what does not apply is NULL or 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct oai_response_view {
    /// The request's id; 0 when it was refused.
    pub id: u64,
    /// The outcome: `OAI_OK`, or what went wrong.
    pub status: oai_status,
    /// The HTTP status of the last answer; 0 when none came.
    pub http_status: i32,
    /// How many attempts were started, the first included.
    pub attempts: u32,
    /// How many headers the answer has, for `oai_response_header_at`.
    pub header_count: u32,
    /// The body, as `oai_response_body` gives it; never NULL but in the view of no response.
    pub body: *const c_char,
    /// Its bytes, without the NUL behind them.
    pub body_len: usize,
    /// The vectors of a typed embed call that went well, as `oai_response_embeddings` gives them.
    pub embeddings: *const f32,
    /// How many rows they have.
    pub rows: usize,
    /// How many numbers each row has.
    pub dims: usize,
    /// The server's id of the request, NUL-terminated.
    pub request_id: *const c_char,
    /// What went wrong, borrowed as from `oai_response_error`; NULL when `status` is `OAI_OK`.
    pub error: *const oai_error,
    /// For later versions.
    pub reserved: [u64; 4],
}

/// What an error says. All texts are NUL-terminated and live as long as the error; what does not apply is NULL or 0.
#[repr(C)]
pub struct oai_error_view {
    /// The status that the failed call returned too.
    pub status: oai_status,
    /// The HTTP status of the answer; 0 when none came.
    pub http_status: i32,
    /// How long the server asked to wait; 0 when it did not say.
    pub retry_after_ms: u64,
    /// 1 if the request may have been carried out although it failed, else 0.
    pub may_have_executed: i32,
    /// Always 0.
    pub padding: i32,
    /// The sentence for the person who reads it, never NULL.
    pub message: *const c_char,
    /// The server's `error.type`.
    pub type_name: *const c_char,
    /// The server's `error.code`.
    pub code: *const c_char,
    /// The server's `error.param`.
    pub param: *const c_char,
    /// The server's id of the request.
    pub request_id: *const c_char,
    /// For later versions.
    pub reserved: [u64; 4],
}

impl oai_response_view {
    const EMPTY: oai_response_view = oai_response_view {
        id: 0,
        status: 0,
        http_status: 0,
        attempts: 0,
        header_count: 0,
        body: ptr::null(),
        body_len: 0,
        embeddings: ptr::null(),
        rows: 0,
        dims: 0,
        request_id: ptr::null(),
        error: ptr::null(),
        reserved: [0; 4],
    };

    fn of(handle: &oai_response) -> oai_response_view {
        let response = handle.response();
        let vectors = response.embeddings.as_ref();
        let vectors = vectors.filter(|_| response.error.is_none());
        oai_response_view {
            id: response.id,
            status: response.status(),
            http_status: i32::from(response.http_status),
            attempts: response.attempts,
            header_count: u32::try_from(response.headers.count()).unwrap_or(u32::MAX),
            body: response.body().with_nul().as_ptr().cast(),
            body_len: response.body().len(),
            embeddings: vectors.map_or(ptr::null(), |vectors| vectors.data.as_ptr()),
            rows: vectors.map_or(0, |vectors| vectors.rows),
            dims: vectors.map_or(0, |vectors| vectors.dims),
            request_id: response.request_id().map_or(ptr::null(), |id| id.as_ptr()),
            error: handle.error(),
            reserved: [0; 4],
        }
    }
}

impl oai_error_view {
    const EMPTY: oai_error_view = oai_error_view {
        status: 0,
        http_status: 0,
        retry_after_ms: 0,
        may_have_executed: 0,
        padding: 0,
        message: ptr::null(),
        type_name: ptr::null(),
        code: ptr::null(),
        param: ptr::null(),
        request_id: ptr::null(),
        reserved: [0; 4],
    };
}

/// Tells what a response says, in one call: what `oai_response_status`, `_http_status`, `_id`, `_attempts`, `_body`,
/// `_embeddings`, `_request_id` and `_error` tell one by one.
///
/// `response`: not NULL. `view`: not NULL, is filled; it lives as long as the response.
/// Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` for a NULL. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_response_get_view(
    response: *const oai_response,
    view: *mut oai_response_view,
) -> oai_status {
    if !view.is_null() {
        // SAFETY: not NULL, so by the conventions it points to a view.
        unsafe { put(view, oai_response_view::EMPTY) };
    }
    call_logged("oai_response_get_view", || {
        // SAFETY: NULL or a live handle, by the conventions.
        let response = unsafe { borrow(response, "response") }?;
        writable(view, "view")?;
        // SAFETY: checked not to be NULL.
        unsafe { put(view, oai_response_view::of(response)) };
        Ok(())
    })
}

/// Tells what an error says, in one call.
///
/// `error`: not NULL. `view`: not NULL, is filled; it lives as long as the error.
/// Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` for a NULL. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_error_get_view(
    error: *const oai_error,
    view: *mut oai_error_view,
) -> oai_status {
    if !view.is_null() {
        // SAFETY: not NULL, so by the conventions it points to a view.
        unsafe { put(view, oai_error_view::EMPTY) };
    }
    call_logged("oai_error_get_view", || {
        // SAFETY: NULL or a live handle, by the conventions.
        let error = unsafe { borrow(error, "error") }?;
        writable(view, "view")?;
        // SAFETY: checked not to be NULL.
        unsafe { put(view, error.view()) };
        Ok(())
    })
}

/// Views of all responses of a batch, in one call.
///
/// `batch`: not NULL. `views`: not NULL, gets an array as long as that of `oai_batch_records` and in the same order;
/// where a record has no response (any more) all is NULL and 0. The array lives as long as the batch; what its views
/// point to lives as long as the responses, also when they are taken out afterwards. `count`: not NULL, its length.
/// Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_batch_views(
    batch: *mut oai_batch,
    views: *mut *const oai_response_view,
    count: *mut usize,
) -> oai_status {
    clear(views);
    clear(count);
    call_logged("oai_batch_views", || {
        // SAFETY: NULL or a live handle of this thread, by the conventions.
        let batch = unsafe { borrow_mut(batch, "batch") }?;
        writable(views, "views")?;
        writable(count, "count")?;
        batch.views = batch
            .records
            .iter()
            // SAFETY: the records own their responses, and NULL those that were taken.
            .map(|record| match unsafe { record.response.as_ref() } {
                Some(response) => oai_response_view::of(response),
                None => oai_response_view::EMPTY,
            })
            .collect();
        // SAFETY: both were checked not to be NULL.
        unsafe {
            put(views, batch.views.as_ptr());
            put(count, batch.views.len());
        }
        Ok(())
    })
}
