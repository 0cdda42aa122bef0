//! From evidence to verdicts: the most probable set of failed things, each with its posterior and its
//! alternatives.
//!
//! Practices are summed out: given what is supposed to have failed in common, each practice is explained by
//! its own state (fine, dark, one network out, lossy, silent), weighted by how often that happens. A shared
//! fault must therefore beat the explanation "they failed one by one", and a practice's own fault must beat
//! "something in common has failed". Faults are added greedily, the best explanation first, and each earlier
//! choice is looked at again once a later one stands (swap and removal).

use std::collections::BTreeMap;

use crate::time::At;

use super::evidence::{Check, Class, Evidence};
use super::model::{LOSSY, LogShares, Mode, Own, Shape, failed, fine, log_sum_exp};
use super::own::{Dirty, fine_log, own_best, own_if_failed, own_sum};
use super::topology::{Cover, Member, NodeIx, NodeKind, Row, Topology};

/// Shared faults that are told apart at once. More than that at one time is a story for people.
const FAULTS_MAX: usize = 4;
/// Onsets are placed on a grid of this many steps over the time in which evidence counts.
const ONSET_STEPS: usize = 128;
const ONSET_STEPS_MS: i64 = 128;
/// Candidates with likelihoods closer than this explain the same checks: the data can't tell them apart.
const SAME: f64 = 1e-6;
/// Odds of nine to one, the least at which a cause may be named.
const NAMED_SCORE_MIN: f64 = 2.2;
/// Shared causes that can't be named take at most this from a practice's own.
const UNNAMED_MAX: f64 = 0.08;
/// Share of a class among the bad results behind a node from which its mode is worth trying.
const CLASS_SHARE_MIN: f64 = 0.3;
/// Share of bad checks behind a node from which it is worth trying, unless two practices fail hard.
const BAD_SHARE_MIN: f64 = 0.04;

/// One way to explain what is seen.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    pub node: NodeIx,
    /// Only this network of those that cross it.
    pub facet: Option<usize>,
    pub mode: Mode,
    pub since: At,
    /// Gain in log-likelihood over supposing that it has not failed.
    pub gain: f64,
    /// `gain` plus the logarithm of the prior.
    pub score: f64,
}

/// A shared fault that was found, with what else could be.
#[derive(Debug, Clone)]
pub struct Fault {
    pub best: Candidate,
    /// Nodes that explain the same checks as well as `best`, by falling prior.
    pub group: Vec<NodeIx>,
    pub probability: f64,
    /// (nodes, posterior), most probable first.
    pub alternatives: Vec<(Vec<NodeIx>, f64)>,
    /// Rows behind it that are hit, the hub left out.
    pub rows: Vec<Row>,
}

/// A practice (or the hub) that fails on its own.
#[derive(Debug, Clone)]
pub struct OwnFault {
    pub row: Row,
    pub own: Own,
    pub since: At,
    pub probability: f64,
    /// Components that only this practice reports through, and that would look the same.
    pub same: Vec<NodeIx>,
    pub alternatives: Vec<(Vec<NodeIx>, f64)>,
}

/// Nodes of open incidents.
#[derive(Debug, Default)]
pub struct Known {
    /// Each with the latest onset that is still the same failure.
    pub failed: Vec<(NodeIx, At)>,
    /// They answer again, but not for long yet.
    pub recovering: Vec<NodeIx>,
    pub excuses: Vec<Excuse>,
}

/// Failures that an incident has explained convict nothing else, until the checks have been asked again
/// after it ended: what shares a fault is asked again before another cause is named.
#[derive(Debug)]
pub struct Excuse {
    pub nodes: Vec<NodeIx>,
    /// Runs of failures that began at or after this …
    pub from: At,
    /// … and that haven't been asked since this.
    pub until: At,
}

/// Everything that the evidence says now.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    pub faults: Vec<Fault>,
    pub own: Vec<OwnFault>,
    /// Posterior of each node that was worth trying and isn't among the faults.
    pub suspects: Vec<(NodeIx, f64)>,
}

/// One evaluation.
pub struct Search<'a> {
    topology: &'a Topology,
    evidence: &'a Evidence,
    now: At,
    /// What has failed is likely to be failed still.
    known: &'a Known,
    /// log P(check | what has been chosen so far), by check.
    base: Vec<f64>,
    /// Checks that what has been chosen explains.
    touched: Vec<bool>,
    /// Checks that an incident has explained: one more than its position among the excuses; 0: none.
    excused: Vec<u16>,
    dirty: BTreeMap<Row, Dirty>,
}

impl<'a> Search<'a> {
    pub fn new(topology: &'a Topology, evidence: &'a Evidence, now: At, known: &'a Known) -> Self {
        let checks = evidence.checks.len();
        let mut search = Self {
            topology,
            evidence,
            now,
            known,
            base: vec![0.0; checks],
            touched: vec![false; checks],
            excused: vec![0; checks],
            dirty: BTreeMap::new(),
        };
        search.excuse();
        for row in 0..topology.rows {
            let row = crate::estate::PracticeIx::new(row).0;
            let hearing = &evidence.hearings[row as usize];
            if !hearing.away && (evidence.bad[row as usize] > 0 || hearing.late) {
                let dirty = search.look_at(row);
                search.dirty.insert(row, dirty);
            }
        }
        search
    }

