//! The framing `application/vnd.amazon.eventstream`: binary messages with headers and two checksums.
//!
//! Source: smithy.io, "Amazon Event Stream Specification". A message is its length, the length of its headers and the
//! CRC of both, then headers, payload, and the CRC of all before. Lengths are checked before anything is kept, and no
//! message is larger than the decoder was told.
//!
//! What never happens here: bytes are handed out whose checksum was not right, or that stood behind such bytes.

use bytes::{Buf, Bytes, BytesMut};

/// Prelude and its checksum.
const PRELUDE_BYTES: usize = 12;
/// Everything of a message but headers and payload.
const FRAME_BYTES: usize = PRELUDE_BYTES + 4;
/// The specification's own limit.
const MAX_HEADER_BYTES: usize = 128 << 10;

/// Why bytes are no event stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventStreamError {
    /// Lengths that contradict each other.
    #[error("an event stream message of {total} bytes with {headers} bytes of headers cannot be")]
    Length {
        /// The length of the message.
        total: usize,
        /// The length of its headers.
        headers: usize,
    },
    /// A message beyond the limit.
    #[error("an event stream message of {0} bytes is larger than allowed")]
    TooLarge(usize),
    /// A wrong checksum.
    #[error("an event stream message has a wrong checksum")]
    Checksum,
    /// Headers that end in their midst, or have a type that there is not.
    #[error("the headers of an event stream message cannot be read")]
    Headers,
}

/// One message: its text headers, and its payload.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    /// Headers whose values are text: `:event-type`, `:message-type`, `:content-type`.
    pub headers: Vec<(String, String)>,
    /// The payload.
    pub payload: Bytes,
}

impl Message {
    /// The value of a text header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Appends the message as bytes. Header names and values beyond what their lengths can say are cut.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut headers = Vec::new();
        for (name, value) in &self.headers {
            let name = name.as_bytes().get(..name.len().min(255)).unwrap_or_default();
            let value = value.as_bytes().get(..value.len().min(0x7fff)).unwrap_or_default();
            headers.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            headers.extend_from_slice(name);
            headers.push(7);
            headers.extend_from_slice(&u16::try_from(value.len()).unwrap_or(0).to_be_bytes());
            headers.extend_from_slice(value);
        }
        let start = out.len();
        let total = FRAME_BYTES + headers.len() + self.payload.len();
        let word = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        out.extend_from_slice(&word(total));
        out.extend_from_slice(&word(headers.len()));
        out.extend_from_slice(&crc32fast::hash(out.get(start..).unwrap_or_default()).to_be_bytes());
        out.extend_from_slice(&headers);
        out.extend_from_slice(&self.payload);
        out.extend_from_slice(&crc32fast::hash(out.get(start..).unwrap_or_default()).to_be_bytes());
    }
}

/// Takes bytes in any pieces and gives whole messages.
#[derive(Debug)]
pub struct EventStreamDecoder {
    buffer: BytesMut,
    most: usize,
    broken: Option<EventStreamError>,
}

impl EventStreamDecoder {
    /// A decoder for messages of at most so many bytes.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { buffer: BytesMut::new(), most, broken: None }
    }

    /// Takes the next bytes. Behind an error they are dropped.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// Whether bytes of an unfinished message are waiting.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The next whole message, if it is there.
    ///
    /// # Errors
    /// [`EventStreamError`]; the stream cannot be read on after one, which is told again each time.
    pub fn next_message(&mut self) -> Result<Option<Message>, EventStreamError> {
        let read = self.broken.map_or_else(|| self.read(), Err);
        self.broken = read.as_ref().err().copied();
        read
    }

    fn read(&mut self) -> Result<Option<Message>, EventStreamError> {
        let Some(prelude) = self.buffer.first_chunk::<PRELUDE_BYTES>() else { return Ok(None) };
        let (lengths, mut crc) = prelude.split_at(8);
        let mut words = lengths;
        let (total, headers) = (length(words.get_u32()), length(words.get_u32()));
        if crc32fast::hash(lengths) != crc.get_u32() {
            return Err(EventStreamError::Checksum);
        }
        if total < FRAME_BYTES || headers > total - FRAME_BYTES || headers > MAX_HEADER_BYTES {
            return Err(EventStreamError::Length { total, headers });
        }
        if total > self.most {
            return Err(EventStreamError::TooLarge(total));
        }
        if self.buffer.len() < total {
            return Ok(None);
        }
        let mut message = self.buffer.split_to(total).freeze();
        let mut crc = message.split_off(total - 4);
        if crc32fast::hash(&message) != crc.get_u32() {
            return Err(EventStreamError::Checksum);
        }
        message.advance(PRELUDE_BYTES);
        let payload = message.split_off(headers);
        Ok(Some(Message { headers: read_headers(&message)?, payload }))
    }
}

