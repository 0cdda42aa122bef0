//! Silence that says nothing of a practice: it was heard last over a line that is down at the hub's end, or nobody knows yet when
//! its agent is usually on.

use std::collections::BTreeSet;

use super::evidence::Evidence;
use super::hours::Hours;
use super::lifecycle::LifeCycle;
use super::topology::Row;
use super::verdict::{Scope, Verdict};
use crate::incident::Signature;
use crate::time::At;

/// From so sure a suspicion that one of the hub's own lines is down, nobody is blamed for not being heard over it.
const LOST_PROBABILITY_MIN: f64 = 0.5;

/// Silence of agents of which nobody knows yet when they are usually on.
#[derive(Default)]
pub struct InDoubt {
    /// It opens nothing by itself. Beside others of the same device it may be no going home.
    pub verdicts: Vec<Verdict>,
    /// When the first of them should be back: then it is silent as any other.
    pub until: Option<At>,
}

/// Takes out of what was found what rests on such silence alone.
pub fn leave_out(
    shared: &mut Vec<Verdict>,
    own: &mut Vec<Verdict>,
    (life, evidence, hours): (&LifeCycle, &Evidence, &Hours),
    now: At,
) -> InDoubt {
    let found = shared.iter().chain(own.iter());
    let found = found.filter(|verdict| verdict.probability >= LOST_PROBABILITY_MIN);
    let open = life.open().filter(|incident| incident.quiet_since.is_none());
    let lost: BTreeSet<usize> =
        found.chain(open.map(|incident| &incident.verdict)).filter_map(Verdict::cuts).collect();
    let is_cut_off = |row: &Row| lost.iter().any(|network| evidence.is_cut_off(*row, *network));
    let says_nothing = |verdict: &Verdict| !verdict.rows.is_empty() && verdict.rows.iter().all(is_cut_off);
    shared.retain(|verdict| verdict.signature != Signature::Silent || !says_nothing(verdict));
    own.retain(|verdict| verdict.scope != Scope::PracticeSilent || !says_nothing(verdict));
    let mut in_doubt = InDoubt::default();
    for verdict in std::mem::take(own) {
        let may_be_off = |row: &Row| hours.may_be_off(*row, evidence.hearings[*row as usize].last, now);
        let silent = Some(&verdict).filter(|verdict| verdict.scope == Scope::PracticeSilent);
        let until = silent.and_then(|verdict| verdict.rows.iter().filter_map(may_be_off).min());
        in_doubt.until = in_doubt.until.into_iter().chain(until).min();
        if until.is_some() { in_doubt.verdicts.push(verdict) } else { own.push(verdict) }
    }
    in_doubt
}

/// While the hub's own lines are down, all of them or one, nobody is blamed for not being heard over them, nor for as long afterwards
/// as it takes to be back.
pub fn excuse(life: &LifeCycle, evidence: &mut Evidence, now: At) {
    let down =
        life.open().filter(|incident| incident.quiet_since.is_none()).map(|incident| &incident.verdict);
    for verdict in down.filter(|verdict| verdict.blinds() || verdict.cuts().is_some()) {
        evidence.excuse(now, verdict.network);
    }
}
