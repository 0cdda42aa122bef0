//! Who stands for everybody where a story is played on an estate that nobody works at: staff, those who are told when staff say nothing, a
//! primary care network, and an owner of everything that can fail. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::fix::Fix;
use super::policy::routing::{Circle, Of, Routing};
use super::policy::{Rules, blind};
use crate::config::{EscalationStep, NoticeSettings, PracticeNotices};
use crate::estate::Estate;
use crate::incident::{Event, Reason};
use crate::limits::NOTICES_PER_HOUR;

/// Practices of a primary care network, about as many as one has.
const PCN_SIZE: usize = 5;

/// How long it takes until practices are back.
const FIX_TAKES_EFFECT: Duration = Duration::from_mins(2);

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

/// For each incident one thing that somebody did, shortly before the first practices came back, or all of them: so letters show where it
/// stands, and what changed after it.
pub fn fixes(events: &[Event]) -> Vec<Fix> {
    let mut before: BTreeMap<&str, &Event> = BTreeMap::new();
    let mut fixes: BTreeMap<&str, Fix> = BTreeMap::new();
    for event in events {
        let Some(was) = before.insert(&event.incident, event) else { continue };
        let is_back = was.practices.iter().any(|practice| !event.practices.contains(practice));
        let is_mended = is_back && matches!(event.reason, None | Some(Reason::Recovered));
        if !is_mended || blind(was) || fixes.contains_key(event.incident.as_str()) {
            continue;
        }
        let between = was.at.plus_millis(event.at.millis_since(was.at) / 2);
        let at = between.max(event.at - FIX_TAKES_EFFECT);
        let fix = Fix {
            incident: event.incident.clone(),
            at,
            said_at: at,
            by: "Jo Bloggs".to_owned(),
            what: "an example of what somebody did, such as: put the last good configuration back".to_owned(),
        };
        fixes.insert(&event.incident, fix);
    }
    fixes.into_values().collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::{Cause, EventKind};
    use crate::notify::policy::tests::{estate, event};
    use crate::notify::rehearsal::Rehearsal;
    use crate::time::At;

    const MINUTE: i64 = 60_000;

    #[test]
    fn staff_read_what_was_done_and_what_came_of_it_where_something_was_mended() {
        let changed = |minutes: i64, practices: &[&str]| Event {
            event: EventKind::Changed,
            ..event("2026-03-16-1", minutes, practices)
        };
        let events =
            [event("2026-03-16-1", 0, &["A", "B"]), changed(30, &["A", "B", "C"]), changed(60, &["C"])];
        let fixes = fixes(&events);
        let times: Vec<At> = fixes.iter().map(|fix| fix.at).collect();
        assert_eq!(times, [At::from_millis(58 * MINUTE)], "one, and before what came of it");
        let cast = Cast::of(&estate(), &events);
        let mut rehearsal = Rehearsal::new(cast.rules(), &[]).with_fixes(&fixes);
        for event in &events {
            rehearsal.tell(event);
        }
        rehearsal.until(At::from_millis(61 * MINUTE));
        let told: Vec<&str> = rehearsal
            .written()
            .iter()
            .filter(|written| {
                written.letter.text.contains("fix by Jo Bloggs: an example of what somebody did")
            })
            .map(|written| written.letter.text.as_str())
            .collect();
        assert!(!told.is_empty());
        for text in told {
            let (_, after) = text.split_once("fix by Jo Bloggs").expect("it is there");
            assert!(after.contains(": 2 practices back; 1 practice affected now."), "{text}");
        }
    }

    #[test]
    fn what_was_withdrawn_and_what_linewatch_did_not_see_was_mended_by_nobody() {
        let first = event("2026-03-16-1", 0, &["A"]);
        let end = |reason| Event {
            at: At::from_millis(MINUTE),
            event: EventKind::Resolved,
            reason: Some(reason),
            practices: Vec::new(),
            ..first.clone()
        };
        assert_eq!(fixes(&[first.clone(), end(Reason::Recovered)]).len(), 1);
        assert_eq!(fixes(&[first.clone(), end(Reason::Withdrawn)]), []);
        let cause = vec![Cause { kind: Cause::MONITOR.to_owned(), id: "hub".to_owned() }];
        let blind = Event { cause, ..first.clone() };
        assert_eq!(fixes(&[blind, end(Reason::Recovered)]), []);
    }
}
