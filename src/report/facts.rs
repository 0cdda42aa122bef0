//! The journal's entries → what is known. Another record may fill the same facts, a fuller one of every observation too.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::incident::State;
use super::runs::runs;
use super::several::{Several, Times, Word, together};
use crate::estate::{Estate, PracticeIx, ProbeIx};
use crate::incident::Event;
use crate::journal::Kept;
use crate::journal::body::{self, Acknowledged, Fixed, Measuring, MuteTurn, Muting, NoticeFate, Turn};
use crate::journal::coverage::MeasuredUntil;
use crate::limits::MEASURED_GAP;
use crate::spans::Spans;
use crate::time::{At, whole_millis};

/// What is known.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// By incident: its events, oldest first.
    pub incidents: BTreeMap<String, Vec<Event>>,
    /// Results that changed a check.
    pub changes: Changes,
    /// When nobody measured, in order of time.
    pub gaps: Vec<Gap>,
    /// When nobody measured at one practice: agents were to, and none did, as far as the hub has it.
    pub practice_gaps: BTreeMap<PracticeIx, Spans>,
    /// Of changes that the hub had later than it should, at a practice and by the time of the check: when it had them.
    pub received: BTreeMap<(PracticeIx, At), At>,
    pub notices: Vec<NoticeLine>,
    pub operators: Vec<OperatorLine>,
    pub acknowledgements: Vec<AcknowledgementLine>,
    pub fixes: Vec<FixLine>,
    /// The first that is known of; `None`: nothing is.
    pub since: Option<At>,
    /// Until then somebody measured.
    pub measured_until: Option<At>,
    /// Changes of practices or checks that the configuration no longer has.
    pub unknown_changes: u64,
    /// Entries that can't be understood.
    pub unread: u64,
}

/// Results that changed a check, by check: a year of a country has millions.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    probes: usize,
    /// A practice's probes stand together.
    by_check: Vec<Vec<(At, bool)>>,
}

impl Changes {
    fn new(estate: &Estate) -> Self {
        let probes = estate.probes.len();
        Self { probes, by_check: vec![Vec::new(); probes * estate.practices.len()] }
    }

    /// When a check was how, in order of time: as the first result said until the second, and so on.
    pub fn of(&self, practice: PracticeIx, probe: ProbeIx) -> &[(At, bool)] {
        self.by_check
            .get(self.place(practice, probe))
            .filter(|_| probe.at() < self.probes)
            .map_or(&[], Vec::as_slice)
    }

    fn place(&self, practice: PracticeIx, probe: ProbeIx) -> usize {
        practice.at() * self.probes + probe.at()
    }
}

/// Nobody measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    pub from: At,
    pub to: At,
    pub kind: GapKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapKind {
    /// linewatch didn't run, or stood still.
    NotRunning,
    /// linewatch's own line was down: an incident of the monitor.
    CutOff,
}

/// What became of a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeLine {
    pub at: At,
    pub incident: String,
    pub fate: NoticeFate,
}

/// Somebody's word that they have an incident in hand, or read of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgementLine {
    pub at: At,
    pub incident: String,
    pub said: Acknowledged,
}

/// Somebody's word that they did something about an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixLine {
    /// When they said so.
    pub said: At,
    pub incident: String,
    pub fixed: Fixed,
}

/// What an operator did about an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorLine {
    pub at: At,
    pub incident: String,
    /// `approval`, `muted`, `mute ended`
    pub what: String,
    pub by: String,
}

/// Planned work, as the configuration has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    pub from: At,
    pub to: At,
    /// Ids; empty: all.
    pub what: Vec<String>,
    pub reason: String,
}

/// Takes entries in, one after the other.
#[derive(Debug)]
pub struct Gatherer<'e> {
    practices: HashMap<&'e str, PracticeIx>,
    probes: HashMap<&'e str, ProbeIx>,
    /// By probe, in milliseconds: what arrives so long after its check began came late.
    late_after: Vec<i64>,
    apart_ms: i64,
    several: Several,
    /// By check, as in [`Changes`]: what each agent found.
    words: Vec<Vec<Word>>,
    /// When linewatch started, and whether agents were to measure.
    starts: Vec<(At, bool)>,
    facts: Facts,
}

