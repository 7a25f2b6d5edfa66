//! `POST /v1/moderations`: flags texts that hold one of a few words.

use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::answer;
use crate::errors::ApiError;
use crate::text;

/// Each category and the words that flag it.
const CATEGORIES: [(&str, &[&str]); 4] = [
    ("harassment", &["insult", "harass"]),
    ("hate", &["hate"]),
    ("self-harm", &["suicide"]),
    ("violence", &["kill", "attack", "violence"]),
];

pub(crate) fn answer(body: &[u8]) -> Response {
    match moderate(body) {
        Ok(value) => answer::json(200, &value),
        Err(error) => error.into_response(),
    }
}

fn moderate(body: &[u8]) -> Result<Value, ApiError> {
    let request: Value =
        serde_json::from_slice(body).map_err(|error| ApiError::not_json(&error))?;
    let inputs: Vec<String> = match &request["input"] {
        Value::String(input) => vec![input.clone()],
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_string) => {
            items.iter().map(text::content).collect()
        }
        // Parts of one message, such as texts and images, have one result together.
        Value::Array(items) if items.iter().any(|item| item["text"].is_string()) => {
            vec![text::content(&request["input"])]
        }
        _ => {
            return Err(ApiError::invalid(
                "input",
                "Missing required parameter: 'input'.",
            ));
        }
    };
    // The model is optional here.
    let model = request["model"]
        .as_str()
        .unwrap_or("omni-moderation-latest");
    Ok(json!({
        "id": text::id("modr-", body),
        "model": model,
        "results": inputs.iter().map(|input| result(input)).collect::<Vec<_>>(),
    }))
}

fn result(input: &str) -> Value {
    let lower = input.to_lowercase();
    let mut categories = Map::new();
    let mut scores = Map::new();
    for (category, words) in CATEGORIES {
        let hit = words.iter().any(|word| lower.contains(word));
        categories.insert(category.to_owned(), hit.into());
        scores.insert(category.to_owned(), if hit { 0.99 } else { 0.001 }.into());
    }
    let flagged = categories.values().any(|hit| *hit == true);
    json!({"flagged": flagged, "categories": categories, "category_scores": scores})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_input_has_its_result() {
        let answer = moderate(br#"{"input": ["a nice day", "I will KILL you"]}"#).expect("valid");
        assert_eq!(answer["results"][0]["flagged"], false);
        assert_eq!(answer["results"][1]["flagged"], true);
        assert_eq!(answer["results"][1]["categories"]["violence"], true);
        assert_eq!(answer["results"][1]["categories"]["hate"], false);
    }

    #[test]
    fn an_input_is_needed() {
        assert_eq!(moderate(b"{}").expect_err("a mistake").param, Some("input"));
    }
}
