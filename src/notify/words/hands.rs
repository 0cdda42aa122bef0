//! Who has an incident in hand, how a reader says that they have it, and what those read who are told because nobody does.

use super::part::{Block, Part};
use super::{Context, phrases, plain};
use crate::incident::EventKind;
use crate::notify::acknowledgement::Acknowledgement;
use crate::notify::notice::{Audience, Notice, NoticeKind};
use crate::notify::policy::escalation::Told;
use crate::time::At;

/// People who have it, and people who were told, that one letter names.
const NAMED_MAX: usize = 3;
const TOLD_NAMED_MAX: usize = 20;

/// `Jo Bloggs has taken this on, at 07:31.` `None`: nobody has, or it is over.
pub(super) fn who_has_it(context: &Context<'_>, seen_from: At) -> Option<String> {
    who(context, seen_from, "")
}

/// The same for those who don't know the ICB's people: `Jo Bloggs at NHS Kent and Medway`; and who else is at work on it.
pub(super) fn who_has_it_there(context: &Context<'_>, seen_from: At) -> Vec<String> {
    let there = who(context, seen_from, &format!(" at {}", plain::name(&context.estate.icb.name)));
    there.into_iter().chain(who_is_at_work(context, seen_from)).collect()
}

/// `BT’s desk has been at work on it since 07:31.` `None`: nobody who looks after it has said so, or it is over.
fn who_is_at_work(context: &Context<'_>, seen_from: At) -> Option<String> {
    let at_work = context.hands.map(|hands| &*hands.at_work).filter(|_| is_open(context))?;
    let since = |said: &Acknowledgement| plain::clock(said.at, seen_from, &context.estate.icb.timezone);
    // A person's name alone doesn't say whose they are.
    let named = |said: &Acknowledgement| match &said.audience {
        Audience::Owner { name } if *name != said.by => {
            format!("{} for {}", plain::name(&said.by), plain::name(name))
        }
        _ => plain::name(&said.by),
    };
    match at_work {
        [] => None,
        [one] => Some(format!("{} has taken this on, at {}.", plain::capital(&named(one)), since(one))),
        several => {
            let names =
                several.iter().take(NAMED_MAX).map(|said| format!("{} ({})", named(said), since(said)));
            let more = several.len().saturating_sub(NAMED_MAX);
            let names: Vec<String> = names.chain((more > 0).then(|| format!("{more} more"))).collect();
            Some(format!("{} have taken this on.", plain::capital(&plain::and(&names))))
        }
    }
}

fn who(context: &Context<'_>, seen_from: At, place: &str) -> Option<String> {
    let taken_on = context.hands.map(|hands| &*hands.taken_on).filter(|_| is_open(context))?;
    let clock = |said: &Acknowledgement| plain::clock(said.at, seen_from, &context.estate.icb.timezone);
    // Who gave no name is known by the place alone.
    let named = |said: &Acknowledgement| {
        let name = plain::name(&said.by);
        if name.ends_with(place) { name } else { format!("{name}{place}") }
    };
    match taken_on {
        [] => None,
        [one] => Some(format!("{} has taken this on, at {}.", plain::capital(&named(one)), clock(one))),
        several => {
            let names =
                several.iter().take(NAMED_MAX).map(|said| format!("{} ({})", named(said), clock(said)));
            let more = several.len().saturating_sub(NAMED_MAX);
            let more = (more > 0).then(|| format!("{more} more"));
            let names: Vec<String> = names.chain(more).collect();
            Some(format!("{} have taken this on.", plain::capital(&plain::and(&names))))
        }
    }
}

/// Staff: whether somebody has it, and how to say so. Where neither links nor escalation are configured, nobody is asked to.
pub(super) fn for_staff(notice: &Notice, context: &Context<'_>) -> Vec<Block> {
    let next = context.hands.and_then(|hands| hands.next);
    if !is_open(context) {
        return Vec::new();
    }
    let taken_on = who_has_it(context, notice.due);
    let at_work = who_is_at_work(context, notice.due);
    if notice.kind == NoticeKind::Escalation {
        return escalation(notice, context, taken_on, at_work);
    }
    let mut blocks = Vec::new();
    let is_taken_on = taken_on.is_some();
    blocks.extend(at_work.clone().map(in_hand));
    let nobody = || {
        let not_yet = match (&at_work, notice.kind) {
            (Some(_), _) => format!("Nobody at {} has yet. ", plain::name(&context.estate.icb.name)),
            (None, NoticeKind::Opening) => String::new(),
            (None, _) => "Nobody has taken this on yet. ".to_owned(),
        };
        let next = next.map(|next| {
            format!("If nobody takes it on, others are told at {}.", clock(next, notice, context))
        });
        let text = format!("{not_yet}{}", next.unwrap_or_default());
        (context.link.is_some() || next_is_known(context)).then(|| text.trim_end().to_owned())
    };
    blocks.extend(taken_on.or_else(nobody).filter(|text| !text.is_empty()).map(in_hand));
    blocks.extend(how(context, is_taken_on));
    blocks
}

