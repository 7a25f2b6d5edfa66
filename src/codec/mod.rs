//! Turns bytes of the wire into what the caller asked for, without copying twice.
//!
//! `transport` feeds it stream bytes, `client` and `completion` ask it for matrices, usage, errors and folded streams.
//! It imports `error`, `status` and `sync` and nothing else of the crate, does no I/O, reads no clock, keeps nothing
//! between answers but spare memory, and never panics, whatever a server sends.

pub mod api_error;
pub mod embeddings;
pub mod floats;
pub mod fold;
pub mod object;
pub mod page;
pub mod skim;
pub mod sse;
pub mod tokens;
pub mod usage;
pub mod webhook;
