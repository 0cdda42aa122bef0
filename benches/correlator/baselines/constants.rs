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
        Tier::Easy => [
            Tuned { method: Method::Ratio(Ratio { window: 1, share: 0.5, practices_min: 3, hold: 0.1, keep: 2.0 }), silent_s: 75, probability: 0.128 }, // worth 0.218
            Tuned { method: Method::Rules(Rules { window: 2, network: 0.4, component: 0.1, service: 0.2, practice: 0.7, hold: 0.0, hold_practice: 0.5, keep: 1.0 }), silent_s: 75, probability: 0.199 }, // worth 0.337
            Tuned { method: Method::Parents(Parents { attempts: 1, share: 0.3, practice: 0.7, keep: 1.0 }), silent_s: 75, probability: 0.29 }, // worth 0.349
            Tuned { method: Method::Score(Score { window: 2, hit: 0.1, failures_min: 6, hold: 0.0, keep: 6.0 }), silent_s: 75, probability: 0.359 }, // worth 0.296
            Tuned { method: Method::Votes(Votes { window: 2, share: 0.02, least: 5.0, tie: 0.8, hold: 0.25, keep: 1.0 }), silent_s: 75, probability: 0.671 }, // worth 0.502
            Tuned { method: Method::Flock(Flock { window: 2, broken: 0.12, noise: 0.003, prior: 22.0, hold: 0.1, keep: 2.0 }), silent_s: 110, probability: 0.698 }, // worth 0.561
        ],
        Tier::Hard => [
            Tuned { method: Method::Ratio(Ratio { window: 1, share: 0.2, practices_min: 3, hold: 0.0, keep: 6.0 }), silent_s: 75, probability: 0.139 }, // worth 0.208
            Tuned { method: Method::Rules(Rules { window: 1, network: 0.2, component: 0.15, service: 0.2, practice: 0.4, hold: 0.0, hold_practice: 0.5, keep: 2.0 }), silent_s: 110, probability: 0.257 }, // worth 0.266
            Tuned { method: Method::Parents(Parents { attempts: 1, share: 0.3, practice: 0.7, keep: 1.0 }), silent_s: 75, probability: 0.259 }, // worth 0.258
            Tuned { method: Method::Score(Score { window: 2, hit: 0.1, failures_min: 6, hold: 0.0, keep: 6.0 }), silent_s: 75, probability: 0.387 }, // worth 0.343
            Tuned { method: Method::Votes(Votes { window: 2, share: 0.05, least: 1.5, tie: 0.7, hold: 0.0, keep: 1.0 }), silent_s: 110, probability: 0.428 }, // worth 0.328
            Tuned { method: Method::Flock(Flock { window: 2, broken: 0.3, noise: 0.003, prior: 16.0, hold: 0.1, keep: 6.0 }), silent_s: 75, probability: 0.652 }, // worth 0.470
        ],
        Tier::Missing => [
            Tuned { method: Method::Ratio(Ratio { window: 1, share: 0.3, practices_min: 3, hold: 0.1, keep: 1.0 }), silent_s: 75, probability: 0.092 }, // worth 0.208
            Tuned { method: Method::Rules(Rules { window: 1, network: 0.2, component: 0.15, service: 0.2, practice: 0.4, hold: 0.0, hold_practice: 0.5, keep: 2.0 }), silent_s: 110, probability: 0.356 }, // worth 0.345
            Tuned { method: Method::Parents(Parents { attempts: 1, share: 0.3, practice: 0.7, keep: 1.0 }), silent_s: 75, probability: 0.323 }, // worth 0.307
            Tuned { method: Method::Score(Score { window: 2, hit: 0.1, failures_min: 6, hold: 0.0, keep: 6.0 }), silent_s: 75, probability: 0.304 }, // worth 0.312
            Tuned { method: Method::Votes(Votes { window: 1, share: 0.12, least: 3.0, tie: 0.9, hold: 0.25, keep: 2.0 }), silent_s: 75, probability: 0.576 }, // worth 0.412
            Tuned { method: Method::Flock(Flock { window: 1, broken: 0.2, noise: 0.03, prior: 6.0, hold: 0.1, keep: 2.0 }), silent_s: 75, probability: 0.699 }, // worth 0.534
        ],
        Tier::WrongMap => [
            Tuned { method: Method::Ratio(Ratio { window: 1, share: 0.3, practices_min: 3, hold: 0.1, keep: 1.0 }), silent_s: 75, probability: 0.185 }, // worth 0.235
            Tuned { method: Method::Rules(Rules { window: 1, network: 0.2, component: 0.15, service: 0.2, practice: 0.4, hold: 0.0, hold_practice: 0.5, keep: 2.0 }), silent_s: 110, probability: 0.287 }, // worth 0.343
            Tuned { method: Method::Parents(Parents { attempts: 1, share: 0.3, practice: 0.7, keep: 1.0 }), silent_s: 75, probability: 0.344 }, // worth 0.377
            Tuned { method: Method::Score(Score { window: 2, hit: 0.1, failures_min: 6, hold: 0.0, keep: 6.0 }), silent_s: 75, probability: 0.337 }, // worth 0.374
            Tuned { method: Method::Votes(Votes { window: 2, share: 0.02, least: 5.0, tie: 0.8, hold: 0.25, keep: 1.0 }), silent_s: 75, probability: 0.731 }, // worth 0.444
            Tuned { method: Method::Flock(Flock { window: 2, broken: 0.12, noise: 0.01, prior: 12.0, hold: 0.0, keep: 6.0 }), silent_s: 75, probability: 0.547 }, // worth 0.548
        ],
        Tier::Large => [
            Tuned { method: Method::Ratio(Ratio { window: 1, share: 0.3, practices_min: 3, hold: 0.1, keep: 1.0 }), silent_s: 75, probability: 0.164 }, // worth 0.368
            Tuned { method: Method::Rules(Rules { window: 1, network: 0.2, component: 0.15, service: 0.2, practice: 0.4, hold: 0.0, hold_practice: 0.5, keep: 2.0 }), silent_s: 110, probability: 0.094 }, // worth 0.322
            Tuned { method: Method::Parents(Parents { attempts: 1, share: 0.3, practice: 0.7, keep: 1.0 }), silent_s: 75, probability: 0.29 }, // worth 0.479
            Tuned { method: Method::Score(Score { window: 2, hit: 0.1, failures_min: 6, hold: 0.0, keep: 6.0 }), silent_s: 75, probability: 0.35 }, // worth 0.512
            Tuned { method: Method::Votes(Votes { window: 1, share: 0.08, least: 5.0, tie: 0.7, hold: 0.25, keep: 1.0 }), silent_s: 75, probability: 0.639 }, // worth 0.471
            Tuned { method: Method::Flock(Flock { window: 1, broken: 0.12, noise: 0.01, prior: 16.0, hold: 0.0, keep: 1.0 }), silent_s: 75, probability: 0.909 }, // worth 0.736
        ],
    }
}
