//! Sending: wait for the response, have it called back, or find it in a queue.

use std::cell::RefCell;
use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Arc;

use super::border::{borrow, call, clear, null, put};
use super::client::{client_of, oai_client};
use super::error::oai_error;
use super::queue::{oai_queue, queue_of};
use super::realtime::{OAI_EVENT_BINARY, OAI_EVENT_CONNECTION};
use super::request::oai_request;
use super::response::{give_response, oai_response, respond};
use super::status::oai_status;
use crate::client::{self, Client};
use crate::completion::{EventQueue, Kind, Listener, Response, ResponseBox, Sink, Waiter, WithNul};
use crate::error::Result;
use crate::scheduler::NewJob;

/// `kind` of an event: a part of a stream. `data` and `len` are the event's data, borrowed for the callback.
pub const OAI_EVENT_CHUNK: i32 = 1;
/// `kind` of an event: the end. `response` is owned by the callee, who frees it with `oai_response_free`.
pub const OAI_EVENT_DONE: i32 = 2;

/// `kind` of an event, only after `oai_request_set_progress`, or with `progress` of `oai_upload_async`, `oai_batch_run_async`
/// and their `_to`: how far a body has come. `data` and `len` are a JSON text, borrowed for the callback:
/// `{"way":"upload","bytes":1048576,"total":1073741824}`. `way` is `upload` or `download`; `total` is null where it is not
/// known. What a batch run tells beside that, `oai_batch_run_async` says.
pub const OAI_EVENT_PROGRESS: i32 = 4;

/// `kind` of an event, only in queues and only after `oai_set_log_to`: a line of the library's log, `data` and `len`. Its
/// `tag` is the level, one of `OAI_LOG_*`; its `id` is 0.
pub const OAI_EVENT_LOG: i32 = 8;

/// Is told what happens to a request: any number of `OAI_EVENT_CHUNK`, then exactly one `OAI_EVENT_DONE`.
///
/// It is never called inside the call that asked for it, and for one client never twice at once, unless
/// `callback_thread` is `OAI_CALLBACK_ON_WORKER`. It must not block for long and must not throw; a blocking call of
/// this library made from it returns `OAI_ERR_STATE`.
pub type oai_callback = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        id: u64,
        kind: i32,
        data: *const c_char,
        len: usize,
        response: *mut oai_response,
    ),
>;

/// Ends what `user_data` points to. Called exactly once: after the terminal event, or inside the call that refused.
pub type oai_destructor = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// What belongs to the host and is passed back to it; the destructor runs when it is dropped.
pub(super) struct UserData {
    pub data: *mut c_void,
    pub destructor: oai_destructor,
}

// SAFETY: the conventions say that callbacks and destructors are called on a thread of the library.
unsafe impl Send for UserData {}

impl Drop for UserData {
    fn drop(&mut self) {
        let Some(destructor) = self.destructor.take() else {
            return;
        };
        let data = self.data;
        let kept = REFUSED.try_with(|refused| match &mut *refused.borrow_mut() {
            Some(refused) => {
                refused.push((destructor, data));
                true
            }
            None => false,
        });
        // A thread that ends has nowhere to keep it.
        if !kept.unwrap_or(false) {
            // SAFETY: the host gave the two together.
            unsafe { destructor(data) };
        }
    }
}

/// A destructor and what it ends.
type Owed = (unsafe extern "C" fn(*mut c_void), *mut c_void);

thread_local! {
    /// While a submit runs on this thread: the destructors of what it refused. The host may keep the id and the error
    /// inside what they free, so they run once both are written, and when the library holds nothing any more.
    static REFUSED: RefCell<Option<Vec<Owed>>> = const { RefCell::new(None) };
}

/// Runs `submit` and then the destructors of what it refused.
pub(super) fn with_destructors_last(submit: impl FnOnce() -> oai_status) -> oai_status {
    let _ = REFUSED.try_with(|refused| refused.replace(Some(Vec::new())));
    let status = submit();
    let refused = REFUSED.try_with(RefCell::take);
    for (destructor, data) in refused.ok().flatten().unwrap_or_default() {
        // SAFETY: the host gave the two together, and each pair is here once.
        unsafe { destructor(data) };
    }
    status
}

/// The host's callback as the core knows it.
struct Callback {
    function: unsafe extern "C" fn(*mut c_void, u64, i32, *const c_char, usize, *mut oai_response),
    user: UserData,
}

