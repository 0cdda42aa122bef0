//! What agents report: taken in once, on the disk before it is acknowledged, and into the same queue as what the workers of this
//! machine see.
//!
//! | file | subject |
//! |---|---|
//! | [`spool`] | what the hub has of one agent's spool. Pure |
//! | `shelf.rs` | where each agent's spools are found |
//! | `doubt.rs` | what the archive has already, where the numbers don't tell |
//! | `correction.rs` | times of clocks that are wrong. Pure |
//! | `gaps.rs` | what an agent let go of, for the journal. Pure |
//! | [`refusal`] | why a batch is refused |
//! | [`body`] | reading it, within its bounds |
//! | `told.rs` | which refusals the log tells everybody |
//! | [`keeper`] | the task that writes batches |
//! | `sealing.rs` | what goes on beside it: volumes are sealed and let go of |
//! | [`routes`] | `POST /api/v1/observations` |
//!
//! A batch is looked at from the outside in: how many ask from there, whose key it is, how often that agent asks, how long the body
//! is, how long when it is unpacked, what its lines are, whose practice and which time. Only then is anything changed.

pub mod body;
mod correction;
mod doubt;
mod gaps;
pub mod keeper;
pub mod refusal;
pub mod routes;
mod sealing;
mod shelf;
pub mod spool;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::json;
use tokio::sync::{Semaphore, mpsc, oneshot};

use self::keeper::Job;
use self::refusal::Refusal;
use self::shelf::Shelf;
use self::spool::{Own, Spool};
use self::told::Told;
use super::credentials::book::Denied;
use super::credentials::{CredentialError, Who};
use super::view::View;
use crate::agent::workers::{Report, blank};
use crate::estate::{Estate, NetworkIx, Vantage};
use crate::journal::coverage::Coverage;
use crate::limits::{DOUBTS_AT_ONCE, INTAKE_ROOM_WAIT, SLOWER, SLOWER_DISK};
use crate::observation::BYE;
use crate::segments::{Entry, Record};
use crate::store::{BatchRow, SpoolRow};
use crate::time::{At, whole_millis};
use crate::uplink::message::State;
use crate::uplink::ranges::Ranges;

/// All spools of which the hub has anything.
pub struct Intake {
    spools: Mutex<Shelf>,
    /// By agent: when it measured.
    coverage: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<Coverage>>>>,
    keeper: mpsc::Sender<Job>,
    /// Where the archive is, and how many may look into it for what comes again.
    archive: PathBuf,
    looks: Semaphore,
    reports: mpsc::WeakSender<Report>,
    told: Told,
}

/// Whether agents ask this probe. Whether work was done isn't theirs to say.
fn is_asked(estate: &Estate, probe: &str) -> bool {
    estate.probe(probe).is_some_and(|ix| !estate.probes[ix.at()].ask.is_passive())
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Of its numbers, those that are on the disk.
    pub acked: Ranges,
    pub wait_ms: u64,
    /// Observations that were new, and those that weren't.
    pub fresh: u64,
    pub again: u64,
    /// Of those that were new, those of probes that this hub doesn't know.
    pub unknown: u64,
    /// Why it isn't on the disk.
    pub trouble: Option<String>,
}

impl Intake {
    /// `kept`, `coverage`: what an earlier process left. `practices`: of each agent. `keeper`: who writes the `archive` in that folder.
    pub fn new(
        kept: Vec<SpoolRow>,
        practices: &BTreeMap<String, String>,
        coverage: BTreeMap<String, Coverage>,
        (keeper, archive): (mpsc::Sender<Job>, PathBuf),
        reports: mpsc::WeakSender<Report>,
    ) -> Self {
        let mut spools = Shelf::default();
        for row in kept {
            let practice = practices.get(&row.agent).map(String::as_str).unwrap_or_default();
            let own = Own { agent: row.agent.clone(), process: row.process, numbers: row.own };
            let spool = Spool::new(row.taken, own, row.damages);
            spools.put(practice, &row.agent, &row.spool, row.last_heard, spool);
        }
        let coverage = coverage.into_iter().map(|(id, it)| (id, Arc::new(tokio::sync::Mutex::new(it))));
        Self {
            spools: Mutex::new(spools),
            coverage: Mutex::new(coverage.collect()),
            keeper,
            archive,
            looks: Semaphore::new(DOUBTS_AT_ONCE),
            reports,
            told: Told::new(Instant::now()),
        }
    }

