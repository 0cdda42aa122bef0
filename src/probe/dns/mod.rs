//! `dns`: one question of our own to one name server: over UDP, and over TCP where the answer doesn't fit; or over TCP,
//! TLS or HTTPS from the beginning.
//!
//! The question is asked once: a stub resolver's own retries would hide the very loss that is to be seen. No EDNS unless
//! the probe asks for it, as most stub resolvers at a practice send none; a cut answer is fetched again over TCP, and
//! that is a path that a firewall must let through, too.
//!
//! What else is asked stands beside it (`aside.rs`): a random name that must not exist (`hijack.rs`), a second name
//! server (`second.rs`), and, when the answer is none, whether the name server itself is alive (`life.rs`).

mod aside;
mod exchange;
#[cfg(any(fuzzing, test))]
pub(super) mod fuzzing;
mod glob;
mod hijack;
mod judge;
mod life;
mod message;
mod reason;
mod reply;
mod second;

use std::net::IpAddr;
use std::pin::pin;

use hickory_proto::op::{self, Message};
use hickory_proto::rr::{Record, RecordType};
use tokio::time::Instant;

pub(super) use exchange::query;
pub(super) use judge::refusal;

use self::exchange::Way;
use self::message::{Manner, Question};
use self::reply::Reply;
use super::answer::Edns;
use super::fault::{Fault, one_line};
use super::talk::Tools;
use super::trail::Trail;
use crate::estate::{DnsAsk, DnsFlag, DnsTransport};
use crate::limits::{PROBE_DNS_SECOND_AFTER_MAX, PROBE_LISTED_MAX};
use crate::observation::{Failure, Phase};
use crate::probe::rule::Rule;

pub(super) async fn ask(
    ask: &DnsAsk,
    source: Option<IpAddr>,
    tools: &Tools<'_>,
    trail: &Trail,
) -> Result<(), Fault> {
    let record = record_type(&ask.record)?;
    let server = tools.lookup.address(&ask.server, source, trail).await?;
    let way = Way { server, host: &ask.server.host, transport: &ask.transport, source, tools };
    let manner = Manner {
        edns_size: ask.edns_size,
        checked: ask.expect_flags.contains(&DnsFlag::Authentic),
        recursion: true,
        no_id: matches!(ask.transport, DnsTransport::Https { .. }),
    };
    let question = Question::new(&ask.name, record, manner)?;

    // What most checks don't ask is boxed, so that it doesn't make their futures as large.
    let first = async {
        let is_alone = ask.hijack_under.is_none() && ask.compare.is_none();
        let came = life::patiently(exchange::put(&question, &way, trail), is_alone, &way, trail).await;
        trail.rest();
        came
    };
    let decoy = async {
        let under = ask.hijack_under.as_deref()?;
        Some(Box::pin(hijack::test(under, record, manner, &way, trail.last_call())).await)
    };
    let second = async {
        let compare = ask.compare.as_ref()?;
        let question = Question::new(&ask.name, record, manner);
        Some(Box::pin(second::ask(compare, question, &way, tools, trail)).await)
    };
    let both = Box::pin(async { tokio::join!(first, decoy) });
    let ((first, decoy), second) = with_second(both, second, trail).await;
    let decoy = decoy.transpose()?;
    let second = ask.compare.as_ref().zip(second);

    if let Ok(reply) = &first {
        note(ask, reply, trail);
    }
    trail.note(|facts| {
        facts.random_name = decoy.as_ref().map(|decoy| one_line(&decoy.told()));
        facts.second = second.as_ref().map(|(compare, came)| second::fact(compare, &ask.name, came));
    });
    let hijacked = match &decoy {
        Some(decoy) => decoy.verdict(&ask.name).map_err(|fault| {
            let phase = fault.phase.unwrap_or(Phase::Dns);
            fault.by(Rule::Hijack).in_phase(phase)
        }),
        None => Ok(()),
    };
    // Whoever invents names explains all else that may be wrong.
    if matches!(&hijacked, Err(fault) if fault.failure == Failure::Intercepted) {
        return hijacked;
    }
    let verdict = match &first {
        Ok(reply) => judge::judge(ask, record, reply).map_err(|fault| fault.in_phase(Phase::Dns)),
        Err(fault) => Err(fault.clone()),
    };
    if let Err(mut fault) = verdict {
        let is_explained = first.as_ref().is_ok_and(|reply| reason::explains(&reason::all(&reply.message)));
        if fault.failure == Failure::Servfail && !is_explained {
            fault = life::after_servfail(fault, &way, trail).await;
        }
        return Err(match second {
            Some((compare, came)) => fault.also(&second::beside_failure(ask, compare, &came)),
            None => fault,
        });
    }
    hijacked?;
    match (first, second) {
        (Ok(first), Some((compare, came))) => {
            second::judge(ask, compare, record, &first, &came).map_err(|fault| fault.in_phase(Phase::Dns))
        }
        _ => Ok(()),
    }
}

/// Does both at once, and waits for the second name server not much longer than for the first.
async fn with_second<T>(
    first: impl Future<Output = T>,
    second: impl Future<Output = Option<Result<Reply, Fault>>>,
    trail: &Trail,
) -> (T, Option<Result<Reply, Fault>>) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    let done = tokio::select! {
        done = &mut first => done,
        came = &mut second => return (first.await, came),
    };
    let until = trail.last_call().min(Instant::now() + PROBE_DNS_SECOND_AFTER_MAX);
    let came = tokio::time::timeout_at(until, second).await.unwrap_or_else(|_| {
        let said =
            format!("no answer within {} ms of the first one's", PROBE_DNS_SECOND_AFTER_MAX.as_millis());
        Some(Err(Fault::new(Failure::Timeout, said)))
    });
    (done, came)
}

fn note(ask: &DnsAsk, reply: &Reply, trail: &Trail) {
    let message = &reply.message;
    let edns = ask.edns_size.map(|_| Edns { size: message.edns.as_ref().map(op::Edns::max_payload) });
    trail.note(|facts| {
        facts.rcode = Some(judge::rcode_word(message.metadata.response_code).into_owned());
        facts.answers = listed(message);
        facts.over_tcp = reply.over_tcp;
        facts.flags = judge::flags(&message.metadata);
        facts.ttl = judge::ttls(reply).map(|(fewest, _)| fewest);
        facts.edns = edns;
        facts.reasons = reason::all(message).iter().map(|reason| one_line(&reason.words())).collect();
    });
}

/// The bytes of the question alone, as the stub resolvers of most machines ask it.
pub(super) fn plain_question(ask: &DnsAsk) -> Result<Vec<u8>, Fault> {
    Ok(Question::new(&ask.name, record_type(&ask.record)?, Manner::PLAIN)?.bytes)
}

fn record_type(word: &str) -> Result<RecordType, Fault> {
    word.to_ascii_uppercase()
        .parse()
        .map_err(|_| Fault::local(format!("`record` says \"{word}\", which is no type of DNS record")))
}

fn listed(message: &Message) -> Vec<String> {
    message.answers.iter().take(PROBE_LISTED_MAX).map(written).collect()
}

fn written(record: &Record) -> String {
    one_line(&format!("{} {}", record.record_type(), record.data))
}
