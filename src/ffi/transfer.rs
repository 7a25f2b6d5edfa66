//! Short forms that carry files: speech, transcription, translation, images, uploads and downloads, blocking and by
//! callback. Each is a few lines over the general request, which takes what they leave out.

use std::ffi::{c_char, c_void};

use super::client::{client_of, oai_client};
use super::error::oai_error;
use super::files::attached;
use super::response::{oai_response, respond};
use super::send::{oai_callback, oai_destructor, submit_with_callback, wait};
use super::status::oai_status;
use super::text::{optional_str, required_bytes, required_str};
use crate::client::request::Request;
use crate::client::transfer;
use crate::error::Result;

/// Sends what `make` makes, and waits.
fn send(
    function: &str,
    client: *const oai_client,
    response: *mut *mut oai_response,
    make: impl FnOnce() -> Result<Request>,
) -> oai_status {
    respond(response, || {
        // SAFETY: NULL or a live handle, by the conventions.
        let client = unsafe { client_of(client) }?;
        wait(&client, function, make()?.to_job()?)
    })
}

/// # Safety
/// The pointers must be NULL or as the conventions say.
unsafe fn speech(json: *const c_char, len: usize, path: *const c_char) -> Result<Request> {
    // SAFETY: as promised by the caller.
    let (json, path) = unsafe {
        (
            required_bytes(json, len, "json")?,
            optional_str(path, "path")?,
        )
    };
    transfer::speech(json, path)
}

/// # Safety
/// The pointers must be NULL or as the conventions say.
unsafe fn form(
    to: &str,
    field: &str,
    json: *const c_char,
    len: usize,
    file: *const c_char,
    data: *const c_char,
    data_len: usize,
) -> Result<Request> {
    // SAFETY: as promised by the caller.
    let (json, file) = unsafe {
        (
            required_bytes(json, len, "json")?,
            attached(file, data, data_len)?,
        )
    };
    transfer::form(to, json, field, file)
}

/// # Safety
/// The pointers must be NULL or as the conventions say.
unsafe fn image(json: *const c_char, len: usize) -> Result<Request> {
    // SAFETY: as promised by the caller.
    transfer::image(unsafe { required_bytes(json, len, "json") }?)
}

/// # Safety
/// The pointers must be NULL or as the conventions say.
unsafe fn file_content(file_id: *const c_char, path: *const c_char) -> Result<Request> {
    // SAFETY: as promised by the caller.
    let (id, path) = unsafe {
        (
            required_str(file_id, "file_id")?,
            optional_str(path, "path")?,
        )
    };
    transfer::file_content(id, path)
}

/// Makes speech of a text (`POST /audio/speech`).
///
/// `client`: not NULL. `json`: not NULL, an object such as `{"model":"gpt-4o-mini-tts","voice":"alloy","input":"Hello"}`.
/// `len`: its bytes, or `OAI_STRLEN`. `path`: nullable, the file that the sound is written to, as with
/// `oai_request_set_output_path`; NULL: it is the response's body.
/// `response`: not NULL; always gets a response, also when the call fails (except
/// in a forked child), which the caller frees with `oai_response_free`.
/// Returns the response's status; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_speech(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    path: *const c_char,
    response: *mut *mut oai_response,
) -> oai_status {
    send("oai_speech", client, response, || {
        // SAFETY: NULL or as the conventions say.
        unsafe { speech(json, len, path) }
    })
}

/// `oai_speech` with a callback for the response.
///
/// Parameters as `oai_speech` up to `response`, and as `oai_submit` from `callback` on.
/// Returns as `oai_submit`. Any thread, callbacks included. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_speech_async(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    path: *const c_char,
    callback: oai_callback,
    user_data: *mut c_void,
    destructor: oai_destructor,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    submit_with_callback(client, callback, user_data, destructor, id, error, || {
        // SAFETY: NULL or as the conventions say.
        unsafe { speech(json, len, path) }?.to_job()
    })
}

