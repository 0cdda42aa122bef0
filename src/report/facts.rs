//! The journal's entries → what is known. Another record may fill the same facts, a fuller one of every observation too.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::estate::{Estate, PracticeIx, ProbeIx};
use crate::incident::{Cause, Event, EventKind, Reason};
use crate::journal::Kept;
use crate::journal::body::{self, Change, Checks, Measuring, MuteTurn, Muting, NoticeFate};
use crate::limits::MEASURED_GAP;
use crate::time::At;

/// What is known.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// By incident: its events, oldest first.
    pub incidents: BTreeMap<String, Vec<Event>>,
    /// Results that changed a check, in order of time.
    pub changes: HashMap<(PracticeIx, ProbeIx), Vec<(At, bool)>>,
    /// When nobody measured, in order of time.
    pub gaps: Vec<Gap>,
    pub notices: Vec<NoticeLine>,
    pub operators: Vec<OperatorLine>,
    /// The first that is known of; `None`: nothing is.
    pub since: Option<At>,
    /// Until then somebody measured.
    pub measured_until: Option<At>,
    /// Changes of practices or checks that the configuration no longer has.
    pub unknown_changes: u64,
    /// Entries that can't be understood.
    pub unread: u64,
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
    facts: Facts,
}

impl Facts {
    pub fn gatherer(estate: &Estate) -> Gatherer<'_> {
        let practices = estate.practices.iter().enumerate();
        let probes = estate.probes.iter().enumerate();
        Gatherer {
            practices: practices.map(|(at, practice)| (practice.id.as_str(), PracticeIx::new(at))).collect(),
            probes: probes.map(|(at, probe)| (probe.id.as_str(), ProbeIx::new(at))).collect(),
            facts: Self::default(),
        }
    }

    /// When nobody measured between two moments, whatever the check; what came before the first fact among it.
    pub fn not_measured(&self, from: At, to: At) -> super::Spans {
        let before = self.since.unwrap_or(to);
        let all = self.gaps.iter().map(|gap| (gap.from, gap.to));
        super::Spans::new(all.chain([(from, before)]).collect()).clip(from, to)
    }
}

/// An entry couldn't be read.
struct Unread;

impl From<serde_json::Error> for Unread {
    fn from(_: serde_json::Error) -> Self {
        Self
    }
}

impl Gatherer<'_> {
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
                let Checks { checks, .. } = serde_json::from_slice(entry.body)?;
                for change in checks {
                    self.change(change);
                }
            }
            body::NOTICE => {
                let fate = serde_json::from_slice(entry.body)?;
                self.facts.notices.push(NoticeLine { at: entry.at, incident: incident()?, fate });
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
                let Measuring { nothing_since, .. } = serde_json::from_slice(entry.body)?;
                let gap = |from| Gap { from, to: entry.at, kind: GapKind::NotRunning };
                self.facts.gaps.extend(nothing_since.map(gap));
            }
            _ => {}
        }
        Ok(())
    }

    fn change(&mut self, Change(at, practice, probe, ok, ..): Change) {
        // The hub's own checks are nobody's outage.
        if practice == crate::observation::HUB {
            return;
        }
        let known = self.practices.get(practice.as_str()).zip(self.probes.get(probe.as_str()));
        match known {
            Some((practice, probe)) => {
                self.facts.changes.entry((*practice, *probe)).or_default().push((at, ok));
            }
            None => self.facts.unknown_changes += 1,
        }
    }

    /// `measured_until`: until when somebody measured, where that is known; `now`: what is open goes on until then.
    pub fn end(mut self, measured_until: Option<At>, now: At) -> Facts {
        let facts = &mut self.facts;
        #[expect(clippy::iter_over_hash_type, reason = "each is put in order by itself")]
        for changes in facts.changes.values_mut() {
            // What came late stands late in the journal. A stable sort: of two results at one time the later word counts.
            changes.sort_by_key(|(at, _)| *at);
        }
        facts.measured_until = measured_until;
        if let Some(until) = measured_until.filter(|until| *until + MEASURED_GAP < now) {
            facts.gaps.push(Gap { from: until, to: now, kind: GapKind::NotRunning });
        }
        for events in facts.incidents.values() {
            let (Some(first), Some(last)) = (events.first(), events.last()) else { continue };
            let is_ours = last.cause.iter().any(|cause| cause.kind == Cause::MONITOR);
            if is_ours && last.reason != Some(Reason::Withdrawn) {
                let to = if last.event == EventKind::Resolved { last.at } else { now };
                facts.gaps.push(Gap { from: first.since.min(first.at), to, kind: GapKind::CutOff });
            }
        }
        facts.gaps.sort_by_key(|gap| (gap.from, gap.to));
        self.facts
    }
}
