//! Faults in the company of other faults: each keeps its own name.

use std::collections::BTreeSet;

use super::county::County;
use super::stream::at;
use super::stream::{Answer, TIMED_OUT, USUAL, hash, stream};
use super::told::{brief, cause, of_kind, time, told};

/// So many practices, evenly on four carriers.
fn four_carriers(practices: usize) -> County {
    let mut county = County::of(practices);
    for (n, site) in county.sites.iter_mut().enumerate() {
        site.carrier = ["bt", "virgin", "kcom", "zen"][n % 4];
    }
    county
}

/// A fault that no map shows would explain both at once, and has no name: then each practice was told that it had failed.
#[test]
fn two_carriers_that_fail_at_once_are_two_incidents() {
    for (practices, apart_s) in [(24, 0.0), (40, 20.0), (40, 400.0)] {
        let county = four_carriers(practices);
        let lines = stream(&county, USUAL, 1_500, |asked| {
            let hit = asked.over("bt") && asked.during(300.5, 1_100.5)
                || asked.over("kcom") && asked.during(300.5 + apart_s, 1_100.5);
            if hit && asked.question.is_some() { TIMED_OUT } else { Answer::Well }
        });
        let heard = told(&county.estate(), &lines, 1_500);
        let opened: BTreeSet<String> = of_kind(&heard, "opened").into_iter().map(cause).collect();
        let want = BTreeSet::from(["carrier bt".to_owned(), "carrier kcom".to_owned()]);
        assert_eq!(opened, want, "{practices} practices, {apart_s} s apart\n{}", brief(&heard));
    }
}

/// What has been down for long is no part of it. (A recording in which a carrier was named for such a street was mended
/// before this was written; this county was told rightly before that, too.)
#[test]
fn a_street_is_no_carrier_beside_practices_that_have_been_down_for_long() {
    let county = four_carriers(150);
    let place = |ods: &str| hash(ods, "street") % 150;
    let lines = stream(&county, USUAL, 1_900, |asked| {
        let Some(site) = asked.site else { return Answer::Well };
        let place = place(&site.ods);
        let hit = match place {
            0..25 => asked.s > 60.5 + f64::from(place) * 50.0,
            25..33 => asked.s > 1_500.5,
            _ => false,
        };
        if hit && asked.question.is_some() { TIMED_OUT } else { Answer::Well }
    });
    let heard = told(&county.estate(), &lines, 1_900);
    let opened = of_kind(&heard, "opened");
    assert!(opened.len() >= 20, "{}", brief(&heard));
    for event in &heard {
        assert!(cause(event).starts_with("practice"), "{}", brief(&heard));
        assert_ne!(event["reason"], "merged", "{}", brief(&heard));
    }
}

/// Each was the only one left that could have been heard through their carrier, and so both were told as one.
#[test]
fn two_silent_practices_of_one_small_carrier_are_both_told() {
    for reversed in [false, true] {
        let mut county = County::of(24);
        for n in [4, 9] {
            county.sites[n].carrier = "zen";
        }
        let (first, second) = (county.sites[4].ods.clone(), county.sites[9].ods.clone());
        if reversed {
            county.sites.reverse();
        }
        let lines = stream(&county, USUAL, 1_200, |asked| {
            let silent = asked.at(&first) && asked.s > 300.5 || asked.at(&second) && asked.s > 420.5;
            if silent { Answer::Unheard } else { Answer::Well }
        });
        let heard = told(&county.estate(), &lines, 1_200);
        for (ods, from) in [(&first, 300.5), (&second, 420.5)] {
            let opened = of_kind(&heard, "opened");
            let found = opened.iter().find(|event| cause(event).contains(ods.as_str()));
            let at_s = found.map(|event| time(&event["at"]).millis_since(at(from)) / 1000);
            assert!(at_s.is_some_and(|s| s < 240), "{ods} {at_s:?} {reversed}\n{}", brief(&heard));
        }
    }
}
