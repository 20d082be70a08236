//! The rows as a table of at most 80 columns: two lines each, figures above the answer.

use super::session::Row;

const WIDTH: usize = 80;

/// The lines of the table.
pub(super) fn lines(rows: &[Row]) -> Vec<String> {
    let mut lines =
        vec![format!("{:26}{:24}{:>10}{:>10}{:>10}", "what", "model", "tokens", "cost", "first"), "-".repeat(WIDTH)];
    for row in rows {
        let count = |tokens: Option<u64>| tokens.map_or_else(|| "?".to_owned(), |tokens| tokens.to_string());
        let tokens = format!("{}+{}", count(row.input_tokens), count(row.output_tokens));
        let cost = row.cost_nanos.map_or_else(|| "unknown".to_owned(), dollars);
        let first = format!("{:.0} ms", row.first_token.as_secs_f64() * 1e3);
        lines.push(format!("{:26}{:24}{tokens:>10}{cost:>10}{first:>10}", cut(&row.what, 25), cut(&row.model, 23)));
        lines.push(format!("  {}", cut(&row.answer.replace('\n', " "), WIDTH - 2)));
    }
    lines.push("-".repeat(WIDTH));
    lines.push("tokens: in + out, and the cost, as recorded; first: until the first token".to_owned());
    lines
}

/// Nano-dollars in a person's form.
fn dollars(nanos: i64) -> String {
    if nanos == 0 {
        "$0".to_owned()
    } else {
        format!("${}.{:06}", nanos / 1_000_000_000, nanos % 1_000_000_000 / 1_000)
    }
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_table_fits_eighty_columns() {
        let row = Row {
            what: "extraction, constrained, by a model".to_owned(),
            answer: "long ".repeat(100),
            model: "local/a-model-with-a-very-long-name".to_owned(),
            input_tokens: Some(12_345),
            output_tokens: None,
            cost_nanos: Some(1_234_567),
            first_token: Duration::from_millis(1_234),
            id: String::new(),
        };
        let lines = lines(&[row]);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:#?}");
        assert!(lines[2].contains("$0.001234") && lines[2].contains("12345+?"), "{lines:#?}");
    }
}
