//! A fault in words, for those who watch a drill or a simulation.

use std::fmt;

use super::{DnsAnswer, Fault, Mode, Target};

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.target, self.mode)?;
        if self.rate < 1.0 {
            write!(f, ", {:.0} in 100 askings", self.rate * 100.0)?;
        }
        if self.sites < 1.0 {
            write!(f, ", {:.0} % of the sites", self.sites * 100.0)?;
        }
        if self.flapping.is_some() {
            f.write_str(", on and off")?;
        }
        if self.rolling.is_some() {
            f.write_str(", site after site")?;
        }
        if let Some(network) = &self.only_network {
            write!(f, ", only on network {network}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Component(id) => write!(f, "component {id}"),
            Self::Service(id) => write!(f, "service {id}"),
            Self::Network(id) => write!(f, "network {id}"),
            Self::Practices(ids) => write!(f, "practice {}", ids.join(", ")),
            Self::Hub => f.write_str("the hub"),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Total => f.write_str("lets nothing through"),
            Self::Refused => f.write_str("refuses connections"),
            Self::Reset => f.write_str("resets connections"),
            Self::Unreachable => f.write_str("is unreachable"),
            Self::Slow { ms } => write!(f, "is {ms:.0} ms slow"),
            Self::Dns(DnsAnswer::Timeout) => f.write_str("answers no DNS"),
            Self::Dns(DnsAnswer::Servfail) => f.write_str("fails in DNS (SERVFAIL)"),
            Self::Dns(DnsAnswer::Nxdomain) => f.write_str("has lost its names (NXDOMAIN)"),
            Self::Dns(DnsAnswer::Refused) => f.write_str("refuses DNS"),
            Self::Tls => f.write_str("breaks off TLS"),
            Self::Intercepted => f.write_str("shows another's certificate"),
            Self::Untrusted => f.write_str("shows a certificate that nobody vouches for"),
            Self::Large => f.write_str("loses large answers"),
            Self::Status(status) => write!(f, "answers HTTP {status}"),
            Self::Off => f.write_str("is switched off"),
        }
    }
}
