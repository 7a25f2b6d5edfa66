//! What is read from a `.env` file, which file is read, and that no message shows what a line holds.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;

use super::*;

/// A directory of its own for a test, gone when it is dropped.
pub(in crate::client) struct Folder(PathBuf);

impl Folder {
    pub(in crate::client) fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("oaic-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub(in crate::client) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file that only its owner may change.
    pub(in crate::client) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// An environment that starts its search in `directory` below this one.
    fn environment(&self, directory: &str, setuid: bool) -> Environment {
        Environment::new([], Some(self.0.join(directory)), setuid)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind in the temporary directory harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Reads `content` as a found file: project, its line, and the warnings.
fn read(content: &[u8]) -> (Option<(String, usize)>, Vec<String>) {
    let mut warnings = Vec::new();
    let file = parse(content, Path::new("/x/.env"), false, &mut warnings).unwrap();
    let value = file.get("OAI_PROJECT");
    (value.map(|(text, line)| (text.to_owned(), line)), warnings)
}

#[test]
fn how_values_are_read() {
    for (content, value, line) in [
        ("OAI_PROJECT=a", "a", 1),
        ("OAI_PROJECT=a\n", "a", 1),
        ("\u{feff}OAI_PROJECT=a", "a", 1),
        ("OAI_PROJECT=a\r\nX=1\r\n", "a", 1),
        ("\n# c\n\n  OAI_PROJECT = a  ", "a", 4),
        ("export OAI_PROJECT=a", "a", 1),
        ("export=1\nOAI_PROJECT=${export}", "1", 2),
        ("OAI_PROJECT=a\nOAI_PROJECT=b", "b", 2),
        ("OAI_PROJECT=a #comment", "a", 1),
        ("OAI_PROJECT=a  # it's\nX='b'", "a", 1),
        ("OAI_PROJECT=a#b", "a#b", 1),
        ("OAI_PROJECT='a b'", "a b", 1),
        ("OAI_PROJECT=\"a b\" # it's", "a b", 1),
        ("OAI_PROJECT=\"a # b\"", "a # b", 1),
        ("OAI_PROJECT=a\\ b", "a b", 1),
        ("OAI_PROJECT='a'\"b\"c", "abc", 1),
        ("OAI_PROJECT=\"a\\nb\\\"\"", "a\nb\"", 1),
        ("OAI_PROJECT='a\\nb'", "a\\nb", 1),
        ("X=1\nOAI_PROJECT=\"a\nb\"\nY=2", "a\nb", 2),
        ("OAI_PROJECT='a\n# b\n\nc'", "a\n# b\n\nc", 1),
        ("X=\"a\nb\"\nOAI_PROJECT=c", "c", 3),
        ("OAI_PROJECT=a=b", "a=b", 1),
        ("OAI_PROJECT=a\0b", "a\0b", 1),
        // References
        ("A=x\nOAI_PROJECT=$A", "x", 2),
        ("A=x\nOAI_PROJECT=${A}y", "xy", 2),
        ("A=x\nOAI_PROJECT=\"$A\"", "x", 2),
        ("A_B=x\nOAI_PROJECT=$A_B-$A_B", "x-x", 2),
        ("A='x y'\nOAI_PROJECT=$A", "x y", 2),
        ("A=x\nOAI_PROJECT='$A'", "$A", 2),
        ("A=x\nOAI_PROJECT=\\$A", "$A", 2),
        ("A=x\nA=y\nOAI_PROJECT=$A", "y", 3),
        ("A=x\nB=$A\nOAI_PROJECT=$B", "x", 3),
        ("OAI_PROJECT=a$", "a$", 1),
        ("OAI_PROJECT=$5,$$", "$5,$$", 1),
        ("OAI_PROJECT=\"a$ b\"", "a$ b", 1),
        ("OAI_PROJECT='$'A", "$A", 1),
    ] {
        let expected = (Some((value.to_owned(), line)), vec![]);
        assert_eq!(read(content.as_bytes()), expected, "{content:?}");
    }
}

#[test]
fn what_counts_as_unset() {
    for content in [
        "",
        "OAI_PROJECT=",
        "OAI_PROJECT=   ",
        "OAI_PROJECT=''",
        "OAI_PROJECT=#a",
        "OAI_PROJECT= # a",
        "OAI_PROJECT=a\nOAI_PROJECT=",
        "#OAI_PROJECT=a",
        "oai_project=a",
        "OAI_PROJECT.X=a",
    ] {
        assert_eq!(read(content.as_bytes()), (None, vec![]), "{content:?}");
    }
}

#[test]
fn a_malformed_line_costs_only_itself() {
    for (line, why) in [
        ("marker", "NAME=value"),
        ("1marker=2", "NAME=value"),
        ("mar-ker=2", "NAME=value"),
        ("export marker", "NAME=value"),
        ("=marker", "NAME=value"),
        ("X=a marker", "without quotes"),
        ("OAI_PROJECT=a marker", "without quotes"),
        ("OAI_PROJECT=\"a\" marker", "without quotes"),
        ("OAI_PROJECT='marker", "never closed"),
        ("OAI_PROJECT=\"marker", "never closed"),
        ("OAI_PROJECT=\"\\marker\"", "do not fit"),
        ("OAI_PROJECT=\\marker", "do not fit"),
        ("OAI_PROJECT='marker\\'", "do not fit"),
        ("OAI_PROJECT=${marker", "${"),
        ("OAI_PROJECT=${marker:-1}", "${"),
        ("OAI_PROJECT=${}marker", "${"),
    ] {
        let content = format!("OAI_PROJECT=before\n{line}\nOAI_QUEUE_SIZE=7\n");
        let mut warnings = Vec::new();
        let path = Path::new("/x/.env");
        let file = parse(content.as_bytes(), path, false, &mut warnings).unwrap();
        assert_eq!(file.get("OAI_PROJECT"), Some(("before", 1)), "{line}");
        assert_eq!(file.get("OAI_QUEUE_SIZE"), Some(("7", 3)), "{line}");
        assert_eq!(warnings.len(), 1, "{line}: {warnings:?}");
        assert!(
            warnings[0].starts_with("line 2 of /x/.env was skipped: it "),
            "{warnings:?}"
        );
        assert!(
            warnings[0].contains(why) && !warnings[0].contains("marker"),
            "{warnings:?}"
        );
        let error = parse(content.as_bytes(), path, true, &mut Vec::new())
            .err()
            .unwrap();
        assert!(
            error.starts_with("line 2 ") && error.contains(why),
            "{error}"
        );
        assert!(!error.contains("marker"), "{error}");
    }
}

#[test]
fn other_encodings() {
    let (value, warnings) = read(b"# caf\xe9\nX=caf\xe9\nOAI_PROJECT=a\n");
    assert_eq!(value, Some(("a".to_owned(), 3)));
    assert_eq!(warnings, ["line 2 of /x/.env was skipped: it is not UTF-8"]);
    let utf16 = b"\xff\xfeO\0A\0I\0";
    let error = parse(utf16, Path::new("/x"), false, &mut Vec::new()).err();
    assert_eq!(error.as_deref(), Some("it is UTF-16: save it as UTF-8"));
}

#[test]
fn many_malformed_lines_are_counted() {
    let (_, warnings) = read("bad\n".repeat(1000).as_bytes());
    assert_eq!(warnings.len(), MAX_WARNINGS + 1);
    assert_eq!(
        warnings[MAX_WARNINGS],
        "990 more lines of /x/.env were skipped"
    );
}

#[test]
fn references_never_reach_the_process_environment() {
    // Cargo sets it for every test; reading it proves that dotenvy could.
    let outside = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    for text in [
        "$CARGO_MANIFEST_DIR",
        "${CARGO_MANIFEST_DIR}",
        "\"$CARGO_MANIFEST_DIR\"",
        "\"${CARGO_MANIFEST_DIR}\"",
        "$OAI_PROJECT$CARGO_MANIFEST_DIR",
        "a\\\\$CARGO_MANIFEST_DIR",
        "'a\\'$CARGO_MANIFEST_DIR",
        "'a\\'$CARGO_MANIFEST_DIR'",
        "'a\\'\"$CARGO_MANIFEST_DIR\"",
    ] {
        let (value, warnings) = read(format!("OAI_PROJECT={text}x").as_bytes());
        assert!(
            !value.is_some_and(|(value, _)| value.contains(&outside)),
            "{text}"
        );
        assert_eq!(warnings.len(), 1, "{text}: {warnings:?}");
        assert!(!warnings[0].contains("CARGO"), "{warnings:?}");
    }
    // A name of the file wins over a variable of the process.
    let (value, _) = read(b"CARGO_MANIFEST_DIR=here\nOAI_PROJECT=$CARGO_MANIFEST_DIR");
    assert_eq!(value, Some(("here".to_owned(), 2)));
}

// ===== which file =====

#[test]
fn the_nearest_file_counts() {
    let folder = Folder::new();
    let outer = folder.write(".env", "OAI_PROJECT=outer");
    let near = folder.write("a/b/.env", "OAI_PROJECT=near");
    std::fs::create_dir_all(folder.path().join("a/b/c/.env")).unwrap();
    for (directory, path, value) in [("a/b/c", &near, "near"), ("a", &outer, "outer")] {
        let environment = folder.environment(directory, false);
        let (file, warnings) = load(&Wish::Search, &environment).unwrap();
        let file = file.unwrap();
        assert_eq!(file.get("OAI_PROJECT"), Some((value, 1)));
        assert_eq!(Path::new(&file.path), path);
        assert!(!file.named && warnings.is_empty());
    }
    let (file, _) = load(&Wish::Off, &folder.environment("", false)).unwrap();
    assert!(file.is_none());
}

#[test]
fn a_fifo_is_no_file_and_does_not_block() {
    let folder = Folder::new();
    folder.write(".env", "OAI_PROJECT=outer");
    let inner = folder.path().join("a");
    std::fs::create_dir(&inner).unwrap();
    let fifo = std::ffi::CString::new(inner.join(".env").to_str().unwrap()).unwrap();
    // SAFETY: the path is NUL-terminated and lives until the call returns.
    assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
    let (file, _) = load(&Wish::Search, &folder.environment("a", false)).unwrap();
    assert_eq!(file.unwrap().get("OAI_PROJECT"), Some(("outer", 1)));
}

#[test]
fn a_found_file_that_cannot_be_trusted_is_ignored() {
    let folder = Folder::new();
    folder.write(".env", "OAI_PROJECT=outer");
    let near = folder.write("a/.env", "OAI_PROJECT=near");
    let ignored = |setuid: bool, why: &str| {
        let environment = folder.environment("a", setuid);
        let (file, warnings) = load(&Wish::Search, &environment).unwrap();
        assert!(file.is_none(), "{why}");
        assert_eq!(warnings.len(), 1);
        assert!(
            warnings[0].contains(why) && warnings[0].contains("a/.env"),
            "{warnings:?}"
        );
        // Whoever names it vouches for it.
        let named = load(&Wish::Named("../a/.env".into()), &environment);
        named.ok().and_then(|(file, _)| file)
    };
    assert!(ignored(true, "more rights than its user").is_some());
    std::fs::set_permissions(&near, Permissions::from_mode(0o602)).unwrap();
    assert!(ignored(false, "anyone may write to it").is_some_and(|file| file.named));
    std::fs::set_permissions(&near, Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&near, vec![b'\n'; MAX_BYTES as usize + 1]).unwrap();
    assert!(ignored(false, "larger than 1 MiB").is_none());
}

#[test]
fn a_named_file_must_be_there_and_well_formed() {
    let folder = Folder::new();
    let environment = folder.environment("", false);
    folder.write("bad", "OAI_PROJECT=a\nmarker\n");
    for (name, why) in [
        ("missing", "No such file"),
        ("bad", "line 2"),
        (".", "irectory"),
    ] {
        let error = load(&Wish::Named(name.into()), &environment).err().unwrap();
        assert_eq!(error.status, status::CONFIG);
        let path = folder.path().join(name).display().to_string();
        assert!(
            error.message.contains(&path) && error.message.contains(why),
            "{error}"
        );
        assert!(!error.message.contains("marker"), "{error}");
    }
}

#[test]
fn words_that_name_no_file() {
    for text in ["0", "false", "OFF", " off "] {
        assert_eq!(Wish::from_text(text), Wish::Off);
    }
    for text in ["", "1", "True", "on"] {
        assert_eq!(Wish::from_text(text), Wish::Search);
    }
    assert_eq!(Wish::from_text("a.env"), Wish::Named("a.env".into()));
}

// ===== any bytes =====

/// Bytes that look enough like a `.env` file to reach every branch.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        "[ \t\r\n'\"\\\\#=$\\{\\}A-C]{0,6}".prop_map(String::into_bytes),
        Just(b"\nOAI_PROJECT=".to_vec()),
        Just(b"$CARGO_MANIFEST_DIR".to_vec()),
        Just(b"qMARKERq".to_vec()),
        Just(b"\n".to_vec()),
        Just("\u{a0}".as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..4),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic_or_leak(bytes in lines()) {
        let outside = std::env::var("CARGO_MANIFEST_DIR").unwrap();
        let mut messages = Vec::new();
        if let Ok(file) = parse(&bytes, Path::new("/x/.env"), false, &mut messages) {
            for (value, line) in file.values.values() {
                prop_assert!(!value.expose().contains(&outside));
                prop_assert!(*line >= 1);
            }
        }
        messages.extend(parse(&bytes, Path::new("/x/.env"), true, &mut Vec::new()).err());
        for message in messages {
            prop_assert!(!message.contains("MARKER") && !message.contains(&outside));
        }
    }

    /// Comments are left out: dotenvy lets a quote in `A=1  # it's` run on into the next lines.
    #[test]
    fn what_dotenvy_reads_whole_is_read_alike(text in "([A-C]{1,2}=[ab '\"=\n]{0,8}\n){0,6}") {
        let whole: dotenvy::Result<Vec<_>> = dotenvy::Iter::new(text.as_bytes()).collect();
        if let Ok(whole) = whole {
            let entries = Entries::new(text.as_bytes()).unwrap();
            let ours: Vec<_> = entries
                .map(|entry| entry.map(|entry| (entry.name, entry.value)).unwrap())
                .collect();
            prop_assert_eq!(ours, whole);
        }
    }
}
