//! What a trial's events are worth. The definitions:
//!
//! - A named group of causes is **exact** for a truth when it is the true cause alone; **right** when it is exact,
//!   or names only causes that no check tells from the true one (`Truth::same`, and causes that carry exactly the
//!   same checks of agents that report), and is either one of them or a group that holds the true cause; **vague**
//!   when it holds the true cause beside others that the data could tell from it; else **wrong**. For an unmapped
//!   truth (nothing told is to blame), a practice that it hits is right.
//! - **Named at onset + n intervals**: at `since` + n × `every` (just before `until`, when that is earlier) some
//!   incident is open whose causes, as last said, are right for the truth. *Alone* (raw): are exact. *Held*: are right
//!   or vague.
//! - **Time to name**: from `since` to the first moment at which that holds, in intervals; infinite if it never
//!   does before `until`.
//! - **Set precision and recall** are judged at onset + 3 intervals of every truth that an incident must name.
//!   Precision: of the incidents that are open, how many are right for a truth that lasts or ended within the
//!   grace. Recall: of the truths that last and are three intervals old, how many are named. Apart for moments
//!   with one such truth and with more.
//! - The **grace** is three intervals and a time-out after a truth's end: what is said until then still belongs to it.
//! - A **false shared-cause incident** named something that more than one practice stands behind, and was neither
//!   right nor vague at any of its events. One that was wrong first (or later) and right at another event counts as
//!   **corrected** instead. Of the false ones, those that opened with a service of which a check just then failed
//!   everywhere are **blips told** (see `blips`): the world lets targets go away for an interval or two, and doesn't
//!   count that as a fault.
//! - A **needless practice incident** was opened for a practice that a shared fault explains: *before* the fault was
//!   named, *during* it, or *after* its end (up to ten intervals). All other practice incidents that are right at no
//!   event are **false practice incidents**.
//! - **Incidents per true incident**: all incidents opened, over truths that an incident must name.
//! - **Notices**: as linewatch's policy has it, practices hear that an incident opened and that it is over, and nothing
//!   between. Each is a notice to every practice behind its causes; counted for practices that a truth hits, over the
//!   number of (truth, practice) pairs. Two is the least.
//! - **Brier score and expected calibration error** over the probabilities of all opened and changed events,
//!   against whether the group held the true cause (exact, right or vague) at that moment.

use std::collections::{BTreeMap, BTreeSet};

use linewatch::incident::{Cause, EventKind};
use linewatch::time::At;
use linewatch::world::trials::{Kind, Trial, Truth};

use crate::blips::Blips;
use crate::diagnoser::Said;
use crate::facts::Facts;
use crate::marks::{Marks, Named};

/// Practice incidents are laid at the door of a shared fault for so many intervals after its end.
const AFTER_INTERVALS: i64 = 10;
/// What is said belongs to a truth for so many intervals, and a time-out, after its end.
const GRACE_INTERVALS: i64 = 3;
/// The bar parts estates here.
const REPORTING_MANY: usize = 25;
const DAYS_A_YEAR: f64 = 365.25;

/// How well a group of causes fits the truths of a moment; better is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    Wrong,
    Vague,
    Right,
    Exact,
}

/// Why a trial was got wrong, for `--show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// This truth is not named at onset + 3 intervals.
    Missed(usize),
    FalseShared(u32),
    Corrected(u32),
    Needless(u32),
    FalsePractice(u32),
    /// More incidents are right for this truth than one.
    Split(usize),
}

/// One trial's truths and what everybody was told, ready to judge what a diagnoser said.
pub struct Judge<'a> {
    trial: &'a Trial,
    facts: &'a Facts,
    blips: &'a Blips,
    every_ms: i64,
    grace_ms: i64,
    /// By truth: its cause and what can't be told from it.
    classes: Vec<BTreeSet<&'a Cause>>,
}

impl<'a> Judge<'a> {
    pub fn new(trial: &'a Trial, facts: &'a Facts, blips: &'a Blips) -> Self {
        let every_ms = i64::try_from(trial.every.as_millis()).unwrap_or(i64::MAX / 64).max(1);
        let classes = trial
            .truths
            .iter()
            .map(|truth| {
                let twins = facts.twins(&truth.cause);
                std::iter::once(&truth.cause).chain(&truth.same).chain(twins).collect()
            })
            .collect();
        Self {
            trial,
            facts,
            blips,
            every_ms,
            grace_ms: GRACE_INTERVALS * every_ms + facts.timeout_ms,
            classes,
        }
    }

    pub fn fit(&self, causes: &[Cause], truth: usize) -> Fit {
        let class = &self.classes[truth];
        let truth = &self.trial.truths[truth];
        match truth.kind {
            Kind::Slight => Fit::Wrong,
            Kind::Unmapped => {
                let hit =
                    |cause: &Cause| self.one_practice(cause).is_some_and(|it| truth.practices.contains(&it));
                if causes.iter().any(hit) { Fit::Right } else { Fit::Wrong }
            }
            Kind::Shared | Kind::Practice => {
                let holds = causes.contains(&truth.cause);
                if holds && causes.len() == 1 {
                    Fit::Exact
                } else if (holds || causes.len() == 1) && causes.iter().all(|cause| class.contains(cause)) {
                    Fit::Right
                } else if holds {
                    Fit::Vague
                } else {
                    Fit::Wrong
                }
            }
        }
    }

