//! From settings to what each layer below needs of them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::azure;
use super::place::Place;
use super::secret::Secret;
use super::settings::{FallbackPlace, Settings};
use crate::error::{Error, Result};
use crate::scheduler::{Configured, Fallback, Policy};
use crate::status;
use crate::transport::{Azure, Network, Prepared, Target};

/// No limit, as a limit: thirty years, which no clock overflows on.
const NO_LIMIT: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// What the scheduler decides by.
pub fn policy(settings: &Settings, place: &Place) -> Policy {
    Policy {
        max_concurrent_requests: settings.max_concurrent_requests,
        queue_size: settings.queue_size,
        max_retries: settings.max_retries,
        initial_retry_delay: settings.initial_retry_delay,
        backoff_factor: settings.backoff_factor,
        max_retry_delay: settings.max_retry_delay,
        retry_jitter: settings.retry_jitter,
        max_retry_after: settings.max_retry_after,
        retry_unsafe: settings.retry_unsafe,
        attempt_timeout: settings.attempt_timeout.unwrap_or(NO_LIMIT),
        short_attempt_timeout: settings.quick_attempt_timeout.unwrap_or(NO_LIMIT),
        timeout: settings.timeout,
        idle_timeout: settings.idle_timeout.unwrap_or(NO_LIMIT),
        ageing: settings.ageing,
        stream_buffer_events: settings.stream_buffer_events,
        max_response_bytes: settings.max_response_bytes,
        identity: identity(settings, place),
        limits: Configured {
            requests_per_minute: settings.requests_per_minute,
            tokens_per_minute: settings.tokens_per_minute,
            burst: settings.burst,
        },
        model_limits: settings
            .limits
            .iter()
            .map(|(model, limits)| {
                let limits = Configured {
                    requests_per_minute: limits.requests_per_minute,
                    tokens_per_minute: limits.tokens_per_minute,
                    burst: limits.burst,
                };
                (model.clone(), limits)
            })
            .collect(),
        limit_groups: settings.limit_groups.clone(),
        dated_models: !place.azure,
        learn_limits: settings.learn_limits,
        breaker_failures: settings.circuit_breaker_failures,
        breaker_reset: settings.circuit_breaker_reset,
        fallbacks: settings
            .fallbacks
            .iter()
            .map(|fallback| {
                let (there, place) = elsewhere(settings, place, fallback);
                Fallback {
                    identity: identity(&there, &place),
                    model: fallback.model.as_deref().map(Into::into),
                    rotating: place.provider.is_some(),
                }
            })
            .collect(),
        fallback_after: settings.fallback_after,
        queue_full: settings.queue_full,
    }
}

/// Whose limits apply, as a number: who has the same server, key, organization and project shares them. Tokens change
/// and cannot be compared, so a client with a token provider shares with nobody.
fn identity(settings: &Settings, place: &Place) -> u64 {
    let (base_url, azure) = address(settings, place);
    let mut hasher = DefaultHasher::new();
    if azure.is_some() {
        // There the limits are the deployment's, whoever asks.
        base_url.hash(&mut hasher);
        return hasher.finish();
    }
    let key = settings.api_key.as_ref().map(|key| key.expose());
    (
        &base_url,
        key.filter(|_| place.provider.is_none()),
        place.provider,
        &settings.organization,
        &settings.project,
    )
        .hash(&mut hasher);
    hasher.finish()
}

/// The base URL of calls, and how Azure writes what is below it.
fn address(settings: &Settings, place: &Place) -> (String, Option<Azure>) {
    match &settings.azure_endpoint {
        Some(endpoint) if place.azure => {
            let (base_url, azure) = azure::address(endpoint, settings.azure_api_version.as_deref());
            (base_url, Some(azure))
        }
        _ => (settings.base_url.clone(), None),
    }
}

/// The settings as they are at a fallback. What it leaves out is the client's own, but nothing that stands for somebody
/// goes to another server: there it has a key of its own, or none.
fn elsewhere(settings: &Settings, place: &Place, fallback: &FallbackPlace) -> (Settings, Place) {
    let mut there = settings.clone();
    let mut place = place.clone();
    if let Some(base_url) = &fallback.base_url {
        // The key for Azure and the one for OpenAI are never taken for each other.
        if place.azure || origin(base_url) != origin(&address(settings, &place).0) {
            there.api_key = None;
            there.admin_api_key = None;
            there.organization = None;
            there.project = None;
            there.custom_headers.clear();
            there.default_query.clear();
            place = Place::default();
        }
        there.base_url.clone_from(base_url);
        place.azure = false;
    }
    if let Some(key) = &fallback.api_key {
        if place.azure {
            there.azure_api_key = Some(key.clone());
            there.azure_ad_token = None;
        } else {
            there.api_key = Some(key.clone());
        }
        there.organization = None;
        there.project = None;
        place.provider = None;
    }
    if fallback.organization.is_some() {
        there.organization.clone_from(&fallback.organization);
    }
    if fallback.project.is_some() {
        there.project.clone_from(&fallback.project);
    }
    (there, place)
}

