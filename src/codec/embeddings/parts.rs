//! Reads an embeddings answer as it comes, so that its body is never held.
//!
//! The rows are most of a body. Each one in base64 is decoded into the matrix as soon as it is there and cut out of the
//! text around it; what is left is small, is kept, and is read as JSON at the end. The cuts are made by the look of the
//! text alone (`"embedding":"`), and the JSON has to confirm them: each is the value of `embedding` of one item of `data`,
//! in order, or none counts. Whatever is not just so, whether it is wrong or only unusual, puts the body together again:
//! it is then read by [`decode`], which gives the matrix or the error, and the caller gets the bytes that the server sent.

use base64_simd::{STANDARD, STANDARD_NO_PAD};

use serde::de::DeserializeSeed;

use super::{Answer, Cut, Embeddings, Matrix, decode};
use crate::error::Error;

/// How much of a body's announced length is believed: a server may announce what it never sends.
const BELIEVED: u64 = 32 << 20;

/// Of a body with nothing to cut out in so many bytes, all is kept.
const ALL_KEPT: usize = 64 << 10;

/// Takes a body part by part.
pub struct Decoder {
    expected_rows: usize,
    /// Bytes that the body has, as far as the announcement is believed.
    announced: usize,
    received: u64,
    /// The body without what was cut out.
    kept: Vec<u8>,
    /// `None` once nothing is cut out any more, and `kept` is the body.
    rows: Option<Rows>,
}

/// What was cut out.
struct Rows {
    matrix: Matrix,
    /// Where in the kept text each row stood, the one that is being read included.
    places: Vec<usize>,
    /// How long each row is as text; 0 before the first.
    text_len: usize,
    /// What has come of the row that is being read, if that was not all at once.
    begun: Vec<u8>,
}

impl Decoder {
    /// For the answer to `expected_rows` inputs, which the server announced as so many bytes.
    pub fn new(expected_rows: usize, announced: Option<u64>) -> Decoder {
        let announced = announced.map_or(BELIEVED, |bytes| bytes.min(BELIEVED)) as usize;
        Decoder {
            expected_rows,
            announced,
            received: 0,
            kept: Vec::with_capacity(announced.min(256 + 64 * expected_rows)),
            rows: Some(Rows {
                matrix: Matrix::new(announced, expected_rows),
                places: Vec::with_capacity(expected_rows),
                text_len: 0,
                begun: Vec::new(),
            }),
        }
    }

    /// How many bytes have come.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Takes the next bytes of the body, cut anywhere.
    pub fn push(&mut self, mut part: &[u8]) {
        self.received += part.len() as u64;
        while !part.is_empty() {
            let Some(rows) = &mut self.rows else {
                return self.keep(part);
            };
            if rows.in_row() {
                match rows.take(part) {
                    Some(taken) => part = &part[taken..],
                    None => self.kept = self.whole(),
                }
                continue;
            }
            let Some(quote) = memchr::memchr(b'"', part) else {
                return self.keep(part);
            };
            let (head, tail) = part.split_at(quote + 1);
            part = tail;
            self.keep(head);
            if let (Some(rows), true) = (&mut self.rows, is_before_row(&self.kept)) {
                rows.places.push(self.kept.len());
            }
        }
    }

    /// The matrix; or what is wrong, and the body as it came.
    pub fn finish(mut self) -> Result<Embeddings, (Error, Vec<u8>)> {
        let rows = self.rows.as_mut().filter(|rows| !rows.in_row());
        if let Some(embeddings) = rows.and_then(|rows| rows.confirmed(&self.kept)) {
            return Ok(embeddings);
        }
        let body = self.whole();
        decode(&body, self.expected_rows).map_err(|error| (error, body))
    }

    fn keep(&mut self, part: &[u8]) {
        let has_room = self.kept.capacity() - self.kept.len() >= part.len();
        if !has_room && self.kept.len() >= ALL_KEPT {
            // One byte more for the NUL that C finds behind a body.
            let left = (self.announced + 1).saturating_sub(self.kept.len());
            self.kept.reserve_exact(left);
        }
        self.kept.extend_from_slice(part);
    }

    /// The body as it came, from which nothing is cut out from here on.
    fn whole(&mut self) -> Vec<u8> {
        let kept = std::mem::take(&mut self.kept);
        match self.rows.take() {
            Some(rows) if !rows.places.is_empty() => rows.put_back(&kept),
            _ => kept,
        }
    }
}

