//! What the fuzz targets of the probes have in common: a stream that says what an input says, and what holds of every
//! answer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(crate) use super::certificate::fuzz as certificates;
pub(crate) use super::dns::fuzzing::dns;
pub(crate) use super::echo::fuzz as icmp;
pub(crate) use super::egress::fuzz as knock;
pub(crate) use super::http::fuzzing::{http_1, http_2, redirect, tunnel};
pub(crate) use super::ldap::fuzz as ldap;
pub(crate) use super::ntp::fuzz as ntp;
pub(crate) use super::path::fuzzing::path;
pub(crate) use super::rtp::fuzzing::rtp_train;
pub(crate) use super::sip::fuzz as sip;
pub(crate) use super::smtp::fuzz as smtp;
pub(crate) use super::tcp::fuzz as tcp;
pub(crate) use super::udp::fuzz as udp;

use super::fault::Fault;
use super::trail::Trail;
use crate::limits::{EGRESS_PORTS_MAX, PROBE_TEXT_CHARS_MAX};

/// A trail with time enough.
pub(super) fn trail() -> Trail {
    Trail::begin(Duration::from_mins(1))
}

/// Ends a check, and sees to what holds of every answer whoever wrote it: each text is one plain line of bounded
/// length, and each list is bounded.
pub(super) fn end(trail: Trail, outcome: Result<(), Fault>) {
    let answer = trail.end(Some(outcome));
    let flaw = match serde_json::to_value(&answer) {
        Ok(value) => flaw(&value),
        Err(error) => Some(error.to_string()),
    };
    assert_eq!(flaw, None);
}

fn flaw(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let is_plain = !text.chars().any(char::is_control);
            let is_short = text.chars().count() <= PROBE_TEXT_CHARS_MAX + 1;
            (!is_plain || !is_short).then(|| format!("{text:?}"))
        }
        Value::Array(list) if list.len() > EGRESS_PORTS_MAX => Some(format!("{} in a list", list.len())),
        Value::Array(list) => list.iter().find_map(flaw),
        Value::Object(fields) => fields.values().find_map(flaw),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The other side of a connection: hears a question first, then says its words in pieces, hangs up behind them, and
/// takes in all that it is told.
#[derive(Debug)]
pub(super) struct Script {
    words: Vec<u8>,
    said: usize,
    piece: usize,
    /// Whether what was said so far is a whole question. An answer before it is the end of most conversations, and
    /// nothing else would ever be read.
    is_question: fn(&[u8]) -> bool,
    told: Vec<u8>,
    /// Who waits for its first word.
    waiting: Option<Waker>,
}

impl Script {
    pub(super) fn of(words: &[u8], piece: usize, is_question: fn(&[u8]) -> bool) -> Self {
        Self {
            words: words.to_vec(),
            said: 0,
            piece: piece.max(1),
            is_question,
            told: Vec::new(),
            waiting: None,
        }
    }
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !(self.is_question)(&self.told) {
            self.waiting = Some(context.waker().clone());
            return Poll::Pending;
        }
        let most = self.piece.min(buffer.remaining());
        let left = self.words.get(self.said..).unwrap_or_default();
        let piece = left.get(..most).unwrap_or(left);
        buffer.put_slice(piece);
        let count = piece.len();
        self.said += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.told.extend_from_slice(buffer);
        if let Some(waiting) = self.waiting.take() {
            waiting.wake();
        }
        Poll::Ready(Ok(buffer.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
