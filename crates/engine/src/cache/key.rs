//! When two requests are the same: a hash of everything that could change the answer.
//!
//! A request that the canonical form has whole counts by what it asks, in whatever dialect and spelling. Any other
//! counts as it came, but for white space, the order of its top-level members, and how the answer is delivered
//! (`stream`, `stream_options`): below the top level order counts, since a model reads tools and schemas in theirs, and
//! two spellings of one value ask twice.
//!
//! What never happens here: two values are taken for one.

use steersman_core::ContentHash;
use steersman_wire::json::{RawObject, without_blanks};
use steersman_wire::question;

use super::CacheSettings;
use crate::prepare::Prepared;
use crate::reply::Inbound;

/// Members that say how an answer is delivered, not what it says.
const DELIVERY: &[&str] = &["stream", "stream_options"];
/// Headers that name a call or a client library. Some libraries name each call anew.
const NAMES: &[&str] = &["idempotency-key", "x-client-request-id", "x-goog-api-client"];
/// What every client of the Anthropic API sends, and what the canonical form is read from.
const ANTHROPIC_VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

/// The hash of a request; `None` if it cannot be read.
pub(super) fn of(settings: &CacheSettings, inbound: &Inbound, prepared: &Prepared, owner: &str) -> Option<ContentHash> {
    let mut said = Said::default();
    said.part("answer 2");
    said.part(env!("CARGO_PKG_VERSION"));
    said.part(&settings.epoch.to_string());
    said.part(owner);
    said.part(prepared.task.as_str());
    for candidate in &prepared.candidates {
        said.part(candidate.provider.name.as_str());
        said.part(candidate.model.as_str());
    }
    for header in [&inbound.structured, &inbound.quoted, &inbound.approved, &inbound.guard] {
        said.part(header.as_deref().unwrap_or("\0"));
    }
    // What is shown ahead of an answer stands among its frames.
    said.part(if inbound.previews { "previews" } else { "" });
    match asked(inbound) {
        Some(question) => {
            said.part("asked");
            said.part(&question);
        }
        None => spelt(inbound, &mut said)?,
    }
    Some(ContentHash::of(&said.0))
}

/// Headers that may change an answer.
fn steering(inbound: &Inbound) -> impl Iterator<Item = (&str, &str)> {
    let headers = inbound.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    headers.filter(|(name, _)| !NAMES.contains(name))
}

/// What the request asks, where no dialect says it differently.
fn asked(inbound: &Inbound) -> Option<String> {
    if steering(inbound).any(|header| header != ANTHROPIC_VERSION) {
        return None;
    }
    question(inbound.dialect.decode_request(&inbound.body).ok()?)
}

/// The request as its client spelt it.
fn spelt(inbound: &Inbound, said: &mut Said) -> Option<()> {
    let object = RawObject::parse(&inbound.body).ok()?;
    said.part(inbound.dialect.name());
    for (name, value) in steering(inbound) {
        said.part(name);
        said.part(value);
    }
    let mut members: Vec<_> = object.members().iter().filter(|member| !DELIVERY.contains(&&*member.key)).collect();
    members.sort_by(|a, b| a.key.cmp(&b.key));
    for member in members {
        said.part(&member.key);
        said.part(&without_blanks(member.value.get()));
    }
    Some(())
}

/// Parts, each behind its length, so that no two lists of parts read alike.
#[derive(Default)]
struct Said(Vec<u8>);

impl Said {
    fn part(&mut self, text: &str) {
        self.0.extend_from_slice(&(text.len() as u64).to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }
}
