//! Which of Azure OpenAI's two forms a client uses, and what its addresses are.
//!
//! The older form has the deployment in the path and asks for a dated `api-version`; the newer one, `/openai/v1`, is
//! OpenAI's own API and wants no version ("Azure OpenAI in Microsoft Foundry Models v1 API", learn.microsoft.com,
//! `api-version-lifecycle`; `v1` and `preview` are the versions it knows). So the version decides, unless the endpoint
//! itself ends in `/openai/v1`.

use url::Url;

use crate::transport::Azure;

/// The end of an endpoint that is of the newer form already.
const V1: &str = "/openai/v1";

/// The base URL of calls, and how what is below it is written.
pub fn address(endpoint: &str, version: Option<&str>) -> (String, Azure) {
    let undated = |version: &&str| {
        ["v1", "preview", "latest"]
            .iter()
            .any(|name| version.eq_ignore_ascii_case(name))
    };
    let of_v1 = endpoint.ends_with(V1);
    match version {
        Some(dated) if !of_v1 && !undated(&dated) => (
            format!("{endpoint}/openai"),
            Azure {
                deployments: true,
                version: Some(dated.to_owned()),
            },
        ),
        _ => (
            format!("{endpoint}{}", if of_v1 { "" } else { V1 }),
            Azure {
                deployments: false,
                // A dated one is refused there.
                version: version.filter(undated).map(str::to_owned),
            },
        ),
    }
}

/// Whether Azure itself answers there, which wants a key; a gateway in front of it may not.
pub fn is_azures_own(base_url: &str) -> bool {
    let url = Url::parse(base_url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or("");
    [".azure.com", ".azure.us", ".azure.cn"]
        .iter()
        .any(|end| host.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_decides_unless_the_endpoint_does() {
        let host = "https://name.openai.azure.com";
        let v1 = format!("{host}/openai/v1");
        for (endpoint, version, base_url, deployments, sent) in [
            (
                host,
                Some("2024-10-21"),
                "/openai",
                true,
                Some("2024-10-21"),
            ),
            (
                host,
                Some("2025-04-01-preview"),
                "/openai",
                true,
                Some("2025-04-01-preview"),
            ),
            (host, None, "/openai/v1", false, None),
            (host, Some("v1"), "/openai/v1", false, Some("v1")),
            (host, Some("Preview"), "/openai/v1", false, Some("Preview")),
            (host, Some("latest"), "/openai/v1", false, Some("latest")),
            (&v1, None, "/openai/v1", false, None),
            (&v1, Some("preview"), "/openai/v1", false, Some("preview")),
            (&v1, Some("2024-10-21"), "/openai/v1", false, None),
        ] {
            let expected = Azure {
                deployments,
                version: sent.map(str::to_owned),
            };
            let address = address(endpoint, version);
            assert_eq!(
                address,
                (format!("{host}{base_url}"), expected),
                "{version:?}"
            );
        }
    }

    #[test]
    fn azures_own_hosts_want_a_key() {
        for (base_url, own) in [
            ("https://name.openai.azure.com/openai", true),
            ("https://name.cognitiveservices.azure.com/openai/v1", true),
            ("https://name.services.ai.azure.com/openai/v1", true),
            ("https://name.openai.azure.us/openai/v1", true),
            ("https://gateway.example/openai/v1", false),
            ("https://openai.azure.com.evil.example/openai", false),
            ("http://127.0.0.1:1/openai", false),
        ] {
            assert_eq!(is_azures_own(base_url), own, "{base_url}");
        }
    }
}
