//! The option table: everything a client can be told, one row each.
//!
//! JSON, the environment, `.env`, the setters, `config_json` and `oai_option_next` all walk this table, and nothing else
//! in the library lists the options. `config` decides which source wins; `options/apply.rs` turns what a source says
//! into a value and checks it; `options/check.rs` knows what a key, a URL or a header may look like, `options/structured.rs`
//! what stands in the options that are JSON; `options/table.rs` has the rows.

mod apply;
pub mod check;
mod places;
mod structured;
mod table;

use std::ffi::CStr;
use std::ops::RangeInclusive;

use serde_json::Value as Json;

pub use self::apply::{Complaint, Input, Value};
pub use self::table::OPTIONS;
use super::secret::Secret;
use super::settings::{Pairs, Settings};

/// When an option may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// At any time; it holds for everything not yet sent.
    Scheduling,
    /// Until the first request.
    Transport,
    /// Only while the client is made: there is no setter.
    Creation,
}

/// What an option has to do with keys reaching strangers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Nothing.
    Open,
    /// It goes to whoever receives the requests, and must not reach a receiver that a found file chose.
    Credential,
    /// It decides who receives the requests, or who can read them.
    Receiver,
    /// Headers can carry a key, and can tell a gateway where to send it.
    Both,
}

impl Guard {
    /// Whether the option may be worth stealing.
    pub fn credential(self) -> bool {
        matches!(self, Guard::Credential | Guard::Both)
    }

    /// Whether the option may help to steal.
    pub fn receiver(self) -> bool {
        matches!(self, Guard::Receiver | Guard::Both)
    }
}

/// Checks one pair and gives the form that is kept.
pub type PairCheck = fn(&str, &str) -> Result<(String, Secret), Complaint>;

/// How an option is typed, read and written.
pub enum Kind {
    /// A whole number of 32 bits.
    U32 {
        /// What is allowed.
        range: RangeInclusive<u32>,
        /// Reads it.
        get: fn(&Settings) -> u32,
        /// Writes a checked value.
        set: fn(&mut Settings, u32),
    },
    /// A whole number of 64 bits: bytes and milliseconds.
    U64 {
        /// What is allowed.
        range: RangeInclusive<u64>,
        /// Reads it.
        get: fn(&Settings) -> u64,
        /// Writes a checked value.
        set: fn(&mut Settings, u64),
    },
    /// A finite number.
    F64 {
        /// What is allowed.
        range: RangeInclusive<f64>,
        /// Reads it.
        get: fn(&Settings) -> f64,
        /// Writes a checked value.
        set: fn(&mut Settings, f64),
    },
    /// On or off.
    Flag {
        /// Reads it.
        get: fn(&Settings) -> bool,
        /// Writes it.
        set: fn(&mut Settings, bool),
    },
    /// One of a few names, numbered from 0.
    Choice {
        /// The names, in the order of their numbers.
        names: &'static [&'static str],
        /// Reads the number.
        get: fn(&Settings) -> usize,
        /// Writes a number that has a name.
        set: fn(&mut Settings, usize),
    },
    /// A text; of a secret one `show` gives the masked form.
    Text {
        /// Whether the value must not be seen.
        secret: bool,
        /// The value as it may be shown.
        show: fn(&Settings) -> Option<String>,
        /// Checks and writes it.
        set: fn(&mut Settings, &str) -> Result<(), Complaint>,
    },
    /// Names with values. The values are never shown: a header or a parameter may carry a key.
    Pairs {
        /// Reads them.
        get: fn(&Settings) -> &Pairs,
        /// Writes checked pairs.
        set: fn(&mut Settings, Pairs),
        /// Reads the text form.
        parse: fn(&str) -> Result<Pairs, Complaint>,
        /// Checks one pair of the JSON form.
        pair: PairCheck,
    },
    /// A JSON object or array, also as text; an empty text puts the default back.
    Json {
        /// The value as it may be shown: secrets in it masked.
        show: fn(&Settings) -> Json,
        /// Checks and writes it.
        set: fn(&mut Settings, &Json) -> Result<(), Complaint>,
    },
}

/// One option.
pub struct Opt {
    /// Its name: the JSON key, and the end of `oai_set_NAME`.
    pub c_name: &'static CStr,
    /// Type, range and access.
    pub kind: Kind,
    /// The default as text; empty where there is none.
    pub default: &'static CStr,
    /// Its variables, the first that is set counts: `OAI_NAME`, then the well-known ones.
    pub env: &'static [&'static str],
    /// When it may change.
    pub class: Class,
    /// What a found `.env` file must not do with it.
    pub guard: Guard,
    /// What it does, for users.
    pub doc: &'static CStr,
    fields: Fields,
}

/// The fields of `Settings` behind an option, as a whole.
struct Fields {
    reset: fn(&mut Settings),
    same: fn(&Settings, &Settings) -> bool,
}

impl Opt {
    /// The name as Rust text.
    pub fn name(&self) -> &'static str {
        self.c_name.to_str().expect("option names are ASCII")
    }

    /// Puts the default back.
    pub fn reset(&self, settings: &mut Settings) {
        (self.fields.reset)(settings);
    }

    /// Whether both hold the same value of this option.
    pub fn same(&self, a: &Settings, b: &Settings) -> bool {
        (self.fields.same)(a, b)
    }

    /// The type's name, as `oai_option_next` tells it.
    pub fn type_name(&self) -> &'static CStr {
        match self.kind {
            Kind::U32 { .. } => c"uint32",
            Kind::U64 { .. } => c"uint64",
            Kind::F64 { .. } => c"double",
            Kind::Flag { .. } => c"flag",
            Kind::Choice { .. } => c"choice",
            Kind::Text { secret: true, .. } => c"secret",
            Kind::Text { secret: false, .. } | Kind::Pairs { .. } | Kind::Json { .. } => c"string",
        }
    }
}

/// The row of `name`.
pub fn find(name: &str) -> Option<&'static Opt> {
    OPTIONS.iter().find(|option| option.name() == name)
}

#[cfg(test)]
mod tests;
