//! The keys of `https` and `http` probes that few need: families of addresses, versions of HTTP, names that differ from
//! the URL's, proxies, client certificates, pins, block pages.

use std::net::IpAddr;

use reqwest::Url;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use secrecy::{ExposeSecret, SecretString};

use super::names::shorten;
use super::probes::{one_of, payload};
use super::reader::Reader;
use super::section::Section;
use super::side_file;
use super::values::{self, Refusal, refusal};
use crate::estate::{ClientIdentity, Family, HttpAsk, HttpVersion, IssuerPin};

/// Known for both kinds.
pub(super) const KEYS: [&str; 5] = ["family", "host", "blocked_body", "redirects_private", "redirects_to"];
/// Known where there is TLS.
pub(super) const TLS_KEYS: [&str; 6] =
    ["version", "sni", "proxy", "client_certificate", "client_key", "issuer"];

/// Reads these keys into a question whose other keys are read, and says where two of them contradict each other.
pub(super) fn extend(reader: &mut Reader<'_>, section: &Section<'_>, ask: &mut HttpAsk) {
    ask.version = section.value(reader, "version", |text| one_of(text, &["1.1", "2"])).map_or(
        HttpVersion::Http1,
        |version| match version.value.as_str() {
            "2" => HttpVersion::Http2,
            _ => HttpVersion::Http1,
        },
    );
    ask.sni = section.value(reader, "sni", tls_name).map(|name| name.value);
    ask.host = section.value(reader, "host", host_header).map(|host| host.value);
    proxy(reader, section, ask);
    family(reader, section, ask);
    ask.client_identity = client_identity(reader, section).map(Box::new);
    let issuers = section.text_or_texts(reader, "issuer").unwrap_or_default();
    ask.issuers = issuers
        .into_iter()
        .filter_map(|pin| reader.judge("issuer", pin, issuer).map(|pin| pin.value))
        .collect();
    blocked_body(reader, section, ask);
    redirects_private(reader, section, ask);
    let hosts = section.text_or_texts(reader, "redirects_to").unwrap_or_default();
    ask.redirects_to = hosts
        .into_iter()
        .filter_map(|host| reader.judge("redirects_to", host, bare_host))
        .map(|host| host.value)
        .collect();
}

fn proxy(reader: &mut Reader<'_>, section: &Section<'_>, ask: &mut HttpAsk) {
    let Some(proxy) = section.value(reader, "proxy", proxy_address) else { return };
    if ask.name_server.is_some() && proxy.value.host.parse::<IpAddr>().is_ok() {
        reader.refuse(
            proxy.span,
            "the proxy is given by its address and looks up the service by itself, so `name_server` has no use",
            "leave `name_server` out, or give the proxy by its name",
        );
    }
    ask.proxy = Some(proxy.value);
}

fn family(reader: &mut Reader<'_>, section: &Section<'_>, ask: &mut HttpAsk) {
    let Some(word) = section.value(reader, "family", |text| one_of(text, &["ipv4", "ipv6"])) else { return };
    let family = if word.value == "ipv4" { Family::Ipv4 } else { Family::Ipv6 };
    if ask.proxy.is_some() {
        reader.refuse(
            word.span,
            "with `proxy` it is the proxy that picks the family of addresses, so `family` has no use",
            "leave one of the two out",
        );
        return;
    }
    let target = ask.connect_to.as_ref().map(|place| place.host.clone()).or_else(|| host_of(&ask.url));
    if let Some(address) = target.and_then(|host| host.parse::<IpAddr>().ok())
        && Family::of(address) != family
    {
        reader.refuse(
            word.span,
            format!(
                "`family` is {}, and this probe connects to {address}, an {} address",
                family.as_str(),
                Family::of(address).as_str()
            ),
            "leave `family` out, or write an address of that family",
        );
    }
    ask.family = Some(family);
}

fn host_of(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    url.host_str().map(|host| host.trim_matches(['[', ']']).to_owned())
}

