//! Pages that a network shows in a service's place: block pages of web filters, and captive portals. Pure.

use hyper::StatusCode;
use reqwest::Url;

use super::body::Beginning;
use super::redirect::{leads_home, led_away};
use crate::estate::HttpAsk;
use crate::observation::{Failure, Phase};
use crate::probe::address::{Depth, depth_of_host};
use crate::probe::fault::Fault;
use crate::probe::rule::Rule;

/// What stands in such pages, in small letters, and whose they are. Each is a text that a service's own page has no
/// reason to have; a page that has what `expect_body` asks for is never searched for them.
const MARKS: [(&str, &str); 13] = [
    ("fortiguard", "a FortiGuard block page"),
    ("fgtauth", "a FortiGate log-in page"),
    ("sophos web appliance", "a Sophos block page"),
    ("sophos firewall", "a Sophos block page"),
    ("sophos utm", "a Sophos block page"),
    ("zscaler", "a Zscaler block page"),
    ("smoothwall", "a Smoothwall block page"),
    ("cisco umbrella", "a Cisco Umbrella block page"),
    ("block.opendns.com", "a Cisco Umbrella block page"),
    ("block.sse.cisco.com", "a Cisco Umbrella block page"),
    ("captive portal", "a captive portal"),
    ("captiveportal", "a captive portal"),
    ("wispaccessgatewayparam", "a captive portal"),
];

/// An answer to be judged, and where it came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a> {
    /// The URL that was asked first.
    pub(super) first: &'a Url,
    /// The URL that gave this answer.
    pub(super) here: &'a Url,
    pub(super) status: StatusCode,
    /// Where a redirect that wasn't followed leads.
    pub(super) location: Option<&'a str>,
    pub(super) body: &'a Beginning,
    /// It is the answer that was expected, status and body, and a body was expected.
    pub(super) is_proven: bool,
    /// The service has a public address.
    pub(super) is_public: bool,
}

/// Whether the network shows a page of its own, and what says so.
pub(super) fn judge(ask: &HttpAsk, shown: &Shown<'_>) -> Result<(), Fault> {
    let blocked =
        |rule, phase, words: String| Err(Fault::new(Failure::BlockedPage, words).by(rule).in_phase(phase));
    let is_expected = ask.expect_status.contains(&shown.status.as_u16());
    if shown.status == StatusCode::NETWORK_AUTHENTICATION_REQUIRED && !is_expected {
        return blocked(
            Rule::NoLogIn,
            Phase::FirstByte,
            format!("the answer is {}: a network that wants a log-in", shown.status),
        );
    }
    if let Some(fault) = shown.location.filter(|_| !is_expected).and_then(|to| leads_away(ask, shown, to)) {
        return Err(fault);
    }
    if let Some(text) = ask.blocked_body.iter().find(|text| shown.body.contains(text.as_bytes())) {
        return blocked(
            Rule::BlockedBody,
            Phase::Body,
            format!("the page has \"{text}\" in it, which `blocked_body` names"),
        );
    }
    if shown.is_proven {
        return Ok(());
    }
    let start = shown.body.start_in_small_letters();
    let host = shown.here.host_str().filter(|_| shown.here.host_str() != shown.first.host_str());
    let found =
        MARKS.iter().find(|(mark, _)| start.contains(mark) || host.is_some_and(|host| host.contains(mark)));
    match found {
        Some((mark, what)) => blocked(
            Rule::KnownPages,
            Phase::Body,
            format!(
                "the page has \"{mark}\" in it: {what}; a service whose own page has it needs `expect_body`"
            ),
        ),
        None => Ok(()),
    }
}

