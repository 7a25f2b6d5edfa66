//! How Azure OpenAI writes URLs: the deployment in the path, the version in the query.
//!
//! Which of its two forms a client uses is decided in `client::azure`.

use std::borrow::Cow;

use super::call::Call;
use crate::error::{Error, Result};
use crate::status;

/// The operations whose path holds the deployment; it is what the body names as its model. As in the official SDKs.
const BY_DEPLOYMENT: [&str; 8] = [
    "/audio/speech",
    "/audio/transcriptions",
    "/audio/translations",
    "/chat/completions",
    "/completions",
    "/embeddings",
    "/images/edits",
    "/images/generations",
];

/// The one whose query holds it, in place of the model.
const REALTIME: &str = "/realtime";

/// How URLs below an Azure endpoint are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Azure {
    /// The older form, with deployments in the path.
    pub deployments: bool,
    /// What goes out as `api-version`.
    pub version: Option<String>,
}

impl Azure {
    /// A call's path below the base URL.
    pub fn path<'a>(&self, call: &'a Call) -> Result<Cow<'a, str>> {
        let model = match &call.model {
            Some(model) if self.deployments && BY_DEPLOYMENT.contains(&&*call.path) => model,
            _ => return Ok((&*call.path).into()),
        };
        if model.is_empty() || matches!(&**model, "." | "..") {
            return Err(Error::new(
                status::INVALID_ARGUMENT,
                format!(
                    "model {model:?} is not the name of an Azure deployment, which the request's path needs"
                ),
            ));
        }
        Ok(format!("/deployments/{}{}", segment(model), call.path).into())
    }
}

impl Azure {
    /// How a parameter of a call's query is called here.
    pub fn parameter<'a>(&self, call: &Call, name: &'a str) -> &'a str {
        if self.deployments && &*call.path == REALTIME && name == "model" {
            return "deployment";
        }
        name
    }
}

/// A text as one segment of a path: it must not be able to leave its place.
fn segment(text: &str) -> String {
    use std::fmt::Write;
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                written.push(char::from(byte));
            }
            // Writing to a String cannot fail.
            _ => drop(write!(written, "%{byte:02X}")),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(deployments: bool, path: &str, model: Option<&str>) -> Result<String> {
        let azure = Azure {
            deployments,
            version: None,
        };
        let call = Call {
            model: model.map(Into::into),
            ..Call::post(path, "")
        };
        azure.path(&call).map(Cow::into_owned)
    }

    #[test]
    fn the_deployment_stands_in_the_path_where_azure_wants_it() {
        for (deployments, call, model, expected) in [
            (
                true,
                "/embeddings",
                Some("e-3"),
                "/deployments/e-3/embeddings",
            ),
            (
                true,
                "/chat/completions",
                Some("gpt-4o_x.y~"),
                "/deployments/gpt-4o_x.y~/chat/completions",
            ),
            (
                true,
                "/audio/translations",
                Some("w"),
                "/deployments/w/audio/translations",
            ),
            (
                true,
                "/images/edits",
                Some("i"),
                "/deployments/i/images/edits",
            ),
            (true, "/embeddings", None, "/embeddings"),
            (true, "/responses", Some("m"), "/responses"),
            (true, "/images/variations", Some("m"), "/images/variations"),
            (true, "/files", None, "/files"),
            (false, "/embeddings", Some("m"), "/embeddings"),
        ] {
            assert_eq!(path(deployments, call, model).unwrap(), expected);
        }
    }

    #[test]
    fn a_realtime_connection_names_its_deployment_in_the_query() {
        for (deployments, path, name, expected) in [
            (true, "/realtime", "model", "deployment"),
            (true, "/realtime", "call_id", "call_id"),
            (true, "/files", "model", "model"),
            (false, "/realtime", "model", "model"),
        ] {
            let azure = Azure {
                deployments,
                version: None,
            };
            let given = azure.parameter(&Call::post(path, ""), name);
            assert_eq!(given, expected, "{path}");
        }
    }

    #[test]
    fn a_model_cannot_leave_its_segment() {
        for (model, segment) in [
            ("a/../b", "a%2F..%2Fb"),
            ("a?b#c", "a%3Fb%23c"),
            ("%2e%2e", "%252e%252e"),
            ("é", "%C3%A9"),
        ] {
            let expected = format!("/deployments/{segment}/embeddings");
            assert_eq!(path(true, "/embeddings", Some(model)).unwrap(), expected);
        }
        for model in ["", ".", ".."] {
            let error = path(true, "/embeddings", Some(model)).unwrap_err();
            assert_eq!(error.status, status::INVALID_ARGUMENT);
        }
    }
}
