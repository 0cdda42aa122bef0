//! What is asked again, when, and how often, told by what becomes due.

use super::*;
use crate::agent::schedule::tests::estate;
use crate::estate::PracticeIx;
use crate::limits::{LATE_ANSWERS_MIN, REASK_COUNTED_BY};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

const NOW: At = At::from_millis(1_700_000_000_123);
const FIRST: Vantage = Vantage::Practice(PracticeIx(0));
const SECOND: Vantage = Vantage::Practice(PracticeIx(1));
const PROBE: ProbeIx = ProbeIx(0);

fn reasks(practices: usize, every: &[u64]) -> Reasks {
    Reasks::new(Arc::new(estate(practices, every)), &ScheduleSettings::default())
}

/// The same with checks that may take five seconds.
fn patient(practices: usize, every: &[u64]) -> Reasks {
    let mut estate = estate(practices, every);
    estate.probes.iter_mut().for_each(|probe| probe.timeout = Duration::from_secs(5));
    Reasks::new(Arc::new(estate), &ScheduleSettings::default())
}

impl Reasks {
    fn fails(&mut self, from: Vantage, probe: ProbeIx, now: At) {
        self.seen(from, probe, Fared::Badly, now);
    }

    fn answers(&mut self, from: Vantage, probe: ProbeIx, now: At) {
        self.seen(from, probe, Fared::Well, now);
    }

    /// All that is asked again until `until`, where every answer comes at once.
    fn play(&mut self, until: At, is_ok: impl Fn(Vantage, ProbeIx, At) -> bool) -> Vec<(At, Key)> {
        let mut asked = Vec::new();
        while let Some(now) = self.next_due().filter(|due| *due <= until) {
            while let Some(Again { from, probe, .. }) = self.take(now, |_, _, _| Way::Free) {
                asked.push((now, (probe, from)));
                if is_ok(from, probe, now) {
                    self.answers(from, probe, now);
                } else {
                    self.fails(from, probe, now);
                }
            }
        }
        asked
    }

    /// Just after this check's turn in the schedule, so that the next is a whole interval away.
    fn after_slot(&self, from: Vantage, probe: ProbeIx) -> At {
        slot(&self.estate, (probe, from), NOW).plus_millis(1)
    }
}

fn waits(begin: At, asked: &[(At, Key)]) -> Vec<i64> {
    let times: Vec<At> = std::iter::once(begin).chain(asked.iter().map(|(at, _)| *at)).collect();
    times.windows(2).map(|pair| pair[1].millis_since(pair[0])).collect()
}

#[test]
fn a_first_failure_is_asked_again_within_a_second_and_then_less_and_less_until_it_is_down() {
    let mut reasks = reasks(1, &[60]);
    let begin = reasks.after_slot(FIRST, PROBE);
    reasks.fails(FIRST, PROBE, begin);
    let asked = reasks.play(begin.plus_millis(55_000), |_, _, _| false);
    let waits = waits(begin, &asked);
    assert_eq!(waits.len(), usize::from(REASK_DOWN_AFTER) - 1, "{waits:?}");
    assert!((200..1_000).contains(&waits[0]), "{waits:?}");
    assert_eq!((waits[1], waits[2]), (waits[0] * 2, waits[0] * 4));
    // It goes on failing: that is no news.
    reasks.fails(FIRST, PROBE, begin.plus_millis(60_000));
    assert_eq!(reasks.next_due(), None);
}

#[test]
fn one_lost_packet_costs_two_askings_and_is_forgotten() {
    let mut reasks = reasks(1, &[60]);
    let begin = reasks.after_slot(FIRST, PROBE);
    reasks.fails(FIRST, PROBE, begin);
    assert_eq!(reasks.play(begin.plus_millis(55_000), |_, _, _| true).len(), 2);
    assert!(reasks.entries.is_empty() && reasks.due.is_empty());
}

