//! `steersman-local`: GGUF files on this machine's CPU. The address is known once the child process has started.

use crate::Vendor;

pub(super) static LOCAL: Vendor =
    Vendor { subset: &steersman_structured::GRAMMAR, ..Vendor::openai_compatible("local", "", None) };
