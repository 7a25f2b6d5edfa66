//! Connections as the library's users have them: opened, talked over, and waited for.

use std::ptr;

use oaic::ffi::client::{oai_client_close, oai_client_configure_json};
use oaic::ffi::queue::{oai_batch_free, oai_batch_records, oai_record_take_response};
use oaic::ffi::realtime::{
    OAI_EVENT_BINARY, OAI_EVENT_CONNECTION, oai_realtime, oai_realtime_close, oai_realtime_free,
    oai_realtime_id, oai_realtime_next, oai_realtime_open, oai_realtime_send,
    oai_realtime_send_binary, oai_realtime_unsent_bytes, oai_response_close_code,
    oai_response_close_reason, oai_response_unsent, oai_response_unsent_count,
};
use oaic::ffi::request::oai_request_set_query;
use oaic::ffi::response::oai_string_free;
use oaic::ffi::send::{OAI_EVENT_CHUNK, OAI_EVENT_DONE, oai_cancel};
use oaic::ffi::stats::oai_client_stats_json;
use oaic::ffi::status::OAI_OK;
use serde_json::{Value, json};

use super::{Answer, Client, PATIENCE_MS, Request, c, oai_error_free, oai_error_message, text};

/// A connection.
pub struct Talk(*mut oai_realtime);

// SAFETY: connections may be used from any thread at once.
unsafe impl Send for Talk {}
// SAFETY: as above.
unsafe impl Sync for Talk {}

/// What came.
#[derive(Debug)]
pub enum Event {
    Message(Value),
    Binary(Vec<u8>),
    Connection(Value),
    Done(End),
}

/// How a connection ended.
#[derive(Debug)]
pub struct End {
    pub answer: Answer,
    pub code: i32,
    pub reason: String,
    pub unsent: Vec<(Vec<u8>, bool)>,
}

/// Why something was refused.
pub type Refused = (i32, String);

impl Request {
    /// The request that opens a conversation.
    pub fn realtime() -> Request {
        Request::new("GET", "/realtime").query("model", "gpt-realtime")
    }

    pub fn query(self, name: &str, value: &str) -> Request {
        // SAFETY: NUL-terminated texts.
        let set = unsafe { oai_request_set_query(self.0, c(name).as_ptr(), c(value).as_ptr()) };
        assert_eq!(set, OAI_OK);
        self
    }
}

impl Client {
    pub fn try_open(&self, request: &Request, options: &Value) -> Result<Talk, Refused> {
        let options = options.to_string();
        let mut talk = ptr::null_mut();
        // SAFETY: live handles, and as many bytes as said.
        called(|error| unsafe {
            let (text, len) = (options.as_ptr().cast(), options.len());
            oai_realtime_open(self.0, request.0, text, len, &mut talk, error)
        })
        .map(|()| Talk(talk))
    }

    pub fn open_with(&self, request: &Request, options: &Value) -> Talk {
        self.try_open(request, options).expect("not refused")
    }

    pub fn open(&self, request: &Request) -> Talk {
        self.open_with(request, &json!({}))
    }

    /// A conversation whose first two events were seen.
    pub fn converse(&self, options: &Value) -> Talk {
        let talk = self.open_with(&Request::realtime(), options);
        assert_eq!(talk.connection()["state"], "open");
        assert_eq!(talk.message()["type"], "session.created");
        talk
    }

    /// Changes settings.
    pub fn set(&self, settings: &Value) {
        let json = settings.to_string();
        // SAFETY: a live handle, and as many bytes as said.
        called(|error| unsafe {
            oai_client_configure_json(self.0, json.as_ptr().cast(), json.len(), error)
        })
        .expect("settings");
    }

    pub fn stats(&self) -> Value {
        let mut json = ptr::null_mut();
        // SAFETY: a live handle; the text is read before it is freed.
        unsafe {
            called(|error| oai_client_stats_json(self.0, &mut json, ptr::null_mut(), error))
                .expect("statistics");
            let told = text(json).expect("a text");
            oai_string_free(json);
            serde_json::from_str(&told).expect("JSON")
        }
    }

    pub fn close(&self, timeout_ms: u64) -> i32 {
        // SAFETY: a live handle.
        unsafe { oai_client_close(self.0, timeout_ms, ptr::null_mut()) }
    }

    pub fn cancel(&self, id: u64) {
        // SAFETY: a live handle.
        let cancelled = unsafe { oai_cancel(self.0, id, ptr::null_mut()) };
        assert_eq!(cancelled, OAI_OK);
    }
}

impl Talk {
    pub fn id(&self) -> u64 {
        // SAFETY: a live handle.
        unsafe { oai_realtime_id(self.0) }
    }

