//! The thin sender: one connection to the mail server, spoken to step by step.
//!
//! lettre's own pool is not used, for two reasons. Its time-out doesn't cover a server that accepts and says nothing,
//! so every step here stands under ours; and a connection that our time-out interrupts in the middle of a mail
//! would go back into the pool, where the next mail would become the rest of the last. Here it is dropped.

use std::fmt;
use std::time::Duration;

use lettre::Address;
use lettre::address::Envelope;
use lettre::message::Message;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use secrecy::ExposeSecret;
use tokio::time::timeout;

use super::patience::Patience;
use crate::config::{MailSecurity, RelaySettings};

/// A mail server and how to speak to it.
#[derive(Clone)]
pub(super) struct Relay {
    host: String,
    port: u16,
    security: MailSecurity,
    tls: Option<TlsParameters>,
    credentials: Option<Credentials>,
    hello: ClientId,
}

/// Why a mail didn't leave, sorted by what follows from it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// The mail server as a whole: nothing is sent by it for a while, and it hasn't got this mail.
    #[error("{0}")]
    Relay(String),
    /// Nobody knows whether this mail was taken: the server is left alone, and the mail waits behind others.
    #[error("{0}")]
    Unknown(String),
    /// This mail, for now.
    #[error("{0}")]
    Later(String),
    /// This mail, for good: the server said so.
    #[error("{0}")]
    Refused(String),
    /// This mail, for good: it can't even be put together.
    #[error("{0}")]
    Unsendable(String),
    /// The process is about to end; nothing was tried.
    #[error("linewatch is about to stop")]
    Stopped,
}

impl Relay {
    /// # Errors
    ///
    /// A fragment that says which setting of the relay can't be used.
    pub(super) fn new(relay: &RelaySettings) -> Result<Self, String> {
        let tls = match relay.security {
            MailSecurity::Plain => None,
            MailSecurity::StartTls | MailSecurity::Tls => Some(tls(relay)?),
        };
        let credentials = match (&relay.user, &relay.password) {
            (Some(user), Some(password)) => {
                Some(Credentials::new(user.clone(), password.expose_secret().to_owned()))
            }
            _ => None,
        };
        Ok(Self {
            host: relay.host.clone(),
            port: relay.port,
            security: relay.security,
            tls,
            credentials,
            hello: ClientId::default(),
        })
    }

    /// Connects, secures the connection and signs in.
    pub(super) async fn connect(&self, patience: Duration) -> Result<Line, Trouble> {
        let implicit = match self.security {
            MailSecurity::Tls => self.tls.clone(),
            MailSecurity::StartTls | MailSecurity::Plain => None,
        };
        let address = (self.host.as_str(), self.port);
        let dialled = AsyncSmtpConnection::connect_tokio1(address, None, &self.hello, implicit, None);
        self.settle_in(dialled, patience).await
    }

    /// The same from a connection that is being made.
    async fn settle_in(
        &self,
        dialled: impl Future<Output = Result<AsyncSmtpConnection, Error>>,
        patience: Duration,
    ) -> Result<Line, Trouble> {
        match timeout(patience, self.secure(dialled)).await {
            Ok(line) => line,
            Err(_) => Err(Trouble::Relay(format!(
                "{}:{} was silent for {} s while connecting",
                self.host,
                self.port,
                patience.as_secs_f64()
            ))),
        }
    }

    async fn secure(
        &self,
        dialled: impl Future<Output = Result<AsyncSmtpConnection, Error>>,
    ) -> Result<Line, Trouble> {
        let at = |step: &str, error: &Error| Trouble::Relay(self.at(step, error));
        let mut connection = dialled.await.map_err(|error| at("connecting", &error))?;
        if let (MailSecurity::StartTls, Some(tls)) = (self.security, &self.tls) {
            if !connection.can_starttls() {
                return Err(Trouble::Relay(format!(
                    "{}:{} does not offer STARTTLS; nothing is sent in the clear unless the relay has security = \"plain\"",
                    self.host, self.port
                )));
            }
            connection.starttls(tls.clone(), &self.hello).await.map_err(|error| at("STARTTLS", &error))?;
        }
        if let Some(credentials) = &self.credentials {
            connection
                .auth(&[Mechanism::Plain, Mechanism::Login], credentials)
                .await
                .map_err(|error| at("signing in", &error))?;
        }
        Ok(Line { connection, used: false })
    }

    fn at(&self, step: &str, error: &Error) -> String {
        format!("{}:{}, {step}: {}", self.host, self.port, with_causes(error))
    }
}

/// How long the server is given to forget a mail that it refused; a connection on which it doesn't is dropped.
const RESET: Duration = Duration::from_secs(2);

/// What an answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Sender,
    Recipient,
    /// The mail itself, which is out of our hands.
    Content,
}

/// A connection that is ready for a mail.
pub(super) struct Line {
    connection: AsyncSmtpConnection,
    /// It has carried a mail, and may have been closed by the other end since.
    pub(super) used: bool,
}

impl Line {
    /// Hands one mail over; gives the server's answer. After anything but a refusal the connection must not be used again:
    /// `false` beside the trouble says so.
    ///
    /// Until the mail itself goes over, silence means that the server hasn't got it, and is short; after that, nobody
    /// knows, and it is given its time.
    pub(super) async fn send(
        &mut self,
        mail: &Message,
        patience: &Patience,
    ) -> Result<String, (Trouble, bool)> {
        self.used = true;
        let content = mail.formatted();
        let content = String::from_utf8_lossy(&content);
        self.announce(mail.envelope(), &content, patience.command).await?;
        let Ok(taken) = timeout(patience.send, self.connection.command(Content(&content))).await else {
            let waited = patience.send.as_secs_f64();
            return Err((Trouble::Unknown(format!("no answer within {waited} s of the mail")), false));
        };
        self.settled(taken, About::Content).await.map(|answer| line_of(&answer))
    }

