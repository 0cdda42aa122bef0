//! Which notice leaves next, and by which outlet. Pure: the time comes in, and what became of each attempt.
//!
//! The outlets of one channel stand in an order. A later one is used while every earlier one is closed: it fails, its
//! allowance is used up, or it has kept a message waiting for [`limits::OUTLET_STALLED_AFTER`]. So a mail server
//! that falls silent costs those messages time that it has in hand, and no others.

use std::collections::BTreeMap;
use std::time::Duration;

use super::allowance::Allowance;
use super::outlet::{Leave, Moment, News, Outlet, Plate, Turned};
use super::patience::Patience;
use super::policy::MayLeave;
use super::queue::{Pending, Queue};
use crate::limits;

#[derive(Debug, Default)]
pub(super) struct Dispatch {
    pub queue: Queue,
    /// In the order in which they are used.
    outlets: Vec<Outlet>,
    /// Counts changes of the outlets: news of one that is no longer there are of no interest.
    number: u64,
}

/// What a worker of an outlet does next.
#[derive(Debug)]
pub(super) enum Turn {
    Send(Box<Pending>),
    /// Connect, and see whether it answers.
    Knock,
    /// At most this long; `None`: until it is woken.
    Wait(Option<Duration>),
}

impl Dispatch {
    /// Other outlets from now on. Everything is tried with them at once; what an outlet of the same name has sent still
    /// counts. `sent_before`: what each sent in the day before the desk's start, by name.
    pub(super) fn put_up(&mut self, number: u64, plates: Vec<Plate>, sent_before: &BTreeMap<String, u32>) {
        self.number = number;
        let mut before = std::mem::take(&mut self.outlets);
        self.outlets = plates
            .into_iter()
            .map(|plate| {
                let was = before.iter().position(|outlet| outlet.plate.name == plate.name);
                let allowance = match was {
                    Some(was) => before.swap_remove(was).into_allowance(plate.rates),
                    None => Allowance::new(
                        plate.rates,
                        sent_before.get(&*plate.name).copied().unwrap_or_default(),
                    ),
                };
                Outlet::new(plate, allowance)
            })
            .collect();
    }

    pub(super) fn outlets(&self) -> &[Outlet] {
        &self.outlets
    }

    /// `may_leave`: asked of the notice that would leave next, which has left when it says so.
    pub(super) fn turn(
        &mut self,
        outlet: usize,
        number: u64,
        now: Moment,
        may_leave: impl FnMut(&Pending) -> MayLeave,
    ) -> Turn {
        let since_start = now.since_start;
        let Some(own) = self.outlets.get(outlet).filter(|_| number == self.number) else {
            return Turn::Wait(None);
        };
        match own.leave(since_start) {
            Leave::Wait(wait) => return Turn::Wait(wait),
            Leave::Knock => {
                self.outlets[outlet].knock();
                return Turn::Knock;
            }
            Leave::Speak => {}
        }
        let way = own.plate.way.clone();
        let mut before = self.outlets[..outlet].iter().filter(|other| other.plate.way == way);
        if let Some(open) = before.find(|other| other.is_open(since_start)) {
            let closes = open.keeps_waiting_from().map(|from| from.saturating_sub(since_start));
            return Turn::Wait(closes.map(|wait| wait.max(Duration::from_millis(1))));
        }
        match self.queue.take(&way, now.at, may_leave) {
            Some(pending) => {
                self.outlets[outlet].begin(&pending.notice.id, since_start);
                Turn::Send(Box::new(pending))
            }
            None => Turn::Wait(self.queue.next_ready(&way).map(|at| {
                let ms = u64::try_from(at.millis_since(now.at)).unwrap_or(0);
                // The wall clock may be set meanwhile.
                Duration::from_millis(ms).clamp(Duration::from_millis(1), limits::DESK_CHORES_EVERY)
            })),
        }
    }

    /// What an attempt (of `notice`, or `None`: a knock) says about its outlet.
    pub(super) fn heard(
        &mut self,
        outlet: usize,
        number: u64,
        notice: Option<&str>,
        news: News,
        now: Moment,
        patience: &Patience,
    ) -> Option<Turned> {
        let outlet = self.outlets.get_mut(outlet).filter(|_| number == self.number)?;
        outlet.end(notice, news, now, patience)
    }
}

#[cfg(test)]
mod tests;
