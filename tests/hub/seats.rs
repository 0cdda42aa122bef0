//! Whoever connects and says nothing keeps nobody out: with few seats, over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use linewatch::hub::numbers::Numbers;
use linewatch::hub::seats::{Most, is_known};
use linewatch::hub::server::{Door, serve};
use prometheus::TextEncoder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::bench::DEADLINE;

async fn asks(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").as_bytes()).await.unwrap();
    stream
}

/// The first line of an answer; the connection is left open.
async fn answer(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let line = async {
        while !said.ends_with(b"\r\n\r\n") {
            said.push(stream.read_u8().await.unwrap());
        }
    };
    tokio::time::timeout(DEADLINE, line).await.expect("it is answered");
    String::from_utf8(said).unwrap().lines().next().unwrap().to_owned()
}

async fn ends(mut stream: TcpStream) {
    let mut said = Vec::new();
    let ended = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut said)).await;
    // By a reset, as may be.
    drop(ended.expect("it is let go of"));
    assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

/// A server with so many seats; stop it by the token.
struct Serving {
    address: SocketAddr,
    numbers: Arc<Numbers>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Serving {
    async fn begin(seats: usize, router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (numbers, _meters) = Numbers::new().unwrap();
        let numbers = Arc::new(numbers);
        let door = Door {
            listener,
            tls: watch::channel(None).1,
            most: Most { all: seats, per_peer: seats },
            numbers: Some(numbers.clone()),
        };
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(door, router, stop.clone()));
        Self { address, numbers, stop, task }
    }

    async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(DEADLINE, self.task).await.expect("it ends").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_nothing_yields_and_a_request_of_somebody_known_never_does() {
    let (entered, release) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let held = {
        let (entered, release) = (entered.clone(), release.clone());
        get(async move |request: Request| {
            is_known(request.extensions());
            entered.add_permits(1);
            let _released = release.acquire().await;
            "held"
        })
    };
    let router = Router::new().route("/held", held).route("/", get(async || "fine"));
    let serving = Serving::begin(4, router).await;
    let address = serving.address;

    let mut known = [asks(address, "/held").await, asks(address, "/held").await];
    let both = tokio::time::timeout(DEADLINE, entered.acquire_many(2)).await;
    drop(both.expect("both are under way").unwrap());
    let silent = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
    // All seats are taken. Each that comes is answered in the place of the one that has been idle longest.
    let mut newcomers = Vec::new();
    for silent in silent {
        let mut newcomer = asks(address, "/").await;
        assert_eq!(answer(&mut newcomer).await, "HTTP/1.1 200 OK");
        ends(silent).await;
        newcomers.push(newcomer);
    }
    let mut last = asks(address, "/").await;
    assert_eq!(answer(&mut last).await, "HTTP/1.1 200 OK");
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(DEADLINE, newcomers[0].read_to_end(&mut rest)).await;
    drop(ended.expect("the first of them has been idle longest"));
    release.add_permits(2);
    for known in &mut known {
        assert_eq!(answer(known).await, "HTTP/1.1 200 OK", "it was never let go of");
    }
    let counted = TextEncoder::new().encode_to_string(&serving.numbers.registry.gather()).unwrap();
    for line in [
        "linewatch_connections_let_go_total{reason=\"yielded\"} 3\n",
        "linewatch_connections_let_go_total{reason=\"too_many\"} 0\n",
    ] {
        assert!(counted.contains(line), "{line}{counted}");
    }
    drop((known, newcomers, last));
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_is_read_slowly_by_somebody_known_is_not_cut_off() {
    /// More than what the system takes of it while nobody reads.
    const PAGE_BYTES: usize = 64 << 20;
    let page = get(async |request: Request| {
        is_known(request.extensions());
        vec![b'x'; PAGE_BYTES]
    });
    let known = get(async |request: Request| {
        is_known(request.extensions());
        "fine"
    });
    let serving = Serving::begin(2, Router::new().route("/page", page).route("/", known)).await;
    let mut reader = asks(serving.address, "/page").await;
    assert_eq!(answer(&mut reader).await, "HTTP/1.1 200 OK");
    let mut idle = asks(serving.address, "/").await;
    assert_eq!(answer(&mut idle).await, "HTTP/1.1 200 OK");
    // Both are taken by somebody known, and the first began to be silent before the second.
    let mut newcomer = asks(serving.address, "/").await;
    assert_eq!(answer(&mut newcomer).await, "HTTP/1.1 200 OK");
    let mut page = vec![0; PAGE_BYTES];
    let whole = tokio::time::timeout(DEADLINE, reader.read_exact(&mut page)).await;
    whole.expect("it goes on").expect("to the end");
    assert!(page.iter().all(|byte| *byte == b'x'));
    drop((reader, idle, newcomer));
    serving.end().await;
}
