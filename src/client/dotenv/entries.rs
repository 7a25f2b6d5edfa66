//! Cuts a `.env` file into entries and lets dotenvy parse each.
//!
//! An entry is one line, or several when a quoted value spans them. Where it ends is found here by dotenvy's own rules
//! for quotes, so that after a malformed line the next one is read, and so that references (`$NAME`, `${NAME}`) can be
//! renamed on the way: under the prefix they only ever find what stands higher in the same file.

use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::io::{self, Read};
use std::iter::Peekable;
use std::rc::Rc;
use std::str::Chars;

/// No process variable has such a name: shells and `env` files cannot make names with a dot.
const PREFIX: &str = "oaic.dotenv.";

const BOM: &[u8] = b"\xEF\xBB\xBF";

/// One `NAME=value`.
pub struct Entry {
    /// The name.
    pub name: String,
    /// The value without quotes, with references replaced.
    pub value: String,
    /// The number of the line where it begins.
    pub line: usize,
    /// It refers to a name that the file does not define above it.
    pub undefined: bool,
}

/// Why a line is no entry, to be read after "line 3"; never what it holds.
pub type Malformed = (usize, &'static str);

const NOT_UTF8: &str = "is not UTF-8";
const NO_NAME: &str = "is not of the form NAME=value";
const SPACE: &str = "has white space in a value without quotes around it";
const OPEN: &str = "has a quote that is never closed";
const REFERENCE: &str = "has a ${ that is not followed by a name and a }";
const REFUSED: &str = "has quotes or backslashes that do not fit together";

/// Walks the entries of a file.
pub struct Entries<'a> {
    lines: Vec<&'a [u8]>,
    next: usize,
    defined: HashSet<String>,
    feed: Feed,
    parser: dotenvy::Iter<Feed>,
}

impl<'a> Entries<'a> {
    /// Fails when the file is no text at all.
    pub fn new(bytes: &'a [u8]) -> Result<Entries<'a>, &'static str> {
        if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
            return Err("it is UTF-16: save it as UTF-8");
        }
        let bytes = bytes.strip_prefix(BOM).unwrap_or(bytes);
        let feed = Feed::default();
        Ok(Entries {
            lines: bytes.split(|byte| *byte == b'\n').collect(),
            next: 0,
            defined: HashSet::new(),
            parser: dotenvy::Iter::new(feed.clone()),
            feed,
        })
    }

    fn line(&self, index: usize) -> Option<Result<&'a str, &'static str>> {
        let line = self.lines.get(index)?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Some(std::str::from_utf8(line).map_err(|_| NOT_UTF8))
    }

    /// The entry that begins in line `start`, and the line after it.
    fn entry(&mut self, start: usize) -> Result<(Entry, usize), &'static str> {
        let first = self.line(start).unwrap_or(Ok(""))?;
        let (name, value) = split_name(first).ok_or(NO_NAME)?;
        let mut scan = Scan {
            chars: value.chars().peekable(),
            text: format!("{PREFIX}{name}="),
            defined: &self.defined,
            undefined: false,
        };
        let mut quote = None;
        let mut end = start + 1;
        loop {
            quote = scan.line(quote)?;
            if quote.is_none() {
                break;
            }
            let line = self.line(end).ok_or(OPEN)??;
            scan.chars = line.chars().peekable();
            scan.text.push('\n');
            end += 1;
        }
        let undefined = scan.undefined;
        let mut text = scan.text;
        text.push('\n');
        self.feed.fill(&text);
        let parsed = self.parser.next();
        self.feed.fill("");
        let Some(Ok((_, value))) = parsed else {
            return Err(REFUSED);
        };
        self.defined.insert(name.to_owned());
        let entry = Entry {
            name: name.to_owned(),
            value,
            line: start + 1,
            undefined,
        };
        Ok((entry, end))
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = self.next;
            let bytes = self.lines.get(start)?;
            self.next += 1;
            // Before UTF-8 is asked for: a comment in another encoding harms nobody.
            let text = bytes.trim_ascii_start();
            if text.is_empty() || text.starts_with(b"#") {
                continue;
            }
            return Some(match self.entry(start) {
                Ok((entry, end)) => {
                    self.next = end;
                    Ok(entry)
                }
                Err(what) => Err((start + 1, what)),
            });
        }
    }
}

