//! What becomes of a stream's connection after `[DONE]`: the end is told at once, and the rest of the body is awaited
//! for a moment, so that the connection can be used again.

use std::io::{BufReader, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::loopback::{embedding, listen, read_request};
use crate::support::{Client, chat};

const SOON: Duration = Duration::from_secs(30);

/// A stream's head and, in one chunk, its last event.
const LAST: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
                    e\r\ndata: [DONE]\n\n\r\n";

/// Whether a connection serves another request if its stream ends as soon as the client has told of the end.
fn is_used_again() -> bool {
    let (end, ended) = mpsc::channel::<()>();
    let (free, freed) = mpsc::channel::<()>();
    let (ended, again) = (Mutex::new((ended, free)), Arc::<AtomicUsize>::default());
    let seen = again.clone();
    let address = listen(move |stream, number| {
        let mut writer = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        read_request(&mut reader).unwrap();
        if number > 0 {
            // For one request only, so that the next may find the first connection.
            let answer = embedding().replacen("\r\n", "\r\nconnection: close\r\n", 1);
            writer.write_all(answer.as_bytes()).unwrap();
            return;
        }
        writer.write_all(LAST.as_bytes()).unwrap();
        let (ended, free) = &*ended.lock().unwrap();
        ended.recv().unwrap();
        // A fifth of the time for which the end is awaited: who awaits it less has closed the connection by then.
        thread::sleep(Duration::from_millis(20));
        // Too late, if the client has closed it.
        let _ = writer.write_all(b"0\r\n\r\n");
        free.send(()).unwrap();
        if read_request(&mut reader).is_some() {
            seen.fetch_add(1, Ordering::SeqCst);
            writer.write_all(embedding().as_bytes()).unwrap();
        }
    });
    let client = Client::new(&format!("http://{address}/v1"), json!({}));
    let (_, answer) = client.stream("/chat/completions", &chat(true));
    answer.ok();
    end.send(()).unwrap();
    freed.recv_timeout(SOON).unwrap();
    // The client needs a moment to see that it is free.
    (0..100).any(|_| {
        client.embed("a").ok();
        again.load(Ordering::SeqCst) > 0
    })
}

#[test]
fn a_connection_is_used_again_after_the_end_of_its_stream() {
    // On a busy machine the end may come after the moment for which it is awaited.
    assert!((0..10).any(|_| is_used_again()));
}

#[test]
fn a_connection_whose_stream_does_not_end_is_given_up() {
    let (gone, given_up) = mpsc::channel::<()>();
    let gone = Mutex::new(gone);
    let address = listen(move |stream, _| {
        let mut writer = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        read_request(&mut reader).unwrap();
        writer.write_all(LAST.as_bytes()).unwrap();
        assert!(read_request(&mut reader).is_none(), "it is not used again");
        gone.lock().unwrap().send(()).unwrap();
    });
    let client = Client::new(&format!("http://{address}/v1"), json!({}));
    let began = Instant::now();
    let (_, answer) = client.stream("/chat/completions", &chat(true));
    answer.ok();
    assert!(began.elapsed() < SOON, "the end was told at once");
    given_up
        .recv_timeout(SOON)
        .expect("the connection is closed");
}
