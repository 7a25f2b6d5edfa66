//! The setters: one exported function for each row of the option table that may change.
//!
//! Each hands its value to `ffi::client`, which checks it by the table and logs what was wrong; none holds a range or a
//! default of its own. They are written out because cbindgen reads the source and expands no macros.

use std::ffi::c_char;

use super::border::call_logged;
use super::client::{apply_setting, oai_client};
use super::status::oai_status;
use super::text::optional_str;
use crate::client::options::Value;

/// `oai_set_http_version`: what the server offers.
pub const OAI_HTTP_VERSION_AUTO: i32 = 0;
/// `oai_set_http_version`: HTTP/1.1 (the default).
pub const OAI_HTTP_VERSION_1_1: i32 = 1;
/// `oai_set_http_version`: HTTP/2.
pub const OAI_HTTP_VERSION_2: i32 = 2;

/// `oai_set_tls_roots`: `ca_file` and `ca_pem` alone if given, else the system's, else the bundled ones (the default).
pub const OAI_TLS_ROOTS_AUTO: i32 = 0;
/// `oai_set_tls_roots`: those of the operating system.
pub const OAI_TLS_ROOTS_SYSTEM: i32 = 1;
/// `oai_set_tls_roots`: Mozilla's, as they were when the library was built.
pub const OAI_TLS_ROOTS_BUNDLED: i32 = 2;
/// `oai_set_tls_roots`: those of the operating system and the bundled ones.
pub const OAI_TLS_ROOTS_BOTH: i32 = 3;

/// `oai_set_callback_thread`: the library's dispatcher thread (the default).
pub const OAI_CALLBACK_ON_DISPATCHER: i32 = 0;
/// `oai_set_callback_thread`: the worker thread that read the answer.
pub const OAI_CALLBACK_ON_WORKER: i32 = 1;

/// `oai_set_queue_full`: a call that finds the queue full is refused (the default).
pub const OAI_QUEUE_FULL_REJECT: i32 = 0;
/// `oai_set_queue_full`: a blocking call waits for a place; others are refused.
pub const OAI_QUEUE_FULL_WAIT: i32 = 1;

/// The one way from a setter to the client.
fn set(client: *const oai_client, name: &'static str, value: Value<'_>) -> oai_status {
    // SAFETY: only the setters below call this, and their callers promise a client that is not freed meanwhile.
    unsafe { apply_setting(client, name, value) }
}

/// The same for a text; NULL puts the default back.
fn set_text(client: *const oai_client, name: &'static str, value: *const c_char) -> oai_status {
    // SAFETY: only the setters below call this, and their callers promise NULL or a NUL-terminated text.
    match unsafe { optional_str(value, name) } {
        Ok(text) => set(client, name, Value::Str(text)),
        Err(error) => call_logged(name, || Err(error)),
    }
}

// ===== identity and address =====

/// Sets the API key, sent as a bearer token. Keys may rotate while requests wait.
///
/// `key`: ASCII, one line, no white space around it; copied; NULL: no key. A `base_url`, proxy, CA file, header or
/// query from a `.env` file that was only found is dropped then, with a warning, or a stranger's file could receive
/// the key; after the first request the call fails with `OAI_ERR_STATE` instead.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_CONFIG` for
/// a key that is empty, padded or not one line of ASCII (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_api_key(
    client: *const oai_client,
    key: *const c_char,
) -> oai_status {
    set_text(client, "api_key", key)
}

/// Sets the key for the organization endpoints.
///
/// `key`: as for `oai_set_api_key`, with the same care about a found `.env` file; copied; NULL: no key.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_CONFIG` for
/// a key that is empty, padded or not one line of ASCII (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_admin_api_key(
    client: *const oai_client,
    key: *const c_char,
) -> oai_status {
    set_text(client, "admin_api_key", key)
}

/// Sets what webhooks are signed with, for `oai_webhook_verify`.
///
/// `secret`: as it was shown when the webhook was made: base64 behind `whsec_`, or any other text as it is; ASCII, one
/// line; copied; NULL: none.
/// Any thread, any time; holds for every later call.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_CONFIG` for
/// a secret that is empty, padded, not one line of ASCII or not base64 behind `whsec_` (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_webhook_secret(
    client: *const oai_client,
    secret: *const c_char,
) -> oai_status {
    set_text(client, "webhook_secret", secret)
}

