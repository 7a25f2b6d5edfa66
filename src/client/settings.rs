//! The values in force, as plain typed fields.
//!
//! `options` fills them, every part of the library reads them. This file decides nothing but the defaults: where a value
//! came from is `config`'s business, how it is written down is `options`'.

use std::time::Duration;

use super::secret::Secret;
pub use crate::completion::CallbackThread;
pub use crate::scheduler::QueueFull;
pub use crate::transport::{HttpVersion, TlsRoots};

/// Names with values, in the order given.
pub type Pairs = Vec<(String, Secret)>;

/// Another place for requests; what it leaves out is as the client has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FallbackPlace {
    pub base_url: Option<String>,
    pub api_key: Option<Secret>,
    pub organization: Option<String>,
    pub project: Option<String>,
    pub model: Option<String>,
}

/// The limits of one model. 0: not set.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ModelLimits {
    /// Requests a minute.
    pub requests_per_minute: u64,
    /// Tokens a minute.
    pub tokens_per_minute: u64,
    /// Requests that may leave at once after a time of rest.
    pub burst: u64,
}

/// Every option of a client.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The key for ordinary endpoints. None: requests go out without an Authorization header.
    pub api_key: Option<Secret>,
    /// The key for the organisation endpoints.
    pub admin_api_key: Option<Secret>,
    /// What webhooks are signed with.
    pub webhook_secret: Option<Secret>,
    /// Scheme, host and path prefix, without a slash at the end.
    pub base_url: String,
    /// The URL of an Azure resource, without a slash at the end. It takes the place of `base_url`.
    pub azure_endpoint: Option<String>,
    /// The version of Azure's API.
    pub azure_api_version: Option<String>,
    /// The key for Azure, sent as `api-key`.
    pub azure_api_key: Option<Secret>,
    /// A bearer token for Azure.
    pub azure_ad_token: Option<Secret>,
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
    /// What a blocking call does when that many wait.
    pub queue_full: QueueFull,
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
    /// Failures in a row that open the circuit breaker. 0: there is none.
    pub circuit_breaker_failures: u32,
    /// How long the breaker stays open before it lets one request probe.
    pub circuit_breaker_reset: Duration,
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
    /// Requests a minute for models without limits of their own. 0: not set.
    pub requests_per_minute: u64,
    /// Tokens a minute for models without limits of their own. 0: not set.
    pub tokens_per_minute: u64,
    /// Requests that may leave at once after a time of rest. 0: as many as a minute allows.
    pub burst: u64,
    /// Limits by model, or by group; they stand in place of the three above.
    pub limits: Vec<(String, ModelLimits)>,
    /// The group of each model that shares its limits with others.
    pub limit_groups: Vec<(String, String)>,
    /// Where else requests may be served, in the order of preference.
    pub fallbacks: Vec<FallbackPlace>,
    /// The wait that a request is not sent elsewhere for.
    pub fallback_after: Duration,
    /// Whether the server's answers teach what the limits are.
    pub learn_limits: bool,
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
    /// CA certificates to trust, as PEM text.
    pub ca_pem: Option<String>,
    /// Which CA roots are trusted.
    pub tls_roots: TlsRoots,
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
            webhook_secret: None,
            base_url: "https://api.openai.com/v1".to_owned(),
            azure_endpoint: None,
            azure_api_version: None,
            azure_api_key: None,
            azure_ad_token: None,
            organization: None,
            project: None,
            custom_headers: Vec::new(),
            default_query: Vec::new(),
            max_concurrent_requests: 5,
            queue_size: 100,
            queue_full: QueueFull::Reject,
            max_retries: 5,
            initial_retry_delay: Duration::from_secs(1),
            backoff_factor: 2.0,
            max_retry_delay: Duration::from_secs(16),
            retry_jitter: 0.25,
            max_retry_after: Duration::from_secs(120),
            retry_unsafe: false,
            circuit_breaker_failures: 0,
            circuit_breaker_reset: Duration::from_secs(30),
            attempt_timeout: Some(Duration::from_secs(600)),
            quick_attempt_timeout: Some(Duration::from_secs(60)),
            timeout: None,
            connect_timeout: Some(Duration::from_secs(10)),
            idle_timeout: Some(Duration::from_secs(300)),
            ageing: Duration::from_secs(30),
            requests_per_minute: 0,
            tokens_per_minute: 0,
            burst: 0,
            limits: Vec::new(),
            limit_groups: Vec::new(),
            fallbacks: Vec::new(),
            fallback_after: Duration::from_secs(2),
            learn_limits: true,
            max_response_bytes: 1 << 30,
            max_redirects: 5,
            stream_buffer_events: 64,
            proxy: None,
            https_proxy: None,
            http_proxy: None,
            no_proxy: None,
            ca_file: None,
            ca_pem: None,
            tls_roots: TlsRoots::Auto,
            // Measured: kept HTTP/1.1 connections beat one HTTP/2 connection overall.
            http_version: HttpVersion::Http1,
            // Load balancers commonly close after 60 seconds; a request should not cross that.
            pool_idle: Duration::from_secs(50),
            callback_thread: CallbackThread::Dispatcher,
            dotenv: None,
        }
    }
}
