//! What has been heard: the present run of each check, its last few results, and when each agent was last
//! heard.
//!
//! A check is summed up by its *run*, how many results of the same sort it had in a row and when the first of
//! them was asked, and by its last [`KEPT`] results. Both are constant in size. The run makes a fault's
//! beginning visible: a check whose run of failures began after the fault speaks for it, one that answered
//! after it speaks against it, one not asked since says nothing. The results before the run tell a line that
//! drops every other asking from one that was dead and is back.
//!
//! That an asking is *late* ([`Observation::late`]) is no result. It stands beside the run until any result of the check comes,
//! which is what it turned out to be, and never for longer than a time-out. So a line that answers slowly has a run of good
//! answers, whatever was suspected of it meanwhile.

use crate::observation::{Failure, Observation, Phase};
use crate::time::At;

use super::hearing::{Hearing, Lateness};
use super::hours::Hours;
use super::tallies::Tallies;
use super::topology::{ProbeFacts, Row, Topology};

/// What a result says about the path, as coarsely as the model needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    Ok,
    /// It answered, but much later than this check usually does.
    Slow,
    /// Nothing came back.
    Reach,
    /// A connection stood, and then nothing more came.
    Stalled,
    Refused,
    Dns,
    /// Nothing came back while a name was looked up: the resolver's fault, or the line's.
    DnsTimeout,
    /// Another certificate, or a block page.
    Tls,
    /// The right machine gave a wrong answer.
    Content,
    /// A port that must be blocked is open.
    Policy,
    /// Nothing has come back for much longer than usual, and the time isn't over: it will be slow, or nothing.
    Late,
}

pub const CLASSES: usize = 11;

impl Class {
    /// `stream`: the check opens a connection. `None`: the agent's own fault, which says nothing of the path.
    fn of(seen: &Observation, stream: bool) -> Option<Self> {
        if seen.ok {
            return Some(Self::Ok);
        }
        if seen.late {
            return Some(Self::Late);
        }
        Some(match seen.failure {
            Some(Failure::Local) => return None,
            Some(Failure::Refused | Failure::Reset) => Self::Refused,
            Some(Failure::Nxdomain | Failure::Servfail | Failure::DnsRefused) => Self::Dns,
            // Of interception in this phase, names were invented, and no certificate: what hands out names is at fault.
            Some(Failure::Intercepted | Failure::NoAnswer) if seen.phase == Some(Phase::Dns) => Self::Dns,
            Some(Failure::Tls | Failure::Untrusted | Failure::Intercepted | Failure::BlockedPage) => {
                Self::Tls
            }
            Some(
                Failure::WrongAnswer | Failure::Expired | Failure::Status | Failure::Body | Failure::Protocol,
            ) => Self::Content,
            Some(Failure::TooSlow) => Self::Slow,
            Some(Failure::Open) => Self::Policy,
            Some(Failure::Timeout | Failure::Unreachable | Failure::Loss | Failure::NoAnswer) | None => {
                match seen.phase {
                    Some(Phase::Dns) => Self::DnsTimeout,
                    Some(Phase::Tls | Phase::Send | Phase::FirstByte | Phase::Body) if stream => {
                        Self::Stalled
                    }
                    _ => Self::Reach,
                }
            }
        })
    }

    pub const fn bad(self) -> bool {
        !matches!(self, Self::Ok)
    }

    /// Down, rather than merely slow, or not known to be either.
    pub const fn failing(self) -> bool {
        !matches!(self, Self::Ok | Self::Slow | Self::Late)
    }
}

/// Results of a check that are kept one by one: as many as are asked within the time that evidence counts.
pub const KEPT: usize = 4;

/// How one asking of a check came out.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// Milliseconds before [`Check::last_at`].
    before_ms: u32,
    class: Class,
}

