//! Observations in, incident events out. Pure: no socket, no clock, no randomness, no database; time
//! comes in with the data, and a wake-up is asked for, never slept for.
//!
//! The caller's loop, for a live stream and for a recording alike:
//!
//! 1. before it hands over an observation, it calls [`Correlator::advance`] with the arrival time, which
//!    fires the timers that are due by then, in order;
//! 2. it hands the observation over with [`Correlator::observe`];
//! 3. it takes the events with [`Correlator::poll_event`] until there are none;
//! 4. it sleeps until [`Correlator::next_wake`], or until the next observation.

mod acquittal;
mod agents;
mod asking;
mod decay;
mod evidence;
mod explain;
mod explanation;
mod hearing;
mod hold;
mod hours;
mod lifecycle;
mod lost;
mod model;
mod next_probe;
mod own;
mod picture;
mod rhythm;
mod search;
mod series;
mod settling;
mod still_bad;
mod tallies;
mod topology;
mod unheard;
mod verdict;
mod wall_clock;
mod window;

use std::sync::Arc;

use crate::estate::Estate;
use crate::incident::{Event, OF_EXERCISE};
use crate::observation::{ALIVE, BYE, Observation};
use crate::time::At;

use self::agents::{Agents, Opinion};
use self::asking::Asking;
use self::decay::Decay;
use self::evidence::{Asked, Change, Evidence};
use self::hours::Hours;
use self::lifecycle::{Facts, Incident, LifeCycle, StillBad};
use self::search::{Findings, Search};
use self::series::Series;
use self::topology::{Row, Topology};
use self::verdict::{Scope, Verdict, View};
use self::wall_clock::WallClock;

pub use self::asking::Wish;
pub use self::hours::{DayHeard, UsualHours};
pub use self::picture::{Away, CheckPicture, Explanation, Note, Picture, PracticePicture, Standing, Suspect};
pub use self::rhythm::{History, Rhythm};

/// Evidence is judged at most this often: a shared fault shows in many checks a second; judging each
/// alone would say the same many times over …
const EVALUATE_EVERY_MS: i64 = 250;
/// … and this often while an incident is open and nothing waits to become one.
const EVALUATE_SETTLED_MS: i64 = 1_000;
/// … and this often when only checks come and go of which an open incident says that they do.
const EVALUATE_CHURN_MS: i64 = 5_000;
/// All three hold for estates of up to this many checks: judging takes longer the more there are, and a larger
/// estate is judged less often in proportion, so that judging takes a small part of one core.
const CHECKS_AT_FULL_PACE: usize = 10_000;
/// While anything is bad, it is judged at least this often: evidence ages by itself.
const EVALUATE_IDLE_MS: i64 = 60_000;
/// Agents are looked for this often …
const TICK_MS: i64 = 1_000;
/// … but less and less often while nothing at all is heard, so that a gap of years in a recording costs a
/// thousand ticks and not a thousand million: the next tick comes after this share of the time since then.
const TICK_SHARE: i64 = 64;
/// A practice that is down for less has not fallen.
const FALL_MS_MIN: i64 = 90_000;
/// A heartbeat that is older than this on arrival is history.
const HEARTBEAT_STALE_MS: i64 = 75_000;

/// The whole correlator: evidence, model and incidents of one estate.
#[derive(Debug)]
pub struct Correlator {
    estate: Arc<Estate>,
    topology: Topology,
    evidence: Evidence,
    life: LifeCycle,
    series: Series,
    decay: Decay,
    hours: Hours,
    agents: Agents,
    asking: Asking,
    findings: Findings,
    /// Far ends of checks that belong to no service and that fail: notes.
    nameless: Vec<Verdict>,
    /// By row: whether something that is open explains its failures.
    explained: Vec<Explained>,
    now: At,
    last_arrival: At,
    last_evaluated: At,
    evaluate_at: Option<At>,
    tick_at: Option<At>,
    round_ms: i64,
    /// When an agent is missing that isn't back by then, though nobody knows when it is usually on.
    doubt_until: Option<At>,
    /// How many times less often than a small estate this one is judged.
    pace: i64,
}

/// Whether something that is open explains a row's failures, so that they teach nothing and are no news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Explained {
    No,
    /// All of them.
    Wholly,
    /// Some come and go: a partial fault.
    Partly,
}

