//! What people say that they did about an incident, and what changed after it: counted from what was measured, and never said to have
//! come of it.
//!
//! What was so when the fix was made is held beside what was so at the end of its window: when the next fix was made, an hour later
//! ([`FIX_WINDOW`]), or now. A check counts as it was last measured within the window; one that wasn't measured at the time of the fix, or
//! not since, isn't known, and neither is its practice. As everywhere in a report, each change is known to one interval of the check.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Ground;
use super::facts::{Facts, FixLine};
use super::fixes_words::sentence;
use super::names::Moment;
use super::runs::About;
use super::story::{Measure, OfCheck, Story};
use crate::limits::FIX_WINDOW;
use crate::spans::Spans;
use crate::time::At;

/// A fix, and what changed after it. All lengths are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixFigures {
    /// When it was done, as they say; and when they said so.
    pub at: Moment,
    pub said: Moment,
    /// Under which it was said, and as what that goes on where it was merged: whose practices are counted.
    pub incident: String,
    pub goes_on_as: String,
    /// That other incident, where it was told as that by the time of the fix: nothing is counted here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts_with: Option<String>,
    pub by: String,
    pub what: String,
    /// Until when changes are counted, and why until then.
    pub until: Moment,
    pub ends: WindowEnd,
    pub window_ms: i64,
    /// Of the window, when nobody measured anywhere.
    pub not_measured_ms: i64,
    pub practices: PracticesTurned,
    pub checks: ChecksTurned,
    /// Services and networks that came back or were lost at any practice.
    pub services: Vec<ServiceTurned>,
    /// Practices, by id.
    pub back: Vec<String>,
    /// Those that had lost nothing, and those that lost more than they had.
    pub lost: Vec<String>,
    /// How long after the fix the last of those that came back did.
    pub last_back_ms: Option<i64>,
    /// The same in words.
    pub effect: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowEnd {
    /// Another fix was made.
    NextFix,
    /// It is over.
    Window,
    /// It goes on beyond the moment at which the report was made.
    Now,
}

/// Practices that the incident named at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PracticesTurned {
    /// Something didn't answer there when the fix was made. Each of them is in one of the next four as well.
    pub failing_before: usize,
    /// All answers.
    pub back: usize,
    /// Something answers again, and nothing more was lost.
    pub partly_back: usize,
    /// Something that answered doesn't.
    pub lost_more: usize,
    pub as_before: usize,
    /// All answered when the fix was made, and something doesn't any more.
    pub newly_failing: usize,
    /// Of those that failed when the fix was made and at the end: all answered in between.
    pub back_between: usize,
    /// All answered when the fix was made and at the end, and something didn't in between.
    pub failed_between: usize,
    /// Not measured when the fix was made, or not since; counted nowhere else.
    pub not_known: usize,
}

/// The checks of those practices that the incident is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChecksTurned {
    pub failing_before: usize,
    pub back: usize,
    pub newly_failing: usize,
    pub failing_after: usize,
    pub not_known: usize,
}

/// At how many practices a service or network came back, and at how many it was lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceTurned {
    pub id: String,
    pub name: String,
    /// `service`, `network`
    pub kind: String,
    pub back: usize,
    pub lost: usize,
}

/// What somebody said that they did, as it is told with an incident.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'f> {
    line: &'f FixLine,
    /// The other incident whose practices are counted, where it isn't about a time that counts with this one.
    counts_with: Option<&'f str>,
}

/// The journal's fixes by incident: under the one that it was said of, and under those that this goes on as; by time.
pub(super) fn by_incident(facts: &Facts) -> BTreeMap<&str, Vec<Said<'_>>> {
    let mut all: BTreeMap<&str, Vec<Said<'_>>> = BTreeMap::new();
    for line in &facts.fixes {
        let about = About::done(facts, &line.incident, line.fixed.at, line.said);
        for (incident, counts_with) in about.counting() {
            all.entry(incident).or_default().push(Said { line, counts_with });
        }
    }
    for said in all.values_mut() {
        said.sort_by_key(|said| (said.line.fixed.at, said.line.said));
    }
    all
}

