//! A scripted rule: which requests it is for and what is to happen to those.
//!
//! Tests make a [`Rule`] in Rust or post it as JSON. `script` decides which rule serves a request and `scripted`
//! carries it out. Only data here: no time, no socket.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::matching::Match;

/// Where a rule breaks off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropAt {
    /// RST before anything is read: on a new connection once its first bytes wait in the kernel, on a kept-alive one
    /// when the next request's head arrives.
    BeforeRead,
    /// RST after the head of the request.
    AfterHeadersRead,
    /// RST after the whole request.
    AfterBodyRead,
    /// Half of the answer's head, then FIN.
    MidHeaders,
    /// The head and a part of the body, then FIN.
    MidBody,
    /// No answer, ever.
    Hang,
}

/// One text, or several that are sent one after the other.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum Pieces {
    One(String),
    Many(Vec<String>),
}

/// A rule. What it does not say is as the normal endpoint would have it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rule {
    #[serde(rename = "match")]
    pub(crate) matching: Match,
    pub(crate) times: Option<u64>,
    pub(crate) status: Option<u16>,
    pub(crate) headers: BTreeMap<String, Value>,
    /// `Some(Null)` is the JSON text `null`.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<Value>,
    pub(crate) body_base64: Option<String>,
    pub(crate) delay_ms: u64,
    pub(crate) body_delay_ms: u64,
    pub(crate) chunks: Option<Vec<String>>,
    pub(crate) chunks_base64: Option<Vec<String>>,
    pub(crate) chunk_delay_ms: u64,
    pub(crate) drop: Option<DropAt>,
    pub(crate) cut_at: Option<usize>,
    pub(crate) reset: bool,
    pub(crate) gzip: bool,
    pub(crate) raw: Option<Pieces>,
    pub(crate) raw_base64: Option<Pieces>,
    pub(crate) pass: bool,
    pub(crate) hold: Option<String>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Default for Rule {
    fn default() -> Rule {
        Rule {
            matching: Match::default(),
            times: Some(1),
            status: None,
            headers: BTreeMap::new(),
            body: None,
            body_base64: None,
            delay_ms: 0,
            body_delay_ms: 0,
            chunks: None,
            chunks_base64: None,
            chunk_delay_ms: 0,
            drop: None,
            cut_at: None,
            reset: false,
            gzip: false,
            raw: None,
            raw_base64: None,
            pass: false,
            hold: None,
        }
    }
}

/// Makes rules: `Rule::status(429).header("retry-after", "2").on("/v1/embeddings").times(3)`.
impl Rule {
    /// The normal endpoint answers; add delays, headers, a hold.
    pub fn pass() -> Rule {
        Rule {
            pass: true,
            ..Rule::default()
        }
    }

    /// An answer of `status`; without a body, an error of OpenAI's shape from 400 on, else the endpoint's body.
    pub fn status(status: u16) -> Rule {
        Rule {
            status: Some(status),
            ..Rule::default()
        }
    }

    /// A fault.
    pub fn drop_at(place: DropAt) -> Rule {
        Rule {
            drop: Some(place),
            ..Rule::default()
        }
    }

    /// No answer until the client goes.
    pub fn hang() -> Rule {
        Rule::drop_at(DropAt::Hang)
    }

    /// These bytes are the whole answer, head included; then FIN.
    pub fn raw(bytes: impl AsRef<[u8]>) -> Rule {
        Rule {
            raw_base64: Some(Pieces::One(base64_of(bytes.as_ref()))),
            ..Rule::default()
        }
    }

    /// A body in separate HTTP chunks, without a content-length.
    pub fn chunks<T: Into<String>>(chunks: impl IntoIterator<Item = T>) -> Rule {
        Rule {
            chunks: Some(chunks.into_iter().map(Into::into).collect()),
            ..Rule::default()
        }
    }

    /// A body in separate HTTP chunks of any bytes.
    pub fn byte_chunks<T: AsRef<[u8]>>(chunks: impl IntoIterator<Item = T>) -> Rule {
        let chunks = chunks
            .into_iter()
            .map(|chunk| base64_of(chunk.as_ref()))
            .collect();
        Rule {
            chunks_base64: Some(chunks),
            ..Rule::default()
        }
    }

    /// A rule from its JSON form.
    pub fn from_json(value: Value) -> Result<Rule, String> {
        let mut rule: Rule = serde_json::from_value(value).map_err(|error| error.to_string())?;
        rule.headers = rule
            .headers
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        rule.check()?;
        Ok(rule)
    }

