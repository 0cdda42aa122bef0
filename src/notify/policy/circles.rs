//! What primary care networks and the owners of components are told: of incidents that hit their practices, or that may be the
//! fault of what they look after. Like staff they hear of the opening, of changes (at most every
//! [`limits::STAFF_UPDATE_EVERY`]), and of the end; a network of practices hears at most once that its practices are hit and once
//! that they are back, and an owner hears that it isn't theirs after all when later evidence says so.

use super::book::Book;
use super::pace::{REPLACED, UNDELIVERED};
use super::record::Record;
use super::routing::{Circle, Of};
use super::{Plan, Rules, blind, covered_until, key, notice};
use crate::config::PracticeNotices;
use crate::incident::{Cause, Event, EventKind, Reason, Signature};
use crate::limits;
use crate::notify::notice::{Audience, Notice, NoticeKind, NoticeState};

const TOO_LATE: &str = "it was over before it was sent";

/// Where one of them stands with the incident.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "while an incident is open nearly all are the large one: a box would cost, not save"
)]
pub(super) enum Told {
    Opened {
        opening: Notice,
        /// The latest notice.
        latest: Notice,
        /// What it said.
        said: (Vec<Cause>, Signature),
    },
    /// They heard of the end.
    Over,
}

/// By whom a record keeps them: as whom they are spoken to, and the key of their address.
pub(super) type CircleKey = (String, String);

pub(super) fn key_of(notice: &Notice) -> CircleKey {
    (notice.audience.who(), key(&notice.recipient))
}

impl Told {
    pub fn opened(opening: Notice, event: &Event) -> Self {
        let said = (event.cause.clone(), event.signature);
        Self::Opened { latest: opening.clone(), opening, said }
    }
}

pub(super) fn follow(record: &mut Record, event: &Event, book: &Book, rules: &Rules<'_>, plan: &mut Plan) {
    if event.event == EventKind::Resolved {
        let kind = match event.reason {
            Some(Reason::Withdrawn) => NoticeKind::Correction,
            Some(Reason::Merged | Reason::Recovered) | None => NoticeKind::Back,
        };
        for (circle, told) in std::mem::take(&mut record.circles) {
            if let Some(told) = ended(told, event, kind, book, plan) {
                record.circles.insert(circle, told);
            }
        }
        return;
    }
    for circle in &rules.routing.circles {
        let concerned = if blind(event) { None } else { circle.concerned(event) };
        let who = match &circle.of {
            Of::Pcn { id, .. } => format!("pcn {id}"),
            Of::Owner { name, .. } => format!("owner {name}"),
        };
        let id = (who, key(&circle.recipient));
        let told = record.circles.remove(&id);
        let told = match (told, concerned) {
            (told, None) => told.and_then(|told| {
                let is_owner = matches!(circle.of, Of::Owner { .. });
                ended(
                    told,
                    event,
                    if is_owner { NoticeKind::Correction } else { NoticeKind::Back },
                    book,
                    plan,
                )
            }),
            // What comes and goes at their practices isn't told again and again; a supplier must know that it is theirs again.
            (Some(Told::Over), Some(_)) if matches!(circle.of, Of::Pcn { .. }) => Some(Told::Over),
            (None | Some(Told::Over), Some(audience)) => {
                Some(open(record.approved, event, circle, audience, rules, plan))
            }
            (Some(Told::Opened { opening, .. }), Some(audience))
                if book.is_untold(&opening, event.at) && !book.is_refused(&opening) =>
            {
                plan.withdraws(book.recallable(&opening, event.at), REPLACED);
                Some(open(record.approved, event, circle, audience, rules, plan))
            }
            (Some(told), Some(audience)) => Some(update(told, event, audience, book, plan)),
        };
        if let Some(told) = told {
            record.circles.insert(id, told);
        }
    }
}

fn open(
    approved: bool,
    event: &Event,
    circle: &Circle,
    audience: Audience,
    rules: &Rules<'_>,
    plan: &mut Plan,
) -> Told {
    let due = covered_until(event, audience.practices_of(event), rules.maintenance);
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
    plan.notices.push(opening.clone());
    Told::opened(opening, event)
}

fn update(told: Told, event: &Event, audience: Audience, book: &Book, plan: &mut Plan) -> Told {
    let Told::Opened { opening, latest, said } = told else { return told };
    let now = (event.cause.clone(), event.signature);
    // Whose letter was refused was told nothing.
    let is_refused = book.is_refused(&opening);
    if said == now && latest.audience == audience && !is_refused {
        return Told::Opened { opening, latest, said };
    }
    let mut update = notice(event, NoticeKind::Update, audience, &opening.recipient);
    let waits = book.recallable(&opening, event.at);
    update.due = match (waits.first(), book.last_written_to(&opening)) {
        _ if said.0 != now.0 && !is_refused => event.at,
        (Some(waiting), _) => waiting.due,
        (None, Some(last)) => event.at.max(last + limits::STAFF_UPDATE_EVERY),
        (None, None) => event.at,
    };
    plan.withdraws(waits, REPLACED);
    plan.notices.push(update.clone());
    Told::Opened { opening, latest: update, said: now }
}

fn ended(told: Told, event: &Event, kind: NoticeKind, book: &Book, plan: &mut Plan) -> Option<Told> {
    let Told::Opened { opening, latest, said } = told else { return Some(told) };
    if book.is_refused(&opening) && book.is_untold(&opening, event.at) {
        // Should it concern them again, they are written to again.
        return Some(Told::Opened { opening, latest, said });
    }
    let is_untold = book.is_untold(&opening, event.at);
    plan.withdraws(book.recallable(&opening, event.at), if is_untold { TOO_LATE } else { REPLACED });
    if is_untold {
        return None;
    }
    plan.notices.push(notice(event, kind, latest.audience, &opening.recipient));
    Some(Told::Over)
}

/// The incident goes on as another, which whoever was told of this one knows by its own name from then on.
pub(super) fn merge(record: &mut Record, survivor: &mut Record, event: &Event, book: &Book, plan: &mut Plan) {
    for (circle, told) in std::mem::take(&mut record.circles) {
        let Told::Opened { opening, latest, .. } = told else { continue };
        let other = match survivor.circles.get(&circle) {
            Some(Told::Opened { opening, .. }) => Some(opening),
            Some(Told::Over) | None => None,
        };
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
        (NoticeKind::Opening, NoticeState::Withheld { .. }, _) => None,
        (NoticeKind::Back | NoticeKind::Correction, NoticeState::Withheld { why }, _)
            if why == UNDELIVERED =>
        {
            Some(Told::Over)
        }
        (_, NoticeState::Withheld { .. }, told) => told,
        (NoticeKind::Back | NoticeKind::Correction, ..) => Some(Told::Over),
        (NoticeKind::Opening, ..) => Some(Told::opened(notice.clone(), event)),
        (NoticeKind::Update, _, Some(Told::Opened { opening, .. })) => {
            Some(Told::Opened { opening, latest: notice.clone(), said })
        }
        (NoticeKind::Update | NoticeKind::Escalation | NoticeKind::Digest, _, told) => told,
    };
    if let Some(told) = told {
        record.circles.insert(id, told);
    }
}

/// The openings to those who are waiting for the end.
pub(super) fn openings(record: &Record) -> impl Iterator<Item = &Notice> {
    // Whom they are spoken to about now: a network's practices change.
    record.circles.values().filter_map(|told| match told {
        Told::Opened { latest, .. } => Some(latest),
        Told::Over => None,
    })
}
