//! `linewatch mute` against a running hub, and what page and status say of it.

use crate::bench::Bench;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_muted_is_seen_by_everybody_and_ended_by_its_number() {
    let bench = Bench::start().await;
    let args =
        ["mute", "component", "firewall/fw-a", "--for", "2h", "--reason", "being replaced", "--by", "me"];
    let (exit, said, error) = bench.command(&args).await;
    assert_eq!(exit, 0, "{error}");
    assert!(said.contains("firewall fw-a is muted until") && said.contains("linewatch mute end 1"), "{said}");
    let (_, listed, _) = bench.command(&["mute", "list"]).await;
    assert!(listed.contains("being replaced") && listed.contains("me, from 127.0.0.1"), "{listed}");

    let status = bench.json("/api/v1/status").await;
    assert_eq!(status["mutes"][0]["what"], "component");
    assert_eq!(status["mutes"][0]["id"], "fw-a");
    let (_, page) = bench.get("/").await;
    assert!(page.contains("Firewall fw-a, until") && page.contains("being replaced"), "{page}");
    let (exit, said, _) = bench.command(&["status"]).await;
    assert_eq!(exit, 0, "a mute is no bad news");
    assert!(said.contains("Muted until") && said.contains("being replaced"), "{said}");

    let (exit, said, error) = bench.command(&["mute", "end", "1", "--by", "me"]).await;
    assert_eq!(exit, 0, "{error}");
    assert!(said.contains("no longer muted"), "{said}");
    let (_, listed, _) = bench.command(&["mute", "list"]).await;
    assert!(listed.contains("Nothing is muted."), "{listed}");
    let (exit, _, error) = bench.command(&["mute", "end", "1"]).await;
    assert_eq!(exit, 2);
    assert!(error.contains("no mute of number 1 stands"), "{error}");
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_muted_that_is_not_there_or_without_an_end() {
    let bench = Bench::start().await;
    for (args, exit, says) in [
        (&["mute", "incident", "2026-03-16-1", "--for", "2h"][..], 2, "no such incident is open"),
        (&["mute", "practice", "G99999", "--for", "2h"], 2, "there is no such practice"),
        (&["mute", "component", "firewall/fw-z", "--for", "2h"], 2, "its kind and its id"),
        (&["mute", "component", "carrier/fw-a", "--for", "2h"], 2, "its kind and its id"),
        (&["mute", "component", "fw-a", "--for", "2h"], 2, "has no kind"),
        (&["mute", "component", "practice/G82002", "--for", "2h"], 2, "linewatch mute practice G82002"),
        (&["mute", "practice", "G82002"], 2, "--until"),
        (&["mute", "practice", "G82002", "--for", "soon"], 2, "not a length of time"),
        (&["mute", "practice", "G82002", "--until", "2020-01-01T00:00:00Z"], 3, "is past"),
        (&["mute", "practice", "G82002", "--for", "90d"], 3, "31 days are the longest mute"),
    ] {
        let (code, _, error) = bench.command(args).await;
        assert_eq!(code, exit, "{args:?}: {error}");
        assert!(error.contains(says), "{args:?}: {error}");
    }
    let foreign = bench.http.post(bench.url("/api/v1/mutes")).header("Content-Type", "application/json");
    let body = r#"{"what":"practice","id":"G82002","for_seconds":60}"#;
    assert_eq!(foreign.body(body).send().await.unwrap().status(), 403, "a page could send this");
    let (_, listed, _) = bench.command(&["mute", "list"]).await;
    assert!(listed.contains("Nothing is muted."), "{listed}");
    bench.running.stop().await;
}
