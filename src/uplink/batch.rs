//! A batch: observations with their numbers, one JSON object a line, compressed with gzip. What is read comes from outside: it
//! is bounded before and after it is unpacked, and a line that isn't an observation is refused by its number where it has one.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::Deserialize;

use super::ranges::Ranges;
use crate::limits::{BATCH_LINES_MAX, BATCH_TEXT_BYTES_MAX, OBSERVATION_LINE_BYTES_MAX};
use crate::observation::Observation;

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

/// Observations as a batch; they carry their numbers as `seq`.
pub fn pack(observations: &[Observation]) -> std::io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    for seen in observations {
        serde_json::to_writer(&mut packed, seen)?;
        packed.write_all(b"\n")?;
    }
    packed.finish()
}

/// The text of a compressed batch.
pub fn unpack(bytes: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let mut text = Vec::new();
    let most = u64::try_from(BATCH_TEXT_BYTES_MAX).unwrap_or(u64::MAX);
    // One byte more, so that what is too long is told from what just fits.
    MultiGzDecoder::new(bytes).take(most + 1).read_to_end(&mut text).map_err(|_| Unreadable::Truncated)?;
    if text.len() > BATCH_TEXT_BYTES_MAX { Err(Unreadable::Bomb) } else { Ok(text) }
}

/// The observations of a batch's text, in the order of their numbers; of several with one number the first.
pub fn read(text: &[u8]) -> Result<Vec<(u64, Observation)>, Unreadable> {
    if text.len() > BATCH_TEXT_BYTES_MAX {
        return Err(Unreadable::Bomb);
    }
    if text.last().is_some_and(|last| *last != b'\n') {
        return Err(Unreadable::Truncated);
    }
    let mut read: Vec<(u64, Observation)> = Vec::new();
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
    read.sort_by_key(|(seq, _)| *seq);
    read.dedup_by_key(|(seq, _)| *seq);
    Ok(read)
}

fn one(line: &[u8]) -> Result<(u64, Observation), String> {
    if line.len() > OBSERVATION_LINE_BYTES_MAX {
        return Err(format!("it is longer than {OBSERVATION_LINE_BYTES_MAX} bytes"));
    }
    let seen: Observation = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let seq = seen.seq.ok_or("it has no `seq`")?;
    // So that the number after each is one as well.
    if seq == u64::MAX { Err("its `seq` is too large".to_owned()) } else { Ok((seq, seen)) }
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
    for text in [unpack(bytes).unwrap_or_default(), bytes.to_vec()] {
        let Ok(seen) = read(&text) else { continue };
        assert!(seen.len() <= BATCH_LINES_MAX && seen.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let all: Vec<Observation> = seen.iter().map(|(_, seen)| seen.clone()).collect();
        let packed = pack(&all).unwrap_or_default();
        assert_eq!(unpack(&packed).and_then(|text| read(&text)), Ok(seen));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::workers::blank;
    use crate::time::At;

    fn seen(seq: u64) -> Observation {
        Observation { seq: Some(seq), ..blank(At::from_millis(1_773_644_400_000), "G82002", "web") }
    }

    #[test]
    fn what_is_packed_is_read_again() {
        let all: Vec<Observation> = (5..300).map(seen).collect();
        let packed = pack(&all).expect("memory");
        assert!(packed.len() < 4_000, "{} bytes", packed.len());
        let read = read(&unpack(&packed).expect("whole")).expect("observations");
        assert_eq!(read.into_iter().map(|(_, seen)| seen).collect::<Vec<_>>(), all);
    }

    #[test]
    fn half_a_batch_and_a_bomb_are_refused() {
        let packed = pack(&(1..300).map(seen).collect::<Vec<_>>()).expect("memory");
        assert_eq!(unpack(&packed[..packed.len() / 2]), Err(Unreadable::Truncated));
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        bomb.write_all(&vec![b' '; 64 * 1024 * 1024]).expect("memory");
        let bomb = bomb.finish().expect("memory");
        assert!(bomb.len() < 128 * 1024);
        assert_eq!(unpack(&bomb), Err(Unreadable::Bomb));
        let mut text = serde_json::to_vec(&seen(1)).expect("JSON");
        assert_eq!(read(&text), Err(Unreadable::Truncated), "its last line may not be whole");
        text.push(b'\n');
        assert_eq!(read(&text).map(|all| all.len()), Ok(1));
    }

    #[test]
    fn a_line_that_is_no_observation_is_named_by_its_number() {
        let text = b"{\"seq\":7,\"practice\":1}\nnonsense\n";
        let Err(Unreadable::Garbage { line, seqs, .. }) = read(text) else { panic!("it was taken") };
        assert_eq!((line, seqs.to_string().as_str()), (1, "7-7"));
    }
}
