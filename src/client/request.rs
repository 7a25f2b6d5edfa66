//! A request as the host builds it, and how it becomes a job.
//!
//! The general form (method, path, JSON) serves every operation. The embed calls are the general form with inputs
//! added: they ask for base64 on the wire, and their answer is decoded into a matrix.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use once_cell::sync::Lazy;
use serde_json::value::{RawValue, to_raw_value};

use super::form;
use crate::codec::skim::skim;
use crate::codec::tokens;
use crate::error::{Error, Result};
use crate::scheduler::{Expect, NewJob, may_repeat};
use crate::status;
use crate::transport::{Call, Content, Field, Form, Output, SocketSlot};

/// The path of the embed calls.
const EMBEDDINGS: &str = "/embeddings";
static EMBEDDINGS_PATH: Lazy<Arc<str>> = Lazy::new(|| EMBEDDINGS.into());

/// A request being put together; submitting it leaves it as it is.
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    path: Arc<str>,
    query: Vec<(String, String)>,
    headers: Vec<(HeaderName, HeaderValue)>,
    json: Option<Bytes>,
    /// A JSON array of texts, and how many.
    inputs: Option<(Box<RawValue>, NonZeroU32)>,
    model: Option<String>,
    dimensions: Option<u32>,
    user: Option<String>,
    stream: Option<bool>,
    /// Fields and files beside the JSON, which make the body a form.
    fields: Vec<Field>,
    output: Option<Output>,
    progress: bool,
    priority: u32,
    timeout: Option<Duration>,
}

impl Request {
    pub fn new(method: &str, path: &str) -> Result<Request> {
        let method = Method::from_bytes(method.as_bytes())
            .ok()
            .filter(|method| method.as_str().bytes().all(|b| b.is_ascii_uppercase()))
            .ok_or_else(|| {
                invalid(format!(
                    "method {method:?} is not an HTTP method such as GET or POST"
                ))
            })?;
        Ok(Request {
            method,
            // One copy for all of the calls that are made most.
            path: match check_path(path)?.as_str() {
                EMBEDDINGS => EMBEDDINGS_PATH.clone(),
                path => path.into(),
            },
            query: Vec::new(),
            headers: Vec::new(),
            json: None,
            inputs: None,
            model: None,
            dimensions: None,
            user: None,
            stream: None,
            fields: Vec::new(),
            output: None,
            progress: false,
            priority: 1,
            timeout: None,
        })
    }

    /// The request of an embed call: the options' copy, or a plain one.
    pub fn for_embeddings(options: Option<&Request>, model: &str) -> Result<Request> {
        let mut request = match options {
            None => Request::new("POST", EMBEDDINGS)?,
            Some(options) if &*options.path == EMBEDDINGS && options.method == Method::POST => {
                options.clone()
            }
            Some(options) => {
                return Err(invalid(format!(
                    "options is a request for {} {}, but an embed call takes one for POST {EMBEDDINGS}",
                    options.method, options.path
                )));
            }
        };
        request.set_model(Some(model))?;
        Ok(request)
    }

    pub fn set_json(&mut self, json: &[u8]) -> Result<()> {
        let text = std::str::from_utf8(json).map_err(|error| {
            invalid(format!(
                "json is not UTF-8: byte {} is not",
                error.valid_up_to()
            ))
        })?;
        serde_json::from_str::<&RawValue>(text)
            .map_err(|error| invalid(format!("json is not valid JSON: {error}")))?;
        self.json = Some(Bytes::copy_from_slice(json));
        Ok(())
    }

    /// Sets a query parameter in place of those of that name; `None` removes them.
    pub fn set_query(&mut self, name: &str, value: Option<&str>) -> Result<()> {
        self.query.retain(|(n, _)| n != name);
        if let Some(value) = value {
            self.add_query(name, value);
        }
        Ok(())
    }

    /// Adds a query parameter beside those of that name.
    pub fn add_query(&mut self, name: &str, value: &str) {
        self.query.push((name.to_owned(), value.to_owned()));
    }

