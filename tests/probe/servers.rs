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

    /// Its own certificate's hash, as a pin has it.
    pub fn sha256(&self) -> [u8; 32] {
        let digest = ring::digest::digest(&ring::digest::SHA256, self.issuer.der());
        digest.as_ref().try_into().expect("32 bytes")
    }

    /// A certificate for a name, valid for so many days from now (fewer than none: it has expired).
    pub fn issue(&self, name: &str, days: i64) -> Credentials {
        self.issue_of(&params(name, days))
    }

    /// The same, made an hour ago, as a firewall that decrypts makes them.
    pub fn issue_now(&self, name: &str) -> Credentials {
        let mut params = params(name, 90);
        params.not_before = (std::time::SystemTime::now() - std::time::Duration::from_hours(1)).into();
        self.issue_of(&params)
    }

    fn issue_of(&self, params: &rcgen::CertificateParams) -> Credentials {
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Credentials { chain: vec![certificate.der().clone(), self.issuer.der().clone()], key }
    }

    /// A certificate for clients alone.
    pub fn issue_for_clients(&self, name: &str) -> Credentials {
        let mut params = params(name, 90);
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        self.issue_of(&params)
    }

    /// A client that this authority vouches for.
    pub fn client(&self, name: &str) -> linewatch::estate::ClientIdentity {
        let mut credentials = self.issue_for_clients(name);
        credentials.chain.truncate(1);
        linewatch::estate::ClientIdentity {
            certificate_pem: credentials.pem(),
            key_pem: credentials.key.serialize_pem().into(),
        }
    }

    /// Asks clients for a certificate of this authority, and does without for none.
    pub fn wants_clients(&self, credentials: Credentials) -> TlsAcceptor {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&provider),
        )
        .build()
        .expect("a verifier");
        credentials.config(|builder| builder.with_client_cert_verifier(verifier), &[])
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (place, three) in bytes.chunks(3).enumerate() {
        let number = three.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        let number = number << (8 * (3 - three.len()));
        for letter in 0..4 {
            let bits = number >> (18 - 6 * letter) & 63;
            text.push(if letter <= three.len() { char::from(LETTERS[bits as usize]) } else { '=' });
        }
        if place % 16 == 15 {
            text.push('\n');
        }
    }
    text + "\n"
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

    /// As `openssl req -x509` makes one unless it is told otherwise: an authority's.
    pub fn self_signed_authority(name: &str) -> Self {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = params(name, 90);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { chain: vec![certificate.der().clone()], key }
    }

    /// The certificates, own first.
    pub fn pem(&self) -> String {
        let one = |der: &CertificateDer<'_>| {
            format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", base64(der))
        };
        self.chain.iter().map(one).collect()
    }

    /// With the last certificate of its chain so many times more, which proves nothing.
    pub fn with_ballast(mut self, count: usize) -> Self {
        let last = self.chain.last().expect("a certificate").clone();
        self.chain.extend(std::iter::repeat_n(last, count));
        self
    }

    pub fn acceptor(self) -> TlsAcceptor {
        self.speaking(&[])
    }

    /// Agrees to these protocols alone; to none: doesn't care.
    pub fn speaking(self, protocols: &[&str]) -> TlsAcceptor {
        self.config(Clients::with_no_client_auth, protocols)
    }

    fn config(self, clients: impl FnOnce(Clients) -> Servers, protocols: &[&str]) -> TlsAcceptor {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions");
        let mut config = clients(builder).with_single_cert(self.chain, key).expect("a server configuration");
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

type Clients = rustls::ConfigBuilder<rustls::ServerConfig, rustls::WantsVerifier>;
type Servers = rustls::ConfigBuilder<rustls::ServerConfig, rustls::server::WantsServerCert>;

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
    https_with(credentials.acceptor(), answer, farewell).await
}

/// The same, with a handshake of its own kind.
pub async fn https_with(acceptor: TlsAcceptor, answer: impl Into<String>, farewell: Farewell) -> SocketAddr {
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

/// What an HTTP/2 server does with a request.
#[derive(Debug, Clone, Copy)]
pub enum Second {
    /// Answers with this body, and says which `:authority` it was asked for in `x-asked`.
    Says(&'static str),
    /// Answers with headers of this many bytes.
    LongHeaders(usize),
    /// Sends a body without end, this again and again.
    Endless(&'static str),
    /// Breaks the request off.
    Resets,
    /// Leads to this place.
    LeadsTo(&'static str),
    /// Says nothing.
    Silent,
}

/// An HTTPS server that speaks HTTP/2. Tells whom each request was for.
pub async fn https_2(
    credentials: Credentials,
    does: Second,
) -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let acceptor = credentials.speaking(&["h2"]);
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    let address = tcp(move |stream, _| {
        let (acceptor, tell) = (acceptor.clone(), tell.clone());
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let Ok(mut connection) = h2::server::handshake(stream).await else { return };
            while let Some(Ok((request, respond))) = connection.accept().await {
                drop(tell.send(request.uri().to_string()));
                tokio::spawn(answer_2(does, respond));
            }
        }
    })
    .await;
    (address, told)
}

async fn answer_2(does: Second, mut respond: h2::server::SendResponse<bytes::Bytes>) {
    let answer = hyper::Response::builder();
    let (answer, body) = match does {
        Second::Says(body) => (answer, body),
        Second::LongHeaders(bytes) => (answer.header("x-long", "a".repeat(bytes)), ""),
        Second::Endless(piece) => (answer, piece),
        Second::LeadsTo(place) => (answer.status(302).header("location", place), ""),
        Second::Resets => return respond.send_reset(h2::Reason::INTERNAL_ERROR),
        Second::Silent => return std::future::pending().await,
    };
    let answer = answer.body(()).expect("an answer");
    let Ok(mut stream) = respond.send_response(answer, false) else { return };
    let endless = matches!(does, Second::Endless(_));
    loop {
        stream.reserve_capacity(body.len());
        if endless && !matches!(std::future::poll_fn(|c| stream.poll_capacity(c)).await, Some(Ok(1..))) {
            return;
        }
        if stream.send_data(bytes::Bytes::from_static(body.as_bytes()), !endless).is_err() || !endless {
            return;
        }
    }
}

/// What a proxy does with `CONNECT`.
#[derive(Debug, Clone, Copy)]
pub enum Proxying {
    /// Connects to this address, whatever was asked for.
    To(SocketAddr),
    /// Says this and no more.
    Says(&'static str),
}

/// An HTTP proxy. Tells the head of each request.
pub async fn proxy(does: Proxying) -> (SocketAddr, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    let address = tcp(move |mut stream, _| {
        let tell = tell.clone();
        async move {
            drop(tell.send(read_head(&mut stream).await));
            match does {
                Proxying::Says(text) => {
                    say(&mut stream, text).await;
                    drop(stream.shutdown().await);
                }
                Proxying::To(there) => {
                    let mut there = TcpStream::connect(there).await.expect("the server behind");
                    say(&mut stream, "HTTP/1.0 200 Connection established\r\nProxy-Agent: test\r\n\r\n")
                        .await;
                    drop(tokio::io::copy_bidirectional(&mut stream, &mut there).await);
                }
            }
        }
    })
    .await;
    (address, told)
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
