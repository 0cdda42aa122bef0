//! Every observation that the hub has, on its disk: what evidence is made from, and what can be replayed.
//!
//! | file | subject |
//! |---|---|
//! | `mod.rs` | the volumes of a folder, and appending to the open one |
//! | [`keeping`] | sealing a volume, and letting go of the oldest |
//! | [`reading`] | by practice and time, in order of arrival |
//!
//! An archive is a folder of volumes ([`crate::segments::volume`]). The open one grows by a group of batches at a time, which is on the
//! disk when [`Archive::append`] returns. A group *counts* when its [`Position`] is committed, in the same transaction of the store that
//! says which numbers of which spool were taken: [`Archive::committed`]. A process that dies between the two leaves bytes behind the
//! position, which nobody was told of; the next one cuts them off, and takes the same observations when they come again. So what the
//! hub acknowledged and what its archive has are the same, whatever is killed when.

pub mod keeping;
pub mod reading;

use std::io;
use std::path::{Path, PathBuf};

use crate::folder::{Files, Folder, FolderError};
use crate::limits;
use crate::segments::names::{Named, named, new_name, open_name, sealed_name};
use crate::segments::volume::{self, Unread};
use crate::segments::{Head, put_head};

/// Where the archive of a data folder is.
pub fn folder(data: &Path) -> PathBuf {
    data.join("observations")
}

/// Up to where an archive counts. Volumes below `volume` count wholly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    pub volume: u64,
    pub bytes: u64,
}

/// Why there is no archive.
#[derive(Debug, thiserror::Error)]
#[error("cannot keep observations in {}: {why}; make it a folder that the user of the hub owns", dir.display())]
pub struct ArchiveError {
    pub dir: PathBuf,
    pub why: FolderError,
}

/// The writing end of an archive. Its calls block on the disk.
pub struct Archive {
    files: Box<dyn Files>,
    /// What counts.
    at: Position,
    /// How long the open volume is once what was appended counts.
    end: u64,
    /// There may be something behind `at` in the open volume.
    torn: bool,
}

/// What was found when an archive was opened.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Closed volumes that aren't sealed yet.
    pub unsealed: Vec<u64>,
    /// What is out of order, and what was done, a line each for the log.
    pub remarks: Vec<String>,
}

impl Archive {
    /// Opens or makes the archive in `dir`, for its owner only, and keeps a second process from writing there. `counts`: the position
    /// that was committed last, where it is known.
    pub fn open(dir: &Path, counts: Option<Position>) -> Result<(Self, Opened), ArchiveError> {
        let fail = |why: FolderError| ArchiveError { dir: dir.to_owned(), why };
        let files = Folder::open(dir).map_err(fail)?;
        Self::over(Box::new(files), counts).map_err(|error| fail(error.into()))
    }

    fn over(mut files: Box<dyn Files>, counts: Option<Position>) -> io::Result<(Self, Opened)> {
        let mut opened = Opened::default();
        let (mut open, mut sealed) = (Vec::new(), Vec::new());
        for (name, length) in files.list()? {
            match named(&name) {
                Named::Open(id) => open.push((id, length)),
                Named::Sealed(id) => sealed.push(id),
                Named::New => files.remove(&name)?,
                Named::Foreign => {}
            }
        }
        open.sort_unstable();
        let mut last = open.iter().map(|(id, _)| *id).chain(sealed.iter().copied()).max().unwrap_or(0);
        // Sealing was interrupted after the new file had its name.
        let twice: Vec<u64> =
            sealed.iter().filter(|id| open.iter().any(|(other, _)| other == *id)).copied().collect();
        for id in &twice {
            let whole = is_whole(files.as_mut(), *id)?;
            files.remove(&if whole { open_name(*id) } else { sealed_name(*id) })?;
            if whole {
                open.retain(|(other, _)| other != id);
            }
        }
        let mut counts = counts;
        if let Some(at) = counts {
            // The one volume beyond the position was begun, and nobody was told of what is in it. More than that, and the position
            // isn't this archive's: nothing is thrown away on its word.
            if sealed.iter().any(|id| *id > at.volume) || last > at.volume + 1 {
                opened.remarks.push(format!(
                    "the store knows of observations up to volume {}, and there are volumes up to {last}: is it an older copy? All \
                     are kept; some observations may be there twice",
                    at.volume
                ));
                counts = None;
            } else if last > at.volume {
                files.remove(&open_name(last))?;
                open.retain(|(id, _)| *id != last);
            }
            last = last.max(at.volume);
        }
        let mut archive = Self { files, at: Position { volume: last + 1, bytes: 0 }, end: 0, torn: false };
        if let Some(at) = counts
            && let Some(place) = open.iter().position(|(id, _)| *id == at.volume)
        {
            let (_, length) = open[place];
            if length < at.bytes {
                let missing = at.bytes - length;
                opened
                    .remarks
                    .push(format!("{}: its last {missing} bytes are missing", open_name(at.volume)));
            } else {
                open.remove(place);
                archive.at = at;
                archive.torn = length > at.bytes;
            }
        }
        opened.unsealed = open.into_iter().map(|(id, _)| id).collect();
        Ok((archive, opened))
    }

    /// Adds frames of records, and makes them durable. They count once the position that this returns has been committed; what is
    /// appended before that takes their place.
    pub fn append(&mut self, frames: &[u8]) -> io::Result<Position> {
        let (name, bytes) = (open_name(self.at.volume), self.at.bytes);
        if bytes > 0 && self.torn {
            self.files.cut(&name, bytes)?;
        }
        // Until it counts, none of it is there.
        self.torn = true;
        if bytes == 0 {
            let mut whole = Vec::new();
            put_head(&Head { spool: 0, id: self.at.volume, reserved: 0, level: 0 }, &mut whole);
            whole.extend_from_slice(frames);
            self.end = whole.len() as u64;
            self.files.write(&name, 0, &whole)?;
            self.files.cut(&name, self.end)?;
            self.files.sync(&name)?;
            self.files.sync_folder()?;
        } else {
            self.end = bytes + frames.len() as u64;
            self.files.write(&name, bytes, frames)?;
            self.files.sync(&name)?;
        }
        Ok(Position { volume: self.at.volume, bytes: self.end })
    }

    /// What was appended counts. A volume that is full by that is closed, and to be sealed.
    pub fn committed(&mut self) -> Option<u64> {
        self.at.bytes = self.end;
        self.torn = false;
        (self.end >= limits::VOLUME_BYTES).then(|| {
            let full = self.at.volume;
            self.at = Position { volume: full + 1, bytes: 0 };
            full
        })
    }
}

/// Whether a sealed volume has all that stands in the open one beside it.
fn is_whole(files: &mut dyn Files, id: u64) -> io::Result<bool> {
    let mut count = |name: &str| {
        let mut records = 0_u64;
        let unread = volume::each(&files.read(name, 0, limits::VOLUME_BYTES_MAX)?, None, |_| records += 1);
        Ok::<_, io::Error>((records, unread))
    };
    let (sealed, unread) = count(&sealed_name(id))?;
    Ok(unread == Unread::default() && sealed >= count(&open_name(id))?.0)
}

#[cfg(test)]
mod tests;
