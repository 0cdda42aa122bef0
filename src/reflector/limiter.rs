//! How much is answered: a rate over all and for each source, and no question twice. Pure: time comes in.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use super::frame::Nonce;
use crate::limits::{REFLECTOR_CLOCK_SKEW_MAX, REFLECTOR_NONCES_MAX, REFLECTOR_SOURCES_MAX};

/// A bucket that fills evenly; each answer takes one out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    level: f64,
    at: Instant,
}

/// A rate, in events a second, and how many may come at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    pub(crate) burst: f64,
}

impl Bucket {
    pub(crate) const fn full(rate: Rate, now: Instant) -> Self {
        Self { level: rate.burst, at: now }
    }

    fn fill(&mut self, rate: Rate, now: Instant) {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + since * rate.per_second).min(rate.burst);
        self.at = now;
    }

    /// Takes one out, where there is one.
    pub(crate) fn take(&mut self, rate: Rate, now: Instant) -> bool {
        self.fill(rate, now);
        let has_one = self.level >= 1.0;
        if has_one {
            self.level -= 1.0;
        }
        has_one
    }
}

/// Says whether one more is within the rates.
#[derive(Debug)]
pub(crate) struct Limiter {
    over_all: Rate,
    each: Rate,
    all: Bucket,
    sources: BTreeMap<IpAddr, Bucket>,
}

impl Limiter {
    pub(crate) fn new(over_all: Rate, each: Rate, now: Instant) -> Self {
        Self { over_all, each, all: Bucket::full(over_all, now), sources: BTreeMap::new() }
    }

    /// Takes one from both buckets, or from neither.
    pub(crate) fn allows(&mut self, source: IpAddr, now: Instant) -> bool {
        self.all.fill(self.over_all, now);
        if self.all.level < 1.0 {
            return false;
        }
        let source = one_household(source);
        if self.sources.len() >= REFLECTOR_SOURCES_MAX && !self.sources.contains_key(&source) {
            // Whose bucket is full again is as good as never seen.
            let each = self.each;
            self.sources.retain(|_, bucket| {
                bucket.fill(each, now);
                bucket.level < each.burst
            });
        }
        // Who finds the table full is under the rate over all alone.
        if self.sources.len() < REFLECTOR_SOURCES_MAX || self.sources.contains_key(&source) {
            let bucket = self.sources.entry(source).or_insert_with(|| Bucket::full(self.each, now));
            bucket.fill(self.each, now);
            if bucket.level < 1.0 {
                return false;
            }
            bucket.level -= 1.0;
        }
        self.all.level -= 1.0;
        true
    }
}

/// An IPv6 customer has a /64 at least, and as many addresses in it as it likes.
pub(crate) fn one_household(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// How many of a kind each source holds at this moment. As long as what is held: whoever holds them bounds that.
#[derive(Debug, Default)]
pub(crate) struct Held(BTreeMap<IpAddr, usize>);

impl Held {
    /// `false`: it holds as many as it may.
    pub(crate) fn take(&mut self, source: IpAddr, most: usize) -> bool {
        let count = self.0.entry(one_household(source)).or_default();
        if *count >= most {
            return false;
        }
        *count += 1;
        true
    }

    pub(crate) fn give_back(&mut self, source: IpAddr) {
        let source = one_household(source);
        if let Some(count) = self.0.get_mut(&source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.0.remove(&source);
            }
        }
    }
}

/// The questions answered already, for as long as their time would still be good.
#[derive(Debug, Default)]
pub(super) struct Nonces {
    known: HashSet<Nonce>,
    by_age: VecDeque<(Instant, Nonce)>,
}

