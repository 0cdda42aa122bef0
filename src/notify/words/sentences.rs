//! What letters say, sentence by sentence: a catalogue that an operator can replace in part. `texts/sentences.toml` is the shipped one, and
//! the only place in which these sentences stand. Pure: a catalogue's source comes in.
//!
//! The code says which sentence comes where, and gives it its variables; the catalogue says how it reads. A sentence may show its variables
//! and choose by them, as the letters' layouts may ([`super::texts`]), and what its reader must know has to be in it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use minijinja::Environment;
use minijinja::value::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::plain;
use super::texts::{Flaw, TextError, blank, flaw_of, reckons};

mod list;
#[cfg(test)]
mod tests;

pub(super) use list::*;

/// The catalogue's file.
pub(super) const FILE: &str = "sentences.toml";
pub(super) const SHIPPED: &str = include_str!("texts/sentences.toml");

/// A sentence of the catalogue, with as many variables as the code must give it.
#[derive(Debug)]
pub(super) struct Sentence<const N: usize> {
    /// Section and key: `manager.began`.
    name: &'static str,
    shows: [Variable; N],
}

/// The same whatever its variables.
pub(super) struct Entry {
    name: &'static str,
    shows: &'static [Variable],
    /// Where it is, the letter does without.
    may_be_empty: bool,
}

/// What a sentence shows. A word means the same in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variable {
    Icb,
    Since,
    Until,
    Time,
    Length,
    Others,
    Count,
    Total,
    Incident,
    Into,
    Who,
    Contact,
    Practice,
    Place,
    /// The same where nothing else says what the letter is about.
    PlaceNamed,
    Ods,
    Service,
    Needs,
    Component,
    Cause,
    Fault,
    Fix,
    Role,
    Subject,
    What,
    Hit,
    How,
    Word,
    GoOn,
}

impl Variable {
    const fn word(self) -> &'static str {
        match self {
            Self::Icb => "icb",
            Self::Since => "since",
            Self::Until => "until",
            Self::Time => "time",
            Self::Length => "length",
            Self::Others => "others",
            Self::Count => "count",
            Self::Total => "total",
            Self::Incident => "incident",
            Self::Into => "into",
            Self::Who => "who",
            Self::Contact => "contact",
            Self::Practice => "practice",
            Self::Place | Self::PlaceNamed => "place",
            Self::Ods => "ods",
            Self::Service => "service",
            Self::Needs => "needs",
            Self::Component => "component",
            Self::Cause => "cause",
            Self::Fault => "fault",
            Self::Fix => "fix",
            Self::Role => "role",
            Self::Subject => "subject",
            Self::What => "what",
            Self::Hit => "hit",
            Self::How => "how",
            Self::Word => "word",
            Self::GoOn => "go_on",
        }
    }

    const fn is_number(self) -> bool {
        matches!(self, Self::Others | Self::Count | Self::Total | Self::GoOn)
    }

    /// Whether a sentence that has it must show it. A subject names the place, and an ICB may call itself what it likes.
    const fn is_needed(self) -> bool {
        !self.is_number() && !matches!(self, Self::Icb | Self::Place)
    }

    /// A word that can be looked for.
    fn token(self) -> String {
        format!("qz{}qz", self.word())
    }

    /// What it is when a sentence is tried out, one after the other.
    fn specimens(self) -> Vec<Value> {
        if self.is_number() {
            [0_usize, 1, 2, 12].map(Value::from).to_vec()
        } else {
            vec![self.token().into()]
        }
    }
}

/// A catalogue, sound as far as can be known before a letter is written.
#[derive(Clone)]
pub(super) struct Sentences {
    env: Arc<Environment<'static>>,
}

/// A sentence of an operator's file, and where it stands there.
struct Placed<'s> {
    entry: &'static Entry,
    text: &'s str,
    span: Range<usize>,
}

impl Sentences {
    /// The shipped catalogue, with what an operator has of it in its place. `None`: nothing.
    pub(super) fn parse(replaced: Option<&str>, flaws: &mut Vec<Flaw>) -> Self {
        let mut env = blank();
        for source in std::iter::once(SHIPPED).chain(replaced) {
            let Some(table) = table(source, flaws) else { continue };
            let all = read(&table, source, flaws);
            for placed in &all {
                flaws.extend(add(&mut env, placed, source));
            }
            if flaws.is_empty() {
                flaws.extend(sorts_apart(&env, &all));
            }
        }
        Self { env: Arc::new(env) }
    }

