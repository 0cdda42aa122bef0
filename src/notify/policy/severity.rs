//! How bad an incident is, from what it hits alone.
//!
//! | severity | when |
//! |---|---|
//! | `critical` | half of the estate or more is hit, or a tenth of it on both networks at once |
//! | `major` | a tenth of the estate or more is hit, or several practices on both networks, or several practices lose a service for which there is nothing to do instead; or linewatch itself may be cut off |
//! | `minor` | what is hit doesn't answer, at fewer practices than that |
//! | `note` | what is hit answers, but slowly, in part, or with breaks, at fewer practices than that |
//!
//! What answers all the same (slow, in part, with breaks, partly blocked) is one step less than what doesn't answer.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::blind;
use crate::estate::Estate;
use crate::incident::{Cause, Event, Signature};

/// The least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    #[default]
    Note,
    Minor,
    Major,
    Critical,
}

impl Severity {
    /// The least first.
    pub const ALL: [Self; 4] = [Self::Note, Self::Minor, Self::Major, Self::Critical];

    /// The word in configuration, letters and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Minor => "minor",
            Self::Major => "major",
            Self::Critical => "critical",
        }
    }

    const fn one_less(self) -> Self {
        match self {
            Self::Note | Self::Minor => Self::Note,
            Self::Major => Self::Minor,
            Self::Critical => Self::Major,
        }
    }

    /// Of an incident as this event has it. Of its end: what it was at last can't be seen in the end alone, which names no
    /// practices any more; see [`Self::of_all`].
    pub fn of(event: &Event, estate: &Estate) -> Self {
        if blind(event) {
            return Self::Major;
        }
        let (hit, all) = (event.practices.len(), estate.practices.len().max(1));
        let several = hit > 1;
        let tenth = several && hit * 10 >= all;
        let half = several && hit * 2 >= all;
        let both_networks =
            event.network.is_none() && event.cause.iter().any(|cause| cause.kind != Cause::SERVICE);
        let helpless =
            |id: &String| estate.service(id).is_some_and(|ix| estate.services[ix.at()].instead.is_none());
        let full = if half || (tenth && both_networks) {
            Self::Critical
        } else if tenth || (several && (both_networks || event.services.iter().any(helpless))) {
            Self::Major
        } else {
            Self::Minor
        };
        match event.signature {
            Signature::Slow | Signature::Partial | Signature::Flapping | Signature::Policy => full.one_less(),
            Signature::Down
            | Signature::Dropped
            | Signature::Refused
            | Signature::Dns
            | Signature::Tls
            | Signature::Intercepted
            | Signature::Silent => full,
        }
    }

    /// The worst that an incident was in these events.
    pub fn of_all<'a>(events: impl IntoIterator<Item = &'a Event>, estate: &Estate) -> Self {
        events.into_iter().map(|event| Self::of(event, estate)).max().unwrap_or_default()
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::{Practice, Service};
    use crate::notify::policy::tests::{estate, event};

    /// A hundred practices.
    fn county() -> Estate {
        let mut estate = estate();
        let one = estate.practices[0].clone();
        estate.practices = (0..100).map(|n| Practice { id: format!("P{n}"), ..one.clone() }).collect();
        estate.services = vec![Service {
            id: "emis".to_owned(),
            name: "EMIS".to_owned(),
            used_for: None,
            instead: None,
            catch_up: None,
            needs: Vec::new(),
        }];
        estate
    }

    fn hits(practices: usize) -> Event {
        let ids: Vec<String> = (0..practices).map(|n| format!("P{n}")).collect();
        event("1", 0, &ids.iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[test]
    fn it_grows_with_what_is_hit() {
        let estate = county();
        let of = |event: &Event| Severity::of(event, &estate);
        assert_eq!(of(&hits(1)), Severity::Minor);
        assert_eq!(of(&hits(9)), Severity::Minor);
        assert_eq!(of(&hits(10)), Severity::Major);
        assert_eq!(of(&hits(50)), Severity::Critical);
        let both = |practices| Event { network: None, ..hits(practices) };
        assert_eq!(of(&both(1)), Severity::Minor);
        assert_eq!(of(&both(2)), Severity::Major);
        assert_eq!(of(&both(10)), Severity::Critical);
        let without = Event { services: vec!["emis".to_owned()], ..hits(2) };
        assert_eq!(of(&without), Severity::Major, "there is nothing to do instead");
    }

    #[test]
    fn what_answers_all_the_same_is_a_step_less() {
        let estate = county();
        let slow = |practices| Event { signature: Signature::Slow, ..hits(practices) };
        assert_eq!(Severity::of(&slow(1), &estate), Severity::Note);
        assert_eq!(Severity::of(&slow(10), &estate), Severity::Minor);
        assert_eq!(Severity::of(&slow(50), &estate), Severity::Major);
    }

    #[test]
    fn a_blind_monitor_is_major_and_an_end_is_what_it_was_before() {
        let estate = county();
        let mut blind = hits(0);
        blind.cause = vec![Cause { kind: Cause::MONITOR.to_owned(), id: "hub".to_owned() }];
        assert_eq!(Severity::of(&blind, &estate), Severity::Major);
        assert_eq!(Severity::of_all([&hits(50), &hits(0)], &estate), Severity::Critical);
    }

    #[test]
    fn an_estate_of_one_practice_has_no_half() {
        let mut estate = county();
        estate.practices.truncate(1);
        assert_eq!(Severity::of(&hits(1), &estate), Severity::Minor);
    }
}
