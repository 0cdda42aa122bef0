//! The ICB staff's letters: the verdict with its evidence.

use minijinja::value::Value;

use super::part::{Block, Part};
use super::sentences::{self, Say, Sentence};
use super::{Context, Draft, changes, hands, phrases, plain, signature, subject_of};
use crate::incident::{Cause, Event, EventKind, Evidence, Signature};
use crate::notify::notice::{Notice, NoticeKind};
use crate::notify::policy::blind;
use crate::notify::policy::severity::Severity;

/// Practices named in one letter. A list of all 6,200 of England helps nobody; the status page has it.
const PRACTICES_NAMED_MAX: usize = 250;
const REFUSED_NAMED_MAX: usize = 50;

pub(super) fn draft(notice: &Notice, context: &Context<'_>, say: &Say<'_>) -> Draft {
    let event = context.event;
    let word = match (notice.kind, event.into.as_ref()) {
        (NoticeKind::Opening, _) => &sentences::WORD_OPENED,
        (NoticeKind::Escalation, _) => &sentences::WORD_NOT_ACKNOWLEDGED,
        (NoticeKind::Back, _) => &sentences::WORD_RESOLVED,
        (NoticeKind::Correction, _) => &sentences::WORD_WITHDRAWN,
        (NoticeKind::Update | NoticeKind::Inherited | NoticeKind::Digest, Some(_)) => &sentences::WORD_MERGED,
        (NoticeKind::Update | NoticeKind::Inherited | NoticeKind::Digest, None) => &sentences::WORD_CHANGED,
    };
    let causes: Vec<String> =
        event.cause.iter().map(|cause| phrases::name_of(cause, context.estate)).collect();
    let zone = &context.estate.icb.timezone;
    let mut blocks = vec![Block::paragraph(Part::Sentence, plain::sentences(&event.sentence))];
    blocks.extend(remark(notice, context, say).map(|remark| Block::paragraph(Part::Remark, remark)));
    // Who is escalated to reads it among what there is to do.
    if notice.kind != NoticeKind::Escalation && event.event != EventKind::Resolved {
        let call = phrases::whom_to_call(event, context.estate, say);
        blocks.extend(call.map(|call| Block::paragraph(Part::Remark, call)));
    }
    blocks.extend(hands::for_staff(notice, context, say));
    blocks.push(Block::facts(
        Part::Verdict,
        say.plain(&sentences::STAFF_VERDICT_HEADING),
        verdict(context, say),
    ));
    // Who sees nobody has counted nobody.
    if !blind(event) {
        let heading = say.plain(&sentences::STAFF_EVIDENCE_HEADING);
        blocks.push(Block::facts(Part::Evidence, heading, evidence(event, say)));
    }
    if !event.alternatives.is_empty() {
        let rows = event
            .alternatives
            .iter()
            .map(|other| (causes_of(&other.cause, context), percent(other.probability)))
            .collect();
        blocks.push(Block::facts(
            Part::Alternatives,
            say.plain(&sentences::STAFF_ALTERNATIVES_HEADING),
            rows,
        ));
    }
    blocks.extend(changes::since_last_message(notice, context, say));
    blocks.extend(services(context, say));
    blocks.extend(practices(context, say));
    if !context.refused.is_empty() {
        let mut items: Vec<String> =
            context.refused.iter().take(REFUSED_NAMED_MAX).map(|refused| plain::sentences(refused)).collect();
        items.extend(more(context.refused.len(), REFUSED_NAMED_MAX, context));
        let heading = say.plain(&sentences::STAFF_REFUSED_HEADING);
        blocks.push(Block::list(Part::Refused, heading, items));
    }
    let what = match (blind(event), event.is_cut_off()) {
        (_, true) => say.plain(&sentences::STAFF_SUBJECT_IS_BLIND),
        (true, false) => say.plain(&sentences::STAFF_SUBJECT_OWN_LINE),
        (false, _) => phrases::short(event, context.estate, say),
    };
    let since = plain::clock(event.since, notice.due, zone);
    let subject = [say.plain(word), what, since, plain::or(&causes)];
    Draft {
        subject: subject_of(
            &say.with(&sentences::STAFF_SUBJECT, subject.map(Value::from)),
            &event.incident,
            say,
        ),
        title: say.with(&sentences::STAFF_TITLE, [say.plain(word), plain::or(&causes)].map(Value::from)),
        blocks,
        footer: signature(about(context), context.estate, say),
    }
}

