//! `POST /v1/responses`, at once or as a stream of typed events.

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
        Ok(work) if work.stream => {
            sse::stream(work.events().iter().map(sse::typed).collect::<Vec<Bytes>>())
        }
        Ok(work) => answer::json(200, &work.response("completed")),
        Err(error) => error.into_response(),
    }
}

/// The events of the stream, as a WebSocket sends them.
pub(crate) fn events(message: &[u8]) -> Result<Vec<Value>, ApiError> {
    Ok(parse(message)?.events())
}

struct Work {
    id: String,
    message_id: String,
    model: String,
    stream: bool,
    input_tokens: u64,
    said: Said,
}

fn parse(body: &[u8]) -> Result<Work, ApiError> {
    let (request, model) = text::parse(body)?;
    let (prompt, input_tokens) = match &request["input"] {
        Value::String(input) => (input.clone(), tokens_of(input.chars().count() as u64)),
        Value::Array(items) if !items.is_empty() => {
            (text::last_user_text(items), text::message_tokens(items))
        }
        _ => {
            return Err(
                ApiError::invalid("input", "Missing required parameter: 'input'.")
                    .with_code("missing_required_parameter"),
            );
        }
    };
    Ok(Work {
        id: text::id("resp_", body),
        message_id: text::id("msg_", body),
        model,
        stream: request["stream"] == true,
        input_tokens,
        said: Said::to(&prompt, request["max_output_tokens"].as_u64()),
    })
}

impl Work {
    fn part(text: &str) -> Value {
        json!({"type": "output_text", "text": text, "annotations": []})
    }

    fn item(&self, status: &str) -> Value {
        let content = if status == "in_progress" {
            vec![]
        } else {
            vec![Work::part(&self.said.text())]
        };
        json!({
            "id": self.message_id,
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": content,
        })
    }

    /// The response object while it is made (`in_progress`) and when it is `completed` (or cut: `incomplete`).
    fn response(&self, status: &str) -> Value {
        let running = status == "in_progress";
        let status = if !running && self.said.cut {
            "incomplete"
        } else {
            status
        };
        let details = self
            .said
            .cut
            .then(|| json!({"reason": "max_output_tokens"}));
        let usage = json!({
            "input_tokens": self.input_tokens,
            "output_tokens": self.said.tokens(),
            "total_tokens": self.input_tokens + self.said.tokens(),
        });
        json!({
            "id": self.id,
            "object": "response",
            "created_at": CREATED,
            "model": self.model,
            "status": status,
            "error": null,
            "incomplete_details": if running { None } else { details },
            "output": if running { vec![] } else { vec![self.item(status)] },
            "usage": if running { Value::Null } else { usage },
        })
    }

    fn events(&self) -> Vec<Value> {
        let at = json!({"item_id": self.message_id, "output_index": 0, "content_index": 0});
        let mut events: Vec<Value> = Vec::new();
        let mut add = |kind: &str, base: &Value, extra: Value| {
            let mut event = base.clone();
            if let (Some(event), Some(extra)) = (event.as_object_mut(), extra.as_object()) {
                event.insert("type".to_owned(), kind.into());
                event.extend(extra.clone());
            }
            event["sequence_number"] = events.len().into();
            events.push(event);
        };
        let none = json!({});
        add(
            "response.created",
            &none,
            json!({"response": self.response("in_progress")}),
        );
        add(
            "response.in_progress",
            &none,
            json!({"response": self.response("in_progress")}),
        );
        let item = json!({"output_index": 0, "item": self.item("in_progress")});
        add("response.output_item.added", &none, item);
        add(
            "response.content_part.added",
            &at,
            json!({"part": Work::part("")}),
        );
        for delta in &self.said.deltas {
            add("response.output_text.delta", &at, json!({"delta": delta}));
        }
        let text = self.said.text();
        add("response.output_text.done", &at, json!({"text": text}));
        add(
            "response.content_part.done",
            &at,
            json!({"part": Work::part(&text)}),
        );
        let last = self.response("completed");
        let item = json!({"output_index": 0, "item": last["output"][0]});
        add("response.output_item.done", &none, item);
        let end = if self.said.cut {
            "response.incomplete"
        } else {
            "response.completed"
        };
        add(end, &none, json!({"response": last}));
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
    fn a_text_or_messages_are_answered() {
        for input in [
            json!("hi"),
            json!([{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]),
        ] {
            let answer = work(json!({"model": "m", "input": input})).response("completed");
            assert_eq!(answer["status"], "completed");
            assert_eq!(answer["output"][0]["content"][0]["text"], "You said: hi");
        }
    }

    #[test]
    fn events_are_numbered_and_hold_the_whole_text() {
        let events = work(json!({"model": "m", "input": "a b"})).events();
        let kinds: Vec<&str> = events
            .iter()
            .filter_map(|event| event["type"].as_str())
            .collect();
        assert_eq!(kinds.len(), events.len());
        assert_eq!(kinds[0], "response.created");
        assert_eq!(kinds[kinds.len() - 1], "response.completed");
        let text: String = events
            .iter()
            .filter_map(|event| event["delta"].as_str())
            .collect();
        assert_eq!(text, "You said: a b");
        for (number, event) in events.iter().enumerate() {
            assert_eq!(event["sequence_number"], number);
        }
        assert_eq!(
            events[events.len() - 1]["response"]["usage"]["output_tokens"],
            4
        );
    }

    #[test]
    fn a_maximum_makes_it_incomplete() {
        let events = work(json!({"model": "m", "input": "a b", "max_output_tokens": 1})).events();
        let last = &events[events.len() - 1];
        assert_eq!(last["type"], "response.incomplete");
        assert_eq!(
            last["response"]["incomplete_details"]["reason"],
            "max_output_tokens"
        );
    }

    #[test]
    fn an_input_is_needed() {
        let error = parse(br#"{"model": "m"}"#).err().expect("a mistake");
        assert_eq!(error.param, Some("input"));
    }
}
