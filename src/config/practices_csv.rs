//! `practices.csv`: one practice a row. The columns `ods,branch,name,postcode,list_size,email,source` may
//! stand in any order; any other column is a role, and its cells name components (`fw-a`, or `fw-a|fw-b`
//! where any one of several will do; empty where the practice names none).

use std::collections::HashMap;
use std::sync::Arc;

use super::csv::{Cell, Rows};
use super::errors::{Placed, Source, Span};
use super::estate_file::{Draft, components_of};
use super::names::shorten;
use super::practices::{EMAILS_MAX, LIST_SIZE_MAX, declare, postcode};
use super::reader::Reader;
use super::values::{self, Refusal, refusal};
use super::{beside, read_bounded};
use crate::estate::{ComponentIx, Practice, RoleUse};
use crate::limits::{CONFIG_FILE_BYTES_MAX, PRACTICES_MAX};

/// Columns that aren't roles.
const COLUMNS: [&str; 7] = ["ods", "branch", "name", "postcode", "list_size", "email", "source"];

/// What the columns of this file are.
#[derive(Debug, Default)]
struct Header {
    /// Positions of [`COLUMNS`].
    known: [Option<usize>; COLUMNS.len()],
    /// Positions and names of the rest.
    roles: Vec<(usize, String)>,
    width: usize,
}

/// The practices of the CSV that `name` stands for in the configuration.
pub(super) fn practices(outer: &mut Reader<'_>, name: Placed<&str>, draft: &mut Draft) {
    let path = beside(outer.dir, name.value);
    let shown = path.display().to_string();
    let bytes = match read_bounded(&path, CONFIG_FILE_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(why) => {
            let message = format!("`practices`: {shown} can't be read: {why}");
            outer.refuse(name.span, message, "the path is relative to the configuration's folder");
            return;
        }
    };
    let before = outer.report.is_empty();
    let read = of(&shown, &bytes, outer, draft);
    if read == Some(0) && before && outer.report.is_empty() {
        let message = format!("`practices`: {shown} has no practice in it");
        outer.refuse(name.span, message, "write one row a practice, under the row of column names");
    }
}

/// The practices of a CSV's bytes; says how many rows there were. `None`: it is no text, and refused.
pub(super) fn of(shown: &str, bytes: &[u8], outer: &mut Reader<'_>, draft: &mut Draft) -> Option<usize> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        super::utf8_source(outer.report, shown, bytes);
        return None;
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let source = Arc::new(Source::new(shown, text));
    let mut reader = Reader { source, report: &mut *outer.report, dir: outer.dir };
    Some(rows(&mut reader, text, draft))
}

/// Reads all rows; says how many there were.
fn rows(reader: &mut Reader<'_>, text: &str, draft: &mut Draft) -> usize {
    let mut rows = Rows::new(text);
    let mut header = None;
    let mut count = 0;
    let mut known_cells: HashMap<String, Vec<ComponentIx>> = HashMap::new();
    for row in &mut rows {
        let cells = match row {
            Ok(cells) => cells,
            Err(broken) => {
                reader.refuse(broken.span, broken.message, broken.help);
                return count.max(1);
            }
        };
        let Some(header) = &header else {
            match self::header(reader, &cells) {
                Some(found) => header = Some(found),
                None => return count,
            }
            continue;
        };
        count += 1;
        if draft.practices.len() >= PRACTICES_MAX {
            let message = "there are too many practices";
            reader.refuse(whole(&cells), message, format!("{PRACTICES_MAX} are the most"));
            return count;
        }
        if let Some(practice) = practice(reader, header, &cells, draft, &mut known_cells) {
            draft.practices.push(practice);
        }
    }
    count
}

fn header(reader: &mut Reader<'_>, cells: &[Cell<'_>]) -> Option<Header> {
    if let [only] = cells
        && let Some(other) = [';', '\t', '|'].into_iter().find(|other| only.value.contains(*other))
    {
        let message = format!("the columns are parted by {other:?}");
        reader.refuse(only.span, message, "part them with commas: save it as \"CSV UTF-8\"");
        return None;
    }
    let mut header = Header { width: cells.len(), ..Header::default() };
    let mut seen: HashMap<String, Span> = HashMap::new();
    for (position, cell) in cells.iter().enumerate() {
        let column = Placed { value: cell.value.trim(), span: cell.span };
        if let Some(first) = seen.insert(column.value.to_owned(), column.span) {
            let source = Arc::clone(&reader.source);
            reader.refuse_twice(column, "column", source, first);
            continue;
        }
        match COLUMNS.iter().position(|known| *known == column.value) {
            Some(known) => header.known[known] = Some(position),
            None => {
                if reader.judge("column", column, values::id).is_some() {
                    header.roles.push((position, column.value.to_owned()));
                }
            }
        }
    }
    let mut complete = true;
    for column in ["ods", "name"] {
        if COLUMNS.iter().zip(header.known).any(|(known, at)| *known == column && at.is_none()) {
            let near = header
                .roles
                .iter()
                .find(|(_, role)| role.eq_ignore_ascii_case(column))
                .map_or_else(String::new, |(_, role)| format!("{role:?} must be written {column:?}; "));
            let message = format!("there is no column {column:?}");
            let help = format!("{near}the first row names the columns: {}, and roles", COLUMNS.join(","));
            reader.refuse(cells.first().map(|first| first.span).unwrap_or_default(), message, help);
            complete = false;
        }
    }
    complete.then_some(header)
}

