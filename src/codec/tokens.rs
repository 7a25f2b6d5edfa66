//! What a request costs in tokens, as the server charges it against its limit before it runs the request.
//!
//! OpenAI charges the larger of what the request may write (`max_tokens` and its kin) and an estimate of what it holds,
//! a quarter of its characters. `client` calls [`charge`] for every request; it reads the body once, builds nothing,
//! allocates nothing and never fails: what is no JSON object, or breaks off, costs what could be read of it.
//!
//! With the feature `exact-tokens` the text is counted with the model's own encoding where that is known.

#[cfg(feature = "exact-tokens")]
mod exact;
mod scan;

use scan::{Scan, Value};

/// Characters of one token, as OpenAI estimates.
const CHARACTERS: u64 = 4;

/// The most that a request is charged: more than any server allows, and so little that ten million of them add up to
/// less than 2^64.
const MOST: u64 = 1 << 40;

/// What a request with this JSON body is charged, at least 1.
pub fn charge(body: &[u8]) -> u64 {
    #[cfg(feature = "exact-tokens")]
    if let Some(counted) = exact::Counted::with_model_of(body) {
        return charge_by(body, counted);
    }
    charge_by(body, Estimated::default())
}

fn charge_by(body: &[u8], mut tally: impl Tally) -> u64 {
    let mut most = 0;
    let mut scan = Scan::new(body);
    while let Some(key) = scan.member() {
        match key {
            b"max_tokens" | b"max_completion_tokens" | b"max_output_tokens" => {
                most = most.max(scan.integer());
            }
            b"input" | b"messages" | b"prompt" | b"instructions" => {
                scan.texts(|value| tally.add(value));
            }
            _ => scan.skip(),
        }
    }
    most.max(tally.tokens()).clamp(1, MOST)
}

/// Adds up the texts of one request.
trait Tally {
    fn add(&mut self, value: Value<'_>);
    fn tokens(&self) -> u64;
}

/// By their characters, a token id for those of one token.
#[derive(Default)]
struct Estimated {
    characters: u64,
}

impl Tally for Estimated {
    fn add(&mut self, value: Value<'_>) {
        self.characters += match value {
            Value::Text(escaped) => scan::characters(escaped),
            Value::Token => CHARACTERS,
        };
    }

    fn tokens(&self) -> u64 {
        self.characters.div_ceil(CHARACTERS)
    }
}

#[cfg(test)]
mod tests;
