//! `/v1/uploads`: takes any upload in parts.
//!
//! Nothing is stored: there is the one upload `upload-test`, and each of its parts is `part-test`.

use axum::response::Response;
use serde_json::json;

use crate::answer;

/// An upload in some state: `POST /v1/uploads` and what follows to its id.
pub(crate) fn upload(status: &str) -> Response {
    let file = (status == "completed").then(|| json!({"id": "file-test", "object": "file"}));
    answer::json(
        200,
        &json!({"id": "upload-test", "object": "upload", "status": status, "file": file}),
    )
}

/// `POST /v1/uploads/{id}/parts`.
pub(crate) fn part() -> Response {
    answer::json(200, &json!({"id": "part-test", "object": "upload.part"}))
}
