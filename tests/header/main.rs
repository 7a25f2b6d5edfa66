//! The C header and the symbol list, held against the sources.
//!
//! `include/oai.h` must be what cbindgen makes of `src/ffi/*.rs` today, say something about everything it declares,
//! and name each exported function; `tests/abi/symbols.txt` must know each of them. `OAI_BLESS=1` writes the header
//! and adds new symbols; it never takes a symbol away. That the built library exports exactly these names is checked
//! by `tests/abi/check.sh`, which needs the library and is run by make.

mod parse;

use std::fs;
use std::path::PathBuf;

use parse::{Declaration, SYMBOLS, Since};

const HEADER: &str = "include/oai.h";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn bless() -> bool {
    std::env::var_os("OAI_BLESS").is_some_and(|value| value == "1")
}

/// The files of the border.
fn sources() -> Vec<PathBuf> {
    let folder = root().join("src/ffi");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("cannot list {}: {e}", folder.display()))
        .map(|entry| entry.expect("a directory entry of src/ffi").path())
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .filter(|path| path.file_name().is_some_and(|name| name != "tests.rs"))
        .collect();
    files.sort();
    files
}

/// The header as the sources have it now.
fn generate() -> String {
    let config =
        cbindgen::Config::from_file(root().join("cbindgen.toml")).expect("a valid cbindgen.toml");
    let mut text = Vec::new();
    // cbindgen follows the `mod` lines of src/ffi/mod.rs, so their order is the order of the header.
    cbindgen::Builder::new()
        .with_config(config)
        .with_src(root().join("src/ffi/mod.rs"))
        .generate()
        .unwrap_or_else(|e| panic!("cbindgen cannot read src/ffi: {e}"))
        .write(&mut text);
    parse::tidy(&String::from_utf8(text).expect("a header in UTF-8"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_default()
}

fn write(path: &str, text: &str) {
    let path = root().join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
    fs::write(&path, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
}

#[test]
fn the_committed_header_is_what_the_sources_say() {
    let generated = generate();
    let committed = read(HEADER);
    if committed == generated {
        return;
    }
    if bless() {
        write(HEADER, &generated);
        return;
    }
    panic!(
        "{HEADER} is not what src/ffi says; run `make bless` and commit the header.\n{}",
        parse::difference(&committed, &generated)
    );
}

#[test]
fn every_public_function_and_constant_is_in_the_header() {
    let header = parse::declarations(&generate());
    for path in sources() {
        let file = path
            .strip_prefix(root())
            .unwrap_or(&path)
            .display()
            .to_string();
        let source = fs::read_to_string(&path).expect("a readable source");
        for name in parse::constants(&source) {
            assert!(
                header.iter().any(|d| d.name == name),
                "{file}: {name} is not in the header: cbindgen drops constants whose value is a path or a text"
            );
        }
        for name in parse::exported(&source) {
            assert!(
                !name.starts_with('$'),
                "{file}: a macro makes `pub extern \"C\" fn {name}`, which cbindgen does not see: write the functions out"
            );
            assert!(
                header.iter().any(|d| d.function && d.name == name),
                "{file}: {name} is not in the header: it lacks `#[unsafe(no_mangle)]`, or a type cbindgen knows"
            );
        }
    }
}

#[test]
fn every_declaration_has_a_comment() {
    let bare: Vec<String> = parse::declarations(&generate())
        .into_iter()
        .filter(|declaration| !declaration.documented)
        .map(|declaration| {
            format!(
                "{} (line {} of the header)",
                declaration.name, declaration.line
            )
        })
        .collect();
    assert!(
        bare.is_empty(),
        "no doc comment before: {}",
        bare.join(", ")
    );
}

#[test]
fn every_name_carries_the_prefix() {
    for Declaration { name, line, .. } in parse::declarations(&generate()) {
        assert!(
            name.starts_with("oai_") || name.starts_with("OAI_"),
            "{name} (line {line} of the header) starts with neither oai_ nor OAI_"
        );
    }
}

#[test]
fn every_constant_has_a_value_that_c_can_read() {
    // cbindgen copies some Rust expressions as they stand (`1 << 40` overflows an int); no compiler notices until
    // somebody uses the constant.
    for line in generate().lines() {
        let Some((name, value)) = line
            .strip_prefix("#define ")
            .and_then(|rest| rest.split_once(' '))
        else {
            continue;
        };
        let number = value.trim_start_matches('(').trim_end_matches(')');
        let literal =
            value.starts_with('"') || number.parse::<f64>().is_ok() || value == "((size_t)-1)";
        assert!(
            literal,
            "{name} is `{value}` in the header: give the Rust constant a literal value"
        );
    }
}

#[test]
fn the_version_in_the_header_is_that_of_the_crate() {
    let header = generate();
    for (name, value) in [
        ("MAJOR", env!("CARGO_PKG_VERSION_MAJOR").to_owned()),
        ("MINOR", env!("CARGO_PKG_VERSION_MINOR").to_owned()),
        ("PATCH", env!("CARGO_PKG_VERSION_PATCH").to_owned()),
        ("STRING", format!("\"{}\"", env!("CARGO_PKG_VERSION"))),
    ] {
        let wanted = format!("#define OAI_VERSION_{name} {value}");
        assert!(
            header.lines().any(|line| line == wanted),
            "cbindgen.toml must say `{wanted}`, as Cargo.toml does"
        );
    }
}

#[test]
fn the_symbol_list_knows_each_function() {
    let mut symbols = parse::parse_symbols(&read(SYMBOLS)).unwrap_or_else(|e| panic!("{e}"));
    let functions: Vec<String> = parse::declarations(&generate())
        .into_iter()
        .filter(|declaration| declaration.function)
        .map(|declaration| declaration.name)
        .collect();

    for name in symbols.keys() {
        assert!(
            functions.contains(name),
            "{SYMBOLS} lists {name}, which the header no longer has: an exported symbol must stay within an ABI epoch"
        );
    }

    let new: Vec<String> = functions
        .into_iter()
        .filter(|name| !symbols.contains_key(name))
        .collect();
    if new.is_empty() {
        return;
    }
    assert!(
        bless(),
        "{SYMBOLS} does not list {}; run `make bless` and commit the list",
        new.join(", ")
    );
    for name in new {
        symbols.insert(
            name,
            Since {
                since: env!("CARGO_PKG_VERSION").to_owned(),
                deprecated: None,
            },
        );
    }
    write(SYMBOLS, &parse::format_symbols(&symbols));
}
