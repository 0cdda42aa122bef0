//! `[[probe]]` of kind `dns`: the question, the way on which it goes, what is expected of the answer, and what else
//! is asked beside it.

use std::time::Duration;

use toml::de::DeValue;

use super::errors::Placed;
use super::estate_file::Draft;
use super::names::shorten;
use super::probe_kinds;
use super::probes::{RCODES, RECORDS, one_of, payload, resolver};
use super::reader::Reader;
use super::section::Section;
use super::values::{self, refusal};
use crate::estate::{Ask, ComponentIx, DnsAsk, DnsCompare, DnsFlag, DnsTransport, Matching};
use crate::limits::{PROBE_DNS_RANDOM_BYTES, PROBE_DNS_UDP_BYTES_MAX};

/// Keys of this kind alone.
pub(super) const KEYS: &[&str] = &[
    "server",
    "name",
    "record",
    "transport",
    "tls_name",
    "trust_file",
    "path",
    "expect_rcode",
    "expect",
    "match",
    "ttl_min",
    "ttl_max",
    "expect_flags",
    "edns_size",
    "hijack",
    "hijack_under",
    "compare",
    "compare_expect",
];

const TRANSPORTS: [&str; 4] = ["udp", "tcp", "tls", "https"];
const MATCHES: [&str; 4] = ["any", "all", "none", "pattern"];

/// Where servers of DNS over HTTPS usually answer.
const PATH: &str = "/dns-query";
/// Longest such path.
const PATH_BYTES_MAX: usize = 1024;
/// Longest name that DNS has, in characters.
const NAME_CHARS_MAX: usize = 253;
/// Least size that EDNS can announce: what fits without it.
const EDNS_BYTES_MIN: i64 = 512;
/// Longest time to live that a record can have, in seconds.
const TTL_MAX: u64 = 0x7fff_ffff;

pub(super) fn dns(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    draft: &Draft,
) -> Option<(Ask, Option<ComponentIx>)> {
    let server = section.need(reader, "server", values::host_port);
    let name = section.need(reader, "name", values::dns_name);
    let record = section.need(reader, "record", |text| one_of(text, &RECORDS));
    let rcode = section.value(reader, "expect_rcode", |text| one_of(text, &RCODES));
    let answers = answers(reader, section);
    let matching = matching(reader, section, rcode.as_ref().map(|rcode| rcode.value.as_str()));
    let (ttl_min, ttl_max) = ttls(reader, section, rcode.as_ref().map(|rcode| rcode.value.as_str()));
    let expect_flags = flags(reader, section);
    let most = i64::try_from(PROBE_DNS_UDP_BYTES_MAX).unwrap_or(EDNS_BYTES_MIN);
    let edns_size = section.integer(reader, "edns_size", EDNS_BYTES_MIN..=most);
    let transport = transport(reader, section);
    let hijack_under = hijack(reader, section, name.as_ref().map(|name| name.value.as_str()));
    let compare = compare(reader, section, draft, server.as_ref().map(|server| &server.value));
    let (server, resolver) = resolver(draft, server?.value);
    let ask = DnsAsk {
        expect_rcode: rcode.map_or_else(|| "noerror".to_owned(), |rcode| rcode.value),
        expect_answers: answers,
        matching,
        ttl_min,
        ttl_max,
        expect_flags,
        edns_size: edns_size.and_then(|size| u16::try_from(size.value).ok()),
        transport: transport?,
        hijack_under,
        compare,
        ..DnsAsk::new(server, name?.value, record?.value)
    };
    Some((Ask::Dns(ask), resolver))
}

fn answers(reader: &mut Reader<'_>, section: &Section<'_>) -> Vec<String> {
    let answers = section.text_or_texts(reader, "expect").unwrap_or_default();
    answers
        .into_iter()
        .filter_map(|answer| reader.judge("expect", answer, payload).map(|answer| answer.value))
        .collect()
}

