//! `[notices] texts`, read: the folder with what an operator has made of the letters' texts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::errors::{Placed, Source, Span};
use super::names::shorten;
use super::reader::Reader;
use super::section::Section;
use super::{beside, in_words, read_bounded, utf8_source};
use crate::limits::CONFIG_SIDE_FILE_BYTES_MAX;
use crate::notify::words::texts::{SHIPPED, Texts};

/// The texts of the folder, and the shipped ones for those that it doesn't have. Every flaw is reported with its place in its file.
pub(super) fn texts(reader: &mut Reader<'_>, section: &Section<'_>) -> Texts {
    let Some(name) = section.text(reader, "texts") else { return Texts::shipped() };
    let mut sources = BTreeMap::new();
    let Some(replaced) = files(reader, name, &mut sources) else { return Texts::shipped() };
    let flaws = match Texts::read(&replaced) {
        Ok(texts) => return texts,
        Err(flaws) => flaws,
    };
    for flaw in flaws {
        if let Some(source) = sources.get(flaw.file) {
            let span = Span { start: flaw.span.start, end: flaw.span.end };
            reader.report.add(source, span, flaw.message, flaw.help, None);
        }
    }
    Texts::shipped()
}

/// The files of the folder by name, as far as they can be read.
fn files(
    reader: &mut Reader<'_>,
    name: Placed<&str>,
    sources: &mut BTreeMap<&'static str, Arc<Source>>,
) -> Option<BTreeMap<&'static str, String>> {
    let folder = beside(reader.dir, name.value);
    let shown = folder.display();
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("`texts`: the folder {shown} can't be read: {}", in_words(&error));
            reader.refuse(
                name.span,
                message,
                "linewatch notices texts --out FOLDER makes one with the shipped texts",
            );
            return None;
        }
    };
    // A file that nobody reads would be a change that nobody sees.
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    let known = |name: &str| SHIPPED.iter().any(|(file, _)| *file == name);
    for other in names.iter().filter(|name| !known(name) && !name.starts_with('.') && !name.ends_with('~')) {
        let message =
            format!("`texts`: {shown} has a file that no letter is made with: {:?}", shorten(other));
        let all: Vec<&str> = SHIPPED.iter().map(|(file, _)| *file).collect();
        reader.refuse(
            name.span,
            message,
            format!("it is one of {}; take the file out, or give it its name", all.join(", ")),
        );
    }
    let mut replaced = BTreeMap::new();
    for (file, _) in SHIPPED.iter().filter(|(file, _)| names.iter().any(|name| name == file)) {
        let path = folder.join(file);
        let shown = path.display().to_string();
        let bytes = match read_bounded(&path, CONFIG_SIDE_FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(why) => {
                reader.refuse(
                    name.span,
                    format!("`texts`: {shown} can't be read: {why}"),
                    "make it readable for linewatch",
                );
                continue;
            }
        };
        match String::from_utf8(bytes) {
            Ok(text) => {
                sources.insert(*file, Arc::new(Source::new(&shown, &text)));
                replaced.insert(*file, text);
            }
            Err(error) => drop(utf8_source(reader.report, &shown, error.as_bytes())),
        }
    }
    if replaced.is_empty() && reader.report.is_empty() {
        let message = format!("`texts`: {} has none of the letters' texts in it", folder.display());
        reader.refuse(name.span, message, "linewatch notices texts --out FOLDER writes the shipped ones");
    }
    Some(replaced)
}
