//! Builds the HTTP client: TLS, proxies, pooling. Done once, at the first request of a client.

use std::time::Duration;

use reqwest::{NoProxy, Proxy};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::failure::{Failure, FailureKind};
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
}

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
        .pool_max_idle_per_host(usize::MAX)
        .user_agent(concat!("oaic/", env!("CARGO_PKG_VERSION")))
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
    let mut roots = RootCertStore::empty();
    if let Some(path) = &network.ca_file {
        let unreadable = |error| format!("ca_file {path} cannot be used: {error}");
        for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
            roots
                .add(certificate.map_err(unreadable)?)
                .map_err(|error| {
                    format!("ca_file {path} holds an unusable certificate: {error}")
                })?;
        }
        if roots.is_empty() {
            return Err(format!("ca_file {path} holds no certificate in PEM form"));
        }
    } else if network.tls {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            // A machine without a CA bundle, such as a bare container.
            roots.add_parsable_certificates(
                webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned(),
            );
        }
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = match network.http_version {
        HttpVersion::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        HttpVersion::Http1 => vec![b"http/1.1".to_vec()],
        HttpVersion::Http2 => vec![b"h2".to_vec()],
    };
    Ok(config)
}
