//! A fault as it is at the practices that a letter is about: how it shows there, and since when. What an incident looks like as a whole,
//! and when it began, may be another's story.

use std::borrow::Cow;

use super::phrases;
use crate::incident::{Event, EventKind, Signature};
use crate::time::At;

/// The event, with the signature as these practices have it, or had it last; of no practice: as it is. `earlier`: what was said of the
/// incident before, oldest first.
pub(super) fn event<'a>(practices: &[String], event: &'a Event, earlier: &[Event]) -> Cow<'a, Event> {
    let signature = signature(practices, event, earlier);
    if signature == event.signature {
        Cow::Borrowed(event)
    } else {
        Cow::Owned(Event { signature, ..event.clone() })
    }
}

fn signature(practices: &[String], event: &Event, earlier: &[Event]) -> Signature {
    let mut said = std::iter::once(event).chain(earlier.iter().rev());
    let Some(hit) = said.find(|event| hits(event, practices)) else { return event.signature };
    match hit.signature {
        Signature::Partial if has_lost_all(hit, practices) => Signature::Down,
        // That many fell silent at once is what says that something which they share has failed.
        Signature::Silent if !phrases::is_unheard(hit) => Signature::Down,
        signature => signature,
    }
}

/// Of what fails in part: whether nothing is left at those of them that it hits.
fn has_lost_all(event: &Event, practices: &[String]) -> bool {
    let mut theirs = event.practices.iter().filter(|practice| practices.contains(practice));
    theirs.all(|practice| event.lost.contains(practice))
}

/// Since when these practices are hit, or were until the event: not since when the incident goes on. That others were hit before, or
/// meanwhile, is nothing to them.
pub(super) fn since(practices: &[String], event: &Event, earlier: &[Event]) -> At {
    let whole = event.since;
    // Without the beginning nothing is known of anybody's own.
    if earlier.first().unwrap_or(event).event != EventKind::Opened {
        return whole;
    }
    let mut hit: Option<&Event> = None;
    for said in earlier.iter().chain([event]) {
        let is_hit = hits(said, practices);
        match hit {
            None if is_hit => hit = Some(said),
            Some(_) if !is_hit && said.at < event.at => hit = None,
            _ => {}
        }
    }
    match hit {
        // They were hit from its beginning, of which more is known by now.
        Some(said) if said.event == EventKind::Opened => whole,
        Some(said) => said.at,
        None => whole,
    }
}

fn hits(event: &Event, practices: &[String]) -> bool {
    event.event != EventKind::Resolved && event.practices.iter().any(|practice| practices.contains(practice))
}
