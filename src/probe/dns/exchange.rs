//! One question and its answer over sockets: UDP first, TCP when the answer was cut short.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::message::{Question, Reading};
use crate::limits::{PROBE_DNS_STRAYS_MAX, PROBE_DNS_UDP_BYTES_MAX};
use crate::observation::Failure;
use crate::probe::fault::Fault;
use crate::probe::socket;
use crate::probe::trail::Trail;

/// A name server's answer, whatever it says.
#[derive(Debug)]
pub(in crate::probe) struct Reply {
    pub(in crate::probe) message: Message,
    pub(in crate::probe) over_tcp: bool,
}

/// Asks one question of one server. Bytes that don't answer it are passed over; the check's deadline bounds the wait.
pub(in crate::probe) async fn query(
    server: SocketAddr,
    name: &str,
    record: RecordType,
    source: Option<IpAddr>,
    trail: &Trail,
) -> Result<Reply, Fault> {
    trail.note(|facts| facts.peer = Some(server));
    let question = Question::new(name, record)?;
    match over_udp(&question, server, source, trail).await? {
        Some(message) => Ok(Reply { message, over_tcp: false }),
        None => Ok(Reply { message: over_tcp(&question, server, source, trail).await?, over_tcp: true }),
    }
}

/// `None`: the answer was cut short.
async fn over_udp(
    question: &Question,
    server: SocketAddr,
    source: Option<IpAddr>,
    trail: &Trail,
) -> Result<Option<Message>, Fault> {
    let asking = || format!("asking the name server {server}");
    let socket = socket::datagrams(server, source).await?;
    socket.send(&question.bytes).await.map_err(|error| Fault::io(&error, &asking()))?;
    let mut buffer = vec![0; PROBE_DNS_UDP_BYTES_MAX];
    let mut strays = 0_u32;
    let mut last_stray = "";
    loop {
        // With strays to tell of, this gives up just before the deadline does, so that they are told.
        let received = if strays == 0 {
            socket.recv(&mut buffer).await
        } else {
            match tokio::time::timeout_at(trail.last_call(), socket.recv(&mut buffer)).await {
                Ok(received) => received,
                Err(_) => return Err(strays_only(Failure::Timeout, server, strays, last_stray)),
            }
        };
        let length = received.map_err(|error| Fault::io(&error, &asking()))?;
        match question.read(buffer.get(..length).unwrap_or_default()) {
            Reading::Reply(message) => return Ok(Some(*message)),
            Reading::Truncated => return Ok(None),
            Reading::Broken(how) => {
                return Err(Fault::new(
                    Failure::Protocol,
                    format!("the answer of {server} is malformed: {how}"),
                ));
            }
            Reading::Stray(why) => {
                strays += 1;
                last_stray = why;
                if strays == PROBE_DNS_STRAYS_MAX {
                    return Err(strays_only(Failure::Protocol, server, strays, last_stray));
                }
            }
        }
    }
}

fn strays_only(failure: Failure, server: SocketAddr, strays: u32, last: &str) -> Fault {
    let answers = if strays == 1 { "answer" } else { "answers" };
    Fault::new(failure, format!("{server} sent {strays} bad {answers} and no good one; the last: {last}"))
}

async fn over_tcp(
    question: &Question,
    server: SocketAddr,
    source: Option<IpAddr>,
    trail: &Trail,
) -> Result<Message, Fault> {
    let asking = |error: &_| Fault::io(error, &format!("asking the name server {server} over TCP"));
    let mut stream = socket::connect(&[server], source, trail).await?;
    let length = u16::try_from(question.bytes.len())
        .map_err(|_| Fault::local("the question is too long for DNS over TCP"))?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(&question.bytes);
    stream.write_all(&framed).await.map_err(|error| asking(&error))?;
    // The length is 16 bits, so 64 KiB bound the answer.
    let length = stream.read_u16().await.map_err(|error| asking(&error))?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await.map_err(|error| asking(&error))?;
    // On a connection there are no strays: whatever comes is this server's answer.
    let how = match question.read(&answer) {
        Reading::Reply(message) => return Ok(*message),
        Reading::Truncated => "it is cut short over TCP, too".to_owned(),
        Reading::Stray(why) => why.to_owned(),
        Reading::Broken(how) => how,
    };
    Err(Fault::new(Failure::Protocol, format!("the answer of {server} over TCP is malformed: {how}")))
}
