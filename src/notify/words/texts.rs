//! The letters' texts: layouts and sentences ([`sentences`]) that an operator can replace, and the shipped ones, which are compiled in. Pure:
//! a text's source comes in, a letter goes out.
//!
//! A text may show what a letter has, choose and repeat; it can't reckon, set anything, or call anything. So nothing in it can grow, and
//! what it may do and write in all is bounded ([`TEXT_FUEL`], [`LETTER_BYTES_MAX`]). Pages are escaped. A name that isn't there is an
//! error when the text is read, and so is a letter that leaves out what its reader must know.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior};
use serde::Serialize;

use super::part::{Block, Form, Part};
use super::sentences::{self, Say, Sentences};
use super::{Draft, Letter, plain};
use crate::limits::{LETTER_BYTES_MAX, TEXT_FUEL};
use crate::notify::bounded::Bounded;
use crate::notify::notice::Audience;

#[cfg(test)]
mod tests;

// As shipped, managers and staff have one layout.
const SUBJECT: &str = include_str!("texts/subject.txt");
const TEXT: &str = include_str!("texts/letter.txt");
const PAGE: &str = include_str!("texts/letter.html");

/// Files of the folder, and what is in them unless an operator replaces them.
pub const SHIPPED: [(&str, &str); 7] = [
    ("manager-subject.txt", SUBJECT),
    ("manager.txt", TEXT),
    ("manager.html", PAGE),
    ("staff-subject.txt", SUBJECT),
    ("staff.txt", TEXT),
    ("staff.html", PAGE),
    (sentences::FILE, sentences::SHIPPED),
];

/// What is wrong with a text, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The file's name.
    pub file: &'static str,
    /// Bytes.
    pub span: Range<usize>,
    pub message: String,
    pub help: String,
}

/// A letter couldn't be written with these texts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {why}")]
pub struct TextError {
    pub file: String,
    pub line: usize,
    pub why: String,
}

/// Who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Manager,
    Staff,
}

impl Reader {
    /// Managers have texts of their own; everybody else reads what staff read.
    pub(super) const fn of(audience: &Audience) -> Self {
        match audience {
            Audience::Practices(_) => Self::Manager,
            Audience::Staff | Audience::Role { .. } | Audience::Pcn { .. } | Audience::Owner { .. } => {
                Self::Staff
            }
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Manager => "manager",
            Self::Staff => "staff",
        }
    }

    const fn parts(self) -> &'static [(Part, Form)] {
        match self {
            Self::Manager => &Part::OF_MANAGERS,
            Self::Staff => &Part::OF_STAFF,
        }
    }
}

/// A set of texts, sound as far as can be known before a letter is written.
#[derive(Clone)]
pub struct Texts {
    env: Arc<Environment<'static>>,
    sentences: Sentences,
    replaced: Vec<&'static str>,
}

impl std::fmt::Debug for Texts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Texts").field("replaced", &self.replaced).finish_non_exhaustive()
    }
}

impl Default for Texts {
    fn default() -> Self {
        Self::shipped()
    }
}

impl Texts {
    pub fn shipped() -> Self {
        static SHIPPED_TEXTS: LazyLock<Texts> = LazyLock::new(|| {
            let mut flaws = Vec::new();
            // A test says that there are none.
            Texts::parse(&BTreeMap::new(), &mut flaws)
        });
        SHIPPED_TEXTS.clone()
    }

    /// These in place of the shipped ones, by the names of their files; or all that is wrong with them.
    pub fn read(replaced: &BTreeMap<&'static str, String>) -> Result<Self, Vec<Flaw>> {
        let mut flaws = Vec::new();
        let texts = Self::parse(replaced, &mut flaws);
        for (file, source) in replaced {
            if *file != sentences::FILE && flaws.iter().all(|flaw| flaw.file != *file) {
                flaws.extend(texts.try_out(file, source));
            }
        }
        if flaws.is_empty() { Ok(texts) } else { Err(flaws) }
    }

    /// Names of the files that were replaced.
    pub fn replaced(&self) -> &[&'static str] {
        &self.replaced
    }