/// A redirect that isn't followed, and leads where a service itself would not send people: into a private network, or,
/// where no redirect is permitted, to somebody else.
fn leads_away(ask: &HttpAsk, shown: &Shown<'_>, location: &str) -> Option<Fault> {
    let is_redirect = matches!(shown.status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let to = shown.here.join(location).ok().filter(|_| is_redirect)?;
    let host = to.host_str()?;
    if depth_of_host(host) > Depth::Public && shown.is_public && !ask.redirects_private {
        let words = format!("a redirect from a public service to {to}, in a private network");
        let fault = Fault::new(Failure::BlockedPage, words).by(Rule::RedirectsPrivate);
        return Some(fault.in_phase(Phase::FirstByte));
    }
    (!leads_home(ask, shown.first, &to)).then(|| led_away(&to, shown.status))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn body(text: &str) -> Beginning {
        let mut body = Beginning::default();
        body.take(&Bytes::copy_from_slice(text.as_bytes()));
        body
    }

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    fn verdict(
        ask: &HttpAsk,
        status: u16,
        location: Option<&str>,
        text: &str,
        is_proven: bool,
    ) -> Option<String> {
        let (first, body) = (url("https://web.accurx.example/"), body(text));
        let status = StatusCode::from_u16(status).expect("a status");
        let shown =
            Shown { first: &first, here: &first, status, location, body: &body, is_proven, is_public: true };
        judge(ask, &shown).err().map(|fault| {
            assert_eq!(fault.failure, Failure::BlockedPage);
            fault.detail
        })
    }

    #[test]
    fn known_pages_are_named() {
        let ask = HttpAsk::default();
        for (text, name) in [
            ("<title>FortiGuard Intrusion Prevention - Access Blocked</title>", "FortiGuard"),
            ("<p>Sophos Firewall: blocked request</p>", "Sophos"),
            ("Internet Security by ZSCALER", "Zscaler"),
            ("<img src=/smoothwall.png>", "Smoothwall"),
            ("This site is blocked by Cisco Umbrella.", "Umbrella"),
            ("<form id=captive_portal><h1>Captive Portal</h1>", "captive portal"),
        ] {
            let said = verdict(&ask, 200, None, text, false).unwrap_or_default();
            assert!(said.contains(name), "{text}: {said}");
            assert!(verdict(&ask, 403, None, text, false).is_some());
            assert_eq!(verdict(&ask, 200, None, text, true), None, "the expected page may say what it likes");
        }
        assert_eq!(verdict(&ask, 200, None, "<h1>Accurx</h1> all is well", false), None);
        assert_eq!(verdict(&ask, 503, None, "<h1>Busy</h1>", false), None);
    }

    #[test]
    fn the_operators_own_mark_counts_on_every_page() {
        let ask = HttpAsk { blocked_body: vec!["Kent web filter".to_owned()], ..HttpAsk::default() };
        let said = verdict(&ask, 200, None, "<b>Kent web filter</b>", true).unwrap_or_default();
        assert!(said.contains("\"Kent web filter\"") && said.contains("`blocked_body`"), "{said}");
    }

    #[test]
    fn redirects_that_lead_away_are_block_pages() {
        let ask = HttpAsk::default();
        for (location, words) in [
            ("https://block.filter.example/why?u=1", "another host"),
            ("//portal.guest.test/", "another host"),
            ("http://192.168.1.1/login", "private network"),
            ("http://[fd00::1]/", "private network"),
            ("http://localhost:1000/", "private network"),
        ] {
            let said = verdict(&ask, 302, Some(location), "", false).unwrap_or_default();
            assert!(said.contains(words), "{location}: {said}");
        }
        for location in ["/log-in", "https://id.accurx.example/", "http://accurx.example/"] {
            assert_eq!(verdict(&ask, 302, Some(location), "", false), None, "{location}");
        }
        assert_eq!(verdict(&ask, 200, Some("https://elsewhere.test/"), "", false), None, "not a redirect");
        let expected = HttpAsk { expect_status: vec![302], ..HttpAsk::default() };
        assert_eq!(
            verdict(&expected, 302, Some("https://id.test/"), "", false),
            None,
            "the operator expects it"
        );
        let named = HttpAsk { host: Some("id.test:443".to_owned()), ..HttpAsk::default() };
        assert_eq!(verdict(&named, 302, Some("https://web.id.test/"), "", false), None, "asked by that name");
    }
}
