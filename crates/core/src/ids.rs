//! Names and ids that must not be swapped for one another.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Crockford's alphabet, lower case: no `i`, `l`, `o`, `u`, so an id survives being read aloud.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The id of one request: `req_` and 26 characters that sort by time (48 bits of milliseconds, 80 random bits).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// A new id for a request that started `unix_millis` after the epoch, with entropy from the operating system.
    #[must_use]
    pub fn new(unix_millis: u64) -> Self {
        Self::from_parts(unix_millis, random())
    }

    /// The id made of a time and ten random bytes; for tests and replays.
    #[must_use]
    pub fn from_parts(unix_millis: u64, random: [u8; 10]) -> Self {
        let mut bits = u128::from(unix_millis) << 80;
        for (byte, shift) in random.into_iter().zip((0..80).step_by(8)) {
            bits |= u128::from(byte) << shift;
        }
        let mut text = *b"req_00000000000000000000000000";
        for (place, i) in text.iter_mut().skip("req_".len()).zip((0..26).rev()) {
            let digit = (bits >> (5 * i)) & 31;
            *place = ALPHABET.get(usize::try_from(digit).unwrap_or(0)).copied().unwrap_or(b'0');
        }
        Self(std::str::from_utf8(&text).unwrap_or_default().into())
    }

    /// Reads an id that a person or a client gives. `None` if it does not have the form of one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("req_")?;
        let well_formed = digits.len() == 26 && digits.bytes().all(|b| ALPHABET.contains(&b));
        well_formed.then(|| Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The time it was made with, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn unix_millis(&self) -> u64 {
        // Ten digits, of five bits each, stand before the random bits.
        let digits = self.0.bytes().skip("req_".len()).take(10);
        let value = |digit| ALPHABET.iter().position(|&known| known == digit).unwrap_or(0) as u64;
        digits.fold(0, |bits, digit| (bits << 5) | value(digit)) & 0xffff_ffff_ffff
    }
}

/// Ten bytes from the operating system, which each thread asks for 25 ids at a time: the call costs more than the id.
fn random() -> [u8; 10] {
    thread_local! {
        static LEFT: RefCell<Vec<[u8; 10]>> = const { RefCell::new(Vec::new()) };
    }
    LEFT.with_borrow_mut(|left| {
        left.pop().unwrap_or_else(|| {
            let mut bytes = [[0; 10]; 25];
            getrandom::fill(bytes.as_flattened_mut()).expect("invariant: the operating system hands out random bytes");
            left.extend(bytes.into_iter().skip(1));
            let [first, ..] = bytes;
            first
        })
    })
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.into())
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self(name.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// A model as clients name it and as providers serve it.
    ModelName;
    /// An upstream API by its configured name.
    ProviderName;
    /// A named use of an LLM. Derived names start with `auto/`.
    TaskName;
}

/// BLAKE3 of a content, the name under which bodies, prompts and artefacts are kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// The hash of these bytes. About 1 us for a few KiB.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self(blake3::hash(content).into())
    }

    /// A hash read back from where it was kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A hash as it is written: 64 hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        blake3::Hash::from_hex(text).ok().map(|hash| Self(hash.into()))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_read_back() {
        let early = RequestId::from_parts(1_700_000_000_000, [255; 10]);
        let late = RequestId::from_parts(1_700_000_000_001, [0; 10]);
        assert!(early < late);
        assert_eq!((early.unix_millis(), late.unix_millis()), (1_700_000_000_000, 1_700_000_000_001));
        assert_eq!(RequestId::parse(late.as_str()), Some(late));
    }

    #[test]
    fn a_text_that_is_no_id_is_refused() {
        for text in ["", "req_", "req_0123", "req_il0000000000000000000000000", "x"] {
            assert_eq!(RequestId::parse(text), None, "`{text}`");
        }
    }
}
