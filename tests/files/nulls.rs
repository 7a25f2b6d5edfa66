//! NULL where it is not allowed is an error, never a crash.

use std::ptr::{null, null_mut};

use oaic::ffi::files::*;
use oaic::ffi::status::*;
use oaic::ffi::transfer::*;
use serde_json::json;
use test_server::{Config, TestServer};

use crate::support::*;

const INVALID: i32 = OAI_ERR_INVALID_ARGUMENT;

#[test]
fn setters_refuse_null() {
    let request = Request::new("POST", "/files");
    let text = c("x");
    let (r, t) = (request.0, text.as_ptr());
    // SAFETY: live handles, NUL-terminated texts, and NULLs, which is what is tested.
    unsafe {
        assert_eq!(oai_request_add_field(null_mut(), t, t, 1), INVALID);
        assert_eq!(oai_request_add_field(r, null(), t, 1), INVALID);
        assert_eq!(oai_request_add_field(r, t, null(), 0), INVALID);
        assert_eq!(oai_request_add_field(r, t, t, STRLEN - 1), INVALID);
        assert_eq!(
            oai_request_add_file(null_mut(), t, t, null(), t, 1),
            INVALID
        );
        assert_eq!(oai_request_add_file(r, null(), t, null(), t, 1), INVALID);
        assert_eq!(oai_request_add_file(r, t, null(), null(), t, 1), INVALID);
        assert_eq!(oai_request_add_file(r, t, t, null(), null(), 1), INVALID);
        assert_eq!(oai_request_add_file(r, t, t, null(), null(), 0), OAI_OK);
        assert_eq!(
            oai_request_add_file_path(null_mut(), t, t, null(), null()),
            INVALID
        );
        assert_eq!(
            oai_request_add_file_path(r, null(), t, null(), null()),
            INVALID
        );
        assert_eq!(
            oai_request_add_file_path(r, t, null(), null(), null()),
            INVALID
        );
        assert_eq!(oai_request_set_output_path(null_mut(), t), INVALID);
        assert_eq!(oai_request_set_output_fd(null_mut(), 1), INVALID);
        assert_eq!(oai_request_set_output_fd(r, -1), INVALID);
        assert_eq!(oai_request_set_progress(null_mut(), 1), INVALID);
    }
}

#[test]
fn a_null_path_takes_the_output_back() {
    let server = TestServer::start(Config::default());
    let client = Client::of(&server);
    let request = Request::new("GET", "/files/a/content").into_path("/tmp/never-written".as_ref());
    // SAFETY: a live handle.
    let status = unsafe { oai_request_set_output_path(request.0, null()) };
    assert_eq!(status, OAI_OK);
    assert_eq!(client.send(&request).body, b"a");
}

#[test]
fn short_forms_refuse_null() {
    let server = TestServer::start(Config::default());
    let client = Client::with(&server, json!({}));
    let text = c("{}");
    let (k, t) = (client.0, text.as_ptr());
    // SAFETY: live handles, NUL-terminated texts, and NULLs, which is what is tested.
    unsafe {
        for response in [
            Response::of(|out| oai_speech(null(), t, 2, null(), out)),
            Response::of(|out| oai_speech(k, null(), 2, null(), out)),
            Response::of(|out| oai_transcribe(k, null(), 2, t, null(), 0, out)),
            Response::of(|out| oai_transcribe(k, t, 2, null(), null(), 0, out)),
            Response::of(|out| oai_translate(null(), t, 2, t, t, 1, out)),
            Response::of(|out| oai_image(k, null(), 0, out)),
            Response::of(|out| oai_image_edit(k, t, 2, null(), t, 1, out)),
            Response::of(|out| oai_file_upload(k, t, 2, null(), null(), 0, out)),
            Response::of(|out| oai_file_download(k, null(), null(), out)),
        ] {
            assert_eq!(response.status, INVALID);
            assert!(response.message.contains("NULL"), "{response:?}");
        }
        assert_eq!(oai_speech(k, t, 2, null(), null_mut()), INVALID);
        let none = null_mut();
        let status = oai_speech_async(k, t, 2, null(), None, null_mut(), None, null_mut(), none);
        assert_eq!(status, INVALID);
        let status =
            oai_file_download_async(k, null(), null(), None, none.cast(), None, null_mut(), none);
        assert_eq!(status, INVALID);
    }
    assert!(server.log().is_empty());
}
