//! Bearer tokens that rotate: asked for by a callback or in a queue, answered from any thread.

use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::time::Duration;

use super::border::call;
use super::client::{client_of, oai_client};
use super::error::oai_error;
use super::queue::{oai_queue, queue_of};
use super::send::{UserData, oai_destructor, with_destructors_last};
use super::status::oai_status;
use super::text::{optional_text, required_text};
use crate::completion::TokenListener;

/// `kind` of an event, only in a queue of `oai_set_token_queue`: a bearer token is wanted. `id` is the number to answer
/// under, with `oai_provide_token` or `oai_refuse_token`; it is no request's id.
pub const OAI_EVENT_TOKEN_WANTED: i32 = 16;

/// Is told that a bearer token is wanted, on the library's dispatcher thread and never inside a call. It may answer at
/// once, or let any thread answer later: until then the client asks for no other. It must not throw; it should not block,
/// since other callbacks wait for it.
pub type oai_token_callback = Option<unsafe extern "C" fn(user_data: *mut c_void, wanted: u64)>;

/// The host's callback as the core knows it.
struct Callback {
    function: unsafe extern "C" fn(*mut c_void, u64),
    user: UserData,
}

// SAFETY: the data is only handed to the host's function, from one thread at a time: a client's callbacks never overlap.
unsafe impl Sync for Callback {}

impl TokenListener for Callback {
    fn wanted(&self, wanted: u64) {
        // SAFETY: the host's function with the host's data.
        unsafe { (self.function)(self.user.data, wanted) };
    }
}

/// Lets a client's key be a bearer token that the program brings when it is asked, by a callback, in place of `api_key`.
///
/// The first request asks, and waits for the answer in the queue, without a slot, as do all others, each within its
/// deadline; but not those that carry an `Authorization` header of their own or the admin key. There is never more than
/// one question open. A token in use is asked for again shortly before its end (a
/// minute, or a fifth of its life if that is less), while the old one still serves; and when the server answers 401:
/// that request is sent once more with the new token, which costs no retry, and a second 401 is its error. A question
/// that is 30 seconds old is a warning in the log.
///
/// `client`: not NULL. `callback`: NULL for no provider: requests go with `api_key` again. `user_data`: handed to the
/// callback. `destructor`: nullable, ends `user_data`, exactly once: when another provider is set, the client is freed or
/// the library shut down, and the callback is not running any more; inside this call if it fails, or if `callback` is
/// NULL. `error`: nullable.
/// A provider that is replaced is asked no more: its token is dropped, its open question cannot be answered any more,
/// and who waited for it waits for the new one. A token is a key: what a found `.env` file says of the receiver is
/// dropped as in `oai_set_api_key`.
/// Returns `OAI_OK`; `OAI_ERR_STATE` after the first request, if a found file chose the receiver;
/// `OAI_ERR_INVALID_ARGUMENT`; `OAI_ERR_FORKED`; `OAI_ERR_SHUTDOWN`. Any thread, any time, callbacks included. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_token_callback(
    client: *const oai_client,
    callback: oai_token_callback,
    user_data: *mut c_void,
    destructor: oai_destructor,
    error: *mut *mut oai_error,
) -> oai_status {
    let user = UserData {
        data: user_data,
        destructor,
    };
    with_destructors_last(|| {
        call(error, move || {
            // SAFETY: NULL or a live handle, by the conventions.
            let client = unsafe { client_of(client) }?;
            client.set_token_callback(
                callback.map(|function| {
                    Arc::new(Callback { function, user }) as Arc<dyn TokenListener>
                }),
            )
        })
    })
}

/// The same by a queue: an event of the kind `OAI_EVENT_TOKEN_WANTED` whose `id` is the number to answer under.
///
/// `client`: not NULL. `queue`: NULL for no provider. `tag`: comes back on each such event. `error`: nullable.
/// An event that is still unread when its question is over is dropped. If the queue is freed, an unread question and
/// every later one is refused: who waits fails with `OAI_ERR_NO_API_KEY`.
/// Returns as `oai_set_token_callback`. Any thread, any time, callbacks included. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_token_queue(
    client: *const oai_client,
    queue: *const oai_queue,
    tag: u64,
    error: *mut *mut oai_error,
) -> oai_status {
    call(error, || {
        // SAFETY: NULL or a live handle, by the conventions.
        let client = unsafe { client_of(client) }?;
        let queue = match queue.is_null() {
            true => None,
            // SAFETY: a live handle, by the conventions.
            false => Some((unsafe { queue_of(queue) }?, tag)),
        };
        client.set_token_queue(queue)
    })
}

/// Answers with a token; those who wait for it go on.
///
/// `client`: not NULL. `wanted`: the number that was given to the callback, or the event's `id`. `token`: not NULL, sent
/// as `Authorization: Bearer TOKEN`: ASCII, one line, no white space around it; copied; never logged. `len`: its bytes,
/// or `OAI_STRLEN`. `expires_in_ms`: its life from now; 0: not known, and then the next is asked for after a 401. `error`:
/// nullable.
/// Returns `OAI_OK`; `OAI_ERR_UNKNOWN_ID` if that question is not open (any more); `OAI_ERR_INVALID_ARGUMENT`, and the
/// question stays open; `OAI_ERR_FORKED`; `OAI_ERR_SHUTDOWN`. Any thread, the callback included; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_provide_token(
    client: *const oai_client,
    wanted: u64,
    token: *const c_char,
    len: usize,
    expires_in_ms: u64,
    error: *mut *mut oai_error,
) -> oai_status {
    call(error, || {
        // SAFETY: NULL or a live handle, by the conventions.
        let client = unsafe { client_of(client) }?;
        // SAFETY: NULL or readable, by the conventions.
        let token = unsafe { required_text(token, len, "token") }?;
        let life = (expires_in_ms > 0).then(|| Duration::from_millis(expires_in_ms));
        client.provide_token(wanted, token, life)
    })
}

/// Answers that there is no token. Those who wait for it fail with `OAI_ERR_NO_API_KEY` and the message; the next request
/// asks again. While a token still holds, nobody waits, and it is asked for again later.
///
/// `client`: not NULL. `wanted`: as in `oai_provide_token`. `message`: nullable, why; copied; it stands in errors and in
/// the log. `len`: its bytes, or `OAI_STRLEN`. `error`: nullable.
/// Returns as `oai_provide_token`. Any thread, the callback included; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_refuse_token(
    client: *const oai_client,
    wanted: u64,
    message: *const c_char,
    len: usize,
    error: *mut *mut oai_error,
) -> oai_status {
    call(error, || {
        // SAFETY: NULL or a live handle, by the conventions.
        let client = unsafe { client_of(client) }?;
        // SAFETY: NULL or readable, by the conventions.
        let message = unsafe { optional_text(message, len, "message") }?;
        client.refuse_token(wanted, message)
    })
}
