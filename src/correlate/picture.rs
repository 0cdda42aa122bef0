//! What the correlator knows, for status, pages, metrics and `why`.

use std::collections::BTreeMap;

use crate::estate::{PracticeIx, ProbeIx};
use crate::incident::{Alternative, Cause, Event};
use crate::observation::Failure;
use crate::time::At;

use super::agents::{Agents, Apart};
use super::decay::Decayed;
use super::explain;
use super::hours::Hours;
use super::lifecycle::LifeCycle;
use super::topology::{NodeIx, NodeKind, Row, Topology};
use super::verdict::View;

/// Where a practice stands on a network, or as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Ok,
    Down,
    /// Its agent was heard before, and isn't now.
    Silent,
    /// Never heard from, switched off in good order, or not known because the monitor itself is cut off.
    Unknown,
}

impl Standing {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Down => "down",
            Self::Silent => "silent",
            Self::Unknown => "unknown",
        }
    }
}

/// What the correlator knows now, for status, pages and metrics.
#[derive(Debug, Clone)]
pub struct Picture {
    pub at: At,
    /// In the estate's order.
    pub practices: Vec<PracticePicture>,
    /// The last event of each open incident, oldest first.
    pub incidents: Vec<Event>,
    /// Standing notes: single checks that fail, chronic bad lines. Plain sentences.
    pub notes: Vec<Note>,
    /// Probability that each declared component, network, service, and the monitor has failed.
    pub suspects: Vec<Suspect>,
}

#[derive(Debug, Clone)]
pub struct PracticePicture {
    /// By network, in the estate's order.
    pub networks: Vec<Standing>,
    pub last_heard: Option<At>,
    /// Why it isn't expected to be heard now.
    pub away: Option<Away>,
    /// By probe, in the estate's order; `None`: never asked.
    pub checks: Vec<Option<CheckPicture>>,
}

/// Why an agent isn't expected to be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Away {
    /// It said goodbye.
    Goodbye,
    /// It is usually switched off at the time at which it fell silent.
    UsualHours,
}

impl Away {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Goodbye => "goodbye",
            Self::UsualHours => "usual_hours",
        }
    }
}

/// The last result of one check.
#[derive(Debug, Clone, Copy)]
pub struct CheckPicture {
    pub at: At,
    pub ok: bool,
    pub failure: Option<Failure>,
    /// When the present run of the same result began.
    pub since: At,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub practice: Option<String>,
    pub probe: Option<String>,
    pub since: At,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Suspect {
    pub cause: Cause,
    pub probability: f64,
}

/// Why an incident is what it is, for `linewatch why`.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    pub event: Event,
    /// Natural logarithm of the odds against the runner-up.
    pub log_odds: f64,
    /// The same in words.
    pub odds: String,
    pub runner_up: Option<Alternative>,
    /// Lines of evidence for the cause: practices, then checks by name.
    pub convicts: Vec<String>,
    /// Lines of evidence that clear others.
    pub acquits: Vec<String>,
    /// What isn't known.
    pub missing: Vec<String>,
    /// What to ask, or to map, so that the cause is told from what looks like it.
    pub next_probe: Option<String>,
    /// That it comes at the same time day after day.
    pub again: Option<String>,
}

pub(super) use super::explanation::explanation;

/// Notes shown at most: a page of them is a problem of its own, and the first says so.
const NOTES_MAX: usize = 200;
/// Failures in a row from which a single check is worth a note.
const NOTE_RUN_MIN: u32 = 3;

