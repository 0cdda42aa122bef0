//! From evidence to verdicts: the most probable set of failed things, each with its posterior and its
//! alternatives.
//!
//! Practices are summed out: given what is supposed to have failed in common, each practice is explained by
//! its own state (fine, dark, one network out, lossy, silent), weighted by how often that happens. A shared
//! fault must therefore beat the explanation "they failed one by one", and a practice's own fault must beat
//! "something in common has failed". Faults are added greedily, the best explanation first, and each earlier
//! choice is looked at again once a later one stands (swap and removal).
//!
//! A fault that is over is supposed like one that goes on: it explains what failed meanwhile, so that nothing
//! else is blamed for it, and it is told to nobody.
//!
//! | file | what lives there |
//! |---|---|
//! | `look` | the rows in which something is bad, and what each shows |
//! | `candidates` | what is worth supposing |
//! | `prior` | how likely each way to fail was beforehand |
//! | `profile` | from when until when a failure would explain most |
//! | `gain` | how much better everything is explained when it is supposed |
//! | `naming` | what a choice is called, how sure that is, whom it hits |
//! | `own_faults` | the rows that fail on their own beside what was chosen |
//! | `strays` | who fails with it though the map has them elsewhere |

mod candidates;
mod gain;
mod look;
mod naming;
mod own_faults;
mod prior;
mod profile;
mod strays;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::estate::PracticeIx;
use crate::time::At;

use super::evidence::Evidence;
use super::model::{LogShares, Mode, Own};
use super::own::Dirty;
use super::tallies::Grid;
use super::topology::{Cover, Member, Members, NodeIx, NodeKind, ProbeFacts, Row, Topology};
use super::window::Span;

use self::candidates::{CalmKey, ProfileKey, Wanted};
use self::look::Slight;
use self::naming::posteriors;
use self::profile::{Counts, Profile};

pub use self::look::{Look, look};

/// Shared faults that are told apart at once. More than that at one time is a story for people.
const FAULTS_MAX: usize = 5;
/// Candidates with likelihoods closer than this explain the same checks: the data can't tell them apart.
const SAME: f64 = 1e-6;
/// … as long as one was not much likelier beforehand (nats).
const GROUP_PRIOR_MAX: f64 = 2.5;
/// Odds of nine to one, the least at which a cause may be named.
const NAMED_SCORE_MIN: f64 = 2.2;
/// Shared causes that can't be named take at most this from a practice's own.
const UNNAMED_MAX: f64 = 0.08;
/// Probability from which a row is worth telling as down.
const DOWN_MIN: f64 = 0.5;
/// Alternatives that are told.
const ALTERNATIVES_MAX: usize = 3;

/// One way to explain what is seen.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    pub node: NodeIx,
    /// Only this network of those that cross it.
    pub facet: Option<usize>,
    pub mode: Mode,
    pub span: Span,
    /// Gain in log-likelihood over supposing that it has not failed.
    pub gain: f64,
    /// `gain` plus the logarithm of the prior.
    pub score: f64,
}

impl Candidate {
    /// It is the same failure, whatever it gains.
    fn supposes_the_same(&self, other: &Self) -> bool {
        (self.node, self.facet, self.mode, self.span) == (other.node, other.facet, other.mode, other.span)
    }
}

/// A shared fault that was found, with what else could be.
#[derive(Debug, Clone)]
pub struct Fault {
    pub best: Candidate,
    /// Nodes that explain the same checks as well as `best`, by falling prior.
    pub group: Vec<NodeIx>,
    pub probability: f64,
    /// P(anything that was worth trying has failed).
    pub something: f64,
    /// P(it lets nobody through, or did so for a while): of what lets some through, the rest is more.
    pub whole: f64,
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
    /// P(it, or what it shares with others, has failed).
    pub something: f64,
    /// Components that only this practice reports through, and that would look the same.
    pub same: Vec<NodeIx>,
    pub alternatives: Vec<(Vec<NodeIx>, f64)>,
}

/// Nodes of open incidents.
#[derive(Debug, Default)]
pub struct Known {
    pub failed: Vec<KnownFailed>,
    /// By incident: they answer again, but not for long yet.
    pub recovering: Vec<Vec<NodeIx>>,
    /// Practices of which people were told that they have failed on their own, in order.
    pub rows: Vec<Row>,
}

