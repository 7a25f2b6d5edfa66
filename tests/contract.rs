//! Every operation against a mock server that refuses what the official description does not allow.
//!
//! `make test-contract` runs it beside Steady, and `make test-contract-prism` beside Prism, with a valid request for each
//! operation that tests/tools/contract.py made. What the server cannot give as the API does stands with its reason in
//! tests/contract/SERVER/exceptions.json, and nothing else may.

mod border;

use std::ffi::CStr;
use std::ptr;

use border::{Answer, Client, Events, Request, c, ok, text};
use oaic::ffi::files::{oai_request_add_field, oai_request_add_file};
use oaic::ffi::request::oai_request_set_json;
use oaic::ffi::response::{oai_response_header, oai_response_http_status};
use oaic::ffi::send::{oai_send, oai_submit};
use oaic::ffi::status::{
    OAI_ERR_HTTP_AUTHENTICATION, OAI_ERR_HTTP_BAD_REQUEST, OAI_ERR_HTTP_NOT_FOUND,
    OAI_ERR_HTTP_UNPROCESSABLE, OAI_ERR_INCOMPLETE, OAI_OK, oai_status,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A mock server, in what it does of its own.
struct Server {
    exceptions: &'static str,
    /// What it says of a request that the description does not allow.
    refusal: oai_status,
    /// The header by which it says that a request is as described; `None`: it refuses all that is not.
    verdict: Option<&'static CStr>,
    /// Whether it asks for a key.
    wants_key: bool,
}

impl Server {
    fn of(name: &str) -> Server {
        match name {
            "steady" => Server {
                exceptions: include_str!("contract/steady/exceptions.json"),
                refusal: OAI_ERR_HTTP_BAD_REQUEST,
                verdict: Some(c"x-steady-request-valid"),
                wants_key: false,
            },
            "prism" => Server {
                exceptions: include_str!("contract/prism/exceptions.json"),
                refusal: OAI_ERR_HTTP_UNPROCESSABLE,
                verdict: None,
                wants_key: true,
            },
            _ => panic!("no mock server is called {name}"),
        }
    }
}

/// A request to send.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sample {
    operation_id: String,
    method: String,
    path: String,
    query: Vec<(String, String)>,
    json: Value,
    /// The fields of the form that are files.
    files: Vec<String>,
    multipart: bool,
    /// How the answer is to come: `json`, `binary`, `none` or `sse`.
    answer: String,
}

/// What the server gives instead of an answer of the API's.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Exception {
    operation_id: String,
    answer: String,
    instead: String,
    reason: String,
}

impl Sample {
    fn request(&self) -> Request {
        let query: Vec<(&str, &str)> = self.query.iter().map(|(n, v)| (&**n, &**v)).collect();
        let request = Request::new(&self.method, &self.path, &query);
        let mut body = self.json.clone();
        if self.multipart {
            self.add_fields(&request, body.as_object_mut().expect("an object"));
        }
        if body != Value::Null {
            let json = c(&body.to_string());
            let len = json.as_bytes().len();
            // SAFETY: all pointers live as long as the call.
            let set = unsafe { oai_request_set_json(request.0, json.as_ptr(), len) };
            assert_eq!(set, OAI_OK);
        }
        request
    }

    /// Adds the texts among the members as fields, and the files. What is left of the members goes as JSON, which the
    /// library makes fields of.
    fn add_fields(&self, request: &Request, members: &mut Map<String, Value>) {
        members.retain(|name, value| {
            let Some(value) = value.as_str() else {
                return true;
            };
            let (name, data) = (c(name), value.as_ptr().cast());
            // SAFETY: all pointers live as long as the call.
            let added =
                unsafe { oai_request_add_field(request.0, name.as_ptr(), data, value.len()) };
            assert_eq!(added, OAI_OK);
            false
        });
        for name in &self.files {
            let (name, filename, kind) = (c(name), c"a.bin".as_ptr(), ptr::null());
            let (data, len) = (b"\x00\xff".as_ptr().cast(), 2);
            // SAFETY: as above.
            let added = unsafe {
                oai_request_add_file(request.0, name.as_ptr(), filename, kind, data, len)
            };
            assert_eq!(added, OAI_OK);
        }
    }
}

/// An answer with what its head says.
struct Sent {
    http_status: i32,
    content_type: String,
    verdict: Option<String>,
    answer: Answer,
}

fn send(server: &Server, client: &Client, request: &Request) -> Sent {
    let mut response = ptr::null_mut();
    // SAFETY: all pointers live as long as the calls, and the response is ours until it is taken.
    unsafe {
        let status = oai_send(client.0, request.0, &mut response);
        let sent = Sent {
            http_status: oai_response_http_status(response),
            content_type: text(oai_response_header(response, c"content-type".as_ptr())),
            verdict: server
                .verdict
                .map(|name| text(oai_response_header(response, name.as_ptr()))),
            answer: Answer::take(response),
        };
        assert_eq!(sent.answer.status, status);
        sent
    }
}

/// How many events a stream has, and its end.
fn stream(client: &Client, request: &Request) -> (usize, Answer) {
    let events = Events::new();
    let (callback, user_data, destructor) = events.callback();
    let (client, mut id) = (client.0, 0);
    // SAFETY: all pointers live as long as the call, the events until the destructor has run.
    ok(|error| unsafe {
        oai_submit(
            client, request.0, callback, user_data, destructor, &mut id, error,
        )
    });
    let (chunks, end) = events.wait();
    for chunk in &chunks {
        serde_json::from_str::<Value>(chunk).expect("each event is JSON");
    }
    (chunks.len(), end)
}

