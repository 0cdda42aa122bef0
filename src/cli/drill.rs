//! `linewatch drill`: a small county on loopback sockets, a fault in it, and the real pipeline that watches it: the
//! same workers, correlator, outbox and mail client as in `run`.
//!
//! Ends with 0 when what the scenario demands was named, 1 when it wasn't, 130 when Ctrl-C or SIGTERM cut it
//! short. Whichever way it ends, its tasks are stopped and its folder is removed.

mod exercise;
mod own;
mod paper;
mod stage;
mod tale;
mod teller;
mod verdict;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::Url;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior};

use super::Exit;
use crate::config::{Config, parse_link};
use crate::estate::Estate;
use crate::hub::service::{self, Running};
use crate::limits::{DRILL_CALM, DRILL_OVERTIME, DRILL_STOP_TIMEOUT, DRILL_TELL_EVERY};
use crate::platform::Endings;
use crate::time::At;
use crate::world::faults::World;
use crate::world::loopback::County;
use crate::world::loopback::weather::{Playback, Weather};
use crate::world::scenario::{self, Scenario};
use crate::world::timetable::Clock;
use exercise::{Answers, Notifying};
use paper::{Paper, Style, Word, put};
use stage::{Folder, PRACTICES_MAX};
use tale::Tale;
use teller::Teller;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The scenario: a file, or the name of a shipped one [default: kent-2023, in which the firewall fails that most practices of the
    /// estate are behind]
    #[arg(long, value_name = "FILE")]
    scenario: Option<String>,
    /// The estate [default: the shipped probes.toml, or what the scenario makes up when it doesn't fit]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// How many practices; more than the estate has are made up after its pattern
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=PRACTICES_MAX as i64))]
    practices: Option<u16>,
    /// Go on in fine weather after the story, until Ctrl-C
    #[arg(long)]
    keep_running: bool,
    /// Print incident events, accepted mails and a closing summary as JSON lines
    #[arg(long)]
    json: bool,
    /// Send the notices, marked EXERCISE EXERCISE EXERCISE, to those whom [exercise] of the configuration lists, by its own relays and
    /// channels; and write a report of who got what
    #[arg(long, requires = "config", conflicts_with = "keep_running")]
    notify: bool,
    /// Where the exercise's report goes [default: exercise-DATE-TIME]
    #[arg(long, value_name = "FOLDER", requires = "notify")]
    report: Option<PathBuf>,
    /// Where those who are told can answer: the exercise's own pages listen here [default: a free port of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS:PORT", requires = "notify")]
    listen: Option<SocketAddr>,
    /// How they reach that, perhaps through a proxy: then letters have a link by which to say "I have it in hand"
    #[arg(long, value_name = "URL", requires = "listen", value_parser = parse_link)]
    link: Option<Url>,
    /// What breaks stays broken for up to so long, until those have been told whom [[escalation]] names when nobody acknowledges; and so long
    /// they may take to answer once the story is over. Ctrl-C ends either. Without it nobody is escalated to, and the report says so
    #[arg(long, value_name = "LENGTH", requires = "notify", value_parser = scenario::parse_length)]
    wait: Option<Duration>,
    /// Draw other lots than the scenario's own
    #[arg(long)]
    seed: Option<u64>,
}

pub fn run(args: Args) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(play(args))
}

