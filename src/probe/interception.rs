//! Who issued a certificate, and whether that tells of somebody on the way who decrypts TLS, or of a server with a bad
//! certificate of its own. [`judge`] is the rule; it is pure, and the rest gathers what it needs.
//!
//! A firewall that decrypts makes a certificate for the very name that was asked for, on the spot, and signs it with
//! an authority of its own that nobody else knows. So a certificate for another name, or signed by itself, is the
//! server's own slip and never interception; and so is an issuer with the name of a public authority, for that is what
//! a server shows that forgot its intermediate certificate. An unknown issuer alone proves nothing either: it may be
//! the operator's own authority. Each [`Rule`] is one thing that makes it proof, and the detail says which one did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use rustls::pki_types::{CertificateDer, ServerName};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::X509Name;

use super::address::organisation;
use super::answer::Issuer;
use super::fault::{Fault, one_line};
use crate::estate::IssuerPin;
use crate::hex::hex;
use crate::limits::{PROBE_CERTIFICATES_MAX, PROBE_ISSUERS_MAX};
use crate::observation::{Failure, Phase};
use crate::time::At;

/// Products that decrypt, by a word in the name of the authority that they bring along.
const PRODUCTS: [(&str, &str); 20] = [
    ("fortigate", "Fortinet"),
    ("fortinet", "Fortinet"),
    ("sophos", "Sophos"),
    ("zscaler", "Zscaler"),
    ("smoothwall", "Smoothwall"),
    ("cisco umbrella", "Cisco Umbrella"),
    ("opendns", "Cisco Umbrella"),
    ("palo alto networks", "Palo Alto Networks"),
    ("netskope", "Netskope"),
    ("blue coat", "Blue Coat"),
    ("forcepoint", "Forcepoint"),
    ("websense", "Forcepoint"),
    ("watchguard", "WatchGuard"),
    ("sonicwall", "SonicWall"),
    ("check point", "Check Point"),
    ("barracuda", "Barracuda"),
    ("untangle", "Untangle"),
    ("lightspeed", "Lightspeed"),
    ("securly", "Securly"),
    ("mitmproxy", "mitmproxy"),
];

/// Public authorities, by what their intermediate certificates are called.
const PUBLIC: [&str; 22] = [
    "let's encrypt",
    "internet security research group",
    "digicert",
    "sectigo",
    "comodo",
    "globalsign",
    "entrust",
    "godaddy",
    "starfield",
    "amazon",
    "google trust services",
    "microsoft corporation",
    "cloudflare",
    "quovadis",
    "geotrust",
    "thawte",
    "rapidssl",
    "zerossl",
    "ssl corporation",
    "buypass",
    "actalis",
    "identrust",
];

/// A certificate of less than this age was made for us, or by chance just renewed: a renewal happens on one or two
/// days of a year, and a firewall makes its certificates anew all the time.
const YOUNG_MS: i64 = 3 * 24 * 60 * 60 * 1000;
/// Organisations besides the one asked for whose hosts had the same unknown issuer.
const OTHERS_MIN: usize = 2;

/// What makes it interception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// The operator said who issues this host's certificates, and it is somebody else.
    NotPinned,
    /// The issuer bears the name of a product that decrypts.
    Product(&'static str),
    /// The same unknown issuer vouches for hosts of several organisations.
    ManyHosts,
    /// The issuer is unknown, and the certificate was made just now.
    Young,
}

/// What a handshake showed, as far as the rule needs it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence<'a> {
    pub(super) standing: Standing,
    pub(super) is_for_the_name: bool,
    /// It names itself as its issuer.
    pub(super) is_self_signed: bool,
    /// Names of its issuer, that one's issuer, and so on, as far as the chain shows.
    pub(super) issuers: &'a [String],
    /// Whether one of the pins is met; `None`: there are none.
    pub(super) is_pinned: Option<bool>,
    pub(super) age_ms: i64,
    /// Other organisations whose hosts had the same issuer, where it isn't trusted.
    pub(super) others: usize,
}

