//! Finds and reads the `.env` file.
//!
//! `config` calls [`load`] once, while a client is made. dotenvy parses each entry; this file gives it one entry at a
//! time, so that a malformed line costs only itself and has a number. It must never show what a line holds, and
//! nothing in it reaches or reads the process environment: dotenvy would look `$NAME` up there first, and a stranger's
//! `.env` could then send any of its variables to any host.

use std::collections::{HashMap, HashSet};
use std::fs::{File as FsFile, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::options::{Class, OPTIONS};
use super::secret::Secret;
use crate::error::{Error, Result};
use crate::status;

mod entries;
#[cfg(test)]
pub(super) mod tests;

use self::entries::{Entries, Entry};

/// A larger file is not a `.env` file.
const MAX_BYTES: u64 = 1 << 20;

/// So many malformed lines are named, the rest is counted.
const MAX_WARNINGS: usize = 10;

/// Which file is asked for.
#[derive(Debug, PartialEq)]
pub enum Wish {
    /// The nearest one.
    Search,
    /// None.
    Off,
    /// This one.
    Named(PathBuf),
}

impl Wish {
    /// What `OAI_DOTENV` or the JSON key says.
    pub fn from_text(text: &str) -> Wish {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "1" | "true" | "on" => Wish::Search,
            "0" | "false" | "off" => Wish::Off,
            _ => Wish::Named(PathBuf::from(text)),
        }
    }
}

/// What a file gave for the options.
pub struct File {
    /// Where it is, as messages tell it.
    pub path: String,
    /// Somebody named it, so it is trusted; a file that was only found is not.
    pub named: bool,
    values: HashMap<&'static str, (Secret, usize)>,
}

impl File {
    /// The value of a variable of the option table and the number of its line, if it is set and not empty.
    pub fn get(&self, name: &str) -> Option<(&str, usize)> {
        let (value, line) = self.values.get(name)?;
        Some((value.expose(), *line))
    }
}

/// Reads the file that `wish` means. The texts are warnings.
pub fn load(wish: &Wish, environment: &Environment) -> Result<(Option<File>, Vec<String>)> {
    match wish {
        Wish::Off => Ok((None, Vec::new())),
        Wish::Named(path) => {
            let path = match &environment.cwd {
                Some(cwd) => cwd.join(path),
                None => path.clone(),
            };
            let read = FsFile::open(&path).and_then(bytes);
            let mut warnings = Vec::new();
            let file = read
                .map_err(|error| error.to_string())
                .and_then(|bytes| parse(&bytes, &path, true, &mut warnings))
                .map_err(|what| {
                    let message =
                        format!("the .env file {} could not be used: {what}", path.display());
                    Error::new(status::CONFIG, message)
                })?;
            Ok((Some(file), warnings))
        }
        Wish::Search => Ok(search(environment)),
    }
}

/// The nearest file, if it may be used.
fn search(environment: &Environment) -> (Option<File>, Vec<String>) {
    let mut warnings = Vec::new();
    for directory in environment.cwd.iter().flat_map(|cwd| cwd.ancestors()) {
        let path = directory.join(".env");
        let file = match open_regular(&path) {
            Ok(None) => continue,
            Ok(Some(file)) => usable(file, environment.setuid),
            Err(error) => Err(error.to_string()),
        };
        let used = file.and_then(|bytes| parse(&bytes, &path, false, &mut warnings));
        return match used {
            Ok(file) => (Some(file), warnings),
            Err(why) => (None, vec![format!("{} was ignored: {why}", path.display())]),
        };
    }
    (None, warnings)
}

/// Opens `path` if it is a regular file.
fn open_regular(path: &Path) -> io::Result<Option<FsFile>> {
    // Not blocking: opening a FIFO of that name would wait for a writer.
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path);
    match opened {
        Ok(file) if file.metadata()?.is_file() => Ok(Some(file)),
        Ok(_) => Ok(None),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(None),
            _ => Err(error),
        },
    }
}

/// The bytes of a found file, if a stranger cannot have written them.
fn usable(file: FsFile, setuid: bool) -> std::result::Result<Vec<u8>, String> {
    if setuid {
        return Err(
            "this process runs with more rights than its user (the JSON key dotenv can name it)"
                .into(),
        );
    }
    let mode = file.metadata().map_err(|error| error.to_string())?.mode();
    if mode & 0o002 != 0 {
        return Err("anyone may write to it (chmod o-w makes it usable)".into());
    }
    bytes(file).map_err(|error| error.to_string())
}

fn bytes(file: FsFile) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > MAX_BYTES {
        true => Err(io::Error::other("it is larger than 1 MiB")),
        false => Ok(bytes),
    }
}

/// Takes the options' variables out of `bytes`. In a named file the first malformed line is an error.
fn parse(
    bytes: &[u8],
    path: &Path,
    named: bool,
    warnings: &mut Vec<String>,
) -> std::result::Result<File, String> {
    let names: HashSet<&'static str> = OPTIONS
        .iter()
        .filter(|option| option.class != Class::Creation)
        .flat_map(|option| option.env.iter().copied())
        .collect();
    let mut values = HashMap::new();
    let path = path.display().to_string();
    let mut malformed = 0;
    for entry in Entries::new(bytes)? {
        match entry {
            Ok(Entry {
                name,
                value,
                line,
                undefined,
            }) => {
                let Some(name) = names.get(name.as_str()) else {
                    continue;
                };
                if undefined {
                    warnings.push(format!(
                        "{name} in line {line} of {path} refers to a variable that the file does not define above it, \
                         so nothing stands in its place: the process environment is not consulted"
                    ));
                }
                // The last one wins, also when it is empty and so counts as unset.
                match value.is_empty() {
                    true => values.remove(name),
                    false => values.insert(*name, (Secret::new(value), line)),
                };
            }
            Err((line, what)) if named => return Err(format!("line {line} {what}")),
            Err((line, what)) => {
                malformed += 1;
                if malformed <= MAX_WARNINGS {
                    warnings.push(format!("line {line} of {path} was skipped: it {what}"));
                }
            }
        }
    }
    if malformed > MAX_WARNINGS {
        let more = malformed - MAX_WARNINGS;
        warnings.push(format!("{more} more lines of {path} were skipped"));
    }
    Ok(File {
        path,
        named,
        values,
    })
}
