//! The servers that everybody asks, in a process of their own, each as cheap as it can be.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::{ADDRESSES, address};

/// Where they are, and the root of the TLS one's certificate.
#[derive(Debug, Clone)]
pub struct Doors {
    pub tcp: u16,
    pub udp: u16,
    pub dns: u16,
    pub http: u16,
    pub https: u16,
    pub pem: String,
}

impl Doors {
    /// How the probers are told.
    pub const VARIABLE: &str = "LINEWATCH_BENCH_DOORS";

    /// One line: ports, and the root with its line ends written out.
    pub fn words(&self) -> String {
        let Self { tcp, udp, dns, http, https, pem } = self;
        format!("{tcp} {udp} {dns} {http} {https} {}", pem.replace('\n', "|").replace(' ', "_"))
    }

    fn read(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let mut next = || words.next().expect("six words").to_owned();
        let mut port = || next().parse().expect("a port");
        let (tcp, udp, dns, http, https) = (port(), port(), port(), port(), port());
        Self { tcp, udp, dns, http, https, pem: next().replace('|', "\n").replace('_', " ") }
    }

    pub fn heard(from: impl Read) -> Self {
        let mut line = String::new();
        BufReader::new(from).read_line(&mut line).expect("the servers' line");
        Self::read(&line)
    }

    pub fn given() -> Self {
        Self::read(&std::env::var(Self::VARIABLE).expect("the doors in the environment"))
    }
}

const PAGE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\nConnection: close\r\n\r\nall is well\n";

/// Until standard input ends.
pub fn serve() {
    let key = rcgen::KeyPair::generate().expect("an ECDSA key");
    let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
    let certificate = params.self_signed(&key).expect("a certificate");
    let pem = certificate.pem();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(certificate.der().to_vec())],
            PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .expect("a server");
    let config = Arc::new(config);
    let doors = Doors {
        tcp: streams(drop),
        udp: datagrams(<[u8]>::to_vec),
        dns: datagrams(answer),
        http: streams(|mut stream| page(&mut stream)),
        https: streams(move |stream| {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).expect("a connection");
            page(&mut rustls::StreamOwned::new(connection, stream));
        }),
        pem,
    };
    println!("{}", doors.words());
    std::io::stdout().flush().expect("the parent hears");
    drop(std::io::stdin().read_to_end(&mut Vec::new()));
}

/// Reads a request's head, and answers it.
fn page(stream: &mut (impl Read + Write)) {
    let (mut head, mut some) = (Vec::new(), [0; 1024]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut some) {
            Ok(count @ 1..) => head.extend_from_slice(&some[..count]),
            _ => return,
        }
    }
    drop(stream.write_all(PAGE));
    drop(stream.flush());
}

/// On each of the addresses that are asked. Several threads accept, so that the servers aren't what is waited for.
fn streams(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> u16 {
    let serve = Arc::new(serve);
    let mut port = 0;
    for nth in 0..ADDRESSES {
        let listener = TcpListener::bind((address(nth).as_str(), port)).expect("a port");
        port = listener.local_addr().expect("its address").port();
        let listener = Arc::new(listener);
        for _ in 0..if nth == 0 { 64 } else { 8 } {
            let (listener, serve) = (Arc::clone(&listener), Arc::clone(&serve));
            std::thread::spawn(move || {
                while let Ok((stream, _)) = listener.accept() {
                    serve(stream);
                }
            });
        }
    }
    port
}

fn datagrams(answer: fn(&[u8]) -> Vec<u8>) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("its address").port();
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            drop(socket.send_to(&answer(&buffer[..length]), peer));
        }
    });
    port
}

/// The question, with one address as its answer.
fn answer(question: &[u8]) -> Vec<u8> {
    // Whatever follows the question (an OPT record) is left out of the answer.
    let mut at = 12;
    while let Some(&length) = question.get(at).filter(|length| **length != 0) {
        at += 1 + usize::from(length);
    }
    let mut reply = question.get(..at + 5).unwrap_or(question).to_vec();
    reply[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
    reply.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
    reply
}
