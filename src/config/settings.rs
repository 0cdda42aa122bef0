//! The settings around the estate: hub, mail, notices, maintenance, schedule.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use crate::archive::keeping::Settings as Keeping;
use crate::estate::SharedSecret;
use crate::limits::{ARCHIVE_BYTES_MAX, NOTICE_UPDATE_EVERY, NOTICES_PER_HOUR};
use crate::notify::Channel;
use crate::notify::policy::routing::Terms;
use crate::notify::policy::severity::Severity;
use crate::notify::words::texts::Texts;
use crate::time::At;

/// `[hub]`
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// Where the status page, API and metrics are served. Default `127.0.0.1:9460`.
    pub listen: SocketAddr,
    /// Where the store lies. Default `linewatch-data` beside the configuration file.
    pub data: PathBuf,
    /// How long journal and history are kept. Default 400 days.
    pub keep: Duration,
    /// How long recipients' addresses are kept after the notice. Default 90 days.
    pub keep_addresses: Duration,
    /// How long every observation is kept, and what they may take of the disk. Default 60 days and 32 GiB.
    pub observations: Keeping,
    /// The listener's certificate; `None`: it speaks plain HTTP.
    pub tls: Option<TlsSettings>,
    pub tokens: Tokens,
}

/// `[hub] tls`: the listener's certificate, already read, and found to fit its key.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// The chain, PEM.
    pub certificate_pem: String,
    pub key_pem: SecretString,
}

/// What people and Prometheus show. Default: none is asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tokens {
    /// For reading the page, the API and the metrics.
    pub viewer: Option<SharedSecret>,
    /// For that, and for changing something; without it, changes are taken from the hub's own machine alone.
    pub admin: Option<SharedSecret>,
    /// For handing over what came back, and nothing else: a mail server has it.
    pub bounce: Option<SharedSecret>,
}

impl HubSettings {
    pub(super) const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9460);
    pub(super) const DATA: &'static str = "linewatch-data";
    /// A year, and time to look back at it.
    pub(super) const KEEP: Duration = Duration::from_hours(400 * 24);
    /// Addresses of people are kept no longer than questions about a notice are likely.
    pub(super) const KEEP_ADDRESSES: Duration = Duration::from_hours(90 * 24);
    /// As long as an agent's spool has them too.
    pub const OBSERVATIONS: Keeping =
        Keeping { keep: Duration::from_hours(60 * 24), bytes_max: ARCHIVE_BYTES_MAX };
}

/// `[mail]`
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// `linewatch <linewatch@icb.example>`, or the bare address.
    pub from: String,
    /// ICB staff who get the evidence; a service desk, at least.
    pub staff: Vec<String>,
    /// The mail servers, in the order in which they are used: the first unless it fails. At least one.
    pub relays: Vec<RelaySettings>,
}

/// `[[mail.relay]]`, or the one that `[mail]` names itself.
#[derive(Debug, Clone)]
pub struct RelaySettings {
    pub host: String,
    pub port: u16,
    pub security: MailSecurity,
    pub user: Option<String>,
    /// From `password_file` or the environment variable that `password_env` names; never from the file itself.
    pub password: Option<SecretString>,
    /// Extra roots to trust for the relay's certificate, PEM, already read.
    pub trust_pem: Option<String>,
    /// The network, by id, that it is reached by, for people.
    pub network: Option<String>,
    pub rates: Rates,
}

impl RelaySettings {
    /// A mail server spoken to in the clear and as fast as it goes: one on this machine.
    pub fn plain(address: SocketAddr) -> Self {
        Self {
            host: address.ip().to_string(),
            port: address.port(),
            security: MailSecurity::Plain,
            user: None,
            password: None,
            trust_pem: None,
            network: None,
            rates: Rates::default(),
        }
    }

    /// As people know it: `mail.example:587`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// How many messages one sender may hand over; `None`: as many as are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    pub per_minute: Option<u32>,
    pub per_day: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailSecurity {
    /// Upgrade or don't send.
    StartTls,
    /// TLS from the first byte (port 465).
    Tls,
    /// Nothing; for a relay on the same machine.
    Plain,
}

impl MailSecurity {
    /// The port that goes with it, where the file names none.
    pub(super) const fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::Plain => 25,
        }
    }
}

/// What notices leave by beside the mail servers, and who gets them how.
#[derive(Debug, Clone, Default)]
pub struct WaySettings {
    pub channels: Vec<ChannelSettings>,
    pub contacts: Vec<ContactSettings>,
    pub pcns: Vec<Pcn>,
    /// Each is held by somebody.
    pub roles: Vec<RoleSettings>,
    pub other_icbs: Vec<OtherIcb>,
    /// The service, by id, that is the practices' own e-mail: where it is down, a recipient's other way is first.
    pub mail_service: Option<String>,
    pub exercise: ExerciseSettings,
}

/// `[exercise]`: who gets notices of incidents that never were, and nobody else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExerciseSettings {
    /// Addresses.
    pub to: Vec<String>,
    /// Channels that are recipients themselves, by id.
    pub channels: Vec<String>,
    /// This is one: what leaves is marked, and nothing leaves for anybody else. Never in a file.
    pub is_on: bool,
}

/// `[[channel]]`
#[derive(Clone)]
pub struct ChannelSettings {
    pub id: String,
    pub kind: ChannelKind,
    /// A secret, for some kinds.
    pub url: Url,
    /// Extra roots to trust for it, PEM, already read.
    pub trust_pem: Option<String>,
}

