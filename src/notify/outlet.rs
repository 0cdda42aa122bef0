//! Where one outlet (a mail server, say) stands: whether it may be spoken to, whether it keeps us waiting, and how much
//! of its allowance is left. Pure: the time comes in.
//!
//! | standing | what it means | what ends it |
//! |---|---|---|
//! | fine | everybody may speak to it | a failure |
//! | resting | left alone after a failure, longer each time | the rest is over: somebody knocks |
//! | knocking | one worker connects, and has nothing to deliver | its answer |
//! | probation | it answers; one message at a time | the first that it takes |
//! | trial | that message is under way | what becomes of it |
//!
//! Knocking costs no message anything: while another outlet works, nothing waits for one that may be dead.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::allowance::Allowance;
use super::channel::Way;
use super::patience::Patience;
use crate::config::Rates;
use crate::limits;
use crate::time::At;

/// A moment, by the wall clock, for what people planned, and since the desk's start, for waits: the wall clock may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub at: At,
    pub since_start: Duration,
}

/// What is known of an outlet before anything is sent.
#[derive(Debug, Clone)]
pub(super) struct Plate {
    /// As people know it: `mail.example:587`.
    pub name: Arc<str>,
    pub way: Way,
    pub rates: Rates,
    /// Why it can't be used as it is configured.
    pub unusable: Option<String>,
}

/// Whether the mail server can be spoken to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RelayHealth {
    /// No `[mail]` section.
    #[default]
    None,
    Fine,
    /// The `[mail]` section can't be used as it stands.
    Unusable {
        why: String,
    },
    /// Left alone for a while, and tried again.
    Failing {
        since: At,
        why: String,
    },
}

#[derive(Debug)]
pub(super) struct Outlet {
    pub plate: Plate,
    standing: Standing,
    /// Since when it fails, and why.
    failing: Option<(At, String)>,
    /// In a row.
    failures: u32,
    /// When each message that is under way was begun, by its notice.
    under_way: BTreeMap<String, Duration>,
    allowance: Allowance,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Fine,
    Resting { until: Duration },
    Knocking,
    Probation,
    Trial,
}

/// What an attempt says about the outlet as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// It took a message, or refused it: it works.
    Works,
    /// It was knocked at, and answered.
    Answers,
    Failed(String),
    /// There is no knocking at it: after its rest it is tried with a message.
    Rested,
    /// Nothing was learnt.
    None,
}

/// Whether an outlet may be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    Speak,
    /// Connect, and see whether it would take a mail.
    Knock,
    /// At most this long; `None`: until there is news.
    Wait(Option<Duration>),
}

/// What changed for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turned {
    Failing { why: String },
    WorksAgain { since: At },
}

impl Outlet {
    pub(super) const fn new(plate: Plate, allowance: Allowance) -> Self {
        Self {
            plate,
            standing: Standing::Fine,
            failing: None,
            failures: 0,
            under_way: BTreeMap::new(),
            allowance,
        }
    }

    /// What it has sent, for the outlet that takes its place.
    pub(super) fn into_allowance(self, rates: Rates) -> Allowance {
        self.allowance.with(rates)
    }

    /// Whether somebody may speak to it now.
    pub(super) fn leave(&self, now: Duration) -> Leave {
        if self.plate.unusable.is_some() {
            return Leave::Wait(None);
        }
        match self.standing {
            Standing::Resting { until } if until <= now => Leave::Knock,
            Standing::Resting { until } => Leave::Wait(Some(until.saturating_sub(now))),
            Standing::Knocking | Standing::Trial => Leave::Wait(None),
            Standing::Fine | Standing::Probation => match self.allowance.wait(now) {
                Some(wait) => Leave::Wait(Some(wait)),
                None => Leave::Speak,
            },
        }
    }

    /// Whether messages go out by it now, so that the outlets after it aren't needed.
    pub(super) fn is_open(&self, now: Duration) -> bool {
        self.standing == Standing::Fine && self.leave(now) == Leave::Speak && !self.keeps_waiting(now)
    }

    fn keeps_waiting(&self, now: Duration) -> bool {
        self.keeps_waiting_from().is_some_and(|from| from <= now)
    }

    /// When it will have kept a message waiting for too long, if it says nothing.
    pub(super) fn keeps_waiting_from(&self) -> Option<Duration> {
        self.under_way.values().min().map(|begun| *begun + limits::OUTLET_STALLED_AFTER)
    }

    pub(super) fn knock(&mut self) {
        self.standing = Standing::Knocking;
    }

    pub(super) fn begin(&mut self, notice: &str, now: Duration) {
        if self.standing == Standing::Probation {
            self.standing = Standing::Trial;
        }
        self.allowance.take(now);
        self.under_way.insert(notice.to_owned(), now);
    }

    /// A message is no longer under way, or knocking has ended (`notice`: `None`).
    pub(super) fn end(
        &mut self,
        notice: Option<&str>,
        news: News,
        now: Moment,
        patience: &Patience,
    ) -> Option<Turned> {
        if let Some(notice) = notice {
            self.under_way.remove(notice);
        }
        match news {
            News::Works => {
                self.standing = Standing::Fine;
                self.failures = 0;
                self.failing.take().map(|(since, _)| Turned::WorksAgain { since })
            }
            News::Answers => {
                // How often it failed stays known until it has taken something.
                self.standing = Standing::Probation;
                self.failing.take().map(|(since, _)| Turned::WorksAgain { since })
            }
            News::Rested => {
                self.standing = Standing::Probation;
                None
            }
            News::Failed(why) => self.failed(why, now, patience),
            News::None => {
                match self.standing {
                    Standing::Knocking => self.standing = Standing::Resting { until: now.since_start },
                    Standing::Trial => self.standing = Standing::Probation,
                    Standing::Fine | Standing::Resting { .. } | Standing::Probation => {}
                }
                None
            }
        }
    }

    fn failed(&mut self, why: String, now: Moment, patience: &Patience) -> Option<Turned> {
        // Several messages that were under way together and fail together are one failure.
        if !matches!(self.standing, Standing::Resting { .. }) {
            self.failures = self.failures.saturating_add(1);
            let rest = patience.rest(self.failures);
            self.standing = Standing::Resting { until: now.since_start + rest };
        }
        let is_news = self.failing.is_none();
        let since = self.failing.as_ref().map_or(now.at, |(since, _)| *since);
        self.failing = Some((since, why.clone()));
        is_news.then_some(Turned::Failing { why })
    }

    pub(super) fn health(&self) -> RelayHealth {
        match (&self.plate.unusable, &self.failing) {
            (Some(why), _) => RelayHealth::Unusable { why: why.clone() },
            (None, Some((since, why))) => RelayHealth::Failing { since: *since, why: why.clone() },
            (None, None) => RelayHealth::Fine,
        }
    }
}
