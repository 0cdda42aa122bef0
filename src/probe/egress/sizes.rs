//! Which sizes of packets pass: datagrams that may not be cut up, answered by as large ones.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use nix::errno::Errno;
use tokio::time::{Instant, timeout_at};

use super::super::answer::SizeFacts;
use super::super::fault::Fault;
use super::super::nonce::question_nonce;
use super::super::socket;
use super::knock::Asker;
use crate::limits::{
    EGRESS_DATAGRAMS, EGRESS_PORT_PATIENCE_MAX, EGRESS_SIZES_AT_ONCE, REFLECTOR_FRAME_BYTES_MAX,
};
use crate::reflector::frame::{Key, Kind, Nonce, QUESTION_BYTES_MIN};
use crate::reflector::{never_cut_up, unix_seconds};

/// What one round of sizes showed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Round {
    /// The largest that was answered.
    passed: Option<u16>,
    /// Somebody said that one was too large.
    told: bool,
}

impl Asker {
    /// The largest packet, up to `mtu`, that is answered by one of its size.
    pub(super) async fn largest(&self, to: SocketAddr, mtu: u16, until: Instant) -> Result<SizeFacts, Fault> {
        let mut size = SizeFacts { wanted: mtu, largest: None, told: false, way_back: false };
        let Some(key) = &self.key else { return Ok(size) };
        // The first, four that narrow it down, and the way there on its own.
        let left = until.saturating_duration_since(Instant::now());
        let patience = (left / 6).min(EGRESS_PORT_PATIENCE_MAX);
        let first = self.round(key, to, &[mtu], Kind::Full, patience).await?;
        size.told = first.told;
        if first.passed.is_some() {
            size.largest = first.passed;
            return Ok(size);
        }
        let there = self.round(key, to, &[mtu], Kind::Short, patience).await?;
        size.way_back = there.passed.is_some();
        let mut too_large = mtu;
        while until.saturating_duration_since(Instant::now()) >= patience {
            let sizes =
                between(size.largest.unwrap_or_else(|| smallest(to)), too_large, size.largest.is_none());
            if sizes.is_empty() {
                break;
            }
            let round = self.round(key, to, &sizes, Kind::Full, patience).await?;
            size.told |= round.told;
            size.largest = round.passed.or(size.largest);
            let next =
                sizes.iter().copied().find(|other| size.largest.is_none_or(|largest| *other > largest));
            too_large = next.unwrap_or(too_large);
            if round.passed.is_none() && size.largest.is_none() {
                break;
            }
        }
        Ok(size)
    }

    /// Sends one datagram of each size, those unanswered again, and waits.
    async fn round(
        &self,
        key: &Key,
        to: SocketAddr,
        sizes: &[u16],
        kind: Kind,
        patience: Duration,
    ) -> Result<Round, Fault> {
        let socket = socket::datagrams(to, self.source).await?;
        never_cut_up(&socket, to.is_ipv4())
            .map_err(|error| Fault::io(&error, "asking the kernel not to cut up datagrams"))?;
        let (begun, mut round) = (Instant::now(), Round::default());
        let mut asked: Vec<(Nonce, u16)> = Vec::new();
        let mut buffer = vec![0; REFLECTOR_FRAME_BYTES_MAX];
        for turn in 1..=EGRESS_DATAGRAMS {
            for &size in sizes.iter().filter(|size| round.passed.is_none_or(|passed| **size > passed)) {
                let nonce = question_nonce()?;
                asked.push((nonce, size));
                let bytes = usize::from(size).saturating_sub(headers(to));
                let question = key.question(kind, nonce, unix_seconds(), &self.ports, bytes);
                // Any other error is that of an earlier datagram; what it means shows in what is answered.
                if let Err(error) = socket.send(&question).await
                    && is_too_large(&error)
                {
                    round.told = true;
                }
            }
            let wait_until = begun + patience * turn / EGRESS_DATAGRAMS;
            while let Ok(received) = timeout_at(wait_until, socket.recv(&mut buffer)).await {
                match received {
                    Ok(bytes) => {
                        let answer = key.read_answer(buffer.get(..bytes).unwrap_or_default()).ok();
                        let size = answer.and_then(|answer| {
                            asked.iter().find(|(nonce, _)| *nonce == answer.nonce).map(|(_, size)| *size)
                        });
                        round.passed = round.passed.max(size);
                        if round.passed == sizes.iter().max().copied() {
                            return Ok(round);
                        }
                    }
                    Err(error) => round.told |= is_too_large(&error),
                }
            }
        }
        Ok(round)
    }
}

/// ICMP's "fragmentation needed" or "packet too big", or this machine's own interface.
fn is_too_large(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EMSGSIZE as i32)
}

/// Bytes of the headers of IP and UDP.
const fn headers(to: SocketAddr) -> usize {
    if to.is_ipv4() { 20 + 8 } else { 40 + 8 }
}

/// The smallest packet that a question fits into.
fn smallest(to: SocketAddr) -> u16 {
    u16::try_from(QUESTION_BYTES_MIN + headers(to)).unwrap_or(u16::MAX)
}

/// Sizes evenly spread between one that passes and one that doesn't, ascending; with the lower one itself when it
/// hasn't been tried.
fn between(passes: u16, too_large: u16, with_lowest: bool) -> Vec<u16> {
    let (low, width) = (usize::from(passes), usize::from(too_large.saturating_sub(passes)));
    let steps = EGRESS_SIZES_AT_ONCE + 1;
    let mut sizes: Vec<u16> = (usize::from(!with_lowest)..steps)
        .filter_map(|step| u16::try_from(low + width * step / steps).ok())
        .filter(|size| *size < too_large && (with_lowest || *size > passes))
        .collect();
    sizes.dedup();
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_rounds_find_the_last_byte() {
        for limit in [290_u16, 576, 1280, 1419, 1420, 1492, 1499] {
            let (mut passes, mut too_large, mut rounds, mut untried) = (285, 1500, 0, true);
            loop {
                let sizes = between(passes, too_large, untried);
                if sizes.is_empty() {
                    break;
                }
                assert!(sizes.len() <= EGRESS_SIZES_AT_ONCE + 1 && sizes.is_sorted(), "{sizes:?}");
                rounds += 1;
                untried = false;
                passes = sizes.iter().copied().rfind(|size| *size <= limit).unwrap_or(passes);
                too_large = sizes.iter().copied().find(|size| *size > limit).unwrap_or(too_large);
            }
            assert_eq!((passes, too_large), (limit, limit + 1));
            assert!(rounds <= 4, "{rounds} rounds for {limit}");
        }
    }
}
