//! What the agent of one practice is told of a configuration: a configuration of its own, with that practice alone in it and
//! without what is the hub's (mail, notices, tokens, other practices, people's addresses). The agent reads it with the same reader.
//!
//! Probes come as the operator wrote them. What they keep in files of their own (certificates, keys, a reflector's secret) goes
//! along, since the agent asks with it. Work that is waited for (heartbeats) is the hub's to wait for.

use std::collections::BTreeMap;
use std::path::Path;

use ring::digest::{SHA256, digest};
use toml::{Table, Value};

use super::{beside, read_bounded};
use crate::estate::{Estate, Practice, RoleUse};
use crate::hex::hex;
use crate::limits::CONFIG_SIDE_FILE_BYTES_MAX;
use crate::uplink::message::Bundle;

/// The part that is the same for each practice.
#[derive(Clone, Default)]
pub struct Handout {
    text: String,
    files: BTreeMap<String, String>,
    /// Of text and files.
    digest: Vec<u8>,
}

/// Some of the files hold secrets.
impl std::fmt::Debug for Handout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Handout")
    }
}

/// Keys of a probe that name a file, and those that name an environment variable with what the file would hold.
const FILES: [&str; 4] = ["trust_file", "secret_file", "client_certificate", "client_key"];
const VARIABLES: [(&str, &str); 1] = [("secret_env", "secret_file")];

/// What of the schedule is true of one practice as well: a target's rate is for the whole estate, and this machine's places for
/// all practices.
const OF_SCHEDULE: [&str; 2] = ["reask", "paths"];

impl Handout {
    /// Of a configuration that has been found good. Empty when nothing is left to ask.
    pub(super) fn of(text: &str, dir: &Path) -> Self {
        let Ok(mut all) = text.parse::<Table>() else { return Self::default() };
        let mut own = Table::new();
        for key in ["icb", "component", "network", "service"] {
            own.extend(all.remove(key).map(|value| (key.to_owned(), value)));
        }
        let mut files = BTreeMap::new();
        let probes = all.remove("probe").and_then(|probes| probes.try_into::<Vec<Table>>().ok());
        let probes = probes.unwrap_or_default().into_iter().enumerate();
        let probes: Vec<Value> = probes
            .filter(|(_, probe)| probe.get("kind").and_then(Value::as_str) != Some("heartbeat"))
            .map(|(place, probe)| Value::Table(with_files(place, probe, dir, &mut files)))
            .collect();
        if probes.is_empty() {
            return Self::default();
        }
        own.insert("probe".to_owned(), Value::Array(probes));
        if let Some(Value::Table(schedule)) = all.remove("schedule") {
            let kept: Table =
                schedule.into_iter().filter(|(key, _)| OF_SCHEDULE.contains(&key.as_str())).collect();
            own.insert("schedule".to_owned(), Value::Table(kept));
        }
        let Ok(text) = toml::to_string(&own) else { return Self::default() };
        let all = files.iter().flat_map(|(name, text)| [name.as_str(), text.as_str()]);
        let all: Vec<&str> = std::iter::once(text.as_str()).chain(all).collect();
        let digest = digest(&SHA256, all.join("\0").as_bytes()).as_ref().to_vec();
        Self { text, files, digest }
    }

    /// What one practice's agent gets; `None`: there is no such practice, or nothing to ask.
    pub fn bundle(&self, estate: &Estate, practice_id: &str) -> Option<Bundle> {
        let own = self.practice(estate, practice_id)?;
        let text = format!("{}\n{own}", self.text);
        Some(Bundle { practice: practice_id.to_owned(), text, files: self.files.clone() })
    }

    /// Names what [`Self::bundle`] would give: another tag when it changed.
    pub fn tag(&self, estate: &Estate, practice_id: &str) -> Option<String> {
        let own = self.practice(estate, practice_id)?;
        let all = [self.digest.as_slice(), own.as_bytes()].concat();
        let digest = digest(&SHA256, &all);
        Some(hex(digest.as_ref().get(..16)?))
    }

    fn practice(&self, estate: &Estate, id: &str) -> Option<String> {
        if self.text.is_empty() {
            return None;
        }
        let practice = &estate.practices[estate.practice(id)?.at()];
        let practices = Value::Array(vec![Value::Table(practice_table(estate, practice))]);
        toml::to_string(&Table::from_iter([("practice".to_owned(), practices)])).ok()
    }
}

/// The probe with its files beside it, under names of our own.
fn with_files(place: usize, probe: Table, dir: &Path, files: &mut BTreeMap<String, String>) -> Table {
    let mut own = Table::new();
    for (key, value) in probe {
        let (key, text) = match (&value, VARIABLES.iter().find(|(variable, _)| *variable == key)) {
            (Value::String(name), Some((_, file_key))) => ((*file_key).to_owned(), std::env::var(name).ok()),
            (Value::String(name), None) if FILES.contains(&key.as_str()) => {
                let bytes = read_bounded(&beside(dir, name), CONFIG_SIDE_FILE_BYTES_MAX).ok();
                (key, bytes.and_then(|bytes| String::from_utf8(bytes).ok()))
            }
            _ => (key, None),
        };
        let value = match text {
            Some(text) => {
                let name = format!("{place}-{key}");
                files.insert(name.clone(), text);
                Value::String(name)
            }
            None => value,
        };
        own.insert(key, value);
    }
    own
}

fn practice_table(estate: &Estate, practice: &Practice) -> Table {
    let text = |text: &str| Value::String(text.to_owned());
    let mut table = Table::new();
    let (ods, branch) =
        practice.id.split_once('/').map_or((practice.id.as_str(), None), |(o, b)| (o, Some(b)));
    table.insert("ods".to_owned(), text(ods));
    table.extend(branch.map(|branch| ("branch".to_owned(), text(branch))));
    table.insert("name".to_owned(), text(&practice.name));
    let filled = |used: &RoleUse| {
        let ids: Vec<Value> = used.any.iter().map(|ix| text(&estate.components[ix.at()].id)).collect();
        match <[Value; 1]>::try_from(ids) {
            Ok([one]) => one,
            Err(several) => Value::Table(Table::from_iter([("any".to_owned(), Value::Array(several))])),
        }
    };
    let via: Table = practice.via.iter().map(|used| (used.role.clone(), filled(used))).collect();
    if !via.is_empty() {
        table.insert("via".to_owned(), Value::Table(via));
    }
    let through: Table = practice
        .through
        .iter()
        .map(|(network, roles)| {
            let roles = roles.iter().map(|role| text(role)).collect();
            (estate.networks[network.at()].id.clone(), Value::Array(roles))
        })
        .collect();
    if !through.is_empty() {
        table.insert("through".to_owned(), Value::Table(through));
    }
    table
}
