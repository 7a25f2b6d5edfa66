//! Azure OpenAI: what of a client stays with it, its 429s and its rate-limit headers as they were seen in the wild.

mod support;

use std::sync::Mutex;
use std::time::{Duration, Instant};

use oaic::ffi::status::{OAI_ERR_HTTP_AUTHENTICATION, OAI_ERR_NO_API_KEY, OAI_ERR_RATE_LIMITED};
use serde_json::{Value, json};
use support::loopback::{Scripted, embedding};
use support::{Client, Request};
use test_server::{Config, Rule, TestServer};

/// A client of an Azure endpoint on this server.
fn client(server: &str, options: Value) -> Client {
    let mut all = json!({
        "azure_endpoint": server.trim_end_matches("/v1"),
        "azure_api_version": "2024-10-21",
        "azure_api_key": "azure-key",
        "learn_limits": false,
    });
    let known = all.as_object_mut().expect("an object");
    known.extend(options.as_object().expect("an object").clone());
    Client::new("http://127.0.0.1:9/v1", all)
}

#[test]
fn the_key_stays_with_its_origin() {
    let elsewhere = TestServer::start(Config::default());
    let server = TestServer::start(Config::default());
    for (option, header) in [
        ("azure_api_key", "api-key"),
        ("azure_ad_token", "authorization"),
    ] {
        let location = format!("{}/embeddings", elsewhere.url());
        server.script(Rule::status(307).header("location", &location));
        client(&server.url(), json!({option: "SECRET"}))
            .embed("a")
            .ok();
        let (sent, arrived) = (server.log(), elsewhere.log());
        let (sent, arrived) = (sent.last().unwrap(), arrived.last().unwrap());
        assert!(
            sent.header(header)
                .is_some_and(|value| value.ends_with("SECRET"))
        );
        for name in ["api-key", "authorization"] {
            assert_eq!(arrived.header(name), None, "{name}");
        }
    }
}

#[test]
fn no_error_repeats_the_key() {
    let server = TestServer::start(Config::default());
    let body = json!({"error": {"code": "401", "message": "Access denied for azure-key: invalid subscription key."}});
    server.script(Rule::status(401).body(body));
    let failed = client(&server.url(), json!({})).embed("a");
    let failed = failed.failed(OAI_ERR_HTTP_AUTHENTICATION);
    assert!(
        failed.message.contains("denied for ***"),
        "{}",
        failed.message
    );
    assert_eq!(failed.attempts, 1);
}

#[test]
fn without_a_key_nothing_goes_out_to_azure_itself() {
    // Nobody is contacted: the request ends before that.
    let config = json!({
        "dotenv": false, "api_key": "openai-key", "azure_endpoint": "https://name.openai.azure.com",
    });
    let failed = Client::try_new(&config).unwrap().embed("a");
    let failed = failed.failed(OAI_ERR_NO_API_KEY);
    assert!(
        failed.message.contains("AZURE_OPENAI_API_KEY"),
        "{}",
        failed.message
    );
    assert!(
        failed.message.contains("name.openai.azure.com"),
        "{}",
        failed.message
    );
}

fn refusal(message: &str, headers: &str) -> Vec<u8> {
    let body = json!({"error": {"code": "429", "message": message}}).to_string();
    format!(
        "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[test]
fn the_delay_in_the_text_of_a_429_is_obeyed() {
    for (kind, headers) in [
        // Without a header, as seen with some versions; and with both, where the text is rounded up.
        ("call", ""),
        (
            "token",
            "retry-after: 1\r\nretry-after-ms: 600\r\nx-ratelimit-reset-requests: 1\r\n",
        ),
    ] {
        let message = format!(
            "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-02-15-preview have \
             exceeded {kind} rate limit of your current OpenAI S0 pricing tier. Please retry after 1 second. Please go \
             here: https://aka.ms/oai/quotaincrease if you would like to further increase the default rate limit."
        );
        let times: &'static Mutex<Vec<Instant>> = Box::leak(Box::default());
        let first = refusal(&message, headers);
        let server = Scripted::start(move |_, number| {
            times.lock().unwrap().push(Instant::now());
            match number {
                0 => first.clone(),
                _ => embedding().into_bytes(),
            }
        });
        let options = json!({"retry_jitter": 0});
        assert_eq!(client(&server.url(), options).embed("a").ok().attempts, 2);
        let times = times.lock().unwrap();
        let waited = times[1] - times[0];
        let asked = if headers.is_empty() { 1000 } else { 600 };
        assert!(waited >= Duration::from_millis(asked), "{kind}: {waited:?}");
    }
}

#[test]
fn a_day_is_too_long_to_wait_and_the_error_says_so() {
    let server = Scripted::start(|_, _| {
        refusal(
            "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-05-01-preview have \
             exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 86400 seconds.",
            "retry-after: 86400\r\n",
        )
    });
    let failed = client(&server.url(), json!({})).embed("a");
    let failed = failed.failed(OAI_ERR_RATE_LIMITED);
    assert_eq!(failed.attempts, 1);
    assert!(
        failed.message.contains("wait 86400 s"),
        "{}",
        failed.message
    );
}

/// Embeds with a model, that is a deployment, and gives how long it took.
fn embed_with(client: &Client, model: &str) -> Duration {
    let began = Instant::now();
    let body = json!({"model": model, "input": "a"});
    client
        .send(&Request::new("POST", "/embeddings").json(&body))
        .ok();
    began.elapsed()
}

#[test]
fn each_deployment_has_its_own_limits() {
    let server = TestServer::start(Config::default());
    let limits = json!({"requests_per_minute": 60, "burst": 1});
    let client = client(&server.url(), limits);
    embed_with(&client, "gpt-4o");
    // On OpenAI this would be the same model.
    let other = embed_with(&client, "gpt-4o-2024-08-06");
    let again = embed_with(&client, "gpt-4o");
    assert!(again > Duration::from_millis(600), "{again:?}");
    assert!(other < again, "{other:?} {again:?}");
}

#[test]
fn azures_headers_teach_its_ten_seconds() {
    let headers = "x-ratelimit-limit-requests: 20\r\nx-ratelimit-remaining-requests: 0\r\n\
                   x-ratelimit-renewalperiod-requests: 10\r\n\
                   x-ratelimit-limit-tokens: -1\r\nx-ratelimit-remaining-tokens: -1\r\nx-ratelimit-reset-tokens: 0\r\n";
    let server = Scripted::start(move |_, _| {
        embedding()
            .replacen("\r\n", &format!("\r\n{headers}"), 1)
            .into_bytes()
    });
    let client = client(&server.url(), json!({"learn_limits": true}));
    embed_with(&client, "d");
    // Twenty in ten seconds are one each half second, and there is none left.
    let next = embed_with(&client, "d");
    // A minute's window, or one refilled at its end, would be longer.
    let range = Duration::from_millis(400)..Duration::from_millis(2900);
    assert!(range.contains(&next), "{next:?}");
}
