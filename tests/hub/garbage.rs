//! What strangers may throw at the port.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::bench::{Bench, DEADLINE};

/// Sends bytes and returns what comes back until the other side closes.
async fn throw(bench: &Bench, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(bench.running.address).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(DEADLINE, async {
        let (mut read, mut write) = stream.split();
        // The server may close before it has taken everything; that is its right.
        let (_sent, _read) = tokio::join!(write.write_all(bytes), read.read_to_end(&mut answer));
    })
    .await
    .expect("the connection is closed in the end");
    String::from_utf8_lossy(&answer).into_owned()
}

/// Bytes without rhyme or reason, the same each time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(step).take(length).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_megabytes_of_garbage_leave_no_trace() {
    let bench = Bench::start().await;
    let ten_megabytes = noise(10 * 1024 * 1024);
    let answer = throw(&bench, &ten_megabytes).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");

    let endless_line = vec![b'A'; 10 * 1024 * 1024];
    let answer = throw(&bench, &endless_line).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");

    let mut many_headers = b"GET / HTTP/1.1\r\nHost: localhost\r\n".to_vec();
    for number in 0..10_000 {
        many_headers.extend(format!("X-Header-{number}: {number}\r\n").into_bytes());
    }
    many_headers.extend(b"\r\n");
    let answer = throw(&bench, &many_headers).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");

    let mut long_body = format!(
        "POST /api/v1/incidents/x/approve HTTP/1.1\r\nHost: localhost\r\nX-Linewatch: approve\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        ten_megabytes.len()
    )
    .into_bytes();
    long_body.extend(&ten_megabytes);
    let answer = throw(&bench, &long_body).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");

    let bad_json = bench
        .http
        .post(bench.url("/api/v1/incidents/x/approve"))
        .header("X-Linewatch", "approve")
        .body("{\"by\": \u{1F4A9}")
        .send()
        .await
        .unwrap();
    assert_eq!(bad_json.status(), 400);
    assert_eq!(bench.get("/healthz").await.0, 200, "and it lives");
    assert_eq!(bench.json("/api/v1/status").await["practices"]["ok"], 8);
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_name_that_points_here_gets_nothing() {
    let bench = Bench::start().await;
    let answer =
        throw(&bench, b"GET /api/v1/status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
            .await;
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
    assert!(!answer.contains("G82"), "{answer}");
    bench.running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_holds_the_line_open_does_not_hold_up_the_end() {
    let bench = Bench::start().await;
    let mut held = TcpStream::connect(bench.running.address).await.unwrap();
    held.write_all(b"GET / HTTP/1.1\r\nHost: loc").await.unwrap();
    let stopping = bench.running.stop();
    tokio::time::timeout(Duration::from_secs(30), stopping).await.expect("it stops all the same");
}