/// What became of one observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It counts as evidence.
    Counted,
    /// It came too late to open anything; it may move `since` and evidence.
    History,
    /// The estate has no such practice.
    UnknownPractice,
    /// The estate has no such probe.
    UnknownProbe,
}

/// Why the correlator wants to be woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeReason {
    /// Something changed: judge it.
    Evaluate,
    /// An agent will be overdue.
    Silence,
    /// An incident may be said to have changed, or to be over.
    LifeCycle,
}

impl Correlator {
    pub fn new(estate: Arc<Estate>) -> Self {
        let topology = Topology::new(&estate);
        let evidence = Evidence::new(&topology);
        let round_ms = round_ms(&topology);
        let explained = vec![Explained::No; topology.rows];
        let decay = Decay::new(&topology);
        let history = History::new(estate.icb.timezone.clone());
        let hours = Hours::new(WallClock::new(estate.icb.timezone.clone()), estate.practices.len());
        let agents = Agents::new(topology.rows, topology.probes.len());
        let start = At::from_millis(i64::MIN);
        let pace = i64::try_from(evidence.checks.len() / CHECKS_AT_FULL_PACE).unwrap_or(i64::MAX).max(1);
        Self {
            estate,
            topology,
            evidence,
            life: LifeCycle::new(history),
            series: Series::default(),
            decay,
            hours,
            agents,
            asking: Asking::default(),
            findings: Findings::default(),
            nameless: Vec::new(),
            explained,
            now: start,
            last_arrival: start,
            last_evaluated: start,
            evaluate_at: None,
            tick_at: None,
            round_ms,
            doubt_until: None,
            pace,
        }
    }

    /// The same for an exercise: its incidents have ids that no other has ([`OF_EXERCISE`]).
    #[must_use]
    pub fn of_exercise(mut self) -> Self {
        self.life.named = OF_EXERCISE;
        self
    }

    pub fn estate(&self) -> &Arc<Estate> {
        &self.estate
    }

    /// Takes over the incidents that were open, and the id of the last incident, when the process starts
    /// again.
    pub fn restore(&mut self, open: Vec<Event>, last_incident: Option<&str>) {
        let Self { life, estate, topology, now, round_ms, .. } = self;
        let still_bad = |_: &Incident| StillBad::Unknown;
        let facts = Facts { estate, topology, now: *now, still_bad: &still_bad, round_ms: *round_ms };
        life.restore(open, last_incident, &facts);
        self.mark_explained();
    }

    /// Takes over what an earlier process learned of usual hours, before anything is heard. Of practices that are no longer in the
    /// estate nothing is.
    pub fn restore_hours(&mut self, kept: Vec<UsualHours>) {
        for of_practice in kept {
            if let Some(row) = self.topology.row(&of_practice.practice) {
                self.hours.restore(row, of_practice.days);
            }
        }
    }

    /// What has been learned of usual hours since this was last asked, of each practice of which there is anything new. To be kept
    /// for [`Self::restore_hours`].
    pub fn take_changed_hours(&mut self) -> Vec<UsualHours> {
        let practices = &self.estate.practices;
        self.hours.take_changed(|position| practices.get(position).map(|practice| practice.id.clone()))
    }

    /// All that has been learned of usual hours.
    pub fn all_hours(&self) -> Vec<UsualHours> {
        let practices = self.estate.practices.iter().zip(self.hours.all());
        practices
            .map(|(practice, days)| UsualHours { practice: practice.id.clone(), days: days.to_vec() })
            .collect()
    }

