//! Chains that were verified lately. A check verifies two signatures: that of the handshake, which proves that the server has
//! the key, and that of the chain, which says the same for as long as its bytes do. The second is a third of what a check of a
//! web service costs, and the practices of an estate are shown the same few chains over and over, so its verdict is kept for a
//! while. Connections, sessions and the handshake's own signature are made and verified anew each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ring::digest::{Context, SHA256};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::limits::{PROBE_VOUCHED_FOR, PROBE_VOUCHED_MAX};

/// SHA-256 of what was verified: the chain, the name, and what was stapled to it.
type Key = [u8; 32];

/// Verifies as the verifier inside does, and remembers for a while whom it trusts. What it doesn't trust is verified each time.
#[derive(Debug)]
pub(super) struct Vouched {
    verifier: Arc<dyn ServerCertVerifier>,
    /// From when until when (seconds since 1970) the verdict stands.
    known: Mutex<HashMap<Key, (u64, u64)>>,
}

impl Vouched {
    pub(super) fn new(verifier: Arc<dyn ServerCertVerifier>) -> Self {
        Self { verifier, known: Mutex::default() }
    }

    fn stands(&self, key: &Key, now: UnixTime) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).is_some_and(|(from, until)| (*from..*until).contains(&now.as_secs()))
    }

    fn remember(&self, key: Key, now: UnixTime, ends: u64) {
        let now = now.as_secs();
        let until = ends.min(now.saturating_add(PROBE_VOUCHED_FOR.as_secs()));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= PROBE_VOUCHED_MAX {
            known.clear();
        }
        known.insert(key, (now, until));
    }
}

impl ServerCertVerifier for Vouched {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let key = key(end_entity, intermediates, server_name, ocsp_response);
        if self.stands(&key, now) {
            return Ok(ServerCertVerified::assertion());
        }
        let verdict =
            self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        if let Some(ends) = first_end(end_entity, intermediates) {
            self.remember(key, now, ends);
        }
        Ok(verdict)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

fn key(
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    server_name: &ServerName<'_>,
    ocsp_response: &[u8],
) -> Key {
    let mut digest = Context::new(&SHA256);
    // With its length before it, no part can be taken for another.
    let mut add = |bytes: &[u8]| {
        digest.update(&(bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    };
    add(server_name.to_str().as_bytes());
    add(ocsp_response);
    std::iter::once(end_entity).chain(intermediates).for_each(|certificate| add(certificate));
    let mut key = Key::default();
    key.copy_from_slice(digest.finish().as_ref());
    key
}

/// When the first certificate of the chain ends, in seconds since 1970; `None`: one can't be read.
fn first_end(end_entity: &CertificateDer<'_>, intermediates: &[CertificateDer<'_>]) -> Option<u64> {
    let ends = std::iter::once(end_entity).chain(intermediates).map(|der| {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        u64::try_from(certificate.validity().not_after.timestamp()).ok()
    });
    ends.min_by_key(|end| end.unwrap_or(0)).flatten()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    /// Trusts everybody, or nobody, and counts how often it is asked.
    #[derive(Debug)]
    struct Counting {
        trusts: bool,
        asked: AtomicUsize,
    }

    impl ServerCertVerifier for Counting {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if self.trusts { Ok(ServerCertVerified::assertion()) } else { Err(Error::DecryptError) }
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::DecryptError)
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::DecryptError)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            Vec::new()
        }
    }

    /// 1 March 2026, midnight, after so many seconds.
    fn at(s: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(1_772_323_200 + s))
    }

    fn certificate(name: &str) -> CertificateDer<'static> {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 3, 2);
        params.self_signed(&key).expect("a certificate").der().clone()
    }

    fn counting(trusts: bool) -> (Arc<Counting>, Vouched) {
        let counting = Arc::new(Counting { trusts, asked: AtomicUsize::new(0) });
        (Arc::clone(&counting), Vouched::new(counting))
    }

    fn ask(vouched: &Vouched, chain: &[CertificateDer<'_>], name: &str, now: UnixTime) -> bool {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let (own, others) = chain.split_first().expect("a chain");
        vouched.verify_server_cert(own, others, &name, &[], now).is_ok()
    }

    #[test]
    fn the_same_chain_is_verified_once_in_a_while_and_any_other_at_once() {
        let (counting, vouched) = counting(true);
        let asked = || counting.asked.load(Ordering::Relaxed);
        let own = certificate("accurx.example");
        let chain = [own.clone(), certificate("issuer.example")];
        for s in [0, 30, 60] {
            assert!(ask(&vouched, &chain, "accurx.example", at(s)));
        }
        assert_eq!(asked(), 1);
        ask(&vouched, &chain, "docman.example", at(60));
        ask(&vouched, std::slice::from_ref(&own), "accurx.example", at(60));
        ask(&vouched, &[chain[1].clone(), own], "accurx.example", at(60));
        assert_eq!(asked(), 4, "another name, and other chains");
        ask(&vouched, &chain, "accurx.example", at(PROBE_VOUCHED_FOR.as_secs()));
        assert_eq!(asked(), 5, "it was a while ago");
    }

    #[test]
    fn a_verdict_never_outlives_a_certificate_and_a_clock_that_is_set_back_asks_again() {
        let (counting, vouched) = counting(true);
        let asked = || counting.asked.load(Ordering::Relaxed);
        let chain = [certificate("accurx.example")];
        // Ten seconds before midnight of the day on which it ends.
        ask(&vouched, &chain, "accurx.example", at(86_390));
        ask(&vouched, &chain, "accurx.example", at(86_399));
        assert_eq!(asked(), 1);
        ask(&vouched, &chain, "accurx.example", at(86_400));
        assert_eq!(asked(), 2);
        ask(&vouched, &chain, "accurx.example", at(0));
        assert_eq!(asked(), 3);
    }

    #[test]
    fn who_is_not_trusted_is_asked_for_each_time() {
        let (counting, vouched) = counting(false);
        let chain = [certificate("accurx.example")];
        assert!(!ask(&vouched, &chain, "accurx.example", at(0)));
        assert!(!ask(&vouched, &chain, "accurx.example", at(1)));
        assert_eq!(counting.asked.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (_, vouched) = counting(true);
        for n in 0..2 * PROBE_VOUCHED_MAX as u64 {
            let mut key = Key::default();
            key[..8].copy_from_slice(&n.to_le_bytes());
            vouched.remember(key, at(0), u64::MAX);
        }
        let known = vouched.known.lock().expect("nobody panicked").len();
        assert!(known <= PROBE_VOUCHED_MAX, "{known}");
    }
}
