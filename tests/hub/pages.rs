//! The pages: what they may say, and what nobody can make them do.

use crate::bench::Bench;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_look_like_markup_stay_text_and_the_page_runs_nothing() {
    let bench = Bench::start().await;
    for path in ["/", "/practices", "/practice/G82000"] {
        let answer = bench.http.get(bench.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        let page = answer.text().await.unwrap();
        assert!(!page.contains("<script"), "{path}: {page}");
        assert!(page.contains("&#60;script&#62;"), "{path} shows the name as it is");
        for landmark in ["<main id=\"main\">", "<html lang=\"en-GB\">", "<h1>", "name=\"viewport\""] {
            assert!(page.contains(landmark), "{path}: {landmark}");
        }
        assert_eq!(page.matches("<h1").count(), 1, "{path}");
        assert_eq!(page.matches("<th ").count(), page.matches("scope=").count(), "{path}: heads of tables");
    }
    let style = bench.http.get(bench.url("/style.css")).send().await.unwrap();
    assert_eq!(style.headers()["content-type"], "text/css; charset=utf-8");
    assert!(style.text().await.unwrap().contains("prefers-color-scheme: dark"));
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standing_is_never_told_by_colour_alone() {
    let bench = Bench::start().await;
    bench.script.break_checks(&["G82003"], &["web", "texts", "spine"]);
    bench.picture_until(|status| status["practices"]["internet_down"] == 1).await;
    let (_, page) = bench.get("/").await;
    let cell = page.lines().find(|line| line.contains("/practice/G82003")).unwrap();
    assert!(cell.contains("✕") && cell.contains(">down<"), "a shape and a word: {cell}");
    let (_, page) = bench.get("/practice/G82003").await;
    assert!(page.contains("fails") && page.contains("(timeout)"));
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_exist_is_said_not_to() {
    let bench = Bench::start().await;
    for path in ["/practice/G99999", "/incident/2001-01-01-1"] {
        let (status, page) = bench.get(path).await;
        assert_eq!(status, 404, "{path}");
        assert!(page.contains("<h1>Not found</h1>"), "{path}");
    }
    for path in [
        "/api/v1/practices/G99999",
        "/api/v1/practices/G82000/nowhere",
        "/api/v1/incidents/2001-01-01-1",
        "/api/v1/incidents/2001-01-01-1/why",
        "/api/v1/incidents/..%2F..%2Fetc%2Fpasswd",
        "/api/v2/status",
        "/nothing",
    ] {
        let (status, text) = bench.get(path).await;
        assert_eq!(status, 404, "{path}");
        let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(problem["error"].is_string(), "{path}: {text}");
    }
    assert_eq!(bench.get("/healthz").await, (200, "fine\n".to_owned()));
    assert_eq!(bench.get("/readyz").await, (200, "ready\n".to_owned()));
    bench.running.stop().await;
}
