//! Reads what a server says went wrong, in whichever of the shapes in use it says it.
//!
//! The client calls it with the body of an error answer, `sse` with an event that is an error. It always finds
//! something to say, keeps it short, and never panics, whatever the body is.

use serde_json::value::RawValue;

use super::object::{pick, text};

/// The longest message kept, in characters. Some servers send the whole request back.
const MESSAGE_CHARS: usize = 2000;

/// The longest `kind`, `code` or `param` kept, in characters.
const FIELD_CHARS: usize = 200;

/// How many objects inside objects are looked into for the message.
const DEPTH: usize = 4;

/// A server's error in fields. Those that it did not give are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiError {
    /// The sentence for the reader; never empty.
    pub message: String,
    /// `error.type`: the family of the error.
    pub kind: Option<String>,
    /// `error.code`, also where the server wrote a number.
    pub code: Option<String>,
    /// `error.param`: the parameter that the server blames.
    pub param: Option<String>,
}

/// Reads the body of an error answer.
pub fn parse(body: &[u8]) -> ApiError {
    let body = String::from_utf8_lossy(body);
    let body = body.trim_start_matches('\u{feff}').trim();
    if body.is_empty() {
        return said("the answer has no body that says why");
    }
    let mut error = ApiError::default();
    if json(body, &mut error, DEPTH) {
        if error.message.is_empty() {
            // A code or type without a sentence is still worth reading; so is JSON of an unknown shape.
            error.message = shorten(body, MESSAGE_CHARS);
        }
        return error;
    }
    if looks_like_html(body) {
        return said(&match title(body) {
            Some(title) => format!("the server sent an HTML page ({title}) instead of JSON"),
            None => "the server sent an HTML page instead of JSON".to_owned(),
        });
    }
    said(body)
}

fn said(message: &str) -> ApiError {
    ApiError {
        message: shorten(message, MESSAGE_CHARS),
        ..ApiError::default()
    }
}

/// Fills what `error` lacks from a JSON value; false if it is not JSON.
fn json(value: &str, error: &mut ApiError, depth: usize) -> bool {
    match value.as_bytes().first() {
        Some(b'{') => object(value, error, depth),
        Some(b'[') => list(value, error, depth),
        Some(b'"') => match text(value) {
            Some(message) => {
                set_message(error, &message);
                true
            }
            None => false,
        },
        _ => false,
    }
}

fn object(value: &str, error: &mut ApiError, depth: usize) -> bool {
    let Some(members) = pick(
        value,
        [
            "error",
            "errors",
            "detail",
            "message",
            "msg",
            "error_description",
            "type",
            "error_type",
            "status",
            "code",
            "param",
        ],
    ) else {
        return false;
    };
    let [nested, errors, detail, ..] = members;
    let [
        ..,
        message,
        msg,
        description,
        kind,
        error_type,
        status,
        code,
        param,
    ] = members;
    // The innermost error is the fullest, so it fills its fields first.
    for inner in [nested, errors, detail, message].into_iter().flatten() {
        if depth > 0 {
            json(inner, error, depth - 1);
        }
    }
    for plain in [msg, description].into_iter().flatten().filter_map(text) {
        set_message(error, &plain);
    }
    // `error` as the type says only what is known by now; `status` is Google's word for it, elsewhere a number.
    let kinds = [kind, error_type, status].into_iter().flatten();
    let known = |kind: &String| !kind.is_empty() && kind != "error";
    let kind = kinds.filter_map(text).find(known);
    error.kind = error
        .kind
        .take()
        .or(kind.map(|kind| shorten(&kind, FIELD_CHARS)));
    error.code = error.code.take().or_else(|| scalar(code?));
    error.param = error.param.take().or_else(|| scalar(param?));
    true
}

/// A list of errors: their messages joined. FastAPI's say where in the request each one is.
fn list(value: &str, error: &mut ApiError, depth: usize) -> bool {
    let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(value) else {
        return false;
    };
    let mut messages = String::new();
    for item in items {
        let mut one = ApiError::default();
        if depth > 0 {
            json(item.get(), &mut one, depth - 1);
        }
        if !messages.is_empty() && !one.message.is_empty() {
            messages.push_str("; ");
        }
        if let Some([Some(place)]) = pick(item.get(), ["loc"]) {
            let place = location(place);
            if !place.is_empty() && !one.message.is_empty() {
                messages.push_str(&place);
                messages.push_str(": ");
                one.param = one.param.or(Some(shorten(&place, FIELD_CHARS)));
            }
        }
        messages.push_str(&one.message);
        error.kind = error.kind.take().or(one.kind);
        error.code = error.code.take().or(one.code);
        error.param = error.param.take().or(one.param);
        if messages.len() > 4 * MESSAGE_CHARS {
            break;
        }
    }
    set_message(error, &messages);
    true
}

/// FastAPI's `["body", "input", 0]` as `body.input.0`.
fn location(place: &str) -> String {
    let Ok(parts) = serde_json::from_str::<Vec<&RawValue>>(place) else {
        return String::new();
    };
    let parts: Vec<String> = parts
        .into_iter()
        .filter_map(|part| scalar(part.get()))
        .collect();
    parts.join(".")
}

fn set_message(error: &mut ApiError, message: &str) {
    if error.message.is_empty() {
        error.message = shorten(message.trim(), MESSAGE_CHARS);
    }
}

/// A string, number or boolean as text; nothing for null, an empty string, an object or a list.
fn scalar(raw: &str) -> Option<String> {
    let value = match raw.as_bytes().first()? {
        b'"' => text(raw)?,
        b'{' | b'[' | b'n' => return None,
        _ => raw.to_owned(),
    };
    Some(shorten(&value, FIELD_CHARS)).filter(|value| !value.is_empty())
}

/// The first `most` characters, without control characters: a message is printed, logged and handed to C.
fn shorten(text: &str, most: usize) -> String {
    let clean = |c: char| {
        if c.is_control() && c != '\n' && c != '\t' {
            ' '
        } else {
            c
        }
    };
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(most).map(clean).collect();
    if chars.next().is_some() {
        short.pop();
        short.push('…');
    }
    short
}

fn looks_like_html(body: &str) -> bool {
    // A page may open with comments or an XML declaration, so the tag is looked for near the start.
    let head = prefix(body, 1024).to_ascii_lowercase();
    head.starts_with('<')
        && (head.contains("<html") || head.contains("<!doctype html") || head.contains("<title"))
}

/// The text of the page's `<title>`, on one line.
fn title(body: &str) -> Option<String> {
    let head = prefix(body, 16 * 1024);
    // Lowering ASCII letters keeps every byte's place, so places found in one hold in the other.
    let lower = head.to_ascii_lowercase();
    let open = lower.find("<title")?;
    let start = open + lower[open..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    let title = head[start..end]
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    Some(shorten(&title, FIELD_CHARS)).filter(|title| !title.is_empty())
}

/// At most the first `most` bytes, cut between characters.
fn prefix(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests;
