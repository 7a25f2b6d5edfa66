//! The short forms that carry files.

use std::ffi::{c_char, c_void};
use std::fs;
use std::ptr;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use oaic::ffi::response::oai_response;
use oaic::ffi::status::*;
use oaic::ffi::transfer::*;
use serde_json::json;
use test_server::{Config, Rule, TestServer};

use crate::support::*;

#[test]
fn speech_comes_into_memory_or_to_a_file() {
    let server = TestServer::start(Config::default());
    let client = Client::of(&server);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp3");
    let json = br#"{"model":"tts-1","voice":"alloy","input":"Hi"}"#;
    server.script(Rule::status(200).body_bytes(b"\x00ID3").times(2));
    for to in [None, Some(path_c(&path))] {
        let to = to.as_ref().map_or(ptr::null(), |to| to.as_ptr());
        // SAFETY: a live handle, texts and their lengths.
        let response = Response::of(|out| unsafe {
            oai_speech(client.0, json.as_ptr().cast(), json.len(), to, out)
        });
        assert_eq!(response.status, OAI_OK);
        let expected: &[u8] = if to.is_null() { b"\x00ID3" } else { b"" };
        assert_eq!(response.body, expected);
    }
    assert_eq!(fs::read(&path).unwrap(), b"\x00ID3");
    for arrived in server.log() {
        assert_eq!(
            (&*arrived.method, &*arrived.path),
            ("POST", "/v1/audio/speech")
        );
        assert_eq!(&arrived.body[..], json);
        assert_eq!(arrived.header("accept"), Some("*/*"));
    }
}

/// A short form with a file.
type Form = unsafe extern "C" fn(
    *const oaic::ffi::client::oai_client,
    *const c_char,
    usize,
    *const c_char,
    *const c_char,
    usize,
    *mut *mut oai_response,
) -> i32;

