//! Whether somebody answers for names that don't exist: a random name is asked for, and must not be there. It is in no
//! cache either, so it also shows whether the name server can still ask others.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tokio::time::Instant;

use super::aside;
use super::exchange::Way;
use super::judge::{rcode_word, refusal};
use super::message::{Manner, Question};
use super::reply::Reply;
use super::written;
use crate::limits::{PROBE_DNS_RANDOM_BYTES, PROBE_DNS_TOLD_MAX};
use crate::observation::Failure;
use crate::probe::fault::Fault;
use crate::probe::nonce::random;

/// A name that nobody has, and what came of asking for it.
#[derive(Debug)]
pub(super) struct Decoy {
    name: String,
    came: Result<Reply, Fault>,
}

/// Asks for a random name under this one.
pub(super) async fn test(
    under: &str,
    record: RecordType,
    manner: Manner,
    way: &Way<'_>,
    until: Instant,
) -> Result<Decoy, Fault> {
    let name = name_under(under)?;
    // Who invents answers invents addresses.
    let record = if record == RecordType::AAAA { record } else { RecordType::A };
    let came = aside::ask(Question::new(&name, record, manner), way, until).await;
    Ok(Decoy { name, came })
}

/// A label that nobody can guess or know, in front of a name.
fn name_under(under: &str) -> Result<String, Fault> {
    let random: [u8; PROBE_DNS_RANDOM_BYTES] = random()?;
    let letters = random.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    let label: String = letters.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect();
    let under = under.strip_suffix('.').unwrap_or(under);
    Ok(if under.is_empty() { label } else { format!("{label}.{under}") })
}

impl Decoy {
    /// For a person who reads the facts.
    pub(super) fn told(&self) -> String {
        let came = match &self.came {
            Ok(reply) => match shown(reply) {
                none if none.is_empty() => rcode_word(reply.message.metadata.response_code).into_owned(),
                some => some,
            },
            Err(fault) => format!("{} ({})", fault.failure.as_str(), fault.detail),
        };
        format!("{}: {came}", self.name)
    }

    /// `asked` is the name of the check itself.
    pub(super) fn verdict(&self, asked: &str) -> Result<(), Fault> {
        let name = &self.name;
        let uncached = format!("a random name is in no cache, as {asked} may be");
        let reply = match &self.came {
            Ok(reply) => reply,
            Err(fault) => return Err(fault.clone().also(&format!("asked for {name}: {uncached}"))),
        };
        let rcode = reply.message.metadata.response_code;
        if rcode == ResponseCode::NXDomain {
            return Ok(());
        }
        if let Some(fault) = refusal(rcode, name) {
            return Err(fault.also(&uncached));
        }
        if reply.message.answers.is_empty() {
            let said =
                format!("the random name {name} is there, if without an address; it should be nxdomain");
            return Err(Fault::new(Failure::WrongAnswer, said));
        }
        let said = format!("{name} does not exist, and the answer for it is {}", shown(reply));
        Err(Fault::new(Failure::Intercepted, said))
    }
}

fn shown(reply: &Reply) -> String {
    reply.message.answers.iter().take(PROBE_DNS_TOLD_MAX).map(written).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::Name;

    use super::*;

    #[test]
    fn a_random_name_is_another_one_each_time_and_can_be_asked_for() {
        let one = name_under("accurx.example.").expect("a name");
        assert!(one.ends_with(".accurx.example"), "{one}");
        assert_ne!(one, name_under("accurx.example").expect("a name"));
        let alone = name_under(".").expect("a name");
        assert_eq!((alone.len(), alone.contains('.')), (2 * PROBE_DNS_RANDOM_BYTES, false));
        assert!(Name::from_utf8(&alone).is_ok());
    }
}