    fn render(&self, name: &str, given: BTreeMap<&'static str, Value>) -> Result<String, minijinja::Error> {
        say(&self.env, name, given)
    }
}

fn table<'s>(source: &'s str, flaws: &mut Vec<Flaw>) -> Option<DeTable<'s>> {
    match DeTable::parse(source) {
        Ok(table) => Some(table.into_inner()),
        Err(error) => {
            flaws.push(Flaw {
                file: FILE,
                span: error.span().unwrap_or(0..0),
                message: error.message().to_owned(),
                help: "a sentence is a line such as: next_letter = \"We will write when it is over.\""
                    .to_owned(),
            });
            None
        }
    }
}

/// The sentences of a file, as far as there are such.
fn read<'s>(table: &'s DeTable<'s>, source: &str, flaws: &mut Vec<Flaw>) -> Vec<Placed<'s>> {
    let mut all = Vec::new();
    let mut refuse = |span: Range<usize>, message: String, help: String| {
        flaws.push(Flaw { file: FILE, span, message, help });
    };
    for (section, sentences) in table {
        let DeValue::Table(sentences) = sentences.get_ref() else {
            let (word, help) = (
                section.get_ref(),
                "sentences stand in sections: [manager], and under it next_letter = \"…\"",
            );
            refuse(section.span(), format!("{word:?} stands in no section"), help.to_owned());
            continue;
        };
        for (key, value) in sentences {
            let name = format!("{}.{}", section.get_ref(), key.get_ref());
            let Some(entry) = ALL.iter().find(|entry| entry.name == name) else {
                refuse(key.span(), format!("no letter says {:?}", plain::name(&name)), suggestion(&name));
                continue;
            };
            match value.get_ref() {
                DeValue::String(text) => {
                    all.push(Placed {
                        entry,
                        text: text.as_ref(),
                        span: within(value, text.as_ref(), source),
                    });
                }
                _ => refuse(
                    value.span(),
                    format!("`{name}` is no text"),
                    format!("write {} = \"…\"", key.get_ref()),
                ),
            }
        }
    }
    all
}

/// Where a text stands, without its quotes, where it stands there as it reads.
fn within(value: &Spanned<DeValue<'_>>, text: &str, source: &str) -> Range<usize> {
    let span = value.span();
    match source.get(span.clone()).and_then(|raw| raw.find(text)) {
        Some(at) if !text.is_empty() => span.start + at..span.start + at + text.len(),
        _ => span,
    }
}

fn suggestion(name: &str) -> String {
    // Nobody misspells a name by more.
    const NEAR: usize = 4;
    // What is longer than any name isn't near one.
    let known = ALL.iter().map(|entry| entry.name).filter(|known| name.len() <= known.len() + NEAR);
    let near = known.map(|known| (strsim::damerau_levenshtein(name, known), known)).min();
    match near {
        Some((distance, known)) if distance <= NEAR => format!("did you mean `{known}`?"),
        _ => "linewatch notices texts --out FOLDER writes the file with all that there are".to_owned(),
    }
}

/// Takes a sentence up, and tries it out; or says what is wrong with it.
fn add(env: &mut Environment<'static>, Placed { entry, text, span }: &Placed<'_>, source: &str) -> Vec<Flaw> {
    let placed = |flaw: Flaw| {
        // A text that is written with escapes in it isn't the same length in the file.
        let is_as_written = source.get(span.clone()) == Some(*text);
        let place = span.start + flaw.span.start..span.start + flaw.span.end;
        Flaw { span: if is_as_written && flaw.span.end <= text.len() { place } else { span.clone() }, ..flaw }
    };
    if let Some(flaw) = reckons(FILE, text) {
        return vec![placed(flaw)];
    }
    let of_text = |error: &minijinja::Error| {
        let flaw = flaw_of(FILE, text, error);
        let words: Vec<&str> = entry.shows.iter().map(|variable| variable.word()).collect();
        match error.kind() {
            minijinja::ErrorKind::UndefinedError => Flaw {
                message: format!("`{}` has nothing by this name", entry.name),
                help: if words.is_empty() {
                    "it shows nothing".to_owned()
                } else {
                    format!("it shows {}", words.join(", "))
                },
                ..flaw
            },
            _ => flaw,
        }
    };
    // What is left of the shipped one while this is tried doesn't matter: with a flaw nothing is used.
    if let Err(error) = env.add_template_owned(entry.name, (*text).to_owned()) {
        return vec![placed(of_text(&error))];
    }
    let flaw =
        |message: String, help: String| vec![placed(Flaw { file: FILE, span: 0..text.len(), message, help })];
    for given in trials(entry.shows) {
        let said = match say(env, entry.name, given) {
            Ok(said) => said,
            Err(error) => return vec![placed(of_text(&error))],
        };
        if said.is_empty() && !entry.may_be_empty {
            return flaw(
                format!("`{}` says nothing", entry.name),
                "it can be said otherwise, and not left out".to_owned(),
            );
        }
        let lacks =
            entry.shows.iter().find(|variable| variable.is_needed() && !said.contains(&variable.token()));
        if let (Some(lacks), false) = (lacks, said.is_empty()) {
            let word = lacks.word();
            return flaw(
                format!("`{}` leaves out {{{{ {word} }}}}", entry.name),
                format!("show {{{{ {word} }}}}, whatever the others are: its reader must know it"),
            );
        }
    }
    Vec::new()
}

