//! What is worth supposing: nodes behind which enough is bad, in the ways in which it looks bad.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::f64::consts::LN_2;
use std::rc::Rc;

use super::super::evidence::{CLASSES, Class};
use super::super::model::{Mode, SILENT_BY_ITSELF, Shape, Shows};
use super::super::tallies::Tallies;
use super::super::topology::{Member, NodeIx, NodeKind, Row};
use super::super::window::Piece;
use super::gain::{WAYS_MAX, share_hit};
use super::profile::{Among, Counts, Profile};
use super::strays::{Strays, strays_max};
use super::{Candidate, Choice, Lens, Search};

/// Share of a class among the bad results behind a node from which its mode is worth trying.
const CLASS_SHARE_MIN: f64 = 0.3;
/// Share of the bad results of hot rows on one network from which a failure of that one alone is worth trying. The
/// others are bad luck: where there are many practices, some of it is always on each network.
const FACET_SHARE_MIN: f64 = 0.6;
/// A row that would need this much bad luck (nats) fails hard.
pub const HARD_ROW: f64 = 9.0;
/// Rates of partial faults, and shares of the rows that are hit.
const RATES: [f64; 8] = [0.015, 0.04, 0.08, 0.15, 0.3, 0.5, 0.7, 0.88];
/// Losses from which the rate is looked for.
const RATES_GUESSED: [f64; 2] = [0.015, 0.3];
/// A loss of this or less isn't tried where it is less likely (nats) by more than so much than that nothing has failed.
const RATES_LITTLE: f64 = 0.015;
const LITTLE_SLACK: f64 = 4.0;
pub const STICKY: [(f64, f64); 5] = [(0.05, 1e-3), (0.15, 0.05), (0.3, 0.3), (0.5, 0.5), (0.8, 0.15)];
/// What the map doesn't say is shared by a few: a street, a landlord, a switch. Practices, and how likely so many are …
pub const UNMAPPED: [(u32, f64); 4] = [(2, 0.48), (5, 0.33), (10, 0.14), (20, 0.05)];
/// … as long as that is not most of the estate, and no more than twice as many fail hard: what takes many is on the map.
const UNMAPPED_SHARE_MAX: f64 = 0.4;
const UNMAPPED_TIMES_MAX: u32 = 2;

/// Of a dead row at most one in so many results is good.
const DEAD_ANSWERS: usize = 4;

/// Candidates whose scores must be this far (nats) below the best, or below "none of these", aren't worked out: they
/// would take a hundred-thousandth from its probability.
const NEGLIGIBLE: f64 = 12.0;

/// A candidate before it is worked out.
struct Sketch {
    candidate: Candidate,
    profile: Rc<Profile>,
    lens: Rc<Lens>,
    /// Its score is at most this.
    at_most: f64,
    /// What its strays add, once that has been worked out.
    strays: Option<f64>,
    /// Its node's position among those that are worth trying.
    of: usize,
}

/// By what they could come to, and the earlier of equals first.
impl Ord for Sketch {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at_most.total_cmp(&other.at_most).then_with(|| other.of.cmp(&self.of))
    }
}

impl PartialOrd for Sketch {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Sketch {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Sketch {}

/// Which candidates are worked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// All that take a part of the probability.
    All,
    /// Those as well, if one is fit to be named; if none is, nobody asks for the others.
    IfFit,
}

/// What is bad behind a node.
pub struct Seen {
    /// Hot rows behind it.
    pub members: Vec<Member>,
    /// Those of which something bad crossed it, or that are silent.
    showing: Vec<Member>,
    /// Rows that fail hard, or are overdue.
    hard_rows: u32,
    classes: [f64; CLASSES],
    bad: f64,
    /// The score of what explains it is at most this: the bad luck of the slight rows, what the states of the hot ones
    /// leave, the silence of those that are late, strays, and how likely it is that the node fails at all.
    at_most: f64,
    /// Bad results of hot rows.
    by_network: Vec<u32>,
    /// The hub's own checks are among them.
    hub: bool,
    /// Rows behind it that fail so much that they could be strays of something else.
    astray: usize,
    /// The most (nats) that strays of it could add.
    strays: f64,
}

impl Seen {
    fn new(networks: usize) -> Self {
        Self {
            members: Vec::new(),
            showing: Vec::new(),
            hard_rows: 0,
            classes: [0.0; CLASSES],
            bad: 0.0,
            at_most: 0.0,
            by_network: vec![0; networks],
            hub: false,
            astray: 0,
            strays: 0.0,
        }
    }