    /// Goes on with another estate: what both have keeps its state, what is gone is forgotten and its
    /// incidents are withdrawn.
    pub fn reload(&mut self, estate: Arc<Estate>, now: At) {
        self.advance(now);
        let old = std::mem::replace(self, Self::new(estate));
        let open: Vec<Event> = old.life.open().map(|incident| incident.event.clone()).collect();
        let last = old.life.incidents.last().map(|incident| incident.event.incident.clone());
        (self.now, self.last_arrival, self.last_evaluated) = (old.now, old.last_arrival, old.last_evaluated);
        self.life.events = old.life.events;
        self.life.history = old.life.history;
        self.evidence.lateness = old.evidence.lateness;
        self.evidence.advance(self.now);
        self.restore(open, last.as_deref());
        for (position, practice) in Arc::clone(&self.estate).practices.iter().enumerate() {
            if let Some(row) = old.topology.row(&practice.id) {
                self.take_over_row(&old.topology, &old.evidence, row, position);
                self.agents.take_over(crate::estate::PracticeIx::new(position).0, &old.agents, row);
                let heard_over = self.evidence.hearings[position].uplink.map(usize::from);
                let network = heard_over.and_then(|ix| self.estate.network(&old.estate.networks.get(ix)?.id));
                self.evidence.hearings[position].uplink = network.and_then(uplink_of);
                self.hours.take_over(crate::estate::PracticeIx::new(position).0, &old.hours, row);
            }
        }
        let (hub, new_hub) = (old.topology.hub(), self.topology.hub());
        self.take_over_row(&old.topology, &old.evidence, hub, new_hub as usize);
        for (node, facts) in self.topology.nodes.iter().enumerate() {
            let same = facts.causes.first().and_then(|cause| old.topology.node_of(cause));
            if let Some(was) = same {
                self.decay.take_over(node, &old.decay, was);
            }
        }
        let Self { life, estate, topology, round_ms, .. } = self;
        let still_bad = |_: &Incident| StillBad::Unknown;
        let facts = Facts { estate, topology, now: self.now, still_bad: &still_bad, round_ms: *round_ms };
        life.forget_unknown(&facts);
        self.wake_for_arrival(self.now);
        self.evaluate_at = Some(self.now);
    }

    fn take_over_row(&mut self, from: &Topology, evidence: &Evidence, row: Row, position: usize) {
        let new = crate::estate::PracticeIx::new(position).0;
        self.evidence.hearings[position] = evidence.hearings[row as usize];
        let mut bad = 0;
        for (probe, ix) in self.estate.probes.iter().zip(0..) {
            if let Some(old) = from.probe(&probe.id) {
                let check = evidence.checks[from.check(row, old)];
                bad += u16::from(check.heard() && check.class.bad());
                let slot = self.topology.check(new, ix);
                self.evidence.checks[slot] = check;
            }
        }
        self.evidence.bad[position] = bad;
        self.evidence.take_over(&self.topology, new, evidence.last_bad[row as usize], self.now);
    }

    /// Fires the timers that are due by `now`, in order. Time never runs backwards: an earlier `now` is
    /// taken as the latest one seen.
    pub fn advance(&mut self, now: At) {
        let now = now.min(At::LATEST);
        while let Some((due, reason)) = self.next_wake() {
            if due > now {
                break;
            }
            self.now = self.now.max(due);
            match reason {
                WakeReason::Evaluate => self.evaluate(),
                WakeReason::Silence | WakeReason::LifeCycle => self.tick(),
            }
        }
        self.now = self.now.max(now);
    }

    /// Advances to the observation's arrival, and takes it.
    pub fn take(&mut self, seen: &Observation) -> Taken {
        let arrival = seen.arrival();
        self.advance(arrival);
        self.observe(arrival, seen)
    }

