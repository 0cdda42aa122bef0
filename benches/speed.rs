//! What one observation and one evaluation cost, at the size of a county, of England, and sixteen times that:
//! 175, 6,200 and 100,000 practices with 12 checks each, healthy (.5 % of the askings fail for no reason, in every
//! state), with one ICB's firewall down, and with every check failing now and then. `cargo bench --bench speed`, or
//! `… -- 175 6200` for some sizes only and `… -- 175 healthy firewall partial` for some states only.
//!
//! A plain harness: what counts is the slowest of a hundred, which means are blind to. Beside each stand the
//! memory that the correlator holds, and the bare pass: the least that any program must do to look at all checks
//! once, a sum over their last results.
//!
//! The estate has ICBs of about 150 practices, each with a firewall of its own, behind carriers that they share.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use linewatch::correlate::{Correlator, WakeReason};
use linewatch::estate::{Component, ComponentIx, Estate, Practice, RoleUse};
use linewatch::observation::{Failure, Observation, Phase};
use linewatch::time::At;
use linewatch::world::dice::{mix, unit};
use linewatch::world::estates::{Plan, build};
use linewatch::world::virtual_time::blank;

const SIZES: [usize; 3] = [175, 6_200, 100_000];
const EVERY_MS: i64 = 30_000;
/// How long a good answer takes.
const ANSWER_MS: i64 = 40;
/// Practices behind one firewall, about as many as an ICB has.
const ICB_PRACTICES: usize = 150;
const CARRIERS: usize = 12;
/// Healthy rounds before anything is measured, so that the correlator knows what is usual.
const ROUNDS: i64 = 3;
/// Share of the askings that fail for no reason …
const NOISE: f64 = 0.005;
/// … and when everything is partial.
const PARTIAL: f64 = 0.2;
/// Evaluations timed in each state, and observations.
const EVALUATIONS: usize = 200;
const OBSERVATIONS: usize = 200_000;
/// … but no more evaluations are begun in one state after so long; how many there were is printed.
const BUDGET: Duration = Duration::from_secs(30);
/// Rounds before anything is timed: those, and one in the state that is measured, so that all has been asked in it.
const TIMED_FROM: i64 = ROUNDS + 1;
/// A prime: from one asking to the next, so that practices and probes are asked in no order, as agents do.
const SCATTER: usize = 1_000_003;
/// Rounds at most.
const ROUNDS_MAX: i64 = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Healthy,
    FirewallDown,
    AllPartial,
}

impl State {
    const ALL: [Self; 3] = [Self::Healthy, Self::FirewallDown, Self::AllPartial];

    fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::FirewallDown => "one ICB's firewall down",
            Self::AllPartial => "every check partial",
        }
    }

    /// What picks it on the command line.
    fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::FirewallDown => "firewall",
            Self::AllPartial => "partial",
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let named: Vec<usize> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let sizes: Vec<usize> = match (named.is_empty(), arguments.is_empty()) {
        (false, _) => named,
        // `cargo test` calls it without arguments: enough to see that it runs.
        (true, true) => vec![12],
        (true, false) => SIZES.to_vec(),
    };
    println!(
        "| practices × checks | state | observation mean | p99 | evaluation mean | p99 | of | × bare pass | resident |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut whole: Vec<(usize, Duration)> = Vec::new();
    for practices in sizes {
        let began = Instant::now();
        let estate = Arc::new(estate(practices));
        let built = began.elapsed();
        let before = resident_kib();
        let began = Instant::now();
        drop(Correlator::new(Arc::clone(&estate)));
        let started = began.elapsed();
        let bare = bare_pass(practices * estate.probes.len());
        let picked = |state: &State| arguments.iter().any(|argument| argument == state.word());
        let all = !State::ALL.iter().any(picked);
        for state in State::ALL.into_iter().filter(|state| all || picked(state)) {
            let figures = measure(&estate, state, before);
            println!(
                "| {practices} × {} | {} | {} | {} | {} | {} | {} | {:.0} | {} |",
                estate.probes.len(),
                state.name(),
                length(figures.observation.0),
                length(figures.observation.1),
                length(figures.evaluation.0),
                length(figures.evaluation.1),
                figures.evaluated,
                figures.evaluation.0.as_secs_f64() / bare.as_secs_f64().max(1e-12),
                mib(figures.memory_kib),
            );
            if state == State::FirewallDown {
                whole.push((practices, figures.evaluation.0));
            }
        }
        eprintln!(
            "{practices} practices: estate built in {}, correlator made in {}, bare pass {}",
            length(built),
            length(started),
            length(bare)
        );
    }
    for pair in whole.windows(2) {
        let [(fewer, quicker), (more, slower)] = pair else { continue };
        let times = *more as f64 / *fewer as f64;
        let cost = slower.as_secs_f64() / quicker.as_secs_f64().max(1e-12);
        println!(
            "\nFrom {fewer} to {more} practices ({times:.1} times as many), an evaluation with a firewall down costs \
             {cost:.1} times as much: it grows with the power {:.2}.",
            cost.ln() / times.ln()
        );
    }
}

