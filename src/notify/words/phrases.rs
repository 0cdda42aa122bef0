//! A fault in plain English: what is down, how, and whose it is.

use super::plain;
use super::sentences::{self, Say};
use crate::estate::{Component, Estate};
use crate::incident::{Cause, Event, Signature};

/// How a fault shows, in words that follow the name of what it hit.
pub(crate) struct Phrase {
    /// For a subject: `Internet down`.
    pub short: &'static str,
    /// `The internet does not answer`, `The internet and the NHS network do not answer`.
    pub one: &'static str,
    pub several: &'static str,
    /// Above the list of what is hit.
    pub heading: &'static str,
    /// For the end: `The internet answers again`.
    pub one_again: &'static str,
    pub several_again: &'static str,
}

const DOWN: Phrase = Phrase {
    short: "down",
    one: "does not answer",
    several: "do not answer",
    heading: "What does not answer",
    one_again: "answers again",
    several_again: "answer again",
};

pub(crate) const fn phrase(signature: Signature) -> Phrase {
    const WORKS: Phrase = Phrase { one_again: "works again", several_again: "work again", ..DOWN };
    match signature {
        Signature::Down | Signature::Dropped | Signature::Refused | Signature::Silent => DOWN,
        Signature::Dns => Phrase {
            short: "down (names are not found)",
            one: "cannot be reached, because names are not found",
            several: "cannot be reached, because names are not found",
            ..WORKS
        },
        Signature::Tls => Phrase {
            short: "down (no secure connection)",
            one: "answers, but no secure connection can be made",
            several: "answer, but no secure connections can be made",
            heading: "What cannot be used",
            ..WORKS
        },
        Signature::Intercepted => Phrase {
            short: "not safe to use",
            one: "answers, but something on the way opens the secure connection",
            several: "answer, but something on the way opens the secure connections",
            heading: "What should not be used",
            ..WORKS
        },
        Signature::Partial => Phrase {
            short: "works only in part",
            one: "works only in part",
            several: "work only in part",
            heading: "What works only in part",
            one_again: "works fully again",
            several_again: "work fully again",
        },
        Signature::Slow => Phrase {
            short: "slow",
            one: "is very slow",
            several: "are very slow",
            heading: "What is slow",
            one_again: "is back to its usual speed",
            several_again: "are back to their usual speed",
        },
        Signature::Flapping => Phrase {
            short: "comes and goes",
            one: "comes and goes",
            several: "come and go",
            heading: "What comes and goes",
            one_again: "is steady again",
            several_again: "are steady again",
        },
        Signature::Policy => Phrase {
            short: "partly blocked",
            one: "is partly blocked",
            several: "are partly blocked",
            heading: "What is blocked",
            one_again: "is no longer blocked",
            several_again: "are no longer blocked",
        },
    }
}

/// What was hit, with articles: the services that are their own cause, or the networks.
pub(super) fn hit(event: &Event, estate: &Estate) -> Vec<String> {
    if !super::reach::hits_networks(event) {
        return event.cause.iter().map(|cause| name_of(cause, estate)).collect();
    }
    let hit: Vec<String> = estate
        .networks
        .iter()
        .filter(|network| event.network.as_ref().is_none_or(|id| *id == network.id))
        .map(|network| plain::name(&network.name))
        .collect();
    if hit.is_empty() { vec!["the line".to_owned()] } else { hit }
}

/// `Internet down`, `Internet and NHS network slow`.
pub(super) fn short(event: &Event, estate: &Estate) -> String {
    let hit: Vec<String> =
        hit(event, estate).iter().map(|name| plain::without_article(name).to_owned()).collect();
    format!("{} {}", plain::capital(&plain::and(&hit)), phrase(event.signature).short)
}

/// `The internet does not answer`.
pub(super) fn says(event: &Event, estate: &Estate) -> String {
    let hit = hit(event, estate);
    let phrase = phrase(event.signature);
    let verb = if hit.len() == 1 { phrase.one } else { phrase.several };
    format!("{} {verb}", plain::capital(&plain::and(&hit)))
}

/// `The internet answers again`.
pub(super) fn says_again(event: &Event, estate: &Estate) -> String {
    let hit = hit(event, estate);
    let phrase = phrase(event.signature);
    let verb = if hit.len() == 1 { phrase.one_again } else { phrase.several_again };
    format!("{} {verb}", plain::capital(&plain::and(&hit)))
}

/// The network that is hit.
pub(super) fn network(event: &Event, estate: &Estate) -> String {
    let Some(id) = &event.network else { return "every network".to_owned() };
    plain::name(estate.network(id).map_or(id, |ix| &estate.networks[ix.at()].name))
}

