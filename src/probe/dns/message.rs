//! The bytes of a question, and what the bytes that come back are. Pure.

use hickory_proto::op::{Edns, Header, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use crate::probe::fault::Fault;

/// A question on its way.
#[derive(Debug)]
pub(super) struct Question {
    id: u16,
    pub(super) query: Query,
    /// As it goes over the wire.
    pub(super) bytes: Vec<u8>,
}

/// How a question is put, besides what is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// With EDNS, and this size.
    pub(super) edns_size: Option<u16>,
    /// Asks to be told whether the signatures were checked; servers set `ad` only for those who do (RFC 6840).
    pub(super) checked: bool,
    /// The server may ask others. Without, it answers at once, out of its own head.
    pub(super) recursion: bool,
    /// With the id 0, as HTTPS has it (RFC 8484): there the connection tells answers apart.
    pub(super) no_id: bool,
}

impl Manner {
    /// As the stub resolvers of most machines ask.
    pub(super) const PLAIN: Self = Self { edns_size: None, checked: false, recursion: true, no_id: false };
}

/// What bytes from the name server are.
#[derive(Debug)]
pub(super) enum Reading {
    /// The answer, in whole.
    Reply(Box<Message>),
    /// The answer, cut short: ask again over TCP.
    Truncated,
    /// An answer to something else, late, forged or garbled: as if it had not come.
    Stray(&'static str),
    /// It answers this question, and can't be read.
    Broken(String),
}

impl Question {
    /// With an id that nobody can guess (from the operating system's generator, through `rand`).
    pub(super) fn new(name: &str, record: RecordType, manner: Manner) -> Result<Self, Fault> {
        let mut name = Name::from_utf8(name)
            .map_err(|error| Fault::local(format!("\"{name}\" can't be asked for: {error}")))?;
        name.set_fqdn(true);
        let query = Query::query(name, record);
        let mut message = Message::query();
        message.metadata.recursion_desired = manner.recursion;
        message.metadata.authentic_data = manner.checked;
        if manner.no_id {
            message.metadata.id = 0;
        }
        if let Some(size) = manner.edns_size {
            let mut edns = Edns::new();
            edns.set_max_payload(size);
            message.set_edns(edns);
        }
        message.add_query(query.clone());
        let bytes = message
            .to_vec()
            .map_err(|error| Fault::local(format!("the question can't be written: {error}")))?;
        Ok(Self { id: message.metadata.id, query, bytes })
    }

    /// Whether these bytes answer this question. The header and the question are read first, so that an answer
    /// cut in the middle of a record is still known for what it is.
    pub(super) fn read(&self, bytes: &[u8]) -> Reading {
        let mut decoder = BinDecoder::new(bytes);
        let Ok(header) = Header::read(&mut decoder) else {
            return Reading::Stray("shorter than a DNS header");
        };
        if header.metadata.id != self.id {
            return Reading::Stray("another id");
        }
        if header.metadata.message_type != MessageType::Response || header.metadata.op_code != OpCode::Query {
            return Reading::Stray("not an answer");
        }
        let queries = match Message::read_queries(&mut decoder, usize::from(header.counts.queries)) {
            Ok(queries) => queries,
            Err(error) => return Reading::Broken(error.to_string()),
        };
        if !self.is_echoed(&queries, header.metadata.response_code) {
            return Reading::Stray("another question");
        }
        if header.metadata.truncation {
            return Reading::Truncated;
        }
        match Message::from_vec(bytes) {
            Ok(message) => Reading::Reply(Box::new(message)),
            Err(error) => Reading::Broken(error.to_string()),
        }
    }

