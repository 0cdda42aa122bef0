//! An agent that was cut off for five days, beside a twin that never was: in the end both hubs' archives say the same.

use linewatch::agent::spool::{Settings, Spool};
use linewatch::agent::uplink::cursor::Cursor;
use linewatch::agent::workers::blank;
use linewatch::observation::{Failure, Observation, Phase};
use linewatch::segments::Record;
use linewatch::time::At;
use linewatch::uplink::ranges::Ranges;
use linewatch::world::dice::mix;

use crate::refusals::Stranger;
use crate::stage::{Stage, config_text, url};

const CHECKS: u64 = 6;
const EVERY_MS: u64 = 120_000;
const DAY: u64 = CHECKS * 86_400_000 / EVERY_MS;
const PRACTICE: &str = "G82003";

/// The `n`th of a practice's observations: an ordinary line, of which one check fails for hours now and then.
fn seen(begun: At, n: u64) -> Observation {
    let (probe, round) = (n % CHECKS, n / CHECKS);
    let at = begun.plus_millis((n * (EVERY_MS / CHECKS) + mix(n, 1) % 500).cast_signed());
    let mut seen = blank(at, PRACTICE, &format!("web-{probe}"));
    seen.ok = !mix(probe, round / 180).is_multiple_of(7);
    seen.ms = (mix(n, 2) % 90_000) as f64 / 1000.0;
    seen.phases_ms.set(Phase::Connect, seen.ms / 2.0);
    if !seen.ok {
        (seen.failure, seen.phase) = (Some(Failure::Timeout), Some(Phase::Connect));
        seen.detail = Some(format!("no answer from 192.0.2.{probe}:443 within 5 s"));
    }
    seen
}

/// An agent with a spool of its own and the sender's own rules of what goes next; its clock is the test's.
struct Twin {
    stage: Stage,
    spool: Spool,
    uplink: Stranger,
    cursor: Cursor,
}

impl Twin {
    async fn new(hub_at: &str, stage: Stage, begun: At) -> Self {
        let uplink = Stranger::enrolled(&stage, hub_at, PRACTICE).await;
        let (spool, _) = Spool::open(&stage.data(), Settings::default(), begun).unwrap();
        let cursor = Cursor::new(spool.sendable());
        Self { stage, spool, uplink, cursor }
    }

    fn ask(&mut self, begun: At, n: u64) {
        let one = seen(begun, n);
        let now = one.at;
        self.spool.append(one);
        if n % CHECKS == CHECKS - 1 {
            self.spool.sync(now);
        }
    }

    async fn send(&mut self, batch: &[Record]) {
        let (status, answer) = self.uplink.send(batch).await;
        assert_eq!(status, 200, "{answer}");
        let acked: Ranges = serde_json::from_value(answer["acked"].clone()).unwrap();
        acked.iter().for_each(|(first, last)| self.spool.acknowledge(first..=last));
    }

    /// What is new and then the backlog, in turn, until the hub has all.
    async fn deliver(&mut self) {
        loop {
            let new = self.spool.live(self.cursor.live(), 1_000, usize::MAX);
            if let Some(last) = new.last() {
                self.send(&new).await;
                self.cursor.sent_live(last.seq);
            }
            let (after, to) = self.cursor.back();
            let backlog = self.spool.backlog(after, to, 1_000, usize::MAX);
            self.cursor.sent_back(backlog.last().map(|record| record.seq));
            if !backlog.is_empty() {
                self.send(&backlog).await;
            } else if new.is_empty() && self.spool.backlog(0, u64::MAX, 1, usize::MAX).is_empty() {
                return;
            }
        }
    }

    /// What its hub has in the end, apart from who reported it; and when it came.
    fn archived(&self) -> (Vec<Observation>, Vec<i64>) {
        let kept = self.stage.archived(Some(PRACTICE));
        let late = kept.iter().map(|seen| seen.arrival().millis_since(seen.at)).collect();
        let mut plain: Vec<Observation> = kept
            .into_iter()
            .map(|seen| Observation { received: None, agent: None, seq: None, ..seen })
            .collect();
        plain.sort_by(|a, b| (a.at, &a.probe).cmp(&(b.at, &b.probe)));
        (plain, late)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_days_without_a_hub_leave_no_trace_in_the_archive() {
    let begun = linewatch::agent::clock::now().plus_millis(-6 * 86_400_000);
    let config = config_text("127.0.0.1:0", usize::try_from(CHECKS).unwrap(), "127.0.0.1:9");
    let (stage, other) = (Stage::new(&config), Stage::new(&config));
    let (hub, other_hub) = (stage.hub().await, other.hub().await);
    let mut uncut = Twin::new(&url(hub.address), stage, begun).await;
    let mut cut = Twin::new(&url(other_hub.address), other, begun).await;
    // Half a day on the line, five days of which one of them has none, and some hours more.
    let (from, until, all) = (DAY / 2, DAY / 2 + 5 * DAY, DAY * 23 / 4);
    for n in 0..all {
        uncut.ask(begun, n);
        cut.ask(begun, n);
        // As often as an agent that reports most of a day at a time: some thirty batches in all, which it may send at once.
        if (n + 1) % 4_000 == 0 {
            uncut.deliver().await;
            if !(from..until).contains(&n) {
                if cut.spool.status().records > DAY {
                    // What a sender does when the hub answers again.
                    cut.cursor.resume(cut.spool.sendable());
                }
                cut.deliver().await;
            }
        }
    }
    for twin in [&mut uncut, &mut cut] {
        twin.spool.sync(begun);
        twin.deliver().await;
        assert_eq!((twin.spool.status().thinned, twin.spool.status().lost), (0, 0));
    }
    hub.stop().await;
    other_hub.stop().await;
    let ((whole, _), (patched, late)) = (uncut.archived(), cut.archived());
    let expected: Vec<Observation> = {
        let mut all: Vec<Observation> = (0..all).map(|n| seen(begun, n)).collect();
        all.sort_by(|a, b| (a.at, &a.probe).cmp(&(b.at, &b.probe)));
        all
    };
    assert_eq!((whole.len(), patched.len()), (expected.len(), expected.len()));
    assert!(whole == expected, "the twin's archive says what was seen");
    assert!(patched == whole, "and so does that of the one that was cut off");
    assert!(late.iter().all(|late_ms| *late_ms > 0), "both times are kept");
    let changes = async |twin: &Twin, probe: &str| {
        let (store, _) = twin.stage.kept().await;
        crate::script::changes(store.transitions_of(PRACTICE, probe).await.unwrap())
    };
    for probe in 0..CHECKS {
        let probe = format!("web-{probe}");
        assert_eq!(changes(&cut, &probe).await, changes(&uncut, &probe).await, "{probe}");
    }
}
