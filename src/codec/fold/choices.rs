//! Merges the chunks of chat and legacy completions, choice by choice, delta by delta.
//!
//! `fold` calls it. In a delta, text is appended to text and list to list; a member that is neither is kept from the
//! latest chunk that has it, as the server wrote it. Nesting is followed a few levels and kept as written below that.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::super::object::{quote, text};
use super::{Kind, push_item};

/// How deep objects inside a delta are merged.
const DEPTH: usize = 4;

/// Members of a delta whose text is whole in one chunk, and may be repeated in the next.
const WHOLE: [&str; 5] = ["role", "id", "type", "object", "format"];

/// An object of a chunk, its values as they came.
type Members<'a> = BTreeMap<String, &'a RawValue>;

/// An object being merged.
type Object = BTreeMap<String, Node>;

/// A value being merged.
#[derive(Debug)]
enum Node {
    /// As the server wrote it.
    Raw(String),
    Text(String),
    Object(Object),
    /// The inside of a list, its items as the server wrote them.
    List(String),
}

/// The answer as merged so far.
#[derive(Debug, Default)]
pub struct Choices {
    top: Object,
    choices: BTreeMap<u64, Choice>,
}

#[derive(Debug, Default)]
struct Choice {
    rest: Object,
    message: Object,
    tool_calls: BTreeMap<u64, Object>,
}

impl Choices {
    /// Merges a chunk; `None`, with nothing changed, if it has no chunk's shape.
    pub fn push(&mut self, chunk: &str) -> Option<()> {
        let mut chunk: Members = serde_json::from_str(chunk).ok()?;
        let choices: Vec<Members> = match chunk.remove("choices") {
            Some(choices) => serde_json::from_str::<Option<_>>(choices.get())
                .ok()?
                .unwrap_or_default(),
            None => Vec::new(),
        };
        for (key, value) in chunk {
            keep(&mut self.top, key, value.get());
        }
        for choice in choices {
            let index = choice
                .get("index")
                .and_then(|index| index.get().parse().ok());
            self.choices
                .entry(index.unwrap_or(0))
                .or_default()
                .merge(choice);
        }
        Some(())
    }

    /// The answer as one JSON object. `kind` counts only where no choice tells.
    pub fn finish(mut self, kind: Kind) -> Vec<u8> {
        let is_chat = match self.choices.values().find_map(Choice::is_chat) {
            Some(is_chat) => is_chat,
            None => kind != Kind::Completion,
        };
        let object = if is_chat {
            "chat.completion"
        } else {
            "text_completion"
        };
        self.top
            .insert("object".to_owned(), Node::Text(object.to_owned()));
        let mut choices = String::new();
        for (index, choice) in self.choices {
            push_item(&mut choices, &json(&choice.finish(index, is_chat)));
        }
        self.top.insert("choices".to_owned(), Node::List(choices));
        json(&self.top).into_bytes()
    }
}

impl Choice {
    fn merge(&mut self, choice: Members) {
        for (key, value) in choice {
            match key.as_str() {
                "index" => {}
                "delta" => self.merge_delta(value.get()),
                "text" | "logprobs" => merge(&mut self.rest, key, value.get(), DEPTH),
                _ => keep(&mut self.rest, key, value.get()),
            }
        }
    }

    fn merge_delta(&mut self, delta: &str) {
        for (key, value) in members(delta) {
            if key != "tool_calls" {
                merge(&mut self.message, key, value.get(), DEPTH);
                continue;
            }
            let calls: Vec<Members> = serde_json::from_str(value.get()).unwrap_or_default();
            for call in calls {
                let place = self.place_of(&call);
                let slot = self.tool_calls.entry(place).or_default();
                for (key, value) in call {
                    // Its place says the index, and a whole answer's calls have none.
                    if key != "index" {
                        merge(slot, key, value.get(), DEPTH);
                    }
                }
            }
        }
    }

    /// Which tool call a piece belongs to. Servers that give no index send calls one after the other, so a new id
    /// begins a new one.
    fn place_of(&self, call: &Members) -> u64 {
        if let Some(index) = call.get("index").and_then(|index| index.get().parse().ok()) {
            return index;
        }
        let Some((&last, slot)) = self.tool_calls.last_key_value() else {
            return 0;
        };
        match (call.get("id"), slot.get("id")) {
            (Some(id), Some(Node::Raw(known))) if id.get() != "null" && id.get() != known => {
                last.saturating_add(1)
            }
            _ => last,
        }
    }

