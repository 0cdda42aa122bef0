//! A small county for these tests: eight practices behind two firewalls, whose checks a script answers.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use linewatch::agent::clock;
use linewatch::agent::workers::{Field, blank};
use linewatch::estate::{Estate, ProbeIx, Vantage};
use linewatch::hub::service::{Options, Running, start_in};
use linewatch::incident::{Event, EventKind};
use linewatch::observation::{Failure, Observation, Phase};
use linewatch::time::At;
use serde_json::Value;

pub const SECRET: &str = "correct horse battery staple";

/// Nothing here takes longer on any machine that can run the tests at all.
pub const DEADLINE: Duration = Duration::from_secs(90);

pub const CONFIG: &str = r#"
[icb]
code = "QKS"
name = "NHS <script>Kent</script>"
timezone = "Europe/London"

[hub]
listen = "127.0.0.1:0"

[[component]]
id = "fw-a"
kind = "firewall"
name = "Firewall <b>A</b>"

[[component]]
id = "fw-b"
kind = "firewall"
name = "Firewall B"

[[network]]
id = "internet"
name = "the internet"
through = ["firewall"]

[[network]]
id = "hscn"
name = "the NHS network"
through = []

[[service]]
id = "accurx"
name = "Accurx"

[[probe]]
id = "web"
kind = "tcp"
network = "internet"
target = "127.0.0.1:9"
every = "1s"
timeout = "500ms"

[[probe]]
id = "texts"
kind = "tcp"
network = "internet"
service = "accurx"
target = "127.0.0.1:9"
every = "1s"
timeout = "500ms"

[[probe]]
id = "spine"
kind = "tcp"
network = "hscn"
target = "127.0.0.1:9"
every = "1s"
timeout = "500ms"
"#;

/// The configuration with eight practices; the first has an awkward name, the second is a branch.
pub fn config_text() -> String {
    let mut text = CONFIG.to_owned();
    text += &practice("G82000", "", r#"<script>alert(1)</script> \"Surgery\" \\"#, "fw-a");
    text += &practice("G82001", "branch = \"westfield\"\n", "St James'", "fw-a");
    for number in 2..8 {
        let firewall = if number < 6 { "fw-a" } else { "fw-b" };
        text += &practice(&format!("G8200{number}"), "", "A surgery", firewall);
    }
    text
}

pub fn practice(ods: &str, more: &str, name: &str, firewall: &str) -> String {
    format!(
        "\n[[practice]]\nods = \"{ods}\"\n{more}name = \"{name}\"\nvia = {{ firewall = \"{firewall}\" }}\n"
    )
}

/// Answers every check as the script says.
#[derive(Default)]
pub struct Script {
    /// Practice and probe of the checks that fail.
    broken: Mutex<BTreeSet<(String, String)>>,
}

impl Script {
    pub fn break_checks(&self, practices: &[&str], probes: &[&str]) {
        let mut broken = self.broken.lock().unwrap();
        for practice in practices {
            broken.extend(probes.iter().map(|probe| ((*practice).to_owned(), (*probe).to_owned())));
        }
    }

    pub fn mend(&self) {
        self.broken.lock().unwrap().clear();
    }
}

impl Field for Script {
    fn now(&self) -> At {
        clock::now()
    }

    async fn ask(&self, estate: &Estate, from: Vantage, probe: ProbeIx, at: At) -> Observation {
        let practice = match from {
            Vantage::Hub => linewatch::observation::HUB,
            Vantage::Practice(practice) => &estate.practices[practice.at()].id,
        };
        let probe = &estate.probes[probe.at()].id;
        let mut seen = blank(at, practice, probe);
        seen.ms = 12.5;
        seen.phases_ms.set(Phase::Connect, 12.0);
        if self.broken.lock().unwrap().contains(&(practice.to_owned(), probe.clone())) {
            seen.ok = false;
            seen.failure = Some(Failure::Timeout);
            seen.phase = Some(Phase::Connect);
        }
        seen
    }
}

/// A running service with its script, and the folder that it lives in.
pub struct Bench {
    pub script: Arc<Script>,
    pub running: Running,
    pub config: PathBuf,
    pub http: reqwest::Client,
    _folder: tempfile::TempDir,
}

/// The practices behind the first firewall.
pub const BEHIND_A: [&str; 6] = ["G82000", "G82001/westfield", "G82002", "G82003", "G82004", "G82005"];

impl Bench {
    /// A command that asks this bench: its exit status, and both streams.
    pub async fn command(&self, args: &[&str]) -> (i32, String, String) {
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_linewatch"))
            .args(args)
            .args(["--url", &self.url("")])
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    /// Returns when every check has been answered once.
    pub async fn start() -> Self {
        Self::start_with(&config_text()).await
    }

    /// The same with another configuration, which may name a secret.
    pub async fn start_with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("probes.toml"), config).unwrap();
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        let bench = Self::start_over(folder, Arc::new(Script::default())).await;
        bench.picture_until(|status| status["practices"]["ok"] == status["practices"]["total"]).await;
        bench
    }

    /// Stops in good order and starts again, with the same folder and the same script.
    pub async fn restart(self) -> Self {
        let Self { script, running, _folder: folder, .. } = self;
        running.stop().await;
        Self::start_over(folder, script).await
    }

    async fn start_over(folder: tempfile::TempDir, script: Arc<Script>) -> Self {
        let config = folder.path().join("probes.toml");
        let loaded = linewatch::config::load(&config).unwrap_or_else(|errors| panic!("{errors}"));
        let options = Options { config_path: Some(config.clone()), ..Options::default() };
        let running = start_in(script.clone(), loaded, options).await.unwrap();
        Self { script, running, config, http: client(), _folder: folder }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.address)
    }

    /// Status and text.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let answer = self.http.get(self.url(path)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub async fn json(&self, path: &str) -> Value {
        let (status, text) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Waits for pictures until the status is as wanted.
    pub async fn picture_until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut pictures = self.running.picture();
        tokio::time::timeout(DEADLINE, async {
            loop {
                let status = self.json("/api/v1/status").await;
                if wanted(&status) {
                    return status;
                }
                pictures.changed().await.unwrap();
            }
        })
        .await
        .expect("the status never came to be as wanted")
    }

    /// Waits for an event of this kind.
    pub async fn event(events: &mut tokio::sync::broadcast::Receiver<Event>, kind: EventKind) -> Event {
        tokio::time::timeout(DEADLINE, async {
            loop {
                let event = events.recv().await.unwrap();
                if event.event == kind {
                    return event;
                }
            }
        })
        .await
        .expect("the event never came")
    }
}

pub fn client() -> reqwest::Client {
    // Another test may have been first.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().no_proxy().timeout(DEADLINE).build().unwrap()
}
