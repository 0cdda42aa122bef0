//! `/metrics` keeps its contract, and its form.

use std::collections::BTreeMap;

use crate::bench::Bench;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_name_of_the_contract_is_there_with_help_and_type_and_every_line_is_well_formed() {
    let bench = Bench::start().await;
    let (_, page) = bench.get("/metrics").await;
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    let mut family = "";
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(rest.split_once(' ').is_some_and(|(_, help)| help.len() > 10), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(types.insert(name, kind).is_none(), "{name} comes twice");
            family = name;
        } else {
            let name = line.split(['{', ' ']).next().unwrap();
            let of_histogram = types.get(family) == Some(&"histogram");
            let parts = ["_bucket", "_sum", "_count"].into_iter().filter(|_| of_histogram);
            let own = parts.into_iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
            assert_eq!(own, family, "a family's lines stand together: {line}");
            assert!(line.rsplit_once(' ').unwrap().1.parse::<f64>().is_ok(), "{line}");
            assert_eq!(line.matches('"').count() % 2, 0, "{line}");
        }
    }
    for name in [
        "linewatch_check_up",
        "linewatch_check_duration_seconds",
        "linewatch_practice_up",
        "linewatch_component_failed_probability",
        "linewatch_incident_open",
        "linewatch_notices_total",
        "linewatch_outbox_oldest_seconds",
        "linewatch_agent_last_heard_seconds",
        "linewatch_schedule_late_seconds",
        "linewatch_observations_total",
        "linewatch_config_reload_ok",
        "linewatch_config_last_reload_seconds",
        "linewatch_store_ok",
        "linewatch_blind",
        "linewatch_checks_in_flight",
        "linewatch_checks_skipped_total",
        "linewatch_build_info",
        "linewatch_outbox_notices",
    ] {
        assert!(types.contains_key(name), "{name} is missing");
    }
    for (name, kind) in &types {
        assert!(name.starts_with("linewatch_"), "{name}");
        assert_eq!(name.ends_with("_total"), *kind == "counter", "{name} is a {kind}");
    }
    for line in [
        "linewatch_check_up{practice=\"@hub\",probe=\"web\",network=\"internet\"} 1",
        "linewatch_check_duration_seconds{practice=\"G82001/westfield\",probe=\"web\",phase=\"connect\"} 0.012",
        "linewatch_check_duration_seconds{practice=\"G82001/westfield\",probe=\"web\",phase=\"total\"} 0.0125",
        "linewatch_blind 0",
        "linewatch_store_ok 1",
    ] {
        assert!(page.lines().any(|other| other == line), "{line} is not in\n{page}");
    }
    bench.running.stop().await;
}
