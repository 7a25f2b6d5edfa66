//! Pictures and sound: `/v1/images/*` and `/v1/audio/*`. Every picture is one grey dot, every sound a moment of silence,
//! and in every sound the same sentence is heard.

use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::answer;
use crate::errors::ApiError;
use crate::text::{self, CREATED};

/// A PNG of one grey dot, in base64.
const DOT: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==";

/// What is heard in every sound.
const HEARD: &str = "Old boats are mended here.";

/// `POST /v1/images/generations`.
pub(crate) fn image(body: &[u8]) -> Response {
    match prompt(body, "prompt") {
        Ok(_) => picture(),
        Err(error) => error.into_response(),
    }
}

/// The answer of `POST /v1/images/generations` and `POST /v1/images/edits`.
pub(crate) fn picture() -> Response {
    answer::json(
        200,
        &json!({"created": CREATED, "data": [{"b64_json": DOT}]}),
    )
}

/// `POST /v1/audio/speech`: a WAV file, 8 kHz, a tenth of a second.
pub(crate) fn speech(body: &[u8]) -> Response {
    const SAMPLES: u32 = 800;
    if let Err(error) = prompt(body, "input") {
        return error.into_response();
    }
    let mut wav = Vec::with_capacity(44 + SAMPLES as usize);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + SAMPLES).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend_from_slice(&16u32.to_le_bytes());
    // PCM, one channel, 8,000 samples and bytes a second, one byte a sample.
    for half in [1u16, 1] {
        wav.extend_from_slice(&half.to_le_bytes());
    }
    for word in [8_000u32, 8_000] {
        wav.extend_from_slice(&word.to_le_bytes());
    }
    for half in [1u16, 8] {
        wav.extend_from_slice(&half.to_le_bytes());
    }
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&SAMPLES.to_le_bytes());
    wav.resize(wav.len() + SAMPLES as usize, 128);
    answer::bytes(200, "audio/wav", wav)
}

/// `POST /v1/audio/transcriptions` and `POST /v1/audio/translations`, whatever the form holds.
pub(crate) fn transcript() -> Response {
    answer::json(200, &json!({"text": HEARD}))
}

/// The text that a JSON body must have.
fn prompt(body: &[u8], field: &'static str) -> Result<String, ApiError> {
    let request: Value =
        serde_json::from_slice(body).map_err(|error| ApiError::not_json(&error))?;
    match &request[field] {
        Value::String(_) => Ok(text::content(&request[field])),
        _ => Err(ApiError::invalid(
            field,
            format!("Missing required parameter: '{field}'."),
        )),
    }
}
