//! `[mail]` and its relays, read.

use std::net::IpAddr;

use secrecy::SecretString;
use toml::de::DeValue;

use super::errors::Placed;
use super::estate_file::Draft;
use super::names::shorten;
use super::probes::{one_of, trust};
use super::reader::Reader;
use super::section::Section;
use super::settings::{MailSecurity, MailSettings, Rates, RelaySettings};
use super::side_file;
use super::values;
use crate::limits::{RELAY_PER_DAY, RELAY_PER_MINUTE, RELAY_RATE_MAX, RELAYS_MAX};

/// Keys of `[mail]` itself.
const MAIL_KEYS: [&str; 4] = ["relay", "from", "staff", "service"];

/// Keys of a relay, beside its host: in `[[mail.relay]]`, or in `[mail]` where `relay` is the host.
const RELAY_KEYS: [&str; 9] = [
    "port",
    "security",
    "user",
    "password_file",
    "password_env",
    "trust_file",
    "network",
    "per_minute",
    "per_day",
];

pub(super) fn mail(reader: &mut Reader<'_>, root: &Section<'_>, draft: &Draft) -> Option<MailSettings> {
    let section = root.table(reader, "mail")?;
    let relays = relays(reader, &section, draft);
    let from = section.need(reader, "from", values::mailbox);
    if !section.has("staff") {
        section.missing(reader, "staff");
    }
    let staff = section.text_or_texts(reader, "staff");
    if let (Some([]), Some(value)) = (staff.as_deref(), section.raw("staff")) {
        reader.refuse(value.span, "`staff` is empty", "name a service desk, at least: it gets the evidence");
    }
    let mut desk: Vec<String> = Vec::new();
    for address in staff.unwrap_or_default() {
        if let Some(address) = reader.judge("staff", address, values::email)
            && !desk.contains(&address.value)
        {
            desk.push(address.value);
        }
    }
    Some(MailSettings { from: from?.value, staff: desk, relays: relays? })
}

/// The one that `[mail]` names itself, or each `[[mail.relay]]`. `None` after an error.
fn relays(reader: &mut Reader<'_>, mail: &Section<'_>, draft: &Draft) -> Option<Vec<RelaySettings>> {
    let is_list = mail.raw("relay").is_some_and(|relay| !matches!(relay.value, DeValue::String(_)));
    if !is_list {
        let known: Vec<&str> = MAIL_KEYS.into_iter().chain(RELAY_KEYS).collect();
        mail.refuse_unknown_but(reader, &known, |key| key == "password");
        let host = mail.need(reader, "relay", values::host);
        return Some(vec![relay(reader, mail, draft, host)?]);
    }
    // Where there are several, whose port or password would it be?
    mail.refuse_unknown_but(reader, &MAIL_KEYS, |key| key == "password" || RELAY_KEYS.contains(&key));
    for (key, _) in mail.entries() {
        if RELAY_KEYS.contains(&key.value) || key.value == "password" {
            let message = format!("`{}` of [mail] belongs to one of its relays", key.value);
            reader.refuse(key.span, message, "move it below the [[mail.relay]] that it is for");
        }
    }
    let sections = mail.tables(reader, "relay");
    if sections.is_empty() || sections.len() > RELAYS_MAX {
        if let Some(relays) = mail.raw("relay") {
            let message = format!("[mail] has {} relays", sections.len());
            reader.refuse(relays.span, message, format!("name one to {RELAYS_MAX}"));
        }
        return None;
    }
    let mut relays: Vec<RelaySettings> = Vec::new();
    let mut all_good = true;
    for section in sections {
        let known: Vec<&str> = std::iter::once("host").chain(RELAY_KEYS).collect();
        section.refuse_unknown_but(reader, &known, |key| key == "password");
        let host = section.need(reader, "host", values::host);
        let Some(relay) = relay(reader, &section, draft, host) else {
            all_good = false;
            continue;
        };
        if relays.iter().any(|other| other.name() == relay.name()) {
            let message = format!("{} is named twice", relay.name());
            reader.refuse(section.span, message, "name each relay once: it has one allowance and one health");
        }
        relays.push(relay);
    }
    all_good.then_some(relays)
}

