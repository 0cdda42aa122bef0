//! `ntp`: one question to a time server (RFC 5905), its stratum, and by how much the two clocks differ.
//!
//! The question says nothing of this machine: its transmit time is a random number (as RFC 9109 advises for ports, and
//! the data minimisation draft for the rest), which the answer repeats, so that forgeries and old answers are known.

use std::net::IpAddr;

use super::answer::ClockSeen;
use super::fault::{Fault, one_line};
use super::lookup::Lookup;
use super::nonce::nonce;
use super::rule::Rule;
use super::socket;
use super::strays::Strays;
use super::trail::{Trail, millis};
use crate::estate::NtpAsk;
use crate::limits::PROBE_STRAYS_MAX;
use crate::observation::{Failure, Phase};

/// Version 4, mode 3 (client).
const CLIENT: u8 = 0x23;
const PACKET_BYTES: usize = 48;
/// Seconds from 1900, where NTP counts from, to 1970.
const NTP_TO_UNIX_S: i64 = 2_208_988_800;
/// Root delay and dispersion beyond which a server's time is worth nothing (`MAXDISP` of RFC 5905).
const ROOT_DISTANCE_MAX_S: f64 = 16.0;
/// By how much the server may seem to have kept the question longer than this machine waited for the answer: Windows' clock
/// ticks each 15.6 ms, and both of its times may be off by a tick.
const TICKS_MS: f64 = 32.0;
/// Seconds of one era: its counter of seconds has 32 bits.
const ERA_S: i64 = 1 << 32;

pub(super) async fn ask(
    ask: &NtpAsk,
    source: Option<IpAddr>,
    lookup: &Lookup,
    trail: &Trail,
) -> Result<(), Fault> {
    let address = lookup.address(&ask.target, source, trail).await?;
    trail.note(|facts| facts.peer = Some(address));
    trail.enter(Phase::Send);
    let socket = socket::datagrams(address, source).await?;
    let token = nonce();
    let (sent, begun) = (unix_ms(), tokio::time::Instant::now());
    let failed = |error: &_| Fault::io(error, &format!("asking {address} for the time"));
    socket.send(&question(token)).await.map_err(|error| failed(&error))?;
    trail.enter(Phase::FirstByte);
    let mut buffer = [0; 512];
    let mut strays = Strays::up_to(PROBE_STRAYS_MAX);
    let reply = loop {
        let Some(received) = strays.or_next(&socket, &mut buffer, trail).await else {
            return Err(strays.only(Failure::Protocol, address));
        };
        let length = received.map_err(|error| failed(&error))?;
        match Reply::read(buffer.get(..length).unwrap_or_default(), token) {
            Ok(reply) => break reply,
            Err(why) if strays.pass(why) => return Err(strays.only(Failure::Protocol, address)),
            Err(_) => {}
        }
    };
    trail.rest();
    let round_trip = millis(begun.elapsed());
    reply.is_possible(round_trip)?;
    let clock = reply.clock(sent, round_trip);
    trail.note(|facts| facts.clock = Some(clock.clone()));
    judge(ask, &reply, &clock)
}

pub(super) fn question(token: u64) -> [u8; PACKET_BYTES] {
    let mut packet = [0; PACKET_BYTES];
    packet[0] = CLIENT;
    packet[40..].copy_from_slice(&token.to_be_bytes());
    packet
}

/// What a server says.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Reply {
    /// 3: its clock isn't set.
    leap: u8,
    stratum: u8,
    reference: [u8; 4],
    /// When it got the question and sent the answer, milliseconds since 1970.
    received_ms: f64,
    sent_ms: f64,
    /// When its clock was last set; `None`: it doesn't say.
    set_ms: Option<f64>,
    /// Half of the way to the reference clock and back, and how far the server may be off besides.
    root_distance_s: f64,
    /// One of the two times is zero, which stands for none.
    has_no_time: bool,
}

