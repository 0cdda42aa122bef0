//! Where a redirect may lead: to http or https, a bounded number of times, never in a circle, and never further inside
//! than the service itself stands, unless the operator permits it: from a public service into no private network, and
//! from a private one not to this machine (whoever answers for the service must not make agents knock on the doors of
//! practices, nor on their own). Nor to another organisation, which is what a captive portal does, unless the operator names it
//! or expects a body that only the service itself has. A body proves nothing before it is read, so that it opens no private network:
//! there the other organisation has to be named.

use std::net::{IpAddr, SocketAddr};

use hyper::StatusCode;
use reqwest::Url;

use crate::estate::HttpAsk;
use crate::observation::{Failure, Phase};
use crate::probe::address::{Depth, depth, depth_of_host, organisation};
use crate::probe::fault::{Fault, one_line};
use crate::probe::rule::Rule;

/// The URLs of one check, in order.
#[derive(Debug)]
pub(super) struct Way {
    past: Vec<Url>,
    here: Url,
    /// How far inside the address stands to which the first connection went; `None` until there is one.
    from: Option<Depth>,
}

impl Way {
    pub(super) fn from(first: Url) -> Self {
        Self { past: Vec::new(), here: first, from: None }
    }

    /// The URL under way.
    pub(super) fn here(&self) -> &Url {
        &self.here
    }

    /// Whether this answer sends us on, instead of being the answer.
    pub(super) fn leads_on(ask: &HttpAsk, status: StatusCode, location: Option<&str>) -> bool {
        let is_redirect = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
        is_redirect
            && location.is_some()
            && ask.redirects_max > 0
            && !ask.expect_status.contains(&status.as_u16())
    }

    /// Goes on to where an answer leads; `None`: it leads nowhere. A circle, or one redirect too many, is `status`;
    /// a place where no check goes is `protocol`.
    pub(super) fn next(
        &mut self,
        ask: &HttpAsk,
        status: StatusCode,
        location: Option<&str>,
    ) -> Result<Option<&Url>, Fault> {
        let Some(location) = location.filter(|_| Self::leads_on(ask, status, location)) else {
            return Ok(None);
        };
        let wrong = |failure, words: String| {
            Err(Fault::new(failure, words).by(Rule::Redirects).in_phase(Phase::FirstByte))
        };
        let Ok(mut to) = self.here.join(location) else {
            return wrong(Failure::Protocol, format!("a redirect to \"{location}\", which is no URL"));
        };
        to.set_fragment(None);
        if !matches!(to.scheme(), "http" | "https") {
            return wrong(Failure::Protocol, format!("a redirect to {to}, which is neither http nor https"));
        }
        if to == self.here || self.past.contains(&to) {
            return wrong(Failure::Status, format!("the redirects go in a circle: back to {to}"));
        }
        if self.past.len() >= usize::from(ask.redirects_max) {
            return wrong(
                Failure::Status,
                format!("more than {} redirects; the last to {to}", ask.redirects_max),
            );
        }
        // Further inside than is permitted is refused where it is connected to, in words of its own.
        let to_depth = to.host_str().map_or(Depth::Public, depth_of_host);
        let proves_itself = ask.expect_body.is_some() && to_depth == Depth::Public;
        let is_held = self.is_further_inside(to_depth) && !ask.redirects_private;
        if !proves_itself && !is_held && !leads_home(ask, self.first(), &to) {
            return Err(led_away(&to, status));
        }
        self.past.push(std::mem::replace(&mut self.here, to));
        Ok(Some(&self.here))
    }

    /// The URL that was asked first.
    pub(super) fn first(&self) -> &Url {
        self.past.first().unwrap_or(&self.here)
    }

    /// What a failure means once redirects have led to another host. To another organisation's that the operator hasn't named,
    /// it is no failure of the service.
    pub(super) fn redirected(&self, ask: &HttpAsk, fault: Fault) -> Fault {
        let is_ours = fault.failure == Failure::Local || fault.failure == Failure::BlockedPage;
        if is_ours || self.here.host_str() == self.first().host_str() {
            return fault;
        }
        let detail = one_line(&format!("redirected to {}, which: {}", self.here, fault.detail));
        if leads_home(ask, self.first(), &self.here) {
            return Fault { detail, ..fault };
        }
        Fault::new(Failure::BlockedPage, detail).by(Rule::OwnPage).in_phase(Phase::FirstByte)
    }

