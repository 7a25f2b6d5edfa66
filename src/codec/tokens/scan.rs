//! Walks over the bytes of a JSON object once, without a stack, a copy or a check: the server will judge the body.
//!
//! Whatever the bytes are it ends, since each step goes forward; of a body that is no JSON it finds something or nothing.

use memchr::{memchr_iter, memchr2};

/// The members whose values are text that the model reads. Names, roles, types, ids and pictures are not.
const TEXTS: [&[u8]; 5] = [b"content", b"text", b"input", b"arguments", b"output"];

/// Something that costs tokens.
pub enum Value<'a> {
    /// The inside of a JSON string, as it is written.
    Text(&'a [u8]),
    /// The id of a token.
    Token,
}

/// A place in a JSON object.
pub struct Scan<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    pub fn new(body: &'a [u8]) -> Scan<'a> {
        Scan { body, at: 0 }
    }

    /// The key of the next member of the outermost object. Its value must be taken by one of the others.
    pub fn member(&mut self) -> Option<&'a [u8]> {
        let before = if self.at == 0 { b'{' } else { b',' };
        let found = self.take(before) && self.take(b'"');
        let key = found.then(|| self.string())?;
        self.take(b':').then_some(key)
    }

    /// A value that should be a count; anything else is 0.
    pub fn integer(&mut self) -> u64 {
        self.space();
        let digits = match self.peek() {
            Some(b'0'..=b'9') => self.scalar(),
            _ => {
                self.skip();
                return 0;
            }
        };
        let digits = std::str::from_utf8(digits).unwrap_or_default();
        digits.parse().unwrap_or(0)
    }

    /// A value that should be a string.
    #[cfg(feature = "exact-tokens")]
    pub fn text(&mut self) -> &'a [u8] {
        if self.take(b'"') {
            return self.string();
        }
        self.skip();
        b""
    }

    /// A value of any kind, which does not matter.
    pub fn skip(&mut self) {
        let mut depth = 0u64;
        loop {
            self.space();
            match self.peek() {
                None => return,
                Some(b'"') => {
                    self.at += 1;
                    self.string();
                }
                Some(b'{' | b'[') => {
                    self.at += 1;
                    depth += 1;
                }
                Some(b'}' | b']') if depth == 0 => return,
                Some(b'}' | b']') => {
                    self.at += 1;
                    depth -= 1;
                }
                Some(b',' | b':') if depth > 0 => self.at += 1,
                Some(_) => {
                    self.scalar();
                }
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Tells of each text in a value: a string, or those below it that are meant to be read.
    pub fn texts(&mut self, mut tell: impl FnMut(Value<'a>)) {
        let mut depth = 0u64;
        loop {
            self.space();
            match self.peek() {
                None => return,
                Some(b'"') => {
                    self.at += 1;
                    let text = self.string();
                    // Only a key is followed by a colon, so what encloses it need not be remembered.
                    if depth == 0 || !self.take(b':') {
                        tell(Value::Text(text));
                    } else if !TEXTS.contains(&text) {
                        self.skip();
                    }
                }
                Some(b'{' | b'[') => {
                    self.at += 1;
                    depth += 1;
                }
                Some(b'}' | b']') if depth == 0 => return,
                Some(b'}' | b']') => {
                    self.at += 1;
                    depth -= 1;
                }
                Some(b',' | b':') if depth > 0 => self.at += 1,
                Some(_) => {
                    let scalar = self.scalar();
                    let digits = scalar.strip_prefix(b"-").unwrap_or(scalar);
                    if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
                        tell(Value::Token);
                    }
                }
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// The inside of a string whose quote was taken, and goes behind its end.
    fn string(&mut self) -> &'a [u8] {
        let start = self.at;
        loop {
            let rest = self.body.get(self.at..).unwrap_or_default();
            let Some(found) = memchr2(b'"', b'\\', rest) else {
                self.at = self.body.len();
                return &self.body[start.min(self.at)..];
            };
            let end = self.at + found;
            if self.body[end] == b'"' {
                self.at = end + 1;
                return &self.body[start..end];
            }
            self.at = end + 2;
        }
    }

    /// A number, a literal, or one byte of what is none.
    fn scalar(&mut self) -> &'a [u8] {
        let rest = &self.body[self.at..];
        let ends = |byte: &u8| {
            matches!(
                byte,
                b',' | b']' | b'}' | b':' | b'"' | b' ' | b'\n' | b'\r' | b'\t'
            )
        };
        let length = rest.iter().position(ends).unwrap_or(rest.len()).max(1);
        self.at += length;
        &rest[..length]
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    /// Goes behind the byte if it is what comes next.
    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }
}

/// The characters of a JSON string whose inside is `escaped`.
pub fn characters(escaped: &[u8]) -> u64 {
    // A block's count fits a byte, which keeps the loop in vector registers.
    let blocks = escaped.chunks_exact(128);
    let rest = first_bytes(blocks.remainder());
    let whole: u64 = blocks.map(|block| u64::from(first_bytes(block))).sum();
    (whole + u64::from(rest)).saturating_sub(escapes(escaped))
}

/// Bytes that begin a character; at most 255 are looked at.
fn first_bytes(text: &[u8]) -> u8 {
    text.iter()
        .map(|byte| u8::from((*byte as i8) >= -0x40))
        .sum()
}

/// By how many more bytes than characters the escapes are written.
fn escapes(escaped: &[u8]) -> u64 {
    let (mut more, mut next) = (0, 0);
    // Where the second half of a pair must be, if the first has just been seen.
    let mut second_half = None;
    for at in memchr_iter(b'\\', escaped) {
        if at < next {
            continue;
        }
        match &escaped[at + 1..] {
            [b'u', d1, d2, _, _, ..] => {
                let half = (d1 | 0x20, d2.to_ascii_lowercase());
                let pair = second_half == Some(at) && matches!(half, (b'd', b'c'..=b'f'));
                more += if pair { 6 } else { 5 };
                next = at + 6;
                second_half = matches!(half, (b'd', b'8' | b'9' | b'a' | b'b')).then_some(next);
            }
            [] => {}
            _ => {
                more += 1;
                next = at + 2;
            }
        }
    }
    more
}