/// A node of an open incident.
#[derive(Debug, Clone, Copy)]
pub struct KnownFailed {
    pub node: NodeIx,
    /// The latest onset that is still the same failure.
    pub latest: At,
    /// Share, 0 to 1, of the evidence that named it that is too old to be weighed again.
    pub settled: f64,
}

impl Known {
    fn of(&self, node: NodeIx) -> Option<&KnownFailed> {
        self.failed.iter().find(|known| known.node == node)
    }

    fn has(&self, node: NodeIx) -> bool {
        self.of(node).is_some()
    }
}

/// Everything that the evidence says now.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    pub faults: Vec<Fault>,
    pub own: Vec<OwnFault>,
    /// Posterior of each node that was worth trying and isn't among the faults.
    pub suspects: Vec<(NodeIx, f64)>,
}

/// How a mode shows: in which probes, and with which likelihoods.
pub struct Lens {
    shares: LogShares,
    /// By probe.
    shows: Vec<bool>,
}

impl Lens {
    fn shows(&self, probe: u32) -> bool {
        self.shows[probe as usize]
    }

    fn probes<'s>(&'s self, cover: &'s Cover) -> impl Iterator<Item = u32> + 's {
        cover.probes.iter().copied().filter(|probe| self.shows(*probe))
    }

    /// It shows in this probe, and the cover carries it.
    fn shows_through(&self, cover: &Cover, probe: u32) -> bool {
        self.shows(probe) && cover.carries(probe)
    }
}

/// A network or all, a mode, and how it shows there.
type KnownLens = (Option<usize>, Mode, Rc<Lens>);

/// A set of faults.
struct Found {
    chosen: Vec<Candidate>,
    /// What was worth supposing beside the first so many of them.
    slots: Vec<Vec<Candidate>>,
    /// How much better they explain everything than nothing does.
    score: f64,
    choice: Choice,
}

/// What may be chosen: of what the one before it permits, each permits less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Choice {
    Everything,
    /// What has a name.
    Named,
    /// Of what carries others' checks, only that it fails as a whole; and what people were told of, which is what it was.
    Whole,
}

/// One evaluation.
pub struct Search<'a> {
    topology: &'a Topology,
    evidence: &'a Evidence,
    now: At,
    /// What has failed is likely to be failed still.
    known: &'a Known,
    grid: Grid,
    /// Bad results of rows that have had bad luck.
    slight: Vec<Slight>,
    /// By node: which of those crossed it.
    behind: Vec<Vec<u32>>,
    /// Rows in which more is bad, in order.
    hot: Vec<Dirty>,
    /// One more than the position in `hot`, by row; 0: it isn't.
    hot_ix: Vec<u32>,
    /// Of `hot`: it fails so much that it could be a stray of something that it isn't behind.
    may_stray: Vec<bool>,
    /// Share of the rows that report.
    heard_share: f64,
    /// Nodes that every row has, and the monitor.
    every: Vec<NodeIx>,
    monitor: NodeIx,
    unmapped: NodeIx,
    /// The monitor's member: one machine that asks for everybody stands before every row like that.
    stands_before_everybody: Option<Member>,
    /// By probe.
    networks: Vec<usize>,
    /// Those that have been looked through.
    lenses: RefCell<Vec<KnownLens>>,
    calm: BTreeMap<CalmKey, Rc<Counts>>,
    /// Of the present slot.
    profiles: BTreeMap<ProfileKey, Rc<Profile>>,
}

