//! The comb: when each check is due. Pure: the time comes in, and nothing is slept for.
//!
//! Check *k* of a practice's probe is due at `k · every + phase` on the grid of the wall clock, and the
//! phase is a hash of practice and probe. So the checks of an estate are spread evenly over every interval,
//! a shared component is sampled many times a second, nothing starts in a herd, and a restart goes on in
//! the same rhythm. A slot that was missed is skipped, never made up for in a burst.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use super::load::target_rates;
use crate::config::ScheduleSettings;
use crate::estate::{Estate, PracticeIx, Probe, ProbeIx, Vantage};
use crate::limits::HEARTBEAT_EVERY;
use crate::observation::{ALIVE, HUB};
use crate::time::{At, whole_millis};

/// Where in each interval a practice's check is due: from zero up to, but not including, `every`. The
/// FNV-1a hash (64 bits) of `practice NUL probe`, modulo `every` in milliseconds.
pub fn phase(practice_id: &str, probe_id: &str, every: Duration) -> Duration {
    let every_ms = u64::try_from(every.as_millis()).unwrap_or(u64::MAX).max(1);
    let hash = practice_id
        .bytes()
        .chain(std::iter::once(0))
        .chain(probe_id.bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    Duration::from_millis(hash % every_ms)
}

/// What the schedule makes due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Duty {
    /// Ask one probe.
    Check { from: Vantage, probe: ProbeIx },
    /// Say that a practice's worker lives.
    Alive { practice: PracticeIx },
}

/// Whose checks are asked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Whose {
    /// The hub's own and every practice's: one machine acts for all.
    #[default]
    Everybodys,
    /// The hub's own: agents at the practices ask theirs.
    Hubs,
    /// The practices': this is an agent.
    Practices,
}

/// One thing to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Position among all duties: the same for the same estate.
    pub number: usize,
    pub duty: Duty,
    /// When the comb wanted it. A capped target's check waits its turn, and that isn't lateness, so this
    /// is the turn.
    pub slot: At,
}

/// The duties of one estate, each with its next slot.
#[derive(Debug)]
pub struct Schedule {
    duties: Vec<Planned>,
    /// The probes that are asked, in the order of a vantage's duties.
    asked: Vec<ProbeIx>,
    whose: Whose,
    /// For a capped target: when it may be asked next.
    turns_ms: Vec<i64>,
    turn_gap_ms: i64,
    queue: BinaryHeap<Reverse<Entry>>,
    skipped: u64,
    stretched: Vec<Stretched>,
}

/// A target whose cap is below what its checks would ask of it, so that they are asked less often.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretched {
    pub target: String,
    /// Checks a second that the probes' `every` would come to.
    pub wanted_per_second: f64,
    pub cap_per_second: f64,
}

#[derive(Debug)]
struct Planned {
    duty: Duty,
    period_ms: i64,
    phase_ms: i64,
    /// Position in `turns_ms`, when its target is capped.
    target: Option<u32>,
}

/// Ordered by when it is due, then by number, so that the order is the same each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    due_ms: i64,
    number: u32,
    slot_ms: i64,
    has_turn: bool,
}

impl Schedule {
    /// Every probe that is asked at every practice and at the hub, and every practice's heartbeat. The first slot of each
    /// is the first one of its comb after `now`.
    pub fn new(estate: &Estate, settings: &ScheduleSettings, now: At) -> Self {
        Self::of(Whose::Everybodys, estate, settings, now)
    }

