//! How a practice fails on its own: its states are summed out, so that a shared fault has to beat "they
//! failed one by one", and a practice's own has to beat "something in common has failed".

use std::cmp::Reverse;

use crate::time::At;

use super::evidence::{Check, Evidence, KEPT};
use super::model::{
    GOES_ON, HAS_ENDED, HEARD_CUT_OFF, HEARD_SILENT, LATE_CUT_OFF, LOSSY, LogShares, Luck, Mode, Own,
    SILENT_BY_ITSELF, Shape, WAS, log_sum_exp, log_sum_exp_of, own_prior,
};
use super::tallies::{Grid, UNSURE_MS};
use super::topology::{ProbeFacts, Row, Topology};
use super::window::{Piece, Pieces, Span};

/// Onsets of a row's own failure that are tried.
const ONSETS_MAX: usize = 3;

/// How bad luck looks, and what a row's own failures do.
pub struct Looks {
    pub luck: Luck,
    dead: LogShares,
    lossy: LogShares,
    intercepted: LogShares,
}

impl Looks {
    pub fn new() -> Self {
        Self {
            luck: Luck::new(),
            dead: Mode::Total.row(),
            lossy: Mode::Partial(LOSSY, Shape::Dead).row(),
            intercepted: Mode::Tls.row(),
        }
    }
}

/// log P(checks of a network | it has failed in each of the ways that take one network).
struct OwnLogs {
    out: f64,
    lossy: f64,
    intercepted: f64,
}

/// One way in which a row may have failed on its own.
#[derive(Debug, Clone, Copy)]
pub struct State {
    pub own: Own,
    /// The network that it takes; `None`: all.
    pub network: Option<usize>,
    /// log P(the checks that it takes | it).
    pub log: f64,
    pub span: Span,
}

impl State {
    /// It is over.
    const fn was(&self) -> bool {
        self.span.until.is_some()
    }

    /// `told`: people were told that the row has failed.
    fn prior(&self, told: bool) -> f64 {
        match (told, self.was()) {
            (true, true) => HAS_ENDED,
            (true, false) => GOES_ON,
            (false, was) => own_prior(self.own) + if was { WAS } else { 0.0 },
        }
    }
}

/// What is known of a row in which something is bad.
#[derive(Debug)]
pub struct Dirty {
    pub row: Row,
    /// Newest first.
    pub pieces: Vec<Piece>,
    /// log P(checks of the network | nothing has failed), by network …
    luck: Vec<f64>,
    /// … and given what has been chosen so far.
    base: Vec<f64>,
    states: Vec<State>,
    pub late: bool,
    /// log P(it is overdue | nothing is the matter).
    late_by_itself: f64,
    /// The report that didn't come was due by then, when it is late.
    pub due: At,
    /// People were told that it has failed by itself.
    pub told: bool,
    /// What has been chosen cuts its reports off.
    pub cut: bool,
    /// log Σ of the states that take all networks, of those that did, and by network of those that take one.
    dark: f64,
    was_dark: f64,
    out: Vec<f64>,
    /// What has been chosen taken into account.
    sums: Sums,
}

/// log Σ of a row's own states, grouped by what supposing more would explain beside them; reports left out.
#[derive(Debug, Default)]
struct Sums {
    /// All of it: it is fine …
    fine: f64,
    /// … or its agent is.
    silent: f64,
    /// By network: the states that take that one, with what isn't on it.
    elsewhere: Vec<f64>,
    /// All together, reports included.
    all: f64,
}

impl Dirty {
    /// Works out a bad row's own states. They don't depend on what is chosen. `None`: nothing bad counts there any
    /// more.
    pub fn of(
        row: Row,
        topology: &Topology,
        evidence: &Evidence,
        now: At,
        looks: &Looks,
        grid: &Grid,
        told: bool,
    ) -> Option<Self> {
        let hearing = &evidence.hearings[row as usize];
        let first = topology.check(row, 0);
        let checks: &[Check] = &evidence.checks[first..first + topology.probes.len()];
        let mut pieces = Vec::with_capacity(checks.len() * KEPT);
        for ((check, facts), probe) in checks.iter().zip(&topology.probes).zip(0..) {
            pieces.extend_from_slice(Pieces::of(check, now, (probe, facts), &looks.luck, grid).as_slice());
        }
        pieces.sort_unstable_by_key(|piece| (Reverse(piece.from), piece.probe));
        let mut onsets: Vec<At> =
            pieces.iter().rev().filter(|piece| piece.class.bad()).map(|piece| piece.from).collect();
        onsets.dedup();
        if onsets.is_empty() && !hearing.late {
            return None;
        }
        let mut luck = vec![0.0; topology.networks];
        for piece in &pieces {
            luck[topology.probes[piece.probe as usize].network] += piece.luck;
        }
        let mut dirty = Self {
            row,
            pieces,
            base: luck.clone(),
            luck,
            states: Vec::new(),
            late: hearing.late,
            late_by_itself: if hearing.silent { SILENT_BY_ITSELF } else { evidence.lateness.log() },
            due: evidence.due(row),
            told,
            cut: false,
            dark: 0.0,
            was_dark: 0.0,
            out: Vec::new(),
            sums: Sums::default(),
        };
        dirty.work_out(&onsets, topology, looks, evidence);
        let states = |of: &dyn Fn(&State) -> bool| {
            let logs = dirty.states.iter().filter(|state| of(state));
            log_sum_exp_of(logs.map(|state| state.prior(told) + state.log))
        };
        dirty.dark = states(&|state| state.network.is_none() && !state.was());
        dirty.was_dark = states(&|state| state.network.is_none() && state.was());
        dirty.out =
            (0..topology.networks).map(|network| states(&|state| state.network == Some(network))).collect();
        dirty.sum_up();
        Some(dirty)
    }

