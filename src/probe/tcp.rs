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
            Ok(Ok(said)) => note(&said, trail),
            other => return Err(unexpected(expected, talk.heard(), other.ok().and_then(Result::err))),
        }
    }
    trail.rest();
    Ok(())
}

fn note(said: &[u8], trail: &Trail) {
    trail.note(|facts| facts.banner = Some(one_line(&String::from_utf8_lossy(said))));
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

/// The fuzz target: what the other side says until the word that is expected. The first byte chooses how long its pieces
/// are.
#[cfg(any(fuzzing, test))]
pub(crate) fn fuzz(bytes: &[u8]) {
    use super::heard::Heard;
    use crate::limits::PROBE_TALK_BYTES_MAX;

    const EXPECTED: &str = "ready";
    let (how, words) = crate::fuzzing::choice(bytes);
    let trail = super::fuzzing::trail();
    let mut heard = Heard::default();
    let said = words.chunks(1 + usize::from(how)).find_map(|piece| {
        heard.add(piece);
        heard.take_to(EXPECTED.as_bytes())
    });
    let within = words.get(..PROBE_TALK_BYTES_MAX).unwrap_or(words);
    let place = within.windows(EXPECTED.len()).position(|some| some == EXPECTED.as_bytes());
    let until = place.map(|place| &within[..place + EXPECTED.len()]);
    assert_eq!(said.as_deref(), until, "however it is cut, the first counts");
    let verdict = match said {
        Some(said) => {
            note(&said, &trail);
            Ok(())
        }
        None => Err(unexpected(EXPECTED, heard.bytes(), None)),
    };
    super::fuzzing::end(trail, verdict);
}
