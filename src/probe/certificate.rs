//! Certificates described for a person, and their remaining days.

use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::answer::Certificate;
use super::fault::one_line;
use super::interception::{hex, sha256};
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
