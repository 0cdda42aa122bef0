//! Scenarios as commands name them, and the estate that they are played on.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::Exit;
use crate::config::Config;
use crate::world::estates;
use crate::world::faults::World;
use crate::world::scenario::{self, Scenario};
use crate::world::timetable::Clock;

/// The scenario in that file, or the shipped one of that name. What is wrong with it is printed.
pub(super) fn read(path: &Path) -> Option<Scenario> {
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let text = match (std::fs::read_to_string(path), scenario::shipped(&path.to_string_lossy())) {
        (Ok(text), _) => text,
        (Err(_), Some(text)) => text.to_owned(),
        (Err(error), None) => {
            let names: Vec<&str> = scenario::SHIPPED.iter().map(|(name, _)| *name).collect();
            eprintln!("linewatch: can't read {}: {error}", path.display());
            eprintln!("Shipped scenarios: {}.", names.join(", "));
            return None;
        }
    };
    match Scenario::parse(&name, &text) {
        Ok(scenario) => Some(scenario),
        Err(troubles) => {
            eprintln!("{troubles}");
            None
        }
    }
}

/// The estate of that configuration, or the one that the scenario makes up, under the scenario. What is wrong is printed.
pub(super) fn world(scenario: &Scenario, config: Option<&Path>) -> Result<(World, Option<Config>), Exit> {
    let config = config.map(super::config_or_say).transpose()?;
    let estate =
        config.as_ref().map_or_else(|| estates::build(&scenario.plan), |config| config.estate.clone());
    let world = World::new(Arc::new(estate), scenario, Clock::Virtual).map_err(|unknown| {
        eprintln!("linewatch: {unknown}");
        Exit::Usage
    })?;
    Ok((world, config))
}

/// Somebody closed the pipe, as `| head` does: they have seen enough.
pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