/// Mail programs sort by how a subject begins: all must begin with the same words.
fn sorts_apart(env: &Environment<'static>, all: &[Placed<'_>]) -> Option<Flaw> {
    let begins = |name: &str| {
        let entry = ALL.iter().find(|entry| entry.name == name)?;
        let said = say(env, name, trials(entry.shows).pop()?).ok()?;
        let first = entry.shows.iter().filter_map(|variable| said.find(&variable.token())).min()?;
        said.get(..first).map(str::to_owned)
    };
    let names = [SUBJECT_OF_INCIDENT.name, SUBJECT_OF_DIGEST.name];
    let placed = all.iter().find(|placed| names.contains(&placed.entry.name))?;
    let [of_incident, of_digest] = names.map(|name| begins(name).unwrap_or_default());
    let is_sorted = of_incident == of_digest && !of_incident.trim().is_empty();
    (!is_sorted).then(|| Flaw {
        file: FILE,
        span: placed.span.clone(),
        message: format!("subjects of incidents begin with {of_incident:?}, and those of digests with {of_digest:?}"),
        help: format!(
            "begin `{}` and `{}` with the same words, such as [linewatch], so that mail programs sort them together",
            names[0], names[1]
        ),
    })
}

/// All that a sentence may be given: each of its numbers none, one and several.
fn trials(shows: &[Variable]) -> Vec<BTreeMap<&'static str, Value>> {
    shows.iter().fold(vec![BTreeMap::new()], |trials, variable| {
        let with = |given: &BTreeMap<&'static str, Value>| {
            let given = given.clone();
            variable.specimens().into_iter().map(move |value| {
                let mut given = given.clone();
                given.insert(variable.word(), value);
                given
            })
        };
        trials.iter().flat_map(with).collect()
    })
}

/// One line.
fn say(
    env: &Environment<'static>,
    name: &str,
    given: BTreeMap<&'static str, Value>,
) -> Result<String, minijinja::Error> {
    Ok(plain::sentences(&env.get_template(name)?.render(Value::from(given))?))
}

/// Says the sentences of one letter. What can't be said is remembered, so that the letter isn't sent without it.
pub(super) struct Say<'t> {
    sentences: &'t Sentences,
    failed: RefCell<Option<TextError>>,
}

impl<'t> Say<'t> {
    pub(super) const fn new(sentences: &'t Sentences) -> Self {
        Self { sentences, failed: RefCell::new(None) }
    }

    /// A sentence without variables.
    pub(super) fn plain(&self, sentence: &Sentence<0>) -> String {
        self.with(sentence, [])
    }

    /// A sentence with its variables, in the order in which the catalogue's list names them.
    pub(super) fn with<const N: usize>(&self, sentence: &Sentence<N>, values: [Value; N]) -> String {
        let given = sentence.shows.iter().map(|variable| variable.word()).zip(values).collect();
        match self.sentences.render(sentence.name, given) {
            Ok(said) => said,
            Err(error) => {
                let why = error.detail().unwrap_or("it can't be said");
                let why = format!("{}: {why}", sentence.name);
                let error = TextError { file: FILE.to_owned(), line: error.line().unwrap_or(1), why };
                self.failed.borrow_mut().get_or_insert(error);
                String::new()
            }
        }
    }

    /// An error where any sentence couldn't be said.
    pub(super) fn end(self) -> Result<(), TextError> {
        self.failed.into_inner().map_or(Ok(()), Err)
    }
}
