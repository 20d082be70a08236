//! Statistics, written once.
//!
//! | question | tool |
//! | --- | --- |
//! | how often does it happen? | [`wilson`], [`clopper_pearson`] |
//! | is this mean above that floor, looking once? | [`gaffke_p_value`], [`gaffke_lower_bound`] (no normality assumed), [`skew_corrected_p_value`] (sharper, right to second order), [`normal_lower_bound`] |
//! | the same, looking as often as one likes? | [`MeanAbove`] (e-process), [`BettingSequence`] (confidence sequence) |
//! | has a stream changed? | [`ShiryaevRoberts`] (a stated mean time to a false alarm), [`ConformalStream`] (any score to a fair p-value) |
//! | how sure is any other figure? | [`bootstrap_interval`], [`bootstrap_ratio`] |
//!
//! What never happens here: no figure without its interval, no asymptotic bound where the docstring says exact.

mod betting;
mod bootstrap;
mod detector;
mod interval;
mod mean;
mod proportion;
mod random;
mod special;

pub use betting::{BettingSequence, MeanAbove};
pub use bootstrap::{bootstrap_interval, bootstrap_ratio};
pub use detector::{ConformalStream, ShiryaevRoberts};
pub use interval::Interval;
pub use mean::{
    Atoms, empirical_bernstein_lower_bound, gaffke_lower_bound, gaffke_p_value, normal_lower_bound,
    skew_corrected_p_value,
};
pub use proportion::{clopper_pearson, clopper_pearson_upper, wilson};
pub use random::Rng;
pub use special::{beta_cdf, beta_quantile, ln_gamma, normal_cdf, normal_quantile};
