//! What a primary care network reads: which of its practices are hit, by what, whose fault it is.

use super::part::{Block, Part};
use super::staff::more;
use super::{Context, Draft, hands, phrases, plain};
use crate::notify::notice::{Notice, NoticeKind};

/// Practices named in one letter: more than any network has.
const NAMED_MAX: usize = 100;

pub(super) fn draft(notice: &Notice, practices: &[String], context: &Context<'_>) -> Draft {
    let (event, estate) = (context.event, context.estate);
    let zone = &estate.icb.timezone;
    let since = plain::clock(event.since, notice.due, zone);
    let practices = &practices[..practices.len().min(NAMED_MAX)];
    let count = if practices.len() == 1 {
        "1 of your practices".to_owned()
    } else {
        format!("{} of your practices", practices.len())
    };
    let names = phrases::practice_names(practices, estate);
    let incident = plain::name(&event.incident);
    let list = |heading: &str| {
        let mut items: Vec<String> =
            practices.iter().zip(&names).map(|(id, name)| format!("{} {name}", plain::name(id))).collect();
        items.extend(more(practices.len(), NAMED_MAX));
        Block::list(Part::Practices, heading, items)
    };
    let (word, title, blocks) = match notice.kind {
        NoticeKind::Back => {
            let says = phrases::says_again(event, estate);
            let lasted = format!("It lasted {}.", plain::length(event.since, event.at));
            let blocks = vec![Block::paragraph(Part::Sentence, lasted), list("Your practices that were hit")];
            ("Over: ", format!("{says} at {count}"), blocks)
        }
        NoticeKind::Correction => (
            "Correction: ",
            format!("We were wrong about {count}"),
            vec![Block::paragraph(
                Part::Remark,
                "What we wrote about this incident does not hold: later checks show that there was no such fault.",
            )],
        ),
        NoticeKind::Opening
        | NoticeKind::Update
        | NoticeKind::Inherited
        | NoticeKind::Escalation
        | NoticeKind::Digest => {
            let word = if notice.kind == NoticeKind::Update { "Changed: " } else { "" };
            let mut blocks = vec![
                Block::paragraph(Part::Sentence, format!("It began at about {since}.")),
                list("Your practices that are hit"),
                Block::section(Part::Where, "Where the fault is", vec![phrases::where_it_is(event, estate)]),
            ];
            blocks.extend(super::staff::services(context));
            let mut next = hands::who_has_it_there(context, notice.due);
            next.extend([
                "The managers of these practices are told as well, where we have an address.".to_owned(),
                "We will write when it is over.".to_owned(),
            ]);
            blocks.push(Block::section(Part::Next, "What happens next", next));
            blocks.extend(hands::for_managers(context));
            (word, format!("{} at {count}", phrases::says(event, estate)), blocks)
        }
    };
    Draft {
        subject: format!(
            "[linewatch] {word}{} at {count} since {since} ({incident})",
            phrases::short(event, estate)
        ),
        title,
        blocks,
        footer: vec![
            format!("linewatch, for {}", plain::name(&estate.icb.name)),
            format!("Incident {incident}, {}", plain::day_and_clock(event.at, zone)),
            "This message was sent automatically.".to_owned(),
        ],
    }
}
