//! Answers as servers give them, answers that are wrong in one way each, and random ones.

use proptest::prelude::*;

use super::*;

/// The base64 of `values` as little-endian floats.
pub(super) fn base64(values: &[f32]) -> String {
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    base64_simd::STANDARD.encode_to_string(bytes)
}

/// An item of `data`; `embedding` is JSON.
pub(super) fn item(index: usize, embedding: &str) -> String {
    format!(r#"{{"object":"embedding","index":{index},"embedding":{embedding}}}"#)
}

pub(super) fn answer(items: &[String]) -> String {
    let items = items.join(",");
    format!(
        r#"{{"object":"list","data":[{items}],"model":"text-embedding-3-small","usage":{{"prompt_tokens":8,"total_tokens":8}}}}"#
    )
}

pub(super) fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// The matrix of an answer that must decode.
fn data(body: &str, rows: usize) -> Vec<f32> {
    let decoded = decode(body.as_bytes(), rows).unwrap_or_else(|error| panic!("{error}: {body}"));
    assert_eq!(decoded.rows, rows);
    assert_eq!(decoded.data.len(), decoded.rows * decoded.dims);
    decoded.data.to_vec()
}

/// The message of an answer that must not decode.
fn refusal(body: &str, rows: usize) -> String {
    let error = decode(body.as_bytes(), rows).expect_err(body);
    assert_eq!(error.status, status::DECODE);
    let message = error
        .message
        .strip_prefix("the embeddings answer cannot be used: ");
    message
        .expect("each message says what it is about")
        .to_owned()
}

#[test]
fn base64_rows_become_one_matrix() {
    let body = answer(&[
        item(0, &quoted(&base64(&[1.0, -2.5, 3e-8]))),
        item(
            1,
            &quoted(&base64(&[f32::MIN, f32::MAX, f32::MIN_POSITIVE])),
        ),
    ]);
    let decoded = decode(body.as_bytes(), 2).unwrap();
    assert_eq!((decoded.rows, decoded.dims), (2, 3));
    assert_eq!(
        decoded.data,
        [1.0, -2.5, 3e-8, f32::MIN, f32::MAX, f32::MIN_POSITIVE]
    );
    let expected = Usage {
        prompt_tokens: 8,
        total_tokens: 8,
        ..Usage::default()
    };
    assert_eq!(decoded.usage, Some(expected));
}

#[test]
fn base64_keeps_every_bit() {
    let odd = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        -0.0,
        f32::from_bits(1),
    ];
    let rows = data(&answer(&[item(0, &quoted(&base64(&odd)))]), 1);
    assert!(
        rows.iter()
            .zip(odd)
            .all(|(row, odd)| row.to_bits() == odd.to_bits())
    );
}

#[test]
fn padding_may_be_left_out_and_slashes_escaped() {
    // One float is four bytes: two characters of padding. 0x3fffffff has slashes in base64.
    for values in [
        &[1.5][..],
        &[1.5, 2.5],
        &[1.5, 2.5, 3.5],
        &[f32::from_bits(0x3fff_ffff); 4],
    ] {
        let padded = base64(values);
        let unpadded = padded.trim_end_matches('=');
        let escaped = padded.replace('/', r"\/").replace('A', r"\u0041");
        for text in [&padded, unpadded, &escaped] {
            assert_eq!(
                data(&answer(&[item(0, &quoted(text))]), 1),
                values,
                "{text}"
            );
        }
    }
}

#[test]
fn lists_of_numbers_are_taken_too() {
    let body = answer(&[
        item(0, "[0.5, -1, 2e1, 1E-3]"),
        item(1, "[ 0,\n-0.0,\t1e-60, 3.4028235e38 ]"),
    ]);
    assert_eq!(
        data(&body, 2),
        [0.5, -1.0, 20.0, 0.001, 0.0, 0.0, 0.0, f32::MAX]
    );
}