fn length(word: u32) -> usize {
    usize::try_from(word).unwrap_or(usize::MAX)
}

fn read_headers(mut bytes: &[u8]) -> Result<Vec<(String, String)>, EventStreamError> {
    fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Result<&'b [u8], EventStreamError> {
        let (taken, rest) = bytes.split_at_checked(count).ok_or(EventStreamError::Headers)?;
        *bytes = rest;
        Ok(taken)
    }
    let mut headers = Vec::new();
    while !bytes.is_empty() {
        let name_length = usize::from(take(&mut bytes, 1)?.get_u8());
        let name = take(&mut bytes, name_length)?;
        let size = match take(&mut bytes, 1)?.get_u8() {
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4 => 4,
            5 | 8 => 8,
            9 => 16,
            kind @ (6 | 7) => {
                let size = usize::from(take(&mut bytes, 2)?.get_u16());
                if kind == 7 {
                    let value = take(&mut bytes, size)?;
                    let text = |bytes| String::from_utf8(Vec::from(bytes)).map_err(|_| EventStreamError::Headers);
                    headers.push((text(name)?, text(value)?));
                    continue;
                }
                size
            }
            _ => return Err(EventStreamError::Headers),
        };
        take(&mut bytes, size)?;
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message() -> impl Strategy<Value = Message> {
        let header = ("[:a-z-]{1,12}", "[ -~ä]{0,20}");
        (proptest::collection::vec(header, 0..4), proptest::collection::vec(any::<u8>(), 0..64))
            .prop_map(|(headers, payload)| Message { headers, payload: payload.into() })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_whatever_the_pieces(
            messages in proptest::collection::vec(message(), 0..4),
            piece in 1..40usize,
        ) {
            let mut bytes = Vec::new();
            messages.iter().for_each(|message| message.write(&mut bytes));
            let mut decoder = EventStreamDecoder::new(1 << 20);
            let mut read = Vec::new();
            for piece in bytes.chunks(piece) {
                decoder.push(piece);
                while let Some(message) = decoder.next_message().expect("whole messages") {
                    read.push(message);
                }
            }
            prop_assert!(decoder.is_empty());
            prop_assert_eq!(read, messages);
        }

        #[test]
        fn a_changed_bit_is_never_taken_for_a_message(message in message(), at in any::<proptest::sample::Index>(), bit in 0..8u8) {
            let mut bytes = Vec::new();
            message.write(&mut bytes);
            let at = at.index(bytes.len());
            *bytes.get_mut(at).expect("within") ^= 1 << bit;
            let mut decoder = EventStreamDecoder::new(1 << 20);
            decoder.push(&bytes);
            prop_assert!(!matches!(decoder.next_message(), Ok(Some(_))));
        }

        #[test]
        fn no_bytes_make_it_panic_or_grow(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = EventStreamDecoder::new(1 << 10);
            decoder.push(&bytes);
            while let Ok(Some(_)) = decoder.next_message() {}
        }
    }

    #[test]
    fn the_message_of_the_specification_is_written_byte_for_byte() {
        // smithy.io, "Amazon Event Stream Specification", examples: no headers and no payload; a payload of 13 bytes.
        let mut empty = Vec::new();
        Message::default().write(&mut empty);
        assert_eq!(empty, [0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff]);
        let mut decoder = EventStreamDecoder::new(1 << 10);
        decoder.push(&[0, 0, 0, 0x1d, 0, 0, 0, 0, 0xfd, 0x52, 0x8c, 0x5a]);
        decoder.push(b"{'foo':'bar'}");
        decoder.push(&[0xc3, 0x65, 0x39, 0x36]);
        let message = decoder.next_message().expect("right").expect("whole");
        assert_eq!(&message.payload[..], b"{'foo':'bar'}");
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_before_it_is_waited_for() {
        let mut bytes = Vec::new();
        Message { payload: vec![0; 2_000].into(), ..Message::default() }.write(&mut bytes);
        let mut decoder = EventStreamDecoder::new(1 << 10);
        decoder.push(bytes.get(..12).expect("a prelude"));
        assert_eq!(decoder.next_message(), Err(EventStreamError::TooLarge(2_016)));
    }
}
