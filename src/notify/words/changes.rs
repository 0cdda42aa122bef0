//! What is otherwise than it was in the last message that this reader got: who came back, who was hit, what the cause is held to be, and
//! what people say that they did meanwhile.

use std::collections::BTreeSet;

use super::part::{Block, Part};
use super::sentences::{self, Say, Sentence};
use super::staff::{causes_of, percent};
use super::{Context, phrases, plain};
use crate::incident::{Event, EventKind};
use crate::limits::FIXES_SHOWN;
use crate::notify::fix::Fix;
use crate::notify::notice::Notice;
use crate::time::At;

/// Practices that came or went, named in one line.
const NAMED_MAX: usize = 20;
/// Steps told one by one: the last ones.
const STEPS_MAX: usize = 20;

/// Nothing where nothing has changed; for whoever hears for the first time, what was done before.
pub(super) fn since_last_message(notice: &Notice, context: &Context<'_>, say: &Say<'_>) -> Vec<Block> {
    let event = context.event;
    if context.last_told.is_none() {
        return done_before(notice, context, say).into_iter().collect();
    }
    let told = context.last_told.filter(|told| *told < event.at);
    let known = told.and_then(|told| context.earlier.iter().rposition(|earlier| earlier.at <= told));
    let Some((before, since)) = known.and_then(|known| context.earlier.get(known..)?.split_first()) else {
        return Vec::new();
    };
    let clock = plain::clock(before.at, notice.due, &context.estate.icb.timezone);
    let rows = rows(before, context, say);
    // Each is in one letter to each reader: in that about the first event after it was said.
    let is_news = |fix: &&Fix| told.is_some_and(|told| told < fix.said_at) && fix.said_at <= event.at;
    let fixes: Vec<&Fix> = context.fixes.iter().filter(is_news).collect();
    let steps = steps(before, since, &fixes, notice, context, say);
    let heading = say.with(&sentences::STAFF_CHANGES_HEADING, [clock.into()]);
    let facts = (!rows.is_empty()).then(|| Block::facts(Part::Changes, heading, rows));
    let steps = (!steps.is_empty())
        .then(|| Block::list(Part::Steps, say.plain(&sentences::STAFF_STEPS_HEADING), steps));
    facts.into_iter().chain(steps).collect()
}

fn rows(before: &Event, context: &Context<'_>, say: &Say<'_>) -> Vec<(String, String)> {
    let event = context.event;
    let mut rows = Vec::new();
    let mut row = |name: &Sentence<0>, value: String| rows.push((say.plain(name), value));
    if before.cause != event.cause {
        let was = format!("{}, {}", causes_of(&before.cause, context), percent(before.probability));
        row(&sentences::ROW_CAUSE_BEFORE, was);
    }
    if before.signature != event.signature {
        row(&sentences::ROW_SIGNATURE_BEFORE, before.signature.as_str().to_owned());
    }
    if before.network != event.network {
        row(&sentences::ROW_NETWORK_BEFORE, phrases::network(before, context.estate));
    }
    // When it is over the last list stands, though nobody is hit any more.
    if event.event != EventKind::Resolved {
        let mut differences = |heading: [&Sentence<0>; 2],
                               was: &[String],
                               is: &[String],
                               name: fn(&str, &Context<'_>) -> String| {
            for (heading, ids) in heading.into_iter().zip([without(was, is), without(is, was)]) {
                if !ids.is_empty() {
                    row(heading, some(&ids, |id| name(id, context)));
                }
            }
        };
        let by_id = |id: &str, _: &Context<'_>| plain::name(id);
        let practices = [&sentences::ROW_PRACTICES_BACK, &sentences::ROW_PRACTICES_NEWLY_AFFECTED];
        differences(practices, &before.practices, &event.practices, by_id);
        let services = [&sentences::ROW_SERVICES_BACK, &sentences::ROW_SERVICES_NEWLY_AFFECTED];
        differences(services, &before.services, &event.services, |id, context| {
            phrases::service_name(id, context.estate)
        });
    }
    rows
}

/// What is in the one list and not in the other, in its order.
fn without<'a>(list: &'a [String], other: &[String]) -> Vec<&'a String> {
    let other: BTreeSet<&String> = other.iter().collect();
    list.iter().filter(|id| !other.contains(id)).collect()
}

