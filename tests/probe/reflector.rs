//! The reflector as it stands on the open internet: who gets an answer, how large, how often; and who gets none.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use linewatch::estate::SharedSecret;
use linewatch::limits::{
    REFLECTOR_CLOCK_SKEW_MAX, REFLECTOR_FRAME_BYTES_MAX, REFLECTOR_STRANGERS_PER_SOURCE_MAX,
};
use linewatch::reflector::frame::{ANSWER_BYTES, Answer, Key, Kind, Nonce, Says, Unsigned, read_refusal};
use linewatch::reflector::ports::{Port, Transport};
use linewatch::reflector::{Counted, Counters, Options, Reflector};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio_util::sync::CancellationToken;

use super::LONG;

/// A reflector under test; it stops with the test's runtime.
pub struct Running {
    pub ip: Ipv4Addr,
    pub tcp: Vec<u16>,
    pub udp: Vec<u16>,
    counters: Arc<Counters>,
}

pub fn secret() -> SharedSecret {
    SharedSecret::new("correct horse battery staple").expect("a secret")
}

/// Listens on so many free ports of a loopback address.
pub async fn start(ip: [u8; 4], tcp: usize, udp: usize, per_second_max: u32) -> Running {
    let ip = Ipv4Addr::from(ip);
    let options = Options {
        listen: IpAddr::V4(ip),
        tcp: vec![0; tcp],
        udp: vec![0; udp],
        secret: secret(),
        per_second_max,
    };
    let reflector = Reflector::bind(&options).await.expect("free ports");
    let of = |transport| {
        let ports = reflector.ports().into_iter().filter(move |port| port.transport == transport);
        ports.map(|port| port.number).collect::<Vec<_>>()
    };
    let running =
        Running { ip, tcp: of(Transport::Tcp), udp: of(Transport::Udp), counters: reflector.counters() };
    tokio::spawn(reflector.serve(CancellationToken::new()));
    running
}

impl Running {
    fn tcp_at(&self) -> SocketAddr {
        SocketAddr::from((self.ip, self.tcp[0]))
    }

    async fn udp_client(&self) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        socket.connect((self.ip, self.udp[0])).await.expect("addressed");
        socket
    }

    /// What was counted, once it satisfies.
    pub async fn counted(&self, satisfies: impl Fn(&Counted) -> bool) -> Counted {
        let wait = async {
            loop {
                let counted = self.counters.now();
                if satisfies(&counted) {
                    return counted;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, wait).await.expect("it was counted")
    }
}

fn key() -> Key {
    Key::new(&secret())
}

pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}

fn question(nonce: u8, clock: u64) -> Vec<u8> {
    key().question(Kind::Short, [nonce; 16], clock, &[], 0)
}

/// The next datagram's nonce and length. Loopback keeps the order, so whatever was answered before it was read.
async fn next(socket: &UdpSocket) -> (Nonce, usize) {
    let mut buffer = vec![0; 16 * 1024];
    let received = tokio::time::timeout(LONG, socket.recv(&mut buffer)).await.expect("an answer");
    let bytes = received.expect("received");
    (key().read_answer(&buffer[..bytes]).expect("an answer of ours").nonce, bytes)
}

async fn asked_over(stream: &mut TcpStream, question: &[u8]) -> Answer {
    stream.write_all(question).await.expect("asked");
    let mut answer = [0; ANSWER_BYTES];
    stream.read_exact(&mut answer).await.expect("answered");
    key().read_answer(&answer).expect("an answer of ours")
}

#[tokio::test]
async fn a_datagram_of_a_stranger_gets_nothing() {
    let server = start([127, 0, 0, 1], 0, 1, 500).await;
    let socket = server.udp_client().await;
    let stranger = Key::new(&SharedSecret::new("incorrect horse battery").expect("a secret"));
    let old = now() - REFLECTOR_CLOCK_SKEW_MAX.as_secs() - 60;
    let mut changed = question(3, now());
    changed[40] ^= 1;
    let none = [
        vec![],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0; REFLECTOR_FRAME_BYTES_MAX + 500],
        stranger.question(Kind::Full, [2; 16], now(), &[], 1400),
        changed,
        question(4, old),
        question(5, now())[..100].to_vec(),
    ];
    for datagram in &none {
        socket.send(datagram).await.expect("sent");
    }
    socket.send(&question(9, now())).await.expect("sent");
    assert_eq!(next(&socket).await.0, [9; 16], "only the true question is answered");
    let counted = server.counted(|counted| counted.answered_udp == 1).await;
    assert_eq!((counted.malformed, counted.forged, counted.untimely), (4, 2, 1), "{counted}");
}

