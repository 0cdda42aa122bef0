//! What a drill plays with: the configuration (cut or stretched to the number of practices asked for), the
//! scenario, and a folder that goes away again.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::config::{self, Config};
use crate::estate::{Ask, Estate, PracticeIx};
use crate::limits::{DRILL_LEAD_IN_MAX, DRILL_REPORTS_BEFORE_SILENCE};
use crate::platform;
use crate::time::At;
use crate::world::estates;
use crate::world::faults::World;
use crate::world::scenario::{Scenario, shipped};
use crate::world::timetable::Clock;

/// The shipped estate, so that a drill needs no file.
const PROBES_TOML: &str = include_str!("../../../probes.toml");

/// More practices than this are no small county: the stand-in has a filter and a door for all of them, and
/// loopback has to carry their checks.
pub const PRACTICES_MAX: usize = 1000;

/// The scenario that a drill plays when none is named.
pub const SCENARIO_DEFAULT: &str = "kent-2023";

/// Reads the scenario: a file, or the name of a shipped one.
pub fn scenario(named: Option<&str>) -> anyhow::Result<Scenario> {
    let named = named.unwrap_or(SCENARIO_DEFAULT);
    let path = Path::new(named);
    let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or(named);
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        // The shipped files are compiled in: `scenarios/kent-2023.toml` works from any folder.
        Err(error) => match shipped(name) {
            Some(text) => text.to_owned(),
            None => return Err(error).with_context(|| format!("cannot read the scenario {named}")),
        },
    };
    let scenario = Scenario::parse(name, &text)?;
    if !scenario.can_be_drilled() && !scenario.faults.is_empty() {
        bail!(
            "the scenario {name} has no fault with `drill_at`, so a drill has nothing to play: use `simulate`, or give \
             its faults `drill_at` and `drill_until`"
        );
    }
    Ok(scenario)
}

/// Reads the estate: a file, or the shipped one.
pub fn config(path: Option<&Path>) -> anyhow::Result<Config> {
    let read = match path {
        Some(path) => config::load(path),
        None => config::parse("probes.toml", PROBES_TOML, Path::new("")),
    };
    read.map_err(|errors| anyhow::anyhow!("the configuration has errors:\n{errors}"))
}

/// The shipped estate where the scenario fits it; else the one that the scenario makes up, asked at the shipped
/// rhythm, so that a drill of it is short too.
pub fn config_for(scenario: &Scenario) -> anyhow::Result<Config> {
    let mut shipped = config(None)?;
    let clock = Clock::Drill { began: scenario.start };
    if World::new(Arc::new(shipped.estate.clone()), scenario, clock).is_ok() {
        return Ok(shipped);
    }
    let rhythm = shipped.estate.probes.first().map(|probe| (probe.every, probe.timeout));
    shipped.estate = estates::build(&scenario.plan);
    shipped.estate.probes.retain(|probe| !matches!(probe.ask, Ask::Later { .. }));
    for probe in &mut shipped.estate.probes {
        (probe.every, probe.timeout) = rhythm.unwrap_or((probe.every, probe.timeout));
    }
    Ok(shipped)
}

/// How much later than it says the script begins. A practice that is cut off altogether is only silent, and silence
/// can be told from a pause once the rhythm of its reports is known: so a scenario that silences anybody waits
/// until everybody has reported [`DRILL_REPORTS_BEFORE_SILENCE`] times.
pub fn lead_in(estate: &Estate, scenario: &Scenario) -> Duration {
    let clock = Clock::Drill { began: At::default() };
    let Ok(world) = World::new(Arc::new(estate.clone()), scenario, clock) else { return Duration::ZERO };
    let begins: Vec<At> =
        (0..scenario.faults.len()).filter_map(|n| world.fault_span(n)).map(|(begins, _)| begins).collect();
    let silences = |at: &At| {
        (0..estate.practices.len())
            .any(|n| world.report_arrives(PracticeIx::new(n), at.plus_millis(1)).is_none())
    };
    let Some(first) = begins.iter().filter(|at| silences(at)).min() else { return Duration::ZERO };
    let reports_a_second: f64 = estate.probes.iter().map(|probe| probe.every.as_secs_f64().recip()).sum();
    let needed = DRILL_REPORTS_BEFORE_SILENCE / reports_a_second.max(f64::MIN_POSITIVE);
    let lead_secs = (needed - first.as_secs_f64()).clamp(0.0, DRILL_LEAD_IN_MAX.as_secs_f64());
    Duration::from_secs_f64(lead_secs)
}

