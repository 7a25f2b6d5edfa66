//! The C border: pointers to values and back. It holds no decisions.
//!
//! All `extern "C"` functions live here, one file for each kind of handle, and with them nearly all `unsafe`. Every
//! function goes through `border`, which turns panics into a status and checks every pointer. cbindgen makes
//! `include/oai.h` of these files: their doc comments are the header's, and the order of the `mod` lines is its order
//! (apart from each other, or rustfmt would sort them).
#![allow(non_camel_case_types, reason = "these are the names that C sees")]
#![allow(
    clippy::missing_safety_doc,
    reason = "the conventions at the head of the header say it once for every function"
)]

mod border;
mod text;

pub mod status;

pub mod error;

pub mod client;

pub mod set;

pub mod request;

pub mod files;

pub mod response;

pub mod send;

pub mod embed;

pub mod short;

pub mod fold;

pub mod pages;

pub mod transfer;

pub mod wait;

pub mod batch;

pub mod upload;

pub mod queue;

pub mod realtime;

pub mod view;

pub mod tokens;

pub mod stats;

pub mod webhook;

pub mod process;
