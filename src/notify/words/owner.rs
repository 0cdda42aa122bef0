//! What whoever looks after a component reads: the fault as it looks from outside, with its evidence, fit to open a ticket with.

use super::part::{Block, Part};
use super::staff::{causes_of, evidence, more, percent};
use super::{Context, Draft, hands, phrases, plain};
use crate::estate::Component;
use crate::incident::EventKind;
use crate::notify::notice::{Notice, NoticeKind};
use crate::notify::policy::severity::Severity;

/// Practices listed in one letter: a supplier looks its sites up by them.
const PRACTICES_LISTED_MAX: usize = 250;

pub(super) fn draft(notice: &Notice, owner: &str, context: &Context<'_>) -> Draft {
    let (event, estate) = (context.event, context.estate);
    let zone = &estate.icb.timezone;
    let theirs: Vec<&Component> = event
        .cause
        .iter()
        .filter_map(|cause| phrases::component(cause, estate))
        .filter(|component| component.owner.as_deref() == Some(owner))
        .collect();
    let names: Vec<String> = theirs.iter().map(|component| plain::name(&component.name)).collect();
    let names = if names.is_empty() { "what you look after".to_owned() } else { plain::and(&names) };
    let icb = plain::name(&estate.icb.name);
    let incident = plain::name(&event.incident);
    let certain = event.cause.len() == theirs.len();
    let since = plain::clock(event.since, notice.due, zone);
    let mut blocks = Vec::new();
    let word = match notice.kind {
        NoticeKind::Back => {
            blocks.push(Block::paragraph(
                Part::Remark,
                format!(
                    "As far as linewatch can see from the practices of {icb}, it is over. It lasted {}.",
                    plain::length(event.since, event.at)
                ),
            ));
            "Resolved"
        }
        NoticeKind::Correction => {
            blocks.push(Block::paragraph(Part::Remark, if event.event == EventKind::Resolved {
                "Later checks show that there was no such fault. You can close what you opened for it.".to_owned()
            } else {
                format!(
                    "Later checks say that it is not yours after all, but: {}. You can close what you opened for it.",
                    causes_of(&event.cause, context)
                )
            }));
            "Not yours"
        }
        NoticeKind::Opening
        | NoticeKind::Update
        | NoticeKind::Inherited
        | NoticeKind::Escalation
        | NoticeKind::Digest => {
            let may = if certain { "has failed" } else { "may have failed" };
            blocks.push(Block::paragraph(Part::Remark, format!(
                "{icb} asks you to look into this: as seen from its practices, {names} {may}. You are told because you are named as who looks after it."
            )));
            if notice.kind == NoticeKind::Update { "Changed" } else { "Fault" }
        }
    };
    if !matches!(notice.kind, NoticeKind::Back | NoticeKind::Correction) {
        blocks.extend(hands::for_owners(context, notice.due));
    }
    blocks.push(Block::facts(Part::Verdict, "The fault", fault(notice, context, &names)));
    if !matches!(notice.kind, NoticeKind::Back | NoticeKind::Correction) {
        blocks.push(Block::facts(Part::Evidence, "Evidence", evidence(event)));
        blocks.push(Block::paragraph(Part::Sentence, plain::sentences(&event.sentence)));
        if !event.alternatives.is_empty() {
            let other = event.alternatives.iter();
            let rows =
                other.map(|other| (causes_of(&other.cause, context), percent(other.probability))).collect();
            blocks.push(Block::facts(Part::Alternatives, "What else it could be", rows));
        }
        blocks.extend(acquitted(context));
        blocks.extend(practices(context));
    }
    Draft {
        subject: format!(
            "[linewatch] {word}: {names} {} since {since} ({incident})",
            phrases::phrase(event.signature).short
        ),
        title: format!("{word}: {names}"),
        blocks,
        footer: vec![
            format!("linewatch, for {icb}"),
            format!("Our reference: {incident}, {}", plain::day_and_clock(event.at, zone)),
            "This message was sent automatically.".to_owned(),
        ],
    }
}

fn fault(notice: &Notice, context: &Context<'_>, names: &str) -> Vec<(String, String)> {
    let (event, estate) = (context.event, context.estate);
    let zone = &estate.icb.timezone;
    let row = |name: &str, value: String| (name.to_owned(), value);
    let severity = Severity::of_all(context.earlier.iter().chain([event]), estate);
    let network = event.network.as_ref().map_or_else(
        || "every network".to_owned(),
        |id| plain::name(estate.network(id).map_or(id, |ix| &estate.networks[ix.at()].name)),
    );
    let mut rows = vec![
        row("Our reference", plain::name(&event.incident)),
        row("Component", names.to_owned()),
        row("Cause", causes_of(&event.cause, context)),
        row("Probability", percent(event.probability)),
        row("Severity", severity.to_string()),
        row("Symptom", format!("{} ({})", phrases::phrase(event.signature).short, event.signature.as_str())),
        row("Network", network),
        row("Since", format!("{} ({})", plain::day_and_clock(event.since, zone), event.since)),
    ];
    if notice.kind == NoticeKind::Back {
        rows.push(row("Until", format!("{} ({})", plain::day_and_clock(event.at, zone), event.at)));
    }
    rows
}

/// What speaks for what lies elsewhere: the networks that this fault doesn't touch.
fn acquitted(context: &Context<'_>) -> Option<Block> {
    let (event, estate) = (context.event, context.estate);
    let hit = event.network.as_ref()?;
    let others: Vec<String> = estate
        .networks
        .iter()
        .filter(|network| network.id != *hit)
        .filter(|network| {
            !context.open.iter().any(|open| open.network.as_ref().is_none_or(|id| *id == network.id))
        })
        .map(|network| plain::name(&network.name))
        .collect();
    let elsewhere = event.evidence.elsewhere.saturating_sub(event.evidence.elsewhere_failing);
    let mut items: Vec<String> = Vec::new();
    if elsewhere > 0 {
        items.push(format!("Practices that do not depend on it and are fine: {elsewhere}."));
    }
    if !others.is_empty() {
        items.push(format!("No incident is open on {}.", plain::and(&others)));
    }
    (!items.is_empty()).then(|| Block::list(Part::Acquitted, "What speaks against another cause", items))
}

fn practices(context: &Context<'_>) -> Option<Block> {
    let ids = &context.event.practices;
    let shown = &ids[..ids.len().min(PRACTICES_LISTED_MAX)];
    let names = phrases::practice_names(shown, context.estate);
    let mut items: Vec<String> =
        shown.iter().zip(names).map(|(id, name)| format!("{} {name}", plain::name(id))).collect();
    items.extend(more(ids.len(), PRACTICES_LISTED_MAX));
    let heading = format!("Practices affected: {}", ids.len());
    (!items.is_empty()).then(|| Block::list(Part::Practices, heading, items))
}
