//! The rows of the option table, and the shorthands they are written in.
//!
//! An option that is added here is known to JSON, the environment, `.env` and `config_json`; its setter in `ffi/set.rs`
//! and its line in `.env.example` are asked for by tests.

use std::time::Duration;

use super::super::secret::Secret;
use super::super::settings::{CallbackThread, HttpVersion, QueueFull, Settings, TlsRoots};
use super::{Class, Fields, Guard, Kind, Opt, check, places, structured};

/// No option counts longer than a year: sums of times cannot overflow.
const MAX_MS: u64 = 365 * 24 * 3600 * 1000;

fn to_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn limit_to_ms(limit: Option<Duration>) -> u64 {
    limit.map_or(0, to_ms)
}

fn limit_from_ms(ms: u64) -> Option<Duration> {
    (ms != 0).then(|| Duration::from_millis(ms))
}

// ===== shorthands for rows =====

macro_rules! fields {
    ($($field:ident),+) => {
        Fields {
            reset: |settings| {
                let default = Settings::default();
                $(settings.$field = default.$field;)+
            },
            same: |a, b| $(a.$field == b.$field)&&+,
        }
    };
}

/// `U32` or `U64` or `F64` or `Flag` of a field of that very type.
macro_rules! plain {
    (Flag $field:ident) => {
        Kind::Flag {
            get: |s| s.$field,
            set: |s, value| s.$field = value,
        }
    };
    ($kind:ident $field:ident, $range:expr) => {
        Kind::$kind {
            range: $range,
            get: |s| s.$field,
            set: |s, value| s.$field = value,
        }
    };
}

/// Milliseconds of a `Duration`.
macro_rules! ms {
    ($field:ident) => {
        Kind::U64 {
            range: 0..=MAX_MS,
            get: |s| to_ms(s.$field),
            set: |s, value| s.$field = Duration::from_millis(value),
        }
    };
}

/// Milliseconds of an `Option<Duration>` where 0 means no limit.
macro_rules! limit_ms {
    ($field:ident $(, $twin:ident)?) => {
        Kind::U64 {
            range: 0..=MAX_MS,
            get: |s| limit_to_ms(s.$field),
            set: |s, value| {
                s.$field = limit_from_ms(value);
                $(s.$twin = limit_from_ms(value);)?
            },
        }
    };
}

/// One of the values of an enum with `ALL`.
macro_rules! choice {
    ($field:ident, $type:ident, $names:expr) => {
        Kind::Choice {
            names: &$names,
            get: |s| s.$field as usize,
            set: |s, number| s.$field = $type::ALL[number],
        }
    };
}

/// A text that is nothing when it is empty.
macro_rules! text {
    ($field:ident, $check:path) => {
        Kind::Text {
            secret: false,
            show: |s| s.$field.clone(),
            set: |s, text| {
                s.$field = if text.is_empty() {
                    None
                } else {
                    Some($check(text)?)
                };
                Ok(())
            },
        }
    };
}

/// A key, which cannot be empty.
macro_rules! key {
    ($field:ident, $check:path) => {
        Kind::Text {
            secret: true,
            show: |s| s.$field.as_ref().map(Secret::masked),
            set: |s, text| {
                s.$field = Some(Secret::new($check(text)?));
                Ok(())
            },
        }
    };
}

/// A proxy, whose URL may hold a password; empty means none.
macro_rules! proxy {
    ($field:ident) => {
        Kind::Text {
            secret: true,
            show: |s| s.$field.as_ref().map(check::show_proxy),
            set: |s, text| {
                s.$field = Some(Secret::new(check::proxy(text)?));
                Ok(())
            },
        }
    };
}

/// A JSON object or array.
macro_rules! json {
    ($field:ident, $parse:path, $show:path) => {
        Kind::Json {
            show: |s| $show(&s.$field),
            set: |s, json| {
                s.$field = $parse(json)?;
                Ok(())
            },
        }
    };
}

