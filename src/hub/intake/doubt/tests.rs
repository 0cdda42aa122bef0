//! What comes under one number from several processes, in whatever order.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::agent::workers::blank;
use crate::hub::intake::spool::Spool;
use crate::segments::volume::{Unread, each};
use crate::segments::{Thinned, What};

const NOW: At = At::from_millis(1_773_644_400_000);

/// What was seen at a second, and took so long.
fn record(seq: u64, second: i64, ms: f64) -> Record {
    let seen = Observation {
        ms,
        seq: Some(seq),
        agent: Some("agent".to_owned()),
        ..blank(NOW.plus_millis(second * 1_000), "G82002", "web")
    };
    Record { seq, entry: Entry::Seen(seen) }
}

fn agents() -> BTreeSet<String> {
    ["agent".to_owned()].into()
}

#[test]
fn the_same_is_had_and_what_differs_or_is_of_another_time_or_agent_is_not() {
    let within = i64::try_from(AGAIN_WITHIN.as_secs()).expect("short");
    let thinned = |count: u64| {
        let (practice, probe) = ("G82002".to_owned(), "web".to_owned());
        Record {
            seq: 5,
            entry: Entry::Thinned(Thinned {
                practice,
                probe,
                from: NOW,
                to: NOW,
                count,
                what: What::Successes,
            }),
        }
    };
    let kept =
        || [record(1, 0, 7.25), record(2, 0, 7.25), record(3, 0, 7.25), record(4, 0, 7.25), thinned(9)];
    let had = |sent: &[Record], of: &BTreeSet<String>| {
        had(kept().into_iter().map(Ok), of, sent).expect("no disk").to_string()
    };
    let sent = [
        record(1, within - 1, 7.25),
        record(2, within, 7.25),
        record(3, 0, 7.5),
        record(4, 0, 7.25),
        thinned(9),
    ];
    assert_eq!(had(&sent, &agents()), "1-1,4-5");
    assert_eq!(had(&sent[..4], &["other".to_owned()].into()), "");
    assert_eq!(had(&[thinned(8)], &agents()), "");
    // Nobody's detail, path or way here tells two apart, as those may have been cut or be another's.
    let mut other = record(1, 0, 7.25);
    if let Entry::Seen(seen) = &mut other.entry {
        (seen.detail, seen.uplink, seen.received) = (Some("cut".to_owned()), None, Some(NOW));
    }
    assert_eq!(had(&[other], &agents()), "1-1");
}

#[test]
fn of_what_came_last_a_bounded_number_is_remembered() {
    let mut recent = Recent::default();
    let all: Vec<Record> = (0..3 * RECENT_PRINTS as u64).map(|seq| record(seq, 0, 1.5)).collect();
    for batch in all.chunks(RECENT_PRINTS / 2 + 1) {
        recent.extend(&batch.iter().map(Print::of).collect::<Vec<_>>());
    }
    let known: Vec<u64> = all.iter().filter(|one| recent.has(one)).map(|one| one.seq).collect();
    assert_eq!(known, (2 * RECENT_PRINTS as u64..3 * RECENT_PRINTS as u64).collect::<Vec<_>>());
    assert!(
        !recent.has(&record(3 * RECENT_PRINTS as u64 - 1, 0, 2.5)),
        "the same number, another observation"
    );
}

/// A process with its folder.
#[derive(Clone)]
struct Process {
    id: String,
    next: u64,
    reserved: u64,
    /// What wasn't acknowledged, as it knows, and as its folder says.
    waiting: Vec<Record>,
    written: Vec<Record>,
}

impl Process {
    /// Started from a folder: what another left, or a copy of what it still has.
    fn from(other: &Self, id: usize) -> Self {
        let waiting = other.written.clone();
        let next = other.reserved;
        Self { id: format!("p{id}"), next, reserved: next + 8, written: waiting.clone(), waiting }
    }

    fn see(&mut self, nth: usize) {
        if self.next >= self.reserved {
            self.reserved += 8;
        }
        let one = record(self.next, i64::try_from(nth).expect("few"), nth as f64);
        self.next += 1;
        self.waiting.push(one.clone());
        self.written.push(one);
    }
}

/// The hub's side: a spool, and an archive.
#[derive(Default)]
struct Hub {
    spool: Spool,
    archive: Vec<Record>,
    handed_on: usize,
    looks: usize,
}