/// Sets where requests go.
///
/// `url`: http:// or https://, host and path prefix, without user, query and fragment; a slash at the end is
/// dropped; copied; NULL: `https://api.openai.com/v1`.
/// Any thread, until the client's first request.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
/// after the first request; `OAI_ERR_CONFIG` for anything else (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_base_url(
    client: *const oai_client,
    url: *const c_char,
) -> oai_status {
    set_text(client, "base_url", url)
}

/// Sets the URL of an Azure OpenAI resource, which is then called in place of `base_url`.
///
/// `url`: as for `oai_set_base_url`, without the path of a deployment: `https://NAME.openai.azure.com`, or with
/// `/openai/v1` behind it; copied; NULL or empty: none. It goes by `azure_api_version` which paths are called, and
/// `azure_api_key`, `azure_ad_token` or a token provider say as whom; `api_key` is never sent there. The deployment is
/// the request's model.
/// Any thread, until the client's first request.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
/// after the first request; `OAI_ERR_CONFIG` for anything else (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_azure_endpoint(
    client: *const oai_client,
    url: *const c_char,
) -> oai_status {
    set_text(client, "azure_endpoint", url)
}

/// Sets the version of Azure's API, sent as `api-version`.
///
/// `version`: a date such as `2024-10-21` for paths with deployments; `v1`, `preview`, NULL or empty for `/openai/v1`,
/// where a date is not sent; copied. A request's own query parameter of that name wins.
/// Any thread, until the client's first request.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
/// after the first request; `OAI_ERR_CONFIG` unless it is ASCII without white space around it. Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_azure_api_version(
    client: *const oai_client,
    version: *const c_char,
) -> oai_status {
    set_text(client, "azure_api_version", version)
}

/// Sets the key for Azure, sent as `api-key`.
///
/// `key`: as for `oai_set_api_key`, with the same care about a found `.env` file; copied; NULL: no key.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_CONFIG` for
/// a key that is empty, padded or not one line of ASCII (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_azure_api_key(
    client: *const oai_client,
    key: *const c_char,
) -> oai_status {
    set_text(client, "azure_api_key", key)
}

/// Sets a Microsoft Entra token for Azure, sent as a bearer token in place of `azure_api_key`. For tokens that end, see
/// `oai_set_token_callback`.
///
/// `token`: as for `oai_set_api_key`, with the same care about a found `.env` file; copied; NULL: none.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_CONFIG` for
/// a token that is empty, padded or not one line of ASCII (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_azure_ad_token(
    client: *const oai_client,
    token: *const c_char,
) -> oai_status {
    set_text(client, "azure_ad_token", token)
}

/// Sets the organization, sent as OpenAI-Organization.
///
/// `id`: one line of ASCII; copied; NULL: none, as is an empty text.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_CONFIG` for
/// other characters (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_organization(
    client: *const oai_client,
    id: *const c_char,
) -> oai_status {
    set_text(client, "organization", id)
}

/// Sets the project, sent as OpenAI-Project.
///
/// `id`: one line of ASCII; copied; NULL: none, as is an empty text.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_CONFIG` for
/// other characters (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_project(
    client: *const oai_client,
    id: *const c_char,
) -> oai_status {
    set_text(client, "project", id)
}

/// Sets headers that go with every request; an Authorization among them replaces the key's.
///
/// `headers`: lines of `Name: value`, in place of all set before; copied; NULL: none, as is an empty text.
/// Any thread, until the client's first request.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
/// after the first request; `OAI_ERR_CONFIG` for a line of another form, characters that HTTP does not allow, or a
/// header of the connection such as Content-Length (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_custom_headers(
    client: *const oai_client,
    headers: *const c_char,
) -> oai_status {
    set_text(client, "custom_headers", headers)
}

