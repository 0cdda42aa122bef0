//! Who stands for everybody where a story is played on an estate that nobody works at: staff, those who are told when staff say nothing, a
//! primary care network, and an owner of everything that can fail. Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use super::policy::Rules;
use super::policy::routing::{Circle, Of, Routing};
use crate::config::{EscalationStep, NoticeSettings, PracticeNotices};
use crate::estate::Estate;
use crate::incident::Event;
use crate::limits::NOTICES_PER_HOUR;

/// Practices of a primary care network, about as many as one has.
const PCN_SIZE: usize = 5;

/// Everybody, with the estate in which each component has an owner.
#[derive(Debug, Clone)]
pub struct Cast {
    pub estate: Estate,
    pub staff: Vec<String>,
    pub escalation: Vec<EscalationStep>,
    pub routing: Routing,
}

impl Cast {
    /// For these events: the primary care network is that of the first practices that are hit, or of the first that there are.
    pub fn of(estate: &Estate, events: &[Event]) -> Self {
        let mut estate = estate.clone();
        for component in &mut estate.components {
            let name = &component.name;
            component.owner.get_or_insert_with(|| format!("the supplier of {name}"));
            // Ofcom keeps these numbers free for drama.
            component.contact.get_or_insert_with(|| "01632 960000".to_owned());
        }
        let per_hour = usize::try_from(NOTICES_PER_HOUR).unwrap_or(usize::MAX);
        let owners = owners(&estate);
        let routing = std::iter::once(network(&estate, events))
            .chain(owners)
            .fold(Routing::default().capped(per_hour), Routing::and_tells);
        let step = |minutes: u64, to: &str| EscalationStep {
            after: Duration::from_secs(60 * minutes),
            to: vec![to.to_owned()],
            roles: Vec::new(),
        };
        Self {
            estate,
            staff: vec!["service.desk@icb.example".to_owned()],
            escalation: vec![step(15, "duty.manager@icb.example"), step(45, "director.on.call@icb.example")],
            routing,
        }
    }

    /// As a configuration has them that says no more than this.
    pub fn rules(&self) -> Rules<'_> {
        Rules {
            estate: &self.estate,
            staff: &self.staff,
            practices: PracticeNotices::Auto,
            maintenance: &[],
            mail: true,
            update_every: NoticeSettings::default().update_every,
            escalation: &self.escalation,
            routing: &self.routing,
        }
    }
}

fn network(estate: &Estate, events: &[Event]) -> Circle {
    let hit = events.iter().find(|event| !event.practices.is_empty()).map(|event| &event.practices[..]);
    let hit = hit.unwrap_or_default().iter();
    let all = estate.practices.iter().map(|practice| &practice.id);
    let practices: BTreeSet<String> = if hit.len() > 0 {
        hit.take(PCN_SIZE).cloned().collect()
    } else {
        all.take(PCN_SIZE).cloned().collect()
    };
    let of = Of::Pcn { id: "first-pcn".to_owned(), practices };
    Circle { recipient: "first.pcn@practices.example".to_owned(), of }
}

fn owners(estate: &Estate) -> Vec<Circle> {
    let mut names: Vec<&String> = Vec::new();
    for owner in estate.components.iter().filter_map(|component| component.owner.as_ref()) {
        if !names.contains(&owner) {
            names.push(owner);
        }
    }
    let circle = |(number, name): (usize, &String)| {
        let theirs = estate.components.iter().filter(|component| component.owner.as_ref() == Some(name));
        let components = theirs.map(|component| (component.kind.clone(), component.id.clone())).collect();
        let of = Of::Owner { name: name.clone(), components };
        Circle { recipient: format!("owner-{number}@supplier.example"), of }
    };
    names.into_iter().enumerate().map(circle).collect()
}