/// Twelve checks at each of so many practices; what practices share is dealt out in blocks, as counties are.
fn estate(practices: usize) -> Estate {
    let plan = Plan { practices: 1, carriers: 0, firewalls: 0, ..Plan::default() };
    let mut estate = build(&plan);
    let mut add = |kind: &str, id: String| {
        let ix = ComponentIx::new(estate.components.len());
        estate.components.push(Component {
            name: id.clone(),
            id,
            kind: kind.to_owned(),
            owner: None,
            contact: None,
            target_percent: None,
            addresses: Vec::new(),
        });
        ix
    };
    let carriers: Vec<ComponentIx> = (0..CARRIERS).map(|n| add("carrier", format!("carrier-{n}"))).collect();
    let firewalls: Vec<ComponentIx> =
        (0..practices.div_ceil(ICB_PRACTICES)).map(|n| add("firewall", format!("fw-{n}"))).collect();
    let role = |role: &str, ix: ComponentIx| RoleUse { role: role.to_owned(), any: vec![ix] };
    estate.practices = (0..practices)
        .map(|n| {
            // The first carriers have most practices.
            let throw = unit(mix(0xCA, n as u64));
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to CARRIERS")]
            let carrier = (throw * throw * CARRIERS as f64) as usize;
            Practice {
                id: format!("P{n:06}"),
                name: format!("Practice {n}"),
                postcode: None,
                list_size: None,
                email: Vec::new(),
                source: None,
                via: vec![role("carrier", carriers[carrier]), role("firewall", firewalls[n / ICB_PRACTICES])],
                through: Vec::new(),
            }
        })
        .collect();
    estate
}

/// Whether an asking fails; which by noise differs from one round (`salt`) to the next.
fn fails(estate: &Estate, state: State, practice: usize, probe: usize, salt: u64) -> bool {
    let throw = unit(mix(mix(mix(0x9A, salt), practice as u64), probe as u64));
    match state {
        State::Healthy => throw < NOISE,
        State::FirewallDown => {
            let internet = estate.networks[estate.probes[probe].network.at()].id == "internet";
            practice < ICB_PRACTICES && internet || throw < NOISE
        }
        State::AllPartial => throw < PARTIAL,
    }
}

/// An asking, ordered by when its answer arrives: at once, or, when it fails, a time-out later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Asking {
    arrival: At,
    at: At,
    practice: usize,
    probe: usize,
    failed: bool,
}

impl Asking {
    fn new(estate: &Estate, at: At, practice: usize, probe: usize, failed: bool) -> Self {
        let timeout_ms = i64::try_from(estate.probes[probe].timeout.as_millis()).unwrap_or(0);
        let arrival = at.plus_millis(if failed { timeout_ms } else { ANSWER_MS });
        Self { arrival, at, practice, probe, failed }
    }

    /// Writes it over the last: no allocation that the stream itself wouldn't make.
    fn write(self, estate: &Estate, into: &mut Observation) {
        into.at = self.at;
        into.practice.clone_from(&estate.practices[self.practice].id);
        into.probe.clone_from(&estate.probes[self.probe].id);
        into.ok = !self.failed;
        into.failure = self.failed.then_some(Failure::Timeout);
        into.phase = self.failed.then_some(Phase::Connect);
        into.ms = self.arrival.millis_since(self.at) as f64;
    }
}

/// What is timed in one state.
#[derive(Default)]
struct Timed {
    evaluations: Vec<Duration>,
    observations: Vec<Duration>,
    begun: Option<Instant>,
}

impl Timed {
    fn enough(&self, checks: usize) -> bool {
        self.evaluations.len() >= EVALUATIONS && self.observations.len() >= OBSERVATIONS.min(checks)
            || self.begun.is_some_and(|begun| begun.elapsed() > BUDGET)
    }

