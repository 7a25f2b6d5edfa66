//! Which redirect is followed, and what may go along.
//!
//! The methods change as in RFC 9110, section 15.4, and as every client does it. The key, the organisation and custom
//! headers never go to another origin.

use ::http::Method;
use ::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, LOCATION, USER_AGENT};
use url::Url;

/// One hop of a call.
#[derive(Clone, Debug)]
pub struct Hop {
    pub url: Url,
    pub method: Method,
    pub headers: HeaderMap,
    pub with_body: bool,
}

/// The next hop, `None` when the answer is no redirect.
pub fn follow(hop: &Hop, status: u16, answer: &HeaderMap) -> Option<Result<Hop, String>> {
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = answer.get(LOCATION)?;
    let url = match location
        .to_str()
        .ok()
        .and_then(|location| hop.url.join(location).ok())
    {
        Some(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => url,
        _ => return Some(Err("its Location is not an http or https URL".into())),
    };
    let mut next = Hop { url, ..hop.clone() };
    if next.url.origin() != hop.url.origin() {
        next.headers = HeaderMap::new();
        for name in [ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT] {
            if let Some(value) = hop.headers.get(&name) {
                next.headers.insert(name, value.clone());
            }
        }
    }
    let becomes_get = match status {
        303 => hop.method != Method::HEAD,
        301 | 302 => hop.method == Method::POST,
        _ => false,
    };
    if becomes_get {
        next.method = Method::GET;
        next.with_body = false;
        next.headers.remove(CONTENT_TYPE);
    }
    Some(Ok(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop() -> Hop {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer k"),
            ("api-key", "k"),
            ("accept", "*/*"),
            ("content-type", "application/json"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        Hop {
            url: Url::parse("https://api.example.com/v1/embeddings").unwrap(),
            method: Method::POST,
            headers,
            with_body: true,
        }
    }

    fn to(status: u16, location: &str) -> Option<Result<Hop, String>> {
        let mut answer = HeaderMap::new();
        answer.insert(LOCATION, location.parse().unwrap());
        follow(&hop(), status, &answer)
    }

    #[test]
    fn the_key_stays_with_its_origin() {
        for (location, keeps) in [
            ("/v2/embeddings", true),
            ("https://api.example.com:443/x", true),
            ("http://api.example.com/x", false),
            ("https://api.example.com:8443/x", false),
            ("https://other.example.com/x", false),
            ("//evil.example/x", false),
        ] {
            let next = to(307, location).unwrap().unwrap();
            assert_eq!(
                next.headers.contains_key("authorization"),
                keeps,
                "{location}"
            );
            assert_eq!(next.headers.contains_key("api-key"), keeps, "{location}");
            assert!(
                next.headers.contains_key("accept") && next.with_body,
                "{location}"
            );
        }
    }

    #[test]
    fn methods_change_as_the_standard_says() {
        for (status, method) in [
            (301, Method::GET),
            (302, Method::GET),
            (303, Method::GET),
            (307, Method::POST),
            (308, Method::POST),
        ] {
            let next = to(status, "/x").unwrap().unwrap();
            assert_eq!(next.method, method, "{status}");
            assert_eq!(next.with_body, method == Method::POST, "{status}");
        }
    }

    #[test]
    fn what_is_no_redirect_is_an_answer() {
        assert!(to(200, "/x").is_none());
        assert!(to(304, "/x").is_none());
        assert!(follow(&hop(), 302, &HeaderMap::new()).is_none());
        assert!(to(302, "ftp://x/y").unwrap().is_err());
    }
}
