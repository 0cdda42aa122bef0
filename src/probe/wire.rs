//! The connection under a conversation of a check: what it costs, and what it tells when it breaks.
//!
//! The end of a TLS handshake goes out together with the request. Who has said Finished may go on at once (RFC 8446, section 2),
//! and one segment costs both sides half of what two do.
//!
//! Whoever hangs up may have said why: an alert, an answer. A write that finds the connection broken therefore isn't the last word. What
//! was written is let go of, and the next read tells what came, or else that it broke.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::limits::{PROBE_HELD_BYTES_MAX, PROBE_RAW_BYTES_MAX};

/// Passes everything through; counts what comes in, TLS's own bytes included.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    stage: Stage,
    held: Vec<u8>,
    bytes_read: usize,
    /// What a write has found.
    broken: Option<ErrorKind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Hands are being shaken: what is written stays here until something is to be read.
    Waits,
    /// They are shaken: what was written last stays here until what is written now is flushed.
    GoesOn,
    /// Nothing is held.
    Through,
}

impl<S> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, stage: Stage::Through, held: Vec::new(), bytes_read: 0, broken: None }
    }

    /// For one who speaks first when the handshake is done, and flushes what it says. Whoever only listens would leave the server
    /// waiting for the end of the handshake.
    pub(super) fn waiting(stream: S) -> Self {
        Self { stage: Stage::Waits, ..Self::new(stream) }
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.stream
    }

    pub(super) fn into_inner(self) -> S {
        self.stream
    }

    /// The next flush counts.
    pub(super) fn go_on(&mut self) {
        if self.stage == Stage::Waits {
            self.stage = Stage::GoesOn;
        }
    }

    fn holds(&self) -> bool {
        self.stage != Stage::Through
    }

    /// What a write came to: one that found the connection broken has written all that nobody will read.
    fn written(&mut self, done: io::Result<usize>, most: usize) -> io::Result<usize> {
        match done {
            Err(error) if is_broken(&error) => {
                self.broken = Some(error.kind());
                Ok(most)
            }
            done => done,
        }
    }
}

fn is_broken(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted)
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            let done = ready!(Pin::new(&mut self.stream).poll_write(context, &self.held));
            let sent = self.written(done, self.held.len())?;
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

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.stage == Stage::Waits {
            // Nobody answers what they haven't heard.
            ready!(self.poll_drain(context))?;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let came = buffer.filled().len().saturating_sub(before);
        self.bytes_read += came;
        if self.bytes_read > PROBE_RAW_BYTES_MAX {
            let mib = PROBE_RAW_BYTES_MAX / 1024 / 1024;
            // Read as a breach of the protocol, see `fault.rs`.
            let words = format!("the other side sent more than {mib} MiB over one connection");
            return Poll::Ready(Err(io::Error::new(ErrorKind::InvalidData, words)));
        }
        match self.broken {
            Some(kind) if came == 0 && buffer.remaining() > 0 => Poll::Ready(Err(kind.into())),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.holds() {
            let done = ready!(Pin::new(&mut self.stream).poll_write(context, buffer));
            return Poll::Ready(self.written(done, buffer.len()));
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
            let done = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, buffers));
            let all = buffers.iter().map(|buffer| buffer.len()).sum();
            return Poll::Ready(self.written(done, all));
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
        if self.stage == Stage::Waits {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_drain(context))?;
        self.stage = Stage::Through;
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
        let mut near = Wire::waiting(near);
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

    /// hyper looks for an answer before it has asked.
    #[tokio::test(start_paused = true)]
    async fn who_listens_too_early_sends_nothing_early() {
        let (near, mut far) = duplex(1024);
        let mut near = Wire::waiting(near);
        near.write_all(b"finished").await.expect("room");
        near.go_on();
        let early = tokio::time::timeout(std::time::Duration::ZERO, near.read_u8()).await;
        assert!(early.is_err(), "nothing has come");
        assert_eq!(come(&mut far).await, b"", "and nothing was sent for it");
        near.write_all(b", get").await.expect("room");
        near.flush().await.expect("sent");
        assert_eq!(come(&mut far).await, b"finished, get");
    }

    /// A connection that has an answer in it and takes no more.
    struct HungUp(&'static [u8]);

    impl AsyncRead for HungUp {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            buffer.put_slice(std::mem::take(&mut self.0));
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for HungUp {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn whoever_hangs_up_is_heard_out() {
        for mut near in [Wire::new(HungUp(b"why")), Wire::waiting(HungUp(b"why"))] {
            near.go_on();
            near.write_all(b"get").await.expect("nobody reads it");
            near.flush().await.expect("nobody reads it");
            let mut heard = [0; 3];
            near.read_exact(&mut heard).await.expect("the reason");
            assert_eq!(&heard, b"why");
            assert_eq!(near.read_u8().await.expect_err("it broke").kind(), ErrorKind::BrokenPipe);
        }
    }

    #[tokio::test]
    async fn nobody_is_listened_to_for_ever() {
        let mut endless = Wire::new(tokio::io::join(tokio::io::repeat(b'x'), tokio::io::sink()));
        let read = tokio::io::copy(&mut endless, &mut tokio::io::sink()).await;
        assert_eq!(read.expect_err("too much").kind(), ErrorKind::InvalidData);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_listens_has_spoken() {
        let (near, mut far) = duplex(1024);
        let mut near = Wire::waiting(near);
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
                let mut near = if waits { Wire::waiting(near) } else { Wire::new(near) };
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
