//! Server-sent events: the answers of `"stream": true`.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use serde_json::Value;

use crate::answer;
use crate::pieces::PieceBody;

/// One event of data alone, as chat completions send them.
pub(crate) fn data(value: &Value) -> Bytes {
    format!("data: {value}\n\n").into()
}

/// One event with its type, as the responses endpoint sends them.
pub(crate) fn typed(value: &Value) -> Bytes {
    let kind = value["type"].as_str().unwrap_or("message");
    format!("event: {kind}\ndata: {value}\n\n").into()
}

/// The event that ends a stream of chat completions.
pub(crate) fn done() -> Bytes {
    Bytes::from_static(b"data: [DONE]\n\n")
}

/// The answer that sends each event as a chunk of its own.
pub(crate) fn stream(events: Vec<Bytes>) -> Response {
    answer::bytes(200, "text/event-stream; charset=utf-8", Bytes::new())
        .map(|_| Body::new(PieceBody::new(events)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_one_line_of_data_and_a_blank_one() {
        assert_eq!(data(&json!({"a": "x\ny"})), "data: {\"a\":\"x\\ny\"}\n\n");
        assert_eq!(
            typed(&json!({"type": "t"})),
            "event: t\ndata: {\"type\":\"t\"}\n\n"
        );
    }
}
