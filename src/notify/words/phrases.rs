//! A fault in plain English: what is down, how, and whose it is.

use minijinja::value::Value;

use super::plain;
use super::sentences::{self, Say, Sentence};
use super::texts::Texts;
use crate::estate::{Component, Estate, NetworkIx};
use crate::incident::{Cause, Event, Signature};

/// How a fault shows, in words that follow the name of what it hit.
pub(crate) struct Phrase {
    /// For a subject: `Internet down`.
    short: &'static Sentence<0>,
    /// `The internet does not answer`, `The internet and the NHS network do not answer`.
    one: &'static Sentence<0>,
    several: &'static Sentence<0>,
    /// Above the list of what is hit.
    heading: &'static Sentence<0>,
    /// For the end: `The internet answers again`.
    one_again: &'static Sentence<0>,
    several_again: &'static Sentence<0>,
}

const DOWN: Phrase = Phrase {
    short: &sentences::FAULT_DOWN_SHORT,
    one: &sentences::FAULT_DOWN_ONE,
    several: &sentences::FAULT_DOWN_SEVERAL,
    heading: &sentences::FAULT_DOWN_HEADING,
    one_again: &sentences::FAULT_DOWN_ONE_AGAIN,
    several_again: &sentences::FAULT_DOWN_SEVERAL_AGAIN,
};

const fn phrase(signature: Signature) -> Phrase {
    match signature {
        Signature::Down | Signature::Dropped | Signature::Refused => DOWN,
        Signature::Dns => Phrase {
            short: &sentences::FAULT_DNS_SHORT,
            one: &sentences::FAULT_DNS_ONE,
            several: &sentences::FAULT_DNS_SEVERAL,
            heading: &sentences::FAULT_DNS_HEADING,
            one_again: &sentences::FAULT_DNS_ONE_AGAIN,
            several_again: &sentences::FAULT_DNS_SEVERAL_AGAIN,
        },
        Signature::Tls => Phrase {
            short: &sentences::FAULT_TLS_SHORT,
            one: &sentences::FAULT_TLS_ONE,
            several: &sentences::FAULT_TLS_SEVERAL,
            heading: &sentences::FAULT_TLS_HEADING,
            one_again: &sentences::FAULT_TLS_ONE_AGAIN,
            several_again: &sentences::FAULT_TLS_SEVERAL_AGAIN,
        },
        Signature::Intercepted => Phrase {
            short: &sentences::FAULT_INTERCEPTED_SHORT,
            one: &sentences::FAULT_INTERCEPTED_ONE,
            several: &sentences::FAULT_INTERCEPTED_SEVERAL,
            heading: &sentences::FAULT_INTERCEPTED_HEADING,
            one_again: &sentences::FAULT_INTERCEPTED_ONE_AGAIN,
            several_again: &sentences::FAULT_INTERCEPTED_SEVERAL_AGAIN,
        },
        Signature::Partial => Phrase {
            short: &sentences::FAULT_PARTIAL_SHORT,
            one: &sentences::FAULT_PARTIAL_ONE,
            several: &sentences::FAULT_PARTIAL_SEVERAL,
            heading: &sentences::FAULT_PARTIAL_HEADING,
            one_again: &sentences::FAULT_PARTIAL_ONE_AGAIN,
            several_again: &sentences::FAULT_PARTIAL_SEVERAL_AGAIN,
        },
        Signature::Slow => Phrase {
            short: &sentences::FAULT_SLOW_SHORT,
            one: &sentences::FAULT_SLOW_ONE,
            several: &sentences::FAULT_SLOW_SEVERAL,
            heading: &sentences::FAULT_SLOW_HEADING,
            one_again: &sentences::FAULT_SLOW_ONE_AGAIN,
            several_again: &sentences::FAULT_SLOW_SEVERAL_AGAIN,
        },
        Signature::Flapping => Phrase {
            short: &sentences::FAULT_FLAPPING_SHORT,
            one: &sentences::FAULT_FLAPPING_ONE,
            several: &sentences::FAULT_FLAPPING_SEVERAL,
            heading: &sentences::FAULT_FLAPPING_HEADING,
            one_again: &sentences::FAULT_FLAPPING_ONE_AGAIN,
            several_again: &sentences::FAULT_FLAPPING_SEVERAL_AGAIN,
        },
        Signature::Policy => Phrase {
            short: &sentences::FAULT_POLICY_SHORT,
            one: &sentences::FAULT_POLICY_ONE,
            several: &sentences::FAULT_POLICY_SEVERAL,
            heading: &sentences::FAULT_POLICY_HEADING,
            one_again: &sentences::FAULT_POLICY_ONE_AGAIN,
            several_again: &sentences::FAULT_POLICY_SEVERAL_AGAIN,
        },
        Signature::Silent => Phrase {
            short: &sentences::FAULT_SILENT_SHORT,
            one: &sentences::FAULT_SILENT_ONE,
            several: &sentences::FAULT_SILENT_SEVERAL,
            heading: &sentences::FAULT_SILENT_HEADING,
            one_again: &sentences::FAULT_SILENT_ONE_AGAIN,
            several_again: &sentences::FAULT_SILENT_SEVERAL_AGAIN,
        },
    }
}