#[test]
fn base64_and_numbers_may_be_mixed() {
    let base64 = quoted(&base64(&[1.0, 2.0]));
    let body = answer(&[item(0, &base64), item(1, "[3,4]"), item(2, &base64)]);
    assert_eq!(data(&body, 3), [1.0, 2.0, 3.0, 4.0, 1.0, 2.0]);
    let body = answer(&[item(0, "[3,4]"), item(1, &base64)]);
    assert_eq!(data(&body, 2), [3.0, 4.0, 1.0, 2.0]);
}

#[test]
fn rows_are_placed_by_their_index() {
    let body = answer(&[
        item(2, "[20,21]"),
        item(0, "[0,1]"),
        item(3, "[30,31]"),
        item(1, "[10,11]"),
    ]);
    assert_eq!(
        data(&body, 4),
        [0.0, 1.0, 10.0, 11.0, 20.0, 21.0, 30.0, 31.0]
    );
    // The index may stand behind the embedding.
    let body = r#"{"data":[{"embedding":[1],"index":1},{"embedding":[0],"index":0}]}"#;
    assert_eq!(data(body, 2), [0.0, 1.0]);
}

#[test]
fn rows_without_an_index_stay_in_order() {
    let body = r#"{"data":[{"embedding":[0]},{"embedding":[1],"index":null},{"embedding":[2]}]}"#;
    assert_eq!(data(body, 3), [0.0, 1.0, 2.0]);
}

#[test]
fn pretty_printed_json_and_unknown_fields_are_fine() {
    let body = " \n{ \"took\" : {\"ms\":[1,{}]},\r\n\t\"data\" : [ { \"x\" : null , \"embedding\" : [ 1 , 2 ] , \
        \"index\" : 0 , \"y\" : \"\\\"}\" } ] , \"usage\" : null , \"model\" : 7 }\n ";
    let decoded = decode(body.as_bytes(), 1).unwrap();
    assert_eq!(decoded.data, [1.0, 2.0]);
    assert_eq!(decoded.usage, None);
}

