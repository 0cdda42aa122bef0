//! Time of day: the same cause at the same hour, day after day.
//!
//! A concentrator that saturates each morning recovers each noon, so each day by itself looks like a new fault
//! that went away. Only the row of days shows what it is. So what was resolved is remembered for a while, by
//! cause, and an incident is compared with those that began and ended at about the same local time on the
//! days before. Local time, because people's working days follow the clock on the wall: across the change to
//! summer time a fault of every morning keeps its hour.
//!
//! A row is unbroken: one missed day ends it, weekends apart where the row is one of weekdays. Public holidays
//! aren't known here, so one of them ends a row too, which says too little and never too much.

use std::collections::{BTreeMap, VecDeque};

use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::incident::Cause;
use crate::time::At;

use super::explain;
use super::wall_clock::{self, DAY_MIN, is_weekend};

/// Two days may be chance; the third is worth a sentence.
const ROW_MIN: u32 = 3;
/// Beginnings and ends may differ by this much, in minutes: people don't log in at the same minute each day.
const SLACK_MIN: i64 = 40;
/// What lasts longer than this has no time of day, in minutes.
const LASTS_MAX_MIN: i64 = 16 * 60;
/// A fault of the same cause that comes back sooner than this belongs to the same spell, in milliseconds.
const SAME_SPELL_MS: i64 = 30 * 60_000;
/// Spells older than this are forgotten: six working weeks say no more than four.
const KEPT_MS: i64 = 30 * 24 * 3_600_000;
/// Spells kept for each cause: two a day for the time above.
const SPELLS_MAX: usize = 64;
/// Causes kept; the one that was quiet the longest gives way. Far more than fail in a month.
const CAUSES_MAX: usize = 4_096;
/// Causes of one incident that are remembered: a larger group names nothing in particular.
const GROUP_MAX: usize = 8;
/// Days looked back at most.
const DAYS_MAX: i64 = 30;
/// Times in a sentence are rounded to this many minutes: a row of days is no more exact.
const ROUNDED_TO_MIN: i64 = 10;

/// What failed when, over the last weeks.
#[derive(Debug, Clone)]
pub struct History {
    zone: TimeZone,
    spells: BTreeMap<Cause, VecDeque<Spell>>,
}

/// One failure, from its beginning to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Spell {
    since: At,
    until: At,
}

/// A row of days with the same fault at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// Days in the row, today included.
    pub days: u32,
    /// Only weekdays count, and weekends don't break the row.
    pub weekdays_only: bool,
    /// Local time of day at which it usually begins and ends.
    pub from: Time,
    pub until: Time,
}

impl Rhythm {
    /// "This is the fourth weekday in a row: 08:10 to 09:50."
    pub fn sentence(&self) -> String {
        explain::again(self)
    }
}

impl History {
    /// Nothing is remembered yet; `zone` is the estate's.
    pub const fn new(zone: TimeZone) -> Self {
        Self { zone, spells: BTreeMap::new() }
    }

    /// Remembers that this group of causes failed from `since` to `until`. What overlaps a known spell, or
    /// follows it closely, extends it; order doesn't matter.
    pub fn note(&mut self, causes: &[Cause], since: At, until: At) {
        if until < since {
            return;
        }
        for cause in causes.iter().take(GROUP_MAX) {
            self.note_one(cause, Spell { since, until });
        }
        self.forget(until);
    }

    fn note_one(&mut self, cause: &Cause, mut new: Spell) {
        let spells = self.spells.entry(cause.clone()).or_default();
        spells.retain(|old| {
            let apart = old.since > new.until.plus_millis(SAME_SPELL_MS)
                || new.since > old.until.plus_millis(SAME_SPELL_MS);
            if !apart {
                new = Spell { since: old.since.min(new.since), until: old.until.max(new.until) };
            }
            apart
        });
        let at = spells.partition_point(|old| old.since < new.since);
        spells.insert(at, new);
        if spells.len() > SPELLS_MAX {
            spells.pop_front();
        }
    }

    /// Keeps what is no older than the bound, and no more causes than the bound.
    fn forget(&mut self, now: At) {
        self.spells.retain(|_, spells| {
            spells.retain(|spell| now.millis_since(spell.until) <= KEPT_MS);
            !spells.is_empty()
        });
        while self.spells.len() > CAUSES_MAX {
            let last = |spells: &VecDeque<Spell>| spells.iter().map(|spell| spell.until).max();
            let oldest = self.spells.iter().min_by_key(|(_, spells)| last(spells));
            let Some(oldest) = oldest.map(|(cause, _)| cause.clone()) else { return };
            self.spells.remove(&oldest);
        }
    }