#[tokio::test]
async fn no_answer_is_larger_than_its_question() {
    let server = start([127, 0, 0, 1], 0, 1, 500).await;
    let socket = server.udp_client().await;
    for (nonce, (kind, bytes)) in [
        (Kind::Short, 0),
        (Kind::Full, 0),
        (Kind::Short, 1472),
        (Kind::Full, 1472),
        (Kind::Full, REFLECTOR_FRAME_BYTES_MAX),
    ]
    .into_iter()
    .enumerate()
    {
        let nonce = [u8::try_from(nonce).expect("few"); 16];
        let question = key().question(kind, nonce, now(), &[Port::udp(53); 64], bytes);
        socket.send(&question).await.expect("sent");
        let (answered, bytes) = next(&socket).await;
        assert_eq!(answered, nonce);
        assert!(bytes <= question.len(), "{bytes} for {}", question.len());
        assert!(kind == Kind::Short || bytes == question.len());
    }
}

#[tokio::test]
async fn a_recorded_question_is_answered_once() {
    let server = start([127, 0, 0, 1], 1, 1, 500).await;
    let socket = server.udp_client().await;
    let recorded = question(1, now());
    for datagram in [&recorded, &recorded, &recorded, &question(2, now())] {
        socket.send(datagram).await.expect("sent");
    }
    assert_eq!((next(&socket).await.0, next(&socket).await.0), ([1; 16], [2; 16]));
    let mut stream = TcpStream::connect(server.tcp_at()).await.expect("connected");
    stream.write_all(&recorded).await.expect("sent");
    assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)), "nor over TCP");
    assert_eq!(server.counted(|counted| counted.repeated == 3).await.answered_udp, 2);
}

#[tokio::test]
async fn an_old_recording_is_told_the_time_once() {
    let server = start([127, 0, 0, 1], 1, 0, 500).await;
    let recorded = question(1, now() - 3600);
    let mut first = TcpStream::connect(server.tcp_at()).await.expect("connected");
    assert_eq!(asked_over(&mut first, &recorded).await.says, Says::Untimely);
    let mut again = TcpStream::connect(server.tcp_at()).await.expect("connected");
    again.write_all(&recorded).await.expect("sent");
    assert!(matches!(again.read(&mut [0]).await, Ok(0) | Err(_)), "and no second time");
    assert_eq!(server.counted(|counted| counted.repeated == 1).await.answered_tcp, 1);
}

/// What a check convicts nobody of: it is told that there are too many, or that its secret is another one.
#[tokio::test]
async fn connections_above_the_rate_are_told_so() {
    let server = start([127, 0, 0, 1], 1, 0, 1).await;
    // A source may have one at once.
    let mut first = TcpStream::connect(server.tcp_at()).await.expect("connected");
    assert!(matches!(asked_over(&mut first, &question(1, now())).await.says, Says::Saw(_)));
    let mut second = TcpStream::connect(server.tcp_at()).await.expect("connected");
    assert_eq!(asked_over(&mut second, &question(2, now())).await.says, Says::Busy);
    assert!(matches!(second.read(&mut [0]).await, Ok(0) | Err(_)), "and let go of");

    let stranger = Key::new(&SharedSecret::new("incorrect horse battery").expect("a secret"));
    let asked = stranger.question(Kind::Short, [3; 16], now(), &[], 0);
    let server = start([127, 0, 0, 1], 1, 0, 500).await;
    let mut stream = TcpStream::connect(server.tcp_at()).await.expect("connected");
    stream.write_all(&asked).await.expect("sent");
    let mut told = Vec::new();
    stream.read_to_end(&mut told).await.expect("told, and let go of");
    assert_eq!(read_refusal(&told, &[3; 16]), Some(Unsigned::Foreign));
    assert!(told.len() < asked.len(), "nothing is amplified");
    assert_eq!(read_refusal(&told, &[4; 16]), None, "to that question alone");
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_over_tcp_and_the_connection_ends() {
    let server = start([127, 0, 0, 1], 1, 0, 500).await;
    let mut stream = TcpStream::connect(server.tcp_at()).await.expect("connected");
    let answer = asked_over(&mut stream, &question(1, now() - 3600)).await;
    assert!(answer.says == Says::Untimely && answer.clock.abs_diff(now()) < 60, "{answer:?}");
    assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)), "no connection to keep for a recording");
}

