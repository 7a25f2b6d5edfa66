//! The decode hot path: the JSON of an embeddings answer to one row-major float32 matrix.
//!
//! The client calls it with a whole body, or part by part ([`Decoder`]). base64 is decoded from the body straight into the
//! matrix, the only copy; lists of floats, from servers that know no base64, are parsed straight into it as well. What is
//! allocated is bounded by the size of the body, whatever counts the body claims. A wrong answer is an error that names
//! the item, never a panic and never a matrix with a row at the wrong place.

mod matrix;
mod parts;

use std::fmt;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use self::matrix::{Cut, Matrix};
pub use self::parts::Decoder;
use super::api_error;
use super::floats::Floats;
use super::usage::{self, Usage};
use crate::error::{Error, Result};
use crate::status;

/// One embedding per input, in the order of the inputs.
#[derive(Debug)]
pub struct Embeddings {
    /// `rows` times `dims` values, row after row. They are the server's bits: NaN and infinities pass through base64.
    pub data: Floats,
    /// How many embeddings.
    pub rows: usize,
    /// How many values each has; 0 only when there are no rows.
    pub dims: usize,
    /// The tokens it cost, if the server said.
    pub usage: Option<Usage>,
}

/// Decodes the answer to `expected_rows` inputs.
///
/// Items are placed by their `index`; one without it belongs to the input at its own position.
pub fn decode(body: &[u8], expected_rows: usize) -> Result<Embeddings> {
    let mut answer = Answer::new(body.len(), expected_rows);
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = answer.deserialize(&mut json).and_then(|()| json.end());
    read.map_err(|error| answer.explain(&error, body))?;
    answer.finish().map_err(wrong)
}

/// `what` as an error of the answer.
fn wrong(what: impl fmt::Display) -> Error {
    let message = format!("the embeddings answer cannot be used: {what}");
    Error::new(status::DECODE, message)
}

/// What has been read of the answer. Reading goes through its `&mut`, so that an error can say how far it came.
struct Answer<'de> {
    matrix: Matrix,
    /// Where the matrix row `i` belongs. Kept only once an item came out of turn: the usual answer needs none.
    places: Option<Vec<usize>>,
    has_data: bool,
    /// The item being read.
    item: Option<usize>,
    usage: Option<&'de str>,
    error: Option<&'de str>,
}

impl<'de> Answer<'de> {
    fn new(body_len: usize, expected_rows: usize) -> Answer<'de> {
        Answer {
            matrix: Matrix::new(body_len, expected_rows),
            places: None,
            has_data: false,
            item: None,
            usage: None,
            error: None,
        }
    }

    fn explain(&self, error: &serde_json::Error, body: &[u8]) -> Error {
        let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
        if first.is_some_and(|byte| *byte != b'{') {
            // A sign-in page or a proxy's own words: the reader needs to see them.
            let what = api_error::parse(body).message;
            return wrong(format_args!("it is no JSON object: {what}"));
        }
        let item = self.item.map(|item| format!("data[{item}]: "));
        let item = item.unwrap_or_default();
        if error.is_eof() {
            let size = body.len();
            return wrong(format_args!(
                "{item}the JSON ends early, after {size} bytes"
            ));
        }
        wrong(format_args!("{item}{error}"))
    }

    fn finish(&mut self) -> std::result::Result<Embeddings, String> {
        let Matrix {
            rows,
            dims,
            expected_rows,
            ..
        } = self.matrix;
        if !self.has_data {
            return Err(match self.error.filter(|error| *error != "null") {
                Some(error) => format!(
                    "it holds an error: {}",
                    api_error::parse(error.as_bytes()).message
                ),
                None => "it has no `data`".to_owned(),
            });
        }
        if rows < expected_rows {
            let counts = format!(
                "{} for {}",
                count(rows, "row"),
                count(expected_rows, "input")
            );
            return Err(match self.places.as_deref().and_then(first_missing) {
                Some(index) => format!("{counts}; index {index} is missing"),
                None => counts,
            });
        }
        if let Some(places) = self.places.take() {
            self.matrix.reorder(places)?;
        }
        Ok(Embeddings {
            data: std::mem::take(&mut self.matrix.data),
            rows,
            dims,
            usage: self.usage.and_then(usage::parse),
        })
    }

    /// Notes that the row just read belongs at `index`.
    fn place(&mut self, index: usize) -> std::result::Result<(), String> {
        let expected_rows = self.matrix.expected_rows;
        if index >= expected_rows {
            let inputs = count(expected_rows, "input");
            return Err(format!("index {index} is out of range for {inputs}"));
        }
        let arrived = self.matrix.rows - 1;
        if self.places.is_none() && index != arrived {
            self.places = Some((0..arrived).collect());
        }
        if let Some(places) = &mut self.places {
            places.push(index);
        }
        Ok(())
    }
}

