//! Ports, and lists of them as people write them: `443,53,5060-5061`. Pure; shared by the command line of the
//! reflector and the configuration of the probe.

use std::fmt;

use serde::{Serialize, Serializer};

/// TCP or UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    Tcp,
    Udp,
}

/// One port of one transport: `tcp/443`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    pub transport: Transport,
    pub number: u16,
}

impl Port {
    pub const fn tcp(number: u16) -> Self {
        Self { transport: Transport::Tcp, number }
    }

    pub const fn udp(number: u16) -> Self {
        Self { transport: Transport::Udp, number }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.transport {
            Transport::Tcp => "tcp",
            Transport::Udp => "udp",
        };
        f.pad(&format!("{transport}/{}", self.number))
    }
}

impl Serialize for Port {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads `443,53,5060-5061`: in order, each port once, `most` at most. The error says what is wrong, in words.
pub fn list(text: &str, most: usize) -> Result<Vec<u16>, String> {
    let mut ports = Vec::new();
    for entry in text.split(',').map(str::trim) {
        let (first, last) = match entry.split_once('-') {
            Some((first, last)) => (one(first.trim())?, one(last.trim())?),
            None => (one(entry)?, one(entry)?),
        };
        if first > last {
            return Err(format!("{first}-{last} ends before it begins; write {last}-{first}"));
        }
        for port in first..=last {
            if ports.contains(&port) {
                continue;
            }
            if ports.len() >= most {
                return Err(format!("these are more than {most} ports; name those that matter"));
            }
            ports.push(port);
        }
    }
    Ok(ports)
}

fn one(text: &str) -> Result<u16, String> {
    let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    match text.parse::<u16>() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => {
            let shown: String = text.chars().take(20).map(|c| if c.is_control() { ' ' } else { c }).collect();
            Err(format!("{shown:?} is not a port from 1 to 65535, nor a range such as 5060-5061"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_are_read() {
        assert_eq!(list("443, 53,5060-5061,443", 64), Ok(vec![443, 53, 5060, 5061]));
        assert_eq!(list("65535", 1), Ok(vec![65535]));
        for wrong in ["", "0", "65536", "x", "443,", "1-", "-5", "+5", "5061-5060", "1-65535"] {
            assert!(list(wrong, 64).is_err(), "{wrong}");
        }
    }
}