fn blocked_body(reader: &mut Reader<'_>, section: &Section<'_>, ask: &mut HttpAsk) {
    for text in section.text_or_texts(reader, "blocked_body").unwrap_or_default() {
        let Some(text) = reader.judge("blocked_body", text, payload) else { continue };
        if ask.expect_body.as_ref().is_some_and(|expected| expected.contains(&text.value)) {
            reader.refuse(
                text.span,
                format!(
                    "`blocked_body`: {:?} stands in `expect_body`, so every good page would be a block page",
                    shorten(&text.value)
                ),
                "write a text that only the block page has",
            );
            continue;
        }
        ask.blocked_body.push(text.value);
    }
}

fn redirects_private(reader: &mut Reader<'_>, section: &Section<'_>, ask: &mut HttpAsk) {
    let Some(permitted) = section.boolean(reader, "redirects_private") else { return };
    if permitted.value && ask.redirects_max == 0 {
        reader.refuse(
            permitted.span,
            "with `redirects = 0` no redirect is followed, so `redirects_private` has no use",
            "leave one of the two out",
        );
    }
    ask.redirects_private = permitted.value;
}

/// A certificate and the key that belongs to it; nothing that the key's file holds gets into an error.
fn client_identity(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<ClientIdentity> {
    let certificate = section.text(reader, "client_certificate");
    let key = section.text(reader, "client_key");
    let (certificate, key) = match (certificate, key) {
        (None, None) => return None,
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(one), None) => {
            // A key that is there, but no text, has its error already.
            if !section.has("client_key") {
                reader.refuse(
                    one.span,
                    "`client_certificate` without `client_key`",
                    "add client_key = \"client.key\": the file with its private key",
                );
            }
            return None;
        }
        (None, Some(one)) => {
            if !section.has("client_certificate") {
                reader.refuse(
                    one.span,
                    "`client_key` without `client_certificate`",
                    "add client_certificate = \"client.pem\": the file with its certificate",
                );
            }
            return None;
        }
    };
    for (name, what) in [(certificate, "client_certificate"), (key, "client_key")] {
        if name.value.contains("-----BEGIN") {
            reader.refuse(
                name.span,
                format!("`{what}` holds PEM itself, where the name of a file belongs"),
                "put it into a file that only linewatch can read, and write the file's name",
            );
            return None;
        }
    }
    let certificate_pem = super::probes::certificates(reader, "client_certificate", certificate)?;
    let key_pem = SecretString::from(side_file(reader, "client_key", key)?);
    match fits(&certificate_pem, &key_pem) {
        Ok(()) => Some(ClientIdentity { certificate_pem, key_pem }),
        Err((message, help)) => {
            let file = shorten(key.value);
            reader.refuse(key.span, format!("`client_key`: {file:?} {message}"), help);
            None
        }
    }
}

/// Whether somebody could show this certificate with this key.
pub(super) fn fits(
    certificate_pem: &str,
    key_pem: &SecretString,
) -> Result<(), (&'static str, &'static str)> {
    const PEM: &str = "it must be PEM, with a line -----BEGIN PRIVATE KEY-----";
    let key = key_pem.expose_secret();
    if key.contains("ENCRYPTED") {
        return Err((
            "is encrypted",
            "linewatch can't ask for its password: write it without one (openssl pkey), readable by linewatch alone",
        ));
    }
    let Ok(key) = PrivateKeyDer::from_pem_slice(key.as_bytes()) else {
        return Err(("has no private key in it", PEM));
    };
    let Ok(key) = default_provider().key_provider.load_private_key(key) else {
        return Err((
            "holds a private key that can't be used",
            "use an RSA, ECDSA (P-256, P-384) or Ed25519 key",
        ));
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate_pem.as_bytes()).collect();
    let Ok(chain) = chain else {
        return Err(("belongs to a certificate that can't be read", "write that one as PEM"));
    };
    CertifiedKey::new(chain, key).keys_match().map_err(|_| {
        (
            "is not the key of the certificate",
            "name the two files that were made together, the certificate that it belongs to first",
        )
    })
}

