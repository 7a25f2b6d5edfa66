//! Forms on the wire, and files that do not stay as they were.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use http_body::Body;

use super::*;

/// Remembers what it was told.
#[derive(Default)]
struct Seen {
    uploaded: AtomicU64,
    total: AtomicU64,
}

impl Watcher for Seen {
    fn sent(&self) {}

    fn answered(&self, _: u16, _: &::http::HeaderMap) {}

    fn uploaded(&self, bytes: u64, total: u64) {
        self.uploaded.store(bytes, Ordering::SeqCst);
        self.total.store(total, Ordering::SeqCst);
    }
}

fn memory(name: &str, file: Option<(&str, &'static str)>, bytes: &'static [u8]) -> Field {
    Field {
        name: name.into(),
        file: file.map(|(name, content_type)| FileName {
            name: name.into(),
            content_type: HeaderValue::from_static(content_type),
        }),
        source: Source::Memory(Bytes::from_static(bytes)),
    }
}

fn at(path: &Path) -> Field {
    Field {
        name: "file".into(),
        file: Some(FileName {
            name: "f".into(),
            content_type: HeaderValue::from_static("application/octet-stream"),
        }),
        source: Source::File(path.to_owned()),
    }
}

/// The bytes of an attempt, or what went wrong with it.
async fn read(form: &Form) -> Result<Vec<u8>> {
    let seen = Arc::new(Seen::default());
    let trouble = Arc::new(OnceLock::new());
    let mut body = form.body(seen.clone(), trouble.clone());
    let mut bytes = Vec::new();
    while let Some(frame) = std::future::poll_fn(|c| Pin::new(&mut body).poll_frame(c)).await {
        match frame {
            Ok(frame) => {
                let data = frame.into_data().unwrap();
                assert!(data.len() as u64 <= PIECE && !data.is_empty());
                bytes.extend_from_slice(&data);
                assert_eq!(seen.uploaded.load(Ordering::SeqCst), bytes.len() as u64);
                assert_eq!(seen.total.load(Ordering::SeqCst), form.length);
                let left = form.length - bytes.len() as u64;
                assert_eq!(body.size_hint().exact(), Some(left));
            }
            Err(error) => {
                assert_eq!(trouble.get(), Some(&error));
                return Err(error);
            }
        }
    }
    assert!(body.is_end_stream() && trouble.get().is_none());
    Ok(bytes)
}

fn with(length: usize) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
    file.write_all(&bytes).unwrap();
    file
}

#[tokio::test]
async fn a_form_is_written_as_the_standard_says() {
    let fields = [
        memory("model", None, b"whisper-1"),
        memory("file", Some(("a.wav", "audio/wav")), b"\x00\r\n--\xff"),
        memory("empty", None, b""),
    ];
    let form = Form::new(&fields).unwrap();
    let boundary = &form.boundary;
    assert_eq!(
        form.content_type().to_str().unwrap(),
        format!("multipart/form-data; boundary={boundary}")
    );
    let mut expected = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\
         Content-Type: audio/wav\r\n\r\n"
    )
    .into_bytes();
    expected.extend_from_slice(b"\x00\r\n--\xff");
    expected.extend_from_slice(
        format!(
            "\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--{boundary}--\r\n"
        )
        .as_bytes(),
    );
    assert_eq!(read(&form).await.unwrap(), expected);
    assert_eq!(form.length, expected.len() as u64);
    assert_eq!(read(&form).await.unwrap(), expected, "a second attempt");
    assert_ne!(Form::new(&fields).unwrap().boundary, form.boundary);
}

#[test]
fn a_name_cannot_end_its_quotes_or_its_line() {
    for (name, expected) in [
        ("a.wav", "a.wav"),
        ("ü 漢.wav", "ü 漢.wav"),
        ("a\"; name=\"b", "a%22; name=%22b"),
        ("a\r\nX-Evil: 1\r\n\r\n", "a%0D%0AX-Evil: 1%0D%0A%0D%0A"),
        ("a\0b\x7f\t", "a%00b%7F%09"),
        ("a\\b%22", "a\\b%22"),
        ("../../etc/passwd", "../../etc/passwd"),
    ] {
        assert_eq!(quoted(name), expected);
    }
}

#[tokio::test]
async fn files_are_sent_in_pieces_whatever_their_length() {
    for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
        let file = with(length as usize);
        let form = Form::new(&[at(file.path())]).unwrap();
        for attempt in 0..2 {
            let bytes = read(&form).await.unwrap();
            let start = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
            let content = &bytes[start..start + length as usize];
            assert!(
                content == std::fs::read(file.path()).unwrap(),
                "{length}, attempt {attempt}"
            );
            assert_eq!(bytes.len() as u64, form.length);
        }
    }
}

#[tokio::test]
async fn a_file_that_changes_its_length_is_never_sent_whole() {
    for (before, after, word) in [
        (10, 9, "shorter"),
        (10, 0, "shorter"),
        (10, 11, "longer"),
        (0, 1, "longer"),
        (PIECE, PIECE - 1, "shorter"),
        (PIECE, PIECE + 1, "longer"),
        (3 * PIECE, 2 * PIECE, "shorter"),
    ] {
        let file = with(before as usize);
        let form = Form::new(&[at(file.path())]).unwrap();
        file.as_file().set_len(after).unwrap();
        let error = read(&form).await.unwrap_err();
        assert_eq!(error.status, status::FILE);
        let path = file.path().display().to_string();
        assert!(
            error.message.contains(word) && error.message.contains(&path),
            "{before} to {after}: {error}"
        );
    }
}

#[tokio::test]
async fn what_is_no_readable_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let name = std::ffi::CString::new(pipe.to_str().unwrap()).unwrap();
    // SAFETY: a NUL-terminated path.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    for path in [folder.path().join("missing"), folder.path().into(), pipe] {
        let error = Form::new(&[at(&path)]).unwrap_err();
        assert_eq!(error.status, status::FILE);
        assert!(
            error.message.contains(&path.display().to_string()),
            "{error}"
        );
    }
    let file = with(3);
    let form = Form::new(&[at(file.path())]).unwrap();
    let path = file.path().to_owned();
    drop(file);
    let error = read(&form).await.unwrap_err();
    assert!(
        error.message.contains(&path.display().to_string()),
        "{error}"
    );
}

#[tokio::test]
async fn a_range_is_sent_alone_and_must_be_there() {
    let content = with(10);
    let bytes = std::fs::read(content.path()).unwrap();
    let range = |from, length| Field {
        source: Source::Range {
            path: content.path().to_owned(),
            from,
            length,
        },
        ..at(content.path())
    };
    let [first, last] = [range(0, 4), range(4, 6)].map(|field| Form::new(&[field]).unwrap());
    for (form, part) in [(&first, &bytes[..4]), (&last, &bytes[4..])] {
        let sent = read(form).await.unwrap();
        let at = sent
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap()
            + 4;
        assert_eq!(&sent[at..at + part.len()], part);
        assert_eq!(sent.len() as u64, form.length());
    }
    // What the last part ends with was the file's end.
    content.as_file().set_len(11).unwrap();
    assert!(read(&first).await.is_ok());
    assert_eq!(read(&last).await.unwrap_err().status, status::FILE);
    content.as_file().set_len(3).unwrap();
    assert_eq!(read(&first).await.unwrap_err().status, status::FILE);
}
