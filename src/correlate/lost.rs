//! Who has lost all where a fault is partial as a whole: some of those behind it may have some left while others have nothing, and
//! people in a practice are told how it is at theirs.

use std::collections::BTreeSet;

use crate::estate::ProbeIx;
use crate::incident::Signature;
use crate::time::At;

use super::evidence::Check;
use super::topology::{NodeKind, Row};
use super::verdict::{Verdict, View};

/// Each of a practice's checks must have failed so often in a row: where some askings are let through and some aren't, all of them fail
/// once by chance now and then.
const RUN_MIN: u32 = 2;

/// Of the practices that a fault hits in part, those of which nothing answers any more on the network that it takes, or on any.
///
/// Nobody of a service's: a practice has one or two checks of it, and that both failed when they were last asked says little of those
/// who try it again and again.
pub(super) fn of_shared(
    view: &View<'_>,
    kind: NodeKind,
    signature: Signature,
    network: Option<usize>,
    rows: &BTreeSet<Row>,
) -> BTreeSet<Row> {
    if signature != Signature::Partial || matches!(kind, NodeKind::Service(_) | NodeKind::Target(_)) {
        return BTreeSet::new();
    }
    rows.iter().copied().filter(|row| has_lost(view, *row, network)).collect()
}

/// Of practices that fall one after the other, those that are down, and not only hit in part.
pub(super) fn of_rolling(down: &[Verdict]) -> BTreeSet<Row> {
    let wholly = |verdict: &&Verdict| {
        use Signature::{Down, Dropped, Refused, Silent};
        matches!(verdict.signature, Down | Dropped | Refused | Silent)
    };
    down.iter().filter(wholly).flat_map(|verdict| verdict.rows.iter().copied()).collect()
}

/// All checks of the network fail that were asked since the first of those that fail now began to; or nothing is heard any more, over
/// whichever network, of a fault that takes them all.
fn has_lost(view: &View<'_>, row: Row, network: Option<usize>) -> bool {
    if network.is_none() && view.evidence.hearings[row as usize].late {
        return true;
    }
    let fresh = || {
        let probes = view.topology.probes.iter().enumerate();
        let asked = probes
            .filter(|(_, facts)| !facts.passive && network.is_none_or(|network| facts.network == network));
        asked.filter_map(|(probe, facts)| {
            let check = &view.evidence.checks[view.topology.check(row, ProbeIx::new(probe).0)];
            check.fresh(view.now, facts.stale_ms()).then_some(check)
        })
    };
    let began: Option<At> = fresh().filter(|check| check.class.failing()).map(|check| check.run_since).min();
    let fails = |check: &Check| check.class.failing() && check.run >= RUN_MIN;
    began.is_some_and(|began| fresh().all(|check| fails(check) || check.last_at < began))
}
