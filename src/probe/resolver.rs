//! The system's resolver. Each look-up holds a thread that nothing can stop, for as long as the name's own servers hang; so there
//! is one look-up under way for a name, shared by all checks that want it, and a bounded number of names. One zone that hangs takes a
//! place, and not all of them.
//!
//! What a look-up finds is told to those who wait for it, and kept for nobody: a name is asked for anew by the next check.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout_at;

use super::fault::Fault;
use super::trail::Trail;
use crate::limits::PROBE_LISTED_MAX;
use crate::observation::{Failure, Phase};

type Outcome = Result<Vec<IpAddr>, Fault>;
type Resolve = dyn Fn(&str) -> Outcome + Send + Sync;

/// Asks the system's resolver. Cheap to clone.
#[derive(Clone)]
pub(super) struct Resolver {
    resolve: Arc<Resolve>,
    most: usize,
    places: Arc<Semaphore>,
    /// By name.
    under_way: Arc<Mutex<HashMap<String, watch::Sender<Stage>>>>,
}

/// How far a look-up has got.
#[derive(Debug, Clone)]
enum Stage {
    /// It waits for a place: nobody was asked yet.
    Waits,
    Asks,
    Ended(Outcome),
}

impl Resolver {
    /// For so many names at once.
    pub(super) fn of_system(most: usize) -> Self {
        Self::by(most, system)
    }

    fn by(most: usize, resolve: impl Fn(&str) -> Outcome + Send + Sync + 'static) -> Self {
        Self {
            resolve: Arc::new(resolve),
            most,
            places: Arc::new(Semaphore::new(most)),
            under_way: Arc::default(),
        }
    }

    /// The addresses of a name. The trail is in phase `dns` from when the resolver is asked: the time that is waited for a place is
    /// no name server's.
    ///
    /// # Errors
    ///
    /// `local` without a place before the check's last call. What a look-up that began before this check couldn't find isn't taken
    /// for the answer to it: the name is asked for again, once.
    pub(super) async fn addresses(&self, name: &str, trail: &Trail) -> Outcome {
        let (is_others, stage) = self.join(name);
        match self.ended(stage, trail).await? {
            Err(_) if is_others => self.ended(self.join(name).1, trail).await?,
            outcome => outcome,
        }
    }

    /// Waits for the end of a look-up.
    async fn ended(&self, mut stage: watch::Receiver<Stage>, trail: &Trail) -> Result<Outcome, Fault> {
        let stopped = || Fault::local("the look-up was stopped");
        if matches!(*stage.borrow_and_update(), Stage::Waits) {
            trail.rest();
            let has_place = async {
                let asks = stage.wait_for(|stage| !matches!(stage, Stage::Waits)).await;
                asks.map(drop).map_err(|_| stopped())
            };
            timeout_at(trail.last_call(), has_place).await.unwrap_or_else(|_| Err(self.no_place()))?;
            trail.enter(Phase::Dns);
        }
        let ended = stage.wait_for(|stage| matches!(stage, Stage::Ended(_))).await;
        match ended.as_deref() {
            Ok(Stage::Ended(outcome)) => Ok(outcome.clone()),
            _ => Err(stopped()),
        }
    }

    fn no_place(&self) -> Fault {
        Fault::local(format!(
            "this machine's resolver is still being asked about {} other names, which is as many as it is asked about at once; \
             name servers that hang hold it up: look at its own, or give the probe a `name_server`",
            self.most
        ))
    }

    /// The look-up that is under way for a name, or a new one; and whether others had begun it.
    fn join(&self, name: &str) -> (bool, watch::Receiver<Stage>) {
        let mut under_way = self.lock();
        if let Some(stage) = under_way.get(name) {
            return (true, stage.subscribe());
        }
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        let (stage, joined) = watch::channel(if place.is_some() { Stage::Asks } else { Stage::Waits });
        under_way.insert(name.to_owned(), stage.clone());
        let asking = Asking { resolver: self.clone(), name: name.to_owned(), stage, outcome: None };
        // A task of its own: who asked first may give up before the others do.
        tokio::spawn(asking.ask(place));
        (false, joined)
    }

