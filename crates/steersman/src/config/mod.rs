//! Configuration in two stages: a file's text becomes a [`Document`] of known keys, then a validated [`Config`].
//!
//! Neither stage opens a socket or writes a file; secrets are fetched last, by `Config::load`, so that
//! `steersman check` can tell everything else without them. A file is not needed: without one, every provider whose
//! key is in its usual environment variable is there.

mod admission;
mod agents;
mod answers;
mod at_start;
mod aws;
mod cloud;
mod document;
mod effort;
mod error;
mod form;
mod guard;
mod keys;
mod objective;
mod reader;
mod resilience;
mod rules;
mod secret;
mod servers;
mod settings;
mod snippet;
mod surface;
mod thought;
mod tools;
mod typed;

pub(crate) use admission::of_nothing;
pub(crate) use agents::Agent;
pub(crate) use at_start::AtStart;
pub(crate) use aws::{AwsAccount, ProfileFiles, container, container_token, instance};
pub(crate) use cloud::CloudConfig;
pub(crate) use document::Document;
pub(crate) use error::ConfigError;
pub(crate) use guard::GuardConfig;
pub(crate) use keys::{KEYS, SECTIONS};
pub(crate) use objective::ObjectiveConfig;
pub(crate) use rules::read_file as read_rules;
pub(crate) use secret::SecretSource;
pub(crate) use servers::{SourceConfig, SourceKind};
pub(crate) use settings::{Config, ModelConfig, ProviderConfig, TaskConfig};
