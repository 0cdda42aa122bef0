//! `sip` and `sips`: one OPTIONS (RFC 3261) over UDP, TCP or TLS.
//!
//! Over UDP it is asked once: a telephone would ask again after half a second, and hide the loss that is to be seen.
//! Any final answer that a server gives of itself shows that it is there; one that says that it can't (5xx, 6xx) or that
//! what is behind it doesn't answer (408) is a `status`.

use std::net::{IpAddr, SocketAddr};

use super::fault::{Fault, one_line};
#[cfg(any(fuzzing, test))]
use super::heard::Heard;
use super::nonce::nonce;
use super::socket;
use super::strays::Strays;
use super::talk::{Talk, Tools};
use super::tls;
use super::trail::Trail;
use crate::estate::SipAsk;
use crate::limits::{PROBE_STRAYS_MAX, PROBE_TALK_BYTES_MAX};
use crate::observation::{Failure, Phase};

/// What a deadline says when only a provisional answer has come.
const TRYING: &str = "no final answer came, only \"Trying\" or the like";

pub(super) async fn ask(
    ask: &SipAsk,
    source: Option<IpAddr>,
    tools: &Tools<'_>,
    trail: &Trail,
) -> Result<(), Fault> {
    let (answer, days_left) = if ask.tcp || ask.tls.is_some() {
        over_stream(ask, source, tools, trail).await?
    } else {
        (over_udp(ask, source, tools, trail).await?, None)
    };
    trail.rest();
    trail.note(|facts| {
        facts.status = Some(answer.status);
        facts.banner.clone_from(&answer.server);
        facts.seen_as = answer.seen_as;
    });
    if !is_fine(&ask.expect_status, answer.status) {
        let fault = Fault::new(Failure::Status, format!("the answer is {} {}", answer.status, answer.reason));
        return Err(fault.in_phase(Phase::FirstByte));
    }
    tls::days_suffice(ask.tls.as_ref().and_then(|tls| tls.certificate_days_min), days_left)
}

/// The question alone, as it goes over UDP.
pub(super) fn options(ask: &SipAsk, here: SocketAddr) -> String {
    Question::new(ask, "UDP", here).text
}

fn is_fine(expected: &[u16], status: u16) -> bool {
    if expected.is_empty() {
        (200..500).contains(&status) && status != 408
    } else {
        expected.contains(&status)
    }
}

async fn over_udp(
    ask: &SipAsk,
    source: Option<IpAddr>,
    tools: &Tools<'_>,
    trail: &Trail,
) -> Result<Answer, Fault> {
    let address = tools.lookup.address(&ask.target, source, trail).await?;
    trail.note(|facts| facts.peer = Some(address));
    trail.enter(Phase::Send);
    let socket = socket::datagrams(address, source).await?;
    let failed = |error: &_| Fault::io(error, &format!("asking {address}"));
    let here = socket.local_addr().map_err(|error| failed(&error))?;
    let question = Question::new(ask, "UDP", here);
    socket.send(question.text.as_bytes()).await.map_err(|error| failed(&error))?;
    trail.enter(Phase::FirstByte);
    let mut buffer = vec![0; PROBE_TALK_BYTES_MAX];
    let mut strays = Strays::up_to(PROBE_STRAYS_MAX);
    let mut tries = false;
    loop {
        let Some(received) = strays.or_next(&socket, &mut buffer, trail).await else {
            // Who said that it tries is there; what else it said doesn't count.
            return Err(if tries { trail.too_late() } else { strays.only(Failure::Protocol, address) });
        };
        let length = received.map_err(|error| failed(&error))?;
        let passed_over = match question.read(buffer.get(..length).unwrap_or_default()) {
            Reading::Final(answer) => return Ok(answer),
            Reading::Provisional => {
                trail.awaits(TRYING);
                tries = true;
                "a provisional answer"
            }
            Reading::Stray(why) => why,
            Reading::Broken => return Err(no_sip()),
        };
        if strays.pass(passed_over) {
            return Err(strays.only(Failure::Protocol, address));
        }
    }
}