impl Callback {
    fn tell(&mut self, id: u64, kind: i32, data: &WithNul) {
        // SAFETY: the host's function with the host's data; the rest is borrowed for the call.
        unsafe {
            (self.function)(
                self.user.data,
                id,
                kind,
                data.with_nul().as_ptr().cast(),
                data.len(),
                ptr::null_mut(),
            );
        }
    }
}

impl Listener for Callback {
    fn chunk(&mut self, id: u64, data: &WithNul) {
        self.tell(id, OAI_EVENT_CHUNK, data);
    }

    fn beside(&mut self, id: u64, kind: Kind, data: &WithNul) {
        let kind = match kind {
            Kind::Binary => OAI_EVENT_BINARY,
            _ => OAI_EVENT_CONNECTION,
        };
        self.tell(id, kind, data);
    }

    fn progress(&mut self, id: u64, report: &WithNul) {
        self.tell(id, OAI_EVENT_PROGRESS, report);
    }

    fn done(&mut self, id: u64, response: ResponseBox) {
        let response = give_response(response);
        // SAFETY: the host's function with the host's data; the response becomes the host's.
        unsafe { (self.function)(self.user.data, id, OAI_EVENT_DONE, ptr::null(), 0, response) };
    }
}

/// Submits with a callback; `job` makes the request. The destructor runs here if anything refuses.
#[allow(clippy::too_many_arguments, reason = "it is what the C functions take")]
pub(super) fn submit_with_callback(
    client: *const oai_client,
    callback: oai_callback,
    user_data: *mut c_void,
    destructor: oai_destructor,
    id: *mut u64,
    error: *mut *mut oai_error,
    job: impl FnOnce() -> Result<NewJob>,
) -> oai_status {
    let submit = |client: &Arc<Client>, id, sink| client.submit(id, job()?, sink);
    accept_with_callback(client, callback, user_data, destructor, id, error, submit)
}

/// Has `submit` accept something whose events go to a callback. The destructor runs here if anything refuses.
#[allow(clippy::too_many_arguments, reason = "it is what the C functions take")]
pub(super) fn accept_with_callback(
    client: *const oai_client,
    callback: oai_callback,
    user_data: *mut c_void,
    destructor: oai_destructor,
    id: *mut u64,
    error: *mut *mut oai_error,
    submit: impl FnOnce(&Arc<Client>, u64, Sink) -> Result<()>,
) -> oai_status {
    let user = UserData {
        data: user_data,
        destructor,
    };
    clear(id);
    with_destructors_last(|| {
        call(error, move || {
            // SAFETY: NULL or a live handle, by the conventions.
            let client = unsafe { client_of(client) }?;
            let function = callback.ok_or_else(|| null("callback"))?;
            let sink = client.callback(Box::new(Callback { function, user }))?;
            accept(&client, id, |client, id| submit(client, id, sink))
        })
    })
}

/// Submits with a queue; `job` makes the request and its own tag, which counts when `tag` is 0.
pub(super) fn submit_to_queue(
    client: *const oai_client,
    queue: *const oai_queue,
    tag: u64,
    id: *mut u64,
    error: *mut *mut oai_error,
    job: impl FnOnce() -> Result<(NewJob, u64)>,
) -> oai_status {
    accept_to_queue(client, queue, id, error, |client, id, queue| {
        let (job, own) = job()?;
        let tag = if tag == 0 { own } else { tag };
        client.submit(id, job, Sink::Queue { queue, tag })
    })
}

/// Has `submit` accept something whose events go to a completion queue.
pub(super) fn accept_to_queue(
    client: *const oai_client,
    queue: *const oai_queue,
    id: *mut u64,
    error: *mut *mut oai_error,
    submit: impl FnOnce(&Arc<Client>, u64, Arc<EventQueue>) -> Result<()>,
) -> oai_status {
    clear(id);
    call(error, || {
        // SAFETY: NULL or live handles, by the conventions.
        let (client, queue) = unsafe { (client_of(client)?, queue_of(queue)?) };
        accept(&client, id, |client, id| submit(client, id, queue))
    })
}

