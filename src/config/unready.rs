//! What parses and replays, but can't be asked as it stands: `run` refuses to start with it, by name. Pure.

use serde::Serialize;

use super::Config;
use crate::estate::Ask;
use crate::limits::{RTP_MARGIN, RTP_PACKETS_MIN, RTP_SPACING};

/// A probe that lacks something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unready {
    pub probe: String,
    pub kind: String,
    /// What it lacks, and what to do about it.
    pub why: String,
}

/// All of them, in the order of the file.
pub fn unready(config: &Config) -> Vec<Unready> {
    let lacking = config.estate.probes.iter().filter_map(|probe| {
        let why = match &probe.ask {
            Ask::Rtp(ask) if ask.secret.is_none() => {
                "it lacks the reflector's secret: add secret_file or secret_env".to_owned()
            }
            Ask::Rtp(_) if probe.timeout < rtp_time_min() => {
                format!(
                    "its `timeout` is too short for any train: make it \"{}ms\" or more",
                    rtp_time_min().as_millis()
                )
            }
            Ask::Heartbeat(work) if work.secret.is_none() => {
                "its addresses are made from a secret: add beat_secret_file or beat_secret_env to [hub]"
                    .to_owned()
            }
            _ => return None,
        };
        Some(Unready { probe: probe.id.clone(), kind: probe.kind().to_owned(), why })
    });
    lacking.collect()
}

/// What the shortest train takes.
fn rtp_time_min() -> std::time::Duration {
    RTP_SPACING * u32::try_from(RTP_PACKETS_MIN).unwrap_or(u32::MAX) + RTP_MARGIN
}
