//! `https` and `http`: one GET, with each phase timed apart, the certificate chain kept, and redirects followed within
//! bounds.
//!
//! `first_byte` ends when the answer's head (status and headers) is there whole. A redirect's phases add up. Of the
//! body at most [`crate::limits::PROBE_BODY_BYTES_MAX`] bytes are read: a body without end is fine when all that is
//! expected stands within them.

mod blocked;
mod body;
mod exchange;
#[cfg(any(fuzzing, test))]
pub(super) mod fuzzing;
mod redirect;
mod second;
mod tap;
mod tunnel;

use std::net::IpAddr;

use http_body_util::Full;
use hyper::StatusCode;
use reqwest::Url;
use tokio::net::TcpStream;

use self::blocked::Shown;
use self::exchange::{Asked, Page};
use self::redirect::Way;
use super::address::{depth, depth_of_host};
use super::fault::{Fault, one_line};
use super::rule::Rule;
use super::talk::Tools;
use super::tls::{self, Hello, TlsOverTcp};
use super::trail::Trail;
use super::wire::Wire;
use super::{socket, way_out};
use crate::estate::{HostPort, HttpAsk, HttpVersion};
use crate::observation::{Failure, Phase};

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
        let fetched = fetch(ask, &first, &mut way, source, tools, trail).await;
        let fetched = fetched.map_err(|fault| {
            way.redirected(ask, way_out::judge(fault, trail.peer(), trail.last_phase(), source))
        })?;
        if days_left.is_none() {
            days_left = fetched.days_left;
        }
        let page = fetched.page;
        let Some(next) = way.next(ask, page.status, page.location.as_deref())? else {
            judge(ask, &first, &way, &page).map_err(|fault| way.redirected(ask, fault))?;
            break;
        };
        trail.note(|facts| facts.redirects.push(one_line(next.as_str())));
    }
    tls::days_suffice(ask.certificate_days_min, days_left)
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
    // What is said of the service asked for holds for its own host, not for where it sends us.
    let is_first = same_host(way.here(), first);
    let stream = connect(ask, &host, is_first, way, source, tools, trail).await?;
    let url = way.here();
    let asked = Asked { url, host: ask.host.as_deref().filter(|_| is_first) };
    let leads_on = |status, location: Option<&str>| Way::leads_on(ask, status, location);
    if url.scheme() != "https" {
        trail.note(|facts| facts.http_version = Some("1.1"));
        let page = exchange::get(Wire::new(stream), &asked, leads_on, trail).await?;
        return Ok(Fetched { page, days_left: None });
    }
    trail.enter(Phase::Tls);
    let name = ask.sni.as_deref().filter(|_| is_first).unwrap_or(&host.host);
    // What the operator says of the service asked for (its pins, our certificate for it) doesn't hold for a host that a
    // redirect leads to.
    let hello = Hello {
        host: name,
        trust_pem: ask.trust_pem.as_deref(),
        protocols: if ask.version == HttpVersion::Http2 { tls::HTTP_2 } else { tls::HTTP_1 },
        pins: if is_first { &ask.issuers } else { &[] },
        identity: ask.client_identity.as_deref().filter(|_| is_first),
        speaks_first: true,
    };
    let secured = tls::handshake(stream, &hello, tools, trail).await?;
    let page = match ask.version {
        HttpVersion::Http1 => {
            trail.note(|facts| facts.http_version = Some("1.1"));
            exchange::get(secured.stream, &asked, leads_on, trail).await?
        }
        HttpVersion::Http2 => {
            trail.note(|facts| facts.http_version = Some("2"));
            second::put(secured.stream, asked.request_2()?, None, leads_on, trail).await?
        }
    };
    Ok(Fetched { page, days_left: secured.days_left })
}

