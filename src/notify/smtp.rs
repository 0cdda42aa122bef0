//! The thin sender: one connection to the mail server, spoken to step by step.
//!
//! lettre's own pool is not used, for two reasons. Its time-out doesn't cover a server that accepts and says nothing,
//! so every step here stands under ours; and a connection that our time-out interrupts in the middle of a mail
//! would go back into the pool, where the next mail would become the rest of the last. Here it is dropped.

use std::fmt;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use secrecy::ExposeSecret;
use tokio::time::timeout;

use crate::config::{MailSecurity, MailSettings};

/// A mail server and how to speak to it.
#[derive(Clone)]
pub(super) struct Relay {
    host: String,
    port: u16,
    security: MailSecurity,
    tls: Option<TlsParameters>,
    credentials: Option<Credentials>,
    pub(super) from: Mailbox,
    hello: ClientId,
}

/// Why a mail didn't leave, sorted by what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The mail server as a whole: nothing is sent for a while.
    Relay(String),
    /// Nobody knows whether this mail was taken: the server is left alone, and the mail waits behind others.
    Unknown(String),
    /// This mail, for now.
    Later(String),
    /// This mail, for good: the server said so.
    Refused(String),
    /// This mail, for good: it can't even be put together.
    Unsendable(String),
    /// The process is about to end; nothing was tried.
    Stopped,
}

impl Relay {
    /// # Errors
    ///
    /// A fragment that says which setting of `[mail]` can't be used.
    pub(super) fn new(mail: &MailSettings) -> Result<Self, String> {
        let from =
            mail.from.parse().map_err(|_| format!("from = \"{}\" is not an e-mail address", mail.from))?;
        let tls = match mail.security {
            MailSecurity::Plain => None,
            MailSecurity::StartTls | MailSecurity::Tls => Some(tls(mail)?),
        };
        let credentials = match (&mail.user, &mail.password) {
            (Some(user), Some(password)) => {
                Some(Credentials::new(user.clone(), password.expose_secret().to_owned()))
            }
            _ => None,
        };
        Ok(Self {
            host: mail.relay.clone(),
            port: mail.port,
            security: mail.security,
            tls,
            credentials,
            from,
            hello: ClientId::default(),
        })
    }

    /// Connects, secures the connection and signs in.
    pub(super) async fn connect(&self, patience: Duration) -> Result<Line, Trouble> {
        match timeout(patience, self.try_connect()).await {
            Ok(line) => line,
            Err(_) => Err(Trouble::Relay(format!(
                "{}:{} was silent for {} s while connecting",
                self.host,
                self.port,
                patience.as_secs_f64()
            ))),
        }
    }

    async fn try_connect(&self) -> Result<Line, Trouble> {
        let at = |step: &str, error: &Error| Trouble::Relay(self.at(step, error));
        let implicit = match self.security {
            MailSecurity::Tls => self.tls.clone(),
            MailSecurity::StartTls | MailSecurity::Plain => None,
        };
        let mut connection = AsyncSmtpConnection::connect_tokio1(
            (self.host.as_str(), self.port),
            None,
            &self.hello,
            implicit,
            None,
        )
        .await
        .map_err(|error| at("connecting", &error))?;
        if let (MailSecurity::StartTls, Some(tls)) = (self.security, &self.tls) {
            if !connection.can_starttls() {
                return Err(Trouble::Relay(format!(
                    "{}:{} does not offer STARTTLS; nothing is sent in the clear unless [mail] says security = \"plain\"",
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

/// A connection that is ready for a mail.
pub(super) struct Line {
    connection: AsyncSmtpConnection,
    /// It has carried a mail, and may have been closed by the other end since.
    pub(super) used: bool,
}

impl Line {
    /// Hands one mail over. After anything but a refusal the connection must not be used again: `false` beside the
    /// trouble says so.
    pub(super) async fn send(&mut self, mail: &Message, patience: Duration) -> Result<(), (Trouble, bool)> {
        self.used = true;
        let sent =
            timeout(patience, self.try_send(mail.envelope(), &String::from_utf8_lossy(&mail.formatted())))
                .await;
        match sent {
            Ok(sent) => sent,
            Err(_) => {
                Err((Trouble::Unknown(format!("no answer within {} s", patience.as_secs_f64())), false))
            }
        }
    }

    async fn try_send(&mut self, envelope: &Envelope, content: &str) -> Result<(), (Trouble, bool)> {
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
        let from = Mail::new(envelope.from().cloned(), options);
        let opened = self.connection.command(from).await;
        self.settled(opened.map(drop), false).await?;
        for to in envelope.to() {
            let named = self.connection.command(Rcpt::new(to.clone(), Vec::new())).await;
            self.settled(named.map(drop), false).await?;
        }
        let invited = self.connection.command(Data).await;
        self.settled(invited.map(drop), false).await?;
        let taken = self.connection.command(Content(content)).await;
        self.settled(taken.map(drop), true).await
    }

    /// Sorts an answer. After a refusal the server is told to forget the mail, so that the connection can go on.
    async fn settled(&mut self, answer: Result<(), Error>, handed_over: bool) -> Result<(), (Trouble, bool)> {
        let Err(error) = answer else { return Ok(()) };
        let why = with_causes(&error);
        let Some(code) = error.status().map(u16::from) else {
            // The connection broke. Once the mail was handed over, nobody knows what became of it.
            let trouble = if handed_over { Trouble::Unknown(why) } else { Trouble::Relay(why) };
            return Err((trouble, false));
        };
        match code {
            // It is going away, or wants us to sign in or to encrypt: that isn't about this mail.
            421 | 454 | 530 | 534 | 535 | 538 => return Err((Trouble::Relay(why), false)),
            _ => {}
        }
        let reusable = self.connection.command(Rset).await.is_ok();
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

fn tls(mail: &MailSettings) -> Result<TlsParameters, String> {
    let mut tls = TlsParameters::builder(mail.relay.clone());
    if let Some(pem) = &mail.trust_pem {
        let roots = Certificate::from_pem(pem.as_bytes())
            .map_err(|_| "trust_pem holds something that is not a certificate".to_owned())?;
        tls = tls.add_root_certificate(roots);
    }
    tls.build().map_err(|error| format!("TLS for {} cannot be set up: {}", mail.relay, with_causes(&error)))
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
    let line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(WHY_CHARS_MAX).collect();
    line.trim().to_owned()
}

/// A server's answer may be long; this much of it explains enough.
const WHY_CHARS_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_a_dot_does_not_end_the_mail() {
        assert_eq!(Content("a\r\n.\r\n.b\r\nc.").to_string(), "a\r\n..\r\n..b\r\nc.\r\n.\r\n");
    }
}
