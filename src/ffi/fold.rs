//! `oai_fold`: the whole answer for those who take a stream event by event.

use std::ffi::c_char;

use super::border::{borrow_mut, call, clear, free, give, put, writable};
use super::error::oai_error;
use super::response::give_text;
use super::status::oai_status;
use super::text::required_bytes;
use crate::codec::fold::Folder;

/// A stream being put together. It belongs to one thread at a time.
pub struct oai_fold {
    folder: Folder,
}

/// Makes a fold, which makes of a stream's chunks what the call would have given without streaming: the message's text,
/// its tool calls with their arguments, its refusal, and the usage where the server tells it.
///
/// `fold`: not NULL, gets the fold, which the caller frees with `oai_fold_free`. `error`: nullable.
/// Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Any thread. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_fold_new(
    fold: *mut *mut oai_fold,
    error: *mut *mut oai_error,
) -> oai_status {
    clear(fold);
    call(error, || {
        writable(fold, "fold")?;
        let made = oai_fold {
            folder: Folder::new(None),
        };
        // SAFETY: checked not to be NULL.
        unsafe { put(fold, give(made)) };
        Ok(())
    })
}

/// Takes the next chunk of the stream. The first one tells whether it is one of chat, of completions, of the Responses
/// API, or another.
///
/// `fold`: not NULL. `data`: not NULL, what an `OAI_EVENT_CHUNK` brought, copied. `len`: its bytes, or `OAI_STRLEN`.
/// `error`: nullable.
/// Returns `OAI_OK`; `OAI_ERR_DECODE` for a chunk that is not JSON of the stream's kind, which is then left out;
/// `OAI_ERR_INVALID_ARGUMENT`. Callbacks may call it; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_fold_push(
    fold: *mut oai_fold,
    data: *const c_char,
    len: usize,
    error: *mut *mut oai_error,
) -> oai_status {
    call(error, || {
        // SAFETY: NULL or as the conventions say.
        let (fold, data) = unsafe {
            (
                borrow_mut(fold, "fold")?,
                required_bytes(data, len, "data")?,
            )
        };
        fold.folder.push("", data)
    })
}

/// Gives the whole and forgets it: the fold is as new, for another stream.
///
/// `fold`: not NULL. `json`: not NULL, gets a text that the caller frees with `oai_string_free`: a `chat.completion`, a
/// `text_completion`, the last `response` of a stream of the Responses API, or of any other stream a list of its data.
/// A stream that broke off gives as much as came; no chunk at all gives `[]`. `len`: nullable, its bytes. `error`:
/// nullable.
/// Returns `OAI_OK`, `OAI_ERR_INVALID_ARGUMENT` or `OAI_ERR_NO_MEMORY`. Callbacks may call it; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_fold_finish(
    fold: *mut oai_fold,
    json: *mut *mut c_char,
    len: *mut usize,
    error: *mut *mut oai_error,
) -> oai_status {
    clear(json);
    clear(len);
    call(error, || {
        // SAFETY: NULL or a live handle of this thread, by the conventions.
        let fold = unsafe { borrow_mut(fold, "fold") }?;
        writable(json, "json")?;
        let whole = std::mem::replace(&mut fold.folder, Folder::new(None)).finish();
        // SAFETY: `json` was checked not to be NULL; `len` is NULL or writable, by the conventions.
        unsafe { give_text(&whole, json, len) }
    })
}

/// Frees a fold.
///
/// `fold`: may be NULL. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_fold_free(fold: *mut oai_fold) {
    // SAFETY: NULL or a handle that the caller owns, by the conventions.
    unsafe { free(fold, drop) };
}
