//! What is no incident, and how an incident's scope moves.

use serde_json::Value;

use super::county::{County, QUESTIONS};
use super::stream::{Answer, REFUSED, TIMED_OUT, USUAL, at, stream, text};
use super::told::{brief, cause, events, names, of_kind, time, told};

/// One check failing at one practice, whichever it is and however it fails, is a note and never an incident.
#[test]
fn a_lone_failing_check_opens_nothing() {
    let county = County::of(12);
    let estate = county.estate();
    for question in QUESTIONS {
        for answer in [TIMED_OUT, REFUSED] {
            let lines = stream(&county, USUAL, 7200, |asked| {
                let hit = asked.at("G82006") && asked.is(question.id) && asked.s > 600.0;
                if hit { answer } else { Answer::Well }
            });
            let heard = told(&estate, &lines, 7200);
            assert!(heard.is_empty(), "{} {answer:?}\n{}", question.id, brief(&heard));
        }
    }
}

#[test]
fn a_lone_check_that_flaps_opens_nothing() {
    let county = County::of(12);
    let lines = stream(&county, USUAL, 7200, |asked| {
        #[expect(clippy::cast_possible_truncation, reason = "seconds of a test")]
        let odd = (asked.s as i64 / 120) % 2 == 1;
        if asked.at("G82006") && asked.is("emis-https") && odd { TIMED_OUT } else { Answer::Well }
    });
    assert!(events(&county, &text(&lines, 7200)).is_empty());
}

/// Every check of every practice fails once now and then, never two at a time.
#[test]
fn single_lost_answers_all_over_the_county_open_nothing() {
    let county = County::of(12);
    let lines = stream(&county, USUAL, 7200, |asked| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a test")]
        let turn = asked.s as usize / 97;
        let hit = turn.is_multiple_of(3)
            && asked.at(&county.sites[turn * 5 % 12].ods)
            && asked.question == QUESTIONS.get(turn * 7 % QUESTIONS.len()).copied();
        if hit { TIMED_OUT } else { Answer::Well }
    });
    let failures = lines.iter().filter(|line| !line.ok).count();
    assert!(failures > 20, "{failures} lost answers");
    assert!(events(&county, &text(&lines, 7200)).is_empty());
}

/// Two far ends that answer nobody for less than a minute, one a little after the other: what leads to them answers all else.
#[test]
fn two_far_ends_that_are_dead_for_a_moment_are_not_the_network_that_leads_to_them() {
    let county = County::of(40).every(60, 5);
    let estate = county.estate();
    let names: Vec<_> = QUESTIONS.iter().filter(|question| question.service.is_none()).collect();
    let pairs = names.iter().flat_map(|one| names.iter().map(move |other| (one, other)));
    for (one, other) in pairs.filter(|(one, other)| one.network == other.network && one.id < other.id) {
        for later in [0.0, 20.0, 40.0, 55.0] {
            let lines = stream(&county, USUAL, 2400, |asked| {
                let begins = 1200.0 + later;
                let hit = asked.is(one.id) && asked.during(1200.0, 1255.0)
                    || asked.is(other.id) && asked.during(begins, begins + 45.0);
                if hit { TIMED_OUT } else { Answer::Well }
            });
            let heard = told(&estate, &lines, 2400);
            assert!(heard.is_empty(), "{} and {}, {later} s later\n{}", one.id, other.id, brief(&heard));
        }
    }
}

/// The agent's own fault, such as a missing permission, says nothing of anything else.
#[test]
fn local_failures_open_nothing() {
    let county = County::of(12);
    let local = Answer::Failed(
        linewatch::observation::Failure::Local,
        linewatch::observation::Phase::Connect,
        Some(0.1),
    );
    let lines = stream(&county, USUAL, 3600, |asked| {
        if asked.s > 600.0 && asked.question.is_some() { local } else { Answer::Well }
    });
    let heard = events(&county, &text(&lines, 3600));
    assert!(heard.is_empty(), "{}", brief(&heard));
}

/// A third of the practices is back after each fix; it stays one incident, and says who is still out.
#[test]
fn a_recovery_in_stages_is_one_incident_that_changes() {
    let county = County::of(24);
    let back = |ods: &str| match ods[3..].parse::<u32>().expect("a number") % 3 {
        0 => 1800.5,
        1 => 3000.5,
        _ => 4200.5,
    };
    let lines = stream(&county, USUAL, 9000, |asked| {
        let Some(site) = asked.site.filter(|site| site.firewall == "fw-maidstone") else {
            return Answer::Well;
        };
        let out = asked.on("internet") && asked.during(600.5, back(&site.ods));
        if out { TIMED_OUT } else { Answer::Well }
    });
    let heard = events(&county, &text(&lines, 9000));
    assert_eq!(of_kind(&heard, "opened").len(), 1, "{}", brief(&heard));
    assert_eq!(of_kind(&heard, "resolved").len(), 1, "{}", brief(&heard));
    assert!(time(&heard.last().expect("an event")["at"]) > at(4200.5), "{}", brief(&heard));
    let scope_at = |s: f64| {
        let said = heard.iter().rfind(|event| time(&event["at"]) <= at(s)).expect("an event");
        names(&said["practices"])
    };
    let out_at = |s: f64| county.ids(|site| site.firewall == "fw-maidstone" && back(&site.ods) > s);
    for s in [1700.0, 2900.0] {
        assert_eq!(scope_at(s), out_at(s), "at {s}\n{}", brief(&heard));
    }
}

