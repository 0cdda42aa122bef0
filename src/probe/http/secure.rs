//! The TLS handshake of an HTTP check: whom it asks for, what it shows of itself, and what it thinks of the answer.

use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{AlertDescription, CertificateError};
use secrecy::ExposeSecret;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Tools;
use crate::estate::{ClientIdentity, HttpAsk, HttpVersion, IssuerPin};
use crate::observation::{Failure, Phase};
use crate::probe::fault::{self, Fault};
use crate::probe::interception::{self, Standing};
use crate::probe::trail::Trail;
use crate::probe::trust::{Seen, distrusted};
use crate::probe::{certificate, interception::Issuers};
use crate::time::At;

/// Shakes hands with whoever answers for `host`. What the operator says of the service asked for (its pins, our
/// certificate for it) doesn't hold for a host that a redirect leads to.
pub(super) async fn handshake(
    stream: TcpStream,
    host: &str,
    is_first: bool,
    ask: &HttpAsk,
    tools: &Tools<'_>,
    trail: &Trail,
) -> Result<TlsStream<TcpStream>, Fault> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Fault::local(format!("{host} is no name that a certificate could be for")))?;
    let (mut config, recorder) = tools.trust.for_one_handshake(ask.trust_pem.as_deref())?;
    config.alpn_protocols = match ask.version {
        HttpVersion::Http1 => vec![b"http/1.1".to_vec()],
        HttpVersion::Http2 => vec![b"h2".to_vec()],
    };
    if let Some(identity) = ask.client_identity.as_ref().filter(|_| is_first) {
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified(identity)?));
    }
    let pins: &[IssuerPin] = if is_first { &ask.issuers } else { &[] };
    let outcome = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let seen = recorder.seen();
    trail.note(|facts| facts.certificates = certificate::describe(&seen.chain));
    let intercepted = examined(&seen, host, pins, tools.issuers, trail);
    match outcome {
        Ok(stream) => {
            let version = stream.get_ref().1.protocol_version();
            trail.note(|facts| {
                facts.tls_version = version.and_then(|v| v.as_str()).map(|v| v.replace('_', "."));
            });
            match intercepted {
                Some(fault) => Err(fault),
                None => agreed(&stream, ask.version).map(|()| stream),
            }
        }
        Err(error) => Err(match (&seen.distrust, fault::inner::<rustls::Error>(&error)) {
            (Some(why), _) => intercepted.unwrap_or_else(|| distrusted(why, host)),
            (None, Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)))
                if ask.version == HttpVersion::Http2 =>
            {
                no_second(host)
            }
            (None, _) => Fault::io(&error, &format!("TLS with {host}")),
        }),
    }
}

/// Notes who issued the certificate, and finds out whether somebody decrypts.
fn examined(seen: &Seen, host: &str, pins: &[IssuerPin], known: &Issuers, trail: &Trail) -> Option<Fault> {
    let standing = match seen.distrust {
        None => Standing::Trusted,
        Some(CertificateError::UnknownIssuer | CertificateError::BadSignature) => Standing::UnknownIssuer,
        // Expired, revoked, for another name: it says by itself what is wrong with it.
        Some(_) => return None,
    };
    let now = At::from(jiff::Timestamp::now());
    let (issuer, fault) = interception::examine(&seen.chain, standing, host, pins, known, now)?;
    trail.note(|facts| facts.issuer = Some(issuer));
    fault
}

/// A server may pass over what we offered, and then speaks HTTP/1.1.
fn agreed(stream: &TlsStream<TcpStream>, version: HttpVersion) -> Result<(), Fault> {
    match version {
        HttpVersion::Http2 if stream.get_ref().1.alpn_protocol() != Some(b"h2") => {
            Err(no_second("the server"))
        }
        _ => Ok(()),
    }
}

fn no_second(host: &str) -> Fault {
    Fault::new(Failure::Protocol, format!("{host} does not speak HTTP/2, which `version` asks for"))
        .in_phase(Phase::Tls)
}

/// The configuration has seen to it that the two fit; nothing of the key is said.
fn certified(identity: &ClientIdentity) -> Result<CertifiedKey, Fault> {
    let unusable = || Fault::local("the client certificate and its key can't be used; `check` says why");
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(identity.certificate_pem.as_bytes()).collect();
    let key =
        PrivateKeyDer::from_pem_slice(identity.key_pem.expose_secret().as_bytes()).map_err(|_| unusable())?;
    let chain = chain.map_err(|_| unusable())?;
    CertifiedKey::from_der(chain, key, &default_provider()).map_err(|_| unusable())
}
