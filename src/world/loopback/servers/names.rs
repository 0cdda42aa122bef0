//! The name server: authoritative for every name that the estate's probes ask for, over UDP and TCP.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, NS, PTR, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use crate::estate::{Ask, Estate, Matching};
use crate::world::loopback::tasks::Tasks;
use crate::world::scenario::DnsAnswer;

/// How this name server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Manner {
    /// Answers what the probes expect.
    Honest,
    /// Answers everything with this failure.
    Failing(DnsAnswer),
    /// Knows no zone: every name's address is 127.0.0.1. For the hosts of URLs, which must never lead out of
    /// the machine, whatever another probe expects of the same name.
    Home,
}

/// What it knows.
#[derive(Debug, Default)]
pub struct Zone {
    /// By lower-case name without the last dot, and record type.
    known: BTreeMap<(String, RecordType), Known>,
}

#[derive(Debug, Clone)]
struct Known {
    rcode: ResponseCode,
    answers: Vec<RData>,
}

const TTL_SECONDS: u32 = 30;

impl Zone {
    /// What the estate's probes ask for and expect. Names that only `https` and `http` probes use aren't in
    /// it: every other name's address is 127.0.0.1.
    pub fn of(estate: &Estate) -> Self {
        let mut zone = Self::default();
        for probe in &estate.probes {
            let Ask::Dns(ask) = &probe.ask else { continue };
            let Ok(record) = RecordType::from_str(&ask.record) else { continue };
            let rcode = match ask.expect_rcode.to_ascii_lowercase().as_str() {
                "nxdomain" => ResponseCode::NXDomain,
                "servfail" => ResponseCode::ServFail,
                "refused" => ResponseCode::Refused,
                _ => ResponseCode::NoError,
            };
            // What must not be among the answers, and what is only a pattern, isn't one.
            let wanted = match ask.matching {
                Matching::Any | Matching::All => ask.expect_answers.as_slice(),
                Matching::None | Matching::Pattern => &[],
            };
            let mut answers: Vec<RData> = wanted.iter().filter_map(|text| rdata(record, text)).collect();
            if answers.is_empty() && rcode == ResponseCode::NoError {
                answers.extend(default_answer(record));
            }
            let key = (plain(&ask.name), record);
            // Two probes may expect different answers for one name: give both.
            let known = zone.known.entry(key).or_insert(Known { rcode, answers: Vec::new() });
            known.answers.extend(answers);
        }
        zone
    }

    /// The answer to one message; `None` when it isn't a question that can be answered at all.
    fn answer(&self, question: &[u8], manner: Manner) -> Option<Vec<u8>> {
        let asked = Message::from_vec(question).ok()?;
        if asked.metadata.message_type != MessageType::Query {
            return None;
        }
        let mut answer = Message::response(asked.metadata.id, asked.metadata.op_code);
        answer.metadata.recursion_desired = asked.metadata.recursion_desired;
        answer.metadata.recursion_available = true;
        answer.metadata.authoritative = true;
        let query = asked.queries.first()?.clone();
        let Known { rcode, answers } = self.known_as(&query, manner)?;
        answer.metadata.response_code = rcode;
        answer.add_answers(
            answers.into_iter().map(|data| Record::from_rdata(query.name().clone(), TTL_SECONDS, data)),
        );
        answer.add_query(query);
        answer.to_vec().ok()
    }

    /// `None`: it stays silent.
    fn known_as(&self, query: &Query, manner: Manner) -> Option<Known> {
        let failing = |rcode| Known { rcode, answers: Vec::new() };
        let home = || Known {
            rcode: ResponseCode::NoError,
            answers: match query.query_type() {
                RecordType::A => vec![RData::A(A(Ipv4Addr::LOCALHOST))],
                _ => Vec::new(),
            },
        };
        let honest = || {
            let key = (plain(&query.name().to_ascii()), query.query_type());
            self.known.get(&key).cloned().unwrap_or_else(home)
        };
        Some(match manner {
            Manner::Failing(DnsAnswer::Timeout) => return None,
            Manner::Failing(DnsAnswer::Servfail) => failing(ResponseCode::ServFail),
            Manner::Failing(DnsAnswer::Nxdomain) => failing(ResponseCode::NXDomain),
            Manner::Failing(DnsAnswer::Refused) => failing(ResponseCode::Refused),
            Manner::Home => home(),
            Manner::Honest => honest(),
        })
    }
}

/// Starts a name server with this zone on a free port, UDP and TCP alike.
pub fn start(tasks: &Tasks, zone: &Arc<Zone>, manner: Manner) -> io::Result<SocketAddr> {
    let (listener, socket) = super::pair()?;
    let address = listener.local_addr()?;
    tasks.spawn(datagrams(socket, Arc::clone(zone), manner));
    let zone = Arc::clone(zone);
    tasks.serve(listener, move |stream, _peer| streams(stream, Arc::clone(&zone), manner));
    Ok(address)
}

async fn datagrams(socket: UdpSocket, zone: Arc<Zone>, manner: Manner) {
    let mut buffer = [0; 4096];
    loop {
        // An error here is the echo of an answer that nobody waited for (a port unreachable).
        let Ok((length, peer)) = socket.recv_from(&mut buffer).await else { continue };
        if let Some(answer) = zone.answer(&buffer[..length], manner) {
            drop(socket.send_to(&answer, peer).await);
        }
    }
}

async fn streams(mut stream: TcpStream, zone: Arc<Zone>, manner: Manner) {
    let mut question = Vec::new();
    while let Ok(length) = stream.read_u16().await {
        question.resize(usize::from(length), 0);
        if stream.read_exact(&mut question).await.is_err() {
            return;
        }
        let Some(answer) = zone.answer(&question, manner) else { return };
        let Ok(length) = u16::try_from(answer.len()) else { return };
        let framed = [&length.to_be_bytes()[..], &answer].concat();
        if stream.write_all(&framed).await.is_err() {
            return;
        }
    }
}

fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn rdata(record: RecordType, text: &str) -> Option<RData> {
    // A name server's own names end with a dot; operators leave it out.
    let dotted;
    let text = match record {
        RecordType::CNAME | RecordType::NS | RecordType::PTR | RecordType::MX | RecordType::SRV
            if !text.ends_with('.') =>
        {
            dotted = format!("{text}.");
            &dotted
        }
        _ => text,
    };
    RData::try_from_str(record, text).ok()
}

/// An answer of the right type for a probe to which any will do.
fn default_answer(record: RecordType) -> Option<RData> {
    let host = Name::from_str("host.county.example.").ok()?;
    Some(match record {
        RecordType::A => RData::A(A(Ipv4Addr::LOCALHOST)),
        RecordType::AAAA => RData::AAAA(AAAA(Ipv6Addr::LOCALHOST)),
        RecordType::CNAME => RData::CNAME(CNAME(host)),
        RecordType::NS => RData::NS(NS(host)),
        RecordType::PTR => RData::PTR(PTR(host)),
        RecordType::MX => RData::MX(MX::new(10, host)),
        RecordType::TXT => RData::TXT(TXT::new(vec!["linewatch drill".to_owned()])),
        RecordType::SRV => rdata(record, "0 0 443 host.county.example")?,
        RecordType::SOA => {
            rdata(record, "host.county.example. hostmaster.county.example. 1 3600 600 86400 60")?
        }
        _ => return None,
    })
}
