//! What decides, beside the options, whom a client calls and as whom: whether on Azure, and by which token.
//!
//! `config` keeps it, `effective` reads it. It holds no option of its own.

use super::secret::Secret;

/// Where a client's key comes from, if not from an option.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// `azure_endpoint` is called, not `base_url`.
    pub azure: bool,
    /// A token provider is set; the number stands for its client.
    pub provider: Option<u64>,
    /// The token in force, or the last one.
    pub token: Option<Secret>,
    /// The one before it.
    pub retired: Option<Secret>,
}
