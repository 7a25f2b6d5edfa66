// This file is the settings of a client, one function for each option of the C library. The library checks their
// values; what they mean and their defaults are in its README.

package oaic

import (
	"encoding/json"
	"time"
)

// Option is a setting of a client.
type Option struct {
	name  string // "" of WithTokenProvider, which is none of the library's
	value any
}

// WithOption sets any option by its name in the C library, such as "max_retries".
func WithOption(name string, value any) Option { return Option{name, value} }

// settingsJSON is the options as oai_client_new takes them; nil if there are none. The last of a name counts.
func settingsJSON(options []Option) ([]byte, error) {
	if len(options) == 0 {
		return nil, nil
	}
	settings := map[string]any{}
	for _, option := range options {
		if option.name != "" {
			settings[option.name] = option.value
		}
	}
	return json.Marshal(settings)
}

func milliseconds(name string, duration time.Duration) Option {
	return Option{name, duration.Milliseconds()}
}

// WithAPIKey sets api_key. API key, sent as a bearer token. Without one, requests to api.openai.com fail and other
// servers are called without an Authorization header.
func WithAPIKey(value string) Option { return Option{"api_key", value} }

// WithAdminAPIKey sets admin_api_key. API key for the organization endpoints.
func WithAdminAPIKey(value string) Option { return Option{"admin_api_key", value} }

// WithWebhookSecret sets webhook_secret. What webhooks are signed with, for oai_webhook_verify: base64 behind whsec_,
// or any other text as it is.
func WithWebhookSecret(value string) Option { return Option{"webhook_secret", value} }

// WithBaseURL sets base_url. Where requests go: http:// or https://, host and path prefix. Default
// https://api.openai.com/v1.
func WithBaseURL(value string) Option { return Option{"base_url", value} }

// WithOrganization sets organization. Organization id, sent as OpenAI-Organization.
func WithOrganization(value string) Option { return Option{"organization", value} }

// WithProject sets project. Project id, sent as OpenAI-Project.
func WithProject(value string) Option { return Option{"project", value} }

// WithCustomHeaders sets custom_headers. Headers for every request.
func WithCustomHeaders(values map[string]string) Option { return Option{"custom_headers", values} }

// WithDefaultQuery sets default_query. Query parameters for every request.
func WithDefaultQuery(values map[string]string) Option { return Option{"default_query", values} }

// WithMaxConcurrentRequests sets max_concurrent_requests. Most requests in flight at once; a stream counts until its
// end. Default 5.
func WithMaxConcurrentRequests(value int) Option { return Option{"max_concurrent_requests", value} }

// WithQueueSize sets queue_size. Most requests that wait; one more is refused. Requests in backoff count. Default 100.
func WithQueueSize(value int) Option { return Option{"queue_size", value} }

// WithQueueFull sets queue_full. When queue_size requests wait: reject, or wait, which makes blocking calls wait for a
// place. Default reject.
func WithQueueFull(choice string) Option { return Option{"queue_full", choice} }

// WithMaxRetries sets max_retries. Most attempts after the first. 0: none. Default 5.
func WithMaxRetries(value int) Option { return Option{"max_retries", value} }

// WithInitialRetryDelay sets initial_retry_delay_ms. Backoff before the first retry. Default 1 s.
func WithInitialRetryDelay(duration time.Duration) Option {
	return milliseconds("initial_retry_delay_ms", duration)
}

// WithBackoffFactor sets backoff_factor. Each further backoff is the one before times this. Default 2.
func WithBackoffFactor(value float64) Option { return Option{"backoff_factor", value} }

// WithMaxRetryDelay sets max_retry_delay_ms. Longest backoff of the library's own. Default 16 s.
func WithMaxRetryDelay(duration time.Duration) Option {
	return milliseconds("max_retry_delay_ms", duration)
}

// WithRetryJitter sets retry_jitter. Share of a backoff that chance may take off. 0: exact delays. Default 0.25.
func WithRetryJitter(value float64) Option { return Option{"retry_jitter", value} }

// WithMaxRetryAfter sets max_retry_after_ms. Longest wait a server may ask for; a longer one ends the request with the
// error. Default 2 minutes.
func WithMaxRetryAfter(duration time.Duration) Option {
	return milliseconds("max_retry_after_ms", duration)
}

