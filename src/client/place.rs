//! What decides, beside the options, whom a client calls and as whom: its tokens.
//!
//! `config` keeps it, `effective` reads it. It holds no option of its own.

use super::secret::Secret;

/// Where a client's key comes from, if not from an option.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// A token provider is set; the number stands for its client.
    pub provider: Option<u64>,
    /// The token in force, or the last one.
    pub token: Option<Secret>,
    /// The one before it.
    pub retired: Option<Secret>,
}
