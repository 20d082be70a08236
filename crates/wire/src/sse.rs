//! Server-sent events: bytes to frames and back.
//!
//! A frame keeps its raw bytes beside its data, so that a proxy can pass on exactly what came. A frame that lies in one
//! chunk is a slice of that chunk; only frames that straddle chunks are copied. Line ends may be LF, CR or CRLF; frames
//! come out the same wherever the chunks were cut. Grammar: WHATWG HTML, section 9.2.
//!
//! What never happens here: no frame waits for bytes that follow it, and none grows past the limit.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};

/// The frame that ends an OpenAI stream.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// Why a stream of events cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// One frame is larger than the limit.
    #[error("an event is larger than {limit_bytes} bytes")]
    FrameTooLarge {
        /// The limit.
        limit_bytes: usize,
    },
}

/// One event: everything up to and including the blank line that ends it.
#[derive(Debug, Clone)]
pub struct Frame {
    raw: Bytes,
    event: Option<Range<usize>>,
    data: Data,
    terminated: bool,
}

#[derive(Debug, Clone)]
enum Data {
    None,
    /// One `data` line: a part of the raw bytes.
    Line(Range<usize>),
    /// Several, joined by LF.
    Joined(Vec<u8>),
}

impl Frame {
    /// The bytes as they came. Raw frames in a row, and what [`SseDecoder::finish`] gives, are the stream itself.
    #[must_use]
    pub const fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The data; `None` if the frame has no `data` line (a comment, a bare `event`).
    #[must_use]
    pub fn data(&self) -> Option<&[u8]> {
        match &self.data {
            Data::None => None,
            Data::Line(range) => self.raw.get(range.clone()),
            Data::Joined(joined) => Some(joined),
        }
    }

    /// The event's name, if it has one.
    #[must_use]
    pub fn event(&self) -> Option<&[u8]> {
        self.raw.get(self.event.clone()?)
    }

    /// Whether the blank line at the end was there. `false` only for what a stream ended in the middle of.
    #[must_use]
    pub const fn terminated(&self) -> bool {
        self.terminated
    }

    fn read(raw: Bytes, terminated: bool) -> Self {
        let mut frame = Self { event: None, data: Data::None, terminated, raw: Bytes::new() };
        for (field, value) in fields(&raw) {
            match raw.get(field).unwrap_or_default() {
                b"event" => frame.event = Some(value),
                b"data" => frame.data = frame.data.and(value, &raw),
                _ => {}
            }
        }
        frame.raw = raw;
        frame
    }
}

impl Data {
    fn and(self, line: Range<usize>, raw: &[u8]) -> Self {
        let bytes = |range: Range<usize>| raw.get(range).unwrap_or_default();
        match self {
            Self::None => Self::Line(line),
            Self::Line(first) => Self::Joined([bytes(first), bytes(line)].join(&b'\n')),
            Self::Joined(mut joined) => {
                joined.push(b'\n');
                joined.extend_from_slice(bytes(line));
                Self::Joined(joined)
            }
        }
    }
}

/// The `field: value` lines of a frame, as ranges. Comments (an empty field name) included.
fn fields(raw: &[u8]) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let mut at = if raw.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    std::iter::from_fn(move || {
        while at < raw.len() {
            let rest = raw.get(at..)?;
            let length = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            let line = at..at + length;
            at += length + 1;
            if length > 0 {
                return Some(split_field(raw, line));
            }
        }
        None
    })
}

fn split_field(raw: &[u8], line: Range<usize>) -> (Range<usize>, Range<usize>) {
    let text = raw.get(line.clone()).unwrap_or_default();
    let Some(colon) = memchr::memchr(b':', text) else { return (line.clone(), line.end..line.end) };
    let space = usize::from(text.get(colon + 1) == Some(&b' '));
    (line.start..line.start + colon, line.start + colon + 1 + space..line.end)
}

/// Cuts a stream of chunks into frames.
///
/// ```
/// use steersman_wire::sse::SseDecoder;
/// let mut decoder = SseDecoder::new(1 << 20);
/// decoder.push("data: {}\n\nda".into());
/// let frame = decoder.next_frame()?.expect("one frame is complete");
/// assert_eq!(frame.data(), Some(&b"{}"[..]));
/// assert!(decoder.next_frame()?.is_none());
/// # Ok::<(), steersman_wire::sse::SseError>(())
/// ```
#[derive(Debug)]
pub struct SseDecoder {
    limit_bytes: usize,
    /// The beginning of a frame, from earlier chunks; all of it is scanned.
    carry: BytesMut,
    /// What is left of the current chunk; none of it is scanned.
    chunk: Bytes,
    scan: Scan,
}

