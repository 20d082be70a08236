//! What is known of a vendor before anything is configured.

use steersman_structured::Subset;
use steersman_wire::hosted::Hosted;
use steersman_wire::{Dialect, openai_chat};

use crate::Family;

/// One vendor's API.
#[derive(Debug)]
pub struct Vendor {
    /// The name in configuration, in `vendor/model` and in records.
    pub name: &'static str,
    /// The dialect that it speaks.
    pub dialect: &'static dyn Dialect,
    /// Further dialects that it speaks.
    pub also: &'static [&'static dyn Dialect],
    /// The envelope that it wants, where it hosts a dialect that is at home elsewhere.
    pub hosted: Option<&'static Hosted>,
    /// The base address without the dialect's path; empty where only the operator knows it. `{region}` and `{project}`
    /// stand for the operator's own.
    pub base_url: &'static str,
    /// The environment variable that usually holds the key; `None` where no key is needed.
    pub key_env: Option<&'static str>,
    /// What it takes of JSON Schema.
    pub subset: &'static Subset,
    /// How the key travels.
    pub auth: Auth,
    /// How its ids are read for the price table.
    pub family: Family,
    /// Headers that every call carries.
    pub headers: &'static [(&'static str, &'static str)],
    /// Whether the vendor takes `max_completion_tokens`; otherwise the older `max_tokens` is sent in its place.
    pub max_completion_tokens: bool,
    /// Whether `stream_options.include_usage` may be sent; without it a stream reports no tokens.
    pub stream_usage: bool,
}

/// How a key travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// `authorization: Bearer KEY`.
    Bearer,
    /// The key alone in this header.
    Header(&'static str),
}

impl Vendor {
    /// Whether it answers nobody without a token of some account.
    #[must_use]
    pub fn needs_account(&self) -> bool {
        self.base_url.contains("{project}")
    }

    /// A vendor that speaks the OpenAI chat format with all of its newer members.
    #[must_use]
    pub const fn openai_compatible(name: &'static str, base_url: &'static str, key_env: Option<&'static str>) -> Self {
        Self {
            name,
            dialect: &openai_chat::OpenAiChat,
            also: &[],
            hosted: None,
            subset: &steersman_structured::AS_SENT,
            base_url,
            key_env,
            auth: Auth::Bearer,
            family: Family::AsNamed,
            headers: &[],
            max_completion_tokens: true,
            stream_usage: true,
        }
    }
}
