//! Why a spool can't be opened, and how to mend it.

use std::path::PathBuf;

/// Every text names the place and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    #[error(
        "another agent is using {}; two in one spool would give numbers twice: stop the other, or give this one a folder of its own",
        dir.display()
    )]
    InUse { dir: PathBuf },
    #[error("cannot create or use the spool {}: {why}; make it a folder that the user of the agent owns", dir.display())]
    Folder { dir: PathBuf, why: String },
}
