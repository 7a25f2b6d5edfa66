//! What an answer cost in tokens, in one shape for all endpoints.
//!
//! `embeddings` and the client's statistics call it. It is lenient, since usage is a statistic: a count that is missing
//! or odd is 0, and nothing here ever fails a request.

use super::skim::skim;

/// Tokens of one answer. A count that the server did not give is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens read: `prompt_tokens` or `input_tokens`.
    pub prompt_tokens: u64,
    /// Tokens written: `completion_tokens` or `output_tokens`.
    pub completion_tokens: u64,
    /// The server's total, or the sum where it gives none.
    pub total_tokens: u64,
    /// The share of `prompt_tokens` that came from the server's prompt cache.
    pub cached_tokens: u64,
    /// The share of `completion_tokens` spent on reasoning.
    pub reasoning_tokens: u64,
}

/// Finds the usage of a whole answer, or of one event of a stream, without building a tree of it.
///
/// It is looked for at the top, then under `response`, where the events of the Responses API have it.
pub fn find(body: &[u8]) -> Option<Usage> {
    let body = std::str::from_utf8(body).ok()?;
    let [usage, response] = skim(body, ["usage", "response"])?;
    if let Some(usage) = usage.and_then(parse) {
        return Some(usage);
    }
    let [usage] = skim(response?, ["usage"])?;
    parse(usage?)
}

/// Reads a `usage` object in the shape of chat, embeddings or responses; `None` if it counts no tokens.
pub fn parse(usage: &str) -> Option<Usage> {
    let [prompt, input, completion, output, total, details @ ..] = skim(
        usage,
        [
            "prompt_tokens",
            "input_tokens",
            "completion_tokens",
            "output_tokens",
            "total_tokens",
            "prompt_tokens_details",
            "input_tokens_details",
            // Transcriptions spell it with one s.
            "input_token_details",
            "completion_tokens_details",
            "output_tokens_details",
            "output_token_details",
        ],
    )?;
    let prompt = prompt.and_then(count).or(input.and_then(count));
    let completion = completion.and_then(count).or(output.and_then(count));
    let total = total.and_then(count);
    prompt.or(completion).or(total)?;
    let prompt_tokens = prompt.unwrap_or(0);
    let completion_tokens = completion.unwrap_or(0);
    let (of_prompt, of_completion) = details.split_at(3);
    Some(Usage {
        prompt_tokens,
        completion_tokens,
        total_tokens: total.unwrap_or(prompt_tokens.saturating_add(completion_tokens)),
        cached_tokens: detail(of_prompt, "cached_tokens"),
        reasoning_tokens: detail(of_completion, "reasoning_tokens"),
    })
}

/// The count `key` of the first of the objects that has it.
fn detail(objects: &[Option<&str>], key: &str) -> u64 {
    let count_in = |details| skim(details, [key]).and_then(|[raw]| count(raw?));
    let mut counts = objects.iter().copied().flatten().filter_map(count_in);
    counts.next().unwrap_or(0)
}

/// A count that some servers write as a float.
fn count(raw: &str) -> Option<u64> {
    if let Ok(count) = raw.parse::<u64>() {
        return Some(count);
    }
    // `as` saturates, and keeps a hostile 1e300 from being more than the largest count.
    raw.parse::<f64>()
        .ok()
        .filter(|count| count.is_finite() && *count >= 0.0)
        .map(|count| count as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_chat() {
        let body = br#"{"id":"x","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":7,
            "total_tokens":17,"prompt_tokens_details":{"cached_tokens":4,"audio_tokens":0},
            "completion_tokens_details":{"reasoning_tokens":3}}}"#;
        let expected = Usage {
            prompt_tokens: 10,
            completion_tokens: 7,
            total_tokens: 17,
            cached_tokens: 4,
            reasoning_tokens: 3,
        };
        assert_eq!(find(body), Some(expected));
    }

    #[test]
    fn reads_responses_whole_and_as_the_last_event() {
        let usage = r#"{"input_tokens":36,"input_tokens_details":{"cached_tokens":8},"output_tokens":87,
            "output_tokens_details":{"reasoning_tokens":64},"total_tokens":123}"#;
        let expected = Some(Usage {
            prompt_tokens: 36,
            completion_tokens: 87,
            total_tokens: 123,
            cached_tokens: 8,
            reasoning_tokens: 64,
        });
        let whole = format!(r#"{{"object":"response","usage":{usage}}}"#);
        assert_eq!(find(whole.as_bytes()), expected);
        let event = format!(r#"{{"type":"response.completed","response":{{"usage":{usage}}}}}"#);
        assert_eq!(find(event.as_bytes()), expected);
    }

    #[test]
    fn reads_embeddings_and_adds_up_a_missing_total() {
        let found = find(br#"{"usage":{"prompt_tokens":8,"total_tokens":8}}"#).unwrap();
        assert_eq!((found.prompt_tokens, found.total_tokens), (8, 8));
        let found = find(br#"{"usage":{"prompt_tokens":8,"completion_tokens":2}}"#).unwrap();
        assert_eq!(found.total_tokens, 10);
        let huge = br#"{"usage":{"prompt_tokens":18446744073709551615,"completion_tokens":2}}"#;
        assert_eq!(find(huge).unwrap().total_tokens, u64::MAX);
    }

    #[test]
    fn odd_counts_are_not_counts() {
        let body = br#"{"usage":{"prompt_tokens":12.0,"completion_tokens":"7","total_tokens":-1,
            "prompt_tokens_details":null,"completion_tokens_details":{"reasoning_tokens":null}}}"#;
        let expected = Usage {
            prompt_tokens: 12,
            total_tokens: 12,
            ..Usage::default()
        };
        assert_eq!(find(body), Some(expected));
    }

    #[test]
    fn no_tokens_is_no_usage() {
        for body in [
            "",
            "{}",
            "[1]",
            r#"{"usage":null}"#,
            r#"{"usage":{}}"#,
            r#"{"usage":[1]}"#,
            r#"{"usage":{"type":"duration","seconds":3}}"#,
            r#"{"response":{"usage":null}}"#,
            r#"{"response":3}"#,
            r#"{"usage":{"prompt_tokens":8}"#,
        ] {
            assert_eq!(find(body.as_bytes()), None, "{body}");
        }
        assert_eq!(
            find(b"{\"usage\":{\"prompt_tokens\":8},\"x\":\"\xff\"}"),
            None
        );
    }
}