async fn over_stream(
    ask: &SipAsk,
    source: Option<IpAddr>,
    tools: &Tools<'_>,
    trail: &Trail,
) -> Result<(Answer, Option<i64>), Fault> {
    let mut talk = Talk::open(&ask.target, source, tools, trail).await?;
    if let Some(tls) = &ask.tls {
        talk = talk.secure(&ask.target, tls, tools, trail).await?;
    }
    trail.enter(Phase::Send);
    let question = Question::new(ask, if ask.tls.is_some() { "TLS" } else { "TCP" }, talk.here()?);
    talk.say(question.text.as_bytes()).await?;
    trail.enter(Phase::FirstByte);
    for _ in 0..PROBE_STRAYS_MAX {
        let head = talk.hear_head(b"\r\n\r\n").await?;
        let reading = question.read(&head);
        if let Reading::Final(answer) = reading {
            return Ok((answer, talk.days_left));
        }
        match reading {
            Reading::Broken => return Err(no_sip()),
            Reading::Provisional => trail.awaits(TRYING),
            Reading::Stray(_) | Reading::Final(_) => {}
        }
        // What it says besides must not be taken for the next head.
        let body = content_length(&String::from_utf8_lossy(&head));
        if body > PROBE_TALK_BYTES_MAX {
            return Err(no_sip());
        }
        talk.hear_exactly(body).await?;
    }
    Err(Fault::new(Failure::Protocol, format!("{PROBE_STRAYS_MAX} answers came and no final one")))
}

fn no_sip() -> Fault {
    Fault::new(Failure::Protocol, "what answers is no SIP server")
}

/// An OPTIONS on its way.
struct Question {
    text: String,
    call_id: String,
}

/// A final answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    status: u16,
    reason: String,
    server: Option<String>,
    /// Where the server saw the question come from.
    seen_as: Option<SocketAddr>,
}

#[derive(Debug, PartialEq, Eq)]
enum Reading {
    Final(Answer),
    /// "Trying" and the like: go on listening.
    Provisional,
    /// An answer to something else, or a question of the server's own: which it is.
    Stray(&'static str),
    Broken,
}

impl Question {
    fn new(ask: &SipAsk, transport: &str, here: SocketAddr) -> Self {
        let (branch, tag) = (nonce(), nonce());
        let call_id = format!("{:016x}@linewatch", nonce());
        let scheme = if ask.tls.is_some() { "sips" } else { "sip" };
        let target = &ask.target;
        let text = format!(
            "OPTIONS {scheme}:{target} SIP/2.0\r\n\
             Via: SIP/2.0/{transport} {here};branch=z9hG4bK{branch:016x};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <{scheme}:linewatch@{here}>;tag={tag:016x}\r\n\
             To: <{scheme}:{target}>\r\n\
             Call-ID: {call_id}\r\n\
             CSeq: 1 OPTIONS\r\n\
             Contact: <{scheme}:linewatch@{here}>\r\n\
             Accept: application/sdp\r\n\
             User-Agent: linewatch\r\n\
             Content-Length: 0\r\n\r\n"
        );
        Self { text, call_id }
    }

    fn read(&self, bytes: &[u8]) -> Reading {
        let text = String::from_utf8_lossy(bytes);
        let first = text.lines().next().unwrap_or_default();
        // What keeps a firewall's or a router's door open (RFC 5626, 3.5.1).
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            return Reading::Stray("nothing but the ends of lines, as to keep a way open");
        }
        let Some(rest) = first.strip_prefix("SIP/2.0 ") else {
            // A server may ask something itself.
            let asks = first.ends_with(" SIP/2.0");
            return if asks { Reading::Stray("a question of its own") } else { Reading::Broken };
        };
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let Some(status) = status.parse::<u16>().ok().filter(|status| (100..700).contains(status)) else {
            return Reading::Broken;
        };
        if header(&text, "call-id", "i") != Some(self.call_id.as_str()) {
            return Reading::Stray("an answer to another question");
        }
        if status < 200 {
            return Reading::Provisional;
        }
        let server = header(&text, "server", "").or_else(|| header(&text, "user-agent", ""));
        Reading::Final(Answer {
            status,
            reason: one_line(reason),
            server: server.map(one_line),
            seen_as: header(&text, "via", "v").and_then(seen_as),
        })
    }
}

/// The first header of a name, in its long form or its short one.
fn header<'t>(text: &'t str, long: &str, short: &str) -> Option<&'t str> {
    text.lines().skip(1).take_while(|line| !line.is_empty()).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let name = name.trim();
        let named = name.eq_ignore_ascii_case(long) || !short.is_empty() && name.eq_ignore_ascii_case(short);
        named.then(|| value.trim())
    })
}

fn content_length(text: &str) -> usize {
    header(text, "content-length", "l").and_then(|length| length.parse().ok()).unwrap_or(0)
}

