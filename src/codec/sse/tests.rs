//! The decoder against the table in `tests/data/sse.json`, cut in every way, and against another decoder.

use eventsource_stream::Eventsource;
use futures_util::{FutureExt, StreamExt, stream};
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

/// One row of the table: bytes, and the events that the standard makes of them.
#[derive(Deserialize)]
struct Case {
    name: String,
    input: Option<String>,
    base64: Option<String>,
    limit: Option<usize>,
    events: Vec<Expected>,
    /// The event that the end of the stream cuts off.
    pending: Option<Expected>,
    /// The events end in TOO_LARGE.
    #[serde(default)]
    error: bool,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
struct Expected {
    event: String,
    data: String,
    id: String,
}

impl Case {
    fn bytes(&self) -> Vec<u8> {
        match (&self.input, &self.base64) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(base64)) => base64_simd::STANDARD.decode_to_vec(base64).unwrap(),
            _ => panic!("{}: either input or base64", self.name),
        }
    }

    fn check<'a>(&self, how: &str, parts: impl IntoIterator<Item = &'a [u8]>) {
        let decoded = decode(self.limit.unwrap_or(1 << 20), parts);
        let name = &self.name;
        assert_eq!(decoded.events, self.events, "{name}, {how}");
        assert_eq!(decoded.pending, self.pending, "{name}, {how}");
        let expected = self.error.then_some(status::TOO_LARGE);
        assert_eq!(
            decoded.error.map(|error| error.status),
            expected,
            "{name}, {how}"
        );
    }
}

fn table() -> Vec<Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sse.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[derive(Debug, Default, PartialEq)]
struct Decoded {
    events: Vec<Expected>,
    error: Option<Error>,
    pending: Option<Expected>,
}

fn decode<'a>(limit: usize, parts: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
    let plain = |event: Event| Expected {
        event: event.event,
        data: String::from_utf8(event.data).expect("data is UTF-8"),
        id: event.id.to_string(),
    };
    let mut decoded = Decoded::default();
    let mut decoder = Decoder::new(limit);
    for part in parts {
        decoder.push(part);
        for event in decoder.by_ref() {
            assert_eq!(decoded.error, None, "nothing follows an error");
            match event {
                Ok(event) => decoded.events.push(plain(event)),
                Err(error) => decoded.error = Some(error),
            }
        }
    }
    decoded.pending = decoder.finish().map(plain);
    decoded
}

#[test]
fn the_table_decodes_as_the_standard_says_however_it_is_cut() {
    let table = table();
    assert!(table.len() >= 80);
    for case in table {
        let bytes = case.bytes();
        case.check("whole", [bytes.as_slice()]);
        case.check("a byte at a time", bytes.chunks(1));
        for cut in 0..=bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            case.check(&format!("cut at {cut}"), [head, &[], tail]);
        }
    }
}

#[test]
fn an_event_comes_out_with_the_byte_that_ends_it() {
    for end in ["\n\n", "\r\r", "\r\n\r", "\n\r"] {
        let mut decoder = Decoder::new(100);
        decoder.push(b"data: a");
        let (last, rest) = end.as_bytes().split_last().unwrap();
        decoder.push(rest);
        assert_eq!(decoder.next(), None, "{end:?}");
        decoder.push(&[*last]);
        assert_eq!(decoder.next().unwrap().unwrap().data, b"a", "{end:?}");
    }
}

#[test]
fn an_error_says_the_limit_and_ends_the_stream() {
    let mut decoder = Decoder::new(10);
    decoder.push(b"data: 12345\n\n");
    let error = decoder.next().unwrap().unwrap_err();
    assert_eq!(
        error.message,
        "a line of the stream is longer than the limit of 10 bytes"
    );
    decoder.push(b"\n\ndata: 1\n\n");
    assert_eq!(decoder.next(), None);
    assert_eq!(decoder.finish(), None);
}

#[test]
fn what_is_held_is_bounded_by_the_limit() {
    let mut decoder = Decoder::new(1000);
    for _ in 0..1000 {
        decoder.push(&[b'x'; 64]);
    }
    assert!(decoder.line.capacity() <= 2000);
    let mut decoder = Decoder::new(1000);
    for _ in 0..1000 {
        decoder.push(b"data: 0123456789\n");
    }
    assert!(decoder.data.capacity() <= 4000);
}

