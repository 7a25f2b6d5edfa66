//! The values in force, as plain typed fields.
//!
//! `options` fills them, every part of the library reads them. This file decides nothing but the defaults: where a value
//! came from is `config`'s business, how it is written down is `options`'.

use std::time::Duration;

use super::secret::Secret;
pub use crate::completion::CallbackThread;
pub use crate::transport::HttpVersion;

/// Names with values, in the order given.
pub type Pairs = Vec<(String, Secret)>;

/// Every option of a client.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The key for ordinary endpoints. None: requests go out without an Authorization header.
    pub api_key: Option<Secret>,
    /// The key for the organisation endpoints.
    pub admin_api_key: Option<Secret>,
    /// Scheme, host and path prefix, without a slash at the end.
    pub base_url: String,
    /// The `OpenAI-Organization` header.
    pub organization: Option<String>,
    /// The `OpenAI-Project` header.
    pub project: Option<String>,
    /// Headers sent with every request; the values are valid header values.
    pub custom_headers: Pairs,
    /// Query parameters sent with every request, decoded.
    pub default_query: Pairs,
    /// Requests in flight at once.
    pub max_concurrent_requests: u32,
    /// Requests that may wait.
    pub queue_size: u32,
    /// Attempts after the first.
    pub max_retries: u32,
    /// Backoff before the first retry.
    pub initial_retry_delay: Duration,
    /// What each further backoff is multiplied with.
    pub backoff_factor: f64,
    /// The longest backoff of our own.
    pub max_retry_delay: Duration,
    /// The share, 0 to 1, that chance may take off a backoff.
    pub retry_jitter: f64,
    /// The longest wait a server may ask for before the request fails instead.
    pub max_retry_after: Duration,
    /// Whether requests that may have been carried out are sent again.
    pub retry_unsafe: bool,
    /// Limit of one attempt. None: no limit.
    pub attempt_timeout: Option<Duration>,
    /// The same for embeddings and moderations: shorter, until `attempt_timeout_ms` is set.
    pub quick_attempt_timeout: Option<Duration>,
    /// Limit of the whole request with queue and retries. None: no limit.
    pub timeout: Option<Duration>,
    /// Limit of connecting, TLS included. None: no limit.
    pub connect_timeout: Option<Duration>,
    /// The longest silence inside a stream. None: no limit.
    pub idle_timeout: Option<Duration>,
    /// How long a request waits until it counts as one priority higher.
    pub ageing: Duration,
    /// The longest response body, after decompression.
    pub max_response_bytes: u64,
    /// Redirects followed within one attempt.
    pub max_redirects: u32,
    /// Stream events that wait for their reader before the socket is no longer read.
    pub stream_buffer_events: u32,
    /// The proxy for everything. None: the two fields below decide. Empty: no proxy, whatever they say.
    pub proxy: Option<Secret>,
    /// The proxy for https URLs.
    pub https_proxy: Option<Secret>,
    /// The proxy for http URLs.
    pub http_proxy: Option<Secret>,
    /// Hosts that are reached without a proxy, separated by commas.
    pub no_proxy: Option<String>,
    /// A file with CA certificates to trust.
    pub ca_file: Option<String>,
    /// The HTTP version to speak.
    pub http_version: HttpVersion,
    /// How long an unused connection is kept.
    pub pool_idle: Duration,
    /// The thread that calls back.
    pub callback_thread: CallbackThread,
    /// The `.env` file that was read. None: none was.
    pub dotenv: Option<String>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            api_key: None,
            admin_api_key: None,
            base_url: "https://api.openai.com/v1".to_owned(),
            organization: None,
            project: None,
            custom_headers: Vec::new(),
            default_query: Vec::new(),
            max_concurrent_requests: 5,
            queue_size: 100,
            max_retries: 5,
            initial_retry_delay: Duration::from_secs(1),
            backoff_factor: 2.0,
            max_retry_delay: Duration::from_secs(16),
            retry_jitter: 0.25,
            max_retry_after: Duration::from_secs(120),
            retry_unsafe: false,
            attempt_timeout: Some(Duration::from_secs(600)),
            quick_attempt_timeout: Some(Duration::from_secs(60)),
            timeout: None,
            connect_timeout: Some(Duration::from_secs(10)),
            idle_timeout: Some(Duration::from_secs(300)),
            ageing: Duration::from_secs(30),
            max_response_bytes: 1 << 30,
            max_redirects: 5,
            stream_buffer_events: 64,
            proxy: None,
            https_proxy: None,
            http_proxy: None,
            no_proxy: None,
            ca_file: None,
            // Measured: kept HTTP/1.1 connections beat one HTTP/2 connection overall.
            http_version: HttpVersion::Http1,
            pool_idle: Duration::from_secs(90),
            callback_thread: CallbackThread::Dispatcher,
            dotenv: None,
        }
    }
}
