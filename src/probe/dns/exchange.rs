//! One question and its answer over sockets: UDP first, TCP when the answer was cut short; or TCP, TLS or HTTPS from
//! the beginning.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use hyper::StatusCode;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::message::{Manner, Question, Reading};
use super::reply::Reply;
use crate::estate::{DnsTransport, TlsPeer};
use crate::limits::{PROBE_DNS_STRAYS_MAX, PROBE_DNS_UDP_BYTES_MAX};
use crate::observation::{Failure, Phase};
use crate::probe::fault::{Fault, one_line};
use crate::probe::http;
use crate::probe::socket;
use crate::probe::strays::Strays;
use crate::probe::talk::Tools;
use crate::probe::tls::{self, HTTP_ANY, Hello, TlsOverTcp};
use crate::probe::trail::Trail;

/// The media type of DNS over HTTPS, for question and answer.
const MEDIA_TYPE: &str = "application/dns-message";

/// The way to one name server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) server: SocketAddr,
    /// The host as it stands in the estate file: what a certificate is for unless the probe says otherwise.
    pub(super) host: &'a str,
    pub(super) transport: &'a DnsTransport,
    pub(super) source: Option<IpAddr>,
    pub(super) tools: &'a Tools<'a>,
}

/// Asks one question of one server over UDP, in the manner of a stub resolver: for the look-ups of other checks.
pub(in crate::probe) async fn query(
    server: SocketAddr,
    name: &str,
    record: RecordType,
    source: Option<IpAddr>,
    trail: &Trail,
) -> Result<Reply, Fault> {
    trail.note(|facts| facts.peer = Some(server));
    datagram_first(&Question::new(name, record, Manner::PLAIN)?, server, source, trail).await
}

/// Asks one question on its way, which leaves its phases. Bytes that don't answer it are passed over; the check's
/// deadline bounds the wait.
pub(super) async fn put(question: &Question, way: &Way<'_>, trail: &Trail) -> Result<Reply, Fault> {
    let Way { server, source, .. } = *way;
    trail.note(|facts| facts.peer = Some(server));
    let message = match way.transport {
        DnsTransport::Udp => {
            trail.enter(Phase::Dns);
            return datagram_first(question, server, source, trail).await;
        }
        DnsTransport::Tcp => {
            trail.enter(Phase::Connect);
            let stream = socket::connect(&[server], source, trail).await?;
            trail.enter(Phase::Dns);
            framed(question, stream, server, "TCP").await?
        }
        // Much larger futures than those of the plain ways; boxed, they don't make them as large.
        DnsTransport::Tls(tls) => Box::pin(over_tls(question, way, tls, trail)).await?,
        DnsTransport::Https { tls, path } => Box::pin(posted(question, way, tls, path, trail)).await?,
    };
    Ok(Reply::new(message, false, &question.query))
}

async fn datagram_first(
    question: &Question,
    server: SocketAddr,
    source: Option<IpAddr>,
    trail: &Trail,
) -> Result<Reply, Fault> {
    if let Some(message) = over_udp(question, server, source, trail).await? {
        return Ok(Reply::new(message, false, &question.query));
    }
    // Many firewalls let the one through and not the other.
    let cut = format!("the answer of {server} over UDP was cut short, and over TCP");
    trail.awaits(format!("{cut} the connection was not made"));
    let over_tcp = async {
        let stream = socket::connect(&[server], source, trail).await?;
        trail.awaits(format!("{cut} none came"));
        framed(question, stream, server, "TCP").await
    };
    match over_tcp.await {
        Ok(message) => Ok(Reply::new(message, true, &question.query)),
        Err(fault) => Err(Fault { detail: one_line(&format!("{cut}: {}", fault.detail)), ..fault }),
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
    let mut strays = Strays::up_to(PROBE_DNS_STRAYS_MAX);
    loop {
        let Some(received) = strays.or_next(&socket, &mut buffer, trail).await else {
            return Err(strays.only(Failure::Timeout, server));
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
                if strays.pass(why) {
                    return Err(strays.only(Failure::Protocol, server));
                }
            }
        }
    }
}