#[test]
fn errors_are_found_in_each_shape() {
    let cases = [
        ("error", r#"{"error":{"message":"a"}}"#, "a"),
        ("error", r#"{"message":"b"}"#, "b"),
        ("error", "c", "c"),
        (
            "",
            r#"{"error":{"message":"d","type":"server_error"}}"#,
            "d",
        ),
        ("", r#"{"error":"e"}"#, "e"),
        (
            "",
            r#"{"id":"x","choices":[],"error":{"code":502,"message":"f"}}"#,
            "f",
        ),
        (
            "",
            r#"{"type":"error","code":"x","message":"g","sequence_number":1}"#,
            "g",
        ),
        ("message", r#"{"error":{"message":"h"}}"#, "h"),
    ];
    for (event, data, message) in cases {
        let error = error_of(event, data.as_bytes()).unwrap_or_else(|| panic!("{data}"));
        assert_eq!(error.message, message, "{data}");
    }
}

#[test]
fn what_only_mentions_an_error_is_none() {
    for data in [
        "",
        "[DONE]",
        r#"{"choices":[{"delta":{"content":"{\"error\":{}}"}}]}"#,
        r#"{"choices":[{"delta":{"content":"error"}}]}"#,
        r#"{"choices":[{"error":{"message":"not at the top"}}]}"#,
        r#"{"error":null,"choices":[]}"#,
        r#"{"error":{},"choices":[]}"#,
        r#"{"type":"response.failed","response":{"error":{"message":"in the response"}}}"#,
        r#"["error"]"#,
        r#""error""#,
        r#"{"error""#,
    ] {
        assert_eq!(error_of("", data.as_bytes()), None, "{data}");
    }
    assert_eq!(error_of("", b"{\"error\":\"\xff\"}"), None);
}

/// What the other decoder makes of bytes.
fn theirs(bytes: &[u8]) -> Vec<std::result::Result<Expected, String>> {
    let events = stream::iter([Ok::<_, ()>(bytes.to_vec())]).eventsource();
    let events: Vec<_> = events
        .collect()
        .now_or_never()
        .expect("all is there at once");
    let plain = |event: eventsource_stream::Event| Expected {
        event: event.event,
        data: event.data,
        id: event.id,
    };
    events
        .into_iter()
        .map(|event| event.map(plain).map_err(|error| format!("{error:?}")))
        .collect()
}

/// Where the other decoder departs from the standard, and [`agrees_with_eventsource_stream`] therefore leaves it alone.
#[test]
fn eventsource_stream_departs_from_the_standard_where_it_is_said_to() {
    let ours = |bytes: &[u8]| decode(1 << 20, [bytes]).events.len();
    // A CR that ends the input ends a line; there it is held back, as an LF might follow.
    assert_eq!((ours(b"data: a\r\r"), theirs(b"data: a\r\r").len()), (1, 0));
    // A byte order mark at the start is left out; there one of its three bytes is, in the middle of a character.
    let marked = "\u{feff}data: a\n\n".as_bytes();
    assert_eq!(ours(marked), 1);
    assert!(std::panic::catch_unwind(|| theirs(marked)).is_err());
    // Invalid UTF-8 is U+FFFD; there it is an error.
    assert_eq!(ours(b"data: \xff\n\n"), 1);
    assert!(theirs(b"data: \xff\n\n").iter().any(|event| event.is_err()));
    // An event without a name has none; there it has that of the browsers' default.
    let named = theirs(b"data: a\n\n").remove(0).expect("an event");
    assert_eq!(named.event, "message");
    assert_eq!(decode(9, [b"data: a\n\n".as_slice()]).events[0].event, "");
}

/// Streams made of the pieces that matter.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => Just("data"),
        4 => Just(":"),
        2 => Just(" "),
        4 => Just("\n"),
        2 => Just("\r\n"),
        2 => Just("\r"),
        1 => Just("event"),
        1 => Just("id"),
        1 => Just("retry"),
        1 => Just("7"),
        1 => Just("x"),
        1 => Just("é"),
        1 => Just("😀"),
        1 => Just("\0"),
        1 => Just("\u{feff}"),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn agrees_with_eventsource_stream(mut text in pieces()) {
        // Where the other decoder departs from the standard, or says so itself:
        // - A CR that ends the input is held back, as an LF might follow: here one follows.
        if text.ends_with('\r') {
            text.push('\n');
        }
        // - A byte order mark at the start makes it panic (it cuts one byte off, not three): it gets none.
        let without_mark = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
        prop_assume!(!without_mark.starts_with('\u{feff}'));
        // - Invalid UTF-8 is an error instead of U+FFFD: the pieces are all valid.
        // - An event without a name is called `message`: ours is renamed below.
        let theirs = theirs(without_mark.as_bytes()).into_iter();
        let theirs: Vec<Expected> = theirs.map(|event| event.expect("valid")).collect();
        let mut ours = decode(1 << 20, [text.as_bytes()]).events;
        for event in &mut ours {
            if event.event.is_empty() {
                event.event = "message".to_owned();
            }
        }
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn how_bytes_are_cut_changes_nothing(
        bytes in proptest::collection::vec(prop_oneof![
            Just(b'\n'), Just(b'\r'), Just(b':'), Just(0xc3), Just(0xa9), any::<u8>(),
        ], 0..100),
        text in pieces(),
        size in 1_usize..7,
        limit in 1_usize..40,
    ) {
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            prop_assert_eq!(decode(limit, [bytes]), decode(limit, bytes.chunks(size)));
        }
    }
}
