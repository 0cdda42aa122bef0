//! When each practice's agent is usually on. One on a PC that is switched off at half past six and doesn't say `@bye` falls silent
//! every evening, and no evening is an outage.
//!
//! Learned are days, of the wall clock: when an agent was first and last heard on each of the last [`DAYS_KEPT`] days on which it
//! was. Between the last word of one day and the first of the next it was *dark*, when that is long enough. From these:
//!
//! - A silence is *usual* when, half an hour after its last word, the agent was dark on [`TIMES_MIN`] of the last [`DAYS_LOOKED_AT`]
//!   days of the kind (weekdays; days of the weekend), or on as many of the last four days of that name, as where a surgery closes
//!   each Thursday at noon. Such an agent is taken to be switched off, as if it had said so: it is no evidence of anything.
//! - It is *due back* an hour after the time by which it is usually on, on the next day on which it usually comes on at all. Not
//!   back by then, it is silent as any other; since when, its last word says.
//! - When most agents that should have come on by now haven't, nobody works today: they are waited for until their next day.
//!
//! - Before that, *nobody knows*: of an agent that has never been seen to stay on through a night, a silence that begins in the
//!   evening or at night may be somebody going home. It isn't told as the practice's own until an hour into the next core hours.
//!   What several practices have in common is told as ever: that is no going home.
//!
//! So nothing is learned before the fourth evening; what falls silent in the middle of a working day was never dark at that time,
//! and is an outage as before; and what failed before it fell silent teaches nothing ([`Hours::spoil`]).

use serde::{Deserialize, Serialize};

use super::topology::Row;
use super::wall_clock::{DAY_MIN, WallClock, is_weekend};
use crate::estate::PracticeIx;
use crate::time::At;

/// Days kept of each agent: four weeks, so that a day of the week has been seen four times.
const DAYS_KEPT: usize = 28;
/// Days of one kind that are looked at: what was so a month ago needn't be.
const DAYS_LOOKED_AT: usize = 10;
/// Weeks back in which a day of the same name is looked at.
const WEEKS_LOOKED_AT: i64 = 4;
/// So many times is usual: twice may be chance, or one fault of two nights.
const TIMES_MIN: usize = 3;
/// Shorter than this an agent isn't dark: it was started anew, or the line was down over lunch.
const DARK_MIN: i64 = 3 * 60;
/// People don't switch off at the same minute each day: by so much later it must have been dark.
const SLACK_MIN: i64 = 30;
/// And don't come at the same minute: so long after the time by which it is usually on, it is waited for.
const GRACE_MIN: i64 = 60;
/// When core hours of general practice begin and end, in minutes of a weekday.
const CORE_BEGIN: i64 = 8 * 60;
const CORE_END: i64 = 18 * 60 + 30;
/// Before this nobody has come to work yet, and nobody who came goes home again.
const NIGHT_END: i64 = 6 * 60;
/// Fewer agents that are missing in the morning are no day off.
const DAY_OFF_MIN: usize = 3;
/// Where its last word of a day isn't known for what it is: the day's last minute, and a little more.
const UNKNOWN: u16 = u16::MAX;

/// One day on which an agent was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(i32, u16, u16)", into = "(i32, u16, u16)")]
pub struct DayHeard {
    /// Since 1970, of the wall clock.
    pub date: i32,
    /// Minutes of the day at which it was first and last heard; above the day's last minute: something else silenced it.
    pub first: u16,
    pub last: u16,
}

impl From<(i32, u16, u16)> for DayHeard {
    fn from((date, first, last): (i32, u16, u16)) -> Self {
        Self { date, first, last }
    }
}

impl From<DayHeard> for (i32, u16, u16) {
    fn from(day: DayHeard) -> Self {
        (day.date, day.first, day.last)
    }
}

impl DayHeard {
    fn begin(self) -> i64 {
        i64::from(self.date) * DAY_MIN
    }

    fn is_weekend(self) -> bool {
        is_weekend(self.begin())
    }
}

/// What is known of one practice's usual hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsualHours {
    /// Its id.
    pub practice: String,
    /// The oldest first.
    pub days: Vec<DayHeard>,
}

/// All agents' hours.
#[derive(Debug, Clone)]
pub struct Hours {
    clock: WallClock,
    /// By row. The hub's own has none: nobody switches it off.
    rows: Vec<OfRow>,
    day_off: Option<DayOff>,
}

#[derive(Debug, Clone, Default)]
struct OfRow {
    days: Vec<DayHeard>,
    /// What is kept of it elsewhere is older.
    changed: bool,
    rest: Option<Rest>,
}

/// It is taken to be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rest {
    /// By when it is usually on again, in minutes of the wall clock; `None`: nobody knows.
    usual: Option<i64>,
}

/// Most agents that should have come on by now haven't: nobody seems to work today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayOff {
    pub since: At,
    /// Of the wall clock, since 1970.
    date: i64,
    /// Agents that should have come on by then and hadn't, and those that had.
    pub missing: usize,
    pub here: usize,
}

