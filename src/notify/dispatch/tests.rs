//! Mail servers that refuse, fall silent, put off, break and dawdle, for hours of virtual time: every notice is taken
//! once, in order, and another server takes over within half a minute.
//!
//! The conversation is played here by what it comes to and how long that takes; `smtp.rs` has a test that the real
//! conversation comes to the same and takes as long.

use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::Rates;
use crate::incident::Event;
use crate::notify::channel::Way;
use crate::notify::notice::{Audience, Notice, NoticeKind, NoticeState};
use crate::notify::policy::MayLeave;
use crate::notify::policy::tests::event;
use crate::time::At;

/// How a mail server behaves for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Kind,
    /// Nobody listens there.
    Refused,
    /// It accepts connections and says nothing.
    Silent,
    /// It takes the connection and the handshake fails.
    TlsFailure,
    /// 4xx for every mail.
    Later,
    /// It takes the mail, and drops the connection instead of saying so. `kept`: it had it.
    Dropped {
        kept: bool,
    },
    /// It takes each mail, and its time.
    Slow,
    /// It takes the mail, and says nothing for as long as one waits.
    SilentAtTheEnd,
}

const MANNERS: [Manner; 9] = [
    Manner::Kind,
    Manner::Refused,
    Manner::Silent,
    Manner::TlsFailure,
    Manner::Later,
    Manner::Dropped { kept: true },
    Manner::Dropped { kept: false },
    Manner::Slow,
    Manner::SilentAtTheEnd,
];

/// What an attempt comes to, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Accepted,
    Later,
    /// It may have been taken.
    Unknown,
    RelayFailed,
}

impl Manner {
    fn of_a_mail(self, patience: &Patience) -> (End, Duration) {
        match self {
            Self::Kind => (End::Accepted, Duration::from_millis(30)),
            Self::Refused => (End::RelayFailed, Duration::from_millis(1)),
            Self::Silent => (End::RelayFailed, patience.connect),
            Self::TlsFailure => (End::RelayFailed, Duration::from_millis(50)),
            Self::Later => (End::Later, Duration::from_millis(40)),
            Self::Dropped { .. } => (End::Unknown, Duration::from_millis(60)),
            Self::Slow => (End::Accepted, Duration::from_secs(70)),
            Self::SilentAtTheEnd => (End::Unknown, patience.send),
        }
    }

    fn of_a_knock(self, patience: &Patience) -> (bool, Duration) {
        match self {
            Self::Refused | Self::TlsFailure => (false, Duration::from_millis(1)),
            Self::Silent => (false, patience.connect),
            _ => (true, Duration::from_millis(30)),
        }
    }

    fn keeps(self) -> bool {
        matches!(self, Self::Kind | Self::Slow | Self::SilentAtTheEnd | Self::Dropped { kept: true })
    }
}

/// Which manner a server has from when on, in milliseconds of virtual time.
type Script = Vec<(u64, Manner)>;

fn manner(script: &Script, now_ms: u64) -> Manner {
    script.iter().rev().find(|(from, _)| *from <= now_ms).map_or(Manner::Kind, |(_, manner)| *manner)
}

/// What a worker does at the moment.
#[derive(Debug, Clone)]
enum Doing {
    Nothing,
    Sending { pending: Box<Pending>, end: End, kept: bool },
    Knocking { answers: bool },
}

struct Play {
    dispatch: Dispatch,
    patience: Patience,
    scripts: Vec<Script>,
    /// By outlet, then worker.
    doing: Vec<Vec<Doing>>,
    /// When whom is to be looked at, soonest first, and which plan of that worker's it is.
    agenda: BinaryHeap<std::cmp::Reverse<(u64, usize, usize, u64)>>,
    /// The latest plan of each worker; an older one is void.
    plans: Vec<Vec<u64>>,
    now_ms: u64,
    /// Ids, by recipient, in the order in which the outbox was told that they are accepted: when, and by which server.
    accepted: BTreeMap<String, Vec<(String, u64, usize)>>,
    /// What the servers kept, by notice.
    copies: BTreeMap<String, u32>,
    /// Attempts that nobody knows the end of, by notice.
    unknown: BTreeMap<String, u32>,
    sent: Vec<Vec<u64>>,
}

impl Play {
    fn new(scripts: Vec<Script>, rates: Rates) -> Self {
        let mut dispatch = Dispatch::default();
        let plate = |n: usize| Plate {
            name: format!("relay-{n}.example:587").into(),
            way: Way::EMAIL,
            rates,
            unusable: None,
        };
        dispatch.put_up(1, (0..scripts.len()).map(plate).collect(), &BTreeMap::new());
        let doing = vec![vec![Doing::Nothing; limits::SMTP_CONNECTIONS]; scripts.len()];
        Self {
            dispatch,
            patience: Patience::default(),
            sent: vec![Vec::new(); scripts.len()],
            plans: vec![vec![0; limits::SMTP_CONNECTIONS]; scripts.len()],
            scripts,
            doing,
            agenda: BinaryHeap::new(),
            now_ms: 0,
            accepted: BTreeMap::new(),
            copies: BTreeMap::new(),
            unknown: BTreeMap::new(),
        }
    }

