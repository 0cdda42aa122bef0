//! Datagrams that come from the one who was asked and don't answer what was asked. They are passed over, as an answer may follow;
//! but when none does, they are what there is to tell, and not silence.

use std::io;
use std::net::SocketAddr;

use tokio::net::UdpSocket;
use tokio::time::timeout_at;

use super::fault::Fault;
use super::trail::Trail;
use crate::observation::Failure;

/// Those of one check.
#[derive(Debug)]
pub(super) struct Strays {
    most: u32,
    count: u32,
    /// What was wrong with the last.
    last: &'static str,
}

impl Strays {
    /// `most`: how many are passed over before the check gives up, instead of reading a flood until its deadline.
    pub(super) const fn up_to(most: u32) -> Self {
        Self { most, count: 0, last: "" }
    }

    /// Waits for the next datagram; with strays to tell of only until just before the deadline, so that they are told. `None`:
    /// that is now.
    pub(super) async fn or_next(
        &self,
        socket: &UdpSocket,
        buffer: &mut [u8],
        trail: &Trail,
    ) -> Option<io::Result<usize>> {
        if self.count == 0 {
            return Some(socket.recv(buffer).await);
        }
        timeout_at(trail.last_call(), socket.recv(buffer)).await.ok()
    }

    /// Passes one over; `true`: that were enough.
    pub(super) fn pass(&mut self, why: &'static str) -> bool {
        self.count += 1;
        self.last = why;
        self.count >= self.most
    }

    /// What is told when nothing else came.
    pub(super) fn only(&self, failure: Failure, from: SocketAddr) -> Fault {
        let Self { count, last, .. } = self;
        let answers = if *count == 1 { "answer" } else { "answers" };
        Fault::new(failure, format!("{from} sent {count} bad {answers} and no good one; the last: {last}"))
    }
}
