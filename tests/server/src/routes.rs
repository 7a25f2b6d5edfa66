//! Which endpoint answers which path, and what other paths and methods get.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;

use crate::errors::ApiError;
use crate::state::State;
use crate::{
    batches, chat, completions, embeddings, files, media, models, moderations, responses, uploads,
};

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
    let api = Router::new()
        .route("/embeddings", post(embeddings))
        .route(
            "/chat/completions",
            post(|body: Bytes| async move { chat::answer(&body) }),
        )
        .route(
            "/completions",
            post(|body: Bytes| async move { completions::answer(&body) }),
        )
        .route(
            "/responses",
            post(|body: Bytes| async move { responses::answer(&body) }),
        )
        .route(
            "/moderations",
            post(|body: Bytes| async move { moderations::answer(&body) }),
        )
        .route(
            "/files",
            post(|body: Bytes| async move { files::upload(&body) }),
        )
        .route(
            "/files/{id}/content",
            get(|Path(id): Path<String>| async move { files::content(&id) }),
        )
        .route(
            "/images/generations",
            post(|body: Bytes| async move { media::image(&body) }),
        )
        .route("/images/edits", post(|| async { media::picture() }))
        .route(
            "/audio/speech",
            post(|body: Bytes| async move { media::speech(&body) }),
        )
        .route(
            "/audio/transcriptions",
            post(|| async { media::transcript() }),
        )
        .route(
            "/audio/translations",
            post(|| async { media::transcript() }),
        )
        .route(
            "/batches",
            post(|body: Bytes| async move { batches::create(&body) }),
        )
        .route(
            "/batches/{id}",
            get(|Path(id): Path<String>| async move { batches::one(&id) }),
        )
        .route("/uploads", post(|| async { uploads::upload("pending") }))
        .route("/uploads/{id}/parts", post(|| async { uploads::part() }))
        .route(
            "/uploads/{id}/complete",
            post(|| async { uploads::upload("completed") }),
        )
        .route(
            "/uploads/{id}/cancel",
            post(|| async { uploads::upload("cancelled") }),
        )
        .route("/models", get(|| async { models::list() }))
        .route(
            "/models/{id}",
            get(|Path(id): Path<String>| async move { models::one(&id) }),
        );
    Router::new()
        .nest("/v1", api.clone())
        // Azure's forms.
        .nest("/openai/v1", api.clone())
        .nest("/openai/deployments/{deployment}", api.clone())
        .nest("/openai", api)
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
