//! The fuzz targets of the files that operators write: what is refused is refused with its place, and what isn't is an
//! estate without loose ends.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use toml::de::DeTable;

use super::Config;
use super::errors::{Errors, Report, Source};
use super::estate_file;
use super::ods::{self, OdsFile, Sizes, write_practices};
use super::practices_csv;
use super::reader::Reader;
use super::section::Section;
use crate::limits::CONFIG_FILE_BYTES_MAX;

/// Nothing that a file names is there.
const NOWHERE: &str = "/nonexistent/linewatch";

/// Everything but practices.
pub(crate) const ESTATE: &str = r#"
[icb]
code = "QKS"
name = "NHS Kent and Medway"
timezone = "Europe/London"

[[component]]
id = "bt"
kind = "carrier"
name = "BT"

[[component]]
id = "fw-maidstone"
kind = "firewall"
name = "ICB internet firewall, Maidstone"
addresses = ["10.20.0.1"]

[[network]]
id = "internet"
name = "the internet"
through = ["carrier", "firewall"]

[[service]]
id = "accurx"
name = "Accurx"

[[probe]]
id = "accurx-https"
kind = "https"
network = "internet"
service = "accurx"
url = "https://accurx.example/"
every = "30s"
timeout = "5s"
"#;

/// [`ESTATE`] with six practices, and with more sections of `probes.toml`.
pub(crate) fn config(more: &str) -> Option<Config> {
    let practice = |n: u8| {
        format!(
            "[[practice]]\nods = \"G8200{n}\"\nname = \"p\"\nvia = {{ carrier = \"bt\", firewall = \"fw-maidstone\" }}\n"
        )
    };
    let text = ESTATE.to_owned() + more + &(1..=6).map(practice).collect::<String>();
    let config = super::parse("probes.toml", &text, Path::new(NOWHERE));
    assert!(config.is_ok(), "an estate that can't be read tests nothing: {config:?}");
    config.ok()
}

/// `probes.toml`.
pub(crate) fn probes_toml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match super::parse("probes.toml", text, Path::new(NOWHERE)) {
        Err(errors) => refused(&errors),
        Ok(config) => {
            let estate = &config.estate;
            assert!(!estate.practices.is_empty() && !estate.probes.is_empty());
            assert!(
                estate.probes.iter().all(|probe| !probe.timeout.is_zero() && probe.timeout <= probe.every)
            );
            let ids: BTreeSet<&str> = estate.practices.iter().map(|practice| practice.id.as_str()).collect();
            assert_eq!(ids.len(), estate.practices.len(), "two practices of one id");
        }
    }
}

/// `practices.csv`.
pub(crate) fn practices_csv(bytes: &[u8]) {
    let (document, _) = DeTable::parse_recoverable(ESTATE);
    let dir = Path::new(NOWHERE);
    let mut unheard = Report::new();
    let source = Arc::new(Source::new("probes.toml", ESTATE));
    let mut outer = Reader { source: Arc::clone(&source), report: &mut unheard, dir };
    let mut draft = estate_file::estate(&mut outer, &Section::root(document.get_ref()));
    let mut report = Report::new();
    let mut reader = Reader { source: Arc::clone(&source), report: &mut report, dir };
    let rows = practices_csv::of("practices.csv", bytes, &mut reader, &mut draft).unwrap_or(0);
    match report.into_errors(&source) {
        Some(errors) => refused(&errors),
        None => assert_eq!(draft.practices.len(), rows, "a row was lost in silence"),
    }
    let ids: BTreeSet<&str> = draft.practices.iter().map(|practice| practice.id.as_str()).collect();
    let is_sound =
        |id: &&str| id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'));
    assert!(ids.iter().all(is_sound), "{ids:?}");
}

/// The organisations of the NHS, and list sizes, as they are published. The first byte chooses which.
pub(crate) fn ods(bytes: &[u8]) {
    let (how, bytes) = crate::fuzzing::choice(bytes);
    if how & 1 != 0 {
        let lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).count();
        let sizes = ods::practice_sizes(bytes).unwrap_or_default();
        assert!(sizes.len() < lines.max(1), "more sizes than lines behind the names of the columns");
        return;
    }
    let Ok(file) = OdsFile::read(bytes) else { return };
    for ((icb, sub_icb), count) in file.codes() {
        for code in [icb, sub_icb] {
            let found = file.select(&code);
            assert!(found.practices.len() >= count, "{code}: a practice was lost in silence");
            let written = write_practices(&found.practices, &Sizes::new()).unwrap_or_default();
            let rows = csv::Reader::from_reader(written.as_bytes()).into_records().flatten().count();
            assert_eq!(rows, found.practices.len(), "{written:?}");
        }
    }
}

fn refused(errors: &Errors) {
    assert!(errors.count() > 0);
    assert!((errors.to_string().len() as u64) < 4 * CONFIG_FILE_BYTES_MAX);
}
