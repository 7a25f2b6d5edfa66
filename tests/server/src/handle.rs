//! One request from head to answer: log, scripted rule, key, outage, limiter, latency, endpoint.
//!
//! The accept loop calls [`serve`] for every request that hyper has parsed. When the client goes away hyper drops the
//! future, and the ticket in it tells the log.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tower_service::Service;

use crate::connection::Connection;
use crate::control;
use crate::errors::ApiError;
use crate::files;
use crate::limiter::Decision;
use crate::log::Ticket;
use crate::matching::Head;
use crate::rule::DropAt;
use crate::script::Found;
use crate::scripted::{self, Exchange};
use crate::sketch::Sketch;
use crate::sockets;
use crate::state::State;
use crate::tracked::{Pace, Tracked};

pub(crate) async fn serve(
    state: Arc<State>,
    connection: Connection,
    request: Request<Incoming>,
) -> Response<Tracked> {
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(connection.clone());
    if control::is_control(parts.uri.path()) {
        let answer = match body.collect().await {
            Ok(body) => control::answer(&state, &parts, &body.to_bytes()).await,
            Err(_) => ApiError::for_status(400).into_response(),
        };
        return answer.map(|body| Tracked::new(body, None, Pace::default(), false));
    }
    let mut ticket = state.log.arrive(&parts, connection.number);
    let head = Head {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        headers: &parts.headers,
    };
    let mut found = state.script.at_head(&head);
    if let Found::Rule(rule) = &found {
        if matches!(
            rule.drop,
            Some(DropAt::BeforeRead | DropAt::AfterHeadersRead)
        ) {
            scripted::wait_first(&state, rule).await;
            return break_off(&connection, ticket).await;
        }
    }
    let Ok((body, length)) = files::receive(body).await else {
        // The client broke off; hyper is about to drop the connection.
        return ApiError::for_status(400)
            .into_response()
            .map(|body| Tracked::new(body, Some(ticket), Pace::default(), false));
    };
    ticket.body(&body, length);
    if let Found::NeedsBody = found {
        found = state
            .script
            .at_body(&head, &body)
            .map_or(Found::Nothing, Found::Rule);
    }
    if let Found::Rule(rule) = found {
        return scripted::perform(
            Exchange {
                state,
                connection,
                parts,
                body,
                ticket,
            },
            &rule,
        )
        .await;
    }
    let mut answer = normal(&state, &parts, body).await;
    sign(&state, &ticket, answer.headers_mut(), |_| true);
    deliver(
        answer,
        ticket,
        Pace::default(),
        parts.method == Method::HEAD,
    )
}

/// Hands the answer to hyper, with the ticket in its body.
pub(crate) fn deliver(
    answer: Response,
    mut ticket: Ticket,
    pace: Pace,
    bodiless: bool,
) -> Response<Tracked> {
    ticket.answering(answer.status().as_u16());
    answer.map(|body| Tracked::new(body, Some(ticket), pace, bodiless))
}

/// Ends the connection by RST; does not return.
pub(crate) async fn break_off(connection: &Connection, mut ticket: Ticket) -> Response<Tracked> {
    ticket.cut_off();
    connection.reset();
    std::future::pending().await
}

/// Adds the headers that every answer has, where `wanted` and not there already.
pub(crate) fn sign(
    state: &State,
    ticket: &Ticket,
    headers: &mut HeaderMap,
    wanted: impl Fn(&str) -> bool,
) {
    if wanted("x-request-id") {
        if let Ok(id) = HeaderValue::try_from(state.request_id()) {
            headers.entry("x-request-id").or_insert(id);
        }
    }
    if wanted("openai-processing-ms") {
        let age = u64::try_from(ticket.age_ms()).unwrap_or(u64::MAX);
        headers.entry("openai-processing-ms").or_insert(age.into());
    }
}

/// What the server answers without a script.
pub(crate) async fn normal(state: &State, parts: &Parts, body: Bytes) -> Response {
    let key = api_key(&parts.headers);
    if let Some(required) = &state.config.require_key {
        if key != required {
            return unauthorized(key.is_empty()).into_response();
        }
    }
    let mut rate_headers = HeaderMap::new();
    if parts.method == Method::POST {
        if let Err(refused) = admit(state, key, &body, &mut rate_headers) {
            return with_headers(*refused, rate_headers);
        }
    } else if let Some(status) = state.limiter().outage(state.now()) {
        return ApiError::for_status(status).into_response();
    }
    if !state.config.latency.is_zero() {
        tokio::time::sleep(state.config.latency).await;
    }
    if sockets::is_wanted(parts) {
        return sockets::answer(parts);
    }
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = parts.uri.clone();
    let Ok(answer) = state.router().call(request).await;
    with_headers(answer, rate_headers)
}

/// Outage, then the limiter; fills in the headers that the answer is to carry.
fn admit(
    state: &State,
    key: &str,
    body: &[u8],
    headers: &mut HeaderMap,
) -> Result<(), Box<Response>> {
    let mut limiter = state.limiter();
    let now = state.now();
    if let Some(status) = limiter.outage(now) {
        return Err(Box::new(ApiError::for_status(status).into_response()));
    }
    if !limiter.is_limited() {
        return Ok(());
    }
    let sketch = Sketch::of(body);
    let tokens = sketch.tokens();
    let model = sketch.model.as_deref().unwrap_or("no model");
    let scope = limiter.scope(key, model, now);
    let decision = scope.decide(tokens, now);
    scope.write_headers(headers, now);
    if decision == Decision::Admitted {
        return Ok(());
    }
    let refusal = scope.refusal(&decision, tokens, model, now);
    Err(Box::new(with_headers(
        refusal.error.into_response(),
        refusal.headers,
    )))
}

fn with_headers(mut response: Response, headers: HeaderMap) -> Response {
    response.headers_mut().extend(headers);
    response
}

/// The key of a request, empty without one: OpenAI's header or Azure's.
fn api_key(headers: &HeaderMap) -> &str {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    text(http::header::AUTHORIZATION)
        .and_then(|value| value.strip_prefix("Bearer "))
        .or_else(|| text(HeaderName::from_static("api-key")))
        .unwrap_or("")
}

fn unauthorized(missing: bool) -> ApiError {
    if missing {
        ApiError {
            code: None,
            message: "You didn't provide an API key: send it in an Authorization header as \
                      'Bearer YOUR_KEY'."
                .to_owned(),
            ..ApiError::for_status(401)
        }
    } else {
        ApiError::for_status(401)
    }
}
