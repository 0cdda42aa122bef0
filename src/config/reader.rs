//! Refusing: how an error about one value gets its place and its way out.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use toml::de::DeValue;

use super::errors::{Placed, Report, Source, Span};
use super::names::shorten;
use super::values::Refusal;

/// The file being read, and the report that errors go to.
#[derive(Debug)]
pub(super) struct Reader<'r> {
    pub source: Arc<Source>,
    pub report: &'r mut Report,
    /// Relative paths start here.
    pub dir: &'r Path,
}

impl Reader<'_> {
    pub fn refuse(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.report.add(&self.source, span, message.into(), help.into(), None);
    }

    /// Two things of one name: the error stands at the second and names the first.
    pub fn refuse_twice(&mut self, second: Placed<&str>, what: &str, first: Arc<Source>, at: Span) {
        let place = first.place(at);
        let message =
            format!("two {}s are called {:?}: the first is at {place}", what, shorten(second.value));
        let help = if what == "practice" {
            "remove one of them, or give a branch surgery a `branch` of its own"
        } else {
            "remove one of them, or give it another id"
        };
        self.report.add(&self.source, second.span, message, help.to_owned(), Some((first, at)));
    }

    /// A value of another type than its key takes.
    pub fn wrong_type(&mut self, key: &str, value: Placed<&DeValue<'_>>, wanted: &str) {
        let message = format!("`{key}` is {}, not {wanted}", described(value.value));
        self.refuse(value.span, message, format!("write {}", example(key, wanted)));
    }

    /// A whole number in a range.
    pub fn integer_of(
        &mut self,
        key: &str,
        value: Placed<&DeValue<'_>>,
        range: &RangeInclusive<i64>,
    ) -> Option<Placed<i64>> {
        let DeValue::Integer(integer) = value.value else {
            self.wrong_type(key, value, "a whole number");
            return None;
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        if let Some(number) = number.filter(|number| range.contains(number)) {
            return Some(Placed { value: number, span: value.span });
        }
        let (low, high) = (range.start(), range.end());
        self.refuse(
            value.span,
            format!("`{key}` is {}, which is out of range", shorten(integer.as_str())),
            format!("write a whole number from {low} to {high}"),
        );
        None
    }

    /// Puts a value through a rule; a refusal becomes an error at the value's place, naming its key.
    pub fn judge<T>(
        &mut self,
        key: &str,
        text: Placed<&str>,
        rule: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Option<Placed<T>> {
        match rule(text.value) {
            Ok(value) => Some(Placed { value, span: text.span }),
            Err(refusal) => {
                self.refuse(text.span, format!("`{key}`: {}", refusal.message), refusal.help);
                None
            }
        }
    }
}

/// The type of a value, in words.
pub(super) fn described(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// What a key looks like when it is right.
pub(super) fn example(key: &str, wanted: &str) -> String {
    let value = match key {
        "ods" => "\"G82002\"",
        "code" => "\"QKS\"",
        "timezone" => "\"Europe/London\"",
        "every" => "\"30s\"",
        "timeout" => "\"5s\"",
        "update_every" => "\"4h\"",
        "after" => "\"15m\"",
        "to" => "[\"on.call@icb.example\"]",
        "keep" | "keep_addresses" | "keep_observations" => "\"90d\"",
        "observations_size" => "\"32GiB\"",
        "server" | "name_server" | "compare" => "\"10.0.0.1:53\"",
        "target" | "connect" | "proxy" => "\"10.0.0.1:443\"",
        "url" => "\"https://accurx.example/\"",
        "record" => "\"A\"",
        "kind" => "\"firewall\" or whatever kind it is",
        // A network's roles, or the one router of a `path` probe.
        "through" if wanted == "a text in quotes" => "\"10.20.0.1\"",
        "through" => "[\"carrier\", \"firewall\"]",
        "email" | "staff" => "[\"service.desk@icb.example\"]",
        "from" => "\"linewatch@icb.example\"",
        "until" => "\"18:30\"",
        "practices" => "[\"G82002\"]",
        "also" | "needs" | "what" => "[\"an-id\"]",
        "source" => "\"127.1.0.2\"",
        "listen" => "\"127.0.0.1:9460\"",
        _ => match wanted {
            "a whole number" | "a number" => "1",
            "true or false" => "true",
            "a list of texts" => "[\"…\"]",
            _ => "\"…\"",
        },
    };
    format!("{key} = {value}")
}