#[test]
fn what_is_fine_or_this_machines_own_fault_is_never_asked_again() {
    let mut reasks = reasks(1, &[60]);
    reasks.answers(FIRST, PROBE, NOW);
    reasks.seen(FIRST, PROBE, Fared::of(false, Some(Failure::Local)), NOW);
    assert!(reasks.entries.is_empty() && reasks.next_due().is_none());
    let off = ScheduleSettings { reask: false, ..ScheduleSettings::default() };
    let mut off = Reasks::new(Arc::new(estate(1, &[60])), &off);
    off.fails(FIRST, PROBE, NOW);
    assert!(off.next_due().is_none() && off.per_second_max() == 0.0);
}

#[test]
fn a_line_that_is_never_settled_is_asked_a_few_times_an_interval_and_no_more() {
    let mut reasks = reasks(1, &[60]);
    let begin = reasks.after_slot(FIRST, PROBE);
    reasks.fails(FIRST, PROBE, begin);
    let mut answers = [true, false].into_iter().cycle();
    let mut asked = 0;
    while let Some(now) = reasks.next_due() {
        let Some(Again { from, probe, .. }) = reasks.take(now, |_, _, _| Way::Free) else { continue };
        asked += 1;
        reasks.seen(from, probe, Fared::of(answers.next().unwrap(), None), now);
    }
    assert_eq!(asked, REASK_TRIES_MAX);
}

#[test]
fn the_schedules_own_turn_takes_the_place_of_asking_again() {
    let mut reasks = reasks(1, &[10]);
    let begin = reasks.after_slot(FIRST, PROBE);
    reasks.fails(FIRST, PROBE, begin);
    reasks.begun(FIRST, PROBE, begin);
    assert_eq!(reasks.next_due(), None);
    // 1.2 s before its turn, asking again soon would be no sooner.
    let late = begin.plus_millis(8_800);
    reasks.fails(FIRST, PROBE, late);
    assert_eq!(reasks.play(begin.plus_millis(9_998), |_, _, _| false), Vec::new());
}

#[test]
fn it_is_not_asked_while_it_is_being_asked() {
    let mut reasks = reasks(1, &[60]);
    let begin = reasks.after_slot(FIRST, PROBE);
    reasks.fails(FIRST, PROBE, begin);
    let now = begin.plus_millis(1_000);
    assert_eq!(reasks.take(now, |_, _, _| Way::From(now.plus_millis(200))), None);
    assert_eq!(reasks.take(now.plus_millis(200), |_, _, _| Way::Taken), None);
    assert_eq!(reasks.next_due(), None, "its result will say what comes next");
}

#[test]
fn the_first_of_a_practice_to_fail_has_its_neighbours_asked_once() {
    let mut reasks = reasks(2, &[60, 60, 60]);
    let begin = reasks.after_slot(FIRST, PROBE);
    reasks.fails(FIRST, PROBE, begin);
    let asked = reasks.play(begin.plus_millis(30_000), |from, probe, _| (from, probe) != (FIRST, PROBE));
    let of_others = asked.iter().filter(|(_, key)| key.0 != PROBE).count();
    assert_eq!(of_others, 2, "each other check of this practice, once: {asked:?}");
    assert!(asked.iter().all(|(_, (_, from))| *from == FIRST), "{asked:?}");
    assert_eq!(reasks.entries.len(), 1, "those that are fine are forgotten");
}

/// Everything is down and settled, the last of it just now.
fn down(practices: usize) -> (Reasks, At) {
    let mut reasks = reasks(practices, &[60]);
    for row in 0..practices {
        for n in 0..i64::from(REASK_DOWN_AFTER) {
            let from = Vantage::Practice(PracticeIx::new(row));
            reasks.fails(from, PROBE, NOW.plus_millis(n * 60_000));
            reasks.begun(from, PROBE, NOW.plus_millis(n * 60_000));
        }
    }
    assert_eq!(reasks.next_due(), None);
    let now = reasks.after_slot(FIRST, PROBE).plus_millis(600_000);
    (reasks, now)
}

