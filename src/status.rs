//! The status table: one number for each way a call can end.
//!
//! Every part of the library speaks in these; `ffi` publishes them as `OAI_*` constants. Numbers are never reused.

/// What a call came to: [`OK`] is 0, errors are negative.
pub type Status = i32;

pub const OK: Status = 0;

// ===== arguments and state =====
pub const INVALID_ARGUMENT: Status = -1;
pub const STATE: Status = -2;
pub const NO_MEMORY: Status = -3;
pub const CONFIG: Status = -4;
pub const NO_API_KEY: Status = -5;
pub const UNKNOWN_ID: Status = -6;
pub const UNKNOWN_OPTION: Status = -7;
pub const INTERNAL: Status = -8;
pub const WEBHOOK: Status = -9;
pub const FILE: Status = -10;

// ===== transport =====
pub const CONNECT: Status = -100;
pub const TLS: Status = -101;
pub const TIMEOUT: Status = -102;
pub const CONNECTION_LOST: Status = -103;
pub const REDIRECT: Status = -104;
pub const TOO_LARGE: Status = -105;
pub const PROTOCOL: Status = -106;
pub const DECODE: Status = -107;
pub const INCOMPLETE: Status = -108;
pub const STREAM: Status = -109;
pub const IDLE_TIMEOUT: Status = -110;
pub const CLOSED_BY_SERVER: Status = -111;

// ===== HTTP answers =====
pub const HTTP: Status = -200;
pub const HTTP_BAD_REQUEST: Status = -201;
pub const HTTP_AUTHENTICATION: Status = -202;
pub const HTTP_PERMISSION: Status = -203;
pub const HTTP_NOT_FOUND: Status = -204;
pub const HTTP_CONFLICT: Status = -205;
pub const HTTP_UNPROCESSABLE: Status = -206;
pub const RATE_LIMITED: Status = -207;
pub const QUOTA: Status = -208;
pub const HTTP_SERVER: Status = -209;
pub const HTTP_REQUEST_TIMEOUT: Status = -210;
pub const HTTP_TOO_LARGE: Status = -211;

// ===== queue and limits =====
pub const QUEUE_FULL: Status = -300;
pub const DEADLINE: Status = -301;
pub const CANCELLED: Status = -302;
pub const CLOSED: Status = -303;
pub const LIMIT_EXCEEDED: Status = -304;

// ===== process =====
pub const FORKED: Status = -400;
pub const SHUTDOWN: Status = -401;
pub const PANIC: Status = -402;
