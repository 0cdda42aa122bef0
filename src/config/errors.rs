//! What is wrong with a configuration, all of it at once, each error with its place and the way out.

use std::fmt;
use std::sync::Arc;

use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::names::Comparisons;
use crate::limits::CONFIG_ERRORS_MAX;

/// Characters of a line that an excerpt shows; a longer line is clipped around the error.
const EXCERPT_CHARS: usize = 150;
/// Characters left of the error that a clipped line keeps.
const EXCERPT_LEAD_CHARS: usize = 50;

/// A stretch of a file's text, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Span {
    pub start: usize,
    pub end: usize,
}

impl From<std::ops::Range<usize>> for Span {
    fn from(range: std::ops::Range<usize>) -> Self {
        Self { start: range.start, end: range.end }
    }
}

/// A value, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed<T> {
    pub value: T,
    pub span: Span,
}

/// One file's text, and where its lines begin.
#[derive(Debug)]
pub(super) struct Source {
    /// As the user would type it.
    pub name: String,
    text: String,
    line_starts: Vec<usize>,
}

impl Source {
    pub fn new(name: &str, text: &str) -> Self {
        let line_starts =
            std::iter::once(0).chain(text.match_indices('\n').map(|(offset, _)| offset + 1)).collect();
        Self { name: name.to_owned(), text: text.to_owned(), line_starts }
    }

    /// Line and column, in characters, both from 1.
    fn position(&self, offset: usize) -> (usize, usize) {
        let offset = self.boundary(offset);
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        (line, self.text[start..offset].chars().count() + 1)
    }

    /// A place as `FILE:LINE:COLUMN`.
    pub fn place(&self, span: Span) -> String {
        let (line, column) = self.position(span.start);
        format!("{}:{line}:{column}", self.name)
    }

    /// The nearest character boundary at or before an offset.
    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    /// A line by its number from 1, without its end.
    fn line(&self, number: usize) -> Option<&str> {
        let start = *self.line_starts.get(number.checked_sub(1)?)?;
        let end = self.line_starts.get(number).map_or(self.text.len(), |next| next - 1);
        Some(self.text[start..end].trim_end_matches('\r'))
    }
}

/// One error of a configuration: where, what, and the way out. Its `Display` is
/// `FILE:LINE:COLUMN: what is wrong`, all on one line.
#[derive(Debug, Clone)]
pub struct Problem {
    source: Arc<Source>,
    span: Span,
    message: String,
    help: String,
    /// The other place, where there are two: a duplicate's first appearance.
    earlier: Option<(Arc<Source>, Span)>,
}

impl Problem {
    /// The file's name, as given on the command line or relative to it.
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// From 1.
    pub fn line(&self) -> usize {
        self.source.position(self.span.start).0
    }

    /// From 1, in characters.
    pub fn column(&self) -> usize {
        self.source.position(self.span.start).1
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    /// How to mend it.
    pub fn help(&self) -> &str {
        &self.help
    }

    /// The offending text underlined, with the lines around it, and the way out.
    pub fn excerpt(&self, colour: bool) -> String {
        let mut out = excerpt(&self.source, self.span, None, &self.help, colour);
        if let Some((source, span)) = &self.earlier {
            let title = format!("first at {}", source.place(*span));
            out.push_str(&excerpt(source, *span, Some(&title), "", colour));
        }
        out
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source.place(self.span), self.message)
    }
}

/// Everything that is wrong, in the order of the files. Its `Display` is one line an error with its way
/// out, fit for a log.
#[derive(Debug, Clone)]
pub struct Errors {
    problems: Vec<Problem>,
    left_out: usize,
    could_not_read: bool,
}

impl Errors {
    /// The file itself can't be read: nothing is known about what it says.
    pub(super) fn unreadable(name: &str, why: &str) -> Self {
        let problem = Problem {
            source: Arc::new(Source::new(name, "")),
            span: Span::default(),
            message: format!("the file can't be read: {why}"),
            help: "give the path of a configuration: linewatch check probes.toml".to_owned(),
            earlier: None,
        };
        Self { problems: vec![problem], left_out: 0, could_not_read: true }
    }