/// What came, in the words of the table, or the HTTP status of an error.
fn came(server: &Server, client: &Client, sample: &Sample) -> String {
    let name = &sample.operation_id;
    let request = sample.request();
    let sent = send(server, client, &request);
    let Answer {
        status,
        body,
        bytes,
        message,
        ..
    } = &sent.answer;
    if sent.http_status / 100 != 2 {
        // Where the list does not expect it, this says more.
        println!("{name}: {message} {body}");
        return sent.http_status.to_string();
    }
    assert!(
        sent.verdict.is_none_or(|verdict| verdict == "true"),
        "{name}"
    );
    let is_json = sent.content_type.starts_with("application/json");
    if sent.content_type.starts_with("text/event-stream") {
        let (events, end) = stream(client, &request);
        assert!(events > 1, "{name}: {}", end.message);
        assert_eq!(end.status, *status, "{name}: both ways end alike");
        sent.answer.json();
        return match *status {
            OAI_OK => "sse".to_owned(),
            OAI_ERR_INCOMPLETE => "incomplete".to_owned(),
            _ => panic!("{name}: {message}"),
        };
    }
    assert_eq!((*status, message.as_str()), (OAI_OK, ""), "{name}");
    let came = match bytes.as_slice() {
        [] => "none",
        _ if is_json => {
            sent.answer.json();
            "json"
        }
        _ => "binary",
    };
    came.to_owned()
}

/// Requests that are not allowed, without which the acceptance of the others would say nothing.
fn check_that_it_refuses(server: &Server, client: &Client) {
    let embed = Request::new("POST", "/embeddings", &[]);
    let json = c(r#"{"model":"m"}"#);
    let upload = Request::new("POST", "/files", &[]);
    // SAFETY: all pointers live as long as the calls.
    unsafe {
        let set = oai_request_set_json(embed.0, json.as_ptr(), json.as_bytes().len());
        assert_eq!(set, OAI_OK);
        let (name, value) = (c"purpose".as_ptr(), c"batch".as_ptr());
        assert_eq!(oai_request_add_field(upload.0, name, value, 5), OAI_OK);
    }
    let list = Request::new("GET", "/organization/costs", &[("start_time", "yesterday")]);
    for request in [embed, upload, list] {
        let sent = send(server, client, &request);
        assert_eq!(sent.answer.status, server.refusal, "{}", sent.answer.body);
    }
    let unknown = send(server, client, &Request::new("GET", "/unknown", &[]));
    assert_eq!(unknown.answer.status, OAI_ERR_HTTP_NOT_FOUND);
}

/// Requests without a key, without which the acceptance of the others would not say that theirs were seen.
fn check_that_it_wants_keys(server: &Server, url: &str) {
    let keyless = json!({"api_key": null, "admin_api_key": null, "max_retries": 0});
    let client = Client::new(url, keyless);
    for path in ["/models", "/organization/projects", "/chat/completions"] {
        let sent = send(server, &client, &Request::new("GET", path, &[]));
        assert_eq!(sent.answer.status, OAI_ERR_HTTP_AUTHENTICATION, "{path}");
    }
}

#[test]
#[ignore = "needs a mock server of the official description: make test-contract"]
fn every_operation_is_accepted_and_its_answer_read() {
    let variable = |name: &str| std::env::var(name).expect("make test-contract sets it");
    let samples = std::fs::read(variable("OAIC_CONTRACT_REQUESTS")).expect("the requests");
    let samples: Vec<Sample> = serde_json::from_slice(&samples).expect("requests");
    let url = variable("OAIC_CONTRACT_URL");
    let server = Server::of(&variable("OAIC_CONTRACT_SERVER"));
    let client = Client::new(&url, json!({"admin_api_key": "sk-admin", "max_retries": 0}));
    check_that_it_refuses(&server, &client);
    if server.wants_key {
        check_that_it_wants_keys(&server, &url);
    }
    let mut operations: Vec<&str> = samples.iter().map(|s| &*s.operation_id).collect();
    operations.dedup();
    assert_eq!(operations.len(), 288);
    let expected: Vec<Exception> = serde_json::from_str(server.exceptions).expect("exceptions");
    let mut found: Vec<Exception> = Vec::new();
    for sample in &samples {
        let instead = came(&server, &client, sample);
        if instead == sample.answer {
            continue;
        }
        // Both requests of an operation are answered alike.
        if let Some(last) = found.last() {
            if last.operation_id == sample.operation_id && last.answer == sample.answer {
                assert_eq!(last.instead, instead, "{}", sample.operation_id);
                continue;
            }
        }
        let known = expected.iter().find(|exception| {
            exception.operation_id == sample.operation_id && exception.answer == sample.answer
        });
        found.push(Exception {
            operation_id: sample.operation_id.clone(),
            answer: sample.answer.clone(),
            instead,
            reason: known.map_or_else(String::new, |exception| exception.reason.clone()),
        });
    }
    assert!(
        expected
            .iter()
            .all(|exception| !exception.reason.is_empty())
    );
    assert_eq!(
        found, expected,
        "what the server cannot give, and what the list says of it"
    );
}
