//! How a practice fails on its own: its states are summed out, so that a shared fault has to beat "they
//! failed one by one", and a practice's own has to beat "something in common has failed".

use crate::time::At;

use super::model::{HEARD_CUT_OFF, HEARD_SILENT, LATE_BY_ITSELF, LATE_CUT_OFF, Own, log_sum_exp, own_prior};

/// What is known of a row in which something is bad.
pub struct Dirty {
    /// log P(checks of the network | what has been chosen so far), by network.
    pub base: Vec<f64>,
    /// (state, networks that it explains, log P(those checks | state), since).
    pub states: Vec<(Own, Option<usize>, f64, At)>,
    pub late: bool,
    /// The report that didn't come was due by then, when it is late.
    pub due: At,
    /// What has been chosen cuts its reports off.
    pub cut: bool,
    /// Its own failure is one of a series that has been chosen.
    pub in_series: bool,
    /// log Σ over its own states.
    pub z: f64,
}

fn reports(late: bool, cut: bool) -> f64 {
    match (late, cut) {
        (true, true) => LATE_CUT_OFF,
        (true, false) => LATE_BY_ITSELF,
        (false, true) => HEARD_CUT_OFF,
        (false, false) => 0.0,
    }
}

/// log P(row, fine by itself | what is chosen, with `moved` added by network).
pub fn fine_log(dirty: &Dirty, moved: &[f64], cut: bool) -> f64 {
    own_prior(Own::Fine)
        + dirty.base.iter().sum::<f64>()
        + moved.iter().sum::<f64>()
        + reports(dirty.late, dirty.cut || cut)
}

fn state_log(dirty: &Dirty, moved: &[f64], cut: bool, (own, network, log): (Own, Option<usize>, f64)) -> f64 {
    let elsewhere: f64 = dirty
        .base
        .iter()
        .enumerate()
        .filter(|(other, _)| network.is_some_and(|network| *other != network))
        .map(|(other, base)| base + moved.get(other).copied().unwrap_or(0.0))
        .sum();
    let heard = match own {
        Own::Dark => {
            if dirty.late {
                LATE_CUT_OFF
            } else {
                HEARD_CUT_OFF
            }
        }
        _ => reports(dirty.late, dirty.cut || cut),
    };
    own_prior(own) + log + elsewhere + heard
}

fn silent_log(dirty: &Dirty, moved: &[f64]) -> f64 {
    let heard = if dirty.late { LATE_CUT_OFF } else { HEARD_SILENT };
    own_prior(Own::Silent) + dirty.base.iter().sum::<f64>() + moved.iter().sum::<f64>() + heard
}

/// log Σ over a row's own states.
pub fn own_sum(dirty: &Dirty, moved: &[f64], cut: bool) -> f64 {
    let mut terms = [f64::NEG_INFINITY; 32];
    terms[0] = fine_log(dirty, moved, cut);
    terms[1] = silent_log(dirty, moved);
    let mut used = 2;
    for (slot, (own, network, log, _)) in terms[2..].iter_mut().zip(&dirty.states) {
        *slot = state_log(dirty, moved, cut, (*own, *network, *log));
        used += 1;
    }
    log_sum_exp(&terms[..used])
}

/// log P(row | it has failed in some way), the ways being equally likely.
pub fn own_if_failed(dirty: &Dirty) -> f64 {
    let ways = dirty.states.len() as f64 + 1.0;
    let terms: Vec<f64> = dirty
        .states
        .iter()
        .map(|(own, network, log, _)| {
            state_log(dirty, &[], dirty.cut, (*own, *network, *log)) - own_prior(*own)
        })
        .chain([silent_log(dirty, &[]) - own_prior(Own::Silent)])
        .collect();
    log_sum_exp(&terms) - ways.ln()
}

/// The most probable state of a row, since when, and its logarithm.
pub fn own_best(dirty: &Dirty) -> (Own, At, f64) {
    let mut best = (Own::Fine, At::default(), fine_log(dirty, &[], dirty.cut));
    let silent = silent_log(dirty, &[]);
    if silent > best.2 {
        best = (Own::Silent, At::default(), silent);
    }
    for (own, network, log, since) in &dirty.states {
        let total = state_log(dirty, &[], dirty.cut, (*own, *network, *log));
        if total > best.2 {
            best = (*own, *since, total);
        }
    }
    best
}
