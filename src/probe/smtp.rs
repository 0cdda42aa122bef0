//! `smtp` and `smtps`: the greeting, the extensions, STARTTLS and the certificate behind it (RFC 5321, 3207). No mail is
//! sent.
//!
//! `first_byte` is the greeting, `send` what is said after it in clear, `body` what is said over TLS.

use std::net::{IpAddr, SocketAddr};

use super::fault::{Fault, one_line};
use super::rule::Rule;
use super::talk::{Talk, Tools};
use super::tls;
use super::trail::Trail;
use crate::estate::{SmtpAsk, SmtpTls};
use crate::limits::PROBE_LISTED_MAX;
use crate::observation::{Failure, Phase};

/// Lines of one reply: the longest lists of extensions have twenty.
const LINES_MAX: usize = 100;

pub(super) async fn ask(
    ask: &SmtpAsk,
    source: Option<IpAddr>,
    tools: &Tools<'_>,
    trail: &Trail,
) -> Result<(), Fault> {
    let mut talk = Talk::open(&ask.target, source, tools, trail).await?;
    if ask.when_tls == SmtpTls::FromStart {
        talk = talk.secure(&ask.target, &ask.tls, tools, trail).await?;
    }
    trail.enter(Phase::FirstByte);
    trail.awaits("no greeting came");
    let greeting = Reply::hear(&mut talk).await?;
    trail.note(|facts| facts.banner = Some(one_line(&greeting.text())));
    greeting.must_be(220, "the greeting")?;
    if let Some(expected) = ask.expect.as_deref().filter(|expected| !greeting.text().contains(expected)) {
        let said = greeting.text();
        return Err(Fault::new(
            Failure::WrongAnswer,
            format!("the greeting is \"{said}\", and does not hold \"{expected}\""),
        ));
    }
    trail.enter(if ask.when_tls == SmtpTls::FromStart { Phase::Body } else { Phase::Send });
    let mut offers = hello(&mut talk, trail).await?;
    if starts_tls(ask.when_tls, &offers)? {
        trail.awaits("STARTTLS was not answered");
        talk.say(b"STARTTLS\r\n").await?;
        Reply::hear(&mut talk).await?.must_be(220, "the answer to STARTTLS")?;
        talk = talk.secure(&ask.target, &ask.tls, tools, trail).await?;
        trail.enter(Phase::Body);
        offers = hello(&mut talk, trail).await?;
    }
    trail.rest();
    trail.note(|facts| facts.offers = offers.into_iter().take(PROBE_LISTED_MAX).collect());
    // The server may have gone already.
    drop(talk.say(b"QUIT\r\n").await);
    tls::days_suffice(ask.tls.certificate_days_min, talk.days_left)
}

/// Says EHLO, and returns the extensions that are offered.
async fn hello(talk: &mut Talk, trail: &Trail) -> Result<Vec<String>, Fault> {
    trail.awaits("EHLO was not answered");
    talk.say(format!("EHLO {}\r\n", literal(talk.here()?)).as_bytes()).await?;
    let reply = Reply::hear(talk).await?;
    reply.must_be(250, "the answer to EHLO")?;
    let offers: Vec<String> = reply.lines.iter().skip(1).map(|line| one_line(line)).collect();
    trail.note(|facts| facts.offers = offers.iter().take(PROBE_LISTED_MAX).cloned().collect());
    Ok(offers)
}

/// This machine's name for one that has none that others would know.
fn literal(here: SocketAddr) -> String {
    match here.ip() {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}

/// Whether STARTTLS is to be said, or why it can't be.
fn starts_tls(when: SmtpTls, offers: &[String]) -> Result<bool, Fault> {
    let offered = offers.iter().any(|offer| {
        offer.split_whitespace().next().is_some_and(|keyword| keyword.eq_ignore_ascii_case("STARTTLS"))
    });
    // Whatever this check wants of TLS: the next one's mail goes in clear, and nobody would know.
    if !offered && offers.iter().any(|offer| is_masked(offer)) {
        return Err(Fault::new(
            Failure::Intercepted,
            "a firewall on the way masks the server's STARTTLS, so that it can read the mail: switch its SMTP inspection off",
        ));
    }
    match when {
        SmtpTls::FromStart | SmtpTls::Never => Ok(false),
        SmtpTls::IfOffered => Ok(offered),
        SmtpTls::StartTls if offered => Ok(true),
        SmtpTls::StartTls => {
            Err(Fault::new(Failure::WrongAnswer, "the server does not offer STARTTLS").by(Rule::Starttls))
        }
    }
}

/// Firewalls that inspect SMTP write X over what they don't want to be used, letter for letter.
fn is_masked(offer: &str) -> bool {
    offer.len() >= 4
        && offer.trim_end_matches(|c: char| c != 'X').bytes().all(|byte| byte == b'X')
        && offer.starts_with("XXX")
}

/// What a server says at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Reply {
    code: u16,
    /// Without codes.
    lines: Vec<String>,
}

