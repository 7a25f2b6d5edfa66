//! A body that is sent in pieces: one HTTP chunk each, without a content-length.
//!
//! Used by the event streams and by rules with `chunks`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};

/// The pieces not yet sent.
pub(crate) struct PieceBody(VecDeque<Bytes>);

impl PieceBody {
    pub(crate) fn new(pieces: impl IntoIterator<Item = Bytes>) -> PieceBody {
        // An empty piece would be taken for the end of the body.
        PieceBody(
            pieces
                .into_iter()
                .filter(|piece| !piece.is_empty())
                .collect(),
        )
    }
}

impl Body for PieceBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }
}
