//! The library as its users call it: clients, requests and answers over the functions of `oaic::ffi`.
//!
//! Each test file that contacts a server uses it. Clients here take nothing from the environment and no `.env` file.

// Each test file uses a part of it.
#![allow(dead_code)]

pub mod loopback;
pub mod realtime;
pub mod tls;

use std::ffi::{CStr, CString, c_char};
use std::ptr;

use oaic::ffi::client::{oai_client, oai_client_free, oai_client_new};
use oaic::ffi::embed::oai_embed;
use oaic::ffi::error::{
    oai_error_code, oai_error_free, oai_error_may_have_executed, oai_error_message,
    oai_error_param, oai_error_type,
};
use oaic::ffi::files::oai_request_add_field;
use oaic::ffi::queue::{
    oai_batch_free, oai_batch_records, oai_queue_free, oai_queue_new, oai_queue_wait,
    oai_record_take_response,
};
use oaic::ffi::request::{
    oai_request, oai_request_free, oai_request_new, oai_request_set_header, oai_request_set_json,
};
use oaic::ffi::response::{
    oai_response, oai_response_attempts, oai_response_body, oai_response_embeddings,
    oai_response_error, oai_response_free, oai_response_header, oai_response_http_status,
    oai_response_status,
};
use oaic::ffi::send::{OAI_EVENT_CHUNK, oai_send, oai_submit_to};
use oaic::ffi::status::OAI_OK;
use serde_json::{Value, json};

/// Longer than anything here takes; a test that waits so long has failed.
const PATIENCE_MS: u64 = 20_000;

/// A client.
pub struct Client(*mut oai_client);

// SAFETY: clients may be used from any thread at once.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

impl Client {
    /// A client that sends to `base_url`; `options` are what the test is about.
    pub fn new(base_url: &str, options: Value) -> Client {
        let mut config = json!({
            "dotenv": false,
            "base_url": base_url,
            "api_key": "test-key",
            "organization": null,
            "project": null,
            "custom_headers": null,
            "proxy": null,
            "https_proxy": null,
            "http_proxy": null,
            "no_proxy": null,
            "initial_retry_delay_ms": 0,
            "timeout_ms": PATIENCE_MS,
        });
        let known = config.as_object_mut().expect("an object");
        known.extend(options.as_object().expect("an object").clone());
        Client::try_new(&config).unwrap_or_else(|message| panic!("{message}"))
    }