async fn play(args: Args) -> anyhow::Result<Exit> {
    let mut scenario = stage::scenario(args.scenario.as_deref())?;
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    let mut config = match &args.config {
        Some(path) => stage::config(Some(path))?,
        None => stage::config_for(&scenario)?,
    };
    if let Some(wanted) = args.practices {
        stage::resize(&mut config.estate, usize::from(wanted));
    }
    if args.scenario.is_none() {
        own::at_home(&mut scenario, &config.estate)?;
    }
    // On loopback every path is one hop long: traces would only put load of their own on the stage.
    config.schedule.paths = false;
    // From here on Ctrl-C ends the drill in good order.
    let mut endings = Endings::listen()?;

    let folder = Folder::make()?;
    let weather = Playback::default();
    let sky: Arc<dyn Weather> = Arc::new(weather.clone());
    let county = County::start(&config, &sky)?;
    let moved = county.rewrite(&config, folder.path())?;
    let (notifying, moved) = if args.notify {
        let answers = Answers { listen: args.listen, link: args.link.clone(), wait: args.wait };
        let (notifying, moved) = Notifying::prepare(&config, &moved, args.report.as_deref(), now(), answers)?;
        (Some(notifying), moved)
    } else {
        (None, moved)
    };
    if let Some(notifying) = &notifying {
        scenario.hold_drill(notifying.hold());
    }
    let estate = Arc::new(moved.estate.clone());
    let staff = moved.mail.as_ref().map(|mail| mail.staff.clone()).unwrap_or_default();
    // Once without a beginning, so that a scenario that doesn't fit this estate stops here.
    World::new(Arc::clone(&estate), &scenario, Clock::Drill { began: now() })?;

    let options = service::Options { gate: Some(Arc::new(weather.clone())), ..service::Options::default() };
    let running = tokio::select! {
        started = service::start(moved.clone(), options) => started?,
        () = endings.next() => return Ok(Exit::Interrupted),
    };

    let began = now();
    let script_begins = began + stage::lead_in(&estate, &scenario);
    let world = World::new(Arc::clone(&estate), &scenario, Clock::Drill { began: script_begins })?;
    let teller = if args.json {
        Teller::Program
    } else {
        Teller::person(Paper::of_environment(began), Arc::clone(&estate), staff)
    };
    let mut drill = Drill {
        tale: Tale::new(&scenario, &world),
        turns: world.turns(&scenario).into(),
        last_turn: world.turns(&scenario).last().map_or(began, |(at, _)| *at),
        ends: script_begins + scenario.drill_length + DRILL_OVERTIME,
        keep_running: args.keep_running,
        teller,
        notifying,
        incidents: BTreeMap::new(),
    };
    weather.begin(world);
    drill.title(&moved, &scenario, &running)?;
    let ended = drill.watch(&running, &county, &mut endings).await;
    let reported = drill.report(&running, &moved, (&scenario.title, began), &mut endings).await;
    // A closed pipe is no reason to leave anything behind either.
    let told = ended.and_then(|ended| drill.close(ended).map(|()| ended));
    stop(running, county, folder).await;
    let all_told = reported?;
    Ok(match told {
        Ok(Ended::Interrupted) => Exit::Interrupted,
        Ok(Ended::Over) if drill.tale.is_as_expected() && all_told => Exit::Fine,
        Ok(Ended::Over) => Exit::BadNews,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Interrupted,
        Err(error) => return Err(error).context("cannot write to the terminal"),
    })
}

/// Ends the pipeline, then the county under it, then the folder.
async fn stop(running: Running, county: County, folder: Folder) {
    let stopping = async {
        running.stop().await;
        county.stop().await;
    };
    if tokio::time::timeout(DRILL_STOP_TIMEOUT, stopping).await.is_err() {
        tracing::warn!("the drill's tasks did not end in time; they end with the process");
    }
    drop(folder);
}

/// How a drill came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Over,
    Interrupted,
}

struct Drill {
    tale: Tale,
    /// What the script does next, with its times.
    turns: std::collections::VecDeque<(At, String)>,
    last_turn: At,
    /// The latest end, incidents or not.
    ends: At,
    keep_running: bool,
    teller: Teller,
    /// `Some`: an exercise.
    notifying: Option<Notifying>,
    /// The last sentence about each incident.
    incidents: BTreeMap<String, String>,
}

