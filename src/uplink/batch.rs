//! A batch: what stands in a spool, one JSON object a line, compressed with gzip where that is worth it. A line is an observation with its `seq`, or
//! `{"seq":7,"thinned":{…}}` where observations had to make room. What is read comes from outside: it is bounded before and after
//! it is unpacked, and a line that is neither is refused by its number where it has one.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::ranges::Ranges;
use crate::limits::{
    BATCH_LINES_MAX, BATCH_PLAIN_BYTES_MAX, BATCH_TEXT_BYTES_MAX, OBSERVATION_LINE_BYTES_MAX,
};
use crate::observation::Observation;
use crate::segments::{Entry, Record, Thinned};

/// Why a batch can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the batch ends too early, or is damaged")]
    Truncated,
    #[error("the batch is larger than {} KiB when it is unpacked", BATCH_TEXT_BYTES_MAX / 1024)]
    Bomb,
    #[error("the batch has more than {BATCH_LINES_MAX} lines")]
    Lines,
    #[error("line {line} is not an observation with a `seq`: {why}")]
    Garbage {
        line: usize,
        why: String,
        /// Numbers of the lines that aren't observations, as far as they have any.
        seqs: Ranges,
    },
}

/// A line in the place of observations.
#[derive(Serialize, Deserialize)]
struct Gap {
    seq: u64,
    thinned: Thinned,
}

/// A batch as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    pub bytes: Vec<u8>,
    /// Compressed, so that the request has to say so.
    pub is_gzip: bool,
}

/// Records as a batch. What fits into one packet as it is isn't compressed: that would save nobody anything, and costs more than
/// all else that is done with a single observation.
pub fn pack(records: &[Record]) -> std::io::Result<Packed> {
    let text = text(records)?;
    if text.len() <= BATCH_PLAIN_BYTES_MAX {
        return Ok(Packed { bytes: text, is_gzip: false });
    }
    Ok(Packed { bytes: gzip(&text)?, is_gzip: true })
}

/// Compresses a batch's text.
pub fn gzip(text: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text)?;
    packed.finish()
}

/// Records as a batch's text.
pub fn text(records: &[Record]) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for Record { seq, entry } in records {
        match entry {
            Entry::Seen(seen) => {
                serde_json::to_writer(&mut text, &Observation { seq: Some(*seq), ..seen.clone() })?;
            }
            Entry::Thinned(thinned) => {
                serde_json::to_writer(&mut text, &Gap { seq: *seq, thinned: thinned.clone() })?;
            }
        }
        text.push(b'\n');
    }
    Ok(text)
}

/// The text of a compressed batch.
pub fn unpack(bytes: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let mut text = Vec::new();
    let most = u64::try_from(BATCH_TEXT_BYTES_MAX).unwrap_or(u64::MAX);
    // One byte more, so that what is too long is told from what just fits.
    MultiGzDecoder::new(bytes).take(most + 1).read_to_end(&mut text).map_err(|_| Unreadable::Truncated)?;
    if text.len() > BATCH_TEXT_BYTES_MAX { Err(Unreadable::Bomb) } else { Ok(text) }
}

/// The records of a batch's text, in the order of their numbers; of several with one number the first.
pub fn read(text: &[u8]) -> Result<Vec<Record>, Unreadable> {
    if text.len() > BATCH_TEXT_BYTES_MAX {
        return Err(Unreadable::Bomb);
    }
    if text.last().is_some_and(|last| *last != b'\n') {
        return Err(Unreadable::Truncated);
    }
    let mut read: Vec<Record> = Vec::new();
    let mut broken: Option<(usize, String)> = None;
    let mut seqs = Ranges::new();
    for (place, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if place >= BATCH_LINES_MAX {
            return Err(Unreadable::Lines);
        }
        match one(line) {
            Ok(seen) => read.push(seen),
            Err(why) => {
                seqs.extend_from_line(line);
                broken.get_or_insert((place + 1, why));
            }
        }
    }
    if let Some((line, why)) = broken {
        return Err(Unreadable::Garbage { line, why, seqs });
    }
    read.sort_by_key(|record| record.seq);
    read.dedup_by_key(|record| record.seq);
    Ok(read)
}

fn one(line: &[u8]) -> Result<Record, String> {
    if line.len() > OBSERVATION_LINE_BYTES_MAX {
        return Err(format!("it is longer than {OBSERVATION_LINE_BYTES_MAX} bytes"));
    }
    // Nearly all are observations, and no line is both: an observation has no need of `thinned`, and a gap lacks `at`.
    let (seq, entry) = match serde_json::from_slice::<Observation>(line) {
        Ok(mut seen) => {
            seen.clean();
            (seen.seq.ok_or("it has no `seq`")?, Entry::Seen(seen))
        }
        Err(error) => match serde_json::from_slice(line) {
            Ok(Gap { seq, thinned }) => (seq, Entry::Thinned(thinned)),
            Err(_) => return Err(error.to_string()),
        },
    };
    // So that the number after each is one as well, and fits where signed numbers are used.
    if seq > u64::MAX / 2 { Err("its `seq` is too large".to_owned()) } else { Ok(Record { seq, entry }) }
}

