//! A quantile sketch that merges: counts in buckets whose borders grow by a fixed factor.
//!
//! Charles Masson, Jee E. Rim and Homin K. Lee, "DDSketch: a fast and fully-mergeable quantile sketch with
//! relative-error guarantees", PVLDB 12(12), 2019, section 2. We deviate in one point: buckets are never collapsed,
//! since a `u64` reaches at most 2,219 of them.
//!
//! What never happens here: a merge loses no count, and its result does not depend on the order.

/// The relative error of a quantile.
const ALPHA: f64 = 0.01;
/// The ratio of a bucket's borders, `(1 + alpha) / (1 - alpha)`.
const GAMMA: f64 = (1.0 + ALPHA) / (1.0 - ALPHA);

/// Counts of values by bucket. A quantile of it is within 1 % of the true one; zero counts as one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sketch {
    /// Bucket and count, ascending; no count is zero.
    buckets: Vec<(u16, u64)>,
}

impl Sketch {
    /// Counts one value. About 15 ns.
    pub(crate) fn add(&mut self, value: u64) {
        self.add_many(bucket_of(value), 1);
    }

    fn add_many(&mut self, bucket: u16, count: u64) {
        match self.buckets.binary_search_by_key(&bucket, |&(at, _)| at) {
            Ok(found) => {
                if let Some((_, total)) = self.buckets.get_mut(found) {
                    *total = total.saturating_add(count);
                }
            }
            Err(place) => self.buckets.insert(place, (bucket, count)),
        }
    }

    /// Adds all counts of another sketch.
    pub(crate) fn merge(&mut self, other: &Self) {
        for &(bucket, count) in &other.buckets {
            self.add_many(bucket, count);
        }
    }

    /// How many values were counted.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, &(_, count)| sum.saturating_add(count))
    }

    /// The smallest value that at least the share `q` of all does not exceed (nearest rank), for `q` from 0 to 1: of
    /// few values the 99th percentile is the largest. `None` if nothing was counted.
    pub(crate) fn quantile(&self, q: f64) -> Option<u64> {
        let rank = rank_of(q, self.count())?;
        let mut passed = 0u64;
        self.buckets.iter().find_map(|&(bucket, count)| {
            passed = passed.saturating_add(count);
            (passed > rank).then(|| middle_of(bucket))
        })
    }

    /// The sketch as bytes: for each bucket the step from the one before and the count, both as LEB128.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.buckets.len() * 3);
        let mut before = 0;
        for &(bucket, count) in &self.buckets {
            push_varint(&mut bytes, u64::from(bucket - before));
            push_varint(&mut bytes, count);
            before = bucket;
        }
        bytes
    }

    /// Reads what [`Self::to_bytes`] wrote; `None` if it is something else.
    pub(crate) fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut buckets: Vec<(u16, u64)> = Vec::with_capacity(bytes.len() / 2);
        while !bytes.is_empty() {
            let step = u16::try_from(take_varint(&mut bytes)?).ok()?;
            let count = take_varint(&mut bytes)?;
            let bucket = match buckets.last() {
                Some(&(before, _)) if step > 0 => before.checked_add(step)?,
                Some(_) => return None,
                None => step,
            };
            buckets.push((bucket, count));
        }
        Some(Self { buckets })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the logarithm of a u64 to this base lies in 0..2219"
)]
fn bucket_of(value: u64) -> u16 {
    ((value.max(1) as f64).ln() / GAMMA.ln()).ceil() as u16
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float out of range saturates")]
fn middle_of(bucket: u16) -> u64 {
    (2.0 * GAMMA.powi(i32::from(bucket)) / (GAMMA + 1.0)).round() as u64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a rank need not be exact beyond 2^52 values"
)]
fn rank_of(q: f64, count: u64) -> Option<u64> {
    let last = count.checked_sub(1)?;
    let nearest = (q.clamp(0.0, 1.0) * count as f64).ceil() as u64;
    Some(nearest.saturating_sub(1).min(last))
}

fn push_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 128 {
        bytes.push(u8::try_from(number & 127).unwrap_or(0) | 128);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap_or(0));
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sketch_of(values: &[u64]) -> Sketch {
        let mut sketch = Sketch::default();
        values.iter().for_each(|&value| sketch.add(value));
        sketch
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_one_per_cent_of_the_true_one(
            mut values in prop::collection::vec(1u64..4_000_000_000, 1..300),
            q in 0.0f64..=1.0,
        ) {
            let estimate = sketch_of(&values).quantile(q).unwrap() as f64;
            values.sort_unstable();
            let many = values.len() as f64;
            let reached = (1..=values.len()).find(|&so_many| so_many as f64 / many >= q);
            let truth = values[reached.unwrap() - 1] as f64;
            // Half a unit for rounding to whole microseconds.
            prop_assert!((estimate - truth).abs() <= ALPHA * truth + 0.5, "{estimate} for {truth}");
        }

        #[test]
        fn merging_parts_in_any_order_equals_counting_the_whole(
            left in prop::collection::vec(any::<u64>(), 0..100),
            right in prop::collection::vec(any::<u64>(), 0..100),
        ) {
            let whole = sketch_of(&[left.clone(), right.clone()].concat());
            let (mut one, mut other) = (sketch_of(&left), sketch_of(&right));
            one.merge(&sketch_of(&right));
            other.merge(&sketch_of(&left));
            prop_assert_eq!(&one, &whole);
            prop_assert_eq!(&other, &whole);
            prop_assert_eq!(whole.count(), (left.len() + right.len()) as u64);
        }

        #[test]
        fn bytes_read_back_as_the_same_sketch(values in prop::collection::vec(any::<u64>(), 0..200)) {
            let sketch = sketch_of(&values);
            prop_assert_eq!(Sketch::from_bytes(&sketch.to_bytes()), Some(sketch));
        }

        #[test]
        fn foreign_bytes_are_refused_or_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Some(sketch) = Sketch::from_bytes(&bytes) {
                let _value = sketch.quantile(0.5);
            }
        }
    }

    #[test]
    fn of_few_values_the_last_percentiles_are_the_largest() {
        let within = |found: Option<u64>, truth: u64| found.unwrap().abs_diff(truth) <= truth / 50;
        let of = |values: &[u64]| [0.5, 0.95, 0.99].map(|q| sketch_of(values).quantile(q));
        let [p50, p95, p99] = of(&[1_000, 900_000]);
        assert!(within(p50, 1_000) && within(p95, 900_000) && within(p99, 900_000), "{p50:?} {p95:?} {p99:?}");
        let [p50, p95, p99] = of(&[100, 200, 300, 400, 5_000]);
        assert!(within(p50, 300) && within(p95, 5_000) && within(p99, 5_000), "{p50:?} {p95:?} {p99:?}");
        let hundred: Vec<u64> = (1..=100).map(|n| n * 1_000).collect();
        let [p50, p95, p99] = of(&hundred);
        assert!(within(p50, 50_000) && within(p95, 95_000) && within(p99, 99_000), "{p50:?} {p95:?} {p99:?}");
    }

    #[test]
    fn nothing_counted_has_no_median() {
        assert_eq!(Sketch::default().quantile(0.5), None);
    }
}
