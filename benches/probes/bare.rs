//! The bare minimum: threads that open a socket, send, receive and close, and look at nothing; for HTTPS with rustls between.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use socket2::{Domain, Protocol, Socket, Type};

use crate::serve::Doors;
use crate::{CONCURRENCY, Work, address, cpu};

/// `None`: it has no bare minimum, or this machine doesn't permit it.
pub fn ask(kind: &str, doors: &Doors, time: Duration) -> Option<Work> {
    let one: Box<dyn Fn(usize) + Send + Sync> = match kind {
        "icmp" if icmp_socket().is_ok() => Box::new(|_| echo()),
        "udp" => Box::new(datagram(doors.udp, b"ping")),
        // One question, as a stub resolver writes it.
        "dns" => Box::new(datagram(
            doors.dns,
            b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x06anchor\x07example\x00\x00\x01\x00\x01",
        )),
        "tcp" => {
            let port = doors.tcp;
            Box::new(move |nth| drop(connect(nth, port)))
        }
        "http" => {
            let port = doors.http;
            Box::new(move |nth| {
                let mut stream = connect(nth, port);
                stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").expect("a question");
                stream.read_to_end(&mut Vec::new()).expect("an answer");
            })
        }
        // rustls as it comes, and with it every signature verified; no certificate is looked into.
        "https" | crate::ANEW => {
            let (port, config) = (doors.https, tls(&doors.pem));
            let name = ServerName::try_from("127.0.0.1").expect("an address");
            Box::new(move |nth| {
                let connection = ClientConnection::new(Arc::clone(&config), name.clone()).expect("a client");
                let mut stream = StreamOwned::new(connection, connect(nth, port));
                stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").expect("a question");
                let mut answer = Vec::new();
                // The server hangs up without TLS's own goodbye.
                drop(stream.read_to_end(&mut answer));
                assert!(!answer.is_empty(), "an answer");
            })
        }
        _ => return None,
    };
    let (begun, before) = (Instant::now(), cpu());
    let checks = std::thread::scope(|scope| {
        let one = &one;
        let ask = |nth| {
            move || {
                let mut checks = 0;
                while begun.elapsed() < time {
                    one(nth);
                    checks += 1;
                }
                checks
            }
        };
        let askers: Vec<_> = (0..CONCURRENCY).map(|nth| scope.spawn(ask(nth))).collect();
        askers.into_iter().map(|asker| asker.join().expect("an asker")).sum()
    });
    Some(Work { checks, took: begun.elapsed(), cpu: cpu().saturating_sub(before) })
}

fn connect(nth: usize, port: u16) -> TcpStream {
    TcpStream::connect((address(nth).as_str(), port)).expect("a connection")
}

fn tls(pem: &str) -> Arc<ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate")).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

fn datagram(port: u16, question: &'static [u8]) -> impl Fn(usize) {
    move |_| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(("127.0.0.1", port)).expect("an address");
        socket.send(question).expect("a question");
        socket.recv(&mut [0; 2048]).expect("an answer");
    }
}

fn icmp_socket() -> std::io::Result<Socket> {
    Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::ICMPV4))
}

/// On an unprivileged socket, whose id the kernel sets and whose answers it sorts.
fn echo() {
    let socket = icmp_socket().expect("an ICMP socket");
    let there = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    socket.connect(&there.into()).expect("an address");
    // Type 8, no code, a checksum of this and 56 times 0x6c, id and sequence of the kernel's and ours.
    let mut echo = [0x6c; 64];
    echo[..8].copy_from_slice(&[8, 0, 0, 0, 0, 0, 0, 1]);
    let sum: u32 = echo.chunks(2).map(|two| u32::from(u16::from_be_bytes([two[0], two[1]]))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or(0);
    echo[2..4].copy_from_slice(&checksum.to_be_bytes());
    socket.send(&echo).expect("an echo");
    (&socket).read_exact(&mut [0; 64]).expect("its answer");
}
