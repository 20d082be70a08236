//! What is read as prose stays within the width that rustfmt gives code: comments, and Markdown outside of tables and
//! fences.
//!
//! What never happens here: a complaint about a line that cannot be broken, or about code, which is rustfmt's.

use super::{Findings, Repository};
use crate::Failure;

/// The `max_width` of `rustfmt.toml`.
const WIDTH: usize = 120;

/// Checks every Rust and Markdown file.
pub(super) fn check(repository: &Repository) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    for source in &repository.sources {
        let lines = match source.path.rsplit_once('.') {
            Some((_, "rs")) => of_rust(&source.text),
            Some((_, "md")) => of_markdown(&source.text),
            _ => continue,
        };
        findings.complaints.extend(
            lines.iter().map(|number| format!("{}:{number} is wider than {WIDTH} columns: break it", source.path)),
        );
    }
    Ok(findings)
}

fn of_rust(text: &str) -> Vec<usize> {
    let comments = (1..).zip(text.lines()).filter(|(_, line)| line.trim_start().starts_with("//"));
    comments.filter(|(_, line)| is_wide(line)).map(|(number, _)| number).collect()
}

fn of_markdown(text: &str) -> Vec<usize> {
    let mut fenced = false;
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let start = line.trim_start();
        fenced ^= start.starts_with("```");
        if is_wide(line) && !fenced && !start.starts_with(['#', '!', '<']) {
            found.push(number);
        }
    }
    found
}

/// Too wide, with a place to break it at: a row of a table has none, nor has a drawing, or one long word.
fn is_wide(line: &str) -> bool {
    let marked = line.trim_start().trim_start_matches(['/', '!']);
    let text = marked.trim_start_matches(['-', '*', ' ']);
    let is_drawn = marked.starts_with("    ") || text.contains("   ") || text.starts_with('|');
    line.chars().count() > WIDTH && text.contains(' ') && !is_drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_broken_is_found_and_what_cannot_is_left() {
        let words = "word ".repeat(30);
        let address = "a".repeat(130);
        assert_eq!(
            of_rust(&format!("/// {words}\nlet x = \"{words}\";\n//! https://{address}\nfn short() {{}}\n")),
            [1]
        );
        assert!(of_rust(&format!("//! | {words} |\n//!     {words}\n")).is_empty());
        let page = format!("# {words}\n{words}\n| {words} |\n```\n{words}\n```\n- {words}\nhttps://{address}\n");
        assert_eq!(of_markdown(&page), [2, 7]);
    }
}
