//! One accepted TCP connection, shared by hyper and by the faults that must go round hyper.
//!
//! The accept loop makes a [`Connection`] per socket, gives hyper a [`Wire`] on it and puts the `Connection` into
//! each request's extensions, so that a scripted rule can write bytes of its own or end the socket by FIN or RST.
//! Never touch the socket from here while hyper has an answer half written.

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// A handle on one socket. Clones refer to the same socket.
#[derive(Clone)]
pub(crate) struct Connection {
    /// Counts accepted connections from 1, so that a test sees which requests shared one.
    pub(crate) number: u64,
    stream: Arc<TcpStream>,
    over: Arc<Notify>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, number: u64) -> Connection {
        Connection {
            number,
            stream: Arc::new(stream),
            over: Arc::new(Notify::new()),
        }
    }

    /// What hyper reads and writes.
    pub(crate) fn wire(&self) -> Wire {
        Wire(self.stream.clone())
    }

    /// Resolves once a fault has ended this connection; the accept loop then drops hyper's half.
    pub(crate) async fn over(&self) {
        self.over.notified().await;
    }

    /// Waits for the first bytes and returns a copy of them, leaving them unread in the kernel.
    pub(crate) async fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.peek(buffer).await
    }

    /// Writes `bytes` as they are, past hyper.
    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Ends the connection in order: what was written arrives, then FIN.
    pub(crate) fn close(&self) {
        // The peer may have gone already; then there is nobody left to tell.
        let _ = SockRef::from(&*self.stream).shutdown(Shutdown::Write);
        self.over.notify_one();
    }

    /// Ends the connection by RST: SO_LINGER 0 makes the kernel discard what is unsent.
    pub(crate) fn reset(&self) {
        // The peer may have gone already; then there is nobody left to tell.
        let _ = SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO));
        self.over.notify_one();
    }
}

/// The socket as hyper sees it.
pub(crate) struct Wire(Arc<TcpStream>);

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(context))?;
            match self.0.try_read_buf(buffer) {
                Ok(_) => return Poll::Ready(Ok(())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl Wire {
    fn poll_with<F>(&self, context: &mut Context<'_>, write: F) -> Poll<io::Result<usize>>
    where
        F: Fn(&TcpStream) -> io::Result<usize>,
    {
        loop {
            ready!(self.0.poll_write_ready(context))?;
            match write(&self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(context, |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_with(context, |stream| stream.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.0).shutdown(Shutdown::Write))
    }
}
