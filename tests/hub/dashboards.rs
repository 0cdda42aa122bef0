//! Dashboards and rules name nothing that linewatch doesn't export.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::bench::{BEHIND_A, Bench};

fn dashboards() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards")
}

/// Every file below `dashboards/`, with its text.
fn files() -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dashboards()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = std::fs::read_to_string(&path).unwrap();
                found.insert(path, text);
            }
        }
    }
    found
}

/// Words of a text that look like linewatch's metrics.
fn metric_names(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("linewatch_"))
        .map(str::to_owned)
        .collect()
}

/// Each `linewatch_name{label…}` in a text, with the labels that stand in its braces.
fn labels_used(text: &str) -> Vec<(String, String)> {
    let mut used = Vec::new();
    for (at, _) in text.match_indices("linewatch_") {
        let rest = &text[at..];
        let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let Some(braces) = rest[name.len()..].strip_prefix('{') else { continue };
        let inside = braces.split('}').next().unwrap();
        for matcher in inside.split(',') {
            let label: String =
                matcher.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            used.push((name.clone(), label));
        }
    }
    used
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_and_label_that_a_dashboard_or_rule_names_is_exported() {
    let bench = Bench::start().await;
    bench.script.break_checks(&BEHIND_A, &["web", "texts"]);
    bench.picture_until(|status| !status["incidents"].as_array().unwrap().is_empty()).await;
    let (_, page) = bench.get("/metrics").await;
    let exported: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|rest| rest.split(' ').next().unwrap().to_owned())
        .collect();
    let labels: BTreeSet<(String, String)> = labels_used(&page).into_iter().collect();
    let mut named = 0;
    for (path, text) in files() {
        let text = text.replace("\\\"", "\"");
        for name in metric_names(&text) {
            assert!(exported.contains(&name), "{} names {name}, which is not exported", path.display());
            named += 1;
        }
        for used in labels_used(&text) {
            assert!(labels.contains(&used), "{}: {} has no label {}", path.display(), used.0, used.1);
        }
    }
    assert!(named > 40, "the files were found and read: {named}");
    bench.running.stop().await;
}

#[test]
fn every_dashboard_is_whole_and_has_an_id_of_its_own() {
    let mut uids = BTreeSet::new();
    for (path, text) in files().into_iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "json"))
    {
        let board: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(uids.insert(board["uid"].as_str().unwrap().to_owned()), "{}: uid twice", path.display());
        let mut ids = BTreeSet::new();
        for panel in board["panels"].as_array().unwrap() {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}: panel id twice", path.display());
            let title = panel["title"].as_str().unwrap();
            if panel["type"] == "row" {
                continue;
            }
            assert!(
                !panel["targets"].as_array().unwrap().is_empty(),
                "{}: {title} asks nothing",
                path.display()
            );
            for target in panel["targets"].as_array().unwrap() {
                let expr = target["expr"].as_str().unwrap();
                for (open, close) in [('(', ')'), ('{', '}'), ('[', ']')] {
                    assert_eq!(expr.matches(open).count(), expr.matches(close).count(), "{title}: {expr}");
                }
            }
        }
    }
    assert_eq!(uids.len(), 4, "{uids:?}");
}

#[test]
fn the_rules_cover_what_must_not_go_unnoticed() {
    let rules = std::fs::read_to_string(dashboards().join("alerts.yml")).unwrap();
    for alert in [
        "LinewatchDown",
        "LinewatchBlind",
        "LinewatchScheduleLate",
        "LinewatchOutboxOld",
        "LinewatchStoreFailing",
        "LinewatchReloadFailed",
    ] {
        assert!(rules.contains(&format!("- alert: {alert}\n")), "{alert}");
    }
    let alerts = rules.matches("- alert: ").count();
    for field in ["        expr: ", "          summary: ", "          description: ", "labels: {severity: "] {
        assert_eq!(rules.matches(field).count(), alerts, "each alert has one `{}`", field.trim());
    }
}
