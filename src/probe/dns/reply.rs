//! A name server's answer, and which of its records answer the question. Pure.

use std::collections::HashMap;

use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RData, Record};

use crate::limits::PROBE_DNS_ALIASES_MAX;
use crate::observation::Failure;
use crate::probe::fault::Fault;

/// A name server's answer, whatever it says.
#[derive(Debug)]
pub(in crate::probe) struct Reply {
    pub(in crate::probe) message: Message,
    pub(in crate::probe) over_tcp: bool,
    /// Places among the answers.
    own: Result<Vec<usize>, Fault>,
}

impl Reply {
    pub(super) fn new(message: Message, over_tcp: bool, query: &Query) -> Self {
        let own = own(&message, query);
        Self { message, over_tcp, own }
    }

    /// The records of the type that was asked for that are the name's own, or that of one which it is an alias of. What a name
    /// server tells of others besides is no answer.
    ///
    /// # Errors
    ///
    /// When aliases lead to further ones more than [`PROBE_DNS_ALIASES_MAX`] times: `protocol`.
    pub(in crate::probe) fn own(&self) -> Result<Vec<&Record>, Fault> {
        let places = self.own.as_ref().map_err(Fault::clone)?;
        Ok(places.iter().filter_map(|&place| self.message.answers.get(place)).collect())
    }
}

/// Each record is looked at once, and then one owner an alias: whoever writes the answer chooses its records and their order, and
/// must not choose how long they take.
fn own(message: &Message, query: &Query) -> Result<Vec<usize>, Fault> {
    let mut of: HashMap<&Name, Vec<(usize, &Record)>> = HashMap::new();
    for (place, answer) in message.answers.iter().enumerate() {
        of.entry(&answer.name).or_default().push((place, answer));
    }
    let mut owner = query.name();
    for _ in 0..=PROBE_DNS_ALIASES_MAX {
        // Taken out, so that aliases in a circle end.
        let Some(theirs) = of.remove(owner) else { return Ok(Vec::new()) };
        let asked = theirs.iter().filter(|(_, answer)| answer.record_type() == query.query_type());
        let found: Vec<usize> = asked.map(|(place, _)| *place).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let alias = theirs.iter().find_map(|(_, answer)| match &answer.data {
            RData::CNAME(alias) => Some(&alias.0),
            _ => None,
        });
        match alias {
            Some(next) => owner = next,
            None => return Ok(Vec::new()),
        }
    }
    let name = query.name().to_string();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let said = format!(
        "{name} is an alias of an alias, and so on, more than {PROBE_DNS_ALIASES_MAX} times; no resolver goes as far"
    );
    Err(Fault::new(Failure::Protocol, said))
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::OpCode;
    use hickory_proto::rr::{RecordType, rdata};

    use super::*;
    use crate::probe::dns::message::{Manner, Question, Reading};

    fn name(text: &str) -> Name {
        Name::from_ascii(text).expect("a name")
    }

    /// The address of `accurx.example` behind so many aliases, the last of them first.
    fn chain(aliases: usize) -> Vec<Record> {
        let link = |nth: usize| match nth {
            0 => name("accurx.example."),
            nth => name(&format!("a{nth}.example.")),
        };
        let address = RData::A(rdata::A::new(192, 0, 2, 7));
        let mut answers = vec![Record::from_rdata(link(aliases), 60, address)];
        answers.extend(
            (0..aliases)
                .rev()
                .map(|nth| Record::from_rdata(link(nth), 60, RData::CNAME(rdata::CNAME(link(nth + 1))))),
        );
        answers
    }

    fn own_of(answers: Vec<Record>) -> Result<usize, Fault> {
        let mut message = Message::response(0, OpCode::Query);
        message.add_answers(answers);
        let query = Query::query(name("accurx.example."), RecordType::A);
        Reply::new(message, false, &query).own().map(|own| own.len())
    }

    #[test]
    fn aliases_are_followed_in_any_order_and_no_further_than_a_resolver_does() {
        assert_eq!(own_of(chain(PROBE_DNS_ALIASES_MAX)), Ok(1));
        let fault = own_of(chain(PROBE_DNS_ALIASES_MAX + 1)).expect_err("one too many");
        assert_eq!(fault.failure, Failure::Protocol);
        assert!(fault.detail.starts_with("accurx.example is an alias of an alias"), "{}", fault.detail);
    }

    /// The longest answer that there is, of names that are as dear to compare as can be.
    #[test]
    fn the_dearest_answer_of_64_kib_is_given_up_after_a_few_aliases() {
        // Behind a byte that is the fuzzer's.
        let [_, bytes @ ..] = include_bytes!("../../../fuzz/corpus/dns/aliases-64-kib");
        let manner = Manner { no_id: true, ..Manner::PLAIN };
        let question = Question::new("accurx.example", RecordType::A, manner).expect("a question");
        let Reading::Reply(message) = question.read(bytes) else { panic!("it is an answer") };
        let reply = Reply::new(*message, true, &question.query);
        assert_eq!((bytes.len() / 1024, reply.message.answers.len()), (63, 2_500));
        assert_eq!(reply.own().map_err(|fault| fault.failure), Err(Failure::Protocol));
    }
}
