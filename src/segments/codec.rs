//! One record as bytes, and back without loss.
//!
//! A record is short because most of it stands near to the record before: times are differences, and a text that was
//! written once is a number from then on. What was written before is in [`Context`]. A record alone in its frame
//! begins with an empty one; the records of a sealed block share one.
//!
//! What a later version knows besides stands at the end of a record, where this one doesn't look. It must not enter the
//! context.

use std::net::IpAddr;

use super::record::{Entry, Record, Thinned, What};
use super::wire::{Reader, Unreadable, put_bytes, put_difference, put_float, put_number};
use crate::observation::{Failure, Hop, Observation, PathSeen, Phase, PhaseTimes, Stopped};
use crate::time::At;

/// What the records before have said.
#[derive(Debug, Default)]
pub struct Context {
    seq: u64,
    at: i64,
    texts: Texts,
}

impl Context {
    /// As a new one is; what memory it has stays.
    pub fn forget(&mut self) {
        (self.seq, self.at) = (0, 0);
        self.texts.all.clear();
        self.texts.ends.clear();
    }
}

/// Texts one behind the other, so that none needs memory of its own.
#[derive(Debug, Default)]
struct Texts {
    all: String,
    ends: Vec<usize>,
}

impl Texts {
    fn get(&self, place: usize) -> Option<&str> {
        let begin = place.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.all.get(begin..*self.ends.get(place)?)
    }

    fn place(&self, text: &str) -> Option<usize> {
        let mut begin = 0;
        self.ends.iter().position(|&end| {
            let known = self.all.as_bytes().get(begin..end);
            begin = end;
            known == Some(text.as_bytes())
        })
    }

    fn push(&mut self, text: &str) {
        self.all.push_str(text);
        self.ends.push(self.all.len());
    }
}

const SEEN: u8 = 0;
const THINNED: u8 = 1;

// What an observation has. New bits are for fields that stand at the end.
const OK: u64 = 1;
const FAILURE: u64 = 1 << 1;
const PHASE: u64 = 1 << 2;
const PHASES: u64 = 1 << 3;
const LOSS: u64 = 1 << 4;
const DETAIL: u64 = 1 << 5;
/// Its own `seq` is the record's.
const SAME_SEQ: u64 = 1 << 6;
const AGENT: u64 = 1 << 7;
const UPLINK: u64 = 1 << 8;
const REASK: u64 = 1 << 9;
const PATH: u64 = 1 << 10;
const RECEIVED: u64 = 1 << 11;
const OTHER_SEQ: u64 = 1 << 12;
const LATE: u64 = 1 << 13;

/// Adds `record` to `out`.
pub fn encode(record: &Record, context: &mut Context, out: &mut Vec<u8>) {
    match &record.entry {
        Entry::Seen(seen) => {
            out.push(SEEN);
            put_number(out, record.seq.wrapping_sub(context.seq));
            put_seen(seen, record.seq, context, out);
        }
        Entry::Thinned(thinned) => {
            out.push(THINNED);
            put_number(out, record.seq.wrapping_sub(context.seq));
            put_text(out, &thinned.practice, context);
            put_text(out, &thinned.probe, context);
            put_difference(out, thinned.from.as_millis(), context.at);
            put_difference(out, thinned.to.as_millis(), thinned.from.as_millis());
            put_number(out, thinned.count);
            out.push(place(&WHATS, thinned.what));
        }
    }
    context.seq = record.seq;
}

/// Reads one record from exactly these bytes.
///
/// # Errors
///
/// After [`Unreadable::Newer`] the context is sound, and the records that follow can be read; after the others it isn't.
pub fn decode(bytes: &[u8], context: &mut Context) -> Result<Record, Unreadable> {
    let reader = &mut Reader(bytes);
    let kind = reader.byte()?;
    if kind > THINNED {
        return Err(Unreadable::Newer);
    }
    let seq = context.seq.wrapping_add(reader.number()?);
    context.seq = seq;
    let entry = if kind == SEEN {
        take_seen(reader, seq, context).map(Entry::Seen)?
    } else {
        let (practice, probe) = (take_text(reader, context)?, take_text(reader, context)?);
        let from = reader.difference(context.at)?;
        let to = reader.difference(from)?;
        let count = reader.number()?;
        let what = known(&WHATS, reader.byte()?)?;
        let (from, to) = (At::from_millis(from), At::from_millis(to));
        Entry::Thinned(Thinned { practice, probe, from, to, count, what })
    };
    Ok(Record { seq, entry })
}

