//! All that one configuration describes: practices, components, networks, services, probes, and the path
//! of each check. Pure data; [`crate::config`] makes it from files and is the only maker that checks it.
//!
//! Everything refers to everything else by index into the estate's own lists, so that the correlator
//! works on small integers; the ids stand beside them for people.

pub mod ambiguity;
mod ask;
pub mod columns;
mod prefix;
mod question;
mod shows;
pub mod splitter;

use std::net::IpAddr;
use std::time::Duration;

use crate::incident::Cause;
use crate::limits::{BEAT_TOLD_EVERY, BEAT_TOLD_WITHIN, MEASURED_GAP};
use crate::observation::HUB;

pub use ask::{
    Ask, ClientIdentity, EgressAsk, Family, HeartbeatAsk, HostPort, HttpAsk, HttpVersion, IcmpAsk, IssuerPin,
    LdapAsk, NtpAsk, PathAsk, RtpAsk, SharedSecret, SipAsk, SmtpAsk, SmtpTls, TcpAsk, TlsAsk, TlsPeer,
    UdpAsk,
};
pub use prefix::{NoPrefix, Prefix};
pub use question::{DnsAsk, DnsCompare, DnsFlag, DnsTransport, Matching};

/// Makes the index types: a practice's index can't be used where a probe's is meant.
macro_rules! index {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// As a position in the estate's list.
            pub const fn at(self) -> usize {
                self.0 as usize
            }

            /// Positions above four thousand million don't occur: the loader bounds every list far below.
            pub fn new(position: usize) -> Self {
                Self(u32::try_from(position).unwrap_or(u32::MAX))
            }
        }
    )*};
}

index!(
    /// Position in [`Estate::components`].
    ComponentIx,
    /// Position in [`Estate::networks`].
    NetworkIx,
    /// Position in [`Estate::services`].
    ServiceIx,
    /// Position in [`Estate::probes`].
    ProbeIx,
    /// Position in [`Estate::practices`].
    PracticeIx
);

/// One ICB's practices and all that their checks cross.
#[derive(Debug, Clone)]
pub struct Estate {
    pub icb: Icb,
    pub components: Vec<Component>,
    pub networks: Vec<Network>,
    pub services: Vec<Service>,
    pub probes: Vec<Probe>,
    pub practices: Vec<Practice>,
    /// What the hub's own checks cross besides the network, the service and the monitor: `[hub] via`.
    pub hub_via: Vec<RoleUse>,
}

#[derive(Debug, Clone)]
pub struct Icb {
    /// ODS code, such as `QKS`.
    pub code: String,
    pub name: String,
    pub timezone: jiff::tz::TimeZone,
}

/// Anything that can fail and take checks with it, declared by the operator.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    pub id: String,
    /// The operator's word: `firewall`, `carrier`, `gateway`, …
    pub kind: String,
    pub name: String,
    pub owner: Option<String>,
    pub contact: Option<String>,
    /// The availability that its owner has promised, in hundredths: 99.9.
    pub target_percent: Option<f64>,
    /// Where its hops answer, for naming those of a traced path. No two components have one in common.
    pub addresses: Vec<Prefix>,
}

/// One of the two paths, judged apart from the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    pub id: String,
    pub name: String,
    /// The roles that its traffic crosses, in order, from the practice outwards.
    pub through: Vec<String>,
}

/// What staff use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    pub id: String,
    pub name: String,
    /// Completes "Used for …".
    pub used_for: Option<String>,
    /// What to do while it is away: whole sentences.
    pub instead: Option<String>,
    /// What to do about it once it is back: whole sentences.
    pub catch_up: Option<String>,
    /// Services without which this one is reduced.
    pub needs: Vec<ServiceIx>,
}

/// The definition of a check.
#[derive(Debug, Clone)]
pub struct Probe {
    pub id: String,
    pub network: NetworkIx,
    pub service: Option<ServiceIx>,
    /// From one asking to the next; at least a second.
    pub every: Duration,
    /// The hard deadline of one asking; above zero and at most `every`.
    pub timeout: Duration,
    /// Components that this probe crosses besides those of its path.
    pub also: Vec<ComponentIx>,
    /// The resolver component that it uses by name, if any.
    pub resolver: Option<ComponentIx>,
    pub ask: Ask,
}

impl Probe {
    /// The word that the estate file has for its kind.
    pub fn kind(&self) -> &str {
        self.ask.kind()
    }

    /// How often there is a result, and how long one may take: its `every` and `timeout`. Of a heartbeat, which may come
    /// once a day, the hub says more often whether it is overdue, and takes no time for it.
    pub fn rhythm(&self) -> (Duration, Duration) {
        if self.ask.is_passive() {
            (self.every.min(BEAT_TOLD_EVERY), self.timeout.min(BEAT_TOLD_WITHIN))
        } else {
            (self.every, self.timeout)
        }
    }
}

/// A GP surgery, or a branch surgery with a line of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Practice {
    /// `G82002`, or `G82002/westfield`.
    pub id: String,
    pub name: String,
    pub postcode: Option<String>,
    /// Registered patients.
    pub list_size: Option<u32>,
    pub email: Vec<String>,
    /// For `run`: the address that this practice's checks are bound to.
    pub source: Option<IpAddr>,
    /// The component, or spares, that it names for each role.
    pub via: Vec<RoleUse>,
    /// Networks that this practice reaches another way: the roles that replace the network's `through`.
    pub through: Vec<(NetworkIx, Vec<String>)>,
}

/// A role and what fills it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoleUse {
    pub role: String,
    /// One component, or several of which any will do.
    pub any: Vec<ComponentIx>,
}

