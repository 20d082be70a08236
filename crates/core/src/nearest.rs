//! The nearest spelling: for unknown keys, models and codes.

/// The candidates closest to `name`, closest first, at most three, and only those close enough to be a slip of the
/// finger: within a third of the name's length, or a common prefix of at least four characters.
///
/// Distance: optimal string alignment (Damerau 1964) on lower-cased characters. Cost: `O(n * m)` a candidate.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted: Vec<char> = name.chars().take(MAX_CHARS).flat_map(char::to_lowercase).collect();
    let mut close: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter_map(|candidate| {
            let given: Vec<char> = candidate.chars().take(MAX_CHARS).flat_map(char::to_lowercase).collect();
            let distance = distance(&wanted, &given);
            let prefix = wanted.iter().zip(&given).take_while(|(a, b)| a == b).count();
            (distance <= wanted.len().max(given.len()).div_ceil(3) || prefix >= 4).then_some((distance, candidate))
        })
        .collect();
    close.sort_unstable();
    close.dedup();
    close.into_iter().take(3).map(|(_, candidate)| candidate).collect()
}

/// Longer names are compared by their beginning: the cost stays bounded whatever a client sends.
const MAX_CHARS: usize = 64;

fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &from) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, &to) in b.iter().enumerate() {
            let at = |cells: &[usize], k: usize| cells.get(k).copied().unwrap_or(usize::MAX - 1);
            let mut cost = at(&last, j) + usize::from(from != to);
            cost = cost.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(&to) && b.get(j - 1) == Some(&from);
            if swapped {
                cost = cost.min(at(&before_last, j - 1) + 1);
            }
            row.push(cost);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_found_and_a_stranger_is_not() {
        let keys = ["listen", "max_body_bytes", "shutdown_grace_ms"];
        assert_eq!(nearest("lsiten", keys), ["listen"]);
        assert_eq!(nearest("max_body_byte", keys), ["max_body_bytes"]);
        assert!(nearest("colour", keys).is_empty());
    }

    #[test]
    fn the_closest_comes_first() {
        assert_eq!(nearest("gpt-4o-mni", ["gpt-4o", "gpt-4o-mini", "gpt-4.1"]), ["gpt-4o-mini", "gpt-4o", "gpt-4.1"]);
    }
}
