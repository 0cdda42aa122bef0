//! Which refusals of batches the log tells everybody, and which only whoever asks for all of it: a few of each source are enough to see who
//! is refused and why, and a flood of them must not become one of lines.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::limits::{
    REFUSALS_TOLD_ALL_BURST, REFUSALS_TOLD_ALL_PER_SECOND, REFUSALS_TOLD_BURST, REFUSALS_TOLD_PER_SECOND,
};
use crate::reflector::limiter::{Limiter, Rate};

#[derive(Debug)]
pub struct Told(Mutex<Limiter>);

impl Told {
    pub fn new(now: Instant) -> Self {
        let all = Rate { per_second: REFUSALS_TOLD_ALL_PER_SECOND, burst: REFUSALS_TOLD_ALL_BURST };
        let each = Rate { per_second: REFUSALS_TOLD_PER_SECOND, burst: REFUSALS_TOLD_BURST };
        Self(Mutex::new(Limiter::new(all, each, now)))
    }

    /// Whether one more is told of a source.
    pub fn tells(&self, from: Option<IpAddr>, now: Instant) -> bool {
        from.is_none_or(|from| self.0.lock().unwrap_or_else(PoisonError::into_inner).allows(from, now))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_few_of_each_source_are_told_and_a_flood_of_sources_is_not() {
        let now = Instant::now();
        let told = Told::new(now);
        let count = |last: u8, tries: usize, now: Instant| {
            let from = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)));
            (0..tries).filter(|_| told.tells(from, now)).count()
        };
        assert_eq!((count(1, 100, now), count(2, 100, now)), (3, 3));
        let later = now + Duration::from_mins(2);
        assert_eq!((count(1, 100, later), count(3, 100, later)), (2, 3), "one a minute");
        let flood: usize = (4..=200).map(|last| count(last, 1, later)).sum();
        assert!(flood <= 20, "{flood}");
    }
}
