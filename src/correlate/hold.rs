//! Hold, then decide: how long a verdict must stand before people are told of it.
//!
//! A shared fault shows in many practices at once and needs little; a practice's own waits to see whether it is
//! shared, and after a shared fault until everything has been asked again.

use super::lifecycle::{Facts, HOLD_PARTLY_MS, LifeCycle};
use super::verdict::{Scope, Verdict};
use crate::incident::Signature;

/// A shared fault that hits all alike needs no more than to be seen twice.
const HOLD_SHARED_MS: i64 = 750;
/// Where it shows in silence alone, the others behind it must have had the time to be heard: a few agents hold their
/// reports back at one time by chance.
const HOLD_SHARED_SILENT_MS: i64 = 2_500;
/// A practice's own notice waits this long at least, to see whether the fault is shared.
const HOLD_PRACTICE_MS: i64 = 4_000;

/// How long a verdict must stand before people are told, milliseconds. `company`: other practices began to fail at
/// about the same time, each on its own as it seems.
pub fn hold_ms(life: &LifeCycle, verdict: &Verdict, company: bool, facts: &Facts<'_>) -> i64 {
    let shared = matches!(verdict.scope, Scope::Shared | Scope::SharedPartly);
    if shared && is_within_another(life, verdict) {
        // A fault that changes looks for a moment like one of something smaller.
        return facts.round_ms;
    }
    match verdict.scope {
        Scope::SharedPartly if verdict.signature == Signature::Slow => HOLD_PARTLY_MS.max(facts.round_ms / 4),
        Scope::Shared if verdict.signature == Signature::Silent => HOLD_SHARED_SILENT_MS,
        Scope::Shared => HOLD_SHARED_MS,
        Scope::Monitor | Scope::SharedPartly => HOLD_PARTLY_MS,
        Scope::Practice | Scope::PracticeSilent => {
            // A third of its checks is asked again meanwhile.
            let base = match (verdict.scope, company) {
                // It has been waited for.
                (Scope::PracticeSilent, _) => 0,
                (_, true) => HOLD_PRACTICE_MS.max(facts.round_ms),
                (_, false) => HOLD_PRACTICE_MS.max(facts.round_ms / 3),
            };
            // When a shared fault ends, its practices are asked again before theirs is said to go on.
            let after_shared = life.incidents.iter().any(|incident| {
                !matches!(incident.verdict.scope, Scope::Practice | Scope::PracticeSilent)
                    && incident.closed.is_none_or(|closed| facts.now.millis_since(closed) < facts.round_ms)
                    && (incident.verdict.scope == Scope::Monitor
                        || incident.ever.iter().any(|row| verdict.rows.contains(row)))
            });
            if after_shared { base.max(facts.round_ms + HOLD_PRACTICE_MS) } else { base }
        }
    }
}

/// Everything that it takes is taken already by something shared that is open.
fn is_within_another(life: &LifeCycle, verdict: &Verdict) -> bool {
    life.open().any(|incident| {
        matches!(incident.verdict.scope, Scope::Shared | Scope::SharedPartly)
            && (incident.event.network.is_none() || incident.verdict.network == verdict.network)
            && !verdict.rows.is_empty()
            && verdict.rows.is_subset(&incident.ever)
            && !super::lifecycle::alike(&incident.verdict, verdict)
    })
}
