//! Which sites a fault hits, and in which order they fall and rise.

use crate::estate::{Estate, Practice};
use crate::world::dice::{mix, mix_text};
use crate::world::scenario::{Fault, Target};
use crate::world::timetable::Rank;

/// By practice; `None`: it is never hit. The sites are those that have anything to do with the fault's
/// target; the hub, services and networks concern everybody.
pub(super) fn ranks(estate: &Estate, fault: &Fault, seed: u64) -> Vec<Option<Rank>> {
    let component = match &fault.target {
        Target::Component(id) => estate.component(id),
        _ => None,
    };
    let via = |practice: &Practice| {
        component.is_some_and(|ix| practice.via.iter().any(|used| used.any.contains(&ix)))
    };
    let named_by_some = estate.practices.iter().any(via);
    let mut behind: Vec<usize> = (0..estate.practices.len())
        .filter(|n| {
            let practice = &estate.practices[*n];
            match &fault.target {
                // A component that no practice names stands on everybody's way: a resolver, a data centre.
                Target::Component(_) => !named_by_some || via(practice),
                Target::Practices(ids) => ids.contains(&practice.id),
                Target::Service(_) | Target::Network(_) | Target::Hub => true,
            }
        })
        .collect();
    let shuffle = |list: &mut Vec<usize>, seed: u64| {
        list.sort_by_key(|n| (mix_text(seed, &estate.practices[*n].id), *n));
    };
    shuffle(&mut behind, mix(seed, 1));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the sites")]
    let hit = ((behind.len() as f64 * fault.sites).round() as usize)
        .clamp(usize::from(fault.sites > 0.0), behind.len().max(1));
    behind.truncate(hit);
    let mut ranks = vec![None; estate.practices.len()];
    let step = |place: usize| (place as f64 + 0.5) / hit.max(1) as f64;
    for (place, n) in behind.iter().enumerate() {
        ranks[*n] = Some(Rank { turn: step(place), back: 0.0 });
    }
    shuffle(&mut behind, mix(seed, 2));
    for (place, n) in behind.iter().enumerate() {
        if let Some(rank) = &mut ranks[*n] {
            rank.back = step(place);
        }
    }
    ranks
}
