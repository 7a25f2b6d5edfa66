//! Where calls go and as whom: the part of the settings that may change between two attempts.

use ::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::azure::Azure;
use super::call::{Call, Content};
use super::prepared::Prepared;
use crate::error::{Error, Result};
use crate::status;

/// Base URL, identity and bounds, made anew whenever a setting changes.
#[derive(Clone, Default)]
pub struct Target {
    /// Without a slash at its end.
    pub base_url: String,
    pub query: Vec<(String, String)>,
    /// The base URL is an Azure endpoint's.
    pub azure: Option<Azure>,
    /// What every call carries, without `Authorization`.
    pub headers: HeaderMap,
    /// Values for `Authorization`, marked sensitive so that no Debug output shows them.
    pub authorization: Option<HeaderValue>,
    pub admin_authorization: Option<HeaderValue>,
    /// The value for `api-key`, Azure's own header, where there is no `authorization`.
    pub api_key: Option<HeaderValue>,
    /// `authorization` holds a token that the host brings while requests wait.
    pub rotating: bool,
    /// The token before that, which servers may still echo.
    pub retired: Option<HeaderValue>,
    /// Requests without a key end here instead of on the network.
    pub key_required: bool,
    pub max_response_bytes: u64,
    pub max_redirects: u32,
    /// Where else a call may go, by its `place` from 1 on. These have none of their own.
    pub fallbacks: Vec<Target>,
    /// What was made of all this for calls so far.
    pub prepared: Prepared,
}

impl Target {
    /// Where a call goes; `None` if its fallback was taken out of the settings meanwhile.
    pub fn at(&self, place: u8) -> Option<&Target> {
        match usize::from(place).checked_sub(1) {
            None => Some(self),
            Some(index) => self.fallbacks.get(index),
        }
    }

    /// Whether a call carries a key other than the client's ordinary one.
    pub fn has_own_key(&self, call: &Call) -> bool {
        self.is_given(call) || call.is_admin() && self.admin_authorization.is_some()
    }

    /// Whether headers that the host set stand in for a key.
    fn is_given(&self, call: &Call) -> bool {
        let stands_in =
            |name: &HeaderName| *name == AUTHORIZATION || *name == API_KEY && self.azure.is_some();
        self.headers.keys().any(stands_in) || call.headers.iter().any(|(name, _)| stands_in(name))
    }

    /// Fails where a call would go out without the key that its server wants. A token may still come.
    pub fn check(&self, call: &Call) -> Result<()> {
        if self.rotating {
            return Ok(());
        }
        self.key_for(call).map(drop)
    }

    /// The header with the key for a call; `None` where the server wants none, or another header stands in for it.
    pub fn key_for(&self, call: &Call) -> Result<Option<(HeaderName, &HeaderValue)>> {
        if self.is_given(call) {
            return Ok(None);
        }
        let own = self
            .admin_authorization
            .as_ref()
            .filter(|_| call.is_admin());
        let bearer = own.or(self.authorization.as_ref());
        let key = match (bearer, &self.api_key) {
            (Some(bearer), _) => Some((AUTHORIZATION, bearer)),
            (None, Some(key)) => Some((API_KEY, key)),
            (None, None) => None,
        };
        if key.is_none() && self.key_required {
            return Err(self.no_key(call));
        }
        Ok(key)
    }

    fn no_key(&self, call: &Call) -> Error {
        let (option, variable) = if self.azure.is_some() {
            ("azure_api_key", "AZURE_OPENAI_API_KEY")
        } else if call.is_admin() {
            ("admin_api_key", "OPENAI_ADMIN_KEY")
        } else {
            ("api_key", "OPENAI_API_KEY")
        };
        Error::new(
            status::NO_API_KEY,
            format!(
                "no API key for {}: set {variable} in the environment or in a .env file, or call oai_set_{option}",
                self.base_url
            ),
        )
    }

    /// Takes the keys out of a text.
    pub fn redact(&self, mut text: String) -> String {
        for value in [
            &self.authorization,
            &self.admin_authorization,
            &self.api_key,
            &self.retired,
        ]
        .into_iter()
        .flatten()
        {
            let key = value.to_str().unwrap_or("").trim_start_matches("Bearer ");
            if !key.is_empty() && text.contains(key) {
                text = text.replace(key, "***");
            }
        }
        for fallback in &self.fallbacks {
            text = fallback.redact(text);
        }
        text
    }

