//! The C API as these tests like it: handles that free themselves, responses as values.

use std::ffi::{CStr, CString, c_char};
use std::path::Path;
use std::ptr;

use oaic::ffi::client::{oai_client, oai_client_free, oai_client_new};
use oaic::ffi::error::{oai_error, oai_error_free, oai_error_may_have_executed, oai_error_message};
use oaic::ffi::files::*;
use oaic::ffi::request::*;
use oaic::ffi::response::*;
use oaic::ffi::send::oai_send;
use oaic::ffi::stats::oai_client_stats_json;
use oaic::ffi::status::OAI_OK;
use serde_json::{Value, json};
use test_server::TestServer;

/// `OAI_STRLEN`.
pub const STRLEN: usize = usize::MAX;

pub fn c(text: &str) -> CString {
    CString::new(text).unwrap()
}

pub fn path_c(path: &Path) -> CString {
    c(path.to_str().unwrap())
}

/// A client of a server.
pub struct Client(pub *mut oai_client);

impl Client {
    pub fn of(server: &TestServer) -> Client {
        Client::with(server, json!({}))
    }

    /// With further options.
    pub fn with(server: &TestServer, options: Value) -> Client {
        let mut config = json!({
            "base_url": server.url(), "api_key": "k", "dotenv": false, "max_retries": 2,
            "initial_retry_delay_ms": 1, "max_retry_delay_ms": 5,
        });
        for (name, value) in options.as_object().unwrap() {
            config[name] = value.clone();
        }
        let config = c(&config.to_string());
        let mut client = ptr::null_mut();
        // SAFETY: a NUL-terminated text and places for the outputs.
        let status =
            unsafe { oai_client_new(config.as_ptr(), STRLEN, &mut client, ptr::null_mut()) };
        assert_eq!(status, OAI_OK);
        Client(client)
    }

    pub fn send(&self, request: &Request) -> Response {
        // SAFETY: live handles.
        Response::of(|out| unsafe { oai_send(self.0, request.0, out) })
    }

    pub fn stats(&self) -> Value {
        let (mut json, mut len) = (ptr::null_mut(), 0);
        // SAFETY: a live handle and places for the outputs; the text is freed once it was read.
        unsafe {
            let status = oai_client_stats_json(self.0, &mut json, &mut len, ptr::null_mut());
            assert_eq!(status, OAI_OK);
            let stats = CStr::from_ptr(json).to_bytes();
            let stats = serde_json::from_slice(stats).unwrap();
            oai_string_free(json);
            stats
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: owned.
        unsafe { oai_client_free(self.0) };
    }
}

/// A request.
pub struct Request(pub *mut oai_request);

impl Request {
    pub fn new(method: &str, path: &str) -> Request {
        let (method, path) = (c(method), c(path));
        let mut request = ptr::null_mut();
        // SAFETY: NUL-terminated texts and a place for the output.
        let status = unsafe {
            oai_request_new(
                method.as_ptr(),
                path.as_ptr(),
                &mut request,
                ptr::null_mut(),
            )
        };
        assert_eq!(status, OAI_OK);
        Request(request)
    }

    pub fn json(self, json: Value) -> Request {
        let json = c(&json.to_string());
        // SAFETY: a live handle and a NUL-terminated text.
        let status = unsafe { oai_request_set_json(self.0, json.as_ptr(), STRLEN) };
        assert_eq!(status, OAI_OK);
        self
    }

    pub fn field(self, name: &str, value: &[u8]) -> Request {
        let name = c(name);
        // SAFETY: a live handle, a NUL-terminated text, bytes with their length.
        let status = unsafe {
            oai_request_add_field(self.0, name.as_ptr(), value.as_ptr().cast(), value.len())
        };
        assert_eq!(status, OAI_OK);
        self
    }

    pub fn file(self, name: &str, filename: &str, kind: Option<&str>, data: &[u8]) -> Request {
        let (name, filename, kind) = (c(name), c(filename), kind.map(c));
        let kind = kind.as_ref().map_or(ptr::null(), |kind| kind.as_ptr());
        // SAFETY: a live handle, NUL-terminated texts, bytes with their length.
        let status = unsafe {
            oai_request_add_file(
                self.0,
                name.as_ptr(),
                filename.as_ptr(),
                kind,
                data.as_ptr().cast(),
                data.len(),
            )
        };
        assert_eq!(status, OAI_OK);
        self
    }

