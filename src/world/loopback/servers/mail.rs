//! The mail relay: enough of RFC 5321 for any client that sends, and it keeps what it accepts. One record a
//! recipient, because a notice is one message to one recipient.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::broadcast;

use super::message::Message;
use crate::limits::{
    COUNTY_MAIL_BYTES_MAX, COUNTY_MAIL_LINE_BYTES_MAX, COUNTY_MAIL_QUEUE, COUNTY_MAIL_RECIPIENTS_MAX,
};
use crate::time::At;
use crate::world::loopback::tasks::{self, Tasks};

/// A message that the relay took responsibility for, for one of its recipients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedMail {
    /// When it said 250.
    pub at: At,
    /// Of the envelope.
    pub sender: String,
    /// Of the envelope.
    pub recipient: String,
    /// With its angle brackets; empty when the message has none.
    pub message_id: String,
    /// Decoded.
    pub subject: String,
    /// The whole message as it was sent.
    pub text: Arc<str>,
}

impl AcceptedMail {
    /// The first header of this name, decoded.
    pub fn header(&self, name: &str) -> Option<String> {
        Message::parse(&self.text).header(name)
    }

    /// What follows the headers, in its transfer encoding.
    pub fn body(&self) -> &str {
        Message::parse(&self.text).body()
    }
}

/// The relay of one county.
#[derive(Debug, Clone)]
pub struct MailServer {
    address: SocketAddr,
    accepted: Arc<Mutex<Vec<Arc<AcceptedMail>>>>,
    news: broadcast::Sender<Arc<AcceptedMail>>,
}

impl MailServer {
    /// Starts it on a free port of 127.0.0.1.
    pub fn start(tasks: &Tasks) -> io::Result<Self> {
        let listener = tasks::listen()?;
        let server = Self {
            address: listener.local_addr()?,
            accepted: Arc::default(),
            news: broadcast::channel(COUNTY_MAIL_QUEUE).0,
        };
        let serving = server.clone();
        tasks.serve(Arc::new(listener), move |stream, _peer| {
            let server = serving.clone();
            async move {
                if let Err(error) = Session::new(stream).talk(&server).await {
                    tracing::debug!(%error, "a mail client went away in the middle");
                }
            }
        });
        Ok(server)
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// All that it accepted, oldest first.
    pub fn accepted(&self) -> Vec<Arc<AcceptedMail>> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Each message as it is accepted from now on.
    pub fn news(&self) -> broadcast::Receiver<Arc<AcceptedMail>> {
        self.news.subscribe()
    }

    fn take(&self, envelope: Envelope, text: &[u8], at: At) {
        let text: Arc<str> = String::from_utf8_lossy(text).into();
        let message = Message::parse(&text);
        let message_id = message.header("Message-ID").unwrap_or_default();
        let subject = message.header("Subject").unwrap_or_default();
        for recipient in envelope.recipients {
            let mail = Arc::new(AcceptedMail {
                at,
                sender: envelope.sender.clone(),
                recipient,
                message_id: message_id.clone(),
                subject: subject.clone(),
                text: Arc::clone(&text),
            });
            self.accepted.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&mail));
            // Nobody listens: it is in the list all the same.
            drop(self.news.send(mail));
        }
    }
}

#[derive(Debug, Default)]
struct Envelope {
    sender: String,
    recipients: Vec<String>,
}

struct Session {
    from: BufReader<OwnedReadHalf>,
    to: OwnedWriteHalf,
}

/// One line of the client's, or why there is none.
enum Line {
    Whole(Vec<u8>),
    TooLong,
    End,
}

impl Session {
    fn new(stream: TcpStream) -> Self {
        let (from, to) = stream.into_split();
        Self { from: BufReader::new(from), to }
    }

