//! The agent at a practice: asks its practice's checks, keeps every result on disk, and reports to a hub over whichever address
//! works. Without a hub it goes on with what it last heard from one.
//!
//! | file | subject |
//! |---|---|
//! | [`asks`] | what the hub wishes to have asked now |
//! | [`identity`] | who this agent is, and its key |
//! | [`copy`] | the last good configuration, on disk |
//! | [`link`] | which of the hub's addresses is used, and how long to wait. Pure |
//! | [`cursor`] | what is sent next. Pure |
//! | [`talk`] | one exchange with a hub |
//! | [`keeper`] | from the checks to the spool |
//! | [`sender`] | from the spool to the hub |
//! | [`word`] | what the hub said last, on disk |
//! | [`service`] | all of it: start, another configuration, stop |

pub mod asks;
pub mod copy;
pub mod cursor;
pub mod identity;
pub mod keeper;
pub mod link;
pub mod sender;
pub mod service;
pub mod talk;
pub mod word;

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Writes a file for its owner alone, as a whole or not at all, whatever happens meanwhile.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file =
        std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    // The name is on the disk when its folder is.
    match path.parent() {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Makes a folder for its owner alone.
fn own_folder(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}
