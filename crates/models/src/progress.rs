//! How far a pull has come.
//!
//! The pulling code reports to a closure and knows no terminal; [`stderr_progress`] is the closure for a person.

use indicatif::{ProgressBar, ProgressStyle};

/// One report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// What is being done: `downloading`, `checking`.
    pub step: &'a str,
    /// Bytes done in this step.
    pub done_bytes: u64,
    /// Bytes to do in this step, where known.
    pub total_bytes: Option<u64>,
}

/// Draws a bar on standard error if that is a terminal, and nothing otherwise.
pub fn stderr_progress(name: &str) -> impl FnMut(Progress<'_>) + Send + 'static {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{prefix} {msg} [{bar:24}] {bytes}/{total_bytes} {bytes_per_sec}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar.set_prefix(name.to_owned());
    let mut step = String::new();
    move |progress| {
        if progress.step != step {
            progress.step.clone_into(&mut step);
            bar.reset();
            bar.set_message(step.clone());
        }
        bar.set_length(progress.total_bytes.unwrap_or(progress.done_bytes));
        bar.set_position(progress.done_bytes);
    }
}
