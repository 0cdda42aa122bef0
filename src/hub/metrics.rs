//! `/metrics`, in Prometheus's text format.
//!
//! linewatch's own few dozen numbers come from a registry of the `prometheus` crate ([`super::numbers`]).
//! The families with a line for each check or practice are written here, straight from the view: with
//! 75,000 checks they are hundreds of thousands of lines, and the crate would build, sort and clone every
//! one of them at each scrape. They are written a few practices at a time while the reader reads, so a
//! scrape needs memory for one piece, not for all. Labels come from the configuration alone (and from the
//! incidents that are open), so their number is bounded by it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use futures::Stream;
use prometheus::{Encoder as _, TextEncoder};

use super::beats::BeatStatus;
use super::ledger::Cell;
use super::numbers::Numbers;
use super::view::View;
use crate::agent::meters::Meters;
use crate::correlate::Standing;
use crate::estate::{Estate, NetworkIx, PracticeIx, Vantage};
use crate::limits::{METRICS_PIECE_PRACTICES, PATH_STATE_STANDS};
use crate::notify::policy::Hands;
use crate::notify::{DeskStats, RelayHealth};
use crate::observation::{HUB, Phase};
use crate::time::At;
use crate::uplink::message::AgentLine;

/// What one scrape needs to know besides the view.
#[derive(Debug, Clone)]
pub struct Scrape {
    pub now: At,
    pub desk: DeskStats,
    pub store_ok: bool,
    pub queue: usize,
    pub notes: usize,
    pub beats: Vec<BeatStatus>,
    pub hands: Vec<Hands>,
    pub reach: Arc<Reach>,
}

/// How agents reach this hub: by practice and network, so that the configuration bounds their number however many agents there are.
#[derive(Debug, Default)]
pub struct Reach(BTreeMap<(PracticeIx, NetworkIx), OverNetwork>);

/// Over one network.
#[derive(Debug, Clone, Copy, Default)]
struct OverNetwork {
    /// Whether an agent of the practice says that this way works; `None`: none has tried it, or none is heard.
    works: Option<bool>,
    /// When one was last heard over it.
    heard: Option<At>,
}

impl Reach {
    /// Of what is known of each agent. What one said that hasn't been heard for a while says nothing of now.
    pub fn new(estate: &Estate, agents: &[AgentLine], now: At) -> Self {
        let mut reach: BTreeMap<_, OverNetwork> = BTreeMap::new();
        for agent in agents.iter().filter(|agent| agent.revoked.is_none()) {
            let Some(practice) = estate.practice(&agent.practice) else { continue };
            let is_heard = agent.as_of.is_some_and(|said| said + PATH_STATE_STANDS >= now);
            for path in agent.paths.iter().filter(|_| is_heard) {
                let network = path.network.as_deref().and_then(|id| estate.network(id));
                if let (Some(network), Some(works)) = (network, path.works) {
                    let over = reach.entry((practice, network)).or_default();
                    over.works = Some(works || over.works == Some(true));
                }
            }
            for (network, heard) in &agent.heard_on {
                if let Some(network) = estate.network(network) {
                    let over = reach.entry((practice, network)).or_default();
                    over.heard = over.heard.max(Some(*heard));
                }
            }
        }
        Self(reach)
    }

    /// Of one practice, with the networks' ids.
    fn of<'a>(
        &'a self,
        view: &'a View,
        practice: PracticeIx,
    ) -> impl Iterator<Item = (&'a str, OverNetwork)> + 'a {
        let all = view.estate.networks.iter().enumerate();
        all.filter_map(move |(position, network)| {
            let over = self.0.get(&(practice, NetworkIx::new(position)))?;
            Some((network.id.as_str(), *over))
        })
    }
}

/// What a piece is written from.
#[derive(Debug)]
struct Now {
    at: At,
    reach: Arc<Reach>,
}

