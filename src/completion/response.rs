//! What a request came to: an outcome, whether it went well or not.
//!
//! Made by the scheduler, read by `ffi`, never changed once it is delivered.

use std::ffi::{CStr, CString};

use http::HeaderMap;
use once_cell::sync::OnceCell;

use super::ending::Ending;
use super::with_nul::WithNul;
use crate::codec::embeddings::Embeddings;
use crate::codec::usage::{self, Usage};
use crate::error::Error;
use crate::status::{self, Status};

/// One outcome. Everything that did not happen is empty, 0 or `None`.
#[derive(Debug, Default)]
pub struct Response {
    /// The request's id, 0 when it was refused.
    pub id: u64,
    /// The HTTP status of the last answer, 0 when none came.
    pub http_status: u16,
    pub headers: Headers,
    /// Attempts that were started.
    pub attempts: u32,
    /// Where it came from: 0 is the client's own place, n the nth fallback.
    pub place: u8,
    /// The typed embed calls' vectors.
    pub embeddings: Option<Embeddings>,
    pub error: Option<Error>,
    /// Bytes of the body as they came.
    pub received: u64,
    /// Of a connection that ended.
    pub ending: Option<Box<Ending>>,
    body: WithNul,
    usage: OnceCell<Option<Usage>>,
    request_id: OnceCell<Option<CString>>,
}

impl Response {
    /// A response that is an error and nothing else.
    pub fn failed(id: u64, error: Error) -> Response {
        Response {
            id,
            http_status: error.http_status,
            error: Some(error),
            ..Response::default()
        }
    }

    /// A response to an answer of the server.
    pub fn answered(http_status: u16, headers: HeaderMap) -> Response {
        let headers = Headers {
            map: headers,
            text: OnceCell::new(),
        };
        Response {
            http_status,
            headers,
            ..Response::default()
        }
    }

    /// Makes an error of an answer; the body is kept for whoever has to find out why.
    pub fn fail(&mut self, error: Error) {
        self.error = Some(Error {
            http_status: self.http_status,
            request_id: self
                .request_id()
                .map(|id| id.to_string_lossy().into_owned()),
            ..error
        });
    }

    /// Sets the body.
    pub fn set_body(&mut self, body: Vec<u8>) {
        self.body = body.into();
    }

    pub fn body(&self) -> &WithNul {
        &self.body
    }

    /// What it takes up beside itself: the body, the vectors, the words of an error.
    pub fn bytes(&self) -> usize {
        let vectors = self.embeddings.as_ref();
        let vectors = vectors.map_or(0, |vectors| vectors.data.len() * size_of::<f32>());
        let words = self.error.as_ref().map_or(0, |error| error.message.len());
        let ending = self.ending.as_ref().map_or(0, |ending| ending.bytes());
        self.body.len() + vectors + words + ending
    }

    /// The memory that it holds beside itself, about.
    pub fn capacity(&self) -> usize {
        self.bytes() - self.body.len() + self.body.capacity() + self.headers.capacity()
    }

    pub fn status(&self) -> Status {
        self.error.as_ref().map_or(status::OK, |e| e.status)
    }

    /// The server's id of the request.
    pub fn request_id(&self) -> Option<&CStr> {
        // Not by way of all headers as C strings: everybody asks for this one.
        let id = self.request_id.get_or_init(|| {
            let map = &self.headers.map;
            let id = map
                .get("x-request-id")
                .or_else(|| map.get("apim-request-id"))?;
            CString::new(String::from_utf8_lossy(id.as_bytes()).as_ref()).ok()
        });
        id.as_deref()
    }

    /// Tokens as the server counted them; looked up in the body at the first call.
    pub fn usage(&self) -> Option<&Usage> {
        self.usage
            .get_or_init(|| match &self.embeddings {
                Some(embeddings) => embeddings.usage,
                None => usage::find(self.body()),
            })
            .as_ref()
    }
}

/// An answer's headers, as C strings once somebody asks.
#[derive(Debug, Default)]
pub struct Headers {
    map: HeaderMap,
    text: OnceCell<Vec<(CString, CString)>>,
}

impl Headers {
    /// The first value of a header, its name in any case.
    pub fn get(&self, name: &str) -> Option<&CStr> {
        self.all()
            .iter()
            .find(|(n, _)| n.to_bytes().eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value.as_c_str())
    }

    /// The memory that they hold, about.
    fn capacity(&self) -> usize {
        /// A place in the map: a hash, a name, a value and links.
        const PLACE: usize = 104;
        let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            name.as_str().len() + value.len()
        };
        // Once as they came, and once more for C, if somebody asked.
        let texts = self.map.iter().map(text).sum::<usize>();
        PLACE * self.map.capacity() + texts * (1 + usize::from(self.text.get().is_some()))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.map.len()
    }

    /// Every header in the order of the map; bytes that are not UTF-8 are replaced.
    pub fn all(&self) -> &[(CString, CString)] {
        self.text.get_or_init(|| {
            self.map
                .iter()
                .map(|(name, value)| {
                    // Neither can hold a NUL, by http's own rules.
                    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                    (
                        CString::new(name.as_str()).unwrap_or_default(),
                        CString::new(value).unwrap_or_default(),
                    )
                })
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_in_any_case() {
        let mut map = HeaderMap::new();
        map.insert("x-request-id", "req_1".parse().unwrap());
        let response = Response::answered(200, map);
        assert_eq!(response.headers.get("X-Request-Id").unwrap(), c"req_1");
        assert_eq!(response.request_id().unwrap(), c"req_1");
        assert_eq!(response.headers.get("absent"), None);
    }
}
