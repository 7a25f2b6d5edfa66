//! `POST /v1/embeddings`: checks the request as OpenAI does and answers with the vectors of `vectors`.
//!
//! Floats are written with the digits of the double that equals the f32, so that the float and the base64 form hold
//! exactly the same numbers, whether a client parses floats or doubles.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

use crate::answer;
use crate::errors::ApiError;
use crate::sketch::tokens_of;
use crate::vectors::{Input, embed};

/// The most inputs of one request.
const MAX_INPUTS: usize = 2048;
/// The most tokens of one input.
const MAX_INPUT_TOKENS: u64 = 8192;
/// The most tokens of one request.
const MAX_REQUEST_TOKENS: u64 = 300_000;
/// The most dimensions that may be asked for.
const MAX_DIMENSIONS: u64 = 8192;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    Float,
    Base64,
}

/// A request that passed all checks.
#[derive(Debug, PartialEq)]
pub(crate) struct Job {
    model: String,
    dims: usize,
    format: Format,
    inputs: Vec<Input>,
}

/// Answers made before, for servers started with `--in-memory`: by model, dimensions, format and number of inputs.
#[derive(Default)]
pub(crate) struct Cache(Mutex<HashMap<(String, usize, Format, usize), Bytes>>);

/// Answers one request; with a `cache`, with the first answer of the same shape.
pub(crate) fn answer(body: &[u8], cache: Option<&Cache>) -> Response {
    let job = match parse(body) {
        Ok(job) => job,
        Err(error) => return error.into_response(),
    };
    let text = match cache {
        Some(cache) => cache.answer(&job),
        None => write(&job).into(),
    };
    answer::bytes(200, "application/json", text)
}

impl Cache {
    fn answer(&self, job: &Job) -> Bytes {
        let key = (job.model.clone(), job.dims, job.format, job.inputs.len());
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers
            .entry(key)
            .or_insert_with(|| write(job).into())
            .clone()
    }
}

/// Reads and checks a request.
pub(crate) fn parse(body: &[u8]) -> Result<Job, ApiError> {
    let mut request: Value =
        serde_json::from_slice(body).map_err(|error| ApiError::not_json(&error))?;
    let model = match &request["model"] {
        Value::String(model) if !model.is_empty() => model.clone(),
        Value::Null | Value::String(_) => return Err(ApiError::no_model()),
        _ => {
            return Err(ApiError::invalid(
                "model",
                "Invalid type for 'model': expected a string.",
            ));
        }
    };
    let dims = match &request["dimensions"] {
        Value::Null => default_dimensions(&model),
        value => match value.as_u64() {
            Some(dims @ 1..=MAX_DIMENSIONS) => dims as usize,
            _ => {
                return Err(ApiError::invalid(
                    "dimensions",
                    format!(
                        "Invalid 'dimensions': expected an integer from 1 to {MAX_DIMENSIONS}, but got {value}."
                    ),
                ));
            }
        },
    };
    let format = match &request["encoding_format"] {
        Value::Null => Format::Float,
        Value::String(format) if format == "float" => Format::Float,
        Value::String(format) if format == "base64" => Format::Base64,
        other => {
            return Err(ApiError::invalid(
                "encoding_format",
                format!(
                    "Invalid 'encoding_format': expected 'float' or 'base64', but got {other}."
                ),
            ));
        }
    };
    let inputs = inputs(request["input"].take())?;
    let total: u64 = inputs.iter().map(tokens).sum();
    if total > MAX_REQUEST_TOKENS {
        return Err(ApiError::invalid(
            "input",
            format!("Requested {total} tokens, max {MAX_REQUEST_TOKENS} tokens per request."),
        )
        .with_code("max_tokens_per_request"));
    }
    Ok(Job {
        model,
        dims,
        format,
        inputs,
    })
}

fn default_dimensions(model: &str) -> usize {
    if model.contains("embedding-3-large") {
        3072
    } else {
        1536
    }
}

fn inputs(value: Value) -> Result<Vec<Input>, ApiError> {
    let inputs = match value {
        Value::String(text) => vec![Input::Text(text)],
        Value::Array(items) if items.first().is_some_and(Value::is_number) => {
            vec![token_ids(Value::Array(items)).ok_or_else(bad_input)?]
        }
        Value::Array(items) => {
            if items.len() > MAX_INPUTS {
                return Err(ApiError::invalid(
                    "input",
                    format!(
                        "Invalid 'input': array too long. Expected an array with maximum length {MAX_INPUTS}, \
                         but got an array with length {} instead.",
                        items.len()
                    ),
                )
                .with_code("array_above_max_length"));
            }
            let parsed: Option<Vec<Input>> = items
                .into_iter()
                .map(|item| match item {
                    Value::String(text) => Some(Input::Text(text)),
                    item => token_ids(item),
                })
                .collect();
            parsed.ok_or_else(bad_input)?
        }
        _ => return Err(bad_input()),
    };
    let empty = inputs.iter().any(|input| match input {
        Input::Text(text) => text.is_empty(),
        Input::Tokens(tokens) => tokens.is_empty(),
    });
    if empty || inputs.is_empty() {
        return Err(bad_input());
    }
    if let Some(long) = inputs
        .iter()
        .map(tokens)
        .find(|&tokens| tokens > MAX_INPUT_TOKENS)
    {
        return Err(ApiError::invalid(
            "input",
            format!(
                "Invalid 'input': maximum context length is {MAX_INPUT_TOKENS} tokens, but one input has {long}."
            ),
        ));
    }
    Ok(inputs)
}

fn token_ids(value: Value) -> Option<Input> {
    let Value::Array(items) = value else {
        return None;
    };
    items
        .iter()
        .map(Value::as_i64)
        .collect::<Option<Vec<i64>>>()
        .map(Input::Tokens)
}

fn bad_input() -> ApiError {
    ApiError::invalid(
        "input",
        "'$.input' is invalid: expected a non-empty string, an array of such, or arrays of token ids.",
    )
}

fn tokens(input: &Input) -> u64 {
    match input {
        Input::Text(text) => tokens_of(text.chars().count() as u64),
        Input::Tokens(tokens) => tokens.len() as u64,
    }
}

/// Writes the answer by hand: a `Value` of a million floats would cost more than the vectors.
fn write(job: &Job) -> Vec<u8> {
    let mut out = Vec::with_capacity(job.inputs.len() * job.dims * 8 + 256);
    out.extend_from_slice(b"{\"object\":\"list\",\"data\":[");
    for (index, input) in job.inputs.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        // Writing into a Vec cannot fail.
        let _ = write!(
            out,
            "{{\"object\":\"embedding\",\"index\":{index},\"embedding\":"
        );
        let vector = embed(input, job.dims);
        match job.format {
            Format::Float => write_floats(&mut out, &vector),
            Format::Base64 => {
                let bytes: Vec<u8> = vector
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect();
                let _ = write!(out, "\"{}\"", STANDARD.encode(bytes));
            }
        }
        out.push(b'}');
    }
    let total: u64 = job.inputs.iter().map(tokens).sum();
    let model = Value::String(job.model.clone());
    let _ = write!(
        out,
        "],\"model\":{model},\"usage\":{{\"prompt_tokens\":{total},\"total_tokens\":{total}}}}}"
    );
    out
}

fn write_floats(out: &mut Vec<u8>, vector: &[f32]) {
    out.push(b'[');
    for (place, &value) in vector.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        // Never NaN nor infinite: the vectors have length one.
        let _ = serde_json::to_writer(&mut *out, &f64::from(value));
    }
    out.push(b']');
}

#[cfg(test)]
#[path = "embeddings/tests.rs"]
mod tests;
