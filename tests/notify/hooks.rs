//! Channels beside e-mail, against a web server of the test's own: what is posted, how it is signed, and what follows from
//! each answer.

use std::net::SocketAddr;

use linewatch::config::{ChannelKind, ChannelSettings, Config, ContactSettings, ContactWay, WaySettings};
use linewatch::estate::SharedSecret;
use linewatch::incident::Event;
use linewatch::notify::{Audience, Desk, Outcome, RelayHealth};
use linewatch::store::Store;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::estate::{DEADLINE, config, impatient, manager, next, opened, resolved};
use crate::relay::{Answer, Relay, Step};

/// A request as it came.
#[derive(Debug)]
struct Posted {
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Posted {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// Takes requests and answers each with the next of these, the last one for ever.
struct Web {
    address: SocketAddr,
    posted: mpsc::UnboundedReceiver<Posted>,
}

impl Web {
    async fn start(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (took, posted) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut answers = answers.iter().copied();
            let mut last = "202 Accepted";
            while let Ok((socket, _)) = listener.accept().await {
                last = answers.next().unwrap_or(last);
                if let Ok(posted) = serve(socket, last).await {
                    drop(took.send(posted));
                }
            }
        });
        Self { address, posted }
    }

    async fn next(&mut self) -> Posted {
        tokio::time::timeout(DEADLINE, self.posted.recv()).await.expect("in time").expect("the server lives")
    }
}

