//! The names of a journal's files, and the lease by which a silent owner can be replaced.

use std::time::Duration;

/// The name of an epoch's segment. Beginning an epoch is creating its file: two cannot.
pub(super) fn segment_name(epoch: u64) -> String {
    format!("effects.{epoch:016x}.log")
}

/// The epoch that a file's name stands for, if it is a segment.
pub(super) fn epoch_of(name: &str) -> Option<u64> {
    let hex = name.strip_prefix("effects.")?.strip_suffix(".log")?;
    u64::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 16)
}

/// How long an owner may be believed alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) epoch: u64,
    pub(super) until_ms: i64,
}

impl Lease {
    pub(super) const FILE: &str = "lease";

    pub(super) fn new(epoch: u64, now_ms: i64, length: Duration) -> Self {
        let length = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        Self { epoch, until_ms: now_ms.saturating_add(length) }
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        format!("{} {}", self.epoch, self.until_ms).into_bytes()
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (epoch, until) = std::str::from_utf8(bytes).ok()?.split_once(' ')?;
        Some(Self { epoch: epoch.parse().ok()?, until_ms: until.parse().ok()? })
    }
}
