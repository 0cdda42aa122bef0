//! Work that says that it was done, over HTTP: who is heard, what silence becomes, and what a restart remembers.

use std::net::TcpListener;
use std::process::Stdio;

use linewatch::estate::SharedSecret;
use linewatch::hub::beats::token::{Mint, works};
use linewatch::incident::EventKind;
use linewatch::limits::BEAT_WRONG_BURST;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::bench::{Bench, SECRET, client, config_text};

/// The small county, which waits for letters this often.
fn config(every: &str, timeout: &str) -> String {
    let listen = "listen = \"127.0.0.1:0\"\n";
    let text = config_text().replace(listen, &format!("{listen}beat_secret_file = \"secret\"\n"));
    format!(
        "{text}\n[[service]]\nid = \"letters\"\nname = \"hospital letters\"\n\
         [[probe]]\nid = \"letters-sent\"\nkind = \"heartbeat\"\nnetwork = \"internet\"\nservice = \"letters\"\n\
         target = \"hospital letters\"\nevery = \"{every}\"\ntimeout = \"{timeout}\"\n"
    )
}

fn path(bench: &Bench, practice: &str) -> String {
    let loaded = linewatch::config::load(&bench.config).unwrap_or_else(|errors| panic!("{errors}"));
    let mint = Mint::new(&SharedSecret::new(SECRET).unwrap());
    let works = works(&loaded.estate);
    let work = works.iter().find(|work| work.practice_id == practice).expect("its work is waited for");
    format!("/beat/{}", mint.token(work))
}

