//! A small seeded generator, so that every simulated or resampled figure can be had again.
//!
//! What never happens here: no entropy from the machine, nothing fit for secrets.

/// xoshiro256++ (Blackman and Vigna, *Scrambled linear pseudorandom number generators*, ACM TOMS 2021), seeded by
/// `SplitMix64` as its authors advise.
#[derive(Debug, Clone)]
pub struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// A generator whose whole sequence follows from `seed`.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let mut mixer = seed;
        let state = std::array::from_fn(|_| {
            mixer = mixer.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = mixer;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ (z >> 31)
        });
        Self { state }
    }

    /// The next 64 uniform bits.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let out = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let mixed = [a ^ d ^ b, b ^ c ^ a, c ^ a ^ (b << 17), (d ^ b).rotate_left(45)];
        self.state = mixed;
        out
    }

    /// Uniform in `[0, 1)` with 53 bits.
    #[allow(clippy::cast_precision_loss)]
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `0..bound`; 0 for an empty range. The bias of the multiply-shift is below 2^-32 for any slice in
    /// memory.
    #[allow(clippy::cast_possible_truncation)]
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// A standard normal deviate (Marsaglia's polar method).
    pub fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let s = x * x + y * y;
            if s > 0.0 && s < 1.0 {
                return x * (-2.0 * s.ln() / s).sqrt();
            }
        }
    }

    /// Whether an event of this probability happens.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// Permutes `items` uniformly (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uniform_stream_fills_its_deciles_evenly() {
        let mut rng = Rng::seeded(7);
        let mut deciles = [0_i32; 10];
        for _ in 0..100_000 {
            deciles[rng.below(10)] += 1;
        }
        let chi2: f64 = deciles.iter().map(|&n| f64::from(n - 10_000).powi(2) / 10_000.0).sum();
        assert!(chi2 < 27.9, "chi-square {chi2} on 9 degrees of freedom is beyond its 0.1 % point");
    }

    #[test]
    fn normal_deviates_have_mean_zero_and_variance_one() {
        let mut rng = Rng::seeded(11);
        let draws: Vec<f64> = (0..100_000).map(|_| rng.normal()).collect();
        let mean = draws.iter().sum::<f64>() / 1e5;
        let variance = draws.iter().map(|x| x * x).sum::<f64>() / 1e5 - mean * mean;
        assert!(mean.abs() < 0.012 && (variance - 1.0).abs() < 0.018, "mean {mean}, variance {variance}");
    }
}
