//! Forms on their way to the server.

use std::ffi::c_void;
use std::io::Write;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use oaic::ffi::response::oai_response;
use oaic::ffi::send::oai_submit;
use oaic::ffi::status::*;
use serde_json::json;
use test_server::{Arrived, Config, DropAt, Rule, TestServer};

use crate::support::*;

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

fn form(arrived: &Arrived) -> Vec<(String, Vec<u8>)> {
    let length = arrived.header("content-length").unwrap();
    assert_eq!(length, arrived.body.len().to_string());
    assert_eq!(arrived.header("transfer-encoding"), None);
    parts(arrived.header("content-type").unwrap(), &arrived.body)
}

#[test]
fn fields_members_and_files_arrive_as_one_form() {
    let server = TestServer::start(Config::default());
    let client = Client::of(&server);
    let mut on_disk = tempfile::Builder::new().suffix(".mp3").tempfile().unwrap();
    let sound = bytes(200_000);
    on_disk.write_all(&sound).unwrap();
    let request = Request::new("POST", "/files")
        .json(json!({"purpose": "batch", "expires_after": {"seconds": 60}}))
        .field("note", b"\x00\xff")
        .file("small", "a.json", None, b"{}")
        .file("typed", "b", Some("image/x-own"), b"")
        .file_path("file", on_disk.path());
    let response = client.send(&request);
    assert_eq!((response.status, response.http_status), (OAI_OK, 200));
    let log = server.log();
    let form = form(&log[0]);
    let name = on_disk.path().file_name().unwrap().to_str().unwrap();
    let heads: Vec<&str> = form.iter().map(|(head, _)| head.as_str()).collect();
    let disposition = "Content-Disposition: form-data; name=";
    assert_eq!(
        heads,
        [
            format!("{disposition}\"expires_after[seconds]\""),
            format!("{disposition}\"purpose\""),
            format!("{disposition}\"note\""),
            format!(
                "{disposition}\"small\"; filename=\"a.json\"\r\nContent-Type: application/json"
            ),
            format!("{disposition}\"typed\"; filename=\"b\"\r\nContent-Type: image/x-own"),
            format!("{disposition}\"file\"; filename=\"{name}\"\r\nContent-Type: audio/mpeg"),
        ]
    );
    let values: Vec<&[u8]> = form.iter().map(|(_, value)| &value[..]).collect();
    assert_eq!(
        values,
        [&b"60"[..], b"batch", b"\x00\xff", b"{}", b"", &sound]
    );
}

#[test]
fn a_hostile_filename_stays_a_filename() {
    let server = TestServer::start(Config::default());
    let client = Client::of(&server);
    let request = Request::new("POST", "/files").file(
        "file\"\r\nX-A: b",
        "a\"; filename=\"b\r\nContent-Type: text/html\r\n\r\n<script>",
        None,
        b"data",
    );
    assert_eq!(client.send(&request).status, OAI_OK);
    let form = form(&server.log()[0]);
    assert_eq!(
        form,
        [(
            "Content-Disposition: form-data; name=\"file%22%0D%0AX-A: b\"; \
             filename=\"a%22; filename=%22b%0D%0AContent-Type: text/html%0D%0A%0D%0A<script>\"\r\n\
             Content-Type: application/octet-stream"
                .to_owned(),
            b"data".to_vec()
        )]
    );
}

#[test]
fn a_retry_sends_the_whole_form_again() {
    let server = TestServer::start(Config::default());
    server.script(Rule::status(503).times(2));
    let client = Client::of(&server);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes(300_000)).unwrap();
    let request = Request::new("POST", "/files")
        .field("purpose", b"batch")
        .file("memory", "m", None, &bytes(1000))
        .file_path("file", file.path());
    let response = client.send(&request);
    assert_eq!((response.status, response.attempts), (OAI_OK, 3));
    let log = server.log();
    assert_eq!(log.len(), 3);
    assert_eq!(form(&log[0])[2].1, bytes(300_000));
    assert!(log[0].body == log[1].body && log[1].body == log[2].body);
}