/// The smallest index that no row has.
fn first_missing(places: &[usize]) -> Option<usize> {
    let mut sorted = places.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    (0..=sorted.len()).find(|&index| sorted.get(index) != Some(&index))
}

/// `number` of `what`, in English.
fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

// ===== reading the JSON =====

impl<'de> DeserializeSeed<'de> for &mut Answer<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Answer<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `data`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        #[derive(Deserialize)]
        #[serde(field_identifier, rename_all = "snake_case")]
        enum Key {
            Data,
            Usage,
            Error,
            #[serde(other)]
            Other,
        }
        while let Some(key) = map.next_key()? {
            match key {
                Key::Data if self.has_data => return Err(A::Error::custom("`data` came twice")),
                Key::Data => {
                    self.has_data = true;
                    map.next_value_seed(Items(self))?;
                }
                Key::Usage => self.usage = Some(map.next_value::<&RawValue>()?.get()),
                Key::Error => self.error = Some(map.next_value::<&RawValue>()?.get()),
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// The list `data`.
struct Items<'a, 'de>(&'a mut Answer<'de>);

impl<'de> DeserializeSeed<'de> for Items<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`data` to be a list of embeddings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<(), A::Error> {
        loop {
            self.0.item = Some(self.0.matrix.rows);
            if items.next_element_seed(Item(self.0))?.is_none() {
                self.0.item = None;
                return Ok(());
            }
        }
    }
}

/// One item of `data`.
struct Item<'a, 'de>(&'a mut Answer<'de>);

impl<'de> DeserializeSeed<'de> for Item<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Item<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `embedding`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        #[derive(Deserialize)]
        #[serde(field_identifier, rename_all = "snake_case")]
        enum Key {
            Embedding,
            Index,
            #[serde(other)]
            Other,
        }
        let row = self.0.matrix.rows;
        let expected_rows = self.0.matrix.expected_rows;
        if row == expected_rows {
            let problem = format!("more rows than the {}", count(expected_rows, "input"));
            return Err(A::Error::custom(problem));
        }
        let mut index = None;
        while let Some(key) = map.next_key()? {
            match key {
                Key::Embedding if self.0.matrix.rows > row => {
                    return Err(A::Error::custom("`embedding` came twice"));
                }
                Key::Embedding => map.next_value_seed(Row(&mut self.0.matrix))?,
                Key::Index => index = map.next_value::<Option<usize>>()?,
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if self.0.matrix.rows == row {
            return Err(A::Error::custom("it has no `embedding`"));
        }
        self.0.place(index.unwrap_or(row)).map_err(A::Error::custom)
    }
}

/// The value of `embedding`: base64 or a list of numbers.
struct Row<'a>(&'a mut Matrix);

impl<'de> DeserializeSeed<'de> for Row<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<(), D::Error> {
        // As bytes, serde_json hands out a string without checking that it is UTF-8, and a list as a list.
        deserializer.deserialize_bytes(self)
    }
}

impl<'de> Visitor<'de> for Row<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`embedding` to be base64 or a list of numbers")
    }

    /// A string as it lies in the body.
    fn visit_borrowed_bytes<E: serde::de::Error>(
        self,
        text: &'de [u8],
    ) -> std::result::Result<(), E> {
        match self.0.meet(text) {
            true => Ok(()),
            false => self.visit_bytes(text),
        }
    }

    /// One with escapes (`\/` is legal), from a buffer of the parser.
    fn visit_bytes<E: serde::de::Error>(self, text: &[u8]) -> std::result::Result<(), E> {
        self.0.is_open().map_err(E::custom)?;
        self.0.push_base64(text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> std::result::Result<(), A::Error> {
        let matrix = self.0;
        matrix.is_open().map_err(A::Error::custom)?;
        while let Some(value) = values.next_element::<f64>()? {
            let narrow = value as f32;
            if narrow.is_infinite() {
                return Err(A::Error::custom(format!(
                    "{value:e} is too large for a 32-bit float"
                )));
            }
            matrix.data.push(narrow);
        }
        matrix.end_row().map_err(A::Error::custom)
    }
}

#[cfg(test)]
mod tests;