    /// The same, of those whose checks are asked here.
    pub fn of(whose: Whose, estate: &Estate, settings: &ScheduleSettings, now: At) -> Self {
        let cap = settings.target_rate_max.filter(|cap| cap.is_finite() && *cap > 0.0);
        let (targets, stretched) = match cap {
            Some(cap) => cap_targets(estate, cap),
            None => (Vec::new(), Vec::new()),
        };
        let mut duties = Vec::with_capacity((estate.practices.len() + 1) * (estate.probes.len() + 1));
        let asked: Vec<(usize, &Probe)> =
            estate.probes.iter().enumerate().filter(|(_, probe)| !probe.ask.is_passive()).collect();
        let mut plan = |from: Vantage, practice_id: &str| {
            for (position, probe) in &asked {
                let target = targets.get(*position);
                let stretch = target.map_or(1.0, |target| target.stretch);
                let every = probe.every.mul_f64(stretch);
                duties.push(Planned {
                    duty: Duty::Check { from, probe: ProbeIx::new(*position) },
                    period_ms: whole_millis(every).max(1),
                    phase_ms: whole_millis(phase(practice_id, &probe.id, every)),
                    target: target.map(|target| target.number),
                });
            }
            if let Vantage::Practice(practice) = from {
                duties.push(Planned {
                    duty: Duty::Alive { practice },
                    period_ms: whole_millis(HEARTBEAT_EVERY),
                    phase_ms: whole_millis(phase(practice_id, ALIVE, HEARTBEAT_EVERY)),
                    target: None,
                });
            }
        };
        if whose != Whose::Practices {
            plan(Vantage::Hub, HUB);
        }
        let practices = if whose == Whose::Hubs { &[][..] } else { &estate.practices };
        for (position, practice) in practices.iter().enumerate() {
            plan(Vantage::Practice(PracticeIx::new(position)), &practice.id);
        }
        let turns = targets.iter().map(|target| target.number as usize + 1).max().unwrap_or(0);
        let mut schedule = Self {
            duties,
            asked: asked.iter().map(|(position, _)| ProbeIx::new(*position)).collect(),
            whose,
            turns_ms: vec![i64::MIN; turns],
            turn_gap_ms: cap
                .map_or(0, |cap| whole_millis(Duration::from_secs_f64((1.0 / cap).min(86_400.0)))),
            queue: BinaryHeap::new(),
            skipped: 0,
            stretched,
        };
        schedule.realign(now);
        schedule
    }

    /// Starts over from `now`: after the clock was set, or the machine slept, the slots in between are gone.
    pub fn realign(&mut self, now: At) {
        self.turns_ms.fill(i64::MIN);
        let now_ms = now.as_millis();
        self.queue = self
            .duties
            .iter()
            .enumerate()
            .map(|(number, planned)| Reverse(Entry::new(number, planned.slot_after(now_ms))))
            .collect();
    }

    /// The number of a check's duty; `None`: nobody asks it.
    pub fn number(&self, from: Vantage, probe: ProbeIx) -> Option<usize> {
        let place = self.asked.iter().position(|asked| *asked == probe)?;
        let asked = self.asked.len();
        let of_hub = if self.whose == Whose::Practices { 0 } else { asked };
        let number = match from {
            Vantage::Hub if self.whose == Whose::Practices => return None,
            Vantage::Hub => place,
            // Each practice's checks are followed by its heartbeat.
            Vantage::Practice(practice) => of_hub + practice.at() * (asked + 1) + place,
        };
        (number < self.duties.len()).then_some(number)
    }

    /// Lets a check be asked `now` beside its slots, as far as its target's cap goes: where a turn is free, it is taken.
    /// Else when the next one is.
    pub fn take_turn(&mut self, number: usize, now: At) -> Result<(), At> {
        let target = self.duties.get(number).and_then(|planned| planned.target);
        let Some(turn) = target.and_then(|target| self.turns_ms.get_mut(target as usize)) else {
            return Ok(());
        };
        if *turn > now.as_millis() {
            return Err(At::from_millis(*turn));
        }
        *turn = now.as_millis() + self.turn_gap_ms;
        Ok(())
    }

    /// How many duties there are; [`Due::number`] is below it.
    pub fn len(&self) -> usize {
        self.duties.len()
    }

    pub fn is_empty(&self) -> bool {
        self.duties.is_empty()
    }

    /// When something is due next.
    pub fn next_due(&self) -> Option<At> {
        self.queue.peek().map(|Reverse(entry)| At::from_millis(entry.due_ms))
    }

    /// Slots that were skipped because the next one was due already.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Targets that are asked less often than their probes' `every` says, because of `[schedule] target_rate`.
    pub fn stretched(&self) -> &[Stretched] {
        &self.stretched
    }