/// A firewall fault is put right, and one practice's own line is still out: told as that practice's.
#[test]
fn a_practice_that_stays_down_after_a_shared_fault_gets_its_own_incident() {
    let county = County::of(24);
    let lines = stream(&county, USUAL, 6000, |asked| {
        let shared = asked.behind("fw-maidstone") && asked.on("internet") && asked.during(600.5, 1500.0);
        let own = asked.at("G82002") && asked.on("internet") && asked.during(600.5, 3600.0);
        if shared || own { TIMED_OUT } else { Answer::Well }
    });
    let heard = events(&county, &text(&lines, 6000));
    let opened: Vec<String> = of_kind(&heard, "opened").into_iter().map(cause).collect();
    assert_eq!(opened, ["firewall fw-maidstone", "practice G82002"], "{}", brief(&heard));
}

/// The counts behind the sentence are right.
#[test]
fn the_evidence_has_its_denominators() {
    let county = County::of(24);
    let lines = stream(&county, USUAL, 1800, |asked| {
        let hit = asked.behind("fw-maidstone") && asked.on("internet") && asked.s > 600.5;
        if hit { TIMED_OUT } else { Answer::Well }
    });
    let heard = events(&county, &text(&lines, 1800));
    let last = heard.last().expect("an event");
    let counts = &last["evidence"];
    assert_eq!(
        [&counts["behind"], &counts["elsewhere"], &counts["elsewhere_failing"]],
        [18, 6, 0],
        "{}",
        brief(&heard)
    );
    // What it says when it opens is what it had seen by then.
    assert!(counts["failing"].as_u64().is_some_and(|failing| (1..=18).contains(&failing)), "{counts}");
}

/// A firewall is mended for some of those behind it, and the others still have nothing.
#[test]
fn who_has_lost_all_of_a_partial_fault_is_named() {
    let county = County::of(24);
    let behind = county.ids(|site| site.firewall == "fw-maidstone");
    let (nothing, _) = behind.split_at(6);
    let lines = stream(&county, USUAL, 3600, |asked| {
        let hit = if asked.s < 1500.0 { &behind[..] } else { nothing };
        let is_hit = asked.on("internet") && asked.s > 600.5 && hit.iter().any(|id| asked.at(id));
        if is_hit { TIMED_OUT } else { Answer::Well }
    });
    let heard = told(&county.estate(), &lines, 3600);
    let last = heard.last().expect("an event");
    assert_eq!((cause(last).as_str(), &last["signature"]), ("firewall fw-maidstone", &"partial".into()));
    assert_eq!((names(&last["lost"]), names(&last["practices"])), (nothing.to_vec(), nothing.to_vec()));
    // What takes everything from everybody needn't say so of each.
    assert!(heard[0].get("lost").is_none(), "{}", heard[0]);
}

/// One that lets through every other asking has left something to everybody.
#[test]
fn who_is_answered_now_and_then_has_not_lost_all() {
    let county = County::of(24);
    let lines = stream(&county, USUAL, 3600, |asked| {
        let id = asked.question.map_or("", |question| question.id);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of a test")]
        let is_its_turn = (asked.s as usize / 30 + id.len()).is_multiple_of(2);
        let is_hit = asked.behind("fw-maidstone") && asked.on("internet") && asked.s > 600.5 && is_its_turn;
        if is_hit { TIMED_OUT } else { Answer::Well }
    });
    let heard = told(&county.estate(), &lines, 3600);
    let partial: Vec<&Value> = heard.iter().filter(|event| event["signature"] == "partial").collect();
    assert!(!partial.is_empty(), "{}", brief(&heard));
    assert!(partial.iter().all(|event| event.get("lost").is_none()), "{partial:?}");
}

/// A carrier comes back for some: the others aren't heard at all, which is how a practice looks that has lost every network.
#[test]
fn who_is_not_heard_has_lost_all_of_what_takes_every_network() {
    let county = County::of(24);
    let behind = county.ids(|site| site.carrier == "bt");
    let (nothing, _) = behind.split_at(6);
    let mut lines = stream(&county, USUAL, 3600, |_| Answer::Well);
    lines.retain(|line| {
        let hit = if line.at < at(1500.0) { &behind[..] } else { nothing };
        line.at < at(600.5) || !hit.contains(&line.practice)
    });
    let heard = told(&county.estate(), &lines, 3600);
    let last = heard.last().expect("an event");
    assert_eq!((cause(last).as_str(), &last["signature"]), ("carrier bt", &"partial".into()));
    assert_eq!((names(&last["lost"]), names(&last["practices"])), (nothing.to_vec(), nothing.to_vec()));
}