/// What staff call a service.
pub(super) fn service_name(id: &str, estate: &Estate) -> String {
    plain::name(estate.service(id).map_or(id, |ix| &estate.services[ix.at()].name))
}

/// What a person calls a cause.
pub(super) fn name_of(cause: &Cause, estate: &Estate) -> String {
    if cause.kind == Cause::MONITOR {
        return "linewatch itself".to_owned();
    }
    plain::name(estate.name_of(cause).unwrap_or(&cause.id))
}

pub(super) fn component<'a>(cause: &Cause, estate: &'a Estate) -> Option<&'a Component> {
    estate.component_of(cause).map(|ix| &estate.components[ix.at()])
}

/// What a practice manager is called by: the name of each practice, or the id of one that is gone from the estate.
pub(super) fn practice_names(ids: &[String], estate: &Estate) -> Vec<String> {
    ids.iter()
        .map(|id| {
            estate
                .practice(id)
                .map_or_else(|| plain::name(id), |ix| plain::name(&estate.practices[ix.at()].name))
        })
        .collect()
}

/// More practices than this behind one address are counted in a subject, not named.
const NAMED_IN_SUBJECT_MAX: usize = 3;

/// The practices that a letter is about, in few words.
pub(super) fn place_of(practices: &[String], estate: &Estate) -> String {
    let names = practice_names(practices, estate);
    if names.len() > NAMED_IN_SUBJECT_MAX {
        format!("{} of your practices", names.len())
    } else {
        plain::and(&names)
    }
}

/// Where the fault is and whose it is, as a practice manager wants to know it.
pub(super) fn whose_fault(
    event: &Event,
    practices: &[String],
    estate: &Estate,
    say: &Say<'_>,
) -> Vec<String> {
    let all_elsewhere = event.cause.iter().all(|cause| is_elsewhere(cause, estate));
    let mut said = match event.cause.as_slice() {
        [cause] if is_own(cause, practices) => {
            vec![say.plain(&sentences::MANAGER_OWN_LINE)]
        }
        _ => vec![where_it_is(event, estate)],
    };
    if all_elsewhere {
        said.push(say.plain(&sentences::MANAGER_NOT_IN_YOUR_BUILDING));
    }
    said
}

/// Where the fault is and whose it is, in one sentence for anybody.
pub(super) fn where_it_is(event: &Event, estate: &Estate) -> String {
    match event.cause.as_slice() {
        [cause] => format!("{}.", place(cause, estate)),
        causes => {
            let places: Vec<String> = causes.iter().map(|cause| place(cause, estate)).collect();
            format!("One of these, and we cannot tell yet which: {}.", plain::or(&places))
        }
    }
}

/// Whether the cause is the one practice that is spoken to.
pub(super) fn is_own(cause: &Cause, practices: &[String]) -> bool {
    cause.kind == Cause::PRACTICE && practices.len() == 1 && practices[0] == cause.id
}

/// `ICB internet firewall, Maidstone (looked after by: ICB network team)`.
fn place(cause: &Cause, estate: &Estate) -> String {
    let name = plain::capital(&name_of(cause, estate));
    match cause.kind.as_str() {
        Cause::PRACTICE => format!("{name} itself: its line, its router or its power"),
        Cause::NETWORK | Cause::SERVICE => format!("{name} itself"),
        _ => match component(cause, estate).and_then(|component| component.owner.as_deref()) {
            Some(owner) if plain::name(owner) != name => {
                format!("{name} (looked after by: {})", plain::name(owner))
            }
            _ => name,
        },
    }
}

/// Whether a cause is certainly outside of any one practice: a network, a service, or what several practices share.
fn is_elsewhere(cause: &Cause, estate: &Estate) -> bool {
    match cause.kind.as_str() {
        Cause::PRACTICE => false,
        Cause::NETWORK | Cause::SERVICE | Cause::MONITOR => true,
        _ => {
            let Some(ix) = estate.component(&cause.id) else { return false };
            let users = estate
                .practices
                .iter()
                .filter(|practice| practice.via.iter().any(|used| used.any.contains(&ix)))
                .take(2)
                .count();
            // A device model is shared as a name, but each practice has its own device.
            users > 1 && !is_shared_risk(cause, estate)
        }
    }
}

/// Whether the component stands for something that each practice has one of, such as a firmware: no network lists
/// its role.
fn is_shared_risk(cause: &Cause, estate: &Estate) -> bool {
    let Some(ix) = estate.component(&cause.id) else { return false };
    estate.practices.iter().any(|practice| estate.shared_risks(practice).any(|used| used.any.contains(&ix)))
}
