//! `POST /v1/completions`, the older text endpoint, at once or as a stream.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::answer;
use crate::errors::ApiError;
use crate::sketch::tokens_of;
use crate::sse;
use crate::text::{self, CREATED, Said};

pub(crate) fn answer(body: &[u8]) -> Response {
    match parse(body) {
        Ok(work) if work.stream => sse::stream(work.events()),
        Ok(work) => answer::json(200, &work.completion()),
        Err(error) => error.into_response(),
    }
}

struct Work {
    id: String,
    model: String,
    stream: bool,
    prompt_tokens: u64,
    /// One answer a prompt.
    said: Vec<Said>,
}

fn parse(body: &[u8]) -> Result<Work, ApiError> {
    let (request, model) = text::parse(body)?;
    let prompts: Vec<String> = match &request["prompt"] {
        Value::String(prompt) => vec![prompt.clone()],
        Value::Array(prompts) if !prompts.is_empty() && prompts.iter().all(Value::is_string) => {
            prompts.iter().map(text::content).collect()
        }
        _ => {
            return Err(ApiError::invalid(
                "prompt",
                "Invalid 'prompt': expected a string or a non-empty array of strings.",
            ));
        }
    };
    let max_tokens = request["max_tokens"].as_u64();
    Ok(Work {
        id: text::id("cmpl-", body),
        model,
        stream: request["stream"] == true,
        prompt_tokens: prompts
            .iter()
            .map(|prompt| tokens_of(prompt.chars().count() as u64))
            .sum(),
        said: prompts
            .iter()
            .map(|prompt| Said::to(prompt, max_tokens))
            .collect(),
    })
}

impl Work {
    fn object(&self, choices: Vec<Value>) -> Value {
        json!({
            "id": self.id,
            "object": "text_completion",
            "created": CREATED,
            "model": self.model,
            "choices": choices,
        })
    }

    fn choice(index: usize, text: &str, finish_reason: Option<&Said>) -> Value {
        let reason = finish_reason.map(|said| if said.cut { "length" } else { "stop" });
        json!({"index": index, "text": text, "logprobs": null, "finish_reason": reason})
    }

    fn completion(&self) -> Value {
        let choices = self.said.iter().enumerate();
        let choices = choices.map(|(index, said)| Work::choice(index, &said.text(), Some(said)));
        let mut object = self.object(choices.collect());
        let completion: u64 = self.said.iter().map(Said::tokens).sum();
        object["usage"] = json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
        });
        object
    }

    fn events(&self) -> Vec<Bytes> {
        let mut events = Vec::new();
        for (index, said) in self.said.iter().enumerate() {
            for delta in &said.deltas {
                events.push(sse::data(
                    &self.object(vec![Work::choice(index, delta, None)]),
                ));
            }
            events.push(sse::data(&self.object(vec![Work::choice(
                index,
                "",
                Some(said),
            )])));
        }
        events.push(sse::done());
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(request: Value) -> Work {
        parse(request.to_string().as_bytes()).expect("a valid request")
    }

    #[test]
    fn each_prompt_has_its_choice() {
        let answer = work(json!({"model": "m", "prompt": ["a", "b"]})).completion();
        assert_eq!(answer["choices"][0]["text"], "You said: a");
        assert_eq!(answer["choices"][1]["text"], "You said: b");
        assert_eq!(answer["choices"][1]["index"], 1);
        assert_eq!(answer["usage"]["total_tokens"], 8);
    }

    #[test]
    fn a_stream_ends_with_its_reason_and_done() {
        let events = work(json!({"model": "m", "prompt": "a b c", "max_tokens": 2})).events();
        assert_eq!(events.len(), 4);
        let reason = String::from_utf8(events[2].to_vec()).expect("text");
        assert!(reason.contains("\"finish_reason\":\"length\""), "{reason}");
        assert_eq!(events[3], sse::done());
    }

    #[test]
    fn a_prompt_is_needed() {
        let error = parse(br#"{"model": "m"}"#).err().expect("a mistake");
        assert_eq!(error.param, Some("prompt"));
    }
}
