//! The way that a check's packets went, as far as the routers on it say so.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// What a trace found, in the form in which an observation carries it. It is evidence for people: the correlator
/// doesn't read it, and it fails nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PathSeen {
    /// In order of distance, up to the last that answered; those that didn't answer included. At most
    /// [`crate::limits::PATH_HOPS_MAX`].
    #[serde(default)]
    pub hops: Vec<Hop>,
    /// The furthest router that answered, or the target itself. Absent: none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<IpAddr>,
    pub stopped: Stopped,
    /// Whole sentences for a person.
    pub sentence: String,
}

/// One step of the way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// Its distance: 1 is the first router.
    pub ttl: u8,
    /// Absent: it didn't answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// There and back, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<f64>,
}

/// How a way ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// It didn't: the target answered.
    Reached,
    /// The target, or somebody in its place, refused: a TCP reset, or ICMP's "port unreachable".
    Refused,
    /// `last` says that it is prohibited.
    Prohibited,
    /// `last` says that there is no way on; or this machine says so, where `last` is absent.
    Unreachable,
    /// The packets go round in a circle.
    Looping,
    /// Nothing answers beyond `last`.
    Silent,
    /// The path couldn't be traced. That is this machine's own doing, and no outage of anything.
    Unknown,
}

impl Stopped {
    /// The word of the JSON form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Refused => "refused",
            Self::Prohibited => "prohibited",
            Self::Unreachable => "unreachable",
            Self::Looping => "looping",
            Self::Silent => "silent",
            Self::Unknown => "unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_small_object_that_reads_back() {
        let seen = PathSeen {
            hops: vec![
                Hop { ttl: 1, address: Some(IpAddr::from([10, 20, 0, 1])), ms: Some(0.5) },
                Hop { ttl: 2, address: None, ms: None },
            ],
            last: Some(IpAddr::from([10, 20, 0, 1])),
            stopped: Stopped::Silent,
            sentence: "Stops after 10.20.0.1.".to_owned(),
        };
        let json = serde_json::to_string(&seen).expect("JSON");
        assert_eq!(
            json,
            r#"{"hops":[{"ttl":1,"address":"10.20.0.1","ms":0.5},{"ttl":2}],"last":"10.20.0.1","stopped":"silent","sentence":"Stops after 10.20.0.1."}"#
        );
        assert_eq!(serde_json::from_str::<PathSeen>(&json).expect("a path"), seen);
        assert!(json.contains(seen.stopped.as_str()));
    }
}