    /// Finds the faults.
    pub fn run(mut self) -> Findings {
        if self.dirty.is_empty() {
            return Findings::default();
        }
        let mut chosen: Vec<Candidate> = Vec::new();
        let mut first = Vec::new();
        let mut last = Vec::new();
        for _ in 0..FAULTS_MAX {
            self.rebase(&chosen);
            last = self.candidates(&chosen);
            if chosen.is_empty() {
                first.clone_from(&last);
            }
            match best(&last) {
                Some(candidate) if candidate.score > self.needed(&candidate) => chosen.push(candidate),
                _ => break,
            }
        }
        // Look again at each choice, given the others: a later one may explain it better.
        let mut faults: Vec<Fault> = Vec::new();
        let mut position = 0;
        while position < chosen.len() {
            let mut others = chosen.clone();
            others.remove(position);
            self.rebase(&others);
            let slot = if others.is_empty() { first.clone() } else { self.candidates(&others) };
            match best(&slot) {
                Some(candidate) if candidate.score > self.needed(&candidate) => {
                    chosen[position] = candidate;
                    faults.push(self.fault(candidate, &slot));
                    position += 1;
                }
                _ => {
                    chosen.remove(position);
                }
            }
        }
        self.rebase(&chosen);
        if chosen.len() == FAULTS_MAX {
            last = self.candidates(&chosen);
        }
        let own = self.own_faults(&last);
        // Suspicion is what each alone would explain, so that it moves with the evidence and not with what
        // happens to have been chosen.
        let suspects = posteriors(&first, |candidate| vec![candidate.node])
            .into_iter()
            .map(|(nodes, probability)| (nodes[0], probability))
            .collect();
        Findings { faults, own, suspects }
    }

    /// Marks the failures that incidents have explained.
    fn excuse(&mut self) {
        let topology = self.topology;
        let excuses = self.known.excuses.iter().zip(1_u16..);
        for (excuse, number) in excuses {
            for node in &excuse.nodes {
                for member in topology.nodes[*node].members(topology.rows) {
                    if self.evidence.bad[member.row as usize] == 0 {
                        continue;
                    }
                    for probe in &topology.covers[member.cover].probes {
                        let at = topology.check(member.row, *probe);
                        let check = &self.evidence.checks[at];
                        if check.class.bad()
                            && check.run_since >= excuse.from
                            && check.last_at <= excuse.until
                        {
                            self.excused[at] = number;
                        }
                    }
                }
            }
        }
    }

    /// Whether a check is excused as far as this node is concerned.
    fn excused_for(&self, at: usize, node: NodeIx) -> bool {
        let number = usize::from(self.excused[at]);
        number > 0 && !self.known.excuses[number - 1].nodes.contains(&node)
    }

    /// log P(run | nothing has failed), an excused failure needing no other reason.
    fn fine(&self, check: &Check, fresh: bool, at: usize) -> f64 {
        if self.excused[at] > 0 { 0.0 } else { fine(check, fresh) }
    }

    fn check(&self, row: Row, probe: u32) -> (&'a Check, bool, usize) {
        let at = self.topology.check(row, probe);
        let check = &self.evidence.checks[at];
        (check, check.fresh(self.now, self.topology.probes[probe as usize].stale_ms()), at)
    }

    /// Works out a bad row's own states. They don't depend on what is chosen.
    fn look_at(&mut self, row: Row) -> Dirty {
        let networks = self.topology.networks;
        let probes = self.topology.probes.len();
        let mut base = vec![0.0; networks];
        let mut onsets: Vec<At> = Vec::new();
        for probe in 0..probes {
            let probe = crate::estate::ProbeIx::new(probe).0;
            let (check, fresh, at) = self.check(row, probe);
            self.base[at] = self.fine(check, fresh, at);
            base[self.topology.probes[probe as usize].network] += self.base[at];
            if fresh && check.class.bad() && self.excused[at] == 0 {
                onsets.push(check.run_since);
            }
        }
        onsets.sort_unstable();
        onsets.dedup();
        // The earliest, the middle and the latest onset: a chronic check must not hide a new fault.
        let picked: Vec<At> = match onsets.as_slice() {
            [] | [_] | [_, _] => onsets.clone(),
            more => vec![more[0], more[more.len() / 3], more[more.len() * 2 / 3]],
        };
        let dead = Mode::Total.row();
        let lossy = Mode::Partial(LOSSY, Shape::Dead).row();
        let tls = Mode::Tls.row();
        let mut states: Vec<(Own, Option<usize>, f64, At)> = Vec::new();
        let best =
            |states: &mut Vec<(Own, Option<usize>, f64, At)>, own, network, log: f64, since| match states
                .iter_mut()
                .find(|(known, ..)| *known == own)
            {
                Some(known) if known.2 >= log => {}
                Some(known) => (known.2, known.3) = (log, since),
                None => states.push((own, network, log, since)),
            };
        for since in picked {
            let mut all = 0.0;
            for network in 0..networks {
                let out = self.network_log(row, network, &dead, Mode::Total, since);
                all += out;
                best(&mut states, Own::Out(network), Some(network), out, since);
                let lossy = self.network_log(row, network, &lossy, Mode::Partial(LOSSY, Shape::Dead), since);
                best(&mut states, Own::Lossy(network), Some(network), lossy, since);
                let intercepted = self.network_log(row, network, &tls, Mode::Tls, since);
                best(&mut states, Own::Intercepted(network), Some(network), intercepted, since);
            }
            best(&mut states, Own::Dark, None, all, since);
        }
        let hearing = &self.evidence.hearings[row as usize];
        if hearing.late && !states.iter().any(|(own, ..)| *own == Own::Dark) {
            states.push((Own::Dark, None, 0.0, hearing.last));
        }
        let due = self.evidence.due(row);
        Dirty { base, states, late: hearing.late, due, cut: false, in_series: false, z: 0.0 }
    }

