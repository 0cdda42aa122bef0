//! What a primary care network reads: which of its practices are hit, by what, whose fault it is.

use minijinja::value::Value;

use super::part::{Block, Part};
use super::sentences::{self, Say, Sentence};
use super::staff::more;
use super::{Context, Draft, hands, phrases, plain, signature, subject_of};
use crate::notify::notice::{Notice, NoticeKind};

/// Practices named in one letter: more than any network has.
const NAMED_MAX: usize = 100;

pub(super) fn draft(notice: &Notice, practices: &[String], context: &Context<'_>, say: &Say<'_>) -> Draft {
    let (event, estate) = (context.event, context.estate);
    let zone = &estate.icb.timezone;
    let hit = context.since(practices);
    let since = plain::clock(hit, notice.due, zone);
    let practices = &practices[..practices.len().min(NAMED_MAX)];
    let count = || Value::from(format!("{} of your practices", practices.len()));
    let names = phrases::practice_names(practices, estate);
    let incident = plain::name(&event.incident);
    let list = |heading: &Sentence<0>| {
        let mut items: Vec<String> =
            practices.iter().zip(&names).map(|(id, name)| format!("{} {name}", plain::name(id))).collect();
        items.extend(more(practices.len(), NAMED_MAX, context));
        Block::list(Part::Practices, say.plain(heading), items)
    };
    let (subject, title, blocks) = match notice.kind {
        NoticeKind::Back => {
            let says = phrases::says_again(event, estate, say);
            let length = plain::length(hit, event.at);
            let lasted = if context.told_again {
                say.with(&sentences::PCN_LASTED_AGAIN, [since.as_str().into(), length.into()])
            } else {
                say.with(&sentences::PCN_LASTED, [length.into()])
            };
            let blocks =
                vec![Block::paragraph(Part::Sentence, lasted), list(&sentences::PCN_WERE_HIT_HEADING)];
            let title = say.with(&sentences::PCN_TITLE, [says.into(), count()]);
            (&sentences::PCN_SUBJECT_OVER, title, blocks)
        }
        NoticeKind::Correction => (
            &sentences::PCN_SUBJECT_CORRECTION,
            say.with(&sentences::PCN_TITLE_CORRECTION, [count()]),
            vec![Block::paragraph(Part::Remark, say.plain(&sentences::PCN_FALSE_ALARM))],
        ),
        NoticeKind::Opening
        | NoticeKind::Update
        | NoticeKind::Inherited
        | NoticeKind::Escalation
        | NoticeKind::Digest => {
            let subject = if notice.kind == NoticeKind::Update {
                &sentences::PCN_SUBJECT_CHANGED
            } else {
                &sentences::PCN_SUBJECT
            };
            let began = if context.told_again { &sentences::PCN_BEGAN_AGAIN } else { &sentences::PCN_BEGAN };
            let mut blocks = vec![
                Block::paragraph(Part::Sentence, say.with(began, [since.as_str().into()])),
                list(if phrases::is_unheard(event) {
                    &sentences::PCN_UNHEARD_HEADING
                } else {
                    &sentences::PCN_HIT_HEADING
                }),
                Block::section(
                    Part::Where,
                    say.plain(&sentences::MANAGER_WHERE_HEADING),
                    vec![phrases::where_it_is(event, estate, say)],
                ),
            ];
            blocks.extend(super::staff::services(context, say));
            let mut next = hands::who_has_it_there(context, notice.due, say);
            next.extend([
                say.plain(&sentences::PCN_MANAGERS_ARE_TOLD),
                say.plain(&sentences::PCN_NEXT_LETTER),
            ]);
            blocks.push(Block::section(Part::Next, say.plain(&sentences::MANAGER_NEXT_HEADING), next));
            blocks.extend(hands::for_managers(context, say));
            let says = phrases::says(event, estate, say);
            (subject, say.with(&sentences::PCN_TITLE, [says.into(), count()]), blocks)
        }
    };
    Draft {
        subject: subject_of(
            &say.with(subject, [phrases::short(event, estate, say).into(), count(), since.into()]),
            &event.incident,
            say,
        ),
        title,
        blocks,
        footer: signature(
            vec![format!("Incident {incident}, {}", plain::day_and_clock(event.at, zone))],
            estate,
            say,
        ),
    }
}