#[test]
fn what_the_server_may_have_stored_is_only_repeated_on_request() {
    let server = TestServer::start(Config::default());
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes(100_000)).unwrap();
    let request = Request::new("POST", "/files").file_path("file", file.path());
    let cautious = Client::of(&server);
    server.script(Rule::drop_at(DropAt::AfterBodyRead));
    let response = cautious.send(&request);
    assert_eq!(response.status, OAI_ERR_CONNECTION_LOST, "{response:?}");
    assert!(response.may_have_executed && response.attempts == 1);
    let bold = Client::with(&server, json!({"retry_unsafe": true}));
    server.script(Rule::drop_at(DropAt::AfterBodyRead));
    let response = bold.send(&request);
    assert_eq!((response.status, response.attempts), (OAI_OK, 2));
    assert_eq!(form(server.log().last().unwrap())[0].1, bytes(100_000));
}

#[test]
fn a_redirect_takes_the_form_along() {
    let server = TestServer::start(Config::default());
    server.script(Rule::status(307).header("location", "/v1/files"));
    let client = Client::of(&server);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&bytes(100_000)).unwrap();
    let request = Request::new("POST", "/uploads").file_path("file", file.path());
    assert_eq!(client.send(&request).status, OAI_OK);
    let log = server.log();
    assert_eq!(log[1].path, "/v1/files");
    assert_eq!(form(&log[0]), form(&log[1]));
}

#[test]
fn a_file_that_shrinks_or_grows_meanwhile_is_an_error_and_no_short_upload() {
    let server = TestServer::start(Config::default());
    for (after, word) in [(150_000, "shorter"), (250_000, "longer")] {
        server.clear();
        server.script(Rule::status(503).hold("gate"));
        let client = Client::of(&server);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes(200_000)).unwrap();
        let request = Request::new("POST", "/files").file_path("file", file.path());
        // The file changes while its first attempt waits for the server's refusal.
        let response = std::thread::scope(|scope| {
            scope.spawn(|| {
                assert!(server.wait_until(Duration::from_secs(10), |server| {
                    server
                        .log()
                        .first()
                        .is_some_and(|first| !first.body.is_empty())
                }));
                file.as_file().set_len(after).unwrap();
                server.release("gate");
            });
            client.send(&request)
        });
        assert_eq!(response.status, OAI_ERR_FILE, "{response:?}");
        assert!(response.message.contains(word), "{response:?}");
        let path = file.path().to_str().unwrap();
        assert!(response.message.contains(path), "{response:?}");
        assert_eq!(response.attempts, 2);
        assert!(!response.may_have_executed);
        // The second attempt announced a length that it did not keep, so its body never came to an end.
        assert!(
            server
                .log()
                .iter()
                .skip(1)
                .all(|second| second.body.is_empty())
        );
    }
}

#[test]
fn a_missing_file_is_refused_at_the_submit() {
    static ENDED: AtomicU32 = AtomicU32::new(0);
    unsafe extern "C" fn never(
        _: *mut c_void,
        _: u64,
        _: i32,
        _: *const std::ffi::c_char,
        _: usize,
        _: *mut oai_response,
    ) {
        panic!("a refused request has no events");
    }
    unsafe extern "C" fn ended(_: *mut c_void) {
        ENDED.fetch_add(1, Ordering::SeqCst);
    }
    let server = TestServer::start(Config::default());
    let client = Client::of(&server);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not-here.jsonl");
    let request = Request::new("POST", "/files").file_path("file", &path);
    let (mut id, mut error) = (7, ptr::null_mut());
    // SAFETY: live handles and places for the outputs.
    let status = unsafe {
        oai_submit(
            client.0,
            request.0,
            Some(never),
            ptr::null_mut(),
            Some(ended),
            &mut id,
            &mut error,
        )
    };
    assert_eq!((status, id), (OAI_ERR_FILE, 0));
    let message = take_error(error);
    assert!(message.contains("not-here.jsonl"), "{message}");
    assert_eq!(ENDED.load(Ordering::SeqCst), 1);
    let response = client.send(&request);
    assert_eq!((response.status, response.attempts), (OAI_ERR_FILE, 0));
    assert!(server.log().is_empty());
}

#[test]
fn a_request_lives_on_when_its_submitted_form_is_changed() {
    let server = TestServer::start(Config::default());
    let client = Client::of(&server);
    let request = Request::new("POST", "/files").file("file", "a", None, b"1");
    assert_eq!(client.send(&request).status, OAI_OK);
    let request = request.file("file", "b", None, b"2");
    assert_eq!(client.send(&request).status, OAI_OK);
    let log = server.log();
    assert_eq!((form(&log[0]).len(), form(&log[1]).len()), (1, 2));
}
