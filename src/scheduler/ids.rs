//! A hash for tables by request id, which every request passes through several times.
//!
//! Ids are counted up by this library, so nobody can choose them to collide, and the standard hash's defence against
//! that is not needed.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A table by request id.
pub type ById<T> = HashMap<u64, T, BuildHasherDefault<IdHasher>>;

/// Spreads consecutive numbers over all bits, as `HashMap` needs them: Fibonacci hashing.
#[derive(Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        let spread = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ (spread >> 32);
    }
}
