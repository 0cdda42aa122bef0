//! Mails come back: a real hub, a mail server that keeps what it gets, and the reports that Postfix, Exim and Exchange write about it,
//! brought by the command that a mail server calls.

use std::process::Stdio;

use axum::http::StatusCode as Answered;
use axum::routing::post;
use linewatch::config::{ChannelKind, ChannelSettings, Config, ContactSettings, ContactWay};
use linewatch::estate::SharedSecret;
use linewatch::incident::{Event, EventKind};
use linewatch::limits::BOUNCE_PROVEN_AFTER;
use linewatch::notify::bounce::{ReturnOutcome, Returned};
use linewatch::notify::{Audience, Channel, Notice, NoticeKind, NoticeState, Outcome, Try, TryOutcome};
use linewatch::store::{Settlement, Store};
use linewatch::time::At;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::acknowledge::{Bench, DESK, cause_changed, decoded};
use crate::estate::{DEADLINE, manager, next as next_delivery, opened, resolved};
use crate::relay::Mail;

const POSTFIX: &str = include_str!("bounces/postfix.eml");
const EXIM: &str = include_str!("bounces/exim.eml");
const EXCHANGE: &str = include_str!("bounces/exchange.eml");
const DELAYED: &str = include_str!("bounces/delayed.eml");
const HOLIDAY: &str = include_str!("bounces/holiday.eml");
const SPAM: &str = include_str!("bounces/spam.eml");

/// What a mail server writes about a mail that it took.
fn about(mail: &Mail, sample: &str) -> String {
    told(sample, mail.message_id().trim_matches(['<', '>']), &mail.to)
}

fn told(sample: &str, id: &str, to: &str) -> String {
    sample.replace("@ID@", id).replace("@TO@", to)
}

/// What the command did: its status, what it printed, and what it complained of.
struct Done {
    status: i32,
    out: String,
    complaint: String,
}