/// `3: G82002, G82003 and 1 more`
fn some(ids: &[&String], name: impl Fn(&str) -> String) -> String {
    let named: Vec<String> = ids.iter().take(NAMED_MAX).map(|id| name(id)).collect();
    let more = ids.len() - named.len();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}: {}{rest}", ids.len(), named.join(", "))
}

/// What happened one after the other, where it was more than one thing: what was done, and what came after it.
fn steps(
    before: &Event,
    since: &[Event],
    fixes: &[&Fix],
    notice: &Notice,
    context: &Context<'_>,
    say: &Say<'_>,
) -> Vec<String> {
    let mut steps: Vec<(At, String)> = Vec::new();
    let mut was = before;
    for is in since.iter().chain([context.event]) {
        let clock = plain::clock(is.at, notice.due, &context.estate.icb.timezone);
        steps.extend(step(was, is, context).map(|what| (is.at, format!("{clock}: {what}"))));
        was = is;
    }
    if steps.len() < 2 && fixes.is_empty() {
        return Vec::new();
    }
    steps.extend(fixes.iter().map(|fix| (fix.at, done(fix, notice, context, say))));
    // A stable sort: what was done stands after what was seen at the same moment.
    steps.sort_by_key(|(at, _)| *at);
    let steps: Vec<String> = steps.into_iter().map(|(_, step)| step).collect();
    let earlier = steps.len().saturating_sub(STEPS_MAX);
    let first = left_out(earlier, context);
    first.into_iter().chain(steps.into_iter().skip(earlier)).collect()
}

/// How many lines there is no room for; `None`: there is room for all.
fn left_out(earlier: usize, context: &Context<'_>) -> Option<String> {
    (earlier > 0).then(|| context.more(&format!("{earlier} earlier ones"), "linewatch why"))
}

/// What was done before a reader heard of it: the last of it.
fn done_before(notice: &Notice, context: &Context<'_>, say: &Say<'_>) -> Option<Block> {
    let known = |fix: &&Fix| fix.said_at <= notice.due;
    let fixes: Vec<&Fix> = context.fixes.iter().filter(known).collect();
    let earlier = fixes.len().saturating_sub(FIXES_SHOWN);
    let more = left_out(earlier, context);
    let items = fixes.into_iter().skip(earlier).map(|fix| done(fix, notice, context, say));
    let items: Vec<String> = more.into_iter().chain(items).collect();
    (!items.is_empty()).then(|| Block::list(Part::Steps, say.plain(&sentences::FIX_HEADING), items))
}

/// `09:41: fix by Jo Bloggs: rebooted the inside firewall`
fn done(fix: &Fix, notice: &Notice, context: &Context<'_>, say: &Say<'_>) -> String {
    let clock = |at: At| plain::clock(at, notice.due, &context.estate.icb.timezone);
    let (done, said) = (clock(fix.at), clock(fix.said_at));
    let (who, what) = (plain::name(&fix.by), plain::sentences(&fix.what));
    let words = if done == said {
        say.with(&sentences::FIX_DONE, [who.into(), what.into()])
    } else {
        say.with(&sentences::FIX_DONE_AND_SAID_LATER, [who.into(), what.into(), said.into()])
    };
    format!("{done}: {words}")
}

/// `60 practices back, 2 newly affected, 116 affected now.`
fn step(was: &Event, is: &Event, context: &Context<'_>) -> Option<String> {
    if is.event == EventKind::Resolved {
        return Some("over.".to_owned());
    }
    let count = |n: usize, what: &str| match n {
        0 => None,
        1 => Some(format!("1 practice {what}")),
        n => Some(format!("{n} practices {what}")),
    };
    let (back, new) =
        (without(&was.practices, &is.practices).len(), without(&is.practices, &was.practices).len());
    let cause =
        (was.cause != is.cause).then(|| format!("the cause is now {}", causes_of(&is.cause, context)));
    let signature =
        (was.signature != is.signature).then(|| format!("the signature is now {}", is.signature.as_str()));
    let what: Vec<String> =
        [count(back, "back"), count(new, "newly affected"), cause, signature].into_iter().flatten().collect();
    let now = count(is.practices.len(), "affected now").unwrap_or_else(|| "none affected now".to_owned());
    (!what.is_empty()).then(|| format!("{}; {now}.", what.join(", ")))
}
