//! How the library uses the network: proxies, TLS, kept connections, and what of an answer it lets in.
//!
//! Each test has servers of its own on loopback, and a client that takes nothing from the environment.

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod connections;
mod proxies;
mod redirects;
mod streams;
mod tls;