/// What follows the name of one thing that is hit, as shipped: for a page that no operator's texts reach.
pub(crate) fn one_as_shipped(signature: Signature) -> String {
    Texts::shipped().say().plain(phrase(signature).one)
}

/// The same as an operator has it.
pub(super) fn one(signature: Signature, say: &Say<'_>) -> String {
    say.plain(phrase(signature).one)
}

/// For a subject, and a table: `down`.
pub(super) fn how(signature: Signature, say: &Say<'_>) -> String {
    say.plain(phrase(signature).short)
}

/// Above the list of what is hit.
pub(super) fn heading(signature: Signature, say: &Say<'_>) -> String {
    say.plain(phrase(signature).heading)
}

/// Nothing is heard of one practice: that is all that is known, and nothing of its line, nor of what staff use.
pub(super) fn is_unheard(event: &Event) -> bool {
    event.signature == Signature::Silent && event.cause.iter().any(|cause| cause.kind == Cause::PRACTICE)
}

/// What was hit, with articles: the services that are their own cause, or the networks; of what is silent, what would speak.
pub(super) fn hit(event: &Event, estate: &Estate) -> Vec<String> {
    if event.signature == Signature::Silent {
        let ours = if is_unheard(event) { "our computer" } else { "our computers" };
        return vec![ours.to_owned()];
    }
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

/// What was hit, without articles: `Internet and NHS network`.
pub(super) fn hit_short(event: &Event, estate: &Estate) -> String {
    let hit: Vec<String> =
        hit(event, estate).iter().map(|name| plain::without_article(name).to_owned()).collect();
    plain::capital(&plain::and(&hit))
}

/// `Internet down`, `Internet and NHS network slow`.
pub(super) fn short(event: &Event, estate: &Estate, say: &Say<'_>) -> String {
    format!("{} {}", hit_short(event, estate), how(event.signature, say))
}

/// `The internet does not answer`.
pub(super) fn says(event: &Event, estate: &Estate, say: &Say<'_>) -> String {
    let phrase = phrase(event.signature);
    said_of(event, estate, phrase.one, phrase.several, say)
}

/// `The internet answers again`.
pub(super) fn says_again(event: &Event, estate: &Estate, say: &Say<'_>) -> String {
    let phrase = phrase(event.signature);
    said_of(event, estate, phrase.one_again, phrase.several_again, say)
}

fn said_of(
    event: &Event,
    estate: &Estate,
    one: &Sentence<0>,
    several: &Sentence<0>,
    say: &Say<'_>,
) -> String {
    let hit = hit(event, estate);
    let is_one = hit.len() == 1 && (event.signature != Signature::Silent || is_unheard(event));
    let verb = say.plain(if is_one { one } else { several });
    format!("{} {verb}", plain::capital(&plain::and(&hit)))
}

/// The network that is hit.
pub(super) fn network(event: &Event, estate: &Estate) -> String {
    if is_unheard(event) {
        return "not known".to_owned();
    }
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
        _ if is_unheard(event) => vec![say.plain(&sentences::MANAGER_UNHEARD_WHERE)],
        [cause] if is_own(cause, practices) => {
            vec![say.plain(&sentences::MANAGER_OWN_LINE)]
        }
        _ => vec![where_it_is(event, estate, say)],
    };
    if all_elsewhere {
        said.push(say.plain(&sentences::MANAGER_NOT_IN_YOUR_BUILDING));
    }
    said
}

