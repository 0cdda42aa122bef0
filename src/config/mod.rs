//! `probes.toml` and `practices.csv` → [`Config`]: the estate, and the settings around it.
//!
//! [`load`] reads a file, [`parse`] a text; both check everything and report all errors at once, each with
//! file, line, column and the way out. What they return has been checked: every index points somewhere,
//! every address is one, every time-out is above zero and at most its interval. Nothing that is wrong
//! becomes a [`Config`], so a broken reload keeps the old one simply by not having a new one.
//!
//! How a file is read: `toml` gives tables with spans; `section` walks them by hand, since serde
//! would stop at the first error; `values` holds the rules for single words, which the CSV shares.

mod addresses;
mod ambiguity;
mod contacts;
mod csv;
mod egress;
mod errors;
mod escalation;
mod estate_file;
mod exercise;
#[cfg(any(fuzzing, test))]
pub(crate) mod fuzzing;
mod handout;
mod hints;
mod mail;
mod names;
mod ods;
mod practices;
mod practices_csv;
mod probe_kinds;
mod probes;
mod questions;
mod reader;
mod report_file;
mod roles;
mod rtp;
mod secret;
mod section;
mod settings;
mod settings_file;
mod summary;
mod texts;
mod unready;
mod values;
mod ways;
mod web;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::de::DeTable;

pub use ambiguity::{Ambiguities, Ambiguity};
pub use errors::{Errors, Problem};
pub use escalation::parse_link;
pub use handout::Handout;
pub use hints::{Hint, hints};
pub use ods::{
    GpPractice, OdsError, OdsFile, Selection, Standing, ordinary_case, practice_sizes, write_practices,
};
pub use settings::{
    AcknowledgementSettings, ChannelKind, ChannelSettings, ContactSettings, ContactWay, Deadline,
    EscalationStep, ExerciseSettings, HubSettings, MailSecurity, MailSettings, MaintenanceWindow,
    NoticeSettings, OtherIcb, Pcn, PracticeNotices, Rates, RelaySettings, RoleSettings, ScheduleSettings,
    TlsSettings, Tokens, WaySettings,
};
pub use summary::{LaterKind, StepInWords, Summary, TargetRate};
pub use unready::{Unready, unready};

use crate::calendar::Hours;
use crate::estate::Estate;
use crate::limits::CONFIG_FILE_BYTES_MAX;
use errors::{Placed, Report, Source, Span};
use reader::Reader;
use section::{Section, TOP_KEYS};

/// All that one configuration says, checked.
#[derive(Debug, Clone)]
pub struct Config {
    pub estate: Estate,
    pub hub: HubSettings,
    pub mail: Option<MailSettings>,
    /// What else notices leave by.
    pub ways: WaySettings,
    pub notices: NoticeSettings,
    /// Links in letters, and escalation.
    pub acknowledgement: AcknowledgementSettings,
    /// Planned work: measured, not notified.
    pub maintenance: Vec<MaintenanceWindow>,
    /// The earliest first.
    pub deadlines: Vec<Deadline>,
    pub schedule: ScheduleSettings,
    /// Which hours count as core hours: `[report]`.
    pub core_hours: Hours,
    /// What agents at practices are told of it.
    pub handout: Arc<Handout>,
}

/// Reads and checks a configuration file, and the files that it names (relative to its own folder).
pub fn load(path: &Path) -> Result<Config, Errors> {
    let name = path.display().to_string();
    let bytes = read_bounded(path, CONFIG_FILE_BYTES_MAX).map_err(|why| Errors::unreadable(&name, &why))?;
    let dir = path.parent().unwrap_or(Path::new(""));
    match String::from_utf8(bytes) {
        Ok(text) => parse(&name, &text, dir),
        Err(error) => Err(not_utf8(&name, error.as_bytes())),
    }
}

/// Checks a configuration's text. `file_name` stands in errors; files that it names are looked for in `dir`.
pub fn parse(file_name: &str, text: &str, dir: &Path) -> Result<Config, Errors> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = Arc::new(Source::new(file_name, text));
    let mut report = Report::new();
    let mut reader = Reader { source: Arc::clone(&source), report: &mut report, dir };
    let config = read(&mut reader, text);
    match (report.into_errors(&source), config) {
        (None, Some(config)) => Ok(config),
        (Some(errors), _) => Err(errors),
        (None, None) => Err(Errors::unreadable(file_name, "it can't be understood")),
    }
}

