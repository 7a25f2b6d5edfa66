//! WebSockets: `GET /v1/realtime` and `GET /v1/responses`, which talk as OpenAI's do, and misbehave when a message asks
//! them to.
//!
//! `handle` gives a request here that asks for an upgrade, after key, outage and latency; scripted rules have had their
//! turn by then. Messages whose type begins with `test.` are orders (README.md lists them), so that a test needs no
//! second channel; the query parameter `test` is such a message, carried out as soon as the connection is open.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, header};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};

use crate::connection::Connection;
use crate::errors::ApiError;
use crate::{responses, text};

/// Which conversation a path is for.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Realtime,
    Responses,
}

/// Whether a request is for this file.
pub(crate) fn is_wanted(parts: &Parts) -> bool {
    parts.method == Method::GET && kind_of(parts.uri.path()).is_some()
}

fn kind_of(path: &str) -> Option<Kind> {
    let path = path
        .strip_prefix("/v1")
        .or_else(|| path.strip_prefix("/openai/v1"))
        .or_else(|| path.strip_prefix("/openai"))?;
    match path {
        "/realtime" => Some(Kind::Realtime),
        "/responses" => Some(Kind::Responses),
        _ => None,
    }
}

/// Switches protocols and goes on talking in a task of its own.
pub(crate) fn answer(parts: &Parts) -> Response {
    let upgrade = parts.extensions.get::<OnUpgrade>().cloned();
    let connection = parts.extensions.get::<Connection>().cloned();
    let key = parts.headers.get("sec-websocket-key");
    let (Some(kind), Some(upgrade), Some(connection), Some(key)) =
        (kind_of(parts.uri.path()), upgrade, connection, key)
    else {
        let message = "This endpoint is a WebSocket: ask for an upgrade.";
        return ApiError::invalid("upgrade", message).into_response();
    };
    let accept = derive_accept_key(key.as_bytes());
    let order = query(parts, "test").and_then(|text| serde_json::from_str(&text).ok());
    let model = query(parts, "model").or_else(|| query(parts, "deployment"));
    tokio::spawn(async move {
        // The client may have gone; then there is nobody to talk to.
        let Ok(upgraded) = upgrade.await else { return };
        let socket =
            WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
        let conversation = Conversation {
            kind,
            socket,
            connection,
            heard: 0,
            model: model.unwrap_or_default(),
        };
        // It ends when either side does; which one makes no difference to the server.
        let _ = conversation.talk(order).await;
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::try_from(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

/// A query parameter, decoded.
fn query(parts: &Parts, name: &str) -> Option<String> {
    let axum::extract::Query(pairs) =
        axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).ok()?;
    pairs.into_iter().find(|(n, _)| n == name).map(|(_, v)| v)
}

/// One open WebSocket.
struct Conversation {
    kind: Kind,
    socket: WebSocketStream<TokioIo<Upgraded>>,
    connection: Connection,
    /// Messages so far, orders included.
    heard: u64,
    model: String,
}

/// Why a conversation ends.
enum Over {
    /// The client went or broke off.
    Gone,
    /// An order said so.
    Ordered,
}

impl Conversation {
    async fn talk(mut self, order: Option<Value>) -> Result<(), Over> {
        if self.kind == Kind::Realtime {
            let session = json!({
                "type": "realtime", "object": "realtime.session", "id": "sess_test", "model": self.model
            });
            self.say(
                &json!({"type": "session.created", "event_id": "event_0", "session": session}),
            )
            .await?;
        }
        if let Some(order) = order {
            self.obey(&order).await?;
        }
        loop {
            let message = match self.socket.next().await {
                Some(Ok(message)) => message,
                _ => return Err(Over::Gone),
            };
            match message {
                Message::Text(text) => {
                    self.heard += 1;
                    match serde_json::from_str::<Value>(&text) {
                        Ok(event) => self.take(&event, text.as_bytes()).await?,
                        Err(_) => {
                            self.refuse("The message is not JSON.", &Value::Null)
                                .await?
                        }
                    }
                }
                Message::Binary(bytes) => {
                    self.heard += 1;
                    self.send(Message::Binary(bytes)).await?;
                }
                Message::Pong(payload) => {
                    let payload = String::from_utf8_lossy(&payload);
                    self.say(&json!({"type": "test.pong", "payload": payload}))
                        .await?;
                }
                _ => {}
            }
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), Over> {
        self.socket.send(message).await.map_err(|_| Over::Gone)
    }

    async fn say(&mut self, event: &Value) -> Result<(), Over> {
        self.send(Message::text(event.to_string())).await
    }

    async fn refuse(&mut self, message: &str, event: &Value) -> Result<(), Over> {
        let error = json!({
            "type": "invalid_request_error", "code": "invalid_value", "param": "type", "message": message,
            "event_id": event["event_id"]
        });
        self.say(&json!({"type": "error", "event_id": "event_error", "error": error}))
            .await
    }

    async fn take(&mut self, event: &Value, raw: &[u8]) -> Result<(), Over> {
        let kind = event["type"].as_str().unwrap_or("");
        if kind.starts_with("test.") {
            return self.obey(event).await;
        }
        match (self.kind, kind) {
            (Kind::Realtime, "session.update") => {
                self.say(&json!({"type": "session.updated", "session": event["session"]}))
                    .await
            }
            (Kind::Realtime, "conversation.item.create") => {
                for kind in ["conversation.item.added", "conversation.item.done"] {
                    self.say(&json!({"type": kind, "item": event["item"]}))
                        .await?;
                }
                Ok(())
            }
            (Kind::Realtime, "input_audio_buffer.append") => Ok(()),
            (Kind::Realtime, "response.create") => {
                let id = text::id("resp_", raw);
                self.say(&json!({"type": "response.created", "response": {"id": id, "status": "in_progress"}}))
                    .await?;
                for delta in ["You ", "said ", "it."] {
                    self.say(&json!({"type": "response.output_text.delta", "response_id": id, "delta": delta}))
                        .await?;
                }
                self.say(&json!({"type": "response.output_text.done", "response_id": id, "text": "You said it."}))
                    .await?;
                self.say(&json!({"type": "response.done", "response": {"id": id, "status": "completed"}}))
                    .await
            }
            (Kind::Responses, "response.create") => match responses::events(raw) {
                Ok(events) => {
                    for event in events {
                        self.say(&event).await?;
                    }
                    Ok(())
                }
                Err(error) => self.refuse(&error.message, event).await,
            },
            _ => {
                self.refuse("The message has no type that is known here.", event)
                    .await
            }
        }
    }

    /// Carries out an order.
    async fn obey(&mut self, order: &Value) -> Result<(), Over> {
        let number = |name: &str| order[name].as_u64().unwrap_or(0);
        match order["type"].as_str().unwrap_or("") {
            "test.close" => {
                let reason = order["reason"].as_str().unwrap_or("").to_owned();
                let code = u16::try_from(number("code")).unwrap_or(1000);
                let frame = CloseFrame {
                    code: code.into(),
                    reason: reason.into(),
                };
                self.send(Message::Close(Some(frame))).await?;
                // Its answer, so that no reset overtakes ours.
                while let Some(Ok(_)) = self.socket.next().await {}
                Err(Over::Ordered)
            }
            "test.drop" => {
                self.connection.reset();
                Err(Over::Ordered)
            }
            "test.end" => {
                self.connection.close();
                Err(Over::Ordered)
            }
            "test.silence" => std::future::pending().await,
            "test.pause" => {
                tokio::time::sleep(Duration::from_millis(number("ms"))).await;
                Ok(())
            }
            "test.burst" => {
                for index in 0..number("count") {
                    self.say(&json!({"type": "test.part", "index": index, "padding": padding(number("bytes"))}))
                        .await?;
                }
                Ok(())
            }
            "test.binary" => {
                let bytes = padding(number("bytes")).into_bytes();
                self.send(Message::binary(bytes)).await
            }
            "test.ping" => {
                let payload = order["payload"].as_str().unwrap_or("").to_owned();
                self.send(Message::Ping(payload.into_bytes().into())).await
            }
            "test.fragments" => {
                let whole = json!({"type": "test.whole"}).to_string();
                let (first, second) = whole.split_at(whole.len() / 2);
                for (part, code, last) in [
                    (first, OpCode::Data(Data::Text), false),
                    (second, OpCode::Data(Data::Continue), true),
                ] {
                    let frame = Frame::message(part.to_owned().into_bytes(), code, last);
                    self.send(Message::Frame(frame)).await?;
                }
                Ok(())
            }
            "test.garbage" => {
                // Reserved bits and an opcode that there is not.
                let sent = self
                    .connection
                    .write_all(&[0xff, 0x05, 1, 2, 3, 4, 5])
                    .await;
                sent.map_err(|_| Over::Gone)
            }
            "test.count" => {
                let count = self.heard;
                self.say(&json!({"type": "test.count", "count": count}))
                    .await
            }
            _ => {
                self.refuse("There is no such order; see the server's README.", order)
                    .await
            }
        }
    }
}

fn padding(bytes: u64) -> String {
    "x".repeat(usize::try_from(bytes).unwrap_or(0))
}
