//! A file in parts through the exported function: what the server gets, what is interrupted and goes on, what is given up.

mod border;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use std::{ptr, slice};

use border::{Answer, Client, Events, STRLEN, answer, c, ok};
use oaic::ffi::queue::{
    oai_batch_free, oai_batch_records, oai_queue_free, oai_queue_new, oai_queue_wait,
};
use oaic::ffi::send::{OAI_EVENT_DONE, OAI_EVENT_PROGRESS, oai_cancel};
use oaic::ffi::status::{
    OAI_ERR_CANCELLED, OAI_ERR_FILE, OAI_ERR_HTTP_BAD_REQUEST, OAI_ERR_HTTP_SERVER,
    OAI_ERR_INVALID_ARGUMENT, OAI_OK,
};
use oaic::ffi::upload::{oai_upload, oai_upload_async, oai_upload_to};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_server::{Config, Rule, TestServer};

const SOON: Duration = Duration::from_secs(30);
const PARTS: &str = "/v1/uploads/upload-test/parts";

/// Six parts of four bytes, the last of one.
const CONTENT: &str = "aaaabbbbccccddddeeeef";
/// The MD5 of that, by md5sum.
const MD5: &str = "f04217d6d87549ab60bd398a88e0f426";

struct Bench {
    server: TestServer,
    client: Client,
    folder: TempDir,
}

