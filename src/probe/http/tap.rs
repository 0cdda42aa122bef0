//! A stream that tells the trail when the request is out: hyper gives one future for sending and for the answer's
//! head, and the two are separate phases.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::observation::Phase;
use crate::probe::trail::Trail;

/// Passes everything through. The flush that ends the request moves the trail from `send` to `first_byte`.
#[derive(Debug)]
pub(super) struct Tap<'a, S> {
    stream: S,
    trail: &'a Trail,
    has_written: bool,
}

impl<'a, S> Tap<'a, S> {
    pub(super) fn on(stream: S, trail: &'a Trail) -> Self {
        Self { stream, trail, has_written: false }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
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

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
