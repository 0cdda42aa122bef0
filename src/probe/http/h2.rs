//! One request and its answer over HTTP/2: for DNS over HTTPS, whose servers often speak nothing else. Plain web checks
//! stay with HTTP/1.1, where each phase shows on the wire.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::FutureExt;
use http_body_util::Full;
use hyper::Request;
use hyper::client::conn::http2;
use hyper::rt::Executor;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use super::exchange::{Page, beside, fault, page, read};
use crate::limits::{PROBE_BODY_WINDOW, PROBE_HEAD_LIST};
use crate::observation::Phase;
use crate::probe::fault::Fault;
use crate::probe::trail::Trail;

/// Sends a request and reads the answer, with the phases of HTTP/1.1. `first_byte` begins when the request is handed
/// over: what goes out when is HTTP/2's own affair.
pub(super) async fn put<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    request: Request<Full<Bytes>>,
    trail: &Trail,
) -> Result<Page, Fault> {
    trail.enter(Phase::Send);
    let helpers = Helpers::default();
    let _ended = EndOnDrop(helpers.clone());
    let (mut sender, connection) = http2::Builder::new(helpers)
        .max_header_list_size(PROBE_HEAD_LIST)
        .initial_stream_window_size(PROBE_BODY_WINDOW)
        .initial_connection_window_size(PROBE_BODY_WINDOW)
        .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
        .await
        .map_err(|error| fault(&error))?;
    let mut connection = pin!(connection.fuse());
    beside(connection.as_mut(), sender.ready()).await.map_err(|error| fault(&error))?;
    trail.enter(Phase::FirstByte);
    let response =
        beside(connection.as_mut(), sender.send_request(request)).await.map_err(|error| fault(&error))?;
    let mut page = page(&response, trail);
    trail.enter(Phase::Body);
    read(response, &mut page.body, connection, trail).await?;
    trail.rest();
    Ok(page)
}

/// Runs what hyper starts beside a connection.
#[derive(Debug, Clone, Default)]
struct Helpers(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Helpers {
    fn execute(&self, work: F) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).spawn(work);
    }
}

/// A check cut off at its deadline takes its connection with it. By themselves the helpers would first say goodbye, and
/// a server that reads no more would keep them for as long as it liked.
#[derive(Debug)]
struct EndOnDrop(Helpers);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}
