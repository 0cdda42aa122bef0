//! What is asked and read beside the answer itself: flags, times to live, EDNS, reasons; names that must not exist; a
//! second name server; and which of name server and upstream failed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use linewatch::estate::{Ask, DnsAsk, DnsCompare, DnsFlag, Matching};
use linewatch::observation::{Failure, Phase};
use linewatch::probe::Answer;

use super::dns::{question, reply, with};
use super::{LONG, ask, detail, failed, host_port, servers};

/// Patience with a server that will never answer, and time enough to look whether it is alive.
const MIDDLING: Duration = Duration::from_secs(1);

async fn asked(question: DnsAsk) -> Answer {
    ask(Ask::Dns(question), LONG).await
}

/// The name that a question is for, without the length bytes: `\u{6}accurx\u{7}example` as `.accurx.example`.
fn name(query: &[u8]) -> String {
    let mut name = String::new();
    let mut at = 12;
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        name += ".";
        name += std::str::from_utf8(&query[at + 1..end]).expect("ASCII");
        at = end;
    }
    name
}

/// Bytes of a question without EDNS: header, name, type and class.
fn bare(query: &[u8]) -> usize {
    12 + name(query).len() + 1 + 4
}

/// A reply to a question with or without EDNS, itself without, for this address.
pub fn addressed(query: &[u8], last: u8) -> Vec<u8> {
    let mut plain = query[..bare(query)].to_vec();
    plain[11] = 0;
    with(reply(&plain, 0), |bytes| *bytes.last_mut().expect("an address") = last)
}

/// A reply of this code, with EDNS of 1400 bytes and this option 15.
pub fn reasoned(query: &[u8], rcode: u8, reason: &[u8]) -> Vec<u8> {
    let mut plain = query[..bare(query)].to_vec();
    plain[11] = 0;
    with(reply(&plain, rcode), |bytes| {
        bytes[11] = 1;
        let length = u8::try_from(reason.len()).expect("short");
        let options = if reason.is_empty() { 0 } else { length + 4 };
        // The root, type OPT, size 1400, no extended code, version, or flags.
        bytes.extend([0, 0, 41, 0x05, 0x78, 0, 0, 0, 0, 0, options]);
        if !reason.is_empty() {
            bytes.extend([0, 15, 0, length]);
            bytes.extend(reason);
        }
    })
}

#[tokio::test]
async fn the_facts_tell_flags_time_to_live_and_edns() {
    let sizes = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&sizes);
    let server = servers::udp(move |query, _| {
        let opt = &query[bare(query)..];
        assert_eq!(opt[..3], [0, 0, 41], "an OPT record");
        seen.store(u32::from(u16::from_be_bytes([opt[3], opt[4]])), Ordering::SeqCst);
        assert_eq!(query[3] & 0x20, 0x20, "whoever wants `ad` says so");
        vec![with(reasoned(query, 0, b""), |bytes| {
            bytes[2] |= 0x04;
            bytes[3] |= 0x20;
        })]
    })
    .await;
    let mut asking = question(server);
    asking.edns_size = Some(1232);
    asking.expect_flags = DnsFlag::ALL.to_vec();
    asking.ttl_min = Some(60);
    asking.ttl_max = Some(60);
    let answer = asked(asking.clone()).await;
    assert!(answer.ok, "{answer:?}");
    assert_eq!(sizes.load(Ordering::SeqCst), 1232);
    assert_eq!(answer.facts.flags, ["aa", "rd", "ra", "ad"]);
    assert_eq!(answer.facts.ttl, Some(60));
    assert_eq!(answer.facts.edns.and_then(|edns| edns.size), Some(1400));

    asking.ttl_min = Some(61);
    let answer = asked(asking).await;
    assert_eq!(failed(&answer), (Some(Failure::WrongAnswer), Some(Phase::Dns)));
    assert_eq!(detail(&answer), "A of accurx.example lives for 60 s more, and `ttl_min` is 61 s");
}

