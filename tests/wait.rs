//! Waiting for an object through the exported functions: its end, the pace, the deadline, and each way to stop it.

mod border;

use std::ffi::{c_char, c_void};
use std::ptr;
use std::sync::Mutex;
use std::time::Duration;

use border::{Answer, Client, Events, Request, STRLEN, answer, c, ok, outcome};
use oaic::ffi::client::{oai_client, oai_client_close};
use oaic::ffi::files::oai_request_set_output_fd;
use oaic::ffi::queue::{
    oai_batch_free, oai_batch_records, oai_queue_free, oai_queue_new, oai_queue_wait,
};
use oaic::ffi::response::{oai_response, oai_response_id};
use oaic::ffi::send::oai_cancel;
use oaic::ffi::set::oai_set_max_concurrent_requests;
use oaic::ffi::short::oai_models_async;
use oaic::ffi::status::{
    OAI_ERR_CANCELLED, OAI_ERR_CLOSED, OAI_ERR_DEADLINE, OAI_ERR_DECODE, OAI_ERR_HTTP_NOT_FOUND,
    OAI_ERR_HTTP_SERVER, OAI_ERR_INVALID_ARGUMENT, OAI_ERR_STATE, OAI_ERR_UNKNOWN_ID, OAI_OK,
    oai_status,
};
use oaic::ffi::wait::{oai_wait_until, oai_wait_until_async, oai_wait_until_to};
use serde_json::{Value, json};
use test_server::{Config, Rule, TestServer};

const SOON: Duration = Duration::from_secs(30);

/// Options with which a second look comes only after the test has long ended.
const NEVER_AGAIN: &str = r#"{"interval_ms": 3600000, "max_interval_ms": 3600000}"#;

/// Options with which looks follow each other closely.
const QUICKLY: &str = r#"{"interval_ms": 1, "max_interval_ms": 5}"#;

fn object(status: &str) -> Rule {
    Rule::status(200).body(json!({"id": "batch_1", "status": status}))
}

fn start(more: Value) -> (TestServer, Client) {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), more);
    (server, client)
}

fn batch() -> Request {
    Request::new("GET", "/batches/batch_1", &[])
}

/// Waits with `options`; empty for none.
fn wait(client: &Client, options: &str) -> Answer {
    let request = batch();
    // SAFETY: all pointers live as long as the call.
    answer(|out| unsafe {
        let (data, len) = (options.as_ptr().cast(), options.len());
        oai_wait_until(client.0, request.0, data, len, out)
    })
}

/// Begins a wait and gives its id.
fn begin(client: &Client, options: &str, events: &Events) -> u64 {
    let (request, options) = (batch(), c(options));
    let (callback, user_data, destructor) = events.callback();
    let mut id = 0;
    // SAFETY: all pointers live as long as the call, the events until the client's end.
    ok(|error| unsafe {
        let end = (callback, user_data, destructor);
        let options = options.as_ptr();
        oai_wait_until_async(
            client.0, request.0, options, STRLEN, end.0, end.1, end.2, &mut id, error,
        )
    });
    assert_ne!(id, 0);
    id
}

#[test]
fn an_object_is_looked_at_until_it_is_done() {
    let (server, client) = start(json!({}));
    server.script(
        object("validating")
            .times(2)
            .header("openai-poll-after-ms", "1"),
    );
    server.script(object("completed"));
    let done = wait(&client, "");
    assert_eq!(
        (done.status, done.json()["status"].as_str()),
        (OAI_OK, Some("completed"))
    );
    let log = server.log();
    assert_eq!(
        log.len(),
        3,
        "the server's own pace of 1 ms, not one of seconds"
    );
    for arrived in log {
        assert_eq!(arrived.method, "GET");
        assert_eq!(arrived.path, "/v1/batches/batch_1");
        assert_eq!(arrived.header("x-stainless-poll-helper"), Some("true"));
    }
}

#[test]
fn an_object_that_failed_is_an_outcome_and_not_an_error() {
    let (server, client) = start(json!({}));
    server.script(object("failed"));
    let done = wait(&client, "");
    assert_eq!(
        (done.status, done.json()["status"].as_str()),
        (OAI_OK, Some("failed"))
    );
    assert_eq!(server.log().len(), 1);
}

