//! Bytes as C wants them: with one NUL behind the last, which is not counted.

use std::ops::Deref;

/// Owned bytes with a NUL behind them. It dereferences to the bytes without it.
#[derive(Debug, Default)]
pub struct WithNul(Vec<u8>);

impl WithNul {
    /// The bytes and the NUL.
    pub fn with_nul(&self) -> &[u8] {
        if self.0.is_empty() { b"\0" } else { &self.0 }
    }

    /// The memory that they hold.
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl From<Vec<u8>> for WithNul {
    fn from(mut bytes: Vec<u8>) -> WithNul {
        bytes.push(0);
        WithNul(bytes)
    }
}

impl From<&[u8]> for WithNul {
    fn from(bytes: &[u8]) -> WithNul {
        let mut copy = Vec::with_capacity(bytes.len() + 1);
        copy.extend_from_slice(bytes);
        copy.into()
    }
}

impl Deref for WithNul {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.split_last().map_or(&[], |(_, bytes)| bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nul_is_there_and_not_counted() {
        for (bytes, text) in [
            (WithNul::default(), ""),
            (Vec::new().into(), ""),
            (b"a\0b".as_slice().into(), "a\0b"),
            (b"a\0b".to_vec().into(), "a\0b"),
        ] {
            assert_eq!(&*bytes, text.as_bytes());
            assert_eq!(bytes.with_nul(), [text.as_bytes(), b"\0"].concat());
        }
    }
}
