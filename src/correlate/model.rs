//! The likelihoods: how each mode of failure shows in a check, how a check fails by itself, and how a
//! practice fails on its own.
//!
//! A check's result is explained by the *worst* thing on its path. Every number here is a natural logarithm
//! of a probability ("nats"). They are set by what the modes are, not fitted to scenarios: a dead component
//! lets one result in fifty through, a check fails by itself once in two hundred askings, and then its next
//! asking fails again one time in four.

use crate::time::At;

use super::evidence::{CLASSES, Check, Class};
use super::topology::ProbeFacts;

/// How a component fails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// Nothing passes.
    Total,
    /// It sends every connection back. Shows in checks that open one only.
    Refused,
    /// It answers for others: TLS interception, block pages. Shows in TLS checks only.
    Tls,
    /// Names don't resolve. Shows in checks that look a name up only.
    Dns,
    /// It answers, wrongly.
    Content,
    /// Ports are open that must not be.
    Policy,
    /// It passes late.
    Slow,
    /// Each asking fails with this chance, in this way.
    Partial(f64, Shape),
    /// This share of the practices behind it fails in this way, the others are fine.
    Sticky(f64, Shape),
    /// This share of the practices behind it has failed, each in its own time.
    Rolling(f64),
    /// The machine that asks for everybody is cut off: every check of everybody fails with it.
    SharedMachine,
}

/// What a failed asking looks like, where not all fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Dead,
    Refusing,
    Nameless,
    Wrong,
    Sluggish,
}

impl Shape {
    const fn shares(self) -> Shares {
        match self {
            Self::Dead => DEAD,
            Self::Refusing => REFUSING,
            Self::Nameless => NAMELESS,
            Self::Wrong => WRONG,
            Self::Sluggish => SLUGGISH,
        }
    }
}

/// A dead thing lets this share of the results through.
const THROUGH: f64 = 0.02;

/// P(class | mode), by [`Class`] in its order: ok, slow, reach, refused, dns, dns time-out, tls, content, policy.
type Shares = [f64; CLASSES];

const DEAD: Shares = [THROUGH, 0.01, 0.60, 0.05, 0.04, 0.26, 0.01, 0.009, 0.001];
const REFUSING: Shares = [THROUGH, 0.005, 0.04, 0.88, 0.02, 0.01, 0.01, 0.014, 0.001];
const INTERCEPTING: Shares = [THROUGH, 0.01, 0.02, 0.02, 0.005, 0.005, 0.90, 0.019, 0.001];
const NAMELESS: Shares = [THROUGH, 0.005, 0.02, 0.005, 0.60, 0.34, 0.005, 0.004, 0.001];
const WRONG: Shares = [THROUGH, 0.04, 0.05, 0.05, 0.01, 0.01, 0.06, 0.755, 0.005];
const OPEN: Shares = [THROUGH, 0.005, 0.01, 0.005, 0.002, 0.002, 0.002, 0.004, 0.95];
const SLUGGISH: Shares = [0.25, 0.66, 0.06, 0.005, 0.005, 0.01, 0.005, 0.004, 0.001];

impl Mode {
    fn shares(self) -> Shares {
        match self {
            Self::Total | Self::Rolling(_) | Self::SharedMachine => DEAD,
            Self::Sticky(_, shape) => shape.shares(),
            Self::Refused => REFUSING,
            Self::Tls => INTERCEPTING,
            Self::Dns => NAMELESS,
            Self::Content => WRONG,
            Self::Policy => OPEN,
            Self::Slow => SLUGGISH,
            Self::Partial(rate, shape) => {
                let mut shares = shape.shares().map(|share| share / (1.0 - THROUGH) * rate);
                shares[Class::Ok as usize] = 1.0 - rate;
                shares
            }
        }
    }

    /// Logarithms of P(class | mode).
    pub fn row(self) -> LogShares {
        LogShares(self.shares().map(f64::ln))
    }

    /// Whether a check of this kind can show it at all.
    pub fn shows_in(self, probe: &ProbeFacts) -> bool {
        match self {
            Self::Tls => probe.tls,
            Self::Refused | Self::Partial(_, Shape::Refusing) | Self::Sticky(_, Shape::Refusing) => {
                probe.stream
            }
            Self::Dns | Self::Partial(_, Shape::Nameless) | Self::Sticky(_, Shape::Nameless) => probe.named,
            _ => true,
        }
    }

    /// It passes, but late.
    pub const fn slow(self) -> bool {
        matches!(self, Self::Slow | Self::Sticky(_, Shape::Sluggish))
    }

    /// Everything behind it is hit alike, so one good answer speaks against it.
    pub const fn uniform(self) -> bool {
        !matches!(self, Self::Partial(..) | Self::Sticky(..) | Self::Rolling(_) | Self::Slow)
    }
}

/// Logarithms of P(class | mode).
#[derive(Debug, Clone, Copy)]
pub struct LogShares([f64; CLASSES]);