    /// Servers that can't or won't deal with a question may leave it out; all else repeats it. Names compare
    /// without case, as DNS has it.
    fn is_echoed(&self, queries: &[Query], rcode: ResponseCode) -> bool {
        match queries {
            [] => matches!(
                rcode,
                ResponseCode::FormErr | ResponseCode::ServFail | ResponseCode::NotImp | ResponseCode::Refused
            ),
            [query] => *query == self.query,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::{RData, Record, rdata};
    use proptest::prelude::*;

    use super::*;

    fn question() -> Question {
        Question::new("accurx.example", RecordType::A, Manner::PLAIN).expect("a question")
    }

    fn reply(question: &Question) -> Message {
        let mut message = Message::response(question.id, OpCode::Query);
        message.add_query(question.query.clone());
        let name = question.query.name().clone();
        message.add_answer(Record::from_rdata(name, 60, RData::A(rdata::A::new(192, 0, 2, 1))));
        message
    }

    fn read(question: &Question, message: &Message) -> Reading {
        question.read(&message.to_vec().expect("bytes"))
    }

    #[test]
    fn an_answer_is_known_by_id_and_question() {
        let question = question();
        assert!(matches!(read(&question, &reply(&question)), Reading::Reply(_)));

        let mut other = reply(&question);
        other.metadata.id = question.id.wrapping_add(1);
        assert!(matches!(read(&question, &other), Reading::Stray("another id")));

        let mut other = reply(&question);
        other.queries[0] = Query::query(Name::from_ascii("docman.example.").expect("a name"), RecordType::A);
        assert!(matches!(read(&question, &other), Reading::Stray("another question")));

        let mut other = reply(&question);
        other.metadata.message_type = MessageType::Query;
        assert!(matches!(read(&question, &other), Reading::Stray("not an answer")));
    }

    #[test]
    fn the_case_of_the_question_does_not_count() {
        let question = question();
        let mut shouted = reply(&question);
        shouted.queries[0] =
            Query::query(Name::from_ascii("ACCURX.Example.").expect("a name"), RecordType::A);
        assert!(matches!(read(&question, &shouted), Reading::Reply(_)));
    }

    #[test]
    fn only_an_error_may_leave_the_question_out() {
        let question = question();
        let mut bare = Message::response(question.id, OpCode::Query);
        assert!(matches!(read(&question, &bare), Reading::Stray("another question")));
        bare.metadata.response_code = ResponseCode::Refused;
        assert!(matches!(read(&question, &bare), Reading::Reply(_)));
    }

    #[test]
    fn an_answer_cut_in_the_middle_of_a_record_asks_for_tcp() {
        let question = question();
        let mut message = reply(&question);
        message.metadata.truncation = true;
        let bytes = message.to_vec().expect("bytes");
        assert!(matches!(question.read(&bytes[..bytes.len() - 3]), Reading::Truncated));
    }

    #[test]
    fn a_name_that_points_at_itself_is_broken_not_endless() {
        let question = question();
        let mut bytes = reply(&question).to_vec().expect("bytes");
        // The answer's name is a pointer to the question's, right behind the question: let it point at itself.
        let pointer = question.bytes.len();
        assert_eq!(bytes[pointer], 0xc0, "hickory compresses the second use of a name");
        bytes[pointer + 1] = u8::try_from(pointer).expect("a short message");
        assert!(matches!(question.read(&bytes), Reading::Broken(_)));
    }

    #[test]
    fn a_name_that_is_none_is_our_own_fault() {
        let long = "a".repeat(64) + ".example";
        let fault = Question::new(&long, RecordType::A, Manner::PLAIN).expect_err("a label of 64 characters");
        assert_eq!(fault.failure, crate::observation::Failure::Local);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
            drop(question().read(&bytes));
        }

        #[test]
        fn nor_do_bytes_behind_a_good_header(
            mut counts in proptest::collection::vec(any::<u8>(), 8),
            flags in any::<u8>(),
            rest in proptest::collection::vec(any::<u8>(), 0..700),
        ) {
            let question = question();
            // At most three records a section: otherwise nearly every message ends at the first missing record.
            for count in counts.chunks_mut(2) {
                count[0] = 0;
                count[1] &= 3;
            }
            let mut bytes = question.id.to_be_bytes().to_vec();
            bytes.extend([0x80, flags]);
            bytes.extend(counts);
            bytes.extend(rest);
            drop(question.read(&bytes));
        }

        #[test]
        fn nor_does_a_good_answer_with_some_bytes_changed(
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let question = question();
            let mut bytes = reply(&question).to_vec().expect("bytes");
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            drop(question.read(&bytes));
        }
    }
}
