//! Answers that come after their check has ended. A line on which echoes are answered late is slow; one on which they never
//! are is dead; and the engineer who is sent needs to know which.
//!
//! A check that ends with echoes out leaves its socket here. Nobody listens to it meanwhile: the kernel keeps what comes, a few
//! hundred bytes, and the next check from that address to that host reads it before it sends its own.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use tokio::time::Instant;

use super::echo::Echo;
use super::icmp::Echoed;
use crate::limits::{PROBE_ECHO_LATE_FOR, PROBE_ECHO_LATE_MAX, PROBE_STRAYS_MAX};

/// From where, and to which host.
pub(super) type Way = (Option<IpAddr>, IpAddr);

/// The checks that ended with echoes out. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Stragglers {
    /// In the order in which they ended.
    waiting: Arc<Mutex<VecDeque<Waiting>>>,
}

struct Waiting {
    ended: Instant,
    way: Way,
    id: u16,
    socket: Arc<dyn Echo>,
    echoed: Echoed,
}

impl Stragglers {
    pub(super) fn leave(&self, way: Way, id: u16, socket: Arc<dyn Echo>, echoed: Echoed) {
        let ended = Instant::now();
        let mut waiting = self.lock();
        waiting.retain(|other| ended.saturating_duration_since(other.ended) < PROBE_ECHO_LATE_FOR);
        if waiting.len() >= PROBE_ECHO_LATE_MAX {
            waiting.pop_front();
        }
        waiting.push_back(Waiting { ended, way, id, socket, echoed });
    }

    /// How many echoes of the check before on this way were answered since it ended.
    pub(super) fn came(&self, way: Way) -> u16 {
        let Some(Waiting { socket, mut echoed, .. }) = self.take(way) else { return 0 };
        let before = echoed.back();
        for _ in 0..PROBE_STRAYS_MAX {
            match socket.hear().now_or_never() {
                Some(Ok(heard)) => echoed.hear(heard),
                Some(Err(_)) | None => break,
            }
        }
        u16::try_from(echoed.back() - before).unwrap_or(u16::MAX)
    }

    fn take(&self, way: Way) -> Option<Waiting> {
        let mut waiting = self.lock();
        let place = waiting.iter().position(|other| other.way == way)?;
        waiting.remove(place)
    }

    /// Whether a socket that is kept has this ICMP id.
    pub(super) fn have(&self, id: u16) -> bool {
        self.lock().iter().any(|waiting| waiting.id == id)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::echo::{Heard, OpenEcho, Sockets};
    use super::*;

    const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn socket(id: u16) -> Arc<dyn Echo> {
        Sockets.open(HOST, None, id).expect("tests that ping need the permission to")
    }

    #[tokio::test]
    async fn the_kernel_keeps_what_comes_after_a_check() {
        let stragglers = Stragglers::default();
        let (late, next) = (socket(60_001), socket(60_002));
        late.send(7).await.expect("an echo");
        stragglers.leave((None, HOST), 60_001, Arc::clone(&late), Echoed::out(7, 2));
        next.send(9).await.expect("an echo");
        assert_eq!(next.hear().await.expect("its answer"), Heard::Reply(9));
        assert!(stragglers.have(60_001) && !stragglers.have(60_002));
        assert_eq!(stragglers.came((Some(HOST), HOST)), 0, "of another way");
        assert_eq!(stragglers.came((None, HOST)), 1);
        assert_eq!(stragglers.came((None, HOST)), 0, "counted once");
    }

    #[tokio::test(start_paused = true)]
    async fn few_are_kept_and_not_for_long() {
        let stragglers = Stragglers::default();
        let late = socket(60_003);
        let kept = |id: u16| stragglers.leave((None, HOST), id, Arc::clone(&late), Echoed::out(0, 1));
        kept(0);
        tokio::time::advance(PROBE_ECHO_LATE_FOR).await;
        let last = u16::try_from(PROBE_ECHO_LATE_MAX).expect("a few") + 1;
        (1..=last).for_each(kept);
        assert!(!stragglers.have(0), "it waited for long enough");
        assert!(!stragglers.have(1), "the oldest made room");
        assert!((2..=last).all(|id| stragglers.have(id)));
    }
}