/// The present run of one check, and its last results.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// When the last asking began; meaningless until `run` is above zero.
    pub last_at: At,
    /// When the first asking of the present run began.
    pub run_since: At,
    /// Results of the present class in a row; 0: never asked.
    pub run: u32,
    pub class: Class,
    pub failure: Option<Failure>,
    /// Newest first; `kept` of them mean something.
    recent: [Answer; KEPT],
    kept: u8,
    /// When the asking began that is late, until a result of the check is known.
    late_at: Option<At>,
    /// How far its last asking got.
    pub phase: Option<Phase>,
    /// Its own failure rate when nothing else is the matter, learned.
    pub leak: f32,
    /// What it usually takes, in milliseconds; 0: not known yet.
    usual_ms: f32,
    /// How far from that it usually is, in milliseconds.
    spread_ms: f32,
    /// Results behind `usual_ms`.
    learned: u16,
}

/// A check fails by itself about this often, before it has been learned.
const LEAK_START: f32 = 0.005;
/// Weight of one result in the learned failure rate: half a thousand results, or four hours at 30 s.
const LEAK_RATE: f32 = 1.0 / 500.0;
/// No check is so bad that its failures say nothing at all.
const LEAK_MAX: f32 = 0.3;
/// Slow means later than usual by this many times its usual spread, by this share of what is usual, and by this
/// much: all three.
const SLOW_SPREADS: f32 = 8.0;
const SLOW_SHARE: f32 = 0.75;
const SLOW_MARGIN_MS: f32 = 150.0;
/// A run of failures that is longer says nothing new.
const RUN_YOUNG: u32 = 4;
/// Results before a check's usual time is believed.
const SLOW_LEARNED_MIN: u16 = 5;

impl Check {
    const NEW: Self = Self {
        last_at: At::from_millis(i64::MIN),
        run_since: At::from_millis(i64::MIN),
        run: 0,
        class: Class::Ok,
        failure: None,
        recent: [Answer { before_ms: 0, class: Class::Ok }; KEPT],
        kept: 0,
        late_at: None,
        phase: None,
        leak: LEAK_START,
        usual_ms: 0.0,
        spread_ms: 0.0,
        learned: 0,
    };

    pub const fn heard(&self) -> bool {
        self.run > 0
    }

    /// Its last result still says something about `now`.
    pub const fn fresh(&self, now: At, stale_ms: i64) -> bool {
        self.run > 0 && now.millis_since(self.last_at) <= stale_ms
    }

    /// Its last results, newest first: when asked, and how it came out.
    pub fn recent(&self) -> impl Iterator<Item = (At, Class)> + '_ {
        self.recent[..usize::from(self.kept)]
            .iter()
            .map(|result| (self.last_at.plus_millis(-i64::from(result.before_ms)), result.class))
    }

    /// When the asking of it began that is late at `now`, if one is: older than its time-out, it says nothing more.
    pub fn late_at(&self, now: At, timeout_ms: i64) -> Option<At> {
        self.late_at.filter(|at| now.millis_since(*at) < timeout_ms)
    }

    /// One of its last results is bad, or it is late.
    pub fn any_bad(&self) -> bool {
        self.late_at.is_some()
            || self.recent[..usize::from(self.kept)].iter().any(|result| result.class.bad())
    }

    /// Puts a result before those that are kept; the oldest is forgotten.
    fn keep(&mut self, at: At, class: Class) {
        let gap = if self.heard() { at.millis_since(self.last_at) } else { 0 };
        let gap = u32::try_from(gap).unwrap_or(u32::MAX);
        for position in (1..KEPT).rev() {
            let older = self.recent[position - 1];
            self.recent[position] = Answer { before_ms: older.before_ms.saturating_add(gap), ..older };
        }
        self.recent[0] = Answer { before_ms: 0, class };
        #[expect(clippy::cast_possible_truncation, reason = "KEPT is a handful")]
        let most = KEPT as u8;
        self.kept = (self.kept + 1).min(most);
    }

    fn slower_than_usual(&self, ms: f32) -> bool {
        let margin = (self.spread_ms * SLOW_SPREADS).max(self.usual_ms * SLOW_SHARE).max(SLOW_MARGIN_MS);
        self.learned >= SLOW_LEARNED_MIN && ms > self.usual_ms + margin
    }

    fn learn_usual(&mut self, ms: f32) {
        let weight = if self.learned < 20 { 1.0 / (f32::from(self.learned) + 1.0) } else { 0.05 };
        let off = (ms - self.usual_ms).abs();
        self.usual_ms += (ms - self.usual_ms) * weight;
        if self.learned > 0 {
            self.spread_ms += (off - self.spread_ms) * weight;
        }
        self.learned = self.learned.saturating_add(1);
    }
}

