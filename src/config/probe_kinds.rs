//! `[[probe]]` of the kinds that ask one thing of one server: time, telephony, mail, directory.

use super::probes::{one_of, payload, trust};
use super::reader::Reader;
use super::section::Section;
use super::values::{self, refusal};
use crate::estate::{Ask, HostPort, LdapAsk, NtpAsk, PathAsk, SipAsk, SmtpAsk, SmtpTls, TlsAsk, TlsPeer};

pub(super) const NTP_KEYS: [&str; 3] = ["target", "offset_max", "stratum_max"];
pub(super) const SIP_KEYS: [&str; 3] = ["target", "transport", "expect_status"];
pub(super) const SIPS_KEYS: [&str; 5] =
    ["target", "expect_status", "tls_name", "trust_file", "certificate_days"];
pub(super) const SMTP_KEYS: [&str; 6] =
    ["target", "starttls", "expect", "tls_name", "trust_file", "certificate_days"];
pub(super) const SMTPS_KEYS: [&str; 5] = ["target", "expect", "tls_name", "trust_file", "certificate_days"];
pub(super) const LDAPS_KEYS: [&str; 4] = ["target", "tls_name", "trust_file", "certificate_days"];

pub(super) const PATH_KEYS: [&str; 2] = ["target", "through"];

/// 16 means "not synchronised".
const STRATUM_MAX: u8 = 15;

/// `kind`: one of those whose keys stand above.
pub(super) fn ask(reader: &mut Reader<'_>, section: &Section<'_>, kind: &str) -> Option<Ask> {
    let target = section.need(reader, "target", values::host_port);
    Some(match kind {
        "ntp" => {
            let offset_max = section.value(reader, "offset_max", values::duration);
            let stratum_max = section.integer(reader, "stratum_max", 1..=i64::from(STRATUM_MAX));
            Ask::Ntp(NtpAsk {
                target: target?.value,
                offset_max: offset_max.map(|offset| offset.value),
                stratum_max: stratum_max
                    .and_then(|most| u8::try_from(most.value).ok())
                    .unwrap_or(STRATUM_MAX),
            })
        }
        "sip" | "sips" => {
            let tls = (kind == "sips").then(|| tls(reader, section));
            let transport = section.value(reader, "transport", |text| one_of(text, &["udp", "tcp"]));
            let statuses = section.integers(reader, "expect_status", 200..=699).unwrap_or_default();
            Ask::Sip(SipAsk {
                target: target?.value,
                tcp: transport.is_some_and(|transport| transport.value == "tcp"),
                tls,
                expect_status: statuses
                    .iter()
                    .filter_map(|status| u16::try_from(status.value).ok())
                    .collect(),
            })
        }
        "smtp" | "smtps" => {
            let tls = tls(reader, section);
            let word = section
                .value(reader, "starttls", |text| one_of(text, &["required", "if_offered", "never"]))
                .map(|word| word.value);
            let when_tls = match (kind, word.as_deref()) {
                ("smtps", _) => SmtpTls::FromStart,
                (_, Some("required")) => SmtpTls::StartTls,
                (_, Some("never")) => SmtpTls::Never,
                _ => SmtpTls::IfOffered,
            };
            let expect = section.value(reader, "expect", payload).map(|expect| expect.value);
            Ask::Smtp(SmtpAsk { target: target?.value, when_tls, tls, expect })
        }
        _ => {
            let tls = (kind == "ldaps").then(|| tls(reader, section));
            Ask::Ldap(LdapAsk { target: target?.value, tls })
        }
    })
}

/// `target`: `host:port`, or the host alone for echoes.
pub(super) fn path(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Ask> {
    let target = section.need(reader, "target", |text| match values::host_port(text) {
        Ok(HostPort { host, port }) => Ok((host, Some(port))),
        // Several colons are an address of IPv6; with one and no port that is one, the port is what is wrong.
        Err(refusal) if text.matches(':').count() == 1 => Err(refusal),
        Err(_) => values::host(text).map(|host| (host, None)),
    });
    let through = section.value(reader, "through", |text| {
        text.parse()
            .or_else(|_| refusal(format!("{text:?} is not an address"), "write \"10.20.0.1\", or the like"))
    });
    let (host, port) = target?.value;
    Some(Ask::Path(PathAsk { host, port, through: through.map(|through| through.value) }))
}

/// `tls_name` and `trust_file`.
pub(super) fn peer(reader: &mut Reader<'_>, section: &Section<'_>) -> TlsPeer {
    let name = section.value(reader, "tls_name", values::host).map(|name| name.value);
    let trust_pem = section.text(reader, "trust_file").and_then(|file| trust(reader, file));
    TlsPeer { name, trust_pem }
}

fn tls(reader: &mut Reader<'_>, section: &Section<'_>) -> TlsAsk {
    let peer = peer(reader, section);
    let days = section.integer(reader, "certificate_days", 0..=3650);
    let certificate_days_min = days.and_then(|days| u32::try_from(days.value).ok());
    TlsAsk { peer, certificate_days_min }
}