#[tokio::test]
async fn a_missing_flag_is_a_wrong_answer() {
    let server = servers::udp(|query, _| vec![reply(query, 0)]).await;
    let mut asking = question(server);
    asking.expect_flags = vec![DnsFlag::Authentic];
    let answer = asked(asking).await;
    assert_eq!(failed(&answer), (Some(Failure::WrongAnswer), Some(Phase::Dns)));
    assert!(detail(&answer).contains("lacks the flag ad") && detail(&answer).contains("rd ra"), "{answer:?}");
}

#[tokio::test]
async fn all_none_and_patterns() {
    let server = servers::udp(|query, _| vec![reply(query, 0)]).await;
    for (matching, expected, fine) in [
        (Matching::All, &["192.0.2.1"][..], true),
        (Matching::All, &["192.0.2.1", "192.0.2.2"], false),
        (Matching::None, &["192.0.2.2"], true),
        (Matching::None, &["192.0.2.1"], false),
        (Matching::Pattern, &["192.0.2.*"], true),
        (Matching::Pattern, &["10.*"], false),
    ] {
        let mut asking = question(server);
        asking.matching = matching;
        asking.expect_answers = expected.iter().map(|&text| text.to_owned()).collect();
        let answer = asked(asking).await;
        assert_eq!(answer.failure, (!fine).then_some(Failure::WrongAnswer), "{matching:?} {expected:?}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_know_edns_is_told_plainly() {
    let old = servers::udp(|query, _| {
        vec![with(query[..12].to_vec(), |bytes| {
            bytes[2] |= 0x80;
            bytes[3] = 1;
            bytes[4..12].fill(0);
        })]
    })
    .await;
    let mut asking = question(old);
    asking.edns_size = Some(1232);
    let answer = asked(asking).await;
    assert_eq!(failed(&answer), (Some(Failure::Protocol), Some(Phase::Dns)));
    assert!(detail(&answer).contains("does not do EDNS: it answers formerr"), "{answer:?}");

    // One that passes over it has answered all the same.
    let deaf = servers::udp(|query, _| vec![addressed(query, 1)]).await;
    let mut asking = question(deaf);
    asking.edns_size = Some(1232);
    let answer = asked(asking).await;
    assert!(answer.ok, "{answer:?}");
    assert_eq!(answer.facts.edns.map(|edns| edns.size), Some(None));
}

#[tokio::test]
async fn a_server_that_says_why_is_quoted() {
    for (rcode, reason, failure, says) in [
        (
            2,
            &b"\0\x16timed out"[..],
            Failure::Servfail,
            "what it asks failed: no reachable authority (22): timed out",
        ),
        (2, b"\0\x17", Failure::Servfail, "is alive, and what it asks failed: network error (23)"),
        (3, b"\0\x0f", Failure::Nxdomain, "blocks the name on purpose: blocked (15)"),
        (5, b"\0\x10", Failure::DnsRefused, "blocks the name on purpose: censored (16)"),
    ] {
        let server = servers::udp(move |query, _| {
            assert!(!name(query).contains("localhost"), "nothing more needs to be asked");
            vec![reasoned(query, rcode, reason)]
        })
        .await;
        let mut asking = question(server);
        asking.edns_size = Some(1232);
        let answer = asked(asking).await;
        assert_eq!(failed(&answer), (Some(failure), Some(Phase::Dns)));
        assert!(detail(&answer).contains(says), "{answer:?}");
        assert_eq!(answer.facts.reasons.len(), 1);
    }
}

#[tokio::test]
async fn a_servfail_tells_whose_it_is() {
    let upstream = servers::udp(|query, _| {
        let is_own = name(query) == ".localhost";
        assert_eq!(query[2] & 1, u8::from(!is_own), "about itself it has no leave to ask others");
        vec![reply(query, if is_own { 0 } else { 2 })]
    })
    .await;
    let answer = asked(question(upstream)).await;
    assert_eq!(failed(&answer), (Some(Failure::Servfail), Some(Phase::Dns)));
    assert!(detail(&answer).ends_with("it is alive, and those whom it asks have failed"), "{answer:?}");

    let broken = servers::udp(|query, _| vec![reply(query, 2)]).await;
    let answer = asked(question(broken)).await;
    assert_eq!(answer.failure, Some(Failure::Servfail));
    assert!(detail(&answer).ends_with("the name server itself has failed"), "{answer:?}");
}

#[tokio::test]
async fn a_silence_tells_whose_it_is() {
    let alive =
        servers::udp(|query, _| if name(query) == ".localhost" { vec![reply(query, 5)] } else { Vec::new() })
            .await;
    let answer = ask(Ask::Dns(question(alive)), MIDDLING).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::Dns)));
    let says = format!("no answer to the name query within 1 s; {alive} is alive");
    assert!(detail(&answer).starts_with(&says), "{answer:?}");

    let dead = servers::udp(|_, _| Vec::new()).await;
    let answer = ask(Ask::Dns(question(dead)), MIDDLING).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::Dns)));
    assert!(detail(&answer).ends_with("it is down, or the line to it"), "{answer:?}");
}

