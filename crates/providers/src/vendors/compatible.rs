//! Any other server of the OpenAI chat format: the operator gives its address, and its key where it needs one.

use crate::Vendor;

pub(super) static COMPATIBLE: Vendor = Vendor::openai_compatible("openai-compatible", "", None);
