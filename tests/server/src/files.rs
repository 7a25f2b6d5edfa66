//! `/v1/files`: takes any upload, and gives contents of any size.
//!
//! Nothing is stored. `GET /v1/files/zeros-N/content` is N zero bytes; the content of every other file is its own id.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, header};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;

use crate::answer;

/// Longer bodies are read and dropped, so that a test can send gigabytes.
const KEPT: usize = 16 << 20;

/// Reads a body: its bytes, none if it is longer than what is kept, and its length.
pub(crate) async fn receive(mut body: Incoming) -> Result<(Bytes, u64), hyper::Error> {
    let announced = http_body::Body::size_hint(&body).lower();
    let mut kept = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        length += data.len() as u64;
        if length.max(announced) <= KEPT as u64 {
            kept.extend_from_slice(&data);
        } else {
            kept = Vec::new();
        }
    }
    Ok((Bytes::from(kept), length))
}

/// `POST /v1/files`.
pub(crate) fn upload(body: &[u8]) -> Response {
    answer::json(
        200,
        &json!({"id": "file-test", "object": "file", "bytes": body.len(), "status": "processed"}),
    )
}

/// `GET /v1/files/{id}/content`.
pub(crate) fn content(id: &str) -> Response {
    let length = id.strip_prefix("zeros-").and_then(|n| n.parse().ok());
    let Some(left) = length else {
        return answer::bytes(200, "application/octet-stream", id.to_owned());
    };
    let mut response = Response::new(Body::new(Zeros { left }));
    let kind = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// A body of so many zero bytes.
struct Zeros {
    left: u64,
}

impl http_body::Body for Zeros {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        static PIECE: [u8; 64 << 10] = [0; 64 << 10];
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let length = self.left.min(PIECE.len() as u64);
        self.left -= length;
        let piece = Bytes::from_static(&PIECE[..length as usize]);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
