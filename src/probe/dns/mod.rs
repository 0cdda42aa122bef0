//! `dns`: one question of our own to one name server, over UDP, and over TCP where the answer doesn't fit.
//!
//! The question is asked once: a stub resolver's own retries would hide the very loss that is to be seen. No EDNS,
//! as most stub resolvers at a practice send none; a cut answer is fetched again over TCP, and that is a path that a
//! firewall must let through, too.

mod exchange;
mod message;

use std::net::IpAddr;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Record, RecordType};

pub(super) use exchange::query;

use super::fault::{Fault, one_line};
use super::lookup::Lookup;
use super::trail::Trail;
use crate::estate::DnsAsk;
use crate::limits::PROBE_LISTED_MAX;
use crate::observation::{Failure, Phase};

pub(super) async fn ask(
    ask: &DnsAsk,
    source: Option<IpAddr>,
    lookup: &Lookup,
    trail: &Trail,
) -> Result<(), Fault> {
    let record = record_type(&ask.record)?;
    let servers = lookup.addresses(&ask.server, None, source, trail).await?;
    let Some(&server) = servers.first() else {
        return Err(Fault::new(Failure::NoAnswer, format!("{} has no address", ask.server.host)));
    };
    trail.enter(Phase::Dns);
    let reply = query(server, &ask.name, record, source, trail).await?;
    trail.rest();
    let rcode = reply.message.metadata.response_code;
    let answers = &reply.message.answers;
    trail.note(|facts| {
        facts.rcode = Some(rcode_word(rcode).into_owned());
        facts.answers = answers.iter().take(PROBE_LISTED_MAX).map(written).collect();
        facts.over_tcp = reply.over_tcp;
    });
    judge(ask, record, rcode, answers)
}

fn record_type(word: &str) -> Result<RecordType, Fault> {
    word.to_ascii_uppercase()
        .parse()
        .map_err(|_| Fault::local(format!("`record` says \"{word}\", which is no type of DNS record")))
}

/// Whether what came is what was expected.
fn judge(ask: &DnsAsk, record: RecordType, rcode: ResponseCode, answers: &[Record]) -> Result<(), Fault> {
    let word = rcode_word(rcode);
    if !word.eq_ignore_ascii_case(&ask.expect_rcode) {
        return Err(refusal(rcode, &ask.name).unwrap_or_else(|| {
            let expected = ask.expect_rcode.to_ascii_lowercase();
            Fault::new(Failure::WrongAnswer, format!("{} is there, but {expected} was expected", ask.name))
        }));
    }
    if rcode != ResponseCode::NoError {
        return Ok(());
    }
    let found: Vec<String> = answers
        .iter()
        .filter(|answer| answer.record_type() == record)
        .map(|answer| comparable(&answer.data.to_string()))
        .collect();
    if found.is_empty() {
        return Err(Fault::new(Failure::NoAnswer, format!("{} has no {record} record", ask.name)));
    }
    let expected = &ask.expect_answers;
    if expected.is_empty() || expected.iter().any(|answer| found.contains(&comparable(answer))) {
        return Ok(());
    }
    Err(Fault::new(
        Failure::WrongAnswer,
        format!("{record} of {} is {}, not {}", ask.name, found.join(", "), expected.join(" or ")),
    ))
}

/// The failure that a response code stands for; `None` when there is no error.
pub(super) fn refusal(rcode: ResponseCode, name: &str) -> Option<Fault> {
    let (failure, words) = match rcode {
        ResponseCode::NoError => return None,
        ResponseCode::NXDomain => (Failure::Nxdomain, format!("there is no {name}")),
        ResponseCode::ServFail => (Failure::Servfail, format!("the name server could not answer for {name}")),
        ResponseCode::Refused => {
            (Failure::DnsRefused, format!("the name server refuses to answer for {name}"))
        }
        other => (Failure::Protocol, format!("the name server answers {} for {name}", rcode_word(other))),
    };
    Some(Fault::new(failure, words))
}

