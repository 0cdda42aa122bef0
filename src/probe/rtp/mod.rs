//! `rtp`: a second of packets like a telephone call's, to a reflector that sends each of them back.
//!
//! | file | what it does |
//! |---|---|
//! | `ledger` | what was lost, late or out of order, and in which direction. Pure |
//! | `mos` | how a call would sound. Pure |
//! | `verdict` | from the ledger to the contract's word. Pure |
//!
//! # Choices
//!
//! - A packet is sent when it is due, each 20 ms, and the time at which it truly went out is what counts: what this
//!   machine is late by isn't the line's jitter. When it is late by much, it judges no times at all, and says `local`.
//! - Nothing is sent twice: a telephone doesn't either. Only the tally at the end is, see `reflector::train`.
//! - An answer counts only with the secret's tag, as with `egress`: without one somebody answers in the reflector's
//!   place, which is `intercepted`.
//! - A reflector whose clock is minutes from ours is silent over UDP, and so is one with another secret. The check can't
//!   tell that from a line that drops everything; its detail says so.
//! - `phases_ms.echo` is the median round trip; `ms` holds the whole train.

#[cfg(any(fuzzing, test))]
pub(super) mod fuzzing;
mod ledger;
mod mos;
mod verdict;

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until};

use super::answer::RtpFacts;
use super::fault::Fault;
use super::lookup::Lookup;
use super::nonce::question_nonce;
use super::socket;
use super::trail::Trail;
use crate::estate::RtpAsk;
use crate::limits::{
    EGRESS_STRAYS_MAX, PROBE_UDP_BYTES_MAX, RTP_PACKETS_MIN, RTP_SPACING, RTP_TALLIES, RTP_TALLY_EVERY,
};
use crate::observation::{Failure, Phase};
use crate::reflector::frame::{Key, Nonce};
use crate::reflector::train::{Says, Wants};
use crate::reflector::unix_seconds;
use ledger::Ledger;

pub(super) async fn ask(
    ask: &RtpAsk,
    source: Option<IpAddr>,
    lookup: &Lookup,
    trail: &Trail,
) -> Result<(), Fault> {
    let Some(secret) = &ask.secret else {
        return Err(Fault::local(
            "a reflector answers nobody without its secret: add secret_file or secret_env",
        ));
    };
    let target = lookup.address(&ask.target, source, trail).await?;
    trail.note(|facts| facts.peer = Some(target));
    trail.enter(Phase::Echo);
    let socket = socket::datagrams(target, source).await?;
    let packets = room(ask.packets, trail)?;
    let mut train = Train {
        socket: &socket,
        target,
        source,
        key: Key::new(secret),
        nonce: question_nonce()?,
        packets,
        begun: Instant::now(),
        until: trail.last_call(),
        ledger: Ledger::default(),
        strays: 0,
        seen_as: None,
    };
    let ran = train.run().await;
    trail.rest();
    let facts = note(&train.ledger, train.seen_as, trail);
    ran?;
    trail.lost(train.ledger.loss());
    verdict::judge(ask, target, &train.ledger, &facts, train.strays)
}

/// What was learnt, which is told even where the train was given up.
fn note(ledger: &Ledger, seen_as: Option<SocketAddr>, trail: &Trail) -> RtpFacts {
    let facts = ledger.facts();
    if let Some(median) = facts.median_ms {
        trail.measured(Phase::Echo, median);
    }
    trail.note(|all| {
        all.seen_as = seen_as;
        all.rtp = Some(facts);
    });
    facts
}

/// How many packets there is still time for, once the name was looked up.
fn room(packets: u16, trail: &Trail) -> Result<u16, Fault> {
    let for_sending = trail.last_call().saturating_duration_since(Instant::now() + RTP_TALLY_EVERY);
    let fit = u16::try_from(for_sending.as_millis() / RTP_SPACING.as_millis()).unwrap_or(u16::MAX);
    if usize::from(fit) < RTP_PACKETS_MIN {
        return Err(Fault::new(Failure::Timeout, "there was no time left for the packets within `timeout`"));
    }
    Ok(packets.min(fit))
}