impl Drill {
    /// Of an exercise: waits for the last notices, and writes down what became of all. True: nobody who was to be told wasn't.
    async fn report(
        &mut self,
        running: &Running,
        config: &Config,
        (scenario, began): (&str, At),
        endings: &mut Endings,
    ) -> anyhow::Result<bool> {
        let Some(notifying) = &self.notifying else { return Ok(true) };
        notifying.settle(running).await;
        if let Some(wait) = notifying.wait() {
            let text = format!("waiting {wait:?} for those who were told to answer; Ctrl-C ends the wait");
            drop(self.teller.say(now(), Word::Drill, &text));
            drop(tokio::time::timeout(wait, endings.next()).await);
        }
        let incidents: Vec<String> =
            self.incidents.iter().map(|(id, sentence)| format!("{id}: {sentence}")).collect();
        let written = notifying.report(running, config, (scenario, began, now()), &incidents).await;
        let (page, (accepted, all)) = written?;
        let text = format!("{accepted} of {all} notices accepted; the report is {}", page.display());
        // Whether anybody reads the terminal or not: the report is there.
        drop(self.teller.say(now(), Word::Drill, &text));
        Ok(accepted == all)
    }

    fn title(&mut self, config: &Config, scenario: &Scenario, running: &Running) -> std::io::Result<()> {
        let first = self.turns.front().map(|(at, _)| *at);
        let Some(paper) = self.teller.paper() else { return Ok(()) };
        let estate = &config.estate;
        let url = format!("http://{}", running.address);
        put(&format!("\n{}\n", paper.paint(&format!("linewatch drill: {}", scenario.title), Style::Bold)))?;
        put(&format!(
            "  {} of {}, {}, on loopback sockets of this machine.",
            practices(estate),
            estate.icb.name,
            checks(estate)
        ))?;
        let relay = if self.notifying.is_some() { "" } else { ", mail relay" };
        put(&format!(
            "  Servers{relay} and firewall are the drill's own. Workers, correlator, outbox and mail client are real."
        ))?;
        match &self.notifying {
            None => put("  Nothing is sent beyond 127.0.0.0/8. Ctrl-C ends it and leaves nothing behind.\n")?,
            Some(notifying) => notifying.title()?,
        }
        put("  Look meanwhile, in a browser or a second terminal:")?;
        put(&format!("    status page   {}", paper.paint(&format!("{url}/"), Style::Bold)))?;
        put(&format!("    metrics       {url}/metrics"))?;
        put(&format!("    status        linewatch status --url {url}\n"))?;
        if cfg!(debug_assertions) {
            put(
                "  This is a debug build, ten times slower than it need be. On a busy machine its own slowness shows up",
            )?;
            put("  as slow lines; the real thing is `cargo run --release -- drill`.\n")?;
        }
        let at = now();
        let when = first.map_or_else(
            || "the scenario breaks nothing".to_owned(),
            |first| format!("the first fault comes in {:.0} s", first.millis_since(at) as f64 / 1000.0),
        );
        self.teller.say(at, Word::Drill, &format!("the checks have started; {when}"))
    }

