//! Tokens counted with the encoding of the model, by `bpe-openai`, whose tables are part of the library.

use std::borrow::Cow;

use bpe_openai::Tokenizer;

use super::Tally;
use super::scan::{Scan, Value};
use crate::codec::object;

/// Loads its tables when first asked, which takes some tens of milliseconds.
type Encoding = fn() -> &'static Tokenizer;

/// How the names of models begin, and the encoding of those; the first that fits counts.
const ENCODINGS: [(&str, Encoding); 17] = [
    ("chatgpt-4o", bpe_openai::o200k_base),
    ("codex-mini", bpe_openai::o200k_base),
    ("gpt-4.1", bpe_openai::o200k_base),
    ("gpt-4.5", bpe_openai::o200k_base),
    ("gpt-4o", bpe_openai::o200k_base),
    ("gpt-5", bpe_openai::o200k_base),
    // Its own encoding differs in control tokens alone, and text has none.
    ("gpt-oss", bpe_openai::o200k_base),
    ("o1", bpe_openai::o200k_base),
    ("o3", bpe_openai::o200k_base),
    ("o4-mini", bpe_openai::o200k_base),
    ("babbage-002", bpe_openai::cl100k_base),
    ("davinci-002", bpe_openai::cl100k_base),
    ("gpt-3.5-turbo", bpe_openai::cl100k_base),
    ("gpt-35-turbo", bpe_openai::cl100k_base),
    ("gpt-4", bpe_openai::cl100k_base),
    ("text-embedding-3-", bpe_openai::cl100k_base),
    ("text-embedding-ada-002", bpe_openai::cl100k_base),
];

/// The tokens of a text; `None` if the model's encoding is not known.
pub fn count(model: &str, text: &str) -> Option<u64> {
    Some(encoding(model)?.count(text) as u64)
}

/// A fine-tuned model is named `ft:` and its base; routers put the maker before a slash.
fn encoding(model: &str) -> Option<&'static Tokenizer> {
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.strip_prefix("ft:").unwrap_or(name);
    let known = ENCODINGS.iter().find(|(start, _)| name.starts_with(start));
    known.map(|(_, encoding)| encoding())
}

/// The texts of one request, counted.
pub struct Counted {
    /// One whose encoding is known.
    model: String,
    tokens: u64,
}

impl Counted {
    /// A tally for the model that the body names; `None` if its encoding is not known.
    pub fn with_model_of(body: &[u8]) -> Option<Counted> {
        let mut scan = Scan::new(body);
        while let Some(key) = scan.member() {
            if key == b"model" {
                let model = unescaped(scan.text()).into_owned();
                return encoding(&model).map(|_| Counted { model, tokens: 0 });
            }
            scan.skip();
        }
        None
    }
}

impl Tally for Counted {
    fn add(&mut self, value: Value<'_>) {
        self.tokens += match value {
            Value::Text(escaped) => count(&self.model, &unescaped(escaped)).unwrap_or_default(),
            Value::Token => 1,
        };
    }

    fn tokens(&self) -> u64 {
        self.tokens
    }
}

/// The text that the inside of a JSON string stands for; as it is written if it stands for none.
fn unescaped(escaped: &[u8]) -> Cow<'_, str> {
    let written = String::from_utf8_lossy(escaped);
    if !written.contains('\\') {
        return written;
    }
    match object::text(&format!("\"{written}\"")) {
        Some(text) => text.into(),
        None => written,
    }
}
