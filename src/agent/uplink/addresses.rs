//! Which of the hub's addresses work, since when, and when one that isn't used is looked at. Pure: time and chance come in.
//!
//! What is used shows by itself whether it works. The others are looked at now and then, so that the hub and the people in the
//! practice know the state of every way, and not only of the one in use: that the second has been down for a week had better be
//! known before the first one fails. A better one than the one in use is looked at more often, to be moved back to.

use std::time::Duration;

use super::link::share;
use crate::limits::{PATH_WHY_CHARS_MAX, UPLINK_BETTER_EVERY, UPLINK_OTHER_EVERY};
use crate::observation::harmless;
use crate::time::At;

/// What is known of each address, in their order.
#[derive(Debug, Clone)]
pub struct Addresses(Vec<Known>);

/// What is known of one address. Times are by this machine's clock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// Whether it works; `None`: it hasn't been tried.
    pub works: Option<bool>,
    /// Since when that is so, as far as it was seen.
    pub since: Option<At>,
    /// When it was tried last.
    pub tried: Option<At>,
    /// Why it doesn't: one line.
    pub why: Option<String>,
    look_at: At,
}

impl Addresses {
    /// Nothing is known of so many. The first look at each comes within the usual time, drawn by chance.
    pub fn new(count: usize, now: At, chance: u64) -> Self {
        let look_at = now + share(UPLINK_OTHER_EVERY, chance);
        Self(vec![Known { look_at, ..Known::default() }; count])
    }

    pub fn all(&self) -> &[Known] {
        &self.0
    }

    /// An exchange over it came to its end at `now`: it works, or not, and why. `true`: that is news.
    pub fn saw(&mut self, place: usize, why_not: Option<&str>, now: At) -> bool {
        let Some(known) = self.0.get_mut(place) else { return false };
        let works = Some(why_not.is_none());
        let is_news = known.works != works;
        if is_news {
            known.since = Some(now);
        }
        (known.works, known.tried) = (works, Some(now));
        known.why = why_not.map(|why| why.chars().map(harmless).take(PATH_WHY_CHARS_MAX).collect());
        is_news
    }

    /// Those that are to be looked at now, best first: all but the one in use, when their time has come. That they are is noted, and
    /// when they will be again: after half of the usual time and up to as long again, drawn by chance.
    pub fn due(&mut self, current: usize, now: At, chance: u64) -> Vec<usize> {
        let mut due = Vec::new();
        for (place, known) in self.0.iter_mut().enumerate() {
            let every = if place < current { UPLINK_BETTER_EVERY } else { UPLINK_OTHER_EVERY };
            if place == current {
                // Once something else is used, it is left alone for as long as if it had been looked at now.
                known.look_at = next(now, UPLINK_BETTER_EVERY, chance);
            } else if now >= known.look_at || known.look_at > now + every {
                // The second: the clock was set back, or it has become a better one.
                known.look_at = next(now, every, chance);
                due.push(place);
            }
        }
        due
    }
}

fn next(now: At, every: Duration, chance: u64) -> At {
    now + every / 2 + share(every / 2, chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: At = At::from_millis(1_773_644_400_000);

    #[test]
    fn since_when_is_kept_until_it_turns() {
        let mut addresses = Addresses::new(2, NOW, 0);
        assert!(addresses.saw(0, None, NOW));
        assert!(!addresses.saw(0, None, NOW.plus_millis(1_000)));
        let of = |addresses: &Addresses, place: usize| {
            let known = &addresses.all()[place];
            (known.works, known.since, known.tried)
        };
        assert_eq!(of(&addresses, 0), (Some(true), Some(NOW), Some(NOW.plus_millis(1_000))));
        assert!(addresses.saw(0, Some("no\u{1b} route"), NOW.plus_millis(2_000)));
        assert_eq!(of(&addresses, 0).1, Some(NOW.plus_millis(2_000)));
        assert_eq!(addresses.all()[0].why.as_deref(), Some("no  route"));
        assert!(addresses.saw(0, None, NOW.plus_millis(3_000)) && addresses.all()[0].why.is_none());
        assert_eq!(of(&addresses, 1), (None, None, None));
        assert!(!addresses.saw(7, None, NOW), "there is no such address");
        addresses.saw(1, Some(&"x".repeat(10_000)), NOW);
        assert_eq!(addresses.all()[1].why.as_ref().map(String::len), Some(PATH_WHY_CHARS_MAX));
    }

    #[test]
    fn each_but_the_one_in_use_is_looked_at_once_in_its_time_and_a_better_one_sooner() {
        for chance in [0, 7_919, u64::MAX] {
            let mut addresses = Addresses::new(3, NOW, chance);
            let mut looks = [0_usize; 3];
            for second in 0..3_600 {
                for place in addresses.due(1, NOW.plus_millis(second * 1_000), chance) {
                    looks[place] += 1;
                }
            }
            let bounds = |every: Duration| {
                let hour = 3_600 / usize::try_from(every.as_secs()).expect("few");
                hour - 1..=2 * hour + 1
            };
            assert!(bounds(UPLINK_BETTER_EVERY).contains(&looks[0]), "{looks:?}");
            assert_eq!(looks[1], 0, "it is in use");
            assert!(bounds(UPLINK_OTHER_EVERY).contains(&looks[2]), "{looks:?}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_the_looks() {
        let mut addresses = Addresses::new(2, NOW, 0);
        assert_eq!(addresses.due(0, NOW, 0), [1]);
        assert_eq!(addresses.due(0, NOW, 0), [] as [usize; 0], "one look at a time");
        let before = NOW.plus_millis(-86_400_000);
        assert_eq!(addresses.due(0, before, 0), [1]);
    }

    #[test]
    fn agents_that_start_in_one_moment_do_not_look_in_one() {
        let first = |chance: u64| {
            let mut addresses = Addresses::new(2, NOW, chance);
            (0..120).find(|second| !addresses.due(0, NOW.plus_millis(second * 1_000), chance).is_empty())
        };
        let seconds: std::collections::BTreeSet<Option<i64>> = (0..2_000).map(|n| first(n * 61)).collect();
        assert!(seconds.len() > 50 && !seconds.contains(&None), "{seconds:?}");
    }
}
