//! Streams as servers send them and what they fold to, and streams that try to break the folder.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// Folds chunks of data, with the kind told by the first.
fn fold(chunks: &[&str]) -> Value {
    let mut folder = Folder::new(None);
    for chunk in chunks {
        folder
            .push("", chunk.as_bytes())
            .unwrap_or_else(|error| panic!("{error}: {chunk}"));
    }
    serde_json::from_slice(&folder.finish()).expect("JSON")
}

/// The first choice's message of a chat stream of these deltas.
fn message(deltas: &[&str]) -> Value {
    let chunk = |delta: &&str| format!(r#"{{"choices":[{{"index":0,"delta":{delta}}}]}}"#);
    let chunks: Vec<String> = deltas.iter().map(chunk).collect();
    let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
    fold(&chunks)["choices"][0]["message"].take()
}

#[test]
fn a_chat_stream_folds_to_a_chat_completion() {
    let folded = fold(&[
        r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","system_fingerprint":"f","service_tier":null,"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}"#,
        r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hel"},"finish_reason":null}],"usage":null}"#,
        r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"lo \ud83d\ude00"},"finish_reason":null}]}"#,
        r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m","service_tier":"default","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#,
        "[DONE]",
        "",
    ]);
    let expected = json!({
        "id": "c1", "object": "chat.completion", "created": 1, "model": "m",
        "system_fingerprint": "f", "service_tier": "default",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": "Hello 😀", "refusal": null},
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    });
    assert_eq!(folded, expected);
}

