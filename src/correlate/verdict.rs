//! From findings to verdicts: the words and counts of the contract, in place of indices.

use std::collections::BTreeSet;

use crate::estate::{Estate, PracticeIx};
use crate::incident::{Alternative, Cause, Evidence as Counts, Signature};
use crate::observation::Failure;
use crate::time::At;

use super::evidence::{Check, Class, Evidence};
use super::lost;
use super::model::{Mode, Own, Shape};
use super::search::{Candidate, Fault, OwnFault};
use super::series::Rolling;
use super::topology::{Member, Members, NodeIx, NodeKind, ProbeFacts, Row, Topology};

/// What is the matter now, ready for the life cycle.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Empty for the far end of a check that belongs to no service: a note, not an incident.
    pub causes: Vec<Cause>,
    pub probability: f64,
    /// P(anything has failed that explains it), whether it has a name or not: at least `probability`.
    pub something: f64,
    pub alternatives: Vec<Alternative>,
    pub signature: Signature,
    /// The network that is hit; `None`: several.
    pub network: Option<usize>,
    pub since: At,
    /// Practices affected.
    pub rows: BTreeSet<Row>,
    /// Of a partial fault: those of them that have lost all of it.
    pub lost: BTreeSet<Row>,
    pub services: BTreeSet<usize>,
    pub counts: Counts,
    pub scope: Scope,
    /// Practices affected of which another network still answers, by network.
    pub kept: Vec<u32>,
    /// It opens nothing before it has lasted this long.
    pub lasts_ms_min: i64,
    /// Something is dead in it, and it rests on askings that are late and not over. They may be slow, so it opens nothing, and
    /// nothing that was over goes on because of it, before [`FAILED_MIN`] checks have failed.
    pub is_early: bool,
    /// Nodes of the group, or of what looks the same as the practice.
    pub nodes: Vec<NodeIx>,
}

impl Verdict {
    /// The hub itself is cut off, wholly: nothing is known of anything else. That its own line is slow says nothing of others.
    pub fn blinds(&self) -> bool {
        self.scope == Scope::Monitor && self.network.is_none() && self.signature != Signature::Slow
    }

    /// The network on which the hub is cut off: of whoever was heard over that one nothing is known.
    pub fn cuts(&self) -> Option<usize> {
        self.network.filter(|_| self.scope == Scope::Monitor && self.signature != Signature::Slow)
    }
}

/// Checks that must have failed since the onset before something is called dead of which others are only late: two, because one
/// fails by itself now and then, and it is within the same instant of a fault that several do.
const FAILED_MIN: u32 = 2;

/// Above this probability that a far end lets, or let, nobody through, it may be away for a moment only. What answers some
/// meanwhile isn't away.
const BLIP_MAX: f64 = 0.1;

/// How far a verdict reaches, which decides how long it is held before people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything behind the cause alike.
    Shared,
    /// A share of what is behind it, or of the askings.
    SharedPartly,
    /// One practice.
    Practice,
    /// One practice, nothing heard of it.
    PracticeSilent,
    /// The monitor itself.
    Monitor,
}

/// What a verdict is made from.
pub struct View<'a> {
    pub estate: &'a Estate,
    pub topology: &'a Topology,
    pub evidence: &'a Evidence,
    pub now: At,
    /// Practices that were heard from and weren't switched off in good order.
    known: u32,
    /// By network: practices of which at least half of the fresh checks fail, or that are silent; in order.
    failing: Vec<Vec<Row>>,
}

impl<'a> View<'a> {
    pub fn new(estate: &'a Estate, topology: &'a Topology, evidence: &'a Evidence, now: At) -> Self {
        let mut view = Self { estate, topology, evidence, now, known: 0, failing: Vec::new() };
        view.known = count(view.practices().filter(|row| view.known(*row)).count());
        let hub = topology.hub();
        let mut bad: Vec<Row> =
            evidence.rows_with_something_bad().filter(|row| *row != hub && view.known(*row)).collect();
        bad.sort_unstable();
        view.failing = (0..topology.networks)
            .map(|network| bad.iter().copied().filter(|row| view.row_fails(*row, network)).collect())
            .collect();
        view
    }