/// One step of a check's path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hop {
    Practice(PracticeIx),
    Component(ComponentIx),
    /// Spares: the step fails when all of them fail.
    AnyOf(Vec<ComponentIx>),
    Network(NetworkIx),
    Service(ServiceIx),
    /// `monitor/hub`: this program's own machine and its lines.
    Monitor,
}

/// From where a check is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vantage {
    Practice(PracticeIx),
    Hub,
}

impl Estate {
    /// The id under which observations name who asked.
    pub fn asker(&self, from: Vantage) -> &str {
        match from {
            Vantage::Practice(practice) => &self.practices[practice.at()].id,
            Vantage::Hub => HUB,
        }
    }

    /// The path of a check, from the asker outwards: the practice (or the monitor), the components that it
    /// names for the roles of the probe's network, the shared risks that no network lists, the network, the
    /// resolver, what the probe adds, the service.
    pub fn path(&self, from: Vantage, probe: ProbeIx) -> Vec<Hop> {
        let probe = &self.probes[probe.at()];
        let mut path = Vec::with_capacity(8);
        match from {
            Vantage::Practice(ix) => {
                path.push(Hop::Practice(ix));
                let practice = &self.practices[ix.at()];
                path.extend(self.crossed(practice, probe.network).map(RoleUse::hop));
                path.extend(self.shared_risks(practice).map(RoleUse::hop));
            }
            Vantage::Hub => {
                path.push(Hop::Monitor);
                path.extend(self.hub_via.iter().map(RoleUse::hop));
            }
        }
        path.push(Hop::Network(probe.network));
        path.extend(probe.resolver.map(Hop::Component));
        path.extend(probe.also.iter().copied().map(Hop::Component));
        path.extend(probe.service.map(Hop::Service));
        let mut seen = Vec::with_capacity(path.len());
        path.retain(|hop| {
            let new = !seen.contains(hop);
            if new {
                seen.push(hop.clone());
            }
            new
        });
        path
    }

    /// What a practice's traffic crosses on a network, in the order of the network's roles.
    pub fn crossed<'a>(
        &'a self,
        practice: &'a Practice,
        network: NetworkIx,
    ) -> impl Iterator<Item = &'a RoleUse> {
        let roles = practice
            .through
            .iter()
            .find(|(other, _)| *other == network)
            .map_or(&self.networks[network.at()].through, |(_, roles)| roles);
        roles.iter().filter_map(|role| practice.via.iter().find(|used| used.role == *role))
    }

    /// What a practice names for roles that no network lists, such as `firmware`: a risk that it shares
    /// with others on every network, or on any one of them.
    pub fn shared_risks<'a>(&'a self, practice: &'a Practice) -> impl Iterator<Item = &'a RoleUse> {
        practice.via.iter().filter(|used| !self.is_crossed(&used.role))
    }

    fn is_crossed(&self, role: &str) -> bool {
        self.networks.iter().any(|network| network.through.iter().any(|other| other == role))
            || self
                .practices
                .iter()
                .any(|practice| practice.through.iter().any(|(_, roles)| roles.iter().any(|r| r == role)))
    }

    /// As long as this without any result from a practice, and nobody measured there: twice the quickest check, and the time that it
    /// may take.
    pub fn measured_apart(&self) -> Duration {
        let asked = self.probes.iter().filter(|probe| !probe.ask.is_passive());
        let quickest = asked.map(|probe| 2 * probe.every + probe.timeout).min();
        quickest.unwrap_or_default().max(MEASURED_GAP)
    }

    /// The component that a cause names; `None`: it is a practice, a network, a service or linewatch itself, or none that was declared.
    pub fn component_of(&self, cause: &Cause) -> Option<ComponentIx> {
        let kept = [Cause::PRACTICE, Cause::NETWORK, Cause::SERVICE, Cause::MONITOR];
        if kept.contains(&cause.kind.as_str()) { None } else { self.component(&cause.id) }
    }

    /// What people call a cause; `None`: it is linewatch itself, or nothing that this estate has.
    pub fn name_of(&self, cause: &Cause) -> Option<&str> {
        let id = cause.id.as_str();
        let name = match cause.kind.as_str() {
            Cause::PRACTICE => &self.practices[self.practice(id)?.at()].name,
            Cause::NETWORK => &self.networks[self.network(id)?.at()].name,
            Cause::SERVICE => &self.services[self.service(id)?.at()].name,
            _ => &self.components[self.component_of(cause)?.at()].name,
        };
        Some(name)
    }

    pub fn practice(&self, id: &str) -> Option<PracticeIx> {
        self.practices.iter().position(|practice| practice.id == id).map(PracticeIx::new)
    }

    pub fn probe(&self, id: &str) -> Option<ProbeIx> {
        self.probes.iter().position(|probe| probe.id == id).map(ProbeIx::new)
    }

    pub fn network(&self, id: &str) -> Option<NetworkIx> {
        self.networks.iter().position(|network| network.id == id).map(NetworkIx::new)
    }

    pub fn service(&self, id: &str) -> Option<ServiceIx> {
        self.services.iter().position(|service| service.id == id).map(ServiceIx::new)
    }

    /// The component at whose `addresses` this one is.
    pub fn component_at(&self, address: IpAddr) -> Option<&Component> {
        self.components.iter().find(|one| one.addresses.iter().any(|block| block.contains(address)))
    }

    pub fn component(&self, id: &str) -> Option<ComponentIx> {
        self.components.iter().position(|component| component.id == id).map(ComponentIx::new)
    }
}

impl RoleUse {
    fn hop(&self) -> Hop {
        match self.any.as_slice() {
            [one] => Hop::Component(*one),
            several => Hop::AnyOf(several.to_vec()),
        }
    }
}