#[test]
fn forms_go_to_their_paths_from_disk_and_from_memory() {
    let server = TestServer::start(Config::default());
    let client = Client::of(&server);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    fs::write(&path, "content").unwrap();
    for (call, to, field) in [
        (oai_transcribe as Form, "/v1/audio/transcriptions", "file"),
        (oai_translate, "/v1/audio/translations", "file"),
        (oai_image_edit, "/v1/images/edits", "image"),
        (oai_file_upload, "/v1/files", "file"),
    ] {
        server.clear();
        server.script(Rule::status(200).body(json!({"id": "x"})).times(2));
        let json = c(r#"{"model":"m","prompt":"p"}"#);
        for (file, data) in [(path_c(&path), None), (c("a.png"), Some("content"))] {
            let (data, len) = data.map_or((ptr::null(), 0), |d: &str| (d.as_ptr(), d.len()));
            // SAFETY: a live handle, texts and their lengths.
            let response = Response::of(|out| unsafe {
                let data = data.cast::<c_char>();
                call(
                    client.0,
                    json.as_ptr(),
                    STRLEN,
                    file.as_ptr(),
                    data,
                    len,
                    out,
                )
            });
            assert_eq!(
                (response.status, &response.body[..]),
                (OAI_OK, &br#"{"id":"x"}"#[..])
            );
        }
        let log = server.log();
        let forms: Vec<_> = log
            .iter()
            .map(|arrived| parts(arrived.header("content-type").unwrap(), &arrived.body))
            .collect();
        assert_eq!(forms[0], forms[1]);
        assert!(log.iter().all(|arrived| arrived.path == to));
        let head = format!(
            "Content-Disposition: form-data; name=\"{field}\"; filename=\"a.png\"\r\nContent-Type: image/png"
        );
        assert_eq!(forms[0][2], (head, b"content".to_vec()));
        assert_eq!(forms[0][0].1, b"m");
    }
}

#[test]
fn a_picture_and_a_download_are_one_call_each() {
    let server = TestServer::start(Config::default());
    let client = Client::of(&server);
    server.script(
        Rule::status(200)
            .body(json!({"data": []}))
            .on("/v1/images/generations"),
    );
    let json = c(r#"{"prompt":"a lighthouse"}"#);
    // SAFETY: a live handle and NUL-terminated texts.
    let response = Response::of(|out| unsafe { oai_image(client.0, json.as_ptr(), STRLEN, out) });
    assert_eq!(
        (response.status, &response.body[..]),
        (OAI_OK, &br#"{"data":[]}"#[..])
    );
    let download = |id: &str, path: *const c_char| {
        let id = c(id);
        // SAFETY: a live handle and NUL-terminated texts.
        Response::of(|out| unsafe { oai_file_download(client.0, id.as_ptr(), path, out) })
    };
    let response = download("file-abc", ptr::null());
    assert_eq!(
        (response.status, &response.body[..]),
        (OAI_OK, &b"file-abc"[..])
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    assert_eq!(download("zeros-5", path_c(&path).as_ptr()).status, OAI_OK);
    assert_eq!(fs::read(&path).unwrap(), [0; 5]);
    let arrived = server.log().len();
    for id in ["", "a/b", "../x", "..", "a?b", "a b"] {
        let response = download(id, ptr::null());
        assert_eq!(response.status, OAI_ERR_INVALID_ARGUMENT, "{id:?}");
    }
    assert_eq!(server.log().len(), arrived);
}

#[test]
fn the_async_forms_call_back() {
    unsafe extern "C" fn callback(
        user_data: *mut c_void,
        _: u64,
        _: i32,
        _: *const c_char,
        _: usize,
        response: *mut oai_response,
    ) {
        // SAFETY: the sender lives until the client is freed.
        let sender = unsafe { &*user_data.cast::<Sender<Response>>() };
        sender.send(Response::take(response)).unwrap();
    }
    let server = TestServer::start(Config::default());
    server.script(Rule::status(200).body("ok").forever());
    // Before the client, whose end waits for the callback that still uses it.
    let (sender, receiver) = channel::<Response>();
    let client = Client::of(&server);
    let user: *mut c_void = ptr::from_ref(&sender).cast_mut().cast();
    let (json, name, data) = (c("{}"), c("a.wav"), c("data"));
    let (json, name, data, none) = (json.as_ptr(), name.as_ptr(), data.as_ptr(), ptr::null());
    let (id, error) = (ptr::null_mut(), ptr::null_mut());
    let back = Some(callback as unsafe extern "C" fn(_, _, _, _, _, _));
    let client = client.0;
    // SAFETY: a live handle, NUL-terminated texts, a sender that outlives the requests.
    let statuses = unsafe {
        [
            oai_speech_async(client, json, STRLEN, none, back, user, None, id, error),
            oai_transcribe_async(
                client, json, STRLEN, name, data, STRLEN, back, user, None, id, error,
            ),
            oai_translate_async(
                client, json, STRLEN, name, data, STRLEN, back, user, None, id, error,
            ),
            oai_image_async(client, json, STRLEN, back, user, None, id, error),
            oai_image_edit_async(
                client, json, STRLEN, name, data, STRLEN, back, user, None, id, error,
            ),
            oai_file_upload_async(
                client, json, STRLEN, name, data, STRLEN, back, user, None, id, error,
            ),
            oai_file_download_async(client, name, none, back, user, None, id, error),
        ]
    };
    assert_eq!(statuses, [OAI_OK; 7]);
    for _ in statuses {
        let response = receiver.recv_timeout(Duration::from_secs(30)).unwrap();
        assert_eq!((response.status, &response.body[..]), (OAI_OK, &b"ok"[..]));
    }
    let mut paths: Vec<String> = server.log().into_iter().map(|entry| entry.path).collect();
    paths.sort();
    assert_eq!(
        paths,
        [
            "/v1/audio/speech",
            "/v1/audio/transcriptions",
            "/v1/audio/translations",
            "/v1/files",
            "/v1/files/a.wav/content",
            "/v1/images/edits",
            "/v1/images/generations",
        ]
    );
}