/// `export NAME = value` into name and value, by dotenvy's rules.
fn split_name(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = take_name(line.trim_start())?;
    let rest = rest.trim_start();
    match rest.strip_prefix('=') {
        Some(value) => Some((name, value.trim_start())),
        None if name == "export" => {
            let (name, rest) = take_name(rest)?;
            Some((name, rest.trim_start().strip_prefix('=')?.trim_start()))
        }
        None => None,
    }
}

fn take_name(text: &str) -> Option<(&str, &str)> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let end = text.find(|c| !inside(c)).unwrap_or(text.len());
    starts_name(text.chars().next()?).then(|| text.split_at(end))
}

fn starts_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

#[derive(Clone, Copy, PartialEq)]
enum Quote {
    /// `'`: everything is literal.
    Strong,
    /// `"`: backslashes and references count.
    Weak,
}

/// Follows the quotes of one entry and writes it down again with its references renamed.
struct Scan<'a> {
    chars: Peekable<Chars<'a>>,
    text: String,
    defined: &'a HashSet<String>,
    undefined: bool,
}

impl Scan<'_> {
    /// Reads to the end of the line and tells which quote is still open there.
    fn line(&mut self, mut quote: Option<Quote>) -> Result<Option<Quote>, &'static str> {
        if quote.is_none() && self.chars.peek() == Some(&'#') {
            return Ok(None);
        }
        while let Some(c) = self.chars.next() {
            match (quote, c) {
                (Some(Quote::Strong), '\'') | (Some(Quote::Weak), '"') => quote = None,
                (Some(Quote::Strong), _) => (),
                (_, '\\') => {
                    self.text.push(c);
                    self.text.extend(self.chars.next());
                    continue;
                }
                (_, '$') => {
                    self.reference()?;
                    continue;
                }
                (None, '\'') => quote = Some(Quote::Strong),
                (None, '"') => quote = Some(Quote::Weak),
                (None, ' ' | '\t') => return self.after_value(),
                _ => (),
            }
            self.text.push(c);
        }
        Ok(quote)
    }

    /// Behind a value there may be a comment and nothing else.
    fn after_value(&mut self) -> Result<Option<Quote>, &'static str> {
        match self.chars.find(|c| !c.is_whitespace()) {
            None | Some('#') => Ok(None),
            Some(_) => Err(SPACE),
        }
    }

    /// What follows a `$`: `NAME`, `{NAME}`, or neither, and then it is a dollar sign.
    fn reference(&mut self) -> Result<(), &'static str> {
        let braced = self.chars.next_if_eq(&'{').is_some();
        if !braced && !self.chars.peek().copied().is_some_and(starts_name) {
            self.text.push_str("\\$");
            return Ok(());
        }
        let mut name = String::new();
        let inside = |c: &char| c.is_ascii_alphanumeric() || *c == '_' || (braced && *c == '.');
        while let Some(c) = self.chars.next_if(inside) {
            name.push(c);
        }
        if braced && (self.chars.next() != Some('}') || !name.starts_with(starts_name)) {
            return Err(REFERENCE);
        }
        self.undefined |= !self.defined.contains(&name);
        self.text.push_str("${");
        self.text.push_str(PREFIX);
        self.text.push_str(&name);
        self.text.push('}');
        Ok(())
    }
}

/// What the parser reads from: only ever one entry, handed over line by line, so that its buffer is empty between two.
#[derive(Clone, Default)]
struct Feed(Rc<RefCell<VecDeque<u8>>>);

impl Feed {
    fn fill(&self, text: &str) {
        let mut bytes = self.0.borrow_mut();
        bytes.clear();
        bytes.extend(text.as_bytes());
    }
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut bytes = self.0.borrow_mut();
        let line = bytes.iter().position(|byte| *byte == b'\n');
        let line = line.map_or(bytes.len(), |end| end + 1);
        let count = line.min(buffer.len());
        for (slot, byte) in buffer.iter_mut().zip(bytes.drain(..count)) {
            *slot = byte;
        }
        Ok(count)
    }
}