    fn network_log(&self, row: Row, network: usize, shares: &LogShares, mode: Mode, since: At) -> f64 {
        let mut sum = 0.0;
        for (probe, facts) in self.topology.probes.iter().enumerate() {
            if facts.network == network {
                let (check, fresh, _) = self.check(row, crate::estate::ProbeIx::new(probe).0);
                sum += if mode.shows_in(facts) {
                    failed(check, fresh, shares, since, facts)
                } else {
                    fine(check, fresh)
                };
            }
        }
        sum
    }

    /// Starts afresh from "nothing has failed", then supposes that `chosen` have.
    fn rebase(&mut self, chosen: &[Candidate]) {
        self.base.fill(0.0);
        self.touched.fill(false);
        let rows: Vec<Row> = self.dirty.keys().copied().collect();
        for row in &rows {
            for probe in 0..self.topology.probes.len() {
                let (check, fresh, at) = self.check(*row, crate::estate::ProbeIx::new(probe).0);
                self.base[at] = self.fine(check, fresh, at);
            }
            if let Some(dirty) = self.dirty.get_mut(row) {
                (dirty.cut, dirty.in_series) = (false, false);
            }
        }
        for row in &rows {
            self.sum_up(*row);
        }
        for candidate in chosen {
            self.suppose(candidate);
        }
    }

    fn sum_up(&mut self, row: Row) {
        let probes = self.topology.probes.len();
        let first = self.topology.check(row, 0);
        let mut by_network = vec![0.0; self.topology.networks];
        for probe in 0..probes {
            by_network[self.topology.probes[probe].network] += self.base[first + probe];
        }
        if let Some(dirty) = self.dirty.get_mut(&row) {
            dirty.base = by_network;
            dirty.z = own_sum(dirty, &[], false);
        }
    }

    /// Takes `candidate` as given: from now on its checks are explained by it.
    fn suppose(&mut self, candidate: &Candidate) {
        let shares = candidate.mode.row();
        for member in self.members(candidate) {
            if !self.is_hit(candidate, &shares, member) {
                continue;
            }
            if let Mode::Rolling(share) = candidate.mode {
                if let Some(dirty) = self.dirty.get_mut(&member.row) {
                    dirty.in_series = true;
                    dirty.z = share.ln() + own_if_failed(dirty);
                }
                continue;
            }
            let cover = &self.topology.covers[member.cover];
            for probe in self.probes_of(cover, candidate) {
                let (check, fresh, at) = self.check(member.row, probe);
                let facts = &self.topology.probes[probe as usize];
                let under = failed(check, fresh, &shares, candidate.since, facts);
                self.base[at] = combine(check, self.base[at], under, self.touched[at]);
                self.touched[at] = true;
            }
            if let Some(dirty) = self.dirty.get_mut(&member.row) {
                dirty.cut |= cuts_off(candidate, cover, dirty);
            }
            if self.dirty.contains_key(&member.row) {
                self.sum_up(member.row);
            }
        }
        if self.is_monitor(candidate.node) && candidate.mode == Mode::Total {
            let rows: Vec<Row> = self.dirty.keys().copied().collect();
            for row in rows {
                if let Some(dirty) = self.dirty.get_mut(&row) {
                    dirty.cut |= dirty.late && candidate.since <= dirty.due;
                }
                self.sum_up(row);
            }
        }
    }

    /// The score from which a candidate explains anything: it must be fit to be named, unless it goes on.
    fn needed(&self, candidate: &Candidate) -> f64 {
        let known = self.known.failed.iter().any(|(node, _)| *node == candidate.node);
        if known { 0.0 } else { NAMED_SCORE_MIN }
    }

    fn is_monitor(&self, node: NodeIx) -> bool {
        self.topology.nodes[node].kind == NodeKind::Monitor
    }