    /// The rules of a JSON array, or a single one.
    pub(crate) fn list_from_json(value: Value) -> Result<Vec<Rule>, String> {
        let rules = match value {
            Value::Array(rules) => rules,
            rule => vec![rule],
        };
        let numbered = rules.into_iter().enumerate();
        numbered
            .map(|(place, rule)| {
                Rule::from_json(rule).map_err(|error| format!("rule {place}: {error}"))
            })
            .collect()
    }

    /// Only for requests that match.
    pub fn when(self, matching: Match) -> Rule {
        Rule { matching, ..self }
    }

    /// Only for this path, or this prefix when it ends in `*`.
    pub fn on(mut self, path: &str) -> Rule {
        self.matching.path = Some(path.to_owned());
        self
    }

    /// Only for this model.
    pub fn model(mut self, model: &str) -> Rule {
        self.matching.model = Some(model.to_owned());
        self
    }

    /// Only for bodies that contain `text`.
    pub fn contains(mut self, text: &str) -> Rule {
        self.matching.contains = Some(text.to_owned());
        self
    }

    /// For so many requests; one unless said.
    pub fn times(self, times: u64) -> Rule {
        Rule {
            times: Some(times),
            ..self
        }
    }

    /// For every matching request until the script is cleared.
    pub fn forever(self) -> Rule {
        Rule {
            times: None,
            ..self
        }
    }

    /// Adds a header; called twice with one name, that header comes twice.
    pub fn header(mut self, name: &str, value: &str) -> Rule {
        let value = Value::from(value);
        let entry = self
            .headers
            .entry(name.to_ascii_lowercase())
            .or_insert(Value::Null);
        *entry = match entry.take() {
            Value::Null => value,
            Value::Array(mut values) => {
                values.push(value);
                Value::Array(values)
            }
            first => Value::Array(vec![first, value]),
        };
        self
    }

    /// Leaves out a header that the server would send, such as `x-request-id`.
    pub fn without_header(mut self, name: &str) -> Rule {
        self.headers.insert(name.to_ascii_lowercase(), Value::Null);
        self
    }

    /// The body: a JSON string is sent as its text, any other value as JSON.
    pub fn body(self, body: impl Into<Value>) -> Rule {
        Rule {
            body: Some(body.into()),
            ..self
        }
    }

    /// The body as bytes.
    pub fn body_bytes(self, body: &[u8]) -> Rule {
        Rule {
            body_base64: Some(base64_of(body)),
            ..self
        }
    }

    /// Waits before the head of the answer.
    pub fn delay_ms(self, delay_ms: u64) -> Rule {
        Rule { delay_ms, ..self }
    }

    /// Waits between the head and the body.
    pub fn body_delay_ms(self, body_delay_ms: u64) -> Rule {
        Rule {
            body_delay_ms,
            ..self
        }
    }

    /// Waits between chunks.
    pub fn chunk_delay_ms(self, chunk_delay_ms: u64) -> Rule {
        Rule {
            chunk_delay_ms,
            ..self
        }
    }

    /// Breaks off there.
    pub fn dropping(self, place: DropAt) -> Rule {
        Rule {
            drop: Some(place),
            ..self
        }
    }

    /// With [`DropAt::MidBody`]: so many bytes of the body are sent; half of it unless said.
    pub fn cut_at(self, bytes: usize) -> Rule {
        Rule {
            cut_at: Some(bytes),
            ..self
        }
    }

    /// Ends a cut answer by RST instead of FIN.
    pub fn reset(self) -> Rule {
        Rule {
            reset: true,
            ..self
        }
    }

    /// Compresses the body.
    pub fn gzip(self) -> Rule {
        Rule { gzip: true, ..self }
    }

    /// Waits, before everything else, until `TestServer::release` lets it through.
    pub fn hold(self, gate: &str) -> Rule {
        Rule {
            hold: Some(gate.to_owned()),
            ..self
        }
    }

    /// Says what contradicts itself in this rule.
    pub(crate) fn check(&self) -> Result<(), String> {
        let bodies = [
            ("body", self.body.is_some()),
            ("body_base64", self.body_base64.is_some()),
            ("chunks", self.chunks.is_some()),
            ("chunks_base64", self.chunks_base64.is_some()),
            ("raw", self.raw.is_some()),
            ("raw_base64", self.raw_base64.is_some()),
            ("pass", self.pass),
        ];
        let given: Vec<&str> = bodies
            .iter()
            .filter(|(_, given)| *given)
            .map(|(name, _)| *name)
            .collect();
        if given.len() > 1 {
            return Err(format!(
                "only one of {} can be the answer",
                given.join(", ")
            ));
        }
        if self.times == Some(0) {
            return Err("`times` is 0: use 1 or more, or null for ever".to_owned());
        }
        if let Some(status) = self.status.filter(|status| !(200..=599).contains(status)) {
            return Err(format!(
                "`status` {status} is outside 200 to 599; use `raw` for it"
            ));
        }
        for (name, value) in &self.headers {
            check_header(name, value)?;
        }
        let coded = [&self.raw_base64, &self.body_base64.clone().map(Pieces::One)];
        for text in coded.into_iter().flatten().flat_map(Pieces::texts) {
            bytes_of(text)?;
        }
        for text in self.chunks_base64.iter().flatten() {
            bytes_of(text)?;
        }
        Ok(())
    }
}

