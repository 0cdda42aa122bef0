//! Small files that are there as a whole or not at all.

use std::io::Write as _;
use std::path::Path;

use crate::platform;
pub(crate) use crate::platform::own_folder;

/// Writes a file for its owner alone, as a whole or not at all, whatever happens meanwhile.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = platform::own_file().create(true).truncate(true).write(true).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    // The name is on the disk when its folder is.
    match path.parent() {
        Some(folder) => platform::sync_folder(folder),
        None => Ok(()),
    }
}