#[tokio::test]
async fn the_source_and_the_ports_are_told() {
    let server = start([127, 0, 0, 1], 1, 0, 500).await;
    let mut stream = TcpStream::connect(server.tcp_at()).await.expect("connected");
    let ports = [Port::tcp(server.tcp[0]), Port::udp(server.tcp[0])];
    let answer = asked_over(&mut stream, &key().question(Kind::Short, [1; 16], now(), &ports, 0)).await;
    let Says::Saw(saw) = answer.says else { panic!("{answer:?}") };
    assert_eq!(saw.source, stream.local_addr().expect("ours"));
    assert!(saw.serves(0) && !saw.serves(1));
    // The same connection answers again, for checks of how long a firewall remembers it.
    assert!(asked_over(&mut stream, &question(2, now())).await.says != Says::Untimely);
}

#[tokio::test]
async fn answers_have_a_rate() {
    // Of one answer a second, a source may have two at once at most.
    let server = start([127, 0, 0, 1], 0, 1, 1).await;
    let socket = server.udp_client().await;
    for nonce in 0..50 {
        socket.send(&question(nonce, now())).await.expect("sent");
    }
    let counted = server.counted(|counted| counted.limited + counted.answered_udp == 50).await;
    assert!((1..=5).contains(&counted.answered_udp), "{counted}");
    // Others are told that it is busy.
    let mut frame = [0; 9000];
    loop {
        let bytes = tokio::time::timeout(LONG, socket.recv(&mut frame)).await.expect("told").expect("bytes");
        if key().read_answer(&frame[..bytes]).expect("an answer of ours").says == Says::Busy {
            break;
        }
    }

    // Over TCP all are.
    let server = start([127, 0, 0, 1], 1, 0, 1).await;
    let mut stream = TcpStream::connect(server.tcp_at()).await.expect("connected");
    assert!(matches!(asked_over(&mut stream, &question(100, now())).await.says, Says::Saw(_)));
    assert_eq!(asked_over(&mut stream, &question(101, now())).await.says, Says::Busy);
}

/// Time is virtual here: it goes on as soon as everybody only waits.
#[tokio::test(start_paused = true)]
async fn who_asks_too_slowly_is_hung_up_on() {
    let server = start([127, 0, 0, 1], 1, 0, 500).await;
    let mut stream = TcpStream::connect(server.tcp_at()).await.expect("connected");
    stream.write_all(&question(1, now())[..100]).await.expect("sent");
    assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)));
    let counted = server.counters.now();
    assert_eq!((counted.slow, counted.answered_tcp), (1, 0), "{counted}");
}

#[tokio::test]
async fn strangers_that_say_nothing_are_bounded() {
    let server = start([127, 0, 0, 1], 1, 0, 5000).await;
    let mut held = Vec::new();
    for _ in 0..REFLECTOR_STRANGERS_PER_SOURCE_MAX {
        held.push(TcpStream::connect(server.tcp_at()).await.expect("connected"));
    }
    server.counted(|counted| counted.connections == REFLECTOR_STRANGERS_PER_SOURCE_MAX as u64).await;
    let mut late = TcpStream::connect(server.tcp_at()).await.expect("the kernel takes it");
    let mut told = Vec::new();
    late.read_to_end(&mut told).await.expect("the reflector lets go of it");
    assert_eq!(read_refusal(&told, &[7; 16]), Some(Unsigned::Crowded), "and says why");
    assert_eq!(server.counted(|counted| counted.crowded == 1).await.crowded, 1);

    // Another source finds a place; and whoever has asked is no stranger any more, which frees one.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.7:0".parse().expect("an address")).expect("bound");
    let mut other = socket.connect(server.tcp_at()).await.expect("connected");
    assert!(asked_over(&mut other, &question(1, now())).await.says != Says::Untimely);
    assert!(asked_over(&mut held[0], &question(2, now())).await.says != Says::Untimely);
    let mut next = TcpStream::connect(server.tcp_at()).await.expect("connected");
    assert!(asked_over(&mut next, &question(3, now())).await.says != Says::Untimely);
}

#[tokio::test]
async fn ports_that_are_taken_are_all_named() {
    let taken = start([127, 0, 0, 1], 1, 1, 500).await;
    let options = Options {
        listen: IpAddr::V4(taken.ip),
        tcp: taken.tcp.clone(),
        udp: taken.udp.clone(),
        secret: secret(),
        per_second_max: 500,
    };
    let error = Reflector::bind(&options).await.expect_err("they are taken").to_string();
    assert!(error.contains(&format!("tcp 127.0.0.1:{}", taken.tcp[0])), "{error}");
    assert!(error.contains(&format!("udp 127.0.0.1:{}", taken.udp[0])), "{error}");
    assert!(error.contains("another program listens there") && !error.contains("horse"), "{error}");
}
