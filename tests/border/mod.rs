//! What the integration tests share: a client of a test server, and C's outputs as Rust values.
//!
//! They call the exported functions as C does. Each test file uses a part of this.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::ffi::{CStr, CString, c_char, c_void};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use std::{ptr, slice};

use oaic::ffi::client::{oai_client, oai_client_free, oai_client_new};
use oaic::ffi::error::{oai_error, oai_error_free, oai_error_message, oai_error_status};
use oaic::ffi::request::{oai_request, oai_request_add_query, oai_request_free, oai_request_new};
use oaic::ffi::response::{
    oai_response, oai_response_body, oai_response_error, oai_response_free, oai_response_status,
};
use oaic::ffi::send::{
    OAI_EVENT_CHUNK, OAI_EVENT_DONE, OAI_EVENT_PROGRESS, oai_callback, oai_destructor,
};
use oaic::ffi::status::{OAI_OK, oai_status};
use serde_json::{Value, json};

/// `OAI_STRLEN`.
pub const STRLEN: usize = usize::MAX;

/// A client that is freed at the end.
pub struct Client(pub *mut oai_client);

// SAFETY: any thread may use a client at any time.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

impl Client {
    /// A client of `base_url` with `more` options, out of reach of the machine's environment.
    pub fn new(base_url: &str, more: Value) -> Client {
        let mut config = json!({"base_url": base_url, "api_key": "sk-test", "proxy": "",
            "dotenv": "false", "retry_jitter": 0.0, "initial_retry_delay_ms": 1});
        for (name, value) in more.as_object().expect("an object of options") {
            config[name] = value.clone();
        }
        let json = c(&config.to_string());
        let mut client = ptr::null_mut();
        // SAFETY: all pointers live as long as the call.
        ok(|error| unsafe { oai_client_new(json.as_ptr(), STRLEN, &mut client, error) });
        Client(client)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and was not freed.
        unsafe { oai_client_free(self.0) };
    }
}

/// A request that is freed at the end.
pub struct Request(pub *mut oai_request);

impl Request {
    /// A request with query parameters.
    pub fn new(method: &str, path: &str, query: &[(&str, &str)]) -> Request {
        let mut request = ptr::null_mut();
        let (method, path) = (c(method), c(path));
        // SAFETY: all pointers live as long as the calls.
        unsafe {
            ok(|error| oai_request_new(method.as_ptr(), path.as_ptr(), &mut request, error));
            for (name, value) in query {
                let (name, value) = (c(name), c(value));
                let set = oai_request_add_query(request, name.as_ptr(), value.as_ptr());
                assert_eq!(set, OAI_OK);
            }
        }
        Request(request)
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // SAFETY: the handle is ours and was not freed.
        unsafe { oai_request_free(self.0) };
    }
}

/// A text for C.
pub fn c(text: &str) -> CString {
    CString::new(text).expect("a text without NUL")
}

/// A text from C; empty for NULL.
///
/// # Safety
/// `text` must be NULL or NUL-terminated.
pub unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: as promised by the caller.
    unsafe { CStr::from_ptr(text) }
        .to_str()
        .expect("UTF-8")
        .to_owned()
}

/// Makes a call that takes an error object; gives what it came to and the message, empty when it went well.
pub fn outcome(call: impl FnOnce(*mut *mut oai_error) -> oai_status) -> (oai_status, String) {
    let mut error = ptr::null_mut();
    let status = call(&mut error);
    // SAFETY: NULL or an error that the call gave us.
    let message = unsafe {
        assert_eq!(oai_error_status(error), status, "the error says the same");
        let message = text(oai_error_message(error));
        oai_error_free(error);
        message
    };
    (status, message)
}

/// The same for a call that must go well.
pub fn ok(call: impl FnOnce(*mut *mut oai_error) -> oai_status) {
    assert_eq!(outcome(call), (OAI_OK, String::new()));
}

/// A response taken apart and freed.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: oai_status,
    pub bytes: Vec<u8>,
    /// The same as text, with U+FFFD for what is none.
    pub body: String,
    pub message: String,
}

