//! `[[channel]]`, read: what notices leave by beside e-mail. Who gets them how is in `contacts.rs`.

use std::net::IpAddr;

use reqwest::Url;

use super::contacts::{There, contacts, pcns};
use super::estate_file::{Draft, sections};
use super::exercise::exercise;
use super::names::shorten;
use super::probes::{one_of, trust};
use super::reader::Reader;
use super::roles::{other_icbs, refuse_unheld, roles};
use super::secret::{self, Keys};
use super::section::Section;
use super::settings::{ChannelKind, ChannelSettings, WaySettings};
use super::values::{self, Refusal, refusal};
use crate::calendar::Hours;
use crate::estate::SharedSecret;
use crate::limits::CHANNELS_MAX;

const CHANNEL_KEYS: [&str; 10] = [
    "id",
    "kind",
    "url_file",
    "url_env",
    "secret_file",
    "secret_env",
    "template_id",
    "trust_file",
    "url",
    "secret",
];

/// Where a channel's messages are posted. Whoever knows a Teams workflow's address may post to it, so it is a secret.
const OF_URL: Keys = Keys {
    file: "url_file",
    variable: "url_env",
    itself: "url",
    example: "LINEWATCH_WEBHOOK_URL",
    must: "it must hold the address alone, on one line: https://…",
};

/// What a webhook's messages are signed with; GOV.UK Notify's API key.
const OF_SECRET: Keys = Keys {
    file: "secret_file",
    variable: "secret_env",
    itself: "secret",
    example: "LINEWATCH_WEBHOOK_SECRET",
    must: "it must hold the secret alone, on one line: openssl rand -hex 32 makes one; GOV.UK Notify's API key as Notify shows it",
};

pub(super) fn ways(
    reader: &mut Reader<'_>,
    root: &Section<'_>,
    draft: &Draft,
    core_hours: &Hours,
) -> WaySettings {
    let channels = channels(reader, root);
    let has_sms = channels.iter().any(|channel| matches!(channel.kind, ChannelKind::Sms { .. }));
    let pcns = pcns(reader, root, draft);
    let other_icbs = other_icbs(reader, root, draft);
    let roles = roles(reader, root, draft);
    let there = There { draft, pcns: &pcns, roles: &roles, other_icbs: &other_icbs };
    let errors = reader.report.count();
    let contacts = contacts(reader, root, &there, core_hours, has_sms);
    // Whoever has misspelt a role holds it.
    if reader.report.count() == errors {
        refuse_unheld(reader, root, &roles, &contacts);
    }
    let mail_service = root.table(reader, "mail").and_then(|mail| {
        let service = mail.text(reader, "service")?;
        if draft.service_names.position(service.value).is_some() {
            return Some(service.value.to_owned());
        }
        let message = format!("no service is called {:?}", shorten(service.value));
        reader.refuse(
            service.span,
            message,
            "name the [[service]] that is the practices' own e-mail by its id",
        );
        None
    });
    let exercise = exercise(reader, root, &channels);
    WaySettings { channels, contacts, pcns, roles, other_icbs, mail_service, exercise }
}

fn channels(reader: &mut Reader<'_>, root: &Section<'_>) -> Vec<ChannelSettings> {
    let mut channels: Vec<ChannelSettings> = Vec::new();
    for section in sections(reader, root, "channel", CHANNELS_MAX) {
        section.refuse_unknown(reader, &CHANNEL_KEYS);
        let Some(channel) = channel(reader, &section) else { continue };
        let is_second_sms = matches!(channel.kind, ChannelKind::Sms { .. })
            && channels.iter().any(|other| matches!(other.kind, ChannelKind::Sms { .. }));
        if channels.iter().any(|other| other.id == channel.id) || is_second_sms {
            let message = format!("there is another [[channel]] like {:?}", channel.id);
            reader.refuse(
                section.span,
                message,
                "give each an id of its own; there may be one of kind \"sms\"",
            );
            continue;
        }
        channels.push(channel);
    }
    channels
}

fn channel(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<ChannelSettings> {
    let id = section.need(reader, "id", values::id);
    let kinds = ["webhook", "alertmanager", "teams", "sms"];
    let kind = section.need(reader, "kind", |text| one_of(text, &kinds))?.value;
    let url = secret::shared(reader, section, &OF_URL);
    let url = match url {
        None if kind == "sms" && !section.has("url_file") && !section.has("url_env") => {
            Url::parse(GOV_UK_NOTIFY).ok()
        }
        None => {
            if !section.has("url_file") && !section.has("url_env") && !section.has("url") {
                section.missing(reader, "url_file");
            }
            None
        }
        Some(url) => match postable(&url) {
            Ok(url) => Some(url),
            Err(refusal) => {
                reader.refuse(section.span, refusal.message, refusal.help);
                None
            }
        },
    };
    let secret = secret::shared(reader, section, &OF_SECRET);
    if matches!(&*kind, "webhook" | "sms") && !section.has("secret_file") && !section.has("secret_env") {
        section.missing(reader, "secret_file");
    }
    let template = section.value(reader, "template_id", values::id);
    let kind = match &*kind {
        "webhook" => ChannelKind::Webhook { secret: secret? },
        "alertmanager" => ChannelKind::Alertmanager,
        "teams" => ChannelKind::Teams,
        _ => {
            if !section.has("template_id") {
                section.missing(reader, "template_id");
            }
            ChannelKind::Sms { api_key: secret?, template_id: template?.value }
        }
    };
    let trust_pem = section.text(reader, "trust_file").and_then(|name| trust(reader, name));
    Some(ChannelSettings { id: id?.value, kind, url: url?, trust_pem })
}

const GOV_UK_NOTIFY: &str = "https://api.notifications.service.gov.uk";

/// Encrypted, or on this machine. The error doesn't show the address.
fn postable(url: &SharedSecret) -> Result<Url, Refusal> {
    const HELP: &str = "it must be https://…, or http:// to this machine";
    let text = String::from_utf8_lossy(url.bytes());
    let Ok(url) = Url::parse(text.trim()) else {
        return refusal("what holds the channel's address doesn't hold a URL", HELP);
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host.parse::<IpAddr>().map_or(host == "localhost", |ip| ip.is_loopback());
    match url.scheme() {
        "https" if !host.is_empty() => Ok(url),
        "http" if is_here => Ok(url),
        _ => refusal("the channel's address would be spoken to in the clear, or isn't one", HELP),
    }
}