impl Facts {
    pub fn gatherer(estate: &Estate) -> Gatherer<'_> {
        let practices = estate.practices.iter().enumerate();
        let probes = estate.probes.iter().enumerate();
        Gatherer {
            practices: practices.map(|(at, practice)| (practice.id.as_str(), PracticeIx::new(at))).collect(),
            probes: probes.map(|(at, probe)| (probe.id.as_str(), ProbeIx::new(at))).collect(),
            // As in the correlator: what comes later than this opens nothing, and is history.
            late_after: estate
                .probes
                .iter()
                .map(crate::estate::Probe::rhythm)
                .map(|(every, timeout)| whole_millis(2 * every + 2 * timeout))
                .collect(),
            apart_ms: whole_millis(estate.measured_apart()),
            several: Several::default(),
            words: vec![Vec::new(); estate.probes.len() * estate.practices.len()],
            starts: Vec::new(),
            facts: Self { changes: Changes::new(estate), ..Self::default() },
        }
    }

    /// Before the first fact nobody knows anything, whatever the check.
    pub fn before_the_first(&self) -> Spans {
        self.since.map_or_else(Spans::default, |since| Spans::one(At::default(), since))
    }

    /// When nobody measured between two moments, whatever the check; what came before the first fact among it.
    pub fn not_measured(&self, from: At, to: At) -> Spans {
        let before = self.since.unwrap_or(to);
        let all = self.gaps.iter().map(|gap| (gap.from, gap.to));
        Spans::new(all.chain([(from, before)]).collect()).clip(from, to)
    }
}

/// [`body::Checks`] without what no figure needs, and without copying a name for each of millions of changes.
#[derive(Deserialize)]
struct Lean<'a> {
    #[serde(default)]
    adopted: bool,
    #[serde(borrow)]
    checks: Vec<LeanChange<'a>>,
}

/// [`body::Change`]
#[derive(Deserialize)]
struct LeanChange<'a>(
    At,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    bool,
    IgnoredAny,
    IgnoredAny,
    #[serde(borrow, default)] Cow<'a, str>,
);

/// An entry couldn't be read.
struct Unread;

impl From<serde_json::Error> for Unread {
    fn from(_: serde_json::Error) -> Self {
        Self
    }
}