/// The word that the estate file has for a response code.
fn rcode_word(rcode: ResponseCode) -> std::borrow::Cow<'static, str> {
    match rcode {
        ResponseCode::NoError => "noerror".into(),
        ResponseCode::FormErr => "formerr".into(),
        ResponseCode::ServFail => "servfail".into(),
        ResponseCode::NXDomain => "nxdomain".into(),
        ResponseCode::NotImp => "notimp".into(),
        ResponseCode::Refused => "refused".into(),
        ResponseCode::NotAuth => "notauth".into(),
        other => format!("rcode{}", u16::from(other)).into(),
    }
}

fn written(record: &Record) -> String {
    one_line(&format!("{} {}", record.record_type(), record.data))
}

/// Zone-file text without what doesn't count: case, the final dot of names, quotes, the many ways to write an
/// IPv6 address.
fn comparable(text: &str) -> String {
    if let Ok(address) = text.trim().parse::<IpAddr>() {
        return address.to_string();
    }
    text.replace('"', "")
        .split_whitespace()
        .map(|word| word.strip_suffix('.').unwrap_or(word).to_lowercase())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::{Name, RData, rdata};

    use super::*;
    use crate::estate::HostPort;

    fn ask(rcode: &str, answers: &[&str]) -> DnsAsk {
        DnsAsk {
            server: HostPort { host: "127.0.0.1".to_owned(), port: 53 },
            name: "accurx.example".to_owned(),
            record: "A".to_owned(),
            expect_rcode: rcode.to_owned(),
            expect_answers: answers.iter().map(|&answer| answer.to_owned()).collect(),
        }
    }

    fn addresses(last: &[u8]) -> Vec<Record> {
        let name = Name::from_ascii("accurx.example.").expect("a name");
        last.iter()
            .map(|&last| Record::from_rdata(name.clone(), 60, RData::A(rdata::A::new(192, 0, 2, last))))
            .collect()
    }

    fn failure(ask: &DnsAsk, rcode: ResponseCode, answers: &[Record]) -> Option<Failure> {
        judge(ask, RecordType::A, rcode, answers).err().map(|fault| fault.failure)
    }

    #[test]
    fn any_answer_will_do_unless_one_is_expected() {
        let two = addresses(&[1, 2]);
        assert_eq!(failure(&ask("noerror", &[]), ResponseCode::NoError, &two), None);
        assert_eq!(failure(&ask("NOERROR", &["192.0.2.2"]), ResponseCode::NoError, &two), None);
        let wrong = failure(&ask("noerror", &["192.0.2.3"]), ResponseCode::NoError, &two);
        assert_eq!(wrong, Some(Failure::WrongAnswer));
        assert_eq!(failure(&ask("noerror", &[]), ResponseCode::NoError, &[]), Some(Failure::NoAnswer));
    }

    #[test]
    fn an_alias_alone_is_no_address() {
        let name = Name::from_ascii("accurx.example.").expect("a name");
        let alias = Record::from_rdata(name.clone(), 60, RData::CNAME(rdata::CNAME(name)));
        assert_eq!(failure(&ask("noerror", &[]), ResponseCode::NoError, &[alias]), Some(Failure::NoAnswer));
    }

    #[test]
    fn response_codes_have_their_words_and_may_be_what_is_wanted() {
        let plain = ask("noerror", &[]);
        assert_eq!(failure(&plain, ResponseCode::NXDomain, &[]), Some(Failure::Nxdomain));
        assert_eq!(failure(&plain, ResponseCode::ServFail, &[]), Some(Failure::Servfail));
        assert_eq!(failure(&plain, ResponseCode::Refused, &[]), Some(Failure::DnsRefused));
        assert_eq!(failure(&plain, ResponseCode::FormErr, &[]), Some(Failure::Protocol));
        let blocked = ask("nxdomain", &[]);
        assert_eq!(failure(&blocked, ResponseCode::NXDomain, &[]), None);
        assert_eq!(failure(&blocked, ResponseCode::NoError, &addresses(&[1])), Some(Failure::WrongAnswer));
        assert_eq!(failure(&blocked, ResponseCode::ServFail, &[]), Some(Failure::Servfail));
    }

    #[test]
    fn answers_compare_as_zone_files_mean_them() {
        assert_eq!(comparable("2001:DB8:0::1"), comparable("2001:db8::1"));
        assert_eq!(comparable("10  MX.Example."), comparable("10 mx.example"));
        assert_eq!(comparable("\"v=spf1 -all\""), comparable("v=spf1 -all"));
    }
}
