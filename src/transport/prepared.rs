//! Where a call goes and with which headers, put together once for calls that are alike.
//!
//! `http` asks for the first hop of each attempt. What is kept lives in its [`Target`] and ends with it, so a changed
//! setting holds from the next attempt on, and no key is kept for longer than its settings.

use std::sync::{Arc, Mutex};

use ::http::Method;
use ::http::header::{HOST, HeaderValue, USER_AGENT};
use bytes::Bytes;
use url::Url;

use super::call::{Call, Content};
use super::connector;
use super::failure::{Failure, FailureKind};
use super::redirect::Hop;
use super::target::{RETRY_COUNT, Target};
use crate::error::Error;
use crate::status;
use crate::sync::lock;

/// The query parameter with Azure's version.
const API_VERSION: &str = "api-version";

/// For how many kinds of calls hops are kept. With one more all are dropped: paths that hold an id do not come again.
const MOST: usize = 16;

/// The hops of one target. A copy of the target begins with none, since the copy may be changed.
#[derive(Default)]
pub struct Prepared(Mutex<Vec<(Kind, Arc<Hop>)>>);

impl Clone for Prepared {
    fn clone(&self) -> Prepared {
        Prepared::default()
    }
}

/// All that the hop of a call without a query or headers of its own depends on, beside the target.
struct Kind {
    method: Method,
    path: Arc<str>,
    /// In the path of some calls to Azure, and nowhere else.
    model: Option<Arc<str>>,
    with_body: bool,
    stream: bool,
    output: bool,
}

impl Kind {
    /// `None` for a call that brings a part of its hop along.
    fn of(call: &Call) -> Option<Kind> {
        is_plain(call).then(|| Kind {
            method: call.method.clone(),
            path: call.path.clone(),
            model: call.model.clone(),
            with_body: !call.body.is_empty(),
            stream: call.stream,
            output: call.output.is_some(),
        })
    }

    fn is_of(&self, target: &Target, call: &Call) -> bool {
        self.path == call.path
            && (target.azure.is_none() || self.model == call.model)
            && self.method == call.method
            && self.with_body != call.body.is_empty()
            && self.stream == call.stream
            && self.output == call.output.is_some()
            && is_plain(call)
    }
}

fn is_plain(call: &Call) -> bool {
    let own = !call.query.is_empty() || !call.headers.is_empty();
    !own && matches!(call.body, Content::Bytes(_))
}

/// The first hop of a call; `retries` goes out as attempt information. Only HTTP/1 names the `host` among the headers.
pub(super) fn hop(
    target: &Target,
    call: &Call,
    retries: u32,
    host: bool,
) -> Result<Arc<Hop>, Failure> {
    let mut kept = lock(&target.prepared.0);
    let mut hop = match kept.iter().find(|(kind, _)| kind.is_of(target, call)) {
        Some((_, hop)) => hop.clone(),
        None => {
            let hop = Arc::new(make(target, call, host)?);
            if let Some(kind) = Kind::of(call) {
                if kept.len() >= MOST {
                    kept.clear();
                }
                kept.push((kind, hop.clone()));
            }
            hop
        }
    };
    drop(kept);
    let own = |name| call.headers.iter().any(|(own, _)| own == name);
    if retries > 0 && !own(RETRY_COUNT) {
        let headers = &mut Arc::make_mut(&mut hop).headers;
        headers.insert(RETRY_COUNT, HeaderValue::from(retries));
    }
    Ok(hop)
}

fn make(target: &Target, call: &Call, host: bool) -> Result<Hop, Failure> {
    let url = url(target, call)?;
    let mut headers = target.headers_for(call, 0).map_err(unsendable)?;
    // The HTTP client would write both anew for each request.
    headers
        .entry(USER_AGENT)
        .or_insert(HeaderValue::from_static(connector::USER_AGENT));
    if let (true, Some(host)) = (host, host_of(&url)) {
        headers.entry(HOST).or_insert(host);
    }
    Ok(Hop {
        url,
        method: call.method.clone(),
        headers,
        with_body: !call.body.is_empty(),
    })
}

/// As HTTP/1 names the host of a URL.
fn host_of(url: &Url) -> Option<HeaderValue> {
    let name = url.host_str()?;
    let host = match url.port() {
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    };
    HeaderValue::from_maybe_shared(Bytes::from(host)).ok()
}

fn unsendable(error: Error) -> Failure {
    Failure::new(FailureKind::Unsendable(error.status), error.message)
}

