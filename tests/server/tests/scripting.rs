//! Scripted rules as a client sees them, and what the log says of them.

mod common;

use std::io::Read;
use std::time::{Duration, Instant};

use common::{Client, End, PATIENCE, call, embed, embed_body};
use serde_json::json;
use test_server::{Config, DropAt, Rule, TestServer};

fn server() -> TestServer {
    TestServer::start(Config::default())
}

#[test]
fn rules_over_http_serve_in_order_and_then_the_endpoint() {
    let server = server();
    let rules = json!([
        {"match": {"path": "/v1/embeddings"}, "times": 2, "status": 429, "headers": {"Retry-After": "2", "x-request-id": null}},
        {"match": {"contains": "blue"}, "status": 500, "body": {"error": {"message": "no"}}},
    ]);
    let answer = call(server.address(), "POST", "/_script", &rules.to_string()).expect("an answer");
    assert_eq!(answer.json(), json!({"rules": 2}));
    for _ in 0..2 {
        let answer = embed(server.address(), "red").expect("an answer");
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (429, Some("2"))
        );
        assert_eq!(answer.header("x-request-id"), None);
        assert_eq!(answer.json()["error"]["code"], "rate_limit_exceeded");
    }
    assert_eq!(
        embed(server.address(), "red").expect("an answer").status,
        200
    );
    let answer = embed(server.address(), "blue").expect("an answer");
    assert_eq!(
        (answer.status, answer.json()),
        (500, json!({"error": {"message": "no"}}))
    );
    assert_eq!(server.rules_left(), 0);
    let served = server.counts().served;
    assert_eq!((served[&429], served[&200], served[&500]), (2, 1, 1));
}

#[test]
fn a_wrong_rule_is_refused_with_its_reason() {
    let server = server();
    let answer = call(
        server.address(),
        "POST",
        "/_script",
        r#"[{"status": 500}, {"stauts": 1}]"#,
    );
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 400);
    let message = answer.json()["error"]
        .as_str()
        .expect("a message")
        .to_owned();
    assert!(
        message.contains("rule 1") && message.contains("stauts"),
        "{message}"
    );
    assert_eq!(server.rules_left(), 0);
}

#[test]
fn before_read_resets_new_and_kept_connections() {
    let server = server();
    server.script(Rule::drop_at(DropAt::BeforeRead));
    assert_eq!(
        embed(server.address(), "a").expect_err("no answer"),
        End::Reset
    );
    let mut client = Client::connect(server.address());
    assert_eq!(
        client
            .call("GET", "/v1/models", "")
            .expect("an answer")
            .status,
        200
    );
    server.script(Rule::drop_at(DropAt::BeforeRead));
    assert_eq!(
        client.call("GET", "/v1/models", "").expect_err("no answer"),
        End::Reset
    );
    assert_eq!(server.counts().dropped, 2);
    let log = server.log();
    assert_eq!(
        (log[0].path.as_str(), log[0].status),
        ("/v1/embeddings", None)
    );
    assert!(log[0].headers.is_empty() && log[0].body.is_empty());
}

#[test]
fn before_read_never_touches_the_control_paths() {
    let server = server();
    server.script(Rule::drop_at(DropAt::BeforeRead).forever());
    assert!(embed(server.address(), "a").is_err());
    assert_eq!(
        call(server.address(), "POST", "/_reset", "")
            .expect("an answer")
            .status,
        200
    );
    assert_eq!(embed(server.address(), "a").expect("an answer").status, 200);
}

#[test]
fn after_headers_read_resets_before_the_body_comes() {
    let server = server();
    server.script(Rule::drop_at(DropAt::AfterHeadersRead));
    let mut client = Client::connect(server.address());
    client.write(b"POST /v1/embeddings HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n");
    assert_eq!(client.rest(), (Vec::new(), End::Reset));
    let log = server.log();
    assert_eq!(log[0].header("content-length"), Some("100"));
    assert!(log[0].body.is_empty() && !log[0].client_gone && log[0].answered_ms.is_some());
}

#[test]
fn after_body_read_resets_with_the_request_in_the_log() {
    let server = server();
    server.script(Rule::drop_at(DropAt::AfterBodyRead));
    assert_eq!(
        embed(server.address(), "all of it").expect_err("no answer"),
        End::Reset
    );
    assert_eq!(server.log()[0].json()["input"], "all of it");
    assert_eq!(server.in_flight(), 0);
}