impl Ranges {
    /// The number of a line that is JSON, though no observation.
    fn extend_from_line(&mut self, line: &[u8]) {
        #[derive(Deserialize)]
        struct Numbered {
            seq: u64,
        }
        if let Ok(Numbered { seq }) = serde_json::from_slice(line) {
            self.insert(seq);
        }
    }
}

/// The fuzz target: whatever is unpacked and read fits its bounds, and says the same when it is packed and read again.
#[cfg(any(fuzzing, test))]
pub(crate) fn fuzz(bytes: &[u8]) {
    for given in [unpack(bytes).unwrap_or_default(), bytes.to_vec()] {
        let Ok(records) = read(&given) else { continue };
        assert!(records.len() <= BATCH_LINES_MAX && records.windows(2).all(|pair| pair[0].seq < pair[1].seq));
        let packed = text(&records).and_then(|text| gzip(&text)).unwrap_or_default();
        // What is at its bound may grow by what it left out.
        let Ok(text) = unpack(&packed) else { continue };
        match read(&text) {
            Ok(again) => assert_eq!(again, records),
            Err(why) => {
                let mut lines = text.split(|byte| *byte == b'\n');
                assert!(lines.any(|line| line.len() > OBSERVATION_LINE_BYTES_MAX), "{why}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::workers::blank;
    use crate::segments::What;
    use crate::time::At;

    const NOW: At = At::from_millis(1_773_644_400_000);

    fn seen(seq: u64) -> Record {
        Record { seq, entry: Entry::Seen(Observation { seq: Some(seq), ..blank(NOW, "G82002", "web") }) }
    }

    #[test]
    fn what_is_packed_is_read_again() {
        let mut all: Vec<Record> = (5..300).map(seen).collect();
        let (practice, probe) = ("G82002".to_owned(), "web".to_owned());
        let thinned = Thinned { practice, probe, from: NOW, to: NOW, count: 9, what: What::Successes };
        all.push(Record { seq: 300, entry: Entry::Thinned(thinned) });
        let packed = gzip(&text(&all).expect("memory")).expect("memory");
        assert!(packed.len() < 4_000, "{} bytes", packed.len());
        assert_eq!(read(&unpack(&packed).expect("whole")), Ok(all));
    }

    #[test]
    fn half_a_batch_and_a_bomb_are_refused() {
        let packed = pack(&(1..300).map(seen).collect::<Vec<_>>()).expect("memory").bytes;
        assert_eq!(unpack(&packed[..packed.len() / 2]), Err(Unreadable::Truncated));
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        bomb.write_all(&vec![b' '; 64 * 1024 * 1024]).expect("memory");
        let bomb = bomb.finish().expect("memory");
        assert!(bomb.len() < 128 * 1024);
        assert_eq!(unpack(&bomb), Err(Unreadable::Bomb));
        let whole = text(&[seen(1)]).expect("memory");
        assert_eq!(
            read(&whole[..whole.len() - 1]),
            Err(Unreadable::Truncated),
            "its last line may not be whole"
        );
    }

    #[test]
    fn a_line_that_is_no_observation_is_named_by_its_number() {
        let text = b"{\"seq\":7,\"practice\":1}\nnonsense\n";
        let Err(Unreadable::Garbage { line, seqs, .. }) = read(text) else { panic!("it was taken") };
        assert_eq!((line, seqs.to_string().as_str()), (1, "7-7"));
    }

    #[test]
    fn what_fits_into_a_packet_is_sent_as_it_is_and_more_is_compressed() {
        let one = pack(&[seen(1)]).expect("memory");
        assert!(!one.is_gzip && read(&one.bytes) == Ok(vec![seen(1)]), "{one:?}");
        let all: Vec<Record> = (1..50).map(seen).collect();
        let many = pack(&all).expect("memory");
        assert!(many.is_gzip && many.bytes.len() < text(&all).expect("memory").len() / 3);
        assert_eq!(read(&unpack(&many.bytes).expect("whole")), Ok(all));
    }

    #[test]
    fn what_could_steer_a_terminal_or_mislead_an_eye_is_taken_out() {
        let line = r#"{"at":"2026-03-16T07:12:03Z","practice":"G82002","probe":"web","ok":false,"failure":"timeout","ms":5000,"seq":1,
            "detail":"\u001b[2Jall\u0007 well\u202e","path":{"stopped":"reached","sentence":"It \u009bstops\u2028 here: é."}}"#;
        let text = line.replace('\n', "") + "\n";
        let read = read(text.as_bytes()).expect("an observation");
        let Entry::Seen(seen) = &read[0].entry else { panic!("{read:?}") };
        assert_eq!(seen.detail.as_deref(), Some(" [2Jall  well "));
        assert_eq!(seen.path.as_ref().map(|path| path.sentence.as_str()), Some("It  stops  here: é."));
    }
}