/// Sets query parameters that go with every request.
///
/// `query`: `a=b&c=d` with percent-encoding, or a JSON object, in place of all set before; copied; NULL: none, as
/// is an empty text.
/// Any thread, until the client's first request.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
/// after the first request; `OAI_ERR_CONFIG` for a parameter without a name or an object that is not valid (the log
/// says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_default_query(
    client: *const oai_client,
    query: *const c_char,
) -> oai_status {
    set_text(client, "default_query", query)
}

// ===== how much at once =====

/// Sets how many requests are in flight at once; a stream counts until its end.
///
/// `requests`: 1 to 100000, default 5.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_max_concurrent_requests(
    client: *const oai_client,
    requests: u32,
) -> oai_status {
    set(client, "max_concurrent_requests", Value::U32(requests))
}

/// Sets how many requests may wait, those in backoff included; one more is refused with `OAI_ERR_QUEUE_FULL`.
///
/// `requests`: 0 to 10000000, default 100.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_queue_size(
    client: *const oai_client,
    requests: u32,
) -> oai_status {
    set(client, "queue_size", Value::U32(requests))
}

/// Sets what a blocking call does when `queue_size` requests wait already.
///
/// `what`: `OAI_QUEUE_FULL_REJECT` (the default), or `OAI_QUEUE_FULL_WAIT`: it waits for a place, within its
/// deadline. Calls that do not block are always refused with `OAI_ERR_QUEUE_FULL`.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for another number (the log
/// says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_queue_full(client: *const oai_client, what: i32) -> oai_status {
    set(client, "queue_full", Value::I32(what))
}

/// Sets the wait that is worth one priority, so that low ones do not wait for ever.
///
/// `ms`: milliseconds, up to a year, default 30000; 0: priorities do not count.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_ageing_ms(client: *const oai_client, ms: u64) -> oai_status {
    set(client, "ageing_ms", Value::U64(ms))
}

// ===== requests and tokens a minute =====

/// Sets how many requests may be sent in a minute, for each model that `limits` does not name. Requests above it
/// wait. Where the answers tell a lower limit, that one holds.
///
/// `requests`: 0 to 1000000000000; 0, the default: what the answers tell.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_requests_per_minute(
    client: *const oai_client,
    requests: u64,
) -> oai_status {
    set(client, "requests_per_minute", Value::U64(requests))
}

/// Sets how many tokens may be sent and asked for in a minute, for each model that `limits` does not name. Requests
/// above it wait. Where the answers tell a lower limit, that one holds.
///
/// `tokens`: 0 to 1000000000000; 0, the default: what the answers tell.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_tokens_per_minute(
    client: *const oai_client,
    tokens: u64,
) -> oai_status {
    set(client, "tokens_per_minute", Value::U64(tokens))
}

/// Sets how many requests may be sent at once after a time of rest, when `requests_per_minute` is set.
///
/// `requests`: 0 to 1000000000000; 0, the default: as many as a minute allows.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_burst(client: *const oai_client, requests: u64) -> oai_status {
    set(client, "burst", Value::U64(requests))
}

/// Sets limits by model, in place of `requests_per_minute`, `tokens_per_minute` and `burst`, which do not count for
/// a model that is named here.
///
/// `json`: an object such as `{"gpt-4o": {"requests_per_minute": 500, "tokens_per_minute": 30000, "burst": 50}}`,
/// each member optional, 0 to 1000000000000, in place of all set before; a name may also be a group of
/// `limit_groups`; copied; NULL: none, as is an empty text.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_CONFIG` for
/// a text that is not such JSON or a number outside the range (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_limits(
    client: *const oai_client,
    json: *const c_char,
) -> oai_status {
    set_text(client, "limits", json)
}

/// Sets which models share their limits.
///
/// `json`: an object from model or alias to the name of a group, such as `{"gpt-4o": "chat"}`, in place of all set
/// before; copied; NULL: none, as is an empty text.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_CONFIG` for
/// a text that is not such JSON (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_limit_groups(
    client: *const oai_client,
    json: *const c_char,
) -> oai_status {
    set_text(client, "limit_groups", json)
}