impl Answer {
    /// Takes what C would read from a response, and frees it.
    ///
    /// # Safety
    /// `response` must be live and the caller's.
    pub unsafe fn take(response: *mut oai_response) -> Answer {
        assert!(!response.is_null(), "a response is always given");
        let (mut data, mut len) = (ptr::null(), 0);
        // SAFETY: the response is live until it is freed at the end.
        unsafe {
            assert_eq!(oai_response_body(response, &mut data, &mut len), OAI_OK);
            let bytes = slice::from_raw_parts(data.cast::<u8>(), len).to_vec();
            assert_eq!(*data.add(len), 0, "a NUL stands behind the body");
            let answer = Answer {
                status: oai_response_status(response),
                body: String::from_utf8_lossy(&bytes).into_owned(),
                bytes,
                message: text(oai_error_message(oai_response_error(response))),
            };
            oai_response_free(response);
            answer
        }
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}, status {}", self.body, self.status))
    }
}

/// Makes a call that yields a response, which must say what the call returned.
pub fn answer(call: impl FnOnce(*mut *mut oai_response) -> oai_status) -> Answer {
    let mut response = ptr::null_mut();
    let status = call(&mut response);
    // SAFETY: the call gave us the response.
    let answer = unsafe { Answer::take(response) };
    assert_eq!(answer.status, status, "the response says the same");
    answer
}

/// Collects a request's events for the thread that asked for them.
pub struct Events {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    chunks: Vec<String>,
    reports: Vec<String>,
    done: Option<Answer>,
    destroyed: u32,
}

impl Events {
    pub fn new() -> Events {
        Events {
            shared: Arc::default(),
        }
    }

    /// The three arguments of a submit; for one submit only.
    pub fn callback(&self) -> (oai_callback, *mut c_void, oai_destructor) {
        let user_data = Arc::into_raw(self.shared.clone()).cast_mut().cast();
        (Some(on_event), user_data, Some(on_end))
    }

    /// The chunks and the terminal event, once the destructor has run too.
    pub fn wait(&self) -> (Vec<String>, Answer) {
        let state = self.shared.state.lock().expect("no panic in a callback");
        let (mut state, timeout) = self
            .shared
            .changed
            .wait_timeout_while(state, Duration::from_secs(30), |state| state.destroyed == 0)
            .expect("no panic in a callback");
        assert!(!timeout.timed_out(), "no terminal event in 30 seconds");
        let done = state.done.take().expect("a terminal event");
        (std::mem::take(&mut state.chunks), done)
    }

    /// What was told of the progress so far.
    pub fn reports(&self) -> Vec<String> {
        self.shared.state.lock().expect("no panic").reports.clone()
    }

    /// How often the destructor ran.
    pub fn destroyed(&self) -> u32 {
        self.shared.state.lock().expect("no panic").destroyed
    }
}

unsafe extern "C" fn on_event(
    user_data: *mut c_void,
    _id: u64,
    kind: i32,
    data: *const c_char,
    len: usize,
    response: *mut oai_response,
) {
    // SAFETY: the pointer is that of `Events::callback`, and its destructor has not run.
    let shared = unsafe { &*user_data.cast_const().cast::<Shared>() };
    let mut state = shared.state.lock().expect("no panic");
    assert!(state.done.is_none(), "no event follows the terminal one");
    if kind == OAI_EVENT_DONE {
        // SAFETY: the response is the callee's.
        state.done = Some(unsafe { Answer::take(response) });
    } else {
        // SAFETY: the data is borrowed for the call.
        let data = unsafe { slice::from_raw_parts(data.cast::<u8>(), len) };
        let data = std::str::from_utf8(data).expect("UTF-8").to_owned();
        match kind {
            OAI_EVENT_CHUNK => state.chunks.push(data),
            OAI_EVENT_PROGRESS => state.reports.push(data),
            _ => panic!("an event of kind {kind}"),
        }
    }
}

unsafe extern "C" fn on_end(user_data: *mut c_void) {
    // SAFETY: the pointer is that of `Events::callback`, given back once.
    let shared = unsafe { Arc::from_raw(user_data.cast_const().cast::<Shared>()) };
    shared.state.lock().expect("no panic").destroyed += 1;
    shared.changed.notify_all();
}