    /// Takes one observation that arrived at `arrival`. Call [`Self::advance`] with the same time first.
    pub fn observe(&mut self, arrival: At, seen: &Observation) -> Taken {
        let arrival = self.now.max(arrival.min(At::LATEST));
        self.now = arrival;
        let Some(row) = self.topology.row(&seen.practice) else { return Taken::UnknownPractice };
        let heartbeat = seen.probe == ALIVE || seen.probe == BYE;
        let probe = self.topology.probe(&seen.probe);
        if probe.is_none() && !heartbeat {
            return Taken::UnknownProbe;
        }
        self.wake_for_arrival(arrival);
        self.evidence.advance(arrival);
        self.decay.advance(&self.topology, arrival);
        // A report that says that the agent goes away is of use only while it is news.
        let stale = match probe {
            Some(probe) => self.topology.probes[probe as usize].stale_ms(),
            None => HEARTBEAT_STALE_MS,
        };
        let history = arrival.millis_since(seen.ended()) > stale;
        let agent = seen.agent.as_deref();
        // Whether work was done isn't the agent's word, so it is no sign of it, nor of its clock.
        let passive = probe.is_some_and(|probe| self.topology.probes[probe as usize].passive);
        if seen.probe == BYE && !history {
            if self.agents.hear(row, agent, arrival, true) {
                self.evidence.bye(row, arrival);
            } else {
                // Another one is there, and goes on.
                self.evidence.hear(row, arrival, false, false, true);
            }
            self.hours.hear(row, arrival);
            self.evaluate_soon(arrival);
            return Taken::Counted;
        }
        if !passive {
            self.agents.hear(row, agent, arrival, false);
            let network = seen.uplink.as_deref().and_then(|id| self.estate.network(id));
            self.evidence.hearings[row as usize].uplink = network.and_then(uplink_of);
        }
        let learn = self.explained[row as usize] == Explained::No;
        if !passive {
            self.hear(row, arrival, learn, history, seen.reask);
        }
        let told_at = if passive {
            seen.at
        } else {
            let took_ms = arrival.millis_since(seen.ended());
            let own = self.agents.by_our_clock(row, agent, seen.at, took_ms, seen.reask);
            let hearing = &mut self.evidence.hearings[row as usize];
            own.unwrap_or_else(|| hearing.by_our_clock(seen.at, took_ms, seen.reask))
        };
        let Some(probe) = probe else { return if history { Taken::History } else { Taken::Counted } };
        let stream = self.topology.probes[probe as usize].stream;
        let asked = Asked {
            row,
            check: self.topology.check(row, probe),
            probe: probe as usize,
            crossed: self.topology.crossed(row, probe),
            stream,
        };
        if history {
            self.evidence.take_history(asked, seen);
            return Taken::History;
        }
        // An agent whose clock is ahead can't have asked after its answer arrived; and one whose clock has just been set
        // right isn't to be put back for long.
        let facts = &self.topology.probes[probe as usize];
        let check = &self.evidence.checks[asked.check];
        let (corrected, said) = (told_at.min(arrival), seen.at.min(arrival));
        let was_set = corrected <= check.last_at && said.millis_since(check.last_at) > facts.every_ms / 2;
        let at = if check.heard() && was_set {
            self.evidence.hearings[row as usize].forget_clock();
            said
        } else {
            corrected
        };
        let stale_ms = facts.stale_ms();
        let opinion = if passive {
            Opinion::Counts
        } else {
            self.agents.judge((row, probe as usize), at, seen, arrival, stale_ms)
        };
        let with_held = matches!(opinion, Opinion::CountsWith(_));
        match opinion {
            Opinion::Counts => {}
            // That computer's own, as it seems.
            Opinion::Held => return Taken::Counted,
            Opinion::CountsWith(held) => drop(self.evidence.take(asked, held.at, &held, learn)),
        }
        let explained = self.explained[row as usize];
        let before = self.evidence.checks[asked.check];
        let change = self.evidence.take(asked, at, seen, learn);
        // What is asked again is asked because it failed, and what has a reason is no decay.
        if learn
            && !seen.reask
            && !passive
            && before.heard()
            && !before.class.bad()
            && !self.evidence.is_hot(row)
        {
            let after = &self.evidence.checks[asked.check];
            if after.last_at > before.last_at {
                self.decay.count(row, asked.crossed, after.class.bad());
            }
        }
        match (change, explained) {
            _ if with_held => self.evaluate_soon(arrival),
            (Change::None, _) | (Change::Grew, Explained::Wholly) => {}
            (_, Explained::Partly) if self.life.settled() => self.evaluate_within(arrival, EVALUATE_CHURN_MS),
            _ => self.evaluate_soon(arrival),
        }
        Taken::Counted
    }

    /// The agent of a row is there.
    fn hear(&mut self, row: Row, arrival: At, learn: bool, history: bool, reask: bool) {
        // What fails before it falls silent wasn't switched off.
        if self.evidence.hearings[row as usize].silent && self.evidence.bad[row as usize] > 0 {
            self.hours.spoil(row);
        }
        if self.evidence.hear(row, arrival, learn, history, reask) {
            self.evaluate_soon(arrival);
        }
        // A backlog doesn't take a goodbye back.
        let hearing = &self.evidence.hearings[row as usize];
        if hearing.last == arrival && !hearing.away {
            self.hours.hear(row, arrival);
        }
    }

    fn wake_for_arrival(&mut self, arrival: At) {
        self.last_arrival = self.last_arrival.max(arrival);
        let tick = arrival.plus_millis(TICK_MS);
        if self.tick_at.is_none_or(|due| due > tick) {
            self.tick_at = Some(tick);
        }
    }

