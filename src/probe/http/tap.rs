//! A stream that tells the trail when the request is out: hyper gives one future for sending and for the answer's
//! head, and the two are separate phases. It also counts what comes in, since neither hyper nor h2 bounds what a server says
//! before its answer.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::limits::PROBE_HTTP_BYTES_MAX;
use crate::observation::Phase;
use crate::probe::fault::{Fault, inner};
use crate::probe::trail::Trail;

/// Passes everything through. The flush that ends the request moves the trail from `send` to `first_byte`.
#[derive(Debug)]
pub(super) struct Tap<'a, S> {
    stream: S,
    trail: &'a Trail,
    has_written: bool,
    bytes_read: usize,
}

impl<'a, S> Tap<'a, S> {
    pub(super) fn on(stream: S, trail: &'a Trail) -> Self {
        Self { stream, trail, has_written: false, bytes_read: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if let Err(error) = ready!(Pin::new(&mut self.stream).poll_read(context, buffer)) {
            if inner::<rustls::Error>(&error).is_some() {
                self.trail.broke(Fault::io(&error, "the connection broke"));
            }
            return Poll::Ready(Err(error));
        }
        self.bytes_read += buffer.filled().len().saturating_sub(before);
        Poll::Ready(if self.bytes_read > PROBE_HTTP_BYTES_MAX {
            let mib = PROBE_HTTP_BYTES_MAX / 1024 / 1024;
            // Read as a breach of the protocol, see `fault.rs`.
            Err(io::Error::new(
                ErrorKind::InvalidData,
                format!("the server sent more than {mib} MiB for one answer"),
            ))
        } else {
            Ok(())
        })
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, buffer))?;
        self.has_written |= written > 0;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        if self.has_written && self.trail.phase() == Some(Phase::Send) {
            self.trail.enter(Phase::FirstByte);
        }
        Poll::Ready(Ok(()))
    }

    /// The stream is dropped when the answer is read, and that closes it. A goodbye besides would reach a server that was asked
    /// to hang up and has: it answers with a reset.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
