//! What those read who had been told that it was over, and are hit once more: since when it hits them.

use std::time::Duration;

use super::grade::{GRADE_MAX, grade};
use super::*;
use crate::incident::EventKind;
use crate::notify::cast::Cast;
use crate::notify::rehearsal::{Rehearsal, Written};

const ST_JAMES: &str = "G82002";
/// Its manager has no address, and so the first practice alone hears.
const CEDARS: &str = "G82003";

fn begins() -> At {
    firewall().at
}

/// The firewall's incident so long after it began, with these practices hit.
fn after(minutes: u64, practices: &[&str]) -> Event {
    let at = begins() + Duration::from_mins(minutes);
    let practices = practices.iter().map(|id| (*id).to_owned()).collect();
    Event { at, event: EventKind::Changed, practices, ..firewall() }
}

/// All that leaves, with what the manager and the primary care network get of it.
fn played(events: &[Event], minutes: u64) -> [Vec<Written>; 2] {
    let cast = Cast::of(&estate(), events);
    let mut rehearsal = Rehearsal::new(cast.rules(), &[]);
    for event in events {
        rehearsal.tell(event);
    }
    rehearsal.until(begins() + Duration::from_mins(minutes));
    let of = |kind: &str| {
        let theirs = rehearsal.written().iter().filter(|written| written.notice.audience.kind() == kind);
        theirs.cloned().collect::<Vec<_>>()
    };
    [of("practices"), of("pcn")]
}

#[test]
fn who_is_hit_again_for_hours_reads_since_when_it_hits_them_and_that_it_had_been_over() {
    // 08:12 hit, 08:42 back while another isn't, 09:42 hit again: told at 11:42, again at 15:42, and back at 16:42.
    let story = [firewall(), after(30, &[CEDARS]), after(90, &[ST_JAMES, CEDARS]), after(510, &[CEDARS])];
    let [manager, network] = played(&story, 600);
    let letters: Vec<&str> = manager.iter().map(|written| written.letter.text.as_str()).collect();
    let [first, back, again, still, over] = letters.as_slice() else { panic!("{letters:#?}") };
    assert!(first.contains("It began at about 08:12."), "{first}");
    assert!(back.contains("It began at about 08:12 and was over by 08:42: 30 minutes."), "{back}");
    let said =
        "We wrote to you that this was over. It has hit St James' Surgery again since about 09:42. One other";
    assert!(again.contains(said), "{again}");
    assert!(still.contains("It has hit St James' Surgery again since about 09:42, 6 hours ago."), "{still}");
    let said = "It hit St James' Surgery again at about 09:42 and was over by 16:42: 7 hours.";
    assert!(over.contains(said), "{over}");
    let subjects: Vec<&str> = manager.iter().map(|written| written.letter.subject.as_str()).collect();
    assert!(subjects[2].contains("since 09:42") && subjects[3].contains("since 09:42"), "{subjects:?}");
    for text in [again, still, over] {
        assert!(!text.contains("08:12"), "{text}");
        assert!(grade(text) <= GRADE_MAX, "{:.1} years of school\n{text}", grade(text));
    }
    // The network has a practice that was hit all the time, and isn't told anything twice.
    assert!(network.iter().all(|written| !written.letter.text.contains("again since")), "{network:#?}");
}

#[test]
fn what_begins_anew_and_lasts_is_told_since_then() {
    let begun_anew = Event {
        event: EventKind::Opened,
        since: begins() + Duration::from_mins(59),
        ..after(60, &[ST_JAMES])
    };
    let story = [
        Event { practices: vec![ST_JAMES.to_owned()], ..firewall() },
        Event { event: EventKind::Resolved, reason: Some(Reason::Recovered), ..after(20, &[]) },
        begun_anew.clone(),
        Event {
            event: EventKind::Resolved,
            reason: Some(Reason::Recovered),
            at: begins() + Duration::from_hours(5),
            practices: Vec::new(),
            ..begun_anew
        },
    ];
    let [manager, network] = played(&story, 400);
    let again = &manager[2].letter.text;
    assert!(again.contains("It has hit St James' Surgery again since about 09:11."), "{again}");
    let over = &manager[3].letter.text;
    assert!(over.contains("again at about 09:11 and was over by 13:12: 4 hours"), "{over}");
    let again = &network[2].letter.text;
    assert!(again.contains("It has hit your practices again since about 09:11."), "{again}");
    assert!(network[3].letter.text.contains("It hit your practices again at about 09:11"), "{network:#?}");
}
