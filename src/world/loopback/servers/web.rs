//! The web servers: HTTP and HTTPS, with the page that each probe expects at its URL.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::estate::{Ask, Estate};
use crate::world::loopback::tasks::{self, Tasks};

/// How this web server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Manner {
    /// Answers what the probes expect.
    Honest,
    /// Answers everything with this status.
    Status(u16),
    /// Answers everything with a filter's page; give it a certificate that nobody trusts.
    Blocking,
    /// Ends every TLS handshake with an alert.
    BrokenTls,
}

/// What there is to read, by host and path.
#[derive(Debug, Default)]
pub struct Pages {
    by_url: BTreeMap<(String, String), Page>,
}

#[derive(Debug, Clone)]
struct Page {
    status: u16,
    body: String,
}

impl Pages {
    /// The page that each `http` and `https` probe of the estate expects.
    pub fn of(estate: &Estate) -> Self {
        let mut pages = Self::default();
        for probe in &estate.probes {
            let Ask::Http(ask) = &probe.ask else { continue };
            let Some(url) = super::Url::of(&ask.url) else { continue };
            let status = ask.expect_status.first().copied().unwrap_or(200);
            let expected = ask.expect_body.as_deref().unwrap_or_default();
            let page = pages
                .by_url
                .entry((url.host.to_ascii_lowercase(), url.path.clone()))
                .or_insert_with(|| Page { status, body: format!("{} answers.\n", url.host) });
            page.body.push_str(expected);
            page.body.push('\n');
        }
        pages
    }

    fn page(&self, host: &str, path: &str) -> Page {
        self.by_url
            .get(&(host.to_ascii_lowercase(), path.to_owned()))
            .cloned()
            .unwrap_or_else(|| Page { status: 200, body: format!("{host} answers.\n") })
    }
}

/// The page of a filter that stands between, in the words that such pages use.
const BLOCKED: &str =
    "<!doctype html><title>Access denied</title><h1>This site has been blocked by your administrator</h1>\n";

/// A fatal TLS alert, `handshake_failure`, as a record of TLS 1.2.
const HANDSHAKE_FAILURE: [u8; 7] = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28];

/// Starts a web server on a free port; with `tls`, it speaks HTTPS.
pub fn start(
    tasks: &Tasks,
    pages: &Arc<Pages>,
    tls: Option<Arc<rustls::ServerConfig>>,
    manner: Manner,
) -> io::Result<SocketAddr> {
    let listener = tasks::listen()?;
    let address = listener.local_addr()?;
    let tls = tls.map(TlsAcceptor::from);
    let pages = Arc::clone(pages);
    tasks.serve(Arc::new(listener), move |stream, _peer| {
        let (pages, tls) = (Arc::clone(&pages), tls.clone());
        async move {
            match (tls, manner) {
                (Some(_), Manner::BrokenTls) => break_handshake(stream).await,
                (Some(tls), _) => {
                    // A client that doesn't like the certificate ends the handshake: its own affair.
                    if let Ok(stream) = tls.accept(stream).await {
                        talk(stream, pages, manner).await;
                    }
                }
                (None, _) => talk(stream, pages, manner).await,
            }
        }
    });
    Ok(address)
}

async fn break_handshake(mut stream: TcpStream) {
    let mut hello = [0; 4096];
    if matches!(stream.read(&mut hello).await, Ok(length) if length > 0) {
        drop(stream.write_all(&HANDSHAKE_FAILURE).await);
        drop(stream.shutdown().await);
        // Read on to the client's end, so that closing doesn't reset the alert away.
        while matches!(stream.read(&mut hello).await, Ok(length) if length > 0) {}
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin + Send, pages: Arc<Pages>, manner: Manner) {
    let service = service_fn(|request: Request<Incoming>| {
        let answer = answer(&request, &pages, manner);
        async move { Ok::<_, Infallible>(answer) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a conversation with the county's web server ended early");
    }
}

fn answer(request: &Request<Incoming>, pages: &Pages, manner: Manner) -> Response<Full<Bytes>> {
    let host = request.headers().get(HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let host = super::host_of(host);
    let page = match manner {
        Manner::Honest | Manner::BrokenTls => pages.page(host, request.uri().path()),
        Manner::Status(status) => Page { status, body: format!("status {status}\n") },
        Manner::Blocking => Page { status: 200, body: BLOCKED.to_owned() },
    };
    let mut answer = Response::new(Full::new(Bytes::from(page.body)));
    *answer.status_mut() = StatusCode::from_u16(page.status).unwrap_or(StatusCode::OK);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    answer
}
