//! The tail of the functions' lengths: medians are alike everywhere, the 99th percentile tells good code from the rest.

use super::{Findings, Repository};
use crate::Failure;

/// The length at the 99th percentile, tests left out.
const P99_LINES: usize = 60;

/// Measures every function of the rooms.
pub(super) fn check(repository: &Repository) -> Result<Findings, Failure> {
    let mut lengths: Vec<(usize, String)> = Vec::new();
    for source in repository.sources.iter().filter(|source| source.is_rust()) {
        let lines: Vec<(usize, &str)> = source.code().collect();
        for (at, lines_long) in functions(&lines) {
            lengths.push((lines_long, format!("{}:{at}", source.path)));
        }
    }
    lengths.sort();
    let at = |share: usize| lengths.get((lengths.len() * share / 100).min(lengths.len().saturating_sub(1)));
    let mut findings = Findings::default();
    if let (Some((middle, _)), Some((tail, _)), Some((longest, place))) = (at(50), at(99), lengths.last()) {
        findings.remarks.push(format!(
            "{} functions: median {middle} lines, 99 % within {tail}, longest {longest} at {place}",
            lengths.len()
        ));
        if *tail > P99_LINES {
            findings.complaints.push(format!("99 % of functions are within {tail} lines; {P99_LINES} is the limit"));
        }
    }
    Ok(findings)
}

/// First line and length of each function. rustfmt has laid the lines out: a function ends at the first line with its
/// own indentation and a closing brace.
fn functions(lines: &[(usize, &str)]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (index, (at, line)) in lines.iter().enumerate() {
        if !opens_function(line) || line.ends_with(';') {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let rest = lines.get(index..).unwrap_or_default();
        let length = if line.ends_with('}') { Some(1) } else { closing(rest, indent) };
        found.extend(length.map(|length| (*at, length)));
    }
    found
}

/// The number of lines up to the closing brace; `None` for a declaration that ends in `;`.
fn closing(lines: &[(usize, &str)], indent: usize) -> Option<usize> {
    for (index, (_, line)) in lines.iter().enumerate().skip(1) {
        if line.len() - line.trim_start().len() == indent {
            match line.trim_start() {
                "}" => return Some(index + 1),
                end if end.starts_with(')') && end.ends_with(';') => return None,
                _ => {}
            }
        }
    }
    None
}

fn opens_function(line: &str) -> bool {
    let words = line.split_whitespace();
    let mut rest = words
        .skip_while(|word| word.starts_with("pub") || ["crate)", "super)", "const", "async", "unsafe"].contains(word));
    rest.next() == Some("fn")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_as_long_as_rustfmt_lays_it_out() {
        let text = "fn one() {}\npub(crate) const fn two(\n    a: u8,\n) -> u8 {\n    a\n}\ntrait T {\n    fn declared(\n        &self,\n    );\n    async fn body() {\n        x();\n    }\n}\n";
        let lines: Vec<_> = (1..).zip(text.lines()).collect();
        assert_eq!(functions(&lines), [(1, 1), (2, 5), (11, 3)]);
    }
}