    /// Watches until the story is over, or somebody ends it.
    async fn watch(
        &mut self,
        running: &Running,
        county: &County,
        endings: &mut Endings,
    ) -> std::io::Result<Ended> {
        let mut events = running.events();
        let mut observations = running.observations();
        let mut mails = county.mail().news();
        let mut deliveries = running.deliveries();
        let mut picture = running.picture();
        let mut ticks = tokio::time::interval(DRILL_TELL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_happening = Instant::now();
        let mut over = false;
        loop {
            tokio::select! {
                biased;
                () = endings.next() => {
                    self.teller.catch_up_at_once(now(), &picture.borrow_and_update().clone())?;
                    return Ok(if over { Ended::Over } else { Ended::Interrupted });
                }
                event = events.recv() => match event {
                    Ok(event) => {
                        last_happening = Instant::now();
                        self.tale.event(&event);
                        self.incidents.insert(event.incident.clone(), event.sentence.clone());
                        // First what led to it.
                        self.teller.catch_up_at_once(event.at, &picture.borrow_and_update().clone())?;
                        self.teller.event(&event)?;
                    }
                    Err(RecvError::Lagged(lost)) => tracing::warn!(lost, "incident events were missed"),
                    Err(RecvError::Closed) => return Ok(Ended::Over),
                },
                mail = mails.recv() => match mail {
                    Ok(mail) => {
                        last_happening = Instant::now();
                        self.tale.mail(Arc::clone(&mail));
                        self.teller.mail(&mail, &self.tale)?;
                    }
                    Err(RecvError::Lagged(lost)) => tracing::warn!(lost, "accepted mails were missed"),
                    Err(RecvError::Closed) => return Ok(Ended::Over),
                },
                // Of an exercise nothing reaches the county's own mail server.
                delivery = deliveries.recv(), if self.notifying.is_some() => match delivery {
                    Ok(delivery) => {
                        last_happening = Instant::now();
                        self.teller.say(delivery.at, Word::Mail, &exercise::words(&delivery))?;
                    }
                    Err(RecvError::Lagged(lost)) => tracing::warn!(lost, "deliveries were missed"),
                    Err(RecvError::Closed) => return Ok(Ended::Over),
                },
                seen = observations.recv() => {
                    // One that is missed because this reader is slow is only one of many.
                    if let Ok(seen) = seen && self.tale.observe(&seen) {
                        self.teller.first_failure(seen.ended(), &seen)?;
                    }
                }
                _ = ticks.tick() => {
                    let at = now();
                    self.turn(at)?;
                    self.teller.catch_up(at, &picture.borrow_and_update().clone())?;
                    let calm = last_happening.elapsed() >= DRILL_CALM && self.tale.is_calm();
                    let played = at > self.last_turn + DRILL_CALM && self.tale.is_as_expected();
                    if !over && ((played && calm) || at >= self.ends) {
                        over = true;
                        if !self.keep_running {
                            return Ok(Ended::Over);
                        }
                        self.close_story()?;
                    }
                }
            }
        }
    }

    /// Says what the script has done since the last time.
    fn turn(&mut self, at: At) -> std::io::Result<()> {
        while let Some((when, what)) = self.turns.pop_front_if(|(when, _)| *when <= at) {
            self.teller.turn(when, &what)?;
        }
        Ok(())
    }

    fn close_story(&mut self) -> std::io::Result<()> {
        if let Some(paper) = self.teller.paper() {
            put(&verdict::page(&self.tale, paper, self.notifying.is_some()))?;
        }
        self.teller.say(
            now(),
            Word::Drill,
            "the story is over; the checks go on in fine weather until Ctrl-C",
        )
    }

    /// The last word: the table, or the summary object.
    fn close(&mut self, ended: Ended) -> std::io::Result<()> {
        let judged = ended == Ended::Over || self.tale.is_as_expected();
        match self.teller.paper() {
            Some(_) if !judged => put("\nEnded before the story was over.\n"),
            Some(paper) => put(&verdict::page(&self.tale, paper, self.notifying.is_some())),
            None => put(&serde_json::to_string(&self.tale.summary())?),
        }
    }
}

fn practices(estate: &Estate) -> String {
    match estate.practices.len() {
        1 => "1 practice".to_owned(),
        many => format!("{many} practices"),
    }
}

fn checks(estate: &Estate) -> String {
    let mut every: Vec<u64> = estate.probes.iter().map(|probe| probe.every.as_secs()).collect();
    every.sort_unstable();
    let every = match (every.first(), every.last()) {
        (Some(least), Some(most)) if least == most => format!("every {least} s"),
        (Some(least), Some(most)) => format!("every {least} to {most} s"),
        _ => String::new(),
    };
    format!("{} checks at each {every}", estate.probes.len())
}

fn now() -> At {
    At::from(jiff::Timestamp::now())
}
