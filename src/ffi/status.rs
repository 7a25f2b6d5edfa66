//! The status codes as C sees them. The numbers are those of `crate::status`; the compiler compares the two.

use std::ffi::c_char;

use crate::status as s;

/// What a call came to: `OAI_OK` is 0, errors are negative. Numbers are never reused.
pub type oai_status = i32;

/// It worked.
pub const OAI_OK: oai_status = 0;
// ===== arguments and state =====

/// An argument is NULL where it must not be, or is not what it should be; the error or the log says which.
pub const OAI_ERR_INVALID_ARGUMENT: oai_status = -1;
/// The call is not possible now: a blocking call from a callback, or a transport option after the first request.
pub const OAI_ERR_STATE: oai_status = -2;
/// Memory ran out.
pub const OAI_ERR_NO_MEMORY: oai_status = -3;
/// An option's value is not usable; the error or the log names the option, the value and the range.
pub const OAI_ERR_CONFIG: oai_status = -4;
/// The server needs an API key and none is set.
pub const OAI_ERR_NO_API_KEY: oai_status = -5;
/// No request has this id, or it has already ended.
pub const OAI_ERR_UNKNOWN_ID: oai_status = -6;
/// There is no option of this name.
pub const OAI_ERR_UNKNOWN_OPTION: oai_status = -7;
/// The library could not do its own part, such as starting a thread.
pub const OAI_ERR_INTERNAL: oai_status = -8;
/// A webhook is not signed with the secret, or its time is too far from this machine's: do not believe it.
pub const OAI_ERR_WEBHOOK: oai_status = -9;
/// A file cannot be read or written, or changed its length while it was sent; the error names it.
pub const OAI_ERR_FILE: oai_status = -10;
// ===== transport =====

/// No connection: refused, unreachable, name not found, or timed out while connecting.
pub const OAI_ERR_CONNECT: oai_status = -100;
/// The server's certificate is not trusted.
pub const OAI_ERR_TLS: oai_status = -101;
/// An attempt took longer than attempt_timeout_ms.
pub const OAI_ERR_TIMEOUT: oai_status = -102;
/// The connection ended before the answer did.
pub const OAI_ERR_CONNECTION_LOST: oai_status = -103;
/// Too many redirects, or one to nowhere.
pub const OAI_ERR_REDIRECT: oai_status = -104;
/// The answer, or a message of a connection, is larger than max_response_bytes.
pub const OAI_ERR_TOO_LARGE: oai_status = -105;
/// What came back is not HTTP, or not in its announced encoding, or not a WebSocket.
pub const OAI_ERR_PROTOCOL: oai_status = -106;
/// The answer is not what the call expects, such as fewer vectors than inputs.
pub const OAI_ERR_DECODE: oai_status = -107;
/// A stream ended early; what was received before is in the response or was delivered.
pub const OAI_ERR_INCOMPLETE: oai_status = -108;
/// The server reported an error in the middle of a stream.
pub const OAI_ERR_STREAM: oai_status = -109;
/// A stream or connection was silent for longer than idle_timeout_ms.
pub const OAI_ERR_IDLE_TIMEOUT: oai_status = -110;
/// The server closed a WebSocket with another code than 1000; see `oai_response_close_code`.
pub const OAI_ERR_CLOSED_BY_SERVER: oai_status = -111;
// ===== HTTP answers =====

/// An HTTP status that has no number of its own here.
pub const OAI_ERR_HTTP: oai_status = -200;
/// HTTP 400.
pub const OAI_ERR_HTTP_BAD_REQUEST: oai_status = -201;
/// HTTP 401: the key is wrong.
pub const OAI_ERR_HTTP_AUTHENTICATION: oai_status = -202;
/// HTTP 403: the key may not do this.
pub const OAI_ERR_HTTP_PERMISSION: oai_status = -203;
/// HTTP 404: no such path, model or object.
pub const OAI_ERR_HTTP_NOT_FOUND: oai_status = -204;
/// HTTP 409.
pub const OAI_ERR_HTTP_CONFLICT: oai_status = -205;
/// HTTP 422.
pub const OAI_ERR_HTTP_UNPROCESSABLE: oai_status = -206;
/// HTTP 429: too many requests or tokens.
pub const OAI_ERR_RATE_LIMITED: oai_status = -207;
/// The account's quota or budget is used up; waiting does not help.
pub const OAI_ERR_QUOTA: oai_status = -208;
/// HTTP 500 and above.
pub const OAI_ERR_HTTP_SERVER: oai_status = -209;
/// HTTP 408.
pub const OAI_ERR_HTTP_REQUEST_TIMEOUT: oai_status = -210;
/// HTTP 413: the request is too large.
pub const OAI_ERR_HTTP_TOO_LARGE: oai_status = -211;
// ===== queue and limits =====

