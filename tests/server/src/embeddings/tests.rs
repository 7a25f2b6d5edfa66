//! The embeddings endpoint without HTTP.

use super::*;
use serde_json::json;

fn job(request: Value) -> Result<Job, ApiError> {
    parse(request.to_string().as_bytes())
}

fn written(request: Value) -> Value {
    serde_json::from_slice(&write(&job(request).expect("a valid request"))).expect("valid JSON")
}

#[test]
fn float_and_base64_hold_the_same_numbers() {
    for dims in [1, 7, 1536] {
        let request = |format| json!({"model": "m", "input": ["one text", "另一个"], "dimensions": dims, "encoding_format": format});
        let (floats, base64) = (written(request("float")), written(request("base64")));
        for row in 0..2 {
            let bytes = STANDARD
                .decode(base64["data"][row]["embedding"].as_str().expect("text"))
                .expect("base64");
            let exact: Vec<f32> = bytes
                .chunks_exact(4)
                .map(|chunk| f32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]))
                .collect();
            let list = floats["data"][row]["embedding"].as_array().expect("a list");
            let through_double: Vec<f32> = list
                .iter()
                .map(|value| value.as_f64().expect("a number") as f32)
                .collect();
            let through_text: Vec<f32> = list
                .iter()
                .map(|value| value.to_string().parse().expect("a number"))
                .collect();
            assert_eq!(exact.len(), dims);
            assert_eq!(through_double, exact);
            assert_eq!(through_text, exact);
        }
    }
}

#[test]
fn the_answer_has_openais_shape() {
    let answer = written(json!({"model": "text-embedding-3-large", "input": "12345678"}));
    assert_eq!(answer["object"], "list");
    assert_eq!(answer["model"], "text-embedding-3-large");
    assert_eq!(
        answer["usage"],
        json!({"prompt_tokens": 2, "total_tokens": 2})
    );
    assert_eq!(answer["data"][0]["object"], "embedding");
    assert_eq!(answer["data"][0]["index"], 0);
    assert_eq!(
        answer["data"][0]["embedding"].as_array().map(Vec::len),
        Some(3072)
    );
}

#[test]
fn each_model_has_its_dimensions() {
    for (model, dims) in [
        ("text-embedding-3-small", 1536),
        ("text-embedding-3-large", 3072),
        ("text-embedding-ada-002", 1536),
        ("anything", 1536),
    ] {
        assert_eq!(
            job(json!({"model": model, "input": "x"}))
                .expect("valid")
                .dims,
            dims
        );
    }
}

#[test]
fn input_takes_four_shapes() {
    for (input, count) in [
        (json!("a"), 1),
        (json!(["a", "b"]), 2),
        (json!([1, 2, 3]), 1),
        (json!([[1, 2], [3]]), 2),
    ] {
        assert_eq!(
            job(json!({"model": "m", "input": input}))
                .expect("valid")
                .inputs
                .len(),
            count
        );
    }
}

#[test]
fn each_mistake_names_its_parameter() {
    let many = vec!["a"; 2049];
    let long = "a".repeat(8192 * 4 + 1);
    let heavy = vec!["a".repeat(8192 * 4); 37];
    for (request, param) in [
        (json!({"model": "m"}), Some("input")),
        (json!({"model": "m", "input": ""}), Some("input")),
        (json!({"model": "m", "input": []}), Some("input")),
        (json!({"model": "m", "input": ["a", ""]}), Some("input")),
        (json!({"model": "m", "input": [[]]}), Some("input")),
        (json!({"model": "m", "input": [1, "a"]}), Some("input")),
        (json!({"model": "m", "input": {"a": 1}}), Some("input")),
        (json!({"model": "m", "input": many}), Some("input")),
        (json!({"model": "m", "input": long}), Some("input")),
        (json!({"model": "m", "input": heavy}), Some("input")),
        (json!({"input": "a"}), Some("model")),
        (json!({"model": 5, "input": "a"}), Some("model")),
        (
            json!({"model": "m", "input": "a", "dimensions": 0}),
            Some("dimensions"),
        ),
        (
            json!({"model": "m", "input": "a", "dimensions": 8193}),
            Some("dimensions"),
        ),
        (
            json!({"model": "m", "input": "a", "dimensions": 1.5}),
            Some("dimensions"),
        ),
        (
            json!({"model": "m", "input": "a", "encoding_format": "hex"}),
            Some("encoding_format"),
        ),
    ] {
        let error = job(request).expect_err("a mistake");
        assert_eq!(
            (error.status, error.param),
            (400, param),
            "{}",
            error.message
        );
        assert_eq!(error.kind, "invalid_request_error");
    }
    let error = parse(b"{\"model\":").expect_err("no JSON");
    assert_eq!((error.status, error.param), (400, None));
}

#[test]
fn two_thousand_and_forty_eight_inputs_are_allowed() {
    let inputs = vec!["a"; 2048];
    assert_eq!(
        job(json!({"model": "m", "input": inputs}))
            .expect("valid")
            .inputs
            .len(),
        2048
    );
}

#[test]
fn the_cache_repeats_the_first_answer_of_a_shape() {
    let cache = Cache::default();
    let answer = |text: &str, dims: usize| {
        let request = json!({"model": "m", "input": text, "dimensions": dims});
        cache.answer(&job(request).expect("valid"))
    };
    assert_eq!(answer("first", 8), answer("second", 8));
    assert_ne!(answer("first", 8), answer("first", 9));
}
