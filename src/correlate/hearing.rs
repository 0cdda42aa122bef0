//! When each agent was heard, and by which clock it goes: how long it may be silent before that says something, and
//! when it is silent.

use super::model::LATE_BY_ITSELF;
use crate::time::At;

/// When one agent was heard.
#[derive(Debug, Clone, Copy)]
pub struct Hearing {
    /// [`At::from_millis`]`(i64::MIN)`: never.
    pub last: At,
    /// The same of what was asked as scheduled, or made by the agent's own clock. What is asked again comes in bursts, and
    /// most of all when something is wrong: it shows that the agent is there, and nothing of its pace.
    last_paced: At,
    /// Longest gap between two arrivals lately.
    gap_ms: i64,
    /// Mean gap between two arrivals lately.
    mean_gap_ms: i64,
    arrivals: u32,
    /// It is overdue.
    pub late: bool,
    /// It has been for longer than an agent holds its reports back.
    pub silent: bool,
    /// It said goodbye, or is taken to be switched off, as it usually is at that time ([`super::hours`]).
    pub away: bool,
    /// Until then its silence is excused: what it would have been heard over was down at the hub's end.
    excused: At,
    /// The network that it was heard over last, where its report said so.
    pub uplink: Option<u16>,
    /// When the last report of a backlog arrived.
    backlog: At,
    clock: Clock,
}

/// Arrivals after which the longest gap is believed.
const GAP_LEARNED_MIN: u32 = 48;
/// An agent sends a heartbeat every 30 s at least; two missed and a little more are late, whatever was learned.
const LATE_MS_MAX: i64 = 75_000;
/// Never late sooner than this: a busy machine, a garbage collection on a switch.
const LATE_MS_MIN: i64 = 5_000;
/// An agent that holds its reports back for a moment (a busy line, a roaming router) does so for up to 75 s; with the
/// gaps before and after that, it is silent when nothing came for this long …
const SILENT_MS: i64 = 80_000;
/// … and three usual gaps, or five that are shorter by this in all: long gaps vary more …
const SILENT_SPARE_MS: i64 = 5_000;
/// … which together are at most this.
const SILENT_GAP_MS_MAX: i64 = 25_000;

/// Reports of a backlog that come this soon after each other were kept; slower ones are sent as they are made, by an
/// agent with a slow clock.
const FLUSH_GAP_MS: i64 = 1_000;
/// One that is heard so often at its own pace, with history alone, is there.
const HISTORY_ARRIVALS_MIN: u32 = 4;

/// How far an agent's clock is off, as the quickest of its last reports shows: a report can be slow, but none can be
/// quicker than at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// The quickest report, in milliseconds from the end of its asking to its arrival, of the block before and of this
    /// one.
    before_ms: i32,
    block_ms: i32,
    /// Reports in this block.
    reports: u8,
}

/// Reports in a block.
const CLOCK_BLOCK: u8 = 16;
/// An agent that always takes so long has a slow clock, and not a slow line.
const BEHIND_MS_MIN: i32 = 5_000;

impl Clock {
    pub const UNKNOWN: Self = Self { before_ms: i32::MAX, block_ms: i32::MAX, reports: 0 };

    pub fn hear(&mut self, took_ms: i64) {
        let took_ms = i32::try_from(took_ms).unwrap_or(if took_ms < 0 { i32::MIN } else { i32::MAX });
        if self.reports == CLOCK_BLOCK {
            *self = Self { before_ms: self.block_ms, block_ms: i32::MAX, reports: 0 };
        }
        self.block_ms = self.block_ms.min(took_ms);
        self.reports += 1;
    }

    /// What must be added to its times, in milliseconds.
    pub fn off_ms(self) -> i64 {
        let quickest = self.before_ms.min(self.block_ms);
        // Until a block is full, a backlog could look like a slow clock.
        let known = self.before_ms != i32::MAX;
        if quickest < 0 || known && quickest >= BEHIND_MS_MIN { i64::from(quickest) } else { 0 }
    }
}

impl Hearing {
    /// Nothing was ever heard.
    pub const NEW: Self = Self {
        last: Self::NEVER,
        last_paced: Self::NEVER,
        gap_ms: 0,
        mean_gap_ms: 0,
        arrivals: 0,
        late: false,
        silent: false,
        away: false,
        excused: Self::NEVER,
        uplink: None,
        backlog: Self::NEVER,
        clock: Clock::UNKNOWN,
    };
    pub const NEVER: At = At::from_millis(i64::MIN);

