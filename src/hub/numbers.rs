//! The counters and gauges of the hub itself, in a registry of the `prometheus` crate. The families that
//! have a line for each check are rendered from state in [`super::metrics`].

use prometheus::{Counter, Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::acknowledge::AckOutcome;
use super::asks::Fate;
use super::intake;
use super::intake::refusal::{REASONS, REASONS_OF_CREDENTIALS};
use crate::agent::meters::Meters;
use crate::correlate::Taken;
use crate::incident::EventKind;
use crate::notify::{AckWay, Came, Keep};

/// Why a token opened nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenRefused {
    Wrong,
    /// It was wrong, and its source had shown too many such.
    TooMany,
}

impl TokenRefused {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::TooMany => "too_many",
        }
    }
}

/// What agents ask, besides that their batches be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentRequest {
    Enrol,
    Key,
    Config,
    Asks,
}

impl AgentRequest {
    const ALL: [Self; 4] = [Self::Enrol, Self::Key, Self::Config, Self::Asks];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Enrol => "enrol",
            Self::Key => "key",
            Self::Config => "config",
            Self::Asks => "asks",
        }
    }
}

/// Why a connection was ended by the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetGo {
    /// Its source holds its share of all.
    Crowd,
    /// No TLS handshake in time.
    Handshake,
    /// No head of a request in time.
    Head,
    /// All seats were taken, and nothing had happened over it for longest.
    Yielded,
}

impl LetGo {
    const ALL: [Self; 4] = [Self::Crowd, Self::Handshake, Self::Head, Self::Yielded];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Crowd => "too_many",
            Self::Handshake => "slow_handshake",
            Self::Head => "slow_head",
            Self::Yielded => "yielded",
        }
    }
}

/// All of the hub's own numbers.
#[derive(Debug)]
pub struct Numbers {
    pub registry: Registry,
    observations: IntCounterVec,
    batches: IntCounterVec,
    refused: IntCounterVec,
    let_go: IntCounterVec,
    reported: IntCounterVec,
    asks: IntCounterVec,
    events: IntCounterVec,
    acknowledgements: IntCounterVec,
    tokens: IntCounterVec,
    bounces: IntCounterVec,
    pub kept: IntGaugeVec,
    pub bouncing: IntGauge,
    pub events_lost: IntCounter,
    pub transitions_lost: IntCounter,
    pub observations_unkept: IntCounter,
    pub clock_jumps: IntCounter,
    pub correlator_busy: Counter,
    pub reload_ok: IntGauge,
    pub last_reload: Gauge,
    pub store_ok: IntGauge,
    pub mail_ok: IntGauge,
    pub blind: IntGauge,
    pub queue: IntGauge,
    pub outbox: IntGaugeVec,
    pub outbox_oldest: Gauge,
    pub late: Gauge,
    pub notes: IntGauge,
}

