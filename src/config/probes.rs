//! `[[probe]]`: what is asked, how often, and what is expected of the answer.

use std::time::Duration;

use super::errors::Placed;
use super::estate_file::{Draft, components_of, declare, sections};
use super::names::{Names, shorten};
use super::probe_kinds;
use super::questions;
use super::reader::Reader;
use super::section::Section;
use super::values::{self, refusal};
use super::web;
use crate::estate::{
    Ask, ComponentIx, HeartbeatAsk, HostPort, HttpAsk, IcmpAsk, NetworkIx, PracticeIx, Probe, ServiceIx,
    TcpAsk, UdpAsk, Vantage,
};
use crate::limits::{BEAT_EVERY_MAX, PROBE_EVERY_MAX, SERVICES_AND_PROBES_MAX};
use crate::observation::HUB;

/// Kinds that this version asks.
const KINDS_NOW: [&str; 17] = [
    "dns",
    "https",
    "http",
    "tcp",
    "udp",
    "icmp",
    "ntp",
    "sip",
    "sips",
    "smtp",
    "smtps",
    "ldap",
    "ldaps",
    "egress",
    "rtp",
    "heartbeat",
    "path",
];

/// Kinds that parse and replay, and that `run` refuses by name.
const KINDS_LATER: [&str; 11] =
    ["mtu", "dot", "doh", "imap", "pop3", "rdp", "smb", "kerberos", "tls", "snmp", "ssh"];

/// Keys that every probe has, or may have.
const COMMON_KEYS: [&str; 8] = ["id", "kind", "network", "service", "every", "timeout", "also", "resolver"];

pub(super) const RECORDS: [&str; 9] = ["A", "AAAA", "CNAME", "MX", "NS", "TXT", "SRV", "PTR", "SOA"];
pub(super) const RCODES: [&str; 4] = ["noerror", "nxdomain", "servfail", "refused"];

/// Longest text that a probe sends or expects, in bytes: one datagram that no path cuts up.
const PAYLOAD_BYTES_MAX: usize = 1200;
/// Redirects that a probe may be told to follow.
const REDIRECTS_MAX: i64 = 10;
/// Redirects that it follows unless told otherwise: one to https, one to www, one to a log-in page.
const REDIRECTS: u8 = 3;
/// Echoes of one check at most: more is a load, not a check.
const ECHOES_MAX: i64 = 20;
const ECHOES: u8 = 3;
/// More loss than this is a failure unless told otherwise.
const LOSS_MAX: f64 = 0.5;

pub(super) fn probes(reader: &mut Reader<'_>, root: &Section<'_>, draft: &mut Draft) {
    let mut names = Names::new("probe");
    if !root.has("probe") {
        reader.refuse(
            super::Span::default(),
            "there is no [[probe]]",
            "add one with an id, kind, network, every, timeout and target",
        );
    }
    for section in sections(reader, root, "probe", SERVICES_AND_PROBES_MAX) {
        if let Some(probe) = probe(reader, &section, draft, &mut names) {
            draft.probes.push(probe);
        }
    }
}

fn probe(reader: &mut Reader<'_>, section: &Section<'_>, draft: &Draft, names: &mut Names) -> Option<Probe> {
    let id = declare(reader, names, section);
    let network =
        section.need_text(reader, "network").and_then(|network| draft.network_names.find(reader, network));
    let service = match section.text(reader, "service") {
        Some(service) => Some(draft.service_names.find(reader, service)?),
        None => None,
    };
    let times = times(reader, section);
    let also = section.texts(reader, "also").unwrap_or_default();
    let also = components_of(reader, &draft.component_names, &also);
    let named = section.text(reader, "resolver").and_then(|id| draft.component_names.find(reader, id));
    let kind = section.need_text(reader, "kind").and_then(|kind| known_kind(reader, kind));
    let timeout = times.map(|(_, timeout)| timeout);
    let (ask, used) = ask(reader, section, draft, kind?, timeout)?;
    let (every, timeout) = times?;
    Some(Probe {
        id: id?,
        network: NetworkIx::new(network?),
        service: service.map(ServiceIx::new),
        every,
        timeout,
        also,
        resolver: named.map(ComponentIx::new).or(used),
        ask,
    })
}