fn put_seen(seen: &Observation, seq: u64, context: &mut Context, out: &mut Vec<u8>) {
    let flags = [
        (OK, seen.ok),
        (FAILURE, seen.failure.is_some()),
        (PHASE, seen.phase.is_some()),
        (PHASES, phases(&seen.phases_ms).next().is_some()),
        (LOSS, seen.loss.is_some()),
        (DETAIL, seen.detail.is_some()),
        (SAME_SEQ, seen.seq == Some(seq)),
        (AGENT, seen.agent.is_some()),
        (UPLINK, seen.uplink.is_some()),
        (REASK, seen.reask),
        (PATH, seen.path.is_some()),
        (RECEIVED, seen.received.is_some()),
        (OTHER_SEQ, seen.seq.is_some_and(|own| own != seq)),
        (LATE, seen.late),
    ];
    put_number(out, flags.iter().filter(|(_, set)| *set).map(|(bit, _)| bit).sum());
    let at = seen.at.as_millis();
    put_difference(out, at, context.at);
    context.at = at;
    put_text(out, &seen.practice, context);
    put_text(out, &seen.probe, context);
    put_float(out, seen.ms);
    if let Some(failure) = seen.failure {
        out.push(place(&FAILURES, failure));
    }
    if let Some(phase) = seen.phase {
        out.push(place(&Phase::ALL, phase));
    }
    let timed: u8 = phases(&seen.phases_ms).map(|(bit, _)| bit).sum();
    if timed != 0 {
        out.push(timed);
        for (_, ms) in phases(&seen.phases_ms) {
            put_float(out, ms);
        }
    }
    if let Some(loss) = seen.loss {
        put_float(out, loss);
    }
    for text in [&seen.detail, &seen.agent, &seen.uplink].into_iter().flatten() {
        put_text(out, text, context);
    }
    if let Some(path) = &seen.path {
        put_path(path, context, out);
    }
    if let Some(received) = seen.received {
        put_difference(out, received.as_millis(), at);
    }
    if let Some(own) = seen.seq.filter(|own| *own != seq) {
        put_number(out, own);
    }
}

fn take_seen(reader: &mut Reader<'_>, seq: u64, context: &mut Context) -> Result<Observation, Unreadable> {
    let flags = reader.number()?;
    let has = |bit: u64| flags & bit != 0;
    let at = reader.difference(context.at)?;
    context.at = at;
    let practice = take_text(reader, context)?;
    let probe = take_text(reader, context)?;
    let ms = reader.float()?;
    // A word that this version doesn't know is only complained of when all has been read: the context must go on.
    let failure = has(FAILURE).then(|| reader.byte()).transpose()?;
    let phase = has(PHASE).then(|| reader.byte()).transpose()?;
    let mut phases_ms = PhaseTimes::default();
    if has(PHASES) {
        let mask = reader.byte()?;
        for (place, phase) in Phase::ALL.into_iter().enumerate() {
            if mask & (1 << place) != 0 {
                phases_ms.set(phase, reader.float()?);
            }
        }
        if mask & 0x80 != 0 {
            reader.float()?;
        }
    }
    let loss = has(LOSS).then(|| reader.float()).transpose()?;
    let detail = has(DETAIL).then(|| take_text(reader, context)).transpose()?;
    let agent = has(AGENT).then(|| take_text(reader, context)).transpose()?;
    let uplink = has(UPLINK).then(|| take_text(reader, context)).transpose()?;
    let path = has(PATH).then(|| take_path(reader, context)).transpose()?;
    let received = has(RECEIVED).then(|| reader.difference(at)).transpose()?.map(At::from_millis);
    let other = has(OTHER_SEQ).then(|| reader.number()).transpose()?;
    Ok(Observation {
        at: At::from_millis(at),
        received,
        practice,
        probe,
        ok: has(OK),
        failure: failure.map(|code| known(&FAILURES, code)).transpose()?,
        phase: phase.map(|code| known(&Phase::ALL, code)).transpose()?,
        ms,
        phases_ms,
        loss,
        detail,
        seq: if has(SAME_SEQ) { Some(seq) } else { other },
        agent,
        uplink,
        reask: has(REASK),
        late: has(LATE),
        path: path
            .map(|(path, stopped)| Ok(PathSeen { stopped: known(&STOPS, stopped)?, ..path }))
            .transpose()?,
    })
}

/// The phases that were timed: bit and length.
fn phases(times: &PhaseTimes) -> impl Iterator<Item = (u8, f64)> {
    let timed = Phase::ALL.into_iter().enumerate();
    timed.filter_map(|(place, phase)| Some((1 << place, times.get(phase)?)))
}

const HOP_V4: u8 = 1;
const HOP_V6: u8 = 1 << 1;
const HOP_MS: u8 = 1 << 2;

