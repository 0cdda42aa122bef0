//! Stopping and starting again in the middle of an incident.

use linewatch::incident::EventKind;

use crate::bench::{BEHIND_A, Bench};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incident_goes_on_after_a_restart_under_its_old_name() {
    let bench = Bench::start().await;
    let mut events = bench.running.events();
    bench.script.break_checks(&BEHIND_A, &["web", "texts"]);
    let opened = Bench::event(&mut events, EventKind::Opened).await;

    let bench = bench.restart().await;
    let mut events = bench.running.events();
    let status = bench.picture_until(|status| status["practices"]["internet_down"] == 6).await;
    assert_eq!(status["incidents"].as_array().unwrap().len(), 1, "{status}");
    assert_eq!(status["incidents"][0]["incident"], opened.incident.as_str());
    assert_eq!(status["incidents"][0]["since"], opened.since.to_string(), "it began when it began");

    bench.script.mend();
    let resolved = Bench::event(&mut events, EventKind::Resolved).await;
    assert_eq!(resolved.incident, opened.incident);
    let history = bench.json(&format!("/api/v1/incidents/{}", opened.incident)).await;
    let events = history["events"].as_array().unwrap();
    assert_eq!(events[0]["event"], "opened", "the history has what came before the restart");
    let openings = events.iter().filter(|event| event["event"] == "opened").count();
    assert_eq!(openings, 1, "it was not opened anew");
    bench.running.stop().await;
}
