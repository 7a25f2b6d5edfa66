//! Carries out a scripted rule on a request that has arrived.
//!
//! Answers that are valid HTTP go through hyper. Answers that are not (cut short, wrong length, raw bytes) are written
//! on the socket by hand, after which the connection ends.

use std::future::pending;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use tokio::time::sleep;

use crate::answer;
use crate::connection::Connection;
use crate::errors::ApiError;
use crate::handle;
use crate::log::Ticket;
use crate::pieces::PieceBody;
use crate::rule::{DropAt, Rule, header_values};
use crate::state::State;
use crate::tracked::{Pace, Tracked};

/// A request that was read, with all that is needed to answer it.
pub(crate) struct Exchange {
    pub(crate) state: Arc<State>,
    pub(crate) connection: Connection,
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
    pub(crate) ticket: Ticket,
}

/// The waits before anything is answered.
pub(crate) async fn wait_first(state: &State, rule: &Rule) {
    if let Some(gate) = &rule.hold {
        state.pass_gate(gate).await;
    }
    if rule.delay_ms > 0 {
        sleep(Duration::from_millis(rule.delay_ms)).await;
    }
}

/// Answers as the rule says. Does not return when the rule ends the connection.
pub(crate) async fn perform(mut exchange: Exchange, rule: &Rule) -> Response<Tracked> {
    let state = exchange.state.clone();
    wait_first(&state, rule).await;
    match rule.drop {
        Some(DropAt::Hang) => return pending().await,
        Some(DropAt::BeforeRead | DropAt::AfterHeadersRead | DropAt::AfterBodyRead) => {
            return handle::break_off(&exchange.connection, exchange.ticket).await;
        }
        Some(DropAt::MidHeaders | DropAt::MidBody) | None => {}
    }
    if let Some(pieces) = rule.raw_pieces() {
        return write_and_end(exchange, rule, &pieces, Duration::ZERO).await;
    }
    let mut answer = base(&exchange, rule).await;
    // axum sets the length of the endpoint's body; what is left there afterwards is the rule's own.
    answer.headers_mut().remove(header::CONTENT_LENGTH);
    if let Some(status) = rule
        .status
        .and_then(|status| StatusCode::from_u16(status).ok())
    {
        *answer.status_mut() = status;
    }
    let mut content = Content::of(answer.body_mut()).await;
    if rule.gzip {
        content = content.gzip();
        answer
            .headers_mut()
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    for (name, value) in &rule.headers {
        set_header(answer.headers_mut(), name, value);
    }
    let unset = |name: &str| !rule.headers.contains_key(name);
    handle::sign(&state, &exchange.ticket, answer.headers_mut(), unset);
    if rule.drop.is_some() || sets_framing(answer.headers()) {
        exchange.ticket.answering(answer.status().as_u16());
        let (head, rest) = by_hand(&answer, &content, rule);
        let pieces: Vec<Vec<u8>> = std::iter::once(head).chain(rest).collect();
        return write_and_end(
            exchange,
            rule,
            &pieces,
            Duration::from_millis(rule.body_delay_ms),
        )
        .await;
    }
    let pace = Pace {
        before: Duration::from_millis(rule.body_delay_ms),
        between: Duration::from_millis(rule.chunk_delay_ms),
    };
    let bodiless = exchange.parts.method == Method::HEAD;
    handle::deliver(
        answer.map(|_| content.into_body()),
        exchange.ticket,
        pace,
        bodiless,
    )
}

/// The answer before the rule's headers, compression and cuts are laid over it.
async fn base(exchange: &Exchange, rule: &Rule) -> Response {
    let status = rule.status.unwrap_or(200);
    if let Some(chunks) = rule.chunk_pieces() {
        let content_type = content_type(chunks.first().map_or(&[], Vec::as_slice));
        let pieces = PieceBody::new(chunks.into_iter().map(Bytes::from));
        return answer::bytes(status, content_type, Bytes::new()).map(|_| Body::new(pieces));
    }
    if let Some(body) = rule.whole_body() {
        return answer::bytes(status, content_type(&body), body);
    }
    match rule.status {
        Some(204 | 205 | 300..400) => {
            let mut empty = Response::new(Body::empty());
            empty.headers_mut().clear();
            empty
        }
        Some(status @ 400..) if !rule.pass => ApiError::for_status(status).into_response(),
        _ => handle::normal(&exchange.state, &exchange.parts, exchange.body.clone()).await,
    }
}

/// JSON unless it looks like an event stream; a rule's own header overrides it.
fn content_type(body: &[u8]) -> &'static str {
    let events = [&b"data:"[..], b"event:", b"id:", b"retry:", b":"];
    if events.iter().any(|start| body.starts_with(start)) {
        "text/event-stream"
    } else {
        "application/json"
    }
}

fn set_header(headers: &mut HeaderMap, name: &str, value: &serde_json::Value) {
    // Rules were checked when they were made.
    let Ok(name) = HeaderName::try_from(name) else {
        return;
    };
    headers.remove(&name);
    for text in header_values(value) {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.append(name.clone(), value);
        }
    }
}