fn relay(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    draft: &Draft,
    host: Option<Placed<String>>,
) -> Option<RelaySettings> {
    if let Some((key, _)) = section.entries().into_iter().find(|(key, _)| key.value == "password") {
        reader.refuse(
            key.span,
            "a password doesn't belong in this file, which others may read",
            "put it into a file that only linewatch can read and write password_file = \"…\", or into an environment variable and write password_env = \"LINEWATCH_MAIL_PASSWORD\"",
        );
    }
    let security = section.value(reader, "security", |text| one_of(text, &["starttls", "tls", "plain"]));
    let security = match security.as_ref().map(|word| word.value.as_str()) {
        Some("tls") => MailSecurity::Tls,
        Some("plain") => MailSecurity::Plain,
        _ => MailSecurity::StartTls,
    };
    let port = section.integer(reader, "port", 1..=65535);
    let port = port.and_then(|port| u16::try_from(port.value).ok()).unwrap_or(security.port());
    let user = section.value(reader, "user", values::line);
    let password = password(reader, section);
    if let (Some(user), false) =
        (&user, section.has("password_file") || section.has("password_env") || section.has("password"))
    {
        reader.refuse(
            user.span,
            "there is a user, but no password",
            "add password_file = \"…\" or password_env = \"…\", or leave the user out",
        );
    }
    if let (Some(_), None, false) = (&password, &user, section.has("user")) {
        section.missing(reader, "user");
    }
    if let (Some(user), MailSecurity::Plain, Some(host)) = (&user, security, &host)
        && !is_loopback(&host.value)
    {
        reader.refuse(
            user.span,
            "with security = \"plain\" the password would travel unencrypted",
            "write security = \"starttls\" or \"tls\", or leave the user out",
        );
    }
    let trust_pem = section.text(reader, "trust_file").and_then(|name| trust(reader, name));
    let network = section.text(reader, "network").and_then(|id| network(reader, draft, id));
    let rates = rates(reader, section, host.as_ref().is_some_and(|host| is_loopback(&host.value)));
    Some(RelaySettings {
        host: host?.value,
        port,
        security,
        user: user.map(|user| user.value),
        password,
        trust_pem,
        network,
        rates,
    })
}

fn network(reader: &mut Reader<'_>, draft: &Draft, id: Placed<&str>) -> Option<String> {
    if draft.network_names.position(id.value).is_some() {
        return Some(id.value.to_owned());
    }
    let near = reader.report.comparisons.nearest(id.value, draft.network_names.ids());
    let help = match near {
        Some(near) => format!("did you mean {near:?}?"),
        None => "name a [[network]] by its id".to_owned(),
    };
    reader.refuse(id.span, format!("no network is called {:?}", shorten(id.value)), help);
    None
}

/// What providers usually take, unless something else is said. A mail server on this machine queues by itself, and knows
/// its provider better.
fn rates(reader: &mut Reader<'_>, section: &Section<'_>, is_here: bool) -> Rates {
    let mut rate = |key: &str, usual: u32| match section.integer(reader, key, 0..=RELAY_RATE_MAX) {
        // Nought: no limit. What is out of range has been refused.
        Some(rate) => u32::try_from(rate.value).ok().filter(|rate| *rate > 0),
        None => (!is_here).then_some(usual),
    };
    Rates { per_minute: rate("per_minute", RELAY_PER_MINUTE), per_day: rate("per_day", RELAY_PER_DAY) }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn password(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<SecretString> {
    let file = section.text(reader, "password_file");
    let variable = section.text(reader, "password_env");
    if let (Some(_), Some(variable)) = (file, variable) {
        reader.refuse(variable.span, "the password is named twice", "keep password_file or password_env");
        return None;
    }
    let (text, place, key) = if let Some(name) = file {
        (side_file(reader, "password_file", name)?, name, "password_file")
    } else {
        let name = variable?;
        let Ok(text) = std::env::var(name.value) else {
            let message = format!("`password_env`: {:?} is not set", shorten(name.value));
            reader.refuse(name.span, message, "set this environment variable, or use password_file");
            return None;
        };
        (text, name, "password_env")
    };
    let word = text.trim_end_matches(['\n', '\r']);
    if word.is_empty() || word.contains(['\n', '\r']) {
        let message = format!("`{key}`: what {:?} holds is not a password", shorten(place.value));
        reader.refuse(place.span, message, "it must hold the password alone, on one line");
        return None;
    }
    Some(SecretString::from(word))
}
