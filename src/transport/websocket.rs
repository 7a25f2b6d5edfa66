//! A WebSocket: its handshake, and the frames of an open one.
//!
//! `http` opens one for a call that asks for it, by an HTTP client like that of every call, so that TLS, proxies and
//! bounds are the same; `client::realtime` talks over it. It keeps no queue, makes no second attempt, and follows no
//! redirect: the key goes to the origin that it was given for.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use ::http::header::{CONNECTION, LOCATION, UPGRADE};
use ::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use futures_util::{Sink, Stream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as Broken, ProtocolError};
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::failure::{Failure, FailureKind};
use super::http::apart;
use super::redirect::Hop;
use super::{Answer, Body, Watcher};
use crate::error::Error;
use crate::status;
use crate::sync::lock;

/// The largest single frame: a server may announce what it never sends.
const MOST_FRAME: u64 = 64 << 20;

/// What is read or gathered at once.
const BUFFER: usize = 16 << 10;

/// What a message says.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    Text(Utf8Bytes),
    Binary(Bytes),
}

impl Payload {
    pub fn bytes(&self) -> &[u8] {
        match self {
            Payload::Text(text) => text.as_bytes(),
            Payload::Binary(bytes) => bytes,
        }
    }

    pub fn is_binary(&self) -> bool {
        matches!(self, Payload::Binary(_))
    }
}

/// How one side said good-bye.
#[derive(Clone, Debug, PartialEq)]
pub struct Farewell {
    pub code: u16,
    pub reason: String,
}

/// The code of a close frame that holds none, as the standard says.
const NO_CODE: u16 = 1005;

/// What was heard.
#[derive(Debug)]
pub enum Heard {
    Payload(Payload),
    /// A ping, which is being answered, or the answer to ours.
    Alive,
    /// The server closes, or answers our close.
    Farewell(Farewell),
    /// Nothing more can come.
    Failed(Error),
}

/// Where a call's socket goes once it is open.
#[derive(Clone, Default)]
pub struct SocketSlot(Arc<Mutex<Option<Socket>>>);

impl SocketSlot {
    /// Takes the socket out.
    pub fn take(&self) -> Option<Socket> {
        lock(&self.0).take()
    }

    fn put(&self, socket: Socket) {
        *lock(&self.0) = Some(socket);
    }
}

impl fmt::Debug for SocketSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SocketSlot")
    }
}

/// An open WebSocket. Dropping it drops the connection.
pub struct Socket {
    stream: WebSocketStream<reqwest::Upgraded>,
}

impl Socket {
    /// Whether a message may be written now.
    pub fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream)
            .poll_ready(context)
            .map_err(error)
    }

    /// Begins to write a message.
    pub fn write(&mut self, payload: Payload) -> Result<(), Error> {
        self.start(match payload {
            Payload::Text(text) => Message::Text(text),
            Payload::Binary(bytes) => Message::Binary(bytes),
        })
    }

    /// Begins to write a ping.
    pub fn ping(&mut self) -> Result<(), Error> {
        self.start(Message::Ping(Bytes::new()))
    }

    /// Begins to write a close frame; nothing may be written behind it.
    pub fn close(&mut self, farewell: Farewell) -> Result<(), Error> {
        self.start(Message::Close(Some(CloseFrame {
            code: farewell.code.into(),
            reason: farewell.reason.into(),
        })))
    }

    fn start(&mut self, message: Message) -> Result<(), Error> {
        Pin::new(&mut self.stream)
            .start_send(message)
            .map_err(error)
    }

    /// Whether all that was begun has been given to the connection.
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream)
            .poll_flush(context)
            .map_err(error)
    }

    /// What comes next. It also answers pings.
    pub fn poll_heard(&mut self, context: &mut Context<'_>) -> Poll<Heard> {
        let next = ready!(Pin::new(&mut self.stream).poll_next(context));
        Poll::Ready(match next {
            Some(Ok(Message::Text(text))) => Heard::Payload(Payload::Text(text)),
            Some(Ok(Message::Binary(bytes))) => Heard::Payload(Payload::Binary(bytes)),
            Some(Ok(Message::Close(frame))) => Heard::Farewell(match frame {
                Some(frame) => Farewell {
                    code: frame.code.into(),
                    reason: frame.reason.as_str().to_owned(),
                },
                None => Farewell {
                    code: NO_CODE,
                    reason: String::new(),
                },
            }),
            Some(Ok(_)) => Heard::Alive,
            Some(Err(broken)) => Heard::Failed(error(broken)),
            None => Heard::Failed(error(Broken::ConnectionClosed)),
        })
    }
}

