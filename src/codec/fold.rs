//! Folds the events of a stream into the answer that the call would have given without streaming.
//!
//! The client calls it for a blocking call of a stream, and for whoever asks for the folded result. It keeps numbers
//! and unknown members as the server wrote them, holds about as much as the stream's own bytes (the caller bounds
//! those), and never panics. Events that are errors are the caller's to find first (`sse::error_of`).

use serde_json::value::RawValue;

use super::object::{pick, quote, text};
use crate::error::{Error, Result};
use crate::status;

mod choices;
use choices::Choices;

/// What a stream is of, and so what it folds to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `chat.completion.chunk`s, to one `chat.completion`.
    Chat,
    /// `text_completion`s, to one.
    Completion,
    /// Events of the Responses API, to the `response` that the last of them holds.
    Responses,
    /// Anything else, to a list of its data.
    Other,
}

/// Takes a stream's events one by one and makes one answer of them.
#[derive(Debug)]
pub struct Folder {
    kind: Option<Kind>,
    events: usize,
    choices: Choices,
    /// The last `response`, as it came.
    response: Option<String>,
    /// Whether `response` is the one that ends the stream.
    ended: bool,
    /// The data of a stream of another kind, as the inside of a JSON list.
    list: String,
}

impl Folder {
    /// A folder for a stream of `kind`; `None` lets the first event tell.
    pub fn new(kind: Option<Kind>) -> Folder {
        Folder {
            kind,
            events: 0,
            choices: Choices::default(),
            response: None,
            ended: false,
            list: String::new(),
        }
    }

    /// Takes one event. `[DONE]` and events without data say nothing and are skipped.
    ///
    /// In a stream of a known kind, data that is no JSON object is a DECODE error, and the folder stays as it was.
    pub fn push(&mut self, event: &str, data: &[u8]) -> Result<()> {
        let data = String::from_utf8_lossy(data);
        let data = data.trim();
        if data.is_empty() || data == "[DONE]" {
            return Ok(());
        }
        let kind = *self.kind.get_or_insert_with(|| detect(event, data));
        let taken = match kind {
            Kind::Chat | Kind::Completion => self.choices.push(data),
            Kind::Responses => self.push_response(event, data),
            Kind::Other => {
                push_item(&mut self.list, data);
                Some(())
            }
        };
        if taken.is_none() {
            let message = format!(
                "event {} of the stream is not a JSON object of its kind",
                self.events
            );
            return Err(Error::new(status::DECODE, message));
        }
        self.events += 1;
        Ok(())
    }

    /// The folded answer, as JSON. A stream that was cut folds as far as it came.
    pub fn finish(self) -> Vec<u8> {
        match self.kind {
            Some(kind @ (Kind::Chat | Kind::Completion)) => self.choices.finish(kind),
            Some(Kind::Responses) => self
                .response
                .unwrap_or_else(|| "null".to_owned())
                .into_bytes(),
            Some(Kind::Other) | None => format!("[{}]", self.list).into_bytes(),
        }
    }

    fn push_response(&mut self, event: &str, data: &str) -> Option<()> {
        let [response, kind] = pick(data, ["response", "type"])?;
        let kind = kind.and_then(text).unwrap_or_else(|| event.to_owned());
        let ends = matches!(
            kind.as_str(),
            "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled"
        );
        // A snapshot of the beginning must not take the place of the whole.
        if let Some(response) = response.filter(|_| ends || !self.ended) {
            self.response = Some(response.to_owned());
            self.ended |= ends;
        }
        Some(())
    }
}

/// What the first event says the stream is of.
fn detect(event: &str, data: &str) -> Kind {
    let Some([object, kind, choices]) = pick(data, ["object", "type", "choices"]) else {
        return Kind::Other;
    };
    let object = object.and_then(text).unwrap_or_default();
    let kind = kind.and_then(text).unwrap_or_default();
    if kind.starts_with("response.") || event.starts_with("response.") {
        Kind::Responses
    } else if object == "text_completion" {
        Kind::Completion
    } else if object.starts_with("chat.completion") || choices.is_some() {
        // By the choices alone, since Azure begins with a chunk whose object is empty.
        Kind::Chat
    } else {
        Kind::Other
    }
}

/// Adds a value to the inside of a JSON list: JSON as it is, other text as a string.
fn push_item(list: &mut String, value: &str) {
    if !list.is_empty() {
        list.push(',');
    }
    if serde_json::from_str::<&RawValue>(value).is_ok() {
        list.push_str(value);
    } else {
        list.push_str(&quote(value));
    }
}

#[cfg(test)]
mod tests;