pub(super) fn picture(
    view: &View<'_>,
    life: &LifeCycle,
    findings: &super::search::Findings,
    nameless: &[super::verdict::Verdict],
    decayed: &[Decayed],
    hours: &Hours,
    agents: &Agents,
) -> Picture {
    let blind = life.open().any(|incident| incident.verdict.blinds());
    let cut: Vec<(usize, At)> =
        life.open().filter_map(|incident| Some((incident.verdict.cuts()?, incident.event.since))).collect();
    let practices = (0..view.estate.practices.len())
        .map(|position| practice_picture(view, PracticeIx::new(position).0, blind, &cut, hours))
        .collect();
    Picture {
        at: view.now,
        practices,
        incidents: life.open().map(|incident| incident.event.clone()).collect(),
        notes: hours
            .day_off(view.now)
            .map(|day_off| Note {
                practice: None,
                probe: None,
                since: day_off.since,
                text: explain::day_off(day_off.missing, day_off.here),
            })
            .into_iter()
            .chain(not_heard(view, &cut))
            .chain(apart(view, agents))
            .chain(getting_worse(view, life, decayed))
            .chain(notes(view, life, nameless))
            .take(NOTES_MAX)
            .collect(),
        suspects: suspects(view.topology, findings),
    }
}

fn practice_picture(
    view: &View<'_>,
    row: Row,
    blind: bool,
    cut: &[(usize, At)],
    hours: &Hours,
) -> PracticePicture {
    let hearing = &view.evidence.hearings[row as usize];
    let is_cut = cut.iter().any(|(network, _)| view.evidence.is_cut_off(row, *network));
    let networks = (0..view.topology.networks)
        .map(|network| {
            if blind || is_cut || !hearing.ever() || hearing.away {
                return Standing::Unknown;
            }
            if hearing.late {
                return Standing::Silent;
            }
            match view.tally(row, network) {
                (0, 0) => Standing::Unknown,
                (bad, good) if bad > 0 && bad >= good && (bad > 1 || settled(view, row, network)) => {
                    Standing::Down
                }
                _ => Standing::Ok,
            }
        })
        .collect();
    let checks = (0..view.topology.probes.len())
        .map(|probe| {
            let check = &view.evidence.checks[view.topology.check(row, ProbeIx::new(probe).0)];
            check.heard().then(|| CheckPicture {
                at: check.last_at,
                ok: !check.class.failing(),
                failure: check.failure,
                since: check.run_since,
            })
        })
        .collect();
    let away = match (hearing.away, hours.rests(row)) {
        (false, _) => None,
        (true, false) => Some(Away::Goodbye),
        (true, true) => Some(Away::UsualHours),
    };
    PracticePicture { networks, last_heard: hearing.ever().then_some(hearing.last), away, checks }
}

/// Of whom nothing is known because the hub's own line on a network is down.
fn not_heard(view: &View<'_>, cut: &[(usize, At)]) -> Vec<Note> {
    let rows = 0..view.estate.practices.len();
    let each = cut.iter().filter_map(|(network, since)| {
        let unheard =
            rows.clone().filter(|row| view.evidence.is_cut_off(PracticeIx::new(*row).0, *network)).count();
        let network = &view.estate.networks[*network].name;
        let text = explain::not_heard(network, unheard);
        (unheard > 0).then_some(Note { practice: None, probe: None, since: *since, text })
    });
    each.collect()
}

/// Agents that aren't like the others of their practice.
fn apart(view: &View<'_>, agents: &Agents) -> Vec<Note> {
    let each = agents.apart(view.estate, view.now).take(NOTES_MAX).map(|(ix, apart)| {
        let practice = &view.estate.practices[ix.at()];
        let (since, text) = match apart {
            Apart::Fails { agent, checks, since } => {
                (since, explain::agent_fails(&practice.name, &practice.id, agent, checks))
            }
            Apart::Silent { agent, since } => {
                (since, explain::agent_silent(&practice.name, &practice.id, agent))
            }
        };
        Note { practice: Some(practice.id.clone()), probe: None, since, text }
    });
    each.collect()
}

/// One failing check is believed from its second failure.
fn settled(view: &View<'_>, row: Row, network: usize) -> bool {
    view.topology.probes.iter().enumerate().any(|(probe, facts)| {
        let check = &view.evidence.checks[view.topology.check(row, ProbeIx::new(probe).0)];
        facts.network == network
            && !facts.passive
            && check.fresh(view.now, facts.stale_ms())
            && check.class.failing()
            && check.run >= 2
    })
}