/// `received` and `rport` of a Via (RFC 3581): where the question came from, after address translation.
fn seen_as(via: &str) -> Option<SocketAddr> {
    let parameter = |wanted: &str| {
        via.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches(['[', ']']))
        })
    };
    Some(SocketAddr::new(parameter("received")?.parse().ok()?, parameter("rport")?.parse().ok()?))
}

/// The fuzz target: answers in datagrams, and one after the other over a connection.
#[cfg(any(fuzzing, test))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let question = Question { text: String::new(), call_id: "0123456789abcdef@linewatch".to_owned() };
    let see = |bytes: &[u8]| {
        let Reading::Final(answer) = question.read(bytes) else { return };
        assert!((200..700).contains(&answer.status), "{answer:?}");
        assert!(
            String::from_utf8_lossy(bytes).contains(&question.call_id),
            "an answer to somebody else: {answer:?}"
        );
        let trail = super::fuzzing::trail();
        trail.note(|facts| facts.banner.clone_from(&answer.server));
        super::fuzzing::end(trail, Err(Fault::new(Failure::Status, answer.reason)));
    };
    see(bytes);
    let mut heard = Heard::default();
    for piece in bytes.chunks(7) {
        heard.add(piece);
        heard.skip_line_ends();
        while let Some(head) = heard.take_to(b"\r\n\r\n") {
            see(&head);
            if heard.take(content_length(&String::from_utf8_lossy(&head))).is_none() {
                return;
            }
            heard.skip_line_ends();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::estate::HostPort;

    fn question() -> Question {
        let ask = SipAsk {
            target: HostPort { host: "127.0.0.1".to_owned(), port: 5060 },
            tcp: false,
            tls: None,
            expect_status: Vec::new(),
        };
        Question::new(&ask, "UDP", "127.0.0.1:40000".parse().expect("an address"))
    }

    fn answer(question: &Question, first: &str, more: &str) -> Vec<u8> {
        format!("{first}\r\ni: {}\r\n{more}\r\n", question.call_id).into_bytes()
    }

    #[test]
    fn a_final_answer_says_who_answers_and_where_the_question_came_from() {
        let question = question();
        let more = "v: SIP/2.0/UDP 127.0.0.1:40000;branch=z9hG4bK1;received=192.0.2.9;rport=1025\r\nServer: PBX 1\r\n";
        let Reading::Final(answer) = question.read(&answer(&question, "SIP/2.0 200 OK", more)) else {
            panic!("it is final");
        };
        assert_eq!((answer.status, answer.server.as_deref()), (200, Some("PBX 1")));
        assert_eq!(answer.seen_as, "192.0.2.9:1025".parse().ok());
    }

    #[test]
    fn trying_is_not_final_and_other_calls_are_none_of_ours() {
        let question = question();
        let read = |first: &str| question.read(&answer(&question, first, ""));
        assert_eq!(read("SIP/2.0 100 Trying"), Reading::Provisional);
        assert_eq!(read("HTTP/1.1 400 Bad Request"), Reading::Broken);
        assert_eq!(read("SIP/2.0 9999 Odd"), Reading::Broken);
        let is_stray = |reading| matches!(reading, Reading::Stray(_));
        assert!(is_stray(read("OPTIONS sip:linewatch SIP/2.0")));
        assert!(is_stray(question.read(b"SIP/2.0 200 OK\r\nCall-ID: other\r\n\r\n")));
        assert!(is_stray(question.read(b"\r\n\r\n")) && is_stray(question.read(b"")), "kept open");
    }

    #[test]
    fn a_server_that_refuses_strangers_is_there_and_one_that_can_not_is_not() {
        for (status, fine) in
            [(200, true), (401, true), (404, true), (408, false), (503, false), (603, false)]
        {
            assert_eq!(is_fine(&[], status), fine, "{status}");
        }
        assert!(is_fine(&[503], 503) && !is_fine(&[200], 401));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            fuzz(&bytes);
        }

        #[test]
        fn nor_do_changed_bytes_of_a_good_answer(
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let question = question();
            let more = "v: SIP/2.0/UDP 127.0.0.1;received=192.0.2.9;rport=1025\r\nl: 0\r\n";
            let mut bytes = answer(&question, "SIP/2.0 200 OK", more);
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            drop(question.read(&bytes));
            let _: usize = content_length(&String::from_utf8_lossy(&bytes));
        }
    }
}