/// Submits under a new id, which the host can read before it can see any event.
fn accept(
    client: &Arc<Client>,
    id: *mut u64,
    submit: impl FnOnce(&Arc<Client>, u64) -> Result<()>,
) -> Result<()> {
    let new = client::next_id();
    if !id.is_null() {
        // SAFETY: not NULL, so by the conventions it points to a uint64_t.
        unsafe { put(id, new) };
    }
    submit(client, new).inspect_err(|_| clear(id))
}

/// Has `submit` accept something and waits for its end; `function` is who asks.
pub(super) fn accept_and_wait(
    function: &str,
    submit: impl FnOnce(u64, Sink) -> Result<()>,
) -> Result<Response> {
    client::refuse_in_callback(function)?;
    let waiter = Waiter::new();
    submit(client::next_id(), Sink::Wait(waiter.clone()))?;
    Ok(waiter.wait())
}

/// Submits and waits.
pub(super) fn wait(client: &Client, function: &str, job: NewJob) -> Result<Response> {
    client::refuse_in_callback(function)?;
    Ok(client.start(job)?.wait())
}

/// Sends a request and waits for what becomes of it. Of a stream it gives the folded result.
///
/// `client`, `request`: not NULL. `response`: not NULL; always gets a response, also when the request fails or is
/// refused (except in a forked child), which the caller frees with `oai_response_free`.
/// Returns the response's status; `OAI_ERR_STATE` from a callback. Any thread; blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_send(
    client: *const oai_client,
    request: *const oai_request,
    response: *mut *mut oai_response,
) -> oai_status {
    respond(response, || {
        // SAFETY: NULL or live handles, by the conventions.
        let (client, request) = unsafe { (client_of(client)?, borrow(request, "request")?) };
        wait(&client, "oai_send", request.request.to_job()?)
    })
}

/// Submits a request whose events go to a callback on the library's dispatcher thread.
///
/// `client`, `request`, `callback`: not NULL. `user_data`: handed to the callback. `destructor`: nullable, ends
/// `user_data`, exactly once, also when the call is refused. `id`: nullable, gets the request's id before any event,
/// 0 when refused. `error`: nullable.
/// Returns `OAI_OK`: one terminal event follows. Otherwise it was refused and none does: `OAI_ERR_QUEUE_FULL`,
/// `OAI_ERR_NO_API_KEY`, `OAI_ERR_CLOSED`, `OAI_ERR_INVALID_ARGUMENT`, `OAI_ERR_FORKED`, `OAI_ERR_SHUTDOWN`. Any
/// thread, callbacks included; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_submit(
    client: *const oai_client,
    request: *const oai_request,
    callback: oai_callback,
    user_data: *mut c_void,
    destructor: oai_destructor,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    submit_with_callback(client, callback, user_data, destructor, id, error, || {
        // SAFETY: NULL or a live handle, by the conventions.
        unsafe { borrow(request, "request") }?.request.to_job()
    })
}

/// Submits a request whose events go to a completion queue.
///
/// `client`, `request`, `queue`: not NULL. `tag`: comes back on each event; 0: the request's own. `id`: nullable, gets
/// the request's id before any event, 0 when refused. `error`: nullable.
/// Returns as `oai_submit`. Any thread; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_submit_to(
    client: *const oai_client,
    request: *const oai_request,
    queue: *const oai_queue,
    tag: u64,
    id: *mut u64,
    error: *mut *mut oai_error,
) -> oai_status {
    submit_to_queue(client, queue, tag, id, error, || {
        // SAFETY: NULL or a live handle, by the conventions.
        let request = unsafe { borrow(request, "request") }?;
        Ok((request.request.to_job()?, request.tag))
    })
}

/// Cancels a request in whatever state it is: waiting, in backoff, in flight or streaming. Its slot is free at once, its
/// terminal event follows with `OAI_ERR_CANCELLED`, and chunks that were not delivered yet are dropped.
///
/// `client`: not NULL. `id`: from a submit of this client, or another call of it that gave an id. `error`: nullable.
/// Returns `OAI_OK`; `OAI_ERR_UNKNOWN_ID` if there is no such request (any more); `OAI_ERR_INVALID_ARGUMENT`;
/// `OAI_ERR_FORKED`. Any thread, callbacks included; never blocks. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_cancel(
    client: *const oai_client,
    id: u64,
    error: *mut *mut oai_error,
) -> oai_status {
    call(error, || {
        // SAFETY: NULL or a live handle, by the conventions.
        unsafe { client_of(client) }?.cancel(id)
    })
}
