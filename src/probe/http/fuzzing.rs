//! The fuzz targets of the web: answers in both versions of HTTP, a proxy's answer, and where redirects lead.

use futures::executor::block_on;
use hyper::StatusCode;
use reqwest::Url;

use super::exchange::{self, Asked, Page};
use super::redirect::Way;
use super::{host_port, judge, second, tunnel as proxied};
use crate::estate::{HostPort, HttpAsk};
use crate::fuzzing::choice;
use crate::limits::{PROBE_BODY_BYTES_MAX, PROBE_HEAD_BYTES_MAX};
use crate::probe::address::{Depth, depth, depth_of_host};
use crate::probe::fault::Fault;
use crate::probe::fuzzing::{Script, end, trail};
use crate::probe::trail::Trail;

/// What the first byte chooses, and the rest as the other side says it.
fn asked(how: u8) -> HttpAsk {
    HttpAsk {
        url: "https://web.accurx.example/".to_owned(),
        tls: true,
        redirects_max: how & 3,
        expect_body: (how & 4 != 0).then(|| "is well".to_owned()),
        blocked_body: if how & 8 != 0 { vec!["Kent web filter".to_owned()] } else { Vec::new() },
        ..HttpAsk::default()
    }
}

fn piece(how: u8) -> usize {
    if how & 16 == 0 { usize::MAX } else { 1 + usize::from(how >> 5) }
}

/// An answer in HTTP/1.1.
pub fn http_1(bytes: &[u8]) {
    web(bytes, |url, script, ask, trail| {
        let asked = Asked { url, host: None };
        block_on(exchange::get(script, &asked, |status, to| Way::leads_on(ask, status, to), trail))
    });
}

/// An answer in HTTP/2: frames, from the server's preface on.
pub fn http_2(bytes: &[u8]) {
    web(bytes, |url, script, ask, trail| {
        let request = Asked { url, host: None }.request_2()?;
        block_on(second::put(script, request, None, |status, to| Way::leads_on(ask, status, to), trail))
    });
}

fn web(bytes: &[u8], get: impl FnOnce(&Url, Script, &HttpAsk, &Trail) -> Result<Page, Fault>) {
    let (how, bytes) = choice(bytes);
    let ask = asked(how);
    let Ok(url) = Url::parse(&ask.url) else { return };
    let trail = trail();
    let verdict = get(&url, Script::of(bytes, piece(how)), &ask, &trail).and_then(|page| {
        let said = page.body.bytes();
        assert!(said.len() <= PROBE_BODY_BYTES_MAX);
        assert!(page.location.as_ref().is_none_or(|to| to.len() <= 3 * PROBE_HEAD_BYTES_MAX));
        let mut way = Way::from(url.clone());
        way.arrived(Depth::Public);
        match way.next(&ask, page.status, page.location.as_deref())? {
            Some(next) => {
                assert!(ask.redirects_max > 0 && page.status.is_redirection() && said.is_empty());
                trail.note(|facts| facts.redirects.push(crate::probe::fault::one_line(next.as_str())));
                Ok(())
            }
            None => {
                let verdict = judge(&ask, &url, &way, &page);
                if verdict.is_ok() {
                    assert!((200..400).contains(&page.status.as_u16()));
                    assert!(ask.expect_body.is_none() || String::from_utf8_lossy(said).contains("is well"));
                }
                verdict
            }
        }
    });
    end(trail, verdict);
}

/// A proxy's answer to CONNECT.
pub fn tunnel(bytes: &[u8]) {
    let (how, bytes) = choice(bytes);
    let at = |host: &str, port| HostPort { host: host.to_owned(), port };
    let (proxy, target) = (at("proxy.example", 3128), at("accurx.example", 443));
    let outcome = block_on(proxied::through(Script::of(bytes, piece(how)), &proxy, &target));
    if outcome.is_ok() {
        let text = String::from_utf8_lossy(bytes);
        assert!(text.starts_with("HTTP/1.") && text.contains(" 2"), "no leave, and yet a tunnel: {text}");
    }
    end(trail(), outcome.map(drop));
}

/// Redirects, one in a line. The first byte chooses how many are followed, and how far outside the service stands.
pub fn redirect(bytes: &[u8]) {
    let (how, bytes) = choice(bytes);
    let ask = asked(how);
    let Ok(first) = Url::parse(&ask.url) else { return };
    let from = [Depth::Public, Depth::Private, Depth::Own, Depth::Public][usize::from(how >> 2 & 3)];
    let mut way = Way::from(first.clone());
    way.arrived(from);
    let trail = trail();
    let mut been = vec![first];
    for location in String::from_utf8_lossy(bytes).lines() {
        let next = match way.next(&ask, StatusCode::FOUND, Some(location)) {
            Err(fault) => return end(trail, Err(fault)),
            Ok(None) => break,
            Ok(Some(next)) => next.clone(),
        };
        assert!(matches!(next.scheme(), "http" | "https") && next.fragment().is_none(), "{next}");
        assert!(
            !been.contains(&next) && been.len() <= usize::from(ask.redirects_max),
            "{next} after {been:?}"
        );
        let Ok(host) = host_port(&next) else { return };
        // A host that is an address is one that is connected to.
        if let Ok(address) = host.host.parse() {
            let permitted = way.permitted(&ask, vec![std::net::SocketAddr::new(address, host.port)]);
            assert_eq!(permitted.is_ok(), depth(address) <= from, "led from {from:?} to {address}");
        }
        let by_name = way.permitted_host(&ask, &host.host);
        assert_eq!(by_name.is_ok(), depth_of_host(&host.host) <= from, "{next}");
        trail.note(|facts| facts.redirects.push(crate::probe::fault::one_line(next.as_str())));
        been.push(next);
    }
    end(trail, Ok(()));
}
