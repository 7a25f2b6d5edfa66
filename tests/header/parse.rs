//! Reads what the header test compares: a C header in cbindgen's style, a Rust source of the border, `symbols.txt`.
//!
//! Pure functions of texts, for `main.rs` alone. They know as much of C and Rust as this project writes, no more.

use std::collections::BTreeMap;

/// The list of symbols, from the project's root.
pub const SYMBOLS: &str = "tests/abi/symbols.txt";

/// Drops what cbindgen leaves and a reader does not want: blanks at line ends, repeated empty lines, and three lines
/// for a comment of one. A negative number gets the parentheses that a macro ought to have.
pub fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
    let mut tidy = String::new();
    let mut at = 0;
    while at < lines.len() {
        if let [open, only, close, ..] = lines[at..] {
            let text = only
                .trim_start()
                .strip_prefix("* ")
                .filter(|text| text.len() < 112);
            if let (true, Some(text), true) =
                (open.trim_start() == "/**", text, close.trim_start() == "*/")
            {
                tidy.push_str(&format!("{open} {text} */\n"));
                at += 3;
                continue;
            }
        }
        if let (true, Some((name, number))) = (
            lines[at].starts_with("#define "),
            lines[at].split_once(" -"),
        ) {
            tidy.push_str(&format!("{name} (-{number})\n"));
        } else if !(lines[at].is_empty() && tidy.ends_with("\n\n")) {
            tidy.push_str(lines[at]);
            tidy.push('\n');
        }
        at += 1;
    }
    tidy
}

/// One thing that the header declares: its name, its line (from 1), and whether a comment stands right before it.
#[derive(Debug, PartialEq)]
pub struct Declaration {
    pub name: String,
    pub line: usize,
    pub documented: bool,
    pub function: bool,
}

/// Finds the functions, types and constants of a header written in cbindgen's style.
pub fn declarations(header: &str) -> Vec<Declaration> {
    let mut found = Vec::new();
    let mut in_comment = false;
    let mut documented = false;
    // The text of the statement being read, and the line it began on.
    let mut statement = String::new();
    let mut began = 0;
    for (index, line) in header.lines().enumerate() {
        let line_number = index + 1;
        let text = line.trim();
        if in_comment || text.starts_with("/*") {
            in_comment = !text.ends_with("*/");
            if statement.is_empty() {
                documented = text.ends_with("*/");
            }
            continue;
        }
        if let Some(define) = text.strip_prefix("#define ") {
            let name = define.split([' ', '(']).next().unwrap_or(define);
            if name != "OAI_H" {
                found.push(Declaration {
                    name: name.to_owned(),
                    line: line_number,
                    documented,
                    function: false,
                });
            }
        }
        let apart = text.is_empty() || text.starts_with(['#', '}']) || text == "extern \"C\" {";
        if statement.is_empty() && apart {
            documented = false;
            continue;
        }
        if statement.is_empty() {
            began = line_number;
        }
        statement.push_str(text);
        statement.push(' ');
        let open = statement.matches('{').count() > statement.matches('}').count();
        if text.ends_with(';') && !open {
            let (name, function) = declared_name(&statement);
            found.push(Declaration {
                name,
                line: began,
                documented,
                function,
            });
            statement.clear();
            documented = false;
        }
    }
    found
}

/// The name that a complete C declaration introduces, and whether that is a function.
pub fn declared_name(statement: &str) -> (String, bool) {
    let statement = statement.trim().trim_end_matches(';');
    let identifier = |text: &str| {
        let text = text.trim_end();
        let start = text
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .map_or(0, |at| at + 1);
        text[start..].to_owned()
    };
    if let Some((_, rest)) = statement.split_once("(*") {
        if statement.starts_with("typedef") {
            return (rest.split(')').next().unwrap_or(rest).to_owned(), false);
        }
    }
    if statement.starts_with("typedef") || statement.starts_with("struct") {
        return (identifier(statement), false);
    }
    match statement.split_once('(') {
        Some((before, _)) => (identifier(before), true),
        None => (identifier(statement), false),
    }
}

/// The names of the `pub extern "C"` functions of one source file, `$name` for those that a macro makes.
pub fn exported(source: &str) -> Vec<String> {
    source
        .lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with("pub ") || line.contains(" pub "))
        .filter_map(|line| line.split_once("extern \"C\" fn "))
        .map(|(_, rest)| {
            rest.split(['(', '<'])
                .next()
                .unwrap_or(rest)
                .trim()
                .to_owned()
        })
        .filter(|name| !name.is_empty())
        .collect()
}

/// The names of the `pub const OAI_...` of one source file.
pub fn constants(source: &str) -> Vec<String> {
    source
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("pub const "))
        .map(|rest| rest.split(':').next().unwrap_or(rest).trim().to_owned())
        .filter(|name| name.starts_with("OAI_"))
        .collect()
}

/// A line of `symbols.txt`: the version that brought the symbol, and the one that deprecated it.
#[derive(Clone, Debug, PartialEq)]
pub struct Since {
    pub since: String,
    pub deprecated: Option<String>,
}

pub fn parse_symbols(text: &str) -> Result<BTreeMap<String, Since>, String> {
    let mut symbols = BTreeMap::new();
    let mut last = String::new();
    for (index, line) in text.lines().enumerate() {
        let place = format!("{SYMBOLS}:{}", index + 1);
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let (name, since) = match words[..] {
            [name, "since", since] => (name, (since, None)),
            [name, "since", since, "deprecated", version] => {
                (name, (since, Some(version.to_owned())))
            }
            _ => {
                return Err(format!(
                    "{place}: write `oai_name since 0.1.0`, perhaps with `deprecated 0.2.0`"
                ));
            }
        };
        if name <= last.as_str() {
            return Err(format!(
                "{place}: {name} must stand before {last}: the list is sorted, each name once"
            ));
        }
        last = name.to_owned();
        symbols.insert(
            name.to_owned(),
            Since {
                since: since.0.to_owned(),
                deprecated: since.1,
            },
        );
    }
    Ok(symbols)
}

