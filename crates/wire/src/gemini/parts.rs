//! The parts of a content on their way out: each with the signature that was told before it.

use serde_json::value::RawValue;
use steersman_core::{Image, Reasoning};

use super::seal::{self, Seal};
use crate::json::RawObject;
use crate::write::{self, Object};

/// Parts of one content, comma-separated.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) out: Vec<u8>,
    /// The signature of the part that comes next.
    signature: Option<String>,
}

impl Parts {
    /// One part; `fill` writes its members.
    pub(super) fn part(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        if !self.out.is_empty() {
            self.out.push(b',');
        }
        let signature = self.signature.take();
        write::object(&mut self.out, |out| {
            fill(out);
            out.optional("thoughtSignature", signature);
        });
    }

    pub(super) fn text(&mut self, text: &str) {
        self.part(|out| out.string("text", text));
    }

    pub(super) fn raw(&mut self, json: &RawValue) {
        if !self.out.is_empty() {
            self.out.push(b',');
        }
        self.out.extend_from_slice(json.get().as_bytes());
    }

    /// Thinking: a part of its own where it has text or a seal of its own, else the seal of the part after it.
    pub(super) fn thought(&mut self, thought: &Reasoning) {
        let seal = seal::close(thought.signature.as_deref(), thought.redacted.as_deref());
        let (own, next) = match seal {
            Some(Seal::Thought(signature)) => (Some(signature), None),
            Some(Seal::Next(signature)) => (None, Some(signature)),
            None => (None, None),
        };
        if !thought.text.is_empty() || own.is_some() {
            self.flush();
            self.part(|out| {
                out.string("text", &thought.text);
                out.value("thought", true);
                out.optional("thoughtSignature", own);
            });
        }
        self.signature = next.or(self.signature.take());
    }

    /// Whether the next part has a signature already.
    pub(super) const fn is_signed(&self) -> bool {
        self.signature.is_some()
    }

    /// Signs the part that comes next.
    pub(super) fn sign(&mut self, signature: &str) {
        self.signature = Some(signature.to_owned());
    }

    /// A signature without a part after it goes out on an empty text, as the provider itself streams it.
    pub(super) fn flush(&mut self) {
        if self.signature.is_some() {
            self.text("");
        }
    }

    /// A call; `false` if its arguments are no object, which the dialect cannot write as they are.
    pub(super) fn call(&mut self, id: Option<&str>, name: &str, arguments: &str) -> bool {
        let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
        let is_object = RawObject::parse(arguments.as_bytes()).is_ok();
        self.part(|out| {
            out.object("functionCall", |out| {
                out.optional("id", id);
                out.string("name", name);
                if is_object {
                    out.json("args", arguments);
                } else {
                    out.object("args", |out| out.string("unparsed_arguments", arguments));
                }
            });
        });
        is_object
    }
}

/// Writes an image as the member that holds it.
pub(super) fn write_image(image: &Image, out: &mut Object<'_>) {
    match image {
        Image::Base64 { media_type, data } => out.object("inlineData", |out| {
            out.string("mimeType", media_type);
            out.string("data", data);
        }),
        Image::Url(url) => out.object("fileData", |out| {
            out.optional("mimeType", media_type(url));
            out.string("fileUri", url);
        }),
    }
}

/// The media type that an address ends with, if it does.
fn media_type(url: &str) -> Option<&'static str> {
    let path = url.split(['?', '#']).next().unwrap_or(url).to_ascii_lowercase();
    let kinds = [
        (".png", "image/png"),
        (".jpg", "image/jpeg"),
        (".jpeg", "image/jpeg"),
        (".webp", "image/webp"),
        (".gif", "image/gif"),
        (".heic", "image/heic"),
        (".heif", "image/heif"),
    ];
    kinds.iter().find(|(end, _)| path.ends_with(end)).map(|(_, kind)| *kind)
}