    fn add(&mut self, piece: &Piece) {
        self.bad += 1.0;
        self.classes[piece.class as usize] += 1.0;
    }

    /// The network on which nearly all of it is.
    fn facet(&self) -> Option<usize> {
        let all: u32 = self.by_network.iter().sum();
        let most = |count: &u32| *count > 0 && f64::from(*count) >= FACET_SHARE_MIN * f64::from(all);
        self.by_network.iter().position(most)
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

/// What is tried of a node.
#[derive(Clone, Copy)]
struct Tried<'s> {
    /// Its position among those that are worth trying.
    of: usize,
    node: NodeIx,
    facet: Option<usize>,
    seen: &'s Seen,
    open: Open,
}

impl Search<'_> {
    /// Everything that is worth trying, scored, given what is supposed already. The most promising comes first, whether
    /// it is a node, a sketch or a candidate, so that only what could still matter is ever worked out. What comes to
    /// much less than the best that may be chosen doesn't matter.
    pub fn candidates(&mut self, chosen: &[Candidate], wanted: Wanted, choice: Choice) -> Vec<Candidate> {
        // They leave out what has been chosen since.
        self.profiles.clear();
        let (mut best, mut fit) = (0.0_f64, wanted == Wanted::All);
        let mut all = Vec::new();
        let (worth, strays) = self.worth_trying();
        let mut nodes = worth.iter().enumerate().peekable();
        let mut sketches = BinaryHeap::new();
        loop {
            let at_least = if fit { best - NEGLIGIBLE } else { 0.0 };
            let sketched = sketches.peek().map_or(f64::NEG_INFINITY, |sketch: &Sketch| sketch.at_most);
            // Nothing explains more than all that is bad behind it.
            if let Some((of, (node, seen))) =
                nodes.next_if(|(_, (_, seen))| seen.at_most >= sketched && seen.at_most >= at_least)
            {
                self.sketch(of, *node, seen, chosen, &mut sketches);
                continue;
            }
            let Some(mut sketch) = sketches.pop().filter(|sketch| sketch.at_most >= at_least) else { break };
            let mut candidate = sketch.candidate;
            let seen = &worth[sketch.of].1;
            let behind = &seen.members;
            let Some(astray) = sketch.strays else {
                let astray = self.gain_of_strays(&candidate, &sketch.lens, behind.len(), &strays);
                sketch.at_most += astray - seen.strays;
                sketch.strays = Some(astray);
                sketches.push(sketch);
                continue;
            };
            candidate.gain = self.gain(&candidate, &sketch.lens, behind, sketch.profile.calm()) + astray;
            candidate.score += candidate.gain;
            if self.may_be_chosen(&candidate, choice) {
                best = best.max(candidate.score);
                fit |= candidate.score > self.needed(&candidate);
            }
            all.push(candidate);
        }
        // In the order of the estate: candidates of other nodes that score the same don't depend on what is worked out
        // first. Those of one node and network keep that order.
        all.sort_by_key(|candidate| (candidate.node, candidate.facet));
        all
    }

    /// Sketches a node's candidates.
    fn sketch(
        &mut self,
        of: usize,
        node: NodeIx,
        seen: &Seen,
        chosen: &[Candidate],
        sketches: &mut BinaryHeap<Sketch>,
    ) {
        let taken = |facet: Option<usize>, slow: bool| {
            chosen.iter().any(|other| {
                other.node == node
                    && other.span.until.is_none()
                    && other.mode.slow() == slow
                    && (other.facet == facet || other.facet.is_none() || facet.is_none())
            })
        };
        let mut facets = vec![None];
        let heard_over = || if self.is_monitor(node) { self.uplink_of_late(seen) } else { None };
        if let Some(only) = seen.facet().or_else(heard_over).filter(|_| self.spans_networks(node)) {
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
            self.try_modes(Tried { of, node, facet, seen, open }, sketches);
        }
    }