/// Writes down what a recording says (`POST /audio/transcriptions`).
///
/// `client`: not NULL. `json`: not NULL, an object such as `{"model":"whisper-1"}`. `len`: its bytes, or `OAI_STRLEN`.
/// `file`: not NULL, a path; or, where `data` is not NULL, the name under which these `data_len` bytes are sent (a name
/// with the right ending: servers look at it). `data_len`: or
/// `OAI_STRLEN`. All is copied, but a file on disk is read while it is sent.
/// `response`: not NULL; always gets a response, also when the call fails (except
/// in a forked child), which the caller frees with `oai_response_free`.
/// Returns the response's status; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_transcribe(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    file: *const c_char,
    data: *const c_char,
    data_len: usize,
    response: *mut *mut oai_response,
) -> oai_status {
    send("oai_transcribe", client, response, || {
        // SAFETY: NULL or as the conventions say.
        unsafe {
            form(
                "/audio/transcriptions",
                "file",
                json,
                len,
                file,
                data,
                data_len,
            )
        }
    })
}

/// `oai_transcribe` with a callback for the response.
///
/// Parameters as `oai_transcribe` up to `response`, and as `oai_submit` from `callback` on.
/// Returns as `oai_submit`. Any thread, callbacks included. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_transcribe_async(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    file: *const c_char,
    data: *const c_char,
    data_len: usize,
    callback: oai_callback,
    user_data: *mut c_void,
    destructor: oai_destructor,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    submit_with_callback(client, callback, user_data, destructor, id, error, || {
        // SAFETY: NULL or as the conventions say.
        unsafe {
            form(
                "/audio/transcriptions",
                "file",
                json,
                len,
                file,
                data,
                data_len,
            )
        }?
        .to_job()
    })
}

/// Writes down in English what a recording says (`POST /audio/translations`).
///
/// Parameters as `oai_transcribe`.
/// `response`: not NULL; always gets a response, also when the call fails (except
/// in a forked child), which the caller frees with `oai_response_free`.
/// Returns the response's status; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_translate(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    file: *const c_char,
    data: *const c_char,
    data_len: usize,
    response: *mut *mut oai_response,
) -> oai_status {
    send("oai_translate", client, response, || {
        // SAFETY: NULL or as the conventions say.
        unsafe {
            form(
                "/audio/translations",
                "file",
                json,
                len,
                file,
                data,
                data_len,
            )
        }
    })
}

/// `oai_translate` with a callback for the response.
///
/// Parameters as `oai_translate` up to `response`, and as `oai_submit` from `callback` on.
/// Returns as `oai_submit`. Any thread, callbacks included. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_translate_async(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    file: *const c_char,
    data: *const c_char,
    data_len: usize,
    callback: oai_callback,
    user_data: *mut c_void,
    destructor: oai_destructor,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    submit_with_callback(client, callback, user_data, destructor, id, error, || {
        // SAFETY: NULL or as the conventions say.
        unsafe {
            form(
                "/audio/translations",
                "file",
                json,
                len,
                file,
                data,
                data_len,
            )
        }?
        .to_job()
    })
}

/// Makes a picture from words (`POST /images/generations`).
///
/// `client`: not NULL. `json`: not NULL, an object such as `{"model":"gpt-image-1","prompt":"A lighthouse"}`. `len`: its
/// bytes, or `OAI_STRLEN`. The answer is JSON with pictures in base64 or URLs.
/// `response`: not NULL; always gets a response, also when the call fails (except
/// in a forked child), which the caller frees with `oai_response_free`.
/// Returns the response's status; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_image(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    response: *mut *mut oai_response,
) -> oai_status {
    send("oai_image", client, response, || {
        // SAFETY: NULL or as the conventions say.
        unsafe { image(json, len) }
    })
}

/// `oai_image` with a callback for the response.
///
/// Parameters as `oai_image` up to `response`, and as `oai_submit` from `callback` on.
/// Returns as `oai_submit`. Any thread, callbacks included. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_image_async(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    callback: oai_callback,
    user_data: *mut c_void,
    destructor: oai_destructor,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    submit_with_callback(client, callback, user_data, destructor, id, error, || {
        // SAFETY: NULL or as the conventions say.
        unsafe { image(json, len) }?.to_job()
    })
}

