//! Why an incident is what it is: which checks convict its cause, which clear the others, what isn't known.
//!
//! A list of practices says *that* something failed. What convinces an engineer is which questions failed there
//! and which still answered: a firewall whose UDP still passes, a carrier whose other customers are fine. So
//! checks are counted by probe behind the cause, and for each other suspect those that cross it and not the
//! cause. All lists are bounded; numbers come with their denominators.

use std::collections::{BTreeMap, BTreeSet};

use crate::incident::{Cause, EventKind, Evidence as Counts};
use crate::observation::{Failure, Phase};

use super::acquittal::acquits;
use super::evidence::Check;
use super::explain;
use super::lifecycle::Incident;
use super::next_probe::next_probe;
use super::picture::Explanation;
use super::topology::Row;
use super::verdict::{Scope, View};

/// Probes with a line of their own; more are named in one.
const PROBES_MAX: usize = 4;
/// Odds beyond this aren't told apart: the model isn't that exact.
const ODDS_MAX: f64 = 10_000.0;
/// The least probability that odds are reckoned with.
const PROBABILITY_MIN: f64 = 1e-6;

pub(super) fn explanation(view: &View<'_>, incident: &Incident) -> Explanation {
    let event = incident.event.clone();
    let runner_up = event.alternatives.first().cloned();
    // What isn't among the alternatives is "none of these".
    let rest = (1.0 - event.probability).max(PROBABILITY_MIN);
    let against = runner_up.as_ref().map_or(rest, |other| other.probability.max(PROBABILITY_MIN));
    let log_odds = (event.probability.max(PROBABILITY_MIN) / against).ln();
    let behind = Behind::of(view, incident);
    let other = runner_up.as_ref().map(|other| explain::names(view.estate, &other.cause));
    Explanation {
        odds: odds(log_odds, other.as_deref()),
        convicts: convicts(view, incident, &behind),
        acquits: acquits(view, incident, &behind),
        missing: missing(view, incident, &behind),
        next_probe: next_probe(view, incident),
        again: None,
        log_odds,
        runner_up,
        event,
    }
}

fn odds(log_odds: f64, other: Option<&str>) -> String {
    let other = other.unwrap_or("every other explanation");
    let odds = log_odds.exp();
    if odds < 1.0 {
        format!("It is no likelier than {other}.")
    } else if odds > ODDS_MAX {
        format!("More than {ODDS_MAX} to 1 against {other}.")
    } else if odds < 10.0 {
        format!("About {odds:.1} to 1 against {other}.")
    } else {
        format!("About {odds:.0} to 1 against {other}.")
    }
}

/// What the checks behind a cause say now.
pub(super) struct Behind {
    /// By probe, in the estate's order.
    pub probes: Vec<Tally>,
    /// Rows whose checks these are.
    pub rows: BTreeSet<Row>,
    /// Checks behind it without a result that counts now, and all of them.
    unasked: u32,
    checks: u32,
}

/// Checks of one probe.
#[derive(Default, Clone)]
pub(super) struct Tally {
    pub failing: u32,
    pub asked: u32,
    ways: BTreeMap<(Option<Failure>, Option<Phase>), u32>,
}

impl Tally {
    fn add(&mut self, check: &Check) {
        self.asked += 1;
        if check.class.bad() {
            self.failing += 1;
            *self.ways.entry((check.failure, check.phase)).or_default() += 1;
        }
    }

    /// "timeout at connect": how most of them fail.
    fn way(&self) -> String {
        let most = self.ways.iter().max_by_key(|(way, count)| (**count, std::cmp::Reverse(**way)));
        let Some(((failure, phase), _)) = most else { return String::new() };
        let failure = failure.map_or("slower than usual", Failure::as_str).replace('_', " ");
        phase.map_or_else(
            || failure.clone(),
            |phase| format!("{failure} at {}", phase.as_str().replace('_', " ")),
        )
    }
}

impl Behind {
    fn of(view: &View<'_>, incident: &Incident) -> Self {
        let verdict = &incident.verdict;
        let hub = view.topology.hub();
        let own = matches!(verdict.scope, Scope::Practice | Scope::PracticeSilent | Scope::Monitor);
        let mut found = Self {
            probes: vec![Tally::default(); view.topology.probes.len()],
            rows: BTreeSet::new(),
            unasked: 0,
            checks: 0,
        };
        if own {
            let rows: Vec<Row> = if verdict.scope == Scope::Monitor {
                vec![hub]
            } else {
                verdict.rows.iter().copied().collect()
            };
            let all = 0..view.topology.probes.len();
            for row in rows {
                all.clone().for_each(|probe| found.count(view, incident, row, probe));
            }
            return found;
        }
        // A group crosses the same checks, so one of it stands for all.
        let Some(node) = verdict.nodes.first().and_then(|node| view.topology.nodes.get(*node)) else {
            return found;
        };
        for member in node.members(view.topology.rows).filter(|member| member.row != hub) {
            if heard(view, member.row) {
                for probe in &view.topology.covers[member.cover].probes {
                    found.count(view, incident, member.row, *probe as usize);
                }
            }
        }
        found
    }