impl<'a> Search<'a> {
    pub fn new(
        topology: &'a Topology,
        evidence: &'a Evidence,
        look: Look,
        now: At,
        known: &'a Known,
    ) -> Self {
        let Look { slight, hot } = look;
        let mut hot_ix = vec![0; topology.rows];
        for (position, dirty) in (1_u32..).zip(&hot) {
            hot_ix[dirty.row as usize] = position;
        }
        let mut behind = vec![Vec::new(); topology.nodes.len()];
        for (position, slight) in (0_u32..).zip(&slight) {
            for node in topology.crossed(slight.row, slight.piece.probe) {
                behind[*node as usize].push(position);
            }
        }
        let may_stray = hot.iter().map(|dirty| dirty.may_stray(topology)).collect();
        let heard = evidence.hearings.iter().filter(|hearing| hearing.reports()).count();
        let find = |kind: NodeKind| topology.nodes.iter().position(|node| node.kind == kind).unwrap_or(0);
        let every = (0..topology.nodes.len())
            .filter(|node| {
                let node = &topology.nodes[*node];
                matches!(node.members, Members::Every(_)) || node.kind == NodeKind::Monitor
            })
            .collect();
        Self {
            topology,
            evidence,
            now,
            known,
            grid: Grid::new(now, &evidence.calm),
            slight,
            behind,
            hot,
            hot_ix,
            may_stray,
            heard_share: heard as f64 / topology.rows.max(1) as f64,
            every,
            monitor: find(NodeKind::Monitor),
            unmapped: find(NodeKind::Unmapped),
            stands_before_everybody: topology.nodes[find(NodeKind::Monitor)].members(topology.rows).next(),
            networks: topology.probes.iter().map(|facts| facts.network).collect(),
            lenses: RefCell::default(),
            calm: BTreeMap::new(),
            profiles: BTreeMap::new(),
        }
    }

    /// Finds the faults.
    pub fn run(mut self) -> Findings {
        if self.hot.is_empty() && self.slight.is_empty() {
            return Findings::default();
        }
        let mut found = self.greedy(Choice::Everything);
        // A street that no map shows may stand for several faults that it does show, at less than the price of all: what
        // can be named goes first if it explains more together. And a share of what a network carries may stand for two far ends
        // behind it that are dead, each of which explains less alone.
        for choice in [Choice::Named, Choice::Whole] {
            if found.chosen.iter().any(|candidate| self.leaves_out(choice, candidate)) {
                self.rebase(&[]);
                let other = self.greedy(choice);
                if other.score >= found.score {
                    found = other;
                }
            }
        }
        let Found { mut chosen, slots, choice, .. } = found;
        // Look again at each choice, given the others: a later one may explain it better.
        let mut faults: Vec<Fault> = Vec::new();
        let greedy = chosen.clone();
        let mut position = 0;
        while position < chosen.len() {
            let mut others = chosen.clone();
            others.remove(position);
            // Whom it hits, too, is judged as if it were not supposed yet.
            self.rebase(&others);
            let known = others.iter().zip(&greedy).all(|(other, greedy)| other.supposes_the_same(greedy));
            let afresh = if known { None } else { Some(self.candidates(&others, Wanted::IfFit, choice)) };
            let slot = afresh.as_ref().unwrap_or(&slots[others.len()]);
            let Some(candidate) = self.best(slot, choice) else {
                chosen.remove(position);
                continue;
            };
            chosen[position] = candidate;
            if candidate.span.until.is_none() && !self.is_unmapped(candidate.node) {
                faults.push(self.fault(candidate, slot));
            }
            position += 1;
        }
        let first = &slots[0];
        let own = self.own_faults(chosen, first);
        // Suspicion is what each alone would explain, so that it moves with the evidence and not with what
        // happens to have been chosen.
        let suspects = posteriors(first, &Known::default(), |candidate| vec![candidate.node])
            .into_iter()
            .map(|(nodes, probability)| (nodes[0], probability))
            .collect();
        Findings { faults, own, suspects }
    }

    /// Chooses the best explanation, then the best beside it, and so on.
    fn greedy(&mut self, choice: Choice) -> Found {
        // What was worth supposing beside nothing, the first, the first two and so on. Suspicion is of everything, a
        // choice is of what is fit to be named.
        let mut slots = vec![self.candidates(&[], Wanted::All, choice)];
        let mut chosen: Vec<Candidate> = Vec::new();
        while let Some(candidate) = slots.last().and_then(|slot| self.best(slot, choice)) {
            self.suppose(&candidate);
            chosen.push(candidate);
            if chosen.len() == FAULTS_MAX {
                break;
            }
            slots.push(self.candidates(&chosen, Wanted::IfFit, choice));
        }
        let score = chosen.iter().map(|candidate| candidate.score).sum();
        Found { chosen, slots, score, choice }
    }