// WithRetryUnsafe sets retry_unsafe. Send requests again that the server may already have carried out, and billed.
// Default off.
func WithRetryUnsafe(on bool) Option { return Option{"retry_unsafe", on} }

// WithCircuitBreakerFailures sets circuit_breaker_failures. Failures in a row of one server and model after which
// requests to them wait. 0: off. Default 0.
func WithCircuitBreakerFailures(value int) Option { return Option{"circuit_breaker_failures", value} }

// WithCircuitBreakerReset sets circuit_breaker_reset_ms. How long an open circuit breaker holds requests before it
// lets one probe. Default 30 s.
func WithCircuitBreakerReset(duration time.Duration) Option {
	return milliseconds("circuit_breaker_reset_ms", duration)
}

// WithAttemptTimeout sets attempt_timeout_ms. Limit of one attempt; of a stream: to its first event. 0: none. Until it
// is set, 60000 for embeddings and moderations. Default 10 minutes.
func WithAttemptTimeout(duration time.Duration) Option {
	return milliseconds("attempt_timeout_ms", duration)
}

// WithTimeout sets timeout_ms. Limit of a request with queue and retries. 0: none. Default 0.
func WithTimeout(duration time.Duration) Option { return milliseconds("timeout_ms", duration) }

// WithConnectTimeout sets connect_timeout_ms. Limit of connecting, TLS included. 0: none. Default 10 s.
func WithConnectTimeout(duration time.Duration) Option {
	return milliseconds("connect_timeout_ms", duration)
}

// WithIdleTimeout sets idle_timeout_ms. Longest silence of the server inside a stream. 0: no limit. Default 5 minutes.
func WithIdleTimeout(duration time.Duration) Option { return milliseconds("idle_timeout_ms", duration) }

// WithAgeing sets ageing_ms. Wait that is worth one priority. 0: priorities do not count. Default 30 s.
func WithAgeing(duration time.Duration) Option { return milliseconds("ageing_ms", duration) }

// WithRequestsPerMinute sets requests_per_minute. Most requests a minute, for each model that limits does not name. 0:
// what the answers tell. Default 0.
func WithRequestsPerMinute(value int) Option { return Option{"requests_per_minute", value} }

// WithTokensPerMinute sets tokens_per_minute. Most tokens a minute, for each model that limits does not name. 0: what
// the answers tell. Default 0.
func WithTokensPerMinute(value int) Option { return Option{"tokens_per_minute", value} }

// WithBurst sets burst. Most requests at once after a time of rest, when requests_per_minute is set. 0: as many as a
// minute allows. Default 0.
func WithBurst(value int) Option { return Option{"burst", value} }

// WithLimits sets limits. Limits by model, in place of the general ones.
func WithLimits(limits map[string]Limits) Option { return Option{"limits", limits} }

// WithLimitGroups sets limit_groups. Models that share their limits, from model to group.
func WithLimitGroups(groups map[string]string) Option { return Option{"limit_groups", groups} }

// WithLearnLimits sets learn_limits. Learn the limits from the answers; limits that are set still hold. Default on.
func WithLearnLimits(on bool) Option { return Option{"learn_limits", on} }

// WithMaxResponseBytes sets max_response_bytes. Longest response body in bytes, after decompression. Default
// 1073741824.
func WithMaxResponseBytes(value int) Option { return Option{"max_response_bytes", value} }

// WithMaxRedirects sets max_redirects. Most redirects followed in one attempt. 0: none. Default 5.
func WithMaxRedirects(value int) Option { return Option{"max_redirects", value} }

// WithStreamBufferEvents sets stream_buffer_events. Events of a stream that wait for their reader before the socket is
// no longer read. Default 64.
func WithStreamBufferEvents(value int) Option { return Option{"stream_buffer_events", value} }

// WithProxy sets proxy. Proxy for all requests: http://, https:// or socks5:// URL. Unset: https_proxy and http_proxy
// decide. Empty: no proxy.
func WithProxy(value string) Option { return Option{"proxy", value} }

