//! What whoever looks after a component reads: the fault as it looks from outside, with its evidence, fit to open a ticket with.

use minijinja::value::Value;

use super::part::{Block, Part};
use super::sentences::{self, Say, Sentence};
use super::staff::{causes_of, evidence, more, percent};
use super::{Context, Draft, changes, hands, phrases, plain, signature, subject_of};
use crate::estate::Component;
use crate::incident::Reason;
use crate::notify::notice::{Notice, NoticeKind};
use crate::notify::policy::severity::Severity;

/// Practices listed in one letter: a supplier looks its sites up by them.
const PRACTICES_LISTED_MAX: usize = 250;

pub(super) fn draft(notice: &Notice, owner: &str, context: &Context<'_>, say: &Say<'_>) -> Draft {
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
            let values = [icb.as_str().into(), plain::length(event.since, context.well_since()).into()];
            blocks.push(Block::paragraph(Part::Remark, say.with(&sentences::OWNER_IS_OVER, values)));
            &sentences::WORD_RESOLVED
        }
        NoticeKind::Correction => {
            let said = if event.reason == Some(Reason::Withdrawn) {
                say.plain(&sentences::OWNER_NO_SUCH_FAULT)
            } else {
                say.with(&sentences::OWNER_NOT_YOURS, [causes_of(&event.cause, context).into()])
            };
            blocks.push(Block::paragraph(Part::Remark, said));
            &sentences::WORD_NOT_YOURS
        }
        NoticeKind::Update if theirs.is_empty() => {
            let said = say.with(&sentences::OWNER_NOT_YOURS, [causes_of(&event.cause, context).into()]);
            blocks.push(Block::paragraph(Part::Remark, said));
            &sentences::WORD_NOT_YOURS
        }
        NoticeKind::Opening
        | NoticeKind::Update
        | NoticeKind::Inherited
        | NoticeKind::Escalation
        | NoticeKind::Digest => {
            let ask = if certain {
                &sentences::OWNER_LOOK_INTO_IT
            } else {
                &sentences::OWNER_LOOK_WHETHER_IT_IS_YOURS
            };
            let said = say.with(ask, [icb.as_str().into(), names.as_str().into()]);
            blocks.push(Block::paragraph(Part::Remark, said));
            if notice.kind == NoticeKind::Update { &sentences::WORD_CHANGED } else { &sentences::WORD_FAULT }
        }
    };
    // Of what isn't theirs any more they needn't see more than that.
    let is_asked = !matches!(notice.kind, NoticeKind::Back | NoticeKind::Correction)
        && (notice.kind != NoticeKind::Update || !theirs.is_empty());
    if is_asked {
        blocks.extend(hands::for_owners(context, notice.due, say));
    }
    blocks.push(Block::facts(
        Part::Verdict,
        say.plain(&sentences::OWNER_FAULT_HEADING),
        fault(notice, context, &names, say),
    ));
    if is_asked {
        blocks.extend(changes::since_last_message(notice, context, say));
        blocks.push(Block::facts(
            Part::Evidence,
            say.plain(&sentences::STAFF_EVIDENCE_HEADING),
            evidence(event, say),
        ));
        blocks.push(Block::paragraph(Part::Sentence, plain::sentences(&event.sentence)));
        if !event.alternatives.is_empty() {
            let other = event.alternatives.iter();
            let rows =
                other.map(|other| (causes_of(&other.cause, context), percent(other.probability))).collect();
            blocks.push(Block::facts(
                Part::Alternatives,
                say.plain(&sentences::STAFF_ALTERNATIVES_HEADING),
                rows,
            ));
        }
        blocks.extend(acquitted(context, say));
        blocks.extend(practices(context, say));
    }
    Draft {
        subject: subject_of(
            &say.with(
                &sentences::OWNER_SUBJECT,
                [say.plain(word), names.clone(), phrases::how(event.signature, say), since].map(Value::from),
            ),
            &event.incident,
            say,
        ),
        title: say.with(&sentences::OWNER_TITLE, [say.plain(word), names].map(Value::from)),
        blocks,
        footer: signature(
            vec![format!("Our reference: {incident}, {}", plain::day_and_clock(event.at, zone))],
            estate,
            say,
        ),
    }
}

fn fault(notice: &Notice, context: &Context<'_>, names: &str, say: &Say<'_>) -> Vec<(String, String)> {
    let (event, estate) = (context.event, context.estate);
    let zone = &estate.icb.timezone;
    let row = |name: &Sentence<0>, value: String| (say.plain(name), value);
    let severity = Severity::of_all(context.earlier.iter().chain([event]), estate);
    let mut rows = vec![
        row(&sentences::ROW_OUR_REFERENCE, plain::name(&event.incident)),
        row(&sentences::ROW_COMPONENT, names.to_owned()),
        row(&sentences::ROW_CAUSE, causes_of(&event.cause, context)),
        row(&sentences::ROW_PROBABILITY, percent(event.probability)),
        row(&sentences::ROW_SEVERITY, severity.to_string()),
        row(
            &sentences::ROW_SYMPTOM,
            format!("{} ({})", phrases::how(event.signature, say), event.signature.as_str()),
        ),
        row(&sentences::ROW_NETWORK, phrases::network(event, estate)),
        row(&sentences::ROW_SINCE, format!("{} ({})", plain::day_and_clock(event.since, zone), event.since)),
    ];
    if notice.kind == NoticeKind::Back {
        rows.push(row(
            &sentences::ROW_UNTIL,
            format!("{} ({})", plain::day_and_clock(context.well_since(), zone), context.well_since()),
        ));
    }
    rows
}

/// What speaks for what lies elsewhere: the networks that this fault doesn't touch.
fn acquitted(context: &Context<'_>, say: &Say<'_>) -> Option<Block> {
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
    (!items.is_empty()).then(|| {
        Block::list(Part::Acquitted, say.plain(&sentences::OWNER_AGAINST_ANOTHER_CAUSE_HEADING), items)
    })
}

fn practices(context: &Context<'_>, say: &Say<'_>) -> Option<Block> {
    let ids = &context.event.practices;
    let shown = &ids[..ids.len().min(PRACTICES_LISTED_MAX)];
    let names = phrases::practice_names(shown, context.estate);
    let mut items: Vec<String> =
        shown.iter().zip(names).map(|(id, name)| format!("{} {name}", plain::name(id))).collect();
    items.extend(more(ids.len(), PRACTICES_LISTED_MAX, context));
    let heading = say.with(&sentences::STAFF_PRACTICES_HEADING, [ids.len().into()]);
    (!items.is_empty()).then(|| Block::list(Part::Practices, heading, items))
}
