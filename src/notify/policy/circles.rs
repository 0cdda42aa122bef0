//! What primary care networks and the owners of components are told: of incidents that hit their practices, or that may be the
//! fault of what they look after. Like staff they hear of the opening, of changes (at most every
//! [`limits::STAFF_UPDATE_EVERY`], and none of what comes and goes), and of the end. A network of practices hears once that its
//! practices are hit and once that they are back. An owner hears, in between, that it isn't theirs after all when later evidence says
//! so, and that it is when the next says that; and of the end once.

use super::book::Book;
use super::pace::REPLACED;
use super::record::Record;
use super::routing::{Circle, Of};
use super::{Plan, Rules, blind, covered_from, key, notice};
use crate::config::PracticeNotices;
use crate::incident::{Cause, Event, EventKind, Reason, Signature};
use crate::limits;
use crate::notify::notice::{Audience, Notice, NoticeKind, NoticeState};
use crate::time::At;

const TOO_LATE: &str = "it was over before it was sent";

/// Where one of them stands with the incident, who was told of it or is to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub opening: Notice,
    /// The latest notice.
    pub latest: Notice,
    /// What it said.
    pub said: (Vec<Cause>, Signature),
}

/// By whom a record keeps them: as whom they are spoken to, and the key of their address.
pub(super) type CircleKey = (String, String);

pub(super) fn key_of(notice: &Notice) -> CircleKey {
    (notice.audience.who(), key(&notice.recipient))
}

impl Told {
    pub fn opened(opening: Notice, event: &Event) -> Self {
        Self { latest: opening.clone(), opening, said: (event.cause.clone(), event.signature) }
    }
}

pub(super) fn follow(record: &mut Record, event: &Event, book: &Book, rules: &Rules<'_>, plan: &mut Plan) {
    if event.event == EventKind::Resolved {
        for (id, told) in std::mem::take(&mut record.circles) {
            let theirs = rules.routing.circles.iter().find(|circle| id_of(circle) == id);
            // Whose it wasn't at last learns that, and not how long it lasted.
            let is_not_theirs =
                theirs.is_some_and(|circle| circle.is_owner() && !circle.may_be_at_fault(&event.cause));
            let kind = match event.reason {
                Some(Reason::Withdrawn) => NoticeKind::Correction,
                _ if is_not_theirs => NoticeKind::Correction,
                Some(Reason::Merged | Reason::Recovered) | None => NoticeKind::Back,
            };
            if let Some(told) = ended(told, event, kind, book, plan) {
                record.circles.insert(id, told);
            }
        }
        return;
    }
    for circle in &rules.routing.circles {
        let concerned = if blind(event) { None } else { circle.concerned(event) };
        let id = id_of(circle);
        let told = match (record.circles.remove(&id), concerned) {
            (None, None) => None,
            (None, Some(_)) if record.had_both.contains(&id.0, &id.1) => None,
            (None, Some(audience)) => Some(open(record.approved, event, circle, audience, rules, plan)),
            // Who hasn't heard yet hears of the latest, or of nothing.
            (Some(told), concerned)
                if book.is_untold(&told.opening, event.at) && !book.is_refused(&told.opening) =>
            {
                let why = if concerned.is_some() { REPLACED } else { TOO_LATE };
                plan.withdraws(book.recallable(&told.opening, event.at), why);
                concerned.map(|audience| open(record.approved, event, circle, audience, rules, plan))
            }
            (Some(told), None) if !circle.is_owner() => ended(told, event, NoticeKind::Back, book, plan),
            (Some(told), concerned) => Some(update(told, event, circle, concerned, book, rules, plan)),
        };
        if let Some(told) = told {
            record.circles.insert(id, told);
        }
    }
}

pub(super) fn id_of(circle: &Circle) -> CircleKey {
    let who = match &circle.of {
        Of::Pcn { id, .. } => Audience::Pcn { id: id.clone(), practices: Vec::new() }.who(),
        Of::Owner { name, .. } => Audience::Owner { name: name.clone() }.who(),
    };
    (who, key(&circle.recipient))
}

fn open(
    approved: bool,
    event: &Event,
    circle: &Circle,
    audience: Audience,
    rules: &Rules<'_>,
    plan: &mut Plan,
) -> Told {
    let opening = opening(approved, event, event.at, circle, audience, rules);
    plan.notices.push(opening.clone());
    Told::opened(opening, event)
}

/// What tells somebody of an event, at `from` or when planned work is over that covers it then.
pub(super) fn opening(
    approved: bool,
    event: &Event,
    from: At,
    circle: &Circle,
    audience: Audience,
    rules: &Rules<'_>,
) -> Notice {
    let due = covered_from(event, from, audience.practices_of(event), rules.maintenance);
    let is_of_practices = matches!(audience, Audience::Pcn { .. });
    let mut opening = notice(event, NoticeKind::Opening, audience, &circle.recipient);
    opening.due = due;
    if event.event == EventKind::Changed && is_of_practices {
        // As with managers: two incidents that become one say so in either order.
        opening.due = due.max(event.at + limits::MERGE_HOLD);
    }
    if !rules.mail {
        opening.state = NoticeState::Withheld { why: super::NO_MAIL.to_owned() };
    } else if is_of_practices && rules.practices == PracticeNotices::AfterApproval && !approved {
        opening.state = NoticeState::Held;
    }
    opening
}

