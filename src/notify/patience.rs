//! How patient the desk is with the mail server, and when it tries again.

use std::time::Duration;

use super::policy::stable_hash;
use crate::limits;

/// Every wait of the delivery. The default is what [`limits`] says; tests are less patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    pub connect: Duration,
    /// For each answer before the mail itself.
    pub command: Duration,
    pub send: Duration,
    pub idle: Duration,
    pub retry_first: Duration,
    pub retry_longest: Duration,
    pub rest_first: Duration,
    pub rest_longest: Duration,
    pub give_up: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: limits::SMTP_CONNECT_TIMEOUT,
            command: limits::SMTP_COMMAND_TIMEOUT,
            send: limits::SMTP_SEND_TIMEOUT,
            idle: limits::SMTP_IDLE,
            retry_first: limits::MAIL_RETRY_FIRST,
            retry_longest: limits::MAIL_RETRY_LONGEST,
            rest_first: limits::RELAY_REST_FIRST,
            rest_longest: limits::RELAY_REST_LONGEST,
            give_up: limits::NOTICE_GIVEN_UP_AFTER,
        }
    }
}

impl Patience {
    /// How long a mail waits after its `attempt`th try, counted from 1.
    pub(super) fn retry(&self, notice: &str, attempt: u32) -> Duration {
        backoff(self.retry_first, self.retry_longest, notice, attempt)
    }

    /// How long the mail server is left alone after its `failure`th failure in a row, counted from 1.
    pub(super) fn rest(&self, failure: u32) -> Duration {
        backoff(self.rest_first, self.rest_longest, "relay", failure)
    }
}

/// Doubles each time, up to the longest; then takes off up to a quarter, by a hash of who waits and how often, so
/// that 500 mails that were put off together don't come back together, and a test knows when they do.
fn backoff(first: Duration, longest: Duration, who: &str, attempt: u32) -> Duration {
    let doubled = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX).max(1);
    let wait = first.saturating_mul(doubled).min(longest);
    let hash = stable_hash(&[who.as_bytes(), &attempt.to_be_bytes()]);
    let share = u32::try_from(hash % 1000).unwrap_or(0);
    wait.saturating_sub(wait / 4 * share / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_jitter_is_the_same_each_time() {
        let patience = Patience::default();
        for attempt in 1..200 {
            let wait = patience.retry("a notice", attempt);
            let full = patience
                .retry_first
                .saturating_mul(1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX).max(1))
                .min(patience.retry_longest);
            assert!(wait <= full && wait >= full * 3 / 4, "{attempt}: {wait:?} of {full:?}");
            assert_eq!(wait, patience.retry("a notice", attempt));
        }
    }

    #[test]
    fn mails_that_were_put_off_together_do_not_come_back_together() {
        let patience = Patience::default();
        let waits: std::collections::BTreeSet<Duration> =
            (0..100).map(|n| patience.retry(&format!("notice {n}"), 1)).collect();
        assert!(waits.len() > 50);
    }
}