impl Reply {
    /// The error: why it is no answer to this question.
    fn read(bytes: &[u8], token: u64) -> Result<Self, &'static str> {
        const SHORT: &str = "shorter than an NTP packet";
        let packet =
            bytes.get(..PACKET_BYTES).and_then(|packet| <&[u8; PACKET_BYTES]>::try_from(packet).ok());
        let packet = packet.ok_or(SHORT)?;
        let at = |from: usize| {
            let bytes = packet.get(from..from + 8).and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
            bytes.ok_or(SHORT)
        };
        if packet[0] & 7 != 4 {
            return Err("not a server's answer");
        }
        if u64::from_be_bytes(at(24)?) != token {
            return Err("an answer to another question");
        }
        Ok(Self {
            leap: packet[0] >> 6,
            stratum: packet[1],
            reference: [packet[12], packet[13], packet[14], packet[15]],
            received_ms: unix_ms_of(at(32)?),
            sent_ms: unix_ms_of(at(40)?),
            set_ms: Some(at(16)?).filter(|stamp| *stamp != [0; 8]).map(unix_ms_of),
            root_distance_s: short_s(packet, 4) / 2.0 + short_s(packet, 8),
            has_no_time: [at(32)?, at(40)?].contains(&[0; 8]),
        })
    }

    /// Whether a clock can say this at all (RFC 5905, 8 and 9.2). One that isn't set, and a server that won't tell, say so
    /// otherwise.
    fn is_possible(&self, round_trip_ms: f64) -> Result<(), Fault> {
        if self.stratum == 0 || self.leap == 3 {
            return Ok(());
        }
        let kept_ms = self.sent_ms - self.received_ms;
        let impossible = if self.has_no_time {
            "no time at all, as zeros".to_owned()
        } else if kept_ms < -TICKS_MS {
            "that it answered before it was asked".to_owned()
        } else if kept_ms > round_trip_ms + TICKS_MS {
            format!("that it took {kept_ms:.0} ms to answer, which came within {round_trip_ms:.0} ms")
        } else if self.set_ms.is_some_and(|set_ms| set_ms > self.sent_ms + TICKS_MS) {
            "that its clock was last set in its own future".to_owned()
        } else if self.root_distance_s >= ROOT_DISTANCE_MAX_S {
            format!("that it may be off by {:.0} s", self.root_distance_s)
        } else {
            return Ok(());
        };
        Err(Fault::new(Failure::Protocol, format!("the server says {impossible}: that is no time"))
            .in_phase(Phase::FirstByte))
    }

    /// `asked_ms`: when this machine asked, by its own clock.
    fn clock(&self, asked_ms: f64, round_trip_ms: f64) -> ClockSeen {
        let answered_ms = asked_ms + round_trip_ms;
        let offset = self.received_ms.midpoint(self.sent_ms) - asked_ms.midpoint(answered_ms);
        let delay = round_trip_ms - (self.sent_ms - self.received_ms);
        let reference = if self.stratum <= 1 {
            one_line(String::from_utf8_lossy(&self.reference).trim_end_matches('\0'))
        } else {
            std::net::Ipv4Addr::from(self.reference).to_string()
        };
        let thousandth = |ms: f64| (ms * 1000.0).round() / 1000.0;
        ClockSeen {
            offset_ms: thousandth(offset),
            delay_ms: thousandth(delay.max(0.0)),
            stratum: self.stratum,
            reference,
        }
    }
}

fn judge(ask: &NtpAsk, reply: &Reply, clock: &ClockSeen) -> Result<(), Fault> {
    let wrong = |rule, detail: String| Err(Fault::new(Failure::WrongAnswer, detail).by(rule));
    match reply.stratum {
        // A "kiss of death": four letters instead of a time.
        0 => {
            return wrong(
                Rule::TellsTime,
                format!("the server answers, and won't tell the time: {}", clock.reference),
            );
        }
        _ if reply.leap == 3 => {
            return wrong(Rule::TellsTime, "the server says that its own clock is not set".to_owned());
        }
        far if far > ask.stratum_max => {
            return wrong(
                Rule::StratumMax,
                format!("the server is of stratum {far}, further than {}", ask.stratum_max),
            );
        }
        _ => {}
    }
    match ask.offset_max.map(millis) {
        Some(most) if clock.offset_ms.abs() > most => wrong(
            Rule::OffsetMax,
            format!(
                "this machine's clock and the server's differ by {:.0} ms, more than {most:.0}: one of them is wrong",
                clock.offset_ms.abs()
            ),
        ),
        _ => Ok(()),
    }
}

