//! A hub with a certificate made for the test, in this process or as a child that can be killed; agents beside it; and a line
//! between them that can be cut.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use linewatch::agent::schedule::Whose;
use linewatch::agent::spool::Settings;
use linewatch::agent::uplink::keeper::lock;
use linewatch::agent::uplink::service::{Agent, AgentSettings, start as start_agent};
use linewatch::agent::workers::Field;
use linewatch::archive::reading::{Query, read};
use linewatch::hub::service::{Options, Running, start};
use linewatch::observation::Observation;
use linewatch::segments::Entry;
use linewatch::store::{SpoolRow, Store};
use linewatch::uplink::message::{AgentLine, CodeAnswer, CodeRequest};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// Nothing here takes longer on any machine that can run the tests at all.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// Three practices, one of them a branch; `probes` checks a second at each.
pub fn config_text(listen: &str, probes: usize, target: &str) -> String {
    let mut text = format!(
        "[icb]\ncode = \"QKS\"\nname = \"NHS Kent and Medway\"\ntimezone = \"Europe/London\"\n\
         [hub]\nlisten = \"{listen}\"\ntls = {{ certificate = \"hub.pem\", key = \"hub.key\" }}\n\
         [schedule]\npaths = false\nreask = false\n\
         [[component]]\nid = \"fw-a\"\nkind = \"firewall\"\nname = \"Firewall A\"\n\
         [[network]]\nid = \"internet\"\nname = \"the internet\"\nthrough = [\"firewall\"]\n\
         [[network]]\nid = \"hscn\"\nname = \"the NHS network\"\nthrough = []\n"
    );
    for probe in 0..probes {
        let _infallible = write!(
            text,
            "[[probe]]\nid = \"web-{probe}\"\nkind = \"tcp\"\nnetwork = \"internet\"\ntarget = \"{target}\"\n\
             every = \"1s\"\ntimeout = \"500ms\"\n"
        );
    }
    for (ods, more) in [("G82002", ""), ("G82002", "branch = \"westfield\"\n"), ("G82003", "")] {
        let _infallible = write!(
            text,
            "[[practice]]\nods = \"{ods}\"\n{more}name = \"A surgery\"\nvia = {{ firewall = \"fw-a\" }}\n"
        );
    }
    text
}

/// A folder with a configuration and a certificate for this machine.
pub struct Stage {
    pub folder: tempfile::TempDir,
    pub ca: String,
}

impl Stage {
    pub fn new(config: &str) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let folder = tempfile::tempdir().unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let ca = made.cert.pem();
        std::fs::write(folder.path().join("hub.pem"), &ca).unwrap();
        std::fs::write(folder.path().join("hub.key"), made.signing_key.serialize_pem()).unwrap();
        std::fs::write(folder.path().join("probes.toml"), config).unwrap();
        Self { folder, ca }
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("probes.toml")
    }

    pub fn client(&self) -> reqwest::Client {
        let ca = reqwest::Certificate::from_pem(self.ca.as_bytes()).unwrap();
        reqwest::Client::builder().no_proxy().timeout(DEADLINE).tls_certs_only([ca]).build().unwrap()
    }

    /// A hub in this process.
    pub async fn hub(&self) -> Running {
        let config = linewatch::config::load(&self.config()).unwrap_or_else(|errors| panic!("{errors}"));
        let options = Options { config_path: Some(self.config()), whose: Whose::Hubs, ..Options::default() };
        start(config, options).await.unwrap()
    }

    /// A hub as a process of its own; returns with the address of its page once it serves it.
    pub async fn hub_process(&self) -> (Child, String) {
        let mut child =
            linewatch().args(["hub", "--config"]).arg(self.config()).stdout(Stdio::piped()).spawn().unwrap();
        let line = line_with(&mut child, "page and API: ").await;
        (child, line.split('/').take(3).collect::<Vec<_>>().join("/"))
    }

    pub async fn code(&self, hub: &str, practice: &str) -> String {
        let request = CodeRequest { practice: practice.to_owned(), by: Some("a test".to_owned()) };
        let asked = self.client().post(format!("{hub}/api/v1/agents/enrol")).header("x-linewatch", "approve");
        asked.json(&request).send().await.unwrap().json::<CodeAnswer>().await.unwrap().code
    }

    pub async fn agents(&self, hub: &str) -> Vec<AgentLine> {
        self.client().get(format!("{hub}/api/v1/agents")).send().await.unwrap().json().await.unwrap()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("agent")
    }

    /// An agent in this process, with a world of the test's making.
    pub async fn agent<F: Field>(&self, field: Arc<F>, hubs: &[&str], code: Option<String>) -> Agent {
        let settings = AgentSettings {
            hubs: hubs.iter().map(|hub| hub.parse().unwrap()).collect(),
            code,
            data: self.data(),
            ca_pem: Some(self.ca.clone()),
            spool: Settings::default(),
            page: Some("127.0.0.1:0".parse().unwrap()),
        };
        start_agent(field, settings).await.unwrap()
    }

    /// An agent as a process of its own, which asks real targets.
    pub async fn agent_process(&self, hub: &str, code: &str) -> Child {
        let mut command = linewatch();
        command
            .args(["agent", "--no-page", "--hub", hub, "--enrol", code, "--hub-ca"])
            .arg(self.folder.path().join("hub.pem"));
        let mut child = command.arg("--data").arg(self.data()).stdout(Stdio::piped()).spawn().unwrap();
        line_with(&mut child, " as agent ").await;
        child
    }

    /// What the hub's archive has, in order of arrival: of one practice, or all.
    pub fn archived(&self, practice: Option<&str>) -> Vec<Observation> {
        let query = Query { practice: practice.map(str::to_owned), ..Query::default() };
        let dir = linewatch::archive::folder(&self.folder.path().join("linewatch-data"));
        let mut reader = read(&dir, query).unwrap();
        let mut all = Vec::new();
        for record in reader.by_ref() {
            if let Entry::Seen(seen) = record.unwrap().entry {
                all.push(seen);
            }
        }
        assert_eq!(reader.unread(), linewatch::archive::reading::Unread::default());
        all
    }

    /// What the hub, which has ended, kept of spools.
    pub async fn kept(&self) -> (Store, Vec<SpoolRow>) {
        let store = Store::open(&self.folder.path().join("linewatch-data")).await.unwrap();
        let rows = store.agents().await.unwrap();
        (store, rows.spools)
    }
}