/// All that has been heard.
#[derive(Debug)]
pub struct Evidence {
    pub checks: Vec<Check>,
    pub hearings: Vec<Hearing>,
    /// By row: checks whose last result is bad.
    pub bad: Vec<u16>,
    /// By row: when the last bad result was asked.
    pub last_bad: Vec<At>,
    /// How often agents are overdue by themselves.
    pub lateness: Lateness,
    lag_ms_max: i64,
    /// Good answers of the rows that aren't hot …
    pub calm: Tallies,
    /// … and of those that are.
    pub hot: Tallies,
    /// Rows of which something bad counts, or that are overdue; in no order.
    watched: Vec<Row>,
    /// By row.
    standing: Vec<RowStanding>,
}

/// How closely a row is looked at.
#[derive(Debug, Clone, Copy, Default)]
struct RowStanding {
    /// It is among the watched.
    watched: bool,
    /// More is bad than bad luck alone explains: each of its answers is weighed by itself.
    hot: bool,
}

/// Which check an observation is of.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub row: Row,
    /// Position in [`Evidence::checks`].
    pub check: usize,
    pub probe: usize,
    /// The nodes that it crosses.
    pub crossed: &'a [u32],
    /// It opens a connection.
    pub stream: bool,
}

/// What an observation changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing that bears on a verdict.
    None,
    /// A young run of failures grew.
    Grew,
    /// A run began.
    Began,
}

impl Evidence {
    pub fn new(topology: &Topology) -> Self {
        Self {
            checks: vec![Check::NEW; topology.rows * topology.probes.len()],
            hearings: vec![Hearing::NEW; topology.rows],
            bad: vec![0; topology.rows],
            last_bad: vec![Hearing::NEVER; topology.rows],
            lateness: Lateness::new(),
            lag_ms_max: topology.probes.iter().map(ProbeFacts::lag_ms).max().unwrap_or(0),
            calm: Tallies::new(topology),
            hot: Tallies::new(topology),
            watched: Vec::new(),
            standing: vec![RowStanding::default(); topology.rows],
        }
    }

    /// Time goes on: what is too old to count is forgotten.
    pub fn advance(&mut self, now: At) {
        self.calm.advance(now);
        self.hot.advance(now);
    }

    fn watch(&mut self, row: Row) {
        let standing = &mut self.standing[row as usize];
        if !standing.watched {
            standing.watched = true;
            self.watched.push(row);
        }
    }

    /// The rows of which something bad counts at `now`, or that are overdue, in order.
    pub fn watched(&mut self, topology: &Topology, now: At) -> Vec<Row> {
        self.advance(now);
        let mut watched = std::mem::take(&mut self.watched);
        watched.retain(|row| {
            let hearing = &self.hearings[*row as usize];
            let stays = !hearing.away && (hearing.late || self.lately_bad(*row as usize, now));
            if !stays {
                self.standing[*row as usize].watched = false;
                self.set_hot(topology, *row, false);
            }
            stays
        });
        watched.sort_unstable();
        self.watched.clone_from(&watched);
        watched
    }

