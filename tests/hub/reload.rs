//! Reading the configuration again, good or broken, while everything runs.

use crate::bench::{Bench, config_text, practice};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_configuration_is_told_and_a_good_one_is_taken_over() {
    let bench = Bench::start().await;

    std::fs::write(&bench.config, config_text() + "\n[[practise]]\n").unwrap();
    let error = bench.running.reload().await.expect_err("a misspelt table");
    assert!(format!("{error:#}").contains("probes.toml:"), "{error:#}");
    let (_, metrics) = bench.get("/metrics").await;
    assert!(metrics.contains("\nlinewatch_config_reload_ok 0\n"));
    let status = bench.json("/api/v1/status").await;
    assert_eq!(status["practices"]["total"], 8, "the one before is still used");
    let note = status["notes"][0]["text"].as_str().unwrap();
    assert!(note.contains("configuration on disk is broken"), "{note}");

    let unbuilt = "\n[[probe]]\nid = \"phones\"\nkind = \"imap\"\nnetwork = \"internet\"\n\
                   target = \"127.0.0.1:5060\"\nevery = \"30s\"\ntimeout = \"5s\"\n";
    std::fs::write(&bench.config, config_text() + unbuilt).unwrap();
    let error = bench.running.reload().await.expect_err("a kind that isn't built");
    assert!(error.to_string().contains("phones (imap)"), "{error:#}");

    let more = practice("G82008", "", "A new surgery", "fw-b");
    std::fs::write(&bench.config, config_text() + &more).unwrap();
    let reloaded = bench.running.reload().await.unwrap();
    assert_eq!((reloaded.practices, reloaded.probes), (9, 3));
    assert!(reloaded.needs_restart.is_empty());
    let status = bench.picture_until(|status| status["practices"]["ok"] == 9).await;
    assert_eq!(status["notes"], serde_json::json!([]), "the note about the broken one is gone");
    let (_, metrics) = bench.get("/metrics").await;
    assert!(metrics.contains("\nlinewatch_config_reload_ok 1\n"));
    assert!(metrics.contains("linewatch_observations_total{taken=\"unknown_practice\"} 0\n"));

    let elsewhere = config_text().replace("listen = \"127.0.0.1:0\"", "listen = \"127.0.0.1:9\"");
    std::fs::write(&bench.config, elsewhere).unwrap();
    let reloaded = bench.running.reload().await.unwrap();
    assert_eq!(reloaded.needs_restart, ["`[hub] listen`"]);
    let status = bench.picture_until(|status| status["practices"]["total"] == 8).await;
    assert!(status["notes"][0]["text"].as_str().unwrap().contains("only a restart"));
    bench.running.stop().await;
}
