//! `drill --notify` with the real binary: what leaves, for whom, and what is written down.

use std::path::Path;
use std::process::Output;

use linewatch::world::loopback::servers::mail::MailServer;
use linewatch::world::loopback::tasks::Tasks;
use serde_json::Value;

const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/drill/short.toml");
const MARK: &str = "EXERCISE EXERCISE EXERCISE";
/// Behind the firewall that fails.
const MANAGER: &str = "manager@g82002.example";
const DESK: &str = "service.desk@icb.example";

async fn held(tmp: &Path, relay: u16, exercise: &str) -> Output {
    let config = include_str!("../../probes.toml").replace("port = 2525", &format!("port = {relay}"));
    std::fs::write(tmp.join("probes.toml"), format!("{config}\n{exercise}")).expect("a file");
    tokio::process::Command::new(env!("CARGO_BIN_EXE_linewatch"))
        .args(["drill", "--notify", "--json", "--practices", "16", "--config", "probes.toml"])
        .args(["--scenario", SCENARIO, "--report", "report"])
        .current_dir(tmp)
        .env("TMPDIR", tmp)
        .output()
        .await
        .expect("linewatch starts")
}

#[tokio::test]
async fn those_who_are_listed_are_told_that_it_is_one_and_nobody_else_is_told_anything() {
    let tasks = Tasks::default();
    let relay = MailServer::start(&tasks).expect("a port");
    let tmp = tempfile::tempdir().expect("a folder");
    let listed = format!(
        "[exercise]\nto = [\"{DESK}\", \"{MANAGER}\", \"planning@icb.example\"]\n\
         [[escalation]]\nafter = \"15m\"\nto = [\"planning@icb.example\", \"chief@icb.example\"]\n"
    );
    let output = held(tmp.path(), relay.address().port(), &listed).await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}\n{stderr}", output.status);

    let mails = relay.accepted();
    for mail in &mails {
        assert!([DESK, MANAGER, "planning@icb.example"].contains(&mail.recipient.as_str()), "{mail:?}");
        assert!(mail.subject.starts_with(&format!("{MARK}: [linewatch] ")), "{}", mail.subject);
        let body = mail.body().replace("=\r\n", "");
        // The text and the page, each from its first line on.
        assert_eq!(body.matches(MARK).count(), 2, "{body}");
        // The number of no incident that the hub has, and nothing to ask it about that.
        assert!(mail.subject.contains("(exercise-20"), "{}", mail.subject);
        assert!(!body.contains("linewatch why") && !body.contains("linewatch ack"), "{body}");
    }
    let to = |who: &str| mails.iter().filter(|mail| mail.recipient == who).count();
    assert_eq!(to(MANAGER), 2, "that it is down, and that it is over");
    assert!(to(DESK) >= 2 && to("planning@icb.example") == to(DESK), "{} {}", to(DESK), mails.len());

    let report = tmp.path().join("report");
    let json = std::fs::read_to_string(report.join("exercise.json")).expect("the report");
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["mark"], MARK);
    let not_awaited = json["not_awaited"].as_array().expect("sentences");
    assert_eq!(not_awaited.len(), 1, "half a minute is no quarter of an hour: {not_awaited:?}");
    let sentence = not_awaited[0].as_str().expect("a sentence");
    assert!(
        sentence.starts_with("After 15 min") && sentence.contains("planning@icb.example. With --wait 15m"),
        "{sentence}"
    );
    let recipients = json["recipients"].as_array().expect("recipients");
    assert_eq!(recipients.len(), 3);
    let accepted = recipients.iter().flat_map(|one| one["notices"].as_array().expect("notices"));
    let accepted = accepted.filter(|notice| notice["state"] == "accepted").inspect(|notice| {
        assert_eq!(notice["tries"][0]["via"], format!("127.0.0.1:{}", relay.address().port()), "{notice}");
        assert_eq!(notice["acknowledged"], Value::Null);
        let incident = notice["incident"].as_str().expect("an id");
        assert!(incident.starts_with("exercise-20") && incident.ends_with("-1"), "{notice}");
    });
    assert_eq!(accepted.count(), mails.len());
    let page = std::fs::read_to_string(report.join("exercise.html")).expect("the page");
    assert!(page.contains(MARK) && page.contains("not acknowledged"), "{page}");
    assert!(page.contains("What the exercise did not wait for"), "{page}");
    tasks.stop().await;
}

#[tokio::test]
async fn where_nobody_is_listed_nothing_begins_and_the_way_out_is_named() {
    let tasks = Tasks::default();
    let relay = MailServer::start(&tasks).expect("a port");
    let tmp = tempfile::tempdir().expect("a folder");
    let output = held(tmp.path(), relay.address().port(), "").await;
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("nobody is listed for exercises") && stderr.contains("[exercise]"), "{stderr}");
    assert_eq!(relay.accepted().len(), 0);
    assert!(!tmp.path().join("report").exists(), "no folder is made for nothing");
    tasks.stop().await;
}
