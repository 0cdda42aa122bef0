//! From verdicts to incidents: hold, then decide; one incident for one fault, however it changes.
//!
//! A verdict that stands long enough opens an incident. While it stands, changes of cause, signature or
//! scope are said at most every ten seconds. When it no longer stands, the incident is *quiet*: it is over
//! when what failed has answered for a while, and that while grows each time the fault comes back, so that a
//! flapping line is one incident. Openings can be held back; resolutions never are.
//!
//! | file | what lives there |
//! |---|---|
//! | `changes` | which changes of an open incident are news, and when |
//! | `restart` | what becomes of open incidents when the process starts again, or the estate is another |

mod changes;
mod restart;

use std::collections::{BTreeMap, BTreeSet};

use crate::estate::Estate;
use crate::incident::{Alternative, Cause, Event, EventKind, Reason, Signature};
use crate::time::At;

use super::explain;
use super::hold::hold_ms;
use super::rhythm::History;
use super::search::{Known, KnownFailed};
use super::settling::{Settling, Steady};
use super::topology::{Row, Topology};
use super::verdict::{Scope, Verdict};

/// Nothing opens below this.
pub const OPEN_PROBABILITY_MIN: f64 = 0.9;
/// Nor does what would have taken everything behind it, below this for it and its alternatives together; the rest is
/// that nothing has failed. If something has, that is surer within the second. If two or three practices have had bad
/// luck at one time, it never is.
const OPEN_WHOLLY_PROBABILITY_MIN: f64 = 0.95;
/// What was above that once and waits to be believed is forgotten below this.
const HOPE_PROBABILITY_MIN: f64 = 0.5;
/// Below this a verdict no longer carries an incident that is open.
const CARRY_PROBABILITY_MIN: f64 = 0.2;
/// A partial fault looks for a moment like several practices' own, and the other way round.
pub const HOLD_PARTLY_MS: i64 = 3_000;
/// An incident is over when all has been well for this share of the time that it lasted …
const QUIET_SHARE: i64 = 4;
/// … for this many rounds of all checks, where it was shared: what is mended fails again soon, if at all …
const QUIET_SHARED_ROUNDS: i64 = 10;
/// (where everything is asked within less than this, it shows at once that it fails again)
const ROUND_QUICK_MS: i64 = 15_000;
/// … but no later than this …
const QUIET_MS_MAX: i64 = 6 * 60_000;
/// … unless it came back before: then half as long again as it was ever well in between, up to this.
const QUIET_FLAPPING_MS_MAX: i64 = 60 * 60_000;
/// A fault that comes back within this time after it was over is the same one: its incident opens again.
const REOPEN_MS: i64 = 6 * 3_600_000;
/// All that named a cause is too old to be weighed again after so many rounds and half of them; until then another
/// that explains it better is not held back.
const SETTLED_ROUNDS: f64 = 4.0;
/// Another cause for an open incident is believed when it has stood this long.
const CAUSE_STEADY_MS: i64 = 5_000;
/// One practice left of more than this many is a straggler.
pub const STRAGGLER_OF_MIN: usize = 4;
/// Times that a fault comes back before it is called flapping.
const FLAPPING_RELAPSES: u32 = 2;
/// Closed incidents are kept for `why` this long, and for knowing a fault that comes back.
const REMEMBER_MS: i64 = 24 * 3_600_000;

/// An incident, open or lately closed.
#[derive(Debug, Clone)]
pub struct Incident {
    pub event: Event,
    pub verdict: Verdict,
    /// Practices that were affected at any time.
    pub ever: BTreeSet<Row>,
    /// When the present failure began: the last time that it came back, where it was away.
    onset: At,
    opened: At,
    last_said: At,
    /// No verdict carries it since then.
    pub quiet_since: Option<At>,
    relapses: u32,
    /// The longest that it was well between two failures, milliseconds.
    well_ms: i64,
    /// How it looks now, and since when. While a fault begins or ends it looks like many things for a moment.
    looks: Steady<Signature>,
    blames: Steady<Vec<Cause>>,
    /// Practices and services that come or go, and since when: scope, too, must be steady to be news.
    practices: Settling<Row>,
    services: Settling<usize>,
    /// When something of it will be news if all stays as it is now.
    news_due: Option<At>,
    pub closed: Option<At>,
}

