//! Events that tell how far a body has come.

use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use oaic::ffi::files::oai_request_set_progress;
use oaic::ffi::queue::*;
use oaic::ffi::response::{oai_response, oai_response_free};
use oaic::ffi::send::*;
use oaic::ffi::status::*;
use serde_json::Value;
use test_server::{Config, TestServer};

use crate::support::*;

fn asking(request: Request) -> Request {
    // SAFETY: a live handle.
    let status = unsafe { oai_request_set_progress(request.0, 1) };
    assert_eq!(status, OAI_OK);
    request
}

/// An event's data; behind it stands a NUL.
///
/// # Safety
/// `data` must be NULL or what an event gave, with `len`, for as long as it is used.
unsafe fn bytes<'a>(data: *const c_char, len: usize) -> &'a [u8] {
    if data.is_null() {
        return &[];
    }
    // SAFETY: as promised by the caller.
    let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len + 1) };
    assert_eq!(bytes[len], 0);
    &bytes[..len]
}

/// Kinds and data of all events until the terminal one.
fn events(client: &Client, request: &Request) -> Vec<(i32, Value)> {
    let mut seen = Vec::new();
    let (mut queue, mut batch) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: live handles and places for the outputs; records are read before their batch is freed.
    unsafe {
        assert_eq!(oai_queue_new(&mut queue, ptr::null_mut()), OAI_OK);
        let none = ptr::null_mut();
        assert_eq!(
            oai_submit_to(client.0, request.0, queue, 5, ptr::null_mut(), none),
            OAI_OK
        );
        while seen.last().is_none_or(|(kind, _)| *kind != OAI_EVENT_DONE) {
            assert_eq!(oai_queue_wait(queue, 1, 30_000, &mut batch), OAI_OK);
            let (mut records, mut count) = (ptr::null_mut(), 0);
            assert_eq!(oai_batch_records(batch, &mut records, &mut count), OAI_OK);
            let record = &*records;
            assert_eq!((record.tag, record.status), (5, OAI_OK));
            let data = bytes(record.data, record.len);
            seen.push((
                record.kind,
                serde_json::from_slice(data).unwrap_or_default(),
            ));
            oai_batch_free(batch);
        }
        assert_eq!(oai_queue_next(queue, 1, &mut batch), OAI_OK);
        assert!(batch.is_null(), "nothing follows the terminal event");
        oai_queue_free(queue);
    }
    seen
}

fn ways(events: &[(i32, Value)]) -> Vec<(&str, u64, u64)> {
    events
        .iter()
        .filter(|(kind, _)| *kind == OAI_EVENT_PROGRESS)
        .map(|(_, event)| {
            (
                event["way"].as_str().unwrap(),
                event["bytes"].as_u64().unwrap(),
                event["total"].as_u64().unwrap(),
            )
        })
        .collect()
}

#[test]
fn a_download_tells_how_far_it_is_and_when_it_is_whole() {
    let server = TestServer::start(Config::default());
    let client = Client::of(&server);
    let folder = tempfile::tempdir().unwrap();
    let request = || {
        Request::new("GET", "/files/zeros-3000000/content").into_path(&folder.path().join("out"))
    };
    let seen = events(&client, &asking(request()));
    let ways = ways(&seen);
    assert_eq!(ways.last(), Some(&("download", 3_000_000, 3_000_000)));
    assert!(ways.windows(2).all(|two| two[0].1 < two[1].1), "{ways:?}");
    assert!(ways.len() <= 20, "they are few: {ways:?}");
    assert_eq!(
        events(&client, &request()).len(),
        1,
        "only who asks is told"
    );
}

#[test]
fn an_upload_tells_the_form_s_length() {
    let server = TestServer::start(Config::default());
    let client = Client::of(&server);
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(3_000_000).unwrap();
    let request = asking(Request::new("POST", "/files").file_path("file", file.path()));
    let seen = events(&client, &request);
    let ways = ways(&seen);
    let length = server.log()[0].body_length;
    assert_eq!(ways.last(), Some(&("upload", length, length)));
}

#[test]
fn a_callback_is_told_too() {
    unsafe extern "C" fn callback(
        user_data: *mut c_void,
        _: u64,
        kind: i32,
        data: *const c_char,
        len: usize,
        response: *mut oai_response,
    ) {
        // SAFETY: the sender lives until the client is freed; the data is borrowed for the call.
        unsafe {
            let sender = &*user_data.cast::<Sender<(i32, String)>>();
            let text = match data.is_null() {
                true => String::new(),
                false => String::from_utf8(bytes(data, len).to_vec()).unwrap(),
            };
            oai_response_free(response);
            sender.send((kind, text)).unwrap();
        }
    }
    let server = TestServer::start(Config::default());
    // Before the client, whose end waits for the callback that still uses it.
    let (sender, receiver) = channel::<(i32, String)>();
    let client = Client::of(&server);
    let request = asking(Request::new("POST", "/files").file("file", "a", None, b"abc"));
    // SAFETY: live handles; the sender outlives the request.
    let status = unsafe {
        oai_submit(
            client.0,
            request.0,
            Some(callback),
            ptr::from_ref(&sender).cast_mut().cast(),
            None,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    assert_eq!(status, OAI_OK);
    let next = || receiver.recv_timeout(Duration::from_secs(30)).unwrap();
    let mut seen = vec![next()];
    while seen.last().unwrap().0 != OAI_EVENT_DONE {
        seen.push(next());
    }
    let (kind, text) = &seen[seen.len() - 2];
    assert_eq!(*kind, OAI_EVENT_PROGRESS);
    let length = server.log()[0].body_length;
    let expected = format!(r#"{{"way":"upload","bytes":{length},"total":{length}}}"#);
    assert_eq!(*text, expected);
}