/// Sets where else requests may be served: when they would wait longer than `fallback_after_ms`, or longer than their
/// deadline, and when all their attempts have failed at one place for a reason of that place (no answer, 408, 429, 500
/// and above, used-up quota). Each place has limits, pauses and a breaker of its own; several keys are several places.
///
/// `json`: an array of up to 8 objects such as `[{"api_key": "sk-..."}, {"base_url": "https://...", "api_key": "...",
/// "model": "m"}]` with `base_url`, `api_key`, `organization`, `project` and `model`, each optional, in the order of
/// preference and in place of all set before. What an entry leaves out is the client's own, but nothing of the client's
/// (key, organization, project, headers, query) goes to another origin. Embeddings go only to the same model. Requests
/// that name files, conversations, earlier responses and the like stay, as do those with headers or a query of their own
/// and all but POST requests with a JSON body.
/// A request that went elsewhere does not come back. Copied; NULL: none, as is an empty text.
/// Any thread, until the client's first request.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE` after
/// the first request; `OAI_ERR_CONFIG` for a text that is not such JSON (the log says which entry). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_fallbacks(
    client: *const oai_client,
    json: *const c_char,
) -> oai_status {
    set_text(client, "fallbacks", json)
}

/// Sets the wait that a request is not served elsewhere for.
///
/// `ms`: milliseconds, up to a year, default 2000.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_fallback_after_ms(
    client: *const oai_client,
    ms: u64,
) -> oai_status {
    set(client, "fallback_after_ms", Value::U64(ms))
}

/// Sets whether the server's answers teach what the limits are. Limits that are set hold either way.
///
/// `on`: 0 or 1, default 1.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for another number (the log
/// says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_learn_limits(client: *const oai_client, on: i32) -> oai_status {
    set(client, "learn_limits", Value::I32(on))
}

// ===== retries =====

/// Sets how many attempts may follow the first.
///
/// `retries`: 0 (none) to 100, default 5.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_max_retries(
    client: *const oai_client,
    retries: u32,
) -> oai_status {
    set(client, "max_retries", Value::U32(retries))
}

/// Sets the backoff before the first retry.
///
/// `ms`: milliseconds, up to a year, default 1000.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_initial_retry_delay_ms(
    client: *const oai_client,
    ms: u64,
) -> oai_status {
    set(client, "initial_retry_delay_ms", Value::U64(ms))
}

/// Sets what each further backoff is multiplied with.
///
/// `factor`: 1 to 100, default 2.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_backoff_factor(
    client: *const oai_client,
    factor: f64,
) -> oai_status {
    set(client, "backoff_factor", Value::F64(factor))
}

/// Sets the longest backoff of the library's own; a server may ask for more.
///
/// `ms`: milliseconds, up to a year, default 16000.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_max_retry_delay_ms(
    client: *const oai_client,
    ms: u64,
) -> oai_status {
    set(client, "max_retry_delay_ms", Value::U64(ms))
}

/// Sets the share of a backoff that chance may take off, so that clients do not retry in step.
///
/// `share`: 0 (exact delays) to 1, default 0.25.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_retry_jitter(client: *const oai_client, share: f64) -> oai_status {
    set(client, "retry_jitter", Value::F64(share))
}

/// Sets the longest wait a server may ask for; a longer one ends the request with the server's error.
///
/// `ms`: milliseconds, up to a year, default 120000.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_max_retry_after_ms(
    client: *const oai_client,
    ms: u64,
) -> oai_status {
    set(client, "max_retry_after_ms", Value::U64(ms))
}

/// Sets whether requests are sent again that the server may already have carried out, and billed.
///
/// `on`: 0 or 1, default 0.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for another number (the log
/// says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_retry_unsafe(client: *const oai_client, on: i32) -> oai_status {
    set(client, "retry_unsafe", Value::I32(on))
}

// ===== when a server fails or is busy =====

/// Sets how many failures in a row of one server and model open the circuit breaker: requests to them wait then,
/// within their deadlines, instead of failing one by one.
///
/// `failures`: connections not made, time limits of attempts and answers of 500 and above, 0 to 10000; 0, the
/// default: no breaker.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_circuit_breaker_failures(
    client: *const oai_client,
    failures: u32,
) -> oai_status {
    set(client, "circuit_breaker_failures", Value::U32(failures))
}

