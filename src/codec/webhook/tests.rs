//! Signatures here were made by another implementation (Python's hmac), the first after the specification's example.

use proptest::prelude::*;

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const SENT: u64 = 1_614_265_330;

const WEBHOOK: Webhook = Webhook {
    id: Some("msg_p5jXN8AQM9LWM0D4loKWxJek"),
    timestamp: Some("1614265330"),
    signature: Some(SIGNATURE),
    body: br#"{"test": 2432232314}"#,
};

fn at(seconds: u64, webhook: &Webhook) -> Result<()> {
    verify(SECRET, webhook, TOLERANCE, Duration::from_secs(seconds))
}

#[test]
fn signatures_of_another_implementation_fit() {
    for (secret, id, body, signature) in [
        (SECRET, WEBHOOK.id.unwrap(), WEBHOOK.body, SIGNATURE),
        (
            "plain-secret",
            "wh_1",
            b"",
            "v1,yZgEFIlZZgujCq2+yjVjZrf0RVIJH/+hiq8G4J+2h6E=",
        ),
        (
            "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            "wh_2",
            "{\"a\":\"é\"}\n".as_bytes(),
            "v1,SP1N8y+j4ETaED+rywU4Gq/eiK1RahVE1w/+vvXFc9c=",
        ),
        (
            "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
            "wh_2",
            b"\xff\x00\n",
            "v1,O/l8wFu+/E3u6Shq1DqWtBEahanKlK+9+YgEmOyN/6s=",
        ),
    ] {
        let webhook = Webhook {
            id: Some(id),
            signature: Some(signature),
            body,
            ..WEBHOOK
        };
        assert_eq!(
            verify(secret, &webhook, TOLERANCE, Duration::from_secs(SENT)),
            Ok(()),
            "{id}"
        );
    }
}

#[test]
fn one_of_several_signatures_is_enough() {
    let other = "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=";
    for signature in [
        format!("{SIGNATURE} {other}"),
        format!("{other} {SIGNATURE}"),
        format!("v1a,abc  v2,x junk {SIGNATURE}"),
    ] {
        let webhook = Webhook {
            signature: Some(&signature),
            ..WEBHOOK
        };
        assert_eq!(at(SENT, &webhook), Ok(()), "{signature}");
    }
}

#[test]
fn the_time_may_be_off_by_the_tolerance_and_no_more() {
    for (now, fine) in [
        (SENT - 300, true),
        (SENT - 301, false),
        (SENT + 300, true),
        (SENT + 301, false),
    ] {
        assert_eq!(at(now, &WEBHOOK).is_ok(), fine, "{now}");
    }
    let wide = Duration::from_millis(u64::MAX);
    for now in [Duration::ZERO, Duration::from_secs(SENT * 2)] {
        assert_eq!(verify(SECRET, &WEBHOOK, wide, now), Ok(()), "{now:?}");
    }
}

#[test]
fn each_refusal_says_what_is_wrong_and_not_the_secret() {
    let flipped = SIGNATURE.replace("v1,g", "v1,h");
    let bare = &SIGNATURE[3..];
    let short = "v1,g0hM9SsE";
    for (webhook, now, says) in [
        (
            Webhook {
                id: None,
                ..WEBHOOK
            },
            SENT,
            "webhook-id is missing",
        ),
        (
            Webhook {
                id: Some(""),
                ..WEBHOOK
            },
            SENT,
            "webhook-id is missing",
        ),
        (
            Webhook {
                timestamp: None,
                ..WEBHOOK
            },
            SENT,
            "webhook-timestamp is missing",
        ),
        (
            Webhook {
                signature: None,
                ..WEBHOOK
            },
            SENT,
            "webhook-signature is missing",
        ),
        (
            Webhook {
                timestamp: Some("soon"),
                ..WEBHOOK
            },
            SENT,
            "not a number",
        ),
        (
            Webhook {
                timestamp: Some("+1614265330"),
                ..WEBHOOK
            },
            SENT,
            "not a number",
        ),
        (
            Webhook {
                timestamp: Some("1614265330.5"),
                ..WEBHOOK
            },
            SENT,
            "not a number",
        ),
        (
            Webhook {
                timestamp: Some("99999999999999999999"),
                ..WEBHOOK
            },
            SENT,
            "not a number",
        ),
        (WEBHOOK, SENT + 400, "400 s old, and 300 s are allowed"),
        (WEBHOOK, SENT - 400, "400 s ahead"),
        (
            Webhook {
                signature: Some(&flipped),
                ..WEBHOOK
            },
            SENT,
            "no signature",
        ),
        (
            Webhook {
                signature: Some(bare),
                ..WEBHOOK
            },
            SENT,
            "no signature",
        ),
        (
            Webhook {
                signature: Some(short),
                ..WEBHOOK
            },
            SENT,
            "no signature",
        ),
        (
            Webhook {
                signature: Some("v1, "),
                ..WEBHOOK
            },
            SENT,
            "no signature",
        ),
        (
            Webhook {
                body: br#"{"test": 2432232315}"#,
                ..WEBHOOK
            },
            SENT,
            "no signature",
        ),
        (
            Webhook {
                id: Some("msg_other"),
                ..WEBHOOK
            },
            SENT,
            "no signature",
        ),
        (
            Webhook {
                timestamp: Some("1614265331"),
                ..WEBHOOK
            },
            SENT,
            "no signature",
        ),
    ] {
        let error = at(now, &webhook).unwrap_err();
        assert_eq!(error.status, status::WEBHOOK, "{says}");
        assert!(error.message.contains(says), "{} for {says}", error.message);
        assert!(!error.message.contains(&SECRET[6..]), "{}", error.message);
        assert!(
            !error.message.contains(&SIGNATURE[3..]),
            "{}",
            error.message
        );
    }
}

#[test]
fn a_secret_that_is_none_is_an_error_of_the_configuration() {
    for (secret, says) in [
        ("", "is empty"),
        ("whsec_", "is empty"),
        ("whsec_not*base64", "not base64"),
    ] {
        let error = verify(secret, &WEBHOOK, TOLERANCE, Duration::from_secs(SENT)).unwrap_err();
        assert_eq!(error.status, status::CONFIG);
        assert!(error.message.contains(says), "{}", error.message);
        assert!(!error.message.contains("not*base64"), "{}", error.message);
    }
}

proptest! {
    #[test]
    fn nothing_but_the_right_signature_fits(signature in "(v1,)?[A-Za-z0-9+/ ,]{0,90}={0,2}", body: Vec<u8>) {
        let webhook = Webhook { signature: Some(&signature), body: &body, ..WEBHOOK };
        prop_assert!(at(SENT, &webhook).is_err());
    }
}