    fn evaluate_soon(&mut self, now: At) {
        self.evaluate_within(now, if self.life.settled() { EVALUATE_SETTLED_MS } else { EVALUATE_EVERY_MS });
    }

    fn evaluate_within(&mut self, now: At, every: i64) {
        let due = now.max(self.last_evaluated.plus_millis(every.saturating_mul(self.pace)));
        if self.evaluate_at.is_none_or(|at| at > due) {
            self.evaluate_at = Some(due);
        }
    }

    fn tick(&mut self) {
        let now = self.now;
        self.tick_at = None;
        let late = self.evidence.mark_late(now, &mut self.hours);
        unheard::excuse(&self.life, &mut self.evidence, now);
        let in_doubt = self.doubt_until.is_some_and(|until| until <= now);
        let wake = self.life.next_wake(now);
        let bad = self.evidence.bad.iter().any(|bad| *bad > 0) || self.life.open().next().is_some();
        let idle = bad && now.millis_since(self.last_evaluated) >= EVALUATE_IDLE_MS;
        if late || in_doubt || wake.is_some_and(|due| due <= now) || idle {
            self.evaluate_soon(now);
        }
        if wake.is_some() || bad || self.evidence.anybody_heard() {
            let gap = (now.millis_since(self.last_arrival) / TICK_SHARE).max(TICK_MS);
            self.tick_at = Some(now.plus_millis(gap));
        }
        if let Some(due) =
            self.hours.next_due().into_iter().chain(self.doubt_until.filter(|_| !in_doubt)).min()
        {
            let due = due.max(now.plus_millis(TICK_MS));
            self.tick_at = Some(self.tick_at.map_or(due, |tick| tick.min(due)));
        }
    }

    /// When it wants to be woken next, and why.
    pub fn next_wake(&self) -> Option<(At, WakeReason)> {
        let evaluate = self.evaluate_at.map(|at| (at, WakeReason::Evaluate));
        let tick = self.tick_at.map(|at| (at, WakeReason::Silence));
        match (evaluate, tick) {
            (Some(a), Some(b)) => Some(if b.0 < a.0 { b } else { a }),
            (a, b) => a.or(b),
        }
    }

    /// Judges the evidence, and lets incidents open, change and end.
    fn evaluate(&mut self) {
        let now = self.now;
        self.evaluate_at = None;
        self.last_evaluated = now;
        let mut known = self.life.known_nodes(now, self.round_ms);
        // That its sites fall one after the other says nothing about what fails at one moment.
        known.failed.retain(|failed| !self.series.is_of(&[failed.node]));
        known.recovering.retain(|nodes| !self.series.is_of(nodes));
        let look = search::look(&self.topology, &mut self.evidence, now, &known);
        self.findings = Search::new(&self.topology, &self.evidence, look, now, &known).run();
        let Self {
            estate,
            topology,
            evidence,
            life,
            series,
            hours,
            asking,
            findings,
            doubt_until,
            round_ms,
            ..
        } = self;
        let view = View::new(estate, topology, evidence, now);
        let mut verdicts: Vec<Verdict> = findings.faults.iter().map(|fault| view.shared(fault)).collect();
        let mut own: Vec<Verdict> = findings.own.iter().map(|own| view.own(own)).collect();
        let in_doubt = unheard::leave_out(&mut verdicts, &mut own, (life, evidence, hours), now);
        *doubt_until = in_doubt.until;
        // A fall counts when it has lasted and nothing shared explains it.
        let shared = |row: &Row| {
            life.open().any(|incident| {
                matches!(incident.verdict.scope, Scope::Shared | Scope::SharedPartly | Scope::Monitor)
                    && !series.is_of(&incident.verdict.nodes)
                    && incident.ever.contains(row)
            })
        };
        let fallen: Vec<(Row, At)> = own
            .iter()
            .chain(&in_doubt.verdicts)
            .filter(|verdict| now.millis_since(verdict.since) >= FALL_MS_MIN.max(2 * *round_ms))
            .flat_map(|verdict| verdict.rows.iter().map(|row| (*row, verdict.since)))
            .filter(|(row, _)| !shared(row))
            .collect();
        for (row, since) in fallen {
            series.note(row, since);
        }
        if let Some(rolling) = series
            .rolling(topology.rows - 1, || topology.risk_groups(), now)
            .filter(|found| found.probability >= 0.5)
        {
            let node = &topology.nodes[rolling.node];
            let part = |verdict: &Verdict| verdict.rows.iter().any(|row| node.member(*row).is_some());
            let down: Vec<Verdict> =
                own.iter().chain(&in_doubt.verdicts).filter(|verdict| part(verdict)).cloned().collect();
            let told = life.open().any(|incident| incident.verdict.nodes == [rolling.node]);
            if told || rolling.probability >= lifecycle::OPEN_PROBABILITY_MIN {
                series.take(rolling.node);
                own.retain(|verdict| !part(verdict));
            }
            verdicts.push(view.rolling(&rolling, &down));
        }
        verdicts.extend(own);
        let (named, nameless): (Vec<Verdict>, Vec<Verdict>) =
            verdicts.into_iter().partition(|verdict| !verdict.causes.is_empty());
        let shared: Vec<&Verdict> = named
            .iter()
            .filter(|verdict| matches!(verdict.scope, Scope::Shared | Scope::SharedPartly))
            .filter(|verdict| lifecycle::is_sure(verdict) && !verdict.is_early)
            .collect();
        let shared: Vec<Verdict> = shared.into_iter().cloned().collect();
        let still_bad = |incident: &Incident| still_bad::still_bad(&view, incident, &shared);
        let facts = Facts { estate, topology, now, still_bad: &still_bad, round_ms: *round_ms };
        asking.suspect(&view, &named, life);
        life.step(named, &facts);
        asking.look_again(&view, life);
        self.nameless = nameless;
        self.mark_explained();
        if self.tick_at.is_none() && self.life.next_wake(now).is_some() {
            self.tick_at = Some(now.plus_millis(TICK_MS));
        }
    }

