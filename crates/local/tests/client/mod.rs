//! A client that blocks, for tests: one request a connection, the whole answer at once.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The body's `data` frames as JSON, without the end marker, which must be there.
    pub(crate) fn chunks(&self) -> Vec<Value> {
        let frames: Vec<&str> = self.body.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        let Some(("[DONE]", frames)) = frames.split_last().map(|(last, frames)| (*last, frames)) else {
            panic!("no end marker: {}", self.body)
        };
        frames.iter().map(|frame| serde_json::from_str(frame).unwrap()).collect()
    }
}

/// Sends a chat request and waits for the whole answer.
pub(crate) fn chat(address: &str, request: &Value) -> Reply {
    send(address, "POST", "/v1/chat/completions", &request.to_string())
}

/// Sends a request and waits for the whole answer.
pub(crate) fn send(address: &str, method: &str, path: &str, body: &str) -> Reply {
    let mut answer = Vec::new();
    open(address, method, path, body).read_to_end(&mut answer).unwrap();
    let at = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(answer[..at].to_vec()).unwrap().to_lowercase();
    let body = answer[at + 4..].to_vec();
    let body = if head.contains("transfer-encoding: chunked") { joined(&body) } else { body };
    Reply { status: head[9..12].parse().unwrap(), head, body: String::from_utf8(body).unwrap() }
}

/// Sends a request and leaves the answer to be read.
pub(crate) fn open(address: &str, method: &str, path: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    stream
}

/// The chunks of a chunked body, joined; a body that breaks off gives what came.
fn joined(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(at) = body.windows(2).position(|window| window == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&body[..at]).unwrap(), 16).unwrap();
        if size == 0 || body.len() < at + 2 + size {
            break;
        }
        whole.extend_from_slice(&body[at + 2..at + 2 + size]);
        body = &body[at + 2 + size + 2..];
    }
    whole
}