#[test]
fn answers_break_off_in_their_head_and_in_their_body() {
    let server = server();
    server.script(Rule::drop_at(DropAt::MidHeaders));
    assert_eq!(
        embed(server.address(), "a").expect_err("no whole head"),
        End::Closed
    );

    server.script(Rule::drop_at(DropAt::MidBody));
    let answer = embed(server.address(), "a").expect("a head");
    let length: usize = answer
        .header("content-length")
        .expect("a length")
        .parse()
        .expect("number");
    assert_eq!((answer.status, answer.end), (200, End::Closed));
    assert_eq!(answer.body.len(), length / 2);
    assert!(answer.header("x-request-id").is_some() && answer.header("date").is_some());

    server.script(
        Rule::status(200)
            .body("12345")
            .dropping(DropAt::MidBody)
            .cut_at(2)
            .reset(),
    );
    let answer = embed(server.address(), "a").expect("a head");
    assert_eq!((answer.text().as_str(), answer.end), ("12", End::Reset));

    server.script(Rule::chunks(["data: 1\n\n", "data: 2\n\n"]).dropping(DropAt::MidBody));
    let answer = embed(server.address(), "a").expect("a head");
    assert_eq!(
        (answer.text().as_str(), answer.end),
        ("data: 1\n\ndata: 2\n\n", End::Closed)
    );
    assert_eq!(server.counts().dropped, 4);
}

#[test]
fn a_client_that_leaves_a_hang_is_noticed() {
    let server = server();
    server.script(Rule::hang());
    let mut client = Client::connect(server.address());
    client.send("POST", "/v1/embeddings", &[], &embed_body("a"));
    assert!(server.wait_in_flight(1, PATIENCE));
    assert!(!server.log()[0].client_gone);
    drop(client);
    assert!(server.wait_in_flight(0, PATIENCE));
    assert!(server.log()[0].client_gone && server.log()[0].answered_ms.is_none());
    assert_eq!(server.counts().client_gone, 1);
}

#[test]
fn a_client_that_leaves_within_delays_is_noticed() {
    let server = server();
    let long = 3_600_000;
    for rule in [
        Rule::pass().delay_ms(long),
        Rule::pass().body_delay_ms(long),
        Rule::chunks(["a", "b"]).chunk_delay_ms(long),
        Rule::pass().hold("never"),
        Rule::status(200)
            .body("1234")
            .dropping(DropAt::MidBody)
            .body_delay_ms(long),
    ] {
        server.clear();
        server.script(rule.clone());
        let mut client = Client::connect(server.address());
        client.send("POST", "/v1/embeddings", &[], &embed_body("a"));
        assert!(server.wait_in_flight(1, PATIENCE), "{rule:?}");
        drop(client);
        assert!(server.wait_in_flight(0, PATIENCE), "{rule:?}");
        assert!(server.log()[0].client_gone, "{rule:?}");
    }
}

#[test]
fn a_server_that_stops_does_not_wait_for_hanging_requests() {
    let server = server();
    server.script(Rule::hang());
    let mut client = Client::connect(server.address());
    client.send("GET", "/v1/models", &[], "");
    assert!(server.wait_in_flight(1, PATIENCE));
    let begin = Instant::now();
    drop(server);
    assert!(begin.elapsed() < PATIENCE / 2);
    assert!(client.rest().0.is_empty());
}

#[test]
fn held_requests_are_in_flight_together_until_released() {
    let server = server();
    server.script(Rule::pass().hold("gate").forever());
    let mut clients: Vec<Client> = (0..3).map(|_| Client::connect(server.address())).collect();
    for client in &mut clients {
        client.send("POST", "/v1/embeddings", &[], &embed_body("a"));
    }
    assert!(server.wait_in_flight(3, PATIENCE));
    server.release_some("gate", 1);
    assert!(server.wait_in_flight(2, PATIENCE));
    let answer = call(server.address(), "POST", "/_release", r#"{"hold": "gate"}"#);
    assert_eq!(answer.expect("an answer").status, 200);
    for client in &mut clients {
        assert_eq!(client.answer().expect("an answer").status, 200);
    }
    assert_eq!((server.max_in_flight(), server.in_flight()), (3, 0));
    let in_flight: Vec<usize> = server.log().iter().map(|entry| entry.in_flight).collect();
    assert_eq!(in_flight, [1, 2, 3]);
    // An open gate stays open.
    assert_eq!(embed(server.address(), "a").expect("an answer").status, 200);
}

#[test]
fn delays_come_where_the_rule_puts_them() {
    let server = server();
    server.script(Rule::pass().delay_ms(30));
    let begin = Instant::now();
    assert_eq!(embed(server.address(), "a").expect("an answer").status, 200);
    assert!(begin.elapsed() >= Duration::from_millis(30));
    let entry = &server.log()[0];
    assert!(
        entry
            .answered_ms
            .is_some_and(|answered| answered - entry.t_ms >= 30.0)
    );

    server.script(
        Rule::chunks(["a", "b", "c"])
            .body_delay_ms(10)
            .chunk_delay_ms(15),
    );
    let begin = Instant::now();
    let answer = embed(server.address(), "a").expect("an answer");
    assert!(begin.elapsed() >= Duration::from_millis(40));
    assert_eq!(
        (answer.text().as_str(), answer.chunks.clone()),
        ("abc", vec![1, 1, 1])
    );
    assert_eq!(answer.header("content-length"), None);
}

#[test]
fn a_passed_request_keeps_its_connection() {
    let server = server();
    server.script_json(json!({"pass": true, "headers": {"x-extra": ["1", "2"]}}));
    let mut client = Client::connect(server.address());
    let answer = client
        .call("POST", "/v1/embeddings", &embed_body("a"))
        .expect("an answer");
    let extra = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "x-extra")
        .count();
    assert_eq!((answer.status, extra), (200, 2));
    assert_eq!(
        client
            .call("GET", "/v1/models", "")
            .expect("an answer")
            .status,
        200
    );
    assert_eq!(server.counts().connections, 1);
}