    #[cfg(test)]
    pub(super) fn shares_places(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.places, &other.places)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<Stage>>> {
        // Nothing that holds it leaves it half-changed.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

/// A look-up under way. However it ends, it leaves the list, and then tells those who wait.
struct Asking {
    resolver: Resolver,
    name: String,
    stage: watch::Sender<Stage>,
    outcome: Option<Outcome>,
}

impl Asking {
    /// Asks as soon as there is a place, and keeps that until the resolver's thread has ended.
    async fn ask(mut self, place: Option<OwnedSemaphorePermit>) {
        let place = match place {
            Some(place) => Ok(place),
            None => Arc::clone(&self.resolver.places).acquire_owned().await,
        };
        if self.is_forsaken() {
            return;
        }
        self.stage.send_replace(Stage::Asks);
        let (resolve, name) = (Arc::clone(&self.resolver.resolve), self.name.clone());
        let asked = tokio::task::spawn_blocking(move || resolve(&name)).await;
        self.outcome = asked.ok();
        drop(place);
    }

    /// Whether all who waited for the place have given up. Then it is off the list, so that nobody joins it any more.
    fn is_forsaken(&self) -> bool {
        let mut under_way = self.resolver.lock();
        let is_forsaken = self.stage.receiver_count() == 0;
        if is_forsaken {
            under_way.remove(&self.name);
        }
        is_forsaken
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut under_way = self.resolver.lock();
        if under_way.get(&self.name).is_some_and(|listed| listed.same_channel(&self.stage)) {
            under_way.remove(&self.name);
        }
        drop(under_way);
        // Only now: who is told of a failure may ask again at once, and must not meet this look-up.
        if let Some(outcome) = self.outcome.take() {
            self.stage.send_replace(Stage::Ended(outcome));
        }
    }
}

fn system(name: &str) -> Outcome {
    let found = (name, 0).to_socket_addrs().map_err(|error| {
        // The resolver's own words don't say that it could open no socket and no file.
        Fault::no_descriptors().unwrap_or_else(|| unresolved(&error, name))
    })?;
    let mut addresses: Vec<IpAddr> = found.take(PROBE_LISTED_MAX).map(|address| address.ip()).collect();
    addresses.dedup();
    Ok(addresses)
}

/// `getaddrinfo` has its own numbers, of which Rust keeps only the words. Those of glibc and musl are known; for the
/// rest, a resolver that can't say is `servfail`.
fn unresolved(error: &io::Error, name: &str) -> Fault {
    let words = error.to_string();
    let says = |known: &[&str]| known.iter().any(|known| words.contains(known));
    let failure = if says(&["Name or service not known", "Name does not resolve"]) {
        Failure::Nxdomain
    } else if says(&["No address associated", "Name has no usable address"]) {
        Failure::NoAnswer
    } else if error.raw_os_error().is_some() {
        return Fault::io(error, &format!("looking up {name}"));
    } else {
        Failure::Servfail
    };
    Fault::new(failure, format!("looking up {name} at the system's resolver: {words}"))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Sender, channel};
    use std::time::Duration;

    use futures::FutureExt;

    use super::*;
    use crate::limits::PROBE_SYSTEM_LOOKUPS_MAX;

    const FOUND: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    /// Of its names those that begin with `hang` hang, until what they are answered comes.
    struct Hanging {
        resolver: Resolver,
        answer: Sender<Outcome>,
        asked: Arc<AtomicUsize>,
    }

    fn hanging() -> Hanging {
        let (answer, answers) = channel::<Outcome>();
        let answers = Mutex::new(answers);
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let resolver = Resolver::by(PROBE_SYSTEM_LOOKUPS_MAX, move |name| {
            counted.fetch_add(1, Ordering::SeqCst);
            assert!(!name.starts_with("panic"), "as it was told to");
            if name.starts_with("hang") {
                // A test that ends drops the other end, so that no thread is left hanging.
                return answers.lock().expect("answers").recv().unwrap_or(Ok(Vec::new()));
            }
            Ok(vec![FOUND])
        });
        Hanging { resolver, answer, asked }
    }

    /// Of a check that has time for all that comes.
    fn trail() -> Trail {
        let trail = Trail::begin(Duration::from_mins(10));
        trail.enter(Phase::Dns);
        trail
    }

    #[tokio::test]
    async fn a_name_that_hangs_takes_one_place_however_many_want_it() {
        let Hanging { resolver, answer, asked } = hanging();
        let trail = trail();
        let want = || Box::pin(resolver.addresses("hangs.example", &trail));
        let mut checks: Vec<_> = (0..2 * PROBE_SYSTEM_LOOKUPS_MAX).map(|_| want()).collect();
        for check in &mut checks {
            assert!(check.as_mut().now_or_never().is_none());
        }
        assert_eq!(resolver.addresses("healthy.example", &trail).await, Ok(vec![FOUND]));
        answer.send(Ok(vec![FOUND])).expect("it is waited for");
        for check in checks {
            assert_eq!(check.await, Ok(vec![FOUND]));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        assert!(resolver.lock().is_empty());
    }

    #[tokio::test]
    async fn a_check_that_gives_up_does_not_end_it_for_the_others() {
        let Hanging { resolver, answer, asked } = hanging();
        let trail = trail();
        let mut first = Box::pin(resolver.addresses("hangs.example", &trail));
        let mut second = Box::pin(resolver.addresses("hangs.example", &trail));
        assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
        drop(first);
        answer.send(Ok(vec![FOUND])).expect("it is waited for");
        assert_eq!(second.await, Ok(vec![FOUND]));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_check_without_a_place_is_local_and_its_wait_is_no_name_servers_time() {
        let Hanging { resolver, answer, .. } = hanging();
        let others = trail();
        let mut hang: Vec<_> = (0..PROBE_SYSTEM_LOOKUPS_MAX)
            .map(|nth| {
                let (resolver, others) = (&resolver, &others);
                Box::pin(async move { resolver.addresses(&format!("hangs{nth}.example"), others).await })
            })
            .collect();
        for check in &mut hang {
            assert!(check.as_mut().now_or_never().is_none());
        }
        let short = Trail::begin(Duration::from_millis(20));
        short.enter(Phase::Dns);
        let fault = resolver.addresses("healthy.example", &short).await.expect_err("no place");
        assert_eq!((fault.failure, short.phase()), (Failure::Local, None));
        assert!(
            fault.detail.contains("64 other names") && fault.detail.contains("`name_server`"),
            "{fault:?}"
        );

        let patient = trail();
        let mut check = Box::pin(resolver.addresses("healthy.example", &patient));
        assert!(check.as_mut().now_or_never().is_none());
        assert_eq!(patient.phase(), None);
        answer.send(Ok(vec![FOUND])).expect("it is waited for");
        assert_eq!(check.await, Ok(vec![FOUND]));
        assert_eq!(patient.phase(), Some(Phase::Dns));
    }

    #[tokio::test]
    async fn what_was_begun_before_a_check_and_failed_is_not_the_answer_to_it() {
        let Hanging { resolver, answer, asked } = hanging();
        let trail = trail();
        let servfail = Fault::new(Failure::Servfail, "as it was told to");
        let mut first = Box::pin(resolver.addresses("hangs.example", &trail));
        let mut second = Box::pin(resolver.addresses("hangs.example", &trail));
        assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
        answer.send(Err(servfail.clone())).expect("it is waited for");
        assert_eq!(first.await, Err(servfail));
        answer.send(Ok(vec![FOUND])).expect("it is waited for");
        assert_eq!(second.await, Ok(vec![FOUND]));
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_look_up_that_dies_is_local_and_leaves_nothing_behind() {
        let Hanging { resolver, asked, .. } = hanging();
        for times in 1..=2 {
            let fault = resolver.addresses("panics.example", &trail()).await.expect_err("it died");
            assert_eq!(fault.failure, Failure::Local);
            assert_eq!(asked.load(Ordering::SeqCst), times);
            assert!(resolver.lock().is_empty());
        }
        assert_eq!(resolver.places.available_permits(), PROBE_SYSTEM_LOOKUPS_MAX);
    }

    #[test]
    fn the_resolvers_words_have_the_contracts_words() {
        for (words, failure) in [
            ("failed to lookup address information: Name or service not known", Failure::Nxdomain),
            ("failed to lookup address information: Temporary failure in name resolution", Failure::Servfail),
            ("failed to lookup address information: No address associated with hostname", Failure::NoAnswer),
        ] {
            assert_eq!(unresolved(&io::Error::other(words), "accurx.example").failure, failure);
        }
    }
}
