//! Where a drill writes: lines with the seconds since its start, with colour only on a terminal, and never
//! with colour alone.

use std::io::{self, IsTerminal as _, Write};

use crate::time::At;

/// The terminal, or whatever stands in its place.
pub struct Paper {
    colour: bool,
    blocks: bool,
    width: usize,
    began: At,
    /// Time of the last line: what is told never runs backwards, though it may be told late.
    latest: At,
}

/// What a line is about; its word stands at the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// What the scenario does.
    Script,
    Check,
    Lines,
    Cause,
    Change,
    Clear,
    Mail,
    Drill,
}

impl Word {
    const fn text(self) -> &'static str {
        match self {
            Self::Script => "fault",
            Self::Check => "check",
            Self::Lines => "lines",
            Self::Cause => "CAUSE",
            Self::Change => "change",
            Self::Clear => "clear",
            Self::Mail => "mail",
            Self::Drill => "drill",
        }
    }

    const fn style(self) -> Style {
        match self {
            Self::Script => Style::Magenta,
            Self::Check | Self::Lines | Self::Drill => Style::Plain,
            Self::Cause => Style::Red,
            Self::Change => Style::Yellow,
            Self::Clear => Style::Green,
            Self::Mail => Style::Blue,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Blue,
    Magenta,
}

impl Style {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "1;31",
            Self::Green => "1;32",
            Self::Yellow => "1;33",
            Self::Blue => "1;34",
            Self::Magenta => "1;35",
        }
    }
}

/// Seconds, two spaces, word, two spaces.
const MARGIN: usize = 18;
const WIDTH_DEFAULT: usize = 100;

impl Paper {
    /// Colour on a terminal that has it, unless `NO_COLOR` is set; block characters where the locale is
    /// UTF-8.
    pub fn of_environment(began: At) -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let dumb = set("TERM").is_none_or(|term| term == "dumb");
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        Self {
            colour: io::stdout().is_terminal() && set("NO_COLOR").is_none() && !dumb,
            blocks: locale.contains("utf-8") || locale.contains("utf8"),
            width: set("COLUMNS")
                .and_then(|columns| columns.parse().ok())
                .unwrap_or(WIDTH_DEFAULT)
                .clamp(60, 140),
            began,
            latest: began,
        }
    }

    #[cfg(test)]
    pub const fn plain(began: At) -> Self {
        Self { colour: false, blocks: false, width: WIDTH_DEFAULT, began, latest: began }
    }

    pub fn seconds(&self, at: At) -> f64 {
        at.millis_since(self.began) as f64 / 1000.0
    }

    /// Whether the reader's characters go beyond ASCII.
    pub const fn has_blocks(&self) -> bool {
        self.blocks
    }

    pub fn paint(&self, text: &str, style: Style) -> String {
        if self.colour && style != Style::Plain {
            format!("\x1b[{}m{text}\x1b[0m", style.code())
        } else {
            text.to_owned()
        }
    }

    /// One happening: when, what kind, and the text, wrapped under itself.
    pub fn line(&mut self, at: At, word: Word, text: &str, style: Style) -> String {
        self.latest = self.latest.max(at);
        let seconds = self.seconds(self.latest);
        let mut line =
            format!("{seconds:>6.1} s  {}  ", self.paint(&format!("{:<6}", word.text()), word.style()));
        for (n, part) in wrap(text, self.width.saturating_sub(MARGIN)).into_iter().enumerate() {
            if n > 0 {
                line.push('\n');
                line.push_str(&" ".repeat(MARGIN));
            }
            line.push_str(&self.paint(part, style));
        }
        line
    }

    /// The same for text that is painted already, and short.
    pub fn painted_line(&mut self, at: At, word: Word, text: &str) -> String {
        self.line(at, word, "", Style::Plain) + text
    }

    /// More about the line before.
    pub fn under(&self, text: &str) -> String {
        let margin = " ".repeat(MARGIN);
        wrap(text, self.width.saturating_sub(MARGIN))
            .into_iter()
            .map(|part| format!("{margin}{}", self.paint(part, Style::Dim)))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// How many of all, as a bar.
    pub fn bar(&self, some: usize, all: usize) -> String {
        const CELLS: usize = 12;
        // Full only when all are there, and empty only when none is.
        let cells = match some * CELLS / all.max(1) {
            0 if some > 0 => 1,
            cells => cells,
        };
        let (full, empty) = if self.blocks { ("█", "░") } else { ("#", ".") };
        let style = if some == all { Style::Green } else { Style::Red };
        self.paint(&full.repeat(cells), style) + &self.paint(&empty.repeat(CELLS - cells), Style::Dim)
    }
}

/// Writes a line at once. An error means that nobody reads any more.
pub fn put(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Breaks at spaces; a word that is longer than the width gets a line of its own.
fn wrap(text: &str, width: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text.trim();
    while rest.chars().count() > width {
        let bound = rest.char_indices().nth(width + 1).map_or(rest.len(), |(at, _)| at);
        let Some(space) = rest[..bound].rfind(' ').or_else(|| rest.find(' ')) else { break };
        lines.push(rest[..space].trim_end());
        rest = rest[space..].trim_start();
    }
    lines.push(rest);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_at_spaces_and_never_within_a_word() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("extraordinarily long", 4), ["extraordinarily", "long"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(wrap("é é é é", 3), ["é é", "é é"]);
    }

    #[test]
    fn a_line_says_when_and_what_and_goes_on_under_itself() {
        let began = At::from_millis(1_000);
        let mut paper = Paper::plain(began);
        let text = "the ICB internet firewall, Maidstone has failed; ".repeat(3);
        let line = paper.line(At::from_millis(13_300), Word::Cause, &text, Style::Bold);
        assert!(line.starts_with("  12.3 s  CAUSE   the ICB internet"), "{line}");
        assert!(line.lines().skip(1).all(|line| line.starts_with(&" ".repeat(MARGIN))), "{line}");
    }

    #[test]
    fn a_bar_is_full_only_when_all_are_there_and_empty_only_when_none_is() {
        let paper = Paper::plain(At::default());
        assert_eq!(paper.bar(40, 40), "#".repeat(12));
        assert_eq!(paper.bar(399, 400), format!("{}.", "#".repeat(11)));
        assert_eq!(paper.bar(1, 400), format!("#{}", ".".repeat(11)));
        assert_eq!(paper.bar(0, 0), ".".repeat(12));
    }
}
