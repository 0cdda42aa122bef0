//! Acknowledgement and escalation: a real hub, a mail server that keeps what it gets, and people who follow the links in it.

use std::process::Stdio;
use std::sync::Arc;

use linewatch::agent::clock;
use linewatch::agent::workers::{Field, blank};
use linewatch::config::{Config, ContactSettings, EscalationStep};
use linewatch::estate::{Estate, ProbeIx, Vantage};
use linewatch::hub::service::{Options, Running, start_in};
use linewatch::incident::{Event, EventKind, Reason};
use linewatch::notify::policy::person;
use linewatch::notify::{AckWay, Audience, Desk, NoticeKind, Said};
use linewatch::observation::Observation;
use linewatch::store::Store;
use linewatch::time::At;
use reqwest::StatusCode;
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::estate::{DEADLINE, config, failing, impatient, manager, now, opened, resolved};
use crate::relay::{Answer, Mail, Relay, Step};

pub const DESK: &str = "desk@icb.example";
const BOSS: &str = "boss@icb.example";
const BASE: &str = "https://linewatch.example/";
const MINUTE: i64 = 60_000;

/// Every check is fine: what fails here is told by the test.
pub struct Calm;

impl Field for Calm {
    fn now(&self) -> At {
        clock::now()
    }

    async fn ask(&self, estate: &Estate, from: Vantage, probe: ProbeIx, at: At) -> Observation {
        let practice = match from {
            Vantage::Hub => linewatch::observation::HUB,
            Vantage::Practice(practice) => &estate.practices[practice.at()].id,
        };
        blank(at, practice, &estate.probes[probe.at()].id)
    }
}

/// Two practices, links, and a boss who is told after a quarter of an hour.
fn with_links(relay: std::net::SocketAddr) -> Config {
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut config = config(2, relay);
    config.acknowledgement.link = Some(BASE.parse().expect("a URL"));
    config.acknowledgement.steps = vec![EscalationStep {
        after: std::time::Duration::from_mins(15),
        to: vec![BOSS.to_owned()],
        roles: Vec::new(),
    }];
    config.ways.contacts =
        vec![ContactSettings { name: Some("Sam Poe".to_owned()), ..ContactSettings::plain(BOSS) }];
    config
}

pub struct Bench {
    pub running: Running,
    pub relay: Relay,
    http: reqwest::Client,
    config: Config,
    dir: TempDir,
}

impl Bench {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let relay = Relay::kind().await;
        let dir = tempfile::tempdir().expect("a folder");
        let mut config = with_links(relay.address);
        config.hub.data = dir.path().to_owned();
        change(&mut config);
        let running = start_in(Arc::new(Calm), config.clone(), Options::default()).await.expect("it starts");
        let http = reqwest::Client::builder().no_proxy().timeout(DEADLINE).build().expect("a client");
        Self { running, relay, http, config, dir }
    }

    /// The same hub, stopped and started again.
    pub async fn again(self) -> Self {
        let Self { running, relay, http, config, dir } = self;
        running.stop().await;
        let running = start_in(Arc::new(Calm), config.clone(), Options::default()).await.expect("it starts");
        Self { running, relay, http, config, dir }
    }

    pub fn folder(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub async fn tell(&self, event: &Event) {
        self.running.hub().desk.tell(event).await;
    }

    /// The next mail to this address; others are let go of.
    pub async fn mail_to(&mut self, to: &str) -> Mail {
        loop {
            let mail = self.relay.next().await;
            if mail.to == to {
                return mail;
            }
        }
    }

    /// Where the page of a link is here, behind the address that people know.
    fn here(&self, link: &str) -> String {
        link.replacen(BASE, &format!("http://{}/", self.running.address), 1)
    }

    pub async fn get(&self, link: &str) -> (StatusCode, String) {
        let answer = self.http.get(self.here(link)).send().await.expect("an answer");
        (answer.status(), answer.text().await.expect("text"))
    }

    pub async fn post(&self, link: &str, form: &[(&str, &str)]) -> (StatusCode, String) {
        let form: Vec<String> = form.iter().map(|(key, value)| format!("{key}={}", escaped(value))).collect();
        let request = self.http.post(self.here(link)).body(form.join("&"));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.send().await.expect("an answer");
        (answer.status(), answer.text().await.expect("text"))
    }

    pub async fn json(&self, path: &str) -> Value {
        let url = format!("http://{}{path}", self.running.address);
        self.http.get(url).send().await.expect("an answer").json().await.expect("JSON")
    }

    pub async fn metric(&self, line: &str) -> bool {
        let url = format!("http://{}/metrics", self.running.address);
        let text = self.http.get(url).send().await.expect("an answer").text().await.expect("text");
        text.lines().any(|has| has == line)
    }

    pub async fn command(&self, args: &[&str]) -> (i32, String) {
        let done = tokio::process::Command::new(env!("CARGO_BIN_EXE_linewatch"))
            .args(args)
            .args(["--url", &format!("http://{}", self.running.address)])
            .env_remove("LINEWATCH_TOKEN_FILE")
            .stdin(Stdio::null())
            .output()
            .await
            .expect("it runs");
        (done.status.code().expect("a status"), String::from_utf8(done.stdout).expect("text"))
    }
}