fn matching(reader: &mut Reader<'_>, section: &Section<'_>, rcode: Option<&str>) -> Matching {
    let Some(word) = section.value(reader, "match", |text| one_of(text, &MATCHES)) else {
        return Matching::Any;
    };
    if let Some(rcode) = rcode.filter(|rcode| *rcode != "noerror") {
        reader.refuse(
            word.span,
            format!(
                "`match` is {:?}, and there are no answers to be matched where {rcode} is expected",
                word.value
            ),
            "leave `match` out, or `expect_rcode`",
        );
    } else if !section.has("expect") {
        reader.refuse(
            word.span,
            format!("`match` is {:?}, and there is no `expect` to be matched", word.value),
            "add expect = [\"…\"], or leave `match` out",
        );
    }
    match word.value.as_str() {
        "all" => Matching::All,
        "none" => Matching::None,
        "pattern" => Matching::Pattern,
        _ => Matching::Any,
    }
}

fn ttls(reader: &mut Reader<'_>, section: &Section<'_>, rcode: Option<&str>) -> (Option<u32>, Option<u32>) {
    let min = section.value(reader, "ttl_min", ttl);
    let max = section.value(reader, "ttl_max", ttl);
    if let (Some(min), Some(max)) = (&min, &max)
        && min.value > max.value
    {
        reader.refuse(
            min.span,
            "`ttl_min` is longer than `ttl_max`, so that no answer could be right",
            "make `ttl_min` shorter, or `ttl_max` longer",
        );
    }
    if let (Some(rcode), Some(either)) =
        (rcode.filter(|rcode| *rcode != "noerror"), min.as_ref().or(max.as_ref()))
    {
        reader.refuse(
            either.span,
            format!("there is no time to live in an answer that should be {rcode}"),
            "leave `ttl_min` and `ttl_max` out, or `expect_rcode`",
        );
    }
    (min.map(|min| min.value), max.map(|max| max.value))
}

/// A time to live: whole seconds, as DNS has them.
fn ttl(text: &str) -> Result<u32, values::Refusal> {
    let length = values::duration(text)?;
    let seconds = length.as_secs();
    if length != Duration::from_secs(seconds) {
        return refusal(format!("{text:?} is not whole seconds"), "write \"60s\", \"5m\" or the like");
    }
    match u32::try_from(seconds) {
        Ok(short) if seconds <= TTL_MAX => Ok(short),
        _ => refusal(format!("{text:?} is longer than any record lives"), "write \"1d\" or less"),
    }
}

fn flags(reader: &mut Reader<'_>, section: &Section<'_>) -> Vec<DnsFlag> {
    let words = section.text_or_texts(reader, "expect_flags").unwrap_or_default();
    let known = DnsFlag::ALL.map(DnsFlag::as_str);
    let mut flags = Vec::new();
    for word in words {
        let Some(word) = reader.judge("expect_flags", word, |text| one_of(text, &known)) else { continue };
        let flag = DnsFlag::ALL.into_iter().find(|flag| flag.as_str() == word.value);
        flags.extend(flag.filter(|flag| !flags.contains(flag)));
    }
    flags
}