    /// Practices that are known and not among these, and how many of them fail on one of these networks.
    fn elsewhere(&self, behind: &BTreeSet<Row>, networks: &BTreeSet<usize>) -> (u32, u32) {
        // The hub is no practice.
        let practices = behind.iter().filter(|row| **row != self.topology.hub());
        let here = count(practices.filter(|row| self.known(**row)).count());
        let failing: BTreeSet<Row> =
            networks.iter().flat_map(|network| &self.failing[*network]).copied().collect();
        (self.known.saturating_sub(here), count(failing.difference(behind).count()))
    }

    fn causes(&self, nodes: &[NodeIx]) -> Vec<Cause> {
        let mut causes: Vec<Cause> = Vec::new();
        for cause in nodes.iter().flat_map(|node| &self.topology.nodes[*node].causes) {
            if !causes.contains(cause) {
                causes.push(cause.clone());
            }
        }
        if causes.is_empty()
            && let Some(NodeKind::Target(probe)) = nodes.first().map(|node| self.topology.nodes[*node].kind)
            && let Some(service) = self.topology.probes[probe].service
        {
            let id = self.estate.services[service].id.clone();
            causes.push(Cause { kind: Cause::SERVICE.to_owned(), id });
        }
        causes
    }

    fn alternatives(&self, ranked: &[(Vec<NodeIx>, f64)]) -> Vec<Alternative> {
        ranked
            .iter()
            .filter(|(_, probability)| *probability >= 5e-7)
            .map(|(nodes, probability)| Alternative {
                cause: self.causes(nodes),
                probability: rounded(*probability),
            })
            .collect()
    }

    /// A shared fault in the contract's words.
    pub fn shared(&self, fault: &Fault) -> Verdict {
        let best = &fault.best;
        let node = &self.topology.nodes[best.node];
        let monitor = node.kind == NodeKind::Monitor;
        let members = self.members(best);
        let rows: BTreeSet<Row> = fault.rows.iter().copied().collect();
        let mut counts = Counts::default();
        let mut fine = 0;
        let mut behind = BTreeSet::new();
        let mut failing_networks = BTreeSet::new();
        let mut services = BTreeSet::new();
        let mut failures = Tally::default();
        let mut overdue = Overdue::since(best.span.since);
        for member in &members {
            if !self.known(member.row) || member.row == self.topology.hub() && !monitor {
                continue;
            }
            behind.insert(member.row);
            let hearing = &self.evidence.hearings[member.row as usize];
            let mut bad = 0_u32;
            let mut good = 0_u32;
            for probe in &self.topology.covers[member.cover].probes {
                let facts = &self.topology.probes[*probe as usize];
                if best.facet.is_some_and(|network| facts.network != network) || !best.mode.shows_in(facts) {
                    continue;
                }
                let check = &self.evidence.checks[self.topology.check(member.row, *probe)];
                let fresh = check.fresh(self.now, facts.stale_ms());
                if overdue.add(check, facts, self.now) {
                    failures.add(Class::Late, None);
                }
                if fresh && check.class.bad() {
                    bad += 1;
                    failing_networks.insert(facts.network);
                    failures.add(check.class, check.failure);
                } else if fresh && check.last_at >= best.span.since {
                    good += 1;
                }
                let hit = rows.contains(&member.row);
                let unasked = !fresh || check.last_at < best.span.since;
                let down = hearing.late || fresh && check.class.bad() || best.mode.uniform() && unasked;
                if hit
                    && down
                    && let Some(service) = facts.service
                {
                    services.insert(service);
                }
            }
            if hearing.late {
                failures.silent += 1;
            }
            let failing = rows.contains(&member.row)
                && (bad > 0 && (bad >= good || !best.mode.uniform()) || hearing.late);
            counts.failing += u32::from(failing);
            fine += u32::from(!failing && good > 0);
        }
        behind.remove(&self.topology.hub());
        counts.behind = count(behind.len());
        counts.fine = Some(fine);
        (counts.elsewhere, counts.elsewhere_failing) = self.elsewhere(&behind, &failing_networks);
        if let NodeKind::Target(probe) = node.kind {
            services.extend(self.topology.probes[probe].service);
        }
        if let NodeKind::Service(service) = node.kind {
            services = BTreeSet::from([service]);
        }
        let spans = self.networks_of(&members, best);
        let network = match (best.facet, failing_networks.len()) {
            (Some(network), _) => Some(network),
            (None, 1) if failures.silent == 0 => failing_networks.first().copied(),
            _ if spans.len() == 1 => spans.first().copied(),
            _ => None,
        };
        // The last report that came is the last that the fault let through, if it carries the reports.
        let carries_reports =
            members.first().is_some_and(|member| self.topology.covers[member.cover].everything);
        let last_heard = rows
            .iter()
            .filter(|_| carries_reports)
            .map(|row| &self.evidence.hearings[*row as usize])
            .filter(|hearing| hearing.late)
            .map(|hearing| hearing.last)
            .max();
        let since = last_heard.map_or(best.span.since, |last| last.min(best.span.since));
        let signature = signature(node.kind, best.mode, &failures);
        Verdict {
            causes: self.causes(&fault.group),
            probability: rounded(fault.probability),
            something: fault.something,
            alternatives: self.alternatives(&fault.alternatives),
            signature,
            is_early: !best.mode.slow() && overdue.is_all(),
            network,
            since,
            kept: self.kept(&rows),
            lasts_ms_min: if failures.reach * 2 > failures.total() && fault.whole > BLIP_MAX {
                self.blip_ms(node.kind)
            } else {
                0
            },
            lost: lost::of_shared(self, node.kind, signature, network, &rows),
            rows,
            services,
            counts,
            scope: if monitor {
                Scope::Monitor
            } else if best.mode.uniform() {
                Scope::Shared
            } else {
                Scope::SharedPartly
            },
            nodes: fault.group.clone(),
        }
    }