    fn moment(&self) -> Moment {
        let at = At::default().plus_millis(i64::try_from(self.now_ms).expect("hours, not aeons"));
        Moment { at, since_start: Duration::from_millis(self.now_ms) }
    }

    fn tell(&mut self, id: &str, recipient: &str) {
        let event: Event = event("2026-03-16-1", 0, &["A"]);
        let notice = Notice {
            id: id.to_owned(),
            incident: event.incident.clone(),
            event_at: event.at,
            event: event.event,
            kind: NoticeKind::Opening,
            audience: Audience::Practices(vec!["A".to_owned()]),
            recipient: recipient.to_owned(),
            thread: None,
            due: self.moment().at,
            state: NoticeState::Queued,
        };
        let event = Arc::new(event);
        self.dispatch.queue.push(Pending { notice, event, attempts: 0, ways: vec![Way::EMAIL] });
        self.wake_all();
    }

    fn wake_all(&mut self) {
        for outlet in 0..self.doing.len() {
            for worker in 0..self.doing[outlet].len() {
                if matches!(self.doing[outlet][worker], Doing::Nothing) {
                    self.look(outlet, worker);
                }
            }
        }
    }

    /// A worker with nothing in hand looks for something to do, as `delivery::work` does.
    fn look(&mut self, outlet: usize, worker: usize) {
        let manner = manner(&self.scripts[outlet], self.now_ms);
        let (doing, after) = match self.dispatch.turn(outlet, 1, self.moment(), |_| MayLeave::Now) {
            Turn::Wait(None) => {
                self.plans[outlet][worker] += 1;
                return;
            }
            Turn::Wait(Some(wait)) => (Doing::Nothing, wait),
            Turn::Knock => {
                let (answers, after) = manner.of_a_knock(&self.patience);
                (Doing::Knocking { answers }, after)
            }
            Turn::Send(pending) => {
                self.sent[outlet].push(self.now_ms);
                let (end, after) = manner.of_a_mail(&self.patience);
                (Doing::Sending { pending, end, kept: manner.keeps() }, after)
            }
        };
        self.doing[outlet][worker] = doing;
        let after = u64::try_from(after.as_millis()).expect("not aeons").max(1);
        let plan = &mut self.plans[outlet][worker];
        *plan += 1;
        self.agenda.push(std::cmp::Reverse((self.now_ms + after, outlet, worker, *plan)));
    }

    /// Plays what happens until then.
    fn run_until(&mut self, end_ms: u64) {
        while let Some(std::cmp::Reverse((at, outlet, worker, plan))) = self.agenda.peek().copied() {
            if at > end_ms {
                break;
            }
            self.agenda.pop();
            if plan != self.plans[outlet][worker] {
                continue;
            }
            self.now_ms = self.now_ms.max(at);
            match std::mem::replace(&mut self.doing[outlet][worker], Doing::Nothing) {
                Doing::Nothing => self.look(outlet, worker),
                Doing::Knocking { answers } => {
                    let news = if answers { News::Answers } else { News::Failed("no".to_owned()) };
                    self.hear(outlet, None, news);
                    self.wake_all();
                }
                Doing::Sending { pending, end, kept } => {
                    self.ended(outlet, &pending, end, kept);
                    self.wake_all();
                }
            }
        }
        self.now_ms = self.now_ms.max(end_ms);
    }

    fn hear(&mut self, outlet: usize, notice: Option<&str>, news: News) {
        let now = self.moment();
        self.dispatch.heard(outlet, 1, notice, news, now, &self.patience);
    }

    fn ended(&mut self, outlet: usize, pending: &Pending, end: End, kept: bool) {
        let notice = &pending.notice;
        if kept {
            *self.copies.entry(notice.id.clone()).or_default() += 1;
        }
        let attempts = pending.attempts + 1;
        let again = self.moment().at + self.patience.retry(&notice.id, attempts);
        match end {
            End::Accepted => {
                let id = notice.id.clone();
                self.accepted.entry(notice.recipient.clone()).or_default().push((id, self.now_ms, outlet));
                self.dispatch.queue.done(notice);
                self.hear(outlet, Some(&notice.id), News::Works);
            }
            End::Later => {
                self.dispatch.queue.retry(notice, again, attempts);
                self.hear(outlet, Some(&notice.id), News::Works);
            }
            End::Unknown => {
                *self.unknown.entry(notice.id.clone()).or_default() += 1;
                self.dispatch.queue.retry(notice, again, attempts);
                self.hear(outlet, Some(&notice.id), News::Failed("no answer".to_owned()));
            }
            End::RelayFailed => {
                self.dispatch.queue.retry(notice, notice.due, pending.attempts);
                self.hear(outlet, Some(&notice.id), News::Failed("it failed".to_owned()));
            }
        }
    }
}

