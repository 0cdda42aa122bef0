//! Who was told of an incident and when, and who answered. A digest tells of several incidents: it stands with each of them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::facts::{AcknowledgementLine, Facts, NoticeLine};
use super::names::Moment;
use super::runs::About;
use crate::journal::body::{Acknowledged, NoticeFate, practices_in};
use crate::notify::NoticeKind;
use crate::notify::policy::digest_of;
use crate::time::At;

/// A notice, what became of it and when, and of what it told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeTold {
    /// When it was accepted, refused, given up or withheld.
    pub at: At,
    /// The same in local time, as [`Moment::local`].
    #[serde(default)]
    pub local: String,
    /// The incident that it is filed under.
    pub incident: String,
    /// Other incidents that it told of: it is a digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    pub fate: NoticeFate,
}

/// Somebody's word that they have it in hand, or read of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgementFigures {
    pub at: Moment,
    /// Under which it was said.
    #[serde(default)]
    pub incident: String,
    #[serde(flatten)]
    pub said: Acknowledged,
}

impl NoticeTold {
    /// All incidents that it told of.
    pub fn incidents(&self) -> Vec<String> {
        std::iter::once(&self.incident).chain(&self.also).cloned().collect()
    }
}

impl AcknowledgementFigures {
    pub(super) fn new(line: &AcknowledgementLine, zone: &TimeZone) -> Self {
        let (at, incident) = (Moment::new(line.at, zone), line.incident.clone());
        Self { at, incident, said: line.said.clone() }
    }
}

/// The journal's notices by the incidents that they told of, and those that these went on as.
pub(super) struct Told<'f> {
    notices: &'f [NoticeLine],
    /// Places in `notices`.
    by_incident: BTreeMap<&'f str, BTreeSet<usize>>,
    /// By the place of a digest: the incidents that it told of.
    digests: BTreeMap<usize, BTreeSet<&'f str>>,
}

impl<'f> Told<'f> {
    pub fn new(facts: &'f Facts) -> Self {
        let notices = &facts.notices[..];
        let digest = |(place, line): (usize, &'f NoticeLine)| {
            let is_digest = line.fate.notice == NoticeKind::Digest.as_str();
            Some((line.fate.id.as_deref().filter(|_| is_digest)?, place))
        };
        let by_id: BTreeMap<&str, usize> = notices.iter().enumerate().filter_map(digest).collect();
        let mut told = Self { notices, by_incident: BTreeMap::new(), digests: BTreeMap::new() };
        for (place, line) in notices.iter().enumerate() {
            // What was kept, and told with others, names the digest that told it.
            let digest = line.fate.why.as_deref().and_then(digest_of).and_then(|id| by_id.get(id));
            for incident in About::new(facts, &line.incident, line.at).incidents() {
                let of_incident = told.by_incident.entry(incident).or_default();
                of_incident.insert(place);
                of_incident.extend(digest);
            }
            if let Some(digest) = digest {
                told.digests.entry(*digest).or_default().insert(&line.incident);
            }
        }
        told
    }

    /// The notices that told of any of these incidents and that `wanted` likes, in order of time, each once.
    pub fn of<'i>(
        &self,
        incidents: impl IntoIterator<Item = &'i str>,
        wanted: impl Fn(&NoticeFate) -> bool,
        zone: &TimeZone,
    ) -> Vec<NoticeTold> {
        let places = incidents.into_iter().filter_map(|incident| self.by_incident.get(incident)).flatten();
        let places: BTreeSet<usize> = places.copied().collect();
        let lines = places.into_iter().filter_map(|place| Some((place, self.notices.get(place)?)));
        let mut figures: Vec<NoticeTold> = lines
            .filter(|(_, line)| wanted(&line.fate))
            .map(|(place, line)| {
                let also = self.digests.get(&place).into_iter().flatten();
                NoticeTold {
                    at: line.at,
                    local: Moment::new(line.at, zone).local,
                    incident: line.incident.clone(),
                    also: also.filter(|id| **id != line.incident).map(|id| (*id).to_owned()).collect(),
                    fate: line.fate.clone(),
                }
            })
            .collect();
        figures.sort_by_key(|line| line.at);
        figures
    }
}

/// Whether an acknowledgement is told with one of some incidents: it is with the one that it was said of, and with those that this went on as.
pub(super) fn is_told_with(facts: &Facts, line: &AcknowledgementLine, is_one: impl Fn(&str) -> bool) -> bool {
    About::new(facts, &line.incident, line.at).incidents().any(is_one)
}

