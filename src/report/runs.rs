//! The runs of an incident: one that was over may begin anew under its number, and each time from a beginning to its end is a run. What was
//! recorded of an incident is about the run that had begun last by then, and goes on with it where that proves to be another's.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::incident::State;
use super::names::Moment;
use crate::incident::{Event, EventKind, Reason, nobody_hit_since};
use crate::limits::{FIX_BEFORE_MAX, MERGERS_FOLLOWED_MAX};
use crate::time::At;

/// From one beginning to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run<'a> {
    /// At least one.
    pub events: &'a [Event],
    pub first: &'a Event,
    pub last: &'a Event,
    /// By the estimate of its beginning: not before the end of the run before.
    pub from: At,
    /// `None`: it goes on.
    pub to: Option<At>,
}

impl<'a> Run<'a> {
    pub fn state(&self) -> State {
        state(self.last)
    }

    /// When the last of those that it hit was said to be well again.
    pub fn well_since(&self) -> Option<At> {
        nobody_hit_since(self.events)
    }

    /// From when to when each of its events was the last word; the first one from the beginning. `now`: what goes on does until then.
    pub fn pieces(&self, now: At) -> impl Iterator<Item = (&'a Event, At, At)> + use<'a> {
        let (from, events) = (self.from, self.events);
        let ends = events.iter().skip(1).map(|next| next.at).chain([self.to.unwrap_or(now)]);
        let told = events.iter().zip(ends).enumerate();
        let told = told.filter(|(_, (event, _))| event.event != EventKind::Resolved);
        told.map(move |(place, (event, to))| (event, if place == 0 { from } else { event.at }, to))
    }
}

/// From one beginning to its end, in figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFigures {
    /// When it began, by the correlator's best estimate, and when it said so.
    pub since: Moment,
    pub opened: Moment,
    /// When the last of those that it hit was said to be well again; `None`: that wasn't said.
    #[serde(default)]
    pub well_since: Option<Moment>,
    /// When that had lasted for long enough to say that it is over; `None`: it goes on.
    pub resolved: Option<Moment>,
}

impl RunFigures {
    pub(super) fn new(run: &Run<'_>, zone: &TimeZone) -> Self {
        let moment = |at: At| Moment::new(at, zone);
        Self {
            since: moment(run.from),
            opened: moment(run.first.at),
            well_since: run.well_since().map(moment),
            resolved: run.to.map(moment),
        }
    }

    /// When it ended; `None`: it goes on, or that hasn't been said.
    pub fn ended(&self) -> Option<&Moment> {
        self.well_since.as_ref().filter(|_| self.resolved.is_some()).or(self.resolved.as_ref())
    }
}

/// How a run stands, by its last event.
pub(super) fn state(last: &Event) -> State {
    match (last.event, last.reason) {
        (EventKind::Resolved, Some(Reason::Withdrawn)) => State::Withdrawn,
        (EventKind::Resolved, Some(Reason::Merged)) => State::Merged,
        (EventKind::Resolved, _) => State::Recovered,
        _ => State::Open,
    }
}

/// Whether what was told was never so, or is another's.
pub(super) const fn is_cancelling(state: State) -> bool {
    matches!(state, State::Withdrawn | State::Merged)
}

/// An incident's runs, in order of time.
pub(super) fn runs(events: &[Event]) -> impl Iterator<Item = Run<'_>> {
    let mut before: Option<At> = None;
    events.split_inclusive(|event| event.event == EventKind::Resolved).filter_map(move |events| {
        let (first, last) = (events.first()?, events.last()?);
        let since = events.iter().fold(first.at, |since, event| since.min(event.since));
        let from = before.map_or(since, |end| since.max(end));
        let to = (last.event == EventKind::Resolved).then_some(last.at);
        before = to;
        Some(Run { events, first, last, from, to })
    })
}

/// Those that count: what is withdrawn, or proves to be another's, takes nothing from what was before, and adds nothing to it. Where there
/// is nothing else, all.
pub(super) fn that_count(events: &[Event]) -> Vec<Run<'_>> {
    let mut all: Vec<Run<'_>> = runs(events).collect();
    if all.iter().any(|run| !is_cancelling(run.state())) {
        all.retain(|run| !is_cancelling(run.state()));
    }
    all
}

/// The incidents that something is told with that was recorded of one of them at a moment: that one, and what this run of it went on as, one
/// after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct About<'f> {
    /// Each with whether the run is one of those that count there ([`that_count`]).
    incidents: Vec<(&'f str, bool)>,
}

impl<'f> About<'f> {
    pub fn new(facts: &'f Facts, incident: &'f str, at: At) -> Self {
        let (mut incidents, mut here, mut at) = (Vec::new(), Some(incident), at);
        while let Some(incident) = here.filter(|_| incidents.len() <= MERGERS_FOLLOWED_MAX) {
            let events = facts.incidents.get(incident).map_or(&[][..], Vec::as_slice);
            let run = run_of(events, at);
            incidents.push((incident, run.is_none_or(|run| is_counted(events, &run))));
            // It was a part of the other from the merger on.
            at = run.map_or(at, |run| at.max(run.last.at));
            here = run.and_then(|run| run.last.into.as_deref());
        }
        Self { incidents }
    }

    /// Where something was done at one moment and said at another.
    pub fn done(facts: &'f Facts, incident: &'f str, done: At, said: At) -> Self {
        let events = facts.incidents.get(incident).map_or(&[][..], Vec::as_slice);
        let within = |run: &Run<'_>| run.from <= done && run.to.is_none_or(|to| done < to);
        // What was done while it was over, and said when it had begun anew a little later, was meant for what was beginning.
        let before =
            |run: &Run<'_>| done < run.from && run.from <= done + FIX_BEFORE_MAX && run.first.at <= said;
        let meant_for = runs(events).find(before).filter(|_| !runs(events).any(|run| within(&run)));
        Self::new(facts, incident, meant_for.map_or(done, |run| run.from))
    }

    pub fn incidents(&self) -> impl Iterator<Item = &'f str> {
        self.incidents.iter().map(|(incident, _)| *incident)
    }

    /// Each incident, and the other one with which it counts where it doesn't with this.
    pub fn counting(&self) -> impl Iterator<Item = (&'f str, Option<&'f str>)> {
        self.incidents.iter().enumerate().map(|(place, (incident, counts))| {
            let mut later = self.incidents.iter().skip(place).filter(|(_, counts)| *counts);
            (*incident, later.next().map(|(other, _)| *other).filter(|_| !counts))
        })
    }
}

/// The run that had begun last by then; of what was before all, the first.
fn run_of(events: &[Event], at: At) -> Option<Run<'_>> {
    let mut all = runs(events);
    let first = all.next()?;
    Some(all.take_while(|run| run.from <= at).last().unwrap_or(first))
}

fn is_counted(events: &[Event], run: &Run<'_>) -> bool {
    that_count(events).iter().any(|counted| std::ptr::eq(counted.first, run.first))
}
