//! Who may ask what. The page listens on loopback by default and has no log-in unless `[hub]` names tokens; what a browser on the
//! same machine could be talked into by a foreign site is refused here. Agents show keys of their own ([`super::credentials`]).

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine as _;

use super::numbers::{Numbers, TokenRefused};
use super::server::{Peer, source};
use super::state::Hub;
use crate::config::Tokens;
use crate::estate::SharedSecret;
use crate::limits::{WRONG_TOKEN_ALL_PER_SECOND, WRONG_TOKEN_BURST, WRONG_TOKEN_PER_SECOND};
use crate::notify::acknowledgement::name_of;
use crate::reflector::limiter::{Limiter, Rate};
use crate::uplink::key::same_secret;

/// Why a request is refused, for the person who reads the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub status: StatusCode,
    pub why: &'static str,
}

/// Against DNS rebinding: a foreign name that was made to point here. While the page listens on loopback
/// only, the `Host` must be an address or `localhost`.
pub fn host_is_ours(listen: SocketAddr, headers: &HeaderMap) -> Result<(), Refused> {
    let refused = Refused {
        status: StatusCode::MISDIRECTED_REQUEST,
        why: "this page is served on loopback: ask for it by address or as localhost (a proxy in front of \
              it must set the Host header to that)",
    };
    if !listen.ip().is_loopback() {
        return Ok(());
    }
    let Some(host) = headers.get(header::HOST) else { return Err(refused) };
    let host = host.to_str().map_err(|_| refused.clone())?;
    let name = host_name(host);
    let ours = name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost");
    if ours { Ok(()) } else { Err(refused) }
}

/// What people and Prometheus must show.
pub struct Access {
    tokens: Mutex<Tokens>,
    /// Wrong tokens that each source may still show.
    wrong: Mutex<Limiter>,
    numbers: Arc<Numbers>,
}

impl Access {
    pub fn new(tokens: Tokens, numbers: Arc<Numbers>) -> Self {
        let all = Rate { per_second: WRONG_TOKEN_ALL_PER_SECOND, burst: WRONG_TOKEN_ALL_PER_SECOND };
        let each = Rate { per_second: WRONG_TOKEN_PER_SECOND, burst: WRONG_TOKEN_BURST };
        let wrong = Mutex::new(Limiter::new(all, each, Instant::now()));
        Self { tokens: Mutex::new(tokens), wrong, numbers }
    }

    /// Goes on with other tokens.
    pub fn set(&self, tokens: Tokens) {
        *self.tokens.lock().unwrap_or_else(PoisonError::into_inner) = tokens;
    }