async fn serve(socket: TcpStream, answer: &str) -> std::io::Result<Posted> {
    let mut socket = BufReader::new(socket);
    let mut line = String::new();
    socket.read_line(&mut line).await?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers: Vec<(String, String)> = Vec::new();
    loop {
        line.clear();
        socket.read_line(&mut line).await?;
        let Some((key, value)) = line.trim().split_once(": ") else { break };
        headers.push((key.to_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(key, _)| key == "content-length").map_or("0", |(_, value)| value);
    let mut body = vec![0; length.parse().expect("a number")];
    socket.read_exact(&mut body).await?;
    let words = "it says so";
    let answer = format!(
        "HTTP/1.1 {answer}\r\nLocation: http://127.0.0.1:1/elsewhere\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{words}",
        words.len()
    );
    socket.write_all(answer.as_bytes()).await?;
    Ok(Posted { path, headers, body: String::from_utf8(body).expect("text") })
}

fn secret(text: &str) -> SharedSecret {
    SharedSecret::new(text).expect("a secret")
}

fn channel(id: &str, kind: ChannelKind, to: SocketAddr, path: &str) -> ChannelSettings {
    let url = format!("http://{to}{path}").parse().expect("a URL");
    ChannelSettings { id: id.to_owned(), kind, url, trust_pem: None }
}

/// No mail server at all, and this channel.
fn only(channel: ChannelSettings) -> Config {
    let mut config = config(1, SocketAddr::from(([127, 0, 0, 1], 1)));
    drop(rustls::crypto::ring::default_provider().install_default());
    config.mail = None;
    config.ways = WaySettings { channels: vec![channel], ..WaySettings::default() };
    config
}

async fn desk(config: &Config) -> (Desk, Store, TempDir) {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::open(dir.path()).await.expect("a store");
    let desk = Desk::start_with(config, store.clone(), CancellationToken::new(), impatient()).await;
    (desk, store, dir)
}

#[tokio::test]
async fn a_webhook_is_signed_over_time_and_body_and_hears_what_staff_hear() {
    let mut web = Web::start(&["503 Later", "202 Accepted"]).await;
    let kind = ChannelKind::Webhook { secret: secret("a secret of sixteen") };
    let config = only(channel("desk", kind, web.address, "/hook?key=not-for-logs"));
    assert!(!format!("{config:?}").contains("not-for-logs"));
    let (desk, store, _dir) = desk(&config).await;
    let event = opened(1);
    desk.tell(&event).await;
    desk.tell(&resolved(&event)).await;
    let mut words = Vec::new();
    for _ in 0..3 {
        let posted = web.next().await;
        assert_eq!(posted.path, "/hook?key=not-for-logs");
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"a secret of sixteen");
        let signed = format!("{}.{}", posted.header("x-linewatch-timestamp"), posted.body);
        let tag = posted.header("x-linewatch-signature").strip_prefix("v1=").expect("a version");
        let tag: Vec<u8> = (0..tag.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&tag[at..at + 2], 16).expect("digits"))
            .collect();
        ring::hmac::verify(&key, signed.as_bytes(), &tag).expect("it is signed");
        let json = posted.json();
        assert_eq!(json["event"]["incident"], event.incident);
        words.push(json["kind"].as_str().expect("a word").to_owned());
    }
    assert_eq!(words, ["opening", "opening", "back"], "once more after the failure, and in order");
    desk.stop().await;
    for fate in store.fates(None, true).await.expect("it answers") {
        if fate.notice.recipient != "webhook:desk" {
            continue;
        }
        let [tried] = &fate.tries[..] else { panic!("a server that is down isn't a try: {fate:?}") };
        assert_eq!((&*tried.channel, &*tried.via, &*tried.outcome), ("webhook", "desk", "accepted"));
        assert_eq!(tried.answer, "202 Accepted it says so");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_its_address_is_not_told() {
    let mut web = Web::start(&["302 Found"]).await;
    let config = only(channel("ops", ChannelKind::Teams, web.address, "/workflow?sig=not-for-logs"));
    let (desk, ..) = desk(&config).await;
    desk.tell(&opened(1)).await;
    web.next().await;
    let why = tokio::time::timeout(DEADLINE, async {
        loop {
            if let RelayHealth::Failing { why, .. } = &desk.stats().outlets[0].health {
                return why.clone();
            }
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("it fails before the deadline");
    assert!(why.contains("redirect") && !why.contains("not-for-logs"), "{why}");
    assert_eq!(desk.stats().queued, 1, "it waits");
}

#[tokio::test]
async fn an_alert_keeps_its_labels_and_ends_when_the_incident_does() {
    let mut web = Web::start(&["200 OK"]).await;
    let (desk, ..) = desk(&only(channel("am", ChannelKind::Alertmanager, web.address, ""))).await;
    let event = opened(1);
    desk.tell(&event).await;
    let over = resolved(&event);
    desk.tell(&over).await;
    let (first, last) = (web.next().await, web.next().await);
    assert_eq!(first.path, "/api/v2/alerts");
    let (first, last) = (first.json(), last.json());
    assert_eq!(first[0]["labels"], last[0]["labels"]);
    assert_eq!(last[0]["endsAt"], over.at.to_string());
    assert!(first[0]["endsAt"].as_str() > Some(&over.at.to_string()), "it is still on");
    assert_eq!(first[0]["startsAt"], last[0]["startsAt"]);
}

#[tokio::test]
async fn teams_gets_an_adaptive_card() {
    let mut web = Web::start(&["202 Accepted"]).await;
    let (desk, ..) = desk(&only(channel("ops", ChannelKind::Teams, web.address, "/"))).await;
    desk.tell(&opened(1)).await;
    let json = web.next().await.json();
    let card = &json["attachments"][0];
    assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
    assert_eq!(card["content"]["type"], "AdaptiveCard");
    assert!(card["content"]["body"].as_array().expect("blocks").len() > 1);
}

#[tokio::test]
async fn a_channel_gets_the_link_by_which_its_people_acknowledge() {
    let mut web = Web::start(&["202 Accepted"]).await;
    let base: reqwest::Url = "https://linewatch.example/".parse().expect("a URL");
    for (kind, recipient) in [
        (ChannelKind::Webhook { secret: secret("a secret of sixteen") }, "webhook:ops"),
        (ChannelKind::Teams, "teams:ops"),
        (ChannelKind::Alertmanager, "alertmanager:ops"),
    ] {
        let mut config = only(channel("ops", kind, web.address, "/hook"));
        config.acknowledgement.link = Some(base.clone());
        let (desk, store, _dir) = desk(&config).await;
        let event = opened(1);
        desk.tell(&event).await;
        let person = linewatch::notify::policy::person(&Audience::Staff, recipient);
        let link = store.link_key().expect("a key").link(&base, &event.incident, &person);
        let in_it = |json: &Value| match recipient {
            "webhook:ops" => json["acknowledge"].clone(),
            "teams:ops" => json["attachments"][0]["content"]["actions"][0]["url"].clone(),
            _ => json[0]["annotations"]["acknowledge"].clone(),
        };
        assert_eq!(in_it(&web.next().await.json()), link.as_str(), "{recipient}");
        desk.tell(&resolved(&event)).await;
        assert_eq!(in_it(&web.next().await.json()), Value::Null, "{recipient}: it is over");
        desk.stop().await;
    }
}

const API_KEY: &str = "linewatch-26785a09-ab16-4eb0-8407-a37497a57506-3d844edf-8d35-48ac-975b-e847b4f122b0";

/// Practice 0's manager has a mobile phone; e-mail is service `nhsmail`.
fn with_texts(mail: SocketAddr, texts: SocketAddr) -> Config {
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut config = config(2, mail);
    let kind = ChannelKind::Sms { api_key: secret(API_KEY), template_id: "f33517ff".to_owned() };
    config.ways = WaySettings {
        channels: vec![channel("notify", kind, texts, "")],
        contacts: vec![ContactSettings {
            mobile: Some("07700900001".to_owned()),
            ways: vec![ContactWay::Email, ContactWay::Sms],
            ..ContactSettings::plain(manager(0))
        }],
        pcns: Vec::new(),
        mail_service: Some("nhsmail".to_owned()),
        ..WaySettings::default()
    };
    config
}

#[tokio::test]
async fn where_a_practices_own_email_is_down_its_manager_gets_a_text() {
    let mut mail = Relay::kind().await;
    let mut texts = Web::start(&["201 Created"]).await;
    let (desk, ..) = desk(&with_texts(mail.address, texts.address)).await;
    let event = Event { services: vec!["nhsmail".to_owned()], ..opened(2) };
    desk.tell(&event).await;
    let text = texts.next().await;
    assert_eq!(text.path, "/v2/notifications/sms");
    let json = text.json();
    assert_eq!((&json["phone_number"], &json["template_id"]), (&"07700900001".into(), &"f33517ff".into()));
    assert!(json["personalisation"]["message"].as_str().expect("words").contains("Practice 0"), "{json}");
    assert!(text.header("authorization").starts_with("Bearer eyJ"));
    let mut by_mail: Vec<String> = mail.take(2).await.into_iter().map(|mail| mail.to).collect();
    by_mail.sort();
    assert_eq!(
        by_mail,
        ["desk@icb.example".to_owned(), manager(1)],
        "who has no other way still gets e-mail"
    );
    desk.stop().await;
    assert_eq!(mail.rest(), []);
}

#[tokio::test]
async fn what_the_mail_server_refuses_leaves_as_a_text_and_is_told_of_the_end() {
    let mail = Relay::start(|step| match step {
        Step::To(to) if to == manager(0) => Answer::Say("550 5.1.1 does not live here"),
        _ => Answer::Fine,
    })
    .await;
    let mut texts = Web::start(&["201 Created"]).await;
    let (desk, store, _dir) = desk(&with_texts(mail.address, texts.address)).await;
    let mut deliveries = desk.deliveries();
    let event = opened(2);
    desk.tell(&event).await;
    texts.next().await;
    let outcomes = [
        next(&mut deliveries).await,
        next(&mut deliveries).await,
        next(&mut deliveries).await,
        next(&mut deliveries).await,
    ];
    assert_eq!(outcomes.iter().filter(|delivery| delivery.outcome == Outcome::Accepted).count(), 3);
    let fates = store.fates(Some(&event.incident), true).await.expect("it answers");
    let fate = fates.iter().find(|fate| fate.notice.recipient == manager(0)).expect("one");
    let tries: Vec<_> = fate.tries.iter().map(|tried| (&*tried.channel, &*tried.outcome)).collect();
    assert_eq!(tries, [("email", "refused"), ("sms", "accepted")]);
    desk.tell(&resolved(&event)).await;
    texts.next().await;
    desk.stop().await;
}
