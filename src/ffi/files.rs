//! Forms with files, and answers that go to a file or a descriptor, for `oai_request`.

use std::ffi::c_char;

use super::request::{change, oai_request};
use super::status::oai_status;
use super::text::{optional_bytes, optional_str, required_bytes, required_str};
use crate::client::transfer::Attached;
use crate::error::Result;
use crate::transport::Output;

/// Adds a field to the body, which thereby becomes a form (`multipart/form-data`). In a form the members of
/// `oai_request_set_json` are fields too: an array's elements as `name[]`, an object's members as `name[member]`.
///
/// `request`, `name`: not NULL. `value`: any bytes, not NULL. `len`: its bytes, or `OAI_STRLEN`. All is copied. A name
/// may be added more than once. A field `model` says which model's limits the request falls under.
/// Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_add_field(
    request: *mut oai_request,
    name: *const c_char,
    value: *const c_char,
    len: usize,
) -> oai_status {
    change("oai_request_add_field", request, |request| {
        // SAFETY: NULL or readable, by the conventions.
        let (name, value) = unsafe {
            (
                required_str(name, "name")?,
                required_bytes(value, len, "value")?,
            )
        };
        request.add_field(name, value)
    })
}

/// Adds a file from memory; the body is then a form, as with `oai_request_add_field`.
///
/// `request`: not NULL. `name`: the field's, not NULL. `filename`: not NULL, not empty. `content_type`: NULL takes what
/// the filename's ending says, else `application/octet-stream`. `data`: any bytes; nullable only with `len` 0. `len`:
/// its bytes, or `OAI_STRLEN`. All is copied.
/// Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_add_file(
    request: *mut oai_request,
    name: *const c_char,
    filename: *const c_char,
    content_type: *const c_char,
    data: *const c_char,
    len: usize,
) -> oai_status {
    change("oai_request_add_file", request, |request| {
        // SAFETY: NULL or readable, by the conventions.
        let (name, filename, content_type, data) = unsafe {
            (
                required_str(name, "name")?,
                required_str(filename, "filename")?,
                optional_str(content_type, "content_type")?,
                bytes_or_none(data, len)?,
            )
        };
        request.add_file(name, filename, content_type, data)
    })
}

/// Bytes of which NULL is a way to say that there are none.
///
/// # Safety
/// As for [`required_bytes`].
unsafe fn bytes_or_none<'a>(data: *const c_char, len: usize) -> Result<&'a [u8]> {
    if len == 0 {
        return Ok(&[]);
    }
    // SAFETY: as promised by the caller.
    unsafe { required_bytes(data, len, "data") }
}

/// Adds a file on disk; the body is then a form, as with `oai_request_add_field`. The file is read a little at a time
/// while it is sent, never whole, and opened anew for each attempt.
///
/// `request`: not NULL. `name`: the field's, not NULL. `path`: not NULL. `filename`: NULL takes the path's last part.
/// `content_type`: as `oai_request_add_file`. All is copied.
/// The file is looked at when the request is submitted: one that is missing, unreadable or no regular file is
/// `OAI_ERR_FILE` then, and so is, during an attempt, one whose length has changed since.
/// Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_add_file_path(
    request: *mut oai_request,
    name: *const c_char,
    path: *const c_char,
    filename: *const c_char,
    content_type: *const c_char,
) -> oai_status {
    change("oai_request_add_file_path", request, |request| {
        // SAFETY: NULL or NUL-terminated, by the conventions.
        let (name, path, filename, content_type) = unsafe {
            (
                required_str(name, "name")?,
                required_str(path, "path")?,
                optional_str(filename, "filename")?,
                optional_str(content_type, "content_type")?,
            )
        };
        request.add_file_path(name, path, filename, content_type)
    })
}

/// Lets the body of a good answer (200 to 299) be written to a file as it comes, and not into memory: the response's
/// body is then empty. It may be of any size: `max_response_bytes` holds for what is kept in memory. An answer that
/// says no leaves the file alone; its body is in the response.
///
/// `request`: not NULL. `path`: copied; NULL takes the output back, also that of `oai_request_set_output_fd`. The body
/// is written beside it, into a file named `.oai...part`, which takes the place of `path` once it is whole and is
/// removed if that does not come about. The directory must exist at the submit (`OAI_ERR_FILE`).
/// `attempt_timeout_ms` then ends with the answer's headers, and `idle_timeout_ms` limits each wait for more.
/// Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_set_output_path(
    request: *mut oai_request,
    path: *const c_char,
) -> oai_status {
    change("oai_request_set_output_path", request, |request| {
        // SAFETY: NULL or NUL-terminated, by the conventions.
        let path = unsafe { optional_str(path, "path") }?;
        request.set_output(path.map(|path| Output::Path(path.into())))
    })
}

/// The same to an open descriptor: a file, a pipe, a socket, blocking or not. Bytes that were written are not taken
/// back: once there are any, a failure ends the request, with the error, instead of leading to another attempt.
///
/// `request`: not NULL. `fd`: open for writing. It is duplicated here and stays the caller's, who may close it at once;
/// the duplicate is closed when the request is freed and what was submitted from it has ended, and not before that does
/// the reader of a pipe find its end. A reader who stops reading stops the request, until its deadline or a cancel.
/// Returns `OAI_OK`, or `OAI_ERR_INVALID_ARGUMENT` for what cannot be written to. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_set_output_fd(
    request: *mut oai_request,
    fd: i32,
) -> oai_status {
    change("oai_request_set_output_fd", request, |request| {
        request.set_output(Some(Output::to_descriptor(fd)?))
    })
}

/// Asks for `OAI_EVENT_PROGRESS` events: how much of a form was given to the connection, how much of an answer was
/// written to its file or descriptor. At most ten a second, none while one is unread, and one when a body is complete.
/// Each attempt begins anew. They go to callbacks and queues; a blocking call has nobody to tell.
///
/// `request`: not NULL. `progress`: 0 or not 0.
/// Returns `OAI_OK` or `OAI_ERR_INVALID_ARGUMENT`. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_request_set_progress(
    request: *mut oai_request,
    progress: i32,
) -> oai_status {
    change("oai_request_set_progress", request, |request| {
        request.set_progress(progress != 0)
    })
}

/// The file of a short form: on disk, or bytes in memory under that name.
///
/// # Safety
/// The pointers must be NULL or as the conventions say.
pub(super) unsafe fn attached<'a>(
    file: *const c_char,
    data: *const c_char,
    len: usize,
) -> Result<Attached<'a>> {
    // SAFETY: as promised by the caller.
    let (file, data) = unsafe {
        (
            required_str(file, "file")?,
            optional_bytes(data, len, "data")?,
        )
    };
    Ok(match data {
        None => Attached::Path(file),
        Some(data) => Attached::Named(file, data),
    })
}
