//! What the hub refuses: counted by reason, answered in JSON, and without effect on anybody else.

use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use linewatch::agent::clock;
use linewatch::agent::workers::blank;
use linewatch::journal::Kept;
use linewatch::limits::{BATCH_BYTES_MAX, HTTP_BODY_BYTES_MAX, HTTP_REQUEST_TIMEOUT};
use linewatch::segments::{Entry, Record, Thinned, What};
use linewatch::store::JournalReader;
use linewatch::time::At;
use linewatch::uplink::batch;
use linewatch::uplink::key::{AgentKey, Tag};
use linewatch::uplink::message::{ClockStep, EnrolAnswer, EnrolRequest, Process, SPOOL, STATE, State};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use crate::stage::{DEADLINE, Stage, config_text, url};

/// Somebody who speaks an agent's language without being one.
pub struct Stranger {
    http: reqwest::Client,
    pub hub: String,
    pub agent: String,
    pub bearer: String,
    /// Its spool's id, and what it says of it.
    pub spool: String,
    pub floor: u64,
    /// Which of its processes speaks, if it says so.
    pub process: Option<Process>,
    /// How its clock is, and when it was set.
    pub ahead_ms: i64,
    pub steps: Vec<ClockStep>,
}

impl Stranger {
    pub async fn enrolled(stage: &Stage, hub: &str, practice: &str) -> Self {
        let (code, key) = (stage.code(hub, practice).await, AgentKey::fresh().unwrap());
        let tag: Tag = key.tag();
        let request = EnrolRequest { code, key_tag: tag.to_hex(), version: "test".to_owned() };
        let http = stage.client();
        let asked = http.post(format!("{hub}/api/v1/agent/enrol")).json(&request);
        let answer: EnrolAnswer = asked.send().await.unwrap().json().await.unwrap();
        let spool = format!("5001{}", answer.agent);
        let (hub, bearer) = (hub.to_owned(), key.bearer(&answer.agent));
        let (process, ahead_ms, steps) = (None, 0, Vec::new());
        Self { http, hub, bearer, agent: answer.agent, spool, floor: 0, process, ahead_ms, steps }
    }

    pub async fn send(&self, records: &[Record]) -> (u16, Value) {
        self.send_bytes(pack(records).unwrap()).await
    }

    /// The same of a hub that may be away.
    pub async fn offer(&self, records: &[Record]) -> reqwest::Result<(u16, Value)> {
        self.post(pack(records).unwrap()).await
    }

    pub async fn send_bytes(&self, packed: Vec<u8>) -> (u16, Value) {
        self.post(packed).await.unwrap()
    }

    async fn post(&self, packed: Vec<u8>) -> reqwest::Result<(u16, Value)> {
        let (at, steps) = (clock::now().plus_millis(self.ahead_ms), self.steps.clone());
        let state = State { at, floor: self.floor, process: self.process.clone(), steps, ..State::default() };
        let asked = self
            .http
            .post(format!("{}/api/v1/observations", self.hub))
            .header("authorization", &self.bearer)
            .header("content-encoding", "gzip")
            .header(SPOOL, &self.spool)
            .header(STATE, serde_json::to_string(&state).unwrap())
            .body(packed);
        let answer = asked.send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }
}

fn gap(seq: u64, at: At, count: u64) -> Record {
    let (practice, probe) = ("G82002/westfield".to_owned(), format!("web-{seq}"));
    Record {
        seq,
        entry: Entry::Thinned(Thinned { practice, probe, from: at, to: at, count, what: What::Successes }),
    }
}

fn record(seq: u64, at: At, practice: &str) -> Record {
    Record { seq, entry: Entry::Seen(blank(at, practice, "web-0")) }
}

