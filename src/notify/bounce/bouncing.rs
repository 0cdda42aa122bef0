//! Whose mails come back at present: their other way is first, and somebody should mend their address.

use std::collections::BTreeMap;

use crate::limits::{BOUNCE_COUNTS_FOR, BOUNCING_KEPT};
use crate::notify::policy::key;
use crate::time::At;

/// Recipients, by the key of their address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bouncing(BTreeMap<String, BouncingAddress>);

/// That mails to somebody come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BouncingAddress {
    /// As it was written in the letter.
    pub address: String,
    /// As whom they were written to: `G82002`, `staff`.
    pub about: String,
    pub since: At,
    pub last: At,
    /// The last report in words.
    pub why: String,
}

impl Bouncing {
    /// A mail to somebody came back for good.
    pub fn came_back(&mut self, bounce: BouncingAddress) {
        self.0.retain(|_, standing| standing.last + BOUNCE_COUNTS_FOR > bounce.last);
        let key = key(&bounce.address);
        if self.0.len() >= BOUNCING_KEPT && !self.0.contains_key(&key) {
            return;
        }
        let standing = self.0.entry(key).or_insert_with(|| bounce.clone());
        if standing.last <= bounce.last {
            *standing = BouncingAddress { since: standing.since.min(bounce.since), ..bounce };
        }
    }

    /// Whether a mail to this address is likely to come back.
    pub fn is_likely(&self, address: &str, now: At) -> bool {
        self.0.get(&key(address)).is_some_and(|standing| standing.last + BOUNCE_COUNTS_FOR > now)
    }

    /// Those whose mails come back, the latest first.
    pub fn list(&self, now: At) -> Vec<BouncingAddress> {
        let mut all: Vec<BouncingAddress> =
            self.0.values().filter(|standing| standing.last + BOUNCE_COUNTS_FOR > now).cloned().collect();
        all.sort_by(|a, b| (b.last, &a.address).cmp(&(a.last, &b.address)));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounce(address: &str, minutes: i64) -> BouncingAddress {
        let at = At::from_millis(minutes * 60_000);
        BouncingAddress {
            address: address.to_owned(),
            about: "G82002".to_owned(),
            since: at,
            last: at,
            why: "gone".to_owned(),
        }
    }

    #[test]
    fn an_address_is_given_another_chance_after_a_while() {
        let mut bouncing = Bouncing::default();
        bouncing.came_back(bounce("A@x.example", 0));
        bouncing.came_back(bounce("a@x.example", 60));
        let end = At::from_millis(3_600_000) + BOUNCE_COUNTS_FOR;
        assert!(bouncing.is_likely(" a@X.example", end.plus_millis(-1)));
        assert!(!bouncing.is_likely("a@x.example", end));
        assert!(!bouncing.is_likely("b@x.example", At::default()));
        let listed = bouncing.list(end.plus_millis(-1));
        assert_eq!(
            (listed.len(), listed[0].since, listed[0].last),
            (1, At::default(), At::from_millis(3_600_000))
        );
        assert_eq!(bouncing.list(end), []);
        // After that it begins anew.
        bouncing.came_back(bounce("a@x.example", 60 * 24 * 30));
        assert_eq!(
            bouncing.list(At::from_millis(60_000 * 60 * 24 * 30))[0].since,
            At::from_millis(60_000 * 60 * 24 * 30)
        );
    }

    #[test]
    fn there_is_room_for_so_many_and_a_known_one_is_kept_up_to_date() {
        let mut bouncing = Bouncing::default();
        for number in 0..=BOUNCING_KEPT {
            bouncing.came_back(bounce(&format!("{number}@x.example"), 1));
        }
        assert_eq!(bouncing.list(At::default()).len(), BOUNCING_KEPT);
        bouncing.came_back(bounce("0@x.example", 2));
        assert_eq!(bouncing.list(At::default())[0].last, At::from_millis(120_000));
    }
}
