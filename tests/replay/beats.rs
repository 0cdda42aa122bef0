//! Heartbeats through the correlator: the work of one practice is a note, the work of all is a service that has failed,
//! and neither says anything of networks or agents.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use linewatch::agent::workers::blank;
use linewatch::config;
use linewatch::correlate::{Correlator, Picture, Standing};
use linewatch::incident::{Cause, Event, EventKind};
use linewatch::observation::{ALIVE, Failure};
use linewatch::time::At;

const PRACTICES: usize = 24;
const HOUR: i64 = 3600;

/// Web checks each 30 s on two services, and letters that leave once a day.
fn correlator() -> Correlator {
    let mut text = "[icb]\ncode = \"QKS\"\nname = \"Test county\"\ntimezone = \"Europe/London\"\n\
        [[component]]\nid = \"fw-a\"\nkind = \"firewall\"\nname = \"Firewall A\"\n\
        [[component]]\nid = \"fw-b\"\nkind = \"firewall\"\nname = \"Firewall B\"\n\
        [[network]]\nid = \"internet\"\nname = \"the internet\"\nthrough = [\"firewall\"]\n\
        [[service]]\nid = \"letters\"\nname = \"hospital letters\"\n\
        [[service]]\nid = \"texts\"\nname = \"texts\"\n\
        [[probe]]\nid = \"texts\"\nkind = \"tcp\"\nnetwork = \"internet\"\nservice = \"texts\"\ntarget = \"127.0.0.1:9\"\nevery = \"30s\"\ntimeout = \"5s\"\n\
        [[probe]]\nid = \"web\"\nkind = \"tcp\"\nnetwork = \"internet\"\ntarget = \"127.0.0.1:10\"\nevery = \"30s\"\ntimeout = \"5s\"\n\
        [[probe]]\nid = \"letters-sent\"\nkind = \"heartbeat\"\nnetwork = \"internet\"\nservice = \"letters\"\ntarget = \"hospital letters\"\nevery = \"24h\"\ntimeout = \"1h\"\n"
        .to_owned();
    for practice in 0..PRACTICES {
        let firewall = if practice % 2 == 0 { "fw-a" } else { "fw-b" };
        write!(
            text,
            "[[practice]]\nods = \"G{practice:05}\"\nname = \"A surgery\"\nvia = {{ firewall = \"{firewall}\" }}\n"
        )
        .expect("text");
    }
    let config =
        config::parse("probes.toml", &text, Path::new("")).unwrap_or_else(|errors| panic!("{errors}"));
    Correlator::new(Arc::new(config.estate))
}

/// `overdue_from`: second from which a practice's letters are overdue. `silent_from`: from which its agent is silent.
fn play(
    until_s: i64,
    overdue_from: impl Fn(usize) -> Option<i64>,
    silent_from: impl Fn(usize) -> Option<i64>,
) -> (Vec<Event>, Picture) {
    let mut correlator = correlator();
    let begin = At::from_millis(1_772_000_000_000);
    let mut events = Vec::new();
    for second in 0..until_s {
        let now = begin.plus_millis(second * 1000);
        for practice in 0..PRACTICES {
            let id = format!("G{practice:05}");
            let offset = i64::try_from(practice).expect("few");
            let heard = silent_from(practice).is_none_or(|from| second < from);
            for probe in ["texts", "web", ALIVE] {
                if heard && (second + offset) % 30 == 0 {
                    correlator.take(&blank(now, &id, probe));
                }
            }
            if (second + 7 * offset) % 60 == 0 {
                let mut seen = blank(now, &id, "letters-sent");
                if overdue_from(practice).is_some_and(|from| second >= from) {
                    seen.ok = false;
                    seen.failure = Some(Failure::Timeout);
                }
                correlator.take(&seen);
            }
        }
        correlator.advance(now);
        events.extend(std::iter::from_fn(|| correlator.poll_event()));
    }
    (events, correlator.picture())
}

#[test]
fn letters_that_stop_everywhere_are_the_service_and_no_network() {
    // Nobody notices at one moment: each practice's last letters left at a time of their own.
    let overdue = |practice: usize| Some(HOUR + 97 * i64::try_from(practice).expect("few"));
    let (events, picture) = play(3 * HOUR, overdue, |_| None);
    let letters = vec![Cause { kind: "service".to_owned(), id: "letters".to_owned() }];
    assert!(!events.is_empty() && events.iter().all(|event| event.cause == letters), "{events:#?}");
    let opened = events.iter().filter(|event| event.event == EventKind::Opened).count();
    assert_eq!(opened, 1, "{events:#?}");
    assert_eq!(picture.incidents.len(), 1);
    assert_eq!(picture.incidents[0].practices.len(), PRACTICES, "{:?}", picture.incidents[0]);
    assert!(picture.practices.iter().all(|practice| practice.networks == [Standing::Ok]));
}

#[test]
fn letters_of_one_practice_are_a_note() {
    let (events, picture) = play(3 * HOUR, |practice| (practice == 5).then_some(HOUR), |_| None);
    assert!(events.is_empty(), "{events:#?}");
    assert_eq!(picture.notes.len(), 1, "{:?}", picture.notes);
    assert_eq!(picture.notes[0].text, "hospital letters is overdue at A surgery (G00005): letters-sent");
    assert!(picture.practices.iter().all(|practice| practice.networks == [Standing::Ok]));
}

#[test]
fn letters_that_leave_are_no_sign_of_an_agent() {
    let (_, picture) = play(HOUR, |_| None, |practice| (practice == 5).then_some(HOUR / 2));
    assert_eq!(picture.practices[5].networks, [Standing::Silent]);
    assert_eq!(picture.practices[6].networks, [Standing::Ok]);
}
