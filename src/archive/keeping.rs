//! Sealing a volume, and letting go of the oldest: what goes on beside the writing of the open one.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::{named, new_name, open_name, sealed_name};
use crate::folder::{Files, Folder};
use crate::limits;
use crate::segments::names::Named;
use crate::segments::volume::{self, SUMMARY_WITHIN};
use crate::time::At;

/// What is the operator's to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long an observation is kept.
    pub keep: Duration,
    /// What all volumes together may take of the disk, in bytes.
    pub bytes_max: u64,
}

/// Volumes that were let go of, as a line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LetGo {
    pub volume: u64,
    pub bytes: u64,
    /// How many observations, and when the first and the last of them reached the hub, where that could be read.
    pub observations: Option<u64>,
    pub from: Option<At>,
    pub to: Option<At>,
    pub why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Kept for long enough.
    Age,
    /// All together were larger than they may be.
    Size,
}

/// Seals a closed volume of the archive in `dir`. Returns how many places of it were damaged.
pub fn seal(dir: &Path, id: u64) -> io::Result<u64> {
    seal_in(&mut Folder::beside(dir), id)
}

/// Lets go of the oldest sealed volumes: those of which everything is older than it is kept, and as many as it takes to have room.
pub fn prune(dir: &Path, settings: Settings, now: At) -> io::Result<Vec<LetGo>> {
    prune_in(&mut Folder::beside(dir), settings, now)
}

pub(super) fn seal_in(files: &mut dyn Files, id: u64) -> io::Result<u64> {
    let open = files.read(&open_name(id), 0, limits::VOLUME_BYTES_MAX)?;
    let sealed = volume::seal(&open, id);
    let new = new_name(id);
    let written = files.write(&new, 0, &sealed.bytes).and_then(|()| files.sync(&new));
    if let Err(error) = written {
        let _as_good_as_gone = files.remove(&new);
        return Err(error);
    }
    files.rename(&new, &sealed_name(id))?;
    files.sync_folder()?;
    files.remove(&open_name(id))?;
    Ok(sealed.damages)
}

pub(super) fn prune_in(files: &mut dyn Files, settings: Settings, now: At) -> io::Result<Vec<LetGo>> {
    let listed = files.list()?;
    let is_ours = |name: &str| named(name) != Named::Foreign;
    let mut all: u64 = listed.iter().filter(|(name, _)| is_ours(name)).map(|(_, length)| length).sum();
    let mut sealed: Vec<(u64, u64)> = listed
        .iter()
        .filter_map(|(name, length)| match named(name) {
            Named::Sealed(id) => Some((id, *length)),
            _ => None,
        })
        .collect();
    sealed.sort_unstable();
    let mut gone = Vec::new();
    for (volume, bytes) in sealed {
        let name = sealed_name(volume);
        let summary = volume::summary(&files.read(&name, 0, SUMMARY_WITHIN)?);
        let is_old = summary.is_some_and(|summary| summary.arrived.1 < now - settings.keep);
        let why = match (is_old, all > settings.bytes_max) {
            (true, _) => Why::Age,
            (false, true) => Why::Size,
            (false, false) => break,
        };
        files.remove(&name)?;
        all -= bytes;
        let (from, to) = summary.map(|summary| summary.arrived).unzip();
        gone.push(LetGo { volume, bytes, observations: summary.map(|s| s.records), from, to, why });
    }
    Ok(gone)
}
