//! The likelihoods: how each mode of failure shows in a check, how a check fails by itself, and how a
//! practice fails on its own.
//!
//! A check's result is explained by the *worst* thing on its path. Every number here is a natural logarithm
//! of a probability ("nats"). They are set by what the modes are, not fitted to scenarios: a dead component
//! lets one result in fifty through, a check fails by itself once in two hundred askings, and then its next
//! asking fails again one time in four.

use super::evidence::{CLASSES, Class};
use super::tallies::UNSURE_MS;
use super::topology::{ProbeFacts, SORTS, Sort};

/// How a component fails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// Nothing passes.
    Total,
    /// It sends every connection back. Shows in checks that open one only.
    Refused,
    /// It sends everything back, datagrams too.
    Rejected,
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
    /// It passes late, and loses some.
    Brownout,
    /// It passes late, and loses many: a concentrator at its limit.
    Saturated,
    /// New connections starve, datagrams pass: a session table that is full. Shows in checks that open one.
    Streams,
    /// Small answers pass, large ones don't: a path MTU that nobody reports. Shows in checks with large answers.
    Large,
    /// Each asking fails with this chance, in this way.
    Partial(f64, Shape),
    /// This share of the practices behind it fails in this way, the others are fine.
    Sticky(f64, Shape),
    /// The machine that asks for everybody is cut off: every check of everybody fails with it.
    SharedMachine,
}

/// Checks in which a mode shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shows {
    Everywhere,
    /// Those that open a connection.
    Streams,
    Tls,
    /// Those with large answers.
    Large,
    /// Those that look a name up.
    Named,
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

/// P(class | mode), by [`Class`] in its order: ok, slow, reach, stalled, refused, dns, dns time-out, tls,
/// content, policy. What is late is no result of its own ([`seen_by`]).
type Shares = [f64; CLASSES];

const DEAD: Shares = [THROUGH, 0.01, 0.55, 0.08, 0.05, 0.04, 0.23, 0.01, 0.009, 0.001, 0.0];
const REFUSING: Shares = [THROUGH, 0.005, 0.04, 0.03, 0.85, 0.02, 0.01, 0.01, 0.014, 0.001, 0.0];
const INTERCEPTING: Shares = [THROUGH, 0.01, 0.02, 0.02, 0.02, 0.005, 0.005, 0.88, 0.019, 0.001, 0.0];
const NAMELESS: Shares = [THROUGH, 0.005, 0.02, 0.002, 0.005, 0.60, 0.338, 0.005, 0.004, 0.001, 0.0];
const WRONG: Shares = [THROUGH, 0.04, 0.05, 0.05, 0.05, 0.01, 0.01, 0.06, 0.705, 0.005, 0.0];
const OPEN: Shares = [THROUGH, 0.005, 0.008, 0.002, 0.005, 0.002, 0.002, 0.002, 0.004, 0.95, 0.0];
const SLUGGISH: Shares = [0.25, 0.62, 0.05, 0.05, 0.005, 0.005, 0.01, 0.005, 0.004, 0.001, 0.0];
const BROWN: Shares = [0.42, 0.38, 0.12, 0.05, 0.01, 0.005, 0.008, 0.003, 0.003, 0.001, 0.0];
const SATURATED: Shares = [0.20, 0.40, 0.235, 0.05, 0.02, 0.01, 0.08, 0.003, 0.0015, 0.0005, 0.0];
const STARVED: Shares = [0.15, 0.02, 0.42, 0.12, 0.24, 0.005, 0.005, 0.03, 0.009, 0.001, 0.0];
/// Of a check that fails by itself: bad luck looks like most things.
const LUCK: Shares = [0.0, 0.0, 0.50, 0.08, 0.08, 0.06, 0.18, 0.02, 0.06, 0.02, 0.0];
const STALLING: Shares = [0.03, 0.02, 0.02, 0.90, 0.01, 0.003, 0.003, 0.008, 0.005, 0.001, 0.0];