/// A verdict that isn't believed yet.
#[derive(Debug, Clone)]
struct Pending {
    verdict: Verdict,
    first_seen: At,
}

#[derive(Debug)]
pub struct LifeCycle {
    pub incidents: Vec<Incident>,
    pending: Vec<Pending>,
    /// Last number given, by local day, with what stands before it.
    numbers: BTreeMap<String, u32>,
    /// Before the day, in each id.
    pub named: &'static str,
    pub events: std::collections::VecDeque<Event>,
    /// When each cause failed before.
    pub history: History,
}

/// What the life cycle must know of the evidence.
pub struct Facts<'a> {
    pub estate: &'a Estate,
    pub topology: &'a Topology,
    pub now: At,
    /// Whether something that this incident took still fails, or can't be told.
    pub still_bad: &'a dyn Fn(&Incident) -> StillBad,
    /// The slowest asking and time-out of the estate, milliseconds.
    pub round_ms: i64,
}

/// How things stand with what an incident took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StillBad {
    Yes,
    /// It answers again.
    No,
    /// Nothing is heard, so nothing can be said.
    Unknown,
}

impl Incident {
    fn new(event: Event, verdict: Verdict) -> Self {
        let at = event.at;
        Self {
            ever: verdict.rows.clone(),
            looks: Steady::new(verdict.signature, at),
            blames: Steady::new(verdict.causes.clone(), at),
            practices: Settling::new(verdict.rows.clone()),
            services: Settling::new(verdict.services.clone()),
            onset: verdict.since,
            event,
            verdict,
            opened: at,
            last_said: at,
            quiet_since: None,
            relapses: 0,
            well_ms: 0,
            news_due: None,
            closed: None,
        }
    }

    /// Takes its verdict as it is: it has been held for long enough already.
    fn take_as_settled(&mut self, since: At) {
        self.looks = Steady::new(self.verdict.signature, since);
        self.blames = Steady::new(self.verdict.causes.clone(), since);
        self.practices = Settling::new(self.verdict.rows.clone());
        self.services = Settling::new(self.verdict.services.clone());
    }
}

impl LifeCycle {
    pub const fn new(history: History) -> Self {
        Self {
            incidents: Vec::new(),
            pending: Vec::new(),
            numbers: BTreeMap::new(),
            named: "",
            events: std::collections::VecDeque::new(),
            history,
        }
    }

    /// Adds to what is said how often it has happened at this time of day.
    fn say_again(&self, event: &mut Event, until: Option<At>) {
        if let Some(rhythm) = self.history.rhythm(&event.cause, event.since, until, event.at) {
            event.sentence.push(' ');
            event.sentence.push_str(&rhythm.sentence());
        }
    }

    /// Takes all that is the matter now.
    pub fn step(&mut self, verdicts: Vec<Verdict>, facts: &Facts<'_>) {
        let now = facts.now;
        let mut unclaimed = self.carry_on(verdicts, facts);
        self.pending.retain(|pending| {
            unclaimed.iter().any(|verdict| {
                verdict.probability >= HOPE_PROBABILITY_MIN && alike(&pending.verdict, verdict)
            })
        });
        let own: Vec<At> = unclaimed
            .iter()
            .filter(|verdict| verdict.scope == Scope::Practice)
            .map(|verdict| verdict.since)
            .collect();
        for verdict in unclaimed.drain(..) {
            let beside = |since: &&At| since.millis_since(verdict.since).abs() <= facts.round_ms;
            let company = own.iter().filter(beside).count() > 1;
            // The tail of what is over hits nobody any more.
            let hits_nobody = verdict.rows.is_empty() && verdict.scope != Scope::Monitor;
            if !is_sure(&verdict) || verdict.causes.is_empty() || hits_nobody {
                continue;
            }
            let known = self.pending.iter_mut().find(|pending| alike(&pending.verdict, &verdict));
            let first_seen = if let Some(pending) = known {
                pending.verdict = verdict.clone();
                pending.first_seen
            } else {
                self.pending.push(Pending { verdict: verdict.clone(), first_seen: now });
                now
            };
            let lasted = now.millis_since(verdict.since);
            if now.millis_since(first_seen) >= hold_ms(self, &verdict, company, facts)
                && lasted >= verdict.lasts_ms_min
                && !verdict.is_early
            {
                self.pending.retain(|pending| !alike(&pending.verdict, &verdict));
                self.open_or_take_over(verdict, facts);
            }
        }
        self.let_go(facts);
        self.incidents
            .retain(|incident| incident.closed.is_none_or(|closed| now.millis_since(closed) <= REMEMBER_MS));
    }