impl LogShares {
    pub const fn of(&self, class: Class) -> f64 {
        self.0[class as usize]
    }
}

/// Results of a run that count at most: later ones of the same run are not news.
const RUN_COUNTED: u32 = 4;
/// Good answers of one check that count against a fault at most.
const OKS_COUNTED: i64 = 3;
/// Chance that a check which failed by itself fails by itself again: at once, and from then on.
const AGAIN: f64 = 0.25;
const AGAIN_LATER: f64 = 0.6;
/// A check is slower than usual by itself about this often.
const SLOW_LEAK: f64 = 0.01;

/// log P(run | nothing on the path has failed).
pub fn fine(check: &Check, fresh: bool) -> f64 {
    if !fresh || check.class == Class::Ok {
        return 0.0;
    }
    let leak = if check.class == Class::Slow { SLOW_LEAK } else { f64::from(check.leak) };
    let mut log = leak.ln();
    // A chronic check's failures repeat at its own rate, which may be higher.
    let again = AGAIN.max(leak).ln();
    let later = AGAIN_LATER.max(leak).ln();
    if check.run >= 2 {
        log += again;
    }
    log + f64::from(check.run.clamp(2, RUN_COUNTED) - 2) * later
}

/// log P(run | something on the path has failed that way since `since`).
pub fn failed(check: &Check, fresh: bool, shares: &LogShares, since: At, probe: &ProbeFacts) -> f64 {
    if !fresh {
        return 0.0;
    }
    if check.class.bad() {
        if check.run_since < since {
            return fine(check, true);
        }
        return f64::from(check.run.min(RUN_COUNTED)) * shares.of(check.class);
    }
    if check.last_at < since {
        return 0.0;
    }
    let span = check.last_at.millis_since(since.max(check.run_since));
    let oks = (1 + span / probe.every_ms).min(OKS_COUNTED).min(i64::from(check.run));
    #[expect(clippy::cast_possible_truncation, reason = "at most OKS_COUNTED")]
    let oks = f64::from(oks as i32);
    oks * shares.of(Class::Ok)
}

/// How a practice fails on its own. `Out` and `Lossy` name the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Own {
    Fine,
    /// Every network is out.
    Dark,
    Out(usize),
    /// A network that loses much of what crosses it.
    Lossy(usize),
    /// Nothing is heard: no power, or the agent died.
    Silent,
    /// Something at the site answers for others.
    Intercepted(usize),
}

/// Prior of each way in which a practice fails on its own, within the time that evidence counts.
pub fn own_prior(own: Own) -> f64 {
    match own {
        Own::Fine => 0.0,
        Own::Dark | Own::Out(_) => 1e-4_f64.ln(),
        Own::Lossy(_) => 2e-5_f64.ln(),
        Own::Silent => 3e-4_f64.ln(),
        Own::Intercepted(_) => 1e-5_f64.ln(),
    }
}

/// Rate of loss of a lossy site.
pub const LOSSY: f64 = 0.4;
/// log P(the agent is overdue | nothing is the matter).
pub const LATE_BY_ITSELF: f64 = -16.0;
/// log P(the agent is overdue | no network carries its reports).
pub const LATE_CUT_OFF: f64 = -0.02;
/// log P(the agent is heard | no network carries its reports). Where one machine asks for everybody (`run`),
/// reports always arrive, so hearing an agent says nothing against a dead line.
pub const HEARD_CUT_OFF: f64 = -0.1;
/// log P(the agent is heard | it is switched off).
pub const HEARD_SILENT: f64 = -12.0;

/// Terms this far below the largest add nothing that a verdict could notice.
const NEGLIGIBLE: f64 = -40.0;

/// log(Σ exp(x)), stable; minus infinity for no terms.
pub fn log_sum_exp(terms: &[f64]) -> f64 {
    let max = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY {
        return max;
    }
    let sum: f64 = terms
        .iter()
        .map(|term| term - max)
        .filter(|below| *below > NEGLIGIBLE)
        .map(|below| if below == 0.0 { 1.0 } else { below.exp() })
        .sum();
    max + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_each_mode_sum_to_one() {
        let modes = [
            Mode::Total,
            Mode::Refused,
            Mode::Tls,
            Mode::Dns,
            Mode::Content,
            Mode::Policy,
            Mode::Slow,
            Mode::Partial(0.3, Shape::Dead),
        ];
        for mode in modes {
            let sum: f64 = mode.shares().iter().sum();
            assert!((sum - 1.0).abs() < 1e-9, "{mode:?} sums to {sum}");
        }
    }

    #[test]
    fn sums_of_tiny_chances_do_not_vanish() {
        let sum = log_sum_exp(&[-1000.0, -1000.0]);
        assert!((sum - (-1000.0 + 2_f64.ln())).abs() < 1e-9);
        assert!(log_sum_exp(&[f64::NEG_INFINITY]).is_infinite());
    }
}
