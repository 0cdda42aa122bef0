//! `[[role]]` and `[[other_icb]]`, read: what a role at the ICB is told of, and whose practices the estate has besides. Who holds a role
//! is said by `[[contact]]`.

use std::collections::BTreeMap;

use super::contacts::severity;
use super::errors::Placed;
use super::estate_file::{Draft, declare, sections};
use super::names::{Names, shorten};
use super::reader::Reader;
use super::section::Section;
use super::settings::{ContactSettings, OtherIcb, RoleSettings};
use super::values;
use crate::incident::Cause;
use crate::limits::{CONFIG_LIST_MAX, ROLES_MAX};

/// What can be a cause besides a component.
const OTHER_CAUSES: [&str; 4] = [Cause::PRACTICE, Cause::NETWORK, Cause::SERVICE, Cause::MONITOR];

pub(super) fn roles(reader: &mut Reader<'_>, root: &Section<'_>, draft: &Draft) -> Vec<RoleSettings> {
    let mut names = Names::new("role");
    let mut roles = Vec::new();
    for section in sections(reader, root, "role", ROLES_MAX) {
        section.refuse_unknown(reader, &["id", "min_severity", "causes"]);
        let id = declare(reader, &mut names, &section);
        let min_severity = section.value(reader, "min_severity", severity).map(|least| least.value);
        let causes = causes(reader, &section, draft);
        let Some(id) = id else { continue };
        roles.push(RoleSettings { id, min_severity: min_severity.unwrap_or_default(), causes });
    }
    roles
}

/// Kinds of cause. None that there can't be: whoever waits for one would wait for ever.
fn causes(reader: &mut Reader<'_>, section: &Section<'_>, draft: &Draft) -> Vec<String> {
    let named = section.text_or_texts(reader, "causes").unwrap_or_default();
    if let (true, Some(value)) = (named.is_empty(), section.raw("causes")) {
        reader.refuse(
            value.span,
            "`causes` is empty",
            "name a kind of cause, or leave `causes` out: then all are meant",
        );
    }
    let mut causes: Vec<String> = Vec::new();
    for kind in named {
        let components = draft.components.iter().map(|component| component.kind.as_str());
        let known = components.chain(OTHER_CAUSES);
        if known.clone().any(|other| other == kind.value) {
            if !causes.iter().any(|other| other == kind.value) {
                causes.push(kind.value.to_owned());
            }
            continue;
        }
        let help = match reader.report.comparisons.nearest(kind.value, known) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("write the `kind` of a [[component]], or one of: {}", OTHER_CAUSES.join(", ")),
        };
        let message = format!("nothing of the kind {:?} can be a cause here", shorten(kind.value));
        reader.refuse(kind.span, message, help);
    }
    causes
}

/// A role that nobody holds is told nothing, and somebody thinks that it is.
pub(super) fn refuse_unheld(
    reader: &mut Reader<'_>,
    root: &Section<'_>,
    roles: &[RoleSettings],
    contacts: &[ContactSettings],
) {
    for section in root.tables(reader, "role") {
        let Some(id) = section.text(reader, "id") else { continue };
        let is_read = roles.iter().any(|role| role.id == id.value);
        if is_read && !contacts.iter().any(|contact| contact.roles.iter().any(|held| held == id.value)) {
            let message = format!("nobody holds the role {:?}, so nobody would be told", shorten(id.value));
            reader.refuse(id.span, message, format!("add role = {:?} to a [[contact]]", id.value));
        }
    }
}

pub(super) fn other_icbs(reader: &mut Reader<'_>, root: &Section<'_>, draft: &Draft) -> Vec<OtherIcb> {
    let mut icbs: Vec<OtherIcb> = Vec::new();
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    for section in sections(reader, root, "other_icb", CONFIG_LIST_MAX) {
        section.refuse_unknown(reader, &["code", "name", "practices"]);
        let code = section.need(reader, "code", values::id);
        let name = section.need(reader, "name", values::line);
        if !section.has("practices") {
            section.missing(reader, "practices");
        }
        let named = section.text_or_texts(reader, "practices").unwrap_or_default();
        let Some((code, name)) = code.zip(name) else { continue };
        if draft.icb.as_ref().is_some_and(|icb| icb.code == code.value) {
            let help = "practices that no [[other_icb]] names are of [icb]: take this one out";
            reader.refuse(code.span, "that is the code of [icb]", help);
            continue;
        }
        if icbs.iter().any(|other| other.code == code.value) {
            reader.refuse(code.span, "there is another [[other_icb]] with this code", "put both into one");
            continue;
        }
        let mut practices = Vec::new();
        for practice in named {
            if is_free(reader, practice, draft, &mut taken, &code.value) {
                practices.push(practice.value.to_owned());
            }
        }
        practices.sort();
        icbs.push(OtherIcb { code: code.value, name: name.value, practices });
    }
    icbs
}

/// Whether it is a practice, and of no other ICB.
fn is_free(
    reader: &mut Reader<'_>,
    practice: Placed<&str>,
    draft: &Draft,
    taken: &mut BTreeMap<String, String>,
    code: &str,
) -> bool {
    if draft.practice_names.find(reader, practice).is_none() {
        return false;
    }
    match taken.insert(practice.value.to_owned(), code.to_owned()) {
        None => true,
        Some(other) => {
            let message = format!("{} is named already, as a practice of {other}", practice.value);
            reader.refuse(practice.span, message, "a practice is of one ICB: keep one of the two");
            false
        }
    }
}
