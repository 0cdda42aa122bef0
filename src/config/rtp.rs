//! `kind = "rtp"`: a train of packets like a telephone call's, and how well it must go.

use std::time::Duration;

use super::reader::Reader;
use super::secret;
use super::section::Section;
use super::values::{self, refusal};
use crate::estate::{Ask, RtpAsk};
use crate::limits::{RTP_MARGIN, RTP_PACKETS, RTP_PACKETS_MAX, RTP_PACKETS_MIN, RTP_SPACING};

/// Keys of its own; `secret` is among them so that its refusal can say more.
pub(super) const KEYS: [&str; 9] = [
    "target",
    "secret_file",
    "secret_env",
    "secret",
    "packets",
    "loss_max",
    "jitter_max",
    "delay_max",
    "mos_min",
];

/// More loss than this is a failure unless told otherwise: of 50 packets three. One or two are lost by chance on a sound
/// line now and then.
const LOSS_MAX: f64 = 0.05;
/// Nothing that G.711 carries is better than 4.4, and `mos_min` above it could never be met.
const MOS_MAX: f64 = 4.3;

pub(super) fn ask(reader: &mut Reader<'_>, section: &Section<'_>, timeout: Option<Duration>) -> Option<Ask> {
    let target = section.need(reader, "target", values::host_port);
    let secret = secret::shared(reader, section, &secret::OF_REFLECTOR);
    let bound = |packets: usize| i64::try_from(packets).unwrap_or(i64::MAX);
    let packets = section.integer(reader, "packets", bound(RTP_PACKETS_MIN)..=bound(RTP_PACKETS_MAX));
    let loss_max = section.number(reader, "loss_max", 0.0..=1.0);
    let jitter_max = section.value(reader, "jitter_max", some_time);
    let delay_max = section.value(reader, "delay_max", some_time);
    let mos_min = section.number(reader, "mos_min", 1.0..=MOS_MAX);
    let room = timeout.map_or(Duration::MAX, |timeout| timeout.saturating_sub(RTP_MARGIN));
    let count = packets.as_ref().and_then(|packets| u16::try_from(packets.value).ok());
    if let (Some(packets), Some(count)) = (&packets, count)
        && RTP_SPACING * u32::from(count) > room
    {
        reader.refuse(
            packets.span,
            format!("{count} packets, one each {} ms, do not fit into `timeout`", RTP_SPACING.as_millis()),
            format!(
                "make `timeout` at least \"{}ms\", {} s longer than the train; or lower `packets`",
                (RTP_SPACING * u32::from(count) + RTP_MARGIN).as_millis(),
                RTP_MARGIN.as_secs()
            ),
        );
        return None;
    }
    // Unless told otherwise, as many as there is time for: whoever names no number gets no error for it.
    let fit = u16::try_from(room.as_millis() / RTP_SPACING.as_millis()).unwrap_or(u16::MAX);
    let least = u16::try_from(RTP_PACKETS_MIN).unwrap_or(RTP_PACKETS);
    let packets = count.unwrap_or_else(|| fit.clamp(least, RTP_PACKETS));
    Some(Ask::Rtp(RtpAsk {
        target: target?.value,
        secret,
        packets,
        loss_max: loss_max.map_or(LOSS_MAX, |loss| loss.value),
        jitter_max: jitter_max.map(|jitter| jitter.value),
        delay_max: delay_max.map(|delay| delay.value),
        mos_min: mos_min.map(|mos| mos.value),
    }))
}

fn some_time(text: &str) -> Result<Duration, values::Refusal> {
    let length = values::duration(text)?;
    if length.is_zero() {
        return refusal("no line takes no time", "write \"30ms\", \"150ms\" or whatever suits");
    }
    Ok(length)
}
