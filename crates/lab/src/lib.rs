//! The laboratory: records in, verdicts out.
//!
//! It holds what the house knows about measuring. So far that is [`stats`]: bounds, tests that survive peeking,
//! change detectors and resampling, each written once, with its source and with a simulation of its error rates.
//!
//! What never happens here: no I/O, no clock, no hidden source of randomness. Whoever resamples hands in a seeded
//! [`stats::Rng`], so that each figure can be had again.

pub mod stats;
