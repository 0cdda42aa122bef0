//! One request and its answer over HTTP/2, with h2 itself: hyper's client would run its connection in tasks of its own,
//! which a check cut off at its deadline leaves behind.

use std::pin::{Pin, pin};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::FusedFuture;
use hyper::{Request, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::Beginning;
use super::exchange::{Page, beside, broke, page};
use super::tap::Tap;
use crate::limits::{PROBE_BODY_BYTES_MAX, PROBE_HEAD_BYTES_MAX};
use crate::observation::{Failure, Phase};
use crate::probe::fault::Fault;
use crate::probe::rule::Rule;
use crate::probe::trail::Trail;

/// As [`super::exchange::put`]; the body, where there is one, is small enough to go out at once.
pub(super) async fn put<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    request: Request<()>,
    body: Option<Bytes>,
    leads_on: impl Fn(StatusCode, Option<&str>) -> bool,
    trail: &Trail,
) -> Result<Page, Fault> {
    trail.enter(Phase::Send);
    let (sender, connection) = h2::client::Builder::new()
        .enable_push(false)
        .max_header_list_size(u32::try_from(PROBE_HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .initial_window_size(u32::try_from(PROBE_BODY_BYTES_MAX).unwrap_or(u32::MAX))
        // What waits to be read is bounded by the window already. h2's own budget for small frames would break off
        // pages that a server flushes line by line.
        .data_frame_budget(PROBE_BODY_BYTES_MAX)
        .handshake::<_, Bytes>(Tap::on(stream, trail))
        .await
        .map_err(|error| fault(&error, trail))?;
    let mut connection = pin!(connection.fuse());
    let mut sender =
        beside(connection.as_mut(), sender.ready()).await.map_err(|error| fault(&error, trail))?;
    // Flushing the preface may have ended it; what counts is when the request is out.
    trail.enter(Phase::Send);
    let (response, mut out) =
        sender.send_request(request, body.is_none()).map_err(|error| fault(&error, trail))?;
    if let Some(body) = body {
        out.send_data(body, true).map_err(|error| fault(&error, trail))?;
    }
    let response = beside(connection.as_mut(), response).await.map_err(|error| fault(&error, trail))?;
    let mut page = page(&response, trail);
    if !leads_on(page.status, page.location.as_deref()) {
        trail.enter(Phase::Body);
        read(response.into_body(), &mut page.body, connection, trail).await?;
        trail.rest();
    }
    Ok(page)
}

async fn read(
    mut stream: h2::RecvStream,
    beginning: &mut Beginning,
    mut connection: Pin<&mut impl FusedFuture>,
    trail: &Trail,
) -> Result<(), Fault> {
    while let Some(piece) = beside(connection.as_mut(), stream.data()).await {
        let piece = piece.map_err(|error| fault(&error, trail))?;
        let has_room = beginning.take(&piece);
        trail.note(|facts| facts.body_bytes = Some(beginning.len()));
        if !has_room {
            return Ok(());
        }
        stream.flow_control().release_capacity(piece.len()).map_err(|error| fault(&error, trail))?;
    }
    Ok(())
}

fn fault(error: &h2::Error, trail: &Trail) -> Fault {
    if let Some(io) = error.get_io() {
        // h2 keeps of an error its kind and its words.
        return trail.broken().unwrap_or_else(|| broke(io));
    }
    if error.reason() == Some(h2::Reason::HTTP_1_1_REQUIRED) {
        let words = "the server wants HTTP/1.1 for this; write version = \"1.1\"";
        return Fault::new(Failure::Protocol, words).by(Rule::Version);
    }
    if error.is_remote() {
        return Fault::new(Failure::Reset, format!("the server broke the answer off: {error}"));
    }
    Fault::new(Failure::Protocol, format!("the answer is not HTTP/2: {error}"))
}