    /// When it must be asked again, though nothing is heard: at once, and always, while something waits to be believed
    /// or to be over.
    pub fn next_wake(&self, now: At) -> Option<At> {
        if !self.pending.is_empty() || self.open().any(|incident| incident.quiet_since.is_some()) {
            return Some(now);
        }
        self.open().filter_map(|incident| incident.news_due).min()
    }

    pub fn open(&self) -> impl Iterator<Item = &Incident> {
        self.incidents.iter().filter(|incident| incident.closed.is_none())
    }

    /// Nothing waits to be believed.
    pub fn settled(&self) -> bool {
        self.pending.is_empty() && self.open().next().is_some()
    }

    /// What is failed, or was until lately, as far as incidents tell.
    pub fn known_nodes(&self, now: At, round_ms: i64) -> Known {
        let mut known = Known::default();
        for incident in self.open() {
            if matches!(incident.verdict.scope, Scope::Practice | Scope::PracticeSilent)
                && incident.quiet_since.is_none()
            {
                known.rows.extend(&incident.verdict.rows);
                continue;
            }
            let nodes = incident.verdict.nodes.iter().copied();
            if incident.quiet_since.is_none() {
                let latest = incident.onset.plus_millis(round_ms);
                let lasted_ms = now.millis_since(incident.onset) as f64;
                let settled = (lasted_ms / (SETTLED_ROUNDS * round_ms as f64) - 0.5).clamp(0.0, 1.0);
                known.failed.extend(nodes.map(|node| KnownFailed { node, latest, settled }));
            } else {
                known.recovering.push(nodes.collect());
            }
        }
        known.rows.sort_unstable();
        known
    }

    pub fn find(&self, id: &str) -> Option<&Incident> {
        self.incidents.iter().find(|incident| incident.event.incident == id)
    }

    /// Hands each verdict to the open incident that it carries; returns those that carry none.
    fn carry_on(&mut self, mut verdicts: Vec<Verdict>, facts: &Facts<'_>) -> Vec<Verdict> {
        // What is dead matters more than what is slow.
        verdicts.sort_by_key(|verdict| verdict.signature == Signature::Slow);
        let mut carried: Vec<(usize, Verdict)> = Vec::new();
        for (position, incident) in self.incidents.iter().enumerate() {
            if incident.closed.is_some() {
                continue;
            }
            let carries = |verdict: &Verdict| match incident.quiet_since {
                Some(_) => told_probability(incident, verdict) >= OPEN_PROBABILITY_MIN && !verdict.is_early,
                None => verdict.probability >= CARRY_PROBABILITY_MIN,
            };
            let found =
                verdicts.iter().position(|verdict| carries(verdict) && alike(&incident.verdict, verdict));
            if let Some(found) = found {
                carried.push((position, verdicts.remove(found)));
            }
        }
        // One thing may fail in two ways at once, partly dead and slow for the rest: one incident.
        verdicts.retain(|verdict| !carried.iter().any(|(_, other)| alike(verdict, other)));
        let claimed: Vec<usize> = carried.iter().map(|(position, _)| *position).collect();
        for (position, verdict) in carried {
            self.go_on(position, verdict, facts);
        }
        for (position, incident) in self.incidents.iter_mut().enumerate() {
            if incident.closed.is_none() && !claimed.contains(&position) {
                incident.quiet_since.get_or_insert(facts.now);
            }
        }
        verdicts
    }

