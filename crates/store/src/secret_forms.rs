//! The forms of well-known secrets: how each begins, and what must follow for it to be one.
//!
//! A new form is one more entry of [`FORMS`]. False alarms cost a reader a word; misses cost a key: still, a form that
//! ordinary prose meets would make records useless, so each asks for length and for digits.

/// One kind of secret.
#[derive(Debug)]
pub(crate) struct Form {
    /// Stands in the text in the secret's place.
    pub(crate) name: &'static str,
    /// The texts that may begin it.
    pub(crate) beginnings: &'static [&'static str],
    body: Body,
}

/// What follows the beginning.
#[derive(Debug)]
enum Body {
    /// At least so many bytes of `[A-Za-z0-9_-]`, among them a digit and a letter.
    Token(usize),
    /// At least so many bytes of `[A-Z0-9]`.
    Upper(usize),
    /// At least so many bytes of a header's token, a digit among them.
    Header(usize),
    /// The same, after the word `authorization`.
    AuthorizationOnly(usize),
    /// Two dots between three base64url parts.
    Jwt,
    /// A private key up to its end line, or as far as it goes.
    Pem,
}

/// All forms, most frequent first.
pub(crate) const FORMS: &[Form] = &[
    Form { name: "sk_key", beginnings: &["sk-"], body: Body::Token(20) },
    Form { name: "google_key", beginnings: &["AIza"], body: Body::Token(30) },
    Form {
        name: "github_token",
        beginnings: &["ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_"],
        body: Body::Token(20),
    },
    Form { name: "aws_key_id", beginnings: &["AKIA", "ASIA"], body: Body::Upper(16) },
    Form {
        name: "slack_token",
        beginnings: &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xapp-"],
        body: Body::Token(10),
    },
    Form { name: "gitlab_token", beginnings: &["glpat-"], body: Body::Token(20) },
    Form { name: "hugging_face_token", beginnings: &["hf_"], body: Body::Token(30) },
    Form { name: "groq_key", beginnings: &["gsk_"], body: Body::Token(20) },
    Form { name: "xai_key", beginnings: &["xai-"], body: Body::Token(20) },
    Form { name: "perplexity_key", beginnings: &["pplx-"], body: Body::Token(20) },
    Form { name: "nvidia_key", beginnings: &["nvapi-"], body: Body::Token(20) },
    Form { name: "stripe_key", beginnings: &["sk_live_", "rk_live_", "sk_test_"], body: Body::Token(16) },
    Form { name: "npm_token", beginnings: &["npm_"], body: Body::Token(30) },
    Form { name: "pypi_token", beginnings: &["pypi-AgE"], body: Body::Token(30) },
    Form { name: "jwt", beginnings: &["eyJ"], body: Body::Jwt },
    Form { name: "bearer", beginnings: &["Bearer ", "bearer ", "BEARER "], body: Body::Header(16) },
    Form { name: "basic", beginnings: &["Basic ", "basic "], body: Body::AuthorizationOnly(8) },
    Form { name: "private_key", beginnings: &["-----BEGIN "], body: Body::Pem },
];

impl Form {
    /// Where the secret ends that may begin at `start`, its beginning ending at `body`; `None` if it is none.
    pub(crate) fn end_of(&self, text: &[u8], start: usize, body: usize) -> Option<usize> {
        let before = text.get(..start)?;
        let after = text.get(body..)?;
        let length = match self.body {
            Body::Pem => pem(after)?,
            _ if !at_boundary(before) => return None,
            Body::Token(least) => {
                let token = run_of(after, is_token);
                (token.len() >= least && has_digit(token) && has_letter(token)).then_some(token.len())?
            }
            Body::Upper(least) => {
                let token = run_of(after, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
                (token.len() >= least).then_some(token.len())?
            }
            Body::Header(least) => header(after, least)?,
            Body::AuthorizationOnly(least) => {
                let near = before.get(before.len().saturating_sub(24)..)?.to_ascii_lowercase();
                near.windows(13).any(|word| word == b"authorization").then(|| header(after, least))??
            }
            Body::Jwt => jwt(after)?,
        };
        Some(body + length)
    }
}

fn header(after: &[u8], least: usize) -> Option<usize> {
    let token = run_of(after, |byte| is_token(byte) || matches!(byte, b'.' | b'+' | b'/' | b'=' | b'~'));
    (token.len() >= least && (has_digit(token) || token.ends_with(b"="))).then_some(token.len())
}

fn jwt(after: &[u8]) -> Option<usize> {
    let all = run_of(after, |byte| is_token(byte) || byte == b'.');
    let mut parts = all.split(|&byte| byte == b'.');
    let lengths = [parts.next()?.len(), parts.next()?.len(), parts.next()?.len()];
    (lengths.iter().all(|&length| length >= 10)).then(|| lengths.iter().sum::<usize>() + 2)
}

/// The length of a private key after `-----BEGIN `. One that is cut short ends where its alphabet ends.
fn pem(after: &[u8]) -> Option<usize> {
    const END: &[u8] = b"PRIVATE KEY-----";
    let label = after.get(..after.len().min(48))?;
    let at = label.windows(END.len()).position(|word| word == END)?;
    let body_at = at + END.len();
    let rest = after.get(body_at..)?;
    // Letters of escapes (`\n`) are in the alphabet; `:` and `,` are in the headers of encrypted keys.
    let in_key = |byte: u8| is_token(byte) || byte.is_ascii_whitespace() || b"+/=\\:,".contains(&byte);
    let body = run_of(rest, in_key);
    let end = body.windows(END.len()).position(|word| word == END);
    Some(body_at + end.map_or(body.len(), |end| end + END.len()))
}

fn run_of(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> &[u8] {
    let length = bytes.iter().position(|&byte| !belongs(byte)).unwrap_or(bytes.len());
    bytes.get(..length).unwrap_or_default()
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn has_digit(token: &[u8]) -> bool {
    token.iter().any(u8::is_ascii_digit)
}

fn has_letter(token: &[u8]) -> bool {
    token.iter().any(u8::is_ascii_alphabetic)
}

/// Whether a word may begin here: after the start, after what is no letter or digit, or after an escape of JSON.
fn at_boundary(before: &[u8]) -> bool {
    match before {
        [] | [.., b'\\', b'n' | b'r' | b't' | b'b' | b'f'] | [.., b'\\', b'u', _, _, _, _] => true,
        [.., last] => !last.is_ascii_alphanumeric() && *last != b'_',
    }
}
