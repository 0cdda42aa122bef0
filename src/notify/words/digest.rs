//! What was kept for later: each incident in a line, the ends of what the reader knows of first; and, for people at practices, what to do
//! meanwhile and what to catch up on.

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::value::Value;

use super::part::{Block, Part};
use super::reach::Service;
use super::sentences::{self, Say};
use super::{Draft, framed, phrases, plain, reach, signature, theirs};
use crate::estate::Estate;
use crate::incident::Event;
use crate::limits::DIGEST_LINES_MAX;
use crate::notify::notice::{Audience, Notice};
use crate::notify::policy::{Became, Digest, Line};
use crate::time::At;

/// Practices named in one line.
const NAMED_MAX: usize = 3;

/// By incident: what was said of it before.
pub type Histories = BTreeMap<String, Arc<[Event]>>;

/// What the words of a digest need besides what it tells.
#[derive(Clone, Copy)]
pub struct Beside<'a, L> {
    pub estate: &'a Estate,
    /// By which its reader says that they have one of its incidents, or have read of it.
    pub link: L,
    /// Of those at the reader's practices.
    pub earlier: &'a Histories,
}

pub(super) fn draft<L: Fn(&Line) -> Option<String>>(
    notice: &Notice,
    told: &Digest,
    beside: &Beside<'_, L>,
    say: &Say<'_>,
) -> Draft {
    let estate = beside.estate;
    let zone = &estate.icb.timezone;
    let all = told.lines.len() + usize::try_from(told.unnamed).unwrap_or(usize::MAX);
    let go_on = told.lines.iter().filter(|line| goes_on(line)).count();
    let mut blocks = vec![Block::paragraph(Part::Kept, say.plain(&sentences::DIGEST_WHY_ONLY_NOW))];
    for (what, heading) in [
        (Became::Over, &sentences::DIGEST_OVER_HEADING),
        (Became::New, &sentences::DIGEST_GOES_ON_HEADING),
        (Became::Changed, &sentences::DIGEST_CHANGED_HEADING),
        (Became::CameAndWent, &sentences::DIGEST_CAME_AND_WENT_HEADING),
    ] {
        let of = told.lines.iter().filter(|line| line.what == what);
        let mut items: Vec<String> = of.map(|line| item(line, notice, estate, beside.earlier, say)).collect();
        if what == Became::CameAndWent && told.unnamed > 0 {
            items.push(format!("and {} more: see the status page", told.unnamed));
        }
        if !items.is_empty() {
            blocks.push(Block::list(Part::Kept, say.plain(heading), items));
        }
    }
    let instead = instead(told, notice, estate);
    if !instead.is_empty() {
        let heading = say.plain(&sentences::MANAGER_MEANWHILE_HEADING);
        blocks.push(Block::list(Part::Meanwhile, heading, instead));
    }
    let catch_up = catch_up(told, notice, estate, beside.earlier);
    if !catch_up.is_empty() {
        blocks.push(Block::list(Part::CatchUp, say.plain(&sentences::MANAGER_CATCH_UP_HEADING), catch_up));
    }
    blocks.extend(told.lines.iter().filter(|line| goes_on(line)).filter_map(|line| {
        let incident = plain::name(&line.event.incident);
        let (text, label) = match &notice.audience {
            Audience::Practices(_) | Audience::Pcn { .. } => {
                let icb = plain::name(&estate.icb.name);
                let values = [incident.into(), icb.into()];
                (say.with(&sentences::DIGEST_HAVE_YOU_READ_OF, values), &sentences::MANAGER_I_HAVE_READ_THIS)
            }
            Audience::Owner { .. } => (
                say.with(&sentences::DIGEST_SAY_SO, [incident.into()]),
                &sentences::OWNER_WE_HAVE_TAKEN_THIS_ON,
            ),
            Audience::Staff | Audience::Role { .. } => {
                (say.with(&sentences::DIGEST_SAY_SO, [incident.into()]), &sentences::HANDS_I_HAVE_IT)
            }
        };
        let label = say.plain(label);
        Some(Block::link(Part::Reply, text, label, &(beside.link)(line)?))
    }));
    if go_on > 0 {
        let next = vec![say.plain(&sentences::DIGEST_NEXT_LETTER)];
        blocks.push(Block::section(Part::Next, say.plain(&sentences::MANAGER_NEXT_HEADING), next));
    }
    Draft {
        subject: framed(&say.with(&sentences::DIGEST_SUBJECT, [all, go_on].map(Value::from)), |subject| {
            say.with(&sentences::SUBJECT_OF_DIGEST, [subject.into()])
        }),
        title: say.with(&sentences::DIGEST_TITLE, [all, go_on].map(Value::from)),
        blocks,
        footer: signature(vec![plain::day_and_clock(notice.due, zone)], estate, say),
    }
}

