//! Servers that do exactly as they are told, down to the byte.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;

/// Accepts connections on a free port of 127.0.0.1 until the test ends, and gives each to `serve`.
pub async fn tcp<F, Fut>(serve: F) -> SocketAddr
where
    F: Fn(TcpStream, SocketAddr) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            tokio::spawn(serve(stream, peer));
        }
    });
    address
}

/// Answers each datagram with those that `answer` makes of it.
pub async fn udp<F>(answer: F) -> SocketAddr
where
    F: Fn(&[u8], SocketAddr) -> Vec<Vec<u8>> + Send + 'static,
{
    udp_on(UdpSocket::bind("127.0.0.1:0").await.expect("a port"), answer)
}

/// The same, on a socket that is there.
pub fn udp_on<F>(socket: UdpSocket, answer: F) -> SocketAddr
where
    F: Fn(&[u8], SocketAddr) -> Vec<Vec<u8>> + Send + 'static,
{
    let address = socket.local_addr().expect("its address");
    tokio::spawn(async move {
        let mut buffer = vec![0; 4096];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            for datagram in answer(&buffer[..length], peer) {
                // The asker may have gone; that is no business of the server's.
                drop(socket.send_to(&datagram, peer).await);
            }
        }
    });
    address
}

/// Reads a request's head, so that the answer doesn't come before the question.
pub async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte).await {
            Ok(1) => head.push(byte[0]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Holds a connection open, saying nothing, until the other side hangs up.
pub async fn hold(mut stream: impl AsyncRead + Unpin) {
    let mut buffer = [0; 1024];
    while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
}

pub async fn say(stream: &mut (impl AsyncWrite + Unpin), text: &str) {
    // The client may have heard enough and gone.
    drop(stream.write_all(text.as_bytes()).await);
    drop(stream.flush().await);
}

/// A plain HTTP server that answers every request with these bytes and closes.
pub async fn http(answer: impl Into<String>) -> SocketAddr {
    let answer: Arc<str> = answer.into().into();
    tcp(move |mut stream, _| {
        let answer = Arc::clone(&answer);
        async move {
            read_head(&mut stream).await;
            say(&mut stream, &answer).await;
            drop(stream.shutdown().await);
        }
    })
    .await
}

/// A certificate authority made for one test.
pub struct Authority {
    issuer: rcgen::CertifiedIssuer<'static, rcgen::KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        Self::named("County Test Root")
    }

    pub fn named(name: &str) -> Self {
        let mut params = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = rcgen::KeyPair::generate().expect("a key");
        Self { issuer: rcgen::CertifiedIssuer::self_signed(params, key).expect("a root") }
    }

    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a name, valid for so many days from now (fewer than none: it has expired).
    pub fn issue(&self, name: &str, days: i64) -> Credentials {
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = params(name, days).signed_by(&key, &self.issuer).expect("a certificate");
        Credentials { chain: vec![certificate.der().clone(), self.issuer.der().clone()], key }
    }
}

/// What a TLS server shows and holds.
pub struct Credentials {
    chain: Vec<CertificateDer<'static>>,
    key: rcgen::KeyPair,
}

impl Credentials {
    pub fn self_signed(name: &str) -> Self {
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = params(name, 90).self_signed(&key).expect("a certificate");
        Self { chain: vec![certificate.der().clone()], key }
    }

    pub fn acceptor(self) -> TlsAcceptor {
        self.acceptor_of(&[])
    }

    /// One that speaks these protocols, and hangs up on who offers only others.
    pub fn acceptor_of(self, protocols: &[&[u8]]) -> TlsAcceptor {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(self.chain, key)
            .expect("a server configuration");
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

fn params(name: &str, days: i64) -> rcgen::CertificateParams {
    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let now = std::time::SystemTime::now();
    let day = std::time::Duration::from_hours(24);
    params.not_before = (now - day * 400).into();
    let length = day * u32::try_from(days.abs()).expect("not so many days");
    // Half an hour more, so that the day doesn't change between issuing and asking.
    let half_an_hour = std::time::Duration::from_mins(30);
    params.not_after = if days < 0 { now - length } else { now + length + half_an_hour }.into();
    params
}

/// How a TLS server ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// With TLS's own goodbye.
    Polite,
    /// By closing the connection under it, as old servers do.
    Abrupt,
}

/// An HTTPS server that answers every request with these bytes and closes.
pub async fn https(credentials: Credentials, answer: impl Into<String>, farewell: Farewell) -> SocketAddr {
    let acceptor = credentials.acceptor();
    let answer: Arc<str> = answer.into().into();
    tcp(move |stream, _| {
        let (acceptor, answer) = (acceptor.clone(), Arc::clone(&answer));
        async move {
            // A client that doesn't trust us hangs up here.
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            read_head(&mut stream).await;
            say(&mut stream, &answer).await;
            match farewell {
                Farewell::Polite => drop(stream.shutdown().await),
                Farewell::Abrupt => drop(stream.get_mut().0.shutdown().await),
            }
        }
    })
    .await
}

/// A TCP port that refuses: taken, so that no other test gets it, and with nobody listening.
pub struct ClosedTcp {
    _held: tokio::net::TcpSocket,
    pub address: SocketAddr,
}

impl ClosedTcp {
    pub fn new() -> Self {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        let address = socket.local_addr().expect("its address");
        Self { _held: socket, address }
    }
}

/// A UDP port that refuses: taken by a socket that is connected elsewhere, so that for everybody else it is closed.
pub struct ClosedUdp {
    _held: UdpSocket,
    pub address: SocketAddr,
}

impl ClosedUdp {
    pub async fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("its address");
        socket.connect("127.0.0.4:9").await.expect("connected elsewhere");
        Self { _held: socket, address }
    }
}
