//! The tables of README.md, held against what they describe: the options against `oai_option_next` and the variables
//! in the option table's source, the statuses against the header.
//!
//! `OAI_BLESS=1` (make bless) writes the tables anew. That the README's C code works is checked by
//! `tests/tools/readme.sh`, which needs the built library and is run by make.

use std::collections::HashMap;
use std::ffi::{CStr, c_char};
use std::fs;
use std::path::PathBuf;
use std::ptr;
use std::sync::{Mutex, MutexGuard};

use oaic::ffi::client::{
    OAI_OPTION_ANY_TIME, OAI_OPTION_AT_CREATION, OAI_OPTION_UNTIL_FIRST_REQUEST, oai_option_next,
};

const OPTIONS: &str = "| option | type | default | also | may change | what it is |";
const STATUSES: &str = "| status | number | meaning |";

/// Both tables may be written anew, each by its own test.
static README: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    README
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|e| panic!("cannot read {name}: {e}"))
}

/// Compares the rows under a table's head with those that should be there.
fn compare(head: &str, expected: &[String]) {
    let _alone = alone();
    let readme = read("README.md");
    let lines: Vec<&str> = readme.lines().collect();
    let places: Vec<usize> = (0..lines.len()).filter(|at| lines[*at] == head).collect();
    assert_eq!(
        places.len(),
        1,
        "README.md has one table with the head {head}"
    );
    // Behind the head comes the line of dashes.
    let first = places[0] + 2;
    let rows = lines[first..]
        .iter()
        .take_while(|line| line.starts_with('|'))
        .count();
    if lines[first..first + rows] == *expected {
        return;
    }
    if std::env::var_os("OAI_BLESS").is_some_and(|value| value == "1") {
        let mut text: Vec<&str> = lines[..first].to_vec();
        text.extend(expected.iter().map(String::as_str));
        text.extend(&lines[first + rows..]);
        fs::write(path("README.md"), text.join("\n") + "\n").expect("README.md can be written");
        return;
    }
    let missing = expected
        .iter()
        .filter(|row| !lines[first..first + rows].contains(&row.as_str()));
    let wrong = lines[first..first + rows]
        .iter()
        .filter(|row| !expected.iter().any(|e| e == **row));
    panic!(
        "README.md: the table under {head} is not what the code says; run `make bless` and read what it changed\n\
         missing:\n{}\nwrong, or in another order:\n{}",
        missing.cloned().collect::<Vec<_>>().join("\n"),
        wrong.copied().collect::<Vec<_>>().join("\n"),
    );
}

/// # Safety
/// `text` must be NUL-terminated and static.
unsafe fn text(text: *const c_char) -> &'static str {
    // SAFETY: as promised by the caller.
    unsafe { CStr::from_ptr(text) }.to_str().expect("UTF-8")
}

/// The variables of each option beside `OAI_NAME`, as the rows of the table's source have them.
fn variables() -> HashMap<String, Vec<String>> {
    let source = read("src/client/options/table.rs");
    let rows = source.split("c_name: c\"").skip(1);
    rows.map(|row| {
        let (name, rest) = row.split_once('"').expect("the name ends");
        let (_, rest) = rest.split_once("env: &[").expect("the row has env");
        let (list, _) = rest.split_once(']').expect("the list ends");
        let mut names: Vec<String> = list
            .split('"')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect();
        let own = format!("OAI_{}", name.to_ascii_uppercase());
        assert_eq!(names.first(), Some(&own), "the first variable of {name}");
        names.remove(0);
        (name.to_owned(), names)
    })
    .collect()
}

#[test]
fn the_option_table_is_the_codes_own() {
    let mut variables = variables();
    let mut expected = Vec::new();
    let mut row = ptr::null();
    loop {
        // SAFETY: NULL, or a row that this function returned.
        row = unsafe { oai_option_next(row) };
        // SAFETY: rows are static.
        let Some(option) = (unsafe { row.as_ref() }) else {
            break;
        };
        // SAFETY: the texts of a row are static and NUL-terminated.
        let [name, kind, default, doc] = [
            option.name,
            option.type_name,
            option.default_value,
            option.doc,
        ]
        .map(|field| unsafe { text(field) });
        let code = |text: &str| {
            if text.is_empty() {
                String::new()
            } else {
                format!("`{text}`")
            }
        };
        let also = variables
            .remove(name)
            .unwrap_or_else(|| panic!("{name} is not in table.rs"));
        let also: Vec<String> = also.iter().map(|name| code(name)).collect();
        let when = match option.when {
            OAI_OPTION_ANY_TIME => "any time",
            OAI_OPTION_UNTIL_FIRST_REQUEST => "until the first request",
            OAI_OPTION_AT_CREATION => "at creation",
            other => panic!("{name} may change at {other}, which has no name here"),
        };
        expected.push(format!(
            "| `{name}` | {kind} | {} | {} | {when} | {doc} |",
            code(default),
            also.join(", ")
        ));
    }
    assert!(variables.is_empty(), "in table.rs only: {variables:?}");
    compare(OPTIONS, &expected);
}

#[test]
fn the_status_table_is_the_headers_own() {
    let header = read("include/oai.h");
    let mut comment = String::new();
    let mut expected = Vec::new();
    for line in header.lines() {
        if let Some(start) = line.strip_prefix("/**") {
            comment = start.to_owned();
        } else if let Some(more) = line.strip_prefix(" * ") {
            comment.push(' ');
            comment.push_str(more);
        }
        let mut words = line.split_whitespace();
        let (Some("#define"), Some(name), Some(number)) =
            (words.next(), words.next(), words.next())
        else {
            continue;
        };
        if name == "OAI_OK" || name.starts_with("OAI_ERR_") {
            let number = number.trim_matches(['(', ')']);
            let meaning = comment.trim().trim_end_matches("*/").trim_end();
            expected.push(format!("| `{name}` | {number} | {meaning} |"));
        }
    }
    assert!(
        expected.len() > 30,
        "the header declares the statuses in another way now"
    );
    compare(STATUSES, &expected);
}