impl Nonces {
    /// Remembers a nonce; `false`: it was there already. When there are too many the oldest is forgotten, and a
    /// recording of that question would be answered once more, within the rates.
    pub(super) fn is_new(&mut self, nonce: Nonce, now: Instant) -> bool {
        /// A clock may be as far ahead as it may be behind.
        const KEPT: Duration = REFLECTOR_CLOCK_SKEW_MAX.saturating_mul(2);
        while let Some((since, oldest)) = self.by_age.front().copied() {
            let old = now.saturating_duration_since(since) > KEPT;
            if !old && self.by_age.len() < REFLECTOR_NONCES_MAX {
                break;
            }
            self.known.remove(&oldest);
            self.by_age.pop_front();
        }
        let new = self.known.insert(nonce);
        if new {
            self.by_age.push_back((now, nonce));
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limiter(now: Instant) -> Limiter {
        let rate = |per_second, burst| Rate { per_second, burst };
        Limiter::new(rate(100.0, 100.0), rate(2.0, 4.0), now)
    }

    fn v4(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn each_source_has_a_burst_and_a_rate() {
        let now = Instant::now();
        let mut limiter = limiter(now);
        let answered = |limiter: &mut Limiter, at| (0..10).filter(|_| limiter.allows(v4(1), at)).count();
        assert_eq!(answered(&mut limiter, now), 4);
        assert!(limiter.allows(v4(2), now), "another source isn't concerned");
        assert_eq!(answered(&mut limiter, now + SECOND), 2);
        assert_eq!(answered(&mut limiter, now + SECOND * 100), 4);
    }

    #[test]
    fn all_sources_together_have_a_rate_too() {
        let now = Instant::now();
        let mut limiter = limiter(now);
        let allowed = (0..200_u8).filter(|last| limiter.allows(v4(*last), now)).count();
        assert_eq!(allowed, 100);
        assert!(limiter.allows(v4(201), now + SECOND));
    }

    #[test]
    fn the_table_of_sources_is_bounded() {
        let now = Instant::now();
        let rate = Rate { per_second: 1e9, burst: 1e9 };
        let mut limiter = Limiter::new(rate, Rate { per_second: 1.0, burst: 2.0 }, now);
        for n in 0..u32::try_from(REFLECTOR_SOURCES_MAX * 2).expect("not so many") {
            assert!(limiter.allows(IpAddr::from(n.to_be_bytes()), now));
        }
        assert_eq!(limiter.sources.len(), REFLECTOR_SOURCES_MAX);
        assert!(limiter.allows(v4(1), now + SECOND * 10));
        assert_eq!(limiter.sources.len(), 1, "rested sources are forgotten");
    }

    #[test]
    fn one_ipv6_customer_is_one_source() {
        let now = Instant::now();
        let mut limiter = limiter(now);
        let allowed = (0..10_u16)
            .filter(|n| limiter.allows(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, *n).into(), now))
            .count();
        assert_eq!(allowed, 4);
    }

    #[test]
    fn what_a_source_holds_is_bounded_and_forgotten() {
        let mut held = Held::default();
        assert!(held.take(v4(1), 2) && held.take(v4(1), 2) && !held.take(v4(1), 2));
        assert!(held.take(v4(2), 2));
        held.give_back(v4(1));
        assert!(held.take(v4(1), 2));
        for last in [1, 1, 2] {
            held.give_back(v4(last));
        }
        assert!(held.0.is_empty());
    }

    #[test]
    fn a_question_is_new_once() {
        let now = Instant::now();
        let mut nonces = Nonces::default();
        assert!(nonces.is_new([1; 16], now) && !nonces.is_new([1; 16], now + SECOND));
        assert!(nonces.is_new([2; 16], now));
        let later = now + REFLECTOR_CLOCK_SKEW_MAX * 2 + SECOND;
        assert!(nonces.is_new([3; 16], later));
        assert_eq!(
            (nonces.known.len(), nonces.by_age.len()),
            (1, 1),
            "what is too old by itself is forgotten"
        );
    }

    #[test]
    fn the_memory_of_questions_is_bounded() {
        let now = Instant::now();
        let mut nonces = Nonces::default();
        for n in 0..u128::try_from(REFLECTOR_NONCES_MAX + 10).expect("not so many") {
            assert!(nonces.is_new(n.to_be_bytes(), now));
        }
        assert_eq!((nonces.known.len(), nonces.by_age.len()), (REFLECTOR_NONCES_MAX, REFLECTOR_NONCES_MAX));
    }
}