/// Counts what changed after each fix of one incident, practice by practice.
#[derive(Debug)]
pub(super) struct Effects<'f> {
    windows: Vec<Window<'f>>,
    /// When nobody knew anything yet, whatever the practice.
    before: Spans,
}

#[derive(Debug)]
struct Window<'f> {
    said: Said<'f>,
    from: At,
    until: At,
    ends: WindowEnd,
    practices: PracticesTurned,
    checks: ChecksTurned,
    services: BTreeMap<Measure, (usize, usize)>,
    back: Vec<String>,
    lost: Vec<String>,
    last_back: Option<At>,
}

/// One practice's checks, worked out once for all windows.
struct OfPractice<'p> {
    id: &'p str,
    checks: &'p [OfCheck],
    /// By check, gaps included.
    unknown: Vec<Spans>,
    /// When at least one of them failed; and when none did, as far as is known, and not all are known.
    failing: Spans,
    not_known: Spans,
}

/// What was so of something when the fix was made, and at the end; `None`: nobody knows.
type Turned = Option<(bool, bool)>;

impl<'f> Effects<'f> {
    /// `said`: by time. What lies beyond the time of the report isn't counted.
    pub fn new(ground: &Ground<'_>, said: &[Said<'f>]) -> Self {
        let now = ground.now;
        let window = |(place, one): (usize, &Said<'f>)| {
            let from = one.line.fixed.at;
            let next = said.iter().skip(place + 1).map(|next| next.line.fixed.at).find(|next| *next > from);
            let (until, ends) = match next.filter(|next| *next < from + FIX_WINDOW) {
                Some(next) => (next, WindowEnd::NextFix),
                None => (from + FIX_WINDOW, WindowEnd::Window),
            };
            let (until, ends) = if until > now { (now.max(from), WindowEnd::Now) } else { (until, ends) };
            Window::new(*one, from, until, ends)
        };
        let before = ground.facts.before_the_first();
        Self { windows: said.iter().enumerate().map(window).collect(), before }
    }

    pub const fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// Takes one practice's checks in. `gaps`: when nobody measured there.
    pub fn take(&mut self, practice: &str, checks: &[OfCheck], gaps: &Spans) {
        let nobody = gaps.or(&self.before);
        let unknown: Vec<Spans> = checks.iter().map(|check| check.unknown.or(&nobody)).collect();
        let failing = Spans::of_all(checks.iter().map(|check| &check.failing));
        let not_known = Spans::of_all(&unknown).minus(&failing);
        let practice = OfPractice { id: practice, checks, unknown, failing, not_known };
        for window in self.windows.iter_mut().filter(|window| window.said.counts_with.is_none()) {
            window.take(&practice);
        }
    }

    pub fn end(self, ground: &Ground<'_>, story: &Story<'_>) -> Vec<FixFigures> {
        let every = story.asked_every(ground);
        self.windows.into_iter().map(|window| window.end(ground, story, every)).collect()
    }
}

impl<'f> Window<'f> {
    fn new(said: Said<'f>, from: At, until: At, ends: WindowEnd) -> Self {
        Self {
            said,
            from,
            until,
            ends,
            practices: PracticesTurned::default(),
            checks: ChecksTurned::default(),
            services: BTreeMap::new(),
            back: Vec::new(),
            lost: Vec::new(),
            last_back: None,
        }
    }