/// `The internet does not answer at Practice A since 07:12: ICB internet firewall. (2026-03-16-1)`
fn item(line: &Line, notice: &Notice, estate: &Estate, earlier: &Histories, say: &Say<'_>) -> String {
    let before = earlier.get(&line.event.incident).map(AsRef::as_ref).unwrap_or_default();
    let event = &*theirs::event(&line.practices, &line.event, before);
    let began = theirs::since(&line.practices, event, before);
    let clock = |at: At| plain::clock(at, notice.due, &estate.icb.timezone);
    let (since, until) = (clock(began), clock(event.at));
    let lasted = plain::length(began, event.at);
    let place = place(line, event, estate);
    let incident = plain::name(&event.incident);
    let causes: Vec<String> = event.cause.iter().map(|cause| phrases::name_of(cause, estate)).collect();
    let causes = plain::capital(&plain::or(&causes));
    match line.what {
        Became::Over => {
            let says = phrases::says_again(event, estate, say);
            format!("{says}{place} since {until}, after {lasted}. {causes}. ({incident})")
        }
        Became::New | Became::Changed => {
            let says = phrases::says(event, estate, say);
            format!("{says}{place}, since {since}. {causes}. ({incident})")
        }
        Became::CameAndWent => {
            let short = phrases::short(event, estate, say);
            format!("{short}{place}, from {since} to {until}. {causes}. ({incident})")
        }
    }
}

const fn goes_on(line: &Line) -> bool {
    matches!(line.what, Became::New | Became::Changed)
}

/// ` at Practice A and Practice B`, where the reader has practices; ` at 12 practices` where they have an ICB.
fn place(line: &Line, event: &Event, estate: &Estate) -> String {
    match (line.practices.as_slice(), event.practices.len()) {
        ([], 0) => String::new(),
        ([], 1) => " at 1 practice".to_owned(),
        ([], several) => format!(" at {several} practices"),
        (few, _) if few.len() <= NAMED_MAX => {
            format!(" at {}", plain::and(&phrases::practice_names(few, estate)))
        }
        (many, _) => format!(" at {} of your practices", many.len()),
    }
}

/// What people at practices can do while services are away.
fn instead(told: &Digest, notice: &Notice, estate: &Estate) -> Vec<String> {
    if !matches!(notice.audience, Audience::Practices(_)) {
        return Vec::new();
    }
    of_each(away(told, estate), |service| service.instead)
}

/// What people at practices catch up on now that services answer again: of all that was hit at theirs and isn't away with what goes on.
fn catch_up(told: &Digest, notice: &Notice, estate: &Estate, earlier: &Histories) -> Vec<String> {
    if !matches!(notice.audience, Audience::Practices(_)) {
        return Vec::new();
    }
    let away: Vec<Service> = away(told, estate).collect();
    // Where nothing was heard of them, it isn't known that anything was away.
    let over = told.lines.iter().filter(|line| !goes_on(line) && !phrases::is_unheard(&line.event));
    let hit = over.flat_map(|line| {
        let before = earlier.get(&line.event.incident).map(AsRef::as_ref).unwrap_or_default().iter();
        reach::ever_hit(estate, &line.practices, before.chain([&*line.event]))
    });
    of_each(hit.filter(|service| !away.contains(service)), |service| service.catch_up)
}

/// The services that what goes on keeps from answering.
fn away<'a>(told: &'a Digest, estate: &'a Estate) -> impl Iterator<Item = Service> + use<'a> {
    let go_on = told.lines.iter().filter(|line| goes_on(line) && !phrases::is_unheard(&line.event));
    let services = go_on.flat_map(|line| &line.event.services).filter_map(|id| estate.service(id));
    services.map(|ix| reach::service(estate, ix))
}

/// A line of each service that there is something to say of, each once.
fn of_each(services: impl Iterator<Item = Service>, says: impl Fn(Service) -> Option<String>) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for service in services {
        let name = plain::capital(&service.name);
        let item = says(service).map(|says| format!("{name}: {says}"));
        items.extend(item.filter(|item| !items.contains(item)));
    }
    items.truncate(DIGEST_LINES_MAX);
    items
}
