//! WebSocket connections: messages both ways, how they end, how they are made anew, and where they go.
//!
//! Each test has a server of its own on loopback, whose conversation misbehaves when a message asks it to.

#[path = "../support/mod.rs"]
mod support;

mod ends;
mod messages;
mod places;
mod reconnecting;
