//! Tables: Markdown's with bars, and lines of values parted by commas, semicolons or tabs under a line of names.
//!
//! Each row is an object under the names of the head. A table of two columns may also be a list of members.
//!
//! What never happens here: no cell is moved, and a row that is shorter or longer than the head makes it no table.

use super::{name, scalar};
use crate::document::encode;

pub(super) fn forms(text: &str) -> Vec<String> {
    match markdown(text).or_else(|| separated(text)) {
        Some(Table { rows, bars }) => {
            let mut said: Vec<String> = records(&rows).into_iter().collect();
            if bars {
                said.extend(members(&rows));
            }
            said
        }
        None => Vec::new(),
    }
}

struct Table {
    rows: Vec<Vec<String>>,
    bars: bool,
}

fn markdown(text: &str) -> Option<Table> {
    let mut rows = Vec::new();
    for (i, line) in text.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        let inner = line.strip_prefix('|')?.strip_suffix('|')?;
        let rule = inner.chars().all(|c| matches!(c, '-' | ':' | '|' | ' '));
        match (i, rule) {
            (1, true) => {}
            (1, false) | (_, true) => return None,
            _ => rows.push(inner.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()),
        }
    }
    (rows.len() > 1).then_some(Table { rows, bars: true })
}

fn separated(text: &str) -> Option<Table> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let head = lines.first()?;
    let mark = ['\t', ';', ','].into_iter().find(|mark| head.contains(*mark))?;
    let rows: Vec<Vec<String>> = lines.iter().map(|line| cells(line, mark)).collect::<Option<_>>()?;
    (rows.len() > 1).then_some(Table { rows, bars: false })
}

/// The cells of a line; one in quotes may hold the mark, and quotes twice.
fn cells(line: &str, mark: char) -> Option<Vec<String>> {
    let mut out = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let cell = out.last_mut()?;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            c if c == mark && !quoted => out.push(String::new()),
            c => cell.push(c),
        }
    }
    (!quoted).then_some(out)
}

fn records(rows: &[Vec<String>]) -> Option<String> {
    let (head, body) = rows.split_first()?;
    let names: Vec<&str> = head.iter().map(|cell| name(cell)).collect::<Option<_>>()?;
    let record = |row: &Vec<String>| {
        let pairs = names.iter().zip(row).map(|(name, cell)| format!("{}:{}", encode(name), scalar(cell)));
        (row.len() == names.len()).then(|| format!("{{{}}}", pairs.collect::<Vec<_>>().join(",")))
    };
    let records: Vec<String> = body.iter().map(record).collect::<Option<_>>()?;
    (names.len() > 1).then(|| format!("[{}]", records.join(",")))
}

fn members(rows: &[Vec<String>]) -> Option<String> {
    let pair = |row: &Vec<String>| match row.as_slice() {
        [key, value] => name(key).map(|key| format!("{}:{}", encode(key), scalar(value))),
        _ => None,
    };
    let is_head =
        |row: &&Vec<String>| matches!(row.last().map(|cell| cell.to_lowercase()).as_deref(), Some("value" | "values"));
    let body = rows.get(usize::from(rows.first().filter(is_head).is_some())..)?;
    let pairs: Vec<String> = body.iter().map(pair).collect::<Option<_>>()?;
    Some(format!("{{{}}}", pairs.join(",")))
}
