//! Where the body of an answer goes when the host does not want it in memory: a file, or a descriptor of the host's.
//!
//! `client` checks an [`Output`] when a request is submitted; the scheduler opens a [`Writer`] once an answer says yes.
//! Everything here blocks, so it is never called on the runtime's own thread (but for [`Output::check`], which only
//! looks).

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::status;

/// Where a body goes.
#[derive(Clone, Debug)]
pub enum Output {
    /// Under this name once it is whole.
    Path(PathBuf),
    /// A duplicate of the host's.
    Descriptor(Arc<OwnedFd>),
}

impl Output {
    /// An output to a descriptor that the host goes on owning.
    pub fn to_descriptor(fd: i32) -> Result<Output> {
        let unusable = |why: &str| {
            Error::new(
                status::INVALID_ARGUMENT,
                format!("fd {fd} cannot be written to: {why}"),
            )
        };
        if fd < 0 {
            return Err(unusable("it is negative"));
        }
        // SAFETY: only the flags of whatever the number stands for are read; a closed one is an error.
        let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
        if flags == -1 {
            return Err(unusable(&io::Error::last_os_error().to_string()));
        }
        if flags & libc::O_ACCMODE == libc::O_RDONLY {
            return Err(unusable("it is open for reading only"));
        }
        // SAFETY: it was open a moment ago, and the host keeps it so during the call.
        let duplicate = unsafe { BorrowedFd::borrow_raw(fd) }
            .try_clone_to_owned()
            .map_err(|error| unusable(&error.to_string()))?;
        Ok(Output::Descriptor(Arc::new(duplicate)))
    }

    /// Fails for what could not be written in the end, so that nobody pays for an answer that has no place to go.
    pub fn check(&self) -> Result<()> {
        let Output::Path(path) = self else {
            return Ok(());
        };
        if path.is_dir() {
            return Err(self.failed("it is a directory"));
        }
        match fs::metadata(folder(path)) {
            Ok(metadata) if metadata.is_dir() && path.file_name().is_some() => Ok(()),
            Ok(_) => Err(self.failed("it is not the name of a file in a directory")),
            Err(error) => Err(self.failed(&format!("its directory is not there: {error}"))),
        }
    }

    /// Begins to write.
    pub fn open(&self) -> Result<Writer> {
        let opened = match self {
            Output::Descriptor(fd) => fd.try_clone().map(|fd| (File::from(fd), None)),
            Output::Path(path) => {
                let beside = Beside::of(path);
                OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .open(&beside.temporary)
                    .map(|file| (file, Some(beside)))
            }
        };
        let (file, beside) = opened.map_err(|error| self.failed(&error.to_string()))?;
        Ok(Writer {
            file,
            beside,
            output: self.clone(),
        })
    }

    /// Whether a part of a body that was written is there to stay.
    pub fn keeps_parts(&self) -> bool {
        matches!(self, Output::Descriptor(_))
    }

    fn failed(&self, why: &str) -> Error {
        let place = match self {
            Output::Path(path) => format!("the file {}", path.display()),
            Output::Descriptor(_) => "the output descriptor".into(),
        };
        Error::new(status::FILE, format!("{place} cannot be written: {why}"))
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A file that is not whole yet, in the directory of the one that it will replace.
struct Beside {
    temporary: PathBuf,
    path: PathBuf,
}

impl Beside {
    fn of(path: &Path) -> Beside {
        use std::hash::{BuildHasher, RandomState};
        let random = RandomState::new().hash_one(0u8);
        // Not made of the whole name, which may be as long as a name may be.
        let temporary = folder(path).join(format!(".oaic-{random:016x}.part"));
        Beside {
            temporary,
            path: path.to_owned(),
        }
    }
}

/// A body being written. Dropped before [`Writer::finish`], it leaves no file behind.
pub struct Writer {
    file: File,
    beside: Option<Beside>,
    output: Output,
}

impl Writer {
    /// Writes all of it.
    pub fn write(&mut self, mut data: &[u8]) -> Result<()> {
        while !data.is_empty() {
            match self.file.write(data) {
                Ok(0) => return Err(self.output.failed("it takes nothing more")),
                Ok(written) => data = &data[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The host's descriptor may be non-blocking: a pipe of Node's, a socket.
                Err(error) if error.kind() == ErrorKind::WouldBlock => wait_writable(&self.file),
                Err(error) => return Err(self.output.failed(&error.to_string())),
            }
        }
        Ok(())
    }

    /// The body is whole: a file gets its name.
    pub fn finish(mut self) -> Result<()> {
        let Some(beside) = self.beside.take() else {
            return Ok(());
        };
        fs::rename(&beside.temporary, &beside.path).map_err(|error| {
            let error = self.output.failed(&error.to_string());
            self.beside = Some(beside);
            error
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(beside) = self.beside.take() {
            // What cannot be removed is at least not under the name that was asked for.
            let _ = fs::remove_file(beside.temporary);
        }
    }
}

fn wait_writable(file: &File) {
    let mut poll = libc::pollfd {
        fd: file.as_raw_fd(),
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: one valid pollfd. Whatever it returns, the next write tells.
    unsafe { libc::poll(&mut poll, 1, 1000) };
}

#[cfg(test)]
mod tests;
