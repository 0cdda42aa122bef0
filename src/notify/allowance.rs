//! How many messages an outlet takes from one sender in a minute and in a day. Pure: the time comes in.
//!
//! Counted over the minute and the day that end now, since that is what a provider does who refuses: a bucket that
//! refills would let twice as many through within one minute.

use std::collections::VecDeque;
use std::time::Duration;

use crate::config::Rates;

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// What is left of it. Times are since the desk's start.
#[derive(Debug)]
pub(super) struct Allowance {
    rates: Rates,
    /// When each message of the last minute left; no longer than the rate.
    minute: VecDeque<Duration>,
    /// Messages by the hour, with that hour's beginning; no longer than a day and an hour.
    hours: VecDeque<(Duration, u32)>,
}

impl Allowance {
    /// `sent_before`: messages that left in the day before the desk's start.
    pub(super) fn new(rates: Rates, sent_before: u32) -> Self {
        let hours =
            if sent_before > 0 { VecDeque::from([(Duration::ZERO, sent_before)]) } else { VecDeque::new() };
        Self { rates, minute: VecDeque::new(), hours }
    }

    /// The same with other rates.
    pub(super) fn with(self, rates: Rates) -> Self {
        Self { rates, ..self }
    }

    /// How long until one more may leave; `None`: now.
    pub(super) fn wait(&self, now: Duration) -> Option<Duration> {
        let minute = self.rates.per_minute.and_then(|most| {
            let recent = self.minute.iter().filter(|sent| **sent + MINUTE > now);
            let excess = recent.clone().count().checked_sub(usize::try_from(most).unwrap_or(usize::MAX))?;
            // When as many have grown old that there is room for one.
            recent.clone().nth(excess).map(|sent| (*sent + MINUTE).saturating_sub(now))
        });
        let day = self.rates.per_day.and_then(|most| {
            let recent = self.hours.iter().filter(|(began, _)| *began + HOUR + DAY > now);
            let sent: u32 = recent.clone().map(|(_, sent)| *sent).fold(0, u32::saturating_add);
            let mut excess = sent.checked_sub(most)?;
            for (began, sent) in recent {
                match excess.checked_sub(*sent) {
                    Some(less) => excess = less,
                    None => return Some((*began + HOUR + DAY).saturating_sub(now)),
                }
            }
            None
        });
        minute.max(day)
    }

    /// One leaves.
    pub(super) fn take(&mut self, now: Duration) {
        if self.rates.per_minute.is_some() {
            while self.minute.front().is_some_and(|sent| *sent + MINUTE <= now) {
                self.minute.pop_front();
            }
            self.minute.push_back(now);
        }
        if self.rates.per_day.is_some() {
            while self.hours.front().is_some_and(|(began, _)| *began + HOUR + DAY <= now) {
                self.hours.pop_front();
            }
            match self.hours.back_mut() {
                Some((began, sent)) if *began + HOUR > now => *sent = sent.saturating_add(1),
                _ => self.hours.push_back((now, 1)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rates(per_minute: u32, per_day: u32) -> Rates {
        Rates { per_minute: Some(per_minute), per_day: Some(per_day) }
    }

    #[test]
    fn without_rates_nothing_is_counted() {
        let mut all = Allowance::new(Rates::default(), 1_000_000);
        for _ in 0..1_000 {
            assert_eq!(all.wait(Duration::ZERO), None);
            all.take(Duration::ZERO);
        }
        assert!(all.minute.is_empty());
    }

    #[test]
    fn what_left_before_a_restart_counts_for_the_day() {
        let allowance = Allowance::new(rates(30, 100), 100);
        assert_eq!(allowance.wait(Duration::ZERO), Some(HOUR + DAY));
        assert_eq!(allowance.wait(HOUR + DAY), None);
    }

    proptest! {
        /// Whoever waits as long as is said never exceeds what is permitted, in any minute and in any day.
        #[test]
        fn no_minute_and_no_day_sees_more_than_is_permitted(
            per_minute in 1_u32..5, per_day in 1_u32..40, pauses in prop::collection::vec(0_u64..40, 1..200)
        ) {
            let mut allowance = Allowance::new(rates(per_minute, per_day), 0);
            let mut now = Duration::ZERO;
            let mut sent: Vec<Duration> = Vec::new();
            for pause in pauses {
                now += Duration::from_secs(pause);
                if let Some(wait) = allowance.wait(now) {
                    prop_assert!(wait > Duration::ZERO && wait <= HOUR + DAY);
                    now += wait;
                    prop_assert_eq!(allowance.wait(now), None, "the wait is enough");
                }
                allowance.take(now);
                sent.push(now);
                let within = |span: Duration| sent.iter().filter(|at| **at + span > now).count();
                prop_assert!(within(MINUTE) <= per_minute as usize);
                prop_assert!(within(DAY) <= per_day as usize);
            }
            prop_assert!(allowance.minute.len() <= per_minute as usize && allowance.hours.len() <= 26);
        }
    }
}
