//! The fuzz target of the status page and the API: whatever is asked, the answer has its headers and its bounds, nothing of
//! the question stands in it as HTML, and nothing is changed by who may not.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::asks::Asks;
use super::beats::{self, Beats};
use super::credentials::Credentials;
use super::guard::Access;
use super::intake::Intake;
use super::ledger::Ledger;
use super::numbers::Numbers;
use super::pipeline::Pulse;
use super::server::Peer;
use super::state::Hub;
use super::view::View;
use super::{api, guard};
use crate::agent::clock;
use crate::correlate::Correlator;
use crate::fuzzing::choice;
use crate::incident::Event;
use crate::limits::HTTP_HEADERS_MAX;
use crate::notify::Desk;
use crate::store::{AgentRows, Store};

const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9460);
/// No folder can be made there, so everything is kept in memory.
const NOWHERE: &str = "/dev/null/linewatch";
/// A page of six practices with a dozen checks, or their metrics, takes a twentieth of it.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// The one that is open.
const INCIDENT: &str = r#"{"at":"2026-03-16T07:12:12.000Z","event":"opened","incident":"2026-03-16-1",
"cause":[{"kind":"firewall","id":"fw-maidstone"}],"probability":0.99,"alternatives":[],"signature":"dropped",
"network":"internet","since":"2026-03-16T07:12:01.000Z","practices":["G82001","G82002"],"services":["accurx"],
"evidence":{"behind":6,"failing":2,"elsewhere":0,"elsewhere_failing":0},"reason":null,"into":null,
"sentence":"2 of 6 practices behind the firewall <b>fail</b>."}"#;

/// A hub that nobody reports to, and the runtime that its delivery and its store have for as long as the process lasts.
struct Stage {
    runtime: Runtime,
    router: Router,
}

impl Stage {
    fn set() -> Option<Self> {
        let runtime = Builder::new_current_thread().enable_all().build().ok()?;
        let hub = runtime.block_on(hub());
        assert!(hub.is_some(), "without a hub nothing is tested");
        let router = api::router(Arc::new(hub?));
        Some(Self { runtime, router })
    }

    fn ask(&self, request: Request<Body>) -> Option<(StatusCode, HeaderMap, Bytes)> {
        self.runtime.block_on(async {
            let Ok(answer) = self.router.clone().oneshot(request).await;
            let (head, body) = answer.into_parts();
            let body = body.collect().await;
            assert!(body.is_ok(), "the answer breaks off");
            Some((head.status, head.headers, body.ok()?.to_bytes()))
        })
    }
}

async fn hub() -> Option<Hub> {
    let estate = beats::fuzzing::estate()?;
    let config = crate::config::fuzzing::config("")?;
    let event: Event = serde_json::from_str(INCIDENT).ok()?;
    let (store, _) = Store::open_or_memory(NOWHERE.as_ref()).await;
    store.record(&event, &[]).await.ok()?;
    let (numbers, meters) = Numbers::new().ok()?;
    let numbers = Arc::new(numbers);
    let mut picture = Correlator::new(Arc::clone(&estate)).picture();
    picture.incidents.push(event);
    let ledger = Arc::new(Ledger::new(&estate));
    // Whoever asks the pipeline hears that it is gone.
    let (reports, commands) = (mpsc::channel(1).0.downgrade(), mpsc::channel(1).0);
    let pulse = Pulse::default();
    pulse.beat(clock::now());
    Some(Hub {
        listen: LISTEN,
        view: watch::channel(Arc::new(View::new(Arc::clone(&estate), Arc::new(picture), ledger, 0))).1,
        commands,
        credentials: Credentials::new(&AgentRows::default(), Vec::new(), store.clone()).ok()?,
        intake: Intake::new(
            Vec::new(),
            &std::collections::BTreeMap::new(),
            std::collections::BTreeMap::new(),
            (mpsc::channel(1).0, NOWHERE.into()),
            reports.clone(),
        ),
        access: Access::new(crate::config::Tokens::default(), numbers.clone()),
        openings: crate::hub::acknowledge::Openings::default(),
        fixing: tokio::sync::Mutex::default(),
        handout: watch::channel(Arc::clone(&config.handout)).1,
        reports,
        desk: Desk::start(&config, store.clone(), CancellationToken::new()).await,
        store,
        notes: Arc::default(),
        asks: Arc::new(Asks::new(numbers.clone())),
        numbers,
        meters: Arc::new(meters),
        pulse: Arc::new(pulse),
        beats: Arc::new(Beats::new(estate, Vec::new(), None, clock::now())),
    })
}