    /// The node that is crossed by what would cross `node` if it failed like that: one machine that asks for everybody
    /// is crossed by all.
    fn crossed_by(&self, node: NodeIx, mode: Mode) -> NodeIx {
        if mode == Mode::SharedMachine { self.unmapped } else { node }
    }

    /// A row's position in `hot`; beyond its end: it isn't there.
    fn hot_position(&self, row: Row) -> usize {
        (self.hot_ix[row as usize] as usize).wrapping_sub(1)
    }

    fn dirty_of(&self, row: Row) -> Option<&Dirty> {
        self.hot.get(self.hot_position(row))
    }

    /// Starts afresh from "nothing has failed", then supposes that `chosen` have.
    fn rebase(&mut self, chosen: &[Candidate]) {
        for dirty in &mut self.hot {
            dirty.rest();
        }
        for slight in &mut self.slight {
            slight.piece.rest();
        }
        for candidate in chosen {
            self.suppose(candidate);
        }
    }

    /// The score from which a candidate explains anything: it must be fit to be named, unless it goes on.
    fn needed(&self, candidate: &Candidate) -> f64 {
        if self.known.has(candidate.node) { 0.0 } else { NAMED_SCORE_MIN }
    }

    /// The best of those that explain anything.
    fn best(&self, candidates: &[Candidate], choice: Choice) -> Option<Candidate> {
        let may = candidates.iter().copied().filter(|candidate| self.may_be_chosen(candidate, choice));
        let fit = may.filter(|one| one.score > self.needed(one));
        fit.reduce(|a, b| if b.score > a.score { b } else { a })
    }

    fn may_be_chosen(&self, candidate: &Candidate, choice: Choice) -> bool {
        let each = [Choice::Named, Choice::Whole].into_iter().take_while(|one| *one <= choice);
        !each.into_iter().any(|one| self.leaves_out(one, candidate))
    }

    /// Whether this choice is the first that leaves a candidate out.
    fn leaves_out(&self, choice: Choice, candidate: &Candidate) -> bool {
        match choice {
            Choice::Everything => false,
            Choice::Named => self.is_unmapped(candidate.node),
            Choice::Whole => {
                let kind = self.topology.nodes[candidate.node].kind;
                matches!(candidate.mode, Mode::Partial(..))
                    && !matches!(kind, NodeKind::Target(_) | NodeKind::Service(_))
                    && !self.known.has(candidate.node)
            }
        }
    }

    fn is_monitor(&self, node: NodeIx) -> bool {
        self.topology.nodes[node].kind == NodeKind::Monitor
    }

    fn is_unmapped(&self, node: NodeIx) -> bool {
        self.topology.nodes[node].kind == NodeKind::Unmapped
    }

    /// The rows behind a candidate. One machine that asks for everybody stands before every check.
    fn members(&self, candidate: &Candidate) -> impl Iterator<Item = Member> + use<'a> {
        let topology = self.topology;
        let node = &topology.nodes[candidate.node];
        let everybody = (candidate.mode == Mode::SharedMachine).then(|| {
            let cover = node.members(topology.rows).next().map_or(0, |member| member.cover);
            (0..topology.rows).map(move |row| Member { row: PracticeIx::new(row).0, cover, spared: false })
        });
        let behind = everybody.is_none().then(|| node.members(topology.rows));
        everybody.into_iter().flatten().chain(behind.into_iter().flatten())
    }

    /// How a mode, on one network or all, shows.
    fn lens(&self, facet: Option<usize>, mode: Mode) -> Rc<Lens> {
        let mut lenses = self.lenses.borrow_mut();
        if let Some((.., known)) = lenses.iter().find(|(on, of, _)| *of == mode && *on == facet) {
            return Rc::clone(known);
        }
        let shows =
            |facts: &ProbeFacts| facet.is_none_or(|network| facts.network == network) && mode.shows_in(facts);
        let shows = self.topology.probes.iter().map(shows).collect();
        let lens = Rc::new(Lens { shares: mode.row(), shows });
        lenses.push((facet, mode, Rc::clone(&lens)));
        lens
    }
}
