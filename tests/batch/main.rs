//! A batch from its input file to its results through the exported function, and each way that it can end before.

#[path = "../border/mod.rs"]
mod border;
mod progress;

use std::fs;
use std::path::{Path, PathBuf};
use std::ptr;
use std::time::Duration;

use border::{Answer, Client, Events, STRLEN, answer, c, ok, outcome};
use oaic::ffi::batch::{oai_batch_run, oai_batch_run_async, oai_batch_run_to};
use oaic::ffi::client::oai_client_close;
use oaic::ffi::queue::{
    oai_batch_free, oai_batch_records, oai_queue_free, oai_queue_new, oai_queue_wait,
};
use oaic::ffi::send::oai_cancel;
use oaic::ffi::status::{
    OAI_ERR_CANCELLED, OAI_ERR_CLOSED, OAI_ERR_DEADLINE, OAI_ERR_DECODE, OAI_ERR_FILE,
    OAI_ERR_HTTP_BAD_REQUEST, OAI_ERR_HTTP_NOT_FOUND, OAI_ERR_INVALID_ARGUMENT, OAI_OK,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_server::{Config, Rule, TestServer};

const SOON: Duration = Duration::from_secs(30);

const BATCHES: &str = "/v1/batches";
const BATCH: &str = "/v1/batches/batch_1";

/// A server, a client of it, and a folder with the input of a batch.
struct Bench {
    server: TestServer,
    client: Client,
    folder: TempDir,
}

impl Bench {
    fn new() -> Bench {
        Bench::with(json!({"max_retries": 0}))
    }

    fn with(options: Value) -> Bench {
        let server = TestServer::start(Config::default());
        let client = Client::new(&server.url(), options);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("input.jsonl"), "{\"custom_id\": 1}\n").unwrap();
        Bench {
            server,
            client,
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The batch is created in this state.
    fn creates(&self, status: &str) {
        let batch = json!({"id": "batch_1", "status": status});
        self.server
            .script(Rule::status(200).body(batch).on(BATCHES));
    }

    /// A look finds it in this one, with these members.
    fn shows(&self, status: &str, more: Value) -> Rule {
        let mut batch = json!({"id": "batch_1", "status": status});
        for (name, value) in more.as_object().unwrap() {
            batch[name] = value.clone();
        }
        Rule::status(200).body(batch).on(BATCH)
    }

    fn run(&self, json: Value, input: Option<&Path>, output: Option<&Path>) -> Answer {
        let json = c(&quick(json).to_string());
        let [input, output] =
            [input, output].map(|path| path.map(|path| c(path.to_str().unwrap())));
        let [input, output] =
            [&input, &output].map(|path| path.as_ref().map_or(ptr::null(), |path| path.as_ptr()));
        // SAFETY: all pointers live as long as the call.
        answer(|out| unsafe {
            oai_batch_run(self.client.0, json.as_ptr(), STRLEN, input, output, out)
        })
    }

    /// Runs the input of the folder to `output` there.
    fn run_all(&self) -> Answer {
        let (input, output) = (self.path("input.jsonl"), self.path("output"));
        self.run(embeddings(), Some(&input), Some(&output))
    }

    /// Begins the same with a callback; its id.
    fn begin(&self, json: &str, events: &Events) -> u64 {
        let (json, input) = (c(json), c(self.path("input.jsonl").to_str().unwrap()));
        let (callback, user_data, destructor) = events.callback();
        let mut id = 0;
        // SAFETY: all pointers live as long as the call, the events until the client's end.
        ok(|error| unsafe {
            let (json, input, output) = (json.as_ptr(), input.as_ptr(), ptr::null());
            oai_batch_run_async(
                self.client.0,
                json,
                STRLEN,
                input,
                output,
                callback,
                user_data,
                destructor,
                &mut id,
                error,
            )
        });
        assert_ne!(id, 0);
        id
    }

    /// The method and path of each request.
    fn sent(&self) -> Vec<String> {
        let log = self.server.log();
        log.iter()
            .map(|arrived| format!("{} {}", arrived.method, arrived.path))
            .collect()
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }
}

fn embeddings() -> Value {
    json!({"endpoint": "/v1/embeddings", "metadata": {"night": "7"}})
}

/// With looks that follow each other closely.
fn quick(mut json: Value) -> Value {
    json["interval_ms"] = 1.into();
    json["max_interval_ms"] = 5.into();
    json
}

/// With a second look only after the test has long ended.
const ONE_LOOK: &str =
    r#"{"endpoint": "/v1/embeddings", "interval_ms": 3600000, "max_interval_ms": 3600000}"#;

#[test]
fn a_batch_goes_from_its_input_to_its_results() {
    let bench = Bench::new();
    bench.creates("validating");
    let results = json!({"output_file_id": "file-2", "error_file_id": "file-3"});
    let rules = [
        bench.shows("in_progress", json!({})),
        bench.shows("completed", results),
    ];
    for rule in rules {
        bench.server.script(rule);
    }
    let done = bench.run_all();
    assert_eq!((done.status, &*done.message), (OAI_OK, ""));
    assert_eq!(done.json()["status"], "completed");
    let expected = [
        "POST /v1/files",
        "POST /v1/batches",
        "GET /v1/batches/batch_1",
        "GET /v1/batches/batch_1",
        "GET /v1/files/file-2/content",
        "GET /v1/files/file-3/content",
    ];
    assert_eq!(bench.sent(), expected);
    let log = bench.server.log();
    let upload = log[0].text();
    assert!(upload.contains("filename=\"input.jsonl\"") && upload.contains("{\"custom_id\": 1}"));
    assert!(upload.contains("name=\"purpose\"\r\n\r\nbatch\r\n"));
    let created = json!({"endpoint": "/v1/embeddings", "metadata": {"night": "7"},
        "completion_window": "24h", "input_file_id": "file-test"});
    assert_eq!(log[1].json(), created);
    assert_eq!(log[2].header("x-stainless-poll-helper"), Some("true"));
    // The test server's files contain their own ids.
    assert_eq!(bench.read("output").as_deref(), Some("file-2"));
    assert_eq!(bench.read("output.errors").as_deref(), Some("file-3"));
}

#[test]
fn it_goes_on_from_a_batch_or_an_uploaded_file() {
    let bench = Bench::new();
    bench
        .server
        .script(bench.shows("completed", json!({"output_file_id": "file-2"})));
    let done = bench.run(
        json!({"batch_id": "batch_1"}),
        None,
        Some(&bench.path("output")),
    );
    assert_eq!(done.status, OAI_OK);
    let looked = ["GET /v1/batches/batch_1", "GET /v1/files/file-2/content"];
    assert_eq!(bench.sent(), looked);
    assert_eq!(bench.read("output").as_deref(), Some("file-2"));
    assert_eq!(bench.read("output.errors"), None);

    bench.server.clear();
    let mut json = embeddings();
    json["input_file_id"] = "file-9".into();
    assert_eq!(bench.run(json, None, None).status, OAI_OK);
    assert_eq!(
        bench.sent(),
        ["POST /v1/batches", "GET /v1/batches/batch-test"]
    );
    assert_eq!(bench.server.log()[0].json()["input_file_id"], "file-9");
}

#[test]
fn a_batch_that_failed_is_an_outcome_and_writes_nothing() {
    let bench = Bench::new();
    bench.creates("validating");
    bench.server.script(bench.shows(
        "failed",
        json!({"output_file_id": null, "errors": {"data": [{"line": 1}]}}),
    ));
    let done = bench.run_all();
    assert_eq!(done.status, OAI_OK);
    assert_eq!(done.json()["errors"]["data"][0]["line"], 1);
    assert_eq!(bench.sent().len(), 3);
    assert_eq!(bench.read("output"), None);
}

#[test]
fn an_error_says_how_to_go_on_from_there() {
    let bench = Bench::new();
    bench.server.script(Rule::status(400).on("/v1/files"));
    let upload = bench.run_all();
    assert_eq!(upload.status, OAI_ERR_HTTP_BAD_REQUEST);
    assert!(upload.json()["error"].is_object(), "the server's own words");

    bench.server.script(Rule::status(400).on(BATCHES));
    let create = bench.run_all();
    assert_eq!(create.status, OAI_ERR_HTTP_BAD_REQUEST);
    assert_eq!(create.json(), json!({"input_file_id": "file-test"}));
    assert!(
        create.message.contains("uploaded as file-test"),
        "{}",
        create.message
    );

    bench.creates("validating");
    bench.server.script(Rule::status(404).on(BATCH));
    let look = bench.run_all();
    assert_eq!(look.status, OAI_ERR_HTTP_NOT_FOUND);
    assert_eq!(look.json(), json!({"batch_id": "batch_1"}));
    assert!(
        look.message.contains("the batch batch_1 goes on"),
        "{}",
        look.message
    );

    bench.creates("validating");
    let rule = bench.shows("completed", json!({"output_file_id": "file-2"}));
    bench.server.script(rule);
    bench
        .server
        .script(Rule::status(404).on("/v1/files/file-2/content"));
    let fetch = bench.run_all();
    assert_eq!(fetch.status, OAI_ERR_HTTP_NOT_FOUND);
    assert_eq!(fetch.json(), json!({"batch_id": "batch_1"}));
    assert_eq!(bench.read("output"), None);
}

#[test]
fn an_answer_without_an_id_is_not_taken_for_one() {
    let bench = Bench::new();
    bench
        .server
        .script(Rule::status(200).body("<html>").on("/v1/files"));
    let upload = bench.run_all();
    assert_eq!(
        (upload.status, upload.body.as_str()),
        (OAI_ERR_DECODE, "<html>")
    );
    assert!(upload.message.contains("upload"), "{}", upload.message);
    bench
        .server
        .script(Rule::status(200).body(json!({})).on(BATCHES));
    let create = bench.run_all();
    assert_eq!(create.status, OAI_ERR_DECODE);
    assert_eq!(create.json(), json!({"input_file_id": "file-test"}));
}

#[test]
fn a_deadline_ends_the_wait_for_it() {
    let bench = Bench::new();
    bench
        .server
        .script(bench.shows("in_progress", json!({})).forever());
    let late = bench.run(
        json!({"batch_id": "batch_1", "timeout_ms": 100}),
        None,
        None,
    );
    assert_eq!(late.status, OAI_ERR_DEADLINE);
    assert!(late.message.contains("in_progress"), "{}", late.message);
    assert_eq!(late.json(), json!({"batch_id": "batch_1"}));
}

#[test]
fn what_is_wrong_from_the_start_is_refused_and_sends_nothing() {
    let bench = Bench::new();
    let (input, output) = (bench.path("input.jsonl"), bench.path("output"));
    let (absent, nowhere) = (bench.path("absent"), bench.path("absent/output"));
    for (json, input, output, status, says) in [
        (
            json!({}),
            Some(&input),
            Some(&output),
            OAI_ERR_INVALID_ARGUMENT,
            "endpoint",
        ),
        (
            embeddings(),
            None,
            Some(&output),
            OAI_ERR_INVALID_ARGUMENT,
            "input",
        ),
        (
            embeddings(),
            Some(&absent),
            Some(&output),
            OAI_ERR_FILE,
            "absent",
        ),
        (
            embeddings(),
            Some(&input),
            Some(&nowhere),
            OAI_ERR_FILE,
            "directory",
        ),
    ] {
        let refused = bench.run(
            json,
            input.map(PathBuf::as_path),
            output.map(PathBuf::as_path),
        );
        assert_eq!(refused.status, status);
        assert!(refused.message.contains(says), "{}", refused.message);
    }
    assert_eq!(bench.server.log().len(), 0);
}

#[test]
fn cancelling_ends_the_call_in_each_of_its_steps() {
    let bench = Bench::new();
    for (hanging, step, resume) in [
        ("/v1/files", 1, None),
        (BATCHES, 2, Some(json!({"input_file_id": "file-test"}))),
        (BATCH, 3, Some(json!({"batch_id": "batch_1"}))),
    ] {
        bench.server.clear();
        bench.server.script(Rule::hang().on(hanging));
        bench.creates("validating");
        let events = Events::new();
        let id = bench.begin(ONE_LOOK, &events);
        assert!(bench.server.wait_arrived(step, SOON));
        // SAFETY: the client lives.
        ok(|error| unsafe { oai_cancel(bench.client.0, id, error) });
        let (chunks, done) = events.wait();
        assert_eq!((chunks.len(), done.status), (0, OAI_ERR_CANCELLED));
        match resume {
            Some(resume) => assert_eq!(done.json(), resume, "{}", done.message),
            None => assert_eq!(done.body, ""),
        }
        // The request that hung is gone too.
        assert!(bench.server.wait_in_flight(0, SOON));
        // SAFETY: as above.
        let (again, _) = outcome(|error| unsafe { oai_cancel(bench.client.0, id, error) });
        assert_ne!(again, OAI_OK);
        assert_eq!(
            bench.sent().len(),
            step,
            "nothing follows, no cancel of the batch either"
        );
    }
}

#[test]
fn closing_ends_the_call_between_two_looks() {
    let bench = Bench::new();
    bench.creates("validating");
    bench.server.script(bench.shows("in_progress", json!({})));
    let events = Events::new();
    bench.begin(ONE_LOOK, &events);
    assert!(bench.server.wait_arrived(3, SOON));
    // SAFETY: the client lives.
    ok(|error| unsafe { oai_client_close(bench.client.0, 30_000, error) });
    let (_, done) = events.wait();
    assert_eq!(done.status, OAI_ERR_CLOSED);
    assert!(
        done.message.contains("the batch batch_1 goes on"),
        "{}",
        done.message
    );
}

#[test]
fn a_full_queue_makes_a_step_come_later() {
    let bench =
        Bench::with(json!({"max_retries": 0, "max_concurrent_requests": 1, "queue_size": 0}));
    bench
        .server
        .script(Rule::pass().on("/v1/files").hold("gate"));
    let json = quick(embeddings()).to_string();
    let events = Events::new();
    bench.begin(&json, &events);
    assert!(bench.server.wait_arrived(1, SOON));
    // The client's one slot is taken, so the first step of this one has to wait for its place.
    let other = Events::new();
    bench.begin(&json, &other);
    bench.server.release("gate");
    for events in [events, other] {
        assert_eq!(events.wait().1.status, OAI_OK);
    }
}

#[test]
fn a_queue_gets_the_one_event() {
    let bench = Bench::new();
    let (json, input) = (
        c(&quick(embeddings()).to_string()),
        c(bench.path("input.jsonl").to_str().unwrap()),
    );
    let (mut queue, mut events) = (ptr::null_mut(), ptr::null_mut());
    let (mut records, mut count, mut id) = (ptr::null_mut(), 0, 0);
    // SAFETY: all pointers live as long as the calls, the records as long as their batch.
    unsafe {
        ok(|error| oai_queue_new(&mut queue, error));
        ok(|error| {
            let (json, input) = (json.as_ptr(), input.as_ptr());
            oai_batch_run_to(
                bench.client.0,
                json,
                STRLEN,
                input,
                ptr::null(),
                queue,
                7,
                &mut id,
                error,
            )
        });
        assert_eq!(oai_queue_wait(queue, 8, 30_000, &mut events), OAI_OK);
        assert_eq!(oai_batch_records(events, &mut records, &mut count), OAI_OK);
        assert_eq!(count, 1);
        let record = &*records;
        assert_eq!((record.id, record.tag, record.status), (id, 7, OAI_OK));
        oai_batch_free(events);
        oai_queue_free(queue);
    }
    assert_eq!(bench.sent().len(), 3, "no results were asked for");
}