    /// The row of days that an incident of these causes is the latest of. It began at `since`; `until` is when
    /// it ended, and while it hasn't, `now` must not be past the time at which it usually does.
    pub fn rhythm(&self, causes: &[Cause], since: At, until: Option<At>, now: At) -> Option<Rhythm> {
        let rows = causes.iter().take(GROUP_MAX).filter_map(|cause| self.spells.get(cause));
        rows.filter_map(|spells| self.row(spells, since, until, now)).max_by_key(|rhythm| rhythm.days)
    }

    fn row(&self, spells: &VecDeque<Spell>, since: At, until: Option<At>, now: At) -> Option<Rhythm> {
        let begins = self.wall_clock(since);
        let ended = until.map(|until| self.wall_clock(until));
        let slots: Vec<(i64, i64)> = spells
            .iter()
            .filter(|spell| spell.until < since)
            .map(|spell| (self.wall_clock(spell.since), self.wall_clock(spell.until)))
            .filter(|(from, to)| to - from <= LASTS_MAX_MIN)
            .collect();
        // What ends the day that counts as usual: today's end, or while that isn't known, the last one's.
        let mut usual = ended;
        let mut days: Vec<Slot> = vec![Slot { from: begins, to: ended, weekend: is_weekend(begins) }];
        let mut weekdays = days.clone();
        let (mut every_day, mut each_weekday) = (true, !is_weekend(begins));
        for back in 1..=DAYS_MAX {
            let shift = back * DAY_MIN;
            let weekend = is_weekend(begins - shift);
            let slot = slots.iter().find(|(from, to)| {
                near(from + shift, begins) && usual.is_none_or(|usual| near(to + shift, usual))
            });
            if let Some((from, to)) = slot {
                usual.get_or_insert(to + shift);
                let slot = Slot { from: from + shift, to: Some(to + shift), weekend };
                if every_day {
                    days.push(slot);
                }
                if each_weekday && !weekend {
                    weekdays.push(slot);
                }
            } else {
                every_day = false;
                each_weekday &= weekend;
            }
            if !every_day && !each_weekday {
                break;
            }
        }
        if ended.is_none() && usual.is_some_and(|usual| self.wall_clock(now) > usual + SLACK_MIN) {
            return None;
        }
        let (row, weekdays_only) = if weekdays.len() >= days.len() && !days.iter().any(|slot| slot.weekend) {
            (weekdays, true)
        } else {
            (days, false)
        };
        let count = u32::try_from(row.len()).unwrap_or(u32::MAX);
        (count >= ROW_MIN).then(|| Rhythm {
            days: count,
            weekdays_only,
            from: time_of_day(median(row.iter().map(|slot| slot.from))),
            until: time_of_day(median(row.iter().filter_map(|slot| slot.to))),
        })
    }

    fn wall_clock(&self, at: At) -> i64 {
        wall_clock::minutes(&self.zone, at)
    }
}

/// One day of a row, moved to today, in minutes on the wall clock.
#[derive(Clone, Copy)]
struct Slot {
    from: i64,
    to: Option<i64>,
    weekend: bool,
}

const fn near(a: i64, b: i64) -> bool {
    (a - b).abs() <= SLACK_MIN
}

fn median(minutes: impl Iterator<Item = i64>) -> i64 {
    let mut minutes: Vec<i64> = minutes.collect();
    minutes.sort_unstable();
    minutes.get(minutes.len() / 2).copied().unwrap_or(0)
}