/// `linewatch bounce`, as a mail server calls it.
async fn bounce(url: &str, args: &[&str], message: &str) -> Done {
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_linewatch"))
        .args(["bounce", "--url", url])
        .args(args)
        .env_remove("LINEWATCH_TOKEN_FILE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut stdin = child.stdin.take().expect("an input");
    stdin.write_all(message.as_bytes()).await.expect("it reads all");
    drop(stdin);
    let done = child.wait_with_output().await.expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Done {
        status: done.status.code().expect("a status"),
        out: text(done.stdout),
        complaint: text(done.stderr),
    }
}

impl Bench {
    async fn bounce(&self, message: &str) -> Done {
        bounce(&format!("http://{}", self.running.address), &[], message).await
    }

    /// The notices to these practices, or to staff.
    pub async fn notices(&self, about: &str) -> Vec<Value> {
        let outbox = self.json("/api/v1/outbox").await;
        let notices = outbox["notices"].as_array().expect("a list").iter();
        notices.filter(|notice| notice["about"] == about).cloned().collect()
    }

    /// Until the outbox says so of the first notice to them.
    async fn becomes(&self, about: &str, state: &str) -> Value {
        let mut deliveries = self.running.hub().desk.deliveries();
        tokio::time::timeout(DEADLINE, async {
            loop {
                let notices = self.notices(about).await;
                if notices.first().is_some_and(|notice| notice["state"] == state) {
                    return notices[0].clone();
                }
                drop(deliveries.recv().await);
            }
        })
        .await
        .expect("it becomes so before the deadline")
    }

    /// The opening to practice 0, which the mail server has taken.
    async fn taken(&mut self, event: &Event) -> Mail {
        self.tell(event).await;
        let mail = self.mail_to(&manager(0)).await;
        self.becomes("P0", "accepted").await;
        mail
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_back_is_that_notices_fate_everywhere() {
    let mut bench = Bench::start().await;
    let event = opened(2);
    let mail = bench.taken(&event).await;
    let done = bench.bounce(&about(&mail, POSTFIX)).await;
    let why = "bounced: 5.1.1 <m***@p0.example>: Recipient address rejected: User unknown in virtual mailbox table, said by mx.g82002.example";
    assert_eq!(
        (done.status, done.out.trim()),
        (0, &*format!("2026-03-16-1, to P0: {why}.")),
        "{}",
        done.complaint
    );

    let [notice] = &bench.notices("P0").await[..] else { panic!("one notice") };
    assert_eq!((&notice["state"], &notice["why"]), (&"rejected".into(), &why.into()));
    let tries = notice["tries"].as_array().expect("a list");
    let last = tries.last().expect("a try");
    assert_eq!((&last["outcome"], &last["via"]), (&"bounced".into(), &"mx.g82002.example".into()));
    assert!(!notice.to_string().contains(&manager(0)), "{notice}");
    let outbox = bench.json("/api/v1/outbox").await;
    let [refused] = &outbox["refused"].as_array().expect("a list")[..] else { panic!("one: {outbox}") };
    assert_eq!(
        (&refused["bounced"], &refused["about"], &refused["answer"]),
        (&true.into(), &"P0".into(), &why.into())
    );
    let status = bench.json("/api/v1/status").await;
    assert_eq!(
        (&status["bouncing"][0]["to"], &status["bouncing"][0]["about"]),
        (&"m***@p0.example".into(), &"P0".into())
    );
    let note = format!("Mails come back from m***@p0.example (P0); the latest {why}.");
    assert!(
        status["notes"]
            .as_array()
            .expect("a list")
            .iter()
            .any(|it| it["text"].as_str().is_some_and(|text| text.starts_with(&note))),
        "{status}"
    );
    for line in ["linewatch_bounces_total{outcome=\"bounced\"} 1", "linewatch_recipients_bouncing 1"] {
        assert!(bench.metric(line).await, "{line}");
    }
    let (exit, words) = bench.command(&["outbox"]).await;
    assert_eq!(exit, 1);
    assert!(words.contains("m***@p0.example (email, P0), once since"), "{words}");

    // In the journal, without the address.
    let pool = crate::estate::beside(bench.folder()).await;
    let bodies: Vec<String> =
        sqlx::query_scalar("SELECT body FROM journal WHERE subject = 'notice' ORDER BY seq")
            .fetch_all(&pool)
            .await
            .expect("the journal");
    let fate: Value = serde_json::from_str(bodies.last().expect("an entry")).expect("JSON");
    let id = fate["id"].as_str().expect("the notice's own").to_owned();
    assert!(id.starts_with("2026-03-16-1.o"), "{id}");
    assert_eq!(
        fate,
        json!({"id": id, "notice": "opening", "channel": "email", "for": "P0", "outcome": "bounced", "why": why, "via": "mx.g82002.example",
            "answer": "550 5.1.1 <m***@p0.example>: Recipient address rejected: User unknown in virtual mailbox table"})
    );

    // Again: nothing new.
    let done = bench.bounce(&about(&mail, POSTFIX)).await;
    assert!(
        done.status == 0 && done.out.contains("It was recorded before."),
        "{} {}",
        done.out,
        done.complaint
    );
    assert_eq!(bench.notices("P0").await[0]["tries"].as_array().expect("a list").len(), tries.len());

    // Staff read whom nobody could reach, and the manager, who wasn't told of the beginning, isn't told of the end.
    bench
        .tell(&Event { event: EventKind::Changed, at: event.at.plus_millis(1), ..cause_changed(&event) })
        .await;
    let changed = loop {
        let mail = bench.mail_to(DESK).await;
        if mail.header("Subject").expect("one").contains("Changed") {
            break decoded(&mail);
        }
    };
    assert!(changed.contains("Managers whose address the mail server refused"), "{changed}");
    bench.tell(&Event { at: event.at.plus_millis(2), ..resolved(&event) }).await;
    bench.mail_to(&manager(1)).await;
    assert_eq!(bench.notices("P0").await.len(), 1);
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exim_and_exchange_are_heard_and_what_is_only_late_is_no_failure() {
    let mut bench = Bench::start().await;
    let event = opened(2);
    bench.tell(&event).await;
    let (mut first, mut second) = (None, None);
    while first.is_none() || second.is_none() {
        let mail = bench.relay.next().await;
        match mail.to.as_str() {
            to if to == manager(0) => first = Some(mail),
            to if to == manager(1) => second = Some(mail),
            _ => {}
        }
    }
    bench.becomes("P0", "accepted").await;
    bench.becomes("P1", "accepted").await;
    let (first, second) = (first.expect("a mail"), second.expect("a mail"));
    let late = bench.bounce(&about(&first, DELAYED)).await;
    assert!(late.out.contains("delayed, and still tried: 4.4.1"), "{} {}", late.out, late.complaint);
    let [notice] = &bench.notices("P0").await[..] else { panic!("one notice") };
    assert_eq!((&notice["state"], &notice["tries"][1]["outcome"]), (&"accepted".into(), &"delayed".into()));
    assert_eq!(bench.json("/api/v1/status").await["bouncing"], json!([]));

    let done = bench.bounce(&about(&first, EXIM)).await;
    assert!(done.out.contains("bounced: 5.0.0 5.1.1 no such user"), "{} {}", done.out, done.complaint);
    let done = bench.bounce(&about(&second, EXCHANGE)).await;
    assert!(
        done.out.contains("to P1: bounced: 5.1.10 RESOLVER.ADR.RecipientNotFound"),
        "{} {}",
        done.out,
        done.complaint
    );
    for about in ["P0", "P1"] {
        assert_eq!(bench.notices(about).await[0]["state"], "rejected");
    }
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_can_make_up_that_a_mail_came_back() {
    let mut bench = Bench::start().await;
    let mail = bench.taken(&opened(2)).await;
    let notice = bench.notices("P0").await[0]["notice"].as_str().expect("an id").to_owned();
    let id = mail.message_id();
    let other = bench.notices("P1").await[0]["notice"].as_str().expect("an id").to_owned();
    let tag = id
        .rsplit_once('.')
        .and_then(|(left, _)| left.rsplit_once('.'))
        .map_or("", |(_, tag)| tag.split('@').next().unwrap_or_default());
    for forged in [
        format!("{notice}@icb.example"),
        format!("{notice}.{}@icb.example", "0".repeat(32)),
        // Whoever has one mail knows its tag, and can work out another's notice.
        format!("{other}.{tag}@icb.example"),
        "anything@icb.example".to_owned(),
    ] {
        let done = bench.bounce(&told(POSTFIX, &forged, &manager(0))).await;
        assert_eq!(done.status, 0, "{}", done.complaint);
        assert!(done.out.contains("names no mail that this hub sent"), "{forged}: {}", done.out);
    }
    // Its own recipient may say that somebody whom it was passed on to isn't there: that is recorded, and nothing more.
    let done = bench.bounce(&told(POSTFIX, id.trim_matches(['<', '>']), "victim@elsewhere.example")).await;
    assert!(done.out.contains("bounced at an address that it was passed on to"), "{}", done.out);
    for about in ["P0", "P1"] {
        assert_eq!(bench.notices(about).await[0]["state"], "accepted");
    }
    assert_eq!(bench.json("/api/v1/status").await["bouncing"], json!([]));
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_report_is_dropped_and_what_cannot_be_recorded_is_kept_by_the_mail_server() {
    let mut bench = Bench::start().await;
    let mail = bench.taken(&opened(2)).await;
    for (sample, says) in
        [(HOLIDAY, "automatic answer"), (SPAM, "no delivery status notification"), ("", "empty")]
    {
        let done = bench.bounce(&about(&mail, sample)).await;
        assert_eq!((done.status, done.out.as_str()), (0, ""));
        assert!(
            done.complaint.contains("nothing is recorded of this message") && done.complaint.contains(says),
            "{}",
            done.complaint
        );
    }
    // Far more than is looked at, all of it read.
    let huge = format!("{}\n{}", about(&mail, SPAM), "x".repeat(4 * 1024 * 1024));
    assert_eq!(bench.bounce(&huge).await.status, 0);
    assert_eq!(bench.notices("P0").await[0]["state"], "accepted");
    let shown = bounce("http://127.0.0.1:1", &["--check"], &about(&mail, EXIM)).await;
    assert!(
        shown.status == 0 && shown.out.contains("failed 5.0.0: manager@p0.example"),
        "{} {}",
        shown.out,
        shown.complaint
    );

    // Nobody answers there; and where somebody does, the token is another.
    let done = bounce("http://127.0.0.1:1", &[], &about(&mail, EXIM)).await;
    assert_eq!(done.status, 75);
    assert!(done.complaint.contains("to be tried again: linewatch does not answer"), "{}", done.complaint);
    bench.running.stop().await;

    let token = |text: &str| SharedSecret::new(text).ok();
    let mut bench = Bench::start_with(|config| {
        config.hub.tokens.admin = token("the administrator's own, long enough");
        config.hub.tokens.viewer = token("a viewer's own, which is long enough");
        config.hub.tokens.bounce = token("the mail server's own, long enough");
    })
    .await;
    let mut deliveries = bench.running.hub().desk.deliveries();
    bench.tell(&opened(1)).await;
    let mail = bench.mail_to(&manager(0)).await;
    while next_delivery(&mut deliveries).await.audience.label() != "P0" {}
    let url = format!("http://{}", bench.running.address);
    let file = bench.folder().join("token");
    for (text, status) in
        [("a viewer's own, which is long enough", 75), ("the mail server's own, long enough", 0)]
    {
        std::fs::write(&file, text).expect("a file");
        let args = ["--token-file", file.to_str().expect("text")];
        let done = bounce(&url, &args, &about(&mail, EXIM)).await;
        assert_eq!(done.status, status, "{}", done.complaint);
    }
    bench.running.stop().await;
}

/// Practice 0's manager has a telephone; text messages go to a server of the test's.
pub async fn with_texts(config: &mut Config) -> mpsc::UnboundedReceiver<Value> {
    drop(rustls::crypto::ring::default_provider().install_default());
    let (took, texts) = mpsc::unbounded_channel();
    let app = axum::Router::new().route(
        "/v2/notifications/sms",
        post(move |body: String| {
            let took = took.clone();
            async move {
                drop(took.send(serde_json::from_str(&body).expect("JSON")));
                (Answered::CREATED, "{\"id\":\"1\"}")
            }
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    let key = "linewatch-26785a09-ab16-4eb0-8407-a37497a57506-3d844edf-8d35-48ac-975b-e847b4f122b0";
    let api_key = SharedSecret::new(key).expect("a secret");
    config.ways.channels = vec![ChannelSettings {
        id: "texts".to_owned(),
        kind: ChannelKind::Sms { api_key, template_id: "t".to_owned() },
        url: format!("http://{address}/").parse().expect("a URL"),
        trust_pem: None,
    }];
    config.ways.contacts.push(ContactSettings {
        mobile: Some("07700900001".to_owned()),
        ways: vec![ContactWay::Email, ContactWay::Sms],
        ..ContactSettings::plain(manager(0))
    });
    texts
}

pub async fn next(texts: &mut mpsc::UnboundedReceiver<Value>) -> String {
    let text =
        tokio::time::timeout(DEADLINE, texts.recv()).await.expect("in time").expect("the server lives");
    text.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_that_came_back_leaves_by_the_other_way_and_what_is_told_next_has_that_way_first() {
    let mut prepared = linewatch_config();
    let mut texts = with_texts(&mut prepared).await;
    let mut bench = Bench::start_with(move |config| config.ways = prepared.ways).await;
    let event = opened(2);
    let mail = bench.taken(&event).await;
    let done = bench.bounce(&about(&mail, EXIM)).await;
    assert!(done.out.contains("It leaves by their other way."), "{} {}", done.out, done.complaint);
    let text = next(&mut texts).await;
    assert!(text.contains("07700900001"), "{text}");
    let notice = bench.becomes("P0", "accepted").await;
    let tries: Vec<(&str, &str)> = notice["tries"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (one["channel"].as_str().expect("text"), one["outcome"].as_str().expect("text")))
        .collect();
    assert_eq!(tries, [("email", "accepted"), ("email", "bounced"), ("sms", "accepted")]);

    // The end goes there at once, also after a restart, since the store knows.
    bench.tell(&Event { at: event.at.plus_millis(1), ..resolved(&event) }).await;
    let text = next(&mut texts).await;
    assert!(text.contains("07700900001"), "{text}");
    let [_, back] = &bench.notices("P0").await[..] else { panic!("two notices") };
    assert_eq!(back["kind"], "back");
    let bench = bench.again().await;
    assert_eq!(bench.json("/api/v1/status").await["bouncing"][0]["about"], "P0");
    bench.running.stop().await;
}

fn linewatch_config() -> Config {
    crate::estate::config(2, std::net::SocketAddr::from(([127, 0, 0, 1], 1)))
}

#[tokio::test]
async fn whose_next_mail_was_taken_and_has_not_come_back_for_a_day_is_well_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let start = At::from_millis(1_700_000_000_000);
    let event = Event { at: start, ..opened(1) };
    let notice = |id: &str| Notice {
        id: id.to_owned(),
        incident: event.incident.clone(),
        event_at: event.at,
        event: event.event,
        kind: NoticeKind::Opening,
        audience: Audience::Practices(vec!["P0".to_owned()]),
        recipient: "Manager@P0.example".to_owned(),
        thread: None,
        due: event.at,
        state: NoticeState::Queued,
    };
    let accepted = |notice: &Notice, at: At| Settlement {
        at,
        notice: notice.id.clone(),
        incident: notice.incident.clone(),
        kind: notice.kind,
        audience: notice.audience.clone(),
        attempts: 1,
        tried: Some(Try {
            channel: Channel::Email,
            via: "relay:25".to_owned(),
            outcome: TryOutcome::Accepted,
            answer: "250 Ok".to_owned(),
        }),
        outcome: Outcome::Accepted,
    };
    let back = |notice: &Notice, at: At| Returned {
        at,
        notice: notice.id.clone(),
        incident: notice.incident.clone(),
        kind: notice.kind,
        audience: notice.audience.clone(),
        outcome: ReturnOutcome::Bounced,
        is_permanent: true,
        leaves_again: false,
        via: "mx.example".to_owned(),
        answer: "550 gone".to_owned(),
        why: "bounced: gone, said by mx.example".to_owned(),
    };
    let (first, second) = (notice("one"), notice("two"));
    store.record(&event, &[first.clone(), second.clone()]).await.expect("the disk takes it");
    store.settle(accepted(&first, start)).await.expect("the disk takes it");
    let bounce = back(&first, start.plus_millis(1_000));
    for _ in 0..2 {
        // A write whose answer got lost is written again.
        store.returned(bounce.clone()).await.expect("the disk takes it");
    }
    assert!(store.was_returned(&bounce).await.expect("an answer"));
    let of = store.refusals(start.plus_millis(2_000)).await.expect("an answer");
    assert_eq!((of.len(), of[0].refused, of[0].bounced, of[0].about.as_deref()), (1, 1, true, Some("P0")));
    let sent = store.sent("one").await.expect("an answer").expect("it is there");
    assert_eq!((sent.attempts, sent.is_latest), (2, true));
    assert!(matches!(sent.notice.state, NoticeState::Rejected { .. }));

    // The next is taken, as the first was, which shows nothing yet.
    let taken = start.plus_millis(3_600_000);
    store.settle(accepted(&second, taken)).await.expect("the disk takes it");
    let proven = taken + BOUNCE_PROVEN_AFTER;
    assert_eq!(store.refusals(proven).await.expect("an answer").len(), 1);
    assert_eq!(store.refusals(proven.plus_millis(1)).await.expect("an answer"), []);
    // Unless it comes back as well.
    store.returned(back(&second, taken.plus_millis(1))).await.expect("the disk takes it");
    let of = store.refusals(proven.plus_millis(1)).await.expect("an answer");
    assert_eq!((of.len(), of[0].refused, of[0].since), (1, 2, start.plus_millis(1_000)));
}