/// Cuts or stretches the estate to `wanted` practices. When it is cut, one practice behind each component
/// stays where there is room, so that a fault still has an elsewhere to be compared with; when it is
/// stretched, those that are there serve as patterns.
pub fn resize(estate: &mut Estate, wanted: usize) {
    let have = estate.practices.len();
    if wanted < have {
        let mut covered = BTreeSet::new();
        let mut kept: BTreeSet<usize> = (0..have)
            .filter(|at| {
                let before = covered.len();
                covered.extend(estate.practices[*at].via.iter().flat_map(|used| used.any.iter().copied()));
                covered.len() > before
            })
            .take(wanted)
            .collect();
        for at in 0..have {
            if kept.len() == wanted {
                break;
            }
            kept.insert(at);
        }
        let mut at = 0;
        estate.practices.retain(|_| {
            at += 1;
            kept.contains(&(at - 1))
        });
    } else if have > 0 {
        for more in have..wanted {
            let mut practice = estate.practices[more % have].clone();
            let number = more + 1;
            practice.id = format!("DRILL{number}");
            practice.name = format!("Drill Surgery {number}");
            practice.email = vec![format!("manager@drill{number}.example")];
            practice.source = None;
            estate.practices.push(practice);
        }
    }
}

/// A folder of this drill's own, removed with everything in it when it is dropped.
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    pub fn make() -> anyhow::Result<Self> {
        // A name that nobody has: this process's number, and a count for the case that an earlier process of
        // the same number was killed and left its folder behind.
        for n in 0..100_u32 {
            let path = std::env::temp_dir().join(format!("linewatch-drill-{}-{n}", std::process::id()));
            match platform::new_folder(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot make the folder {}", path.display()));
                }
            }
        }
        bail!(
            "a hundred folders of drills that were killed lie in {}: remove them",
            std::env::temp_dir().display()
        )
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(%error, folder = %self.path.display(), "the drill's folder could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::{ComponentIx, Icb, Practice, RoleUse};

    /// Ten practices; the last one alone behind the second firewall.
    fn estate() -> Estate {
        let practice = |n: u32| Practice {
            id: format!("G{n}"),
            name: format!("Practice {n}"),
            postcode: None,
            list_size: None,
            email: vec![format!("manager@g{n}.example")],
            source: None,
            via: vec![RoleUse { role: "firewall".to_owned(), any: vec![ComponentIx(n / 9)] }],
            through: Vec::new(),
        };
        Estate {
            icb: Icb {
                code: "QKS".to_owned(),
                name: "A county".to_owned(),
                timezone: jiff::tz::TimeZone::UTC,
            },
            components: Vec::new(),
            networks: Vec::new(),
            services: Vec::new(),
            probes: Vec::new(),
            practices: (0..10).map(practice).collect(),
            hub_via: Vec::new(),
        }
    }

    #[test]
    fn a_smaller_county_keeps_somebody_behind_each_component() {
        let mut small = estate();
        resize(&mut small, 4);
        let ids: Vec<&str> = small.practices.iter().map(|practice| practice.id.as_str()).collect();
        assert_eq!(ids, ["G0", "G1", "G2", "G9"]);
    }

    #[test]
    fn a_larger_county_has_new_practices_with_mailboxes_and_sources_of_their_own() {
        let mut large = estate();
        resize(&mut large, 25);
        let emails: BTreeSet<_> = large.practices.iter().map(|practice| practice.email.clone()).collect();
        assert_eq!(emails.len(), 25);
        assert_eq!(large.practices[19].via, large.practices[9].via);
    }

    #[test]
    fn the_folder_goes_away_with_all_that_is_in_it() {
        let folder = Folder::make().expect("a folder");
        let path = folder.path().to_owned();
        std::fs::write(path.join("store.sqlite"), "x").expect("a file in it");
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn every_shipped_scenario_has_an_estate_and_only_silence_needs_a_lead_in() {
        for (name, _) in crate::world::scenario::SHIPPED {
            let Ok(scenario) = scenario(Some(name)) else { continue };
            let config = config_for(&scenario).expect("the shipped estate, or one made up");
            let clock = Clock::Drill { began: At::default() };
            World::new(Arc::new(config.estate.clone()), &scenario, clock).expect("fits");
            assert!(config.estate.practices.iter().all(|practice| !practice.email.is_empty()), "{name}");
            let lead = lead_in(&config.estate, &scenario).as_secs();
            match *name {
                "kent-2023" | "facebook-dns-2021" => assert_eq!(lead, 0, "{name}"),
                "carrier-down" | "own-goal" => assert!((5..=30).contains(&lead), "{name}: {lead} s"),
                _ => {}
            }
        }
    }

    #[test]
    fn the_shipped_scenario_needs_no_file() {
        assert_eq!(scenario(None).expect("compiled in").name, SCENARIO_DEFAULT);
        let missing = scenario(Some("scenarios/nowhere.toml")).expect_err("no such file");
        assert!(format!("{missing:#}").contains("scenarios/nowhere.toml"));
    }
}
