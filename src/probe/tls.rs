//! A TLS handshake of its own for one check, its certificates kept whether they are trusted or not.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate;
use super::fault::Fault;
use super::trail::Trail;
use super::trust::{Trust, distrusted};
use crate::observation::{Failure, Phase};
use crate::time::At;

/// Protocols that HTTP checks offer.
pub(super) const HTTP: &[&[u8]] = &[b"http/1.1"];
/// Others have none to choose from.
pub(super) const NO_CHOICE: &[&[u8]] = &[];

/// A connection over TLS.
pub(super) struct Secured {
    pub(super) stream: TlsStream<TcpStream>,
    /// Of the server's own certificate.
    pub(super) days_left: Option<i64>,
}

/// The caller has entered the phase. `host`: whom the certificate must be for; `pem`: roots trusted instead of this
/// machine's.
pub(super) async fn handshake(
    stream: TcpStream,
    host: &str,
    pem: Option<&str>,
    protocols: &[&[u8]],
    trust: &Trust,
    trail: &Trail,
) -> Result<Secured, Fault> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Fault::local(format!("{host} is no name that a certificate could be for")))?;
    let (config, recorder) = trust.for_one_handshake(pem, protocols)?;
    let outcome = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let seen = recorder.seen();
    let described = certificate::describe(&seen.chain);
    let days_left = described.first().map(|own| own.days_left(At::from(jiff::Timestamp::now())));
    trail.note(|facts| facts.certificates = described);
    match outcome {
        Ok(stream) => {
            let version = stream.get_ref().1.protocol_version();
            trail.note(|facts| {
                facts.tls_version = version.and_then(|v| v.as_str()).map(|v| v.replace('_', "."));
            });
            Ok(Secured { stream, days_left })
        }
        Err(error) => Err(match &seen.distrust {
            Some(why) => distrusted(why, host),
            None => Fault::io(&error, &format!("TLS with {host}")),
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
        .in_phase(Phase::Tls)),
        _ => Ok(()),
    }
}
