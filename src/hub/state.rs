//! What the handlers of pages, API and metrics share.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::acknowledge::Openings;
use super::asks::Asks;
use super::beats::Beats;
use super::credentials::Credentials;
use super::credentials::live::is_flagged;
use super::guard::Access;
use super::intake::Intake;
use super::metrics::{Reach, Scrape};
use super::notes::{About, OwnNote, OwnNotes};
use super::numbers::Numbers;
use super::pipeline::{Command, Pulse};
use super::view::View;
use crate::agent::clock;
use crate::agent::meters::Meters;
use crate::agent::workers::Report;
use crate::config::Handout;
use crate::correlate::Explanation;
use crate::limits::{BOUNCING_NAMED, EXPLAIN_TIMEOUT, PIPELINE_PULSE_MAX};
use crate::notify::masked::masked;
use crate::notify::{Desk, OutletStats, RelayHealth};
use crate::store::{Store, StoreHealth};
use crate::uplink::message::AgentLine;

/// One running hub, as its readers see it.
pub struct Hub {
    /// Where the page is served.
    pub listen: SocketAddr,
    pub view: watch::Receiver<Arc<View>>,
    pub commands: mpsc::Sender<Command>,
    /// Only for its depth.
    pub reports: mpsc::WeakSender<Report>,
    pub store: Store,
    pub desk: Desk,
    pub notes: Arc<OwnNotes>,
    pub numbers: Arc<Numbers>,
    pub meters: Arc<Meters>,
    pub pulse: Arc<Pulse>,
    pub beats: Arc<Beats>,
    pub credentials: Credentials,
    pub intake: Intake,
    pub asks: Arc<Asks>,
    pub access: Access,
    /// How often links in letters are opened.
    pub openings: Openings,
    /// Held by whoever records what was done about an incident.
    pub fixing: tokio::sync::Mutex<()>,
    /// What agents are told of the present configuration.
    pub handout: watch::Receiver<Arc<Handout>>,
}

impl Hub {
    /// What is known now.
    pub fn view(&self) -> Arc<View> {
        self.view.borrow().clone()
    }

    /// What agents are told now.
    pub fn handout(&self) -> Arc<Handout> {
        self.handout.borrow().clone()
    }

    /// The hub's notes about itself, those about store and mail brought up to date.
    pub fn own_notes(&self) -> Vec<OwnNote> {
        match self.store.health() {
            StoreHealth::Fine => self.notes.clear(About::Store),
            StoreHealth::Failing { since, why } => self.notes.set(
                About::Store,
                since,
                format!(
                    "The store can't be written ({why}). linewatch goes on from memory: checks, status \
                         and mail work, but what happens now is lost at a restart."
                ),
            ),
        }
        let desk = self.desk.stats();
        match desk.relay {
            RelayHealth::None | RelayHealth::Fine => self.note_outlets(&desk.outlets),
            RelayHealth::Unusable { why } => self.notes.set(
                About::Mail,
                clock::now(),
                format!("`[mail]` can't be used as it stands ({why}). Notices wait in the outbox."),
            ),
            RelayHealth::Failing { since, why } => self.notes.set(
                About::Mail,
                since,
                format!("The mail server can't be spoken to ({why}). Notices wait in the outbox."),
            ),
        }
        self.note_bounces();
        let agents = self.credentials.list();
        self.note_agents(About::AgentClocks, agents.iter().filter(|line| is_flagged(line)), |which| {
            format!("Agents' clocks are wrong: {which}; `linewatch agents` says by how much.")
        });
        self.note_agents(About::AgentTwins, agents.iter().filter(|line| line.twin.is_some()), |which| {
            format!("Two computers report as one agent: {which}; `linewatch agents` says what to do.")
        });
        self.notes.list(clock::now())
    }

    /// What some of the agents have in common; the first stands for all.
    fn note_agents<'a>(
        &self,
        about: About,
        mut which: impl Iterator<Item = &'a AgentLine>,
        text: impl FnOnce(&str) -> String,
    ) {
        let Some(first) = which.next() else { return self.notes.clear(about) };
        let first = format!("{} ({})", first.practice, first.agent);
        let which = match which.count() {
            0 => first,
            others => format!("{first} and {others} more"),
        };
        self.notes.set(about, clock::now(), text(&which));
    }

    /// Mails that come back, until somebody mends the addresses or a week has passed.
    fn note_bounces(&self) {
        let bouncing = self.desk.bouncing();
        let Some(latest) = bouncing.first() else { return self.notes.clear(About::Bounces) };
        let named: Vec<String> = bouncing
            .iter()
            .take(BOUNCING_NAMED)
            .map(|it| format!("{} ({})", masked(&it.address), it.about))
            .collect();
        let more = bouncing.len() - named.len();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let text = format!(
            "Mails come back from {}{more}; the latest {}. Mend the addresses; `linewatch outbox` lists them.",
            named.join(", "),
            latest.why
        );
        self.notes.set(About::Bounces, latest.last, text);
    }

    /// Mails leave; what can't be used is said all the same, before the last of them fails too.
    fn note_outlets(&self, outlets: &[OutletStats]) {
        let failing = outlets.iter().find_map(|outlet| match &outlet.health {
            RelayHealth::None | RelayHealth::Fine => None,
            RelayHealth::Unusable { why } => Some((clock::now(), outlet, why)),
            RelayHealth::Failing { since, why } => Some((*since, outlet, why)),
        });
        match failing {
            None => self.notes.clear(About::Mail),
            Some((since, outlet, why)) => self.notes.set(
                About::Mail,
                since,
                format!("{} can't be used ({why}). Notices leave by another.", outlet.name),
            ),
        }
    }

    pub fn scrape(&self) -> Scrape {
        let own = self.own_notes().len();
        let now = clock::now();
        Scrape {
            now,
            reach: Arc::new(Reach::new(&self.view().estate, &self.credentials.list(), now)),
            desk: self.desk.stats(),
            store_ok: self.store.health() == StoreHealth::Fine,
            queue: self.reports.upgrade().map_or(0, |sender| sender.max_capacity() - sender.capacity()),
            notes: own + self.view().picture.notes.len(),
            beats: self.beats.list(now),
            hands: self.desk.all_hands(),
        }
    }

    /// The correlator's reasons for an incident; `None` when it doesn't know it.
    pub async fn explain(&self, incident: &str) -> Option<Explanation> {
        let (answer, explained) = oneshot::channel();
        self.commands.send(Command::Why { incident: incident.to_owned(), answer }).await.ok()?;
        tokio::time::timeout(EXPLAIN_TIMEOUT, explained).await.ok()?.ok()?
    }

    /// Whether the pipeline goes round.
    pub fn is_alive(&self) -> bool {
        self.pulse.last() + PIPELINE_PULSE_MAX >= clock::now()
    }
}
