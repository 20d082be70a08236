//! Comments that say that data was left out: `// ... 47 more items ...`.
//!
//! A list with such a comment is not the list that was meant, so it is refused.
//!
//! What never happens here: no judgement of other comments.

/// Words that say it, beside a number and `more`.
const WORDS: [&str; 17] = [
    "unchanged",
    "existing code",
    "same as before",
    "omitted",
    "truncated",
    "abbreviated",
    "remaining",
    "the rest",
    "rest of",
    "and so on",
    "elided",
    "snip",
    "weitere",
    "restliche",
    "usw",
    "省略",
    "etc.",
];

pub(crate) fn is_elision(comment: &str) -> bool {
    let text =
        comment.trim_matches(|c: char| c.is_whitespace() || matches!(c, '/' | '*' | '#' | '<' | '>' | '!' | '-'));
    let dotted =
        |text: &str| text.starts_with("...") || text.ends_with("...") || text.starts_with('…') || text.ends_with('…');
    let lower = text.to_lowercase();
    dotted(text) || WORDS.iter().any(|word| lower.contains(word)) || is_count_of_more(&lower)
}

/// `47 more`, `more items`.
fn is_count_of_more(text: &str) -> bool {
    const THINGS: [&str; 8] = ["items", "entries", "rows", "elements", "records", "objects", "like", "of"];
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |word: &&str| word.trim_start_matches('+').bytes().all(|b| b.is_ascii_digit()) && !word.is_empty();
    words.iter().enumerate().any(|(i, word)| {
        *word == "more"
            && (i.checked_sub(1).and_then(|p| words.get(p)).is_some_and(number)
                || words.get(i + 1).is_some_and(|next| THINGS.contains(next)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_that_leaves_data_out_is_told_from_one_that_explains() {
        for comment in [
            "// ... 47 more items ...",
            "/* and 3 more */",
            "# remaining rows omitted",
            "// ...",
            "<!-- more entries -->",
        ] {
            assert!(is_elision(comment), "{comment}");
        }
        for comment in
            ["// pinned, see https://hub.docker.com", "# estimate", "/* was 1 */", "// more precise than before"]
        {
            assert!(!is_elision(comment), "{comment}");
        }
    }
}