#[tokio::test]
async fn a_quick_answer_asks_nothing_further() {
    let questions = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&questions);
    let server = servers::udp(move |query, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        vec![reply(query, 0)]
    })
    .await;
    assert!(asked(question(server)).await.ok);
    assert_eq!(questions.load(Ordering::SeqCst), 1);
}

/// A name server that knows one name, and says this of all others.
async fn knowing_one(others: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    servers::udp(
        move |query, _| {
            if name(query) == ".accurx.example" { vec![reply(query, 0)] } else { others(query) }
        },
    )
    .await
}

fn testing(server: SocketAddr) -> DnsAsk {
    DnsAsk { hijack_under: Some("accurx.example".to_owned()), ..question(server) }
}

#[tokio::test]
async fn a_random_name_must_not_exist() {
    let honest = knowing_one(|query| vec![reply(query, 3)]).await;
    let answer = asked(testing(honest)).await;
    assert!(answer.ok, "{answer:?}");
    let told = answer.facts.random_name.expect("a random name");
    assert!(told.ends_with(".accurx.example: nxdomain"), "{told}");
}

#[tokio::test]
async fn who_answers_every_name_intercepts() {
    let hijacker = servers::udp(|query, _| vec![addressed(query, 66)]).await;
    let answer = asked(testing(hijacker)).await;
    assert_eq!(failed(&answer), (Some(Failure::Intercepted), Some(Phase::Dns)));
    assert!(
        detail(&answer).ends_with(".accurx.example does not exist, and the answer for it is A 192.0.2.66")
    );

    // That the answer itself is wrong is the same hijacker's doing.
    let mut expecting = testing(hijacker);
    expecting.expect_answers = vec!["192.0.2.1".to_owned()];
    assert_eq!(asked(expecting).await.failure, Some(Failure::Intercepted));
}

#[tokio::test]
async fn a_random_name_that_cannot_be_found_out_shows_what_a_cache_hides() {
    let cached = knowing_one(|query| vec![reply(query, 2)]).await;
    let answer = asked(testing(cached)).await;
    assert_eq!(failed(&answer), (Some(Failure::Servfail), Some(Phase::Dns)));
    assert!(detail(&answer).contains("a random name is in no cache, as accurx.example may be"), "{answer:?}");

    let empty = knowing_one(|query| {
        vec![with(reply(query, 0), |bytes| {
            bytes[7] = 0;
            bytes.truncate(query.len());
        })]
    })
    .await;
    assert_eq!(asked(testing(empty)).await.failure, Some(Failure::WrongAnswer));

    let silent = knowing_one(|_| Vec::new()).await;
    let answer = ask(Ask::Dns(testing(silent)), MIDDLING).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::Dns)), "{answer:?}");
}