fn unix_ms() -> f64 {
    jiff::Timestamp::now().as_microsecond() as f64 / 1000.0
}

/// NTP's short format: seconds and 2^-16 seconds.
fn short_s(packet: &[u8; PACKET_BYTES], from: usize) -> f64 {
    let bytes = packet.get(from..from + 4).and_then(|bytes| bytes.try_into().ok());
    f64::from(u32::from_be_bytes(bytes.unwrap_or_default())) / 65_536.0
}

/// An NTP timestamp: seconds and 2^-32 seconds since 1900, in the era nearest to now (the first ends in 2036).
fn unix_ms_of(bytes: [u8; 8]) -> f64 {
    let stamp = u64::from_be_bytes(bytes);
    let seconds = i64::try_from(stamp >> 32).unwrap_or(0) - NTP_TO_UNIX_S;
    let seconds = if seconds < 0 { seconds + ERA_S } else { seconds };
    let fraction = (stamp & 0xffff_ffff) as f64 / ERA_S as f64;
    (seconds as f64 + fraction) * 1000.0
}

/// The fuzz target: a time server's answer, to its verdict.
#[cfg(any(fuzzing, test))]
pub(crate) fn fuzz(bytes: &[u8]) {
    const TOKEN: u64 = 0x0123_4567_89ab_cdef;
    let Ok(reply) = Reply::read(bytes, TOKEN) else { return };
    let repeated = bytes.get(24..32) == Some(TOKEN.to_be_bytes().as_slice());
    assert!(repeated && bytes.first().is_some_and(|first| first & 7 == 4), "an answer to something else");
    let clock = reply.clock(1_773_644_400_000.0, 50.0);
    assert!(clock.offset_ms.is_finite() && clock.delay_ms >= 0.0, "{clock:?}");
    let ask = NtpAsk {
        target: crate::estate::HostPort { host: "127.0.0.1".to_owned(), port: 123 },
        offset_max: Some(std::time::Duration::from_secs(1)),
        stratum_max: 15,
    };
    let verdict = reply.is_possible(50.0).and_then(|()| judge(&ask, &reply, &clock));
    if verdict.is_ok() {
        assert!((1..=15).contains(&reply.stratum) && reply.leap != 3 && clock.offset_ms.abs() <= 1000.0);
    }
    let trail = super::fuzzing::trail();
    trail.note(|facts| facts.clock = Some(clock));
    super::fuzzing::end(trail, verdict);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::estate::HostPort;

    const ASKED_MS: f64 = 1_773_644_400_000.0;

    fn stamp(unix_ms: f64) -> [u8; 8] {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a date of this century")]
        let stamp = ((unix_ms / 1000.0 + NTP_TO_UNIX_S as f64) * ERA_S as f64) as u64;
        stamp.to_be_bytes()
    }

    fn answer(token: u64, first: u8, stratum: u8, received_ms: f64, sent_ms: f64) -> Vec<u8> {
        let mut packet = vec![0; PACKET_BYTES];
        packet[0] = first;
        packet[1] = stratum;
        packet[12..16].copy_from_slice(b"GPS\0");
        packet[24..32].copy_from_slice(&token.to_be_bytes());
        packet[32..40].copy_from_slice(&stamp(received_ms));
        packet[40..48].copy_from_slice(&stamp(sent_ms));
        packet
    }

    fn ask(offset_max_ms: Option<u64>) -> NtpAsk {
        NtpAsk {
            target: HostPort { host: "127.0.0.1".to_owned(), port: 123 },
            offset_max: offset_max_ms.map(Duration::from_millis),
            stratum_max: 15,
        }
    }

    #[test]
    fn the_offset_is_that_of_the_middle_of_the_way() {
        // The server is 250 ms ahead, thinks for 10 ms, and is 20 ms away.
        let bytes = answer(7, 0x24, 1, ASKED_MS + 270.0, ASKED_MS + 280.0);
        let reply = Reply::read(&bytes, 7).expect("an answer");
        let clock = reply.clock(ASKED_MS, 50.0);
        assert!((clock.offset_ms - 250.0).abs() < 0.01, "{clock:?}");
        assert!((clock.delay_ms - 40.0).abs() < 0.01, "{clock:?}");
        assert_eq!((clock.stratum, clock.reference.as_str()), (1, "GPS"));
        assert!(judge(&ask(Some(300)), &reply, &clock).is_ok());
        let fault = judge(&ask(Some(200)), &reply, &clock).expect_err("too far apart");
        assert_eq!(fault.failure, Failure::WrongAnswer);
        assert!(fault.detail.contains("250 ms"), "{}", fault.detail);
    }

    #[test]
    fn a_server_that_will_not_tell_or_does_not_know_is_wrong() {
        for (first, stratum, says) in
            [(0x24, 0, "won't tell"), (0xe4, 2, "not set"), (0x24, 16, "stratum 16")]
        {
            let reply = Reply::read(&answer(7, first, stratum, ASKED_MS, ASKED_MS), 7).expect("an answer");
            let clock = reply.clock(ASKED_MS, 1.0);
            let fault = judge(&ask(None), &reply, &clock).expect_err("wrong");
            assert!(fault.detail.contains(says), "{}", fault.detail);
        }
    }

    #[test]
    fn times_that_no_clock_can_tell_are_none() {
        let said = |bytes: &[u8]| Reply::read(bytes, 7).expect("an answer").is_possible(20.0);
        let good = answer(7, 0x24, 2, ASKED_MS + 5.0, ASKED_MS + 6.0);
        assert_eq!(said(&good), Ok(()));
        let with = |from: usize, bytes: &[u8]| {
            let mut packet = good.clone();
            packet[from..from + bytes.len()].copy_from_slice(bytes);
            packet
        };
        for (what, bytes, says) in [
            ("both zero", with(32, &[0; 16]), "as zeros"),
            ("no transmit time", with(40, &[0; 8]), "as zeros"),
            ("no receive time", with(32, &[0; 8]), "as zeros"),
            ("before it was asked", with(40, &stamp(ASKED_MS - 1000.0)), "before it was asked"),
            ("longer than we waited", with(40, &stamp(ASKED_MS + 2000.0)), "within 20 ms"),
            ("set in the future", with(16, &stamp(ASKED_MS + 60_000.0)), "own future"),
            ("far from its reference", with(8, &17_u32.wrapping_shl(16).to_be_bytes()), "off by 17 s"),
        ] {
            let fault = said(&bytes).expect_err(what);
            assert_eq!(fault.failure, Failure::Protocol, "{what}");
            assert!(fault.detail.contains(says), "{what}: {}", fault.detail);
        }
        let coarse = answer(7, 0x24, 2, ASKED_MS + 15.6, ASKED_MS);
        assert_eq!(said(&coarse), Ok(()), "a clock that ticks slowly");
        assert_eq!(said(&with(16, &stamp(ASKED_MS - 60_000.0))), Ok(()), "set a minute ago");
        // Who won't tell, or doesn't know, leaves the times out; the verdict has words for that.
        for packet in [answer(7, 0x24, 0, 0.0, 0.0), answer(7, 0xe4, 2, 0.0, 0.0)] {
            assert_eq!(said(&packet), Ok(()));
        }
    }

    #[test]
    fn answers_to_something_else_are_passed_over() {
        let good = answer(7, 0x24, 1, ASKED_MS, ASKED_MS);
        assert!(Reply::read(&good, 7).is_ok());
        assert!(Reply::read(&good, 8).is_err(), "another question");
        assert!(Reply::read(&good[..47], 7).is_err(), "too short");
        assert!(Reply::read(&answer(7, CLIENT, 1, ASKED_MS, ASKED_MS), 7).is_err(), "a question");
    }

    #[test]
    fn the_second_era_follows_the_first() {
        let after_2036 = 2_100_000_000_000.0;
        let mut wrapped = [0; 8];
        let seconds = u32::try_from((2_100_000_000 + NTP_TO_UNIX_S) % ERA_S).expect("32 bits");
        wrapped[..4].copy_from_slice(&seconds.to_be_bytes());
        assert!((unix_ms_of(wrapped) - after_2036).abs() < 0.01);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80), token: u64) {
            if let Ok(reply) = Reply::read(&bytes, token) {
                let clock = reply.clock(ASKED_MS, 1.0);
                drop(judge(&ask(Some(1)), &reply, &clock));
            }
        }
    }
}