async fn beat_of(bench: &Bench, practice: &str) -> Value {
    let all = bench.json("/api/v1/beats").await;
    let all = all.as_array().unwrap();
    all.iter().find(|beat| beat["practice"] == practice).expect("it is waited for").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_everywhere_is_the_service_that_has_failed() {
    let bench = Bench::start_with(&config("2s", "1s")).await;
    let mut events = bench.running.events();
    assert_eq!(bench.get(&path(&bench, "G82000")).await, (200, "noted\n".to_owned()));
    let opened = Bench::event(&mut events, EventKind::Opened).await;
    assert_eq!(
        (opened.cause[0].kind.as_str(), opened.cause[0].id.as_str()),
        ("service", "letters"),
        "{opened:?}"
    );
    bench
        .picture_until(|status| {
            status["incidents"][0]["practices"].as_array().is_some_and(|all| all.len() == 8)
        })
        .await;
    let beat = beat_of(&bench, "G82000").await;
    assert_eq!(beat["standing"], "silent", "{beat}");
    assert!(beat["detail"].as_str().unwrap().starts_with("no beat since "), "{beat}");
    let never = beat_of(&bench, "G82001/westfield").await;
    assert!(never["detail"].as_str().unwrap().starts_with("no beat has ever come"), "{never}");
    let (_, metrics) = bench.get("/metrics").await;
    assert!(
        metrics.contains(
            "linewatch_check_up{practice=\"G82000\",probe=\"letters-sent\",network=\"internet\"} 0"
        )
    );
    assert!(metrics.contains("linewatch_beat_last_seconds{practice=\"G82000\",probe=\"letters-sent\"} "));
    assert!(!metrics.contains("linewatch_beat_last_seconds{practice=\"G82002\""), "which never beat");
    let status = bench.json("/api/v1/status").await;
    assert_eq!(status["practices"]["ok"], 8, "no network is down for it: {status}");
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beats_are_remembered_over_a_restart() {
    let bench = Bench::start_with(&config("24h", "1h")).await;
    let done = path(&bench, "G82000");
    let failed = format!("{}/3", path(&bench, "G82002"));
    assert_eq!(bench.http.post(bench.url(&done)).send().await.unwrap().status(), 200);
    assert_eq!(bench.get(&failed).await.0, 200);
    let before = beat_of(&bench, "G82000").await;
    assert_eq!(before["standing"], "fine");

    let bench = bench.restart().await;
    assert_eq!(beat_of(&bench, "G82000").await, before);
    let failed = beat_of(&bench, "G82002").await;
    assert_eq!(failed["standing"], "failed");
    let detail = failed["detail"].as_str().unwrap();
    assert!(detail.starts_with("the work says that it failed, with exit status 3, since "), "{detail}");
    assert_eq!(beat_of(&bench, "G82003").await["standing"], "new");
    // It is told at once, not after a day.
    let mut pictures = bench.running.picture();
    let letters = loop {
        let practice = bench.json("/api/v1/practices/G82002").await;
        let checks = practice["checks"].as_array().unwrap();
        let letters = checks.iter().find(|check| check["probe"] == "letters-sent").unwrap().clone();
        if !letters["ok"].is_null() {
            break letters;
        }
        pictures.changed().await.unwrap();
    };
    assert_eq!(
        (&letters["ok"], &letters["failure"]),
        (&Value::Bool(false), &Value::from("status")),
        "{letters}"
    );
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_find_nothing_and_take_nothing_from_senders() {
    let bench = Bench::start_with(&config("24h", "1h")).await;
    let right = path(&bench, "G82000");
    let mut wrong = right.clone();
    let last = if wrong.pop() == Some('0') { '1' } else { '0' };
    wrong.push(last);
    for path in [wrong.as_str(), "/beat/x", &format!("{wrong}/fail"), &format!("/beat/{}", "é".repeat(64))] {
        assert_eq!(bench.get(path).await, (404, "there is no such work\n".to_owned()), "{path}");
    }
    assert_eq!(bench.get("/beat/").await.0, 404);
    assert_eq!(bench.get(&format!("{right}/nonsense")).await.0, 400);
    assert_eq!(bench.get(&format!("{right}?code=256")).await.0, 400);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number")]
    let burst = BEAT_WRONG_BURST as usize;
    let mut answers = Vec::new();
    for _ in 0..2 * burst {
        answers.push(bench.get(&wrong).await.0);
    }
    assert!(
        answers.contains(&429) && answers.iter().all(|status| [404, 429].contains(status)),
        "{answers:?}"
    );
    assert_eq!(beat_of(&bench, "G82000").await["standing"], "new", "none of that was a beat");

    // Who knows an address is heard all the same, as often as it likes and whatever it sends along.
    for _ in 0..2 * burst {
        assert_eq!(bench.get(&format!("{right}/start")).await.0, 200);
    }
    let log = vec![b'x'; 100 * 1024];
    let answer = bench.http.post(bench.url(&format!("{right}?code=0"))).body(log).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(beat_of(&bench, "G82000").await["standing"], "fine");
    let all = bench.get("/api/v1/beats").await.1 + &bench.get("/metrics").await.1;
    assert!(!all.contains(right.trim_start_matches("/beat/")), "addresses are told to nobody");
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_keeps_what_was_heard_and_takes_over_whose_work_it_is() {
    let bench = Bench::start_with(&config("24h", "1h")).await;
    assert_eq!(bench.get(&path(&bench, "G82000")).await.0, 200);
    let before = beat_of(&bench, "G82000").await;
    let text = config("24h", "1h")
        .replace("kind = \"heartbeat\"", "kind = \"heartbeat\"\nonly = [\"G82000\", \"@hub\"]");
    std::fs::write(&bench.config, text).unwrap();
    bench.running.reload().await.unwrap();
    let all = bench.json("/api/v1/beats").await;
    let whose: Vec<&str> =
        all.as_array().unwrap().iter().map(|beat| beat["practice"].as_str().unwrap()).collect();
    assert_eq!(whose, ["@hub", "G82000"]);
    assert_eq!(beat_of(&bench, "G82000").await, before);
    assert_eq!(bench.get(&path(&bench, "@hub")).await.0, 200);
    assert_eq!(beat_of(&bench, "@hub").await["standing"], "fine");

    std::fs::write(&bench.config, config("24h", "1h").replace("beat_secret_file = \"secret\"\n", ""))
        .unwrap();
    let error = bench.running.reload().await.expect_err("no secret").to_string();
    assert!(error.contains("letters-sent (heartbeat)") && error.contains("beat_secret_file"), "{error}");
    bench.running.stop().await;
}

fn linewatch(args: &[&str]) -> tokio::process::Command {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_linewatch"));
    command
        .args(args)
        .stdin(Stdio::null())
        .env_remove("LINEWATCH_URL")
        .env("RUST_LOG", "error")
        .kill_on_drop(true);
    command
}

#[tokio::test]
async fn the_commands_as_they_are_typed() {
    let folder = tempfile::tempdir().unwrap();
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let text = config("24h", "1h").replace("127.0.0.1:9\"", &format!("{}\"", target.local_addr().unwrap()));
    let file = folder.path().join("probes.toml");
    std::fs::write(&file, text.replace("beat_secret_file = \"secret\"\n", "")).unwrap();
    let file = file.display().to_string();
    for (args, says) in [
        (["run", "--config", &file], "letters-sent (heartbeat): its addresses are made from a secret"),
        (["beats", "--config", &file], "openssl rand -hex 32"),
    ] {
        let output = linewatch(&args).output().await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(says), "{said}");
    }

    std::fs::write(folder.path().join("secret"), SECRET).unwrap();
    std::fs::write(&file, text).unwrap();
    let mut hub = linewatch(&["run", "--config", &file]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(hub.stdout.take().unwrap()).lines();
    let page = loop {
        let line = lines.next_line().await.unwrap().expect("it says where the page is");
        if let Some(rest) = line.strip_prefix("page and API: ") {
            break rest.split('/').take(3).collect::<Vec<_>>().join("/");
        }
    };
    let args = ["beats", "--config", &file, "--base", &page, "--practice", "G82000"];
    let output = linewatch(&args).output().await.unwrap();
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && table.contains("hospital letters"), "{table}");
    let output = linewatch(&args).arg("--json").output().await.unwrap();
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let url = json[0]["url"].as_str().unwrap();
    assert!(url.starts_with(&page) && table.contains(url), "{json}");

    let probe = |json: bool| {
        let mut command = linewatch(&["probe", "letters-sent", "--practice", "G82000", "--config", &file]);
        command.env("LINEWATCH_URL", &page).args(json.then_some("--json"));
        command
    };
    assert_eq!(client().get(url).send().await.unwrap().text().await.unwrap(), "noted\n");
    let output = probe(false).output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("nobody is asked") && said.contains("fine"), "{said}");
    assert_eq!(client().get(format!("{url}/fail")).send().await.unwrap().status(), 200);
    let output = probe(true).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json[0]["standing"], "failed", "{json}");

    hub.kill().await.unwrap();
    let output = probe(false).output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("is a heartbeat") && said.contains("does not answer"), "{said}");
}
