//! Any sequence of what can happen, beside a model that is a set of numbers.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    /// So many; failing or not.
    Append(u64, bool),
    Sync,
    /// A part of what is there, in hundredths: from, how many.
    Acknowledge(usize, usize),
    /// In the middle of an operation soon, or at once.
    Cut {
        after: u64,
        power: bool,
        seed: u64,
    },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1_u64..30, any::<bool>()).prop_map(|(count, fails)| Step::Append(count, fails)),
        5 => Just(Step::Sync),
        2 => (0_usize..100, 1_usize..100).prop_map(|(from, count)| Step::Acknowledge(from, count)),
        2 => (0_u64..12, any::<bool>(), any::<u64>()).prop_map(|(after, power, seed)| Step::Cut { after, power, seed }),
        1 => Just(Step::Reopen),
    ]
}

/// What must be true.
#[derive(Default)]
struct Model {
    given: BTreeMap<u64, Observation>,
    highest: u64,
    /// Given since the spool was opened.
    fresh: Vec<u64>,
    durable: BTreeSet<u64>,
    acked: BTreeSet<u64>,
    /// Acknowledged since the last time that acknowledgements were certainly kept.
    unsure: BTreeSet<u64>,
    n: u64,
}

impl Model {
    fn append(&mut self, spool: &mut Spool, fails: bool) {
        let seen = if fails { samples::failing(self.n) } else { samples::routine(self.n) };
        self.n += 1;
        let seq = spool.append(seen.clone());
        assert!(seq > self.highest, "{seq} was given before");
        self.highest = seq;
        self.fresh.push(seq);
        self.given.insert(seq, Observation { seq: Some(seq), ..seen });
    }

    /// Compares, after the spool was opened.
    fn check(&mut self, spool: &mut Spool, thins: bool) {
        let there = everything(spool);
        assert!(there.windows(2).all(|two| two[0].seq < two[1].seq), "in order and once");
        let mut explained = 0;
        let mut present = BTreeSet::new();
        for record in &there {
            match &record.entry {
                Entry::Thinned(note) => explained += note.count,
                Entry::Seen(seen) => {
                    assert_eq!(self.given.get(&record.seq), Some(seen), "as it was appended");
                    present.insert(record.seq);
                }
            }
            assert!(!self.acked.contains(&record.seq), "{} is handed out again", record.seq);
            self.highest = self.highest.max(record.seq);
        }
        let missing = self.durable.iter().filter(|seq| !present.contains(seq));
        let missing = missing.filter(|seq| !self.acked.contains(seq) && !self.unsure.contains(seq));
        assert_eq!(missing.count() as u64, explained, "what is missing is explained");
        assert!(thins || explained == 0);
        // What survived without having been promised is there from now on.
        self.durable.extend(&present);
        self.unsure.retain(|seq| !present.contains(seq));
        self.acked.append(&mut self.unsure);
    }
}

fn play(steps: Vec<Step>, sizes: Sizes) {
    let thins = sizes.all < 1 << 20;
    let disk = Fake::default();
    let mut model = Model::default();
    let mut spool = open(&disk, sizes).0;
    for step in steps {
        let mut reopen = None;
        match step {
            Step::Append(count, fails) => {
                (0..count).for_each(|_| model.append(&mut spool, fails));
                // What waits must fit: a spool in which nothing fits lets go of whole segments.
                if thins && spool.queue.records.len() > 40 {
                    spool.sync(NOW);
                    model.durable.extend(&model.fresh);
                }
            }
            Step::Sync => {
                spool.sync(NOW);
                model.durable.extend(&model.fresh);
                assert!(!spool.is_dirty());
            }
            Step::Acknowledge(from, count) if !thins => {
                let there = everything(&mut spool);
                let from = there.len() * from / 100;
                for record in there.iter().skip(from).take(count) {
                    spool.acknowledge(record.seq..=record.seq);
                    model.unsure.insert(record.seq);
                }
            }
            Step::Acknowledge(..) => {}
            Step::Cut { after, power, seed } => {
                let now = disk.world().operations;
                disk.world().stops_at = Some(now + after + 1);
                let before = spool.sendable();
                spool.sync(NOW);
                // What was durable before stays so; of the rest it isn't certain.
                model.durable.extend(model.fresh.iter().filter(|seq| **seq <= before));
                reopen = Some(power.then_some(seed));
            }
            Step::Reopen => reopen = Some(None),
        }
        if let Some(power) = reopen {
            drop(spool);
            match power {
                Some(seed) => disk.world().power_cut(seed),
                None => disk.world().killed(),
            }
            let (again, opened) = open(&disk, sizes);
            spool = again;
            model.fresh.clear();
            assert_eq!(opened.lost, 0, "{opened:?}");
            model.check(&mut spool, thins);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_was_durable_is_there_once_and_in_order(steps in proptest::collection::vec(step(), 1..60)) {
        play(steps, SMALL);
    }

    #[test]
    fn and_what_was_thinned_is_explained(steps in proptest::collection::vec(step(), 1..60)) {
        play(steps, Sizes { all: 26 * 1024, segment: 4096, ballast: 512, memory: 1 << 20 });
    }
}