    fn coverage(&self, agent: &str) -> Arc<tokio::sync::Mutex<Coverage>> {
        let mut all = self.coverage.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(agent.to_owned()).or_default().clone()
    }

    /// Takes in a batch that has been judged. To be run to its end even when whoever sent it has gone: what is on the disk is never
    /// handed on by anybody else. `is_let_in`: whether an agent's key is good now; `passes_on`: whether its spool may be
    /// taken over.
    pub async fn take(
        &self,
        (who, spool_id, state): (&Who, &str, &State),
        mut batch: Vec<Record>,
        (is_let_in, passes_on): (impl Fn(&str) -> bool, impl Fn(&str) -> bool),
        view: &View,
        now: At,
    ) -> Result<Taken, Refusal> {
        let spool =
            self.spools.lock().unwrap_or_else(PoisonError::into_inner).find(who, spool_id, now, &passes_on);
        let uplink = state.uplink.as_deref().and_then(|id| view.estate.network(id));
        let uplink = uplink.map(|ix: NetworkIx| view.estate.networks[ix.at()].id.clone());
        // Who reported it, how and when is the hub's to say, whatever a line claims.
        for record in &mut batch {
            if let Entry::Seen(seen) = &mut record.entry {
                (seen.agent, seen.uplink) = (Some(who.agent.clone()), uplink.clone());
                seen.received = Some(now);
            }
        }
        let mut spool = spool.lock().await;
        // Whoever was revoked while this waited is heard no more: its goodbye may have been said.
        if !is_let_in(&who.agent) {
            return Err(CredentialError::Denied(Denied::Revoked).into());
        }
        // Whoever brings nothing takes nobody's place.
        if !batch.is_empty() {
            let process = state.process.as_ref().map_or("", |process| process.id.as_str());
            spool.is_of(&who.agent, process);
        }
        self.settle_doubts(&mut spool, (who, spool_id), &batch, passes_on).await?;
        let apart = view.estate.measured_apart();
        let mut plan = spool.plan(batch, state.floor, apart, |probe| is_asked(&view.estate, probe))?;
        let damages = spool.new_damages(state.damages);
        if damages > 0 {
            plan.is_known = false;
            let line = json!({
                "did": "spool_damaged", "practice": who.practice, "agent": who.agent, "spool": spool_id,
                "places": damages, "lost": state.lost,
            });
            plan.journal.push(line.to_string());
        }
        // Room first: what is on the disk must find its way to the correlator.
        let reports = self.reports.upgrade().ok_or(Refusal::Busy)?;
        let room = reports.reserve_many(plan.fresh.len());
        let Ok(Ok(room)) = tokio::time::timeout(INTAKE_ROOM_WAIT, room).await else {
            return Err(Refusal::Busy);
        };
        let trouble = if plan.is_known {
            None
        } else {
            let row = SpoolRow {
                agent: who.agent.clone(),
                spool: spool_id.to_owned(),
                taken: plan.kept.clone(),
                process: plan.own.process.clone(),
                own: plan.own.numbers.clone(),
                last_heard: now,
                damages: state.damages,
            };
            let (transitions, journal) = (plan.transitions.clone(), std::mem::take(&mut plan.journal));
            // An agent may have several spools: one after the other, until it is on the disk.
            let shared = self.coverage(&who.agent);
            let mut coverage = shared.lock().await;
            let (next, told) = coverage.with(
                (&who.practice, &who.agent),
                // Whatever clock it was placed by, nobody has measured after now.
                plan.measured.iter().copied().filter(|at| *at <= now),
                whole_millis(apart),
            );
            let row = BatchRow {
                spool: row,
                is_new: spool.is_new(),
                transitions,
                journal,
                coverage: (who.practice.clone(), next.clone(), told),
            };
            let done = self.write(std::mem::take(&mut plan.frames), Some(row)).await?;
            if done.is_ok() {
                *coverage = next;
            }
            done.err()
        };
        if trouble.is_none() {
            spool.keep(&plan);
            spool.told_of(state.damages);
        }
        spool.take(&plan);
        let practice = view.estate.practice(&who.practice);
        let (mut fresh, mut unknown) = (0, 0);
        for (place, seen) in room.zip(std::mem::take(&mut plan.fresh)) {
            let probe = view.estate.probe(&seen.probe);
            fresh += 1;
            unknown += u64::from(probe.is_none() && !seen.probe.starts_with('@'));
            // Whether work was done is nobody's word but its own.
            if probe.is_some_and(|ix| view.estate.probes[ix.at()].ask.is_passive()) {
                continue;
            }
            let from = practice.map_or(Vantage::Hub, Vantage::Practice);
            // Of a practice that isn't in the list any more nothing is entered; the correlator counts it as unknown.
            let probe = probe.filter(|_| practice.is_some());
            place.send(Report { generation: view.generation, from, probe, seen });
        }
        let half_full = reports.capacity() < reports.max_capacity() / 2
            || self.keeper.capacity() < self.keeper.max_capacity() / 2;
        let wait = match (&trouble, half_full) {
            (Some(_), _) => SLOWER_DISK,
            (None, true) => SLOWER,
            (None, false) => std::time::Duration::ZERO,
        };
        Ok(Taken {
            acked: spool.acked(&plan),
            wait_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            fresh,
            again: plan.again,
            unknown,
            trouble,
        })
    }

