//! An OpenAI-compatible server on loopback for tests, examples and benchmarks.
//!
//! Rust tests start a [`TestServer`] each; everyone else runs the program `oai-test-server` and scripts it over HTTP
//! (see README.md). It answers plausibly and always the same, misbehaves as scripted, and logs what arrived. It never
//! listens beyond loopback and never opens a connection.

mod accept;
mod answer;
mod batches;
mod bucket;
mod chat;
mod completions;
mod connection;
mod control;
mod embeddings;
mod errors;
mod files;
mod handle;
mod limiter;
mod limits;
mod log;
mod matching;
mod media;
mod models;
mod moderations;
mod pieces;
mod responses;
mod routes;
mod rule;
mod script;
mod scripted;
mod server;
mod sketch;
mod sockets;
mod sse;
mod state;
mod text;
mod tracked;
mod uploads;
mod vectors;

pub use limits::{Limits, Outage, RetryAfter};
pub use log::{Arrived, Counts};
pub use matching::Match;
pub use rule::{DropAt, Rule};
pub use server::{Config, TestServer};
