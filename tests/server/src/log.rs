//! What arrived, when, and what became of it; and how many requests are being handled at once.
//!
//! `handle` opens a [`Ticket`] for each request and closes it when the answer is handed to the socket; a ticket
//! dropped before that means that the client went away. Tests read the log through `TestServer` or `GET /_log`.
//! Control requests (`/_...`) are never logged.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http::request::Parts;
use serde_json::{Value, json};

/// One request as it arrived, and how it ended.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// Milliseconds from the server's start to the arrival of the request's head.
    pub t_ms: f64,
    /// The method, such as `POST`.
    pub method: String,
    /// The path with its query, such as `/v1/models?after=x`.
    pub path: String,
    /// The headers by lower-case name; a repeated header's values are joined by `, `.
    pub headers: BTreeMap<String, String>,
    /// The body as received; empty when a fault ended the request before its body was read.
    pub body: Bytes,
    /// How long the body was; one of more than 16 MiB is not kept.
    pub body_length: u64,
    /// Requests being handled at that moment, this one included.
    pub in_flight: usize,
    /// The number of the connection, counted from 1: equal numbers shared a connection.
    pub connection: u64,
    /// The status answered; `None` before that, for raw answers, and for requests dropped without one.
    pub status: Option<u16>,
    /// When the last byte of the answer was handed to the socket, or a fault cut it off.
    pub answered_ms: Option<f64>,
    /// The client closed the connection before its answer was complete.
    pub client_gone: bool,
}

impl Arrived {
    /// The value of a header; the name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body as text, with invalid UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, or `Value::Null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The entry as `GET /_log` shows it. A body that is no UTF-8 comes as `body_base64` beside a lossy `body`.
    pub fn to_json(&self) -> Value {
        let body =
            serde_json::from_slice(&self.body).unwrap_or_else(|_| Value::String(self.text()));
        let mut entry = json!({
            "t_ms": self.t_ms,
            "method": self.method,
            "path": self.path,
            "headers": self.headers,
            "body": body,
            "body_length": self.body_length,
            "in_flight": self.in_flight,
            "connection": self.connection,
            "status": self.status,
            "answered_ms": self.answered_ms,
            "client_gone": self.client_gone,
        });
        if std::str::from_utf8(&self.body).is_err() {
            entry["body_base64"] = Value::String(STANDARD.encode(&self.body));
        }
        entry
    }
}

/// The counters that `GET /_stats` shows.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Requests whose head arrived.
    pub arrived: u64,
    /// Answers by status.
    pub served: BTreeMap<u16, u64>,
    /// TCP connections accepted, those of control requests included.
    pub connections: u64,
    /// Requests ended by a scripted drop, without a complete answer.
    pub dropped: u64,
    /// Requests whose client went away before the answer was complete.
    pub client_gone: u64,
}

#[derive(Default)]
struct Inner {
    /// Sequence number of `entries[0]`: entries keep their number when the log is cleared.
    first: u64,
    entries: Vec<Arrived>,
    counts: Counts,
}

/// The log and the counters of one server.
pub(crate) struct Log {
    started: Instant,
    /// Off: entries are not kept, only counted.
    keep: bool,
    in_flight: AtomicUsize,
    max_in_flight: AtomicUsize,
    inner: Mutex<Inner>,
}