fn url(target: &Target, call: &Call) -> Result<Url, Failure> {
    let path = match &target.azure {
        None => (&*call.path).into(),
        Some(azure) => azure.path(call).map_err(unsendable)?,
    };
    let mut url = Url::parse(&format!("{}{path}", target.base_url)).map_err(|error| {
        let why = format!("base_url and path do not make a URL: {error}");
        unsendable(Error::new(status::INVALID_ARGUMENT, why))
    })?;
    let version = target.azure.as_ref().and_then(|azure| {
        let given = [&*target.query, &*call.query].into_iter().flatten();
        let free = given.clone().all(|(name, _)| name != API_VERSION);
        azure.version.as_deref().filter(|_| free)
    });
    if !target.query.is_empty() || !call.query.is_empty() || version.is_some() {
        url.query_pairs_mut()
            .extend_pairs(&target.query)
            .extend_pairs(call.query.iter().map(|(name, value)| {
                let azure = target.azure.as_ref();
                let name = azure.map_or(&**name, |azure| azure.parameter(call, name));
                (name, value)
            }))
            .extend_pairs(version.map(|version| (API_VERSION, version)));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use ::http::{HeaderName, HeaderValue};

    use super::*;

    fn target() -> Target {
        Target {
            base_url: "https://api.example.com/v1".into(),
            authorization: Some(HeaderValue::from_static("Bearer k")),
            ..Target::default()
        }
    }

    #[test]
    fn calls_that_are_alike_share_a_hop() {
        let target = target();
        let first = hop(&target, &Call::post("/embeddings", "{}"), 0, true).unwrap();
        let same = hop(&target, &Call::post("/embeddings", r#"{"a":1}"#), 0, true).unwrap();
        assert!(Arc::ptr_eq(&first, &same));
        assert_eq!(first.url.as_str(), "https://api.example.com/v1/embeddings");
        assert_eq!(first.headers["authorization"], "Bearer k");
        assert_eq!(first.headers[RETRY_COUNT], "0");
        assert_eq!(first.headers[HOST], "api.example.com");
    }

    #[test]
    fn whatever_differs_in_a_call_differs_in_its_hop() {
        let azure = Target {
            azure: Some(super::super::Azure {
                deployments: true,
                version: None,
            }),
            ..target()
        };
        let plain = Call::post("/embeddings", "{}");
        let of_model = |model: &str| Call {
            model: Some(model.into()),
            ..plain.clone()
        };
        let others = [
            Call::post("/models", "{}"),
            Call::post("/embeddings", ""),
            Call {
                method: Method::PUT,
                ..plain.clone()
            },
            Call {
                stream: true,
                ..plain.clone()
            },
            Call {
                query: Box::new([("after".into(), "x".into())]),
                ..plain.clone()
            },
            Call {
                headers: Box::new([(
                    HeaderName::from_static("accept"),
                    HeaderValue::from_static("*/*"),
                )]),
                ..plain.clone()
            },
            of_model("a"),
            of_model("b"),
        ];
        let fresh = |call: &Call| make(&azure, call, true).unwrap();
        for _ in 0..2 {
            for call in others.iter().chain([&plain]) {
                let (kept, fresh) = (hop(&azure, call, 0, true).unwrap(), fresh(call));
                assert_eq!(format!("{kept:?}"), format!("{fresh:?}"));
            }
        }
    }

    #[test]
    fn a_retry_says_which_it_is_and_leaves_the_kept_hop_alone() {
        let target = target();
        let call = Call::post("/embeddings", "{}");
        let count =
            |retries| hop(&target, &call, retries, true).unwrap().headers[RETRY_COUNT].clone();
        assert_eq!([count(0), count(2), count(0)], ["0", "2", "0"]);
        let mut own = call.clone();
        own.headers = Box::new([(RETRY_COUNT, HeaderValue::from_static("own"))]);
        assert_eq!(
            hop(&target, &own, 3, true).unwrap().headers[RETRY_COUNT],
            "own"
        );
    }

    #[test]
    fn hosts_are_named_as_the_standard_says() {
        for (url, host) in [
            ("https://api.example.com/v1", "api.example.com"),
            ("https://api.example.com:443/v1", "api.example.com"),
            ("http://api.example.com:8080/v1", "api.example.com:8080"),
            ("http://127.0.0.1:80/v1", "127.0.0.1"),
            ("http://[::1]:8080/v1", "[::1]:8080"),
        ] {
            assert_eq!(host_of(&Url::parse(url).unwrap()).unwrap(), host, "{url}");
        }
        let hop = hop(&target(), &Call::post("/embeddings", "{}"), 0, false).unwrap();
        assert!(!hop.headers.contains_key(HOST));
    }

    #[test]
    fn names_that_the_settings_give_to_the_program_and_the_server_win() {
        let mut target = target();
        for name in [USER_AGENT, HOST] {
            target.headers.insert(name, HeaderValue::from_static("own"));
        }
        let hop = hop(&target, &Call::post("/embeddings", "{}"), 0, true).unwrap();
        assert_eq!(
            (&hop.headers[USER_AGENT], &hop.headers[HOST]),
            (&"own".parse().unwrap(), &"own".parse().unwrap())
        );
    }

    #[test]
    fn only_so_many_are_kept() {
        let target = target();
        for id in 0..100 {
            let call = Call::post(&format!("/files/{id}"), "");
            let hop = hop(&target, &call, 0, true).unwrap();
            assert!(hop.url.path().ends_with(&format!("/files/{id}")));
        }
        assert!(lock(&target.prepared.0).len() <= MOST);
    }

    #[test]
    fn a_changed_copy_of_a_target_uses_nothing_of_the_old() {
        let old = target();
        let call = Call::post("/embeddings", "{}");
        hop(&old, &call, 0, true).unwrap();
        let mut new = old.clone();
        new.authorization = Some(HeaderValue::from_static("Bearer other"));
        let hop = hop(&new, &call, 0, true).unwrap();
        assert_eq!(hop.headers["authorization"], "Bearer other");
    }
}