    /// The network over which nearly all of those were heard last that aren't heard now.
    fn uplink_of_late(&self, seen: &Seen) -> Option<usize> {
        let mut counts = vec![0_u32; self.topology.networks];
        let mut late = 0_u32;
        for dirty in
            seen.members.iter().filter_map(|member| self.dirty_of(member.row)).filter(|dirty| dirty.late)
        {
            late += 1;
            let uplink = self.evidence.hearings[dirty.row as usize].uplink.map(usize::from);
            if let Some(count) = uplink.and_then(|uplink| counts.get_mut(uplink)) {
                *count += 1;
            }
        }
        let most = |count: &u32| *count > 0 && f64::from(*count) >= FACET_SHARE_MIN * f64::from(late);
        counts.iter().position(most)
    }

    /// The share of the rows that so many practices are.
    pub fn unmapped_share(&self, practices: u32) -> f64 {
        f64::from(practices) / self.topology.rows as f64
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
        if self.topology.nodes[node].resolver {
            // It has to do with names alone.
            let slow = seen.share(Class::Slow) >= CLASS_SHARE_MIN;
            return if slow { vec![Mode::Dns, Mode::Slow] } else { vec![Mode::Dns] };
        }
        let far_end = matches!(kind, NodeKind::Service(_) | NodeKind::Target(_));
        let common = |class: Class| seen.share(class) >= CLASS_SHARE_MIN;
        let mut modes = vec![Mode::Total];
        let mut offer = |mode: Mode, likely: bool| {
            if likely {
                modes.push(mode);
            }
        };
        offer(Mode::Refused, common(Class::Refused));
        offer(Mode::Rejected, common(Class::Refused));
        offer(Mode::Tls, common(Class::Tls));
        // A network carries packets; names are its resolvers' business.
        let resolves = !matches!(kind, NodeKind::Network(_));
        offer(Mode::Dns, resolves && seen.names() >= CLASS_SHARE_MIN);
        offer(Mode::Policy, common(Class::Policy));
        offer(Mode::Slow, common(Class::Slow));
        offer(Mode::Saturated, seen.share(Class::Slow) >= CLASS_SHARE_MIN / 2.0);
        offer(Mode::Brownout, seen.share(Class::Slow) >= CLASS_SHARE_MIN / 2.0);
        offer(Mode::Content, far_end && common(Class::Content));
        offer(Mode::Large, !far_end && common(Class::Stalled));
        offer(
            Mode::Streams,
            !far_end && seen.share(Class::Reach) + seen.share(Class::Refused) >= CLASS_SHARE_MIN,
        );
        modes
    }

    fn try_modes(&mut self, tried: Tried<'_>, all: &mut BinaryHeap<Sketch>) {
        let Tried { node, seen, open, .. } = tried;
        match self.topology.nodes[node].kind {
            NodeKind::Monitor => {
                for mode in [Mode::Total, Mode::SharedMachine] {
                    self.try_mode(tried, mode, Among::All, all);
                }
                if seen.share(Class::Slow) >= CLASS_SHARE_MIN {
                    self.try_mode(tried, Mode::Slow, Among::All, all);
                }
            }
            NodeKind::Unmapped => {
                for shape in seen.shapes() {
                    for (practices, _) in UNMAPPED {
                        let share = self.unmapped_share(practices);
                        let few = seen.hard_rows <= practices * UNMAPPED_TIMES_MAX;
                        if few && share <= UNMAPPED_SHARE_MAX {
                            self.try_mode(tried, Mode::Sticky(share, shape), Among::Hard, all);
                        }
                    }
                }
            }
            _ => {
                for mode in self.whole_modes(node, seen).into_iter().filter(|mode| open.takes(*mode)) {
                    self.try_mode(tried, mode, Among::All, all);
                }
                // What has spares hits a share of the rows as it is, and all spares at once fail for good.
                let node_ref = &self.topology.nodes[node];
                if node_ref.spared || node_ref.kind == NodeKind::AllSpares {
                    return;
                }
                for shape in seen.shapes() {
                    self.try_shares(tried, shape, all);
                }
            }
        }
    }

