//! How a command fails: what it was doing, what to do about it, and an exit code.

use std::process::ExitCode;

use crate::compose::ComposeError;
use crate::config::ConfigError;

/// A failure that a person reads. The message is lower case and names things in backticks.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    status: u8,
}

impl Failure {
    /// A failure with this message and exit code 1.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, status: 1 }
    }

    /// Adds what to do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What happened.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub(crate) fn what_to_do(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What happened, and what to do about it on a line of its own.
    pub(crate) fn whole(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}\nhint: {hint}", self.message),
            None => self.message.clone(),
        }
    }

    /// Writes it to stderr and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        anstream::eprintln!("error: {}", self.whole());
        ExitCode::from(self.status)
    }
}

impl<E: std::error::Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let named = (&error as &dyn std::error::Error).downcast_ref().and_then(|error| match error {
            ComposeError::Named(error) => Some(error),
            _ => None,
        });
        let wrong = (&error as &dyn std::error::Error).downcast_ref::<ConfigError>().or(named);
        let hint = wrong.and_then(|error| error.hint.clone());
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self { hint, ..Self::new(message) }
    }
}
