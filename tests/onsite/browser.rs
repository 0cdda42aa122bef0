//! A real browser without a screen, spoken to over its debugging pipe: JSON messages that end with a zero byte, in by its
//! file 3 and out by its file 4 (Chrome DevTools Protocol, `--remote-debugging-pipe`).

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// Debian's name for it; `LINEWATCH_BROWSER` names another.
const BROWSER: &str = "chromium";

pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Option<String>,
    number: u64,
    /// What was fetched since the last page was opened.
    pub fetched: Vec<String>,
}

impl Browser {
    /// A browser with nothing in it. `home`: where it may write.
    pub fn start(home: &Path) -> Self {
        let browser = std::env::var("LINEWATCH_BROWSER").unwrap_or_else(|_| BROWSER.to_owned());
        // The shell gives it its files; it becomes the browser, so that ending it ends the browser.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>\"$0\""])
            .arg(home.join("browser.log"))
            .arg(&browser)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-component-update"])
            .args(["--disable-sync", "--disable-default-apps", "--remote-debugging-pipe"])
            // Whatever it wants from elsewhere, it doesn't find.
            .arg("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1")
            .arg(format!("--user-data-dir={}", home.join("profile").display()))
            .arg("about:blank")
            .env("HOME", home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let (to, from) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let mut browser =
            Self { child, to, from: BufReader::new(from), session: None, number: 0, fetched: Vec::new() };
        let page = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let session = browser
            .call("Target.attachToTarget", &json!({"targetId": page["targetId"], "flatten": true}))["sessionId"]
            .clone();
        browser.session = session.as_str().map(str::to_owned);
        browser.call("Page.enable", &json!({}));
        browser.call("Network.enable", &json!({}));
        browser
    }

    /// Says something to the browser and waits for its answer.
    pub fn call(&mut self, method: &str, params: &Value) -> Value {
        self.number += 1;
        let mut message = json!({"id": self.number, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).expect("the browser listens");
        loop {
            let heard = self.hear();
            if heard["id"] == json!(self.number) {
                assert!(heard.get("error").is_none(), "{method}: {heard}");
                return heard["result"].clone();
            }
        }
    }

    /// Opens a page at this width, in light or dark colours, and waits until all of it is there.
    pub fn open(&mut self, url: &str, width: u32, scheme: &str) {
        self.call(
            "Emulation.setDeviceMetricsOverride",
            &json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false}),
        );
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", &json!({"media": "", "features": features}));
        self.fetched.clear();
        self.call("Page.navigate", &json!({"url": url}));
        while self.hear()["method"] != json!("Page.loadEventFired") {}
    }

    /// The value of an expression on the page.
    pub fn value(&mut self, expression: &str) -> Value {
        let result = self.call("Runtime.evaluate", &json!({"expression": expression, "returnByValue": true}));
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// The next message, whatever it is.
    fn hear(&mut self) -> Value {
        let mut message = Vec::new();
        self.from.read_until(0, &mut message).expect("the browser speaks");
        assert_eq!(message.pop(), Some(0), "the browser has gone: is {BROWSER} installed? See browser.log");
        let heard: Value = serde_json::from_slice(&message).expect("JSON");
        if heard["method"] == json!("Network.requestWillBeSent") {
            self.fetched.push(heard["params"]["request"]["url"].as_str().unwrap_or_default().to_owned());
        }
        heard
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