fn whole(cells: &[Cell<'_>]) -> Span {
    match (cells.first(), cells.last()) {
        (Some(first), Some(last)) => Span { start: first.span.start, end: last.span.end },
        _ => Span::default(),
    }
}

fn practice(
    reader: &mut Reader<'_>,
    header: &Header,
    cells: &[Cell<'_>],
    draft: &mut Draft,
    known_cells: &mut HashMap<String, Vec<ComponentIx>>,
) -> Option<Practice> {
    if cells.len() != header.width {
        let beyond = cells.get(header.width).map_or_else(|| whole(cells), |cell| cell.span);
        let message = format!("this row has {} cells, and the first row {}", cells.len(), header.width);
        reader.refuse(beyond, message, "is a comma missing, or one too many? a comma in a name needs quotes");
        return None;
    }
    let at = |position: usize| -> Option<Placed<&str>> {
        let cell = cells.get(position)?;
        let text = cell.value.trim_matches([' ', '\t']);
        (!text.is_empty()).then_some(Placed { value: text, span: cell.span })
    };
    let cell = |known: usize| header.known.get(known).copied().flatten().and_then(at);
    let [ods, branch, name, code, size, emails, source] =
        [cell(0), cell(1), cell(2), cell(3), cell(4), cell(5), cell(6)];
    let id = match ods {
        Some(ods) => declare(reader, draft, ods, branch),
        None => missing(reader, header, cells, 0),
    };
    let name = match name {
        Some(name) => reader.judge("name", name, values::line),
        None => missing(reader, header, cells, 2),
    };
    let postcode = code.and_then(|code| reader.judge("postcode", code, postcode));
    let list_size = size.and_then(|size| reader.judge("list_size", size, self::list_size));
    let email = emails.map(|emails| self::emails(reader, emails)).unwrap_or_default();
    let source = source.and_then(|source| reader.judge("source", source, values::source));
    let mut via = Vec::with_capacity(header.roles.len());
    for (position, role) in &header.roles {
        let Some(cell) = at(*position) else { continue };
        let any = match known_cells.get(cell.value) {
            Some(any) => any.clone(),
            None => fill(reader, cell, role, draft, known_cells),
        };
        via.push(RoleUse { role: role.clone(), any });
    }
    Some(Practice {
        id: id?,
        name: name?.value,
        postcode: postcode.map(|postcode| postcode.value),
        list_size: list_size.map(|size| size.value),
        email,
        source: source.map(|source| source.value),
        via,
        through: Vec::new(),
    })
}

fn missing<T>(reader: &mut Reader<'_>, header: &Header, cells: &[Cell<'_>], known: usize) -> Option<T> {
    let at = header.known[known].and_then(|position| cells.get(position));
    let span = at.map_or_else(|| whole(cells), |cell| cell.span);
    reader.refuse(span, format!("`{}` is empty", COLUMNS[known]), "every practice needs ods and name");
    None
}

/// The components of a role's cell. A cell that is right is remembered: there are few different ones.
fn fill(
    reader: &mut Reader<'_>,
    cell: Placed<&str>,
    role: &str,
    draft: &Draft,
    known_cells: &mut HashMap<String, Vec<ComponentIx>>,
) -> Vec<ComponentIx> {
    let ids: Vec<Placed<&str>> =
        cell.value.split('|').map(|id| Placed { value: id.trim(), span: cell.span }).collect();
    if let Some(column) = misspelt_column(reader, role)
        && ids.iter().any(|id| draft.component_names.position(id.value).is_none())
    {
        let message = format!("no component is called {:?}", shorten(cell.value));
        let help = format!("the column {role:?} is read as a role; did you mean the column {column:?}?");
        reader.refuse(cell.span, message, help);
        return Vec::new();
    }
    let any = components_of(reader, &draft.component_names, &ids);
    if any.len() == ids.len() {
        known_cells.insert(cell.value.to_owned(), any.clone());
    }
    any
}

/// The known column that a role's name is suspiciously near to.
fn misspelt_column(reader: &mut Reader<'_>, role: &str) -> Option<&'static str> {
    reader.report.comparisons.nearest(role, COLUMNS.into_iter())
}

fn list_size(text: &str) -> Result<u32, Refusal> {
    match text.replace(',', "").parse::<u32>() {
        Ok(size) if i64::from(size) <= LIST_SIZE_MAX => Ok(size),
        _ => refusal(
            format!("{:?} is not a number of patients", shorten(text)),
            format!("write a whole number up to {LIST_SIZE_MAX}, or leave the cell empty"),
        ),
    }
}

/// Several addresses are parted by `;` or spaces.
fn emails(reader: &mut Reader<'_>, cell: Placed<&str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for address in cell.value.split([';', ' ']).filter(|address| !address.is_empty()) {
        let address = Placed { value: address, span: cell.span };
        if let Some(address) = reader.judge("email", address, values::email)
            && !found.contains(&address.value)
        {
            found.push(address.value);
        }
    }
    if found.len() > EMAILS_MAX {
        reader.refuse(cell.span, "`email` has too many addresses", format!("{EMAILS_MAX} are the most"));
    }
    found
}
