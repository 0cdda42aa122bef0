//! A connection on which the end of a TLS handshake goes out together with what is said next. Who has said Finished may go on
//! at once (RFC 8446, section 2), and one segment costs both sides half of what two do.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::limits::PROBE_HELD_BYTES_MAX;

/// Passes everything through, unless it was told to wait: then what is written stays here until something is to be read, or
/// until it is flushed after [`Joined::go_on`].
#[derive(Debug)]
pub(super) struct Joined<S> {
    stream: S,
    held: Vec<u8>,
    waits: bool,
}

impl<S> Joined<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, held: Vec::new(), waits: false }
    }

    /// For one who speaks first when the handshake is done. Whoever only listens would leave the server waiting for the end of
    /// the handshake.
    pub(super) fn waiting(stream: S) -> Self {
        Self { waits: true, ..Self::new(stream) }
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The next flush counts again.
    pub(super) fn go_on(&mut self) {
        self.waits = false;
    }

    fn holds(&self) -> bool {
        self.waits || !self.held.is_empty()
    }
}

impl<S: AsyncWrite + Unpin> Joined<S> {
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(context, &self.held))?;
            if sent == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.held.drain(..sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Room for more, in the end.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.held.len() < PROBE_HELD_BYTES_MAX { Poll::Ready(Ok(())) } else { self.poll_drain(context) }
    }

    fn hold(&mut self, bytes: &[u8]) -> usize {
        let room = PROBE_HELD_BYTES_MAX.saturating_sub(self.held.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.held.extend_from_slice(taken);
        taken.len()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Joined<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Nobody answers what they haven't heard.
        ready!(self.poll_drain(context))?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Joined<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.holds() {
            return Pin::new(&mut self.stream).poll_write(context, buffer);
        }
        ready!(self.poll_room(context))?;
        Poll::Ready(Ok(self.hold(buffer)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.holds() {
            return Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        }
        ready!(self.poll_room(context))?;
        let mut taken = 0;
        for buffer in buffers {
            let some = self.hold(buffer);
            taken += some;
            if some < buffer.len() {
                break;
            }
        }
        Poll::Ready(Ok(taken))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.waits {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_drain(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    /// What has come so far, without waiting.
    async fn come(far: &mut DuplexStream) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        let read = tokio::time::timeout(std::time::Duration::ZERO, far.read(&mut bytes)).await;
        bytes.truncate(read.map_or(0, |read| read.expect("an open pipe")));
        bytes
    }

    #[tokio::test(start_paused = true)]
    async fn what_ends_a_handshake_waits_for_the_request() {
        let (near, mut far) = duplex(1024);
        let mut near = Joined::waiting(near);
        near.write_all(b"finished").await.expect("room");
        near.flush().await.expect("nothing to do");
        assert_eq!(come(&mut far).await, b"", "not yet");
        near.go_on();
        near.write_all(b", get").await.expect("room");
        assert_eq!(come(&mut far).await, b"", "nor before it is flushed");
        near.flush().await.expect("sent");
        assert_eq!(come(&mut far).await, b"finished, get");
        near.write_all(b"more").await.expect("sent");
        assert_eq!(come(&mut far).await, b"more", "from then on it passes through");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_listens_has_spoken() {
        let (near, mut far) = duplex(1024);
        let mut near = Joined::waiting(near);
        near.write_all(b"hello").await.expect("room");
        let answers = async {
            let mut heard = [0; 5];
            far.read_exact(&mut heard).await.expect("the hello");
            far.write_all(&heard).await.expect("an answer");
        };
        let mut answer = [0; 5];
        let (heard, ()) = tokio::join!(near.read_exact(&mut answer), answers);
        heard.expect("the answer");
        assert_eq!(&answer, b"hello");
    }

    proptest! {
        /// In whatever pieces it is written, and however little the pipe takes: each byte arrives, in order.
        #[test]
        fn nothing_is_lost_or_moved(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40_000), 0..6),
            waits in any::<bool>(),
            pipe in 1_usize..5_000,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(async {
                let (near, mut far) = duplex(pipe);
                let mut near = if waits { Joined::waiting(near) } else { Joined::new(near) };
                let speaks = async {
                    for (nth, piece) in pieces.iter().enumerate() {
                        near.write_all(piece).await.expect("sent or held");
                        if nth == 2 {
                            near.go_on();
                        }
                        near.flush().await.expect("sent or held");
                    }
                    near.go_on();
                    near.shutdown().await.expect("sent");
                };
                let mut heard = Vec::new();
                let ((), read) = tokio::join!(speaks, far.read_to_end(&mut heard));
                read.expect("everything");
                assert_eq!(heard, pieces.concat());
            });
        }
    }
}