    /// The next thing that is due at `now`, earliest first; `None` when nothing is.
    pub fn take(&mut self, now: At) -> Option<Due> {
        let now_ms = now.as_millis();
        loop {
            let Reverse(mut entry) = *self.queue.peek()?;
            if entry.due_ms > now_ms {
                return None;
            }
            self.queue.pop();
            let number = entry.number as usize;
            let planned = &self.duties[number];
            if now_ms.saturating_sub(entry.slot_ms) >= planned.period_ms {
                let next_ms = planned.slot_after(now_ms);
                let missed = (next_ms - entry.slot_ms) / planned.period_ms;
                self.skipped = self.skipped.saturating_add(u64::try_from(missed).unwrap_or(0));
                self.queue.push(Reverse(Entry::new(number, next_ms)));
                continue;
            }
            if let (Some(target), false) = (planned.target, entry.has_turn) {
                let turn = &mut self.turns_ms[target as usize];
                let turn_ms = (*turn).max(now_ms);
                *turn = turn_ms + self.turn_gap_ms;
                if turn_ms > now_ms {
                    entry.due_ms = turn_ms;
                    entry.has_turn = true;
                    self.queue.push(Reverse(entry));
                    continue;
                }
            }
            let due = Due { number, duty: planned.duty, slot: At::from_millis(entry.due_ms) };
            self.queue.push(Reverse(Entry::new(number, entry.slot_ms + planned.period_ms)));
            return Some(due);
        }
    }
}

impl Planned {
    /// The first slot of its comb after `now_ms`.
    fn slot_after(&self, now_ms: i64) -> i64 {
        slot_after(self.phase_ms, self.period_ms, now_ms)
    }
}

/// The first slot after `now` of a check that is asked every `every`.
pub fn next_slot(practice_id: &str, probe_id: &str, every: Duration, now: At) -> At {
    let phase_ms = whole_millis(phase(practice_id, probe_id, every));
    At::from_millis(slot_after(phase_ms, whole_millis(every).max(1), now.as_millis()))
}

fn slot_after(phase_ms: i64, period_ms: i64, now_ms: i64) -> i64 {
    now_ms - (now_ms - phase_ms).rem_euclid(period_ms) + period_ms
}

impl Entry {
    fn new(number: usize, slot_ms: i64) -> Self {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        Self { due_ms: slot_ms, number, slot_ms, has_turn: false }
    }
}

/// What a probe's target is capped by.
#[derive(Debug, Clone, Copy)]
struct Capped {
    number: u32,
    /// By how much the intervals of its checks grow, so that on average they stay within the cap.
    stretch: f64,
}

