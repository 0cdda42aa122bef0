//! The fuzz target of `rtp` checks: whatever a reflector says has arrived, and whenever its answers come, the account adds
//! up, and the verdict is one of the contract's.

use std::net::SocketAddr;
use std::time::Duration;

use super::ledger::Ledger;
use super::{note, verdict};
use crate::estate::{HostPort, RtpAsk};
use crate::fuzzing::{choice, take};
use crate::limits::RTP_PACKETS_MAX;
use crate::observation::Failure;
use crate::probe::answer::RtpFacts;
use crate::probe::fuzzing::{end, trail};
use crate::probe::trail::millis;
use crate::reflector::train::{Places, Saw};

/// What a train goes through.
enum Event {
    /// Its next packet goes out, so many milliseconds late.
    Sent(u64),
    Echo(u16, Saw),
    Tally(Saw),
    Stray,
}

/// The first byte chooses what is judged. Events follow: what, how many milliseconds after the last, and of an answer
/// which packet it is to and what the reflector says that it saw.
pub(crate) fn rtp_train(bytes: &[u8]) {
    let (how, mut bytes) = choice(bytes);
    let limit = |bit: u8, ms| (how & bit != 0).then(|| Duration::from_millis(ms));
    let ask = RtpAsk {
        target: HostPort { host: "192.0.2.7".to_owned(), port: 5004 },
        secret: None,
        packets: 50,
        loss_max: [0.0, 0.02, 0.2, 1.0][usize::from(how >> 3 & 3)],
        jitter_max: limit(1, 30),
        delay_max: limit(2, 150),
        mos_min: (how & 4 != 0).then_some(3.6),
    };
    let (mut ledger, mut strays, mut now) = (Ledger::default(), 0_u32, Duration::ZERO);
    while let Some((event, after)) = read(&mut bytes) {
        now += after;
        match event {
            Event::Sent(late) if ledger.sent_count() < RTP_PACKETS_MAX => {
                ledger.sent(now, Duration::from_millis(late));
            }
            Event::Sent(_) => {}
            Event::Echo(place, saw) => ledger.heard(place, &saw, now),
            Event::Tally(saw) => ledger.tallied(&saw),
            Event::Stray => strays += 1,
        }
    }
    let trail = trail();
    let facts = note(&ledger, None, &trail);
    adds_up(&ledger, &facts, now);
    trail.lost(ledger.loss());
    let target = SocketAddr::from(([192, 0, 2, 7], 5004));
    let verdict = verdict::judge(&ask, target, &ledger, &facts, strays);
    match &verdict {
        Ok(()) => {
            assert!(ledger.is_anything_heard() && ledger.loss() <= ask.loss_max, "{facts:?}");
            let within = |ms: Option<f64>, most: Option<Duration>| {
                ms.zip(most).is_none_or(|(ms, most)| ms <= millis(most))
            };
            assert!(within(facts.delay_ms, ask.delay_max) && within(facts.jitter_up_ms, ask.jitter_max));
            assert!(within(facts.jitter_down_ms, ask.jitter_max));
            assert!(facts.mos().zip(ask.mos_min).is_none_or(|(mos, least)| mos >= least));
        }
        Err(fault) => {
            let silent = matches!(fault.failure, Failure::Timeout | Failure::Intercepted);
            assert_eq!(silent, !ledger.is_anything_heard(), "{fault:?}");
            assert!(silent || matches!(fault.failure, Failure::Loss | Failure::TooSlow | Failure::Local));
        }
    }
    end(trail, verdict);
}

/// Each packet came back or was lost, and each number is one that a line could have.
fn adds_up(ledger: &Ledger, facts: &RtpFacts, now: Duration) {
    let lost = ledger.lost();
    assert_eq!(usize::from(facts.received) + lost.all(), ledger.sent_count(), "{facts:?}");
    assert_eq!(
        (usize::from(facts.lost_up), usize::from(facts.lost_down), usize::from(facts.lost_somewhere)),
        (lost.up, lost.down, lost.somewhere)
    );
    assert!((0.0..=1.0).contains(&ledger.loss()));
    assert!(facts.reordered_down < facts.received.max(1), "the first is in its order: {facts:?}");
    let is_heard = facts.received > 0;
    for number in [facts.min_ms, facts.median_ms, facts.max_ms, facts.delay_ms, facts.mos_up, facts.mos_down]
    {
        assert_eq!(number.is_some(), is_heard, "{facts:?}");
    }
    assert_eq!(
        (facts.jitter_up_ms.is_some(), facts.jitter_down_ms.is_some()),
        (facts.received > 1, facts.received > 1)
    );
    let numbers = [
        facts.min_ms,
        facts.median_ms,
        facts.max_ms,
        facts.delay_ms,
        facts.jitter_up_ms,
        facts.jitter_down_ms,
    ];
    assert!(numbers.into_iter().flatten().all(|ms| ms.is_finite() && ms >= 0.0), "{facts:?}");
    assert!(facts.min_ms <= facts.median_ms && facts.median_ms <= facts.max_ms, "{facts:?}");
    assert!(facts.max_ms.is_none_or(|ms| ms <= millis(now) + 0.001), "longer than the train took: {facts:?}");
    for score in [facts.mos_up, facts.mos_down].into_iter().flatten() {
        assert!((1.0..=4.5).contains(&score), "{facts:?}");
    }
}

/// The next event, and how long after the last one it comes. `None`: there is no whole one.
fn read(bytes: &mut &[u8]) -> Option<(Event, Duration)> {
    let [what, after] = take(bytes)?;
    let event = match what & 3 {
        0 => Event::Sent(u64::from(what >> 2) * 4),
        1 => Event::Echo(u16::from_be_bytes(take(bytes)?), saw(bytes)?),
        2 => Event::Tally(saw(bytes)?),
        _ => Event::Stray,
    };
    Some((event, Duration::from_millis(u64::from(after))))
}

fn saw(bytes: &mut &[u8]) -> Option<Saw> {
    let arrived_us = u64::from_be_bytes(take(bytes)?);
    let [reordered, repeated] = take(bytes)?;
    let (mut arrived, [first]) = (Places::default(), take(bytes)?);
    // A run of sixteen places from this one, each there or not.
    let bits = u16::from_be_bytes(take(bytes)?);
    for place in (0..16).filter(|place| bits >> place & 1 != 0) {
        arrived.add(u16::from(first).saturating_add(place));
    }
    Some(Saw {
        source: SocketAddr::from(([192, 0, 2, 9], 40_000)),
        arrived_us,
        // The smallest and the largest of their kind.
        reordered: if reordered == u8::MAX { u16::MAX } else { reordered.into() },
        repeated: if repeated == u8::MAX { u16::MAX } else { repeated.into() },
        arrived,
    })
}