    /// Hands one observation over, and times it and the evaluations before it.
    fn hand_over(&mut self, correlator: &mut Correlator, arrival: At, seen: &Observation) {
        self.begun.get_or_insert_with(Instant::now);
        evaluate(correlator, arrival, &mut self.evaluations);
        let clock = Instant::now();
        black_box(correlator.observe(arrival, seen));
        if self.observations.len() < OBSERVATIONS {
            self.observations.push(clock.elapsed());
        }
    }
}

/// Every check once in each round, evenly spread. Rounds go on until enough was timed; healthy ones come first.
fn measure(estate: &Arc<Estate>, state: State, before_kib: u64) -> Figures {
    let mut correlator = Correlator::new(Arc::clone(estate));
    let start = At::from_millis(1_773_644_400_000);
    let timed_from = start.plus_millis(TIMED_FROM * EVERY_MS);
    let checks = estate.practices.len() * estate.probes.len();
    let mut seen = blank();
    let mut timed = Timed::default();
    let mut pending: BinaryHeap<Reverse<Asking>> = BinaryHeap::new();
    'rounds: for round in 0..ROUNDS_MAX {
        let shown = if round < ROUNDS { State::Healthy } else { state };
        for asked in 0..checks {
            let check = asked * SCATTER % checks;
            let (probe, practice) = (check / estate.practices.len(), check % estate.practices.len());
            let offset_ms = i64::try_from(asked * 30_000 / checks).unwrap_or(0);
            let at = start.plus_millis(round * EVERY_MS + offset_ms);
            let failed = fails(estate, shown, practice, probe, round.unsigned_abs());
            pending.push(Reverse(Asking::new(estate, at, practice, probe, failed)));
            while let Some(Reverse(due)) = pending.peek().copied().filter(|due| due.0.arrival <= at) {
                pending.pop();
                due.write(estate, &mut seen);
                if due.arrival < timed_from {
                    correlator.advance(due.arrival);
                    correlator.observe(due.arrival, &seen);
                } else {
                    timed.hand_over(&mut correlator, due.arrival, &seen);
                }
                while correlator.poll_event().is_some() {}
            }
            if timed.enough(checks) {
                break 'rounds;
            }
        }
    }
    let evaluated = timed.evaluations.len();
    Figures {
        observation: mean_and_p99(timed.observations),
        evaluation: mean_and_p99(timed.evaluations),
        evaluated,
        memory_kib: resident_kib().saturating_sub(before_kib),
    }
}

/// Mean and 99th percentile of each, and memory above what the process held before.
struct Figures {
    observation: (Duration, Duration),
    evaluation: (Duration, Duration),
    evaluated: usize,
    memory_kib: u64,
}

/// Fires the timers until `due` one by one, and notes how long each evaluation took.
fn evaluate(correlator: &mut Correlator, due: At, lengths: &mut Vec<Duration>) {
    while let Some((at, reason)) = correlator.next_wake().filter(|(at, _)| *at <= due) {
        let clock = Instant::now();
        correlator.advance(at);
        if reason == WakeReason::Evaluate {
            lengths.push(clock.elapsed());
        }
    }
    correlator.advance(due);
}

fn mean_and_p99(mut lengths: Vec<Duration>) -> (Duration, Duration) {
    lengths.sort_unstable();
    let count = u32::try_from(lengths.len()).unwrap_or(u32::MAX).max(1);
    let mean = lengths.iter().sum::<Duration>() / count;
    let p99 = lengths.get(lengths.len() * 99 / 100).copied().unwrap_or_default();
    (mean, p99)
}

/// The least that any evaluation must do: look at each check's last result once.
fn bare_pass(checks: usize) -> Duration {
    let results: Vec<f32> = (0..checks).map(|n| f32::from(u8::from(n % 97 == 0))).collect();
    let mut best = Duration::MAX;
    for _ in 0..50 {
        let clock = Instant::now();
        black_box(black_box(&results).iter().sum::<f32>());
        best = best.min(clock.elapsed());
    }
    best
}

/// What the process holds in memory now, in KiB; 0 where the system doesn't say.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

fn mib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}

fn length(of: Duration) -> String {
    match of.as_nanos() {
        0..10_000 => format!("{} ns", of.as_nanos()),
        10_000..10_000_000 => format!("{:.1} µs", of.as_secs_f64() * 1e6),
        _ => format!("{:.1} ms", of.as_secs_f64() * 1e3),
    }
}