    /// Begins a mail and calls it off: a server that greets us and won't have us as a sender isn't back, though it
    /// answers. What it says about this one mail ("later") is no trouble of the server's.
    pub(super) async fn try_sender(&mut self, from: &Address, patience: Duration) -> Result<(), Trouble> {
        let mut options = Vec::new();
        if !AsRef::<str>::as_ref(from).is_ascii() {
            options.push(MailParameter::SmtpUtfEight);
        }
        match self.command(Mail::new(Some(from.clone()), options), About::Sender, patience).await {
            Ok(()) => self.command(Rset, About::Sender, RESET).await.map_err(|(trouble, _)| trouble),
            Err((_, true)) => Ok(()),
            Err((trouble, false)) => Err(trouble),
        }
    }

    /// Everything that comes before the mail itself.
    async fn announce(
        &mut self,
        envelope: &Envelope,
        content: &str,
        patience: Duration,
    ) -> Result<(), (Trouble, bool)> {
        let server = self.connection.server_info();
        let mut options = Vec::new();
        let addresses = envelope.to().iter().chain(envelope.from());
        if addresses.into_iter().any(|address| !AsRef::<str>::as_ref(address).is_ascii()) {
            if !server.supports_feature(Extension::SmtpUtfEight) {
                return Err((
                    Trouble::Refused("the mail server takes no addresses beyond ASCII".into()),
                    true,
                ));
            }
            options.push(MailParameter::SmtpUtfEight);
        }
        if !content.is_ascii() && server.supports_feature(Extension::EightBitMime) {
            options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        self.command(Mail::new(envelope.from().cloned(), options), About::Sender, patience).await?;
        for to in envelope.to() {
            self.command(Rcpt::new(to.clone(), Vec::new()), About::Recipient, patience).await?;
        }
        self.command(Data, About::Recipient, patience).await
    }

    async fn command(
        &mut self,
        command: impl fmt::Display,
        about: About,
        patience: Duration,
    ) -> Result<(), (Trouble, bool)> {
        let Ok(answer) = timeout(patience, self.connection.command(command)).await else {
            let waited = patience.as_secs_f64();
            return Err((Trouble::Relay(format!("silent for {waited} s in the middle of a mail")), false));
        };
        self.settled(answer, about).await.map(drop)
    }

    /// Sorts an answer. After a refusal the server is told to forget the mail, so that the connection can go on.
    async fn settled(
        &mut self,
        answer: Result<Response, Error>,
        about: About,
    ) -> Result<Response, (Trouble, bool)> {
        let error = match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let why = with_causes(&error);
        let Some(code) = error.status().map(u16::from) else {
            // The connection broke. Once the mail was handed over, nobody knows what became of it.
            let is_known = about != About::Content;
            let trouble = if is_known { Trouble::Relay(why) } else { Trouble::Unknown(why) };
            return Err((trouble, false));
        };
        match code {
            // It is going away, or wants us to sign in or to encrypt: that isn't about this mail.
            421 | 454 | 530 | 534 | 535 | 538 => return Err((Trouble::Relay(why), false)),
            // It won't have us as a sender, whoever the recipient: losing every notice to that helps nobody.
            500.. if about == About::Sender => return Err((Trouble::Relay(why), false)),
            _ => {}
        }
        let reusable = timeout(RESET, self.connection.command(Rset)).await.is_ok_and(|done| done.is_ok());
        let trouble = if error.is_permanent() { Trouble::Refused(why) } else { Trouble::Later(why) };
        Err((trouble, reusable))
    }

    /// Says goodbye, without insisting on an answer.
    pub(super) async fn close(mut self, patience: Duration) {
        drop(timeout(patience, self.connection.quit()).await);
    }
}

/// A mail as it goes over the wire, in one piece. lettre would write the last line apart, and that line would wait
/// some 40 ms for the acknowledgement of what came before it (Nagle's algorithm meets delayed acknowledgement).
struct Content<'a>(&'a str);

impl fmt::Display for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.0.split_inclusive('\n') {
            // A line that begins with a dot would end the mail.
            if line.starts_with('.') {
                f.write_str(".")?;
            }
            f.write_str(line)?;
        }
        f.write_str("\r\n.\r\n")
    }
}

fn tls(relay: &RelaySettings) -> Result<TlsParameters, String> {
    let mut tls = TlsParameters::builder(relay.host.clone());
    if let Some(pem) = &relay.trust_pem {
        let roots = Certificate::from_pem(pem.as_bytes())
            .map_err(|_| "trust_pem holds something that is not a certificate".to_owned())?;
        tls = tls.add_root_certificate(roots);
    }
    tls.build().map_err(|error| format!("TLS for {} cannot be set up: {}", relay.host, with_causes(&error)))
}

/// An error and what is behind it, on one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    one_line(&text)
}

/// What a server said, as one line that can be shown.
pub(super) fn one_line(text: &str) -> String {
    let line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WHY_CHARS_MAX).collect();
    line.trim().to_owned()
}

/// `250 2.0.0 Ok: queued as 4F2B1`
fn line_of(answer: &Response) -> String {
    one_line(&format!("{} {}", answer.code(), answer.first_line().unwrap_or_default()))
}

/// A server's answer may be long; this much of it explains enough.
const WHY_CHARS_MAX: usize = 300;

#[cfg(test)]
mod tests;