/// Those who look after what failed: that they are at work on it.
pub(super) fn for_owners(context: &Context<'_>, seen_from: At) -> Vec<Block> {
    let Some(url) = context.link.filter(|_| is_open(context)) else { return Vec::new() };
    let known = who_is_at_work(context, seen_from).map(in_hand);
    let text = "When you have taken this on, please say so here:".to_owned();
    known.into_iter().chain([Block::link(Part::Reply, text, "We have taken this on", url)]).collect()
}

/// The manager's own line, and a primary care network's: that the letter was read, and no more.
pub(super) fn for_managers(context: &Context<'_>) -> Option<Block> {
    let url = context.link.filter(|_| is_open(context))?;
    let text = format!("If you have read this, please tell {}:", plain::name(&context.estate.icb.name));
    Some(Block::link(Part::Reply, text, "I have read this", url))
}

fn escalation(
    notice: &Notice,
    context: &Context<'_>,
    taken_on: Option<String>,
    at_work: Option<String>,
) -> Vec<Block> {
    if let Some(taken_on) = taken_on {
        let text = format!(
            "{taken_on} Until then nobody had, which is why you get this letter. Nothing is asked of you."
        );
        return vec![in_hand(text)];
    }
    let Some(hands) = context.hands else { return Vec::new() };
    let since = hands.told_since.map(|since| {
        format!(
            " Staff were told at {}, {} ago.",
            clock(since, notice, context),
            plain::length(since, notice.due)
        )
    });
    let nobody = match &at_work {
        Some(_) => format!("Nobody at {} has said", plain::name(&context.estate.icb.name)),
        None => "Nobody has said".to_owned(),
    };
    let mut blocks = vec![in_hand(format!(
        "{nobody} that they have this in hand.{} That is why you get this letter.",
        since.unwrap_or_default()
    ))];
    blocks.extend(at_work.map(in_hand));
    // Those who were told with this reader are as new to it as they are.
    let before = |told: &&Told| told.at < notice.due;
    let told: Vec<&Told> = hands.told.iter().filter(before).collect();
    let mut items: Vec<String> = told
        .iter()
        .take(TOLD_NAMED_MAX)
        .map(|one| {
            let why = if one.escalated { ", because nobody had taken it on" } else { "" };
            format!("{}, at {}{why}", plain::name(&one.recipient), clock(one.at, notice, context))
        })
        .collect();
    let more = told.len().saturating_sub(TOLD_NAMED_MAX);
    if more > 0 {
        items.push(format!("and {more} more: see linewatch outbox {}", plain::name(&notice.incident)));
    }
    if !items.is_empty() {
        blocks.push(Block::list(Part::Told, "Who has been told", items));
    }
    let mut components = context.event.cause.iter().filter_map(|it| phrases::component(it, context.estate));
    let is_owned = components.any(|component| component.owner.is_some() || component.contact.is_some());
    let call = if is_owned { "call the owner below, and " } else { "" };
    let mut todo = vec![
        "Ask those who were told whether somebody is at work on it.".to_owned(),
        format!("If nobody is, {call}take it on."),
        "Say that you have it. Then nobody else is told.".to_owned(),
    ];
    if let Some(next) = hands.next {
        todo.push(format!(
            "If nobody says so, the next people are told at {}.",
            clock(next, notice, context)
        ));
    }
    blocks.push(Block::list(Part::Todo, "What to do", todo));
    blocks.extend(how(context, false));
    blocks
}

fn in_hand(text: String) -> Block {
    Block::paragraph(Part::Hands, text)
}

/// How to say that one has it.
fn how(context: &Context<'_>, as_well: bool) -> Option<Block> {
    let as_well = if as_well { " as well" } else { "" };
    if let Some(url) = context.link {
        let text = format!("If you have it in hand{as_well}, say so here:");
        return Some(Block::link(Part::Reply, text, "I have it in hand", url));
    }
    next_is_known(context).then(|| {
        let incident = plain::name(&context.event.incident);
        let text = format!("If you have it in hand{as_well}, run: linewatch ack {incident}");
        Block::paragraph(Part::Reply, text)
    })
}

/// Escalation is configured, and somebody is or was to be told.
fn next_is_known(context: &Context<'_>) -> bool {
    context.hands.is_some_and(|hands| {
        hands.next.is_some() || hands.told.iter().any(|told| told.escalated) || !hands.taken_on.is_empty()
    })
}

fn is_open(context: &Context<'_>) -> bool {
    context.event.event != EventKind::Resolved
}

fn clock(at: At, notice: &Notice, context: &Context<'_>) -> String {
    plain::clock(at, notice.due, &context.estate.icb.timezone)
}