    /// Has the spool know what of a batch the archive has, where the numbers don't tell. `Busy`: it can't be read, or not now.
    async fn settle_doubts(
        &self,
        spool: &mut Spool,
        (who, id): (&Who, &str),
        batch: &[Record],
        passes_on: impl Fn(&str) -> bool,
    ) -> Result<(), Refusal> {
        let shelf = || self.spools.lock().unwrap_or_else(PoisonError::into_inner);
        if !spool.knows_what_was_left() {
            let left = shelf().left(who, id, &passes_on);
            let mut numbers = Ranges::new();
            for shared in left {
                numbers.insert_all(shared.lock().await.kept());
            }
            spool.was_left(numbers);
        }
        let doubtful = spool.doubtful(batch);
        if doubtful.is_empty() {
            return Ok(());
        }
        let agents: BTreeSet<String> = shelf().with(who, id, &passes_on);
        let look = tokio::time::timeout(INTAKE_ROOM_WAIT, self.looks.acquire()).await;
        let Ok(Ok(_look)) = look else { return Err(Refusal::Busy) };
        let dir = self.archive.clone();
        let settled = tokio::task::spawn_blocking(move || doubt::settle(&dir, &agents, &doubtful)).await;
        let had = settled.map_err(|_| Refusal::Busy)?.map_err(|error| {
            tracing::warn!(%error, agent = who.agent, "what an agent sends again can't be looked up in the archive");
            Refusal::Busy
        })?;
        spool.had(&had);
        Ok(())
    }

    /// Nobody reports for this practice any more: the last of its `agents` was revoked. From now on its silence says nothing, as after
    /// their own goodbyes, which they can't send. `false`: there was no room for that.
    pub async fn part(&self, practice: &str, agents: &[String], view: &View, now: At) -> bool {
        let Some(from) = view.estate.practice(practice).map(Vantage::Practice) else { return true };
        // What was being taken in comes first: behind a goodbye it would bring the practice back, to go silent.
        let all = self.spools.lock().unwrap_or_else(PoisonError::into_inner).of(practice, agents);
        for spool in all {
            drop(spool.lock().await);
        }
        let Some(reports) = self.reports.upgrade() else { return false };
        let room = tokio::time::timeout(INTAKE_ROOM_WAIT, reports.reserve_many(agents.len())).await;
        let Ok(Ok(room)) = room else { return false };
        for (place, agent) in room.zip(agents) {
            let mut seen = blank(now, practice, BYE);
            (seen.agent, seen.received) = (Some(agent.clone()), Some(now));
            place.send(Report { generation: view.generation, from, probe: None, seen });
        }
        true
    }

    /// Returns once all that was given to the keeper before is on the disk, or it is known that it isn't.
    pub async fn settle(&self) {
        drop(self.write(Vec::new(), None).await);
    }

    async fn write(&self, frames: Vec<u8>, row: Option<BatchRow>) -> Result<Result<(), String>, Refusal> {
        let (done, told) = oneshot::channel();
        // When the queue is full, so many agents wait that one more had better come later.
        self.keeper.try_send(Job { frames, row, done: Some(done) }).map_err(|_| Refusal::Busy)?;
        told.await.map_err(|_| Refusal::Busy)
    }
}

#[cfg(test)]
mod tests;