impl Numbers {
    /// Fails only when two metrics have the same name.
    pub fn new() -> Result<(Self, Meters), prometheus::Error> {
        let registry = Registry::new();
        let meters = Meters::new(&registry)?;
        let counter = |name: &str, help: &str| {
            let metric = IntCounter::with_opts(Opts::new(name, help))?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let gauge = |name: &str, help: &str| {
            let metric = IntGauge::with_opts(Opts::new(name, help))?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let seconds = |name: &str, help: &str| {
            let metric = Gauge::with_opts(Opts::new(name, help))?;
            registry.register(Box::new(metric.clone()))?;
            Ok::<_, prometheus::Error>(metric)
        };
        let observations = IntCounterVec::new(
            Opts::new("linewatch_observations_total", "Observations that reached the correlator."),
            &["taken"],
        )?;
        registry.register(Box::new(observations.clone()))?;
        let batches = IntCounterVec::new(
            Opts::new("linewatch_agent_batches_total", "Batches of agents, by what became of them."),
            &["outcome"],
        )?;
        registry.register(Box::new(batches.clone()))?;
        let reported = IntCounterVec::new(
            Opts::new(
                "linewatch_agent_observations_total",
                "Observations in agents' batches: new ones, those that had come before, new ones of probes that this hub doesn't know, \
                 and those that were refused for good, which their agents give up.",
            ),
            &["taken"],
        )?;
        registry.register(Box::new(reported.clone()))?;
        let refused = IntCounterVec::new(
            Opts::new(
                "linewatch_agent_requests_refused_total",
                "Requests of agents, or of who would be one, that were refused, other than batches: to enrol with a code, for a configuration, \
                 to change a key, to hear what is to be asked now.",
            ),
            &["request", "reason"],
        )?;
        registry.register(Box::new(refused.clone()))?;
        let let_go = IntCounterVec::new(
            Opts::new(
                "linewatch_connections_let_go_total",
                "Connections that were ended: of a source that holds too many, without a TLS handshake in time, without the head of a first \
                 request in time, and those that yielded, while all were taken, to somebody who came.",
            ),
            &["reason"],
        )?;
        registry.register(Box::new(let_go.clone()))?;
        let asks = IntCounterVec::new(
            Opts::new(
                "linewatch_asks_total",
                "Checks that the correlator, or a person, wished to be asked now: those that an agent or a worker was told of, those \
                 beyond what is asked at once, and those of practices of which no agent listens.",
            ),
            &["fate"],
        )?;
        registry.register(Box::new(asks.clone()))?;
        let events =
            IntCounterVec::new(Opts::new("linewatch_incident_events_total", "Incident events."), &["event"])?;
        registry.register(Box::new(events.clone()))?;
        let acknowledgements = IntCounterVec::new(
            Opts::new(
                "linewatch_acknowledgements_total",
                "Acknowledgements of incidents, and links that opened nothing, by what became of them.",
            ),
            &["way", "outcome"],
        )?;
        registry.register(Box::new(acknowledgements.clone()))?;
        let tokens = IntCounterVec::new(
            Opts::new(
                "linewatch_tokens_refused_total",
                "Requests of people and of Prometheus with a wrong token; `too_many`: from a source that had shown many such.",
            ),
            &["reason"],
        )?;
        registry.register(Box::new(tokens.clone()))?;
        let bounces = IntCounterVec::new(
            Opts::new(
                "linewatch_bounces_total",
                "What mail servers wrote about mails that they had accepted, by what became of it.",
            ),
            &["outcome"],
        )?;
        registry.register(Box::new(bounces.clone()))?;
        let kept = IntGaugeVec::new(
            Opts::new(
                "linewatch_notices_kept",
                "Notices that are kept from their recipients for now: muted, less severe than the recipient wants to hear of, outside \
                 their hours, beyond the messages an hour.",
            ),
            &["reason"],
        )?;
        registry.register(Box::new(kept.clone()))?;
        let outbox = IntGaugeVec::new(
            Opts::new("linewatch_outbox_notices", "Notices that are not yet delivered."),
            &["state"],
        )?;
        registry.register(Box::new(outbox.clone()))?;
        let correlator_busy = Counter::with_opts(Opts::new(
            "linewatch_correlator_busy_seconds_total",
            "Time that the correlator worked.",
        ))?;
        registry.register(Box::new(correlator_busy.clone()))?;
        let build = IntGaugeVec::new(
            Opts::new("linewatch_build_info", "The version that runs; always 1."),
            &["version"],
        )?;
        registry.register(Box::new(build.clone()))?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let started = seconds("linewatch_start_time_seconds", "When this process started, in Unix time.")?;
        started.set(crate::agent::clock::now().as_secs_f64());
        let numbers = Self {
            observations,
            batches,
            refused,
            let_go,
            reported,
            asks,
            events,
            acknowledgements,
            tokens,
            bounces,
            kept,
            bouncing: gauge(
                "linewatch_recipients_bouncing",
                "Recipients whose mails were accepted and came back for good, within the last week.",
            )?,
            events_lost: counter(
                "linewatch_incident_events_lost_total",
                "Incident events that nobody was told of, because the notices hung.",
            )?,
            transitions_lost: counter(
                "linewatch_transitions_lost_total",
                "Changes of checks that the store had no room for.",
            )?,
            observations_unkept: counter(
                "linewatch_observations_unkept_total",
                "This machine's own observations that the archive had no room or no disk for; agents keep theirs.",
            )?,
            clock_jumps: counter(
                "linewatch_clock_jumps_total",
                "Times that the clock was set, the machine slept, or the program stood still.",
            )?,
            correlator_busy,
            reload_ok: gauge(
                "linewatch_config_reload_ok",
                "1 when the configuration on disk was good at the last load, 0 when the one before is still used.",
            )?,
            last_reload: seconds(
                "linewatch_config_last_reload_seconds",
                "When a configuration was last taken over, in Unix time.",
            )?,
            store_ok: gauge("linewatch_store_ok", "1 when the store can be written, 0 when memory is used.")?,
            mail_ok: gauge(
                "linewatch_mail_relay_ok",
                "1 when the mail relay took or refused the last notice, or none is configured; 0 when it fails.",
            )?,
            blind: gauge(
                "linewatch_blind",
                "1 when linewatch itself seems to be what is cut off, so that nothing else can be judged.",
            )?,
            queue: gauge("linewatch_observation_queue", "Observations that wait for the correlator.")?,
            outbox,
            outbox_oldest: seconds(
                "linewatch_outbox_oldest_seconds",
                "Age of the oldest notice that is due and not yet accepted; 0 when there is none.",
            )?,
            late: seconds(
                "linewatch_schedule_late_seconds",
                "By how much the latest check of the last minute or so was begun too late.",
            )?,
            notes: gauge("linewatch_notes", "Standing notes in the status.")?,
            registry,
        };
        for taken in [Taken::Counted, Taken::History, Taken::UnknownPractice, Taken::UnknownProbe] {
            numbers.observations.with_label_values(&[word(taken)]);
        }
        for event in ["opened", "changed", "resolved"] {
            numbers.events.with_label_values(&[event]);
        }
        for outcome in ["kept", "not_kept"].into_iter().chain(REASONS) {
            numbers.batches.with_label_values(&[outcome]);
        }
        for taken in ["new", "again", "unknown_probe", "refused"] {
            numbers.reported.with_label_values(&[taken]);
        }
        for way in AckWay::ALL {
            for outcome in AckOutcome::ALL {
                numbers.acknowledgements.with_label_values(&[way.as_str(), outcome.as_str()]);
            }
        }
        for reason in [TokenRefused::Wrong, TokenRefused::TooMany] {
            numbers.tokens.with_label_values(&[reason.as_str()]);
        }
        for word in Came::WORDS {
            numbers.bounces.with_label_values(&[word]);
        }
        for keep in Keep::ALL {
            numbers.kept.with_label_values(&[keep.as_str()]);
        }
        for request in AgentRequest::ALL {
            for reason in REASONS_OF_CREDENTIALS {
                numbers.refused.with_label_values(&[request.as_str(), reason]);
            }
        }
        for reason in LetGo::ALL {
            numbers.let_go.with_label_values(&[reason.as_str()]);
        }
        for fate in Fate::ALL {
            numbers.asks.with_label_values(&[fate.word()]);
        }
        numbers.reload_ok.set(1);
        numbers.last_reload.set(started.get());
        Ok((numbers, meters))
    }

    pub fn taken(&self, taken: Taken) {
        self.observations.with_label_values(&[word(taken)]).inc();
    }

    /// A batch was refused, for a reason of [`REASONS`]; so many of its observations for good.
    pub fn refused(&self, reason: &str, for_good: u64) {
        self.batches.with_label_values(&[reason]).inc();
        self.reported.with_label_values(&["refused"]).inc_by(for_good);
    }

    /// Something else that an agent asked was.
    pub fn request_refused(&self, request: AgentRequest, reason: &str) {
        self.refused.with_label_values(&[request.as_str(), reason]).inc();
    }

    pub fn let_go(&self, reason: LetGo) {
        self.let_go.with_label_values(&[reason.as_str()]).inc();
    }

    pub fn took(&self, batch: &intake::Taken) {
        let outcome = if batch.trouble.is_none() { "kept" } else { "not_kept" };
        self.batches.with_label_values(&[outcome]).inc();
        self.reported.with_label_values(&["new"]).inc_by(batch.fresh - batch.unknown);
        self.reported.with_label_values(&["again"]).inc_by(batch.again);
        self.reported.with_label_values(&["unknown_probe"]).inc_by(batch.unknown);
    }

    pub fn token_refused(&self, reason: TokenRefused) {
        self.tokens.with_label_values(&[reason.as_str()]).inc();
    }

    /// How many were, since the start.
    pub fn tokens_refused(&self, reason: TokenRefused) -> u64 {
        self.tokens.with_label_values(&[reason.as_str()]).get()
    }

    pub fn asked(&self, fate: Fate) {
        self.asks.with_label_values(&[fate.word()]).inc();
    }

    pub fn acknowledged(&self, way: AckWay, outcome: AckOutcome) {
        self.acknowledgements.with_label_values(&[way.as_str(), outcome.as_str()]).inc();
    }

    pub fn came_back(&self, came: &Came) {
        self.bounces.with_label_values(&[came.as_str()]).inc();
    }

    pub fn event(&self, event: EventKind) {
        let word = match event {
            EventKind::Opened => "opened",
            EventKind::Changed => "changed",
            EventKind::Resolved => "resolved",
        };
        self.events.with_label_values(&[word]).inc();
    }
}

const fn word(taken: Taken) -> &'static str {
    match taken {
        Taken::Counted => "counted",
        Taken::History => "history",
        Taken::UnknownPractice => "unknown_practice",
        Taken::UnknownProbe => "unknown_probe",
    }
}