impl Rows {
    /// The kept text ends before a row, which is being read.
    fn in_row(&self) -> bool {
        self.places.len() > self.matrix.rows
    }

    /// Takes from `part` what is of the row that was begun, and gives how much that was. `None`: it is no row as it
    /// should be, and nothing of `part` was taken.
    fn take(&mut self, part: &[u8]) -> Option<usize> {
        if self.text_len == 0 {
            let Some(end) = memchr::memchr2(b'"', b'\\', part) else {
                self.begun.extend_from_slice(part);
                return Some(part.len());
            };
            if part[end] != b'"' {
                return None;
            }
            if self.begun.is_empty() {
                self.push(&part[..end])?;
            } else {
                let begun = self.begun.len();
                self.begun.extend_from_slice(&part[..end]);
                self.push_begun(begun)?;
            }
            return Some(end);
        }
        // All are as long as the first, so their ends need not be looked for.
        if self.begun.is_empty() && part.len() > self.text_len {
            let row = (part[self.text_len] == b'"').then_some(&part[..self.text_len])?;
            self.push(row)?;
            return Some(row.len());
        }
        let begun = self.begun.len();
        let more = self.text_len - begun;
        if part.len() <= more {
            self.begun.extend_from_slice(part);
            return Some(part.len());
        }
        if part[more] != b'"' {
            return None;
        }
        self.begun.extend_from_slice(&part[..more]);
        self.push_begun(begun)?;
        Some(more)
    }

    /// Takes the row that is in `begun`; if it is none, leaves there the first `before` bytes.
    fn push_begun(&mut self, before: usize) -> Option<()> {
        let mut text = std::mem::take(&mut self.begun);
        let pushed = self.push(&text);
        text.truncate(if pushed.is_some() { 0 } else { before });
        self.begun = text;
        pushed
    }

    fn push(&mut self, text: &[u8]) -> Option<()> {
        let matrix = &mut self.matrix;
        if matrix.rows == matrix.expected_rows {
            return None;
        }
        matrix.push_base64(text).ok()?;
        self.text_len = text.len();
        Some(())
    }

    /// The matrix, if the text from which the rows were cut confirms each of them.
    fn confirmed(&mut self, kept: &[u8]) -> Option<Embeddings> {
        if self.places.is_empty() {
            return None;
        }
        let expected_rows = self.matrix.expected_rows;
        let mut answer = Answer::new(kept.len(), expected_rows);
        answer.matrix = std::mem::replace(&mut self.matrix, Matrix::new(0, 0));
        answer.matrix.cut = Some(Cut {
            text: kept.as_ptr().addr(),
            places: std::mem::take(&mut self.places),
            rows: std::mem::take(&mut answer.matrix.rows),
        });
        let mut json = serde_json::Deserializer::from_slice(kept);
        let read = answer
            .deserialize(&mut json)
            .and_then(|()| json.end())
            .is_ok();
        let cut = answer.matrix.cut.take()?;
        if read && answer.matrix.rows == cut.rows {
            if let Ok(embeddings) = answer.finish() {
                return Some(embeddings);
            }
        }
        (self.matrix, self.places) = (answer.matrix, cut.places);
        self.matrix.rows = cut.rows;
        None
    }

    /// The body as it came: base64 says the same bits in one way only.
    fn put_back(self, kept: &[u8]) -> Vec<u8> {
        let Matrix { data, dims, .. } = &self.matrix;
        let text = kept.len() + self.matrix.rows * self.text_len + self.begun.len();
        let mut body = Vec::with_capacity(text + 1);
        let mut from = 0;
        for (row, &place) in data.chunks_exact((*dims).max(1)).zip(&self.places) {
            body.extend_from_slice(&kept[from..place]);
            let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
            // Without padding the length of a row whose bytes do not come in threes is no multiple of four.
            let alphabet = if self.text_len % 4 == 0 {
                STANDARD
            } else {
                STANDARD_NO_PAD
            };
            body.extend_from_slice(alphabet.encode_to_string(&bytes).as_bytes());
            from = place;
        }
        body.extend_from_slice(&kept[from..]);
        body.extend_from_slice(&self.begun);
        body
    }
}

/// Whether a text that ends in a quote ends in `"embedding":"`, which begins a row.
fn is_before_row(text: &[u8]) -> bool {
    let name = text
        .strip_suffix(b"\"")
        .and_then(|text| text.trim_ascii_end().strip_suffix(b":"));
    name.is_some_and(|name| name.trim_ascii_end().ends_with(b"\"embedding\""))
}

#[cfg(test)]
mod tests;
