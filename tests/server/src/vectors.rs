//! Deterministic text vectors: words, pairs of words and character n-grams, hashed with a sign into `dims` places,
//! and a little noise.
//!
//! Texts that share words or parts of words come out near each other, which is all that tests and examples need of
//! an embedding. The same text gives the same vector on every machine.

/// One thing embedded: a text or token ids.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Input {
    Text(String),
    Tokens(Vec<i64>),
}

/// The share of a vector's length that is noise of its own.
///
/// A short text has few features, and a vector of mostly zeros would be a third of the usual size as JSON: benchmarks
/// would measure a server that does not exist.
const NOISE: f64 = 0.1;

/// The unit vector of `input`.
pub(crate) fn embed(input: &Input, dims: usize) -> Vec<f32> {
    let mut sum = Sum {
        vector: vec![0.0; dims],
        seed: 0,
    };
    match input {
        Input::Text(text) => sum.add_text(text),
        Input::Tokens(tokens) => sum.add_tokens(tokens),
    }
    sum.add_noise();
    let norm = length(&sum.vector);
    sum.vector
        .into_iter()
        .map(|value| (value / norm) as f32)
        .collect()
}

fn length(vector: &[f64]) -> f64 {
    vector.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// The features seen so far.
struct Sum {
    vector: Vec<f64>,
    /// Depends on every feature: the noise is the same for the same features.
    seed: u64,
}

impl Sum {
    fn add_text(&mut self, text: &str) {
        let lower = text.to_lowercase();
        let words = lower
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty());
        let mut previous: Option<&str> = None;
        let mut padded = Vec::new();
        for word in words {
            // Short words are mostly grammar: they say less of what a text is about.
            let size = word.chars().count().min(8) as f64 / 4.0;
            let weight = (size * size).min(2.0);
            self.add(hash(b"word", word.as_bytes()), weight);
            if let Some(previous) = previous {
                self.add(hash(previous.as_bytes(), word.as_bytes()), 0.5);
            }
            padded.clear();
            padded.push('<');
            padded.extend(word.chars());
            padded.push('>');
            let share = weight / padded.len() as f64;
            for size in 3..=5 {
                for gram in padded.windows(size) {
                    self.add(hash_chars(gram), share);
                }
            }
            previous = Some(word);
        }
        if previous.is_none() {
            // Nothing but punctuation: the noise alone tells such texts apart.
            self.seed = hash(b"no word", text.as_bytes());
        }
    }

    fn add_tokens(&mut self, tokens: &[i64]) {
        let mut previous: Option<i64> = None;
        for &token in tokens {
            self.add(hash(b"token", &token.to_le_bytes()), 1.0);
            if let Some(previous) = previous {
                self.add(hash(&previous.to_le_bytes(), &token.to_le_bytes()), 0.5);
            }
            previous = Some(token);
        }
    }

    /// Adds a feature: its hash says in which place, the hash's top bit with which sign.
    fn add(&mut self, hash: u64, weight: f64) {
        let place = (hash % self.vector.len() as u64) as usize;
        self.vector[place] += if hash >> 63 == 0 { weight } else { -weight };
        self.seed = self.seed.wrapping_add(spread(hash));
    }

    /// Makes every place non-zero, also where there is no feature or all of them cancelled.
    fn add_noise(&mut self) {
        let features = length(&self.vector);
        let scale = if features < 1e-9 {
            1.0
        } else {
            features * NOISE
        };
        // Uniform values of this size have the length `scale` together.
        let most = scale * (3.0 / self.vector.len() as f64).sqrt();
        for (place, value) in self.vector.iter_mut().enumerate() {
            let bits = spread(self.seed.wrapping_add(place as u64)) >> 12;
            // From -1 to 1 in odd steps, so never 0.
            let uniform = (bits as f64 + 0.5) / (1_u64 << 51) as f64 - 1.0;
            *value += most * uniform;
        }
    }
}

