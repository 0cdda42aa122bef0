//! Whether what came is what was expected. Pure.

use std::borrow::Cow;
use std::net::IpAddr;

use hickory_proto::op::{Message, Metadata, ResponseCode};
use hickory_proto::rr::RecordType;

use super::reply::Reply;
use super::{glob, reason};
use crate::estate::{DnsAsk, DnsFlag, Matching};
use crate::observation::Failure;
use crate::probe::fault::Fault;
use crate::probe::rule::Rule;

/// Judges the answer to the probe's own question.
pub(super) fn judge(ask: &DnsAsk, record: RecordType, reply: &Reply) -> Result<(), Fault> {
    content(ask, record, reply).map_err(|fault| match reason::told(&reason::all(&reply.message)) {
        Some(told) => fault.also(&told),
        None => fault,
    })
}

fn content(ask: &DnsAsk, record: RecordType, reply: &Reply) -> Result<(), Fault> {
    let message = &reply.message;
    let rcode = message.metadata.response_code;
    if !rcode_word(rcode).eq_ignore_ascii_case(&ask.expect_rcode) {
        return Err(without_edns(ask, message).unwrap_or_else(|| {
            let fault = refusal(rcode, &ask.name).unwrap_or_else(|| {
                let expected = ask.expect_rcode.to_ascii_lowercase();
                wrong(format!("{} is there, but {expected} was expected", ask.name))
            });
            fault.by(Rule::ExpectRcode)
        }));
    }
    if rcode == ResponseCode::NoError {
        let found = found(reply)?;
        if found.is_empty() {
            return Err(Fault::new(Failure::NoAnswer, format!("{} has no {record} record", ask.name))
                .by(Rule::Record));
        }
        matches(ask, record, &found)?;
        lives(ask, record, reply)?;
    }
    bears(ask, &message.metadata)
}

fn wrong(detail: impl AsRef<str>) -> Fault {
    Fault::new(Failure::WrongAnswer, detail)
}

/// What was asked for, comparable.
pub(super) fn found(reply: &Reply) -> Result<Vec<String>, Fault> {
    Ok(reply.own()?.iter().map(|answer| comparable(&answer.data.to_string())).collect())
}

fn matches(ask: &DnsAsk, record: RecordType, found: &[String]) -> Result<(), Fault> {
    if ask.expect_answers.is_empty() {
        return Ok(());
    }
    let is = || format!("{record} of {} is {}", ask.name, found.join(", "));
    let expected: Vec<String> = ask.expect_answers.iter().map(|answer| comparable(answer)).collect();
    // As the operator wrote them.
    let written = ask.expect_answers.iter().zip(&expected);
    match ask.matching {
        Matching::Any if expected.iter().any(|answer| found.contains(answer)) => Ok(()),
        Matching::Any => Err(wrong(format!("{}, not {}", is(), ask.expect_answers.join(" or ")))),
        Matching::All => {
            let missing: Vec<&str> = written
                .filter(|(_, answer)| !found.contains(answer))
                .map(|(written, _)| written.as_str())
                .collect();
            if missing.is_empty() {
                return Ok(());
            }
            Err(wrong(format!("{}, without {}", is(), missing.join(" and "))))
        }
        Matching::None => match written.clone().find(|(_, answer)| found.contains(answer)) {
            None => Ok(()),
            Some((unwanted, _)) => Err(wrong(format!("{}, and {unwanted} must not be there", is()))),
        },
        Matching::Pattern => {
            let fits = |answer: &String| expected.iter().any(|pattern| glob::fits(pattern, answer));
            match found.iter().find(|answer| !fits(answer)) {
                None => Ok(()),
                Some(odd) => {
                    let patterns = ask.expect_answers.join(" or ");
                    Err(wrong(format!("{record} of {} has {odd}, which is not {patterns}", ask.name)))
                }
            }
        }
    }
}

/// The fewest and the most seconds that answers of this type have to live.
pub(super) fn ttls(reply: &Reply) -> Option<(u32, u32)> {
    let ttls: Vec<u32> = reply.own().ok()?.iter().map(|answer| answer.ttl).collect();
    Some((*ttls.iter().min()?, *ttls.iter().max()?))
}

fn lives(ask: &DnsAsk, record: RecordType, reply: &Reply) -> Result<(), Fault> {
    let Some((fewest, most)) = ttls(reply) else { return Ok(()) };
    let of = format!("{record} of {}", ask.name);
    if let Some(min) = ask.ttl_min.filter(|min| fewest < *min) {
        return Err(
            wrong(format!("{of} lives for {fewest} s more, and `ttl_min` is {min} s")).by(Rule::TtlMin)
        );
    }
    if let Some(max) = ask.ttl_max.filter(|max| most > *max) {
        return Err(wrong(format!("{of} lives for {most} s more, and `ttl_max` is {max} s")).by(Rule::TtlMax));
    }
    Ok(())
}

