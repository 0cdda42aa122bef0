//! People say that they have an incident in hand: what the desk makes of it.

use super::Desk;
use crate::incident::{Event, EventKind, Reason};
use crate::limits::MERGERS_FOLLOWED_MAX;
use crate::notify::acknowledgement::{AckWay, Acknowledgement, named_person};
use crate::notify::channel::hook_of;
use crate::notify::notice::{Audience, Notice, Outcome};
use crate::notify::policy::{Addressee, Hands};
use crate::store::{Settlement, StoreError};
use crate::time::At;

/// What somebody says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The name, for people: one harmless line.
    pub by: String,
    pub note: Option<String>,
    pub way: AckWay,
    /// Whose letter it is answered from; `None`: an administrator's command.
    pub reader: Option<Addressee>,
}

/// Where an incident stands, those followed that it was merged into.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// As what it goes on.
    pub incident: String,
    /// The last event.
    pub last: Event,
    /// `None`: it is open.
    pub ended: Option<At>,
}

impl Standing {
    /// Whether it was taken back: later evidence says that there was no such fault.
    pub fn is_withdrawn(&self) -> bool {
        self.ended.is_some() && self.last.reason == Some(Reason::Withdrawn)
    }
}

/// What an acknowledgement did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenUp {
    /// As it stands recorded: the same person's earlier one, when this was said before.
    pub acknowledgement: Acknowledgement,
    /// The same person had said so before, and nothing has changed.
    pub already: bool,
    /// Letters to others that were called back before they left.
    pub recalled: usize,
}

impl Desk {
    /// Takes an acknowledgement of an incident, which may be over by now. When it is staff's, nobody is escalated to any more.
    ///
    /// Fails with [`StoreError::UnknownIncident`] only; when the disk fails, it counts all the same, and is written later.
    pub async fn acknowledge(&self, incident: &str, said: Said) -> Result<TakenUp, StoreError> {
        let _turn = self.turn.lock().await;
        let incident = self.standing(incident).await?.incident;
        let (person, audience) = match &said.reader {
            Some(reader) => {
                (super::super::policy::person(&reader.audience, &reader.recipient), reader.audience.clone())
            }
            None => (named_person(&said.by), Audience::Staff),
        };
        if let Some(known) = self.acknowledgements(&incident).await.into_iter().find(|a| a.person == person) {
            return Ok(TakenUp { acknowledgement: known, already: true, recalled: 0 });
        }
        let acknowledgement = Acknowledgement {
            incident,
            at: self.shared.now(),
            person,
            by: said.by,
            way: said.way,
            audience,
            note: said.note,
        };
        let (incident, by, way) =
            (&acknowledgement.incident, &acknowledgement.by, acknowledgement.way.as_str());
        tracing::info!(incident, by, way, about = acknowledgement.audience.label(), "acknowledged");
        // An error is the store's to report; it keeps what it couldn't write.
        drop(self.shared.store.acknowledge(acknowledgement.clone()).await);
        let mut recalled = 0;
        let letters = self.shared.ledger().take_on(&acknowledgement);
        for letter in letters {
            recalled += usize::from(self.recall(&letter, &acknowledgement).await);
        }
        Ok(TakenUp { acknowledgement, already: false, recalled })
    }

    /// Calls back a letter that hasn't left.
    async fn recall(&self, letter: &Notice, because: &Acknowledgement) -> bool {
        let is_here = {
            // Both at once: a letter that is on its way can't be called back any more.
            let (mut ledger, mut dispatch) = (self.shared.ledger(), self.shared.dispatch());
            let is_here = ledger.keeps(letter) || ledger.waits(letter);
            if is_here {
                dispatch.queue.withdraw(letter);
                ledger.recalled(letter);
            }
            is_here
        };
        if is_here {
            let outcome = Outcome::Withheld { why: format!("{} has taken the incident on", because.by) };
            let settlement = Settlement::untried(letter, because.at, outcome.clone());
            drop(self.shared.store.settle(settlement).await);
            self.shared.publish(letter, None, because.at, outcome);
        }
        is_here
    }

    /// Where an incident stands.
    ///
    /// Fails with [`StoreError::UnknownIncident`] only; while the store can't be read, what is open is known from memory.
    pub async fn standing(&self, incident: &str) -> Result<Standing, StoreError> {
        let mut incident = incident.to_owned();
        for _ in 0..MERGERS_FOLLOWED_MAX {
            let last = self.shared.store.last_event(&incident).await.unwrap_or_default().or_else(|| {
                self.shared.ledger().open().find(|e| e.incident == incident).map(|e| Event::clone(e))
            });
            let last = last.ok_or_else(|| StoreError::UnknownIncident(incident.clone()))?;
            match &last.into {
                Some(into) if last.event == EventKind::Resolved => incident.clone_from(into),
                _ => {
                    let ended = (last.event == EventKind::Resolved).then_some(last.at);
                    return Ok(Standing { incident, last, ended });
                }
            }
        }
        Err(StoreError::UnknownIncident(incident))
    }

    /// What was said of an incident since it was opened, oldest first; while the store can't be read, by those who took it on or are at work on it.
    pub async fn acknowledgements(&self, incident: &str) -> Vec<Acknowledgement> {
        match self.shared.store.acknowledgements(incident).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "acknowledgements could not be read");
                let hands = self.hands(incident);
                hands.map(|hands| [hands.taken_on, hands.at_work].concat()).unwrap_or_default()
            }
        }
    }

    /// Who stands behind a link; `None`: nobody was told of that incident, or their address is no longer kept.
    pub async fn addressee(&self, incident: &str, person: &str) -> Result<Option<Addressee>, StoreError> {
        // A letter may be read before the disk has it.
        let known = self.shared.ledger().addressee(incident, person);
        match known {
            Some(known) => Ok(Some(known)),
            None => self.shared.store.addressee(incident, person).await,
        }
    }

    /// What somebody is called who doesn't say so: by `[[contact]]`, or for what they are. Never an address.
    pub fn name_of(&self, reader: &Addressee) -> String {
        let settings = self.shared.settings();
        if let Some(name) = settings.contact_name(&reader.recipient) {
            return name.to_owned();
        }
        match &reader.audience {
            Audience::Staff if hook_of(&reader.recipient).is_some() => reader.recipient.clone(),
            Audience::Staff => format!("somebody at {}", settings.estate.icb.name),
            Audience::Role { id } => format!("{} ({id})", settings.estate.icb.name),
            Audience::Practices(practices) => format!("the manager of {}", practices.join(", ")),
            Audience::Pcn { id, .. } => format!("the primary care network {id}"),
            Audience::Owner { name } => name.clone(),
        }
    }

    /// Whether somebody has an incident in hand; `None`: it isn't open.
    pub fn hands(&self, incident: &str) -> Option<Hands> {
        let settings = self.shared.settings();
        self.shared.ledger().hands(incident, self.shared.now(), &settings.rules())
    }

    /// The same of each open incident.
    pub fn all_hands(&self) -> Vec<Hands> {
        let (settings, now) = (self.shared.settings(), self.shared.now());
        let ledger = self.shared.ledger();
        let open: Vec<String> = ledger.open().map(|event| event.incident.clone()).collect();
        open.iter().filter_map(|incident| ledger.hands(incident, now, &settings.rules())).collect()
    }
}