    async fn talk(mut self, server: &MailServer) -> io::Result<()> {
        self.say("220 relay.county.example ESMTP linewatch drill").await?;
        let mut greeted = false;
        let mut envelope: Option<Envelope> = None;
        loop {
            let line = match self.line().await? {
                Line::Whole(line) => String::from_utf8_lossy(&line).into_owned(),
                Line::TooLong => {
                    self.say("500 5.5.6 line too long").await?;
                    continue;
                }
                Line::End => return Ok(()),
            };
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match (verb.to_ascii_uppercase().as_str(), envelope.as_mut()) {
                ("EHLO", _) => {
                    (greeted, envelope) = (true, None);
                    let size = format!("250-SIZE {COUNTY_MAIL_BYTES_MAX}");
                    for line in ["250-relay.county.example", &size, "250-8BITMIME", "250 SMTPUTF8"] {
                        self.say(line).await?;
                    }
                }
                ("HELO", _) => {
                    (greeted, envelope) = (true, None);
                    self.say("250 relay.county.example").await?;
                }
                ("MAIL", _) if !greeted => self.say("503 5.5.1 say EHLO first").await?,
                ("MAIL", Some(_)) => self.say("503 5.5.1 one sender a message").await?,
                ("MAIL", None) => match path(rest, "FROM:") {
                    Some(sender) => {
                        envelope = Some(Envelope { sender, recipients: Vec::new() });
                        self.say("250 2.1.0 fine").await?;
                    }
                    None => self.say("501 5.5.4 MAIL FROM:<address>").await?,
                },
                ("RCPT", None) => self.say("503 5.5.1 MAIL first").await?,
                ("RCPT", Some(envelope)) => match path(rest, "TO:") {
                    Some(_) if envelope.recipients.len() >= COUNTY_MAIL_RECIPIENTS_MAX => {
                        self.say("452 4.5.3 too many recipients").await?;
                    }
                    Some(recipient) if !recipient.is_empty() => {
                        envelope.recipients.push(recipient);
                        self.say("250 2.1.5 fine").await?;
                    }
                    _ => self.say("501 5.5.4 RCPT TO:<address>").await?,
                },
                ("DATA", Some(open)) if !open.recipients.is_empty() => {
                    let complete = envelope.take().unwrap_or_default();
                    self.say("354 go on, end with a dot").await?;
                    self.data(server, complete).await?;
                }
                ("DATA", _) => self.say("503 5.5.1 RCPT first").await?,
                ("RSET", _) => {
                    envelope = None;
                    self.say("250 2.0.0 forgotten").await?;
                }
                ("NOOP", _) => self.say("250 2.0.0 fine").await?,
                ("VRFY", _) => self.say("252 2.5.2 send and see").await?,
                ("QUIT", _) => {
                    self.say("221 2.0.0 bye").await?;
                    return self.to.shutdown().await;
                }
                _ => self.say("502 5.5.2 not known here").await?,
            }
        }
    }

    /// Reads a message to its dot, and answers for it.
    async fn data(&mut self, server: &MailServer, envelope: Envelope) -> io::Result<()> {
        let mut text = Vec::new();
        let mut refused = None;
        loop {
            match self.line().await? {
                Line::Whole(line) if line == b"." => break,
                Line::Whole(line) => {
                    let line = line.strip_prefix(b".").unwrap_or(&line);
                    if text.len() + line.len() + 2 > COUNTY_MAIL_BYTES_MAX {
                        refused = Some("552 5.3.4 message too large");
                    } else {
                        text.extend_from_slice(line);
                        text.extend_from_slice(b"\r\n");
                    }
                }
                Line::TooLong => refused = Some("500 5.5.6 line too long"),
                // Without its dot it was never accepted: the client keeps it and sends it again.
                Line::End => return Ok(()),
            }
        }
        if let Some(refused) = refused {
            return self.say(refused).await;
        }
        let at = At::from(jiff::Timestamp::now());
        server.take(envelope, &text, at);
        self.say("250 2.0.0 accepted").await
    }

    /// The next line without its end. The rest of a line that is too long is read and thrown away.
    async fn line(&mut self) -> io::Result<Line> {
        let mut line = Vec::new();
        let bound = COUNTY_MAIL_LINE_BYTES_MAX as u64;
        (&mut self.from).take(bound).read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Ok(Line::End);
        }
        if line.pop_if(|last| *last == b'\n').is_some() {
            line.pop_if(|last| *last == b'\r');
            return Ok(Line::Whole(line));
        }
        if line.len() < COUNTY_MAIL_LINE_BYTES_MAX {
            return Ok(Line::End);
        }
        loop {
            line.clear();
            (&mut self.from).take(bound).read_until(b'\n', &mut line).await?;
            match line.last() {
                None => return Ok(Line::End),
                Some(b'\n') => return Ok(Line::TooLong),
                Some(_) => {}
            }
        }
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.to.write_all(format!("{line}\r\n").as_bytes()).await
    }
}

/// The address of `FROM:<address> SIZE=…`; empty for `<>`.
fn path(text: &str, keyword: &str) -> Option<String> {
    let start = text.get(..keyword.len())?;
    if !start.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let rest = text[keyword.len()..].trim_start().strip_prefix('<')?;
    let (address, _) = rest.split_once('>')?;
    Some(address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn reads_addresses_as_clients_write_them() {
        assert_eq!(path("FROM:<a@b.example> SIZE=10", "FROM:").as_deref(), Some("a@b.example"));
        assert_eq!(path("from: <>", "FROM:").as_deref(), Some(""));
        assert_eq!(path("TO:a@b.example", "TO:"), None);
        assert_eq!(path("T", "TO:"), None);
    }
}
