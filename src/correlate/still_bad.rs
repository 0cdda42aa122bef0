//! Whether what an incident took still fails, though no verdict carries the incident any more.

use super::lifecycle::{self, Incident, STRAGGLER_OF_MIN, StillBad};
use super::topology::{NodeKind, Row, Topology};
use super::verdict::{Scope, Verdict, View};

/// Rows of an incident of which this share still fails keep it open; fewer is the noise of single checks, or a
/// straggler with a fault of its own.
const STILL_BAD_SHARE: f64 = 0.05;

/// `shared`: what has failed in common now. What another fault explains says nothing about this one.
pub fn still_bad(view: &View<'_>, incident: &Incident, shared: &[Verdict]) -> StillBad {
    let (mut asked, mut known, mut failing) = (0_usize, 0_usize, 0_usize);
    let topology = view.topology;
    let monitor = incident.verdict.scope == Scope::Monitor;
    let rows: Vec<Row> = if monitor { vec![topology.hub()] } else { incident.ever.iter().copied().collect() };
    let others: Vec<&Verdict> =
        shared.iter().filter(|other| !lifecycle::alike(other, &incident.verdict)).collect();
    for row in &rows {
        let others: Vec<&Verdict> = others.iter().filter(|other| other.rows.contains(row)).copied().collect();
        let (mut bad, mut good, mut elsewhere) = (0_u32, 0_u32, 0_u32);
        for (probe, facts) in topology.probes.iter().enumerate() {
            let probe = crate::estate::ProbeIx::new(probe).0;
            let takes = |verdict: &Verdict| {
                verdict.network.is_none_or(|network| facts.network == network)
                    && carries(topology, verdict, *row, probe)
            };
            let check = &view.evidence.checks[topology.check(*row, probe)];
            if !takes(&incident.verdict) || !check.fresh(view.now, facts.stale_ms()) {
                continue;
            }
            match check.class.bad() {
                true if others.iter().any(|other| takes(other)) => elsewhere += 1,
                true => bad += 1,
                false => good += 1,
            }
        }
        asked += usize::from(elsewhere == 0 || bad + good > 0);
        let hearing = &view.evidence.hearings[*row as usize];
        if bad + good > 0 && !hearing.late || monitor && !hearing.ever() {
            known += 1;
            failing += usize::from(bad > 0 && bad >= good);
        }
    }
    let count = asked.max(1);
    let spared = if count > STRAGGLER_OF_MIN { 1.0 } else { 0.0 };
    if failing as f64 > (STILL_BAD_SHARE * count as f64).max(spared) {
        StillBad::Yes
    } else if known * 2 < count {
        StillBad::Unknown
    } else {
        StillBad::No
    }
}

/// Whether what an incident names carries this check; a practice carries all of its own.
fn carries(topology: &Topology, verdict: &Verdict, row: Row, probe: u32) -> bool {
    if verdict.nodes.is_empty() || matches!(verdict.scope, Scope::Practice | Scope::PracticeSilent) {
        return true;
    }
    verdict.nodes.iter().any(|node| {
        let node = &topology.nodes[*node];
        node.kind == NodeKind::Monitor
            || node.cover_of(row).is_some_and(|cover| topology.covers[cover].probes.contains(&probe))
    })
}