#[test]
fn when_one_is_back_the_others_of_its_probe_are_asked_before_their_turn() {
    let (mut reasks, now) = down(20);
    reasks.answers(FIRST, PROBE, now);
    let asked = reasks.play(now.plus_millis(15_000), |_, _, _| true);
    let askers: BTreeSet<Vantage> = asked.iter().map(|(_, (_, from))| *from).collect();
    assert!(askers.len() > 8, "as many as its target may get at once, and then at its rate: {askers:?}");
    assert!(
        asked.iter().any(|(at, key)| key.1 == FIRST && at.millis_since(now) < 1_000),
        "is it really back?"
    );
}

#[test]
fn a_line_that_comes_and_goes_does_not_have_all_others_asked_each_time() {
    let (mut reasks, now) = down(20);
    let mut asked = 0;
    for n in 0..10 {
        reasks.answers(FIRST, PROBE, now.plus_millis(n * 1_000));
        reasks.answers(FIRST, PROBE, now.plus_millis(n * 1_000));
        reasks.fails(FIRST, PROBE, now.plus_millis(n * 1_000 + 1));
        reasks.fails(FIRST, PROBE, now.plus_millis(n * 1_000 + 2));
        let until = now.plus_millis(n * 1_000 + 999);
        asked += reasks.play(until, |_, _, _| false).iter().filter(|(_, key)| key.1 == SECOND).count();
    }
    assert!(asked <= 1, "{asked}");
}

#[test]
fn when_the_clock_was_set_all_is_forgotten() {
    let (mut reasks, now) = down(3);
    reasks.answers(FIRST, PROBE, now);
    reasks.forget();
    assert!(reasks.next_due().is_none() && reasks.entries.is_empty());
}

#[test]
fn a_county_that_falls_at_once_is_asked_again_at_a_bounded_rate_and_not_in_step() {
    // 175 practices and the hub ask 5.9 a second.
    let mut reasks = reasks(175, &[30]);
    for row in 0..175 {
        reasks.fails(Vantage::Practice(PracticeIx::new(row)), PROBE, NOW);
    }
    let max = reasks.per_second_max();
    assert!((max - 4.0).abs() < 1e-9, "{max}");
    let asked = reasks.play(NOW.plus_millis(30_000), |_, _, _| false);
    let mut by_second = [0_u32; 31];
    for (at, _) in &asked {
        by_second[usize::try_from(at.millis_since(NOW) / 1_000).unwrap()] += 1;
    }
    let burst = max * REASK_COUNTED_BY.as_secs_f64();
    assert!(by_second.iter().all(|count| f64::from(*count) <= max + burst + 1.0), "{by_second:?}");
    // Of 4 a second some are given up for the schedule's turn when nobody can have their place any more.
    assert!((80..=150).contains(&asked.len()), "and the room is used: {}", asked.len());
    let counts = reasks.counts();
    assert!(counts.put_off > 0 && counts.given_up > 0, "{counts:?}");
}

/// Both checks of one practice, each known to take 20 ms, and the first of them asked just now.
fn first_under_way() -> (Reasks, At) {
    let mut reasks = patient(1, &[60, 60]);
    for probe in [ProbeIx(0), ProbeIx(1)] {
        for _ in 0..LATE_ANSWERS_MIN {
            reasks.ended(FIRST, probe, Ended { fared: Fared::Well, ms: 20.0, reask: false }, NOW);
        }
    }
    let begin = reasks.after_slot(FIRST, PROBE).max(reasks.after_slot(FIRST, ProbeIx(1)));
    reasks.begun(FIRST, PROBE, begin);
    (reasks, begin)
}

/// All that is asked until then; whether each was asked because it was late.
fn asked_until(reasks: &mut Reasks, until: At) -> Vec<(At, ProbeIx, bool)> {
    let mut asked = Vec::new();
    while let Some(now) = reasks.next_due().filter(|due| *due <= until) {
        let mut late = false;
        let taken = reasks.take(now, |_, _, is_late| {
            late = is_late;
            Way::Free
        });
        asked.extend(taken.map(|again| (now, again.probe, late)));
    }
    asked
}