/// What has been getting worse for hours, unless an incident says more of it.
fn getting_worse(
    view: &View<'_>,
    life: &LifeCycle,
    decayed: &[Decayed],
) -> impl Iterator<Item = Note> + use<> {
    let open: Vec<&Cause> = life.open().flat_map(|incident| &incident.event.cause).collect();
    let mut notes = Vec::new();
    for decayed in decayed {
        let nodes = || decayed.nodes.iter().map(|node| &view.topology.nodes[*node]);
        let causes: Vec<Cause> = nodes().flat_map(|node| node.causes.iter().cloned()).collect();
        if causes.iter().any(|cause| open.contains(&cause)) {
            continue;
        }
        let probe = nodes().find_map(|node| match node.kind {
            NodeKind::Target(probe) if causes.is_empty() => Some(&view.estate.probes[probe].id),
            _ => None,
        });
        let name = probe.map_or_else(
            || explain::capital(&explain::names(view.estate, &causes)),
            |id| format!("The far end of {id}"),
        );
        notes.push(Note {
            practice: None,
            probe: probe.cloned(),
            since: decayed.since,
            text: explain::getting_worse(&name, decayed),
        });
    }
    notes.into_iter()
}

fn notes(view: &View<'_>, life: &LifeCycle, nameless: &[super::verdict::Verdict]) -> Vec<Note> {
    let mut notes = Vec::new();
    for verdict in nameless {
        let Some(NodeKind::Target(probe)) = verdict.nodes.first().map(|node| view.topology.nodes[*node].kind)
        else {
            continue;
        };
        let id = &view.estate.probes[probe].id;
        notes.push(Note {
            practice: None,
            probe: Some(id.clone()),
            since: verdict.since,
            text: format!(
                "{id} fails at {} of {} practices, and what leads to it answers: its far end has failed",
                verdict.counts.failing, verdict.counts.behind
            ),
        });
    }
    let noted: Vec<usize> = nameless
        .iter()
        .filter_map(|verdict| match verdict.nodes.first().map(|node| view.topology.nodes[*node].kind) {
            Some(NodeKind::Target(probe)) => Some(probe),
            _ => None,
        })
        .collect();
    for (position, practice) in view.estate.practices.iter().enumerate() {
        let row = PracticeIx::new(position).0;
        if view.evidence.bad[position] == 0
            || life.open().any(|incident| incident.verdict.rows.contains(&row))
        {
            continue;
        }
        for (probe, facts) in view.topology.probes.iter().enumerate() {
            let check = &view.evidence.checks[view.topology.check(row, ProbeIx::new(probe).0)];
            if !check.class.bad()
                || check.run < NOTE_RUN_MIN
                || !check.fresh(view.now, facts.stale_ms())
                || noted.contains(&probe)
            {
                continue;
            }
            if notes.len() == NOTES_MAX {
                return notes;
            }
            let id = &view.estate.probes[probe].id;
            let at = format!("at {} ({})", practice.name, practice.id);
            let text = if facts.passive {
                let how = if check.failure == Some(Failure::Timeout) { "is overdue" } else { "has failed" };
                format!("{} {how} {at}: {id}", view.estate.probes[probe].ask.bothers())
            } else {
                let what = check.failure.map_or("slower than usual", Failure::as_str);
                format!("{id} fails {at}: {what}")
            };
            notes.push(Note {
                practice: Some(practice.id.clone()),
                probe: Some(id.clone()),
                since: check.run_since,
                text,
            });
        }
    }
    notes
}

fn suspects(topology: &Topology, findings: &super::search::Findings) -> Vec<Suspect> {
    let mut by_node: BTreeMap<NodeIx, f64> = findings.suspects.iter().copied().collect();
    for fault in &findings.faults {
        for node in &fault.group {
            by_node.insert(*node, fault.probability);
        }
    }
    topology
        .nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| node.causes.len() == 1)
        .map(|(ix, node)| Suspect {
            cause: node.causes[0].clone(),
            probability: by_node.get(&ix).copied().unwrap_or(0.0).clamp(0.0, 1.0),
        })
        .collect()
}
