//! The servers that everybody asks, in a process of their own, each as cheap as it can be.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::plain::{answer, datagrams, page, streams};

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
    const OTHERS: &str = "LINEWATCH_BENCH_OTHERS";

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

    /// The same with other programs' name server and pages, where [`Self::OTHERS`] names them: the ports of `dns`, `http` and
    /// `https`, and the file with the root.
    pub fn or_others(self) -> Self {
        let Ok(others) = std::env::var(Self::OTHERS) else { return self };
        let mut words = others.split_whitespace();
        let mut port = || words.next().and_then(|word| word.parse().ok()).expect("three ports");
        let (dns, http, https) = (port(), port(), port());
        let pem = std::fs::read_to_string(words.next().expect("a file")).expect("the root");
        Self { dns, http, https, pem, ..self }
    }

    pub fn given() -> Self {
        Self::read(&std::env::var(Self::VARIABLE).expect("the doors in the environment"))
    }
}

/// The certificate is for every name below this, too.
pub const BELOW: &str = ".anew.example";

/// Until standard input ends.
pub fn serve() {
    let key = rcgen::KeyPair::generate().expect("an ECDSA key");
    let params =
        rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned(), format!("*{BELOW}")]).expect("parameters");
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