    pub fn file_path(self, name: &str, path: &Path) -> Request {
        let (name, path) = (c(name), path_c(path));
        // SAFETY: a live handle and NUL-terminated texts.
        let status = unsafe {
            oai_request_add_file_path(
                self.0,
                name.as_ptr(),
                path.as_ptr(),
                ptr::null(),
                ptr::null(),
            )
        };
        assert_eq!(status, OAI_OK);
        self
    }

    pub fn into_path(self, path: &Path) -> Request {
        let path = path_c(path);
        // SAFETY: a live handle and a NUL-terminated text.
        let status = unsafe { oai_request_set_output_path(self.0, path.as_ptr()) };
        assert_eq!(status, OAI_OK);
        self
    }

    pub fn into_fd(self, fd: i32) -> Request {
        // SAFETY: a live handle.
        let status = unsafe { oai_request_set_output_fd(self.0, fd) };
        assert_eq!(status, OAI_OK);
        self
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        // SAFETY: owned.
        unsafe { oai_request_free(self.0) };
    }
}

/// What a response said.
#[derive(Debug)]
pub struct Response {
    pub status: i32,
    pub http_status: i32,
    pub attempts: u32,
    pub body: Vec<u8>,
    pub message: String,
    pub may_have_executed: bool,
}

impl Response {
    /// Of a call that yields one, whose return value must be its status.
    pub fn of(call: impl FnOnce(*mut *mut oai_response) -> i32) -> Response {
        let mut response = ptr::null_mut();
        let status = call(&mut response);
        assert!(!response.is_null());
        let response = Response::take(response);
        assert_eq!(status, response.status);
        response
    }

    /// Reads a response and frees it.
    pub fn take(response: *mut oai_response) -> Response {
        // SAFETY: a live handle, which is freed last; what it hands out is copied before.
        unsafe {
            let (mut data, mut len) = (ptr::null(), 0);
            oai_response_body(response, &mut data, &mut len);
            let error = oai_response_error(response);
            let taken = Response {
                status: oai_response_status(response),
                http_status: oai_response_http_status(response),
                attempts: oai_response_attempts(response),
                body: std::slice::from_raw_parts(data.cast(), len).to_vec(),
                message: text(oai_error_message(error)),
                may_have_executed: oai_error_may_have_executed(error) == 1,
            };
            oai_response_free(response);
            taken
        }
    }
}

/// # Safety
/// The text must be NUL-terminated.
pub unsafe fn text(text: *const c_char) -> String {
    // SAFETY: as promised by the caller.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

/// The message of an error that an output gave, which is freed.
pub fn take_error(error: *mut oai_error) -> String {
    // SAFETY: NULL or owned.
    unsafe {
        let message = text(oai_error_message(error));
        oai_error_free(error);
        message
    }
}

/// A form as a strict reader understands it: the head of each part, and its bytes.
pub fn parts(content_type: &str, body: &[u8]) -> Vec<(String, Vec<u8>)> {
    let boundary = content_type
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap();
    let line = format!("--{boundary}\r\n").into_bytes();
    let between = format!("\r\n--{boundary}").into_bytes();
    let mut rest = body
        .strip_prefix(&line[..])
        .expect("begins with a boundary");
    let find = |text: &[u8], what: &[u8]| text.windows(what.len()).position(|w| w == what);
    let mut all = Vec::new();
    loop {
        let head = find(rest, b"\r\n\r\n").expect("a part has a head");
        let after = &rest[head + 4..];
        let end = find(after, &between).expect("a part ends with a boundary");
        let head = String::from_utf8(rest[..head].to_vec()).unwrap();
        all.push((head, after[..end].to_vec()));
        rest = &after[end + between.len()..];
        if rest == b"--\r\n" {
            return all;
        }
        rest = rest.strip_prefix(b"\r\n").expect("another part");
    }
}

/// The names in a directory.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
