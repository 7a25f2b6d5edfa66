//! The accept loop: binds loopback, gives each connection to hyper, and lets faults end a connection under it.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::connection::Connection;
use crate::control::is_control;
use crate::handle;
use crate::rule::DropAt;
use crate::state::State;

/// How much of a new connection is looked at for its first line.
const PEEKED: usize = 4096;

/// Listens on loopback; refuses every other address.
pub(crate) fn listen(host: IpAddr, port: u16) -> io::Result<TcpListener> {
    if !host.is_loopback() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{host} is no loopback address; use 127.0.0.1 or ::1"),
        ));
    }
    let socket = if host.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A server restarted on its port must not wait for old connections to time out.
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::new(host, port))?;
    socket.listen(4096)
}

/// Serves until `stop` resolves.
pub(crate) async fn run(listener: TcpListener, state: Arc<State>, stop: impl Future<Output = ()>) {
    let mut number = 0;
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                number += 1;
                tokio::spawn(serve_connection(state.clone(), stream, number));
            }
            // Out of descriptors, or the client went before it was accepted: give others time to close.
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

async fn serve_connection(state: Arc<State>, stream: TcpStream, number: u64) {
    state.log.connected();
    // Small answers must not wait for the client's acknowledgement; failing costs only time.
    let _ = stream.set_nodelay(true);
    let connection = Connection::new(stream, number);
    if state.script.has_before_read() && drop_before_read(&state, &connection).await {
        return;
    }
    let service = service_fn(|request| {
        let answer = handle::serve(state.clone(), connection.clone(), request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let builder = Builder::new(TokioExecutor::new());
    let serving = builder.serve_connection_with_upgrades(TokioIo::new(connection.wire()), service);
    tokio::select! {
        // An error here is the client's: it broke off or sent no HTTP. Requests were logged by their tickets.
        _ = serving => {}
        () = connection.over() => {}
    }
}

/// Looks at the first line without reading it and ends the connection if a rule says so.
async fn drop_before_read(state: &State, connection: &Connection) -> bool {
    let mut buffer = vec![0; PEEKED];
    let Ok(length) = connection.peek(&mut buffer).await else {
        return false;
    };
    let Some((method, path)) = first_line(&buffer[..length]) else {
        return false;
    };
    if is_control(path) {
        return false;
    }
    let Some(rule) = state.script.before_read(method, path) else {
        return false;
    };
    debug_assert_eq!(rule.drop, Some(DropAt::BeforeRead));
    let mut ticket = state.log.glimpse(method, path, connection.number);
    crate::scripted::wait_first(state, &rule).await;
    ticket.cut_off();
    connection.reset();
    true
}

/// Method and path of a request, if its first line has arrived whole.
fn first_line(bytes: &[u8]) -> Option<(&str, &str)> {
    let end = bytes.iter().position(|&byte| byte == b'\r')?;
    let mut words = std::str::from_utf8(&bytes[..end]).ok()?.split(' ');
    Some((words.next()?, words.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_read_when_it_is_whole() {
        assert_eq!(
            first_line(b"POST /v1/x?y HTTP/1.1\r\nHost"),
            Some(("POST", "/v1/x?y"))
        );
        assert_eq!(first_line(b"POST /v1/x"), None);
        assert_eq!(first_line(b"\xff\xff\r\n"), None);
    }

    #[tokio::test]
    async fn only_loopback_is_served() {
        let error = listen(IpAddr::from([0, 0, 0, 0]), 0).expect_err("refused");
        assert!(error.to_string().contains("127.0.0.1"));
        assert!(listen(IpAddr::from([127, 0, 0, 1]), 0).is_ok());
    }
}