    pub fn unsent_bytes(&self) -> u64 {
        // SAFETY: a live handle.
        unsafe { oai_realtime_unsent_bytes(self.0) }
    }

    pub fn try_send(&self, message: &str) -> Result<(), Refused> {
        let (data, len) = (message.as_ptr().cast(), message.len());
        // SAFETY: a live handle, and as many bytes as said.
        called(|error| unsafe { oai_realtime_send(self.0, data, len, error) })
    }

    pub fn send(&self, message: &Value) {
        self.try_send(&message.to_string()).expect("not refused");
    }

    /// Sends a message of this type and nothing else.
    pub fn say(&self, kind: &str) {
        self.send(&json!({"type": kind}));
    }

    pub fn send_binary(&self, data: &[u8]) {
        // SAFETY: a live handle, and as many bytes as said.
        called(|error| unsafe {
            oai_realtime_send_binary(self.0, data.as_ptr().cast(), data.len(), error)
        })
        .expect("not refused");
    }

    pub fn close(&self, code: i32, reason: &str) -> Result<(), Refused> {
        // SAFETY: a live handle and a NUL-terminated text.
        called(|error| unsafe { oai_realtime_close(self.0, code, c(reason).as_ptr(), error) })
    }

    /// The next event within so many milliseconds.
    pub fn try_next(&self, timeout_ms: u64) -> Result<Option<Event>, Refused> {
        let mut batch = ptr::null_mut();
        // SAFETY: a live handle; the record is read before its batch is freed.
        unsafe {
            called(|error| oai_realtime_next(self.0, 1, timeout_ms, &mut batch, error))?;
            if batch.is_null() {
                return Ok(None);
            }
            let (mut records, mut count) = (ptr::null_mut(), 0);
            oai_batch_records(batch, &mut records, &mut count);
            assert_eq!(count, 1);
            let record = &mut *records;
            assert_eq!(record.id, self.id());
            let data = match record.data.is_null() {
                true => Vec::new(),
                false => std::slice::from_raw_parts(record.data.cast::<u8>(), record.len).to_vec(),
            };
            let json = || serde_json::from_slice(&data).expect("JSON");
            let event = match record.kind {
                OAI_EVENT_CHUNK => Event::Message(json()),
                OAI_EVENT_BINARY => Event::Binary(data),
                OAI_EVENT_CONNECTION => Event::Connection(json()),
                OAI_EVENT_DONE => {
                    let response = oai_record_take_response(record);
                    let unsent = (0..oai_response_unsent_count(response)).map(|index| {
                        let (mut data, mut len, mut binary) = (ptr::null(), 0, 0);
                        let found =
                            oai_response_unsent(response, index, &mut data, &mut len, &mut binary);
                        assert_eq!(found, OAI_OK);
                        let data = std::slice::from_raw_parts(data.cast::<u8>(), len).to_vec();
                        (data, binary == 1)
                    });
                    let unsent = unsent.collect();
                    let code = oai_response_close_code(response);
                    let reason = text(oai_response_close_reason(response)).expect("a reason");
                    Event::Done(End {
                        code,
                        reason,
                        unsent,
                        answer: Answer::take(response),
                    })
                }
                other => panic!("an event of kind {other}"),
            };
            oai_batch_free(batch);
            Ok(Some(event))
        }
    }

    pub fn next(&self) -> Event {
        let event = self.try_next(PATIENCE_MS).expect("not over");
        event.unwrap_or_else(|| panic!("no event in {PATIENCE_MS} ms"))
    }

    pub fn message(&self) -> Value {
        match self.next() {
            Event::Message(message) => message,
            other => panic!("{other:?} instead of a message"),
        }
    }

    pub fn connection(&self) -> Value {
        match self.next() {
            Event::Connection(event) => event,
            other => panic!("{other:?} instead of a connection's"),
        }
    }

    /// The end, whatever comes before it.
    pub fn end(&self) -> End {
        loop {
            if let Event::Done(end) = self.next() {
                return end;
            }
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // SAFETY: nothing borrows the handle any more.
        unsafe { oai_realtime_free(self.0) };
    }
}

/// Calls a function that has an error of its own, and reads it.
fn called(call: impl FnOnce(*mut *mut oaic::ffi::error::oai_error) -> i32) -> Result<(), Refused> {
    let mut error = ptr::null_mut();
    match call(&mut error) {
        OAI_OK => Ok(()),
        // SAFETY: the call has just given the error, which is read before it is freed.
        status => unsafe {
            let message = text(oai_error_message(error)).unwrap_or_default();
            oai_error_free(error);
            Err((status, message))
        },
    }
}