#[test]
fn choices_are_told_apart_by_index() {
    let folded = fold(&[
        r#"{"choices":[{"index":1,"delta":{"content":"b"}},{"index":0,"delta":{"content":"a"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"content":"A"},"finish_reason":"stop"}]}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"B"},"finish_reason":"length"}]}"#,
        r#"{"choices":null}"#,
    ]);
    let choices = folded["choices"].as_array().unwrap();
    let seen: Vec<_> = choices
        .iter()
        .map(|choice| {
            (
                &choice["index"],
                &choice["message"]["content"],
                &choice["finish_reason"],
            )
        })
        .collect();
    let expected = [
        (&json!(0), &json!("aA"), &json!("stop")),
        (&json!(1), &json!("bB"), &json!("length")),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn tool_calls_are_put_together_by_index() {
    let folded = message(&[
        r#"{"role":"assistant","content":null,"tool_calls":[{"index":1,"id":"t1","type":"function","function":{"name":"g","arguments":""}}]}"#,
        r#"{"tool_calls":[{"index":0,"id":"t0","type":"function","function":{"name":"f","arguments":"{\"a\""}}]}"#,
        r#"{"tool_calls":[{"index":0,"function":{"arguments":":1}"}},{"index":1,"function":{"arguments":"{}"}}]}"#,
    ]);
    let expected = json!([
        {"id": "t0", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
        {"id": "t1", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]);
    assert_eq!(folded["tool_calls"], expected);
    assert_eq!(folded["content"], Value::Null);
}

#[test]
fn tool_calls_without_an_index_are_told_apart_by_id() {
    let folded = message(&[
        r#"{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{"}}]}"#,
        r#"{"tool_calls":[{"function":{"arguments":"}"}}]}"#,
        r#"{"tool_calls":[{"id":"b","function":{"name":"g","arguments":"{}"}}]}"#,
    ]);
    let expected = json!([
        {"id": "a", "function": {"name": "f", "arguments": "{}"}},
        {"id": "b", "function": {"name": "g", "arguments": "{}"}},
    ]);
    assert_eq!(folded["tool_calls"], expected);
}

#[test]
fn what_is_repeated_with_each_piece_stays_single() {
    let folded = message(&[
        r#"{"role":"assistant","tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"1"}}]}"#,
        r#"{"role":"assistant","tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"1"}}]}"#,
    ]);
    assert_eq!(folded["role"], "assistant");
    let expected =
        json!([{"id": "a", "type": "function", "function": {"name": "f", "arguments": "11"}}]);
    assert_eq!(folded["tool_calls"], expected);
}

#[test]
fn other_text_of_a_delta_is_put_together_too() {
    let folded = message(&[
        r#"{"refusal":"I ca","reasoning_content":"Hm","function_call":{"name":"f","arguments":"{"}}"#,
        r#"{"refusal":"n't","reasoning_content":"m.","function_call":{"arguments":"}"},"score":1}"#,
        r#"{"audio":{"id":"x","transcript":"a","expires_at":1},"score":2.50,"notes":[1]}"#,
        r#"{"audio":{"id":"x","transcript":"b"},"notes":[2,3],"notes2":[]}"#,
    ]);
    let expected = json!({
        "role": "assistant", "content": null, "refusal": "I can't", "reasoning_content": "Hmm.",
        "function_call": {"name": "f", "arguments": "{}"}, "score": 2.5,
        "audio": {"id": "x", "transcript": "ab", "expires_at": 1}, "notes": [1, 2, 3], "notes2": [],
    });
    assert_eq!(folded, expected);
}

#[test]
fn content_that_is_text_and_parts_keeps_both() {
    let folded = message(&[
        r#"{"content":"a"}"#,
        r#"{"content":[{"type":"x"}]}"#,
        r#"{"content":"b"}"#,
    ]);
    assert_eq!(folded["content"], json!(["a", {"type": "x"}, "b"]));
    let folded = message(&[
        r#"{"content":""}"#,
        r#"{"content":[{"type":"x"}]}"#,
        r#"{"content":""}"#,
    ]);
    assert_eq!(folded["content"], json!([{"type": "x"}]));
}

#[test]
fn logprobs_are_put_together_digit_for_digit() {
    let mut folder = Folder::new(Some(Kind::Chat));
    for logprob in ["-0.31725305000000001", "-1e-7"] {
        let chunk = format!(
            r#"{{"choices":[{{"index":0,"delta":{{"content":"x"}},"logprobs":{{"content":[{{"token":"x","logprob":{logprob}}}],"refusal":null}}}}]}}"#
        );
        folder.push("", chunk.as_bytes()).unwrap();
    }
    let folded = String::from_utf8(folder.finish()).unwrap();
    let expected = r#""logprobs":{"content":[{"token":"x","logprob":-0.31725305000000001},{"token":"x","logprob":-1e-7}],"refusal":null}"#;
    assert!(folded.contains(expected), "{folded}");
}

#[test]
fn unknown_members_are_kept_from_the_latest_chunk() {
    let folded = fold(&[
        r#"{"id":"","object":"","model":"","choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#,
        r#"{"id":"c","model":"m","x":{"a":1},"choices":[{"index":0,"delta":{"content":"a"},"content_filter_results":{"n":1}}]}"#,
        r#"{"id":"c","model":"m","x":{"b":1},"choices":[{"index":0,"delta":{},"content_filter_results":{"n":2}}]}"#,
        r#"{"id":"","model":null,"x":null,"choices":[]}"#,
    ]);
    assert_eq!(folded["id"], "c");
    assert_eq!(folded["model"], "m");
    assert_eq!(folded["object"], "chat.completion");
    assert_eq!(folded["x"], json!({"b": 1}));
    assert_eq!(
        folded["prompt_filter_results"],
        json!([{"prompt_index": 0}])
    );
    assert_eq!(
        folded["choices"][0]["content_filter_results"],
        json!({"n": 2})
    );
}

#[test]
fn a_completion_stream_folds_to_a_text_completion() {
    let folded = fold(&[
        r#"{"id":"c","object":"text_completion","choices":[{"text":"Hel","index":0,"logprobs":{"tokens":["Hel"],"token_logprobs":[-1.5],"text_offset":[0]},"finish_reason":null}]}"#,
        r#"{"id":"c","object":"text_completion","choices":[{"text":"lo","index":0,"logprobs":{"tokens":["lo"],"token_logprobs":[-2],"text_offset":[3]},"finish_reason":"stop"}],"usage":{"total_tokens":2}}"#,
    ]);
    let expected = json!({
        "id": "c", "object": "text_completion", "usage": {"total_tokens": 2},
        "choices": [{
            "index": 0, "text": "Hello", "finish_reason": "stop",
            "logprobs": {"tokens": ["Hel", "lo"], "token_logprobs": [-1.5, -2], "text_offset": [0, 3]},
        }],
    });
    assert_eq!(folded, expected);
}

#[test]
fn a_responses_stream_folds_to_its_last_response() {
    for end in ["completed", "incomplete", "failed"] {
        let mut folder = Folder::new(None);
        let mut push = |kind: &str, rest: &str| {
            let data = format!(r#"{{"type":"{kind}"{rest}}}"#);
            folder.push(kind, data.as_bytes()).unwrap();
        };
        push(
            "response.created",
            r#","response":{"id":"r","status":"in_progress"}"#,
        );
        push("response.output_text.delta", r#","delta":"Hi""#);
        push(
            &format!("response.{end}"),
            r#","response": { "id":"r", "x":1.50 } "#,
        );
        push("response.in_progress", r#","response":{"id":"late"}"#);
        assert_eq!(folder.finish(), br#"{ "id":"r", "x":1.50 }"#, "{end}");
    }
}

#[test]
fn a_responses_stream_that_was_cut_folds_to_what_is_known() {
    let mut folder = Folder::new(Some(Kind::Responses));
    assert_eq!(Folder::new(Some(Kind::Responses)).finish(), b"null");
    folder
        .push("response.created", br#"{"response":{"id":"r"}}"#)
        .unwrap();
    assert_eq!(folder.finish(), br#"{"id":"r"}"#);
}

#[test]
fn any_other_stream_folds_to_a_list() {
    let folded = fold(&[
        r#"{"type":"transcript.text.delta","delta":"a"}"#,
        "plain \"text\"",
        "[1]",
        "[DONE]",
    ]);
    assert_eq!(
        folded,
        json!([{"type": "transcript.text.delta", "delta": "a"}, "plain \"text\"", [1]])
    );
    assert_eq!(fold(&[]), json!([]));
}

#[test]
fn no_chunk_yet_still_folds_to_the_kind() {
    let finish = |kind| serde_json::from_slice::<Value>(&Folder::new(Some(kind)).finish()).unwrap();
    assert_eq!(
        finish(Kind::Chat),
        json!({"object": "chat.completion", "choices": []})
    );
    assert_eq!(
        finish(Kind::Completion),
        json!({"object": "text_completion", "choices": []})
    );
}

#[test]
fn data_of_no_chunk_is_an_error_and_changes_nothing() {
    let mut folder = Folder::new(Some(Kind::Chat));
    folder
        .push("", br#"{"choices":[{"delta":{"content":"a"}}]}"#)
        .unwrap();
    for wrong in [
        "x",
        "[]",
        "3",
        r#"{"choices":[{"delta":{"content":"b"}}"#,
        r#"{"id":"x","choices":3}"#,
    ] {
        let error = folder.push("", wrong.as_bytes()).unwrap_err();
        assert_eq!(error.status, status::DECODE, "{wrong}");
        assert_eq!(
            error.message,
            "event 1 of the stream is not a JSON object of its kind"
        );
    }
    let folded: Value = serde_json::from_slice(&folder.finish()).unwrap();
    assert_eq!(folded["choices"][0]["message"]["content"], "a");
    assert_eq!(folded["id"], Value::Null);
}

#[test]
fn deep_nesting_does_not_blow_the_stack() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(100_000), "}".repeat(100_000));
    let mut folder = Folder::new(Some(Kind::Chat));
    let chunk = format!(r#"{{"choices":[{{"delta":{{"x":{deep}}}}}]}}"#);
    folder.push("", chunk.as_bytes()).unwrap();
    let folded = String::from_utf8(folder.finish()).unwrap();
    assert!(folded.contains(&deep));
}

/// Any JSON, with keys that mean something here.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a\"é]{0,2}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 4, |inner| {
        let key = "index|delta|text|logprobs|tool_calls|id|name|content|role|usage|choices|object";
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..5).prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #[test]
    fn any_stream_folds_to_json(
        chunks in proptest::collection::vec((any_json(), any::<bool>()), 0..6),
        kind in proptest::option::of(prop_oneof![
            Just(Kind::Chat), Just(Kind::Completion), Just(Kind::Responses), Just(Kind::Other),
        ]),
    ) {
        let mut folder = Folder::new(kind);
        for (chunk, in_choices) in chunks {
            let chunk = if in_choices { json!({"choices": [chunk]}) } else { chunk };
            // Whether it is taken is another test's matter.
            drop(folder.push("", chunk.to_string().as_bytes()));
        }
        prop_assert!(serde_json::from_slice::<Value>(&folder.finish()).is_ok());
    }

    #[test]
    fn random_bytes_fold_to_json(data in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut folder = Folder::new(None);
        drop(folder.push("", &data));
        prop_assert!(serde_json::from_slice::<Value>(&folder.finish()).is_ok());
    }
}
