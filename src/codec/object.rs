//! Takes named members out of a JSON object, as the bytes they came in, without building a tree of the rest.
//!
//! `usage`, `api_error` and `fold` call it. A key given twice counts the last time, as in other JSON readers.
//! It allocates nothing for the members and never recurses, so a hostile body cannot blow memory or the stack.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of the object `json` that `keys` name, in that order; `None` if `json` is not one valid JSON object.
pub fn pick<'a, const N: usize>(json: &'a str, keys: [&str; N]) -> Option<[Option<&'a str>; N]> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let picked = Picker { keys }.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some(picked)
}

/// The value of a JSON string; `None` if `json` is anything else.
///
/// Half a surrogate pair, which is no character but which some servers send, becomes U+FFFD.
pub fn text(json: &str) -> Option<String> {
    struct Text;
    impl Visitor<'_> for Text {
        type Value = String;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }
        fn visit_bytes<E>(self, text: &[u8]) -> Result<String, E> {
            Ok(String::from_utf8_lossy(text).into_owned())
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let text = deserializer.deserialize_bytes(Text).ok()?;
    deserializer.end().ok()?;
    Some(text)
}

/// `text` as a JSON string.
pub fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

struct Picker<'k, const N: usize> {
    keys: [&'k str; N],
}

impl<'de, const N: usize> DeserializeSeed<'de> for Picker<'_, N> {
    type Value = [Option<&'de str>; N];

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Picker<'_, N> {
    type Value = [Option<&'de str>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut picked = [None; N];
        while let Some(place) = map.next_key_seed(KeyPlace { keys: &self.keys })? {
            match place {
                Some(place) => picked[place] = Some(map.next_value::<&RawValue>()?.get()),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(picked)
    }
}

/// Reads a key as its place in `keys`, without keeping its text.
struct KeyPlace<'k> {
    keys: &'k [&'k str],
}

impl<'de> DeserializeSeed<'de> for KeyPlace<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyPlace<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.keys.iter().position(|known| *known == key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_members_as_written_and_skips_the_rest() {
        let json = r#"{ "a" : {"deep":[1, 2]}, "x": "no", "\u0062": 1e2 }"#;
        assert_eq!(
            pick(json, ["b", "a", "c"]),
            Some([Some("1e2"), Some(r#"{"deep":[1, 2]}"#), None])
        );
    }

    #[test]
    fn a_key_given_twice_counts_the_last_time() {
        assert_eq!(pick(r#"{"a":1,"a":2}"#, ["a"]), Some([Some("2")]));
    }

    #[test]
    fn anything_but_one_whole_object_is_refused() {
        for json in [
            "",
            "[]",
            "null",
            "{",
            r#"{"a":}"#,
            r#"{"a":1} x"#,
            r#"{"a":1"#,
        ] {
            assert_eq!(pick(json, ["a"]), None, "{json}");
        }
    }

    #[test]
    fn reads_and_writes_strings() {
        for plain in ["", "a", "é\n\"\\\0\u{1f600}"] {
            assert_eq!(text(&quote(plain)).as_deref(), Some(plain));
        }
        assert_eq!(text(r#""\ud83d\ude00\/""#).as_deref(), Some("\u{1f600}/"));
        assert!(text(r#""a\ud83db""#).unwrap().starts_with("a\u{fffd}"));
        for other in ["", "1", "null", "[]", "\"a", "\"a\" b"] {
            assert_eq!(text(other), None, "{other}");
        }
    }
}