    /// The rows behind a candidate. One machine that asks for everybody stands before every check.
    fn members(&self, candidate: &Candidate) -> impl Iterator<Item = Member> + use<'a> {
        let topology = self.topology;
        let node = &topology.nodes[candidate.node];
        let everybody = (candidate.mode == Mode::SharedMachine).then(|| {
            let cover = node.members(topology.rows).next().map_or(0, |member| member.cover);
            (0..topology.rows).map(move |row| Member {
                row: crate::estate::PracticeIx::new(row).0,
                cover,
                spared: false,
            })
        });
        let behind = everybody.is_none().then(|| node.members(topology.rows));
        everybody.into_iter().flatten().chain(behind.into_iter().flatten())
    }

    fn probes_of(&self, cover: &'a Cover, candidate: &Candidate) -> impl Iterator<Item = u32> + use<'a> {
        let (facet, mode, topology) = (candidate.facet, candidate.mode, self.topology);
        cover.probes.iter().copied().filter(move |probe| {
            let facts = &topology.probes[*probe as usize];
            facet.is_none_or(|network| facts.network == network) && mode.shows_in(facts)
        })
    }

    /// Gain of one row when `candidate` has failed and this row is hit, and whether anything spoke at all.
    fn hit_gain(&self, candidate: &Candidate, shares: &LogShares, member: Member) -> f64 {
        let cover = &self.topology.covers[member.cover];
        let networks = self.topology.networks;
        let mut moved = [0.0_f64; 8];
        let mut overflow = Vec::new();
        let by_network: &mut [f64] = if networks <= moved.len() {
            &mut moved[..networks]
        } else {
            overflow.resize(networks, 0.0);
            &mut overflow
        };
        for probe in self.probes_of(cover, candidate) {
            let (check, fresh, at) = self.check(member.row, probe);
            if !fresh {
                continue;
            }
            if self.excused_for(at, candidate.node) {
                continue;
            }
            let facts = &self.topology.probes[probe as usize];
            let under = failed(check, fresh, shares, candidate.since, facts);
            // For the incident's own cause, what it explains is evidence as ever.
            let base =
                if self.excused[at] > 0 && !self.touched[at] { fine(check, true) } else { self.base[at] };
            by_network[facts.network] += combine(check, base, under, self.touched[at]) - base;
        }
        match self.dirty.get(&member.row) {
            None => by_network.iter().sum(),
            Some(dirty) => own_sum(dirty, by_network, cuts_off(candidate, cover, dirty)) - dirty.z,
        }
    }

    /// Gain of one row, hit or not.
    fn row_gain(&self, candidate: &Candidate, shares: &LogShares, member: Member) -> f64 {
        let share = match candidate.mode {
            Mode::Rolling(share) => {
                // Each practice fails in its own time, by itself as it seems, but more often than by itself.
                let Some(dirty) = self.dirty.get(&member.row) else { return (1.0 - share).ln() };
                let own = own_if_failed(dirty);
                return log_sum_exp(&[(1.0 - share).ln(), share.ln() + own - dirty.z]);
            }
            Mode::Sticky(share, _) => Some(share),
            _ if member.spared => Some(0.5),
            _ => None,
        };
        let hit = self.hit_gain(candidate, shares, member);
        match share {
            None => hit,
            Some(share) => log_sum_exp(&[(1.0 - share).ln(), share.ln() + hit]),
        }
    }

    /// Whether this row is hit, given that the candidate has failed.
    fn is_hit(&self, candidate: &Candidate, shares: &LogShares, member: Member) -> bool {
        match candidate.mode {
            Mode::Rolling(share) => self
                .dirty
                .get(&member.row)
                .is_some_and(|dirty| share.ln() + own_if_failed(dirty) - dirty.z > (1.0 - share).ln()),
            Mode::Sticky(share, _) => {
                share.ln() + self.hit_gain(candidate, shares, member) > (1.0 - share).ln()
            }
            _ if member.spared => self.hit_gain(candidate, shares, member) > 0.0,
            _ => true,
        }
    }

    fn gain(&self, candidate: &Candidate) -> f64 {
        let shares = candidate.mode.row();
        let mut sum: f64 =
            self.members(candidate).map(|member| self.row_gain(candidate, &shares, member)).sum();
        if self.is_monitor(candidate.node) && candidate.mode == Mode::Total {
            // The arrival of every report crosses the monitor.
            for row in 0..self.topology.rows - 1 {
                let hearing = &self.evidence.hearings[row];
                if let Some(dirty) = self.dirty.get(&crate::estate::PracticeIx::new(row).0)
                    && dirty.late
                {
                    sum += own_sum(dirty, &[], candidate.since <= dirty.due) - dirty.z;
                } else if hearing.ever() && !hearing.away && hearing.last > candidate.since {
                    sum += shares.of(Class::Ok);
                }
            }
        }
        sum
    }

    /// Everything that is worth trying, scored, given what is supposed already.
    fn candidates(&self, chosen: &[Candidate]) -> Vec<Candidate> {
        let mut all = Vec::new();
        for (node, seen) in self.worth_trying() {
            let taken = |facet: Option<usize>, slow: bool| {
                chosen.iter().any(|other| {
                    other.node == node
                        && other.mode.slow() == slow
                        && (other.facet == facet || other.facet.is_none() || facet.is_none())
                })
            };
            let mut facets = vec![None];
            if seen.by_network.iter().filter(|count| **count > 0).count() == 1
                && self.spans_networks(node)
                && let Some(only) = seen.by_network.iter().position(|count| *count > 0)
            {
                facets.push(Some(only));
            }
            for facet in facets {
                // What passes through a thing that has partly failed may well be slow, too.
                let open = match (taken(facet, false), taken(facet, true)) {
                    (false, false) => Open::All,
                    (true, false) => Open::OnlySlow,
                    (false, true) => Open::NotSlow,
                    (true, true) => continue,
                };
                self.try_modes(node, facet, &seen, open, &mut all);
            }
        }
        all
    }

    fn spans_networks(&self, node: NodeIx) -> bool {
        let node = &self.topology.nodes[node];
        node.members(self.topology.rows).next().is_some_and(|member| {
            let probes = &self.topology.covers[member.cover].probes;
            let network = |probe: &u32| self.topology.probes[*probe as usize].network;
            probes.first().is_some_and(|first| probes.iter().any(|probe| network(probe) != network(first)))
        })
    }

    fn try_modes(
        &self,
        node: NodeIx,
        facet: Option<usize>,
        seen: &Seen,
        open: Open,
        all: &mut Vec<Candidate>,
    ) {
        let kind = self.topology.nodes[node].kind;
        let bad: u32 = seen.classes.iter().sum();
        let share = |class: Class| f64::from(seen.classes[class as usize]) / f64::from(bad.max(1));
        let names = share(Class::Dns) + share(Class::DnsTimeout);
        let mut modes = vec![Mode::Total];
        let by_class = [
            (Mode::Refused, share(Class::Refused)),
            (Mode::Tls, share(Class::Tls)),
            (Mode::Dns, names),
            (Mode::Policy, share(Class::Policy)),
            (Mode::Slow, share(Class::Slow)),
        ];
        modes.extend(by_class.iter().filter(|(_, share)| *share >= CLASS_SHARE_MIN).map(|(mode, _)| *mode));
        match kind {
            NodeKind::Monitor => modes = vec![Mode::Total, Mode::SharedMachine],
            NodeKind::Service(_) | NodeKind::Target(_) if share(Class::Content) >= CLASS_SHARE_MIN => {
                modes.push(Mode::Content);
            }
            _ => {}
        }
        if kind != NodeKind::Monitor {
            let near = |seen: f64| move |rate: &f64| *rate < seen * 2.5 && seen < *rate * 2.5;
            let shapes = [
                (Shape::Refusing, share(Class::Refused)),
                (Shape::Nameless, names),
                (Shape::Wrong, share(Class::Content)),
                (Shape::Sluggish, share(Class::Slow)),
            ];
            let shape =
                shapes.iter().find(|(_, share)| *share > 0.5).map_or(Shape::Dead, |(shape, _)| *shape);
            let partial = [0.15, 0.3, 0.5, 0.7].into_iter().filter(near(seen.bad_share));
            if shape != Shape::Sluggish {
                modes.extend(partial.map(|rate| Mode::Partial(rate, shape)));
            }
            let sticky = [0.05, 0.15, 0.3, 0.5, 0.8].into_iter().filter(near(seen.row_share));
            modes.extend(sticky.map(|rate| Mode::Sticky(rate, shape)));
        }
        if matches!(kind, NodeKind::SharedRisk(_)) && facet.is_none() {
            modes.extend([0.05, 0.2, 0.5].map(Mode::Rolling));
        }
        modes.retain(|mode| match open {
            Open::All => true,
            Open::OnlySlow => mode.slow(),
            Open::NotSlow => !mode.slow(),
        });
        if modes.is_empty() {
            return;
        }
        let uniform = self.onset(node, facet, false);
        let among_failing = self.onset(node, facet, true);
        for mode in modes {
            let since = if mode.uniform() { uniform } else { among_failing };
            let mut candidate = Candidate { node, facet, mode, since, gain: 0.0, score: 0.0 };
            candidate.gain = self.gain(&candidate);
            candidate.score = candidate.gain + self.prior(node, facet, mode, since);
            all.push(candidate);
        }
    }

    fn prior(&self, node: NodeIx, facet: Option<usize>, mode: Mode, since: At) -> f64 {
        let open = self.known.failed.iter().find(|(failed, _)| *failed == node);
        // What began a moment ago isn't what has failed all along.
        let goes_on = open.is_some_and(|(_, latest)| !mode.uniform() || since <= *latest);
        let kind: f64 = if goes_on {
            0.5
        } else if open.is_some() || self.known.recovering.contains(&node) {
            1e-3
        } else {
            match self.topology.nodes[node].kind {
                NodeKind::Component(_) | NodeKind::SharedRisk(_) => 1e-5,
                NodeKind::AllSpares | NodeKind::Network(_) => 1e-6,
                NodeKind::Service(_) | NodeKind::Target(_) => 5e-5,
                NodeKind::Monitor => 2e-5,
            }
        };
        let how: f64 = match mode {
            Mode::Total => 0.5,
            Mode::Refused | Mode::Content | Mode::SharedMachine => 0.1,
            Mode::Tls | Mode::Dns | Mode::Policy | Mode::Slow => 0.05,
            Mode::Sticky(..) if !goes_on => 2e-4,
            Mode::Sticky(..) => 5e-3,
            Mode::Partial(..) | Mode::Rolling(_) => 0.03,
        };
        let where_: f64 = if facet.is_some() { 0.1 } else { 1.0 };
        (kind * how * where_).ln()
    }

    /// Nodes behind which enough is bad, with what is bad there.
    fn worth_trying(&self) -> BTreeMap<NodeIx, Seen> {
        let every: Vec<NodeIx> = (0..self.topology.nodes.len())
            .filter(|node| {
                matches!(self.topology.nodes[*node].members, super::topology::Members::Every(_))
                    || self.is_monitor(*node)
            })
            .collect();
        let mut seen: BTreeMap<NodeIx, Seen> = BTreeMap::new();
        for (row, dirty) in &self.dirty {
            for node in every.iter().chain(&self.topology.row_nodes[*row as usize]) {
                let monitor = self.is_monitor(*node);
                let cover = if monitor {
                    self.topology.nodes[*node].members(self.topology.rows).next().map(|member| member.cover)
                } else {
                    self.topology.nodes[*node].cover_of(*row)
                };
                let Some(cover) = cover else { continue };
                let cover = &self.topology.covers[cover];
                let entry = seen.entry(*node).or_insert_with(|| Seen::new(self.topology.networks));
                let mut bad = 0;
                for probe in &cover.probes {
                    let (check, fresh, at) = self.check(*row, *probe);
                    if fresh && check.class.bad() && !self.touched[at] && !self.excused_for(at, *node) {
                        bad += 1;
                        entry.classes[check.class as usize] += 1;
                        entry.by_network[self.topology.probes[*probe as usize].network] += 1;
                    }
                }
                let silent = dirty.late && !dirty.cut && (cover.everything || monitor);
                entry.rows += u32::from(bad > 0 || silent);
                entry.hard_rows += u32::from(bad > 1 || silent);
                entry.bad += bad;
                entry.hub |= *row == self.topology.hub() && bad > 0;
            }
        }
        seen.retain(|node, seen| {
            let node_ref = &self.topology.nodes[*node];
            let members = node_ref.member_count(self.topology.rows);
            let probes = node_ref
                .members(self.topology.rows)
                .next()
                .map_or(1, |member| self.topology.covers[member.cover].probes.len());
            seen.bad_share = f64::from(seen.bad) / (members * probes).max(1) as f64;
            seen.row_share = f64::from(seen.rows) / members.max(1) as f64;
            if self.known.failed.iter().any(|(failed, _)| failed == node) {
                return seen.rows > 0;
            }
            if node_ref.kind == NodeKind::Monitor {
                return seen.hub || seen.hard_rows >= 2;
            }
            seen.rows >= 2 && (seen.hard_rows >= 2 || seen.bad_share >= BAD_SHARE_MIN)
        });
        seen
    }

    /// The time from which failures behind the node outweigh good answers most.
    fn onset(&self, node: NodeIx, facet: Option<usize>, among_failing: bool) -> At {
        let window =
            self.topology.probes.iter().map(super::topology::ProbeFacts::stale_ms).max().unwrap_or(1);
        let start = self.now.plus_millis(-window);
        let step = (window / ONSET_STEPS_MS).max(1);
        let mut weight = [0.0_f64; ONSET_STEPS + 1];
        let mut earliest = [At::from_millis(i64::MAX); ONSET_STEPS + 1];
        let place =
            |at: At| usize::try_from(at.millis_since(start).max(0) / step).unwrap_or(0).min(ONSET_STEPS);
        let candidate = Candidate { node, facet, mode: Mode::Total, since: start, gain: 0.0, score: 0.0 };
        let monitor = self.is_monitor(node);
        for member in self.members(&candidate) {
            let cover = &self.topology.covers[member.cover];
            if among_failing && !self.mostly_bad(cover, &candidate, member.row) {
                continue;
            }
            for probe in self.probes_of(cover, &candidate) {
                let (check, fresh, at) = self.check(member.row, probe);
                if !fresh || check.class.bad() && (self.touched[at] || self.excused_for(at, node)) {
                    continue;
                }
                if check.class.bad() {
                    let slot = place(check.run_since);
                    weight[slot] -= fine(check, true);
                    earliest[slot] = earliest[slot].min(check.run_since);
                } else {
                    weight[place(check.last_at)] -= 3.9;
                }
            }
        }
        let late = self.dirty.iter().filter(|(row, dirty)| {
            dirty.late
                && (monitor
                    || self.topology.nodes[node]
                        .cover_of(**row)
                        .is_some_and(|cover| self.topology.covers[cover].everything))
        });
        for (_, dirty) in late {
            // Any fault that began before the report was due explains that it didn't come.
            let slot = place(dirty.due);
            weight[slot] += 8.0;
            earliest[slot] = earliest[slot].min(dirty.due);
        }
        let mut best = (0.0, self.now);
        let mut sum = 0.0;
        let mut first_above = At::from_millis(i64::MAX);
        for slot in (0..=ONSET_STEPS).rev() {
            sum += weight[slot];
            first_above = first_above.min(earliest[slot]);
            if sum > best.0 && first_above.as_millis() != i64::MAX {
                best = (sum, first_above);
            }
        }
        best.1
    }

    /// At least half of what a candidate carries of a row is bad now.
    fn mostly_bad(&self, cover: &'a Cover, candidate: &Candidate, row: Row) -> bool {
        if !self.dirty.contains_key(&row) {
            return false;
        }
        let (mut bad, mut good) = (0, 0);
        for probe in self.probes_of(cover, candidate) {
            let (check, fresh, _) = self.check(row, probe);
            if fresh {
                if check.class.bad() { bad += 1 } else { good += 1 }
            }
        }
        bad > 0 && bad >= good
    }

    fn fault(&self, best: Candidate, slot: &[Candidate]) -> Fault {
        let mut group: Vec<NodeIx> = slot
            .iter()
            .filter(|other| {
                other.mode == best.mode
                    && other.facet == best.facet
                    && (other.gain - best.gain).abs() <= SAME * best.gain.abs().max(1.0)
                    && (!self.topology.nodes[other.node].causes.is_empty() || other.node == best.node)
            })
            .map(|other| other.node)
            .collect();
        if group.iter().any(|node| !self.topology.nodes[*node].causes.is_empty()) {
            group.retain(|node| !self.topology.nodes[*node].causes.is_empty());
        }
        let prior = |node: &NodeIx| self.prior(*node, best.facet, best.mode, best.since);
        group.sort_by(|a, b| prior(b).total_cmp(&prior(a)).then(a.cmp(b)));
        group.dedup();
        let ranked = posteriors(slot, |candidate| {
            // A target is the far end of a service's check: what is said of it is said of the service.
            if group.contains(&candidate.node) || self.is_target_of(candidate.node, &group) {
                group.clone()
            } else {
                vec![candidate.node]
            }
        });
        let probability =
            ranked.iter().find(|(nodes, _)| *nodes == group).map_or(0.0, |(_, probability)| *probability);
        let alternatives = ranked
            .into_iter()
            .filter(|(nodes, _)| *nodes != group && !self.topology.nodes[nodes[0]].causes.is_empty())
            .take(3)
            .collect();
        Fault { best, group, probability, alternatives, rows: self.hit_rows(&best) }
    }

    /// A service's only probe and the service are one thing by two names.
    fn is_target_of(&self, node: NodeIx, group: &[NodeIx]) -> bool {
        let nodes = &self.topology.nodes;
        let NodeKind::Target(probe) = nodes[node].kind else { return false };
        group.iter().any(|other| match nodes[*other].kind {
            NodeKind::Service(service) => self.topology.probes[probe].service == Some(service),
            _ => false,
        })
    }

    /// The practices that are hit: for a fault that hits all alike, those behind it that were heard from and
    /// haven't answered since; otherwise those that show it.
    fn hit_rows(&self, best: &Candidate) -> Vec<Row> {
        if self.is_monitor(best.node) {
            return Vec::new();
        }
        let shares = best.mode.row();
        let mut rows = Vec::new();
        for member in self.members(best) {
            let hearing = &self.evidence.hearings[member.row as usize];
            if member.row == self.topology.hub() || !hearing.ever() || hearing.away {
                continue;
            }
            let (bad, good) = self.answers_since(best, member);
            let hit = match best.mode {
                Mode::Partial(..) => true,
                Mode::Sticky(..) => hearing.late || bad > good && self.is_hit(best, &shares, member),
                Mode::Rolling(_) => self.is_hit(best, &shares, member),
                Mode::Slow => bad > 0,
                _ if member.spared => bad > 0,
                _ => bad > 0 || good == 0,
            };
            if hit {
                rows.push(member.row);
            }
        }
        rows
    }

    /// Fresh bad and good results of one row behind a candidate, asked since its onset.
    pub fn answers_since(&self, best: &Candidate, member: Member) -> (u32, u32) {
        let cover = &self.topology.covers[member.cover];
        let (mut bad, mut good) = (0, 0);
        for probe in self.probes_of(cover, best) {
            let (check, fresh, _) = self.check(member.row, probe);
            if fresh && check.last_at >= best.since {
                if check.class.bad() { bad += 1 } else { good += 1 }
            }
        }
        (bad, good)
    }

    fn own_faults(&self, shared: &[Candidate]) -> Vec<OwnFault> {
        let total = log_total(shared);
        let mut found = Vec::new();
        for (row, dirty) in self.dirty.iter().filter(|(_, dirty)| !dirty.in_series) {
            let (own, since, log) = own_best(dirty);
            let fine = fine_log(dirty, &[], dirty.cut);
            let not_fine = 1.0 - (fine - dirty.z).exp();
            if own == Own::Fine || not_fine < 0.5 || log < fine {
                continue;
            }
            // What could be shared instead: candidates that carry this row's bad checks, and lost so far.
            let mut alternatives: Vec<(Vec<NodeIx>, f64)> = Vec::new();
            let mut elsewhere = 0.0;
            for candidate in shared {
                let carries = self.topology.nodes[candidate.node].cover_of(*row).is_some();
                if carries {
                    let probability = (candidate.score - total).exp();
                    elsewhere += probability;
                    match alternatives.iter_mut().find(|(nodes, _)| nodes[0] == candidate.node) {
                        Some(known) => known.1 += probability,
                        None => alternatives.push((vec![candidate.node], probability)),
                    }
                }
            }
            alternatives.retain(|(nodes, _)| !self.topology.nodes[nodes[0]].causes.is_empty());
            alternatives.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            alternatives.truncate(3);
            // While no shared cause can be named, what is known to be down is the practice.
            let probability = not_fine * (1.0 - elsewhere.min(UNNAMED_MAX));
            for (_, chance) in &mut alternatives {
                *chance = chance.min(1.0 - probability);
            }
            let same = self.same_as_own(*row, own);
            found.push(OwnFault { row: *row, own, since, probability, same, alternatives });
        }
        found
    }

    /// Components that nobody else reports through now and that carry just what this state takes.
    fn same_as_own(&self, row: Row, own: Own) -> Vec<NodeIx> {
        let topology = self.topology;
        let mut same: Vec<NodeIx> = topology.row_nodes[row as usize]
            .iter()
            .copied()
            .filter(|node| {
                let node_ref = &topology.nodes[*node];
                let Some(cover) = node_ref.cover_of(row) else { return false };
                let cover = &topology.covers[cover];
                let matches = match own {
                    Own::Dark | Own::Silent => cover.everything,
                    Own::Out(network) | Own::Lossy(network) | Own::Intercepted(network) => {
                        cover.probes.iter().all(|probe| topology.probes[*probe as usize].network == network)
                            && cover.probes.len()
                                == topology.probes.iter().filter(|facts| facts.network == network).count()
                    }
                    Own::Fine => false,
                };
                let alone = node_ref
                    .members(topology.rows)
                    .filter(|member| member.row != row)
                    .all(|member| !self.reports(member.row));
                let solid = node_ref.members(topology.rows).any(|member| member.row == row && !member.spared);
                matches && alone && solid
            })
            .collect();
        same.sort_unstable();
        same.dedup();
        same
    }

    fn reports(&self, row: Row) -> bool {
        let hearing = &self.evidence.hearings[row as usize];
        hearing.ever() && !hearing.away && !hearing.late
    }
}

