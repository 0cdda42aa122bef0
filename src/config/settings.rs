//! The settings around the estate: hub, mail, notices, maintenance, schedule.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::estate::SharedSecret;
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
}

impl HubSettings {
    pub(super) const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9460);
    pub(super) const DATA: &'static str = "linewatch-data";
    /// A year, and time to look back at it.
    pub(super) const KEEP: Duration = Duration::from_hours(400 * 24);
    /// Addresses of people are kept no longer than questions about a notice are likely.
    pub(super) const KEEP_ADDRESSES: Duration = Duration::from_hours(90 * 24);
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

/// `[notices]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NoticeSettings {
    pub practices: PracticeNotices,
}

/// Whether practice managers hear at once, or after somebody at the ICB says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PracticeNotices {
    #[default]
    Auto,
    AfterApproval,
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
