//! Words → values: ids, lengths of time, addresses, URLs. Pure; `probes.toml` and `practices.csv` share
//! these rules, so that a value means the same in both.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::names::shorten;
use crate::estate::HostPort;
use crate::limits::{CONFIG_LINE_CHARS_MAX, CONFIG_PARAGRAPH_CHARS_MAX, ID_BYTES_MAX};

/// Why a word isn't a value, and what one looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub message: String,
    pub help: String,
}

pub(super) fn refusal<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { message: message.into(), help: help.into() })
}

/// Characters that don't show, or that change how their neighbours show: controls, line and paragraph
/// separators, and the marks that reorder text.
pub(super) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
        )
}

/// Letters, digits, `-`, `_` and `.`, as in ids, ODS codes and roles.
pub(super) fn id(text: &str) -> Result<String, Refusal> {
    const HELP: &str = "use letters, digits, `-`, `_` and `.` only";
    if text.is_empty() {
        return refusal("it is empty", HELP);
    }
    if text.len() > ID_BYTES_MAX {
        return refusal(
            format!("{:?} is too long", shorten(text)),
            format!("{ID_BYTES_MAX} characters at most"),
        );
    }
    if let Some(bad) = text.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.')) {
        return refusal(format!("{:?} has the character {bad:?} in it", shorten(text)), HELP);
    }
    Ok(text.to_owned())
}

/// An ODS code, or `ODS/branch`.
pub(super) fn practice_id(text: &str) -> Result<String, Refusal> {
    match text.split_once('/') {
        Some((ods, branch)) => {
            id(ods)?;
            id(branch)?;
        }
        None => {
            id(text)?;
        }
    }
    Ok(text.to_owned())
}

/// The operator's word for what a component is. Four words are kept for causes that nobody declares.
pub(super) fn component_kind(text: &str) -> Result<String, Refusal> {
    let kind = id(text)?;
    if matches!(kind.as_str(), "practice" | "network" | "service" | "monitor") {
        return refusal(
            format!("{kind:?} is a word of linewatch's own"),
            "choose another, such as circuit, router, carrier, gateway, firewall, resolver or firmware",
        );
    }
    Ok(kind)
}

/// One line of free text: a name, an owner, a telephone number. Whatever can be seen is allowed.
pub(super) fn line(text: &str) -> Result<String, Refusal> {
    let text = text.trim_matches(' ');
    if text.is_empty() {
        return refusal("it is empty", "write something, or leave the key out where it isn't required");
    }
    if text.chars().count() > CONFIG_LINE_CHARS_MAX {
        return refusal("it is too long", format!("{CONFIG_LINE_CHARS_MAX} characters at most"));
    }
    if let Some((position, bad)) = text.chars().enumerate().find(|(_, c)| is_hidden(*c)) {
        return refusal(
            format!(
                "{:?} has a character that can't be seen, {bad:?}, at position {}",
                shorten(text),
                position + 1
            ),
            "take it out: a line break or the like has no place in a name",
        );
    }
    Ok(text.to_owned())
}

/// Sentences for people; line breaks count as spaces.
pub(super) fn paragraph(text: &str) -> Result<String, Refusal> {
    let text =
        text.split(['\n', '\r', '\t', ' ']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if text.chars().count() > CONFIG_PARAGRAPH_CHARS_MAX {
        return refusal("it is too long", format!("{CONFIG_PARAGRAPH_CHARS_MAX} characters at most"));
    }
    if let Some(bad) = text.chars().find(|c| is_hidden(*c)) {
        return refusal(format!("it has a character that can't be seen, {bad:?}"), "take it out");
    }
    if text.is_empty() {
        return refusal("it is empty", "write something, or leave the key out");
    }
    Ok(text)
}

/// A length of time: `30s`, `500ms`, `5m`, `1h`, `90d`, `1m30s`.
pub(super) fn duration(text: &str) -> Result<Duration, Refusal> {
    /// A century: nothing in a configuration is longer.
    const MS_MAX: f64 = 100.0 * 366.0 * 86_400_000.0;
    const HELP: &str = "write a number and a unit: \"500ms\", \"30s\", \"5m\", \"1h\" or \"90d\"";
    let not_one = || refusal(format!("{:?} is not a length of time", shorten(text)), HELP);
    let mut rest = text.trim();
    if rest.is_empty() {
        return not_one();
    }
    let mut ms = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit_ms = match unit {
            "ms" => 1.0,
            "s" => 1000.0,
            "m" | "min" => 60_000.0,
            "h" => 3_600_000.0,
            "d" => 86_400_000.0,
            _ => return not_one(),
        };
        let Ok(number) = number.parse::<f64>() else { return not_one() };
        ms += number * unit_ms;
        rest = after.trim_start();
    }
    if ms > MS_MAX {
        return refusal(format!("{:?} is longer than a century", shorten(text)), HELP);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and a century")]
    Ok(Duration::from_millis(ms.round() as u64))
}

/// A size on the disk: "500MiB", "32GiB", "1TiB".
pub(super) fn bytes(text: &str) -> Result<u64, Refusal> {
    const HELP: &str = "write a whole number and a unit: \"500MiB\", \"32GiB\" or \"1TiB\"";
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let shift = match unit {
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return refusal(format!("{:?} is not a size", shorten(text)), HELP),
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift)) {
        Some(bytes) => Ok(bytes),
        None => refusal(format!("{:?} is not a size", shorten(text)), HELP),
    }
}