/// Tells of what has changed for them. `concerned`: as whom they are told of it; `None`: later evidence says that it isn't theirs, which they
/// must know, and so it is when it proves to be theirs after all. What is somebody else's goes on without them, and what comes and
/// goes is not written about again and again.
fn update(
    told: Told,
    event: &Event,
    circle: &Circle,
    concerned: Option<Audience>,
    book: &Book,
    rules: &Rules<'_>,
    plan: &mut Plan,
) -> Told {
    let now = (event.cause.clone(), event.signature);
    // Whose letter was refused was told nothing.
    let is_refused = book.is_refused(&told.opening);
    let is_theirs = concerned.is_some();
    let has_turned = circle.is_owner() && circle.may_be_at_fault(&told.said.0) != is_theirs;
    let audience = concerned.unwrap_or_else(|| told.latest.audience.clone());
    let is_news = match (is_refused, has_turned) {
        (true, _) => is_theirs,
        (false, true) => true,
        (false, false) => {
            is_theirs
                && event.signature != Signature::Flapping
                && (told.said != now || told.latest.audience != audience)
        }
    };
    if !is_news {
        return told;
    }
    let mut update = notice(event, NoticeKind::Update, audience, &told.opening.recipient);
    let waits = book.recallable(&told.opening, event.at);
    update.due = match (waits.first(), book.last_written_to(&told.opening)) {
        _ if told.said.0 != now.0 && !is_refused => event.at,
        (Some(waiting), _) => waiting.due,
        (None, Some(last)) => event.at.max(last + limits::STAFF_UPDATE_EVERY),
        (None, None) => event.at,
    };
    update.due = covered_from(event, update.due, update.audience.practices_of(event), rules.maintenance);
    plan.withdraws(waits, REPLACED);
    plan.notices.push(update.clone());
    Told { opening: told.opening, latest: update, said: now }
}

fn ended(told: Told, event: &Event, kind: NoticeKind, book: &Book, plan: &mut Plan) -> Option<Told> {
    let is_untold = book.is_untold(&told.opening, event.at);
    if book.is_refused(&told.opening) && is_untold {
        // Should it concern them again, they are written to again.
        return Some(told);
    }
    plan.withdraws(book.recallable(&told.opening, event.at), if is_untold { TOO_LATE } else { REPLACED });
    if !is_untold {
        plan.notices.push(notice(event, kind, told.latest.audience, &told.opening.recipient));
    }
    None
}

/// The incident goes on as another, which whoever was told of this one knows by its own name from then on.
pub(super) fn merge(record: &mut Record, survivor: &mut Record, event: &Event, book: &Book, plan: &mut Plan) {
    for (circle, told) in std::mem::take(&mut record.circles) {
        let Told { opening, latest, .. } = told;
        let other = survivor.circles.get(&circle).map(|told| &told.opening);
        let merger = book.merger(&opening, other, event.at);
        plan.withdraws(merger.of_gone, &format!("incident {} speaks for it", survivor.event.incident));
        plan.withdraws(merger.of_survivor, &format!("incident {} said it already", event.incident));
        if !merger.inherits {
            continue;
        }
        let mut inherited = notice(event, NoticeKind::Inherited, latest.audience, &opening.recipient);
        inherited.incident.clone_from(&survivor.event.incident);
        inherited.thread = Some(opening.thread.clone().unwrap_or_else(|| opening.id.clone()));
        inherited.state =
            NoticeState::Withheld { why: format!("incident {} said it already", event.incident) };
        survivor.circles.insert(circle, Told::opened(inherited.clone(), event));
        plan.notices.push(inherited);
    }
}

/// Takes up a notice that an earlier process planned.
pub(super) fn restore(record: &mut Record, notice: &Notice, event: &Event) {
    let id = key_of(notice);
    let said = (event.cause.clone(), event.signature);
    let told = match (notice.kind, &notice.state, record.circles.remove(&id)) {
        (NoticeKind::Inherited, ..) => Some(Told::opened(notice.clone(), event)),
        (NoticeKind::Opening, NoticeState::Withheld { .. }, _)
        | (NoticeKind::Back | NoticeKind::Correction, ..) => None,
        (_, NoticeState::Withheld { .. }, told) => told,
        (NoticeKind::Opening, ..) => Some(Told::opened(notice.clone(), event)),
        (NoticeKind::Update, _, Some(told)) => Some(Told { latest: notice.clone(), said, ..told }),
        (NoticeKind::Update | NoticeKind::Escalation | NoticeKind::Digest, _, told) => told,
    };
    if let Some(told) = told {
        record.circles.insert(id, told);
    }
}

/// The openings to those who are waiting for the end.
pub(super) fn openings(record: &Record) -> impl Iterator<Item = &Notice> {
    // Whom they are spoken to about now: a network's practices change.
    record.circles.values().map(|told| &told.latest)
}
