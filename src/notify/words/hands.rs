//! Who has an incident in hand, how a reader says that they have it, and what those read who are told because nobody does.

use super::part::{Block, Part};
use super::sentences::{self, Say};
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
pub(super) fn who_has_it(context: &Context<'_>, seen_from: At, say: &Say<'_>) -> Option<String> {
    who(context, seen_from, "", say)
}

/// The same for those who don't know the ICB's people: `Jo Bloggs at NHS Kent and Medway`; and who else is at work on it.
pub(super) fn who_has_it_there(context: &Context<'_>, seen_from: At, say: &Say<'_>) -> Vec<String> {
    let there = who(context, seen_from, &format!(" at {}", plain::name(&context.estate.icb.name)), say);
    there.into_iter().chain(who_is_at_work(context, seen_from, say)).collect()
}

/// `Al for BT has taken this on, at 07:31.` `None`: nobody who looks after it has said so, or it is over.
fn who_is_at_work(context: &Context<'_>, seen_from: At, say: &Say<'_>) -> Option<String> {
    let at_work = context.hands.map(|hands| &*hands.at_work).filter(|_| is_open(context))?;
    // A person's name alone doesn't say whose they are.
    let named = |said: &Acknowledgement| match &said.audience {
        Audience::Owner { name } if *name != said.by => {
            format!("{} for {}", plain::name(&said.by), plain::name(name))
        }
        _ => plain::name(&said.by),
    };
    have_it(at_work, named, context, seen_from, say)
}

fn who(context: &Context<'_>, seen_from: At, place: &str, say: &Say<'_>) -> Option<String> {
    let taken_on = context.hands.map(|hands| &*hands.taken_on).filter(|_| is_open(context))?;
    // Who gave no name is known by the place alone.
    let named = |said: &Acknowledgement| {
        let name = plain::name(&said.by);
        if name.ends_with(place) { name } else { format!("{name}{place}") }
    };
    have_it(taken_on, named, context, seen_from, say)
}

/// That these have it, each with the time at which they said so; `None`: nobody has.
fn have_it(
    who: &[Acknowledgement],
    named: impl Fn(&Acknowledgement) -> String,
    context: &Context<'_>,
    seen_from: At,
    say: &Say<'_>,
) -> Option<String> {
    let clock = |said: &Acknowledgement| plain::clock(said.at, seen_from, &context.estate.icb.timezone);
    match who {
        [] => None,
        [one] => {
            let who = plain::capital(&named(one));
            Some(say.with(&sentences::HANDS_ONE_HAS_IT, [who.into(), clock(one).into()]))
        }
        several => {
            let names =
                several.iter().take(NAMED_MAX).map(|said| format!("{} ({})", named(said), clock(said)));
            let more = several.len().saturating_sub(NAMED_MAX);
            let more = (more > 0).then(|| format!("{more} more"));
            let names: Vec<String> = names.chain(more).collect();
            let who = plain::capital(&plain::and(&names));
            Some(say.with(&sentences::HANDS_SEVERAL_HAVE_IT, [who.into()]))
        }
    }
}

/// Staff: whether somebody has it, and how to say so. Where neither links nor escalation are configured, nobody is asked to.
pub(super) fn for_staff(notice: &Notice, context: &Context<'_>, say: &Say<'_>) -> Vec<Block> {
    let next = context.hands.and_then(|hands| hands.next);
    if !is_open(context) {
        return Vec::new();
    }
    let taken_on = who_has_it(context, notice.due, say);
    let at_work = who_is_at_work(context, notice.due, say);
    if notice.kind == NoticeKind::Escalation {
        return escalation(notice, context, taken_on, at_work, say);
    }
    let mut blocks = Vec::new();
    let is_taken_on = taken_on.is_some();
    blocks.extend(at_work.clone().map(in_hand));
    let nobody = || {
        let not_yet = match (&at_work, notice.kind) {
            (Some(_), _) => {
                let icb = plain::name(&context.estate.icb.name);
                Some(say.with(&sentences::HANDS_NOBODY_OF_THE_ICB_HAS_IT, [icb.into()]))
            }
            (None, NoticeKind::Opening) => None,
            (None, _) => Some(say.plain(&sentences::HANDS_NOBODY_HAS_IT)),
        };
        let next = next.map(|next| {
            say.with(&sentences::HANDS_OTHERS_ARE_TOLD_AT, [clock(next, notice, context).into()])
        });
        let text: Vec<String> = not_yet.into_iter().chain(next).collect();
        (context.link.is_some() || next_is_known(context)).then(|| text.join(" "))
    };
    blocks.extend(taken_on.or_else(nobody).filter(|text| !text.is_empty()).map(in_hand));
    blocks.extend(how(context, is_taken_on, say));
    blocks
}

