//! What a reader may ask for: filters of the list, the span and grain of the overview.

use steersman_core::{OutcomeKind, RequestId};

/// A half-open span of time in microseconds since the Unix epoch; a missing end is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// First microsecond inside.
    pub from_us: Option<i64>,
    /// First microsecond outside.
    pub until_us: Option<i64>,
}

/// Which requests to list. All conditions must hold; `None` is no condition.
///
/// Time is read from the id, so it is exact to the millisecond.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestFilter {
    /// When the request began.
    pub range: TimeRange,
    /// When the request ended, at the earliest, in microseconds since the Unix epoch.
    pub ended_from_us: Option<i64>,
    /// The model asked for by the client, or by the last attempt.
    pub model: Option<String>,
    /// The provider of the last attempt.
    pub provider: Option<String>,
    /// The task.
    pub task: Option<String>,
    /// How it ended.
    pub outcome: Option<OutcomeKind>,
    /// The outward code.
    pub code: Option<String>,
    /// The first digit of the HTTP status: 2, 4, 5.
    pub status_class: Option<u8>,
    /// A part of the id.
    pub id_contains: Option<String>,
    /// The least time to the last byte.
    pub min_latency_us: Option<u64>,
}

/// Which part of a list. Lists run from the newest to the oldest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// At most this many lines, from 1 to [`Page::MAX_LIMIT`].
    pub limit: u32,
    /// Only requests older than this one: the cursor of the page before.
    pub before: Option<RequestId>,
    /// Only requests newer than this one: for following a log. The page then holds the oldest of them, still newest
    /// first.
    pub after: Option<RequestId>,
}

impl Page {
    /// The most lines that one page may hold.
    pub const MAX_LIMIT: u32 = 1_000;

    /// The newest `limit` lines.
    #[must_use]
    pub const fn newest(limit: u32) -> Self {
        Self { limit, before: None, after: None }
    }
}

/// What the overview shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverviewQuery {
    /// First microsecond inside; rounded down to a whole step.
    pub from_us: i64,
    /// First microsecond outside.
    pub until_us: i64,
    /// At most this many points, from 1 to 1,000; the step is the smallest that keeps to it.
    pub max_points: u32,
    /// Only this task.
    pub task: Option<String>,
    /// Only this model.
    pub model: Option<String>,
    /// Only this provider.
    pub provider: Option<String>,
}
