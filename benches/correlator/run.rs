//! Runs trials, spread over threads. A trial is made, streamed and judged by one thread, and the results are put
//! together in the order of the jobs, so that they don't depend on how many threads there are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use linewatch::correlate::Wish;
use linewatch::observation::{ALIVE, BYE, Observation};
use linewatch::time::At;
use linewatch::world::trials::{Family, Tier, Trial};
use linewatch::world::virtual_time::blank;

use crate::blips::Blips;
use crate::diagnoser::{Diagnoser, Place, Said};
use crate::facts::Facts;

/// One trial to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    pub tier: Tier,
    pub family: Family,
    pub seed: u64,
}

/// All runs of all families in all tiers asked for.
pub fn jobs(
    tiers: &[Tier],
    families: &[Family],
    first_seed: u64,
    runs: impl Fn(Family) -> usize,
) -> Vec<Job> {
    let mut jobs = Vec::new();
    for tier in tiers {
        for family in families {
            for seed in (first_seed..).take(runs(*family)) {
                jobs.push(Job { tier: *tier, family: *family, seed });
            }
        }
    }
    jobs
}

/// Who hears a trial's observations.
pub trait Audience {
    fn advance(&mut self, at: At);
    fn observe(&mut self, at: At, seen: &Observation, place: Place);
    /// What one of them would have asked at once. Heard where agents ask again; all of them then hear the answers.
    fn wish(&mut self) -> Option<Wish> {
        None
    }
}

/// Diagnosers, and what each said in the course of one trial.
pub struct Hall {
    pub diagnosers: Vec<Box<dyn Diagnoser>>,
    pub said: Vec<Vec<Said>>,
}

impl Audience for Hall {
    fn advance(&mut self, at: At) {
        for (diagnoser, said) in self.diagnosers.iter_mut().zip(&mut self.said) {
            diagnoser.advance(at);
            diagnoser.said(said);
        }
    }

    fn observe(&mut self, at: At, seen: &Observation, place: Place) {
        for (diagnoser, said) in self.diagnosers.iter_mut().zip(&mut self.said) {
            diagnoser.observe(at, seen, place);
            diagnoser.said(said);
        }
    }

    fn wish(&mut self) -> Option<Wish> {
        self.diagnosers.iter_mut().find_map(|diagnoser| diagnoser.wish())
    }
}

/// Plays a trial from its first observation to its end.
pub fn play(trial: &Trial, facts: &Facts, blips: &mut Blips, audience: &mut dyn Audience, reask: bool) {
    let mut stream = if reask { trial.stream_asking_again() } else { trial.stream() };
    let mut seen: Observation = blank();
    while let Some(at) = stream.fill(&mut seen) {
        if at > trial.end {
            break;
        }
        audience.advance(at);
        let place = facts.asker(&seen.practice).map(|asker| Place { asker, probe: facts.probe(&seen.probe) });
        let known = |place: &Place| place.probe.is_some() || seen.probe == ALIVE || seen.probe == BYE;
        if let Some(place) = place.filter(known) {
            blips.take(at, &seen, place);
            audience.observe(at, &seen, place);
        }
        while let Some(wish) = audience.wish() {
            stream.wish(wish);
        }
    }
    audience.advance(trial.end);
}

/// Does every job on some thread; the results stand in the order of the jobs. `goes_on`: whether another is begun; `done` hears how
/// many are done.
pub fn spread<R: Send>(
    jobs: &[Job],
    threads: usize,
    work: impl Fn(&Job, &Trial, &Arc<Facts>) -> R + Sync,
    goes_on: impl Fn() -> bool + Sync,
    done: impl Fn(usize) + Sync,
) -> Vec<(Job, R)> {
    // The costliest trials stand last in the list (large estates); begun first, no thread is left alone with one.
    let next = AtomicUsize::new(jobs.len());
    let finished = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(jobs.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(jobs.len()) {
            scope.spawn(|| {
                while goes_on()
                    && let Ok(left) =
                        next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                {
                    let job = &jobs[left - 1];
                    let trial = Trial::new(job.family, job.tier, job.seed);
                    let facts = Arc::new(Facts::new(&trial));
                    let result = work(job, &trial, &facts);
                    if let Ok(mut results) = results.lock() {
                        results.push((left - 1, result));
                    }
                    done(finished.fetch_add(1, Ordering::Relaxed) + 1);
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_default();
    results.sort_by_key(|(ix, _)| *ix);
    results.into_iter().map(|(ix, result)| (jobs[ix], result)).collect()
}
