//! Certificates described for a person, and their remaining days.

use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::answer::Certificate;
use super::fault::one_line;
use super::interception::sha256;
use crate::hex::hex;
use crate::limits::{PROBE_CERTIFICATES_MAX, PROBE_LISTED_MAX};
use crate::time::At;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The readable ones of a chain, in its order.
pub(super) fn describe(chain: &[CertificateDer<'_>]) -> Vec<Certificate> {
    chain.iter().take(PROBE_CERTIFICATES_MAX).filter_map(|der| describe_one(der)).collect()
}

fn describe_one(der: &[u8]) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let names = match certificate.subject_alternative_name() {
        Ok(Some(extension)) => {
            extension.value.general_names.iter().filter_map(name).take(PROBE_LISTED_MAX).collect()
        }
        _ => Vec::new(),
    };
    let at = |seconds: i64| At::from_millis(seconds.saturating_mul(1000));
    Some(Certificate {
        subject: one_line(&certificate.subject().to_string()),
        issuer: one_line(&certificate.issuer().to_string()),
        not_before: at(certificate.validity().not_before.timestamp()),
        not_after: at(certificate.validity().not_after.timestamp()),
        names,
        key_sha256: hex(&sha256(certificate.public_key().raw)),
    })
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(one_line(name)),
        GeneralName::IPAddress(bytes) => {
            let address = <[u8; 4]>::try_from(*bytes)
                .map(IpAddr::from)
                .or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

impl Certificate {
    /// Whole days from `now` to its last moment; negative when that has passed.
    pub fn days_left(&self, now: At) -> i64 {
        self.not_after.millis_since(now).div_euclid(DAY_MS)
    }
}

/// The fuzz target: a chain, each certificate behind two bytes of length. The first byte chooses how it stands with the
/// verifier and whether an issuer is pinned.
#[cfg(any(fuzzing, test))]
pub(crate) fn fuzz(bytes: &[u8]) {
    use super::interception::{Issuers, Standing, examine};
    use crate::estate::IssuerPin;

    let (how, mut rest) = crate::fuzzing::choice(bytes);
    let mut chain = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (der, later) =
            after.split_at_checked(usize::from(u16::from_be_bytes(*length))).unwrap_or((after, &[]));
        chain.push(CertificateDer::from(der));
        rest = later;
    }
    let trail = super::fuzzing::trail();
    let described = describe(&chain);
    assert!(described.len() <= PROBE_CERTIFICATES_MAX);
    let now = At::from_millis(1_773_644_400_000);
    for certificate in &described {
        let _: i64 = certificate.days_left(now);
        assert!(certificate.names.len() <= PROBE_LISTED_MAX && certificate.key_sha256.len() == 64);
    }
    let standing = if how & 1 == 0 { Standing::Trusted } else { Standing::UnknownIssuer };
    let pins = match how >> 1 & 3 {
        0 => Vec::new(),
        1 => vec![IssuerPin::Named("County Root".to_owned())],
        _ => vec![IssuerPin::Sha256([7; 32])],
    };
    let examined = examine(&chain, standing, "accurx.example", &pins, &Issuers::default(), now);
    trail.note(|facts| facts.certificates = described);
    let Some((issuer, fault)) = examined else { return super::fuzzing::end(trail, Ok(())) };
    if standing == Standing::Trusted && pins.is_empty() {
        assert_eq!(fault, None, "what is trusted and not pinned is nobody's interception");
    }
    assert_eq!(issuer.is_pinned.is_none(), pins.is_empty());
    trail.note(|facts| facts.issuer = Some(issuer));
    super::fuzzing::end(trail, fault.map_or(Ok(()), Err));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_described_with_its_names_and_days() {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params =
            rcgen::CertificateParams::new(vec!["accurx.example".to_owned(), "127.0.0.1".to_owned()])
                .expect("parameters");
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 3, 1);
        params.distinguished_name.push(rcgen::DnType::CommonName, "evil\r\nname");
        let certificate = params.self_signed(&key).expect("a certificate");
        let described = describe(&[certificate.der().clone(), CertificateDer::from(vec![1, 2, 3])]);
        let [first] = described.as_slice() else { panic!("the second is no certificate: {described:?}") };
        assert_eq!(first.names, ["accurx.example", "127.0.0.1"]);
        assert!(!first.subject.contains('\n'), "{}", first.subject);
        let now: At = "2026-02-20T12:00:00Z".parse().expect("a time");
        assert_eq!(first.days_left(now), 8);
        assert_eq!(first.days_left("2026-03-01T00:00:01Z".parse().expect("a time")), -1);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600)) {
            drop(describe_one(&bytes));
        }
    }
}