    /// All headers of a call, the later winning: defaults, the client's, the request's own.
    pub fn headers_for(&self, call: &Call, retries: u32) -> Result<HeaderMap> {
        let mut headers = self.headers.clone();
        if let Some((name, key)) = self.key_for(call)? {
            headers.insert(name, key.clone());
        }
        headers
            .entry("accept")
            .or_insert(HeaderValue::from_static(if call.stream {
                "text/event-stream"
            } else if call.output.is_some() {
                "*/*"
            } else {
                // A few answers are no JSON, such as speech, and a strict server refuses who takes only that.
                "application/json, */*;q=0.5"
            }));
        if let Some(content_type) = call.body.content_type() {
            headers.entry("content-type").or_insert(content_type);
        }
        headers.insert(RETRY_COUNT, HeaderValue::from(retries));
        for (name, value) in &call.headers {
            headers.insert(name.clone(), value.clone());
        }
        if let Content::Form(form) = &call.body {
            // Any other would lack the boundary.
            headers.insert("content-type", form.content_type());
        }
        Ok(headers)
    }
}

/// Azure's own header for keys.
const API_KEY: HeaderName = HeaderName::from_static("api-key");

/// The attempt information of the official SDKs.
pub(super) const RETRY_COUNT: HeaderName = HeaderName::from_static("x-stainless-retry-count");

#[cfg(test)]
mod tests {
    use super::*;

    fn call(path: &str) -> Call {
        Call::post(path, "{}")
    }

    fn target(key: Option<&str>, admin: Option<&str>) -> Target {
        let bearer = |key: &str| HeaderValue::from_str(&format!("Bearer {key}")).unwrap();
        Target {
            authorization: key.map(bearer),
            admin_authorization: admin.map(bearer),
            key_required: true,
            ..Target::default()
        }
    }

    #[test]
    fn the_admin_key_is_for_the_organisation_endpoints_only() {
        let target = target(Some("k"), Some("a"));
        for (path, key) in [
            ("/embeddings", "Bearer k"),
            ("/organizations", "Bearer k"),
            ("/organization", "Bearer a"),
            ("/organization/users", "Bearer a"),
            ("/projects/proj_1/roles", "Bearer a"),
        ] {
            let (name, value) = target.key_for(&call(path)).unwrap().unwrap();
            assert_eq!(
                (name, value.to_str().unwrap()),
                (AUTHORIZATION, key),
                "{path}"
            );
        }
    }

    #[test]
    fn azure_gets_its_key_in_its_own_header_unless_a_token_goes() {
        let mut azure = Target {
            azure: Some(Azure::default()),
            api_key: Some(HeaderValue::from_static("k")),
            key_required: true,
            ..Target::default()
        };
        let headers = azure.headers_for(&call("/embeddings"), 0).unwrap();
        assert_eq!(headers["api-key"], "k");
        assert!(!headers.contains_key(AUTHORIZATION));
        let mut own = call("/embeddings");
        own.headers = Box::new([(API_KEY, HeaderValue::from_static("own"))]);
        assert_eq!(azure.headers_for(&own, 0).unwrap()["api-key"], "own");
        assert!(azure.has_own_key(&own));
        azure.authorization = Some(HeaderValue::from_static("Bearer t"));
        let headers = azure.headers_for(&call("/embeddings"), 0).unwrap();
        assert_eq!(headers[AUTHORIZATION], "Bearer t");
        assert!(!headers.contains_key("api-key"));
        assert_eq!(azure.redact("t k".into()), "*** ***");
        azure.authorization = None;
        azure.api_key = None;
        let error = azure.check(&call("/embeddings")).unwrap_err();
        assert!(error.message.contains("AZURE_OPENAI_API_KEY"), "{error}");
        azure.check(&own).unwrap();
    }

    #[test]
    fn a_missing_key_is_an_error_that_names_the_option_unless_a_header_replaces_it() {
        let without = target(None, None);
        let error = without.check(&call("/embeddings")).unwrap_err();
        assert_eq!(error.status, status::NO_API_KEY);
        assert!(error.message.contains("OPENAI_API_KEY"));
        let mut own = call("/embeddings");
        own.headers = Box::new([(AUTHORIZATION, HeaderValue::from_static("Basic x"))]);
        assert_eq!(
            without.headers_for(&own, 0).unwrap()[AUTHORIZATION],
            "Basic x"
        );
    }

    #[test]
    fn a_key_that_a_server_echoes_is_taken_out() {
        let target = target(Some("sk-secret"), Some("sk-admin"));
        assert_eq!(
            target.redact("bad key sk-secret or sk-admin".into()),
            "bad key *** or ***"
        );
        assert_eq!(target.redact("nothing".into()), "nothing");
    }

    #[test]
    fn the_requests_own_headers_win() {
        let mut own = call("/embeddings");
        let accept = HeaderName::from_static("accept");
        own.headers = Box::new([(accept, HeaderValue::from_static("*/*"))]);
        let headers = target(Some("k"), None).headers_for(&own, 2).unwrap();
        assert_eq!(headers["accept"], "*/*");
        assert_eq!(headers["x-stainless-retry-count"], "2");
        assert_eq!(headers["content-type"], "application/json");
    }
}
