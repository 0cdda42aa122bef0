//! The HTTP server: connections, and the bounds that keep garbage, slow readers and crowds harmless.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::header::HOST;
use axum::http::{Extensions, HeaderValue};
use futures::StreamExt as _;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::numbers::{LetGo, Numbers};
use super::seats::{Most, Seats, Sitter};
use crate::config::TlsSettings;
use crate::limits::{
    ACCEPT_PAUSE, HTTP_CONNECTION_AGE_MAX, HTTP_FAREWELL, HTTP_HEADER_BYTES_MAX, HTTP_HEADERS_MAX,
    HTTP_REQUEST_TIMEOUT, HTTP_SEND_BYTES_MAX, HTTP_STREAMS_MAX, HTTP_WINDOW_BYTES,
};

/// HTTP/2 in the handshake of TLS (RFC 9113, 3.2).
const HTTP_2: &[u8] = b"h2";

/// Who asks; put among the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The address of who asks, where that is known.
pub fn source(of_request: &Extensions) -> Option<IpAddr> {
    of_request.get::<Peer>().map(|Peer(address)| address.ip())
}

/// Put there too when the connection is encrypted.
#[derive(Debug, Clone, Copy)]
pub struct Encrypted;

/// Takes what was sent along and drops it: a connection that is closed on what it still sends is reset, and its sender doesn't hear
/// the answer. What is longer is cut off.
pub async fn let_go(mut pieces: BodyDataStream, bytes_max: usize) {
    let mut bytes = 0;
    while let Some(Ok(piece)) = pieces.next().await {
        bytes += piece.len();
        if bytes > bytes_max {
            return;
        }
    }
}

/// Where connections come in, and how many.
pub struct Door {
    pub listener: TcpListener,
    /// `None`: plain HTTP. What it is when a connection comes in counts for that connection.
    pub tls: watch::Receiver<Option<Arc<ServerConfig>>>,
    pub most: Most,
    /// Where connections are counted that come to nothing.
    pub numbers: Option<Arc<Numbers>>,
}

impl Door {
    fn let_go(&self, reason: LetGo) {
        if let Some(numbers) = &self.numbers {
            numbers.let_go(reason);
        }
    }
}

/// The listener's TLS. Which files can be used is checked when the configuration is read.
pub fn tls(settings: &TlsSettings) -> Result<Arc<ServerConfig>, rustls::Error> {
    let unusable = |_| rustls::Error::General("the certificate or its key can't be read".to_owned());
    let chain: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(settings.certificate_pem.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(settings.key_pem.expose_secret().as_bytes()).map_err(unusable)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain.map_err(unusable)?, key)?;
    // Agents send over one connection what browsers need several for.
    config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Serves until it is stopped, then lets the connections that are busy end, for a bounded time.
pub async fn serve(door: Door, router: Router, stop: CancellationToken) {
    let door = Arc::new(door);
    let seats = Seats::new(door.most);
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = door.listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, mostly. Asking again at once would only spin.
                tracing::warn!(%error, "a connection to the status page could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // While all seats are used, newcomers wait in the system's own queue.
        let seat = tokio::select! {
            () = stop.cancelled() => break,
            seat = seats.seat(peer.ip()) => seat,
        };
        let Some(seat) = seat else {
            door.let_go(LetGo::Crowd);
            continue;
        };
        let tls = door.tls.borrow().clone();
        let (door, router, stop) = (door.clone(), router.clone(), stop.clone());
        connections.spawn(async move {
            let by = Visitor { peer, sitter: seat.sitter().clone() };
            let ended = tokio::select! {
                () = seat.is_needed() => Some(LetGo::Yielded),
                ended = connection(stream, tls, by, router, stop) => ended,
            };
            if let Some(reason) = ended {
                door.let_go(reason);
            }
        });
    }
    connections.close();
    connections.wait().await;
}

/// Whose connection it is, and where it sits.
struct Visitor {
    peer: SocketAddr,
    sitter: Sitter,
}

/// Returns why it came to nothing, where its peer took too long.
async fn connection(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    by: Visitor,
    router: Router,
    stop: CancellationToken,
) -> Option<LetGo> {
    let Some(tls) = tls else { return speak(stream, by, Speaks::Plainly, router, stop).await };
    let handshake = tokio::time::timeout(HTTP_REQUEST_TIMEOUT, TlsAcceptor::from(tls).accept(stream));
    tokio::select! {
        () = stop.cancelled() => None,
        shaken = handshake => match shaken {
            Ok(Ok(stream)) => {
                let version = stream.get_ref().1.alpn_protocol();
                let speaks = if version == Some(HTTP_2) { Speaks::Http2 } else { Speaks::Http1 };
                speak(stream, by, speaks, router, stop.clone()).await
            }
            // What a peer did wrong is the peer's business.
            Ok(Err(_)) => None,
            Err(_) => Some(LetGo::Handshake),
        },
    }
}

/// How a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    /// HTTP/1.1, and not over TLS.
    Plainly,
    Http1,
    Http2,
}

