//! What a key, a URL, a header or a proxy may look like.
//!
//! Each check takes a text and gives the form that is kept, or says what would be right. A complaint reads on after the
//! option's name and never repeats the text: it may be a key, or a line of a `.env` file.

use http::{HeaderName, HeaderValue};
use url::Url;

use super::super::secret::{MASK, Secret};
use super::super::settings::Pairs;
use super::Complaint;
use crate::codec::webhook;

/// Headers that belong to the connection; from outside they would break the framing of requests.
const FRAMING: &[&str] = &[
    "connection",
    "content-length",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// An API key: visible, and exactly what was given.
pub fn key(text: &str) -> Result<String, Complaint> {
    if text.trim().is_empty() {
        return Err("is empty: give a key, or leave the option unset".into());
    }
    if text.trim() != text {
        return Err("has white space or a line break before or after the key: remove it".into());
    }
    if text.chars().any(char::is_control) {
        return Err(
            "has a line break or another control character inside: it must be one line".into(),
        );
    }
    if !text.is_ascii() {
        return Err(
            "has a character outside ASCII: API keys have none, so copy the key again".into(),
        );
    }
    Ok(text.to_owned())
}

/// What webhooks are signed with.
pub fn webhook_secret(text: &str) -> Result<String, Complaint> {
    let text = key(text)?;
    webhook::key(&text)?;
    Ok(text)
}

/// An organization or a project: it becomes a header value.
pub fn identity(text: &str) -> Result<String, Complaint> {
    if text.trim() != text || !text.is_ascii() || text.chars().any(char::is_control) {
        return Err("must be ASCII without white space around it or control characters".into());
    }
    Ok(text.to_owned())
}

/// A text in which only control characters are wrong.
pub fn plain(text: &str) -> Result<String, Complaint> {
    match text.chars().any(char::is_control) {
        true => Err("has a line break or another control character inside".into()),
        false => Ok(text.to_owned()),
    }
}

/// Certificates as PEM text: many lines, so line breaks are right here.
pub fn pem(text: &str) -> Result<String, Complaint> {
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(
            "must be PEM text with -----BEGIN CERTIFICATE----- lines (a path goes into ca_file)"
                .into(),
        );
    }
    match text
        .chars()
        .any(|c| c.is_control() && !"\r\n\t".contains(c))
    {
        true => Err("has a control character inside".into()),
        false => Ok(text.to_owned()),
    }
}

/// The base URL, normalized, so that two spellings of one server share its limits.
pub fn base_url(text: &str) -> Result<String, Complaint> {
    const FORM: &str = "must start with http:// or https://, such as https://api.openai.com/v1";
    let text = plain(text.trim())?;
    let lower = text.to_ascii_lowercase();
    if !lower.starts_with("http://") && !lower.starts_with("https://") {
        return Err(FORM.into());
    }
    let url = Url::parse(&text).map_err(|error| format!("is not a URL: {error}"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or password: use custom_headers".into());
    }
    if url.query().is_some() {
        return Err("must not hold a query: use default_query".into());
    }
    if url.fragment().is_some() {
        return Err("must not hold a fragment (#)".into());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// The URL of an Azure resource, whose paths are added by us.
pub fn azure_endpoint(text: &str) -> Result<String, Complaint> {
    let url = base_url(text)?;
    if url.contains("/openai/deployments") {
        return Err(
            "must be the resource's URL without /openai/deployments, such as https://NAME.openai.azure.com"
                .into(),
        );
    }
    Ok(url.strip_suffix("/openai").unwrap_or(&url).to_owned())
}

/// A proxy's URL. Empty means none; without a scheme it is an http proxy, as everywhere.
pub fn proxy(text: &str) -> Result<String, Complaint> {
    const FORM: &str =
        "must be a proxy's URL with http://, https:// or socks5://, such as http://proxy:3128";
    let text = plain(text.trim())?;
    if text.is_empty() {
        return Ok(text);
    }
    let text = match text.contains("://") {
        true => text,
        false => format!("http://{text}"),
    };
    let url = Url::parse(&text).map_err(|_| FORM)?;
    let known = ["http", "https", "socks5", "socks5h"].contains(&url.scheme());
    match known && url.has_host() {
        true => Ok(text),
        false => Err(FORM.into()),
    }
}

/// A proxy without its password.
pub fn show_proxy(proxy: &Secret) -> String {
    if proxy.expose().is_empty() {
        return String::new();
    }
    let Ok(mut url) = Url::parse(proxy.expose()) else {
        return MASK.to_owned();
    };
    let bare = url.username().is_empty() && url.password().is_none();
    // A token can stand in the user's place too.
    let hidden = bare || (url.set_username(MASK).is_ok() && url.set_password(None).is_ok());
    url.set_query(None);
    url.set_fragment(None);
    match hidden {
        true => url.to_string(),
        false => MASK.to_owned(),
    }
}

/// Lines of `Name: value`.
pub fn headers(text: &str) -> Result<Pairs, Complaint> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let (name, value) = line
                .split_once(':')
                .ok_or("must be lines of the form Name: value")?;
            header(name, value)
        })
        .collect()
}

/// One header.
pub fn header(name: &str, value: &str) -> Result<(String, Secret), Complaint> {
    let (name, value) = (name.trim(), value.trim());
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| "has a header name with characters that HTTP does not allow there")?;
    if FRAMING.contains(&parsed.as_str()) {
        return Err(format!("must not set {parsed}: it belongs to the connection").into());
    }
    HeaderValue::from_str(value)
        .map_err(|_| "has a header value with a line break or another control character inside")?;
    Ok((name.to_owned(), Secret::new(value)))
}

/// `a=b&c=d` with percent-encoding, or a JSON object as text.
pub fn query(text: &str) -> Result<Pairs, Complaint> {
    let text = text.trim();
    if text.starts_with('{') {
        let object =
            serde_json::from_str(text).map_err(|_| "starts like a JSON object but is not one")?;
        return super::apply::object_pairs(&object, parameter);
    }
    let text = text.strip_prefix('?').unwrap_or(text);
    url::form_urlencoded::parse(text.as_bytes())
        .map(|(name, value)| parameter(&name, &value))
        .collect()
}

/// One query parameter.
pub fn parameter(name: &str, value: &str) -> Result<(String, Secret), Complaint> {
    match name.is_empty() {
        true => Err("has a parameter without a name: write a=b&c=d".into()),
        false => Ok((name.to_owned(), Secret::new(value))),
    }
}