/// Over a connection that stands, each message behind its length. `over` is what people call the connection.
async fn framed<S: AsyncRead + AsyncWrite + Unpin>(
    question: &Question,
    mut stream: S,
    server: SocketAddr,
    over: &str,
) -> Result<Message, Fault> {
    let asking = |error: &_| Fault::io(error, &format!("asking the name server {server} over {over}"));
    let length = u16::try_from(question.bytes.len())
        .map_err(|_| Fault::local("the question is too long for DNS over TCP"))?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(&question.bytes);
    stream.write_all(&framed).await.map_err(|error| asking(&error))?;
    stream.flush().await.map_err(|error| asking(&error))?;
    // The length is 16 bits, so 64 KiB bound the answer.
    let length = stream.read_u16().await.map_err(|error| asking(&error))?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await.map_err(|error| asking(&error))?;
    whole(question, &answer, server, over)
}

/// On a connection there are no strays: whatever comes is this server's answer.
fn whole(question: &Question, answer: &[u8], server: SocketAddr, over: &str) -> Result<Message, Fault> {
    let how = match question.read(answer) {
        Reading::Reply(message) => return Ok(*message),
        Reading::Truncated => format!("it is cut short over {over}, too"),
        Reading::Stray(why) => why.to_owned(),
        Reading::Broken(how) => how,
    };
    Err(Fault::new(Failure::Protocol, format!("the answer of {server} over {over} is malformed: {how}")))
}

/// Connects, and makes TLS of it by the same code as `https` checks, so that the same things have the same words.
async fn encrypted(
    way: &Way<'_>,
    peer: &TlsPeer,
    alpn: &[&[u8]],
    trail: &Trail,
) -> Result<TlsOverTcp, Fault> {
    trail.enter(Phase::Connect);
    let stream = socket::connect(&[way.server], way.source, trail).await?;
    trail.enter(Phase::Tls);
    let hello = Hello { protocols: alpn, speaks_first: true, ..Hello::to(peer, way.host) };
    Ok(tls::handshake(stream, &hello, way.tools, trail).await?.stream)
}

async fn over_tls(
    question: &Question,
    way: &Way<'_>,
    tls: &TlsPeer,
    trail: &Trail,
) -> Result<Message, Fault> {
    // Nothing is offered within TLS: many servers know no word for DNS there, and some refuse those that they don't
    // know.
    let stream = encrypted(way, tls, &[], trail).await?;
    trail.enter(Phase::Dns);
    framed(question, stream, way.server, "TLS").await
}

/// Over HTTPS (RFC 8484). The phases are those of an `https` check; what the message then says belongs to `dns`.
async fn posted(
    question: &Question,
    way: &Way<'_>,
    tls: &TlsPeer,
    path: &str,
    trail: &Trail,
) -> Result<Message, Fault> {
    let stream = encrypted(way, tls, HTTP_ANY, trail).await?;
    let host = authority(tls.name_or(way.host), way.server.port());
    let answer = http::post(stream, &host, path, MEDIA_TYPE, question.bytes.clone(), trail).await?;
    // What is longer is no message (its length has 16 bits elsewhere), and would only take time to read.
    if answer.body.len() > usize::from(u16::MAX) {
        let said = format!("the answer of https://{host}{path} is longer than any DNS message");
        return Err(Fault::new(Failure::Protocol, said).in_phase(Phase::Dns));
    }
    if answer.status != StatusCode::OK {
        let said = format!("the name server at https://{host}{path} answers {}", answer.status);
        return Err(Fault::new(Failure::Status, said).in_phase(Phase::FirstByte));
    }
    let media_type = answer.media_type.unwrap_or_default();
    let bare = media_type.split(';').next().unwrap_or_default().trim();
    if !bare.eq_ignore_ascii_case(MEDIA_TYPE) {
        let what = if bare.is_empty() { "of no media type".to_owned() } else { one_line(bare) };
        let said =
            format!("the answer of https://{host}{path} is {what}, and no DNS message; is `path` right?");
        return Err(Fault::new(Failure::Protocol, said).in_phase(Phase::Body));
    }
    whole(question, &answer.body, way.server, "HTTPS").map_err(|fault| fault.in_phase(Phase::Dns))
}

/// As the header `Host` has it: without the scheme's own port.
fn authority(host: &str, port: u16) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    if port == 443 { host } else { format!("{host}:{port}") }
}
