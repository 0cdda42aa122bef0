//! `tcp`: a connection, made and closed again; and, where the probe says so, a word said and a word expected.

use std::net::IpAddr;

use super::fault::{Fault, one_line};
use super::talk::{Talk, Tools};
use super::trail::Trail;
use crate::estate::TcpAsk;
use crate::observation::{Failure, Phase};

/// What is expected may stand anywhere in what the other side says first, as far as a check listens.
pub(super) async fn ask(
    ask: &TcpAsk,
    source: Option<IpAddr>,
    tools: &Tools<'_>,
    trail: &Trail,
) -> Result<(), Fault> {
    let mut talk = Talk::open(&ask.target, source, tools, trail).await?;
    if let Some(words) = &ask.send {
        trail.enter(Phase::Send);
        talk.say(words.as_bytes()).await?;
    }
    if let Some(expected) = &ask.expect {
        trail.enter(Phase::FirstByte);
        // It gives up just before the deadline does, so that what was said instead is told.
        let heard = tokio::time::timeout_at(trail.last_call(), talk.hear_to(expected.as_bytes())).await;
        match heard {
            Ok(Ok(said)) => {
                trail.note(|facts| facts.banner = Some(one_line(&String::from_utf8_lossy(&said))));
            }
            other => return Err(unexpected(expected, talk.heard(), other.ok().and_then(Result::err))),
        }
    }
    trail.rest();
    Ok(())
}

/// `why`: what ended the listening; `None`: time.
fn unexpected(expected: &str, said: &[u8], why: Option<Fault>) -> Fault {
    if said.is_empty() {
        return why.unwrap_or_else(|| Fault::new(Failure::Timeout, "nothing was said within the time"));
    }
    let begins: String = String::from_utf8_lossy(said).chars().take(64).collect();
    Fault::new(
        Failure::WrongAnswer,
        format!("\"{expected}\" is not in the answer, which begins \"{}\"", one_line(&begins)),
    )
}
