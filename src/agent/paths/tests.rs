//! What is traced when, and that its bounds hold.

use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::observation::{Hop, Stopped};
use crate::probe::path::{End, Way};

const START: At = At::from_millis(1_700_000_000_000);

type Book = Paths<u32, u32>;

fn trace(end: End) -> Trace {
    let target = IpAddr::from([10, 9, 0, 2]);
    let hops = vec![Hop { ttl: 1, address: Some(target), ms: Some(1.0) }];
    Trace { way: Way::Tcp, target, port_of_many: None, hops, end }
}

fn judged(trace: &Trace, good: Option<&Trace>) -> PathSeen {
    let sentence = if good.is_some() { "beside a good one" } else { "alone" };
    PathSeen { hops: trace.hops.clone(), last: None, stopped: Stopped::Silent, sentence: sentence.to_owned() }
}

fn at(seconds: u64) -> At {
    START + Duration::from_secs(seconds)
}

#[test]
fn the_first_failure_is_traced_and_found_beside_the_good_path() {
    let mut book = Book::default();
    assert!(book.seen(1, 1, Fared::Fine, 0, at(0)), "a good path, soon after the start");
    book.traced(&1, trace(End::Reached), judged);
    assert!(!book.seen(1, 1, Fared::Fine, 0, at(30)), "then about hourly");
    assert!(book.seen(1, 1, Fared::CutOff, 0, at(60)));
    assert!(!book.seen(1, 1, Fared::CutOff, 0, at(61)), "one at a time");
    assert_eq!(book.take(&1), None);
    book.traced(&1, trace(End::Silent), judged);
    assert_eq!(book.take(&1).map(|found| found.sentence).as_deref(), Some("beside a good one"));
    assert_eq!(book.take(&1), None, "once");
    assert!(!book.seen(1, 1, Fared::CutOff, 0, at(90)));
    assert!(book.seen(1, 1, Fared::CutOff, 0, at(60) + PATH_AGAIN_AFTER), "and again while it lasts");
}

#[test]
fn a_bad_path_is_never_kept_for_a_good_one() {
    let mut book = Book::default();
    assert!(book.seen(1, 1, Fared::Fine, 0, at(0)));
    book.traced(&1, trace(End::Silent), judged);
    assert!(book.seen(1, 1, Fared::CutOff, 0, at(60)));
    book.traced(&1, trace(End::Silent), judged);
    assert_eq!(book.take(&1).map(|found| found.sentence).as_deref(), Some("alone"));
}

#[test]
fn what_was_found_is_dropped_when_the_check_is_fine_again() {
    let mut book = Book::default();
    assert!(book.seen(1, 1, Fared::CutOff, 0, at(0)));
    book.traced(&1, trace(End::Silent), judged);
    book.seen(1, 1, Fared::Fine, 7, at(10));
    assert_eq!(book.take(&1), None);
    // A trace that began while it failed and ended when it was fine again is one of a good path, if it reached.
    assert!(book.seen(1, 1, Fared::CutOff, 7, at(20)));
    book.seen(1, 1, Fared::Fine, 7, at(21));
    book.traced(&1, trace(End::Reached), judged);
    assert_eq!(book.take(&1), None);
}

#[test]
fn an_answer_that_is_wrong_has_no_path_to_explain_it() {
    let mut book = Book::default();
    for failure in [Failure::Status, Failure::Tls, Failure::Nxdomain, Failure::Local] {
        assert_eq!(Fared::of(false, Some(failure)), Fared::Otherwise);
    }
    assert!(!book.seen(1, 1, Fared::Otherwise, 0, at(0)));
    assert_eq!(Fared::of(true, None), Fared::Fine);
    assert_eq!(Fared::of(false, Some(Failure::Timeout)), Fared::CutOff);
}

#[test]
fn what_could_not_be_traced_is_told_only_while_it_fails() {
    let mut book = Book::default();
    assert!(book.seen(1, 1, Fared::Fine, 0, at(0)));
    book.not_traced(&1, Some(judged(&trace(End::Silent), None)));
    assert!(book.seen(1, 1, Fared::CutOff, 0, at(60)));
    assert_eq!(book.take(&1), None);
    book.not_traced(&1, Some(judged(&trace(End::Silent), None)));
    assert!(book.take(&1).is_some());
}

#[test]
fn good_paths_leave_room_for_what_fails() {
    let mut book = Book::default();
    let fine = (0..100).filter(|n| book.seen(*n, *n, Fared::Fine, 0, at(0))).count();
    assert_eq!(fine, PATHS_AT_ONCE / 2);
    let failing = (100..200).filter(|n| book.seen(*n, *n, Fared::CutOff, 0, at(0))).count();
    assert_eq!(failing, PATHS_AT_ONCE / 2);
}

#[test]
fn a_clock_that_was_set_back_stops_nothing_for_long() {
    let mut book = Book::default();
    assert!(book.seen(1, 1, Fared::Fine, 0, at(1_000_000)));
    book.traced(&1, trace(End::Reached), judged);
    book.forget_times(at(0));
    assert!(book.seen(1, 1, Fared::CutOff, 0, at(1)));
    book.traced(&1, trace(End::Silent), judged);
    assert!(book.seen(2, 1, Fared::CutOff, 0, at(2)));
}

proptest! {
    /// Whatever happens in whatever order: no more at once, a second, and for each target than allowed.
    #[test]
    fn the_bounds_hold(steps in proptest::collection::vec((0_u32..12, 0_u8..4, 0_u64..400), 1..600)) {
        let mut book = Book::default();
        let mut now = START;
        let mut under_way: Vec<u32> = Vec::new();
        let mut begun: Vec<(At, u32)> = Vec::new();
        for (check, what, later_ms) in steps {
            now = now + Duration::from_millis(later_ms);
            let fared = match what {
                0 => Fared::Fine,
                1 => Fared::CutOff,
                2 => Fared::Otherwise,
                _ => {
                    if let Some(ended) = under_way.pop() {
                        book.traced(&ended, trace(End::Silent), judged);
                    }
                    continue;
                }
            };
            let target = check % 3;
            if book.seen(check, target, fared, u64::from(check) * 7919, now) {
                prop_assert!(!under_way.contains(&check), "one at a time");
                under_way.push(check);
                let last = begun.iter().rev().find(|(_, other)| *other == target);
                prop_assert!(last.is_none_or(|(at, _)| now.millis_since(*at) >= whole_millis(PATH_TARGET_GAP)));
                begun.push((now, target));
            }
            prop_assert!(under_way.len() <= PATHS_AT_ONCE);
            let within = begun.iter().filter(|(at, _)| now.millis_since(*at) < 1_000).count();
            let most = i64::from(PATHS_BURST) + 1_000 / whole_millis(PATHS_GAP);
            prop_assert!(i64::try_from(within).expect("few") <= most);
        }
    }
}