    /// `onsets`: by rising time, each once.
    fn work_out(&mut self, onsets: &[At], topology: &Topology, looks: &Looks, evidence: &Evidence) {
        // Of the hub's own line nobody is told that it is lossy: it is its reports that matter.
        let is_hub = self.row == topology.hub();
        // The earliest, and later ones: a chronic check must not hide a new fault.
        let tried = onsets.len().min(ONSETS_MAX);
        for since in (0..tried).map(|nth| onsets[nth * onsets.len() / tried]) {
            let on = Span::since(since);
            let logs = self.logs_by_network(topology, looks, on);
            // What practices report crosses the hub's own lines as its checks do.
            let reports = |network| {
                let heard =
                    if is_hub { evidence.heard_since(since.plus_millis(UNSURE_MS), network) } else { 0 };
                f64::from(heard) * looks.dead.ok()
            };
            for (network, log) in logs.iter().enumerate() {
                self.offer(Own::Out(network), Some(network), log.out + reports(Some(network)), on);
                if !is_hub {
                    self.offer(Own::Lossy(network), Some(network), log.lossy, on);
                    self.offer(Own::Intercepted(network), Some(network), log.intercepted, on);
                }
                if let Some(until) = self.over(topology, Some(network), since) {
                    let was = Span { since, until: Some(until) };
                    let log = self.logs_by_network(topology, looks, was)[network].out;
                    self.offer(Own::Out(network), Some(network), log, was);
                }
            }
            self.offer(Own::Dark, None, logs.iter().map(|log| log.out).sum::<f64>() + reports(None), on);
            if let Some(until) = self.over(topology, None, since) {
                let was = Span { since, until: Some(until) };
                let logs = self.logs_by_network(topology, looks, was);
                self.offer(Own::Dark, None, logs.iter().map(|log| log.out).sum(), was);
            }
        }
        if self.late && !self.states.iter().any(|state| state.own == Own::Dark && !state.was()) {
            self.offer(Own::Dark, None, 0.0, Span::since(evidence.hearings[self.row as usize].last));
        }
    }

    /// log P(checks of a network | it has failed in each way through a span), by network.
    fn logs_by_network(&self, topology: &Topology, looks: &Looks, span: Span) -> Vec<OwnLogs> {
        let nothing = |luck: &f64| OwnLogs { out: *luck, lossy: *luck, intercepted: *luck };
        let mut logs: Vec<OwnLogs> = self.luck.iter().map(nothing).collect();
        for piece in self.pieces.iter().take_while(|piece| piece.from >= span.since) {
            let facts = &topology.probes[piece.probe as usize];
            let log = &mut logs[facts.network];
            log.out += piece.gain_through(span, &looks.dead);
            log.lossy += piece.gain_through(span, &looks.lossy);
            if Mode::Tls.shows_in(facts) {
                log.intercepted += piece.gain_through(span, &looks.intercepted);
            }
        }
        logs
    }

    /// Keeps the best onset of each state.
    fn offer(&mut self, own: Own, network: Option<usize>, log: f64, span: Span) {
        let new = State { own, network, log, span };
        match self.states.iter_mut().find(|known| known.own == own && known.was() == new.was()) {
            Some(known) if known.log >= log => {}
            Some(known) => *known = new,
            None => self.states.push(new),
        }
    }