impl Hub {
    fn take(&mut self, process: &str, batch: &[Record], floor: u64) -> Ranges {
        self.spool.is_of("agent", process);
        let doubtful = self.spool.doubtful(batch);
        self.looks += usize::from(!doubtful.is_empty());
        let had = had(self.archive.iter().cloned().map(Ok), &agents(), &doubtful).expect("no disk");
        self.spool.had(&had);
        let plan =
            self.spool.plan(batch.to_vec(), floor, Duration::from_secs(30), |_| true).expect("few gaps");
        assert_eq!(each(&plan.frames, None, |record| self.archive.push(record)), Unread::default());
        self.handed_on += plan.fresh.len();
        self.spool.keep(&plan);
        self.spool.take(&plan);
        self.spool.acked(&plan)
    }

    fn restart(&mut self) {
        let spool = std::mem::take(&mut self.spool);
        self.spool = Spool::new(spool.kept().clone(), spool.own().clone(), 0);
    }
}

proptest! {
    /// Processes see, report, lose answers, forget acknowledgements, end and start again, or are copied and run one beside the other or one
    /// after the other; and the hub is started again in between. What anybody saw is there once.
    #[test]
    fn whatever_any_of_them_saw_is_kept_and_handed_on_once(
        deeds in prop::collection::vec((0_u8..16, any::<u8>(), 1_usize..12), 1..120),
    ) {
        let mut hub = Hub::default();
        let first = Process { id: "p".to_owned(), next: 1, reserved: 9, waiting: Vec::new(), written: Vec::new() };
        let (mut running, mut ended) = (vec![first], Vec::<Process>::new());
        let (mut seen, mut started) = (0, 0);
        let report = |hub: &mut Hub, process: &mut Process, from: usize, many: usize, is_lost: bool| {
            let from = from % process.waiting.len().max(1);
            let batch: Vec<Record> = process.waiting.iter().skip(from).take(many).cloned().collect();
            let floor = process.waiting.first().map_or(process.next, |one| one.seq);
            let acked = hub.take(&process.id, &batch, floor);
            if !is_lost {
                process.waiting.retain(|one| !acked.contains(one.seq));
            }
        };
        for (deed, which, many) in deeds {
            let place = usize::from(which) % running.len();
            match deed {
                0..=4 => for _ in 0..many {
                    seen += 1;
                    running[place].see(seen);
                },
                5..=8 => report(&mut hub, &mut running[place], 0, many, false),
                9 => report(&mut hub, &mut running[place], usize::from(which), many, true),
                10 => running[place].written = running[place].waiting.clone(),
                11 => hub.restart(),
                // Killed and started again.
                12 => {
                    started += 1;
                    running[place] = Process::from(&running[place], started);
                }
                // Copied, while it runs.
                13 if running.len() < 3 => {
                    started += 1;
                    running.push(Process::from(&running[place], started));
                }
                // Ended, and its folder put aside.
                14 if running.len() > 1 => ended.push(running.remove(place)),
                // What was put aside is started, and perhaps again from the same folder later.
                _ => if let Some(folder) = ended.last() {
                    started += 1;
                    running.push(Process::from(folder, started));
                },
            }
        }
        running.extend(ended);
        for mut process in running {
            while !process.waiting.is_empty() {
                report(&mut hub, &mut process, 0, 7, false);
            }
        }
        let mut kept: Vec<i64> = hub.archive.iter().map(|one| one.at().millis_since(NOW) / 1_000).collect();
        kept.sort_unstable();
        let all: Vec<i64> = (1..=i64::try_from(seen).expect("few")).collect();
        prop_assert_eq!(kept, all);
        prop_assert_eq!(hub.handed_on, seen);
    }

    /// Who is alone with its folder costs no look into the archive, however often the hub is started again.
    #[test]
    fn one_that_was_never_copied_nor_killed_is_known_by_its_numbers(
        deeds in prop::collection::vec((0_u8..4, 1_usize..12), 1..60),
    ) {
        let mut hub = Hub::default();
        let mut process =
            Process { id: "p".to_owned(), next: 1, reserved: 9, waiting: Vec::new(), written: Vec::new() };
        let mut seen = 0;
        for (deed, many) in deeds {
            let batch: Vec<Record> = process.waiting.iter().take(many).cloned().collect();
            let floor = process.waiting.first().map_or(process.next, |one| one.seq);
            match deed {
                0 | 1 => for _ in 0..many {
                    seen += 1;
                    process.see(seen);
                },
                2 => hub.restart(),
                _ => {
                    hub.take("p", &batch, floor);
                    // Its answer got lost, and it says so much again.
                    let acked = hub.take("p", &batch, floor);
                    process.waiting.retain(|one| !acked.contains(one.seq));
                }
            }
        }
        prop_assert_eq!(hub.looks, 0);
    }
}