// WithHTTPSProxy sets https_proxy. Proxy for https:// URLs when proxy is unset. Empty: none.
func WithHTTPSProxy(value string) Option { return Option{"https_proxy", value} }

// WithHTTPProxy sets http_proxy. Proxy for http:// URLs when proxy is unset. Empty: none. HTTP_PROXY is ignored in a
// CGI program.
func WithHTTPProxy(value string) Option { return Option{"http_proxy", value} }

// WithNoProxy sets no_proxy. Hosts reached without a proxy, separated by commas.
func WithNoProxy(value string) Option { return Option{"no_proxy", value} }

// WithCAFile sets ca_file. File with CA certificates (PEM) to trust, in place of the roots unless tls_roots is set.
func WithCAFile(value string) Option { return Option{"ca_file", value} }

// WithCAPEM sets ca_pem. CA certificates to trust as PEM text, in place of the roots unless tls_roots is set.
func WithCAPEM(value string) Option { return Option{"ca_pem", value} }

// WithTLSRoots sets tls_roots. CA roots to trust: auto (ca_file and ca_pem if given, else the system's, else bundled
// ones), system, bundled or both; those three in addition to ca_file and ca_pem. Default auto.
func WithTLSRoots(choice string) Option { return Option{"tls_roots", choice} }

// WithHTTPVersion sets http_version. HTTP version: auto, 1.1 or 2. Default 1.1.
func WithHTTPVersion(choice string) Option { return Option{"http_version", choice} }

// WithPoolIdle sets pool_idle_ms. How long an unused connection is kept. 0: not at all. Default 50 s.
func WithPoolIdle(duration time.Duration) Option { return milliseconds("pool_idle_ms", duration) }

// WithCallbackThread sets callback_thread. Thread that calls back: dispatcher, or worker for callbacks that never
// block. Default dispatcher.
func WithCallbackThread(choice string) Option { return Option{"callback_thread", choice} }

// WithDotenv sets dotenv: the .env file to read. Without it the nearest .env in the working directory or above is
// read.
func WithDotenv(path string) Option { return Option{"dotenv", path} }

// WithoutDotenv reads no .env file.
func WithoutDotenv() Option { return Option{"dotenv", false} }

// Limits are limits of one model; 0 leaves one to what the answers tell.
type Limits struct {
	RequestsPerMinute int `json:"requests_per_minute,omitempty"`
	TokensPerMinute   int `json:"tokens_per_minute,omitempty"`
	Burst             int `json:"burst,omitempty"`
}

// WithAzureEndpoint sets azure_endpoint: the URL of an Azure OpenAI resource, such as https://NAME.openai.azure.com,
// in place of the base URL. A request's model is then the name of a deployment.
func WithAzureEndpoint(endpoint string) Option { return Option{"azure_endpoint", endpoint} }

// WithAzureAPIVersion sets azure_api_version. A date such as 2024-10-21 means paths with deployments; none, v1 or
// preview mean Azure's /openai/v1.
func WithAzureAPIVersion(version string) Option { return Option{"azure_api_version", version} }

// WithAzureAPIKey sets azure_api_key: the key for Azure, sent as api-key to the Azure endpoint and nowhere else.
func WithAzureAPIKey(key string) Option { return Option{"azure_api_key", key} }

// WithAzureADToken sets azure_ad_token: a Microsoft Entra token, sent as a bearer token in place of the Azure key.
func WithAzureADToken(token string) Option { return Option{"azure_ad_token", token} }

// WithFallbacks sets fallbacks: where else requests may be served, in the order of preference, when they would wait
// too long or have failed at their own place.
func WithFallbacks(places ...Fallback) Option { return Option{"fallbacks", places} }

// WithFallbackAfter sets fallback_after_ms: the wait that a request is not served elsewhere for. Default 2 s.
func WithFallbackAfter(wait time.Duration) Option { return milliseconds("fallback_after_ms", wait) }

// Fallback is another place for requests; what it leaves out is the client's own, but no key goes to another server.
type Fallback struct {
	BaseURL      string `json:"base_url,omitempty"`
	APIKey       string `json:"api_key,omitempty"`
	Organization string `json:"organization,omitempty"`
	Project      string `json:"project,omitempty"`
	Model        string `json:"model,omitempty"`
}
