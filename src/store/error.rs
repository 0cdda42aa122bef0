//! What can be wrong with the store, and how to mend it.

use std::path::{Path, PathBuf};

use crate::incident::is_of_exercise;

/// The store can't do what it was asked. Every text names the file and the way out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    #[error("cannot create or use the data folder {}: {why}; give linewatch a folder that it owns with [hub] data", dir.display())]
    Folder { dir: PathBuf, why: String },
    #[error(
        "another linewatch is using {}; two on one folder would send every notice twice: stop the other, or give this one a folder of its own with [hub] data",
        dir.display()
    )]
    InUse { dir: PathBuf },
    #[error("cannot write to {}: {why}; make the folder and the file writable for the user that runs linewatch", file.display())]
    ReadOnly { file: PathBuf, why: String },
    #[error(
        "{} is damaged, or is not a linewatch store ({why}); it is left as it is: move it away and start again, or put a backup in its place",
        file.display()
    )]
    Corrupt { file: PathBuf, why: String },
    #[error(
        "{} was written by a newer linewatch ({why}); start that one, or move the file away",
        file.display()
    )]
    Newer { file: PathBuf, why: String },
    #[error("no space left to write {}: free some, nothing else is needed", file.display())]
    Full { file: PathBuf },
    #[error("{} did not take a write within {waited_s} s; look at the disk", file.display())]
    Slow { file: PathBuf, waited_s: u64 },
    #[error("cannot use {}: {why}", file.display())]
    Other { file: PathBuf, why: String },
    #[error("{} was written by an older linewatch, whose journal is no chain yet; start this one on it once", file.display())]
    Older { file: PathBuf },
    #[error("there is no incident {0}; {on}", on = ways_on(.0))]
    UnknownIncident(String),
}

impl StoreError {
    /// Sorts what SQLite says into what a person can do about it.
    pub(super) fn of(file: &Path, error: &sqlx::Error) -> Self {
        let file = file.to_owned();
        let why = plain(error);
        let sqlx::Error::Database(database) = error else {
            return Self::Other { file, why };
        };
        // The primary result code is the lowest byte of the extended one.
        let code = database.code().and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff);
        match code {
            Some(8 | 14 | 3 | 23) => Self::ReadOnly { file, why },
            Some(11 | 26) => Self::Corrupt { file, why },
            Some(13) => Self::Full { file },
            _ => Self::Other { file, why },
        }
    }

    pub(super) fn of_migration(file: &Path, error: &sqlx::migrate::MigrateError) -> Self {
        use sqlx::migrate::MigrateError;
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => Self::of(file, error),
            MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => {
                Self::Newer { file: file.to_owned(), why: error.to_string() }
            }
            MigrateError::VersionMismatch(_) | MigrateError::Dirty(_) => {
                Self::Corrupt { file: file.to_owned(), why: error.to_string() }
            }
            _ => Self::Other { file: file.to_owned(), why: error.to_string() },
        }
    }
}

/// Where somebody finds the incident that they meant.
fn ways_on(incident: &str) -> &'static str {
    if is_of_exercise(incident) {
        "it was made up for an exercise, and only the drill that plays it knows of it: ask that with --url, while it runs"
    } else {
        "`linewatch status` lists those that are open"
    }
}

/// The database's own words without sqlx's prefix.
fn plain(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => database.message().to_owned(),
        other => other.to_string(),
    }
}