/// Sets how long an open circuit breaker waits before it lets one request probe.
///
/// `ms`: milliseconds, up to a year, default 30000.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_circuit_breaker_reset_ms(
    client: *const oai_client,
    ms: u64,
) -> oai_status {
    set(client, "circuit_breaker_reset_ms", Value::U64(ms))
}

// ===== time limits =====

/// Sets the limit of one attempt; of a stream: to its first event.
///
/// `ms`: milliseconds, up to a year; 0: none. Default 600000, for embeddings and moderations 60000; once set it
/// holds for all.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_attempt_timeout_ms(
    client: *const oai_client,
    ms: u64,
) -> oai_status {
    set(client, "attempt_timeout_ms", Value::U64(ms))
}

/// Sets the limit of a request as a whole, with queue and retries.
///
/// `ms`: milliseconds, up to a year; 0: none, the default.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_timeout_ms(client: *const oai_client, ms: u64) -> oai_status {
    set(client, "timeout_ms", Value::U64(ms))
}

/// Sets the limit of connecting, TLS included.
///
/// `ms`: milliseconds, up to a year, default 10000; 0: none.
/// Any thread, until the client's first request.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_STATE` after the first request;
/// `OAI_ERR_CONFIG` for a value outside the range (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_connect_timeout_ms(
    client: *const oai_client,
    ms: u64,
) -> oai_status {
    set(client, "connect_timeout_ms", Value::U64(ms))
}

/// Sets the longest silence of the server inside a stream; a slow reader does not count.
///
/// `ms`: milliseconds, up to a year, default 300000; 0: no limit.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_idle_timeout_ms(client: *const oai_client, ms: u64) -> oai_status {
    set(client, "idle_timeout_ms", Value::U64(ms))
}

// ===== bounds =====

/// Sets the longest response body, after decompression; a longer one ends with `OAI_ERR_TOO_LARGE`.
///
/// `bytes`: 1 to 1099511627776, default 1073741824.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_max_response_bytes(
    client: *const oai_client,
    bytes: u64,
) -> oai_status {
    set(client, "max_response_bytes", Value::U64(bytes))
}

/// Sets how many redirects one attempt follows.
///
/// `redirects`: 0 (none) to 20, default 5.
/// Any thread, until the client's first request.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_STATE` after the first request;
/// `OAI_ERR_CONFIG` for a value outside the range (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_max_redirects(
    client: *const oai_client,
    redirects: u32,
) -> oai_status {
    set(client, "max_redirects", Value::U32(redirects))
}

/// Sets how many events of a stream wait for their reader before the socket is no longer read.
///
/// `events`: 1 to 65536, default 64.
/// Any thread, any time; holds for everything not yet sent.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_CONFIG` for a value outside the range
/// (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_stream_buffer_events(
    client: *const oai_client,
    events: u32,
) -> oai_status {
    set(client, "stream_buffer_events", Value::U32(events))
}

// ===== connections =====

/// Sets the proxy for all requests, in place of `https_proxy` and `http_proxy`.
///
/// `url`: http://, https:// or socks5://, with user and password if need be; without a scheme http:// is meant;
/// empty: no proxy; copied; NULL: those two decide.
/// Any thread, until the client's first request.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
/// after the first request; `OAI_ERR_CONFIG` for another scheme or no host (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_proxy(
    client: *const oai_client,
    url: *const c_char,
) -> oai_status {
    set_text(client, "proxy", url)
}

/// Sets the proxy for https:// base URLs, in place of the variable HTTPS_PROXY.
///
/// `url`: http://, https:// or socks5://, with user and password if need be; without a scheme http:// is meant;
/// empty: no proxy; copied; NULL: no proxy.
/// Any thread, until the client's first request.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
/// after the first request; `OAI_ERR_CONFIG` for another scheme or no host (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_https_proxy(
    client: *const oai_client,
    url: *const c_char,
) -> oai_status {
    set_text(client, "https_proxy", url)
}

/// Sets the proxy for http:// base URLs, in place of the variable HTTP_PROXY.
///
/// `url`: http://, https:// or socks5://, with user and password if need be; without a scheme http:// is meant;
/// empty: no proxy; copied; NULL: no proxy.
/// Any thread, until the client's first request.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
/// after the first request; `OAI_ERR_CONFIG` for another scheme or no host (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_http_proxy(
    client: *const oai_client,
    url: *const c_char,
) -> oai_status {
    set_text(client, "http_proxy", url)
}

