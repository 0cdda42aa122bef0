//! The sentence that names a cause, with its denominator, and the lines of evidence behind it.

use std::fmt::Write as _;

use crate::estate::Estate;
pub use crate::estate::splitter::capital;
use crate::incident::{Cause, Event, Reason, Signature};
use crate::time::At;

use super::decay::Decayed;
use super::rhythm::Rhythm;

/// Practices named in one line; more are counted.
const NAMES_MAX: usize = 8;

/// What a cause is called in a sentence.
pub fn name(estate: &Estate, cause: &Cause) -> String {
    match cause.kind.as_str() {
        Cause::PRACTICE => estate.practice(&cause.id).map_or_else(
            || cause.id.clone(),
            |ix| format!("{} ({})", estate.practices[ix.at()].name, cause.id),
        ),
        Cause::NETWORK => estate
            .network(&cause.id)
            .map_or_else(|| cause.id.clone(), |ix| estate.networks[ix.at()].name.clone()),
        Cause::SERVICE => estate
            .service(&cause.id)
            .map_or_else(|| cause.id.clone(), |ix| estate.services[ix.at()].name.clone()),
        Cause::MONITOR => "linewatch's own connection".to_owned(),
        _ => estate
            .component(&cause.id)
            .map_or_else(|| cause.id.clone(), |ix| estate.components[ix.at()].name.clone()),
    }
}

