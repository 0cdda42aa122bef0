//! Tells a drill as it happens: to a person in lines, or to a program as JSON. Small happenings are gathered, so
//! that forty practices lost at once are one line, and thirty-eight e-mails another; counts are never hidden.

use std::io;
use std::sync::Arc;

use serde_json::json;

use super::paper::{Paper, Style, Word, put};
use super::tale::Tale;
use crate::correlate::{Picture, Standing};
use crate::estate::Estate;
use crate::incident::{Cause, Event, EventKind, Reason};
use crate::limits::{DRILL_LINES_EVERY, DRILL_MAIL_QUIET};
use crate::observation::{Failure, Observation};
use crate::time::{At, whole_millis};
use crate::world::loopback::servers::mail::AcceptedMail;

/// Who is told.
pub enum Teller {
    Person(Box<Person>),
    Program,
}

/// What a person has been told, and what waits to be told.
pub struct Person {
    paper: Paper,
    estate: Arc<Estate>,
    staff: Vec<String>,
    /// How practices stood on each network when it was last told, and when that was.
    told: Option<(At, Vec<Counts>)>,
    mails: Vec<Arc<AcceptedMail>>,
}

/// Where practices stand on one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Counts {
    ok: usize,
    down: usize,
    silent: usize,
    unknown: usize,
}

impl Counts {
    fn of(picture: &Picture, network: usize) -> Self {
        let mut counts = Self::default();
        for practice in &picture.practices {
            match practice.networks.get(network).copied().unwrap_or(Standing::Unknown) {
                Standing::Ok => counts.ok += 1,
                Standing::Down => counts.down += 1,
                Standing::Silent => counts.silent += 1,
                Standing::Unknown => counts.unknown += 1,
            }
        }
        counts
    }

    /// Those that don't answer, in words; empty when all do.
    fn missing(self) -> String {
        let parts: Vec<String> =
            [(self.down, "lost"), (self.silent, "silent"), (self.unknown, "not heard from yet")]
                .into_iter()
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!("{count} {what}"))
                .collect();
        if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
    }
}

impl Teller {
    pub fn person(paper: Paper, estate: Arc<Estate>, staff: Vec<String>) -> Self {
        Self::Person(Box::new(Person { paper, estate, staff, told: None, mails: Vec::new() }))
    }

    pub const fn paper(&mut self) -> Option<&mut Paper> {
        match self {
            Self::Person(person) => Some(&mut person.paper),
            Self::Program => None,
        }
    }

    /// Says something to a person that a program has no use for.
    pub fn say(&mut self, at: At, word: Word, text: &str) -> io::Result<()> {
        match self {
            Self::Person(person) => put(&person.paper.line(at, word, text, Style::Plain)),
            Self::Program => Ok(()),
        }
    }

    /// What the script does; its ids are put in words.
    pub fn turn(&mut self, at: At, text: &str) -> io::Result<()> {
        let Self::Person(person) = self else { return Ok(()) };
        // `component fw-maidstone lets nothing through: begins`
        let (what, turn) = text.rsplit_once(": ").unwrap_or((text, "now"));
        let text = format!("{turn}: {}", person.in_words(what));
        self.say(at, Word::Script, &text)
    }

    pub fn first_failure(&mut self, at: At, seen: &Observation) -> io::Result<()> {
        let failure = seen.failure.map_or("failed", Failure::as_str);
        let phase = seen.phase.map_or_else(String::new, |phase| format!(" in phase {}", phase.as_str()));
        let took = seen.ms / 1000.0;
        let text = format!(
            "first failure: {} at practice {}, {failure}{phase}, asked for {took:.1} s",
            seen.probe, seen.practice
        );
        self.say(at, Word::Check, &text)
    }

    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        match self {
            Self::Program => put(&serde_json::to_string(event)?),
            Self::Person(person) => person.event(event),
        }
    }

    pub fn mail(&mut self, mail: &Arc<AcceptedMail>, tale: &Tale) -> io::Result<()> {
        match self {
            Self::Program => put(&json!({"mail": {
                "at": mail.at,
                "to": mail.recipient,
                "subject": mail.subject,
                "message_id": mail.message_id,
                "incident": tale.incident_of(&mail.message_id),
            }})
            .to_string()),
            Self::Person(person) => {
                person.mails.push(Arc::clone(mail));
                Ok(())
            }
        }
    }

    /// Tells what has gathered and is complete as far as one can see.
    pub fn catch_up(&mut self, at: At, picture: &Picture) -> io::Result<()> {
        let Self::Person(person) = self else { return Ok(()) };
        let quiet = person
            .mails
            .last()
            .is_some_and(|mail| at.millis_since(mail.at) >= whole_millis(DRILL_MAIL_QUIET));
        if quiet {
            person.tell_mails()?;
        }
        let due = person
            .told
            .as_ref()
            .is_none_or(|(when, _)| at.millis_since(*when) >= whole_millis(DRILL_LINES_EVERY));
        if due { person.tell_lines(at, picture) } else { Ok(()) }
    }

    /// Tells all that has gathered, because something comes that must stand after it.
    pub fn catch_up_at_once(&mut self, at: At, picture: &Picture) -> io::Result<()> {
        let Self::Person(person) = self else { return Ok(()) };
        person.tell_mails()?;
        person.tell_lines(at, picture)
    }
}

