//! A hub whose certificate has run out: agents refuse it, say so, and keep what they see until it has a good one.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::script::Script;
use crate::stage::{DEADLINE, Line, Stage, config_text, delivered, linewatch, own_address, sendable, url};

/// A certificate for this machine with the stage's key, good until the end of that year.
fn certificate(stage: &Stage, until: i32) -> String {
    let key = std::fs::read_to_string(stage.folder.path().join("hub.key")).unwrap();
    let key = rcgen::KeyPair::from_pem(&key).unwrap();
    let mut params = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 12, 31);
    params.self_signed(&key).unwrap().pem()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_certificate_is_refused_and_said_and_nothing_is_lost() {
    let target = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = own_address(4);
    let stage = Stage::new(&config_text(&address, 12, &target.local_addr().unwrap().to_string()));
    tokio::spawn(async move { while target.accept().await.is_ok() {} });
    let (mut hub, _) = stage.hub_process().await;
    let line = Line::to(&address).await;
    let at = url(&line.address);
    let code = stage.code(&at, "G82003").await;
    stage.agent_process(&at, &code).await.kill().await.unwrap();
    hub.kill().await.unwrap();

    let good = std::fs::read(stage.folder.path().join("hub.pem")).unwrap();
    let expired = certificate(&stage, 2021);
    std::fs::write(stage.folder.path().join("hub.pem"), &expired).unwrap();
    std::fs::write(stage.folder.path().join("expired.pem"), &expired).unwrap();
    let (mut hub, _) = stage.hub_process().await;
    // The agent trusts whoever signed it; its time alone is wrong.
    let mut command = linewatch();
    command
        .args(["agent", "--no-page", "--hub", &at, "--hub-ca"])
        .arg(stage.folder.path().join("expired.pem"));
    command.arg("--data").arg(stage.data()).env("RUST_LOG", "warn").env("NO_COLOR", "1");
    let mut agent = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(agent.stderr.take().unwrap()).lines();
    let says = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("reports wait in the spool")
                && line.contains("a certificate of its chain has expired")
            {
                return;
            }
        }
        panic!("it ends without a word of the certificate");
    };
    tokio::time::timeout(DEADLINE, says).await.expect("it says that the certificate has expired");
    agent.kill().await.unwrap();
    hub.kill().await.unwrap();
    assert!(stage.archived(Some("G82003")).iter().all(|seen| seen.agent.is_some()));
    let before = stage.archived(Some("G82003")).len();

    // With a good one again, what was seen meanwhile arrives.
    std::fs::write(stage.folder.path().join("hub.pem"), good).unwrap();
    let (mut hub, _) = stage.hub_process().await;
    let agent = stage.agent(Script::new(), &[&at], None).await;
    let last = sendable(&agent).await;
    delivered(&agent, last).await;
    agent.stop().await;
    hub.kill().await.unwrap();
    let kept = stage.archived(Some("G82003"));
    assert!(kept.len() > before, "what was seen while the hub was refused");
}