/// A port from 1 to 65535.
pub(super) fn port(text: &str) -> Result<u16, Refusal> {
    let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => refusal(format!("{:?} is not a port", shorten(text)), "ports are whole numbers from 1 to 65535"),
    }
}

/// An IPv4 or IPv6 address, or a host name.
pub(super) fn host(text: &str) -> Result<String, Refusal> {
    const HELP: &str = "write an address such as 10.0.0.1 or 2001:db8::1, or a name such as accurx.example";
    let not_one = || refusal(format!("{:?} is neither an address nor a host name", shorten(text)), HELP);
    if let Some(inner) = text.strip_prefix('[') {
        return match inner.strip_suffix(']').map(str::parse::<Ipv6Addr>) {
            Some(Ok(address)) => Ok(address.to_string()),
            _ => not_one(),
        };
    }
    if text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    // All digits and dots, yet no address: 10.0.0.256 is a slip, never a name.
    if text.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return not_one();
    }
    if domain_name(text, false) { Ok(text.to_owned()) } else { not_one() }
}

/// Labels of letters, digits, `-` and `_`, parted by dots; a dot at the end is allowed.
fn domain_name(text: &str, root: bool) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.is_empty() {
        return root && text == ".";
    }
    name.len() <= 253
        && name.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

/// A name to ask a name server for.
pub(super) fn dns_name(text: &str) -> Result<String, Refusal> {
    if domain_name(text, true) {
        return Ok(text.to_owned());
    }
    refusal(format!("{:?} is not a DNS name", shorten(text)), "write a name such as accurx.example")
}

/// `host:port`, `[v6]:port`.
pub(super) fn host_port(text: &str) -> Result<HostPort, Refusal> {
    const HELP: &str = "write host:port, such as 10.0.0.1:443, [2001:db8::1]:443 or accurx.example:443";
    let Some((before, after)) = text.rsplit_once(':') else {
        return refusal(format!("{:?} has no port", shorten(text)), HELP);
    };
    if before.contains(':') && !before.starts_with('[') {
        return refusal(format!("{:?} has no port, or its address has no brackets", shorten(text)), HELP);
    }
    Ok(HostPort { host: host(before)?, port: port(after)? })
}

pub(super) fn ip(text: &str) -> Result<IpAddr, Refusal> {
    match text.parse::<IpAddr>() {
        Ok(address) => Ok(address),
        Err(_) => refusal(
            format!("{:?} is not an IP address", shorten(text)),
            "write an address such as 10.0.0.1 or 2001:db8::1",
        ),
    }
}

/// An address that can be a check's source: any but those that mean "any" or "many".
pub(super) fn source(text: &str) -> Result<IpAddr, Refusal> {
    let address = ip(text)?;
    let broadcast = matches!(address, IpAddr::V4(v4) if v4 == Ipv4Addr::BROADCAST);
    if address.is_unspecified() || address.is_multicast() || broadcast {
        return refusal(
            format!("{address} can't be the source of a check"),
            "write an address of this machine's own, or leave it out",
        );
    }
    Ok(address)
}

/// Where to listen. Port 0 is allowed: the system picks a free one.
pub(super) fn listen(text: &str) -> Result<SocketAddr, Refusal> {
    match text.parse::<SocketAddr>() {
        Ok(address) => Ok(address),
        Err(_) => refusal(
            format!("{:?} is not an address and port to listen on", shorten(text)),
            "write one such as 127.0.0.1:9460",
        ),
    }
}

