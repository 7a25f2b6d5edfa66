//! What a batch run tells of itself before its end, by callback and in a queue.

use std::ptr;

use oaic::ffi::batch::{oai_batch_run_async, oai_batch_run_to};
use oaic::ffi::queue::{
    oai_batch_free, oai_batch_records, oai_queue_free, oai_queue_new, oai_queue_wait,
};
use oaic::ffi::send::{OAI_EVENT_DONE, OAI_EVENT_PROGRESS, oai_cancel};
use oaic::ffi::status::{OAI_ERR_CANCELLED, OAI_OK};
use serde_json::{Value, json};
use test_server::Rule;

use crate::border::{Events, STRLEN, c, ok};
use crate::{BATCH, BATCHES, Bench, SOON, embeddings, quick};

/// The JSON of a run that tells how far it is.
fn telling() -> String {
    let mut json = quick(embeddings());
    json["progress"] = true.into();
    json.to_string()
}

fn counts(completed: u32, failed: u32) -> Value {
    json!({"request_counts": {"completed": completed, "failed": failed, "total": 9},
        "output_file_id": "zeros-3000000", "error_file_id": "file-3"})
}

/// A batch that is created, goes on and ends; what is told of it.
fn goes_on(bench: &Bench) -> [&'static str; 4] {
    bench.creates("validating");
    for rule in [
        bench.shows("validating", json!({})),
        bench.shows("in_progress", counts(0, 0)),
        bench.shows("in_progress", counts(0, 0)),
        bench.shows("finalizing", counts(7, 2)),
        bench.shows("completed", counts(7, 2)),
    ] {
        bench.server.script(rule);
    }
    [
        r#"{"way":"batch","batch_id":"batch_1","status":"validating","completed":null,"failed":null,"total":null}"#,
        r#"{"way":"batch","batch_id":"batch_1","status":"in_progress","completed":0,"failed":0,"total":9}"#,
        r#"{"way":"batch","batch_id":"batch_1","status":"finalizing","completed":7,"failed":2,"total":9}"#,
        r#"{"way":"batch","batch_id":"batch_1","status":"completed","completed":7,"failed":2,"total":9}"#,
    ]
}