impl Person {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        let sentence = &event.sentence;
        let sure = percent(event.probability);
        let incident = &event.incident;
        let (word, text) = match (event.event, event.reason) {
            (EventKind::Opened, _) => {
                let next = event.alternatives.first().map_or_else(String::new, |next| {
                    format!(
                        "; the next best explanation, {}, {}",
                        causes(&next.cause),
                        percent(next.probability)
                    )
                });
                (Word::Cause, format!("{sentence} Probability {sure}{next}. Incident {incident}."))
            }
            (EventKind::Changed, _) => (Word::Change, format!("{sentence} Probability {sure}.")),
            (EventKind::Resolved, Some(Reason::Merged)) => {
                let into = event.into.as_deref().unwrap_or("another");
                (
                    Word::Change,
                    format!("Incident {incident} proved to be the same fault as {into}, and goes on there."),
                )
            }
            (EventKind::Resolved, Some(Reason::Withdrawn)) => (
                Word::Clear,
                format!("Withdrawn, it was never so: {sentence} Incident {incident} is closed."),
            ),
            (EventKind::Resolved, _) => (Word::Clear, format!("{sentence} Incident {incident} is closed.")),
        };
        put(&self.paper.line(event.at, word, &text, Style::Bold))
    }

    /// Where practices stand on each network, when that changed.
    fn tell_lines(&mut self, at: At, picture: &Picture) -> io::Result<()> {
        if picture.practices.is_empty() {
            return Ok(());
        }
        let now: Vec<Counts> =
            (0..self.estate.networks.len()).map(|network| Counts::of(picture, network)).collect();
        let all = self.estate.practices.len();
        let nothing_yet = self.told.is_none() && now.iter().all(|counts| counts.unknown == all);
        if nothing_yet || self.told.as_ref().is_some_and(|(_, told)| *told == now) {
            return Ok(());
        }
        let each: Vec<String> = self
            .estate
            .networks
            .iter()
            .zip(&now)
            .map(|(network, counts)| {
                let bar = self.paper.bar(counts.ok, all);
                format!("{} {bar} {} of {all}{}", network.name, counts.ok, counts.missing())
            })
            .collect();
        // Two fit side by side when they are short; else they go under each other.
        let short = each.len() <= 2 && now.iter().all(|counts| counts.unknown + counts.silent == 0);
        let texts = if short { vec![each.join("   ")] } else { each };
        for text in texts {
            put(&self.paper.painted_line(at, Word::Lines, &text))?;
        }
        self.told = Some((at, now));
        Ok(())
    }

    fn tell_mails(&mut self) -> io::Result<()> {
        let mails = std::mem::take(&mut self.mails);
        let (Some(first), Some(last)) = (mails.first(), mails.last()) else { return Ok(()) };
        let (to_staff, to_practices): (Vec<_>, Vec<_>) =
            mails.iter().partition(|mail| self.staff.iter().any(|one| one.contains(&mail.recipient)));
        let whom = match (to_practices.len(), to_staff.len()) {
            (1, 0) => "to a practice".to_owned(),
            (0, 1) => "to ICB staff".to_owned(),
            (practices, 0) => format!("{practices} to practices"),
            (0, staff) => format!("{staff} to ICB staff"),
            (practices, staff) => format!("{practices} to practices, {staff} to ICB staff"),
        };
        let span = last.at.millis_since(first.at) as f64 / 1000.0;
        let text = match mails.len() {
            1 => format!("1 e-mail accepted by the mail server: {whom}"),
            many => format!("{many} e-mails accepted by the mail server within {span:.1} s: {whom}"),
        };
        put(&self.paper.line(first.at, Word::Mail, &text, Style::Plain))?;
        // A subject of each kind stands for the rest.
        for group in [to_practices, to_staff] {
            if let Some(mail) = group.first() {
                put(&self.paper.under(&mail.subject))?;
            }
        }
        Ok(())
    }

    /// Names in place of `component ID`, `service ID` and `network ID`.
    fn in_words(&self, text: &str) -> String {
        let estate = &self.estate;
        let components = estate.components.iter().map(|one| (format!("component {}", one.id), &one.name));
        let services = estate.services.iter().map(|one| (format!("service {}", one.id), &one.name));
        let networks = estate.networks.iter().map(|one| (format!("network {}", one.id), &one.name));
        let mut named: Vec<(String, &String)> = components.chain(services).chain(networks).collect();
        // `fw` begins `fw-maidstone`, so the longer goes first.
        named.sort_by_key(|(id, _)| std::cmp::Reverse(id.len()));
        named.into_iter().fold(text.to_owned(), |text, (id, name)| text.replace(&id, name))
    }
}

fn causes(causes: &[Cause]) -> String {
    causes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

/// A probability for people: never 100 %, which nothing is.
pub fn percent(probability: f64) -> String {
    // Rounded down, so that 99.97 doesn't become 100.
    let tenths = (probability.clamp(0.0, 0.9999) * 1000.0).floor() / 10.0;
    format!("{tenths:.1} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_certain() {
        assert_eq!(percent(1.0), "99.9 %");
        assert_eq!(percent(0.9987), "99.8 %");
        assert_eq!(percent(0.0004), "0.0 %");
    }

    #[test]
    fn those_that_do_not_answer_are_counted_by_what_is_known_of_them() {
        let counts = Counts { ok: 30, down: 7, silent: 2, unknown: 1 };
        assert_eq!(counts.missing(), " (7 lost, 2 silent, 1 not heard from yet)");
        assert_eq!(Counts { ok: 40, ..Counts::default() }.missing(), "");
    }
}