impl Log {
    pub(crate) fn new(keep: bool) -> Log {
        Log {
            started: Instant::now(),
            keep,
            in_flight: AtomicUsize::new(0),
            max_in_flight: AtomicUsize::new(0),
            inner: Mutex::default(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A panicking test thread must not hide the log from the others.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now_ms(&self) -> f64 {
        self.started.elapsed().as_secs_f64() * 1000.0
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    pub(crate) fn max_in_flight(&self) -> usize {
        self.max_in_flight.load(Ordering::SeqCst)
    }

    pub(crate) fn entries(&self) -> Vec<Arrived> {
        self.inner().entries.clone()
    }

    /// Requests that have arrived since the last clear, also those not kept.
    pub(crate) fn arrived(&self) -> u64 {
        self.inner().counts.arrived
    }

    pub(crate) fn counts(&self) -> Counts {
        self.inner().counts.clone()
    }

    /// Counts an accepted connection.
    pub(crate) fn connected(&self) {
        self.inner().counts.connections += 1;
    }

    /// Forgets entries and counters; requests still in flight stay counted as such.
    pub(crate) fn clear(&self) {
        let mut inner = self.inner();
        inner.first += inner.entries.len() as u64;
        inner.entries.clear();
        inner.counts = Counts::default();
        self.max_in_flight.store(self.in_flight(), Ordering::SeqCst);
    }

    /// Enters a request whose head has arrived.
    pub(crate) fn arrive(self: &Arc<Log>, head: &Parts, connection: u64) -> Ticket {
        let path = head
            .uri
            .path_and_query()
            .map_or(head.uri.path(), |path| path.as_str());
        self.enter(head.method.as_str(), path, Some(&head.headers), connection)
    }

    /// Enters a request of which only the first line was seen, before anything was read.
    pub(crate) fn glimpse(self: &Arc<Log>, method: &str, path: &str, connection: u64) -> Ticket {
        self.enter(method, path, None, connection)
    }

    fn enter(
        self: &Arc<Log>,
        method: &str,
        path: &str,
        headers: Option<&HeaderMap>,
        connection: u64,
    ) -> Ticket {
        let in_flight = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.max_in_flight.fetch_max(in_flight, Ordering::SeqCst);
        let arrived = Instant::now();
        let mut number = None;
        if self.keep {
            let entry = Arrived {
                t_ms: self.now_ms(),
                method: method.to_owned(),
                path: path.to_owned(),
                headers: headers.map(header_map).unwrap_or_default(),
                body: Bytes::new(),
                body_length: 0,
                in_flight,
                connection,
                status: None,
                answered_ms: None,
                client_gone: false,
            };
            let mut inner = self.inner();
            inner.counts.arrived += 1;
            number = Some(inner.first + inner.entries.len() as u64);
            inner.entries.push(entry);
        } else {
            self.inner().counts.arrived += 1;
        }
        Ticket {
            log: self.clone(),
            number,
            arrived,
            status: None,
            open: true,
        }
    }
}

fn header_map(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut map: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        map.entry(name.as_str().to_owned())
            .and_modify(|values| {
                values.push_str(", ");
                values.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    map
}

/// A request being handled. Exactly one of `finish`, `cut_off` and the drop without either closes it.
pub(crate) struct Ticket {
    log: Arc<Log>,
    number: Option<u64>,
    arrived: Instant,
    status: Option<u16>,
    open: bool,
}

impl Ticket {
    /// Time since the head arrived.
    pub(crate) fn age_ms(&self) -> u128 {
        self.arrived.elapsed().as_millis()
    }

    /// The body has been read.
    pub(crate) fn body(&mut self, body: &Bytes, length: u64) {
        self.update(|entry| {
            entry.body = body.clone();
            entry.body_length = length;
        });
    }

    /// The answer's head is decided.
    pub(crate) fn answering(&mut self, status: u16) {
        self.status = Some(status);
        self.update(|entry| entry.status = Some(status));
    }

    /// The whole answer is with the socket.
    pub(crate) fn finish(&mut self) {
        self.end(false, false);
    }

    /// A scripted fault ended the request.
    pub(crate) fn cut_off(&mut self) {
        self.end(true, false);
    }

    fn update(&self, change: impl FnOnce(&mut Arrived)) {
        let Some(number) = self.number else { return };
        let mut inner = self.log.inner();
        // An entry older than the last clear is gone.
        let place = number.checked_sub(inner.first).map(|place| place as usize);
        if let Some(entry) = place.and_then(|place| inner.entries.get_mut(place)) {
            change(entry);
        }
    }

    fn end(&mut self, dropped: bool, client_gone: bool) {
        if !std::mem::replace(&mut self.open, false) {
            return;
        }
        let now = self.log.now_ms();
        self.update(|entry| {
            entry.client_gone = client_gone;
            entry.answered_ms = (!client_gone).then_some(now);
        });
        {
            let mut inner = self.log.inner();
            let counts = &mut inner.counts;
            if dropped {
                counts.dropped += 1;
            } else if client_gone {
                counts.client_gone += 1;
            } else if let Some(status) = self.status {
                *counts.served.entry(status).or_default() += 1;
            }
        }
        self.log.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.end(false, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(uri: &str) -> Parts {
        let request = http::Request::post(uri)
            .header("X-Twice", "a")
            .header("X-Twice", "b")
            .body(())
            .expect("a valid request");
        request.into_parts().0
    }

    #[test]
    fn an_answered_request_is_complete() {
        let log = Arc::new(Log::new(true));
        let mut ticket = log.arrive(&head("/v1/x?y=1"), 7);
        ticket.body(&Bytes::from_static(b"{\"a\":1}"), 7);
        assert_eq!(log.in_flight(), 1);
        ticket.answering(200);
        ticket.finish();
        drop(ticket);
        let entry = &log.entries()[0];
        assert_eq!(
            (entry.method.as_str(), entry.path.as_str()),
            ("POST", "/v1/x?y=1")
        );
        assert_eq!(entry.header("x-twice"), Some("a, b"));
        assert_eq!(entry.json(), json!({"a": 1}));
        assert_eq!((entry.status, entry.connection), (Some(200), 7));
        assert!(entry.answered_ms >= Some(entry.t_ms) && !entry.client_gone);
        assert_eq!(log.counts().served[&200], 1);
        assert_eq!((log.in_flight(), log.max_in_flight()), (0, 1));
    }

    #[test]
    fn a_dropped_ticket_is_a_client_that_went() {
        let log = Arc::new(Log::new(true));
        drop(log.arrive(&head("/"), 1));
        assert!(log.entries()[0].client_gone);
        assert_eq!(log.entries()[0].answered_ms, None);
        assert_eq!((log.in_flight(), log.counts().client_gone), (0, 1));
    }

    #[test]
    fn a_late_answer_does_not_touch_the_log_after_a_clear() {
        let log = Arc::new(Log::new(true));
        let mut old = log.arrive(&head("/old"), 1);
        log.clear();
        let new = log.arrive(&head("/new"), 2);
        old.answering(500);
        old.finish();
        assert_eq!(log.entries().len(), 1);
        assert_eq!(log.entries()[0].status, None);
        assert_eq!(log.max_in_flight(), 2);
        drop(new);
    }

    #[test]
    fn without_log_requests_are_still_counted() {
        let log = Arc::new(Log::new(false));
        let mut ticket = log.arrive(&head("/"), 1);
        ticket.answering(204);
        ticket.finish();
        assert!(log.entries().is_empty());
        assert_eq!(log.arrived(), 1);
        assert_eq!(log.counts().served[&204], 1);
    }

    #[test]
    fn a_binary_body_is_shown_in_base64() {
        let log = Arc::new(Log::new(true));
        let mut ticket = log.arrive(&head("/"), 1);
        ticket.body(&Bytes::from_static(&[0xff, 0x00]), 2);
        ticket.cut_off();
        assert_eq!(log.entries()[0].to_json()["body_base64"], "/wA=");
        assert_eq!(log.counts().dropped, 1);
    }
}
