//! What the hub said last of faults that hit the practice, on disk, so that the practice's page has it after a restart.

use std::path::Path;

use crate::agent::site::LastWord;
use crate::folder::whole::write_whole;

const FILE: &str = "word.json";

/// The last word in `dir`; `None`: there is none, or none that can be read. The next is a batch away.
pub fn read(dir: &Path) -> Option<LastWord> {
    serde_json::from_slice(&std::fs::read(dir.join(FILE)).ok()?).ok()
}

/// Keeps it.
pub fn write(dir: &Path, word: &LastWord) -> std::io::Result<()> {
    write_whole(&dir.join(FILE), &serde_json::to_vec(word)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::At;

    #[test]
    fn what_is_kept_is_read_and_what_is_broken_is_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(read(dir.path()), None);
        let word =
            LastWord { heard: At::from_millis(1_700_000_000_000), sentences: vec!["It fails.".into()] };
        write(dir.path(), &word).expect("room");
        assert_eq!(read(dir.path()), Some(word));
        std::fs::write(dir.path().join(FILE), "{").expect("room");
        assert_eq!(read(dir.path()), None);
    }
}
