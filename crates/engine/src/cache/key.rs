//! When two requests are the same: a hash of everything that could change the answer.
//!
//! The body counts as it came, but for white space, the order of its top-level members, and how the answer is delivered
//! (`stream`, `stream_options`). Below the top level order counts: a model reads tools and schemas in theirs. Numbers and
//! escapes count as they are spelt: two spellings of one value ask twice, and two values are never taken for one.

use steersman_core::ContentHash;
use steersman_wire::json::RawObject;

use super::CacheSettings;
use crate::prepare::Prepared;
use crate::reply::Inbound;

/// Members that say how an answer is delivered, not what it says.
const DELIVERY: &[&str] = &["stream", "stream_options"];

/// The hash of a request; `None` if it cannot be read.
pub(super) fn of(settings: &CacheSettings, inbound: &Inbound, prepared: &Prepared, owner: &str) -> Option<ContentHash> {
    let object = RawObject::parse(&inbound.body).ok()?;
    let mut said = Said::default();
    said.part("answer 1");
    said.part(env!("CARGO_PKG_VERSION"));
    said.part(&settings.epoch.to_string());
    said.part(owner);
    said.part(inbound.dialect.name());
    said.part(prepared.task.as_str());
    for candidate in &prepared.candidates {
        said.part(candidate.provider.name.as_str());
        said.part(candidate.model.as_str());
    }
    for header in [&inbound.structured, &inbound.quoted, &inbound.approved] {
        said.part(header.as_deref().unwrap_or("\0"));
    }
    for (name, value) in &inbound.headers {
        said.part(name);
        said.part(value);
    }
    let mut members: Vec<_> = object.members().iter().filter(|member| !DELIVERY.contains(&&*member.key)).collect();
    members.sort_by(|a, b| a.key.cmp(&b.key));
    for member in members {
        said.part(&member.key);
        said.value(member.value.get());
    }
    Some(ContentHash::of(&said.0))
}

/// Parts, each behind its length, so that no two lists of parts read alike.
#[derive(Default)]
struct Said(Vec<u8>);

impl Said {
    fn part(&mut self, text: &str) {
        self.0.extend_from_slice(&(text.len() as u64).to_le_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }

    /// JSON without the white space between its tokens.
    fn value(&mut self, json: &str) {
        let at = self.0.len();
        self.0.extend_from_slice(&[0; 8]);
        let (mut in_text, mut escaped) = (false, false);
        for byte in json.bytes() {
            if !in_text && byte.is_ascii_whitespace() {
                continue;
            }
            self.0.push(byte);
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_text => escaped = true,
                b'"' => in_text = !in_text,
                _ => {}
            }
        }
        let length = ((self.0.len() - at - 8) as u64).to_le_bytes();
        if let Some(place) = self.0.get_mut(at..at + 8) {
            place.copy_from_slice(&length);
        }
    }
}
