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

/// Takes out of what was found what rests on such silence alone. Returns when the first agent of which nobody knows its hours should be
/// back: then it is silent as any other.
pub fn leave_out(
    shared: &mut Vec<Verdict>,
    own: &mut Vec<Verdict>,
    (life, evidence, hours): (&LifeCycle, &Evidence, &Hours),
    now: At,
) -> Option<At> {
    let found = shared.iter().chain(own.iter());
    let found = found.filter(|verdict| verdict.probability >= LOST_PROBABILITY_MIN);
    let open = life.open().filter(|incident| incident.quiet_since.is_none());
    let lost: BTreeSet<usize> =
        found.chain(open.map(|incident| &incident.verdict)).filter_map(Verdict::cuts).collect();
    let is_cut_off = |row: &Row| lost.iter().any(|network| evidence.is_cut_off(*row, *network));
    let says_nothing = |verdict: &Verdict| !verdict.rows.is_empty() && verdict.rows.iter().all(is_cut_off);
    shared.retain(|verdict| verdict.signature != Signature::Silent || !says_nothing(verdict));
    let mut doubt_until = None;
    own.retain(|verdict| {
        if verdict.scope != Scope::PracticeSilent {
            return true;
        }
        let in_doubt = |row: &Row| hours.may_be_off(*row, evidence.hearings[*row as usize].last, now);
        let until = verdict.rows.iter().filter_map(in_doubt).min();
        doubt_until = doubt_until.into_iter().chain(until).min();
        until.is_none() && !says_nothing(verdict)
    });
    doubt_until
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
