//! Which requests a scripted rule is for.
//!
//! `script` asks in three steps, as a request becomes known: by its first line, its head, its body.

use std::collections::BTreeMap;

use http::HeaderMap;
use serde::{Deserialize, Serialize};

/// The head of a request, as far as rules look at it.
pub(crate) struct Head<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
}

/// Which requests a rule is for. Every part that is given must hold; an empty match holds always.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Match {
    /// The path without query, exact, or a prefix when it ends in `*`.
    pub path: Option<String>,
    /// The method.
    pub method: Option<String>,
    /// Header values by name, exact.
    pub headers: BTreeMap<String, String>,
    /// The `model` of a JSON body.
    pub model: Option<String>,
    /// A text that occurs in the body.
    pub contains: Option<String>,
}

impl Match {
    pub(crate) fn first_line(&self, method: &str, path: &str) -> bool {
        let path = path.split('?').next().unwrap_or(path);
        let path_fits = match self.path.as_deref() {
            None => true,
            Some(pattern) => match pattern.strip_suffix('*') {
                Some(prefix) => path.starts_with(prefix),
                None => path == pattern,
            },
        };
        path_fits
            && self
                .method
                .as_deref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
    }

    pub(crate) fn head(&self, head: &Head<'_>) -> bool {
        self.first_line(head.method, head.path)
            && self.headers.iter().all(|(name, wanted)| {
                head.headers
                    .get(name)
                    .is_some_and(|value| value.as_bytes() == wanted.as_bytes())
            })
    }

    pub(crate) fn needs_body(&self) -> bool {
        self.model.is_some() || self.contains.is_some()
    }

    pub(crate) fn body(&self, body: &[u8], model: Option<&str>) -> bool {
        let contains = |text: &String| {
            let text = text.as_bytes();
            text.is_empty() || body.windows(text.len()).any(|window| window == text)
        };
        self.model
            .as_deref()
            .is_none_or(|wanted| Some(wanted) == model)
            && self.contains.as_ref().is_none_or(contains)
    }
}