#[test]
fn a_check_that_is_late_is_asked_beside_itself_and_its_practices_others_soon_after() {
    let (mut reasks, begin) = first_under_way();
    let asked = asked_until(&mut reasks, begin.plus_millis(4_999));
    let [(first, PROBE, true), (other, ProbeIx(1), false)] = asked[..] else { panic!("{asked:?}") };
    assert_eq!(first.millis_since(begin), 500);
    assert!((200..1_000).contains(&other.millis_since(first)), "{other:?}");
    assert_eq!(reasks.counts().early, 1);
}

#[test]
fn when_the_second_asking_is_answered_the_first_ones_failure_is_no_news() {
    let (mut reasks, begin) = first_under_way();
    asked_until(&mut reasks, begin.plus_millis(2_000));
    let ended = |fared, reask| Ended { fared, ms: 20.0, reask };
    reasks.ended(FIRST, ProbeIx(1), ended(Fared::Well, true), begin.plus_millis(1_500));
    reasks.ended(FIRST, PROBE, ended(Fared::Well, true), begin.plus_millis(520));
    reasks.ended(FIRST, PROBE, ended(Fared::Badly, false), begin.plus_millis(5_000));
    assert!(reasks.entries.is_empty() && reasks.next_due().is_none(), "{:?}", reasks.entries);
}

#[test]
fn what_is_known_to_fail_is_not_asked_early() {
    let (mut reasks, begin) = first_under_way();
    for n in 0..i64::from(REASK_DOWN_AFTER) {
        reasks.fails(FIRST, PROBE, begin.plus_millis(n));
    }
    reasks.begun(FIRST, PROBE, begin.plus_millis(60_000));
    let asked = asked_until(&mut reasks, begin.plus_millis(64_000));
    assert!(asked.iter().all(|(_, _, late)| !late), "{asked:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(3), ..ProptestConfig::default() })]

    /// Whatever comes, in whatever order: what is kept is bounded and consistent, and the rate holds.
    #[test]
    fn it_keeps_its_books_whatever_comes(
        steps in proptest::collection::vec((0_u32..4, 0_u32..3, 0_u8..5, 0_i64..3_000), 1..400)
    ) {
        let mut reasks = patient(3, &[10, 30, 60]);
        let (mut now, mut asked) = (NOW, 0_u32);
        for (row, probe, what, gone_ms) in steps {
            now = now.plus_millis(gone_ms);
            let from = if row == 3 { Vantage::Hub } else { Vantage::Practice(PracticeIx(row)) };
            match what {
                0 => reasks.answers(from, ProbeIx(probe), now),
                1 => reasks.fails(from, ProbeIx(probe), now),
                2 => reasks.begun(from, ProbeIx(probe), now),
                3 => {
                    let ended = Ended { fared: Fared::Well, ms: 20.0, reask: gone_ms % 2 == 0 };
                    reasks.ended(from, ProbeIx(probe), ended, now);
                }
                _ => while reasks.take(now, |from, _, _| if from == Vantage::Hub { Way::Taken } else { Way::Free }).is_some() {
                    asked += 1;
                },
            }
            prop_assert!(reasks.entries.len() <= 12);
            let due: BTreeSet<(At, Key)> =
                reasks.entries.iter().filter_map(|(key, entry)| entry.due.map(|at| (at, *key))).collect();
            prop_assert_eq!(&due, &reasks.due);
            prop_assert!(reasks.entries.values().all(|entry| entry.due.is_some() || entry.place.is_none()));
        }
        let seconds = now.millis_since(NOW) as f64 / 1_000.0;
        prop_assert!(f64::from(asked) <= reasks.per_second_max() * (seconds + REASK_COUNTED_BY.as_secs_f64()) + 1.0);
    }
}
