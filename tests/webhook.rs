//! Webhooks through the exported functions: where the secret comes from, what is refused, and what C may pass.

mod border;

use std::ffi::c_char;
use std::ptr;
use std::time::{SystemTime, UNIX_EPOCH};

use border::{Client, STRLEN, c, ok, outcome, text};
use oaic::ffi::client::oai_client_config_json;
use oaic::ffi::response::oai_string_free;
use oaic::ffi::set::oai_set_webhook_secret;
use oaic::ffi::status::{
    OAI_ERR_CONFIG, OAI_ERR_INVALID_ARGUMENT, OAI_ERR_WEBHOOK, OAI_OK, oai_status,
};
use oaic::ffi::webhook::{oai_webhook_verify, oai_webhook_verify_secret};
use serde_json::json;

/// Made by another implementation (Python's hmac).
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY: &str = r#"{"test": 2432232314}"#;
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const SENT: &str = "1614265330";

/// `tolerance_ms` that reaches back to 1970, since a client's clock cannot be set.
const ANY_AGE: u64 = u64::MAX;

fn verify(client: &Client, body: &str, tolerance_ms: u64) -> (oai_status, String) {
    let (body, id, sent, signature) = (c(body), c(ID), c(SENT), c(SIGNATURE));
    // SAFETY: all pointers live as long as the call.
    outcome(|error| unsafe {
        oai_webhook_verify(
            client.0,
            body.as_ptr(),
            STRLEN,
            id.as_ptr(),
            sent.as_ptr(),
            signature.as_ptr(),
            tolerance_ms,
            error,
        )
    })
}

fn verify_at(secret: *const c_char, timestamp: *const c_char, now_ms: u64) -> (oai_status, String) {
    let (id, signature) = (c(ID), c(SIGNATURE));
    // SAFETY: all pointers are NULL or live as long as the call.
    outcome(|error| unsafe {
        oai_webhook_verify_secret(
            secret,
            BODY.as_ptr().cast(),
            BODY.len(),
            id.as_ptr(),
            timestamp,
            signature.as_ptr(),
            0,
            now_ms,
            error,
        )
    })
}

#[test]
fn the_clients_secret_may_come_from_json_or_its_setter_and_change() {
    let client = Client::new("http://localhost:1", json!({"webhook_secret": SECRET}));
    assert_eq!(verify(&client, BODY, ANY_AGE), (OAI_OK, String::new()));
    assert_eq!(verify(&client, "{}", ANY_AGE).0, OAI_ERR_WEBHOOK);
    let (status, message) = verify(&client, BODY, 0);
    assert_eq!(status, OAI_ERR_WEBHOOK);
    assert!(
        message.contains("s old, and 300 s are allowed"),
        "{message}"
    );

    let (other, first) = (c("whsec_AAAA"), c(SECRET));
    // SAFETY: the texts live as long as the calls.
    unsafe {
        assert_eq!(oai_set_webhook_secret(client.0, other.as_ptr()), OAI_OK);
        assert_eq!(verify(&client, BODY, ANY_AGE).0, OAI_ERR_WEBHOOK);
        let refused = oai_set_webhook_secret(client.0, c("whsec_?").as_ptr());
        assert_eq!(refused, OAI_ERR_CONFIG);
        assert_eq!(oai_set_webhook_secret(client.0, first.as_ptr()), OAI_OK);
        assert_eq!(verify(&client, BODY, ANY_AGE).0, OAI_OK);
        assert_eq!(oai_set_webhook_secret(client.0, ptr::null()), OAI_OK);
    }
    let (status, message) = verify(&client, BODY, ANY_AGE);
    assert_eq!(status, OAI_ERR_CONFIG);
    assert!(message.contains("OPENAI_WEBHOOK_SECRET"), "{message}");
}

#[test]
fn the_secret_is_masked_in_the_configuration() {
    let client = Client::new("http://localhost:1", json!({"webhook_secret": SECRET}));
    let mut shown = ptr::null_mut();
    // SAFETY: all pointers live as long as the call.
    ok(|error| unsafe { oai_client_config_json(client.0, &mut shown, ptr::null_mut(), error) });
    // SAFETY: the call gave us the text.
    let shown = unsafe {
        let copy = text(shown);
        oai_string_free(shown);
        copy
    };
    assert!(shown.contains("webhook_secret"), "{shown}");
    assert!(!shown.contains(&SECRET[6..20]), "{shown}");
}

#[test]
fn a_secret_and_a_time_may_be_given() {
    let (secret, sent) = (c(SECRET), c(SENT));
    let sent_ms: u64 = SENT.parse::<u64>().unwrap() * 1000;
    for (now_ms, expected) in [
        (sent_ms, OAI_OK),
        (sent_ms + 300_000, OAI_OK),
        (sent_ms + 300_001, OAI_ERR_WEBHOOK),
        (sent_ms - 300_001, OAI_ERR_WEBHOOK),
    ] {
        let (status, _) = verify_at(secret.as_ptr(), sent.as_ptr(), now_ms);
        assert_eq!(status, expected, "{now_ms}");
    }
    let (status, message) = verify_at(secret.as_ptr(), ptr::null(), sent_ms);
    assert_eq!(status, OAI_ERR_WEBHOOK);
    assert!(message.contains("webhook-timestamp"), "{message}");
    let (status, message) = verify_at(ptr::null(), sent.as_ptr(), sent_ms);
    assert_eq!(status, OAI_ERR_INVALID_ARGUMENT);
    assert!(message.contains("secret must not be NULL"), "{message}");
}

#[test]
fn time_0_is_now() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let (secret, timestamp) = (c(SECRET), c(&now.as_secs().to_string()));
    let (_, message) = verify_at(secret.as_ptr(), timestamp.as_ptr(), 0);
    assert!(message.contains("no signature"), "the time fits: {message}");
}
