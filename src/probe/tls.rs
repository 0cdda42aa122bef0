//! The TLS handshake of a check: whom it asks for, what it shows of itself, and what it thinks of the answer.

use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{AlertDescription, CertificateError};
use secrecy::ExposeSecret;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate;
use super::fault::{self, Fault};
use super::interception::{self, Standing};
use super::rule::Rule;
use super::talk::Tools;
use super::trail::Trail;
use super::trust::{Seen, distrusted};
use super::wire::Wire;
use crate::estate::{ClientIdentity, IssuerPin, TlsPeer};
use crate::observation::{Failure, Phase};
use crate::time::At;

/// What is offered to speak above TLS.
pub(super) const HTTP_1: &[&[u8]] = &[b"http/1.1"];
pub(super) const HTTP_2: &[&[u8]] = &[b"h2"];
/// HTTP/2 where the server knows it, since some know nothing else.
pub(super) const HTTP_ANY: &[&[u8]] = &[b"h2", b"http/1.1"];
const NO_CHOICE: &[&[u8]] = &[];

/// How a handshake begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hello<'a> {
    /// Whom the certificate must be for.
    pub(super) host: &'a str,
    /// Roots that are trusted instead of this machine's, as PEM.
    pub(super) trust_pem: Option<&'a str>,
    pub(super) protocols: &'a [&'a [u8]],
    /// Who may have issued the certificate; empty: anybody who is trusted.
    pub(super) pins: &'a [IssuerPin],
    /// What is shown to a server that asks for it.
    pub(super) identity: Option<&'a ClientIdentity>,
    /// Whether the caller speaks as soon as hands are shaken, see `wire.rs`.
    pub(super) speaks_first: bool,
}

impl<'a> Hello<'a> {
    /// With nothing above TLS to choose from. `host`: the target's, whose name the certificate must be for where the peer
    /// has none of its own.
    pub(super) fn to(peer: &'a TlsPeer, host: &'a str) -> Self {
        let (host, trust_pem) = (peer.name_or(host), peer.trust_pem.as_deref());
        Self { host, trust_pem, protocols: NO_CHOICE, pins: &[], identity: None, speaks_first: false }
    }
}

pub(super) type TlsOverTcp = TlsStream<Wire<TcpStream>>;

/// A connection over TLS.
pub(super) struct Secured {
    pub(super) stream: TlsOverTcp,
    /// Of the server's own certificate.
    pub(super) days_left: Option<i64>,
}

/// Shakes hands; the caller has entered the phase. The certificates are kept whether they are trusted or not.
pub(super) async fn handshake(
    stream: TcpStream,
    hello: &Hello<'_>,
    tools: &Tools<'_>,
    trail: &Trail,
) -> Result<Secured, Fault> {
    let host = hello.host;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Fault::local(format!("{host} is no name that a certificate could be for")))?;
    let (mut config, recorder) = tools.trust.for_one_handshake(hello.trust_pem, hello.protocols)?;
    if let Some(identity) = hello.identity {
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified(identity)?));
    }
    // What is asked may follow the handshake's last word without waiting for an answer to that; Nagle's algorithm would keep it
    // back until the other side has acknowledged.
    stream.set_nodelay(true).map_err(|error| Fault::io(&error, "setting up the connection"))?;
    let stream = if hello.speaks_first { Wire::waiting(stream) } else { Wire::new(stream) };
    let outcome = TlsConnector::from(Arc::new(config)).connect(name, stream).into_fallible().await;
    let outcome = match outcome {
        Ok(mut stream) => {
            stream.get_mut().0.go_on();
            Ok(stream)
        }
        Err((error, mut stream)) => {
            // The server hears why. Whether it does changes nothing.
            stream.go_on();
            drop(stream.flush().await);
            Err(error)
        }
    };
    let seen = recorder.seen();
    let described = certificate::describe(&seen.chain);
    let days_left = described.first().map(|own| own.days_left(At::from(jiff::Timestamp::now())));
    let issuers: Vec<String> = described.iter().map(|certificate| certificate.issuer.clone()).collect();
    trail.note(|facts| facts.certificates = described);
    let (issuer, intercepted) = examined(&seen, &issuers, hello, tools, trail);
    match outcome {
        Ok(stream) => {
            let version = stream.get_ref().1.protocol_version();
            trail.note(|facts| {
                facts.tls_version = version.and_then(|v| v.as_str()).map(|v| v.replace('_', "."));
            });
            // A server may pass over what we offered, and then speaks HTTP/1.1.
            let agreed = stream.get_ref().1.alpn_protocol();
            match intercepted {
                Some(fault) => Err(fault),
                None if hello.protocols == HTTP_2 && agreed != Some(b"h2") => Err(no_second(host)),
                None => Ok(Secured { stream, days_left }),
            }
        }
        Err(error) => Err(match (&seen.distrust, fault::inner::<rustls::Error>(&error)) {
            (Some(why), _) => intercepted.unwrap_or_else(|| distrusted(why, host, issuer.as_deref())),
            (None, Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)))
                if hello.protocols == HTTP_2 =>
            {
                no_second(host)
            }
            (None, _) => Fault::io(&error, &format!("TLS with {host}")),
        }),
    }
}

/// Judged last, because a certificate that will expire is no outage, and anything else that is wrong is.
pub(super) fn days_suffice(days_min: Option<u32>, days_left: Option<i64>) -> Result<(), Fault> {
    match (days_min, days_left) {
        (Some(min), Some(left)) if left < i64::from(min) => Err(Fault::new(
            Failure::Expired,
            format!("the certificate has {left} days left, fewer than {min}"),
        )
        .by(Rule::CertificateDays)
        .in_phase(Phase::Tls)),
        _ => Ok(()),
    }
}

/// Notes who issued the certificate, and finds out whether somebody decrypts. Gives the issuer's name, too. `issuers`: all that the
/// chain names, true or not.
fn examined(
    seen: &Seen,
    issuers: &[String],
    hello: &Hello<'_>,
    tools: &Tools<'_>,
    trail: &Trail,
) -> (Option<String>, Option<Fault>) {
    let standing = match seen.distrust {
        // A root that the operator gave is one that is meant. Of the machine's own it is asked only where something hangs on it.
        None if hello.trust_pem.is_none()
            && interception::product(issuers).is_some()
            && !tools.trust.is_public(&seen.chain, hello.host) =>
        {
            Standing::TrustedHere
        }
        None => Standing::Trusted,
        Some(CertificateError::UnknownIssuer | CertificateError::BadSignature) => Standing::UnknownIssuer,
        // Expired, revoked, for another name. It says by itself what is wrong with it; but not, who made it.
        Some(_) => Standing::Amiss,
    };
    let now = At::from(jiff::Timestamp::now());
    let examined = interception::examine(&seen.chain, standing, hello.host, hello.pins, tools.issuers, now);
    let Some((issuer, fault)) = examined else { return (None, None) };
    let name = issuer.name.clone();
    trail.note(|facts| facts.issuer = Some(issuer));
    (Some(name), fault)
}

fn no_second(host: &str) -> Fault {
    Fault::new(Failure::Protocol, format!("{host} does not speak HTTP/2, which `version` asks for"))
        .by(Rule::Version)
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
