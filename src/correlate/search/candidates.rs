//! What is worth supposing: nodes behind which enough is bad, in the ways in which it looks bad.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::evidence::{CLASSES, Class};
use super::super::model::{LogShares, Mode, Shape, Shows};
use super::super::topology::{Member, Members, NodeIx, NodeKind};
use super::super::window::Span;
use super::profile::{Among, Clean, Profile};
use super::{Candidate, Search};

/// Share of a class among the bad results behind a node from which its mode is worth trying.
const CLASS_SHARE_MIN: f64 = 0.3;
/// A row that would need this much bad luck (nats) fails hard.
const HARD_ROW: f64 = 8.0;
/// A node is worth a closer look when a rough estimate of its score is at most this far below zero.
const ROUGH_SLACK: f64 = 8.0;
/// Rates of partial faults, and shares of the rows that are hit.
const RATES: [f64; 6] = [0.08, 0.15, 0.3, 0.5, 0.7, 0.88];
const STICKY: [(f64, f64); 5] = [(0.05, 1e-3), (0.15, 0.05), (0.3, 0.3), (0.5, 0.5), (0.8, 0.15)];
/// What the map doesn't say is shared by a few: a street, a landlord, a switch.
const UNMAPPED: [(f64, f64); 4] = [(0.05, 0.5), (0.1, 0.3), (0.2, 0.15), (0.35, 0.05)];

/// What is bad behind a node.
pub struct Seen {
    /// Bad rows behind it.
    pub members: Vec<Member>,
    /// Rows that fail hard, or are overdue.
    hard_rows: u32,
    classes: [f64; CLASSES],
    bad: f64,
    by_network: Vec<u32>,
    /// The hub's own checks are among them.
    hub: bool,
    /// When each bad piece began, what it weighs, and what it would cost as bad luck.
    bads: Vec<(i64, f64, f64)>,
}

impl Seen {
    fn new(networks: usize) -> Self {
        Self {
            members: Vec::new(),
            hard_rows: 0,
            classes: [0.0; CLASSES],
            bad: 0.0,
            by_network: vec![0; networks],
            hub: false,
            bads: Vec::new(),
        }
    }

    fn share(&self, class: Class) -> f64 {
        self.classes[class as usize] / self.bad.max(1.0)
    }

    fn names(&self) -> f64 {
        self.share(Class::Dns) + self.share(Class::DnsTimeout)
    }

    /// What failed askings look like here: often one thing, sometimes two.
    fn shapes(&self) -> Vec<Shape> {
        let other = [Class::Refused, Class::Content, Class::Slow, Class::Dns];
        let dead = 1.0 - other.iter().map(|class| self.share(*class)).sum::<f64>();
        let shapes = [
            (Shape::Dead, dead),
            (Shape::Refusing, self.share(Class::Refused)),
            (Shape::Nameless, if self.share(Class::Dns) > 0.0 { self.names() } else { 0.0 }),
            (Shape::Wrong, self.share(Class::Content)),
            (Shape::Sluggish, self.share(Class::Slow)),
        ];
        shapes.iter().filter(|(_, share)| *share >= CLASS_SHARE_MIN).map(|(shape, _)| *shape).collect()
    }
}

/// Modes of a node that are still to be tried, given what has been chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    All,
    OnlySlow,
    NotSlow,
}

impl Open {
    const fn takes(self, mode: Mode) -> bool {
        match self {
            Self::All => true,
            Self::OnlySlow => mode.slow(),
            Self::NotSlow => !mode.slow(),
        }
    }
}

