//! Figures as a person reads them.

use jiff::Timestamp;
use steersman_core::{Usd, percent_encoded};
use steersman_store::rows::Aggregate;

/// A moment, in UTC: `2026-01-31 12:00:00`.
pub fn moment(unix_us: i64) -> String {
    Timestamp::from_microsecond(unix_us)
        .map(|moment| moment.strftime("%Y-%m-%d %H:%M:%S").to_string())
        .unwrap_or_default()
}

/// A time of day, in UTC: `12:00`, with the date where a step is a day or more.
pub(crate) fn tick(unix_us: i64, step_us: i64) -> String {
    let form = if step_us >= 86_400_000_000 { "%b %d" } else { "%H:%M" };
    Timestamp::from_microsecond(unix_us).map(|moment| moment.strftime(form).to_string()).unwrap_or_default()
}

/// A duration with three significant figures: `430 us`, `12.3 ms`, `4.56 s`.
pub(crate) fn duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} us"),
        1_000..1_000_000 => significant(us, 1_000, "ms"),
        _ => significant(us, 1_000_000, "s"),
    }
}

fn significant(value: u64, unit: u64, name: &str) -> String {
    let whole = value / unit;
    let thousandths = value % unit * 1_000 / unit;
    match whole {
        0..10 => format!("{whole}.{:02} {name}", thousandths / 10),
        10..100 => format!("{whole}.{} {name}", thousandths / 100),
        _ => format!("{whole} {name}"),
    }
}

/// A duration, or a dash where nothing was measured.
pub(crate) fn maybe_duration(us: Option<u64>) -> String {
    us.map_or_else(|| "–".to_owned(), duration)
}

/// A count with thin separators: `12 345`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// A count, or a dash where it is not known.
pub(crate) fn maybe_count(number: Option<u64>) -> String {
    number.map_or_else(|| "–".to_owned(), count)
}

/// An amount, or `unknown`: a price that nobody knows is not a price of zero.
pub(crate) fn cost(cost: Option<Usd>) -> String {
    cost.map_or_else(|| "unknown".to_owned(), |usd| usd.to_string())
}

/// A sum with four significant figures, and cents at the least: `$0.03784`, `$1234.57`. One request has its exact cost.
pub(crate) fn sum(usd: Usd) -> String {
    let nanos = usd.nanos();
    let places = nanos.unsigned_abs().checked_ilog10().unwrap_or(0).saturating_sub(3).min(7);
    let unit = 10_i64.pow(places);
    Usd::from_nanos(nanos.saturating_add(unit / 2) / unit * unit).to_string()
}

/// A sum over requests of which some have an unknown cost: `$0.50 + 3 unknown`, or `3 unknown` where it is unknown of
/// all.
pub(crate) fn sum_of(aggregate: &Aggregate) -> String {
    let unknown = aggregate.cost_unknown_requests;
    match (aggregate.requests.saturating_sub(unknown), unknown) {
        (_, 0) => sum(aggregate.cost_known),
        (0, _) => format!("{} unknown", count(unknown)),
        (_, _) => format!("{} + {} unknown", sum(aggregate.cost_known), count(unknown)),
    }
}

/// A share of a whole in per cent, with one decimal.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let per_mille = part.saturating_mul(1_000) / whole;
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

/// Bytes in a fitting unit.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} B"),
        1_024..1_048_576 => format!("{} KiB", bytes / 1_024),
        1_048_576..1_073_741_824 => format!("{} MiB", bytes / 1_048_576),
        _ => format!("{}.{} GiB", bytes / 1_073_741_824, bytes % 1_073_741_824 * 10 / 1_073_741_824),
    }
}

/// A text for an address: names of tasks and models keep their slashes.
pub(crate) fn encode(text: &str) -> String {
    percent_encoded(text, b"/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_figures() {
        let shown = [7, 999, 1_000, 12_345, 999_999, 4_567_890, 75_000_000].map(duration);
        assert_eq!(shown, ["7 us", "999 us", "1.00 ms", "12.3 ms", "999 ms", "4.56 s", "75.0 s"]);
    }

    #[test]
    fn what_is_unknown_is_said_beside_what_is_known() {
        let of = |requests, cost_unknown_requests| {
            let cost_known = Usd::from_nanos(500_000_000);
            sum_of(&Aggregate { requests, cost_unknown_requests, cost_known, ..Aggregate::default() })
        };
        assert_eq!([of(4, 0), of(4, 1), of(4, 4)], ["$0.50", "$0.50 + 1 unknown", "4 unknown"]);
    }

    #[test]
    fn counts_are_grouped_and_shares_have_one_decimal() {
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(share(1, 3), "33.3 %");
        assert_eq!(share(0, 0), "–");
        let sums = [37_840_550, 6_721, 8, 0, 1_234_567_890_123, 999_999].map(|nanos| sum(Usd::from_nanos(nanos)));
        assert_eq!(sums, ["$0.03784", "$0.000006721", "$0.000000008", "$0.00", "$1234.57", "$0.001"]);
    }
}