/// Where the fault is and whose it is, in one sentence for anybody.
pub(super) fn where_it_is(event: &Event, estate: &Estate, say: &Say<'_>) -> String {
    let places: Vec<String> = event.cause.iter().map(|cause| place(cause, event, estate, say)).collect();
    match places.as_slice() {
        [place] => format!("{place}."),
        places => say.with(&sentences::WHERE_ONE_OF, [plain::or(places).into()]),
    }
}

/// Who mends a practice's line, as far as the configuration says: by name, and how they are reached.
pub(super) fn mender_of(id: &str, event: &Event, estate: &Estate) -> Option<(String, String)> {
    let practice = &estate.practices[estate.practice(id)?.at()];
    // Roles stand from the practice outwards: the nearest that anybody answers for is the likeliest to be theirs to mend.
    let network = event.network.as_ref().and_then(|id| estate.network(id)).unwrap_or(NetworkIx(0));
    let roles = estate.networks.get(network.at())?.through.iter();
    let mut used = roles
        .flat_map(|role| practice.via.iter().filter(move |used| used.role == *role))
        .flat_map(|used| used.any.iter().map(|ix| &estate.components[ix.at()]));
    let (component, contact) = used.find_map(|one| Some((one, one.contact.as_ref()?)))?;
    Some((plain::name(component.owner.as_ref().unwrap_or(&component.name)), plain::name(contact)))
}

/// The same for those who know of many practices; nothing where the fault isn't one practice's own.
pub(super) fn whom_to_call(event: &Event, estate: &Estate, say: &Say<'_>) -> Option<String> {
    let cause = event.cause.iter().find(|cause| cause.kind == Cause::PRACTICE)?;
    let (who, contact) = mender_of(&cause.id, event, estate)?;
    Some(say.with(&sentences::STAFF_CALL, [name_of(cause, estate), who, contact].map(Value::from)))
}

/// Whether the cause is the one practice that is spoken to.
pub(super) fn is_own(cause: &Cause, practices: &[String]) -> bool {
    cause.kind == Cause::PRACTICE && practices.len() == 1 && practices[0] == cause.id
}

/// `ICB internet firewall, Maidstone (looked after by: ICB network team)`.
fn place(cause: &Cause, event: &Event, estate: &Estate, say: &Say<'_>) -> String {
    let name = plain::capital(&name_of(cause, estate));
    match cause.kind.as_str() {
        Cause::PRACTICE if is_unheard(event) => say.with(&sentences::WHERE_PRACTICE_UNHEARD, [name.into()]),
        Cause::PRACTICE => say.with(&sentences::WHERE_PRACTICE, [name.into()]),
        Cause::NETWORK | Cause::SERVICE => say.with(&sentences::WHERE_ITSELF, [name.into()]),
        _ => match component(cause, estate).and_then(|component| component.owner.as_deref()) {
            Some(owner) if plain::name(owner) != name => {
                say.with(&sentences::WHERE_LOOKED_AFTER_BY, [name.into(), plain::name(owner).into()])
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