    fn of_network<'a>(
        &'a self,
        topology: &'a Topology,
        network: Option<usize>,
    ) -> impl Iterator<Item = (&'a ProbeFacts, &'a Piece)> {
        self.pieces
            .iter()
            .map(|piece| (&topology.probes[piece.probe as usize], piece))
            .filter(move |(facts, _)| network.is_none_or(|network| facts.network == network))
    }

    /// When what failed since `since` was over, if good answers came after the last failure.
    fn over(&self, topology: &Topology, network: Option<usize>, since: At) -> Option<At> {
        let (mut bad, mut good) = (None, None);
        for (_, piece) in self.of_network(topology, network).take_while(|(_, piece)| piece.from >= since) {
            let last = if piece.class.bad() { &mut bad } else { &mut good };
            *last = (*last).max(Some(piece.to));
        }
        let (bad, good) = (bad?, good?);
        (good > bad).then(|| bad.plus_millis(1))
    }

    /// Nothing is chosen.
    pub fn rest(&mut self) {
        for piece in &mut self.pieces {
            piece.rest();
        }
        self.base.clone_from(&self.luck);
        self.cut = false;
        self.sum_up();
    }

    /// Takes what a mode explains of what was asked within a span as given. `shown`: in which probes; `networks`: by
    /// probe.
    pub fn suppose(
        &mut self,
        shares: &LogShares,
        span: Span,
        shown: impl Fn(u32) -> bool,
        networks: &[usize],
        cut: bool,
    ) {
        for piece in self.pieces.iter_mut().take_while(|piece| piece.from >= span.since) {
            if shown(piece.probe) {
                self.base[networks[piece.probe as usize]] += piece.suppose_through(span, shares);
            }
        }
        self.cut |= cut;
        self.sum_up();
    }

    /// What has been chosen cuts its reports off.
    pub fn cut_off(&mut self) {
        self.cut = true;
        self.sum_up();
    }

    /// Sums the row up after something has changed.
    fn sum_up(&mut self) {
        let base: f64 = self.base.iter().sum();
        let elsewhere = self.out.iter().zip(&self.base).map(|(out, own)| out + base - own);
        self.sums = Sums {
            fine: own_prior(Own::Fine) + base,
            silent: if self.told { GOES_ON } else { own_prior(Own::Silent) } + base,
            elsewhere: elsewhere.collect(),
            all: 0.0,
        };
        self.sums.all = log_sum_exp_of(self.logs(&[], false));
    }

    fn reports(&self, cut: bool) -> f64 {
        match (self.late, self.cut || cut) {
            (true, true) => LATE_CUT_OFF,
            (true, false) => self.late_by_itself,
            (false, true) => HEARD_CUT_OFF,
            (false, false) => 0.0,
        }
    }

    /// How its reports look to an agent whose lines are all dead.
    const fn cut_off_log(&self) -> f64 {
        if self.late { LATE_CUT_OFF } else { HEARD_CUT_OFF }
    }

    /// … and to one that is dead itself.
    const fn silent_log(&self) -> f64 {
        if self.late { LATE_CUT_OFF } else { HEARD_SILENT }
    }

    /// log P(row, a group of its states | what is chosen, with `moved` added by network).
    fn logs<'a>(&'a self, moved: &'a [f64], cut: bool) -> impl Iterator<Item = f64> + Clone + 'a {
        let (total, reports) = (moved.iter().sum::<f64>(), self.reports(cut));
        let first = [
            self.sums.fine + total + reports,
            self.sums.silent + total + self.silent_log(),
            self.dark + self.cut_off_log(),
            self.was_dark + reports,
        ];
        let elsewhere =
            self.sums.elsewhere.iter().enumerate().map(move |(network, log)| {
                log + total - moved.get(network).copied().unwrap_or(0.0) + reports
            });
        first.into_iter().chain(elsewhere)
    }

    /// What supposing more adds to the row's log-likelihood, its own states summed out: `moved`, by network, is
    /// what it adds where the row is fine.
    pub fn gain(&self, moved: &[f64], cut: bool) -> f64 {
        log_sum_exp_of(self.logs(moved, cut)) - self.sums.all
    }

    /// At least as much as [`Self::gain`] says where nothing moved is below 0 and no report is cut off, and sooner.
    pub fn gain_at_most(&self, moved: &[f64]) -> f64 {
        debug_assert!(moved.iter().all(|moved| *moved >= 0.0), "it is no bound for {moved:?}");
        let terms = 4 + self.sums.elsewhere.len();
        let highest = self.logs(moved, false).fold(f64::NEG_INFINITY, f64::max);
        let by_state = highest + (terms as f64).ln() - self.sums.all;
        by_state.min(moved.iter().sum())
    }

    fn state_log(&self, state: &State) -> f64 {
        let elsewhere = |network| self.base.iter().sum::<f64>() - self.base[network];
        let heard =
            if state.own == Own::Dark && !state.was() { self.cut_off_log() } else { self.reports(false) };
        state.prior(self.told) + state.log + state.network.map_or(0.0, elsewhere) + heard
    }

    /// The most probable state in which the row is now if it isn't fine, since when, and the probability that it
    /// isn't: several states may share that among them.
    pub fn best(&self) -> (Own, At, f64) {
        let mut best = (Own::Silent, self.due, self.sums.silent + self.silent_log());
        let mut past = vec![self.sums.fine + self.reports(false)];
        for state in &self.states {
            let log = self.state_log(state);
            if state.was() {
                past.push(log);
            } else if log > best.2 {
                best = (state.own, state.span.since, log);
            }
        }
        (best.0, best.1, 1.0 - (log_sum_exp(&past) - self.sums.all).exp())
    }
}
