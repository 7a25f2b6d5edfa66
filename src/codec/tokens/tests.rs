use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

fn cost(body: &str) -> u64 {
    charge(body.as_bytes())
}

#[test]
fn embeddings_cost_their_characters() {
    assert_eq!(cost(r#"{"model":"m","input":"12345678"}"#), 2);
    assert_eq!(cost(r#"{"model":"m","input":["12345678","1"]}"#), 3);
    assert_eq!(
        cost(r#"{"input":["12", "3456"], "encoding_format":"base64"}"#),
        2
    );
    assert_eq!(cost(r#"{"input":"äöüß€"}"#), 2);
    assert_eq!(
        cost("{\"input\":\"\u{1f600}\u{1f600}\u{1f600}\u{1f600}\"}"),
        1
    );
}

#[test]
fn token_ids_cost_one_each() {
    assert_eq!(cost(r#"{"input":[[1,2,3],[4]]}"#), 4);
    assert_eq!(cost(r#"{"input":[ 11 , 22 ,33 ]}"#), 3);
    assert_eq!(cost(r#"{"prompt":[5,6],"max_tokens":1}"#), 2);
    assert_eq!(cost(r#"{"input":[1.5,true,null]}"#), 1);
}

#[test]
fn chats_cost_the_larger_of_their_maximum_and_their_text() {
    let messages = r#""messages":[{"role":"user","name":"a-long-name","content":[{"type":"text","text":"12345678"},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAAAAAAAAAAAAAAAAAA"}}]},
        {"role":"assistant","content":null},{"content":"1234","role":"user"}]"#;
    assert_eq!(cost(&format!("{{{messages}}}")), 3);
    assert_eq!(cost(&format!(r#"{{"max_tokens":100,{messages}}}"#)), 100);
    assert_eq!(
        cost(&format!(r#"{{{messages},"max_completion_tokens":1}}"#)),
        3
    );
    let both = r#"{"max_tokens":7,"max_completion_tokens":9,"messages":[]}"#;
    assert_eq!(cost(both), 9);
    // Sums of many such requests must not overflow.
    let huge = format!(r#"{{"max_tokens":{}}}"#, u64::MAX);
    assert_eq!(cost(&huge), 1 << 40);
    for odd in [
        "null",
        "-5",
        "\"100\"",
        "1e9",
        "12.5",
        "[100]",
        "99999999999999999999999",
    ] {
        assert_eq!(
            cost(&format!(r#"{{"max_tokens":{odd},{messages}}}"#)),
            3,
            "{odd}"
        );
    }
}

#[test]
fn responses_cost_their_input_and_instructions() {
    let body = r#"{"model":"m","instructions":"1234","input":[
        {"role":"user","content":[{"type":"input_text","text":"5678"},{"type":"input_file","file_data":"AAAAAAAAAAAA"}]},
        {"type":"function_call","name":"f","call_id":"call_0123456789","arguments":"{\"a\":1}x"},
        {"type":"function_call_output","call_id":"call_0123456789","output":"abcd"}],
        "max_output_tokens":3,"tools":[{"type":"function","name":"f","description":"not counted"}]}"#;
    assert_eq!(cost(body), 5);
}

#[test]
fn an_escape_is_one_character() {
    assert_eq!(cost(r#"{"input":"\n\t\"\\"}"#), 1);
    assert_eq!(cost(r#"{"input":"\n\t\"\\/"}"#), 2);
    assert_eq!(cost(r#"{"input":"\u00e4\u00F6\u0022\u005c"}"#), 1);
    assert_eq!(
        cost(r#"{"input":"\ud83d\ude00\uD83D\uDE00\ud83d\ude00\ud83d\ude00"}"#),
        1
    );
    assert_eq!(cost(r#"{"input":"\\","max_tokens":9}"#), 9);
}

#[test]
fn what_is_no_object_costs_one() {
    for body in [
        "",
        "--boundary\r\n",
        "[1,2,3]",
        "null",
        "{",
        "{\"input\"",
        "{\"input\":",
        "\u{feff}{}",
        "{}",
    ] {
        assert_eq!(cost(body), 1, "{body}");
    }
    assert_eq!(cost(r#"{"input":"12345678"#), 2);
    assert_eq!(cost(r#"{"input":"12345678\"#), 3);
}

#[test]
fn deep_nesting_is_no_matter() {
    let open = "[".repeat(500_000);
    assert_eq!(cost(&format!(r#"{{"x":{open}"#)), 1);
    assert_eq!(cost(&format!(r#"{{"input":{open}"abcdefgh""#)), 2);
    let closed = format!("{open}{}", "]".repeat(500_000));
    assert_eq!(
        cost(&format!(
            r#"{{"x":{closed},"input":{closed},"max_tokens":4}}"#
        )),
        4
    );
}

/// The rule once more, over a tree.
fn by_tree(body: &Json) -> u64 {
    fn characters(value: &Json) -> u64 {
        match value {
            Json::String(text) => text.chars().count() as u64,
            Json::Number(number) if number.is_u64() || number.is_i64() => 4,
            Json::Array(elements) => elements.iter().map(characters).sum(),
            Json::Object(members) => (members.iter())
                .filter(|(key, _)| {
                    ["content", "text", "input", "arguments", "output"].contains(&key.as_str())
                })
                .map(|(_, value)| characters(value))
                .sum(),
            _ => 0,
        }
    }
    let text: u64 = ["input", "messages", "prompt", "instructions"]
        .iter()
        .map(|key| characters(&body[key]))
        .sum();
    let most = ["max_tokens", "max_completion_tokens", "max_output_tokens"]
        .iter()
        .filter_map(|key| body[key].as_u64())
        .max();
    text.div_ceil(4)
        .max(most.unwrap_or(0))
        .clamp(1, super::MOST)
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "input",
            "messages",
            "prompt",
            "instructions",
            "content",
            "text",
            "arguments",
            "output",
            "role",
            "max_tokens",
            "max_completion_tokens",
            "max_output_tokens",
            "tools",
        ])
        .prop_map(str::to_owned),
        "[a-z ,:{}]{0,5}",
    ]
}

fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (0..50u64).prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any::<String>().prop_map(Json::from),
        "[a-z\"\\\\\n\u{1}{}:,\\[\\]]{0,300}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Json::from),
            vec((key(), inner), 0..6)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn one_pass_costs_what_a_tree_does(members in vec((key(), value()), 0..6)) {
        let body = Json::Object(members.into_iter().collect());
        prop_assert_eq!(charge(&serde_json::to_vec(&body).unwrap()), by_tree(&body));
        prop_assert_eq!(charge(&serde_json::to_vec_pretty(&body).unwrap()), by_tree(&body));
    }

    #[test]
    fn escaped_text_costs_what_it_stands_for(text in ".{0,200}") {
        let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
        let plain = cost(&json!({ "input": text }).to_string());
        prop_assert_eq!(cost(&format!(r#"{{"input":"{escaped}"}}"#)), plain);
    }

    #[test]
    fn garbage_does_no_harm(body in vec(any::<u8>(), 0..300)) {
        prop_assert!(charge(&body) >= 1);
    }

    #[test]
    fn almost_json_does_no_harm(body in r#"(\{|\}|\[|\]|"|:|,|\\|\\u|d83d|1|"input":|"model":"gpt-4o",|"content"| ){0,60}"#) {
        prop_assert!(cost(&body) >= 1);
        let object = format!("{{{body}");
        prop_assert!(cost(&object) >= 1);
    }

    #[test]
    fn a_body_cut_off_costs_no_more(text in ".{0,100}", cut in 0..100usize) {
        let body = json!({ "messages": [{ "content": text }, { "content": "abcd" }] }).to_string();
        let cut = &body.as_bytes()[..cut.min(body.len())];
        // Half an escape or character may count as one more.
        prop_assert!(charge(cut) <= cost(&body) + 1);
    }
}

#[cfg(feature = "exact-tokens")]
mod exact {
    use super::super::exact::count;
    use super::*;

    /// As OpenAI's cookbook and tokenizer page count them.
    #[test]
    fn known_texts() {
        for (text, cl100k, o200k) in [
            ("", 0, 0),
            ("hello world", 2, 2),
            ("tiktoken is great!", 6, 6),
            ("antidisestablishmentarianism", 6, 6),
            ("2 + 2 = 4", 7, 7),
            ("お誕生日おめでとう", 9, 8),
        ] {
            for model in [
                "gpt-4",
                "gpt-3.5-turbo-0125",
                "text-embedding-3-small",
                "ft:gpt-4-0613:org::id",
            ] {
                assert_eq!(count(model, text), Some(cl100k), "{model}: {text}");
            }
            for model in [
                "gpt-4o",
                "gpt-4.1-mini",
                "gpt-5",
                "o3-mini",
                "openai/gpt-oss-20b",
                "ft:gpt-4o-mini:org::id",
            ] {
                assert_eq!(count(model, text), Some(o200k), "{model}: {text}");
            }
        }
        for model in ["", "llama-3-8b", "my-gpt-4o", "text-embedding-v3"] {
            assert_eq!(count(model, "hello world"), None, "{model}");
        }
    }

    #[test]
    fn a_request_costs_its_exact_tokens() {
        let text = "お誕生日おめでとう";
        let body = json!({ "input": [text, "2 + 2 = 4"], "model": "text-embedding-3-small" });
        assert_eq!(cost(&body.to_string()), 16);
        let escaped = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"\u304a\u8a95\u751f\u65e5\u304a\u3081\u3067\u3068\u3046"}]}"#;
        assert_eq!(cost(escaped), 8);
        assert_eq!(
            cost(r#"{"input":[[1,2,3],[4]],"model":"text-embedding-3-small"}"#),
            4
        );
        assert_eq!(
            cost(r#"{"input":"hello world","model":"gpt-4o","max_output_tokens":50}"#),
            50
        );
    }

    #[test]
    fn without_a_known_model_it_is_estimated() {
        assert_eq!(
            cost(r#"{"input":"hello world, hello","model":"bge-m3"}"#),
            5
        );
        assert_eq!(cost(r#"{"input":"hello world, hello","model":5}"#), 5);
        assert_eq!(cost(r#"{"input":"hello world, hello"}"#), 5);
    }

    proptest! {
        #[test]
        fn no_text_harms_the_tokenizer(text in any::<String>()) {
            prop_assert!(count("gpt-4", &text).unwrap() <= text.len() as u64);
            prop_assert!(count("gpt-4o", &text).unwrap() <= text.len() as u64);
        }
    }

    #[test]
    fn long_runs_take_no_longer_than_text() {
        let run = "a".repeat(200_000);
        assert_eq!(count("gpt-4", &run), Some(25_000));
    }
}