#[derive(Debug, Clone)]
pub enum ChannelKind {
    /// JSON, signed.
    Webhook { secret: SharedSecret },
    /// Its API, version 2.
    Alertmanager,
    /// A workflow's webhook; an Adaptive Card.
    Teams,
    /// Text messages through GOV.UK Notify, or what speaks like it.
    Sms { api_key: SharedSecret, template_id: String },
}

impl ChannelKind {
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Webhook { .. } => Channel::Webhook,
            Self::Alertmanager => Channel::Alertmanager,
            Self::Teams => Channel::Teams,
            Self::Sms { .. } => Channel::Sms,
        }
    }
}

impl std::fmt::Debug for ChannelSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChannelSettings")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// `[[contact]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactSettings {
    /// Who it is: an address of a practice or of staff, or of somebody who hears because of what they look after.
    pub email: String,
    /// What the person is called, for letters that say who has an incident in hand.
    pub name: Option<String>,
    pub mobile: Option<String>,
    /// In order; at least one.
    pub ways: Vec<ContactWay>,
    /// At which hours they are written to, and of what.
    pub terms: Terms,
    /// Primary care networks, by id, of whose practices they hear.
    pub pcns: Vec<String>,
    /// Owners of components, by name, for whom they hear.
    pub owners: Vec<String>,
    /// Roles at the ICB that they hold, by id.
    pub roles: Vec<String>,
    /// The ICBs for which they hold them, by code; empty: all.
    pub icbs: Vec<String>,
}

impl ContactSettings {
    /// By e-mail, at once and of everything; for nobody else.
    pub fn plain(email: impl Into<String>) -> Self {
        Self {
            email: email.into(),
            name: None,
            mobile: None,
            ways: vec![ContactWay::Email],
            terms: Terms::default(),
            pcns: Vec::new(),
            owners: Vec::new(),
            roles: Vec::new(),
            icbs: Vec::new(),
        }
    }
}

/// `[[role]]`: what whoever holds it is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleSettings {
    pub id: String,
    /// It isn't told of what is less severe.
    pub min_severity: Severity,
    /// Kinds of cause that it is told of; empty: all.
    pub causes: Vec<String>,
}

/// `[[other_icb]]`: an ICB whose practices this estate has beside those of `[icb]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherIcb {
    pub code: String,
    pub name: String,
    /// Ids, in order.
    pub practices: Vec<String>,
}

/// `[[pcn]]`: a primary care network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pcn {
    pub id: String,
    pub name: String,
    /// Ids, in order.
    pub practices: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactWay {
    Email,
    Sms,
}

/// `[notices]`
#[derive(Debug, Clone)]
pub struct NoticeSettings {
    pub practices: PracticeNotices,
    /// How long managers are left without a word while their practice is hit; `None`: until it is over.
    pub update_every: Option<Duration>,
    /// What letters are laid out with.
    pub texts: Texts,
    /// Messages an hour to anyone; what is beyond waits for a digest. `None`: as many as there are.
    pub per_hour: Option<u32>,
}

impl Default for NoticeSettings {
    fn default() -> Self {
        Self {
            practices: PracticeNotices::Auto,
            update_every: Some(NOTICE_UPDATE_EVERY),
            texts: Texts::shipped(),
            per_hour: Some(NOTICES_PER_HOUR),
        }
    }
}

/// How people say that they have an incident in hand, and who is told when nobody does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AcknowledgementSettings {
    /// `[notices] link`: where people reach this hub's pages, with a `/` at its end; `None`: letters have no link.
    pub link: Option<Url>,
    /// `[[escalation]]`, the soonest first.
    pub steps: Vec<EscalationStep>,
}

/// `[[escalation]]`: who is told when nobody has acknowledged an incident for so long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationStep {
    /// After staff were told.
    pub after: Duration,
    /// Addresses.
    pub to: Vec<String>,
    /// Ids of `[[role]]`: whoever holds one for a practice that is hit, whatever the role is told of otherwise. At least one address or
    /// role.
    pub roles: Vec<String>,
}

impl EscalationStep {
    /// What stands before the id of a role in `to`; no address begins with it and has no `@`.
    pub const ROLE: &str = "role:";

    /// As `to` names them: `on.call@icb.example`, `role:on-call`.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let roles = self.roles.iter().map(|role| format!("{}{role}", Self::ROLE));
        self.to.iter().cloned().chain(roles)
    }
}

/// Whether practice managers hear at once, or after somebody at the ICB says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PracticeNotices {
    #[default]
    Auto,
    AfterApproval,
}

/// `[[deadline]]`: something that must be done by a time whether the lines work or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    pub at: At,
    /// `QOF year end`
    pub name: String,
    /// What to do when it can't be met: whole sentences.
    pub instead: Option<String>,
}

/// `[[maintenance]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenanceWindow {
    pub from: At,
    pub to: At,
    /// Ids of components, networks, services or practices; empty: all.
    pub what: Vec<String>,
    /// One line for a person.
    pub reason: String,
}

/// `[schedule]`
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScheduleSettings {
    /// Checks under way at once, at most. Default 512.
    pub concurrency_max: usize,
    /// Checks a second that one target may see from the whole estate, at most; `None`: no cap.
    pub target_rate_max: Option<f64>,
    /// Whether checks are asked again beside the schedule when they change. Default: they are.
    pub reask: bool,
    /// Trace the paths of checks: while they are fine now and then, and when they begin to fail. Default true.
    pub paths: bool,
}

impl Default for ScheduleSettings {
    fn default() -> Self {
        Self { concurrency_max: Self::CONCURRENCY, target_rate_max: None, reask: true, paths: true }
    }
}

impl ScheduleSettings {
    /// Half of the 1024 descriptors that a process has on an ordinary Linux.
    pub(super) const CONCURRENCY: usize = 512;
}
