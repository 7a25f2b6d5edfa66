//! Which endpoint answers which path, and what other paths and methods get.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;

use crate::errors::ApiError;
use crate::state::State;
use crate::{chat, completions, embeddings, files, models, moderations, responses};

/// The router over all normal endpoints.
pub(crate) fn router(state: &Arc<State>) -> Router {
    // Weak, since the state owns the router.
    let shared = Arc::downgrade(state);
    let embeddings = move |body: Bytes| async move {
        match shared.upgrade() {
            Some(state) => embeddings::answer(&body, state.cache.as_ref()),
            None => ApiError::for_status(503).into_response(),
        }
    };
    Router::new()
        .route("/v1/embeddings", post(embeddings))
        .route(
            "/v1/chat/completions",
            post(|body: Bytes| async move { chat::answer(&body) }),
        )
        .route(
            "/v1/completions",
            post(|body: Bytes| async move { completions::answer(&body) }),
        )
        .route(
            "/v1/responses",
            post(|body: Bytes| async move { responses::answer(&body) }),
        )
        .route(
            "/v1/moderations",
            post(|body: Bytes| async move { moderations::answer(&body) }),
        )
        .route(
            "/v1/files",
            post(|body: Bytes| async move { files::upload(&body) }),
        )
        .route(
            "/v1/files/{id}/content",
            get(|Path(id): Path<String>| async move { files::content(&id) }),
        )
        .route("/v1/models", get(|| async { models::list() }))
        .route(
            "/v1/models/{id}",
            get(|Path(id): Path<String>| async move { models::one(&id) }),
        )
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::disable())
}

async fn unknown(request: Request) -> Response {
    let message = format!(
        "Invalid URL ({} {})",
        request.method(),
        request.uri().path()
    );
    ApiError {
        message,
        ..ApiError::for_status(404)
    }
    .into_response()
}

async fn wrong_method(request: Request) -> Response {
    let message = format!(
        "Not allowed to {} on {}.",
        request.method(),
        request.uri().path()
    );
    ApiError {
        status: 405,
        code: Some("method_not_supported"),
        message,
        ..ApiError::for_status(404)
    }
    .into_response()
}
