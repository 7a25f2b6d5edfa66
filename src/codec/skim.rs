//! Takes named members out of a JSON object that nobody has to check, several times faster than [`super::object`].
//!
//! `usage` calls it for every answer, however large, and `client` for every request, whose JSON was checked before. It
//! only tells strings and brackets apart: of a body that is no JSON it finds something or nothing, and ends. It
//! allocates nothing and never recurses.

use memchr::memchr2;

use super::object::pick;

/// The members of the object `json` that `keys` name, in that order; `None` if `json` does not begin and end as one
/// object. A key given twice counts the last time.
pub fn skim<'a, const N: usize>(json: &'a str, keys: [&str; N]) -> Option<[Option<&'a str>; N]> {
    let mut walk = Walk {
        json: json.as_bytes(),
        at: 0,
    };
    let mut found = [None; N];
    if !walk.take(b'{') {
        return None;
    }
    if walk.take(b'}') {
        return walk.is_over().then_some(found);
    }
    loop {
        let key = if walk.take(b'"') {
            walk.string()?
        } else {
            return None;
        };
        if key.contains(&b'\\') {
            // It may be one of them, written otherwise.
            return pick(json, keys);
        }
        if !walk.take(b':') {
            return None;
        }
        walk.space();
        let start = walk.at;
        walk.value()?;
        if let Some(place) = keys.iter().position(|known| known.as_bytes() == key) {
            found[place] = json.get(start..walk.at);
        }
        if !walk.take(b',') {
            break;
        }
    }
    (walk.take(b'}') && walk.is_over()).then_some(found)
}

/// A place in a JSON text.
struct Walk<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    /// Goes behind a value of any kind; `None` if there is none, or it does not end.
    fn value(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => {
                self.at += 1;
                self.string()?;
            }
            b'{' | b'[' => self.nested()?,
            _ => {
                let rest = &self.json[self.at..];
                let ends =
                    |byte: &u8| matches!(byte, b',' | b'}' | b']' | b':' | b'"') || is_space(*byte);
                let length = rest.iter().position(ends).unwrap_or(rest.len());
                self.at += length;
                return (length > 0).then_some(());
            }
        }
        Some(())
    }

    /// Goes behind an object or array.
    fn nested(&mut self) -> Option<()> {
        let mut depth = 0u64;
        loop {
            let rest = &self.json[self.at..];
            let found = rest.iter().position(|byte| SPECIAL[usize::from(*byte)])?;
            self.at += found + 1;
            match rest[found] {
                b'"' => drop(self.string()?),
                b'{' | b'[' => depth += 1,
                _ if depth == 1 => return Some(()),
                _ => depth -= 1,
            }
        }
    }

    /// The inside of a string whose quote was taken, as it is written; goes behind its end.
    fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        loop {
            let rest = self.json.get(self.at..)?;
            let found = memchr2(b'"', b'\\', rest)?;
            let end = self.at + found;
            if rest[found] == b'"' {
                self.at = end + 1;
                return Some(&self.json[start..end]);
            }
            self.at = end + 2;
        }
    }

    /// Goes behind the byte if it is what comes next.
    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn is_over(&mut self) -> bool {
        self.space();
        self.at == self.json.len()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// The bytes that matter inside an object or array.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut bytes: &[u8] = b"\"{}[]";
    while let [byte, rest @ ..] = bytes {
        special[*byte as usize] = true;
        bytes = rest;
    }
    special
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn takes_members_as_written_and_skips_the_rest() {
        let json = r#" { "a" : {"deep":[1, "]}\"", {}]}, "x": "no", "b":1e2 , "c":"\\" } "#;
        assert_eq!(
            skim(json, ["b", "a", "c", "d"]),
            Some([
                Some("1e2"),
                Some(r#"{"deep":[1, "]}\"", {}]}"#),
                Some(r#""\\""#),
                None
            ])
        );
        assert_eq!(skim("{}", ["a"]), Some([None]));
        assert_eq!(skim(r#"{"a":1,"a":2}"#, ["a"]), Some([Some("2")]));
        assert_eq!(skim(r#"{"\u0061":1}"#, ["a"]), Some([Some("1")]));
    }

    #[test]
    fn what_does_not_begin_and_end_as_one_object_is_refused() {
        for json in [
            "",
            "[]",
            "null",
            "{",
            "}",
            "{,}",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":1} x"#,
            r#"{"a":1"#,
            r#"{"a":"1"#,
            r#"{"a":"1\"#,
            r#"{"a":[1}"#,
            r#"{"a":1:2}"#,
            r#"{a:1}"#,
            r#"{"a":1 2}"#,
        ] {
            assert_eq!(skim(json, ["a"]), None, "{json}");
        }
    }

    #[test]
    fn deep_nesting_blows_the_stack_of_neither_reader() {
        let deep = format!(
            "{{\"x\":{}{},\"a\":1}}",
            "[".repeat(200_000),
            "]".repeat(200_000)
        );
        assert_eq!(skim(&deep, ["a"]), Some([Some("1")]));
        assert_eq!(pick(&deep, ["a"]), Some([Some("1")]));
    }

    /// JSON values, with the keys that are looked for at any depth.
    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            "[a\\\\\"{}\\[\\],:é ]{0,6}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::vec(("[ab\\\\\"é]{0,2}", inner), 0..4)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn of_json_it_takes_what_a_reader_of_json_does(value in value(), pretty: bool) {
            let json = if pretty {
                serde_json::to_string_pretty(&value).unwrap()
            } else {
                value.to_string()
            };
            prop_assert_eq!(skim(&json, ["a", "b"]), pick(&json, ["a", "b"]));
        }

        #[test]
        fn whatever_the_text_is_it_ends(text in "[{}\\[\\]\",:a\\\\1é ]{0,40}") {
            if let Some(picked) = pick(&text, ["a"]) {
                prop_assert_eq!(skim(&text, ["a"]), Some(picked));
            } else {
                skim(&text, ["a"]);
            }
        }
    }
}