    /// An open incident has this verdict now.
    fn go_on(&mut self, position: usize, verdict: Verdict, facts: &Facts<'_>) {
        let incident = &mut self.incidents[position];
        if let Some(quiet) = incident.quiet_since.take()
            && incident.event.practices.is_empty()
        {
            incident.relapses += 1;
            incident.well_ms = incident.well_ms.max(facts.now.millis_since(quiet));
        }
        if incident.event.practices.is_empty() || verdict.signature != incident.looks.value {
            incident.onset = verdict.since;
        }
        let since = incident.event.since;
        incident.ever.extend(&verdict.rows);
        // When it is partly mended, the practices that are left say less about when it began.
        let earlier = if verdict.scope == Scope::SharedPartly { since } else { since.min(verdict.since) };
        incident.verdict = verdict;
        incident.verdict.since = earlier;
        self.say_change(position, facts);
    }

    /// Opens an incident, or gives this cause to the open one that it explains better.
    fn open_or_take_over(&mut self, verdict: Verdict, facts: &Facts<'_>) {
        let before = self.incidents.iter().rposition(|known| {
            known.event.reason == Some(Reason::Recovered)
                && known.closed.is_some_and(|closed| facts.now.millis_since(closed) <= REOPEN_MS)
                && alike(&known.verdict, &verdict)
        });
        if let Some(before) = before {
            // What else it explains is merged into it as soon as nothing else carries it.
            self.reopen(before, verdict, facts);
            return;
        }
        let explained: Vec<usize> = self
            .incidents
            .iter()
            .enumerate()
            .filter(|(_, incident)| {
                incident.closed.is_none()
                    && incident.quiet_since.is_some()
                    && explains(&verdict, incident, facts.round_ms)
            })
            .map(|(position, _)| position)
            .collect();
        let Some((&oldest, younger)) = explained.split_first() else {
            self.open_new(verdict, facts);
            return;
        };
        let survivor = self.incidents[oldest].event.incident.clone();
        for position in younger {
            self.close(*position, Reason::Merged, Some(survivor.clone()), facts);
        }
        let incident = &mut self.incidents[oldest];
        incident.quiet_since = None;
        incident.ever.extend(&verdict.rows);
        let since = incident.event.since.min(verdict.since);
        incident.verdict = verdict;
        incident.verdict.since = since;
        incident.take_as_settled(facts.now.plus_millis(-facts.round_ms.max(CAUSE_STEADY_MS)));
        self.say_change(oldest, facts);
    }

    fn open_new(&mut self, verdict: Verdict, facts: &Facts<'_>) {
        let local = facts.now.to_timestamp().to_zoned(facts.estate.icb.timezone.clone());
        let day = format!("{}{}", self.named, local.strftime("%Y-%m-%d"));
        let number = self.numbers.entry(day.clone()).or_default();
        *number += 1;
        let id = format!("{day}-{number}");
        let mut event = event(facts, EventKind::Opened, id, &verdict);
        self.say_again(&mut event, None);
        self.events.push_back(event.clone());
        self.incidents.push(Incident::new(event, verdict));
    }

    /// A fault that was over a while ago is back: its incident opens again, and will be slower to close.
    fn reopen(&mut self, position: usize, verdict: Verdict, facts: &Facts<'_>) {
        let known = &self.incidents[position];
        let id = known.event.incident.clone();
        let (opened, relapses, ever) = (known.opened, known.relapses + 1, known.ever.clone());
        let well = known.quiet_since.or(known.closed).map_or(0, |quiet| facts.now.millis_since(quiet));
        let well_ms = known.well_ms.max(well);
        let mut verdict = verdict;
        if relapses >= FLAPPING_RELAPSES {
            verdict.signature = Signature::Flapping;
        }
        let mut event = event(facts, EventKind::Opened, id, &verdict);
        self.say_again(&mut event, None);
        self.events.push_back(event.clone());
        let mut incident = Incident::new(event, verdict);
        (incident.opened, incident.relapses, incident.well_ms) = (opened, relapses, well_ms);
        incident.ever.extend(ever);
        self.incidents[position] = incident;
    }

