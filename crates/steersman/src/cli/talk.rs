//! What a running gateway says of itself, on stderr. `STEERSMAN_LOG` takes a `tracing` filter (`debug`, `warn`).
//!
//! What never happens here: an end of the process because nobody listens any more. A gateway outlives its log.

use std::fmt::Display;
use std::io::Write;

use tracing_subscriber::EnvFilter;

/// Starts the log. Call it once.
pub(super) fn init() {
    let filter = EnvFilter::try_from_env("STEERSMAN_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A line that cannot be written would be told on the same stderr, by a macro that panics.
    log.log_internal_errors(false).init();
}

/// Prints a line of data on stdout, to whom it may concern.
pub(super) fn print(line: impl Display) {
    drop(writeln!(anstream::stdout(), "{line}"));
}

/// Writes a whole text on stdout. Whoever has read enough of it may close the pipe.
pub(super) fn write(text: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Says a line on stderr, to whom it may concern.
pub(super) fn say(line: impl Display) {
    drop(writeln!(anstream::stderr(), "{line}"));
}
