//! Texts across the border: NUL-terminated identifiers, and texts given by pointer and length.

use std::borrow::Cow;
use std::ffi::{CStr, c_char};
use std::slice;

use super::border::null;
use crate::error::{Error, Result};
use crate::status;

/// `OAI_STRLEN`: the text ends at its NUL.
pub const STRLEN: usize = usize::MAX;

/// A NUL-terminated text, or `None` for NULL.
///
/// # Safety
/// `text` must be NULL or NUL-terminated and live as long as `'a`.
pub unsafe fn optional_str<'a>(text: *const c_char, what: &'static str) -> Result<Option<&'a str>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: as promised by the caller.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str()
        .map(Some)
        .map_err(|error| not_utf8(what, error.valid_up_to()))
}

/// A NUL-terminated text that must be there.
///
/// # Safety
/// As for [`optional_str`].
pub unsafe fn required_str<'a>(text: *const c_char, what: &'static str) -> Result<&'a str> {
    // SAFETY: as promised by the caller.
    unsafe { optional_str(text, what) }?.ok_or_else(|| null(what))
}

/// Bytes by pointer and length. NULL is `None`, whatever the length.
///
/// # Safety
/// `data` must be NULL, or readable for `len` bytes, or NUL-terminated if `len` is [`STRLEN`].
pub unsafe fn optional_bytes<'a>(
    data: *const c_char,
    len: usize,
    what: &'static str,
) -> Result<Option<&'a [u8]>> {
    if data.is_null() {
        return Ok(None);
    }
    if len == STRLEN {
        // SAFETY: as promised by the caller.
        return Ok(Some(unsafe { CStr::from_ptr(data) }.to_bytes()));
    }
    if isize::try_from(len).is_err() {
        return Err(Error::new(
            status::INVALID_ARGUMENT,
            format!(
                "{what} cannot be {len} bytes long; pass its length, or OAI_STRLEN if it ends with a NUL"
            ),
        ));
    }
    // SAFETY: as promised by the caller, and the length fits an isize.
    Ok(Some(unsafe { slice::from_raw_parts(data.cast(), len) }))
}

/// The same for bytes that must be there.
///
/// # Safety
/// As for [`optional_bytes`].
pub unsafe fn required_bytes<'a>(
    data: *const c_char,
    len: usize,
    what: &'static str,
) -> Result<&'a [u8]> {
    // SAFETY: as promised by the caller.
    unsafe { optional_bytes(data, len, what) }?.ok_or_else(|| null(what))
}

/// A text by pointer and length. NULL is `None`, whatever the length.
///
/// # Safety
/// As for [`optional_bytes`].
pub unsafe fn optional_text<'a>(
    data: *const c_char,
    len: usize,
    what: &'static str,
) -> Result<Option<&'a str>> {
    // SAFETY: as promised by the caller.
    let bytes = unsafe { optional_bytes(data, len, what) }?;
    bytes
        .map(|bytes| {
            std::str::from_utf8(bytes).map_err(|error| not_utf8(what, error.valid_up_to()))
        })
        .transpose()
}

/// A text by pointer and length that must be there.
///
/// # Safety
/// As for [`optional_bytes`].
pub unsafe fn required_text<'a>(
    data: *const c_char,
    len: usize,
    what: &'static str,
) -> Result<&'a str> {
    // SAFETY: as promised by the caller.
    unsafe { optional_text(data, len, what) }?.ok_or_else(|| null(what))
}

/// `n` texts, each with its length, or all NUL-terminated if `lens` is NULL.
///
/// # Safety
/// `texts` must be NULL or hold `n` pointers, `lens` NULL or `n` lengths, each text as for [`optional_bytes`].
pub unsafe fn texts<'a>(
    texts: *const *const c_char,
    lens: *const usize,
    n: usize,
) -> Result<Vec<Cow<'a, str>>> {
    if texts.is_null() {
        return Err(null("inputs"));
    }
    check_count(n)?;
    let mut all = Vec::with_capacity(n);
    for index in 0..n {
        // SAFETY: both arrays hold n elements, as promised by the caller.
        let (text, len) = unsafe {
            (
                *texts.add(index),
                if lens.is_null() {
                    STRLEN
                } else {
                    *lens.add(index)
                },
            )
        };
        // SAFETY: as promised by the caller.
        let bytes = unsafe { optional_bytes(text, len, "an input") }?.ok_or_else(|| {
            Error::new(
                status::INVALID_ARGUMENT,
                format!("inputs[{index}] must not be NULL"),
            )
        })?;
        all.push(input(bytes, index)?);
    }
    Ok(all)
}

/// `n` texts in one buffer, one behind the other.
///
/// # Safety
/// `lens` must be NULL or hold `n` lengths, whose sum `bytes` must be readable for.
pub unsafe fn packed<'a>(
    bytes: *const c_char,
    lens: *const usize,
    n: usize,
) -> Result<Vec<Cow<'a, str>>> {
    if lens.is_null() {
        return Err(null("lens"));
    }
    check_count(n)?;
    // SAFETY: as promised by the caller; the count was checked to fit.
    let lens = unsafe { slice::from_raw_parts(lens, n) };
    let total = lens
        .iter()
        .try_fold(0usize, |sum, len| sum.checked_add(*len))
        .filter(|t| *t < STRLEN);
    let total = total.ok_or_else(|| {
        Error::new(
            status::INVALID_ARGUMENT,
            "the sum of lens is larger than any buffer can be",
        )
    })?;
    // SAFETY: as promised by the caller.
    let mut rest = match unsafe { optional_bytes(bytes, total, "bytes") }? {
        Some(bytes) => bytes,
        None if total == 0 => &[],
        None => return Err(null("bytes")),
    };
    let mut all = Vec::with_capacity(n);
    for (index, len) in lens.iter().enumerate() {
        let (text, behind) = rest.split_at(*len);
        all.push(input(text, index)?);
        rest = behind;
    }
    Ok(all)
}

fn check_count(n: usize) -> Result<()> {
    // What a slice of pointers may hold at most.
    if n > isize::MAX as usize / size_of::<usize>() {
        return Err(Error::new(
            status::INVALID_ARGUMENT,
            format!("n cannot be {n}"),
        ));
    }
    Ok(())
}

fn input(bytes: &[u8], index: usize) -> Result<Cow<'_, str>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(error) => Err(Error::new(
            status::INVALID_ARGUMENT,
            format!(
                "inputs[{index}] is not UTF-8: byte {} is not",
                error.valid_up_to()
            ),
        )),
    }
}

fn not_utf8(what: &str, at: usize) -> Error {
    Error::new(
        status::INVALID_ARGUMENT,
        format!("{what} is not UTF-8: byte {at} is not"),
    )
}
