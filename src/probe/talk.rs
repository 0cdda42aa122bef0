//! A conversation over one connection: plain or over TLS, with bounded lines.

use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::fault::Fault;
use super::heard::Heard;
use super::interception::Issuers;
use super::lookup::Lookup;
use super::socket;
use super::tls::{self, Hello, TlsOverTcp};
use super::trail::Trail;
use super::trust::Trust;
use crate::estate::{HostPort, TlsAsk};
use crate::limits::PROBE_TALK_BYTES_MAX;
use crate::observation::{Failure, Phase};

/// What checks over connections need besides their definition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tools<'a> {
    pub(super) lookup: &'a Lookup,
    pub(super) trust: &'a Trust,
    pub(super) issuers: &'a Issuers,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsOverTcp>),
}

/// A connection, and what of the other side's words has come and wasn't asked for yet.
pub(super) struct Talk {
    stream: Stream,
    heard: Heard,
    pub(super) days_left: Option<i64>,
}

impl Talk {
    /// Connects, and leaves the trail in phase `connect`.
    pub(super) async fn open(
        target: &HostPort,
        source: Option<IpAddr>,
        tools: &Tools<'_>,
        trail: &Trail,
    ) -> Result<Self, Fault> {
        let addresses = tools.lookup.addresses(target, None, source, trail).await?;
        trail.enter(Phase::Connect);
        let stream = socket::connect(&addresses, source, trail).await?;
        Ok(Self { stream: Stream::Plain(stream), heard: Heard::default(), days_left: None })
    }

    /// Goes on over TLS.
    pub(super) async fn secure(
        self,
        target: &HostPort,
        ask: &TlsAsk,
        tools: &Tools<'_>,
        trail: &Trail,
    ) -> Result<Self, Fault> {
        let Stream::Plain(stream) = self.stream else { return Ok(self) };
        if !self.heard.bytes().is_empty() {
            // Words from before the handshake must not be taken for words from behind it.
            return Err(Fault::new(
                Failure::Protocol,
                "the server went on speaking before the TLS handshake",
            ));
        }
        trail.enter(Phase::Tls);
        let hello = Hello::to(&ask.peer, &target.host);
        let secured = tls::handshake(stream, &hello, tools, trail).await?;
        Ok(Self { stream: Stream::Tls(Box::new(secured.stream)), days_left: secured.days_left, ..self })
    }

    /// This side's own address.
    pub(super) fn here(&self) -> Result<SocketAddr, Fault> {
        let here = self.connection().local_addr();
        here.map_err(|error| Fault::io(&error, "looking at the connection"))
    }

    fn connection(&self) -> &TcpStream {
        match &self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref().0.get_ref(),
        }
    }

    /// Who is spoken with, for a person.
    fn peer(&self) -> String {
        self.connection().peer_addr().map_or_else(|_| "the server".to_owned(), |peer| peer.to_string())
    }

    pub(super) async fn say(&mut self, words: &[u8]) -> Result<(), Fault> {
        let said = match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(words).await,
            Stream::Tls(stream) => match stream.write_all(words).await {
                Ok(()) => stream.flush().await,
                Err(error) => Err(error),
            },
        };
        said.map_err(|error| Fault::io(&error, &format!("speaking to {}", self.peer())))
    }

    /// Waits for more of the other side's words.
    async fn hear(&mut self) -> Result<(), Fault> {
        if self.heard.room() == 0 {
            let what = format!("{} said more than {PROBE_TALK_BYTES_MAX} bytes at once", self.peer());
            return Err(Fault::new(Failure::Protocol, what));
        }
        let mut some = [0; 1024];
        let room = self.heard.room().min(some.len());
        let into = &mut some[..room];
        let read = match &mut self.stream {
            Stream::Plain(stream) => stream.read(into).await,
            Stream::Tls(stream) => stream.read(into).await,
        };
        let count = read.map_err(|error| Fault::io(&error, &format!("listening to {}", self.peer())))?;
        if count == 0 {
            return Err(Fault::new(Failure::Reset, format!("{} hung up in the middle", self.peer())));
        }
        self.heard.add(some.get(..count).unwrap_or_default());
        Ok(())
    }

    /// What has come and wasn't asked for.
    pub(super) fn heard(&self) -> &[u8] {
        self.heard.bytes()
    }

    /// All up to and with the first `end`.
    pub(super) async fn hear_to(&mut self, end: &[u8]) -> Result<Vec<u8>, Fault> {
        self.hear_until(|heard| heard.take_to(end)).await
    }

    /// The same, without ends of lines in front: between messages they mean nothing (RFC 3261, 7.5).
    pub(super) async fn hear_head(&mut self, end: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut skipped = 0;
        loop {
            skipped += self.heard.skip_line_ends();
            if skipped > PROBE_TALK_BYTES_MAX {
                let what = format!("{} says nothing but the ends of lines", self.peer());
                return Err(Fault::new(Failure::Protocol, what));
            }
            if let Some(head) = self.heard.take_to(end) {
                return Ok(head);
            }
            self.hear().await?;
        }
    }

    /// Exactly so many bytes.
    pub(super) async fn hear_exactly(&mut self, count: usize) -> Result<Vec<u8>, Fault> {
        self.hear_until(|heard| heard.take(count)).await
    }

    /// One line without its end.
    pub(super) async fn line(&mut self) -> Result<String, Fault> {
        self.hear_until(Heard::line).await
    }

    async fn hear_until<T>(&mut self, take: impl Fn(&mut Heard) -> Option<T>) -> Result<T, Fault> {
        loop {
            if let Some(taken) = take(&mut self.heard) {
                return Ok(taken);
            }
            self.hear().await?;
        }
    }
}