fn comparing(first: SocketAddr, second: SocketAddr, same: bool) -> DnsAsk {
    DnsAsk { compare: Some(DnsCompare { server: host_port(second), same }), ..question(first) }
}

#[tokio::test]
async fn one_name_inside_and_outside() {
    let inside = servers::udp(|query, _| vec![addressed(query, 10)]).await;
    let outside = servers::udp(|query, _| vec![addressed(query, 20)]).await;
    let nowhere = servers::udp(|query, _| vec![reply(query, 3)]).await;

    let answer = asked(comparing(inside, outside, false)).await;
    assert!(answer.ok, "{answer:?}");
    let second = answer.facts.second.expect("a second answer");
    assert_eq!((second.answers, second.failure), (vec!["A 192.0.2.20".to_owned()], None));
    assert!(asked(comparing(inside, nowhere, false)).await.ok, "that it isn't there is an answer, too");

    let answer = asked(comparing(inside, outside, true)).await;
    assert_eq!(failed(&answer), (Some(Failure::WrongAnswer), Some(Phase::Dns)));
    let says = format!("A of accurx.example is 192.0.2.10 at {inside}, but 192.0.2.20 at {outside}");
    assert_eq!(detail(&answer), says);

    let twin = servers::udp(|query, _| vec![addressed(query, 10)]).await;
    assert!(asked(comparing(inside, twin, true)).await.ok);
    let answer = asked(comparing(inside, twin, false)).await;
    assert_eq!(answer.failure, Some(Failure::WrongAnswer));
    assert!(detail(&answer).contains("192.0.2.10") && detail(&answer).contains("alike"), "{answer:?}");
}

#[tokio::test]
async fn the_seconds_outage_is_not_the_firsts() {
    let first = servers::udp(|query, _| vec![addressed(query, 10)]).await;
    let silent = servers::udp(|_, _| Vec::new()).await;
    let broken = servers::udp(|query, _| vec![reply(query, 2)]).await;
    let closed = servers::ClosedUdp::new().await;
    for (second, failure) in
        [(silent, Failure::Timeout), (broken, Failure::Servfail), (closed.address, Failure::Refused)]
    {
        for same in [true, false] {
            let answer = asked(comparing(first, second, same)).await;
            assert!(answer.ok, "{answer:?}");
            assert!(answer.ms < LONG.as_secs_f64() * 500.0, "the second isn't waited for: {answer:?}");
            let told = answer.facts.second.expect("a second answer");
            assert_eq!((told.failure, told.server), (Some(failure), second.to_string()));
        }
    }
}

#[tokio::test]
async fn when_the_first_fails_the_second_is_told_beside_it() {
    let first = servers::udp(|query, _| vec![reply(query, 3)]).await;
    let good = servers::udp(|query, _| vec![addressed(query, 20)]).await;
    let broken = servers::udp(|query, _| vec![reply(query, 5)]).await;
    let answer = asked(comparing(first, good, true)).await;
    assert_eq!(failed(&answer), (Some(Failure::Nxdomain), Some(Phase::Dns)));
    assert!(detail(&answer).ends_with(&format!("the second name server, {good}, answers: 192.0.2.20")));
    let answer = asked(comparing(first, broken, true)).await;
    assert!(detail(&answer).ends_with(&format!("{broken}, fails as well: dns_refused")), "{answer:?}");

    let silent = servers::udp(|_, _| Vec::new()).await;
    let answer = ask(Ask::Dns(comparing(silent, good, true)), MIDDLING).await;
    assert_eq!(failed(&answer), (Some(Failure::Timeout), Some(Phase::Dns)));
    assert!(detail(&answer).ends_with("answers: 192.0.2.20"), "{answer:?}");
}