/// Whether somebody decrypts, and by which rule; `None`: nothing says so.
pub(super) fn judge(seen: &Evidence<'_>) -> Option<Rule> {
    match seen.standing {
        // An authority that everybody trusts is no stranger, unless the operator says that only others will do.
        Standing::Trusted => return (seen.is_pinned == Some(false)).then_some(Rule::NotPinned),
        // Who decrypts on the machines of a practice has its root put into their stores first.
        // And what it makes for expired certificates or other names is wrong in these ways as well. One that signed itself
        // is the server's own slip.
        Standing::Amiss if seen.is_self_signed => return None,
        Standing::TrustedHere | Standing::Amiss => {
            return match (seen.is_pinned, product(seen.issuers)) {
                (Some(true), _) | (None, None) => None,
                (_, Some(product)) => Some(Rule::Product(product)),
                (Some(false), None) => Some(Rule::NotPinned),
            };
        }
        Standing::UnknownIssuer => {}
    }
    if !seen.is_for_the_name || seen.is_self_signed || seen.is_pinned == Some(true) {
        return None;
    }
    if let Some(product) = product(seen.issuers) {
        return Some(Rule::Product(product));
    }
    if seen.is_pinned == Some(false) {
        return Some(Rule::NotPinned);
    }
    let issuers = in_small_letters(seen.issuers);
    if PUBLIC.iter().any(|word| issuers.contains(word)) {
        return None;
    }
    if seen.others >= OTHERS_MIN {
        return Some(Rule::ManyHosts);
    }
    (0..YOUNG_MS).contains(&seen.age_ms).then_some(Rule::Young)
}

/// The maker of a product that decrypts and that one of these issuers has the name of.
pub(super) fn product(issuers: &[String]) -> Option<&'static str> {
    let issuers = in_small_letters(issuers);
    PRODUCTS.iter().find(|(word, _)| issuers.contains(word)).map(|(_, product)| *product)
}

fn in_small_letters(issuers: &[String]) -> String {
    issuers.join("\n").to_lowercase()
}

/// Issuers that weren't trusted, and the organisations whose hosts they vouched for: a firewall shows the same one for
/// all of them.
#[derive(Debug, Default)]
pub(super) struct Issuers {
    unknown: Mutex<BTreeMap<String, BTreeSet<String>>>,
}

impl Issuers {
    /// Remembers one, and says how many other organisations had it, at most [`OTHERS_MIN`].
    fn meet(&self, issuer: &str, host: &str) -> usize {
        let whose = organisation(host);
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        if unknown.len() >= PROBE_ISSUERS_MAX && !unknown.contains_key(issuer) {
            // Somebody makes up issuers. What is true is seen again within one round of checks.
            unknown.clear();
        }
        let hosts = unknown.entry(issuer.to_owned()).or_default();
        if hosts.len() <= OTHERS_MIN {
            hosts.insert(whose.clone());
        }
        hosts.iter().filter(|other| **other != whose).count().min(OTHERS_MIN)
    }
}

/// How a chain was judged by the verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// By everybody, or because the operator said so.
    Trusted,
    /// By this machine's own store, and not by everybody.
    TrustedHere,
    /// Nothing is wrong with it but who signed it.
    UnknownIssuer,
    /// Something else is: expired, not valid yet, revoked, for another name. Who signed it may be anybody.
    Amiss,
}

