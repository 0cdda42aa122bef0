//! On what terms people are written to, and who else hears: what `[[contact]]`, `[[pcn]]` and `[notices] per_hour` say.

use std::collections::{BTreeMap, BTreeSet};

use super::key;
use super::severity::Severity;
use crate::calendar::Hours;
use crate::config::Config;
use crate::incident::Event;
use crate::notify::channel::{Channel, hook_of};
use crate::notify::notice::Audience;
use crate::time::At;

/// Who hears on which terms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routing {
    /// By the key of an address. Whoever isn't here is written to at any hour, of everything.
    terms: BTreeMap<String, Terms>,
    /// Messages an hour to anyone; `None`: as many as there are.
    pub(super) per_hour: Option<usize>,
    pub(super) circles: Vec<Circle>,
}

/// When, and of what, somebody wants to hear.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// When they are written to; `None`: at any hour.
    pub hours: Option<Hours>,
    /// They don't hear of what is less severe.
    pub min_severity: Severity,
    /// What is as severe reaches them at any hour; `None`: nothing does.
    pub quiet_unless: Option<Severity>,
}

/// Somebody who hears of some incidents, because of what they look after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circle {
    pub recipient: String,
    pub of: Of,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// A primary care network: what hits its practices.
    Pcn { id: String, practices: BTreeSet<String> },
    /// What may be the fault of these components, by kind and id, which all have one owner.
    Owner { name: String, components: BTreeSet<(String, String)> },
}

impl Circle {
    /// As whom they are told of this event; `None`: it is none of their business.
    pub(super) fn concerned(&self, event: &Event) -> Option<Audience> {
        match &self.of {
            Of::Pcn { id, practices } => {
                let hit: Vec<String> = event
                    .practices
                    .iter()
                    .filter(|practice| practices.contains(*practice))
                    .cloned()
                    .collect();
                (!hit.is_empty()).then(|| Audience::Pcn { id: id.clone(), practices: hit })
            }
            Of::Owner { name, components } => event
                .cause
                .iter()
                .any(|cause| components.contains(&(cause.kind.clone(), cause.id.clone())))
                .then(|| Audience::Owner { name: name.clone() }),
        }
    }
}

impl Routing {
    pub fn of(config: &Config) -> Self {
        let contacts = &config.ways.contacts;
        let estate = &config.estate;
        let pcns = contacts.iter().flat_map(|contact| contact.pcns.iter().map(move |id| (contact, id)));
        let pcns = pcns.filter_map(|(contact, id)| {
            let pcn = config.ways.pcns.iter().find(|pcn| pcn.id == *id)?;
            let practices = pcn.practices.iter().cloned().collect();
            Some(Circle { recipient: contact.email.clone(), of: Of::Pcn { id: id.clone(), practices } })
        });
        let owners =
            contacts.iter().flat_map(|contact| contact.owners.iter().map(move |name| (contact, name)));
        let owners = owners.map(|(contact, name)| {
            let theirs = estate.components.iter().filter(|component| component.owner.as_ref() == Some(name));
            let components = theirs.map(|component| (component.kind.clone(), component.id.clone())).collect();
            Circle { recipient: contact.email.clone(), of: Of::Owner { name: name.clone(), components } }
        });
        Self {
            terms: contacts.iter().map(|contact| (key(&contact.email), contact.terms.clone())).collect(),
            per_hour: config.notices.per_hour.and_then(|most| usize::try_from(most).ok()),
            circles: pcns.chain(owners).collect(),
        }
    }

    /// The same with terms for one more person.
    #[must_use]
    pub fn with(mut self, address: &str, terms: Terms) -> Self {
        self.terms.insert(key(address), terms);
        self
    }

    /// The same with a cap.
    #[must_use]
    pub const fn capped(mut self, per_hour: usize) -> Self {
        self.per_hour = Some(per_hour);
        self
    }

    /// The same with somebody more who hears.
    #[must_use]
    pub fn and_tells(mut self, circle: Circle) -> Self {
        self.circles.push(circle);
        self
    }

    /// By the key of an address.
    pub(super) fn terms(&self, key: &str) -> Option<&Terms> {
        self.terms.get(key)
    }

    /// Messages an hour to this recipient. A program that is told isn't anybody: it reads as fast as it is written to, and is
    /// wrong about what it isn't told.
    pub(super) fn cap(&self, recipient: &str) -> Option<usize> {
        let is_program = matches!(hook_of(recipient), Some((Channel::Webhook | Channel::Alertmanager, _)));
        self.per_hour.filter(|_| !is_program)
    }
}

impl Terms {
    /// Whether they aren't written to at that time about what is so severe.
    pub(super) fn is_quiet(&self, severity: Severity, at: At, zone: &jiff::tz::TimeZone) -> bool {
        let urgent = self.quiet_unless.is_some_and(|least| severity >= least);
        !urgent && self.opens(at, zone) > at
    }

    /// When they may next be written to; hours that never come don't count.
    pub(super) fn opens(&self, at: At, zone: &jiff::tz::TimeZone) -> At {
        self.hours.as_ref().and_then(|hours| hours.next(at, zone)).unwrap_or(at)
    }
}