pub fn format_symbols(symbols: &BTreeMap<String, Since>) -> String {
    let mut text = String::from(
        "# Each symbol that liboaic exports, the version that brought it, and the one that deprecated it.\n\
         # A new symbol is added by `make bless`. None is ever removed within an ABI epoch.\n",
    );
    for (name, Since { since, deprecated }) in symbols {
        text.push_str(&format!("{name} since {since}"));
        if let Some(version) = deprecated {
            text.push_str(&format!(" deprecated {version}"));
        }
        text.push('\n');
    }
    text
}

/// The lines in which two texts differ, cut at two dozen: `-` as committed, `+` as generated.
pub fn difference(committed: &str, generated: &str) -> String {
    const SHOWN: usize = 24;
    let old: Vec<&str> = committed.lines().collect();
    let new: Vec<&str> = generated.lines().collect();
    // common[i][j]: how many lines old[i..] and new[j..] share in order; following it keeps what can be kept.
    let mut common = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut changes = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            changes.push(format!("{:5} - {}\n", i + 1, old[i]));
            i += 1;
        } else {
            changes.push(format!("{:5} + {}\n", j + 1, new[j]));
            j += 1;
        }
    }
    let rest = changes.len().saturating_sub(SHOWN);
    changes.truncate(SHOWN);
    if rest > 0 {
        changes.push(format!("and {rest} more lines\n"));
    }
    changes.concat()
}

#[test]
fn declarations_are_found_with_and_without_comments() {
    let header = "\
#ifndef OAI_H
#define OAI_H

/** One. */
#define OAI_ONE 1
#define OAI_TWO 2

/**
 * A handle.
 */
typedef struct oai_thing oai_thing;

typedef void (*oai_callback)(void *user_data,
                             int32_t kind);

/** A record. */
typedef struct oai_record {
    /** The id. */
    uint64_t id;
} oai_record;

#ifdef __cplusplus
extern \"C\" {
#endif // __cplusplus

/** Makes one. */
oai_status oai_thing_new(const char *name,
                         oai_thing **out);

/** Detached. */

const oai_thing *oai_thing_next(void);

#ifdef __cplusplus
}  // extern \"C\"
#endif  // __cplusplus
";
    let found: Vec<(String, bool, bool)> = declarations(header)
        .into_iter()
        .map(|d| (d.name, d.documented, d.function))
        .collect();
    let expected = [
        ("OAI_ONE", true, false),
        ("OAI_TWO", false, false),
        ("oai_thing", true, false),
        ("oai_callback", false, false),
        ("oai_record", true, false),
        ("oai_thing_new", true, true),
        ("oai_thing_next", false, true),
    ];
    let expected: Vec<(String, bool, bool)> = expected
        .into_iter()
        .map(|(name, documented, function)| (name.to_owned(), documented, function))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn functions_and_constants_are_found_in_a_source() {
    let source = "\
#[unsafe(no_mangle)] pub extern \"C\" fn oai_one() -> u32 {
pub unsafe extern \"C\" fn oai_two(client: *mut oai_client) {}
extern \"C\" fn child_after_fork() {}
pub type oai_callback = Option<unsafe extern \"C\" fn(id: u64)>;
    pub unsafe extern \"C\" fn $name(value: u64) {
";
    assert_eq!(exported(source), ["oai_one", "oai_two", "$name"]);
    assert_eq!(
        constants("pub const OAI_OK: i32 = 0;\nconst OAI_B: i32 = 1;\npub const OTHER: u8 = 1;\n"),
        ["OAI_OK"]
    );
}

#[test]
fn the_symbol_list_is_read_strictly() {
    let good = "# a comment\noai_a since 0.1.0\noai_b since 0.1.0 deprecated 0.2.0\n";
    let symbols = parse_symbols(good).expect("a good list");
    assert_eq!(symbols["oai_a"].deprecated, None);
    assert_eq!(symbols["oai_b"].deprecated.as_deref(), Some("0.2.0"));
    assert_eq!(parse_symbols(&format_symbols(&symbols)), Ok(symbols));

    for bad in [
        "oai_b since 1\noai_a since 1\n",
        "oai_a since 1\noai_a since 1\n",
        "oai_a\n",
        "oai_a since\n",
    ] {
        assert!(parse_symbols(bad).is_err(), "{bad:?} was accepted");
    }
}

#[test]
fn a_difference_shows_only_the_lines_that_changed() {
    let text = difference("a\nb\nc\nd\n", "a\nB\nB2\nc\nd\ne\n");
    assert_eq!(text, "    2 - b\n    2 + B\n    3 + B2\n    6 + e\n");
    let long = difference("", &"x\n".repeat(30));
    assert!(long.ends_with("   24 + x\nand 6 more lines\n"), "{long}");
}

#[test]
fn the_header_is_tidied() {
    let raw = "\n/**\n * One.\n */\n#define OAI_ONE -1\n\n\n/**\n * Two\n * lines. \n */\n    /**\n     * In.\n     */\n";
    let tidied =
        "/** One. */\n#define OAI_ONE (-1)\n\n/**\n * Two\n * lines.\n */\n    /** In. */\n";
    assert_eq!(tidy(raw), tidied);
}