    /// The best fit among truths that last at `at`, or ended within the grace.
    fn fit_at(&self, causes: &[Cause], at: At) -> Fit {
        let lasts = |truth: &Truth| truth.since <= at && at <= truth.until.plus_millis(self.grace_ms);
        let truths = self.trial.truths.iter().enumerate();
        truths
            .filter(|(_, truth)| lasts(truth))
            .map(|(ix, _)| self.fit(causes, ix))
            .max()
            .unwrap_or(Fit::Wrong)
    }

    /// The only practice behind a cause, if there is only one.
    fn one_practice(&self, cause: &Cause) -> Option<usize> {
        match self.facts.behind(cause) {
            [one] => Some(*one as usize),
            _ => None,
        }
    }

    /// The practice that an incident is about, when it names nothing that more than one stands behind.
    fn about(&self, causes: &[Cause]) -> Option<usize> {
        let first = self.one_practice(causes.first()?)?;
        causes.iter().all(|cause| self.one_practice(cause) == Some(first)).then_some(first)
    }

    /// When a truth is judged at onset + n intervals.
    fn moment(&self, truth: &Truth, intervals: i64) -> At {
        truth.since.plus_millis(intervals * self.every_ms).min(truth.until.plus_millis(-1))
    }

    pub fn judge(&self, said: &[Said]) -> (Marks, Vec<Fault>) {
        let mut marks = Marks { trials: 1, ..Marks::default() };
        let mut faults = Vec::new();
        self.judge_naming(said, &mut marks, &mut faults);
        self.judge_sets(said, &mut marks);
        self.judge_incidents(said, &mut marks, &mut faults);
        self.judge_notices(said, &mut marks);
        for event in said.iter().filter(|event| event.event != EventKind::Resolved) {
            marks.calibration.add(event.probability, self.fit_at(&event.causes, event.at) > Fit::Wrong);
        }
        (marks, faults)
    }

    /// Whether it names a service of which a check mostly failed just then, everywhere.
    fn is_blip(&self, said: &Said) -> bool {
        said.causes
            .iter()
            .any(|cause| cause.kind == Cause::SERVICE && self.blips.any(self.facts.probes_of(cause), said.at))
    }

    fn must_be_named(&self) -> impl Iterator<Item = (usize, &Truth)> {
        let truths = self.trial.truths.iter().enumerate();
        truths.filter(|(_, truth)| matches!(truth.kind, Kind::Shared | Kind::Practice))
    }

    fn judge_naming(&self, said: &[Said], marks: &mut Marks, faults: &mut Vec<Fault>) {
        for (ix, truth) in self.must_be_named() {
            let best = |at: At| open_at(said, at).values().map(|it| self.fit(&it.causes, ix)).max();
            let (one, three) = (best(self.moment(truth, 1)), best(self.moment(truth, 3)));
            let named = Named {
                truths: 1,
                raw: [u32::from(one == Some(Fit::Exact)), u32::from(three == Some(Fit::Exact))],
                right: [u32::from(one >= Some(Fit::Right)), u32::from(three >= Some(Fit::Right))],
                held: [u32::from(one >= Some(Fit::Vague)), u32::from(three >= Some(Fit::Vague))],
                intervals: vec![self.time_to_name(said, ix, truth)],
            };
            if three < Some(Fit::Right) {
                faults.push(Fault::Missed(ix));
            }
            match truth.kind {
                Kind::Practice => marks.own.merge(named),
                _ if self.facts.reporting() >= REPORTING_MANY => marks.shared_many.merge(named),
                _ => marks.shared_few.merge(named),
            }
        }
    }

    fn time_to_name(&self, said: &[Said], ix: usize, truth: &Truth) -> f64 {
        let right = |causes: &[Cause]| self.fit(causes, ix) >= Fit::Right;
        if open_at(said, truth.since).values().any(|it| right(&it.causes)) {
            return 0.0;
        }
        said.iter()
            .filter(|it| it.event != EventKind::Resolved && it.at >= truth.since && it.at < truth.until)
            .find(|it| right(&it.causes))
            .map_or(f64::INFINITY, |it| it.at.millis_since(truth.since) as f64 / self.every_ms as f64)
    }

    fn judge_sets(&self, said: &[Said], marks: &mut Marks) {
        for (_, judged) in self.must_be_named() {
            let at = self.moment(judged, GRACE_INTERVALS);
            let open = open_at(said, at);
            let due: Vec<usize> = self
                .must_be_named()
                .filter(|(_, truth)| self.moment(truth, GRACE_INTERVALS) <= at && at < truth.until)
                .map(|(ix, _)| ix)
                .collect();
            let set = &mut marks.sets[usize::from(due.len() > 1)];
            set.open += count(open.len());
            set.open_right +=
                count(open.values().filter(|it| self.fit_at(&it.causes, at) >= Fit::Right).count());
            set.due += count(due.len());
            let found = |ix: &&usize| open.values().any(|it| self.fit(&it.causes, **ix) >= Fit::Right);
            set.due_found += count(due.iter().filter(found).count());
        }
    }