fn put_path(path: &PathSeen, context: &mut Context, out: &mut Vec<u8>) {
    put_number(out, path.hops.len() as u64);
    for hop in &path.hops {
        out.push(hop.ttl);
        put_hop(hop.address, hop.ms, out);
    }
    put_hop(path.last, None, out);
    out.push(place(&STOPS, path.stopped));
    put_text(out, &path.sentence, context);
}

fn put_hop(address: Option<IpAddr>, ms: Option<f64>, out: &mut Vec<u8>) {
    let timed = if ms.is_some() { HOP_MS } else { 0 };
    match address {
        None => out.push(timed),
        Some(IpAddr::V4(address)) => {
            out.push(timed | HOP_V4);
            out.extend(address.octets());
        }
        Some(IpAddr::V6(address)) => {
            out.push(timed | HOP_V6);
            out.extend(address.octets());
        }
    }
    if let Some(ms) = ms {
        put_float(out, ms);
    }
}

/// The path, with its `stopped` still as a code.
fn take_path(reader: &mut Reader<'_>, context: &mut Context) -> Result<(PathSeen, u8), Unreadable> {
    let count = usize::try_from(reader.number()?).map_err(|_| Unreadable::Short)?;
    // A hop has two bytes at least: nobody reserves memory for more than there can be.
    if count > reader.0.len() / 2 {
        return Err(Unreadable::Short);
    }
    let mut hops = Vec::with_capacity(count);
    for _ in 0..count {
        let ttl = reader.byte()?;
        let (address, ms) = take_hop(reader)?;
        hops.push(Hop { ttl, address, ms });
    }
    let (last, _) = take_hop(reader)?;
    let stopped = reader.byte()?;
    let sentence = take_text(reader, context)?;
    Ok((PathSeen { hops, last, stopped: Stopped::Unknown, sentence }, stopped))
}

fn take_hop(reader: &mut Reader<'_>) -> Result<(Option<IpAddr>, Option<f64>), Unreadable> {
    let has = reader.byte()?;
    let address = match has & (HOP_V4 | HOP_V6) {
        0 => None,
        HOP_V4 => Some(IpAddr::from(reader.array::<4>()?)),
        HOP_V6 => Some(IpAddr::from(reader.array::<16>()?)),
        _ => return Err(Unreadable::Malformed),
    };
    let ms = if has & HOP_MS == 0 { None } else { Some(reader.float()?) };
    Ok((address, ms))
}

/// 0 and the text itself, or its place among those before, from 1.
fn put_text(out: &mut Vec<u8>, text: &str, context: &mut Context) {
    if let Some(place) = context.texts.place(text) {
        put_number(out, place as u64 + 1);
    } else {
        put_number(out, 0);
        put_bytes(out, text.as_bytes());
        context.texts.push(text);
    }
}

fn take_text(reader: &mut Reader<'_>, context: &mut Context) -> Result<String, Unreadable> {
    let place = reader.number()?;
    if place > 0 {
        let place = usize::try_from(place - 1).map_err(|_| Unreadable::Malformed)?;
        return context.texts.get(place).map(str::to_owned).ok_or(Unreadable::Malformed);
    }
    let text = std::str::from_utf8(reader.bytes()?).map_err(|_| Unreadable::Malformed)?;
    context.texts.push(text);
    Ok(text.to_owned())
}

// A code is a place in these lists: they only ever grow at the end.

const FAILURES: [Failure; 21] = [
    Failure::Timeout,
    Failure::Refused,
    Failure::Reset,
    Failure::Unreachable,
    Failure::Nxdomain,
    Failure::Servfail,
    Failure::DnsRefused,
    Failure::NoAnswer,
    Failure::WrongAnswer,
    Failure::Tls,
    Failure::Untrusted,
    Failure::Intercepted,
    Failure::Expired,
    Failure::Status,
    Failure::Body,
    Failure::BlockedPage,
    Failure::TooSlow,
    Failure::Loss,
    Failure::Open,
    Failure::Protocol,
    Failure::Local,
];

const STOPS: [Stopped; 7] = [
    Stopped::Reached,
    Stopped::Refused,
    Stopped::Prohibited,
    Stopped::Unreachable,
    Stopped::Looping,
    Stopped::Silent,
    Stopped::Unknown,
];

const WHATS: [What; 3] = [What::Successes, What::Failures, What::Everything];

fn place<T: Copy + PartialEq>(list: &[T], word: T) -> u8 {
    list.iter().position(|known| *known == word).and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX)
}

fn known<T: Copy>(list: &[T], code: u8) -> Result<T, Unreadable> {
    list.get(usize::from(code)).copied().ok_or(Unreadable::Newer)
}

#[cfg(test)]
mod tests;