impl Bench {
    fn new() -> Bench {
        let server = TestServer::start(Config::default());
        let client = Client::new(&server.url(), json!({"max_retries": 0}));
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file.txt"), CONTENT).unwrap();
        Bench {
            server,
            client,
            folder,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("file.txt")
    }

    /// Each part gets an id that tells its bytes, which are all the same.
    fn names_parts(&self) {
        for letter in 'a'..='f' {
            let part = json!({"id": format!("part_{letter}")});
            let rule = Rule::status(200).body(part).on(PARTS);
            self.server.script(rule.contains(&part_of(letter)));
        }
    }

    fn upload(&self, json: Value) -> Answer {
        let (json, path) = (c(&json.to_string()), c(self.path().to_str().unwrap()));
        // SAFETY: all pointers live as long as the call.
        answer(|out| unsafe {
            oai_upload(self.client.0, json.as_ptr(), STRLEN, path.as_ptr(), out)
        })
    }

    /// The paths of those requests that were not for parts.
    fn others(&self) -> Vec<String> {
        let log = self.server.log();
        let others = log.iter().filter(|arrived| arrived.path != PARTS);
        others.map(|arrived| arrived.path.clone()).collect()
    }
}

/// How the part of this letter is written in its form.
fn part_of(letter: char) -> String {
    let length = if letter == 'f' { 1 } else { 4 };
    format!("\r\n\r\n{}\r\n--", letter.to_string().repeat(length))
}

fn small() -> Value {
    json!({"purpose": "batch", "part_bytes": 4})
}

#[test]
fn a_file_arrives_in_parts_and_is_put_together_in_their_order() {
    let bench = Bench::new();
    bench.names_parts();
    let done = bench.upload(small());
    assert_eq!((done.status, &*done.message), (OAI_OK, ""));
    assert_eq!(done.json()["file"]["id"], "file-test");
    let log = bench.server.log();
    assert_eq!(log.len(), 8);
    let begun =
        json!({"purpose": "batch", "filename": "file.txt", "mime_type": "text/plain", "bytes": 21});
    assert_eq!((&*log[0].path, log[0].json()), ("/v1/uploads", begun));
    assert!(log[1..7].iter().all(|part| {
        part.path == PARTS && part.text().contains("name=\"data\"; filename=\"file.txt\"")
    }));
    let completed = json!({"md5": MD5,
        "part_ids": ["part_a", "part_b", "part_c", "part_d", "part_e", "part_f"]});
    assert_eq!(log[7].path, "/v1/uploads/upload-test/complete");
    assert_eq!(log[7].json(), completed);
}

#[test]
fn four_parts_are_on_their_way_at_once() {
    let bench = Bench::new();
    bench
        .server
        .script(Rule::pass().on(PARTS).forever().hold("gate"));
    let (json, path) = (c(&small().to_string()), c(bench.path().to_str().unwrap()));
    let (mut queue, mut events) = (ptr::null_mut(), ptr::null_mut());
    let (mut records, mut count, mut id) = (ptr::null_mut(), 0, 0);
    // SAFETY: all pointers live as long as the calls, the records as long as their batch.
    unsafe {
        ok(|error| oai_queue_new(&mut queue, error));
        ok(|error| {
            let (json, path) = (json.as_ptr(), path.as_ptr());
            oai_upload_to(bench.client.0, json, STRLEN, path, queue, 7, &mut id, error)
        });
        assert!(bench.server.wait_in_flight(4, SOON));
        bench.server.clear();
        bench.server.release("gate");
        assert_eq!(oai_queue_wait(queue, 8, 30_000, &mut events), OAI_OK);
        assert_eq!(oai_batch_records(events, &mut records, &mut count), OAI_OK);
        assert_eq!(count, 1);
        let record = &*records;
        assert_eq!((record.id, record.tag, record.status), (id, 7, OAI_OK));
        oai_batch_free(events);
        oai_queue_free(queue);
    }
}

/// Uploads to a queue; what was told of the progress until its end.
fn progress_of(bench: &Bench, json: Value) -> Vec<Value> {
    let (json, path) = (c(&json.to_string()), c(bench.path().to_str().unwrap()));
    let (mut queue, mut id, mut told) = (ptr::null_mut(), 0, Vec::new());
    // SAFETY: all pointers live as long as the calls, the records as long as their batch.
    unsafe {
        ok(|error| oai_queue_new(&mut queue, error));
        ok(|error| {
            let (json, path) = (json.as_ptr(), path.as_ptr());
            oai_upload_to(bench.client.0, json, STRLEN, path, queue, 0, &mut id, error)
        });
        let mut over = false;
        while !over {
            let (mut events, mut records, mut count) = (ptr::null_mut(), ptr::null_mut(), 0);
            assert_eq!(oai_queue_wait(queue, 1, 30_000, &mut events), OAI_OK);
            assert_eq!(oai_batch_records(events, &mut records, &mut count), OAI_OK);
            assert_eq!(count, 1);
            let record = &*records;
            assert_eq!(record.id, id);
            match record.kind {
                OAI_EVENT_PROGRESS => {
                    let text = slice::from_raw_parts(record.data.cast::<u8>(), record.len);
                    told.push(serde_json::from_slice(text).unwrap());
                }
                OAI_EVENT_DONE => {
                    assert_eq!(record.status, OAI_OK);
                    over = true;
                }
                kind => panic!("an event of the kind {kind}"),
            }
            oai_batch_free(events);
        }
        oai_queue_free(queue);
    }
    told
}

#[test]
fn progress_is_told_to_those_who_ask() {
    let bench = Bench::new();
    assert_eq!(progress_of(&bench, small()), Vec::<Value>::new());
    let mut json = small();
    json["progress"] = true.into();
    let told = progress_of(&bench, json.clone());
    let bytes = told.iter().map(|report| report["bytes"].as_u64().unwrap());
    assert!(bytes.clone().is_sorted(), "{told:?}");
    assert!(bytes.clone().all(|bytes| bytes == 21 || bytes % 4 <= 1));
    let whole = json!({"way": "upload", "bytes": 21, "total": 21});
    assert_eq!(told.last(), Some(&whole));

    // What had arrived before counts, and the server is told nothing of it.
    json["upload_id"] = "upload-test".into();
    json["part_ids"] = json!(["part_a", "part_b", "part_c", "part_d", "part_e"]);
    bench.server.clear();
    assert_eq!(progress_of(&bench, json), [whole]);
    assert_eq!(bench.server.log().len(), 2);
}

#[test]
fn an_interrupted_upload_goes_on_without_the_parts_that_arrived() {
    let bench = Bench::new();
    bench
        .server
        .script(Rule::hang().on(PARTS).contains(&part_of('f')));
    bench.names_parts();
    let (json, path) = (c(&small().to_string()), c(bench.path().to_str().unwrap()));
    let events = Events::new();
    let (callback, user_data, destructor) = events.callback();
    let mut id = 0;
    // SAFETY: all pointers live as long as the call, the events until the client's end.
    ok(|error| unsafe {
        let (json, path) = (json.as_ptr(), path.as_ptr());
        oai_upload_async(
            bench.client.0,
            json,
            STRLEN,
            path,
            callback,
            user_data,
            destructor,
            &mut id,
            error,
        )
    });
    assert!(bench.server.wait_arrived(7, SOON));
    assert!(bench.server.wait_in_flight(1, SOON));
    // SAFETY: the client lives.
    ok(|error| unsafe { oai_cancel(bench.client.0, id, error) });
    let (_, interrupted) = events.wait();
    assert_eq!(interrupted.status, OAI_ERR_CANCELLED);
    let mut resume = interrupted.json();
    assert_eq!(resume["upload_id"], "upload-test");
    assert_eq!(resume["part_ids"][5], Value::Null);
    assert!(
        interrupted.message.contains("upload-test"),
        "{}",
        interrupted.message
    );
    assert_eq!(
        bench.others(),
        ["/v1/uploads"],
        "it is not cancelled at the server"
    );

    // How many of the answers had been read by then is chance.
    let known = ["part_a", "part_b", "part_c", "part_d", "part_e"];
    resume["part_ids"] = json!(known);
    bench.server.clear();
    bench.names_parts();
    assert_eq!(bench.upload(resume).status, OAI_OK);
    let log = bench.server.log();
    assert_eq!(log.len(), 2);
    assert!(log[0].text().contains(&part_of('f')));
    assert_eq!(log[1].json()["part_ids"][5], "part_f");
    assert_eq!(log[1].json()["md5"], MD5);
}

#[test]
fn an_overloaded_server_interrupts_and_a_refusal_gives_up() {
    let bench = Bench::new();
    bench
        .server
        .script(Rule::status(500).on(PARTS).contains(&part_of('a')));
    let overloaded = bench.upload(small());
    assert_eq!(overloaded.status, OAI_ERR_HTTP_SERVER);
    assert_eq!(overloaded.json()["upload_id"], "upload-test");
    assert_eq!(overloaded.json()["part_bytes"], 4);
    assert_eq!(bench.others(), ["/v1/uploads"]);

    bench.server.clear();
    bench
        .server
        .script(Rule::status(400).on("/v1/uploads/upload-test/complete"));
    let refused = bench.upload(small());
    assert_eq!(refused.status, OAI_ERR_HTTP_BAD_REQUEST);
    assert!(
        refused.json()["error"].is_object(),
        "the server's own words"
    );
    let expected = [
        "/v1/uploads",
        "/v1/uploads/upload-test/complete",
        "/v1/uploads/upload-test/cancel",
    ];
    assert_eq!(bench.others(), expected);
}

#[test]
fn what_is_wrong_from_the_start_is_refused_and_sends_nothing() {
    let bench = Bench::new();
    assert_eq!(bench.upload(json!({})).status, OAI_ERR_INVALID_ARGUMENT);
    fs::write(bench.path(), "").unwrap();
    let empty = bench.upload(small());
    assert_eq!(empty.status, OAI_ERR_FILE);
    assert!(empty.message.contains("empty"), "{}", empty.message);
    fs::remove_file(bench.path()).unwrap();
    assert_eq!(bench.upload(small()).status, OAI_ERR_FILE);
    assert_eq!(bench.server.log().len(), 0);
}