impl Pieces {
    fn texts(&self) -> &[String] {
        match self {
            Pieces::One(text) => std::slice::from_ref(text),
            Pieces::Many(texts) => texts,
        }
    }
}

/// The values of a rule's header: none for null, several for an array.
pub(crate) fn header_values(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().flat_map(header_values).collect(),
        Value::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

fn check_header(name: &str, value: &Value) -> Result<(), String> {
    http::HeaderName::try_from(name).map_err(|_| format!("`{name}` is no header name"))?;
    for text in header_values(value) {
        http::HeaderValue::try_from(text)
            .map_err(|_| format!("the value of header `{name}` holds bytes that HTTP forbids"))?;
    }
    Ok(())
}

fn base64_of(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn bytes_of(text: &str) -> Result<Vec<u8>, String> {
    STANDARD
        .decode(text)
        .map_err(|error| format!("bad base64 `{text}`: {error}"))
}

impl Rule {
    /// The bytes to write past HTTP, piece by piece, if this rule does so.
    pub(crate) fn raw_pieces(&self) -> Option<Vec<Vec<u8>>> {
        let plain = self.raw.as_ref().map(|pieces| {
            pieces
                .texts()
                .iter()
                .map(|text| text.clone().into_bytes())
                .collect::<Vec<_>>()
        });
        plain.or_else(|| {
            // `check` has seen that these decode.
            let coded = self.raw_base64.as_ref()?;
            Some(
                coded
                    .texts()
                    .iter()
                    .filter_map(|text| bytes_of(text).ok())
                    .collect(),
            )
        })
    }

    /// The chunks, if the body is given as such.
    pub(crate) fn chunk_pieces(&self) -> Option<Vec<Vec<u8>>> {
        let plain = self.chunks.as_ref().map(|chunks| {
            chunks
                .iter()
                .map(|chunk| chunk.clone().into_bytes())
                .collect()
        });
        plain.or_else(|| {
            let coded = self.chunks_base64.as_ref()?;
            Some(
                coded
                    .iter()
                    .filter_map(|chunk| bytes_of(chunk).ok())
                    .collect(),
            )
        })
    }

    /// The whole body, if it is given.
    pub(crate) fn whole_body(&self) -> Option<Vec<u8>> {
        match &self.body {
            Some(Value::String(text)) => Some(text.clone().into_bytes()),
            Some(value) => Some(value.to_string().into_bytes()),
            None => self
                .body_base64
                .as_deref()
                .and_then(|text| bytes_of(text).ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn mistakes_are_told_when_the_rule_is_made() {
        for (rule, word) in [
            (json!({"statsu": 500}), "statsu"),
            (json!({"match": {"pth": "/"}}), "pth"),
            (json!({"status": 99}), "99"),
            (json!({"times": 0}), "times"),
            (json!({"body": "a", "pass": true}), "body, pass"),
            (json!({"headers": {"a b": "c"}}), "a b"),
            (json!({"headers": {"a": "b\nc"}}), "`a`"),
            (json!({"body_base64": "*"}), "*"),
            (json!({"drop": "sometimes"}), "sometimes"),
        ] {
            let error = Rule::from_json(rule).expect_err("a mistake");
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_body_is_text_json_or_bytes() {
        let body = |rule: Value| Rule::from_json(rule).expect("a valid rule").whole_body();
        assert_eq!(body(json!({"body": "plain"})), Some(b"plain".to_vec()));
        assert_eq!(
            body(json!({"body": {"a": 1}})),
            Some(br#"{"a":1}"#.to_vec())
        );
        assert_eq!(body(json!({"body": null})), Some(b"null".to_vec()));
        assert_eq!(body(json!({"body_base64": "/wA="})), Some(vec![0xff, 0]));
        assert_eq!(body(json!({})), None);
    }

    #[test]
    fn headers_of_a_rule_add_up() {
        let rule = Rule::status(200)
            .header("A", "1")
            .header("a", "2")
            .without_header("b");
        assert_eq!(header_values(&rule.headers["a"]), ["1", "2"]);
        assert!(header_values(&rule.headers["b"]).is_empty());
        assert_eq!(header_values(&json!(5)), ["5"]);
    }
}
