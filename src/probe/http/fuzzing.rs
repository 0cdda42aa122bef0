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
use crate::observation::Failure;
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
pub(crate) fn http_1(bytes: &[u8]) {
    web(bytes, has_head, |url, script, ask, trail| {
        let asked = Asked { url, host: None };
        block_on(exchange::get(script, &asked, |status, to| Way::leads_on(ask, status, to), trail))
    });
}

/// An answer in HTTP/2: frames, from the server's preface on.
pub(crate) fn http_2(bytes: &[u8]) {
    web(bytes, has_headers, |url, script, ask, trail| {
        let request = Asked { url, host: None }.request_2()?;
        block_on(second::put(script, request, None, |status, to| Way::leads_on(ask, status, to), trail))
    });
}

/// A whole request, as HTTP/1.1 has it.
fn has_head(told: &[u8]) -> bool {
    told.ends_with(b"\r\n\r\n")
}

/// The same, as HTTP/2 does: behind its preface, a frame of kind HEADERS.
fn has_headers(told: &[u8]) -> bool {
    const PREFACE_BYTES: usize = 24;
    let mut rest = told.get(PREFACE_BYTES..).unwrap_or_default();
    while let Some((&[high, middle, low, kind, ..], after)) = rest.split_first_chunk::<9>() {
        if kind == 1 {
            return true;
        }
        let length = u32::from_be_bytes([0, high, middle, low]);
        rest = usize::try_from(length).ok().and_then(|length| after.get(length..)).unwrap_or_default();
    }
    false
}

fn web(
    bytes: &[u8],
    is_question: fn(&[u8]) -> bool,
    get: impl FnOnce(&Url, Script, &HttpAsk, &Trail) -> Result<Page, Fault>,
) {
    let (how, bytes) = choice(bytes);
    let ask = asked(how);
    let Ok(url) = Url::parse(&ask.url) else { return };
    let trail = trail();
    let verdict = get(&url, Script::of(bytes, piece(how), is_question), &ask, &trail).and_then(|page| {
        let said = page.body.bytes();
        assert!(said.len() <= PROBE_BODY_BYTES_MAX);
        assert!(page.location.as_ref().is_none_or(|to| to.len() <= 3 * PROBE_HEAD_BYTES_MAX));
        let mut way = Way::from(url.clone());
        way.arrived(Depth::Public);
        if let Some(next) = way.next(&ask, page.status, page.location.as_deref())? {
            assert!(ask.redirects_max > 0 && page.status.is_redirection() && said.is_empty());
            trail.note(|facts| facts.redirects.push(crate::probe::fault::one_line(next.as_str())));
            return Ok(());
        }
        let verdict = judge(&ask, &url, &way, &page);
        if verdict.is_ok() {
            assert!((200..400).contains(&page.status.as_u16()));
            assert!(ask.expect_body.is_none() || String::from_utf8_lossy(said).contains("is well"));
        }
        verdict
    });
    is_theirs(&verdict);
    end(trail, verdict);
}

/// Whatever is answered, it isn't this machine's fault.
fn is_theirs<T>(verdict: &Result<T, Fault>) {
    if let Err(fault) = verdict {
        assert_ne!(fault.failure, Failure::Local, "{}", fault.detail);
    }
}

/// A proxy's answer to CONNECT.
pub(crate) fn tunnel(bytes: &[u8]) {
    let (how, bytes) = choice(bytes);
    let at = |host: &str, port| HostPort { host: host.to_owned(), port };
    let (proxy, target) = (at("proxy.example", 3128), at("accurx.example", 443));
    let outcome = block_on(proxied::through(Script::of(bytes, piece(how), has_head), &proxy, &target));
    if outcome.is_ok() {
        let text = String::from_utf8_lossy(bytes);
        assert!(text.starts_with("HTTP/1.") && text.contains(" 2"), "no leave, and yet a tunnel: {text}");
    }
    is_theirs(&outcome);
    end(trail(), outcome.map(drop));
}

/// Redirects, one in a line. The first byte chooses how many are followed, and how far outside the service stands.
pub(crate) fn redirect(bytes: &[u8]) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is well";
    /// Settings, then a head and its body.
    const FRAMES: &[u8] =
        b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x04\0\0\0\x01\x88\0\0\x0b\0\x01\0\0\0\x01all is well";

    /// Targets that never get further than their first line find nothing.
    #[test]
    fn good_answers_come_through_the_script() {
        let url = Url::parse("https://web.accurx.example/").expect("a URL");
        let asked = Asked { url: &url, host: None };
        for piece in [1, usize::MAX] {
            let page =
                block_on(exchange::get(Script::of(PAGE, piece, has_head), &asked, |_, _| false, &trail()));
            assert_eq!(page.expect("a page").body.bytes(), b"all is well");
            let request = asked.request_2().expect("a request");
            let page = block_on(second::put(
                Script::of(FRAMES, piece, has_headers),
                request,
                None,
                |_, _| false,
                &trail(),
            ));
            assert_eq!(page.expect("a page").body.bytes(), b"all is well");
            let leave = Script::of(b"HTTP/1.1 200 Connection established\r\n\r\n", piece, has_head);
            let at = |port| HostPort { host: "proxy.example".to_owned(), port };
            assert!(block_on(proxied::through(leave, &at(3128), &at(443))).is_ok());
        }
    }
}