/// The configuration, as far as it can be understood; only one without any error reported may be used.
fn read(reader: &mut Reader<'_>, text: &str) -> Option<Config> {
    if text.len() as u64 > CONFIG_FILE_BYTES_MAX {
        reader.refuse(Span::default(), "the file is too large", "is it the right file?");
        return None;
    }
    let (document, syntax) = DeTable::parse_recoverable(text);
    // A key written twice leaves the rest of the file as it was meant. After any other slip of syntax, what
    // follows may have landed in another table, and errors in it would be noise.
    let readable = syntax.iter().all(|error| error.message() == "duplicate key");
    for error in &syntax {
        let span = error.span().map_or(Span::default(), Span::from);
        let (message, help) = match error.message() {
            "duplicate key" => {
                let key = text.get(span.start..span.end).unwrap_or("");
                let key = names::shorten(key);
                (format!("`{key}` is there already in this section"), "keep one of the two")
            }
            other => (other.to_owned(), "mend the TOML; the values are checked after that"),
        };
        reader.refuse(span, message, help);
    }
    if !readable {
        return None;
    }
    let root = Section::root(document.get_ref());
    if root.entries().is_empty() && syntax.is_empty() {
        reader.refuse(
            Span::default(),
            "the file is empty",
            "it needs [icb], and at least one [[network]], [[probe]] and [[practice]]; begin with the probes.toml that comes with linewatch",
        );
        return None;
    }
    root.refuse_unknown(reader, &TOP_KEYS);
    let mut read = estate_file::estate(reader, &root);
    let settings = settings_file::settings(reader, &root, &mut read);
    if !reader.report.is_empty() {
        return None;
    }
    let estate = read.into_estate()?;
    let settings_file::Settings {
        hub,
        mail,
        ways,
        notices,
        acknowledgement,
        maintenance,
        deadlines,
        schedule,
        core_hours,
    } = settings?;
    let handout = Arc::new(Handout::of(text, reader.dir));
    Some(Config {
        estate,
        hub,
        mail,
        ways,
        notices,
        acknowledgement,
        maintenance,
        deadlines,
        schedule,
        core_hours,
        handout,
    })
}

/// A length of time as configurations have it: `30s`, `2h`, `1m30s`; or what is wrong with it.
pub fn length_of_time(text: &str) -> Result<std::time::Duration, String> {
    values::duration(text).map_err(|refusal| format!("{}; {}", refusal.message, refusal.help))
}

/// A file's bytes, or why not, in words.
fn read_bounded(path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(|error| in_words(&error))?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|error| in_words(&error))?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("it is larger than {} KiB", bytes_max / 1024));
    }
    Ok(bytes)
}

fn in_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

/// The error for a file that isn't UTF-8: the place of the first byte that spoils it.
fn not_utf8(name: &str, bytes: &[u8]) -> Errors {
    let mut report = Report::new();
    let source = utf8_source(&mut report, name, bytes);
    report.into_errors(&source).unwrap_or_else(|| Errors::unreadable(name, "it is not UTF-8"))
}

/// A file's text with a stand-in for every byte that isn't UTF-8, the first one reported.
fn utf8_source(report: &mut Report, name: &str, bytes: &[u8]) -> Arc<Source> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let source = Arc::new(Source::new(name, text));
    if let Err(error) = std::str::from_utf8(bytes) {
        let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        let mark = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let start = error.valid_up_to().saturating_sub(mark);
        report.add(
            &source,
            Span { start, end: start + '\u{fffd}'.len_utf8() },
            format!("the byte 0x{byte:02x} is not UTF-8"),
            "save the file as UTF-8 (in Excel: \"CSV UTF-8\")".to_owned(),
            None,
        );
    }
    source
}

/// A file that the configuration names, relative to the configuration's own folder.
fn beside(dir: &Path, name: &str) -> PathBuf {
    dir.join(name)
}

/// The text of a small file that the configuration names; an error stands at the name.
fn side_file(reader: &mut Reader<'_>, key: &str, name: Placed<&str>) -> Option<String> {
    let path = beside(reader.dir, name.value);
    let read = read_bounded(&path, crate::limits::CONFIG_SIDE_FILE_BYTES_MAX)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not text".to_owned()));
    match read {
        Ok(text) => Some(text),
        Err(why) => {
            let message = format!("`{key}`: {} can't be read: {why}", path.display());
            reader.refuse(name.span, message, "paths are relative to the configuration's folder");
            None
        }
    }
}
