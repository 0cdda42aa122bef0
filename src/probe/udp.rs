//! `udp`: one datagram, and an answer expected from the one that it was sent to.

use std::net::IpAddr;

use super::fault::{Fault, one_line};
use super::lookup::Lookup;
use super::socket;
use super::trail::Trail;
use crate::estate::UdpAsk;
use crate::limits::PROBE_UDP_BYTES_MAX;
use crate::observation::{Failure, Phase};

/// The first datagram that comes back is the answer. Others can't send one in: the socket is connected. A port that
/// the target says is closed is `refused`; silence ends at the deadline, in phase `first_byte`.
pub(super) async fn ask(
    ask: &UdpAsk,
    source: Option<IpAddr>,
    lookup: &Lookup,
    trail: &Trail,
) -> Result<(), Fault> {
    let address = lookup.address(&ask.target, source, trail).await?;
    trail.note(|facts| facts.peer = Some(address));
    trail.enter(Phase::Send);
    let socket = socket::datagrams(address, source).await?;
    socket
        .send(ask.send.as_bytes())
        .await
        .map_err(|error| Fault::io(&error, &format!("sending to {address}")))?;
    trail.enter(Phase::FirstByte);
    let mut buffer = vec![0; PROBE_UDP_BYTES_MAX];
    let length = socket
        .recv(&mut buffer)
        .await
        .map_err(|error| Fault::io(&error, &format!("waiting for {address}")))?;
    trail.rest();
    judge(ask.expect.as_deref(), buffer.get(..length).unwrap_or_default())
}

fn judge(expected: Option<&str>, answer: &[u8]) -> Result<(), Fault> {
    match expected {
        Some(expected) if !answer.starts_with(expected.as_bytes()) => {
            let begins = String::from_utf8_lossy(answer.get(..64).unwrap_or(answer));
            Err(Fault::new(
                Failure::WrongAnswer,
                format!("the answer begins \"{}\", not \"{expected}\"", one_line(&begins)),
            ))
        }
        _ => Ok(()),
    }
}

/// The fuzz target: an answer. The first byte chooses whether one of its own kind is expected.
#[cfg(any(fuzzing, test))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let (how, answer) = crate::fuzzing::choice(bytes);
    let answer = answer.get(..PROBE_UDP_BYTES_MAX).unwrap_or(answer);
    let verdict = judge((how & 1 != 0).then_some("pong"), answer);
    assert_eq!(verdict.is_ok(), how & 1 == 0 || answer.starts_with(b"pong"), "{verdict:?}");
    super::fuzzing::end(super::fuzzing::trail(), verdict);
}
