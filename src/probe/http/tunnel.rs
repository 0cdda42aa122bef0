//! A tunnel through an HTTP proxy (`CONNECT`). What fails on the way to the proxy, or at it, belongs to the phase
//! `connect`, and says that it is the proxy's.

use std::pin::pin;

use bytes::Bytes;
use futures::FutureExt;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::header::{HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::exchange::{AGENT, beside, fault};
use crate::estate::HostPort;
use crate::limits::PROBE_HEAD_BYTES_MAX;
use crate::observation::{Failure, Phase};
use crate::probe::fault::{Fault, one_line};
use crate::probe::rule::Rule;

/// Turns a connection to a proxy into one to the target. Of a refusal nothing but its head is read.
pub(super) async fn through<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    proxy: &HostPort,
    target: &HostPort,
) -> Result<S, Fault> {
    let at_the_proxy = |error: &hyper::Error| {
        let fault = fault(error);
        Fault { detail: one_line(&format!("the proxy {proxy}: {}", fault.detail)), ..fault }
            .by(Rule::Proxy)
            .in_phase(Phase::Connect)
    };
    let request = Request::connect(target.to_string())
        .header(HOST, target.to_string())
        .header(USER_AGENT, AGENT)
        .body(Empty::<Bytes>::new())
        .map_err(|error| Fault::local(format!("{target} can't be asked for at a proxy: {error}")))?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(PROBE_HEAD_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| at_the_proxy(&error))?;
    let mut connection = pin!(connection.with_upgrades().fuse());
    let response = beside(connection.as_mut(), sender.send_request(request))
        .await
        .map_err(|error| at_the_proxy(&error))?;
    if !response.status().is_success() {
        return Err(refused(response.status(), proxy, target));
    }
    let upgraded = beside(connection.as_mut(), hyper::upgrade::on(response))
        .await
        .map_err(|error| at_the_proxy(&error))?;
    let parts = upgraded
        .downcast::<TokioIo<S>>()
        .map_err(|_| Fault::local("the connection to the proxy got lost in this program"))?;
    if !parts.read_buf.is_empty() {
        // In TLS it is we who speak first; whatever this is, it would be taken for the target's.
        let words = format!("the proxy {proxy} sends something of its own into the tunnel to {target}");
        return Err(Fault::new(Failure::Protocol, words).by(Rule::Proxy).in_phase(Phase::Connect));
    }
    Ok(parts.io.into_inner())
}

fn refused(status: StatusCode, proxy: &HostPort, target: &HostPort) -> Fault {
    let failure = match status {
        StatusCode::NETWORK_AUTHENTICATION_REQUIRED => Failure::BlockedPage,
        _ => Failure::Status,
    };
    let meaning = match status.as_u16() {
        407 => ": it wants a user and password",
        403 => ": it doesn't let us there",
        502..=504 => ": it doesn't get there itself",
        _ => "",
    };
    Fault::new(
        failure,
        format!("the proxy {proxy} (not the service) answers {status} to CONNECT {target}{meaning}"),
    )
    .by(Rule::Proxy)
    .in_phase(Phase::Connect)
}
