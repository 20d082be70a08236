//! Chooses one token from the logits of all.
//!
//! Penalties, temperature and nucleus as the OpenAI API defines them, in plain Rust, so that a seed gives the same
//! answer on each machine that gives the same logits. A token ruled out by a constraint comes with a logit of minus
//! infinity.

use std::collections::BTreeMap;

use crate::job::Sampling;

/// Chooses tokens, and remembers which it chose for the penalties.
#[derive(Debug)]
pub struct Sampler {
    sampling: Sampling,
    random: SplitMix64,
    produced: BTreeMap<usize, u16>,
}

impl Sampler {
    /// A sampler for answer number `choice` of a request: each answer has a random sequence of its own.
    #[must_use]
    pub fn new(sampling: Sampling, choice: u32) -> Self {
        let mut seeds = SplitMix64(sampling.seed);
        let seed = (0..=choice).fold(0, |_, _| seeds.next());
        Self { sampling, random: SplitMix64(seed), produced: BTreeMap::new() }
    }

    /// Chooses a token, given as its position; `None` when none is allowed. Costs a pass over the vocabulary or two,
    /// and sorts the part of it that can be in the nucleus.
    pub fn choose(&mut self, logits: &mut [f32]) -> Option<usize> {
        for (token, count) in &self.produced {
            if let Some(logit) = logits.get_mut(*token) {
                *logit -= self.sampling.presence_penalty + self.sampling.frequency_penalty * f32::from(*count);
            }
        }
        let token = if self.sampling.temperature <= 0.0 { likeliest(logits) } else { self.draw(logits) }?;
        let count = self.produced.entry(token).or_insert(0);
        *count = count.saturating_add(1);
        Some(token)
    }

    fn draw(&mut self, logits: &[f32]) -> Option<usize> {
        let highest = logits.get(likeliest(logits)?).copied()?;
        let weight = |logit: f32| ((logit - highest) / self.sampling.temperature).exp();
        let total: f32 = logits.iter().map(|logit| weight(*logit)).sum();
        // Tokens below this together weigh less than what the nucleus leaves out, so it is complete without them.
        let negligible = (1.0 - self.sampling.top_p) * total / usize_to_f32(logits.len());
        let mut candidates: Vec<(usize, f32)> = logits
            .iter()
            .map(|logit| weight(*logit))
            .enumerate()
            .filter(|(_, weight)| *weight > 0.0 && *weight >= negligible)
            .collect();
        if self.sampling.top_p < 1.0 {
            candidates.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            let mut mass = 0.0;
            let inside = candidates.iter().take_while(|(_, weight)| {
                let before = mass;
                mass += weight;
                before < self.sampling.top_p * total
            });
            let inside = inside.count();
            candidates.truncate(inside.max(1));
        }
        let mut left = self.random.unit() * candidates.iter().map(|(_, weight)| weight).sum::<f32>();
        let drawn = candidates.iter().find(|(_, weight)| {
            left -= weight;
            left < 0.0
        });
        drawn.or(candidates.last()).map(|(token, _)| *token)
    }
}

/// The natural log probability of each wanted token, and of the `top` likeliest, best first.
#[must_use]
pub fn logprobs(logits: &[f32], token: usize, top: usize) -> (f32, Vec<(usize, f32)>) {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let norm = highest + logits.iter().map(|logit| (logit - highest).exp()).sum::<f32>().ln();
    let mut best: Vec<(usize, f32)> = Vec::with_capacity(top + 1);
    for (at, logit) in logits.iter().enumerate().filter(|_| top > 0) {
        if best.len() == top && best.last().is_some_and(|(_, worst)| worst >= logit) {
            continue;
        }
        let place = best.partition_point(|(_, better)| better >= logit);
        best.insert(place, (at, *logit));
        best.truncate(top);
    }
    let own = logits.get(token).copied().unwrap_or(f32::NEG_INFINITY) - norm;
    (own, best.into_iter().map(|(at, logit)| (at, logit - norm)).collect())
}

/// The first token with the highest logit, unless all are ruled out.
fn likeliest(logits: &[f32]) -> Option<usize> {
    let best = logits.iter().enumerate().filter(|(_, logit)| **logit > f32::NEG_INFINITY);
    best.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(token, _)| token)
}

#[expect(clippy::cast_precision_loss, reason = "a vocabulary is far smaller than 2^24")]
fn usize_to_f32(number: usize) -> f32 {
    number as f32
}