/// The head of the page: the hub's own numbers, and the families with a line for each component and incident.
pub fn head(view: &View, numbers: &Numbers, meters: &Meters, scrape: &Scrape) -> String {
    let signed = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    numbers.store_ok.set(i64::from(scrape.store_ok));
    numbers.mail_ok.set(i64::from(matches!(scrape.desk.relay, RelayHealth::None | RelayHealth::Fine)));
    numbers.blind.set(i64::from(view.is_blind()));
    numbers.queue.set(signed(scrape.queue));
    numbers.notes.set(signed(scrape.notes));
    numbers.late.set(meters.late_seconds(scrape.now));
    for (state, count) in
        [("queued", scrape.desk.queued), ("waiting", scrape.desk.waiting), ("held", scrape.desk.held)]
    {
        numbers.outbox.with_label_values(&[state]).set(signed(count));
    }
    for (keep, count) in &scrape.desk.kept {
        numbers.kept.with_label_values(&[keep.as_str()]).set(signed(*count));
    }
    numbers.bouncing.set(signed(scrape.desk.bouncing));
    numbers.outbox_oldest.set(scrape.desk.oldest.map_or(0.0, |oldest| age(scrape.now, oldest)));
    let mut page = Vec::new();
    if let Err(error) = TextEncoder::new().encode(&numbers.registry.gather(), &mut page) {
        tracing::error!(%error, "the hub's own metrics could not be written");
    }
    let mut page = String::from_utf8(page).unwrap_or_default();
    notices(&mut page, &scrape.desk);
    components(&mut page, view);
    incidents(&mut page, view);
    unacknowledged(&mut page, scrape);
    totals(&mut page, view);
    beats(&mut page, scrape);
    page
}

/// The families with a line for each practice or check, a piece at a time.
pub fn body(view: Arc<View>, reach: Arc<Reach>, at: At) -> impl Stream<Item = Bytes> + Send {
    let now = Now { at, reach };
    futures::stream::unfold((view, now, Some(Place::start())), move |(view, now, place)| async move {
        let place = place?;
        let mut piece = String::new();
        let next = place.write(&mut piece, &view, &now);
        Some((Bytes::from(piece), (view, now, next)))
    })
}

/// Where in the page the next piece begins.
#[derive(Debug, Clone, Copy)]
struct Place {
    family: usize,
    practice: usize,
}

/// One family with a line, or several, for each practice.
struct Family {
    name: &'static str,
    help: &'static str,
    write: fn(&mut String, &View, PracticeIx, &Now),
    /// The hub's own checks have lines in it as well.
    hub: Option<fn(&mut String, &View, At)>,
}

const FAMILIES: [Family; 7] = [
    Family {
        name: "linewatch_practice_up",
        help: "1 when the practice has the network, 0 when it is down or its agent is silent; absent while unknown.",
        write: practice_up,
        hub: None,
    },
    Family {
        name: "linewatch_practice_silent",
        help: "1 when the practice's agent was heard before and is not heard now.",
        write: practice_silent,
        hub: None,
    },
    Family {
        name: "linewatch_agent_last_heard_seconds",
        help: "Time since anything was heard from the practice's agent; absent when it never was.",
        write: agent_last_heard,
        hub: None,
    },
    Family {
        name: "linewatch_agent_path_up",
        help: "1 when an agent of the practice reaches this hub over the network, 0 when none does; absent while that isn't known.",
        write: path_up,
        hub: None,
    },
    Family {
        name: "linewatch_agent_path_last_heard_seconds",
        help: "Time since an agent of the practice was heard over the network; absent when none ever was.",
        write: path_last_heard,
        hub: None,
    },
    Family {
        name: "linewatch_check_up",
        help: "1 when the last asking of the check was answered as expected, 0 when not; absent when it is too old.",
        write: check_up,
        hub: Some(hub_check_up),
    },
    Family {
        name: "linewatch_check_duration_seconds",
        help: "How long the last asking of the check took, by phase; phase \"total\" is the whole of it.",
        write: check_duration,
        hub: Some(hub_check_duration),
    },
];