    fn mark_explained(&mut self) {
        self.explained.fill(Explained::No);
        for verdict in &self.nameless {
            for row in &verdict.rows {
                self.explained[*row as usize] = Explained::Wholly;
            }
        }
        for incident in self.life.open() {
            let how = match incident.verdict.scope {
                Scope::Monitor if incident.verdict.blinds() => {
                    self.explained.fill(Explained::Wholly);
                    continue;
                }
                Scope::Monitor => {
                    let hub = self.topology.hub();
                    let cut = incident.verdict.cuts();
                    for (row, explained) in (0..).zip(&mut self.explained) {
                        let unheard = cut.is_some_and(|network| self.evidence.is_cut_off(row, network));
                        if row == hub || unheard {
                            *explained = Explained::Wholly;
                        }
                    }
                    continue;
                }
                Scope::SharedPartly => Explained::Partly,
                _ => Explained::Wholly,
            };
            for row in &incident.ever {
                self.explained[*row as usize] = how;
            }
        }
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.life.events.pop_front()
    }

    /// What would be worth asking at once; whether anybody does is theirs to decide. What isn't taken before the evidence is judged
    /// again is forgotten.
    pub fn poll_wish(&mut self) -> Option<Wish> {
        self.asking.wishes.pop()
    }

    /// What is known now.
    pub fn picture(&self) -> Picture {
        picture::picture(
            &self.view(),
            &self.life,
            &self.findings,
            &self.nameless,
            self.decay.noted(),
            &self.hours,
            &self.agents,
        )
    }

    /// Explains an incident that is open, or was resolved within the last day.
    pub fn why(&self, incident: &str) -> Option<Explanation> {
        self.life.find(incident).map(|found| {
            let mut explanation = picture::explanation(&self.view(), found);
            let event = &found.event;
            let until = found.closed;
            let again = self.life.history.rhythm(&event.cause, event.since, until, self.now);
            explanation.again = again.map(|rhythm| rhythm.sentence());
            explanation
        })
    }

    fn view(&self) -> View<'_> {
        View::new(&self.estate, &self.topology, &self.evidence, self.now)
    }
}

/// As a hearing keeps it.
fn uplink_of(network: crate::estate::NetworkIx) -> Option<u16> {
    u16::try_from(network.at()).ok()
}

/// The slowest asking and its time-out: after that long, everything has been asked again.
fn round_ms(topology: &Topology) -> i64 {
    topology.probes.iter().map(|probe| probe.every_ms + probe.timeout_ms).max().unwrap_or(0) + 1_000
}
