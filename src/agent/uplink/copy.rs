//! The last good configuration that the hub gave, on disk: an agent starts with it, and works without a hub for ever.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::{self, Config};
use crate::folder::whole::{own_folder, write_whole};
use crate::uplink::message::Bundle;

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("{}: {why}", file.display())]
    File { file: PathBuf, why: String },
    #[error("the hub's configuration can't be used by this version: {0}")]
    Broken(String),
    #[error("the hub's configuration is of {got}, not of {own}")]
    OtherPractice { got: String, own: String },
}

#[derive(Serialize, Deserialize)]
struct Kept {
    /// The hub's name for it.
    tag: String,
    bundle: Bundle,
}

/// A configuration that this agent can work with.
#[derive(Debug)]
pub struct Copy {
    pub tag: String,
    pub config: Config,
}

/// The copy in `dir`; `None`: there is none, or none that can be used.
pub fn read(dir: &Path, practice: &str) -> Option<Copy> {
    let file = dir.join("config.json");
    let bytes = std::fs::read(&file).ok()?;
    let kept = serde_json::from_slice::<Kept>(&bytes);
    let copy = kept.map_err(|error| CopyError::File { file, why: error.to_string() });
    match copy.and_then(|kept| try_out(dir, kept.tag, &kept.bundle, practice)) {
        Ok(copy) => Some(copy),
        Err(error) => {
            tracing::warn!("the copy of the configuration is of no use: {error}");
            None
        }
    }
}

/// Tries a new configuration out, and keeps it when it is good.
pub fn write(dir: &Path, tag: String, bundle: Bundle, practice: &str) -> Result<Copy, CopyError> {
    let copy = try_out(dir, tag.clone(), &bundle, practice)?;
    let file = dir.join("config.json");
    let text = serde_json::to_vec(&Kept { tag, bundle }).unwrap_or_default();
    write_whole(&file, &text).map_err(|error| CopyError::File { file, why: error.to_string() })?;
    Ok(copy)
}

/// Reads it as a configuration, with its files in a folder that holds nothing else.
fn try_out(dir: &Path, tag: String, bundle: &Bundle, own: &str) -> Result<Copy, CopyError> {
    let folder = dir.join("config");
    let failed =
        |file: &Path, error: &std::io::Error| CopyError::File { file: file.into(), why: error.to_string() };
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|error| failed(&folder, &error))?;
    }
    own_folder(&folder).map_err(|error| failed(&folder, &error))?;
    for (name, text) in &bundle.files {
        // A name is a name here, wherever the hub would have it lead.
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        let file = folder.join(if is_plain { name } else { "unnamed" });
        write_whole(&file, text.as_bytes()).map_err(|error| failed(&file, &error))?;
    }
    let config = config::parse("the hub's configuration", &bundle.text, &folder)
        .map_err(|errors| CopyError::Broken(errors.to_string()))?;
    match config.estate.practices.as_slice() {
        [one] if one.id == own => Ok(Copy { tag, config }),
        others => {
            let got = others.first().map_or("nobody", |practice| practice.id.as_str()).to_owned();
            Err(CopyError::OtherPractice { got, own: own.to_owned() })
        }
    }
}