fn time_of_day(wall_clock: i64) -> Time {
    let rounded = (wall_clock + ROUNDED_TO_MIN / 2).div_euclid(ROUNDED_TO_MIN) * ROUNDED_TO_MIN;
    let minutes = rounded.rem_euclid(DAY_MIN);
    let part = |value: i64| i8::try_from(value).unwrap_or(0);
    Time::new(part(minutes / 60), part(minutes % 60), 0, 0).unwrap_or(Time::midnight())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway() -> Vec<Cause> {
        vec![Cause { kind: "gateway".to_owned(), id: "vpn".to_owned() }]
    }

    fn local(text: &str) -> At {
        let zoned = format!("{text}[Europe/London]").parse::<jiff::Zoned>().expect("a local time");
        zoned.timestamp().into()
    }

    fn history(spells: &[(&str, &str)]) -> History {
        let mut history = History::new(TimeZone::get("Europe/London").expect("a zone"));
        for (since, until) in spells {
            history.note(&gateway(), local(since), local(until));
        }
        history
    }

    /// What is said when it begins again, and hasn't ended.
    fn said(history: &History, since: &str) -> Option<String> {
        let since = local(since);
        history.rhythm(&gateway(), since, None, since.plus_millis(60_000)).map(|rhythm| rhythm.sentence())
    }

    // 13 April 2026 is a Monday.
    const MORNINGS: [(&str, &str); 3] = [
        ("2026-04-13T08:12:30", "2026-04-13T09:49:00"),
        ("2026-04-14T08:08:00", "2026-04-14T09:52:00"),
        ("2026-04-15T08:10:00", "2026-04-15T09:50:00"),
    ];

    #[test]
    fn the_fourth_morning_in_a_row_is_said_as_soon_as_it_begins() {
        let history = history(&MORNINGS);
        let expected = "This is the fourth weekday in a row: 08:10 to 09:50.";
        assert_eq!(said(&history, "2026-04-16T08:11:00").as_deref(), Some(expected));
        // Over, it counts by its own end.
        let (since, until) = (local("2026-04-16T08:11:00"), local("2026-04-16T09:55:00"));
        assert_eq!(history.rhythm(&gateway(), since, Some(until), until).map(|r| r.days), Some(4));
    }

    #[test]
    fn the_second_morning_is_chance_and_the_third_is_not() {
        assert_eq!(said(&history(&MORNINGS[..1]), "2026-04-14T08:11:00"), None);
        let third = said(&history(&MORNINGS[..2]), "2026-04-15T08:11:00");
        assert_eq!(third.as_deref(), Some("This is the third weekday in a row: 08:10 to 09:50."));
    }

    #[test]
    fn a_weekend_does_not_break_a_row_of_weekdays() {
        let history = history(&[
            ("2026-04-16T08:10:00", "2026-04-16T09:50:00"),
            ("2026-04-17T08:10:00", "2026-04-17T09:50:00"),
            ("2026-04-20T08:10:00", "2026-04-20T09:50:00"),
        ]);
        let expected = "This is the fourth weekday in a row: 08:10 to 09:50.";
        assert_eq!(said(&history, "2026-04-21T08:10:00").as_deref(), Some(expected));
    }

    #[test]
    fn what_happens_at_weekends_too_is_a_row_of_days() {
        let history = history(&[
            ("2026-04-17T02:00:00", "2026-04-17T02:40:00"),
            ("2026-04-18T02:00:00", "2026-04-18T02:40:00"),
            ("2026-04-19T02:00:00", "2026-04-19T02:40:00"),
        ]);
        let expected = "This is the fourth day in a row: 02:00 to 02:40.";
        assert_eq!(said(&history, "2026-04-20T02:05:00").as_deref(), Some(expected));
    }

    #[test]
    fn a_missed_day_ends_the_row() {
        let gap = history(&[MORNINGS[0], MORNINGS[1]]);
        assert_eq!(said(&gap, "2026-04-16T08:10:00"), None, "nothing on Wednesday");
        let elsewhen = history(&[MORNINGS[0], MORNINGS[1], ("2026-04-15T12:10:00", "2026-04-15T13:50:00")]);
        assert_eq!(said(&elsewhen, "2026-04-16T08:10:00"), None, "on Wednesday at another time");
        let longer = history(&[MORNINGS[0], MORNINGS[1], ("2026-04-15T08:10:00", "2026-04-15T14:00:00")]);
        assert_eq!(said(&longer, "2026-04-16T08:10:00"), None, "on Wednesday into the afternoon");
    }

    /// Clocks went forward on Sunday 29 March 2026: in UTC, the slot moves by an hour.
    #[test]
    fn the_row_goes_on_over_the_change_to_summer_time() {
        let history = history(&[
            ("2026-03-26T08:10:00", "2026-03-26T09:50:00"),
            ("2026-03-27T08:10:00", "2026-03-27T09:50:00"),
            ("2026-03-30T08:10:00", "2026-03-30T09:50:00"),
        ]);
        let expected = "This is the fourth weekday in a row: 08:10 to 09:50.";
        assert_eq!(said(&history, "2026-03-31T08:10:00").as_deref(), Some(expected));
        // Within the hour that is there twice, and the one that isn't, nothing breaks.
        for night in ["2026-10-25T01:30:00", "2026-03-29T00:59:00"] {
            assert_eq!(said(&history, night), None);
        }
    }

    #[test]
    fn two_slots_a_day_are_two_rows() {
        let mut spells = MORNINGS.to_vec();
        spells.extend([
            ("2026-04-13T13:00:00", "2026-04-13T14:00:00"),
            ("2026-04-14T13:05:00", "2026-04-14T14:05:00"),
            ("2026-04-15T12:55:00", "2026-04-15T13:55:00"),
        ]);
        let history = history(&spells);
        let morning = said(&history, "2026-04-16T08:10:00");
        assert_eq!(morning.as_deref(), Some("This is the fourth weekday in a row: 08:10 to 09:50."));
        let noon = said(&history, "2026-04-16T13:00:00");
        assert_eq!(noon.as_deref(), Some("This is the fourth weekday in a row: 13:00 to 14:00."));
        assert_eq!(said(&history, "2026-04-16T10:40:00"), None, "between the two");
    }

    #[test]
    fn it_is_no_longer_the_same_when_it_outlasts_the_usual_end() {
        let history = history(&MORNINGS);
        let since = local("2026-04-16T08:10:00");
        let days = |now: &str| history.rhythm(&gateway(), since, None, local(now)).map(|r| r.days);
        assert_eq!(days("2026-04-16T10:20:00"), Some(4));
        assert_eq!(days("2026-04-16T10:40:00"), None);
    }

    #[test]
    fn a_slot_around_midnight_keeps_its_row() {
        let history = history(&[
            ("2026-04-13T23:50:00", "2026-04-14T00:30:00"),
            ("2026-04-15T00:05:00", "2026-04-15T00:40:00"),
            ("2026-04-15T23:55:00", "2026-04-16T00:35:00"),
        ]);
        let said = said(&history, "2026-04-17T00:01:00").expect("a row");
        assert!(said.starts_with("This is the fourth "), "{said}");
    }

    #[test]
    fn what_flaps_within_a_morning_is_one_spell() {
        let mut history = history(&MORNINGS[..2]);
        for part in [("08:10:00", "08:40:00"), ("08:55:00", "09:20:00"), ("09:30:00", "09:50:00")] {
            let [since, until] = [part.0, part.1].map(|time| local(&format!("2026-04-15T{time}")));
            history.note(&gateway(), since, until);
        }
        assert_eq!(history.spells[&gateway()[0]].len(), 3);
        let fourth = said(&history, "2026-04-16T08:10:00");
        assert_eq!(fourth.as_deref(), Some("This is the fourth weekday in a row: 08:10 to 09:50."));
    }

    #[test]
    fn one_of_a_group_that_was_named_alone_before_is_enough() {
        let mut group = gateway();
        group.insert(0, Cause { kind: "carrier".to_owned(), id: "bt".to_owned() });
        let since = local("2026-04-16T08:10:00");
        let rhythm = history(&MORNINGS).rhythm(&group, since, None, since);
        assert_eq!(rhythm.map(|rhythm| rhythm.days), Some(4));
    }

    #[test]
    fn memory_is_bounded_and_extreme_times_do_no_harm() {
        let mut history = history(&[]);
        let start = local("2026-04-13T08:00:00");
        for n in 0..1000 {
            let since = start.plus_millis(n * 3_600_000);
            history.note(&gateway(), since, since.plus_millis(60_000));
        }
        assert!(history.spells[&gateway()[0]].len() <= SPELLS_MAX);
        for n in 0..CAUSES_MAX + 100 {
            let cause = [Cause { kind: "practice".to_owned(), id: n.to_string() }];
            history.note(&cause, start, start);
        }
        assert!(history.spells.len() <= CAUSES_MAX);
        for at in [At::from_millis(i64::MIN), At::from_millis(i64::MAX), At::from_millis(0)] {
            history.note(&gateway(), At::from_millis(i64::MIN), at);
            let _ = history.rhythm(&gateway(), at, Some(at), at);
            let _ = history.rhythm(&gateway(), at, None, At::from_millis(i64::MAX));
        }
    }
}