/// Looks at a chain, its own certificate first. Gives who issued it, for a person, and the fault when somebody
/// decrypts. `None`: it can't be read.
pub(super) fn examine(
    chain: &[CertificateDer<'_>],
    standing: Standing,
    host: &str,
    pins: &[IssuerPin],
    known: &Issuers,
    now: At,
) -> Option<(Issuer, Option<Fault>)> {
    let parsed: Vec<X509Certificate<'_>> = chain
        .iter()
        .take(PROBE_CERTIFICATES_MAX)
        .map_while(|der| X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate))
        .collect();
    // Signatures are worked out only where something hangs on them: the verifier has seen to a trusted chain, and
    // this is done at every check.
    let needs_path = standing != Standing::Trusted || !pins.is_empty();
    let path = if needs_path { path(&parsed) } else { parsed.iter().take(1).collect() };
    let own = path.first()?;
    let issuers: Vec<String> =
        path.iter().map(|certificate| one_line(&certificate.issuer().to_string())).collect();
    let is_pinned = (!pins.is_empty()).then(|| pins.iter().any(|pin| is_met(pin, &path, &issuers)));
    let is_self_signed = own.issuer().as_raw() == own.subject().as_raw();
    let is_for_the_name = is_for(chain.first()?, host);
    let is_stranger = standing == Standing::UnknownIssuer && !is_self_signed && is_for_the_name;
    let others = if is_stranger { known.meet(issuers.first()?, host) } else { 0 };
    let made = At::from_millis(own.validity().not_before.timestamp().saturating_mul(1000));
    let age_ms = now.millis_since(made);
    let rule = judge(&Evidence {
        standing,
        is_for_the_name,
        is_self_signed,
        issuers: &issuers,
        is_pinned,
        age_ms,
        others,
    });
    let name = short(own.issuer());
    let fault = rule.map(|rule| intercepted(rule, standing, host, &name, pins, age_ms));
    let product = product(&issuers).map(str::to_owned);
    Some((Issuer { name, is_pinned, product }, fault))
}

fn intercepted(
    rule: Rule,
    standing: Standing,
    host: &str,
    issuer: &str,
    pins: &[IssuerPin],
    age_ms: i64,
) -> Fault {
    let why = match rule {
        Rule::Product(product) if standing == Standing::TrustedHere => format!(
            ", which this machine trusts and the public does not, and has the name of {product}: it decrypts TLS; if it is \
             meant to, pin it with `issuer`"
        ),
        Rule::NotPinned => {
            format!(", not by the pinned {}: something between decrypts TLS", written(pins))
        }
        Rule::Product(product) => {
            format!(", which is not trusted here and has the name of {product}: it decrypts TLS")
        }
        Rule::ManyHosts => {
            ", which is not trusted here and vouches for hosts of others as well: something between decrypts TLS"
                .to_owned()
        }
        Rule::Young => format!(
            ", which is not trusted here, {} h ago: something between decrypts TLS, or `trust_file` should name it",
            age_ms / 3_600_000
        ),
    };
    let fault =
        Fault::new(Failure::Intercepted, format!("the certificate of {host} is issued by {issuer}{why}"));
    if rule == Rule::NotPinned { fault.by(super::rule::Rule::Issuer) } else { fault }.in_phase(Phase::Tls)
}

/// Pins for a person; of a hash its beginning.
fn written(pins: &[IssuerPin]) -> String {
    let written: Vec<String> = pins
        .iter()
        .take(3)
        .map(|pin| match pin {
            IssuerPin::Named(name) => name.chars().take(40).collect(),
            IssuerPin::Sha256(hash) => format!("sha256:{}…", hex(hash.get(..4).unwrap_or_default())),
        })
        .collect();
    written.join(" or ")
}

/// From the server's own certificate upwards, each signed by the next. What a server sends besides proves nothing:
/// anybody can send anybody's certificate.
fn path<'a, 'd>(chain: &'a [X509Certificate<'d>]) -> Vec<&'a X509Certificate<'d>> {
    let mut path: Vec<&X509Certificate<'_>> = chain.first().into_iter().collect();
    while let Some(last) = path.last().copied() {
        if path.len() >= chain.len() || last.issuer().as_raw() == last.subject().as_raw() {
            break;
        }
        let next = chain.iter().find(|other| {
            other.subject().as_raw() == last.issuer().as_raw()
                && last.verify_signature(Some(other.public_key())).is_ok()
        });
        match next {
            Some(next) if !path.iter().any(|known| std::ptr::eq(*known, next)) => path.push(next),
            _ => break,
        }
    }
    path
}

