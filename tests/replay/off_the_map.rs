//! Practices that the map has behind another firewall than the one that they are behind: they fail with its own, and
//! their managers must not be sent to look for a fault in the practice.

use super::county::County;
use super::stream::{Answer, TIMED_OUT, USUAL, stream};
use super::told::{brief, cause, names, of_kind, told};

const BROKE: f64 = 300.5;
const SECONDS: u32 = 1_200;
/// Listed behind `fw-canterbury`.
const ELSEWHERE: &str = "G82023";

#[test]
fn a_practice_that_fails_with_another_firewall_than_its_own_is_told_with_those_behind_it() {
    let county = County::of(24).every(30, 5);
    let lines = stream(&county, USUAL, SECONDS, |asked| {
        let hit = asked.behind("fw-maidstone") || asked.at(ELSEWHERE);
        if hit && asked.on("internet") && asked.during(BROKE, 900.5) { TIMED_OUT } else { Answer::Well }
    });
    let heard = told(&county.estate(), &lines, SECONDS);
    let opened = of_kind(&heard, "opened");
    assert_eq!(opened.len(), 1, "{}", brief(&heard));
    assert_eq!(cause(opened[0]), "firewall fw-maidstone");
    let said: Vec<_> = heard.iter().filter(|event| !names(&event["practices"]).is_empty()).collect();
    let last = said.last().expect("something was said while it lasted");
    let mut affected = county.ids(|site| site.firewall == "fw-maidstone");
    let behind = affected.len();
    affected.push(ELSEWHERE.to_owned());
    assert_eq!(names(&last["practices"]), affected, "{}", brief(&heard));
    assert_eq!(last["evidence"]["behind"], behind, "the counts are those of the map");
    let sentence = last["sentence"].as_str().unwrap_or_default();
    assert!(sentence.contains(&format!("{behind} of the {behind} practices behind it")), "{sentence}");
    let doubt = format!("{ELSEWHERE} fails in the same way, though practices.csv has it behind another");
    assert!(sentence.contains(&doubt), "{sentence}");
}

#[test]
fn a_practice_elsewhere_that_fails_later_has_failed_by_itself() {
    let county = County::of(24).every(30, 5);
    let lines = stream(&county, USUAL, SECONDS, |asked| {
        let shared = asked.behind("fw-maidstone") && asked.during(BROKE, 900.5);
        let alone = asked.at(ELSEWHERE) && asked.during(480.5, 900.5);
        if asked.on("internet") && (shared || alone) { TIMED_OUT } else { Answer::Well }
    });
    let heard = told(&county.estate(), &lines, SECONDS);
    let opened: Vec<String> = of_kind(&heard, "opened").into_iter().map(cause).collect();
    assert_eq!(opened, ["firewall fw-maidstone", &format!("practice {ELSEWHERE}")], "{}", brief(&heard));
}
