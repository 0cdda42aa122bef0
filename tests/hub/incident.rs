//! A firewall fails and comes back, as status, API, metrics, page and commands tell it.

use linewatch::incident::EventKind;
use serde_json::Value;

use crate::bench::{BEHIND_A, Bench};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_firewall_that_fails_is_told_everywhere_in_the_same_words() {
    let bench = Bench::start().await;
    let mut events = bench.running.events();

    let calm = bench.json("/api/v1/status").await;
    assert_eq!(calm["icb"], "QKS");
    let at: linewatch::time::At = calm["at"].as_str().unwrap().parse().unwrap();
    assert!(at.as_millis() > 1_600_000_000_000);
    for (field, number) in
        [("total", 8), ("ok", 8), ("internet_down", 0), ("hscn_down", 0), ("silent", 0), ("unknown", 0)]
    {
        assert_eq!(calm["practices"][field], number, "{field}");
    }
    assert_eq!(calm["incidents"], Value::Array(Vec::new()));
    assert!(calm["notes"].is_array());
    assert_eq!(status_command(&bench, &[]).await.0, 0);

    bench.script.break_checks(&BEHIND_A, &["web", "texts"]);
    let opened = Bench::event(&mut events, EventKind::Opened).await;
    assert_eq!(opened.cause.len(), 1);
    assert_eq!((opened.cause[0].kind.as_str(), opened.cause[0].id.as_str()), ("firewall", "fw-a"));
    let id = opened.incident.clone();

    let told = |status: &Value| {
        status["practices"]["internet_down"] == 6
            && status["incidents"][0]["incident"] == Value::String(id.clone())
    };
    let status = bench.picture_until(told).await;
    assert_eq!(status["practices"]["hscn_down"], 0, "the other network is judged apart");
    assert_eq!(status["practices"]["down"]["internet"], 6);
    assert_eq!(status["practices"]["ok"], 2);
    assert_eq!(status["incidents"][0]["cause"][0]["id"], "fw-a");

    let history = bench.json(&format!("/api/v1/incidents/{id}")).await;
    assert_eq!(history["events"][0]["event"], "opened");
    let why = bench.json(&format!("/api/v1/incidents/{id}/why")).await;
    assert_eq!(why["incident"], Value::String(id.clone()));
    assert!(!why["convicts"].as_array().unwrap().is_empty());
    let practice = bench.json("/api/v1/practices/G82001/westfield").await;
    assert_eq!(practice["id"], "G82001/westfield");
    assert_eq!(practice["incidents"][0]["incident"], Value::String(id.clone()));
    let escaped = bench.json("/api/v1/practices/G82001%2Fwestfield").await;
    assert_eq!(escaped["id"], "G82001/westfield", "a slash may be escaped");

    let (_, metrics) = bench.get("/metrics").await;
    for line in [
        "linewatch_practice_up{practice=\"G82002\",network=\"internet\"} 0\n".to_owned(),
        "linewatch_practice_up{practice=\"G82002\",network=\"hscn\"} 1\n".to_owned(),
        "linewatch_practice_up{practice=\"G82007\",network=\"internet\"} 1\n".to_owned(),
        "linewatch_check_up{practice=\"G82002\",probe=\"web\",network=\"internet\"} 0\n".to_owned(),
        "linewatch_practices_down{network=\"internet\"} 6\n".to_owned(),
        format!("linewatch_incident_open{{incident=\"{id}\",kind=\"firewall\",id=\"fw-a\"}} 1\n"),
    ] {
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }

    let (_, page) = bench.get("/").await;
    assert!(page.contains("1 open incident."));
    assert!(page.contains(&format!("href=\"/incident/{id}\"")));
    let (found, page) = bench.get(&format!("/incident/{id}")).await;
    assert_eq!(found, 200);
    assert!(page.contains("(firewall fw-a)"));

    let (exit, text) = status_command(&bench, &[]).await;
    assert_eq!(exit, 1, "an open incident is bad news");
    assert!(text.contains(&id) && text.contains("without internet"), "{text}");
    let (exit, json) = status_command(&bench, &["--json"]).await;
    assert_eq!(exit, 1);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["practices"], status["practices"], "the command gives what the API gives");
    assert_eq!(status_command(&bench, &["--practice", "G82002"]).await.0, 1);
    assert_eq!(status_command(&bench, &["--practice", "G82007"]).await.0, 0);
    assert_eq!(status_command(&bench, &["--practice", "G99999"]).await.0, 2);
    let (exit, text) = command(&bench, &["why", &id]).await;
    assert_eq!(exit, 0);
    assert!(text.contains("What convicts") && text.contains("firewall fw-a"), "{text}");
    assert_eq!(command(&bench, &["why", "2001-01-01-1"]).await.0, 2);

    let (exit, json) = command(&bench, &["outbox", &id, "--json"]).await;
    assert_eq!(exit, 0, "without [mail] nothing fails");
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(
        json["notices"]
            .as_array()
            .unwrap()
            .iter()
            .all(|notice| notice["incident"] == Value::String(id.clone()))
    );
    assert_eq!(json["outlets"], Value::Array(Vec::new()));

    bench.script.mend();
    let resolved = Bench::event(&mut events, EventKind::Resolved).await;
    assert_eq!(resolved.incident, id);
    bench
        .picture_until(|status| {
            status["practices"]["ok"] == 8 && status["incidents"] == Value::Array(Vec::new())
        })
        .await;
    let (_, metrics) = bench.get("/metrics").await;
    assert!(!metrics.contains("linewatch_incident_open{"), "nothing is open any more");
    assert_eq!(status_command(&bench, &[]).await.0, 0);
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_is_taken_from_the_command_and_from_no_foreign_page() {
    let bench = Bench::start().await;
    let url = bench.url("/api/v1/incidents/2001-01-01-1/approve");
    let bare = bench.http.post(&url).send().await.unwrap();
    assert_eq!(bare.status(), 403, "a plain form could send this");
    let foreign =
        bench.http.post(&url).header("X-Linewatch", "approve").header("Origin", "https://evil.example");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    let marked = bench.http.post(&url).header("X-Linewatch", "approve").send().await.unwrap();
    assert_eq!(marked.status(), 404, "heard, but there is no such incident");
    assert_eq!(command(&bench, &["approve", "2001-01-01-1", "--by", "a test"]).await.0, 2);
    bench.running.stop().await;
}

async fn status_command(bench: &Bench, more: &[&str]) -> (i32, String) {
    let mut args = vec!["status"];
    args.extend(more);
    command(bench, &args).await
}

/// Exit status and output of a command that asks this bench.
async fn command(bench: &Bench, args: &[&str]) -> (i32, String) {
    let (exit, said, _) = bench.command(args).await;
    (exit, said)
}
