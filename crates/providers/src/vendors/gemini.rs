//! Google Gemini through its own API. Source: ai.google.dev, API reference, `models.generateContent`; the key travels
//! in `x-goog-api-key`.

use steersman_wire::gemini::Gemini;

use crate::{Auth, Vendor};

pub(super) static GEMINI: Vendor = Vendor {
    dialect: &Gemini,
    subset: &steersman_structured::GEMINI,
    auth: Auth::Header("x-goog-api-key"),
    ..Vendor::openai_compatible("gemini", "https://generativelanguage.googleapis.com/v1beta", Some("GEMINI_API_KEY"))
};