    /// Modes that take a share of the askings, or of the rows.
    fn try_shares(&mut self, tried: Tried<'_>, shape: Shape, all: &mut BinaryHeap<Sketch>) {
        let Tried { node, seen, open, .. } = tried;
        let resolver = self.topology.nodes[node].resolver;
        if shape == Shape::Nameless && matches!(self.topology.nodes[node].kind, NodeKind::Network(_))
            || resolver && shape != Shape::Nameless
        {
            return;
        }
        let some = Mode::Partial(0.3, shape);
        if shape != Shape::Sluggish && open.takes(some) {
            for rate in self.rates(tried, shape) {
                self.try_mode(tried, Mode::Partial(rate, shape), Among::All, all);
            }
        }
        let count = self.topology.nodes[node].member_count(self.topology.rows);
        if seen.hard_rows > 0 && count > 1 && open.takes(Mode::Sticky(0.5, shape)) {
            let share = f64::from(seen.hard_rows) / count as f64;
            for share in nearest(&STICKY.map(|(share, _)| share), share) {
                self.try_mode(tried, Mode::Sticky(share, shape), Among::Hard, all);
            }
        }
    }

    /// The rate that is seen where a loss of so much explains most, and its neighbours: of a loss that much is lost by, and
    /// of one that little is, as the one sees a spike where the other sees a slope.
    fn rates(&mut self, tried: Tried<'_>, shape: Shape) -> Vec<f64> {
        let mut rates = Vec::new();
        for guess in RATES_GUESSED {
            let mode = Mode::Partial(guess, shape);
            let lens = self.lens(tried.facet, mode);
            let profile = self.profile(tried, mode, &lens);
            let (on, was) = profile.spans(&lens.shares, Among::All);
            let Some((span, explained)) = on.or(was) else { continue };
            // There is always some luck that a little loss would explain a little better.
            let prior = self.prior(tried.node, tried.facet, mode, span);
            if guess > RATES_LITTLE || explained + prior > -LITTLE_SLACK {
                rates.extend(nearest(&RATES, profile.rate(span)));
            }
        }
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        rates
    }

    fn try_mode(&mut self, tried: Tried<'_>, mode: Mode, among: Among, all: &mut BinaryHeap<Sketch>) {
        let Tried { of, node, facet, seen, .. } = tried;
        let lens = self.lens(facet, mode);
        let profile = self.profile(tried, mode, &lens);
        let shares = &lens.shares;
        // Of what has spares, the rows that use another one say nothing.
        let among = if self.topology.nodes[node].spared { Among::Hard } else { among };
        let (on, was) = profile.spans(shares, among);
        let mut moved = vec![0.0; self.topology.networks];
        for (span, _) in [on, was].into_iter().flatten() {
            let score = self.prior(node, facet, mode, span);
            debug_assert!(score <= self.prior_at_most(node) + 1e-9, "no bound for {mode:?} of node {node}");
            let candidate = Candidate { node, facet, mode, span, gain: 0.0, score };
            let spared = self.speaks_against(&candidate, shares.ok(), seen.members.len(), profile.calm());
            // A row of which a share is hit gains at most twice that share of what it would gain, or nothing.
            let some = share_hit(mode, false).map_or(0.0, |share| (2.0 * share).min(1.0).ln());
            let row_gain = |row: Row, moved: &[f64]| {
                let gain = self.dirty_of(row).map_or(0.0, |dirty| dirty.gain_at_most(moved)) + WAYS_MAX;
                (gain + some).max(LN_2.min(gain))
            };
            let explained = profile.at_most(span, shares, among, &self.networks, &mut moved, row_gain);
            let at_most = explained + spared + score + seen.strays;
            if at_most >= -NEGLIGIBLE {
                let (profile, lens) = (Rc::clone(&profile), Rc::clone(&lens));
                let strays = (seen.strays == 0.0).then_some(0.0);
                all.push(Sketch { candidate, profile, lens, at_most, strays, of });
            }
        }
    }

