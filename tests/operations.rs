//! Every operation of the official description, row by row of tests/data/operations.json, through the exported functions.
//!
//! Each row is sent in every way that it says a body may go and an answer may come. The server's log tells what went
//! out, the response what came back.

mod border;

use std::ptr;

use border::{Answer, Client, Events, Request, answer, c, ok};
use oaic::ffi::files::{oai_request_add_field, oai_request_add_file};
use oaic::ffi::pages::oai_request_next_page;
use oaic::ffi::request::{oai_request_set_json, oai_request_set_query};
use oaic::ffi::response::{oai_response, oai_response_free};
use oaic::ffi::send::{oai_send, oai_submit};
use oaic::ffi::status::OAI_OK;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use test_server::{Arrived, Config, Rule, TestServer};

/// A row of the table. tests/tools/operations.py says what its columns mean.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Row {
    operation_id: String,
    method: String,
    path: String,
    body: Vec<Body>,
    answer: Vec<Way>,
    stream: Option<Map<String, Value>>,
    pages: Option<String>,
    cursor: Option<String>,
    key: Key,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Body {
    Json,
    Multipart,
    /// A session description as it is. The one operation that takes it takes a form too, which is what is sent here.
    Sdp,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Way {
    Json,
    Binary,
    None,
    Sse,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Key {
    Api,
    Admin,
}

fn rows() -> Vec<Row> {
    serde_json::from_str(include_str!("data/operations.json")).expect("the table's form")
}

/// Bytes that are no text.
const FILE: &[u8] = b"\x00\xff\r\n--\x00";

struct Bench {
    server: TestServer,
    client: Client,
}

impl Bench {
    fn new() -> Bench {
        let server = TestServer::start(Config::default());
        let keys =
            json!({"api_key": "the-key", "admin_api_key": "the-admin-key", "max_retries": 0});
        let client = Client::new(&server.url(), keys);
        Bench { server, client }
    }

    /// Has `rule` answer the row's request, and nothing else.
    fn script(&self, row: &Row, rule: Rule) {
        let path = format!("/v1{}", row.filled().0);
        self.server.script(rule.on(&path));
    }

    fn send(&self, request: &Request) -> Answer {
        // SAFETY: the handles and the place for the response live as long as the call.
        answer(|response| unsafe { oai_send(self.client.0, request.0, response) })
    }

    /// The events of a stream, and its end.
    fn stream(&self, request: &Request) -> (Vec<String>, Answer) {
        let events = Events::new();
        let (callback, user_data, destructor) = events.callback();
        let (client, mut id) = (self.client.0, 0);
        // SAFETY: all pointers live as long as the call, the events until the destructor has run.
        ok(|error| unsafe {
            oai_submit(
                client, request.0, callback, user_data, destructor, &mut id, error,
            )
        });
        events.wait()
    }

    /// The one request that has arrived since the last look, and that all of its rules were used.
    fn arrived(&self) -> Arrived {
        let mut log = self.server.log();
        assert_eq!((log.len(), self.server.rules_left()), (1, 0), "{log:?}");
        self.server.clear();
        log.remove(0)
    }
}

impl Row {
    /// The path with its parameters filled in, and its query.
    fn filled(&self) -> (String, Vec<(&str, &str)>) {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        // What ids of fine-tuned models look like, in a path.
        let filled = path.split('/').map(|part| match part.strip_prefix('{') {
            Some(name) => format!("ft:{}.1~a-b", name.trim_end_matches('}')),
            None => part.to_owned(),
        });
        let path = filled.collect::<Vec<_>>().join("/");
        (
            path,
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .collect(),
        )
    }

    /// How the row is to be sent: each way of its body, and without one if it has none.
    fn bodies(&self) -> Vec<Option<Body>> {
        let known = self.body.iter().filter(|body| **body != Body::Sdp);
        let bodies: Vec<_> = known.copied().map(Some).collect();
        if self.body.is_empty() {
            vec![None]
        } else {
            bodies
        }
    }

    /// The members of the JSON body; in a form they are fields.
    fn members(&self, way: Way) -> Map<String, Value> {
        let mut members = Map::new();
        members.insert("model".into(), "m".into());
        members.insert("operation".into(), self.operation_id.clone().into());
        if let (Way::Sse, Some(stream)) = (way, &self.stream) {
            members.extend(stream.clone());
        }
        members
    }

    fn request(&self, body: Option<Body>, way: Way) -> Request {
        let (path, query) = self.filled();
        let request = Request::new(&self.method, &path, &query);
        let json = c(&Value::Object(self.members(way)).to_string());
        let set = match body {
            None if way == Way::Sse => {
                for (name, value) in self.stream.iter().flatten() {
                    let (name, value) = (c(name), c(&value.to_string()));
                    // SAFETY: all pointers live as long as the call.
                    let set =
                        unsafe { oai_request_set_query(request.0, name.as_ptr(), value.as_ptr()) };
                    assert_eq!(set, OAI_OK);
                }
                OAI_OK
            }
            None => OAI_OK,
            // SAFETY: as above.
            Some(_) => unsafe {
                oai_request_set_json(request.0, json.as_ptr(), json.as_bytes().len())
            },
        };
        assert_eq!(set, OAI_OK);
        if body == Some(Body::Multipart) {
            let (field, file, name) = (c"purpose", c"file", c"a.bin");
            // SAFETY: as above.
            unsafe {
                let added = oai_request_add_field(request.0, field.as_ptr(), c"x".as_ptr(), 1);
                assert_eq!(added, OAI_OK);
                let (data, len) = (FILE.as_ptr().cast(), FILE.len());
                let added = oai_request_add_file(
                    request.0,
                    file.as_ptr(),
                    name.as_ptr(),
                    ptr::null(),
                    data,
                    len,
                );
                assert_eq!(added, OAI_OK);
            }
        }
        request
    }

    /// That what arrived is what the row says.
    fn check(&self, arrived: &Arrived, body: Option<Body>, way: Way) {
        let (path, mut query) = self.filled();
        let asked = body.is_none() && way == Way::Sse;
        query.extend(asked.then_some(("stream", "true")));
        let pairs: Vec<String> = query.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let query = if pairs.is_empty() {
            String::new()
        } else {
            format!("?{}", pairs.join("&"))
        };
        assert_eq!(arrived.method, self.method);
        assert_eq!(arrived.path, format!("/v1{path}{query}"));
        let key = match self.key {
            Key::Api => "Bearer the-key",
            Key::Admin => "Bearer the-admin-key",
        };
        assert_eq!(arrived.header("authorization"), Some(key));
        let accepts = match way {
            Way::Sse => "text/event-stream",
            _ => "application/json, */*;q=0.5",
        };
        assert_eq!(arrived.header("accept"), Some(accepts));
        let content_type = arrived.header("content-type");
        match body {
            None => assert_eq!((content_type, arrived.body_length), (None, 0)),
            Some(Body::Json) => {
                assert_eq!(content_type, Some("application/json"));
                assert_eq!(arrived.json(), Value::Object(self.members(way)));
            }
            Some(_) => {
                let boundary = content_type
                    .and_then(|value| value.strip_prefix("multipart/form-data; boundary="))
                    .expect("a form with its boundary");
                let mut expected: Vec<(String, Vec<u8>)> = self
                    .members(way)
                    .into_iter()
                    .map(|(name, value)| (name, text_of(&value).into_bytes()))
                    .collect();
                expected.push(("purpose".into(), b"x".to_vec()));
                expected.push(("file".into(), FILE.to_vec()));
                let mut fields = fields(&arrived.body, boundary);
                fields.sort();
                expected.sort();
                assert_eq!(fields, expected);
            }
        }
    }

    /// The data of the events that the row's stream is made of, and what they fold to.
    fn events(&self) -> (Vec<Value>, Value) {
        let path = self.filled().0;
        let id = self.operation_id.as_str();
        let choice = |content: Value| json!({"id": id, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": content}]});
        let text = |text: &str| json!({"id": id, "object": "text_completion", "choices": [{"index": 0, "text": text}]});
        if path == "/chat/completions" {
            let events = vec![
                choice(json!({"role": "assistant", "content": "o"})),
                choice(json!({"content": "k"})),
            ];
            return (events, "ok".into());
        }
        if path == "/completions" {
            return (vec![text("o"), text("k")], "ok".into());
        }
        if path.starts_with("/responses") {
            let whole = json!({"id": id, "object": "response", "output": []});
            let events = ["response.created", "response.completed"]
                .map(|kind| json!({"type": kind, "response": whole}));
            return (events.into(), whole);
        }
        let events = vec![
            json!({"type": "piece", "of": id}),
            json!({"type": "last", "of": id}),
        ];
        (events.clone(), events.into())
    }

    /// Where in a folded answer stands what [`Row::events`] says they fold to.
    fn folded<'a>(&self, answer: &'a Value) -> &'a Value {
        let place = match self.filled().0.as_str() {
            "/chat/completions" => "/choices/0/message/content",
            "/completions" => "/choices/0/text",
            _ => "",
        };
        answer.pointer(place).unwrap_or(&Value::Null)
    }
}

/// A value as a field of a form has it.
fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// The names and contents of a form's fields, in order.
fn fields(body: &[u8], boundary: &str) -> Vec<(String, Vec<u8>)> {
    // The line break before a boundary belongs to it; the first has none.
    let body = [b"\r\n", body].concat();
    let mut parts = split(&body, format!("\r\n--{boundary}").as_bytes());
    assert_eq!(
        parts.remove(0),
        b"",
        "nothing stands before the first boundary"
    );
    assert_eq!(
        parts.pop(),
        Some(&b"--\r\n"[..]),
        "the last boundary ends it"
    );
    let parts = parts.into_iter().map(|part| {
        let part = part.strip_prefix(b"\r\n").expect("a line of its own");
        let end = part
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .expect("headers");
        let headers = String::from_utf8_lossy(&part[..end]).to_lowercase();
        let name = headers
            .split("name=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        (name.expect("a name").to_owned(), part[end + 4..].to_vec())
    });
    parts.collect()
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(place) = rest.windows(at.len()).position(|window| window == at) {
        parts.push(&rest[..place]);
        rest = &rest[place + at.len()..];
    }
    parts.push(rest);
    parts
}

#[test]
fn the_table_is_whole() {
    let rows = rows();
    assert_eq!(rows.len(), 288);
    let count = |wanted: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| wanted(row)).count();
    assert_eq!(count(&|row| row.body.contains(&Body::Multipart)), 18);
    assert_eq!(count(&|row| matches!(row.key, Key::Admin)), 119);
    let mut names: Vec<_> = rows.iter().map(|row| &row.operation_id).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 288, "an id is an operation's own");
    for row in &rows {
        let streams = row.answer.contains(&Way::Sse);
        assert_eq!(row.stream.is_some(), streams, "{}", row.operation_id);
        assert_eq!(
            row.pages.is_some(),
            row.cursor.is_some(),
            "{}",
            row.operation_id
        );
        assert!(!row.bodies().is_empty(), "{} can be sent", row.operation_id);
    }
}

#[test]
fn every_operation_is_sent_and_answered_in_each_of_its_ways() {
    let bench = Bench::new();
    for row in rows() {
        for body in row.bodies() {
            for way in &row.answer {
                println!("{} {:?} {way:?}", row.operation_id, body);
                exercise(&bench, &row, body, *way);
            }
        }
    }
}

fn exercise(bench: &Bench, row: &Row, body: Option<Body>, way: Way) {
    let request = row.request(body, way);
    match way {
        Way::Json => {
            let json = json!({"object": "answer", "of": row.operation_id, "text": "ü\u{0}"});
            bench.script(row, Rule::status(200).body(json.clone()));
            let answer = bench.send(&request);
            assert_eq!((answer.status, answer.message.as_str()), (OAI_OK, ""));
            assert_eq!(answer.json(), json);
        }
        Way::Binary => {
            let bytes = [FILE, row.operation_id.as_bytes()].concat();
            let rule = Rule::status(200).header("content-type", "application/octet-stream");
            bench.script(row, rule.body_bytes(&bytes));
            let answer = bench.send(&request);
            assert_eq!((answer.status, answer.bytes), (OAI_OK, bytes));
        }
        Way::None => {
            bench.script(row, Rule::status(200).body_bytes(b""));
            let answer = bench.send(&request);
            assert_eq!((answer.status, answer.bytes), (OAI_OK, Vec::new()));
        }
        Way::Sse => {
            let (events, folded) = row.events();
            let mut chunks: Vec<String> = events
                .iter()
                .map(|data| format!("data: {data}\n\n"))
                .collect();
            chunks.push("event: done\ndata: [DONE]\n\n".into());
            let rule = Rule::chunks(chunks).header("content-type", "text/event-stream");
            bench.script(row, rule.clone());
            let (data, end) = bench.stream(&request);
            let data: Vec<Value> = data
                .iter()
                .map(|data| serde_json::from_str(data).unwrap())
                .collect();
            assert_eq!((end.status, end.body.as_str(), data), (OAI_OK, "", events));
            row.check(&bench.arrived(), body, way);
            bench.script(row, rule);
            let answer = bench.send(&request);
            assert_eq!((answer.status, answer.message.as_str()), (OAI_OK, ""));
            assert_eq!(row.folded(&answer.json()), &folded);
        }
    }
    row.check(&bench.arrived(), body, way);
}

#[test]
fn every_list_leads_to_its_next_page() {
    let bench = Bench::new();
    let mut lists = 0;
    for row in rows() {
        let (Some(parameter), Some(cursor)) = (&row.pages, &row.cursor) else {
            continue;
        };
        lists += 1;
        let mut page = json!({"data": [{"id": "first"}, {"id": "last"}], "has_more": true});
        if cursor != "data" {
            page[cursor] = "last".into();
        }
        let request = row.request(None, Way::Json);
        bench.script(&row, Rule::status(200).body(page));
        let mut response: *mut oai_response = ptr::null_mut();
        let mut more = 0;
        // SAFETY: all pointers live as long as the calls, and the response is ours.
        unsafe {
            assert_eq!(oai_send(bench.client.0, request.0, &mut response), OAI_OK);
            ok(|error| oai_request_next_page(request.0, response, &mut more, error));
            oai_response_free(response);
        }
        assert_eq!(more, 1, "{}", row.operation_id);
        row.check(&bench.arrived(), None, Way::Json);
        bench.script(
            &row,
            Rule::status(200).body(json!({"data": [], "has_more": false})),
        );
        assert_eq!(bench.send(&request).status, OAI_OK);
        let (path, mut query) = row.filled();
        query.push((parameter, "last"));
        let pairs: Vec<String> = query.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(
            bench.arrived().path,
            format!("/v1{path}?{}", pairs.join("&"))
        );
    }
    assert_eq!(lists, 62);
}