fn is_met(pin: &IssuerPin, path: &[&X509Certificate<'_>], issuers: &[String]) -> bool {
    match pin {
        IssuerPin::Named(name) => {
            let name = name.to_lowercase();
            issuers.iter().any(|issuer| issuer.to_lowercase().contains(&name))
        }
        IssuerPin::Sha256(hash) => path.iter().any(|certificate| {
            sha256(certificate.as_raw()) == *hash || sha256(certificate.public_key().raw) == *hash
        }),
    }
}

fn is_for(own: &CertificateDer<'_>, host: &str) -> bool {
    let (Ok(own), Ok(name)) =
        (rustls::server::ParsedCertificate::try_from(own), ServerName::try_from(host.to_owned()))
    else {
        return false;
    };
    rustls::client::verify_server_name(&own, &name).is_ok()
}

/// The common name and the organisation, as far as there are any.
fn short(name: &X509Name<'_>) -> String {
    const CHARS_MAX: usize = 48;
    let clip = |text: &str| one_line(text).chars().take(CHARS_MAX).collect::<String>();
    let common = name.iter_common_name().next().and_then(|part| part.as_str().ok()).map(clip);
    let whose = name.iter_organization().next().and_then(|part| part.as_str().ok()).map(clip);
    match (common, whose) {
        (Some(common), Some(whose)) => format!("{common} ({whose})"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "an issuer without a name".to_owned(),
    }
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const YEAR: i64 = 365 * 24 * HOUR;

    #[test]
    fn interception_is_told_from_a_bad_certificate() {
        let private = ["CN=County Root".to_owned()];
        let firewall = ["CN=FortiGate CA, O=Fortinet".to_owned()];
        let public = ["C=US, O=Let's Encrypt, CN=R11".to_owned()];
        let base = Evidence {
            standing: Standing::UnknownIssuer,
            is_for_the_name: true,
            is_self_signed: false,
            issuers: &private,
            is_pinned: None,
            age_ms: YEAR,
            others: 0,
        };
        let trusted = Evidence { standing: Standing::Trusted, ..base };
        let here = Evidence { standing: Standing::TrustedHere, ..base };
        let amiss = Evidence { standing: Standing::Amiss, ..base };
        for (what, seen, rule) in [
            ("trusted, no pins", trusted, None),
            ("trusted and as pinned", Evidence { is_pinned: Some(true), ..trusted }, None),
            (
                "trusted, but not as pinned",
                Evidence { is_pinned: Some(false), ..trusted },
                Some(Rule::NotPinned),
            ),
            ("a product's name under a public root", Evidence { issuers: &firewall, ..trusted }, None),
            (
                "a firewall that this machine trusts",
                Evidence { issuers: &firewall, ..here },
                Some(Rule::Product("Fortinet")),
            ),
            (
                "the same, and the operator wants it",
                Evidence { issuers: &firewall, is_pinned: Some(true), ..here },
                None,
            ),
            ("an authority of the county's own", here, None),
            ("an old certificate of a private authority", base, None),
            (
                "one that nobody pinned, for the name",
                Evidence { is_pinned: Some(false), ..base },
                Some(Rule::NotPinned),
            ),
            (
                "the pinned one, without its root here",
                Evidence { is_pinned: Some(true), age_ms: HOUR, ..base },
                None,
            ),
            ("a product", Evidence { issuers: &firewall, ..base }, Some(Rule::Product("Fortinet"))),
            (
                "a product's page for another name",
                Evidence { issuers: &firewall, is_for_the_name: false, ..base },
                None,
            ),
            ("a firewall's own page", Evidence { issuers: &firewall, is_self_signed: true, ..base }, None),
            ("expired or for another name, of anybody", Evidence { age_ms: HOUR, others: 2, ..amiss }, None),
            (
                "the same, and not as pinned",
                Evidence { is_pinned: Some(false), ..amiss },
                Some(Rule::NotPinned),
            ),
            (
                "the same, and as pinned",
                Evidence { is_pinned: Some(true), issuers: &firewall, ..amiss },
                None,
            ),
            (
                "a product's, for another name",
                Evidence { issuers: &firewall, is_for_the_name: false, ..amiss },
                Some(Rule::Product("Fortinet")),
            ),
            (
                "a server's own, long expired",
                Evidence { is_pinned: Some(false), is_self_signed: true, ..amiss },
                None,
            ),
            ("made just now", Evidence { age_ms: HOUR, ..base }, Some(Rule::Young)),
            ("made just now, by itself", Evidence { age_ms: HOUR, is_self_signed: true, ..base }, None),
            (
                "made just now, for another name",
                Evidence { age_ms: HOUR, is_for_the_name: false, ..base },
                None,
            ),
            ("from the future: a clock is wrong", Evidence { age_ms: -HOUR, ..base }, None),
            (
                "renewed, its intermediate forgotten",
                Evidence { age_ms: HOUR, issuers: &public, others: 2, ..base },
                None,
            ),
            ("one other organisation", Evidence { others: 1, ..base }, None),
            ("several organisations", Evidence { others: 2, ..base }, Some(Rule::ManyHosts)),
        ] {
            assert_eq!(judge(&seen), rule, "{what}");
        }
    }

    #[test]
    fn an_unknown_issuer_of_many_hosts_is_noticed_and_made_up_ones_fill_no_memory() {
        let known = Issuers::default();
        assert_eq!(known.meet("CN=F", "a.accurx.example"), 0);
        assert_eq!(known.meet("CN=F", "b.accurx.example"), 0, "one organisation");
        assert_eq!(known.meet("CN=F", "docman.test"), 1);
        assert_eq!(known.meet("CN=G", "emis.test"), 0, "another issuer");
        assert_eq!(known.meet("CN=F", "emis.test"), 2);
        assert_eq!(known.meet("CN=F", "more.test"), 2, "no more are kept than are needed");
        for number in 0..10 * PROBE_ISSUERS_MAX {
            known.meet(&format!("CN={number}"), "accurx.example");
        }
        assert!(known.unknown.lock().expect("a lock").len() <= PROBE_ISSUERS_MAX);
    }

    #[test]
    fn a_certificate_that_signed_nothing_meets_no_pin() {
        let make = |name: &str| {
            let mut params = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().expect("a key"))
                .expect("a root")
        };
        let (good, evil, same_name) = (make("Good Root"), make("Evil Root"), make("Evil Root"));
        let key = rcgen::KeyPair::generate().expect("a key");
        let own = rcgen::CertificateParams::new(vec!["accurx.example".to_owned()])
            .and_then(|params| params.signed_by(&key, &evil))
            .expect("a certificate");
        let pinned = |pin: IssuerPin, chain: &[CertificateDer<'_>]| {
            let now = At::from_millis(0);
            let known = Issuers::default();
            let (issuer, _) =
                examine(chain, Standing::Trusted, "accurx.example", &[pin], &known, now).expect("a chain");
            issuer.is_pinned
        };
        let hash = |der: &CertificateDer<'_>| IssuerPin::Sha256(sha256(der));
        let chain = [own.der().clone(), same_name.der().clone(), evil.der().clone(), good.der().clone()];
        assert_eq!(pinned(hash(evil.der()), &chain), Some(true));
        assert_eq!(pinned(hash(own.der()), &chain), Some(true));
        assert_eq!(pinned(hash(good.der()), &chain), Some(false), "it is only lying there");
        assert_eq!(
            pinned(hash(same_name.der()), &chain),
            Some(false),
            "the name is right and the key is not"
        );
        assert_eq!(pinned(IssuerPin::Named("Good Root".to_owned()), &chain), Some(false));
        assert_eq!(pinned(IssuerPin::Named("evil root".to_owned()), &chain), Some(true));
    }

    #[test]
    fn the_detail_says_who_and_by_which_rule() {
        let pins = [IssuerPin::Named("DigiCert".to_owned())];
        let detail = |rule| {
            intercepted(
                rule,
                Standing::UnknownIssuer,
                "accurx.example",
                "FortiGate CA (Fortinet)",
                &pins,
                5 * HOUR,
            )
            .detail
        };
        assert_eq!(
            detail(Rule::NotPinned),
            "the certificate of accurx.example is issued by FortiGate CA (Fortinet), not by the pinned DigiCert: something between decrypts TLS"
        );
        assert!(detail(Rule::Product("Fortinet")).contains("has the name of Fortinet"));
        assert!(detail(Rule::ManyHosts).contains("hosts of others"));
        assert!(detail(Rule::Young).contains("5 h ago") && detail(Rule::Young).contains("`trust_file`"));
    }
}
