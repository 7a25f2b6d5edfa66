//! The retry table, row by row.

use super::*;
use crate::scheduler::policy::tests::policy;
use crate::status;

const FRESH: History = History {
    retries: 0,
    scope_moved: false,
    may_repeat: true,
};

fn exact() -> Policy {
    Policy {
        retry_jitter: 0.0,
        ..policy()
    }
}

fn answer(http_status: u16, code: Option<&str>, should_retry: Option<bool>) -> Trouble {
    Trouble::Answer {
        http_status,
        codes: [code.map(str::to_owned), None],
        message: "text".into(),
        should_retry,
        requested: None,
    }
}

fn asking(requested: Duration) -> Trouble {
    Trouble::Answer {
        http_status: 429,
        codes: [None, None],
        message: String::new(),
        should_retry: None,
        requested: Some(requested),
    }
}

fn retries(trouble: &Trouble, history: History) -> bool {
    matches!(
        decide(&exact(), trouble, history, 0.0),
        Decision::Retry { .. }
    )
}

#[test]
fn which_answers_are_retried() {
    for (http_status, code, should_retry, expected) in [
        (400, None, None, false),
        (401, None, None, false),
        (403, None, None, false),
        (404, None, None, false),
        (408, None, None, true),
        (409, None, None, true),
        (413, None, None, false),
        (422, None, None, false),
        (429, None, None, true),
        (429, Some("rate_limit_exceeded"), None, true),
        (429, Some("insufficient_quota"), None, false),
        (429, Some("insufficient_quota"), Some(true), false),
        (429, Some("billing_not_active"), None, false),
        (429, Some("billing_hard_limit_reached"), None, false),
        (429, None, Some(false), false),
        (500, None, None, true),
        (500, None, Some(false), false),
        (500, Some("insufficient_quota"), None, false),
        (501, None, None, true),
        (502, None, None, true),
        (503, None, None, true),
        (504, None, None, true),
        (529, None, None, true),
        (400, None, Some(true), false),
        (302, None, None, false),
    ] {
        let got = retries(&answer(http_status, code, should_retry), FRESH);
        assert_eq!(got, expected, "{http_status} {code:?} {should_retry:?}");
    }
}

#[test]
fn a_request_that_can_never_pass_is_not_retried() {
    let mut trouble = answer(429, Some("rate_limit_exceeded"), None);
    if let Trouble::Answer { message, .. } = &mut trouble {
        *message = "Request too large for gpt-x: Limit 30000, Requested 40000.".into();
    }
    assert_eq!(
        decide(&exact(), &trouble, FRESH, 0.0),
        Decision::GiveUp(Why::Pointless)
    );
}

#[test]
fn no_answer_is_retried_only_where_a_second_execution_does_no_harm() {
    use FailureKind::*;
    let careful = History {
        may_repeat: false,
        ..FRESH
    };
    for (kind, sent, history, expected) in [
        (Connect, false, FRESH, true),
        (Connect, false, careful, true),
        (Lost, true, FRESH, true),
        (Lost, true, careful, false),
        (Lost, false, careful, true),
        (Timeout, true, FRESH, true),
        (Timeout, true, careful, false),
        (Protocol, true, FRESH, true),
        (Certificate, false, FRESH, false),
        (TooLarge, true, FRESH, false),
        (Redirect, true, FRESH, false),
        (Unsendable(status::NO_API_KEY), false, FRESH, false),
    ] {
        let got = retries(&Trouble::NoAnswer { kind, sent }, history);
        assert_eq!(got, expected, "{kind:?} sent={sent} {history:?}");
    }
    let bold = Policy {
        retry_unsafe: true,
        ..exact()
    };
    let lost = Trouble::NoAnswer {
        kind: Lost,
        sent: true,
    };
    assert!(matches!(
        decide(&bold, &lost, careful, 0.0),
        Decision::Retry { .. }
    ));
    assert_eq!(
        decide(&exact(), &lost, careful, 0.0),
        Decision::GiveUp(Why::NotRepeatable)
    );
}

