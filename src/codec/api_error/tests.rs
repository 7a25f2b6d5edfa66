//! The shapes in which servers say what went wrong, one line each, and bodies that try to break the reader.

use proptest::prelude::*;

use super::*;

/// Reads `body` as (message, kind, code, param), with "" for what is not there.
fn read(body: &str) -> [String; 4] {
    let error = parse(body.as_bytes());
    [
        error.message,
        error.kind.unwrap_or_default(),
        error.code.unwrap_or_default(),
        error.param.unwrap_or_default(),
    ]
}

#[test]
fn each_known_shape_is_read_into_fields() {
    let cases = [
        (
            r#"{"error":{"message":"No such model","type":"invalid_request_error","param":"model","code":"model_not_found"}}"#,
            [
                "No such model",
                "invalid_request_error",
                "model_not_found",
                "model",
            ],
        ),
        (
            r#"{"error":{"message":"m","type":"t","param":null,"code":null}}"#,
            ["m", "t", "", ""],
        ),
        (
            r#"{"error":{"message":"m","code":429}}"#,
            ["m", "", "429", ""],
        ),
        (r#"{"error":{"message":"m","code":""}}"#, ["m", "", "", ""]),
        // vLLM before it nested its errors, and the Responses API's error event.
        (
            r#"{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}"#,
            ["too long", "BadRequestError", "400", ""],
        ),
        (
            r#"{"type":"error","code":"server_error","message":"m","param":null,"sequence_number":3}"#,
            ["m", "", "server_error", ""],
        ),
        (
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            ["Overloaded", "overloaded_error", "", ""],
        ),
        // FastAPI.
        (r#"{"detail":"Not Found"}"#, ["Not Found", "", "", ""]),
        (
            r#"{"detail":[{"loc":["body","input",0],"msg":"field required","type":"missing"},{"loc":["body"],"msg":"no"}]}"#,
            [
                "body.input.0: field required; body: no",
                "missing",
                "",
                "body.input.0",
            ],
        ),
        (r#"{"detail":{"message":"m","code":7}}"#, ["m", "", "7", ""]),
        (
            r#"{"detail":{"error":{"message":"deep","type":"t"}}}"#,
            ["deep", "t", "", ""],
        ),
        // Ollama, text-embeddings-inference, Azure, Google, Cloudflare.
        (
            r#"{"error":"model is required"}"#,
            ["model is required", "", "", ""],
        ),
        (
            r#"{"error":"Input validation error","error_type":"Validation"}"#,
            ["Input validation error", "Validation", "", ""],
        ),
        (
            r#"{"statusCode":401,"message":"Unauthorized"}"#,
            ["Unauthorized", "", "", ""],
        ),
        (
            r#"[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]"#,
            ["m", "INVALID_ARGUMENT", "400", ""],
        ),
        (
            r#"{"success":false,"errors":[{"code":7003,"message":"a"},{"code":1,"message":"b"}]}"#,
            ["a; b", "", "7003", ""],
        ),
        (r#"{"errors":["a","b"]}"#, ["a; b", "", "", ""]),
        (r#"{"message":"m"}"#, ["m", "", "", ""]),
        (r#"{"msg":"m"}"#, ["m", "", "", ""]),
        (
            r#"{"error":"invalid_token","error_description":"expired"}"#,
            ["invalid_token", "", "", ""],
        ),
        (r#""just a string""#, ["just a string", "", "", ""]),
        ("\u{feff} {\"error\":\"bom\"}\n", ["bom", "", "", ""]),
        // JSON of no known shape is shown as it is.
        (r#"{"ok":false}"#, [r#"{"ok":false}"#, "", "", ""]),
        (
            r#"{"error":{"code":5}}"#,
            [r#"{"error":{"code":5}}"#, "", "5", ""],
        ),
        ("[]", ["[]", "", "", ""]),
        ("null", ["null", "", "", ""]),
        // Not JSON.
        (
            "upstream connect error\n",
            ["upstream connect error", "", "", ""],
        ),
        (
            r#"{"error":{"message":"cut"#,
            [r#"{"error":{"message":"cut"#, "", "", ""],
        ),
        ("", ["the answer has no body that says why", "", "", ""]),
        (
            " \r\n",
            ["the answer has no body that says why", "", "", ""],
        ),
        (
            "<!DOCTYPE html>\n<html><head><title>\n 502 Bad\tGateway </title></head></html>",
            [
                "the server sent an HTML page (502 Bad Gateway) instead of JSON",
                "",
                "",
                "",
            ],
        ),
        (
            "<html><body>no</body></html>",
            ["the server sent an HTML page instead of JSON", "", "", ""],
        ),
        (
            "<!-- x --><HTML><TITLE lang=en>Sign in</TITLE>",
            [
                "the server sent an HTML page (Sign in) instead of JSON",
                "",
                "",
                "",
            ],
        ),
        ("<3 not a page", ["<3 not a page", "", "", ""]),
    ];
    for (body, expected) in cases {
        assert_eq!(read(body), expected.map(str::to_owned), "{body}");
    }
}

#[test]
fn a_long_message_is_cut_between_characters() {
    let body = format!(r#"{{"error":{{"message":"{}"}}}}"#, "é".repeat(5000));
    let message = parse(body.as_bytes()).message;
    assert_eq!(message.chars().count(), MESSAGE_CHARS);
    assert!(message.ends_with("é…"));
    let whole = "é".repeat(MESSAGE_CHARS);
    assert_eq!(parse(whole.as_bytes()).message, whole);
}

#[test]
fn control_characters_do_not_reach_the_message() {
    assert_eq!(parse(b"a\0b\x1b[31m\nc").message, "a b [31m\nc");
    assert_eq!(parse(br#"{"error":"a\u0000b"}"#).message, "a b");
}

#[test]
fn invalid_utf8_is_replaced() {
    assert_eq!(parse(b"{\"error\":\"a\xffb\"}").message, "a\u{fffd}b");
}

#[test]
fn deep_nesting_does_not_blow_the_stack() {
    for (open, close) in [("{\"error\":", "}"), ("[", "]")] {
        let body = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        assert_eq!(
            parse(body.as_bytes()).message.chars().count(),
            MESSAGE_CHARS
        );
    }
}

proptest! {
    #[test]
    fn never_panics_and_always_says_something(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(!parse(&body).message.is_empty());
    }

    #[test]
    fn never_panics_on_what_is_nearly_json(body in r#"[\[\]{}":,\\ a0<é]{0,40}(error|detail|message|loc|<title>)[\[\]{}":,\\ a0>é]{0,40}"#) {
        let message = parse(body.as_bytes()).message;
        prop_assert!(!message.is_empty() && message.chars().count() <= MESSAGE_CHARS);
    }
}
