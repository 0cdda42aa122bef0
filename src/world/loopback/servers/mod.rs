//! The servers that stand for the internet, the NHS network and the mail relay. Each is real: its own
//! listener, its own protocol. What a fault does to a server's answers (a failing name server, another
//! certificate, a status) is a second server that behaves so, started when it is first needed; the stand-in
//! only chooses where to forward.

pub mod mail;
mod message;
mod names;
mod plain;
mod web;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::Uri;
use tokio::net::{TcpListener, UdpSocket};

use super::certificates::{Authority, CertificateError, self_signed_server};
use super::tasks::{Tasks, listen_at};
use crate::estate::{Ask, Estate};
use crate::world::scenario::DnsAnswer;

/// One of the county's servers, by what it speaks and how it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    Names,
    /// Gives 127.0.0.1 for every name: looks up the hosts of URLs.
    NamesHome,
    NamesFailing(DnsAnswer),
    Web {
        tls: bool,
    },
    WebStatus {
        tls: bool,
        status: u16,
    },
    WebIntercepted {
        tls: bool,
    },
    WebUntrusted {
        tls: bool,
    },
    WebBrokenTls,
    Tcp,
    Udp,
}

/// All servers of one county.
pub struct Servers {
    tasks: Tasks,
    estate: Arc<Estate>,
    zone: Arc<names::Zone>,
    pages: Arc<web::Pages>,
    trusted: Arc<rustls::ServerConfig>,
    intercepted: Arc<rustls::ServerConfig>,
    untrusted: Arc<rustls::ServerConfig>,
    trust_pem: String,
    running: Mutex<BTreeMap<Server, SocketAddr>>,
}

/// The county couldn't be started.
#[derive(Debug, thiserror::Error)]
pub enum ServersError {
    #[error("no port of 127.0.0.1 could be opened for the drill's {server:?} server: {source}")]
    Listen { server: Server, source: io::Error },
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

impl Servers {
    /// Makes what the servers have to say for this estate; each starts with its first [`Self::address`].
    pub fn new(tasks: &Tasks, estate: &Arc<Estate>) -> Result<Self, ServersError> {
        let mut names: Vec<String> = estate
            .probes
            .iter()
            .filter_map(|probe| match &probe.ask {
                Ask::Http(ask) => Url::of(&ask.url).map(|url| url.host),
                _ => None,
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        let authority = Authority::new("linewatch drill authority")?;
        let firewall = Authority::new("Web filter of a firewall that inspects")?;
        Ok(Self {
            tasks: tasks.clone(),
            estate: Arc::clone(estate),
            zone: Arc::new(names::Zone::of(estate)),
            pages: Arc::new(web::Pages::of(estate)),
            trusted: authority.server(&names)?,
            intercepted: firewall.server_made_now(&names)?,
            untrusted: self_signed_server(&names)?,
            trust_pem: authority.pem(),
            running: Mutex::default(),
        })
    }

    /// The certificate of the authority that signs the servers' certificates, PEM.
    pub fn trust_pem(&self) -> &str {
        &self.trust_pem
    }

    /// Where this server listens; starts it when it doesn't run yet.
    pub fn address(&self, server: Server) -> Result<SocketAddr, ServersError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match running.entry(server) {
            Entry::Occupied(there) => Ok(*there.get()),
            Entry::Vacant(place) => {
                let address = self.start(server).map_err(|source| ServersError::Listen { server, source })?;
                Ok(*place.insert(address))
            }
        }
    }

    fn start(&self, server: Server) -> io::Result<SocketAddr> {
        let names = |manner| names::start(&self.tasks, &self.zone, manner);
        let web = |certificate, manner| web::start(&self.tasks, &self.pages, certificate, manner);
        let trusted = |tls: bool| tls.then(|| Arc::clone(&self.trusted));
        match server {
            Server::Names => names(names::Manner::Honest),
            Server::NamesFailing(failure) => names(names::Manner::Failing(failure)),
            Server::NamesHome => names(names::Manner::Home),
            Server::Web { tls } => web(trusted(tls), web::Manner::Honest),
            Server::WebStatus { tls, status } => web(trusted(tls), web::Manner::Status(status)),
            Server::WebIntercepted { tls } => {
                web(tls.then(|| Arc::clone(&self.intercepted)), web::Manner::Blocking)
            }
            Server::WebUntrusted { tls } => {
                web(tls.then(|| Arc::clone(&self.untrusted)), web::Manner::Blocking)
            }
            Server::WebBrokenTls => web(trusted(true), web::Manner::BrokenTls),
            Server::Tcp => plain::start_tcp(&self.tasks),
            Server::Udp => plain::start_udp(&self.tasks, &self.estate),
        }
    }
}

/// A URL's parts, as far as the county needs them.
pub struct Url {
    /// Without brackets.
    pub host: String,
    pub path: String,
    pub path_and_query: String,
}

impl Url {
    /// `None` when it has no host.
    pub fn of(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let host = host_of(uri.authority()?.as_str()).to_owned();
        let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Some(Self { host, path: uri.path().to_owned(), path_and_query })
    }
}

/// The host of `host:port`, `[::1]:port`, `user@host`, or a host alone.
fn host_of(authority: &str) -> &str {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// A listener and a UDP socket on the same free port of 127.0.0.1.
pub fn pair() -> io::Result<(Arc<TcpListener>, UdpSocket)> {
    // The port that TCP picks may be taken for UDP; with 28,000 to pick from, that doesn't happen often.
    const TRIES: u32 = 32;
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..TRIES {
        let listener = listen_at(0)?;
        let port = listener.local_addr()?.port();
        let bound = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).and_then(|socket| {
            socket.set_nonblocking(true)?;
            UdpSocket::from_std(socket)
        });
        match bound {
            Ok(socket) => return Ok((Arc::new(listener), socket)),
            Err(error) => last = error,
        }
    }
    Err(last)
}