#[test]
fn delays_grow_with_each_retry_that_counted_and_end_at_max_retries() {
    for (retries, seconds) in [(0, 1), (1, 2), (2, 4), (3, 8), (4, 16)] {
        let history = History { retries, ..FRESH };
        let Decision::Retry { delay, counts, .. } =
            decide(&exact(), &answer(500, None, None), history, 0.9)
        else {
            panic!("retry {retries} was not made")
        };
        assert_eq!((delay, counts), (Duration::from_secs(seconds), true));
    }
    let spent = History {
        retries: 5,
        ..FRESH
    };
    assert_eq!(
        decide(&exact(), &answer(500, None, None), spent, 0.0),
        Decision::GiveUp(Why::Exhausted)
    );
}

#[test]
fn a_429_is_free_while_others_of_its_scope_succeed_unless_retries_are_off() {
    let spent = History {
        retries: 5,
        scope_moved: true,
        may_repeat: true,
    };
    assert!(matches!(
        decide(&exact(), &answer(429, None, None), spent, 0.0),
        Decision::Retry { counts: false, .. }
    ));
    assert!(!retries(&answer(500, None, None), spent));
    let off = Policy {
        max_retries: 0,
        ..exact()
    };
    assert_eq!(
        decide(&off, &answer(429, None, None), spent, 0.0),
        Decision::GiveUp(Why::Exhausted)
    );
}

#[test]
fn what_the_server_asks_is_obeyed_to_a_bound() {
    let two = Duration::from_secs(2);
    let Decision::Retry { delay, .. } = decide(&exact(), &asking(two), FRESH, 1.0) else {
        panic!()
    };
    assert_eq!(delay, two);
    let Decision::Retry { delay, .. } = decide(&policy(), &asking(two), FRESH, 1.0) else {
        panic!()
    };
    assert_eq!(delay, Duration::from_millis(2100));
    let minute = Duration::from_secs(60);
    let Decision::Retry { delay, .. } = decide(&policy(), &asking(minute), FRESH, 1.0) else {
        panic!()
    };
    assert_eq!(delay, Duration::from_secs(61));
    let long = Duration::from_secs(121);
    assert_eq!(
        decide(&policy(), &asking(long), FRESH, 0.0),
        Decision::GiveUp(Why::TooLong(long))
    );
}

#[test]
fn what_may_be_repeated() {
    for (method, path, store, expected) in [
        (Method::GET, "/files", None, true),
        (Method::DELETE, "/files/f", None, false),
        (Method::POST, "/embeddings", None, true),
        (Method::POST, "/embeddings/", None, true),
        (Method::POST, "/moderations", None, true),
        (Method::POST, "/completions", None, true),
        (Method::POST, "/chat/completions", None, true),
        (Method::POST, "/chat/completions", Some(true), false),
        (Method::POST, "/responses", None, false),
        (Method::POST, "/responses", Some(true), false),
        (Method::POST, "/responses", Some(false), true),
        (Method::POST, "/files", None, false),
        (Method::POST, "/fine_tuning/jobs", None, false),
        (Method::PUT, "/embeddings", None, false),
    ] {
        assert_eq!(
            may_repeat(&method, path, store),
            expected,
            "{method} {path} {store:?}"
        );
    }
}

#[test]
fn the_words_of_a_429_name_what_there_was_too_much_of() {
    let azure = |kind: &str| {
        format!(
            "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-02-15-preview have \
             exceeded {kind} rate limit of your current OpenAI S0 pricing tier. Please retry after 33 seconds."
        )
    };
    for (message, dimension) in [
        (azure("call"), Some(Dimension::Requests)),
        (azure("token"), Some(Dimension::Tokens)),
        (
            "Rate limit reached for gpt-4o on requests per min (RPM): Limit 3".into(),
            Some(Dimension::Requests),
        ),
        (
            "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000".into(),
            Some(Dimension::Tokens),
        ),
        ("Too many requests".into(), None),
    ] {
        let trouble = Trouble::Answer {
            http_status: 429,
            codes: [Some("429".into()), None],
            message,
            should_retry: None,
            requested: None,
        };
        assert_eq!(
            pauses(&trouble),
            Some(Pauses::RateLimit(dimension)),
            "{trouble:?}"
        );
    }
}
