//! The doorbell's wire: one byte through a socket pair, so that a host can `poll` for completions.
//!
//! A socket pair and not an eventfd, because Node's `net.Socket` takes only sockets. [`super::channel`] decides when
//! to ring; this file only moves the byte.

use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use super::channel::Bell;

/// Both ends: the host polls `reader`, we write to `writer`.
pub struct SocketBell {
    reader: UnixStream,
    writer: UnixStream,
}

impl SocketBell {
    /// Makes the pair: close-on-exec, non-blocking.
    pub fn new() -> std::io::Result<SocketBell> {
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        Ok(SocketBell { reader, writer })
    }

    /// The end to poll for reading. Borrowed: it lives as long as the bell.
    pub fn fd(&self) -> RawFd {
        self.reader.as_raw_fd()
    }

    /// A duplicate for runtimes that close what they are given: close-on-exec, and non-blocking since that is a
    /// property of the socket itself.
    pub fn duplicate(&self) -> std::io::Result<OwnedFd> {
        // SAFETY: fcntl with a valid descriptor and no pointers.
        let fd = unsafe { libc::fcntl(self.fd(), libc::F_DUPFD_CLOEXEC, 3) };
        if fd < 0 {
            return Err(std::io::Error::last_os_error());
        }
        // SAFETY: fcntl just returned this descriptor, nobody else owns it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

impl Bell for SocketBell {
    fn ring(&self) {
        // Ringing happens on host threads too (a cancel), where a host that closed our descriptor must not be sent
        // SIGPIPE: so send with MSG_NOSIGNAL. A full buffer is fine, the bell is then ringing already.
        #[cfg(target_os = "linux")]
        let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
        #[cfg(not(target_os = "linux"))]
        let flags = libc::MSG_DONTWAIT;
        // SAFETY: the descriptor is ours and open, the buffer is one readable byte.
        unsafe { libc::send(self.writer.as_raw_fd(), [1u8].as_ptr().cast(), 1, flags) };
    }

    fn silence(&self) {
        let mut sink = [0u8; 16];
        while matches!((&self.reader).read(&mut sink), Ok(n) if n == sink.len()) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readable(fd: RawFd) -> bool {
        let mut poll = libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: one valid pollfd.
        unsafe { libc::poll(&mut poll, 1, 0) == 1 }
    }

    #[test]
    fn a_ring_is_readable_until_silenced_however_often_it_rang() {
        let bell = SocketBell::new().unwrap();
        assert!(!readable(bell.fd()));
        for _ in 0..100 {
            bell.ring();
        }
        assert!(readable(bell.fd()));
        bell.silence();
        assert!(!readable(bell.fd()));
    }

    #[test]
    fn a_duplicate_is_readable_too_and_closing_it_leaves_the_bell() {
        let bell = SocketBell::new().unwrap();
        let duplicate = bell.duplicate().unwrap();
        bell.ring();
        assert!(readable(duplicate.as_raw_fd()));
        drop(duplicate);
        assert!(readable(bell.fd()));
    }

    #[test]
    fn ringing_an_abandoned_bell_raises_no_signal() {
        let bell = SocketBell::new().unwrap();
        bell.reader.shutdown(std::net::Shutdown::Both).unwrap();
        bell.ring();
    }
}