/// By probe: its target's number and stretch; and the targets whose checks had to be stretched.
fn cap_targets(estate: &Estate, cap: f64) -> (Vec<Capped>, Vec<Stretched>) {
    let mut targets: BTreeMap<String, (u32, f64)> = BTreeMap::new();
    for (target, per_second) in target_rates(estate) {
        let number = u32::try_from(targets.len()).unwrap_or(u32::MAX);
        targets.insert(target, (number, per_second));
    }
    let by_probe = estate
        .probes
        .iter()
        .map(|probe| {
            let (number, wanted) = targets.get(&probe.ask.bothers()).copied().unwrap_or((0, 0.0));
            Capped { number, stretch: (wanted / cap).max(1.0) }
        })
        .collect();
    let stretched = targets
        .into_iter()
        .filter(|(_, (_, wanted))| *wanted > cap)
        .map(|(target, (_, wanted))| Stretched { target, wanted_per_second: wanted, cap_per_second: cap })
        .collect();
    (by_probe, stretched)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::estate::{Ask, HostPort, Icb, Network, NetworkIx, Practice, Probe, TcpAsk};
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    const NOW: At = At::from_millis(1_700_000_000_123);

    pub fn estate(practices: usize, every: &[u64]) -> Estate {
        let probe = |(position, every): (usize, &u64)| Probe {
            id: format!("probe-{position}"),
            network: NetworkIx(0),
            service: None,
            every: Duration::from_secs(*every),
            timeout: Duration::from_secs(1),
            also: Vec::new(),
            resolver: None,
            ask: Ask::Tcp(TcpAsk::to(HostPort { host: "127.0.0.1".into(), port: 9 })),
        };
        let practice = |position: usize| Practice {
            id: format!("G{position:05}"),
            name: "A surgery".into(),
            postcode: None,
            list_size: None,
            email: Vec::new(),
            source: None,
            via: Vec::new(),
            through: Vec::new(),
        };
        Estate {
            icb: Icb { code: "QKS".into(), name: "Kent".into(), timezone: jiff::tz::TimeZone::UTC },
            components: Vec::new(),
            networks: vec![Network {
                id: "internet".into(),
                name: "the internet".into(),
                through: Vec::new(),
            }],
            services: Vec::new(),
            probes: every.iter().enumerate().map(probe).collect(),
            practices: (0..practices).map(practice).collect(),
            hub_via: Vec::new(),
        }
    }

    const UNCAPPED: ScheduleSettings =
        ScheduleSettings { concurrency_max: 512, target_rate_max: None, reask: true, paths: false };

    /// All that becomes due until `until`, when it is taken on time.
    fn play(schedule: &mut Schedule, until: At) -> Vec<Due> {
        let mut dues = Vec::new();
        while let Some(next) = schedule.next_due().filter(|next| *next <= until) {
            dues.extend(std::iter::from_fn(|| schedule.take(next)));
        }
        dues
    }

    fn checks(dues: &[Due]) -> Vec<Due> {
        dues.iter().filter(|due| matches!(due.duty, Duty::Check { .. })).copied().collect()
    }

    #[test]
    fn the_phase_is_the_hash_that_others_count_on() {
        // FNV-1a of "G82002\0accurx-https", worked out apart from this program.
        let phase = phase("G82002", "accurx-https", Duration::from_secs(30));
        assert_eq!(phase, Duration::from_millis(11976));
    }

    #[test]
    fn every_check_is_asked_once_in_each_interval_and_always_at_its_phase() {
        let estate = estate(20, &[30, 60]);
        let mut schedule = Schedule::new(&estate, &UNCAPPED, NOW);
        let dues = checks(&play(&mut schedule, NOW.plus_millis(120_000)));
        assert_eq!(dues.len(), 21 * 4 + 21 * 2);
        for due in dues {
            let Duty::Check { from, probe } = due.duty else { continue };
            let id = estate.asker(from);
            let probe = &estate.probes[probe.at()];
            let every_ms = whole_millis(probe.every);
            assert_eq!(
                due.slot.as_millis().rem_euclid(every_ms),
                whole_millis(phase(id, &probe.id, probe.every)),
                "the comb doesn't drift"
            );
        }
    }

    #[test]
    fn the_first_results_of_a_county_come_within_a_second_and_not_all_at_once() {
        let mut schedule = Schedule::new(&estate(175, &[30]), &UNCAPPED, NOW);
        let dues = checks(&play(&mut schedule, NOW.plus_millis(30_000)));
        assert!(dues[0].slot.millis_since(NOW) < 1_000);
        let mut seconds = [0; 31];
        for due in &dues {
            seconds[usize::try_from(due.slot.millis_since(NOW) / 1_000).unwrap()] += 1;
        }
        // 176 checks over 30 seconds are six a second; chance alone makes that 0 to 16.
        assert!(*seconds.iter().max().unwrap() <= 16, "{seconds:?}");
    }

    #[test]
    fn a_check_is_found_by_its_number_and_its_next_slot_without_the_heap() {
        let estate = estate(3, &[30, 60]);
        let mut schedule = Schedule::new(&estate, &UNCAPPED, NOW);
        for due in checks(&play(&mut schedule, NOW.plus_millis(60_000))) {
            let Duty::Check { from, probe } = due.duty else { continue };
            assert_eq!(schedule.number(from, probe), Some(due.number));
            let probe = &estate.probes[probe.at()];
            let before = due.slot.plus_millis(-1);
            assert_eq!(next_slot(estate.asker(from), &probe.id, probe.every, before), due.slot);
        }
    }

    #[test]
    fn a_hub_of_agents_asks_its_own_and_an_agent_its_practices() {
        let estate = estate(3, &[30]);
        for (whose, duties) in [(Whose::Hubs, 1), (Whose::Practices, 3 * 2), (Whose::Everybodys, 7)] {
            let mut schedule = Schedule::of(whose, &estate, &UNCAPPED, NOW);
            assert_eq!(schedule.len(), duties);
            let dues = checks(&play(&mut schedule, NOW.plus_millis(30_000)));
            let mut askers = Vec::new();
            for due in dues {
                let Duty::Check { from, probe } = due.duty else { continue };
                assert_eq!(schedule.number(from, probe), Some(due.number));
                askers.push(from);
            }
            assert_eq!(askers.contains(&Vantage::Hub), whose != Whose::Practices);
            assert_eq!(askers.contains(&Vantage::Practice(PracticeIx(2))), whose != Whose::Hubs);
            let there = schedule.number(Vantage::Practice(PracticeIx(0)), ProbeIx(0)).is_some();
            assert_eq!(there, whose != Whose::Hubs);
        }
    }

    #[test]
    fn what_is_asked_beside_the_slots_takes_a_turn_of_its_capped_target() {
        let settings = ScheduleSettings { target_rate_max: Some(5.0), ..UNCAPPED };
        let mut schedule = Schedule::new(&estate(3, &[10]), &settings, NOW);
        assert_eq!(schedule.take_turn(0, NOW), Ok(()));
        assert_eq!(schedule.take_turn(1, NOW), Err(NOW.plus_millis(200)), "they share one target");
        let first = schedule.next_due().expect("a slot");
        assert_eq!(schedule.take_turn(0, first), Ok(()));
        assert_eq!(schedule.take(first), None, "the slot waits for its turn");
        let turn = first.plus_millis(200);
        assert_eq!(schedule.take(turn).map(|due| due.slot), Some(turn), "and that isn't lateness");
    }

    #[test]
    fn missed_slots_are_skipped_and_counted_not_made_up_for() {
        let mut schedule = Schedule::new(&estate(1, &[10]), &UNCAPPED, NOW);
        let _first = play(&mut schedule, NOW.plus_millis(10_000));
        // Nobody comes for ten minutes.
        let late = NOW.plus_millis(610_000);
        let burst = checks(&std::iter::from_fn(|| schedule.take(late)).collect::<Vec<_>>());
        assert!(burst.len() <= 2, "at most the present slot of each of the two checks: {burst:?}");
        assert!(schedule.skipped() >= 2 * 58);
        let next = checks(&play(&mut schedule, late.plus_millis(10_000)));
        assert_eq!(next.len(), 2, "and then in the old rhythm");
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_silence_the_schedule() {
        let mut schedule = Schedule::new(&estate(3, &[10]), &UNCAPPED, NOW);
        let back = NOW.plus_millis(-3_600_000);
        schedule.realign(back);
        assert_eq!(checks(&play(&mut schedule, back.plus_millis(10_000))).len(), 4);
    }

    #[test]
    fn a_capped_target_is_asked_evenly_and_within_its_cap_and_nobody_starves() {
        let settings = ScheduleSettings { target_rate_max: Some(5.0), ..UNCAPPED };
        // 101 askers every 10 s are 10 a second: twice the cap.
        let mut schedule = Schedule::new(&estate(100, &[10]), &settings, NOW);
        assert_eq!(schedule.stretched().len(), 1);
        let dues = checks(&play(&mut schedule, NOW.plus_millis(200_000)));
        assert!((900..=1_000).contains(&dues.len()), "{} checks in 200 s", dues.len());
        for pair in dues.windows(2) {
            assert!(pair[1].slot.millis_since(pair[0].slot) >= 200, "spread, not in a burst");
        }
        let mut counts = vec![0; schedule.len()];
        for due in &dues {
            counts[due.number] += 1;
        }
        let fewest = dues.iter().map(|due| counts[due.number]).min().unwrap();
        assert!(fewest >= 8, "each had its turn every 20 s or so: {fewest}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(2), ..ProptestConfig::default() })]

        #[test]
        fn the_phase_lies_within_the_interval_and_is_stable(
            practice in "[A-Z][0-9]{5}(/[a-z]{1,8})?",
            probe in "[a-z-]{1,20}",
            every_ms in 1_000_u64..3_600_000,
        ) {
            let every = Duration::from_millis(every_ms);
            let first = phase(&practice, &probe, every);
            prop_assert!(first < every);
            prop_assert_eq!(first, phase(&practice, &probe, every));
        }

        /// Consecutive ODS codes are what real estates have, and what a poor hash would put in one heap.
        #[test]
        fn consecutive_codes_are_spread_evenly(start in 0_u32..90_000, probe in "[a-z]{2,12}") {
            let every = Duration::from_secs(30);
            let mut tenths = [0_u32; 10];
            for code in start..start + 1_000 {
                let phase = phase(&format!("G{code:05}"), &probe, every);
                tenths[usize::try_from(phase.as_millis() * 10 / every.as_millis()).unwrap()] += 1;
            }
            for count in tenths {
                // 100 are expected; five standard deviations of pure chance are 47.
                prop_assert!((53..=147).contains(&count), "{tenths:?}");
            }
        }
    }
}
