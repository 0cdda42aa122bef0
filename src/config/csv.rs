//! CSV (RFC 4180) with the place of every cell. The `csv` crate knows lines only; an error must point at
//! the cell. It also lets a missing quote swallow the rest of the file, which here is an error.

use std::borrow::Cow;

use super::errors::{Placed, Span};

/// One cell: its text without quotes, and where it stands, quotes included.
pub(super) type Cell<'t> = Placed<Cow<'t, str>>;

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BrokenRow {
    pub span: Span,
    pub message: &'static str,
    pub help: &'static str,
}

/// The rows of a text. Lines end in LF or CRLF; empty lines are left out. Nothing follows a broken row.
#[derive(Debug)]
pub(super) struct Rows<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Rows<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    fn broken(&mut self, span: Span, message: &'static str, help: &'static str) -> BrokenRow {
        self.at = self.text.len();
        BrokenRow { span, message, help }
    }

    fn cell(&mut self) -> Result<Cell<'t>, BrokenRow> {
        let start = self.at;
        let rest = &self.text[start..];
        if !rest.starts_with('"') {
            let end = rest.find([',', '\n', '"']).unwrap_or(rest.len());
            if rest[end..].starts_with('"') {
                let span = Span { start: start + end, end: start + end + 1 };
                return Err(self.broken(
                    span,
                    "a quote in the middle of a cell",
                    "put the whole cell in quotes, and double each quote in it",
                ));
            }
            self.at = start + end;
            let mut text = &rest[..end];
            if !rest[end..].starts_with(',') {
                text = text.strip_suffix('\r').unwrap_or(text);
            }
            let span = Span { start, end: start + text.len() };
            return Ok(Placed { value: Cow::Borrowed(text), span });
        }
        let mut from = 1;
        loop {
            let Some(quote) = rest[from..].find('"').map(|found| from + found) else {
                let span = Span { start, end: start + 1 };
                return Err(self.broken(span, "this quote is never closed", "close it with another quote"));
            };
            if rest[quote + 1..].starts_with('"') {
                from = quote + 2;
                continue;
            }
            let inner = &rest[1..quote];
            let value = if inner.contains('"') {
                Cow::Owned(inner.replace("\"\"", "\""))
            } else {
                Cow::Borrowed(inner)
            };
            self.at = start + quote + 1;
            let after = &self.text[self.at..];
            if let Some(end) = after.strip_prefix('\r')
                && (end.is_empty() || end.starts_with('\n'))
            {
                self.at += 1;
            } else if !(after.is_empty() || after.starts_with([',', '\n'])) {
                let span = Span { start: self.at, end: self.at + 1 };
                return Err(self.broken(
                    span,
                    "text after the closing quote of a cell",
                    "double each quote that belongs to the cell's text",
                ));
            }
            return Ok(Placed { value, span: Span { start, end: start + quote + 1 } });
        }
    }
}

impl<'t> Iterator for Rows<'t> {
    type Item = Result<Vec<Cell<'t>>, BrokenRow>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.at >= self.text.len() {
                return None;
            }
            let mut cells = Vec::with_capacity(12);
            loop {
                match self.cell() {
                    Ok(cell) => cells.push(cell),
                    Err(broken) => return Some(Err(broken)),
                }
                let next = self.text[self.at..].chars().next();
                self.at += usize::from(next.is_some());
                match next {
                    // A comma at the very end of the file has an empty cell after it.
                    Some(',') => {}
                    _ => break,
                }
            }
            if cells.iter().all(|cell| cell.value.trim().is_empty()) {
                continue;
            }
            return Some(Ok(cells));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Vec<String>> {
        Rows::new(text)
            .map(|row| row.expect("a good row").into_iter().map(|cell| cell.value.into_owned()).collect())
            .collect()
    }

    #[test]
    fn quotes_crlf_and_empty_lines_are_what_spreadsheets_write() {
        let rows =
            read("ods,name\r\n\r\nG82002,\"St James' \"\"old\"\" Surgery, Dover\"\r\n,,\r\nG82003,\"\"");
        assert_eq!(
            rows,
            [vec!["ods", "name"], vec!["G82002", "St James' \"old\" Surgery, Dover"], vec!["G82003", ""]]
        );
    }

    #[test]
    fn a_line_break_in_quotes_belongs_to_the_cell() {
        assert_eq!(read("a,\"b\nc\",d\ne,f,\n"), [vec!["a", "b\nc", "d"], vec!["e", "f", ""]]);
    }

    #[test]
    fn the_place_of_a_cell_includes_its_quotes() {
        let row = Rows::new("a,\"b\"\r\n").next().expect("a row").expect("a good one");
        assert_eq!(row[0].span, Span { start: 0, end: 1 });
        assert_eq!(row[1].span, Span { start: 2, end: 5 });
    }

    #[test]
    fn a_missing_quote_is_an_error_and_swallows_nothing_in_silence() {
        let broken = |text| Rows::new(text).find_map(Result::err).map(|broken| broken.span.start);
        assert_eq!(broken("a,b\nc,\"d\ne,f\n"), Some(6));
        assert_eq!(broken("a,b\"c\"\n"), Some(3));
        assert_eq!(broken("\"a\"b,c\n"), Some(3));
    }
}