/// hyper corrects or refuses a wrong length, so a rule that sets it needs the answer written by hand.
fn sets_framing(headers: &HeaderMap) -> bool {
    headers.contains_key(header::CONTENT_LENGTH) || headers.contains_key(header::TRANSFER_ENCODING)
}

/// The body of an answer, taken apart.
struct Content {
    pieces: Vec<Bytes>,
    /// Without a content-length, piece by piece.
    chunked: bool,
}

impl Content {
    /// Collects a body; those of this server are always there at once.
    async fn of(body: &mut Body) -> Content {
        let chunked = body.size_hint().exact().is_none();
        let mut pieces = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            pieces.extend(frame.into_data());
        }
        Content { pieces, chunked }
    }

    /// One gzip stream over all pieces, flushed after each so that a reader can decode what it has.
    fn gzip(self) -> Content {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let mut pieces: Vec<Bytes> = Vec::new();
        for piece in &self.pieces {
            // Writing into a Vec cannot fail.
            let _ = encoder.write_all(piece).and_then(|()| encoder.flush());
            pieces.push(std::mem::take(encoder.get_mut()).into());
        }
        pieces.push(encoder.finish().unwrap_or_default().into());
        if !self.chunked {
            pieces = vec![pieces.concat().into()];
        }
        Content {
            pieces,
            chunked: self.chunked,
        }
    }

    fn into_body(self) -> Body {
        if self.chunked {
            Body::new(PieceBody::new(self.pieces))
        } else {
            Body::from(self.pieces.concat())
        }
    }
}

/// The answer as bytes: its head, then its body's pieces, both cut as the rule says.
fn by_hand(answer: &Response, content: &Content, rule: &Rule) -> (Vec<u8>, Vec<Vec<u8>>) {
    let length: usize = content.pieces.iter().map(Bytes::len).sum();
    let cut = match rule.drop {
        Some(DropAt::MidBody) => {
            let usual = if content.chunked { length } else { length / 2 };
            Some(rule.cut_at.unwrap_or(usual).min(length))
        }
        _ => None,
    };
    let mut head = format!("HTTP/1.1 {}\r\n", answer.status()).into_bytes();
    for (name, value) in answer.headers() {
        write_header(&mut head, name.as_str(), value.as_bytes());
    }
    if !answer.headers().contains_key(header::DATE) {
        let date = httpdate::fmt_http_date(SystemTime::now());
        write_header(&mut head, "date", date.as_bytes());
    }
    if !sets_framing(answer.headers()) {
        if content.chunked {
            write_header(&mut head, "transfer-encoding", b"chunked");
        } else {
            // A cut answer promises at least one byte more than it sends.
            let promised = length.max(cut.map_or(0, |cut| cut + 1));
            write_header(&mut head, "content-length", promised.to_string().as_bytes());
        }
    }
    head.extend_from_slice(b"\r\n");
    if rule.drop == Some(DropAt::MidHeaders) {
        head.truncate(head.len() / 2);
        return (head, Vec::new());
    }
    let mut left = cut.unwrap_or(length);
    let mut pieces = Vec::new();
    let framed = content.chunked && !sets_framing(answer.headers());
    for piece in &content.pieces {
        let part = &piece[..piece.len().min(left)];
        left -= part.len();
        if part.is_empty() {
            continue;
        }
        if framed {
            let mut chunk = format!("{:x}\r\n", part.len()).into_bytes();
            chunk.extend_from_slice(part);
            chunk.extend_from_slice(b"\r\n");
            pieces.push(chunk);
        } else {
            pieces.push(part.to_vec());
        }
    }
    if framed && cut.is_none() {
        pieces.push(b"0\r\n\r\n".to_vec());
    }
    (head, pieces)
}

fn write_header(head: &mut Vec<u8>, name: &str, value: &[u8]) {
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value);
    head.extend_from_slice(b"\r\n");
}

/// Writes the pieces past hyper and ends the connection; does not return.
async fn write_and_end(
    mut exchange: Exchange,
    rule: &Rule,
    pieces: &[Vec<u8>],
    after_first: Duration,
) -> Response<Tracked> {
    if exchange.parts.version == Version::HTTP_2 {
        // Bytes of HTTP/1.1 between frames would be no answer of any kind.
        return handle::break_off(&exchange.connection, exchange.ticket).await;
    }
    let between = Duration::from_millis(rule.chunk_delay_ms);
    if write_pieces(&exchange.connection, pieces, after_first, between)
        .await
        .is_err()
    {
        // The client is gone: the ticket says so when it is dropped.
        drop(exchange.ticket);
        exchange.connection.close();
        return pending().await;
    }
    if rule.drop.is_some() {
        exchange.ticket.cut_off();
    } else {
        exchange.ticket.finish();
    }
    if rule.reset {
        exchange.connection.reset();
    } else {
        exchange.connection.close();
    }
    pending().await
}

async fn write_pieces(
    connection: &Connection,
    pieces: &[Vec<u8>],
    after_first: Duration,
    between: Duration,
) -> io::Result<()> {
    for (place, piece) in pieces.iter().enumerate() {
        let wait = match place {
            0 => Duration::ZERO,
            1 => after_first.max(between),
            _ => between,
        };
        if !wait.is_zero() {
            sleep(wait).await;
        }
        connection.write_all(piece).await?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "scripted/tests.rs"]
mod tests;