fn known_kind<'t>(reader: &mut Reader<'_>, kind: Placed<&'t str>) -> Option<&'t str> {
    let known = || KINDS_NOW.into_iter().chain(KINDS_LATER);
    if known().any(|other| other == kind.value) {
        return Some(kind.value);
    }
    let help = match reader.report.comparisons.nearest(kind.value, known()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("kinds of probe: {}", known().collect::<Vec<_>>().join(", ")),
    };
    reader.refuse(kind.span, format!("`kind`: {:?} is not a kind of probe", shorten(kind.value)), help);
    None
}

/// `every` and `timeout`, each sensible, and sensible together.
fn times(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<(Duration, Duration)> {
    let passive = section.raw("kind").is_some_and(|kind| kind.value.as_str() == Some("heartbeat"));
    let every = section.need(reader, "every", |text| {
        let every = values::duration(text)?;
        if every < Duration::from_secs(1) {
            return refusal(format!("{text:?} is under a second"), "write \"1s\" or more; \"30s\" is usual");
        }
        if passive {
            return if every > BEAT_EVERY_MAX {
                refusal(format!("{text:?} is longer than a month"), "write \"31d\" or less")
            } else {
                Ok(every)
            };
        }
        if every > PROBE_EVERY_MAX {
            return refusal(format!("{text:?} is longer than a day"), "write \"24h\" or less");
        }
        Ok(every)
    });
    let timeout = section.need(reader, "timeout", |text| {
        let timeout = values::duration(text)?;
        if timeout.is_zero() {
            return refusal("a check with no time can't succeed", "write \"5s\", or whatever suits");
        }
        Ok((timeout, text.to_owned()))
    });
    let (every, timeout) = (every?, timeout?);
    let (span, (timeout, text)) = (timeout.span, timeout.value);
    if timeout > every.value {
        reader.refuse(
            span,
            format!(
                "`timeout`: {text:?} is longer than `every`, so a check would still run when the next begins"
            ),
            "make `timeout` shorter, or `every` longer",
        );
        return None;
    }
    Some((every.value, timeout))
}

/// Whose work each heartbeat is, once the practices are known.
pub(super) fn only(reader: &mut Reader<'_>, root: &Section<'_>, draft: &mut Draft) {
    for section in root.tables(reader, "probe") {
        if !section.has("only")
            || section.raw("kind").is_none_or(|kind| kind.value.as_str() != Some("heartbeat"))
        {
            continue;
        }
        let Some(names) = section.text_or_texts(reader, "only") else { continue };
        if let (Some(value), true) = (section.raw("only"), names.is_empty()) {
            reader.refuse(
                value.span,
                "`only` is empty, so nobody's work is waited for",
                "name practices, or leave it out",
            );
        }
        let mut only = Vec::new();
        for name in names {
            let from = if name.value == HUB {
                Some(Vantage::Hub)
            } else {
                draft.practice_names.find(reader, name).map(|ix| Vantage::Practice(PracticeIx::new(ix)))
            };
            only.extend(from.filter(|from| !only.contains(from)));
        }
        let id = section.raw("id").and_then(|id| id.value.as_str());
        let probe = draft.probes.iter_mut().find(|probe| Some(probe.id.as_str()) == id);
        if let Some(Ask::Heartbeat(work)) = probe.map(|probe| &mut probe.ask) {
            work.only = Some(only);
        }
    }
}

/// What is asked, and the resolver component that it uses by name or address.
fn ask(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    draft: &Draft,
    kind: &str,
    timeout: Option<Duration>,
) -> Option<(Ask, Option<ComponentIx>)> {
    let mut known = COMMON_KEYS.to_vec();
    let own: &[&str] = match kind {
        "dns" => questions::KEYS,
        "https" => &[
            "url",
            "expect_status",
            "expect_body",
            "certificate_days",
            "trust_file",
            "redirects",
            "connect",
            "name_server",
        ],
        "http" => &["url", "expect_status", "expect_body", "redirects", "connect", "name_server"],
        "ntp" => &probe_kinds::NTP_KEYS,
        "sip" => &probe_kinds::SIP_KEYS,
        "sips" => &probe_kinds::SIPS_KEYS,
        "smtp" => &probe_kinds::SMTP_KEYS,
        "smtps" => &probe_kinds::SMTPS_KEYS,
        "ldap" => &["target"],
        "ldaps" => &probe_kinds::LDAPS_KEYS,
        "tcp" | "udp" => &["target", "send", "expect"],
        "icmp" => &["target", "count", "loss_max"],
        "egress" => &super::egress::KEYS,
        "rtp" => &super::rtp::KEYS,
        "heartbeat" => {
            known.extend(["target", "only"]);
            section.refuse_unknown_but(reader, &known, |key| key.starts_with("expect"));
            let target = section.need(reader, "target", values::line);
            // Practices and `[hub]` aren't read yet: see `only` below, and `settings_file` for the secret.
            return Some((
                Ask::Heartbeat(HeartbeatAsk { target: target?.value, only: None, secret: None }),
                None,
            ));
        }
        "path" => &probe_kinds::PATH_KEYS,
        _ => {
            known.push("target");
            // What later kinds expect of an answer is theirs to define.
            section.refuse_unknown_but(reader, &known, |key| key.starts_with("expect"));
            let target = section.need(reader, "target", values::host_port)?;
            let target = target.value.to_string();
            return Some((Ask::Later { kind: kind.to_owned(), target }, None));
        }
    };
    known.extend(own);
    if matches!(kind, "http" | "https") {
        known.extend(web::KEYS);
    }
    if kind == "https" {
        known.extend(web::TLS_KEYS);
    }
    section.refuse_unknown(reader, &known);
    match kind {
        "dns" => questions::dns(reader, section, draft),
        "http" | "https" => http(reader, section, draft, kind),
        "egress" => Some((super::egress::ask(reader, section, timeout)?, None)),
        "rtp" => Some((super::rtp::ask(reader, section, timeout)?, None)),
        "tcp" => {
            let target = section.need(reader, "target", values::host_port);
            let send = section.value(reader, "send", payload).map(|send| send.value);
            let expect = section.value(reader, "expect", payload).map(|expect| expect.value);
            Some((Ask::Tcp(TcpAsk { target: target?.value, send, expect }), None))
        }
        "ntp" | "sip" | "sips" | "smtp" | "smtps" | "ldap" | "ldaps" => {
            Some((probe_kinds::ask(reader, section, kind)?, None))
        }
        "path" => Some((probe_kinds::path(reader, section)?, None)),
        "udp" => {
            let target = section.need(reader, "target", values::host_port);
            let send = section.value(reader, "send", payload);
            let expect = section.value(reader, "expect", payload);
            let send = send.map_or_else(|| "linewatch".to_owned(), |send| send.value);
            let expect = expect.map(|expect| expect.value);
            Some((Ask::Udp(UdpAsk { target: target?.value, send, expect }), None))
        }
        _ => {
            let host = section.need(reader, "target", |text| match values::host_port(text) {
                Ok(both) => refusal(
                    format!("{text:?} has a port, and icmp has none"),
                    format!("write {:?}", both.host),
                ),
                Err(_) => values::host(text),
            });
            let count = section.integer(reader, "count", 1..=ECHOES_MAX);
            let loss = section.number(reader, "loss_max", 0.0..=1.0);
            let count = count.and_then(|count| u8::try_from(count.value).ok()).unwrap_or(ECHOES);
            let loss_max = loss.map_or(LOSS_MAX, |loss| loss.value);
            Some((Ask::Icmp(IcmpAsk { host: host?.value, count, loss_max }), None))
        }
    }
}

/// A name server that is a declared component, by its id or by its `address`, takes part in the path. Named
/// by id, it is asked at its `address`, if it gives one.
pub(super) fn resolver(draft: &Draft, server: HostPort) -> (HostPort, Option<ComponentIx>) {
    if let Some(position) = draft.component_names.position(&server.host) {
        let ix = ComponentIx::new(position);
        let host = draft.addresses.get(&ix).cloned().unwrap_or(server.host);
        return (HostPort { host, port: server.port }, Some(ix));
    }
    let ix = draft.by_address.get(&server.host).copied();
    (server, ix)
}

fn http(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    draft: &Draft,
    scheme: &str,
) -> Option<(Ask, Option<ComponentIx>)> {
    let url = section.need(reader, "url", |text| values::url(text, scheme));
    let statuses = section.integers(reader, "expect_status", 100..=599).unwrap_or_default();
    let body = section.value(reader, "expect_body", payload);
    let days = section.integer(reader, "certificate_days", 0..=3650);
    let trust_pem = section.text(reader, "trust_file").and_then(|name| trust(reader, name));
    let redirects = section.integer(reader, "redirects", 0..=REDIRECTS_MAX);
    let connect = section.value(reader, "connect", values::host_port);
    let name_server = section.value(reader, "name_server", values::host_port);
    let (name_server, used) = match name_server.map(|server| resolver(draft, server.value)) {
        Some((server, used)) => (Some(server), used),
        None => (None, None),
    };
    if let (Some(connect), true) = (&connect, name_server.is_some()) {
        reader.refuse(
            connect.span,
            "with `connect` no name is looked up, so `name_server` has no use",
            "leave one of the two out",
        );
    }
    let mut ask = HttpAsk {
        url: url?.value,
        tls: scheme == "https",
        expect_status: statuses.iter().filter_map(|status| u16::try_from(status.value).ok()).collect(),
        expect_body: body.map(|body| body.value),
        certificate_days_min: days.and_then(|days| u32::try_from(days.value).ok()),
        trust_pem,
        redirects_max: redirects.and_then(|most| u8::try_from(most.value).ok()).unwrap_or(REDIRECTS),
        connect_to: connect.map(|connect| connect.value),
        name_server,
        ..HttpAsk::default()
    };
    web::extend(reader, section, &mut ask);
    Some((Ask::Http(ask), used))
}

/// The certificates of a PEM file, read.
pub(super) fn trust(reader: &mut Reader<'_>, name: Placed<&str>) -> Option<String> {
    certificates(reader, "trust_file", name)
}

/// The same, named by another key.
pub(super) fn certificates(reader: &mut Reader<'_>, key: &str, name: Placed<&str>) -> Option<String> {
    let pem = super::side_file(reader, key, name)?;
    if pem.contains("-----BEGIN CERTIFICATE-----") {
        return Some(pem);
    }
    reader.refuse(
        name.span,
        format!("`{key}`: {:?} has no certificate in it", shorten(name.value)),
        "it must be PEM, with a line -----BEGIN CERTIFICATE-----",
    );
    None
}

pub(super) fn payload(text: &str) -> Result<String, values::Refusal> {
    if text.is_empty() {
        return refusal("it is empty", "write a text, or leave the key out");
    }
    if text.len() > PAYLOAD_BYTES_MAX {
        return refusal("it is too long", format!("{PAYLOAD_BYTES_MAX} bytes at most"));
    }
    Ok(text.to_owned())
}

/// One of a few words; capitals don't matter.
pub(super) fn one_of(text: &str, words: &[&str]) -> Result<String, values::Refusal> {
    match words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
        Some(word) => Ok((*word).to_owned()),
        None => refusal(
            format!("{:?} is none of the words that it can be", shorten(text)),
            format!("write one of {}", words.join(", ")),
        ),
    }
}