/// Returns why it came to nothing, where nothing was asked in time.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    Visitor { peer, sitter }: Visitor,
    speaks: Speaks,
    router: Router,
    stop: CancellationToken,
) -> Option<LetGo> {
    let of_service = sitter.clone();
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(of_service.clone());
        if speaks != Speaks::Plainly {
            request.extensions_mut().insert(Encrypted);
        }
        // In HTTP/2 the request line says whom it is for (RFC 9113, 8.3.1); whoever looks finds it in one place.
        if !request.headers().contains_key(HOST)
            && let Some(host) =
                request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok())
        {
            request.headers_mut().insert(HOST, host);
        }
        let answer = router.clone().oneshot(request.map(Body::new));
        let busy = of_service.begin();
        async move {
            let answer = answer.await.unwrap_or_else(|never| match never {});
            Ok::<_, Infallible>(answer.map(|body| busy.with(body)))
        }
    });
    let stream = TokioIo::new(stream);
    let is_slow = if speaks == Speaks::Http2 {
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_header_list_size(u32::try_from(HTTP_HEADER_BYTES_MAX).unwrap_or(u32::MAX))
            .max_concurrent_streams(HTTP_STREAMS_MAX)
            .initial_stream_window_size(HTTP_WINDOW_BYTES)
            .initial_connection_window_size(HTTP_WINDOW_BYTES)
            .max_send_buf_size(HTTP_SEND_BYTES_MAX)
            .keep_alive_interval(HTTP_REQUEST_TIMEOUT)
            .keep_alive_timeout(HTTP_REQUEST_TIMEOUT)
            .serve_connection(stream, service);
        // HTTP/1 has a limit on how long a head may take; here it is on how long nothing is asked.
        matches!(serve_until(connection, stop, sitter.is_idle()).await, Ended::Idle)
    } else {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HTTP_REQUEST_TIMEOUT)
            .max_headers(HTTP_HEADERS_MAX)
            .max_buf_size(HTTP_HEADER_BYTES_MAX)
            .serve_connection(stream, service);
        let ended = serve_until(connection, stop, std::future::pending()).await;
        matches!(ended, Ended::Itself(Err(error)) if error.is_timeout())
    };
    // One on which something was asked, and then nothing more, has only been left open.
    (is_slow && !sitter.was_asked()).then_some(LetGo::Head)
}

/// How a connection came to its end.
enum Ended<E> {
    /// What a peer did wrong is the peer's business; hyper has answered it where it could.
    Itself(Result<(), E>),
    /// Nothing was asked for too long.
    Idle,
    /// It was stopped, or has lasted for long enough.
    Stopped,
}

/// Serves until the peer goes, or it is time to end; then what is under way may end, for a bounded time.
async fn serve_until<C: GracefulConnection>(
    connection: C,
    stop: CancellationToken,
    idle: impl Future<Output = ()>,
) -> Ended<C::Error> {
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => return Ended::Itself(ended),
        () = idle => Ended::Idle,
        () = stop.cancelled() => Ended::Stopped,
        () = tokio::time::sleep(HTTP_CONNECTION_AGE_MAX) => Ended::Stopped,
    };
    connection.as_mut().graceful_shutdown();
    drop(tokio::time::timeout(HTTP_FAREWELL, connection).await);
    ended
}
