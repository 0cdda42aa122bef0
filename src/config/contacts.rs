//! `[[contact]]` and `[[pcn]]`, read: by what somebody is reached, at which hours, of what, what they look after, and which roles they
//! hold (`roles.rs`).

use std::collections::BTreeSet;

use jiff::civil::Weekday;
use toml::de::DeValue;

use super::errors::Placed;
use super::estate_file::{Draft, declare, sections};
use super::names::{Names, shorten};
use super::probes::one_of;
use super::reader::{Reader, described};
use super::report_file::{DAYS, clock_time};
use super::section::{Section, section};
use super::settings::{ContactSettings, ContactWay, OtherIcb, Pcn, RoleSettings};
use super::values::{self, Refusal, refusal};
use crate::calendar::Hours;
use crate::limits::CONFIG_LIST_MAX;
use crate::notify::policy::routing::Terms;
use crate::notify::policy::severity::Severity;

const CONTACT_KEYS: [&str; 11] = [
    "email",
    "name",
    "mobile",
    "ways",
    "hours",
    "min_severity",
    "quiet_unless",
    "pcn",
    "owner",
    "role",
    "icb",
];

/// What a contact may name.
pub(super) struct There<'a> {
    pub draft: &'a Draft,
    pub pcns: &'a [Pcn],
    pub roles: &'a [RoleSettings],
    pub other_icbs: &'a [OtherIcb],
}

pub(super) fn pcns(reader: &mut Reader<'_>, root: &Section<'_>, draft: &Draft) -> Vec<Pcn> {
    let mut names = Names::new("pcn");
    let mut pcns = Vec::new();
    for section in sections(reader, root, "pcn", CONFIG_LIST_MAX) {
        section.refuse_unknown(reader, &["id", "name", "practices"]);
        let id = declare(reader, &mut names, &section);
        let name = section.need(reader, "name", values::line);
        if !section.has("practices") {
            section.missing(reader, "practices");
        }
        let mut practices = BTreeSet::new();
        for practice in section.text_or_texts(reader, "practices").unwrap_or_default() {
            if draft.practice_names.find(reader, practice).is_some() {
                practices.insert(practice.value.to_owned());
            }
        }
        if let (Some(id), Some(name)) = (id, name) {
            pcns.push(Pcn { id, name: name.value, practices: practices.into_iter().collect() });
        }
    }
    pcns
}

/// `has_sms`: there is a channel of that kind.
pub(super) fn contacts(
    reader: &mut Reader<'_>,
    root: &Section<'_>,
    there: &There<'_>,
    core_hours: &Hours,
    has_sms: bool,
) -> Vec<ContactSettings> {
    let mut contacts: Vec<ContactSettings> = Vec::new();
    for section in sections(reader, root, "contact", CONFIG_LIST_MAX) {
        section.refuse_unknown(reader, &CONTACT_KEYS);
        let email = section.need(reader, "email", values::email);
        let name = section.value(reader, "name", values::line);
        let mobile = section.value(reader, "mobile", mobile);
        let ways = ways(reader, &section);
        let terms = terms(reader, &section, core_hours);
        let looks_after = looked_after(reader, &section, there.draft, there.pcns);
        let (roles, icbs) = held(reader, &section, there);
        let Some(email) = email else { continue };
        if ways.contains(&ContactWay::Sms) {
            missing_for_sms(reader, &section, has_sms);
        }
        if contacts.iter().any(|other| other.email.eq_ignore_ascii_case(&email.value)) {
            reader.refuse(email.span, "there is another [[contact]] with this address", "put both into one");
            continue;
        }
        let ways = if ways.is_empty() { vec![ContactWay::Email] } else { ways };
        let (pcns, owners) = looks_after;
        let (email, name) = (email.value, name.map(|name| name.value));
        let mobile = mobile.map(|mobile| mobile.value);
        contacts.push(ContactSettings { email, name, mobile, ways, terms, pcns, owners, roles, icbs });
    }
    contacts
}