/// All causes of a group, as "A or B".
pub fn names(estate: &Estate, causes: &[Cause]) -> String {
    let names: Vec<String> = causes.iter().map(|cause| name(estate, cause)).collect();
    match names.as_slice() {
        [] => "an unnamed target".to_owned(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

const fn happened(signature: Signature, several: bool) -> &'static str {
    match (signature, several) {
        (Signature::Down | Signature::Dropped, false) => "has failed",
        (Signature::Refused, false) => "is refusing connections",
        (Signature::Dns, false) => "does not resolve names",
        (Signature::Tls, false) => "fails TLS connections",
        (Signature::Intercepted, false) => "is intercepting TLS connections",
        (Signature::Partial, false) => "has partly failed",
        (Signature::Slow, false) => "is slow",
        (Signature::Flapping, false) => "fails and recovers again and again",
        (Signature::Policy, false) => "lets through what it must block",
        (Signature::Silent, false) => "has gone silent",
        (_, true) => "has failed (the data cannot tell which)",
    }
}

/// Ids, as many as a line holds; more are counted.
pub fn shown(ids: &[&str]) -> String {
    let named = ids.iter().take(NAMES_MAX).copied().collect::<Vec<_>>().join(", ");
    match ids.len().checked_sub(NAMES_MAX) {
        Some(more) if more > 0 => format!("{named} and {more} more"),
        _ => named,
    }
}

/// Who fails with a cause though the map has them elsewhere.
pub fn off_the_map(strays: &[&str]) -> Option<String> {
    let (fail, has) = match strays.len() {
        0 => return None,
        1 => ("fails", "has it"),
        _ => ("fail", "has them"),
    };
    Some(format!("{} {fail} in the same way, though practices.csv {has} behind another", shown(strays)))
}

/// That something has been getting worse, in a note.
pub fn getting_worse(name: &str, decayed: &Decayed) -> String {
    let Decayed { share, usual, practices, .. } = decayed;
    format!(
        "{name} is getting worse: {:.1} % of its checks fail or come late, at {practices} practices; {:.1} % used to. It \
         isn't down",
        share * 100.0,
        usual * 100.0
    )
}

/// That hardly anybody has come to work, in a note.
pub fn day_off(missing: usize, here: usize) -> String {
    format!(
        "Of {} agents that are usually switched on by now, {missing} are not heard: taken as a day off, and not as an outage",
        missing + here
    )
}

/// Of whom nothing is known while the hub's own line is down, in a note.
pub fn not_heard(network: &str, unheard: usize) -> String {
    let (practices, were, are) =
        if unheard == 1 { ("practice", "was", "isn't") } else { ("practices", "were", "aren't") };
    format!(
        "{unheard} {practices} {were} heard over {network} last and {are} heard now: linewatch's own line to it is down, so nothing is \
         known of them"
    )
}

/// One of several agents fails what another finds fine, in a note.
pub fn agent_fails(practice: &str, id: &str, agent: &str, checks: usize) -> String {
    let what = if checks == 1 { "a check".to_owned() } else { format!("{checks} checks") };
    format!(
        "Agent {agent} at {practice} ({id}) fails {what} that another agent there finds fine: it is that computer's own, or its cable's"
    )
}

/// One of several agents isn't heard, in a note.
pub fn agent_silent(practice: &str, id: &str, agent: &str) -> String {
    format!("Agent {agent} at {practice} ({id}) is not heard; another agent there is")
}

/// One or two sentences: what failed, how many practices of how many, what is kept. `strays`: ids of those affected
/// that the map has elsewhere.
pub fn sentence(estate: &Estate, event: &Event, kept: &[u32], strays: &[&str]) -> String {
    let subject = capital(&names(estate, &event.cause));
    let mut text = format!("{subject} {}", happened(event.signature, event.cause.len() > 1));
    let kind = event.cause.first().map_or("", |cause| cause.kind.as_str());
    let lost = event
        .network
        .as_deref()
        .and_then(|id| estate.network(id))
        .map_or_else(|| "every network".to_owned(), |ix| estate.networks[ix.at()].name.clone());
    let counts = event.evidence;
    let affected = event.practices.len();
    if kind == Cause::MONITOR && event.signature == Signature::Slow {
        text.push_str(": what it asks itself comes late. The practices are heard as before.");
        return text;
    }
    if kind == Cause::MONITOR && event.network.is_some() {
        let _ = write!(
            text,
            ": it has lost {lost}. Practices that are heard over another network are judged as before; of those that are heard over it \
             alone, linewatch knows nothing now and says nothing."
        );
        return text;
    }
    if kind == Cause::MONITOR {
        text.push_str(": linewatch cannot see the practices now, and says nothing about them.");
        return text;
    }
    if affected == 0 {
        // It isn't over yet, but nobody is affected now.
        let behind = if kind == Cause::PRACTICE {
            "its checks answer".to_owned()
        } else {
            format!("none of the {} practices behind it fails now", counts.behind)
        };
        return format!("{subject} answers again: {behind}. linewatch waits to see that it stays so.");
    }
    if kind == Cause::PRACTICE {
        match event.signature {
            Signature::Silent => text.push_str(": nothing is heard from it"),
            Signature::Slow => {
                let _ = write!(text, " over {lost}");
            }
            _ => {
                let _ = write!(text, ": it has lost {lost}");
            }
        }
        let _ = write!(
            text,
            "; {} of the {} other practices fail there too",
            counts.elsewhere_failing, counts.elsewhere
        );
    } else {
        let listed = affected.saturating_sub(strays.len());
        let all_seen = counts.failing as usize >= listed;
        let verb = match (event.signature, kind) {
            (Signature::Slow, _) => "find it slow".to_owned(),
            (Signature::Silent, _) => "have gone silent".to_owned(),
            (Signature::Partial, Cause::SERVICE) if !all_seen => "cannot always use it".to_owned(),
            (Signature::Partial, _) if !all_seen => format!("lose some of {lost}"),
            (_, Cause::SERVICE) => "cannot use it".to_owned(),
            _ => format!("lost {lost}"),
        };
        let _ = write!(text, "; {listed} of the {} practices behind it {verb}", counts.behind);
        if !all_seen {
            let seen = if event.signature == Signature::Partial { "have seen it" } else { "checked" };
            let _ = write!(text, " ({} {seen} so far)", counts.failing);
        }
        if counts.elsewhere > 0 {
            let _ = write!(text, ", and {} of {} elsewhere", counts.elsewhere_failing, counts.elsewhere);
        }
        if let Some(off) = off_the_map(strays) {
            let _ = write!(text, "; {off}");
        }
    }
    for (network, count) in estate.networks.iter().zip(kept) {
        // They were counted when the verdict was made, and who is affected is said a little later.
        let count = (*count as usize).min(affected);
        if event.network.as_deref().is_some_and(|hit| hit != network.id) && affected > 0 {
            if affected == 1 && count == 1 {
                let _ = write!(text, "; it still has {}", network.name);
            } else {
                let _ = write!(text, "; {count} of these {affected} still have {}", network.name);
            }
        }
    }
    text.push('.');
    text
}

/// The sentence with which an incident ends. `well_since`: since when what failed answers again, which it is waited for before it is said.
pub fn ended(estate: &Estate, event: &Event, well_since: At) -> String {
    let subject = capital(&names(estate, &event.cause));
    match event.reason {
        Some(Reason::Merged) => format!(
            "{subject}: this proved to be part of incident {}.",
            event.into.as_deref().unwrap_or("another")
        ),
        Some(Reason::Withdrawn) => format!("{subject} is no longer suspected."),
        Some(Reason::Recovered) | None => {
            let lasted = well_since.millis_since(event.since).max(0) / 1000;
            format!("{subject}: what failed answers again, {} after it began.", length(lasted))
        }
    }
}

/// That it comes at the same time day after day.
pub fn again(rhythm: &Rhythm) -> String {
    let day = if rhythm.weekdays_only { "weekday" } else { "day" };
    format!(
        "This is the {} {day} in a row: {} to {}.",
        ordinal(rhythm.days),
        rhythm.from.strftime("%H:%M"),
        rhythm.until.strftime("%H:%M")
    )
}

fn ordinal(number: u32) -> String {
    const WORDS: [&str; 20] = [
        "first",
        "second",
        "third",
        "fourth",
        "fifth",
        "sixth",
        "seventh",
        "eighth",
        "ninth",
        "tenth",
        "eleventh",
        "twelfth",
        "thirteenth",
        "fourteenth",
        "fifteenth",
        "sixteenth",
        "seventeenth",
        "eighteenth",
        "nineteenth",
        "twentieth",
    ];
    let word = (number as usize).checked_sub(1).and_then(|at| WORDS.get(at));
    word.map_or_else(
        || {
            let end = match (number % 100, number % 10) {
                (11..=13, _) => "th",
                (_, 1) => "st",
                (_, 2) => "nd",
                (_, 3) => "rd",
                _ => "th",
            };
            format!("{number}{end}")
        },
        |word| (*word).to_owned(),
    )
}

fn length(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_are_words_to_the_twentieth_and_numbers_from_there() {
        let said: Vec<String> = [1, 4, 12, 20, 21, 22, 23, 24, 111, 113].map(ordinal).to_vec();
        assert_eq!(
            said,
            ["first", "fourth", "twelfth", "twentieth", "21st", "22nd", "23rd", "24th", "111th", "113th"]
        );
    }
}