    /// A practice's own fault (or the hub's) in the contract's words.
    pub fn own(&self, fault: &OwnFault) -> Verdict {
        let hub = fault.row == self.topology.hub();
        let mut causes = if hub {
            vec![Cause { kind: Cause::MONITOR.to_owned(), id: "hub".to_owned() }]
        } else {
            let id = self.estate.practices[fault.row as usize].id.clone();
            vec![Cause { kind: Cause::PRACTICE.to_owned(), id }]
        };
        causes.extend(self.causes(&fault.same));
        let network = match fault.own {
            Own::Out(network) | Own::Lossy(network) | Own::Intercepted(network) => Some(network),
            Own::Fine | Own::Dark | Own::Silent => None,
        };
        let mut services = BTreeSet::new();
        let mut failures = Tally::default();
        let mut overdue = Overdue::since(fault.since);
        for (probe, facts) in self.topology.probes.iter().enumerate() {
            if network.is_some_and(|network| facts.network != network) {
                continue;
            }
            let probe = crate::estate::ProbeIx::new(probe).0;
            let check = &self.evidence.checks[self.topology.check(fault.row, probe)];
            let fresh = check.fresh(self.now, facts.stale_ms());
            if overdue.add(check, facts, self.now) {
                failures.add(Class::Late, None);
            }
            if fresh && check.class.bad() {
                failures.add(check.class, check.failure);
            }
            if fresh && check.class.bad() || fault.own == Own::Silent && check.heard() {
                services.extend(facts.service);
            }
        }
        let late = self.evidence.hearings[fault.row as usize].late;
        let signature = match fault.own {
            Own::Silent => Signature::Silent,
            Own::Dark if late && failures.total() == 0 => Signature::Silent,
            Own::Lossy(_) => Signature::Partial,
            _ => signature(NodeKind::Target(0), Mode::Total, &failures),
        };
        let rows: BTreeSet<Row> = if hub { BTreeSet::new() } else { BTreeSet::from([fault.row]) };
        let mut counts = Counts { behind: 1, failing: 1, ..Counts::default() };
        if hub {
            counts.behind = 0;
            counts.failing = 0;
        }
        let networks: BTreeSet<usize> = network
            .map_or_else(|| (0..self.topology.networks).collect(), |network| BTreeSet::from([network]));
        (counts.elsewhere, counts.elsewhere_failing) =
            self.elsewhere(&BTreeSet::from([fault.row]), &networks);
        let silent = signature == Signature::Silent;
        Verdict {
            causes,
            probability: rounded(fault.probability),
            something: fault.something,
            alternatives: self.alternatives(&fault.alternatives),
            signature,
            is_early: overdue.is_all(),
            network,
            since: if silent { self.evidence.hearings[fault.row as usize].last } else { fault.since },
            kept: self.kept(&rows),
            lasts_ms_min: if silent {
                self.evidence.hearings[fault.row as usize].told_silent_ms()
            } else {
                0
            },
            rows,
            lost: BTreeSet::new(),
            services,
            counts,
            scope: match (hub, silent) {
                (true, _) => Scope::Monitor,
                (false, true) => Scope::PracticeSilent,
                (false, false) => Scope::Practice,
            },
            nodes: fault.same.clone(),
        }
    }