fn ways(reader: &mut Reader<'_>, section: &Section<'_>) -> Vec<ContactWay> {
    let mut ways = Vec::new();
    for word in section.text_or_texts(reader, "ways").unwrap_or_default() {
        let way = match reader.judge("ways", word, |text| one_of(text, &["email", "sms"])) {
            Some(way) if way.value == "sms" => ContactWay::Sms,
            Some(_) => ContactWay::Email,
            None => continue,
        };
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    ways
}

fn terms(reader: &mut Reader<'_>, section: &Section<'_>, core_hours: &Hours) -> Terms {
    let hours = hours(reader, section, core_hours);
    let min_severity = section.value(reader, "min_severity", severity).map(|least| least.value);
    let unless = section.value(reader, "quiet_unless", severity_or_never);
    if let (Some(unless), false) = (&unless, section.has("hours")) {
        reader.refuse(
            unless.span,
            "`quiet_unless` has nothing to break: this contact is written to at any hour",
            "add hours = \"working\", or take `quiet_unless` out",
        );
    }
    Terms {
        hours,
        min_severity: min_severity.unwrap_or_default(),
        quiet_unless: unless.map_or(Some(Severity::Critical), |unless| unless.value),
    }
}

pub(super) fn severity(text: &str) -> Result<Severity, Refusal> {
    let words = Severity::ALL.map(Severity::as_str);
    let word = one_of(text, &words)?;
    Ok(Severity::ALL.into_iter().find(|severity| severity.as_str() == word).unwrap_or_default())
}

fn severity_or_never(text: &str) -> Result<Option<Severity>, Refusal> {
    if text.eq_ignore_ascii_case("never") {
        return Ok(None);
    }
    match severity(text) {
        Ok(least) => Ok(Some(least)),
        Err(Refusal { message, help }) => refusal(message, format!("{help}, or never")),
    }
}

/// `"working"`, or `{ days = "mon-fri", from = "08:00", until = "18:30", holidays = false }`.
fn hours(reader: &mut Reader<'_>, contact: &Section<'_>, core_hours: &Hours) -> Option<Hours> {
    const HELP: &str = "write hours = \"working\" (the core hours of [report]), or hours = { days = \"mon-fri\", from = \"08:00\", until = \"18:30\" }";
    let value = contact.raw("hours")?;
    if let DeValue::String(word) = value.value {
        if word.eq_ignore_ascii_case("working") {
            return Some(core_hours.clone());
        }
        reader.refuse(value.span, format!("`hours`: {:?} is none that linewatch knows", shorten(word)), HELP);
        return None;
    }
    let span = value.span;
    let Some(table) = section(value, "`hours`".to_owned()) else {
        reader.refuse(span, format!("`hours` is {}", described(value.value)), HELP);
        return None;
    };
    table.refuse_unknown(reader, &["days", "from", "until", "holidays"]);
    if !table.has("from") || !table.has("until") {
        reader.refuse(span, "`hours` need `from` and `until`", HELP);
        return None;
    }
    let days = days(reader, &table);
    let from = table.need(reader, "from", clock_time);
    let until = table.need(reader, "until", clock_time);
    let on_holidays = table.boolean(reader, "holidays").is_some_and(|on| on.value);
    let (from, until) = (from?, until?);
    if from.value == until.value {
        reader.refuse(
            until.span,
            "`hours` end when they begin",
            "leave `hours` out for any hour; until = \"00:00\" is the end of the day",
        );
        return None;
    }
    let also_off = core_hours.also_off.clone();
    Some(Hours { days: days?, from: from.value, until: until.value, on_holidays, also_off })
}

/// `"mon-fri"`, `"sat"`, or a list of either; all days where there is none.
fn days(reader: &mut Reader<'_>, table: &Section<'_>) -> Option<Vec<Weekday>> {
    if !table.has("days") {
        return Some(DAYS.map(|(_, day)| day).to_vec());
    }
    let mut named = Vec::new();
    let texts = table.text_or_texts(reader, "days")?;
    let Some(first) = texts.first().copied() else {
        if let Some(value) = table.raw("days") {
            reader.refuse(
                value.span,
                "`days` is empty: nobody would ever be written to",
                "name a day, or leave it out",
            );
        }
        return None;
    };
    for text in texts {
        named.extend(reader.judge("days", text, day_or_days)?.value);
    }
    let days: Vec<Weekday> = DAYS.iter().map(|(_, day)| *day).filter(|day| named.contains(day)).collect();
    if days.is_empty() {
        reader.refuse(first.span, "`days` names none", "write days = \"mon-fri\"");
        return None;
    }
    Some(days)
}

fn day_or_days(text: &str) -> Result<Vec<Weekday>, Refusal> {
    let words = DAYS.map(|(word, _)| word);
    let place = |text: &str| {
        let word = one_of(text.trim(), &words);
        word.map(|word| words.iter().position(|other| *other == word).unwrap_or(0))
    };
    let Some((first, last)) = text.split_once(['-', '–']) else {
        return place(text).map(|at| vec![DAYS[at].1]);
    };
    let (first, last) = (place(first)?, place(last)?);
    // From Saturday to Monday goes round the end of the week.
    let count = (last + DAYS.len() - first) % DAYS.len() + 1;
    Ok(DAYS.iter().cycle().skip(first).take(count).map(|(_, day)| *day).collect())
}

/// Primary care networks by id, and owners by name.
fn looked_after(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    draft: &Draft,
    pcns: &[Pcn],
) -> (Vec<String>, Vec<String>) {
    let mut of_pcns = Vec::new();
    for id in section.text_or_texts(reader, "pcn").unwrap_or_default() {
        let known = pcns.iter().map(|pcn| pcn.id.as_str());
        known_or_refused(reader, id, "[[pcn]]", known, &mut of_pcns);
    }
    let mut owners = Vec::new();
    for name in section.text_or_texts(reader, "owner").unwrap_or_default() {
        let known = draft.components.iter().filter_map(|component| component.owner.as_deref());
        known_or_refused(reader, name, "`owner` of a [[component]]", known, &mut owners);
    }
    (of_pcns, owners)
}

/// Roles by id, and the ICBs for which they are held by code.
fn held(reader: &mut Reader<'_>, section: &Section<'_>, there: &There<'_>) -> (Vec<String>, Vec<String>) {
    let mut roles = Vec::new();
    for id in section.text_or_texts(reader, "role").unwrap_or_default() {
        let known = there.roles.iter().map(|role| role.id.as_str());
        known_or_refused(reader, id, "[[role]]", known, &mut roles);
    }
    let mut icbs = Vec::new();
    for code in section.text_or_texts(reader, "icb").unwrap_or_default() {
        let own = there.draft.icb.iter().map(|icb| icb.code.as_str());
        let known = own.chain(there.other_icbs.iter().map(|icb| icb.code.as_str()));
        known_or_refused(reader, code, "[icb] or [[other_icb]]", known, &mut icbs);
    }
    if let (Some(icb), false) = (section.raw("icb"), section.has("role")) {
        reader.refuse(
            icb.span,
            "`icb` says for whom a role is held, and this contact holds none",
            "add role = \"…\", or take `icb` out",
        );
    }
    (roles, icbs)
}

fn known_or_refused<'a>(
    reader: &mut Reader<'_>,
    name: Placed<&str>,
    what: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    found: &mut Vec<String>,
) {
    if known.clone().any(|other| other == name.value) {
        if !found.iter().any(|other| other == name.value) {
            found.push(name.value.to_owned());
        }
        return;
    }
    let help = match reader.report.comparisons.nearest(name.value, known) {
        Some(near) => format!("did you mean {near:?}?"),
        None => "write it as it is declared there".to_owned(),
    };
    reader.refuse(name.span, format!("no {what} is called {:?}", shorten(name.value)), help);
}

fn missing_for_sms(reader: &mut Reader<'_>, section: &Section<'_>, has_sms: bool) {
    if !section.has("mobile") {
        section.missing(reader, "mobile");
    }
    if !has_sms {
        let at: Option<Placed<_>> = section.raw("ways");
        let span = at.map_or(section.span, |ways| ways.span);
        reader.refuse(
            span,
            "there is no [[channel]] of kind \"sms\"",
            "add one, or take \"sms\" out of `ways`",
        );
    }
}

/// `07700 900001` or `+44 7700 900001`
fn mobile(text: &str) -> Result<String, Refusal> {
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')')).collect();
    let number = digits.strip_prefix('+').unwrap_or(&digits);
    if (9..=15).contains(&number.len()) && number.chars().all(|c| c.is_ascii_digit()) {
        return Ok(digits);
    }
    refusal(format!("{:?} is not a telephone number", shorten(text)), "write 07700 900001 or +44 7700 900001")
}