/// Every option.
pub static OPTIONS: &[Opt] = &[
    Opt {
        c_name: c"api_key",
        kind: key!(api_key, check::key),
        default: c"",
        env: &["OAI_API_KEY", "OPENAI_API_KEY"],
        class: Class::Scheduling,
        guard: Guard::Credential,
        doc: c"API key, sent as a bearer token. Without one, requests to api.openai.com fail \
              and other servers are called without an Authorization header.",
        fields: fields!(api_key),
    },
    Opt {
        c_name: c"admin_api_key",
        kind: key!(admin_api_key, check::key),
        default: c"",
        env: &["OAI_ADMIN_API_KEY", "OPENAI_ADMIN_KEY"],
        class: Class::Scheduling,
        guard: Guard::Credential,
        doc: c"API key for the organization endpoints.",
        fields: fields!(admin_api_key),
    },
    Opt {
        c_name: c"webhook_secret",
        kind: key!(webhook_secret, check::webhook_secret),
        default: c"",
        env: &["OAI_WEBHOOK_SECRET", "OPENAI_WEBHOOK_SECRET"],
        class: Class::Scheduling,
        // It is sent to nobody.
        guard: Guard::Open,
        doc: c"What webhooks are signed with, for oai_webhook_verify: base64 behind whsec_, or \
              any other text as it is.",
        fields: fields!(webhook_secret),
    },
    Opt {
        c_name: c"base_url",
        kind: Kind::Text {
            secret: false,
            show: |s| Some(s.base_url.clone()),
            set: |s, text| {
                s.base_url = check::base_url(text)?;
                Ok(())
            },
        },
        default: c"https://api.openai.com/v1",
        env: &["OAI_BASE_URL", "OPENAI_BASE_URL"],
        class: Class::Transport,
        guard: Guard::Receiver,
        doc: c"Where requests go: http:// or https://, host and path prefix.",
        fields: fields!(base_url),
    },
    Opt {
        c_name: c"azure_endpoint",
        kind: text!(azure_endpoint, check::azure_endpoint),
        default: c"",
        env: &["OAI_AZURE_ENDPOINT", "AZURE_OPENAI_ENDPOINT"],
        class: Class::Transport,
        guard: Guard::Receiver,
        doc: c"URL of an Azure OpenAI resource, such as https://NAME.openai.azure.com, in place of \
              base_url, unless that has a higher source or the program itself sets an api_key.",
        fields: fields!(azure_endpoint),
    },
    Opt {
        c_name: c"azure_api_version",
        kind: text!(azure_api_version, check::identity),
        default: c"",
        env: &[
            "OAI_AZURE_API_VERSION",
            "OPENAI_API_VERSION",
            "AZURE_OPENAI_API_VERSION",
        ],
        class: Class::Transport,
        guard: Guard::Open,
        doc: c"api-version for Azure. A date such as 2024-10-21 means paths with deployments; none, v1 \
              or preview mean its /openai/v1, where a date is not sent.",
        fields: fields!(azure_api_version),
    },
    Opt {
        c_name: c"azure_api_key",
        kind: key!(azure_api_key, check::key),
        default: c"",
        env: &["OAI_AZURE_API_KEY", "AZURE_OPENAI_API_KEY"],
        class: Class::Scheduling,
        guard: Guard::Credential,
        doc: c"Key for Azure, sent as api-key to azure_endpoint and nowhere else; api_key is never sent \
              there.",
        fields: fields!(azure_api_key),
    },
    Opt {
        c_name: c"azure_ad_token",
        kind: key!(azure_ad_token, check::key),
        default: c"",
        env: &["OAI_AZURE_AD_TOKEN", "AZURE_OPENAI_AD_TOKEN"],
        class: Class::Scheduling,
        guard: Guard::Credential,
        doc: c"Microsoft Entra token for Azure, sent as a bearer token in place of azure_api_key.",
        fields: fields!(azure_ad_token),
    },
    Opt {
        c_name: c"organization",
        kind: text!(organization, check::identity),
        default: c"",
        env: &["OAI_ORGANIZATION", "OPENAI_ORG_ID", "OPENAI_ORGANIZATION"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Organization id, sent as OpenAI-Organization.",
        fields: fields!(organization),
    },
    Opt {
        c_name: c"project",
        kind: text!(project, check::identity),
        default: c"",
        env: &["OAI_PROJECT", "OPENAI_PROJECT_ID"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Project id, sent as OpenAI-Project.",
        fields: fields!(project),
    },
    Opt {
        c_name: c"custom_headers",
        kind: Kind::Pairs {
            get: |s| &s.custom_headers,
            set: |s, pairs| s.custom_headers = pairs,
            parse: check::headers,
            pair: check::header,
        },
        default: c"",
        env: &["OAI_CUSTOM_HEADERS", "OPENAI_CUSTOM_HEADERS"],
        class: Class::Transport,
        guard: Guard::Both,
        doc: c"Headers for every request: lines of Name: value; in JSON also an object.",
        fields: fields!(custom_headers),
    },
    Opt {
        c_name: c"default_query",
        kind: Kind::Pairs {
            get: |s| &s.default_query,
            set: |s, pairs| s.default_query = pairs,
            parse: check::query,
            pair: check::parameter,
        },
        default: c"",
        env: &["OAI_DEFAULT_QUERY"],
        class: Class::Transport,
        guard: Guard::Receiver,
        doc: c"Query parameters for every request: a=b&c=d or a JSON object.",
        fields: fields!(default_query),
    },
    Opt {
        c_name: c"max_concurrent_requests",
        kind: plain!(U32 max_concurrent_requests, 1..=100_000),
        default: c"5",
        env: &["OAI_MAX_CONCURRENT_REQUESTS"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Most requests in flight at once; a stream counts until its end.",
        fields: fields!(max_concurrent_requests),
    },
    Opt {
        c_name: c"queue_size",
        kind: plain!(U32 queue_size, 0..=10_000_000),
        default: c"100",
        env: &["OAI_QUEUE_SIZE"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Most requests that wait; one more is refused. Requests in backoff count.",
        fields: fields!(queue_size),
    },
    Opt {
        c_name: c"queue_full",
        kind: choice!(queue_full, QueueFull, ["reject", "wait"]),
        default: c"reject",
        env: &["OAI_QUEUE_FULL"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"When queue_size requests wait: reject, or wait, which makes blocking calls wait for a \
              place.",
        fields: fields!(queue_full),
    },
    Opt {
        c_name: c"max_retries",
        kind: plain!(U32 max_retries, 0..=100),
        default: c"5",
        env: &["OAI_MAX_RETRIES"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Most attempts after the first. 0: none.",
        fields: fields!(max_retries),
    },
    Opt {
        c_name: c"initial_retry_delay_ms",
        kind: ms!(initial_retry_delay),
        default: c"1000",
        env: &["OAI_INITIAL_RETRY_DELAY_MS"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Backoff before the first retry, in milliseconds.",
        fields: fields!(initial_retry_delay),
    },
    Opt {
        c_name: c"backoff_factor",
        kind: plain!(F64 backoff_factor, 1.0..=100.0),
        default: c"2",
        env: &["OAI_BACKOFF_FACTOR"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Each further backoff is the one before times this.",
        fields: fields!(backoff_factor),
    },
    Opt {
        c_name: c"max_retry_delay_ms",
        kind: ms!(max_retry_delay),
        default: c"16000",
        env: &["OAI_MAX_RETRY_DELAY_MS"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Longest backoff of the library's own, in milliseconds.",
        fields: fields!(max_retry_delay),
    },
    Opt {
        c_name: c"retry_jitter",
        kind: plain!(F64 retry_jitter, 0.0..=1.0),
        default: c"0.25",
        env: &["OAI_RETRY_JITTER"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Share of a backoff that chance may take off. 0: exact delays.",
        fields: fields!(retry_jitter),
    },
    Opt {
        c_name: c"max_retry_after_ms",
        kind: ms!(max_retry_after),
        default: c"120000",
        env: &["OAI_MAX_RETRY_AFTER_MS"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Longest wait a server may ask for, in milliseconds; a longer one ends the \
              request with the error.",
        fields: fields!(max_retry_after),
    },
    Opt {
        c_name: c"retry_unsafe",
        kind: plain!(Flag retry_unsafe),
        default: c"off",
        env: &["OAI_RETRY_UNSAFE"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Send requests again that the server may already have carried out, and billed.",
        fields: fields!(retry_unsafe),
    },
    Opt {
        c_name: c"circuit_breaker_failures",
        kind: plain!(U32 circuit_breaker_failures, 0..=10_000),
        default: c"0",
        env: &["OAI_CIRCUIT_BREAKER_FAILURES"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Failures in a row of one server and model after which requests to them wait. 0: off.",
        fields: fields!(circuit_breaker_failures),
    },
    Opt {
        c_name: c"circuit_breaker_reset_ms",
        kind: ms!(circuit_breaker_reset),
        default: c"30000",
        env: &["OAI_CIRCUIT_BREAKER_RESET_MS"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"How long an open circuit breaker holds requests before it lets one probe, in \
              milliseconds.",
        fields: fields!(circuit_breaker_reset),
    },
    Opt {
        c_name: c"attempt_timeout_ms",
        kind: limit_ms!(attempt_timeout, quick_attempt_timeout),
        default: c"600000",
        env: &["OAI_ATTEMPT_TIMEOUT_MS"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Limit of one attempt, in milliseconds; of a stream: to its first event. 0: none. \
              Until it is set, 60000 for embeddings and moderations.",
        fields: fields!(attempt_timeout, quick_attempt_timeout),
    },
    Opt {
        c_name: c"timeout_ms",
        kind: limit_ms!(timeout),
        default: c"0",
        env: &["OAI_TIMEOUT_MS"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Limit of a request with queue and retries, in milliseconds. 0: none.",
        fields: fields!(timeout),
    },
    Opt {
        c_name: c"connect_timeout_ms",
        kind: limit_ms!(connect_timeout),
        default: c"10000",
        env: &["OAI_CONNECT_TIMEOUT_MS"],
        class: Class::Transport,
        guard: Guard::Open,
        doc: c"Limit of connecting, TLS included, in milliseconds. 0: none.",
        fields: fields!(connect_timeout),
    },
    Opt {
        c_name: c"idle_timeout_ms",
        kind: limit_ms!(idle_timeout),
        default: c"300000",
        env: &["OAI_IDLE_TIMEOUT_MS"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Longest silence of the server inside a stream, in milliseconds. 0: no limit.",
        fields: fields!(idle_timeout),
    },
    Opt {
        c_name: c"ageing_ms",
        kind: ms!(ageing),
        default: c"30000",
        env: &["OAI_AGEING_MS"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Wait in milliseconds that is worth one priority. 0: priorities do not count.",
        fields: fields!(ageing),
    },
    Opt {
        c_name: c"requests_per_minute",
        kind: plain!(U64 requests_per_minute, structured::PER_MINUTE),
        default: c"0",
        env: &["OAI_REQUESTS_PER_MINUTE"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Most requests a minute, for each model that limits does not name. 0: what the answers \
              tell.",
        fields: fields!(requests_per_minute),
    },
    Opt {
        c_name: c"tokens_per_minute",
        kind: plain!(U64 tokens_per_minute, structured::PER_MINUTE),
        default: c"0",
        env: &["OAI_TOKENS_PER_MINUTE"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Most tokens a minute, for each model that limits does not name. 0: what the answers \
              tell.",
        fields: fields!(tokens_per_minute),
    },
    Opt {
        c_name: c"burst",
        kind: plain!(U64 burst, structured::PER_MINUTE),
        default: c"0",
        env: &["OAI_BURST"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Most requests at once after a time of rest, when requests_per_minute is set. 0: as \
              many as a minute allows.",
        fields: fields!(burst),
    },
    Opt {
        c_name: c"limits",
        kind: json!(limits, structured::limits, structured::show_limits),
        default: c"",
        env: &["OAI_LIMITS"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Limits by model, in place of the general ones: a JSON object of objects with \
              requests_per_minute, tokens_per_minute and burst, each optional.",
        fields: fields!(limits),
    },
    Opt {
        c_name: c"limit_groups",
        kind: json!(limit_groups, structured::groups, structured::show_groups),
        default: c"",
        env: &["OAI_LIMIT_GROUPS"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Models that share their limits: a JSON object from model to group.",
        fields: fields!(limit_groups),
    },
    Opt {
        c_name: c"fallbacks",
        kind: json!(fallbacks, places::fallbacks, places::show_fallbacks),
        default: c"",
        env: &["OAI_FALLBACKS"],
        class: Class::Transport,
        guard: Guard::Receiver,
        doc: c"Where else requests may be served, in the order of preference: a JSON array of objects with \
              base_url, api_key, organization, project and model, each optional.",
        fields: fields!(fallbacks),
    },
    Opt {
        c_name: c"fallback_after_ms",
        kind: ms!(fallback_after),
        default: c"2000",
        env: &["OAI_FALLBACK_AFTER_MS"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Wait in milliseconds that a request is not served elsewhere for, if there are fallbacks.",
        fields: fields!(fallback_after),
    },
    Opt {
        c_name: c"learn_limits",
        kind: plain!(Flag learn_limits),
        default: c"on",
        env: &["OAI_LEARN_LIMITS"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Learn the limits from the answers; limits that are set still hold.",
        fields: fields!(learn_limits),
    },
    Opt {
        c_name: c"max_response_bytes",
        kind: plain!(U64 max_response_bytes, 1..=1 << 40),
        default: c"1073741824",
        env: &["OAI_MAX_RESPONSE_BYTES"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Longest response body in bytes, after decompression.",
        fields: fields!(max_response_bytes),
    },
    Opt {
        c_name: c"max_redirects",
        kind: plain!(U32 max_redirects, 0..=20),
        default: c"5",
        env: &["OAI_MAX_REDIRECTS"],
        class: Class::Transport,
        guard: Guard::Open,
        doc: c"Most redirects followed in one attempt. 0: none.",
        fields: fields!(max_redirects),
    },
    Opt {
        c_name: c"stream_buffer_events",
        kind: plain!(U32 stream_buffer_events, 1..=65_536),
        default: c"64",
        env: &["OAI_STREAM_BUFFER_EVENTS"],
        class: Class::Scheduling,
        guard: Guard::Open,
        doc: c"Events of a stream that wait for their reader before the socket is no longer \
              read.",
        fields: fields!(stream_buffer_events),
    },
    Opt {
        c_name: c"proxy",
        kind: proxy!(proxy),
        default: c"",
        env: &["OAI_PROXY"],
        class: Class::Transport,
        guard: Guard::Receiver,
        doc: c"Proxy for all requests: http://, https:// or socks5:// URL. Unset: https_proxy \
              and http_proxy decide. Empty: no proxy.",
        fields: fields!(proxy),
    },
    Opt {
        c_name: c"https_proxy",
        kind: proxy!(https_proxy),
        default: c"",
        env: &["OAI_HTTPS_PROXY", "https_proxy", "HTTPS_PROXY"],
        class: Class::Transport,
        guard: Guard::Receiver,
        doc: c"Proxy for https:// URLs when proxy is unset. Empty: none.",
        fields: fields!(https_proxy),
    },
    Opt {
        c_name: c"http_proxy",
        kind: proxy!(http_proxy),
        default: c"",
        env: &["OAI_HTTP_PROXY", "http_proxy", "HTTP_PROXY"],
        class: Class::Transport,
        guard: Guard::Receiver,
        doc: c"Proxy for http:// URLs when proxy is unset. Empty: none. HTTP_PROXY is ignored \
              in a CGI program.",
        fields: fields!(http_proxy),
    },
    Opt {
        c_name: c"no_proxy",
        kind: text!(no_proxy, check::plain),
        default: c"",
        env: &["OAI_NO_PROXY", "no_proxy", "NO_PROXY"],
        class: Class::Transport,
        guard: Guard::Receiver,
        doc: c"Hosts reached without a proxy, separated by commas.",
        fields: fields!(no_proxy),
    },
    Opt {
        c_name: c"ca_file",
        kind: text!(ca_file, check::plain),
        default: c"",
        env: &["OAI_CA_FILE"],
        class: Class::Transport,
        guard: Guard::Receiver,
        doc: c"File with CA certificates (PEM) to trust, in place of the roots unless tls_roots \
              is set.",
        fields: fields!(ca_file),
    },
    Opt {
        c_name: c"ca_pem",
        kind: text!(ca_pem, check::pem),
        default: c"",
        env: &["OAI_CA_PEM"],
        class: Class::Transport,
        guard: Guard::Receiver,
        doc: c"CA certificates to trust as PEM text, in place of the roots unless tls_roots is \
              set.",
        fields: fields!(ca_pem),
    },
    Opt {
        c_name: c"tls_roots",
        kind: choice!(tls_roots, TlsRoots, ["auto", "system", "bundled", "both"]),
        default: c"auto",
        env: &["OAI_TLS_ROOTS"],
        class: Class::Transport,
        guard: Guard::Receiver,
        doc: c"CA roots to trust: auto (ca_file and ca_pem if given, else the system's, else \
              bundled ones), system, bundled or both; those three in addition to ca_file and ca_pem.",
        fields: fields!(tls_roots),
    },
    Opt {
        c_name: c"http_version",
        kind: choice!(http_version, HttpVersion, ["auto", "1.1", "2"]),
        default: c"1.1",
        env: &["OAI_HTTP_VERSION"],
        class: Class::Transport,
        guard: Guard::Open,
        doc: c"HTTP version: auto, 1.1 or 2.",
        fields: fields!(http_version),
    },
    Opt {
        c_name: c"pool_idle_ms",
        kind: ms!(pool_idle),
        default: c"50000",
        env: &["OAI_POOL_IDLE_MS"],
        class: Class::Transport,
        guard: Guard::Open,
        doc: c"How long an unused connection is kept, in milliseconds. 0: not at all.",
        fields: fields!(pool_idle),
    },
    Opt {
        c_name: c"callback_thread",
        kind: choice!(callback_thread, CallbackThread, ["dispatcher", "worker"]),
        default: c"dispatcher",
        env: &["OAI_CALLBACK_THREAD"],
        class: Class::Transport,
        guard: Guard::Open,
        doc: c"Thread that calls back: dispatcher, or worker for callbacks that never block.",
        fields: fields!(callback_thread),
    },
    Opt {
        c_name: c"dotenv",
        kind: Kind::Text {
            secret: false,
            show: |s| s.dotenv.clone(),
            set: |s, text| {
                s.dotenv = Some(check::plain(text)?);
                Ok(())
            },
        },
        default: c"",
        env: &["OAI_DOTENV"],
        class: Class::Creation,
        guard: Guard::Open,
        doc: c"The .env file to read, or false for none. Unset: the nearest .env in the working \
              directory or its parents.",
        fields: fields!(dotenv),
    },
];