    /// What happened behind a node, as far as a mode would show.
    fn profile(&mut self, tried: Tried<'_>, mode: Mode, lens: &Lens) -> Rc<Profile> {
        let Tried { node, facet, seen, .. } = tried;
        let machine = mode == Mode::SharedMachine;
        let key = (node, facet, mode.shows(), machine);
        if let Some(known) = self.profiles.get(&key) {
            return Rc::clone(known);
        }
        let crossed = self.crossed_by(node, mode);
        let hot = self.good(crossed, lens, &self.evidence.hot);
        let mut profile = Profile::new(self.grid, self.calm((crossed, facet, mode.shows()), lens), &hot);
        let monitor = self.is_monitor(node);
        let behind = self.behind[crossed].iter().map(|at| &self.slight[*at as usize]);
        for slight in behind.filter(|slight| lens.shows(slight.piece.probe)) {
            profile.add(&slight.piece, slight.last_word);
        }
        profile.end_row(None);
        for member in &seen.showing {
            let Some(dirty) = self.dirty_of(member.row) else { continue };
            let cover = &self.topology.covers[member.cover];
            let own_lines = monitor && !machine && member.row != self.topology.hub();
            // Newest first, so that what came since is counted on the way.
            let (mut good, mut bad) = (0, 0);
            for at_once in dirty.pieces.chunk_by(|a, b| a.from == b.from) {
                let shown = || at_once.iter().filter(|piece| lens.shows_through(cover, piece.probe));
                let failed = shown().filter(|piece| piece.class.bad()).count();
                bad += failed;
                good += shown().count() - failed;
                for piece in shown().filter(|piece| piece.class.bad() && !own_lines) {
                    profile.add(piece, good * DEAD_ANSWERS <= bad);
                }
            }
            profile.end_row(Some(member.row));
            let held_back = if monitor { self.is_heard_over(member.row, facet) } else { cover.everything };
            if dirty.late && held_back && !dirty.cut {
                profile.add_overdue(dirty.due);
            }
        }
        let profile = Rc::new(profile);
        self.profiles.insert(key, Rc::clone(&profile));
        profile
    }

    /// Good answers behind a node, as far as a mode would show.
    fn good(&self, node: NodeIx, lens: &Lens, tallies: &Tallies) -> Counts {
        let mut counts = Counts::NONE;
        for (probe, facts) in self.topology.probes.iter().enumerate() {
            if lens.shows(crate::estate::ProbeIx::new(probe).0) {
                let ripe = self.grid.place(self.now.plus_millis(-facts.timeout_ms));
                counts.add(tallies.read(node, probe, self.grid.first), ripe);
            }
        }
        counts
    }

    /// Good answers of the calm rows. They don't depend on what is chosen.
    fn calm(&mut self, of: CalmKey, lens: &Lens) -> Rc<Counts> {
        if let Some(known) = self.calm.get(&of) {
            return Rc::clone(known);
        }
        let counts = Rc::new(self.good(of.0, lens, &self.evidence.calm));
        self.calm.insert(of, Rc::clone(&counts));
        counts
    }

