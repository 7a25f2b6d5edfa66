//! `oaic`: a C-ABI client for the OpenAI API and every compatible server.
//!
//! The public face of this crate is the C API in [`ffi`], described for C in `include/oai.h`.
//! Inside, calls flow one way: `ffi` converts, `client` turns a call into a request, `scheduler` decides when,
//! `transport` makes one attempt, `codec` decodes, `completion` delivers exactly one terminal event.

mod client;
mod codec;
mod completion;
mod error;
pub mod ffi;
mod runtime;
mod scheduler;
mod status;
mod sync;
mod transport;
