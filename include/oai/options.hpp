/**
 * @file options.hpp
 * A client's settings, one function for each option of the library. The library checks their values.
 */

#ifndef OAI_OPTIONS_HPP
#define OAI_OPTIONS_HPP

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace oai {

/** Settings to begin with or to change: `oai::Options().max_retries(3).base_url("http://localhost:8000/v1")`. */
class Options {
public:
    using milliseconds = std::chrono::milliseconds;

    /**
     * API key, sent as a bearer token. Without one, requests to api.openai.com fail and other servers are
     * called without an Authorization header.
     */
    Options &api_key(std::string_view value) { return text("api_key", quoted(value)); }
    /** API key for the organization endpoints. */
    Options &admin_api_key(std::string_view value) { return text("admin_api_key", quoted(value)); }
    /**
     * What webhooks are signed with, for oai_webhook_verify: base64 behind whsec_, or any other text as it
     * is.
     */
    Options &webhook_secret(std::string_view value) { return text("webhook_secret", quoted(value)); }
    /** Where requests go: http:// or https://, host and path prefix. Default https://api.openai.com/v1. */
    Options &base_url(std::string_view value) { return text("base_url", quoted(value)); }
    /** Organization id, sent as OpenAI-Organization. */
    Options &organization(std::string_view value) { return text("organization", quoted(value)); }
    /** Project id, sent as OpenAI-Project. */
    Options &project(std::string_view value) { return text("project", quoted(value)); }
    /** Headers for every request: lines of Name: value; in JSON also an object. */
    Options &custom_headers(std::string_view value) { return text("custom_headers", quoted(value)); }
    /** Query parameters for every request: a=b&c=d or a JSON object. */
    Options &default_query(std::string_view value) { return text("default_query", quoted(value)); }
    /** Most requests in flight at once; a stream counts until its end. Default 5. */
    Options &max_concurrent_requests(std::uint32_t value)
    {
        return text("max_concurrent_requests", std::to_string(value));
    }
    /** Most requests that wait; one more is refused. Requests in backoff count. Default 100. */
    Options &queue_size(std::uint32_t value) { return text("queue_size", std::to_string(value)); }
    /**
     * When queue_size requests wait: reject, or wait, which makes blocking calls wait for a place. Default
     * reject.
     */
    Options &queue_full(std::string_view value) { return text("queue_full", quoted(value)); }
    /** Most attempts after the first. 0: none. Default 5. */
    Options &max_retries(std::uint32_t value) { return text("max_retries", std::to_string(value)); }
    /** Backoff before the first retry. Default 1000 ms. */
    Options &initial_retry_delay_ms(milliseconds value)
    {
        return text("initial_retry_delay_ms", std::to_string(value.count()));
    }
    /** Each further backoff is the one before times this. Default 2. */
    Options &backoff_factor(double value) { return text("backoff_factor", number(value)); }
    /** Longest backoff of the library's own. Default 16000 ms. */
    Options &max_retry_delay_ms(milliseconds value)
    {
        return text("max_retry_delay_ms", std::to_string(value.count()));
    }
    /** Share of a backoff that chance may take off. 0: exact delays. Default 0.25. */
    Options &retry_jitter(double value) { return text("retry_jitter", number(value)); }
    /** Longest wait a server may ask for; a longer one ends the request with the error. Default 120000 ms. */
    Options &max_retry_after_ms(milliseconds value)
    {
        return text("max_retry_after_ms", std::to_string(value.count()));
    }
    /** Send requests again that the server may already have carried out, and billed. Default off. */
    Options &retry_unsafe(bool value) { return text("retry_unsafe", value ? "true" : "false"); }
    /** Failures in a row of one server and model after which requests to them wait. 0: off. Default 0. */
    Options &circuit_breaker_failures(std::uint32_t value)
    {
        return text("circuit_breaker_failures", std::to_string(value));
    }
    /** How long an open circuit breaker holds requests before it lets one probe. Default 30000 ms. */
    Options &circuit_breaker_reset_ms(milliseconds value)
    {
        return text("circuit_breaker_reset_ms", std::to_string(value.count()));
    }
    /**
     * Limit of one attempt; of a stream: to its first event. 0: none. Until it is set, 60000 for
     * embeddings and moderations. Default 600000 ms.
     */
    Options &attempt_timeout_ms(milliseconds value)
    {
        return text("attempt_timeout_ms", std::to_string(value.count()));
    }
    /** Limit of a request with queue and retries. 0: none. Default 0. */
    Options &timeout_ms(milliseconds value) { return text("timeout_ms", std::to_string(value.count())); }
    /** Limit of connecting, TLS included. 0: none. Default 10000 ms. */
    Options &connect_timeout_ms(milliseconds value)
    {
        return text("connect_timeout_ms", std::to_string(value.count()));
    }
    /** Longest silence of the server inside a stream. 0: no limit. Default 300000 ms. */
    Options &idle_timeout_ms(milliseconds value) { return text("idle_timeout_ms", std::to_string(value.count())); }
    /** Wait that is worth one priority. 0: priorities do not count. Default 30000 ms. */
    Options &ageing_ms(milliseconds value) { return text("ageing_ms", std::to_string(value.count())); }
    /**
     * Most requests a minute, for each model that limits does not name. 0: what the answers tell. Default
     * 0.
     */
    Options &requests_per_minute(std::uint64_t value) { return text("requests_per_minute", std::to_string(value)); }
    /** Most tokens a minute, for each model that limits does not name. 0: what the answers tell. Default 0. */
    Options &tokens_per_minute(std::uint64_t value) { return text("tokens_per_minute", std::to_string(value)); }
    /**
     * Most requests at once after a time of rest, when requests_per_minute is set. 0: as many as a minute
     * allows. Default 0.
     */
    Options &burst(std::uint64_t value) { return text("burst", std::to_string(value)); }
    /**
     * Limits by model, in place of the general ones: a JSON object of objects with requests_per_minute,
     * tokens_per_minute and burst, each optional.
     */
    Options &limits(std::string_view json) { return text("limits", json); }
    /** Models that share their limits: a JSON object from model to group. */
    Options &limit_groups(std::string_view json) { return text("limit_groups", json); }
    /** Learn the limits from the answers; limits that are set still hold. Default on. */
    Options &learn_limits(bool value) { return text("learn_limits", value ? "true" : "false"); }
    /** Longest response body in bytes, after decompression. Default 1073741824. */
    Options &max_response_bytes(std::uint64_t value) { return text("max_response_bytes", std::to_string(value)); }
    /** Most redirects followed in one attempt. 0: none. Default 5. */
    Options &max_redirects(std::uint32_t value) { return text("max_redirects", std::to_string(value)); }
    /** Events of a stream that wait for their reader before the socket is no longer read. Default 64. */
    Options &stream_buffer_events(std::uint32_t value) { return text("stream_buffer_events", std::to_string(value)); }
    /**
     * Proxy for all requests: http://, https:// or socks5:// URL. Unset: https_proxy and http_proxy
     * decide. Empty: no proxy.
     */
    Options &proxy(std::string_view value) { return text("proxy", quoted(value)); }
    /** Proxy for https:// URLs when proxy is unset. Empty: none. */
    Options &https_proxy(std::string_view value) { return text("https_proxy", quoted(value)); }
    /** Proxy for http:// URLs when proxy is unset. Empty: none. HTTP_PROXY is ignored in a CGI program. */
    Options &http_proxy(std::string_view value) { return text("http_proxy", quoted(value)); }
    /** Hosts reached without a proxy, separated by commas. */
    Options &no_proxy(std::string_view value) { return text("no_proxy", quoted(value)); }
    /** File with CA certificates (PEM) to trust, in place of the roots unless tls_roots is set. */
    Options &ca_file(std::string_view value) { return text("ca_file", quoted(value)); }
    /** CA certificates to trust as PEM text, in place of the roots unless tls_roots is set. */
    Options &ca_pem(std::string_view value) { return text("ca_pem", quoted(value)); }
    /**
     * CA roots to trust: auto (ca_file and ca_pem if given, else the system's, else bundled ones), system,
     * bundled or both; those three in addition to ca_file and ca_pem. Default auto.
     */
    Options &tls_roots(std::string_view value) { return text("tls_roots", quoted(value)); }
    /** HTTP version: auto, 1.1 or 2. Default 1.1. */
    Options &http_version(std::string_view value) { return text("http_version", quoted(value)); }
    /** How long an unused connection is kept. 0: not at all. Default 50000 ms. */
    Options &pool_idle_ms(milliseconds value) { return text("pool_idle_ms", std::to_string(value.count())); }
    /** Thread that calls back: dispatcher, or worker for callbacks that never block. Default dispatcher. */
    Options &callback_thread(std::string_view value) { return text("callback_thread", quoted(value)); }
    /**
     * The .env file to read, or false for none. Unset: the nearest .env in the working directory or its
     * parents.
     */
    Options &dotenv(std::string_view value) { return text("dotenv", quoted(value)); }
    /**
     * URL of an Azure OpenAI resource, such as https://NAME.openai.azure.com, in place of base_url, unless
     * that has a higher source or the program itself sets an api_key.
     */
    Options &azure_endpoint(std::string_view value) { return text("azure_endpoint", quoted(value)); }
    /**
     * api-version for Azure. A date such as 2024-10-21 means paths with deployments; none, v1 or preview
     * mean its /openai/v1, where a date is not sent.
     */
    Options &azure_api_version(std::string_view value) { return text("azure_api_version", quoted(value)); }
    /** Key for Azure, sent as api-key to azure_endpoint and nowhere else; api_key is never sent there. */
    Options &azure_api_key(std::string_view value) { return text("azure_api_key", quoted(value)); }
    /** Microsoft Entra token for Azure, sent as a bearer token in place of azure_api_key. */
    Options &azure_ad_token(std::string_view value) { return text("azure_ad_token", quoted(value)); }
    /**
     * Where else requests may be served, in the order of preference: a JSON array of objects with
     * base_url, api_key, organization, project and model, each optional.
     */
    Options &fallbacks(std::string_view json) { return text("fallbacks", json); }
    /** Wait that a request is not served elsewhere for, if there are fallbacks. Default 2000 ms. */
    Options &fallback_after_ms(milliseconds value) { return text("fallback_after_ms", std::to_string(value.count())); }
    /** Reads no .env file. */
    Options &no_dotenv() { return text("dotenv", "false"); }
    /** Any option by its name; the value is JSON. */
    Options &set(std::string_view name, std::string_view json) { return text(name, json); }

    /** The JSON object of all that was set. */
    std::string json() const { return "{" + members_ + "}"; }

private:
    // In one object the last member of a name counts.
    Options &text(std::string_view name, std::string_view json)
    {
        if (!members_.empty())
            members_ += ',';
        members_ += quoted(name);
        members_ += ':';
        members_ += json;
        return *this;
    }

    static std::string number(double value)
    {
        char digits[32];
        std::snprintf(digits, sizeof digits, "%.17g", value);
        // A locale may have put a comma.
        for (char *digit = digits; *digit != '\0'; digit++)
            if (*digit == ',')
                *digit = '.';
        return digits;
    }

    static std::string quoted(std::string_view text)
    {
        std::string json = "\"";
        for (const char byte : text) {
            if (byte == '"' || byte == '\\')
                json += '\\';
            if (static_cast<unsigned char>(byte) >= 0x20) {
                json += byte;
                continue;
            }
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
            json += escape;
        }
        return json + '"';
    }

    std::string members_;
};

} // namespace oai

#endif
