//! `ldap` and `ldaps`: an anonymous bind (RFC 4511). Any answer to it shows that the directory is there: whether it lets
//! strangers in is its own affair.

use std::net::IpAddr;

use super::fault::Fault;
use super::rule::Rule;
use super::talk::{Talk, Tools};
use super::tls;
use super::trail::Trail;
use crate::estate::LdapAsk;
use crate::limits::PROBE_TALK_BYTES_MAX;
use crate::observation::{Failure, Phase};

/// Message 1: bind, version 3, no name, no password.
const BIND: [u8; 14] = [0x30, 0x0c, 0x02, 0x01, 0x01, 0x60, 0x07, 0x02, 0x01, 0x03, 0x04, 0x00, 0x80, 0x00];
/// Message 2: farewell.
const UNBIND: [u8; 7] = [0x30, 0x05, 0x02, 0x01, 0x02, 0x42, 0x00];
const BUSY: u8 = 51;
const UNAVAILABLE: u8 = 52;

pub(super) async fn ask(
    ask: &LdapAsk,
    source: Option<IpAddr>,
    tools: &Tools<'_>,
    trail: &Trail,
) -> Result<(), Fault> {
    let mut talk = Talk::open(&ask.target, source, tools, trail).await?;
    if let Some(tls) = &ask.tls {
        talk = talk.secure(&ask.target, tls, tools, trail).await?;
    }
    trail.enter(Phase::Send);
    talk.say(&BIND).await?;
    trail.enter(Phase::FirstByte);
    let mut head = talk.hear_exactly(2).await?;
    let more = more_of_length(&head).ok_or_else(no_ldap)?;
    head.extend(talk.hear_exactly(more).await?);
    let length = length(&head).ok_or_else(no_ldap)?;
    let message = talk.hear_exactly(length).await?;
    trail.rest();
    let code = result(&message).ok_or_else(no_ldap)?;
    // The server may have gone already.
    drop(talk.say(&UNBIND).await);
    match code {
        BUSY | UNAVAILABLE => Err(Fault::new(
            Failure::Status,
            format!("the directory says that it is {}", if code == BUSY { "busy" } else { "unavailable" }),
        )
        .by(Rule::Serves)),
        _ => tls::days_suffice(ask.tls.as_ref().and_then(|tls| tls.certificate_days_min), talk.days_left),
    }
}

fn no_ldap() -> Fault {
    Fault::new(Failure::Protocol, "what answers is no LDAP server")
}

/// How many more bytes hold the length of a message that begins with these two; `None`: no message begins so.
fn more_of_length(head: &[u8]) -> Option<usize> {
    match *head {
        [0x30, short] if short < 0x80 => Some(0),
        // A length without end (0x80) isn't allowed here.
        [0x30, long] if (0x81..=0x84).contains(&long) => Some(usize::from(long & 0x7f)),
        _ => None,
    }
}

/// How long the message behind this whole head is; `None`: longer than any answer to a bind.
fn length(head: &[u8]) -> Option<usize> {
    let length = match head {
        &[_, short] => usize::from(short),
        [_, _, long @ ..] => {
            long.iter().fold(0_usize, |length, byte| length.saturating_mul(256) + usize::from(*byte))
        }
        _ => return None,
    };
    (length <= PROBE_TALK_BYTES_MAX).then_some(length)
}

/// The result code of a bind's answer, or of the notice with which a server hangs up; `None`: it is something else.
/// `message`: what is inside of the outermost sequence.
fn result(message: &[u8]) -> Option<u8> {
    let (&[0x02, id_length], rest) = message.split_first_chunk::<2>()? else { return None };
    let id = rest.get(..usize::from(id_length))?;
    let (&[operation, length], rest) = rest.get(usize::from(id_length)..)?.split_first_chunk::<2>()?;
    // 0x61: the answer to a bind; 0x78, as message 0: a notice of disconnection.
    let ours = operation == 0x61 && id == [1];
    let notice = operation == 0x78 && id == [0];
    if !ours && !notice {
        return None;
    }
    // A long length says how many bytes hold it.
    let skipped = if length < 0x80 { 0 } else { usize::from(length & 0x7f) };
    match rest.get(skipped..skipped + 3)? {
        &[0x0a, 0x01, code] => Some(code),
        _ => None,
    }
}

/// The fuzz target: a directory's answer from its first byte.
#[cfg(any(fuzzing, test))]
pub(crate) fn fuzz(bytes: &[u8]) {
    let mut heard = super::heard::Heard::default();
    heard.add(bytes);
    let Some(mut head) = heard.take(2) else { return };
    let Some(more) = more_of_length(&head).and_then(|more| heard.take(more)) else { return };
    head.extend(more);
    let Some(length) = length(&head) else { return };
    assert!(length <= PROBE_TALK_BYTES_MAX, "more than is ever waited for");
    let Some(message) = heard.take(length) else { return };
    if let Some(code) = result(&message) {
        let says = |part: &[u8]| message.windows(part.len()).any(|window| window == part);
        let answers = says(&[0x02, 0x01, 0x01, 0x61]) || says(&[0x02, 0x01, 0x00, 0x78]);
        assert!(answers && says(&[0x0a, 0x01, code]), "{message:?}");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_answer_to_a_bind_has_a_code_whatever_the_length_of_its_lengths() {
        let short = [0x02, 0x01, 0x01, 0x61, 0x07, 0x0a, 0x01, 0x31, 0x04, 0x00, 0x04, 0x00];
        assert_eq!(result(&short), Some(49));
        let long =
            [0x02, 0x01, 0x01, 0x61, 0x84, 0x00, 0x00, 0x00, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00];
        assert_eq!(result(&long), Some(0));
        let other_message = [0x02, 0x01, 0x05, 0x61, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00];
        assert_eq!(result(&other_message), None);
        let farewell = [0x02, 0x01, 0x00, 0x78, 0x07, 0x0a, 0x01, 0x34, 0x04, 0x00, 0x04, 0x00];
        assert_eq!(result(&farewell), Some(UNAVAILABLE));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _: Option<u8> = result(&bytes);
        }
    }
}