/// A connection to the host of the URL under way, straight or through the proxy.
async fn connect(
    ask: &HttpAsk,
    host: &HostPort,
    is_first: bool,
    way: &mut Way,
    source: Option<IpAddr>,
    tools: &Tools<'_>,
    trail: &Trail,
) -> Result<TcpStream, Fault> {
    let target = ask.connect_to.as_ref().filter(|_| is_first).unwrap_or(host);
    let name_server = ask.name_server.as_ref();
    if let Some(proxy) = &ask.proxy {
        way.permitted_host(ask, &target.host)?;
        trail.note(|facts| facts.proxy = Some(proxy.to_string()));
        let addresses = tools.lookup.addresses(proxy, name_server, source, trail).await?;
        trail.enter(Phase::Connect);
        trail.awaits_by(Rule::Proxy, format!("the connection to the proxy {proxy} was not made"));
        let stream = socket::connect(&addresses, source, trail).await.map_err(|fault| Fault {
            detail: one_line(&format!("to the proxy {proxy}: {}", fault.detail)),
            ..fault
        })?;
        trail.awaits_by(Rule::Proxy, format!("the proxy {proxy} did not answer CONNECT {target}"));
        let stream = tunnel::through(Wire::new(stream), proxy, target).await?.into_inner();
        way.arrived(depth_of_host(&target.host));
        return Ok(stream);
    }
    let led = (!is_first).then(|| tools.lookup.where_led());
    let lookup = led.as_ref().unwrap_or(tools.lookup);
    let addresses = lookup.addresses_of(ask.family, target, name_server, source, trail).await?;
    let addresses = way.permitted(ask, addresses)?;
    trail.enter(Phase::Connect);
    let stream = socket::connect(&addresses, source, trail).await?;
    let peer = stream.peer_addr().map_err(|error| Fault::io(&error, "asking who answered"))?;
    way.arrived(depth(peer.ip()));
    Ok(stream)
}

/// What a POST is answered with.
pub(super) struct Posted {
    pub(super) status: StatusCode,
    pub(super) media_type: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Posts over a connection that stands, in the version that its handshake settled on. A redirect isn't followed: it is
/// the answer.
pub(super) async fn post(
    stream: TlsOverTcp,
    host: &str,
    path: &str,
    media_type: &str,
    body: Vec<u8>,
    trail: &Trail,
) -> Result<Posted, Fault> {
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let request = exchange::posting(host, path, media_type, is_h2);
    let unaskable =
        |error: hyper::http::Error| Fault::local(format!("{path} at {host} can't be posted to: {error}"));
    let page = if is_h2 {
        let request = request.body(()).map_err(unaskable)?;
        second::put(stream, request, Some(body.into()), |_, _| false, trail).await?
    } else {
        let request = request.body(Full::from(body)).map_err(unaskable)?;
        exchange::put(stream, request, |_, _| false, trail).await?
    };
    Ok(Posted { status: page.status, media_type: page.content_type, body: page.body.bytes().to_vec() })
}

fn judge(ask: &HttpAsk, first: &Url, way: &Way, page: &Page) -> Result<(), Fault> {
    let status = page.status;
    let fine = if ask.expect_status.is_empty() {
        (200..400).contains(&status.as_u16())
    } else {
        ask.expect_status.contains(&status.as_u16())
    };
    let missing = ask.expect_body.as_ref().filter(|expected| !page.body.contains(expected.as_bytes()));
    // First, because a page that the network shows has the wrong status or the wrong body, too.
    blocked::judge(
        ask,
        &Shown {
            first,
            here: way.here(),
            status,
            location: page.location.as_deref(),
            body: &page.body,
            is_proven: fine && ask.expect_body.is_some() && missing.is_none(),
            is_public: way.is_from_public(),
        },
    )?;
    if !fine {
        return Err(Fault::new(Failure::Status, format!("the answer is {status}")).in_phase(Phase::FirstByte));
    }
    match missing {
        Some(expected) => {
            let read = page.body.len();
            Err(Fault::new(Failure::Body, format!("\"{expected}\" is not in the {read} bytes read"))
                .in_phase(Phase::Body))
        }
        None => Ok(()),
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