    pub fn ever(&self) -> bool {
        self.last != Self::NEVER
    }

    /// It was heard last over this network, as far as its report said so.
    pub fn came_over(&self, network: usize) -> bool {
        self.uplink.map(usize::from) == Some(network)
    }

    /// It is heard now.
    pub fn reports(&self) -> bool {
        self.ever() && !self.late && !self.away
    }

    /// The time at which this row began to ask, by the hub's clock, given when it says that it did and how long its
    /// report took from then on. `reask`: it was asked again, which adds nothing to what is known of its clock.
    pub fn by_our_clock(&mut self, at: At, took_ms: i64, reask: bool) -> At {
        if !reask {
            self.clock.hear(took_ms);
        }
        at.plus_millis(self.clock.off_ms())
    }

    /// Its clock was set.
    pub fn forget_clock(&mut self) {
        self.clock = Clock::UNKNOWN;
    }

    /// It is overdue, and taken to be switched off.
    pub fn rest(&mut self) {
        (self.late, self.silent, self.away) = (false, false, true);
    }

    /// It was taken to be switched off, and should be back.
    pub fn miss(&mut self) {
        (self.late, self.silent, self.away) = (true, true, false);
    }

    /// Sees what time it is; returns whether it is newly overdue or silent.
    pub fn see(&mut self, now: At) -> bool {
        if !self.ever() || self.silent || self.away {
            return false;
        }
        let quiet_ms = now.millis_since(self.last);
        let (late, silent) = (quiet_ms > self.patience_ms(), quiet_ms >= self.told_silent_ms());
        let news = late != self.late || silent;
        (self.late, self.silent) = (late || silent, silent);
        news
    }

    /// How long it may be silent before that says something.
    pub fn patience_ms(&self) -> i64 {
        if self.arrivals < GAP_LEARNED_MIN {
            return LATE_MS_MAX;
        }
        (self.gap_ms * 5 / 4 + 1_000).clamp(LATE_MS_MIN, LATE_MS_MAX)
    }

    /// How long it must be silent before people are told.
    pub fn silent_ms(&self) -> i64 {
        let gap_ms = self.mean_gap_ms;
        SILENT_MS + (3 * gap_ms).max(5 * gap_ms - SILENT_SPARE_MS).min(SILENT_GAP_MS_MAX)
    }

    /// The same, what is excused of it left out.
    pub fn told_silent_ms(&self) -> i64 {
        let excused_ms = if self.excused > self.last { self.excused.millis_since(self.last) } else { 0 };
        excused_ms.saturating_add(self.silent_ms())
    }

    /// That it isn't heard at `now` is no wonder: what it was heard over last is down at the hub's end.
    pub fn excuse(&mut self, now: At) {
        self.excused = self.excused.max(now);
        self.silent = false;
    }

    /// Something arrived. `backlog`: it is history. An agent that was cut off sends what it kept in quick succession,
    /// and that says nothing about how often it is heard at other times; nor does it say that an agent which said
    /// goodbye is back, or that one of which nothing else was ever heard is there. `reask`: it was asked again, and says
    /// nothing about how often it is heard.
    pub fn hear(&mut self, at: At, backlog: bool, reask: bool) {
        let says_pace = !reask && self.learn_pace(at, backlog);
        if backlog && self.away && at.millis_since(self.last) <= LATE_MS_MAX {
            return;
        }
        if says_pace {
            self.arrivals = self.arrivals.saturating_add(1);
        }
        if backlog && !self.ever() && self.arrivals < HISTORY_ARRIVALS_MIN {
            return;
        }
        // One that was away goes on from here, whatever it says first.
        if !reask || self.late || self.away {
            self.last_paced = self.last_paced.max(at);
        }
        self.last = self.last.max(at);
        self.late = false;
        self.silent = false;
        self.away = false;
    }

    /// Learns how often it is heard; returns whether this arrival says something of that.
    fn learn_pace(&mut self, at: At, backlog: bool) -> bool {
        let before = self.last_paced.max(self.backlog);
        let gap = if before == Self::NEVER { i64::MAX } else { at.millis_since(before) };
        let flushed = gap <= FLUSH_GAP_MS && (backlog || self.backlog == before);
        if backlog {
            self.backlog = self.backlog.max(at);
        }
        if self.last_paced != Self::NEVER && !self.late && !self.away && !flushed {
            // The longest gap is forgotten slowly, so that one pause doesn't blind it for ever.
            self.gap_ms = gap.max(self.gap_ms - self.gap_ms / 512);
            self.mean_gap_ms += (gap - self.mean_gap_ms) / 16;
        }
        !flushed
    }
}

