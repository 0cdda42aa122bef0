//! What somebody has muted, until when. What is muted goes on being measured and told to nobody; at the end of the mute what
//! still goes on is told. Who was told before is told of the end all the same. The mute of an incident that goes on as another is
//! that one's from then on, and is listed as such.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::incident::Event;
use crate::limits::MUTES_MAX;
use crate::notify::notice::Audience;
use crate::time::At;

/// A mute, for as long as it is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// By which it is ended; counted up from 1.
    pub number: u32,
    #[serde(flatten)]
    pub muted: Muted,
    pub from: At,
    /// When it ends, or ended.
    pub until: At,
    /// Who muted.
    pub by: String,
    pub reason: Option<String>,
}

/// What is muted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Muted {
    Incident {
        id: String,
    },
    /// A cause: a component, a network, a service, by its kind and its id.
    Component {
        kind: String,
        id: String,
    },
    Practice {
        id: String,
    },
}

impl Muted {
    /// The incident that it is, if it is one.
    pub fn incident(&self) -> Option<&str> {
        match self {
            Self::Incident { id } => Some(id),
            Self::Component { .. } | Self::Practice { .. } => None,
        }
    }
}

impl fmt::Display for Muted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incident { id } => write!(f, "incident {id}"),
            Self::Component { kind, id } => write!(f, "{kind} {id}"),
            Self::Practice { id } => write!(f, "practice {id}"),
        }
    }
}

/// The mutes that stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Mutes(pub Vec<Mute>);

impl Mutes {
    /// Until when nothing of this event is said to this audience, as the mutes stand at `at`; `None`: nothing mutes it.
    ///
    /// What may be several things is muted when all of them are: else a fault of the others would be hushed up. So it is with an
    /// audience of several practices, and with the practices of an event where staff are told of it.
    pub fn until(&self, event: &Event, audience: &Audience, at: At) -> Option<At> {
        let standing = || self.0.iter().filter(|mute| mute.from <= at && at < mute.until);
        let incident = standing()
            .filter(|mute| matches!(&mute.muted, Muted::Incident { id } if *id == event.incident))
            .map(|mute| mute.until)
            .max();
        let cause = all(event.cause.iter().map(|cause| {
            standing()
                .filter(|mute| {
                    matches!(&mute.muted, Muted::Component { kind, id } if *kind == cause.kind && *id == cause.id)
                })
                .map(|mute| mute.until)
                .max()
        }));
        let practices = all(audience.practices_of(event).iter().map(|practice| {
            standing()
                .filter(|mute| matches!(&mute.muted, Muted::Practice { id } if id == practice))
                .map(|mute| mute.until)
                .max()
        }));
        [incident, cause, practices].into_iter().flatten().max()
    }

    /// Takes one more. `None`: as many stand as may.
    pub fn add(&mut self, mute: Mute) -> Option<&Mute> {
        // Those that are over make room.
        self.0.retain(|other| other.until > mute.from);
        if self.0.len() >= MUTES_MAX {
            return None;
        }
        self.0.push(mute);
        self.0.last()
    }

    /// Ends one before its time. `None`: none of that number stands.
    pub fn end(&mut self, number: u32, now: At) -> Option<Mute> {
        let mute = self.0.iter_mut().find(|mute| mute.number == number && mute.until > now)?;
        mute.until = now;
        Some(mute.clone())
    }

    /// An incident goes on as another, and with it what was muted of it: whoever muted it knows of that fault.
    pub fn merge(&mut self, incident: &str, into: &str) {
        for mute in &mut self.0 {
            if let Muted::Incident { id } = &mut mute.muted
                && id == incident
            {
                into.clone_into(id);
            }
        }
    }

    /// When the next one ends after `after`.
    pub fn next_end(&self, after: At) -> Option<At> {
        self.0.iter().map(|mute| mute.until).filter(|until| *until > after).min()
    }
}

/// The first of these ends, when there are any and each has one.
fn all(mut ends: impl Iterator<Item = Option<At>>) -> Option<At> {
    let first = ends.next()??;
    ends.try_fold(first, |soonest, end| Some(soonest.min(end?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::Cause;
    use crate::notify::policy::tests::event;

    fn mutes(muted: &[Muted]) -> Mutes {
        let mute = |(number, muted): (usize, &Muted)| Mute {
            number: u32::try_from(number).expect("few"),
            muted: muted.clone(),
            from: At::from_millis(10),
            until: At::from_millis(100),
            by: "somebody".to_owned(),
            reason: None,
        };
        Mutes(muted.iter().enumerate().map(mute).collect())
    }

    fn component(id: &str) -> Muted {
        Muted::Component { kind: "firewall".to_owned(), id: id.to_owned() }
    }

    fn practice(id: &str) -> Muted {
        Muted::Practice { id: id.to_owned() }
    }

    #[test]
    fn it_covers_what_it_names_for_as_long_as_it_lasts() {
        let event = event("1", 0, &["A", "B"]);
        let until = |muted: &[Muted], at: i64| {
            mutes(muted).until(&event, &Audience::Staff, At::from_millis(at)).map(At::as_millis)
        };
        let incident = [Muted::Incident { id: "1".to_owned() }];
        assert_eq!([9, 10, 99, 100].map(|at| until(&incident, at)), [None, Some(100), Some(100), None]);
        assert_eq!(until(&[Muted::Incident { id: "2".to_owned() }], 50), None);
        assert_eq!(until(&[component("fw")], 50), Some(100));
        assert_eq!(until(&[component("other")], 50), None);
    }

    #[test]
    fn what_may_be_another_fault_is_not_hushed_up() {
        let mut either = event("1", 0, &["A", "B"]);
        either.cause.push(Cause { kind: "firewall".to_owned(), id: "other".to_owned() });
        let at = At::from_millis(50);
        assert_eq!(mutes(&[component("fw")]).until(&either, &Audience::Staff, at), None);
        assert!(mutes(&[component("fw"), component("other")]).until(&either, &Audience::Staff, at).is_some());
        // Staff hear while one of the practices isn't muted; the muted one's manager doesn't.
        let muted = mutes(&[practice("A")]);
        let manager = |id: &str| Audience::Practices(vec![id.to_owned()]);
        assert_eq!(muted.until(&either, &Audience::Staff, at), None);
        assert!(muted.until(&either, &manager("A"), at).is_some());
        assert_eq!(muted.until(&either, &manager("B"), at), None);
        assert!(mutes(&[practice("A"), practice("B")]).until(&either, &Audience::Staff, at).is_some());
    }
}
