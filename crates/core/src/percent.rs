//! Percent-encoding, for whoever puts a text into an address.
//!
//! What never happens here: an address is read.

use std::fmt::Write as _;

/// The text with every byte written as `%XX` that is neither unreserved (RFC 3986, section 2.3) nor among `also`.
#[must_use]
pub fn percent_encoded(text: &str, also: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || also.contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("invariant: a string takes what is written");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_the_unreserved_and_what_the_caller_keeps_is_encoded() {
        assert_eq!(percent_encoded("a-b._~c d/e%", b""), "a-b._~c%20d%2Fe%25");
        assert_eq!(percent_encoded("\u{e4}/x?", b"/"), "%C3%A4/x%3F");
    }
}