#[test]
fn the_options_say_what_ends_it() {
    let (server, client) = start(json!({}));
    server.script(Rule::status(200).body(json!({"status": "completed", "phase": 1})));
    server.script(Rule::status(200).body(json!({"status": "completed", "phase": 2})));
    let options = r#"{"field": "phase", "statuses": ["2"], "interval_ms": 1}"#;
    assert_eq!(wait(&client, options).json()["phase"], 2);
}

#[test]
fn a_deadline_ends_it_with_the_object_as_last_seen() {
    let (server, client) = start(json!({}));
    server.script(
        object("in_progress")
            .forever()
            .header("openai-poll-after-ms", "0"),
    );
    let options = r#"{"timeout_ms": 100, "interval_ms": 1, "max_interval_ms": 5}"#;
    let late = wait(&client, options);
    assert_eq!(late.status, OAI_ERR_DEADLINE);
    assert_eq!(late.json()["status"], "in_progress");
    let looks = format!("\"in_progress\" after {} looks", server.log().len());
    assert!(late.message.contains(&looks), "{}", late.message);
    assert!(late.message.contains("(100)"), "{}", late.message);
    assert!(server.log().len() > 2);
}

#[test]
fn a_deadline_cuts_a_look_short() {
    let (server, client) = start(json!({}));
    server.script(object("queued"));
    server.script(Rule::hang());
    let late = wait(&client, r#"{"timeout_ms": 200, "interval_ms": 1}"#);
    assert_eq!(late.status, OAI_ERR_DEADLINE);
    assert_eq!(late.json()["status"], "queued");
    assert!(server.wait_until(SOON, |server| server.log()[1].client_gone));
}

#[test]
fn looks_are_retried_and_what_retries_cannot_help_ends_it() {
    let (server, client) = start(json!({"max_retries": 1}));
    server.script(object("queued"));
    server.script(Rule::status(500));
    server.script(object("queued"));
    server.script(Rule::status(500).times(2));
    assert_eq!(wait(&client, QUICKLY).status, OAI_ERR_HTTP_SERVER);
    assert_eq!(server.log().len(), 5);
    assert_eq!(wait(&client, QUICKLY).status, OAI_ERR_HTTP_NOT_FOUND);
    server.script(Rule::status(200).body("<html>"));
    let html = wait(&client, QUICKLY);
    assert_eq!(
        (html.status, html.body.as_str()),
        (OAI_ERR_DECODE, "<html>")
    );
}

#[test]
fn cancelling_ends_it_between_looks_and_in_one() {
    let (server, client) = start(json!({}));
    for rule in [object("queued"), Rule::hang()] {
        server.clear();
        let hangs = rule == Rule::hang();
        server.script(rule);
        let events = Events::new();
        let id = begin(&client, NEVER_AGAIN, &events);
        assert!(server.wait_arrived(1, SOON));
        assert!(server.wait_in_flight(usize::from(hangs), SOON));
        // SAFETY: the client lives.
        ok(|error| unsafe { oai_cancel(client.0, id, error) });
        let (chunks, done) = events.wait();
        assert_eq!((chunks.len(), done.status), (0, OAI_ERR_CANCELLED));
        // SAFETY: as above.
        let (again, _) = outcome(|error| unsafe { oai_cancel(client.0, id, error) });
        assert_eq!(again, OAI_ERR_UNKNOWN_ID);
        assert!(server.wait_until(SOON, |server| server.log()[0].client_gone == hangs));
        assert_eq!(events.destroyed(), 1);
    }
}

#[test]
fn closing_ends_it_and_waits_for_its_event() {
    let (server, client) = start(json!({}));
    server.script(object("queued").forever());
    let events = Events::new();
    begin(&client, NEVER_AGAIN, &events);
    assert!(server.wait_arrived(1, SOON));
    // SAFETY: the client lives.
    ok(|error| unsafe { oai_client_close(client.0, 30_000, error) });
    assert_eq!(events.wait().1.status, OAI_ERR_CLOSED);
    assert_eq!(wait(&client, "").status, OAI_ERR_CLOSED);
}

#[test]
fn freeing_wakes_those_who_wait() {
    let (server, client) = start(json!({}));
    server.script(object("queued").forever());
    let events = Events::new();
    begin(&client, NEVER_AGAIN, &events);
    drop(client);
    assert_eq!(events.destroyed(), 1, "no callback can follow");
    assert_eq!(events.wait().1.status, OAI_ERR_CANCELLED);

    let client = Client::new(&server.url(), json!({}));
    let handle = Handle(client.0);
    server.clear();
    server.script(object("queued").forever());
    let blocked = std::thread::spawn(move || {
        let (request, handle, options) = (batch(), handle, c(NEVER_AGAIN));
        // SAFETY: the client is freed by the other thread once this has begun its call, which is allowed.
        answer(|out| unsafe {
            oai_wait_until(handle.get(), request.0, options.as_ptr(), STRLEN, out)
        })
    });
    assert!(server.wait_arrived(1, SOON));
    drop(client);
    let blocked = blocked.join().expect("no panic");
    assert_eq!(blocked.status, OAI_ERR_CANCELLED);
}

/// A client's handle for another thread.
struct Handle(*mut oai_client);

// SAFETY: any thread may use a client at any time.
unsafe impl Send for Handle {}

impl Handle {
    fn get(&self) -> *mut oai_client {
        self.0
    }
}

#[test]
fn a_queue_gets_the_one_event() {
    let (server, client) = start(json!({}));
    server.script(object("queued"));
    server.script(object("completed"));
    let (request, options) = (batch(), c(QUICKLY));
    let (mut queue, mut events) = (ptr::null_mut(), ptr::null_mut());
    let (mut records, mut count, mut id) = (ptr::null_mut(), 0, 0);
    // SAFETY: all pointers live as long as the calls, the records as long as their batch.
    unsafe {
        ok(|error| oai_queue_new(&mut queue, error));
        ok(|error| {
            let options = options.as_ptr();
            oai_wait_until_to(
                client.0, request.0, options, STRLEN, queue, 7, &mut id, error,
            )
        });
        assert_eq!(oai_queue_wait(queue, 8, 30_000, &mut events), OAI_OK);
        assert_eq!(oai_batch_records(events, &mut records, &mut count), OAI_OK);
        assert_eq!(count, 1);
        let record = &*records;
        assert_eq!((record.id, record.tag, record.status), (id, 7, OAI_OK));
        assert_eq!(oai_response_id(record.response), id);
        oai_batch_free(events);
        oai_queue_free(queue);
    }
    assert_eq!(server.log().len(), 2);
}

/// Takes a slot of the client until it is cancelled: its id.
fn occupy(client: &Client, events: &Events) -> u64 {
    let (callback, user_data, destructor) = events.callback();
    let mut id = 0;
    // SAFETY: all pointers live as long as the call, the events until the client's end.
    ok(|error| unsafe {
        oai_models_async(client.0, callback, user_data, destructor, &mut id, error)
    });
    id
}

/// The settings of `queue_full`; a look blocks with neither.
const QUEUE_FULL: [&str; 2] = ["reject", "wait"];

#[test]
fn a_full_queue_only_delays_the_next_look() {
    for queue_full in QUEUE_FULL {
        let (server, client) = start(json!({"queue_size": 0, "max_concurrent_requests": 2,
            "queue_full": queue_full}));
        server.script(Rule::hang().on("/v1/models"));
        server.script(object("queued").hold("gate"));
        server.script(object("completed"));
        let (other, events) = (Events::new(), Events::new());
        let occupying = occupy(&client, &other);
        begin(&client, QUICKLY, &events);
        assert!(server.wait_arrived(2, SOON));
        // SAFETY: the client lives.
        let set = unsafe { oai_set_max_concurrent_requests(client.0, 1) };
        assert_eq!(set, OAI_OK);
        server.release("gate");
        // Long enough for several looks, each of which finds no room.
        assert!(!server.wait_arrived(3, Duration::from_millis(60)));
        assert_eq!(events.destroyed(), 0, "the wait goes on");
        // SAFETY: the client lives.
        ok(|error| unsafe { oai_cancel(client.0, occupying, error) });
        assert_eq!(events.wait().1.json()["status"], "completed");
        assert_eq!(other.wait().1.status, OAI_ERR_CANCELLED);
    }
}

#[test]
fn a_wait_begins_with_a_full_queue_and_neither_blocks_nor_is_refused() {
    for queue_full in QUEUE_FULL {
        let (server, client) = start(json!({"queue_size": 0, "max_concurrent_requests": 1,
            "queue_full": queue_full}));
        server.script(Rule::hang().on("/v1/models"));
        let (other, cancelled, events) = (Events::new(), Events::new(), Events::new());
        let occupying = occupy(&client, &other);
        assert!(server.wait_arrived(1, SOON));
        let options = r#"{"timeout_ms": 50, "interval_ms": 1, "max_interval_ms": 5}"#;
        let late = wait(&client, options);
        assert_eq!(late.status, OAI_ERR_DEADLINE);
        assert!(late.message.contains("no look"), "{}", late.message);
        // That it comes back at all is what is tested: the slot is free only afterwards.
        let id = begin(&client, QUICKLY, &cancelled);
        // SAFETY: the client lives.
        ok(|error| unsafe { oai_cancel(client.0, id, error) });
        assert_eq!(cancelled.wait().1.status, OAI_ERR_CANCELLED);
        begin(&client, QUICKLY, &events);
        assert_eq!(server.log().len(), 1);
        server.script(object("completed"));
        // SAFETY: the client lives.
        ok(|error| unsafe { oai_cancel(client.0, occupying, error) });
        assert_eq!(events.wait().1.json()["status"], "completed");
        assert_eq!(other.wait().1.status, OAI_ERR_CANCELLED);
    }
}

#[test]
fn wrong_arguments_are_refused_and_the_destructor_runs() {
    let (server, client) = start(json!({}));
    let (get, post) = (
        batch(),
        Request::new("POST", "/batches/batch_1/cancel", &[]),
    );
    let elsewhere = batch();
    // SAFETY: a live handle.
    let set = unsafe { oai_request_set_output_fd(elsewhere.0, 2) };
    assert_eq!(set, OAI_OK);
    for (request, options, says) in [
        (elsewhere.0, c"{}", "output"),
        (ptr::null_mut(), c"{}", "request must not be NULL"),
        (post.0, c"{}", "GET"),
        (get.0, c"{", "options of a wait"),
        (get.0, c"{\"intervall_ms\": 1}", "intervall_ms"),
        (get.0, c"{\"statuses\": []}", "no statuses"),
    ] {
        // SAFETY: all pointers are NULL or live as long as the call.
        let refused = answer(|out| unsafe {
            oai_wait_until(client.0, request, options.as_ptr(), STRLEN, out)
        });
        assert_eq!(refused.status, OAI_ERR_INVALID_ARGUMENT, "{says}");
        assert!(refused.message.contains(says), "{}", refused.message);
        let events = Events::new();
        let (callback, user_data, destructor) = events.callback();
        let mut id = 7;
        // SAFETY: as above; the destructor runs inside the call.
        let (status, message) = outcome(|error| unsafe {
            let end = (callback, user_data, destructor);
            let options = options.as_ptr();
            oai_wait_until_async(
                client.0, request, options, STRLEN, end.0, end.1, end.2, &mut id, error,
            )
        });
        assert_eq!((status, id), (OAI_ERR_INVALID_ARGUMENT, 0), "{says}");
        assert!(message.contains(says), "{message}");
        assert_eq!(events.destroyed(), 1);
    }
    assert!(server.log().is_empty());
}

#[test]
fn a_callback_may_not_block() {
    /// What the blocking call came to, when it was made from the callback.
    static CAME_TO: Mutex<Option<oai_status>> = Mutex::new(None);

    unsafe extern "C" fn block(
        client: *mut c_void,
        _id: u64,
        _kind: i32,
        _data: *const c_char,
        _len: usize,
        response: *mut oai_response,
    ) {
        // SAFETY: the user data is the client, which lives; the response is the callee's.
        unsafe {
            drop(Answer::take(response));
            let request = batch();
            let nested =
                answer(|out| oai_wait_until(client.cast(), request.0, ptr::null(), 0, out));
            *CAME_TO.lock().unwrap() = Some(nested.status);
        }
    }

    let (_server, client) = start(json!({}));
    // SAFETY: the client outlives its callbacks: its end waits for them.
    ok(|error| unsafe {
        let user_data = client.0.cast();
        oai_models_async(
            client.0,
            Some(block),
            user_data,
            None,
            ptr::null_mut(),
            error,
        )
    });
    // SAFETY: the client lives.
    ok(|error| unsafe { oai_client_close(client.0, 30_000, error) });
    drop(client);
    assert_eq!(*CAME_TO.lock().unwrap(), Some(OAI_ERR_STATE));
}
