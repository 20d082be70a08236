//! Azure OpenAI through its versionless API: the resource's address ends with `/openai/v1`, the key travels in
//! `api-key`, a model is named by its deployment. Source: learn.microsoft.com, Azure OpenAI API version lifecycle.

use steersman_wire::openai_responses::OpenAiResponses;

use crate::{Auth, Vendor};

pub(super) static AZURE: Vendor = Vendor {
    also: &[&OpenAiResponses],
    auth: Auth::Header("api-key"),
    ..Vendor::openai_compatible("azure", "", Some("AZURE_OPENAI_API_KEY"))
};
