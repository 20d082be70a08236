//! One file a vendor, one line in [`VENDORS`].

use crate::Vendor;

mod anthropic;
mod azure;
mod bedrock;
mod compatible;
mod deepseek;
mod gemini;
mod groq;
mod local;
mod mistral;
mod ollama;
mod openai;
mod openai_responses;
mod openrouter;
mod together;
mod vertex;
mod vllm;
mod xai;

/// Every vendor known by name.
pub static VENDORS: &[&Vendor] = &[
    &openai::OPENAI,
    &openai_responses::OPENAI_RESPONSES,
    &anthropic::ANTHROPIC,
    &gemini::GEMINI,
    &azure::AZURE,
    &vertex::VERTEX,
    &vertex::VERTEX_CLAUDE,
    &vertex::VERTEX_CHAT,
    &bedrock::BEDROCK,
    &bedrock::BEDROCK_CHAT,
    &deepseek::DEEPSEEK,
    &groq::GROQ,
    &mistral::MISTRAL,
    &openrouter::OPENROUTER,
    &together::TOGETHER,
    &xai::XAI,
    &ollama::OLLAMA,
    &vllm::VLLM,
    &local::LOCAL,
    &compatible::COMPATIBLE,
];

impl Vendor {
    /// The vendor with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        VENDORS.iter().copied().find(|vendor| vendor.name == name)
    }
}

#[cfg(test)]
mod tests {
    use steersman_net::BaseUrl;

    use super::*;

    #[test]
    fn every_vendor_is_reachable_by_name_and_has_a_usable_address() {
        for vendor in VENDORS {
            assert!(std::ptr::eq(Vendor::named(vendor.name).unwrap(), *vendor), "`{}` stands twice", vendor.name);
            let address = vendor.base_url.replace("{region}", "r").replace("{project}", "p");
            assert!(address.is_empty() || BaseUrl::parse(&address).is_ok(), "`{}`", vendor.name);
        }
    }
}