    /// A client of exactly this configuration, or the error's message.
    pub fn try_new(config: &Value) -> Result<Client, String> {
        let json = config.to_string();
        let mut client = ptr::null_mut();
        let mut error = ptr::null_mut();
        // SAFETY: pointers to live values; the error is read before it is freed.
        unsafe {
            match oai_client_new(json.as_ptr().cast(), json.len(), &mut client, &mut error) {
                OAI_OK => Ok(Client(client)),
                _ => {
                    let message = text(oai_error_message(error)).unwrap_or_default();
                    oai_error_free(error);
                    Err(message)
                }
            }
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send(&Request::new("GET", path))
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(&Request::new("POST", path).json(body))
    }

    pub fn send(&self, request: &Request) -> Answer {
        let mut response = ptr::null_mut();
        // SAFETY: live handles; the answer takes the response over.
        unsafe {
            oai_send(self.0, request.0, &mut response);
            Answer::take(response)
        }
    }

    /// The typed call for one text.
    pub fn embed(&self, text: &str) -> Answer {
        self.embed_all(&[text])
    }

    pub fn embed_all(&self, texts: &[&str]) -> Answer {
        let texts: Vec<CString> = texts.iter().map(|text| c(text)).collect();
        let inputs: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
        let mut response = ptr::null_mut();
        // SAFETY: an array of as many NUL-terminated texts; the answer takes the response over.
        unsafe {
            oai_embed(
                self.0,
                c"m".as_ptr(),
                inputs.as_ptr(),
                ptr::null(),
                inputs.len(),
                ptr::null(),
                &mut response,
            );
            Answer::take(response)
        }
    }

    /// The events of a stream in order, and how it ended.
    pub fn stream(&self, path: &str, body: &Value) -> (Vec<String>, Answer) {
        let request = Request::new("POST", path).json(body);
        let mut events = Vec::new();
        // SAFETY: live handles; records are read before their batch is freed.
        unsafe {
            let mut queue = ptr::null_mut();
            assert_eq!(oai_queue_new(&mut queue, ptr::null_mut()), OAI_OK);
            let mut id = 0;
            let refused = oai_submit_to(self.0, request.0, queue, 0, &mut id, ptr::null_mut());
            assert_eq!(refused, OAI_OK);
            loop {
                let mut batch = ptr::null_mut();
                assert_eq!(oai_queue_wait(queue, 1, PATIENCE_MS, &mut batch), OAI_OK);
                assert!(!batch.is_null(), "no event in {PATIENCE_MS} ms");
                let (mut records, mut count) = (ptr::null_mut(), 0);
                oai_batch_records(batch, &mut records, &mut count);
                let record = &mut *records;
                if record.kind == OAI_EVENT_CHUNK {
                    let data = std::slice::from_raw_parts(record.data.cast::<u8>(), record.len);
                    events.push(String::from_utf8_lossy(data).into_owned());
                    oai_batch_free(batch);
                    continue;
                }
                let answer = Answer::take(oai_record_take_response(record));
                oai_batch_free(batch);
                oai_queue_free(queue);
                return (events, answer);
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: nothing borrows the handle any more.
        unsafe { oai_client_free(self.0) };
    }
}

/// A request.
pub struct Request(*mut oai_request);

impl Request {
    pub fn new(method: &str, path: &str) -> Request {
        let mut request = ptr::null_mut();
        // SAFETY: NUL-terminated texts and a place for the handle.
        let made = unsafe {
            oai_request_new(
                c(method).as_ptr(),
                c(path).as_ptr(),
                &mut request,
                ptr::null_mut(),
            )
        };
        assert_eq!(made, OAI_OK, "{method} {path}");
        Request(request)
    }

    pub fn json(self, body: &Value) -> Request {
        let body = body.to_string();
        // SAFETY: as long as said.
        let set = unsafe { oai_request_set_json(self.0, body.as_ptr().cast(), body.len()) };
        assert_eq!(set, OAI_OK);
        self
    }

    /// Makes it a form.
    pub fn field(self, name: &str, value: &str) -> Request {
        let (data, len) = (value.as_ptr().cast(), value.len());
        // SAFETY: a NUL-terminated text, and as long as said.
        let set = unsafe { oai_request_add_field(self.0, c(name).as_ptr(), data, len) };
        assert_eq!(set, OAI_OK);
        self
    }

    pub fn header(self, name: &str, value: &str) -> Request {
        // SAFETY: NUL-terminated texts.
        let set = unsafe { oai_request_set_header(self.0, c(name).as_ptr(), c(value).as_ptr()) };
        assert_eq!(set, OAI_OK);
        self
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // SAFETY: nothing borrows the handle any more.
        unsafe { oai_request_free(self.0) };
    }
}

/// An outcome, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: i32,
    pub http_status: i32,
    pub attempts: u32,
    pub body: Vec<u8>,
    pub served_by: Option<String>,
    /// Rows and dimensions of the typed call.
    pub matrix: (usize, usize),
    /// Empty without an error.
    pub message: String,
    pub code: Option<String>,
    pub kind: Option<String>,
    pub param: Option<String>,
    pub may_have_executed: bool,
}

impl Answer {
    /// # Safety
    /// `response` must be a live handle that the caller owns.
    unsafe fn take(response: *mut oai_response) -> Answer {
        // SAFETY: a live handle until the last line; everything is copied before.
        unsafe {
            let (mut data, mut len) = (ptr::null(), 0);
            oai_response_body(response, &mut data, &mut len);
            let body = match data.is_null() {
                true => Vec::new(),
                false => std::slice::from_raw_parts(data.cast::<u8>(), len).to_vec(),
            };
            let (mut values, mut rows, mut dims) = (ptr::null(), 0, 0);
            if oai_response_status(response) == OAI_OK && len == 0 {
                oai_response_embeddings(response, &mut values, &mut rows, &mut dims);
            }
            let error = oai_response_error(response);
            let answer = Answer {
                status: oai_response_status(response),
                http_status: oai_response_http_status(response),
                attempts: oai_response_attempts(response),
                body,
                served_by: text(oai_response_header(response, c"x-served-by".as_ptr())),
                matrix: (rows, dims),
                message: text(oai_error_message(error)).unwrap_or_default(),
                code: text(oai_error_code(error)),
                kind: text(oai_error_type(error)),
                param: text(oai_error_param(error)),
                may_have_executed: oai_error_may_have_executed(error) == 1,
            };
            oai_response_free(response);
            answer
        }
    }

    /// The answer, if it is a success; the test fails with the error's message otherwise.
    pub fn ok(self) -> Answer {
        assert_eq!(self.status, OAI_OK, "{}", self.message);
        self
    }

    /// The answer, if it failed with `status`.
    pub fn failed(self, status: i32) -> Answer {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

/// A body for `/responses` that the server stores: it must not be sent twice.
pub fn stored() -> Value {
    json!({"model": "m", "input": "Hello"})
}

/// A body for `/chat/completions`.
pub fn chat(stream: bool) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "Hello"}], "stream": stream})
}

fn c(text: &str) -> CString {
    CString::new(text).expect("a text without NUL")
}

/// # Safety
/// `text` must be NULL or NUL-terminated.
unsafe fn text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not NULL, so NUL-terminated.
    let text = unsafe { CStr::from_ptr(text) };
    Some(text.to_string_lossy().into_owned())
}
