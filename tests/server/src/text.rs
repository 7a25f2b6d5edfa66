//! What the text endpoints say: the same answer to the same request, mentioning its last text.

use serde_json::Value;

use crate::errors::ApiError;
use crate::sketch::tokens_of;

/// The words of an answer and why it ended.
#[derive(Debug, PartialEq)]
pub(crate) struct Said {
    /// Each word with the space before it: one delta of a stream.
    pub(crate) deltas: Vec<String>,
    /// The maximum of tokens ended it.
    pub(crate) cut: bool,
}

impl Said {
    /// The answer to `prompt` in at most `max_tokens` words.
    pub(crate) fn to(prompt: &str, max_tokens: Option<u64>) -> Said {
        let text = format!("You said: {prompt}");
        let mut deltas: Vec<String> = text
            .split_inclusive(' ')
            .map(str::to_owned)
            .filter(|word| !word.is_empty())
            .collect();
        let most = max_tokens.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
        let cut = deltas.len() > most;
        deltas.truncate(most);
        Said { deltas, cut }
    }

    pub(crate) fn text(&self) -> String {
        self.deltas.concat()
    }

    pub(crate) fn tokens(&self) -> u64 {
        self.deltas.len() as u64
    }
}

/// A request's JSON and its model.
pub(crate) fn parse(body: &[u8]) -> Result<(Value, String), ApiError> {
    let request: Value =
        serde_json::from_slice(body).map_err(|error| ApiError::not_json(&error))?;
    match &request["model"] {
        Value::String(model) if !model.is_empty() => {
            let model = model.clone();
            Ok((request, model))
        }
        Value::Null | Value::String(_) => Err(ApiError::no_model()),
        _ => Err(ApiError::invalid(
            "model",
            "Invalid type for 'model': expected a string.",
        )),
    }
}

/// The text of a message's content: a string, or the `text` of its parts.
pub(crate) fn content(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect::<Vec<_>>()
            .join(" "),
        _ => String::new(),
    }
}

/// The text of the last message of the user, in a list of messages.
pub(crate) fn last_user_text(messages: &[Value]) -> String {
    let last = messages
        .iter()
        .rev()
        .find(|message| message["role"] == "user");
    last.map(|message| content(&message["content"]))
        .unwrap_or_default()
}

/// An estimate of the tokens of a list of messages.
pub(crate) fn message_tokens(messages: &[Value]) -> u64 {
    messages
        .iter()
        .map(|message| tokens_of(content(&message["content"]).chars().count() as u64) + 3)
        .sum()
}

/// An id that depends on the request alone.
pub(crate) fn id(prefix: &str, body: &[u8]) -> String {
    let sum = body.iter().fold(0xcbf2_9ce4_8422_2325_u64, |state, byte| {
        crate::vectors::spread(state ^ u64::from(*byte))
    });
    format!("{prefix}{sum:016x}")
}

/// The creation time of everything here: answers are the same at any time.
pub(crate) const CREATED: u64 = 1_700_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn deltas_add_up_to_the_text() {
        let said = Said::to("héllo  wörld\n", None);
        assert_eq!(said.text(), "You said: héllo  wörld\n");
        assert!(!said.cut && said.deltas.len() > 3);
    }

    #[test]
    fn a_maximum_cuts_the_answer() {
        let said = Said::to("one two three", Some(3));
        assert_eq!((said.text().as_str(), said.cut), ("You said: one ", true));
        assert!(!Said::to("one", Some(3)).cut);
    }

    #[test]
    fn the_last_user_message_counts_in_either_form() {
        let messages = json!([
            {"role": "user", "content": "first"},
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}, {"text": "b"}]},
            {"role": "assistant", "content": "no"},
        ]);
        assert_eq!(last_user_text(messages.as_array().expect("a list")), "a b");
    }
}