impl Hours {
    pub fn new(clock: WallClock, rows: usize) -> Self {
        Self { clock, rows: vec![OfRow::default(); rows], day_off: None }
    }

    /// It is heard.
    pub fn hear(&mut self, row: Row, at: At) {
        let minutes = self.clock.minutes(at);
        let (Ok(date), Ok(minute)) =
            (i32::try_from(minutes.div_euclid(DAY_MIN)), u16::try_from(minutes.rem_euclid(DAY_MIN)))
        else {
            return;
        };
        let Some(of_row) = self.rows.get_mut(row as usize) else { return };
        of_row.rest = None;
        match of_row.days.last_mut() {
            Some(day) if day.date == date => {
                let later = day.last == UNKNOWN || minute > day.last;
                if later {
                    day.last = minute;
                    of_row.changed = true;
                }
            }
            // Of a clock that was set back nothing is learned.
            Some(day) if day.date > date => {}
            _ => {
                if of_row.days.len() >= DAYS_KEPT {
                    of_row.days.remove(0);
                }
                of_row.days.push(DayHeard { date, first: minute, last: minute });
                of_row.changed = true;
            }
        }
    }

    /// It wasn't switched off when it fell silent: nothing is learned from that. To be called before it is heard again.
    pub fn spoil(&mut self, row: Row) {
        let Some(of_row) = self.rows.get_mut(row as usize) else { return };
        if let Some(day) = of_row.days.last_mut() {
            day.last = UNKNOWN;
            of_row.changed = true;
        }
    }

    /// Whether a silence since then is usual; if so, it is taken to be switched off.
    pub fn rest(&mut self, row: Row, since: At) -> bool {
        let since = self.clock.minutes(since);
        let Some(of_row) = self.rows.get_mut(row as usize) else { return false };
        let usual = is_usual(&of_row.days, since);
        if usual {
            of_row.rest = Some(Rest { usual: next_on(&of_row.days, since.div_euclid(DAY_MIN)) });
        }
        usual
    }

    /// Whether a silence since then may be that somebody has gone home, as far as anybody knows of this agent yet: until when that is
    /// so, where it is at `now`.
    pub fn may_be_off(&self, row: Row, last: At, now: At) -> Option<At> {
        let days = self.rows.get(row as usize)?.days.as_slice();
        // What ended a day that was spoiled wasn't the night.
        let nights = || dark(days).filter(|(day, ..)| day.last != UNKNOWN);
        let stayed_on = nights().any(|(_, from, until)| until - from < DARK_MIN);
        if stayed_on || nights().count() >= TIMES_MIN {
            return None;
        }
        let last = self.clock.shows(last);
        let minute = last.rem_euclid(DAY_MIN);
        // People go a little sooner, too.
        if (NIGHT_END..CORE_END - SLACK_MIN).contains(&minute) {
            return None;
        }
        let next = |day: &i64| !is_weekend(day * DAY_MIN) && day * DAY_MIN + CORE_BEGIN > last;
        let today = last.div_euclid(DAY_MIN);
        let day = (today..today + 7).find(next)?;
        let until = self.clock.at(day * DAY_MIN + CORE_BEGIN + GRACE_MIN);
        (now < until).then_some(until)
    }

    /// It is taken to be switched off.
    pub fn rests(&self, row: Row) -> bool {
        self.rows.get(row as usize).is_some_and(|of_row| of_row.rest.is_some())
    }

    /// The agents that are due back at `now` and haven't come: they rest no more. On a day off there are none.
    pub fn missing(&mut self, now: At) -> Vec<Row> {
        let minutes = self.clock.minutes(now);
        let is_due = |of_row: &OfRow, grace: i64| {
            of_row.rest.and_then(|rest| rest.usual).is_some_and(|usual| usual + grace <= minutes)
        };
        let due: Vec<Row> = (0..self.rows.len())
            .filter(|position| is_due(&self.rows[*position], GRACE_MIN))
            .map(|position| PracticeIx::new(position).0)
            .collect();
        if due.is_empty() {
            return due;
        }
        let today = minutes.div_euclid(DAY_MIN);
        let missing = self.rows.iter().filter(|of_row| is_due(of_row, 0)).count();
        let is_here = |of_row: &&OfRow| {
            of_row.rest.is_none()
                && of_row.days.last().is_some_and(|day| i64::from(day.date) == today)
                && goes_off(&of_row.days)
        };
        let here = self.rows.iter().filter(is_here).count();
        let is_day_off = missing >= DAY_OFF_MIN && missing > here;
        if is_day_off && self.day_off.is_none_or(|known| known.date != today) {
            self.day_off = Some(DayOff { since: now, date: today, missing, here });
        }
        for row in &due {
            let of_row = &mut self.rows[*row as usize];
            of_row.rest = is_day_off.then(|| Rest { usual: next_on(&of_row.days, today) });
        }
        if is_day_off { Vec::new() } else { due }
    }

    /// When the first agent that rests will be due back.
    pub fn next_due(&self) -> Option<At> {
        let usual = self.rows.iter().filter_map(|of_row| of_row.rest?.usual).min();
        usual.map(|usual| self.clock.at(usual + GRACE_MIN))
    }