/// How often the agents of an estate are overdue and nothing is the matter: the share of their time, learned, as that
/// of a check's own failures is.
#[derive(Debug, Clone, Copy)]
pub struct Lateness {
    share: f64,
}

/// So much time of all agents together changes what was learned by 1 − 1/e.
const LATENESS_LEARNED_MS: f64 = 24.0 * 3_600_000.0;
/// At most this share is believed: beyond it, late says little …
const LATENESS_MAX: f64 = 0.02;

impl Lateness {
    /// … and at first, and at least, this one.
    pub fn new() -> Self {
        Self { share: LATE_BY_ITSELF.exp() }
    }

    /// Learns from what arrives now, before `hearing` hears it. One that was silent was more than late.
    pub fn learn(&mut self, hearing: &Hearing, at: At) {
        if !hearing.ever() || hearing.away || hearing.arrivals < GAP_LEARNED_MIN {
            return;
        }
        let gap_ms = at.millis_since(hearing.last_paced);
        if gap_ms <= 0 || gap_ms >= hearing.silent_ms() {
            return;
        }
        let late = (gap_ms - hearing.patience_ms()).max(0) as f64 / gap_ms as f64;
        let weight = (gap_ms as f64 / LATENESS_LEARNED_MS).min(1.0);
        self.share = (self.share + (late - self.share) * weight).clamp(LATE_BY_ITSELF.exp(), LATENESS_MAX);
    }