/// The way of the question. A key that belongs to another way is an error: whoever wrote it expects more than would be
/// done.
fn transport(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<DnsTransport> {
    let word = section.value(reader, "transport", |text| one_of(text, &TRANSPORTS));
    if word.is_none() && section.has("transport") {
        return None;
    }
    let word = word.map_or_else(|| "udp".to_owned(), |word| word.value);
    let is_encrypted = matches!(word.as_str(), "tls" | "https");
    for (key, is_of_use, ways) in [
        ("tls_name", is_encrypted, "\"tls\" or \"https\""),
        ("trust_file", is_encrypted, "\"tls\" or \"https\""),
        ("path", word == "https", "\"https\""),
    ] {
        if let Some(value) = section.raw(key).filter(|_| !is_of_use) {
            reader.refuse(
                value.span,
                format!("`{key}` has no use over {word}"),
                format!("write transport = {ways}, or leave `{key}` out"),
            );
        }
    }
    if !is_encrypted {
        return Some(if word == "tcp" { DnsTransport::Tcp } else { DnsTransport::Udp });
    }
    let tls = probe_kinds::peer(reader, section);
    if word == "tls" {
        return Some(DnsTransport::Tls(tls));
    }
    let path = section.value(reader, "path", path).map_or_else(|| PATH.to_owned(), |path| path.value);
    Some(DnsTransport::Https { tls, path })
}

fn path(text: &str) -> Result<String, values::Refusal> {
    const HELP: &str = "write a path such as /dns-query";
    if text.contains('{') {
        let bare = text.split('{').next().unwrap_or(PATH);
        return refusal(
            format!("{:?} is a template, and the question goes into the body", shorten(text)),
            format!("write {bare:?}"),
        );
    }
    let is_plain = text.chars().all(|c| c.is_ascii_graphic() && c != '#') && text.len() <= PATH_BYTES_MAX;
    if text.starts_with('/') && is_plain && text.parse::<hyper::http::uri::PathAndQuery>().is_ok() {
        return Ok(text.to_owned());
    }
    refusal(format!("{:?} is not the path of a URL", shorten(text)), HELP)
}

/// The name under which a random one must not exist.
fn hijack(reader: &mut Reader<'_>, section: &Section<'_>, name: Option<&str>) -> Option<String> {
    let wanted = section.raw("hijack").and_then(|value| truth(reader, "hijack", value));
    let under = section.value(reader, "hijack_under", values::dns_name);
    if wanted != Some(true) {
        if let Some(under) = &under {
            reader.refuse(
                under.span,
                "`hijack_under` has no use without `hijack`",
                "add hijack = true, or leave `hijack_under` out",
            );
        }
        return None;
    }
    let (text, span) = match (&under, section.raw("hijack")) {
        (Some(under), _) => (under.value.as_str(), under.span),
        (None, Some(hijack)) => (name?, hijack.span),
        (None, None) => return None,
    };
    // Two characters a byte, and a dot.
    let most = NAME_CHARS_MAX - 2 * PROBE_DNS_RANDOM_BYTES - 1;
    if text.trim_end_matches('.').len() > most {
        reader.refuse(
            span,
            format!("{:?} is too long for a random name under it", shorten(text)),
            format!("name one of {most} characters at most in `hijack_under`"),
        );
        return None;
    }
    Some(text.to_owned())
}

fn truth(reader: &mut Reader<'_>, key: &str, value: Placed<&DeValue<'_>>) -> Option<bool> {
    if let DeValue::Boolean(truth) = value.value {
        return Some(*truth);
    }
    reader.refuse(value.span, format!("`{key}` is neither true nor false"), format!("write {key} = true"));
    None
}

/// The second name server. It isn't on the path of the check, since its outage fails nothing.
fn compare(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    draft: &Draft,
    first: Option<&crate::estate::HostPort>,
) -> Option<DnsCompare> {
    let second = section.value(reader, "compare", values::host_port);
    let expected = section.value(reader, "compare_expect", |text| one_of(text, &["same", "different"]));
    if let (Some(expected), false) = (&expected, section.has("compare")) {
        reader.refuse(
            expected.span,
            "`compare_expect` has no use without `compare`",
            "add compare = \"10.0.0.2:53\", or leave `compare_expect` out",
        );
    }
    let second = second?;
    let span = second.span;
    let (server, _) = resolver(draft, second.value);
    if first.is_some_and(|first| resolver(draft, first.clone()).0 == server) {
        reader.refuse(
            span,
            "`compare` is the name server itself, which always agrees with itself",
            "name another one, or leave `compare` out",
        );
        return None;
    }
    Some(DnsCompare { server, same: expected.is_none_or(|expected| expected.value == "same") })
}
