//! Tells a drill as it happens: to a person in lines, or to a program as JSON. Small happenings are gathered, so
//! that forty practices lost at once are one line, and thirty-eight e-mails another; counts are never hidden.

use std::io;
use std::sync::Arc;

use serde_json::json;

use super::paper::{Paper, Style, Word, put};
use super::tale::Tale;
use crate::correlate::{Picture, Standing};
use crate::estate::Estate;
use crate::incident::{Event, EventKind, Reason};
use crate::observation::Observation;
use crate::time::At;
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
    /// By network: ok, down, silent, unknown; as last told.
    told: Vec<Counts>,
    mails: Vec<Arc<AcceptedMail>>,
}

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
}

impl Teller {
    pub fn person(paper: Paper, estate: Arc<Estate>, staff: Vec<String>) -> Self {
        Self::Person(Box::new(Person { paper, estate, staff, told: Vec::new(), mails: Vec::new() }))
    }

    pub const fn paper(&mut self) -> Option<&mut Paper> {
        match self {
            Self::Person(person) => Some(&mut person.paper),
            Self::Program => None,
        }
    }

    /// Says something to a person that a program has no use for.
    pub fn say(&self, at: At, word: Word, text: &str) -> io::Result<()> {
        match self {
            Self::Person(person) => put(&person.paper.line(at, word, text, Style::Plain)),
            Self::Program => Ok(()),
        }
    }

    pub fn first_failure(&self, at: At, seen: &Observation) -> io::Result<()> {
        let failure = seen.failure.map_or("failed", crate::observation::Failure::as_str);
        let phase = seen.phase.map_or_else(String::new, |phase| format!(" in the phase {}", phase.as_str()));
        let took = seen.ms / 1000.0;
        let text = format!(
            "first failure: {} at {}: {failure}{phase}, after {took:.1} s of asking",
            seen.probe, seen.practice
        );
        self.say(at, Word::Check, &text)
    }

    pub fn event(&mut self, at: At, event: &Event) -> io::Result<()> {
        match self {
            Self::Program => put(&serde_json::to_string(event)?),
            Self::Person(person) => person.event(at, event),
        }
    }

    pub fn mail(&mut self, mail: &Arc<AcceptedMail>, tale: &Tale) -> io::Result<()> {
        match self {
            Self::Program => put(
                &json!({"mail": {
                    "at": mail.at,
                    "to": mail.recipient,
                    "subject": mail.subject,
                    "message_id": mail.message_id,
                    "incident": tale.incident_of(&mail.message_id),
                }})
                .to_string(),
            ),
            Self::Person(person) => {
                person.mails.push(Arc::clone(mail));
                Ok(())
            }
        }
    }

    /// Tells what has gathered. Called about once a second, and sooner by what must come after it.
    pub fn catch_up(&mut self, at: At, picture: &Picture) -> io::Result<()> {
        let Self::Person(person) = self else { return Ok(()) };
        person.tell_mails(at)?;
        person.lines(at, picture)
    }
}

impl Person {
    fn event(&self, at: At, event: &Event) -> io::Result<()> {
        let percent = percent(event.probability);
        let evidence = event.evidence;
        let counts = format!(
            "{percent} sure: {} of the {} behind it fail, {} of the {} elsewhere.",
            evidence.failing, evidence.behind, evidence.elsewhere_failing, evidence.elsewhere
        );
        let (word, text) = match (event.event, event.reason) {
            (EventKind::Opened, _) => (Word::Cause, format!("{} {counts}", event.sentence)),
            (EventKind::Changed, _) => (Word::Change, format!("{} {counts}", event.sentence)),
            (EventKind::Resolved, Some(Reason::Merged)) => {
                let into = event.into.as_deref().unwrap_or("another");
                (Word::Change, format!("incident {} goes on as {into}.", event.incident))
            }
            (EventKind::Resolved, Some(Reason::Withdrawn)) => {
                (Word::Clear, format!("withdrawn, it was never so: {}", event.sentence))
            }
            (EventKind::Resolved, _) => (Word::Clear, event.sentence.clone()),
        };
        put(&self.paper.line(at, word, &format!("[{}] {text}", event.incident), Style::Bold))
    }

    /// Where practices stand on each network, when that changed.
    fn lines(&mut self, at: At, picture: &Picture) -> io::Result<()> {
        if picture.practices.is_empty() {
            return Ok(());
        }
        let now: Vec<Counts> =
            (0..self.estate.networks.len()).map(|network| Counts::of(picture, network)).collect();
        if now == self.told {
            return Ok(());
        }
        let all = self.estate.practices.len();
        let widest = self.estate.networks.iter().map(|network| network.name.chars().count()).max();
        for (network, counts) in self.estate.networks.iter().zip(&now) {
            let name = format!("{:<width$}", network.name, width = widest.unwrap_or(0));
            let mut text = format!("{name}  {}  {} of {all} answer", self.paper.bar(counts.ok, all), counts.ok);
            for (count, what) in
                [(counts.down, "lost"), (counts.silent, "silent"), (counts.unknown, "not heard from")]
            {
                if count > 0 {
                    text = format!("{text}, {count} {what}");
                }
            }
            put(&self.paper.line_as_is(at, Word::Lines, &text))?;
        }
        self.told = now;
        Ok(())
    }

    fn tell_mails(&mut self, at: At) -> io::Result<()> {
        let mails = std::mem::take(&mut self.mails);
        let (Some(first), Some(last)) = (mails.first(), mails.last()) else { return Ok(()) };
        let to_staff = mails.iter().filter(|mail| self.staff.iter().any(|one| one.contains(&mail.recipient)));
        let to_staff = to_staff.count();
        let to_practices = mails.len() - to_staff;
        let e_mails = if mails.len() == 1 { "e-mail" } else { "e-mails" };
        let span = last.at.millis_since(first.at) as f64 / 1000.0;
        let mut text = format!("{} {e_mails} accepted by the mail server", mails.len());
        if mails.len() > 1 {
            text = format!("{text} within {span:.2} s: {to_practices} to practices, {to_staff} to ICB staff");
        } else {
            text.push_str(if to_staff > 0 { ", to ICB staff" } else { ", to a practice" });
        }
        // The time of the line is that of the first message, not of the telling.
        put(&self.paper.line(first.at.min(at), Word::Mail, &text, Style::Plain))?;
        let mut subjects: Vec<&str> = Vec::new();
        for mail in &mails {
            let staff = self.staff.iter().any(|one| one.contains(&mail.recipient));
            // One subject of each kind will do: a practice's, and that of the service desk.
            if subjects.len() < 2 && !subjects.contains(&mail.subject.as_str()) && (subjects.is_empty() || staff) {
                subjects.push(&mail.subject);
            }
        }
        for subject in subjects {
            put(&self.paper.under(&format!("“{subject}”")))?;
        }
        Ok(())
    }
}

/// A probability for people: never 100 %, which nothing is.
pub fn percent(probability: f64) -> String {
    let percent = (probability * 100.0).clamp(0.0, 99.9);
    format!("{percent:.1} %")
}
