//! Bodies that go to a file or a descriptor.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::ptr;
use std::time::Duration;

use oaic::ffi::queue::*;
use oaic::ffi::send::{oai_cancel, oai_submit_to};
use oaic::ffi::status::*;
use serde_json::json;
use test_server::{Config, DropAt, Rule, TestServer};

use crate::support::*;

const CONTENT: &str = "/files/file-1/content";

fn content() -> Vec<u8> {
    (0..500_000).map(|at| (at % 253) as u8).collect()
}

fn served() -> Rule {
    Rule::status(200).body_bytes(&content())
}

#[test]
fn a_good_answer_becomes_the_file_and_a_bad_one_leaves_it_alone() {
    let server = TestServer::start(Config::default());
    let client = Client::of(&server);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.bin");
    fs::write(&path, "old").unwrap();
    let request = Request::new("GET", CONTENT).into_path(&path);
    server.script(Rule::status(404).body(json!({"error": {"message": "no such file"}})));
    let response = client.send(&request);
    assert_eq!(response.status, OAI_ERR_HTTP_NOT_FOUND);
    assert!(response.message.contains("no such file"), "{response:?}");
    assert!(!response.body.is_empty());
    assert_eq!(fs::read(&path).unwrap(), b"old");
    server.script(served());
    let response = client.send(&request);
    assert_eq!((response.status, response.http_status), (OAI_OK, 200));
    assert!(response.body.is_empty());
    assert!(fs::read(&path).unwrap() == content());
    assert_eq!(names(folder.path()), ["out.bin"]);
    assert_eq!(server.log()[0].header("accept"), Some("*/*"));
}

#[test]
fn a_file_of_any_size_comes_in_spite_of_the_bound_on_what_is_in_memory() {
    let server = TestServer::start(Config::default());
    let client = Client::with(&server, json!({"max_response_bytes": 1000}));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    server.script(served().gzip().times(2));
    let request = Request::new("GET", CONTENT).into_path(&path);
    assert_eq!(client.send(&request).status, OAI_OK);
    assert!(fs::read(&path).unwrap() == content(), "decompressed");
    let into_memory = client.send(&Request::new("GET", CONTENT));
    assert_eq!(into_memory.status, OAI_ERR_TOO_LARGE);
}

#[test]
fn a_loss_in_the_middle_is_tried_again_and_the_file_is_whole() {
    let server = TestServer::start(Config::default());
    let client = Client::of(&server);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    server.script(served().dropping(DropAt::MidBody).cut_at(200_000));
    server.script(served().dropping(DropAt::MidBody).cut_at(100_000).reset());
    server.script(served());
    let response = client.send(&Request::new("GET", CONTENT).into_path(&path));
    assert_eq!((response.status, response.attempts), (OAI_OK, 3));
    assert!(fs::read(&path).unwrap() == content());
    assert_eq!(names(folder.path()), ["out"]);
}