impl Place {
    const fn start() -> Self {
        Self { family: 0, practice: 0 }
    }

    /// Writes the piece that begins here; returns where the next one does.
    fn write(self, out: &mut String, view: &View, now: &Now) -> Option<Self> {
        let family = FAMILIES.get(self.family)?;
        if self.practice == 0 {
            describe(out, family.name, family.help, "gauge");
            if let Some(hub) = family.hub {
                hub(out, view, now.at);
            }
        }
        let all = view.estate.practices.len();
        let end = (self.practice + METRICS_PIECE_PRACTICES).min(all);
        for practice in self.practice..end {
            (family.write)(out, view, PracticeIx::new(practice), now);
        }
        if end < all {
            Some(Self { practice: end, ..self })
        } else {
            (self.family + 1 < FAMILIES.len()).then_some(Self { family: self.family + 1, practice: 0 })
        }
    }
}

fn practice_up(out: &mut String, view: &View, practice: PracticeIx, _now: &Now) {
    for network in view.watched() {
        let up = match view.standing(practice, network) {
            Standing::Ok => 1,
            Standing::Down | Standing::Silent => 0,
            Standing::Unknown => continue,
        };
        let labels = [
            ("practice", view.estate.practices[practice.at()].id.as_str()),
            ("network", view.estate.networks[network.at()].id.as_str()),
        ];
        sample(out, "linewatch_practice_up", &labels, up);
    }
}

fn practice_silent(out: &mut String, view: &View, practice: PracticeIx, _now: &Now) {
    let silent = view.watched().any(|network| view.standing(practice, network) == Standing::Silent);
    let labels = [("practice", view.estate.practices[practice.at()].id.as_str())];
    sample(out, "linewatch_practice_silent", &labels, u8::from(silent));
}

fn agent_last_heard(out: &mut String, view: &View, practice: PracticeIx, now: &Now) {
    let heard = view.picture.practices.get(practice.at()).and_then(|picture| picture.last_heard);
    if let Some(heard) = heard {
        let labels = [("practice", view.estate.practices[practice.at()].id.as_str())];
        sample(out, "linewatch_agent_last_heard_seconds", &labels, age(now.at, heard));
    }
}

fn path_up(out: &mut String, view: &View, practice: PracticeIx, now: &Now) {
    for (network, over) in now.reach.of(view, practice) {
        if let Some(works) = over.works {
            let labels =
                [("practice", view.estate.practices[practice.at()].id.as_str()), ("network", network)];
            sample(out, "linewatch_agent_path_up", &labels, u8::from(works));
        }
    }
}

fn path_last_heard(out: &mut String, view: &View, practice: PracticeIx, now: &Now) {
    for (network, over) in now.reach.of(view, practice) {
        if let Some(heard) = over.heard {
            let labels =
                [("practice", view.estate.practices[practice.at()].id.as_str()), ("network", network)];
            sample(out, "linewatch_agent_path_last_heard_seconds", &labels, age(now.at, heard));
        }
    }
}

fn check_up(out: &mut String, view: &View, practice: PracticeIx, now: &Now) {
    let id = &view.estate.practices[practice.at()].id;
    row_up(out, view, Vantage::Practice(practice), id, now.at);
}

fn hub_check_up(out: &mut String, view: &View, now: At) {
    row_up(out, view, Vantage::Hub, HUB, now);
}

fn row_up(out: &mut String, view: &View, from: Vantage, id: &str, now: At) {
    for (probe, cell) in view.estate.probes.iter().zip(view.ledger.row(from)) {
        if fresh(&cell, probe, now) {
            let network = &view.estate.networks[probe.network.at()].id;
            let labels = [("practice", id), ("probe", probe.id.as_str()), ("network", network.as_str())];
            sample(out, "linewatch_check_up", &labels, u8::from(cell.ok));
        }
    }
}

