//! The steps of a JSON pointer (RFC 6901, sections 3 and 4).
//!
//! What never happens here: a document is read.

use std::borrow::Cow;

/// The key of an object as one token of a pointer.
#[must_use]
pub fn pointer_token(key: &str) -> Cow<'_, str> {
    if key.contains(['~', '/']) { key.replace('~', "~0").replace('/', "~1").into() } else { key.into() }
}

/// The key that a token of a pointer stands for.
#[must_use]
pub fn pointer_key(token: &str) -> Cow<'_, str> {
    if token.contains('~') { token.replace("~1", "/").replace("~0", "~").into() } else { token.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_had_back_from_its_token() {
        for (key, token) in [("a", "a"), ("a/b~c", "a~1b~0c"), ("~1", "~01"), ("", "")] {
            assert_eq!(pointer_token(key), token);
            assert_eq!(pointer_key(token), key);
        }
    }
}
