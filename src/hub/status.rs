//! The status in numbers and sentences: what `/api/v1/status` answers and `linewatch status` reads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bounces::BouncingLine;
use super::fixes::FixLine;
use super::notes::OwnNote;
use super::outbox::shown;
use super::view::View;
use crate::correlate::{Note, Standing};
use crate::estate::{PracticeIx, ProbeIx, Vantage};
use crate::incident::Event;
use crate::notify::bounce::BouncingAddress;
use crate::notify::policy::Hands;
use crate::notify::policy::mute::Mute;
use crate::notify::{AckWay, Acknowledgement, Fix};
use crate::observation::{Failure, HUB, PathSeen};
use crate::time::At;

/// `/api/v1/status`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// ODS code of the ICB.
    pub icb: String,
    pub icb_name: String,
    /// When the correlator's picture was taken.
    pub at: At,
    pub practices: Totals,
    /// The last event of each open incident, oldest first.
    pub incidents: Vec<Event>,
    pub notes: Vec<NoteLine>,
    /// Of each open incident that anybody was told of: who has it in hand.
    #[serde(default)]
    pub acknowledgements: Vec<HandsLine>,
    /// What nobody is written to about for now.
    #[serde(default)]
    pub mutes: Vec<Mute>,
    /// Recipients whose mails come back, the latest first: somebody should mend their addresses.
    #[serde(default)]
    pub bouncing: Vec<BouncingLine>,
    /// Of each open incident about which anybody said that they did something: the last of it.
    #[serde(default)]
    pub fixes: Vec<LastFixLine>,
}

/// The last thing that was done about an open incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastFixLine {
    pub incident: String,
    pub fix: FixLine,
}

/// Who has an incident in hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandsLine {
    pub incident: String,
    /// Since when staff know of it.
    pub told_since: Option<At>,
    /// The first first; empty: nobody has.
    pub taken_on: Vec<AckLine>,
    /// The same of those who look after what failed: they are at work on it, and nobody at the ICB is relieved by that.
    #[serde(default)]
    pub at_work: Vec<AckLine>,
    /// Who was told because nobody had.
    pub escalated: Vec<EscalatedLine>,
    /// When the next are told, if nobody takes it on.
    pub next_escalation: Option<At>,
}

/// One person's word about an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AckLine {
    pub at: At,
    pub by: String,
    /// `link`, `command`.
    pub way: AckWay,
    /// `staff`, `role on-call`: they have it in hand. `owner BT`: they are at work on it. Else who read of it: the practices, ids
    /// with commas between, or `pcn east: G82002`.
    pub about: String,
    pub note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscalatedLine {
    pub at: At,
    /// Masked.
    pub to: String,
}

/// Practices by how they stand. One that lost both networks counts under both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    pub total: usize,
    /// Every network that is checked is there.
    pub ok: usize,
    /// Without the network called `internet`.
    pub internet_down: usize,
    /// Without the network called `hscn`.
    pub hscn_down: usize,
    /// Their agents were heard before, and aren't now.
    pub silent: usize,
    /// Nothing is down, but not all is known.
    pub unknown: usize,
    /// Practices without each network, by its id.
    pub down: BTreeMap<String, usize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteLine {
    pub practice: Option<String>,
    pub probe: Option<String>,
    pub since: At,
    pub text: String,
    /// Where the packets of the check that it is about stopped: whole sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// `/api/v1/practices/{id}`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PracticeStatus {
    pub id: String,
    pub name: String,
    pub at: At,
    pub last_heard: Option<At>,
    /// Why it isn't expected to be heard now: `goodbye`, or `usual_hours`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub away: Option<String>,
    pub networks: Vec<NetworkStatus>,
    pub checks: Vec<CheckStatus>,
    /// Open incidents that affect it.
    pub incidents: Vec<Event>,
    pub notes: Vec<NoteLine>,
}

