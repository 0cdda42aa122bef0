//! The page on the practice's own network: over a real socket, and in a real browser.

#![expect(
    clippy::expect_used,
    reason = "a test whose stage can't be set has failed; clippy takes the helpers for code"
)]

mod browser;
mod colours;
mod looks;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use linewatch::agent::clock;
use linewatch::agent::site::{LastWord, Site, router};
use linewatch::agent::workers::blank;
use linewatch::estate::{Estate, PracticeIx};
use linewatch::hub::seats::Most;
use linewatch::hub::server::{self, Door};
use linewatch::observation::{Failure, Phase};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const ESTATE: &str = include_str!("estate.toml");

fn estate() -> Arc<Estate> {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("probes.toml");
    std::fs::write(&file, ESTATE).expect("a file");
    Arc::new(linewatch::config::load(&file).expect("an estate").estate)
}

/// A practice whose firewall has gone: nothing answers over the internet, all does over the NHS network.
fn without_internet() -> Arc<Site> {
    let estate = estate();
    let site = Site::new("G82002");
    site.asks(estate.clone(), PracticeIx(0));
    let began = clock::now().plus_millis(-14 * 60_000);
    for probe in &estate.probes {
        for at in [began, clock::now().plus_millis(-1_000)] {
            let mut seen = blank(at, "G82002", &probe.id);
            if estate.networks[probe.network.at()].id == "internet" {
                (seen.ok, seen.failure, seen.phase) = (false, Some(Failure::Timeout), Some(Phase::Connect));
            }
            site.take(&seen);
        }
    }
    let sentence = "ICB internet firewall, Maidstone has failed: 174 of the 174 practices behind it have lost the internet.";
    site.heard(LastWord { heard: clock::now().plus_millis(-60_000), sentences: vec![sentence.to_owned()] });
    Arc::new(site)
}

/// Connections to a page at once.
const SEATS: usize = 16;

/// Serves a page on loopback until the token is cancelled.
async fn serve(site: Arc<Site>) -> (SocketAddr, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let stop = CancellationToken::new();
    let door = Door {
        listener,
        tls: watch::channel(None).1,
        most: Most { all: SEATS, per_peer: SEATS },
        numbers: None,
    };
    tokio::spawn(server::serve(door, router(site), stop.clone()));
    (address, stop)
}

async fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), read).await.expect("it ends").expect("it answers");
    answer
}

async fn get(address: SocketAddr, path: &str) -> String {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: surgery-pc:9461\r\nConnection: close\r\n\r\n")).await
}

#[tokio::test]
async fn anybody_in_the_building_may_read_it_and_nobody_may_do_anything() {
    let (address, stop) = serve(without_internet()).await;
    let page = get(address, "/").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    for line in [
        "content-security-policy: default-src 'none'; style-src 'self'",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
    ] {
        assert!(page.contains(line), "{page}");
    }
    assert!(page.contains("The internet does not answer.") && page.contains("(14 minutes)"), "{page}");
    assert!(get(address, "/?hold").await.contains("This page is held still."));
    assert!(get(address, "/style.css").await.contains("@media print"));
    assert!(get(address, "/api/v1/status").await.starts_with("HTTP/1.1 404"));
    let post = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    assert!(ask(address, post).await.starts_with("HTTP/1.1 405"));
    stop.cancel();
}

#[tokio::test]
async fn browsers_that_keep_their_connections_open_keep_nobody_out() {
    let (address, stop) = serve(without_internet()).await;
    let asks = async || {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let request = "GET /style.css HTTP/1.1\r\nHost: surgery-pc:9461\r\n\r\n";
        stream.write_all(request.as_bytes()).await.expect("it reads");
        stream
    };
    let mut first = [0; 12];
    let mut open = Vec::new();
    for _ in 0..SEATS {
        let mut stream = asks().await;
        stream.read_exact(&mut first).await.expect("it answers");
        assert_eq!(&first, b"HTTP/1.1 200");
        open.push(stream);
    }
    let page = get(address, "/").await;
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    // Whose connection was idle for longest has lost it, and a browser makes another; the rest have theirs.
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(20), open.remove(0).read_to_end(&mut rest)).await;
    drop(ended.expect("it yielded"));
    let last = open.last_mut().expect("many");
    last.write_all(b"GET / HTTP/1.1\r\nHost: surgery-pc:9461\r\nConnection: close\r\n\r\n")
        .await
        .expect("open");
    let mut said = String::new();
    last.read_to_string(&mut said).await.expect("it is answered");
    assert!(said.contains("HTTP/1.1 200 OK") && said.contains("</html>"), "{said}");
    stop.cancel();
}
