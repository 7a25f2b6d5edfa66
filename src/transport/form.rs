//! A `multipart/form-data` body (RFC 7578): fields, bytes from memory and files from disk, its length known beforehand.
//!
//! `client` makes a [`Form`] when a request is submitted, and every attempt makes a new [`FormBody`] of it. A file is
//! opened anew for each attempt, read a little at a time and off the runtime's thread, and never held whole. It must be
//! as long as it was at the submit: a shorter or longer one fails the attempt instead of arriving cut off.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use ::http::HeaderValue;
use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use super::Watcher;
use crate::error::{Error, Result};
use crate::status;

/// How much of a file is in memory at once.
const PIECE: u64 = 64 << 10;

/// One field of a form.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    /// What makes it a file.
    pub file: Option<FileName>,
    pub source: Source,
}

/// What a form says of a file.
#[derive(Clone, Debug)]
pub struct FileName {
    pub name: String,
    pub content_type: HeaderValue,
}

/// Where a field's bytes come from.
#[derive(Clone, Debug)]
pub enum Source {
    Memory(Bytes),
    File(PathBuf),
    /// A part of a file.
    Range {
        path: PathBuf,
        from: u64,
        length: u64,
    },
}

/// A form that is ready to be sent, as often as need be.
#[derive(Debug)]
pub struct Form {
    boundary: String,
    segments: Vec<Segment>,
    length: u64,
}

#[derive(Clone, Debug)]
enum Segment {
    Bytes(Bytes),
    File(Range),
}

/// What is sent of a file.
#[derive(Clone, Debug)]
struct Range {
    path: PathBuf,
    from: u64,
    length: u64,
    /// The file ended with it when it was submitted.
    ends: bool,
}

impl Segment {
    fn length(&self) -> u64 {
        match self {
            Segment::Bytes(bytes) => bytes.len() as u64,
            Segment::File(range) => range.length,
        }
    }
}

impl Form {
    /// Puts the fields together and measures the files.
    pub fn new(fields: &[Field]) -> Result<Form> {
        let boundary = boundary();
        let mut segments = Vec::with_capacity(2 * fields.len() + 1);
        let mut head = String::new();
        for field in fields {
            let _ = write!(
                head,
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"",
                quoted(&field.name)
            );
            if let Some(file) = &field.file {
                let content_type = file.content_type.to_str().unwrap_or_default();
                let _ = write!(
                    head,
                    "; filename=\"{}\"\r\nContent-Type: {content_type}",
                    quoted(&file.name)
                );
            }
            head.push_str("\r\n\r\n");
            segments.push(Segment::Bytes(Bytes::from(std::mem::take(&mut head))));
            segments.push(match &field.source {
                Source::Memory(bytes) => Segment::Bytes(bytes.clone()),
                Source::File(path) => Segment::File(Range {
                    path: path.clone(),
                    from: 0,
                    length: measure(path)?,
                    ends: true,
                }),
                Source::Range { path, from, length } => Segment::File(Range {
                    path: path.clone(),
                    from: *from,
                    length: *length,
                    ends: measure(path)? == from + length,
                }),
            });
            head.push_str("\r\n");
        }
        let _ = write!(head, "--{boundary}--\r\n");
        segments.push(Segment::Bytes(Bytes::from(head)));
        let length = segments.iter().map(Segment::length).sum();
        Ok(Form {
            boundary,
            segments,
            length,
        })
    }

    /// How many bytes it has on the wire.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The `Content-Type` that goes with it.
    pub fn content_type(&self) -> HeaderValue {
        // The boundary is made of letters and digits.
        HeaderValue::from_str(&format!("multipart/form-data; boundary={}", self.boundary))
            .unwrap_or(HeaderValue::from_static("multipart/form-data"))
    }

    /// The body of one attempt. What is wrong with a file is left in `trouble`.
    pub fn body(&self, watcher: Arc<dyn Watcher>, trouble: Arc<OnceLock<Error>>) -> FormBody {
        FormBody {
            segments: self.segments.iter().cloned().collect(),
            reader: None,
            reading: None,
            length: self.length,
            left: self.length,
            watcher,
            trouble,
        }
    }
}

/// A name as RFC 7578 and the browsers write it between quotes: what would end it, or the line, becomes `%22` and such.
fn quoted(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len());
    for character in name.chars() {
        if character == '"' || character.is_ascii_control() {
            let _ = write!(quoted, "%{:02X}", character as u32);
        } else {
            quoted.push(character);
        }
    }
    quoted
}

