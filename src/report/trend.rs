//! Which of its kind an incident was: the third firewall incident this year.

use std::collections::BTreeMap;

use super::Ground;
use super::names::{NamedCause, ordinal};
use super::period::{Filter, Toll};
use super::runs::{state, that_count};
use super::story::{Story, counts};
use crate::incident::{Cause, Event};
use crate::time::At;

/// Whoever reads a summary reads no more.
const TREND_LINES_MAX: usize = 10;

/// How many of the kind, and of the very same cause, there have been in the calendar year.
pub(super) fn of_incident_in_year(ground: &Ground<'_>, story: &Story<'_>) -> Vec<String> {
    let [cause] = story.last.cause.as_slice() else { return Vec::new() };
    if !story.counts() {
        return Vec::new();
    }
    let year = year_of(ground, story.first.at);
    let until = (story.first.at, story.first.incident.as_str());
    let earlier = counted(ground, year).filter(|(first, _)| (first.at, first.incident.as_str()) <= until);
    let (mut kind, mut same) = (0, 0);
    for (_, one) in earlier {
        kind += usize::from(one.kind == cause.kind);
        same += usize::from(one == cause);
    }
    let name = NamedCause::new(ground.estate, cause).name;
    vec![format!(
        "The {} {} incident of {year}, and the {} of {name}, as far as the journal goes back.",
        ordinal(kind),
        cause.kind,
        ordinal(same)
    )]
}

/// The causes of the calendar year's incidents that count, until a moment; of those that have one.
fn counted_in_year<'f>(ground: &Ground<'f>, year: i16, until: At) -> Vec<&'f Cause> {
    counted(ground, year).filter(|(first, _)| first.at < until).map(|(_, cause)| cause).collect()
}

/// By its beginning.
fn counted<'f>(ground: &Ground<'f>, year: i16) -> impl Iterator<Item = (&'f Event, &'f Cause)> {
    let ground = *ground;
    let ends = ground.facts.incidents.values().filter_map(|events| {
        let runs = that_count(events);
        runs.first().zip(runs.last()).map(|(first, last)| (first.first, last.last))
    });
    let ends = ends.filter(|(_, last)| counts(state(last), last));
    ends.filter(move |(first, _)| year_of(&ground, first.at) == year)
        .filter_map(|(first, last)| Some((first, last.cause.first().filter(|_| last.cause.len() == 1)?)))
}

fn year_of(ground: &Ground<'_>, at: At) -> i16 {
    at.to_timestamp().to_zoned(ground.estate.icb.timezone.clone()).year()
}

/// How many incidents had which cause, of those that have one; and which kind of cause.
#[derive(Default)]
struct Counts<'a> {
    kinds: BTreeMap<&'a str, usize>,
    same: BTreeMap<&'a Cause, usize>,
}

impl<'a> Counts<'a> {
    fn of(causes: impl IntoIterator<Item = &'a Cause>) -> Self {
        let mut counts = Self::default();
        for cause in causes {
            *counts.kinds.entry(cause.kind.as_str()).or_default() += 1;
            // What one practice has more than once, its own report says.
            if cause.kind != Cause::PRACTICE {
                *counts.same.entry(cause).or_default() += 1;
            }
        }
        counts
    }
}

/// What came more than once, in the period or, where that is more, in the year until its end.
pub(super) fn of_period(
    ground: &Ground<'_>,
    tolls: &[Toll<'_>],
    filter: &Filter,
    (from, to): (At, At),
) -> Vec<String> {
    let with_cause = tolls.iter().filter_map(|toll| match toll.story.last.cause.as_slice() {
        [one] => Some((toll.story.first.at, one)),
        _ => None,
    });
    let here = Counts::of(with_cause.clone().map(|(_, cause)| cause));
    // Which of the year one was that goes on from before, its own report says.
    let begun = Counts::of(with_cause.filter(|(first, _)| *first >= from).map(|(_, cause)| cause));
    let year = to.plus_millis(-1).to_timestamp().to_zoned(ground.estate.icb.timezone.clone()).year();
    // Of one practice or one supplier alone, the year's others aren't its own.
    let is_of_all = filter.practice.is_none() && filter.supplier.is_none();
    let of_year = if is_of_all { counted_in_year(ground, year, to) } else { Vec::new() };
    let so_far = Counts::of(of_year);
    let more = |of_year: Option<&usize>, count: usize| of_year.copied().filter(|of_year| *of_year > count);
    let kind_line = |(kind, count): (&&str, &usize)| match (*count, more(so_far.kinds.get(kind), *count)) {
        (1, None) => None,
        (1, Some(n)) if begun.kinds.contains_key(kind) => Some(format!(
            "1 incident had a {kind} as its cause, the {} of {year}, as far as the journal goes back.",
            ordinal(n)
        )),
        (count, None) => Some(format!("{count} incidents had a {kind} as their cause.")),
        (1, Some(n)) => Some(format!(
            "1 incident had a {kind} as its cause; in {year} it was {n} until then, as far as the journal goes back."
        )),
        (count, Some(n)) => Some(format!(
            "{count} incidents had a {kind} as their cause; in {year} it was {n} until then, as far as the journal goes back."
        )),
    };
    let mut lines: Vec<String> = here.kinds.iter().filter_map(kind_line).collect();
    let with_year = here.same.iter().map(|(cause, count)| {
        let of_year = more(so_far.same.get(cause), *count).filter(|_| begun.same.contains_key(cause));
        (*cause, *count, of_year)
    });
    let mut several: Vec<(&Cause, usize, Option<usize>)> =
        with_year.filter(|(_, count, of_year)| *count > 1 || of_year.is_some()).collect();
    several.sort_by_key(|(_, count, of_year)| std::cmp::Reverse(of_year.unwrap_or(*count)));
    lines.extend(several.into_iter().take(TREND_LINES_MAX).map(|(cause, count, of_year)| {
        let name = NamedCause::new(ground.estate, cause).name;
        match of_year {
            Some(n) => format!("{name}: the {} incident of {year}.", ordinal(n)),
            None => format!("{name}: the {} incident in this period.", ordinal(count)),
        }
    }));
    lines
}
