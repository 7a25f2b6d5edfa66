//! A plain HTTP/1.1 client on a socket, so that the tests see exactly what the server sends.

// Each test file uses a part of it.
#![allow(dead_code)]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longer than anything here takes; a test that waits so long has failed.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As its framing says.
    Complete,
    /// FIN too early.
    Closed,
    /// RST.
    Reset,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The sizes of the HTTP chunks, for a chunked body.
    pub chunks: Vec<usize>,
    pub end: End,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(have, _)| have == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("a text body")
    }
}

/// One connection.
pub struct Client(TcpStream);

impl Client {
    pub fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a read timeout");
        Client(stream)
    }

    pub fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) {
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        self.write(format!("{head}\r\n{body}").as_bytes());
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.0
            .write_all(bytes)
            .expect("the server takes the request");
    }

    /// All bytes until the connection ends.
    pub fn rest(&mut self) -> (Vec<u8>, End) {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match self.0.read(&mut buffer) {
                Ok(0) => return (bytes, End::Closed),
                Ok(length) => bytes.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return (bytes, End::Reset);
                }
                Err(error) => panic!("neither an answer nor an end: {error}"),
            }
        }
    }

    fn byte(&mut self) -> Result<u8, End> {
        let mut byte = [0];
        match self.0.read(&mut byte) {
            Ok(0) => Err(End::Closed),
            Ok(_) => Ok(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Err(End::Reset),
            Err(error) => panic!("neither an answer nor an end: {error}"),
        }
    }

    fn line(&mut self) -> Result<String, End> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(self.byte()?);
        }
        line.truncate(line.len() - 2);
        Ok(String::from_utf8(line).expect("a line of text"))
    }

    fn take(&mut self, length: usize, into: &mut Vec<u8>) -> Result<(), End> {
        let mut left = length;
        let mut buffer = vec![0; 65_536];
        while left > 0 {
            let most = left.min(buffer.len());
            match self.0.read(&mut buffer[..most]) {
                Ok(0) => return Err(End::Closed),
                Ok(read) => {
                    into.extend_from_slice(&buffer[..read]);
                    left -= read;
                }
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Err(End::Reset);
                }
                Err(error) => panic!("neither an answer nor an end: {error}"),
            }
        }
        Ok(())
    }

    /// Reads one answer; `Err` when the connection ended within its head.
    pub fn answer(&mut self) -> Result<Answer, End> {
        let status_line = self.line()?;
        let status = status_line
            .split(' ')
            .nth(1)
            .and_then(|text| text.parse().ok());
        let mut answer = Answer {
            status: status.expect("a status line"),
            headers: Vec::new(),
            body: Vec::new(),
            chunks: Vec::new(),
            end: End::Complete,
        };
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').expect("a header line");
            answer
                .headers
                .push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if let Err(end) = self.body(&mut answer) {
            answer.end = end;
        }
        Ok(answer)
    }

    fn body(&mut self, answer: &mut Answer) -> Result<(), End> {
        if answer.header("transfer-encoding") == Some("chunked") {
            loop {
                let size = usize::from_str_radix(&self.line()?, 16).expect("a chunk size");
                self.take(size, &mut answer.body)?;
                self.line()?;
                if size == 0 {
                    return Ok(());
                }
                answer.chunks.push(size);
            }
        }
        let length = answer
            .header("content-length")
            .map(|text| text.parse::<usize>());
        match length {
            Some(length) => self.take(length.expect("a length"), &mut answer.body),
            None => Ok(()),
        }
    }

    /// Sends and reads one exchange on this connection.
    pub fn call(&mut self, method: &str, path: &str, body: &str) -> Result<Answer, End> {
        self.send(method, path, &[], body);
        self.answer()
    }
}

/// One exchange on a connection of its own.
pub fn call(address: SocketAddr, method: &str, path: &str, body: &str) -> Result<Answer, End> {
    Client::connect(address).call(method, path, body)
}

/// One embeddings request on a connection of its own.
pub fn embed(address: SocketAddr, text: &str) -> Result<Answer, End> {
    call(address, "POST", "/v1/embeddings", &embed_body(text))
}

pub fn embed_body(text: &str) -> String {
    serde_json::json!({"model": "m", "input": text, "dimensions": 4}).to_string()
}
