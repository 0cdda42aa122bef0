//! What gets slowly worse is noted, long before anything is down.

use linewatch::correlate::{Correlator, Note};
use linewatch::incident::Event;

use super::county::County;
use super::stream::{Answer, Asked, TIMED_OUT, USUAL, at, hash, stream};

const HOUR: f64 = 3_600.0;

/// So many of ten thousand askings fail, in no order.
fn unlucky(asked: &Asked<'_>, of_ten_thousand: u32) -> bool {
    let who = asked.site.map_or("@hub", |site| &site.ods);
    let what = asked.question.map_or("", |question| question.id);
    asked.question.is_some() && hash(&format!("{who}{what}"), &asked.s.to_string()) % 10_000 < of_ten_thousand
}

/// The notes of each hour that are about no practice, and all events.
fn heard(hours: u32, hits: impl Fn(&Asked<'_>) -> bool) -> (Vec<Vec<Note>>, Vec<Event>) {
    let county = County { every_s: 60, ..County::of(30) };
    let until = hours * 3_600;
    let lines = stream(&county, USUAL, until, |asked| if hits(asked) { TIMED_OUT } else { Answer::Well });
    let mut correlator = Correlator::new(county.estate());
    let mut events = Vec::new();
    let mut notes = Vec::new();
    for line in &lines {
        correlator.take(line);
        events.extend(std::iter::from_fn(|| correlator.poll_event()));
        #[expect(clippy::cast_precision_loss, reason = "hours of a test")]
        let hour_ends = at((notes.len() + 1) as f64 * HOUR);
        if line.arrival() >= hour_ends {
            let shared = correlator.picture().notes.into_iter().filter(|note| note.practice.is_none());
            notes.push(shared.collect());
        }
    }
    (notes, events)
}

/// From the tenth hour to the fifteenth, one in a hundred more of what goes through one carrier is lost: too little to be
/// called a fault, but for a moment of bad luck, and more than anybody should put up with.
#[test]
fn a_carrier_that_gets_slowly_worse_is_noted() {
    let (notes, events) = heard(20, |asked| {
        let worse = asked.over("bt") && asked.during(10.0 * HOUR, 15.0 * HOUR);
        unlucky(asked, if worse { 140 } else { 40 })
    });
    assert!(events.iter().all(|event| event.cause[0].id == "bt"), "{events:?}");
    assert!(notes[..10].iter().all(Vec::is_empty), "{notes:?}");
    let during = notes[13].iter().map(|note| note.text.as_str()).collect::<Vec<_>>();
    assert!(matches!(during.as_slice(), [text] if text.starts_with("BT is getting worse: 1.")), "{during:?}");
    assert!(during[0].contains("% used to") && during[0].ends_with("It isn't down"), "{during:?}");
    let since = notes[13][0].since;
    assert!((at(9.5 * HOUR)..=at(10.5 * HOUR)).contains(&since), "{since}");
    assert_eq!(notes.last(), Some(&Vec::new()), "it is better again");
}

/// One practice's line loses one in eight: its own affair, not its carrier's.
#[test]
fn one_bad_line_is_nobody_elses_decay() {
    let (notes, _) = heard(14, |asked| {
        let bad = asked.at("G82004") && asked.s > 8.0 * HOUR;
        unlucky(asked, if bad { 1_250 } else { 40 })
    });
    assert!(notes.iter().all(Vec::is_empty), "{notes:?}");
}