fn origin(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    Some(url.origin().ascii_serialization())
}

/// Where the transport sends, and as whom; the fallbacks too.
pub fn target(settings: &Settings, place: &Place) -> Result<Target> {
    let mut own = target_at(settings, place)?;
    for fallback in &settings.fallbacks {
        let (there, place) = elsewhere(settings, place, fallback);
        own.fallbacks.push(target_at(&there, &place)?);
    }
    Ok(own)
}

fn target_at(settings: &Settings, place: &Place) -> Result<Target> {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("openai-organization", &settings.organization),
        ("openai-project", &settings.project),
    ] {
        if let Some(value) = value {
            headers.insert(HeaderName::from_static(name), header_value(name, value)?);
        }
    }
    for (name, value) in &settings.custom_headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
            Error::new(
                status::CONFIG,
                format!("custom_headers: {name:?} is not a header name"),
            )
        })?;
        let value = sensitive(name.as_str(), value.expose())?;
        headers.insert(name, value);
    }
    let bearer = |key: &Option<Secret>| {
        key.as_ref()
            .map(|key| sensitive(AUTHORIZATION.as_str(), &format!("Bearer {}", key.expose())))
    };
    let (base_url, azure) = address(settings, place);
    let on_azure = azure.is_some();
    let (ordinary, admin) = match on_azure {
        true => (&settings.azure_ad_token, &None),
        false => (&settings.api_key, &settings.admin_api_key),
    };
    // With a provider and no token yet, only a request gets here that was on its way before the provider was set.
    let authorization = match (&place.provider, &place.token) {
        (Some(_), Some(_)) => bearer(&place.token),
        _ => bearer(ordinary),
    }
    .transpose()?;
    let api_key = settings
        .azure_api_key
        .as_ref()
        .filter(|_| on_azure && authorization.is_none())
        .map(|key| sensitive("api-key", key.expose()))
        .transpose()?;
    Ok(Target {
        key_required: is_openai(&base_url) || on_azure && azure::is_azures_own(&base_url),
        base_url,
        azure,
        query: settings
            .default_query
            .iter()
            .map(|(name, value)| (name.clone(), value.expose().to_owned()))
            .collect(),
        headers,
        authorization,
        admin_authorization: bearer(admin).transpose()?,
        api_key,
        rotating: place.provider.is_some(),
        retired: bearer(&place.retired).transpose()?,
        max_response_bytes: settings.max_response_bytes,
        max_redirects: settings.max_redirects,
        fallbacks: Vec::new(),
        prepared: Prepared::default(),
    })
}

/// How the transport connects.
pub fn network(settings: &Settings, place: &Place) -> Network {
    let exposed =
        |secret: &Option<Secret>| secret.as_ref().map(|secret| secret.expose().to_owned());
    // An explicit proxy stands alone, and an empty one means none, whatever the environment says.
    let explicit = exposed(&settings.proxy);
    let inherited = |secret| {
        if explicit.is_none() {
            exposed(secret)
        } else {
            None
        }
    };
    Network {
        tls: !address(settings, place).0.starts_with("http://")
            || settings.fallbacks.iter().any(|fallback| {
                let url = fallback.base_url.as_deref();
                url.is_some_and(|url| !url.starts_with("http://"))
            })
            || [&settings.proxy, &settings.http_proxy]
                .into_iter()
                .flatten()
                .any(|proxy| proxy.expose().starts_with("https://")),
        connect_timeout: settings.connect_timeout.unwrap_or(NO_LIMIT),
        pool_idle: settings.pool_idle,
        http_version: settings.http_version,
        https_proxy: inherited(&settings.https_proxy),
        http_proxy: inherited(&settings.http_proxy),
        no_proxy: settings.no_proxy.clone(),
        proxy: explicit.filter(|url| !url.is_empty()),
        ca_file: settings.ca_file.clone(),
        ca_pem: settings.ca_pem.clone(),
        tls_roots: settings.tls_roots,
    }
}

/// Compatible servers (vLLM, Ollama, llama.cpp) may be called without a key, OpenAI itself may not.
fn is_openai(base_url: &str) -> bool {
    Url::parse(base_url)
        .ok()
        .and_then(|url| {
            url.host_str()
                .map(|host| host == "openai.com" || host.ends_with(".openai.com"))
        })
        .unwrap_or(false)
}

