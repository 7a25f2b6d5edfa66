//! The few facts about a JSON request body that rules and the limiter need, read without building the whole value.
//!
//! Runs for every request of a benchmark, so it only walks the text once and counts.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What a body says of its model and its size. Anything that is no JSON object gives the empty sketch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sketch {
    pub(crate) model: Option<String>,
    /// Characters of the texts sent, four for each token id.
    pub(crate) characters: u64,
    /// The largest of `max_tokens`, `max_completion_tokens` and `max_output_tokens`.
    pub(crate) max_tokens: u64,
}

impl Sketch {
    pub(crate) fn of(body: &[u8]) -> Sketch {
        serde_json::from_slice(body).unwrap_or_default()
    }

    /// What OpenAI charges at admission: max(max tokens, characters / 4), at least 1.
    pub(crate) fn tokens(&self) -> u64 {
        self.max_tokens.max(tokens_of(self.characters)).max(1)
    }
}

/// The estimate used throughout: four characters a token, rounded up.
pub(crate) fn tokens_of(characters: u64) -> u64 {
    characters.div_ceil(4)
}

impl<'de> Deserialize<'de> for Sketch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sketch, D::Error> {
        deserializer.deserialize_map(SketchVisitor)
    }
}

struct SketchVisitor;

impl<'de> Visitor<'de> for SketchVisitor {
    type Value = Sketch;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sketch, A::Error> {
        let mut sketch = Sketch::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "model" => sketch.model = map.next_value::<Loose>()?.text,
                "max_tokens" | "max_completion_tokens" | "max_output_tokens" => {
                    let number = map.next_value::<Loose>()?.number;
                    sketch.max_tokens = sketch.max_tokens.max(number);
                }
                "input" | "messages" | "prompt" | "instructions" => {
                    sketch.characters += map.next_value::<Texts>()?.0;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(sketch)
    }
}

/// A string or a number; whatever else stands there is nothing.
#[derive(Default)]
struct Loose {
    text: Option<String>,
    number: u64,
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Loose, D::Error> {
        Ok(match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Loose {
                text: Some(text),
                number: 0,
            },
            other => Loose {
                text: None,
                number: other.as_u64().unwrap_or(0),
            },
        })
    }
}

/// Counts the characters of all texts below, leaving out names of roles, types and ids.
struct Texts(u64);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Texts, D::Error> {
        deserializer.deserialize_any(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Texts, E> {
        Ok(Texts(text.chars().count() as u64))
    }

    // A token id is one token.
    fn visit_u64<E>(self, _: u64) -> Result<Texts, E> {
        Ok(Texts(4))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Texts, E> {
        Ok(Texts(4))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Texts, E> {
        Ok(Texts(0))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Texts, E> {
        Ok(Texts(0))
    }

    fn visit_unit<E>(self) -> Result<Texts, E> {
        Ok(Texts(0))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Texts, A::Error> {
        let mut sum = 0;
        while let Some(Texts(characters)) = sequence.next_element()? {
            sum += characters;
        }
        Ok(Texts(sum))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
        let mut sum = 0;
        while let Some(key) = map.next_key::<String>()? {
            if matches!(
                key.as_str(),
                "content" | "text" | "input" | "arguments" | "output"
            ) {
                sum += map.next_value::<Texts>()?.0;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Texts(sum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(body: &str) -> u64 {
        Sketch::of(body.as_bytes()).tokens()
    }

    #[test]
    fn embeddings_are_charged_by_characters() {
        assert_eq!(tokens(r#"{"model":"m","input":"12345678"}"#), 2);
        assert_eq!(tokens(r#"{"model":"m","input":["12345678","1"]}"#), 3);
        assert_eq!(tokens(r#"{"input":[[1,2,3],[4]]}"#), 4);
        assert_eq!(tokens(r#"{"input":"äöüß"}"#), 1);
    }

    #[test]
    fn chats_are_charged_the_larger_of_their_maximum_and_their_text() {
        let messages =
            r#""messages":[{"role":"user","content":[{"type":"text","text":"12345678"}]}]"#;
        assert_eq!(tokens(&format!("{{{messages}}}")), 2);
        assert_eq!(tokens(&format!(r#"{{{messages},"max_tokens":100}}"#)), 100);
        assert_eq!(
            tokens(&format!(r#"{{{messages},"max_completion_tokens":1}}"#)),
            2
        );
        assert_eq!(
            tokens(r#"{"input":"abcd","instructions":"abcd","max_output_tokens":null}"#),
            2
        );
    }

    #[test]
    fn a_body_that_is_no_json_costs_one_token() {
        assert_eq!(Sketch::of(b"--boundary"), Sketch::default());
        assert_eq!(tokens("[1]"), 1);
        assert_eq!(Sketch::of(br#"{"model":"x"}"#).model.as_deref(), Some("x"));
        assert_eq!(Sketch::of(br#"{"model":5,"input":"12345"}"#).tokens(), 2);
    }
}
