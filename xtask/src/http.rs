//! The smallest HTTP client that can tell when the first token came: one connection a request, nothing reused.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::Failure;

/// An answer and when it came.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    head: String,
    /// The body, without the marks of its chunks.
    pub(crate) body: String,
    /// Until the first byte of the body for which `counts` held.
    pub(crate) first: Duration,
}

impl Answer {
    /// A header's value; `name` in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// Asks for a resource and reads it whole.
pub(crate) fn get(address: &str, path: &str) -> Result<Answer, Failure> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    exchange(address, &request, |_| true)
}

/// Sends JSON and reads the whole answer. `counts` says from what text on the first token is there.
pub(crate) fn post(address: &str, path: &str, json: &str, counts: impl Fn(&str) -> bool) -> Result<Answer, Failure> {
    post_with(address, path, "", json, counts)
}

/// The same with more headers: whole lines, each with its end.
pub(crate) fn post_with(
    address: &str,
    path: &str,
    headers: &str,
    json: &str,
    counts: impl Fn(&str) -> bool,
) -> Result<Answer, Failure> {
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n{json}",
        json.len()
    );
    exchange(address, &request, counts)
}

fn exchange(address: &str, request: &str, counts: impl Fn(&str) -> bool) -> Result<Answer, Failure> {
    let started = Instant::now();
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.write_all(request.as_bytes())?;
    let (mut raw, mut piece, mut first) = (Vec::new(), vec![0; 1 << 16], None);
    loop {
        let read = stream.read(&mut piece)?;
        raw.extend_from_slice(piece.get(..read).unwrap_or_default());
        let text = String::from_utf8_lossy(&raw);
        if first.is_none() && text.split_once("\r\n\r\n").is_some_and(|(_, body)| counts(body)) {
            first = Some(started.elapsed());
        }
        if read == 0 {
            break;
        }
    }
    let (head, body) = split(&raw).ok_or_else(|| Failure::new(format!("`{address}` answered no HTTP")))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok(Answer { status, head, body, first: first.unwrap_or_else(|| started.elapsed()) })
}

fn split(raw: &[u8]) -> Option<(String, String)> {
    let at = raw.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(raw.get(..at)?).into_owned();
    let body = raw.get(at + 4..)?;
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { dechunked(body)? } else { body.to_vec() };
    Some((head, String::from_utf8_lossy(&body).into_owned()))
}

fn dechunked(mut raw: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = raw.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(raw.get(..line)?).ok()?.split(';').next()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(raw.get(line + 2..line + 2 + size)?);
        raw = raw.get(line + 4 + size..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_whole_or_in_chunks_and_a_cut_one_is_none() {
        assert_eq!(dechunked(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n").as_deref(), Some(&b"abcde"[..]));
        assert_eq!(dechunked(b"3\r\nab"), None);
        let (head, body) = split(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nhello").unwrap();
        assert_eq!((head.as_str(), body.as_str()), ("HTTP/1.1 200 OK\r\nA: b", "hello"));
    }
}
