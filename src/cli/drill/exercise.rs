//! `drill --notify`: the drill's notices leave for those who are listed for exercises, by the relays and channels of the configuration;
//! and what became of them is written down.
//!
//! Only notices go out. The county, what is measured in it, the store and the journal are the drill's own, and go with it; what is kept
//! is the report.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use reqwest::Url;
use tokio::sync::broadcast::error::RecvError;

use super::paper::put;
use crate::config::{Config, EscalationStep};
use crate::hub::service::Running;
use crate::limits::{EXERCISE_DELIVERY_WAIT, EXERCISE_ESCALATION_MARGIN};
use crate::notify::Delivery;
use crate::notify::exercise::{MARK, only_listed};
use crate::report::{Exercise, ExerciseFigures, exercise_html, listed};
use crate::time::At;

/// What is told to whom, and where it is written down.
pub struct Notifying {
    recipients: Vec<String>,
    folder: PathBuf,
    wait: Option<Duration>,
    steps: Vec<EscalationStep>,
}

/// How those who are told can answer.
pub struct Answers {
    /// Where the exercise's pages listen; `None`: for this machine alone.
    pub listen: Option<SocketAddr>,
    /// How people reach them; `None`: letters have no link.
    pub link: Option<Url>,
    /// How long to hold the fault at most, so that escalations become due; and how long to wait for answers when the story is over.
    pub wait: Option<Duration>,
}

impl Notifying {
    /// The stage with the real ways out, to those who are listed alone. Nothing was sent yet, and the folder for the report is there.
    pub fn prepare(
        real: &Config,
        stage: &Config,
        folder: Option<&Path>,
        began: At,
        answers: Answers,
    ) -> anyhow::Result<(Self, Config)> {
        let mut config = only_listed(real, stage)?;
        // A link of the real hub would open nothing: what it doesn't know, nobody can have in hand.
        config.acknowledgement.link = answers.link;
        config.hub.listen = answers.listen.unwrap_or(config.hub.listen);
        let folder = folder.map_or_else(|| folder_of(&config, began), Path::to_owned);
        // Before anybody is written to: an exercise without its report would have to be held again.
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {} for the report", folder.display()))?;
        let steps = config.acknowledgement.steps.clone();
        Ok((Self { recipients: listed(&config), folder, wait: answers.wait, steps }, config))
    }

    /// How much longer what breaks has to stay broken, so that all escalations become due that come within `--wait`.
    pub fn hold(&self) -> Duration {
        let awaited = self.steps.iter().map(|step| step.after).filter(|after| self.awaits(*after));
        awaited.max().map_or(Duration::ZERO, |after| after + EXERCISE_ESCALATION_MARGIN)
    }

    fn awaits(&self, after: Duration) -> bool {
        self.wait.is_some_and(|wait| after <= wait)
    }

    /// Those who were to be told if nobody had acknowledged, later than the exercise waited: a sentence for each step.
    fn not_awaited(&self) -> Vec<String> {
        let steps = self.steps.iter().filter(|step| !self.awaits(step.after));
        let words = |step: &EscalationStep| {
            let after = step.after.as_secs().div_ceil(60);
            format!(
                "After {after} min without an acknowledgement: {}. With --wait {after}m the fault lasts long enough.",
                step.names().collect::<Vec<_>>().join(", ")
            )
        };
        steps.map(words).collect()
    }

    pub fn wait(&self) -> Option<Duration> {
        self.wait
    }

    /// What a person must know before it begins.
    pub fn title(&self) -> std::io::Result<()> {
        put(&format!("  {MARK}: real notices leave, marked as such, for"))?;
        for recipient in &self.recipients {
            put(&format!("    {recipient}"))?;
        }
        put(&format!("  and for nobody else. The report will be in {}.", self.folder.display()))?;
        for not_awaited in self.not_awaited() {
            put(&format!("  Not awaited: {not_awaited}"))?;
        }
        put("")
    }

    /// Waits until every notice that is due has been accepted or refused, at most [`EXERCISE_DELIVERY_WAIT`].
    pub async fn settle(&self, running: &Running) {
        let mut deliveries = running.deliveries();
        let delivered = async {
            while running.hub().desk.stats().queued > 0 {
                if matches!(deliveries.recv().await, Err(RecvError::Closed)) {
                    break;
                }
            }
        };
        // What hasn't left by then is in the report as such.
        drop(tokio::time::timeout(EXERCISE_DELIVERY_WAIT, delivered).await);
    }

