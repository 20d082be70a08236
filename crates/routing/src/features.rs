//! What a router sees of a prompt: hashed words, word pairs and word beginnings, and its shape.
//!
//! No vocabulary is kept and nothing is allocated once a buffer has grown. Very long prompts are read at both ends
//! only, which bounds the time of a decision whatever a client sends.
//!
//! What never happens here: nothing is learnt and nothing looks at an answer.

/// Hashed features fall into this many buckets.
pub(crate) const BUCKETS: usize = 1 << BUCKET_BITS;
const BUCKET_BITS: u32 = 17;

/// Shape features per prompt.
pub(crate) const SHAPES: usize = 12;

/// At most this many bytes of a prompt are read: half from its start, half from its end.
pub(crate) const READ_BYTES: usize = 4096;

/// A prompt as numbers. Reuse one for many prompts: it keeps its memory.
#[derive(Debug, Clone, Default)]
pub struct Features {
    /// Buckets of words (once for each occurrence).
    pub words: Vec<u32>,
    /// Buckets of word pairs and word beginnings.
    pub parts: Vec<u32>,
    /// Length, lines, digits, ... each roughly within 0..1.
    pub shape: [f32; SHAPES],
}

impl Features {
    /// Reads a prompt. About 10 ns a byte.
    pub fn read(&mut self, text: &str) {
        self.words.clear();
        self.parts.clear();
        let mut counts = Counts::default();
        if text.len() <= READ_BYTES {
            self.tokens(text, &mut counts);
        } else {
            let (head, tail) = both_ends(text);
            self.tokens(head, &mut counts);
            self.tokens(tail, &mut counts);
        }
        self.words.sort_unstable();
        self.words.dedup();
        self.parts.sort_unstable();
        self.parts.dedup();
        self.shape = counts.shape(text.len(), self.words.len());
    }

    fn tokens(&mut self, text: &str, counts: &mut Counts) {
        let (mut word, mut previous) = (FNV_START, 0_u32);
        let mut length = 0_u32;
        for byte in text.bytes() {
            counts.byte(byte);
            if byte.is_ascii_alphanumeric() || byte >= 0x80 {
                word = fnv(word, byte.to_ascii_lowercase());
                length += 1;
                if length == 4 {
                    self.parts.push(bucket(word ^ 0x5bd1_e995));
                }
                continue;
            }
            if length > 0 {
                previous = self.word(word, previous, counts);
            }
            if !byte.is_ascii_whitespace() {
                let sign = fnv(FNV_START ^ 0x11, byte);
                self.parts.push(bucket(sign));
            }
            (word, length) = (FNV_START, 0);
        }
        if length > 0 {
            self.word(word, previous, counts);
        }
    }

    fn word(&mut self, word: u32, previous: u32, counts: &mut Counts) -> u32 {
        self.words.push(bucket(word));
        if previous != 0 {
            self.parts.push(bucket(previous.rotate_left(13).wrapping_mul(0x85eb_ca6b) ^ word));
        }
        counts.words += 1;
        word
    }
}

#[derive(Default)]
struct Counts {
    words: u32,
    lines: u32,
    digits: u32,
    capitals: u32,
    operators: u32,
    brackets: u32,
    questions: u32,
    commas: u32,
    blanks: u32,
}

impl Counts {
    fn byte(&mut self, byte: u8) {
        match byte {
            b'\n' => self.lines += 1,
            b'0'..=b'9' => self.digits += 1,
            b'A'..=b'Z' => self.capitals += 1,
            b'+' | b'-' | b'*' | b'/' | b'=' | b'^' | b'<' | b'>' | b'\\' | b'$' | b'%' => self.operators += 1,
            b'(' | b')' | b'[' | b']' | b'{' | b'}' => self.brackets += 1,
            b'?' => self.questions += 1,
            b',' | b';' | b':' => self.commas += 1,
            b'_' => self.blanks += 1,
            _ => {}
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn shape(&self, bytes: usize, distinct: usize) -> [f32; SHAPES] {
        let read = bytes.clamp(1, READ_BYTES) as f32;
        let logs = |n: f32| (1.0 + n).ln() / 8.0;
        let share = |n: u32| (n as f32 / read * 8.0).min(1.0);
        [
            logs(bytes as f32),
            logs(self.words as f32),
            logs(self.lines as f32) * 2.0,
            share(self.digits),
            share(self.capitals),
            share(self.operators),
            share(self.brackets),
            (self.questions as f32 / 3.0).min(1.0),
            share(self.commas),
            (self.blanks as f32 / 4.0).min(1.0),
            distinct as f32 / self.words.max(1) as f32,
            (read / self.words.max(1) as f32 / 12.0).min(1.0),
        ]
    }
}

const FNV_START: u32 = 0x811c_9dc5;

/// Fowler-Noll-Vo 1a, 32 bits: short keys, no state.
fn fnv(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

fn bucket(hash: u32) -> u32 {
    hash.wrapping_mul(0x9e37_79b1) >> (32 - BUCKET_BITS)
}

fn both_ends(text: &str) -> (&str, &str) {
    let half = READ_BYTES / 2;
    let head = text.floor_char_boundary(half);
    let tail = text.ceil_char_boundary(text.len() - half);
    (text.get(..head).unwrap_or_default(), text.get(tail..).unwrap_or_default())
}