/// Which incident it is, and where more of it is to be had.
fn about(context: &Context<'_>) -> Vec<String> {
    let event = context.event;
    let incident = plain::name(&event.incident);
    let when = plain::day_and_clock(event.at, &context.estate.icb.timezone);
    let more = (!context.is_of_exercise()).then(|| format!("More: linewatch why {incident}"));
    std::iter::once(format!("Incident {incident}, {when}")).chain(more).collect()
}

/// What staff should know or do beyond the verdict.
fn remark(notice: &Notice, context: &Context<'_>, say: &Say<'_>) -> Option<String> {
    let event = context.event;
    if let (NoticeKind::Update, Some(into)) = (notice.kind, &event.into) {
        return Some(say.with(&sentences::STAFF_MERGED, [plain::name(into).into()]));
    }
    match notice.kind {
        NoticeKind::Back | NoticeKind::Correction => None,
        _ if event.is_cut_off() => Some(say.plain(&sentences::STAFF_LINEWATCH_IS_BLIND)),
        _ if blind(event) => Some(say.plain(&sentences::STAFF_LINEWATCH_SEES_LESS)),
        _ if context.awaits_approval => {
            Some(say.with(&sentences::STAFF_APPROVE, [plain::name(&event.incident).into()]))
        }
        _ => None,
    }
}

fn verdict(context: &Context<'_>, say: &Say<'_>) -> Vec<(String, String)> {
    let event = context.event;
    let zone = &context.estate.icb.timezone;
    let row = |name: &Sentence<0>, value: String| (say.plain(name), value);
    let severity = Severity::of_all(context.earlier.iter().chain([event]), context.estate);
    let mut rows = vec![
        row(&sentences::ROW_CAUSE, causes_of(&event.cause, context)),
        row(&sentences::ROW_PROBABILITY, percent(event.probability)),
        row(&sentences::ROW_SEVERITY, severity.to_string()),
    ];
    for component in event.cause.iter().filter_map(|cause| phrases::component(cause, context.estate)) {
        let told = [component.owner.as_deref(), component.contact.as_deref()];
        let told: Vec<String> = told.into_iter().flatten().map(plain::name).collect();
        if !told.is_empty() {
            rows.push(row(
                &sentences::ROW_OWNER,
                format!("{} ({})", told.join(", "), plain::name(&component.name)),
            ));
        }
    }
    rows.extend([
        row(&sentences::ROW_NETWORK, phrases::network(event, context.estate)),
        row(&sentences::ROW_SIGNATURE, event.signature.as_str().to_owned()),
        row(&sentences::ROW_SINCE, plain::day_and_clock(event.since, zone)),
        row(&sentences::ROW_SAID_AT, plain::day_and_clock(event.at, zone)),
    ]);
    rows.extend(patients(context).map(|patients| row(&sentences::ROW_PATIENTS, patients)));
    if event.event == EventKind::Resolved {
        rows.push(row(&sentences::ROW_LASTED, plain::length(event.since, context.well_since())));
    }
    rows
}

/// How many patients are registered with the practices affected, as far as that is known.
fn patients(context: &Context<'_>) -> Option<String> {
    let estate = context.estate;
    let practices = context.event.practices.iter().filter_map(|id| estate.practice(id));
    let sizes: Vec<Option<u32>> = practices.map(|ix| estate.practices[ix.at()].list_size).collect();
    let known: Vec<u64> = sizes.iter().flatten().map(|size| u64::from(*size)).collect();
    let unknown = sizes.len() - known.len();
    let total = plain::thousands(known.iter().sum());
    match (known.len(), unknown) {
        (0, _) => None,
        (_, 0) => Some(format!("{total} registered at the practices affected")),
        (_, 1) => Some(format!("{total} registered, and those of a practice whose list size is not known")),
        (_, some) => {
            Some(format!("{total} registered, and those of {some} practices whose list size is not known"))
        }
    }
}

