//! A push decoder for server-sent events, by the event-stream rules of the WHATWG HTML standard.
//!
//! `transport` pushes the bytes as they come, cut anywhere, and takes whole events out. It never waits, never looks at
//! a byte twice, and holds at most one unfinished line and one unfinished event, each up to the given limit.
//! `retry` is recognised and ignored: a stream of the API is never taken up again where it broke.

use std::collections::VecDeque;
use std::sync::Arc;

use memchr::memmem;

use super::api_error::{self, ApiError};
use super::object::{pick, text};
use crate::error::{Error, Result};
use crate::status;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The `event` field; empty where the stream gave none (the standard's type `message`).
    pub event: String,
    /// The `data` lines joined by LF. Always valid UTF-8: what was not is replaced by U+FFFD.
    pub data: Vec<u8>,
    /// The last `id` of the stream so far; empty before the first.
    pub id: Arc<str>,
}

/// U+FEFF, which may stand before the first line and is no part of it.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Bytes in, events out. [`Decoder::push`] bytes, then take events with `next` until it has none for now.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    events: VecDeque<Result<Event>>,
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    /// The `data` lines of the event being read, each with its LF.
    data: Vec<u8>,
    event: String,
    id: Arc<str>,
    /// The last byte was a CR that ended a line: an LF right after it belongs to it.
    after_cr: bool,
    /// No line has ended yet, so the next one may begin with a byte order mark.
    at_start: bool,
    /// The limit was passed. Nothing that follows can be told apart, so it is dropped.
    failed: bool,
}

impl Decoder {
    /// A decoder that refuses a line, or the data of an event, of more than `max_event_bytes`.
    pub fn new(max_event_bytes: usize) -> Decoder {
        Decoder {
            limit: max_event_bytes,
            events: VecDeque::new(),
            line: Vec::new(),
            data: Vec::new(),
            event: String::new(),
            id: Arc::from(""),
            after_cr: false,
            at_start: true,
            failed: false,
        }
    }

    /// Takes the next bytes of the stream, cut anywhere.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.failed {
            if std::mem::take(&mut self.after_cr) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = memchr::memchr2(b'\r', b'\n', bytes);
            let part = &bytes[..end.unwrap_or(bytes.len())];
            if self.line.len() + part.len() > self.limit {
                self.fail("a line");
                return;
            }
            let Some(end) = end else {
                self.line.extend_from_slice(part);
                return;
            };
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if self.line.is_empty() {
                self.end_line(part);
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(part);
                self.end_line(&line);
                line.clear();
                self.line = line;
            }
        }
    }

    /// Ends the stream, and hands out the event that its end cut off, if any.
    ///
    /// The standard discards that event: it may be half an event. It is given so that a caller can tell a `[DONE]` that
    /// lacks its blank line, as some servers send it, from an answer that was cut.
    pub fn finish(mut self) -> Option<Event> {
        if self.failed {
            return None;
        }
        let line = std::mem::take(&mut self.line);
        let in_a_field = !matches!(line.as_slice(), [] | [b':', ..] | BOM);
        if in_a_field {
            self.end_line(&line);
        }
        if self.data.is_empty() && self.event.is_empty() && !in_a_field {
            return None;
        }
        Some(self.take_event())
    }

    fn end_line(&mut self, mut line: &[u8]) {
        if std::mem::take(&mut self.at_start) {
            line = line.strip_prefix(BOM).unwrap_or(line);
        }
        if line.is_empty() {
            return self.end_event();
        }
        let (field, value) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &line[line.len()..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                if self.data.len() + value.len() > self.limit {
                    return self.fail("an event");
                }
                self.data.reserve(value.len() + 1);
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"event" => self.event = String::from_utf8_lossy(value).into_owned(),
            b"id" if !value.contains(&0) => self.id = String::from_utf8_lossy(value).into(),
            // A comment (no field name), `retry`, or a field that the standard does not know.
            _ => {}
        }
    }

    fn end_event(&mut self) {
        // Each data line ends in LF, so there is data even if the line said nothing.
        if self.data.is_empty() {
            self.event.clear();
            return;
        }
        let event = self.take_event();
        self.events.push_back(Ok(event));
    }

    fn take_event(&mut self) -> Event {
        let mut data = std::mem::take(&mut self.data);
        data.pop();
        // LF is no part of any longer character, so replacing in the whole is replacing line by line.
        let data = match String::from_utf8(data) {
            Ok(data) => data.into_bytes(),
            Err(error) => String::from_utf8_lossy(error.as_bytes())
                .into_owned()
                .into_bytes(),
        };
        Event {
            event: std::mem::take(&mut self.event),
            data,
            id: Arc::clone(&self.id),
        }
    }

    fn fail(&mut self, what: &str) {
        self.failed = true;
        self.line = Vec::new();
        self.data = Vec::new();
        let message = format!(
            "{what} of the stream is longer than the limit of {} bytes",
            self.limit
        );
        self.events
            .push_back(Err(Error::new(status::TOO_LARGE, message)));
    }
}

/// Takes the next whole event, or the error that ended the stream; `None` until more bytes are pushed.
impl Iterator for Decoder {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Result<Event>> {
        self.events.pop_front()
    }
}

/// The error that an event of a stream is, in the shapes in which servers break a stream off: an event named `error`,
/// an object with an `error`, or the Responses API's `{"type":"error"}`.
pub fn error_of(event: &str, data: &[u8]) -> Option<ApiError> {
    if event == "error" {
        return Some(api_error::parse(data));
    }
    // Nearly no event holds the word, and this is asked of each.
    memmem::find(data, b"\"error\"")?;
    let json = std::str::from_utf8(data).ok()?;
    let [error, kind] = pick(json, ["error", "type"])?;
    let is_error = match error {
        Some("null" | "false" | "\"\"" | "{}") | None => kind.and_then(text)? == "error",
        Some(_) => true,
    };
    is_error.then(|| api_error::parse(data))
}

#[cfg(test)]
mod tests;