const HOUR_MS: u64 = 3_600_000;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Six hours in which two servers change their manners as they like, and notices come all the while. In the end
    /// both are kind again.
    #[test]
    fn whatever_the_servers_do_each_notice_is_taken_once_and_in_order(
        first in prop::collection::vec((0..6 * HOUR_MS, 0_usize..9), 0..12),
        second in prop::collection::vec((0..6 * HOUR_MS, 0_usize..9), 0..12),
        notices in prop::collection::vec((0..6 * HOUR_MS, 0_u8..8), 1..60),
        is_limited in any::<bool>(),
    ) {
        let script = |mut changes: Vec<(u64, usize)>| -> Script {
            changes.sort_unstable();
            let mut script: Script = changes.into_iter().map(|(at, n)| (at, MANNERS[n])).collect();
            script.push((6 * HOUR_MS, Manner::Kind));
            script
        };
        let rates = Rates { per_minute: is_limited.then_some(3), per_day: None };
        let mut play = Play::new(vec![script(first), script(second)], rates);
        let mut notices = notices;
        notices.sort_unstable();
        let mut planned: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (number, (at, recipient)) in notices.into_iter().enumerate() {
            play.run_until(at);
            let (id, recipient) = (format!("notice-{number:02}"), format!("m{recipient}@x.example"));
            planned.entry(recipient.clone()).or_default().push(id.clone());
            play.tell(&id, &recipient);
        }
        play.run_until(9 * HOUR_MS);

        prop_assert!(play.dispatch.queue.is_drained(), "everything left");
        let accepted: BTreeMap<String, Vec<String>> = play
            .accepted
            .iter()
            .map(|(to, took)| (to.clone(), took.iter().map(|(id, ..)| id.clone()).collect()))
            .collect();
        prop_assert_eq!(accepted, planned, "once each, in the order in which they were planned");
        for (notice, copies) in &play.copies {
            let excused = play.unknown.get(notice).copied().unwrap_or_default();
            prop_assert!(*copies <= 1 + excused, "{} lies there {} times", notice, copies);
        }
        if is_limited {
            for sent in &play.sent {
                let busiest = sent.iter().map(|at| sent.iter().filter(|other| (*at..at + 60_000).contains(other)).count());
                prop_assert!(busiest.max().unwrap_or_default() <= 3, "no more than three in a minute");
            }
        }
    }
}

/// However the first server fails: within half a minute of that, what comes then has been taken by the second.
#[test]
fn another_server_takes_over_within_half_a_minute() {
    for manner in [Manner::Refused, Manner::Silent, Manner::TlsFailure, Manner::Slow, Manner::SilentAtTheEnd]
    {
        let mut play = Play::new(vec![vec![(0, manner)], vec![(0, Manner::Kind)]], Rates::default());
        for n in 0..40 {
            play.tell(&format!("notice-{n}"), &format!("m{n}@x.example"));
        }
        play.run_until(30_000);
        let by_the_second = play.accepted.values().flatten().filter(|(.., by)| *by == 1).count();
        // Those that the first one has taken without a word can't be given to another: they may have arrived.
        let in_hand = if matches!(manner, Manner::Slow | Manner::SilentAtTheEnd) {
            limits::SMTP_CONNECTIONS
        } else {
            0
        };
        assert_eq!(by_the_second, 40 - in_hand, "{manner:?}");

        // And while it goes on failing nothing waits for it again, unless one must hand a mail over to find out.
        if in_hand == 0 {
            play.run_until(HOUR_MS);
            play.tell("later", "m99@x.example");
            play.run_until(HOUR_MS + 1_000);
            assert_eq!(play.accepted["m99@x.example"][0].2, 1, "{manner:?}");
        }
    }
}

#[test]
fn the_first_server_is_used_again_soon_after_it_is_back() {
    let mut play = Play::new(
        vec![vec![(0, Manner::Refused), (HOUR_MS, Manner::Kind)], vec![(0, Manner::Kind)]],
        Rates::default(),
    );
    play.tell("early", "a@x.example");
    // Longer than the longest rest.
    play.run_until(HOUR_MS + 61_000);
    assert!(
        play.dispatch.outlets()[0].health() == crate::notify::RelayHealth::Fine,
        "a knock was enough to see it"
    );
    for n in 0..3 {
        play.tell(&format!("late-{n}"), &format!("m{n}@x.example"));
    }
    play.run_until(HOUR_MS + 62_000);
    assert_eq!(play.accepted["a@x.example"][0].2, 1);
    let by_the_first =
        play.accepted.values().flatten().filter(|(_, at, by)| *by == 0 && *at > HOUR_MS).count();
    assert!(
        by_the_first >= 1,
        "on probation it takes one at a time, and then everything: {:?}",
        play.accepted
    );
}

#[test]
fn what_is_beyond_the_first_servers_allowance_leaves_by_the_second() {
    let rates = Rates { per_minute: Some(10), per_day: None };
    let mut play = Play::new(vec![Vec::new(), Vec::new()], rates);
    for n in 0..25 {
        play.tell(&format!("notice-{n:02}"), &format!("m{n}@x.example"));
    }
    play.run_until(59_000);
    assert_eq!(play.accepted.len(), 20);
    play.run_until(61_000);
    assert_eq!(play.accepted.len(), 25);
}
