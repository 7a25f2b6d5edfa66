//! Part by part comes to the same as the whole, matrix or error, wherever the parts are cut.

use proptest::prelude::*;

use super::super::tests::{answer, base64, changed, item, quoted, rows, wrong_answers};
use super::*;

/// What came of an answer in the parts that end at `ends`.
fn by_parts(body: &[u8], inputs: usize, ends: &[usize]) -> Result<Embeddings, (Error, Vec<u8>)> {
    let mut decoder = Decoder::new(inputs, Some(body.len() as u64));
    let mut from = 0;
    for &end in ends.iter().chain([&body.len()]) {
        decoder.push(&body[from..end]);
        from = end;
    }
    assert_eq!(decoder.received(), body.len() as u64);
    decoder.finish()
}

/// Holds it against what comes of the whole; gives whether it decoded.
fn compare(body: &[u8], inputs: usize, ends: &[usize]) -> bool {
    match (by_parts(body, inputs, ends), decode(body, inputs)) {
        (Ok(parts), Ok(whole)) => {
            let bits = |embeddings: &Embeddings| -> Vec<u32> {
                embeddings
                    .data
                    .iter()
                    .map(|value| value.to_bits())
                    .collect()
            };
            assert_eq!(bits(&parts), bits(&whole));
            assert_eq!((parts.rows, parts.dims), (whole.rows, whole.dims));
            assert_eq!(parts.usage, whole.usage);
            true
        }
        (Err((error, kept)), Err(whole)) => {
            assert_eq!(error.message, whole.message);
            assert_eq!(kept, body, "the body is no longer what it was");
            false
        }
        (parts, whole) => panic!("{parts:?} by parts, {whole:?} as a whole"),
    }
}

/// The same, cut into two at each place, and into single bytes.
fn compare_everywhere(body: &str, inputs: usize) -> bool {
    let body = body.as_bytes();
    for end in 0..=body.len() {
        compare(body, inputs, &[end]);
    }
    compare(body, inputs, &(0..body.len()).collect::<Vec<_>>())
}

fn is_cut(body: &str, inputs: usize) -> bool {
    let mut decoder = Decoder::new(inputs, None);
    decoder.push(body.as_bytes());
    decoder.rows.is_some_and(|rows| rows.matrix.rows == inputs)
}

#[test]
fn the_usual_answer_is_cut() {
    let row = |value: f32| quoted(&base64(&[value, 2.0, 3.0, 4.0]));
    let body = answer(&[item(0, &row(1.0)), item(1, &row(-1.0)), item(2, &row(0.5))]);
    assert!(is_cut(&body, 3));
    assert!(compare_everywhere(&body, 3));
    let body = body.replace("\"embedding\":\"", "\"embedding\" :\r\n\t \"");
    assert!(is_cut(&body, 3));
    assert!(compare_everywhere(&body, 3));
}

#[test]
fn unusual_answers_are_taken_as_they_are_as_a_whole() {
    let row = base64(&[1.5, 2.5]);
    let (unpadded, quoted_row) = (row.trim_end_matches('='), quoted(&row));
    let escaped = quoted(&row.replace('A', r"\u0041"));
    let cases = [
        answer(&[item(1, &quoted_row), item(0, &quoted_row)]),
        answer(&[item(0, &quoted(unpadded)), item(1, &quoted(unpadded))]),
        // The same bits in two spellings.
        answer(&[item(0, &quoted_row), item(1, &quoted(unpadded))]),
        answer(&[item(0, &quoted(unpadded)), item(1, &quoted_row)]),
        answer(&[item(0, &escaped), item(1, &quoted_row)]),
        answer(&[item(0, &quoted_row), item(1, &escaped)]),
        answer(&[item(0, "[1, 2]"), item(1, &quoted_row)]),
        answer(&[item(0, &quoted_row), item(1, "[1, 2]")]),
        // What looks like a row, and is none.
        format!(
            r#"{{"usage":{{"embedding":"{row}"}},"data":[{},{}]}}"#,
            item(0, &quoted_row),
            item(1, &quoted_row)
        ),
        format!(
            r#"{{"x\"embedding":"{row}","data":[{},{}],"embedding":"{row}"}}"#,
            item(0, &quoted_row),
            item(1, &quoted_row)
        ),
        format!(
            r#"{{"data":[{{"x":[{{"embedding":"{row}"}}],"embedding":{quoted_row}}},{}]}}"#,
            item(1, &quoted_row)
        ),
        // A name that is written otherwise.
        format!(
            r#"{{"data":[{{"embeddin\u0067":{quoted_row}}},{}]}}"#,
            item(1, &quoted_row)
        ),
    ];
    for body in cases {
        assert!(compare_everywhere(&body, 2), "{body}");
    }
}

