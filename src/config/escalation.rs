//! `[notices] link` and `[[escalation]]`, read: how people say that they have an incident in hand, and who is told when nobody does.

use std::time::Duration;

use reqwest::Url;

use super::errors::Placed;
use super::estate_file::sections;
use super::names::shorten;
use super::reader::Reader;
use super::section::Section;
use super::settings::{AcknowledgementSettings, ContactSettings, ContactWay, EscalationStep, WaySettings};
use super::values::{self, Refusal, refusal};
use crate::limits::{ESCALATION_AFTER_MAX, ESCALATION_AFTER_MIN, ESCALATION_STEPS_MAX, ESCALATION_TO_MAX};

pub(super) fn acknowledgement(
    reader: &mut Reader<'_>,
    root: &Section<'_>,
    ways: &WaySettings,
    link: Option<Url>,
) -> AcknowledgementSettings {
    AcknowledgementSettings { link, steps: steps(reader, root, ways) }
}

/// Where people reach this hub: what stands behind it in a letter is ours to add.
pub(super) fn link(text: &str) -> Result<Url, Refusal> {
    const HELP: &str = "write the address at which people reach this hub: https://linewatch.example/";
    let not_one = |why: &str| refusal(format!("{:?} {why}", shorten(text)), HELP);
    let Ok(mut url) = Url::parse(text.trim()) else { return not_one("is not a URL") };
    if !url.username().is_empty() || url.password().is_some() {
        return refusal("the address has a user name or password in it", HELP);
    }
    if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
        return not_one("is not the address of a page");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return not_one("goes on behind the path");
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

/// The same, from a command line.
pub fn parse_link(text: &str) -> Result<Url, String> {
    link(text).map_err(|refusal| format!("{}: {}", refusal.message, refusal.help))
}

fn steps(reader: &mut Reader<'_>, root: &Section<'_>, ways: &WaySettings) -> Vec<EscalationStep> {
    let mut steps: Vec<EscalationStep> = Vec::new();
    for section in sections(reader, root, "escalation", ESCALATION_STEPS_MAX) {
        section.refuse_unknown(reader, &["after", "to"]);
        let after = section.need(reader, "after", after);
        let to = recipients(reader, &section, root.has("mail"), ways);
        let (Some(after), Some(to)) = (after, to) else { continue };
        if steps.iter().any(|other| other.after == after.value) {
            reader.refuse(
                after.span,
                "there is another [[escalation]] after the same time",
                "put the people of both into one `to`, or let one of them wait for longer",
            );
            continue;
        }
        let (to, roles) = to;
        steps.push(EscalationStep { after: after.value, to, roles });
    }
    steps.sort_by_key(|step| step.after);
    steps
}

/// Addresses, and ids of roles. `None` after an error.
fn recipients(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    has_mail: bool,
    ways: &WaySettings,
) -> Option<(Vec<String>, Vec<String>)> {
    if !section.has("to") {
        section.missing(reader, "to");
        return None;
    }
    let named = section.text_or_texts(reader, "to")?;
    if named.is_empty() || named.len() > ESCALATION_TO_MAX {
        let span = section.raw("to").map_or(section.span, |to| to.span);
        let message = format!("`to` names {} people", named.len());
        reader.refuse(
            span,
            message,
            format!("name one to {ESCALATION_TO_MAX} e-mail addresses, or roles as \"role:on-call\""),
        );
        return None;
    }
    let (mut to, mut roles): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut all_good = true;
    let has_phone =
        |contact: &ContactSettings| contact.mobile.is_some() && contact.ways.contains(&ContactWay::Sms);
    for address in named {
        if let Some(named) = role_in(address, ways) {
            let Some(role) = role(reader, named, ways) else {
                all_good = false;
                continue;
            };
            let mut holders = ways.contacts.iter().filter(|contact| contact.roles.contains(&role));
            if !has_mail && !holders.any(has_phone) {
                reader.refuse(
                    address.span,
                    "nothing can be sent to whoever holds this role: there is no [mail], and none of them has a mobile",
                    "add [mail], or `mobile` and ways = [\"sms\"] to a [[contact]] with this role",
                );
                all_good = false;
            }
            if !roles.contains(&role) {
                roles.push(role);
            }
            continue;
        }
        let Some(address) = reader.judge("to", address, values::email) else {
            all_good = false;
            continue;
        };
        let is_same = |other: &str| other.eq_ignore_ascii_case(&address.value);
        let mut theirs = ways.contacts.iter().filter(|contact| is_same(&contact.email));
        if !has_mail && !theirs.any(has_phone) {
            reader.refuse(
                address.span,
                "nothing can be sent to this address: there is no [mail], and no [[contact]] with a mobile has it",
                "add [mail], or a [[contact]] with this `email`, a `mobile` and ways = [\"sms\"]",
            );
            all_good = false;
        }
        if !to.iter().any(|other| is_same(other)) {
            to.push(address.value);
        }
    }
    all_good.then_some((to, roles))
}

/// The role that is named, as it stands behind `role:`; also one that is named without it. `None`: it is to be an address.
fn role_in<'t>(
    named: Placed<&'t str>,
    ways: &WaySettings,
) -> Option<Result<Placed<&'t str>, Placed<&'t str>>> {
    let text = named.value.trim();
    if let Some(id) = text.strip_prefix(EscalationStep::ROLE).filter(|id| !id.contains('@')) {
        return Some(Ok(Placed { value: id.trim(), span: named.span }));
    }
    ways.roles.iter().any(|role| role.id == text).then_some(Err(named))
}

/// `None` after an error.
fn role(
    reader: &mut Reader<'_>,
    named: Result<Placed<&str>, Placed<&str>>,
    ways: &WaySettings,
) -> Option<String> {
    let written = |id: &str| format!("{:?}", format!("{}{id}", EscalationStep::ROLE));
    let known = ways.roles.iter().map(|role| role.id.as_str());
    let (named, help) = match named {
        Ok(named) if known.clone().any(|id| id == named.value) => return Some(named.value.to_owned()),
        Ok(named) => {
            let help = match reader.report.comparisons.nearest(named.value, known) {
                Some(near) => format!("did you mean {}?", written(near)),
                None => "write the `id` of a [[role]] behind \"role:\"".to_owned(),
            };
            (
                Placed {
                    value: format!("no [[role]] is called {:?}", shorten(named.value)),
                    span: named.span,
                },
                help,
            )
        }
        Err(bare) => {
            let message = format!("{:?} is a role, and `to` names addresses", shorten(bare.value));
            (Placed { value: message, span: bare.span }, format!("write {}", written(bare.value.trim())))
        }
    };
    reader.refuse(named.span, named.value, help);
    None
}

fn after(text: &str) -> Result<Duration, Refusal> {
    let after = values::duration(text)?;
    if after < ESCALATION_AFTER_MIN {
        return refusal(
            format!("{text:?} is too soon for anybody to have read and answered"),
            "write \"1m\" or more; \"15m\" is usual",
        );
    }
    if after > ESCALATION_AFTER_MAX {
        return refusal(format!("{text:?} is longer than any incident should wait"), "write \"7d\" or less");
    }
    Ok(after)
}
