//! Short forms: the most used operations in one call, each a few lines over the general request.
//!
//! Whatever they leave out (headers, priority, timeout, queues) is what `oai_request` with `oai_send`, `oai_submit` and
//! `oai_submit_to` is for.

use std::ffi::{c_char, c_void};

use super::client::{client_of, oai_client};
use super::error::oai_error;
use super::response::{oai_response, respond};
use super::send::{oai_callback, oai_destructor, submit_with_callback, wait};
use super::status::oai_status;
use super::text::{optional_str, required_bytes, required_text};
use crate::client::request::Request;
use crate::error::{Error, Result};
use crate::scheduler::NewJob;
use crate::status;

const CHAT: &str = "/chat/completions";
const RESPONSES: &str = "/responses";
const COMPLETIONS: &str = "/completions";

/// The request of an operation with a JSON body.
///
/// # Safety
/// `json` must be NULL or as the conventions say.
unsafe fn post(path: &str, json: *const c_char, len: usize) -> Result<Request> {
    let mut request = Request::new("POST", path)?;
    // SAFETY: as promised by the caller.
    request.set_json(unsafe { required_bytes(json, len, "json") }?)?;
    Ok(request)
}

/// # Safety
/// As for [`post`].
unsafe fn post_stream(path: &str, json: *const c_char, len: usize) -> Result<NewJob> {
    // SAFETY: as promised by the caller.
    let mut request = unsafe { post(path, json, len) }?;
    request.set_stream(true)?;
    request.to_job()
}

/// # Safety
/// The pointers must be NULL or as the conventions say.
unsafe fn moderation(text: *const c_char, len: usize, model: *const c_char) -> Result<NewJob> {
    // SAFETY: as promised by the caller.
    let (text, model) = unsafe {
        (
            required_text(text, len, "text")?,
            optional_str(model, "model")?,
        )
    };
    let mut request = Request::new("POST", "/moderations")?;
    let json = serde_json::to_vec(&serde_json::json!({ "input": text }))
        .map_err(|error| Error::new(status::INTERNAL, error.to_string()))?;
    request.set_json(&json)?;
    request.set_model(model)?;
    request.to_job()
}

fn models() -> Result<NewJob> {
    Request::new("GET", "/models")?.to_job()
}

/// Makes a job and waits for what becomes of it.
fn send(
    client: *const oai_client,
    function: &str,
    response: *mut *mut oai_response,
    job: impl FnOnce() -> Result<NewJob>,
) -> oai_status {
    respond(response, || {
        // SAFETY: NULL or a live handle, by the conventions.
        let client = unsafe { client_of(client) }?;
        wait(&client, function, job()?)
    })
}

// ===== chat =====

/// Asks for a chat completion (`POST /chat/completions`) and waits for it.
///
/// `client`, `json`: not NULL; `json` is the operation's body, such as
/// `{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}`, copied. `len`: its bytes, or
/// `OAI_STRLEN`. With `"stream": true` in it the response is the folded message. `response`: not NULL; always gets a
/// response (except in a forked child), which the caller frees with `oai_response_free`.
/// Returns the response's status; `OAI_ERR_INVALID_ARGUMENT` if `json` is not JSON; `OAI_ERR_STATE` from a callback.
/// Any thread; blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_chat(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    response: *mut *mut oai_response,
) -> oai_status {
    send(client, "oai_chat", response, || {
        // SAFETY: NULL or as the conventions say.
        unsafe { post(CHAT, json, len) }?.to_job()
    })
}

/// Asks for a chat completion and calls back with it.
///
/// Parameters as `oai_chat` up to `len`, and as `oai_submit` from `callback` on.
/// Returns as `oai_submit`. Any thread, callbacks included; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_chat_async(
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
        unsafe { post(CHAT, json, len) }?.to_job()
    })
}

/// Asks for a chat completion as a stream: the callback gets each chunk's JSON as it comes, then the end. An `oai_fold`
/// makes the whole message of the chunks.
///
/// Parameters as `oai_chat` up to `len`, with an object as `json`, whose `stream` is set to true; as `oai_submit` from
/// `callback` on.
/// Returns as `oai_submit`. Any thread, callbacks included; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_chat_stream(
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
        unsafe { post_stream(CHAT, json, len) }
    })
}

// ===== responses =====

