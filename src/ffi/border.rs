//! What every exported function does at its edges: catch panics, check pointers, own handles.
//!
//! All handles are made by [`give`] and ended by [`take`], so what is freed is what was allocated. Outputs are cleared
//! before anything else happens and written only on success.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use super::error::oai_error;
use super::status::oai_status;
use crate::error::{Error, Result};
use crate::{runtime, status};

/// Runs a function's body; its error goes to `error` where there is one.
pub fn call(error: *mut *mut oai_error, body: impl FnOnce() -> Result<()>) -> oai_status {
    clear(error);
    match caught(body) {
        Ok(()) => status::OK,
        Err(failure) => {
            let code = failure.status;
            if !error.is_null() {
                // SAFETY: not NULL, so by the conventions it points to a place for one pointer.
                unsafe { *error = Box::into_raw(Box::new(oai_error::new(failure))) };
            }
            code
        }
    }
}

/// The same for a function without an error object: what was wrong goes to the log.
pub fn call_logged(function: &str, body: impl FnOnce() -> Result<()>) -> oai_status {
    match caught(body) {
        Ok(()) => status::OK,
        Err(failure) => {
            if !runtime::is_forked() {
                tracing::error!("{function}: {failure}");
            }
            failure.status
        }
    }
}

/// Runs a body and makes an error of its panic.
pub fn caught<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        Err(Error::new(
            status::PANIC,
            "the library met an internal failure; only this call is affected",
        ))
    })
}

/// Runs a getter, whose answer is `otherwise` if it cannot give one.
pub fn get<T>(otherwise: T, body: impl FnOnce() -> Option<T>) -> T {
    caught(|| Ok(body())).ok().flatten().unwrap_or(otherwise)
}

/// Reads from a handle; `otherwise` for NULL or where `look` finds nothing.
///
/// # Safety
/// `handle` must be NULL or come from [`give`] and not have been freed.
pub unsafe fn read<T, R>(handle: *const T, otherwise: R, look: impl FnOnce(&T) -> Option<R>) -> R {
    // SAFETY: as promised by the caller.
    get(otherwise, || unsafe { handle.as_ref() }.and_then(look))
}

/// Sets an output to its empty value.
pub fn clear<T: Empty>(out: *mut T) {
    if !out.is_null() {
        // SAFETY: not NULL, so by the conventions it points to a place for one value.
        unsafe { out.write(T::EMPTY) };
    }
}

/// What an output holds before it is filled.
pub trait Empty {
    const EMPTY: Self;
}

impl<T> Empty for *mut T {
    const EMPTY: Self = ptr::null_mut();
}

impl<T> Empty for *const T {
    const EMPTY: Self = ptr::null();
}

impl Empty for i32 {
    const EMPTY: Self = 0;
}

impl Empty for usize {
    const EMPTY: Self = 0;
}

impl Empty for u64 {
    const EMPTY: Self = 0;
}

/// Fails unless an output can be written.
pub fn writable<T>(out: *mut T, what: &'static str) -> Result<()> {
    if out.is_null() {
        Err(null(what))
    } else {
        Ok(())
    }
}

/// Fills an output.
///
/// # Safety
/// `out` must be valid for writing.
pub unsafe fn put<T>(out: *mut T, value: T) {
    // SAFETY: as promised by the caller.
    unsafe { out.write(value) };
}

/// The error for a NULL argument.
pub fn null(what: &'static str) -> Error {
    Error::new(status::INVALID_ARGUMENT, format!("{what} must not be NULL"))
}

/// Looks at what a handle points to.
///
/// # Safety
/// `handle` must be NULL or come from [`give`] and not have been freed.
pub unsafe fn borrow<'a, T>(handle: *const T, what: &'static str) -> Result<&'a T> {
    // SAFETY: as promised by the caller.
    unsafe { handle.as_ref() }.ok_or_else(|| null(what))
}

/// The same for a handle that belongs to one thread at a time.
///
/// # Safety
/// As for [`borrow`], and nobody else may use the handle meanwhile.
pub unsafe fn borrow_mut<'a, T>(handle: *mut T, what: &'static str) -> Result<&'a mut T> {
    // SAFETY: as promised by the caller.
    unsafe { handle.as_mut() }.ok_or_else(|| null(what))
}

/// Makes a handle of a value.
pub fn give<T>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// Takes the value back out of a handle, and ends it. `None` for NULL, and in a forked child, where everything is left
/// where it is: its locks and threads are not there to be used.
///
/// # Safety
/// `handle` must be NULL or come from [`give`] and not have been freed.
pub unsafe fn take<T>(handle: *mut T) -> Option<Box<T>> {
    if handle.is_null() || runtime::is_forked() {
        return None;
    }
    // SAFETY: as promised by the caller.
    Some(unsafe { Box::from_raw(handle) })
}

/// Frees a handle; what its end runs into stays inside.
///
/// # Safety
/// As for [`take`].
pub unsafe fn free<T>(handle: *mut T, end: impl FnOnce(Box<T>)) {
    // SAFETY: as promised by the caller.
    let Some(value) = (unsafe { take(handle) }) else {
        return;
    };
    let _ = caught(|| {
        end(value);
        Ok(())
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::error::{oai_error_free, oai_error_status};

    #[test]
    fn a_panic_becomes_a_status_and_an_error_object() {
        let mut error = ptr::null_mut();
        assert_eq!(call(&mut error, || panic!("on purpose")), status::PANIC);
        // SAFETY: the call has just given the error.
        unsafe {
            assert_eq!(oai_error_status(error), status::PANIC);
            oai_error_free(error);
        }
        assert_eq!(get(7, || panic!("on purpose")), 7);
    }
}