pub fn linewatch() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linewatch"));
    command
        .stdin(Stdio::null())
        .env_remove("LINEWATCH_URL")
        .env_remove("LINEWATCH_ENROL")
        .env_remove("LINEWATCH_HUB")
        .env_remove("LINEWATCH_HUB_CA")
        .env_remove("LINEWATCH_PAGE")
        .env_remove("LINEWATCH_TOKEN_FILE")
        .env("RUST_LOG", "error")
        .kill_on_drop(true);
    command
}

/// What follows these words in the line that has them. The rest of what the child prints is read and dropped.
async fn line_with(child: &mut Child, words: &str) -> String {
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let found = async {
        loop {
            let line = lines.next_line().await.unwrap().expect("it says that it has started");
            if let Some((_, rest)) = line.split_once(words) {
                return rest.to_owned();
            }
        }
    };
    let found = tokio::time::timeout(DEADLINE, found).await.unwrap();
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    found
}

/// Waits until the hub has all of the agent's spool up to this number.
pub async fn delivered(agent: &Agent, number: u64) {
    // From before the first look, so that no answer is missed between looking and waiting.
    let mut answers = agent.answers();
    let until = async {
        loop {
            answers.mark_unchanged();
            let spool = agent.spool().clone();
            let look = move || lock(&spool).backlog(0, number, 1, usize::MAX).is_empty();
            if tokio::task::spawn_blocking(look).await.unwrap() {
                return;
            }
            answers.changed().await.expect("it runs");
        }
    };
    tokio::time::timeout(DEADLINE, until).await.expect("the backlog never got through");
}

/// The last number that an agent has given and made durable.
pub async fn sendable(agent: &Agent) -> u64 {
    let spool = agent.spool().clone();
    tokio::task::spawn_blocking(move || lock(&spool).sendable()).await.unwrap()
}

/// An address of this machine that no other test uses, with a port that nobody has.
pub fn own_address(number: u8) -> String {
    let id = std::process::id();
    format!("127.{}.{}.{number}:9460", 64 + (id >> 8) % 64, id % 256)
}

/// A line between agent and hub.
pub struct Line {
    pub address: String,
    up: watch::Sender<bool>,
}

impl Line {
    pub async fn to(hub: &str) -> Self {
        let hub = hub.rsplit('/').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (up, is_up) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (mut is_up, hub) = (is_up.clone(), hub.clone());
                tokio::spawn(async move {
                    if !*is_up.borrow() {
                        return;
                    }
                    let Ok(mut far) = TcpStream::connect(hub).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = is_up.wait_for(|up| !up) => {}
                    }
                });
            }
        });
        Self { address, up }
    }

    /// Cuts it, with all that is under way.
    pub fn cut(&self) {
        self.up.send_replace(false);
    }

    pub fn mend(&self) {
        self.up.send_replace(true);
    }
}

/// A folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let (file, to) = (file.path(), to.join(file.file_name()));
        if file.is_dir() {
            copy(&file, &to);
        } else {
            std::fs::copy(file, to).unwrap();
        }
    }
}

pub fn url(address: impl std::fmt::Display) -> String {
    format!("https://{address}")
}
