//! `https` and `http`: one GET, with each phase timed apart, the certificate chain kept, and redirects followed within
//! bounds.
//!
//! `first_byte` ends when the answer's head (status and headers) is there whole. A redirect's phases add up. Of the
//! body at most [`crate::limits::PROBE_BODY_BYTES_MAX`] bytes are read: a body without end is fine when all that is
//! expected stands within them.

mod body;
mod exchange;
mod redirect;
mod tap;

use std::net::IpAddr;

use hyper::StatusCode;
use reqwest::Url;

use self::exchange::Page;
use self::redirect::Way;
use super::fault::{Fault, one_line};
use super::socket;
use super::talk::Tools;
use super::tls;
use super::trail::Trail;
use crate::estate::{HostPort, HttpAsk};
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
    let pem = ask.trust_pem.as_deref();
    let secured = tls::handshake(stream, &host.host, pem, tls::HTTP, tools.trust, trail).await?;
    let page = exchange::get(secured.stream, url, leads_on, trail).await?;
    Ok(Fetched { page, days_left: secured.days_left })
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