/// Compressed however little it is.
fn pack(records: &[Record]) -> std::io::Result<Vec<u8>> {
    batch::gzip(&batch::text(records)?)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_refused_counted_and_harmless() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 1, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let at = url(hub.address);
    let mut own = Stranger::enrolled(&stage, &at, "G82002/westfield").await;
    let mut seen = hub.observations();
    let now = clock::now();
    let own_one = |seq| record(seq, now, "G82002/westfield");
    let good = pack(&(1..100).map(own_one).collect::<Vec<_>>()).unwrap();
    let far = "2099-01-01T00:00:00Z".parse().unwrap();
    // What doesn't compress, so that it is too large as it travels.
    let noise: Vec<u8> =
        std::iter::successors(Some(1_u64), |x| Some(x.wrapping_mul(6_364_136_223_846_793_005) + 1))
            .map(|x| (x >> 56) as u8)
            .take(BATCH_BYTES_MAX + 1)
            .collect();
    let refused: [(Vec<u8>, u16, &str); 9] = [
        (pack(&[own_one(1), record(2, now, "G82002")]).unwrap(), 403, "other_practice"),
        (pack(&[record(1, now, "@hub")]).unwrap(), 403, "other_practice"),
        (pack(&[own_one(1), record(2, far, "G82002/westfield")]).unwrap(), 422, "time"),
        (pack(&[own_one(1), gap(2, far, 1)]).unwrap(), 422, "time"),
        (pack(&[own_one(1), gap(2, now, u64::MAX)]).unwrap(), 422, "garbage"),
        (good[..good.len() / 2].to_vec(), 400, "truncated"),
        (noise, 413, "huge"),
        (gzip(&vec![b' '; 256 * 1024 * 1024]), 413, "bomb"),
        (gzip(b"{\"seq\":7}\nnonsense\n"), 422, "garbage"),
    ];
    for (body, status, reason) in refused {
        let (got, problem) = own.send_bytes(body).await;
        assert_eq!((got, &problem["reason"]), (status, &Value::from(reason)), "{problem}");
        assert!(problem["error"].as_str().is_some_and(|error| error.len() > 10), "{problem}");
    }
    let right = own.bearer.clone();
    let last = if right.ends_with('0') { "1" } else { "0" };
    for wrong in [format!("{}{last}", &right[..right.len() - 1]), "Bearer nonsense".to_owned(), String::new()]
    {
        own.bearer = wrong;
        let (got, problem) = own.send(&[own_one(1)]).await;
        assert_eq!((got, &problem["reason"]), (401, &Value::from("wrong_key")), "{problem}");
    }
    own.bearer = right;

    // None of it was taken: the same numbers are new now, and count once, however often they come.
    for again in [false, true] {
        let (status, answer) = own.send_bytes(good.clone()).await;
        assert_eq!(
            (status, &answer["acked"]),
            (200, &serde_json::json!([[1, 99]])),
            "again: {again}, {answer}"
        );
    }
    let (status, answer) =
        own.send(&[Record { seq: 200, entry: Entry::Seen(blank(now, "G82002/westfield", "gone")) }]).await;
    assert_eq!((status, &answer["acked"]), (200, &serde_json::json!([[200, 200]])), "{answer}");
    let metrics = stage.client().get(format!("{at}/metrics")).send().await.unwrap().text().await.unwrap();
    let wanted = [
        ("other_practice", 2),
        ("time", 2),
        ("truncated", 1),
        ("huge", 1),
        ("bomb", 1),
        ("garbage", 2),
        ("wrong_key", 3),
        ("kept", 3),
    ];
    for (reason, count) in wanted {
        let line = format!("linewatch_agent_batches_total{{outcome=\"{reason}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
    for (taken, count) in [("new", 99), ("again", 99), ("unknown_probe", 1), ("refused", 6)] {
        let line = format!("linewatch_agent_observations_total{{taken=\"{taken}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
    hub.stop().await;
    let mut counted = 0;
    while let Ok(one) = seen.try_recv() {
        counted += usize::from(one.agent.is_some());
    }
    assert_eq!(counted, 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_agent_claims_of_the_future_is_placed_when_it_came_and_many_gaps_are_one_entry() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 1, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let at = url(hub.address);
    let own = Stranger::enrolled(&stage, &at, "G82002/westfield").await;
    // Its clock is right by now, and wasn't when it noted this.
    let ahead = clock::now().plus_millis(3_600_000);
    let mut batch: Vec<Record> = (1..=500).map(|seq| gap(seq, ahead, 2)).collect();
    batch.push(record(501, ahead, "G82002/westfield"));
    let (status, answer) = own.send(&batch).await;
    assert_eq!((status, &answer["acked"]), (200, &serde_json::json!([[1, 501]])), "{answer}");
    hub.stop().await;
    let seen = stage.archived(Some("G82002/westfield")).remove(0);
    assert!(seen.received.is_some_and(|received| seen.at <= received), "{seen:?}");
    let mut told = Vec::new();
    let mut journal = JournalReader::open(&stage.folder.path().join("linewatch-data")).await.unwrap();
    let take = |kept: Kept<'_>| {
        let body = String::from_utf8_lossy(kept.body).into_owned();
        if body.contains("\"thinned\"") {
            told.push(body);
        }
    };
    journal.walk(None, take).await.unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    let entry: Value = serde_json::from_str(&told[0]).unwrap();
    let thinned = entry["thinned"].as_array().unwrap();
    assert_eq!(thinned.iter().filter_map(|one| one["count"].as_u64()).sum::<u64>(), 1_000, "{entry}");
    assert!(told[0].len() < 8 * 1024, "{} bytes", told[0].len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_and_a_body_that_never_end_are_let_go_of_and_hold_nobody_up() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 1, "127.0.0.1:9").replace("tls = {", "# {"));
    let hub = stage.hub().await;
    let at = format!("http://{}", hub.address);
    let own = Stranger::enrolled(&stage, &at, "G82003").await;
    let head = format!(
        "POST /api/v1/observations HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {}\r\n{SPOOL}: 5001\r\n\
         {STATE}: {}\r\nContent-Length: 1000\r\n\r\nhalf",
        own.bearer,
        serde_json::to_string(&State::default()).unwrap(),
    );
    let enrols =
        "POST /api/v1/agent/enrol HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{\"code\":";
    let mut slow = Vec::new();
    for begun in ["GET / HTTP/1.1\r\nHost: 127", &head, "", enrols] {
        let mut stream = tokio::net::TcpStream::connect(hub.address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        slow.push(stream);
    }
    assert_eq!(own.send(&[record(1, clock::now(), "G82003")]).await.0, 200, "others are heard meanwhile");
    for mut stream in slow {
        let mut said = Vec::new();
        let ended =
            tokio::time::timeout(HTTP_REQUEST_TIMEOUT + DEADLINE / 3, stream.read_to_end(&mut said)).await;
        drop(ended.expect("it is let go of"));
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(!said.starts_with("HTTP/1.1 2"), "{said}");
        assert!(
            said.is_empty() || said.contains("\"reason\":\"slow\"") || said.starts_with("HTTP/1.1 408"),
            "{said}"
        );
    }
    let metrics = stage.client().get(format!("{at}/metrics")).send().await.unwrap().text().await.unwrap();
    for line in [
        "linewatch_connections_let_go_total{reason=\"slow_head\"} 2\n",
        "linewatch_connections_let_go_total{reason=\"too_many\"} 0\n",
        "linewatch_agent_batches_total{outcome=\"slow\"} 1\n",
        "linewatch_agent_requests_refused_total{reason=\"slow\",request=\"enrol\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line}{metrics}");
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_never_ends_is_let_go_of_and_counted() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 1, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let mut mute = tokio::net::TcpStream::connect(hub.address).await.unwrap();
    // The beginning of a record of TLS, and nothing more.
    mute.write_all(&[22, 3, 1]).await.unwrap();
    let mut said = Vec::new();
    let ended = tokio::time::timeout(HTTP_REQUEST_TIMEOUT + DEADLINE / 3, mute.read_to_end(&mut said)).await;
    drop(ended.expect("it is let go of"));
    let at = url(hub.address);
    let metrics = stage.client().get(format!("{at}/metrics")).send().await.unwrap().text().await.unwrap();
    let line = "linewatch_connections_let_go_total{reason=\"slow_handshake\"} 1\n";
    assert!(metrics.contains(line), "{metrics}");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_http_2_connection_on_which_nothing_is_asked_is_let_go_of_and_counted() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 1, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(stage.ca.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    // The preface and settings that say nothing (RFC 9113, 3.4), and half the head of a request.
    let begun = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let half = [&begun[..], b"\0\0\x01\x01\0\0\0\0\x01\x82"].concat();
    let mut silent = Vec::new();
    for said in [&b""[..], begun, &half] {
        let stream = tokio::net::TcpStream::connect(hub.address).await.unwrap();
        let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
        stream.write_all(said).await.unwrap();
        stream.flush().await.unwrap();
        silent.push(stream);
    }
    for mut stream in silent {
        let mut said = Vec::new();
        let ended = stream.read_to_end(&mut said);
        drop(
            tokio::time::timeout(HTTP_REQUEST_TIMEOUT + DEADLINE / 3, ended).await.expect("it is let go of"),
        );
    }
    let at = url(hub.address);
    let metrics = stage.client().get(format!("{at}/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("linewatch_connections_let_go_total{reason=\"slow_head\"} 3\n"), "{metrics}");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_too_large_is_told_in_json_whoever_sends_it() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 1, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let (at, client) = (url(hub.address), stage.client());
    let large = "x".repeat(HTTP_BODY_BYTES_MAX + 1);
    for path in ["agent/enrol", "mutes"] {
        let asked = client.post(format!("{at}/api/v1/{path}")).header("x-linewatch", "approve");
        let answer = asked.body(large.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 413, "{path}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["error"], "the body is larger than 64 KiB", "{path}: {problem}");
    }
    let metrics = client.get(format!("{at}/metrics")).send().await.unwrap().text().await.unwrap();
    let line = "linewatch_agent_requests_refused_total{reason=\"huge\",request=\"enrol\"} 1\n";
    assert!(metrics.contains(line), "{metrics}");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_keys_and_codes_is_slowed_down_and_the_right_one_still_let_in() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 1, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let at = url(hub.address);
    let own = Stranger::enrolled(&stage, &at, "G82003").await;
    let request = EnrolRequest { code: "0".repeat(20), key_tag: "00".repeat(32), version: String::new() };
    let client = stage.client();
    // What has the form of a guess, and what has none.
    let guess = async {
        let mut wrong = 0;
        loop {
            let asked = client.post(format!("{at}/api/v1/agent/enrol"));
            let asked = if wrong % 2 == 0 { asked.json(&request) } else { asked.body("let me in") };
            match asked.send().await.unwrap().status().as_u16() {
                401 => wrong += 1,
                429 => return wrong,
                other => panic!("{other}"),
            }
        }
    };
    let wrong = tokio::time::timeout(DEADLINE, guess).await.expect("guesses are slowed down");
    let metrics = client.get(format!("{at}/metrics")).send().await.unwrap().text().await.unwrap();
    for (reason, count) in [("wrong_key", wrong), ("flood", 1)] {
        let line = format!(
            "linewatch_agent_requests_refused_total{{reason=\"{reason}\",request=\"enrol\"}} {count}\n"
        );
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
    assert_eq!(own.send(&[record(1, clock::now(), "G82003")]).await.0, 200);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_an_agent_is_refused_told_of_and_once_it_enrols_by_itself_nothing_of_it_is_missing() {
    let stage = Stage::new(&config_text("127.0.0.1:0", 1, "127.0.0.1:9"));
    let hub = stage.hub().await;
    let at = url(hub.address);
    let practice = "G82002/westfield";
    let mut agent = Stranger::enrolled(&stage, &at, practice).await;
    let now = clock::now();
    // Two computers with one folder: each goes on with the same numbers, about what it sees itself.
    let seen = |place: &str, seq: u64| {
        let mut seen = blank(now, practice, "web-0");
        (seen.detail, seen.ms) = (Some(place.to_owned()), if place == "here" { 11.25 } else { 40.5 });
        Record { seq, entry: Entry::Seen(seen) }
    };
    let mut worth = Vec::new();
    for said in 1..=4 {
        for place in ["here", "there"] {
            agent.process = Some(Process { id: place.to_owned(), said });
            let (status, answer) = agent.send(&[seen(place, said)]).await;
            worth.push((place, status, answer["reason"].as_str().map(str::to_owned)));
        }
    }
    let twin = || Some("twin".to_owned());
    assert_eq!(worth[..5].iter().map(|(_, status, _)| *status).collect::<Vec<_>>(), [200; 5]);
    assert_eq!(worth[5..], [("there", 403, twin()), ("here", 200, None), ("there", 403, twin())]);
    let told = stage.agents(&at).await;
    assert!(told[0].twin.is_some(), "{told:?}");
    let http = stage.client();
    let status: Value = http.get(format!("{at}/api/v1/status")).send().await.unwrap().json().await.unwrap();
    let of_it =
        |note: &Value| note["text"].as_str().is_some_and(|text| text.contains("as one agent: G82002"));
    assert!(status["notes"].as_array().unwrap().iter().any(of_it), "{status}");
    let metrics = http.get(format!("{at}/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("linewatch_agent_batches_total{outcome=\"twin\"} 2\n"), "{metrics}");

    // With an identity of its own, the same spool is another: what waits in it counts, though its numbers are known of the first.
    let spool = agent.spool.clone();
    let copy = Stranger { spool, ..Stranger::enrolled(&stage, &at, practice).await };
    let (status, answer) = copy.send(&[seen("there", 3), seen("there", 4)]).await;
    assert_eq!((status, &answer["acked"]), (200, &json!([[3, 4]])), "{answer}");
    hub.stop().await;
    let kept = stage.archived(Some(practice));
    let of = |place: &str| kept.iter().filter(|seen| seen.detail.as_deref() == Some(place)).count();
    // Before the copy was found out, two of its reports had been taken: under numbers that the first had used.
    assert_eq!((of("here"), of("there")), (4, 4), "{kept:?}");
}
