//! The HTTP server: connections, and the bounds that keep garbage, slow readers and crowds harmless.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::limits::{
    ACCEPT_PAUSE, HTTP_CONNECTION_AGE_MAX, HTTP_CONNECTIONS_MAX, HTTP_FAREWELL, HTTP_HEADER_BYTES_MAX,
    HTTP_HEADERS_MAX, HTTP_REQUEST_TIMEOUT,
};

/// Who asks; put among the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Serves until it is stopped, then lets the connections that are busy end, for a bounded time.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let seats = Arc::new(Semaphore::new(HTTP_CONNECTIONS_MAX));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = async {
                // When all seats are taken, newcomers wait in the system's own queue.
                let seat = seats.clone().acquire_owned().await;
                (listener.accept().await, seat)
            } => accepted,
        };
        match accepted {
            (Ok((stream, peer)), seat) => {
                let connection = connection(stream, peer, router.clone(), stop.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(seat);
                });
            }
            (Err(error), _) => {
                // Out of descriptors, mostly. Asking again at once would only spin.
                tracing::warn!(%error, "a connection to the status page could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    connections.close();
    connections.wait().await;
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, stop: CancellationToken) {
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        let answer = router.clone().oneshot(request.map(Body::new));
        async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HTTP_REQUEST_TIMEOUT)
        .max_headers(HTTP_HEADERS_MAX)
        .max_buf_size(HTTP_HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = pin!(served);
    tokio::select! {
        // What a peer did wrong is the peer's business; hyper has answered it where it could.
        _ended = served.as_mut() => return,
        () = stop.cancelled() => {}
        () = tokio::time::sleep(HTTP_CONNECTION_AGE_MAX) => {}
    }
    served.as_mut().graceful_shutdown();
    drop(tokio::time::timeout(HTTP_FAREWELL, served).await);
}
