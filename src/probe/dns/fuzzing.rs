//! The fuzz target of name servers' answers: from the bytes to the verdict.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use super::message::{Manner, Question, Reading};
use super::{Reply, judge, note, reason};
use crate::estate::{DnsAsk, DnsFlag, HostPort, Matching};
use crate::fuzzing::choice;
use crate::probe::fuzzing::{end, trail};

const NAME: &str = "accurx.example";
const ADDRESS: &str = "192.0.2.1";

/// The first byte chooses what is expected. The question has the id 0 and asks for the address of `accurx.example`.
pub(crate) fn dns(bytes: &[u8]) {
    let (how, bytes) = choice(bytes);
    let matchings = [Matching::Any, Matching::All, Matching::None, Matching::Pattern];
    let expects = how & 4 != 0;
    let ask = DnsAsk {
        expect_rcode: if how & 8 != 0 { "nxdomain" } else { "noerror" }.to_owned(),
        expect_answers: if expects { vec![ADDRESS.to_owned()] } else { Vec::new() },
        matching: matchings[usize::from(how & 3)],
        ttl_min: (how & 16 != 0).then_some(60),
        ttl_max: (how & 32 != 0).then_some(3600),
        expect_flags: if how & 64 != 0 { DnsFlag::ALL.to_vec() } else { Vec::new() },
        edns_size: (how & 128 != 0).then_some(1232),
        ..DnsAsk::new(HostPort { host: "127.0.0.1".to_owned(), port: 53 }, NAME, "A")
    };
    let manner = Manner { edns_size: ask.edns_size, no_id: true, ..Manner::PLAIN };
    let Ok(question) = Question::new(NAME, RecordType::A, manner) else { return };
    let Reading::Reply(message) = question.read(bytes) else { return };
    assert_eq!(message.metadata.id, 0);
    let echoed =
        message.queries.iter().all(|query| query.name().to_string().eq_ignore_ascii_case("accurx.example."));
    assert!(echoed && message.queries.len() <= 1, "{message:?}");

    let trail = trail();
    let reply = Reply::new(*message, false, &question.query);
    note(&ask, &reply, &trail);
    let verdict = judge::judge(&ask, RecordType::A, &reply);
    let _: bool = reason::explains(&reason::all(&reply.message));
    if verdict.is_ok() {
        accepted(&ask, &reply, expects);
    }
    end(trail, verdict);
}

/// What is called right says what was asked for.
fn accepted(ask: &DnsAsk, reply: &Reply, expects: bool) {
    let message = &reply.message;
    if ask.expect_rcode == "nxdomain" {
        assert_eq!(message.metadata.response_code, ResponseCode::NXDomain);
        return;
    }
    assert_eq!(message.metadata.response_code, ResponseCode::NoError);
    let addresses: Vec<_> = message.answers.iter().filter(|a| a.record_type() == RecordType::A).collect();
    let is_there = addresses.iter().any(|answer| answer.data.to_string() == ADDRESS);
    let is_all = addresses.iter().all(|answer| answer.data.to_string() == ADDRESS);
    assert!(!addresses.is_empty());
    match ask.matching {
        _ if !expects => {}
        Matching::Any | Matching::All => assert!(is_there, "{message:?}"),
        Matching::None => assert!(!is_there, "{message:?}"),
        Matching::Pattern => assert!(is_all, "{message:?}"),
    }
    assert!(addresses.iter().all(|answer| ask.ttl_min.is_none_or(|min| answer.ttl >= min)));
    assert!(addresses.iter().all(|answer| ask.ttl_max.is_none_or(|max| answer.ttl <= max)));
}