/// queue_size requests are waiting already, or max_unsent_bytes of a connection's messages.
pub const OAI_ERR_QUEUE_FULL: oai_status = -300;
/// The time given for the request, a drain or a shutdown has passed, or cannot be met.
pub const OAI_ERR_DEADLINE: oai_status = -301;
/// The request was cancelled, or its client was freed.
pub const OAI_ERR_CANCELLED: oai_status = -302;
/// The client was closed and takes no more requests, or the connection and it takes no more messages.
pub const OAI_ERR_CLOSED: oai_status = -303;
/// The request is larger than the whole limit, so no waiting helps.
pub const OAI_ERR_LIMIT_EXCEEDED: oai_status = -304;
// ===== process =====

/// This is the child of a process that had used the library.
pub const OAI_ERR_FORKED: oai_status = -400;
/// oai_shutdown was called.
pub const OAI_ERR_SHUTDOWN: oai_status = -401;
/// The library failed internally; only this call or request is affected.
pub const OAI_ERR_PANIC: oai_status = -402;

/// Names a status: `"OAI_ERR_QUEUE_FULL"` for `OAI_ERR_QUEUE_FULL`.
///
/// Returns a static string that is never freed; `"OAI_ERR_UNKNOWN"` for a number that is none of ours. Any thread, any
/// time. Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn oai_status_name(status: oai_status) -> *const c_char {
    let name = match status {
        OAI_OK => c"OAI_OK",
        OAI_ERR_INVALID_ARGUMENT => c"OAI_ERR_INVALID_ARGUMENT",
        OAI_ERR_STATE => c"OAI_ERR_STATE",
        OAI_ERR_NO_MEMORY => c"OAI_ERR_NO_MEMORY",
        OAI_ERR_CONFIG => c"OAI_ERR_CONFIG",
        OAI_ERR_NO_API_KEY => c"OAI_ERR_NO_API_KEY",
        OAI_ERR_UNKNOWN_ID => c"OAI_ERR_UNKNOWN_ID",
        OAI_ERR_UNKNOWN_OPTION => c"OAI_ERR_UNKNOWN_OPTION",
        OAI_ERR_INTERNAL => c"OAI_ERR_INTERNAL",
        OAI_ERR_WEBHOOK => c"OAI_ERR_WEBHOOK",
        OAI_ERR_FILE => c"OAI_ERR_FILE",
        OAI_ERR_CONNECT => c"OAI_ERR_CONNECT",
        OAI_ERR_TLS => c"OAI_ERR_TLS",
        OAI_ERR_TIMEOUT => c"OAI_ERR_TIMEOUT",
        OAI_ERR_CONNECTION_LOST => c"OAI_ERR_CONNECTION_LOST",
        OAI_ERR_REDIRECT => c"OAI_ERR_REDIRECT",
        OAI_ERR_TOO_LARGE => c"OAI_ERR_TOO_LARGE",
        OAI_ERR_PROTOCOL => c"OAI_ERR_PROTOCOL",
        OAI_ERR_DECODE => c"OAI_ERR_DECODE",
        OAI_ERR_INCOMPLETE => c"OAI_ERR_INCOMPLETE",
        OAI_ERR_STREAM => c"OAI_ERR_STREAM",
        OAI_ERR_IDLE_TIMEOUT => c"OAI_ERR_IDLE_TIMEOUT",
        OAI_ERR_CLOSED_BY_SERVER => c"OAI_ERR_CLOSED_BY_SERVER",
        OAI_ERR_HTTP => c"OAI_ERR_HTTP",
        OAI_ERR_HTTP_BAD_REQUEST => c"OAI_ERR_HTTP_BAD_REQUEST",
        OAI_ERR_HTTP_AUTHENTICATION => c"OAI_ERR_HTTP_AUTHENTICATION",
        OAI_ERR_HTTP_PERMISSION => c"OAI_ERR_HTTP_PERMISSION",
        OAI_ERR_HTTP_NOT_FOUND => c"OAI_ERR_HTTP_NOT_FOUND",
        OAI_ERR_HTTP_CONFLICT => c"OAI_ERR_HTTP_CONFLICT",
        OAI_ERR_HTTP_UNPROCESSABLE => c"OAI_ERR_HTTP_UNPROCESSABLE",
        OAI_ERR_RATE_LIMITED => c"OAI_ERR_RATE_LIMITED",
        OAI_ERR_QUOTA => c"OAI_ERR_QUOTA",
        OAI_ERR_HTTP_SERVER => c"OAI_ERR_HTTP_SERVER",
        OAI_ERR_HTTP_REQUEST_TIMEOUT => c"OAI_ERR_HTTP_REQUEST_TIMEOUT",
        OAI_ERR_HTTP_TOO_LARGE => c"OAI_ERR_HTTP_TOO_LARGE",
        OAI_ERR_QUEUE_FULL => c"OAI_ERR_QUEUE_FULL",
        OAI_ERR_DEADLINE => c"OAI_ERR_DEADLINE",
        OAI_ERR_CANCELLED => c"OAI_ERR_CANCELLED",
        OAI_ERR_CLOSED => c"OAI_ERR_CLOSED",
        OAI_ERR_LIMIT_EXCEEDED => c"OAI_ERR_LIMIT_EXCEEDED",
        OAI_ERR_FORKED => c"OAI_ERR_FORKED",
        OAI_ERR_SHUTDOWN => c"OAI_ERR_SHUTDOWN",
        OAI_ERR_PANIC => c"OAI_ERR_PANIC",
        _ => c"OAI_ERR_UNKNOWN",
    };
    name.as_ptr()
}

