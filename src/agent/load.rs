//! What an estate's checks ask of each target, and of this machine at its worst. Pure.

use std::collections::BTreeMap;

use super::schedule::Whose;
use crate::estate::Estate;

/// Checks a second that each target sees from the whole estate, the hub included, by target.
pub fn target_rates(estate: &Estate) -> Vec<(String, f64)> {
    let askers = (estate.practices.len() + 1) as f64;
    let mut rates: BTreeMap<String, f64> = BTreeMap::new();
    for probe in estate.probes.iter().filter(|probe| !probe.ask.is_passive()) {
        *rates.entry(probe.ask.bothers()).or_default() += askers / probe.every.as_secs_f64().max(0.001);
    }
    rates.into_iter().collect()
}

/// Checks that would be under way at once if every one of them took until its timeout, as in a failure of
/// everything: fewer than that are allowed, and the schedule runs late just when it matters.
pub fn under_way_max(whose: Whose, estate: &Estate) -> usize {
    let askers = match whose {
        Whose::Everybodys => estate.practices.len() + 1,
        Whose::Hubs => 1,
        Whose::Practices => estate.practices.len(),
    } as f64;
    let share =
        |probe: &crate::estate::Probe| probe.timeout.as_secs_f64() / probe.every.as_secs_f64().max(0.001);
    let checks = (askers
        * estate.probes.iter().filter(|probe| !probe.ask.is_passive()).map(share).sum::<f64>())
    .ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most askers times probes"
    )]
    let checks = checks as usize;
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::schedule::tests::estate;

    #[test]
    fn if_everything_times_out_this_many_checks_are_under_way() {
        // 11 askers; one probe waits 1 s in 10 s, the other 1 s in 2 s.
        assert_eq!(under_way_max(Whose::Everybodys, &estate(10, &[10, 2])), 7);
        assert_eq!(under_way_max(Whose::Everybodys, &estate(10, &[])), 0);
    }
}