    /// Whether the file couldn't be read at all, as against being wrong.
    pub fn could_not_read(&self) -> bool {
        self.could_not_read
    }

    /// In the order of the files, at most [`CONFIG_ERRORS_MAX`].
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter()
    }

    /// How many there are, with those that were only counted.
    pub fn count(&self) -> usize {
        self.problems.len() + self.left_out
    }

    /// How many were only counted, beyond [`CONFIG_ERRORS_MAX`].
    pub fn left_out(&self) -> usize {
        self.left_out
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
            if !problem.help.is_empty() {
                write!(f, " ({})", problem.help)?;
            }
        }
        if self.left_out > 0 {
            write!(f, "\nand {} more", self.left_out)?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

/// Gathers the errors of one reading.
#[derive(Debug)]
pub(super) struct Report {
    problems: Vec<Problem>,
    left_out: usize,
    /// What "did you mean" may still spend.
    pub comparisons: Comparisons,
}

impl Report {
    pub fn new() -> Self {
        Self { problems: Vec::new(), left_out: 0, comparisons: Comparisons::new() }
    }

    pub fn add(
        &mut self,
        source: &Arc<Source>,
        span: Span,
        message: String,
        help: String,
        earlier: Option<(Arc<Source>, Span)>,
    ) {
        if self.problems.len() >= CONFIG_ERRORS_MAX {
            self.left_out += 1;
            return;
        }
        self.problems.push(Problem { source: Arc::clone(source), span, message, help, earlier });
    }

    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    pub fn count(&self) -> usize {
        self.problems.len() + self.left_out
    }

    /// The errors in the order of their places: the first file's first. `None` when all is well.
    pub fn into_errors(mut self, first: &Arc<Source>) -> Option<Errors> {
        if self.problems.is_empty() {
            return None;
        }
        self.problems.sort_by(|a, b| {
            let place = |problem: &Problem| {
                (
                    !Arc::ptr_eq(&problem.source, first),
                    problem.source.name.clone(),
                    problem.span.start,
                    problem.span.end,
                )
            };
            place(a).cmp(&place(b))
        });
        self.problems
            .dedup_by(|b, a| a.span == b.span && a.message == b.message && Arc::ptr_eq(&a.source, &b.source));
        Some(Errors { problems: self.problems, left_out: self.left_out, could_not_read: false })
    }
}

/// Renders the lines around a span with the span underlined, then the way out.
fn excerpt(source: &Source, span: Span, title: Option<&str>, help: &str, colour: bool) -> String {
    let theme =
        if colour { miette::GraphicalTheme::unicode() } else { miette::GraphicalTheme::unicode_nocolor() };
    let handler = miette::GraphicalReportHandler::new_themed(theme)
        .with_width(110)
        .with_links(false)
        .without_syntax_highlighting()
        .without_primary_span_start();
    let window = Window::new(source, span, title);
    let shown = Shown { help, label: window.label.clone(), window };
    let mut out = String::new();
    if handler.render_report(&mut out, &shown).is_err() {
        return String::new();
    }
    // The handler begins with the message, which stands already in the line above the excerpt.
    let from = out.find('╭').and_then(|frame| out[..frame].rfind('\n')).map_or(0, |end| end + 1);
    out.split_off(from)
}

/// The lines that an excerpt shows: clipped, and made safe for a terminal.
#[derive(Debug)]
struct Window {
    text: String,
    /// Of the first line shown, from 0.
    line: usize,
    lines: usize,
    title: Option<String>,
    label: LabeledSpan,
}

impl Window {
    fn new(source: &Source, span: Span, title: Option<&str>) -> Self {
        let (number, column) = source.position(span.start);
        let clipped = column > EXCERPT_CHARS;
        let skip = if clipped { column - EXCERPT_LEAD_CHARS } else { 0 };
        let mut text = String::new();
        let mut first = number;
        if !clipped && let Some(before) = number.checked_sub(1).and_then(|before| source.line(before)) {
            first = number - 1;
            text.extend(without_secret(before).chars().take(EXCERPT_CHARS).map(harmless));
            text.push('\n');
        }
        let start = text.len();
        let line = without_secret(source.line(number).unwrap_or(""));
        text.extend(line.chars().skip(skip).take(EXCERPT_CHARS).map(harmless));
        let end_of_line = text.len();
        let before: usize =
            line.chars().skip(skip).take(column - 1 - skip).map(|c| harmless(c).len_utf8()).sum();
        let from = start + before;
        let span_end = source.boundary(span.end.max(span.start));
        let span_text = &source.text[source.boundary(span.start)..span_end];
        let first_line = span_text.lines().next().unwrap_or("");
        let length: usize = first_line.chars().map(|c| harmless(c).len_utf8()).sum();
        let length = length.min(end_of_line.saturating_sub(from));
        let mut lines = number - first + 1;
        if !clipped && let Some(after) = source.line(number + 1) {
            text.push('\n');
            text.extend(without_secret(after).chars().take(EXCERPT_CHARS).map(harmless));
            lines += 1;
        }
        Self {
            text,
            line: first.saturating_sub(1),
            lines,
            title: title.map(str::to_owned),
            label: LabeledSpan::new_primary_with_span(None, (from, length)),
        }
    }
}

/// A line with a password or secret in it, up to there, and PEM up to its first dashes: excerpts end up in tickets and
/// e-mails.
fn without_secret(line: &str) -> &str {
    /// A line of a key is 64 characters; its last line may be shorter, and then tells little.
    const KEY_LINE_CHARS: usize = 24;
    let line = line.find("-----BEGIN").map_or(line, |at| &line[..at]);
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    if line.trim().len() >= KEY_LINE_CHARS && line.trim().chars().all(is_base64) {
        return "";
    }
    let ends = ["password", "secret"].into_iter().filter_map(|word| {
        let mut secrets = line.match_indices(word).map(|(at, word)| at + word.len());
        secrets.find(|end| line[*end..].trim_start_matches(['"', '\'', ' ', '\t']).starts_with('='))
    });
    ends.chain(secret_of_url(line)).min().map_or(line, |end| &line[..end])
}

/// Where a URL begins to be a key by itself, as the address of a chat's webhook is: its query, or a long word in its path.
fn secret_of_url(line: &str) -> Option<usize> {
    /// Longer than the words that people put into paths, and shorter than any key.
    const WORD_CHARS: usize = 20;
    let path = line.find("://").and_then(|at| line[at + 3..].find('/').map(|slash| at + 3 + slash))?;
    let query = line[path..].find('?').map(|at| path + at);
    let mut word = path;
    let long = line[path..].char_indices().find_map(|(at, c)| {
        if !c.is_ascii_alphanumeric() {
            word = path + at + c.len_utf8();
        }
        (path + at + 1 >= word + WORD_CHARS).then_some(word)
    });
    query.into_iter().chain(long).min()
}

/// A control character in a hostile file must not reach the terminal as itself, nor one that reorders text.
fn harmless(character: char) -> char {
    match character {
        '\t' => ' ',
        hidden if super::values::is_hidden(hidden) => '\u{fffd}',
        other => other,
    }
}

impl SourceCode for Window {
    fn read_span<'a>(
        &'a self,
        _span: &SourceSpan,
        _lines_before: usize,
        _lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let data = self.text.as_bytes();
        let span = SourceSpan::from((0, data.len()));
        Ok(match &self.title {
            Some(title) => {
                Box::new(MietteSpanContents::new_named(title.clone(), data, span, self.line, 0, self.lines))
            }
            None => Box::new(MietteSpanContents::new(data, span, self.line, 0, self.lines)),
        })
    }
}

/// What miette renders.
#[derive(Debug)]
struct Shown<'a> {
    window: Window,
    label: LabeledSpan,
    help: &'a str,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.help.is_empty()).then(|| Box::new(self.help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.window)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(self.label.clone())))
    }
}