    fn judge_incidents(&self, said: &[Said], marks: &mut Marks, faults: &mut Vec<Fault>) {
        let mut lives: BTreeMap<u32, Vec<&Said>> = BTreeMap::new();
        for event in said.iter().filter(|event| event.event != EventKind::Resolved) {
            lives.entry(event.incident).or_default().push(event);
        }
        marks.truths += count(self.must_be_named().count());
        marks.incidents += count(lives.len());
        let quiet = self.trial.truths.iter().all(|truth| truth.kind == Kind::Slight);
        let practices = self.trial.estate.practices.len() as f64;
        if quiet {
            let days = self.trial.end.millis_since(self.trial.begin) as f64 / 86_400_000.0;
            marks.quiet.years += days / DAYS_A_YEAR;
            marks.quiet.practice_years += days / DAYS_A_YEAR * practices;
        }
        for (incident, events) in &lives {
            let fits: Vec<Fit> = events.iter().map(|it| self.fit_at(&it.causes, it.at)).collect();
            let wrong_shared = events
                .iter()
                .zip(&fits)
                .any(|(it, fit)| *fit == Fit::Wrong && self.about(&it.causes).is_none());
            let ever_right = fits.iter().any(|fit| *fit > Fit::Wrong);
            let opened = events[0];
            if wrong_shared && ever_right {
                marks.corrected += 1;
                faults.push(Fault::Corrected(*incident));
            } else if wrong_shared {
                marks.false_shared += 1;
                marks.quiet.false_shared += u32::from(quiet);
                let blip = self.is_blip(opened);
                marks.blips += u32::from(blip);
                marks.quiet.blips += u32::from(quiet && blip);
                faults.push(Fault::FalseShared(*incident));
            }
            let Some(practice) = self.about(&opened.causes).filter(|_| fits[0] == Fit::Wrong) else {
                continue;
            };
            if let Some(phase) = self.needless(practice, opened.at, said) {
                marks.needless[phase] += 1;
                faults.push(Fault::Needless(*incident));
            } else if !ever_right && !wrong_shared {
                marks.false_practice += 1;
                marks.quiet.false_practice += u32::from(quiet);
                faults.push(Fault::FalsePractice(*incident));
            }
        }
        for (ix, _) in self.must_be_named() {
            let right = |it: &&Said| self.fit(&it.causes, ix) >= Fit::Right;
            if lives.values().filter(|events| events.iter().any(&right)).count() > 1 {
                faults.push(Fault::Split(ix));
            }
        }
    }

    /// Whether a shared fault explains a practice's incident: 0 before it was named, 1 during, 2 after.
    fn needless(&self, practice: usize, at: At, said: &[Said]) -> Option<usize> {
        let after_ms = AFTER_INTERVALS * self.every_ms;
        let (ix, truth) = self.trial.truths.iter().enumerate().find(|(_, truth)| {
            truth.kind == Kind::Shared
                && truth.since <= at
                && at <= truth.until.plus_millis(after_ms)
                && truth.practices.contains(&practice)
        })?;
        let named_ms = self.time_to_name(said, ix, truth) * self.every_ms as f64;
        Some(match at {
            at if at > truth.until => 2,
            at if at.millis_since(truth.since) as f64 >= named_ms => 1,
            _ => 0,
        })
    }

    fn judge_notices(&self, said: &[Said], marks: &mut Marks) {
        let hit: BTreeSet<usize> =
            self.must_be_named().flat_map(|(_, truth)| truth.practices.iter().copied()).collect();
        marks.recipients += self.must_be_named().map(|(_, truth)| count(truth.practices.len())).sum::<u32>();
        for event in said.iter().filter(|event| event.event != EventKind::Changed) {
            let told: BTreeSet<usize> = event
                .causes
                .iter()
                .filter(|cause| cause.kind != Cause::MONITOR)
                .flat_map(|cause| self.facts.behind(cause))
                .map(|practice| *practice as usize)
                .collect();
            marks.notices += count(told.intersection(&hit).count());
        }
    }
}

/// The incidents that are open at a moment, each with what was said of it last.
pub fn open_at(said: &[Said], at: At) -> BTreeMap<u32, &Said> {
    let mut open = BTreeMap::new();
    for event in said.iter().take_while(|event| event.at <= at) {
        match event.event {
            EventKind::Opened | EventKind::Changed => open.insert(event.incident, event),
            EventKind::Resolved => open.remove(&event.incident),
        };
    }
    open
}

/// Counts of one trial stay far below four thousand million.
fn count(many: usize) -> u32 {
    u32::try_from(many).unwrap_or(u32::MAX)
}