/// A URL with the probe's own scheme, without a user or password.
pub(super) fn url(text: &str, scheme: &str) -> Result<String, Refusal> {
    let help = format!("write a URL such as {scheme}://accurx.example/");
    let not_one = |why: &str| refusal(format!("{:?} is not a URL{why}", shorten(text)), help.clone());
    let Ok(uri) = text.parse::<hyper::Uri>() else { return not_one("") };
    match uri.scheme_str() {
        Some(found) if found == scheme => {}
        Some(found) => {
            return refusal(
                format!("{:?} begins with {found}://, but the kind of this probe is {scheme}", shorten(text)),
                format!("begin it with {scheme}://, or change the kind"),
            );
        }
        None => return not_one(": it has no scheme"),
    }
    let Some(authority) = uri.authority() else { return not_one("") };
    if authority.as_str().contains('@') {
        return refusal(
            "a URL with a user name in it",
            "leave the user and password out: a check only proves that the door opens",
        );
    }
    host(authority.host())?;
    let after_host = authority.as_str().strip_prefix(authority.host()).unwrap_or("");
    if let Some(number) = after_host.strip_prefix(':') {
        port(number)?;
    }
    Ok(text.to_owned())
}

/// `manager@g82002.example`
pub(super) fn email(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let plain = !text.contains(|c: char| c.is_whitespace() || is_hidden(c) || "<>\",;:()\\".contains(c));
    match text.parse::<lettre::Address>() {
        Ok(_) if plain => Ok(text.to_owned()),
        _ => refusal(
            format!("{:?} is not an e-mail address", shorten(text)),
            "write an address such as manager@practice.example",
        ),
    }
}

/// An address, or `Name <address>`.
pub(super) fn mailbox(text: &str) -> Result<String, Refusal> {
    let plain = !text.contains(is_hidden);
    match text.parse::<lettre::message::Mailbox>() {
        Ok(mailbox) if plain && email(mailbox.email.as_ref()).is_ok() => Ok(text.to_owned()),
        _ => refusal(
            format!("{:?} is not a sender", shorten(text)),
            "write linewatch@icb.example, or linewatch <linewatch@icb.example>",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_units() {
        for (text, ms) in [
            ("30s", 30_000),
            ("500ms", 500),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("90d", 7_776_000_000),
            ("1m30s", 90_000),
            ("1.5s", 1500),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in
            ["", "30", "s", "30 s", "-5s", "5 minutes", "1e9s", "..s", "5S", "99999999999999999d", "∞s"]
        {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!((bytes("256MiB"), bytes("32GiB")), (Ok(1 << 28), Ok(1 << 35)));
        for text in ["", "32", "GiB", "32GB", "-1GiB", "1.5GiB", "32 GiB", "99999999TiB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_and_ports_are_told_apart() {
        let split = |text| host_port(text).map(|both| (both.host, both.port)).ok();
        assert_eq!(split("127.0.0.1:53"), Some(("127.0.0.1".to_owned(), 53)));
        assert_eq!(split("[::1]:53"), Some(("::1".to_owned(), 53)));
        assert_eq!(split("dns.example:53"), Some(("dns.example".to_owned(), 53)));
        for text in [
            "127.0.0.1",
            "127.0.0.1:0",
            "127.0.0.1:65536",
            "127.0.0.256:53",
            "::1:53",
            "a b:53",
            ":53",
            "x:+5",
        ] {
            assert_eq!(split(text), None, "{text}");
        }
    }

    #[test]
    fn a_url_has_the_scheme_of_its_probe_and_no_password() {
        assert!(url("https://accurx.example/", "https").is_ok());
        assert!(url("https://accurx.example:8443/a?b=c", "https").is_ok());
        assert!(url("https://[::1]:8443/", "https").is_ok());
        for text in [
            "accurx.example",
            "http://accurx.example/",
            "https://",
            "https://user:word@accurx.example/",
            "https://accurx.example:99999/",
            "https://accurx.example:0/",
            "https://acc urx.example/",
            "https:///path",
            "https://10.0.0.256/",
            "/just/a/path",
            "",
        ] {
            assert!(url(text, "https").is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_may_be_anything_that_can_be_seen() {
        assert_eq!(line("<script>alert(1)</script>"), Ok("<script>alert(1)</script>".to_owned()));
        assert_eq!(line("Meddygfa Tŷ Doctor"), Ok("Meddygfa Tŷ Doctor".to_owned()));
        for text in ["St James'\nBcc: everyone@example", "a\u{202e}b", "\u{1b}[31m", "", "  "] {
            assert!(line(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn mail_addresses_cannot_smuggle_a_second_one() {
        assert!(email("manager@g82002.example").is_ok());
        assert!(mailbox("linewatch <linewatch@icb.example>").is_ok());
        for text in
            ["manager", "a@b@c.example", "a@x.example,b@x.example", "a@x.example\r\nBcc: b@x.example", "@x"]
        {
            assert!(email(text).is_err(), "{text}");
            assert!(mailbox(text).is_err(), "{text}");
        }
    }
}