/// What went wrong with an open connection.
fn error(broken: Broken) -> Error {
    match broken {
        Broken::Capacity(CapacityError::MessageTooLong { size, max_size }) => Error::new(
            status::TOO_LARGE,
            format!(
                "a message of {size} bytes came over the WebSocket, more than {max_size} (max_response_bytes, and \
                 64 MiB for a single frame)"
            ),
        ),
        Broken::ConnectionClosed
        | Broken::AlreadyClosed
        | Broken::Protocol(
            ProtocolError::ResetWithoutClosingHandshake | ProtocolError::SendAfterClosing,
        ) => Error::new(
            status::CONNECTION_LOST,
            "the WebSocket connection was lost: it ended without a close frame",
        ),
        Broken::Io(reason) => Error::new(
            status::CONNECTION_LOST,
            format!("the WebSocket connection was lost: {reason}"),
        ),
        reason => Error::new(
            status::PROTOCOL,
            format!("what came over the WebSocket is not valid: {reason}"),
        ),
    }
}

/// Opens a socket into `slot`, or gives the answer that says no.
pub(super) async fn open(
    client: &reqwest::Client,
    hop: Hop,
    slot: &SocketSlot,
    most: u64,
    watcher: &Arc<dyn Watcher>,
) -> Result<Result<Answer, reqwest::Response>, Failure> {
    let key = generate_key();
    let request = client
        .get(hop.url.clone())
        .headers(hop.headers)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", &key);
    // Nothing would tell when the head is written.
    watcher.sent();
    let answer = request.send().await.map_err(Failure::from_reqwest)?;
    if answer.status().is_redirection() {
        return Err(redirected(&hop.url, answer.headers()));
    }
    watcher.answered(answer.status().as_u16(), answer.headers());
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return match answer.status().is_success() {
            true => Err(no_socket(&format!(
                "the server answered {} and opened no WebSocket: is {} one of its WebSocket endpoints, and does what \
                 stands in between pass upgrades on?",
                answer.status().as_u16(),
                hop.url.path()
            ))),
            false => Ok(Err(answer)),
        };
    }
    let headers = apart(answer.headers().clone());
    let says = |name: &str, value: &str| {
        let said = headers.get(name).and_then(|value| value.to_str().ok());
        said.is_some_and(|said| said.trim().eq_ignore_ascii_case(value))
    };
    let accepts = headers.get("sec-websocket-accept");
    if !says("upgrade", "websocket")
        || accepts.is_none_or(|accepts| accepts != &*derive_accept_key(key.as_bytes()))
    {
        return Err(no_socket(
            "the server switched protocols, but not to the WebSocket that was asked for",
        ));
    }
    let upgraded = answer.upgrade().await.map_err(Failure::from_reqwest)?;
    let size = |bytes: u64| Some(usize::try_from(bytes).unwrap_or(usize::MAX));
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_message_size(size(most))
        .max_frame_size(size(most.min(MOST_FRAME)));
    let stream = WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await;
    slot.put(Socket { stream });
    Ok(Ok(Answer {
        status: StatusCode::SWITCHING_PROTOCOLS.as_u16(),
        headers,
        body: Body::Whole(Vec::new()),
    }))
}

/// Another attempt would end the same way.
fn no_socket(message: &str) -> Failure {
    Failure::new(FailureKind::Unsendable(status::PROTOCOL), message)
}

fn redirected(from: &url::Url, headers: &HeaderMap) -> Failure {
    let to = headers
        .get(LOCATION)
        .and_then(|location| location.to_str().ok())
        .and_then(|location| from.join(location).ok())
        .map_or_else(
            || "nowhere".into(),
            // No more of it: a query may hold a secret.
            |url| format!("{}://{}", url.scheme(), url.authority()),
        );
    Failure::new(
        FailureKind::Redirect,
        format!(
            "it leads from a WebSocket handshake to {to}; if that is right, set base_url to it"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_named_without_its_query() {
        let from = url::Url::parse("https://a.example/v1/realtime?model=m").unwrap();
        for (location, says) in [
            (Some("https://b.example/x?key=secret"), "https://b.example;"),
            (Some("/other"), "https://a.example;"),
            (None, "nowhere;"),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(location) = location {
                headers.insert(LOCATION, location.parse().unwrap());
            }
            let failure = redirected(&from, &headers);
            assert!(failure.message.contains(says), "{}", failure.message);
            assert!(!failure.message.contains("secret"), "{}", failure.message);
            assert_eq!(failure.kind, FailureKind::Redirect);
        }
    }

    #[test]
    fn each_breakdown_has_its_status() {
        for (broken, expected) in [
            (
                Broken::Capacity(CapacityError::MessageTooLong {
                    size: 2,
                    max_size: 1,
                }),
                status::TOO_LARGE,
            ),
            (Broken::ConnectionClosed, status::CONNECTION_LOST),
            (
                Broken::Io(std::io::ErrorKind::ConnectionReset.into()),
                status::CONNECTION_LOST,
            ),
            (
                Broken::Protocol(ProtocolError::NonZeroReservedBits),
                status::PROTOCOL,
            ),
        ] {
            assert_eq!(error(broken).status, expected);
        }
    }
}