impl Reply {
    async fn hear(talk: &mut Talk) -> Result<Self, Fault> {
        let mut reply = Self::default();
        while !reply.add(&talk.line().await?)? {}
        Ok(reply)
    }

    /// Takes one more line; true when it is the last.
    fn add(&mut self, line: &str) -> Result<bool, Fault> {
        let protocol = |words: String| Fault::new(Failure::Protocol, words);
        let (code, last, text) =
            parse(line).ok_or_else(|| protocol(format!("\"{line}\" is nothing that a mail server says")))?;
        self.code = code;
        self.lines.push(text.to_owned());
        if !last && self.lines.len() >= LINES_MAX {
            return Err(protocol(format!("the server said more than {LINES_MAX} lines at once")));
        }
        Ok(last)
    }

    fn text(&self) -> String {
        self.lines.join(" ")
    }

    fn must_be(&self, code: u16, what: &str) -> Result<(), Fault> {
        if self.code == code {
            return Ok(());
        }
        Err(Fault::new(Failure::Status, format!("{what} is {} {}", self.code, self.text())).by(Rule::Serves))
    }
}

/// A line's code, whether it is the last of its reply, and its words.
fn parse(line: &str) -> Option<(u16, bool, &str)> {
    let (code, rest) = line.split_at_checked(3)?;
    if !code.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let code = code.parse().ok().filter(|code| (200..600).contains(code))?;
    match rest.as_bytes().first() {
        None => Some((code, true, "")),
        Some(b' ') => Some((code, true, rest.get(1..)?)),
        Some(b'-') => Some((code, false, rest.get(1..)?)),
        Some(_) => None,
    }
}

/// The fuzz target: replies of a mail server, one after the other.
#[cfg(any(fuzzing, test))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let (mut heard, mut reply) = (super::heard::Heard::default(), Reply::default());
    for piece in bytes.chunks(7) {
        heard.add(piece);
        while let Some(line) = heard.line() {
            let trail = super::fuzzing::trail();
            match reply.add(&line) {
                Err(fault) => return super::fuzzing::end(trail, Err(fault)),
                Ok(false) => {}
                Ok(true) => {
                    let whole = std::mem::take(&mut reply);
                    assert!((200..600).contains(&whole.code) && whole.lines.len() <= LINES_MAX, "{whole:?}");
                    let offers: Vec<String> = whole.lines.iter().skip(1).map(|line| one_line(line)).collect();
                    for when in [SmtpTls::FromStart, SmtpTls::StartTls, SmtpTls::IfOffered, SmtpTls::Never] {
                        if starts_tls(when, &offers).ok() == Some(true) {
                            assert!(whole.text().to_ascii_uppercase().contains("STARTTLS"), "{whole:?}");
                        }
                    }
                    super::fuzzing::end(trail, whole.must_be(220, "the greeting"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn replies_have_a_code_and_an_end() {
        assert_eq!(parse("220 mail.example ESMTP"), Some((220, true, "mail.example ESMTP")));
        assert_eq!(parse("250-SIZE 1000"), Some((250, false, "SIZE 1000")));
        assert_eq!(parse("250"), Some((250, true, "")));
        for other in ["", "22", "HTTP/1.1 400 Bad Request", "2200 x", "099 x", "22x y", "é20 x"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_masked_was_taken_away_on_the_way() {
        let offers = |list: &[&str]| list.iter().map(|&offer| offer.to_owned()).collect::<Vec<_>>();
        let wants = |list: &[&str]| starts_tls(SmtpTls::StartTls, &offers(list)).map_err(|f| f.failure);
        assert_eq!(wants(&["PIPELINING", "starttls"]), Ok(true));
        assert_eq!(wants(&["PIPELINING"]), Err(Failure::WrongAnswer));
        assert_eq!(wants(&["PIPELINING", "XXXXXXXA"]), Err(Failure::Intercepted));
        assert_eq!(wants(&["XEXCH50", "XCLIENT NAME"]), Err(Failure::WrongAnswer));
        assert_eq!(starts_tls(SmtpTls::IfOffered, &offers(&["SIZE"])).ok(), Some(false));
        for when in [SmtpTls::IfOffered, SmtpTls::Never, SmtpTls::StartTls] {
            let fault = starts_tls(when, &offers(&["SIZE", "XXXXXXXA"])).expect_err("whatever is wanted");
            assert_eq!(fault.failure, Failure::Intercepted, "{when:?}");
        }
    }

    proptest! {
        #[test]
        fn no_line_makes_the_reader_panic(line in ".{0,40}") {
            let _: Option<(u16, bool, &str)> = parse(&line);
            let _: bool = is_masked(&line);
        }
    }
}