    /// Nodes behind which enough is bad, with what is bad there; most of it first.
    fn worth_trying(&self) -> (Vec<(NodeIx, Seen)>, Strays) {
        let topology = self.topology;
        let mut seen: Vec<Option<Seen>> = Vec::new();
        seen.resize_with(topology.nodes.len(), || None);
        let monitor = self.monitor;
        for slight in self.slight.iter().filter(|slight| !slight.piece.touched) {
            let hub = slight.row == topology.hub();
            for node in topology.crossed(slight.row, slight.piece.probe) {
                let entry = seen[*node as usize].get_or_insert_with(|| Seen::new(topology.networks));
                entry.add(&slight.piece);
                entry.at_most -= slight.piece.reason;
                entry.hub |= hub;
            }
        }
        // What a hot row would need of bad luck behind each node, by network.
        let networks = topology.networks;
        let mut luck = vec![0.0; topology.nodes.len() * networks];
        let mut strays = Vec::with_capacity(self.hot.len());
        let mut own = vec![0.0; networks];
        for (dirty, may_stray) in self.hot.iter().zip(&self.may_stray) {
            let row = dirty.row;
            own.fill(0.0);
            for piece in dirty.pieces.iter().filter(|piece| piece.class.bad() && !piece.touched) {
                let network = self.networks[piece.probe as usize];
                own[network] -= piece.reason;
                let also = (row != topology.hub()).then_some(monitor);
                let crossed = topology.crossed(row, piece.probe);
                for node in crossed.iter().map(|node| *node as usize).chain(also) {
                    luck[node * networks + network] -= piece.reason;
                    let entry = seen[node].get_or_insert_with(|| Seen::new(topology.networks));
                    entry.add(piece);
                    entry.by_network[network] += 1;
                }
            }
            let stray = if *may_stray { dirty.gains_as_stray(&own) } else { 0.0 };
            strays.push(stray);
            for node in self.every.iter().chain(&topology.row_nodes[row as usize]) {
                let is_monitor = *node == monitor;
                let member = if is_monitor {
                    self.stands_before_everybody.map(|member| Member { row, ..member })
                } else {
                    topology.nodes[*node].member(row)
                };
                let Some(member) = member else { continue };
                let cover = &topology.covers[member.cover];
                let silent = dirty.late && !dirty.cut && (cover.everything || is_monitor);
                let by_network = &mut luck[*node * networks..][..networks];
                let bad: f64 = by_network.iter().sum();
                let explained = if bad > 0.0 { dirty.gain_at_most(by_network) } else { 0.0 };
                by_network.fill(0.0);
                let entry = seen[*node].get_or_insert_with(|| Seen::new(topology.networks));
                // Of those that people were told of, nothing new is to be explained.
                let hard = bad >= HARD_ROW || silent;
                entry.hard_rows += u32::from(hard && !(dirty.told && *node == self.unmapped));
                entry.at_most += explained + if silent { -SILENT_BY_ITSELF } else { 0.0 };
                entry.hub |= row == topology.hub() && own.iter().any(|luck| *luck > 0.0);
                entry.astray += usize::from(stray > 0.0);
                if bad > 0.0 || silent {
                    entry.showing.push(member);
                }
                entry.members.push(member);
            }
        }
        let strays = Strays::new(strays);
        let places = seen.iter_mut().enumerate().filter(|(node, _)| self.may_have_strays(*node));
        for seen in places.filter_map(|(_, seen)| seen.as_mut()) {
            seen.strays = strays.most(strays_max(seen.members.len()).min(strays.count() - seen.astray));
            seen.at_most += seen.strays;
        }
        let seen = seen.into_iter().enumerate().filter_map(|(node, seen)| Some((node, seen?)));
        let mut worth: Vec<(NodeIx, Seen)> =
            seen.filter(|(node, seen)| self.deserves_a_look(*node, seen)).collect();
        for (node, seen) in &mut worth {
            seen.at_most += self.prior_at_most(*node);
        }
        worth.sort_by(|a, b| b.1.at_most.total_cmp(&a.1.at_most).then(a.0.cmp(&b.0)));
        (worth, strays)
    }

    fn deserves_a_look(&self, node: NodeIx, seen: &Seen) -> bool {
        if self.known.has(node) {
            return seen.bad > 0.0 || seen.hard_rows > 0;
        }
        if self.is_monitor(node) {
            return seen.hub || seen.hard_rows >= 2;
        }
        seen.hard_rows >= 2 || seen.bad >= 2.0
    }
}

/// The two of a rising list that lie nearest to a value.
fn nearest(list: &[f64], value: f64) -> impl Iterator<Item = f64> + use<> {
    let mut order: Vec<f64> = list.to_vec();
    order.sort_by(|a, b| (a / value.max(1e-9)).ln().abs().total_cmp(&(b / value.max(1e-9)).ln().abs()));
    order.truncate(2);
    order.into_iter()
}

/// What a count of good answers is of: node, network, where it shows.
pub type CalmKey = (NodeIx, Option<usize>, Shows);
/// What a profile is of: node, network, where it shows, and whether one machine asks for everybody.
pub type ProfileKey = (NodeIx, Option<usize>, Shows, bool);