/// Modes of a node that are still to be tried, given what has been chosen.
#[derive(Debug, Clone, Copy)]
enum Open {
    All,
    OnlySlow,
    NotSlow,
}

/// What is bad behind a node.
struct Seen {
    rows: u32,
    /// Rows with more than one bad check, or overdue.
    hard_rows: u32,
    bad: u32,
    classes: [u32; super::evidence::CLASSES],
    by_network: Vec<u32>,
    /// The hub's own checks are among them.
    hub: bool,
    /// Share of the checks behind it that are bad, and of the rows in which any is.
    bad_share: f64,
    row_share: f64,
}

impl Seen {
    fn new(networks: usize) -> Self {
        Self {
            rows: 0,
            hard_rows: 0,
            bad: 0,
            classes: [0; super::evidence::CLASSES],
            by_network: vec![0; networks],
            hub: false,
            bad_share: 0.0,
            row_share: 0.0,
        }
    }
}

/// log P(result) when something else may explain it already: a good answer must get past both, a bad one
/// needs only one of them.
fn combine(check: &Check, base: f64, under: f64, touched: bool) -> f64 {
    match (touched, check.class.bad()) {
        (false, _) => under,
        (true, true) => base.max(under),
        (true, false) => base + under,
    }
}

/// Whether no report of a row gets out when `candidate` has failed.
fn cuts_off(candidate: &Candidate, cover: &Cover, dirty: &Dirty) -> bool {
    cover.everything
        && (!dirty.late || candidate.since <= dirty.due)
        && candidate.facet.is_none()
        && matches!(candidate.mode, Mode::Total | Mode::Sticky(..) | Mode::SharedMachine)
}

/// log of the weight of all candidates together with "none of these".
fn log_total(candidates: &[Candidate]) -> f64 {
    let scores: Vec<f64> = candidates.iter().map(|candidate| candidate.score).chain([0.0]).collect();
    log_sum_exp(&scores)
}

fn best(candidates: &[Candidate]) -> Option<Candidate> {
    candidates.iter().copied().reduce(|a, b| if b.score > a.score { b } else { a })
}

/// Sums candidates by `name`, over all of them and "none of these".
fn posteriors(candidates: &[Candidate], name: impl Fn(&Candidate) -> Vec<NodeIx>) -> Vec<(Vec<NodeIx>, f64)> {
    let total = log_total(candidates);
    let mut sums: BTreeMap<Vec<NodeIx>, f64> = BTreeMap::new();
    for candidate in candidates {
        *sums.entry(name(candidate)).or_default() += (candidate.score - total).exp();
    }
    let mut ranked: Vec<(Vec<NodeIx>, f64)> = sums.into_iter().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    ranked
}