impl PracticeStatus {
    /// The same for people.
    pub fn away_words(&self) -> Option<&'static str> {
        match self.away.as_deref()? {
            "goodbye" => Some("it said that it was being switched off"),
            "usual_hours" => {
                Some("it is usually switched off at that time, and waited for until it is usually on again")
            }
            _ => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkStatus {
    pub id: String,
    pub name: String,
    /// `ok`, `down`, `silent`, `unknown`.
    pub standing: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckStatus {
    pub probe: String,
    pub kind: String,
    pub network: String,
    pub service: Option<String>,
    /// `None`: never asked.
    pub ok: Option<bool>,
    pub failure: Option<Failure>,
    /// When it was asked last.
    pub at: Option<At>,
    /// Since when it has had this result.
    pub since: Option<At>,
    /// The whole of the last asking.
    pub ms: Option<f64>,
    /// Where its packets stopped, traced while it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathSeen>,
}

impl Status {
    /// `hands`: of every open incident that the desk knows.
    pub fn new(
        view: &View,
        own: &[OwnNote],
        hands: &[Hands],
        mutes: Vec<Mute>,
        bouncing: Vec<BouncingAddress>,
    ) -> Self {
        let noted = view.picture.notes.iter().map(|note| NoteLine::new(view, note));
        let notes = own.iter().map(NoteLine::from).chain(noted);
        Self {
            icb: view.estate.icb.code.clone(),
            icb_name: view.estate.icb.name.clone(),
            at: view.picture.at,
            practices: Totals::new(view),
            incidents: view.picture.incidents.clone(),
            notes: notes.collect(),
            acknowledgements: hands
                .iter()
                .filter(|hands| {
                    hands.told_since.is_some() || !hands.taken_on.is_empty() || !hands.at_work.is_empty()
                })
                .map(HandsLine::from)
                .collect(),
            mutes,
            bouncing: bouncing.into_iter().map(BouncingLine::from).collect(),
            fixes: Vec::new(),
        }
    }

    /// `last`: by incident.
    #[must_use]
    pub fn with_fixes(mut self, last: &BTreeMap<String, Fix>) -> Self {
        let of = |event: &Event| {
            let (incident, fix) = last.get_key_value(&event.incident)?;
            Some(LastFixLine { incident: incident.clone(), fix: fix.into() })
        };
        self.fixes = self.incidents.iter().filter_map(of).collect();
        self
    }
}

impl From<&Hands> for HandsLine {
    fn from(hands: &Hands) -> Self {
        let escalated = hands.told.iter().filter(|told| told.escalated);
        Self {
            incident: hands.incident.clone(),
            told_since: hands.told_since,
            taken_on: hands.taken_on.iter().map(AckLine::from).collect(),
            at_work: hands.at_work.iter().map(AckLine::from).collect(),
            escalated: escalated
                .map(|told| EscalatedLine { at: told.at, to: shown(&told.recipient) })
                .collect(),
            next_escalation: hands.next,
        }
    }
}

impl From<&Acknowledgement> for AckLine {
    fn from(said: &Acknowledgement) -> Self {
        Self {
            at: said.at,
            by: said.by.clone(),
            way: said.way,
            about: said.audience.label(),
            note: said.note.clone(),
        }
    }
}

impl Totals {
    pub fn new(view: &View) -> Self {
        let mut totals = Self { total: view.estate.practices.len(), ..Self::default() };
        let mut down = vec![0_usize; view.estate.networks.len()];
        for position in 0..view.estate.practices.len() {
            let (mut all_ok, mut any_down, mut any_silent) = (true, false, false);
            for network in view.watched() {
                let standing = view.standing(PracticeIx::new(position), network);
                all_ok &= standing == Standing::Ok;
                any_silent |= standing == Standing::Silent;
                if standing == Standing::Down {
                    any_down = true;
                    down[network.at()] += 1;
                }
            }
            totals.ok += usize::from(all_ok);
            totals.silent += usize::from(any_silent);
            totals.unknown += usize::from(!all_ok && !any_down && !any_silent);
        }
        totals.down = view.estate.networks.iter().map(|network| network.id.clone()).zip(down).collect();
        totals.internet_down = totals.down.get("internet").copied().unwrap_or(0);
        totals.hscn_down = totals.down.get("hscn").copied().unwrap_or(0);
        totals
    }
}

impl PracticeStatus {
    pub fn new(view: &View, ix: PracticeIx) -> Self {
        let estate = &view.estate;
        let practice = &estate.practices[ix.at()];
        let picture = view.picture.practices.get(ix.at());
        let row = view.ledger.row(Vantage::Practice(ix));
        let networks = view.watched().map(|network| NetworkStatus {
            id: estate.networks[network.at()].id.clone(),
            name: estate.networks[network.at()].name.clone(),
            standing: view.standing(ix, network).as_str().to_owned(),
        });
        let checks = estate.probes.iter().enumerate().map(|(position, probe)| {
            let last = picture.and_then(|picture| picture.checks.get(position).copied().flatten());
            let cell = row.get(position).filter(|cell| cell.at.is_some());
            CheckStatus {
                probe: probe.id.clone(),
                kind: probe.kind().to_owned(),
                network: estate.networks[probe.network.at()].id.clone(),
                service: probe.service.map(|service| estate.services[service.at()].id.clone()),
                ok: last.map(|last| last.ok),
                failure: last.and_then(|last| last.failure),
                at: last.map(|last| last.at),
                since: last.map(|last| last.since),
                // To the microsecond: the rest is what single precision makes of it.
                ms: cell
                    .map(|cell| (f64::from(cell.seconds) * 1e6).round() / 1000.0)
                    .filter(|ms| ms.is_finite()),
                path: path(view, Vantage::Practice(ix), ProbeIx::new(position)),
            }
        });
        let concerns = |event: &&Event| event.practices.contains(&practice.id);
        Self {
            id: practice.id.clone(),
            name: practice.name.clone(),
            at: view.picture.at,
            last_heard: picture.and_then(|picture| picture.last_heard),
            away: picture.and_then(|picture| picture.away).map(|away| away.as_str().to_owned()),
            networks: networks.collect(),
            checks: checks.collect(),
            incidents: view.picture.incidents.iter().filter(concerns).cloned().collect(),
            notes: view
                .picture
                .notes
                .iter()
                .filter(|note| note.practice.as_deref() == Some(&practice.id))
                .map(|note| NoteLine::new(view, note))
                .collect(),
        }
    }
}

/// The path of a check that fails now.
fn path(view: &View, from: Vantage, probe: ProbeIx) -> Option<PathSeen> {
    view.ledger.path(from, probe).map(|path| (*path).clone())
}

impl NoteLine {
    fn new(view: &View, note: &Note) -> Self {
        let from = note.practice.as_deref().and_then(|id| match id {
            HUB => Some(Vantage::Hub),
            id => view.estate.practice(id).map(Vantage::Practice),
        });
        let probe = note.probe.as_deref().and_then(|id| view.estate.probe(id));
        let path = from.zip(probe).and_then(|(from, probe)| path(view, from, probe));
        Self {
            practice: note.practice.clone(),
            probe: note.probe.clone(),
            since: note.since,
            text: note.text.clone(),
            path: path.map(|path| path.sentence),
        }
    }
}

impl From<&OwnNote> for NoteLine {
    fn from(note: &OwnNote) -> Self {
        Self { practice: None, probe: None, since: note.since, text: note.text.clone(), path: None }
    }
}