    /// log P(an agent is overdue | nothing is the matter).
    pub fn log(self) -> f64 {
        self.share.ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> At {
        At::from_millis(1_773_644_400_000 + ms)
    }

    /// Hears reports that take so long by the agent's clock; returns what is added to its times then.
    fn off_ms(took: impl IntoIterator<Item = i64>) -> i64 {
        let mut hearing = Hearing::NEW;
        let corrected = took.into_iter().map(|took| hearing.by_our_clock(at(0), took, false)).last();
        corrected.map_or(0, |corrected| corrected.millis_since(at(0)))
    }

    #[test]
    fn an_agent_whose_clock_is_ahead_is_put_back_at_once() {
        assert_eq!(off_ms([-58_000]), -58_000);
    }

    #[test]
    fn an_agent_whose_clock_is_behind_is_put_forward_when_that_is_sure() {
        assert_eq!(off_ms([61_000; 8]), 0, "so far it could be a backlog");
        assert_eq!(off_ms([61_000; 40]), 61_000);
    }

    #[test]
    fn a_slow_line_is_no_slow_clock() {
        let took = (0..64).map(|n| if n % 5 == 0 { 900 } else { 8_000 });
        assert_eq!(off_ms(took), 0);
    }

    #[test]
    fn a_clock_that_was_set_right_is_believed_again() {
        assert_eq!(off_ms([61_000; 40].into_iter().chain([200; 40])), 0);
    }

    #[test]
    fn a_clock_that_was_ahead_and_set_right_can_be_forgotten() {
        let mut hearing = Hearing::NEW;
        hearing.by_our_clock(at(0), -3_600_000, false);
        hearing.forget_clock();
        assert_eq!(hearing.by_our_clock(at(0), 200, false), at(0));
    }

    #[test]
    fn an_agent_with_a_slow_clock_teaches_its_pace() {
        let mut hearing = Hearing::NEW;
        for n in 0..200 {
            hearing.hear(at(n * 15_000), true, false);
        }
        assert!(hearing.patience_ms() >= 15_000, "{hearing:?}");
        assert!(!hearing.see(at(199 * 15_000 + 16_000)), "it isn't late");
    }

    #[test]
    fn a_backlog_at_the_start_teaches_nothing() {
        let mut hearing = Hearing::NEW;
        for n in 0..200 {
            hearing.hear(at(n * 15), true, false);
        }
        for n in 1..20 {
            hearing.hear(at(n * 15_000), false, false);
            assert_eq!(hearing.patience_ms(), LATE_MS_MAX);
        }
    }

    #[test]
    fn history_does_not_take_a_goodbye_back_until_it_goes_on() {
        let mut hearing = Hearing::NEW;
        hearing.hear(at(0), false, false);
        hearing.away = true;
        hearing.hear(at(1_000), true, false);
        assert!(hearing.away && !hearing.reports());
        hearing.hear(at(1_000 + LATE_MS_MAX), true, false);
        assert!(!hearing.away && hearing.reports());
    }

    #[test]
    fn what_is_known_by_history_alone_is_unknown_unless_it_goes_on() {
        let mut hearing = Hearing::NEW;
        for n in 0..50 {
            hearing.hear(at(n * 15), true, false);
        }
        assert!(!hearing.ever());
        for n in 1..4 {
            hearing.hear(at(n * 30_000), true, false);
        }
        assert!(hearing.ever());
    }

    #[test]
    fn a_backlog_teaches_no_impatience() {
        let mut hearing = Hearing::NEW;
        for n in 0..100 {
            hearing.hear(at(n * 8_000), false, false);
        }
        let patience_ms = hearing.patience_ms();
        let back = 100 * 8_000;
        for n in 0..20_000 {
            // What it asks now comes in between.
            hearing.hear(at(back + n * 15), n % 500 != 499, false);
        }
        assert_eq!(hearing.patience_ms(), patience_ms);
    }

    #[test]
    fn where_agents_are_often_late_late_says_less_and_an_outage_teaches_nothing() {
        let (mut hearing, mut lateness) = (Hearing::NEW, Lateness::new());
        let mut now = 0;
        let mut hear = |gap_ms: i64, lateness: &mut Lateness| {
            now += gap_ms;
            hearing.see(at(now));
            lateness.learn(&hearing, at(now));
            hearing.hear(at(now), false, false);
        };
        for n in 0..100_000 {
            // Now and then a pause of which 4 s are more than it is given.
            hear(if n % 500 == 499 { 9_000 } else { 2_500 }, &mut lateness);
        }
        assert!((-6.5..-5.5).contains(&lateness.log()), "{}", lateness.log());
        let before = lateness.log();
        hear(3_600_000, &mut lateness);
        assert!(lateness.log() <= before, "an hour of silence was more than late");
    }

    #[test]
    fn what_is_asked_again_teaches_neither_pace_nor_clock() {
        let (mut plain, mut busy) = (Hearing::NEW, Hearing::NEW);
        let (mut of_plain, mut of_busy) = (Lateness::new(), Lateness::new());
        for n in 0..2_000 {
            // Now and then an agent is late by itself.
            let now = n * 10_000 + if n % 100 == 99 { 9_000 } else { 0 };
            for (hearing, lateness) in [(&mut plain, &mut of_plain), (&mut busy, &mut of_busy)] {
                lateness.learn(hearing, at(now));
                hearing.hear(at(now), false, false);
                hearing.by_our_clock(at(now), 6_000, false);
            }
            for again in (0..3).filter(|_| n % 7 == 0) {
                busy.hear(at(now + 300 * again), false, true);
                busy.by_our_clock(at(now + 300 * again), 100, true);
            }
        }
        assert_eq!((plain.patience_ms(), plain.silent_ms()), (busy.patience_ms(), busy.silent_ms()));
        assert_eq!(plain.by_our_clock(at(0), 6_000, true), busy.by_our_clock(at(0), 6_000, true));
        assert!((of_plain.log() - of_busy.log()).abs() < 1e-12);
        let end = 1_999 * 10_000 + 9_000;
        assert!(busy.see(at(end + 60_000)) && busy.late);
        busy.hear(at(end + 7_200_000), false, true);
        assert!(!busy.late, "but it is heard");
        busy.hear(at(end + 7_205_000), false, false);
        assert!(busy.patience_ms() <= plain.patience_ms(), "and its silence was none of its pace");
    }

    #[test]
    fn an_agent_is_late_soon_and_silent_after_more_than_it_ever_holds_back() {
        let mut hearing = Hearing::NEW;
        for n in 0..100 {
            hearing.hear(at(n * 2_500), false, false);
        }
        let last = 99 * 2_500;
        assert!(!hearing.see(at(last + 3_000)) && !hearing.late);
        assert!(hearing.see(at(last + 6_000)) && hearing.late && !hearing.silent);
        assert!(!hearing.see(at(last + 76_000)), "a minute and a quarter may be held back");
        assert!(hearing.see(at(last + 90_000)) && hearing.silent);
        hearing.hear(at(last + 91_000), false, false);
        assert!(!hearing.late && !hearing.silent);
    }
}
