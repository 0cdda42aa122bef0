//! What the agent of one practice is told of a configuration, and what it isn't.

use std::path::Path;

use linewatch::config::{self, Config};
use linewatch::estate::{Ask, PracticeIx, ProbeIx, Vantage};

const CONFIG: &str = r#"
practices = "practices.csv"
[icb]
code = "QKS"
name = "NHS Kent and Medway"
timezone = "Europe/London"
[hub]
viewer_token_file = "token"
beat_secret_file = "token"
[mail]
relay = "mail.icb.example"
from = "linewatch@icb.example"
staff = ["desk@icb.example"]
[schedule]
paths = false
target_rate = 2.0
[[component]]
id = "bt"
kind = "carrier"
name = "BT"
[[component]]
id = "fw-a"
kind = "firewall"
name = "Firewall A"
[[component]]
id = "fw-b"
kind = "firewall"
name = "Firewall B"
[[network]]
id = "internet"
name = "the internet"
through = ["carrier", "firewall"]
[[network]]
id = "hscn"
name = "the NHS network"
through = ["carrier"]
[[probe]]
id = "calls"
kind = "rtp"
network = "internet"
target = "127.0.0.1:9461"
secret_file = "token"
every = "30s"
timeout = "5s"
[[probe]]
id = "letters"
kind = "heartbeat"
network = "hscn"
target = "letters"
every = "24h"
timeout = "1h"
only = ["G82003"]
[[probe]]
id = "web"
kind = "https"
network = "internet"
url = "https://127.0.0.1/"
trust_file = "root.pem"
every = "30s"
timeout = "5s"
"#;

const PRACTICES: &str = "ods,branch,name,email,source,carrier,firewall\n\
                         G82002,westfield,St James',one@example.org,127.1.0.2,bt,fw-a\n\
                         G82003,,Another,two@example.org,,bt,fw-b\n";

fn load(folder: &Path, practices: &str) -> Config {
    let root =
        rcgen::generate_simple_self_signed(["hub.example".to_owned()]).expect("a certificate").cert.pem();
    if !folder.join("root.pem").exists() {
        std::fs::write(folder.join("root.pem"), root).expect("a file");
    }
    std::fs::write(folder.join("token"), "correct horse battery staple").expect("a file");
    std::fs::write(folder.join("practices.csv"), practices).expect("a file");
    config::parse("probes.toml", CONFIG, folder).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn an_agent_gets_its_own_practice_the_probes_and_their_files_and_nothing_else() {
    let (hub, there) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let all = load(hub.path(), PRACTICES);
    let bundle = all.handout.bundle(&all.estate, "G82002/westfield").expect("it is in the list");
    for private in
        ["G82003", "example.org", "desk@", "mail.icb", "127.1.0.2", "letters", "target_rate", "horse"]
    {
        assert!(!bundle.text.contains(private), "{private}: {}", bundle.text);
    }
    assert!(!format!("{bundle:?} {all:?}").contains("horse"), "secrets are in no debug output");
    for (name, text) in &bundle.files {
        std::fs::write(there.path().join(name), text).expect("a file");
    }
    let own = config::parse("agent", &bundle.text, there.path()).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(own.estate.practices.len(), 1);
    assert_eq!(own.estate.practices[0].id, "G82002/westfield");
    let ids: Vec<&str> = own.estate.probes.iter().map(|probe| probe.id.as_str()).collect();
    assert_eq!(ids, ["calls", "web"]);
    assert!(matches!(&own.estate.probes[0].ask, Ask::Rtp(ask) if ask.secret.is_some()));
    assert!(!own.schedule.paths && own.schedule.target_rate_max.is_none());
    let path = |config: &Config, probe: &str| {
        let probe = config.estate.probe(probe).map_or(ProbeIx(0), |probe| probe);
        config.estate.path(Vantage::Practice(PracticeIx(0)), probe)
    };
    assert_eq!(path(&own, "web"), path(&all, "web"));
    assert!(all.handout.bundle(&all.estate, "G82999").is_none());
}

#[test]
fn the_tag_changes_with_what_the_agent_would_get_and_with_nothing_else() {
    let hub = tempfile::tempdir().expect("a folder");
    let tag = |practices: &str, id: &str| {
        let all = load(hub.path(), practices);
        all.handout.tag(&all.estate, id).expect("it is in the list")
    };
    let before = tag(PRACTICES, "G82003");
    assert_eq!(before, tag(&PRACTICES.replace("westfield", "eastfield").replace("two@", "new@"), "G82003"));
    assert_ne!(before, tag(&PRACTICES.replace("fw-b", "fw-a"), "G82003"));
    assert_ne!(before, tag(PRACTICES, "G82002/westfield"));
}
