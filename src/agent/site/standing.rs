//! What a practice has and hasn't, from its own checks alone. Pure.
//!
//! A service is down when all that is known of its checks is that they fail; when some of them fail, it works in part. The
//! same holds of a network, but that one failing check alone says nothing of it: what is at the other end may be what fails.

use super::board::{Board, Stands};
use crate::estate::{Estate, NetworkIx, Probe, ProbeIx, ServiceIx};
use crate::observation::{Failure, Phase};
use crate::time::At;

/// How a network or a service stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// None of its checks has said anything of late, or it has none.
    NotKnown,
    Answers,
    /// Some of its checks fail.
    Partly {
        /// When the first of them began to fail.
        since: At,
    },
    Down {
        /// When the last of its checks began to fail.
        since: At,
        /// What that one says.
        failure: Failure,
        phase: Option<Phase>,
    },
}

/// How all of them stand, each list in the estate's order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    pub networks: Vec<Found>,
    pub services: Vec<Found>,
}

impl Overview {
    pub fn new(estate: &Estate, board: &Board, now: At) -> Self {
        let found = |enough: usize, belongs: &dyn Fn(&Probe) -> bool| {
            let checks = estate.probes.iter().enumerate().filter(|(_, probe)| belongs(probe));
            found(enough, checks.map(|(at, probe)| board.stands(ProbeIx::new(at), probe, now)))
        };
        let networks = (0..estate.networks.len()).map(NetworkIx::new);
        let services = (0..estate.services.len()).map(ServiceIx::new);
        Self {
            networks: networks.map(|ix| found(2, &|probe: &Probe| probe.network == ix)).collect(),
            services: services.map(|ix| found(1, &|probe: &Probe| probe.service == Some(ix))).collect(),
        }
    }
}

/// `enough`: failing checks without which it isn't down.
fn found(enough: usize, checks: impl Iterator<Item = Stands>) -> Found {
    let (mut answers, mut failing) = (false, 0);
    let mut first: Option<At> = None;
    let mut last: Option<(At, Failure, Option<Phase>)> = None;
    for stands in checks {
        match stands {
            Stands::NotKnown => {}
            Stands::Answers => answers = true,
            Stands::Fails { since, failure, phase } => {
                failing += 1;
                first = Some(first.map_or(since, |first| first.min(since)));
                if last.is_none_or(|(before, ..)| before <= since) {
                    last = Some((since, failure, phase));
                }
            }
        }
    }
    match (answers, first, last) {
        (true, Some(since), _) => Found::Partly { since },
        (true, None, _) => Found::Answers,
        (false, _, Some((since, failure, phase))) if failing >= enough => {
            Found::Down { since, failure, phase }
        }
        (false, ..) => Found::NotKnown,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: At = At::from_millis(1_700_000_000_000);

    fn fails(after_s: i64, failure: Failure) -> Stands {
        Stands::Fails { since: START.plus_millis(after_s * 1_000), failure, phase: None }
    }

    fn of(checks: &[Stands]) -> Found {
        found(1, checks.iter().copied())
    }

    #[test]
    fn it_is_down_when_all_that_is_known_of_it_fails_and_since_the_last_of_its_checks() {
        let checks = [fails(30, Failure::Tls), Stands::NotKnown, fails(40, Failure::Timeout)];
        let since = START.plus_millis(40_000);
        assert_eq!(of(&checks), Found::Down { since, failure: Failure::Timeout, phase: None });
    }

    #[test]
    fn it_works_in_part_when_some_of_its_checks_answer() {
        let checks = [fails(40, Failure::Timeout), Stands::Answers, fails(30, Failure::Tls)];
        assert_eq!(of(&checks), Found::Partly { since: START.plus_millis(30_000) });
    }

    #[test]
    fn it_is_not_known_without_a_check_that_says_anything() {
        assert_eq!(of(&[]), Found::NotKnown);
        assert_eq!(of(&[Stands::NotKnown]), Found::NotKnown);
        assert_eq!(of(&[Stands::NotKnown, Stands::Answers]), Found::Answers);
    }

    #[test]
    fn one_failing_check_alone_says_nothing_of_a_network() {
        let one = fails(40, Failure::Timeout);
        assert_eq!(found(2, [one].into_iter()), Found::NotKnown);
        assert!(matches!(found(2, [one, one].into_iter()), Found::Down { .. }));
        assert!(matches!(found(2, [one, Stands::Answers].into_iter()), Found::Partly { .. }));
    }

    proptest! {
        /// The order of the checks doesn't matter, and a check that answers never makes it worse.
        #[test]
        fn one_more_answer_is_never_bad_news(failing in proptest::collection::vec(0_i64..100, 0..6)) {
            let mut checks: Vec<Stands> = failing.iter().map(|s| fails(*s, Failure::Timeout)).collect();
            let before = of(&checks);
            checks.reverse();
            prop_assert_eq!(before, of(&checks));
            checks.push(Stands::Answers);
            let is_down = matches!(of(&checks), Found::Down { .. } | Found::NotKnown);
            prop_assert!(!is_down);
        }
    }
}