    fn is_chat(&self) -> Option<bool> {
        if !self.message.is_empty() || !self.tool_calls.is_empty() {
            return Some(true);
        }
        self.rest.contains_key("text").then_some(false)
    }

    fn finish(mut self, index: u64, is_chat: bool) -> Object {
        let null = || Node::Raw("null".to_owned());
        self.rest
            .insert("index".to_owned(), Node::Raw(index.to_string()));
        for key in ["logprobs", "finish_reason"] {
            self.rest.entry(key.to_owned()).or_insert_with(null);
        }
        if !is_chat {
            let empty = || Node::Text(String::new());
            self.rest.entry("text".to_owned()).or_insert_with(empty);
            return self.rest;
        }
        if !self.tool_calls.is_empty() {
            let mut calls = String::new();
            for call in self.tool_calls.values() {
                push_item(&mut calls, &json(call));
            }
            self.message
                .insert("tool_calls".to_owned(), Node::List(calls));
        }
        let assistant = || Node::Text("assistant".to_owned());
        self.message
            .entry("role".to_owned())
            .or_insert_with(assistant);
        for key in ["content", "refusal"] {
            self.message.entry(key.to_owned()).or_insert_with(null);
        }
        self.rest
            .insert("message".to_owned(), Node::Object(self.message));
        self.rest
    }
}

/// The members of an object; none if `value` is anything else.
fn members(value: &str) -> Members<'_> {
    serde_json::from_str(value).unwrap_or_default()
}

/// Keeps the latest value that says something: null and "" take no value's place.
fn keep(object: &mut Object, key: String, value: &str) {
    match object.get(&key) {
        Some(_) if matches!(value, "null" | "\"\"") => {}
        // Most members are the same in each chunk.
        Some(Node::Raw(known)) if known == value => {}
        _ => {
            object.insert(key, Node::Raw(value.to_owned()));
        }
    }
}

/// Merges a delta's member: text onto text, list onto list, object into object, else the latest.
fn merge(object: &mut Object, key: String, value: &str, depth: usize) {
    let whole = WHOLE.contains(&key.as_str());
    match (value.as_bytes().first(), object.get_mut(&key)) {
        (Some(b'"'), Some(Node::Text(known))) if !whole => {
            let more = text(value).unwrap_or_default();
            // A name comes whole, and from some servers with each piece; from others it comes in pieces.
            if key != "name" || *known != more {
                known.push_str(&more);
            }
        }
        (Some(b'"'), Some(Node::List(items))) if value != "\"\"" => push_item(items, value),
        (Some(b'"'), Some(Node::List(_))) => {}
        (Some(b'"'), _) if !whole => {
            object.insert(key, Node::Text(text(value).unwrap_or_default()));
        }
        (Some(b'['), Some(Node::List(items))) => push_items(items, value),
        (Some(b'['), known) => {
            let mut items = match known {
                Some(Node::Text(known)) if !known.is_empty() => quote(known),
                _ => String::new(),
            };
            push_items(&mut items, value);
            object.insert(key, Node::List(items));
        }
        (Some(b'{'), known) if depth > 0 => {
            let mut inner = match known {
                Some(Node::Object(known)) => std::mem::take(known),
                _ => Object::new(),
            };
            for (key, value) in members(value) {
                merge(&mut inner, key, value.get(), depth - 1);
            }
            object.insert(key, Node::Object(inner));
        }
        _ => keep(object, key, value),
    }
}

/// Adds the items of a list to the inside of another.
fn push_items(items: &mut String, list: &str) {
    let inside = list[1..list.len() - 1].trim();
    if !items.is_empty() && !inside.is_empty() {
        items.push(',');
    }
    items.push_str(inside);
}

fn json(object: &Object) -> String {
    let mut out = String::new();
    write_object(&mut out, object);
    out
}

fn write_object(out: &mut String, object: &Object) {
    let mut before = '{';
    for (key, value) in object {
        out.push(before);
        before = ',';
        out.push_str(&quote(key));
        out.push(':');
        match value {
            Node::Raw(raw) => out.push_str(raw),
            Node::Text(text) => out.push_str(&quote(text)),
            Node::Object(object) => write_object(out, object),
            Node::List(items) => {
                out.push('[');
                out.push_str(items);
                out.push(']');
            }
        }
    }
    out.push_str(if before == '{' { "{}" } else { "}" });
}
