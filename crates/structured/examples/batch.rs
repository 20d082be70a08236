//! Reads cases from standard input, one JSON line each, and answers each with one line.

use std::io::{BufRead, Write};

fn main() -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if !line.trim().is_empty() {
            writeln!(out, "{}", steersman_structured::batch_line(&line))?;
        }
    }
    out.flush()
}