impl Mode {
    fn shares(self) -> Shares {
        match self {
            Self::Total | Self::SharedMachine => DEAD,
            Self::Brownout => BROWN,
            Self::Saturated => SATURATED,
            Self::Streams => STARVED,
            Self::Large => STALLING,
            Self::Sticky(_, shape) => shape.shares(),
            Self::Refused | Self::Rejected => REFUSING,
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
        let shares = self.shares();
        let ok = shares[Class::Ok as usize].ln();
        let by_class = SORTS_ALL.map(|sort| seen_by(&shares, sort).map(f64::ln));
        LogShares {
            by_class,
            ok,
            spares: matches!(self, Self::Partial(..)),
            early: self.stays() || self.shows_at_once(),
            delays: self.slow(),
            unsure_ms: if self.stays() { UNSURE_MS } else { 0 },
        }
    }

    /// In which checks it shows.
    pub const fn shows(self) -> Shows {
        match self {
            Self::Tls => Shows::Tls,
            Self::Large => Shows::Large,
            Self::Streams
            | Self::Refused
            | Self::Partial(_, Shape::Refusing)
            | Self::Sticky(_, Shape::Refusing) => Shows::Streams,
            Self::Dns | Self::Partial(_, Shape::Nameless) | Self::Sticky(_, Shape::Nameless) => Shows::Named,
            _ => Shows::Everywhere,
        }
    }

    /// Whether a check of this kind can show it at all.
    pub const fn shows_in(self, probe: &ProbeFacts) -> bool {
        match self.shows() {
            Shows::Everywhere => true,
            Shows::Streams => probe.stream,
            Shows::Tls => probe.tls,
            Shows::Large => probe.large,
            Shows::Named => probe.named,
        }
    }

    /// A row that is hit stays hit until it is mended: it doesn't answer now and then.
    pub const fn stays(self) -> bool {
        self.uniform() || matches!(self, Self::Sticky(..))
    }

    /// What it fails, it fails at once, so that good answers come no sooner than bad ones.
    const fn shows_at_once(self) -> bool {
        matches!(self, Self::Partial(_, Shape::Refusing | Shape::Wrong))
    }

    /// It passes, but late.
    pub const fn slow(self) -> bool {
        matches!(self, Self::Slow | Self::Brownout | Self::Saturated | Self::Sticky(_, Shape::Sluggish))
    }

    /// Everything behind it is hit alike, so one good answer speaks against it.
    pub const fn uniform(self) -> bool {
        !matches!(self, Self::Partial(..) | Self::Sticky(..) | Self::Streams) && !self.slow()
    }
}

const SORTS_ALL: [Sort; SORTS] = [Sort::Lookup, Sort::Bare, Sort::Stream];

/// Whether a check of this sort can fail like that.
const fn can_show(sort: Sort, class: Class) -> bool {
    match sort {
        Sort::Lookup => {
            matches!(class, Class::Refused | Class::Dns | Class::DnsTimeout | Class::Content)
        }
        Sort::Bare => matches!(class, Class::Reach | Class::Refused | Class::Content | Class::Policy),
        Sort::Stream => !matches!(class, Class::Ok | Class::Slow | Class::Late),
    }
}

/// Classes that an asking is late before.
const LATE_FIRST: [Class; 4] = [Class::Slow, Class::Reach, Class::Stalled, Class::DnsTimeout];

/// Shares as a check of this sort sees them: what it can't show shows as what it can. What is late may come to be all that keeps
/// an asker waiting, so its share is theirs together: of something dead and of something slow it says the same.
fn seen_by(shares: &Shares, sort: Sort) -> Shares {
    const FAILING: [Class; 8] = [
        Class::Reach,
        Class::Stalled,
        Class::Refused,
        Class::Dns,
        Class::DnsTimeout,
        Class::Tls,
        Class::Content,
        Class::Policy,
    ];
    let failing: f64 = FAILING.iter().map(|class| shares[*class as usize]).sum();
    let shown: f64 =
        FAILING.iter().filter(|class| can_show(sort, **class)).map(|class| shares[*class as usize]).sum();
    let mut seen = *shares;
    for class in FAILING {
        // What should be impossible is only very odd: kinds of probe differ in what they call things.
        let share = &mut seen[class as usize];
        *share = if can_show(sort, class) { *share * failing / shown } else { failing * ODD };
    }
    seen[Class::Late as usize] = LATE_FIRST.iter().map(|class| seen[*class as usize]).sum();
    seen
}

/// Share of the failures of a sort of check that look like what it shouldn't be able to show.
const ODD: f64 = 1e-3;

/// log P(class | the check fails by itself), by sort of check and class.
#[derive(Debug, Clone, Copy)]
pub struct Luck([[f64; CLASSES]; SORTS]);

impl Luck {
    pub fn new() -> Self {
        Self(SORTS_ALL.map(|sort| seen_by(&LUCK, sort).map(f64::ln)))
    }