    /// Practices that share a component and fall one after the other; `down`: those that are down now, each by
    /// itself as it seems.
    pub fn rolling(&self, series: &Rolling, down: &[Verdict]) -> Verdict {
        let rows: BTreeSet<Row> = down.iter().flat_map(|verdict| verdict.rows.iter().copied()).collect();
        let members: BTreeSet<Row> = self.topology.nodes[series.node]
            .members(self.topology.rows)
            .map(|member| member.row)
            .filter(|row| self.known(*row))
            .collect();
        let networks: BTreeSet<Option<usize>> = down.iter().map(|verdict| verdict.network).collect();
        let network = if networks.len() == 1 { networks.first().copied().flatten() } else { None };
        let every = (0..self.topology.networks).collect();
        let failing: BTreeSet<usize> = network.map_or(every, |network| BTreeSet::from([network]));
        let mut counts =
            Counts { behind: count(members.len()), failing: count(rows.len()), ..Counts::default() };
        (counts.elsewhere, counts.elsewhere_failing) = self.elsewhere(&members, &failing);
        Verdict {
            causes: self.causes(&[series.node]),
            probability: rounded(series.probability),
            something: series.probability,
            alternatives: self.alternatives(&series.alternatives),
            signature: Signature::Partial,
            network,
            since: series.since,
            services: down.iter().flat_map(|verdict| verdict.services.iter().copied()).collect(),
            counts,
            scope: Scope::SharedPartly,
            kept: self.kept(&rows),
            rows,
            lost: lost::of_rolling(down),
            lasts_ms_min: 0,
            is_early: false,
            nodes: vec![series.node],
        }
    }

    /// A far end that doesn't answer for one interval and is back is a blip. By the time at which this much more has
    /// passed, several practices have asked again.
    fn blip_ms(&self, kind: NodeKind) -> i64 {
        let asked = self.topology.probes.iter().enumerate().filter(|(probe, facts)| match kind {
            NodeKind::Service(service) => facts.service == Some(service),
            NodeKind::Target(target) => *probe == target,
            _ => false,
        });
        let rows = i64::try_from(self.topology.rows).unwrap_or(i64::MAX);
        let again = |every_ms: i64| (every_ms / 8).max(every_ms * 3 / rows).min(every_ms / 2);
        asked.map(|(_, facts)| facts.every_ms + again(facts.every_ms)).max().unwrap_or(0)
    }

    fn practices(&self) -> impl Iterator<Item = Row> + use<> {
        (0..self.topology.rows - 1).map(|row| PracticeIx::new(row).0)
    }

    fn members(&self, best: &Candidate) -> Vec<Member> {
        let node = &self.topology.nodes[best.node];
        if best.mode == Mode::SharedMachine
            && let Members::Some(list) = &node.members
            && let Some(first) = list.first()
        {
            return (0..self.topology.rows)
                .map(|row| Member { row: PracticeIx::new(row).0, ..*first })
                .collect();
        }
        node.members(self.topology.rows).collect()
    }

    /// It was heard from, and wasn't switched off in good order.
    fn known(&self, row: Row) -> bool {
        let hearing = &self.evidence.hearings[row as usize];
        hearing.ever() && !hearing.away
    }

    fn networks_of(&self, members: &[Member], best: &Candidate) -> BTreeSet<usize> {
        let mut networks = BTreeSet::new();
        for member in members {
            for probe in &self.topology.covers[member.cover].probes {
                let facts = &self.topology.probes[*probe as usize];
                if best.mode.shows_in(facts) {
                    networks.insert(facts.network);
                }
            }
        }
        networks
    }

    /// At least half of the row's fresh checks of this network fail, or it is silent.
    fn row_fails(&self, row: Row, network: usize) -> bool {
        if self.evidence.hearings[row as usize].late {
            return true;
        }
        let (bad, good) = self.tally(row, network);
        bad > 0 && bad >= good
    }

    /// Fresh bad and good checks of a row on a network. Work that isn't done says nothing of the network.
    pub fn tally(&self, row: Row, network: usize) -> (u32, u32) {
        let (mut bad, mut good) = (0, 0);
        for (probe, facts) in self.topology.probes.iter().enumerate() {
            if facts.network == network && !facts.passive {
                let probe = crate::estate::ProbeIx::new(probe).0;
                let check = &self.evidence.checks[self.topology.check(row, probe)];
                if check.fresh(self.now, facts.stale_ms()) {
                    if check.class.failing() { bad += 1 } else { good += 1 }
                }
            }
        }
        (bad, good)
    }

