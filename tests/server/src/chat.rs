//! `POST /v1/chat/completions`, at once or as a stream.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::answer;
use crate::errors::ApiError;
use crate::sse;
use crate::text::{self, CREATED, Said};

pub(crate) fn answer(body: &[u8]) -> Response {
    match parse(body) {
        Ok(chat) if chat.stream => sse::stream(chat.events()),
        Ok(chat) => answer::json(200, &chat.completion()),
        Err(error) => error.into_response(),
    }
}

struct Chat {
    id: String,
    model: String,
    stream: bool,
    include_usage: bool,
    choices: u64,
    prompt_tokens: u64,
    said: Said,
    /// The tool to call instead of saying something.
    tool: Option<String>,
}

fn parse(body: &[u8]) -> Result<Chat, ApiError> {
    let (request, model) = text::parse(body)?;
    let messages = match &request["messages"] {
        Value::Array(messages) if !messages.is_empty() => messages,
        Value::Array(_) => {
            return Err(ApiError::invalid(
                "messages",
                "Invalid 'messages': empty array. Expected an array with minimum length 1.",
            )
            .with_code("empty_array"));
        }
        _ => {
            return Err(
                ApiError::invalid("messages", "Missing required parameter: 'messages'.")
                    .with_code("missing_required_parameter"),
            );
        }
    };
    let max_tokens = request["max_completion_tokens"]
        .as_u64()
        .or_else(|| request["max_tokens"].as_u64());
    Ok(Chat {
        id: text::id("chatcmpl-", body),
        model,
        stream: request["stream"] == true,
        include_usage: request["stream_options"]["include_usage"] == true,
        choices: request["n"].as_u64().unwrap_or(1).clamp(1, 128),
        prompt_tokens: text::message_tokens(messages),
        said: Said::to(&text::last_user_text(messages), max_tokens),
        tool: (request["tool_choice"] == "required")
            .then(|| request["tools"][0]["function"]["name"].as_str())
            .flatten()
            .map(str::to_owned),
    })
}

impl Chat {
    fn finish_reason(&self) -> &'static str {
        if self.said.cut { "length" } else { "stop" }
    }

    fn usage(&self) -> Value {
        let completion = self.said.tokens() * self.choices;
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
        })
    }

    fn completion(&self) -> Value {
        let choice = |index| {
            let (message, reason) = match &self.tool {
                None => (
                    json!({"role": "assistant", "content": self.said.text(), "refusal": null}),
                    self.finish_reason(),
                ),
                Some(name) => {
                    let call = json!({"id": "call_1", "type": "function", "function": {"name": name, "arguments": "{}"}});
                    let calls = json!({"role": "assistant", "content": null, "tool_calls": [call]});
                    (calls, "tool_calls")
                }
            };
            json!({"index": index, "message": message, "logprobs": null, "finish_reason": reason})
        };
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": CREATED,
            "model": self.model,
            "choices": (0..self.choices).map(choice).collect::<Vec<_>>(),
            "usage": self.usage(),
            "system_fingerprint": null,
        })
    }

    fn chunk(&self, choices: Value, usage: Option<Value>) -> Bytes {
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": self.model,
            "choices": choices,
        });
        if self.include_usage {
            chunk["usage"] = usage.unwrap_or(Value::Null);
        }
        sse::data(&chunk)
    }

    fn events(&self) -> Vec<Bytes> {
        let mut events = Vec::new();
        for index in 0..self.choices {
            let mut add = |delta: Value, finish: Option<&str>| {
                let choice = json!([{"index": index, "delta": delta, "finish_reason": finish}]);
                events.push(self.chunk(choice, None));
            };
            add(json!({"role": "assistant", "content": ""}), None);
            for delta in &self.said.deltas {
                add(json!({"content": delta}), None);
            }
            add(json!({}), Some(self.finish_reason()));
        }
        if self.include_usage {
            events.push(self.chunk(json!([]), Some(self.usage())));
        }
        events.push(sse::done());
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(request: Value) -> Chat {
        parse(request.to_string().as_bytes()).expect("a valid request")
    }

    fn hello(extra: Value) -> Value {
        let mut request =
            json!({"model": "m", "messages": [{"role": "user", "content": "hello there"}]});
        if let (Some(request), Some(extra)) = (request.as_object_mut(), extra.as_object()) {
            request.extend(extra.clone());
        }
        request
    }

    /// The data of each event.
    fn datas(events: &[Bytes]) -> Vec<String> {
        let text = |event: &Bytes| String::from_utf8(event.to_vec()).expect("text");
        events
            .iter()
            .map(|event| text(event)["data: ".len()..].trim_end().to_owned())
            .collect()
    }

    #[test]
    fn the_answer_mentions_the_last_message() {
        let answer = chat(hello(json!({"n": 2}))).completion();
        assert_eq!(
            answer["choices"][1]["message"]["content"],
            "You said: hello there"
        );
        assert_eq!(answer["choices"][0]["finish_reason"], "stop");
        assert_eq!(answer["usage"]["total_tokens"], 6 + 8);
    }

    #[test]
    fn a_stream_adds_up_to_the_same_answer_and_ends_with_done() {
        let events = datas(&chat(hello(json!({"stream": true}))).events());
        assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
        let chunks: Vec<Value> = events[..events.len() - 1]
            .iter()
            .map(|event| serde_json::from_str(event).expect("JSON"))
            .collect();
        let text: String = chunks
            .iter()
            .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
            .collect();
        assert_eq!(text, "You said: hello there");
        assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
        assert_eq!(
            chunks[chunks.len() - 1]["choices"][0]["finish_reason"],
            "stop"
        );
        assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
    }

    #[test]
    fn usage_comes_last_when_asked_for() {
        let request = hello(json!({"stream": true, "stream_options": {"include_usage": true}}));
        let events = datas(&chat(request).events());
        let last: Value = serde_json::from_str(&events[events.len() - 2]).expect("JSON");
        assert_eq!(last["choices"], json!([]));
        assert_eq!(last["usage"]["completion_tokens"], 4);
        let first: Value = serde_json::from_str(&events[0]).expect("JSON");
        assert!(first.get("usage").is_some_and(Value::is_null));
    }

    #[test]
    fn a_maximum_ends_it_with_length() {
        let answer = chat(hello(json!({"max_tokens": 2}))).completion();
        assert_eq!(answer["choices"][0]["message"]["content"], "You said: ");
        assert_eq!(answer["choices"][0]["finish_reason"], "length");
    }

    #[test]
    fn missing_parts_are_named() {
        for (request, param) in [
            (json!({"model": "m"}), "messages"),
            (json!({"model": "m", "messages": []}), "messages"),
            (
                json!({"messages": [{"role": "user", "content": "a"}]}),
                "model",
            ),
        ] {
            let error = parse(request.to_string().as_bytes())
                .err()
                .expect("a mistake");
            assert_eq!((error.status, error.param), (400, Some(param)));
        }
    }
}