fn check_duration(out: &mut String, view: &View, practice: PracticeIx, now: &Now) {
    let id = &view.estate.practices[practice.at()].id;
    row_duration(out, view, Vantage::Practice(practice), id, now.at);
}

fn hub_check_duration(out: &mut String, view: &View, now: At) {
    row_duration(out, view, Vantage::Hub, HUB, now);
}

fn row_duration(out: &mut String, view: &View, from: Vantage, id: &str, now: At) {
    for (probe, cell) in view.estate.probes.iter().zip(view.ledger.row(from)) {
        if fresh(&cell, probe, now) {
            let total = std::iter::once(("total", cell.seconds)).filter(|(_, seconds)| seconds.is_finite());
            for (phase, seconds) in total.chain(cell.phases().map(|(phase, s)| (Phase::as_str(phase), s))) {
                let labels = [("practice", id), ("probe", probe.id.as_str()), ("phase", phase)];
                // As a short decimal: 0.0046, not the 0.004577000159… of the widened number.
                sample(out, "linewatch_check_duration_seconds", &labels, seconds);
            }
        }
    }
}

/// A result older than three intervals says nothing about now.
fn fresh(cell: &Cell, probe: &crate::estate::Probe, now: At) -> bool {
    cell.at.is_some_and(|at| at + probe.every * 3 + probe.timeout >= now)
}

fn notices(out: &mut String, desk: &DeskStats) {
    let name = "linewatch_notices_total";
    describe(out, name, "What became of notices since the start.", "counter");
    for (channel, tally) in &desk.tallies {
        for (outcome, count) in [
            ("accepted", tally.accepted),
            ("deferred", tally.deferred),
            ("rejected", tally.rejected),
            ("withheld", tally.withheld),
        ] {
            sample(out, name, &[("channel", channel.as_str()), ("outcome", outcome)], count);
        }
    }
    let name = "linewatch_outlet_ok";
    describe(
        out,
        name,
        "1 when notices can leave by this mail server or other outlet, 0 when it fails.",
        "gauge",
    );
    for outlet in &desk.outlets {
        let is_ok = u8::from(outlet.health == RelayHealth::Fine);
        sample(out, name, &[("channel", outlet.channel), ("outlet", &outlet.name)], is_ok);
    }
}

fn components(out: &mut String, view: &View) {
    let name = "linewatch_component_failed_probability";
    describe(out, name, "Probability that the component has failed, 0 to 1.", "gauge");
    for suspect in &view.picture.suspects {
        let labels = [("kind", suspect.cause.kind.as_str()), ("id", suspect.cause.id.as_str())];
        sample(out, name, &labels, suspect.probability);
    }
}

fn beats(out: &mut String, scrape: &Scrape) {
    let name = "linewatch_beat_last_seconds";
    describe(out, name, "Time since the work was last done; absent when it never was.", "gauge");
    for beat in &scrape.beats {
        if let Some(last) = beat.last {
            let labels = [("practice", beat.practice.as_str()), ("probe", beat.probe.as_str())];
            sample(out, name, &labels, age(scrape.now, last));
        }
    }
}

fn incidents(out: &mut String, view: &View) {
    let name = "linewatch_incident_open";
    describe(out, name, "1 for each cause that an open incident may have; absent when it is over.", "gauge");
    for event in &view.picture.incidents {
        for cause in &event.cause {
            let labels = [
                ("incident", event.incident.as_str()),
                ("kind", cause.kind.as_str()),
                ("id", cause.id.as_str()),
            ];
            sample(out, name, &labels, 1);
        }
    }
    let name = "linewatch_incident_practices";
    describe(out, name, "Practices that an open incident affects now.", "gauge");
    for event in &view.picture.incidents {
        sample(out, name, &[("incident", event.incident.as_str())], event.practices.len());
    }
}

