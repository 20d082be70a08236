//! What a running gateway says of itself, on stderr. `STEERSMAN_LOG` takes a `tracing` filter (`debug`, `warn`).

use tracing_subscriber::EnvFilter;

/// Starts the log. Call it once.
pub(super) fn init() {
    let filter = EnvFilter::try_from_env("STEERSMAN_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}
