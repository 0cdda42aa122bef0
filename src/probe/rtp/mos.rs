//! How a telephone call would sound, estimated. Pure.
//!
//! The E-model of ITU-T G.107 adds up what impairs a call, on a scale of 0 to 100 that it calls R:
//!
//! ```text
//! R = 93.2 − Id − Ie,eff
//! ```
//!
//! 93.2 is what its defaults leave of a perfect line. `Id`, for delay, is the fit of Cole and Rosenbluth ("Voice over IP
//! performance monitoring", 2001): 0.024 a millisecond, and 0.11 more for each beyond 177.3, where people begin to
//! talk into each other. `Ie,eff`, for loss, is G.107's own formula with the values that G.113 gives to G.711 with
//! concealment of lost packets, and with losses that fall at random.
//!
//! It is an estimate of the line. The telephones, the echo, the noise in the room and who else is on the line aren't in it.

/// The R of a perfect line with G.107's defaults.
const R_MAX: f64 = 93.2;
/// How much R a millisecond costs, and how much more from where a conversation suffers.
const PER_MS: f64 = 0.024;
const PER_LATE_MS: f64 = 0.11;
const LATE_MS: f64 = 177.3;
/// The most that loss can cost, in G.107.
const LOSS_COST_MAX: f64 = 95.0;
/// How well G.711 with concealment stands loss, in per cent (G.113, appendix I).
const ROBUSTNESS: f64 = 25.1;

/// The rating R of a line with this delay from mouth to ear and this share of lost packets, at most 93.2. It may be below 0.
pub(super) fn rating(delay_ms: f64, loss: f64) -> f64 {
    let loss = loss * 100.0;
    let late = (delay_ms - LATE_MS).max(0.0);
    R_MAX - PER_MS * delay_ms - PER_LATE_MS * late - LOSS_COST_MAX * loss / (loss + ROBUSTNESS)
}

/// The mean opinion score that a rating stands for (G.107, annex B), from 1 (bad) to 4.5.
pub(super) fn score(rating: f64) -> f64 {
    let r = rating.clamp(0.0, 100.0);
    // The cubic dips below 1 where R is under 6.5.
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_scores_are_those_of_the_recommendation() {
        // G.107, table B.1, and its R of 93.2 for all defaults.
        for (rating, expected) in
            [(93.2, 4.41), (90.0, 4.34), (80.0, 4.02), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58), (0.0, 1.0)]
        {
            assert!((score(rating) - expected).abs() < 0.006, "{rating}: {}", score(rating));
        }
        assert!((score(-20.0) - 1.0).abs() < 1e-9 && (score(3.0) - 1.0).abs() < 1e-9);
        assert!((score(120.0) - 4.5).abs() < 1e-9);
    }

    #[test]
    fn delay_and_loss_cost_what_the_model_says() {
        for (delay, loss, expected) in [
            (0.0, 0.0, 93.2),
            (100.0, 0.0, 90.8),
            (177.3, 0.0, 88.9448),
            (277.3, 0.0, 75.5448),
            // 95 × 1 ÷ 26.1, and 95 × 5 ÷ 30.1.
            (0.0, 0.01, 89.5602),
            (0.0, 0.05, 77.4193),
        ] {
            let rating = rating(delay, loss);
            assert!((rating - expected).abs() < 1e-3, "{delay} ms, {loss}: {rating}");
        }
    }

    proptest! {
        /// What gets worse is never scored better.
        #[test]
        fn worse_is_never_better(
            delay in 0.0..2000.0_f64, more_delay in 0.0..1000.0_f64,
            loss in 0.0..1.0_f64, more_loss in 0.0..1.0_f64,
        ) {
            let good = score(rating(delay, loss));
            let bad = score(rating(delay + more_delay, (loss + more_loss).min(1.0)));
            prop_assert!(bad <= good + 1e-12, "{good} and then {bad}");
            prop_assert!((1.0..=4.5).contains(&good));
        }
    }
}