#[test]
fn a_download_that_never_comes_leaves_nothing_behind() {
    let server = TestServer::start(Config::default());
    let client = Client::of(&server);
    let folder = tempfile::tempdir().unwrap();
    server.script(served().dropping(DropAt::MidBody).times(3));
    let request = Request::new("GET", CONTENT).into_path(&folder.path().join("out"));
    let response = client.send(&request);
    assert_eq!(response.status, OAI_ERR_CONNECTION_LOST, "{response:?}");
    assert_eq!(response.attempts, 3);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn an_answer_that_was_billed_is_not_sent_for_again() {
    let server = TestServer::start(Config::default());
    let client = Client::of(&server);
    let folder = tempfile::tempdir().unwrap();
    server.script(served().dropping(DropAt::MidBody));
    let request = Request::new("POST", "/audio/speech")
        .json(json!({"model": "tts-1"}))
        .into_path(&folder.path().join("out"));
    let response = client.send(&request);
    assert_eq!(response.status, OAI_ERR_CONNECTION_LOST);
    assert!(response.may_have_executed && response.attempts == 1);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_descriptor_gets_each_byte_once() {
    let server = TestServer::start(Config::default());
    let client = Client::of(&server);
    let file = tempfile::tempfile().unwrap();
    let request = Request::new("GET", CONTENT).into_fd(file.as_raw_fd());
    // Before anything was written there is nothing to keep, so it is tried again.
    server.script(Rule::status(500));
    server.script(served().dropping(DropAt::MidBody).cut_at(0));
    server.script(served());
    let response = client.send(&request);
    assert_eq!(
        (response.status, response.attempts),
        (OAI_OK, 3),
        "{response:?}"
    );
    let written = fs::read(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap();
    assert!(written == content());
    // Afterwards there is.
    file.set_len(0).unwrap();
    server.clear();
    server.script(served().dropping(DropAt::MidBody).cut_at(300_000));
    let response = client.send(&request);
    assert_eq!(response.status, OAI_ERR_CONNECTION_LOST, "{response:?}");
    assert_eq!((response.attempts, server.log().len()), (1, 1));
    assert!(
        response.message.contains("already with the output"),
        "{response:?}"
    );
    let end = file.metadata().unwrap().len();
    assert_eq!(
        end,
        500_000 + 300_000,
        "the descriptor's own place was kept"
    );
}

#[test]
fn a_socket_that_does_not_block_is_waited_for() {
    let server = TestServer::start(Config::default());
    let client = Client::of(&server);
    let (mut reader, writer) = UnixStream::pair().unwrap();
    writer.set_nonblocking(true).unwrap();
    server.script(served());
    let request = Request::new("GET", CONTENT).into_fd(writer.as_raw_fd());
    // The caller's own may be closed at once.
    drop(writer);
    let read = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    });
    assert_eq!(client.send(&request).status, OAI_OK);
    drop(request);
    assert!(read.join().unwrap() == content());
}

#[test]
fn a_full_disk_and_a_closed_pipe_end_the_request() {
    let server = TestServer::start(Config::default());
    let client = Client::of(&server);
    server.script(served().times(2));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let response = client.send(&Request::new("GET", CONTENT).into_fd(full.as_raw_fd()));
    assert_eq!((response.status, response.attempts), (OAI_ERR_FILE, 1));
    assert!(response.message.contains("space"), "{response:?}");
    let (reader, writer) = UnixStream::pair().unwrap();
    drop(reader);
    let response = client.send(&Request::new("GET", CONTENT).into_fd(writer.as_raw_fd()));
    assert_eq!((response.status, response.attempts), (OAI_ERR_FILE, 1));
}

#[test]
fn a_cancel_in_the_middle_removes_what_was_written() {
    let server = TestServer::start(Config::default());
    let client = Client::of(&server);
    let folder = tempfile::tempdir().unwrap();
    let chunks = (0..1000).map(|_| [7; 1000]);
    server.script(Rule::byte_chunks(chunks).chunk_delay_ms(100));
    let request = Request::new("GET", CONTENT).into_path(&folder.path().join("out"));
    let (mut queue, mut id, mut batch) = (ptr::null_mut(), 0, ptr::null_mut());
    // SAFETY: live handles and places for the outputs; the batch is read before it is freed.
    unsafe {
        assert_eq!(oai_queue_new(&mut queue, ptr::null_mut()), OAI_OK);
        let status = oai_submit_to(client.0, request.0, queue, 1, &mut id, ptr::null_mut());
        assert_eq!(status, OAI_OK);
        assert!(server.wait_until(Duration::from_secs(10), |_| {
            !names(folder.path()).is_empty()
        }));
        assert_eq!(oai_cancel(client.0, id, ptr::null_mut()), OAI_OK);
        assert_eq!(oai_queue_wait(queue, 9, 10_000, &mut batch), OAI_OK);
        let (mut records, mut count) = (ptr::null_mut(), 0);
        assert_eq!(oai_batch_records(batch, &mut records, &mut count), OAI_OK);
        assert_eq!((count, (*records).status), (1, OAI_ERR_CANCELLED));
        oai_batch_free(batch);
        oai_queue_free(queue);
    }
    // A write that was under way may end a moment later.
    assert!(server.wait_until(Duration::from_secs(10), |_| names(folder.path()).is_empty()));
}

#[test]
fn silence_in_the_middle_is_not_waited_out() {
    let server = TestServer::start(Config::default());
    let client = Client::with(&server, json!({"idle_timeout_ms": 200}));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    server.script(Rule::chunks(["a", "b"]).chunk_delay_ms(60_000));
    server.script(Rule::chunks(["a", "b"]));
    let response = client.send(&Request::new("GET", CONTENT).into_path(&path));
    assert_eq!((response.status, response.attempts), (OAI_OK, 2));
    assert_eq!(fs::read(&path).unwrap(), b"ab");
}

#[test]
fn the_statistics_count_forms_and_files_as_they_are_on_the_wire() {
    let server = TestServer::start(Config::default());
    let client = Client::of(&server);
    let folder = tempfile::tempdir().unwrap();
    let on_disk = folder.path().join("in");
    fs::write(&on_disk, content()).unwrap();
    let upload = Request::new("POST", "/files").file_path("file", &on_disk);
    let answer = client.send(&upload).body.len();
    server.script(served());
    let download = Request::new("GET", CONTENT).into_path(&folder.path().join("out"));
    assert_eq!(client.send(&download).status, OAI_OK);
    let sent = server.log()[0].body_length;
    let received = answer + content().len();
    assert_eq!(
        client.stats()["bytes"],
        json!({"sent": sent, "received": received})
    );
}
