//! From a train's account to the contract's word. Pure.

use std::net::SocketAddr;
use std::time::Duration;

use super::ledger::{Ledger, Lost};
use crate::estate::RtpAsk;
use crate::limits::RTP_LATE_MAX;
use crate::observation::{Failure, Phase};
use crate::probe::answer::RtpFacts;
use crate::probe::fault::Fault;
use crate::probe::rule::Rule;
use crate::probe::trail::millis;

/// Silence, then loss, then times: each says less about a line than the one before it.
pub(super) fn judge(
    ask: &RtpAsk,
    target: SocketAddr,
    ledger: &Ledger,
    facts: &RtpFacts,
    strays: u32,
) -> Result<(), Fault> {
    if !ledger.is_anything_heard() {
        return Err(if strays > 0 { intercepted(target) } else { silence(target, facts.sent) });
    }
    if ledger.loss() > ask.loss_max {
        let detail = lost(ledger.lost(), facts.sent, ask.loss_max);
        return Err(Fault::new(Failure::Loss, detail).in_phase(Phase::Echo));
    }
    let slow = too_slow(ask, facts);
    if slow.is_empty() {
        return Ok(());
    }
    if ledger.late() > RTP_LATE_MAX {
        return Err(Fault::local(format!(
            "this machine sent a packet {:.0} ms after its time, so it can't judge the line's: give it more room, or ask less",
            millis(ledger.late())
        )));
    }
    Err(Fault::new(Failure::TooSlow, slow.join("; ")).in_phase(Phase::Echo).by(Rule::Call))
}

pub(super) fn intercepted(target: SocketAddr) -> Fault {
    let detail = format!(
        "what comes back from {target} has not the reflector's signature: somebody answers in its place, or changes packets"
    );
    Fault::new(Failure::Intercepted, detail).in_phase(Phase::Echo)
}

fn silence(target: SocketAddr, sent: u16) -> Fault {
    let detail = format!(
        "none of {sent} packets came back from {target}: UDP does not pass, the reflector is down, or its secret or clock differs"
    );
    Fault::new(Failure::Timeout, detail).in_phase(Phase::Echo)
}

fn lost(lost: Lost, sent: u16, most: f64) -> String {
    let mut parts = Vec::new();
    for (count, way) in
        [(lost.up, "on the way there"), (lost.down, "on the way back"), (lost.somewhere, "on either way")]
    {
        if count > 0 {
            parts.push(format!("{count} {way}"));
        }
    }
    format!(
        "{} of {sent} packets were lost, {}; {} are allowed",
        lost.all(),
        parts.join(", "),
        per_cent(most)
    )
}

fn per_cent(share: f64) -> String {
    format!("{} %", (share * 1000.0).round() / 10.0)
}

/// What is above its limit, each with its limit.
fn too_slow(ask: &RtpAsk, facts: &RtpFacts) -> Vec<String> {
    let mut slow = Vec::new();
    for (way, jitter) in [("there", facts.jitter_up_ms), ("back", facts.jitter_down_ms)] {
        if let Some((jitter, most)) = above(jitter, ask.jitter_max) {
            slow.push(format!("the jitter on the way {way} is {jitter:.1} ms, above {most} ms"));
        }
    }
    if let Some((delay, most)) = above(facts.delay_ms, ask.delay_max) {
        slow.push(format!("the delay from mouth to ear is about {delay:.0} ms, above {most} ms"));
    }
    if let (Some(mos), Some(least)) = (facts.mos(), ask.mos_min)
        && mos < least
    {
        slow.push(format!("the estimated mean opinion score is {mos:.2}, below {least}"));
    }
    slow
}

fn above(ms: Option<f64>, most: Option<Duration>) -> Option<(f64, f64)> {
    ms.zip(most.map(millis)).filter(|(ms, most)| ms > most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::{HostPort, SharedSecret};
    use crate::reflector::train::{Places, Saw};

    fn asked() -> RtpAsk {
        RtpAsk {
            target: HostPort { host: "192.0.2.7".to_owned(), port: 5004 },
            secret: SharedSecret::new("correct horse battery").ok(),
            packets: 10,
            loss_max: 0.2,
            jitter_max: None,
            delay_max: None,
            mos_min: None,
        }
    }

    /// Ten packets that are back after 200 ms, but for the first few; the last one was sent late by so much.
    fn ledger(lost: u16, late: Duration) -> Ledger {
        let mut ledger = Ledger::default();
        let mut arrived = Places::default();
        for place in 0..10_u16 {
            ledger.sent(
                Duration::from_millis(20) * u32::from(place),
                if place == 9 { late } else { Duration::ZERO },
            );
        }
        for place in lost..10 {
            arrived.add(place);
            let source = "192.0.2.9:40000".parse().expect("an address");
            let arrived_us = u64::from(place) * 20_000;
            let saw = Saw { source, arrived_us, reordered: 0, repeated: 0, arrived };
            ledger.heard(
                place,
                &saw,
                Duration::from_millis(200) + Duration::from_millis(20) * u32::from(place),
            );
        }
        ledger
    }

    fn judged(ask: &RtpAsk, ledger: &Ledger, strays: u32) -> Result<(), (Failure, String)> {
        let target = "192.0.2.7:5004".parse().expect("an address");
        judge(ask, target, ledger, &ledger.facts(), strays).map_err(|fault| (fault.failure, fault.detail))
    }

    fn failure(ask: &RtpAsk, ledger: &Ledger) -> (Failure, String) {
        judged(ask, ledger, 0).expect_err("a failure")
    }

    #[test]
    fn a_good_train_is_fine() {
        assert_eq!(judged(&asked(), &ledger(2, Duration::ZERO), 0), Ok(()));
    }

    #[test]
    fn silence_is_a_timeout_and_strangers_are_interception() {
        let nothing = ledger(10, Duration::ZERO);
        assert_eq!(failure(&asked(), &nothing).0, Failure::Timeout);
        assert_eq!(judged(&asked(), &nothing, 1).map_err(|(failure, _)| failure), Err(Failure::Intercepted));
    }

    #[test]
    fn loss_says_where() {
        let (failure, detail) = failure(&asked(), &ledger(3, Duration::ZERO));
        assert_eq!(failure, Failure::Loss);
        assert_eq!(detail, "3 of 10 packets were lost, 3 on the way there; 20 % are allowed");
    }

    #[test]
    fn each_limit_is_named_when_it_is_passed() {
        let slow = ledger(0, Duration::ZERO);
        let ms = Duration::from_millis;
        let judge = |ask| failure(&ask, &slow);
        let (word, detail) = judge(RtpAsk { delay_max: Some(ms(139)), ..asked() });
        assert_eq!(
            (word, detail.as_str()),
            (Failure::TooSlow, "the delay from mouth to ear is about 140 ms, above 139 ms")
        );
        let (word, detail) = judge(RtpAsk { mos_min: Some(4.4), delay_max: Some(ms(100)), ..asked() });
        assert_eq!(word, Failure::TooSlow);
        assert!(detail.contains("above 100 ms; the estimated mean opinion score is 4.3"), "{detail}");
        assert_eq!(judged(&RtpAsk { delay_max: Some(ms(140)), ..asked() }, &slow, 0), Ok(()));
    }

    #[test]
    fn a_machine_that_is_late_itself_judges_no_times() {
        let late = ledger(0, Duration::from_millis(150));
        let strict = RtpAsk { delay_max: Some(Duration::from_millis(100)), ..asked() };
        assert_eq!(failure(&strict, &late).0, Failure::Local);
        assert_eq!(judged(&asked(), &late, 0), Ok(()));
    }
}
