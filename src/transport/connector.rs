//! Builds the HTTP client: TLS, proxies, pooling. Done once, at the first request of a client.

use std::time::Duration;

use reqwest::{NoProxy, Proxy};

use super::dialling::Dialling;
use super::failure::{Failure, FailureKind};
use super::trust::{self, TlsRoots};
use crate::status;

/// How connections are made; fixed once the first request is sent.
#[derive(Clone, Debug)]
pub struct Network {
    /// Plain `http://` needs no trust roots, whose loading costs the first call milliseconds.
    pub tls: bool,
    pub connect_timeout: Duration,
    pub pool_idle: Duration,
    pub http_version: HttpVersion,
    pub proxy: Option<String>,
    pub https_proxy: Option<String>,
    pub http_proxy: Option<String>,
    pub no_proxy: Option<String>,
    pub ca_file: Option<String>,
    pub ca_pem: Option<String>,
    pub tls_roots: TlsRoots,
}

/// What the program calls itself.
pub(super) const USER_AGENT: &str = concat!("oaic/", env!("CARGO_PKG_VERSION"));

/// How soon a silent connection is asked whether the other side is still there, and how often.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// After how many of these questions without an answer it is gone.
const KEEP_ALIVE_PROBES: u32 = 3;

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// Let the server choose.
    Auto,
    /// One request at a time on each connection; measured to be the fastest for this API.
    #[default]
    Http1,
    Http2,
}

impl HttpVersion {
    /// In the order of their numbers.
    pub const ALL: [HttpVersion; 3] = [HttpVersion::Auto, HttpVersion::Http1, HttpVersion::Http2];
}

/// The HTTP client for these settings.
pub fn build(network: &Network) -> Result<reqwest::Client, Failure> {
    let unusable = |message: String| Failure::new(FailureKind::Unsendable(status::CONFIG), message);
    let mut builder = reqwest::Client::builder()
        // The host's proxy variables were read once, with its other settings; see `proxies`.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .tcp_nodelay(true)
        .connect_timeout(network.connect_timeout)
        .pool_idle_timeout(network.pool_idle)
        .pool_max_idle_per_host(match network.pool_idle {
            Duration::ZERO => 0,
            _ => usize::MAX,
        })
        .tcp_keepalive(KEEP_ALIVE)
        .tcp_keepalive_interval(KEEP_ALIVE)
        .tcp_keepalive_retries(KEEP_ALIVE_PROBES)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .http2_keep_alive_timeout(KEEP_ALIVE * KEEP_ALIVE_PROBES)
        .http2_keep_alive_while_idle(true)
        .connector_layer(Dialling)
        .user_agent(USER_AGENT)
        .tls_backend_preconfigured(tls(network).map_err(unusable)?);
    builder = match network.http_version {
        HttpVersion::Auto => builder,
        HttpVersion::Http1 => builder.http1_only(),
        HttpVersion::Http2 => builder.http2_prior_knowledge(),
    };
    for proxy in proxies(network).map_err(unusable)? {
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(Failure::from_reqwest)
}

fn proxies(network: &Network) -> Result<Vec<Proxy>, String> {
    let except = network.no_proxy.as_deref().and_then(NoProxy::from_string);
    let mut proxies = Vec::new();
    for (option, url, make) in [
        (
            "proxy",
            &network.proxy,
            Proxy::all::<String> as fn(String) -> reqwest::Result<Proxy>,
        ),
        ("HTTPS_PROXY", &network.https_proxy, Proxy::https::<String>),
        ("HTTP_PROXY", &network.http_proxy, Proxy::http::<String>),
    ] {
        if let Some(url) = url {
            // Not the URL itself: it may hold a password.
            let proxy = make(url.clone())
                .map_err(|_| format!("{option} is not a proxy URL such as http://host:3128"))?;
            proxies.push(proxy.no_proxy(except.clone()));
        }
    }
    Ok(proxies)
}

fn tls(network: &Network) -> Result<rustls::ClientConfig, String> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(trust::roots(network)?)
        .with_no_client_auth();
    config.alpn_protocols = match network.http_version {
        HttpVersion::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        HttpVersion::Http1 => vec![b"http/1.1".to_vec()],
        HttpVersion::Http2 => vec![b"h2".to_vec()],
    };
    Ok(config)
}