fn sensitive(name: &str, value: &str) -> Result<HeaderValue> {
    let mut value = header_value(name, value)?;
    value.set_sensitive(true);
    Ok(value)
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(value).map_err(|_| {
        // Not the value: it may be the key.
        Error::new(
            status::CONFIG,
            format!("the value for the header {name} holds a character that a header cannot carry"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_openais_own_hosts_require_a_key() {
        for (base, required) in [
            ("https://api.openai.com/v1", true),
            ("https://eu.api.openai.com/v1", true),
            ("https://us.api.openai.com/v1", true),
            ("http://127.0.0.1:8000/v1", false),
            ("https://openai.com.evil.example/v1", false),
            ("https://notopenai.com/v1", false),
        ] {
            assert_eq!(is_openai(base), required, "{base}");
        }
    }

    #[test]
    fn keys_are_sensitive_header_values() {
        let settings = Settings {
            api_key: Some(Secret::new("sk-secret")),
            organization: Some("org".into()),
            ..Settings::default()
        };
        let target = target(&settings, &Place::default()).unwrap();
        assert_eq!(target.authorization.as_ref().unwrap(), "Bearer sk-secret");
        assert!(!format!("{:?}", target.authorization).contains("secret"));
        assert_eq!(target.headers["openai-organization"], "org");
    }

    #[test]
    fn a_token_stands_in_for_the_key_and_shares_no_limits() {
        let settings = Settings {
            api_key: Some(Secret::new("sk-secret")),
            ..Settings::default()
        };
        let waiting = Place {
            provider: Some(1),
            ..Place::default()
        };
        let before = target(&settings, &waiting).unwrap();
        assert!(before.rotating);
        // For those that were on their way when the provider came.
        assert_eq!(before.authorization.unwrap(), "Bearer sk-secret");
        let there = Place {
            token: Some(Secret::new("new")),
            retired: Some(Secret::new("old")),
            ..waiting.clone()
        };
        let target = target(&settings, &there).unwrap();
        assert_eq!(target.authorization.as_ref().unwrap(), "Bearer new");
        assert_eq!(target.redact("new, old".into()), "***, ***");
        let whose = |place: &Place| policy(&settings, place).identity;
        assert_eq!(whose(&waiting), whose(&there));
        assert_ne!(whose(&there), whose(&Place::default()));
        let other = Place {
            provider: Some(2),
            ..there.clone()
        };
        assert_ne!(whose(&there), whose(&other));
    }

    #[test]
    fn a_fallback_on_another_server_gets_nothing_of_ours() {
        let settings = Settings {
            base_url: "https://one.example/v1".into(),
            api_key: Some(Secret::new("sk-own")),
            organization: Some("org".into()),
            custom_headers: vec![("x-own".into(), Secret::new("secret"))],
            fallbacks: vec![
                FallbackPlace {
                    base_url: Some("https://two.example/v1".into()),
                    ..FallbackPlace::default()
                },
                FallbackPlace {
                    api_key: Some(Secret::new("sk-second")),
                    ..FallbackPlace::default()
                },
                FallbackPlace {
                    base_url: Some("https://one.example/other".into()),
                    ..FallbackPlace::default()
                },
            ],
            ..Settings::default()
        };
        let own = target(&settings, &Place::default()).unwrap();
        let [two, key, path] = &own.fallbacks[..] else {
            panic!("three fallbacks");
        };
        assert_eq!(two.base_url, "https://two.example/v1");
        assert_eq!(two.authorization, None);
        assert!(two.headers.is_empty());
        assert_eq!(key.base_url, own.base_url);
        assert_eq!(key.authorization.as_ref().unwrap(), "Bearer sk-second");
        assert!(!key.headers.contains_key("openai-organization"));
        assert_eq!(path.authorization, own.authorization);
        assert_eq!(path.headers, own.headers);
        assert_eq!(own.redact("sk-second of two".into()), "*** of two");
        let policy = policy(&settings, &Place::default());
        let mut identities: Vec<u64> = policy
            .fallbacks
            .iter()
            .map(|place| place.identity)
            .collect();
        identities.push(policy.identity);
        identities.sort_unstable();
        identities.dedup();
        assert_eq!(identities.len(), 4, "each has limits of its own");
    }

    #[test]
    fn a_fallback_beside_azure_gets_no_key_of_openai() {
        let settings = Settings {
            api_key: Some(Secret::new("sk-openai")),
            azure_endpoint: Some("https://name.openai.azure.com".into()),
            azure_api_key: Some(Secret::new("azure-key")),
            fallbacks: vec![FallbackPlace {
                base_url: Some("https://name.openai.azure.com/openai/v1".into()),
                ..FallbackPlace::default()
            }],
            ..Settings::default()
        };
        let place = Place {
            azure: true,
            ..Place::default()
        };
        let own = target(&settings, &place).unwrap();
        assert_eq!(own.fallbacks[0].authorization, None);
        assert_eq!(own.fallbacks[0].api_key, None);
    }

    #[test]
    fn an_empty_proxy_switches_the_inherited_ones_off() {
        let inherited = Settings {
            http_proxy: Some(Secret::new("http://a:1")),
            ..Settings::default()
        };
        assert_eq!(
            network(&inherited, &Place::default()).http_proxy.as_deref(),
            Some("http://a:1")
        );
        let off = Settings {
            proxy: Some(Secret::new("")),
            ..inherited
        };
        assert_eq!(
            (
                network(&off, &Place::default()).proxy,
                network(&off, &Place::default()).http_proxy
            ),
            (None, None)
        );
    }
}