    /// Rows of which a last result is bad, or that are overdue; in no order.
    pub fn rows_with_something_bad(&self) -> impl Iterator<Item = Row> + '_ {
        let bad = |row: &Row| self.bad[*row as usize] > 0 || self.hearings[*row as usize].late;
        self.watched.iter().copied().filter(bad)
    }

    /// More is bad there than bad luck alone explains.
    pub fn is_hot(&self, row: Row) -> bool {
        self.standing[row as usize].hot
    }

    /// Moves a row's good answers from the one tally to the other.
    pub fn set_hot(&mut self, topology: &Topology, row: Row, hot: bool) {
        let standing = &mut self.standing[row as usize];
        if standing.hot == hot {
            return;
        }
        standing.hot = hot;
        self.tally_row(topology, row, hot, true);
        self.tally_row(topology, row, !hot, false);
    }

    fn tally_row(&mut self, topology: &Topology, row: Row, hot: bool, more: bool) {
        let tallies = if hot { &mut self.hot } else { &mut self.calm };
        let first = topology.check(row, 0);
        for probe in 0..topology.probes.len() {
            let crossed = topology.crossed(row, crate::estate::ProbeIx::new(probe).0);
            for (at, class) in self.checks[first + probe].recent() {
                if class == Class::Ok {
                    tallies.count(crossed, probe, at, more);
                }
            }
        }
    }

    /// Takes a row as it is in the checks and hearings, which were set from outside.
    pub fn take_over(&mut self, topology: &Topology, row: Row, last_bad: At, now: At) {
        self.last_bad[row as usize] = last_bad;
        self.tally_row(topology, row, false, true);
        if self.lately_bad(row as usize, now) || self.hearings[row as usize].late {
            self.watch(row);
        }
    }

    /// The agent of this row lives. Returns whether it was thought silent. `learn`: nothing known explains that it was;
    /// `backlog`: it tells of the past; `reask`: it was asked again.
    pub fn hear(&mut self, row: Row, arrival: At, learn: bool, backlog: bool, reask: bool) -> bool {
        let hearing = &mut self.hearings[row as usize];
        let was = hearing.late || hearing.away;
        if learn && !reask {
            self.lateness.learn(hearing, arrival);
        }
        hearing.hear(arrival, backlog, reask);
        was
    }

    /// The agent of this row goes away in good order.
    pub fn bye(&mut self, row: Row, arrival: At) {
        let hearing = &mut self.hearings[row as usize];
        hearing.hear(arrival, false, false);
        hearing.away = true;
    }

    /// Marks the agents that are overdue at `now`, and those that are silent; returns whether any is newly so. One that is usually
    /// switched off at that time is taken to be so, until it is due back.
    pub fn mark_late(&mut self, now: At, hours: &mut Hours) -> bool {
        let mut any = false;
        for position in 0..self.hearings.len() {
            let row = crate::estate::PracticeIx::new(position).0;
            let hearing = &mut self.hearings[position];
            let was_late = hearing.late;
            any |= hearing.see(now);
            if hearing.late && !was_late && hours.rest(row, hearing.last) {
                hearing.rest();
            }
            if hearing.late {
                self.watch(row);
            }
        }
        for row in hours.missing(now) {
            self.hearings[row as usize].miss();
            self.watch(row);
            any = true;
        }
        any
    }

    /// It isn't heard now, and was heard over this network last, which is down at the hub's end.
    pub fn is_cut_off(&self, row: Row, network: usize) -> bool {
        let hearing = &self.hearings[row as usize];
        hearing.late && hearing.came_over(network)
    }

    /// How many practices' agents were heard after this; over this network, where one is named and they say by which they came.
    pub fn heard_since(&self, since: At, network: Option<usize>) -> u32 {
        let (_hub, agents) = self.hearings.split_last().unwrap_or((&Hearing::NEW, &[]));
        let over = |hearing: &&Hearing| network.is_none_or(|network| hearing.came_over(network));
        let heard = agents.iter().filter(|hearing| hearing.last > since).filter(over).count();
        u32::try_from(heard).unwrap_or(u32::MAX)
    }

    /// While the hub's own lines are down, all of them or that on one network, nobody is blamed for not being heard over them.
    pub fn excuse(&mut self, now: At, network: Option<usize>) {
        for hearing in self.hearings.iter_mut().filter(|hearing| hearing.late) {
            if network.is_none_or(|network| hearing.came_over(network)) {
                hearing.excuse(now);
            }
        }
    }

    /// When the next report of this row was due, at the latest.
    pub fn due(&self, row: Row) -> At {
        let hearing = &self.hearings[row as usize];
        hearing.last.plus_millis(hearing.patience_ms())
    }

    /// Something bad of this row counts still.
    pub fn lately_bad(&self, position: usize, now: At) -> bool {
        self.bad[position] > 0 || now.millis_since(self.last_bad[position]) <= self.lag_ms_max
    }

    /// Somebody is being heard, so somebody can fall silent.
    pub fn anybody_heard(&self) -> bool {
        self.hearings.iter().any(Hearing::reports)
    }

    /// Takes a live result, asked at `at` (never after its arrival). `learn`: nothing known explains its
    /// failures, so they count towards its own failure rate. What was asked again says as much as any other result; but
    /// checks are asked again just when they fail, so that it would make each look worse than it is to learn from it.
    pub fn take(&mut self, asked: Asked<'_>, at: At, seen: &Observation, learn: bool) -> Change {
        let Asked { row, check, probe, stream, crossed } = asked;
        let Some(mut class) = Class::of(seen, stream) else { return Change::None };
        let check = &mut self.checks[check];
        if check.heard() && at <= check.last_at {
            return Change::None;
        }
        if class == Class::Late {
            // Of what fails already it is no news, and of what was never heard nobody knows that it should answer.
            if !check.heard() || check.class.bad() {
                return Change::None;
            }
            check.late_at = Some(at);
            let last = &mut self.last_bad[row as usize];
            *last = at.max(*last);
            self.watch(row);
            return Change::Began;
        }
        check.late_at = None;
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds; precision doesn't matter here")]
        let ms = seen.ms as f32;
        if class == Class::Ok {
            if check.slower_than_usual(ms) {
                class = Class::Slow;
            }
            if !seen.reask && ms.is_finite() && ms >= 0.0 && (class == Class::Ok || learn) {
                check.learn_usual(ms);
            }
        }
        if learn && !seen.reask {
            let hit = if class.failing() { 1.0 } else { 0.0 };
            check.leak = (check.leak + (hit - check.leak) * LEAK_RATE).clamp(LEAK_START / 5.0, LEAK_MAX);
        }
        let same =
            check.heard() && check.class.bad() == class.bad() && check.class.failing() == class.failing();
        let was_bad = check.heard() && check.class.bad();
        check.keep(at, class);
        check.last_at = at;
        check.class = class;
        check.failure = seen.failure;
        check.phase = seen.phase;
        if same {
            check.run = check.run.saturating_add(1);
        } else {
            check.run = 1;
            check.run_since = at;
        }
        let run = check.run;
        if class.bad() {
            let last = &mut self.last_bad[row as usize];
            *last = at.max(*last);
            self.watch(row);
        } else if self.standing[row as usize].hot {
            self.hot.count(crossed, probe, at, true);
        } else {
            self.calm.count(crossed, probe, at, true);
        }
        match (was_bad, class.bad()) {
            (false, true) => self.bad[row as usize] += 1,
            (true, false) => self.bad[row as usize] -= 1,
            _ => {}
        }
        match (same, class.bad() && run <= RUN_YOUNG) {
            (false, _) => Change::Began,
            (true, true) => Change::Grew,
            (true, false) => Change::None,
        }
    }

    /// Takes a result that came too late to be news: it may move the beginning of a run of failures.
    pub fn take_history(&mut self, asked: Asked<'_>, seen: &Observation) {
        let Some(class) = Class::of(seen, asked.stream) else { return };
        let check = &mut self.checks[asked.check];
        if check.heard() && check.class.failing() && class.failing() && seen.at < check.run_since {
            check.run_since = seen.at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::{Ask, Estate, HostPort, Icb, Network, NetworkIx, Practice, Probe, TcpAsk};
    use std::time::Duration;

    /// One practice, one probe.
    fn topology() -> Topology {
        Topology::new(&Estate {
            icb: Icb { code: "QKS".into(), name: "Kent".into(), timezone: jiff::tz::TimeZone::UTC },
            components: Vec::new(),
            networks: vec![Network { id: "internet".into(), name: String::new(), through: Vec::new() }],
            services: Vec::new(),
            probes: vec![Probe {
                id: "p".into(),
                network: NetworkIx(0),
                service: None,
                every: Duration::from_secs(30),
                timeout: Duration::from_secs(5),
                also: Vec::new(),
                resolver: None,
                ask: Ask::Tcp(TcpAsk::to(HostPort { host: "127.0.0.1".into(), port: 9 })),
            }],
            practices: vec![Practice {
                id: "G82002".into(),
                name: String::new(),
                postcode: None,
                list_size: None,
                email: Vec::new(),
                source: None,
                via: Vec::new(),
                through: Vec::new(),
            }],
            hub_via: Vec::new(),
        })
    }

    /// A line that fails and is slow now and then, for a day; `again`: and is asked again when it does.
    fn learned(again: bool) -> Check {
        let topology = topology();
        let mut evidence = Evidence::new(&topology);
        let asked = Asked { row: 0, check: 0, probe: 0, crossed: topology.crossed(0, 0), stream: true };
        let mut take = |at_ms: i64, ok: bool, ms: u32, reask: bool| {
            let at = At::from_millis(1_773_644_400_000 + at_ms);
            let line = format!(
                r#"{{"at":"{at}","practice":"G82002","probe":"p","ok":{ok},"ms":{ms},"reask":{reask}}}"#
            );
            evidence.take(asked, at, &serde_json::from_str(&line).expect("an observation"), true);
        };
        for n in 0..2_880 {
            let ms = if n % 50 == 49 { 2_000 } else { 40 };
            take(n * 30_000, n % 10 != 9, ms, false);
            for asked_again in (1..=4).filter(|_| again && n % 10 == 9) {
                take(n * 30_000 + 1_000 * asked_again, asked_again > 2, 500, true);
            }
        }
        evidence.checks[0]
    }

    #[test]
    fn what_is_asked_again_teaches_nothing_and_counts_all_the_same() {
        let (plain, again) = (learned(false), learned(true));
        assert!((0.08..0.12).contains(&plain.leak), "{}", plain.leak);
        let same = |a: f32, b: f32| a.to_bits() == b.to_bits();
        assert!(same(plain.leak, again.leak) && same(plain.usual_ms, again.usual_ms));
        assert!(same(plain.spread_ms, again.spread_ms) && plain.learned == again.learned);
        assert!(plain.class.failing(), "the last turn failed …");
        assert_eq!(again.run, 2, "… and was answered twice since");
        assert_eq!(again.recent().count(), KEPT);
    }

    #[test]
    fn what_is_late_is_no_result_and_the_first_result_takes_its_place() {
        let topology = topology();
        let mut evidence = Evidence::new(&topology);
        let asked = Asked { row: 0, check: 0, probe: 0, crossed: topology.crossed(0, 0), stream: true };
        let begin = At::from_millis(1_773_644_400_000);
        let mut take = |at_ms: i64, what: &str| {
            let at = begin.plus_millis(at_ms);
            let line = format!(r#"{{"at":"{at}","practice":"G82002","probe":"p",{what}}}"#);
            let change =
                evidence.take(asked, at, &serde_json::from_str(&line).expect("an observation"), true);
            (change, evidence.checks[0], evidence.bad[0])
        };
        let late = r#""ok":false,"failure":"too_slow","ms":500,"reask":true,"late":true"#;
        assert_eq!(take(0, late).0, Change::None, "of what was never heard it says nothing");
        take(30_000, r#""ok":true,"ms":20"#);
        let (change, check, bad) = take(60_500, late);
        assert_eq!((change, check.class, check.run, bad), (Change::Began, Class::Ok, 1, 0));
        let asked_at = begin.plus_millis(60_500);
        assert_eq!(check.late_at(asked_at.plus_millis(4_999), 5_000), Some(asked_at));
        assert_eq!(check.late_at(asked_at.plus_millis(5_000), 5_000), None, "then its time was over");
        // The asking before it is answered after three seconds: that began earlier, and is news all the same.
        let (_, check, _) = take(60_000, r#""ok":true,"ms":3000"#);
        assert_eq!((check.late_at(asked_at, 5_000), check.failure), (None, None));
        take(90_000, r#""ok":false,"failure":"timeout","phase":"connect","ms":5000"#);
        assert_eq!(take(120_500, late).0, Change::None, "what fails is late each time");
    }

    #[test]
    fn an_invented_name_is_no_invented_certificate() {
        let class = |phase: &str| {
            let line = format!(
                r#"{{"at":"2026-03-16T07:12:03Z","practice":"G82002","probe":"p","ok":false,"failure":"intercepted","phase":"{phase}","ms":5}}"#
            );
            Class::of(&serde_json::from_str(&line).expect("an observation"), false)
        };
        assert_eq!((class("dns"), class("tls")), (Some(Class::Dns), Some(Class::Tls)));
    }
}