/// FNV-1a over both parts and a separator, then a finalizer that spreads the result over all bits.
fn hash(left: &[u8], right: &[u8]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for byte in left.iter().chain(&[0xff]).chain(right) {
        state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    spread(state)
}

fn hash_chars(gram: &[char]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for &char in gram {
        state = (state ^ u64::from(u32::from(char))).wrapping_mul(0x0000_0100_0000_01b3);
    }
    spread(state)
}

/// The finalizer of SplitMix64; also makes request ids out of a counter.
pub(crate) fn spread(mut state: u64) -> u64 {
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str, dims: usize) -> Vec<f32> {
        embed(&Input::Text(text.to_owned()), dims)
    }

    fn cosine(left: &str, right: &str, dims: usize) -> f32 {
        text(left, dims)
            .iter()
            .zip(text(right, dims))
            .map(|(a, b)| a * b)
            .sum()
    }

    #[test]
    fn vectors_have_length_one_at_any_size() {
        for dims in [1, 2, 3, 256, 1536, 8192] {
            for words in ["", "?!", "a", "the quick brown fox", "日本語のテキスト"] {
                let vector = text(words, dims);
                let norm: f32 = vector.iter().map(|value| value * value).sum();
                assert_eq!(vector.len(), dims);
                assert!((norm - 1.0).abs() < 1e-4, "{words:?} at {dims}: {norm}");
            }
        }
    }

    #[test]
    fn short_texts_have_no_zeros() {
        for words in ["a", "?", "two words"] {
            assert!(text(words, 1536).iter().all(|&value| value != 0.0));
        }
        assert_ne!(text("?", 16), text("!", 16));
    }

    #[test]
    fn paraphrases_are_nearer_than_strangers() {
        let pairs = [
            (
                "How do I reset my password?",
                "I forgot my password, how can I reset it?",
            ),
            ("The cat sleeps on the sofa", "A cat is sleeping on a sofa"),
            (
                "Database connections are pooled",
                "The pool keeps database connections open",
            ),
            (
                "Rain is expected in Berlin tomorrow",
                "Tomorrow Berlin expects heavy rain",
            ),
            (
                "Invoice overdue, please pay",
                "Please pay the overdue invoice",
            ),
        ];
        for dims in [256, 1536, 3072] {
            for (index, (left, right)) in pairs.iter().enumerate() {
                let near = cosine(left, right, dims);
                for (other, (_, stranger)) in pairs.iter().enumerate() {
                    let far = cosine(left, stranger, dims);
                    assert!(
                        index == other || near > far + 0.1,
                        "{dims}: {left:?} is {near} from {right:?} and {far} from {stranger:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn case_and_punctuation_do_not_matter_but_word_order_does() {
        assert_eq!(text("Hello, World!", 64), text("hello world", 64));
        assert_ne!(text("dog bites man", 64), text("man bites dog", 64));
    }

    #[test]
    fn the_same_text_has_the_same_vector_for_ever() {
        // Pinned: benchmarks and stored fixtures rely on it.
        let bits: Vec<u32> = text("hello", 4)
            .iter()
            .map(|value| value.to_bits())
            .collect();
        assert_eq!(bits, PINNED);
    }

    const PINNED: [u32; 4] = [1_063_026_463, 3_196_994_657, 3_192_214_827, 1_052_911_182];

    #[test]
    fn token_ids_are_embedded_too() {
        let embed = |tokens: &[i64]| embed(&Input::Tokens(tokens.to_vec()), 256);
        let near: f32 = embed(&[1, 2, 3])
            .iter()
            .zip(embed(&[1, 2, 4]))
            .map(|(a, b)| a * b)
            .sum();
        let far: f32 = embed(&[1, 2, 3])
            .iter()
            .zip(embed(&[7, 8, 9]))
            .map(|(a, b)| a * b)
            .sum();
        assert!(near > far + 0.2, "{near} {far}");
    }
}