    fn tokens(&self) -> Tokens {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether one of these is shown. A source that has guessed wrong too often is told so, and no more; the right one opens all the same:
    /// whoever shares an address with a script that has an old token isn't locked out by it. A token is so long that it isn't guessed
    /// however often. Showing nothing is no guess. `needed`: what is said to a stranger.
    fn shows(
        &self,
        peer: Option<Peer>,
        headers: &HeaderMap,
        tokens: &[&SharedSecret],
        needed: &'static str,
    ) -> Result<(), Refused> {
        let stranger = Refused { status: StatusCode::UNAUTHORIZED, why: needed };
        let Some(shown) = shown_token(headers).filter(|shown| !shown.is_empty()) else {
            return Err(stranger);
        };
        // Each is compared, so that how long it takes says nothing of which.
        if tokens.iter().fold(false, |any, token| same_secret(&shown, token.bytes()) | any) {
            return Ok(());
        }
        let source = peer.map(|Peer(address)| address.ip());
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if source.is_some_and(|source| !wrong.allows(source, Instant::now())) {
            self.numbers.token_refused(TokenRefused::TooMany);
            return Err(Refused {
                status: StatusCode::TOO_MANY_REQUESTS,
                why: "too many wrong tokens came from there: show the right one",
            });
        }
        self.numbers.token_refused(TokenRefused::Wrong);
        Err(stranger)
    }

    /// Whether a request may read: everybody may who reaches the page, unless a viewer's token is asked for.
    pub fn may_see(&self, peer: Option<Peer>, headers: &HeaderMap) -> Result<(), Refused> {
        let Tokens { viewer: Some(viewer), admin, .. } = self.tokens() else { return Ok(()) };
        let tokens: Vec<&SharedSecret> = std::iter::once(&viewer).chain(&admin).collect();
        let needed = "a token is needed here: as `Authorization: Bearer …`, or as the password of any user";
        self.shows(peer, headers, &tokens, needed)
    }

    /// Whether whoever reads must show a token.
    pub fn asks_viewers(&self) -> bool {
        self.tokens().viewer.is_some()
    }

    /// Whether a request may say what became of mails: it shows the token that is for nothing else, or the administrator's. Where there is
    /// no such token, whoever may change something may.
    pub fn may_bring_bounces(&self, peer: Option<Peer>, headers: &HeaderMap) -> Result<(), Refused> {
        let Tokens { bounce: Some(bounce), admin, .. } = self.tokens() else {
            return self.may_change(peer, headers);
        };
        let tokens: Vec<&SharedSecret> = std::iter::once(&bounce).chain(&admin).collect();
        let needed =
            "the token for bounces is needed here, or the administrator's: name its file with --token-file";
        self.shows(peer, headers, &tokens, needed)?;
        is_no_foreign_page(headers)
    }

    /// Whether a request may change something: it shows the administrator's token, or where there is none it comes from this
    /// machine; and no browser page of another origin can have sent it.
    pub fn may_change(&self, peer: Option<Peer>, headers: &HeaderMap) -> Result<(), Refused> {
        match self.tokens().admin {
            Some(admin) => {
                let needed = "the administrator's token is needed here: name its file with --token-file";
                self.shows(peer, headers, &[&admin], needed)?;
            }
            None => {
                if !peer.is_some_and(|Peer(address)| address.ip().to_canonical().is_loopback()) {
                    return Err(Refused {
                        status: StatusCode::FORBIDDEN,
                        why: "changes are taken from the hub's own machine only: run the command there, or set \
                              admin_token_file in [hub]",
                    });
                }
            }
        }
        is_no_foreign_page(headers)
    }
}

/// Somebody who may change something. A handler that asks for one isn't called for anybody else, and nothing of what they send is read.
#[derive(Debug, Clone)]
pub struct Changer {
    from: Option<IpAddr>,
}

impl Changer {
    /// Who it is, for the journal: by the name that the request gives, without an address, and from where.
    pub fn named(&self, by: Option<&str>) -> Result<String, Refused> {
        let too_long =
            |_| Refused { status: StatusCode::BAD_REQUEST, why: "`by` is too long: a name will do" };
        let name = name_of(by.unwrap_or_default()).map_err(too_long)?;
        let name = name.as_deref().unwrap_or("somebody");
        let from = self.from.map_or_else(|| "the hub".to_owned(), |from| from.to_string());
        Ok(format!("{name}, from {from}"))
    }
}

impl FromRequestParts<Arc<Hub>> for Changer {
    type Rejection = Refused;

    async fn from_request_parts(asked: &mut Parts, hub: &Arc<Hub>) -> Result<Self, Refused> {
        hub.access.may_change(asked.extensions.get().copied(), &asked.headers)?;
        Ok(Self { from: source(&asked.extensions) })
    }
}

/// The token of `Authorization: Bearer …`, or the password of `Basic …`.
fn shown_token(headers: &HeaderMap) -> Option<Vec<u8>> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().as_bytes().to_vec());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = base64::engine::general_purpose::STANDARD.decode(rest.trim()).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some(pair[colon + 1..].to_vec())
}