    /// Sets a header; `None` removes it.
    pub fn set_header(&mut self, name: &str, value: Option<&str>) -> Result<()> {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| invalid(format!("{name:?} is not a header name")))?;
        if matches!(
            name.as_str(),
            "host" | "content-length" | "transfer-encoding" | "connection"
        ) {
            return Err(invalid(format!(
                "the header {name} is set by the HTTP stack itself"
            )));
        }
        let value = match value {
            None => None,
            Some(value) => Some(HeaderValue::from_str(value).map_err(|_| {
                invalid(format!(
                    "the value for the header {name} holds a character that a header cannot carry"
                ))
            })?),
        };
        self.headers.retain(|(n, _)| *n != name);
        if let Some(mut value) = value {
            value.set_sensitive(true);
            self.headers.push((name, value));
        }
        Ok(())
    }

    pub fn set_inputs(&mut self, inputs: &[Cow<'_, str>]) -> Result<()> {
        let json = to_raw_value(inputs)
            .map_err(|error| Error::new(status::INTERNAL, error.to_string()))?;
        let count = u32::try_from(inputs.len())
            .map_err(|_| invalid("there are too many inputs for one request".into()))?;
        let count = NonZeroU32::new(count)
            .ok_or_else(|| invalid("there must be at least one input".into()))?;
        self.inputs = Some((json, count));
        Ok(())
    }

    pub fn set_model(&mut self, model: Option<&str>) -> Result<()> {
        if model == Some("") {
            return Err(invalid(
                "model is empty; name one, such as text-embedding-3-small".into(),
            ));
        }
        self.model = model.map(str::to_owned);
        Ok(())
    }

    /// 0 means the model's own.
    pub fn set_dimensions(&mut self, dimensions: u32) -> Result<()> {
        self.dimensions = (dimensions > 0).then_some(dimensions);
        Ok(())
    }

    pub fn set_user(&mut self, user: Option<&str>) -> Result<()> {
        self.user = user.map(str::to_owned);
        Ok(())
    }

    pub fn set_stream(&mut self, stream: bool) -> Result<()> {
        self.stream = Some(stream);
        Ok(())
    }

    pub fn add_field(&mut self, name: &str, value: &[u8]) -> Result<()> {
        self.fields.push(form::field(name, value)?);
        Ok(())
    }

    /// Adds a file from memory. Without a content type its name tells it.
    pub fn add_file(
        &mut self,
        name: &str,
        filename: &str,
        content_type: Option<&str>,
        data: &[u8],
    ) -> Result<()> {
        let field = form::file(name, filename, content_type, data)?;
        self.fields.push(field);
        Ok(())
    }

    /// Adds a file on disk, under its own name unless it is given another.
    pub fn add_file_path(
        &mut self,
        name: &str,
        path: &str,
        filename: Option<&str>,
        content_type: Option<&str>,
    ) -> Result<()> {
        let field = form::file_at(name, path, filename, content_type)?;
        self.fields.push(field);
        Ok(())
    }

    /// Adds a part of a file on disk.
    pub fn add_file_range(&mut self, name: &str, path: &str, from: u64, length: u64) -> Result<()> {
        self.fields.push(form::range_of(name, path, from, length)?);
        Ok(())
    }

    /// Where the body of a good answer goes; `None`: into memory.
    pub fn set_output(&mut self, output: Option<Output>) -> Result<()> {
        self.output = output;
        Ok(())
    }

    pub fn set_progress(&mut self, progress: bool) -> Result<()> {
        self.progress = progress;
        Ok(())
    }

    /// 0 high, 1 normal, 2 low.
    pub fn set_priority(&mut self, priority: u32) -> Result<()> {
        if priority > 2 {
            return Err(invalid(format!(
                "priority {priority} is not 0 (high), 1 (normal) or 2 (low)"
            )));
        }
        self.priority = priority;
        Ok(())
    }

    /// Whether it only asks for something.
    pub fn is_get(&self) -> bool {
        self.method == Method::GET
    }

    /// Whether the body of a good answer goes elsewhere than into memory.
    pub fn has_output(&self) -> bool {
        self.output.is_some()
    }

    /// 0 means the client's own.
    pub fn set_timeout(&mut self, timeout: Duration) -> Result<()> {
        self.timeout = (!timeout.is_zero()).then_some(timeout);
        Ok(())
    }

    /// What the scheduler takes. With inputs the answer is decoded into a matrix, unless the JSON asks for a format of
    /// its own.
    pub fn to_job(&self) -> Result<NewJob> {
        self.job(None)
    }

    /// The same for a call that opens a WebSocket, which goes to `slot`.
    pub fn to_socket_job(&self, slot: SocketSlot) -> Result<NewJob> {
        let mut job = self.to_job()?;
        if !self.is_get() || !job.call.body.is_empty() || self.has_output() {
            return Err(invalid(
                "a WebSocket is opened by a GET request without a body or an output, such as GET /realtime"
                    .into(),
            ));
        }
        let mut query = job.call.query.iter();
        let model = query.find(|(name, _)| name == "model");
        if let Some((_, model)) = model {
            let model: Arc<str> = model.as_str().into();
            job.scope = model.clone();
            job.call.model = Some(model);
        }
        job.call.socket = Some(slot);
        Ok(job)
    }

    /// The same for a call whose answer is handed on as received; `format` is `float` or `base64`.
    pub fn to_raw_embeddings_job(&self, format: &str) -> Result<NewJob> {
        if !matches!(format, "float" | "base64") {
            return Err(invalid(format!(
                "encoding_format {format:?} is not float or base64"
            )));
        }
        self.job(Some(format))
    }

    fn job(&self, raw_format: Option<&str>) -> Result<NewJob> {
        let json = self.json(raw_format)?;
        let text = std::str::from_utf8(&json).unwrap_or("");
        let names = [
            "model",
            "store",
            "stream",
            "stream_format",
            "encoding_format",
        ];
        let [model, store, stream, events, format] = skim(text, names).unwrap_or_default();
        let mut model = model.and_then(name);
        let expect = match &self.inputs {
            Some((_, inputs)) if raw_format.is_none() && format == Some("\"base64\"") => {
                Expect::Embeddings { inputs: *inputs }
            }
            _ => Expect::Raw,
        };
        let store = store.and_then(|json| json.parse().ok());
        // Speech alone is asked for as a stream by its format.
        let by_body = stream == Some("true") || events == Some("\"sse\"");
        let mut stream = self.stream.unwrap_or(by_body);
        let mut query = self.query.clone();
        if self.is_get() {
            if let Some(stream) = self.stream {
                query.retain(|(name, _)| name != "stream");
                query.push(("stream".into(), stream.to_string()));
            }
            stream = query
                .iter()
                .any(|(n, value)| n == "stream" && value == "true");
        }
        let (mut tokens, mut body) = (tokens::charge(&json), Content::Bytes(json.clone()));
        if !self.fields.is_empty() {
            if self.inputs.is_some() {
                return Err(invalid("an embed call takes no fields or files".into()));
            }
            let fields = form::with_members(&json, &self.fields)?;
            model = form::text_of(&fields, "model").map(Arc::from);
            stream = form::text_of(&fields, "stream") == Some("true");
            // What it costs is in its files, in no way that could be told from here.
            tokens = 1;
            body = Content::Form(Arc::new(Form::new(&fields)?));
        }
        if let Some(output) = &self.output {
            output.check()?;
        }
        let scope = model.clone().unwrap_or_else(|| template(&self.path).into());
        let may_repeat = may_repeat(&self.method, &self.path, store);
        Ok(NewJob {
            tokens,
            may_repeat,
            call: Call {
                method: self.method.clone(),
                path: self.path.clone(),
                query: query.into(),
                headers: self.headers.as_slice().into(),
                stream,
                in_parts: !stream && matches!(expect, Expect::Embeddings { .. }),
                may_repeat,
                output: self.output.clone(),
                socket: None,
                progress: self.progress,
                place: 0,
                model,
                body,
            },
            expect,
            scope,
            priority: self.priority,
            timeout: self.timeout,
        })
    }

    /// The JSON as it was given, or with what the setters add to it.
    fn json(&self, raw_format: Option<&str>) -> Result<Bytes> {
        let mut added = Fields::new();
        if let Some(model) = &self.model {
            added.insert("model".into(), value(model)?);
        }
        if let Some((inputs, _)) = &self.inputs {
            added.insert("input".into(), inputs.clone());
        }
        if let Some(dimensions) = self.dimensions {
            added.insert("dimensions".into(), value(&dimensions)?);
        }
        if let Some(user) = &self.user {
            added.insert("user".into(), value(user)?);
        }
        if let Some(stream) = self.stream.filter(|_| !self.is_get()) {
            added.insert("stream".into(), value(&stream)?);
        }
        if let Some(format) = raw_format {
            added.insert("encoding_format".into(), value(format)?);
        }
        if added.is_empty() {
            return Ok(self.json.clone().unwrap_or_default());
        }
        let mut fields = match &self.json {
            None => Fields::new(),
            Some(json) => serde_json::from_slice::<Fields>(json).map_err(|_| {
                invalid("json is not an object, so nothing can be added to it".into())
            })?,
        };
        fields.append(&mut added);
        if self.inputs.is_some() && !fields.contains_key("encoding_format") {
            fields.insert("encoding_format".into(), value("base64")?);
        }
        let body = serde_json::to_vec(&fields)
            .map_err(|error| Error::new(status::INTERNAL, error.to_string()))?;
        // Without the room that it grew into: many may wait.
        Ok(Bytes::from(body.into_boxed_slice()))
    }
}

