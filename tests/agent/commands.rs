//! The commands as they are typed: `hub`, `enrol`, `agent`, `agents`, over TLS and with tokens.

use std::process::Output;

use serde_json::Value;

use crate::stage::{Stage, config_text, linewatch, own_address};

async fn output(args: &[&str]) -> Output {
    linewatch().args(args).output().await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_lets_an_agent_in_and_takes_its_key_away() {
    let address = own_address(2);
    let config = config_text(&address, 1, "127.0.0.1:9")
        .replace("[schedule]", "viewer_token_file = \"viewer\"\nadmin_token_file = \"admin\"\n[schedule]");
    let stage = Stage::new(&config);
    std::fs::write(stage.folder.path().join("viewer"), "viewer-0123456789\n").unwrap();
    std::fs::write(stage.folder.path().join("admin"), "admin-0123456789\n").unwrap();
    let file = stage.config().display().to_string();
    let (_hub, page) = stage.hub_process().await;
    assert_eq!(page, format!("https://{address}"));

    let made = output(&["enrol", "G82002/westfield", "--config", &file, "--by", "maria"]).await;
    let code = text(&made.stdout).lines().next().unwrap().to_owned();
    assert!(made.status.success() && code.len() == 23, "{code} {}", text(&made.stderr));
    let unknown = output(&["enrol", "G82999", "--config", &file]).await;
    assert_eq!(unknown.status.code(), Some(2), "{}", text(&unknown.stderr));

    // The certificate names localhost, which is another address than the hub's here.
    let line = crate::stage::Line::to(&address).await;
    let mut agent = stage.agent_process(&crate::stage::url(&line.address), &code).await;
    let listed = output(&["agents", "--config", &file, "--json"]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let id = listed[0]["agent"].as_str().unwrap();
    assert_eq!(listed[0]["practice"], "G82002/westfield");
    let table = text(&output(&["agents", "--config", &file]).await.stdout);
    assert!(table.contains(id) && table.contains("G82002/westfield"), "{table}");

    let viewer = stage.folder.path().join("viewer").display().to_string();
    let pem = stage.folder.path().join("hub.pem").display().to_string();
    let at = crate::stage::url(&line.address);
    let seen = output(&["agents", "--url", &at, "--ca", &pem, "--token-file", &viewer]).await;
    assert!(seen.status.success(), "{}", text(&seen.stderr));
    let stranger = output(&["agents", "--url", &at, "--ca", &pem]).await;
    assert_eq!(stranger.status.code(), Some(3), "{}", text(&stranger.stdout));
    let viewer_revokes =
        output(&["agents", "revoke", id, "--url", &at, "--ca", &pem, "--token-file", &viewer]).await;
    assert_eq!(viewer_revokes.status.code(), Some(3));
    let revoked = output(&["agents", "revoke", id, "--config", &file, "--by", "maria"]).await;
    assert!(revoked.status.success(), "{}", text(&revoked.stderr));
    assert!(text(&output(&["agents", "--config", &file]).await.stdout).contains("revoked"));
    agent.kill().await.unwrap();
}

#[tokio::test]
async fn a_hub_that_others_reach_does_not_start_without_tls_and_a_token() {
    let config = config_text("192.0.2.1:9460", 1, "127.0.0.1:9");
    for (config, lacks) in [(config.replace("tls = {", "# {"), "`tls`"), (config, "`viewer_token_file`")] {
        let stage = Stage::new(&config);
        let file = stage.config().display().to_string();
        let refused = output(&["hub", "--config", &file]).await;
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused.stderr).contains(lacks), "{}", text(&refused.stderr));
    }
}

#[tokio::test]
async fn an_agent_says_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("agent").display().to_string();
    let plain = output(&["agent", "--hub", "http://192.0.2.1:9460", "--data", &data]).await;
    assert_eq!(plain.status.code(), Some(2));
    assert!(text(&plain.stderr).contains("isn't encrypted"), "{}", text(&plain.stderr));
    let no_code = output(&["agent", "--hub", "https://127.0.0.1:9", "--data", &data]).await;
    assert_eq!(no_code.status.code(), Some(3));
    assert!(text(&no_code.stderr).contains("linewatch enrol"), "{}", text(&no_code.stderr));
}