    /// Says where the connection went, in fact: of a name with addresses of both kinds only this one counts.
    pub(super) fn arrived(&mut self, at: Depth) {
        self.from.get_or_insert(at);
    }

    /// The service asked for has a public address.
    pub(super) fn is_from_public(&self) -> bool {
        self.from == Some(Depth::Public)
    }

    /// Refuses addresses that a redirect must not lead to. They are those that will be connected to, so a name that
    /// stands for something else the next time it is looked up gains nothing.
    pub(super) fn permitted(
        &self,
        ask: &HttpAsk,
        addresses: Vec<SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Fault> {
        let is_held = |address: &IpAddr| self.is_held(ask, depth(*address));
        match addresses.iter().map(SocketAddr::ip).find(is_held) {
            Some(address) => Err(self.held_back(&format!("at the address {address}"), depth(address))),
            None => Ok(addresses),
        }
    }

    /// The same where a proxy looks the host up, and only the host's own words can be judged.
    pub(super) fn permitted_host(&self, ask: &HttpAsk, host: &str) -> Result<(), Fault> {
        let to = depth_of_host(host);
        if self.is_held(ask, to) { Err(self.held_back("by its name", to)) } else { Ok(()) }
    }

    /// Whether the place under way, which stands so far inside, is one that a redirect must not lead to.
    fn is_held(&self, ask: &HttpAsk, to: Depth) -> bool {
        let is_strange = to > Depth::Public && !leads_home(ask, self.first(), &self.here);
        (self.is_further_inside(to) || is_strange) && !ask.redirects_private
    }

    fn is_further_inside(&self, to: Depth) -> bool {
        self.from.is_some_and(|from| to > from)
    }

    /// A captive portal does this, and so does a hostile server; neither is the service.
    fn held_back(&self, how: &str, to: Depth) -> Fault {
        let service = if self.is_from_public() { "public" } else { "private" };
        let whereto = if to == Depth::Own { "this machine itself" } else { "a private network" };
        let (rule, leave) = if self.is_further_inside(to) {
            (Rule::RedirectsPrivate, "`redirects_private = true`".to_owned())
        } else {
            let host = self.here.host_str().unwrap_or_default();
            (Rule::OwnPage, format!("redirects_to = \"{host}\""))
        };
        let words = format!(
            "a redirect from a {service} service to {whereto} ({how}): a captive portal, or worse; refused unless {leave}; it leads to {}",
            self.here
        );
        Fault::new(Failure::BlockedPage, words).by(rule).in_phase(Phase::FirstByte)
    }
}

/// Whether a redirect leads to the service's own organisation, or to a host that the operator permits.
pub(super) fn leads_home(ask: &HttpAsk, first: &Url, to: &Url) -> bool {
    let Some(host) = to.host_str() else { return false };
    let is_below = |above: &String| {
        host.strip_suffix(above.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    if ask.redirects_to.iter().any(is_below) {
        return true;
    }
    let whose = organisation(host);
    let header = ask.host.as_deref().map(|host| host.rsplit_once(':').map_or(host, |(host, _)| host));
    let ours = [first.host_str(), header, ask.sni.as_deref()];
    let is_inside = ask.redirects_private && depth_of_host(host) > Depth::Public;
    is_inside || ours.into_iter().flatten().any(|ours| organisation(ours) == whose)
}

pub(super) fn led_away(to: &Url, status: StatusCode) -> Fault {
    let host = to.host_str().unwrap_or_default();
    let words = format!(
        "a redirect to another host, {to}, as captive portals do; if the service itself sends people there, permit it with \
         redirects_to = \"{host}\", or expect_status = {}",
        status.as_u16()
    );
    Fault::new(Failure::BlockedPage, words).by(Rule::OwnPage).in_phase(Phase::FirstByte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(redirects_max: u8) -> HttpAsk {
        HttpAsk {
            url: "https://accurx.example/".to_owned(),
            tls: true,
            expect_status: Vec::new(),
            expect_body: None,
            certificate_days_min: None,
            trust_pem: None,
            redirects_max,
            connect_to: None,
            name_server: None,
            ..HttpAsk::default()
        }
    }

    fn way() -> Way {
        Way::from(Url::parse("https://accurx.example/start").expect("a URL"))
    }

    fn step(way: &mut Way, redirects_max: u8, location: &str) -> Result<Option<String>, Failure> {
        way.next(&ask(redirects_max), StatusCode::FOUND, Some(location))
            .map(|next| next.map(Url::to_string))
            .map_err(|fault| fault.failure)
    }

    #[test]
    fn a_redirect_is_followed_relative_to_where_it_stands() {
        let mut way = way();
        assert_eq!(step(&mut way, 3, "log-in#top"), Ok(Some("https://accurx.example/log-in".to_owned())));
        assert_eq!(
            step(&mut way, 3, "//id.accurx.example/"),
            Ok(Some("https://id.accurx.example/".to_owned()))
        );
    }

    #[test]
    fn another_organisation_is_a_captive_portal_unless_it_is_named_or_a_body_proves_the_service() {
        let to = |ask: &HttpAsk, location: &str| {
            let mut way = way();
            way.next(ask, StatusCode::FOUND, Some(location))
                .map(|next| next.is_some())
                .map_err(|fault| fault.failure)
        };
        let named = |hosts: &[&str]| HttpAsk {
            redirects_to: hosts.iter().map(|&host| host.to_owned()).collect(),
            ..ask(3)
        };
        let portal = "http://portal.guest.test/login";
        assert_eq!(to(&ask(3), portal), Err(Failure::BlockedPage));
        assert_eq!(to(&named(&["guest.test"]), portal), Ok(true), "what is below it, too");
        assert_eq!(to(&named(&["portal.guest.test"]), portal), Ok(true));
        assert_eq!(
            to(&named(&["uest.test"]), portal),
            Err(Failure::BlockedPage),
            "a part of a label is no host"
        );
        assert_eq!(to(&ask(3), "http://10.0.0.1/login"), Err(Failure::BlockedPage));
        let proven = HttpAsk { expect_body: Some("Accurx".to_owned()), ..ask(3) };
        assert_eq!(to(&proven, portal), Ok(true), "the body will tell");
        for inside in ["http://10.0.0.1/login", "http://127.0.0.1/", "http://[::1]/", "http://localhost/"] {
            assert_eq!(to(&proven, inside), Err(Failure::BlockedPage), "{inside}: only when it is too late");
        }
        let named = HttpAsk { expect_body: Some("Accurx".to_owned()), ..named(&["10.0.0.1"]) };
        assert_eq!(to(&named, "http://10.0.0.1/login"), Ok(true));
        let by_name = HttpAsk { host: Some("guest.test:8443".to_owned()), ..ask(3) };
        assert_eq!(to(&by_name, portal), Ok(true), "asked by that name");
    }

    #[test]
    fn a_failure_behind_a_redirect_says_so() {
        let refused = || Fault::new(Failure::Refused, "connecting to 192.0.2.7:443: connection refused");
        let after = |ask: &HttpAsk, location: &str| {
            let mut way = way();
            way.next(ask, StatusCode::FOUND, Some(location)).expect("permitted");
            way.redirected(ask, refused())
        };
        let plain = after(&ask(3), "https://id.accurx.example/");
        assert_eq!(plain.failure, Failure::Refused);
        assert!(
            plain.detail.starts_with("redirected to https://id.accurx.example/, which: connecting"),
            "{}",
            plain.detail
        );
        let proven = HttpAsk { expect_body: Some("Accurx".to_owned()), ..ask(3) };
        let away = after(&proven, "http://portal.guest.test/");
        assert_eq!((away.failure, away.phase), (Failure::BlockedPage, Some(Phase::FirstByte)));
        assert!(away.detail.contains("portal.guest.test"), "{}", away.detail);
        assert_eq!(after(&ask(3), "/start/here"), refused(), "the same host is no news");
    }

    #[test]
    fn circles_and_long_ways_end() {
        let mut there = way();
        assert_eq!(step(&mut there, 3, "/start"), Err(Failure::Status));
        let mut there = way();
        step(&mut there, 2, "/a").expect("one");
        step(&mut there, 2, "/b").expect("two");
        assert_eq!(step(&mut there, 2, "/c"), Err(Failure::Status));
    }

    #[test]
    fn only_http_is_followed() {
        for location in ["file:///etc/passwd", "ftp://accurx.example/", "javascript:alert(1)", "https://"] {
            assert_eq!(step(&mut way(), 3, location), Err(Failure::Protocol), "{location}");
        }
    }

    #[test]
    fn without_leave_to_follow_a_redirect_is_the_answer() {
        assert_eq!(step(&mut way(), 0, "/a"), Ok(None));
        let mut expected = ask(3);
        expected.expect_status = vec![302];
        assert!(!Way::leads_on(&expected, StatusCode::FOUND, Some("/a")));
    }

    #[test]
    fn a_public_service_leads_into_no_private_network() {
        let ask_from_public = ask(3);
        let public = SocketAddr::from(([203, 0, 113, 5], 443));
        let mut from_public = way();
        from_public.permitted(&ask_from_public, vec![public]).expect("the first");
        from_public.arrived(Depth::Public);
        for private in [
            "127.0.0.1:1",
            "10.1.2.3:1",
            "169.254.169.254:80",
            "100.64.0.1:1",
            "224.0.0.1:1",
            "0.0.0.0:1",
            "[::1]:1",
            "[fd00::1]:1",
            "[ff02::1]:1",
            "[::ffff:10.0.0.1]:1",
        ] {
            let private = private.parse().expect("an address");
            let fault = from_public.permitted(&ask_from_public, vec![public, private]).expect_err("private");
            assert_eq!(fault.failure, Failure::BlockedPage, "{private}");
            let permitting = HttpAsk { redirects_private: true, ..ask(3) };
            assert!(from_public.permitted(&permitting, vec![public, private]).is_ok());
        }
        // A service of the NHS network often has a private address, and may lead to its like.
        let mut from_private = way();
        for _ in 0..2 {
            from_private
                .permitted(&ask_from_public, vec![SocketAddr::from(([10, 1, 2, 3], 443))])
                .expect("from private to private");
            from_private.arrived(Depth::Private);
        }
        for own in ["127.0.0.1:80", "169.254.169.254:80", "[::1]:80", "0.0.0.0:80"] {
            let own = own.parse().expect("an address");
            let fault = from_private.permitted(&ask_from_public, vec![own]).expect_err("this machine");
            assert!(fault.detail.contains("from a private service to this machine"), "{}", fault.detail);
        }
    }

    /// A name, whose address is known only when it was looked up.
    #[test]
    fn a_body_opens_no_private_network_of_others() {
        let proven = HttpAsk { expect_body: Some("Accurx".to_owned()), ..ask(3) };
        let inside = || vec![SocketAddr::from(([10, 1, 2, 3], 443))];
        let after = |ask: &HttpAsk, location: &str| {
            let mut way = way();
            way.permitted(ask, inside()).expect("the operator's own choice");
            way.arrived(Depth::Private);
            way.next(ask, StatusCode::FOUND, Some(location)).expect("a public name");
            way.permitted(ask, inside()).map(drop)
        };
        let fault = after(&proven, "http://portal.guest.test/").expect_err("somebody else's");
        assert_eq!(fault.failure, Failure::BlockedPage);
        let leave = "refused unless redirects_to = \"portal.guest.test\"";
        assert!(fault.rule == Rule::OwnPage && fault.detail.contains(leave), "{}", fault.detail);
        assert_eq!(after(&proven, "http://id.accurx.example/"), Ok(()), "the service's own");
        let named = HttpAsk { redirects_to: vec!["guest.test".to_owned()], ..proven.clone() };
        assert_eq!(after(&named, "http://portal.guest.test/"), Ok(()));
        let open = HttpAsk { redirects_private: true, ..proven };
        assert_eq!(after(&open, "http://portal.guest.test/"), Ok(()));
    }

    #[test]
    fn what_counts_is_where_the_first_connection_went() {
        let (public, private) =
            (SocketAddr::from(([203, 0, 113, 5], 443)), SocketAddr::from(([10, 1, 2, 3], 443)));
        let mut way = way();
        way.permitted(&ask(3), vec![public, private]).expect("the operator's own choice");
        way.arrived(Depth::Public);
        assert!(way.permitted(&ask(3), vec![private]).is_err(), "the same name, looked up again");
        assert!(
            way.permitted_host(&ask(3), "10.1.2.3").is_err()
                && way.permitted_host(&ask(3), "localhost").is_err()
        );
        assert!(way.permitted_host(&ask(3), "id.example").is_ok());
    }
}