/// 128 random bits, which no content holds by chance.
fn boundary() -> String {
    use std::hash::{BuildHasher, RandomState};
    let random = || RandomState::new().hash_one(0u8);
    format!("oaic{:016x}{:016x}", random(), random())
}

/// How long a file is; an error unless it is one and can be read.
pub fn measure(path: &Path) -> Result<u64> {
    // Before it is opened: opening a pipe would wait for its writer.
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error.to_string()))?;
    if !metadata.is_file() {
        return Err(unreadable(path, "it is not a regular file"));
    }
    let file = File::open(path).map_err(|error| unreadable(path, &error.to_string()))?;
    let metadata = file.metadata();
    Ok(metadata
        .map_err(|error| unreadable(path, &error.to_string()))?
        .len())
}

pub fn unreadable(path: &Path, why: &str) -> Error {
    Error::new(
        status::FILE,
        format!("the file {} cannot be sent: {why}", path.display()),
    )
}

/// A part of a file, and the reader unless it was the last.
type Piece = (Option<Reader>, Bytes);

/// A file on its way.
struct Reader {
    range: Range,
    /// `None` until its first bytes are wanted.
    file: Option<File>,
    left: u64,
}

impl Range {
    fn open(&self) -> std::io::Result<File> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.from))?;
        Ok(file)
    }
}

impl Reader {
    /// The next bytes. It blocks.
    fn read(mut self) -> Result<Piece> {
        let failed = |path: &Path, error: std::io::Error| unreadable(path, &error.to_string());
        let mut file = match self.file.take() {
            Some(file) => file,
            None => self
                .range
                .open()
                .map_err(|error| failed(&self.range.path, error))?,
        };
        let wanted = self.left.min(PIECE);
        let mut bytes = Vec::with_capacity(wanted as usize);
        (&mut file)
            .take(wanted)
            .read_to_end(&mut bytes)
            .map_err(|error| failed(&self.range.path, error))?;
        self.left -= bytes.len() as u64;
        let mut more = [0];
        let too_short = (bytes.len() as u64) < wanted;
        if too_short
            || self.left == 0
                && self.range.ends
                && file
                    .read(&mut more)
                    .map_err(|error| failed(&self.range.path, error))?
                    > 0
        {
            let why = format!(
                "it had {} bytes when the request was submitted and has now become {}; submit it again",
                self.range.from + self.range.length,
                if too_short { "shorter" } else { "longer" }
            );
            return Err(unreadable(&self.range.path, &why));
        }
        let next = (self.left > 0).then(|| Reader {
            file: Some(file),
            ..self
        });
        Ok((next, Bytes::from(bytes)))
    }
}

/// One attempt's body.
pub struct FormBody {
    segments: VecDeque<Segment>,
    reader: Option<Reader>,
    reading: Option<JoinHandle<Result<Piece>>>,
    length: u64,
    left: u64,
    watcher: Arc<dyn Watcher>,
    trouble: Arc<OnceLock<Error>>,
}

impl FormBody {
    fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let read = ready!(Pin::new(reading).poll(context));
                self.reading = None;
                // The task is only lost when the runtime ends.
                let read = read
                    .unwrap_or_else(|error| Err(Error::new(status::SHUTDOWN, error.to_string())));
                match read {
                    Ok((_, bytes)) if bytes.is_empty() => {}
                    Ok((reader, bytes)) => {
                        self.reader = reader;
                        return Poll::Ready(Some(Ok(bytes)));
                    }
                    Err(error) => return Poll::Ready(Some(Err(error))),
                }
            } else if let Some(reader) = self.reader.take() {
                self.reading = Some(spawn_blocking(|| reader.read()));
            } else {
                match self.segments.pop_front() {
                    None => return Poll::Ready(None),
                    Some(Segment::Bytes(bytes)) if bytes.is_empty() => {}
                    Some(Segment::Bytes(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                    Some(Segment::File(range)) => {
                        self.reader = Some(Reader {
                            file: None,
                            left: range.length,
                            range,
                        });
                    }
                }
            }
        }
    }
}

impl http_body::Body for FormBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<http_body::Frame<Bytes>, Error>>> {
        let next = ready!(self.poll_bytes(context));
        Poll::Ready(next.map(|next| {
            let bytes = next.inspect_err(|error| drop(self.trouble.set(error.clone())))?;
            self.left -= bytes.len() as u64;
            self.watcher.uploaded(self.length - self.left, self.length);
            Ok(http_body::Frame::data(bytes))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests;