#[test]
fn no_inputs_have_no_rows() {
    let decoded = decode(br#"{"data":[]}"#, 0).unwrap();
    assert_eq!((decoded.rows, decoded.dims, decoded.data.len()), (0, 0, 0));
}

/// Answers that are wrong, how many inputs they are to, and how what is said of them begins.
pub(super) fn wrong_answers() -> Vec<(String, usize, &'static str)> {
    let with = |items: &str| format!(r#"{{"data":[{items}]}}"#);
    vec![
        // ===== the number and place of rows =====
        (with(r#"{"embedding":[1]}"#), 2, "1 row for 2 inputs"),
        (with(""), 1, "0 rows for 1 input"),
        (
            with(r#"{"embedding":[1],"index":2},{"embedding":[1],"index":0}"#),
            3,
            "2 rows for 3 inputs; index 1 is missing",
        ),
        (
            with(r#"{"embedding":[1]},{"embedding":[1]}"#),
            1,
            "data[1]: more rows than the 1 input at line",
        ),
        (
            with(r#"{"embedding":[1],"index":0},{"embedding":[1],"index":0}"#),
            2,
            "data[1]: index 0 came twice",
        ),
        (
            with(r#"{"embedding":[1],"index":1},{"embedding":[1]}"#),
            2,
            "data[1]: index 1 came twice",
        ),
        (
            with(r#"{"embedding":[1],"index":2}"#),
            2,
            "data[0]: index 2 is out of range for 2 inputs",
        ),
        (
            with(r#"{"embedding":[1],"index":-1}"#),
            2,
            "data[0]: invalid value: integer `-1`, expected usize",
        ),
        (
            with(r#"{"embedding":[1],"index":"0"}"#),
            2,
            "data[0]: invalid type: string \"0\", expected usize",
        ),
        // ===== the rows =====
        (
            with(r#"{"embedding":[1,2]},{"embedding":[1]}"#),
            2,
            "data[1]: it has 1 value, but data[0] has 2",
        ),
        (
            with(r#"{"embedding":[1,2]},{"embedding":"AACAPw=="}"#),
            2,
            "data[1]: it has 1 value, but data[0] has 2",
        ),
        (
            with(r#"{"embedding":""}"#),
            1,
            "data[0]: its embedding is empty",
        ),
        (
            with(r#"{"embedding":[]}"#),
            1,
            "data[0]: its embedding is empty",
        ),
        (
            with(r#"{"embedding":null}"#),
            1,
            "data[0]: invalid type: null, expected `embedding` to be base64 or a list of numbers",
        ),
        (
            with(r#"{"embedding":[1,null]}"#),
            1,
            "data[0]: invalid type: null, expected f64",
        ),
        (
            with(r#"{"embedding":[1,"2"]}"#),
            1,
            "data[0]: invalid type: string \"2\", expected f64",
        ),
        (
            with(r#"{"embedding":[1,[2]]}"#),
            1,
            "data[0]: invalid type: sequence, expected f64",
        ),
        (
            with(r#"{"embedding":[1e39]}"#),
            1,
            "data[0]: 1e39 is too large for a 32-bit float",
        ),
        (
            with(r#"{"embedding":[1e999]}"#),
            1,
            "data[0]: number out of range",
        ),
        (with(r#"{"embedding":[NaN]}"#), 1, "data[0]: expected value"),
        (with(r#"{"embedding":[01]}"#), 1, "data[0]: invalid number"),
        (
            with(r#"{"embedding":"AACA"}"#),
            1,
            "data[0]: its base64 holds 3 bytes, which is no whole number of 4-byte floats",
        ),
        (
            with(r#"{"embedding":"AACA-w=="}"#),
            1,
            "data[0]: its base64 is invalid: '-' at character 4",
        ),
        (
            with(r#"{"embedding":"AACA\nw=="}"#),
            1,
            "data[0]: its base64 is invalid: '\\n' at character 4",
        ),
        (
            with(r#"{"embedding":"AACAPw="}"#),
            1,
            "data[0]: its base64 is invalid: '=' at character 6",
        ),
        (
            with(r#"{"embedding":"AACAPw===="}"#),
            1,
            "data[0]: its base64 is invalid: '=' at character 6",
        ),
        (
            with(r#"{"embedding":"AACAPx=="}"#),
            1,
            "data[0]: its base64 is invalid: it ends in the middle of a byte",
        ),
        (
            with(r#"{"embedding":"AACAPwAAAEAAAEBAA"}"#),
            1,
            "data[0]: its base64 is invalid: it ends in the middle of a byte",
        ),
        (with(r#"{"index":0}"#), 1, "data[0]: it has no `embedding`"),
        (
            with(r#"{"embedding":[1],"embedding":[1]}"#),
            2,
            "data[0]: `embedding` came twice",
        ),
        (
            with("[1]"),
            1,
            "data[0]: invalid type: sequence, expected an object with `embedding`",
        ),
        // ===== the answer =====
        (
            r#"{"data":[],"data":[]}"#.to_owned(),
            0,
            "`data` came twice",
        ),
        (r#"{"object":"list"}"#.to_owned(), 1, "it has no `data`"),
        (
            r#"{"data":null}"#.to_owned(),
            1,
            "invalid type: null, expected `data` to be a list of embeddings",
        ),
        (
            r#"{"error":{"message":"model not loaded"}}"#.to_owned(),
            1,
            "it holds an error: model not loaded",
        ),
        ("[]".to_owned(), 1, "it is no JSON object: []"),
        (
            "\n<html><title>Sign in</title>".to_owned(),
            1,
            "it is no JSON object: the server sent an HTML page (Sign in) instead of JSON",
        ),
        (
            "{'data':[]}".to_owned(),
            1,
            "key must be a string at line 1 column 2",
        ),
        (r#"{"data":[]}{}"#.to_owned(), 0, "trailing characters"),
        (String::new(), 1, "the JSON ends early, after 0 bytes"),
        (
            r#"{"data":[{"embedding":"AAC"#.to_owned(),
            1,
            "data[0]: the JSON ends early, after 26 bytes",
        ),
        (
            r#"{"data":[{"embedding":[1.5"#.to_owned(),
            1,
            "data[0]: the JSON ends early, after 26 bytes",
        ),
    ]
}

#[test]
fn each_wrong_answer_is_named() {
    for (body, rows, expected) in wrong_answers() {
        let message = refusal(&body, rows);
        assert!(message.starts_with(expected), "{body}: {message}");
    }
}

#[test]
fn room_is_bounded_by_the_body_not_by_its_claims() {
    let short = answer(&[item(0, &quoted(&base64(&[1.0; 8])))]);
    let matrix = |body: &str, rows| {
        let mut answer = Answer::new(body.len(), rows);
        let mut json = serde_json::Deserializer::from_str(body);
        answer.deserialize(&mut json).unwrap();
        answer.matrix
    };
    assert!(matrix(&short, usize::MAX).data.capacity() * 4 <= short.len());
    let short = answer(&[item(0, "[1,2,3,4,5,6,7,8]")]);
    assert!(matrix(&short, usize::MAX).data.capacity() * 4 <= 2 * short.len());
    // And it is made at once where all rows are there.
    let row = quoted(&base64(&[1.0; 8]));
    let full = answer(&[item(0, &row), item(1, &row), item(2, &row)]);
    assert_eq!(matrix(&full, 3).data.capacity(), 24);
}

#[test]
fn deep_nesting_does_not_blow_the_stack() {
    let body = format!(
        r#"{{"x":{}{},"data":[]}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert_eq!(decode(body.as_bytes(), 0).unwrap().rows, 0);
}

/// A body with some bytes put in place of its own.
pub(super) fn changed(body: String, changes: Vec<(prop::sample::Index, u8)>) -> Vec<u8> {
    let mut body = body.into_bytes();
    for (place, byte) in changes {
        let place = place.index(body.len());
        body[place] = byte;
    }
    body
}

/// Rows of one width and, for each, whether it goes as base64.
pub(super) fn rows() -> impl Strategy<Value = (Vec<Vec<f32>>, Vec<bool>)> {
    (1_usize..9, 1_usize..6).prop_flat_map(|(rows, dims)| {
        let value = proptest::num::f32::NORMAL | proptest::num::f32::ZERO;
        let row = proptest::collection::vec(value, dims);
        (
            proptest::collection::vec(row, rows),
            proptest::collection::vec(any::<bool>(), rows),
        )
    })
}

proptest! {
    #[test]
    fn any_order_and_form_decodes_to_the_same_matrix(
        ((rows, base64s), order) in rows().prop_flat_map(|rows| {
            let order: Vec<usize> = (0..rows.0.len()).collect();
            (Just(rows), Just(order).prop_shuffle())
        })
    ) {
        let written = |index: usize| match base64s[index] {
            true => quoted(&base64(&rows[index])),
            false => serde_json::to_string(&rows[index]).unwrap(),
        };
        let items: Vec<String> = order.iter().map(|&index| item(index, &written(index))).collect();
        prop_assert_eq!(data(&answer(&items), rows.len()), rows.concat());
    }

    #[test]
    fn a_mutated_answer_never_panics(
        (rows, base64s) in rows(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let written = |index: usize| match base64s[index] {
            true => quoted(&base64(&rows[index])),
            false => serde_json::to_string(&rows[index]).unwrap(),
        };
        let items: Vec<String> = (0..rows.len()).map(|index| item(index, &written(index))).collect();
        let mut body = changed(answer(&items), changes);
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        if let Ok(decoded) = decode(&body, rows.len()) {
            prop_assert_eq!(decoded.data.len(), decoded.rows * decoded.dims);
            prop_assert_eq!(decoded.rows, rows.len());
        }
    }

    #[test]
    fn random_bytes_never_decode(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decode(&body, 1).is_err());
    }
}