/// The members of a JSON object, as they are written.
type Fields = BTreeMap<String, Box<RawValue>>;

/// The text of a JSON string.
fn name(json: &str) -> Option<Arc<str>> {
    match serde_json::from_str::<&str>(json) {
        Ok(plain) => Some(plain.into()),
        // With escapes, it cannot be borrowed.
        Err(_) => serde_json::from_str::<String>(json).ok().map(Arc::from),
    }
}

fn value<T: serde::Serialize + ?Sized>(value: &T) -> Result<Box<RawValue>> {
    to_raw_value(value).map_err(|error| Error::new(status::INTERNAL, error.to_string()))
}

fn invalid(message: String) -> Error {
    Error::new(status::INVALID_ARGUMENT, message)
}

/// A path below the base URL, with its leading slash. It must not be able to leave it, or the key could go astray.
fn check_path(path: &str) -> Result<String> {
    let wrong = |why: &str| {
        invalid(format!(
            "path {path:?} {why}; give one below base_url, such as /embeddings"
        ))
    };
    if path.trim_matches('/').is_empty() {
        return Err(wrong("is empty"));
    }
    if path.contains("://") || path.starts_with("//") {
        return Err(wrong("is a whole URL"));
    }
    if path.contains(['?', '#']) {
        return Err(wrong(
            "holds a query or fragment (use oai_request_set_query)",
        ));
    }
    if path
        .bytes()
        .any(|b| b.is_ascii_control() || b == b'\\' || b == b' ')
    {
        return Err(wrong("holds a space, a backslash or a control character"));
    }
    let dots = path.split('/').any(|part| {
        matches!(
            part.to_ascii_lowercase().replace("%2e", ".").as_str(),
            "." | ".."
        )
    });
    if dots {
        return Err(wrong("holds a . or .. segment"));
    }
    Ok(format!("/{}", path.trim_start_matches('/')))
}

/// What requests without a model share their order with: the first segment, since what follows may be an id.
fn template(path: &str) -> String {
    let end = path[1..].find('/').map_or(path.len(), |at| at + 1);
    path[..end].to_owned()
}

#[cfg(test)]
mod tests;