    fn parse(replaced: &BTreeMap<&'static str, String>, flaws: &mut Vec<Flaw>) -> Self {
        let mut env = blank();
        env.set_auto_escape_callback(|name| {
            if name.strip_suffix(".html").is_some() { AutoEscape::Html } else { AutoEscape::None }
        });
        env.set_formatter(format);
        for (file, shipped) in SHIPPED.into_iter().filter(|(file, _)| *file != sentences::FILE) {
            let source = replaced.get(file).map_or(shipped, String::as_str);
            if let Some(flaw) = reckons(file, source) {
                flaws.push(flaw);
                continue;
            }
            if let Err(error) = env.add_template_owned(file, source.to_owned()) {
                flaws.push(flaw_of(file, source, &error));
            }
        }
        let sentences = Sentences::parse(replaced.get(sentences::FILE).map(String::as_str), flaws);
        let replaced = SHIPPED.iter().map(|(file, _)| *file).filter(|file| replaced.contains_key(file));
        Self { env: Arc::new(env), sentences, replaced: replaced.collect() }
    }

    /// Writes a specimen of each letter with a text, and looks for what must be in it.
    fn try_out(&self, file: &'static str, source: &str) -> Vec<Flaw> {
        let reader = if file.starts_with("staff") { Reader::Staff } else { Reader::Manager };
        let token = |word: &str| format!("qz{}qz", word.replace('_', ""));
        let mark = |part: Part, form: Form| format!("{}{}", part.word(), form.word());
        let specimen =
            |(part, form): &(Part, Form)| Block::specimen(*part, *form, token(&mark(*part, *form)));
        let whole = Draft {
            subject: format!("{} ({})", token("subject"), token("incident")),
            title: token("title"),
            blocks: reader.parts().iter().map(specimen).collect(),
            footer: vec![token("footer")],
        };
        let written = match self.render(file, &Given::of(&whole)) {
            Ok(written) => written,
            Err(error) => return vec![flaw_of(file, source, &error)],
        };
        // What isn't there in a letter mustn't be asked for either.
        let bare = Draft { blocks: Vec::new(), footer: Vec::new(), ..whole.clone() };
        if let Err(error) = self.render(file, &Given::of(&bare)) {
            return vec![flaw_of(file, source, &error)];
        }
        let lacks = |what: &str, way: String| Flaw {
            file,
            span: 0..0,
            message: format!("this text leaves out {what}"),
            help: way,
        };
        let is_in = |word: &str| written.to_lowercase().contains(&token(word));
        if file.ends_with("subject.txt") {
            let way = "show {{ subject }}, which has it: by it mail programs sort what belongs together";
            return (!is_in("incident"))
                .then(|| lacks("the incident's number", way.to_owned()))
                .into_iter()
                .collect();
        }
        let parts = reader.parts().iter().filter_map(|(part, form)| Some((*part, *form, part.needed()?)));
        let missing = parts.filter(|(part, form, _)| !is_in(&mark(*part, *form))).map(|(part, form, what)| {
            let (part, form) = (part.word(), form.word());
            lacks(
                &format!("{what:?}"),
                format!("show the block whose part is {part:?}, with all that it has where its form is {form:?}"),
            )
        });
        let footer = (!is_in("footer")).then(|| {
            lacks("who writes, and about which incident", "show each line of {{ footer }}".to_owned())
        });
        missing.chain(footer).collect()
    }

    /// What says the sentences of a letter.
    pub(super) const fn say(&self) -> Say<'_> {
        Say::new(&self.sentences)
    }

    pub(super) fn write(&self, reader: Reader, draft: &Draft) -> Result<Letter, TextError> {
        let given = Given::of(draft);
        let write = |ending: &str| {
            let file = format!("{}{ending}", reader.word());
            self.render(&file, &given).map_err(|error| TextError {
                line: error.line().unwrap_or(1),
                why: error.detail().unwrap_or("it can't be written").to_owned(),
                file,
            })
        };
        let subject = plain::sentences(&write("-subject.txt")?);
        Ok(Letter {
            subject: plain::shortened(&subject, super::SUBJECT_CHARS_MAX),
            text: write(".txt")?,
            html: write(".html")?,
        })
    }

    fn render(&self, file: &str, given: &Given<'_>) -> Result<String, Error> {
        let mut page = Bounded::new(LETTER_BYTES_MAX);
        drop(self.env.get_template(file)?.render_captured_to(Value::from(Serde(given)), &mut page)?);
        Ok(page.into_text())
    }
}