    fn take(&mut self, practice: &OfPractice<'_>) {
        let mut services: BTreeMap<Measure, Turned> = BTreeMap::new();
        let mut whole: Turned = Some((false, false));
        let (mut any_back, mut any_lost) = (false, false);
        for (check, unknown) in practice.checks.iter().zip(&practice.unknown) {
            let turned = self.turned(check, unknown);
            self.checks.count(turned);
            any_back |= turned == Some((true, false));
            any_lost |= turned == Some((false, true));
            let together = |all: Turned| all.zip(turned).map(|((a, b), (c, d))| (a || c, b || d));
            whole = together(whole);
            let service = services.entry(check.measure).or_insert(Some((false, false)));
            *service = together(*service);
        }
        let (from, until) = (self.from, self.until);
        let ms_in = |spans: &Spans| spans.clip(from, until).total_ms();
        let all = &mut self.practices;
        match whole {
            None => all.not_known += 1,
            Some((true, false)) => {
                all.back += 1;
                self.back.push(practice.id.to_owned());
                let ends = practice.failing.iter().map(|(_, to)| to);
                let last = ends.filter(|to| (self.from..self.until).contains(to)).max();
                self.last_back = self.last_back.max(last);
            }
            Some((true, true)) if any_lost => all.lost_more += 1,
            Some((true, true)) if any_back => all.partly_back += 1,
            Some((true, true)) => all.as_before += 1,
            Some((false, true)) => all.newly_failing += 1,
            Some((false, false)) => all.failed_between += usize::from(ms_in(&practice.failing) > 0),
        }
        if whole == Some((true, true)) {
            let answered_ms =
                until.millis_since(from) - ms_in(&practice.failing) - ms_in(&practice.not_known);
            all.back_between += usize::from(answered_ms > 0);
        }
        let Some((failed, fails)) = whole else { return };
        all.failing_before += usize::from(failed);
        if fails && any_lost {
            self.lost.push(practice.id.to_owned());
        }
        for (measure, turned) in services {
            let (back, lost) = (turned == Some((true, false)), turned == Some((false, true)));
            if back || lost {
                let sum = self.services.entry(measure).or_default();
                sum.0 += usize::from(back);
                sum.1 += usize::from(lost);
            }
        }
    }

    /// How one check was when the fix was made, and as it was last measured in the window.
    fn turned(&self, check: &OfCheck, unknown: &Spans) -> Turned {
        let is_in = |spans: &Spans, at: At| spans.touches(at, at.plus_millis(1));
        if is_in(unknown, self.from) || self.until <= self.from {
            return None;
        }
        let end = self.until.plus_millis(-1);
        let last = match unknown.first_in(end, self.until) {
            None => end,
            Some((begins, _)) if begins > self.from => begins.plus_millis(-1),
            Some(_) => return None,
        };
        Some((is_in(&check.failing, self.from), is_in(&check.failing, last)))
    }

    fn end(self, ground: &Ground<'_>, story: &Story<'_>, every: Duration) -> FixFigures {
        let moment = |at: At| Moment::new(at, &ground.estate.icb.timezone);
        let services = self.services.iter().map(|(measure, (back, lost))| {
            let (kind, id, name) = measure.named(ground);
            ServiceTurned { id, name, kind: kind.to_owned(), back: *back, lost: *lost }
        });
        let Said { line, counts_with } = self.said;
        let mut figures = FixFigures {
            at: moment(self.from),
            said: moment(line.said),
            incident: line.incident.clone(),
            goes_on_as: counts_with.unwrap_or(&story.first.incident).to_owned(),
            counts_with: counts_with.map(str::to_owned),
            by: line.fixed.by.clone(),
            what: line.fixed.what.clone(),
            until: moment(self.until),
            ends: self.ends,
            window_ms: self.until.millis_since(self.from),
            not_measured_ms: ground.facts.not_measured(self.from, self.until).total_ms(),
            practices: self.practices,
            checks: self.checks,
            services: services.collect(),
            back: self.back,
            lost: self.lost,
            last_back_ms: self.last_back.map(|at| at.millis_since(self.from)),
            effect: String::new(),
        };
        figures.effect = sentence(&figures, story.was_over(self.from), every);
        figures
    }
}

impl ChecksTurned {
    fn count(&mut self, turned: Turned) {
        match turned {
            None => self.not_known += 1,
            Some((before, after)) => {
                self.failing_before += usize::from(before);
                self.failing_after += usize::from(after);
                self.back += usize::from(before && !after);
                self.newly_failing += usize::from(!before && after);
            }
        }
    }
}