/// Those who look after what failed: that they are at work on it.
pub(super) fn for_owners(context: &Context<'_>, seen_from: At, say: &Say<'_>) -> Vec<Block> {
    let Some(url) = context.link.filter(|_| is_open(context)) else { return Vec::new() };
    let known = who_is_at_work(context, seen_from, say).map(in_hand);
    let text = say.plain(&sentences::OWNER_SAY_SO);
    let link = Block::link(Part::Reply, text, say.plain(&sentences::OWNER_WE_HAVE_TAKEN_THIS_ON), url);
    known.into_iter().chain([link]).collect()
}

/// The manager's own line, and a primary care network's: that the letter was read, and no more.
pub(super) fn for_managers(context: &Context<'_>, say: &Say<'_>) -> Option<Block> {
    let url = context.link.filter(|_| is_open(context))?;
    let icb = plain::name(&context.estate.icb.name);
    let text = say.with(&sentences::MANAGER_HAVE_YOU_READ_THIS, [icb.into()]);
    Some(Block::link(Part::Reply, text, say.plain(&sentences::MANAGER_I_HAVE_READ_THIS), url))
}

fn escalation(
    notice: &Notice,
    context: &Context<'_>,
    taken_on: Option<String>,
    at_work: Option<String>,
    say: &Say<'_>,
) -> Vec<Block> {
    if let Some(taken_on) = taken_on {
        return vec![in_hand(format!("{taken_on} {}", say.plain(&sentences::ESCALATION_SOMEBODY_HAS_IT)))];
    }
    let Some(hands) = context.hands else { return Vec::new() };
    let mut blocks = Vec::new();
    blocks.extend(at_work.map(in_hand));
    let icb = || plain::name(&context.estate.icb.name).into();
    blocks.push(in_hand(match hands.told_since {
        Some(since) => {
            let length = plain::length(since, notice.due);
            let values = [icb(), clock(since, notice, context).into(), length.into()];
            say.with(&sentences::ESCALATION_WHY_YOU, values)
        }
        None => say.with(&sentences::ESCALATION_WHY_YOU_WHEN_STAFF_WERE_NOT_TOLD, [icb()]),
    }));
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
        let outbox = format!("linewatch outbox {}", plain::name(&notice.incident));
        items.push(context.more(&format!("and {more} more"), &outbox));
    }
    if !items.is_empty() {
        blocks.push(Block::list(Part::Told, say.plain(&sentences::ESCALATION_TOLD_HEADING), items));
    }
    let mut components = context.event.cause.iter().filter_map(|it| phrases::component(it, context.estate));
    let is_owned = components.any(|component| component.owner.is_some() || component.contact.is_some());
    let take_it_on = if is_owned {
        &sentences::ESCALATION_CALL_THE_OWNER_AND_TAKE_IT_ON
    } else {
        &sentences::ESCALATION_TAKE_IT_ON
    };
    let mut todo = vec![say.plain(&sentences::ESCALATION_ASK_THOSE_WHO_WERE_TOLD), say.plain(take_it_on)];
    todo.extend(phrases::whom_to_call(context.event, context.estate, say));
    if context.link.is_some() || !context.is_of_exercise() {
        todo.push(say.plain(&sentences::ESCALATION_SAY_THAT_YOU_HAVE_IT));
    }
    todo.extend(hands.next.map(|next| {
        say.with(&sentences::ESCALATION_NEXT_ARE_TOLD_AT, [clock(next, notice, context).into()])
    }));
    blocks.push(Block::list(Part::Todo, say.plain(&sentences::ESCALATION_TODO_HEADING), todo));
    blocks.extend(how(context, false, say));
    blocks
}

fn in_hand(text: String) -> Block {
    Block::paragraph(Part::Hands, text)
}

/// How to say that one has it.
fn how(context: &Context<'_>, as_well: bool, say: &Say<'_>) -> Option<Block> {
    if let Some(url) = context.link {
        let text = if as_well { &sentences::HANDS_SAY_SO_AS_WELL } else { &sentences::HANDS_SAY_SO };
        return Some(Block::link(Part::Reply, say.plain(text), say.plain(&sentences::HANDS_I_HAVE_IT), url));
    }
    next_is_known(context).then(|| {
        if context.is_of_exercise() {
            let text = say.plain(&sentences::HANDS_NO_LINK_IN_AN_EXERCISE);
            return Block::paragraph(Part::Reply, text);
        }
        let text = if as_well {
            &sentences::HANDS_SAY_SO_BY_COMMAND_AS_WELL
        } else {
            &sentences::HANDS_SAY_SO_BY_COMMAND
        };
        Block::paragraph(Part::Reply, say.with(text, [plain::name(&context.event.incident).into()]))
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
