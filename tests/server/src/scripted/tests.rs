//! Answers written by hand, without a socket.

use super::*;
use serde_json::json;

fn cut(rule: serde_json::Value, pieces: &[&'static [u8]], chunked: bool) -> String {
    let rule = Rule::from_json(rule).expect("a valid rule");
    let content = Content {
        pieces: pieces
            .iter()
            .map(|piece| Bytes::from_static(piece))
            .collect(),
        chunked,
    };
    let mut answer = answer::bytes(200, "text/plain", Bytes::new());
    answer
        .headers_mut()
        .insert("date", HeaderValue::from_static("now"));
    for (name, value) in &rule.headers {
        set_header(answer.headers_mut(), name, value);
    }
    let (head, pieces) = by_hand(&answer, &content, &rule);
    String::from_utf8([head, pieces.concat()].concat()).expect("text")
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ndate: now\r\n";

#[test]
fn a_cut_body_promises_more_than_it_sends() {
    let mid_body = json!({"drop": "mid_body"});
    assert_eq!(
        cut(mid_body.clone(), &[b"12345678"], false),
        format!("{HEAD}content-length: 8\r\n\r\n1234")
    );
    assert_eq!(
        cut(mid_body, &[], false),
        format!("{HEAD}content-length: 1\r\n\r\n")
    );
    assert_eq!(
        cut(
            json!({"drop": "mid_body", "cut_at": 8}),
            &[b"12345678"],
            false
        ),
        format!("{HEAD}content-length: 9\r\n\r\n12345678")
    );
}

#[test]
fn a_cut_stream_lacks_its_last_chunk() {
    assert_eq!(
        cut(json!({"drop": "mid_body"}), &[b"one", b"two"], true),
        format!("{HEAD}transfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n")
    );
    assert_eq!(
        cut(
            json!({"drop": "mid_body", "cut_at": 4}),
            &[b"one", b"two"],
            true
        ),
        format!("{HEAD}transfer-encoding: chunked\r\n\r\n3\r\none\r\n1\r\nt\r\n")
    );
}

#[test]
fn a_cut_head_has_no_end() {
    let text = cut(json!({"drop": "mid_headers"}), &[b"12345678"], false);
    assert!(
        text.starts_with("HTTP/1.1 200 OK\r\n") && !text.contains("\r\n\r\n"),
        "{text}"
    );
}

#[test]
fn a_wrong_length_is_sent_as_the_rule_says() {
    let text = cut(
        json!({"headers": {"Content-Length": "3"}}),
        &[b"12345678"],
        false,
    );
    assert_eq!(
        text,
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ndate: now\r\ncontent-length: 3\r\n\r\n12345678"
    );
}

#[test]
fn gzip_keeps_pieces_apart_only_in_a_stream() {
    use std::io::Read;
    let pieces = || vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")];
    let stream = Content {
        pieces: pieces(),
        chunked: true,
    }
    .gzip();
    let whole = Content {
        pieces: pieces(),
        chunked: false,
    }
    .gzip();
    assert_eq!((stream.pieces.len(), whole.pieces.len()), (3, 1));
    for content in [stream, whole] {
        let bytes = content.pieces.concat();
        let mut text = String::new();
        flate2::read::GzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .expect("gzip");
        assert_eq!(text, "onetwo");
    }
}

#[test]
fn event_streams_are_known_by_their_first_line() {
    assert_eq!(content_type(b"data: 1\n\n"), "text/event-stream");
    assert_eq!(content_type(b": ping\n\n"), "text/event-stream");
    assert_eq!(content_type(b"{}"), "application/json");
}