    /// Today is taken to be one.
    pub fn day_off(&self, now: At) -> Option<DayOff> {
        self.day_off.filter(|day_off| self.clock.shows(now).div_euclid(DAY_MIN) == day_off.date)
    }

    /// Takes over what was known of a row, which hasn't been heard yet.
    pub fn restore(&mut self, row: Row, mut days: Vec<DayHeard>) {
        days.sort_unstable_by_key(|day| day.date);
        days.dedup_by_key(|day| day.date);
        let days = days.split_off(days.len().saturating_sub(DAYS_KEPT));
        if let Some(of_row) = self.rows.get_mut(row as usize) {
            *of_row = OfRow { days, changed: false, rest: None };
        }
    }

    /// Takes a row over from another estate.
    pub fn take_over(&mut self, row: Row, from: &Self, was: Row) {
        if let (Some(of_row), Some(was)) = (self.rows.get_mut(row as usize), from.rows.get(was as usize)) {
            of_row.clone_from(was);
        }
    }

    /// What is known of each row, in order.
    pub fn all(&self) -> impl Iterator<Item = &[DayHeard]> {
        self.rows.iter().map(|of_row| of_row.days.as_slice())
    }

    /// What is known of the rows of which more is known than when this was last asked. `name`: whose a row is.
    pub fn take_changed(&mut self, name: impl Fn(usize) -> Option<String>) -> Vec<UsualHours> {
        let changed = self.rows.iter_mut().enumerate().filter(|(_, of_row)| of_row.changed);
        let taken = changed.filter_map(|(position, of_row)| {
            of_row.changed = false;
            Some(UsualHours { practice: name(position)?, days: of_row.days.clone() })
        });
        taken.collect()
    }
}

/// From when until when it was dark after each day but the last, in minutes of the wall clock.
fn dark(days: &[DayHeard]) -> impl DoubleEndedIterator<Item = (DayHeard, i64, i64)> + '_ {
    days.windows(2).map(|pair| {
        let [day, next] = [pair[0], pair[1]];
        (day, day.begin() + i64::from(day.last), next.begin() + i64::from(next.first))
    })
}

fn is_dark(from: i64, until: i64, at: i64) -> bool {
    until - from >= DARK_MIN && (from..until).contains(&at)
}

/// At least as often as is usual, it was dark over night.
fn goes_off(days: &[DayHeard]) -> bool {
    dark(days).filter(|(_, from, until)| until - from >= DARK_MIN).count() >= TIMES_MIN
}

/// Whether a silence since then is usual. `since`: its last word, in minutes of the wall clock.
fn is_usual(days: &[DayHeard], since: i64) -> bool {
    let today = since.div_euclid(DAY_MIN);
    let off = since.rem_euclid(DAY_MIN) + SLACK_MIN;
    let before = || dark(days).rev().filter(|(day, ..)| i64::from(day.date) < today);
    let was_dark = |(day, from, until): &(DayHeard, i64, i64)| is_dark(*from, *until, day.begin() + off);
    let same_kind = before().filter(|(day, ..)| day.is_weekend() == is_weekend(since));
    let same_name = before().filter(|(day, ..)| {
        let back = today - i64::from(day.date);
        back % 7 == 0 && back / 7 <= WEEKS_LOOKED_AT
    });
    same_kind.take(DAYS_LOOKED_AT).filter(was_dark).count() >= TIMES_MIN
        || same_name.filter(was_dark).count() >= TIMES_MIN
}

/// By when it is usually on again after `today`, in minutes of the wall clock.
fn next_on(days: &[DayHeard], today: i64) -> Option<i64> {
    let date = (today + 1..=today + 7).find(|date| comes_on(days, *date))?;
    let weekend = is_weekend(date * DAY_MIN);
    let same_kind = days.iter().rev().filter(|day| day.is_weekend() == weekend);
    let mut firsts: Vec<i64> = same_kind.take(DAYS_LOOKED_AT).map(|day| i64::from(day.first)).collect();
    firsts.sort_unstable();
    // All but the latest quarter: a day on which the line was down in the morning is none of its hours.
    let usual = firsts.get((firsts.len() * 3 / 4).min(firsts.len().saturating_sub(1)))?;
    Some(date * DAY_MIN + usual)
}

/// Whether it usually comes on that day: on most of the same days of the weeks that are known; where fewer than two are known, on
/// weekdays.
fn comes_on(days: &[DayHeard], date: i64) -> bool {
    let Some(known_since) = days.first().map(|day| i64::from(day.date)) else { return false };
    let same = || (1..WEEKS_LOOKED_AT).map(|week| date - 7 * week).filter(|date| *date >= known_since);
    let known = same().count();
    let came = same().filter(|date| days.iter().any(|day| i64::from(day.date) == *date)).count();
    if known < 2 { !is_weekend(date * DAY_MIN) } else { came * 2 > known }
}

#[cfg(test)]
mod tests;
