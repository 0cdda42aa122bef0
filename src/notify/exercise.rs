//! An exercise: real notices of an incident that never was, to those who are listed for it and to nobody else. Pure.
//!
//! Two walls, so that a slip in one of them writes to nobody: [`only_listed`] takes everybody else out of what the policy knows, and
//! [`is_for`] is asked again before each message leaves.

use super::channel::{contact_of, hook_of};
use super::policy::key;
use super::policy::routing::Terms;
use super::words::Letter;
use crate::config::{Config, ContactWay, ExerciseSettings, PracticeNotices, WaySettings};

/// Before every subject, and the first line of every message: three times, as the emergency services say it.
pub const MARK: &str = "EXERCISE EXERCISE EXERCISE";

/// What everybody must know who reads only the beginning.
const NOTHING_FAILED: &str = "This is only an exercise. Nothing has failed.";

/// Why there can be no exercise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoExercise {
    #[error(
        "nobody is listed for exercises, so nobody would be told: write [exercise] with to = [\"desk@icb.example\"] into the \
         configuration, and channels = [\"…\"] for each [[channel]] that may hear"
    )]
    NobodyListed,
    #[error(
        "those who are listed for exercises can't be reached: the configuration has no [mail], and [exercise] names no channel"
    )]
    NoWay,
}

/// The configuration of an exercise: of all recipients those who are listed, by their own ways, told at once. Whoever is listed and is
/// neither a practice's manager nor told because of what they look after hears what staff hear.
///
/// `real`: whose relays, channels and contacts it is; `stage`: what is played, and what is known of the practices.
pub fn only_listed(real: &Config, stage: &Config) -> Result<Config, NoExercise> {
    let listed = &real.ways.exercise;
    if listed.to.is_empty() && listed.channels.is_empty() {
        return Err(NoExercise::NobodyListed);
    }
    if real.mail.is_none() && listed.channels.is_empty() {
        return Err(NoExercise::NoWay);
    }
    let is_listed = |address: &String| is_for(listed, address);
    let mut config = stage.clone();
    for practice in &mut config.estate.practices {
        practice.email.retain(is_listed);
    }
    let is_manager = |address: &String| {
        let practices = &config.estate.practices;
        practices.iter().flat_map(|practice| &practice.email).any(|email| key(email) == key(address))
    };
    let looks_after = |address: &String| {
        contact_of(&real.ways.contacts, address)
            .is_some_and(|contact| !contact.pcns.is_empty() || !contact.owners.is_empty())
    };
    config.mail = real.mail.clone().map(|mut mail| {
        let is_staff = |address: &&String| {
            mail.staff.iter().any(|staff| key(staff) == key(address))
                || !(is_manager(address) || looks_after(address))
        };
        mail.staff = listed.to.iter().filter(is_staff).cloned().collect();
        mail
    });
    let mut contacts: Vec<_> =
        real.ways.contacts.iter().filter(|contact| is_listed(&contact.email)).cloned().collect();
    for contact in &mut contacts {
        // Whoever is listed is told, whatever the hour and however little it is.
        contact.terms = Terms::default();
    }
    let texts = contacts.iter().any(|contact| contact.ways.contains(&ContactWay::Sms));
    config.ways = WaySettings {
        channels: real
            .ways
            .channels
            .iter()
            .filter(|channel| {
                let is_sms = channel.kind.channel() == super::Channel::Sms;
                if is_sms { texts } else { listed.channels.contains(&channel.id) }
            })
            .cloned()
            .collect(),
        contacts,
        pcns: real.ways.pcns.clone(),
        roles: real.ways.roles.clone(),
        other_icbs: real.ways.other_icbs.clone(),
        mail_service: real.ways.mail_service.clone(),
        exercise: ExerciseSettings { is_on: true, ..listed.clone() },
    };
    config.acknowledgement.steps.clone_from(&real.acknowledgement.steps);
    let is_held = |role: &String| config.ways.contacts.iter().any(|contact| contact.roles.contains(role));
    for step in &mut config.acknowledgement.steps {
        step.to.retain(is_listed);
        step.roles.retain(is_held);
    }
    config.acknowledgement.steps.retain(|step| !step.to.is_empty() || !step.roles.is_empty());
    config.notices.practices = PracticeNotices::Auto;
    config.notices.per_hour = None;
    Ok(config)
}

/// Whether a recipient is listed for exercises.
pub fn is_for(listed: &ExerciseSettings, recipient: &str) -> bool {
    match hook_of(recipient) {
        Some((_, id)) => listed.channels.iter().any(|channel| channel == id),
        None => listed.to.iter().any(|address| key(address) == key(recipient)),
    }
}

/// A letter that nobody can take for a real one.
pub fn marked(letter: Letter) -> Letter {
    let Letter { subject, text, html } = letter;
    let line = format!(
        "<p style=\"border: 3px solid; padding: 0.5em; font-weight: bold;\">{MARK}<br>{NOTHING_FAILED}</p>\n"
    );
    let place = after_body(&html);
    let (before, after) = html.split_at(place);
    Letter {
        subject: format!("{MARK}: {subject}"),
        text: format!("{MARK}\n{NOTHING_FAILED}\n\n{text}"),
        html: format!("{before}{line}{after}"),
    }
}

