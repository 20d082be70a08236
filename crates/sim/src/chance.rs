//! All chance of the simulator: one small generator, seeded by what it decides.
//!
//! Each decision has a generator of its own, made from the script's seed, the request's index and the decision's name,
//! so that adding a rule does not change what the others draw. Generator: SplitMix64 (Steele, Lea and Flood 2014, "Fast
//! splittable pseudorandom number generators", figure 17).

/// A stream of pseudo-random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Chance {
    state: u64,
}

impl Chance {
    /// The generator of one decision.
    pub(crate) fn of(seed: u64, parts: &[u64]) -> Self {
        let mut chance = Self { state: seed };
        for part in parts {
            chance.state = chance.next_u64() ^ part.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        chance
    }

    pub(crate) const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `[0, 1)`, with 53 random bits.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number below `bound`; 0 if there is none. The bias of the remainder is below 2^-32 for small bounds.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next_u64() % bound).unwrap_or(0)
    }

    /// A standard normal number (Box and Muller 1958).
    pub(crate) fn normal(&mut self) -> f64 {
        let (u, v) = (1.0 - self.unit(), self.unit());
        (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_the_same_for_a_seed_and_differ_between_requests() {
        let draw = |seed, parts: &[u64]| Chance::of(seed, parts).next_u64();
        assert_eq!(draw(7, &[1, 2]), draw(7, &[1, 2]));
        assert_ne!(draw(7, &[1, 2]), draw(7, &[2, 1]));
        assert_ne!(draw(7, &[1, 2]), draw(8, &[1, 2]));
    }

    #[test]
    fn means_lie_where_they_belong() {
        let mut chance = Chance::of(1, &[]);
        let n = 20_000;
        let (mut uniform, mut normal, mut square) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            uniform += chance.unit() / f64::from(n);
            let z = chance.normal();
            normal += z / f64::from(n);
            square += z * z / f64::from(n);
        }
        // Five standard errors: 0.289/sqrt(n), 1/sqrt(n), sqrt(2/n).
        assert!((uniform - 0.5).abs() < 0.0103 && normal.abs() < 0.0354 && (square - 1.0).abs() < 0.05);
    }
}
