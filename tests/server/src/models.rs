//! `GET /v1/models` and `GET /v1/models/{id}`.

use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::answer;
use crate::errors::ApiError;
use crate::text::CREATED;

/// The models listed; the other endpoints take any name.
const MODELS: [&str; 6] = [
    "gpt-4o",
    "gpt-4o-mini",
    "omni-moderation-latest",
    "text-embedding-3-large",
    "text-embedding-3-small",
    "text-embedding-ada-002",
];

pub(crate) fn list() -> Response {
    let data: Vec<Value> = MODELS.iter().map(|id| object(id)).collect();
    answer::json(200, &json!({"object": "list", "data": data}))
}

pub(crate) fn one(id: &str) -> Response {
    if MODELS.contains(&id) {
        return answer::json(200, &object(id));
    }
    let message = format!("The model '{id}' does not exist");
    ApiError {
        code: Some("model_not_found"),
        param: Some("model"),
        message,
        ..ApiError::for_status(404)
    }
    .into_response()
}

fn object(id: &str) -> Value {
    json!({"id": id, "object": "model", "created": CREATED, "owned_by": "system"})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_model_is_found_and_an_unknown_one_is_a_404() {
        assert_eq!(one("gpt-4o").status(), 200);
        assert_eq!(one("gpt-0").status(), 404);
    }
}