pub(super) fn evidence(event: &Event, say: &Say<'_>) -> Vec<(String, String)> {
    let Evidence { behind, failing, elsewhere, elsewhere_failing, fine } = event.evidence;
    // Those that are taken to be hit like the others, and haven't been asked yet.
    let presumed = event.practices.len() > failing as usize && failing < behind;
    let said = match fine {
        _ if phrases::is_unheard(event) => "are not heard from",
        _ if event.signature == Signature::Silent => "fail or are not heard from",
        Some(0) if presumed => "have failed a check so far, none of those checked is fine",
        _ if presumed => "have failed a check so far",
        _ => "fail",
    };
    let row = |name: &Sentence<0>, count: u32, of: u32, said: &str| {
        (say.plain(name), format!("{count} of {of} practices {said}"))
    };
    vec![
        row(&sentences::ROW_BEHIND_THE_CAUSE, failing, behind, said),
        row(&sentences::ROW_ELSEWHERE, elsewhere_failing, elsewhere, "fail"),
    ]
}

/// `firewall fw-maidstone (ICB internet firewall, Maidstone)`, and `one of` before several.
pub(super) fn causes_of(causes: &[Cause], context: &Context<'_>) -> String {
    let names: Vec<String> = causes
        .iter()
        .map(|cause| {
            format!("{} ({})", phrases::name_of(cause, context.estate), plain::name(&cause.to_string()))
        })
        .collect();
    let one_of = if names.len() > 1 { "one of these, the data cannot tell which: " } else { "" };
    format!("{one_of}{}", plain::or(&names))
}

/// Never 100 %: a posterior that rounds to certainty is shown as "over 99.9 %".
pub(super) fn percent(probability: f64) -> String {
    let percent = probability.clamp(0.0, 1.0) * 100.0;
    if percent > 99.9 {
        "over 99.9 %".to_owned()
    } else if percent < 0.1 {
        "under 0.1 %".to_owned()
    } else {
        format!("{percent:.1} %")
    }
}

pub(super) fn services(context: &Context<'_>, say: &Say<'_>) -> Option<Block> {
    let items: Vec<String> =
        context.event.services.iter().map(|id| phrases::service_name(id, context.estate)).collect();
    let heading = if phrases::is_unheard(context.event) {
        &sentences::STAFF_SERVICES_UNHEARD_HEADING
    } else {
        &sentences::STAFF_SERVICES_HEADING
    };
    (!items.is_empty()).then(|| Block::list(Part::Services, say.plain(heading), items))
}

fn practices(context: &Context<'_>, say: &Say<'_>) -> Vec<Block> {
    let ids = &context.event.practices;
    if ids.is_empty() {
        return Vec::new();
    }
    let shown = &ids[..ids.len().min(PRACTICES_NAMED_MAX)];
    let names = phrases::practice_names(shown, context.estate);
    let mut items: Vec<String> =
        shown.iter().zip(names).map(|(id, name)| format!("{} {name}", plain::name(id))).collect();
    items.extend(more(ids.len(), PRACTICES_NAMED_MAX, context));
    let heading = say.with(&sentences::STAFF_PRACTICES_HEADING, [ids.len().into()]);
    let mut blocks = vec![Block::list(Part::Practices, heading, items)];
    let silent = shown.iter().filter(|id| has_no_address(id, context)).count();
    if silent > 0 && !blind(context.event) {
        let text = say.with(&sentences::STAFF_WITHOUT_AN_ADDRESS, [silent.into(), shown.len().into()]);
        blocks.push(Block::paragraph(Part::Unreached, text));
    }
    blocks
}

fn has_no_address(id: &str, context: &Context<'_>) -> bool {
    context.estate.practice(id).is_some_and(|ix| context.estate.practices[ix.at()].email.is_empty())
}

pub(super) fn more(total: usize, shown: usize, context: &Context<'_>) -> Option<String> {
    (total > shown).then(|| context.more(&format!("and {} more", total - shown), "the status page"))
}
