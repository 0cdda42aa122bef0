//! Whom a TLS check trusts, and a verifier that remembers what it saw. A chain that isn't trusted is the very one
//! that somebody will want to read, and rustls drops it with the handshake.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, CipherSuite, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::fault::Fault;
use super::vouched::Vouched;
use crate::distrust;
use crate::limits::PROBE_TRUST_SETS_MAX;
use crate::observation::Failure;

/// TLS can't be set up on this machine at all.
#[derive(Debug, thiserror::Error)]
#[error("no TLS check can be made: neither this machine's roots nor the built-in ones can be used: {0}")]
pub struct NoTrust(#[source] rustls::client::VerifierBuilderError);

/// The roots of this machine (or Mozilla's, where it has none), and those given by probes.
#[derive(Debug)]
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    platform: Arc<dyn ServerCertVerifier>,
    /// Mozilla's roots: what everybody trusts, whatever this machine's keeper has added here.
    public: Arc<dyn ServerCertVerifier>,
    /// By the PEM text.
    given: Mutex<HashMap<String, Arc<dyn ServerCertVerifier>>>,
}

impl Trust {
    /// Reads the machine's roots; a certificate added to them later counts after a restart.
    pub(super) fn new() -> Result<Self, NoTrust> {
        let mut provider = rustls::crypto::ring::default_provider();
        // Servers that follow the client's order then hash with SHA-256, which processors do themselves: a check costs a
        // tenth less than with SHA-384.
        provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
        let provider = Arc::new(provider);
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let public: Arc<dyn ServerCertVerifier> =
            WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
                .build()
                .map_err(NoTrust)?;
        let platform: Arc<dyn ServerCertVerifier> = match rustls_platform_verifier::Verifier::new(Arc::clone(
            &provider,
        )) {
            Ok(platform) => Arc::new(platform),
            Err(error) => {
                tracing::warn!(%error, "this machine has no root certificates; using Mozilla's, built in");
                Arc::<dyn ServerCertVerifier>::clone(&public)
            }
        };
        let platform = Arc::new(Vouched::new(platform));
        Ok(Self { provider, platform, public, given: Mutex::default() })
    }

    /// A configuration for one handshake, and the recorder that sees its chain. Sessions aren't resumed: a resumed
    /// one shows no certificate and hides half of the handshake's time. `protocols`: what is offered to speak above TLS.
    pub(super) fn for_one_handshake(
        &self,
        pem: Option<&str>,
        protocols: &[&[u8]],
    ) -> Result<(ClientConfig, Arc<Recorder>), Fault> {
        let verifier = match pem {
            None => Arc::clone(&self.platform),
            Some(pem) => self.of_given(pem)?,
        };
        let recorder = Arc::new(Recorder { verifier, seen: Mutex::default() });
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Fault::local(format!("setting up TLS: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::<Recorder>::clone(&recorder))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok((config, recorder))
    }

    /// Whether this chain leads to a root that everybody trusts, and not only this machine.
    pub(super) fn is_public(&self, chain: &[CertificateDer<'_>], host: &str) -> bool {
        let (Some((own, others)), Ok(name)) = (chain.split_first(), ServerName::try_from(host)) else {
            return false;
        };
        self.public.verify_server_cert(own, others, &name, &[], UnixTime::now()).is_ok()
    }

    fn of_given(&self, pem: &str) -> Result<Arc<dyn ServerCertVerifier>, Fault> {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verifier) = given.get(pem) {
            return Ok(Arc::clone(verifier));
        }
        let unusable =
            |why: String| Fault::local(format!("the roots that this probe trusts can't be used: {why}"));
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
            roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&self.provider))
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        let verifier: Arc<dyn ServerCertVerifier> = Arc::new(Vouched::new(verifier));
        if given.len() < PROBE_TRUST_SETS_MAX {
            given.insert(pem.to_owned(), Arc::clone(&verifier));
        }
        Ok(verifier)
    }
}

/// Verifies as the verifier inside does, and keeps the chain that it was shown.
#[derive(Debug)]
pub(super) struct Recorder {
    verifier: Arc<dyn ServerCertVerifier>,
    seen: Mutex<Seen>,
}

/// What a handshake showed.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// As the server sent it, its own certificate first; empty when it got no further.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// Why the chain isn't trusted.
    pub(super) distrust: Option<CertificateError>,
}

impl Recorder {
    pub(super) fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict =
            self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let chain = std::iter::once(end_entity).chain(intermediates);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.chain = chain.map(|certificate| certificate.clone().into_owned()).collect();
        seen.distrust = match &verdict {
            Err(Error::InvalidCertificate(why)) => Some(why.clone()),
            _ => None,
        };
        verdict
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

/// Why a chain isn't trusted, in the contract's words and a person's.
pub(super) fn distrusted(why: &CertificateError, name: &str, issuer: Option<&str>) -> Fault {
    let failure = match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Failure::Expired,
        _ => Failure::Untrusted,
    };
    let words = distrust::words(why, issuer);
    Fault::new(failure, format!("{name}: {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_that_are_none_are_this_machines_fault() {
        let trust = Trust::new().expect("roots");
        let fault = trust.for_one_handshake(Some("no certificate here"), &[]).expect_err("no roots");
        assert_eq!(fault.failure, Failure::Local);
        assert!(fault.detail.contains("roots"), "{}", fault.detail);
    }

    #[test]
    fn the_reasons_not_to_trust_are_told_apart() {
        for (why, failure) in [
            (CertificateError::Expired, Failure::Expired),
            (CertificateError::NotValidYet, Failure::Untrusted),
            (CertificateError::UnknownIssuer, Failure::Untrusted),
            (CertificateError::NotValidForName, Failure::Untrusted),
            (CertificateError::BadSignature, Failure::Untrusted),
        ] {
            assert_eq!(distrusted(&why, "accurx.example", None).failure, failure, "{why:?}");
        }
        let named = distrusted(&CertificateError::UnknownIssuer, "accurx.example", Some("Box in the cellar"));
        assert!(named.detail.contains("comes from Box in the cellar"), "{}", named.detail);
    }
}