    pub const fn of(&self, sort: Sort, class: Class) -> f64 {
        self.0[sort as usize][class as usize]
    }
}

/// Beside a reason that is likelier by more (nats), bad luck adds nothing.
const LUCK_COUNTS: f64 = -4.0;

/// Logarithms of P(class | mode), by sort of check and class.
#[derive(Debug, Clone, Copy)]
pub struct LogShares {
    by_class: [[f64; CLASSES]; SORTS],
    ok: f64,
    spares: bool,
    early: bool,
    delays: bool,
    unsure_ms: i64,
}

impl LogShares {
    /// What passes, passes late.
    pub const fn delays(&self) -> bool {
        self.delays
    }

    pub const fn of(&self, sort: Sort, class: Class) -> f64 {
        self.by_class[sort as usize][class as usize]
    }

    /// Of a failure that has two reasons: the mode, and if that has spared it, bad luck. Of a mode that takes little, the
    /// second counts: a loss of one in sixty shows in checks of which one in two hundred fails by itself.
    pub fn or_luck(&self, reason: f64, luck: f64) -> f64 {
        let besides = self.ok + luck - reason;
        if self.spares && besides > LUCK_COUNTS { reason + besides.exp().ln_1p() } else { reason }
    }

    /// Of a good answer.
    pub const fn ok(&self) -> f64 {
        self.ok
    }

    /// Of a good answer to a question so young that a lost one isn't known to be lost yet. Good answers come at
    /// once and losses a time-out later, so the youngest always look better than they are: about a mode that lets some
    /// through and loses others, neither they nor what failed at once say anything.
    pub const fn early_ok(&self) -> f64 {
        if self.early { self.ok } else { 0.0 }
    }

    /// How long after an onset good answers aren't charged. To what takes all, each is so much evidence against it that
    /// one which was asked just before would acquit it; what lets most through is used to them, and on a large estate a
    /// second without them would make a fault of any handful of bad luck.
    pub const fn unsure_ms(&self) -> i64 {
        self.unsure_ms
    }

    /// The youngest results say something about it.
    pub const fn early(&self) -> bool {
        self.early
    }
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
        Own::Dark | Own::Out(_) | Own::Lossy(_) => 3e-5_f64.ln(),
        Own::Silent => 3e-4_f64.ln(),
        Own::Intercepted(_) => 1e-5_f64.ln(),
    }
}

/// log P(a failure of its own is over within the time that evidence counts).
pub const WAS: f64 = -0.7;
/// log P(a failure that people were told of goes on), whichever way it shows now …
pub const GOES_ON: f64 = -1.5;
/// … and that it has just ended.
pub const HAS_ENDED: f64 = -6.0;
/// Rate of loss of a lossy site.
pub const LOSSY: f64 = 0.4;
/// log P(the agent is overdue | nothing is the matter), before that has been learned: now and then one holds its
/// reports back for a moment …
pub const LATE_BY_ITSELF: f64 = -8.0;
/// … but hardly ever for longer.
pub const SILENT_BY_ITSELF: f64 = -16.0;
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
    log_sum_exp_of(terms.iter().copied())
}

/// The same of terms that are worked out on the way, twice.
pub fn log_sum_exp_of(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let max = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY {
        return max;
    }
    let sum: f64 = terms
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
            Mode::Rejected,
            Mode::Tls,
            Mode::Dns,
            Mode::Content,
            Mode::Policy,
            Mode::Slow,
            Mode::Brownout,
            Mode::Saturated,
            Mode::Streams,
            Mode::Large,
            Mode::Partial(0.3, Shape::Dead),
        ];
        for mode in modes {
            let sum: f64 = mode.shares().iter().sum();
            assert!((sum - 1.0).abs() < 1e-9, "{mode:?} sums to {sum}");
        }
    }

    #[test]
    fn what_is_late_does_not_tell_what_is_dead_from_what_is_slow() {
        let late = |mode: Mode| mode.row().of(Sort::Stream, Class::Late);
        let (dead, slow) = (late(Mode::Total), late(Mode::Slow));
        assert!((dead - slow).abs() < 0.5 && dead.max(slow) < 0.0, "{dead} and {slow}");
        assert!(late(Mode::Refused) < dead - 2.0, "what refuses does so at once");
    }

    #[test]
    fn sums_of_tiny_chances_do_not_vanish() {
        let sum = log_sum_exp(&[-1000.0, -1000.0]);
        assert!((sum - (-1000.0 + 2_f64.ln())).abs() < 1e-9);
        assert!(log_sum_exp(&[f64::NEG_INFINITY]).is_infinite());
    }
}