/// What a text can show.
#[derive(Serialize)]
struct Given<'a> {
    subject: &'a str,
    title: &'a str,
    blocks: &'a [Block],
    footer: &'a [String],
}

impl<'a> Given<'a> {
    fn of(draft: &'a Draft) -> Self {
        let Draft { subject, title, blocks, footer } = draft;
        Self { subject, title, blocks, footer }
    }
}

/// Values as they are, or as a page shows them.
fn format(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    let (Some(text), AutoEscape::Html) = (value.as_str(), state.auto_escape()) else {
        return minijinja::escape_formatter(out, state, value);
    };
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>', '&', '"', '\'']) {
        let (plain, from) = rest.split_at(at);
        out.write_str(plain)?;
        out.write_str(match from.as_bytes().first() {
            Some(b'<') => "&#60;",
            Some(b'>') => "&#62;",
            Some(b'&') => "&#38;",
            Some(b'"') => "&#34;",
            _ => "&#39;",
        })?;
        rest = &from[1..];
    }
    out.write_str(rest).map_err(Error::from)
}

/// What knows no text yet, and lets texts do little.
pub(super) fn blank() -> Environment<'static> {
    let mut env = Environment::empty();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(TEXT_FUEL));
    env.add_filter("upper", |text: String| text.to_uppercase());
    env.add_filter("lower", |text: String| text.to_lowercase());
    env
}

/// A tag in which something is reckoned or set, which no text needs, and with which one could fill the memory.
pub(super) fn reckons(file: &'static str, source: &str) -> Option<Flaw> {
    let mut at = 0;
    while let Some(open) = source[at..].find("{{").into_iter().chain(source[at..].find("{%")).min() {
        let begins = at + open + 2;
        let close = if source[at + open..].starts_with("{{") { "}}" } else { "%}" };
        let ends = source[begins..].find(close).map_or(source.len(), |end| begins + end);
        let tag = &source[begins..ends];
        let inner = tag.trim_start_matches(['-', '+']).trim_end_matches(['-', '+']);
        let mut quote = None;
        let mut bare = String::with_capacity(inner.len());
        for c in inner.chars() {
            match quote {
                Some(q) if c == q => quote = None,
                Some(_) => {}
                None if matches!(c, '"' | '\'') => quote = Some(c),
                None => bare.push(c),
            }
        }
        let word = bare.split_whitespace().next().unwrap_or_default();
        let is_other = close == "%}" && !["if", "elif", "else", "endif", "for", "endfor"].contains(&word);
        if is_other || bare.contains(['*', '~', '+', '/', '(', '{']) {
            return Some(Flaw {
                file,
                span: begins..ends,
                message: format!("a text can't do this: {}", tag.trim().trim_matches('-').trim()),
                help: "a text may show values, choose (if, elif, else) and repeat (for); filters are upper and lower"
                    .to_owned(),
            });
        }
        at = ends;
    }
    None
}

pub(super) fn flaw_of(file: &'static str, source: &str, error: &Error) -> Flaw {
    let line = |line: usize| {
        let before: usize = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        before..before
    };
    let why = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let (message, help) = match error.kind() {
        minijinja::ErrorKind::UndefinedError => (
            "a letter has nothing by this name".to_owned(),
            "a letter has `subject`, `title`, `footer` (lines) and `blocks`; a block has `part`, `form`, `text` (a link `label` \
             and `url` as well), or `heading` with `sentences`, `items` or `rows`, by its form",
        ),
        minijinja::ErrorKind::OutOfFuel => (
            "this text repeats itself too often".to_owned(),
            "go through `blocks` once, and through what each of them has",
        ),
        minijinja::ErrorKind::UnknownFilter => (why, "filters are upper and lower"),
        minijinja::ErrorKind::WriteFailure => (
            "the letter would be too long".to_owned(),
            "go through `blocks` once, and through what each of them has",
        ),
        _ => (why, "mend it, or begin anew: linewatch notices texts --out FOLDER writes the shipped texts"),
    };
    let span = error.range().or_else(|| error.line().map(line)).unwrap_or(0..0);
    Flaw { file, span, message, help: help.to_owned() }
}