/// That the reports are those of a run of `goes_on` with both of its files, in order.
fn check(bench: &Bench, reports: &[String], of_batch: &[&str]) {
    let length = bench.server.log()[0].body_length;
    let uploaded = format!(r#"{{"way":"upload","bytes":{length},"total":{length}}}"#);
    let output = r#"{"way":"download","bytes":3000000,"total":3000000,"file":"output"}"#;
    let errors = r#"{"way":"download","bytes":6,"total":6,"file":"errors"}"#;
    let mut expected = vec![uploaded.as_str()];
    expected.extend(of_batch);
    expected.extend([output, errors]);
    // How many tell of a part of a body is up to the clock.
    let complete: Vec<&str> = reports
        .iter()
        .map(String::as_str)
        .filter(|report| {
            let report: Value = serde_json::from_str(report).expect("each is JSON");
            report["way"] == "batch" || report["bytes"] == report["total"]
        })
        .collect();
    assert_eq!(complete, expected);
}

/// Begins the input of the folder with a callback; its id.
fn begin(bench: &Bench, json: &str, output: Option<&str>, events: &Events) -> u64 {
    let (json, input) = (c(json), c(bench.path("input.jsonl").to_str().unwrap()));
    let output = output.map(|name| c(bench.path(name).to_str().unwrap()));
    let (callback, user_data, destructor) = events.callback();
    let mut id = 0;
    // SAFETY: all pointers live as long as the call, the events until the client's end.
    ok(|error| unsafe {
        let (json, input) = (json.as_ptr(), input.as_ptr());
        let output = output.as_ref().map_or(ptr::null(), |path| path.as_ptr());
        let (client, id) = (bench.client.0, &mut id);
        oai_batch_run_async(
            client, json, STRLEN, input, output, callback, user_data, destructor, id, error,
        )
    });
    id
}

#[test]
fn a_callback_is_told_of_upload_batch_and_download() {
    let bench = Bench::new();
    let of_batch = goes_on(&bench);
    let events = Events::new();
    begin(&bench, &telling(), Some("output"), &events);
    let (_, done) = events.wait();
    assert_eq!((done.status, &*done.message), (OAI_OK, ""));
    check(&bench, &events.reports(), &of_batch);
}

#[test]
fn a_worker_s_callback_is_told_too() {
    let bench = Bench::with(json!({"max_retries": 0, "callback_thread": "worker"}));
    let of_batch = goes_on(&bench);
    let events = Events::new();
    begin(&bench, &telling(), Some("output"), &events);
    assert_eq!(events.wait().1.status, OAI_OK);
    check(&bench, &events.reports(), &of_batch);
}

#[test]
fn a_queue_is_told_too() {
    let bench = Bench::new();
    let of_batch = goes_on(&bench);
    let (json, input) = (c(&telling()), bench.path("input.jsonl"));
    let (input, output) = (
        c(input.to_str().unwrap()),
        c(bench.path("output").to_str().unwrap()),
    );
    let (mut queue, mut reports, mut last) = (ptr::null_mut(), Vec::new(), 0);
    // SAFETY: all pointers live as long as the calls, the records as long as their batch.
    unsafe {
        ok(|error| oai_queue_new(&mut queue, error));
        ok(|error| {
            let (json, input, output) = (json.as_ptr(), input.as_ptr(), output.as_ptr());
            let (client, id) = (bench.client.0, ptr::null_mut());
            oai_batch_run_to(client, json, STRLEN, input, output, queue, 7, id, error)
        });
        while last != OAI_EVENT_DONE {
            let (mut events, mut records, mut count) = (ptr::null_mut(), ptr::null_mut(), 0);
            assert_eq!(oai_queue_wait(queue, 1, 30_000, &mut events), OAI_OK);
            assert_eq!(oai_batch_records(events, &mut records, &mut count), OAI_OK);
            assert_eq!(count, 1);
            let record = &*records;
            assert_eq!((record.tag, record.status), (7, OAI_OK));
            last = record.kind;
            if last == OAI_EVENT_PROGRESS {
                let data = std::slice::from_raw_parts(record.data.cast::<u8>(), record.len);
                reports.push(String::from_utf8(data.to_vec()).unwrap());
            }
            oai_batch_free(events);
        }
        oai_queue_free(queue);
    }
    check(&bench, &reports, &of_batch);
}

#[test]
fn who_does_not_ask_is_not_told() {
    let bench = Bench::new();
    goes_on(&bench);
    let events = Events::new();
    begin(&bench, &quick(embeddings()).to_string(), None, &events);
    assert_eq!(events.wait().1.status, OAI_OK);
    assert_eq!(events.reports(), [""; 0]);
    assert!(!bench.server.log()[1].text().contains("progress"));
}

#[test]
fn a_run_that_goes_on_tells_of_what_is_left() {
    let bench = Bench::new();
    bench.server.script(bench.shows("completed", counts(9, 0)));
    let json = c(r#"{"batch_id": "batch_1", "progress": true}"#);
    let events = Events::new();
    let (callback, user_data, destructor) = events.callback();
    // SAFETY: all pointers live as long as the call, the events until the client's end.
    ok(|error| unsafe {
        let (json, none, id) = (json.as_ptr(), ptr::null(), ptr::null_mut());
        let client = bench.client.0;
        oai_batch_run_async(
            client, json, STRLEN, none, none, callback, user_data, destructor, id, error,
        )
    });
    assert_eq!(events.wait().1.status, OAI_OK);
    let told = r#"{"way":"batch","batch_id":"batch_1","status":"completed","completed":9,"failed":0,"total":9}"#;
    assert_eq!(events.reports(), [told]);
}

#[test]
fn a_refused_run_runs_its_destructor_and_tells_nothing() {
    let bench = Bench::new();
    let (json, input) = (c(&telling()), c(bench.path("absent").to_str().unwrap()));
    let events = Events::new();
    let (callback, user_data, destructor) = events.callback();
    // SAFETY: all pointers live as long as the call.
    let refused = unsafe {
        let (json, input, output) = (json.as_ptr(), input.as_ptr(), ptr::null());
        let (client, id, error) = (bench.client.0, ptr::null_mut(), ptr::null_mut());
        oai_batch_run_async(
            client, json, STRLEN, input, output, callback, user_data, destructor, id, error,
        )
    };
    assert_ne!(refused, OAI_OK);
    assert_eq!(events.destroyed(), 1);
    assert_eq!(events.reports(), [""; 0]);
}

#[test]
fn nothing_is_told_once_a_cancel_has_returned() {
    let bench = Bench::new();
    bench.server.script(Rule::pass().on(BATCHES).hold("gate"));
    bench.server.script(Rule::hang().on(BATCH));
    let events = Events::new();
    let id = begin(&bench, &telling(), None, &events);
    assert!(bench.server.wait_arrived(2, SOON));
    // SAFETY: the client lives.
    ok(|error| unsafe { oai_cancel(bench.client.0, id, error) });
    let told = events.reports();
    bench.server.release("gate");
    assert_eq!(events.wait().1.status, OAI_ERR_CANCELLED);
    assert_eq!(events.reports(), told);
    let ways = told
        .iter()
        .filter(|report| report.contains(r#""way":"batch""#));
    assert_eq!(ways.count(), 0);
}
