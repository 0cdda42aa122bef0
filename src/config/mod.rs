//! `probes.toml` and `practices.csv` → [`Config`]: the estate, and the settings around it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use crate::estate::Estate;
use crate::time::At;

/// All that one configuration says, checked.
#[derive(Debug, Clone)]
pub struct Config {
    pub estate: Estate,
    pub hub: HubSettings,
    pub mail: Option<MailSettings>,
    pub notices: NoticeSettings,
    /// Planned work: measured, not notified.
    pub maintenance: Vec<MaintenanceWindow>,
    pub schedule: ScheduleSettings,
}

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
}

/// `[mail]`
#[derive(Debug, Clone)]
pub struct MailSettings {
    pub relay: String,
    pub port: u16,
    pub security: MailSecurity,
    pub user: Option<String>,
    /// From `password_file` or the environment variable that `password_env` names; never from the file itself.
    pub password: Option<SecretString>,
    /// `linewatch <linewatch@icb.example>`, or the bare address.
    pub from: String,
    /// ICB staff who get the evidence; a service desk, at least.
    pub staff: Vec<String>,
    /// Extra roots to trust for the relay's certificate, PEM, already read.
    pub trust_pem: Option<String>,
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
}