#[test]
fn gzip_decodes_to_the_normal_answer() {
    let server = server();
    let plain = embed(server.address(), "a").expect("an answer");
    server.script(Rule::pass().gzip());
    let answer = embed(server.address(), "a").expect("an answer");
    assert_eq!(
        (answer.end, answer.header("content-encoding")),
        (End::Complete, Some("gzip"))
    );
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(&answer.body[..])
        .read_to_end(&mut body)
        .expect("gzip");
    assert_eq!(body, plain.body);
}

#[test]
fn raw_bytes_are_the_whole_answer() {
    let server = server();
    server.script_json(
        json!({"raw": ["HTTP/1.1 2", "00 OK\r\n\r\n", "\u{0}\u{1}"], "chunk_delay_ms": 1}),
    );
    let mut client = Client::connect(server.address());
    client.send("GET", "/v1/models", &[], "");
    assert_eq!(
        client.rest(),
        (b"HTTP/1.1 200 OK\r\n\r\n\x00\x01".to_vec(), End::Closed)
    );
    server.script(Rule::raw([0xff, 0x00]));
    let mut client = Client::connect(server.address());
    client.send("GET", "/v1/models", &[], "");
    assert_eq!(client.rest(), (vec![0xff, 0x00], End::Closed));
    assert_eq!(server.in_flight(), 0);
}

#[test]
fn a_wrong_length_is_sent_as_written() {
    let server = server();
    server.script(
        Rule::status(200)
            .body("12345678")
            .header("content-length", "100"),
    );
    let answer = embed(server.address(), "a").expect("a head");
    assert_eq!(
        (answer.text().as_str(), answer.end),
        ("12345678", End::Closed)
    );
}

#[test]
fn the_log_and_the_counters_are_readable_over_http() {
    let server = server();
    embed(server.address(), "first").expect("an answer");
    let log = call(server.address(), "GET", "/_log?arrived=1", "")
        .expect("an answer")
        .json();
    assert_eq!(log.as_array().map(Vec::len), Some(1));
    assert_eq!(log[0]["body"]["input"], "first");
    assert_eq!(log[0]["headers"]["host"], "test");
    assert_eq!(
        (&log[0]["status"], &log[0]["in_flight"]),
        (&json!(200), &json!(1))
    );
    let (arrived, answered) = (log[0]["t_ms"].as_f64(), log[0]["answered_ms"].as_f64());
    assert!(arrived.is_some() && answered >= arrived);
    let stats = call(server.address(), "GET", "/_stats?in_flight=0", "")
        .expect("an answer")
        .json();
    assert_eq!(stats["served"], json!({"200": 1}));
    assert_eq!(
        (&stats["max_in_flight"], &stats["in_flight"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(
        call(server.address(), "POST", "/_reset", "")
            .expect("an answer")
            .status,
        200
    );
    let log = call(server.address(), "GET", "/_log", "")
        .expect("an answer")
        .json();
    assert_eq!(log, json!([]));
    let answer = call(server.address(), "GET", "/_lgo", "").expect("an answer");
    assert!(answer.status == 400 && answer.text().contains("/_log"));
    let answer = call(server.address(), "GET", "/_log?arived=1", "").expect("an answer");
    assert!(answer.status == 400 && answer.text().contains("arived"));
}
