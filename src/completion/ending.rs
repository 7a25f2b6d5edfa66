//! How a connection ended, beside its status: part of the response that is its terminal event.

use std::ffi::CString;

use super::with_nul::WithNul;

/// The end of a connection.
#[derive(Debug, Default)]
pub struct Ending {
    /// Of the close frame; 0 when none came.
    pub code: u16,
    pub reason: CString,
    /// What was not sent, oldest first.
    pub unsent: Vec<Unsent>,
}

/// A message that comes back to its owner.
#[derive(Debug)]
pub struct Unsent {
    pub data: WithNul,
    pub is_binary: bool,
}

impl Ending {
    /// What it takes up beside itself.
    pub fn bytes(&self) -> usize {
        let unsent = self.unsent.iter();
        unsent.map(|message| message.data.len()).sum()
    }
}