impl Search<'_> {
    /// Everything that is worth trying, scored, given what is supposed already.
    pub fn candidates(&mut self, chosen: &[Candidate]) -> Vec<Candidate> {
        let mut all = Vec::new();
        // They leave out what has been chosen since.
        self.profiles.clear();
        for (node, seen) in self.worth_trying() {
            let taken = |facet: Option<usize>, slow: bool| {
                chosen.iter().any(|other| {
                    other.node == node
                        && other.span.until.is_none()
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

    /// Ways in which what is bad behind a node looks like a failure of all that it carries.
    fn whole_modes(&self, node: NodeIx, seen: &Seen) -> Vec<Mode> {
        let kind = self.topology.nodes[node].kind;
        let far_end = matches!(kind, NodeKind::Service(_) | NodeKind::Target(_));
        let common = |class: Class| seen.share(class) >= CLASS_SHARE_MIN;
        let mut modes = vec![Mode::Total];
        let mut offer = |mode: Mode, likely: bool| {
            if likely {
                modes.push(mode);
            }
        };
        offer(Mode::Refused, common(Class::Refused));
        offer(Mode::Tls, common(Class::Tls));
        // A network carries packets; names are its resolvers' business.
        let resolves = !matches!(kind, NodeKind::Network(_));
        offer(Mode::Dns, resolves && seen.names() >= CLASS_SHARE_MIN);
        offer(Mode::Policy, common(Class::Policy));
        offer(Mode::Slow, common(Class::Slow));
        offer(Mode::Brownout, seen.share(Class::Slow) >= CLASS_SHARE_MIN / 2.0);
        offer(Mode::Content, far_end && common(Class::Content));
        offer(Mode::Large, !far_end && common(Class::Stalled));
        offer(
            Mode::Streams,
            !far_end && seen.share(Class::Reach) + seen.share(Class::Refused) >= CLASS_SHARE_MIN,
        );
        modes
    }

    fn try_modes(
        &mut self,
        node: NodeIx,
        facet: Option<usize>,
        seen: &Seen,
        open: Open,
        all: &mut Vec<Candidate>,
    ) {
        match self.topology.nodes[node].kind {
            NodeKind::Monitor => {
                for mode in [Mode::Total, Mode::SharedMachine] {
                    self.try_mode(node, facet, seen, mode, Among::All, all);
                }
            }
            NodeKind::Unmapped => {
                for shape in seen.shapes() {
                    for (share, _) in UNMAPPED {
                        self.try_mode(node, facet, seen, Mode::Sticky(share, shape), Among::Hard, all);
                    }
                }
            }
            _ => {
                for mode in self.whole_modes(node, seen).into_iter().filter(|mode| open.takes(*mode)) {
                    self.try_mode(node, facet, seen, mode, Among::All, all);
                }
                for shape in seen.shapes() {
                    self.try_shares(node, facet, seen, open, shape, all);
                }
            }
        }
    }

    /// Modes that take a share of the askings, or of the rows.
    fn try_shares(
        &mut self,
        node: NodeIx,
        facet: Option<usize>,
        seen: &Seen,
        open: Open,
        shape: Shape,
        all: &mut Vec<Candidate>,
    ) {
        if shape == Shape::Nameless && matches!(self.topology.nodes[node].kind, NodeKind::Network(_)) {
            return;
        }
        let some = Mode::Partial(0.3, shape);
        if shape != Shape::Sluggish && open.takes(some) {
            // The rate that is seen where it explains most, and its neighbours.
            let profile = self.profile(node, facet, some, seen);
            let (on, was) = profile.spans(&some.row(), Among::All);
            if let Some(span) = on.or(was) {
                for rate in nearest(&RATES, profile.rate(span)) {
                    self.try_mode(node, facet, seen, Mode::Partial(rate, shape), Among::All, all);
                }
            }
        }
        let count = self.topology.nodes[node].member_count(self.topology.rows);
        if seen.hard_rows > 0 && count > 1 && open.takes(Mode::Sticky(0.5, shape)) {
            let share = f64::from(seen.hard_rows) / count as f64;
            for share in nearest(&STICKY.map(|(share, _)| share), share) {
                self.try_mode(node, facet, seen, Mode::Sticky(share, shape), Among::Hard, all);
            }
        }
    }

    fn try_mode(
        &mut self,
        node: NodeIx,
        facet: Option<usize>,
        seen: &Seen,
        mode: Mode,
        among: Among,
        all: &mut Vec<Candidate>,
    ) {
        let profile = self.profile(node, facet, mode, seen);
        let shares: LogShares = mode.row();
        let (on, was) = profile.spans(&shares, among);
        for span in [on, was].into_iter().flatten() {
            let mut candidate = Candidate { node, facet, mode, span, gain: 0.0, score: 0.0 };
            candidate.gain = self.gain(&candidate, &seen.members, profile.clean(), profile.grid());
            candidate.score = candidate.gain + self.prior(node, facet, mode, span);
            all.push(candidate);
        }
    }

    /// What happened behind a node, as far as a mode would show.
    fn profile(&mut self, node: NodeIx, facet: Option<usize>, mode: Mode, seen: &Seen) -> Rc<Profile> {
        let key = (node, facet, mode.shows(), mode == Mode::SharedMachine);
        if let Some(known) = self.profiles.get(&key) {
            return Rc::clone(known);
        }
        let clean = self.clean(node, facet, mode);
        let mut profile = Profile::new(self.grid, clean);
        let of = Candidate { node, facet, mode, span: Span::since(self.now), gain: 0.0, score: 0.0 };
        let monitor = self.is_monitor(node);
        for member in &seen.members {
            let Some(dirty) = self.dirty_of(member.row) else { continue };
            let cover = &self.topology.covers[member.cover];
            let pieces = || {
                self.probes_of(cover, &of)
                    .flat_map(|probe| dirty.pieces[probe as usize].as_slice())
                    .filter(|piece| piece.weight > 0.0)
            };
            let bad = pieces().filter(|piece| piece.class.bad()).count();
            let hard = bad * 2 >= pieces().count();
            for piece in pieces() {
                profile.add(piece, hard);
            }
            if dirty.late && (cover.everything || monitor) && !dirty.cut {
                profile.add_overdue(dirty.due);
            }
        }
        let profile = Rc::new(profile);
        self.profiles.insert(key, Rc::clone(&profile));
        profile
    }

    /// Good answers of the clean rows behind a node, as far as a mode would show; worked out once for what carries
    /// the same.
    fn clean(&mut self, node: NodeIx, facet: Option<usize>, mode: Mode) -> Rc<Clean> {
        let members = &self.topology.nodes[node].members;
        let machine = mode == Mode::SharedMachine;
        let whose = match members {
            Members::Every(cover) => (true, *cover),
            Members::Some(_) => (machine, node),
        };
        let key = (whose, facet, mode.shows());
        if let Some(known) = self.clean.get(&key) {
            return Rc::clone(known);
        }
        let of = Candidate { node, facet, mode, span: Span::since(self.now), gain: 0.0, score: 0.0 };
        let mut clean = Clean::NONE;
        for member in self.members(&of) {
            let hearing = &self.evidence.hearings[member.row as usize];
            if !hearing.ever() || hearing.away || self.dirty_of(member.row).is_some() {
                continue;
            }
            let cover = &self.topology.covers[member.cover];
            let mut latest = None;
            for probe in self.probes_of(cover, &of) {
                let facts = &self.topology.probes[probe as usize];
                let check = &self.evidence.checks[self.topology.check(member.row, probe)];
                if !check.fresh(self.now, facts.stale_ms()) {
                    continue;
                }
                latest = latest.max(Some(check.last_at));
                let begin = self.now.plus_millis(-facts.lag_ms());
                for (at, _) in check.recent().take(super::OKS_COUNTED).take_while(|(at, _)| *at >= begin) {
                    clean.ok.add(&self.grid, at, self.now.millis_since(at) < facts.timeout_ms);
                }
            }
            if let Some(latest) = latest {
                clean.cleared.add(&self.grid, latest, false);
            }
        }
        let clean = Rc::new(clean);
        self.clean.insert(key, Rc::clone(&clean));
        clean
    }

    pub fn prior(&self, node: NodeIx, facet: Option<usize>, mode: Mode, span: Span) -> f64 {
        let open = self.known.failed.iter().find(|(failed, _)| *failed == node);
        // What began a moment ago isn't what has failed all along.
        let goes_on = open.is_some_and(|(_, latest)| !mode.uniform() || span.since <= *latest);
        let kind_of = self.topology.nodes[node].kind;
        let kind: f64 = if goes_on {
            0.5
        } else if open.is_some() || self.known.recovering.contains(&node) {
            1e-3
        } else {
            match kind_of {
                NodeKind::Component(_) | NodeKind::SharedRisk(_) | NodeKind::Unmapped => 1e-5,
                NodeKind::AllSpares | NodeKind::Network(_) => 1e-6,
                NodeKind::Service(_) | NodeKind::Target(_) => 5e-5,
                NodeKind::Monitor => 2e-5,
            }
        };
        let of_shares = |shares: &[(f64, f64)], share: f64| {
            shares.iter().find(|(known, _)| (known - share).abs() < 1e-9).map_or(1e-3, |(_, chance)| *chance)
        };
        let how: f64 = match mode {
            Mode::Total => 0.5,
            Mode::Refused | Mode::Content | Mode::SharedMachine => 0.1,
            Mode::Tls | Mode::Dns | Mode::Policy | Mode::Slow => 0.05,
            Mode::Brownout | Mode::Streams | Mode::Large | Mode::Partial(..) => 0.03,
            Mode::Sticky(share, _) if kind_of == NodeKind::Unmapped => 0.1 * of_shares(&UNMAPPED, share),
            Mode::Sticky(share, _) => 0.05 * of_shares(&STICKY, share),
        };
        let where_: f64 = match (facet, mode) {
            (None, _) => 1.0,
            // A machine that loses one of its networks only is rarer than that network.
            (Some(_), Mode::SharedMachine) => 0.005,
            (Some(_), _) => 0.1,
        };
        (kind * how * where_).ln()
    }

    /// Nodes behind which enough is bad, with what is bad there.
    fn worth_trying(&self) -> BTreeMap<NodeIx, Seen> {
        let topology = self.topology;
        let every: Vec<NodeIx> = (0..topology.nodes.len())
            .filter(|node| {
                matches!(topology.nodes[*node].members, Members::Every(_)) || self.is_monitor(*node)
            })
            .collect();
        let mut seen: BTreeMap<NodeIx, Seen> = BTreeMap::new();
        for dirty in &self.dirty {
            let row = dirty.row;
            for node in every.iter().chain(&topology.row_nodes[row as usize]) {
                let monitor = self.is_monitor(*node);
                let member = if monitor {
                    topology.nodes[*node].members(topology.rows).next().map(|member| Member { row, ..member })
                } else {
                    topology.nodes[*node].member(row)
                };
                let Some(member) = member else { continue };
                let cover = &topology.covers[member.cover];
                let entry = seen.entry(*node).or_insert_with(|| Seen::new(topology.networks));
                let mut luck = 0.0;
                for probe in &cover.probes {
                    for piece in dirty.pieces[*probe as usize].as_slice() {
                        if piece.class.bad() && !piece.touched {
                            luck -= piece.luck;
                            entry.bad += piece.weight;
                            entry.classes[piece.class as usize] += piece.weight;
                            entry.by_network[topology.probes[*probe as usize].network] += 1;
                            entry.bads.push((piece.from.as_millis(), piece.weight, -piece.luck));
                        }
                    }
                }
                let silent = dirty.late && !dirty.cut && (cover.everything || monitor);
                entry.hard_rows += u32::from(luck >= HARD_ROW || silent);
                entry.hub |= row == topology.hub() && luck > 0.0;
                entry.members.push(member);
            }
        }
        seen.retain(|node, seen| self.deserves_a_look(*node, seen));
        seen
    }

    fn deserves_a_look(&self, node: NodeIx, seen: &mut Seen) -> bool {
        if self.known.failed.iter().any(|(failed, _)| *failed == node) {
            return seen.bad > 0.0 || seen.hard_rows > 0;
        }
        if self.is_monitor(node) {
            return seen.hub || seen.hard_rows >= 2;
        }
        if seen.hard_rows >= 2 {
            return true;
        }
        if seen.bads.len() < 2 {
            return false;
        }
        // Roughly: how much better does any failure rate since any moment explain the bad ones than bad luck,
        // if all that it carries was asked as often as it should be?
        let node_ref = &self.topology.nodes[node];
        let Some(member) = node_ref.members(self.topology.rows).next() else { return false };
        let rows = node_ref.member_count(self.topology.rows) as f64;
        let per_ms: f64 = self.topology.covers[member.cover]
            .probes
            .iter()
            .map(|probe| rows * self.heard_share / self.topology.probes[*probe as usize].every_ms as f64)
            .sum();
        seen.bads.sort_by_key(|(from, ..)| std::cmp::Reverse(*from));
        let best = self.prior(node, None, Mode::Total, Span::since(self.now)).max(-12.0);
        let (mut bad, mut luck) = (0.0, 0.0);
        seen.bads.iter().any(|(from, weight, cost)| {
            bad += weight;
            luck += cost;
            let asked = (self.now.as_millis().saturating_sub(*from) as f64 * per_ms).max(bad);
            let rate = (bad / asked).clamp(1e-6, 0.98);
            luck + bad * rate.ln() + (asked - bad) * (1.0 - rate).ln() + best > -ROUGH_SLACK
        })
    }
}

/// The two of a rising list that lie nearest to a value.
fn nearest(list: &[f64], value: f64) -> impl Iterator<Item = f64> + use<> {
    let mut order: Vec<f64> = list.to_vec();
    order.sort_by(|a, b| (a / value.max(1e-9)).ln().abs().total_cmp(&(b / value.max(1e-9)).ln().abs()));
    order.truncate(2);
    order.into_iter()
}

/// What a clean profile is of: (every row, cover or node), network, where it shows.
pub type CleanKey = ((bool, usize), Option<usize>, Shows);
/// What a profile is of: node, network, where it shows, and whether one machine asks for everybody.
pub type ProfileKey = (NodeIx, Option<usize>, Shows, bool);