    fn count(&mut self, view: &View<'_>, incident: &Incident, row: Row, probe: usize) {
        let facts = &view.topology.probes[probe];
        if incident.verdict.network.is_some_and(|network| facts.network != network) {
            return;
        }
        self.rows.insert(row);
        self.checks += 1;
        let check = check(view, row, probe);
        if !check.fresh(view.now, facts.stale_ms()) {
            self.unasked += 1;
        } else if check.class.bad() || check.last_at >= incident.event.since {
            self.probes[probe].add(check);
        } else {
            self.unasked += 1;
        }
    }
}

pub(super) fn check<'a>(view: &'a View<'_>, row: Row, probe: usize) -> &'a Check {
    &view.evidence.checks[view.topology.check(row, crate::estate::ProbeIx::new(probe).0)]
}

/// Its agent was heard from, and is neither overdue nor switched off.
pub(super) fn heard(view: &View<'_>, row: Row) -> bool {
    let hearing = &view.evidence.hearings[row as usize];
    hearing.reports()
}

/// The counts of the last verdict, which may be newer than the last event; of what is over, those of its end.
pub(super) const fn counts(incident: &Incident) -> Counts {
    match incident.event.event {
        EventKind::Resolved => incident.event.evidence,
        EventKind::Opened | EventKind::Changed => incident.verdict.counts,
    }
}

fn convicts(view: &View<'_>, incident: &Incident, behind: &Behind) -> Vec<String> {
    let (event, verdict) = (&incident.event, &incident.verdict);
    let counts = counts(incident);
    let one = matches!(verdict.scope, Scope::Practice | Scope::PracticeSilent);
    let mut lines = Vec::new();
    let failing: u32 = behind.probes.iter().map(|tally| tally.failing).sum();
    let asked: u32 = behind.probes.iter().map(|tally| tally.asked).sum();
    match verdict.scope {
        Scope::Monitor if asked > 0 => {
            lines.push(format!("{failing} of {asked} of the hub's own checks fail."));
        }
        Scope::Practice | Scope::PracticeSilent if asked > 0 => {
            lines.push(format!("{failing} of its {asked} checks fail."));
        }
        _ if !one => lines.push(format!(
            "{} of the {} practices behind {} fail.",
            counts.failing,
            counts.behind,
            explain::names(view.estate, &event.cause)
        )),
        _ => {}
    }
    let mut worst: Vec<usize> =
        (0..behind.probes.len()).filter(|probe| behind.probes[*probe].failing > 0).collect();
    worst.sort_by_key(|probe| (std::cmp::Reverse(behind.probes[*probe].failing), *probe));
    for probe in worst.iter().take(PROBES_MAX) {
        let (tally, id) = (&behind.probes[*probe], &view.estate.probes[*probe].id);
        let way = tally.way();
        lines.push(match verdict.scope {
            Scope::Practice | Scope::PracticeSilent => format!("{id} fails there ({way})."),
            Scope::Monitor => format!("{id} fails from here ({way})."),
            _ => format!("{id} fails at {} of {} practices behind it ({way}).", tally.failing, tally.asked),
        });
    }
    let more: Vec<&str> =
        worst.iter().skip(PROBES_MAX).map(|probe| view.estate.probes[*probe].id.as_str()).collect();
    if !more.is_empty() {
        lines.push(format!("So do {}.", explain::shown(&more)));
    }
    if verdict.scope == Scope::PracticeSilent {
        lines.push("Its agent was heard before, and isn't now.".to_owned());
    }
    let silent = verdict.rows.iter().filter(|row| view.evidence.hearings[**row as usize].late).count();
    if silent > 0 && !one {
        lines.push(format!("Of the practices affected, {silent} are no longer heard."));
    }
    let affected: Vec<&str> = event.practices.iter().map(String::as_str).collect();
    if !affected.is_empty() && !one {
        lines.push(format!("Affected now: {}.", explain::shown(&affected)));
    }
    if event.event == EventKind::Resolved {
        lines.push("It is over; the counts of checks are those of now.".to_owned());
    }
    lines
}

fn missing(view: &View<'_>, incident: &Incident, behind: &Behind) -> Vec<String> {
    let (estate, event) = (view.estate, &incident.event);
    let mut lines = Vec::new();
    for (ix, network) in estate.networks.iter().enumerate() {
        if view.tally(view.topology.hub(), ix) == (0, 0) {
            lines.push(format!("The hub has no checks of its own of {}.", network.name));
        }
    }
    if behind.unasked > 0 {
        lines.push(format!(
            "{} of the {} checks behind it have given no answer since it began.",
            behind.unasked, behind.checks
        ));
    }
    let unheard = (0..estate.practices.len())
        .filter(|row| !heard(view, crate::estate::PracticeIx::new(*row).0))
        .count();
    if unheard > 0 {
        lines.push(format!("Nothing is heard of {unheard} of {} practices.", estate.practices.len()));
    }
    let verdict = &incident.verdict;
    let strays = view.topology.strays(&verdict.rows, &verdict.nodes);
    let ids: Vec<&str> = strays.iter().map(|row| estate.practices[*row as usize].id.as_str()).collect();
    if let Some(off) = explain::off_the_map(&ids) {
        lines.push(format!("{off}: is the list right?"));
    }
    if event.cause.len() > 1 {
        let names: Vec<String> =
            event.cause.iter().map(|cause: &Cause| explain::name(estate, cause)).collect();
        lines.push(format!("No check tells {} apart.", crate::estate::splitter::list(&names, "and")));
    }
    lines
}
