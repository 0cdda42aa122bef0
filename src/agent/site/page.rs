//! The page in words: what doesn't answer, what works only in part, what still answers, and what the hub said last.

use askama::Template;
use jiff::tz::TimeZone;

use super::LastWord;
use super::board::{Board, Stands};
use super::standing::{Found, Overview};
use crate::estate::{Estate, PracticeIx, ProbeIx, ServiceIx};
use crate::incident::Signature;
use crate::limits::{ONSITE_INCIDENTS_MAX, ONSITE_REFRESH, ONSITE_WORD_OLD};
use crate::notify::words::phrases::one_as_shipped;
use crate::notify::words::plain;
use crate::notify::words::reach::{self, Service};
use crate::observation::{Failure, Phase};
use crate::time::At;
use crate::uplink::message::PathState;

/// All that the page is made from.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    pub estate: &'a Estate,
    pub practice: PracticeIx,
    pub board: &'a Board,
    pub word: Option<&'a LastWord>,
    pub paths: &'a [PathState],
    /// The hub, where it is reached, takes nothing from this agent.
    pub is_denied: bool,
    /// Results that the hub refused for good.
    pub refused: u64,
    pub now: At,
    /// Whether the page is to renew itself.
    pub renews: bool,
}

#[derive(Template)]
#[template(path = "pages/onsite.html")]
pub struct Page {
    practice: String,
    id: String,
    icb: String,
    at_utc: String,
    at: String,
    timezone: String,
    refresh: Option<u64>,
    refresh_seconds: u64,
    tone: &'static str,
    shape: &'static str,
    headline: String,
    own_trouble: Option<String>,
    down: Vec<Item>,
    partly: Vec<Item>,
    up: Vec<String>,
    not_known: Vec<String>,
    word: Option<Word>,
    ways: Vec<Way>,
    is_denied: bool,
    refused: Option<String>,
    checks: Vec<Check>,
    version: &'static str,
}

/// The page of an agent that has nothing to ask yet.
#[derive(Template)]
#[template(path = "pages/onsite_waiting.html")]
pub struct Waiting {
    id: String,
    refresh_seconds: u64,
    version: &'static str,
}