/// Whether what was `for` somebody is this practice's affair: its manager's, its primary care network's, or that of nobody's practice
/// in particular, such as staff.
pub(super) fn concerns(whom: &str, practice: &str) -> bool {
    let practices = practices_in(whom);
    practices.is_empty() || practices.split(',').any(|id| id == practice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: i64, incident: &str, id: &str, kind: NoticeKind, why: Option<&str>) -> NoticeLine {
        let fate = NoticeFate {
            id: Some(id.to_owned()),
            notice: kind.as_str().to_owned(),
            channel: "email".to_owned(),
            whom: "staff".to_owned(),
            outcome: if why.is_some() { "withheld" } else { "accepted" }.to_owned(),
            why: why.map(str::to_owned),
            via: None,
            answer: None,
        };
        NoticeLine { at: At::from_millis(at), incident: incident.to_owned(), fate }
    }

    #[test]
    fn a_digest_stands_with_every_incident_that_it_told_of_and_once_with_all() {
        let told = "told in digest.5.00";
        let facts = Facts {
            notices: vec![
                line(1, "a", "a.o1", NoticeKind::Opening, None),
                line(5, "b", "b.o1", NoticeKind::Opening, Some(told)),
                line(5, "c", "c.o1", NoticeKind::Opening, Some(told)),
                line(5, "d", "d.o1", NoticeKind::Opening, Some("told in digest.6.00")),
                line(9, "c", "digest.5.00", NoticeKind::Digest, None),
            ],
            ..Facts::default()
        };
        let told = Told::new(&facts);
        let of = |ids: &[&str]| -> Vec<(i64, Vec<String>)> {
            let all = told.of(ids.iter().copied(), |fate| fate.outcome == "accepted", &TimeZone::UTC);
            all.iter().map(|line| (line.at.as_millis(), line.incidents())).collect()
        };
        let digest = (9, vec!["c".to_owned(), "b".to_owned()]);
        assert_eq!(of(&["a"]), [(1, vec!["a".to_owned()])]);
        assert_eq!(of(&["b"]), std::slice::from_ref(&digest));
        assert_eq!(of(&["c"]), std::slice::from_ref(&digest));
        assert_eq!(of(&["d"]), [], "its digest isn't in the journal");
        assert_eq!(of(&["c", "b", "a"]), [(1, vec!["a".to_owned()]), digest]);
    }

    /// The first began anew at ten, and proved at twenty to be a part of the second.
    #[test]
    fn what_was_told_while_it_was_a_part_of_another_stands_with_that_too() {
        use crate::incident::{Event, EventKind, Evidence, Reason, Signature};
        let event = |incident: &str, event, at, end: Option<(Reason, Option<&str>)>| Event {
            at: At::from_millis(at),
            event,
            incident: incident.to_owned(),
            cause: Vec::new(),
            probability: 0.9,
            alternatives: Vec::new(),
            signature: Signature::Down,
            network: None,
            since: At::from_millis(at),
            practices: Vec::new(),
            services: Vec::new(),
            evidence: Evidence::default(),
            reason: end.map(|(reason, _)| reason),
            into: end.and_then(|(_, into)| into).map(str::to_owned),
            lost: Vec::new(),
            sentence: String::new(),
        };
        let first = vec![
            event("a", EventKind::Opened, 0, None),
            event("a", EventKind::Resolved, 5, Some((Reason::Recovered, None))),
            event("a", EventKind::Opened, 10, None),
            event("a", EventKind::Resolved, 20, Some((Reason::Merged, Some("b")))),
        ];
        let facts = Facts {
            incidents: [
                ("a".to_owned(), first),
                ("b".to_owned(), vec![event("b", EventKind::Opened, 8, None)]),
            ]
            .into(),
            notices: [1, 7, 12, 25]
                .map(|at| line(at, "a", &format!("a.o{at}"), NoticeKind::Opening, None))
                .into(),
            ..Facts::default()
        };
        let of = |id: &str| -> Vec<i64> {
            let all = Told::new(&facts).of([id], |_| true, &TimeZone::UTC);
            all.iter().map(|line| line.at.as_millis()).collect()
        };
        assert_eq!((of("a"), of("b")), (vec![1, 7, 12, 25], vec![12, 25]));
    }

    #[test]
    fn a_practice_hears_of_what_is_its_own_and_of_what_is_nobodys_in_particular() {
        let staff = ["staff", "role on-call", "owner ICB, network team"];
        for whom in staff.into_iter().chain(["G82002", "G82001,G82002", "pcn east: G82001,G82002"]) {
            assert!(concerns(whom, "G82002"), "{whom}");
        }
        for whom in ["G82001", "G820021", "pcn G82002: G82001"] {
            assert!(!concerns(whom, "G82002"), "{whom}");
        }
    }
}