/// Where the scanner stands between two bytes.
#[derive(Debug, Clone, Copy)]
struct Scan {
    after_cr: bool,
    line_is_empty: bool,
    frame_has_lines: bool,
}

impl SseDecoder {
    /// A decoder at the start of a stream, with a limit on the size of one frame.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        let scan = Scan { after_cr: false, line_is_empty: true, frame_has_lines: false };
        Self { limit_bytes, carry: BytesMut::new(), chunk: Bytes::new(), scan }
    }

    /// Takes the next chunk. Ask for frames until there are none before the next: a chunk that is pushed while another
    /// waits is appended to it by copying.
    pub fn push(&mut self, chunk: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = chunk;
        } else {
            let waiting = std::mem::take(&mut self.chunk);
            self.chunk = [waiting, chunk].concat().into();
        }
    }

    /// The next complete frame, or `None` until more bytes come.
    ///
    /// # Errors
    /// [`SseError::FrameTooLarge`]; the decoder is of no use after it.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, SseError> {
        let end = self.scan.find_end(&self.chunk);
        if self.carry.len() + end.unwrap_or(self.chunk.len()) > self.limit_bytes {
            return Err(SseError::FrameTooLarge { limit_bytes: self.limit_bytes });
        }
        let Some(end) = end else {
            self.carry.extend_from_slice(&self.chunk);
            self.chunk.clear();
            return Ok(None);
        };
        let tail = self.chunk.split_to(end);
        let raw = if self.carry.is_empty() {
            tail
        } else {
            self.carry.extend_from_slice(&tail);
            std::mem::take(&mut self.carry).freeze()
        };
        Ok(Some(Frame::read(raw, true)))
    }

    /// What has come of a frame that is not complete; `None` between two frames, where a blank line more begins none.
    #[must_use]
    pub fn incomplete(&self) -> Option<Frame> {
        let raw = [&self.carry[..], &self.chunk[..]].concat();
        (!raw.trim_ascii().is_empty()).then(|| Frame::read(raw.into(), false))
    }

    /// What is left when the stream has ended: a frame without its blank line. The standard throws it away; some
    /// providers forget the last line end, so the caller decides by [`Frame::terminated`].
    #[must_use]
    pub fn finish(mut self) -> Option<Frame> {
        self.carry.extend_from_slice(&self.chunk);
        self.chunk.advance(self.chunk.len());
        (!self.carry.is_empty()).then(|| Frame::read(self.carry.freeze(), false))
    }
}

impl Scan {
    /// The end of the frame within `chunk`, or `None` if it does not end there. An LF that completes a CRLF in the next
    /// chunk opens the next frame's raw bytes: a frame never waits for it.
    fn find_end(&mut self, chunk: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(&byte) = chunk.get(at) {
            if std::mem::take(&mut self.after_cr) && byte == b'\n' {
                at += 1;
                continue;
            }
            let rest = chunk.get(at..)?;
            let Some(length) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.line_is_empty = false;
                return None;
            };
            let blank = self.line_is_empty && length == 0;
            self.after_cr = rest.get(length) == Some(&b'\r');
            self.line_is_empty = true;
            at += length + 1;
            if !blank {
                self.frame_has_lines = true;
            } else if std::mem::take(&mut self.frame_has_lines) {
                let joined = self.after_cr && chunk.get(at) == Some(&b'\n');
                self.after_cr &= !joined;
                return Some(at + usize::from(joined));
            }
        }
        None
    }
}

/// Appends one frame: its event name, if any, and its data, one `data` line for each line.
pub fn write_frame(out: &mut Vec<u8>, event: Option<&str>, data: &[u8]) {
    if let Some(event) = event {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(event.as_bytes());
        out.push(b'\n');
    }
    for line in data.split(|&b| b == b'\n') {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.push(b'\n');
}

/// Appends a comment, which clients skip: it keeps a quiet connection alive.
pub fn write_comment(out: &mut Vec<u8>, text: &str) {
    let text: Cow<'_, str> =
        if text.contains(['\n', '\r']) { text.replace(['\n', '\r'], " ").into() } else { text.into() };
    out.extend_from_slice(b": ");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\n\n");
}