// The two tables are one: the compiler stops at a difference.
const _: () = {
    assert!(OAI_OK == s::OK);
    assert!(OAI_ERR_INVALID_ARGUMENT == s::INVALID_ARGUMENT);
    assert!(OAI_ERR_STATE == s::STATE);
    assert!(OAI_ERR_NO_MEMORY == s::NO_MEMORY);
    assert!(OAI_ERR_CONFIG == s::CONFIG);
    assert!(OAI_ERR_NO_API_KEY == s::NO_API_KEY);
    assert!(OAI_ERR_UNKNOWN_ID == s::UNKNOWN_ID);
    assert!(OAI_ERR_UNKNOWN_OPTION == s::UNKNOWN_OPTION);
    assert!(OAI_ERR_INTERNAL == s::INTERNAL);
    assert!(OAI_ERR_WEBHOOK == s::WEBHOOK);
    assert!(OAI_ERR_FILE == s::FILE);
    assert!(OAI_ERR_CONNECT == s::CONNECT);
    assert!(OAI_ERR_TLS == s::TLS);
    assert!(OAI_ERR_TIMEOUT == s::TIMEOUT);
    assert!(OAI_ERR_CONNECTION_LOST == s::CONNECTION_LOST);
    assert!(OAI_ERR_REDIRECT == s::REDIRECT);
    assert!(OAI_ERR_TOO_LARGE == s::TOO_LARGE);
    assert!(OAI_ERR_PROTOCOL == s::PROTOCOL);
    assert!(OAI_ERR_DECODE == s::DECODE);
    assert!(OAI_ERR_INCOMPLETE == s::INCOMPLETE);
    assert!(OAI_ERR_STREAM == s::STREAM);
    assert!(OAI_ERR_IDLE_TIMEOUT == s::IDLE_TIMEOUT);
    assert!(OAI_ERR_CLOSED_BY_SERVER == s::CLOSED_BY_SERVER);
    assert!(OAI_ERR_HTTP == s::HTTP);
    assert!(OAI_ERR_HTTP_BAD_REQUEST == s::HTTP_BAD_REQUEST);
    assert!(OAI_ERR_HTTP_AUTHENTICATION == s::HTTP_AUTHENTICATION);
    assert!(OAI_ERR_HTTP_PERMISSION == s::HTTP_PERMISSION);
    assert!(OAI_ERR_HTTP_NOT_FOUND == s::HTTP_NOT_FOUND);
    assert!(OAI_ERR_HTTP_CONFLICT == s::HTTP_CONFLICT);
    assert!(OAI_ERR_HTTP_UNPROCESSABLE == s::HTTP_UNPROCESSABLE);
    assert!(OAI_ERR_RATE_LIMITED == s::RATE_LIMITED);
    assert!(OAI_ERR_QUOTA == s::QUOTA);
    assert!(OAI_ERR_HTTP_SERVER == s::HTTP_SERVER);
    assert!(OAI_ERR_HTTP_REQUEST_TIMEOUT == s::HTTP_REQUEST_TIMEOUT);
    assert!(OAI_ERR_HTTP_TOO_LARGE == s::HTTP_TOO_LARGE);
    assert!(OAI_ERR_QUEUE_FULL == s::QUEUE_FULL);
    assert!(OAI_ERR_DEADLINE == s::DEADLINE);
    assert!(OAI_ERR_CANCELLED == s::CANCELLED);
    assert!(OAI_ERR_CLOSED == s::CLOSED);
    assert!(OAI_ERR_LIMIT_EXCEEDED == s::LIMIT_EXCEEDED);
    assert!(OAI_ERR_FORKED == s::FORKED);
    assert!(OAI_ERR_SHUTDOWN == s::SHUTDOWN);
    assert!(OAI_ERR_PANIC == s::PANIC);
};