/// Sets the hosts that are reached without a proxy, in place of the variable NO_PROXY.
///
/// `hosts`: names and addresses, separated by commas; copied; NULL: none, as is an empty text.
/// Any thread, until the client's first request.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
/// after the first request; `OAI_ERR_CONFIG` for a control character (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_no_proxy(
    client: *const oai_client,
    hosts: *const c_char,
) -> oai_status {
    set_text(client, "no_proxy", hosts)
}

/// Sets a file with CA certificates (PEM) to trust, in place of the roots unless `oai_set_tls_roots` names some. It is
/// read at the first request, which fails with `OAI_ERR_CONFIG` if it cannot be.
///
/// `path`: copied; NULL: none, as is an empty text.
/// Any thread, until the client's first request.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
/// after the first request; `OAI_ERR_CONFIG` for a control character (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_ca_file(
    client: *const oai_client,
    path: *const c_char,
) -> oai_status {
    set_text(client, "ca_file", path)
}

/// Sets CA certificates to trust, in place of the roots unless `oai_set_tls_roots` names some. They are read at the
/// first request, which fails with `OAI_ERR_CONFIG` if they cannot be.
///
/// `pem`: PEM text with one or more certificates, beside those of `oai_set_ca_file`; copied; NULL: none, as is an
/// empty text.
/// Any thread, until the client's first request.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client or a text that is not UTF-8; `OAI_ERR_STATE`
/// after the first request; `OAI_ERR_CONFIG` for a text that is not PEM (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_ca_pem(
    client: *const oai_client,
    pem: *const c_char,
) -> oai_status {
    set_text(client, "ca_pem", pem)
}

/// Sets which CA roots are trusted.
///
/// `roots`: `OAI_TLS_ROOTS_AUTO` (the default): the certificates of `ca_file` and `ca_pem` alone if there are any,
/// else the system's roots, else, on a machine without any, the bundled ones; `OAI_TLS_ROOTS_SYSTEM`,
/// `OAI_TLS_ROOTS_BUNDLED` or `OAI_TLS_ROOTS_BOTH`: these, and `ca_file` and `ca_pem` beside them.
/// Any thread, until the client's first request.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_STATE` after the first request;
/// `OAI_ERR_CONFIG` for another number (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_tls_roots(client: *const oai_client, roots: i32) -> oai_status {
    set(client, "tls_roots", Value::I32(roots))
}

/// Sets which HTTP version is spoken.
///
/// `version`: `OAI_HTTP_VERSION_1_1` (the default), `OAI_HTTP_VERSION_2` or `OAI_HTTP_VERSION_AUTO`.
/// Any thread, until the client's first request.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_STATE` after the first request;
/// `OAI_ERR_CONFIG` for another number (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_http_version(
    client: *const oai_client,
    version: i32,
) -> oai_status {
    set(client, "http_version", Value::I32(version))
}

/// Sets how long an unused connection is kept.
///
/// `ms`: milliseconds, up to a year, default 50000: below the 60 seconds after which many servers close one; 0: not at all.
/// Any thread, until the client's first request.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_STATE` after the first request;
/// `OAI_ERR_CONFIG` for a value outside the range (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_pool_idle_ms(client: *const oai_client, ms: u64) -> oai_status {
    set(client, "pool_idle_ms", Value::U64(ms))
}

/// Sets which thread makes the callbacks.
///
/// `thread`: `OAI_CALLBACK_ON_DISPATCHER` (the default), or `OAI_CALLBACK_ON_WORKER` for callbacks that never
/// block: they run at once, and those of one client may overlap.
/// Any thread, until the client's first request.
/// Returns `OAI_OK`; `OAI_ERR_INVALID_ARGUMENT` for a NULL client; `OAI_ERR_STATE` after the first request;
/// `OAI_ERR_CONFIG` for another number (the log says which). Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oai_set_callback_thread(
    client: *const oai_client,
    thread: i32,
) -> oai_status {
    set(client, "callback_thread", Value::I32(thread))
}