    /// Looks after the incidents that no verdict carries.
    fn let_go(&mut self, facts: &Facts<'_>) {
        // While the monitor itself is cut off, nothing can be said of anything else.
        let blind = self.open().any(|other| other.verdict.blinds() && other.quiet_since.is_none());
        for position in 0..self.incidents.len() {
            let incident = &self.incidents[position];
            let Some(quiet_since) = incident.quiet_since.filter(|_| incident.closed.is_none()) else {
                continue;
            };
            if blind && incident.verdict.scope != Scope::Monitor {
                self.incidents[position].quiet_since = Some(facts.now);
                continue;
            }
            let quiet_ms = facts.now.millis_since(quiet_since);
            let still_bad = (facts.still_bad)(incident);
            let survivor = self.incidents.iter().position(|other| {
                // What answers again has ended; it is no part of what goes on.
                still_bad != StillBad::No
                    && other.closed.is_none()
                    && other.quiet_since.is_none()
                    && explains(&other.verdict, incident, facts.round_ms)
            });
            if let Some(survivor) = survivor {
                if quiet_ms >= HOLD_PARTLY_MS {
                    self.merge(position, survivor, facts);
                }
                continue;
            }
            match still_bad {
                StillBad::Unknown => {}
                StillBad::Yes => {
                    // The checks fail, but the cause is acquitted, and something else will be named.
                    if quiet_ms >= 2 * facts.round_ms {
                        self.close(position, Reason::Withdrawn, None, facts);
                    }
                }
                StillBad::No => {
                    let incident = &mut self.incidents[position];
                    incident.verdict.rows.clear();
                    incident.verdict.services.clear();
                    incident.verdict.counts.failing = 0;
                    if quiet_ms >= self.quiet_needed_ms(position, facts) {
                        self.close(position, Reason::Recovered, None, facts);
                    } else if quiet_ms >= HOLD_PARTLY_MS {
                        self.say_change(position, facts);
                    }
                }
            }
        }
    }

    fn merge(&mut self, position: usize, survivor: usize, facts: &Facts<'_>) {
        let (older, younger) = if self.incidents[position].opened < self.incidents[survivor].opened {
            (position, survivor)
        } else {
            (survivor, position)
        };
        if older == position {
            // The oldest goes on, with the cause that proved right.
            let verdict = self.incidents[survivor].verdict.clone();
            let ever = self.incidents[survivor].ever.clone();
            let incident = &mut self.incidents[older];
            incident.quiet_since = None;
            incident.ever.extend(ever);
            let since = incident.event.since.min(verdict.since);
            incident.verdict = verdict;
            incident.verdict.since = since;
            incident.take_as_settled(facts.now.plus_millis(-facts.round_ms.max(CAUSE_STEADY_MS)));
        }
        let into = self.incidents[older].event.incident.clone();
        self.close(younger, Reason::Merged, Some(into), facts);
        self.say_change(older, facts);
    }

    /// How long all must be well before the incident is over, milliseconds.
    fn quiet_needed_ms(&self, position: usize, facts: &Facts<'_>) -> i64 {
        let incident = &self.incidents[position];
        let lasted = incident.quiet_since.unwrap_or(facts.now).millis_since(incident.event.since);
        let shared = matches!(incident.verdict.scope, Scope::Shared | Scope::SharedPartly);
        let rounds = match (shared, facts.round_ms >= ROUND_QUICK_MS) {
            (true, true) => QUIET_SHARED_ROUNDS * facts.round_ms,
            _ => 0,
        };
        let once = (lasted / QUIET_SHARE).max(rounds).min(QUIET_MS_MAX).max(facts.round_ms);
        if incident.relapses == 0 {
            return once;
        }
        // It has been well before for this long and failed again: wait for longer than that.
        once.max(incident.well_ms.saturating_mul(3) / 2).min(QUIET_FLAPPING_MS_MAX)
    }

    fn close(&mut self, position: usize, reason: Reason, into: Option<String>, facts: &Facts<'_>) {
        let incident = &mut self.incidents[position];
        let id = incident.event.incident.clone();
        let since = incident.event.since;
        if reason == Reason::Recovered {
            incident.verdict.rows.clear();
            incident.verdict.services.clear();
        }
        let mut verdict = incident.verdict.clone();
        verdict.since = since;
        // It ends as it was known, not as its last moments looked.
        verdict.signature = incident.event.signature;
        verdict.causes.clone_from(&incident.event.cause);
        let mut event = event(facts, EventKind::Resolved, id, &verdict);
        event.reason = Some(reason);
        event.into = into;
        let ended = incident.quiet_since.unwrap_or(facts.now);
        event.sentence = explain::ended(facts.estate, &event, ended);
        incident.closed = Some(facts.now);
        incident.last_said = facts.now;
        if reason == Reason::Recovered {
            self.say_again(&mut event, Some(ended));
            self.history.note(&event.cause, event.since, ended);
        }
        self.incidents[position].event = event.clone();
        self.events.push_back(event);
    }
}

