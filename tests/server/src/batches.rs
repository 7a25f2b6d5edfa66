//! `/v1/batches`: takes any batch, which has ended well at once.
//!
//! Nothing is stored: there is the one batch `batch-test`, whose output file is `file-output`.

use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::answer;
use crate::errors::ApiError;

/// The id of the one batch.
const TEST: &str = "batch-test";

/// `POST /v1/batches`.
pub(crate) fn create(body: &[u8]) -> Response {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    for name in ["input_file_id", "endpoint", "completion_window"] {
        if !body[name].is_string() {
            let message = format!("Missing required parameter: '{name}'.");
            return ApiError {
                message,
                ..ApiError::for_status(400)
            }
            .into_response();
        }
    }
    one(TEST)
}

/// `GET /v1/batches/{id}`.
pub(crate) fn one(id: &str) -> Response {
    if id != TEST {
        let message = format!("No batch found with id '{id}'.");
        return ApiError {
            message,
            ..ApiError::for_status(404)
        }
        .into_response();
    }
    answer::json(
        200,
        &json!({"id": id, "object": "batch", "status": "completed", "output_file_id": "file-output",
            "error_file_id": null, "request_counts": {"total": 1, "completed": 1, "failed": 0}}),
    )
}
