//! Forms, files and outputs through the C API, against the test server.

mod downloads;
mod nulls;
mod progress;
mod short;
mod support;
mod uploads;
