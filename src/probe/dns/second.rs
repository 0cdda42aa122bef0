//! A second name server that is asked the same, and what its answers are beside the first one's. Its outage is never
//! the first one's: what can't be compared is told, and fails nothing.

use std::collections::BTreeSet;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use super::exchange::Way;
use super::judge::{found, rcode_word, refusal};
use super::message::Question;
use super::reply::Reply;
use super::{aside, listed};
use crate::estate::{DnsAsk, DnsCompare};
use crate::limits::{PROBE_DNS_TOLD_CHARS_MAX, PROBE_DNS_TOLD_MAX};
use crate::observation::Failure;
use crate::probe::answer::SecondAnswer;
use crate::probe::fault::Fault;
use crate::probe::rule::Rule;
use crate::probe::talk::Tools;
use crate::probe::trail::Trail;

/// Asks the second name server on a way like the first one's, with a certificate for its own host.
pub(super) async fn ask(
    compare: &DnsCompare,
    question: Result<Question, Fault>,
    like: &Way<'_>,
    tools: &Tools<'_>,
    trail: &Trail,
) -> Result<Reply, Fault> {
    let until = trail.last_call();
    let looking_up = Trail::begin(aside::time_until(until));
    let address = tools.lookup.address(&compare.server, like.source, &looking_up);
    let server = match tokio::time::timeout_at(looking_up.deadline(), address).await {
        Ok(found) => found?,
        Err(_) => return Err(looking_up.too_late()),
    };
    let way = Way { server, host: &compare.server.host, ..*like };
    aside::ask(question, &way, until).await
}

/// For a person who reads the facts.
pub(super) fn fact(compare: &DnsCompare, asked: &str, came: &Result<Reply, Fault>) -> SecondAnswer {
    let fault = match came {
        Ok(reply) => no_answer(reply, asked),
        Err(fault) => Some(fault.clone()),
    };
    let message = came.as_ref().ok().map(|reply| &reply.message);
    SecondAnswer {
        server: compare.server.to_string(),
        rcode: message.map(|message| rcode_word(message.metadata.response_code).into_owned()),
        answers: message.map(listed).unwrap_or_default(),
        failure: fault.as_ref().map(|fault| fault.failure),
        detail: fault.map(|fault| fault.detail),
    }
}

/// Why this is no answer that could be compared. That a name isn't there is an answer.
fn no_answer(reply: &Reply, asked: &str) -> Option<Fault> {
    match reply.message.metadata.response_code {
        ResponseCode::NXDomain => None,
        rcode => refusal(rcode, asked).or_else(|| reply.own().err()),
    }
}

/// What to add to the first one's failure: how the second one fares.
pub(super) fn beside_failure(ask: &DnsAsk, compare: &DnsCompare, came: &Result<Reply, Fault>) -> String {
    let server = &compare.server;
    let fault = match came {
        Ok(reply) => match no_answer(reply, &ask.name) {
            None => {
                return format!("the second name server, {server}, answers: {}", told(reply));
            }
            Some(fault) => fault,
        },
        Err(fault) => fault.clone(),
    };
    format!("the second name server, {server}, fails as well: {}", fault.failure.as_str())
}

/// Judges two answers beside each other, of which the first one is what was expected of it.
pub(super) fn judge(
    ask: &DnsAsk,
    compare: &DnsCompare,
    record: RecordType,
    first: &Reply,
    came: &Result<Reply, Fault>,
) -> Result<(), Fault> {
    let Ok(reply) = came else { return Ok(()) };
    let rcode = |reply: &Reply| reply.message.metadata.response_code;
    let alike = rcode(first) == rcode(reply);
    if !alike && no_answer(reply, &ask.name).is_some() {
        return Ok(());
    }
    let (Ok(ones), Ok(others)) = (set(first), set(reply)) else { return Ok(()) };
    let is_same = alike && ones == others;
    if is_same == compare.same {
        return Ok(());
    }
    let of = format!("{record} of {}", ask.name);
    let (one, other) = (&ask.server, &compare.server);
    let said = if compare.same {
        format!("{of} is {} at {one}, but {} at {other}", told(first), told(reply))
    } else {
        format!("{of} is {} at {one} and {other} alike, where they should differ", told(first))
    };
    Err(Fault::new(Failure::WrongAnswer, said).by(Rule::Compare))
}

/// The answers, in no order.
fn set(reply: &Reply) -> Result<BTreeSet<String>, Fault> {
    Ok(found(reply)?.into_iter().collect())
}

/// The answers of a message in a few words.
fn told(reply: &Reply) -> String {
    let rcode = reply.message.metadata.response_code;
    if rcode != ResponseCode::NoError {
        return rcode_word(rcode).into_owned();
    }
    let answers = match set(reply) {
        Ok(answers) if answers.is_empty() => return "no such record".to_owned(),
        Ok(answers) => answers,
        Err(fault) => return fault.detail,
    };
    let short = |answer: &String| -> String {
        let mut short: String = answer.chars().take(PROBE_DNS_TOLD_CHARS_MAX).collect();
        if short.len() < answer.len() {
            short.push('…');
        }
        short
    };
    let told = answers.iter().take(PROBE_DNS_TOLD_MAX).map(short).collect::<Vec<_>>().join(", ");
    match answers.len().saturating_sub(PROBE_DNS_TOLD_MAX) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}
