//! What the agents of a county would report, by hand: no noise but what a test puts in, so that a test says
//! all that happens.

use linewatch::observation::{ALIVE, BYE, Failure, HUB, Observation, Phase};
use linewatch::time::At;
use linewatch::world::virtual_time::blank;

use super::county::{County, QUESTIONS, Question, Site};

/// One asking: what the weather is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Seconds since the stream began.
    pub s: f64,
    /// `None`: the hub asks.
    pub site: Option<&'a Site>,
    /// `None`: a heartbeat.
    pub question: Option<Question>,
}

impl Asked<'_> {
    pub fn on(&self, network: &str) -> bool {
        self.question.is_some_and(|question| question.network == network)
    }

    pub fn of(&self, service: &str) -> bool {
        self.question.is_some_and(|question| question.service == Some(service))
    }

    pub fn is(&self, probe: &str) -> bool {
        self.question.is_some_and(|question| question.id == probe)
    }

    pub fn at(&self, ods: &str) -> bool {
        self.site.is_some_and(|site| site.ods == ods)
    }

    pub fn behind(&self, firewall: &str) -> bool {
        self.site.is_some_and(|site| site.firewall == firewall)
    }

    pub fn over(&self, carrier: &str) -> bool {
        self.site.is_some_and(|site| site.carrier == carrier)
    }

    /// Asked between these seconds.
    pub fn during(&self, from: f64, until: f64) -> bool {
        self.s >= from && self.s < until
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer {
    Well,
    /// Failed this way, in this phase, after so many milliseconds; none: the time-out's.
    Failed(Failure, Phase, Option<f64>),
    /// The agent can't report it, and doesn't keep it.
    Unheard,
    /// The agent reports it at this second of the stream, if that is later than when it was done.
    Kept(f64),
}

pub const TIMED_OUT: Answer = Answer::Failed(Failure::Timeout, Phase::Connect, None);
pub const REFUSED: Answer = Answer::Failed(Failure::Refused, Phase::Connect, Some(3.0));

/// What is generated besides the practices' checks, and when they are asked.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    pub heartbeats: bool,
    pub hub: bool,
    /// Spread over the interval, as linewatch's own agents ask. Otherwise all within the first second.
    pub spread: bool,
}

pub const USUAL: Habits = Habits { heartbeats: true, hub: true, spread: true };

pub fn start() -> At {
    "2026-03-16T07:00:00.000Z".parse().expect("a time")
}

pub fn at(s: f64) -> At {
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a test")]
    start().plus_millis((s * 1000.0).round() as i64)
}

/// Everything reported within so many seconds, in order of arrival.
pub fn stream(
    county: &County,
    habits: Habits,
    seconds: u32,
    weather: impl Fn(&Asked<'_>) -> Answer,
) -> Vec<Observation> {
    let mut lines: Vec<Observation> = Vec::new();
    let mut put = |asked: Asked<'_>| {
        let mut seen = blank();
        seen.at = at(asked.s);
        asked.site.map_or(HUB, |site| &site.ods).clone_into(&mut seen.practice);
        asked.question.map_or(ALIVE, |question| question.id).clone_into(&mut seen.probe);
        if asked.question.is_some() {
            seen.ms = 20.0 + f64::from(hash(&seen.practice, &seen.probe) % 60);
        }
        match weather(&asked) {
            Answer::Well => {}
            Answer::Unheard => return,
            Answer::Failed(..) if asked.question.is_none() => {}
            Answer::Failed(failure, phase, ms) => {
                seen.ok = false;
                seen.failure = Some(failure);
                seen.phase = Some(phase);
                seen.ms = ms.unwrap_or(f64::from(county.timeout_s) * 1000.0);
            }
            Answer::Kept(until) => seen.received = Some(seen.ended().max(at(until))),
        }
        lines.push(seen);
    };
    let turns = |put: &mut dyn FnMut(f64), every_s: u32, phase: f64| {
        let mut s = phase;
        while s < f64::from(seconds) {
            put(s);
            s += f64::from(every_s);
        }
    };
    let sites = county.sites.iter().map(Some).chain(habits.hub.then_some(None));
    for site in sites {
        let name = site.map_or(HUB, |site| &site.ods);
        for question in QUESTIONS {
            let within_ms = if habits.spread { county.every_s * 1000 } else { 1000 };
            let phase = f64::from(hash(name, question.id) % within_ms) / 1000.0;
            turns(&mut |s| put(Asked { s, site, question: Some(question) }), county.every_s, phase);
        }
        if habits.heartbeats && site.is_some() {
            let phase = f64::from(hash(name, ALIVE) % 30_000) / 1000.0;
            turns(&mut |s| put(Asked { s, site, question: None }), 30, phase);
        }
    }
    sort(&mut lines);
    // What would arrive after the end isn't in the recording.
    lines.retain(|line| line.arrival() <= at(f64::from(seconds)));
    lines
}

/// In order of arrival; ties in a fixed order.
pub fn sort(lines: &mut [Observation]) {
    lines.sort_by_key(|line| (line.arrival(), hash(&line.practice, &line.probe), line.at));
}

/// A goodbye.
pub fn bye(ods: &str, s: f64) -> Observation {
    Observation { at: at(s), practice: ods.to_owned(), probe: BYE.to_owned(), ..blank() }
}

/// As a recording, with the clock advanced to its end.
pub fn text(lines: &[Observation], seconds: u32) -> String {
    let mut text: String =
        lines.iter().map(|line| serde_json::to_string(line).expect("JSON") + "\n").collect();
    text.push_str(&end(f64::from(seconds)));
    text
}

pub fn end(s: f64) -> String {
    format!("{{\"at\":\"{}\",\"end\":true}}\n", at(s))
}

/// FNV-1a: any fixed number of two words.
pub fn hash(a: &str, b: &str) -> u32 {
    a.bytes()
        .chain([0])
        .chain(b.bytes())
        .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
        >> 3
}