/// Every byte as forms may write it.
fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat()
}

/// The text and the page of a mail, as a mail program shows them.
pub fn decoded(mail: &Mail) -> String {
    mail.data.replace("=\r\n", "").replace("=3D", "=")
}

/// The link in a mail: the same in its text and in its page.
pub fn link_in(mail: &Mail) -> String {
    let data = decoded(mail);
    let links: Vec<&str> = data
        .match_indices(BASE)
        .map(|(at, _)| data[at..].split(|c: char| c.is_whitespace() || c == '"').next().unwrap_or_default())
        .collect();
    let [text, page] = &links[..] else { panic!("two links, not {links:?} in {data}") };
    assert_eq!(text, page);
    (*text).to_owned()
}

fn minutes_ago(minutes: i64) -> Event {
    let at = now().plus_millis(-minutes * MINUTE);
    Event { at, since: at, ..opened(2) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn looking_at_a_link_changes_nothing_and_its_button_acknowledges() {
    let mut bench = Bench::start().await;
    let event = opened(2);
    bench.tell(&event).await;
    let mail = bench.mail_to(DESK).await;
    let link = link_in(&mail);
    assert!(decoded(&mail).contains("If nobody takes it on, others are told at "), "{}", mail.data);

    // As a scanner of mail does, and as a person does.
    for _ in 0..3 {
        let answer = bench.http.get(bench.here(&link)).send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        let policy = answer.headers()["content-security-policy"].to_str().expect("text").to_owned();
        assert!(policy.contains("form-action 'self'") && policy.contains("default-src 'none'"), "{policy}");
        assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
        let page = answer.text().await.expect("text");
        assert!(
            page.contains("The firewall has failed.") && page.contains("<form method=\"post\">"),
            "{page}"
        );
        assert!(page.contains("Nobody yet.") && !page.contains("<script") && !page.contains("@icb.example"));
    }
    let head = bench.http.head(bench.here(&link)).send().await.expect("an answer");
    assert_eq!(head.status(), StatusCode::OK);
    let hands = bench.running.hub().desk.hands(&event.incident).expect("it is open");
    assert_eq!((hands.taken_on, hands.next.is_some()), (Vec::new(), true));
    assert_eq!(
        bench.json("/api/v1/status").await["acknowledgements"][0]["taken_on"],
        Value::Array(Vec::new())
    );

    let form = [("name", "Jo <b>Bloggs</b>\r\nBcc: x"), ("note", "Ringing BT")];
    let (status, page) = bench.post(&link, &form).await;
    assert_eq!(status, StatusCode::OK);
    let name = "Jo <b>Bloggs</b> Bcc: x";
    assert!(page.contains("Jo &#60;b&#62;Bloggs&#60;/b&#62; Bcc: x has taken this on, since"), "{page}");
    assert!(page.contains("“Ringing BT”") && !page.contains("<form"), "{page}");
    let hands = bench.running.hub().desk.hands(&event.incident).expect("it is open");
    assert_eq!((hands.taken_on.len(), hands.next), (1, None), "nobody is escalated to any more");

    // Again: what was said first stands.
    let (status, page) = bench.post(&link, &[("name", "Somebody Else")]).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Bloggs") && !page.contains("Somebody Else"), "{page}");

    let status = bench.json("/api/v1/status").await;
    let taken = &status["acknowledgements"][0]["taken_on"][0];
    assert_eq!(
        (&taken["by"], &taken["way"], &taken["note"]),
        (&name.into(), &"link".into(), &"Ringing BT".into())
    );
    let history = bench.json(&format!("/api/v1/incidents/{}", event.incident)).await;
    assert_eq!(history["acknowledgements"].as_array().expect("a list").len(), 1);
    let outbox = bench.json("/api/v1/outbox").await;
    let read: Vec<(&Value, bool)> = outbox["notices"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|notice| (&notice["about"], notice["acknowledged"] != Value::Null))
        .collect();
    assert!(
        read.contains(&(&"staff".into(), true)) && read.iter().filter(|(_, read)| *read).count() == 1,
        "{read:?}"
    );
    for line in [
        "linewatch_acknowledgements_total{outcome=\"taken\",way=\"link\"} 1".to_owned(),
        "linewatch_acknowledgements_total{outcome=\"again\",way=\"link\"} 1".to_owned(),
        format!("linewatch_incident_unacknowledged_seconds{{incident=\"{}\"}} 0", event.incident),
    ] {
        assert!(bench.metric(&line).await, "{line}");
    }

    // The next letter says who has it, and whoever has it hears of the end.
    bench
        .tell(&Event { event: EventKind::Changed, at: event.at.plus_millis(1), ..cause_changed(&event) })
        .await;
    let update = decoded(&bench.mail_to(DESK).await);
    assert!(update.contains("has taken this on, at ") && update.contains("in hand as well"), "{update}");
    bench.tell(&Event { at: event.at.plus_millis(2), ..resolved(&event) }).await;
    let end = bench.mail_to(DESK).await;
    assert!(end.header("Subject").expect("one").contains("Resolved"), "{}", end.data);
    assert!(!end.data.contains("/ack/"), "there is nothing to acknowledge any more");
    let (status, page) = bench.get(&link).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("It is over.") && !page.contains("Nobody else will be asked"), "{page}");
    bench.running.stop().await;
}

/// Of which staff hear at once.
pub fn cause_changed(event: &Event) -> Event {
    let mut event = event.clone();
    "fw-b".clone_into(&mut event.cause[0].id);
    event
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_told_because_nobody_has_it_may_take_it_on() {
    let mut bench = Bench::start().await;
    let event = minutes_ago(20);
    bench.tell(&event).await;
    let mail = bench.mail_to(BOSS).await;
    assert!(mail.header("Subject").expect("one").contains("[linewatch] Not acknowledged: "), "{}", mail.data);
    let words = decoded(&mail);
    for part in [" has said that they have this in hand.", "- desk@icb.example, at ", "20 minutes ago"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    // No name is given: the contact's counts.
    let (status, page) = bench.post(&link_in(&mail), &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Sam Poe has taken this on"), "{page}");
    let status = bench.json("/api/v1/status").await;
    let hands = &status["acknowledgements"][0];
    assert_eq!(hands["escalated"][0]["to"], "b***@icb.example");
    assert_eq!((&hands["next_escalation"], &hands["taken_on"][0]["by"]), (&Value::Null, &"Sam Poe".into()));
    bench.tell(&Event { at: event.at.plus_millis(1), ..resolved(&event) }).await;
    let end = bench.mail_to(BOSS).await;
    assert_eq!(end.header("In-Reply-To"), Some(mail.message_id()), "in the same thread");
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_managers_word_is_a_receipt_and_relieves_nobody() {
    let mut bench = Bench::start().await;
    let event = opened(2);
    bench.tell(&event).await;
    let mail = bench.mail_to(&manager(1)).await;
    let (_, page) = bench.get(&link_in(&mail)).await;
    assert!(page.contains("I have read this") && !page.contains("I have it in hand"), "{page}");
    let (status, page) = bench.post(&link_in(&mail), &[]).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("you have read this."), "{page}");
    let hands = bench.running.hub().desk.hands(&event.incident).expect("it is open");
    assert_eq!((hands.taken_on.len(), hands.next.is_some()), (0, true));
    let history = bench.json(&format!("/api/v1/incidents/{}", event.incident)).await;
    let said = &history["acknowledgements"][0];
    assert_eq!((&said["by"], &said["about"]), (&"the manager of P1".into(), &"P1".into()));
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_altered_and_expired_links_open_nothing() {
    let mut bench = Bench::start().await;
    let event = opened(2);
    bench.tell(&event).await;
    let link = link_in(&bench.mail_to(DESK).await);
    let desk = person(&Audience::Staff, DESK);
    let boss = person(&Audience::Staff, BOSS);
    let tag = link.rsplit('/').next().expect("a tag");
    let zeros = "0".repeat(tag.len());
    for wrong in [
        link.replace(tag, &zeros),
        link.replace(&desk, &boss),
        link.replace(&event.incident, "2026-03-16-2"),
        link[..link.len() - 1].to_owned(),
        format!("{link}0"),
        link.replace(tag, "%00%ff"),
    ] {
        for (status, page) in [bench.get(&wrong).await, bench.post(&wrong, &[("name", "Mallory")]).await] {
            // What isn't even text never gets to the page.
            assert!(
                matches!(status, StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST),
                "{status} {wrong}: {page}"
            );
            assert!(!page.contains("The firewall") && !page.contains("<form"), "{page}");
        }
    }
    assert!(bench.metric("linewatch_acknowledgements_total{outcome=\"wrong\",way=\"link\"} 10").await);

    // Signed, and of an incident that nobody knows, or of somebody who was told nothing of it.
    let key = bench.running.hub().store.link_key().expect("a key");
    let base = BASE.parse().expect("a URL");
    for unknown in
        [key.link(&base, "2001-01-01-1", &desk), key.link(&base, &event.incident, "0123456789abcdef")]
    {
        assert_eq!(bench.post(&unknown, &[]).await.0, StatusCode::GONE);
    }
    // Over for an hour, and for more than a day.
    let mut pages = Vec::new();
    for (incident, hours) in [("2026-01-01-1", 1), ("2026-01-01-2", 25)] {
        let began = minutes_ago(30 * 60);
        let began = Event { incident: incident.to_owned(), ..began };
        bench.tell(&began).await;
        bench.tell(&Event { at: now().plus_millis(-hours * 60 * MINUTE), ..resolved(&began) }).await;
        pages.push(bench.post(&key.link(&base, incident, &desk), &[]).await);
    }
    assert_eq!((pages[0].0, pages[1].0), (StatusCode::OK, StatusCode::GONE));
    assert!(pages[1].1.contains("no longer of use"), "{}", pages[1].1);

    // A form that is too much, or another.
    let long = "n".repeat(501);
    let (status, page) = bench.post(&link, &[("name", "Jo"), ("note", &long)]).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        page.contains("the note is longer than 500 characters") && page.contains("value=\"Jo\""),
        "{page}"
    );
    let huge = "n".repeat(20_000);
    assert_eq!(bench.post(&link, &[("note", &huge)]).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let json = bench.http.post(bench.here(&link)).header("content-type", "application/json").body("{}");
    assert_eq!(json.send().await.expect("an answer").status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let hands = bench.running.hub().desk.hands(&event.incident).expect("it is open");
    assert_eq!(hands.taken_on, [], "none of all that acknowledged anything");

    // A proxy may call the hub by its public name on these pages, and on no others.
    let foreign = |path: String| bench.http.get(path).header("host", "linewatch.example").send();
    assert_eq!(foreign(bench.here(&link)).await.expect("an answer").status(), StatusCode::OK);
    let style = format!("http://{}/ack/style.css", bench.running.address);
    assert_eq!(foreign(style).await.expect("an answer").status(), StatusCode::OK);
    let home = format!("http://{}/", bench.running.address);
    assert_eq!(foreign(home).await.expect("an answer").status(), StatusCode::MISDIRECTED_REQUEST);
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_needs_no_log_in_and_opens_nothing_else() {
    let token = linewatch::estate::SharedSecret::new("a viewer's token of some length").expect("a token");
    let mut bench = Bench::start_with(|config| config.hub.tokens.viewer = Some(token)).await;
    let event = opened(2);
    bench.tell(&event).await;
    let link = link_in(&bench.mail_to(DESK).await);
    assert_eq!(bench.get(&link).await.0, StatusCode::OK);
    for path in ["", "api/v1/status", "api/v1/outbox", "metrics"] {
        let tag = link.rsplit('/').next().expect("a tag");
        let asked = bench.http.get(format!("http://{}/{path}", bench.running.address)).bearer_auth(tag);
        assert_eq!(asked.send().await.expect("an answer").status(), StatusCode::UNAUTHORIZED, "/{path}");
    }
    // As a program says it, with nothing to add.
    let bare = bench.http.post(bench.here(&link)).send().await.expect("an answer");
    assert_eq!(bare.status(), StatusCode::OK);
    let hands = bench.running.hub().desk.hands(&event.incident).expect("it is open");
    assert_eq!(hands.taken_on[0].by, "somebody at NHS Kent and Medway");
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_says_who_has_it() {
    let bench = Bench::start().await;
    let event = opened(2);
    bench.tell(&event).await;
    let id = event.incident.as_str();
    assert_eq!(bench.command(&["ack", "2001-01-01-1", "--as", "Jo"]).await.0, 2);
    let (exit, text) = bench.command(&["ack", id, "--as", "Jo Bloggs", "--note", "Ringing BT"]).await;
    assert_eq!(
        (exit, text.trim()),
        (0, "Jo Bloggs has taken 2026-03-16-1 on. Nobody else will be asked to.")
    );
    let (exit, json) = bench.command(&["ack", id, "--as", "jo bloggs", "--json"]).await;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        (exit, &json["already"], &json["acknowledgement"]["by"]),
        (0, &true.into(), &"Jo Bloggs".into())
    );
    assert_eq!(bench.command(&["ack", id, "--as", &"n".repeat(121)]).await.0, 3);
    // A page of another site can't.
    let url = format!("http://{}/api/v1/incidents/{id}/acknowledge", bench.running.address);
    assert_eq!(bench.http.post(url).send().await.expect("an answer").status(), StatusCode::FORBIDDEN);
    assert!(bench.metric("linewatch_acknowledgements_total{outcome=\"taken\",way=\"command\"} 1").await);
    let ended = Event { at: now(), ..resolved(&event) };
    let old = Event { incident: "2026-01-01-1".to_owned(), ..minutes_ago(30 * 60) };
    bench.tell(&ended).await;
    let (exit, text) = bench.command(&["ack", id, "--as", "Al"]).await;
    assert_eq!(exit, 0);
    let said = format!(
        "Al has taken 2026-03-16-1 on. It has been over since {}, so nobody is asked to any more.",
        ended.at
    );
    assert_eq!(text.trim(), said);
    bench.tell(&old).await;
    bench.tell(&Event { at: old.at.plus_millis(1), ..resolved(&old) }).await;
    assert_eq!(
        bench.command(&["ack", "2026-01-01-1", "--as", "Jo"]).await.0,
        2,
        "it has been over for a day"
    );
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_a_withdrawn_incident_in_hand_is_told_that_there_was_no_such_fault() {
    let mut bench = Bench::start().await;
    let event = minutes_ago(1);
    bench.tell(&event).await;
    let link = link_in(&bench.mail_to(DESK).await);
    let withdrawn = Event { reason: Some(Reason::Withdrawn), at: now(), ..resolved(&event) };
    bench.tell(&withdrawn).await;
    let (_, asked) = bench.get(&link).await;
    let (_, answered) = bench.post(&link, &[("name", "Jo Bloggs")]).await;
    for page in [asked, answered] {
        assert!(page.contains("It was withdrawn: later checks show that there was no such fault."), "{page}");
        assert!(!page.contains("It is over") && !page.contains("asked to"), "{page}");
    }
    let (exit, text) = bench.command(&["ack", &event.incident, "--as", "Al"]).await;
    assert_eq!(exit, 0);
    let said = format!(
        "It was withdrawn at {}: there was no such fault, and nobody is asked to do anything.",
        withdrawn.at
    );
    assert!(text.contains(&said) && !text.contains("will be asked"), "{text}");
    bench.running.stop().await;
}

async fn desk(config: &Config, store: &Store) -> Desk {
    Desk::start_with(config, store.clone(), CancellationToken::new(), impatient()).await
}

fn jo() -> Said {
    Said { by: "Jo".to_owned(), note: None, way: AckWay::Command, reader: None }
}

/// Waits until somebody is to be told because nobody has it.
async fn escalated(store: &Store, incident: &str) {
    let planned = async {
        loop {
            let fates = store.fates(Some(incident), true).await.expect("it answers");
            if fates.iter().any(|fate| fate.notice.kind == NoticeKind::Escalation) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, planned).await.expect("in time");
}

#[tokio::test]
async fn a_letter_that_has_not_left_is_called_back() {
    // Nothing leaves: the server greets with a refusal.
    let relay = Relay::start(|step| match step {
        Step::Greeting => Answer::Say("421 not now"),
        _ => Answer::Fine,
    })
    .await;
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let desk = desk(&with_links(relay.address), &store).await;
    let event = minutes_ago(20);
    desk.tell(&event).await;
    failing(&desk).await;
    escalated(&store, &event.incident).await;
    let taken = desk.acknowledge(&event.incident, jo()).await.expect("it is open");
    assert_eq!((taken.already, taken.recalled), (false, 1));
    let fates = store.fates(Some(&event.incident), true).await.expect("it answers");
    let fate = fates.iter().find(|fate| fate.notice.kind == NoticeKind::Escalation).expect("one");
    assert_eq!(format!("{:?}", fate.notice.state), "Withheld { why: \"Jo has taken the incident on\" }");
    desk.stop().await;
}

#[tokio::test]
async fn what_was_said_outlives_a_restart_and_a_merger() {
    let mut relay = Relay::kind().await;
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let config = with_links(relay.address);
    let first = desk(&config, &store).await;
    let one = opened(2);
    let other = Event { incident: "2026-03-16-2".to_owned(), ..minutes_ago(20) };
    first.tell(&one).await;
    first.acknowledge(&one.incident, jo()).await.expect("it is open");
    first.tell(&other).await;
    // The boss is told of the second.
    loop {
        let mail = relay.next().await;
        if mail.to == BOSS {
            assert!(mail.header("Subject").expect("one").contains("(2026-03-16-2)"), "{}", mail.data);
            break;
        }
    }
    first.stop().await;

    let second = desk(&config, &store).await;
    let hands = second.hands(&one.incident).expect("it is open");
    assert_eq!((hands.taken_on[0].by.as_str(), hands.next), ("Jo", None));
    let hands = second.hands(&other.incident).expect("it is open");
    assert_eq!((hands.taken_on.len(), hands.next), (0, None), "everybody has been told");
    assert!(hands.told.iter().any(|told| told.escalated && told.recipient == BOSS));
    assert!(second.acknowledge(&one.incident, jo()).await.expect("it is open").already);

    // The second was the first all along: whoever speaks of the one speaks of the other.
    let merged = Event { into: Some(one.incident.clone()), ..resolved(&other) };
    second.tell(&Event { reason: Some(linewatch::incident::Reason::Merged), ..merged }).await;
    let said = Said { by: "Sam".to_owned(), ..jo() };
    let taken = second.acknowledge(&other.incident, said).await.expect("it is open");
    assert_eq!(taken.acknowledgement.incident, one.incident);
    second.stop().await;
    let third = desk(&config, &store).await;
    let by: Vec<String> =
        third.acknowledgements(&one.incident).await.into_iter().map(|said| said.by).collect();
    assert_eq!(by, ["Jo", "Sam"]);
    assert_eq!(third.hands(&one.incident).expect("it is open").taken_on.len(), 2);
    third.stop().await;
}
