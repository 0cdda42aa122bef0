//! `linewatch fixed` against a running hub, and what status, page and history say of it.

use linewatch::incident::EventKind;
use linewatch::limits::{FIX_CHARS_MAX, FIXES_PER_INCIDENT_MAX};
use linewatch::time::At;

use crate::bench::{BEHIND_A, Bench};

/// A bench with an incident that is open, and when that began.
async fn with_an_incident() -> (Bench, String, At) {
    let bench = Bench::start().await;
    let mut events = bench.running.events();
    bench.script.break_checks(&BEHIND_A, &["web", "texts"]);
    let opened = Bench::event(&mut events, EventKind::Opened).await;
    bench.picture_until(|status| status["incidents"][0]["incident"] == *opened.incident).await;
    (bench, opened.incident, opened.since)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_is_seen_by_everybody_who_looks_at_the_incident() {
    let (bench, id, since) = with_an_incident().await;
    let (exit, said, error) =
        bench.command(&["fixed", &id, " rebooted\nthe \u{1b}[2J<inside> firewall ", "--by", "Jo"]).await;
    assert_eq!(exit, 0, "{error}");
    assert!(
        said.starts_with("Recorded: rebooted the [2J<inside> firewall, at 2") && said.contains("by Jo"),
        "{said}"
    );
    assert!(said.contains(&format!("linewatch report {id}")), "{said}");
    // A moment before the beginning, as whoever sees the first alarm might say; and said later than done.
    let early = since.plus_millis(-60_000);
    let args = ["fixed", &id, "changed a rule", "--at", &early.to_string(), "--by", "Al", "--json"];
    let (exit, said, error) = bench.command(&args).await;
    assert_eq!(exit, 0, "{error}");
    let answer: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(answer["fix"]["at"], early.to_string());
    assert!(answer["fix"]["said_at"].as_str().unwrap() > answer["fix"]["at"].as_str().unwrap());
    // The answer got lost, and the command is given once more.
    let (exit, said, _) = bench.command(&args[..7]).await;
    assert_eq!(exit, 0);
    assert!(said.starts_with("That was on record already: changed a rule"), "{said}");
    let (exit, _, error) = bench.command(&["fixed", &id, "called BT", "--ago", "30m", "--by", "Jo"]).await;
    assert_eq!(exit, 0, "{error}");

    let history = bench.json(&format!("/api/v1/incidents/{id}")).await;
    let whats: Vec<&str> =
        history["fixes"].as_array().unwrap().iter().map(|fix| fix["what"].as_str().unwrap()).collect();
    assert_eq!(
        whats,
        ["called BT", "changed a rule", "rebooted the [2J<inside> firewall"],
        "by when it was done"
    );
    let status = bench.json("/api/v1/status").await;
    assert_eq!(status["fixes"][0]["incident"], *id);
    assert_eq!(status["fixes"][0]["fix"]["what"], "rebooted the [2J<inside> firewall");
    assert!(status["incidents"][0].get("fixes").is_none(), "an event stays what it is");
    let (exit, said, _) = bench.command(&["status"]).await;
    assert_eq!(exit, 1);
    assert!(said.contains("last fix: rebooted the [2J<inside> firewall, at 2"), "{said}");
    let (_, said, _) = bench.command(&["why", &id]).await;
    assert!(said.contains("What was done\n  called BT, at 2"), "{said}");
    let (_, page) = bench.get("/").await;
    assert!(page.contains("<dt>Last fix</dt><dd>rebooted the [2J&#60;inside&#62; firewall (Jo,"), "{page}");
    let (_, page) = bench.get(&format!("/incident/{id}")).await;
    assert!(page.contains("What was done") && page.contains("changed a rule, by Al (said "), "{page}");

    // It outlives the process.
    let bench = bench.restart().await;
    let history = bench.json(&format!("/api/v1/incidents/{id}")).await;
    assert_eq!(history["fixes"].as_array().unwrap().len(), 3);
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_so_is_refused_and_the_way_out_is_told() {
    let (bench, id, since) = with_an_incident().await;
    let long = "a".repeat(FIX_CHARS_MAX + 1);
    let early = since.plus_millis(-3_601_000).to_string();
    for (args, exit, says) in [
        (&["fixed", "2001-01-01-1", "rebooted it"][..], 2, "2001-01-01-1"),
        (&["fixed", "not an incident/../x", "rebooted it"], 2, "incident"),
        (&["fixed", &id, "rebooted it", "--at", "2999-01-01T00:00:00Z"], 3, "hasn't come yet"),
        (&["fixed", &id, "rebooted it", "--at", &early], 3, "more than 60 minutes before the incident began"),
        (&["fixed", &id, "rebooted it", "--ago", "9000d"], 3, "before the incident began"),
        (&["fixed", &id, "rebooted it", "--at", "yesterday"], 2, "yesterday"),
        (&["fixed", &id, " \n "], 3, "what was done"),
        (&["fixed", &id, &long], 3, "shorten it"),
        (&["fixed", &id, "rebooted it", "--by", &long], 3, "the name is longer"),
        (&["fixed", &id], 2, "<WHAT>"),
    ] {
        let (code, _, error) = bench.command(args).await;
        assert_eq!(code, exit, "{args:?}: {error}");
        assert!(error.contains(says), "{args:?}: {error}");
    }
    let url = bench.url(&format!("/api/v1/incidents/{id}/fixes"));
    let post =
        |body: &'static str| bench.http.post(&url).header("Content-Type", "application/json").body(body);
    assert_eq!(
        post(r#"{"what":"rebooted it"}"#).send().await.unwrap().status(),
        403,
        "a page could send this"
    );
    for body in [
        "",
        "[]",
        "{}",
        r#"{"what":"x","at":"2026-03-16T09:00:00Z","ago_seconds":5}"#,
        r#"{"what":"x","ago_seconds":-1}"#,
    ] {
        let answer = post(body).header("X-Linewatch", "approve").send().await.unwrap();
        assert_eq!(answer.status(), 400, "{body}");
    }
    let history = bench.json(&format!("/api/v1/incidents/{id}")).await;
    assert_eq!(history["fixes"], serde_json::Value::Array(Vec::new()), "nothing of it is on record");

    for number in 0..FIXES_PER_INCIDENT_MAX {
        let body = format!(r#"{{"what":"step {number}"}}"#);
        let answer = bench.http.post(&url).header("X-Linewatch", "approve").body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{number}");
    }
    let (code, _, error) = bench.command(&["fixed", &id, "one more"]).await;
    assert_eq!(code, 3);
    assert!(error.contains("that is the most"), "{error}");
    bench.running.stop().await;
}
