//! Reading an archive, also while a hub writes it: all of it, or one practice and some days, in order of arrival.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;

use super::{named, open_name, sealed_name};
use crate::folder::{Files, Folder};
use crate::limits;
use crate::segments::names::Named;
pub use crate::segments::volume::Unread;
use crate::segments::volume::{self, SUMMARY_WITHIN};
use crate::segments::{Entry, Framer, Record};
use crate::time::At;

/// Which observations are asked for; nothing said: all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    pub practice: Option<String>,
    pub probe: Option<String>,
    /// By when the check began: from, and before.
    pub from: Option<At>,
    pub to: Option<At>,
}

/// Hands out records in order of arrival, a volume at a time: memory for one volume, and for what of the one before may belong among it.
pub struct Reader {
    files: Box<dyn Files>,
    query: Query,
    /// Those that are still to be read, with the length of those that were sealed.
    volumes: VecDeque<(u64, Option<u64>)>,
    /// Of the volumes so far, what isn't handed out yet: frames, and where each begins, the last to be handed out first.
    frames: Vec<u8>,
    places: Vec<(At, usize, usize)>,
    /// Up to when arrivals may be handed out: what comes later may still have something before it.
    sure: At,
    unread: Unread,
}

/// The records of the archive in `dir` that are asked for.
pub fn read(dir: &Path, query: Query) -> io::Result<Reader> {
    // Without this the folder would be taken for one without volumes.
    std::fs::read_dir(dir)?;
    Reader::over(Box::new(Folder::beside(dir)), query)
}

impl Reader {
    pub(super) fn over(mut files: Box<dyn Files>, query: Query) -> io::Result<Self> {
        let mut volumes = BTreeMap::new();
        for (name, length) in files.list()? {
            match named(&name) {
                Named::Sealed(id) => drop(volumes.insert(id, Some(length))),
                Named::Open(id) => drop(volumes.entry(id).or_default()),
                Named::New | Named::Foreign => {}
            }
        }
        Ok(Self {
            files,
            query,
            volumes: volumes.into_iter().collect(),
            frames: Vec::new(),
            places: Vec::new(),
            sure: At::default(),
            unread: Unread::default(),
        })
    }

    /// What couldn't be read so far.
    pub fn unread(&self) -> Unread {
        self.unread
    }

    /// Takes up the next volume. False: there is none.
    fn load(&mut self) -> io::Result<bool> {
        let Some((id, length)) = self.volumes.pop_front() else { return Ok(false) };
        let bytes = match self.sealed(id, length) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let open = self.files.read(&open_name(id), 0, limits::VOLUME_BYTES_MAX);
                match open.map(|bytes| volume::written(&bytes).to_vec()) {
                    // It was sealed meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => self.sealed(id, length),
                    read => read,
                }
            }
            read => read,
        };
        let bytes = match bytes {
            // It was let go of meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            bytes => bytes?,
        };
        let query = &self.query;
        let (mut frames, mut places) = (Vec::new(), Vec::new());
        for (at, from, to) in self.places.drain(..).rev() {
            let begin = frames.len();
            frames.extend_from_slice(self.frames.get(from..to).unwrap_or_default());
            places.push((at, begin, frames.len()));
        }
        let mut latest = At::default();
        let unread = volume::each(&bytes, query.practice.as_deref(), |record| {
            latest = latest.max(record.arrival());
            if query.wants(&record) {
                let begin = frames.len();
                Framer::default().put(&record, &mut frames);
                places.push((record.arrival(), begin, frames.len()));
            }
        });
        self.unread.damages += unread.damages;
        self.unread.records += unread.records;
        places.sort_by_key(|(arrival, ..)| *arrival);
        places.reverse();
        (self.frames, self.places) = (frames, places);
        self.sure = self.sure.max(latest - limits::ARCHIVE_DISORDER);
        Ok(true)
    }

    /// The part of a sealed volume in which what is asked for stands.
    fn sealed(&mut self, id: u64, length: Option<u64>) -> io::Result<Vec<u8>> {
        let name = sealed_name(id);
        let beginning = self.files.read(&name, 0, SUMMARY_WITHIN)?;
        if let Some(summary) = volume::summary(&beginning) {
            let (first, last) = summary.began;
            let is_before = self.query.from.is_some_and(|from| last < from);
            if is_before || self.query.to.is_some_and(|to| to <= first) {
                return Ok(Vec::new());
            }
        }
        let (from, to) = match (self.query.practice.clone(), length) {
            (Some(practice), Some(length)) => self.part_of(&name, length, practice.as_bytes())?,
            _ => (0, u64::MAX),
        };
        let most = usize::try_from(to - from).unwrap_or(usize::MAX).min(limits::VOLUME_BYTES_MAX);
        self.files.read(&name, from, most)
    }

    /// From and to which byte of a sealed volume one practice's sheets are, found by halving. Both are where a sheet begins.
    fn part_of(&mut self, name: &str, length: u64, practice: &[u8]) -> io::Result<(u64, u64)> {
        let look = limits::VOLUME_LOOK_BYTES as u64;
        let (mut from, mut to) = (0, length);
        let (mut low, mut high) = (0, length);
        while high.saturating_sub(low) > look {
            let middle = low + (high - low) / 2;
            let there = self.files.read(name, middle, limits::VOLUME_LOOK_BYTES)?;
            match volume::first_sheet(&there).map(|(offset, first)| (middle + offset as u64, first)) {
                Some((begin, first)) if first < practice => {
                    from = begin;
                    low = begin.max(middle + 1);
                }
                Some((begin, first)) => {
                    if first > practice {
                        to = to.min(begin);
                    }
                    high = middle;
                }
                None => high = middle,
            }
        }
        Ok((from, to))
    }
}

impl Iterator for Reader {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let is_sure =
                self.volumes.is_empty() || self.places.last().is_some_and(|(at, ..)| *at <= self.sure);
            if is_sure {
                let (_, from, to) = self.places.pop()?;
                let mut found = None;
                volume::each(self.frames.get(from..to).unwrap_or_default(), None, |record| {
                    found = Some(record);
                });
                if let Some(record) = found {
                    return Some(Ok(record));
                }
            } else if let Err(error) = self.load() {
                return Some(Err(error));
            }
        }
    }
}

impl Query {
    fn wants(&self, record: &Record) -> bool {
        let probe = match &record.entry {
            Entry::Seen(seen) => &seen.probe,
            Entry::Thinned(thinned) => &thinned.probe,
        };
        let at = record.at();
        self.practice.as_ref().is_none_or(|practice| practice == record.practice())
            && self.probe.as_ref().is_none_or(|wanted| wanted == probe)
            && self.from.is_none_or(|from| from <= at)
            && self.to.is_none_or(|to| at < to)
    }
}