/// The first byte chooses who asks, and whether the headers that every request needs are put to it. Then comes the
/// request as it would stand on the wire, but for its version: method and address, headers, an empty line, the body.
pub(crate) fn hub_request(bytes: &[u8]) {
    static STAGE: OnceLock<Option<Stage>> = OnceLock::new();
    let Some(stage) = STAGE.get_or_init(Stage::set) else { return };
    let (how, bytes) = choice(bytes);
    let (is_here, is_whole) = (how & 1 != 0, how & 2 != 0);
    let Some(request) = request(bytes, is_here, is_whole) else { return };
    let (method, address, asked) =
        (request.method().clone(), request.uri().to_string(), request.headers().clone());
    // The hub may be called by any name there, and its key is nobody's to guess.
    let is_link = request.uri().path().starts_with("/ack/");
    let Some((status, headers, body)) = stage.ask(request) else { return };
    let what = format!("{method} {address}: {status}");

    assert!(status != StatusCode::INTERNAL_SERVER_ERROR, "{what}");
    for name in [
        header::CONTENT_SECURITY_POLICY,
        header::X_CONTENT_TYPE_OPTIONS,
        header::REFERRER_POLICY,
        header::CACHE_CONTROL,
    ] {
        assert!(headers.contains_key(&name), "{what}, without {name}");
    }
    assert!(body.len() <= ANSWER_BYTES_MAX, "{what}: {} bytes", body.len());
    let is_ours = guard::host_is_ours(LISTEN, &asked).is_ok();
    assert!(is_link || (status == StatusCode::MISDIRECTED_REQUEST) != is_ours, "{what}");
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.starts_with("text/html") {
        let page = String::from_utf8_lossy(&body).to_ascii_lowercase();
        assert!(
            !page.contains("<script") && !page.contains("<b>"),
            "{what}: a text stands in the page as HTML"
        );
    } else if kind.starts_with("application/json") {
        assert!(serde_json::from_slice::<serde_json::Value>(&body).is_ok(), "{what}");
    }
    let changes = method == Method::POST && !address.contains("/beat/");
    if changes && status.is_success() {
        let is_marked = asked.get("x-linewatch").is_some_and(|mark| mark.as_bytes() == b"approve");
        assert!(is_here && is_marked, "{what}: who may not has approved");
        assert!(address.contains("/incidents/"), "{what}: nothing else can be changed");
    }
}

/// `None`: no client could send it.
fn request(bytes: &[u8], is_here: bool, is_whole: bool) -> Option<Request<Body>> {
    let end = bytes.windows(2).position(|two| two == b"\n\n");
    let (head, body) = end.map_or((bytes, &[][..]), |end| bytes.split_at(end + 2));
    let mut lines = head.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut first = lines.next()?.splitn(2, |byte| *byte == b' ');
    let mut request = Request::builder().method(first.next()?).uri(first.next()?);
    if is_whole {
        request = request.header(header::HOST, "localhost:9460").header("x-linewatch", "approve");
    }
    for line in lines.take(HTTP_HEADERS_MAX) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        request = request.header(parts.next()?, parts.next()?.trim_ascii());
    }
    let peer = SocketAddr::from((if is_here { [127, 0, 0, 1] } else { [192, 0, 2, 7] }, 40_000));
    request.extension(Peer(peer)).body(Body::from(body.to_vec())).ok()
}
