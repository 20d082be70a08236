//! Redaction before persistence: what must not be kept is replaced before it is hashed, compressed or written.
//!
//! One automaton (Aho and Corasick, "Efficient string matching", CACM 18(6), 1975) looks for the configured secrets and
//! for the beginnings of well-known kinds of keys in one pass; a beginning counts only if what follows has the form of
//! such a key. Clean text is scanned at memory-like speed and never copied.
//!
//! What never happens here: a secret split over several stream events is not put together; it is caught only where
//! its bytes stand together.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use steersman_core::{Secret, percent_encoded};

use crate::secret_forms::{FORMS, Form};

/// Secrets shorter than this are ignored: they would match by chance.
const MIN_SECRET_BYTES: usize = 8;

/// Finds and replaces secrets.
pub struct Redactor {
    automaton: AhoCorasick,
    /// For each pattern of the automaton, the form it begins; `None` for a configured secret.
    forms: Vec<Option<&'static Form>>,
}

impl Redactor {
    /// A redactor for these secrets and all well-known forms.
    #[must_use]
    pub fn new(secrets: &[Secret]) -> Self {
        let mut patterns: Vec<Vec<u8>> = Vec::new();
        let mut forms = Vec::new();
        for secret in secrets.iter().map(Secret::expose).filter(|secret| secret.len() >= MIN_SECRET_BYTES) {
            for spelling in spellings(secret) {
                patterns.push(spelling.into_bytes());
                forms.push(None);
            }
        }
        for form in FORMS {
            for beginning in form.beginnings {
                patterns.push(beginning.as_bytes().to_vec());
                forms.push(Some(form));
            }
        }
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .match_kind(MatchKind::LeftmostLongest)
            .build(patterns)
            .expect("invariant: a few hundred short patterns fit an automaton");
        Self { automaton, forms }
    }

    /// The bytes without secrets; borrowed if there were none. About 1 ns a byte.
    pub(crate) fn bytes<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let mut clean = Vec::new();
        let mut copied = 0;
        let mut from = 0;
        while let Some(found) = self.automaton.find(aho_corasick::Input::new(text).range(from..)) {
            let form = self.forms.get(found.pattern().as_usize()).copied().flatten();
            let end = match form {
                None => Some((found.end(), "configured")),
                Some(form) => form.end_of(text, found.start(), found.end()).map(|end| (end, form.name)),
            };
            let Some((end, name)) = end else {
                // Another pattern may begin inside this beginning.
                from = found.start() + 1;
                continue;
            };
            clean.extend_from_slice(text.get(copied..found.start()).unwrap_or_default());
            clean.extend_from_slice(format!("[redacted:{name}]").as_bytes());
            (copied, from) = (end, end);
        }
        if copied == 0 {
            return Cow::Borrowed(text);
        }
        clean.extend_from_slice(text.get(copied..).unwrap_or_default());
        Cow::Owned(clean)
    }

    /// The text without secrets, if it held any.
    #[must_use]
    pub fn text(&self, text: &str) -> Option<String> {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => None,
            Cow::Owned(clean) => Some(String::from_utf8_lossy(&clean).into_owned()),
        }
    }
}

/// The secret as it is, and as JSON and URLs spell it.
fn spellings(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap_or_default();
    let inner = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or_default();
    let url = percent_encoded(secret, b"");
    let mut spellings = vec![secret.to_owned(), inner.to_owned(), inner.replace('/', "\\/"), url];
    spellings.sort();
    spellings.dedup();
    spellings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> String {
        let redactor = Redactor::new(&[Secret::new("pass/\"word\"-0123"), Secret::new("short")]);
        String::from_utf8(redactor.bytes(text.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn planted_secrets_are_replaced_by_the_name_of_their_form() {
        for (text, expected) in [
            ("a pass/\"word\"-0123 b", "a [redacted:configured] b"),
            (r#"{"p":"pass/\"word\"-0123"}"#, r#"{"p":"[redacted:configured]"}"#),
            (r#"pass\/\"word\"-0123"#, "[redacted:configured]"),
            ("postgres://u:pass%2F%22word%22-0123@h", "postgres://u:[redacted:configured]@h"),
            ("key sk-proj-abcdEFGH1234abcdEFGH1234 end", "key [redacted:sk_key] end"),
            (r#""\nsk-ant-api03-abcdEFGH1234abcdEFGH1234""#, r#""\n[redacted:sk_key]""#),
            ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "[redacted:google_key]"),
            ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "[redacted:github_token]"),
            ("AKIAIOSFODNN7EXAMPLE.", "[redacted:aws_key_id]."),
            ("xoxb-123456789012-abcdefABCDEF", "[redacted:slack_token]"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N", "[redacted:jwt]"),
            ("Authorization: Bearer 0123456789abcdef0123", "Authorization: [redacted:bearer]"),
            ("authorization: Basic dXNlcjpwYXNzd29yZA==", "authorization: [redacted:basic]"),
            (
                "x\n-----BEGIN RSA PRIVATE KEY-----\nMIIB+/=\n-----END RSA PRIVATE KEY-----\ny",
                "x\n[redacted:private_key]\ny",
            ),
            (r"-----BEGIN PRIVATE KEY-----\nMIIBcut", "[redacted:private_key]"),
        ] {
            assert_eq!(clean(text), expected);
        }
    }

    #[test]
    fn text_that_only_looks_alike_is_left_as_it_is() {
        for text in [
            "the task-management-software-list of 2024",
            "sk-learn is a library; sk-short1",
            "bearer of bad news, Bearer token",
            "Basic understanding1 of things",
            "eyJub3Q.a.jwt",
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
            "short",
            "AKIA is a prefix",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn bytes_that_are_not_text_pass_through() {
        let bytes = [0xff, 0x00, b's', b'k', b'-', 0xfe];
        assert!(matches!(Redactor::new(&[]).bytes(&bytes), Cow::Borrowed(same) if same == bytes));
    }

    #[test]
    fn several_secrets_in_one_text_are_all_replaced() {
        let text = "sk-abcdEFGH1234abcdEFGH1234 sk-abcdEFGH1234abcdEFGH1234 pass/\"word\"-0123";
        assert_eq!(clean(text), "[redacted:sk_key] [redacted:sk_key] [redacted:configured]");
    }
}