impl Waiting {
    pub fn new(practice_id: &str) -> Self {
        Self {
            id: practice_id.to_owned(),
            refresh_seconds: ONSITE_REFRESH.as_secs(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// Something that is not as it should be.
struct Item {
    sentence: String,
    since: Option<Since>,
    /// What to do meanwhile.
    instead: Option<String>,
}

struct Since {
    utc: String,
    words: String,
}

impl Since {
    fn new(at: At, now: At, zone: &TimeZone) -> Self {
        Self {
            utc: at.to_string(),
            words: format!("{} ({})", plain::clock(at, now, zone), plain::length(at, now)),
        }
    }
}

/// What the hub said, and how old that is.
struct Word {
    utc: String,
    heard: String,
    is_old: bool,
    sentences: Vec<String>,
}

/// One way from this computer to the hub.
struct Way {
    /// `Over the NHS network`
    name: String,
    shape: &'static str,
    class: &'static str,
    says: &'static str,
    since: Option<Since>,
}

impl Way {
    fn new(path: &PathState, is_denied: bool, estate: &Estate, now: At) -> Self {
        let zone = &estate.icb.timezone;
        let network = path.network.as_deref().and_then(|id| estate.network(id));
        let name = match (network, &path.network) {
            (Some(ix), _) => format!("Over {}", plain::name(&estate.networks[ix.at()].name)),
            (None, Some(id)) => format!("Over {}", plain::name(id)),
            (None, None) => format!("At {}", plain::name(&path.hub)),
        };
        let (shape, class, says) = match path.works {
            Some(true) if is_denied => {
                ("✕", "down", "it is reached, and doesn't take what this computer reports")
            }
            Some(true) => ("✓", "ok", "it is reached"),
            Some(false) => ("✕", "down", "it is not reached"),
            None => ("?", "unknown", "not tried yet"),
        };
        // Since when it is reached is not since when it takes nothing.
        let since = path.since.filter(|_| !(is_denied && path.works == Some(true)));
        Self { name, shape, class, says, since: since.map(|at| Since::new(at, now, zone)) }
    }
}

struct Check {
    probe: String,
    network: String,
    shape: &'static str,
    class: &'static str,
    says: String,
}

impl Page {
    pub fn new(known: &Known<'_>) -> Self {
        let Known { estate, practice, board, word, paths, is_denied, refused, now, renews } = *known;
        let zone = &estate.icb.timezone;
        let overview = Overview::new(estate, board, now);
        let lists = Lists::new(estate, &overview, now);
        let (tone, shape, headline) = lists.headline(estate, &overview);
        let of = &estate.practices[practice.at()];
        Self {
            practice: plain::name(&of.name),
            id: of.id.clone(),
            icb: plain::name(&estate.icb.name),
            at_utc: now.to_string(),
            at: plain::day_and_clock(now, zone),
            timezone: zone.iana_name().unwrap_or("local time").to_owned(),
            refresh: renews.then_some(ONSITE_REFRESH.as_secs()),
            refresh_seconds: ONSITE_REFRESH.as_secs(),
            tone,
            shape,
            headline,
            own_trouble: board.own_trouble().map(|(at, why)| {
                format!("{} (at {})", plain::sentences(&plain::capital(why)), plain::clock(at, now, zone))
            }),
            down: lists.down,
            partly: lists.partly,
            up: lists.up,
            not_known: lists.not_known,
            word: word.map(|word| Word::new(word, now, zone)),
            ways: paths.iter().map(|path| Way::new(path, is_denied, estate, now)).collect(),
            is_denied,
            refused: match refused {
                0 => None,
                1 => Some("one result".to_owned()),
                many => Some(format!("{many} results")),
            },
            checks: checks(estate, board, now),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

#[derive(Default)]
struct Lists {
    down: Vec<Item>,
    partly: Vec<Item>,
    up: Vec<String>,
    not_known: Vec<String>,
}

impl Lists {
    /// Networks first, then services: a network that is down explains the services below it.
    fn new(estate: &Estate, overview: &Overview, now: At) -> Self {
        let zone = &estate.icb.timezone;
        let since = |at: At| Since::new(at, now, zone);
        let mut lists = Self::default();
        for (network, found) in estate.networks.iter().zip(&overview.networks) {
            let name = plain::capital(&plain::name(&network.name));
            match *found {
                Found::Down { since: at, .. } => lists.down.push(Item {
                    sentence: format!("{name} does not answer."),
                    since: Some(since(at)),
                    instead: None,
                }),
                // Which of the services over it fail is said below.
                Found::Answers | Found::Partly { .. } => lists.up.push(name),
                Found::NotKnown => {
                    let is_checked = estate
                        .probes
                        .iter()
                        .any(|probe| estate.networks[probe.network.at()].id == network.id);
                    lists.not_known.extend(is_checked.then_some(name));
                }
            }
        }
        let down =
            overview.services.iter().enumerate().filter(|(_, found)| matches!(found, Found::Down { .. }));
        let down = down.map(|(at, _)| ServiceIx::new(at)).collect();
        for (at, found) in overview.services.iter().enumerate() {
            let ix = ServiceIx::new(at);
            let service = reach::service(estate, ix);
            let lacks = reach::lacks(estate, ix, &down);
            match *found {
                Found::Down { since: at, failure, phase } => {
                    let says = one_as_shipped(signature(failure, phase));
                    lists.down.push(item(&service, &says, Some(since(at))));
                }
                Found::Partly { since: at } => {
                    lists.partly.push(item(&service, &one_as_shipped(Signature::Partial), Some(since(at))));
                }
                Found::Answers if lacks.is_empty() => lists.up.push(service.with_use()),
                Found::Answers => {
                    let needs = plain::and(&lacks);
                    let says =
                        format!("answers, but needs {needs}, which does not. Expect parts of it to fail");
                    lists.partly.push(item(&service, &says, None));
                }
                Found::NotKnown => {
                    let is_checked = estate.probes.iter().any(|probe| probe.service == Some(ix));
                    lists.not_known.extend(is_checked.then(|| service.with_use()));
                }
            }
        }
        lists
    }

    /// The one line that matters most: its tone, its shape, its words.
    fn headline(&self, estate: &Estate, overview: &Overview) -> (&'static str, &'static str, String) {
        let gone = |found: &Found| matches!(found, Found::Down { .. });
        let networks: Vec<String> = estate
            .networks
            .iter()
            .zip(&overview.networks)
            .filter(|(_, found)| gone(found))
            .map(|(network, _)| plain::name(&network.name))
            .collect();
        let services = overview.services.iter().filter(|found| gone(found)).count();
        let says = |what: String, many: bool| {
            format!("{} not answer.", plain::capital(&format!("{what} {}", if many { "do" } else { "does" })))
        };
        match (networks.len(), services, self.partly.len(), self.up.len()) {
            (0, 0, 0, 0) => {
                ("wait", "?", "Nothing is known yet. The first results come within a minute.".to_owned())
            }
            (0, 0, 0, _) if self.not_known.is_empty() => {
                ("good", "✓", "Everything that we check answers.".to_owned())
            }
            (0, 0, 0, _) => {
                ("wait", "?", "What we know of answers. Of some things nothing is known.".to_owned())
            }
            (0, 0, _, _) => ("wait", "◐", "Some things work only in part.".to_owned()),
            (0, 1, ..) => ("bad", "✕", says("one service".to_owned(), false)),
            (0, n, ..) => ("bad", "✕", says(format!("{n} services"), true)),
            (n, ..) => ("bad", "✕", says(plain::and(&networks), n > 1)),
        }
    }
}

fn item(service: &Service, says: &str, since: Option<Since>) -> Item {
    let name = plain::capital(&service.name);
    let sentence = match &service.used_for {
        Some(used_for) => format!("{name} (used for {used_for}) {says}."),
        None => format!("{name} {says}."),
    };
    Item { sentence, since, instead: service.instead.clone() }
}

/// How one failure shows, as far as a person at a desk is concerned.
const fn signature(failure: Failure, phase: Option<Phase>) -> Signature {
    match failure {
        Failure::Nxdomain | Failure::Servfail | Failure::DnsRefused => Signature::Dns,
        Failure::Timeout | Failure::NoAnswer if matches!(phase, Some(Phase::Dns)) => Signature::Dns,
        Failure::Tls | Failure::Untrusted | Failure::Expired => Signature::Tls,
        Failure::Intercepted => Signature::Intercepted,
        Failure::TooSlow => Signature::Slow,
        Failure::Loss => Signature::Partial,
        Failure::Timeout
        | Failure::Refused
        | Failure::Reset
        | Failure::Unreachable
        | Failure::NoAnswer
        | Failure::WrongAnswer
        | Failure::Status
        | Failure::Body
        | Failure::BlockedPage
        | Failure::Open
        | Failure::Protocol
        | Failure::Local => Signature::Down,
    }
}

impl Word {
    fn new(word: &LastWord, now: At, zone: &TimeZone) -> Self {
        let age = now.millis_since(word.heard);
        Self {
            utc: word.heard.to_string(),
            heard: format!(
                "{} ({} ago)",
                plain::clock(word.heard, now, zone),
                plain::length(word.heard, now)
            ),
            is_old: u128::try_from(age).unwrap_or(0) > ONSITE_WORD_OLD.as_millis(),
            sentences: word
                .sentences
                .iter()
                .take(ONSITE_INCIDENTS_MAX)
                .map(|it| plain::sentences(it))
                .collect(),
        }
    }
}

fn checks(estate: &Estate, board: &Board, now: At) -> Vec<Check> {
    let zone = &estate.icb.timezone;
    let each = estate.probes.iter().enumerate().map(|(at, probe)| {
        let (shape, class, says) = match board.stands(ProbeIx::new(at), probe, now) {
            Stands::NotKnown => ("?", "unknown", "not known".to_owned()),
            Stands::Answers => ("✓", "ok", "answers".to_owned()),
            Stands::Fails { since, failure, phase } => {
                let phase = phase.map_or_else(String::new, |phase| format!(", at {}", phase.as_str()));
                let since = plain::clock(since, now, zone);
                ("✕", "down", format!("fails ({}{phase}) since {since}", failure.as_str()))
            }
        };
        let network = plain::name(&estate.networks[probe.network.at()].name);
        Check { probe: probe.id.clone(), network, shape, class, says }
    });
    each.collect()
}