#[test]
fn wrong_answers_are_told_and_kept() {
    for (body, inputs, _) in wrong_answers() {
        assert!(!compare_everywhere(&body, inputs), "{body}");
    }
    let row = quoted(&base64(&[1.5, 2.5, 3.5]));
    let items = [item(0, &row), item(1, &row)];
    let whole = answer(&items);
    let cases = [
        (whole.clone(), 1),
        (whole.clone(), 3),
        (answer(&[item(0, &row), item(0, &row)]), 2),
        (answer(&[item(0, &row), item(7, &row)]), 2),
        (answer(&[item(0, &row), item(1, &row.replace('A', "!"))]), 2),
        (answer(&[item(0, &row), item(1, "null")]), 2),
        (answer(&[item(0, &row), item(1, "\"\"")]), 2),
        (whole.replace("\"data\"", "\"dates\""), 2),
        (format!("{whole}}}"), 2),
        // What was cut out once is not what stands in the place of another.
        (
            format!(
                r#"{{"y":{{"embedding":{row}}},"data":[{{"embedding":""}},{}]}}"#,
                item(1, &row)
            ),
            2,
        ),
    ];
    for (body, inputs) in cases {
        assert!(!compare_everywhere(&body, inputs), "{body}");
    }
    for end in 0..whole.len() {
        assert!(!compare(&whole.as_bytes()[..end], 2, &[end / 2]));
    }
}

#[test]
fn a_false_announcement_costs_no_room_beyond_its_bound() {
    let row = quoted(&base64(&[1.0; 100]));
    let body = answer(&[item(0, &row), item(1, &row)]);
    for announced in [None, Some(0), Some(10), Some(u64::MAX)] {
        let mut decoder = Decoder::new(2, announced);
        decoder.push(body.as_bytes());
        let room = decoder
            .rows
            .as_ref()
            .map(|rows| rows.matrix.data.capacity());
        assert!(room.is_some_and(|room| room * 4 <= BELIEVED as usize));
        assert_eq!(decoder.finish().unwrap().rows, 2);
    }
}

#[test]
fn a_large_body_without_rows_to_cut_has_its_room_at_once() {
    let list = format!("[{}1]", "0.25,".repeat(100_000));
    let body = answer(&[item(0, &list)]);
    let mut decoder = Decoder::new(1, Some(body.len() as u64));
    for part in body.as_bytes().chunks(40_000) {
        decoder.push(part);
    }
    assert!(decoder.kept.capacity() <= body.len() + 1);
    assert_eq!(decoder.finish().unwrap().dims, 100_001);
}

proptest! {
    #[test]
    fn random_parts_of_a_mutated_answer_come_to_the_same_as_the_whole(
        (rows, base64s) in rows(),
        all in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        ends in proptest::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let written = |index: usize| match all || base64s[index] {
            true => quoted(&base64(&rows[index])),
            false => serde_json::to_string(&rows[index]).unwrap(),
        };
        let items: Vec<String> = (0..rows.len()).map(|index| item(index, &written(index))).collect();
        let body = changed(answer(&items), changes);
        let mut ends: Vec<usize> = ends.iter().map(|end| end.index(body.len())).collect();
        ends.sort_unstable();
        compare(&body, rows.len(), &ends);
    }
}
