//! Small servers on loopback whose every byte the test decides: raw HTTP/1.1, an HTTP proxy, a SOCKS5 proxy.
//!
//! They never listen beyond loopback. Their threads end with the connections, at the latest with the process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A listener that gives each connection to `serve` on a thread of its own, with the connection's number from 0.
pub fn listen(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (stream, serve) = (stream.expect("a connection"), serve.clone());
            stream.set_nodelay(true).expect("no delay");
            thread::spawn(move || serve(stream, number));
        }
    });
    address
}

/// What one connection asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `POST /v1/embeddings HTTP/1.1`
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(have, _)| have == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The next request of a connection; `None` when there is none.
pub fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    if stream.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        if stream.read_line(&mut header).ok()? == 0 {
            return None;
        }
        match header.trim_end().split_once(':') {
            Some((name, value)) => {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            None => break,
        }
    }
    let mut asked = Asked {
        line: line.trim_end().to_owned(),
        headers,
        body: Vec::new(),
    };
    let length = asked.header("content-length").unwrap_or("0").parse();
    asked.body = vec![0; length.expect("a length")];
    stream.read_exact(&mut asked.body).ok()?;
    Some(asked)
}

/// An answer with a JSON body and a length.
pub fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The answer to an embeddings request with one input.
pub fn embedding() -> String {
    ok(
        r#"{"data":[{"index":0,"embedding":[0.5,0.25]}],"usage":{"prompt_tokens":1,"total_tokens":1}}"#,
    )
}

/// A server that answers each request with what `answer` makes of it, and keeps its connections open.
pub struct Scripted {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
}

impl Scripted {
    /// `answer` gets the request and its number from 0, and gives the bytes of the answer; empty bytes close the
    /// connection.
    pub fn start(answer: impl Fn(&Asked, usize) -> Vec<u8> + Send + Sync + 'static) -> Scripted {
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let connections: Arc<AtomicUsize> = Arc::default();
        let (log, count) = (asked.clone(), connections.clone());
        let address = listen(move |stream, _| {
            count.fetch_add(1, Ordering::SeqCst);
            let mut writer = stream.try_clone().expect("a second handle");
            let mut reader = BufReader::new(stream);
            while let Some(request) = read_request(&mut reader) {
                let number = {
                    let mut log = log.lock().expect("the log");
                    log.push(request.clone());
                    log.len() - 1
                };
                let bytes = answer(&request, number);
                if bytes.is_empty() || writer.write_all(&bytes).is_err() {
                    return;
                }
            }
        });
        Scripted {
            address,
            asked,
            connections,
        }
    }

    /// A server with one answer.
    pub fn always(answer: impl Into<Vec<u8>>) -> Scripted {
        let answer = answer.into();
        Scripted::start(move |_, _| answer.clone())
    }

    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("the log").clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// What a proxy was asked for: one line a connection.
pub type Log = Arc<Mutex<Vec<String>>>;

/// An HTTP proxy that answers `CONNECT` only and passes everything to `to`, whatever host it was asked for.
pub fn connect_proxy(to: SocketAddr) -> (SocketAddr, Log) {
    let log = Log::default();
    let seen = log.clone();
    let address = listen(move |stream, _| {
        let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
        let Some(asked) = read_request(&mut reader) else {
            return;
        };
        let credentials = asked.header("proxy-authorization").unwrap_or("-");
        let line = format!("{} {credentials}", asked.line);
        seen.lock().expect("the log").push(line);
        let mut stream = stream;
        if !asked.line.starts_with("CONNECT ") {
            let refusal = b"HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(refusal).expect("the client reads");
            return;
        }
        stream
            .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            .expect("the client reads");
        pass(stream, to);
    });
    (address, log)
}

/// A SOCKS5 proxy (RFC 1928, RFC 1929) that passes everything to `to`.
pub fn socks_proxy(
    to: SocketAddr,
    user: Option<(&'static str, &'static str)>,
) -> (SocketAddr, Log) {
    let log = Log::default();
    let seen = log.clone();
    let address = listen(move |mut stream, _| {
        let methods = take(&mut stream, 2)[1];
        let offered = take(&mut stream, methods.into());
        let method = if user.is_some() { 2 } else { 0 };
        assert!(offered.contains(&method), "the client offers {offered:?}");
        stream.write_all(&[5, method]).expect("the client reads");
        if let Some((name, password)) = user {
            let length = take(&mut stream, 2)[1];
            let given = take(&mut stream, length.into());
            let length = take(&mut stream, 1)[0];
            let secret = take(&mut stream, length.into());
            let right = given == name.as_bytes() && secret == password.as_bytes();
            let reply = [1, u8::from(!right)];
            stream.write_all(&reply).expect("the client reads");
        }
        let place = match take(&mut stream, 4)[3] {
            1 => format!("ip {:?}", take(&mut stream, 4)),
            3 => {
                let length = take(&mut stream, 1)[0];
                let name = take(&mut stream, length.into());
                format!("name {}", String::from_utf8_lossy(&name))
            }
            kind => panic!("address type {kind}"),
        };
        take(&mut stream, 2);
        seen.lock().expect("the log").push(place);
        let granted = [5, 0, 0, 1, 127, 0, 0, 1, 0, 0];
        stream.write_all(&granted).expect("the client reads");
        pass(stream, to);
    });
    (address, log)
}

fn take(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).expect("as many bytes");
    bytes
}

/// Passes bytes both ways until both sides have ended.
fn pass(client: TcpStream, to: SocketAddr) {
    let server = TcpStream::connect(to).expect("the server listens");
    let one_way = |mut from: TcpStream, mut to: TcpStream| {
        // Either side may break off; the other then hears of it.
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(std::net::Shutdown::Write);
    };
    let back = (
        server.try_clone().expect("a second handle"),
        client.try_clone().expect("a second handle"),
    );
    let answers = thread::spawn(move || one_way(back.0, back.1));
    one_way(client, server);
    answers.join().expect("no panic");
}