/// Where a page's body begins: behind its tag, or at the very beginning where there is none.
fn after_body(html: &str) -> usize {
    let lower = html.to_ascii_lowercase();
    let tag = lower.find("<body");
    let end = tag.and_then(|tag| lower[tag..].find('>').map(|end| tag + end + 1));
    let end = end.unwrap_or(0);
    if html[end..].starts_with('\n') { end + 1 } else { end }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::config::parse;
    use crate::notify::channel::staff_of;
    use crate::notify::policy::routing::Routing;
    use crate::notify::policy::tests::event;
    use crate::notify::policy::{Ledger, Rules};

    const ADDRESSES: [&str; 6] = [
        "desk@icb.example",
        "boss@icb.example",
        "a@one.example",
        "b@one.example",
        "c@two.example",
        "emergency.planning@icb.example",
    ];

    fn config(listed: &[&str]) -> Config {
        let text = format!(
            r#"
[icb]
code = "QKS"
name = "NHS Kent and Medway"
timezone = "Europe/London"
[mail]
relay = "127.0.0.1"
port = 25
security = "plain"
from = "linewatch@icb.example"
staff = ["desk@icb.example", "boss@icb.example"]
[exercise]
to = {listed:?}
[[escalation]]
after = "15m"
to = ["boss@icb.example", "emergency.planning@icb.example"]
[[network]]
id = "internet"
name = "the internet"
through = []
[[probe]]
id = "web"
kind = "tcp"
network = "internet"
target = "127.0.0.1:9"
every = "30s"
timeout = "5s"
[[practice]]
ods = "A"
name = "One"
email = ["a@one.example", "b@one.example"]
[[practice]]
ods = "B"
name = "Two"
email = ["c@two.example", "a@one.example"]
"#
        );
        parse("probes.toml", &text, Path::new("")).expect("a sound configuration")
    }

    #[test]
    fn nobody_listed_is_no_exercise_and_says_what_to_write() {
        let real = config(&[]);
        let refused = only_listed(&real, &real).expect_err("nobody");
        assert_eq!(refused, NoExercise::NobodyListed);
        assert!(refused.to_string().contains("[exercise]"));
        let mut lonely = config(&["desk@icb.example"]);
        lonely.mail = None;
        assert_eq!(only_listed(&lonely, &lonely).expect_err("no way"), NoExercise::NoWay);
    }

    #[test]
    fn whoever_is_listed_hears_as_what_they_are() {
        let real = config(&["A@One.example", "emergency.planning@icb.example"]);
        let config = only_listed(&real, &real).expect("two are listed");
        assert_eq!(config.estate.practices[0].email, ["a@one.example"]);
        assert_eq!(config.estate.practices[1].email, ["a@one.example"]);
        assert_eq!(staff_of(&config), ["emergency.planning@icb.example"]);
        assert!(config.ways.exercise.is_on);
    }

    #[test]
    fn the_mark_is_first_wherever_anybody_looks() {
        let letter = |html: &str| Letter {
            subject: "[linewatch] Internet down".to_owned(),
            text: "The internet does not answer\n".to_owned(),
            html: html.to_owned(),
        };
        let made = marked(letter("<html><BODY style=\"x\">\n<h1>The internet</h1></body></html>"));
        assert!(made.subject.starts_with("EXERCISE EXERCISE EXERCISE: [linewatch]"));
        assert!(made.text.starts_with("EXERCISE EXERCISE EXERCISE\n"));
        assert!(made.html.contains("<BODY style=\"x\">\n<p style="), "{}", made.html);
        assert!(made.html.find(MARK) < made.html.find("<h1>"));
        // Whatever somebody made of the texts.
        for odd in ["", "no page at all", "<body", "<body é>ü"] {
            assert!(marked(letter(odd)).html.contains(MARK), "{odd}");
        }
    }

    proptest! {
        /// Whoever is listed and whatever happens: nobody else is written to, and no other notice is even planned.
        #[test]
        fn nobody_else_is_ever_told(
            listed in prop::sample::subsequence(ADDRESSES.to_vec(), 1..=ADDRESSES.len()),
            story in prop::collection::vec((0_u8..4, prop::sample::subsequence(vec!["A", "B"], 0..=2), 0_i64..4_000_000), 1..12),
        ) {
            let real = config(&listed);
            let config = only_listed(&real, &real).expect("somebody is listed");
            let staff = staff_of(&config);
            let routing = Routing::of(&config);
            let rules = Rules {
                estate: &config.estate,
                staff: &staff,
                practices: config.notices.practices,
                maintenance: &config.maintenance,
                mail: true,
                update_every: config.notices.update_every,
                escalation: &config.acknowledgement.steps,
                routing: &routing,
            };
            let mut ledger = Ledger::default();
            let (mut at, mut told) = (0, Vec::new());
            for (what, practices, later) in story {
                at += later;
                let mut event = event("2026-03-16-1", at, &practices);
                event.event = match what {
                    0 => crate::incident::EventKind::Opened,
                    1 | 2 => crate::incident::EventKind::Changed,
                    _ => crate::incident::EventKind::Resolved,
                };
                told.extend(ledger.plan(&event, &rules).notices);
                let reminded = ledger.remind(event.at, &rules);
                told.extend(reminded.into_iter().flat_map(|paced| paced.notices));
            }
            for notice in told {
                prop_assert!(listed.iter().any(|one| key(one) == key(&notice.recipient)), "{notice:?}");
                prop_assert!(is_for(&config.ways.exercise, &notice.recipient));
            }
            for other in ADDRESSES.iter().filter(|one| !listed.contains(one)) {
                prop_assert!(!is_for(&config.ways.exercise, other));
            }
        }
    }
}