    fn kept(&self, rows: &BTreeSet<Row>) -> Vec<u32> {
        (0..self.topology.networks)
            .map(|network| {
                count(
                    rows.iter()
                        .filter(|row| {
                            let (bad, good) = self.tally(**row, network);
                            !self.evidence.hearings[**row as usize].late && good > bad
                        })
                        .count(),
                )
            })
            .collect()
    }
}

/// What is only late, and what has failed, of the checks that a verdict takes.
#[derive(Debug)]
struct Overdue {
    since: At,
    late: u32,
    failed: u32,
}

impl Overdue {
    const fn since(since: At) -> Self {
        Self { since, late: 0, failed: 0 }
    }

    /// Whether that one is late.
    fn add(&mut self, check: &Check, facts: &ProbeFacts, now: At) -> bool {
        let is_late = check.late_at(now, facts.timeout_ms).is_some();
        self.late += u32::from(is_late);
        let fresh = check.fresh(now, facts.stale_ms());
        self.failed += u32::from(fresh && check.class.failing() && check.last_at >= self.since);
        is_late
    }

    const fn is_all(&self) -> bool {
        self.late > 0 && self.failed < FAILED_MIN
    }
}

/// Kinds of failure behind a verdict.
#[derive(Debug, Default)]
struct Tally {
    reach: u32,
    refused: u32,
    dns: u32,
    tls: u32,
    intercepted: u32,
    slow: u32,
    policy: u32,
    content: u32,
    /// Nothing has come back yet. No failure, so it isn't in the total.
    late: u32,
    silent: u32,
}

impl Tally {
    fn add(&mut self, class: Class, failure: Option<Failure>) {
        match class {
            Class::Ok => {}
            Class::Late => self.late += 1,
            Class::Slow => self.slow += 1,
            Class::Reach | Class::Stalled => self.reach += 1,
            Class::Refused => self.refused += 1,
            Class::Dns | Class::DnsTimeout => self.dns += 1,
            Class::Tls => {
                if matches!(failure, Some(Failure::Intercepted | Failure::BlockedPage | Failure::Untrusted)) {
                    self.intercepted += 1;
                } else {
                    self.tls += 1;
                }
            }
            Class::Content => self.content += 1,
            Class::Policy => self.policy += 1,
        }
    }

    const fn total(&self) -> u32 {
        self.reach
            + self.refused
            + self.dns
            + self.tls
            + self.intercepted
            + self.slow
            + self.policy
            + self.content
    }
}

fn signature(kind: NodeKind, mode: Mode, seen: &Tally) -> Signature {
    match mode {
        Mode::Refused | Mode::Rejected => return Signature::Refused,
        Mode::Dns => return Signature::Dns,
        Mode::Policy => return Signature::Policy,
        Mode::Slow | Mode::Brownout | Mode::Saturated | Mode::Sticky(_, Shape::Sluggish) => {
            return Signature::Slow;
        }
        Mode::Tls => {
            return if seen.intercepted > seen.tls { Signature::Intercepted } else { Signature::Tls };
        }
        Mode::Content => return Signature::Down,
        Mode::Partial(..) | Mode::Sticky(..) | Mode::Streams | Mode::Large => return Signature::Partial,
        Mode::Total | Mode::SharedMachine => {}
    }
    let total = seen.total();
    if total == 0 && seen.late > seen.silent {
        return Signature::Slow;
    }
    if total == 0 || seen.silent > total {
        return Signature::Silent;
    }
    let most = |part: u32| part * 2 > total;
    if most(seen.refused) {
        Signature::Refused
    } else if most(seen.tls) {
        Signature::Tls
    } else if most(seen.intercepted) {
        Signature::Intercepted
    } else if most(seen.slow) {
        Signature::Slow
    } else if most(seen.policy) {
        Signature::Policy
    } else if most(seen.dns) && matches!(kind, NodeKind::Service(_)) {
        Signature::Dns
    } else if (seen.reach + seen.late) * 2 > total + seen.late
        && matches!(kind, NodeKind::Component(_) | NodeKind::AllSpares)
    {
        Signature::Dropped
    } else {
        Signature::Down
    }
}

fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

/// Six decimals: more than the model is worth, and the same bytes on every machine.
fn rounded(probability: f64) -> f64 {
    (probability.clamp(0.0, 1.0) * 1e6).floor() / 1e6
}
