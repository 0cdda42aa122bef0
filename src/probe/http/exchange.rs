//! One request and its answer over a connection that stands, with hyper; HTTP/1.1. What HTTP/2 has in common with it is
//! here as well.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::FusedFuture;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, LOCATION, TRANSFER_ENCODING,
    USER_AGENT,
};
use hyper::http::request::Builder;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use reqwest::Url;
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::Beginning;
use super::tap::Tap;
use crate::limits::PROBE_HEAD_BYTES_MAX;
use crate::observation::{Failure, Phase};
use crate::probe::fault::{Fault, inner};
use crate::probe::trail::Trail;

/// Who asks.
pub(super) const AGENT: &str = concat!("linewatch/", env!("CARGO_PKG_VERSION"));

/// An answer, as far as it was read.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) location: Option<String>,
    pub(super) content_type: Option<String>,
    /// Empty when nobody wants it.
    pub(super) body: Beginning,
}

/// Sends a GET and reads the answer; of the body its beginning, and only if `leads_on` doesn't say that the answer
/// (by its status and `Location`) is a redirect that will be followed. Leaves the phases `send`, `first_byte` and `body`.
///
/// hyper's connection is driven here and not in a task of its own, so that a check cut off at its deadline takes its
/// connection with it.
pub(super) async fn get<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    asked: &Asked<'_>,
    leads_on: impl Fn(StatusCode, Option<&str>) -> bool,
    trail: &Trail,
) -> Result<Page, Fault> {
    put(stream, asked.request_1()?, leads_on, trail).await
}

/// The same for a request of any kind.
pub(super) async fn put<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    request: Request<Full<Bytes>>,
    leads_on: impl Fn(StatusCode, Option<&str>) -> bool,
    trail: &Trail,
) -> Result<Page, Fault> {
    trail.enter(Phase::Send);
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(PROBE_HEAD_BYTES_MAX)
        .handshake::<_, Full<Bytes>>(TokioIo::new(Tap::on(stream, trail)))
        .await
        .map_err(|error| fault(&error))?;
    let mut connection = pin!(connection.fuse());
    let response =
        beside(connection.as_mut(), sender.send_request(request)).await.map_err(|error| fault(&error))?;
    let mut page = page(&response, trail);
    if !leads_on(page.status, page.location.as_deref()) {
        trail.enter(Phase::Body);
        read(response, &mut page.body, connection, trail).await?;
        trail.rest();
    }
    Ok(page)
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) url: &'a Url,
    /// What `Host` says, where it isn't what the URL says.
    pub(super) host: Option<&'a str>,
}

impl Asked<'_> {
    fn target(&self) -> String {
        let path = self.url.path();
        self.url.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"))
    }

    fn host(&self) -> String {
        if let Some(host) = self.host {
            return host.to_owned();
        }
        // `port` is none when it is the scheme's own, and then the header has none either.
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    fn request_1(&self) -> Result<Request<Full<Bytes>>, Fault> {
        Request::get(self.target())
            .header(HOST, self.host())
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, "*/*")
            .header(CONNECTION, "close")
            .body(Full::default())
            .map_err(|error| self.unaskable(&error))
    }

    /// The host stands in `:authority`, which h2 takes from the URL.
    pub(super) fn request_2(&self) -> Result<Request<()>, Fault> {
        Request::get(format!("{}://{}{}", self.url.scheme(), self.host(), self.target()))
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, "*/*")
            .version(Version::HTTP_2)
            .body(())
            .map_err(|error| self.unaskable(&error))
    }

    fn unaskable(&self, error: &dyn Error) -> Fault {
        Fault::local(format!("{} can't be asked for: {error}", self.url))
    }
}

/// What an answer's head says. Ends the phase that waited for it.
pub(super) fn page<B>(response: &Response<B>, trail: &Trail) -> Page {
    let status = response.status();
    trail.note(|facts| facts.status = Some(status.as_u16()));
    trail.rest();
    Page {
        status,
        location: text(response, &LOCATION),
        content_type: text(response, &CONTENT_TYPE),
        body: Beginning::default(),
    }
}

/// A POST whose body and whose answer are of the same media type, as HTTP/1.1 has it or as HTTP/2 does; its body is to
/// be added.
pub(super) fn posting(host: &str, path: &str, media_type: &str, is_h2: bool) -> Builder {
    let request = if is_h2 {
        Request::post(format!("https://{host}{path}")).version(Version::HTTP_2)
    } else {
        Request::post(path).header(HOST, host).header(CONNECTION, "close")
    };
    request.header(USER_AGENT, AGENT).header(ACCEPT, media_type).header(CONTENT_TYPE, media_type)
}

fn text<B>(response: &Response<B>, header: &HeaderName) -> Option<String> {
    let value = response.headers().get(header)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

pub(super) async fn read(
    response: Response<hyper::body::Incoming>,
    beginning: &mut Beginning,
    mut connection: Pin<&mut impl FusedFuture>,
    trail: &Trail,
) -> Result<(), Fault> {
    let headers = response.headers();
    let has_length = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
    let mut body = response.into_body();
    loop {
        let frame = match beside(connection.as_mut(), body.frame()).await {
            None => return Ok(()),
            // Old servers end a body of unknown length by hanging up, and leave out TLS's own goodbye.
            Some(Err(error)) if !has_length && is_end(&error) => return Ok(()),
            Some(Err(error)) => return Err(fault(&error)),
            Some(Ok(frame)) => frame,
        };
        if let Some(piece) = frame.data_ref() {
            let has_room = beginning.take(piece);
            trail.note(|facts| facts.body_bytes = Some(beginning.len()));
            if !has_room {
                return Ok(());
            }
        }
    }
}

/// Does a piece of work that needs the connection to be driven meanwhile.
pub(super) async fn beside<T>(
    mut connection: Pin<&mut impl FusedFuture>,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    if connection.is_terminated() {
        return work.await;
    }
    tokio::select! {
        biased;
        done = &mut work => done,
        // What went wrong with the connection, the work will hear.
        _ = &mut connection => work.await,
    }
}

fn is_end(error: &hyper::Error) -> bool {
    io_error(error).is_some_and(|error| error.kind() == ErrorKind::UnexpectedEof)
}

fn io_error(error: &hyper::Error) -> Option<&io::Error> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<io::Error>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// An error of the connection, or of the library that read from it: that one has no number, and says what is wrong with what came.
pub(super) fn broke(error: &io::Error) -> Fault {
    let is_of_the_reader = error.raw_os_error().is_none()
        && matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Other)
        && inner::<rustls::Error>(error).is_none();
    if is_of_the_reader {
        return Fault::new(Failure::Protocol, format!("the answer is not HTTP: {error}"));
    }
    Fault::io(error, "the connection broke")
}

pub(super) fn fault(error: &hyper::Error) -> Fault {
    if error.is_parse_too_large() {
        let kib = PROBE_HEAD_BYTES_MAX / 1024;
        return Fault::new(
            Failure::Protocol,
            format!("the answer's headers are too many, or longer than {kib} KiB"),
        );
    }
    if let Some(error) = io_error(error) {
        return broke(error);
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        return Fault::new(Failure::Reset, "the server hung up before its answer was whole");
    }
    Fault::new(Failure::Protocol, format!("the answer is not HTTP: {error}"))
}
