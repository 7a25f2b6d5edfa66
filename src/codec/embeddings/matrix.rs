//! The matrix of an answer while it is read: rows are appended as base64 or number by number, checked to be equally
//! long, and put in the order of their indices at the end. Only [`super`] and its parts use it.

use std::mem::MaybeUninit;

use base64_simd::{AsOut, STANDARD_NO_PAD};

use super::count;
use crate::codec::floats::Floats;

/// The matrix as it grows, a row at a time.
pub(super) struct Matrix {
    pub(super) data: Floats,
    pub(super) rows: usize,
    pub(super) dims: usize,
    pub(super) expected_rows: usize,
    pub(super) body_len: usize,
    /// All rows are in `data` already and `rows` counts those that were met, if they were cut out of the body.
    pub(super) cut: Option<Cut>,
}

/// The rows that were cut out of a body, for whoever reads what was left of it.
pub(super) struct Cut {
    /// The address of what was left.
    pub(super) text: usize,
    /// Where in it the rows stood.
    pub(super) places: Vec<usize>,
    /// How many.
    pub(super) rows: usize,
}

impl Matrix {
    pub(super) fn new(body_len: usize, expected_rows: usize) -> Matrix {
        Matrix {
            data: Floats::new(),
            rows: 0,
            dims: 0,
            expected_rows,
            body_len,
            cut: None,
        }
    }

    /// Counts the next of the rows that were cut out, if it was so just where `text` is.
    pub(super) fn meet(&mut self, text: &[u8]) -> bool {
        let met = self.cut.as_ref().is_some_and(|cut| {
            let place = text.as_ptr().addr().wrapping_sub(cut.text);
            text.is_empty() && cut.places.get(self.rows) == Some(&place)
        });
        self.rows += usize::from(met);
        met
    }

    /// Refuses further rows once some were cut out.
    pub(super) fn is_open(&self) -> std::result::Result<(), &'static str> {
        match self.cut {
            None => Ok(()),
            Some(_) => Err("it was not cut out"),
        }
    }

    /// Appends the row that `text` holds in base64, with or without padding.
    pub(super) fn push_base64(&mut self, text: &[u8]) -> std::result::Result<(), String> {
        let digits = match text {
            [digits @ .., b'=', b'='] | [digits @ .., b'='] if text.len() % 4 == 0 => digits,
            _ => text,
        };
        // A last group of one digit is half a byte; the decoder refuses it.
        let bytes = digits.len() / 4 * 3 + (digits.len() % 4).saturating_sub(1);
        let dims = bytes / 4;
        if bytes % 4 != 0 {
            return Err(invalid_base64(digits).unwrap_or_else(|| {
                format!("its base64 holds {bytes} bytes, which is no whole number of 4-byte floats")
            }));
        }
        self.check_dims(dims)?;
        self.reserve(dims, text.len());
        let start = self.data.len();
        let room = &mut self.data.spare_capacity_mut()[..dims];
        // SAFETY: the pointer and length are those of `room`, seen as bytes: 4 for each f32, at an alignment of 1.
        // `room` is borrowed mutably for as long as the view lives, and any byte may be written into it.
        let room = unsafe {
            std::slice::from_raw_parts_mut(room.as_mut_ptr().cast::<MaybeUninit<u8>>(), bytes)
        };
        match STANDARD_NO_PAD.decode(digits, room.as_out()) {
            Ok(written) if written.len() == bytes => {}
            _ => {
                return Err(invalid_base64(digits).unwrap_or_else(|| {
                    "its base64 is invalid: it ends in the middle of a byte".to_owned()
                }));
            }
        }
        // SAFETY: the decoder has just written all `bytes` bytes of the `dims` values behind the old length, they lie
        // within the capacity, and every bit pattern is a valid f32.
        unsafe { self.data.set_len(start + dims) };
        // The wire is little-endian; where the machine is too, this compiles to nothing.
        for value in &mut self.data[start..] {
            *value = f32::from_bits(u32::from_le(value.to_bits()));
        }
        self.rows += 1;
        Ok(())
    }

    /// Ends the row whose values were pushed onto `data` one by one.
    pub(super) fn end_row(&mut self) -> std::result::Result<(), String> {
        let dims = self.data.len() - self.rows * self.dims;
        self.check_dims(dims)?;
        if self.rows == 0 {
            // Each value takes two bytes of the body, a digit and a comma.
            let room = dims
                .saturating_mul(self.expected_rows)
                .min(self.body_len / 2);
            self.data.reserve_exact(room.saturating_sub(dims));
        }
        self.dims = dims;
        self.rows += 1;
        Ok(())
    }

    fn check_dims(&self, dims: usize) -> std::result::Result<(), String> {
        if dims == 0 {
            return Err("its embedding is empty".to_owned());
        }
        if self.rows > 0 && dims != self.dims {
            let values = count(dims, "value");
            return Err(format!("it has {values}, but data[0] has {}", self.dims));
        }
        Ok(())
    }

    /// Makes room for a row of `dims` values that took `text_len` bytes of the body: at the first for all rows, as far
    /// as the body can hold as many.
    fn reserve(&mut self, dims: usize, text_len: usize) {
        if self.rows == 0 {
            let rows = self.expected_rows.min(self.body_len / text_len).max(1);
            self.data.reserve_exact(dims * rows);
        } else {
            self.data.reserve(dims);
        }
        self.dims = dims;
    }

    /// Moves each row `i` to `places[i]`; the rows are all there, so every place must be taken once.
    pub(super) fn reorder(&mut self, mut places: Vec<usize>) -> std::result::Result<(), String> {
        let mut taken = vec![false; self.rows];
        for (item, &place) in places.iter().enumerate() {
            if std::mem::replace(&mut taken[place], true) {
                return Err(format!("data[{item}]: index {place} came twice"));
            }
        }
        for row in 0..self.rows {
            // Each swap brings one row home, so there are fewer swaps than rows.
            while places[row] != row {
                let home = places[row];
                self.swap_rows(row, home);
                places.swap(row, home);
            }
        }
        Ok(())
    }

    fn swap_rows(&mut self, a: usize, b: usize) {
        let (low, high) = (a.min(b), a.max(b));
        let (head, tail) = self.data.split_at_mut(high * self.dims);
        head[low * self.dims..][..self.dims].swap_with_slice(&mut tail[..self.dims]);
    }
}

/// Names the first character of `digits` that is none.
fn invalid_base64(digits: &[u8]) -> Option<String> {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let place = digits.iter().position(|byte| !is_digit(byte))?;
    let byte = digits[place].escape_ascii();
    Some(format!(
        "its base64 is invalid: '{byte}' at character {place}"
    ))
}
