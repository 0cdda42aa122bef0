//! `https` and `http`: one GET, with each phase timed apart, the certificate chain kept, and redirects followed within
//! bounds.
//!
//! `first_byte` ends when the answer's head (status and headers) is there whole. A redirect's phases add up. Of the
//! body at most [`crate::limits::PROBE_BODY_BYTES_MAX`] bytes are read: a body without end is fine when all that is
//! expected stands within them.

mod body;
mod exchange;
mod h2;
mod redirect;
mod tap;

use std::net::IpAddr;
use std::sync::Arc;

use hyper::StatusCode;
use reqwest::Url;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use self::exchange::Page;
use self::redirect::Way;
use super::certificate;
use super::fault::{Fault, one_line};
use super::lookup::Lookup;
use super::socket;
use super::trail::Trail;
use super::trust::{Trust, distrusted};
use crate::estate::{HostPort, HttpAsk};
use crate::observation::{Failure, Phase};
use crate::time::At;

/// What web checks speak.
const HTTP_1: &[&[u8]] = &[b"http/1.1"];

/// What a POST may go over: HTTP/2 where the server knows it, since some know nothing else.
pub(super) const HTTP_ANY: &[&[u8]] = &[b"h2", b"http/1.1"];

/// What an HTTP check needs besides its definition.
pub(super) struct Tools<'a> {
    pub(super) lookup: &'a Lookup,
    pub(super) trust: &'a Trust,
}

pub(super) async fn ask(
    ask: &HttpAsk,
    source: Option<IpAddr>,
    tools: &Tools<'_>,
    trail: &Trail,
) -> Result<(), Fault> {
    let first = Url::parse(&ask.url).map_err(|error| Fault::local(format!("`url` {}: {error}", ask.url)))?;
    let mut way = Way::from(first.clone());
    // The certificate that is judged by its days is that of the service asked for, not of where it sends us.
    let mut days_left = None;
    loop {
        let fetched = fetch(ask, &first, &mut way, source, tools, trail).await?;
        if days_left.is_none() {
            days_left = fetched.days_left;
        }
        let page = fetched.page;
        let Some(next) = way.next(ask, page.status, page.location.as_deref())? else {
            judge(ask, &page)?;
            break;
        };
        trail.note(|facts| facts.redirects.push(one_line(next.as_str())));
    }
    // Last, because a certificate that will expire is no outage, and anything else that is wrong is.
    match (ask.certificate_days_min, days_left) {
        (Some(min), Some(left)) if left < i64::from(min) => Err(Fault::new(
            Failure::Expired,
            format!("the certificate has {left} days left, fewer than {min}"),
        )
        .in_phase(Phase::Tls)),
        _ => Ok(()),
    }
}

struct Fetched {
    page: Page,
    days_left: Option<i64>,
}

/// One URL, over a connection of its own.
async fn fetch(
    ask: &HttpAsk,
    first: &Url,
    way: &mut Way,
    source: Option<IpAddr>,
    tools: &Tools<'_>,
    trail: &Trail,
) -> Result<Fetched, Fault> {
    let host = host_port(way.here())?;
    let given = ask.connect_to.as_ref().filter(|_| same_host(way.here(), first));
    let addresses =
        tools.lookup.addresses(given.unwrap_or(&host), ask.name_server.as_ref(), source, trail).await?;
    let addresses = way.permitted(addresses)?;
    trail.enter(Phase::Connect);
    let stream = socket::connect(&addresses, source, trail).await?;
    let url = way.here();
    let leads_on = |status, location: Option<&str>| Way::leads_on(ask, status, location);
    if url.scheme() != "https" {
        let page = exchange::get(stream, url, leads_on, trail).await?;
        return Ok(Fetched { page, days_left: None });
    }
    trail.enter(Phase::Tls);
    let stream = handshake(stream, &host.host, ask.trust_pem.as_deref(), HTTP_1, tools.trust, trail).await?;
    let days_left = stream.get_ref().1.peer_certificates().and_then(|chain| {
        let described = certificate::describe(chain.get(..1)?);
        described.first().map(|own| own.days_left(At::from(jiff::Timestamp::now())))
    });
    let page = exchange::get(stream, url, leads_on, trail).await?;
    Ok(Fetched { page, days_left })
}

/// Makes TLS of a connection, and keeps what it showed. `alpn` are the protocols offered within it; a server that
/// speaks none of them would hang up, so one of a service that has no word of its own is offered none.
pub(super) async fn handshake(
    stream: TcpStream,
    host: &str,
    pem: Option<&str>,
    alpn: &[&[u8]],
    trust: &Trust,
    trail: &Trail,
) -> Result<TlsStream<TcpStream>, Fault> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Fault::local(format!("{host} is no name that a certificate could be for")))?;
    let (mut config, recorder) = trust.for_one_handshake(pem)?;
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    let outcome = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let seen = recorder.seen();
    trail.note(|facts| facts.certificates = certificate::describe(&seen.chain));
    match outcome {
        Ok(stream) => {
            let version = stream.get_ref().1.protocol_version();
            trail.note(|facts| {
                facts.tls_version = version.and_then(|v| v.as_str()).map(|v| v.replace('_', "."));
            });
            Ok(stream)
        }
        Err(error) => Err(match &seen.distrust {
            Some(why) => distrusted(why, host),
            None => Fault::io(&error, &format!("TLS with {host}")),
        }),
    }
}

/// What a POST is answered with.
pub(super) struct Posted {
    pub(super) status: StatusCode,
    pub(super) media_type: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Posts over a connection that stands, in the version that its handshake settled on. A redirect isn't followed: it is the answer.
pub(super) async fn post(
    stream: TlsStream<TcpStream>,
    host: &str,
    path: &str,
    media_type: &str,
    body: Vec<u8>,
    trail: &Trail,
) -> Result<Posted, Fault> {
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let request = exchange::posting(host, path, media_type, body, is_h2)?;
    let page = if is_h2 {
        h2::put(stream, request, trail).await?
    } else {
        exchange::put(stream, request, |_, _| false, trail).await?
    };
    Ok(Posted { status: page.status, media_type: page.content_type, body: page.body.bytes().to_vec() })
}

fn judge(ask: &HttpAsk, page: &Page) -> Result<(), Fault> {
    let status = page.status;
    let fine = if ask.expect_status.is_empty() {
        (200..400).contains(&status.as_u16())
    } else {
        ask.expect_status.contains(&status.as_u16())
    };
    if !fine {
        let failure = if status == StatusCode::NETWORK_AUTHENTICATION_REQUIRED {
            Failure::BlockedPage
        } else {
            Failure::Status
        };
        return Err(Fault::new(failure, format!("the answer is {status}")).in_phase(Phase::FirstByte));
    }
    match &ask.expect_body {
        Some(expected) if !page.body.contains(expected.as_bytes()) => {
            let read = page.body.len();
            Err(Fault::new(Failure::Body, format!("\"{expected}\" is not in the {read} bytes read"))
                .in_phase(Phase::Body))
        }
        _ => Ok(()),
    }
}

fn host_port(url: &Url) -> Result<HostPort, Fault> {
    let host = url.host_str().map(|host| host.trim_start_matches('[').trim_end_matches(']').to_owned());
    match (host, url.port_or_known_default()) {
        (Some(host), Some(port)) => Ok(HostPort { host, port }),
        _ => Err(Fault::local(format!("{url} names no host"))),
    }
}

fn same_host(one: &Url, other: &Url) -> bool {
    one.host_str() == other.host_str() && one.port_or_known_default() == other.port_or_known_default()
}