fn unacknowledged(out: &mut String, scrape: &Scrape) {
    let name = "linewatch_incident_unacknowledged_seconds";
    describe(
        out,
        name,
        "How long staff have known of an open incident that nobody has in hand; 0 when somebody has.",
        "gauge",
    );
    for hands in &scrape.hands {
        let Some(since) = hands.told_since else { continue };
        let waits = if hands.taken_on.is_empty() { age(scrape.now, since) } else { 0.0 };
        sample(out, name, &[("incident", hands.incident.as_str())], waits);
    }
}

fn totals(out: &mut String, view: &View) {
    let totals = super::status::Totals::new(view);
    let name = "linewatch_practices";
    describe(out, name, "Practices by how they stand; \"total\" is all of them.", "gauge");
    for (standing, count) in
        [("total", totals.total), ("ok", totals.ok), ("silent", totals.silent), ("unknown", totals.unknown)]
    {
        sample(out, name, &[("standing", standing)], count);
    }
    let name = "linewatch_practices_down";
    describe(out, name, "Practices that lost the network.", "gauge");
    for (network, count) in &totals.down {
        sample(out, name, &[("network", network.as_str())], count);
    }
}

fn describe(out: &mut String, name: &str, help: &str, kind: &str) {
    let help = help.replace('\\', "\\\\").replace('\n', "\\n");
    // Writing to a string can't fail.
    let _infallible = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn sample(out: &mut String, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
    out.push_str(name);
    for (position, (label, text)) in labels.iter().enumerate() {
        out.push(if position == 0 { '{' } else { ',' });
        out.push_str(label);
        out.push_str("=\"");
        escape(out, text);
        out.push('"');
    }
    let _infallible = writeln!(out, "}} {value}");
}

/// Backslash, quote and newline, as the format asks.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

/// Seconds from `then` to `now`; never negative.
fn age(now: At, then: At) -> f64 {
    now.millis_since(then).max(0) as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uplink::message::PathState;

    #[test]
    fn a_label_cannot_break_out_of_its_quotes() {
        let mut out = String::new();
        sample(&mut out, "linewatch_check_up", &[("practice", "a\"b\\c\nd{}"), ("probe", "<script>")], 1);
        assert_eq!(out, "linewatch_check_up{practice=\"a\\\"b\\\\c\\nd{}\",probe=\"<script>\"} 1\n");
    }

    #[test]
    fn of_several_agents_one_that_gets_through_is_enough_and_what_is_old_says_nothing() {
        let estate = crate::hub::ledger::tests::estate(&["G82002"], &["web"]);
        let id = estate.practices[0].id.clone();
        let now = At::from_millis(1_773_644_400_000);
        let agent = |works: Option<bool>, heard_before_ms: i64| AgentLine {
            practice: id.clone(),
            last_heard: Some(now),
            as_of: Some(now.plus_millis(-heard_before_ms)),
            heard_on: [("internet".to_owned(), now.plus_millis(-heard_before_ms)), ("gone".to_owned(), now)]
                .into(),
            paths: vec![
                PathState { network: Some("internet".into()), works, ..PathState::default() },
                PathState { network: Some("made-up".into()), works, ..PathState::default() },
                PathState { works, ..PathState::default() },
            ],
            ..AgentLine::default()
        };
        let over = |agents: &[AgentLine]| {
            let reach = Reach::new(&estate, agents, now);
            assert!(reach.0.len() <= 1, "{reach:?}");
            reach.0.get(&(PracticeIx(0), NetworkIx(0))).map(|over| (over.works, over.heard))
        };
        let heard = |before_ms: i64| Some(now.plus_millis(-before_ms));
        assert_eq!(over(&[agent(Some(false), 9), agent(Some(true), 5)]), Some((Some(true), heard(5))));
        assert_eq!(over(&[agent(Some(false), 9), agent(None, 5)]), Some((Some(false), heard(5))));
        assert_eq!(over(&[agent(Some(true), 600_000)]), Some((None, heard(600_000))));
        let revoked = AgentLine { revoked: Some(now), ..agent(Some(true), 5) };
        assert_eq!(over(&[revoked]), None);
    }
}