fn bears(ask: &DnsAsk, metadata: &Metadata) -> Result<(), Fault> {
    let has = |flag: &DnsFlag| match flag {
        DnsFlag::Authoritative => metadata.authoritative,
        DnsFlag::RecursionAvailable => metadata.recursion_available,
        DnsFlag::Authentic => metadata.authentic_data,
    };
    let Some(missing) = ask.expect_flags.iter().find(|flag| !has(flag)) else { return Ok(()) };
    let means = match missing {
        DnsFlag::Authoritative => "the server is not the zone's own",
        DnsFlag::RecursionAvailable => "the server does not look further for us",
        DnsFlag::Authentic => "the server has not checked the signatures",
    };
    let there = match flags(metadata).join(" ") {
        none if none.is_empty() => "none".to_owned(),
        some => some,
    };
    Err(wrong(format!(
        "the answer for {} lacks the flag {} ({means}); it has {there}",
        ask.name,
        missing.as_str()
    ))
    .by(Rule::ExpectFlags))
}

/// The flags of an answer, by the words that everybody has for them.
pub(super) fn flags(metadata: &Metadata) -> Vec<&'static str> {
    let all = [
        (metadata.authoritative, "aa"),
        (metadata.truncation, "tc"),
        (metadata.recursion_desired, "rd"),
        (metadata.recursion_available, "ra"),
        (metadata.authentic_data, "ad"),
        (metadata.checking_disabled, "cd"),
    ];
    all.into_iter().filter(|(is_set, _)| *is_set).map(|(_, word)| word).collect()
}

/// An error that says that the server doesn't know EDNS: one of those that old servers give to what they can't read,
/// and no EDNS in it.
fn without_edns(ask: &DnsAsk, message: &Message) -> Option<Fault> {
    let rcode = message.metadata.response_code;
    let cannot_read = matches!(rcode, ResponseCode::FormErr | ResponseCode::NotImp);
    if ask.edns_size.is_none() || message.edns.is_some() || !cannot_read {
        return None;
    }
    let word = rcode_word(rcode);
    let said = format!(
        "the name server does not do EDNS: it answers {word} to a question with it; leave `edns_size` out to ask without"
    );
    Some(Fault::new(Failure::Protocol, said).by(Rule::Edns))
}

