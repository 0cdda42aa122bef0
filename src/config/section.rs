//! Walks the tables of a TOML file by hand, with spans. serde stops at its first error; this goes on, so
//! that one reading finds all of them.

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::errors::{Placed, Span};
use super::names::shorten;
use super::reader::{Reader, described, example};
use super::values::Refusal;
use crate::limits::CONFIG_LIST_MAX;

/// Keys that stand at the top of the file.
pub(super) const TOP_KEYS: [&str; 21] = [
    "icb",
    "component",
    "network",
    "service",
    "probe",
    "practice",
    "practices",
    "hub",
    "mail",
    "channel",
    "contact",
    "exercise",
    "pcn",
    "role",
    "other_icb",
    "notices",
    "escalation",
    "maintenance",
    "deadline",
    "schedule",
    "report",
];

/// One table of the file.
#[derive(Debug, Clone)]
pub(super) struct Section<'t> {
    table: &'t DeTable<'t>,
    /// Its header, or the whole of an inline table.
    pub span: Span,
    /// As in "[[probe]] has no `every`".
    what: String,
}

impl<'t> Section<'t> {
    pub fn root(table: &'t DeTable<'t>) -> Self {
        Self { table, span: Span::default(), what: "the file".to_owned() }
    }

    fn get(&self, key: &str) -> Option<(Placed<&'t DeValue<'t>>, Span)> {
        let (name, value) = self.table.get_key_value(key)?;
        Some((placed(value), name.span().into()))
    }

    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// All keys, in the order of the file.
    pub fn entries(&self) -> Vec<(Placed<&'t str>, Placed<&'t DeValue<'t>>)> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| {
                (Placed { value: key.get_ref().as_ref(), span: key.span().into() }, placed(value))
            })
            .collect();
        entries.sort_by_key(|(key, _)| key.span.start);
        entries
    }

    /// Every key that isn't known is an error that suggests the nearest known one.
    pub fn refuse_unknown(&self, reader: &mut Reader<'_>, known: &[&str]) {
        self.refuse_unknown_but(reader, known, |_| false);
    }

    /// The same, but for keys that are let through unread.
    pub fn refuse_unknown_but(&self, reader: &mut Reader<'_>, known: &[&str], lets: impl Fn(&str) -> bool) {
        for (key, _) in self.entries() {
            if known.contains(&key.value) || lets(key.value) {
                continue;
            }
            let near = reader.report.comparisons.nearest(key.value, known.iter().copied());
            let help = if let Some(near) = near {
                format!("did you mean `{near}`?")
            } else if TOP_KEYS.contains(&key.value) && self.span != Span::default() {
                format!("`{}` belongs at the top of the file, before the first [section]", key.value)
            } else {
                format!("known here: {}", known.join(", "))
            };
            reader.refuse(key.span, format!("{} has no key `{}`", self.what, shorten(key.value)), help);
        }
    }

    /// Says that a key which must be there isn't.
    pub fn missing(&self, reader: &mut Reader<'_>, key: &str) {
        let help = format!("add {}", example(key, "a text"));
        reader.refuse(self.span, format!("{} has no `{key}`", self.what), help);
    }

    /// A text, where the key is there.
    pub fn text(&self, reader: &mut Reader<'_>, key: &str) -> Option<Placed<&'t str>> {
        let (value, _) = self.get(key)?;
        if let DeValue::String(text) = value.value {
            return Some(Placed { value: text.as_ref(), span: value.span });
        }
        reader.wrong_type(key, value, "a text in quotes");
        None
    }

    /// A text that must be there.
    pub fn need_text(&self, reader: &mut Reader<'_>, key: &str) -> Option<Placed<&'t str>> {
        if !self.has(key) {
            self.missing(reader, key);
            return None;
        }
        self.text(reader, key)
    }

    /// A text put through a rule, where the key is there.
    pub fn value<T>(
        &self,
        reader: &mut Reader<'_>,
        key: &str,
        rule: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Option<Placed<T>> {
        let text = self.text(reader, key)?;
        reader.judge(key, text, rule)
    }

    /// A text that must be there, put through a rule.
    pub fn need<T>(
        &self,
        reader: &mut Reader<'_>,
        key: &str,
        rule: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Option<Placed<T>> {
        let text = self.need_text(reader, key)?;
        reader.judge(key, text, rule)
    }

    /// A whole number in a range, where the key is there.
    pub fn integer(
        &self,
        reader: &mut Reader<'_>,
        key: &str,
        range: RangeInclusive<i64>,
    ) -> Option<Placed<i64>> {
        let (value, _) = self.get(key)?;
        reader.integer_of(key, value, &range)
    }

    /// One whole number or a list of them.
    pub fn integers(
        &self,
        reader: &mut Reader<'_>,
        key: &str,
        range: RangeInclusive<i64>,
    ) -> Option<Vec<Placed<i64>>> {
        let (value, _) = self.get(key)?;
        let Some(values) = value.value.as_array() else {
            return reader.integer_of(key, value, &range).map(|one| vec![one]);
        };
        self.bounded(reader, key, value.span, values.len())?;
        Some(values.iter().filter_map(|each| reader.integer_of(key, placed(each), &range)).collect())
    }

    /// True or false, where the key is there.
    pub fn boolean(&self, reader: &mut Reader<'_>, key: &str) -> Option<Placed<bool>> {
        let (value, _) = self.get(key)?;
        if let DeValue::Boolean(is) = value.value {
            return Some(Placed { value: *is, span: value.span });
        }
        reader.wrong_type(key, value, "true or false");
        None
    }

    /// A number in a range, whole or not, where the key is there.
    pub fn number(
        &self,
        reader: &mut Reader<'_>,
        key: &str,
        range: RangeInclusive<f64>,
    ) -> Option<Placed<f64>> {
        let (value, _) = self.get(key)?;
        let number = match value.value {
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse::<f64>().ok(),
            DeValue::Float(float) => float.as_str().parse::<f64>().ok(),
            _ => {
                reader.wrong_type(key, value, "a number");
                return None;
            }
        };
        if let Some(number) = number.filter(|number| range.contains(number)) {
            return Some(Placed { value: number, span: value.span });
        }
        let help = format!("write a number from {} to {}", range.start(), range.end());
        reader.refuse(value.span, format!("`{key}` is out of range"), help);
        None
    }

    /// A list of texts, where the key is there.
    pub fn texts(&self, reader: &mut Reader<'_>, key: &str) -> Option<Vec<Placed<&'t str>>> {
        let (value, _) = self.get(key)?;
        let Some(values) = value.value.as_array() else {
            reader.wrong_type(key, value, "a list of texts");
            return None;
        };
        self.texts_of(reader, key, value.span, values)
    }

    /// A text or a list of texts, where the key is there.
    pub fn text_or_texts(&self, reader: &mut Reader<'_>, key: &str) -> Option<Vec<Placed<&'t str>>> {
        match self.get(key)?.0.value {
            DeValue::String(_) => self.text(reader, key).map(|one| vec![one]),
            _ => self.texts(reader, key),
        }
    }

    fn texts_of(
        &self,
        reader: &mut Reader<'_>,
        key: &str,
        span: Span,
        values: &'t [Spanned<DeValue<'t>>],
    ) -> Option<Vec<Placed<&'t str>>> {
        self.bounded(reader, key, span, values.len())?;
        let mut texts = Vec::with_capacity(values.len());
        for value in values {
            match value.get_ref() {
                DeValue::String(text) => {
                    texts.push(Placed { value: text.as_ref(), span: value.span().into() });
                }
                other => reader.refuse(
                    value.span().into(),
                    format!("`{key}` holds {}, where a text in quotes belongs", described(other)),
                    format!("write {}", example(key, "a list of texts")),
                ),
            }
        }
        Some(texts)
    }

    fn bounded(&self, reader: &mut Reader<'_>, key: &str, span: Span, entries: usize) -> Option<()> {
        if entries <= CONFIG_LIST_MAX {
            return Some(());
        }
        let what = &self.what;
        reader.refuse(
            span,
            format!("`{key}` of {what} has {entries} entries"),
            format!("{CONFIG_LIST_MAX} are the most"),
        );
        None
    }

    /// The raw value, for keys that take several types.
    pub fn raw(&self, key: &str) -> Option<Placed<&'t DeValue<'t>>> {
        self.get(key).map(|(value, _)| value)
    }

    /// A table: `[key]`, or inline.
    pub fn table(&self, reader: &mut Reader<'_>, key: &str) -> Option<Section<'t>> {
        let (value, _) = self.get(key)?;
        let what = format!("[{key}]");
        if let Some(section) = section(value, what.clone()) {
            return Some(section);
        }
        let help = format!("write it as a section: {what}");
        reader.refuse(value.span, format!("`{key}` is {}, not a table", described(value.value)), help);
        None
    }

    /// All tables of a list: `[[key]]`. A single `[key]` is an error, and is read on.
    pub fn tables(&self, reader: &mut Reader<'_>, key: &str) -> Vec<Section<'t>> {
        let Some((value, _)) = self.get(key) else { return Vec::new() };
        let what = format!("[[{key}]]");
        match value.value {
            DeValue::Array(values) => values
                .iter()
                .filter_map(|each| {
                    let found = section(placed(each), what.clone());
                    if found.is_none() {
                        let described = described(each.get_ref());
                        let message = format!("`{key}` holds {described}, not tables");
                        reader.refuse(each.span().into(), message, format!("begin each one with {what}"));
                    }
                    found
                })
                .collect(),
            DeValue::Table(_) => {
                let message = format!("[{key}] is one table, but there may be several");
                reader.refuse(value.span, message, format!("write {what}, in double brackets"));
                section(value, what).into_iter().collect()
            }
            _ => {
                let message = format!("`{key}` is {}, not a list of tables", described(value.value));
                reader.refuse(value.span, message, format!("begin each one with {what}"));
                Vec::new()
            }
        }
    }
}

pub(super) fn placed<'t>(value: &'t Spanned<DeValue<'t>>) -> Placed<&'t DeValue<'t>> {
    Placed { value: value.get_ref(), span: value.span().into() }
}

/// A value as a table, if it is one.
pub(super) fn section<'t>(value: Placed<&'t DeValue<'t>>, what: String) -> Option<Section<'t>> {
    value.value.as_table().map(|table| Section { table, span: value.span, what })
}
