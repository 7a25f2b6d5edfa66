//! Kept connections: a server that closes one that is idle is never an error, whatever the request.

use std::io::{BufReader, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use oaic::ffi::status::{OAI_ERR_CONNECTION_LOST, OAI_OK};
use serde_json::json;
use test_server::{Config, DropAt, Rule, TestServer};

use crate::support::loopback::{Scripted, embedding, listen, ok, read_request};
use crate::support::{Client, Request, stored};

/// A server that closes each connection after so many answers without announcing it; the count of requests it read.
fn hasty(answers: usize, reset: bool) -> (SocketAddr, Arc<AtomicUsize>) {
    let count: Arc<AtomicUsize> = Arc::default();
    let seen = count.clone();
    let address = listen(move |stream, _| {
        let mut writer = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        for _ in 0..answers {
            let Some(asked) = read_request(&mut reader) else {
                return;
            };
            seen.fetch_add(1, Ordering::SeqCst);
            let answer = match asked.line.contains("/embeddings") {
                true => embedding(),
                false => ok("{\"id\":\"r\"}"),
            };
            writer.write_all(answer.as_bytes()).unwrap();
        }
        if reset {
            // With the other half unread data is answered by a reset, as from a server that has died.
            let _ = writer.shutdown(Shutdown::Both);
        }
    });
    (address, count)
}

/// A form, which is never sent twice.
fn form() -> Request {
    Request::new("POST", "/files").field("purpose", "batch")
}

#[test]
fn closing_after_each_answer_is_never_an_error() {
    const ROUNDS: usize = 100;
    for reset in [false, true] {
        for answers in [1, 3] {
            let (address, count) = hasty(answers, reset);
            let url = format!("http://{address}/v1");
            let client = Client::new(&url, json!({"max_retries": 0}));
            for _ in 0..ROUNDS {
                let answer = client.post("/responses", &stored()).ok();
                assert_eq!(answer.attempts, 1);
            }
            for _ in 0..ROUNDS {
                client.embed("a").ok();
            }
            for _ in 0..20 {
                client.send(&form()).ok();
                client.send(&Request::new("POST", "/batches/b/cancel")).ok();
                client.send(&Request::new("DELETE", "/files/f")).ok();
            }
            let expected = 2 * ROUNDS + 60;
            assert_eq!(count.load(Ordering::SeqCst), expected, "none arrived twice");
        }
    }
}

#[test]
fn a_connection_closed_while_idle_is_replaced() {
    let (close, closing) = mpsc::channel::<()>();
    let (closed, done) = mpsc::channel::<()>();
    let closing = std::sync::Mutex::new(closing);
    let address = listen(move |stream, number| {
        let mut writer = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        while read_request(&mut reader).is_some() {
            writer.write_all(ok("{}").as_bytes()).unwrap();
            if number == 0 {
                closing.lock().unwrap().recv().unwrap();
                writer.shutdown(Shutdown::Both).unwrap();
                closed.send(()).unwrap();
                return;
            }
        }
    });
    let client = Client::new(&format!("http://{address}/v1"), json!({"max_retries": 0}));
    client.post("/responses", &stored()).ok();
    close.send(()).unwrap();
    done.recv().unwrap();
    for _ in 0..3 {
        client.post("/responses", &stored()).ok();
    }
}

/// Closes its first connection without an answer when the second request's head has come but no body: the moment in
/// which a request crosses the server's end of the connection.
/// Whether that costs the request nothing. It fails if the server is too slow, a matter of milliseconds.
fn survives_as_a_head(request: &Request) -> bool {
    use std::io::BufRead;
    let address = listen(move |stream, number| {
        let mut writer = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        read_request(&mut reader).unwrap();
        writer.write_all(ok("{}").as_bytes()).unwrap();
        if number == 0 {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            assert!(line.starts_with("POST"));
            // Dropped here, with the rest unread.
            return;
        }
        while read_request(&mut reader).is_some() {
            writer.write_all(ok("{}").as_bytes()).unwrap();
        }
    });
    let client = Client::new(&format!("http://{address}/v1"), json!({"max_retries": 0}));
    (0..3).all(|_| {
        let answer = client.send(request);
        answer.status == OAI_OK && answer.attempts == 1
    })
}

#[test]
fn a_request_whose_body_was_not_sent_is_sent_again() {
    let json = Request::new("POST", "/responses").json(&stored());
    for request in [json, form()] {
        // A body that went with its head would fail them all.
        assert!((0..10).any(|_| survives_as_a_head(&request)));
    }
}

#[test]
fn a_request_that_arrived_whole_is_not_sent_again() {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({}));
    client.post("/responses", &stored()).ok();
    server.script(Rule::drop_at(DropAt::AfterBodyRead));
    let failed = client
        .post("/responses", &stored())
        .failed(OAI_ERR_CONNECTION_LOST);
    assert_eq!((failed.attempts, failed.may_have_executed), (1, true));
    assert_eq!(server.log().len(), 2);
}

#[test]
fn what_may_be_repeated_costs_no_retry_on_a_kept_connection_but_does_on_a_new_one() {
    let server = TestServer::start(Config::default());
    let client = Client::new(&server.url(), json!({"max_retries": 0}));
    client.embed("a").ok();
    server.script(Rule::drop_at(DropAt::AfterBodyRead));
    assert_eq!(client.embed("a").ok().attempts, 1);
    assert_eq!(server.log().len(), 3);

    let fresh = Client::new(&server.url(), json!({"max_retries": 0}));
    server.script(Rule::drop_at(DropAt::AfterBodyRead));
    fresh.embed("a").failed(OAI_ERR_CONNECTION_LOST);
}

#[test]
fn connections_are_kept_or_not_as_told() {
    for (idle, connections) in [(90_000, 1), (0, 3)] {
        let server = Scripted::always(embedding());
        let client = Client::new(&server.url(), json!({"pool_idle_ms": idle}));
        for _ in 0..3 {
            client.embed("a").ok();
        }
        assert_eq!(server.connections(), connections, "pool_idle_ms {idle}");
    }
}

/// The kernel's table shows a timer of kind 2 where it watches over a silent connection.
#[cfg(target_os = "linux")]
#[test]
fn silent_connections_are_watched_over() {
    let server = Scripted::always(embedding());
    let client = Client::new(&server.url(), json!({}));
    client.embed("a").ok();
    let remote = format!("0100007F:{:04X}", server.address.port());
    let table = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
    let row: Vec<&str> = table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|row| row[2] == remote)
        .expect("the client's end of the connection");
    assert!(row[5].starts_with("02:"), "no keepalive timer: {row:?}");
}
