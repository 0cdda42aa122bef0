//! The page in a browser: narrow, wide, dark, printed. `bash .ci/run` runs these; each leaves a picture in
//! `target/onsite/`.

use std::path::PathBuf;

use base64::Engine as _;
use serde_json::{Value, json};

use super::browser::Browser;
use super::{serve, without_internet};

/// Where the pictures go.
fn pictures() -> PathBuf {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let directory = target.parent().unwrap_or(&target).join("onsite");
    std::fs::create_dir_all(&directory).expect("a directory");
    directory
}

fn picture(browser: &mut Browser, name: &str) {
    let shot =
        browser.call("Page.captureScreenshot", &json!({"format": "png", "captureBeyondViewport": true}));
    keep(&shot, &format!("{name}.png"));
}

fn keep(answer: &Value, name: &str) {
    let base64 = answer["data"].as_str().expect("data");
    std::fs::write(pictures().join(name), decoded(base64)).expect("a picture");
}

fn decoded(base64: &str) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(base64).expect("base64")
}

/// What assistive technology is told of the page: role and name of each thing, in order.
fn told(browser: &mut Browser) -> Vec<(String, String)> {
    let tree = browser.call("Accessibility.getFullAXTree", &json!({}));
    let nodes = tree["nodes"].as_array().cloned().unwrap_or_default();
    let text = |node: &Value, of: &str| node[of]["value"].as_str().unwrap_or_default().to_owned();
    nodes
        .iter()
        .filter(|node| node["ignored"] == json!(false))
        .map(|node| (text(node, "role"), text(node, "name")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium: .ci/run installs it and runs this"]
async fn it_reads_well_wide_narrow_dark_and_printed_and_wants_nothing_from_elsewhere() {
    let (address, stop) = serve(without_internet()).await;
    tokio::task::spawn_blocking(move || {
        let home = tempfile::tempdir().expect("a directory");
        let mut browser = Browser::start(home.path());
        let url = format!("http://{address}/");
        for (width, scheme) in [(1280, "light"), (1280, "dark"), (320, "light"), (320, "dark")] {
            browser.open(&url, width, scheme);
            picture(&mut browser, &format!("{scheme}-{width}"));
            // 1.4.10 Reflow: no scrolling sideways at 320 CSS pixels.
            assert!(
                browser.value("document.documentElement.scrollWidth").as_u64().expect("a number")
                    <= u64::from(width)
            );
            let foreign: Vec<&String> = browser.fetched.iter().filter(|it| !it.starts_with(&url)).collect();
            assert!(browser.fetched.len() > 1, "the page and its style sheet");
            assert!(foreign.is_empty(), "nothing from elsewhere: {foreign:?}");
        }
        // 3.1.1, 2.4.2, 1.3.1, 2.4.6: a language, a title, one first heading and then none that skips a level.
        assert_eq!(browser.value("document.documentElement.lang"), json!("en-GB"));
        assert!(
            browser
                .value("document.title")
                .as_str()
                .is_some_and(|title| title.starts_with("The internet does not answer."))
        );
        let levels = browser.value("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])");
        let levels: Vec<i64> = serde_json::from_value(levels).expect("numbers");
        assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
        assert!(levels[0] == 1 && levels.windows(2).all(|two| two[1] - two[0] <= 1), "{levels:?}");
        // 4.1.2, 2.4.4: whatever can be used has a name, and what is in a table a heading.
        let told = told(&mut browser);
        let nameless: Vec<&(String, String)> = told
            .iter()
            .filter(|(role, name)| {
                matches!(role.as_str(), "link" | "button" | "region" | "table")
                    && name.is_empty()
                    && role != "table"
            })
            .collect();
        assert!(nameless.is_empty(), "{nameless:?}");
        for (role, name) in [
            ("heading", "What does not answer"),
            ("heading", "What still answers"),
            ("rowheader", "accurx-https"),
            ("link", "Skip to the content"),
            ("link", "Hold it still"),
        ] {
            assert!(told.iter().any(|it| it.0 == role && it.1 == name), "{role} {name}: {told:?}");
        }
        // 1.4.4: letters of twice the size keep all the words on the page.
        browser.open(&url, 640, "light");
        browser.value("document.documentElement.style.fontSize = '200%'");
        assert!(browser.value("document.documentElement.scrollWidth").as_u64().expect("a number") <= 640);
        let pdf = browser.call("Page.printToPDF", &json!({"paperWidth": 8.27, "paperHeight": 11.69}));
        keep(&pdf, "printed.pdf");
        assert!(decoded(pdf["data"].as_str().expect("data")).starts_with(b"%PDF-"));
    })
    .await
    .expect("the browser's part");
    stop.cancel();
}
