//! A batch on its way to the disk while something else happens.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::correlate::Correlator;
use crate::hub::ledger::Ledger;
use crate::hub::ledger::tests::estate;

const NOW: At = At::from_millis(1_773_644_400_000);

#[tokio::test]
async fn what_was_being_taken_in_when_its_agent_was_revoked_comes_before_the_goodbye_and_nothing_after_it() {
    let (keeper, mut jobs) = mpsc::channel(4);
    let (reports, mut reported) = mpsc::channel(16);
    let (none, nowhere) = (BTreeMap::new(), PathBuf::from("/dev/null/archive"));
    let intake = Intake::new(Vec::new(), &none, BTreeMap::new(), (keeper, nowhere), reports.downgrade());
    let estate = Arc::new(estate(&["G82002"], &["web"]));
    let practice = estate.practices[0].id.clone();
    let picture = Arc::new(Correlator::new(estate.clone()).picture());
    let view = View::new(estate.clone(), picture, Arc::new(Ledger::new(&estate)), 0);
    let agent = "0123456789ab".to_owned();
    let who = Who { agent: agent.clone(), practice: practice.clone(), rotate: false, enrolled: NOW };
    let (is_good, state) = (AtomicBool::new(true), State::default());
    let send = async |seq: u64| {
        let record = Record { seq, entry: Entry::Seen(blank(NOW, &practice, "web")) };
        let is_let_in = |_: &str| is_good.load(Ordering::Relaxed);
        intake.take((&who, "s", &state), vec![record], (is_let_in, is_let_in), &view, NOW).await
    };
    let mut first = std::pin::pin!(send(1));
    let job = tokio::select! {
        taken = &mut first => panic!("taken before it is on the disk: {taken:?}"),
        job = jobs.recv() => job.expect("a batch for the disk"),
    };
    // Its agent is revoked, with another batch of it waiting behind the first.
    let mut second = std::pin::pin!(send(2));
    assert!(futures::poll!(&mut second).is_pending());
    is_good.store(false, Ordering::Relaxed);
    let agents = [agent];
    let mut parting = std::pin::pin!(intake.part(&practice, &agents, &view, NOW));
    assert!(futures::poll!(&mut parting).is_pending() && reported.try_recv().is_err());
    job.done.expect("it is waited for").send(Ok(())).expect("still");
    assert_eq!(first.await.expect("it was good when it came").fresh, 1);
    let refused = second.await.expect_err("revoked");
    assert_eq!(refused.reason(), "revoked");
    assert!(parting.await);
    let heard: Vec<String> =
        std::iter::from_fn(|| reported.try_recv().ok()).map(|it| it.seen.probe).collect();
    assert_eq!(heard, ["web", BYE]);
}