/// The failure that a response code stands for; `None` when there is no error.
pub(in crate::probe) fn refusal(rcode: ResponseCode, name: &str) -> Option<Fault> {
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
pub(super) fn rcode_word(rcode: ResponseCode) -> Cow<'static, str> {
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
    use hickory_proto::op::{Edns, OpCode, Query};
    use hickory_proto::rr::rdata::opt::EdnsOption;
    use hickory_proto::rr::{Name, RData, Record, rdata};

    use super::*;
    use crate::estate::HostPort;

    fn ask(rcode: &str, answers: &[&str]) -> DnsAsk {
        let server = HostPort { host: "127.0.0.1".to_owned(), port: 53 };
        DnsAsk {
            expect_rcode: rcode.to_owned(),
            expect_answers: answers.iter().map(|&answer| answer.to_owned()).collect(),
            ..DnsAsk::new(server, "accurx.example", "A")
        }
    }

    fn addresses(last: &[u8]) -> Vec<Record> {
        let name = Name::from_ascii("accurx.example.").expect("a name");
        last.iter()
            .map(|&last| {
                Record::from_rdata(
                    name.clone(),
                    60 + u32::from(last),
                    RData::A(rdata::A::new(192, 0, 2, last)),
                )
            })
            .collect()
    }

    fn message(rcode: ResponseCode, answers: &[Record]) -> Message {
        let mut message = Message::response(1, OpCode::Query);
        message.metadata.response_code = rcode;
        message.add_answers(answers.iter().cloned());
        message
    }

    /// To the question that all of these ask.
    fn reply(message: Message) -> Reply {
        let name = Name::from_ascii("accurx.example.").expect("a name");
        Reply::new(message, false, &Query::query(name, RecordType::A))
    }

    fn failure(ask: &DnsAsk, rcode: ResponseCode, answers: &[Record]) -> Option<Failure> {
        judge(ask, RecordType::A, &reply(message(rcode, answers))).err().map(|fault| fault.failure)
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
    fn answers_match_in_four_ways() {
        let two = reply(message(ResponseCode::NoError, &addresses(&[1, 2])));
        for (matching, expected, says) in [
            (Matching::Any, &["192.0.2.9", "192.0.2.2"][..], None),
            (Matching::All, &["192.0.2.1", "192.0.2.2"], None),
            (Matching::All, &["192.0.2.1"], None),
            (Matching::All, &["192.0.2.1", "192.0.2.9"], Some("is 192.0.2.1, 192.0.2.2, without 192.0.2.9")),
            (Matching::None, &["192.0.2.9"], None),
            (Matching::None, &["192.0.2.9", "192.0.2.2"], Some("and 192.0.2.2 must not be there")),
            (Matching::Pattern, &["192.0.*"], None),
            (Matching::Pattern, &["*.1", "*.2"], None),
            (Matching::Pattern, &["*.1"], Some("has 192.0.2.2, which is not *.1")),
            (Matching::Pattern, &[], None),
        ] {
            let ask = DnsAsk { matching, ..ask("noerror", expected) };
            let detail = judge(&ask, RecordType::A, &two).err().map(|fault| fault.detail);
            match says {
                None => assert_eq!(detail, None, "{matching:?} {expected:?}"),
                Some(says) => {
                    let detail = detail.unwrap_or_default();
                    assert!(detail.contains(says), "{matching:?} {expected:?}: {detail}");
                }
            }
        }
    }

    #[test]
    fn an_answer_must_live_as_long_as_it_is_told_and_no_longer() {
        let two = addresses(&[1, 2]);
        let judged = |ttl_min, ttl_max| {
            failure(&DnsAsk { ttl_min, ttl_max, ..ask("noerror", &[]) }, ResponseCode::NoError, &two)
        };
        assert_eq!(judged(Some(61), Some(62)), None);
        assert_eq!(judged(Some(62), None), Some(Failure::WrongAnswer), "each answer counts");
        assert_eq!(judged(None, Some(61)), Some(Failure::WrongAnswer));
    }

    #[test]
    fn a_flag_that_is_missing_is_told_with_its_meaning() {
        let flagged = DnsAsk { expect_flags: DnsFlag::ALL.to_vec(), ..ask("noerror", &[]) };
        let mut answer = message(ResponseCode::NoError, &addresses(&[1]));
        answer.metadata.authoritative = true;
        let fault = judge(&flagged, RecordType::A, &reply(answer.clone())).expect_err("two are missing");
        assert!(fault.detail.contains("the flag ra (the server does not look further for us); it has aa"));
        answer.metadata.recursion_available = true;
        answer.metadata.authentic_data = true;
        assert_eq!(judge(&flagged, RecordType::A, &reply(answer)), Ok(()));
    }

    #[test]
    fn only_the_names_own_records_are_answers_or_those_of_its_alias() {
        let name = |text: &str| Name::from_ascii(text).expect("a name");
        let address =
            |owner: &str, last| Record::from_rdata(name(owner), 60, RData::A(rdata::A::new(192, 0, 2, last)));
        let alias =
            |owner: &str, of: &str| Record::from_rdata(name(owner), 60, RData::CNAME(rdata::CNAME(name(of))));
        let own = ask("noerror", &["192.0.2.7"]);
        let judged = |answers: &[Record]| failure(&own, ResponseCode::NoError, answers);
        assert_eq!(judged(&[address("evil.example.", 7)]), Some(Failure::NoAnswer), "somebody else's");
        assert_eq!(judged(&[address("ACCURX.example.", 7)]), None, "case is no difference");
        let chain = [
            address("edge.cdn.example.", 7),
            alias("cdn.example.", "edge.cdn.example."),
            alias("accurx.example.", "cdn.example."),
        ];
        assert_eq!(judged(&chain), None, "in any order");
        assert_eq!(judged(&chain[..2]), Some(Failure::NoAnswer), "the chain is broken");
        let circle = [alias("accurx.example.", "b.example."), alias("b.example.", "accurx.example.")];
        assert_eq!(judged(&circle), Some(Failure::NoAnswer));
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
    fn a_server_that_does_not_do_edns_is_told_apart_from_one_that_finds_fault_with_the_question() {
        let ask = DnsAsk { edns_size: Some(1232), ..ask("noerror", &[]) };
        let mut answer = message(ResponseCode::FormErr, &[]);
        let detail = |answer: &Message| {
            judge(&ask, RecordType::A, &reply(answer.clone())).expect_err("an error").detail
        };
        assert!(detail(&answer).contains("does not do EDNS") && detail(&answer).contains("`edns_size`"));
        answer.set_edns(Edns::new());
        assert_eq!(detail(&answer), "the name server answers formerr for accurx.example");
    }

    #[test]
    fn why_is_told_with_what() {
        let mut edns = Edns::new();
        edns.options_mut().insert(EdnsOption::Unknown(15, b"\0\x16".to_vec()));
        let mut answer = message(ResponseCode::ServFail, &[]);
        answer.set_edns(edns);
        let fault = judge(&ask("noerror", &[]), RecordType::A, &reply(answer)).expect_err("a failure");
        assert_eq!(fault.failure, Failure::Servfail);
        assert!(fault.detail.contains("no reachable authority (22)"), "{}", fault.detail);
    }

    #[test]
    fn answers_compare_as_zone_files_mean_them() {
        assert_eq!(comparable("2001:DB8:0::1"), comparable("2001:db8::1"));
        assert_eq!(comparable("10  MX.Example."), comparable("10 mx.example"));
        assert_eq!(comparable("\"v=spf1 -all\""), comparable("v=spf1 -all"));
    }
}