    /// Writes the report, as a page and as JSON. Answers with the page's place, and how many notices of how many were accepted.
    pub async fn report(
        &self,
        running: &Running,
        config: &Config,
        (scenario, began, ended): (&str, At, At),
        incidents: &[String],
    ) -> anyhow::Result<(PathBuf, (usize, usize))> {
        let fates = running.hub().store.fates(None, true).await.context("the outbox could not be read")?;
        let not_awaited = &self.not_awaited();
        let exercise = Exercise { estate: &config.estate, scenario, began, ended, incidents, not_awaited };
        let figures = ExerciseFigures::new(&exercise, &self.recipients, &fates);
        let page = self.folder.join("exercise.html");
        let json = self.folder.join("exercise.json");
        let write = |file: &Path, text: String| {
            std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
        };
        write(&page, exercise_html(&config.estate, &figures)?)?;
        write(&json, serde_json::to_string_pretty(&figures)?)?;
        Ok((page, figures.accepted()))
    }
}

/// `exercise-2026-03-16-0712`
fn folder_of(config: &Config, began: At) -> PathBuf {
    let local = began.to_timestamp().to_zoned(config.estate.icb.timezone.clone());
    PathBuf::from(local.strftime("exercise-%Y-%m-%d-%H%M%S").to_string())
}

/// One line about a delivery, for a person.
pub fn words(delivery: &Delivery) -> String {
    use crate::notify::Outcome;
    let via = delivery.tried.as_ref().map_or("nothing", |tried| &*tried.via);
    let (kind, about) = (delivery.kind.as_str(), delivery.audience.label());
    match &delivery.outcome {
        Outcome::Accepted => format!("{kind} for {about} accepted by {via}"),
        Outcome::Deferred { why } => format!("{kind} for {about} put off by {via}: {why}"),
        Outcome::Rejected { why } => format!("{kind} for {about} refused by {via}: {why}"),
        Outcome::Withheld { why } => format!("{kind} for {about} not sent: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notifying(wait: Option<u64>) -> Notifying {
        let step = |minutes| EscalationStep {
            after: Duration::from_mins(minutes),
            to: vec![format!("after{minutes}@icb.example")],
            roles: Vec::new(),
        };
        Notifying {
            recipients: Vec::new(),
            folder: PathBuf::new(),
            wait: wait.map(Duration::from_mins),
            steps: vec![step(5), step(15), step(60)],
        }
    }

    #[test]
    fn the_fault_is_held_until_the_last_escalation_that_is_awaited_and_the_others_are_named() {
        for (wait, held, named) in
            [(None, None, 3), (Some(4), None, 3), (Some(20), Some(15), 1), (Some(60), Some(60), 0)]
        {
            let notifying = notifying(wait);
            let held = held
                .map_or(Duration::ZERO, |minutes| Duration::from_mins(minutes) + EXERCISE_ESCALATION_MARGIN);
            assert_eq!(notifying.hold(), held, "{wait:?}");
            let not_awaited = notifying.not_awaited();
            assert_eq!(not_awaited.len(), named, "{not_awaited:?}");
            assert!(not_awaited.iter().all(|sentence| sentence.contains("--wait")));
        }
    }

    #[test]
    fn what_breaks_first_stays_broken_and_all_else_comes_later() {
        let mut scenario = super::super::stage::scenario(Some("kent-2023")).expect("it is shipped");
        let before = scenario.clone();
        let longer = Duration::from_mins(16);
        scenario.hold_drill(longer);
        let first = |scenario: &crate::world::scenario::Scenario| {
            scenario.faults.iter().filter_map(|fault| fault.drill).min_by_key(|window| window.from)
        };
        let (was, is) = (first(&before).expect("a fault"), first(&scenario).expect("a fault"));
        assert_eq!(is.from, was.from);
        assert_eq!(is.until, was.until.map(|until| until + longer));
        assert_eq!(scenario.drill_length, before.drill_length + longer);
    }
}