fn is_no_foreign_page(headers: &HeaderMap) -> Result<(), Refused> {
    // A page of another origin can't set this header without asking first, and the asking is never answered.
    let marked = headers.get("x-linewatch").is_some_and(|value| value.as_bytes() == b"approve");
    if !marked {
        return Err(Refused {
            status: StatusCode::FORBIDDEN,
            why: "the header `X-Linewatch: approve` is missing; `linewatch approve` sends it",
        });
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let same = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"))
        .is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
    if same {
        Ok(())
    } else {
        Err(Refused { status: StatusCode::FORBIDDEN, why: "the request was sent by a page of another site" })
    }
}

/// The host of a `Host` header, without port and brackets.
fn host_name(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    const LOOPBACK: &str = "127.0.0.1:9460";

    #[test]
    fn whoever_changes_something_is_known_by_a_name_and_never_by_an_address() {
        let from = |from: Option<&str>| Changer { from: from.map(|ip| ip.parse().expect("an address")) };
        for (by, name) in [
            (Some("Jo Bloggs <jo@icb.example>"), "Jo Bloggs, from the hub"),
            (Some("jo@icb.example, 01622 000123"), "j***@icb.example, ***123, from the hub"),
            (Some(" \n"), "somebody, from the hub"),
            (None, "somebody, from the hub"),
        ] {
            assert_eq!(from(None).named(by).as_deref(), Ok(name));
        }
        assert_eq!(from(Some("fd00::1")).named(Some("Jo")).as_deref(), Ok("Jo, from fd00::1"));
        assert!(from(None).named(Some(&"a".repeat(1000))).is_err());
    }

    fn access(tokens: Tokens) -> Access {
        let (numbers, _) = Numbers::new().expect("each name once");
        Access::new(tokens, Arc::new(numbers))
    }

    #[test]
    fn on_loopback_a_foreign_host_name_is_turned_away() {
        let listen = LOOPBACK.parse().expect("an address");
        for ours in ["127.0.0.1:9460", "localhost:9460", "[::1]:9460", "127.0.0.1", "page.localhost"] {
            assert_eq!(host_is_ours(listen, &headers(&[("host", ours)])), Ok(()), "{ours}");
        }
        for foreign in ["evil.example:9460", "localhost.evil.example", "", "127.0.0.1.evil.example"] {
            assert!(host_is_ours(listen, &headers(&[("host", foreign)])).is_err(), "{foreign}");
        }
        assert!(host_is_ours(listen, &HeaderMap::new()).is_err(), "no Host at all");
        let public = "192.0.2.1:9460".parse().expect("an address");
        assert_eq!(host_is_ours(public, &headers(&[("host", "linewatch.icb.example")])), Ok(()));
    }

    #[test]
    fn the_token_for_bounces_is_for_nothing_else() {
        let token = |text| SharedSecret::new(text).ok();
        let tokens = Tokens {
            viewer: token("the viewer's token, long enough"),
            admin: token("the administrator's token, long"),
            bounce: token("the mail server's token, long en"),
        };
        let access_of = access;
        let access = access_of(tokens);
        let with = |token: &str| {
            let shown = format!("Bearer {token}");
            headers(&[("x-linewatch", "approve"), ("host", LOOPBACK), ("authorization", &shown)])
        };
        let here = Some(Peer("127.0.0.1:5000".parse().expect("an address")));
        let bounce = with("the mail server's token, long en");
        assert_eq!(access.may_bring_bounces(here, &bounce), Ok(()));
        assert!(access.may_change(here, &bounce).is_err() && access.may_see(here, &bounce).is_err());
        assert_eq!(access.may_bring_bounces(here, &with("the administrator's token, long")), Ok(()));
        for other in ["the viewer's token, long enough", "", "anything"] {
            assert!(access.may_bring_bounces(here, &with(other)).is_err(), "{other}");
        }
        let foreign = headers(&[("authorization", "Bearer the mail server's token, long en")]);
        assert!(
            access.may_bring_bounces(here, &foreign).is_err(),
            "without the header that no foreign page can set"
        );
        let there = Some(Peer("192.0.2.7:5000".parse().expect("an address")));
        let none = headers(&[("x-linewatch", "approve"), ("host", LOOPBACK)]);
        assert_eq!(access_of(Tokens::default()).may_bring_bounces(here, &none), Ok(()), "as with any change");
        assert!(access_of(Tokens::default()).may_bring_bounces(there, &none).is_err());
    }

    #[test]
    fn an_approval_needs_this_machine_and_the_header_and_no_foreign_page() {
        let access = access(Tokens::default());
        let may_change = |peer, headers: &HeaderMap| access.may_change(peer, headers);
        let here = Some(Peer("127.0.0.1:5000".parse().expect("an address")));
        let mapped = Some(Peer("[::ffff:127.0.0.1]:5000".parse().expect("an address")));
        let there = Some(Peer("192.0.2.7:5000".parse().expect("an address")));
        let marked = headers(&[("x-linewatch", "approve"), ("host", LOOPBACK)]);
        assert_eq!(may_change(here, &marked), Ok(()));
        assert_eq!(may_change(mapped, &marked), Ok(()));
        assert!(may_change(there, &marked).is_err());
        assert!(may_change(None, &marked).is_err());
        assert!(may_change(here, &headers(&[("host", LOOPBACK)])).is_err());
        let own =
            headers(&[("x-linewatch", "approve"), ("host", LOOPBACK), ("origin", "http://127.0.0.1:9460")]);
        assert_eq!(may_change(here, &own), Ok(()));
        for origin in ["https://evil.example", "null"] {
            let foreign = headers(&[("x-linewatch", "approve"), ("host", LOOPBACK), ("origin", origin)]);
            assert!(may_change(here, &foreign).is_err(), "{origin}");
        }
    }

    #[test]
    fn tokens_are_shown_as_bearer_or_as_a_password() {
        let secret = |text: &str| SharedSecret::new(text).expect("long enough");
        let (viewer, admin) = ("viewer-0123456789", "admin-0123456789");
        let access =
            access(Tokens { viewer: Some(secret(viewer)), admin: Some(secret(admin)), bounce: None });
        let with = |value: &str| {
            headers(&[("authorization", value), ("x-linewatch", "approve"), ("host", LOOPBACK)])
        };
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("me:{viewer}"));
        for may_see in [format!("Bearer {viewer}"), format!("bearer {admin}"), format!("Basic {basic}")] {
            assert_eq!(access.may_see(None, &with(&may_see)), Ok(()), "{may_see}");
        }
        for stranger in ["", "Bearer ", "Bearer viewer-012345678", "Basic !", "Basic Og=="] {
            assert_eq!(
                access.may_see(None, &with(stranger)).err().map(|no| no.status.as_u16()),
                Some(401),
                "{stranger}"
            );
        }
        let here = Some(Peer("127.0.0.1:5000".parse().expect("an address")));
        let there = Some(Peer("192.0.2.7:5000".parse().expect("an address")));
        assert_eq!(access.may_change(there, &with(&format!("Bearer {admin}"))), Ok(()));
        assert!(
            access.may_change(here, &with(&format!("Bearer {viewer}"))).is_err(),
            "who sees doesn't change"
        );
        access.set(Tokens::default());
        assert_eq!(access.may_see(None, &HeaderMap::new()), Ok(()));
    }

    #[test]
    fn a_source_that_guesses_is_told_so_and_the_right_token_opens_from_there_too() {
        let viewer = "viewer-0123456789";
        let access = access(Tokens { viewer: SharedSecret::new(viewer).ok(), ..Tokens::default() });
        let from = |address: &str| Some(Peer(address.parse().expect("an address")));
        let (guesser, other) = (from("192.0.2.7:5000"), from("192.0.2.8:5000"));
        let with = |token: &str| headers(&[("authorization", &format!("Bearer {token}"))]);
        let status =
            |peer, token: &str| access.may_see(peer, &with(token)).err().map(|no| no.status.as_u16());
        let asks_without = || access.may_see(guesser, &HeaderMap::new()).err().map(|no| no.status.as_u16());
        // Who shows the right one, or none, spends nothing.
        let burst = 20;
        assert!((WRONG_TOKEN_BURST - f64::from(burst)).abs() < 1e-9);
        for _ in 0..10 * burst {
            assert_eq!((status(guesser, viewer), asks_without()), (None, Some(401)));
        }
        let told: Vec<Option<u16>> = (0..2 * burst).map(|_| status(guesser, "guessed-0123456")).collect();
        let heard = told.iter().filter(|status| **status == Some(401)).count();
        // A slow machine may have given it one or two more meanwhile.
        assert!((heard as f64 - WRONG_TOKEN_BURST).abs() <= 2.0 && told.contains(&Some(429)), "{told:?}");
        assert_eq!(
            (status(guesser, viewer), status(other, viewer)),
            (None, None),
            "nobody is locked out by it"
        );
        let counted = |why| access.numbers.tokens_refused(why);
        assert_eq!(counted(TokenRefused::Wrong), heard as u64);
        assert_eq!(counted(TokenRefused::TooMany), (told.len() - heard) as u64);
    }
}
