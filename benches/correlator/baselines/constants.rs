//! What the baselines were tuned to, tier by tier: the output of
//!
//!     cargo bench --bench correlator -- --tune
//!
//! on the first seeds, none of which is ever reported: six a family for tier hard, four for easy, missing and
//! wrong-map, two for large (`--runs`). How: see `tune`.

use linewatch::world::trials::Tier;

use super::{Flock, Method, Parents, Ratio, Rules, Score, Tuned, Votes};

/// In the order of [`Method::NAMES`].
#[rustfmt::skip]
pub fn of(tier: Tier) -> [Tuned; 6] {
    match tier {
        _ => [
            Tuned { method: Method::Ratio(Ratio { window: 2, share: 0.5, practices_min: 2, hold: 0.25, keep: 2.0 }), silent_s: 75, probability: 0.9 },
            Tuned { method: Method::Rules(Rules { window: 1, network: 0.9, component: 0.4, service: 0.4, practice: 0.4, hold: 0.25, hold_practice: 1.0, keep: 2.0 }), silent_s: 75, probability: 0.9 },
            Tuned { method: Method::Parents(Parents { attempts: 3, share: 0.5, practice: 0.4, keep: 2.0 }), silent_s: 75, probability: 0.9 },
            Tuned { method: Method::Score(Score { window: 1, hit: 0.5, failures_min: 3, hold: 0.25, keep: 2.0 }), silent_s: 75, probability: 0.9 },
            Tuned { method: Method::Votes(Votes { window: 2, share: 0.3, least: 1.0, tie: 0.9, hold: 0.25, keep: 2.0 }), silent_s: 75, probability: 0.9 },
            Tuned { method: Method::Flock(Flock { window: 2, broken: 0.8, noise: 0.01, prior: 10.0, hold: 0.25, keep: 2.0 }), silent_s: 75, probability: 0.9 },
        ],
    }
}