/// Changes a picture as the words say (`POST /images/edits`). For several pictures or a mask, make the request with
/// `oai_request_add_file_path`.
///
/// Parameters as `oai_transcribe`; `json` is an object such as `{"model":"gpt-image-1","prompt":"Add a ship"}`.
/// `response`: not NULL; always gets a response, also when the call fails (except
/// in a forked child), which the caller frees with `oai_response_free`.
/// Returns the response's status; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_image_edit(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    file: *const c_char,
    data: *const c_char,
    data_len: usize,
    response: *mut *mut oai_response,
) -> oai_status {
    send("oai_image_edit", client, response, || {
        // SAFETY: NULL or as the conventions say.
        unsafe { form("/images/edits", "image", json, len, file, data, data_len) }
    })
}

/// `oai_image_edit` with a callback for the response.
///
/// Parameters as `oai_image_edit` up to `response`, and as `oai_submit` from `callback` on.
/// Returns as `oai_submit`. Any thread, callbacks included. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_image_edit_async(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    file: *const c_char,
    data: *const c_char,
    data_len: usize,
    callback: oai_callback,
    user_data: *mut c_void,
    destructor: oai_destructor,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    submit_with_callback(client, callback, user_data, destructor, id, error, || {
        // SAFETY: NULL or as the conventions say.
        unsafe { form("/images/edits", "image", json, len, file, data, data_len) }?.to_job()
    })
}

/// Uploads a file (`POST /files`).
///
/// Parameters as `oai_transcribe`; `json` is an object such as `{"purpose":"batch"}`.
/// `response`: not NULL; always gets a response, also when the call fails (except
/// in a forked child), which the caller frees with `oai_response_free`.
/// Returns the response's status; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_file_upload(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    file: *const c_char,
    data: *const c_char,
    data_len: usize,
    response: *mut *mut oai_response,
) -> oai_status {
    send("oai_file_upload", client, response, || {
        // SAFETY: NULL or as the conventions say.
        unsafe { form("/files", "file", json, len, file, data, data_len) }
    })
}

/// `oai_file_upload` with a callback for the response.
///
/// Parameters as `oai_file_upload` up to `response`, and as `oai_submit` from `callback` on.
/// Returns as `oai_submit`. Any thread, callbacks included. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_file_upload_async(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    file: *const c_char,
    data: *const c_char,
    data_len: usize,
    callback: oai_callback,
    user_data: *mut c_void,
    destructor: oai_destructor,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    submit_with_callback(client, callback, user_data, destructor, id, error, || {
        // SAFETY: NULL or as the conventions say.
        unsafe { form("/files", "file", json, len, file, data, data_len) }?.to_job()
    })
}

/// Downloads the content of a file (`GET /files/{file_id}/content`).
///
/// `client`, `file_id`: not NULL. `path`: nullable, where it is written to, as with `oai_request_set_output_path`; NULL:
/// it is the response's body.
/// `response`: not NULL; always gets a response, also when the call fails (except
/// in a forked child), which the caller frees with `oai_response_free`.
/// Returns the response's status; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_file_download(
    client: *const oai_client,
    file_id: *const c_char,
    path: *const c_char,
    response: *mut *mut oai_response,
) -> oai_status {
    send("oai_file_download", client, response, || {
        // SAFETY: NULL or as the conventions say.
        unsafe { file_content(file_id, path) }
    })
}

/// `oai_file_download` with a callback for the response.
///
/// Parameters as `oai_file_download` up to `response`, and as `oai_submit` from `callback` on.
/// Returns as `oai_submit`. Any thread, callbacks included. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_file_download_async(
    client: *const oai_client,
    file_id: *const c_char,
    path: *const c_char,
    callback: oai_callback,
    user_data: *mut c_void,
    destructor: oai_destructor,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    submit_with_callback(client, callback, user_data, destructor, id, error, || {
        // SAFETY: NULL or as the conventions say.
        unsafe { file_content(file_id, path) }?.to_job()
    })
}