/// It is sure enough to be told.
pub fn is_sure(verdict: &Verdict) -> bool {
    let surely = match verdict.scope {
        Scope::Shared | Scope::Monitor => verdict.something >= OPEN_WHOLLY_PROBABILITY_MIN,
        Scope::SharedPartly | Scope::Practice | Scope::PracticeSilent => true,
    };
    surely && verdict.probability >= OPEN_PROBABILITY_MIN
}

/// P(one of what an incident names has failed), as a verdict has it: of several that couldn't be told apart, what was said
/// of them holds as long as it is one of them.
fn told_probability(incident: &Incident, verdict: &Verdict) -> f64 {
    let told = |other: &&Alternative| other.cause.iter().all(|cause| incident.verdict.causes.contains(cause));
    let others: f64 = verdict.alternatives.iter().filter(told).map(|other| other.probability).sum();
    verdict.probability + others
}

/// The same fault: they share a cause. Two practices that each could be the only one behind what failed are not the same
/// practice.
pub fn alike(a: &Verdict, b: &Verdict) -> bool {
    let practice = |verdict: &Verdict| verdict.causes.iter().any(|cause| cause.kind == Cause::PRACTICE);
    let both = practice(a) && practice(b);
    let counts = |cause: &&Cause| !both || cause.kind == Cause::PRACTICE;
    a.causes.iter().filter(counts).any(|cause| b.causes.contains(cause))
}

/// The incident is part of what the verdict describes: most of its practices are hit by it, on a network
/// that it takes, and neither began long before the other.
fn explains(verdict: &Verdict, incident: &Incident, round_ms: i64) -> bool {
    let rows = if incident.verdict.rows.is_empty() { &incident.ever } else { &incident.verdict.rows };
    let shared = rows.intersection(&verdict.rows).count();
    let networks = match (verdict.network, incident.verdict.network) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    let apart_ms = verdict.since.millis_since(incident.event.since).abs();
    let practice = incident.verdict.causes.iter().any(|cause| cause.kind == Cause::PRACTICE);
    // One practice's own fault is no explanation of what took several.
    let own = matches!(verdict.scope, Scope::Practice | Scope::PracticeSilent);
    if own && incident.ever.len() > 1 {
        return false;
    }
    networks && shared > 0 && shared * 2 >= rows.len() && (practice || apart_ms <= 4 * round_ms)
}

fn practice_ids(estate: &Estate, rows: &BTreeSet<Row>) -> Vec<String> {
    rows.iter().map(|row| estate.practices[*row as usize].id.clone()).collect()
}

fn service_ids(estate: &Estate, services: &BTreeSet<usize>) -> Vec<String> {
    services.iter().map(|service| estate.services[*service].id.clone()).collect()
}

fn event(facts: &Facts<'_>, kind: EventKind, incident: String, verdict: &Verdict) -> Event {
    let estate = facts.estate;
    let mut event = Event {
        at: facts.now,
        event: kind,
        incident,
        cause: verdict.causes.clone(),
        probability: verdict.probability,
        alternatives: verdict.alternatives.clone(),
        signature: verdict.signature,
        network: verdict.network.map(|network| estate.networks[network].id.clone()),
        since: verdict.since,
        practices: practice_ids(estate, &verdict.rows),
        services: service_ids(estate, &verdict.services),
        lost: practice_ids(estate, &verdict.lost.intersection(&verdict.rows).copied().collect()),
        evidence: verdict.counts,
        reason: None,
        into: None,
        sentence: String::new(),
    };
    let strays: Vec<&str> = facts
        .topology
        .strays(&verdict.rows, &verdict.nodes)
        .into_iter()
        .map(|row| estate.practices[row as usize].id.as_str())
        .collect();
    event.sentence = explain::sentence(estate, &event, &verdict.kept, &strays);
    event
}