/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014, figure 16.
#[derive(Debug)]
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1), with 24 random bits.
    fn unit(&mut self) -> f32 {
        let bits = u16::try_from(self.next() >> 48).unwrap_or(0);
        let more = u16::try_from((self.next() >> 56) & 0xFF).unwrap_or(0);
        (f32::from(bits) * 256.0 + f32::from(more)) / 16_777_216.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Sampling =
        Sampling { temperature: 1.0, top_p: 1.0, frequency_penalty: 0.0, presence_penalty: 0.0, seed: 7 };

    /// How often each token is drawn in `rounds` independent draws.
    fn shares(sampling: Sampling, logits: &[f32], rounds: u16) -> Vec<f32> {
        let mut counts = vec![0.0; logits.len()];
        for seed in 0..rounds {
            let mut sampler = Sampler::new(Sampling { seed: u64::from(seed), ..sampling }, 0);
            counts[sampler.choose(&mut logits.to_vec()).unwrap()] += 1.0 / f32::from(rounds);
        }
        counts
    }

    #[test]
    fn tokens_are_drawn_in_proportion_to_their_probability() {
        // 20,000 draws: the standard error of a share is at most 0.0035; four of them are allowed.
        let drawn = shares(PLAIN, &[0.5_f32.ln(), 0.3_f32.ln(), 0.2_f32.ln()], 20_000);
        for (share, expected) in drawn.iter().zip([0.5, 0.3, 0.2]) {
            assert!((share - expected).abs() < 0.014, "{drawn:?}");
        }
    }

    #[test]
    fn the_nucleus_is_the_smallest_set_that_reaches_its_mass() {
        let logits = [0.2_f32.ln(), 0.5_f32.ln(), 0.04_f32.ln(), 0.26_f32.ln()];
        let drawn = shares(Sampling { top_p: 0.75, ..PLAIN }, &logits, 5_000);
        assert!(drawn[0] == 0.0 && drawn[2] == 0.0 && drawn[1] > 0.6 && drawn[3] > 0.3, "{drawn:?}");
    }

    #[test]
    fn a_temperature_of_zero_takes_the_likeliest_whatever_the_seed() {
        for seed in 0..10 {
            let mut sampler = Sampler::new(Sampling { temperature: 0.0, seed, ..PLAIN }, 0);
            assert_eq!(sampler.choose(&mut [0.0, 3.0, 2.9]), Some(1));
        }
    }

    #[test]
    fn a_token_that_is_ruled_out_is_never_drawn() {
        let logits = [5.0, f32::NEG_INFINITY, 1.0];
        for sampling in [PLAIN, Sampling { temperature: 5.0, top_p: 0.99, ..PLAIN }] {
            assert!(shares(sampling, &logits, 2_000)[1] == 0.0);
        }
        assert_eq!(Sampler::new(PLAIN, 0).choose(&mut [f32::NEG_INFINITY; 3]), None);
    }

    #[test]
    fn answers_of_one_request_differ_and_repeat_with_its_seed() {
        let logits = vec![0.0; 1000];
        let sequence = |choice| {
            let mut sampler = Sampler::new(PLAIN, choice);
            (0..8).map(|_| sampler.choose(&mut logits.clone()).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(sequence(0), sequence(0));
        assert_ne!(sequence(0), sequence(1));
    }

    #[test]
    fn a_penalty_makes_room_for_the_next_best() {
        let mut sampler =
            Sampler::new(Sampling { temperature: 0.0, frequency_penalty: 0.6, presence_penalty: 0.3, ..PLAIN }, 0);
        let chosen: Vec<_> = (0..3).map(|_| sampler.choose(&mut [2.0, 1.5, 0.0]).unwrap()).collect();
        assert_eq!(chosen, [0, 1, 0]);
    }

    #[test]
    fn log_probabilities_are_normalised_and_ordered() {
        let (own, top) = logprobs(&[1.0, 3.0, 2.0, 3.0], 2, 3);
        assert_eq!(top.iter().map(|(token, _)| *token).collect::<Vec<_>>(), [1, 3, 2]);
        assert!((own - top[2].1).abs() < 1e-6);
        let total: f32 = logprobs(&[1.0, 3.0, 2.0, 3.0], 0, 4).1.iter().map(|(_, logprob)| logprob.exp()).sum();
        assert!((total - 1.0).abs() < 1e-5);
    }
}
