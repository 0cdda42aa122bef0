//! A folder of segment files, as the few operations that spool and archive use it by. Tests put another in its place: `fake.rs`,
//! a disk that stops in the middle of any of them.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::platform::{self, Lock};

#[cfg(test)]
pub(crate) mod fake;
pub(crate) mod whole;

/// Why a folder can't be used.
pub use crate::platform::NoLock as FolderError;

/// Files by their names in one folder. What was written is durable after [`Files::sync`]; names are, after
/// [`Files::sync_folder`].
pub(crate) trait Files: Send {
    /// Name and length in bytes of each file, in no order.
    fn list(&mut self) -> io::Result<Vec<(String, u64)>>;
    /// `length` bytes from `offset`, or fewer where the file ends.
    fn read(&mut self, name: &str, offset: u64, length: usize) -> io::Result<Vec<u8>>;
    /// Makes the file where it is missing. When it fails any part of the bytes may have been written.
    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;
    fn cut(&mut self, name: &str, length: u64) -> io::Result<()>;
    fn sync(&mut self, name: &str) -> io::Result<()>;
    /// Takes the place of a file that is called `to`.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Fine as well when there is no such file.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    fn sync_folder(&mut self) -> io::Result<()>;
}

/// A file that keeps other processes out.
pub(crate) const LOCK: &str = "lock";

/// A folder of this machine.
pub(crate) struct Folder {
    path: PathBuf,
    /// Released by the system when the process dies. None of those that only look on.
    _lock: Option<Lock>,
    /// The file that was used last: nearly always the active segment.
    last: Option<(String, File)>,
}

impl Folder {
    /// Makes the folder (for its owner only) and locks it.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        platform::own_folder(path)?;
        let lock = Lock::take(&path.join(LOCK))?;
        Ok(Self { path: path.to_owned(), _lock: Some(lock), last: None })
    }

    /// Beside whoever holds the lock: for reading, and for files that the other one leaves alone.
    pub fn beside(path: &Path) -> Self {
        Self { path: path.to_owned(), _lock: None, last: None }
    }

    fn file(&mut self, name: &str, create: bool) -> io::Result<&File> {
        if self.last.as_ref().is_none_or(|(last, _)| last != name) {
            let path = self.path.join(name);
            let mut options = platform::own_file();
            let file = options.read(true).write(true).create(create).truncate(false).open(path)?;
            self.last = Some((name.to_owned(), file));
        }
        self.last.as_ref().map(|(_, file)| file).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Files for Folder {
    fn list(&mut self) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            let length = entry.metadata().map(|data| if data.is_file() { data.len() } else { 0 });
            files.push((entry.file_name().to_string_lossy().into_owned(), length.unwrap_or_default()));
        }
        Ok(files)
    }

    fn read(&mut self, name: &str, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let file = self.file(name, false)?;
        let there = file.metadata()?.len().saturating_sub(offset);
        let mut bytes = vec![0; length.min(usize::try_from(there).unwrap_or(length))];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match platform::read_at(file, rest, offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        platform::write_all_at(self.file(name, true)?, bytes, offset)
    }

    fn cut(&mut self, name: &str, length: u64) -> io::Result<()> {
        self.file(name, false)?.set_len(length)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.file(name, false)?.sync_data()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.last = None;
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.last = None;
        match std::fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        platform::sync_folder(&self.path)
    }
}

/// Where nothing can be kept: a spool in memory.
pub(crate) struct Nowhere;

fn nowhere<T>() -> io::Result<T> {
    Err(io::Error::other("there is no disk"))
}

impl Files for Nowhere {
    fn list(&mut self) -> io::Result<Vec<(String, u64)>> {
        nowhere()
    }
    fn read(&mut self, _: &str, _: u64, _: usize) -> io::Result<Vec<u8>> {
        nowhere()
    }
    fn write(&mut self, _: &str, _: u64, _: &[u8]) -> io::Result<()> {
        nowhere()
    }
    fn cut(&mut self, _: &str, _: u64) -> io::Result<()> {
        nowhere()
    }
    fn sync(&mut self, _: &str) -> io::Result<()> {
        nowhere()
    }
    fn rename(&mut self, _: &str, _: &str) -> io::Result<()> {
        nowhere()
    }
    fn remove(&mut self, _: &str) -> io::Result<()> {
        nowhere()
    }
    fn sync_folder(&mut self) -> io::Result<()> {
        nowhere()
    }
}