impl Gatherer<'_> {
    /// Until when agents measured.
    pub fn agents_measured_until(&mut self, all: &[MeasuredUntil]) {
        for MeasuredUntil { practice, agent, until } in all {
            if let Some(practice) = self.practices.get(practice.as_str()) {
                let agent = self.several.agent(*practice, agent);
                self.several.measured_until((*practice, agent), *until);
            }
        }
    }

    pub fn take(&mut self, entry: Kept<'_>) {
        if self.facts.since.is_none_or(|since| entry.at < since) {
            self.facts.since = Some(entry.at);
        }
        if self.read(entry).is_err() {
            self.facts.unread += 1;
        }
    }

    fn read(&mut self, entry: Kept<'_>) -> Result<(), Unread> {
        let subject = std::str::from_utf8(entry.subject).map_err(|_| Unread)?;
        let incident = || std::str::from_utf8(entry.incident).map(str::to_owned).map_err(|_| Unread);
        match subject {
            body::EVENT => {
                let event: Event = serde_json::from_slice(entry.body)?;
                self.facts.incidents.entry(event.incident.clone()).or_default().push(event);
            }
            body::CHECKS => {
                let Lean { checks, adopted } = serde_json::from_slice(entry.body)?;
                for change in &checks {
                    // When those that were adopted had come, nobody knows any more.
                    self.change(change, if adopted { change.0 } else { entry.at });
                }
            }
            body::NOTICE => {
                let fate = serde_json::from_slice(entry.body)?;
                self.facts.notices.push(NoticeLine { at: entry.at, incident: incident()?, fate });
            }
            body::ACKNOWLEDGEMENT => {
                let said = serde_json::from_slice(entry.body)?;
                let line = AcknowledgementLine { at: entry.at, incident: incident()?, said };
                self.facts.acknowledgements.push(line);
            }
            body::FIX => {
                let fixed = serde_json::from_slice(entry.body)?;
                self.facts.fixes.push(FixLine { said: entry.at, incident: incident()?, fixed });
            }
            body::APPROVAL => {
                #[derive(Deserialize)]
                struct By {
                    by: String,
                }
                let By { by } = serde_json::from_slice(entry.body)?;
                let what = subject.to_owned();
                self.facts.operators.push(OperatorLine { at: entry.at, incident: incident()?, what, by });
            }
            body::COVERAGE => {
                let body::Coverage { practice, agent, missing, after_all } =
                    serde_json::from_slice(entry.body)?;
                if let Some(practice) = self.practices.get(practice.as_str()) {
                    let agent = self.several.agent(*practice, agent.as_deref().unwrap_or_default());
                    self.several.told((*practice, agent), &Spans::new(missing), &Spans::new(after_all));
                }
            }
            body::MUTE => {
                let Muting { turn, by, .. } = serde_json::from_slice(entry.body)?;
                let what = match turn {
                    MuteTurn::Muted => "muted",
                    MuteTurn::Ended => "mute ended",
                };
                let (incident, what) = (incident()?, what.to_owned());
                // What mutes a component or a practice is of no incident in particular.
                if !incident.is_empty() {
                    self.facts.operators.push(OperatorLine { at: entry.at, incident, what, by });
                }
            }
            body::MEASURING => {
                let Measuring { nothing_since, measuring, .. } = serde_json::from_slice(entry.body)?;
                match measuring {
                    Turn::Started => self.starts.push((entry.at, false)),
                    Turn::StartedForAgents => self.starts.push((entry.at, true)),
                    Turn::Stopped | Turn::GoesOn => {}
                }
                let gap = |from| Gap { from, to: entry.at, kind: GapKind::NotRunning };
                self.facts.gaps.extend(nothing_since.map(gap));
            }
            _ => {}
        }
        Ok(())
    }

    fn change(&mut self, LeanChange(at, practice, probe, ok, .., agent): &LeanChange<'_>, received: At) {
        // The hub's own checks are nobody's outage.
        if practice == crate::observation::HUB {
            return;
        }
        let known = self.practices.get(practice.as_ref()).zip(self.probes.get(probe.as_ref()));
        match known {
            Some((practice, probe)) => {
                let agent = self.several.agent(*practice, agent);
                if let Some(words) = self.words.get_mut(self.facts.changes.place(*practice, *probe)) {
                    words.push(Word { at: *at, agent, ok: *ok });
                }
                if self.late_after.get(probe.at()).is_some_and(|late| received.millis_since(*at) > *late) {
                    self.facts.received.entry((*practice, *at)).or_insert(received);
                }
            }
            None => self.facts.unknown_changes += 1,
        }
    }

    /// `measured_until`: until when somebody measured, where that is known; `now`: what is open goes on until then.
    pub fn end(mut self, measured_until: Option<At>, now: At) -> Facts {
        let times = Times { for_agents: self.for_agents(now), apart_ms: self.apart_ms, now };
        self.put_together(&times);
        self.facts.practice_gaps = self.without_agents(&times);
        let facts = &mut self.facts;
        facts.measured_until = measured_until;
        if let Some(until) = measured_until.filter(|until| *until + MEASURED_GAP < now) {
            facts.gaps.push(Gap { from: until, to: now, kind: GapKind::NotRunning });
        }
        let all = facts.incidents.values().flat_map(|events| runs(events));
        for run in all.filter(|run| run.state() != State::Withdrawn) {
            // What was heard over one network alone while that was lost is missing by practice.
            let cut_off = run.pieces(now).filter(|(event, ..)| event.is_cut_off());
            let cut_off = Spans::new(cut_off.map(|(_, from, to)| (from, to)).collect());
            facts.gaps.extend(cut_off.iter().map(|(from, to)| Gap { from, to, kind: GapKind::CutOff }));
        }
        facts.gaps.sort_by_key(|gap| (gap.from, gap.to));
        self.facts
    }

    /// What agents found → what the practices had.
    fn put_together(&mut self, times: &Times) {
        let probes = self.facts.changes.probes.max(1);
        for (place, words) in self.words.iter_mut().enumerate() {
            let mut words = std::mem::take(words);
            // What came late stands late in the journal. A stable sort: of two results at one time the later word counts.
            words.sort_by_key(|word| word.at);
            let practice = PracticeIx::new(place / probes);
            let all = together(&words, |agent| self.several.away((practice, agent), times));
            if let Some(changes) = self.facts.changes.by_check.get_mut(place) {
                *changes = all;
            }
        }
    }

    fn for_agents(&self, now: At) -> Spans {
        let ends = self.starts.iter().skip(1).map(|(at, _)| *at).chain([now]);
        let for_agents = self.starts.iter().zip(ends).filter(|((_, agents), _)| *agents);
        Spans::new(for_agents.map(|((from, _), to)| (*from, to)).collect())
    }

    /// When agents were to measure at each practice, and none did.
    fn without_agents(&self, times: &Times) -> BTreeMap<PracticeIx, Spans> {
        if times.for_agents.is_empty() {
            return BTreeMap::new();
        }
        let practices = (0..self.practices.len()).map(PracticeIx::new);
        let gaps = practices.map(|practice| (practice, self.several.gaps(practice, times)));
        gaps.filter(|(_, gaps)| !gaps.is_empty()).collect()
    }
}
