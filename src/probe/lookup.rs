//! From a host to its addresses: an address as it stands, a name at the name server that the probe gives, or at the
//! system's resolver.
//!
//! The system's resolver asks from this machine's own address, not from the practice's, and may answer from a
//! cache; a probe that must see what a practice sees names its `name_server`.

use std::net::{IpAddr, SocketAddr};

use hickory_proto::rr::{RData, RecordType};

use super::dns;
use super::fault::Fault;
use super::resolver::Resolver;
use super::trail::Trail;
use crate::estate::{Family, HostPort};
use crate::limits::{PROBE_ADDRESSES_MAX, PROBE_LED_LOOKUPS_MAX, PROBE_SYSTEM_LOOKUPS_MAX};
use crate::observation::{Failure, Phase};

/// Where names are looked up. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    system: Resolver,
    /// For names that a server led to.
    led: Resolver,
}

impl Lookup {
    pub(super) fn new() -> Self {
        Self {
            system: Resolver::of_system(PROBE_SYSTEM_LOOKUPS_MAX),
            led: Resolver::of_system(PROBE_LED_LOOKUPS_MAX),
        }
    }

    /// The same for names that a server chose, and not the operator: they have places of their own. A server that leads each
    /// check to another name that hangs must not keep the others from being looked up.
    pub(super) fn where_led(&self) -> Self {
        Self { system: self.led.clone(), led: self.led.clone() }
    }

    /// The first address of a host, for checks that ask one.
    pub(super) async fn address(
        &self,
        host: &HostPort,
        source: Option<IpAddr>,
        trail: &Trail,
    ) -> Result<SocketAddr, Fault> {
        let found = self.addresses(host, None, source, trail).await?;
        let first = found.first().copied();
        first.ok_or_else(|| Fault::new(Failure::NoAnswer, format!("{} has no address", host.host)))
    }

    /// The addresses of a host, at most [`PROBE_ADDRESSES_MAX`], of the source's family where there is a source;
    /// never none. An address as host takes no time and leaves no phase `dns`.
    pub(super) async fn addresses(
        &self,
        host: &HostPort,
        name_server: Option<&HostPort>,
        source: Option<IpAddr>,
        trail: &Trail,
    ) -> Result<Vec<SocketAddr>, Fault> {
        self.addresses_of(None, host, name_server, source, trail).await
    }

    /// The same, of one family alone. A source of the other family is a slip of the configuration, and `local`.
    pub(super) async fn addresses_of(
        &self,
        family: Option<Family>,
        host: &HostPort,
        name_server: Option<&HostPort>,
        source: Option<IpAddr>,
        trail: &Trail,
    ) -> Result<Vec<SocketAddr>, Fault> {
        let wanted = family_of(family, source)?;
        if let Ok(address) = host.host.parse::<IpAddr>() {
            // Without `family` an address that doesn't suit the source says so when it is connected to.
            return match family {
                Some(family) if Family::of(address) != family => {
                    Err(Fault::new(Failure::NoAnswer, format!("{address} is no {} address", family.as_str())))
                }
                _ => Ok(vec![SocketAddr::new(address, host.port)]),
            };
        }
        trail.enter(Phase::Dns);
        let mut found = match name_server {
            Some(server) => self.at(server, &host.host, wanted, source, trail).await?,
            None => self.system.addresses(&host.host, trail).await?,
        };
        trail.rest();
        if let Some(family) = wanted {
            found.retain(|&address| Family::of(address) == family);
        }
        found.truncate(PROBE_ADDRESSES_MAX);
        trail.note(|facts| facts.addresses.clone_from(&found));
        if found.is_empty() {
            let what = match wanted {
                Some(Family::Ipv4) => "no IPv4 address",
                Some(Family::Ipv6) => "no IPv6 address",
                None => "no address",
            };
            return Err(Fault::new(Failure::NoAnswer, format!("{} has {what}", host.host)));
        }
        Ok(found.into_iter().map(|address| SocketAddr::new(address, host.port)).collect())
    }

    /// Asks for the addresses of a family; without one for IPv4, then, where there is none, IPv6.
    async fn at(
        &self,
        server: &HostPort,
        name: &str,
        wanted: Option<Family>,
        source: Option<IpAddr>,
        trail: &Trail,
    ) -> Result<Vec<IpAddr>, Fault> {
        // A name server given by name would have to be looked up first; once, at the system's resolver.
        let server = match server.host.parse::<IpAddr>() {
            Ok(address) => SocketAddr::new(address, server.port),
            Err(_) => match self.system.addresses(&server.host, trail).await?.first() {
                Some(&address) => SocketAddr::new(address, server.port),
                None => return Err(Fault::new(Failure::NoAnswer, format!("{} has no address", server.host))),
            },
        };
        let types: &[RecordType] = match wanted {
            Some(Family::Ipv6) => &[RecordType::AAAA],
            Some(Family::Ipv4) => &[RecordType::A],
            None => &[RecordType::A, RecordType::AAAA],
        };
        let mut found = Vec::new();
        for &record in types {
            let reply = dns::query(server, name, record, source, trail).await?;
            if let Some(fault) = dns::refusal(reply.message.metadata.response_code, name) {
                return Err(fault);
            }
            found.extend(reply.own()?.iter().filter_map(|answer| match &answer.data {
                RData::A(address) => Some(IpAddr::V4(address.0)),
                RData::AAAA(address) => Some(IpAddr::V6(address.0)),
                _ => None,
            }));
            if !found.is_empty() {
                break;
            }
        }
        Ok(found)
    }
}

/// The family of addresses that can be used: the one asked for, or the source's.
fn family_of(family: Option<Family>, source: Option<IpAddr>) -> Result<Option<Family>, Fault> {
    match (family, source) {
        (Some(family), Some(source)) if Family::of(source) != family => Err(Fault::local(format!(
            "`family` asks for {} and the source {source} is an {} address",
            family.as_str(),
            Family::of(source).as_str()
        ))),
        (Some(family), _) => Ok(Some(family)),
        (None, source) => Ok(source.map(Family::of)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_server_leads_takes_no_place_of_the_operators_names() {
        let lookup = Lookup::new();
        let led = lookup.where_led();
        assert!(led.system.shares_places(&lookup.led) && !led.system.shares_places(&lookup.system));
    }
}