/// `host:port`; a URL is what people copy, so it gets advice of its own.
fn proxy_address(text: &str) -> Result<crate::estate::HostPort, Refusal> {
    if text.contains("://") || text.contains('@') {
        return refusal(
            format!("{:?} is not host:port", shorten(text.rsplit('@').next().unwrap_or_default())),
            "write the proxy's host:port alone, such as 10.0.0.1:3128; users and passwords of proxies are not supported",
        );
    }
    values::host_port(text)
}

/// A name that TLS can ask for: no address (RFC 6066).
fn tls_name(text: &str) -> Result<String, Refusal> {
    let name = values::host(text)?;
    if name.parse::<IpAddr>().is_ok() {
        return refusal(
            format!("{name:?} is an address, and TLS asks for names only"),
            "write a name such as accurx.example, or leave `sni` out",
        );
    }
    Ok(name.trim_end_matches('.').to_owned())
}

/// A host as redirects are compared with it. A URL or a port is what people copy.
fn bare_host(text: &str) -> Result<String, Refusal> {
    match values::host(text) {
        Ok(host) => Ok(host.trim_end_matches('.').to_ascii_lowercase()),
        Err(_) => refusal(
            format!("{:?} is not a host", shorten(text)),
            "write the host alone, such as login.example: redirects to it and to all below it are then permitted",
        ),
    }
}

/// What may stand in a `Host` header.
fn host_header(text: &str) -> Result<String, Refusal> {
    match values::host_port(text) {
        Ok(both) => Ok(both.to_string()),
        Err(_) => values::host(text).map(|host| if host.contains(':') { format!("[{host}]") } else { host }),
    }
}

/// A part of an issuer's name, or `sha256:` and 64 hexadecimal digits (colons, as openssl writes them, are fine).
fn issuer(text: &str) -> Result<IssuerPin, Refusal> {
    let Some(digits) = text.strip_prefix("sha256:") else {
        return values::line(text).map(IssuerPin::Named);
    };
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    let pairs: Option<Vec<u8>> = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'))?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect();
    match pairs.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) {
        Some(hash) if digits.len() == 64 => Ok(IssuerPin::Sha256(hash)),
        _ => refusal(
            format!("{:?} is not a SHA-256", shorten(text)),
            "write sha256: and 64 hexadecimal digits; `linewatch probe` shows those of each certificate's key",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_a_name_or_a_hash() {
        let digits = "0123456789abcdefABCDEF0123456789".repeat(2);
        assert!(matches!(issuer(&format!("sha256:{digits}")), Ok(IssuerPin::Sha256([0x01, 0x23, ..]))));
        let colons = vec!["ab"; 32].join(":");
        assert_eq!(issuer(&format!("sha256:{colons}")), Ok(IssuerPin::Sha256([0xab; 32])));
        assert_eq!(issuer("DigiCert"), Ok(IssuerPin::Named("DigiCert".to_owned())));
        for text in
            ["", "sha256:", "sha256:ab", &format!("sha256:{}", "+a".repeat(32)), &format!("sha256:{digits}0")]
        {
            assert!(issuer(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_header_is_a_host_with_or_without_a_port() {
        for (text, host) in [
            ("accurx.example", "accurx.example"),
            ("accurx.example:8443", "accurx.example:8443"),
            ("::1", "[::1]"),
            ("[::1]:8443", "[::1]:8443"),
        ] {
            assert_eq!(host_header(text).as_deref(), Ok(host));
        }
        assert!(host_header("a\r\nX-Evil: 1").is_err() && host_header("a b").is_err());
    }

    #[test]
    fn a_proxys_password_is_not_repeated() {
        let refused = proxy_address("http://user:word@10.0.0.1:3128").expect_err("a URL");
        assert!(!refused.message.contains("word"), "{refused:?}");
    }
}