/// Asks for a response of the Responses API (`POST /responses`) and waits for it.
///
/// Parameters as `oai_chat`, with a body such as `{"model": "gpt-4o-mini", "input": "Hello"}`.
/// Returns the response's status; `OAI_ERR_INVALID_ARGUMENT` if `json` is not JSON; `OAI_ERR_STATE` from a callback.
/// Any thread; blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_responses(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    response: *mut *mut oai_response,
) -> oai_status {
    send(client, "oai_responses", response, || {
        // SAFETY: NULL or as the conventions say.
        unsafe { post(RESPONSES, json, len) }?.to_job()
    })
}

/// Asks for a response of the Responses API and calls back with it.
///
/// Parameters as `oai_responses` up to `len`, and as `oai_submit` from `callback` on.
/// Returns as `oai_submit`. Any thread, callbacks included; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_responses_async(
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
        unsafe { post(RESPONSES, json, len) }?.to_job()
    })
}

/// Asks for a response of the Responses API as a stream: the callback gets each event's JSON as it comes, whose `type`
/// says what it is, then the end. The last of them has the whole response.
///
/// Parameters as `oai_responses` up to `len`, with an object as `json`, whose `stream` is set to true; as `oai_submit`
/// from `callback` on.
/// Returns as `oai_submit`. Any thread, callbacks included; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_responses_stream(
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
        unsafe { post_stream(RESPONSES, json, len) }
    })
}

// ===== completions, moderations, models =====

/// Asks for a legacy completion of a prompt (`POST /completions`) and waits for it.
///
/// Parameters as `oai_chat`, with a body such as `{"model": "gpt-3.5-turbo-instruct", "prompt": "Once"}`.
/// Returns the response's status; `OAI_ERR_INVALID_ARGUMENT` if `json` is not JSON; `OAI_ERR_STATE` from a callback.
/// Any thread; blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_completions(
    client: *const oai_client,
    json: *const c_char,
    len: usize,
    response: *mut *mut oai_response,
) -> oai_status {
    send(client, "oai_completions", response, || {
        // SAFETY: NULL or as the conventions say.
        unsafe { post(COMPLETIONS, json, len) }?.to_job()
    })
}

/// Asks for a legacy completion and calls back with it.
///
/// Parameters as `oai_completions` up to `len`, and as `oai_submit` from `callback` on.
/// Returns as `oai_submit`. Any thread, callbacks included; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_completions_async(
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
        unsafe { post(COMPLETIONS, json, len) }?.to_job()
    })
}

/// Asks whether a text is harmful (`POST /moderations`) and waits for the answer.
///
/// `client`, `text`: not NULL; `text` is UTF-8, copied. `len`: its bytes, or `OAI_STRLEN`. `model`: NULL for the server's
/// own choice. `response`: as for `oai_chat`; its body has `results[0].flagged` and the categories.
/// Returns the response's status; `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_STATE` from a callback. Any thread; blocks.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_moderate(
    client: *const oai_client,
    text: *const c_char,
    len: usize,
    model: *const c_char,
    response: *mut *mut oai_response,
) -> oai_status {
    send(client, "oai_moderate", response, || {
        // SAFETY: NULL or as the conventions say.
        unsafe { moderation(text, len, model) }
    })
}

/// Asks whether a text is harmful and calls back with the answer.
///
/// Parameters as `oai_moderate` up to `model`, and as `oai_submit` from `callback` on.
/// Returns as `oai_submit`. Any thread, callbacks included; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_moderate_async(
    client: *const oai_client,
    text: *const c_char,
    len: usize,
    model: *const c_char,
    callback: oai_callback,
    user_data: *mut c_void,
    destructor: oai_destructor,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    submit_with_callback(client, callback, user_data, destructor, id, error, || {
        // SAFETY: NULL or as the conventions say.
        unsafe { moderation(text, len, model) }
    })
}

/// Lists the models that the server has (`GET /models`) and waits for the list.
///
/// `client`: not NULL. `response`: as for `oai_chat`; its body has `data[].id`.
/// Returns the response's status; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_models(
    client: *const oai_client,
    response: *mut *mut oai_response,
) -> oai_status {
    send(client, "oai_models", response, models)
}

/// Lists the models and calls back with the list.
///
/// `client`: not NULL. The rest as `oai_submit` from `callback` on.
/// Returns as `oai_submit`. Any thread, callbacks included; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_models_async(
    client: *const oai_client,
    callback: oai_callback,
    user_data: *mut c_void,
    destructor: oai_destructor,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    submit_with_callback(client, callback, user_data, destructor, id, error, models)
}
