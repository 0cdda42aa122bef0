//! Scenarios as commands name them, and the estate that they are played on.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::Exit;
use crate::config::Config;
use crate::limits::PROGRESS_EVERY;
use crate::time::At;
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

/// Says now and then how far a long story has gone: its correlator judges days.
pub(super) struct Progress<'s> {
    scenario: &'s Scenario,
    said: Instant,
}

impl<'s> Progress<'s> {
    pub fn of(scenario: &'s Scenario) -> Self {
        Self { scenario, said: Instant::now() }
    }

    /// The story has gone so far.
    pub fn passes(&mut self, at: At) {
        if self.said.elapsed() >= PROGRESS_EVERY {
            self.said = Instant::now();
            eprintln!("{}", how_far(self.scenario, at));
        }
    }
}

/// `kent-2023: played up to 2023-03-17T08:00:00.000Z, 18 % of it`
fn how_far(scenario: &Scenario, at: At) -> String {
    let (from, to) = scenario.span();
    let percent = at.millis_since(from).max(0).saturating_mul(100) / to.millis_since(from).max(1);
    format!("{}: played up to {at}, {percent} % of it", scenario.name)
}

/// Somebody closed the pipe, as `| head` does: they have seen enough.
pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_a_story_has_gone_is_told_from_nothing_to_all_of_it() {
        let scenario = read(Path::new("kent-2023")).expect("it is shipped");
        let (from, to) = scenario.span();
        let half = At::from_millis(i64::midpoint(from.as_millis(), to.as_millis()));
        for (at, percent) in [(from, 0), (half, 50), (to, 100)] {
            assert_eq!(how_far(&scenario, at), format!("kent-2023: played up to {at}, {percent} % of it"));
        }
    }
}
