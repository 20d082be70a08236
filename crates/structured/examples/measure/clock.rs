//! Processor time of this thread.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds that the processor spent on this thread.
pub(crate) fn cpu_ns() -> u64 {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    let part = |n: i64| u64::try_from(n).unwrap_or(0);
    part(spent.tv_sec) * 1_000_000_000 + part(spent.tv_nsec)
}
