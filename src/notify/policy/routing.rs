//! On what terms people are written to, and who else hears: what `[[contact]]`, `[[pcn]]` and `[notices] per_hour` say.

use std::collections::{BTreeMap, BTreeSet};

use super::key;
use super::severity::Severity;
use crate::calendar::Hours;
use crate::config::{Config, OtherIcb};
use crate::estate::Estate;
use crate::incident::{Cause, Event};
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
    /// In the order in which the roles are declared.
    duties: Vec<Duty>,
}

/// Somebody at the ICB who hears of some incidents, because of a role that they hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duty {
    pub recipient: String,
    /// The id of the `[[role]]`.
    pub role: String,
    /// It isn't told of what is less severe.
    pub min_severity: Severity,
    /// The kinds of cause that it is told of: of components, or `practice`, `network`, `service`, `monitor`. `None`: all.
    pub causes: Option<BTreeSet<String>>,
    /// The practices of the ICBs for which it is held; `None`: of all.
    pub practices: Option<BTreeSet<String>>,
}

impl Duty {
    /// Whether the role is told of this event. What may be one of several things is told when any of them is the role's; and where
    /// linewatch can't say which practices are hit, they may be anybody's.
    fn concerned(&self, event: &Event, severity: Severity) -> bool {
        let by_cause = |causes: &BTreeSet<String>| event.cause.iter().any(|it| causes.contains(&it.kind));
        severity >= self.min_severity && self.causes.as_ref().is_none_or(by_cause) && self.is_held_for(event)
    }

    /// Whether it is held for a practice that is hit.
    fn is_held_for(&self, event: &Event) -> bool {
        let by_place = |practices: &BTreeSet<String>| {
            event.practices.is_empty() || event.practices.iter().any(|id| practices.contains(id))
        };
        self.practices.as_ref().is_none_or(by_place)
    }
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
    pub(super) const fn is_owner(&self) -> bool {
        matches!(self.of, Of::Owner { .. })
    }

    /// Whether any of these is theirs to look after.
    pub(super) fn may_be_at_fault(&self, cause: &[Cause]) -> bool {
        match &self.of {
            Of::Pcn { .. } => false,
            Of::Owner { components, .. } => {
                cause.iter().any(|cause| components.contains(&(cause.kind.clone(), cause.id.clone())))
            }
        }
    }

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
            Of::Owner { name, .. } => {
                self.may_be_at_fault(&event.cause).then(|| Audience::Owner { name: name.clone() })
            }
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
            duties: duties(config),
        }
    }

    /// Who is told of this event because of a role, and as what; somebody with several roles comes once for each.
    pub(super) fn on_duty(&self, event: &Event, estate: &Estate) -> impl Iterator<Item = (&str, Audience)> {
        let severity = Severity::of(event, estate);
        let told = self.duties.iter().filter(move |duty| duty.concerned(event, severity));
        told.map(|duty| (duty.recipient.as_str(), Audience::Role { id: duty.role.clone() }))
    }

    /// Who holds a role: for a practice that this event hits, or for any where there is none.
    pub(super) fn holders<'r>(
        &'r self,
        role: &'r str,
        event: Option<&'r Event>,
    ) -> impl Iterator<Item = &'r str> {
        let theirs = self
            .duties
            .iter()
            .filter(move |duty| duty.role == role && event.is_none_or(|event| duty.is_held_for(event)));
        theirs.map(|duty| duty.recipient.as_str())
    }

    /// The same with somebody more who holds a role.
    #[must_use]
    pub fn with_duty(mut self, duty: Duty) -> Self {
        self.duties.push(duty);
        self
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

/// Who holds which role, in the order in which the roles are declared.
fn duties(config: &Config) -> Vec<Duty> {
    let (ways, estate) = (&config.ways, &config.estate);
    let mut duties = Vec::new();
    for role in &ways.roles {
        for contact in ways.contacts.iter().filter(|contact| contact.roles.contains(&role.id)) {
            let all = contact.icbs.is_empty();
            duties.push(Duty {
                recipient: contact.email.clone(),
                role: role.id.clone(),
                min_severity: role.min_severity,
                causes: (!role.causes.is_empty()).then(|| role.causes.iter().cloned().collect()),
                practices: (!all).then(|| practices_of(&contact.icbs, &ways.other_icbs, estate)),
            });
        }
    }
    duties
}

/// The practices of these ICBs. Those that no `[[other_icb]]` names are of the estate's own.
fn practices_of(icbs: &[String], others: &[OtherIcb], estate: &Estate) -> BTreeSet<String> {
    let named =
        others.iter().flat_map(|icb| icb.practices.iter().map(move |id| (id.as_str(), icb.code.as_str())));
    let icb_of: BTreeMap<&str, &str> = named.collect();
    let all = estate.practices.iter().map(|practice| practice.id.as_str());
    let is_theirs = |id: &&str| {
        let icb = icb_of.get(id).copied().unwrap_or(&estate.icb.code);
        icbs.iter().any(|code| code == icb)
    };
    all.filter(is_theirs).map(str::to_owned).collect()
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
