//! Bodies that become files, or do not.

use std::io::Read;
use std::os::unix::net::UnixStream;

use super::*;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_has_its_name_once_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("speech.mp3");
    fs::write(&path, "old").unwrap();
    let output = Output::Path(path.clone());
    output.check().unwrap();
    let mut writer = output.open().unwrap();
    writer.write(b"ne").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(folder.path()).len(), 2);
    writer.write(b"w").unwrap();
    writer.finish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(names(folder.path()), ["speech.mp3"]);
}

#[test]
fn a_body_that_is_not_whole_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    let mut writer = Output::Path(path.clone()).open().unwrap();
    writer.write(b"half").unwrap();
    drop(writer);
    assert!(names(folder.path()).is_empty());
    // A name that cannot be given any more.
    let writer = Output::Path(path.clone()).open().unwrap();
    fs::create_dir(&path).unwrap();
    let error = writer.finish().unwrap_err();
    assert_eq!(error.status, status::FILE);
    assert!(error.message.contains("/x"), "{error}");
    assert_eq!(names(folder.path()), ["x"]);
}

#[test]
fn places_that_cannot_be_written_are_named_beforehand() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for path in ["", "missing/x", "file/x", ".."] {
        let path = folder.path().join(path);
        let error = Output::Path(path.clone()).check().unwrap_err();
        assert_eq!(error.status, status::FILE);
        assert!(
            error.message.contains(&path.display().to_string()),
            "{error}"
        );
    }
    Output::Path("name-only".into()).check().unwrap();
    assert!(Output::Path("".into()).check().is_err());
    let file = File::open(folder.path().join("file")).unwrap();
    for (fd, why) in [(-1, "negative"), (file.as_raw_fd(), "reading only")] {
        let error = Output::to_descriptor(fd).unwrap_err();
        assert_eq!(error.status, status::INVALID_ARGUMENT);
        assert!(error.message.contains(why), "{error}");
    }
    assert!(Output::to_descriptor(1_000_000).is_err());
}

#[test]
fn a_slow_reader_is_waited_for_though_the_descriptor_does_not_block() {
    let (mut reader, writer) = UnixStream::pair().unwrap();
    writer.set_nonblocking(true).unwrap();
    let output = Output::to_descriptor(writer.as_raw_fd()).unwrap();
    drop(writer);
    let writing = std::thread::spawn(move || {
        let mut writer = output.open().unwrap();
        let result = writer.write(&vec![7; 1 << 20]);
        drop(output);
        result
    });
    let mut read = Vec::new();
    reader.read_to_end(&mut read).unwrap();
    writing.join().unwrap().unwrap();
    assert!(read.len() == 1 << 20 && read.iter().all(|byte| *byte == 7));
}