/// A train under way.
struct Train<'s> {
    socket: &'s UdpSocket,
    target: SocketAddr,
    source: Option<IpAddr>,
    key: Key,
    nonce: Nonce,
    packets: u16,
    begun: Instant,
    until: Instant,
    ledger: Ledger,
    /// Datagrams that are no answers.
    strays: u32,
    seen_as: Option<SocketAddr>,
}

impl Train<'_> {
    /// Sends all packets in their time, and hears what comes back until there is word of all, or until the time is up.
    async fn run(&mut self) -> Result<(), Fault> {
        let mut buffer = vec![0; PROBE_UDP_BYTES_MAX];
        let mut tallies = 0_u16;
        loop {
            let sent = u16::try_from(self.ledger.sent_count()).unwrap_or(u16::MAX);
            let all_sent = sent >= self.packets;
            if all_sent && (self.ledger.is_all_back() || self.ledger.is_told_all()) {
                return Ok(());
            }
            let due = if all_sent {
                self.begun + RTP_SPACING * u32::from(self.packets) + RTP_TALLY_EVERY * u32::from(tallies + 1)
            } else {
                self.begun + RTP_SPACING * u32::from(sent)
            };
            tokio::select! {
                // What is due is sent before anything is heard, and what came is heard before the time is up.
                biased;
                () = sleep_until(due), if !all_sent || tallies < RTP_TALLIES => {
                    let wants = if all_sent {
                        tallies += 1;
                        Wants::Tally(tallies - 1)
                    } else {
                        Wants::Echo(sent)
                    };
                    self.send(wants, due).await?;
                }
                heard = self.socket.recv(&mut buffer) => match heard {
                    Ok(bytes) => self.hear(buffer.get(..bytes).unwrap_or_default())?,
                    Err(error) => self.trouble(&error, "hearing from")?,
                },
                () = sleep_until(self.until) => return Ok(()),
            }
        }
    }

    async fn send(&mut self, wants: Wants, due: Instant) -> Result<(), Fault> {
        let packet = self.key.packet(self.nonce, wants, unix_seconds());
        let now = Instant::now();
        if matches!(wants, Wants::Echo(_)) {
            self.ledger.sent(now.duration_since(self.begun), now.saturating_duration_since(due));
        }
        match self.socket.send(&packet).await {
            Ok(_) => Ok(()),
            Err(error) => self.trouble(&error, "sending to"),
        }
    }

    fn hear(&mut self, datagram: &[u8]) -> Result<(), Fault> {
        let at = self.begun.elapsed();
        let answer = self.key.read_packet_answer(datagram).ok().filter(|answer| answer.nonce == self.nonce);
        match answer.map(|answer| answer.says) {
            Some(Says::Busy) => {
                return Err(Fault::local(
                    "the reflector has more trains than it answers: raise its --max-per-second, or ask less often",
                ));
            }
            Some(Says::Saw(wants, saw)) => {
                self.seen_as = Some(saw.source);
                match wants {
                    Wants::Echo(place) => self.ledger.heard(place, &saw, at),
                    Wants::Tally(_) => self.ledger.tallied(&saw),
                }
            }
            None => {
                self.strays += 1;
                if self.strays >= EGRESS_STRAYS_MAX {
                    return Err(verdict::intercepted(self.target));
                }
            }
        }
        Ok(())
    }

    /// Some way on, an error of one packet (a router's word about it) is that packet's loss. Before anything was heard, or
    /// when it is this machine's own, it is the verdict.
    fn trouble(&mut self, error: &io::Error, what: &str) -> Result<(), Fault> {
        let what = format!("{what} {}", self.target);
        let fault = socket::failed(error, &what, self.target, self.source).in_phase(Phase::Echo);
        self.strays += 1;
        let is_flood = self.strays >= EGRESS_STRAYS_MAX;
        if !self.ledger.is_anything_heard() || fault.failure == Failure::Local || is_flood {
            return Err(fault);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_train_has_as_many_packets_as_there_is_time_for() {
        let fits = |timeout| room(50, &Trail::begin(Duration::from_millis(timeout))).map_err(|f| f.failure);
        assert_eq!(fits(2000), Ok(50));
        assert_eq!(fits(1000), Ok(37));
        assert_eq!(fits(400), Err(Failure::Timeout));
    }
}
