//! `oai_error`: what went wrong, for C.

use std::ffi::{CString, c_char};
use std::ptr;

use super::border::{free, read};
use super::status::{OAI_OK, oai_status};
use super::view::oai_error_view;
use crate::error::Error;

/// What went wrong. Owned when it came from an out-parameter (free it with `oai_error_free`), borrowed when it came from
/// `oai_response_error`. It never changes; any thread may read it.
pub struct oai_error {
    error: Error,
    message: CString,
    kind: Option<CString>,
    code: Option<CString>,
    param: Option<CString>,
    request_id: Option<CString>,
}

impl oai_error {
    pub(super) fn new(error: Error) -> oai_error {
        let text = |text: &Option<String>| text.as_deref().map(c_string);
        oai_error {
            message: c_string(&error.message),
            kind: text(&error.kind),
            code: text(&error.code),
            param: text(&error.param),
            request_id: text(&error.request_id),
            error,
        }
    }
}

impl oai_error {
    pub(super) fn view(&self) -> oai_error_view {
        let text = |text: &Option<CString>| pointer(text.as_ref()).unwrap_or(ptr::null());
        oai_error_view {
            status: self.error.status,
            http_status: i32::from(self.error.http_status),
            retry_after_ms: self.error.retry_after_ms.unwrap_or(0),
            may_have_executed: i32::from(self.error.may_have_executed),
            padding: 0,
            message: self.message.as_ptr(),
            type_name: text(&self.kind),
            code: text(&self.code),
            param: text(&self.param),
            request_id: text(&self.request_id),
            reserved: [0; 4],
        }
    }
}

/// A C string; a NUL inside, which only a server can have sent, becomes a space.
pub(super) fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', " ")).unwrap_or_default()
}

fn pointer(text: Option<&CString>) -> Option<*const c_char> {
    text.map(|text| text.as_ptr())
}

/// The status that the failed call returned too.
///
/// `error`: may be NULL, which gives `OAI_OK`. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_error_status(error: *const oai_error) -> oai_status {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe { read(error, OAI_OK, |error| Some(error.error.status)) }
}

/// The HTTP status of the answer; 0 when none came.
///
/// `error`: may be NULL, which gives 0. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_error_http_status(error: *const oai_error) -> i32 {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe { read(error, 0, |error| Some(i32::from(error.error.http_status))) }
}

/// The server's `error.type`, such as `"invalid_request_error"`.
///
/// `error`: may be NULL. Returns a NUL-terminated text that lives as long as the error, NULL when there is none. Any
/// thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_error_type(error: *const oai_error) -> *const c_char {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe { read(error, ptr::null(), |error| pointer(error.kind.as_ref())) }
}

/// The server's `error.code`, such as `"rate_limit_exceeded"`.
///
/// `error`: may be NULL. Returns a NUL-terminated text that lives as long as the error, NULL when there is none. Any
/// thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_error_code(error: *const oai_error) -> *const c_char {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe { read(error, ptr::null(), |error| pointer(error.code.as_ref())) }
}

/// The server's `error.param`: the parameter that it blames.
///
/// `error`: may be NULL. Returns a NUL-terminated text that lives as long as the error, NULL when there is none. Any
/// thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_error_param(error: *const oai_error) -> *const c_char {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe { read(error, ptr::null(), |error| pointer(error.param.as_ref())) }
}

/// The sentence for the person who reads it: what failed, after how many attempts, what the server said, what to do.
///
/// `error`: may be NULL, which gives `""`. Returns a NUL-terminated text that lives as long as the error, never NULL.
/// It never holds an API key. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_error_message(error: *const oai_error) -> *const c_char {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe { read(error, c"".as_ptr(), |error| pointer(Some(&error.message))) }
}

/// The server's id of the request, which its support asks for.
///
/// `error`: may be NULL. Returns a NUL-terminated text that lives as long as the error, NULL when there is none. Any
/// thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_error_request_id(error: *const oai_error) -> *const c_char {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe {
        read(error, ptr::null(), |error| {
            pointer(error.request_id.as_ref())
        })
    }
}

/// How long the server asked to wait, in milliseconds; 0 when it did not say.
///
/// `error`: may be NULL, which gives 0. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_error_retry_after_ms(error: *const oai_error) -> u64 {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe { read(error, 0, |error| error.error.retry_after_ms) }
}

/// Whether the request may have been carried out although it failed: 1 if so, else 0. Look before you send it again.
///
/// `error`: may be NULL, which gives 0. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_error_may_have_executed(error: *const oai_error) -> i32 {
    // SAFETY: NULL or a live handle, by the conventions.
    unsafe {
        read(error, 0, |error| {
            Some(i32::from(error.error.may_have_executed))
        })
    }
}

/// Frees an error that an out-parameter gave; never one of `oai_response_error`.
///
/// `error`: may be NULL. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_error_free(error: *mut oai_error) {
    // SAFETY: NULL or a handle that the caller owns, by the conventions.
    unsafe { free(error, drop) };
}
